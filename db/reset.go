package db

import (
	"context"
	"time"

	"muster/org"
)

const resetQuery = `
SELECT r.id, r.user_id, r.organization_id, o.name AS organization_name, r.requested_by_id, u.name AS requested_by_name,
       r.requested_by_label, r.reason, r.state, r.nonce, r.created_at, r.expires_at, r.disowned
  FROM two_factor_resets r JOIN organizations o ON o.id = r.organization_id JOIN users u ON u.id = r.requested_by_id `

func (q Queries) reset(ctx context.Context, where string, arg any) (*org.Reset, error) {
	r, err := one[org.Reset](ctx, q.pg, resetQuery+where, arg)
	if err != nil {
		return nil, err
	}
	return r, q.approvals(ctx, r)
}

// approvals reads the consents that requests have got.
func (q Queries) approvals(ctx context.Context, resets ...*org.Reset) error {
	ids, byID := make([]string, len(resets)), map[string]*org.Reset{}
	for i, r := range resets {
		ids[i], byID[r.ID] = r.ID, r
	}
	type row struct {
		ResetID string
		org.ResetApproval
	}
	rows, err := all[row](ctx, q.pg, `
SELECT reset_id, organization_id, approved_by_id, approved_by_label FROM two_factor_reset_approvals WHERE reset_id = ANY($1) ORDER BY created_at`, ids)
	for _, a := range rows {
		byID[a.ResetID].Approvals = append(byID[a.ResetID].Approvals, &a.ResetApproval)
	}
	return err
}

// Reset finds a request to reset somebody's second factor by id.
func (q Queries) Reset(ctx context.Context, id string) (*org.Reset, error) {
	return q.reset(ctx, `WHERE r.id = $1`, id)
}

// ResetByToken finds a request by the hash of its link's token.
func (q Queries) ResetByToken(ctx context.Context, tokenHash []byte) (*org.Reset, error) {
	return q.reset(ctx, `WHERE r.token_hash = $1`, tokenHash)
}

// PendingResets are those that wait about a person, at most one of an organization, without the consents that they have got.
func (q Queries) PendingResets(ctx context.Context, userID string) ([]*org.Reset, error) {
	return all[org.Reset](ctx, q.pg, resetQuery+`WHERE r.user_id = $1 AND r.state = 'PENDING' ORDER BY r.id`, userID)
}

// ResetsOver are pending requests whose time is over at a moment, or whom nobody stands for any more; at most limit.
func (q Queries) ResetsOver(ctx context.Context, now time.Time, limit int) ([]*org.Reset, error) {
	return all[org.Reset](ctx, q.pg, resetQuery+`WHERE r.state = 'PENDING' AND (r.expires_at <= $1 OR r.disowned) ORDER BY r.expires_at LIMIT $2`, now, limit)
}

// ResetsTouching are the requests that wait at a moment about members of an organization, with those members, oldest first;
// at most limit.
func (q Queries) ResetsTouching(ctx context.Context, organizationID string, now time.Time, limit int) ([]*org.Reset, map[string]*org.Member, error) {
	resets, err := all[org.Reset](ctx, q.pg, resetQuery+`
WHERE r.state = 'PENDING' AND r.expires_at > $2 AND NOT r.disowned
   AND EXISTS (SELECT FROM members m WHERE m.organization_id = $1 AND m.user_id = r.user_id) ORDER BY r.id LIMIT $3`, organizationID, now, limit)
	if err != nil {
		return nil, nil, err
	}
	if err := q.approvals(ctx, resets...); err != nil {
		return nil, nil, err
	}
	users := make([]string, len(resets))
	for i, r := range resets {
		users[i] = r.UserID
	}
	members, err := q.members(ctx, `WHERE m.organization_id = $1 AND m.user_id = ANY($2)`, organizationID, users)
	byUser := map[string]*org.Member{}
	for _, m := range members {
		byUser[m.UserID()] = m
	}
	return resets, byUser, err
}

// CreateReset adds a request. A second one of the organization about the same person violates an index: look for a pending one
// under the lock.
func (t *Tx) CreateReset(ctx context.Context, r *org.Reset, tokenHash []byte) error {
	_, err := t.pg.Exec(ctx, `
INSERT INTO two_factor_resets (id, user_id, organization_id, requested_by_id, requested_by_label, reason, nonce, token_hash, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		r.ID, r.UserID, r.OrganizationID, r.RequestedByID, r.RequestedByLabel, r.Reason, r.Nonce, tokenHash, r.ExpiresAt)
	return err
}

// EndReset takes a request out of the pending state. It says whether nobody else did before.
func (t *Tx) EndReset(ctx context.Context, id string, state org.TwoFactorResetState) (bool, error) {
	tag, err := t.pg.Exec(ctx, `UPDATE two_factor_resets SET state = $2, ended_at = clock_timestamp() WHERE id = $1 AND state = 'PENDING'`, id, state)
	return tag.RowsAffected() == 1, err
}

// ApproveReset notes an organization's consent, in place of one whose owner is none any more.
func (t *Tx) ApproveReset(ctx context.Context, resetID string, a *org.ResetApproval) error {
	_, err := t.pg.Exec(ctx, `
INSERT INTO two_factor_reset_approvals (reset_id, organization_id, approved_by_id, approved_by_label) VALUES ($1, $2, $3, $4)
ON CONFLICT (reset_id, organization_id) DO UPDATE SET approved_by_id = $3, approved_by_label = $4, created_at = clock_timestamp()`,
		resetID, a.OrganizationID, a.ApprovedByID, a.ApprovedByLabel)
	return err
}

// RemoveFactors deletes all that an account has, or had and could be given back, to prove a second factor: authenticators,
// set-ups, recovery codes. It says how many authenticators had counted.
func (t *Tx) RemoveFactors(ctx context.Context, userID string) (int, error) {
	counted, err := column[bool](ctx, t.pg, `DELETE FROM authenticators WHERE user_id = $1 RETURNING confirmed_at IS NOT NULL`, userID)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, c := range counted {
		if c {
			n++
		}
	}
	_, err = t.pg.Exec(ctx, `DELETE FROM recovery_codes WHERE user_id = $1`, userID)
	return n, err
}
