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

// check asks what must hold for each organization after every test: no entry of its audit log is missing, and its
// counter says so.
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
	return nil
}
