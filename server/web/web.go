// Package web is the plumbing of an HTTP server: request ids, the access log, client addresses, origins, headers,
// metrics, health and a clean end. It stands between net/http and the handlers that mean something.
//
// It refuses to know what is served: no user, session, GraphQL or database appears here, and no request body or query
// string is ever read or logged by it.
package web

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"runtime/debug"
	"time"
)

// RequestIDHeader is the response header that carries the request's id, for people who report a fault.
const RequestIDHeader = "X-Request-Id"

// maxLoggedPath bounds, in bytes, what a stranger can write into one line of the access log.
const maxLoggedPath = 256

type contextKey int

const (
	requestIDKey contextKey = iota
	clientIPKey
)

// RequestID is the id of the request that ctx belongs to: 26 characters of base32 with 128 random bits at least,
// made here and never taken from the client. Empty outside a request.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey).(string)
	return id
}

// ClientIP is the address of the client whose request ctx belongs to, as [ClientAddress] finds it. The zero Addr, which
// is not valid, outside a request and for a connection that has no IP address.
func ClientIP(ctx context.Context) netip.Addr {
	addr, _ := ctx.Value(clientIPKey).(netip.Addr)
	return addr
}

// Edge is what every request passes first. Log and Metrics must be set.
type Edge struct {
	// Log gets one line for each request, and the panics.
	Log *slog.Logger
	// Metrics counts the requests.
	Metrics *Metrics
	// TrustedProxies are the networks whose X-Forwarded-For is believed; none by default.
	TrustedProxies []netip.Prefix
	// HTTPS says that people reach the server by https only, and sends Strict-Transport-Security.
	HTTPS bool
}

// Wrap gives every request its id and client address, security headers that a handler may override, a line in the log,
// its place in the metrics, and an answer when its handler panics.
//
// next should be the ServeMux itself: the mux writes the matched pattern into the request that it is given, and a
// handler in between that replaces the request hides the pattern from the metrics (they say "other" then).
func (e Edge) Wrap(next http.Handler) http.Handler {
	log := slog.New(LogHandler(e.Log.Handler()))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		id := rand.Text()
		ctx := context.WithValue(r.Context(), requestIDKey, id)
		ctx = context.WithValue(ctx, clientIPKey, ClientAddress(r, e.TrustedProxies))
		r = r.WithContext(ctx)
		out := &response{ResponseWriter: w}
		out.Header().Set(RequestIDHeader, id)
		setSecurityHeaders(out.Header(), e.HTTPS)

		done := e.Metrics.begin()
		defer func() {
			took := time.Since(start)
			route := r.Pattern
			done(route, r.Method, out.Status(), took)
			log.LogAttrs(ctx, level(route, out.Status()), "request",
				slog.String("method", method(r.Method)),
				slog.String("path", r.URL.Path[:min(len(r.URL.Path), maxLoggedPath)]),
				slog.Int("status", out.Status()),
				slog.Float64("duration_ms", float64(took.Microseconds())/1000),
				slog.Int64("bytes", out.bytes))
		}()
		defer recoverRequest(ctx, log, out)
		next.ServeHTTP(out, r)
	})
}

// recoverRequest answers a panic with a bare 500, or cuts the connection where an answer has already begun: a client
// must not take half of one for the whole.
func recoverRequest(ctx context.Context, log *slog.Logger, out *response) {
	failure := recover()
	if failure == nil {
		return
	}
	if err, ok := failure.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(failure) // net/http's own way to cut a connection
	}
	log.ErrorContext(ctx, "panic in a handler", slog.String("err", fmt.Sprint(failure)), slog.String("stack", string(debug.Stack())))
	switch {
	case out.hijacked:
	case out.status != 0:
		panic(http.ErrAbortHandler)
	default:
		http.Error(out, "Internal error. Request "+RequestID(ctx)+".", http.StatusInternalServerError)
	}
}

// level keeps what machines ask every few seconds out of the ordinary log.
func level(route string, status int) slog.Level {
	switch {
	case status >= http.StatusInternalServerError:
		return slog.LevelWarn
	case route == "GET /healthz" || route == "GET /readyz" || route == "GET /metrics":
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// LogHandler adds request_id to every record that is logged with a request's context. Wrapping twice is wrapping once.
func LogHandler(next slog.Handler) slog.Handler {
	if wrapped, ok := next.(logHandler); ok {
		return wrapped
	}
	return logHandler{next}
}

type logHandler struct{ slog.Handler }

func (h logHandler) Handle(ctx context.Context, record slog.Record) error {
	if id := RequestID(ctx); id != "" {
		record = record.Clone()
		record.AddAttrs(slog.String("request_id", id))
	}
	if err := h.Handler.Handle(ctx, record); err != nil {
		return fmt.Errorf("write log: %w", err)
	}
	return nil
}

func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return logHandler{h.Handler.WithAttrs(attrs)}
}

func (h logHandler) WithGroup(name string) slog.Handler { return logHandler{h.Handler.WithGroup(name)} }

// securityHeaders are the strictest defaults, in their canonical spelling; a page that needs more overrides them in its
// handler. The values are shared by all responses: Set and Add make new ones.
var securityHeaders = map[string][]string{
	"X-Content-Type-Options":       {"nosniff"},
	"Referrer-Policy":              {"no-referrer"},
	"X-Frame-Options":              {"DENY"},
	"Content-Security-Policy":      {"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
	"Cross-Origin-Opener-Policy":   {"same-origin"},
	"Cross-Origin-Resource-Policy": {"same-origin"},
	"Permissions-Policy":           {"camera=(), geolocation=(), microphone=()"},
	"Cache-Control":                {"no-store"},
}

// httpsOnly is a year, as OWASP's HTTP headers cheat sheet and ASVS 3.4.1 ask; other names below this host are not ours to bind.
var httpsOnly = []string{"max-age=31536000"}

func setSecurityHeaders(h http.Header, https bool) {
	maps.Copy(h, securityHeaders)
	if https {
		h["Strict-Transport-Security"] = httpsOnly
	}
}
