package app

import (
	"context"
	"fmt"
	"time"

	"muster/db"
	"muster/org"
	"muster/secret"
)

// SessionToken is the token of a new session.
type SessionToken struct {
	Token     string
	ExpiresAt time.Time

	cookie, device string // for a browser, to be set when the session has been committed
}

// begin begins a session by a route, with a new token and, for browsers, a new cookie. There is no other way to one.
func (a *App) begin(ctx context.Context, tx *db.Tx, r *Request, via *org.Route, by org.SignInMethod, userID string) (*SessionToken, error) {
	if !via.Begins || !via.Takes(by) {
		return nil, fmt.Errorf("no session begins via %s by %s", via.Name, by)
	}
	token := secret.NewToken()
	s := &db.NewSession{
		ID: db.NewID(db.SessionID), UserID: userID, TokenHash: secret.Hash(token), BeganBy: by,
		IPAddress: r.IPAddress, UserAgent: r.UserAgent, ExpiresAt: a.Now().Add(a.SessionMax),
	}
	session := &SessionToken{Token: token, ExpiresAt: s.ExpiresAt}
	if r.Browser {
		session.cookie, session.device = secret.NewToken(), r.Device
		if session.device == "" {
			session.device = secret.NewToken()
		}
		s.CookieHash = secret.Hash(session.cookie)
		if err := tx.AddDevice(ctx, userID, secret.Hash(session.device)); err != nil {
			return nil, fmt.Errorf("remember the browser: %w", err)
		}
	}
	if err := tx.CreateSession(ctx, s); err != nil {
		return nil, fmt.Errorf("begin the session: %w", err)
	}
	return session, nil
}

// begun gives a browser the cookies of a session that has been committed.
func (r *Request) begun(s *SessionToken) *SessionToken {
	if s.cookie != "" {
		r.setCookie(s.cookie)
		r.device = s.device
	}
	return s
}

// raise makes the request's session fresh by a route, and proved where the method is a second factor. Its token stays; a
// browser's cookie gets a new value, which raised sets after the commit.
func (a *App) raise(ctx context.Context, tx *db.Tx, r *Request, via *org.Route, by org.SignInMethod) (cookie string, err error) {
	if via.Begins || !via.Takes(by) {
		return "", fmt.Errorf("no session is raised via %s by %s", via.Name, by)
	}
	if r.Browser {
		cookie = secret.NewToken()
	}
	return cookie, tx.RaiseSession(ctx, r.session.ID, by, hashOf(cookie))
}

// raised follows a raise that has been committed.
func (a *App) raised(ctx context.Context, r *Request, cookie string) (err error) {
	if cookie != "" {
		r.setCookie(cookie)
	}
	if r.session, err = a.DB.Session(ctx, r.session.ID); err != nil {
		return fmt.Errorf("find the session again: %w", err)
	}
	return nil
}

func hashOf(token string) []byte {
	if token == "" {
		return nil
	}
	return secret.Hash(token)
}
