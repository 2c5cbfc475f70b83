package db

import (
	"context"
	"time"

	"muster/org"
)

const sweepQuery = `
SELECT id, organization_id, actor_id, actor_label, ip_address, user_agent, state, total, done, failed, started_at, finished_at FROM sweeps `

// Sweep finds a sweep by id.
func (q Queries) Sweep(ctx context.Context, id string) (*org.Sweep, error) {
	return one[org.Sweep](ctx, q.pg, sweepQuery+`WHERE id = $1`, id)
}

// LatestSweep is the organization's newest; NOT_FOUND before the first.
func (q Queries) LatestSweep(ctx context.Context, organizationID string) (*org.Sweep, error) {
	return one[org.Sweep](ctx, q.pg, sweepQuery+`WHERE organization_id = $1 ORDER BY id DESC LIMIT 1`, organizationID)
}

// UnfinishedSweep is the one that is queued or running, of which there is at most one; NOT_FOUND where there is none.
func (q Queries) UnfinishedSweep(ctx context.Context, organizationID string) (*org.Sweep, error) {
	return one[org.Sweep](ctx, q.pg, sweepQuery+`WHERE organization_id = $1 AND state IN ('QUEUED', 'RUNNING')`, organizationID)
}

// CreateSweep adds a sweep.
func (t *Tx) CreateSweep(ctx context.Context, s *org.Sweep) error {
	_, err := t.pg.Exec(ctx, `
INSERT INTO sweeps (id, organization_id, actor_id, actor_label, ip_address, user_agent, state, total) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		s.ID, s.OrganizationID, s.ActorID, s.ActorLabel, s.IPAddress, s.UserAgent, s.State, s.Total)
	return err
}

// CancelSweep ends the organization's unfinished sweep.
func (t *Tx) CancelSweep(ctx context.Context, organizationID string) error {
	_, err := t.pg.Exec(ctx, `
UPDATE sweeps SET state = 'CANCELED', finished_at = clock_timestamp(), lease_until = NULL
 WHERE organization_id = $1 AND state IN ('QUEUED', 'RUNNING')`, organizationID)
	return err
}

// Lease is how long a sweep stays with the one who works on it without a sign of life; another instance takes over then.
const Lease = 30 * time.Second

// ClaimSweep takes an unfinished sweep that nobody holds. NOT_FOUND where there is nothing to claim.
func (d *DB) ClaimSweep(ctx context.Context, id, holder string) (*org.Sweep, error) {
	return one[org.Sweep](ctx, d.pg, `
UPDATE sweeps SET lease_holder = $2, lease_until = clock_timestamp() + $3::interval, state = 'RUNNING',
       started_at = coalesce(started_at, clock_timestamp())
 WHERE id = $1 AND state IN ('QUEUED', 'RUNNING') AND (lease_until IS NULL OR lease_until < clock_timestamp())
RETURNING id, organization_id, actor_id, actor_label, ip_address, user_agent, state, total, done, failed, started_at, finished_at`,
		id, holder, Lease)
}

// ReleaseSweep gives a sweep back, so that the next one need not wait for the lease to end.
func (d *DB) ReleaseSweep(ctx context.Context, id, holder string) error {
	_, err := d.pg.Exec(ctx, `UPDATE sweeps SET lease_until = NULL WHERE id = $1 AND lease_holder = $2`, id, holder)
	return err
}

// ReleaseSweepsOf gives back what an earlier life of this instance held; holders begin with the instance's name.
func (d *DB) ReleaseSweepsOf(ctx context.Context, instance string) error {
	_, err := d.pg.Exec(ctx, `UPDATE sweeps SET lease_until = NULL WHERE starts_with(lease_holder, $1) AND state IN ('QUEUED', 'RUNNING')`, instance+"/")
	return err
}

// UnheldSweeps are the unfinished ones that nobody works on.
func (q Queries) UnheldSweeps(ctx context.Context) ([]string, error) {
	return column[string](ctx, q.pg, `
SELECT id FROM sweeps WHERE state IN ('QUEUED', 'RUNNING') AND (lease_until IS NULL OR lease_until < clock_timestamp()) ORDER BY id LIMIT 100`)
}

// HoldSweep renews the lease inside a batch's transaction. It says whether the sweep is still the holder's and unfinished.
func (t *Tx) HoldSweep(ctx context.Context, id, holder string) (bool, error) {
	tag, err := t.pg.Exec(ctx, `
UPDATE sweeps SET lease_until = clock_timestamp() + $3::interval WHERE id = $1 AND lease_holder = $2 AND state = 'RUNNING'`, id, holder, Lease)
	return tag.RowsAffected() == 1, err
}

// AdvanceSweep adds to what is done.
func (t *Tx) AdvanceSweep(ctx context.Context, id string, done int) error {
	_, err := t.pg.Exec(ctx, `UPDATE sweeps SET done = done + $2, total = greatest(total, done + $2 + failed) WHERE id = $1`, id, done)
	return err
}

// FinishSweep ends a sweep; failed are those who could not be removed because they have no address.
func (t *Tx) FinishSweep(ctx context.Context, id string, failed int) error {
	_, err := t.pg.Exec(ctx, `
UPDATE sweeps SET state = 'DONE', failed = $2, total = done + $2, finished_at = clock_timestamp(), lease_until = NULL WHERE id = $1`, id, failed)
	return err
}

// Removed is a member who has just been removed for having no authenticator.
type Removed struct {
	ID                string
	OrganizationID    string
	UserID            string
	Name              string
	Email             string
	Role              org.Role
	Teams             []string
	ReinstatableUntil time.Time
}

// Label is how the audit log names the member.
func (r *Removed) Label() string { return r.Name + " <" + r.Email + ">" }

// removing is the one statement that removes for 2FA: those of the members m of users u that which chooses who are active, do
// not meet the requirement and have an address; it gives them in order of joining. Whoever may change that holds the
// organization's lock, so nothing is locked before. The end of their window is written here and nowhere else: three calendar
// months in UTC.
func removing(which string) string {
	return `
WITH removed AS (
UPDATE members m SET status = 'REMOVED_FOR_2FA', removed_at = clock_timestamp(),
       reinstatable_until = (clock_timestamp() AT TIME ZONE 'UTC' + interval '3 months') AT TIME ZONE 'UTC'
  FROM users u
 WHERE ` + which + ` AND m.status = 'ACTIVE' AND u.id = m.user_id AND NOT ` + compliant + ` AND u.email IS NOT NULL
RETURNING m.id, m.organization_id, m.user_id, u.name, u.email, m.role, m.reinstatable_until)
SELECT r.*, coalesce(array_agg(t.slug ORDER BY t.slug) FILTER (WHERE t.slug IS NOT NULL), '{}') AS teams
  FROM removed r
  LEFT JOIN member_teams mt ON (mt.organization_id, mt.member_id) = (r.organization_id, r.id)
  LEFT JOIN teams t ON (t.organization_id, t.id) = (mt.organization_id, mt.team_id)
 GROUP BY r.id, r.organization_id, r.user_id, r.name, r.email, r.role, r.reinstatable_until ORDER BY r.id`
}

// NonCompliant are the ids of at most limit of an organization's members, by id and above a given one, who do not meet the
// requirement and can be removed for it. They are read along an index of their own; what is asked about each of them is a
// subquery, since PostgreSQL, when it does not know how many they are, joins the organization with all accounts instead.
func (q Queries) NonCompliant(ctx context.Context, organizationID, after string, limit int) ([]string, error) {
	return column[string](ctx, q.pg, nonCompliant, organizationID, after, limit)
}

const nonCompliant = `
SELECT m.id FROM members m
 WHERE m.organization_id = $1 AND m.status = 'ACTIVE' AND m.two_factor = 'DISABLED' AND m.id COLLATE "POSIX" > $2
   AND NOT (SELECT ` + vouched + `) AND (SELECT u.email IS NOT NULL FROM users u WHERE u.id = m.user_id)
 ORDER BY m.id COLLATE "POSIX" LIMIT $3`

// RemoveNonCompliant removes those of an organization's members with these ids who do not meet the requirement. The
// organization must be locked. The ids go through a SELECT: else each batch is planned anew with a look at every one of them.
func (t *Tx) RemoveNonCompliant(ctx context.Context, organizationID string, ids []string) ([]*Removed, error) {
	return all[Removed](ctx, t.pg, removing(`m.organization_id = $1 AND m.id = ANY(ARRAY(SELECT unnest($2::text[])))`), organizationID, ids)
}

// LockOut removes a person who has no authenticator from the organizations that require one. All of the person's
// organizations must be locked.
func (t *Tx) LockOut(ctx context.Context, userID string) ([]*Removed, error) {
	return all[Removed](ctx, t.pg, removing(`m.user_id = $1 AND EXISTS (SELECT FROM organizations o WHERE o.id = m.organization_id AND o.require2fa)`), userID)
}
