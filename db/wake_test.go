package db_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"muster/db"
	"muster/org"
)

// listen listens for wake-ups until the test ends.
func listen(t *testing.T, d *db.DB) <-chan string {
	t.Helper()
	heard := make(chan string, 1000)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.Bell().Listen(ctx, func(id string) { heard <- id })
	}()
	t.Cleanup(func() {
		stop()
		select {
		case <-done:
		case <-time.After(patience):
			t.Error("Listen did not end with its context")
		}
	})
	return heard
}

func hear(t *testing.T, heard <-chan string, want string) {
	t.Helper()
	select {
	case got := <-heard:
		if got != want {
			t.Fatalf("heard %q, want %q", got, want)
		}
	case <-time.After(patience):
		t.Fatalf("did not hear %q", want)
	}
}

// TestWakeUps: rung after a commit, on other instances too, and never after a rollback. They come in order, so what was
// not heard before the next one was not rung.
func TestWakeUps(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	d, admin := open(t)
	other, err := db.Open(ctx, d.Pool().Config().ConnString())
	must(t, err)
	t.Cleanup(other.Close)
	heard := listen(t, other)
	hear(t, heard, "")

	err = d.InTx(ctx, func(tx *db.Tx) error {
		tx.Wake("rolled back")
		return errStop
	})
	if !errors.Is(err, errStop) {
		t.Fatal(err)
	}
	o := addOrganization(t, d, "acme")
	must(t, d.InTx(ctx, func(tx *db.Tx) error {
		if _, err := tx.LockOrganization(ctx, o); err != nil {
			return err
		}
		for range 3 {
			if err := tx.AddAuditEntries(ctx, o, []*org.AuditLogEntry{{Action: org.ActionOrgEdit}}); err != nil {
				return err
			}
		}
		select {
		case id := <-heard:
			t.Errorf("heard %q before the commit", id)
		default:
		}
		return nil
	}))
	hear(t, heard, o) // once for three entries
	if n := value[int](t, admin, `SELECT audit_seq FROM organizations WHERE id = $1`, o); n != 3 {
		t.Errorf("the wake-up came before the entries: %d", n)
	}

	u := addUser(t, d, "ann@example.com")
	session := &db.NewSession{ID: db.NewID(db.SessionID), UserID: u, TokenHash: []byte("t"), ExpiresAt: time.Now().Add(time.Hour)}
	must(t, d.InTx(ctx, func(tx *db.Tx) error { return tx.CreateSession(ctx, session) }))
	must(t, d.InTx(ctx, func(tx *db.Tx) error { return tx.EndSession(ctx, session.ID) }))
	hear(t, heard, session.ID)
	must(t, d.InTx(ctx, func(tx *db.Tx) error { tx.Wake("last"); return nil }))
	hear(t, heard, "last")
}

// TestWakeUpsAreRungBeforeClosing: what was committed just before the end is still told.
func TestWakeUpsAreRungBeforeClosing(t *testing.T) {
	t.Parallel()
	d, _ := open(t)
	heard := listen(t, d)
	hear(t, heard, "")
	short, err := db.Open(t.Context(), d.Pool().Config().ConnString())
	must(t, err)
	must(t, short.InTx(t.Context(), func(tx *db.Tx) error { tx.Wake("goodbye"); return nil }))
	short.Close()
	hear(t, heard, "goodbye")
}

// TestListenReconnects: a connection that was cut is made again, and says that anything may have been missed.
func TestListenReconnects(t *testing.T) {
	t.Parallel()
	d, admin := open(t)
	heard := listen(t, d)
	hear(t, heard, "")
	for range 3 {
		n := value[int](t, admin, `
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'muster listener'`)
		if n != 1 {
			t.Fatalf("cut %d listeners, want 1", n)
		}
		hear(t, heard, "")
		must(t, d.InTx(t.Context(), func(tx *db.Tx) error { tx.Wake("alive"); return nil }))
		hear(t, heard, "alive")
	}
}
