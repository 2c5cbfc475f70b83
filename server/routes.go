package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"muster/app"
	"muster/dashboard"
	"muster/graph"
	"muster/mail"
	"muster/org"
	"muster/server/settings"
	"muster/server/transport"
	"muster/server/web"
)

// routes is everything that the server answers, and the register of its sockets.
func routes(s settings.Settings, a *app.App, mailbox *mail.Mailbox, log *slog.Logger) (http.Handler, *transport.WebSocket) {
	d := door{app: a, settings: s, origins: s.Origins()}
	sockets := &transport.WebSocket{
		CheckOrigin:  func(r *http.Request) bool { return web.SocketAllowed(r, s.CookieName(), d.origins) },
		Authenticate: d.authenticate,
		Client:       func(r *http.Request) netip.Addr { return web.ClientIP(r.Context()) },
		Account:      app.AccountOf,
		Begin:        a.Resume,
		MaxStarting:  max(a.DB.Connections()/2, 1), // the other half is for requests
		Logger:       log,
	}
	executor := graph.NewHandler(a, log, web.RequestID)
	executor.AddTransport(sockets)
	executor.AddTransport(transport.HTTP{Begin: d.begin, Headers: d.setCookies})
	limits := transport.DefaultLimits()
	limits.Complexity, limits.Once, limits.Introspection = graph.MaxComplexity, graph.Sensitive, s.Playground
	limits.Apply(executor)

	metrics := web.NewMetrics()
	metrics.Registry().MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "muster_websockets", Help: "Open WebSockets."},
			func() float64 { return float64(sockets.Stats().Sockets) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "muster_websocket_operations", Help: "Operations that run on WebSockets."},
			func() float64 { return float64(sockets.Stats().Operations) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "muster_websocket_operations_waiting", Help: "Operations on WebSockets whose turn to begin has not come."},
			func() float64 { return float64(sockets.Stats().Waiting) }),
	)

	mux := http.NewServeMux()
	mux.Handle("GET /healthz", web.Healthz())
	mux.Handle("GET /readyz", web.Readyz(log, a.DB.Ping))
	mux.Handle("GET /metrics", metrics.Handler())
	mux.Handle("/graphql", d.guard(web.CORS(d.origins, d.admit(executor))))
	pages := dashboard.Handler(dashboard.Options{Playground: s.Playground, Mailbox: mailbox != nil})
	mux.Handle("/", d.guard(pages))
	mux.Handle("GET /sso/{slug}", d.guard(http.HandlerFunc(d.startSSO)))
	mux.Handle("GET "+app.CallbackPath, d.guard(http.HandlerFunc(d.finishSSO)))
	if mailbox != nil {
		mux.Handle("/mailbox/", web.LoopbackOnly(mailbox.Handler()))
	}
	edge := web.Edge{Log: log, Metrics: metrics, TrustedProxies: s.TrustedProxies, HTTPS: s.Secure()}
	return edge.Wrap(mux), sockets
}

// door brings requests and sockets to the application as who they are.
type door struct {
	app      *app.App
	settings settings.Settings
	origins  []string // of the settings
}

// guard keeps a demo to this machine: whoever reaches it by another name was led here by somebody else's DNS.
func (d door) guard(next http.Handler) http.Handler {
	if d.settings.Demo() {
		return web.LoopbackOnly(next)
	}
	return next
}

// admit turns away what would act with somebody's cookie from a page that may not.
func (d door) admit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" && !web.CookieAllowed(r, d.settings.CookieName(), d.origins) {
			refuse(w, http.StatusForbidden, "FORBIDDEN", "A request with the session cookie needs an Origin header of a page that may use it. Programs send Authorization: Bearer instead.")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// begin finds the session of an HTTP request when its operation is known: where a query begins in an organization, the
// session's place there is found in the same look. A socket finds its own session at connection_init.
func (d door) begin(ctx context.Context, r *http.Request, operation *graphql.OperationContext) (context.Context, error) {
	request := d.request(r, bearer(r.Header.Get("Authorization")))
	request.Entering = graph.Entering(operation)
	ctx, _, err := d.app.Authenticate(ctx, request)
	if err != nil && ctx.Err() == nil {
		slog.ErrorContext(ctx, "a session was not read", "err", err)
		return ctx, &gqlerror.Error{
			Message:    "Muster cannot reach its database. Try again in a moment.",
			Extensions: map[string]any{"code": string(org.CodeInternal)},
		}
	}
	return ctx, err
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(`{"errors":[{"message":"` + message + `","extensions":{"code":"` + code + `"}}]}`))
}

// request is who is asking: the bearer token wins, the cookie counts only without one.
func (d door) request(r *http.Request, token string) *app.Request {
	out := &app.Request{
		Bearer: token, IPAddress: web.ClientIP(r.Context()).String(), UserAgent: clip(r.UserAgent(), 256),
		Browser: web.OriginAllowed(r, d.origins) && r.Header.Get("Upgrade") == "",
	}
	if cookie, err := r.Cookie(d.settings.CookieName()); err == nil {
		out.Cookie = cookie.Value
	}
	if cookie, err := r.Cookie(d.settings.CookieName() + deviceSuffix); err == nil && len(cookie.Value) <= app.MaxDevice {
		out.Device = cookie.Value
	}
	return out
}

// bearer is the token of an Authorization value. A value of another scheme is a token that fits nobody: it must not fall
// back to the cookie.
func bearer(authorization string) string {
	if authorization == "" {
		return ""
	}
	scheme, token, _ := strings.Cut(authorization, " ")
	if token = strings.TrimSpace(token); strings.EqualFold(scheme, "Bearer") && token != "" {
		return token
	}
	return authorization
}

var errNoSession = fmt.Errorf("%w: the token of connection_init belongs to no session: sign in again", transport.ErrForbidden)

// authenticate finds the session of a socket: of connection_init's payload, of the Authorization header, or of the cookie.
// Who names a session that does not hold is refused; who names none may ask what needs none.
func (d door) authenticate(ctx context.Context, r *http.Request, payload map[string]any) (context.Context, string, error) {
	authorization := transport.Authorization(payload)
	if authorization == "" {
		authorization = r.Header.Get("Authorization")
	}
	request := d.request(r, bearer(authorization))
	ctx, session, err := d.app.Authenticate(ctx, request)
	if err != nil {
		return nil, "", err
	}
	if session == "" && request.Bearer != "" {
		return nil, "", errNoSession
	}
	return ctx, session, nil
}

// deviceSuffix is what the name of the cookie ends in that says which browsers have signed in before; it opens nothing.
const deviceSuffix = "-device"

// setCookies gives the session cookie and the device cookie the values that the operation has decided on.
func (d door) setCookies(ctx context.Context, h http.Header) {
	if value, ok := app.NewCookie(ctx); ok {
		age := d.settings.SessionMax
		if value == "" {
			age = -time.Second
		}
		d.setCookie(h, d.settings.CookieName(), value, age)
	}
	if device := app.NewDevice(ctx); device != "" {
		d.setCookie(h, d.settings.CookieName()+deviceSuffix, device, 365*24*time.Hour)
	}
}

func (d door) setCookie(h http.Header, name, value string, age time.Duration) {
	cookie := &http.Cookie{
		Name: name, Value: value, Path: "/", HttpOnly: true, Secure: d.settings.Secure(),
		SameSite: http.SameSiteLaxMode, MaxAge: int(age.Seconds()),
	}
	h.Add("Set-Cookie", cookie.String())
}

func clip(s string, limit int) string {
	if len(s) > limit {
		return strings.ToValidUTF8(s[:limit], "")
	}
	return strings.ToValidUTF8(s, "�")
}
