package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/descope/virtualwebauthn"
	"github.com/google/go-cmp/cmp"

	"muster/app"
	"muster/server/settings"
)

// Somebody with the password uses up the guesses at codes, the requests for a key and the answers of one, from their network:
// the owner's key and passkey work all the same from theirs.
func TestKeyOutlastsAGuesser(t *testing.T) {
	t.Parallel()
	m := start(t, behindProxy)
	p := m.signUp(t, "Kim")
	p.enroll(t)
	key := p.addKey(t)
	const guesser, owner = "203.0.113.9", "198.51.100.7"
	m.exec(t, `DELETE FROM rate_limits`)
	challenge := p.challenged(t)
	ask := func(from string) answer {
		return m.call(t, call{Query: askKey, From: from, Vars: vars{"c": challenge}}).answer
	}
	answered := func(from string, credential vars) answer {
		return m.call(t, call{Query: verifyQuery, From: from, Vars: vars{"i": vars{"challengeToken": challenge, "credential": credential}}}).answer
	}
	asked := func(from string) vars {
		var out struct{ StartSecurityKeyVerification struct{ Options vars } }
		ask(from).decode(t, &out)
		return out.StartSecurityKeyVerification.Options
	}
	for i := range 10 {
		wrong := key.get(t, asked(guesser))
		wrong["response"].(vars)["signature"] = "AAAA"
		answered(guesser, wrong).expect(t, "INVALID_CODE", fmt.Sprintf("wrong answer %d", i+1))
	}
	a := answered(guesser, key.get(t, asked(guesser))).expect(t, "RATE_LIMITED", "a right answer after ten wrong ones")
	if a.Header.Get("Retry-After") == "" || a.Errors[0].Extensions["retryAfter"] == nil {
		t.Errorf("the refusal does not say when to try again: %v %v", a.Header, a.Errors)
	}
	for range 9 { // eleven before
		ask(guesser).expect(t, "", "a request within the budget")
	}
	ask(guesser).expect(t, "RATE_LIMITED", "the request after twenty")
	for range 5 {
		m.call(t, call{Query: verifyQuery, From: guesser, Vars: vars{"i": vars{"challengeToken": challenge, "code": p.wrong()}}}).expect(t, "INVALID_CODE", "a wrong code")
	}
	m.call(t, call{Query: verifyQuery, From: owner, Vars: vars{"i": vars{"challengeToken": challenge, "code": p.code()}}}).
		expect(t, "RATE_LIMITED", "a right code after five wrong ones")

	answered(owner, key.get(t, asked(owner))).expect(t, "", "the owner's key, from their network")
	token, options := m.askPasskey(t)
	m.passkey(t, token, key.get(t, options)).expect(t, "", "the owner's passkey")
	// Nor does it keep a key from confirming who is there, or a new one from being set up.
	token, options = m.askPasskey(t)
	p.Token = session(t, m.passkey(t, token, key.get(t, options)))
	p.do(t, confirmByKey, vars{"c": key.get(t, p.askKey(t, ""))}, nil)
	p.addKey(t)
}

// Anybody may ask for a passkey and try one, so networks are counted.
func TestPasskeyLimits(t *testing.T) {
	t.Parallel()
	m := start(t)
	limited := func(a answer) {
		t.Helper()
		if a.expect(t, "RATE_LIMITED", "one too many"); a.Header.Get("Retry-After") == "" {
			t.Error("the refusal does not say when to try again")
		}
	}
	for range 30 {
		m.passkey(t, "nothing", vars{}).expect(t, "INVALID_CODE", "a token that is none")
	}
	limited(m.passkey(t, "nothing", vars{}))
	for range 100 {
		m.askPasskey(t)
	}
	limited(m.post(t, "", askPasskey, nil))
}

// Reached by an address, a server starts with keys off: it says why at once and what to do whenever one is asked for.
func TestKeysNeedAName(t *testing.T) {
	t.Parallel()
	named := start(t)
	p := named.signUp(t, "Kim")
	p.addKey(t)
	const kinds = `{ authenticatorKinds }`
	offered := func(m *muster) (all []string) {
		var out struct{ AuthenticatorKinds []string }
		m.post(t, "", kinds, nil).decode(t, &out)
		return out.AuthenticatorKinds
	}
	if got := offered(named); !slices.Equal(got, []string{"TOTP", "PHONE", "SECURITY_KEY"}) {
		t.Errorf("a server with a name offers %v", got)
	}
	for _, address := range []string{"http://127.0.0.1:8080", "https://192.0.2.7", "https://[2001:db8::1]"} {
		m := startOn(t, named.DBURL, "address", func(s *settings.Settings, c *app.Config) { s.PublicURL, c.PublicURL, c.Texter = address, address, nil })
		if log := m.Log.String(); !strings.Contains(log, "security keys are off") || !strings.Contains(log, "Security keys need a name, and the host of MUSTER_PUBLIC_URL is the address") {
			t.Errorf("%s: the log says %s", address, log)
		}
		if got := offered(m); !slices.Equal(got, []string{"TOTP"}) {
			t.Errorf("%s: the server offers %v", address, got)
		}
		for _, query := range []string{startKey, askKey} {
			if a := m.post(t, p.Token, query, nil).expect(t, "CONFLICT", address); !strings.Contains(a.says(), "authenticator app") {
				t.Errorf("%s: the refusal says %q", address, a.says())
			}
		}
		m.post(t, "", askPasskey, nil).expect(t, "CONFLICT", address)
		m.passkey(t, "nothing", vars{}).expect(t, "CONFLICT", address)
		here := *p
		here.m = m
		if _, methods := here.challenge(t); !slices.Equal(methods, []string{"RECOVERY_CODE"}) {
			t.Errorf("%s: signing in can be answered by %v", address, methods)
		}
		m.stop()
	}
}

// No key and no secret of a ceremony is in the log, nor anything of the person in what keys keep.
func TestKeysTellNothing(t *testing.T) {
	t.Parallel()
	m := start(t)
	p := m.signUp(t, "Kim")
	key := p.addKey(t)
	other := m.signUp(t, "Kai")
	if strings.Contains(string(key.Options.UserHandle), p.Email) || len(key.Options.UserHandle) != 16 {
		t.Errorf("the handle is %q", key.Options.UserHandle)
	}
	theirs := other.addKey(t)
	if string(theirs.Options.UserHandle) == string(key.Options.UserHandle) {
		t.Error("two accounts have one handle")
	}
	spare := p.addKey(t)
	if string(spare.Options.UserHandle) != string(key.Options.UserHandle) {
		t.Error("one account has two handles")
	}
	// An unknown passkey and one of somebody else's are refused in the same words.
	token, options := m.askPasskey(t)
	unknown := m.key()
	unknown.Options.UserHandle = []byte("0123456789abcdef")
	one := m.passkey(t, token, unknown.get(t, options)).expect(t, "INVALID_CODE", "an unknown passkey")
	token, options = m.askPasskey(t)
	key.Credential = virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
	two := m.passkey(t, token, key.get(t, options)).expect(t, "INVALID_CODE", "a known handle with an unknown key")
	if diff := cmp.Diff(one.Errors, two.Errors); diff != "" {
		t.Errorf("the refusals differ:\n%s", diff)
	}
	raw, err := json.Marshal(options["challenge"])
	if err != nil || strings.Contains(m.Log.String(), string(raw)) {
		t.Errorf("the log tells the challenge (%v)", err)
	}
}
