package db_test

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"muster/db/dbtest"
)

// TestSweepsLookAtNobodyElse: whom a batch removes is found without a look at the others, be they compliant, removed already, or all
// alike, so that no column of an index says more than another.
func TestSweepsLookAtNobodyElse(t *testing.T) {
	t.Parallel()
	d, admin := open(t)
	const n, batch = 3000, 100
	for name, people := range map[string]struct{ twoFactor, status string }{
		"all alike":             {`'DISABLED'`, `'ACTIVE'`},
		"the last ones only":    {`CASE WHEN n > 2900 THEN 'DISABLED' ELSE 'SECURE' END`, `'ACTIVE'`},
		"half of them":          {`CASE n % 2 WHEN 0 THEN 'DISABLED' ELSE 'SECURE' END`, `'ACTIVE'`},
		"most are gone already": {`'DISABLED'`, `CASE WHEN n > 2000 THEN 'ACTIVE' ELSE 'REMOVED_FOR_2FA' END`},
	} {
		o := addOrganization(t, d, strings.ReplaceAll(name, " ", "-"))
		exec(t, admin, `INSERT INTO users (id, name, email, two_factor) SELECT $1 || n, n, n || '@' || $1, `+people.twoFactor+` FROM generate_series(1, $2::int) n`, o, n)
		exec(t, admin, `
INSERT INTO members (id, organization_id, user_id, role, status, removed_at, reinstatable_until)
SELECT 'mem_' || lpad(n::text, 9, '0'), $1, $1 || n, 'MEMBER', status, gone, gone
  FROM generate_series(1, $2::int) n, LATERAL (SELECT `+people.status+` AS status) s,
       LATERAL (SELECT CASE status WHEN 'ACTIVE' THEN NULL ELSE now() END AS gone) g`, o, n)
		exec(t, admin, `VACUUM ANALYZE users, members`)
		for _, after := range []string{"", fmt.Sprintf("mem_%09d", n-200)} {
			looks, plan, err := d.LooksForSweep(t.Context(), o, after, batch)
			must(t, err)
			if looks > 10*batch {
				t.Errorf("%s, after %q: %d looks for %d members: %s", name, after, looks, batch, plan)
			}
			t.Logf("%s, after %q: %d looks for %d members", name, after, looks, batch)
		}
	}
}

// TestKeptFiguresCostAsMuchAsTheirRows: what keeps the figures of an organization reads each row of a statement once, also where a
// connection has kept a plan for statements of one row; and no account but those of its rows, also where it has kept none.
func TestKeptFiguresCostAsMuchAsTheirRows(t *testing.T) {
	t.Parallel()
	config, err := pgx.ParseConfig(dbtest.URL(t))
	must(t, err)
	var told strings.Builder
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { told.WriteString(n.Message) }
	const n = 500
	for i, kept := range []bool{false, true} {
		conn, err := pgx.ConnectConfig(t.Context(), config)
		must(t, err)
		t.Cleanup(func() { must(t, conn.Close(context.WithoutCancel(t.Context()))) })
		o := fmt.Sprint("org", i)
		for id, n := range map[string]int{o: n, o + "-other": 20 * n} {
			exec(t, conn, `INSERT INTO organizations (id, slug, name) VALUES ($1, $1, $1)`, id)
			crowd(t, conn, id, n)
		}
		exec(t, conn, `VACUUM ANALYZE users, members`)
		if kept {
			for range 20 { // more than PostgreSQL plans anew
				exec(t, conn, `UPDATE members SET last_seen_at = now() WHERE organization_id = $1 AND user_id = 'usr_' || $1 || '_7'`, o)
			}
		} else {
			exec(t, conn, `DISCARD PLANS`)
		}
		exec(t, conn, `
LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; SET auto_explain.log_nested_statements = on; SET auto_explain.log_analyze = on;
SET auto_explain.log_timing = off; SET auto_explain.log_level = notice`)
		told.Reset()
		exec(t, conn, `UPDATE members SET status = 'REMOVED_FOR_2FA', removed_at = now(), reinstatable_until = now() WHERE organization_id = $1 AND user_id IS NOT NULL`, o)
		plan := told.String()
		if read := rowsRead(t, plan, `Named Tuplestore Scan`); read != 2*n { // as they were, and as they are
			t.Errorf("with a kept plan %t: %d rows were read for %d that changed:\n%s", kept, read, n, plan)
		}
		if read := rowsRead(t, plan, `(?:Seq|Index) Scan(?: using \w+)? on users`); read != n {
			t.Errorf("with a kept plan %t: %d accounts were read for %d rows that changed:\n%s", kept, read, n, plan)
		}
	}
}

// rowsRead is how many rows the nodes of a plan gave.
func rowsRead(t *testing.T, plan, node string) (read int) {
	t.Helper()
	for _, scan := range regexp.MustCompile(node+`.*\(actual rows=(\d+) loops=(\d+)\)`).FindAllStringSubmatch(plan, -1) {
		rows, err := strconv.Atoi(scan[1])
		must(t, err)
		loops, err := strconv.Atoi(scan[2])
		must(t, err)
		read += rows * loops
	}
	return read
}
