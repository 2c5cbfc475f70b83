package app

import (
	"context"
	"testing"

	"muster/db"
	"muster/org"
)

// newestToken is the token of a person's newest alert.
func (a *App) newestToken(t *testing.T, userID string) string {
	t.Helper()
	alerts, err := a.DB.Alerts(t.Context(), userID)
	must(t, err)
	alert, err := a.DB.Alert(t.Context(), alerts[0].EventID)
	must(t, err)
	return a.Keys.Link(alert.Nonce)
}

// remove takes an authenticator as somebody who is signed in.
func (a *App) remove(ctx context.Context, t *testing.T, id string) {
	t.Helper()
	_, err := a.RemoveAuthenticator(ctx, RemoveAuthenticatorInput{AuthenticatorID: id})
	must(t, err)
}

// factor confirms an authenticator behind the API's back, as the session would, and tells of it.
func (a *App) factor(ctx context.Context, t *testing.T, userID, name string) string {
	t.Helper()
	f := &org.Authenticator{ID: db.NewID(db.AuthenticatorID), UserID: userID, Kind: org.KindTOTP, Name: name}
	r := request(ctx)
	must(t, a.changeAccount(ctx, func(c *accountChange) error {
		if err := c.Tx.AddAuthenticator(ctx, f, r.session.ID); err != nil {
			return err
		}
		if _, err := c.Tx.ConfirmAuthenticator(ctx, f.ID); err != nil {
			return err
		}
		return c.alert(ctx, org.EventAuthenticatorAdded, "Added the authenticator "+name+".")
	}))
	return f.ID
}

func (a *App) thawed(ctx context.Context, userID string) error {
	return a.changeAccountOf(ctx, userID, func(*db.Tx) error { return nil }, func(c *accountChange) error { return a.thaw(ctx, c) })
}

func TestThaw(t *testing.T) {
	t.Parallel()
	a, _ := open(t, "")
	cora, user := a.person(t, "cora", true)
	have, err := a.DB.Authenticators(t.Context(), user.ID)
	must(t, err)
	a.factor(cora, t, user.ID, "The thief's")
	a.remove(cora, t, have[0].ID)
	_, err = a.ReportNotMe(t.Context(), ReportNotMeInput{Token: a.newestToken(t, user.ID)})
	must(t, err)
	must(t, a.thawed(t.Context(), user.ID))
	now, err := a.DB.Authenticators(t.Context(), user.ID)
	must(t, err)
	if len(now) != 1 || now[0].ID != have[0].ID {
		t.Errorf("the account has %+v", now)
	}
}
