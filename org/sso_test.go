package org_test

import (
	"strings"
	"testing"
	"time"

	"muster/app/lookalike"
	"muster/org"
)

const issuer = "https://login.example.com"

func untrusted() *org.SSO { return &org.SSO{Issuer: issuer, ClientID: "muster"} }
func trusted() *org.SSO   { return &org.SSO{Issuer: issuer, ClientID: "muster", TrustSecondFactor: true} }

func linked(m *org.Member) *org.Member  { m.Linked = ptr(true); return m }
func vouched(m *org.Member) *org.Member { m.Trusted = true; return linked(m) }

// atProvider is a session that began at the provider of the organization org_1, with or without its second factor.
func atProvider(factor bool) *org.Session {
	s := &org.Session{OrganizationID: ptr("org_1"), BeganBy: org.ByProvider, FreshBy: org.ByProvider, FreshAt: noon}
	if factor {
		s.BeganBy, s.FreshBy, s.ProvedAt = org.ByProviderFactor, org.ByProviderFactor, ptr(noon)
	}
	return s
}

// TestTrustedSecondFactor is the gate's table where a provider is there: (requirement on or off) × (trusted or not) × (linked
// or not) × (own factor or not) × (session of the account, proved or not; of the provider, with its factor or not). What is
// wanted is RULES.md's: linked members of a trusted provider need the factor that the token tells of, everybody else, and
// everybody elsewhere, one of their own.
func TestTrustedSecondFactor(t *testing.T) {
	t.Parallel()
	sessions := map[string]func() *org.Session{
		"own": unproved, "own+factor": proved,
		"provider":        func() *org.Session { return atProvider(false) },
		"provider+factor": func() *org.Session { return atProvider(true) },
	}
	order := []string{"own", "own+factor", "provider", "provider+factor"}
	codes := map[string]org.ErrorCode{"ok": "", "2FA": org.CodeTwoFactorRequired, "STEP": org.CodeStepUpRequired}
	table := `
off untrusted unlinked without   ok   ok   ok   ok
off untrusted unlinked with      ok   ok   ok   ok
off untrusted linked   without   ok   ok   ok   ok
off untrusted linked   with      ok   ok   ok   ok
off trusted   unlinked without   ok   ok   ok   ok
off trusted   unlinked with      ok   ok   ok   ok
off trusted   linked   without   ok   ok   ok   ok
off trusted   linked   with      ok   ok   ok   ok
on  untrusted unlinked without   2FA  2FA  2FA  2FA
on  untrusted unlinked with      STEP ok   STEP STEP
on  untrusted linked   without   2FA  2FA  2FA  2FA
on  untrusted linked   with      STEP ok   STEP STEP
on  trusted   unlinked without   2FA  2FA  2FA  2FA
on  trusted   unlinked with      STEP ok   STEP STEP
on  trusted   linked   without   STEP STEP STEP ok
on  trusted   linked   with      STEP ok   STEP ok`
	rows := 0
	for line := range strings.Lines(strings.TrimSpace(table)) {
		f := strings.Fields(line)
		for i, name := range order {
			m, o := member(org.RoleMember), relaxed()
			o.Enforced = f[0] == "on"
			m.Trusted, m.Linked = f[1] == "trusted", ptr(f[2] == "linked")
			if f[3] == "without" {
				without2FA(m)
			}
			access := org.Access{Organization: o, Member: in(o, m), Session: sessions[name]()}
			if got := refused(t, access.Gate(org.See, noon)); got != codes[f[4+i]] {
				t.Errorf("%s in a session %s: got %q, want %s", strings.Join(f[:4], " "), name, got, f[4+i])
			}
			if meets := m.Meets(); meets != (f[3] == "with" || f[1] == "trusted" && f[2] == "linked") {
				t.Errorf("%s: meets the requirement: %v", strings.Join(f[:4], " "), meets)
			}
			elsewhere := &org.Organization{ID: "org_2", Name: "Elsewhere"}
			access = org.Access{Organization: elsewhere, Member: in(elsewhere, m), Session: sessions[name]()}
			want := org.ErrorCode("")
			if strings.HasPrefix(name, "provider") {
				want = org.CodeNotFound
			}
			wantCode(t, access.Gate(org.See, noon), want)
			rows++
		}
	}
	if rows != 64 {
		t.Errorf("%d rows, want 64", rows)
	}
}

// A provider's word makes no session fresh, whatever the account: who holds the provider must not hold the settings.
func TestProviderSessionIsNeverFresh(t *testing.T) {
	t.Parallel()
	for _, state := range []org.TwoFactorState{org.TwoFactorDisabled, org.TwoFactorSecure} {
		for _, factor := range []bool{false, true} {
			s := atProvider(factor)
			s.User = user("ada@example.com", state)
			for _, enrolling := range []bool{false, true} {
				wantCode(t, org.CheckFresh(s, noon, 10*time.Minute, enrolling), org.CodeStepUpRequired)
			}
			wantCode(t, s.CheckHolder(), org.CodeForbidden)
		}
	}
}

func TestProviderAgainstTheRequirement(t *testing.T) {
	t.Parallel()
	other := &org.SSO{Issuer: "https://other.example.com", ClientID: "muster", TrustSecondFactor: true}
	renewed := &org.SSO{Issuer: issuer, ClientID: "renewed", TrustSecondFactor: true}
	tests := []struct {
		sentence  string
		o         *org.Organization
		now, next *org.SSO
		want      org.ErrorCode
	}{
		{"without the requirement any provider may come", relaxed(), nil, untrusted(), ""},
		{"or replace another", relaxed(), trusted(), other, ""},
		{"trust may be taken back", relaxed(), trusted(), untrusted(), ""},
		{"with it an untrusted one may not come", enforcing(), nil, untrusted(), org.CodeRequirementOn},
		{"a trusted one may", enforcing(), nil, trusted(), ""},
		{"its trust cannot be turned off", enforcing(), trusted(), untrusted(), org.CodeRequirementOn},
		{"nor can it be exchanged for another, whose people are others", enforcing(), trusted(), other, org.CodeRequirementOn},
		{"its client may be renewed", enforcing(), trusted(), renewed, ""},
	}
	for _, test := range tests {
		t.Run(test.sentence, func(t *testing.T) {
			t.Parallel()
			wantCode(t, org.CheckConnectSSO(test.o, test.now, test.next), test.want)
		})
	}
	wantCode(t, org.CheckDisconnectSSO(enforcing()), org.CodeRequirementOn)
	wantCode(t, org.CheckDisconnectSSO(relaxed()), "")
	wantCode(t, org.CheckIssuer("issuer", "http://127.0.0.1:9000", true), "")
	wantCode(t, org.CheckIssuer("issuer", "http://localhost/x", true), "")
	wantBadInput(t, org.CheckIssuer("issuer", "http://localhost/x", false), "issuer")
	wantBadInput(t, org.CheckIssuer("issuer", "http://10.0.0.1", true), "issuer")
	wantBadInput(t, org.CheckIssuer("issuer", "http://localhost.example.com", true), "issuer")
}

func TestWhoMayLink(t *testing.T) {
	t.Parallel()
	tests := []struct {
		sentence string
		change   func(a *org.Access)
		holder   *org.Member
		want     org.ErrorCode
	}{
		{"a member in a fresh session that proved their factor", func(*org.Access) {}, nil, ""},
		{"who is linked already", func(*org.Access) {}, member(org.RoleMember), ""},
		{"one without a factor, by the password", func(a *org.Access) {
			without2FA(a.Member)
			a.Session.User, a.Session.FreshBy, a.Session.ProvedAt = a.Member.User, org.ByPassword, nil
		}, nil, ""},
		{"not where another member has the identity", func(*org.Access) {}, &org.Member{ID: "mem_9"}, org.CodeConflict},
		{"not a stranger", func(a *org.Access) { a.Member = nil }, nil, org.CodeNotFound},
		{"not in a session that a provider began", func(a *org.Access) { a.Session.OrganizationID = ptr("org_1") }, nil, org.CodeForbidden},
		{"not in one that is no longer fresh", func(a *org.Access) { a.Session.FreshAt = noon.Add(-10 * time.Minute) }, nil, org.CodeStepUpRequired},
		{"not by the password alone where there is a factor", func(a *org.Access) { a.Session.FreshBy = org.ByPassword }, nil, org.CodeStepUpRequired},
		{"not by a recovery code", func(a *org.Access) { a.Session.FreshBy = org.ByRecoveryCode }, nil, org.CodeStepUpRequired},
		{"not without a factor where it is required: the provider would stand for a mailbox that nobody proved", func(a *org.Access) {
			without2FA(a.Member)
			a.Organization.Enforced = true
		}, nil, org.CodeTwoFactorRequired},
	}
	for _, test := range tests {
		t.Run(test.sentence, func(t *testing.T) {
			t.Parallel()
			m := member(org.RoleMember)
			a := &org.Access{Organization: relaxed(), Member: m, Session: &org.Session{User: m.User, FreshAt: noon, FreshBy: org.ByTOTP, ProvedAt: ptr(noon)}}
			test.change(a)
			wantCode(t, org.CheckSSOLink(a, test.holder, noon, 10*time.Minute), test.want)
		})
	}
}

func TestWhoComesBackThroughTheProvider(t *testing.T) {
	t.Parallel()
	wantCode(t, org.CheckSSOReturn(relaxed(), member(org.RoleMember), noon), "")
	wantCode(t, org.CheckSSOReturn(relaxed(), removed(noon.Add(time.Second)), noon), "") // the gate tells the way back
	wantCode(t, org.CheckSSOReturn(relaxed(), removed(noon), noon), org.CodeForbidden)
	wantCode(t, org.CheckSSOReturn(relaxed(), nil, noon), org.CodeForbidden)
}

// A provider may keep an owner of their last own factor away from nothing: an organization always has an owner with one.
func TestLastAuthenticatorBesideAProvider(t *testing.T) {
	t.Parallel()
	have := []*org.Authenticator{{ID: "aut_1"}}
	for role, want := range map[org.Role]org.ErrorCode{org.RoleOwner: org.CodeLastAuthenticator, org.RoleManager: "", org.RoleMember: ""} {
		wantCode(t, org.CheckRemoveAuthenticator("aut_1", have, []*org.Member{in(enforcing(), vouched(member(role)))}), want)
	}
	wantCode(t, org.CheckRemoveAuthenticator("aut_1", have, []*org.Member{in(enforcing(), linked(member(org.RoleMember)))}), org.CodeLastAuthenticator)
}

func TestClaimedName(t *testing.T) {
	t.Parallel()
	for claim, want := range map[string]string{
		"Ada Lovelace": "Ada Lovelace", "  Ada ": "Ada", "": "Somebody of Acme", "\u202eadA": "Somebody of Acme", "A\x00": "Somebody of Acme",
		strings.Repeat("ä", 101): strings.Repeat("ä", 100), "A\xffda": "Ada",
		"Olivia Owner <olivia@acme.example>": "Olivia Owner", "ada@corp.example": "ada", "Ada＜ada＠corp.example＞": "Ada", "@ada": "Somebody of Acme",
		"Muster": "Somebody of Acme", "Muster <x>": "Somebody of Acme", strings.Repeat("ä", 99) + " b": strings.Repeat("ä", 99),
	} {
		if got := org.ClaimedName(claim, relaxed(), lookalike.Form); got != want {
			t.Errorf("%q: got %q, want %q", claim, got, want)
		}
	}
	if got := org.ClaimedName("", &org.Organization{Name: "R@D <Berlin>"}, lookalike.Form); got != "Somebody of RD Berlin" {
		t.Errorf("an organization with marks in its name: %q", got)
	}
}

func TestUnlink(t *testing.T) {
	t.Parallel()
	without := func(m *org.Member) *org.Member { m.TwoFactor = ptr(org.TwoFactorDisabled); return m }
	removed := vouched(without(in(enforcing(), member(org.RoleMember))))
	removed.Status = org.StatusRemovedFor2FA
	for name, test := range map[string]struct {
		current, otherWays bool
		m                  *org.Member
		want               org.ErrorCode
	}{
		"the only way in":                       {true, false, vouched(member(org.RoleMember)), org.CodeConflict},
		"a password beside it":                  {true, true, vouched(member(org.RoleMember)), ""},
		"gone from the organization":            {true, true, nil, ""},
		"the provider's factor is all there is": {true, true, vouched(without(in(enforcing(), member(org.RoleMember)))), org.CodeLastAuthenticator},
		"an authenticator of one's own":         {true, true, vouched(in(enforcing(), member(org.RoleOwner))), ""},
		"nothing is required":                   {true, true, vouched(without(member(org.RoleMember))), ""},
		"the factor is not trusted":             {true, true, linked(without(in(enforcing(), member(org.RoleMember)))), ""},
		"of a provider before":                  {false, true, vouched(without(in(enforcing(), member(org.RoleMember)))), ""},
		"out already":                           {true, true, removed, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantCode(t, (&org.LinkedIdentity{Current: test.current}).CheckUnlink(test.m, test.otherWays), test.want)
		})
	}
}
