package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// noise is what may change in a table without anything having happened: use is noted, mails go out, guesses are counted.
var noise = map[string][]string{
	"sessions":    {"used_at", "tries"},
	"api_tokens":  {"used_at"},
	"members":     {"last_seen_at"},
	"invitations": {"delivery"},
	"phone_codes": {"guesses"},
	// A job's own life goes on by itself; what counts is that it exists, and what it is to do.
	"river_job": {
		"state", "attempt", "attempted_at", "attempted_by", "errors", "finalized_at", "scheduled_at", "metadata", "unique_states",
	},
}

// restless are the tables that count tries, or in which River keeps house.
func restless(table string) bool {
	return table == "rate_limits" || table == "wrong_codes" || strings.HasPrefix(table, "bun_") || strings.HasPrefix(table, "river_") && table != "river_job"
}

// snapshot is every row of every table, less the noise.
func (m *muster) snapshot(t testing.TB) []string {
	t.Helper()
	conn, done := m.brief(t)
	defer done()
	rows, err := conn.Query(t.Context(), `SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename`)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	all := []string{}
	for _, table := range tables {
		if restless(table) {
			continue
		}
		ignored := noise[table]
		if ignored == nil {
			ignored = []string{}
		}
		rows, err := conn.Query(t.Context(), fmt.Sprintf(`SELECT '%[1]s ' || (to_jsonb(t) - $1::text[])::text FROM %[1]s t`, table), ignored)
		if err != nil {
			t.Fatal(err)
		}
		found, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, found...)
	}
	slices.Sort(all)
	return all
}

// atRest waits until no job and no sweep has anything left to do.
func (m *muster) atRest(t testing.TB) {
	t.Helper()
	conn, done := m.brief(t)
	defer done()
	eventually(t, "all jobs are done", func() bool {
		var busy bool
		const question = `SELECT EXISTS (SELECT FROM river_job WHERE state IN ('available', 'running', 'retryable', 'scheduled', 'pending'))
		  OR EXISTS (SELECT FROM sweeps WHERE state IN ('QUEUED', 'RUNNING'))`
		if err := conn.QueryRow(t.Context(), question).Scan(&busy); err != nil {
			t.Fatal(err)
		}
		return !busy
	})
}

// logged is every line of both kinds of log as "table action", in the order in which they were written.
func (m *muster) logged(t testing.TB) []string {
	t.Helper()
	conn, done := m.brief(t)
	defer done()
	rows, err := conn.Query(t.Context(), `
SELECT line FROM (SELECT 'organization ' || action AS line, created_at, id FROM audit_entries
                  UNION ALL SELECT 'account ' || action, created_at, id FROM security_events) l ORDER BY created_at, id`)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return lines
}
