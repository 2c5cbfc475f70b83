package db

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"muster/org"
)

// sessionColumns are read before every operation, and so by position: finding columns by name costs as much as the rest.
const sessionColumns = `s.id, s.user_id, s.organization_id, s.began_by, s.proved_at, s.fresh_at, s.fresh_by, s.mailbox_proved_at, s.invitation_member_id, s.invitation_hash,
       s.ip_address, s.user_agent, s.created_at, s.used_at, s.expires_at, s.ended_at,
       u.name, u.email, u.email_verified_at IS NOT NULL, u.two_factor, u.issuer`

var (
	sessionJoins = ` FROM sessions s` + itsAccount("s")
	sessionQuery = `SELECT ` + sessionColumns + sessionJoins + ` WHERE `
)

// sessionRow is one row of sessionColumns.
type sessionRow struct {
	id, userID, organizationID, began, freshBy, invitationMemberID  columnText
	ip, agent, name, email, twoFactor, issuer                       columnText
	invitationHash                                                  []byte
	verified                                                        bool
	proved, fresh, mailboxProved, created, used, expires, endedWhen pgtype.Timestamptz
}

func (r *sessionRow) columns() []any {
	return []any{
		&r.id, &r.userID, &r.organizationID, &r.began, &r.proved, &r.fresh, &r.freshBy, &r.mailboxProved, &r.invitationMemberID, &r.invitationHash,
		&r.ip, &r.agent, &r.created, &r.used, &r.expires, &r.endedWhen,
		&r.name, &r.email, &r.verified, &r.twoFactor, &r.issuer,
	}
}

// session makes the row a session with its user, in one piece of memory.
func (r *sessionRow) session() *org.Session {
	s := &struct {
		org.Session
		user                         org.User
		organization, member, email  string
		issuer                       string
		verified                     bool
		twoFactor                    org.TwoFactorState
		proved, mailboxProved, ended time.Time
	}{
		organization: r.organizationID.String, member: r.invitationMemberID.String, email: r.email.String, issuer: r.issuer.String,
		verified: r.verified, twoFactor: org.TwoFactorState(r.twoFactor.String),
		proved: r.proved.Time, mailboxProved: r.mailboxProved.Time, ended: r.endedWhen.Time,
	}
	s.user = org.User{
		ID: r.userID.String, Name: r.name.String, Email: given(&s.email, r.email.Valid), EmailVerified: &s.verified, TwoFactor: &s.twoFactor,
		Issuer: given(&s.issuer, r.issuer.Valid),
	}
	s.Session = org.Session{
		ID: r.id.String, User: &s.user, OrganizationID: given(&s.organization, r.organizationID.Valid),
		BeganBy: org.SignInMethod(r.began.String), ProvedAt: given(&s.proved, r.proved.Valid),
		FreshAt: r.fresh.Time, FreshBy: org.SignInMethod(r.freshBy.String), MailboxProvedAt: given(&s.mailboxProved, r.mailboxProved.Valid),
		InvitationMemberID: given(&s.member, r.invitationMemberID.Valid), InvitationHash: r.invitationHash,
		IPAddress: r.ip.String, UserAgent: r.agent.String,
		CreatedAt: r.created.Time, UsedAt: r.used.Time, ExpiresAt: r.expires.Time, EndedAt: given(&s.ended, r.endedWhen.Valid),
	}
	return &s.Session
}

// scanSession reads a row of sessionQuery.
func scanSession(row pgx.CollectableRow) (*org.Session, error) {
	var s sessionRow
	err := row.Scan(s.columns()...)
	return s.session(), err
}

func (q Queries) session(ctx context.Context, where string, arg any) (*org.Session, error) {
	rows, err := q.pg.Query(ctx, sessionQuery+where, arg)
	if err != nil {
		return nil, err
	}
	s, err := pgx.CollectExactlyOneRow(rows, scanSession)
	return s, notFound(err)
}

// Sessions are a user's that hold at a moment, last used first.
func (q Queries) Sessions(ctx context.Context, userID string, now time.Time, idle time.Duration, limit int) ([]*org.Session, error) {
	rows, err := q.pg.Query(ctx, sessionQuery+`
s.user_id = $1 AND s.ended_at IS NULL AND s.expires_at > $2 AND s.used_at > $2 - $3::interval ORDER BY s.used_at DESC, s.id DESC LIMIT $4`,
		userID, now, idle, limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanSession)
}

// Session finds a session, or what an API token acts in, with its user by id, ended ones too.
func (q Queries) Session(ctx context.Context, id string) (*org.Session, error) {
	if Kind(id) == TokenID {
		return q.tokenSession(ctx, "k.id = $1", id)
	}
	return q.session(ctx, "s.id = $1", id)
}

// SessionsByID is Session for several ids; one that is not there is left out.
func (q Queries) SessionsByID(ctx context.Context, ids []string) (map[string]*org.Session, error) {
	sessions := make(map[string]*org.Session, len(ids))
	rows, err := q.pg.Query(ctx, sessionQuery+"s.id = ANY($1)", ids)
	if err != nil {
		return nil, err
	}
	found, err := pgx.CollectRows(rows, scanSession)
	if err != nil {
		return nil, err
	}
	for _, s := range found {
		sessions[s.ID] = s
	}
	tokens, err := all[tokenRow](ctx, q.pg, tokenQuery+"k.id = ANY($1)", ids)
	for _, row := range tokens {
		sessions[row.ID] = row.session()
	}
	return sessions, err
}

// SessionByToken finds a session by the hash of its bearer token, and its user's place in the organization with a short name, nil
// where there is none: one look for all that the gate decides on.
func (q Queries) SessionByToken(ctx context.Context, hash []byte, slug string) (*org.Session, *org.Member, error) {
	return q.sessionAndPlace(ctx, sessionByToken, hash, slug)
}

// SessionByCookie is SessionByToken by the hash of its cookie.
func (q Queries) SessionByCookie(ctx context.Context, hash []byte, slug string) (*org.Session, *org.Member, error) {
	return q.sessionAndPlace(ctx, sessionByCookie, hash, slug)
}

// sessionAndPlace is a session with its place in the organization with the short name $2; u is the account of both.
var (
	placeSQL        = memberSQL(org.GateDetails)
	sessionAndPlace = `SELECT ` + sessionColumns + `, place.*` + sessionJoins + `
  LEFT JOIN LATERAL (SELECT ` + placeSQL.columns + ` FROM members m` + placeSQL.joins + ` WHERE o.slug = $2 AND m.user_id = s.user_id LIMIT 1) place ON true
 WHERE `
	sessionByToken  = sessionAndPlace + `s.token_hash = $1`
	sessionByCookie = sessionAndPlace + `s.cookie_hash = $1`
)

func (q Queries) sessionAndPlace(ctx context.Context, sql string, hash []byte, slug string) (*org.Session, *org.Member, error) {
	var s sessionRow
	var place memberRow
	err := q.pg.QueryRow(ctx, sql, hash, slug).Scan(append(s.columns(), place.columnsOf(org.GateDetails)...)...)
	if err != nil {
		return nil, nil, notFound(err)
	}
	if !place.id.Valid {
		return s.session(), nil, nil
	}
	return s.session(), place.store(&storedMember{}, org.GateDetails, nil), nil
}

// NewestSession is the user's latest that has not ended.
func (q Queries) NewestSession(ctx context.Context, userID string) (*org.Session, error) {
	return q.session(ctx, "s.user_id = $1 AND s.ended_at IS NULL ORDER BY s.id DESC LIMIT 1", userID)
}

// NewSession is what a session begins with.
type NewSession struct {
	ID         string
	UserID     string
	TokenHash  []byte
	CookieHash []byte
	BeganBy    org.SignInMethod
	// OrganizationID is where the session is good, "" for everywhere.
	OrganizationID string
	IPAddress      string
	UserAgent      string
	ExpiresAt      time.Time
}

// CreateSession adds a session, unless the account is frozen. The account is locked, so that none begins meanwhile.
func (t *Tx) CreateSession(ctx context.Context, s *NewSession) error {
	tag, err := t.pg.Exec(ctx, `
INSERT INTO sessions (id, user_id, token_hash, cookie_hash, began_by, fresh_by, proved_at, ip_address, user_agent, expires_at, organization_id)
SELECT $1, id, $3, $4, $5, $5, CASE WHEN $6 THEN clock_timestamp() END, $7, $8, $9, $10
  FROM users WHERE id = $2 AND frozen_since IS NULL FOR NO KEY UPDATE`,
		s.ID, s.UserID, s.TokenHash, s.CookieHash, s.BeganBy, s.BeganBy.SecondFactor(), s.IPAddress, s.UserAgent, s.ExpiresAt, text(s.OrganizationID))
	if err == nil && tag.RowsAffected() == 0 {
		return org.ErrFrozen
	}
	return err
}

// UseSession notes that a session or an API token was used, at most once a minute.
func (d *DB) UseSession(ctx context.Context, id string) error {
	if Kind(id) == TokenID {
		_, err := d.pg.Exec(ctx, `
UPDATE api_tokens SET used_at = clock_timestamp()
 WHERE id = $1 AND (used_at IS NULL OR used_at < clock_timestamp() - interval '1 minute') AND revoked_at IS NULL`, id)
		return err
	}
	_, err := d.pg.Exec(ctx, `
UPDATE sessions SET used_at = clock_timestamp() WHERE id = $1 AND used_at < clock_timestamp() - interval '1 minute' AND ended_at IS NULL`, id)
	return err
}

// RaiseSession notes by what the session's owner has just shown that they are there, and gives its cookie a new value.
func (t *Tx) RaiseSession(ctx context.Context, id string, by org.SignInMethod, cookieHash []byte) error {
	_, err := t.pg.Exec(ctx, `
UPDATE sessions SET fresh_at = clock_timestamp(), fresh_by = $2, tries = 0, proved_at = CASE WHEN $3 THEN clock_timestamp() ELSE proved_at END,
       cookie_hash = coalesce($4, cookie_hash) WHERE id = $1`, id, by, by.SecondFactor(), cookieHash)
	return err
}

// TrySession counts that a session tries to show that its owner is there, and commits it. It says how many tries in a row that
// makes; the count begins anew when one comes right (RaiseSession).
func (d *DB) TrySession(ctx context.Context, id string) (tries int, err error) {
	err = d.pg.QueryRow(ctx, `UPDATE sessions SET tries = tries + 1 WHERE id = $1 AND ended_at IS NULL RETURNING tries`, id).Scan(&tries)
	return tries, notFound(err)
}

// ForgiveSession takes a try back that was not looked at.
func (d *DB) ForgiveSession(ctx context.Context, id string) error {
	_, err := d.pg.Exec(ctx, `UPDATE sessions SET tries = tries - 1 WHERE id = $1 AND tries > 0`, id)
	return err
}

// NoteProvedWith notes which authenticator a session has proved last, "" for a recovery code.
func (t *Tx) NoteProvedWith(ctx context.Context, id, authenticatorID string) error {
	_, err := t.pg.Exec(ctx, `UPDATE sessions SET proved_with = $2 WHERE id = $1`, id, text(authenticatorID))
	return err
}

// ForgetInvitation notes that confirming a factor has completed the invitation that the session proved.
func (t *Tx) ForgetInvitation(ctx context.Context, id string) error {
	_, err := t.pg.Exec(ctx, `UPDATE sessions SET invitation_member_id = NULL, invitation_hash = NULL WHERE id = $1`, id)
	return err
}

// ProveMailbox notes that an emailed link was used in the session, and which invitation confirming a factor completes, and
// gives its cookie a new value.
func (t *Tx) ProveMailbox(ctx context.Context, id, memberID string, linkHash, cookieHash []byte) error {
	_, err := t.pg.Exec(ctx, `
UPDATE sessions SET mailbox_proved_at = clock_timestamp(), invitation_member_id = $2, invitation_hash = $3,
       cookie_hash = coalesce($4, cookie_hash) WHERE id = $1`, id, memberID, linkHash, cookieHash)
	return err
}

// EndSession ends one session.
func (t *Tx) EndSession(ctx context.Context, id string) error {
	_, err := t.pg.Exec(ctx, `UPDATE sessions SET ended_at = clock_timestamp() WHERE id = $1 AND ended_at IS NULL`, id)
	t.Wake(id)
	return err
}

// EndOtherSessions ends all sessions of a user but one, and the change of the account's address that waits: whoever is thrown out
// may have asked for it.
func (t *Tx) EndOtherSessions(ctx context.Context, userID, exceptID string) error {
	if err := t.DeleteAccountLinks(ctx, userID, org.PurposeChange); err != nil {
		return err
	}
	ended, err := column[string](ctx, t.pg, `
UPDATE sessions SET ended_at = clock_timestamp() WHERE user_id = $1 AND id <> $2 AND ended_at IS NULL RETURNING id`, userID, exceptID)
	t.wakeups = append(t.wakeups, ended...)
	return err
}

// EndAllAccess ends whatever opens the account without signing in anew: all its sessions, its own API tokens, and the
// sign-ins that wait for a second factor. It forgets its devices: who had access to the account may come back with one.
func (t *Tx) EndAllAccess(ctx context.Context, userID string) error {
	if err := t.ForgetDevices(ctx, userID); err != nil {
		return err
	}
	return t.EndOtherAccess(ctx, userID, "")
}

// EndOtherAccess is EndAllAccess but for one session: after a change of the password, the one that it was changed in.
func (t *Tx) EndOtherAccess(ctx context.Context, userID, exceptID string) error {
	if _, err := t.pg.Exec(ctx, `DELETE FROM challenges WHERE user_id = $1`, userID); err != nil {
		return err
	}
	if err := t.RevokePersonalTokens(ctx, userID); err != nil {
		return err
	}
	return t.EndOtherSessions(ctx, userID, exceptID)
}

// RotateCookie gives a session's cookie a new value, where it has one.
func (t *Tx) RotateCookie(ctx context.Context, id string, cookieHash []byte) error {
	_, err := t.pg.Exec(ctx, `UPDATE sessions SET cookie_hash = coalesce($2, cookie_hash) WHERE id = $1`, id, cookieHash)
	return err
}

// LiveSessions are those of the given sessions and API tokens that still hold.
func (q Queries) LiveSessions(ctx context.Context, ids []string, idle time.Duration) ([]string, error) {
	return column[string](ctx, q.pg, `
SELECT id FROM sessions WHERE id = ANY($1) AND ended_at IS NULL AND expires_at > clock_timestamp()
   AND used_at > clock_timestamp() - $2::interval
UNION ALL
SELECT id FROM api_tokens WHERE id = ANY($1) AND revoked_at IS NULL AND expires_at > clock_timestamp()`, ids, idle)
}

// Challenge is a sign-in that waits for its second factor.
type Challenge struct {
	ID        string
	UserID    string
	ExpiresAt time.Time
}

// CreateChallenge adds a challenge.
func (t *Tx) CreateChallenge(ctx context.Context, c *Challenge, tokenHash []byte) error {
	_, err := t.pg.Exec(ctx, `INSERT INTO challenges (id, user_id, token_hash, expires_at) VALUES ($1, $2, $3, $4)`,
		c.ID, c.UserID, tokenHash, c.ExpiresAt)
	return err
}

// Challenge finds a living challenge by the hash of its token.
func (q Queries) Challenge(ctx context.Context, tokenHash []byte) (*Challenge, error) {
	return one[Challenge](ctx, q.pg, `
SELECT id, user_id, expires_at FROM challenges WHERE token_hash = $1 AND expires_at > clock_timestamp()`, tokenHash)
}

// UseChallenge uses a challenge up. It says whether nobody else did before.
func (t *Tx) UseChallenge(ctx context.Context, id string) (bool, error) {
	tag, err := t.pg.Exec(ctx, `DELETE FROM challenges WHERE id = $1`, id)
	return tag.RowsAffected() == 1, err
}

// AddDevice notes that the user has signed in with a browser or program. It says whether that was the first time.
func (t *Tx) AddDevice(ctx context.Context, userID string, tokenHash []byte) (first bool, err error) {
	err = t.pg.QueryRow(ctx, `
INSERT INTO devices (user_id, token_hash) VALUES ($1, $2)
ON CONFLICT (user_id, token_hash) DO UPDATE SET used_at = clock_timestamp() RETURNING xmax = 0`, userID, tokenHash).Scan(&first)
	return first, err
}

// KnownDevice is the one of some hashes that the user has signed in with last, nil where there is none.
func (q Queries) KnownDevice(ctx context.Context, userID string, tokenHashes [][]byte) ([]byte, error) {
	if len(tokenHashes) == 0 {
		return nil, nil
	}
	known, err := column[[]byte](ctx, q.pg, `
SELECT token_hash FROM devices WHERE user_id = $1 AND token_hash = ANY($2) ORDER BY used_at DESC LIMIT 1`, userID, tokenHashes)
	if err != nil || len(known) == 0 {
		return nil, err
	}
	return known[0], nil
}

// Device is a browser or program that a user has signed in with.
type Device struct {
	TokenHash []byte
	UserID    string
	Email     *string // the user's
}

// Devices are those of some hashes that anybody has signed in with before, last used first.
func (q Queries) Devices(ctx context.Context, tokenHashes [][]byte) ([]*Device, error) {
	if len(tokenHashes) == 0 {
		return nil, nil
	}
	return all[Device](ctx, q.pg, `
SELECT d.token_hash, d.user_id, u.email FROM devices d JOIN users u ON u.id = d.user_id
 WHERE d.token_hash = ANY($1) ORDER BY d.used_at DESC`, tokenHashes)
}

// KnownToAnybody is the one of some hashes that any user has signed in with before, nil where there is none; of several always
// the same.
func (d *DB) KnownToAnybody(ctx context.Context, tokenHashes [][]byte) ([]byte, error) {
	if len(tokenHashes) == 0 {
		return nil, nil
	}
	known, err := column[[]byte](ctx, d.pg, `SELECT token_hash FROM devices WHERE token_hash = ANY($1) ORDER BY token_hash LIMIT 1`, tokenHashes)
	if err != nil || len(known) == 0 {
		return nil, err
	}
	return known[0], nil
}

// ForgetDevices forgets the browsers and programs that the user has signed in with, but for some.
func (t *Tx) ForgetDevices(ctx context.Context, userID string, except ...[]byte) error {
	_, err := t.pg.Exec(ctx, `DELETE FROM devices WHERE user_id = $1 AND NOT token_hash = ANY(coalesce($2, '{}'::bytea[]))`, userID, except)
	return err
}
