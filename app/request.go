package app

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"muster/org"
	"muster/secret"
)

// Request is who is calling, and from where: one HTTP request, or one operation on a WebSocket.
type Request struct {
	Bearer    string // of the Authorization header or connection_init; it wins, and never falls back to the cookie
	Cookie    string
	Device    string // the cookie by which accounts know a browser that has signed in before
	IPAddress string
	UserAgent string
	// Browser says that the answer can carry a cookie.
	Browser bool
	// Entering is the short name of the organization that a query begins in, "" for none: the session's place in it is read
	// together with the session.
	Entering string

	session *org.Session
	// known says that the account whose password is tried knows this browser.
	known bool
	// began is the session that this request has begun, "" for none.
	began string
	// entered is the place in the organization of Entering, nil where there is none.
	entered *org.Member
	// admitted are the places that a query's own look has found, by organization: the fields below it do not ask again.
	// Only a query has them: what a mutation answers is read after it, and a subscription outlives what was true.
	admitted *sync.Map
	// lasting says that this is a subscription: it outlives what was true of the session when it began.
	lasting bool
	// cookie is a new value for the session cookie, for the transport to set: "" to clear it, nil to leave it.
	cookie *string
	// device is a new value for the browser's device cookie, "" to leave it.
	device string
}

type requestKey struct{}

// WithRequest puts the request into the context.
func WithRequest(ctx context.Context, r *Request) context.Context {
	r.admitted = &sync.Map{}
	return context.WithValue(ctx, requestKey{}, r)
}

// NewCookie is the value that the session cookie must get with this request's answer: ok false to leave it as it is,
// "" to clear it.
func NewCookie(ctx context.Context) (value string, ok bool) {
	r, _ := ctx.Value(requestKey{}).(*Request)
	if r == nil || r.cookie == nil {
		return "", false
	}
	return *r.cookie, true
}

// NewDevice is the value that the device cookie must get with this request's answer, "" to leave it as it is.
func NewDevice(ctx context.Context) string { return request(ctx).device }

// Authenticate finds the request's session and puts the request into the context. Somebody without a living session is
// nobody: what needs one is refused later, by the operation. It says which session it found, "" for none.
func (a *App) Authenticate(ctx context.Context, r *Request) (context.Context, string, error) {
	ctx = WithRequest(ctx, r)
	var s *org.Session
	var err error
	switch {
	case secret.LooksLikeAPIToken(r.Bearer) && !secret.IsAPIToken(r.Bearer):
		return ctx, "", nil // a typo: nothing is asked of the database
	case secret.LooksLikeAPIToken(r.Bearer):
		s, err = a.DB.SessionByAPIToken(ctx, secret.Hash(r.Bearer))
	case r.Bearer != "":
		s, r.entered, err = a.DB.SessionByToken(ctx, secret.Hash(r.Bearer), r.Entering)
	case r.Cookie != "":
		s, r.entered, err = a.DB.SessionByCookie(ctx, secret.Hash(r.Cookie), r.Entering)
	default:
		return ctx, "", nil
	}
	if errors.Is(err, org.ErrNotFound) || err == nil && !s.Alive(a.Now(), a.SessionIdle) {
		return ctx, "", nil
	}
	if err != nil {
		return ctx, "", fmt.Errorf("find the session: %w", err)
	}
	r.session = s
	return ctx, s.ID, a.use(ctx, s)
}

// AccountOf is whose session a context of Authenticate's is: the account's id, the organization's of a service token, which is
// no person's, and "" for nobody's.
func AccountOf(ctx context.Context) string {
	switch s := request(ctx).session; {
	case s == nil:
		return ""
	case s.Service():
		return *s.Token.OrganizationID
	default:
		return s.User.ID
	}
}

// Resume is Authenticate for each operation of a socket: the session that the socket began with, read again. The context
// is one that Authenticate gave. A moment without a database is waited out, as long as ctx lets it.
func (a *App) Resume(ctx context.Context) (context.Context, error) {
	r := *request(ctx)
	r.cookie, r.known = nil, false
	if r.session == nil {
		return WithRequest(ctx, &r), nil
	}
	err := a.patiently(ctx, func() error {
		s, err := a.DB.Session(ctx, r.session.ID)
		if err != nil {
			return fmt.Errorf("find the session: %w", err)
		}
		if !s.Alive(a.Now(), a.SessionIdle) {
			return org.ErrUnauthenticated
		}
		r.session = s
		return a.use(ctx, s)
	})
	return WithRequest(ctx, &r), err
}

// use notes that a session is used. Where that is noted already for this minute, nothing is asked of the database.
func (a *App) use(ctx context.Context, s *org.Session) error {
	if s.UsedLately(a.Now()) {
		return nil
	}
	if err := a.DB.UseSession(ctx, s.ID); err != nil {
		return fmt.Errorf("note the session's use: %w", err)
	}
	return nil
}

// request is the caller's, an empty one where the context has none.
func request(ctx context.Context) *Request {
	if r, ok := ctx.Value(requestKey{}).(*Request); ok {
		return r
	}
	return &Request{}
}

// caller is the request of somebody who is signed in.
func caller(ctx context.Context) (*Request, error) {
	r := request(ctx)
	if r.session == nil {
		return nil, org.ErrUnauthenticated
	}
	return r, nil
}

// holder is the request of somebody who has signed in to the account itself: what changes an account is for them alone.
func holder(ctx context.Context) (*Request, error) {
	r, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	return r, r.session.CheckHolder()
}

// sessionNow is the request's session; of a subscription it is read again whenever something is decided by it.
func (a *App) sessionNow(ctx context.Context, r *Request) (*org.Session, error) {
	if !r.lasting {
		return r.session, nil
	}
	s, err := a.DB.Session(ctx, r.session.ID)
	if err != nil {
		return nil, fmt.Errorf("find the session again: %w", err)
	}
	if !s.Alive(a.Now(), a.SessionIdle) {
		return nil, org.ErrUnauthenticated
	}
	return s, nil
}

// network is what most is counted by, through at: the /24 of an IPv4 address, the /64 of an IPv6 one, which is the least that a customer of
// a provider gets.
func (r *Request) network() string { return r.prefix(24, 64) }

// block is the most that one customer commonly gets: the /48 of an IPv6 address, with 65,536 networks (RFC 6177), and of IPv4
// the network itself.
func (r *Request) block() string { return r.prefix(24, 48) }

// place is where the request stands in the queue before passwords.
func (r *Request) place() secret.Caller { return secret.Caller{Network: r.block(), Known: r.known} }

func (r *Request) prefix(four, six int) string {
	ip, err := netip.ParseAddr(r.IPAddress)
	if err != nil {
		return r.IPAddress
	}
	ip = ip.Unmap()
	bits := six
	if ip.Is4() {
		bits = four
	}
	prefix, err := ip.Prefix(bits)
	if err != nil {
		return ip.String()
	}
	return prefix.String()
}

// sessionID is the session that the request has begun, or runs in; nil for none.
func (r *Request) sessionID() *string {
	if r.session != nil && r.began == "" {
		return &r.session.ID
	}
	return optional(r.began)
}

// setCookie gives a browser's session cookie a new value with the answer.
func (r *Request) setCookie(value string) { r.cookie = &value }

// optional is a nullable column's value.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
