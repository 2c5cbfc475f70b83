package db_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"muster/db"
	"muster/db/dbtest"
	"muster/org"
)

// months are the tables of the audit log, oldest first.
func months(t *testing.T, admin *pgx.Conn) []string {
	t.Helper()
	return value[[]string](t, admin, `
SELECT array_agg(c.relname::text ORDER BY c.relname) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'audit_entries'::regclass`)
}

// month names the log's table of the month so many months from now.
func month(t *testing.T, admin *pgx.Conn, ahead int) string {
	t.Helper()
	return value[string](t, admin, `
SELECT 'audit_entries_' || to_char(clock_timestamp() AT TIME ZONE 'UTC' + make_interval(months => $1), 'YYYY_MM')`, ahead)
}

// TestRetentionDropsWholeMonths: what is older than what is kept goes month by month, nothing of what is kept goes, and
// what is left of each log has no gap.
func TestRetentionDropsWholeMonths(t *testing.T) {
	t.Parallel()
	url := dbtest.URL(t)
	admin := dbtest.Admin(t, url)
	d, err := db.Open(t.Context(), url)
	must(t, err)
	t.Cleanup(d.Close)
	ctx := t.Context()
	acme, quiet := addOrganization(t, d, "acme"), addOrganization(t, d, "quiet")
	for _, o := range []string{acme, acme, acme, acme, acme, quiet} {
		must(t, log(ctx, d, o, &org.AuditLogEntry{Action: org.ActionOrgEdit}))
	}

	// Acme's first three entries, and all of the other's, are made half a year old; the fourth is two months old.
	exec(t, admin, `CREATE TABLE kept AS SELECT * FROM audit_entries`)
	exec(t, admin, `SELECT add_audit_month(clock_timestamp() AT TIME ZONE 'UTC' - make_interval(months => n)) FROM generate_series(2, 7) n`)
	exec(t, admin, `ALTER TABLE audit_entries DISABLE TRIGGER append_only`)
	exec(t, admin, `UPDATE audit_entries SET created_at = created_at - interval '6 months' WHERE sequence <= 3`)
	exec(t, admin, `UPDATE audit_entries SET created_at = created_at - interval '2 months' WHERE sequence = 4`)
	all := months(t, admin)
	if len(all) != 11 || all[0] != month(t, admin, -7) || all[10] != month(t, admin, 3) {
		t.Fatalf("the log has the months %v", all)
	}

	for _, step := range []struct {
		keep    int
		dropped int
		first   int
	}{
		{keep: 0, dropped: 0, first: 1},
		{keep: 7, dropped: 0, first: 1},
		{keep: 6, dropped: 1, first: 1},
		{keep: 2, dropped: 4, first: 4},
		{keep: 3, dropped: 0, first: 4},
		{keep: 1, dropped: 1, first: 5},
	} {
		exec(t, admin, `INSERT INTO retention (audit_months) VALUES ($1) ON CONFLICT (one) DO UPDATE SET audit_months = $1`, step.keep)
		before := months(t, admin)
		dropped, err := d.KeepAuditMonths(ctx)
		must(t, err)
		if !slices.Equal(dropped, before[:step.dropped]) {
			t.Errorf("keeping %d months dropped %v of %v, want the first %d", step.keep, dropped, before, step.dropped)
		}
		if got := months(t, admin); !slices.Equal(got, before[step.dropped:]) {
			t.Errorf("keeping %d months left %v of %v", step.keep, got, before)
		}
		first, err := d.FirstSequence(ctx, acme)
		must(t, err)
		if first != step.first {
			t.Errorf("keeping %d months, the log begins with %d, want %d", step.keep, first, step.first)
		}
		if gap := value[bool](t, admin, `SELECT max(sequence) - min(sequence) + 1 <> count(*) FROM audit_entries WHERE organization_id = $1`, acme); gap {
			t.Errorf("keeping %d months left a gap", step.keep)
		}
	}
	// A log of which nothing is left goes on with the next number.
	if first, err := d.FirstSequence(ctx, quiet); err != nil || first != 2 {
		t.Errorf("the empty log begins with %d (%v), want 2", first, err)
	}
	must(t, log(ctx, d, quiet, &org.AuditLogEntry{Action: org.ActionOrgEdit}))
	if entries, err := d.AuditBefore(ctx, quiet, 0, 10, nil, org.EveryAuditDetail); err != nil || len(entries) != 1 || entries[0].Sequence != 2 {
		t.Errorf("the empty log went on with %v (%v), want 2", entries, err)
	}
	// Every test's log is checked for gaps at its end.
	exec(t, admin, `INSERT INTO audit_entries SELECT k.* FROM kept k WHERE NOT EXISTS (SELECT FROM audit_entries e WHERE e.id = k.id)`)
}

// TestRetentionIsSetAtTheStart: a start sets what is kept, and whoever serves then acts on it.
func TestRetentionIsSetAtTheStart(t *testing.T) {
	t.Parallel()
	d, admin := open(t)
	url := admin.Config().ConnString()
	exec(t, admin, `SELECT add_audit_month(clock_timestamp() AT TIME ZONE 'UTC' - interval '5 months')`)
	old := month(t, admin, -5)
	for _, step := range []struct {
		keep  int
		first string
	}{{5, old}, {4, month(t, admin, -1)}} {
		must(t, db.Migrate(t.Context(), url, step.keep))
		_, err := d.KeepAuditMonths(t.Context())
		must(t, err)
		if got := months(t, admin); got[0] != step.first {
			t.Errorf("keeping %d months left %v", step.keep, got)
		}
	}
}

// TestAStartMakesNobodyWait: while somebody reads the log for long, an instance starts that is to keep less of it. It waits for no
// lock that others would wait behind.
func TestAStartMakesNobodyWait(t *testing.T) {
	t.Parallel()
	d, admin := open(t)
	url := admin.Config().ConnString()
	exec(t, admin, `SELECT add_audit_month(clock_timestamp() AT TIME ZONE 'UTC' - interval '5 months')`)
	reader, err := dbtest.Admin(t, url).Begin(t.Context())
	must(t, err)
	_, err = reader.Exec(t.Context(), `SELECT count(*) FROM audit_entries`)
	must(t, err)
	must(t, db.Migrate(t.Context(), url, 4))
	o := addOrganization(t, d, "acme")
	must(t, log(t.Context(), d, o, &org.AuditLogEntry{Action: org.ActionOrgCreate}))
	// Whoever serves tries for a second, and leaves it for the next time.
	if _, err := d.KeepAuditMonths(t.Context()); code(err) != lockNotAvailable {
		t.Errorf("got %v, want the refusal %s", err, lockNotAvailable)
	}
	must(t, reader.Rollback(t.Context()))
	if _, err := d.KeepAuditMonths(t.Context()); err != nil {
		t.Error(err)
	}
	if got := months(t, admin); got[0] != month(t, admin, -1) {
		t.Errorf("the log has the months %v", got)
	}
}

// TestMonthsAreMadeAhead: entries always have a month to go to, also when several instances make it at once, and however the
// sessions' time zones are.
func TestMonthsAreMadeAhead(t *testing.T) {
	t.Parallel()
	url := dbtest.URL(t)
	admin := dbtest.Admin(t, url)
	exec(t, admin, `DROP TABLE `+month(t, admin, 2)+`, `+month(t, admin, 3))
	results := make(chan error)
	for _, zone := range []string{"UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kolkata"} {
		go func() {
			d, err := db.Open(t.Context(), with(url, "timezone="+zone))
			if err == nil {
				_, err = d.KeepAuditMonths(t.Context())
				d.Close()
			}
			results <- err
		}()
	}
	for range 4 {
		must(t, <-results)
	}
	if got := months(t, admin); len(got) != 5 || got[0] != month(t, admin, -1) || got[4] != month(t, admin, 3) {
		t.Errorf("the log has the months %v", got)
	}
	// The bounds are those of the calendar in UTC, and touch each other.
	exec(t, admin, `SET timezone = 'UTC'`)
	bounds := value[[]string](t, admin, `
SELECT array_agg(pg_get_expr(c.relpartbound, c.oid) ORDER BY c.relname) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
 WHERE i.inhparent = 'audit_entries'::regclass`)
	for i, bound := range bounds {
		from := value[time.Time](t, admin, `SELECT date_trunc('month', now()) + make_interval(months => $1)`, i-1).UTC()
		want := "FOR VALUES FROM ('" + from.Format(time.DateTime) + "+00') TO ('" + from.AddDate(0, 1, 0).Format(time.DateTime) + "+00')"
		if bound != want {
			t.Errorf("month %d is %s, want %s", i, bound, want)
		}
	}
}

// TestTimesFollowNumbers: where the database's clock is set back, an organization's later entries are still not before its earlier
// ones. Retention rests on it: an entry that dated itself into an older month would go before those it follows.
func TestTimesFollowNumbers(t *testing.T) {
	t.Parallel()
	d, admin := open(t)
	ctx := t.Context()
	o := addOrganization(t, d, "acme")
	must(t, log(ctx, d, o, &org.AuditLogEntry{Action: org.ActionOrgCreate}))
	exec(t, admin, `UPDATE organizations SET audit_at = clock_timestamp() + interval '1 hour' WHERE id = $1`, o)
	must(t, log(ctx, d, o, &org.AuditLogEntry{Action: org.ActionOrgEdit}))
	must(t, log(ctx, d, o, &org.AuditLogEntry{Action: org.ActionOrgEdit}))
	if early := value[int](t, admin, `SELECT count(*) FROM audit_entries WHERE sequence > 1 AND created_at < clock_timestamp() + interval '50 minutes'`); early != 0 {
		t.Errorf("%d entries have times before the log's newest", early)
	}
}

// TestServingRoleDropsNothingThatIsKept: whoever serves can call for what is due, but not say what that is, and has no way
// to a month but through the log.
func TestServingRoleDropsNothingThatIsKept(t *testing.T) {
	t.Parallel()
	url := dbtest.URL(t)
	admin := dbtest.Admin(t, url)
	d, err := db.Open(t.Context(), url)
	must(t, err)
	t.Cleanup(d.Close)
	write(t, d)
	exec(t, admin, `SELECT add_audit_month(clock_timestamp() AT TIME ZONE 'UTC' - interval '5 years')`)
	must(t, db.Migrate(t.Context(), url, 0)) // as after a start: the grants know the months
	before := months(t, admin)
	serving := loginAs(t, url)
	if _, err := serving.Exec(t.Context(), `SELECT keep_audit_months()`); err != nil {
		t.Errorf("the serving role cannot make months: %v", err)
	}
	current := month(t, admin, 0)
	for name, sql := range map[string]string{
		"set the retention":       `UPDATE retention SET audit_months = 1`,
		"add a retention":         `INSERT INTO retention (audit_months) VALUES (1)`,
		"remove the retention":    `DELETE FROM retention`,
		"read a month":            `SELECT FROM ` + current,
		"write into a month":      `INSERT INTO ` + current + ` SELECT * FROM ` + current,
		"change a month":          `UPDATE ` + current + ` SET message = ''`,
		"empty a month":           `TRUNCATE ` + current,
		"drop a month":            `DROP TABLE ` + current,
		"detach a month":          `ALTER TABLE audit_entries DETACH PARTITION ` + current,
		"a trigger on a month":    `CREATE TRIGGER forget BEFORE INSERT ON ` + current + ` FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()`,
		"make a month by oneself": `SELECT add_audit_month('2001-01-01')`,
		"replace the function":    `CREATE OR REPLACE FUNCTION keep_audit_months() RETURNS SETOF text LANGUAGE sql AS 'SELECT ''x'''`,
	} {
		if err := try(t, serving, sql, ""); code(err) != insufficientPrivilege {
			t.Errorf("%s: got %v, want the refusal %s", name, err, insufficientPrivilege)
		}
	}
	// A table of its own making does not lead the function astray.
	if _, err := serving.Exec(t.Context(), `CREATE TEMP TABLE retention AS SELECT true AS one, 1 AS audit_months`); err != nil {
		t.Fatal(err)
	}
	if _, err := serving.Exec(t.Context(), `SELECT keep_audit_months()`); err != nil {
		t.Errorf("with a table of its own: %v", err)
	}
	if got := months(t, admin); !slices.Equal(got, before) {
		t.Errorf("the log's months were %v and are %v", before, got)
	}
	// The owner rewrites no month by accident either.
	for _, sql := range []string{`UPDATE $log SET message = ''`, `DELETE FROM $log`, `TRUNCATE $log`} {
		if err := try(t, admin, sql, current); code(err) != insufficientPrivilege || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("%s as the owner: got %v, want the trigger's refusal", sql, err)
		}
	}
}

// lockNotAvailable is PostgreSQL's code for a lock that was not given in time.
const lockNotAvailable = "55P03"

// TestRetentionMakesNobodyWait: a month that cannot be had within a second is left for the next time.
func TestRetentionMakesNobodyWait(t *testing.T) {
	t.Parallel()
	d, admin := open(t)
	exec(t, admin, `DROP TABLE `+month(t, admin, 3))
	tx, err := admin.Begin(t.Context())
	must(t, err)
	if _, err := tx.Exec(t.Context(), `LOCK TABLE audit_entries IN SHARE UPDATE EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	if _, err := d.KeepAuditMonths(t.Context()); code(err) != lockNotAvailable {
		t.Errorf("got %v, want the refusal %s", err, lockNotAvailable)
	}
	must(t, errors.Join(tx.Rollback(t.Context())))
	if _, err := d.KeepAuditMonths(t.Context()); err != nil {
		t.Error(err)
	}
	if got := months(t, admin); len(got) != 5 {
		t.Errorf("the log has the months %v", got)
	}
}
