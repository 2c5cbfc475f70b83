package main

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAuditLogPagesAndFilters(t *testing.T) {
	t.Parallel()
	m := start(t)
	b := m.back(t)
	owner, manager := m.signUp(t, "Odo"), m.signUp(t, "Mab")
	o := owner.organization(t)
	managerID := o.join(t, manager, "MANAGER")
	for i := range 4 {
		manager.do(t, addTeam, vars{"i": vars{"organizationId": o.ID, "slug": fmt.Sprintf("team-%d", i), "name": "T"}}, nil)
	}
	type page struct {
		Organization struct {
			AuditLog struct {
				Nodes    []struct{ Sequence int }
				PageInfo struct {
					HasNextPage, HasPreviousPage bool
					EndCursor                    *string
				}
				TotalCount *int
			}
			AuditLogActions []string
			AuditSequence   int
		}
	}
	const list = `query($s: String!, $n: Int, $c: String, $f: AuditLogFilter) { organization(slug: $s) { auditLogActions auditSequence
	  auditLog(first: $n, after: $c, filter: $f) { nodes { sequence } pageInfo { hasNextPage hasPreviousPage endCursor } totalCount } } }`
	ask := func(v vars) (sequences []int, out page) {
		t.Helper()
		v["s"] = o.Slug
		manager.do(t, list, v, &out)
		sequences = []int{}
		for _, n := range out.Organization.AuditLog.Nodes {
			sequences = append(sequences, n.Sequence)
		}
		return sequences, out
	}
	// org.create, member.invite, member.accept-invite, then four teams.
	first, out := ask(vars{"n": 3})
	log := out.Organization.AuditLog
	if diff := cmp.Diff([]int{7, 6, 5}, first); diff != "" || !log.PageInfo.HasNextPage || log.PageInfo.HasPreviousPage || log.TotalCount == nil || *log.TotalCount != 7 || out.Organization.AuditSequence != 7 {
		t.Errorf("the first page (-want +got) %+v:\n%s", out, diff)
	}
	next, out := ask(vars{"n": 100, "c": *log.PageInfo.EndCursor})
	if diff := cmp.Diff([]int{4, 3, 2, 1}, next); diff != "" || out.Organization.AuditLog.PageInfo.HasNextPage || !out.Organization.AuditLog.PageInfo.HasPreviousPage {
		t.Errorf("the next page (-want +got):\n%s", diff)
	}
	ownerUser := value[string](t, b, `SELECT id FROM users WHERE email = $1`, owner.Email)
	middle := value[time.Time](t, b, `SELECT created_at FROM audit_entries WHERE organization_id = $1 AND sequence = 4`, o.ID).UTC().Format(time.RFC3339Nano)
	for what, test := range map[string]struct {
		filter vars
		want   []int
	}{
		"an action":       {vars{"actions": []string{"team.create"}}, []int{7, 6, 5, 4}},
		"two actions":     {vars{"actions": []string{"org.create", "member.invite"}}, []int{2, 1}},
		"an actor":        {vars{"actor": ownerUser}, []int{2, 1}},
		"a target":        {vars{"target": managerID}, []int{3, 2}},
		"since":           {vars{"since": middle}, []int{7, 6, 5, 4}},
		"until":           {vars{"until": middle}, []int{3, 2, 1}},
		"all together":    {vars{"actions": []string{"member.invite"}, "actor": ownerUser, "target": managerID, "until": middle}, []int{2}},
		"nobody's":        {vars{"actor": "usr_nobody"}, []int{}},
		"an empty filter": {vars{}, []int{7, 6, 5, 4, 3, 2, 1}},
	} {
		got, out := ask(vars{"f": test.filter})
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
		if counted := out.Organization.AuditLog.TotalCount != nil; counted != (len(test.filter) == 0) {
			t.Errorf("%s: counted %v", what, counted)
		}
	}
	paged, out := ask(vars{"n": 2, "f": vars{"actions": []string{"team.create"}}})
	rest, _ := ask(vars{"n": 2, "c": *out.Organization.AuditLog.PageInfo.EndCursor, "f": vars{"actions": []string{"team.create"}}})
	if diff := cmp.Diff([]int{7, 6, 5, 4}, append(paged, rest...)); diff != "" {
		t.Errorf("pages of a filter (-want +got):\n%s", diff)
	}

	unknown := manager.refused(t, "BAD_INPUT", list, vars{"s": o.Slug, "f": vars{"actions": []string{"member.promote"}}})
	if !strings.Contains(unknown.says(), "member.promote") || !strings.Contains(unknown.says(), "member.pending") || unknown.field() != "filter.actions" {
		t.Errorf("an unknown action: %q, field %v", unknown.says(), unknown.field())
	}
	encode := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	for what, v := range map[string]vars{
		"first 0": {"n": 0}, "first 101": {"n": 101}, "nonsense": {"c": "nonsense"}, "a number": {"c": "5"}, "a cursor of 0": {"c": encode("c:0")},
		"below": {"c": encode("c:-1")}, "another list's": {"c": encode("c:" + managerID)}, "too large": {"c": encode("c:99999999999999999999")},
		"until before since": {"f": vars{"since": middle, "until": "2020-01-01T00:00:00Z"}}, "51 actions": {"f": vars{"actions": slices.Repeat([]string{"org.edit"}, 51)}},
		"no time": {"f": vars{"since": "yesterday"}},
	} {
		v["s"] = o.Slug
		m.post(t, manager.Token, list, v).expect(t, "BAD_INPUT", what)
	}
	actions := out.Organization.AuditLogActions
	for _, name := range []string{"member.pending", "org.edit", "member.invite", "member.accept-invite", "member.reinvite", "member.edit", "member.remove", "org.create", "sso.enable", "member.2fa-enabled"} {
		if !slices.Contains(actions, name) {
			t.Errorf("the actions lack %s", name)
		}
	}
	if !slices.IsSorted(actions) || len(actions) > 100 {
		t.Errorf("the actions are %v", actions)
	}
}
