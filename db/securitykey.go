package db

import (
	"context"
	"time"

	"muster/org"
)

// SecurityKey is the public half of a security key or passkey, with the name that its owner gave it.
type SecurityKey struct {
	AuthenticatorID string
	Name            string
	CredentialID    []byte
	PublicKey       []byte // COSE
	SignCount       uint32 // the highest that the key has shown; 0 for those that do not count
	BackupEligible  bool
	Transports      []string
}

// UserHandle is what keys know an account by: random, and nothing of the person.
func (q Queries) UserHandle(ctx context.Context, userID string) ([]byte, error) {
	handles, err := column[[]byte](ctx, q.pg, `SELECT key_handle FROM users WHERE id = $1`, userID)
	if err != nil {
		return nil, err
	}
	if len(handles) == 0 {
		return nil, org.ErrNotFound
	}
	return handles[0], nil
}

// UserByHandle finds the account that a key knows by a handle.
func (q Queries) UserByHandle(ctx context.Context, handle []byte) (*org.User, error) {
	return one[org.User](ctx, q.pg, `SELECT `+userColumns+` FROM users u WHERE u.key_handle = $1`, handle)
}

// SecurityKeys are the confirmed ones of an account, oldest first.
func (q Queries) SecurityKeys(ctx context.Context, userID string) ([]*SecurityKey, error) {
	return all[SecurityKey](ctx, q.pg, `
SELECT k.authenticator_id, a.name, k.credential_id, k.public_key, k.sign_count, k.backup_eligible, k.transports
  FROM security_keys k JOIN authenticators a ON a.id = k.authenticator_id
 WHERE a.user_id = $1 AND a.confirmed_at IS NOT NULL ORDER BY a.confirmed_at, a.id`, userID)
}

// AddSecurityKey stores a key. CONFLICT where an account has it already; one that its own account has removed may come back,
// another account's may not, as long as the removal can be undone.
func (t *Tx) AddSecurityKey(ctx context.Context, k *SecurityKey) error {
	tag, err := t.pg.Exec(ctx, `
INSERT INTO security_keys (authenticator_id, credential_id, public_key, sign_count, backup_eligible, transports)
SELECT a.id, $2, $3, $4, $5, $6 FROM authenticators a
 WHERE a.id = $1 AND NOT EXISTS (SELECT FROM security_keys k JOIN authenticators o ON o.id = k.authenticator_id
                                  WHERE k.credential_id = $2 AND o.user_id <> a.user_id)`,
		k.AuthenticatorID, k.CredentialID, k.PublicKey, int64(k.SignCount), k.BackupEligible, k.Transports)
	if violates(err, "security_keys_credential") || err == nil && tag.RowsAffected() == 0 {
		return org.Refuse(org.CodeConflict, "This security key is set up already, for this account or another one. Use a different key.")
	}
	return err
}

// UseSecurityKey stores the counter that a key has shown, if it is higher than every one before or the key does not count
// (WebAuthn level 3, section 6.1.1). It says whether it was: one that is not may come from a copy of the key. alone says that
// the key was all that signed in.
func (t *Tx) UseSecurityKey(ctx context.Context, authenticatorID string, count uint32, alone bool) (grown bool, err error) {
	err = t.pg.QueryRow(ctx, `
WITH before AS (SELECT sign_count FROM security_keys WHERE authenticator_id = $1 FOR UPDATE)
UPDATE security_keys k SET sign_count = greatest(k.sign_count, $2::bigint), signed_in_alone = k.signed_in_alone OR $3 FROM before
 WHERE authenticator_id = $1 RETURNING before.sign_count < $2 OR before.sign_count = 0 AND $2 = 0`, authenticatorID, int64(count), alone).Scan(&grown)
	return grown, notFound(err)
}

// HasPasskey says whether one of an account's keys has signed in alone before, and so can again.
func (q Queries) HasPasskey(ctx context.Context, userID string) (has bool, err error) {
	err = q.pg.QueryRow(ctx, `
SELECT EXISTS (SELECT FROM security_keys k JOIN authenticators a ON a.id = k.authenticator_id
                WHERE a.user_id = $1 AND a.confirmed_at IS NOT NULL AND NOT k.removed AND k.signed_in_alone)`, userID).Scan(&has)
	return has, err
}

// Ceremony is a challenge that a key is to sign, for one purpose and for what it is bound to: a session, a sign-in
// challenge, or the hash of a token. There is one at a time for both together, and none works for others.
type Ceremony struct {
	Purpose   org.CeremonyPurpose
	BoundTo   string
	Challenge string
	ExpiresAt time.Time
}

// StartCeremony stores a challenge; an earlier one for the same is dead.
func (t *Tx) StartCeremony(ctx context.Context, c *Ceremony) error {
	_, err := t.pg.Exec(ctx, `
INSERT INTO ceremonies (purpose, bound_to, challenge, expires_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (purpose, bound_to) DO UPDATE SET challenge = excluded.challenge, expires_at = excluded.expires_at`,
		c.Purpose, c.BoundTo, c.Challenge, c.ExpiresAt)
	return err
}

// Ceremony finds a living one.
func (q Queries) Ceremony(ctx context.Context, purpose org.CeremonyPurpose, boundTo string) (*Ceremony, error) {
	return one[Ceremony](ctx, q.pg, `
SELECT purpose, bound_to, challenge, expires_at FROM ceremonies WHERE purpose = $1 AND bound_to = $2 AND expires_at > clock_timestamp()`,
		purpose, boundTo)
}

// UseCeremony uses a challenge up. It says whether it was living still.
func (t *Tx) UseCeremony(ctx context.Context, c *Ceremony) (bool, error) {
	tag, err := t.pg.Exec(ctx, endCeremony+` AND expires_at > clock_timestamp()`, c.Purpose, c.BoundTo, c.Challenge)
	return tag.RowsAffected() == 1, err
}

// EndCeremony ends a challenge that was answered wrongly: there is one try at each.
func (d *DB) EndCeremony(ctx context.Context, c *Ceremony) error {
	_, err := d.pg.Exec(ctx, endCeremony, c.Purpose, c.BoundTo, c.Challenge)
	return err
}

const endCeremony = `DELETE FROM ceremonies WHERE purpose = $1 AND bound_to = $2 AND challenge = $3`
