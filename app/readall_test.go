package app

import (
	"context"
	"fmt"
	"testing"

	"muster/org"
)

// The gate's answer to many at once is its answer to each: whoever they are, in whatever session, and each time it is asked.
func TestAskingForManyIsAskingEach(t *testing.T) {
	t.Parallel()
	a, admin := open(t, "")
	owner, _ := a.person(t, "olivia", true)
	made, err := a.CreateOrganization(owner, CreateOrganizationInput{Slug: "acme", Name: "Acme"})
	must(t, err)
	elsewhere, err := a.CreateOrganization(owner, CreateOrganizationInput{Slug: "else", Name: "Else"})
	must(t, err)
	id := made.Organization.ID
	callers := map[string]context.Context{"nobody": t.Context(), "an owner": owner, "the owner again": a.as(t, "olivia")}
	members := map[string]string{}
	for name, role := range map[string]org.Role{"max": org.RoleManager, "ada": org.RoleAdmin, "mia": org.RoleMember, "bare": org.RoleManager, "gone": org.RoleManager, "ended": org.RoleManager} {
		ctx, u := a.person(t, name, name != "bare")
		callers[name], members[name] = ctx, a.member(t, id, u, role)
	}
	callers["a stranger"], _ = a.person(t, "sam", true)
	for name, scopes := range map[string][]string{"audit:read": {"audit:read"}, "members:read": {"members:read"}} {
		personal, err := a.CreatePersonalToken(owner, CreatePersonalTokenInput{Name: name, Scopes: scopes})
		must(t, err)
		callers["a personal token with "+name] = a.as(t, personal.Token)
		for where, o := range map[string]string{"here": id, "elsewhere": elsewhere.Organization.ID} {
			service, err := a.CreateServiceToken(owner, CreateServiceTokenInput{OrganizationID: o, Name: name, Scopes: scopes})
			must(t, err)
			callers[fmt.Sprintf("a service token with %s %s", name, where)] = a.as(t, service.Token)
		}
	}
	lasting := make([]context.Context, 0, len(callers))
	names := make([]string, 0, len(callers))
	for name, ctx := range callers {
		request(ctx).lasting = true
		names, lasting = append(names, name), append(lasting, ctx)
	}
	check := func(when string, want map[string]org.ErrorCode) {
		t.Helper()
		accesses, refusals, err := a.readAll(t.Context(), id, org.SeeAudit, lasting)
		if err != nil {
			t.Fatal(err)
		}
		for i, name := range names {
			access, err := a.read(lasting[i], id, org.SeeAudit)
			if fmt.Sprint(err) != fmt.Sprint(refusals[i]) {
				t.Errorf("%s: %s is told %v alone and %v with the others", when, name, err, refusals[i])
			}
			if err == nil && (access.Member.Role != accesses[i].Member.Role || access.Member.ID != accesses[i].Member.ID) {
				t.Errorf("%s: %s is %+v alone and %+v with the others", when, name, access.Member, accesses[i].Member)
			}
			var got org.ErrorCode
			if refusal, ok := refusals[i].(*org.Error); ok { //nolint:errorlint // the gate's own
				got = refusal.Code
			}
			if got != want[name] {
				t.Errorf("%s: %s is told %q, want %q", when, name, got, want[name])
			}
		}
	}
	want := map[string]org.ErrorCode{
		"nobody": org.CodeUnauthenticated, "a stranger": org.CodeNotFound, "ada": org.CodeForbidden, "mia": org.CodeForbidden,
		"a personal token with members:read": org.CodeForbidden, "a service token with members:read here": org.CodeForbidden,
		"a service token with members:read elsewhere": org.CodeNotFound, "a service token with audit:read elsewhere": org.CodeNotFound,
	}
	check("at first", want)
	_, err = a.RemoveMember(owner, RemoveMemberInput{MemberID: members["gone"]})
	must(t, err)
	for _, statement := range []string{
		`UPDATE sessions SET ended_at = now() WHERE user_id = (SELECT user_id FROM members WHERE id = '` + members["ended"] + `')`,
		`UPDATE api_tokens SET revoked_at = now() WHERE name = 'audit:read' AND organization_id = '` + id + `'`,
		`UPDATE organizations SET require2fa = true WHERE id = '` + id + `'`,
	} {
		_, err := admin.Exec(t.Context(), statement)
		must(t, err)
	}
	want["gone"], want["ended"], want["bare"] = org.CodeNotFound, org.CodeUnauthenticated, org.CodeTwoFactorRequired
	want["a service token with audit:read here"] = org.CodeUnauthenticated
	check("after changes", want)
}
