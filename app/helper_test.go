package app

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"muster/db"
	"muster/db/dbtest"
	"muster/org"
	"muster/secret"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// patience is how long a test waits for what should happen within moments; only a failing test waits so long.
const patience = 20 * time.Second

// open makes an App of the test's own that nothing has been started of: no jobs are worked on, no wake-ups are heard.
func open(t *testing.T, more string) (*App, *pgx.Conn) {
	t.Helper()
	url := dbtest.URL(t)
	return openAt(t, url+more), dbtest.Admin(t, url)
}

// openAt is open for a database that is there.
func openAt(t *testing.T, url string) *App {
	t.Helper()
	database, err := db.Open(context.WithoutCancel(t.Context()), url)
	must(t, err)
	t.Cleanup(database.Close)
	keys, err := secret.NewKeys("a key for tests that is long enough to be taken")
	must(t, err)
	return New(Config{
		DB: database, Keys: keys, Passwords: secret.NewPasswords(2, 100), PublicURL: "http://localhost:8080", Instance: "test",
		Log: slog.New(slog.DiscardHandler), Now: time.Now, SessionIdle: time.Hour, SessionMax: 24 * time.Hour,
		StepUp: 10 * time.Minute, SweepBatch: 50,
	})
}

func ptr[T any](v T) *T { return &v }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// tx runs one transaction.
func (a *App) tx(t *testing.T, fn func(tx *db.Tx) error) {
	t.Helper()
	must(t, a.DB.InTx(t.Context(), fn))
}

// person adds an account and gives the context of its requests, in a session that has proved its factor if it has one.
func (a *App) person(t *testing.T, name string, factor bool) (context.Context, *org.User) {
	t.Helper()
	ctx := t.Context()
	u := &org.User{ID: db.NewID(db.UserID), Name: name, Email: ptr(name + "@example.com")}
	by := org.ByPassword
	if factor {
		by = org.ByTOTP
	}
	s := &db.NewSession{ID: db.NewID(db.SessionID), UserID: u.ID, TokenHash: secret.Hash(name), BeganBy: by, ExpiresAt: time.Now().Add(time.Hour)}
	a.tx(t, func(tx *db.Tx) error {
		if err := tx.CreateUser(ctx, u, "hash"); err != nil {
			return err
		}
		if factor {
			f := &org.Authenticator{ID: db.NewID(db.AuthenticatorID), UserID: u.ID, Kind: org.KindTOTP, Name: "App"}
			if err := tx.AddAuthenticator(ctx, f, s.ID); err != nil {
				return err
			}
			if _, err := tx.ConfirmAuthenticator(ctx, f.ID); err != nil {
				return err
			}
		}
		return tx.CreateSession(ctx, s)
	})
	return a.as(t, name), u
}

// as is a new request of a person.
func (a *App) as(t *testing.T, name string) context.Context {
	t.Helper()
	ctx, session, err := a.Authenticate(t.Context(), &Request{Bearer: name, IPAddress: "203.0.113.7", UserAgent: "test"})
	must(t, err)
	if session == "" {
		t.Fatalf("%s is not signed in", name)
	}
	return ctx
}

// member adds a person to an organization.
func (a *App) member(t *testing.T, organizationID string, u *org.User, role org.Role) string {
	t.Helper()
	id := db.NewID(db.MemberID)
	a.tx(t, func(tx *db.Tx) error { return tx.CreateMember(t.Context(), id, organizationID, u.ID, role) })
	return id
}

// write writes n entries into an organization's log.
func (a *App) write(t *testing.T, organizationID string, n int) {
	t.Helper()
	a.tx(t, func(tx *db.Tx) error {
		if _, err := tx.LockOrganization(t.Context(), organizationID); err != nil {
			return err
		}
		entries := make([]*org.AuditLogEntry, n)
		for i := range entries {
			entries[i] = &org.AuditLogEntry{Action: org.ActionTeamCreate}
		}
		return tx.AddAuditEntries(t.Context(), organizationID, entries)
	})
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(patience)
	for !condition() {
		select {
		case <-deadline:
			t.Fatalf("%s did not happen in %s", what, patience)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// within fails the test where fn does not return within moments.
func within(t *testing.T, what string, fn func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); fn() }()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("%s did not end in %s", what, patience)
	}
}
