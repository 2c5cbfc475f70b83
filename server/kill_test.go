package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"muster/db"
	"muster/db/dbtest"
	"muster/db/embedded"
)

// installation is a Muster as an operator runs it: on a PostgreSQL of its own on a real disk, which outlives it, and with
// a mail server.
type installation struct {
	bin   string
	url   string
	admin *pgx.Conn
	sink  *sink
}

func install(t *testing.T) *installation {
	t.Helper()
	i := &installation{bin: binary(t)}
	t.Parallel()
	pg, err := embedded.Start(t.Context(), embedded.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pg.Stop(); err != nil {
			t.Error(err)
		}
	})
	i.url, i.sink = pg.URL(), newSink(t)
	i.admin = dbtest.Admin(t, i.url)
	return i
}

// start starts an instance on a port, in batches of fifty.
func (i *installation) start(t *testing.T, port int) (*process, *muster) {
	t.Helper()
	url := fmt.Sprintf("http://localhost:%d", port)
	p := launch(t, i.bin, []string{
		"DATABASE_URL=" + i.url, "SMTP_URL=" + i.sink.url(), "MUSTER_PUBLIC_URL=" + url, fmt.Sprintf("MUSTER_ADDR=127.0.0.1:%d", port),
		"MUSTER_SECRET_KEY=" + killKey, "MUSTER_SWEEP_BATCH=50", "MUSTER_LOG_LEVEL=warn",
	})
	return p, &muster{URL: url, DBURL: i.url, Log: p.log, clock: &clock{}}
}

const killKey = "a key for tests of kills, long enough to be taken"

const (
	removable = 2000 // members without 2FA
	compliant = 100  // members with
)

// population is an organization and who is in it.
type population struct {
	organization *organization
	emails       []string // of the members without 2FA
}

// populate makes an organization over the API, its owner with a real authenticator, and fills it by SQL.
func (i *installation) populate(t *testing.T, m *muster) population {
	t.Helper()
	owner := m.signUp(t, "Owner")
	o := owner.organization(t)
	owner.enroll(t)
	p := population{organization: o}
	var users, members, emails, factored, authenticators, kinds []string
	for n := range removable + compliant {
		user := db.NewID(db.UserID)
		users, members = append(users, user), append(members, db.NewID(db.MemberID))
		emails = append(emails, fmt.Sprintf("member%d@people.example", n))
		// Spread among the others, so that no batch is all of one kind.
		if n%21 == 20 {
			factored, authenticators = append(factored, user), append(authenticators, db.NewID(db.AuthenticatorID))
			kinds = append(kinds, []string{"TOTP", "PHONE", "SECURITY_KEY"}[n%3])
		} else {
			p.emails = append(p.emails, emails[n])
		}
	}
	if len(p.emails) != removable {
		t.Fatalf("%d members without 2FA, want %d", len(p.emails), removable)
	}
	for _, statement := range []struct {
		sql  string
		args []any
	}{
		{`INSERT INTO users (id, name, email) SELECT id, 'Member ' || id, email FROM unnest($1::text[], $2::text[]) AS x (id, email)`, []any{users, emails}},
		{`INSERT INTO members (id, organization_id, user_id, role, status) SELECT id, $3, u, 'MEMBER', 'ACTIVE' FROM unnest($1::text[], $2::text[]) AS x (id, u)`, []any{members, users, o.ID}},
		{`INSERT INTO authenticators (id, user_id, kind, name, confirmed_at) SELECT id, u, kind, 'factor', now() FROM unnest($1::text[], $2::text[], $3::text[]) AS x (id, u, kind)`, []any{authenticators, factored, kinds}},
	} {
		if _, err := i.admin.Exec(t.Context(), statement.sql, statement.args...); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// progress is the sweep's row.
type progress struct {
	Done, Total int
	State       string
	Holder      string
}

func (i *installation) progress(t *testing.T) (p progress) {
	t.Helper()
	err := i.admin.QueryRow(t.Context(), `SELECT done, total, state, coalesce(lease_holder, '') FROM sweeps`).Scan(&p.Done, &p.Total, &p.State, &p.Holder)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// within waits longer than eventually does.
func within(t *testing.T, limit time.Duration, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(limit)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-deadline:
			t.Fatalf("not within %s: %s", limit, what)
		case <-tick.C:
		}
	}
}

// finished expects what must be true when a sweep has ended, however often it was interrupted, and gives how many mails
// were sent twice.
func (i *installation) finished(t *testing.T, p population) (duplicates int) {
	t.Helper()
	if got, want := i.progress(t), (progress{Done: removable, Total: removable, State: "DONE"}); got.Done != want.Done || got.Total != want.Total || got.State != want.State {
		t.Errorf("the sweep is %+v, want %+v", got, want)
	}
	var active, removed, windowless, pending, twice, stray, sequence, entries, last int
	err := i.admin.QueryRow(t.Context(), `
SELECT count(*) FILTER (WHERE m.status = 'ACTIVE' AND u.two_factor <> 'DISABLED'),
       count(*) FILTER (WHERE m.status = 'REMOVED_FOR_2FA' AND u.two_factor = 'DISABLED'),
       count(*) FILTER (WHERE m.status = 'REMOVED_FOR_2FA' AND m.reinstatable_until IS DISTINCT FROM (m.removed_at AT TIME ZONE 'UTC' + interval '3 months') AT TIME ZONE 'UTC'
                          AND abs(extract(epoch FROM m.reinstatable_until - (m.removed_at AT TIME ZONE 'UTC' + interval '3 months') AT TIME ZONE 'UTC')) > 1)
  FROM members m JOIN users u ON u.id = m.user_id WHERE m.organization_id = $1`, p.organization.ID).Scan(&active, &removed, &windowless)
	if err != nil {
		t.Fatal(err)
	}
	if active != compliant+1 || removed != removable || windowless != 0 {
		t.Errorf("%d compliant members are in and %d others removed (%d without their three months), want %d and %d",
			active, removed, windowless, compliant+1, removable)
	}
	err = i.admin.QueryRow(t.Context(), `
WITH pending AS (SELECT target_id, count(*) AS n FROM audit_entries WHERE organization_id = $1 AND action = 'member.pending' GROUP BY 1)
SELECT (SELECT count(*) FROM pending), (SELECT count(*) FROM pending WHERE n > 1),
       (SELECT count(*) FROM pending p LEFT JOIN members m ON m.id = p.target_id WHERE m.status IS DISTINCT FROM 'REMOVED_FOR_2FA'),
       o.audit_seq, (SELECT count(*) FROM audit_entries WHERE organization_id = o.id), (SELECT max(sequence) FROM audit_entries WHERE organization_id = o.id)
  FROM organizations o WHERE o.id = $1`, p.organization.ID).Scan(&pending, &twice, &stray, &sequence, &entries, &last)
	if err != nil {
		t.Fatal(err)
	}
	if pending != removable || twice != 0 || stray != 0 {
		t.Errorf("%d members have a member.pending entry (%d more than one, %d are not removed), want %d", pending, twice, stray, removable)
	}
	if sequence != entries || last != entries {
		t.Errorf("audit_seq %d, max(sequence) %d, count(*) %d: want the same", sequence, last, entries)
	}
	sent := i.sink.count(mandatory)
	for _, email := range p.emails {
		if sent[email] == 0 {
			t.Errorf("%s was never mailed", email)
		}
		duplicates += max(0, sent[email]-1)
	}
	if len(sent) != removable {
		t.Errorf("%d addresses were mailed, want %d", len(sent), removable)
	}
	return duplicates
}

// A sweep that is killed again and again goes on where it was: each member without 2FA is removed once, logged once and
// mailed, and nobody else is touched.
func TestSweepSurvivesKills(t *testing.T) {
	const kills = 20
	i := install(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	port := freePort(t)
	p, m := i.start(t, port)
	p.ready(t)
	people := i.populate(t, m)

	// Where to kill: once right after the mutation, sixteen times after a batch drawn by lot, and at last while mails are
	// still being sent.
	batches := random.Perm(removable/50 - 1)[:16]
	slices.Sort(batches)
	moments := []int{0}
	for _, n := range batches {
		moments = append(moments, (n+1)*50)
	}
	for len(moments) < kills {
		moments = append(moments, removable)
	}

	people.organization.Owner.do(t, `mutation($i: SetRequire2FAInput!) { setRequire2FA(input: $i) { sweep { id } } }`,
		vars{"i": vars{"organizationId": people.organization.ID, "required": true}}, nil)
	begun := time.Now()
	inside := 0
	var recoveries []time.Duration
	for n, moment := range moments {
		within(t, time.Minute, "the sweep gets to "+fmt.Sprint(moment), func() bool { return i.progress(t).Done >= moment })
		// Not always right after a commit: anywhere in the next batch, or among the mails.
		<-time.After(time.Duration(random.Int64N(int64(30 * time.Millisecond))))
		p.kill()
		at := i.progress(t)
		if at.State == "RUNNING" && 0 < at.Done && at.Done < at.Total {
			inside++
		}
		restarted := time.Now()
		p, _ = i.start(t, port)
		if at.State == "DONE" {
			p.ready(t)
		} else {
			within(t, time.Minute, fmt.Sprintf("after kill %d the sweep goes on", n+1), func() bool {
				now := i.progress(t)
				return now.Done > at.Done || now.State == "DONE"
			})
			recoveries = append(recoveries, time.Since(restarted))
		}
	}
	restarted := time.Now()
	within(t, time.Minute, "after the last kill the sweep is done and everybody is mailed", func() bool {
		return i.progress(t).State == "DONE" && len(i.sink.count(mandatory)) >= removable
	})
	t.Logf("%d of %d kills fell at 0 < done < total; the sweep went on %v to %v after each restart; all done %v after the last kill, %v in all",
		inside, kills, slices.Min(recoveries), slices.Max(recoveries), time.Since(restarted), time.Since(begun))
	if inside < 10 {
		t.Errorf("only %d kills fell at 0 < done < total, want at least 10", inside)
	}
	p.interrupt(t)
	if status := p.ended(t); status != 0 {
		t.Errorf("Ctrl-C: status %d", status)
	}
	duplicates := i.finished(t, people)
	t.Logf("%d mails were sent twice", duplicates)
	// Only a mail that the server took in the very moment of a kill is sent again: at most one for each of eight workers,
	// and hardly ever more than one in all.
	if duplicates > 3*kills {
		t.Errorf("%d mails were sent twice in %d kills, want fewer than %d", duplicates, kills, 3*kills)
	}
}

// Two instances on one database: when the one that works on the sweep is killed, the other one finishes it as soon as the
// lease of 30 seconds is over.
func TestOtherInstanceTakesOver(t *testing.T) {
	i := install(t)
	ports := []int{freePort(t), freePort(t)}
	first, m := i.start(t, ports[0])
	first.ready(t)
	second, _ := i.start(t, ports[1])
	second.ready(t)
	people := i.populate(t, m)
	people.organization.Owner.do(t, `mutation($i: SetRequire2FAInput!) { setRequire2FA(input: $i) { sweep { id } } }`,
		vars{"i": vars{"organizationId": people.organization.ID, "required": true}}, nil)
	within(t, patience, "the sweep is under way", func() bool { return i.progress(t).Done >= 200 })
	holder := i.progress(t).Holder
	switch {
	case strings.Contains(holder, fmt.Sprintf(":%d/", ports[0])):
		first.kill()
	case strings.Contains(holder, fmt.Sprintf(":%d/", ports[1])):
		second.kill()
	default:
		t.Fatalf("the sweep is held by %q", holder)
	}
	killed := time.Now()
	at := i.progress(t)
	if at.State != "RUNNING" || at.Done >= at.Total {
		t.Fatalf("the kill came too late: %+v", at)
	}
	within(t, time.Minute, "the other instance finishes the sweep", func() bool { return i.progress(t).State == "DONE" })
	t.Logf("killed at %d of %d; the other instance was done %v later", at.Done, at.Total, time.Since(killed))
	// The few mails that the killed one had taken come back when River gives them up, after a minute.
	within(t, 3*time.Minute, "everybody is mailed", func() bool { return len(i.sink.count(mandatory)) >= removable })
	t.Logf("everybody was mailed %v after the kill; %d mails twice", time.Since(killed), i.finished(t, people))
}
