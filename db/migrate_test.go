package db_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"muster/db"
	"muster/db/dbtest"
	"muster/org"
)

// emptyDatabase creates an empty database and gives its URL.
func emptyDatabase(t *testing.T, name string) string {
	t.Helper()
	url := dbtest.URL(t)
	admin := dbtest.Admin(t, url)
	own := value[string](t, admin, `SELECT current_database()`)
	name = own + "_" + name
	exec(t, admin, `CREATE DATABASE `+name+` TEMPLATE template0`)
	t.Cleanup(func() {
		if _, err := admin.Exec(context.Background(), `DROP DATABASE `+name+` WITH (FORCE)`); err != nil {
			t.Error(err)
		}
	})
	before, after, ok := strings.Cut(url, own)
	if !ok || strings.Contains(after, own) {
		t.Fatalf("%q does not name its database once", url)
	}
	return before + name + after
}

// grants are what the serving role may do with each table.
func grantsOf(t *testing.T, conn *pgx.Conn) string {
	t.Helper()
	return value[string](t, conn, `
SELECT string_agg(table_name || ' ' || rights, E'\n' ORDER BY table_name) FROM (
  SELECT table_name, string_agg(privilege_type, ' ' ORDER BY privilege_type) AS rights
    FROM information_schema.role_table_grants WHERE grantee = 'muster_app' AND table_schema = 'public' GROUP BY table_name) g`)
}

// TestMigrate: three instances that start at once on an empty database all succeed; migrating again changes nothing and
// keeps what is stored; the serving role can do its work and no more.
func TestMigrate(t *testing.T) {
	t.Parallel()
	url := emptyDatabase(t, "empty")
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	var done sync.WaitGroup
	for range 3 {
		done.Go(func() {
			// The URL may be the serving one, with a small pool.
			if err := db.Migrate(ctx, with(url, "pool_max_conns=1"), 0); err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
	if t.Failed() {
		return
	}
	admin, err := pgx.Connect(ctx, url)
	must(t, err)
	defer func() { must(t, admin.Close(ctx)) }()
	d, err := db.Open(ctx, url)
	must(t, err)
	defer d.Close()
	o := addOrganization(t, d, "acme")
	must(t, log(ctx, d, o, &org.AuditLogEntry{Action: org.ActionOrgCreate}))
	granted := grantsOf(t, admin)
	applied := value[int](t, admin, `SELECT count(*) FROM bun_migrations`)

	for range 2 {
		must(t, db.Migrate(ctx, url, 0))
	}
	if got := grantsOf(t, admin); got != granted {
		t.Errorf("migrating again changed the grants from\n%s\nto\n%s", granted, got)
	}
	if got := value[int](t, admin, `SELECT count(*) FROM bun_migrations`); got != applied || got == 0 {
		t.Errorf("%d migrations are noted, then %d", applied, got)
	}
	if got, err := d.Organization(ctx, o); err != nil || got.AuditSeq != 1 {
		t.Errorf("migrating again lost the organization: %+v, %v", got, err)
	}
	for _, line := range []string{"audit_entries INSERT SELECT", "security_events INSERT SELECT", "bun_migrations SELECT", "members DELETE INSERT SELECT UPDATE", "river_job DELETE INSERT SELECT UPDATE"} {
		if !strings.Contains("\n"+granted+"\n", "\n"+line+"\n") {
			t.Errorf("the grants do not have the line %q:\n%s", line, granted)
		}
	}
	// A server ends the sessions of connections that were closed when it gets to it.
	eventually(t, "no advisory lock is kept", func() bool {
		return value[int](t, admin, `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`) == 0
	})
}

func TestBadURLs(t *testing.T) {
	t.Parallel()
	const password = "hunter2hunter2"
	url := "postgres://me:" + password + "@host:notaport/x"
	for name, err := range map[string]error{"migrate": db.Migrate(t.Context(), url, 0), "open": func() error {
		_, err := db.Open(t.Context(), url)
		return err
	}()} {
		if err == nil || !strings.Contains(err.Error(), "postgres://user:password@host/database") || strings.Contains(err.Error(), password) {
			t.Errorf("%s: %v does not say what to write, or shows the password", name, err)
		}
	}
}
