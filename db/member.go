package db

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"muster/org"
)

// memberRow is one row of a query for members: columns that every reader needs, and those of the details that are wanted.
type memberRow struct {
	role, status, twoFactor              word
	id, email, userID, userName, issuer  columnText
	organizationID, slug                 columnText
	organizationName                     columnText
	enforced                             pgtype.Bool
	removed, until, seen                 pgtype.Timestamptz
	emailVerified                        pgtype.Bool
	frozen                               pgtype.Timestamptz
	notifyMembership, notifySecurity     pgtype.Bool
	inviterID, inviterName, inviterEmail columnText
	inviterIssuer                        columnText
	inviteExpires                        pgtype.Timestamptz
	inviteDelivery                       columnText
	sentBy                               columnText
	senderRole, senderStatus             word
	senderFrozen, senderMeets, revoked   bool
	onlyOwner, trusted, linked           pgtype.Bool
	teamIDs, teamSlugs, teamNames        []string
}

const memberColumns = `m.id, m.role, m.status, coalesce(u.email, m.email), u.id, u.name, u.issuer, u.two_factor`

func (r *memberRow) columns() []any {
	return []any{&r.id, &r.role, &r.status, &r.email, &r.userID, &r.userName, &r.issuer, &r.twoFactor}
}

// memberDetails are the columns that not every reader of members needs, each group with what it joins: to-one links are joins,
// the few teams come as arrays. Half of what a page of members costs PostgreSQL is details that nobody has asked for.
var memberDetails = []struct {
	wanted        func(org.MemberDetails) bool
	columns, join string
	scan          func(r *memberRow) []any
}{
	{
		func(d org.MemberDetails) bool { return d.Organization }, `m.organization_id, o.slug, o.name, o.require2fa`,
		`JOIN organizations o ON o.id = m.organization_id`,
		func(r *memberRow) []any { return []any{&r.organizationID, &r.slug, &r.organizationName, &r.enforced} },
	},
	{
		func(d org.MemberDetails) bool { return d.Times }, `m.removed_at, m.reinstatable_until, m.last_seen_at`, ``,
		func(r *memberRow) []any { return []any{&r.removed, &r.until, &r.seen} },
	},
	{
		func(d org.MemberDetails) bool { return d.Own },
		`coalesce(u.email_verified_at IS NOT NULL, false), u.frozen_since, m.notify_membership, m.notify_security`, ``,
		func(r *memberRow) []any {
			return []any{&r.emailVerified, &r.frozen, &r.notifyMembership, &r.notifySecurity}
		},
	},
	{
		func(d org.MemberDetails) bool { return d.InvitedBy }, `b.id, b.name, b.email, b.issuer`,
		`LEFT JOIN users b ON b.id = m.invited_by_id`,
		func(r *memberRow) []any {
			return []any{&r.inviterID, &r.inviterName, &r.inviterEmail, &r.inviterIssuer}
		},
	},
	{
		func(d org.MemberDetails) bool { return d.Invitation },
		`i.expires_at, i.delivery, i.sent_by_id, sender.role, sender.status, coalesce(sender.frozen, false), coalesce(sender.meets, false), k.revoked_at IS NOT NULL`,
		// Inside, m and u are who sent it: what compliant asks about.
		`LEFT JOIN invitations i ON (i.organization_id, i.member_id) = (m.organization_id, m.id)
  LEFT JOIN api_tokens k ON k.id = i.sent_with_id
  LEFT JOIN LATERAL (SELECT m.role, m.status, u.frozen_since IS NOT NULL AS frozen, ` + compliant + ` AS meets
                       FROM members m JOIN users u ON u.id = m.user_id
                      WHERE m.organization_id = i.organization_id AND m.user_id = i.sent_by_id) sender
         ON m.status = 'INVITED'`,
		func(r *memberRow) []any {
			return []any{&r.inviteExpires, &r.inviteDelivery, &r.sentBy, &r.senderRole, &r.senderStatus, &r.senderFrozen, &r.senderMeets, &r.revoked}
		},
	},
	{
		func(d org.MemberDetails) bool { return d.OnlyOwner },
		`m.role = 'OWNER' AND m.status = 'ACTIVE' AND NOT EXISTS (SELECT FROM members x
         WHERE x.organization_id = m.organization_id AND x.role = 'OWNER' AND x.status = 'ACTIVE' AND x.id <> m.id
           AND EXISTS (SELECT FROM credentials c JOIN users y ON y.id = c.user_id WHERE c.user_id = x.user_id AND y.frozen_since IS NULL))`,
		``,
		func(r *memberRow) []any { return []any{&r.onlyOwner} },
	},
	{
		func(d org.MemberDetails) bool { return d.Provider },
		`coalesce(p.trust_second_factor, false), p.issuer IS NOT NULL AND EXISTS (SELECT FROM identities d
         WHERE d.user_id = m.user_id AND d.organization_id = m.organization_id AND d.issuer = p.issuer)`,
		`LEFT JOIN sso_connections p ON p.organization_id = m.organization_id`,
		func(r *memberRow) []any { return []any{&r.trusted, &r.linked} },
	},
	{
		func(d org.MemberDetails) bool { return d.Teams }, `t.ids, t.slugs, t.names`,
		`LEFT JOIN LATERAL (SELECT array_agg(t.id ORDER BY t.name, t.id) AS ids, array_agg(t.slug ORDER BY t.name, t.id) AS slugs,
                            array_agg(t.name ORDER BY t.name, t.id) AS names
                       FROM member_teams mt JOIN teams t ON (t.organization_id, t.id) = (mt.organization_id, mt.team_id)
                      WHERE (mt.organization_id, mt.member_id) = (m.organization_id, m.id)) t ON true`,
		func(r *memberRow) []any { return []any{&r.teamIDs, &r.teamSlugs, &r.teamNames} },
	},
}

// memberQueries keeps what memberSQL has made, by details.
var memberQueries sync.Map

// memberQuery is a query for members, up to its WHERE: the columns, and what they are joined with.
type memberQuery struct{ columns, joins string }

// from is the query for members, whoever they are.
func (q memberQuery) from() string {
	return "SELECT " + q.columns + "\n  FROM members m LEFT JOIN users u ON u.id = m.user_id" + q.joins + "\n"
}

// page is the query for a page of members, whose accounts are looked up one after the other: PostgreSQL does not know how short a
// page is, and would read everybody's.
func (q memberQuery) page(members string) string {
	return "SELECT " + q.columns + "\n  FROM " + members + " m LEFT" + itsAccount("m") + q.joins + "\n"
}

// memberSQL is the query for members with these details.
func memberSQL(want org.MemberDetails) memberQuery {
	if made, ok := memberQueries.Load(want); ok {
		return made.(memberQuery)
	}
	q := memberQuery{columns: memberColumns}
	for _, detail := range memberDetails {
		if detail.wanted(want) {
			q.columns += ",\n       " + detail.columns
			q.joins += "\n  " + detail.join
		}
	}
	memberQueries.Store(want, q)
	return q
}

// columnsOf is where the query's columns go.
func (r *memberRow) columnsOf(want org.MemberDetails) []any {
	columns := r.columns()
	for _, detail := range memberDetails {
		if detail.wanted(want) {
			columns = append(columns, detail.scan(r)...)
		}
	}
	return columns
}

// keepIn makes the rows that are read into it share their memory.
func keepIn(kept *texts, columns []any) {
	for _, c := range columns {
		if text, ok := c.(*columnText); ok {
			text.kept = kept
		}
	}
}

// storedMember is a member with what every list shows, in one piece of memory: a page of them is one allocation.
type storedMember struct {
	member    org.Member
	user      org.User
	email     string
	twoFactor org.TwoFactorState
}

// store makes the row a member with the details that were read. Of a list in one organization that is the organization.
func (r *memberRow) store(s *storedMember, have org.MemberDetails, o *org.Organization) *org.Member {
	m := &s.member
	if have.Organization {
		o = &org.Organization{ID: r.organizationID.String, Slug: r.slug.String, Name: r.organizationName.String, Enforced: r.enforced.Bool}
	}
	s.email, s.twoFactor = r.email.String, org.TwoFactorState(r.twoFactor)
	m.ID, m.OrganizationID, m.Organization = r.id.String, o.ID, o
	m.Role, m.Status = org.Role(r.role), org.MemberStatus(r.status)
	m.Email, m.TwoFactor = given(&s.email, r.email.Valid), given(&s.twoFactor, r.twoFactor != "")
	if r.userID.Valid {
		s.user = org.User{ID: r.userID.String, Name: r.userName.String, Email: m.Email, TwoFactor: m.TwoFactor, Issuer: nullable(r.issuer)}
		m.User, m.Name = &s.user, &s.user.Name
	}
	if have.Times {
		m.RemovedAt, m.ReinstatableUntil, m.LastSeenAt = moment(r.removed), moment(r.until), moment(r.seen)
	}
	if have.Own {
		m.NotificationSettings = &org.NotificationSettings{Membership: r.notifyMembership.Bool, Security: r.notifySecurity.Bool}
		if m.User != nil {
			verified := r.emailVerified.Bool
			m.User.EmailVerified, m.User.FrozenSince = &verified, moment(r.frozen)
		}
	}
	if have.InvitedBy && r.inviterID.Valid {
		m.InvitedBy = &org.User{
			ID: r.inviterID.String, Name: r.inviterName.String, Email: nullable(r.inviterEmail), Issuer: nullable(r.inviterIssuer),
		}
	}
	if have.Invitation {
		delivery := org.InviteDelivery(r.inviteDelivery.String)
		m.InviteDelivery = given(&delivery, r.inviteDelivery.Valid)
		if r.linkOf(m).Stands() {
			m.InviteExpiresAt = moment(r.inviteExpires)
		}
	}
	if have.OnlyOwner {
		only := r.onlyOwner.Bool
		m.IsOnlyOwner = &only
	}
	if have.Provider {
		linked := r.linked.Bool
		m.Trusted, m.Linked = r.trusted.Bool, &linked
	}
	m.Teams = make([]*org.Team, len(r.teamIDs))
	for i := range r.teamIDs {
		m.Teams[i] = &org.Team{ID: r.teamIDs[i], OrganizationID: o.ID, Slug: r.teamSlugs[i], Name: r.teamNames[i]}
	}
	return m
}

// linkOf is the row's link, with as much of who answers for it as decides whether it stands.
func (r *memberRow) linkOf(m *org.Member) *org.Link {
	link := &org.Link{Member: m, Revoked: r.revoked}
	if !r.sentBy.Valid {
		return link
	}
	link.Sender = &org.Sender{}
	if r.senderRole == "" {
		return link // has gone
	}
	two, user := org.TwoFactorDisabled, &org.User{ID: r.sentBy.String}
	if r.senderMeets {
		two = org.TwoFactorSecure
	}
	if r.senderFrozen {
		user.FrozenSince = &time.Time{}
	}
	link.Sender.Place = &org.Member{
		Organization: m.Organization, Role: org.Role(r.senderRole), Status: org.MemberStatus(r.senderStatus), TwoFactor: &two, User: user,
	}
	return link
}

// given is the pointer to a value, nil where there is none.
func given[T any](value *T, valid bool) *T {
	if !valid {
		return nil
	}
	return value
}

// nullable is a nullable column's text, nil where it is null.
func nullable(t columnText) *string {
	if !t.Valid {
		return nil
	}
	s := t.String
	return &s
}

// moment is a nullable column's, nil where it is null.
func moment(t pgtype.Timestamptz) *time.Time {
	if !t.Valid {
		return nil
	}
	at := t.Time
	return &at
}

func (q Queries) member(ctx context.Context, where string, args ...any) (*org.Member, error) {
	return q.memberWith(ctx, org.EveryDetail, where, args...)
}

func (q Queries) memberWith(ctx context.Context, want org.MemberDetails, where string, args ...any) (*org.Member, error) {
	var row memberRow
	if err := q.pg.QueryRow(ctx, memberSQL(want).from()+where, args...).Scan(row.columnsOf(want)...); err != nil {
		return nil, notFound(err)
	}
	return row.store(&storedMember{}, want, nil), nil
}

func (q Queries) members(ctx context.Context, where string, args ...any) ([]*org.Member, error) {
	return q.membersWith(ctx, org.EveryDetail, nil, 0, memberSQL(org.EveryDetail).from()+where, args...)
}

// membersWith are members with these details, of this organization where it is given, that a query of memberSQL's gives. There are
// about expected of them: they are kept in pieces of memory of that size.
func (q Queries) membersWith(ctx context.Context, want org.MemberDetails, o *org.Organization, expected int, sql string, args ...any) ([]*org.Member, error) {
	var row memberRow
	columns := row.columnsOf(want)
	keepIn(new(texts), columns)
	rows, err := q.pg.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	expected = max(expected, 8)
	members := make([]*org.Member, 0, expected)
	var stored []storedMember
	for rows.Next() {
		if err := rows.Scan(columns...); err != nil {
			return nil, err
		}
		if len(stored) == 0 {
			stored = make([]storedMember, expected)
		}
		members = append(members, row.store(&stored[0], want, o))
		stored = stored[1:]
	}
	return members, rows.Err()
}

// Member finds a member by id.
func (q Queries) Member(ctx context.Context, id string) (*org.Member, error) {
	return q.member(ctx, `WHERE m.id = $1`, id)
}

// MemberOf finds a user's place in an organization; NOT_FOUND for a stranger.
func (q Queries) MemberOf(ctx context.Context, organizationID, userID string) (*org.Member, error) {
	return q.member(ctx, `WHERE m.organization_id = $1 AND m.user_id = $2`, organizationID, userID)
}

// PlaceOf is MemberOf with no more than the gate decides on.
func (q Queries) PlaceOf(ctx context.Context, organizationID, userID string) (*org.Member, error) {
	return q.memberWith(ctx, org.GateDetails, `WHERE m.organization_id = $1 AND m.user_id = $2`, organizationID, userID)
}

// PlaceBySlug is PlaceOf in an organization that is known by its short name: one look for both.
func (q Queries) PlaceBySlug(ctx context.Context, slug, userID string) (*org.Member, error) {
	return q.memberWith(ctx, org.GateDetails, `WHERE o.slug = $1 AND m.user_id = $2`, slug, userID)
}

// PlacesOf is PlaceOf for several users; a stranger is left out.
func (q Queries) PlacesOf(ctx context.Context, organizationID string, userIDs []string) ([]*org.Member, error) {
	return q.membersWith(ctx, org.GateDetails, nil, len(userIDs),
		memberSQL(org.GateDetails).from()+`WHERE m.organization_id = $1 AND m.user_id = ANY($2)`, organizationID, userIDs)
}

// MemberByEmail finds who has an address in an organization, as an account's or as an invitation's.
func (q Queries) MemberByEmail(ctx context.Context, organizationID, email string) (*org.Member, error) {
	return q.member(ctx, `
WHERE m.organization_id = $1 AND m.id = ANY(ARRAY(
  SELECT i.id FROM members i WHERE i.organization_id = $1 AND i.status = 'INVITED' AND lower(i.email) = lower($2)
  UNION ALL
  SELECT p.id FROM users x JOIN members p ON p.user_id = x.id AND p.organization_id = $1 WHERE lower(x.email) = lower($2)))`, organizationID, email)
}

// Memberships are all of a user's places, oldest first: rules are decided on them, so none may be left out.
func (q Queries) Memberships(ctx context.Context, userID string) ([]*org.Member, error) {
	return q.members(ctx, `WHERE m.user_id = $1 ORDER BY m.id`, userID)
}

// OrganizationIDs are those in which a user has a place, removed or not.
func (q Queries) OrganizationIDs(ctx context.Context, userID string) ([]string, error) {
	return column[string](ctx, q.pg, `SELECT organization_id FROM members WHERE user_id = $1 ORDER BY organization_id`, userID)
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
	if owners {
		wanted += " AND m.role = 'OWNER'"
	}
	return q.members(ctx, `WHERE m.organization_id = $1 AND m.status = 'ACTIVE' AND u.email IS NOT NULL AND `+wanted+`
   AND (NOT o.require2fa OR `+compliant+`) AND m.id > $2 ORDER BY m.id LIMIT $3`,
		organizationID, after, limit)
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
	if _, err := t.pg.Exec(ctx, `DELETE FROM member_teams WHERE organization_id = $1 AND member_id = $2`, organizationID, memberID); err != nil {
		return 0, err
	}
	tag, err := t.pg.Exec(ctx, `
INSERT INTO member_teams (organization_id, member_id, team_id) SELECT organization_id, $1, id FROM teams WHERE organization_id = $2 AND id = ANY($3)`,
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
