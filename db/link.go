package db

import (
	"context"
	"time"

	"muster/org"
)

// NewAccountLink is a link to be stored: its token is not among it, only what the token can be derived from and checked by.
type NewAccountLink struct {
	UserID    string
	Purpose   org.LinkPurpose
	Email     string // "" for the account's own
	Nonce     []byte
	TokenHash []byte
}

// OfferLink makes this the account's one living link for the purpose, unless it has one to the same address with more than
// half of its life left: that one stays, so that asking again does not kill the link that somebody is about to open. It
// gives the hash of the one that lives, nil where there is no such account or address.
func (t *Tx) OfferLink(ctx context.Context, l NewAccountLink) ([]byte, error) {
	if _, err := t.pg.Exec(ctx, `
INSERT INTO account_links AS l (user_id, purpose, email, nonce, token_hash, expires_at)
SELECT id, $2, coalesce($3, email), $4, $5, clock_timestamp() + $6::interval FROM users WHERE id = $1 AND coalesce($3, email) IS NOT NULL
ON CONFLICT (user_id, purpose) DO UPDATE SET email = excluded.email, nonce = excluded.nonce, token_hash = excluded.token_hash,
  created_at = clock_timestamp(), expires_at = excluded.expires_at
 WHERE l.email <> excluded.email OR l.expires_at - clock_timestamp() < (l.expires_at - l.created_at) / 2`,
		l.UserID, l.Purpose, text(l.Email), l.Nonce, l.TokenHash, l.Purpose.Life()); err != nil {
		return nil, err
	}
	hashes, err := column[[]byte](ctx, t.pg, `SELECT token_hash FROM account_links WHERE user_id = $1 AND purpose = $2`, l.UserID, l.Purpose)
	if err != nil || len(hashes) == 0 {
		return nil, err
	}
	return hashes[0], nil
}

const accountLinkQuery = `
SELECT user_id, purpose, email, nonce, token_hash, expires_at FROM account_links WHERE expires_at > clock_timestamp() AND `

// AccountLink finds a living link by the hash of its token; NOT_FOUND for a dead one.
func (q Queries) AccountLink(ctx context.Context, tokenHash []byte) (*org.AccountLink, error) {
	return one[org.AccountLink](ctx, q.pg, accountLinkQuery+`token_hash = $1`, tokenHash)
}

// AccountLinkOf finds an account's living link for a purpose; NOT_FOUND where there is none.
func (q Queries) AccountLinkOf(ctx context.Context, userID string, purpose org.LinkPurpose) (*org.AccountLink, error) {
	return one[org.AccountLink](ctx, q.pg, accountLinkQuery+`user_id = $1 AND purpose = $2`, userID, purpose)
}

// DeleteAccountLinks ends an account's links for the purposes.
func (t *Tx) DeleteAccountLinks(ctx context.Context, userID string, purposes ...org.LinkPurpose) error {
	_, err := t.pg.Exec(ctx, `DELETE FROM account_links WHERE user_id = $1 AND purpose = ANY($2)`, userID, purposes)
	return err
}

// PasswordChangedAt is when the account's password was set; NOT_FOUND where it has none.
func (q Queries) PasswordChangedAt(ctx context.Context, userID string) (time.Time, error) {
	times, err := column[time.Time](ctx, q.pg, `SELECT changed_at FROM credentials WHERE user_id = $1`, userID)
	if err != nil {
		return time.Time{}, err
	}
	if len(times) == 0 {
		return time.Time{}, org.ErrNotFound
	}
	return times[0], nil
}
