package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"muster/app"
	"muster/db/dbtest"
	"muster/server/settings"
)

// The thirteen checks of graphql-cop (github.com/dolevf/graphql-cop), which look for what GraphQL servers leave open, against
// a server as it stands on the internet.
func TestCop(t *testing.T) {
	t.Parallel()
	m := start(t, func(s *settings.Settings, _ *app.Config) { s.Playground = false })
	p := m.signUp(t, "Lou")
	repeat := func(n int, form string) string {
		var all strings.Builder
		for i := range n {
			if strings.Contains(form, "%d") {
				fmt.Fprintf(&all, form, i)
			} else {
				all.WriteString(form)
			}
		}
		return all.String()
	}
	post := func(kind, body string) reply {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, m.URL+"/graphql", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", kind)
		return m.roundTrip(t, r)
	}
	ask := func(query string) reply { return m.call(t, call{Query: query, Token: p.Token}) }
	refused := func(code string) func(*testing.T, reply) {
		return func(t *testing.T, r reply) { r.expect(t, code, "it") }
	}
	status := func(want ...int) func(*testing.T, reply) {
		return func(t *testing.T, r reply) {
			for _, s := range want {
				if r.Status == s {
					return
				}
			}
			t.Errorf("status %d, want one of %v: %.300s", r.Status, want, r.Body)
		}
	}
	for name, check := range map[string]struct {
		answer func() reply
		want   func(*testing.T, reply)
	}{
		"alias overloading": {func() reply { return ask("{" + repeat(101, " a%d: __typename") + " }") }, refused("QUERY_TOO_LARGE")},
		"array-based batching": {func() reply {
			return post("application/json", "["+strings.TrimSuffix(repeat(10, `{"query":"{ __typename }"},`), ",")+"]")
		}, status(http.StatusBadRequest)},
		"directive overloading": {func() reply { return ask("{ __typename " + repeat(60, "@aa") + " }") }, refused("QUERY_TOO_LARGE")},
		"circular introspection": {func() reply {
			return ask("{ __schema { types { " + repeat(5, "fields { type { ") + "name" + repeat(5, " } }") + " } } }")
		}, func(t *testing.T, r reply) {
			if len(r.Errors) == 0 {
				t.Errorf("answered: %.300s", r.Body)
			}
		}},
		"field duplication": {func() reply { return ask("{ " + repeat(500, "__typename ") + "}") }, refused("QUERY_TOO_LARGE")},
		"field suggestions": {func() reply { return ask("{ viewer { emai } }") }, func(t *testing.T, r reply) {
			if strings.Contains(strings.ToLower(r.Body), "did you mean") || strings.Contains(r.Body, `email\"`) {
				t.Errorf("suggests: %s", r.Body)
			}
		}},
		"introspection": {func() reply { return ask("{ __schema { types { name } } }") }, func(t *testing.T, r reply) {
			if len(r.Errors) == 0 || strings.Contains(r.Body, "SignUpInput") {
				t.Errorf("answered: %.300s", r.Body)
			}
		}},
		"GraphiQL": {func() reply {
			return m.get(t, "/graphql", http.Header{"Accept": {"text/html"}})
		}, func(t *testing.T, r reply) {
			if strings.Contains(strings.ToLower(r.Body), "<html") || strings.Contains(strings.ToLower(r.Body), "graphiql") || m.get(t, "/playground", nil).Status != http.StatusNotFound {
				t.Errorf("a page: %.300s", r.Body)
			}
		}},
		"trace mode": {func() reply { return ask("{ __typename }") }, func(t *testing.T, r reply) {
			if strings.Contains(r.Body, "tracing") || strings.Contains(r.Body, "extensions") {
				t.Errorf("traced: %s", r.Body)
			}
		}},
		"unhandled errors": {func() reply { return ask("query { viewer { id } ") }, func(t *testing.T, r reply) {
			if low := strings.ToLower(r.Body); strings.Contains(low, "exception") || strings.Contains(low, "stack") || strings.Contains(low, ".go:") || r.Code() != "BAD_INPUT" {
				t.Errorf("tells of its inside: %s", r.Body)
			}
		}},
		"mutation by GET": {func() reply {
			return m.get(t, "/graphql?query="+url.QueryEscape("mutation { signOut(input: {}) { ok } }"), nil)
		}, status(http.StatusMethodNotAllowed)},
		// It warns of queries by GET, since where the cookie counts another site could ask them: here it counts from listed origins only.
		"query by GET with the cookie": {func() reply {
			return m.get(t, "/graphql?query="+url.QueryEscape("{ __typename }"), http.Header{"Cookie": {"muster=x"}, "Origin": {"https://evil.example"}})
		}, status(http.StatusForbidden)},
		"urlencoded POST": {func() reply {
			return post("application/x-www-form-urlencoded", "query="+url.QueryEscape("{ __typename }"))
		}, status(http.StatusUnsupportedMediaType)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check.want(t, check.answer())
		})
	}
}

// counted counts what a server took of a body.
type counted struct {
	io.Reader
	taken atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.taken.Add(int64(n))
	return n, err
}

// endless is a body that goes on.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return copy(p, bytes.Repeat([]byte("["), len(p))), nil }

// What is too large is refused for what it costs to see that, and nobody else waits for it.
func TestLargeRequestsCostLittle(t *testing.T) {
	t.Parallel()
	m := start(t)
	// Bounds are loose: other tests run beside. The defect that they are for took minutes: 47 s for 80 KB.
	const soon = 30 * time.Second
	within := func(t *testing.T, what string, do func()) {
		t.Helper()
		begin := time.Now()
		do()
		if took := time.Since(begin); took > soon {
			t.Errorf("%s took %s, want less than %s", what, took, soon)
		}
	}
	for _, size := range []int{40 << 10, 60 << 10, 80 << 10, 500 << 10} {
		within(t, fmt.Sprintf("%d bytes of one field", size), func() {
			a := m.post(t, "", "{ "+strings.Repeat("__typename ", size/11)+"}", nil)
			a.expect(t, "QUERY_TOO_LARGE", fmt.Sprintf("%d bytes of one field", size))
			if raw, _ := json.Marshal(a.Errors); len(raw) > 10<<10 {
				t.Errorf("%d bytes are answered with %d", size, len(raw))
			}
		})
	}
	for what, body := range map[string]string{
		"deep JSON":            `{"query":"{__typename}","variables":` + strings.Repeat(`{"a":`, 10000) + "1" + strings.Repeat("}", 10000) + "}",
		"deep arrays":          strings.Repeat("[", 60000),
		"deep variables":       `{"query":"query($i: SignInInput!) { __typename }","variables":{"i":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + "}}",
		"a very long number":   `{"query":"{__typename}","variables":{"n":` + strings.Repeat("9", 50000) + "}}",
		"ten thousand of them": `{"query":"{__typename}","variables":{` + strings.TrimSuffix(strings.Repeat(`"a":1,`, 9000), ",") + "}}",
	} {
		within(t, what, func() {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, m.URL+"/graphql", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/json")
			if got := m.roundTrip(t, r); got.Status >= 500 || len(got.Body) > 10<<10 {
				t.Errorf("%s: %d with %d bytes", what, got.Status, len(got.Body))
			}
		})
	}
	within(t, "100 MB", func() {
		body := &counted{Reader: io.LimitReader(endless{}, 100<<20)}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, m.URL+"/graphql", body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		if response, err := http.DefaultTransport.RoundTrip(r); err == nil {
			if response.StatusCode != http.StatusRequestEntityTooLarge {
				t.Errorf("100 MB: status %d", response.StatusCode)
			}
			_ = response.Body.Close()
		}
		// What the system's buffers hold on the way is taken too.
		if n := body.taken.Load(); n > 16<<20 {
			t.Errorf("%d bytes of 100 MB were taken", n)
		}
	})
	var bomb bytes.Buffer
	w := gzip.NewWriter(&bomb)
	if _, err := io.Copy(w, io.LimitReader(endless{}, 20<<20)); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	within(t, "a gzip bomb", func() {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, m.URL+"/graphql", bytes.NewReader(bomb.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Content-Encoding", "gzip")
		if got := m.roundTrip(t, r); got.Status != http.StatusBadRequest && got.Status != http.StatusUnsupportedMediaType {
			t.Errorf("a gzip bomb: %d %.200s", got.Status, got.Body)
		}
	})
}

// A program as it stands on the internet: https, a mail server, no Playground.
func TestProductionSettings(t *testing.T) {
	bin := binary(t)
	t.Parallel()
	mailServer, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = mailServer.Close() }()
	const origin = "https://muster.example"
	p := launch(t, bin, []string{
		"DATABASE_URL=" + dbtest.URL(t), "SMTP_URL=smtp://" + mailServer.Addr().String(), "MUSTER_PUBLIC_URL=" + origin, "MUSTER_SECRET_KEY=" + strings.Repeat("k", 32),
		"MUSTER_PLAYGROUND=false", fmt.Sprintf("MUSTER_ADDR=127.0.0.1:%d", freePort(t)),
	})
	m := &muster{clock: &clock{}, Log: p.log}
	for _, setting := range p.cmd.Env {
		if address, ok := strings.CutPrefix(setting, "MUSTER_ADDR="); ok {
			m.URL = "http://" + address
		}
	}
	eventually(t, "it is ready", func() bool {
		response, err := http.Get(m.URL + "/readyz")
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	up := m.call(t, call{Query: signUpQuery, Origin: origin, Vars: vars{"i": vars{"email": "ada@people.example", "name": "Ada", "password": "a long password"}}})
	up.expect(t, "", "signing up")
	if len(up.Cookies) == 0 {
		t.Error("a page gets no cookie")
	}
	for _, cookie := range up.Cookies {
		if !strings.HasPrefix(cookie.Name, "__Host-") || !cookie.Secure || !cookie.HttpOnly || cookie.SameSite < http.SameSiteLaxMode || cookie.Path != "/" || cookie.Domain != "" {
			t.Errorf("the cookie %+v", cookie)
		}
	}
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Strict-Transport-Security": "max-age=", "Content-Security-Policy": "frame-ancestors 'none'",
	} {
		if got := up.Header.Get(name); !strings.Contains(got, want) {
			t.Errorf("%s is %q, want %q in it", name, got, want)
		}
	}
	for name, a := range map[string]reply{
		"introspection": m.call(t, call{Query: `{ __schema { queryType { name } } }`}),
		"a suggestion":  m.call(t, call{Query: `{ viewer { emai } }`}),
		"a broken text": m.call(t, call{Query: `{ viewer { id `}),
		"a wrong type":  m.call(t, call{Query: `mutation($i: SignInInput!) { signIn(input: $i) { session { token } } }`, Vars: vars{"i": 7}}),
	} {
		low := strings.ToLower(a.Body)
		if len(a.Errors) == 0 || strings.Contains(low, "did you mean") || strings.Contains(low, ".go:") || strings.Contains(low, "goroutine") || strings.Contains(low, "querytype") && name == "introspection" && strings.Contains(low, `"query"`) {
			t.Errorf("%s: %s", name, a.Body)
		}
	}
	for path, want := range map[string]int{"/playground": http.StatusNotFound, "/mailbox/": http.StatusNotFound, "/debug/pprof/": http.StatusNotFound, "/graphql?query=" + url.QueryEscape("mutation { signOut(input: {}) { ok } }"): http.StatusMethodNotAllowed} {
		if got := m.get(t, path, nil); got.Status != want {
			t.Errorf("GET %s: %d, want %d", path, got.Status, want)
		}
	}
	for _, foreign := range []string{"https://evil.example", "null", "http://muster.example", origin + ".evil.example", "http://localhost:8080"} {
		got := m.call(t, call{Query: whoami, Origin: foreign, Cookie: up.Cookies[0].Name + "=" + up.Cookies[0].Value})
		if got.Status != http.StatusForbidden || got.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("with the cookie from %s: %d %v", foreign, got.Status, got.Header)
		}
	}
	form, err := http.NewRequestWithContext(t.Context(), http.MethodPost, m.URL+"/graphql", strings.NewReader("query=%7B__typename%7D"))
	if err != nil {
		t.Fatal(err)
	}
	form.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if got := m.roundTrip(t, form); got.Status != http.StatusUnsupportedMediaType {
		t.Errorf("a form: %d", got.Status)
	}
	p.interrupt(t)
	if status := p.ended(t); status != 0 {
		t.Errorf("it ended with status %d", status)
	}
}
