package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// bound is how long somebody who lost access may go on watching: a second is promised, from the commit; the rest is room
// for a busy machine.
const bound = 2 * time.Second

// require2FA turns the requirement on without waiting for anything.
const require2FA = `mutation($o: ID!) { setRequire2FA(input: {organizationId: $o, required: true}) { sweep { id } } }`

// From the commit of setRequire2FA on, a member without 2FA is refused by every path through the graph, on HTTP and on a
// socket that was open before, while the sweep has not removed anybody.
func TestAccessIsCutAtTheCommit(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner, max := m.signUp(t, "Olivia"), m.signUp(t, "Max")
	owner.enroll(t)
	o, other := owner.organization(t), owner.organization(t)
	team := o.createTeam(t, "platform")
	maxID := o.enter(t, max, "MANAGER", team)
	otherID := other.enter(t, max, "MANAGER")
	o.enter(t, m.signUp(t, "Mia"), "MEMBER", team)
	sweep := o.holdSweep(t)
	socket := m.dial(t, max.Token)

	var ids struct {
		Organization struct {
			Viewer   struct{ User struct{ ID string } }
			Members  struct{ Nodes []struct{ ID, Role string } }
			Projects []struct{ ID string }
			AuditLog struct{ Nodes []struct{ ID string } }
		}
	}
	max.do(t, `query($s: String!) { organization(slug: $s) {
  viewer { user { id } } members { nodes { id role } } projects { id } auditLog(first: 1) { nodes { id } } } }`, vars{"s": o.Slug}, &ids)
	ownerMember := ""
	for _, n := range ids.Organization.Members.Nodes {
		if n.Role == "OWNER" {
			ownerMember = n.ID
		}
	}

	const node = `query($id: ID!) { node(id: $id) { id } }`
	fields := []string{
		"require2FA", "sso { issuer }", "viewer { role }", "members { nodes { id } }", `member(id: "` + ownerMember + `") { id }`,
		"auditLog { nodes { id } }", "auditLogActions", "auditSequence", "teams { id }", "projects { id }",
		"require2FAImpact { removedCount members { nodes { id } } }", "sweep { id }",
		"viewerCan", "memberCounts { active }", "complianceHistory { day }", "auditLogActors { id }",
	}
	type path struct {
		name, query string
		v           vars
	}
	paths := []path{
		{"organization", `query($s: String!) { organization(slug: $s) { id } }`, vars{"s": o.Slug}},
		{"node of the organization", node, vars{"id": o.ID}},
		{"node of a member", node, vars{"id": ownerMember}},
		{"node of a team", node, vars{"id": team}},
		{"node of a project", node, vars{"id": ids.Organization.Projects[0].ID}},
		{"node of an entry", node, vars{"id": ids.Organization.AuditLog.Nodes[0].ID}},
		{"node of the sweep", node, vars{"id": sweep}},
		{"createTeam", createTeam, vars{"i": vars{"organizationId": o.ID, "slug": "mine", "name": "Mine"}}},
		{"inviteMember", `mutation($o: ID!) { inviteMember(input: {organizationId: $o, email: "x@people.example"}) { member { id } } }`, vars{"o": o.ID}},
		{"removeMember", `mutation($m: ID!) { removeMember(input: {memberId: $m}) { removedMemberId } }`, vars{"m": ownerMember}},
		{"changeMemberRole", `mutation($m: ID!) { changeMemberRole(input: {memberId: $m, role: MEMBER}) { member { id } } }`, vars{"m": maxID}},
		{"setMemberTeams", `mutation($m: ID!) { setMemberTeams(input: {memberId: $m, teamIds: []}) { member { id } } }`, vars{"m": maxID}},
		{"updateNotificationSettings", `mutation($o: ID!) { updateNotificationSettings(input: {organizationId: $o, security: false}) { member { id } } }`, vars{"o": o.ID}},
		{"remindMembersWithout2FA", `mutation($o: ID!) { remindMembersWithout2FA(input: {organizationId: $o}) { remindedCount } }`, vars{"o": o.ID}},
		{"setRequire2FA", `mutation($o: ID!) { setRequire2FA(input: {organizationId: $o, required: false}) { sweep { id } } }`, vars{"o": o.ID}},
		{"leaveOrganization", `mutation($o: ID!) { leaveOrganization(input: {organizationId: $o}) { user { id } } }`, vars{"o": o.ID}},
	}
	for _, field := range fields {
		paths = append(paths,
			path{"viewer.memberships.organization." + field, `{ viewer { memberships { organization { ` + field + ` } } } }`, nil},
			path{
				"node(own membership).organization." + field,
				`query($id: ID!) { node(id: $id) { ... on Member { organization { ` + field + ` } } } }`,
				vars{"id": maxID},
			},
			// A payload of another organization leads there too.
			path{
				"updateNotificationSettings.member.user.memberships.organization." + field,
				`mutation($o: ID!) { updateNotificationSettings(input: {organizationId: $o}) { member { user { memberships { organization { ` + field + ` } } } } } }`,
				vars{"o": other.ID},
			})
	}
	ask := map[string]func(id string, p path) answer{
		"HTTP": func(_ string, p path) answer { return m.post(t, max.Token, p.query, p.v) },
		"WebSocket": func(id string, p path) answer {
			socket.subscribe(id, p.query, p.v)
			var a answer
			f := socket.read()
			if f.Type == "error" {
				if err := json.Unmarshal(f.Payload, &a.Errors); err != nil {
					t.Fatal(err)
				}
				return a
			}
			if err := json.Unmarshal(f.Payload, &a); err != nil {
				t.Fatal(err)
			}
			if f := socket.read(); f.Type != "complete" {
				t.Fatalf("got %+v, want complete", f)
			}
			return a
		},
	}
	owner.do(t, require2FA, vars{"o": o.ID}, nil)
	for transport, asks := range ask {
		for i, p := range paths {
			a := asks(fmt.Sprint(i), p)
			refusals := 0
			for _, e := range a.Errors {
				switch e.Extensions["code"] {
				case "TWO_FACTOR_REQUIRED":
					refusals++
				case "NOT_FOUND": // the other organization has no such member
				default:
					t.Errorf("%s over %s: %+v", p.name, transport, e)
				}
			}
			if refusals != 1 {
				t.Errorf("%s over %s: %d refusals with %s: %s %+v", p.name, transport, refusals, "TWO_FACTOR_REQUIRED", a.Data, a.Errors)
			}
		}
	}
	// Only what names the organization is left, and the way back; the other organization is as it was.
	var seen struct {
		Viewer struct {
			Memberships []struct {
				ID, Role, Status    string
				TwoFactor, LastSeen *string
				Teams               []struct{ ID string }
				Organization        struct{ ID, Slug, Name string }
			}
		}
	}
	max.do(t, `{ viewer { memberships { id role status twoFactor teams { id } organization { id slug name } } } }`, nil, &seen)
	if len(seen.Viewer.Memberships) != 2 {
		t.Fatalf("%d memberships", len(seen.Viewer.Memberships))
	}
	for _, own := range seen.Viewer.Memberships {
		switch own.ID {
		case maxID:
			if own.Organization.Slug != o.Slug || own.Role != "MANAGER" || own.TwoFactor != nil || len(own.Teams) > 0 {
				t.Errorf("shut out, but sees %+v", own)
			}
		case otherID:
			max.do(t, `query($s: String!) { organization(slug: $s) { auditLog { nodes { id } } members { nodes { id } } sweep { id } } }`, vars{"s": other.Slug}, nil)
		}
	}
	var done int
	if err := m.admin(t).QueryRow(t.Context(), `SELECT count(*) FROM members WHERE status <> 'ACTIVE'`).Scan(&done); err != nil || done != 0 {
		t.Errorf("%d members were removed (%v): this was to show the time before that", done, err)
	}
}

// watching is a manager without 2FA who watches two organizations on one socket, one of which will shut them out.
type watching struct {
	m        *muster
	owner    *person
	manager  *person
	memberID string
	cut      *organization // the one that shuts out
	kept     *organization
	foreign  *organization // of which the manager is no member
	admin    *pgx.Conn
	tape     *tape
}

// The operations of the organization that shuts out, and how each is asked for.
var shutOut = []string{"log", "gone", "sweep"}

func startWatching(t *testing.T, m *muster, owner *person) *watching {
	t.Helper()
	w := &watching{
		m: m, owner: owner, manager: m.signUp(t, "Max"), admin: m.admin(t),
		cut: owner.organization(t), kept: owner.organization(t), foreign: owner.organization(t),
	}
	w.memberID = w.cut.enter(t, w.manager, "MANAGER")
	w.kept.enter(t, w.manager, "MANAGER")
	return w
}

// watch subscribes to everything, and waits until all of it is live.
func (w *watching) watch(t *testing.T) {
	t.Helper()
	s := w.m.dial(t, w.manager.Token)
	s.subscribe("log", watchAudit, vars{"o": w.cut.ID, "after": 0})
	s.subscribe("gone", watchRemovals, vars{"o": w.cut.ID, "after": 0})
	s.subscribe("sweep", watchSweep, vars{"id": w.cut.holdSweep(t)})
	s.subscribe("mine", watchViewer, vars{"o": w.cut.ID})
	s.subscribe("kept mine", watchViewer, vars{"o": w.kept.ID})
	s.subscribe("kept log", watchAudit, vars{"o": w.kept.ID, "after": 0})
	s.subscribe("kept gone", watchRemovals, vars{"o": w.kept.ID, "after": 0})
	w.tape = s.record()
	// The first removal of each shows that its subscription is live.
	for id, o := range map[string]*organization{"gone": w.cut, "kept gone": w.kept} {
		gone := o.invite(t, w.owner, newAddress(), "MEMBER")
		w.owner.do(t, `mutation($m: ID!) { removeMember(input: {memberId: $m}) { removedMemberId } }`, vars{"m": gone}, nil)
		eventually(t, id+" is live", func() bool { return len(w.tape.events(t, id)) == 1 })
	}
	for _, id := range []string{"mine", "kept mine"} {
		eventually(t, id+" is there", func() bool { return len(w.tape.events(t, id)) == 1 })
	}
	eventually(t, "the sweep is live", func() bool { return len(w.tape.events(t, "sweep")) == 1 })
	for id, o := range map[string]*organization{"log": w.cut, "kept log": w.kept} {
		now := o.auditSequence(t, w.admin)
		eventually(t, id+" is live", func() bool { return w.tape.last(t, id) == now })
	}
}

// writeOn writes into all logs, of removals too.
func (w *watching) writeOn(t *testing.T) {
	t.Helper()
	for _, o := range []*organization{w.cut, w.kept, w.foreign} {
		o.writeTeams(t, w.owner, "later", 3)
		gone := o.invite(t, w.owner, newAddress(), "MEMBER")
		w.owner.do(t, `mutation($m: ID!) { removeMember(input: {memberId: $m}) { removedMemberId } }`, vars{"m": gone}, nil)
	}
}

// committed is when the entry that shuts out was written, which is before its commit, and its sequence.
func (w *watching) committed(t *testing.T, action string) (at time.Time, sequence int) {
	t.Helper()
	err := w.admin.QueryRow(t.Context(), `
SELECT created_at, sequence FROM audit_entries WHERE organization_id = $1 AND action = $2 ORDER BY sequence DESC LIMIT 1`,
		w.cut.ID, action).Scan(&at, &sequence)
	if err != nil {
		t.Fatal(err)
	}
	return at, sequence
}

// nothingForeign fails the test if an operation delivered an entry of an organization that it was not asked for.
func (w *watching) nothingForeign(t *testing.T) {
	t.Helper()
	for id, o := range map[string]*organization{"log": w.cut, "gone": w.cut, "kept log": w.kept, "kept gone": w.kept} {
		var ids []string
		for _, e := range w.tape.events(t, id) {
			ids = append(ids, e.entry().ID)
		}
		slices.Sort(ids)
		var foreign int
		err := w.admin.QueryRow(t.Context(), `
SELECT count(*) FROM unnest($1::text[]) i LEFT JOIN audit_entries e ON e.id = i WHERE e.organization_id IS DISTINCT FROM $2`,
			slices.Compact(ids), o.ID).Scan(&foreign)
		if err != nil || foreign != 0 || len(ids) == 0 {
			t.Errorf("%s delivered %d entries, %d of them of another organization (%v)", id, len(ids), foreign, err)
		}
	}
}

// How access to one organization is lost, the action of the entry that says so, and the code that the operations end with.
var losses = []struct {
	name, action, code string
	stays              bool // a member, of a role that may see less
	prepare            func(t *testing.T, w *watching)
	lose               func(t *testing.T, w *watching)
}{
	{
		name: "the requirement is turned on", action: "org.edit", code: "TWO_FACTOR_REQUIRED",
		lose: func(t *testing.T, w *watching) { t.Helper(); w.owner.do(t, require2FA, vars{"o": w.cut.ID}, nil) },
	},
	{
		name: "the last factor was removed, then one is required", action: "org.edit", code: "TWO_FACTOR_REQUIRED",
		prepare: func(t *testing.T, w *watching) { t.Helper(); w.manager.enroll(t) },
		lose: func(t *testing.T, w *watching) {
			t.Helper()
			var out struct {
				Viewer struct{ Authenticators []struct{ ID string } }
			}
			w.manager.do(t, `{ viewer { authenticators { id } } }`, nil, &out)
			w.manager.do(t, `mutation($a: ID!) { removeAuthenticator(input: {authenticatorId: $a}) { user { id } } }`,
				vars{"a": out.Viewer.Authenticators[0].ID}, nil)
			w.owner.do(t, require2FA, vars{"o": w.cut.ID}, nil)
		},
	},
	{
		name: "the role is lowered", action: "member.edit", code: "FORBIDDEN", stays: true,
		lose: func(t *testing.T, w *watching) {
			t.Helper()
			w.owner.do(t, `mutation($m: ID!) { changeMemberRole(input: {memberId: $m, role: ADMIN}) { member { role } } }`, vars{"m": w.memberID}, nil)
		},
	},
	{
		name: "the member is removed", action: "member.remove", code: "NOT_FOUND",
		lose: func(t *testing.T, w *watching) {
			t.Helper()
			w.owner.do(t, `mutation($m: ID!) { removeMember(input: {memberId: $m}) { removedMemberId } }`, vars{"m": w.memberID}, nil)
		},
	},
	{
		name: "the member leaves", action: "member.leave", code: "NOT_FOUND",
		lose: func(t *testing.T, w *watching) {
			t.Helper()
			w.manager.do(t, `mutation($o: ID!) { leaveOrganization(input: {organizationId: $o}) { user { id } } }`, vars{"o": w.cut.ID}, nil)
		},
	},
}

// Whoever loses access to one organization gets no entry of it from that commit on, and each operation ends with its code
// within a second, whether LISTEN works or not. The other organization on the same socket goes on.
func TestAccessLostWhileWatching(t *testing.T) {
	t.Parallel()
	for _, listening := range []string{"LISTEN works", "LISTEN is broken"} {
		t.Run(listening, func(t *testing.T) {
			t.Parallel()
			m := start(t)
			if listening != "LISTEN works" {
				m.breakListen(t)
			}
			owner := m.signUp(t, "Olivia")
			owner.enroll(t)
			for _, l := range losses {
				t.Run(l.name, func(t *testing.T) {
					w := startWatching(t, m, owner)
					if l.prepare != nil {
						l.prepare(t, w)
					}
					w.watch(t)
					l.lose(t, w)
					at, cut := w.committed(t, l.action)
					w.writeOn(t)
					ends := shutOut
					if l.stays {
						eventually(t, "their own place is told anew", func() bool { return len(w.tape.events(t, "mine")) == 2 })
						if mine := w.tape.events(t, "mine")[1].ViewerMember; mine.Role != "ADMIN" || mine.Status != "ACTIVE" {
							t.Errorf("their own place is %+v now, want an active admin's", mine)
						}
					} else {
						ends = append(slices.Clone(shutOut), "mine")
					}
					for _, id := range ends {
						eventually(t, id+" ends", func() bool { f, _ := w.tape.refusal(t, id); return f != nil })
						f, refusal := w.tape.refusal(t, id)
						if refusal.Extensions["code"] != l.code {
							t.Errorf("%s ended with %v, want %s", id, refusal.Extensions, l.code)
						}
						if took := f.At.Sub(at); took > bound {
							t.Errorf("%s ended %v after the commit, want at most a second", id, took)
						} else {
							t.Logf("%s ended %v after the commit", id, took)
						}
					}
					last := w.kept.auditSequence(t, w.admin)
					eventually(t, "the other organization goes on", func() bool { return w.tape.last(t, "kept log") == last })
					unbroken(t, "the other organization", w.tape.sequences(t, "kept log"), 1, last)
					eventually(t, "its removals go on", func() bool { return len(w.tape.events(t, "kept gone")) == 2 })
					for _, id := range []string{"log", "gone"} {
						if s := w.tape.last(t, id); s >= cut {
							t.Errorf("%s delivered %d; access was lost with %d", id, s, cut)
						}
					}
					unbroken(t, "until then", w.tape.sequences(t, "log"), 1, w.tape.last(t, "log"))
					for _, id := range ends {
						if own := w.tape.of(id); own[len(own)-1].Type != "error" {
							t.Errorf("%s went on after its end: %s", id, own[len(own)-1].Type)
						}
					}
					w.nothingForeign(t)
				})
			}
		})
	}
}

// breakListen cuts the connection that listens whenever it comes back, and waits until Muster pauses for more than a second
// between its tries.
func (m *muster) breakListen(t *testing.T) {
	t.Helper()
	cuts, _ := m.cutListeners(t)
	deadline := time.After(patience)
	// The pauses double from 50 ms to 5 s: after the sixth cut the next try is 1.6 s away, or more.
	for range 6 {
		select {
		case <-cuts:
		case <-deadline:
			t.Fatal("the listener does not come back to be cut")
		}
	}
}

// When the session ends, the socket does, with 4401 and within a second, whether LISTEN works or not.
func TestSessionEndsWhileWatching(t *testing.T) {
	t.Parallel()
	ends := map[string]func(t *testing.T, w *watching){
		"signOut": func(t *testing.T, w *watching) {
			t.Helper()
			w.manager.do(t, `mutation { signOut(input: {}) { ok } }`, nil, nil)
		},
		"signOut everywhere, in another session": func(t *testing.T, w *watching) {
			t.Helper()
			elsewhere := *w.manager
			elsewhere.signIn(t)
			elsewhere.do(t, `mutation { signOut(input: {everywhere: true}) { ok } }`, nil, nil)
		},
		"a factor is confirmed in another session": func(t *testing.T, w *watching) {
			t.Helper()
			elsewhere := *w.manager
			elsewhere.signIn(t)
			elsewhere.enroll(t)
		},
		"the password is changed in another session": func(t *testing.T, w *watching) {
			t.Helper()
			elsewhere := *w.manager
			elsewhere.signIn(t)
			elsewhere.do(t, changePassword, vars{"i": vars{"currentPassword": elsewhere.Password, "newPassword": "another long one"}}, nil)
		},
		"the session expires": func(t *testing.T, w *watching) {
			t.Helper()
			w.m.exec(t, `UPDATE sessions SET expires_at = clock_timestamp() WHERE user_id = $1`, userID(t, w.manager))
		},
		"the session is idle for too long": func(t *testing.T, w *watching) {
			t.Helper()
			w.m.exec(t, `UPDATE sessions SET used_at = used_at - interval '1 day' WHERE user_id = $1`, userID(t, w.manager))
		},
	}
	for _, listening := range []string{"LISTEN works", "LISTEN is broken"} {
		t.Run(listening, func(t *testing.T) {
			t.Parallel()
			m := start(t)
			if listening != "LISTEN works" {
				m.breakListen(t)
			}
			owner := m.signUp(t, "Olivia")
			for name, end := range ends {
				t.Run(name, func(t *testing.T) {
					w := startWatching(t, m, owner)
					w.watch(t)
					bystander := m.dial(t, owner.Token)
					bystander.subscribe("log", watchAudit, vars{"o": w.cut.ID, "after": 0})
					others := bystander.record()
					end(t, w)
					ended := time.Now()
					eventually(t, "the socket closes", func() bool { code, _ := w.tape.closed(); return code != 0 })
					code, at := w.tape.closed()
					if took := at.Sub(ended); code != 4401 || took > bound {
						t.Errorf("closed with %d after %v, want 4401 within a second", code, took)
					} else {
						t.Logf("closed %v after the end", took)
					}
					before := w.tape.last(t, "log")
					w.writeOn(t)
					last := w.cut.auditSequence(t, w.admin)
					eventually(t, "other sessions go on", func() bool { return others.last(t, "log") == last })
					if got := w.tape.last(t, "log"); got != before {
						t.Errorf("the closed socket still delivered %d", got)
					}
					w.nothingForeign(t)
				})
			}
		})
	}
}

// Somebody who watches without 2FA, and sets it up in that same session before it is required, goes on watching: what was
// true when the subscription began is not remembered.
func TestEnrolledWhileWatching(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner := m.signUp(t, "Olivia")
	owner.enroll(t)
	w := startWatching(t, m, owner)
	s := m.dial(t, w.manager.Token)
	s.subscribe("gone", watchRemovals, vars{"o": w.cut.ID, "after": 0})
	s.subscribe("targets", `subscription($o: ID!) { auditLog(organizationId: $o, after: 0) { id sequence target { id } } }`, vars{"o": w.cut.ID})
	w.tape = s.record()
	eventually(t, "it is live", func() bool { return w.tape.last(t, "targets") == w.cut.auditSequence(t, w.admin) })
	mia := w.cut.enter(t, m.signUp(t, "Mia"), "MEMBER")
	w.manager.enroll(t)
	w.cut.require(t, true)
	last := w.cut.auditSequence(t, w.admin)
	eventually(t, "all entries arrive", func() bool { return w.tape.last(t, "targets") == last })
	eventually(t, "the removal arrives, or a refusal", func() bool { return len(w.tape.of("gone")) > 0 })
	if f, refusal := w.tape.refusal(t, "gone"); f != nil {
		t.Fatalf("ended with %v", refusal)
	}
	removals := w.tape.events(t, "gone")
	if len(removals) != 1 || removals[0].MemberRemoved.Member == nil || removals[0].MemberRemoved.Member.ID != mia {
		t.Errorf("removals %+v, want Mia's", removals)
	}
	frames := w.tape.of("targets")
	if newest := string(frames[len(frames)-1].Payload); !strings.Contains(newest, mia) {
		t.Errorf("the newest entry's target is not Mia: %s", newest)
	}
}
