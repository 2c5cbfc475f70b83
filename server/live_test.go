package main

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"muster/app"
	"muster/org"
	"muster/server/settings"
)

const createTeam = `mutation($i: CreateTeamInput!) { createTeam(input: $i) { team { id } } }`

// writeTeams writes n entries into the organization's log over HTTP.
func (o *organization) writeTeams(t testing.TB, by *person, prefix string, n int) {
	t.Helper()
	for i := range n {
		slug := fmt.Sprintf("%s-%d", prefix, i)
		by.do(t, createTeam, vars{"i": vars{"organizationId": o.ID, "slug": slug, "name": slug}}, nil)
	}
}

// Whoever watches sees each entry once, in order, without a gap: from the first, from now and from the middle, on either
// of two servers, fast or slow, under 16 writers, while the connections that listen for wake-ups break again and again.
func TestLiveLogHasNoGap(t *testing.T) {
	t.Parallel()
	const writers, each = 16, 40
	a := start(t)
	b := a.beside(t, "test-b")
	owner := a.signUp(t, "Olivia")
	o := owner.organization(t)
	admin := a.admin(t)
	_, stopCutting := a.cutListeners(t)

	// This one asks for nothing while everything is written: far more than is kept for it.
	slowOn := 1
	as := a.as(t, owner.Token)
	slow, err := a.App.WatchAudit(as, o.ID, &slowOn, nil)
	if err != nil {
		t.Fatal(err)
	}
	next, stop := iter.Pull2(slow.Events(as, false))
	defer stop()
	o.writeTeams(t, owner, "before", 10)
	if e, err, ok := next(); !ok || err != nil || e.Sequence != 2 {
		t.Fatalf("the slow one began with %+v, %v, %v", e, err, ok)
	}

	type place struct {
		tape  *tape
		first int // 0: any above above
		above int
	}
	places := map[string]place{}
	watch := func(name string, m *muster, after any, first, above int) {
		s := m.dial(t, owner.Token)
		s.subscribe("log", watchAudit, vars{"o": o.ID, "after": after})
		places[name] = place{s.record(), first, above}
	}
	watch("from the first on A", a, 0, 1, 0)
	watch("from the first on B", b, 0, 1, 0)
	watch("from the middle on A", a, 5, 6, 0)
	watch("from the middle on B", b, 7, 8, 0)
	for _, p := range places {
		eventually(t, "what was there is delivered", func() bool { return p.tape.last(t, "log") == 11 })
	}
	watch("from now on A", a, nil, 0, 11)
	watch("from now on B", b, nil, 0, 11)

	var working errgroup.Group
	half := make(chan struct{})
	var once sync.Once
	for w := range writers {
		m := []*muster{a, b}[w%2]
		ctx := m.as(t, owner.Token)
		working.Go(func() error {
			for i := range each {
				slug := fmt.Sprintf("writer-%d-%d", w, i)
				if w < writers/2 {
					got, err := m.tryPost(owner.Token, createTeam, vars{"i": vars{"organizationId": o.ID, "slug": slug, "name": slug}})
					if err != nil || got.Code() != "" {
						return fmt.Errorf("writer %d: %w %+v", w, err, got.Errors)
					}
				} else if _, err := m.App.CreateTeam(ctx, app.CreateTeamInput{OrganizationID: o.ID, Slug: slug, Name: slug}); err != nil {
					return fmt.Errorf("writer %d: %w", w, err)
				}
				if i == each/2 {
					once.Do(func() { close(half) })
				}
			}
			return nil
		})
	}
	<-half
	from := o.auditSequence(t, admin)
	watch("from the middle of the writing on A", a, from-100, from-99, 0)
	watch("from now, among the writing, on B", b, nil, 0, from)
	if err := working.Wait(); err != nil {
		t.Fatal(err)
	}
	// One more for those who began with now: theirs may be the first.
	o.writeTeams(t, owner, "last", 1)
	last := o.auditSequence(t, admin)
	if want := 1 + 10 + writers*each + 1; last != want {
		t.Errorf("the log ends at %d, want %d", last, want)
	}
	for name, p := range places {
		eventually(t, name+" has seen the last entry", func() bool { return p.tape.last(t, "log") >= last })
	}
	stopCutting()
	for name, p := range places {
		sequences := p.tape.sequences(t, "log")
		first := p.first
		if first == 0 {
			if first = sequences[0]; first <= p.above {
				t.Errorf("%s began with %d, which was there before", name, first)
			}
		}
		unbroken(t, name, sequences, first, last)
	}
	sequences := []int{2}
	for sequences[len(sequences)-1] < last {
		e, err, ok := next()
		if err != nil || !ok {
			t.Fatalf("the slow one ended after %d: %v", sequences[len(sequences)-1], err)
		}
		sequences = append(sequences, e.Sequence)
	}
	unbroken(t, "the slow one", sequences, 2, last)
}

// A client that does not read for a while falls behind a burst, catches up from the table and goes on live; nobody else
// waits for it.
func TestSlowSocketCatchesUp(t *testing.T) {
	t.Parallel()
	const burst = 2000
	m := start(t)
	m.Sockets.WriteTimeout = patience // here a slow client is slow for as long as the test wants
	owner := m.signUp(t, "Olivia")
	o := owner.organization(t)
	slow := m.dialNarrow(t, owner.Token)
	slow.subscribe("log", `subscription($o: ID!) { auditLog(organizationId: $o, after: 0) { id sequence action message } }`, vars{"o": o.ID})
	slow.next("log", &event{})
	fast := m.dial(t, owner.Token)
	fast.subscribe("log", watchAudit, vars{"o": o.ID, "after": 0})
	quick := fast.record()

	// Two megabytes at once, as a large sweep would write them.
	m.exec(t, `
WITH o AS (UPDATE organizations SET audit_seq = audit_seq + $2 WHERE id = $1 RETURNING id, audit_seq - $2 AS last)
INSERT INTO audit_entries (organization_id, sequence, id, action, actor_label, target_label, message)
SELECT o.id, o.last + n, 'aud_' || n, 'org.edit', 'Test', 'Test', repeat('x', 1000) FROM o, generate_series(1, $2::int) n`, o.ID, burst)
	m.exec(t, `SELECT pg_notify('muster', $1)`, o.ID)
	eventually(t, "the fast one has the burst", func() bool { return quick.last(t, "log") == 1+burst })
	unbroken(t, "the fast one", quick.sequences(t, "log"), 1, 1+burst)

	late := slow.record()
	eventually(t, "the slow one has the burst", func() bool { return late.last(t, "log") == 1+burst })
	o.writeTeams(t, owner, "live", 3)
	eventually(t, "the slow one is live again", func() bool { return late.last(t, "log") == 1+burst+3 })
	unbroken(t, "the slow one", late.sequences(t, "log"), 2, 1+burst+3)
}

// What retention has trimmed is said, with the first number kept, and not passed over.
func TestHistoryTrimmed(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner := m.signUp(t, "Olivia")
	o := owner.organization(t)
	o.writeTeams(t, owner, "team", 9)
	admin := m.admin(t)
	sql := func(statement string, args ...any) {
		if _, err := admin.Exec(t.Context(), statement, args...); err != nil {
			t.Fatal(err)
		}
	}
	// The entries come back in the end: every test's log is checked for gaps.
	sql(`CREATE TABLE kept AS SELECT * FROM audit_entries`)
	sql(`ALTER TABLE audit_entries DISABLE TRIGGER append_only`)
	sql(`DELETE FROM audit_entries WHERE organization_id = $1 AND sequence <= 4`, o.ID)

	s := m.dial(t, owner.Token)
	watched := s.record()
	refused := func(id, query string, after, first int) {
		t.Helper()
		s.subscribe(id, query, vars{"o": o.ID, "after": after})
		eventually(t, id+" is refused", func() bool { f, _ := watched.refusal(t, id); return f != nil })
		_, got := watched.refusal(t, id)
		if got.Extensions["code"] != "HISTORY_TRIMMED" || got.Extensions["first"] != float64(first) {
			t.Errorf("%s ended with %v, want HISTORY_TRIMMED and first %d", id, got.Extensions, first)
		}
		if events := watched.events(t, id); len(events) > 0 {
			t.Errorf("%s delivered %v", id, events)
		}
	}
	refused("log after 0", watchAudit, 0, 5)
	refused("log after 3", watchAudit, 3, 5)
	refused("removals after 0", watchRemovals, 0, 5)
	s.subscribe("log after 4", watchAudit, vars{"o": o.ID, "after": 4})
	eventually(t, "what is kept arrives", func() bool { return watched.last(t, "log after 4") == 10 })
	unbroken(t, "after 4", watched.sequences(t, "log after 4"), 5, 10)

	// Nothing is kept at all: the next entry is the first.
	sql(`DELETE FROM audit_entries WHERE organization_id = $1`, o.ID)
	refused("nothing kept", watchAudit, 9, 11)
	s.subscribe("the next", watchAudit, vars{"o": o.ID, "after": 10})
	sql(`INSERT INTO audit_entries SELECT * FROM kept`)
	sql(`ALTER TABLE audit_entries ENABLE TRIGGER append_only`)
	o.writeTeams(t, owner, "later", 1)
	eventually(t, "the next one arrives", func() bool { return watched.last(t, "the next") == 11 })
	unbroken(t, "after the newest", watched.sequences(t, "the next"), 11, 11)
}

// A retention that overtakes somebody who is behind ends the watch: a gap is never passed over.
func TestHistoryTrimmedWhileBehind(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner := m.signUp(t, "Olivia")
	o := owner.organization(t)
	o.writeTeams(t, owner, "team", 250)
	from := 0
	as := m.as(t, owner.Token)
	watch, err := m.App.WatchAudit(as, o.ID, &from, nil)
	if err != nil {
		t.Fatal(err)
	}
	next, stop := iter.Pull2(watch.Events(as, false))
	defer stop()
	if e, err, ok := next(); !ok || err != nil || e.Sequence != 1 {
		t.Fatalf("began with %+v, %v, %v", e, err, ok)
	}
	m.exec(t, `CREATE TABLE kept AS SELECT * FROM audit_entries`)
	m.exec(t, `ALTER TABLE audit_entries DISABLE TRIGGER append_only`)
	m.exec(t, `DELETE FROM audit_entries WHERE sequence <= 200`)
	for seen := 1; ; seen++ {
		e, err, ok := next()
		if !ok {
			t.Fatal("the watch ended without a word")
		}
		if err == nil {
			if e.Sequence != seen+1 {
				t.Fatalf("saw %d after %d", e.Sequence, seen)
			}
			continue
		}
		var refusal *org.Error
		if !errors.As(err, &refusal) || refusal.Code != org.CodeHistoryTrimmed || refusal.First != 201 {
			t.Fatalf("ended with %v, want HISTORY_TRIMMED and first 201", err)
		}
		break
	}
	m.exec(t, `INSERT INTO audit_entries SELECT * FROM kept WHERE sequence <= 200`)
	m.exec(t, `ALTER TABLE audit_entries ENABLE TRIGGER append_only`)
}

// A filter narrows what is delivered, both what was there and what comes; a name that does not exist is an error.
func TestFilteredWatch(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner, max := m.signUp(t, "Olivia"), m.signUp(t, "Max")
	o := owner.organization(t)         // 1
	o.writeTeams(t, owner, "early", 2) // 2, 3
	maxID := o.join(t, max, "MANAGER") // 4 invite, 5 accept
	s := m.dial(t, owner.Token)
	watched := s.record()
	s.subscribe("action", watchAudit, vars{"o": o.ID, "after": 0, "f": vars{"actions": []string{"team.create"}}})
	s.subscribe("actor", watchAudit, vars{"o": o.ID, "after": 0, "f": vars{"actor": userID(t, max)}})
	s.subscribe("target", watchAudit, vars{"o": o.ID, "after": 0, "f": vars{"target": maxID}})
	s.subscribe("unknown", watchAudit, vars{"o": o.ID, "after": 0, "f": vars{"actions": []string{"team.create", "team.destroy"}}})
	s.subscribe("negative", watchAudit, vars{"o": o.ID, "after": -1})
	s.subscribe("ahead", watchAudit, vars{"o": o.ID, "after": 1000})
	o.writeTeams(t, max, "late", 1)     // 6
	o.writeTeams(t, owner, "latest", 1) // 7
	want := map[string][]int{"action": {2, 3, 6, 7}, "actor": {5, 6}, "target": {4, 5}}
	for id, sequences := range want {
		eventually(t, id+" has all", func() bool { return len(watched.sequences(t, id)) >= len(sequences) })
		if diff := cmp.Diff(sequences, watched.sequences(t, id)); diff != "" {
			t.Errorf("filtered by %s (-want +got):\n%s", id, diff)
		}
	}
	for id, field := range map[string]string{"unknown": "filter.actions", "negative": "after", "ahead": "after"} {
		eventually(t, id+" is refused", func() bool { f, _ := watched.refusal(t, id); return f != nil })
		if _, got := watched.refusal(t, id); got.Extensions["code"] != "BAD_INPUT" || got.Extensions["field"] != field {
			t.Errorf("%s ended with %v, want BAD_INPUT of %s", id, got.Extensions, field)
		}
	}
	_, got := watched.refusal(t, "unknown")
	if !strings.Contains(got.Message, "team.destroy") || !strings.Contains(got.Message, "team.create") {
		t.Errorf("the message neither names the mistake nor what there is: %q", got.Message)
	}
}

func userID(t testing.TB, p *person) string {
	t.Helper()
	var out struct{ Viewer struct{ ID string } }
	p.do(t, `{ viewer { id } }`, nil, &out)
	return out.Viewer.ID
}

// A sweep is watched to its end, whichever server works on it; one that is over is told of once. Removals are delivered
// with their reason, from the first one on and live.
func TestSweepAndRemovals(t *testing.T) {
	t.Parallel()
	a := start(t, func(_ *settings.Settings, c *app.Config) { c.SweepBatch = 2 })
	b := a.beside(t, "test-b", func(_ *settings.Settings, c *app.Config) { c.SweepBatch = 2 })
	owner, manual, left := a.signUp(t, "Olivia"), a.signUp(t, "Mia"), a.signUp(t, "Leo")
	owner.enroll(t)
	o := owner.organization(t)
	manualID, _ := o.join(t, manual, "MEMBER"), o.join(t, left, "MEMBER")
	swept := map[string]bool{}
	for i := range 5 {
		swept[o.join(t, a.signUp(t, fmt.Sprintf("Sam%d", i)), "MEMBER")] = true
	}
	early := b.dial(t, owner.Token)
	live := early.record()
	early.subscribe("gone", watchRemovals, vars{"o": o.ID, "after": 0})
	owner.do(t, `mutation($m: ID!) { removeMember(input: {memberId: $m}) { removedMemberId } }`, vars{"m": manualID}, nil)
	left.do(t, `mutation($o: ID!) { leaveOrganization(input: {organizationId: $o}) { user { id } } }`, vars{"o": o.ID}, nil)

	held := o.holdSweep(t)
	var required struct {
		SetRequire2FA struct{ Sweep struct{ ID string } }
	}
	owner.do(t, `mutation($o: ID!) { setRequire2FA(input: {organizationId: $o, required: true}) { sweep { id } } }`, vars{"o": o.ID}, &required)
	if required.SetRequire2FA.Sweep.ID != held {
		t.Fatalf("answered the sweep %s, want the unfinished %s", required.SetRequire2FA.Sweep.ID, held)
	}
	sockets := map[string]*tape{}
	for name, m := range map[string]*muster{"A": a, "B": b} {
		s := m.dial(t, owner.Token)
		s.subscribe("sweep", watchSweep, vars{"id": held})
		sockets[name] = s.record()
		eventually(t, "the sweep's state arrives", func() bool { return len(sockets[name].events(t, "sweep")) == 1 })
	}
	a.exec(t, `UPDATE sweeps SET lease_until = NULL WHERE id = $1`, held)
	for name, watched := range sockets {
		eventually(t, "the sweep's end arrives at "+name, func() bool { return watched.completed("sweep") })
		done := -1
		events := watched.events(t, "sweep")
		for i, e := range events {
			if e.Sweep.ID != held || e.Sweep.Done < done || (e.Sweep.State == "DONE") != (i == len(events)-1) {
				t.Errorf("%s saw %+v as number %d of %d, after %d done", name, *e.Sweep, i+1, len(events), done)
			}
			done = e.Sweep.Done
		}
		if end := events[len(events)-1].Sweep; end.Done != 5 || end.Total != 5 {
			t.Errorf("%s saw the sweep end with %+v, want 5 of 5", name, *end)
		}
	}
	late := a.dial(t, owner.Token)
	late.subscribe("sweep", watchSweep, vars{"id": held})
	late.subscribe("gone", watchRemovals, vars{"o": o.ID, "after": 0})
	after := late.record()
	eventually(t, "a sweep that is over completes", func() bool { return after.completed("sweep") })
	if events := after.events(t, "sweep"); len(events) != 1 || events[0].Sweep.State != "DONE" {
		t.Errorf("a sweep that is over gave %+v", events)
	}

	for name, watched := range map[string]*tape{"live": live, "backfill": after} {
		eventually(t, name+" has all removals", func() bool { return len(watched.events(t, "gone")) >= 7 })
		var reasons []string
		for _, e := range watched.events(t, "gone") {
			r := e.MemberRemoved
			reasons = append(reasons, r.Reason)
			if r.Reason != "TWO_FACTOR" {
				if r.Member != nil {
					t.Errorf("%s: a member who is gone for good is %+v, want null", name, r.Member)
				}
			} else if r.Member == nil || !swept[r.Member.ID] || r.Member.Status != "REMOVED_FOR_2FA" {
				t.Errorf("%s: %s is of %+v", name, r.Entry.Action, r.Member)
			}
		}
		want := append([]string{"MANUAL", "LEFT"}, slices.Repeat([]string{"TWO_FACTOR"}, 5)...)
		if diff := cmp.Diff(want, reasons); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
