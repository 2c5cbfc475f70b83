package app

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"muster/db"
	"muster/org"
	"muster/secret"
)

// token is that of an alert's link.
func (a *App) token(t *testing.T, alert *org.Alert) string {
	t.Helper()
	found, err := a.DB.Alert(t.Context(), alert.EventID)
	must(t, err)
	return a.Keys.Link(found.Nonce)
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

// thawed thaws an account as a reset does, and says whether it stays locked.
func (a *App) thawed(t *testing.T, userID string) (locked bool) {
	t.Helper()
	allowed := func(*db.Tx) error { return nil }
	must(t, a.changeAccountOf(t.Context(), userID, allowed, func(c *accountChange) (err error) {
		locked, err = a.thaw(t.Context(), c)
		return err
	}))
	return locked
}

// A reset takes the second factors back to what they were before the change that was reported, whichever of the thief's
// changes that was.
func TestThaw(t *testing.T) {
	t.Parallel()
	for name, report := range map[string]func(alerts []*org.Alert) *org.Alert{
		"the newest change is reported": func(alerts []*org.Alert) *org.Alert { return alerts[0] },
		"the oldest change is reported": func(alerts []*org.Alert) *org.Alert { return alerts[len(alerts)-1] },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCast(t)
			a, user := c.app, c.compliantPerson
			c.verify(t)
			cora := a.as(t, "cora")
			codes := secret.NewRecoveryCodes()
			a.tx(t, func(tx *db.Tx) error { return tx.ReplaceRecoveryCodes(t.Context(), user.ID, "", recoveryHashes(codes)) })
			have, err := a.DB.Authenticators(t.Context(), user.ID)
			must(t, err)
			a.factor(cora, t, user.ID, "The thief's")
			a.remove(cora, t, have[0].ID)
			_, err = a.RegenerateRecoveryCodes(cora, RegenerateRecoveryCodesInput{})
			must(t, err)
			alerts, err := a.DB.Alerts(t.Context(), user.ID)
			must(t, err)
			done, err := a.ReportNotMe(t.Context(), ReportNotMeInput{Token: a.token(t, report(alerts))})
			must(t, err)
			if len(done.Undone) != 2 || len(done.Kept) != 0 || done.AlreadyReported || !done.Alert.Reported {
				t.Errorf("the report says %+v", done)
			}
			if a.thawed(t, user.ID) {
				t.Error("the account stays locked")
			}

			now, err := a.DB.Authenticators(t.Context(), user.ID)
			must(t, err)
			if len(now) != 1 || now[0].ID != have[0].ID {
				t.Errorf("the account has %+v, want its own authenticator alone", now)
			}
			var ok bool
			a.tx(t, func(tx *db.Tx) (err error) {
				ok, _, err = tx.UseRecoveryCode(t.Context(), user.ID, recoveryHashes(codes)[0])
				return err
			})
			if !ok {
				t.Error("the recovery codes from before do not work")
			}
			c.sound(t)
		})
	}
}

// What another session did earlier stays, and is shown; so do the codes of a set from which one was used since.
func TestThawKeepsWhatWasBefore(t *testing.T) {
	t.Parallel()
	a, admin := open(t, "")
	cora, user := a.person(t, "cora", true)
	if _, err := admin.Exec(t.Context(), `UPDATE users SET email_verified_at = now()`); err != nil {
		t.Fatal(err)
	}
	kept := a.factor(cora, t, user.ID, "Her own")
	codes := secret.NewRecoveryCodes()
	a.tx(t, func(tx *db.Tx) error {
		if err := tx.ReplaceRecoveryCodes(t.Context(), user.ID, "", recoveryHashes(codes)); err != nil {
			return err
		}
		return tx.CreateSession(t.Context(), &db.NewSession{
			ID: db.NewID(db.SessionID), UserID: user.ID, TokenHash: secret.Hash("thief"), BeganBy: org.ByTOTP, ExpiresAt: time.Now().Add(time.Hour),
		})
	})
	thief := a.as(t, "thief")
	a.factor(thief, t, user.ID, "The thief's")
	a.tx(t, func(tx *db.Tx) error {
		_, _, err := tx.UseRecoveryCode(t.Context(), user.ID, recoveryHashes(codes)[0])
		return err
	})
	alerts, err := a.DB.Alerts(t.Context(), user.ID)
	must(t, err)
	done, err := a.ReportNotMe(t.Context(), ReportNotMeInput{Token: a.token(t, alerts[0])})
	must(t, err)
	if len(done.Undone) != 0 || len(done.Kept) != 1 || !strings.Contains(done.Kept[0].What, "Her own") {
		t.Errorf("the report says %+v", done)
	}
	if a.thawed(t, user.ID) {
		t.Error("the account stays locked")
	}
	now, err := a.DB.Authenticators(t.Context(), user.ID)
	must(t, err)
	if len(now) != 2 || now[1].ID != kept {
		t.Errorf("the account has %+v, want its own two", now)
	}
	if n := count(t, admin, `SELECT count(*) FROM recovery_codes`); n != 0 {
		t.Errorf("%d codes are left of a set that somebody else has", n)
	}
}

// An account whose every second factor is part of what was reported stays locked: else whoever reads its mail could take a
// young second factor off it.
func TestThawTakesNoLastFactor(t *testing.T) {
	t.Parallel()
	c := newCast(t)
	a := c.app
	c.verify(t)
	for _, test := range []struct{ name, id string }{{"cora", c.compliantPerson.ID}, {"olivia", c.ownerUser.ID}} {
		name, id := test.name, test.id
		ctx := a.as(t, name)
		have, err := a.DB.Authenticators(t.Context(), id)
		must(t, err)
		a.factor(ctx, t, id, "New")
		// As if the account's own authenticator were as young.
		if _, err := c.admin.Exec(t.Context(), `UPDATE authenticators SET confirmed_at = clock_timestamp() WHERE id = $1`, have[0].ID); err != nil {
			t.Fatal(err)
		}
		alerts, err := a.DB.Alerts(t.Context(), id)
		must(t, err)
		_, err = a.ReportNotMe(t.Context(), ReportNotMeInput{Token: a.token(t, alerts[0])})
		must(t, err)
		if !a.thawed(t, id) {
			t.Errorf("%s: the account opened without a second factor", name)
		}
		if now, err := a.DB.Authenticators(t.Context(), id); err != nil || len(now) != 2 {
			t.Errorf("%s has %+v %v, want both", name, now, err)
		}
		if n := count(t, c.admin, `SELECT count(*) FROM users WHERE id = $1 AND frozen_since IS NOT NULL`, id); n != 1 {
			t.Errorf("%s is open", name)
		}
		// Somebody else agrees: then a reset by mail opens the account, with nothing of what it had.
		user, err := a.DB.User(t.Context(), id)
		must(t, err)
		_, err = a.OperatorReset(t.Context(), *user.Email, true)
		must(t, err)
		if a.thawed(t, id) {
			t.Errorf("%s stays locked though the second factor was reset", name)
		}
		if n := count(t, c.admin, `SELECT count(*) FROM authenticators WHERE user_id = $1`, id); n != 0 {
			t.Errorf("%s has %d authenticators after the reset", name, n)
		}
		c.sound(t)
	}
}

// A report gives the address back that was mailed, also where somebody else claims it by now. Where they have proved it there is
// none, so that the thief's is not the way back in; an address that was never verified gets no link.
func TestReportGivesTheAddressBack(t *testing.T) {
	t.Parallel()
	a, admin := open(t, "")
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := admin.Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name, taken  string
		proved, gone bool // whoever has the address by now has proved it; was removed for 2FA
		want         string
	}{
		{name: "ana", want: "ana@example.com"},
		{name: "bea", taken: "BEA@example.com", want: "bea@example.com"},
		{name: "gil", taken: "gil@example.com", gone: true, want: "gil@example.com"},
		{name: "dora", taken: "dora@example.com", proved: true},
	} {
		_, user := a.person(t, test.name, true)
		exec(`UPDATE users SET email_verified_at = now() WHERE id = $1`, user.ID)
		ctx := a.as(t, test.name)
		must(t, a.moved(ctx, test.name+"@thief.example"))
		if test.taken != "" {
			other := db.NewID(db.UserID)
			exec(`INSERT INTO users (id, name, email, email_verified_at) VALUES ($1, 'Other', $2, CASE WHEN $3 THEN now() END)`, other, test.taken, test.proved)
			if test.gone {
				exec(`INSERT INTO organizations (id, slug, name) VALUES ('org_a', 'a', 'A')`)
				exec(`INSERT INTO members (id, organization_id, user_id, role, status, removed_at, reinstatable_until) VALUES ('mem_a', 'org_a', $1, 'MEMBER', 'REMOVED_FOR_2FA', now(), now())`, other)
			}
		}
		alerts, err := a.DB.Alerts(t.Context(), user.ID)
		must(t, err)
		_, err = a.ReportNotMe(t.Context(), ReportNotMeInput{Token: a.token(t, alerts[0])})
		must(t, err)
		now, err := a.DB.User(t.Context(), user.ID)
		must(t, err)
		if got := ""; now.Email != nil && *now.Email != test.want || now.Email == nil && test.want != got || *now.EmailVerified != (test.want != "") {
			t.Errorf("%s has the address %v, verified %v; want %q", test.name, now.Email, *now.EmailVerified, test.want)
		}
	}
	ctx, user := a.person(t, "cleo", true)
	must(t, a.moved(ctx, "cleo@new.example"))
	alerts, err := a.DB.Alerts(t.Context(), user.ID)
	must(t, err)
	message, err := a.compose(t.Context(), "mail-1", MailJob{Template: templateAlert, EventID: alerts[0].EventID})
	must(t, err)
	if message.To != "cleo@example.com" || strings.Contains(message.Text, "#token=") {
		t.Errorf("to %s:\n%s", message.To, message.Text)
	}
}

// What was mailed to an address that the account had never proved gives it back to nobody, whatever its link still does.
func TestReportGivesNoClaimBack(t *testing.T) {
	t.Parallel()
	a, admin := open(t, "")
	ctx, user := a.person(t, "typo", true)
	a.factor(ctx, t, user.ID, "New")
	alerts, err := a.DB.Alerts(t.Context(), user.ID)
	must(t, err)
	if _, err := admin.Exec(t.Context(), `UPDATE users SET email = 'own@example.com', email_verified_at = now()`); err != nil {
		t.Fatal(err)
	}
	_, err = a.ReportNotMe(t.Context(), ReportNotMeInput{Token: a.token(t, alerts[0])})
	must(t, err)
	if n := count(t, admin, `SELECT count(*) FROM users WHERE email = 'own@example.com' AND email_verified_at IS NOT NULL`); n != 1 {
		t.Error("the address is the stranger's again")
	}
}

// Where somebody has proved the address, the account is left without one and locked. The same link gives the address back once
// it is free, and opens nothing until then.
func TestReportAgainGivesTheAddressBack(t *testing.T) {
	t.Parallel()
	a, admin := open(t, "")
	_, user := a.person(t, "vera", true)
	exec := func(sql string) {
		t.Helper()
		if _, err := admin.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	exec(`UPDATE users SET email_verified_at = now()`)
	ctx := a.as(t, "vera")
	must(t, a.moved(ctx, "vera@thief.example"))
	exec(`INSERT INTO users (id, name, email, email_verified_at) VALUES ('usr_other', 'Other', 'vera@example.com', now())`)
	alerts, err := a.DB.Alerts(t.Context(), user.ID)
	must(t, err)
	for _, want := range []string{"", "", "vera@example.com"} {
		if want != "" {
			exec(`UPDATE users SET email = NULL, email_verified_at = NULL WHERE id = 'usr_other'`)
		}
		done, err := a.ReportNotMe(t.Context(), ReportNotMeInput{Token: a.token(t, alerts[0])})
		must(t, err)
		now, err := a.DB.User(t.Context(), user.ID)
		must(t, err)
		got := ""
		if now.Email != nil {
			got = *now.Email
		}
		if !done.Locked || now.FrozenSince == nil || got != want {
			t.Errorf("locked %v, frozen since %v, address %q; want it locked with %q", done.Locked, now.FrozenSince, got, want)
		}
	}
}

// Somebody who takes the address in the moment of the report does not break it.
func TestReportWhileTheAddressIsTaken(t *testing.T) {
	t.Parallel()
	a, admin := open(t, "")
	_, user := a.person(t, "vera", true)
	if _, err := admin.Exec(t.Context(), `UPDATE users SET email_verified_at = now()`); err != nil {
		t.Fatal(err)
	}
	must(t, a.moved(a.as(t, "vera"), "vera@thief.example"))
	alerts, err := a.DB.Alerts(t.Context(), user.ID)
	must(t, err)
	tx, err := admin.Begin(t.Context())
	must(t, err)
	if _, err := tx.Exec(t.Context(), `INSERT INTO users (id, name, email) VALUES ('usr_other', 'Other', 'vera@example.com')`); err != nil {
		t.Fatal(err)
	}
	reported := make(chan error, 1)
	go func() {
		_, err := a.ReportNotMe(t.Context(), ReportNotMeInput{Token: a.token(t, alerts[0])})
		reported <- err
	}()
	eventually(t, "the report waits for the other", func() bool {
		var waiting bool
		return tx.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)`).Scan(&waiting) == nil && waiting
	})
	must(t, tx.Commit(t.Context()))
	must(t, <-reported)
	if n := count(t, admin, `SELECT count(*) FROM users WHERE id = $1 AND email = 'vera@example.com' AND frozen_since IS NOT NULL`, user.ID); n != 1 {
		t.Error("the account has not got its address back")
	}
}

// A report reaches back to the first change of the same hands, however many came after.
func TestReportReachesBehindManyAlerts(t *testing.T) {
	t.Parallel()
	a, admin := open(t, "")
	ctx, user := a.person(t, "vera", true)
	if _, err := admin.Exec(t.Context(), `UPDATE users SET email_verified_at = now()`); err != nil {
		t.Fatal(err)
	}
	a.factor(ctx, t, user.ID, "The thief's")
	alerts, err := a.DB.Alerts(t.Context(), user.ID)
	must(t, err)
	for _, sql := range []string{
		`INSERT INTO security_events (id, user_id, action, message, ip_address) SELECT e.id || n, e.user_id, e.action, 'Again', e.ip_address
		   FROM security_events e, generate_series(1, 120) n WHERE e.id = $1`,
		`INSERT INTO account_alerts (event_id, user_id, session_id, email, verified) SELECT a.event_id || n, a.user_id, a.session_id, a.email, true
		   FROM account_alerts a, generate_series(1, 120) n WHERE a.event_id = $1`,
	} {
		if _, err := admin.Exec(t.Context(), sql, alerts[0].EventID); err != nil {
			t.Fatal(err)
		}
	}
	_, err = a.RegenerateRecoveryCodes(ctx, RegenerateRecoveryCodesInput{})
	must(t, err)
	newest, err := a.DB.Alerts(t.Context(), user.ID)
	must(t, err)
	_, err = a.ReportNotMe(t.Context(), ReportNotMeInput{Token: a.token(t, newest[0])})
	must(t, err)
	if n := count(t, admin, `SELECT count(*) FROM users WHERE frozen_since = $1`, alerts[0].Since); n != 1 {
		t.Error("the thief's authenticator is not part of what was reported")
	}
}

// moved changes the caller's address.
func (a *App) moved(ctx context.Context, email string) error {
	return a.changeAccount(ctx, func(c *accountChange) error {
		if err := c.alert(ctx, org.EventEmailChanged, "Changed the address."); err != nil {
			return err
		}
		return c.Tx.RestoreEmail(ctx, c.User.ID, email)
	})
}

// The mail of an alert repeats its link however often it is sent, and the link stands in no row and no job.
func TestAlertMail(t *testing.T) {
	t.Parallel()
	a, admin := open(t, "")
	cora, user := a.person(t, "cora", true)
	a.factor(cora, t, user.ID, "New")
	alerts, err := a.DB.Alerts(t.Context(), user.ID)
	must(t, err)
	token := a.token(t, alerts[0])
	for range 2 {
		message, err := a.compose(t.Context(), "mail-1", MailJob{Template: templateAlert, EventID: alerts[0].EventID})
		must(t, err)
		for _, words := range []string{"http://localhost:8080/not-me#token=" + token, "Added the authenticator New.", "203.0.113.7", "This was not me"} {
			if !strings.Contains(message.Text, words) {
				t.Errorf("the mail does not say %q:\n%s", words, message.Text)
			}
		}
	}
	if n := count(t, admin, `SELECT (SELECT count(*) FROM account_alerts x WHERE x::text LIKE '%' || $1 || '%') + (SELECT count(*) FROM river_job x WHERE x::text LIKE '%' || $1 || '%')`, token); n != 0 {
		t.Errorf("the link stands in %d rows", n)
	}
}

// What was removed is kept while its removal can be reported, and longer while the account is frozen.
func TestRemovedIsKeptForAWhile(t *testing.T) {
	t.Parallel()
	a, admin := open(t, "")
	for _, test := range []struct {
		name, age string
		frozen    bool
		want      int
	}{
		{"ada", "6 days 23 hours 59 minutes", false, 2},
		{"bea", "7 days 1 minute", false, 0},
		{"cleo", "7 days 1 minute", true, 2},
	} {
		ctx, user := a.person(t, test.name, true)
		have, err := a.DB.Authenticators(t.Context(), user.ID)
		must(t, err)
		a.tx(t, func(tx *db.Tx) error {
			return tx.ReplaceRecoveryCodes(t.Context(), user.ID, "", [][]byte{[]byte("code")})
		})
		a.remove(ctx, t, have[0].ID)
		for _, sql := range []string{
			`UPDATE authenticators SET removed_at = clock_timestamp() - $2::interval WHERE user_id = $1`,
			`UPDATE recovery_codes SET replaced_at = clock_timestamp() - $2::interval WHERE user_id = $1`,
		} {
			if _, err := admin.Exec(t.Context(), sql, user.ID, test.age); err != nil {
				t.Fatal(err)
			}
		}
		if test.frozen {
			if _, err := admin.Exec(t.Context(), `UPDATE users SET frozen_since = now() WHERE id = $1`, user.ID); err != nil {
				t.Fatal(err)
			}
		}
		must(t, a.DB.DeleteEnded(t.Context()))
		n := count(t, admin, `SELECT (SELECT count(*) FROM authenticators WHERE user_id = $1) + (SELECT count(*) FROM recovery_codes WHERE user_id = $1)`, user.ID)
		if n != test.want {
			t.Errorf("%s after %s: %d rows are kept, want %d", test.name, test.age, n, test.want)
		}
	}
}

// verify makes everybody's address proved.
func (c *cast) verify(t *testing.T) {
	t.Helper()
	if _, err := c.admin.Exec(t.Context(), `UPDATE users SET email_verified_at = now()`); err != nil {
		t.Fatal(err)
	}
}

// sound fails where an organization has no owner who meets its requirement, or somebody is active in one without doing so.
func (c *cast) sound(t *testing.T) {
	t.Helper()
	if n := count(t, c.admin, `SELECT count(*) FROM organizations o WHERE NOT EXISTS (SELECT FROM members m JOIN users u ON u.id = m.user_id
	   WHERE m.organization_id = o.id AND m.role = 'OWNER' AND m.status = 'ACTIVE' AND (NOT o.require2fa OR u.two_factor <> 'DISABLED'))`); n != 0 {
		t.Errorf("%d organizations have no owner", n)
	}
	if n := count(t, c.admin, `SELECT count(*) FROM members m JOIN users u ON u.id = m.user_id JOIN organizations o ON o.id = m.organization_id
	   WHERE m.status = 'ACTIVE' AND o.require2fa AND u.two_factor = 'DISABLED' AND m.id <> $1`, c.locked); n != 0 {
		t.Errorf("%d members are active without a second factor", n)
	}
}

func count(t *testing.T, admin *pgx.Conn, sql string, args ...any) int {
	t.Helper()
	var n int
	if err := admin.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
