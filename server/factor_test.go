package main

import (
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"fmt"
	"image/png"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"muster/app"
	"muster/server/settings"
)

const (
	removeFactor    = `mutation($a: ID!) { removeAuthenticator(input: {authenticatorId: $a}) { user { id twoFactor authenticators { id } } } }`
	regenerateCodes = `mutation { regenerateRecoveryCodes(input: {clientMutationId: "mine"}) { recoveryCodes clientMutationId } }`
)

func TestEnrollTOTP(t *testing.T) {
	t.Parallel()
	m := start(t)
	p := m.signUp(t, "Tessa")
	type enrollment struct {
		EnrollTOTP struct{ Secret, URI, QRCode string }
	}
	var first enrollment
	p.do(t, enrollTOTP, nil, &first)
	seed, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(first.EnrollTOTP.Secret)
	if err != nil || len(seed) != 20 {
		t.Fatalf("the secret %q is %d bytes (%v), want 20", first.EnrollTOTP.Secret, len(seed), err)
	}
	uri, err := url.Parse(first.EnrollTOTP.URI)
	if err != nil {
		t.Fatal(err)
	}
	want := url.Values{"secret": {first.EnrollTOTP.Secret}, "issuer": {"Muster"}, "algorithm": {"SHA1"}, "digits": {"6"}, "period": {"30"}}
	if diff := cmp.Diff(want, uri.Query()); diff != "" {
		t.Errorf("the URI's parameters (-want +got):\n%s", diff)
	}
	if got := uri.Scheme + "://" + uri.Host + uri.Path; got != "otpauth://totp/Muster:"+p.Email {
		t.Errorf("the URI is for %s", got)
	}
	data, isPNG := strings.CutPrefix(first.EnrollTOTP.QRCode, "data:image/png;base64,")
	raw, err := base64.StdEncoding.DecodeString(data)
	if !isPNG || err != nil {
		t.Fatalf("the QR code is %.40s… (%v)", first.EnrollTOTP.QRCode, err)
	}
	if config, err := png.DecodeConfig(bytes.NewReader(raw)); err != nil || config.Width < 256 || config.Width != config.Height {
		t.Errorf("the QR code is %+v (%v)", config, err)
	}

	// It is not an authenticator yet, cannot be confirmed from another session, and starting again replaces it.
	if v := p.view(t); v.Viewer.TwoFactor != "DISABLED" || len(v.Viewer.Authenticators) != 0 {
		t.Errorf("before confirming: %+v", v.Viewer)
	}
	elsewhere := p.another(t)
	p.Seed = seed
	m.post(t, elsewhere.Token, confirmTOTP, vars{"c": p.code()}).expect(t, "CONFLICT", "confirming in another session")
	m.post(t, "", confirmTOTP, vars{"c": p.code()}).expect(t, "UNAUTHENTICATED", "confirming without a session")
	p.startTOTP(t)
	if bytes.Equal(seed, p.Seed) {
		t.Error("starting again gave the same seed")
	}
	old := &person{m: m, Seed: seed}
	m.post(t, p.Token, confirmTOTP, vars{"c": old.code()}).expect(t, "INVALID_CODE", "the code of the seed that was replaced")

	var done struct {
		ConfirmTOTP struct {
			Authenticator struct{ ID string }
			RecoveryCodes []string
			Reinstated    []reinstated
		}
	}
	used := p.code()
	p.do(t, confirmTOTP, vars{"c": used}, &done)
	if len(done.ConfirmTOTP.RecoveryCodes) != 10 || len(done.ConfirmTOTP.Reinstated) != 0 {
		t.Errorf("the first one answers %+v", done.ConfirmTOTP)
	}
	v := p.view(t)
	if v.Viewer.TwoFactor != "SECURE" || len(v.Viewer.Authenticators) != 1 || v.Viewer.Authenticators[0].ID != done.ConfirmTOTP.Authenticator.ID {
		t.Errorf("after confirming: %+v", v.Viewer)
	}
	m.post(t, p.Token, confirmTOTP, vars{"c": p.code()}).expect(t, "CONFLICT", "confirming twice")
	if m.signedIn(t, elsewhere.Token) {
		t.Error("the other session goes on after the first authenticator")
	}
	challenge, _ := p.challenge(t)
	m.verify(t, challenge, used).expect(t, "INVALID_CODE", "signing in with the code that confirmed")

	// A second one, without recovery codes; a third is refused. Each ends the other sessions and leaves this one's bearer.
	p.Recovery = done.ConfirmTOTP.RecoveryCodes
	elsewhere = p.another(t)
	p.startTOTP(t)
	p.do(t, confirmTOTP, vars{"c": p.code()}, &done)
	if done.ConfirmTOTP.RecoveryCodes != nil {
		t.Error("the second one brings recovery codes")
	}
	if m.signedIn(t, elsewhere.Token) || !m.signedIn(t, p.Token) {
		t.Error("the wrong session ended with the second authenticator")
	}
	third := p.refused(t, "CONFLICT", enrollTOTP, nil)
	if !strings.Contains(third.says(), "remove one first") {
		t.Errorf("the third is refused with %q", third.says())
	}
	m.mailSaying(t, p.Email, `Added the authenticator "Authenticator app".`)

	// Names and their bounds; an address of 254 bytes that all have to be escaped still makes a QR code.
	long := m.signUp(t, "Lore")
	for name, ok := range map[string]bool{strings.Repeat("n", 60): true, strings.Repeat("n", 61): false, "": false, "a\u202eb": false} {
		a := m.post(t, long.Token, `mutation($n: String!) { enrollTOTP(input: {name: $n}) { secret } }`, vars{"n": name})
		if code := a.Code(); ok != (code == "") || !ok && (code != "BAD_INPUT" || a.field() != "name") {
			t.Errorf("the name %q answers %q", name, code)
		}
	}
	wide := &person{m: m, Name: "Wide", Email: strings.Repeat("ü", 119) + "@people.example", Password: "long enough"}
	wide.register(t, nil)
	wide.enroll(t)
}

// What happens to a factor is told to the person by mail and in the account's log, and to each organization without
// address and user agent.
func TestFactorsAreTold(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner, p := m.signUp(t, "Olga"), m.signUp(t, "Ines")
	owner.enroll(t)
	one, two := owner.organization(t), owner.organization(t)
	one.join(t, p, "MEMBER")
	two.join(t, p, "ADMIN")
	p.enroll(t)
	first := p.view(t).Viewer.Authenticators[0].ID
	p.addPhone(t)
	p.do(t, removeFactor, vars{"a": first}, nil)
	if v := p.view(t); v.Viewer.TwoFactor != "INSECURE" {
		t.Errorf("with a phone alone it is %s", v.Viewer.TwoFactor)
	}
	p.do(t, regenerateCodes, nil, nil)
	p.do(t, removeFactor, vars{"a": p.view(t).Viewer.Authenticators[0].ID}, nil)
	if v := p.view(t); v.Viewer.TwoFactor != "DISABLED" || v.Viewer.RecoveryCodes != nil {
		t.Errorf("without any it is %+v", v.Viewer)
	}

	type entry struct {
		Action, ActorLabel, TargetLabel string
		IPAddress, UserAgent            *string
	}
	who := p.Name + " <" + p.Email + ">"
	want := []entry{
		{"member.2fa-disabled", who, who, nil, nil},
		{"member.2fa-changed", who, who, nil, nil},
		{"member.2fa-changed", who, who, nil, nil},
		{"member.2fa-enabled", who, who, nil, nil},
	}
	for _, o := range []*organization{one, two} {
		var log struct {
			Organization struct{ AuditLog struct{ Nodes []entry } }
		}
		owner.do(t, `query($s: String!) { organization(slug: $s) { auditLog(first: 4) { nodes { action actorLabel targetLabel ipAddress userAgent } } } }`, vars{"s": o.Slug}, &log)
		if diff := cmp.Diff(want, log.Organization.AuditLog.Nodes); diff != "" {
			t.Errorf("the log of %s (-want +got):\n%s", o.Slug, diff)
		}
	}

	var own struct {
		Viewer struct {
			SecurityEvents struct {
				Nodes []struct{ Action, Message, IPAddress, UserAgent string }
			}
		}
	}
	p.do(t, `{ viewer { securityEvents { nodes { action message ipAddress userAgent } } } }`, nil, &own)
	var actions []string
	for _, e := range own.Viewer.SecurityEvents.Nodes {
		actions = append(actions, e.Action)
		if e.IPAddress != "127.0.0.1" || e.UserAgent == "" || e.Message == "" {
			t.Errorf("an event of the account is %+v", e)
		}
	}
	wantActions := []string{
		"user.2fa-removed", "user.recovery-codes-regenerated", "user.2fa-removed", "user.2fa-added", "user.code-sent",
		"user.2fa-enrollment-started", "user.2fa-added", "user.2fa-enrollment-started", "user.mailbox-proved", "user.mailbox-proved", "user.sign-up",
	}
	if diff := cmp.Diff(wantActions, actions); diff != "" {
		t.Errorf("the account's log (-want +got):\n%s", diff)
	}
	p.refused(t, "BAD_INPUT", `{ viewer { securityEvents(first: 101) { nodes { id } } } }`, nil)
	for _, words := range []string{`Added the authenticator "Authenticator app".`, `Added the authenticator "Phone".`, "Made new recovery codes", `Removed the authenticator "Authenticator app".`, `Removed the authenticator "Phone".`} {
		m.mailSaying(t, p.Email, words)
	}
}

func TestPhone(t *testing.T) {
	t.Parallel()
	m := start(t)
	b := m.back(t)
	owner, p := m.signUp(t, "Oda"), m.signUp(t, "Phil")
	for _, number := range []string{"", "06601234567", "+43", "+436601234567890123", "call me", "+1 555", "+436601234567\x1b", "tel:+999123"} {
		a := p.refused(t, "BAD_INPUT", enrollPhone, vars{"n": number})
		if a.field() != "number" || !strings.Contains(a.says(), "+43") {
			t.Errorf("%q: field %v, %q", number, a.field(), a.says())
		}
	}
	number := phoneNumber()
	var sent struct {
		EnrollPhone struct {
			SentTo    string
			ExpiresAt time.Time
		}
	}
	spaced := number[:3] + " (660) " + number[6:9] + "-" + number[9:]
	p.do(t, enrollPhone, vars{"n": spaced}, &sent) // is sent to the number in E.164
	if want := "+43•••" + number[len(number)-2:]; sent.EnrollPhone.SentTo != want {
		t.Errorf("sent to %s, want %s", sent.EnrollPhone.SentTo, want)
	}
	if life := sent.EnrollPhone.ExpiresAt.Sub(m.clock.Now()); life < 9*time.Minute || life > 10*time.Minute {
		t.Errorf("the code lives %s, want 10 minutes", life)
	}
	body := m.Mailbox.Texts(number)[0].Body
	if !strings.HasSuffix(body, "\n\n@localhost #"+m.text(t, number)) {
		t.Errorf("the text is not bound to the site: %q", body)
	}
	code := m.text(t, number)
	m.post(t, p.another(t).Token, confirmPhone, vars{"c": code}).expect(t, "CONFLICT", "confirming in another session")
	b.run(t, `UPDATE phone_codes SET expires_at = clock_timestamp()`)
	p.refused(t, "INVALID_CODE", confirmPhone, vars{"c": code})
	p.do(t, enrollPhone, vars{"n": number}, nil)
	p.refused(t, "INVALID_CODE", confirmPhone, vars{"c": code}) // of the set-up before
	var done struct {
		ConfirmPhone struct {
			Authenticator struct{ ID, Kind string }
			RecoveryCodes []string
		}
	}
	p.do(t, confirmPhone, vars{"c": m.text(t, number)}, &done)
	if done.ConfirmPhone.Authenticator.Kind != "PHONE" || len(done.ConfirmPhone.RecoveryCodes) != 10 {
		t.Errorf("confirmed %+v", done.ConfirmPhone)
	}
	p.refused(t, "CONFLICT", enrollPhone, vars{"n": phoneNumber()}) // one is enough

	// On its own it counts, and shows as insecure.
	owner.enroll(t)
	o := owner.organization(t)
	id := o.join(t, p, "MEMBER")
	o.require(t, true)
	p.do(t, `query($s: String!) { organization(slug: $s) { viewer { status twoFactor } } }`, vars{"s": o.Slug}, nil)
	var seen struct {
		Organization struct {
			Member struct{ Status, TwoFactor string }
		}
	}
	owner.do(t, `query($s: String!, $m: ID!) { organization(slug: $s) { member(id: $m) { status twoFactor } } }`, vars{"s": o.Slug, "m": id}, &seen)
	if got := seen.Organization.Member; got.Status != "ACTIVE" || got.TwoFactor != "INSECURE" {
		t.Errorf("a member with a phone is %+v", got)
	}

	// Signing in: sent without being asked for where nothing else can answer, and bound to its challenge.
	b.forget(t)
	first, methods := p.challenge(t)
	if !slices.Equal(methods, []string{"PHONE", "RECOVERY_CODE"}) {
		t.Errorf("methods %v", methods)
	}
	code = m.text(t, number)
	second, _ := p.challenge(t)
	newer := m.text(t, number)
	m.verify(t, second, code).expect(t, "INVALID_CODE", "the first challenge's code for the second")
	m.verify(t, first, newer).expect(t, "INVALID_CODE", "the second challenge's code for the first")
	m.verify(t, first, code).expect(t, "INVALID_CODE", "an earlier code, for its own challenge")
	m.verify(t, second, newer).expect(t, "", "the code for its challenge")
	m.verify(t, second, newer).expect(t, "INVALID_CODE", "once more")

	// Five guesses at a code, though the account's budget is new.
	const send = `mutation($c: String!) { sendSecondFactorCode(input: {challengeToken: $c}) { sentTo } }`
	b.forget(t)
	challenge, _ := p.challenge(t)
	code = m.text(t, number)
	for i := range 5 {
		m.verify(t, challenge, fmt.Sprintf("%06d", (i+1+atoi(code))%1000000)).expect(t, "INVALID_CODE", "a wrong code")
	}
	m.verify(t, challenge, code).expect(t, "RATE_LIMITED", "the right one after five")
	m.post(t, "", send, vars{"c": challenge}).expect(t, "", "sending a new one")
	m.verify(t, challenge, m.text(t, number)).expect(t, "RATE_LIMITED", "the new one: the budget is the account's")
	m.post(t, "", send, vars{"c": challenge}).expect(t, "", "a third message")
	m.post(t, "", send, vars{"c": challenge}).expect(t, "RATE_LIMITED", "a fourth within an hour")
	code = m.text(t, number)
	b.forget(t)
	for i := range 5 {
		m.verify(t, challenge, fmt.Sprintf("%06d", (i+1+atoi(code))%1000000)).expect(t, "INVALID_CODE", "a wrong code")
	}
	b.forget(t)
	m.verify(t, challenge, code).expect(t, "INVALID_CODE", "a code that five guesses have used up")
	m.post(t, "", send, vars{"c": "no such challenge"}).expect(t, "INVALID_CODE", "sending for nobody")

	b.forget(t)
	challenge, _ = p.challenge(t)
	code = m.text(t, number)
	b.run(t, `UPDATE phone_codes SET expires_at = clock_timestamp()`)
	m.verify(t, challenge, code).expect(t, "INVALID_CODE", "after ten minutes")

	// An account without a phone is told so, and one with an app is sent nothing unasked.
	owners, _ := owner.challenge(t)
	m.post(t, "", send, vars{"c": owners}).expect(t, "CONFLICT", "no phone")
	if n := value[int](t, b, `SELECT count(*)::int FROM phone_codes WHERE code_hash IS NOT NULL AND user_id = (SELECT id FROM users WHERE email = $1)`, owner.Email); n != 0 {
		t.Errorf("%d codes were sent to somebody without a phone", n)
	}
}

func atoi(code string) (n int) {
	for _, digit := range code {
		n = n*10 + int(digit-'0')
	}
	return n
}

func TestRecoveryCodes(t *testing.T) {
	t.Parallel()
	m := start(t)
	b := m.back(t)
	p, other := m.signUp(t, "Rita"), m.signUp(t, "Rolf")
	p.enroll(t)
	other.enroll(t)
	if len(p.Recovery) != 10 || len(slices.Compact(slices.Sorted(slices.Values(p.Recovery)))) != 10 {
		t.Fatalf("recovery codes %v", p.Recovery)
	}
	sign := func(who *person, code, want, what string) {
		t.Helper()
		b.forget(t)
		token, _ := who.challenge(t)
		a := m.verify(t, token, code).expect(t, want, what)
		if want == "" {
			var out struct {
				VerifySecondFactor struct{ Session struct{ Token string } }
			}
			a.decode(t, &out)
			who.Token = out.VerifySecondFactor.Session.Token
		}
	}
	sign(other, p.Recovery[0], "INVALID_CODE", "somebody else's code")
	sign(p, p.Recovery[0], "", "a code")
	m.mailSaying(t, p.Email, "A recovery code was used; 9 are left.")
	if v := p.view(t); v.Viewer.RecoveryCodes.Remaining != 9 {
		t.Errorf("%d are left, want 9", v.Viewer.RecoveryCodes.Remaining)
	}
	sign(p, p.Recovery[0], "INVALID_CODE", "the same code again")
	sign(p, strings.ToUpper(strings.ReplaceAll(p.Recovery[0], "-", "")), "INVALID_CODE", "the same code in another spelling")
	sign(p, strings.ToUpper(strings.ReplaceAll(p.Recovery[1], "-", "")), "", "a code as people type it")
	m.mailSaying(t, p.Email, "A recovery code was used; 8 are left.")
	sign(p, " "+p.Recovery[2], "INVALID_CODE", "a code with a space")
	sign(p, p.Recovery[2][:25], "INVALID_CODE", "a part of a code")

	// Making new ones kills the old ones. It is done by a session that proved the app.
	p.signIn(t)
	var out struct {
		RegenerateRecoveryCodes struct {
			RecoveryCodes    []string
			ClientMutationID string
		}
	}
	p.do(t, regenerateCodes, nil, &out)
	if len(out.RegenerateRecoveryCodes.RecoveryCodes) != 10 || out.RegenerateRecoveryCodes.ClientMutationID != "mine" {
		t.Errorf("made %+v", out.RegenerateRecoveryCodes)
	}
	sign(p, p.Recovery[3], "INVALID_CODE", "a code of the old set")
	sign(p, out.RegenerateRecoveryCodes.RecoveryCodes[9], "", "a code of the new set")
	m.mailSaying(t, p.Email, "Made new recovery codes; the old ones no longer work.")

	// Without an authenticator there are none to be had.
	m.post(t, m.signUp(t, "Nils").Token, regenerateCodes, nil).expect(t, "CONFLICT", "without an authenticator")
	if n := value[int](t, b, `SELECT count(*)::int FROM recovery_codes WHERE length(hash) <> 32`); n != 0 {
		t.Errorf("%d codes are not stored as SHA-256", n)
	}
}

func TestRemoveAuthenticator(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner, p := m.signUp(t, "Otis"), m.signUp(t, "Rhea")
	owner.enroll(t)
	o, free := owner.organization(t), owner.organization(t)
	p.enroll(t)
	o.join(t, p, "MEMBER")
	free.join(t, p, "MEMBER")
	o.require(t, true)
	app := p.view(t).Viewer.Authenticators[0].ID
	last := p.refused(t, "LAST_AUTHENTICATOR", removeFactor, vars{"a": app})
	if !strings.Contains(last.says(), "Organization "+o.Slug) || strings.Contains(last.says(), free.Slug) {
		t.Errorf("the refusal names the wrong organizations: %q", last.says())
	}
	theirs := owner.view(t).Viewer.Authenticators[0].ID
	p.refused(t, "NOT_FOUND", removeFactor, vars{"a": theirs})
	p.refused(t, "NOT_FOUND", removeFactor, vars{"a": "aut_nothing"})

	// A second one allows it, and it ends the other sessions.
	p.addPhone(t)
	elsewhere := p.another(t)
	var out struct {
		RemoveAuthenticator struct {
			User struct {
				TwoFactor      string
				Authenticators []struct{ ID string }
			}
		}
	}
	p.do(t, removeFactor, vars{"a": app}, &out)
	if got := out.RemoveAuthenticator.User; got.TwoFactor != "INSECURE" || len(got.Authenticators) != 1 || got.Authenticators[0].ID == app {
		t.Errorf("the answer is %+v", got)
	}
	if m.signedIn(t, elsewhere.Token) || !m.signedIn(t, p.Token) {
		t.Error("the wrong session ended")
	}
	p.refused(t, "LAST_AUTHENTICATOR", removeFactor, vars{"a": out.RemoveAuthenticator.User.Authenticators[0].ID})

	// Turned off, the last one can go, and the recovery codes with it.
	o.require(t, false)
	p.do(t, removeFactor, vars{"a": out.RemoveAuthenticator.User.Authenticators[0].ID}, nil)
	if v := p.view(t); v.Viewer.TwoFactor != "DISABLED" || v.Viewer.RecoveryCodes != nil || len(v.Viewer.Authenticators) != 0 {
		t.Errorf("without any: %+v", v.Viewer)
	}
	b := m.back(t)
	if n := value[int](t, b, `SELECT count(*)::int FROM recovery_codes WHERE replaced_at IS NULL AND user_id = (SELECT id FROM users WHERE email = $1)`, p.Email); n != 0 {
		t.Errorf("%d recovery codes are left", n)
	}
	token := m.post(t, "", signInQuery, vars{"i": vars{"email": p.Email, "password": p.Password}})
	if !strings.Contains(string(token.Data), `"challenge":null`) {
		t.Errorf("signing in without a factor answers %s", token.Data)
	}

	// A session that has not proved the factor may not change factors: begun before the first one was confirmed, it has
	// ended; one that the database makes as if it had not is refused.
	p.enroll(t)
	b.run(t, `UPDATE sessions SET proved_at = NULL, fresh_by = 'PASSWORD' WHERE ended_at IS NULL AND user_id = (SELECT id FROM users WHERE email = $1)`, p.Email)
	p.refused(t, "STEP_UP_REQUIRED", enrollTOTP, nil)
	p.refused(t, "STEP_UP_REQUIRED", regenerateCodes, nil)
	p.refused(t, "STEP_UP_REQUIRED", removeFactor, vars{"a": p.view(t).Viewer.Authenticators[0].ID})
}

// A Muster that sends no text messages says so, and lets people with a phone in by recovery code.
func TestWithoutTexts(t *testing.T) {
	t.Parallel()
	texting := start(t)
	p, q := texting.signUp(t, "Petra"), texting.signUp(t, "Quentin")
	p.addPhone(t)
	m := startOn(t, texting.DBURL, "silent", func(_ *settings.Settings, c *app.Config) { c.Texter = nil })
	a := m.post(t, q.Token, enrollPhone, vars{"n": phoneNumber()}).expect(t, "CONFLICT", "setting up a phone")
	if !strings.Contains(a.says(), "sends no text messages") || !strings.Contains(a.says(), "authenticator app") {
		t.Errorf("the refusal says %q", a.says())
	}
	p.m = m
	token, _ := p.challenge(t)
	m.post(t, "", `mutation($c: String!) { sendSecondFactorCode(input: {challengeToken: $c}) { sentTo } }`, vars{"c": token}).
		expect(t, "CONFLICT", "asking for a code")
	m.verify(t, token, p.Recovery[0]).expect(t, "", "a recovery code")
}

// A challenge names first what its owner used last, which is probably at hand.
func TestChallengeNamesTheLastUsedFirst(t *testing.T) {
	t.Parallel()
	m := start(t)
	p := m.signUp(t, "Lara")
	p.enroll(t)
	p.addPhone(t)
	token, methods := p.challenge(t)
	if want := []string{"PHONE", "TOTP", "RECOVERY_CODE"}; !slices.Equal(methods, want) {
		t.Errorf("after the phone was set up: %v, want %v", methods, want)
	}
	m.clock.Advance(time.Minute)
	m.verify(t, token, p.now()).expect(t, "", "the app's code")
	if _, methods = p.challenge(t); !slices.Equal(methods, []string{"TOTP", "PHONE", "RECOVERY_CODE"}) {
		t.Errorf("after the app was used: %v", methods)
	}
}
