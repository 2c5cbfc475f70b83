package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	changeRole  = `mutation($m: ID!, $r: Role!) { changeMemberRole(input: {memberId: $m, role: $r}) { member { role status } } }`
	setTeams    = `mutation($m: ID!, $t: [ID!]!) { setMemberTeams(input: {memberId: $m, teamIds: $t}) { member { teams { slug } } } }`
	setNotices  = `mutation($o: ID!, $m: Boolean, $s: Boolean) { updateNotificationSettings(input: {organizationId: $o, membership: $m, security: $s}) { member { notificationSettings { membership security } } } }`
	projects    = `query($s: String!) { organization(slug: $s) { viewer { role status teams { slug } notificationSettings { membership security } } projects { slug } } }`
	removedView = `query($s: String!, $m: ID!) { organization(slug: $s) { member(id: $m) { id role status removedAt reinstatableUntil inviteExpiresAt } } }`
)

type removed struct {
	Organization struct {
		Member struct {
			ID, Role, Status                              string
			RemovedAt, ReinstatableUntil, InviteExpiresAt *time.Time
		}
	}
}

// Inside the window everything comes back and is told item by item, also what was changed meanwhile.
func TestWindowRestores(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner, same, changed := m.signUp(t, "Ottilie"), m.signUp(t, "Sami"), m.signUp(t, "Chen")
	owner.enroll(t)
	o := owner.organization(t)
	blue, green, red := o.createTeam(t, "blue"), o.createTeam(t, "green"), o.createTeam(t, "red")
	sameID, changedID := o.join(t, same, "ADMIN", blue, green), o.join(t, changed, "MANAGER", blue)
	same.do(t, setNotices, vars{"o": o.ID, "m": false, "s": true}, nil)
	changed.do(t, setNotices, vars{"o": o.ID, "m": false, "s": false}, nil)
	same.do(t, projects, vars{"s": o.Slug}, nil)
	o.require(t, true)

	for _, p := range []*person{same, changed} {
		p.refused(t, "TWO_FACTOR_REQUIRED", projects, vars{"s": o.Slug})
		v := p.view(t)
		if len(v.Viewer.Memberships) != 1 || v.Viewer.Memberships[0].Status != "REMOVED_FOR_2FA" || v.Viewer.Memberships[0].Organization.Slug != o.Slug {
			t.Errorf("%s sees %+v", p.Name, v.Viewer.Memberships)
		}
	}
	owner.do(t, changeRole, vars{"m": changedID, "r": "MEMBER"}, nil)
	owner.do(t, setTeams, vars{"m": changedID, "t": []string{red, green}}, nil)

	// acceptInvite says what to do, does not let in yet, and the link still leads here.
	for p, want := range map[*person][]string{
		same:    {"role Admin", "team Team blue", "team Team green", "notifications about security"},
		changed: {"role Member", "team Team green", "team Team red", "no notifications"},
	} {
		token := m.link(t, p.Email, mandatory)
		if got := m.invitation(t, "", token); got == nil || got.Reason != "REMOVED_FOR_2FA" || got.NextStep != "SIGN_IN" {
			t.Errorf("%s's link is %+v", p.Name, got)
		}
		p.signIn(t)
		var accepted struct {
			AcceptInvite struct {
				NextStep   string
				Member     struct{ Status string }
				Reinstated []any
			}
		}
		p.do(t, acceptInvite, vars{"t": token}, &accepted)
		if got := accepted.AcceptInvite; got.NextStep != "SET_UP_2FA" || got.Member.Status != "REMOVED_FOR_2FA" || len(got.Reinstated) != 0 {
			t.Errorf("accepting answered %+v", got)
		}
		p.refused(t, "TWO_FACTOR_REQUIRED", projects, vars{"s": o.Slug})
		back := p.enroll(t)
		if len(back) != 1 {
			t.Fatalf("%s got back %+v", p.Name, back)
		}
		if diff := cmp.Diff(want, back[0].Restored); diff != "" || len(back[0].Skipped) != 0 {
			t.Errorf("%s got back (-want +got), skipped %v:\n%s", p.Name, back[0].Skipped, diff)
		}
		if got := m.invitation(t, p.Token, token); got != nil {
			t.Errorf("%s's link still leads to %+v", p.Name, got)
		}
		p.refused(t, "INVALID_LINK", acceptInvite, vars{"t": token})
		m.titled(t, p.Email, "You are back in Organization "+o.Slug)
	}
	var got struct {
		Organization struct {
			Viewer struct {
				Role, Status         string
				Teams                []struct{ Slug string }
				NotificationSettings struct{ Membership, Security bool }
			}
			Projects []struct{ Slug string }
		}
	}
	changed.do(t, projects, vars{"s": o.Slug}, &got)
	if v := got.Organization.Viewer; v.Role != "MEMBER" || v.Status != "ACTIVE" || len(v.Teams) != 2 || v.NotificationSettings.Membership || v.NotificationSettings.Security {
		t.Errorf("Chen is %+v", v)
	}
	if len(got.Organization.Projects) != 2 || got.Organization.Projects[0].Slug != "green" || got.Organization.Projects[1].Slug != "red" {
		t.Errorf("Chen's projects are %+v", got.Organization.Projects)
	}
	var after removed
	owner.do(t, removedView, vars{"s": o.Slug, "m": sameID}, &after)
	if after.Organization.Member.RemovedAt != nil || after.Organization.Member.ReinstatableUntil != nil || after.Organization.Member.ID != sameID {
		t.Errorf("after coming back: %+v", after.Organization.Member)
	}
	if n := value[int](t, m.back(t), `SELECT count(*)::int FROM audit_entries WHERE organization_id = $1 AND action = 'member.accept-invite'
	  AND data->>'status_before' = 'REMOVED_FOR_2FA' AND jsonb_array_length(data->'restored') = 4`, o.ID); n != 2 {
		t.Errorf("%d entries tell what was restored, want 2", n)
	}
}

// titled waits for a mail with the title, whether it has a link or not.
func (m *muster) titled(t testing.TB, email, title string) {
	t.Helper()
	eventually(t, "the mail "+title+" arrives at "+email, func() bool {
		for _, got := range m.mails(email) {
			if got == title {
				return true
			}
		}
		return false
	})
}

// A second after the window nothing comes back, and every door says what to do or that there is nothing.
func TestWindowOver(t *testing.T) {
	t.Parallel()
	m := start(t)
	b := m.back(t)
	owner, late, proved := m.signUp(t, "Orin"), m.signUp(t, "Lars"), m.signUp(t, "Prue")
	owner.enroll(t)
	o := owner.organization(t)
	lateID, provedID := o.join(t, late, "ADMIN", o.createTeam(t, "blue")), o.join(t, proved, "MEMBER")
	o.require(t, true)
	token := m.link(t, late.Email, mandatory)
	proved.do(t, acceptInvite, vars{"t": m.link(t, proved.Email, mandatory)}, nil) // in time, and then waits too long
	proved.startTOTP(t)
	late.refused(t, "TWO_FACTOR_REQUIRED", projects, vars{"s": o.Slug})
	b.endWindow(t, lateID)
	b.endWindow(t, provedID)

	late.refused(t, "NOT_FOUND", projects, vars{"s": o.Slug})
	late.refused(t, "NOT_FOUND", `query($i: ID!) { node(id: $i) { id } }`, vars{"i": o.ID})
	late.refused(t, "NOT_FOUND", `query($i: ID!) { node(id: $i) { id } }`, vars{"i": lateID})
	if got := m.invitation(t, late.Token, token); got != nil {
		t.Errorf("the link leads to %+v", got)
	}
	if v := late.view(t); len(v.Viewer.Memberships) != 0 {
		t.Errorf("the memberships are %+v", v.Viewer.Memberships)
	}
	refusal := late.refused(t, "INVALID_LINK", acceptInvite, vars{"t": token})
	if !strings.Contains(refusal.says(), "Ask an owner or manager") {
		t.Errorf("the refusal says %q", refusal.says())
	}
	if back := late.enroll(t); len(back) != 0 { // the account is free to protect itself
		t.Errorf("got back %+v", back)
	}
	var done struct {
		ConfirmTOTP struct{ Reinstated []reinstated }
	}
	proved.do(t, confirmTOTP, vars{"c": proved.code()}, &done)
	if len(done.ConfirmTOTP.Reinstated) != 0 {
		t.Errorf("got back %+v", done.ConfirmTOTP.Reinstated)
	}
	late.refused(t, "NOT_FOUND", projects, vars{"s": o.Slug})
	owner.refused(t, "NOT_FOUND", removedView, vars{"s": o.Slug, "m": lateID})
	members := func() int {
		return value[int](t, b, `SELECT count(*)::int FROM members WHERE organization_id = $1`, o.ID)
	}
	if n := members(); n != 3 {
		t.Errorf("%d rows, want 3", n)
	}

	// The next start ends the rows, with their entries.
	m.stop()
	again := startOn(t, m.DBURL, "test")
	eventually(t, "the rows are ended", func() bool { return members() == 1 })
	owner.m = again
	var log struct {
		Organization struct {
			Members  struct{ TotalCount int }
			AuditLog struct {
				Nodes []struct {
					Action, ActorLabel, TargetLabel, Message string
					Data                                     struct{ Role string }
				}
			}
		}
	}
	owner.do(t, `query($s: String!) { organization(slug: $s) { members { totalCount } auditLog(filter: {actions: ["member.expired"]}) { nodes { action actorLabel targetLabel message data } } } }`, vars{"s": o.Slug}, &log)
	if log.Organization.Members.TotalCount != 1 || len(log.Organization.AuditLog.Nodes) != 2 {
		t.Fatalf("afterwards: %+v", log.Organization)
	}
	roles := map[string]string{}
	for _, e := range log.Organization.AuditLog.Nodes {
		roles[e.TargetLabel] = e.Data.Role
		if e.ActorLabel != "Muster" {
			t.Errorf("an end is by %s", e.ActorLabel)
		}
	}
	want := map[string]string{late.Name + " <" + late.Email + ">": "ADMIN", proved.Name + " <" + proved.Email + ">": "MEMBER"}
	if diff := cmp.Diff(want, roles); diff != "" {
		t.Errorf("who was ended (-want +got):\n%s", diff)
	}
	o.invite(t, owner, late.Email, "MEMBER")
}

// The window ends three calendar months after the removal, the link with it, and a resent one too.
func TestWindowEnd(t *testing.T) {
	t.Parallel()
	m := start(t)
	b := m.back(t)
	owner, p := m.signUp(t, "Oke"), m.signUp(t, "Wanda")
	owner.enroll(t)
	o := owner.organization(t)
	id := o.join(t, p, "MEMBER")
	o.require(t, true)
	look := func() removed {
		var out removed
		owner.do(t, removedView, vars{"s": o.Slug, "m": id}, &out)
		return out
	}
	before := look().Organization.Member
	if before.RemovedAt == nil || before.ReinstatableUntil == nil || before.InviteExpiresAt == nil {
		t.Fatalf("the removed member is %+v", before)
	}
	if !before.InviteExpiresAt.Equal(*before.ReinstatableUntil) {
		t.Errorf("the link ends %s, the window %s", before.InviteExpiresAt, before.ReinstatableUntil)
	}
	at := before.RemovedAt.UTC()
	first := time.Date(at.Year(), at.Month()+3, 1, at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), time.UTC)
	day := min(at.Day(), time.Date(first.Year(), first.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()) // the month may be shorter
	if want := first.AddDate(0, 0, day-1); before.ReinstatableUntil.Sub(want).Abs() > time.Second {
		t.Errorf("removed %s, until %s, want %s", at, before.ReinstatableUntil, want)
	}
	mailed := before.ReinstatableUntil.UTC().Format("2 January 2006 at 15:04 UTC")
	m.mailSaying(t, p.Email, mailed)

	old := m.link(t, p.Email, mandatory)
	b.run(t, `UPDATE members SET removed_at = removed_at - interval '80 days', reinstatable_until = reinstatable_until - interval '80 days' WHERE id = $1`, id)
	shifted := look().Organization.Member
	o.resend(t, id)
	fresh := m.newLink(t, p.Email, mandatory, old)
	after := look().Organization.Member
	if !after.ReinstatableUntil.Equal(*shifted.ReinstatableUntil) || !after.InviteExpiresAt.Equal(*shifted.ReinstatableUntil) {
		t.Errorf("after resending the window ends %s and the link %s, want %s", after.ReinstatableUntil, after.InviteExpiresAt, shifted.ReinstatableUntil)
	}
	if m.invitation(t, "", old) != nil {
		t.Error("the old link still lives")
	}
	if got := m.invitation(t, "", fresh); got == nil || !got.ExpiresAt.Equal(*shifted.ReinstatableUntil) {
		t.Errorf("the new link is %+v", got)
	}

	// The same arithmetic on the days that are hard, in every time zone of a server.
	source, err := os.ReadFile("../db/sweep.go")
	if err != nil {
		t.Fatal(err)
	}
	const moment, written = "clock_timestamp()", "(clock_timestamp() AT TIME ZONE 'UTC' + interval '3 months') AT TIME ZONE 'UTC'"
	if !strings.Contains(string(source), "reinstatable_until = "+written) {
		t.Fatal("the end of a window is not written as the rules say")
	}
	expression := strings.ReplaceAll(written, moment, "$1::timestamptz")
	for _, zone := range []string{"UTC", "America/New_York", "Pacific/Kiritimati"} {
		b.run(t, `SET TIME ZONE '`+zone+`'`)
		for from, want := range map[string]string{
			"2026-11-30T10:00:00Z": "2027-02-28T10:00:00Z", "2027-11-30T23:59:59Z": "2028-02-29T23:59:59Z",
			"2026-11-29T00:30:00Z": "2027-02-28T00:30:00Z", "2026-12-31T12:00:00Z": "2027-03-31T12:00:00Z",
			"2027-01-31T03:00:00Z": "2027-04-30T03:00:00Z", "2026-08-31T22:00:00Z": "2026-11-30T22:00:00Z",
			"2027-01-14T06:30:00Z": "2027-04-14T06:30:00Z", // over the change to summer time
		} {
			wanted, err := time.Parse(time.RFC3339, want)
			if err != nil {
				t.Fatal(err)
			}
			if got := value[time.Time](t, b, `SELECT `+expression, from); !got.Equal(wanted) {
				t.Errorf("in %s three months from %s are %s, want %s", zone, from, got, want)
			}
		}
	}
}

// One confirmation brings back every membership whose window is open.
func TestComingBackEverywhere(t *testing.T) {
	t.Parallel()
	m := start(t)
	b := m.back(t)
	p := m.signUp(t, "Mara")
	var organizations []*organization
	var ids []string
	for i, role := range []string{"MANAGER", "MEMBER", "ADMIN"} {
		owner := m.signUp(t, "Owner"+string(rune('a'+i)))
		owner.enroll(t)
		o := owner.organization(t)
		ids = append(ids, o.join(t, p, role))
		o.require(t, true)
		organizations = append(organizations, o)
	}
	b.endWindow(t, ids[2])
	token := m.link(t, p.Email, mandatory) // any one of the living proves the mailbox
	if m.invitation(t, "", token) == nil {
		token = m.newLink(t, p.Email, mandatory, token)
	}
	p.do(t, acceptInvite, vars{"t": token}, nil)
	got := map[string]string{}
	for _, r := range p.enroll(t) {
		got[r.Organization.Slug] = r.Member.Role
	}
	want := map[string]string{organizations[0].Slug: "MANAGER", organizations[1].Slug: "MEMBER"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("came back to (-want +got):\n%s", diff)
	}
	p.refused(t, "NOT_FOUND", projects, vars{"s": organizations[2].Slug})
}

// Where the requirement was turned off, nobody is reinstated by it; a removed member's link lets them back in without 2FA.
func TestComingBackWithoutARequirement(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner, p, other := m.signUp(t, "Ole"), m.signUp(t, "Finn"), m.signUp(t, "Else")
	owner.enroll(t)
	o := owner.organization(t)
	o.join(t, p, "ADMIN", o.createTeam(t, "blue"))
	o.require(t, true)
	token := m.link(t, p.Email, mandatory)
	o.require(t, false)
	p.refused(t, "TWO_FACTOR_REQUIRED", projects, vars{"s": o.Slug})
	if got := m.invitation(t, p.Token, token); got == nil || got.NextStep != "ACCEPT" {
		t.Errorf("the link is %+v", got)
	}
	other.refused(t, "INVALID_LINK", acceptInvite, vars{"t": token})
	owner.refused(t, "INVALID_LINK", acceptInvite, vars{"t": token})
	var accepted struct {
		AcceptInvite struct {
			NextStep   string
			Member     struct{ Role, Status string }
			Reinstated []struct{ Restored []string }
		}
	}
	p.do(t, acceptInvite, vars{"t": token}, &accepted)
	got := accepted.AcceptInvite
	if got.NextStep != "NOTHING" || got.Member.Status != "ACTIVE" || got.Member.Role != "ADMIN" || len(got.Reinstated) != 1 {
		t.Fatalf("accepting answered %+v", got)
	}
	want := []string{"role Admin", "team Team blue", "notifications about membership and security"}
	if diff := cmp.Diff(want, got.Reinstated[0].Restored); diff != "" {
		t.Errorf("restored (-want +got):\n%s", diff)
	}
	p.do(t, projects, vars{"s": o.Slug}, nil)
}

// An invited person without a factor sets one up after acceptInvite, and confirming it completes the invitation.
func TestConfirmCompletesAnInvitation(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner, p, late := m.signUp(t, "Osric"), m.signUp(t, "Nele"), m.signUp(t, "Late")
	owner.enroll(t)
	o := owner.organization(t)
	o.require(t, true)
	id := o.invite(t, owner, p.Email, "MANAGER")
	token := m.link(t, p.Email, "Join ")
	var accepted struct{ AcceptInvite struct{ NextStep string } }
	p.do(t, acceptInvite, vars{"t": token}, &accepted)
	if accepted.AcceptInvite.NextStep != "SET_UP_2FA" {
		t.Errorf("next step %s", accepted.AcceptInvite.NextStep)
	}
	p.refused(t, "NOT_FOUND", projects, vars{"s": o.Slug})
	p.enroll(t)
	var got struct {
		Organization struct {
			Viewer struct{ ID, Role, Status string }
		}
	}
	p.do(t, `query($s: String!) { organization(slug: $s) { viewer { id role status } } }`, vars{"s": o.Slug}, &got)
	if v := got.Organization.Viewer; v.ID != id || v.Role != "MANAGER" || v.Status != "ACTIVE" {
		t.Errorf("the member is %+v", v)
	}
	if m.invitation(t, p.Token, token) != nil {
		t.Error("the link still lives")
	}

	// One whose link was replaced in between is not let in by the old proof.
	lateID := o.invite(t, owner, late.Email, "MEMBER")
	late.do(t, acceptInvite, vars{"t": m.link(t, late.Email, "Join ")}, nil)
	o.resend(t, lateID)
	late.enroll(t)
	late.refused(t, "NOT_FOUND", projects, vars{"s": o.Slug})
}
