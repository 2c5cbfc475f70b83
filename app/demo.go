package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"muster/db"
	"muster/org"
	"muster/secret"
)

// Demo is what a first run can be tried with.
type Demo struct {
	Organization string
	Owner        string
	Accounts     []DemoAccount // empty when an earlier start made them
}

// DemoAccount is an account of the demo with its random password.
type DemoAccount struct{ Email, Password, Role string }

// The demo's people. The addresses end in .example, which belongs to nobody (RFC 2606).
var demoPeople = []struct {
	name, email string
	role        org.Role
	factor      bool
	team        string
}{
	{"Olivia Owner", demoOwner, org.RoleOwner, true, ""},
	{"Mara Manager", "mara@acme.example", org.RoleManager, true, "platform"},
	{"Adam Admin", "adam@acme.example", org.RoleAdmin, false, "platform"},
	{"Mia Member", "mia@acme.example", org.RoleMember, false, "design"},
	{"Noah Member", "noah@acme.example", org.RoleMember, false, "platform"},
}

const (
	demoOwner = "olivia@acme.example"
	demoSlug  = "acme"
	demoName  = "Acme Corp"
)

// SeedDemo fills an empty database with an organization to try everything on, through the same operations that clients
// use: so its history is real. A demo that was interrupted before DemoTold is finished, with new passwords for the accounts
// that are there already: nobody knows the old ones. In a database with other accounts it changes nothing.
func (a *App) SeedDemo(ctx context.Context) (*Demo, error) {
	demo := &Demo{Organization: demoName, Owner: demoOwner}
	emails := make([]string, len(demoPeople))
	for i, person := range demoPeople {
		emails[i] = person.email
	}
	if unfinished, err := a.DB.OnlyUntold(ctx, emails); err != nil || !unfinished {
		return demo, err
	}
	s := seeder{app: a, demo: demo, teams: map[string]string{}}
	if err := s.seed(ctx); err != nil {
		return nil, err
	}
	return demo, nil
}

// DemoTold notes that somebody has been told the demo's passwords. From then on they stay as they are.
func (a *App) DemoTold(ctx context.Context, demo *Demo) error {
	if demo == nil || len(demo.Accounts) == 0 {
		return nil
	}
	user, err := a.DB.UserByEmail(ctx, demo.Owner)
	if err != nil {
		return fmt.Errorf("find the demo's owner: %w", err)
	}
	return a.account(ctx, func(*db.Tx) (*org.SecurityEvent, error) {
		return event(user.ID, &Request{}, org.EventDemoTold, "The passwords of the demo's accounts were printed where the server was started."), nil
	})
}

// seeder makes what is not there yet, so that it can go on where an earlier one was interrupted.
type seeder struct {
	app          *App
	demo         *Demo
	owner        context.Context   //nolint:containedctx // a signed-in person, which is what a context carries here
	people       []context.Context //nolint:containedctx // the same
	organization string
	teams        map[string]string
}

func (s *seeder) seed(ctx context.Context) error {
	for i, person := range demoPeople {
		as, err := s.account(ctx, person.name, person.email, string(person.role), person.factor)
		if err != nil {
			return err
		}
		s.people = append(s.people, as)
		if i == 0 {
			err = s.found(as)
		} else {
			err = s.join(as, person.email, person.role, person.team)
		}
		if err != nil {
			return err
		}
	}
	manager := s.demo.Accounts[1]
	as, err := s.signedIn(ctx, manager.Email)
	if err != nil {
		return err
	}
	const invited = "ida@acme.example"
	_, err = s.app.DB.MemberByEmail(as, s.organization, invited)
	if errors.Is(err, org.ErrNotFound) {
		_, err = s.app.InviteMember(as, InviteMemberInput{
			OrganizationID: s.organization, Email: invited, Role: org.RoleMember, TeamIDs: []string{s.teams["design"]},
		})
	}
	if err != nil {
		return err
	}
	for _, as := range s.people {
		if _, err := s.app.SignOut(as, SignOutInput{Everywhere: true}); err != nil {
			return err
		}
	}
	return nil
}

// account signs up, or gives an account that is there a new password, and sets up an authenticator app where wanted.
func (s *seeder) account(ctx context.Context, name, email, role string, factor bool) (context.Context, error) {
	password, err := passphrase()
	if err != nil {
		return nil, err
	}
	as := WithRequest(ctx, &Request{IPAddress: "127.0.0.1", UserAgent: "Muster demo"})
	session, err := s.session(as, name, email, password)
	if err != nil {
		return nil, err
	}
	s.demo.Accounts = append(s.demo.Accounts, DemoAccount{Email: email, Password: password, Role: role + map[bool]string{true: ", has 2FA", false: ", no 2FA"}[factor]})
	as, _, err = s.app.Authenticate(ctx, &Request{Bearer: session.Token, IPAddress: "127.0.0.1", UserAgent: "Muster demo"})
	if err != nil || !factor || request(as).session.User.Compliant() {
		return as, err
	}
	if _, err := s.app.EnrollTOTP(as, EnrollTOTPInput{Name: "Authenticator app"}); err != nil {
		return nil, err
	}
	pending, err := s.app.DB.PendingAuthenticator(as, request(as).session.ID, org.KindTOTP)
	if err != nil {
		return nil, err
	}
	seed, err := s.app.seed(as, request(as).session.User.ID, pending.ID)
	if err != nil {
		return nil, err
	}
	_, err = s.app.ConfirmTOTP(as, ConfirmTOTPInput{Code: secret.TOTPCode(seed, s.app.Now())})
	return as, err
}

// session signs up. An account that an interrupted run has left gets the new password, and its sessions end.
func (s *seeder) session(as context.Context, name, email, password string) (session *SessionToken, err error) {
	user, err := s.app.DB.UserByEmail(as, email)
	if errors.Is(err, org.ErrNotFound) {
		signedUp, err := s.app.SignUp(as, SignUpInput{Email: email, Name: name, Password: password})
		if err != nil {
			return nil, err
		}
		return signedUp.Session, nil
	}
	if err != nil {
		return nil, err
	}
	hash, err := s.app.hashPassword(as, password)
	if err != nil {
		return nil, err
	}
	r := request(as)
	err = s.app.account(as, func(tx *db.Tx) (*org.SecurityEvent, error) {
		if err := tx.SetPasswordHash(as, user.ID, hash); err != nil {
			return nil, err
		}
		if err := tx.EndOtherSessions(as, user.ID, ""); err != nil {
			return nil, err
		}
		by := org.ByPassword
		if user.Compliant() {
			by = org.ByTOTP
		}
		if session, err = s.app.begin(as, tx, r, org.ViaDemo, by, user.ID); err != nil {
			return nil, err
		}
		return event(user.ID, r, org.EventDemoPassword, "Got a new password: the demo had not been finished."), nil
	})
	return session, err
}

// found creates the organization with its teams and projects.
func (s *seeder) found(owner context.Context) error {
	s.owner = owner
	// The others' addresses are proved by the links that they join with.
	err := s.app.account(owner, func(tx *db.Tx) (*org.SecurityEvent, error) {
		user := request(owner).session.User
		return event(user.ID, request(owner), org.EventMailboxProved, "The demo's own address counts as verified."), tx.VerifyEmail(owner, user.ID)
	})
	if err != nil {
		return err
	}
	o, err := s.app.DB.OrganizationBySlug(owner, demoSlug)
	if errors.Is(err, org.ErrNotFound) {
		var created *OrganizationPayload
		if created, err = s.app.CreateOrganization(owner, CreateOrganizationInput{Slug: demoSlug, Name: demoName}); err == nil {
			o = created.Organization
		}
	}
	if err != nil {
		return err
	}
	s.organization = o.ID
	teams, err := s.app.DB.Teams(owner, o.ID)
	if err != nil {
		return err
	}
	for _, team := range teams {
		s.teams[team.Slug] = team.ID
	}
	projects, err := s.app.DB.Projects(owner, o.ID, "")
	if err != nil {
		return err
	}
	for _, team := range []struct{ slug, name, project string }{{"platform", "Platform", "Billing"}, {"design", "Design", "Website"}} {
		if s.teams[team.slug] == "" {
			created, err := s.app.CreateTeam(owner, CreateTeamInput{OrganizationID: o.ID, Slug: team.slug, Name: team.name})
			if err != nil {
				return err
			}
			s.teams[team.slug] = created.Team.ID
		}
		if slices.ContainsFunc(projects, func(p *org.Project) bool { return p.Name == team.project }) {
			continue
		}
		_, err := s.app.CreateProject(owner, CreateProjectInput{
			OrganizationID: o.ID, TeamID: s.teams[team.slug], Slug: team.slug + "-one", Name: team.project,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// join invites a person as the owner and accepts as the person.
func (s *seeder) join(as context.Context, email string, role org.Role, team string) error {
	m, err := s.app.DB.MemberByEmail(as, s.organization, email)
	var invited *MemberPayload
	switch {
	case errors.Is(err, org.ErrNotFound):
		invited, err = s.app.InviteMember(s.owner, InviteMemberInput{
			OrganizationID: s.organization, Email: email, Role: role, TeamIDs: []string{s.teams[team]},
		})
	case err == nil && m.Status == org.StatusActive:
		return nil
	case err == nil: // the invitation may have expired since
		invited, err = s.app.ResendInvite(s.owner, ResendInviteInput{MemberID: m.ID})
	}
	if err != nil {
		return err
	}
	link, err := s.app.DB.LinkOf(as, invited.Member.ID)
	if err != nil {
		return err
	}
	_, err = s.app.AcceptInvite(as, AcceptInviteInput{Token: s.app.Keys.Link(link.Nonce)})
	return err
}

// signedIn is a person who signed up in this run.
func (s *seeder) signedIn(ctx context.Context, email string) (context.Context, error) {
	user, err := s.app.DB.UserByEmail(ctx, email)
	if err != nil {
		return nil, err
	}
	live, err := s.app.DB.NewestSession(ctx, user.ID)
	if err != nil {
		return nil, err
	}
	return WithRequest(ctx, &Request{IPAddress: "127.0.0.1", UserAgent: "Muster demo", session: live}), nil
}

// passphrase is a random password that is easy to copy: about 77 bits.
func passphrase() (string, error) {
	const letters = "abcdefghjkmnpqrstuvwxyz23456789"
	out := make([]byte, 0, 19)
	for i := range 16 {
		if i > 0 && i%4 == 0 {
			out = append(out, '-')
		}
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(letters))))
		if err != nil {
			return "", fmt.Errorf("make a password: %w", err)
		}
		out = append(out, letters[n.Int64()])
	}
	return string(out), nil
}

// seed unseals the seed of an authenticator app.
func (a *App) seed(ctx context.Context, userID, authenticatorID string) ([]byte, error) {
	sealed, err := a.DB.TOTPSeed(ctx, authenticatorID)
	if err != nil {
		return nil, fmt.Errorf("find the seed: %w", err)
	}
	seed, err := a.Keys.Open(sealed.Sealed, []byte(userID))
	if err != nil {
		return nil, fmt.Errorf("unseal the seed: %w", err)
	}
	return seed, nil
}

// OneTimeCode is a code of an authenticator app and when it is taken, if it is not used before.
type OneTimeCode struct {
	Code        string
	From, Until time.Time
}

// CurrentCode is the first code of the account's authenticator app that has not been used, for the command line of an
// embedded database. Right after the code of the next step has been used, too, From lies in the future, by 30 s at most.
func (a *App) CurrentCode(ctx context.Context, email string) (*OneTimeCode, error) {
	user, err := a.DB.UserByEmail(ctx, email)
	if errors.Is(err, org.ErrNotFound) {
		return nil, fmt.Errorf("there is no account %s here", email)
	}
	if err != nil {
		return nil, err
	}
	seeds, err := a.DB.TOTPSeeds(ctx, user.ID)
	if err != nil {
		return nil, err
	}
	if len(seeds) == 0 {
		return nil, fmt.Errorf("%s has no authenticator app", email)
	}
	seed, err := a.Keys.Open(seeds[0].Sealed, []byte(user.ID))
	if err != nil {
		return nil, errors.New("the secret key does not fit this database: set the MUSTER_SECRET_KEY that the server uses")
	}
	const step = 30
	next := max(a.Now().Unix()/step, seeds[0].LastStep+1)
	at := func(n int64) time.Time { return time.Unix(n*step, 0) }
	// The window is a step to each side.
	return &OneTimeCode{Code: secret.TOTPCode(seed, at(next)), From: at(next - 1), Until: at(next + 2)}, nil
}
