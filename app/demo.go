package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"time"

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
// use: so its history is real. In a database with accounts it changes nothing.
func (a *App) SeedDemo(ctx context.Context) (*Demo, error) {
	demo := &Demo{Organization: demoName, Owner: demoOwner}
	if empty, err := a.DB.Empty(ctx); err != nil || !empty {
		return demo, err
	}
	s := seeder{app: a, demo: demo, teams: map[string]string{}}
	if err := s.seed(ctx); err != nil {
		return nil, err
	}
	return demo, nil
}

type seeder struct {
	app          *App
	demo         *Demo
	owner        context.Context //nolint:containedctx // a signed-in person, which is what a context carries here
	organization string
	teams        map[string]string
}

func (s *seeder) seed(ctx context.Context) error {
	for i, person := range demoPeople {
		as, err := s.account(ctx, person.name, person.email, string(person.role), person.factor)
		if err != nil {
			return err
		}
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
	_, err = s.app.InviteMember(as, InviteMemberInput{
		OrganizationID: s.organization, Email: "ida@acme.example", Role: org.RoleMember, TeamIDs: []string{s.teams["design"]},
	})
	return err
}

// account signs up, and sets up an authenticator app where wanted.
func (s *seeder) account(ctx context.Context, name, email, role string, factor bool) (context.Context, error) {
	password, err := passphrase()
	if err != nil {
		return nil, err
	}
	as := WithRequest(ctx, &Request{IPAddress: "127.0.0.1", UserAgent: "Muster demo"})
	signedUp, err := s.app.SignUp(as, SignUpInput{Email: email, Name: name, Password: password})
	if err != nil {
		return nil, err
	}
	s.demo.Accounts = append(s.demo.Accounts, DemoAccount{Email: email, Password: password, Role: role + map[bool]string{true: ", has 2FA", false: ", no 2FA"}[factor]})
	as, _, err = s.app.Authenticate(ctx, &Request{Bearer: signedUp.Session.Token, IPAddress: "127.0.0.1", UserAgent: "Muster demo"})
	if err != nil || !factor {
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

// found creates the organization with its teams and projects.
func (s *seeder) found(owner context.Context) error {
	s.owner = owner
	created, err := s.app.CreateOrganization(owner, CreateOrganizationInput{Slug: demoSlug, Name: demoName})
	if err != nil {
		return err
	}
	s.organization = created.Organization.ID
	for _, team := range []struct{ slug, name, project string }{{"platform", "Platform", "Billing"}, {"design", "Design", "Website"}} {
		created, err := s.app.CreateTeam(owner, CreateTeamInput{OrganizationID: s.organization, Slug: team.slug, Name: team.name})
		if err != nil {
			return err
		}
		s.teams[team.slug] = created.Team.ID
		_, err = s.app.CreateProject(owner, CreateProjectInput{
			OrganizationID: s.organization, TeamID: created.Team.ID, Slug: team.slug + "-" + "one", Name: team.project,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// join invites a person as the owner and accepts as the person.
func (s *seeder) join(as context.Context, email string, role org.Role, team string) error {
	invited, err := s.app.InviteMember(s.owner, InviteMemberInput{
		OrganizationID: s.organization, Email: email, Role: role, TeamIDs: []string{s.teams[team]},
	})
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

// CurrentCode is a code of the account's authenticator app that works now, for the command line of an embedded database;
// wait is how long it works. After a code has been used it is the next one, which the window already accepts.
func (a *App) CurrentCode(ctx context.Context, email string) (code string, wait time.Duration, err error) {
	user, err := a.DB.UserByEmail(ctx, email)
	if errors.Is(err, org.ErrNotFound) {
		return "", 0, fmt.Errorf("there is no account %s here", email)
	}
	if err != nil {
		return "", 0, err
	}
	seeds, err := a.DB.TOTPSeeds(ctx, user.ID)
	if err != nil {
		return "", 0, err
	}
	if len(seeds) == 0 {
		return "", 0, fmt.Errorf("%s has no authenticator app", email)
	}
	seed, err := a.Keys.Open(seeds[0].Sealed, []byte(user.ID))
	if err != nil {
		return "", 0, errors.New("the secret key does not fit this database: set the MUSTER_SECRET_KEY that the server uses")
	}
	at := a.Now()
	const step = 30 * time.Second
	if seeds[0].LastStep >= at.Unix()/30 {
		at = at.Add(step)
	}
	return secret.TOTPCode(seed, at), at.Truncate(step).Add(2 * step).Sub(a.Now()), nil
}
