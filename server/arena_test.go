package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"muster/app"
	"muster/db"
	"muster/db/dbtest"
	"muster/org"
	"muster/secret"
)

// raceSeed repeats a run of the race tests: go test ./server -run Race -race.seed=N, with the N that a failure prints.
var raceSeed = flag.Uint64("race.seed", 0, "seed of the race tests; 0 for a random one")

// arena is two Musters on one database, two organizations, and people who can do things at once. There are no limits on
// guesses and mails in it, and nothing is mailed.
type arena struct {
	t       *testing.T
	servers [2]*muster
	admin   *pgx.Conn
	batch   pgx.Batch
	rng     *rand.Rand
	seed    uint64
	round   int
	orgs    [2]string
	found   []string // organizations that were created in this round
	mu      sync.Mutex
	counts  map[string]map[string]int // guarded by mu; by action, by its outcome: "" or the code of a refusal
}

// racer is somebody with two sessions, an authenticator app or the set-up of one, and places in the organizations.
type racer struct {
	id       string
	email    string
	seed     []byte
	tokens   [2]string
	sessions [2]string
	// What a round begins with.
	authenticator string // confirmed; "" for none
	pending       string // being set up in the first session; "" for none
	members       [2]string
	roles         [2]org.Role
	links         [2]string // tokens of living links
}

func newArena(t *testing.T) *arena {
	t.Helper()
	seed := *raceSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-race.seed=%d", seed)
	a := start(t)
	b := a.beside(t, "test-b")
	r := &arena{
		t: t, servers: [2]*muster{a, b}, admin: a.admin(t), seed: seed, rng: rand.New(rand.NewPCG(seed, 0)),
		counts: map[string]map[string]int{},
	}
	r.sql(`CREATE FUNCTION unlimited() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN NEW.hits := ARRAY[clock_timestamp()]; RETURN NEW; END $$`)
	r.sql(`CREATE TRIGGER unlimited BEFORE INSERT OR UPDATE ON rate_limits FOR EACH ROW EXECUTE FUNCTION unlimited()`)
	// Nothing is notified or mailed: those jobs are dropped as they are added.
	r.sql(`CREATE FUNCTION dropped() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$`)
	r.sql(`CREATE TRIGGER dropped BEFORE INSERT ON river_job FOR EACH ROW WHEN (NEW.kind <> 'sweep') EXECUTE FUNCTION dropped()`)
	for i := range r.orgs {
		r.orgs[i] = db.NewID(db.OrganizationID)
		r.sql(`INSERT INTO organizations (id, slug, name) VALUES ($1, $2, $2)`, r.orgs[i], fmt.Sprintf("arena-%d", i))
	}
	r.flush()
	return r
}

// sql changes the database as superuser, before anything is done or counted: all that was said until then in one go.
func (r *arena) sql(statement string, args ...any) { r.batch.Queue(statement, args...) }

func (r *arena) flush() {
	r.t.Helper()
	if r.batch.Len() == 0 {
		return
	}
	if err := r.admin.SendBatch(r.t.Context(), &r.batch).Close(); err != nil {
		r.t.Fatalf("round %d of -race.seed=%d could not be set up: %v", r.round, r.seed, err)
	}
	r.batch = pgx.Batch{}
}

func (r *arena) count(query string, args ...any) (n int) {
	r.t.Helper()
	r.flush()
	if err := r.admin.QueryRow(r.t.Context(), query, args...).Scan(&n); err != nil {
		r.t.Fatalf("%v: %.200s", err, query)
	}
	return n
}

// person makes somebody with two sessions.
func (r *arena) person(name string) *racer {
	r.t.Helper()
	p := &racer{id: db.NewID(db.UserID), seed: secret.NewTOTPSeed()}
	p.email = name + "-" + strings.TrimPrefix(p.id, "usr_") + "@people.example"
	r.sql(`INSERT INTO users (id, name, email, email_verified_at) VALUES ($1, $2, $3, now())`, p.id, name, p.email)
	r.sql(`INSERT INTO credentials (user_id, password_hash) VALUES ($1, 'none')`, p.id)
	for i := range p.tokens {
		p.tokens[i], p.sessions[i] = secret.NewToken(), db.NewID(db.SessionID)
		r.sql(`INSERT INTO sessions (id, user_id, token_hash, began_by, fresh_by, expires_at) VALUES ($1, $2, $3, 'PASSWORD', 'PASSWORD', now() + interval '1 day')`,
			p.sessions[i], p.id, secret.Hash(p.tokens[i]))
	}
	return p
}

// begin clears what the last round left of the people and organizations; their logs stay.
func (r *arena) begin(people ...*racer) {
	r.t.Helper()
	r.sql(`DELETE FROM members`)
	r.sql(`DELETE FROM sweeps`)
	r.sql(`UPDATE organizations SET require2fa = false`)
	r.sql(`DELETE FROM authenticators`)
	r.sql(`DELETE FROM recovery_codes`)
	r.found = nil
	for _, p := range people {
		*p = racer{id: p.id, email: p.email, seed: p.seed, tokens: p.tokens, sessions: p.sessions}
		r.sql(`
UPDATE sessions SET ended_at = NULL, proved_at = NULL, fresh_by = 'PASSWORD', mailbox_proved_at = NULL, invitation_member_id = NULL,
       invitation_hash = NULL WHERE user_id = $1`, p.id)
	}
}

// gives p an authenticator app, confirmed and proved by both sessions, or being set up in the first one.
func (r *arena) app(p *racer, confirmed bool) {
	r.t.Helper()
	id := db.NewID(db.AuthenticatorID)
	sealed, err := r.servers[0].App.Keys.Seal(p.seed, []byte(p.id))
	if err != nil {
		r.t.Fatal(err)
	}
	if confirmed {
		p.authenticator = id
		r.sql(`INSERT INTO authenticators (id, user_id, kind, name, confirmed_at) VALUES ($1, $2, 'TOTP', 'App', now())`, id, p.id)
		r.sql(`UPDATE sessions SET proved_at = now(), fresh_by = 'TOTP' WHERE user_id = $1`, p.id)
	} else {
		p.pending = id
		r.sql(`INSERT INTO authenticators (id, user_id, kind, name, session_id) VALUES ($1, $2, 'TOTP', 'App', $3)`, id, p.id, p.sessions[0])
	}
	r.sql(`INSERT INTO totp_seeds (authenticator_id, sealed) VALUES ($1, $2)`, id, sealed)
}

// place gives p a place in an organization; the one of somebody invited or removed comes with a link.
func (r *arena) place(p *racer, o int, role org.Role, status org.MemberStatus) {
	r.t.Helper()
	id := db.NewID(db.MemberID)
	p.members[o], p.roles[o] = id, role
	reason := org.ReasonRemovedFor2FA
	switch status {
	case org.StatusActive:
		r.sql(`INSERT INTO members (id, organization_id, user_id, role, status) VALUES ($1, $2, $3, $4, 'ACTIVE')`, id, r.orgs[o], p.id, role)
		return
	case org.StatusInvited:
		reason = org.ReasonInvited
		r.sql(`INSERT INTO members (id, organization_id, email, role, status) VALUES ($1, $2, $3, $4, 'INVITED')`, id, r.orgs[o], p.email, role)
	case org.StatusRemovedFor2FA:
		r.sql(`
INSERT INTO members (id, organization_id, user_id, role, status, removed_at, reinstatable_until)
VALUES ($1, $2, $3, $4, 'REMOVED_FOR_2FA', now(), now() + interval '3 months')`, id, r.orgs[o], p.id, role)
	}
	nonce := secret.NewNonce()
	p.links[o] = r.servers[0].App.Keys.Link(nonce)
	r.sql(`INSERT INTO invitations (organization_id, member_id, reason, nonce, token_hash, expires_at) VALUES ($5, $1, $2, $3, $4, now() + interval '7 days')`,
		id, reason, nonce, secret.Hash(p.links[o]), r.orgs[o])
}

// deed is something that one person does on one of the servers.
type deed struct {
	name string
	by   *racer
	with int // the session
	do   func(ctx context.Context, a *app.App) error
}

// atOnce lets all deeds happen at the same time and gives their outcomes: "" or the code of the refusal. Anything else is
// a fault, which fails the test: a race never shows as an internal error.
func (r *arena) atOnce(deeds ...deed) []string {
	r.t.Helper()
	r.flush()
	outcomes := make([]string, len(deeds))
	contexts, apps := make([]context.Context, len(deeds)), make([]*app.App, len(deeds))
	for i, d := range deeds {
		m := r.servers[r.rng.IntN(2)]
		apps[i], contexts[i] = m.App, m.as(r.t, d.by.tokens[d.with])
	}
	var working sync.WaitGroup
	barrier := make(chan struct{})
	for i, d := range deeds {
		working.Go(func() {
			<-barrier
			err := d.do(contexts[i], apps[i])
			var refusal *org.Error
			switch {
			case errors.As(err, &refusal):
				outcomes[i] = string(refusal.Code)
			case err != nil:
				outcomes[i] = "fault"
				r.t.Errorf("round %d of -race.seed=%d: %s failed: %v", r.round, r.seed, d.name, err)
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			if r.counts[d.name] == nil {
				r.counts[d.name] = map[string]int{}
			}
			r.counts[d.name][outcomes[i]]++
		})
	}
	close(barrier)
	working.Wait()
	return outcomes
}

// rules finds what must never be after a round in the organizations $1: each row says what is wrong.
const rules = `
SELECT 'an organization without an active owner: ' || w FROM (SELECT o.slug FROM organizations o WHERE o.id = ANY($1)
   AND NOT EXISTS (SELECT FROM members m WHERE m.organization_id = o.id AND m.role = 'OWNER' AND m.status = 'ACTIVE')) x(w)
UNION ALL
SELECT 'an enforcing organization without an active owner who has a factor: ' || w FROM (SELECT o.slug FROM organizations o WHERE o.id = ANY($1) AND o.require2fa AND NOT EXISTS (
  SELECT FROM members m JOIN authenticators f ON f.user_id = m.user_id AND f.confirmed_at IS NOT NULL
   WHERE m.organization_id = o.id AND m.role = 'OWNER' AND m.status = 'ACTIVE')) x(w)
UNION ALL
SELECT 'somebody active without a factor in an enforcing organization: ' || w FROM (SELECT o.slug || ' ' || u.name FROM organizations o JOIN members m ON m.organization_id = o.id JOIN users u ON u.id = m.user_id
 WHERE o.require2fa AND m.status = 'ACTIVE'
   AND NOT EXISTS (SELECT FROM authenticators f WHERE f.user_id = u.id AND f.confirmed_at IS NOT NULL)) x(w)
UNION ALL
SELECT 'somebody who has a factor is still removed: ' || w FROM (SELECT o.slug || ' ' || u.name FROM organizations o JOIN members m ON m.organization_id = o.id JOIN users u ON u.id = m.user_id
 WHERE m.status = 'REMOVED_FOR_2FA' AND EXISTS (SELECT FROM authenticators f WHERE f.user_id = u.id AND f.confirmed_at IS NOT NULL)) x(w)
UNION ALL
SELECT 'a user''s 2FA state is not that of the factors: ' || w FROM (SELECT u.name || ' ' || u.two_factor FROM users u
 WHERE (u.two_factor = 'DISABLED') = EXISTS (SELECT FROM authenticators f WHERE f.user_id = u.id AND f.confirmed_at IS NOT NULL)) x(w)
UNION ALL
SELECT 'a log with a gap: ' || w FROM (SELECT o.slug || ' ' || o.audit_seq FROM organizations o
  LEFT JOIN LATERAL (SELECT max(sequence) AS last, count(*) AS n FROM audit_entries WHERE organization_id = o.id) e ON true
 WHERE o.audit_seq <> coalesce(e.last, 0) OR o.audit_seq <> e.n) x(w)
UNION ALL
SELECT 'a log whose times run backwards: ' || w FROM (SELECT e.organization_id || ' ' || e.sequence
  FROM (SELECT organization_id, sequence, created_at, lag(created_at) OVER (PARTITION BY organization_id ORDER BY sequence) AS before
          FROM audit_entries WHERE created_at > clock_timestamp() - interval '10 seconds') e WHERE e.created_at < e.before) x(w)
UNION ALL
SELECT 'a wrong count of members: ' || w FROM (` + dbtest.Miscounted + `) x(w)
UNION ALL
SELECT 'an active member whose invitation still works: ' || w FROM (SELECT m.id FROM members m JOIN invitations i ON i.member_id = m.id WHERE m.status = 'ACTIVE' AND i.reason = 'INVITED') x(w)`

// settle waits for the sweeps to end and checks what must hold after any round.
func (r *arena) settle() {
	r.t.Helper()
	eventually(r.t, "the sweeps end", func() bool {
		return r.count(`SELECT count(*) FROM sweeps WHERE state IN ('QUEUED', 'RUNNING')`) == 0
	})
	rows, err := r.admin.Query(r.t.Context(), rules, append(r.orgs[:], r.found...))
	if err != nil {
		r.t.Fatal(err)
	}
	wrong, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		r.t.Fatal(err)
	}
	if len(wrong) > 0 {
		r.t.Fatalf("round %d of -race.seed=%d:\n%s", r.round, r.seed, strings.Join(wrong, "\n"))
	}
}

// finish says how often everything happened, and fails the test where something never did, or where two waited for each
// other: what nobody tried shows nothing.
func (r *arena) finish(must ...string) {
	r.t.Helper()
	for _, name := range slices.Sorted(maps.Keys(r.counts)) {
		r.t.Logf("%-28s %v", name, r.counts[name])
	}
	for _, name := range must {
		if r.counts[name][""] == 0 {
			r.t.Errorf("%s never succeeded", name)
		}
	}
	if n := r.count(`SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()`); n != 0 {
		r.t.Errorf("-race.seed=%d: %d deadlocks", r.seed, n)
	}
	for _, m := range r.servers {
		if log := m.Log.String(); strings.Contains(log, "40P01") || strings.Contains(log, "level=ERROR") {
			r.t.Errorf("-race.seed=%d: the log has\n%s", r.seed, log)
		}
	}
}

// pick is a random one.
func pick[T any](r *arena, of ...T) T { return of[r.rng.IntN(len(of))] }
