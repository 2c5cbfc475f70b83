package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

const auditDocument = `query Log($slug: String!, $after: String, $action: String!) {
  organization(slug: $slug) {
    auditLog(first: 50, after: $after, filter: {actions: [$action]}) {
      nodes { id sequence action actorId actorLabel targetId targetLabel message ipAddress createdAt }
      pageInfo { endCursor hasNextPage }
    }
  }
}`

// auditAction is what the pages are filtered by: one entry in ten is one.
const auditAction = "member.edit"

// auditPath is a page from the middle of a log of a length: the figures of two lengths should be the same.
func auditPath(name string, entries int, long bool) path {
	return pages(path{
		Name: name,
		About: fmt.Sprintf("50 entries of one action out of the middle of a log of %d, each time from another cursor; the limit looks up "+
			"session, membership and requirement in one statement, and the page in another", entries),
		Long: long, Allocs: 520, CPU: 1.6,
		Goals: []goal{{Figure: "rate", Least: 0.75}},
	}, auditDocument, "/audit", func(ctx context.Context, a *arena) ([]question, error) {
		slug, token, err := a.fillLog(ctx, name, entries)
		if err != nil {
			return nil, err
		}
		random := rand.New(rand.NewPCG(3, uint64(entries))) //nolint:gosec // the same questions each time
		questions := make([]question, 2000)
		for i := range questions {
			after := entries/4 + random.IntN(entries/2)
			questions[i] = question{token, map[string]any{"slug": slug, "after": cursor(strconv.Itoa(after)), "action": auditAction}}
		}
		return questions, nil
	})
}

// fillLog makes an organization with a log of so many entries, spread over last month and this one.
func (a *arena) fillLog(ctx context.Context, slug string, entries int) (_, token string, err error) {
	userID, token, err := a.addViewer(ctx, slug+"-viewer")
	if err != nil {
		return "", "", err
	}
	id, members, err := a.addOrganization(ctx, slug, userID, 100)
	if err != nil {
		return "", "", err
	}
	// Without the checks of foreign keys, which hold by construction: ten million of them are kept in memory until the end.
	err = pgx.BeginFunc(ctx, a.DB, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SET LOCAL session_replication_role = replica`); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `
INSERT INTO audit_entries (organization_id, sequence, id, action, actor_id, actor_label, target_id, target_label, message, ip_address, user_agent, created_at)
SELECT $1, n, 'aud_' || lpad($2::bigint::text || lpad(n::text, 9, '0'), 26, '0'), CASE n % 10 WHEN 0 THEN $5 ELSE 'member.invite' END,
       $3, $6 || ' <viewer@bench.example>', ($4::text[])[1 + n % 99], 'Person ' || n || ' <person@bench.example>',
       'set the role of Person ' || n || ' to ADMIN', '192.0.2.' || n % 250, 'Mozilla/5.0',
       t.begin + (clock_timestamp() - t.begin) * (n::float8 / $7)
  FROM (SELECT date_trunc('month', now() - interval '1 month') AS begin) t CROSS JOIN generate_series(1, $7::int) n`,
			id, entries, userID, members, auditAction, slug, entries)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE organizations SET audit_seq = $2 WHERE id = $1`, id, entries)
		return err
	})
	if err != nil {
		return "", "", err
	}
	return slug, token, a.analyze(ctx)
}

// The limit's answer of a page of the log.
type (
	limitLog struct {
		Data struct {
			Organization struct {
				AuditLog struct {
					Nodes    []limitEntry  `json:"nodes"`
					PageInfo limitPageInfo `json:"pageInfo"`
				} `json:"auditLog"`
			} `json:"organization"`
		} `json:"data"`
	}
	limitEntry struct {
		ID          string    `json:"id"`
		Sequence    int       `json:"sequence"`
		Action      string    `json:"action"`
		ActorID     *string   `json:"actorId"`
		ActorLabel  string    `json:"actorLabel"`
		TargetID    *string   `json:"targetId"`
		TargetLabel string    `json:"targetLabel"`
		Message     string    `json:"message"`
		IPAddress   *string   `json:"ipAddress"`
		CreatedAt   time.Time `json:"createdAt"`
	}
)

// audit is the limit of a page of the log.
func (l *limit) audit(w http.ResponseWriter, r *http.Request) error {
	in, err := l.admit(r)
	if err != nil {
		return err
	}
	before, err := strconv.Atoi(in.After)
	if err != nil {
		return err
	}
	rows, err := l.pool.Query(r.Context(), `
SELECT id, sequence, action, actor_id, actor_label, target_id, target_label, message, ip_address, created_at FROM audit_entries
 WHERE organization_id = $1 AND action = $2 AND sequence < $3 ORDER BY sequence DESC LIMIT $4`, in.organizationID, in.Action, before, pageOf+1)
	if err != nil {
		return err
	}
	defer rows.Close()
	var out limitLog
	page := &out.Data.Organization.AuditLog
	page.Nodes = make([]limitEntry, 0, pageOf+1)
	for rows.Next() {
		var e limitEntry
		if err := rows.Scan(&e.ID, &e.Sequence, &e.Action, &e.ActorID, &e.ActorLabel, &e.TargetID, &e.TargetLabel, &e.Message, &e.IPAddress, &e.CreatedAt); err != nil {
			return err
		}
		e.CreatedAt = e.CreatedAt.UTC()
		page.Nodes = append(page.Nodes, e)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if page.PageInfo.HasNextPage = len(page.Nodes) > pageOf; page.PageInfo.HasNextPage {
		page.Nodes = page.Nodes[:pageOf]
	}
	end := cursor(strconv.Itoa(page.Nodes[len(page.Nodes)-1].Sequence))
	page.PageInfo.EndCursor = &end
	return answer(w, out)
}
