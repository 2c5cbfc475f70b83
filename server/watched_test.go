package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"muster/server/transport"
)

// TestAFaultEndsNoWatch: the gate's question fails, as in a failover, at the entry before which everybody who watches has to be asked
// about. Nothing is told until it can be asked; then everybody has everything, who watches together and who watches alone.
func TestAFaultEndsNoWatch(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner := m.signUp(t, "Olivia")
	o := owner.organization(t)
	s := m.dial(t, owner.Token)
	tape := s.record()
	s.subscribe("together", watchAudit, vars{"o": o.ID, "after": 0})
	s.subscribe("alone", watchRemovals, vars{"o": o.ID, "after": 0})
	eventually(t, "watching", func() bool {
		return m.Sockets.Stats() == transport.Stats{Sockets: 1, Operations: 2, Groups: 1}
	})
	// A client reads what it is told after it was told.
	before := o.auditSequence(t, m.admin(t))
	eventually(t, "everything until now is told", func() bool { return len(tape.of("together")) == before })
	m.exec(t, `ALTER TABLE sessions RENAME TO gone`)
	m.exec(t, `
WITH o AS (UPDATE organizations SET audit_seq = audit_seq + 1 WHERE id = $1 RETURNING id, audit_seq)
INSERT INTO audit_entries (organization_id, sequence, id, action, actor_label, target_label, message)
SELECT id, audit_seq, 'aud_x', 'member.remove', 'Test', 'Test', 'x' FROM o`, o.ID)
	m.exec(t, `SELECT pg_notify('muster', $1)`, o.ID)
	eventually(t, "both wait", func() bool { return strings.Count(m.Log.String(), "a watch waits for the database") >= 2 })
	if told := len(tape.of("together")) - before + len(tape.of("alone")); told != 0 {
		t.Errorf("%d frames were told while nobody could be asked about", told)
	}
	m.exec(t, `ALTER TABLE gone RENAME TO sessions`)
	eventually(t, "both are told", func() bool { return len(tape.of("together")) == before+1 && len(tape.of("alone")) == 1 })
	for _, id := range []string{"together", "alone"} {
		for _, f := range tape.of(id) {
			if f.Type != "next" {
				t.Errorf("%s got %s %s", id, f.Type, f.Payload)
			}
		}
	}
}

// TestAFilteredWatch: whoever watches for a few entries of a long log gets those, once and in order, over several pages and on into
// what commits; also where what is left out changes who may watch.
func TestAFilteredWatch(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner := m.signUp(t, "Olivia")
	o := owner.organization(t)
	const entries, every = 2_000, 7
	m.exec(t, `
WITH o AS (UPDATE organizations SET audit_seq = audit_seq + $2 WHERE id = $1 RETURNING id, audit_seq - $2 AS last)
INSERT INTO audit_entries (organization_id, sequence, id, action, actor_label, target_label, message)
SELECT id, last + n, 'aud_' || n, CASE WHEN (last + n) % $3 = 0 THEN 'project.create' ELSE 'member.edit' END, 'Test', 'Test', 'x' FROM o, generate_series(1, $2::int) n`,
		o.ID, entries, every)
	const watch = `subscription($o: ID!, $after: Int) { auditLog(organizationId: $o, after: $after, filter: {actions: ["project.create", "token.revoke"]}) { sequence } }`
	s := m.dial(t, owner.Token)
	tape := s.record()
	for _, after := range []int{0, 700, 701, 1_999} {
		id := fmt.Sprint(after)
		s.subscribe(id, watch, vars{"o": o.ID, "after": after})
	}
	told := func(after int) (sequences []int) {
		for _, f := range tape.of(fmt.Sprint(after)) {
			var data struct {
				Data struct{ AuditLog struct{ Sequence int } }
			}
			if err := json.Unmarshal(f.Payload, &data); err != nil || f.Type != "next" {
				t.Fatalf("after %d: %s %s", after, f.Type, f.Payload)
			}
			sequences = append(sequences, data.Data.AuditLog.Sequence)
		}
		return sequences
	}
	last := o.auditSequence(t, m.admin(t))
	expect := func(also ...int) {
		t.Helper()
		for _, after := range []int{0, 700, 701, 1_999} {
			var want []int
			for n := (after/every + 1) * every; n <= last; n += every {
				want = append(want, n)
			}
			want = append(want, also...)
			eventually(t, "everything is told", func() bool { return len(told(after)) >= len(want) })
			if got := told(after); !slices.Equal(got, want) {
				t.Errorf("after %d: got %v, want %v", after, got, want)
			}
		}
	}
	expect()
	m.exec(t, `
WITH o AS (UPDATE organizations SET audit_seq = audit_seq + 2 WHERE id = $1 RETURNING id, audit_seq)
INSERT INTO audit_entries (organization_id, sequence, id, action, actor_label, target_label, message)
SELECT id, audit_seq - 2 + n, 'aud_x' || n, ('{team.create,token.revoke}'::text[])[n], 'Test', 'Test', 'x' FROM o, generate_series(1, 2) n`, o.ID)
	m.exec(t, `SELECT pg_notify('muster', $1)`, o.ID)
	expect(last + 2)
}
