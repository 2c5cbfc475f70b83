package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// A neighbour on the network who answers sign-ins that live with rubbish keeps nobody from a passkey; one who begins as many as
// there may be keeps out no browser that has signed in before, to whichever account. A sign-in costs its network nothing.
func TestNeighbourKeepsNobodyFromAPasskey(t *testing.T) {
	t.Parallel()
	m := start(t)
	b := m.back(t)
	vera := m.verified(t, "Vera")
	own := &visitor{m: m, agent: "Own"}
	own.signIn(t, vera.Email, vera.Password).expect(t, "", "Vera in her browser")
	vera.enroll(t)
	key := vera.addKey(t)
	counted := func() int {
		return value[int](t, b, `SELECT count(h)::int FROM rate_limits, unnest(hits) h WHERE key LIKE 'passkey %'`)
	}
	for i := range 31 {
		token, _ := m.askPasskey(t)
		want := "BAD_INPUT"
		if i == 30 {
			want = "RATE_LIMITED"
		}
		m.passkey(t, token, vars{}).expect(t, want, fmt.Sprintf("the neighbour's answer %d", i+1))
	}
	before := counted()
	token, options := m.askPasskey(t)
	m.passkey(t, token, key.get(t, options)).expect(t, "", "Vera's passkey")
	if n := counted(); n != before {
		t.Errorf("%d starts are counted after a sign-in, want %d as before it", n, before)
	}
	// A wrong one was the one try of its start, which stays counted.
	b.forget(t)
	token, options = m.askPasskey(t)
	stranger := *key
	stranger.Counter = 0
	wrong := stranger.get(t, options)
	wrong["id"], wrong["rawId"] = "AAAA", "AAAA"
	m.passkey(t, token, wrong).expect(t, "INVALID_CODE", "a key that nobody has")
	m.passkey(t, token, key.get(t, options)).expect(t, "INVALID_CODE", "the right one after it")
	if n := counted(); n != 1 {
		t.Errorf("%d starts are counted after a wrong answer, want 1", n)
	}

	m.usedUp(t, "passkey")
	ask := func(cookie string) reply {
		return m.call(t, call{Query: askPasskey, Origin: m.URL, Cookie: cookie})
	}
	ask("").expect(t, "RATE_LIMITED", "a new browser in the network")
	ask("muster-device=made.up").expect(t, "RATE_LIMITED", "a browser that says it is known")
	var out struct {
		StartPasskeySignIn struct {
			ChallengeToken string
			Options        vars
		}
	}
	got := ask("muster-device=" + own.device)
	got.expect(t, "", "Vera's own browser")
	got.decode(t, &out)
	m.call(t, call{Query: passkeyQuery, Origin: m.URL, Cookie: "muster-device=" + own.device, Vars: vars{"i": vars{
		"challengeToken": out.StartPasskeySignIn.ChallengeToken, "credential": key.get(t, out.StartPasskeySignIn.Options),
	}}}).expect(t, "", "her passkey there")
}

// Nor does who asks for organizations that there are not, or comes back from a provider where nobody was sent, keep anybody from
// single sign-on; and who begins many keeps out no known browser.
func TestNeighbourKeepsNobodyFromSSO(t *testing.T) {
	builtProvider.path(t)
	t.Parallel()
	m := start(t, privateProviders)
	b := m.back(t)
	owner, o := m.owner(t)
	without := owner.organization(t)
	o.connect(t, m.startProvider(t, map[string]provided{"1": {Name: "nora"}}), false)
	for what, path := range map[string]string{
		"no organization": "/sso/nothing-here", "one without a provider": "/sso/" + without.Slug, "no attempt": "/sso/callback?state=nothing&code=x",
	} {
		b.forget(t)
		m.get(t, path, nil)
		m.usedUp(t, "sso")
		if got := m.get(t, path, nil); got.Status != http.StatusTooManyRequests {
			t.Errorf("%s, again and again: %d", what, got.Status)
		}
		m.browser(t).signedIn(o, "nora")
		if n := value[int](t, b, `SELECT count(h)::int FROM rate_limits, unnest(hits) h WHERE key LIKE 'sso %' AND key NOT LIKE 'sso dead %'`); n != 0 {
			t.Errorf("%d starts are counted after a sign-in, want none", n)
		}
	}
	known := m.browser(t)
	known.signInHere(owner)
	b.forget(t)
	stranger := m.browser(t)
	if got := stranger.get(stranger.base + "/sso/" + o.Slug); got.Status != http.StatusSeeOther {
		t.Fatalf("a start: %d %s", got.Status, got.Body)
	}
	m.usedUp(t, "sso")
	if got := stranger.get(stranger.base + "/sso/" + o.Slug); got.Status != http.StatusTooManyRequests || !strings.Contains(got.Body, "your network") {
		t.Errorf("a start in a network that has used them up: %d %s", got.Status, got.Body)
	}
	known.signedIn(o, "nora")
}

// Nor does one who tries addresses that are taken, or signs up very often, keep anybody from an invitation that was mailed to them,
// or from an address that they have proved by its mail.
func TestNeighbourKeepsNobodyFromAnInvitation(t *testing.T) {
	t.Parallel()
	m := start(t)
	b := m.back(t)
	owner, o := m.owner(t)
	signUp := func(email string, invite, address *string) answer {
		return m.post(t, "", signUpQuery, vars{"i": vars{"email": email, "name": "Nina", "password": "a long password", "inviteToken": invite, "addressToken": address}})
	}
	invited := newAddress()
	o.invite(t, owner, invited, "MEMBER")
	invitation := m.link(t, invited, "Join ")
	claimed := m.signUp(t, "Una")
	claim := claimed.claimLink(t)

	b.forget(t)
	signUp(newAddress(), nil, nil).expect(t, "", "a sign-up")
	signUp(owner.Email, nil, nil).expect(t, "EMAIL_TAKEN", "an address that is taken")
	m.usedUp(t, "email-taken")
	m.usedUp(t, "sign-up")
	made := "made up"
	for what, refused := range map[string]answer{
		"no token":                     signUp(newAddress(), nil, nil),
		"a token that was made up":     signUp(newAddress(), &made, nil),
		"a token of another's address": signUp(newAddress(), &invitation, nil),
		"made up, of an address":       signUp(newAddress(), nil, &made),
	} {
		refused.expect(t, "RATE_LIMITED", what)
	}
	signUp(invited, &invitation, nil).expect(t, "", "by the invitation")
	signUp(claimed.Email, nil, &claim).expect(t, "", "by the mail to the address")
	// Who has proved it learns that it is taken now, at nobody's cost, and not without end.
	for i := range 9 {
		signUp(invited, &invitation, nil).expect(t, "EMAIL_TAKEN", fmt.Sprintf("by the invitation once more, %d", i+1))
	}
	signUp(invited, &invitation, nil).expect(t, "RATE_LIMITED", "by the invitation, the eleventh time")
}

// Nor does one who asks for very many new passwords, or again and again for a neighbour's, keep a browser that has signed in before
// from its own account's.
func TestNeighbourKeepsNobodyFromAReset(t *testing.T) {
	t.Parallel()
	m := start(t)
	b := m.back(t)
	vera, mia := m.verified(t, "Vera"), m.verified(t, "Mia")
	own := &visitor{m: m, agent: "Own"}
	own.signIn(t, vera.Email, vera.Password).expect(t, "", "Vera in her browser")
	ask := func(email, cookie string) reply {
		return m.call(t, call{Query: requestReset, Origin: m.URL, Cookie: cookie, Vars: vars{"i": vars{"email": email}}})
	}
	known := "muster-device=" + own.device
	for what, use := range map[string]func(){
		"the network's": func() { ask(newAddress(), ""); m.usedUp(t, "reset-network") },
		"hers there":    func() { ask(vera.Email, ""); m.usedUp(t, "reset") },
	} {
		b.forget(t)
		use()
		ask(vera.Email, "").expect(t, "RATE_LIMITED", what+": a new browser")
		ask(vera.Email, "muster-device=made.up").expect(t, "RATE_LIMITED", what+": one that says it is known")
		if what == "the network's" {
			ask(mia.Email, known).expect(t, "RATE_LIMITED", what+": Vera's for another account")
			ask(newAddress(), known).expect(t, "RATE_LIMITED", what+": Vera's for nobody's")
		}
		for i := range 5 {
			ask(vera.Email, known).expect(t, "", fmt.Sprintf("%s: Vera's own browser, %d", what, i+1))
		}
		ask(vera.Email, known).expect(t, "RATE_LIMITED", what+": Vera's own browser, too often")
	}
}
