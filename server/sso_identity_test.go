package main

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// signsIn walks through the sign-in at a provider that asks nothing, and gives who it is.
func (m *muster) signsIn(t testing.TB, o *organization) viewerAnswer {
	t.Helper()
	var who viewerAnswer
	m.browser(t).signedIn(o, "").do(ssoViewer, nil, &who)
	return who
}

// linked links an account with whom a provider that asks nothing names.
func (p *person) linked(t testing.TB, o *organization) page {
	t.Helper()
	b := p.m.browser(t)
	b.signInHere(p)
	return b.get(b.callback("/sso/"+o.Slug+"?link=1", "same-origin", ""))
}

// TestIdentityIsOfOneOrganization: two organizations have the same provider. Whom it names is somebody else in each.
func TestIdentityIsOfOneOrganization(t *testing.T) {
	t.Parallel()
	m := start(t, privateProviders)
	l := startLiar(t)
	l.claims(map[string]any{"sub": "ada"})
	owner := m.signUp(t, "Olivia")
	one, two := owner.organization(t), owner.organization(t)
	one.connect(t, l.URL, false)
	two.connect(t, l.URL, false)
	first, second := m.signsIn(t, one), m.signsIn(t, two)
	if first.Viewer.ID == second.Viewer.ID {
		t.Error("one account is in both organizations")
	}
	if again := m.signsIn(t, one); again.Viewer.ID != first.Viewer.ID {
		t.Error("a second sign-in at the first one is somebody else")
	}
}

// TestTrustIsOfTheProviderOfNow: whom the provider of before vouched for is not vouched for by the one that has taken its place,
// though it knows somebody of the same name: not in what is shown, not at the gate, not by the sweep.
func TestTrustIsOfTheProviderOfNow(t *testing.T) {
	t.Parallel()
	m := start(t, privateProviders)
	owner, leo := m.someone(t, "Olivia"), m.signUp(t, "Leo")
	o := owner.organization(t)
	id := o.join(t, leo, "MEMBER")
	before, after := startLiar(t), startLiar(t)
	before.claims(map[string]any{"sub": "leo", "amr": []string{"mfa"}})
	o.connect(t, before.URL, true)
	if p := leo.linked(t, o); p.Status != http.StatusOK {
		t.Fatalf("Leo was not linked: %d %s", p.Status, p.Body)
	}
	seen := func() (linked bool, removed int) {
		t.Helper()
		var out struct {
			Node         struct{ Linked bool }
			Organization struct {
				Require2FAImpact struct{ RemovedCount int }
			}
		}
		owner.do(t, `query($s: String!, $m: ID!) { node(id: $m) { ... on Member { linked } } organization(slug: $s) { require2FAImpact { removedCount } } }`, vars{"s": o.Slug, "m": id}, &out)
		return out.Node.Linked, out.Organization.Require2FAImpact.RemovedCount
	}
	if linked, removed := seen(); !linked || removed != 0 {
		t.Errorf("with the provider of before Leo is linked: %v, and %d would be removed", linked, removed)
	}
	o.connect(t, after.URL, true)
	if linked, removed := seen(); linked || removed != 1 {
		t.Errorf("with the provider of now Leo is linked: %v, and %d would be removed, want 1", linked, removed)
	}
	m.holdSweeps(t)
	o.require2FA(t, true)
	leo.refused(t, "TWO_FACTOR_REQUIRED", seeOrganization, vars{"s": o.Slug})
}

// TestProviderIsExchangedMeanwhile: what a provider answers is worth nothing once another has taken its place, at any moment of a
// sign-in or a link; and the new one is never shown a code of the old one.
func TestProviderIsExchangedMeanwhile(t *testing.T) {
	t.Parallel()
	m := start(t, privateProviders)
	owner, mia := m.signUp(t, "Olivia"), m.signUp(t, "Mia")
	o := owner.organization(t)
	o.join(t, mia, "MEMBER")
	before, after := startLiar(t), startLiar(t)
	before.claims(map[string]any{"sub": "ada"})
	after.claims(map[string]any{"sub": "ada"})
	var shown atomic.Int64
	after.meanwhile(func() { shown.Add(1) })
	refused := func(p page, when string) {
		t.Helper()
		if p.Status != http.StatusBadRequest || !strings.Contains(p.Body, "took longer than ten minutes") {
			t.Errorf("%s: got %d %s", when, p.Status, p.Body)
		}
		if n := m.find(t, `SELECT (SELECT count(*) FROM sessions WHERE organization_id IS NOT NULL) + (SELECT count(*) FROM identities) || ''`); n != "0" {
			t.Errorf("%s: %s sessions and identities", when, n)
		}
	}
	exchange := func() {
		if a, err := m.tryPost(owner.Token, connectSSO, connection(o, after.URL, false)); err != nil || len(a.Errors) > 0 {
			t.Errorf("exchanging the provider: %v %+v", err, a.Errors)
		}
	}

	o.connect(t, before.URL, false)
	b := m.browser(t)
	back := b.callback("/sso/"+o.Slug, "none", "")
	exchange()
	refused(b.get(back), "before the answer")

	before.meanwhile(exchange)
	o.connect(t, before.URL, false)
	refused(m.browser(t).signIn(o, ""), "while the code is redeemed")
	o.connect(t, before.URL, false)
	refused(mia.linked(t, o), "while the code of a link is redeemed")
	if n := shown.Load(); n != 0 {
		t.Errorf("the new provider was shown %d codes of the old one", n)
	}
}

// TestBudgetOfJoiningByProvider: a provider makes no accounts without end, and who has one gets in when that is used up.
func TestBudgetOfJoiningByProvider(t *testing.T) {
	t.Parallel()
	m := start(t, privateProviders)
	o := m.signUp(t, "Olivia").organization(t)
	l := startLiar(t)
	o.connect(t, l.URL, false)
	l.claims(map[string]any{"sub": "ada"})
	ada := m.signsIn(t, o)
	m.usedUp(t, "sso-join")
	l.claims(map[string]any{"sub": "one too many"})
	if p := m.browser(t).signIn(o, ""); p.Status != http.StatusTooManyRequests || p.Header.Get("Retry-After") == "" {
		t.Errorf("one too many: got %d, Retry-After %q", p.Status, p.Header.Get("Retry-After"))
	}
	l.claims(map[string]any{"sub": "ada"})
	if again := m.signsIn(t, o); again.Viewer.ID != ada.Viewer.ID {
		t.Error("Ada is somebody else")
	}
}

// TestThiefLinksAnIdentity: a thief with Vera's session lets an identity of theirs sign in to her account. Her report takes that
// back: afterwards the same identity is somebody else. What a provider says is told apart from what Vera does
// (TestProviderSignInsAreTold).
func TestThiefLinksAnIdentity(t *testing.T) {
	t.Parallel()
	m := start(t, privateProviders)
	o := m.signUp(t, "Olivia").organization(t)
	vera := m.verified(t, "Vera")
	vera.enroll(t)
	o.join(t, vera, "MEMBER")
	l := startLiar(t)
	l.claims(map[string]any{"sub": "thief"})
	o.connect(t, l.URL, false)
	if p := vera.linked(t, o); p.Status != http.StatusOK {
		t.Fatalf("not linked: %d %s", p.Status, p.Body)
	}
	id := m.find(t, `SELECT id FROM users WHERE email = $1`, vera.Email)
	known := func() string {
		return m.find(t, `SELECT count(*)::text FROM security_events WHERE action = 'user.new-sign-in'`)
	}
	m.exec(t, `DELETE FROM devices`) // so that each one is new
	before := known()
	if who := m.signsIn(t, o); who.Viewer.ID != id {
		t.Fatalf("the thief's identity is %+v", who.Viewer)
	}
	if after := known(); after != before {
		t.Errorf("alerts of sign-ins to the account: %s, after a sign-in at the provider %s", before, after)
	}
	m.post(t, "", reportNotMe, vars{"t": m.notMe(t, vera.Email, "Linked the account with an identity")}).expect(t, "", "the report")
	vera.Password = "her own new password"
	m.reset(t, vera.resetLink(t), vera.Password).expect(t, "", "the reset")
	if who := m.signsIn(t, o); who.Viewer.ID == id {
		t.Error("the thief's identity still signs in to Vera's account")
	}
	m.exec(t, `DELETE FROM rate_limits`)
	vera.signIn(t)
}
