package db

import (
	"context"
	"time"

	"muster/org"
)

// reportable is how long a change to an account's protection can be reported, and what it replaced is kept.
const reportable = "7 days"

// Alert is an org.Alert with what its link's token is derived from and checked by, nil where its mail has no link.
type Alert struct {
	org.Alert
	Nonce     []byte
	TokenHash []byte
}

const (
	alertColumns = `a.event_id, a.user_id, a.session_id, a.email, a.verified, a.since, a.expires_at, a.reported_at,
       e.action, e.message, e.ip_address, e.user_agent, e.created_at`
	alertFrom = ` FROM account_alerts a JOIN security_events e ON e.id = a.event_id WHERE `
)

// AddAlert adds an alert; its event follows in the same transaction.
func (t *Tx) AddAlert(ctx context.Context, a *Alert) error {
	_, err := t.pg.Exec(ctx, `
INSERT INTO account_alerts (event_id, user_id, session_id, email, verified, nonce, token_hash, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, clock_timestamp() + interval '`+reportable+`')`,
		a.EventID, a.UserID, a.SessionID, a.Email, a.Verified, a.Nonce, a.TokenHash)
	return err
}

// Alert finds an alert by the id of its event.
func (q Queries) Alert(ctx context.Context, eventID string) (*Alert, error) {
	return one[Alert](ctx, q.pg, `SELECT a.nonce, a.token_hash, `+alertColumns+alertFrom+`a.event_id = $1`, eventID)
}

// AlertByToken finds a living alert by the hash of its link's token; NOT_FOUND for a dead link.
func (q Queries) AlertByToken(ctx context.Context, tokenHash []byte) (*Alert, error) {
	return one[Alert](ctx, q.pg, `SELECT a.nonce, a.token_hash, `+alertColumns+alertFrom+`a.token_hash = $1 AND a.expires_at > clock_timestamp()`, tokenHash)
}

// Alerts are the account's that can still be reported, newest first, at most a hundred.
func (q Queries) Alerts(ctx context.Context, userID string) ([]*org.Alert, error) {
	return all[org.Alert](ctx, q.pg, `SELECT `+alertColumns+alertFrom+`a.user_id = $1 AND a.expires_at > clock_timestamp() ORDER BY a.since DESC, a.event_id DESC LIMIT 100`, userID)
}

// EarliestAlert is the first, of those that can still be reported, that the session made from the network address, if any.
func (q Queries) EarliestAlert(ctx context.Context, a *org.Alert) ([]*org.Alert, error) {
	return all[org.Alert](ctx, q.pg, `SELECT `+alertColumns+alertFrom+`a.user_id = $1 AND a.session_id = $2 AND e.ip_address = $3
   AND a.expires_at > clock_timestamp() ORDER BY a.since, a.event_id LIMIT 1`, a.UserID, a.SessionID, a.IPAddress)
}

// AddressAt is the address that an account had proved at a moment: the one to which the first alert since then was mailed that
// went to a verified one. It is "" where none did.
func (q Queries) AddressAt(ctx context.Context, userID string, since time.Time) (string, error) {
	emails, err := column[string](ctx, q.pg, `
SELECT email FROM account_alerts WHERE user_id = $1 AND since >= $2 AND verified ORDER BY since, event_id LIMIT 1`, userID, since)
	if err != nil || len(emails) == 0 {
		return "", err
	}
	return emails[0], nil
}

// EndAlerts ends the links of all alerts of an account: whoever was mailed them says nothing about it any more.
func (t *Tx) EndAlerts(ctx context.Context, userID string) error {
	_, err := t.pg.Exec(ctx, `UPDATE account_alerts SET nonce = NULL, token_hash = NULL WHERE user_id = $1`, userID)
	return err
}

// EndUnprovedAlerts ends the links that were mailed to the address that an account leaves, where it never proved it: whose
// mailbox that is says nothing about the account any more.
func (t *Tx) EndUnprovedAlerts(ctx context.Context, userID string) error {
	_, err := t.pg.Exec(ctx, `
UPDATE account_alerts SET nonce = NULL, token_hash = NULL WHERE user_id = $1 AND NOT verified
   AND EXISTS (SELECT FROM users WHERE id = $1 AND email_verified_at IS NULL)`, userID)
	return err
}

// EventsWithin counts the lines of an action in an account's log that are younger than age, of one organization's provider, "" for
// those of none.
func (q Queries) EventsWithin(ctx context.Context, userID, action, organizationID string, age time.Duration) (int, error) {
	var n int
	err := q.pg.QueryRow(ctx, `
SELECT count(*)::int FROM security_events WHERE user_id = $1 AND action = $2 AND created_at > clock_timestamp() - $3::interval
   AND coalesce(organization_id, '') = $4`, userID, action, age, organizationID).Scan(&n)
	return n, err
}

// Freeze keeps everybody out of an account until Thaw, which takes its protection back to since, or to an earlier moment
// where it was frozen already. email is kept as the address to which it goes back, nil for none: the alerts that tell it may be
// deleted before the account is thawed. Changes since then count as reported. The account must be locked.
func (t *Tx) Freeze(ctx context.Context, userID string, since time.Time, email *string) error {
	if _, err := t.pg.Exec(ctx, `UPDATE users SET frozen_since = least(frozen_since, $2), frozen_email = $3 WHERE id = $1`, userID, since, email); err != nil {
		return err
	}
	if _, err := t.pg.Exec(ctx, `
UPDATE account_alerts SET reported_at = clock_timestamp() WHERE user_id = $1 AND since >= $2 AND reported_at IS NULL`, userID, since); err != nil {
		return err
	}
	return t.EndAllAccess(ctx, userID)
}

// RestoreEmail gives an account an address back that it had proved, as proved: whoever asks for that proves nothing. Where
// somebody else has it by now the account is left without one, so that whoever changed it cannot reset the password. CONFLICT where somebody
// takes it in this very moment: nothing happened, and a new transaction sees them.
func (t *Tx) RestoreEmail(ctx context.Context, userID, email string) error {
	_, err := t.pg.Exec(ctx, `
UPDATE users u SET (email, email_verified_at) = (SELECT free.email, CASE WHEN free.email IS NOT NULL THEN clock_timestamp() END
  FROM (SELECT CASE WHEN NOT EXISTS (SELECT FROM users x WHERE lower(x.email) = lower($2) AND x.id <> u.id) THEN $2 END AS email) free)
 WHERE u.id = $1 AND lower(coalesce(u.email, '')) <> lower($2)`, userID, email)
	if violates(err, "users_email") {
		return org.Refuse(org.CodeConflict, "Another account takes this address right now. Try again.")
	}
	return err
}

// Unfreeze opens a frozen account and takes nothing back.
func (t *Tx) Unfreeze(ctx context.Context, userID string) error {
	_, err := t.pg.Exec(ctx, `UPDATE users SET frozen_since = NULL, frozen_email = NULL WHERE id = $1`, userID)
	return err
}

// staysRemoved says of a removed authenticator a that Thaw to $2 does not bring it back: it was removed in a session that had
// proved another one, which was there before $2 and is there after Thaw, or is itself removed so. Whoever brought that one is
// no worse an owner than whoever has only the mail and the one that was removed, as has a thief with the phone from which its
// owner has just removed it. So the account always keeps a factor: the last of such a row is there, or comes back.
const staysRemoved = `EXISTS (SELECT FROM authenticators b WHERE b.id = a.removed_with AND b.user_id = a.user_id
    AND coalesce(b.confirmed_at, b.was_confirmed_at) < $2 AND (b.confirmed_at IS NOT NULL OR b.removed_at >= $2))`

// ThawLeaves counts the authenticators that a frozen account would have after Thaw.
func (t *Tx) ThawLeaves(ctx context.Context, u *org.User) (int, error) {
	var n int
	err := t.pg.QueryRow(ctx, `
SELECT count(*)::int FROM authenticators a
 WHERE user_id = $1 AND coalesce(confirmed_at, was_confirmed_at) < $2
   AND (confirmed_at IS NOT NULL OR removed_at >= $2 AND NOT `+staysRemoved+`)`,
		u.ID, u.FrozenSince).Scan(&n)
	return n, err
}

// Thaw opens a frozen account and takes its second factors back to what they were at that moment: later ones are gone,
// and so are later links to a provider, removed ones are back, but for those that stay removed, and so are the recovery codes of
// then, unless one was used since, whoever has one has them all, or they were replaced by whoever proved an authenticator that is
// still there: they may have been stolen, and the account has a factor without them. It says whether an authenticator or a link came or went. The account must be locked.
func (t *Tx) Thaw(ctx context.Context, u *org.User) (changed bool, err error) {
	for _, sql := range []string{
		`DELETE FROM authenticators WHERE user_id = $1 AND coalesce(confirmed_at, was_confirmed_at) >= $2`,
		`DELETE FROM identities WHERE user_id = $1 AND created_at >= $2`,
		`UPDATE authenticators a SET confirmed_at = was_confirmed_at, was_confirmed_at = NULL, removed_at = NULL, removed_with = NULL
		  WHERE user_id = $1 AND removed_at >= $2 AND NOT ` + staysRemoved,
	} {
		tag, err := t.pg.Exec(ctx, sql, u.ID, u.FrozenSince)
		if err != nil {
			return false, err
		}
		changed = changed || tag.RowsAffected() > 0
	}
	for _, sql := range []string{
		`DELETE FROM recovery_codes WHERE user_id = $1 AND (created_at >= $2
		    OR EXISTS (SELECT FROM recovery_codes u WHERE u.user_id = $1 AND u.created_at < $2 AND u.used_at >= $2)
		    OR NOT EXISTS (SELECT FROM authenticators a WHERE a.user_id = $1 AND a.confirmed_at IS NOT NULL))`,
		`UPDATE recovery_codes SET replaced_at = NULL, replaced_with = NULL WHERE user_id = $1 AND replaced_at >= $2
		    AND NOT EXISTS (SELECT FROM authenticators a WHERE a.id = replaced_with AND a.confirmed_at IS NOT NULL)`,
	} {
		if _, err := t.pg.Exec(ctx, sql, u.ID, u.FrozenSince); err != nil {
			return false, err
		}
	}
	return changed, t.Unfreeze(ctx, u.ID)
}
