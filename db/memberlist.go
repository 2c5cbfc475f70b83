package db

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"muster/org"
)

// MemberList says which members a page shows.
type MemberList struct {
	Organization *org.Organization
	Details      org.MemberDetails // that are wanted of each; the organization is known
	Filter       *org.MemberFilter
	Manager      bool // the reader is one: sees those who are not active too, and addresses, in which the search looks then
	Affected     bool // only active members who do not meet the requirement
	Unmailable   bool // of them, only those without an address
	Page         org.PageRequest
}

// Members are one more than the page holds, in order of joining. What a page costs does not grow with the organization: it is read
// along an index from where it begins, or, of several standings, a page is taken along the index for each, and the page of them
// all is the first of those. A search takes whom the index of names and addresses gives, or looks at one member after the other
// until the page is full, whichever PostgreSQL reckons to be less for the text that is searched for.
func (q Queries) Members(ctx context.Context, l MemberList) ([]*org.Member, error) {
	sql, args := l.query()
	details := l.Details
	details.Organization = false
	return q.membersWith(ctx, details, l.Organization, l.Page.First+1, memberSQL(details).from(sql)+"ORDER BY m.id", args...)
}

// query is the page, as a table of members.
func (l MemberList) query() (sql string, args []any) {
	where := []string{"m.organization_id = $1", "m.id > $2"}
	args = []any{l.Organization.ID, l.Page.After, l.Page.First + 1}
	given := func(value any) int {
		args = append(args, value)
		return len(args)
	}
	f := l.Filter
	if f == nil {
		f = &org.MemberFilter{}
	}
	// From each of the standings that are asked for a page is taken.
	var standings []string
	each := func(column string, values any) {
		standings = append(standings, fmt.Sprintf("unnest($%d::text[]) wanted_%s (%[2]s)", given(values), column))
		where = append(where, fmt.Sprintf("m.%[1]s = wanted_%[1]s.%[1]s", column))
	}
	statuses, roles, states := f.Status, f.Role, f.TwoFactor
	if !l.Manager || l.Affected {
		if statuses = []org.MemberStatus{org.StatusActive}; len(f.Status) > 0 && !slices.Contains(f.Status, org.StatusActive) {
			return "(SELECT * FROM members WHERE false)", nil
		}
	}
	if l.Affected {
		states = []org.TwoFactorState{org.TwoFactorDisabled}
	}
	switch active := len(statuses) == 1 && statuses[0] == org.StatusActive; {
	case len(roles) == 0 && len(states) == 0 && len(statuses) == 0: // everybody
	case len(roles) == 0 && len(states) == 0 && active: // nearly everybody
		where = append(where, "m.status = 'ACTIVE'")
	default:
		each("status", some(statuses, org.StatusActive, org.StatusInvited, org.StatusRemovedFor2FA))
		each("role", some(roles, org.RoleOwner, org.RoleManager, org.RoleAdmin, org.RoleMember))
		each("two_factor", some(states, org.TwoFactorSecure, org.TwoFactorInsecure, org.TwoFactorDisabled, ""))
	}
	if len(f.Teams) > 0 {
		where = append(where, fmt.Sprintf("m.id IN (SELECT mt.member_id FROM member_teams mt WHERE mt.organization_id = m.organization_id AND mt.team_id = ANY($%d))", given(f.Teams)))
	}
	pages := func(of string, also ...string) string {
		return "(SELECT m.* FROM " + of + " WHERE " + strings.Join(slices.Concat(where, also), " AND ") + " ORDER BY m.id LIMIT $3)"
	}
	const people = "members m JOIN users u ON u.id = m.user_id"
	page, searched := pages("members m"), f.Query != nil && *f.Query != ""
	switch {
	case l.Affected && l.Unmailable:
		page = pages("members m", "NOT "+vouched, "(SELECT u.email IS NULL FROM users u WHERE u.id = m.user_id)")
	case l.Affected:
		page = pages("members m", "NOT "+vouched)
	case searched && l.Manager:
		pattern := given(containing(*f.Query))
		page = pages(people, fmt.Sprintf("(u.name ILIKE $%[1]d OR u.email ILIKE $%[1]d)", pattern)) + " UNION ALL " +
			pages("members m", fmt.Sprintf("m.status = 'INVITED' AND m.email ILIKE $%d", pattern))
	case searched:
		page = pages(people, fmt.Sprintf("u.name ILIKE $%d", given(containing(*f.Query))))
	}
	if searched {
		args = append([]any{pgx.QueryExecModeCacheDescribe}, args...) // Planned anew, for the text that is searched for.
	}
	if len(standings) > 0 || searched {
		from := strings.Join(append(standings, "LATERAL ("+page+") page"), " CROSS JOIN ")
		page = "(SELECT page.* FROM " + from + " ORDER BY page.id LIMIT $3)"
	}
	return page, args
}

// some are the values as texts, or all that there are where none are given, each once.
func some[T ~string](values []T, all ...T) []string {
	if len(values) == 0 {
		values = all
	}
	texts := make([]string, len(values))
	for i, value := range values {
		texts[i] = string(value)
	}
	slices.Sort(texts)
	return slices.Compact(texts)
}
