package main

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
	"github.com/google/go-cmp/cmp"
)

const renameFactor = `mutation($a: ID!, $n: String!) { renameAuthenticator(input: {authenticatorId: $a, name: $n}) { authenticator { id name } } }`

// session is the token of a sign-in that must have worked.
func session(t testing.TB, a answer) string {
	t.Helper()
	a.expect(t, "", "signing in")
	var out map[string]struct{ Session struct{ Token string } }
	a.decode(t, &out)
	for _, payload := range out {
		return payload.Session.Token
	}
	return ""
}

// A person sets keys up, names, renames and removes them, signs in with one as second factor and with one alone, and
// confirms with one that it is them.
func TestSecurityKeys(t *testing.T) {
	t.Parallel()
	m := start(t)
	p := m.signUp(t, "Kay")
	options := p.startKey(t)
	user := options["user"].(vars)
	handle, err := base64.RawURLEncoding.DecodeString(user["id"].(string))
	if err != nil || len(handle) != 16 || user["name"] != p.Email || user["displayName"] != p.Name {
		t.Errorf("the options' user is %v (%v)", user, err)
	}
	selection := options["authenticatorSelection"].(vars)
	if options["rp"].(vars)["id"] != "localhost" || options["attestation"] != "none" || options["timeout"] != 300_000.0 ||
		selection["userVerification"] != "preferred" || selection["residentKey"] != "preferred" {
		t.Errorf("the options are %v", options)
	}
	algorithms := []float64{}
	for _, parameter := range options["pubKeyCredParams"].([]any) {
		algorithms = append(algorithms, parameter.(vars)["alg"].(float64))
	}
	if diff := cmp.Diff([]float64{-8, -7, -257}, algorithms); diff != "" { // EdDSA, ES256, RS256
		t.Errorf("the algorithms (-want +got):\n%s", diff)
	}

	first := m.key()
	var done struct {
		ConfirmSecurityKeyEnrollment struct {
			Authenticator struct{ ID, Kind, Name string }
			RecoveryCodes []string
		}
	}
	p.do(t, confirmKey, vars{"c": first.create(t, options)}, &done)
	if got := done.ConfirmSecurityKeyEnrollment; got.Authenticator.Kind != "SECURITY_KEY" || got.Authenticator.Name != "Security key" || len(got.RecoveryCodes) != 10 {
		t.Errorf("confirmed %+v", got)
	}
	p.Recovery = done.ConfirmSecurityKeyEnrollment.RecoveryCodes
	if v := p.view(t); v.Viewer.TwoFactor != "SECURE" {
		t.Errorf("with a key it is %s", v.Viewer.TwoFactor)
	}
	m.notMe(t, p.Email, `Added the authenticator "Security key".`)

	// A second one. The first is excluded; made all the same, it is a conflict, as it is for somebody else.
	options = p.startKey(t)
	if excluded := options["excludeCredentials"].([]any); len(excluded) != 1 || excluded[0].(vars)["id"] != base64.RawURLEncoding.EncodeToString(first.ID) {
		t.Errorf("excluded are %v", options["excludeCredentials"])
	}
	p.refused(t, "CONFLICT", confirmKey, vars{"c": first.create(t, options)})
	second := m.key()
	p.do(t, confirmKey, vars{"c": second.create(t, p.startKey(t))}, nil)
	factors := p.view(t).Viewer.Authenticators
	if len(factors) != 2 {
		t.Fatalf("%d keys are set up", len(factors))
	}
	p.do(t, renameFactor, vars{"a": factors[1].ID, "n": " Spare "}, nil)
	m.notMe(t, p.Email, `Named an authenticator "Spare".`)
	var named struct {
		Viewer struct{ Authenticators []struct{ Name string } }
	}
	p.do(t, `{ viewer { authenticators { name } } }`, nil, &named)
	if diff := cmp.Diff([]struct{ Name string }{{"Security key"}, {"Spare"}}, named.Viewer.Authenticators); diff != "" {
		t.Errorf("the names (-want +got):\n%s", diff)
	}
	for _, name := range []string{"", strings.Repeat("n", 61), "a\u202eb"} {
		if a := p.refused(t, "BAD_INPUT", renameFactor, vars{"a": factors[1].ID, "n": name}); a.field() != "name" {
			t.Errorf("the name %q: field %v", name, a.field())
		}
		p.refused(t, "BAD_INPUT", startKey, vars{"n": name})
	}

	// Second factor.
	challenge, methods := p.challenge(t)
	if diff := cmp.Diff([]string{"SECURITY_KEY", "RECOVERY_CODE"}, methods); diff != "" {
		t.Errorf("the methods (-want +got):\n%s", diff)
	}
	asked := p.askKey(t, challenge)
	if allowed := asked["allowCredentials"].([]any); len(allowed) != 2 || asked["userVerification"] != "preferred" || asked["rpId"] != "localhost" {
		t.Errorf("asked for %v", asked)
	}
	second.Options.UserNotVerified = true // preferred, not required
	p.Token = session(t, m.verifyKey(t, challenge, second.get(t, asked)))
	second.Options.UserNotVerified = false

	// The session has proved a factor and is fresh; later it is no longer, and a key makes it so.
	m.exec(t, `UPDATE sessions SET fresh_at = fresh_at - interval '2 days'`)
	p.refused(t, "STEP_UP_REQUIRED", startKey, nil)
	p.do(t, confirmByKey, vars{"c": first.get(t, p.askKey(t, ""))}, nil)
	p.startKey(t)

	// Passkey: nobody is named, and the session counts as proved and fresh.
	token, options := m.askPasskey(t)
	if options["allowCredentials"] != nil || options["userVerification"] != "required" {
		t.Errorf("asked for a passkey by %v", options)
	}
	p.Token = session(t, m.passkey(t, token, first.get(t, options)))
	var stands string
	err = m.admin(t).QueryRow(t.Context(), `SELECT began_by || ' ' || fresh_by || ' ' || (proved_at IS NOT NULL) FROM sessions ORDER BY id DESC LIMIT 1`).Scan(&stands)
	if err != nil || stands != "PASSKEY PASSKEY true" {
		t.Errorf("the session stands as %q (%v)", stands, err)
	}
	p.startKey(t)

	// The counters are stored and have grown.
	var counts []int64
	if err := m.admin(t).QueryRow(t.Context(), `SELECT array_agg(sign_count ORDER BY authenticator_id) FROM security_keys`).Scan(&counts); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int64{2, 1}, counts); diff != "" {
		t.Errorf("the counters (-want +got):\n%s", diff)
	}

	// Removed, a key no longer works; nor is it asked for.
	p.do(t, removeFactor, vars{"a": factors[0].ID}, nil)
	m.notMe(t, p.Email, `Removed the authenticator "Security key".`)
	challenge, _ = p.challenge(t)
	asked = p.askKey(t, challenge)
	m.verifyKey(t, challenge, first.get(t, asked)).expect(t, "INVALID_CODE", "a removed key")
	token, options = m.askPasskey(t)
	m.passkey(t, token, first.get(t, options)).expect(t, "INVALID_CODE", "a removed passkey")
	p.do(t, removeFactor, vars{"a": factors[1].ID}, nil)
	if v := p.view(t); v.Viewer.TwoFactor != "DISABLED" || v.Viewer.RecoveryCodes != nil {
		t.Errorf("without any key it is %+v", v.Viewer)
	}
}

// Whoever was removed for 2FA comes back by a key, as by an app, and only with proof of the mailbox.
func TestBackByKey(t *testing.T) {
	t.Parallel()
	m := start(t)
	p, o, token := m.swept(t)
	p.refused(t, "MAILBOX_PROOF_REQUIRED", startKey, nil)
	p.do(t, acceptInvite, vars{"t": token}, nil)
	var out struct {
		ConfirmSecurityKeyEnrollment struct {
			RecoveryCodes []string
			Reinstated    []reinstated
		}
	}
	key := m.key()
	p.do(t, confirmKey, vars{"c": key.create(t, p.startKey(t))}, &out)
	back := out.ConfirmSecurityKeyEnrollment
	if len(back.RecoveryCodes) != 10 || len(back.Reinstated) != 1 || back.Reinstated[0].Organization.Slug != o.Slug || back.Reinstated[0].Member.Role != "MANAGER" {
		t.Errorf("came back with %+v", back)
	}
	passkey, options := m.askPasskey(t)
	p.Token = session(t, m.passkey(t, passkey, key.get(t, options)))
	p.do(t, `query($s: String!) { organization(slug: $s) { members { nodes { id } } } }`, vars{"s": o.Slug}, nil)
}

// At most ten keys.
func TestTenKeys(t *testing.T) {
	t.Parallel()
	m := start(t)
	p := m.signUp(t, "Kit")
	for range 10 {
		p.addKey(t)
		m.exec(t, `DELETE FROM rate_limits`)
	}
	if a := p.refused(t, "CONFLICT", startKey, nil); !strings.Contains(a.says(), "10 security keys") {
		t.Errorf("the refusal says %q", a.says())
	}
	p.enroll(t) // an app still fits
}

// retold is a key's answer with its client data rewritten, as a browser never would, and signed by the key all the same.
func (k *virtualKey) retold(t testing.TB, credential vars, change func(vars)) vars {
	t.Helper()
	response := credential["response"].(vars)
	told := read(t, string(decoded(t, response["clientDataJSON"])))
	change(told)
	data := []byte(written(t, told))
	response["clientDataJSON"] = base64.RawURLEncoding.EncodeToString(data)
	if response["signature"] == nil { // of a new key: without an attestation nothing is signed
		return unattested(t, credential, func(data []byte) []byte { return data })
	}
	hash := sha256.Sum256(data)
	digest := sha256.Sum256(append(decoded(t, response["authenticatorData"]), hash[:]...))
	signature, err := k.Key.Sign(digest[:])
	if err != nil {
		t.Fatal(err)
	}
	response["signature"] = base64.RawURLEncoding.EncodeToString(signature)
	return credential
}

func decoded(t testing.TB, text any) []byte {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(text.(string))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// unattested is a new key's answer without an attestation, which is what browsers send, its authenticator data rewritten.
func unattested(t testing.TB, credential vars, change func([]byte) []byte) vars {
	t.Helper()
	response := credential["response"].(vars)
	var object struct {
		AuthData []byte `cbor:"authData"`
	}
	if err := webauthncbor.Unmarshal(decoded(t, response["attestationObject"]), &object); err != nil {
		t.Fatal(err)
	}
	raw, err := webauthncbor.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": change(object.AuthData)})
	if err != nil {
		t.Fatal(err)
	}
	response["attestationObject"] = base64.RawURLEncoding.EncodeToString(raw)
	return credential
}

// What a key's answer must not be, for each way in. The expected codes are those of RULES.md.
func TestKeyRefusals(t *testing.T) {
	t.Parallel()
	m := start(t)
	b := m.back(t)
	p, other := m.signUp(t, "Kim"), m.signUp(t, "Kai")
	key, others := p.addKey(t), other.addKey(t)
	page := key.Site.Origin
	elsewhere := func(origin string) func(*virtualKey) { return func(k *virtualKey) { k.Site.Origin = origin } }
	spoiled := []struct {
		what  string
		spoil func(*virtualKey)
	}{
		{"another origin", elsewhere("https://evil.example")},
		{"another port", elsewhere("http://localhost:1")},
		{"another scheme", elsewhere(strings.Replace(page, "http:", "https:", 1))},
		{"a name below", elsewhere(strings.Replace(page, "localhost", "evil.localhost", 1))},
		{"the origin with a path", elsewhere(page + "/evil")},
		{"the origin with a user", elsewhere(strings.Replace(page, "http://", "http://evil@", 1))},
		{"the origin in capitals", elsewhere(strings.ToUpper(page))},
		{"no origin", elsewhere("")},
		{"another relying party", func(k *virtualKey) { k.Site.ID = "evil.example" }},
		{"nobody present", func(k *virtualKey) { k.Options.UserNotPresent = true }},
		{"backed up without being eligible", func(k *virtualKey) { k.Options.BackupState = true }},
	}
	ways := []struct {
		name string
		try  func(spoil func(*virtualKey), retell func(vars) vars) answer
	}{
		{"second factor", func(spoil func(*virtualKey), retell func(vars) vars) answer {
			k := *key
			spoil(&k)
			challenge := p.challenged(t)
			a := m.verifyKey(t, challenge, retell(k.get(t, p.askKey(t, challenge))))
			key.Counter = max(key.Counter, k.Counter)
			return a
		}},
		{"confirmIdentity", func(spoil func(*virtualKey), retell func(vars) vars) answer {
			k := *key
			spoil(&k)
			a := m.post(t, p.Token, confirmByKey, vars{"c": retell(k.get(t, p.askKey(t, "")))})
			key.Counter = max(key.Counter, k.Counter)
			return a
		}},
		{"passkey", func(spoil func(*virtualKey), retell func(vars) vars) answer {
			k := *key
			spoil(&k)
			token, options := m.askPasskey(t)
			a := m.passkey(t, token, retell(k.get(t, options)))
			key.Counter = max(key.Counter, k.Counter)
			return a
		}},
		{"enrollment", func(spoil func(*virtualKey), retell func(vars) vars) answer {
			k := m.key()
			spoil(k)
			return m.post(t, p.Token, confirmKey, vars{"c": retell(k.create(t, p.startKey(t)))})
		}},
	}
	same, honest := func(v vars) vars { return v }, func(*virtualKey) {}
	for _, way := range ways {
		for _, s := range spoiled {
			b.forget(t)
			way.try(s.spoil, same).expect(t, "INVALID_CODE", way.name+": "+s.what)
		}
		for what, change := range map[string]func(vars){
			"the other ceremony": func(told vars) {
				told["type"] = map[any]string{"webauthn.get": "webauthn.create", "webauthn.create": "webauthn.get"}[told["type"]]
			},
			"a challenge of its own":  func(told vars) { told["challenge"] = strings.Repeat("A", 43) },
			"a frame of another site": func(told vars) { told["crossOrigin"] = true },
		} {
			b.forget(t)
			way.try(honest, func(v vars) vars { return key.retold(t, v, change) }).expect(t, "INVALID_CODE", way.name+": "+what)
		}
		if way.name != "enrollment" {
			b.forget(t)
			way.try(honest, func(v vars) vars {
				v["response"].(vars)["signature"] = others.get(t, vars{"challenge": strings.Repeat("A", 43)})["response"].(vars)["signature"]
				return v
			}).expect(t, "INVALID_CODE", way.name+": another key's signature")
			b.forget(t)
			way.try(func(k *virtualKey) { k.Options.BackupEligible = true }, same).expect(t, "INVALID_CODE", way.name+": eligible for backup all at once")
			b.forget(t)
			way.try(func(k *virtualKey) { k.Credential = others.Credential }, same).expect(t, "INVALID_CODE", way.name+": somebody else's credential")
			b.forget(t)
			way.try(func(k *virtualKey) { k.Options.UserHandle = others.Options.UserHandle }, same).expect(t, "INVALID_CODE", way.name+": somebody else's handle")
		}
		b.forget(t)
		way.try(honest, func(v vars) vars { return key.retold(t, v, func(vars) {}) }).expect(t, "", way.name+": retold without a change")
		b.forget(t)
		way.try(honest, same).expect(t, "", way.name+": the honest way")
	}
	b.forget(t)
	passkey := ways[2].try
	passkey(func(k *virtualKey) { k.Options.UserNotVerified = true }, same).expect(t, "INVALID_CODE", "a passkey that did not verify its user")
	passkey(func(k *virtualKey) { k.Options.UserHandle = nil }, same).expect(t, "INVALID_CODE", "a passkey without a handle")

	// An algorithm that was not offered: ES256 (-7, one byte) relabelled as ESP256 (-9). The same key with none is taken.
	b.forget(t)
	enroll := ways[3].try
	relabel := func(data []byte) []byte {
		at := strings.Index(string(data), "\xa5\x01\x02\x03\x26")
		if at < 0 {
			t.Fatal("the key is not where it should be")
		}
		data[at+4] = 0x28
		return data
	}
	enroll(honest, func(v vars) vars { return unattested(t, v, relabel) }).expect(t, "INVALID_CODE", "an algorithm that was not offered")
	enroll(honest, func(v vars) vars { return unattested(t, v, func(data []byte) []byte { return data }) }).expect(t, "", "no attestation")
}

// A challenge works once, for five minutes, for what it was made for, and for whom.
func TestKeyChallenges(t *testing.T) {
	t.Parallel()
	m := start(t)
	b := m.back(t)
	p, other := m.signUp(t, "Kim"), m.signUp(t, "Kai")
	key := p.addKey(t)
	other.addKey(t)

	// Once.
	challenge := p.challenged(t)
	answered := key.get(t, p.askKey(t, challenge))
	m.verifyKey(t, challenge, answered).expect(t, "", "the first time")
	m.verifyKey(t, challenge, answered).expect(t, "INVALID_CODE", "again, for a challenge that is over")
	challenge = p.challenged(t)
	m.verifyKey(t, challenge, answered).expect(t, "INVALID_CODE", "again, for a new challenge, not asked")
	p.askKey(t, challenge)
	m.verifyKey(t, challenge, answered).expect(t, "INVALID_CODE", "again, for a new challenge")
	token, options := m.askPasskey(t)
	answered = key.get(t, options)
	m.passkey(t, token, answered).expect(t, "", "a passkey the first time")
	m.passkey(t, token, answered).expect(t, "INVALID_CODE", "a passkey again")
	answered = key.get(t, p.askKey(t, ""))
	p.do(t, confirmByKey, vars{"c": answered}, nil)
	p.refused(t, "INVALID_CODE", confirmByKey, vars{"c": answered})
	options = p.startKey(t)
	created := m.key().create(t, options)
	p.do(t, confirmKey, vars{"c": created}, nil)
	p.refused(t, "CONFLICT", confirmKey, vars{"c": created}) // nothing is being set up
	p.startKey(t)
	p.refused(t, "INVALID_CODE", confirmKey, vars{"c": created})

	// A wrong answer is the one try.
	b.forget(t)
	challenge = p.challenged(t)
	options = p.askKey(t, challenge)
	stranger := m.key()
	stranger.ID = key.ID
	m.verifyKey(t, challenge, stranger.get(t, options)).expect(t, "INVALID_CODE", "a key that only claims to be mine")
	m.verifyKey(t, challenge, key.get(t, options)).expect(t, "INVALID_CODE", "my key after the wrong one")
	m.verifyKey(t, challenge, key.get(t, p.askKey(t, challenge))).expect(t, "", "asked anew")

	// The earlier of two.
	b.forget(t)
	challenge = p.challenged(t)
	options = p.askKey(t, challenge)
	p.askKey(t, challenge)
	m.verifyKey(t, challenge, key.get(t, options)).expect(t, "INVALID_CODE", "the earlier request")

	// Five minutes.
	for _, way := range []string{"second factor", "passkey", "confirmIdentity", "enrollment"} {
		b.forget(t)
		var life time.Time
		expiring := func() {
			if err := m.admin(t).QueryRow(t.Context(), `SELECT max(expires_at) FROM ceremonies`).Scan(&life); err != nil {
				t.Fatal(err)
			}
			if left := life.Sub(m.clock.Now()); left < 4*time.Minute || left > 5*time.Minute {
				t.Errorf("%s: a request lives %s", way, left)
			}
			m.exec(t, `UPDATE ceremonies SET expires_at = clock_timestamp()`)
		}
		switch way {
		case "second factor":
			challenge := p.challenged(t)
			options := p.askKey(t, challenge)
			expiring()
			m.verifyKey(t, challenge, key.get(t, options)).expect(t, "INVALID_CODE", way)
		case "passkey":
			token, options := m.askPasskey(t)
			expiring()
			m.passkey(t, token, key.get(t, options)).expect(t, "INVALID_CODE", way)
		case "confirmIdentity":
			options := p.askKey(t, "")
			expiring()
			p.refused(t, "INVALID_CODE", confirmByKey, vars{"c": key.get(t, options)})
		case "enrollment":
			options := p.startKey(t)
			expiring()
			p.refused(t, "INVALID_CODE", confirmKey, vars{"c": m.key().create(t, options)})
		}
	}

	// Another session, another challenge, another purpose, another person: what one asked, the others cannot be answered by.
	b.forget(t)
	again := *p
	challenge = p.challenged(t)
	again.Token = session(t, m.verifyKey(t, challenge, key.get(t, p.askKey(t, challenge))))
	asked := map[string]func() vars{
		"my session":         func() vars { return p.askKey(t, "") },
		"my other session":   func() vars { return again.askKey(t, "") },
		"a challenge":        func() vars { return p.askKey(t, p.challenged(t)) },
		"a passkey":          func() vars { _, options := m.askPasskey(t); return options },
		"somebody else":      func() vars { return other.askKey(t, "") },
		"somebody's sign-in": func() vars { return other.askKey(t, other.challenged(t)) },
		"an enrollment":      func() vars { return p.startKey(t) },
	}
	answers := map[string]func(credential vars) answer{
		"my session": func(c vars) answer { return m.post(t, p.Token, confirmByKey, vars{"c": c}) },
		"a challenge": func(c vars) answer {
			challenge := p.challenged(t)
			p.askKey(t, challenge)
			return m.verifyKey(t, challenge, c)
		},
		"a passkey": func(c vars) answer {
			token, _ := m.askPasskey(t)
			return m.passkey(t, token, c)
		},
	}
	for from, ask := range asked {
		for to, answer := range answers {
			if from == to && from == "my session" {
				continue
			}
			b.forget(t)
			p.askKey(t, "")
			credential := key.get(t, ask())
			if from == "my session" { // asked anew, so that what was signed is no longer what is asked
				p.askKey(t, "")
			}
			answer(credential).expect(t, "INVALID_CODE", fmt.Sprintf("asked for %s, answered to %s", from, to))
		}
	}
	b.forget(t)
	options = again.startKey(t)
	p.startKey(t)
	p.refused(t, "INVALID_CODE", confirmKey, vars{"c": m.key().create(t, options)})
}

// A counter that goes backwards, or stays, is refused; the owner is told by mail and in the account's log, no organization
// is. A key that does not count is taken again and again.
func TestKeyCounter(t *testing.T) {
	t.Parallel()
	m := start(t)
	b := m.back(t)
	p := m.signUp(t, "Kim")
	p.enroll(t)
	o := p.organization(t)
	key := p.addKey(t)
	key.Counter = 41
	ways := map[string]func(k *virtualKey) answer{
		"second factor": func(k *virtualKey) answer {
			challenge := p.challenged(t)
			return m.verifyKey(t, challenge, k.get(t, p.askKey(t, challenge)))
		},
		"confirmIdentity": func(k *virtualKey) answer {
			return m.post(t, p.Token, confirmByKey, vars{"c": k.get(t, p.askKey(t, ""))})
		},
		"passkey": func(k *virtualKey) answer {
			token, options := m.askPasskey(t)
			return m.passkey(t, token, k.get(t, options))
		},
	}
	ways["second factor"](key).expect(t, "", "42")
	told := 0
	for name, try := range ways {
		for _, counter := range []uint32{40, 41, 0, 6} { // each is one less than what it shows
			if counter == 0 {
				continue
			}
			b.forget(t)
			copied := *key
			copied.Counter = counter
			if counter == 41 {
				copied.Counter = key.Counter - 1 // the same again
			}
			try(&copied).expect(t, "INVALID_CODE", fmt.Sprintf("%s: the counter %d", name, copied.Counter))
			told++
		}
		zero := *key
		zero.Counter = 1<<32 - 1 // shows 0
		b.forget(t)
		try(&zero).expect(t, "INVALID_CODE", name+": the counter 0")
		told++
		b.forget(t)
		try(key).expect(t, "", name+": the counter goes on")
	}
	m.notMe(t, p.Email, `The security key "Security key" was refused: its counter went backwards`)
	if n := value[int](t, b, `SELECT count(*)::int FROM security_events WHERE action = 'user.security-key-refused'`); n != told {
		t.Errorf("the account's log tells of it %d times, want %d", n, told)
	}
	if n := value[int](t, b, `SELECT count(*)::int FROM audit_entries WHERE message LIKE '%counter%' OR message LIKE '%refused%'`); n != 0 {
		t.Errorf("the log of %s tells of it", o.Slug)
	}
	if n := value[int](t, b, `SELECT sign_count::int FROM security_keys`); n != int(key.Counter) {
		t.Errorf("the counter stored is %d, want %d", n, key.Counter)
	}

	quiet := p.addKey(t)
	for range 3 {
		quiet.Counter = 1<<32 - 1
		b.forget(t)
		ways["second factor"](quiet).expect(t, "", "a key that does not count")
	}
}

// What is no answer at all names the field, and a code and a key at once are one too many.
func TestKeyInput(t *testing.T) {
	t.Parallel()
	m := start(t)
	b := m.back(t)
	p := m.signUp(t, "Kim")
	key := p.addKey(t)
	good := func(challenge string) vars { return key.get(t, p.askKey(t, challenge)) }
	challenge := p.challenged(t)
	malformed := map[string]vars{
		"nothing":           {},
		"a word":            {"id": "word"},
		"no response":       {"id": "AAAA", "rawId": "AAAA", "type": "public-key"},
		"no base64":         {"id": "\u00e9", "rawId": "AAAA", "type": "public-key", "response": vars{}},
		"an array":          {"id": []string{"AAAA"}},
		"17 KiB":            {"id": strings.Repeat("A", 17<<10)},
		"a cut signature":   {"id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": vars{"clientDataJSON": "e30", "authenticatorData": "AA", "signature": ""}},
		"no client data":    {"id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": vars{"clientDataJSON": "AA", "authenticatorData": "AA"}},
		"another type":      {"id": "AAAA", "rawId": "AAAA", "type": "password", "response": vars{}},
		"ids that disagree": {"id": "AAAA", "rawId": "BBBB", "type": "public-key", "response": vars{}},
	}
	p.startKey(t)
	for what, credential := range malformed {
		b.forget(t)
		p.askKey(t, challenge)
		token, _ := m.askPasskey(t)
		for _, a := range []answer{
			m.verifyKey(t, challenge, credential), m.passkey(t, token, credential), m.post(t, p.Token, confirmKey, vars{"c": credential}),
		} {
			if a.expect(t, "BAD_INPUT", what); a.field() != "credential" {
				t.Errorf("%s: field %v", what, a.field())
			}
		}
	}
	for what, c := range map[string]struct {
		input vars
		field string
	}{
		"both":    {vars{"challengeToken": challenge, "code": "123456", "credential": good(challenge)}, "credential"},
		"neither": {vars{"challengeToken": challenge}, "code"},
	} {
		if a := m.post(t, "", verifyQuery, vars{"i": c.input}).expect(t, "BAD_INPUT", what); a.field() != c.field {
			t.Errorf("%s: field %v, want %s", what, a.field(), c.field)
		}
	}
	const confirm = `mutation($i: ConfirmIdentityInput!) { confirmIdentity(input: $i) { freshUntil } }`
	p.refused(t, "BAD_INPUT", confirm, vars{"i": vars{"code": "123456", "credential": good("")}})
	p.refused(t, "BAD_INPUT", confirm, vars{"i": vars{"password": p.Password}})
}
