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

// begin begins a session by a route, with a new token and, for browsers, a new cookie.
func (a *App) begin(ctx context.Context, tx *db.Tx, r *Request, via *org.Route, by org.SignInMethod, userID string) (*SessionToken, error) {
	return a.beginAt(ctx, tx, r, via, by, userID, "")
}

// beginAt is begin for a session that is good for one organization, "" for all. There is no other way to one.
func (a *App) beginAt(ctx context.Context, tx *db.Tx, r *Request, via *org.Route, by org.SignInMethod, userID, organizationID string) (*SessionToken, error) {
	if !via.Begins || !via.Takes(by) || via.Confined != (organizationID != "") {
		return nil, fmt.Errorf("no session begins via %s by %s, confined to %q", via.Name, by, organizationID)
	}
	token := secret.NewToken()
	s := &db.NewSession{
		ID: db.NewID(db.SessionID), UserID: userID, TokenHash: secret.Hash(token), BeganBy: by, OrganizationID: organizationID,
		IPAddress: r.IPAddress, UserAgent: r.UserAgent, ExpiresAt: a.Now().Add(a.SessionMax),
	}
	session := &SessionToken{Token: token, ExpiresAt: s.ExpiresAt}
	if r.Browser {
		session.cookie = secret.NewToken()
		s.CookieHash = secret.Hash(session.cookie)
	}
	if err := tx.CreateSession(ctx, s); err != nil {
		return nil, fmt.Errorf("begin the session: %w", err)
	}
	if by.SecondFactor() && !via.Confined { // a provider's word is none about the account's own codes
		if err := tx.ForgetWrongCodes(ctx, userID); err != nil {
			return nil, fmt.Errorf("forget the wrong codes: %w", err)
		}
	}
	r.began = s.ID
	if err := a.replaceSession(ctx, tx, r); err != nil {
		return nil, err
	}
	var err error
	session.device, err = a.noteDevice(ctx, tx, r, via, userID, organizationID)
	return session, err
}

// replaced says whether the session that the request came with is the browser's, whose cookie a session that begins takes.
func (r *Request) replaced() bool { return r.Browser && r.Bearer == "" && r.session != nil }

// replaceSession ends the session that a browser had when a new one begins in it: its cookie is overwritten, and a session that
// nobody can find any more to sign out of must not live on (ASVS 5.0, 7.2.4).
func (a *App) replaceSession(ctx context.Context, tx *db.Tx, r *Request) error {
	if !r.replaced() {
		return nil
	}
	if err := tx.EndSession(ctx, r.session.ID); err != nil {
		return fmt.Errorf("end the session that the browser had: %w", err)
	}
	err := tx.AddSecurityEvent(ctx, event(r.session.User.ID, r, org.EventSessionsEnded, "Ended the session of a browser in which a new one began."))
	if err != nil {
		return fmt.Errorf("write the account's log: %w", err)
	}
	return nil
}

// begun gives a browser the cookies of a session that has been committed. What it had before is over.
func (r *Request) begun(s *SessionToken) *SessionToken {
	if r.replaced() {
		r.session = nil
	}
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
	cookie = r.newCookie()
	if by.SecondFactor() {
		if err := tx.ForgetWrongCodes(ctx, r.session.User.ID); err != nil {
			return "", fmt.Errorf("forget the wrong codes: %w", err)
		}
	}
	return cookie, tx.RaiseSession(ctx, r.session.ID, by, hashOf(cookie))
}

// proveMailbox notes by a route that the request's session has used an emailed link. As with raise, its cookie gets a new value.
func (a *App) proveMailbox(ctx context.Context, tx *db.Tx, r *Request, via *org.Route, memberID string, linkHash []byte) (cookie string, err error) {
	if via.Begins || !via.Takes(org.ByMailbox) {
		return "", fmt.Errorf("no session proves a mailbox via %s", via.Name)
	}
	cookie = r.newCookie()
	return cookie, tx.ProveMailbox(ctx, r.session.ID, memberID, linkHash, hashOf(cookie))
}

// newCookie is a new value for a browser's cookie, "" for a program, which has none.
func (r *Request) newCookie() string {
	if !r.Browser {
		return ""
	}
	return secret.NewToken()
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

// maxSessions bounds the list of an account's sessions.
const maxSessions = 100

// Sessions are the caller's own that hold, last used first; nil of anybody else.
func (a *App) Sessions(ctx context.Context, userID string) ([]*org.Session, error) {
	if !held(ctx, userID) {
		return nil, nil
	}
	sessions, err := a.DB.Sessions(ctx, userID, a.Now(), a.SessionIdle, maxSessions)
	for _, s := range sessions {
		s.Current = s.ID == request(ctx).session.ID
	}
	return sessions, err
}

// EndSessionInput is what endSession takes.
type EndSessionInput struct{ SessionID string }

// EndSessionPayload is what endSession answers.
type EndSessionPayload struct{ User *org.User }

// EndSession ends another session of the caller's account.
func (a *App) EndSession(ctx context.Context, in EndSessionInput) (*EndSessionPayload, error) {
	err := a.endSessions(ctx, func(tx *db.Tx, r *Request) (message string, err error) {
		s, err := tx.Session(ctx, in.SessionID)
		switch {
		case err != nil:
			return "", err
		case s.User.ID != r.session.User.ID || s.Token != nil || !s.Alive(a.Now(), a.SessionIdle):
			return "", org.ErrNotFound
		case s.ID == r.session.ID:
			return "", org.Refuse(org.CodeConflict, "This is the session that asks. To end it, sign out.")
		}
		if err := tx.EndSession(ctx, s.ID); err != nil {
			return "", err
		}
		// A change of the address that waits may have been asked for in it.
		return "Ended the session of " + s.CreatedAt.UTC().Format(time.RFC1123) + ".", tx.DeleteAccountLinks(ctx, s.User.ID, org.PurposeChange)
	})
	if err != nil {
		return nil, err
	}
	return &EndSessionPayload{User: request(ctx).session.User}, nil
}

// EndOtherSessionsInput is what endOtherSessions takes.
type EndOtherSessionsInput struct{ ClientMutationID *string }

// EndOtherSessionsPayload is what endOtherSessions answers.
type EndOtherSessionsPayload struct {
	User             *org.User
	ClientMutationID *string
}

// EndOtherSessions ends all sessions of the caller's account but this one.
func (a *App) EndOtherSessions(ctx context.Context, in EndOtherSessionsInput) (*EndOtherSessionsPayload, error) {
	err := a.endSessions(ctx, func(tx *db.Tx, r *Request) (message string, err error) {
		return "Ended all other sessions.", tx.EndOtherSessions(ctx, r.session.User.ID, r.session.ID)
	})
	if err != nil {
		return nil, err
	}
	return &EndOtherSessionsPayload{User: request(ctx).session.User, ClientMutationID: in.ClientMutationID}, nil
}

// endSessions lets the account holder end sessions: whoever ends several holds the account's lock, so that two who do never
// wait in a circle.
func (a *App) endSessions(ctx context.Context, end func(tx *db.Tx, r *Request) (message string, err error)) error {
	r, err := holder(ctx)
	if err != nil {
		return err
	}
	return a.account(ctx, func(tx *db.Tx) (*org.SecurityEvent, error) {
		if _, err := tx.LockUser(ctx, r.session.User.ID); err != nil {
			return nil, err
		}
		if err := a.reload(ctx, tx, r); err != nil {
			return nil, err
		}
		message, err := end(tx, r)
		return event(r.session.User.ID, r, org.EventSessionsEnded, message), err
	})
}
