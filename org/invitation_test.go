package org_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"muster/org"
)

func TestLinkBelongsTo(t *testing.T) {
	t.Parallel()
	other := user("ada@example.com", org.TwoFactorSecure)
	other.ID = "usr_2"
	released := user("", org.TwoFactorSecure)
	released.Email = nil
	tests := []struct {
		sentence string
		member   *org.Member
		user     *org.User
		want     bool
	}{
		{"an invitation is for whoever has the address, however it is written", invited(), user("bO@eXample.com", org.TwoFactorDisabled), true},
		{"an invitation is for nobody else", invited(), user("ada@example.com", org.TwoFactorDisabled), false},
		{"a letter that only looks alike is another address", in(relaxed(), &org.Member{Status: org.StatusInvited, Email: ptr("boss@example.com")}), user("boſs@example.com", org.TwoFactorDisabled), false},
		{"an account without an address has no invitation", invited(), released, false},
		{"a way back is for the account that was removed", removed(noon.Add(time.Hour)), user("ada@example.com", org.TwoFactorDisabled), true},
		{"a way back is not for another account that has the address now", removed(noon.Add(time.Hour)), other, false},
		{"a proof of the mailbox is for the member", member(org.RoleMember), user("new@example.com", org.TwoFactorDisabled), true},
	}
	for _, test := range tests {
		t.Run(test.sentence, func(t *testing.T) {
			t.Parallel()
			if got := (&org.Link{Member: test.member}).BelongsTo(test.user); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestNextStep(t *testing.T) {
	t.Parallel()
	bo := func(state org.TwoFactorState) *org.User {
		u := user("bo@example.com", state)
		u.ID = "usr_2"
		return u
	}
	ada := user("ada@example.com", org.TwoFactorDisabled)
	back := func(o *org.Organization) *org.Member { return in(o, removed(noon.Add(time.Hour))) }
	tests := []struct {
		sentence string
		member   *org.Member
		viewer   *org.User
		known    bool
		want     org.NextStep
	}{
		{"an invited person without an account signs up", invited(), nil, false, org.NextSignUp},
		{"an invited person with an account signs in", invited(), nil, true, org.NextSignIn},
		{"who is signed in as somebody else signs up as the invited person", invited(), ada, false, org.NextSignUp},
		{"who is signed in as somebody else signs in as the invited person", invited(), ada, true, org.NextSignIn},
		{"an invited person accepts", invited(), bo(org.TwoFactorDisabled), true, org.NextAccept},
		{"where 2FA is required it is set up first", in(enforcing(), invited()), bo(org.TwoFactorDisabled), true, org.NextSetUp2FA},
		{"who has 2FA accepts where it is required", in(enforcing(), invited()), bo(org.TwoFactorInsecure), true, org.NextAccept},
		{"a removed person signs in, whether or not the address is still theirs", back(enforcing()), nil, false, org.NextSignIn},
		{"another person's way back asks to sign in", back(enforcing()), bo(org.TwoFactorSecure), true, org.NextSignIn},
		{"a removed person sets up 2FA", back(enforcing()), ada, true, org.NextSetUp2FA},
		{"a removed person who has 2FA accepts", back(enforcing()), user("ada@example.com", org.TwoFactorSecure), true, org.NextAccept},
		{"a removed person accepts where 2FA is no longer required", back(relaxed()), ada, true, org.NextAccept},
		{"a member who has to set up 2FA does", in(enforcing(), member(org.RoleMember)), ada, true, org.NextSetUp2FA},
		{"a member who has 2FA has nothing to do", in(enforcing(), member(org.RoleMember)), user("ada@example.com", org.TwoFactorSecure), true, org.NextNothing},
	}
	for _, test := range tests {
		t.Run(test.sentence, func(t *testing.T) {
			t.Parallel()
			if got := (&org.Link{Member: test.member}).Next(test.viewer, test.known); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestNewReinstated(t *testing.T) {
	t.Parallel()
	tests := []struct {
		sentence string
		change   func(*org.Member)
		want     []string
	}{
		{"role, teams and settings are listed one by one", func(m *org.Member) {
			m.Teams = []*org.Team{{Name: "Core"}, {Name: "Web"}}
			m.NotificationSettings = &org.NotificationSettings{Membership: true, Security: true}
		}, []string{"role Admin", "team Core", "team Web", "notifications about membership and security"}},
		{"who was in no team has none", func(m *org.Member) {
			m.NotificationSettings = &org.NotificationSettings{Security: true}
		}, []string{"role Admin", "notifications about security"}},
		{"one kind of mail is one kind of mail", func(m *org.Member) {
			m.NotificationSettings = &org.NotificationSettings{Membership: true}
		}, []string{"role Admin", "notifications about membership"}},
		{"to want no mails is a setting that is restored as well", func(m *org.Member) {
			m.NotificationSettings = &org.NotificationSettings{}
		}, []string{"role Admin", "no notifications"}},
		{"settings that are not known are not claimed", func(*org.Member) {}, []string{"role Admin"}},
	}
	for _, test := range tests {
		t.Run(test.sentence, func(t *testing.T) {
			t.Parallel()
			m := member(org.RoleAdmin)
			test.change(m)
			back := org.NewReinstated(m)
			if !slices.Equal(back.Restored, test.want) {
				t.Errorf("got %q, want %q", back.Restored, test.want)
			}
			if back.Member != m || back.Organization != m.Organization || back.Skipped == nil || len(back.Skipped) != 0 {
				t.Errorf("member, organization or the list of what was skipped is wrong: %+v", back)
			}
		})
	}
}

func TestResendAndInvite(t *testing.T) {
	t.Parallel()
	lateUntil, openUntil := noon.Add(-time.Hour), time.Date(2026, time.May, 1, 9, 30, 0, 0, time.FixedZone("", 2*3600))
	tests := []struct {
		sentence string
		existing *org.Member
		resend   org.ErrorCode
		reason   org.InvitationReason
		invite   org.ErrorCode
		says     []string // in the refusals, together
	}{
		{"an address that nobody has can be invited", nil, "", "", "", nil},
		{"an invitation can be resent and not made twice", invited(), "", org.ReasonInvited, org.CodeConflict, []string{"Bo@Example.com", "again instead"}},
		{"a member is a member", member(org.RoleMember), org.CodeConflict, "", org.CodeConflict, []string{"Ada", "member already"}},
		{"inside the window the 2FA mail can be resent and nobody invited anew", removed(openUntil), "", org.ReasonRemovedFor2FA, org.CodeConflict, []string{"again instead", "01 May 2026 07:30:00 UTC"}},
		{"after the window an invitation starts afresh", removed(lateUntil), org.CodeConflict, "", "", []string{"invite them anew", "14 Mar 2026 11:00:00 UTC"}},
		{"at the end of the window it is over", removed(noon), org.CodeConflict, "", "", []string{"invite them anew"}},
	}
	for _, test := range tests {
		t.Run(test.sentence, func(t *testing.T) {
			t.Parallel()
			said := ""
			err := org.CheckInvite(test.existing, noon)
			wantCode(t, err, test.invite)
			if err != nil {
				said += err.Error()
			}
			if test.existing != nil {
				reason, err := org.CheckResend(test.existing, noon)
				wantCode(t, err, test.resend)
				if reason != test.reason {
					t.Errorf("resends %q, want %q", reason, test.reason)
				}
				if err != nil {
					said += err.Error()
				}
			}
			for _, words := range test.says {
				if !strings.Contains(said, words) {
					t.Errorf("%q does not say %q", said, words)
				}
			}
		})
	}
}

// TestLinkStands: an invitation holds while whoever answers for it could send it; a way back holds by itself.
func TestLinkStands(t *testing.T) {
	t.Parallel()
	by := func(role org.Role, change func(m *org.Member)) *org.Sender {
		m := member(role)
		m.User = user("ada@example.com", org.TwoFactorSecure)
		change(m)
		return &org.Sender{Place: m}
	}
	as := func(*org.Member) {}
	to := func(m *org.Member, role org.Role) *org.Member { m.Role = role; return m }
	tests := []struct {
		sentence string
		link     org.Link
		want     bool
	}{
		{"nobody answers for it, but a token that lives or whoever runs the server", org.Link{Member: to(invited(), org.RoleAdmin)}, true},
		{"the token was revoked", org.Link{Member: to(invited(), org.RoleMember), Revoked: true}, false},
		{"a manager's of a manager", org.Link{Member: to(invited(), org.RoleManager), Sender: by(org.RoleManager, as)}, true},
		{"a manager's of an owner", org.Link{Member: to(invited(), org.RoleOwner), Sender: by(org.RoleManager, as)}, false},
		{"an owner's of an owner", org.Link{Member: to(invited(), org.RoleOwner), Sender: by(org.RoleOwner, as)}, true},
		{"an admin's by now", org.Link{Member: to(invited(), org.RoleMember), Sender: by(org.RoleAdmin, as)}, false},
		{"of somebody who has gone", org.Link{Member: to(invited(), org.RoleMember), Sender: &org.Sender{}}, false},
		{"of somebody whose account is locked", org.Link{Member: to(invited(), org.RoleMember), Sender: by(org.RoleOwner, func(m *org.Member) { m.User.FrozenSince = &noon })}, false},
		{"of somebody removed for 2FA", org.Link{Member: to(invited(), org.RoleMember), Sender: by(org.RoleOwner, func(m *org.Member) { m.Status = org.StatusRemovedFor2FA })}, false},
		{"a way back, whoever sent it", org.Link{Member: removed(noon), Sender: &org.Sender{}, Revoked: true}, true},
	}
	for _, test := range tests {
		t.Run(test.sentence, func(t *testing.T) {
			t.Parallel()
			if got := test.link.Stands(); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}
