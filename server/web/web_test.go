package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"
)

// lines collects JSON log lines from many goroutines.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *lines) all(t *testing.T) []map[string]any {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []map[string]any
	decoder := json.NewDecoder(bytes.NewReader(l.buf.Bytes()))
	for {
		var line map[string]any
		if err := decoder.Decode(&line); errors.Is(err, io.EOF) {
			return out
		} else if err != nil {
			t.Fatalf("log is not JSON lines: %v", err)
		}
		out = append(out, line)
	}
}

func testEdge(out io.Writer) Edge {
	log := slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	return Edge{Log: log, Metrics: NewMetrics()}
}

func TestAccessLogTellsTheRequestAndNoSecret(t *testing.T) {
	t.Parallel()
	var out lines
	edge := testEdge(&out)
	var seen string
	mux := http.NewServeMux()
	mux.HandleFunc("POST /things/{id}", func(w http.ResponseWriter, r *http.Request) {
		seen = RequestID(r.Context())
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, "created")
	})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/things/7?token=hunter2", strings.NewReader("body-secret"))
	r.Header.Set("Authorization", "Bearer header-secret")
	r.Header.Set("X-Request-Id", "chosen-by-client")
	w := httptest.NewRecorder()
	edge.Wrap(mux).ServeHTTP(w, r)

	if got := w.Header().Get("X-Request-Id"); got != seen || len(got) != 26 {
		t.Errorf("X-Request-Id is %q and the handler saw %q, want one id of 26 characters made by the server", got, seen)
	}
	got := out.all(t)
	if len(got) != 1 {
		t.Fatalf("logged %d lines, want one for the request: %s", len(got), out.buf.String())
	}
	if took, ok := got[0]["duration_ms"].(float64); !ok || took < 0 {
		t.Errorf("duration_ms is %v, want a number", got[0]["duration_ms"])
	}
	delete(got[0], "time")
	delete(got[0], "duration_ms")
	want := map[string]any{
		"level": "INFO", "msg": "request", "method": "POST", "path": "/things/7",
		"status": 201.0, "bytes": 7.0, "request_id": seen,
	}
	if diff := cmp.Diff(got[0], want); diff != "" {
		t.Errorf("access log line (-got +want):\n%s", diff)
	}
	for _, secret := range []string{"hunter2", "body-secret", "header-secret", "chosen-by-client"} {
		if strings.Contains(out.buf.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

func TestAccessLogLevels(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ about, path, want string }{
		{"an ordinary request is worth a line", "/", "INFO"},
		{"a probe is noise", "/healthz", "DEBUG"},
		{"a probe that fails is not", "/readyz", "WARN"},
		{"a fault stands out", "/fault", "WARN"},
	} {
		t.Run(test.about, func(t *testing.T) {
			t.Parallel()
			var out lines
			edge := testEdge(&out)
			mux := http.NewServeMux()
			mux.Handle("GET /healthz", Healthz())
			mux.Handle("GET /readyz", Readyz(slog.New(slog.DiscardHandler), func(context.Context) error { return errors.New("down") }))
			mux.HandleFunc("/fault", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
			mux.HandleFunc("/", func(http.ResponseWriter, *http.Request) {})
			edge.Wrap(mux).ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, test.path, nil))
			if got := out.all(t)[0]["level"]; got != test.want {
				t.Errorf("logged at %v, want %s", got, test.want)
			}
		})
	}
}

func TestLogHandlerAddsTheRequestIDOnce(t *testing.T) {
	t.Parallel()
	var out lines
	handler := LogHandler(LogHandler(slog.NewJSONHandler(&out, nil)))
	ctx := context.WithValue(t.Context(), requestIDKey, "ID1")
	log := slog.New(handler).With("part", "a")
	log.InfoContext(ctx, "inside")
	log.InfoContext(t.Context(), "outside")
	if got := strings.Count(out.buf.String(), "request_id"); got != 1 {
		t.Errorf("request_id stands %d times in %s, want once: in the first line", got, out.buf.String())
	}
	if got := out.all(t); got[0]["request_id"] != "ID1" || got[0]["part"] != "a" {
		t.Errorf("first line is %v, want request_id ID1 and part a", got[0])
	}
}

func TestPanics(t *testing.T) {
	t.Parallel()
	var out lines
	edge := testEdge(&out)
	mux := http.NewServeMux()
	mux.HandleFunc("/before", func(http.ResponseWriter, *http.Request) { panic(errors.New("secret detail")) })
	mux.HandleFunc("/after", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		w.(http.Flusher).Flush()
		panic(errors.New("late"))
	})
	server := httptest.NewServer(edge.Wrap(mux))
	defer server.Close()

	status, body := get(t, server.URL+"/before", nil)
	if status != http.StatusInternalServerError || strings.Contains(body, "secret detail") || !strings.Contains(body, "Internal error") {
		t.Errorf("a panic before the answer gives %d %q, want a bare 500", status, body)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/after", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.ReadAll(response.Body); err == nil {
		t.Error("a panic within the answer ended it as if it were whole, want a cut connection")
	}
	var failures []any
	for _, line := range out.all(t) {
		if line["msg"] == "panic in a handler" {
			failures = append(failures, line["err"])
			if stack, _ := line["stack"].(string); !strings.Contains(stack, "web_test.go") {
				t.Errorf("the stack does not lead to the handler: %v", line["stack"])
			}
		}
	}
	if diff := cmp.Diff(failures, []any{"secret detail", "late"}); diff != "" {
		t.Errorf("logged panics (-got +want):\n%s", diff)
	}
}

func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		about string
		https bool
		hsts  string
	}{
		{"on http no promise of https is made", false, ""},
		{"on https browsers are told to stay there for a year", true, "max-age=31536000"},
	} {
		t.Run(test.about, func(t *testing.T) {
			t.Parallel()
			edge := testEdge(io.Discard)
			edge.HTTPS = test.https
			w := httptest.NewRecorder()
			edge.Wrap(http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
			for name, want := range map[string]string{
				"Strict-Transport-Security":    test.hsts,
				"X-Content-Type-Options":       "nosniff",
				"Referrer-Policy":              "no-referrer",
				"X-Frame-Options":              "DENY",
				"Cross-Origin-Opener-Policy":   "same-origin",
				"Cross-Origin-Resource-Policy": "same-origin",
				"Cache-Control":                "no-store",
				"Content-Security-Policy":      "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
			} {
				if got := w.Header().Get(name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
		})
	}
	t.Run("a page may set its own policy", func(t *testing.T) {
		t.Parallel()
		w := httptest.NewRecorder()
		testEdge(io.Discard).Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Security-Policy", "default-src 'self'")
		})).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
		if got := w.Header().Get("Content-Security-Policy"); got != "default-src 'self'" {
			t.Errorf("Content-Security-Policy is %q, want the page's own", got)
		}
	})
}

func TestWebSocketUpgradesThroughTheEdge(t *testing.T) {
	t.Parallel()
	var out lines
	edge := testEdge(&out)
	logged := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ws", func(w http.ResponseWriter, r *http.Request) {
		var upgrader websocket.Upgrader
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			t.Errorf("upgrade: %v", err)
			return
		}
		go func() { // the handler returns after the upgrade, as Muster's transport does
			defer conn.Close()
			kind, message, err := conn.ReadMessage()
			if err != nil {
				t.Errorf("read: %v", err)
				return
			}
			<-logged
			if err := conn.WriteMessage(kind, message); err != nil {
				t.Errorf("write: %v", err)
			}
		}()
	})
	wrapped := edge.Wrap(mux)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		wrapped.ServeHTTP(w, r)
		close(logged)
	}))
	defer server.Close()
	conn, response, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(server.URL, "http")+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	defer conn.Close()
	if err := conn.WriteMessage(websocket.TextMessage, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	_, message, err := conn.ReadMessage()
	if err != nil || string(message) != "hello" {
		t.Fatalf("read %q, %v, want the echo of hello", message, err)
	}
	if got := out.all(t)[0]["status"]; got != 101.0 {
		t.Errorf("logged status %v, want 101", got)
	}
}

func TestFlushReachesTheClient(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	server := httptest.NewServer(testEdge(io.Discard).Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		if got := w.(*response).status; got != 0 {
			t.Errorf("103 counts as the answer: status is %d", got)
		}
		_, _ = io.WriteString(w, "first")
		w.(http.Flusher).Flush()
		<-release
	})))
	defer server.Close()
	defer close(release)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	b := make([]byte, 5)
	if _, err := io.ReadFull(response.Body, b); err != nil || string(b) != "first" {
		t.Errorf("read %q, %v while the handler runs, want first", b, err)
	}
}

func TestClientIPComesFromTrustedProxies(t *testing.T) {
	t.Parallel()
	edge := testEdge(io.Discard)
	edge.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	var got netip.Addr
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil) // from 192.0.2.1
	r.Header.Set("X-Forwarded-For", "203.0.113.9")
	edge.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = ClientIP(r.Context())
	})).ServeHTTP(httptest.NewRecorder(), r)
	if want := netip.MustParseAddr("203.0.113.9"); got != want {
		t.Errorf("ClientIP is %v, want %v", got, want)
	}
	if outside := ClientIP(t.Context()); outside.IsValid() {
		t.Errorf("ClientIP outside a request is %v, want none", outside)
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	edge := testEdge(io.Discard)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /things/{id}", func(http.ResponseWriter, *http.Request) {})
	mux.Handle("GET /metrics", edge.Metrics.Handler())
	handler := edge.Wrap(mux)
	for _, request := range [][2]string{
		{http.MethodGet, "/things/1"},
		{http.MethodGet, "/things/2"},
		{http.MethodGet, "/no/such/path"},
		{"INVENTED", "/no/such/path"},
	} {
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), request[0], request[1], nil))
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	for _, want := range []string{
		`muster_http_requests_total{method="GET",route="GET /things/{id}",status="200"} 2`,
		`muster_http_requests_total{method="GET",route="other",status="404"} 1`,
		`muster_http_requests_total{method="other",route="other",status="404"} 1`,
		`muster_http_request_duration_seconds_count{route="GET /things/{id}"} 2`,
		`muster_http_requests_in_flight 1`, // this one
		`go_goroutines `,
		`process_start_time_seconds `,
	} {
		if !strings.Contains(w.Body.String(), "\n"+want) {
			t.Errorf("metrics lack %s", want)
		}
	}
}

// get asks a real server and gives status and body.
func get(t *testing.T, url string, header http.Header) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		r.Header[name] = values
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}
