package db

import (
	"context"
	"errors"
	"time"

	"muster/org"
)

// NewLink is a link to be stored: its token is not among it, only what the token can be derived from and checked by.
type NewLink struct {
	MemberID  string
	Reason    org.InvitationReason
	Nonce     []byte
	TokenHash []byte
	ExpiresAt *time.Time // nil: seven days from now
	Sender    Sender     // of an invitation
}

// Sender is who answers for an invitation.
type Sender struct {
	UserID  string // "" where no person does
	TokenID string // of the API token that it was sent with, "" for a session
}

// ofMember finds the link of the member $1: the key of both begins with the organization.
const ofMember = `(organization_id, member_id) = (SELECT organization_id, id FROM members WHERE id = $1)`

// SetLink makes this the member's one living link; the one before is dead at once.
func (t *Tx) SetLink(ctx context.Context, l NewLink) error {
	_, err := t.pg.Exec(ctx, `
INSERT INTO invitations (organization_id, member_id, reason, nonce, token_hash, expires_at, sent_by_id, sent_with_id)
VALUES ((SELECT organization_id FROM members WHERE id = $1), $1, $2, $3, $4, coalesce($5, clock_timestamp() + interval '7 days'), $6, $7)
ON CONFLICT (organization_id, member_id) DO UPDATE SET reason = $2, nonce = $3, token_hash = $4, expires_at = excluded.expires_at,
  delivery = 'QUEUED', sent_by_id = $6, sent_with_id = $7, created_at = clock_timestamp()`,
		l.MemberID, l.Reason, l.Nonce, l.TokenHash, l.ExpiresAt, text(l.Sender.UserID), text(l.Sender.TokenID))
	return err
}

// SetSender makes somebody answer for an invitation who has just given it another role.
func (t *Tx) SetSender(ctx context.Context, memberID string, s Sender) error {
	_, err := t.pg.Exec(ctx, `UPDATE invitations SET sent_by_id = $2, sent_with_id = $3 WHERE `+ofMember, memberID, text(s.UserID), text(s.TokenID))
	return err
}

// SetLinks stores the links of many members at once, who have just been removed; they end when the members' windows do.
func (t *Tx) SetLinks(ctx context.Context, removed []*Removed, nonces, hashes [][]byte) error {
	n := len(removed)
	organizations, members, untils := make([]string, n), make([]string, n), make([]time.Time, n)
	for i, r := range removed {
		organizations[i], members[i], untils[i] = r.OrganizationID, r.ID, r.ReinstatableUntil
	}
	_, err := t.pg.Exec(ctx, `
INSERT INTO invitations (organization_id, member_id, reason, nonce, token_hash, expires_at)
SELECT l.organization, l.member, 'REMOVED_FOR_2FA', l.nonce, l.hash, l.until
  FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bytea[], $5::timestamptz[]) AS l (organization, member, nonce, hash, until)
ON CONFLICT (organization_id, member_id) DO UPDATE SET reason = excluded.reason, nonce = excluded.nonce, token_hash = excluded.token_hash,
  expires_at = excluded.expires_at, delivery = 'QUEUED', created_at = clock_timestamp()`, organizations, members, nonces, hashes, untils)
	return err
}

// DeleteLink ends a member's link: it was used.
func (t *Tx) DeleteLink(ctx context.Context, memberID string) error {
	_, err := t.pg.Exec(ctx, `DELETE FROM invitations WHERE `+ofMember, memberID)
	return err
}

// SetDelivery notes how far a link's mail has got, unless the link has been replaced meanwhile.
func (q Queries) SetDelivery(ctx context.Context, memberID string, tokenHash []byte, delivery org.InviteDelivery) error {
	_, err := q.pg.Exec(ctx, `UPDATE invitations SET delivery = $3 WHERE `+ofMember+` AND token_hash = $2`, memberID, tokenHash, delivery)
	return err
}

type linkRow struct {
	MemberID         string
	Reason           org.InvitationReason
	Nonce, TokenHash []byte
	ExpiresAt        time.Time
	SentByID         *string
	Revoked          bool // the API token that it was sent with
}

func (q Queries) link(ctx context.Context, where string, arg any) (*org.Link, error) {
	row, err := one[linkRow](ctx, q.pg, `
SELECT i.member_id, i.reason, i.nonce, i.token_hash, i.expires_at, i.sent_by_id, k.revoked_at IS NOT NULL AS revoked
  FROM invitations i LEFT JOIN api_tokens k ON k.id = i.sent_with_id WHERE i.expires_at > clock_timestamp() AND `+where, arg)
	if err != nil {
		return nil, err
	}
	m, err := q.Member(ctx, row.MemberID)
	if err != nil {
		return nil, err
	}
	link := &org.Link{Member: m, Reason: row.Reason, Nonce: row.Nonce, TokenHash: row.TokenHash, ExpiresAt: row.ExpiresAt, Revoked: row.Revoked}
	if row.SentByID != nil {
		by, err := q.MemberOf(ctx, m.OrganizationID, *row.SentByID)
		if err != nil && !errors.Is(err, org.ErrNotFound) {
			return nil, err
		}
		link.Sender = &org.Sender{Place: by}
	}
	if !link.Stands() {
		return nil, org.ErrNotFound
	}
	return link, nil
}

// LinkByToken finds a living link by the hash of its token; NOT_FOUND for a dead one.
func (q Queries) LinkByToken(ctx context.Context, tokenHash []byte) (*org.Link, error) {
	return q.link(ctx, `i.token_hash = $1`, tokenHash)
}

// LinkOf finds a member's living link; NOT_FOUND where there is none.
func (q Queries) LinkOf(ctx context.Context, memberID string) (*org.Link, error) {
	return q.link(ctx, `(i.organization_id, i.member_id) = (SELECT organization_id, id FROM members WHERE id = $1)`, memberID)
}
