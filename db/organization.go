package db

import (
	"context"

	"github.com/uptrace/bun"

	"muster/org"
)

const organizationQuery = `
SELECT o.id, o.slug, o.name, o.require2fa AS enforced, o.audit_seq, o.reminded_at FROM organizations o `

// Organization finds an organization by id.
func (q Queries) Organization(ctx context.Context, id string) (*org.Organization, error) {
	return one[org.Organization](ctx, q.pg, organizationQuery+`WHERE o.id = $1`, id)
}

// OrganizationBySlug finds an organization by its short name.
func (q Queries) OrganizationBySlug(ctx context.Context, slug string) (*org.Organization, error) {
	return one[org.Organization](ctx, q.pg, organizationQuery+`WHERE o.slug = $1`, slug)
}

// LockOrganization locks an organization's row until the transaction ends, as a statement of its own: within the one that
// acts, the snapshot would be older than the lock. NO KEY, so that rows which reference it can still be inserted.
func (t *Tx) LockOrganization(ctx context.Context, id string) (*org.Organization, error) {
	return one[org.Organization](ctx, t.pg, organizationQuery+`WHERE o.id = $1 AND `+queue+` IS NOT NULL FOR NO KEY UPDATE`, id)
}

// queue waits for those who have come for the organization o before. Rows know no such order: who waits for one waits for the
// version that is being replaced, and whoever comes as that is committed takes the new one before those who waited wake up. A
// sweep would, batch after batch. What protects the organization is its row's lock all the same.
const queue = `pg_advisory_xact_lock(hashtextextended(o.id, 0))`

// LockOrganizations locks several, in the order of their ids, so that two who need the same ones never wait in a circle.
func (t *Tx) LockOrganizations(ctx context.Context, ids []string) ([]*org.Organization, error) {
	if _, err := t.pg.Exec(ctx, `SELECT `+queue+` FROM (SELECT id FROM organizations WHERE id = ANY($1) ORDER BY id) o`, ids); err != nil {
		return nil, err
	}
	return all[org.Organization](ctx, t.pg, organizationQuery+`WHERE o.id = ANY($1) ORDER BY o.id FOR NO KEY UPDATE`, ids)
}

// CreateOrganization adds an organization. CONFLICT where the short name is taken.
func (t *Tx) CreateOrganization(ctx context.Context, o *org.Organization) error {
	_, err := t.pg.Exec(ctx, `INSERT INTO organizations (id, slug, name) VALUES ($1, $2, $3)`, o.ID, o.Slug, o.Name)
	return slugTaken(err, "organizations_slug_key", o.Slug)
}

// UpdateOrganization stores name and short name. CONFLICT where the short name is taken.
func (t *Tx) UpdateOrganization(ctx context.Context, o *org.Organization) error {
	_, err := t.pg.Exec(ctx, `UPDATE organizations SET slug = $2, name = $3 WHERE id = $1`, o.ID, o.Slug, o.Name)
	return slugTaken(err, "organizations_slug_key", o.Slug)
}

// SetEnforced stores the requirement.
func (t *Tx) SetEnforced(ctx context.Context, o *org.Organization) error {
	_, err := t.bun.NewUpdate().Model(o).Column("require2fa").Where("id = ?", o.ID).Exec(ctx)
	return err
}

// Reminded notes when members without 2FA were reminded.
func (t *Tx) Reminded(ctx context.Context, organizationID string) error {
	_, err := t.pg.Exec(ctx, `UPDATE organizations SET reminded_at = clock_timestamp() WHERE id = $1`, organizationID)
	return err
}

func slugTaken(err error, constraint, slug string) error {
	if violates(err, constraint) {
		return org.Refuse(org.CodeConflict, "The short name %s is taken. Choose another.", slug)
	}
	return err
}

// Teams are an organization's, by name.
func (q Queries) Teams(ctx context.Context, organizationID string) ([]*org.Team, error) {
	teams := []*org.Team{}
	err := q.teams(&teams, organizationID).Scan(ctx)
	return teams, err
}

// teams is the query of Teams, and projects that of Projects for everybody: each is read along an index, and nothing is sorted.
func (q Queries) teams(teams *[]*org.Team, organizationID string) *bun.SelectQuery {
	return q.bun.NewSelect().Model(teams).Where("organization_id = ?", organizationID).OrderExpr("name, id").Limit(1000)
}

func (q Queries) projects(projects *[]*org.Project, organizationID string) *bun.SelectQuery {
	return q.bun.NewSelect().Model(projects).Relation("Team").Where("project.organization_id = ?", organizationID).
		OrderExpr("project.name, project.id").Limit(1000)
}

// Team finds a team by id.
func (q Queries) Team(ctx context.Context, id string) (*org.Team, error) {
	return one[org.Team](ctx, q.pg, `SELECT id, organization_id, slug, name FROM teams WHERE id = $1`, id)
}

// CreateTeam adds a team. CONFLICT where the short name is taken.
func (t *Tx) CreateTeam(ctx context.Context, team *org.Team) error {
	_, err := t.pg.Exec(ctx, `INSERT INTO teams (id, organization_id, slug, name) VALUES ($1, $2, $3, $4)`, team.ID, team.OrganizationID, team.Slug, team.Name)
	return slugTaken(err, "teams_organization_id_slug_key", team.Slug)
}

// CreateProject adds a project. CONFLICT where the short name is taken.
func (t *Tx) CreateProject(ctx context.Context, p *org.Project) error {
	_, err := t.pg.Exec(ctx, `INSERT INTO projects (id, organization_id, team_id, slug, name) VALUES ($1, $2, $3, $4, $5)`,
		p.ID, p.OrganizationID, p.TeamID, p.Slug, p.Name)
	return slugTaken(err, "projects_organization_id_slug_key", p.Slug)
}

// Project finds a project by id, with its team.
func (q Queries) Project(ctx context.Context, id string) (*org.Project, error) {
	row, err := one[struct {
		org.Project
		TeamSlug, TeamName string
	}](ctx, q.pg, `
SELECT p.id, p.organization_id, p.team_id, p.slug, p.name, t.slug AS team_slug, t.name AS team_name
  FROM projects p JOIN teams t ON (t.organization_id, t.id) = (p.organization_id, p.team_id) WHERE p.id = $1`, id)
	if err != nil {
		return nil, err
	}
	row.Team = &org.Team{ID: row.TeamID, OrganizationID: row.OrganizationID, Slug: row.TeamSlug, Name: row.TeamName}
	return &row.Project, nil
}

// Projects are an organization's, by name, with their teams; those of one member's teams where memberID is given.
func (q Queries) Projects(ctx context.Context, organizationID, memberID string) ([]*org.Project, error) {
	projects := []*org.Project{}
	query := q.projects(&projects, organizationID)
	if memberID != "" {
		query = query.Where("project.team_id IN (SELECT team_id FROM member_teams WHERE organization_id = ? AND member_id = ?)", organizationID, memberID)
	}
	err := query.Scan(ctx)
	return projects, err
}

// Impact counts what requiring 2FA would do now. What it costs grows with those who are without 2FA, and with nobody else: those who
// meet the requirement are the kept figure without them.
func (q Queries) Impact(ctx context.Context, organizationID string) (*org.Require2FAImpact, error) {
	const without = `m.organization_id = $1 AND m.status = 'ACTIVE' AND m.two_factor = 'DISABLED' AND NOT ` + vouched
	i := &org.Require2FAImpact{}
	err := q.pg.QueryRow(ctx, `
SELECT o.id, o.reminded_at, (w.members - x.members)::int, (o.active_count - w.members)::int, x.members::int, (w.owners - x.owners)::int
  FROM organizations o
 CROSS JOIN (SELECT count(*) AS members, count(*) FILTER (WHERE m.role = 'OWNER') AS owners FROM members m WHERE `+without+`) w
 CROSS JOIN (SELECT count(*) AS members, count(*) FILTER (WHERE m.role = 'OWNER') AS owners
               FROM members m JOIN users u ON u.id = m.user_id WHERE `+without+` AND u.email IS NULL) x
 WHERE o.id = $1`, organizationID).
		Scan(&i.OrganizationID, &i.RemindedAt, &i.RemovedCount, &i.CompliantCount, &i.UnmailableCount, &i.OwnersRemovedCount)
	return i, notFound(err)
}

// MemberCounts are the kept figures of an organization's members.
func (q Queries) MemberCounts(ctx context.Context, organizationID string) (*org.MemberCounts, error) {
	return one[org.MemberCounts](ctx, q.pg, `
SELECT active_count AS active, two_factor_count AS with2fa, invited_count AS invited, removed_count AS removed_for2fa
  FROM organizations WHERE id = $1`, organizationID)
}

// ComplianceHistory is how an organization stood at the end of each of the last days, oldest first: what a day with a change
// left holds until the next one.
func (q Queries) ComplianceHistory(ctx context.Context, organizationID string, days int) ([]*org.ComplianceDay, error) {
	return all[org.ComplianceDay](ctx, q.pg, `
SELECT t.today - ago AS day, d.active, d.two_factor AS with2fa, d.removed AS removed_for2fa
  FROM (SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date AS today) t
 CROSS JOIN (SELECT *, lead(day) OVER (ORDER BY day) AS next FROM compliance_days WHERE organization_id = $1) d
 CROSS JOIN generate_series(least(t.today - d.day, $2::int - 1), coalesce(t.today - d.next + 1, 0), -1) ago
 ORDER BY ago DESC`, organizationID, days)
}
