package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// limit connects a provider that lets in some of whom it names only.
func (o *organization) limit(t testing.TB, issuer string, limits vars) {
	t.Helper()
	v := connection(o, issuer, false)
	for name, value := range limits {
		v["i"].(vars)[name] = value
	}
	o.Owner.do(t, connectSSO, v, nil)
}

// TestProviderLimitedToDomains: at a provider that names many, only whose verified address is of the organization's domain comes
// in, again at each sign-in; who is refused leaves nothing behind, and nobody is recognised by an address all the same.
func TestProviderLimitedToDomains(t *testing.T) {
	builtProvider.path(t)
	t.Parallel()
	m := start(t, privateProviders)
	owner := m.someone(t, "Olivia")
	o := owner.organization(t)
	issuer := m.startProvider(t, map[string]provided{
		"sub-ada":  {Name: "ada", Email: "ada@corp.example"},
		"sub-eve":  {Name: "eve", Email: "eve@evil.example"},
		"sub-fay":  {Name: "fay", Email: "fay@corp.example", Unverified: true},
		"sub-sub":  {Name: "sub", Email: "sub@it.corp.example"},
		"sub-twin": {Name: "twin", Email: owner.Email},
	})
	domain := owner.Email[strings.LastIndex(owner.Email, "@")+1:]
	o.limit(t, issuer, vars{"allowedDomains": []string{"Corp.Example", domain}})
	var shown struct {
		Organization struct {
			SSO struct {
				AllowedDomains []string
				RequiredClaim  *struct{ Name, Value string }
			}
		}
	}
	owner.do(t, `query($s: String!) { organization(slug: $s) { sso { allowedDomains requiredClaim { name value } } } }`, vars{"s": o.Slug}, &shown)
	if diff := cmp.Diff([]string{"corp.example", domain}, shown.Organization.SSO.AllowedDomains); diff != "" || shown.Organization.SSO.RequiredClaim != nil {
		t.Errorf("the settings show (-want +got):\n%s %+v", diff, shown.Organization.SSO.RequiredClaim)
	}

	ada := m.browser(t).signedIn(o, "ada")
	before := m.find(t, `SELECT (SELECT count(*) FROM users) || ' ' || (SELECT count(*) FROM identities) || ' ' || (SELECT count(*) FROM members) || ' ' || (SELECT count(*) FROM sessions)`)
	for _, name := range []string{"eve", "fay", "sub"} {
		p := m.browser(t).signIn(o, name)
		if p.Status != http.StatusForbidden || !strings.Contains(p.Body, "lets in only accounts of its own domains") || !strings.Contains(p.Body, "work account") || p.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s: got %d %s", name, p.Status, p.Body)
		}
		for _, secret := range []string{"corp.example", domain} {
			if strings.Contains(p.Body, secret) {
				t.Errorf("a stranger is told %s", secret)
			}
		}
	}
	if after := m.find(t, `SELECT (SELECT count(*) FROM users) || ' ' || (SELECT count(*) FROM identities) || ' ' || (SELECT count(*) FROM members) || ' ' || (SELECT count(*) FROM sessions)`); after != before {
		t.Errorf("who was refused left something: accounts, identities, members, sessions were %s and are %s", before, after)
	}
	if log := m.Log.String(); strings.Count(log, "was not let in") != 3 || strings.Contains(log, "eve@evil.example") || strings.Contains(log, "fay@corp.example") {
		t.Errorf("the operator's log should have three lines of who was not let in, by subject:\n%s", log)
	}

	// An address that fits lets in and opens nothing: its twin's account is another one.
	var twin viewerAnswer
	m.browser(t).signedIn(o, "twin").do(ssoViewer, nil, &twin)
	if ownerID := m.find(t, `SELECT id FROM users WHERE email = $1`, owner.Email); twin.Viewer.ID == ownerID || twin.Viewer.Email != nil {
		t.Errorf("the owner's address at the provider made %+v", twin.Viewer)
	}
	// Nor is an account linked with an identity that would not be let in.
	b := m.browser(t)
	b.signInHere(owner)
	if p := b.get(b.callback("/sso/"+o.Slug+"?link=1", "same-origin", "eve")); p.Status != http.StatusForbidden {
		t.Errorf("linking eve: got %d %s", p.Status, p.Body)
	}
	if n := m.find(t, `SELECT count(*)::text FROM identities WHERE subject = 'sub-eve'`); n != "0" {
		t.Errorf("eve has %s identities", n)
	}

	// Other limits end what has begun by the ones of before, and are asked of whom the provider has named already.
	o.limit(t, issuer, vars{"allowedDomains": []string{"other.example"}})
	if a := ada.ask(`{ viewer { id } }`, nil); a.Code() != "" || !strings.Contains(string(a.Data), `"viewer":null`) {
		t.Errorf("ada's session goes on: %s %q", a.Data, a.Code())
	}
	if p := m.browser(t).signIn(o, "ada"); p.Status != http.StatusForbidden {
		t.Errorf("ada comes in again: %d %s", p.Status, p.Body)
	}
	entry := m.find(t, `SELECT (data->>'lets_in') FROM audit_entries WHERE organization_id = $1 AND action = 'sso.enable' ORDER BY created_at`, o.ID)
	if want := "accounts of corp.example, " + domain; entry != want {
		t.Errorf("the log says that it lets in %q, want %q", entry, want)
	}
}

// TestProviderLimitedWhileOnTheWay: who was sent to the provider before the limits changed has to begin again.
func TestProviderLimitedWhileOnTheWay(t *testing.T) {
	t.Parallel()
	m := start(t, privateProviders)
	o := m.someone(t, "Olivia").organization(t)
	l := startLiar(t)
	l.claims(map[string]any{"sub": "ada", "groups": []string{"guests"}})
	o.connect(t, l.URL, false)
	b := m.browser(t)
	back := b.callback("/sso/"+o.Slug, "none", "")
	l.meanwhile(func() {
		l.meanwhile(nil)
		o.limit(t, l.URL, vars{"requiredClaim": vars{"name": "groups", "value": "staff"}})
	})
	if p := b.get(back); p.Status != http.StatusBadRequest {
		t.Errorf("a sign-in of before the limits got %d %s", p.Status, p.Body)
	}
	if n := m.find(t, `SELECT count(*)::text FROM identities WHERE organization_id = $1`, o.ID); n != "0" {
		t.Errorf("%s identities were made", n)
	}
	// And at each sign-in the claim is asked for.
	if p := m.browser(t).signIn(o, ""); p.Status != http.StatusForbidden || !strings.Contains(p.Body, "only some of the provider") {
		t.Errorf("a guest got %d %s", p.Status, p.Body)
	}
	l.claims(map[string]any{"sub": "ada", "groups": []string{"guests", "staff"}})
	m.browser(t).signedIn(o, "")
}

// TestClaimsOfAnyKind: a claim that is a number or a truth value lets in by what JSON writes, an address only where the provider has
// verified it, and an odd claim that nothing hangs on keeps nobody out.
func TestClaimsOfAnyKind(t *testing.T) {
	t.Parallel()
	m := start(t, privateProviders)
	o := m.someone(t, "Olivia").organization(t)
	l := startLiar(t)
	for _, row := range []struct {
		limits vars
		claims map[string]any
		status int
	}{
		{vars{"requiredClaim": vars{"name": "acct", "value": "0"}}, map[string]any{"acct": 0}, http.StatusSeeOther},
		{vars{"requiredClaim": vars{"name": "acct", "value": "0"}}, map[string]any{"acct": 1}, http.StatusForbidden},
		{vars{"requiredClaim": vars{"name": "acct", "value": "0"}}, map[string]any{}, http.StatusForbidden},
		{vars{"requiredClaim": vars{"name": "xms_edov", "value": "true"}}, map[string]any{"xms_edov": true}, http.StatusSeeOther},
		{vars{"requiredClaim": vars{"name": "xms_edov", "value": "true"}}, map[string]any{"xms_edov": false}, http.StatusForbidden},
		{vars{"requiredClaim": vars{"name": "email", "value": "boss@corp.example"}}, map[string]any{"email": "boss@corp.example"}, http.StatusForbidden},
		{vars{"requiredClaim": vars{"name": "email", "value": "boss@corp.example"}}, map[string]any{"email": "boss@corp.example", "email_verified": true}, http.StatusSeeOther},
		{vars{"allowedDomains": []string{"corp.example"}}, map[string]any{"email": "d@evil.example,x@corp.example", "email_verified": true}, http.StatusForbidden},
		{vars{"allowedDomains": []string{"corp.example"}}, map[string]any{"email": "d@evil.example\n@corp.example", "email_verified": true}, http.StatusForbidden},
		{nil, map[string]any{"amr": "pwd", "acr": 1, "name": 5, "email": []string{"a"}}, http.StatusSeeOther},
	} {
		o.limit(t, l.URL, row.limits)
		row.claims["sub"] = "ada"
		l.claims(row.claims)
		if p := m.browser(t).signIn(o, ""); p.Status != row.status {
			t.Errorf("%v with %v: got %d, want %d", row.limits, row.claims, p.Status, row.status)
		}
	}
}

// TestSharedIssuers: what the whole world has accounts at is not connected without saying whose are let in.
func TestSharedIssuers(t *testing.T) {
	t.Parallel()
	m := start(t)
	o := m.someone(t, "Olivia").organization(t)
	for _, row := range []struct {
		issuer string
		limits vars
		field  string
	}{
		{"https://accounts.google.com", nil, "allowedDomains"},
		{"https://accounts.google.com", vars{"allowedDomains": []string{}}, "allowedDomains"},
		{"https://accounts.google.com", vars{"allowedDomains": []string{"gmail.com"}}, "allowedDomains"},
		{"https://login.microsoftonline.com/common/v2.0", vars{"allowedDomains": []string{"corp.example"}}, "issuer"},
		{"https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0", vars{"allowedDomains": []string{"corp.example"}}, "allowedDomains"},
		{"https://gitlab.com", vars{"allowedDomains": []string{"hotmail.co.uk"}}, "allowedDomains"},
		{"https://gitlab.com", vars{"requiredClaim": vars{"name": "amr", "value": "pwd"}}, "requiredClaim"},
		{"https://discord.com", vars{"allowedDomains": []string{"gmail.com"}, "requiredClaim": vars{"name": "locale", "value": "en"}}, "allowedDomains"},
		{"https://accounts.zoho.com", nil, "allowedDomains"},
		{"https://login.example.com", vars{"allowedDomains": []string{"*"}}, "allowedDomains"},
		{"https://login.example.com", vars{"requiredClaim": vars{"name": "aud", "value": "muster"}}, "requiredClaim"},
	} {
		v := connection(o, row.issuer, false)
		for name, value := range row.limits {
			v["i"].(vars)[name] = value
		}
		if a := o.Owner.refused(t, "BAD_INPUT", connectSSO, v); a.field() != row.field {
			t.Errorf("%s with %v: the field is %v, want %s", row.issuer, row.limits, a.field(), row.field)
		}
	}
	o.limit(t, "https://accounts.google.com", vars{"allowedDomains": []string{"corp.example"}})
}
