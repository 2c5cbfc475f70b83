package db

import (
	"context"
	"time"

	"muster/org"
)

// compliant says in SQL what org.Member.Meets says of a member m with the user u: an authenticator of their own, or a linked
// identity of a provider that the organization trusts with the second factor. Whatever asks the database who is compliant
// asks by it.
const compliant = `(u.two_factor <> 'DISABLED' OR ` + vouched + `)`

// vouched says in SQL that a provider which the organization trusts with the second factor signs a member m in.
const vouched = `EXISTS (SELECT FROM sso_connections sc JOIN identities si ON si.organization_id = sc.organization_id
   AND si.issuer = sc.issuer WHERE sc.organization_id = m.organization_id AND sc.trust_second_factor AND si.user_id = m.user_id)`

// SSO is the organization's provider; NOT_FOUND where there is none.
func (q Queries) SSO(ctx context.Context, organizationID string) (*org.SSO, error) {
	row, err := one[struct {
		org.SSO

		ClaimName, ClaimValue *string
	}](ctx, q.pg, `
SELECT issuer, client_id, trust_second_factor, allowed_domains, claim_name, claim_value, created_at FROM sso_connections WHERE organization_id = $1`, organizationID)
	if err != nil {
		return nil, err
	}
	if row.ClaimName != nil && row.ClaimValue != nil {
		row.RequiredClaim = &org.SSOClaim{Name: *row.ClaimName, Value: *row.ClaimValue}
	}
	return &row.SSO, nil
}

// SSOSecret is the sealed client secret of the organization's provider.
func (q Queries) SSOSecret(ctx context.Context, organizationID string) ([]byte, error) {
	var sealed []byte
	err := q.pg.QueryRow(ctx, `SELECT sealed_secret FROM sso_connections WHERE organization_id = $1`, organizationID).Scan(&sealed)
	return sealed, notFound(err)
}

// ConnectSSO stores a provider in place of an earlier one.
func (t *Tx) ConnectSSO(ctx context.Context, organizationID string, sso *org.SSO, sealedSecret []byte) error {
	var name, value *string
	if c := sso.RequiredClaim; c != nil {
		name, value = &c.Name, &c.Value
	}
	_, err := t.pg.Exec(ctx, `
INSERT INTO sso_connections (organization_id, issuer, client_id, sealed_secret, trust_second_factor, allowed_domains, claim_name, claim_value)
VALUES ($1, $2, $3, $4, $5, COALESCE($6, '{}'::text[]), $7, $8)
ON CONFLICT (organization_id) DO UPDATE SET issuer = $2, client_id = $3, sealed_secret = $4, trust_second_factor = $5,
  allowed_domains = COALESCE($6, '{}'::text[]), claim_name = $7, claim_value = $8, created_at = clock_timestamp()`,
		organizationID, sso.Issuer, sso.ClientID, sealedSecret, sso.TrustSecondFactor, sso.AllowedDomains, name, value)
	return err
}

// DisconnectSSO removes the provider. It says whether there was one. Identities stay: the same provider means the same people
// when it is connected again.
func (t *Tx) DisconnectSSO(ctx context.Context, organizationID string) (bool, error) {
	tag, err := t.pg.Exec(ctx, `DELETE FROM sso_connections WHERE organization_id = $1`, organizationID)
	return tag.RowsAffected() == 1, err
}

// EndProviderSessions ends the sessions that began at an organization's provider.
func (t *Tx) EndProviderSessions(ctx context.Context, organizationID string) error {
	ended, err := column[string](ctx, t.pg, `
UPDATE sessions SET ended_at = clock_timestamp() WHERE organization_id = $1 AND ended_at IS NULL RETURNING id`, organizationID)
	t.wakeups = append(t.wakeups, ended...)
	return err
}

// EndProviderSessionsOf ends those that an account has from an organization's provider. The account is locked.
func (t *Tx) EndProviderSessionsOf(ctx context.Context, organizationID, userID string) error {
	ended, err := column[string](ctx, t.pg, `
UPDATE sessions SET ended_at = clock_timestamp() WHERE organization_id = $1 AND user_id = $2 AND ended_at IS NULL RETURNING id`, organizationID, userID)
	t.wakeups = append(t.wakeups, ended...)
	return err
}

// SSOAttempt is a browser that has been sent to a provider.
type SSOAttempt struct {
	OrganizationID string
	Issuer         string
	ClientID       string
	SessionID      *string // of the account that asked to be linked
	ExpiresAt      time.Time
}

// AddSSOAttempt remembers an attempt.
func (d *DB) AddSSOAttempt(ctx context.Context, a *SSOAttempt, stateHash, browserHash []byte) error {
	_, err := d.pg.Exec(ctx, `
INSERT INTO sso_attempts (state_hash, browser_hash, organization_id, issuer, client_id, session_id, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		stateHash, browserHash, a.OrganizationID, a.Issuer, a.ClientID, a.SessionID, a.ExpiresAt)
	return err
}

// UseSSOAttempt uses up the attempt that a browser's callback belongs to, exactly once however many bring it; NOT_FOUND where
// there is none, or it is another browser's.
func (d *DB) UseSSOAttempt(ctx context.Context, stateHash, browserHash []byte) (*SSOAttempt, error) {
	return one[SSOAttempt](ctx, d.pg, `
DELETE FROM sso_attempts WHERE state_hash = $1 AND browser_hash = $2
RETURNING organization_id, issuer, client_id, session_id, expires_at`, stateHash, browserHash)
}

// IdentityUser is the id of the account that a provider's subject is linked to; NOT_FOUND where there is none.
func (q Queries) IdentityUser(ctx context.Context, organizationID, issuer, subject string) (string, error) {
	var id string
	err := q.pg.QueryRow(ctx, `
SELECT user_id FROM identities WHERE organization_id = $1 AND issuer = $2 AND subject = $3`, organizationID, issuer, subject).Scan(&id)
	return id, notFound(err)
}

// LinkIdentity makes a provider's subject mean the account, and the account have no other subject there.
func (t *Tx) LinkIdentity(ctx context.Context, organizationID, issuer, subject, userID string) error {
	if _, err := t.pg.Exec(ctx, `
DELETE FROM identities WHERE organization_id = $1 AND issuer = $2 AND (subject = $3 OR user_id = $4)`, organizationID, issuer, subject, userID); err != nil {
		return err
	}
	_, err := t.pg.Exec(ctx, `
INSERT INTO identities (id, organization_id, issuer, subject, user_id) VALUES ($1, $2, $3, $4, $5)`,
		NewID(IdentityID), organizationID, issuer, subject, userID)
	return err
}

const identityQuery = `
SELECT i.id, i.organization_id, o.name AS organization_name, i.issuer, i.created_at AS linked_at, c.organization_id IS NOT NULL AS current
  FROM identities i JOIN organizations o ON o.id = i.organization_id
  LEFT JOIN sso_connections c ON c.organization_id = i.organization_id AND c.issuer = i.issuer WHERE `

// Identities are those of providers that sign in to an account, oldest first; at most limit.
func (q Queries) Identities(ctx context.Context, userID string, limit int) ([]*org.LinkedIdentity, error) {
	return all[org.LinkedIdentity](ctx, q.pg, identityQuery+`i.user_id = $1 ORDER BY i.created_at, i.id LIMIT $2`, userID, limit)
}

// Identity is one of those of an account; NOT_FOUND for another's.
func (q Queries) Identity(ctx context.Context, userID, id string) (*org.LinkedIdentity, error) {
	return one[org.LinkedIdentity](ctx, q.pg, identityQuery+`i.user_id = $1 AND i.id = $2`, userID, id)
}

// UnlinkIdentity makes a provider's subject mean no account any more.
func (t *Tx) UnlinkIdentity(ctx context.Context, id string) error {
	_, err := t.pg.Exec(ctx, `DELETE FROM identities WHERE id = $1`, id)
	return err
}

// CreateProviderUser adds an account that only a provider signs in to: without a password, and without an address, since a
// provider's claim of one proves nothing.
func (t *Tx) CreateProviderUser(ctx context.Context, u *org.User) error {
	_, err := t.pg.Exec(ctx, `INSERT INTO users (id, name, issuer) VALUES ($1, $2, $3)`, u.ID, u.Name, u.Issuer)
	return err
}
