package main

import (
	"net/http"
	"strings"
	"testing"
)

// A browser that signs in while it is signed in has one session afterwards: the one before, of whichever account, is over for its
// cookie and its token, and its account's log says so. A refused sign-in and a password alone end nothing, and a program that
// signs in keeps what it has.
func TestSignInReplacesTheBrowsersSession(t *testing.T) {
	t.Parallel()
	m := start(t)
	otto, mia := m.signUp(t, "Otto"), m.signUp(t, "Mia")
	mia.enroll(t)
	signIn := func(p *person, password string, c call) reply {
		c.Query, c.Vars = signInQuery, vars{"i": vars{"email": p.Email, "password": password}}
		return m.call(t, c)
	}
	browser := func(value string) call { return call{Origin: m.App.PublicURL, Cookie: "muster=" + value} }
	who := func(value string) string {
		c := browser(value)
		c.Query = whoami
		return m.call(t, c).who(t)
	}
	told := func(p *person) int {
		var out struct {
			Viewer struct {
				SecurityEvents struct{ Nodes []struct{ Action string } }
			}
		}
		p.do(t, `{ viewer { securityEvents(first: 100) { nodes { action } } } }`, nil, &out)
		n := 0
		for _, e := range out.Viewer.SecurityEvents.Nodes {
			if e.Action == "user.sessions-ended" {
				n++
			}
		}
		return n
	}

	first := signIn(otto, otto.Password, call{Origin: m.App.PublicURL})
	var began struct {
		SignIn struct{ Session struct{ Token string } }
	}
	first.decode(t, &began)
	cookie := first.cookie().Value
	if got := signIn(otto, "a wrong password", browser(cookie)); got.Code() != "INVALID_CREDENTIALS" || who(cookie) == "" {
		t.Fatalf("a refused sign-in: %s; the session before is %q's", got.Body, who(cookie))
	}
	second := signIn(otto, otto.Password, browser(cookie)).cookie().Value
	if who(cookie) != "" || m.signedIn(t, began.SignIn.Session.Token) || who(second) == "" {
		t.Errorf("the cookie before is %q's, its token signs in: %v; the new one is %q's", who(cookie), m.signedIn(t, began.SignIn.Session.Token), who(second))
	}
	if n := told(otto); n != 1 {
		t.Errorf("Otto's log tells of %d ended sessions, want 1", n)
	}

	// Mia, whose password is not enough, signs in to the same browser.
	challenged := signIn(mia, mia.Password, browser(second))
	if who(second) == "" {
		t.Error("a password alone has ended the session of the browser")
	}
	var challenge struct {
		SignIn struct{ Challenge struct{ Token string } }
	}
	challenged.decode(t, &challenge)
	c := browser(second)
	c.Query = `mutation($i: VerifySecondFactorInput!) { verifySecondFactor(input: $i) { session { token } } }`
	c.Vars = vars{"i": vars{"challengeToken": challenge.SignIn.Challenge.Token, "code": mia.code()}}
	third := m.call(t, c).cookie()
	if third == nil || who(second) != "" || who(third.Value) == "" {
		t.Errorf("Mia's cookie is %v, and Otto's still signs in %q", third, who(second))
	}
	if told(otto) != 2 || told(mia) != 0 {
		t.Errorf("the logs tell of %d and %d ended sessions, want 2 and 0", told(otto), told(mia))
	}

	// A program's token, and the session of one whose request came with a cookie besides.
	kept := third.Value
	if got := signIn(otto, otto.Password, call{Token: otto.Token}); got.Code() != "" || !m.signedIn(t, otto.Token) {
		t.Errorf("a program that signs in: %s, its token before signs in: %v", got.Body, m.signedIn(t, otto.Token))
	}
	both := browser(kept)
	both.Token = otto.Token
	if got := signIn(otto, otto.Password, both); got.Code() != "" || !m.signedIn(t, otto.Token) || who(kept) == "" {
		t.Errorf("a token that wins over a cookie: %s", got.Body)
	}
}

// What is no short name is refused before anything is made of it: no page says it, no address carries it, the database is not
// asked for bytes that it does not take, and nothing looks like a fault.
func TestSSOAddressIsAShortName(t *testing.T) {
	t.Parallel()
	m := start(t)
	for _, path := range []string{
		"/sso/acme%3Flink=1", "/sso/acme%2F..%2Fgraphql", "/sso/%00", "/sso/%ff", "/sso/%00?link=1", "/sso/acme%23x", "/sso/A", "/sso/" + strings.Repeat("a", 41),
	} {
		for _, site := range []string{"", "none", "same-origin", "cross-site"} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, m.URL+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if site != "" {
				r.Header.Set("Sec-Fetch-Site", site)
			}
			got := m.roundTrip(t, r)
			if got.Status != http.StatusNotFound || !strings.Contains(got.Body, "This is no organization&#39;s address.") || !strings.Contains(got.Body, `href="/"`) {
				t.Errorf("%s from %q: %d %s", path, site, got.Status, got.Body)
			}
		}
	}
	for _, path := range []string{"/sso/callback?state=%00&code=%00&iss=%00", "/sso/callback?state=%ff&error=%00"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, m.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.roundTrip(t, r); got.Status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", path, got.Status, got.Body)
		}
	}
	if log := m.Log.String(); strings.Contains(log, "level=ERROR") {
		t.Errorf("the log tells of a fault:\n%s", log)
	}
}
