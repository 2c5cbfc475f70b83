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

const (
	addOrganization    = `mutation($i: CreateOrganizationInput!) { createOrganization(input: $i) { organization { id slug name require2FA } } }`
	updateOrganization = `mutation($i: UpdateOrganizationInput!) { updateOrganization(input: $i) { organization { slug name } } }`
	addTeam            = `mutation($i: CreateTeamInput!) { createTeam(input: $i) { team { id slug name } } }`
	addProject         = `mutation($i: CreateProjectInput!) { createProject(input: $i) { project { id slug team { slug } } } }`
	requireQuery       = `mutation($i: SetRequire2FAInput!) { setRequire2FA(input: $i) { organization { slug } sweep { id state total done failed } } }`
	connectSSO         = `mutation($i: ConnectSSOInput!) { connectSSO(input: $i) { organization { sso { issuer clientId } } } }`
	disconnectSSO      = `mutation($o: ID!) { disconnectSSO(input: {organizationId: $o}) { organization { sso { issuer } } } }`
	remindQuery        = `mutation($o: ID!) { remindMembersWithout2FA(input: {organizationId: $o}) { remindedCount } }`
	nodeQuery          = `query($i: ID!) { node(id: $i) { __typename id } }`
)

func (o *organization) vars(required bool) vars {
	return vars{"i": vars{"organizationId": o.ID, "required": required}}
}

// actions are the organization's log, oldest first.
func (b back) actions(t testing.TB, o *organization) []string {
	t.Helper()
	return value[[]string](t, b, `SELECT array_agg(action ORDER BY sequence) FROM audit_entries WHERE organization_id = $1`, o.ID)
}

func TestOrganizationNames(t *testing.T) {
	t.Parallel()
	m := start(t)
	p := m.signUp(t, "Orsola")
	o := p.organization(t)
	team := o.createTeam(t, "blue")
	for slug, ok := range map[string]bool{
		"ab": true, "a-b": true, "a1": true, "12": true, strings.Repeat("x", 40): true,
		"a": false, "": false, strings.Repeat("x", 41): false, "-ab": false, "ab-": false, "Ab": false, "a b": false, "a_b": false,
		"ä-b": false, "a.b": false, "ab\n": false, "a/b": false, "аb": false, // the last one begins in Cyrillic
	} {
		for what, a := range map[string]answer{
			"organization": m.post(t, p.Token, addOrganization, vars{"i": vars{"slug": slug, "name": "N"}}),
			"team":         m.post(t, p.Token, addTeam, vars{"i": vars{"organizationId": o.ID, "slug": slug, "name": "N"}}),
			"project":      m.post(t, p.Token, addProject, vars{"i": vars{"organizationId": o.ID, "teamId": team, "slug": slug, "name": "N"}}),
		} {
			if ok {
				a.expect(t, "", fmt.Sprintf("%s %q", what, slug))
			} else if a.Code() != "BAD_INPUT" || a.field() != "slug" {
				t.Errorf("%s %q: %q %v", what, slug, a.Code(), a.field())
			}
		}
	}
	for name, ok := range map[string]bool{strings.Repeat("ß", 100): true, " N ": true, strings.Repeat("ß", 101): false, " ": false, "a\tb": false, "\u202eabc": false} {
		a := m.post(t, p.Token, updateOrganization, vars{"i": vars{"organizationId": o.ID, "name": name}})
		if ok != (a.Code() == "") || !ok && a.field() != "name" {
			t.Errorf("the name %q: %q %v", name, a.Code(), a.field())
		}
	}
	for what, a := range map[string]answer{
		"organization": m.post(t, p.Token, addOrganization, vars{"i": vars{"slug": o.Slug, "name": "N"}}),
		"team":         m.post(t, p.Token, addTeam, vars{"i": vars{"organizationId": o.ID, "slug": "blue", "name": "N"}}),
		"project":      m.post(t, p.Token, addProject, vars{"i": vars{"organizationId": o.ID, "teamId": team, "slug": "blue", "name": "N"}}),
		"an update":    m.post(t, p.Token, updateOrganization, vars{"i": vars{"organizationId": o.ID, "slug": "ab"}}),
	} {
		a.expect(t, "CONFLICT", "a slug that is taken, "+what)
	}
	other := p.organization(t)
	m.post(t, p.Token, addProject, vars{"i": vars{"organizationId": other.ID, "teamId": team, "slug": "cc", "name": "N"}}).
		expect(t, "NOT_FOUND", "a project in another organization's team")
	m.post(t, p.Token, addTeam, vars{"i": vars{"organizationId": other.ID, "slug": "blue", "name": "N"}}).expect(t, "", "the same slug elsewhere")

	// What changes is in the log, and what does not change is not.
	b := m.back(t)
	before := len(b.actions(t, other))
	p.do(t, updateOrganization, vars{"i": vars{"organizationId": other.ID, "name": "Organization " + other.Slug, "slug": other.Slug}}, nil)
	p.do(t, updateOrganization, vars{"i": vars{"organizationId": other.ID}}, nil)
	if n := len(b.actions(t, other)); n != before {
		t.Errorf("%d entries for nothing", n-before)
	}
	p.do(t, updateOrganization, vars{"i": vars{"organizationId": other.ID, "slug": other.Slug + "-new"}}, nil)
	if got := b.actions(t, other); len(got) != before+1 || got[before] != "org.edit" {
		t.Errorf("the log is %v", got)
	}
	p.refused(t, "NOT_FOUND", projects, vars{"s": other.Slug})
	p.do(t, projects, vars{"s": other.Slug + "-new"}, nil)
}

func TestTeamsGiveProjects(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner, member, admin := m.signUp(t, "Ovid"), m.signUp(t, "Mo"), m.signUp(t, "Ada")
	o, other := owner.organization(t), owner.organization(t)
	blue, green := o.createTeam(t, "blue"), o.createTeam(t, "green")
	foreign := other.createTeam(t, "foreign")
	id := o.join(t, member, "MEMBER", blue)
	o.join(t, admin, "ADMIN")
	reach := func(p *person, want ...string) {
		t.Helper()
		var out struct {
			Organization struct{ Projects []struct{ Slug string } }
		}
		p.do(t, `query($s: String!) { organization(slug: $s) { projects { slug } } }`, vars{"s": o.Slug}, &out)
		got := []string{}
		for _, p := range out.Organization.Projects {
			got = append(got, p.Slug)
		}
		if diff := cmp.Diff(append([]string{}, want...), got); diff != "" {
			t.Errorf("%s reaches (-want +got):\n%s", p.Name, diff)
		}
	}
	reach(member, "blue")
	reach(admin, "blue", "green")
	reach(owner, "blue", "green")
	admin.do(t, setTeams, vars{"m": id, "t": []string{green, green, blue}}, nil)
	reach(member, "blue", "green")
	m.post(t, admin.Token, setTeams, vars{"m": id, "t": []string{green, foreign}}).expect(t, "NOT_FOUND", "another organization's team")
	m.post(t, admin.Token, setTeams, vars{"m": id, "t": slices.Repeat([]string{green}, 101)}).expect(t, "BAD_INPUT", "101 teams")
	reach(member, "blue", "green") // all or nothing
	admin.do(t, setTeams, vars{"m": id, "t": []string{}}, nil)
	reach(member)

	// Settings: what is absent stays, what does not change is not logged, and nobody else sees them.
	b := m.back(t)
	before := len(b.actions(t, o))
	var got struct {
		UpdateNotificationSettings struct {
			Member struct {
				NotificationSettings struct{ Membership, Security bool }
			}
		}
	}
	member.do(t, setNotices, vars{"o": o.ID, "s": false}, &got)
	if s := got.UpdateNotificationSettings.Member.NotificationSettings; !s.Membership || s.Security {
		t.Errorf("the settings are %+v", s)
	}
	member.do(t, setNotices, vars{"o": o.ID, "s": false, "m": true}, nil)
	if n := len(b.actions(t, o)) - before; n != 1 {
		t.Errorf("%d entries, want 1", n)
	}
	a := m.post(t, owner.Token, `query($s: String!, $m: ID!) { organization(slug: $s) { member(id: $m) { notificationSettings { security } } } }`, vars{"s": o.Slug, "m": id})
	if !strings.Contains(string(a.Data), `"notificationSettings":null`) {
		t.Errorf("an owner sees a member's settings: %s", a.Data)
	}
	// The mails follow them: membership yes, security no.
	b.idle(t)
	owner.do(t, changeRole, vars{"m": b.memberID(t, o, admin), "r": "MEMBER"}, nil)
	owner.do(t, connectSSO, vars{"i": vars{"organizationId": o.ID, "issuer": "https://login.example.com", "clientId": "c", "clientSecret": "s"}}, nil)
	b.idle(t)
	titles := m.mails(member.Email)
	if !slices.Contains(titles, "Organization "+o.Slug+": membership changed") || slices.Contains(titles, "Organization "+o.Slug+": security settings changed") {
		t.Errorf("the member was mailed %v", titles)
	}
	if titles := m.mails(admin.Email); !slices.Contains(titles, "Organization "+o.Slug+": security settings changed") {
		t.Errorf("the other member was mailed %v", titles)
	}
	// Whoever did it too, where they are an owner: it may have been somebody else in their session.
	if titles := m.mails(owner.Email); !slices.Contains(titles, "Organization "+o.Slug+": security settings changed") {
		t.Errorf("the owner who did it was mailed %v", titles)
	}
}

func (b back) memberID(t testing.TB, o *organization, p *person) string {
	t.Helper()
	return value[string](t, b, `SELECT m.id FROM members m JOIN users u ON u.id = m.user_id WHERE m.organization_id = $1 AND u.name = $2`, o.ID, p.Name)
}

func TestSSOAgainstTheRequirement(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner := m.signUp(t, "Oskar")
	o := owner.organization(t)
	b := m.back(t)
	in := func(issuer, id, secret string) vars {
		return vars{"i": vars{"organizationId": o.ID, "issuer": issuer, "clientId": id, "clientSecret": secret}}
	}
	for _, bad := range []struct{ issuer, id, secret, field string }{
		{"http://login.example.com", "c", "s", "issuer"},
		{"login.example.com", "c", "s", "issuer"},
		{"https://", "c", "s", "issuer"},
		{"https://u:p@login.example.com", "c", "s", "issuer"},
		{"https://login.example.com?x=1", "c", "s", "issuer"},
		{"https://login.example.com#x", "c", "s", "issuer"},
		{"https://login.example.com/" + strings.Repeat("x", 500), "c", "s", "issuer"},
		{"https://login.example.com", "", "s", "clientId"},
		{"https://login.example.com", "c", "", "clientSecret"},
		{"https://login.example.com", "c", strings.Repeat("s", 1001), "clientSecret"},
	} {
		if a := owner.refused(t, "BAD_INPUT", connectSSO, in(bad.issuer, bad.id, bad.secret)); a.field() != bad.field {
			t.Errorf("%+v: the field is %v", bad, a.field())
		}
	}
	owner.do(t, connectSSO, in("https://login.example.com", "client", "the client's secret"), nil)
	owner.enroll(t)
	owner.refused(t, "SSO_ENABLED", requireQuery, o.vars(true))
	owner.do(t, requireQuery, o.vars(false), nil) // off is always possible
	if n := value[int](t, b, `SELECT count(*)::int FROM sso_connections WHERE position('secret'::bytea IN sealed_secret) > 0`); n != 0 {
		t.Error("the client secret is stored as it is")
	}
	owner.do(t, disconnectSSO, vars{"o": o.ID}, nil)
	owner.do(t, disconnectSSO, vars{"o": o.ID}, nil) // without one nothing happens
	o.require(t, true)
	owner.refused(t, "REQUIREMENT_ON", connectSSO, in("https://login.example.com", "client", "s"))
	want := []string{"org.create", "sso.enable", "member.2fa-enabled", "sso.disable", "org.edit"}
	if diff := cmp.Diff(want, b.actions(t, o)); diff != "" {
		t.Errorf("the log (-want +got):\n%s", diff)
	}
}

func TestTurningItOnAndOff(t *testing.T) {
	t.Parallel()
	m := start(t)
	b := m.back(t)
	owner, manager, member := m.signUp(t, "Ola"), m.signUp(t, "Max"), m.signUp(t, "Mel")
	o := owner.organization(t)
	owner.refused(t, "TWO_FACTOR_REQUIRED", requireQuery, o.vars(true)) // of their own, first
	owner.enroll(t)
	manager.enroll(t)
	o.join(t, manager, "MANAGER")
	o.join(t, member, "MEMBER")
	manager.refused(t, "FORBIDDEN", requireQuery, o.vars(true))
	member.refused(t, "FORBIDDEN", requireQuery, o.vars(true))
	m.signUp(t, "Sig").refused(t, "NOT_FOUND", requireQuery, o.vars(true))
	m.post(t, "", requireQuery, o.vars(true)).expect(t, "UNAUTHENTICATED", "nobody")

	// Recovery codes do not count: an owner who has them and nothing else, as only the database can make one.
	b.run(t, `UPDATE authenticators SET confirmed_at = NULL, session_id = 'none' WHERE user_id = (SELECT id FROM users WHERE email = $1)`, owner.Email)
	owner.refused(t, "TWO_FACTOR_REQUIRED", requireQuery, o.vars(true))
	b.run(t, `UPDATE authenticators SET confirmed_at = clock_timestamp(), session_id = NULL WHERE user_id = (SELECT id FROM users WHERE email = $1)`, owner.Email)

	type turned struct {
		SetRequire2FA struct {
			Sweep *struct {
				ID, State           string
				Total, Done, Failed int
			}
		}
	}
	turn := func(on bool) turned {
		t.Helper()
		var out turned
		owner.do(t, requireQuery, o.vars(on), &out)
		return out
	}
	edits := func() int {
		return strings.Count(strings.Join(b.actions(t, o), " "), "org.edit")
	}
	if got := turn(false); got.SetRequire2FA.Sweep != nil || edits() != 0 {
		t.Errorf("a repeated OFF: %+v, %d edits", got, edits())
	}
	release := m.holdSweeps(t)
	first := turn(true).SetRequire2FA.Sweep
	again := turn(true).SetRequire2FA.Sweep
	if first == nil || again == nil || first.ID != again.ID || first.Total != 1 || edits() != 1 {
		t.Fatalf("ON twice: %+v %+v, %d edits", first, again, edits())
	}
	b.idleMails(t, m, member)
	had := len(m.mails(member.Email))
	if got := turn(false); got.SetRequire2FA.Sweep != nil {
		t.Errorf("OFF answers the sweep %+v", got.SetRequire2FA.Sweep)
	}
	release()
	eventually(t, "the sweep is canceled", func() bool {
		return value[string](t, b, `SELECT state FROM sweeps WHERE id = $1`, first.ID) == "CANCELED"
	})
	member.do(t, projects, vars{"s": o.Slug}, nil) // was never removed
	b.idle(t)
	for _, title := range m.mails(member.Email)[:len(m.mails(member.Email))-had] {
		if title == mandatory {
			t.Error("turning it off mailed the way back")
		}
	}

	// On, to its end; then somebody is not compliant again, as only the database can make one: a new sweep, no entry.
	o.require(t, true)
	done := turn(true).SetRequire2FA.Sweep
	if done == nil || done.State != "DONE" || done.Done != 1 || done.Total != 1 || done.ID == first.ID || edits() != 3 {
		t.Errorf("ON where all are compliant answers %+v, %d edits", done, edits())
	}
	b.run(t, `UPDATE members SET status = 'ACTIVE', removed_at = NULL, reinstatable_until = NULL WHERE status = 'REMOVED_FOR_2FA'`)
	fresh := turn(true).SetRequire2FA.Sweep
	if fresh == nil || fresh.ID == done.ID || fresh.Total != 1 || edits() != 3 {
		t.Errorf("ON where somebody is not compliant answers %+v, %d edits", fresh, edits())
	}
	o.awaitSweep(t)
	if n := value[int](t, b, `SELECT count(*)::int FROM members WHERE status = 'REMOVED_FOR_2FA'`); n != 1 {
		t.Errorf("%d members are removed, want 1", n)
	}
	// Turning it off brings nobody back and mails none of them.
	b.idle(t)
	had = len(m.mails(member.Email))
	turn(false)
	b.idle(t)
	if n := value[int](t, b, `SELECT count(*)::int FROM members WHERE status = 'REMOVED_FOR_2FA'`); n != 1 || len(m.mails(member.Email)) != had {
		t.Errorf("after OFF %d are removed, want 1; mails: %v", n, m.mails(member.Email))
	}
}

// idleMails waits until no mail to the person is on its way; a held sweep never rests.
func (b back) idleMails(t testing.TB, _ *muster, _ *person) {
	t.Helper()
	eventually(t, "all mails are sent", func() bool {
		return value[int](t, b, `SELECT count(*)::int FROM river_job WHERE kind IN ('mail', 'notify') AND state NOT IN ('completed', 'cancelled', 'discarded')`) == 0
	})
}

// Before it is turned on, an owner sees whom it would hit; who cannot be mailed is locked out and stays on the list.
func TestImpactAndReminder(t *testing.T) {
	t.Parallel()
	m := start(t)
	b := m.back(t)
	owner, second, member, unmailable, safe := m.signUp(t, "Otto"), m.signUp(t, "Olli"), m.signUp(t, "Mina"), m.signUp(t, "Uno"), m.signUp(t, "Safe")
	owner.enroll(t)
	safe.enroll(t)
	o := owner.organization(t)
	o.join(t, second, "OWNER")
	o.join(t, member, "MEMBER")
	lostID := o.join(t, unmailable, "MEMBER")
	o.join(t, safe, "MANAGER")
	o.invite(t, owner, "invited@people.example", "MEMBER")
	b.idle(t)
	b.run(t, `UPDATE users SET email = NULL WHERE email = $1`, unmailable.Email)
	type impact struct {
		RemovedCount, CompliantCount, UnmailableCount, OwnersRemovedCount int
		Members, Lost                                                     struct{ Nodes []struct{ Name string } }
	}
	var out struct {
		Organization struct{ Require2FAImpact impact }
	}
	owner.do(t, `query($s: String!) { organization(slug: $s) { require2FAImpact { removedCount compliantCount unmailableCount ownersRemovedCount
	  members { nodes { name } } lost: members(unmailable: true) { nodes { name } } } } }`, vars{"s": o.Slug}, &out)
	want := impact{RemovedCount: 2, CompliantCount: 2, UnmailableCount: 1, OwnersRemovedCount: 1}
	for _, name := range []string{"Olli", "Mina", "Uno"} {
		want.Members.Nodes = append(want.Members.Nodes, struct{ Name string }{name})
	}
	want.Lost.Nodes = append(want.Lost.Nodes, struct{ Name string }{"Uno"})
	if diff := cmp.Diff(want, out.Organization.Require2FAImpact); diff != "" {
		t.Errorf("the impact (-want +got):\n%s", diff)
	}

	var reminded struct {
		RemindMembersWithout2FA struct{ RemindedCount int }
	}
	owner.do(t, remindQuery, vars{"o": o.ID}, &reminded)
	if n := reminded.RemindMembersWithout2FA.RemindedCount; n != 2 {
		t.Errorf("%d are reminded, want 2", n)
	}
	b.idle(t)
	title := "Organization " + o.Slug + " will soon require two-factor authentication"
	for p, want := range map[*person]bool{second: true, member: true, owner: false, safe: false, {Email: "invited@people.example"}: false} {
		if got := slices.Contains(m.mails(p.Email), title); got != want {
			t.Errorf("%s was reminded: %v, want %v", p.Email, got, want)
		}
	}
	safe.m = m
	limited := m.post(t, safe.Token, remindQuery, vars{"o": o.ID}).expect(t, "RATE_LIMITED", "a second reminder on a day")
	if limited.Header.Get("Retry-After") == "" || !strings.Contains(limited.says(), "less than a day ago") {
		t.Errorf("it says %q, Retry-After %q", limited.says(), limited.Header.Get("Retry-After"))
	}
	b.run(t, `UPDATE organizations SET reminded_at = reminded_at - interval '24 hours 10 minutes'`)
	m.post(t, safe.Token, remindQuery, vars{"o": o.ID}).expect(t, "", "a day later")
	member.refused(t, "FORBIDDEN", remindQuery, vars{"o": o.ID})

	o.require(t, true)
	var after struct {
		Organization struct {
			Sweep  struct{ Total, Done, Failed int }
			Member struct {
				Status string
				Email  *string
			}
		}
	}
	owner.do(t, `query($s: String!, $m: ID!) { organization(slug: $s) { sweep { total done failed } member(id: $m) { status email } } }`, vars{"s": o.Slug, "m": lostID}, &after)
	if got := after.Organization.Sweep; got.Total != 3 || got.Done != 2 || got.Failed != 1 {
		t.Errorf("the sweep is %+v", got)
	}
	if got := after.Organization.Member; got.Status != "ACTIVE" || got.Email != nil {
		t.Errorf("who cannot be mailed is %+v", got)
	}
	unmailable.refused(t, "TWO_FACTOR_REQUIRED", projects, vars{"s": o.Slug})
	for query, code := range map[string]string{enrollTOTP: "MAILBOX_PROOF_REQUIRED", changeEmail: "CONFLICT"} {
		if got := unmailable.refused(t, code, query, vars{"e": "own@people.example"}); !strings.Contains(got.says(), "your account has no address") {
			t.Errorf("who cannot be mailed is told %q", got.says())
		}
	}
	// Once they can be, they are removed as the sweep would have, and mailed the way back.
	given := "given@people.example"
	if _, err := m.App.OperatorSetEmail(t.Context(), m.find(t, `SELECT user_id FROM members WHERE id = $1`, lostID), given); err != nil {
		t.Fatal(err)
	}
	m.link(t, given, mandatory)
	if got := m.find(t, `SELECT status || ' ' || role FROM members WHERE id = $1`, lostID); got != "REMOVED_FOR_2FA MEMBER" {
		t.Errorf("who can be mailed now is %s", got)
	}
}

func TestMembersAndNodes(t *testing.T) {
	t.Parallel()
	m := start(t)
	b := m.back(t)
	owner, member, stranger := m.signUp(t, "Owen"), m.signUp(t, "Meg"), m.signUp(t, "Strange")
	o := owner.organization(t)
	team := o.createTeam(t, "blue")
	id := o.join(t, member, "MEMBER", team)
	for i := range 5 {
		o.invite(t, owner, fmt.Sprintf("invited%d@people.example", i), "MEMBER")
	}
	type page struct {
		Organization struct {
			Members struct {
				Nodes    []struct{ ID string }
				PageInfo struct {
					HasNextPage, HasPreviousPage bool
					EndCursor                    *string
				}
				TotalCount *int
			}
		}
	}
	const list = `query($s: String!, $n: Int, $c: String, $f: MemberFilter) { organization(slug: $s) { members(first: $n, after: $c, filter: $f) {
	  nodes { id } pageInfo { hasNextPage hasPreviousPage endCursor } totalCount } } }`
	var seen []string
	var after *string
	for pages := 0; ; pages++ {
		var out page
		owner.do(t, list, vars{"s": o.Slug, "n": 3, "c": after}, &out)
		got := out.Organization.Members
		for _, n := range got.Nodes {
			seen = append(seen, n.ID)
		}
		if got.TotalCount == nil || *got.TotalCount != 7 || got.PageInfo.HasPreviousPage != (pages > 0) || got.PageInfo.HasNextPage != (pages < 2) {
			t.Errorf("page %d is %+v", pages, got)
		}
		if after = got.PageInfo.EndCursor; !got.PageInfo.HasNextPage {
			break
		}
	}
	if len(seen) != 7 || !slices.IsSorted(seen) || len(slices.Compact(slices.Clone(seen))) != 7 {
		t.Errorf("the pages hold %v", seen)
	}
	var filtered page
	owner.do(t, list, vars{"s": o.Slug, "f": vars{"status": []string{"INVITED"}, "query": "INVITED3"}}, &filtered)
	if got := filtered.Organization.Members; len(got.Nodes) != 1 || got.TotalCount != nil {
		t.Errorf("a filter finds %+v", got)
	}
	owner.do(t, list, vars{"s": o.Slug, "f": vars{"query": "%"}}, &filtered)
	if n := len(filtered.Organization.Members.Nodes); n != 0 {
		t.Errorf("a percent sign finds %d", n)
	}
	foreign := base64.RawURLEncoding.EncodeToString([]byte("c:17"))
	for what, v := range map[string]vars{
		"first 0": {"n": 0}, "first -1": {"n": -1}, "first 101": {"n": 101}, "no cursor": {"c": "nonsense"}, "an id": {"c": id},
		"another list's cursor": {"c": foreign}, "a null in a cursor": {"c": base64.RawURLEncoding.EncodeToString([]byte("c:\x00"))},
		"a long cursor": {"c": strings.Repeat("A", 5000)}, "a long query": {"f": vars{"query": strings.Repeat("x", 101)}},
	} {
		v["s"] = o.Slug
		a := owner.refused(t, "BAD_INPUT", list, v)
		if field, _ := a.field().(string); field == "" {
			t.Errorf("%s: no field", what)
		}
	}
	member.refused(t, "FORBIDDEN", list, vars{"s": o.Slug, "f": vars{"twoFactor": []string{"DISABLED"}}})

	// Who is the only owner, and who was seen when.
	type memberView struct {
		Organization struct {
			Member struct {
				IsOnlyOwner bool
				LastSeenAt  *time.Time
			}
		}
	}
	ownerID := b.memberID(t, o, owner)
	look := func(who *person, id string) memberView {
		var out memberView
		who.do(t, `query($s: String!, $m: ID!) { organization(slug: $s) { member(id: $m) { isOnlyOwner lastSeenAt } } }`, vars{"s": o.Slug, "m": id}, &out)
		return out
	}
	if got := look(owner, ownerID).Organization.Member; !got.IsOnlyOwner || got.LastSeenAt == nil || time.Since(*got.LastSeenAt) > time.Minute {
		t.Errorf("the owner is %+v", got)
	}
	b.run(t, `UPDATE members SET last_seen_at = NULL WHERE id = $1`, id)
	if got := look(owner, id).Organization.Member; got.IsOnlyOwner || got.LastSeenAt != nil {
		t.Errorf("a member who has not come yet is %+v", got)
	}
	if got := look(member, ownerID).Organization.Member; got.LastSeenAt != nil {
		t.Errorf("a member sees when the owner came: %+v", got)
	}
	if got := look(owner, id).Organization.Member; got.LastSeenAt == nil {
		t.Error("a member who came was not seen")
	}
	owner.do(t, changeRole, vars{"m": id, "r": "OWNER"}, nil)
	if look(owner, ownerID).Organization.Member.IsOnlyOwner {
		t.Error("one of two owners is the only one")
	}
	member.do(t, changeRole, vars{"m": id, "r": "MEMBER"}, nil)

	// Anything that may be seen can be fetched by its id, and what may not be does not exist.
	project := value[string](t, b, `SELECT id FROM projects WHERE organization_id = $1`, o.ID)
	entry := value[string](t, b, `SELECT id FROM audit_entries WHERE organization_id = $1 AND sequence = 1`, o.ID)
	user := value[string](t, b, `SELECT id FROM users WHERE email = $1`, member.Email)
	for node, kind := range map[string]string{o.ID: "Organization", id: "Member", team: "Team", project: "Project", entry: "AuditLogEntry", user: "User"} {
		var out struct {
			Node struct {
				Typename string `json:"__typename"`
				ID       string
			}
		}
		owner.do(t, nodeQuery, vars{"i": node}, &out)
		if out.Node.ID != node || out.Node.Typename != kind {
			t.Errorf("%s is %+v, want %s", node, out.Node, kind)
		}
		stranger.refused(t, "NOT_FOUND", nodeQuery, vars{"i": node})
		m.post(t, "", nodeQuery, vars{"i": node}).expect(t, "UNAUTHENTICATED", "nobody")
	}
	member.refused(t, "FORBIDDEN", nodeQuery, vars{"i": entry})
	for _, nonsense := range []string{"", "x", "usr_", "mem_00000000000000000000000000", "ses_" + strings.TrimPrefix(id, "mem_"), strings.Repeat("x", 5000)} {
		owner.refused(t, "NOT_FOUND", nodeQuery, vars{"i": nonsense})
	}
	for what, a := range map[string]answer{
		"a slug":      m.post(t, owner.Token, projects, vars{"s": "a\x00b"}),
		"a member id": m.post(t, owner.Token, setTeams, vars{"m": "mem_\x00", "t": []string{}}),
		"a team id":   m.post(t, owner.Token, setTeams, vars{"m": id, "t": []string{"team_\x00"}}),
		"a node's id": m.post(t, owner.Token, `{ node(id: "mem_\u0000") { id } }`, nil),
		"a query":     m.post(t, owner.Token, list, vars{"s": o.Slug, "f": vars{"query": "\x00"}}),
		"an address":  m.post(t, "", signInQuery, vars{"i": vars{"email": "a\x00b@people.example", "password": "x"}}),
	} {
		a.expect(t, "BAD_INPUT", "a null character in "+what)
	}
}
