package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"muster/db"
)

// sweepTeams is how many teams an organization has that is swept; each of its members is in one.
const sweepTeams = 10

// maxWait is for how long a batch may keep others from the organization, in milliseconds.
const maxWait = 150

const sweepDocument = `mutation Sweep($organizationId: ID!) { setRequire2FA(input: {organizationId: $organizationId, required: true}) { sweep { id total } } }`

// sweepPath is the removal of everybody without a second factor from an organization of a size.
func sweepPath(name string, members int, long bool) path {
	s := &sweeping{name: name, members: members}
	return path{
		Name: name, Op: "member", Long: long, Prepare: s.prepare, Muster: s.muster, Limit: s.limit,
		About: fmt.Sprintf("the sweep of an organization of %d members who are in a team and have no second factor, from the mutation to its end: "+
			"each with status, window, link, numbered entry and mail job, in batches; the limit is one SQL statement that writes the same. "+
			"Mails are sent afterwards on both sides", members),
		Goals: []goal{{Figure: "rate", Least: 0.75}, {Figure: waitFigure, Most: maxWait, Own: true}},
	}
}

// The figures of a sweep.
const (
	waitFigure  = "longest wait for the organization, ms"
	batchSize   = "members in a batch"
	postgresCPU = "PostgreSQL's CPU, µs"
)

// sweeping is a population that is put into a fresh organization for each round.
type sweeping struct {
	name         string
	members      int
	owner, token string
}

func (s *sweeping) prepare(ctx context.Context, a *arena) (err error) {
	if a.options.Quick {
		s.members = min(s.members, 5000)
	}
	if s.owner, s.token, err = a.addViewer(ctx, s.name+"-owner"); err != nil {
		return err
	}
	// Mails are paused, and deleted before each round: they are sent after the sweep, and would be sent during it here as well.
	client, err := river.NewClient(riverpgxv5.New(a.DB), &river.Config{})
	if err != nil {
		return err
	}
	if err := client.QueuePause(ctx, db.QueueMail, nil); err != nil {
		return err
	}
	_, err = a.DB.Exec(ctx, `
INSERT INTO users (id, name, email, email_verified_at)
SELECT 'usr_' || $1 || lpad(n::text, 10, '0'), 'Person ' || n, 'person-' || n || '@' || $1 || '.example', now() FROM generate_series(1, $2::int) n`, s.name, s.members)
	return err
}

// organization is a fresh one with everybody in it.
func (s *sweeping) organization(ctx context.Context, a *arena, required bool) (id string, err error) {
	id = db.NewID(db.OrganizationID)
	for _, statement := range []struct {
		sql  string
		args []any
	}{
		// A queue that PostgreSQL believes to be empty is read from end to end by whoever looks for work, on both sides.
		{`ANALYZE river_job`, nil},
		{`DELETE FROM river_job WHERE kind = 'mail'`, nil},
		{`UPDATE sessions SET fresh_at = now(), proved_at = now() WHERE user_id = $1`, []any{s.owner}},
		{`INSERT INTO organizations (id, slug, name, require2fa) VALUES ($1, $2, 'Swept', $3)`, []any{id, strings.ReplaceAll(id, "_", "-"), required}},
		{`INSERT INTO members (id, organization_id, user_id, role, status) VALUES ($1, $2, $3, 'OWNER', 'ACTIVE')`, []any{db.NewID(db.MemberID), id, s.owner}},
		{`INSERT INTO teams (id, organization_id, slug, name) SELECT 'team_' || $1 || n, $1, 'team-' || n, 'Team ' || n FROM generate_series(0, $2 - 1) n`, []any{id, sweepTeams}},
		{`INSERT INTO members (id, organization_id, user_id, role, status)
SELECT 'mem_' || right($1, 16) || lpad(n::text, 10, '0'), $1, 'usr_' || $2 || lpad(n::text, 10, '0'), 'MEMBER', 'ACTIVE' FROM generate_series(1, $3::int) n`, []any{id, s.name, s.members}},
		{`INSERT INTO member_teams (organization_id, member_id, team_id)
SELECT $1, 'mem_' || right($1, 16) || lpad(n::text, 10, '0'), 'team_' || $1 || n % $3::int FROM generate_series(1, $2::int) n`, []any{id, s.members, sweepTeams}},
		{`VACUUM ANALYZE users, members, teams, member_teams, invitations`, nil},
		{`CHECKPOINT`, nil},
	} {
		if _, err := a.DB.Exec(ctx, statement.sql, statement.args...); err != nil {
			return "", fmt.Errorf("%.40s…: %w", statement.sql, err)
		}
	}
	return id, nil
}

// check says whether everybody was removed, with an entry, a link and a mail.
func (s *sweeping) check(ctx context.Context, a *arena, id string) error {
	var removed, linked, entries, last, mails int
	if err := a.DB.QueryRow(ctx, `
SELECT (SELECT removed_count FROM organizations WHERE id = $1),
       (SELECT count(*) FROM members m JOIN invitations i ON (i.organization_id, i.member_id) = (m.organization_id, m.id) AND i.expires_at = m.reinstatable_until WHERE m.organization_id = $1),
       (SELECT count(*) FROM audit_entries WHERE organization_id = $1 AND action = 'member.pending'),
       (SELECT max(sequence) - min(sequence) + 1 FROM audit_entries WHERE organization_id = $1 AND action = 'member.pending'),
       (SELECT count(DISTINCT args->>'member_id') FROM river_job WHERE kind = 'mail' AND args->>'template' = 'link')`, id).
		Scan(&removed, &linked, &entries, &last, &mails); err != nil {
		return err
	}
	if removed != s.members || linked != s.members || entries != s.members || last != s.members || mails != s.members {
		return fmt.Errorf("%d were removed, %d linked, %d logged as %d numbers and %d mailed, of %d", removed, linked, entries, last, mails, s.members)
	}
	return nil
}

func (s *sweeping) muster(ctx context.Context, a *arena, m *meter) error {
	id, err := s.organization(ctx, a, false)
	if err != nil {
		return err
	}
	mutation, err := request("/graphql", s.token, map[string]any{"query": sweepDocument, "variables": map[string]string{"organizationId": id}})
	if err != nil {
		return err
	}
	over, longest, waited := make(chan struct{}), time.Duration(0), make(chan error, 1)
	go func() {
		var err error
		longest, err = a.longestWait(ctx, id, over)
		waited <- err
	}()
	err = s.measure(ctx, m, func() error {
		if _, err := ask(ctx, m.server.Address, mutation); err != nil {
			return err
		}
		return a.swept(ctx, id)
	})
	close(over)
	if err := errors.Join(err, <-waited); err != nil {
		return err
	}
	// The entries of a batch have one time.
	var batch float64
	if err := a.DB.QueryRow(ctx, `
SELECT $2::float8 / count(DISTINCT created_at) FROM audit_entries WHERE organization_id = $1 AND action = 'member.pending'`, id, s.members).Scan(&batch); err != nil {
		return err
	}
	m.Figures[waitFigure], m.Figures[batchSize] = float64(longest.Microseconds())/1000, batch
	return s.check(ctx, a, id)
}

// longestWait is how long somebody else had to wait for an organization at most, who asked for it again and again until it was over,
// as everything does that changes one (db.Tx.LockOrganization).
func (a *arena) longestWait(ctx context.Context, id string, over <-chan struct{}) (longest time.Duration, err error) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		began := time.Now()
		if _, err := a.DB.Exec(ctx, `
SELECT FROM organizations o WHERE o.id = $1 AND pg_advisory_xact_lock(hashtextextended(o.id, 0)) IS NOT NULL FOR NO KEY UPDATE`, id); err != nil {
			return 0, err
		}
		longest = max(longest, time.Since(began))
		select {
		case <-over:
			return longest, nil
		case <-tick.C:
		}
	}
}

func (s *sweeping) limit(ctx context.Context, a *arena, m *meter) error {
	id, err := s.organization(ctx, a, true)
	if err != nil {
		return err
	}
	statement, err := request("/sweep", s.token, map[string]string{"organization": id, "actor": s.owner})
	if err != nil {
		return err
	}
	err = s.measure(ctx, m, func() error {
		_, err := ask(ctx, m.server.Address, statement)
		return err
	})
	if err != nil {
		return err
	}
	m.Figures[waitFigure], m.Figures[batchSize] = float64(m.Took.Milliseconds()), float64(s.members)
	return s.check(ctx, a, id)
}

// measure counts what PostgreSQL computes too: it does most of the work.
func (s *sweeping) measure(ctx context.Context, m *meter, fn func() error) error {
	before, err := postgresTime()
	if err != nil {
		return err
	}
	if err := m.measure(ctx, func() (int, error) { return s.members, fn() }); err != nil {
		return err
	}
	after, err := postgresTime()
	m.Figures = map[string]float64{postgresCPU: float64((after - before).Microseconds()) / float64(s.members)}
	return err
}

// swept waits until an organization's sweep is done.
func (a *arena) swept(ctx context.Context, id string) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		var state string
		if err := a.DB.QueryRow(ctx, `SELECT state FROM sweeps WHERE organization_id = $1`, id).Scan(&state); err != nil {
			return err
		}
		switch state {
		case "DONE":
			return nil
		case "CANCELED":
			return errors.New("the sweep was canceled")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// postgresTime is what PostgreSQL's processes have computed, also those that have ended. It is the one that this process has
// started.
func postgresTime() (time.Duration, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	postmaster := 0
	type process struct {
		parent int
		used   time.Duration
	}
	processes := map[int]process{}
	for _, stat := range stats {
		raw, err := os.ReadFile(stat)
		if err != nil {
			continue // it has ended meanwhile
		}
		name, rest, _ := strings.Cut(string(raw), ") ")
		fields := strings.Fields(rest)
		if !strings.Contains(name, "(postgres") || len(fields) < 15 {
			continue
		}
		var n [15]int
		for _, i := range []int{1, 11, 12, 13, 14} { // parent; user and system time, its own and of ended children
			if n[i], err = strconv.Atoi(fields[i]); err != nil {
				return 0, err
			}
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
		if n[1] == os.Getpid() {
			postmaster = pid
		}
		processes[pid] = process{n[1], time.Duration(n[11]+n[12]+n[13]+n[14]) * clockTick}
	}
	for pid, p := range processes {
		if pid == postmaster || p.parent == postmaster {
			sum += p.used
		}
	}
	if postmaster == 0 {
		return 0, errors.New("there is no PostgreSQL of this process")
	}
	return sum, nil
}

// limitSweep is the sweep as one statement: it writes for everybody what Muster's batches write. A link's nonce and hash are
// random here; Muster derives them.
const limitSweep = `
WITH swept AS (
  UPDATE members r SET status = 'REMOVED_FOR_2FA', removed_at = clock_timestamp(),
         reinstatable_until = (clock_timestamp() AT TIME ZONE 'UTC' + interval '3 months') AT TIME ZONE 'UTC'
    FROM users u
   WHERE r.organization_id = $1 AND r.status = 'ACTIVE' AND u.id = r.user_id AND u.two_factor = 'DISABLED' AND u.email IS NOT NULL
  RETURNING r.id, r.user_id, r.role, r.reinstatable_until, u.email, u.name || ' <' || u.email || '>' AS label,
    ARRAY(SELECT t.slug FROM member_teams mt JOIN teams t ON (t.organization_id, t.id) = (mt.organization_id, mt.team_id)
           WHERE (mt.organization_id, mt.member_id) = (r.organization_id, r.id) ORDER BY t.slug) AS teams,
    uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) AS nonce),
numbered AS (SELECT *, sha256(nonce) AS hash, row_number() OVER (ORDER BY id) AS n FROM swept),
counted AS (UPDATE organizations SET audit_seq = audit_seq + (SELECT count(*) FROM swept) WHERE id = $1 RETURNING audit_seq),
links AS (
  INSERT INTO invitations (organization_id, member_id, reason, nonce, token_hash, expires_at)
  SELECT $1, id, 'REMOVED_FOR_2FA', nonce, hash, reinstatable_until FROM numbered),
entries AS (
  INSERT INTO audit_entries (organization_id, sequence, id, action, actor_id, actor_label, target_id, target_label, message, ip_address, user_agent, data, created_at)
  SELECT $1, (SELECT audit_seq - (SELECT count(*) FROM swept) FROM counted) + n, 'aud_' || lpad(n::text, 10, '0') || left($3, 16), 'member.pending',
         $2, 'Owner <owner@bench.example>', id, label, 'required ' || label || ' to set up two-factor authentication', '127.0.0.1', 'bench',
         jsonb_build_object('email', email, 'user', user_id, 'role', role, 'teams', teams, 'reinstatable_until', reinstatable_until, 'sweep', $3), clock_timestamp()
    FROM numbered)
INSERT INTO river_job (args, kind, max_attempts, priority, queue, state, tags)
SELECT jsonb_build_object('template', 'link', 'member_id', id, 'link_hash', encode(hash, 'base64'), 'at', '0001-01-01T00:00:00Z'),
       'mail', 25, 1, 'mail', 'available', '{}' FROM numbered`

// sweep is the limit of a sweep.
func (l *limit) sweep(w http.ResponseWriter, r *http.Request) error {
	var in struct{ Organization, Actor string }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return err
	}
	tag, err := l.pool.Exec(r.Context(), limitSweep, in.Organization, in.Actor, db.NewID(db.SweepID))
	if err != nil {
		return err
	}
	return answer(w, map[string]any{"data": tag.RowsAffected()})
}
