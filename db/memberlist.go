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
// A search takes whom the index of names and addresses gives, or looks at one member after the other until the page is full,
// whichever PostgreSQL reckons to be less for the text that is searched for; so it is with teams.
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
	a := arguments{anew: searched || len(f.Teams) > 0 || l.Affected}
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
	// PostgreSQL takes the index of all members, and believes that the next of a standing will be among the first of them.
	where, by, standings := []string{"m.organization_id = " + organization}, "m.id", ""
	switch {
	case len(f.Role) > 0 || len(states) > 0:
		status, role, twoFactor := standingsOf(statuses, f.Role, states)
		standings = fmt.Sprintf("unnest(%s, %s, %s) s (status, role, two_factor)", a.add("text[]", status), a.add("text[]", role), a.add("text[]", twoFactor))
		where = append(where, "m.status = s.status", "m.role = s.role", "m.two_factor = s.two_factor")
	case len(statuses) > 0:
		standings = fmt.Sprintf("unnest(%s) s (status)", a.add("text[]", slices.Compact(slices.Sorted(slices.Values(statuses)))))
		where = append(where, "m.status = s.status")
	}
	if standings != "" {
		by = `m.id COLLATE "POSIX"`
	}
	where = append(where, by+" > "+after)
	if len(f.Teams) > 0 {
		where = append(where, fmt.Sprintf("m.id IN (SELECT mt.member_id FROM member_teams mt WHERE mt.organization_id = %s AND mt.team_id = ANY(%s))",
			organization, a.add("text[]", f.Teams)))
	}
	pages := func(of string, also ...string) string {
		return a.first("SELECT m.* FROM "+of+" WHERE "+strings.Join(slices.Concat(where, also), " AND "), by, limit)
	}
	const people = "members m JOIN users u ON u.id = m.user_id"
	page := pages("members m")
	switch {
	case l.Affected && l.Unmailable:
		page = pages(people, "NOT "+vouched, "u.email IS NULL")
	case l.Affected:
		page = pages("members m", "NOT "+vouched)
	case searched && l.Manager:
		pattern := a.add("text", containing(*f.Query))
		page = pages(people, fmt.Sprintf("(u.name ILIKE %[1]s OR u.email ILIKE %[1]s)", pattern)) + " UNION ALL " +
			pages("members m", "m.status = 'INVITED'", "m.email ILIKE "+pattern)
	case searched:
		page = pages(people, "u.name ILIKE "+a.add("text", containing(*f.Query)))
	}
	if standings != "" {
		return "(SELECT page.* FROM " + standings + " CROSS JOIN LATERAL (" + page + ") page ORDER BY page.id LIMIT " + limit + ")", a.given()
	}
	if searched {
		return "(SELECT page.* FROM (" + page + ") page ORDER BY page.id LIMIT " + limit + ")", a.given()
	}
	return page, a.given()
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
