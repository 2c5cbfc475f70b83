package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// account is one of the greeting's.
type account struct{ email, password, role string }

var accountPattern = regexp.MustCompile(`(?m)^  (\S+@acme\.example) +(\S+) +(OWNER|MANAGER|ADMIN|MEMBER),`)

func accounts(greeting string) []account {
	var all []account
	for _, found := range accountPattern.FindAllStringSubmatch(greeting, -1) {
		all = append(all, account{found[1], found[2], found[3]})
	}
	return all
}

// firstRun is what somebody sets who sets nothing: but for a folder and a port of the test's own.
func firstRun(dataDir string) []string {
	return []string{"MUSTER_DATA_DIR=" + dataDir, "MUSTER_ADDR=127.0.0.1:0"}
}

// signInWithCode signs a demo account in over HTTP, with a code of the command line, and gives the session's token.
func signInWithCode(t *testing.T, m *muster, bin, dataDir string, a account) string {
	t.Helper()
	nobody := &person{m: m, Name: "somebody"}
	var challenged struct {
		SignIn struct {
			Session   *struct{ Token string }
			Challenge struct{ Token string }
		}
	}
	nobody.do(t, `mutation($i: SignInInput!) { signIn(input: $i) { session { token } challenge { token } } }`,
		vars{"i": vars{"email": a.email, "password": a.password}}, &challenged)
	if challenged.SignIn.Session != nil {
		t.Fatalf("%s got a session for the password alone", a.email)
	}
	status, stdout, stderr := run(t, bin, []string{"MUSTER_DATA_DIR=" + dataDir}, "code", a.email)
	code := strings.TrimSuffix(stdout, "\n")
	if status != 0 || !regexp.MustCompile(`^\d{6}$`).MatchString(code) {
		t.Fatalf("code %s: status %d, printed %q; %s", a.email, status, stdout, stderr)
	}
	var verified struct {
		VerifySecondFactor struct{ Session struct{ Token string } }
	}
	nobody.do(t, `mutation($i: VerifySecondFactorInput!) { verifySecondFactor(input: $i) { session { token } } }`,
		vars{"i": vars{"challengeToken": challenged.SignIn.Challenge.Token, "code": code}}, &verified)
	return verified.VerifySecondFactor.Session.Token
}

func get(t *testing.T, url, host string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if host != "" {
		r.Host = host
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(raw)
}

// stopCleanly is Ctrl-C: status 0 within seconds, and PostgreSQL is gone when Muster is.
func stopCleanly(t *testing.T, p *process, dataDir string) {
	t.Helper()
	if _, running := postgresPID(dataDir); !running {
		t.Error("no PostgreSQL was running")
	}
	p.interrupt(t)
	if status := p.ended(t); status != 0 {
		t.Errorf("Ctrl-C ended it with status %d, want 0; %s", status, p.log.String())
	}
	if pid, running := postgresPID(dataDir); running {
		t.Errorf("PostgreSQL (process %d) outlived Muster", pid)
	}
}

// oneLine expects a program's whole stderr to be one line that holds each of the words.
func oneLine(t *testing.T, stderr string, words ...string) {
	t.Helper()
	if strings.Count(stderr, "\n") != 1 || !strings.HasSuffix(stderr, "\n") {
		t.Errorf("stderr is not one line: %q", stderr)
	}
	for _, word := range words {
		if !strings.Contains(stderr, word) {
			t.Errorf("stderr does not say %q: %s", word, stderr)
		}
	}
}

func TestFirstRun(t *testing.T) {
	bin := binary(t)
	t.Parallel()
	// As below a home that only its owner may enter.
	home := filepath.Join(t.TempDir(), "home")
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	dataDir := filepath.Join(home, ".muster")
	p := launch(t, bin, firstRun(dataDir))
	m := p.ready(t)
	greeting := p.out.String()
	for _, want := range []string{m.URL + "/playground", m.URL + "/mailbox/", "code olivia@acme.example"} {
		if !strings.Contains(greeting, want) {
			t.Errorf("the greeting does not say %s:\n%s", want, greeting)
		}
	}
	if !strings.HasPrefix(m.URL, "http://localhost:") {
		t.Errorf("the public URL is %s, want one of localhost: security keys need a name", m.URL)
	}
	people := accounts(greeting)
	var roles []string
	for _, a := range people {
		roles = append(roles, a.role)
	}
	if want := []string{"OWNER", "MANAGER", "ADMIN", "MEMBER", "MEMBER"}; !slices.Equal(roles, want) {
		t.Fatalf("the demo's accounts are %v, want %v; greeting:\n%s", roles, want, greeting)
	}
	owner := people[0]

	t.Log("the owner signs in with a printed code, and at once again")
	token := signInWithCode(t, m, bin, dataDir, owner)
	token2 := signInWithCode(t, m, bin, dataDir, owner)
	olivia := &person{m: m, Name: "Olivia", Token: token2}
	demoIsWhole(t, olivia)

	t.Log("pages, health and metrics")
	for path, want := range map[string]string{
		"/healthz": "ok", "/readyz": "ready", "/metrics": "muster_http_requests_total",
		"/playground": "<html", "/mailbox/": "ida@acme.example",
	} {
		if status, body := get(t, m.URL+path, ""); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("GET %s: %d, want 200 with %q in %.300s", path, status, want, body)
		}
	}

	t.Log("a demo answers to loopback names only")
	for _, path := range []string{"/playground", "/mailbox/", "/graphql?query={viewer{id}}"} {
		if status, _ := get(t, m.URL+path, "evil.example"); status != http.StatusForbidden {
			t.Errorf("GET %s for evil.example: %d, want 403", path, status)
		}
	}

	t.Log("a second one on the same folder says so")
	status, stdout, stderr := run(t, bin, firstRun(dataDir))
	if status != 1 || stdout != "" {
		t.Errorf("a second instance ended with %d and printed %q", status, stdout)
	}
	oneLine(t, stderr, "another Muster is running", dataDir)

	t.Log("so does one on the same port")
	_, port, _ := strings.Cut(strings.TrimPrefix(m.URL, "http://"), ":")
	other := filepath.Join(t.TempDir(), "other")
	status, _, stderr = run(t, bin, []string{"MUSTER_DATA_DIR=" + other, "MUSTER_ADDR=127.0.0.1:" + port})
	if status != 1 {
		t.Errorf("with a taken port it ended with %d, want 1", status)
	}
	oneLine(t, stderr, "127.0.0.1:"+port, "MUSTER_ADDR")
	if _, err := os.Stat(other); err == nil {
		t.Error("it made a data folder before it found the port taken")
	}

	t.Log("Ctrl-C stops everything and tells sockets that it goes away")
	socket := m.dial(t, token2)
	organizationID := organizationIDOf(t, olivia, "acme")
	socket.subscribe("log", `subscription($o: ID!) { auditLog(organizationId: $o, after: 0) { sequence action } }`, vars{"o": organizationID})
	var first struct{ AuditLog struct{ Sequence int } }
	socket.next("log", &first)
	stopCleanly(t, p, dataDir)
	for {
		if _, err := socket.tryRead(); err != nil {
			if !websocket.IsCloseError(err, websocket.CloseGoingAway) {
				t.Errorf("the socket ended with %v, want close code 1001", err)
			}
			break
		}
	}

	t.Log("a restart keeps everything, and prints no password")
	seed := olivia.seedOf(t, bin, dataDir)
	p2 := launch(t, bin, firstRun(dataDir))
	m2 := p2.ready(t)
	for _, a := range people {
		if strings.Contains(p2.out.String(), a.password) {
			t.Errorf("the second start prints %s's password again", a.email)
		}
	}
	if len(accounts(p2.out.String())) != 0 {
		t.Errorf("the second start prints passwords:\n%s", p2.out.String())
	}
	demoIsWhole(t, &person{m: m2, Name: "Olivia", Token: token2})

	t.Log("kill -9, and the next start recovers by itself")
	p2.kill()
	p3 := launch(t, bin, firstRun(dataDir))
	m3 := p3.ready(t)
	demoIsWhole(t, &person{m: m3, Name: "Olivia", Token: token2})
	stopCleanly(t, p3, dataDir)

	t.Log("nothing secret is printed or logged")
	key, err := os.ReadFile(filepath.Join(dataDir, "secret.key"))
	if err != nil {
		t.Fatal(err)
	}
	secrets := []string{strings.TrimSpace(string(key)), token, token2, seed}
	for _, a := range people {
		secrets = append(secrets, a.password)
	}
	for _, s := range secrets {
		for _, q := range []*process{p, p2, p3} {
			if strings.Contains(q.log.String(), s) {
				t.Errorf("the log holds a secret %.4s…", s)
			}
		}
	}
	for _, s := range secrets[:4] {
		for _, q := range []*process{p, p2, p3} {
			if strings.Contains(q.out.String(), s) {
				t.Errorf("stdout holds a secret %.4s…", s)
			}
		}
	}
}

func organizationIDOf(t *testing.T, p *person, slug string) string {
	t.Helper()
	var out struct{ Organization struct{ ID string } }
	p.do(t, `query($s: String!) { organization(slug: $s) { id } }`, vars{"s": slug}, &out)
	return out.Organization.ID
}

// seedOf is the seed of the owner's authenticator app, in base32, as nothing may ever print it: of an app that is being
// set up, since those of confirmed ones come out nowhere.
func (p *person) seedOf(t *testing.T, bin, dataDir string) string {
	t.Helper()
	q := launch(t, bin, firstRun(dataDir))
	p.m = q.ready(t)
	var out struct{ EnrollTOTP struct{ Secret string } }
	p.do(t, enrollTOTP, nil, &out)
	stopCleanly(t, q, dataDir)
	if strings.Contains(q.log.String()+q.out.String(), out.EnrollTOTP.Secret) {
		t.Error("a seed was printed or logged")
	}
	return out.EnrollTOTP.Secret
}

// demoIsWhole asks as the owner for everything that the demo promises: an owner with 2FA, members with and without, an
// open invitation, teams, projects, some history.
func demoIsWhole(t *testing.T, owner *person) {
	t.Helper()
	var out struct {
		Organization struct {
			Name    string
			Members struct {
				Nodes []struct{ Email, Role, Status, TwoFactor string }
			}
			Teams    []struct{ Slug string }
			Projects []struct {
				Name string
				Team struct{ Slug string }
			}
			AuditSequence int
		}
	}
	owner.do(t, `{ organization(slug: "acme") { name auditSequence teams { slug } projects { name team { slug } }
  members { nodes { email role status twoFactor } } } }`, nil, &out)
	o := out.Organization
	var got []string
	for _, m := range o.Members.Nodes {
		got = append(got, fmt.Sprint(m.Email, " ", m.Role, " ", m.Status, " ", m.TwoFactor))
	}
	slices.Sort(got)
	want := []string{
		"adam@acme.example ADMIN ACTIVE DISABLED",
		"ida@acme.example MEMBER INVITED ",
		"mara@acme.example MANAGER ACTIVE SECURE",
		"mia@acme.example MEMBER ACTIVE DISABLED",
		"noah@acme.example MEMBER ACTIVE DISABLED",
		"olivia@acme.example OWNER ACTIVE SECURE",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the demo's members are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if len(o.Teams) != 2 || len(o.Projects) != 2 || o.AuditSequence < 10 {
		t.Errorf("the demo has %v, %v and %d entries; want two teams, two projects and a history", o.Teams, o.Projects, o.AuditSequence)
	}
}

func TestTwoFirstRunsHaveTheirOwnPasswords(t *testing.T) {
	bin := binary(t)
	t.Parallel()
	seen := map[string]string{}
	for range 2 {
		dataDir := filepath.Join(t.TempDir(), ".muster")
		p := launch(t, bin, firstRun(dataDir))
		p.ready(t)
		people := accounts(p.out.String())
		if len(people) != 5 {
			t.Fatalf("the greeting shows %d accounts, want 5", len(people))
		}
		for _, a := range people {
			if by, taken := seen[a.password]; taken {
				t.Errorf("%s has the password that %s has", a.email, by)
			}
			seen[a.password] = a.email
		}
		stopCleanly(t, p, dataDir)
	}
}

// An impatient first start: killed, or stopped by Ctrl-C, at any moment before the greeting. The next one makes a whole
// demo of it and tells the passwords.
func TestInterruptedFirstRun(t *testing.T) {
	bin := binary(t)
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	inside := 0 // interruptions that left some of the demo
	defer func() { t.Logf("%d interruptions fell into the making of the demo", inside) }()
	for round := range 5 {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			dataDir := filepath.Join(t.TempDir(), ".muster")
			interruptions, greeted := 0, false
			for range 3 {
				p := launch(t, bin, firstRun(dataDir))
				if random.IntN(4) > 0 { // in three of four cases PostgreSQL is up and the demo under way
					eventually(t, "PostgreSQL is ready", func() bool { return postgresReady(dataDir) || !p.running() })
				}
				select {
				case <-time.After(time.Duration(random.Int64N(int64(time.Second)))):
				case <-p.exited:
					t.Fatalf("ended by itself: %s", p.log.String())
				}
				if random.IntN(3) == 0 {
					p.interrupt(t)
					if status := p.ended(t); status != 0 {
						t.Errorf("Ctrl-C: status %d, want 0; %s", status, p.log.String())
					}
				} else {
					p.kill()
				}
				if greeted = len(accounts(p.out.String())) > 0; greeted {
					break
				}
				interruptions++
			}
			if greeted {
				return // it was faster
			}
			p := launch(t, bin, firstRun(dataDir))
			m := p.ready(t)
			people := accounts(p.out.String())
			if len(people) != 5 {
				t.Fatalf("after %d interruptions the greeting shows %d accounts, want 5", interruptions, len(people))
			}
			owner := &person{m: m, Name: "Olivia", Token: signInWithCode(t, m, bin, dataDir, people[0])}
			demoIsWhole(t, owner)
			for _, a := range people[2:] {
				mustSignIn(t, m, a)
			}
			var events struct {
				Viewer struct {
					SecurityEvents struct{ Nodes []struct{ Action string } }
				}
			}
			owner.do(t, `{ viewer { securityEvents(first: 100) { nodes { action } } } }`, nil, &events)
			for _, e := range events.Viewer.SecurityEvents.Nodes {
				if e.Action == "user.demo-password" {
					inside++
				}
			}
			stopCleanly(t, p, dataDir)
		})
	}
}

func mustSignIn(t *testing.T, m *muster, a account) {
	t.Helper()
	p := &person{m: m, Name: a.email, Email: a.email, Password: a.password}
	p.signIn(t)
	if p.Token == "" {
		t.Errorf("%s cannot sign in", a.email)
	}
}

func TestDataOfAnotherPostgreSQL(t *testing.T) {
	bin := binary(t)
	t.Parallel()
	dataDir := filepath.Join(t.TempDir(), ".muster")
	if err := os.MkdirAll(filepath.Join(dataDir, "postgres"), 0o700); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 { // as a server would have left it
		if err := os.Chown(filepath.Join(dataDir, "postgres"), 65534, 65534); err != nil {
			t.Fatal(err)
		}
	}
	version := filepath.Join(dataDir, "postgres", "PG_VERSION")
	if err := os.WriteFile(version, []byte("9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	status, stdout, stderr := run(t, bin, firstRun(dataDir))
	if status != 1 || stdout != "" {
		t.Errorf("ended with %d and printed %q, want 1 and nothing", status, stdout)
	}
	oneLine(t, stderr, "PostgreSQL 9", dataDir)
	if text, err := os.ReadFile(version); err != nil || string(text) != "9\n" {
		t.Errorf("the data was touched: %q %v", text, err)
	}
	entries, err := os.ReadDir(filepath.Join(dataDir, "postgres"))
	if err != nil || len(entries) != 1 {
		t.Errorf("the data was touched: %v %v", entries, err)
	}
}

func TestWrongSettings(t *testing.T) {
	bin := binary(t)
	t.Parallel()
	const (
		database = "DATABASE_URL=postgres://muster:hunter2secret@127.0.0.1:1/muster"
		smtp     = "SMTP_URL=smtp://127.0.0.1:2525"
		public   = "MUSTER_PUBLIC_URL=https://muster.example.com"
		key      = "MUSTER_SECRET_KEY=a key that is long enough to be taken 123"
	)
	for name, c := range map[string]struct {
		env, args []string
		names     string // the variable that the line names
	}{
		"database without mail":       {[]string{database, public, key}, nil, "SMTP_URL"},
		"database without public URL": {[]string{database, smtp, key}, nil, "MUSTER_PUBLIC_URL"},
		"database without key":        {[]string{database, smtp, public}, nil, "MUSTER_SECRET_KEY"},
		"short key":                   {[]string{"MUSTER_SECRET_KEY=hunter2secret"}, nil, "MUSTER_SECRET_KEY"},
		"plain http":                  {[]string{database, smtp, key, "MUSTER_PUBLIC_URL=http://muster.example.com"}, nil, "MUSTER_PUBLIC_URL"},
		"demo for the network":        {[]string{"MUSTER_ADDR=0.0.0.0:8080"}, nil, "MUSTER_ADDR"},
		"demo for the network, with mail": {
			[]string{"MUSTER_ADDR=0.0.0.0:8080", smtp}, nil, "MUSTER_ADDR",
		},
		"no address":   {[]string{"MUSTER_ADDR=here"}, nil, "MUSTER_ADDR"},
		"no database":  {[]string{"DATABASE_URL=mysql://root:hunter2secret@db/x", smtp, public, key}, nil, "DATABASE_URL"},
		"no duration":  {[]string{"MUSTER_SESSION_MAX=day"}, nil, "MUSTER_SESSION_MAX"},
		"no batch":     {[]string{"MUSTER_SWEEP_BATCH=0"}, nil, "MUSTER_SWEEP_BATCH"},
		"all proxies":  {[]string{"MUSTER_TRUSTED_PROXIES=0.0.0.0/0"}, nil, "MUSTER_TRUSTED_PROXIES"},
		"unknown flag": {nil, []string{"--fast"}, "--fast"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dataDir := filepath.Join(t.TempDir(), ".muster")
			status, stdout, stderr := run(t, bin, append([]string{"MUSTER_DATA_DIR=" + dataDir}, c.env...), c.args...)
			if status != 2 || stdout != "" {
				t.Errorf("ended with %d and printed %q, want 2 and nothing", status, stdout)
			}
			oneLine(t, stderr, c.names)
			if strings.Contains(stderr, "hunter2secret") {
				t.Errorf("the line holds a secret: %s", stderr)
			}
			if _, err := os.Stat(dataDir); err == nil {
				t.Error("a wrong setting left a data folder")
			}
		})
	}
}

// Nothing that a person sets as a secret comes out where a server cannot be reached.
func TestUnreachableDatabase(t *testing.T) {
	bin := binary(t)
	t.Parallel()
	status, stdout, stderr := run(t, bin, []string{
		fmt.Sprintf("DATABASE_URL=postgres://muster:hunter2secret@127.0.0.1:%d/muster", freePort(t)), "SMTP_URL=smtp://muster:hunter2secret@127.0.0.1:1",
		"MUSTER_PUBLIC_URL=https://muster.example.com", "MUSTER_SECRET_KEY=hunter2secret and enough more to be long enough", "MUSTER_ADDR=127.0.0.1:0",
	})
	if status != 1 || stdout != "" {
		t.Errorf("ended with %d and printed %q, want 1 and nothing", status, stdout)
	}
	oneLine(t, stderr, "reach the database")
	if strings.Contains(stderr, "hunter2secret") {
		t.Errorf("the line holds a secret: %s", stderr)
	}
}

func TestHelp(t *testing.T) {
	bin := binary(t)
	t.Parallel()
	status, stdout, stderr := run(t, bin, nil, "--help")
	if status != 0 || stderr != "" {
		t.Errorf("--help ended with %d; %s", status, stderr)
	}
	for _, variable := range []string{
		"DATABASE_URL", "MUSTER_MIGRATE_URL", "EVENTS_URL", "MUSTER_ADDR", "MUSTER_PUBLIC_URL", "MUSTER_DATA_DIR", "MUSTER_DEMO", "MUSTER_SECRET_KEY",
		"SMTP_URL", "SMS_URL", "MUSTER_ALLOWED_ORIGINS", "MUSTER_TRUSTED_PROXIES", "MUSTER_PLAYGROUND", "MUSTER_SSO_ALLOW_PRIVATE",
		"MUSTER_SWEEP_BATCH", "MUSTER_AUDIT_MONTHS",
	} {
		if !strings.Contains(stdout, variable) {
			t.Errorf("--help does not tell of %s", variable)
		}
	}
}

// With a mail server there is no mailbox, embedded database or not; and what a person passes as a password stays there.
func TestNoMailboxWithMailServer(t *testing.T) {
	bin := binary(t)
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0") // nobody answers: nothing is mailed by the demo's start
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	dataDir := filepath.Join(t.TempDir(), ".muster")
	p := launch(t, bin, append(firstRun(dataDir), "SMTP_URL=smtp://muster:hunter2secret@"+listener.Addr().String()))
	m := p.ready(t)
	if strings.Contains(p.out.String(), "/mailbox") {
		t.Error("the greeting tells of a mailbox")
	}
	if status, body := get(t, m.URL+"/mailbox/", ""); status != http.StatusNotFound {
		t.Errorf("GET /mailbox/: %d, want 404; %.200s", status, body)
	}
	stopCleanly(t, p, dataDir)
	if strings.Contains(p.out.String()+p.log.String(), "hunter2secret") {
		t.Error("the mail server's password was printed or logged")
	}
	for line := range strings.Lines(p.log.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("a line of the log is no JSON, though stderr is no terminal: %s", line)
		}
	}
}
