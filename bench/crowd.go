package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// crowd is one organization of many members, whom pages of all kinds are asked of.
type crowd struct {
	slug, token string
	members     int
}

const crowdDocument = `query Members($slug: String!, $after: String, $filter: MemberFilter) {
  organization(slug: $slug) {
    members(first: 50, after: $after, filter: $filter) {
      nodes { id role twoFactor user { id name email } }
      pageInfo { endCursor hasNextPage }
    }
  }
}`

const impactDocument = `query Impact($slug: String!) {
  organization(slug: $slug) { require2FAImpact { removedCount compliantCount unmailableCount ownersRemovedCount } }
}`

// crowdPaths are pages of one organization's members by whatever they can be filtered by or searched for, where many are meant and
// where few are, and the impact. The figures of two sizes should be the same, but the impact's, which counts.
func crowdPaths(size string, members int, long bool) []path {
	goals := []goal{{Figure: "rate", Least: 0.77}} // 1.3 times as long
	var paths []path
	for _, kind := range []struct {
		name, about string
		filter      any
		deep        bool // from anywhere in the second half of the list; else the first page
	}{
		{"deep", "50 members deep in the list", nil, true},
		{"rare-name", "the one member with a name", map[string]any{"query": "quimby"}, false},
		{"common-name", "50 members with a part of a name that one in fifteen has, deep in the list", map[string]any{"query": "weber"}, true},
		{"rare-pair", "the one member with two letters", map[string]any{"query": "qu"}, false},
		{"no-pair", "nobody, by two letters that nobody has", map[string]any{"query": "qz"}, false},
		{"some-name", "50 members with a part of a name that one in two hundred and forty has", map[string]any{"query": "rosa weber"}, false},
		{"no-name", "nobody, by a part of a name that nobody has", map[string]any{"query": "nobody is called so"}, false},
		{"rare-2fa", "the three members without a second factor", map[string]any{"twoFactor": []string{"DISABLED"}}, false},
		{"common-2fa", "50 members with the 2FA state of three in four, deep in the list", map[string]any{"twoFactor": []string{"SECURE"}}, true},
		{"rare-role", "the one owner", map[string]any{"role": []string{"OWNER"}}, false},
		{"common-role", "50 members with the role of one in five, deep in the list", map[string]any{"role": []string{"ADMIN"}}, true},
	} {
		paths = append(paths, pages(path{
			Name: "members-" + size + "-" + kind.name, Long: long, Goals: goals,
			About: fmt.Sprintf("%s, of an organization of %d; the limit looks up session, membership with requirement, and page by the same statement", kind.about, members),
		}, crowdDocument, "/crowd", func(ctx context.Context, a *arena) ([]question, error) {
			c, err := a.fillCrowd(ctx, members)
			if err != nil {
				return nil, err
			}
			random := rand.New(rand.NewPCG(5, uint64(members))) //nolint:gosec // the same questions each time
			questions := make([]question, 1000)
			for i := range questions {
				variables := map[string]any{"slug": c.slug, "filter": kind.filter}
				if kind.deep {
					variables["after"] = cursor(c.member(members/2 + random.IntN(members*2/5)))
				}
				questions[i] = question{c.token, variables}
			}
			return questions, nil
		}))
	}
	return append(paths, pages(path{
		Name: "members-" + size + "-impact", Long: long, Goals: goals,
		About: fmt.Sprintf("what requiring 2FA would do to an organization of %d, exactly; the limit asks the same statement", members),
	}, impactDocument, "/impact", func(ctx context.Context, a *arena) ([]question, error) {
		c, err := a.fillCrowd(ctx, members)
		if err != nil {
			return nil, err
		}
		return []question{{c.token, map[string]any{"slug": c.slug}}}, nil
	}))
}

// member is the id of the member with a number, from 1.
func (c *crowd) member(n int) string { return fmt.Sprintf("mem_%017d%09d", c.members, n) }

// fillCrowd makes the organization once, without triggers and references, which hold by construction: they would take minutes of a
// million members. What triggers keep is written by hand.
func (a *arena) fillCrowd(ctx context.Context, members int) (*crowd, error) {
	if c := a.crowds[members]; c != nil {
		return c, nil
	}
	c := &crowd{slug: fmt.Sprintf("crowd-%d", members), members: members}
	viewer, token, err := a.addViewer(ctx, c.slug+"-viewer")
	if err != nil {
		return nil, err
	}
	c.token = token
	id, _, err := a.addOrganization(ctx, c.slug, viewer, 1)
	if err != nil {
		return nil, err
	}
	const state = `CASE WHEN n % ($2::int / 3) = 5 THEN 'DISABLED' WHEN n % 4 = 0 THEN 'INSECURE' ELSE 'SECURE' END`
	err = pgx.BeginFunc(ctx, a.DB, func(tx pgx.Tx) error {
		for _, statement := range []struct {
			sql  string
			args []any
		}{
			{`SET LOCAL session_replication_role = replica`, nil},
			{`DROP INDEX member_texts_parts`, nil}, // made of everybody at once in a fraction of the time
			{`INSERT INTO users (id, name, email, email_verified_at, two_factor)
SELECT format('usr_%s%s', lpad($2::text, 17, '0'), lpad(n::text, 9, '0')),
       CASE n WHEN $2::int * 7 / 10 THEN 'Xaver Quimby' ELSE ($3::text[])[1 + n * 7 % 16] || ' ' || ($4::text[])[1 + n * 11 % 15] END,
       format('person-%s@%s.example', n, $1::text), now(), ` + state + ` FROM generate_series(1, $2::int) n`, []any{c.slug, members, firstNames, lastNames}},
			{`INSERT INTO members (id, organization_id, user_id, role, status, two_factor, last_seen_at)
SELECT format('mem_%s%s', lpad($2::text, 17, '0'), lpad(n::text, 9, '0')), $1, format('usr_%s%s', lpad($2::text, 17, '0'), lpad(n::text, 9, '0')),
       CASE WHEN n = $2::int * 6 / 10 THEN 'OWNER' WHEN n % 5 = 0 THEN 'ADMIN' ELSE 'MEMBER' END, 'ACTIVE', ` + state + `, now()
  FROM generate_series(1, $2::int) n`, []any{id, members}},
			{`INSERT INTO member_texts (organization_id, member_id, name, email)
SELECT m.organization_id, m.id, u.name, u.email FROM members m JOIN users u ON u.id = m.user_id WHERE m.organization_id = $1 ON CONFLICT DO NOTHING`, []any{id}},
			{`UPDATE organizations o SET active_count = m.active, two_factor_count = m.two_factor
  FROM (SELECT count(*) AS active, count(*) FILTER (WHERE two_factor <> 'DISABLED') AS two_factor FROM members WHERE organization_id = $1) m
 WHERE o.id = $1`, []any{id}},
			{`CREATE INDEX member_texts_parts ON member_texts USING gin (text_parts(organization_id, name), text_parts(organization_id, email)) WITH (gin_pending_list_limit = 64)`, nil},
			{`ALTER INDEX member_texts_parts ALTER 1 SET STATISTICS 0, ALTER 2 SET STATISTICS 0`, nil},
		} {
			if _, err := tx.Exec(ctx, statement.sql, statement.args...); err != nil {
				return fmt.Errorf("%.40s…: %w", statement.sql, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if a.crowds == nil {
		a.crowds = map[int]*crowd{}
	}
	a.crowds[members] = c
	return c, a.analyze(ctx)
}

// What Muster asks for a page of a crowd, written by hand: in order of joining, of each standing that is meant, or by a text.
const (
	crowdColumns = `SELECT m.id, m.role, u.two_factor, u.id, u.name, u.email FROM `
	crowdOfAll   = crowdColumns + `members m JOIN users u ON u.id = m.user_id WHERE m.organization_id = $1 AND m.id > $2 ORDER BY m.id LIMIT $limit`
	crowdOfSome  = crowdColumns + `(SELECT page.* FROM unnest(ARRAY['ACTIVE', 'REMOVED_FOR_2FA']) s CROSS JOIN unnest($3::text[]) r CROSS JOIN unnest($4::text[]) t
 CROSS JOIN LATERAL (SELECT * FROM members m WHERE m.organization_id = $1 AND m.status = s AND m.role = r AND m.two_factor = t AND m.id COLLATE "POSIX" > $2
                      ORDER BY m.id COLLATE "POSIX" LIMIT $limit) page ORDER BY page.id LIMIT $limit) m JOIN users u ON u.id = m.user_id ORDER BY m.id`
	crowdByText = crowdColumns + `(
WITH walked AS MATERIALIZED (SELECT * FROM members m WHERE m.organization_id = $1 AND m.id > $2 ORDER BY m.id LIMIT 64),
 near AS MATERIALIZED (SELECT m.* FROM walked m CROSS JOIN LATERAL (` + crowdHasText + `) t ORDER BY m.id LIMIT $limit),
 looked AS MATERIALIZED (SELECT n.having, n.having = $limit OR (SELECT count(*) FROM walked) < 64 AS over FROM (SELECT count(*) AS having FROM near) n),
 further AS MATERIALIZED (
  SELECT CASE WHEN l.over OR l.having = 0 OR 64 * $limit / l.having > l.having * (o.active_count + o.invited_count + o.removed_count) / 64
              THEN 0 ELSE least(2 * 64 * $limit / l.having, 20000) END AS rows
    FROM looked l JOIN organizations o ON o.id = $1),
 far AS MATERIALIZED (SELECT m.* FROM (
   SELECT * FROM (SELECT * FROM members m WHERE m.organization_id = $1 AND m.id > $2 ORDER BY m.id LIMIT 20000) m ORDER BY m.id LIMIT (SELECT rows FROM further)) m
  CROSS JOIN LATERAL (` + crowdHasText + `) t ORDER BY m.id LIMIT $limit)
 SELECT * FROM near WHERE (SELECT over FROM looked)
 UNION ALL SELECT * FROM far WHERE NOT (SELECT over FROM looked) AND (SELECT count(*) FROM far) = $limit
 UNION ALL SELECT * FROM (SELECT m.* FROM members m WHERE m.organization_id = $1 AND m.id > $2 AND m.id = ANY(ARRAY(
   SELECT t.member_id FROM member_texts t WHERE t.organization_id COLLATE "POSIX" = $1 AND text_parts(t.organization_id, t.name) @@ (SELECT text_parts_with($1, $4)) AND t.name ILIKE $3
   UNION
   SELECT t.member_id FROM member_texts t WHERE t.organization_id COLLATE "POSIX" = $1 AND text_parts(t.organization_id, t.email) @@ (SELECT text_parts_with($1, $4)) AND t.email ILIKE $3))
  ORDER BY m.id LIMIT $limit) m WHERE NOT (SELECT over FROM looked) AND (SELECT count(*) FROM far) < $limit) m LEFT JOIN users u ON u.id = m.user_id ORDER BY m.id`
	crowdHasText = `SELECT FROM member_texts t WHERE t.organization_id = $1 AND t.member_id = m.id AND (t.name ILIKE $3 OR t.email ILIKE $3) LIMIT 1`
	crowdImpact  = `
SELECT w.members - x.members, o.active_count - w.members, x.members, w.owners - x.owners
  FROM organizations o
 CROSS JOIN (SELECT count(*) AS members, count(*) FILTER (WHERE role = 'OWNER') AS owners FROM members m
              WHERE organization_id = $1 AND status = 'ACTIVE' AND role IN ('OWNER', 'MANAGER', 'ADMIN', 'MEMBER') AND two_factor = 'DISABLED' AND NOT ` + crowdVouched + `) w
 CROSS JOIN (SELECT count(*) AS members, count(*) FILTER (WHERE role = 'OWNER') AS owners FROM members m JOIN users u ON u.id = m.user_id
              WHERE organization_id = $1 AND status = 'ACTIVE' AND role IN ('OWNER', 'MANAGER', 'ADMIN', 'MEMBER') AND m.two_factor = 'DISABLED' AND u.email IS NULL AND NOT ` + crowdVouched + `) x
 WHERE o.id = $1`
	crowdVouched = `EXISTS (SELECT FROM sso_connections sc JOIN identities si ON (si.organization_id, si.issuer) = (sc.organization_id, sc.issuer)
   WHERE sc.organization_id = m.organization_id AND sc.trust_second_factor AND si.user_id = m.user_id)`
)

// crowd is the limit of a page of a crowd.
func (l *limit) crowd(w http.ResponseWriter, r *http.Request) error {
	in, err := l.admit(r)
	if err != nil {
		return err
	}
	sql, args := crowdOfAll, []any{in.organizationID, in.After}
	switch f := in.Filter; {
	case f.Query != "":
		sql, args = crowdByText, append(args, "%"+f.Query+"%", f.Query)
	case len(f.Role) > 0:
		sql, args = crowdOfSome, append(args, f.Role, []string{"SECURE", "INSECURE", "DISABLED"})
	case len(f.TwoFactor) > 0:
		sql, args = crowdOfSome, append(args, []string{"OWNER", "MANAGER", "ADMIN", "MEMBER"}, f.TwoFactor)
	}
	rows, err := l.pool.Query(r.Context(), strings.ReplaceAll(sql, "$limit", strconv.Itoa(pageOf+1)), args...)
	if err != nil {
		return err
	}
	return answerMembers(w, rows)
}

// impact is the limit of the impact's figures.
func (l *limit) impact(w http.ResponseWriter, r *http.Request) error {
	in, err := l.admit(r)
	if err != nil {
		return err
	}
	var out struct {
		Data struct {
			Organization struct {
				Impact struct {
					Removed    int `json:"removedCount"`
					Compliant  int `json:"compliantCount"`
					Unmailable int `json:"unmailableCount"`
					Owners     int `json:"ownersRemovedCount"`
				} `json:"require2FAImpact"`
			} `json:"organization"`
		} `json:"data"`
	}
	i := &out.Data.Organization.Impact
	if err := l.pool.QueryRow(r.Context(), crowdImpact, in.organizationID).Scan(&i.Removed, &i.Compliant, &i.Unmailable, &i.Owners); err != nil {
		return err
	}
	return answer(w, out)
}
