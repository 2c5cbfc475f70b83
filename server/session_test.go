package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"muster/app"
	"muster/server/settings"
)

const whoami = `{ viewer { email } }`

// who is the address of whoever a reply is for, "" for nobody.
func (r reply) who(t testing.TB) string {
	t.Helper()
	var out struct{ Viewer *struct{ Email string } }
	r.decode(t, &out)
	if out.Viewer == nil {
		return ""
	}
	return out.Viewer.Email
}

// A browser's session is a cookie that scripts cannot read, that only Muster's own pages can use, and that changes its
// value when the session is worth more.
func TestCookies(t *testing.T) {
	t.Parallel()
	const elsewhere = "https://admin.example.com"
	m := start(t, func(s *settings.Settings, _ *app.Config) { s.AllowedOrigins = []string{elsewhere} })
	p, other := m.signUp(t, "Cora"), m.signUp(t, "Curt")
	origin := "http://localhost" + m.URL[strings.LastIndex(m.URL, ":"):]
	in := call{Query: signInQuery, Vars: vars{"i": vars{"email": p.Email, "password": p.Password}}, Origin: origin}
	for what, from := range map[string]string{"a program": "", "a foreign page": "https://evil.example", "an opaque origin": "null", "another port": "http://localhost:1"} {
		c := in
		c.Origin = from
		if got := m.call(t, c); got.cookie() != nil {
			t.Errorf("%s gets the cookie %v", what, got.cookie())
		}
	}
	got := m.call(t, in)
	cookie := got.cookie()
	if cookie == nil {
		t.Fatalf("a page gets no cookie: %s", got.Body)
	}
	if cookie.Name != "muster" || !cookie.HttpOnly || cookie.Secure || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" || cookie.Domain != "" || cookie.MaxAge != 86400 {
		t.Errorf("the cookie is %+v", cookie)
	}
	if strings.Contains(got.Body, cookie.Value) {
		t.Error("scripts can read the cookie's value in the answer")
	}
	use := func(value, origin, token string) reply {
		return m.call(t, call{Query: whoami, Cookie: "muster=" + value, Origin: origin, Token: token})
	}
	for what, from := range map[string]string{"this origin": origin, "its twin": strings.Replace(origin, "localhost", "127.0.0.1", 1), "an allowed one": elsewhere} {
		if who := use(cookie.Value, from, "").who(t); who != p.Email {
			t.Errorf("from %s the cookie is for %q", what, who)
		}
	}
	for what, from := range map[string]string{"none": "", "a foreign one": "https://evil.example", "an opaque one": "null", "one that begins alike": origin + ".evil.example", "https": strings.Replace(origin, "http:", "https:", 1)} {
		refused := use(cookie.Value, from, "")
		if refused.Status != http.StatusForbidden || refused.Code() != "FORBIDDEN" || strings.Contains(refused.Body, p.Email) {
			t.Errorf("origin %s: %d %s", what, refused.Status, refused.Body)
		}
	}

	// A bearer token wins over the cookie, and one that does not hold never falls back to it.
	if who := use(cookie.Value, origin, other.Token).who(t); who != other.Email {
		t.Errorf("with cookie and token it is %q", who)
	}
	for _, authorization := range []string{"Bearer nonsense", "Bearer " + cookie.Value, "Bearer ", "Basic eDp5", "nonsense"} {
		r := m.call(t, call{Query: whoami, Cookie: "muster=" + cookie.Value, Origin: origin, Header: http.Header{"Authorization": {authorization}}})
		if who := r.who(t); who != "" {
			t.Errorf("with %q it is %q", authorization, who)
		}
	}
	token := struct {
		SignIn struct{ Session struct{ Token string } }
	}{}
	got.decode(t, &token)
	if who := use(token.SignIn.Session.Token, origin, "").who(t); who != "" {
		t.Errorf("the bearer token is a cookie of %q", who)
	}

	// Confirming a factor gives the cookie a new value and leaves the bearer token.
	browser := func(query string, v vars, value string) reply {
		t.Helper()
		return m.call(t, call{Query: query, Vars: v, Cookie: "muster=" + value, Origin: origin})
	}
	var set struct{ EnrollPhone struct{ SentTo string } }
	number := phoneNumber()
	browser(enrollPhone, vars{"n": number}, cookie.Value).decode(t, &set)
	confirmed := browser(confirmPhone, vars{"c": m.text(t, number)}, cookie.Value)
	confirmed.expect(t, "", "confirming in the browser")
	rotated := confirmed.cookie()
	if rotated == nil || rotated.Value == cookie.Value || !rotated.HttpOnly {
		t.Fatalf("after confirming the cookie is %v", rotated)
	}
	if who := use(cookie.Value, origin, "").who(t); who != "" {
		t.Errorf("the old value is for %q", who)
	}
	if who := use(rotated.Value, origin, "").who(t); who != p.Email {
		t.Errorf("the new value is for %q", who)
	}
	if !m.signedIn(t, token.SignIn.Session.Token) {
		t.Error("the bearer token ended with the old value")
	}

	// Signing out clears the cookie and ends the session on both ways.
	out := browser(`mutation { signOut(input: {}) { ok } }`, nil, rotated.Value)
	out.expect(t, "", "signing out")
	if c := out.cookie(); c == nil || c.Value != "" || c.MaxAge >= 0 {
		t.Errorf("signing out sets %v", c)
	}
	if who := use(rotated.Value, origin, "").who(t); who != "" || m.signedIn(t, token.SignIn.Session.Token) {
		t.Error("the session goes on after signing out")
	}
	browser(`mutation { signOut(input: {}) { ok } }`, nil, rotated.Value).expect(t, "UNAUTHENTICATED", "signing out twice")
}

func TestSecureCookie(t *testing.T) {
	t.Parallel()
	const origin = "https://muster.example.com"
	m := start(t, func(s *settings.Settings, c *app.Config) { s.PublicURL, c.PublicURL = origin, origin })
	up := call{Query: signUpQuery, Origin: origin, Vars: vars{"i": vars{"email": "s@people.example", "name": "S", "password": "long enough"}}}
	cookie := m.call(t, up).cookie()
	if cookie == nil || cookie.Name != "__Host-muster" || !cookie.Secure || !cookie.HttpOnly || cookie.Path != "/" || cookie.Domain != "" || cookie.SameSite != http.SameSiteLaxMode {
		t.Fatalf("the cookie is %+v", cookie)
	}
	if who := m.call(t, call{Query: whoami, Origin: origin, Cookie: "__Host-muster=" + cookie.Value}).who(t); who != "s@people.example" {
		t.Errorf("the cookie is for %q", who)
	}
	if who := m.call(t, call{Query: whoami, Origin: origin, Cookie: "muster=" + cookie.Value}).who(t); who != "" {
		t.Errorf("a cookie of the plain name is for %q", who)
	}
	if r := m.call(t, call{Query: whoami, Origin: "http://localhost:8080", Cookie: "__Host-muster=" + cookie.Value}); r.Status != http.StatusForbidden {
		t.Errorf("from localhost: %d", r.Status)
	}
}

func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	m := start(t, func(_ *settings.Settings, c *app.Config) { c.SessionIdle, c.SessionMax = time.Hour, 24*time.Hour })
	b := m.back(t)
	p, other := m.signUp(t, "Sari"), m.signUp(t, "Sol")
	shift := func(column, how string) {
		t.Helper()
		if n := b.run(t, fmt.Sprintf(`UPDATE sessions SET %s = %s WHERE ended_at IS NULL AND user_id = (SELECT id FROM users WHERE email = $1)`, column, how), p.Email); n == 0 {
			t.Fatal("there is no session")
		}
	}
	alive := func(want bool, what string) {
		t.Helper()
		if got := m.signedIn(t, p.Token); got != want {
			t.Errorf("%s: signed in %v, want %v", what, got, want)
		}
		if !m.signedIn(t, other.Token) {
			t.Errorf("%s: somebody else's session ended", what)
		}
	}
	shift("used_at", "clock_timestamp() - interval '59 minutes'")
	alive(true, "after 59 minutes without a request")
	if idle := value[float64](t, b, `SELECT extract(epoch FROM clock_timestamp() - used_at)::float8 FROM sessions WHERE user_id = (SELECT id FROM users WHERE email = $1)`, p.Email); idle > 60 {
		t.Errorf("a request did not count as use: idle for %.0f s", idle)
	}
	shift("used_at", "clock_timestamp() - interval '1 hour'")
	alive(false, "after an hour without a request")
	p.refused(t, "UNAUTHENTICATED", `mutation { createOrganization(input: {slug: "late", name: "Late"}) { organization { id } } }`, nil)
	p.signIn(t)
	left := value[float64](t, b, `SELECT extract(epoch FROM max(expires_at) - clock_timestamp())::float8 FROM sessions WHERE user_id = (SELECT id FROM users WHERE email = $1)`, p.Email)
	if left < 24*3600-60 || left > 24*3600 {
		t.Errorf("a session lives %.0f s, want 24 hours", left)
	}
	shift("expires_at", "clock_timestamp() + interval '1 minute'")
	alive(true, "a minute before its end")
	shift("expires_at", "clock_timestamp()")
	alive(false, "at its end, though in use")

	// Signing out ends one session, or all of the account and of nobody else.
	p.signIn(t)
	first, second, third := p.another(t), p.another(t), p.another(t)
	first.do(t, `mutation { signOut(input: {}) { ok } }`, nil, nil)
	if m.signedIn(t, first.Token) || !m.signedIn(t, second.Token) || !m.signedIn(t, p.Token) {
		t.Error("signing out ended the wrong sessions")
	}
	second.do(t, `mutation { signOut(input: {everywhere: true}) { ok } }`, nil, nil)
	for _, who := range []*person{p, first, second, third} {
		if m.signedIn(t, who.Token) {
			t.Error("a session goes on after signing out everywhere")
		}
	}
	alive(false, "after signing out everywhere")

	// A token is stored as its hash only.
	p.signIn(t)
	if n := value[int](t, b, `SELECT count(*)::int FROM sessions WHERE position(convert_to($1, 'UTF8') IN token_hash) > 0`, p.Token); n != 0 {
		t.Error("a token is stored")
	}
	if len(p.Token) < 43 { // 256 bits in base64
		t.Errorf("a token has %d characters", len(p.Token))
	}
}
