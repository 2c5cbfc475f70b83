package main

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Members are found by team, by everybody who may see them, and only the organization's own.
func TestMembersByTeam(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner, o := m.owner(t)
	other := owner.organization(t)
	web, ops, none, theirs := o.createTeam(t, "web"), o.createTeam(t, "ops"), o.createTeam(t, "none"), other.createTeam(t, "theirs")
	mia, max := m.signUp(t, "Mia"), m.signUp(t, "Max")
	miaID, maxID := o.enter(t, mia, "MEMBER", web), o.enter(t, max, "MEMBER", web, ops)
	ivyID := o.invite(t, owner, newAddress(), "MEMBER", ops)
	other.enter(t, mia, "MEMBER", theirs)
	for _, test := range []struct {
		who   *person
		teams []string
		want  []string
	}{
		{owner, []string{web}, []string{miaID, maxID}},
		{owner, []string{ops}, []string{maxID, ivyID}},
		{owner, []string{web, ops}, []string{miaID, maxID, ivyID}},
		{mia, []string{web, ops}, []string{miaID, maxID}}, // who is invited is for managers to know
		{owner, []string{none}, nil},
		{owner, []string{theirs}, nil},
	} {
		var out struct {
			Organization struct {
				Members struct {
					Nodes      []struct{ ID string }
					TotalCount *int
				}
			}
		}
		test.who.do(t, `query($s: String!, $t: [ID!]) { organization(slug: $s) { members(filter: {teams: $t}) { nodes { id } totalCount } } }`, vars{"s": o.Slug, "t": test.teams}, &out)
		var got []string
		for _, n := range out.Organization.Members.Nodes {
			got = append(got, n.ID)
		}
		slices.Sort(test.want)
		if diff := cmp.Diff(test.want, got); diff != "" || out.Organization.Members.TotalCount != nil {
			t.Errorf("%s finds in %d teams (-want +got), and %v:\n%s", test.who.Name, len(test.teams), out.Organization.Members.TotalCount, diff)
		}
	}
	mia.refused(t, "BAD_INPUT", `query($s: String!, $t: [ID!]) { organization(slug: $s) { members(filter: {teams: $t}) { nodes { id } } } }`,
		vars{"s": o.Slug, "t": slices.Repeat([]string{web}, 101)})
}

// Whoever did something that the log tells is found, once, by the newest label, gone or not.
func TestAuditLogActors(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner, o := m.owner(t)
	mia := &person{m: m, Name: "Mia 100%", Email: newAddress(), Password: "a long password of Mia"}
	mia.register(t, nil)
	miaID, mo := o.enter(t, mia, "MEMBER"), userID(t, mia)
	o.writeTeams(t, owner, "team", 5)
	script := owner.serviceToken(t, o, "teams:write")
	o.writeTeams(t, script.person, "scripted", 2)
	owner.do(t, removeMember, vars{"m": miaID}, nil)
	other := mia.organization(t)
	actors := func(o *organization, query any) []string {
		t.Helper()
		var out struct {
			Organization struct{ AuditLogActors []struct{ ID, Label string } }
		}
		o.Owner.do(t, `query($s: String!, $q: String) { organization(slug: $s) { auditLogActors(query: $q) { id label } } }`, vars{"s": o.Slug, "q": query}, &out)
		found := []string{}
		for _, a := range out.Organization.AuditLogActors {
			found = append(found, a.ID+" "+a.Label)
		}
		return found
	}
	olivia, miaLabel := userID(t, owner)+" Olivia <"+owner.Email+">", mo+" Mia 100% <"+mia.Email+">"
	automation := script.id + " Automation"
	for _, test := range []struct {
		o     *organization
		query any
		want  []string
	}{
		{o, nil, []string{automation, miaLabel, olivia}},
		{o, "", []string{automation, miaLabel, olivia}},
		{o, "OLIV", []string{olivia}},
		{o, "0%", []string{miaLabel}},
		{o, "%a", []string{}},
		{other, nil, []string{miaLabel}},
	} {
		got := actors(test.o, test.query)
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%v finds (-want +got):\n%s", test.query, diff)
		}
	}
	// Each of them is what the filter takes.
	var out struct {
		Organization struct {
			AuditLog struct {
				Nodes []struct{ Action, ActorID, TargetID string }
			}
		}
	}
	const list = `query($s: String!, $f: AuditLogFilter) { organization(slug: $s) { auditLog(filter: $f) { nodes { action actorId targetId } } } }`
	owner.do(t, list, vars{"s": o.Slug, "f": vars{"actor": script.id}}, &out)
	nodes := out.Organization.AuditLog.Nodes
	if len(nodes) != 2 || nodes[0].ActorID != script.id || nodes[1].ActorID != script.id {
		t.Errorf("the filter finds %+v of the service token, want two entries with its id", nodes)
	}
	target := nodes[0].TargetID
	owner.do(t, list, vars{"s": o.Slug, "f": vars{"target": target}}, &out)
	if nodes = out.Organization.AuditLog.Nodes; len(nodes) == 0 || slices.ContainsFunc(nodes, func(n struct{ Action, ActorID, TargetID string }) bool { return n.TargetID != target }) {
		t.Errorf("the filter finds %+v about %s", nodes, target)
	}
	owner.refused(t, "BAD_INPUT", `query($s: String!, $q: String) { organization(slug: $s) { auditLogActors(query: $q) { id } } }`,
		vars{"s": o.Slug, "q": string(slices.Repeat([]byte("a"), 101))})
}

// What keeps somebody from turning the requirement on is said beforehand, as setRequire2FA says it; and when members were
// last reminded.
func TestRefusalOfTheRequirement(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner, max := m.signUp(t, "Olivia"), m.someone(t, "Max")
	o := owner.organization(t)
	o.enter(t, max, "MANAGER")
	check := func(p *person, want string) {
		t.Helper()
		var out struct {
			Organization struct {
				Require2FAImpact struct {
					Refusal *struct{ Code, Message string }
				}
			}
		}
		p.do(t, `query($s: String!) { organization(slug: $s) { require2FAImpact { refusal { code message } } } }`, vars{"s": o.Slug}, &out)
		got := out.Organization.Require2FAImpact.Refusal
		switch {
		case want == "" && got != nil:
			t.Errorf("%s is told %+v, want nothing", p.Name, *got)
		case want != "":
			a := p.refused(t, want, require2FA, vars{"o": o.ID})
			if got == nil || got.Code != want || got.Message != a.says() {
				t.Errorf("%s is told %+v beforehand and %s %q afterwards", p.Name, got, want, a.says())
			}
		}
	}
	check(owner, "TWO_FACTOR_REQUIRED")
	check(max, "FORBIDDEN")
	owner.enroll(t)
	owner.do(t, `mutation($o: ID!) { connectSSO(input: {organizationId: $o, issuer: "https://login.example.com", clientId: "muster", clientSecret: "secret"}) { organization { id } } }`, vars{"o": o.ID}, nil)
	check(owner, "SSO_ENABLED")
	owner.do(t, `mutation($o: ID!) { disconnectSSO(input: {organizationId: $o}) { organization { id } } }`, vars{"o": o.ID}, nil)
	check(owner, "")

	reminded := func() *time.Time {
		t.Helper()
		var out struct {
			Organization struct {
				Require2FAImpact struct{ RemindedAt *time.Time }
			}
		}
		max.do(t, `query($s: String!) { organization(slug: $s) { require2FAImpact { remindedAt } } }`, vars{"s": o.Slug}, &out)
		return out.Organization.Require2FAImpact.RemindedAt
	}
	if at := reminded(); at != nil {
		t.Errorf("reminded at %s, and nobody was", at)
	}
	o.enter(t, m.signUp(t, "Mia"), "MEMBER")
	before := time.Now()
	owner.do(t, `mutation($o: ID!) { remindMembersWithout2FA(input: {organizationId: $o}) { remindedCount } }`, vars{"o": o.ID}, nil)
	if at := reminded(); at == nil || at.Before(before.Add(-time.Second)) || at.After(time.Now().Add(time.Second)) {
		t.Errorf("reminded at %v, want %s", at, before)
	}
	o.require(t, true)
	check(owner, "")
	check(max, "")
}

// What a screen may offer is what the viewer may do: by role, at once after it changes, and for a program by its scopes.
func TestViewerCan(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner, o := m.owner(t)
	mia := m.signUp(t, "Mia")
	id := o.enter(t, mia, "MEMBER")
	check := func(p *person, want ...string) {
		t.Helper()
		var out struct{ Organization struct{ ViewerCan []string } }
		p.do(t, `query($s: String!) { organization(slug: $s) { viewerCan } }`, vars{"s": o.Slug}, &out)
		if diff := cmp.Diff(want, out.Organization.ViewerCan); diff != "" {
			t.Errorf("%s may (-want +got):\n%s", p.Name, diff)
		}
	}
	check(mia, "LEAVE", "NOTIFY_ME", "SEE", "SEE_MEMBERS", "SEE_PROJECTS", "SEE_TEAMS")
	owner.do(t, changeRole, vars{"m": id, "r": "ADMIN"}, nil)
	check(mia, "CREATE_PROJECTS", "LEAVE", "MANAGE_TEAMS", "NOTIFY_ME", "SEE", "SEE_ALL_PROJECTS", "SEE_MEMBERS", "SEE_PROJECTS", "SEE_TEAMS")
	check(owner, "CREATE_PROJECTS", "LEAVE", "MANAGE_MEMBERS", "MANAGE_SECURITY", "MANAGE_SERVICE_TOKENS", "MANAGE_SETTINGS", "MANAGE_TEAMS", "NOTIFY_ME",
		"SEE", "SEE_ALL_PROJECTS", "SEE_AUDIT_LOG", "SEE_MEMBERS", "SEE_PROJECTS", "SEE_SECURITY", "SEE_TEAMS")
	check(owner.serviceToken(t, o, "members:write", "audit:read").person, "MANAGE_MEMBERS", "SEE", "SEE_AUDIT_LOG", "SEE_MEMBERS")
	check(mia.personalToken(t, "projects:write", "audit:read").person, "CREATE_PROJECTS", "SEE", "SEE_ALL_PROJECTS", "SEE_PROJECTS")
}
