package org_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"muster/org"
)

// TestGate: each row breaks one more rule than the row below it, so the order of the refusals is what is tested.
func TestGate(t *testing.T) {
	t.Parallel()
	expired := removed(noon)
	tests := []struct {
		sentence string
		member   *org.Member
		session  *org.Session
		o        *org.Organization
		want     org.ErrorCode
	}{
		{"a stranger finds nothing, though 2FA is required and the session proved none", nil, unproved(), enforcing(), org.CodeNotFound},
		{"a stranger finds nothing, though nothing is required", nil, proved(), relaxed(), org.CodeNotFound},
		{"somebody who has not accepted finds nothing", invited(), proved(), relaxed(), org.CodeNotFound},
		{"whose window is over finds nothing", expired, proved(), enforcing(), org.CodeNotFound},
		{"whose window was never written finds nothing", &org.Member{Status: org.StatusRemovedFor2FA, Role: org.RoleOwner}, proved(), relaxed(), org.CodeNotFound},
		{"who was removed for 2FA is told so before anything about the session", removed(noon.Add(time.Second)), unproved(), enforcing(), org.CodeTwoFactorRequired},
		{"who was removed stays outside even where 2FA is no longer required", removed(noon.Add(time.Second)), proved(), relaxed(), org.CodeTwoFactorRequired},
		{"who has no second factor is told so before anything about the session or the role", without2FA(member(org.RoleMember)), unproved(), enforcing(), org.CodeTwoFactorRequired},
		{"a session's proof does not stand in for a factor that is gone", without2FA(member(org.RoleOwner)), proved(), enforcing(), org.CodeTwoFactorRequired},
		{"an account whose factor is not known has none", &org.Member{Status: org.StatusActive, Role: org.RoleOwner}, proved(), enforcing(), org.CodeTwoFactorRequired},
		{"an unproved session has to prove before it learns about roles", member(org.RoleMember), unproved(), enforcing(), org.CodeStepUpRequired},
		{"no session at all has proved nothing", member(org.RoleOwner), nil, enforcing(), org.CodeStepUpRequired},
		{"a member may not do what owners do", member(org.RoleMember), proved(), enforcing(), org.CodeForbidden},
		{"an owner may", member(org.RoleOwner), proved(), enforcing(), ""},
		{"where nothing is required, neither factor nor proof is asked for", without2FA(member(org.RoleOwner)), unproved(), relaxed(), ""},
		{"a phone is a second factor, if a weak one", phoneOnly(member(org.RoleOwner)), proved(), enforcing(), ""},
		{"a recovery code proves the session", member(org.RoleOwner), &org.Session{ProvedAt: ptr(noon), FreshBy: org.ByRecoveryCode}, enforcing(), ""},
	}
	for _, test := range tests {
		t.Run(test.sentence, func(t *testing.T) {
			t.Parallel()
			access := org.Access{Organization: test.o, Member: test.member, Session: test.session}
			wantCode(t, access.Gate(org.ManageSecurity, noon), test.want)
			enter := test.want
			if enter == org.CodeForbidden {
				enter = ""
			}
			wantCode(t, access.Enter(noon), enter)
		})
	}
}

func phoneOnly(m *org.Member) *org.Member {
	m.TwoFactor = ptr(org.TwoFactorInsecure)
	return m
}

// TestStrangersLearnNothing: what a stranger, an invited and a long-gone member are told is the same to the letter, and
// does not name the organization.
func TestStrangersLearnNothing(t *testing.T) {
	t.Parallel()
	for _, m := range []*org.Member{nil, invited(), removed(noon)} {
		access := org.Access{Organization: enforcing(), Member: m, Session: proved()}
		if err := access.Enter(noon); err != error(org.ErrNotFound) { //nolint:errorlint // the very same refusal, not one like it
			t.Errorf("got %v, want ErrNotFound itself", err)
		}
	}
	if strings.Contains(org.ErrNotFound.Message, "Acme") {
		t.Error("the refusal names the organization")
	}
}

// TestRolesAndPermissions is the table "Who may do what" of the rules.
func TestRolesAndPermissions(t *testing.T) {
	t.Parallel()
	tests := []struct {
		permission                    org.Permission
		member, admin, manager, owner bool
	}{
		{org.See, true, true, true, true},
		{org.Leave, true, true, true, true},
		{org.NotifyMe, true, true, true, true},
		{org.SeeMembers, true, true, true, true},
		{org.SeeTeams, true, true, true, true},
		{org.SeeProjects, true, true, true, true},
		{org.ManageTeams, false, true, true, true},
		{org.CreateProjects, false, true, true, true},
		{org.SeeAllProjects, false, true, true, true},
		{org.ManageMembers, false, false, true, true},
		{org.SeeAudit, false, false, true, true},
		{org.SeeSecurity, false, false, true, true},
		{org.ManageSecurity, false, false, false, true},
		{org.ManageSettings, false, false, false, true},
		{org.ManageTokens, false, false, false, true},
		{org.Permission("unheard of"), false, false, false, false},
		{org.Permission(""), false, false, false, false},
	}
	for _, test := range tests {
		t.Run("who may "+string(test.permission), func(t *testing.T) {
			t.Parallel()
			for role, may := range map[org.Role]bool{
				org.RoleMember: test.member, org.RoleAdmin: test.admin, org.RoleManager: test.manager, org.RoleOwner: test.owner,
				"EMPEROR": false, "": false,
			} {
				access := org.Access{Organization: enforcing(), Member: member(role), Session: proved()}
				want := org.CodeForbidden
				if may {
					want = ""
				}
				if got := refused(t, access.Gate(test.permission, noon)); got != want {
					t.Errorf("%q: got %q, want %q", role, got, want)
				}
			}
		})
	}
}

// What somebody may do is what the gate lets them, all of it and nothing else.
func TestMay(t *testing.T) {
	t.Parallel()
	lowest := []org.Permission{org.Leave, org.NotifyMe, org.See, org.SeeMembers, org.SeeProjects, org.SeeTeams}
	for name, test := range map[string]struct {
		access org.Access
		want   []org.Permission
	}{
		"a member": {org.Access{Organization: enforcing(), Member: member(org.RoleMember), Session: proved()}, lowest},
		"an admin": {
			org.Access{Organization: enforcing(), Member: member(org.RoleAdmin), Session: proved()},
			append([]org.Permission{org.CreateProjects, org.ManageTeams, org.SeeAllProjects}, lowest...),
		},
		"an owner":                   {org.Access{Organization: enforcing(), Member: member(org.RoleOwner), Session: proved()}, org.Permissions},
		"an owner without a factor":  {org.Access{Organization: enforcing(), Member: without2FA(member(org.RoleOwner)), Session: proved()}, nil},
		"a token that sees the log":  {org.Access{Organization: relaxed(), Member: member(org.RoleOwner), Session: withScopes(org.ScopeAuditRead)}, []org.Permission{org.See, org.SeeAudit}},
		"a member's with that scope": {org.Access{Organization: relaxed(), Member: member(org.RoleMember), Session: withScopes(org.ScopeAuditRead)}, []org.Permission{org.See}},
	} {
		want := slices.Clone(test.want)
		slices.Sort(want)
		if got := test.access.May(noon); !slices.Equal(got, want) {
			t.Errorf("%s may %q, want %q", name, got, want)
		}
	}
	if len(org.Permissions) != 15 {
		t.Errorf("there are %d permissions", len(org.Permissions))
	}
}

// A refusal says in words what it refuses.
func TestPermissionsInWords(t *testing.T) {
	t.Parallel()
	access := org.Access{Organization: relaxed(), Member: member(org.RoleMember), Session: proved()}
	err := access.Gate(org.SeeAudit, noon)
	if want := "FORBIDDEN: You need the role Manager or above to see the audit log."; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	for _, p := range org.Permissions {
		if p.String() == "" || strings.Contains(p.String(), "_") {
			t.Errorf("%s is %q in words", string(p), p.String())
		}
	}
}

func TestRolesAreOrdered(t *testing.T) {
	t.Parallel()
	roles := []org.Role{org.RoleMember, org.RoleAdmin, org.RoleManager, org.RoleOwner}
	for i, role := range roles {
		for j, other := range roles {
			if got, want := role.AtLeast(other), i >= j; got != want {
				t.Errorf("%s at least %s: got %v, want %v", role, other, got, want)
			}
		}
		if role.AtLeast("EMPEROR") || role.AtLeast("") || org.Role("EMPEROR").AtLeast(role) {
			t.Errorf("%s compares with a role that does not exist", role)
		}
	}
	if org.Role("").AtLeast("") || org.Role("EMPEROR").AtLeast("EMPEROR") {
		t.Error("a role that does not exist reaches itself")
	}
}
