package org_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"muster/org"
)

var allRoles = []org.Role{org.RoleMember, org.RoleAdmin, org.RoleManager, org.RoleOwner}

// TestGrantAndOver: nobody gives, edits or removes a role above their own, whatever the two roles are.
func TestGrantAndOver(t *testing.T) {
	t.Parallel()
	for i, mine := range allRoles {
		for j, theirs := range allRoles {
			want := org.ErrorCode("")
			if j > i {
				want = org.CodeForbidden
			}
			if got := refused(t, org.CheckGrant(member(mine), theirs)); got != want {
				t.Errorf("%s gives %s: got %q, want %q", mine, theirs, got, want)
			}
			if got := refused(t, org.CheckOver(member(mine), member(theirs))); got != want {
				t.Errorf("%s over %s: got %q, want %q", mine, theirs, got, want)
			}
		}
		wantCode(t, org.CheckGrant(member(mine), "EMPEROR"), org.CodeForbidden)
	}
}

func TestOwnerGoes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		sentence string
		o        *org.Organization
		target   *org.Member
		others   org.Owners
		want     org.ErrorCode
	}{
		{"the only owner stays", relaxed(), member(org.RoleOwner), org.Owners{}, org.CodeLastOwner},
		{"one of two owners may go", relaxed(), member(org.RoleOwner), org.Owners{Active: 1}, ""},
		{"a manager may always go", enforcing(), member(org.RoleManager), org.Owners{}, ""},
		{"an owner who is removed already holds nothing up", enforcing(), ownerButRemoved(), org.Owners{}, ""},
		{"an invited owner holds nothing up", relaxed(), &org.Member{Role: org.RoleOwner, Status: org.StatusInvited}, org.Owners{}, ""},
		{"where 2FA is required, an owner with it has to remain", enforcing(), member(org.RoleOwner), org.Owners{Active: 3}, org.CodeLastOwner},
		{"where it is required and another owner has it, one may go", enforcing(), member(org.RoleOwner), org.Owners{Active: 3, Compliant: 1}, ""},
		{"where it is not required, the other owner needs none", relaxed(), member(org.RoleOwner), org.Owners{Active: 3}, ""},
	}
	for _, test := range tests {
		t.Run(test.sentence, func(t *testing.T) {
			t.Parallel()
			wantCode(t, org.CheckOwnerGoes(test.o, test.target, test.others), test.want)
		})
	}
}

func ownerButRemoved() *org.Member {
	m := removed(noon.Add(time.Hour))
	m.Role = org.RoleOwner
	return m
}

func TestRoleChange(t *testing.T) {
	t.Parallel()
	another := func(role org.Role) *org.Member {
		m := member(role)
		m.ID, m.User.ID = "mem_9", "usr_9"
		return m
	}
	self := func(role org.Role) (by, target *org.Member) { m := member(role); return m, m }
	managerSelf, managerTarget := self(org.RoleManager)
	ownerSelf, ownerTarget := self(org.RoleOwner)
	tests := []struct {
		sentence   string
		o          *org.Organization
		by, target *org.Member
		role       org.Role
		others     org.Owners
		want       org.ErrorCode
	}{
		{"a manager makes a member a manager", relaxed(), member(org.RoleManager), another(org.RoleMember), org.RoleManager, org.Owners{Active: 1}, ""},
		{"a manager makes nobody an owner", relaxed(), member(org.RoleManager), another(org.RoleMember), org.RoleOwner, org.Owners{Active: 1}, org.CodeForbidden},
		{"a manager does not touch an owner", relaxed(), member(org.RoleManager), another(org.RoleOwner), org.RoleMember, org.Owners{Active: 5}, org.CodeForbidden},
		{"a manager does not raise themselves", relaxed(), managerSelf, managerTarget, org.RoleOwner, org.Owners{Active: 1}, org.CodeForbidden},
		{"a manager may step down", relaxed(), managerSelf, managerTarget, org.RoleMember, org.Owners{Active: 1}, ""},
		{"an owner makes an owner", relaxed(), member(org.RoleOwner), another(org.RoleMember), org.RoleOwner, org.Owners{Active: 1}, ""},
		{"the only owner cannot step down", relaxed(), ownerSelf, ownerTarget, org.RoleManager, org.Owners{}, org.CodeLastOwner},
		{"the only owner may be made what they are", relaxed(), ownerSelf, ownerTarget, org.RoleOwner, org.Owners{}, ""},
		{"the only owner with 2FA cannot step down where it is required", enforcing(), ownerSelf, ownerTarget, org.RoleManager, org.Owners{Active: 2}, org.CodeLastOwner},
		{"an owner is put down by another one with 2FA", enforcing(), member(org.RoleOwner), another(org.RoleOwner), org.RoleMember, org.Owners{Active: 1, Compliant: 1}, ""},
		{"nobody becomes what does not exist", relaxed(), member(org.RoleOwner), another(org.RoleMember), "EMPEROR", org.Owners{Active: 1}, org.CodeForbidden},
	}
	for _, test := range tests {
		t.Run(test.sentence, func(t *testing.T) {
			t.Parallel()
			wantCode(t, org.CheckRoleChange(test.o, test.by, test.target, test.role, test.others), test.want)
		})
	}
}

// full is a member of whom there is everything to see.
func full() *org.Member {
	return &org.Member{
		ID: "mem_9", OrganizationID: "org_1", Organization: &org.Organization{
			ID: "org_1", Slug: "acme", Name: "Acme", Enforced: true, AuditSeq: 7, RemindedAt: ptr(noon),
		},
		User: &org.User{
			ID: "usr_9", Name: "Zoe", Email: ptr("zoe@example.com"), EmailVerified: ptr(true), TwoFactor: ptr(org.TwoFactorInsecure),
		},
		Email: ptr("zoe@example.com"), Name: ptr("Zoe"), Role: org.RoleAdmin, Status: org.StatusActive,
		TwoFactor: ptr(org.TwoFactorInsecure), Teams: []*org.Team{{ID: "team_1"}},
		NotificationSettings: &org.NotificationSettings{Membership: true},
		InvitedBy:            &org.User{ID: "usr_8", Name: "Ian", Email: ptr("ian@example.com"), EmailVerified: ptr(true), TwoFactor: ptr(org.TwoFactorSecure)},
		InviteExpiresAt:      ptr(noon), InviteDelivery: ptr(org.DeliverySent),
		RemovedAt: ptr(noon), ReinstatableUntil: ptr(noon), LastSeenAt: ptr(noon), IsOnlyOwner: ptr(true),
	}
}

// TestSeenBy lists what of a member somebody sees; every field that is not named is hidden, new ones too.
func TestSeenBy(t *testing.T) {
	t.Parallel()
	everybody := []string{
		"ID", "OrganizationID", "Organization", "User", "Name", "Role", "Status", "Teams", "RemovedAt", "ReinstatableUntil", "IsOnlyOwner",
	}
	manager := append(slices.Clone(everybody),
		"Email", "TwoFactor", "InvitedBy", "InviteExpiresAt", "InviteDelivery", "LastSeenAt")
	self := append(slices.Clone(everybody), "Email", "TwoFactor", "InvitedBy", "NotificationSettings")
	whole := append(slices.Clone(manager), "NotificationSettings")
	ownUser := []string{"ID", "Name", "Email", "EmailVerified", "TwoFactor"}

	if got := shown(full()); len(got) != len(whole) {
		t.Fatalf("a member has fields that this test does not know: %v", got)
	}
	tests := []struct {
		sentence       string
		own            bool
		role           org.Role
		want, user, by []string
	}{
		{"a member sees names, roles and places of others", false, org.RoleMember, everybody, []string{"ID", "Name"}, nil},
		{"an admin sees no more of others", false, org.RoleAdmin, everybody, []string{"ID", "Name"}, nil},
		{"a manager sees address, 2FA state and invitation, but not what somebody is mailed", false, org.RoleManager, manager, []string{"ID", "Name", "Email"}, []string{"ID", "Name", "Email"}},
		{"an owner sees what a manager sees", false, org.RoleOwner, manager, []string{"ID", "Name", "Email"}, []string{"ID", "Name", "Email"}},
		{"a member sees their own settings, and of their inviter the name", true, org.RoleMember, self, ownUser, []string{"ID", "Name"}},
		{"a manager sees all of their own", true, org.RoleManager, whole, ownUser, []string{"ID", "Name", "Email"}},
	}
	for _, test := range tests {
		t.Run(test.sentence, func(t *testing.T) {
			t.Parallel()
			m := full()
			viewer := member(test.role)
			if test.own {
				m.Role = test.role
				viewer = m
			}
			seen := m.SeenBy(viewer)
			wantShown(t, "the member", seen, test.want...)
			wantShown(t, "the user", seen.User, test.user...)
			if test.by != nil {
				wantShown(t, "the inviter", seen.InvitedBy, test.by...)
			}
			if got := shown(m); len(got) != len(whole) {
				t.Errorf("looking changed what there is: %v", got)
			}
		})
	}
}

func TestSeenByOfAnInvitation(t *testing.T) {
	t.Parallel()
	seen := invited().SeenBy(member(org.RoleMember))
	wantShown(t, "an invitation", seen, "ID", "OrganizationID", "Organization", "Role", "Status")
}

func TestVisibleTo(t *testing.T) {
	t.Parallel()
	away := removed(noon.Add(time.Hour))
	for _, role := range allRoles {
		viewer := member(role)
		viewer.ID = "mem_7"
		manager := role == org.RoleManager || role == org.RoleOwner
		if !member(org.RoleMember).VisibleTo(viewer) || invited().VisibleTo(viewer) != manager || away.VisibleTo(viewer) != manager || !away.VisibleTo(away) {
			t.Errorf("%s knows of the wrong ones", role)
		}
	}
}

func TestUserSeenBy(t *testing.T) {
	t.Parallel()
	u := user("ada@example.com", org.TwoFactorSecure)
	wantShown(t, "the account to its owner", u.SeenBy("usr_1", false), "ID", "Name", "Email", "EmailVerified", "TwoFactor")
	wantShown(t, "the account to a manager", u.SeenBy("usr_2", true), "ID", "Name", "Email")
	wantShown(t, "the account to others", u.SeenBy("usr_2", false), "ID", "Name")
	wantShown(t, "the account to nobody", u.SeenBy("", false), "ID", "Name")
	if (*org.User)(nil).SeenBy("usr_2", true) != nil {
		t.Error("nobody is seen as somebody")
	}
}

// TestLimited: who was removed sees of their place what helps to find the way back, and nothing else.
// The same place is one that shows the same, whenever it was last seen.
func TestSame(t *testing.T) {
	t.Parallel()
	one := member(org.RoleMember)
	seen := member(org.RoleMember)
	seen.LastSeenAt = &noon
	if one.Same(nil) || !one.Same(member(org.RoleMember)) || !one.Same(seen) || seen.LastSeenAt == nil {
		t.Error("a place is not the same as itself, or is the same as nobody's")
	}
	for name, change := range map[string]func(m *org.Member){
		"role":          func(m *org.Member) { m.Role = org.RoleAdmin },
		"status":        func(m *org.Member) { m.Status = org.StatusRemovedFor2FA },
		"factor":        func(m *org.Member) { without2FA(m) },
		"teams":         func(m *org.Member) { m.Teams = []*org.Team{{ID: "team_1"}} },
		"requirement":   func(m *org.Member) { m.Organization = enforcing() },
		"notifications": func(m *org.Member) { m.NotificationSettings = &org.NotificationSettings{Security: true} },
		"another place": func(m *org.Member) { m.ID = "mem_9" },
	} {
		other := member(org.RoleMember)
		if change(other); one.Same(other) {
			t.Errorf("a change of %s is not seen", name)
		}
	}
}

func TestLimited(t *testing.T) {
	t.Parallel()
	seen := full().Limited()
	wantShown(t, "a removed member's own place", seen, "ID", "OrganizationID", "Organization", "Role", "Status", "RemovedAt", "ReinstatableUntil")
	wantShown(t, "its organization", seen.Organization, "ID", "Slug", "Name")
}

func TestWindowOpen(t *testing.T) {
	t.Parallel()
	tests := []struct {
		sentence string
		member   *org.Member
		want     bool
	}{
		{"a nanosecond before its end the window is open", removed(noon.Add(time.Nanosecond)), true},
		{"at its end it is closed", removed(noon), false},
		{"a nanosecond after its end it is closed", removed(noon.Add(-time.Nanosecond)), false},
		{"a member who is active has none", member(org.RoleMember), false},
		{"a moment that is left over from before opens nothing", func() *org.Member {
			m := member(org.RoleMember)
			m.ReinstatableUntil = ptr(noon.Add(time.Hour))
			return m
		}(), false},
		{"where no end was written there is none", &org.Member{Status: org.StatusRemovedFor2FA}, false},
	}
	for _, test := range tests {
		t.Run(test.sentence, func(t *testing.T) {
			t.Parallel()
			if got := test.member.WindowOpen(noon); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestMemberFilter(t *testing.T) {
	t.Parallel()
	tests := []struct {
		sentence string
		filter   *org.MemberFilter
		viewer   org.Role
		want     org.ErrorCode
		empty    bool
	}{
		{"no filter lets everybody pass", nil, org.RoleMember, "", true},
		{"an empty search lets everybody pass", &org.MemberFilter{Query: ptr("")}, org.RoleMember, "", true},
		{"a member searches", &org.MemberFilter{Query: ptr("ada")}, org.RoleMember, "", false},
		{"a search has up to 100 characters, however many bytes", &org.MemberFilter{Query: ptr(strings.Repeat("ü", 100))}, org.RoleMember, "", false},
		{"a longer search is refused", &org.MemberFilter{Query: ptr(strings.Repeat("a", 101))}, org.RoleOwner, org.CodeBadInput, false},
		{"a member does not find out 2FA states by filtering", &org.MemberFilter{TwoFactor: []org.TwoFactorState{org.TwoFactorDisabled}}, org.RoleMember, org.CodeForbidden, false},
		{"nor does an admin", &org.MemberFilter{TwoFactor: []org.TwoFactorState{org.TwoFactorDisabled}}, org.RoleAdmin, org.CodeForbidden, false},
		{"a manager filters by 2FA state", &org.MemberFilter{TwoFactor: []org.TwoFactorState{org.TwoFactorDisabled}}, org.RoleManager, "", false},
		{"a member filters by role", &org.MemberFilter{Role: []org.Role{org.RoleOwner}}, org.RoleMember, "", false},
		{"a member filters by status", &org.MemberFilter{Status: []org.MemberStatus{org.StatusActive}}, org.RoleMember, "", false},
	}
	for _, test := range tests {
		t.Run(test.sentence, func(t *testing.T) {
			t.Parallel()
			wantCode(t, test.filter.Check(member(test.viewer)), test.want)
			if got := test.filter.Empty(); got != test.empty {
				t.Errorf("empty: got %v, want %v", got, test.empty)
			}
		})
	}
}

func TestLabels(t *testing.T) {
	t.Parallel()
	tests := []struct {
		sentence string
		label    string
		want     string
	}{
		{"a member is named with the address", member(org.RoleMember).Label(), "Ada <ada@example.com>"},
		{"an invitation by its address", invited().Label(), "Bo@Example.com"},
		{"a member whose address was released by the name", (&org.Member{ID: "mem_3", Name: ptr("Cy")}).Label(), "Cy"},
		{"one whom a provider has named by the provider", (&org.Member{User: &org.User{Name: "Dot", Issuer: ptr("https://login.example.com")}}).Label(), "Dot (through https://login.example.com)"},
		{"one who has an address since by the address", (&org.User{Name: "Dot", Email: ptr("dot@example.com"), Issuer: ptr("https://login.example.com")}).Label(), "Dot <dot@example.com>"},
		{"what has neither by its id", (&org.Member{ID: "mem_3"}).Label(), "mem_3"},
		{"a person with the address", user("ada@example.com", org.TwoFactorSecure).Label(), "Ada <ada@example.com>"},
		{"a person whose address was released by the name", (&org.User{Name: "Cy"}).Label(), "Cy"},
	}
	for _, test := range tests {
		if test.label != test.want {
			t.Errorf("%s: got %q, want %q", test.sentence, test.label, test.want)
		}
	}
	if invited().UserID() != "" || member(org.RoleMember).UserID() != "usr_1" {
		t.Error("a member's user is another")
	}
}
