package db

import (
	"context"
	"encoding/json"

	"github.com/jackc/pgx/v5/pgxpool"

	"muster/org"
)

// Pool is the pool of serving connections, for tests that try what Muster itself never does.
func (d *DB) Pool() *pgxpool.Pool { return d.pool }

// Looks are how many pages of tables and indexes PostgreSQL looks at for a page of members.
func (d *DB) Looks(ctx context.Context, l MemberList) (looks int, plan string, err error) {
	sql, args := l.query()
	return d.looks(ctx, memberSQL(org.MemberDetails{}).from(sql)+`ORDER BY m.id`, args)
}

// LooksForActors are Looks for those who did what a log tells.
func (d *DB) LooksForActors(ctx context.Context, organizationID, query string, limit int) (looks int, plan string, err error) {
	sql, args := auditActors(organizationID, query, limit)
	return d.looks(ctx, sql, args)
}

func (d *DB) looks(ctx context.Context, sql string, args []any) (looks int, plan string, err error) {
	if err := d.pool.QueryRow(ctx, `EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) `+sql, args...).Scan(&plan); err != nil {
		return 0, "", err
	}
	var top []struct {
		Plan struct {
			Hit  int `json:"Shared Hit Blocks"`
			Read int `json:"Shared Read Blocks"`
		}
	}
	err = json.Unmarshal([]byte(plan), &top)
	return top[0].Plan.Hit + top[0].Plan.Read, plan, err
}
