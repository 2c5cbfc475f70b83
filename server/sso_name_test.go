package main

import (
	"strings"
	"testing"
)

// TestProviderNamesNobodyElse: whatever a provider calls somebody, logs do not name them as they name somebody else: an owner by
// name and address, or Muster itself.
func TestProviderNamesNobodyElse(t *testing.T) {
	t.Parallel()
	m := start(t, privateProviders)
	owner := m.someone(t, "Olivia")
	o := owner.organization(t)
	l := startLiar(t)
	o.connect(t, l.URL, false)
	through := " (through " + l.URL + ")"
	somebody := "Somebody of " + m.find(t, `SELECT name FROM organizations WHERE id = $1`, o.ID)
	for _, row := range []struct{ sub, claimed, name string }{
		{"1", owner.label(), "Olivia"},
		{"2", "Olivia ＜" + owner.Email + "＞", "Olivia"},
		{"3", "Muster", somebody},
		{"4", "ＭＵＳ\u200cＴＥＲ", somebody},
		{"5", "Operator (command  line)", somebody},
		{"6", "Another organization", somebody},
		{"7", owner.Email, owner.Email[:strings.Index(owner.Email, "@")]},
		{"8", "Ada (through https://login.example.com)", "Ada (through https://login.example.com)"},
	} {
		l.claims(map[string]any{"sub": row.sub, "name": row.claimed, "email": owner.Email, "email_verified": true})
		b := m.browser(t).signedIn(o, "")
		var who viewerAnswer
		b.do(ssoViewer, nil, &who)
		const labels = `SELECT actor_label || ' | ' || target_label FROM audit_entries WHERE action = 'member.join-sso' AND actor_id = $1`
		if got, want := m.find(t, labels, who.Viewer.ID), row.name+through+" | "+row.name+through; got != want {
			t.Errorf("called %q: the log says %q, want %q", row.claimed, got, want)
		}
		// What they do later says so too, and what is done to them.
		memberID := m.find(t, `SELECT id FROM members WHERE user_id = $1`, who.Viewer.ID)
		owner.do(t, `mutation($i: ChangeMemberRoleInput!) { changeMemberRole(input: $i) { member { id } } }`, vars{"i": vars{"memberId": memberID, "role": "ADMIN"}}, nil)
		b.do(`mutation($i: CreateTeamInput!) { createTeam(input: $i) { team { id } } }`, vars{"i": vars{"organizationId": o.ID, "name": "T", "slug": "team-" + row.sub}}, nil)
		if got, want := m.find(t, `SELECT target_label FROM audit_entries WHERE action = 'member.edit' AND target_id = $1`, memberID), row.name+through; got != want {
			t.Errorf("called %q: an owner's change was of %q, want %q", row.claimed, got, want)
		}
		if got, want := m.find(t, `SELECT actor_label FROM audit_entries WHERE action = 'team.create' AND actor_id = $1`, who.Viewer.ID), row.name+through; got != want {
			t.Errorf("called %q: a team was made by %q, want %q", row.claimed, got, want)
		}
	}
}

// TestNamesOfOthers: nor does anybody choose such a name, for themselves or for a token.
func TestNamesOfOthers(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner := m.someone(t, "Olivia")
	o := owner.organization(t)
	for _, name := range []string{owner.label(), owner.Email, "Ada ＠", "muster", " Ｍuster\u200d ", "OPERATOR (command line)", "Another  organization", "Ada\u202e", "A\nB"} {
		for what, a := range map[string]answer{
			"signUp": m.post(t, "", `mutation($i: SignUpInput!) { signUp(input: $i) { session { token } } }`,
				vars{"i": vars{"email": "new@example.com", "name": name, "password": "four words in here"}}).expect(t, "BAD_INPUT", "signUp"),
			"createServiceToken": owner.refused(t, "BAD_INPUT", `mutation($i: CreateServiceTokenInput!) { createServiceToken(input: $i) { token } }`,
				vars{"i": vars{"organizationId": o.ID, "name": name, "scopes": []string{"audit:read"}}}),
		} {
			if a.field() != "name" {
				t.Errorf("%s as %q: the field is %v", what, name, a.field())
			}
		}
	}
}
