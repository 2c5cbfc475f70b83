package dbtest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// gapless lists the organizations whose log is not 1, 2, 3 … up to the number in their row.
const gapless = `
SELECT o.id::text, o.audit_seq, coalesce(e.last, 0), coalesce(e.entries, 0)
FROM organizations o
LEFT JOIN (
	SELECT organization_id, max(sequence) AS last, count(*) AS entries FROM audit_entries GROUP BY organization_id
) e ON e.organization_id = o.id
WHERE o.audit_seq <> coalesce(e.last, 0) OR o.audit_seq <> coalesce(e.entries, 0)
ORDER BY o.id`

// Miscounted lists, as one text each, the organizations whose kept figures are not those of their members, or whose newest
// day of the history does not say the same, the members whose copy of their account's 2FA state, name or address is not the account's, and those
// who have done something that a log tells and are not kept by their newest label.
const Miscounted = `
SELECT format('%s keeps %s active, %s invited, %s removed, %s with 2FA; there are %s, %s, %s, %s; its newest day says %s active, %s removed, %s with 2FA',
	o.slug, o.active_count, o.invited_count, o.removed_count, o.two_factor_count, m.active, m.invited, m.removed, m.two_factor, d.active, d.removed, d.two_factor)
FROM organizations o
CROSS JOIN LATERAL (
	SELECT count(*) FILTER (WHERE m.status = 'ACTIVE') AS active, count(*) FILTER (WHERE m.status = 'INVITED') AS invited,
		count(*) FILTER (WHERE m.status = 'REMOVED_FOR_2FA') AS removed,
		count(*) FILTER (WHERE m.status = 'ACTIVE' AND EXISTS (
			SELECT FROM users u WHERE u.id = m.user_id AND u.two_factor <> 'DISABLED')) AS two_factor
	FROM members m WHERE m.organization_id = o.id
) m
LEFT JOIN LATERAL (
	SELECT * FROM compliance_days d WHERE d.organization_id = o.id ORDER BY d.day DESC LIMIT 1
) d ON true
WHERE (o.active_count, o.invited_count, o.removed_count, o.two_factor_count) <> (m.active, m.invited, m.removed, m.two_factor)
	OR (o.active_count, o.removed_count, o.two_factor_count) <> (coalesce(d.active, 0), coalesce(d.removed, 0), coalesce(d.two_factor, 0))
UNION ALL
SELECT format('the member %s of %s has a copy that says %s where the account says %s', m.id, m.organization_id, m.two_factor, u.two_factor)
FROM members m LEFT JOIN users u ON u.id = m.user_id WHERE m.two_factor <> coalesce(u.two_factor, '')
UNION ALL
SELECT format('the member %s of %s has a copy to be found by that says %s, %s where %s, %s is right', coalesce(m.id, t.member_id),
	coalesce(m.organization_id, t.organization_id), t.name, t.email, u.name, coalesce(u.email, m.email))
FROM members m LEFT JOIN users u ON u.id = m.user_id FULL JOIN member_texts t ON (t.organization_id, t.member_id) = (m.organization_id, m.id)
WHERE m.id IS NULL OR t.member_id IS NULL OR (t.name, t.email) IS DISTINCT FROM (u.name, coalesce(u.email, m.email))
UNION ALL
SELECT format('%s is kept as %s among those in the log of %s, which says %s', e.actor_id, a.label, e.organization_id, e.actor_label)
FROM (
	SELECT DISTINCT ON (organization_id, actor_id) organization_id, actor_id, actor_label FROM audit_entries
	WHERE actor_id IS NOT NULL ORDER BY organization_id, actor_id, sequence DESC
) e
LEFT JOIN audit_actors a USING (organization_id, actor_id)
WHERE a.label IS DISTINCT FROM e.actor_label`

// check asks what must hold for each organization after every test: no entry of its audit log is missing, and its
// counters say so.
func check(url string) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), stepLimit)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("connect to check the audit log: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	rows, err := conn.Query(ctx, gapless)
	if err != nil {
		return fmt.Errorf("check the audit log: %w", err)
	}
	broken, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		var id string
		var counter, last, entries int64
		err := row.Scan(&id, &counter, &last, &entries)
		return fmt.Sprintf("organization %s: audit_seq %d, last sequence %d, %d entries", id, counter, last, entries), err
	})
	if err != nil {
		return fmt.Errorf("check the audit log: %w", err)
	}
	if len(broken) > 0 {
		return fmt.Errorf("the audit log has gaps after this test:\n\t%s", strings.Join(broken, "\n\t"))
	}
	if rows, err = conn.Query(ctx, Miscounted); err != nil {
		return fmt.Errorf("check the kept figures: %w", err)
	}
	if broken, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		return fmt.Errorf("check the kept figures: %w", err)
	}
	if len(broken) > 0 {
		return fmt.Errorf("the kept figures are wrong after this test:\n\t%s", strings.Join(broken, "\n\t"))
	}
	return nil
}
