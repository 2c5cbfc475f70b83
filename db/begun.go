package db

import (
	"context"
	"time"

	"muster/org"
)

// TokenOrganizations are those that a user has made living service tokens for.
func (q Queries) TokenOrganizations(ctx context.Context, userID string) ([]string, error) {
	return column[string](ctx, q.pg, `
SELECT DISTINCT organization_id FROM api_tokens WHERE user_id = $1 AND organization_id IS NOT NULL AND revoked_at IS NULL`, userID)
}

// Begun counts what was ended in an organization that an account had begun there.
type Begun struct {
	Invitations, Requests, Approvals int
	Tokens                           []*org.ServiceToken
}

// EndBegun ends what an account has begun in organizations, which are locked, and what has not taken effect: invitations that
// nobody has used, requests to reset factors, consents to such; and it revokes the service tokens that the account has made
// since a moment, or as long before as its changes can be reported. What waits lives no longer than that anyway.
func (t *Tx) EndBegun(ctx context.Context, userID string, organizationIDs []string, since time.Time) (map[string]*Begun, error) {
	ended := map[string]*Begun{}
	in := func(id string) *Begun {
		if ended[id] == nil {
			ended[id] = &Begun{}
		}
		return ended[id]
	}
	for _, kind := range []struct {
		sql   string
		count func(b *Begun)
	}{
		{`DELETE FROM invitations i USING members m WHERE (m.organization_id, m.id) = (i.organization_id, i.member_id) AND m.status = 'INVITED' AND i.sent_by_id = $1
   AND i.organization_id = ANY($2) RETURNING i.organization_id`, func(b *Begun) { b.Invitations++ }},
		{`UPDATE two_factor_resets SET disowned = true WHERE requested_by_id = $1 AND state = 'PENDING' AND NOT disowned
   AND organization_id = ANY($2) RETURNING organization_id`, func(b *Begun) { b.Requests++ }},
		{`DELETE FROM two_factor_reset_approvals a USING two_factor_resets r WHERE r.id = a.reset_id AND r.state = 'PENDING'
   AND a.approved_by_id = $1 AND a.organization_id = ANY($2) RETURNING a.organization_id`, func(b *Begun) { b.Approvals++ }},
	} {
		ids, err := column[string](ctx, t.pg, kind.sql, userID, organizationIDs)
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			kind.count(in(id))
		}
	}
	rows, err := all[tokenRow](ctx, t.pg, tokenQuery+`k.user_id = $1 AND k.organization_id = ANY($2) AND k.revoked_at IS NULL
   AND k.created_at >= $3::timestamptz - interval '`+reportable+`' ORDER BY k.id`, userID, organizationIDs, since)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		if _, err := t.RevokeServiceToken(ctx, *row.OrganizationID, row.ID); err != nil {
			return nil, err
		}
		b := in(*row.OrganizationID)
		b.Tokens = append(b.Tokens, row.service())
	}
	return ended, nil
}
