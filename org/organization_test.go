package org_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"muster/org"
)

func TestRequire2FA(t *testing.T) {
	t.Parallel()
	tests := []struct {
		sentence string
		by       *org.Member
		sso      *org.SSO
		required bool
		want     org.ErrorCode
	}{
		{"an owner with an authenticator requires it", member(org.RoleOwner), nil, true, ""},
		{"an owner without one cannot, recovery codes or not", without2FA(member(org.RoleOwner)), nil, true, org.CodeTwoFactorRequired},
		{"while single sign-on is on nobody can", member(org.RoleOwner), untrusted(), true, org.CodeSSOEnabled},
		{"unless the provider is trusted with the second factor", member(org.RoleOwner), trusted(), true, ""},
		{"whose word is no authenticator of an owner's own", vouched(without2FA(member(org.RoleOwner))), trusted(), true, org.CodeTwoFactorRequired},
		{"turning it off needs none of it", without2FA(member(org.RoleOwner)), untrusted(), false, ""},
	}
	for _, test := range tests {
		t.Run(test.sentence, func(t *testing.T) {
			t.Parallel()
			wantCode(t, org.CheckRequire2FA(test.by, test.sso, test.required), test.want)
		})
	}
}

func TestIssuer(t *testing.T) {
	t.Parallel()
	long := "https://login.example.com/" + strings.Repeat("a", 512-len("https://login.example.com/"))
	tests := []struct {
		sentence, issuer string
		good             bool
	}{
		{"an https URL", "https://login.example.com", true},
		{"with a path, as tenants have", "https://login.example.com/tenants/7/v2.0", true},
		{"with a port", "https://login.example.com:8443", true},
		{"512 characters", long, true},
		{"513 characters", long + "a", false},
		{"nothing", "", false},
		{"plain http", "http://login.example.com", false},
		{"no scheme", "login.example.com", false},
		{"another scheme", "javascript:alert(1)", false},
		{"no host", "https://", false},
		{"only a port", "https://:443", false},
		{"a query", "https://login.example.com?a=b", false},
		{"an empty query", "https://login.example.com?", false},
		{"a fragment", "https://login.example.com#a", false},
		{"an empty fragment", "https://login.example.com#", false},
		{"credentials", "https://me:secret@login.example.com", false},
		{"a line break", "https://login.example.com/\nX", false},
		{"a character that turns the reading direction", "https://login.example.com/\u202egpj", false},
		{"what is not UTF-8", "https://login.example.com/\xff", false},
	}
	for _, test := range tests {
		t.Run(test.sentence, func(t *testing.T) {
			t.Parallel()
			err := org.CheckIssuer("issuer", test.issuer, false)
			if test.good {
				wantCode(t, err, "")
			} else {
				wantBadInput(t, err, "issuer")
			}
		})
	}
}

func TestRemind(t *testing.T) {
	t.Parallel()
	at := func(ago time.Duration) *org.Organization { return &org.Organization{RemindedAt: ptr(noon.Add(-ago))} }
	wantCode(t, org.CheckRemind(&org.Organization{}, noon), "")
	wantCode(t, org.CheckRemind(at(24*time.Hour), noon), "")
	err := org.CheckRemind(at(24*time.Hour-time.Nanosecond), noon)
	wantCode(t, err, org.CodeRateLimited)
	err = org.CheckRemind(at(time.Hour), noon)
	wantCode(t, err, org.CodeRateLimited)
	var refusal *org.Error
	if !errors.As(err, &refusal) || refusal.RetryAfter != 23*time.Hour || !strings.Contains(refusal.Message, "15 Mar 2026 11:00:00 UTC") {
		t.Errorf("got %+v, want to be told to wait for 23 hours", refusal)
	}
}

func TestSweepFinished(t *testing.T) {
	t.Parallel()
	for state, want := range map[org.SweepState]bool{
		org.SweepQueued: false, org.SweepRunning: false, org.SweepDone: true, org.SweepCanceled: true,
	} {
		if got := (&org.Sweep{State: state}).Finished(); got != want {
			t.Errorf("%s: got %v, want %v", state, got, want)
		}
	}
}

// TestErrors: refusals compare by code, and a refusal inside of another error is still found.
func TestErrors(t *testing.T) {
	t.Parallel()
	err := org.BadInput("name", "A name has %d characters.", 3)
	if err.Code != org.CodeBadInput || err.Field != "name" || err.Error() != "BAD_INPUT: A name has 3 characters." {
		t.Errorf("got %+v", err)
	}
	wrapped := errors.Join(errors.New("outer"), org.Refuse(org.CodeNotFound, "another sentence"))
	if !errors.Is(wrapped, org.ErrNotFound) || errors.Is(wrapped, org.ErrInvalidCode) || errors.Is(errors.New("x"), org.ErrNotFound) {
		t.Error("refusals do not compare by their code")
	}
}

// TestMemberCountsOf: what is kept by status answers for filters by status; managers see all, others the active ones.
func TestMemberCountsOf(t *testing.T) {
	t.Parallel()
	counts := org.MemberCounts{Active: 100, With2FA: 40, Invited: 20, RemovedFor2FA: 3}
	for name, test := range map[string]struct {
		filter          *org.MemberFilter
		manager, member int // -1 for: would have to be counted
	}{
		"none":           {nil, 123, 100},
		"empty":          {&org.MemberFilter{Query: ptr("")}, 123, 100},
		"active":         {&org.MemberFilter{Status: []org.MemberStatus{org.StatusActive}}, 100, 100},
		"invited":        {&org.MemberFilter{Status: []org.MemberStatus{org.StatusInvited}}, 20, 0},
		"not active":     {&org.MemberFilter{Status: []org.MemberStatus{org.StatusRemovedFor2FA, org.StatusInvited}}, 23, 0},
		"twice the same": {&org.MemberFilter{Status: []org.MemberStatus{org.StatusActive, org.StatusActive}}, 100, 100},
		"role":           {&org.MemberFilter{Role: []org.Role{org.RoleOwner}}, -1, -1},
		"2FA":            {&org.MemberFilter{Status: []org.MemberStatus{org.StatusActive}, TwoFactor: []org.TwoFactorState{org.TwoFactorSecure}}, -1, -1},
		"teams":          {&org.MemberFilter{Teams: []string{"team_1"}}, -1, -1},
		"query":          {&org.MemberFilter{Query: ptr("ada")}, -1, -1},
	} {
		for manager, want := range map[bool]int{true: test.manager, false: test.member} {
			got := -1
			if n := counts.Of(test.filter, manager); n != nil {
				got = *n
			}
			if got != want {
				t.Errorf("%s, for a manager %v: got %d, want %d", name, manager, got, want)
			}
		}
	}
}

func TestHistoryHasBounds(t *testing.T) {
	t.Parallel()
	for days, ok := range map[int]bool{-1: false, 0: false, 1: true, 90: true, 366: true, 367: false} {
		if err := org.CheckHistory(days); ok {
			wantCode(t, err, "")
		} else {
			wantBadInput(t, err, "days")
		}
	}
}
