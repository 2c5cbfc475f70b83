package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"muster/db"
	"muster/org"
	"muster/secret"
)

// TestLockedAccountOpensByNoRoute: every route that begins a session of an account opens it, and none once it is locked, not even
// for a sign-in that has come as far as its second factor already.
func TestLockedAccountOpensByNoRoute(t *testing.T) {
	builtProvider.path(t)
	t.Parallel()
	m := start(t, privateProviders)
	p, bare := m.verified(t, "Pia"), m.verified(t, "Bo")
	p.enroll(t)
	number, key := p.addPhone(t), p.addKey(t)
	issuer := m.startProvider(t, map[string]provided{"1": {Name: "pia", AMR: []string{"pwd"}}, "2": {Name: "pia2", AMR: []string{"pwd", "otp"}}})
	at := map[string]*organization{}
	for _, name := range []string{"pia", "pia2"} {
		_, o := m.owner(t)
		o.join(t, p, "MEMBER")
		o.connect(t, issuer, false)
		b := m.browser(t)
		b.signInHere(p)
		if page := b.get(b.callback("/sso/"+o.Slug+"?link=1", "same-origin", name)); page.Status != http.StatusOK {
			t.Fatalf("%s was not linked: %d %s", name, page.Status, page.Body)
		}
		at[name] = o
	}

	codes := p.Recovery
	challenge := func() string {
		token := secret.NewToken()
		m.exec(t, `INSERT INTO challenges (id, user_id, token_hash, expires_at) SELECT $1, id, $2, now() + interval '1 hour' FROM users WHERE email = $3`,
			db.NewID(db.ChallengeID), secret.Hash(token), p.Email)
		return token
	}
	provider := func(name string) string {
		page := m.browser(t).signIn(at[name], name)
		switch {
		case page.Status == http.StatusSeeOther && page.Header.Get("Set-Cookie") != "":
			return ""
		case page.Status == http.StatusBadRequest && page.Header.Get("Set-Cookie") == "" && strings.Contains(page.Body, "This account is locked"):
			return "CONFLICT"
		}
		t.Errorf("at the provider %s is answered %d %s", name, page.Status, page.Body)
		return "?"
	}
	ways := map[string]func() string{
		"signIn PASSWORD": func() string {
			return m.post(t, "", signInQuery, vars{"i": vars{"email": bare.Email, "password": bare.Password}}).Code()
		},
		"verifySecondFactor TOTP": func() string { return m.verify(t, challenge(), p.code()).Code() },
		"verifySecondFactor PHONE": func() string {
			token := challenge()
			m.post(t, "", `mutation($t: String!) { sendSecondFactorCode(input: {challengeToken: $t}) { sentTo } }`, vars{"t": token}).expect(t, "", "the text message")
			return m.verify(t, token, m.text(t, number)).Code()
		},
		"verifySecondFactor SECURITY_KEY": func() string {
			token := challenge()
			return m.verifyKey(t, token, key.get(t, (&person{m: m}).askKey(t, token))).Code()
		},
		"verifySecondFactor RECOVERY_CODE": func() string {
			code := codes[0]
			codes = codes[1:]
			return m.verify(t, challenge(), code).Code()
		},
		"signInWithPasskey PASSKEY": func() string {
			token, options := m.askPasskey(t)
			return m.passkey(t, token, key.get(t, options)).Code()
		},
		"/sso/callback PROVIDER":        func() string { return provider("pia") },
		"/sso/callback PROVIDER_FACTOR": func() string { return provider("pia2") },
	}
	for _, route := range org.Routes {
		for _, by := range route.By {
			if route.Begins && !route.Creates && ways[route.Name+" "+string(by)] == nil {
				t.Errorf("nobody tries the route %s by %s", route.Name, by)
			}
		}
	}
	each := func(want, when string) {
		t.Helper()
		for name, way := range ways {
			m.exec(t, `DELETE FROM rate_limits`)
			if got := way(); got != want {
				t.Errorf("%s, by %s: got %q, want %q", when, name, got, want)
			}
		}
	}
	each("", "before the report")
	m.exec(t, `DELETE FROM devices`)
	bare.signIn(t)
	for _, link := range []string{m.notMe(t, p.Email, `Added the authenticator "Security key"`), m.notMe(t, bare.Email, "has not been used before")} {
		m.post(t, "", reportNotMe, vars{"t": link}).expect(t, "", "the report")
	}
	each("CONFLICT", "after the report")
	if n := m.find(t, `SELECT count(*)::text FROM sessions s JOIN users u ON u.id = s.user_id WHERE u.email IN ($1, $2) AND s.ended_at IS NULL`, p.Email, bare.Email); n != "0" {
		t.Errorf("%s sessions of locked accounts hold", n)
	}
}

// TestSignInWhileTheAccountChanges: what is changed between the look at a password and the session that follows keeps a thief out
// who knows the old one, and lets its owner in whose password was only hashed anew.
func TestSignInWhileTheAccountChanges(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		factor bool
		change string
		code   string
	}{
		"the password is another one":                {false, `UPDATE credentials SET password_hash = (SELECT password_hash FROM credentials WHERE user_id <> $1) WHERE user_id = $1`, "INVALID_CREDENTIALS"},
		"the password is another one, with a factor": {true, `UPDATE credentials SET password_hash = (SELECT password_hash FROM credentials WHERE user_id <> $1) WHERE user_id = $1`, "INVALID_CREDENTIALS"},
		"the account is locked":                      {false, `UPDATE users SET frozen_since = clock_timestamp() WHERE id = $1`, "CONFLICT"},
		"the account is locked, with a factor":       {true, `UPDATE users SET frozen_since = clock_timestamp() WHERE id = $1`, "CONFLICT"},
		"nothing that matters":                       {false, `UPDATE users SET name = 'New' WHERE id = $1`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := start(t)
			p := m.verified(t, "Pia")
			m.signUp(t, "Other")
			if c.factor {
				p.enroll(t)
			}
			const opens = `SELECT (SELECT count(*) FROM sessions s WHERE s.user_id = u.id) + (SELECT count(*) FROM challenges c WHERE c.user_id = u.id) || '' FROM users u WHERE u.email = $1`
			before := m.find(t, opens, p.Email)
			tx, err := m.admin(t).Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var id string
			if err := tx.QueryRow(t.Context(), `SELECT id FROM users WHERE email = $1 FOR UPDATE`, p.Email).Scan(&id); err != nil {
				t.Fatal(err)
			}
			answers := make(chan answer, 1)
			go func() {
				a, err := m.tryPost("", signInQuery, vars{"i": vars{"email": p.Email, "password": p.Password}})
				if err != nil {
					t.Error(err)
				}
				answers <- a
			}()
			m.blocked(t, tx)
			if _, err := tx.Exec(t.Context(), c.change, id); err != nil {
				t.Fatal(err)
			}
			if err := tx.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			a := <-answers
			a.expect(t, c.code, "signing in")
			if after := m.find(t, opens, p.Email); (after == before) != (c.code != "") {
				t.Errorf("%s sessions and challenges before, %s after", before, after)
			}
		})
	}
}

// blocked waits until somebody waits for what the transaction holds.
func (m *muster) blocked(t testing.TB, tx pgx.Tx) {
	t.Helper()
	var pid int
	if err := tx.QueryRow(t.Context(), `SELECT pg_backend_pid()`).Scan(&pid); err != nil {
		t.Fatal(err)
	}
	conn, done := m.brief(t)
	defer done()
	eventually(t, "somebody waits for the lock", func() bool {
		var waits bool
		err := conn.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE $1 = ANY(pg_blocking_pids(pid)))`, pid).Scan(&waits)
		return err == nil && waits
	})
}
