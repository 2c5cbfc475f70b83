package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql/introspection"
	"github.com/gorilla/websocket"

	"muster/app"
	"muster/server/settings"
)

func (m *muster) get(t testing.TB, path string, header http.Header) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, m.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if header != nil {
		r.Header = header
		if host := header.Get("Host"); host != "" {
			r.Host = host
		}
	}
	return m.roundTrip(t, r)
}

// The limits are wired on the real server, on both transports.
func TestLimitsAreOn(t *testing.T) {
	t.Parallel()
	m := start(t)
	p := m.signUp(t, "Lina")
	o := p.organization(t)
	a := m.call(t, call{Query: whoami, Vars: vars{"x": strings.Repeat("x", 64<<10)}})
	if a.Status != http.StatusRequestEntityTooLarge || a.Code() != "QUERY_TOO_LARGE" {
		t.Errorf("a body above 64 KiB: %d %s", a.Status, a.Body)
	}
	m.call(t, call{Query: whoami, Vars: vars{"x": strings.Repeat("x", 60<<10)}}).expect(t, "", "a body of 60 KiB")

	nest := func(depth int) string {
		return `{ viewer ` + strings.Repeat(`{ memberships { organization { viewer `, depth/3) + `{ id }` + strings.Repeat(` } } }`, depth/3) + ` }`
	}
	aliases := func(n int) string {
		query := "{"
		for i := range n {
			query += fmt.Sprintf(" a%d: viewer { id }", i)
		}
		return query + " }"
	}
	large := map[string]string{
		"depth":      nest(12),
		"aliases":    aliases(16),
		"tokens":     "{ viewer { id" + strings.Repeat(" id", 1000) + " } }",
		"complexity": fmt.Sprintf(`{ organization(slug: %q) { members(first: 100) { nodes { id name role status twoFactor email user { id name email memberships { id role organization { id slug name members(first: 100) { nodes { id } } } } } } } } }`, o.Slug),
		"fields":     "{ viewer {" + strings.Repeat(" id", 201) + " } }",
	}
	for name, query := range large {
		m.post(t, p.Token, query, nil).expect(t, "QUERY_TOO_LARGE", name)
	}
	m.post(t, p.Token, aliases(15), nil).expect(t, "", "15 aliases")
	m.post(t, p.Token, fmt.Sprintf(`{ organization(slug: %q) { members(first: 100) { nodes { id name role status twoFactor email teams { id slug name } } } } }`, o.Slug), nil).
		expect(t, "", "a page of a hundred")
	socket := m.dial(t, p.Token)
	for name, query := range large {
		socket.subscribe(name, query, nil)
		if code := socket.ends(name); code != "QUERY_TOO_LARGE" {
			t.Errorf("%s on a socket: %q", name, code)
		}
	}
	m.post(t, "", introspection.Query, nil).expect(t, "", "the standard introspection query")
	m.post(t, "", `{ viewer { id nonsense } }`, nil).expect(t, "BAD_INPUT", "an unknown field")
	m.post(t, "", `{ viewer { id }`, nil).expect(t, "BAD_INPUT", "what does not parse")

	// A refusal on a socket is a refusal, with its code, not a fault.
	socket.subscribe("refused", `subscription($o: ID!) { auditLog(organizationId: $o) { id } }`, vars{"o": "org_nothing"})
	if code := socket.ends("refused"); code != "NOT_FOUND" {
		t.Errorf("a stranger's subscription ends with %q", code)
	}
}

func TestPlaygroundOff(t *testing.T) {
	t.Parallel()
	on, off := start(t), start(t, func(s *settings.Settings, _ *app.Config) { s.Playground = false })
	for m, want := range map[*muster]int{on: http.StatusOK, off: http.StatusNotFound} {
		if got := m.get(t, "/playground", nil); got.Status != want {
			t.Errorf("/playground answers %d, want %d", got.Status, want)
		}
	}
	for _, query := range []string{introspection.Query, `{ __schema { queryType { name } } }`, `{ __type(name: "User") { name } }`} {
		on.post(t, "", query, nil).expect(t, "", "introspection where the Playground is on")
		a := off.post(t, "", query, nil)
		if a.Code() == "" && (strings.Contains(string(a.Data), "Query") || strings.Contains(string(a.Data), "User")) {
			t.Errorf("introspection is answered: %s", a.Data)
		}
		if len(a.Errors) == 0 {
			t.Error("introspection is not refused")
		}
	}
	if a := off.post(t, "", `{ viewr { id } }`, nil); strings.Contains(a.says(), "viewer") {
		t.Errorf("a mistake is told the schema: %q", a.says())
	}
	off.post(t, "", `{ __typename viewer { __typename id } }`, nil).expect(t, "", "__typename")
}

func TestGetIsForQueries(t *testing.T) {
	t.Parallel()
	m := start(t)
	p := m.signUp(t, "Gesa")
	get := func(query string) reply {
		return m.get(t, "/graphql?query="+url.QueryEscape(query), http.Header{"Authorization": {"Bearer " + p.Token}})
	}
	if got := get(whoami); got.who(t) != p.Email {
		t.Errorf("a query by GET: %s", got.Body)
	}
	for _, query := range []string{
		`mutation { signOut(input: {}) { ok } }`, `query a { viewer { id } } mutation b { signOut(input: {}) { ok } }`,
	} {
		path := "/graphql?operationName=b&query=" + url.QueryEscape(query)
		if !strings.Contains(query, " b ") {
			path = "/graphql?query=" + url.QueryEscape(query)
		}
		got := m.get(t, path, http.Header{"Authorization": {"Bearer " + p.Token}})
		if got.Status != http.StatusMethodNotAllowed || got.Header.Get("Allow") != "POST" {
			t.Errorf("%s by GET: %d, Allow %q", query, got.Status, got.Header.Get("Allow"))
		}
	}
	if !m.signedIn(t, p.Token) {
		t.Error("a mutation by GET was done")
	}
	if got := get(`subscription { sweep(id: "x") { id } }`); got.Status != http.StatusBadRequest && got.Status != http.StatusMethodNotAllowed {
		t.Errorf("a subscription by GET: %d", got.Status)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, m.URL+"/graphql", bytes.NewReader([]byte("query="+url.QueryEscape(whoami))))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded") // what another site's form can send
	if got := m.roundTrip(t, r); got.Status != http.StatusUnsupportedMediaType {
		t.Errorf("a form: %d", got.Status)
	}
}

// Other pages on the list may call the API with a token, never with the cookie; pages off the list may read nothing.
func TestCORS(t *testing.T) {
	t.Parallel()
	const friend, foe = "https://admin.example.com", "https://evil.example"
	m := start(t, func(s *settings.Settings, _ *app.Config) { s.AllowedOrigins = []string{friend} })
	preflight := func(origin string) reply {
		return m.call(t, call{Method: http.MethodOptions, Origin: origin, Header: http.Header{
			"Access-Control-Request-Method": {"POST"}, "Access-Control-Request-Headers": {"authorization,content-type"},
		}})
	}
	allowed := preflight(friend)
	if allowed.Status != http.StatusNoContent || allowed.Header.Get("Access-Control-Allow-Origin") != friend ||
		!strings.Contains(allowed.Header.Get("Access-Control-Allow-Headers"), "Authorization") || !strings.Contains(allowed.Header.Get("Access-Control-Allow-Methods"), "POST") {
		t.Errorf("a friend's preflight: %d %v", allowed.Status, allowed.Header)
	}
	refused := preflight(foe)
	for _, r := range []reply{allowed, refused, m.call(t, call{Query: whoami, Origin: friend}), m.call(t, call{Query: whoami, Origin: foe})} {
		if r.Header.Get("Access-Control-Allow-Credentials") != "" || !strings.Contains(strings.Join(r.Header.Values("Vary"), ","), "Origin") {
			t.Errorf("the headers are %v", r.Header)
		}
		if got := r.Header.Get("Access-Control-Allow-Origin"); got == foe || got == "*" {
			t.Errorf("%q may read the answers", got)
		}
	}
	if got := m.call(t, call{Query: whoami, Origin: friend}).Header.Get("Access-Control-Expose-Headers"); !strings.Contains(got, "Retry-After") {
		t.Errorf("a page can read the headers %q", got)
	}
}

// A demo answers only to the machine's own names, on every path, sockets too; a real installation to any.
func TestHostGuard(t *testing.T) {
	t.Parallel()
	yes := true
	demo := start(t, func(s *settings.Settings, _ *app.Config) { s.DemoWish = &yes })
	plain := start(t)
	body, err := json.Marshal(map[string]string{"query": whoami})
	if err != nil {
		t.Fatal(err)
	}
	post := func(m *muster, host string) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, m.URL+"/graphql", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Host = host
		return m.roundTrip(t, r).Status
	}
	for host, want := range map[string]int{
		"localhost": 200, "localhost:8080": 200, "127.0.0.1": 200, "[::1]:8080": 200,
		"evil.example": 403, "127.0.0.1.evil.example": 403, "localhost.evil.example:8080": 403, "192.168.1.7": 403,
	} {
		if got := post(demo, host); got != want {
			t.Errorf("the demo answers %d as %s, want %d", got, host, want)
		}
		if got := demo.get(t, "/mailbox/", http.Header{"Host": {host}}).Status; (got == 403) != (want == 403) {
			t.Errorf("the mailbox answers %d as %s", got, host)
		}
		if got := demo.get(t, "/", http.Header{"Host": {host}}).Status; (got == 403) != (want == 403) {
			t.Errorf("the start page answers %d as %s", got, host)
		}
		if got := plain.get(t, "/mailbox/", http.Header{"Host": {host}}).Status; (got == 403) != (want == 403) {
			t.Errorf("the mailbox without a demo answers %d as %s", got, host)
		}
	}
	if got := post(demo, "muster.localhost"); got != 200 {
		t.Errorf("the demo answers %d below .localhost", got)
	}
	if got := post(plain, "muster.example.com"); got != 200 {
		t.Errorf("without a demo it answers %d by another name", got)
	}
	dialer := websocket.Dialer{Subprotocols: []string{"graphql-transport-ws"}}
	_, response, err := dialer.Dial("ws"+strings.TrimPrefix(demo.URL, "http")+"/graphql", http.Header{"Host": {"evil.example"}})
	if err == nil || response == nil || response.StatusCode != http.StatusForbidden {
		t.Errorf("a socket by another name: %v %v", response, err)
	}
}
