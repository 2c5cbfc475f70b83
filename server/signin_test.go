package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"muster/secret"
)

func TestSignUpRules(t *testing.T) {
	t.Parallel()
	m := start(t)
	b := m.back(t)
	local := strings.Repeat("x", 254-len("@people.example"))
	for name, test := range map[string]struct{ email, name, password, field string }{
		"no address":             {"nobody", "Nora", "long enough", "email"},
		"no address at all":      {"", "Nora", "long enough", "email"},
		"a name with an address": {"Nora <nora@people.example>", "Nora", "long enough", "email"},
		"space inside":           {"no ra@people.example", "Nora", "long enough", "email"},
		"a line break":           {"nora@people.example\nBcc: x@people.example", "Nora", "long enough", "email"},
		"255 characters":         {"y" + local + "@people.example", "Nora", "long enough", "email"},
		"no name":                {"n1@people.example", "  ", "long enough", "name"},
		"101 characters of name": {"n1@people.example", strings.Repeat("ä", 101), "long enough", "name"},
		"a name that turns text": {"n1@people.example", "Nora\u202eaikon", "long enough", "name"},
		"a name with a bell":     {"n1@people.example", "No\ara", "long enough", "name"},
		"7 characters":           {"n1@people.example", "Nora", "1234567", "password"},
		"129 characters":         {"n1@people.example", "Nora", strings.Repeat("p", 129), "password"},
		"the address":            {"n1@people.example", "Nora", "N1@people.example", "password"},
		"the name":               {"n1@people.example", "Nora the Great", "nora the great", "password"},
		"254 characters":         {local + "@people.example", "Nora", "long enough", ""},
		"100 characters of name": {"n2@people.example", strings.Repeat("ä", 100), "long enough", ""},
		"8 characters":           {"n3@people.example", "Nora", "l8 x9 yo", ""},
		"a common password":      {"n6@people.example", "Nora", "12345678", "password"},
		"128 characters of two":  {"n4@people.example", "Nora", strings.Repeat("ß", 128), ""},
		"space around":           {"  n5@people.example ", "Nora", "long enough", ""},
	} {
		got := m.post(t, "", signUpQuery, vars{"i": vars{"email": test.email, "name": test.name, "password": test.password}})
		want := ""
		if test.field != "" {
			want = "BAD_INPUT"
		}
		got.expect(t, want, name)
		if want != "" && got.field() != test.field {
			t.Errorf("%s: the field is %v, want %s", name, got.field(), test.field)
		}
	}

	// A password is taken exactly as given; an address without regard to case.
	spaced := &person{m: m, Name: "Spaced", Email: "spaced@people.example", Password: "  spaces around  "}
	spaced.register(t, nil)
	in := func(email, password string) answer {
		return m.post(t, "", signInQuery, vars{"i": vars{"email": email, "password": password}})
	}
	in("spaced@people.example", "spaces around").expect(t, "INVALID_CREDENTIALS", "the password without its spaces")
	in("Spaced@People.Example", "  spaces around  ").expect(t, "", "the address in other letters")
	if v := spaced.view(t); v.Viewer.EmailVerified || v.Viewer.TwoFactor != "DISABLED" || v.Viewer.RecoveryCodes != nil {
		t.Errorf("a fresh account is %+v", v.Viewer)
	}

	// EMAIL_TAKEN tells that an account exists, so it is limited: 20 in 15 minutes for a network.
	taken := func() answer {
		return m.post(t, "", signUpQuery, vars{"i": vars{"email": "SPACED@people.example", "name": "Nora", "password": "long enough"}})
	}
	for i := range 20 {
		taken().expect(t, "EMAIL_TAKEN", "try "+strconv.Itoa(i+1))
	}
	limited := taken().expect(t, "RATE_LIMITED", "try 21")
	if header := limited.Header.Get("Retry-After"); header == "" || header == "0" {
		t.Errorf("Retry-After is %q", header)
	}
	free := func() answer {
		return m.post(t, "", signUpQuery, vars{"i": vars{"email": "free@people.example", "name": "Nora", "password": "long enough"}})
	}
	before := m.App.Passwords.Evaluations()
	free().expect(t, "RATE_LIMITED", "an address that is free: a difference would tell")
	if n := m.App.Passwords.Evaluations() - before; n != 0 {
		t.Errorf("%d passwords hashed for a limited sign-up, want 0", n)
	}
	b.age(t, 15*time.Minute)
	free().expect(t, "", "the free address, after 15 minutes")
	taken().expect(t, "EMAIL_TAKEN", "after 15 minutes")
}

// Who guesses passwords learns from neither the answer nor its cost whether there is such an account.
func TestSignInTellsNothing(t *testing.T) {
	t.Parallel()
	m := start(t)
	plain, guarded := m.signUp(t, "Paul"), m.signUp(t, "Gina")
	guarded.enroll(t)
	random := "" // what does not compress
	for len(random) < 10000 {
		random += secret.NewToken()
	}
	addresses := map[string]string{
		"an account": plain.Email, "an account with a factor": guarded.Email, "no account": "nobody@people.example",
		"no address": "nobody", "nothing": "", "10,000 characters": random + "@people.example",
	}
	bodies := map[string]string{}
	for name, email := range addresses {
		before := m.App.Passwords.Evaluations()
		got := m.call(t, call{Query: signInQuery, Vars: vars{"i": vars{"email": email, "password": "not the password"}}})
		got.expect(t, "INVALID_CREDENTIALS", name)
		if n := m.App.Passwords.Evaluations() - before; n != 1 {
			t.Errorf("%s: %d evaluations, want 1", name, n)
		}
		bodies[name] = fmt.Sprint(got.Status, got.Body, got.cookie())
	}
	for name, body := range bodies {
		if body != bodies["an account"] {
			t.Errorf("%s answers\n%s\nan account\n%s", name, body, bodies["an account"])
		}
	}
}

func TestSecondFactor(t *testing.T) {
	t.Parallel()
	m := start(t)
	b := m.back(t)
	p := m.signUp(t, "Sofia")
	p.enroll(t)

	token, methods := p.challenge(t)
	if !slices.Equal(methods, []string{"TOTP", "RECOVERY_CODE"}) {
		t.Errorf("methods %v", methods)
	}
	if m.signedIn(t, token) {
		t.Error("a challenge is a session")
	}
	code := p.code()
	m.verify(t, token, code).expect(t, "", "the code")
	m.verify(t, token, p.code()).expect(t, "INVALID_CODE", "an answered challenge")
	again, _ := p.challenge(t)
	m.verify(t, again, code).expect(t, "INVALID_CODE", "a code that was used in another sign-in")
	m.verify(t, again, p.now()).expect(t, "", "the next code, after a wrong one")

	late, _ := p.challenge(t)
	life := value[float64](t, b, `SELECT extract(epoch FROM max(expires_at) - clock_timestamp())::float8 FROM challenges`)
	if life -= time.Duration(m.clock.offset.Load()).Seconds(); life < 290 || life > 300 {
		t.Errorf("a challenge lives %.1f s, want 300", life)
	}
	b.run(t, `UPDATE challenges SET expires_at = clock_timestamp()`)
	m.verify(t, late, p.code()).expect(t, "INVALID_CODE", "a challenge after five minutes")
	m.verify(t, "no such challenge", p.code()).expect(t, "INVALID_CODE", "no challenge")

	// The code of one person's app answers nobody else's challenge.
	other := m.signUp(t, "Otto")
	other.enroll(t)
	theirs, _ := other.challenge(t)
	m.verify(t, theirs, p.code()).expect(t, "INVALID_CODE", "another person's code")
}

// A code is six ASCII digits and nothing trimmed: every other spelling is wrong, and a guess.
func TestSpellingsOfACode(t *testing.T) {
	t.Parallel()
	m := start(t)
	b := m.back(t)
	p := m.signUp(t, "Sven")
	p.enroll(t)
	p.signIn(t)
	token, _ := p.challenge(t)
	m.clock.Advance(30 * time.Second)
	digits := func(zero rune) func(string) string {
		return func(code string) string {
			return strings.Map(func(r rune) rune { return r - '0' + zero }, code)
		}
	}
	wrap := func(before, after string) func(string) string {
		return func(code string) string { return before + code + after }
	}
	inside := func(s string) func(string) string {
		return func(code string) string { return code[:3] + s + code[3:] }
	}
	spellings := []func(string) string{
		digits('０'), digits('٠'), digits('۰'), digits('०'), digits('০'), digits('๐'), digits('𝟎'), digits('𝟘'), digits('⁰'), digits('₀'), digits('༠'), digits('០'),
		wrap(" ", ""), wrap("", " "), wrap("\t", ""), wrap("", "\n"), wrap("\r\n", ""), wrap("", "\x1b"), wrap("\v", ""),
		wrap("\u00a0", ""), wrap("\ufeff", ""), wrap("", "\u200b"), wrap("\u202e", ""), wrap("", "\u0301"),
		wrap("+", ""), wrap("-", ""), wrap("0", ""), wrap("", "0"), wrap("", ".0"), wrap("", "e0"), wrap("0x", ""), wrap("'", "'"), wrap("", ","),
		inside(" "), inside("-"), inside("\u2009"), inside("_"), inside(","),
		func(code string) string { return code[1:] }, func(code string) string { return code + code }, func(string) string { return "" },
		func(code string) string { return strings.Repeat(code, 2000) },
	}
	if len(spellings) < 40 {
		t.Fatalf("%d spellings", len(spellings))
	}
	for i, spell := range spellings {
		b.forget(t)
		spelled := spell(p.now())
		m.verify(t, token, spelled).expect(t, "INVALID_CODE", fmt.Sprintf("spelling %d, %.20q", i, spelled))
		if n := b.guesses(t, p); n != 1 {
			t.Errorf("spelling %d, %.20q: %d guesses counted, want 1", i, spelled, n)
		}
	}
	b.forget(t)
	m.verify(t, token, p.now()).expect(t, "", "the code as it is")
}

// Five guesses in five minutes and ten in an hour for an account, whatever way they take. Who confirms an authenticator that they set
// up guesses at nothing: that is counted by itself.
func TestGuessBudget(t *testing.T) {
	t.Parallel()
	m := start(t)
	second := startOn(t, m.DBURL, "second")
	b := m.back(t)
	p := m.signUp(t, "Gero")
	p.enroll(t)
	p.signIn(t)
	b.forget(t)
	first, _ := p.challenge(t)
	other, _ := p.challenge(t)
	if n := b.guesses(t, p); n != 0 {
		t.Fatalf("%d guesses counted after right codes, want 0", n)
	}
	p.do(t, enrollTOTP, nil, nil) // a second app, to be confirmed in this session
	wrong := p.wrong()
	confirm := func() answer { return m.post(t, p.Token, confirmTOTP, vars{"c": wrong}) }
	ways := []func() answer{
		func() answer { return m.verify(t, first, wrong) },
		func() answer { return m.verify(t, other, wrong) },
		func() answer { return second.verify(t, first, wrong) },
		func() answer { return m.verify(t, first, wrong) },
		func() answer { return second.verify(t, other, wrong) },
		func() answer { return m.verify(t, first, "12345") }, // what is no code at all
	}
	// limited looks at a refusal: it says how long to wait, in both places.
	limited := func(a answer, what string, least, most float64) {
		t.Helper()
		a.expect(t, "RATE_LIMITED", what)
		if len(a.Errors) == 0 {
			return
		}
		seconds, _ := a.Errors[0].Extensions["retryAfter"].(float64)
		if seconds < least || seconds > most {
			t.Errorf("%s: retryAfter %v, want %v to %v", what, seconds, least, most)
		}
		if header := a.Header.Get("Retry-After"); header != strconv.Itoa(int(seconds)) {
			t.Errorf("%s: Retry-After %q and retryAfter %v", what, header, seconds)
		}
	}
	for i, way := range ways[:5] {
		way().expect(t, "INVALID_CODE", fmt.Sprintf("guess %d", i+1))
	}
	for i, way := range ways {
		limited(way(), fmt.Sprintf("way %d, after five", i), 200, 300)
	}
	fresh, _ := p.challenge(t)
	limited(m.verify(t, fresh, p.code()), "the right code with a new challenge", 200, 300)
	for i := range 5 {
		confirm().expect(t, "INVALID_CODE", fmt.Sprintf("confirming %d", i+1))
	}
	limited(confirm(), "confirming, after five", 200, 300)

	b.age(t, 5*time.Minute)
	for i, way := range ways[1:] {
		way().expect(t, "INVALID_CODE", fmt.Sprintf("guess %d", i+6))
	}
	limited(ways[0](), "after ten", 3000, 3600)
	b.age(t, 5*time.Minute)
	limited(ways[0](), "after ten, five minutes later", 2700, 3300)
	limited(second.verify(t, first, p.now()), "the right code", 2700, 3300)
	b.age(t, 50*time.Minute)
	m.verify(t, fresh, p.code()).expect(t, "", "when the first five are an hour old")
	if n := b.guesses(t, p); n != 5 {
		// A right code takes back its own try and none of theirs.
		t.Errorf("%d guesses counted, want the later 5", n)
	}
}

// Many guesses in one operation are refused as a whole, before any is counted or looked at.
func TestGuessesByAlias(t *testing.T) {
	t.Parallel()
	m := start(t)
	b := m.back(t)
	p := m.signUp(t, "Alia")
	p.enroll(t)
	p.signIn(t)
	b.forget(t)
	token, _ := p.challenge(t)
	before := m.App.Passwords.Evaluations()
	for name, query := range map[string]string{
		"verifySecondFactor": fmt.Sprintf(`mutation { a: verifySecondFactor(input: {challengeToken: %[1]q, code: "000000"}) { session { token } } b: verifySecondFactor(input: {challengeToken: %[1]q, code: "000001"}) { session { token } } }`, token),
		"in a fragment":      fmt.Sprintf(`mutation { ...f a: verifySecondFactor(input: {challengeToken: %[1]q, code: "000000"}) { session { token } } } fragment f on Mutation { b: verifySecondFactor(input: {challengeToken: %[1]q, code: "000001"}) { session { token } } }`, token),
		"signIn":             `mutation { a: signIn(input: {email: "a@b.example", password: "x"}) { session { token } } b: signIn(input: {email: "a@b.example", password: "y"}) { session { token } } }`,
		"signUp":             `mutation { a: signUp(input: {email: "a@b.example", name: "x", password: "12345678"}) { session { token } } b: signUp(input: {email: "b@b.example", name: "x", password: "12345678"}) { session { token } } }`,
		"confirmTOTP":        `mutation { a: confirmTOTP(input: {code: "000000"}) { recoveryCodes } b: confirmTOTP(input: {code: "000001"}) { recoveryCodes } }`,
		"confirmPhone":       `mutation { a: confirmPhone(input: {code: "000000"}) { recoveryCodes } b: confirmPhone(input: {code: "000001"}) { recoveryCodes } }`,
	} {
		m.post(t, p.Token, query, nil).expect(t, "QUERY_TOO_LARGE", name)
	}
	if n := b.guesses(t, p); n != 0 {
		t.Errorf("%d guesses counted, want 0", n)
	}
	if n := m.App.Passwords.Evaluations() - before; n != 0 {
		t.Errorf("%d passwords evaluated, want 0", n)
	}
	m.verify(t, token, p.code()).expect(t, "", "the challenge afterwards")
}

// The guess is counted and committed before it is looked at: hanging up does not take it back.
func TestGuessOfADeadRequest(t *testing.T) {
	t.Parallel()
	m := start(t)
	b, watch := m.back(t), m.back(t)
	p := m.signUp(t, "Dora")
	p.enroll(t)
	p.signIn(t)
	b.forget(t)
	token, _ := p.challenge(t)
	// While the account is locked, a request with the right code waits behind its counted guess.
	b.run(t, `BEGIN`)
	b.run(t, `SELECT FROM users WHERE email = $1 FOR UPDATE`, p.Email)
	ctx, hangUp := context.WithCancel(t.Context())
	defer hangUp()
	body, err := json.Marshal(map[string]any{"query": verifyQuery, "variables": vars{"i": vars{"challengeToken": token, "code": p.code()}}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, m.URL+"/graphql", strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	ended := make(chan error, 1)
	go func() {
		response, err := http.DefaultClient.Do(r)
		if err == nil {
			_, err = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
		}
		ended <- err
	}()
	waiting := `SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
	eventually(t, "the request waits for the account", func() bool { return value[int](t, watch, waiting) == 1 })
	if n := watch.guesses(t, p); n != 1 {
		t.Errorf("%d guesses counted while the request waits, want 1", n)
	}
	hangUp()
	if err := <-ended; err == nil {
		t.Error("the request was answered")
	}
	eventually(t, "the request is gone", func() bool { return value[int](t, watch, waiting) == 0 })
	b.run(t, `ROLLBACK`)
	if n := b.guesses(t, p); n != 1 {
		t.Errorf("%d guesses counted after the request died, want 1", n)
	}
	m.verify(t, token, p.now()).expect(t, "", "the code of the dead request, which was not used up")
}

// Wrong passwords are counted by account and network, and never keep out a browser that signed in before.
func TestPasswordLimits(t *testing.T) {
	t.Parallel()
	m := start(t, behindProxy)
	b := m.back(t)
	const home, thief = "198.51.100.7", "203.0.113.9"
	victim := &person{m: m, Name: "Vera", Email: "vera@people.example", Password: "the password of Vera"}
	up := m.call(t, call{
		Query: signUpQuery, From: home, Origin: m.URL,
		Vars: vars{"i": vars{"email": victim.Email, "name": victim.Name, "password": victim.Password}},
	})
	up.expect(t, "", "signing up")
	device := ""
	for _, c := range up.Cookies {
		if c.Name == "muster-device" && c.HttpOnly && c.SameSite == http.SameSiteLaxMode && c.MaxAge > 300*24*3600 {
			device = "muster-device=" + c.Value
		}
	}
	if device == "" {
		t.Fatalf("the browser gets no device cookie: %v", up.Cookies)
	}
	in := func(from, cookie, email, password string) reply {
		return m.call(t, call{Query: signInQuery, From: from, Cookie: cookie, Vars: vars{"i": vars{"email": email, "password": password}}})
	}
	for i := range 10 {
		in(thief, "", victim.Email, "wrong").expect(t, "INVALID_CREDENTIALS", fmt.Sprintf("guess %d", i+1))
	}
	before := m.App.Passwords.Evaluations()
	in(thief, "", victim.Email, "wrong").expect(t, "RATE_LIMITED", "guess 11")
	in("203.0.113.200", "", strings.ToUpper(victim.Email), victim.Password).expect(t, "RATE_LIMITED", "the same /24, other letters, the right password")
	if n := m.App.Passwords.Evaluations() - before; n != 0 {
		t.Errorf("%d passwords evaluated for limited tries, want 0", n)
	}
	in(thief, "", "nobody@people.example", "wrong").expect(t, "INVALID_CREDENTIALS", "another account from the same network")
	in("192.0.2.1", "", victim.Email, "wrong").expect(t, "INVALID_CREDENTIALS", "the same account from another network")
	in(home, device, victim.Email, victim.Password).expect(t, "", "the victim at home")

	// An attacker in the victim's own network, with another browser.
	for i := range 10 {
		in("198.51.100.99", "", victim.Email, "wrong").expect(t, "INVALID_CREDENTIALS", fmt.Sprintf("neighbour's guess %d", i+1))
	}
	in("198.51.100.99", "", victim.Email, "wrong").expect(t, "RATE_LIMITED", "neighbour's guess 11")
	in(home, "muster-device=another", victim.Email, victim.Password).expect(t, "RATE_LIMITED", "a browser that never signed in")
	in(home, device, victim.Email, "wrong").expect(t, "INVALID_CREDENTIALS", "the victim's browser, mistyped")
	in(home, device, victim.Email, victim.Password).expect(t, "", "the victim's browser")

	// The browser's own budget is bounded too, and nobody else's business.
	for i := range 18 {
		in(home, device, victim.Email, "wrong").expect(t, "INVALID_CREDENTIALS", fmt.Sprintf("the victim's browser, mistyped again %d", i+1))
	}
	in(home, device, victim.Email, victim.Password).expect(t, "", "and right")
	in(home, device, victim.Email, "wrong").expect(t, "INVALID_CREDENTIALS", "the twentieth mistake")
	in(home, device, victim.Email, "wrong").expect(t, "RATE_LIMITED", "one too many")
	b.run(t, `DELETE FROM rate_limits WHERE key LIKE 'password-known %'`)

	// An absent account is limited like a present one.
	for i := range 10 {
		in("192.0.2.77", "", "absent@people.example", "wrong").expect(t, "INVALID_CREDENTIALS", fmt.Sprintf("absent %d", i+1))
	}
	absent := in("192.0.2.77", "", "absent@people.example", "wrong")
	absent.expect(t, "RATE_LIMITED", "absent 11")

	// A right password takes back its own try and nobody else's.
	network := func() int {
		return value[int](t, b, `SELECT coalesce((SELECT count(h)::int FROM rate_limits, unnest(hits) h WHERE key = 'password-network 198.51.100.0/24'), 0)`)
	}
	had := network()
	for range 3 {
		in(home, device, victim.Email, victim.Password).expect(t, "", "the victim's browser again")
	}
	if n := network(); n != had {
		t.Errorf("the network's tries went from %d to %d by signing in", had, n)
	}

	// A network as a whole: a hundred in 15 minutes, over many accounts.
	b.forget(t)
	b.run(t, `INSERT INTO rate_limits (key, hits, expires_at) SELECT 'password-network 203.0.113.0/24',
	  array_agg(clock_timestamp() - interval '1 second' * n), clock_timestamp() + interval '1 day' FROM generate_series(1, 99) n`)
	in(thief, "", "a@people.example", "wrong").expect(t, "INVALID_CREDENTIALS", "the hundredth try")
	in(thief, "", "b@people.example", "wrong").expect(t, "RATE_LIMITED", "the one after")
}
