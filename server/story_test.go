package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const auditLog = `subscription($o: ID!, $after: Int) { auditLog(organizationId: $o, after: $after) { sequence action } }`

// The story of the feature as its documentation tells it, from outside.
func TestStory(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner, mia := m.signUp(t, "Olivia"), m.signUp(t, "Mia")
	owner.enroll(t)
	o := owner.organization(t)
	team := o.createTeam(t, "platform")
	o.join(t, mia, "MANAGER", team)
	mia.do(t, `mutation($o: ID!) { updateNotificationSettings(input: {organizationId: $o, membership: false}) { member { id } } }`, vars{"o": o.ID}, nil)

	live := m.dial(t, owner.Token)
	live.subscribe("log", auditLog, vars{"o": o.ID, "after": 0})
	live.subscribe("gone", `subscription($o: ID!) { memberRemoved(organizationId: $o) { reason member { role status } entry { action } } }`, vars{"o": o.ID})

	o.require(t, true)
	mia.refused(t, "TWO_FACTOR_REQUIRED", `query($s: String!) { organization(slug: $s) { projects { slug } } }`, vars{"s": o.Slug})

	token := m.link(t, mia.Email, mandatory)
	mia.signIn(t)
	mia.refused(t, "MAILBOX_PROOF_REQUIRED", enrollTOTP, nil)
	var accepted struct{ AcceptInvite struct{ NextStep string } }
	mia.do(t, acceptInvite, vars{"t": token}, &accepted)
	if accepted.AcceptInvite.NextStep != "SET_UP_2FA" {
		t.Fatalf("next step %q", accepted.AcceptInvite.NextStep)
	}
	back := mia.enroll(t)
	if len(back) != 1 || back[0].Organization.Slug != o.Slug || back[0].Member.Role != "MANAGER" || len(back[0].Member.Teams) != 1 {
		t.Fatalf("reinstated %+v", back)
	}
	want := []string{"role Manager", "team Team platform", "notifications about security"}
	if diff := cmp.Diff(want, back[0].Restored); diff != "" {
		t.Errorf("restored (-want +got):\n%s", diff)
	}
	if len(mia.Recovery) != 10 {
		t.Errorf("%d recovery codes, want 10", len(mia.Recovery))
	}
	mia.do(t, `query($s: String!) { organization(slug: $s) { projects { slug } } }`, vars{"s": o.Slug}, nil)

	var actions []string
	removals := 0
	deadline := time.Now().Add(patience)
	for !slices.Contains(actions, "member.2fa-enabled") || removals == 0 {
		if time.Now().After(deadline) {
			t.Fatalf("saw only %s", strings.Join(actions, " "))
		}
		switch f := live.read(); {
		case f.Type == "next" && f.ID == "gone":
			if !strings.Contains(string(f.Payload), `"TWO_FACTOR"`) || !strings.Contains(string(f.Payload), `"role":"MANAGER"`) {
				t.Errorf("memberRemoved was %s", f.Payload)
			}
			removals++
		case f.Type == "next":
			_, rest, _ := strings.Cut(string(f.Payload), `"action":"`)
			action, _, _ := strings.Cut(rest, `"`)
			actions = append(actions, action)
		default:
			t.Fatalf("got %+v %s", f, f.Payload)
		}
	}
	wantActions := []string{
		"org.create", "team.create", "project.create", "member.invite", "member.accept-invite", "member.edit",
		"org.edit", "member.pending", "member.2fa-enabled",
	}
	if diff := cmp.Diff(wantActions, actions[:len(wantActions)]); diff != "" {
		t.Errorf("the log (-want +got):\n%s", diff)
	}
}
