package org

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// in is a person's place in an organization.
func in(organization string, role Role, status MemberStatus, enforced bool, factor TwoFactorState) *Member {
	email := "p@example.com"
	m := &Member{
		ID: "mem_" + organization, OrganizationID: organization, Role: role, Status: status, TwoFactor: &factor, Email: &email,
		Organization: &Organization{ID: organization, Name: strings.ToUpper(organization), Enforced: enforced},
	}
	if status == StatusRemovedFor2FA {
		until := noon.Add(time.Hour)
		m.ReinstatableUntil = &until
	}
	return m
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// TestCheckReset: who may ask to reset whom, written by hand: never upwards, never oneself, only who has a factor to lose and
// an address to come back by.
func TestCheckReset(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		by, target Role
		code       ErrorCode
	}{
		{RoleOwner, RoleOwner, ""},
		{RoleOwner, RoleManager, ""},
		{RoleOwner, RoleMember, ""},
		{RoleManager, RoleOwner, CodeForbidden},
		{RoleManager, RoleManager, ""},
		{RoleManager, RoleAdmin, ""},
		{RoleManager, RoleMember, ""},
		{RoleAdmin, RoleManager, CodeForbidden},
		{RoleMember, RoleAdmin, CodeForbidden},
	} {
		by, target := in("a", c.by, StatusActive, true, TwoFactorSecure), in("a", c.target, StatusActive, true, TwoFactorSecure)
		by.ID = "mem_by"
		if got := code(CheckReset(by, target)); got != c.code {
			t.Errorf("%s resets %s: %q, want %q", c.by, c.target, got, c.code)
		}
	}
	owner := in("a", RoleOwner, StatusActive, true, TwoFactorSecure)
	noAddress := in("a", RoleMember, StatusActive, false, TwoFactorSecure)
	noAddress.ID, noAddress.Email = "mem_x", nil
	for name, target := range map[string]*Member{
		"oneself":          owner,
		"invited":          {ID: "mem_x", Role: RoleMember, Status: StatusInvited},
		"removed":          {ID: "mem_x", Role: RoleMember, Status: StatusRemovedFor2FA},
		"without a factor": {ID: "mem_x", Role: RoleMember, Status: StatusActive},
		"without address":  noAddress,
	} {
		if got := code(CheckReset(owner, target)); got != CodeConflict {
			t.Errorf("%s: %q, want CONFLICT", name, got)
		}
	}
}

func code(err error) ErrorCode {
	var refusal *Error
	if errors.As(err, &refusal) {
		return refusal.Code
	}
	return ""
}

// TestResetAtOnce: only for who belongs to no other organization; having been removed and being able to come back belongs.
func TestResetAtOnce(t *testing.T) {
	t.Parallel()
	over := in("b", RoleMember, StatusRemovedFor2FA, true, TwoFactorDisabled)
	over.ReinstatableUntil = &noon
	here := in("a", RoleMember, StatusActive, true, TwoFactorSecure)
	for name, c := range map[string]struct {
		other *Member
		want  bool
	}{
		"nowhere else":             {nil, true},
		"a member elsewhere":       {in("b", RoleMember, StatusActive, false, TwoFactorSecure), false},
		"removed, may come back":   {in("b", RoleMember, StatusRemovedFor2FA, true, TwoFactorDisabled), false},
		"removed, window is over":  {over, true},
		"only invited: no account": {in("b", RoleMember, StatusInvited, true, TwoFactorDisabled), true},
	} {
		memberships := []*Member{here}
		if c.other != nil {
			memberships = append(memberships, c.other)
		}
		if got := ResetAtOnce("a", memberships, noon); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// TestApproved: the owners of all organizations that have a say, of which there must be one.
func TestApproved(t *testing.T) {
	t.Parallel()
	here := in("a", RoleMember, StatusActive, true, TwoFactorSecure)
	enforcing, lax := in("b", RoleMember, StatusActive, true, TwoFactorSecure), in("c", RoleManager, StatusActive, false, TwoFactorSecure)
	owned := in("d", RoleOwner, StatusActive, false, TwoFactorSecure)
	for name, c := range map[string]struct {
		others []*Member
		given  []string
		fallen string
		want   bool
	}{
		"nobody has a say, which is no consent": {nil, nil, "", false},
		"one that requires nothing has not":     {[]*Member{enforcing, lax}, []string{"b"}, "", false},
		"nor one that may be come back to":      {[]*Member{enforcing, in("e", RoleMember, StatusRemovedFor2FA, true, TwoFactorDisabled)}, []string{"b"}, "", false},
		"nobody has agreed":                     {[]*Member{enforcing}, nil, "", false},
		"the one has":                           {[]*Member{enforcing}, []string{"b"}, "", true},
		"one of two":                            {[]*Member{enforcing, owned}, []string{"b"}, "", false},
		"the other of two":                      {[]*Member{enforcing, owned}, []string{"d"}, "", false},
		"both":                                  {[]*Member{enforcing, owned}, []string{"d", "b"}, "", true},
		"one is no owner any more":              {[]*Member{enforcing, owned}, []string{"d", "b"}, "b", false},
		"one that requires nothing alone":       {[]*Member{enforcing, lax}, []string{"c"}, "", false},
		"one that requires nothing too":         {[]*Member{enforcing, lax}, []string{"b", "c"}, "", true},
		"where it was asked for":                {[]*Member{enforcing}, []string{"a"}, "", false},
	} {
		r := &Reset{OrganizationID: "a"}
		for _, id := range c.given {
			r.Approvals = append(r.Approvals, &ResetApproval{OrganizationID: id})
		}
		stands := func(a *ResetApproval) bool { return a.OrganizationID != c.fallen }
		if got := r.Approved(append([]*Member{here}, c.others...), stands, noon); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// TestResetHolds: what was allowed when it was asked for must be allowed when it takes effect.
func TestResetHolds(t *testing.T) {
	t.Parallel()
	target := in("a", RoleMember, StatusActive, true, TwoFactorSecure)
	by := func(role Role, status MemberStatus, factor TwoFactorState) *Member {
		m := in("a", role, status, true, factor)
		m.ID = "mem_by"
		return m
	}
	frozen := by(RoleManager, StatusActive, TwoFactorSecure)
	frozen.User = &User{ID: "usr_by", FrozenSince: &noon}
	for name, c := range map[string]struct {
		by, target *Member
		want       bool
	}{
		"who asked is locked":    {frozen, target, false},
		"as it was":              {by(RoleManager, StatusActive, TwoFactorSecure), target, true},
		"who asked has gone":     {nil, target, false},
		"the person has gone":    {by(RoleManager, StatusActive, TwoFactorSecure), nil, false},
		"an admin now":           {by(RoleAdmin, StatusActive, TwoFactorSecure), target, false},
		"removed for 2FA":        {by(RoleManager, StatusRemovedFor2FA, TwoFactorDisabled), target, false},
		"without a factor":       {by(RoleManager, StatusActive, TwoFactorDisabled), target, false},
		"above who asked by now": {by(RoleManager, StatusActive, TwoFactorSecure), in("a", RoleOwner, StatusActive, true, TwoFactorSecure), false},
		"no factor left":         {by(RoleManager, StatusActive, TwoFactorSecure), in("a", RoleMember, StatusActive, false, TwoFactorDisabled), false},
	} {
		if got := ResetHolds(c.by, c.target); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// TestCheckApprover: an owner who meets the requirement, is not locked, is not the person and did not ask for it.
func TestCheckApprover(t *testing.T) {
	t.Parallel()
	r := &Reset{OrganizationID: "a", RequestedByID: "usr_asks"}
	target := in("b", RoleMember, StatusActive, true, TwoFactorSecure)
	for name, c := range map[string]struct {
		change func(m *Member)
		want   bool
	}{
		"an owner":               {func(*Member) {}, true},
		"a manager":              {func(m *Member) { m.Role = RoleManager }, false},
		"removed for 2FA":        {func(m *Member) { m.Status = StatusRemovedFor2FA }, false},
		"without a factor":       {func(m *Member) { *m.TwoFactor = TwoFactorDisabled }, false},
		"locked":                 {func(m *Member) { m.User.FrozenSince = &noon }, false},
		"the person":             {func(m *Member) { m.ID = target.ID }, false},
		"who asked for it":       {func(m *Member) { m.User.ID = "usr_asks" }, false},
		"where nothing is asked": {func(m *Member) { m.Organization.Enforced, *m.TwoFactor = false, TwoFactorDisabled }, true},
	} {
		by := in("b", RoleOwner, StatusActive, true, TwoFactorSecure)
		by.ID, by.User = "mem_by", &User{ID: "usr_by"}
		c.change(by)
		if got := r.CheckApprover(by, target); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// TestResetOpen: pending, and 72 hours less a second.
func TestResetOpen(t *testing.T) {
	t.Parallel()
	r := &Reset{State: ResetPending, ExpiresAt: noon.Add(ResetLife)}
	if ResetLife != 72*time.Hour || !r.Open(noon.Add(72*time.Hour-time.Second)) || r.Open(noon.Add(72*time.Hour)) || r.Open(noon.Add(72*time.Hour+time.Second)) {
		t.Error("a request does not end after 72 hours")
	}
	for _, state := range []TwoFactorResetState{ResetDone, ResetDeclined, ResetWithdrawn, ResetExpired, ResetVoid} {
		if (&Reset{State: state, ExpiresAt: noon.Add(time.Hour)}).Open(noon) {
			t.Errorf("%s can still take effect", state)
		}
	}
}

// TestCheckLockOut: LAST_OWNER names only what the reader may know of.
func TestCheckLockOut(t *testing.T) {
	t.Parallel()
	a, b := in("a", RoleOwner, StatusActive, true, TwoFactorSecure), in("b", RoleOwner, StatusActive, true, TwoFactorSecure)
	if err := CheckLockOut(nil, func(string) bool { return true }); err != nil {
		t.Error(err)
	}
	err := CheckLockOut([]*Member{a, b}, func(id string) bool { return id == "a" })
	if code(err) != CodeLastOwner || !strings.Contains(err.Error(), "A, another organization") || strings.Contains(err.Error(), "B") {
		t.Errorf("got %v", err)
	}
	for name, c := range map[string]struct {
		m      *Member
		others Owners
		want   bool
	}{
		"the only one":                {a, Owners{}, true},
		"the others have no factor":   {a, Owners{Active: 2}, true},
		"another has":                 {a, Owners{Active: 1, Compliant: 1}, false},
		"a manager":                   {in("a", RoleManager, StatusActive, true, TwoFactorSecure), Owners{}, false},
		"nothing is required":         {in("a", RoleOwner, StatusActive, false, TwoFactorSecure), Owners{}, false},
		"removed already":             {in("a", RoleOwner, StatusRemovedFor2FA, true, TwoFactorDisabled), Owners{}, false},
		"nothing is required, others": {in("a", RoleOwner, StatusActive, false, TwoFactorSecure), Owners{Active: 1}, false},
	} {
		if got := c.m.LastCompliantOwner(c.others); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
