package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// mine subscribes to p's own place and waits for it.
func (o *organization) mine(t testing.TB, p *person) *tape {
	t.Helper()
	s := p.m.dial(t, p.Token)
	s.subscribe("mine", watchViewer, vars{"o": o.ID})
	tp := s.record()
	eventually(t, "the place of "+p.Name+" is told", func() bool { return len(tp.of("mine")) > 0 })
	return tp
}

// told says in short words what the places that a tape has were.
func (tp *tape) told(t testing.TB) []string {
	t.Helper()
	var told []string
	for _, e := range tp.events(t, "mine") {
		m := e.ViewerMember
		word := fmt.Sprintf("%s %s %s", m.Status, m.Role, m.TwoFactor)
		for _, team := range m.Teams {
			word += " " + team.Slug
		}
		for _, is := range []struct {
			so   bool
			word string
		}{{m.NotificationSettings.Membership, "mailed"}, {m.IsOnlyOwner, "only owner"}, {m.Organization.Require2FA, "required"}} {
			if is.so {
				word += ", " + is.word
			}
		}
		told = append(told, word)
	}
	return told
}

func (tp *tape) wantTold(t testing.TB, want ...string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d places are told", len(want)), func() bool { return len(tp.told(t)) >= len(want) })
	if diff := cmp.Diff(want, tp.told(t)); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

// An ordinary member is told their own place at once and again at each change of it, and nothing at changes of others'; an
// owner also whether they are the only one.
func TestViewerMember(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner, o := m.owner(t)
	web := o.createTeam(t, "web")
	mia, noah := m.signUp(t, "Mia"), m.someone(t, "Noah")
	miaID := o.join(t, mia, "MEMBER")
	owners, own := o.mine(t, owner), o.mine(t, mia)
	own.wantTold(t, "ACTIVE MEMBER DISABLED, mailed")

	// One after the other: a place is a state, and two changes at once may be told as one.
	noahID := o.join(t, noah, "OWNER")
	o.writeTeams(t, owner, "other", 3)
	owner.do(t, setTeams, vars{"m": noahID, "t": []string{web}}, nil)
	owner.do(t, setTeams, vars{"m": miaID, "t": []string{web}}, nil)
	own.wantTold(t, "ACTIVE MEMBER DISABLED, mailed", "ACTIVE MEMBER DISABLED web, mailed")
	owner.do(t, changeRole, vars{"m": miaID, "r": "ADMIN"}, nil)
	own.wantTold(t, "ACTIVE MEMBER DISABLED, mailed", "ACTIVE MEMBER DISABLED web, mailed", "ACTIVE ADMIN DISABLED web, mailed")
	mia.do(t, `mutation($o: ID!) { updateNotificationSettings(input: {organizationId: $o, membership: false}) { member { id } } }`, vars{"o": o.ID}, nil)
	eventually(t, "the settings are told", func() bool { return len(own.told(t)) == 4 })
	mia.enroll(t)
	eventually(t, "the factor is told", func() bool { return len(own.told(t)) == 5 })
	o.require(t, true)
	eventually(t, "the requirement is told", func() bool { return len(own.told(t)) == 6 && len(owners.told(t)) == 3 })
	o.require(t, false)
	own.wantTold(
		t,
		"ACTIVE MEMBER DISABLED, mailed",
		"ACTIVE MEMBER DISABLED web, mailed",
		"ACTIVE ADMIN DISABLED web, mailed",
		"ACTIVE ADMIN DISABLED web",
		"ACTIVE ADMIN SECURE web",
		"ACTIVE ADMIN SECURE web, required",
		"ACTIVE ADMIN SECURE web",
	)
	owners.wantTold(
		t,
		"ACTIVE OWNER SECURE, mailed, only owner",
		"ACTIVE OWNER SECURE, mailed",
		"ACTIVE OWNER SECURE, mailed, required",
		"ACTIVE OWNER SECURE, mailed",
	)
}

// What an ordinary member is told when they lose access while they watch, with the words of the gate.
func TestViewerMemberEnds(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		code, says string
		lose       func(t *testing.T, o *organization, p *person, id string)
	}{
		"2FA is required": {
			"TWO_FACTOR_REQUIRED", "two-factor authentication",
			func(t *testing.T, o *organization, _ *person, _ string) { t.Helper(); o.require(t, true) },
		},
		"2FA is required, before the sweep": {
			"TWO_FACTOR_REQUIRED", "Set it up for your account to go on.",
			func(t *testing.T, o *organization, _ *person, _ string) {
				t.Helper()
				o.holdSweep(t)
				o.Owner.do(t, require2FA, vars{"o": o.ID}, nil)
			},
		},
		"2FA is required, and the session has not proved it": {
			"STEP_UP_REQUIRED", "this session has not proved it",
			func(t *testing.T, o *organization, p *person, _ string) {
				t.Helper()
				p.enroll(t)
				p.m.exec(t, `UPDATE sessions SET proved_at = NULL WHERE user_id = $1`, userID(t, p))
				o.require(t, true)
			},
		},
		"removed by hand": {
			"NOT_FOUND", "not for you to see",
			func(t *testing.T, o *organization, _ *person, id string) {
				t.Helper()
				o.Owner.do(t, `mutation($m: ID!) { removeMember(input: {memberId: $m}) { removedMemberId } }`, vars{"m": id}, nil)
			},
		},
		"left": {
			"NOT_FOUND", "not for you to see",
			func(t *testing.T, o *organization, p *person, _ string) {
				t.Helper()
				p.do(t, `mutation($o: ID!) { leaveOrganization(input: {organizationId: $o}) { user { id } } }`, vars{"o": o.ID}, nil)
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := start(t)
			_, o := m.owner(t)
			mia, kept := m.signUp(t, "Mia"), m.someone(t, "Kim").organization(t)
			id := o.join(t, mia, "MEMBER")
			kept.join(t, mia, "MEMBER")
			own, other := o.mine(t, mia), kept.mine(t, mia)
			test.lose(t, o, mia, id)
			eventually(t, "the watch ends", func() bool { f, _ := own.refusal(t, "mine"); return f != nil })
			if _, got := own.refusal(t, "mine"); got.Extensions["code"] != test.code || !strings.Contains(got.Message, test.says) {
				t.Errorf("ended with %v %q, want %s and %q", got.Extensions, got.Message, test.code, test.says)
			}
			if frames := own.of("mine"); frames[len(frames)-1].Type != "error" {
				t.Errorf("went on after its end with %s", frames[len(frames)-1].Type)
			}
			kept.Owner.do(t, changeRole, vars{"m": m.find(t, `SELECT m.id FROM members m WHERE organization_id = $1 AND role = 'MEMBER'`, kept.ID), "r": "ADMIN"}, nil)
			eventually(t, "the other organization goes on", func() bool { told := other.told(t); return told[len(told)-1][:12] == "ACTIVE ADMIN" })
		})
	}
}

// A service token has no place in the organization, and is told so.
func TestViewerMemberOfAServiceToken(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner, o := m.owner(t)
	s := m.dial(t, owner.serviceToken(t, o, "members:read").Token)
	s.subscribe("mine", watchViewer, vars{"o": o.ID})
	if code := s.ends("mine"); code != "FORBIDDEN" {
		t.Errorf("ended with %s, want FORBIDDEN", code)
	}
}
