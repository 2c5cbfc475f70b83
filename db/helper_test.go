package db_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"muster/db"
	"muster/db/dbtest"
	"muster/org"
)

// patience is how long a test waits for what should happen within moments; only a failing test waits so long.
const patience = 20 * time.Second

// open opens a database of the test's own, with a connection as superuser to look and break into it.
func open(t *testing.T) (*db.DB, *pgx.Conn) {
	t.Helper()
	return openWith(t, "")
}

// openWith is open with more in the URL.
func openWith(t *testing.T, more string) (*db.DB, *pgx.Conn) {
	t.Helper()
	url := dbtest.URL(t)
	admin := dbtest.Admin(t, url)
	database, err := db.Open(context.WithoutCancel(t.Context()), with(url, more))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(database.Close)
	return database, admin
}

// with adds to a URL's query.
func with(url, more string) string {
	if more == "" {
		return url
	}
	for _, r := range url {
		if r == '?' {
			return url + "&" + more
		}
	}
	return url + "?" + more
}

func ptr[T any](v T) *T { return &v }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func exec(t *testing.T, conn *pgx.Conn, sql string, args ...any) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// value reads one value.
func value[T any](t *testing.T, conn *pgx.Conn, sql string, args ...any) (v T) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// addOrganization adds an organization and gives its id.
func addOrganization(t *testing.T, d *db.DB, slug string) string {
	t.Helper()
	o := &org.Organization{ID: db.NewID(db.OrganizationID), Slug: slug, Name: "The " + slug}
	must(t, d.InTx(t.Context(), func(tx *db.Tx) error { return tx.CreateOrganization(t.Context(), o) }))
	return o.ID
}

// addUser adds an account and gives its id.
func addUser(t *testing.T, d *db.DB, email string) string {
	t.Helper()
	u := &org.User{ID: db.NewID(db.UserID), Name: "Somebody", Email: &email}
	must(t, d.InTx(t.Context(), func(tx *db.Tx) error { return tx.CreateUser(t.Context(), u, "hash") }))
	return u.ID
}

// log writes entries into an organization's log.
func log(ctx context.Context, d *db.DB, organizationID string, entries ...*org.AuditLogEntry) error {
	return d.InTx(ctx, func(tx *db.Tx) error {
		if _, err := tx.LockOrganization(ctx, organizationID); err != nil {
			return err
		}
		return tx.AddAuditEntries(ctx, organizationID, entries)
	})
}

// errStop makes a transaction roll back.
var errStop = errors.New("stop")

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(patience)
	for !condition() {
		select {
		case <-deadline:
			t.Fatalf("%s did not happen in %s", what, patience)
		case <-time.After(5 * time.Millisecond):
		}
	}
}
