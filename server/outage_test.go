package main

import (
	"strings"
	"testing"
	"time"

	"muster/db/dbtest"
)

// waits is how often a subscription has waited for the database.
func (m *muster) waits() int { return strings.Count(m.Log.String(), "a watch waits for the database") }

// The database is away for a moment when subscriptions begin, at each of the first things that they ask it. They wait, as those
// do that have begun.
func TestSubscriptionsBeginInAShortOutage(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner := m.signUp(t, "Olivia")
	o := owner.organization(t)
	for _, table := range []string{"sessions", "organizations", "members"} {
		s := m.dial(t, owner.Token)
		tape := s.record()
		for id, query := range map[string]string{"log": watchAudit, "place": watchViewer} {
			before := m.waits()
			m.exec(t, `ALTER TABLE `+table+` RENAME TO gone`)
			s.subscribe(id, query, vars{"o": o.ID, "after": 0})
			eventually(t, "it waits", func() bool { return m.waits() > before || len(tape.of(id)) > 0 })
			m.exec(t, `ALTER TABLE gone RENAME TO `+table)
			eventually(t, "its first event", func() bool { return len(tape.of(id)) > 0 })
			if f := tape.of(id)[0]; f.Type != "next" || m.waits() == before {
				t.Errorf("without %s for a moment, the %s got %s %s", table, id, f.Type, f.Payload)
			}
		}
	}
}

// In an outage that lasts, whoever subscribes is told in time, and told what trying again may mend.
func TestASubscriptionEndsInALongOutage(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner := m.signUp(t, "Olivia")
	o := owner.organization(t)
	s := m.dial(t, owner.Token)
	for _, table := range []string{"sessions", "organizations"} {
		m.exec(t, `ALTER TABLE `+table+` RENAME TO gone`)
		began := time.Now()
		s.subscribe(table, watchAudit, vars{"o": o.ID, "after": 0})
		if code := s.ends(table); code != "INTERNAL" {
			t.Errorf("without %s it ended with %s, want INTERNAL", table, code)
		}
		if took := time.Since(began); took < 4*time.Second {
			t.Errorf("without %s it ended after %s: nothing was waited out", table, took)
		}
		m.exec(t, `ALTER TABLE gone RENAME TO `+table)
	}
}

// It is the same where the database says nothing at all: a statement's time ends with the operation's then, and which of the two is
// seen first is chance.
func TestASubscriptionEndsWhereTheDatabaseIsSilent(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner := m.signUp(t, "Olivia")
	o := owner.organization(t)
	s := m.dial(t, owner.Token)
	tape := s.record()
	admin := dbtest.Admin(t, m.DBURL)
	send := func(statement string) {
		if _, err := admin.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	for _, table := range []string{"sessions", "organizations"} {
		send(`BEGIN; LOCK TABLE ` + table + ` IN ACCESS EXCLUSIVE MODE`)
		ids := []string{table + "1", table + "2", table + "3"}
		for _, id := range ids {
			s.subscribe(id, watchAudit, vars{"o": o.ID, "after": 0})
		}
		for _, id := range ids {
			eventually(t, id+" ends", func() bool { return len(tape.of(id)) > 0 })
			if f := tape.of(id)[0]; f.Type != "error" || !strings.Contains(string(f.Payload), `"INTERNAL"`) {
				t.Errorf("where %s do not answer it got %s %s, want INTERNAL", table, f.Type, f.Payload)
			}
		}
		send(`ROLLBACK`)
	}
}
