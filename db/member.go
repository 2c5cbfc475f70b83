package db

import (
	"context"
	"fmt"
	"strings"
	"time"

	"muster/org"
)

type memberRow struct {
	ID, OrganizationID                         string
	Slug, OrganizationName                     string
	Enforced                                   bool
	Role                                       org.Role
	Status                                     org.MemberStatus
	Email, UserID, UserName                    *string
	EmailVerified                              *bool
	TwoFactor                                  *org.TwoFactorState
	NotifyMembership, NotifySecurity           bool
	InvitedByID, InvitedByName, InvitedByEmail *string
	InviteExpiresAt                            *time.Time
	InviteDelivery                             *org.InviteDelivery
	RemovedAt, ReinstatableUntil, LastSeenAt   *time.Time
	FrozenSince                                *time.Time
	IsOnlyOwner                                bool
	Linked, Trusted                            bool
	TeamIDs, TeamSlugs, TeamNames              []string
}

// memberQuery joins what a member shows: to-one links are joins, the few teams come as arrays.
const memberQuery = `
SELECT m.id, m.organization_id, o.slug, o.name AS organization_name, o.require2fa AS enforced, m.role, m.status,
       coalesce(u.email, m.email) AS email, u.id AS user_id, u.name AS user_name,
       u.email_verified_at IS NOT NULL AS email_verified, u.two_factor, u.frozen_since,
       m.notify_membership, m.notify_security, b.id AS invited_by_id, b.name AS invited_by_name, b.email AS invited_by_email,
       i.expires_at AS invite_expires_at, i.delivery AS invite_delivery,
       m.removed_at, m.reinstatable_until, m.last_seen_at,
       m.role = 'OWNER' AND m.status = 'ACTIVE' AND NOT EXISTS (SELECT FROM members x
         WHERE x.organization_id = m.organization_id AND x.role = 'OWNER' AND x.status = 'ACTIVE' AND x.id <> m.id
           AND EXISTS (SELECT FROM credentials c JOIN users y ON y.id = c.user_id WHERE c.user_id = x.user_id AND y.frozen_since IS NULL)) AS is_only_owner,
       coalesce(s.trust_second_factor, false) AS trusted, EXISTS (SELECT FROM identities d
         WHERE d.user_id = m.user_id AND d.organization_id = m.organization_id AND d.issuer = s.issuer) AS linked,
       t.ids AS team_ids, t.slugs AS team_slugs, t.names AS team_names
  FROM members m
  JOIN organizations o ON o.id = m.organization_id
  LEFT JOIN users u ON u.id = m.user_id
  LEFT JOIN users b ON b.id = m.invited_by_id
  LEFT JOIN invitations i ON i.member_id = m.id
  LEFT JOIN sso_connections s ON s.organization_id = m.organization_id
  LEFT JOIN LATERAL (SELECT array_agg(t.id ORDER BY t.name, t.id) AS ids, array_agg(t.slug ORDER BY t.name, t.id) AS slugs,
                            array_agg(t.name ORDER BY t.name, t.id) AS names
                       FROM member_teams mt JOIN teams t ON t.id = mt.team_id WHERE mt.member_id = m.id) t ON true
`

func (r *memberRow) member() *org.Member {
	m := &org.Member{
		ID: r.ID, OrganizationID: r.OrganizationID,
		Organization: &org.Organization{ID: r.OrganizationID, Slug: r.Slug, Name: r.OrganizationName, Enforced: r.Enforced},
		Email:        r.Email, Name: r.UserName, Role: r.Role, Status: r.Status, TwoFactor: r.TwoFactor,
		Teams: []*org.Team{}, NotificationSettings: &org.NotificationSettings{Membership: r.NotifyMembership, Security: r.NotifySecurity},
		InviteExpiresAt: r.InviteExpiresAt, InviteDelivery: r.InviteDelivery,
		RemovedAt: r.RemovedAt, ReinstatableUntil: r.ReinstatableUntil, LastSeenAt: r.LastSeenAt, IsOnlyOwner: &r.IsOnlyOwner,
		Linked: &r.Linked, Trusted: r.Trusted,
	}
	if r.UserID != nil {
		m.User = &org.User{ID: *r.UserID, Name: *r.UserName, Email: r.Email, EmailVerified: r.EmailVerified, TwoFactor: r.TwoFactor, FrozenSince: r.FrozenSince}
	}
	if r.InvitedByID != nil {
		m.InvitedBy = &org.User{ID: *r.InvitedByID, Name: *r.InvitedByName, Email: r.InvitedByEmail}
	}
	for i := range r.TeamIDs {
		m.Teams = append(m.Teams, &org.Team{ID: r.TeamIDs[i], OrganizationID: r.OrganizationID, Slug: r.TeamSlugs[i], Name: r.TeamNames[i]})
	}
	return m
}

func (q Queries) member(ctx context.Context, where string, args ...any) (*org.Member, error) {
	row, err := one[memberRow](ctx, q.pg, memberQuery+where, args...)
	if err != nil {
		return nil, err
	}
	return row.member(), nil
}

func (q Queries) members(ctx context.Context, where string, args ...any) ([]*org.Member, error) {
	rows, err := all[memberRow](ctx, q.pg, memberQuery+where, args...)
	if err != nil {
		return nil, err
	}
	members := make([]*org.Member, len(rows))
	for i, row := range rows {
		members[i] = row.member()
	}
	return members, nil
}

// Member finds a member by id.
func (q Queries) Member(ctx context.Context, id string) (*org.Member, error) {
	return q.member(ctx, `WHERE m.id = $1`, id)
}

// MemberOf finds a user's place in an organization; NOT_FOUND for a stranger.
func (q Queries) MemberOf(ctx context.Context, organizationID, userID string) (*org.Member, error) {
	return q.member(ctx, `WHERE m.organization_id = $1 AND m.user_id = $2`, organizationID, userID)
}

// MemberByEmail finds who has an address in an organization, as an account's or as an invitation's.
func (q Queries) MemberByEmail(ctx context.Context, organizationID, email string) (*org.Member, error) {
	return q.member(ctx, `WHERE m.organization_id = $1 AND lower(coalesce(u.email, m.email)) = lower($2)`, organizationID, email)
}

// Memberships are all of a user's places, oldest first: rules are decided on them, so none may be left out.
func (q Queries) Memberships(ctx context.Context, userID string) ([]*org.Member, error) {
	return q.members(ctx, `WHERE m.user_id = $1 ORDER BY m.id`, userID)
}

// OrganizationIDs are those in which a user has a place, removed or not.
func (q Queries) OrganizationIDs(ctx context.Context, userID string) ([]string, error) {
	return column[string](ctx, q.pg, `SELECT organization_id FROM members WHERE user_id = $1 ORDER BY organization_id`, userID)
}

// MemberList says which members a page shows.
type MemberList struct {
	OrganizationID string
	Filter         *org.MemberFilter
	Manager        bool // the reader is one: sees those who are not active too, and addresses, in which the search looks then
	Affected       bool // only active members who do not meet the requirement
	Unmailable     bool // of them, only those without an address
	Page           org.PageRequest
}

// Members are one more than the page holds, in order of joining.
func (q Queries) Members(ctx context.Context, l MemberList) ([]*org.Member, error) {
	where := []string{"m.organization_id = $1", "m.id > $2"}
	args := []any{l.OrganizationID, l.Page.After}
	and := func(condition string, arg any) {
		args = append(args, arg)
		where = append(where, fmt.Sprintf(condition, len(args)))
	}
	if f := l.Filter; f != nil {
		if len(f.Status) > 0 {
			and("m.status = ANY($%d)", f.Status)
		}
		if len(f.Role) > 0 {
			and("m.role = ANY($%d)", f.Role)
		}
		if len(f.TwoFactor) > 0 {
			and("u.two_factor = ANY($%d)", f.TwoFactor)
		}
		if len(f.Teams) > 0 {
			and("m.id IN (SELECT mt.member_id FROM member_teams mt WHERE mt.team_id = ANY($%d))", f.Teams)
		}
		if f.Query != nil && *f.Query != "" {
			pattern := containing(*f.Query)
			if l.Manager {
				and("(u.name ILIKE $%[1]d OR coalesce(u.email, m.email) ILIKE $%[1]d)", pattern)
			} else {
				and("u.name ILIKE $%d", pattern)
			}
		}
	}
	if !l.Manager {
		where = append(where, "m.status = 'ACTIVE'")
	}
	if l.Affected {
		where = append(where, "m.status = 'ACTIVE'", "NOT "+compliant)
	}
	if l.Unmailable {
		where = append(where, "u.email IS NULL")
	}
	args = append(args, l.Page.First+1)
	return q.members(ctx, fmt.Sprintf("WHERE %s ORDER BY m.id LIMIT $%d", strings.Join(where, " AND "), len(args)), args...)
}

// containing is the pattern of texts that have s in them.
func containing(s string) string { return "%" + likeEscaper.Replace(s) + "%" }

var likeEscaper = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// MembersToNotify are the active members who want an organization's mails of a kind and have an address; those whom the
// requirement locks out get none. Owners get those about security whether they want them or not: else whoever has the session
// of one could silence what follows. They come in pages, after the member's id; owners alone where that is asked for.
func (q Queries) MembersToNotify(ctx context.Context, organizationID string, security, owners bool, after string, limit int) ([]*org.Member, error) {
	wanted := "m.notify_membership"
	if security {
		wanted = "(m.notify_security OR m.role = 'OWNER')"
	}
	return q.members(ctx, `WHERE m.organization_id = $1 AND m.status = 'ACTIVE' AND u.email IS NOT NULL AND `+wanted+`
   AND (NOT o.require2fa OR `+compliant+`) AND (NOT $4 OR m.role = 'OWNER') AND m.id > $2 ORDER BY m.id LIMIT $3`,
		organizationID, after, limit, owners)
}

// OtherOwners counts the active owners other than one member who can sign in without a provider, and of them those with an
// authenticator of their own: an organization must not depend on a provider that its last owner could not even disconnect, nor
// on somebody whose account is locked.
func (q Queries) OtherOwners(ctx context.Context, organizationID, memberID string) (org.Owners, error) {
	owners, err := one[org.Owners](ctx, q.pg, `
SELECT count(*)::int AS active, (count(*) FILTER (WHERE u.two_factor <> 'DISABLED'))::int AS compliant
  FROM members m JOIN users u ON u.id = m.user_id
 WHERE m.organization_id = $1 AND m.role = 'OWNER' AND m.status = 'ACTIVE' AND m.id <> $2 AND u.frozen_since IS NULL
   AND EXISTS (SELECT FROM credentials c WHERE c.user_id = m.user_id)`, organizationID, memberID)
	if err != nil {
		return org.Owners{}, err
	}
	return *owners, nil
}

// AnOwner is an active owner whom people can ask, the longest-serving first.
func (q Queries) AnOwner(ctx context.Context, organizationID string) (*org.Member, error) {
	return q.member(ctx, `
WHERE m.organization_id = $1 AND m.role = 'OWNER' AND m.status = 'ACTIVE' AND u.email IS NOT NULL
 ORDER BY u.frozen_since IS NOT NULL, u.two_factor = 'DISABLED', m.id LIMIT 1`, organizationID)
}

// CreateMember adds a member with an account.
func (t *Tx) CreateMember(ctx context.Context, id, organizationID, userID string, role org.Role) error {
	_, err := t.pg.Exec(ctx, `INSERT INTO members (id, organization_id, user_id, role, status) VALUES ($1, $2, $3, $4, 'ACTIVE')`,
		id, organizationID, userID, role)
	return err
}

// CreateInvited adds an invited address.
func (t *Tx) CreateInvited(ctx context.Context, id, organizationID, email string, role org.Role, invitedBy string) error {
	_, err := t.pg.Exec(ctx, `
INSERT INTO members (id, organization_id, email, role, status, invited_by_id) VALUES ($1, $2, $3, $4, 'INVITED', $5)`,
		id, organizationID, email, role, text(invitedBy))
	return err
}

// Join makes an invitation the user's membership. CONFLICT where they have one: the address of an invitation can have become
// theirs later.
func (t *Tx) Join(ctx context.Context, memberID, userID string) error {
	_, err := t.pg.Exec(ctx, `UPDATE members SET user_id = $2, email = NULL, status = 'ACTIVE' WHERE id = $1 AND status = 'INVITED'`, memberID, userID)
	if violates(err, "members_user") {
		return org.Refuse(org.CodeConflict, "You are a member of this organization already. Ask for the invitation of this address to be withdrawn.")
	}
	return err
}

// Reinstate makes a member who was removed for 2FA active again; the row has kept everything else.
func (t *Tx) Reinstate(ctx context.Context, memberID string) error {
	_, err := t.pg.Exec(ctx, `
UPDATE members SET status = 'ACTIVE', removed_at = NULL, reinstatable_until = NULL WHERE id = $1 AND status = 'REMOVED_FOR_2FA'`, memberID)
	return err
}

// SetRole stores a member's role.
func (t *Tx) SetRole(ctx context.Context, memberID string, role org.Role) error {
	_, err := t.bun.NewUpdate().Table("members").Set("role = ?", role).Where("id = ?", memberID).Exec(ctx)
	return err
}

// SetNotifications stores which mails a member wants.
func (t *Tx) SetNotifications(ctx context.Context, memberID string, n org.NotificationSettings) error {
	_, err := t.bun.NewUpdate().Table("members").Set("notify_membership = ?", n.Membership).Set("notify_security = ?", n.Security).
		Where("id = ?", memberID).Exec(ctx)
	return err
}

// SetTeams makes these the member's only teams. It says how many of the ids are teams of the organization.
func (t *Tx) SetTeams(ctx context.Context, organizationID, memberID string, teamIDs []string) (int, error) {
	if _, err := t.pg.Exec(ctx, `DELETE FROM member_teams WHERE member_id = $1`, memberID); err != nil {
		return 0, err
	}
	tag, err := t.pg.Exec(ctx, `
INSERT INTO member_teams (member_id, team_id) SELECT $1, id FROM teams WHERE organization_id = $2 AND id = ANY($3)`,
		memberID, organizationID, teamIDs)
	return int(tag.RowsAffected()), err
}

// DeleteMember ends a membership for good.
func (t *Tx) DeleteMember(ctx context.Context, id string) error {
	_, err := t.pg.Exec(ctx, `DELETE FROM members WHERE id = $1`, id)
	return err
}

// Seen notes that members have used their organizations, to the minute.
func (d *DB) Seen(ctx context.Context, memberID string) error {
	_, err := d.pg.Exec(ctx, `
UPDATE members SET last_seen_at = clock_timestamp()
 WHERE id = $1 AND (last_seen_at IS NULL OR last_seen_at < clock_timestamp() - interval '1 minute')`, memberID)
	return err
}

// WindowsOver are members, and their organizations, whose time to come back is over; at most limit.
func (q Queries) WindowsOver(ctx context.Context, limit int) ([]*org.Member, error) {
	return q.members(ctx, `
WHERE m.status = 'REMOVED_FOR_2FA' AND m.reinstatable_until <= clock_timestamp() ORDER BY m.reinstatable_until LIMIT $1`, limit)
}
