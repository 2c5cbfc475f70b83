package db

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"muster/org"
)

// CrowdMember is one of the many members of a demo. Nobody can sign in as them: they have no password.
type CrowdMember struct {
	ID, UserID  string // UserID is "" for an invitation
	Name, Email string
	Role        org.Role
	Joined      time.Time
	SeenAt      time.Time
	Factor      org.AuthenticatorKind // "" for none
	FactorAt    time.Time
	TeamIDs     []string
	Nonce, Hash []byte // of an invitation's link
}

// AddCrowd adds many members at once. Accounts and factors come first: what is kept of an organization is then written once.
func (t *Tx) AddCrowd(ctx context.Context, organizationID, invitedBy string, crowd []*CrowdMember) error {
	var users, factors, members, teams, links [][]any
	for _, m := range crowd {
		if m.UserID == "" {
			members = append(members, []any{m.ID, organizationID, nil, m.Email, m.Role, org.StatusInvited, invitedBy, nil, m.Joined})
			links = append(links, []any{organizationID, m.ID, org.ReasonInvited, m.Nonce, m.Hash, m.Joined.Add(7 * 24 * time.Hour), org.DeliverySent})
		} else {
			users = append(users, []any{m.UserID, m.Name, m.Email, m.Joined, m.Joined})
			members = append(members, []any{m.ID, organizationID, m.UserID, nil, m.Role, org.StatusActive, invitedBy, m.SeenAt, m.Joined})
		}
		if m.Factor != "" {
			factors = append(factors, []any{NewID(AuthenticatorID), m.UserID, m.Factor, "Demo", m.FactorAt, m.FactorAt})
		}
		for _, id := range m.TeamIDs {
			teams = append(teams, []any{organizationID, m.ID, id})
		}
	}
	for _, c := range []struct {
		table   string
		columns []string
		rows    [][]any
	}{
		{"users", []string{"id", "name", "email", "email_verified_at", "created_at"}, users},
		{"authenticators", []string{"id", "user_id", "kind", "name", "confirmed_at", "created_at"}, factors},
		{"members", []string{"id", "organization_id", "user_id", "email", "role", "status", "invited_by_id", "last_seen_at", "created_at"}, members},
		{"member_teams", []string{"organization_id", "member_id", "team_id"}, teams},
		{"invitations", []string{"organization_id", "member_id", "reason", "nonce", "token_hash", "expires_at", "delivery"}, links},
	} {
		if _, err := t.pgx.CopyFrom(ctx, pgx.Identifier{c.table}, c.columns, pgx.CopyFromRows(c.rows)); err != nil {
			return err
		}
	}
	return nil
}

// AddPast writes the days of a new organization's history before today, from when its members joined and got their factors.
func (t *Tx) AddPast(ctx context.Context, organizationID string) error {
	_, err := t.pg.Exec(ctx, `
INSERT INTO compliance_days (organization_id, day, active, two_factor, removed)
SELECT $1, d::date, count(*), count(*) FILTER (WHERE f.since < d + interval '1 day'), 0
  FROM (SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date AS today) t
 CROSS JOIN members m
  LEFT JOIN LATERAL (SELECT min(confirmed_at) AT TIME ZONE 'UTC' AS since FROM authenticators WHERE user_id = m.user_id) f ON true
 CROSS JOIN LATERAL generate_series((m.created_at AT TIME ZONE 'UTC')::date, t.today - 1, interval '1 day') d
 WHERE m.organization_id = $1 AND m.status = 'ACTIVE' GROUP BY d`, organizationID)
	return err
}
