package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"muster/app"
	"muster/server/settings"
)

// provided is somebody whom a provider knows. Their password there is their name.
type provided struct {
	Name  string
	Email string
	AMR   []string

	Unverified bool // the address is only what they say
}

// startProvider runs a provider as a process of its own and gives its issuer. It ends with the test.
func (m *muster) startProvider(t *testing.T, users map[string]provided) (issuer string) {
	t.Helper()
	process := exec.CommandContext(t.Context(), builtProvider.path(t))
	stdin, err := process.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = process.Wait()
	})
	err = json.NewEncoder(stdin).Encode(map[string]any{
		"ClientID": "muster", "ClientSecret": "the client's canary", "RedirectURI": m.App.PublicURL + "/sso/callback", "Users": users,
	})
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// privateProviders lets a Muster ask providers on this machine.
func privateProviders(_ *settings.Settings, c *app.Config) { c.SSOAllowPrivate = true }

// connect makes a provider the organization's.
func (o *organization) connect(t testing.TB, issuer string, trust bool) {
	t.Helper()
	o.Owner.do(t, connectSSO, connection(o, issuer, trust), nil)
}

func connection(o *organization, issuer string, trust bool) vars {
	return vars{"i": vars{
		"organizationId": o.ID, "issuer": issuer, "clientId": "muster", "clientSecret": "the client's canary", "trustSecondFactor": trust,
	}}
}

// browser is a person's: it keeps cookies and goes where it is sent, one step at a time.
type browser struct {
	t    testing.TB
	m    *muster
	base string
	http *http.Client
}

func (m *muster) browser(t testing.TB) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t: t, m: m, base: m.App.PublicURL, http: &http.Client{
		Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// page is what a browser was shown.
type page struct {
	Status int
	Body   string
	To     string // where it was sent
	Header http.Header
}

func (b *browser) request(method, address, from string, form url.Values) page {
	b.t.Helper()
	r, err := http.NewRequest(method, address, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if from != "" {
		r.Header.Set("Sec-Fetch-Site", from)
	}
	p, err := b.send(r)
	if err != nil {
		b.t.Fatal(err)
	}
	return p
}

// send is for goroutines that must not fail the test themselves.
func (b *browser) send(r *http.Request) (page, error) {
	response, err := b.http.Do(r)
	if err != nil {
		return page{}, err
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	p := page{Status: response.StatusCode, Body: string(raw), Header: response.Header}
	if to, noLocation := response.Location(); noLocation == nil {
		p.To = to.String()
	}
	return p, err
}

func (b *browser) get(address string) page {
	b.t.Helper()
	return b.request(http.MethodGet, address, "none", nil)
}

var formPattern = regexp.MustCompile(`name="id" value="([^"]+)"`)

// callback goes from Muster to the provider, signs in there, and gives the address that it is sent back to, unvisited.
func (b *browser) callback(start, from, name string) string {
	b.t.Helper()
	p := b.request(http.MethodGet, b.base+start, from, nil)
	if p.Status != http.StatusSeeOther {
		b.t.Fatalf("%s: got %d %s", start, p.Status, p.Body)
	}
	for hops := 0; !strings.HasPrefix(p.To, b.base); hops++ {
		if hops > 10 {
			b.t.Fatalf("the provider does not come to an end: %+v", p)
		}
		at := p.To
		if p = b.get(at); p.To != "" {
			continue
		}
		form := formPattern.FindStringSubmatch(p.Body)
		if form == nil {
			b.t.Fatalf("%s shows no form: %d %s", at, p.Status, p.Body)
		}
		action, err := url.Parse(at)
		if err != nil {
			b.t.Fatal(err)
		}
		action.Path, action.RawQuery = "/login/username", ""
		p = b.request(http.MethodPost, action.String(), "", url.Values{"id": {html.UnescapeString(form[1])}, "username": {name}, "password": {name}})
		if p.To == "" {
			b.t.Fatalf("the provider did not sign %s in: %d %s", name, p.Status, p.Body)
		}
	}
	return p.To
}

// signIn walks through the whole sign-in.
func (b *browser) signIn(o *organization, name string) page {
	b.t.Helper()
	return b.request(http.MethodGet, b.callback("/sso/"+o.Slug, "none", name), "cross-site", nil)
}

// signedIn is signIn that has to succeed.
func (b *browser) signedIn(o *organization, name string) *browser {
	b.t.Helper()
	if p := b.signIn(o, name); p.Status != http.StatusSeeOther || p.To != b.base+"/" {
		b.t.Fatalf("%s was not signed in: %d %s", name, p.Status, p.Body)
	}
	return b
}

// ask sends an operation with the browser's cookie, as Muster's own pages do.
func (b *browser) ask(query string, v vars) answer {
	b.t.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "variables": v})
	if err != nil {
		b.t.Fatal(err)
	}
	r, err := http.NewRequest(http.MethodPost, b.base+"/graphql", bytes.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Origin", b.base)
	p, err := b.send(r)
	if err != nil {
		b.t.Fatal(err)
	}
	a := answer{Header: p.Header}
	if err := json.Unmarshal([]byte(p.Body), &a); err != nil {
		b.t.Fatalf("%v in %s", err, p.Body)
	}
	return a
}

// do is ask that has to succeed.
func (b *browser) do(query string, v vars, out any) {
	b.t.Helper()
	a := b.ask(query, v)
	if len(a.Errors) > 0 {
		b.t.Fatalf("asked %.200s and got %+v", query, a.Errors)
	}
	if out != nil {
		if err := json.Unmarshal(a.Data, out); err != nil {
			b.t.Fatal(err)
		}
	}
}

// signInHere gives the browser the cookie of an account's own session.
func (b *browser) signInHere(p *person) {
	b.t.Helper()
	var out struct {
		SignIn struct{ Challenge *struct{ Token string } }
	}
	b.do(`mutation($i: SignInInput!) { signIn(input: $i) { challenge { token } } }`, vars{"i": vars{"email": p.Email, "password": p.Password}}, &out)
	if out.SignIn.Challenge != nil {
		b.do(`mutation($i: VerifySecondFactorInput!) { verifySecondFactor(input: $i) { session { expiresAt } } }`,
			vars{"i": vars{"challengeToken": out.SignIn.Challenge.Token, "code": p.code()}}, nil)
	}
}

// dial opens a socket with the browser's cookie.
func (b *browser) dial() *socket {
	b.t.Helper()
	dialer := websocket.Dialer{Subprotocols: []string{"graphql-transport-ws"}, Jar: b.http.Jar}
	conn, response, err := dialer.Dial("ws"+strings.TrimPrefix(b.base, "http")+"/graphql", http.Header{"Origin": {b.base}})
	if err != nil {
		b.t.Fatal(err)
	}
	_ = response.Body.Close()
	b.t.Cleanup(func() { _ = conn.Close() })
	s := &socket{t: b.t, conn: conn}
	s.send("", "connection_init", vars{})
	if f := s.read(); f.Type != "connection_ack" {
		b.t.Fatalf("got %+v, want connection_ack", f)
	}
	return s
}

// closedWith is the code that ends the socket.
func (s *socket) closedWith() int {
	s.t.Helper()
	for {
		_, err := s.tryRead()
		var closed *websocket.CloseError
		if errors.As(err, &closed) {
			return closed.Code
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
}
