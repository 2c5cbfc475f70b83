package db

import (
	"context"
	"fmt"
	"slices"
	"strings"

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
// along an index from where it begins; of several standings a page is taken of each, and the page of them all is the first of those.
// A search looks at one member after the other until the page is full, or takes whom the index of parts of texts gives, whichever is
// less for the text that is searched for (see walk.search). With teams PostgreSQL reckons what is less.
func (q Queries) Members(ctx context.Context, l MemberList) ([]*org.Member, error) {
	sql, args := l.query()
	if sql == "" {
		return nil, nil
	}
	details := l.Details
	details.Organization = false
	return q.membersWith(ctx, details, l.Organization, l.Page.First+1, memberSQL(details).page(sql)+inOrder, args...)
}

// query is the page, as a table of members; "" where nobody can be on it.
func (l MemberList) query() (sql string, args []any) {
	f := l.Filter
	if f == nil {
		f = &org.MemberFilter{}
	}
	searched := f.Query != nil && *f.Query != ""
	a := &arguments{anew: len(f.Teams) > 0 || l.Affected}
	organization, after, limit := a.add("text", l.Organization.ID), a.add("text", l.Page.After), a.limit(l.Page.First+1)
	statuses, states := f.Status, f.TwoFactor
	if !l.Manager || l.Affected {
		if statuses = []org.MemberStatus{org.StatusActive}; len(f.Status) > 0 && !slices.Contains(f.Status, org.StatusActive) {
			return "", nil
		}
	}
	if l.Affected {
		states = []org.TwoFactorState{org.TwoFactorDisabled}
	}
	// Each standing has its members in the order of their ids in an index that calls this order POSIX, as no other one does: else
	// PostgreSQL takes the index of all members, and believes that the next of a standing will be among the first of them. Of the two
	// indexes of standings only the one of statuses alone has these by that name, so that neither is taken for the other.
	w := walk{arguments: a, from: "members m", where: []string{"m.organization_id = " + organization}, by: "m.id"}
	switch {
	case len(f.Role) > 0 || len(states) > 0:
		status, role, twoFactor := standingsOf(statuses, f.Role, states)
		w.standings = fmt.Sprintf("unnest(%s, %s, %s) s (status, role, two_factor)", a.add("text[]", status), a.add("text[]", role), a.add("text[]", twoFactor))
		w.of, w.many = []string{"m.status = s.status", "m.role = s.role", "m.two_factor = s.two_factor"}, len(status)
	case len(statuses) > 0:
		status := slices.Compact(slices.Sorted(slices.Values(statuses)))
		w.standings = fmt.Sprintf("unnest(%s) s (status)", a.add("text[]", status))
		w.of, w.many = []string{`m.status COLLATE "POSIX" = s.status`}, len(status)
	}
	if w.standings != "" {
		w.by = `m.id COLLATE "POSIX"`
	}
	if len(f.Teams) > 0 {
		w.where = append(w.where, fmt.Sprintf("m.id IN (SELECT mt.member_id FROM member_teams mt WHERE mt.organization_id = %s AND mt.team_id = ANY(%s))",
			organization, a.add("text[]", f.Teams)))
	}
	switch {
	case l.Affected && l.Unmailable:
		w.from = "members m JOIN users u ON u.id = m.user_id"
		w.where = append(w.where, "NOT "+vouched, "u.email IS NULL")
	case l.Affected:
		w.where = append(w.where, "NOT "+vouched)
	case searched:
		return w.search(*f.Query, l.Manager, organization, after, max(l.Page.First+1, fewest), limit), a.given()
	}
	return w.page(after, limit, a.most), a.given()
}

// walk is a way through an organization's members in the order of their ids, along an index.
type walk struct {
	*arguments
	from      string
	where     []string
	by        string   // the order, by the name that it has in the index
	standings string   // a table s of those that are asked for; "" where all are
	of        []string // what a member of a standing has in common with it
	many      int      // standings
}

// page are the first members after an id, up to a limit, which is no more than most.
func (w walk) page(after, limit string, most int) string {
	page := w.first("SELECT m.* FROM "+w.from+" WHERE "+strings.Join(slices.Concat(w.where, w.of, []string{w.by + " > " + after}), " AND "), w.by, limit, most)
	if w.standings == "" {
		return page
	}
	return "(SELECT page.* FROM " + w.standings + " CROSS JOIN LATERAL (" + page + ") page ORDER BY page.id LIMIT " + limit + ")"
}

const inOrder = "ORDER BY m.id"

// standingsOf are all standings with these statuses, roles and 2FA states, as columns; where none are given, with all. Who is
// invited has no 2FA state, and nobody else has none.
func standingsOf(statuses []org.MemberStatus, roles []org.Role, states []org.TwoFactorState) (status, role, twoFactor []string) {
	all := len(states) == 0
	for _, s := range orAll(statuses, org.StatusActive, org.StatusInvited, org.StatusRemovedFor2FA) {
		for _, r := range orAll(roles, org.RoleOwner, org.RoleManager, org.RoleAdmin, org.RoleMember) {
			of := orAll(states, org.TwoFactorSecure, org.TwoFactorInsecure, org.TwoFactorDisabled)
			if s == org.StatusInvited {
				if !all {
					continue
				}
				of = []org.TwoFactorState{""}
			}
			for _, t := range of {
				status, role, twoFactor = append(status, string(s)), append(role, string(r)), append(twoFactor, string(t))
			}
		}
	}
	return status, role, twoFactor
}

// orAll are the values, each once, or all that there are where none are given.
func orAll[T ~string](values []T, all ...T) []T {
	if len(values) == 0 {
		return all
	}
	return slices.Compact(slices.Sorted(slices.Values(values)))
}
