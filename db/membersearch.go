package db

import (
	"fmt"
	"slices"
	"strings"
)

// A search looks at fewest members before it decides how to go on, walks past farthest at most: in an organization so large that
// more would be less than what the index gives, of ten million, nobody waits for it; and takes less than frequent of what the index gives
// before it has walked as far.
const (
	fewest   = 64
	frequent = 2_000
	farthest = 20_000
)

// search are the first members after an id who have a text in their name, or, for a manager, in their address, up to a limit.
//
// No index gives them in order, and what one gives of a frequent text grows with the organization; a walk until the page is full is short
// then, and goes through everybody for a rare text. So it begins with a walk past some, which is all where the page is full or nobody
// is left. From how many of them have the text follows how long the walk would be, and how many the index would give: the
// longer the one, the shorter the other, so the lesser of the two is never more than the root of a page times the organization. A walk that
// was reckoned to fill the page and has not is given up at twice the length.
//
// That is so where those who have the text are spread evenly. Where the index gives more than frequent it is not, or the first are not like the
// rest: founders have their addresses at another domain than everybody since. So a walk as far as can be comes before the rest of the index.
//
// The index is asked for parts of the text in this organization, whatever others are called, by a condition that hides the organization
// from PostgreSQL, which would read all of a small one instead and take each of its texts apart.
func (w walk) search(text string, manager bool, organization, after string, some int, limit string) string {
	pattern, parts := w.add("text", containing(text)), "(SELECT text_parts_with("+organization+", "+w.add("text", text)+"))"
	columns := []string{"name"}
	if manager {
		columns = append(columns, "email")
	}
	var has, found []string
	for _, column := range columns {
		has = append(has, "t."+column+" ILIKE "+pattern)
		found = append(found, fmt.Sprintf(`(SELECT t.member_id FROM member_texts t
  WHERE t.organization_id COLLATE "POSIX" = %s AND text_parts(t.organization_id, t.%[2]s) @@ %[3]s AND t.%[2]s ILIKE %[4]s$most)`, organization, column, parts, pattern))
	}
	with := func(members string) string {
		return fmt.Sprintf(`SELECT m.* FROM %s m CROSS JOIN LATERAL (
  SELECT FROM member_texts t WHERE t.organization_id = %s AND t.member_id = m.id AND (%s) LIMIT 1) t ORDER BY m.id LIMIT %s`,
			members, organization, strings.Join(has, " OR "), limit)
	}
	of := func(ids string) string {
		where := slices.Concat(w.where, []string{"m.id > " + after, "m.id = ANY(ARRAY(" + ids + "))"})
		if w.standings != "" {
			where = append(where, "EXISTS (SELECT FROM "+w.standings+" WHERE "+strings.Join(w.of, " AND ")+")")
		}
		return "SELECT m.* FROM members m WHERE " + strings.Join(where, " AND ") + " ORDER BY m.id LIMIT " + limit
	}
	index := func(most string) string { return strings.ReplaceAll(strings.Join(found, " UNION "), "$most", most) }
	count := w.add("bigint", some)
	return strings.NewReplacer(
		"$some", count, "$limit", limit, "$organization", organization, "$standings", fmt.Sprint(max(w.many, 1)), "$farthest", fmt.Sprint(farthest),
		"$walked", w.page(after, count, max(some, w.most)), "$near", with("walked"),
		"$further", with(w.page(after, "(SELECT rows FROM further)", farthest)), "$last", with(w.page(after, "(SELECT rows FROM patient)", farthest)),
		"$index", index(fmt.Sprint(" LIMIT ", frequent)), "$frequent", fmt.Sprint(frequent),
		"$few", of("SELECT member_id FROM given"), "$all", of(index("")),
	).Replace(`(WITH walked AS MATERIALIZED $walked,
 near AS MATERIALIZED ($near),
 looked AS MATERIALIZED (SELECT n.having, n.having = $limit OR (SELECT count(*) FROM walked) < $some AS over FROM (SELECT count(*) AS having FROM near) n),
 further AS MATERIALIZED (
  SELECT CASE WHEN l.over OR l.having = 0 OR $some * $limit * $standings / l.having > l.having * (o.active_count + o.invited_count + o.removed_count) / $some
              THEN 0 ELSE least(2 * $some * $limit / l.having, $farthest) END AS rows
    FROM looked l JOIN organizations o ON o.id = $organization),
 far AS MATERIALIZED ($further),
 gone AS MATERIALIZED (SELECT (SELECT over FROM looked) OR (SELECT count(*) FROM far) = $limit AS over),
 given AS MATERIALIZED (SELECT member_id FROM ($index) i WHERE NOT (SELECT over FROM gone)),
 patient AS MATERIALIZED (SELECT CASE WHEN (SELECT count(*) FROM given) < $frequent THEN 0 ELSE $farthest END AS rows),
 last AS MATERIALIZED ($last)
 SELECT * FROM near WHERE (SELECT over FROM looked)
 UNION ALL SELECT * FROM far WHERE NOT (SELECT over FROM looked) AND (SELECT over FROM gone)
 UNION ALL SELECT * FROM last WHERE (SELECT count(*) FROM last) = $limit
 UNION ALL SELECT * FROM ($few) m WHERE NOT (SELECT over FROM gone) AND (SELECT rows FROM patient) = 0
 UNION ALL SELECT * FROM ($all) m WHERE (SELECT rows FROM patient) > 0 AND (SELECT count(*) FROM last) < $limit)`)
}
