package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

	"muster/db"
	"muster/secret"
)

// viewers is how many people are signed in and ask, each a manager of their own share of the organizations.
const viewers = 16

// people are the organizations that pages are asked of.
type people struct {
	tokens        []string // of the viewers' sessions
	organizations []organization
}

// organization is one with its members, in the order of their ids.
type organization struct {
	id, slug string
	members  []string
	viewer   int // who manages it
}

// fillPeople makes the organizations once: each has its members, one of them the viewer, and requires 2FA.
func (a *arena) fillPeople(ctx context.Context) (*people, error) {
	if a.people != nil {
		return a.people, nil
	}
	organizations, members := 200, 500
	if a.options.Quick {
		organizations, members = 48, 200
	}
	p := &people{}
	viewerIDs := make([]string, viewers)
	for i := range viewers {
		userID, token, err := a.addViewer(ctx, fmt.Sprintf("viewer-%d", i))
		if err != nil {
			return nil, err
		}
		viewerIDs[i], p.tokens = userID, append(p.tokens, token)
	}
	for i := range organizations {
		o := organization{slug: fmt.Sprintf("bench-%d", i), viewer: i % viewers}
		var err error
		if o.id, o.members, err = a.addOrganization(ctx, o.slug, viewerIDs[o.viewer], members); err != nil {
			return nil, err
		}
		p.organizations = append(p.organizations, o)
	}
	a.people = p
	return p, a.analyze(ctx)
}

// analyze does what autovacuum does to tables that have grown, so that it does not do it in the middle of a round.
func (a *arena) analyze(ctx context.Context) error {
	_, err := a.DB.Exec(ctx, "VACUUM ANALYZE")
	return err
}

// addViewer adds somebody with a second factor and a session that has proved it.
func (a *arena) addViewer(ctx context.Context, name string) (userID, token string, err error) {
	userID, token = db.NewID(db.UserID), secret.NewToken()
	if _, err := a.DB.Exec(ctx, `INSERT INTO users (id, name, email, email_verified_at) VALUES ($1, $2, $3, now())`,
		userID, name, name+"@bench.example"); err != nil {
		return "", "", err
	}
	if _, err := a.DB.Exec(ctx, `INSERT INTO authenticators (id, user_id, kind, name, confirmed_at) VALUES ($1, $2, 'TOTP', 'App', now())`,
		db.NewID(db.AuthenticatorID), userID); err != nil {
		return "", "", err
	}
	_, err = a.DB.Exec(ctx, `
INSERT INTO sessions (id, user_id, token_hash, began_by, fresh_by, proved_at, ip_address, user_agent, expires_at)
VALUES ($1, $2, $3, 'TOTP', 'TOTP', now(), '127.0.0.1', 'bench', now() + interval '12 hours')`,
		db.NewID(db.SessionID), userID, secret.Hash(token))
	return userID, token, err
}

var (
	firstNames = []string{"Aiko", "Amara", "Bea", "Carlos", "Chloé", "Emeka", "Finn", "Grace", "Ivan", "Jana", "Kofi", "Lena", "Omar", "Priya", "Rosa", "Zoë"}
	lastNames  = []string{"Adeyemi", "Bauer", "Costa", "Dubois", "Fischer", "Huang", "Ito", "Jensen", "Lopez", "Novak", "Petrov", "Rossi", "Singh", "Weber", "Zhang"}
	states     = []string{"SECURE", "SECURE", "INSECURE", "DISABLED"}
	roles      = []string{"MEMBER", "MEMBER", "MEMBER", "MEMBER", "ADMIN", "MANAGER"}
)

// addOrganization adds an organization that requires 2FA, with a manager and other members. Who is not compliant counts as
// one whom the sweep has not reached yet.
func (a *arena) addOrganization(ctx context.Context, slug, managerID string, members int) (id string, memberIDs []string, err error) {
	id = db.NewID(db.OrganizationID)
	if _, err := a.DB.Exec(ctx, `INSERT INTO organizations (id, slug, name, require2fa) VALUES ($1, $2, $3, true)`, id, slug, "The "+slug); err != nil {
		return "", nil, err
	}
	random := rand.New(rand.NewPCG(1, uint64(members))) //nolint:gosec // the same data each time
	type row struct{ userID, memberID, name, email, state, role string }
	rows := make([]row, members-1)
	for i := range rows {
		rows[i] = row{
			userID: db.NewID(db.UserID), memberID: db.NewID(db.MemberID),
			name:  firstNames[random.IntN(len(firstNames))] + " " + lastNames[random.IntN(len(lastNames))],
			email: fmt.Sprintf("person-%d@%s.example", i, slug),
			state: states[random.IntN(len(states))], role: roles[random.IntN(len(roles))],
		}
	}
	return id, memberIDs, pgx.BeginFunc(ctx, a.DB, func(tx pgx.Tx) error {
		_, err := tx.CopyFrom(ctx, pgx.Identifier{"users"}, []string{"id", "name", "email", "email_verified_at", "two_factor"},
			pgx.CopyFromSlice(len(rows), func(i int) ([]any, error) {
				return []any{rows[i].userID, rows[i].name, rows[i].email, time.Now(), rows[i].state}, nil
			}))
		if err != nil {
			return err
		}
		manager := db.NewID(db.MemberID)
		if _, err := tx.Exec(ctx, `INSERT INTO members (id, organization_id, user_id, role, status) VALUES ($1, $2, $3, 'MANAGER', 'ACTIVE')`,
			manager, id, managerID); err != nil {
			return err
		}
		_, err = tx.CopyFrom(ctx, pgx.Identifier{"members"}, []string{"id", "organization_id", "user_id", "role", "status", "last_seen_at"},
			pgx.CopyFromSlice(len(rows), func(i int) ([]any, error) {
				memberIDs = append(memberIDs, rows[i].memberID)
				return []any{rows[i].memberID, id, rows[i].userID, rows[i].role, "ACTIVE", time.Now()}, nil
			}))
		memberIDs = append(memberIDs, manager)
		return err
	})
}
