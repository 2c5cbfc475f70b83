package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"muster/app"
	"muster/secret"
	"muster/server/settings"
)

// call is one HTTP request to the API, with what a client can send besides the query.
type call struct {
	Method, Token, Cookie, Origin, Agent, From string // From: the address that the trusted proxy vouches for
	Query                                      string
	Vars                                       vars
	Header                                     http.Header
}

// reply is what came back, as it stood on the wire.
type reply struct {
	answer
	Status  int
	Body    string
	Cookies []*http.Cookie
}

// cookie is the answer's session cookie, nil where it sets none.
func (r reply) cookie() *http.Cookie {
	for _, c := range r.Cookies {
		if strings.HasSuffix(c.Name, "muster") {
			return c
		}
	}
	return nil
}

// call sends a request as it is told to, without a person's help.
func (m *muster) call(t testing.TB, c call) reply {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": c.Query, "variables": c.Vars})
	if err != nil {
		t.Fatal(err)
	}
	method := http.MethodPost
	if c.Method != "" {
		method = c.Method
	}
	r, err := http.NewRequestWithContext(t.Context(), method, m.URL+"/graphql", strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	if c.Header != nil {
		r.Header = c.Header
	}
	r.Header.Set("Content-Type", "application/json")
	for name, value := range map[string]string{"Cookie": c.Cookie, "Origin": c.Origin, "User-Agent": c.Agent, "X-Forwarded-For": c.From} {
		if value != "" {
			r.Header.Set(name, value)
		}
	}
	if c.Token != "" {
		r.Header.Set("Authorization", "Bearer "+c.Token)
	}
	return m.roundTrip(t, r)
}

func (m *muster) roundTrip(t testing.TB, r *http.Request) reply {
	t.Helper()
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	out := reply{Status: response.StatusCode, Body: string(raw), Cookies: response.Cookies()}
	_ = json.Unmarshal(raw, &out.answer) // what is not JSON is judged by its status and body
	out.Header = response.Header
	return out
}

// decode reads the data of an answer without errors.
func (a answer) decode(t testing.TB, out any) {
	t.Helper()
	if len(a.Errors) > 0 {
		t.Fatalf("got %+v", a.Errors)
	}
	if err := json.Unmarshal(a.Data, out); err != nil {
		t.Fatalf("%v in %s", err, a.Data)
	}
}

// expect fails the test unless the answer has the code, "" for none.
func (a answer) expect(t testing.TB, code, what string) answer {
	t.Helper()
	if a.Code() != code {
		t.Errorf("%s: got code %q, want %q; %s %+v", what, a.Code(), code, a.Data, a.Errors)
	}
	return a
}

// field is the argument that a BAD_INPUT names.
func (a answer) field() any {
	if len(a.Errors) == 0 {
		return nil
	}
	return a.Errors[0].Extensions["field"]
}

// says is the first error's sentence.
func (a answer) says() string {
	if len(a.Errors) == 0 {
		return ""
	}
	return a.Errors[0].Message
}

const (
	signUpQuery = `mutation($i: SignUpInput!) { signUp(input: $i) { session { token expiresAt } } }`
	signInQuery = `mutation($i: SignInInput!) { signIn(input: $i) { session { token } challenge { token methods } } }`
	verifyQuery = `mutation($i: VerifySecondFactorInput!) { verifySecondFactor(input: $i) { session { token } } }`
	viewerQuery = `{ viewer { id email emailVerified twoFactor authenticators { id kind name } recoveryCodes { remaining }
		memberships { role status organization { id slug name } } } }`
)

// viewerView is what viewerQuery answers.
type viewerView struct {
	Viewer *struct {
		ID, Email, TwoFactor string
		EmailVerified        bool
		Authenticators       []struct{ ID, Kind, Name string }
		RecoveryCodes        *struct{ Remaining int }
		Memberships          []struct {
			Role, Status string
			Organization struct{ ID, Slug, Name string }
		}
	}
}

// view is the person as they see themselves.
func (p *person) view(t testing.TB) viewerView {
	t.Helper()
	var out viewerView
	p.do(t, viewerQuery, nil, &out)
	if out.Viewer == nil {
		t.Fatalf("%s is not signed in", p.Name)
	}
	return out
}

// signedIn says whether a bearer token still names a session.
func (m *muster) signedIn(t testing.TB, token string) bool {
	t.Helper()
	var out viewerView
	m.post(t, token, viewerQuery, nil).decode(t, &out)
	return out.Viewer != nil
}

// challenge gives the right password and is the token and the methods of the challenge that follows.
func (p *person) challenge(t testing.TB) (token string, methods []string) {
	t.Helper()
	var out struct {
		SignIn struct {
			Session   *struct{ Token string }
			Challenge *struct {
				Token   string
				Methods []string
			}
		}
	}
	p.m.post(t, "", signInQuery, vars{"i": vars{"email": p.Email, "password": p.Password}}).decode(t, &out)
	if out.SignIn.Session != nil || out.SignIn.Challenge == nil {
		t.Fatalf("%s signed in with the password alone", p.Name)
	}
	return out.SignIn.Challenge.Token, out.SignIn.Challenge.Methods
}

// verify answers a challenge.
func (m *muster) verify(t testing.TB, challenge, code string) answer {
	t.Helper()
	return m.post(t, "", verifyQuery, vars{"i": vars{"challengeToken": challenge, "code": code}})
}

// now is the current code of the person's app, whether it was used or not.
func (p *person) now() string { return secret.TOTPCode(p.Seed, p.m.clock.Now()) }

// wrong is a code that the person's app does not show in any step that would be taken.
func (p *person) wrong() string {
	at := p.m.clock.Now()
	for i := range 1000 {
		code := fmt.Sprintf("%06d", 111+i)
		if _, ok := secret.CheckTOTP(p.Seed, code, at); !ok {
			return code
		}
	}
	return ""
}

// another is a second session of the same person, as one more browser of theirs.
func (p *person) another(t testing.TB) *person {
	t.Helper()
	twin := *p
	twin.signIn(t)
	return &twin
}

var numbers atomic.Int64

// phoneNumber is a valid mobile number that no other test uses.
func phoneNumber() string { return fmt.Sprintf("+43660%07d", 1000000+numbers.Add(1)) }

var sixDigits = regexp.MustCompile(`^\d{6}\b`)

// text is the code in the newest text message to a number.
func (m *muster) text(t testing.TB, number string) string {
	t.Helper()
	texts := m.Mailbox.Texts(number)
	if len(texts) == 0 {
		t.Fatalf("nothing was sent to %s", number)
	}
	code := sixDigits.FindString(texts[0].Body)
	if code == "" {
		t.Fatalf("no code in %q", texts[0].Body)
	}
	return code
}

const (
	enrollPhone  = `mutation($n: String!) { enrollPhone(input: {number: $n}) { sentTo expiresAt } }`
	confirmPhone = `mutation($c: String!) { confirmPhone(input: {code: $c}) { authenticator { id kind } recoveryCodes reinstated { organization { slug } } } }`
)

// addPhone sets up a phone and gives its number.
func (p *person) addPhone(t testing.TB) string {
	t.Helper()
	number := phoneNumber()
	p.do(t, enrollPhone, vars{"n": number}, nil)
	var out struct {
		ConfirmPhone struct{ RecoveryCodes []string }
	}
	p.do(t, confirmPhone, vars{"c": p.m.text(t, number)}, &out)
	if out.ConfirmPhone.RecoveryCodes != nil {
		p.Recovery = out.ConfirmPhone.RecoveryCodes
	}
	return number
}

// back is a superuser's connection, for one goroutine.
type back struct{ *pgx.Conn }

func (m *muster) back(t testing.TB) back { t.Helper(); return back{m.admin(t)} }

// run changes rows and says how many.
func (b back) run(t testing.TB, sql string, args ...any) int {
	t.Helper()
	tag, err := b.Exec(t.Context(), sql, args...)
	if err != nil {
		t.Fatal(err)
	}
	return int(tag.RowsAffected())
}

// value reads one value.
func value[T any](t testing.TB, b back, sql string, args ...any) T {
	t.Helper()
	var v T
	if err := b.QueryRow(t.Context(), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// guesses are how many guesses of codes are counted against a person now.
func (b back) guesses(t testing.TB, p *person) int {
	t.Helper()
	return value[int](t, b, `SELECT coalesce((SELECT count(h) FROM rate_limits, unnest(hits) h
	  WHERE key = 'guess ' || (SELECT id FROM users WHERE email = $1)), 0)::int`, p.Email)
}

// forget gives everybody all their budgets back.
func (b back) forget(t testing.TB) {
	t.Helper()
	b.run(t, `DELETE FROM rate_limits`)
	b.run(t, forgetSessions)
}

// forgetSessions gives every session all its answers to confirmIdentity back.
const forgetSessions = `UPDATE sessions SET tries = 0 WHERE tries > 0`

// age makes all budgets' hits older.
func (b back) age(t testing.TB, d time.Duration) {
	t.Helper()
	b.run(t, `UPDATE rate_limits SET hits = ARRAY(SELECT h - $1::interval FROM unnest(hits) h)`, d)
}

// mails are the titles of what was sent to an address, newest first.
func (m *muster) mails(email string) []string {
	var titles []string
	for _, message := range m.Mailbox.Messages(email) {
		titles = append(titles, message.Subject)
	}
	return titles
}

// mailSaying waits for a mail to the address whose text has the words.
func (m *muster) mailSaying(t testing.TB, email, words string) {
	t.Helper()
	eventually(t, "a mail that says "+words+" arrives at "+email, func() bool {
		for _, message := range m.Mailbox.Messages(email) {
			if strings.Contains(message.Text, words) {
				return true
			}
		}
		return false
	})
}

// idle waits until every job has been worked on.
func (b back) idle(t testing.TB) {
	t.Helper()
	eventually(t, "all jobs are done", func() bool {
		return value[int](t, b, `SELECT count(*)::int FROM river_job WHERE state NOT IN ('completed', 'cancelled', 'discarded')`) == 0
	})
}

// behindProxy makes the tests' own machine a trusted proxy, so that calls can come from anywhere.
func behindProxy(s *settings.Settings, _ *app.Config) {
	s.TrustedProxies = settings.Prefixes{netip.MustParsePrefix("127.0.0.0/8")}
}
