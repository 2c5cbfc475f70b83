package app

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"muster/db"
	"muster/org"
	"muster/secret"
)

// The demo's large organization, its teams, and what its people are called.
const (
	crowdSlug = "globex"
	crowdName = "Globex International"
	crowdDays = 90 // over which they joined, and got their factors
)

var (
	crowdTeams  = []string{"Accounting", "Backend", "Data", "Design", "Frontend", "Legal", "Marketing", "Mobile", "Operations", "People", "Sales", "Support"}
	crowdFirst  = []string{"Aiko", "Amara", "Anton", "Bea", "Carlos", "Chloé", "Dilek", "Emeka", "Finn", "Grace", "Hana", "Ivan", "Jana", "Kofi", "Lena", "Mateo", "Nadia", "Omar", "Priya", "Quentin", "Rosa", "Sami", "Tereza", "Uma", "Viktor", "Wanda", "Xin", "Yara", "Zoë"}
	crowdLast   = []string{"Adeyemi", "Bauer", "Costa", "Dubois", "Eriksen", "Fischer", "García", "Huang", "Ito", "Jensen", "Kowalski", "Lopez", "Moreau", "Novak", "Okafor", "Petrov", "Quist", "Rossi", "Singh", "Tanaka", "Urban", "Vargas", "Weber", "Yilmaz", "Zhang"}
	crowdFactor = []org.AuthenticatorKind{org.KindTOTP, org.KindTOTP, org.KindTOTP, org.KindSecurityKey, org.KindPhone}
)

// crowdPatience is how long that may take: a hundred thousand people are a few statements, of which each is long.
const crowdPatience = 10 * time.Minute

// SeedCrowd adds a large organization to the demo, owned by the demo's owner, with as many members: to try the screens with.
// Nobody can sign in as them. It does nothing where the organization is there already, or where there is no demo.
func (a *App) SeedCrowd(ctx context.Context, members int) (done bool, err error) {
	if _, err := a.DB.OrganizationBySlug(ctx, crowdSlug); !errors.Is(err, org.ErrNotFound) {
		return false, err
	}
	owner, err := a.DB.UserByEmail(ctx, demoOwner)
	if errors.Is(err, org.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, crowdPatience)
	defer cancel()
	err = a.DB.InTx(ctx, func(tx *db.Tx) error {
		// As whoever creates an organization: its owner's factors stay as they are until it is there.
		if _, err := tx.LockUser(ctx, owner.ID); err != nil {
			return err
		}
		return a.seedCrowd(ctx, tx, owner, members)
	})
	if err != nil {
		return false, fmt.Errorf("seed the large organization: %w", err)
	}
	return true, nil
}

func (a *App) seedCrowd(ctx context.Context, tx *db.Tx, owner *org.User, members int) error {
	o := &org.Organization{ID: db.NewID(db.OrganizationID), Slug: crowdSlug, Name: crowdName}
	if err := tx.CreateOrganization(ctx, o); err != nil {
		return err
	}
	if err := tx.CreateMember(ctx, db.NewID(db.MemberID), o.ID, owner.ID, org.RoleOwner); err != nil {
		return err
	}
	entry := func(by *org.User, action string, target org.Node, message string, data map[string]any) *org.AuditLogEntry {
		e := &org.AuditLogEntry{Action: action, ActorID: &by.ID, ActorLabel: by.Label(), Message: message, Data: data}
		e.TargetID, e.TargetLabel = label(target)
		return e
	}
	entries := []*org.AuditLogEntry{entry(owner, org.ActionOrgCreate, o, "created the organization", map[string]any{"slug": o.Slug, "name": o.Name})}
	teams := make([]string, len(crowdTeams))
	for i, name := range crowdTeams {
		slug, err := org.ParseSlug("slug", strings.ToLower(name))
		if err != nil {
			return err
		}
		team := &org.Team{ID: db.NewID(db.TeamID), OrganizationID: o.ID, Slug: slug, Name: name}
		if err := tx.CreateTeam(ctx, team); err != nil {
			return err
		}
		teams[i] = team.ID
		entries = append(entries, entry(owner, org.ActionTeamCreate, team, "created the team "+name, map[string]any{"slug": slug}))
	}
	crowd := a.crowd(members-1, teams) // the owner is one
	for _, m := range crowd {
		// How log entries name them; an invitation has no name yet.
		place := &org.Member{ID: m.ID, Email: &m.Email}
		if m.UserID == "" {
			entries = append(entries, entry(owner, org.ActionMemberInvite, place, "invited "+m.Email, map[string]any{"role": m.Role}))
			continue
		}
		place.Name = &m.Name
		person := &org.User{ID: m.UserID, Name: m.Name, Email: &m.Email}
		entries = append(entries, entry(person, org.ActionMemberAccept, place, "accepted the invitation", map[string]any{"role": m.Role, "status_before": org.StatusInvited}))
	}
	if err := tx.AddCrowd(ctx, o.ID, owner.ID, crowd); err != nil {
		return err
	}
	if err := tx.AddPast(ctx, o.ID); err != nil {
		return err
	}
	return tx.AddAuditEntries(ctx, o.ID, entries)
}

// crowd makes people up: the same ones each time, but for their ids. Of a hundred two are invited still, and of those who
// joined some two thirds have a second factor.
func (a *App) crowd(n int, teams []string) []*db.CrowdMember {
	rng := rand.New(rand.NewPCG(1, 2))
	now := a.Now()
	crowd := make([]*db.CrowdMember, n)
	for i := range crowd {
		m := &db.CrowdMember{
			ID: db.NewID(db.MemberID), Role: org.RoleMember, Email: fmt.Sprintf("person%d@globex.example", i+1),
			Name: crowdFirst[rng.IntN(len(crowdFirst))] + " " + crowdLast[rng.IntN(len(crowdLast))],
			// In order, and the last ones a moment ago.
			Joined:  now.Add(-time.Duration(n-i) * (crowdDays * 24 * time.Hour / time.Duration(n))),
			TeamIDs: []string{teams[rng.IntN(len(teams))]},
		}
		if i%50 == 49 {
			m.Joined = now // an invitation lives for a week
			m.Nonce = secret.NewNonce()
			m.Hash = secret.Hash(a.Keys.Link(m.Nonce))
		} else {
			m.UserID = db.NewID(db.UserID)
			m.SeenAt = m.Joined.Add(time.Duration(rng.Float64() * float64(now.Sub(m.Joined))))
			if rng.IntN(3) > 0 {
				m.Factor = crowdFactor[rng.IntN(len(crowdFactor))]
				m.FactorAt = m.Joined.Add(time.Duration(rng.Float64() * float64(now.Sub(m.Joined))))
			}
		}
		switch {
		case i%400 == 7:
			m.Role = org.RoleManager
		case i%40 == 3:
			m.Role = org.RoleAdmin
		}
		crowd[i] = m
	}
	return crowd
}
