package db

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"muster/org"
)

// AddAuditEntries writes entries into an organization's log, numbered on from the last one. The organization's row must
// be locked by this transaction: so numbers follow the order of commits and have no gap, and times follow the numbers, also
// where the database's clock is set back.
func (t *Tx) AddAuditEntries(ctx context.Context, organizationID string, entries []*org.AuditLogEntry) error {
	n := len(entries)
	if n == 0 {
		return nil
	}
	var last int
	var at time.Time
	err := t.pg.QueryRow(ctx, `
UPDATE organizations SET audit_seq = audit_seq + $2, audit_at = greatest(audit_at, clock_timestamp())
 WHERE id = $1 RETURNING audit_seq, audit_at`, organizationID, n).Scan(&last, &at)
	if err != nil {
		return fmt.Errorf("number the audit entries: %w", notFound(err))
	}
	ids, actions, actors, actorLabels := make([]string, n), make([]string, n), make([]*string, n), make([]string, n)
	targets, targetLabels, messages := make([]*string, n), make([]string, n), make([]string, n)
	ips, agents, data := make([]*string, n), make([]*string, n), make([]*string, n)
	for i, e := range entries {
		e.ID, e.OrganizationID, e.Sequence = NewID(AuditEntryID), organizationID, last-n+1+i
		ids[i], actions[i], actors[i], actorLabels[i] = e.ID, e.Action, e.ActorID, e.ActorLabel
		targets[i], targetLabels[i], messages[i] = e.TargetID, e.TargetLabel, e.Message
		ips[i], agents[i] = e.IPAddress, e.UserAgent
		if e.Data != nil {
			raw, err := json.Marshal(e.Data)
			if err != nil {
				return fmt.Errorf("encode an audit entry: %w", err)
			}
			s := string(raw)
			data[i] = &s
		}
	}
	_, err = t.pg.Exec(ctx, `
INSERT INTO audit_entries (organization_id, sequence, id, action, actor_id, actor_label, target_id, target_label, message,
                           ip_address, user_agent, data, created_at)
SELECT $1, $2 + e.n, e.id, e.action, e.actor, e.actor_label, e.target, e.target_label, e.message, e.ip, e.agent, e.data::jsonb, $13
  FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[])
       WITH ORDINALITY AS e (id, action, actor, actor_label, target, target_label, message, ip, agent, data, n) ORDER BY e.n`,
		organizationID, last-n, ids, actions, actors, actorLabels, targets, targetLabels, messages, ips, agents, data, at)
	if err != nil {
		return fmt.Errorf("write the audit entries: %w", err)
	}
	t.Wake(organizationID)
	return nil
}

// The columns of an entry, read by position, and those of its details. The actor's address shows only while they have a place
// in the organization.
const (
	entryColumns = `e.id, e.organization_id, e.sequence, e.action, e.actor_id, e.actor_label, e.target_id, e.target_label, e.message,
       e.ip_address, e.user_agent, e.created_at`
	entryActor = `u.name, k.name,
       CASE WHEN EXISTS (SELECT FROM members m WHERE m.user_id = u.id AND m.organization_id = e.organization_id) THEN u.email END`
	entryActorJoins = ` LEFT JOIN users u ON u.id = e.actor_id LEFT JOIN api_tokens k ON k.id = e.actor_id`
)

// auditSQL is the query for entries of a table or a query e with these details, up to its WHERE.
func auditSQL(want org.AuditDetails, from string) string {
	columns, joins := entryColumns, ""
	if want.Data {
		columns += ", e.data"
	}
	if want.Actor {
		columns += ", " + entryActor
		joins = entryActorJoins
	}
	return "SELECT " + columns + " FROM " + from + " e" + joins
}

// scanEntries reads the rows of auditSQL's query. There are about expected of them: they are kept in pieces of memory of that size.
func scanEntries(rows pgx.Rows, want org.AuditDetails, expected int) ([]*org.AuditLogEntry, error) {
	defer rows.Close()
	var row struct {
		id, organization, action, actorLabel, targetLabel, message columnText
		sequence                                                   int
		actor, target, ip, agent                                   columnText
		created                                                    time.Time
		data                                                       map[string]any
		actorName, tokenName, email                                columnText
	}
	columns := []any{
		&row.id, &row.organization, &row.sequence, &row.action, &row.actor, &row.actorLabel, &row.target, &row.targetLabel, &row.message,
		&row.ip, &row.agent, &row.created,
	}
	if want.Data {
		columns = append(columns, &row.data)
	}
	if want.Actor {
		columns = append(columns, &row.actorName, &row.tokenName, &row.email)
	}
	keepIn(new(texts), columns)
	type stored struct {
		org.AuditLogEntry
		actor, target, ip, agent string
	}
	var free []stored
	entries := make([]*org.AuditLogEntry, 0, expected)
	for rows.Next() {
		row.data = nil // else the next one is read into the same
		if err := rows.Scan(columns...); err != nil {
			return nil, err
		}
		if len(free) == 0 {
			free = make([]stored, max(expected, 1))
		}
		e := &free[0]
		free = free[1:]
		e.actor, e.target, e.ip, e.agent = row.actor.String, row.target.String, row.ip.String, row.agent.String
		e.AuditLogEntry = org.AuditLogEntry{
			ID: row.id.String, OrganizationID: row.organization.String, Sequence: row.sequence, Action: row.action.String,
			ActorID: given(&e.actor, row.actor.Valid), ActorLabel: row.actorLabel.String,
			TargetID: given(&e.target, row.target.Valid), TargetLabel: row.targetLabel.String, Message: row.message.String,
			IPAddress: given(&e.ip, row.ip.Valid), UserAgent: given(&e.agent, row.agent.Valid), Data: row.data, CreatedAt: row.created,
		}
		switch email := row.email.String; {
		case row.actorName.Valid:
			e.Actor = &org.User{ID: e.actor, Name: row.actorName.String, Email: given(&email, row.email.Valid)}
		case row.tokenName.Valid:
			e.Actor = &org.ServiceToken{ID: e.actor, Name: row.tokenName.String}
		}
		entries = append(entries, &e.AuditLogEntry)
	}
	return entries, rows.Err()
}

// AuditBefore are at most limit entries of an organization below a sequence (0 for all), newest first, with these details.
func (q Queries) AuditBefore(ctx context.Context, organizationID string, before, limit int, f *org.AuditLogFilter, want org.AuditDetails) ([]*org.AuditLogEntry, error) {
	position := "e.sequence < "
	if before == 0 {
		position = "e.sequence > " // all: none has the number 0
	}
	return q.audit(ctx, organizationID, position, before, "DESC", limit, f, want)
}

// AuditAfter are at most limit entries of an organization above a sequence, oldest first.
func (q Queries) AuditAfter(ctx context.Context, organizationID string, after, limit int, f *org.AuditLogFilter) ([]*org.AuditLogEntry, error) {
	return q.audit(ctx, organizationID, "e.sequence > ", after, "ASC", limit, f, org.EveryAuditDetail)
}

// audit reads along an index, from where the page begins: what it costs does not grow with the log.
func (q Queries) audit(ctx context.Context, organizationID, position string, sequence int, order string, limit int, f *org.AuditLogFilter, want org.AuditDetails) ([]*org.AuditLogEntry, error) {
	sql, args := auditPage(organizationID, position, sequence, order, limit, f, want)
	rows, err := q.pg.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return scanEntries(rows, want, limit)
}

// auditPage is the query for a page. An index on an action gives its entries in order; with several actions a page is taken of each, and
// the page of them all is the first of those.
func auditPage(organizationID, position string, sequence int, order string, limit int, f *org.AuditLogFilter, want org.AuditDetails) (sql string, args []any) {
	if f == nil {
		f = &org.AuditLogFilter{}
	}
	a := arguments{anew: f.Actor != nil || f.Target != nil || f.Since != nil || f.Until != nil}
	from, where := "", []string{"e.organization_id = " + a.add("text", organizationID)}
	and := func(condition, kind string, value any) { where = append(where, condition+a.add(kind, value)) }
	and(position, "bigint", sequence)
	if actions := slices.Compact(slices.Sorted(slices.Values(f.Actions))); len(actions) > 0 {
		where = append(where, "e.action = wanted.action")
		from = "unnest(" + a.add("text[]", actions) + ") wanted (action) CROSS JOIN LATERAL "
	}
	if f.Actor != nil {
		and("e.actor_id = ", "text", *f.Actor)
	}
	if f.Target != nil {
		and("e.target_id = ", "text", *f.Target)
	}
	if f.Since != nil {
		and("e.created_at >= ", "timestamptz", microsecond(*f.Since))
	}
	if f.Until != nil {
		and("e.created_at < ", "timestamptz", microsecond(*f.Until))
	}
	rows := a.limit(limit)
	page := a.first("SELECT * FROM audit_entries e WHERE "+strings.Join(where, " AND "), "sequence "+order, rows, a.most)
	return auditSQL(want, from+page) + " ORDER BY e.sequence " + order + " LIMIT " + rows, a.given()
}

// AuditSince are the entries of several organizations' logs, of each at most limit above a sequence, oldest first: one look for
// all of them, in which each is the page that AuditAfter gives.
func (q Queries) AuditSince(ctx context.Context, after map[string]int, limit int) (map[string][]*org.AuditLogEntry, error) {
	ids, sequences := make([]string, 0, len(after)), make([]int, 0, len(after))
	for id, sequence := range after {
		ids, sequences = append(ids, id), append(sequences, sequence)
	}
	page := auditSQL(org.EveryAuditDetail, fmt.Sprintf("(SELECT * FROM audit_entries e WHERE e.organization_id = w.id AND e.sequence > w.after ORDER BY e.sequence LIMIT %d)", limit))
	rows, err := q.pg.Query(ctx, `
SELECT p.* FROM unnest($1::text[], $2::bigint[]) w (id, after) CROSS JOIN LATERAL (`+page+` ORDER BY e.sequence) p ORDER BY p.organization_id, p.sequence`, ids, sequences)
	if err != nil {
		return nil, err
	}
	entries, err := scanEntries(rows, org.EveryAuditDetail, 2*len(after)) // mostly one or two are new
	if err != nil {
		return nil, err
	}
	logs := make(map[string][]*org.AuditLogEntry, len(after))
	for _, e := range entries {
		logs[e.OrganizationID] = append(logs[e.OrganizationID], e)
	}
	return logs, nil
}

// microsecond is the first whole microsecond that is not before a moment. Entries have whole ones and parameters are cut
// to them; a bound that is cut down would move before entries that the filter does not mean.
func microsecond(t time.Time) time.Time {
	return t.Add(time.Microsecond - time.Nanosecond).Truncate(time.Microsecond)
}

// AuditEntry finds an entry by id.
func (q Queries) AuditEntry(ctx context.Context, id string) (*org.AuditLogEntry, error) {
	rows, err := q.pg.Query(ctx, auditSQL(org.EveryAuditDetail, "audit_entries")+` WHERE e.id = $1`, id)
	if err != nil {
		return nil, err
	}
	entries, err := scanEntries(rows, org.EveryAuditDetail, 1)
	if err != nil || len(entries) == 0 {
		return nil, cmp.Or(err, error(org.ErrNotFound))
	}
	return entries[0], nil
}

// FirstSequence is the first entry that is still kept; where none is, the next one's.
func (q Queries) FirstSequence(ctx context.Context, organizationID string) (int, error) {
	var first int
	err := q.pg.QueryRow(ctx, `
SELECT coalesce((SELECT min(sequence) FROM audit_entries WHERE organization_id = o.id), o.audit_seq + 1)
  FROM organizations o WHERE o.id = $1`, organizationID).Scan(&first)
	return first, notFound(err)
}

// AuditSequences are the newest sequences of several organizations, in one query.
func (q Queries) AuditSequences(ctx context.Context, organizationIDs []string) (map[string]int, error) {
	rows, err := q.pg.Query(ctx, `SELECT id, audit_seq FROM organizations WHERE id = ANY($1)`, organizationIDs)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	sequences := make(map[string]int, len(organizationIDs))
	for rows.Next() {
		var id string
		var sequence int
		if err := rows.Scan(&id, &sequence); err != nil {
			return nil, err
		}
		sequences[id] = sequence
	}
	return sequences, rows.Err()
}

// AuditActors are at most limit of those who did what an organization's log tells, by label: a page along the index of labels, or
// those whom the index of their parts gives, and of each whether the log still has an entry.
func (q Queries) AuditActors(ctx context.Context, organizationID, query string, limit int) ([]*org.AuditLogActor, error) {
	sql, args := auditActors(organizationID, query, limit)
	return all[org.AuditLogActor](ctx, q.pg, sql, args...)
}

func auditActors(organizationID, query string, limit int) (sql string, args []any) {
	args, like := []any{organizationID, limit}, ""
	if query != "" {
		args, like = []any{pgx.QueryExecModeCacheDescribe, organizationID, limit, containing(query)}, " AND a.label ILIKE $3" // planned for the text
	}
	return `
SELECT a.actor_id AS id, a.label FROM audit_actors a
 CROSS JOIN LATERAL (SELECT FROM audit_entries e WHERE e.organization_id = $1 AND e.actor_id = a.actor_id LIMIT 1) l
 WHERE a.organization_id = $1` + like + ` ORDER BY lower(a.label), a.actor_id LIMIT $2`, args
}

// ForgetAuditActors leaves out those of whom retention has dropped every entry. Each organization is locked for it, so that nobody
// does something meanwhile.
func (d *DB) ForgetAuditActors(ctx context.Context) error {
	const gone = ` FROM audit_actors a WHERE NOT EXISTS (SELECT FROM audit_entries e WHERE e.organization_id = a.organization_id AND e.actor_id = a.actor_id)`
	ids, err := column[string](ctx, d.pg, `SELECT DISTINCT a.organization_id`+gone)
	if err != nil {
		return fmt.Errorf("find who is in no log any more: %w", err)
	}
	for _, id := range ids {
		err := d.InTx(ctx, func(tx *Tx) error {
			if _, err := tx.LockOrganization(ctx, id); err != nil {
				return err
			}
			_, err := tx.pg.Exec(ctx, `DELETE`+gone+` AND a.organization_id = $1`, id)
			return err
		})
		if err != nil {
			return fmt.Errorf("forget who is in no log any more: %w", err)
		}
	}
	return nil
}

// lockQuickly makes a transaction fail that cannot have a lock within a second: whoever asks for one of the log's waits behind
// its longest reader, and everybody else behind who waits.
const lockQuickly = `SET LOCAL lock_timeout = '1s'`

// lockNotAvailable is PostgreSQL's code for that.
const lockNotAvailable = "55P03"

// KeepAuditMonths makes the log's tables for the months to come and drops those that retention no longer keeps. It gives the
// names of what was dropped. Where it cannot have the log's locks within a second it fails, rather than to let everybody wait
// behind it.
func (d *DB) KeepAuditMonths(ctx context.Context) (dropped []string, err error) {
	err = d.InTx(ctx, func(tx *Tx) error {
		if _, err := tx.pg.Exec(ctx, lockQuickly); err != nil {
			return err
		}
		dropped, err = column[string](ctx, tx.pg, `SELECT keep_audit_months()`)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("keep the audit log's months: %w", err)
	}
	return dropped, nil
}
