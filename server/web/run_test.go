package web

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestHealthAndReadiness(t *testing.T) {
	t.Parallel()
	var out lines
	log := slog.New(slog.NewJSONHandler(&out, nil))
	for _, test := range []struct {
		about   string
		handler http.Handler
		status  int
		body    string
	}{
		{"a living process", Healthz(), 200, "ok\n"},
		{"a ready one", Readyz(log, func(context.Context) error { return nil }), 200, "ready\n"},
		{"one without its database", Readyz(log, func(context.Context) error { return errors.New("dial db.internal") }), 503, "not ready\n"},
	} {
		w := httptest.NewRecorder()
		test.handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
		if w.Code != test.status || w.Body.String() != test.body {
			t.Errorf("%s answers %d %q, want %d %q", test.about, w.Code, w.Body, test.status, test.body)
		}
	}
	if got := out.all(t); len(got) != 1 || got[0]["err"] != "dial db.internal" {
		t.Errorf("logged %v, want the one reason", got)
	}
}

func TestReadinessGivesUpAfterTwoSeconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		w := httptest.NewRecorder()
		Readyz(slog.New(slog.DiscardHandler), func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
		if took := time.Since(start); took != 2*time.Second || w.Code != http.StatusServiceUnavailable {
			t.Errorf("answered %d after %v, want 503 after 2s", w.Code, took)
		}
	})
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

func TestRunFinishesWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}), make(chan struct{})
	server := NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-release
		_, _ = io.WriteString(w, "whole")
	}), slog.New(slog.DiscardHandler))
	listener := listen(t)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- Run(ctx, server, listener, func(ctx context.Context) {
			if err := ctx.Err(); err != nil {
				t.Errorf("onShutdown's context has ended already: %v", err)
			}
			// The listener is closed by now: nobody new comes in while the old is finished.
			var dialer net.Dialer
			if conn, err := dialer.DialContext(ctx, "tcp", listener.Addr().String()); err == nil {
				conn.Close()
				t.Error("a connection was taken after the stop")
			}
			close(release)
		})
	}()
	answered := make(chan string, 1)
	go func() {
		defer close(answered) // also when get gives up
		_, body := get(t, "http://"+listener.Addr().String(), nil)
		answered <- body
	}()
	<-entered
	stop()
	if got := <-answered; got != "whole" {
		t.Errorf("the request under way got %q, want whole", got)
	}
	if err := <-ended; err != nil {
		t.Errorf("Run ended with %v, want nil after a clean stop", err)
	}
}

func TestRunCutsWhatDoesNotEnd(t *testing.T) {
	t.Parallel()
	entered := make(chan struct{})
	server := NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done() // until its connection is cut
	}), slog.New(slog.DiscardHandler))
	listener := listen(t)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, server, listener, nil, 50*time.Millisecond) }()
	failed := make(chan error, 1)
	go func() {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+listener.Addr().String(), nil)
		if err != nil {
			failed <- err
			return
		}
		response, err := http.DefaultClient.Do(r)
		if err == nil {
			response.Body.Close()
		}
		failed <- err
	}()
	<-entered
	stop()
	if err := <-ended; !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Run ended with %v, want the deadline", err)
	}
	if err := <-failed; err == nil {
		t.Error("the endless request got an answer, want a cut connection")
	}
}

func TestRunTellsWhenServingFails(t *testing.T) {
	t.Parallel()
	listener := listen(t)
	listener.Close()
	called := false
	err := Run(t.Context(), NewServer(http.NotFoundHandler(), slog.New(slog.DiscardHandler)), listener, func(context.Context) { called = true })
	if !errors.Is(err, net.ErrClosed) || !called {
		t.Errorf("Run on a closed listener gives %v and called onShutdown: %v, want net.ErrClosed and true", err, called)
	}
}

func TestServerHasDeadlines(t *testing.T) {
	t.Parallel()
	server := NewServer(http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	for name, d := range map[string]time.Duration{
		"ReadHeaderTimeout": server.ReadHeaderTimeout, "ReadTimeout": server.ReadTimeout,
		"WriteTimeout": server.WriteTimeout, "IdleTimeout": server.IdleTimeout,
	} {
		if d <= 0 || d > 2*time.Minute {
			t.Errorf("%s is %v, want a bound", name, d)
		}
	}
}

func TestSlowHeadersAreCut(t *testing.T) {
	t.Parallel()
	server := NewServer(http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	server.ReadHeaderTimeout = 50 * time.Millisecond // the shape is what is tested; five seconds would only take longer
	conn := dial(t, serve(t, server))
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(conn); errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
		t.Errorf("the connection is still open after 10 s: %v", err)
	}
}

func TestHugeHeadersAreRefused(t *testing.T) {
	t.Parallel()
	conn := dial(t, serve(t, NewServer(http.NotFoundHandler(), slog.New(slog.DiscardHandler))))
	// The server may answer and cut while this is still being written.
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\nX-Huge: "+strings.Repeat("a", 40<<10)+"\r\n\r\n")
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.Contains(line, "431") {
		t.Errorf("40 KiB of headers are answered %q, %v, want 431", line, err)
	}
}

// serve runs the server until the test ends, which fails unless it stops cleanly.
func serve(t *testing.T, server *http.Server) net.Listener {
	t.Helper()
	listener := listen(t)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, server, listener, nil) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return listener
}

func dial(t *testing.T, listener net.Listener) net.Conn {
	t.Helper()
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}
