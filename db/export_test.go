package db

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"muster/org"
)

// Pool is the pool of serving connections, for tests that try what Muster itself never does.
func (d *DB) Pool() *pgxpool.Pool { return d.pool }

// Looks are how many pages of tables and indexes PostgreSQL looks at for a page of members.
func (d *DB) Looks(ctx context.Context, l MemberList) (looks int, plan string, err error) {
	sql, args := l.query()
	return d.looks(ctx, memberSQL(org.MemberDetails{}).page(sql)+inOrder, args)
}

// LooksForAudit are Looks for a page of fifty entries of a log, below a sequence.
func (d *DB) LooksForAudit(ctx context.Context, organizationID string, before int, f *org.AuditLogFilter) (looks int, plan string, err error) {
	sql, args := auditPage(organizationID, "e.sequence < ", before, "DESC", 51, f, org.AuditDetails{})
	return d.looks(ctx, sql, args)
}

// LooksForTeams are Looks for an organization's teams, and LooksForProjects for its projects.
func (d *DB) LooksForTeams(ctx context.Context, organizationID string) (looks int, plan string, err error) {
	return d.looks(ctx, d.teams(new([]*org.Team), organizationID).String(), []any{pgx.QueryExecModeCacheDescribe})
}

func (d *DB) LooksForProjects(ctx context.Context, organizationID string) (looks int, plan string, err error) {
	return d.looks(ctx, d.projects(new([]*org.Project), organizationID).String(), []any{pgx.QueryExecModeCacheDescribe})
}

// LooksForActors are Looks for those who did what a log tells.
func (d *DB) LooksForActors(ctx context.Context, organizationID, query string, limit int) (looks int, plan string, err error) {
	sql, args := auditActors(organizationID, query, limit)
	return d.looks(ctx, sql, args)
}

// LooksForSweep are Looks for the members whom a sweep is to remove next.
func (d *DB) LooksForSweep(ctx context.Context, organizationID, after string, limit int) (looks int, plan string, err error) {
	return d.looks(ctx, nonCompliant, []any{organizationID, after, limit})
}

// LooksForSession are Looks for what every request with a session begins with.
func (d *DB) LooksForSession(ctx context.Context, tokenHash []byte, slug string) (looks int, plan string, err error) {
	return d.looks(ctx, sessionByToken, []any{tokenHash, slug})
}

// looks are the most that a plan for these arguments takes, and, where Muster lets PostgreSQL keep one, a plan for any.
func (d *DB) looks(ctx context.Context, sql string, args []any) (looks int, plan string, err error) {
	conn, err := d.pool.Acquire(ctx)
	if err != nil {
		return 0, "", err
	}
	defer conn.Release()
	const explain = `EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) `
	if err := conn.QueryRow(ctx, explain+sql, args...).Scan(&plan); err != nil {
		return 0, "", err
	}
	if looks, err = looksOf(plan); err != nil {
		return 0, "", err
	}
	if _, anew := args[0].(pgx.QueryExecMode); anew {
		return looks, plan, nil
	}
	var literals []string
	for _, arg := range args {
		text := fmt.Sprint(arg)
		if raw, ok := arg.([]byte); ok {
			text = fmt.Sprintf(`\x%x`, raw)
		}
		if strings.HasPrefix(text, "[") { // a list of words
			text = `{"` + strings.ReplaceAll(strings.Trim(text, "[]"), " ", `","`) + `"}`
		}
		literals = append(literals, "'"+text+"'")
	}
	if _, err := conn.Exec(ctx, `SET plan_cache_mode = force_generic_plan; PREPARE looks AS `+sql); err != nil {
		return 0, "", err
	}
	var generic string
	if err := conn.QueryRow(ctx, explain+`EXECUTE looks (`+strings.Join(literals, ", ")+`)`).Scan(&generic); err != nil {
		return 0, "", err
	}
	if _, err := conn.Exec(ctx, `DEALLOCATE looks; RESET plan_cache_mode`); err != nil {
		return 0, "", err
	}
	n, err := looksOf(generic)
	if n > looks {
		return n, generic, err
	}
	return looks, plan, err
}

func looksOf(plan string) (int, error) {
	var top []struct {
		Plan struct {
			Hit  int `json:"Shared Hit Blocks"`
			Read int `json:"Shared Read Blocks"`
		}
	}
	err := json.Unmarshal([]byte(plan), &top)
	if err != nil || len(top) == 0 {
		return 0, fmt.Errorf("%w: %s", err, plan)
	}
	return top[0].Plan.Hit + top[0].Plan.Read, nil
}
