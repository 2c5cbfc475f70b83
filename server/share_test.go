package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"muster/org"
	"muster/server/transport"
)

// frames are the payloads that an operation has been given, in order.
func (tp *tape) payloads(id string) [][]byte {
	var payloads [][]byte
	for _, f := range tp.of(id) {
		if f.Type == "next" {
			payloads = append(payloads, f.Payload)
		}
	}
	return payloads
}

// Every subscription document is shown byte by byte the same alone and shared, whoever came first, whether it was read from
// the table or came live; those that can reach what depends on the viewer are never shared.
func TestSharedIsTheSameAsAlone(t *testing.T) {
	t.Parallel()
	a := start(t)
	b := a.beside(t, "test-b")
	b.Sockets.Alone = true
	owner, other := a.signUp(t, "Olivia"), a.signUp(t, "Otto")
	o := owner.organization(t)
	otherID := o.join(t, other, "MANAGER")
	owner.enroll(t)
	owner.do(t, `mutation($m: ID!) { changeMemberRole(input: {memberId: $m, role: OWNER}) { member { id } } }`, vars{"m": otherID}, nil)

	type document struct {
		query  string
		v      vars
		shared bool
	}
	const everything = `id sequence action actor { __typename ... on User { id name email twoFactor } ... on ServiceToken { id name scopes createdBy { id } createdAt } ... on Node { nid: id } }
  actorLabel targetLabel message ipAddress userAgent data createdAt`
	documents := map[string]document{
		"short":     {watchAudit, vars{}, true},
		"filtered":  {watchAudit, vars{"f": vars{"actions": []string{"team.create", "member.remove"}}}, true},
		"all of it": {`subscription($o: ID!, $after: Int) { log: auditLog(organizationId: $o, after: $after) { __typename ` + everything + ` } }`, vars{}, true},
		"fragments": {`subscription($o: ID!, $after: Int, $more: Boolean!) { auditLog(organizationId: $o, after: $after) { ...F a: sequence ... @include(if: $more) { data } } }
fragment F on AuditLogEntry { b: action @skip(if: $more) ...G } fragment G on AuditLogEntry { createdAt }`, vars{"more": true}, true},
		"removals":                  {`subscription($o: ID!, $after: Int) { memberRemoved(organizationId: $o, after: $after) { reason entry { ` + everything + ` } } }`, vars{}, true},
		"removals with the member":  {watchRemovals, vars{}, false},
		"targets":                   {`subscription($o: ID!, $after: Int) { auditLog(organizationId: $o, after: $after) { sequence target { id ... on Member { role email twoFactor } } } }`, vars{}, false},
		"what only the actor sees":  {`subscription($o: ID!, $after: Int) { auditLog(organizationId: $o, after: $after) { actor { ... on User { authenticators { kind } } } } }`, vars{}, false},
		"the member's organization": {`subscription($o: ID!, $after: Int) { memberRemoved(organizationId: $o, after: $after) { member { organization { auditSequence } } } }`, vars{}, false},
	}
	for _, directory := range []string{"graphql", "playground/tour"} {
		paths, err := filepath.Glob("../dashboard/src/" + directory + "/*.graphql")
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if query := string(raw); strings.Contains(query, "auditLog(organizationId:") {
				documents[path] = document{query, vars{}, !strings.Contains(query, "target {")}
			}
		}
	}

	sockets := map[string]*socket{"the first": a.dial(t, owner.Token), "alone": b.dial(t, owner.Token)}
	tapes := map[string]*tape{}
	shared := 0
	watch := func(who string, after int) {
		for name, d := range documents {
			v := vars{"o": o.ID, "organizationId": o.ID, "after": after}
			for key, value := range d.v {
				v[key] = value
			}
			sockets[who].subscribe(name, d.query, v)
		}
	}
	for who, s := range sockets {
		tapes[who] = s.record()
		watch(who, 0)
	}
	for _, d := range documents {
		if d.shared {
			shared++
		}
	}
	eventually(t, "the groups", func() bool {
		return a.Sockets.Stats() == transport.Stats{Sockets: 1, Operations: len(documents), Groups: shared}
	})
	sockets["another"] = a.dial(t, other.Token)
	tapes["another"] = sockets["another"].record()
	watch("another", 2)
	eventually(t, "all watch", func() bool { return a.Sockets.Stats().Operations == 2*len(documents) })
	if got := a.Sockets.Stats().Groups; got != shared {
		t.Errorf("two owners make %d groups of %d", got, shared)
	}
	if got := b.Sockets.Stats(); got.Groups != 0 || got.Operations != len(documents) {
		t.Errorf("who is to be alone is not: %+v", got)
	}

	gone, back := a.signUp(t, "Gone"), a.signUp(t, "Back")
	goneID := o.join(t, gone, "MEMBER")
	o.writeTeams(t, other, "team", 5)
	owner.do(t, createTeam, vars{"i": vars{"organizationId": o.ID, "slug": "odd", "name": "<Góa> & \"Co\" 🚀\\"}}, nil)
	owner.do(t, `mutation($m: ID!) { removeMember(input: {memberId: $m}) { removedMemberId } }`, vars{"m": goneID}, nil)
	o.join(t, back, "ADMIN")
	o.writeTeams(t, owner, "later", 5)
	back.do(t, `mutation($o: ID!) { leaveOrganization(input: {organizationId: $o}) { user { id } } }`, vars{"o": o.ID}, nil)
	for name, d := range documents {
		eventually(t, name+" has arrived", func() bool {
			alone := len(tapes["alone"].payloads(name))
			return alone > 1 && len(tapes["the first"].payloads(name)) == alone &&
				bytes.Contains(tapes["alone"].payloads(name)[alone-1], tapes["another"].payloads(name)[max(0, len(tapes["another"].payloads(name))-1)])
		})
		alone := tapes["alone"].payloads(name)
		for who, tp := range tapes {
			got := tp.payloads(name)
			if len(got) > len(alone) {
				t.Fatalf("%s: %s has %d events, alone they are %d", name, who, len(got), len(alone))
			}
			for i, payload := range got {
				if want := alone[len(alone)-len(got)+i]; d.shared && !bytes.Equal(payload, want) {
					t.Errorf("%s: %s was shown\n%s\nand alone it is\n%s", name, who, payload, want)
				}
			}
		}
	}
}

// Two organizations, two roles, two filters, one document: nobody gets what is another's, and one who is removed, demoted,
// or signed out in the middle of a burst gets nothing of what came later, while the others get all.
func TestSharingLeaksNothing(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner := m.signUp(t, "Olivia")
	o, next := owner.organization(t), owner.organization(t)
	people := map[string]*person{}
	ids := map[string]string{}
	for _, name := range []string{"Removed", "Demoted", "Manager", "SignedOut", "Owner"} {
		people[name] = m.signUp(t, name)
		ids[name] = o.enter(t, people[name], "MANAGER")
	}
	owner.enroll(t)
	owner.do(t, `mutation($m: ID!) { changeMemberRole(input: {memberId: $m, role: OWNER}) { member { id } } }`, vars{"m": ids["Owner"]}, nil)
	admin := m.admin(t)
	from := o.auditSequence(t, admin)

	tapes := map[string]*tape{}
	for name, p := range people {
		s := m.dial(t, p.Token)
		s.subscribe("log", watchAudit, vars{"o": o.ID, "after": from})
		s.subscribe("other", watchAudit, vars{"o": next.ID, "after": 0})
		s.subscribe("teams", watchAudit, vars{"o": o.ID, "after": from, "f": vars{"actions": []string{"team.create"}}})
		tapes[name] = s.record()
		eventually(t, "a stranger is refused", func() bool { f, _ := tapes[name].refusal(t, "other"); return f != nil })
	}
	s := m.dial(t, owner.Token)
	s.subscribe("log", watchAudit, vars{"o": o.ID, "after": from})
	s.subscribe("other", watchAudit, vars{"o": next.ID, "after": 0})
	tapes["Olivia"] = s.record()
	// Owners, and managers, of two filters, and the other organization.
	eventually(t, "the groups", func() bool { return m.Sockets.Stats() == transport.Stats{Sockets: 6, Operations: 12, Groups: 5} })

	writing := make(chan struct{})
	go func() {
		defer close(writing)
		for i := range 10 {
			o.writeTeams(t, owner, "o"+string(rune('a'+i)), 10)
			next.writeTeams(t, owner, "n"+string(rune('a'+i)), 5)
		}
	}()
	eventually(t, "the burst has begun", func() bool { return tapes["Removed"].last(t, "log") > from+5 })
	owner.do(t, `mutation($m: ID!) { removeMember(input: {memberId: $m}) { removedMemberId } }`, vars{"m": ids["Removed"]}, nil)
	eventually(t, "it goes on", func() bool { return tapes["Manager"].last(t, "log") > from+20 })
	owner.do(t, `mutation($m: ID!) { changeMemberRole(input: {memberId: $m, role: MEMBER}) { member { id } } }`, vars{"m": ids["Demoted"]}, nil)
	owner.do(t, `mutation($m: ID!) { changeMemberRole(input: {memberId: $m, role: MANAGER}) { member { id } } }`, vars{"m": ids["Owner"]}, nil)
	people["SignedOut"].do(t, `mutation { signOut(input: {everywhere: false}) { ok: __typename } }`, nil, nil)
	eventually(t, "the socket is closed", func() bool { code, _ := tapes["SignedOut"].closed(); return code == 4401 })
	closedAt := o.auditSequence(t, admin)
	<-writing
	o.writeTeams(t, owner, "last", 3)
	last := o.auditSequence(t, admin)

	for _, name := range []string{"Olivia", "Manager", "Owner"} {
		eventually(t, name+" has all", func() bool { return tapes[name].last(t, "log") == last })
		unbroken(t, name, tapes[name].sequences(t, "log"), from+1, last)
	}
	removedAt := sequenceOf(t, m, o, org.ActionMemberRemove, ids["Removed"])
	demotedAt := sequenceOf(t, m, o, org.ActionMemberEdit, ids["Demoted"])
	for name, want := range map[string]struct {
		code string
		end  int
	}{"Removed": {"NOT_FOUND", removedAt}, "Demoted": {"FORBIDDEN", demotedAt}} {
		for _, id := range []string{"log", "teams"} {
			eventually(t, name+" is refused", func() bool { f, _ := tapes[name].refusal(t, id); return f != nil })
			if _, got := tapes[name].refusal(t, id); got.Extensions["code"] != want.code {
				t.Errorf("%s: %s ended with %v, want %s", name, id, got.Extensions, want.code)
			}
			if got := tapes[name].last(t, id); got >= want.end {
				t.Errorf("%s: %s went on to %d, and access was lost by %d", name, id, got, want.end)
			}
		}
		unbroken(t, name, tapes[name].sequences(t, "log"), from+1, tapes[name].last(t, "log"))
	}
	if got := tapes["SignedOut"].last(t, "log"); got > closedAt {
		t.Errorf("who signed out saw %d, which came after %d", got, closedAt)
	}
	for _, name := range []string{"Manager", "Owner"} {
		for _, e := range tapes[name].events(t, "teams") {
			if e.AuditLog.Action != "team.create" {
				t.Errorf("%s was shown %s by a filter of teams", name, e.AuditLog.Action)
			}
		}
	}
	unbroken(t, "the other organization's owner", tapes["Olivia"].sequences(t, "other"), 1, next.auditSequence(t, admin))
	for name, tp := range tapes {
		for _, id := range []string{"log", "other"} {
			for _, e := range tp.events(t, id) {
				if at := organizationOf(t, m, e.AuditLog.ID); at != map[string]string{"log": o.ID, "other": next.ID}[id] {
					t.Fatalf("%s: %s was shown an entry of %s", name, id, at)
				}
			}
		}
	}
	eventually(t, "the groups that are left", func() bool { return m.Sockets.Stats().Groups == 4 })
	if _, at := tapes["Removed"].closed(); !at.Equal(time.Time{}) {
		t.Error("the socket of who was removed was closed: it may carry other organizations")
	}
}

func sequenceOf(t testing.TB, m *muster, o *organization, action, target string) (sequence int) {
	t.Helper()
	conn, done := m.brief(t)
	defer done()
	err := conn.QueryRow(t.Context(), `SELECT max(sequence) FROM audit_entries WHERE organization_id = $1 AND action = $2 AND target_id = $3`,
		o.ID, action, target).Scan(&sequence)
	if err != nil {
		t.Fatal(err)
	}
	return sequence
}

func organizationOf(t testing.TB, m *muster, entryID string) (id string) {
	t.Helper()
	conn, done := m.brief(t)
	defer done()
	if err := conn.QueryRow(t.Context(), `SELECT organization_id FROM audit_entries WHERE id = $1`, entryID).Scan(&id); err != nil {
		t.Fatal(err)
	}
	return id
}
