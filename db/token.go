package db

import (
	"context"
	"time"

	"muster/org"
)

type tokenRow struct {
	org.Token
	UserID        string
	UserName      string
	Email         *string
	EmailVerified bool
	TwoFactor     org.TwoFactorState
	Issuer        *string
	ProvedAt      *time.Time
	RevokedAt     *time.Time
}

var tokenQuery = `
SELECT k.id, k.name, k.scopes, k.organization_id, k.proved_at, k.created_at, k.used_at AS last_used_at, k.expires_at, k.revoked_at,
       u.id AS user_id, u.name AS user_name, u.email, u.email_verified_at IS NOT NULL AS email_verified, u.two_factor, u.issuer
  FROM api_tokens k` + itsAccount("k") + ` WHERE `

func (r *tokenRow) maker() *org.User {
	return &org.User{ID: r.UserID, Name: r.UserName, Email: r.Email, EmailVerified: &r.EmailVerified, TwoFactor: &r.TwoFactor, Issuer: r.Issuer}
}

// session is what a program that has the token acts in. A service token acts as itself and not as who made it.
func (r *tokenRow) session() *org.Session {
	s := &org.Session{
		ID: r.ID, Token: &r.Token, ProvedAt: r.ProvedAt, CreatedAt: r.CreatedAt, ExpiresAt: r.ExpiresAt, EndedAt: r.RevokedAt,
		User: r.maker(),
	}
	if r.LastUsedAt != nil {
		s.UsedAt = *r.LastUsedAt
	}
	if r.OrganizationID != nil {
		s.User = &org.User{ID: r.ID, Name: r.Name}
	}
	return s
}

func (r *tokenRow) service() *org.ServiceToken {
	return &org.ServiceToken{
		ID: r.ID, Name: r.Name, Scopes: r.Scopes, CreatedBy: r.maker(),
		CreatedAt: &r.CreatedAt, ExpiresAt: &r.ExpiresAt, LastUsedAt: r.LastUsedAt,
	}
}

func (q Queries) tokenSession(ctx context.Context, where string, arg any) (*org.Session, error) {
	row, err := one[tokenRow](ctx, q.pg, tokenQuery+where, arg)
	if err != nil {
		return nil, err
	}
	return row.session(), nil
}

// SessionByAPIToken finds what an API token acts in by the token's hash, revoked and expired ones too.
func (q Queries) SessionByAPIToken(ctx context.Context, hash []byte) (*org.Session, error) {
	return q.tokenSession(ctx, "k.token_hash = $1", hash)
}

// PersonalTokens are a user's that nobody has revoked, newest first.
func (q Queries) PersonalTokens(ctx context.Context, userID string, limit int) ([]*org.PersonalToken, error) {
	return all[org.PersonalToken](ctx, q.pg, `
SELECT id, name, scopes, created_at, used_at AS last_used_at, expires_at FROM api_tokens
 WHERE user_id = $1 AND organization_id IS NULL AND revoked_at IS NULL ORDER BY id DESC LIMIT $2`, userID, limit)
}

// ServiceTokens are an organization's that nobody has revoked, newest first.
func (q Queries) ServiceTokens(ctx context.Context, organizationID string, limit int) ([]*org.ServiceToken, error) {
	rows, err := all[tokenRow](ctx, q.pg, tokenQuery+`k.organization_id = $1 AND k.revoked_at IS NULL ORDER BY k.id DESC LIMIT $2`,
		organizationID, limit)
	tokens := make([]*org.ServiceToken, len(rows))
	for i, row := range rows {
		tokens[i] = row.service()
	}
	return tokens, err
}

// ServiceToken finds a service token that nobody has revoked, and whose it is.
func (q Queries) ServiceToken(ctx context.Context, id string) (token *org.ServiceToken, organizationID string, err error) {
	row, err := one[tokenRow](ctx, q.pg, tokenQuery+`k.id = $1 AND k.organization_id IS NOT NULL AND k.revoked_at IS NULL`, id)
	if err != nil {
		return nil, "", err
	}
	return row.service(), *row.OrganizationID, nil
}

// LivingTokens counts a user's own tokens or, where an organization is given, the organization's, that hold at a moment.
func (q Queries) LivingTokens(ctx context.Context, userID string, organizationID *string, now time.Time) (int, error) {
	var n int
	err := q.pg.QueryRow(ctx, `
SELECT count(*)::int FROM api_tokens WHERE revoked_at IS NULL AND expires_at > $3
   AND CASE WHEN $2::text IS NULL THEN user_id = $1 AND organization_id IS NULL ELSE organization_id = $2 END`,
		userID, organizationID, now).Scan(&n)
	return n, err
}

// CreateToken adds a token that a user has made: a service token where it names an organization, else the user's own, with
// the proof of the session that it was made in.
func (t *Tx) CreateToken(ctx context.Context, token *org.Token, hash []byte, userID string, provedAt *time.Time) error {
	return t.pg.QueryRow(ctx, `
INSERT INTO api_tokens (id, user_id, organization_id, name, token_hash, scopes, proved_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING created_at`,
		token.ID, userID, token.OrganizationID, token.Name, hash, token.Scopes, provedAt, token.ExpiresAt).Scan(&token.CreatedAt)
}

// RevokeServiceToken ends a service token. It says whether nobody else did before.
func (t *Tx) RevokeServiceToken(ctx context.Context, organizationID, id string) (bool, error) {
	return t.revoke(ctx, `organization_id = $1 AND id = $2`, organizationID, id)
}

// RevokePersonalToken ends one of a user's own tokens. It says whether nobody else did before.
func (t *Tx) RevokePersonalToken(ctx context.Context, userID, id string) (bool, error) {
	return t.revoke(ctx, `organization_id IS NULL AND user_id = $1 AND id = $2`, userID, id)
}

// RevokePersonalTokens ends all of a user's own tokens: whoever else may have the account shall keep no way in. Those that
// the user has made for organizations are the organizations'.
func (t *Tx) RevokePersonalTokens(ctx context.Context, userID string) error {
	_, err := t.revoke(ctx, `organization_id IS NULL AND user_id = $1`, userID)
	return err
}

func (t *Tx) revoke(ctx context.Context, where string, args ...any) (bool, error) {
	revoked, err := column[string](ctx, t.pg, `
UPDATE api_tokens SET revoked_at = clock_timestamp() WHERE revoked_at IS NULL AND `+where+` RETURNING id`, args...)
	t.wakeups = append(t.wakeups, revoked...)
	return len(revoked) > 0, err
}
