package db

import (
	"context"
	"time"

	"muster/org"
)

// userColumns are a user's, in the order and names of org.User. Credentials and seeds are never among them.
const userColumns = `u.id, u.name, u.email, u.email_verified_at IS NOT NULL AS email_verified, u.two_factor, u.issuer, u.frozen_since, u.frozen_email`

// User finds a user by id.
func (q Queries) User(ctx context.Context, id string) (*org.User, error) {
	return one[org.User](ctx, q.pg, `SELECT `+userColumns+` FROM users u WHERE u.id = $1`, id)
}

// UserByEmail finds a user by address, without regard to case.
func (q Queries) UserByEmail(ctx context.Context, email string) (*org.User, error) {
	return one[org.User](ctx, q.pg, `SELECT `+userColumns+` FROM users u WHERE lower(u.email) = lower($1)`, email)
}

// OnlyUntold says whether nobody has an account but, perhaps, these addresses of a demo whose passwords nobody was told.
func (q Queries) OnlyUntold(ctx context.Context, emails []string) (bool, error) {
	var only bool
	err := q.pg.QueryRow(ctx, `
SELECT NOT EXISTS (SELECT FROM users WHERE coalesce(email, '') <> ALL($1)) AND NOT EXISTS (SELECT FROM security_events WHERE action = $2)`,
		emails, org.EventDemoTold).Scan(&only)
	return only, err
}

// itsAccount joins the account u of a row, looked up by itself: PostgreSQL would merge the few rows of a table with many accounts
// that came later, and read all who came before the last one, with every request of theirs.
func itsAccount(row string) string {
	return ` JOIN LATERAL (SELECT * FROM users WHERE id = ` + row + `.user_id LIMIT 1) u ON true`
}

// LockUser locks a user's row until the transaction ends. Whoever holds it never asks for an organization's lock.
func (t *Tx) LockUser(ctx context.Context, id string) (*org.User, error) {
	return one[org.User](ctx, t.pg, `SELECT `+userColumns+` FROM users u WHERE u.id = $1 FOR NO KEY UPDATE`, id)
}

// CreateUser adds an account with its password hash. EMAIL_TAKEN where another account has the address.
func (t *Tx) CreateUser(ctx context.Context, u *org.User, passwordHash string) error {
	// No error of PostgreSQL's, whose log would tell the address.
	tag, err := t.pg.Exec(ctx, `INSERT INTO users (id, name, email) VALUES ($1, $2, $3) ON CONFLICT (lower(email)) DO NOTHING`, u.ID, u.Name, u.Email)
	if err != nil {
		return err
	}
	if tag.RowsAffected() == 0 {
		return org.Refuse(org.CodeEmailTaken, "An account with this email exists. Sign in instead.")
	}
	_, err = t.pg.Exec(ctx, `INSERT INTO credentials (user_id, password_hash) VALUES ($1, $2)`, u.ID, passwordHash)
	return err
}

// VerifyEmail marks the account's address as proved.
func (t *Tx) VerifyEmail(ctx context.Context, userID string) error {
	_, err := t.pg.Exec(ctx, `UPDATE users SET email_verified_at = coalesce(email_verified_at, clock_timestamp()) WHERE id = $1`, userID)
	return err
}

// MoveEmail gives the account an address that it has proved, to which one that is frozen goes back from now on. CONFLICT where
// another account has it.
func (t *Tx) MoveEmail(ctx context.Context, userID, email string) error {
	if err := t.EndUnprovedAlerts(ctx, userID); err != nil {
		return err
	}
	_, err := t.pg.Exec(ctx, `
UPDATE users SET email = $2, email_verified_at = clock_timestamp(), frozen_email = CASE WHEN frozen_since IS NOT NULL THEN $2 END
 WHERE id = $1`, userID, email)
	if violates(err, "users_email") {
		return org.Refuse(org.CodeConflict, "Another account has this address. Sign in to that one, or give it another address first.")
	}
	return err
}

// ReleaseEmail takes the address from an account that never proved it, since somebody else just has. It says whether
// there was such an account; a proved address stays where it is, and so does one of somebody removed for 2FA, whose way
// back leads through it, unless the one who has proved it had it before.
func (t *Tx) ReleaseEmail(ctx context.Context, email string, hadIt bool) (userID string, err error) {
	ids, err := column[string](ctx, t.pg, `
UPDATE users u SET email = NULL WHERE lower(email) = lower($1) AND email_verified_at IS NULL
   AND ($2 OR NOT EXISTS (SELECT FROM members m WHERE m.user_id = u.id AND m.status = 'REMOVED_FOR_2FA')) RETURNING id`, email, hadIt)
	if err != nil || len(ids) == 0 {
		return "", err
	}
	if err := t.EndUnprovedAlerts(ctx, ids[0]); err != nil {
		return "", err
	}
	_, err = t.pg.Exec(ctx, `DELETE FROM account_links WHERE user_id = $1`, ids[0])
	return ids[0], err
}

// PasswordHash is the account's, "" where there is none.
func (q Queries) PasswordHash(ctx context.Context, userID string) (string, error) {
	hashes, err := column[string](ctx, q.pg, `SELECT password_hash FROM credentials WHERE user_id = $1`, userID)
	if err != nil || len(hashes) == 0 {
		return "", err
	}
	return hashes[0], nil
}

// SetPassword gives the account a new password, or its first.
func (t *Tx) SetPassword(ctx context.Context, userID, hash string) error {
	_, err := t.pg.Exec(ctx, `
INSERT INTO credentials (user_id, password_hash) VALUES ($1, $2)
ON CONFLICT (user_id) DO UPDATE SET password_hash = $2, changed_at = clock_timestamp()`, userID, hash)
	return err
}

// SetPasswordHash replaces the hash of the same password, when the cost has been raised.
func (t *Tx) SetPasswordHash(ctx context.Context, userID, hash string) error {
	_, err := t.pg.Exec(ctx, `UPDATE credentials SET password_hash = $2 WHERE user_id = $1`, userID, hash)
	return err
}

// NotePasswordByMail notes whether the account's password proves no more than its mailbox, by which it was set.
func (t *Tx) NotePasswordByMail(ctx context.Context, userID string, byMail bool) error {
	_, err := t.pg.Exec(ctx, `UPDATE credentials SET set_by_mail = $2 WHERE user_id = $1 AND set_by_mail <> $2`, userID, byMail)
	return err
}

// PasswordByMail says whether the account's password was set by mail and has not been used with a second factor since.
func (q Queries) PasswordByMail(ctx context.Context, userID string) (bool, error) {
	marks, err := column[bool](ctx, q.pg, `SELECT set_by_mail FROM credentials WHERE user_id = $1`, userID)
	return len(marks) > 0 && marks[0], err
}

// SharedOrganizations are those in which both users have a place and the viewer is active: what decides whether a user
// may be seen.
func (q Queries) SharedOrganizations(ctx context.Context, viewerID, otherID string) ([]string, error) {
	return column[string](ctx, q.pg, `
SELECT v.organization_id FROM members v JOIN members o ON o.organization_id = v.organization_id AND o.user_id = $2
 WHERE v.user_id = $1 AND v.status = 'ACTIVE' ORDER BY v.organization_id LIMIT 100`, viewerID, otherID)
}

// SecurityEvents are the newest of an account. What came several times in a row, a right password that no second factor followed,
// is told once, with how often: whoever has stolen one does not push out of sight what came before. before is where to go on, ""
// from the newest. Looked at are ten thousand; more says that there may be others than those that come back, which happens also
// where few of them do: a row that is longer goes on as another line.
func (q Queries) SecurityEvents(ctx context.Context, userID, before string, first int) (events []*org.SecurityEvent, more bool, err error) {
	const looked = 10000
	rows, err := all[struct {
		org.SecurityEvent

		Looked int
	}](ctx, q.pg, `
WITH newest AS (SELECT * FROM security_events WHERE user_id = $1 AND ($4 = '' OR id < $4) ORDER BY id DESC LIMIT $5),
marked AS (SELECT *, count(*) FILTER (WHERE action <> $2) OVER (ORDER BY id DESC) AS newer FROM newest),
folded AS (
  SELECT *, row_number() OVER (PARTITION BY newer, action = $2 ORDER BY id DESC) AS nth,
         count(*) OVER (PARTITION BY newer, action = $2) AS times, min(id) OVER (PARTITION BY newer, action = $2) AS oldest_id FROM marked)
SELECT id, user_id, action, ip_address, user_agent, created_at,
       message || CASE WHEN times > 1 THEN format(' This was so %s times in a row.', times) ELSE '' END AS message,
       oldest_id, (SELECT count(*) FROM newest) AS looked
  FROM folded WHERE nth = 1 ORDER BY id DESC LIMIT $3`, userID, org.EventChallenge, first+1, before, looked)
	if err != nil {
		return nil, false, err
	}
	more = len(rows) > first || len(rows) > 0 && rows[0].Looked == looked
	for _, row := range rows[:min(first, len(rows))] {
		events = append(events, &row.SecurityEvent)
	}
	return events, more, nil
}

// AddSecurityEvent writes a line into an account's own log.
func (t *Tx) AddSecurityEvent(ctx context.Context, e *org.SecurityEvent) error {
	_, err := t.pg.Exec(ctx, `
INSERT INTO security_events (id, user_id, action, message, ip_address, user_agent, organization_id) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		e.ID, e.UserID, e.Action, e.Message, e.IPAddress, e.UserAgent, e.ProviderOf)
	return err
}

// AddSecurityEventIfThere is AddSecurityEvent that does nothing where there is no such account, at the same cost: for what
// must not tell whether there is one.
func (t *Tx) AddSecurityEventIfThere(ctx context.Context, e *org.SecurityEvent) error {
	_, err := t.pg.Exec(ctx, `
INSERT INTO security_events (id, user_id, action, message, ip_address, user_agent) SELECT $1, id, $3, $4, $5, $6 FROM users WHERE id = $2`,
		e.ID, e.UserID, e.Action, e.Message, e.IPAddress, e.UserAgent)
	return err
}

// Authenticators are the confirmed ones of an account, oldest first.
func (q Queries) Authenticators(ctx context.Context, userID string) ([]*org.Authenticator, error) {
	return all[org.Authenticator](ctx, q.pg, `
SELECT id, user_id, kind, name, confirmed_at AS created_at, last_used_at
  FROM authenticators WHERE user_id = $1 AND confirmed_at IS NOT NULL ORDER BY confirmed_at, id LIMIT 20`, userID)
}

// AddAuthenticator starts an enrollment in a session; one that the same session started before is replaced.
func (t *Tx) AddAuthenticator(ctx context.Context, a *org.Authenticator, sessionID string) error {
	if _, err := t.pg.Exec(ctx, `
DELETE FROM authenticators WHERE user_id = $1 AND kind = $2 AND confirmed_at IS NULL AND removed_at IS NULL
   AND (session_id = $3 OR created_at < clock_timestamp() - interval '1 day')`, a.UserID, a.Kind, sessionID); err != nil {
		return err
	}
	_, err := t.pg.Exec(ctx, `INSERT INTO authenticators (id, user_id, kind, name, session_id, replaces_id) VALUES ($1, $2, $3, $4, $5, $6)`,
		a.ID, a.UserID, a.Kind, a.Name, sessionID, a.ReplacesID)
	return err
}

// PendingAuthenticator is the enrollment of a kind that the session started, if any is open; it replaces what is there still.
func (q Queries) PendingAuthenticator(ctx context.Context, sessionID string, kind org.AuthenticatorKind) (*org.Authenticator, error) {
	return one[org.Authenticator](ctx, q.pg, `
SELECT id, user_id, kind, name, created_at, last_used_at,
       (SELECT r.id FROM authenticators r WHERE r.id = a.replaces_id AND r.confirmed_at IS NOT NULL) AS replaces_id
  FROM authenticators a WHERE session_id = $1 AND kind = $2 AND confirmed_at IS NULL`, sessionID, kind)
}

// ConfirmAuthenticator makes a pending authenticator count. It says whether it was pending still.
func (t *Tx) ConfirmAuthenticator(ctx context.Context, id string) (bool, error) {
	tag, err := t.pg.Exec(ctx, `
UPDATE authenticators SET confirmed_at = clock_timestamp(), last_used_at = clock_timestamp(), session_id = NULL
 WHERE id = $1 AND confirmed_at IS NULL`, id)
	return tag.RowsAffected() == 1, err
}

// TouchAuthenticator notes that an authenticator was used.
func (t *Tx) TouchAuthenticator(ctx context.Context, id string) error {
	_, err := t.pg.Exec(ctx, `UPDATE authenticators SET last_used_at = clock_timestamp() WHERE id = $1`, id)
	return err
}

// RenameAuthenticator gives one of the user's confirmed authenticators another name, and says which it is now.
func (t *Tx) RenameAuthenticator(ctx context.Context, userID, id, name string) (*org.Authenticator, error) {
	return one[org.Authenticator](ctx, t.pg, `
UPDATE authenticators SET name = $3 WHERE id = $1 AND user_id = $2 AND confirmed_at IS NOT NULL
RETURNING id, user_id, kind, name, confirmed_at AS created_at, last_used_at`, id, userID, name)
}

// RemoveAuthenticator makes an authenticator count for nothing, in a session of the user. It is kept for as long as its removal
// can be reported, with which other one the session had proved.
func (t *Tx) RemoveAuthenticator(ctx context.Context, userID, id, sessionID string) error {
	_, err := t.pg.Exec(ctx, `
UPDATE authenticators SET removed_at = clock_timestamp(), was_confirmed_at = confirmed_at, confirmed_at = NULL,
       removed_with = (SELECT s.proved_with FROM sessions s WHERE s.id = $3 AND s.proved_with <> $1)
 WHERE id = $1 AND user_id = $2 AND confirmed_at IS NOT NULL`, id, userID, sessionID)
	return err
}

// TOTPSeed is a sealed seed.
type TOTPSeed struct {
	AuthenticatorID string
	Sealed          []byte
	LastStep        int64
}

// AddTOTPSeed stores the sealed seed of an authenticator.
func (t *Tx) AddTOTPSeed(ctx context.Context, s TOTPSeed) error {
	_, err := t.pg.Exec(ctx, `INSERT INTO totp_seeds (authenticator_id, sealed) VALUES ($1, $2)`, s.AuthenticatorID, s.Sealed)
	return err
}

// TOTPSeed is the sealed seed of one authenticator.
func (q Queries) TOTPSeed(ctx context.Context, authenticatorID string) (*TOTPSeed, error) {
	return one[TOTPSeed](ctx, q.pg, `SELECT authenticator_id, sealed, last_step FROM totp_seeds WHERE authenticator_id = $1`, authenticatorID)
}

// TOTPSeeds are the sealed seeds of an account's confirmed apps.
func (q Queries) TOTPSeeds(ctx context.Context, userID string) ([]*TOTPSeed, error) {
	return all[TOTPSeed](ctx, q.pg, `
SELECT s.authenticator_id, s.sealed, s.last_step FROM totp_seeds s JOIN authenticators a ON a.id = s.authenticator_id
 WHERE a.user_id = $1 AND a.confirmed_at IS NOT NULL ORDER BY a.confirmed_at`, userID)
}

// UseTOTPStep accepts a time step of a seed if it is later than every one accepted before: the same code never works
// twice (RFC 6238 section 5.2), however many requests bring it at once.
func (t *Tx) UseTOTPStep(ctx context.Context, authenticatorID string, step int64) (bool, error) {
	tag, err := t.pg.Exec(ctx, `UPDATE totp_seeds SET last_step = $2 WHERE authenticator_id = $1 AND last_step < $2`, authenticatorID, step)
	return tag.RowsAffected() == 1, err
}

// AddPhoneNumber stores the number of a phone.
func (t *Tx) AddPhoneNumber(ctx context.Context, authenticatorID, number string) error {
	_, err := t.pg.Exec(ctx, `INSERT INTO phone_numbers (authenticator_id, number) VALUES ($1, $2)`, authenticatorID, number)
	return err
}

// PhoneNumber is the number of a phone.
func (q Queries) PhoneNumber(ctx context.Context, authenticatorID string) (string, error) {
	numbers, err := column[string](ctx, q.pg, `SELECT number FROM phone_numbers WHERE authenticator_id = $1`, authenticatorID)
	if err != nil {
		return "", err
	}
	if len(numbers) == 0 {
		return "", org.ErrNotFound
	}
	return numbers[0], nil
}

// PhoneCode is a code that was sent by text message.
type PhoneCode struct {
	ID              string
	UserID          string
	AuthenticatorID string
	ChallengeID     *string // what it answers, nil for what its session asks
	SessionID       *string // nil for a challenge's
	CodeHash        []byte
	ExpiresAt       time.Time
}

// AddPhoneCode stores a sent code; earlier ones for the same phone are dead.
func (t *Tx) AddPhoneCode(ctx context.Context, c *PhoneCode) error {
	if _, err := t.pg.Exec(ctx, `DELETE FROM phone_codes WHERE authenticator_id = $1`, c.AuthenticatorID); err != nil {
		return err
	}
	_, err := t.pg.Exec(ctx, `
INSERT INTO phone_codes (id, user_id, authenticator_id, challenge_id, session_id, code_hash, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		c.ID, c.UserID, c.AuthenticatorID, c.ChallengeID, c.SessionID, c.CodeHash, c.ExpiresAt)
	return err
}

// GuessPhoneCode counts a guess at a phone's living code and gives the code, as long as fewer than five were made before
// (NIST SP 800-63B-4 section 3.1.3 wants out-of-band codes bounded). It commits before the guess is checked. A code answers only
// what asked for it, a challenge or a session.
func (d *DB) GuessPhoneCode(ctx context.Context, authenticatorID string, challengeID, sessionID *string) (*PhoneCode, error) {
	return one[PhoneCode](ctx, d.pg, `
UPDATE phone_codes SET guesses = guesses + 1
 WHERE authenticator_id = $1 AND challenge_id IS NOT DISTINCT FROM $2 AND session_id IS NOT DISTINCT FROM $3
   AND guesses < 5 AND expires_at > clock_timestamp()
RETURNING id, user_id, authenticator_id, challenge_id, session_id, code_hash, expires_at`, authenticatorID, challengeID, sessionID)
}

// UsePhoneCode uses a code up. It says whether nobody else did before.
func (t *Tx) UsePhoneCode(ctx context.Context, id string) (bool, error) {
	tag, err := t.pg.Exec(ctx, `DELETE FROM phone_codes WHERE id = $1`, id)
	return tag.RowsAffected() == 1, err
}

// ReplaceRecoveryCodes makes these the account's only recovery codes, in a session of the user.
func (t *Tx) ReplaceRecoveryCodes(ctx context.Context, userID, sessionID string, hashes [][]byte) error {
	if err := t.EndRecoveryCodes(ctx, userID, sessionID); err != nil {
		return err
	}
	_, err := t.pg.Exec(ctx, `INSERT INTO recovery_codes (user_id, hash) SELECT $1, unnest($2::bytea[])`, userID, hashes)
	return err
}

// UseRecoveryCode uses one of the account's codes up, in one statement. It says whether the code was good and how many
// are left.
func (t *Tx) UseRecoveryCode(ctx context.Context, userID string, hash []byte) (ok bool, left int, err error) {
	tag, err := t.pg.Exec(ctx, `
UPDATE recovery_codes SET used_at = clock_timestamp() WHERE user_id = $1 AND hash = $2 AND used_at IS NULL AND replaced_at IS NULL`, userID, hash)
	if err != nil || tag.RowsAffected() == 0 {
		return false, 0, err
	}
	codes, err := t.RecoveryCodes(ctx, userID)
	if err != nil {
		return false, 0, err
	}
	return true, codes.Remaining, nil
}

// RecoveryCodes says how many codes the account has left; NOT_FOUND before the first set.
func (q Queries) RecoveryCodes(ctx context.Context, userID string) (*org.RecoveryCodes, error) {
	return one[org.RecoveryCodes](ctx, q.pg, `
SELECT count(*) FILTER (WHERE used_at IS NULL)::int AS remaining, min(created_at) AS created_at
  FROM recovery_codes WHERE user_id = $1 AND replaced_at IS NULL HAVING count(*) > 0`, userID)
}

// EndRecoveryCodes makes the account's codes work no more: new ones replace them, or its last authenticator is gone. They
// are kept for as long as that can be reported, with which authenticator the session had proved; "" where that does not matter,
// since they go with it.
func (t *Tx) EndRecoveryCodes(ctx context.Context, userID, sessionID string) error {
	_, err := t.pg.Exec(ctx, `
UPDATE recovery_codes SET replaced_at = clock_timestamp(), replaced_with = (SELECT s.proved_with FROM sessions s WHERE s.id = $2)
 WHERE user_id = $1 AND replaced_at IS NULL`, userID, sessionID)
	return err
}
