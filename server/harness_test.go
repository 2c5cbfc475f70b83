package main

import (
	"bytes"
	"context"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"muster/app"
	"muster/db"
	"muster/db/dbtest"
	"muster/mail"
	"muster/secret"
	"muster/server/settings"
	"muster/server/transport"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// patience is how long a test waits for what should happen within moments; only a failing test waits so long.
const patience = 20 * time.Second

// muster is a whole Muster of a test's own: HTTP server, WebSockets, jobs, on a database of its own.
type muster struct {
	URL     string
	DBURL   string // as superuser
	App     *app.App
	Mailbox *mail.Mailbox
	Sockets *transport.WebSocket
	Log     *syncBuffer
	clock   *clock
	stop    func()
}

// clock is the real time and what a test has added to it: codes of authenticator apps work once for each step.
type clock struct{ offset atomic.Int64 }

func (c *clock) Now() time.Time          { return time.Now().Add(time.Duration(c.offset.Load())) }
func (c *clock) Advance(d time.Duration) { c.offset.Add(int64(d)) }

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

type option func(*settings.Settings, *app.Config)

// start starts a Muster on a database of its own.
func start(t *testing.T, options ...option) *muster {
	t.Helper()
	return startOn(t, dbtest.URL(t), "test", options...)
}

// startOn starts a Muster on a given database: several on one, with names of their own.
func startOn(t *testing.T, url, instance string, options ...option) *muster {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := settings.Parse([]string{"--addr", "127.0.0.1:0", "--no-demo"}, nil, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	s = s.Listening(listener.Addr())
	m := &muster{URL: "http://" + listener.Addr().String(), DBURL: url, Log: &syncBuffer{}, clock: &clock{}}
	log := slog.New(slog.NewTextHandler(m.Log, &slog.HandlerOptions{Level: slog.LevelInfo}))
	database, err := db.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	m.Mailbox, err = mail.NewMailbox(filepath.Join(t.TempDir(), "mailbox.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := secret.NewKeys("a key for tests that is long enough to be taken")
	if err != nil {
		t.Fatal(err)
	}
	config := app.Config{
		DB: database, Keys: keys, Passwords: secret.NewPasswords(2, 1000), Mailer: m.Mailbox, Texter: m.Mailbox,
		PublicURL: s.PublicURL, Origins: s.Origins(), Instance: instance, Log: log, Now: m.clock.Now,
		SessionIdle: 12 * time.Hour, SessionMax: 24 * time.Hour, StepUp: 24 * time.Hour, SweepBatch: 1000,
	}
	for _, o := range options {
		o(&s, &config)
	}
	m.App = app.New(config)
	handler, sockets := routes(s, m.App, m.Mailbox, log)
	m.Sockets = sockets
	m.App.OnSessionEnd(sockets.CloseSession)
	if err := m.App.Start(t.Context(), sockets.Sessions); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(handler)
	server.Listener = listener
	server.Start()
	var once sync.Once
	m.stop = func() {
		once.Do(func() {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			if err := sockets.Shutdown(ctx); err != nil {
				t.Errorf("stop the sockets: %v", err)
			}
			server.Close()
			if err := m.App.Stop(ctx); err != nil {
				t.Errorf("stop the app: %v", err)
			}
			database.Close()
			_ = m.Mailbox.Close()
		})
	}
	t.Cleanup(m.stop)
	return m
}

// answer is what GraphQL answered.
type answer struct {
	Data   json.RawMessage
	Errors []answerError
	Header http.Header
}

type answerError struct {
	Message    string
	Path       []any
	Extensions map[string]any
}

// Code is the first error's code, "" where there is none.
func (a answer) Code() string {
	if len(a.Errors) == 0 {
		return ""
	}
	code, _ := a.Errors[0].Extensions["code"].(string)
	return code
}

type vars = map[string]any

// post sends a request with a bearer token, "" for none.
func (m *muster) post(t testing.TB, token, query string, v vars) answer {
	t.Helper()
	a, err := m.tryPost(token, query, v)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// tryPost is post for goroutines that must not fail the test themselves.
func (m *muster) tryPost(token, query string, v vars) (answer, error) {
	body, err := json.Marshal(map[string]any{"query": query, "variables": v})
	if err != nil {
		return answer{}, err
	}
	r, err := http.NewRequest(http.MethodPost, m.URL+"/graphql", bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	a := answer{Header: response.Header}
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, err
	}
	if err := json.Unmarshal(raw, &a); err != nil {
		return answer{}, fmt.Errorf("%w: %.300s", err, raw)
	}
	return a, nil
}

// person is somebody with an account.
type person struct {
	m                     *muster
	Name, Email, Password string
	Token                 string
	Seed                  []byte // of the authenticator app, once enrolled
	Recovery              []string
}

var people atomic.Int64

// signUp makes an account with an address of its own.
func (m *muster) signUp(t testing.TB, name string) *person {
	t.Helper()
	p := &person{m: m, Name: name, Email: fmt.Sprintf("%s%d@people.example", strings.ToLower(name), people.Add(1)), Password: "a long password of " + name}
	p.register(t, nil)
	return p
}

func (p *person) register(t testing.TB, inviteToken *string) {
	t.Helper()
	var out struct {
		SignUp struct{ Session struct{ Token string } }
	}
	p.do(t, `mutation($i: SignUpInput!) { signUp(input: $i) { session { token } } }`,
		vars{"i": vars{"email": p.Email, "name": p.Name, "password": p.Password, "inviteToken": inviteToken}}, &out)
	p.Token = out.SignUp.Session.Token
}

// do asks as the person and fails the test on any error; out may be nil.
func (p *person) do(t testing.TB, query string, v vars, out any) {
	t.Helper()
	a := p.m.post(t, p.Token, query, v)
	if len(a.Errors) > 0 {
		t.Fatalf("%s asked %.200s and got %+v", p.Name, query, a.Errors)
	}
	if out != nil {
		if err := json.Unmarshal(a.Data, out); err != nil {
			t.Fatalf("%v in %s", err, a.Data)
		}
	}
}

// refused asks as the person and expects the code.
func (p *person) refused(t testing.TB, code, query string, v vars) answer {
	t.Helper()
	a := p.m.post(t, p.Token, query, v)
	if a.Code() != code {
		t.Fatalf("%s asked %.200s: got code %q, want %q; %s %+v", p.Name, query, a.Code(), code, a.Data, a.Errors)
	}
	return a
}

type reinstated struct {
	Organization struct{ Slug string }
	Member       struct {
		Role  string
		Teams []struct{ Slug string }
	}
	Restored []string
	Skipped  []struct{ What, Reason string }
}

const enrollTOTP = `mutation { enrollTOTP(input: {}) { secret uri qrCode } }`

const confirmTOTP = `mutation($c: String!) { confirmTOTP(input: {code: $c}) {
  authenticator { id } recoveryCodes
  reinstated { organization { slug } member { role teams { slug } } restored skipped { what reason } } } }`

// startTOTP starts the set-up of an authenticator app and keeps its seed.
func (p *person) startTOTP(t testing.TB) {
	t.Helper()
	p.startApp(t, enrollTOTP, nil)
}

// replaceTOTP starts the set-up of an app that replaces one, and keeps its seed.
func (p *person) replaceTOTP(t testing.TB, id string) {
	t.Helper()
	p.startApp(t, `mutation($a: ID!) { enrollTOTP(input: {name: "New app", replaces: $a}) { secret } }`, vars{"a": id})
}

func (p *person) startApp(t testing.TB, query string, v vars) {
	t.Helper()
	var out struct{ EnrollTOTP struct{ Secret string } }
	p.do(t, query, v, &out)
	seed, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(out.EnrollTOTP.Secret)
	if err != nil {
		t.Fatal(err)
	}
	p.Seed = seed
}

// enroll sets up an authenticator app and says what came back with it.
func (p *person) enroll(t testing.TB) []reinstated {
	t.Helper()
	p.startTOTP(t)
	var out struct {
		ConfirmTOTP struct {
			RecoveryCodes []string
			Reinstated    []reinstated
		}
	}
	p.do(t, confirmTOTP, vars{"c": p.code()}, &out)
	p.Recovery = out.ConfirmTOTP.RecoveryCodes
	return out.ConfirmTOTP.Reinstated
}

// code is a code that has not been used: the clock moves on by a step for each.
func (p *person) code() string {
	p.m.clock.Advance(30 * time.Second)
	return secret.TOTPCode(p.Seed, p.m.clock.Now())
}

// signIn begins a new session, with the second factor where there is one.
func (p *person) signIn(t testing.TB) {
	t.Helper()
	p.Token = ""
	var out struct {
		SignIn struct {
			Session   *struct{ Token string }
			Challenge *struct{ Token string }
		}
	}
	p.do(t, `mutation($i: SignInInput!) { signIn(input: $i) { session { token } challenge { token } } }`,
		vars{"i": vars{"email": p.Email, "password": p.Password}}, &out)
	if out.SignIn.Session != nil {
		p.Token = out.SignIn.Session.Token
		return
	}
	var verified struct {
		VerifySecondFactor struct{ Session struct{ Token string } }
	}
	p.do(t, `mutation($i: VerifySecondFactorInput!) { verifySecondFactor(input: $i) { session { token } } }`,
		vars{"i": vars{"challengeToken": out.SignIn.Challenge.Token, "code": p.code()}}, &verified)
	p.Token = verified.VerifySecondFactor.Session.Token
}

// organization is one that a person owns.
type organization struct {
	ID, Slug string
	Owner    *person
}

var organizations atomic.Int64

// organization creates one, owned by p.
func (p *person) organization(t testing.TB) *organization {
	t.Helper()
	o := &organization{Slug: fmt.Sprintf("org-%d", organizations.Add(1)), Owner: p}
	var out struct {
		CreateOrganization struct{ Organization struct{ ID string } }
	}
	p.do(t, `mutation($i: CreateOrganizationInput!) { createOrganization(input: $i) { organization { id } } }`,
		vars{"i": vars{"slug": o.Slug, "name": "Organization " + o.Slug}}, &out)
	o.ID = out.CreateOrganization.Organization.ID
	return o
}

// invite invites an address and gives the member's id.
func (o *organization) invite(t testing.TB, by *person, email, role string, teamIDs ...string) string {
	t.Helper()
	if teamIDs == nil {
		teamIDs = []string{}
	}
	var out struct {
		InviteMember struct{ Member struct{ ID string } }
	}
	by.do(t, `mutation($i: InviteMemberInput!) { inviteMember(input: $i) { member { id } } }`,
		vars{"i": vars{"organizationId": o.ID, "email": email, "role": role, "teamIds": teamIDs}}, &out)
	return out.InviteMember.Member.ID
}

const acceptInvite = `mutation($t: String!) { acceptInvite(input: {token: $t}) { nextStep member { id status role } reinstated { restored } } }`

// join brings a person in through an emailed link, and gives the member's id.
func (o *organization) join(t testing.TB, p *person, role string, teamIDs ...string) string {
	t.Helper()
	var known []string
	for _, message := range p.m.Mailbox.Messages(p.Email) {
		if found := linkPattern.FindStringSubmatch(message.Text); found != nil {
			known = append(known, found[1])
		}
	}
	id := o.invite(t, o.Owner, p.Email, role, teamIDs...)
	p.do(t, acceptInvite, vars{"t": p.m.newLink(t, p.Email, "Join ", known...)}, nil)
	return id
}

// require turns the requirement on or off, as the owner, and waits for the sweep to end.
func (o *organization) require(t testing.TB, required bool) {
	t.Helper()
	o.Owner.do(t, `mutation($i: SetRequire2FAInput!) { setRequire2FA(input: $i) { sweep { id } } }`,
		vars{"i": vars{"organizationId": o.ID, "required": required}}, nil)
	if required {
		o.awaitSweep(t)
	}
}

func (o *organization) awaitSweep(t testing.TB) {
	t.Helper()
	eventually(t, "the sweep is done", func() bool {
		var out struct {
			Organization struct{ Sweep struct{ State string } }
		}
		o.Owner.do(t, `query($s: String!) { organization(slug: $s) { sweep { state } } }`, vars{"s": o.Slug}, &out)
		return out.Organization.Sweep.State == "DONE"
	})
}

// createTeam creates a team with a project of the same name, and gives the team's id.
func (o *organization) createTeam(t testing.TB, slug string) string {
	t.Helper()
	var out struct {
		CreateTeam struct{ Team struct{ ID string } }
	}
	o.Owner.do(t, `mutation($i: CreateTeamInput!) { createTeam(input: $i) { team { id } } }`,
		vars{"i": vars{"organizationId": o.ID, "slug": slug, "name": "Team " + slug}}, &out)
	o.Owner.do(t, `mutation($i: CreateProjectInput!) { createProject(input: $i) { project { id } } }`,
		vars{"i": vars{"organizationId": o.ID, "teamId": out.CreateTeam.Team.ID, "slug": slug, "name": "Project " + slug}}, nil)
	return out.CreateTeam.Team.ID
}

var linkPattern = regexp.MustCompile(`https?://\S+#token=(\S+)`)

// mandatory is the title of the mail that a removed member gets.
const mandatory = "Mandatory: Enable Two-Factor Authentication"

// link waits for a mail to the address whose title begins so, and gives the newest one's token.
func (m *muster) link(t testing.TB, email, title string) string {
	t.Helper()
	token := ""
	eventually(t, "a mail "+title+" arrives at "+email, func() bool {
		for _, message := range m.Mailbox.Messages(email) {
			if strings.HasPrefix(message.Subject, title) {
				if found := linkPattern.FindStringSubmatch(message.Text); found != nil {
					token = found[1]
					return true
				}
			}
		}
		return false
	})
	return token
}

// admin is a superuser's connection to the database.
func (m *muster) admin(t testing.TB) *pgx.Conn {
	t.Helper()
	return dbtest.Admin(t, m.DBURL)
}

// exec changes the database behind Muster's back, as superuser.
func (m *muster) exec(t testing.TB, sql string, args ...any) {
	t.Helper()
	conn, done := m.brief(t)
	defer done()
	if _, err := conn.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

// brief is admin for one question: connections that stay until the test ends would be more than the server takes.
func (m *muster) brief(t testing.TB) (conn *pgx.Conn, done func()) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), m.DBURL)
	if err != nil {
		t.Fatal(err)
	}
	return conn, func() { _ = conn.Close(context.Background()) }
}

// eventually waits until a condition holds, asking again and again.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-deadline:
			t.Fatalf("waited in vain: %s", what)
		case <-tick.C:
		}
	}
}
