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
	sql = `EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) ` + memberSQL(org.MemberDetails{}).from(sql) + `ORDER BY m.id`
	if err := d.pool.QueryRow(ctx, sql, args...).Scan(&plan); err != nil {
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
