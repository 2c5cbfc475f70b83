package org_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"muster/org"
)

func withScopes(scopes ...org.Scope) *org.Session {
	s := proved()
	s.User, s.Token = user("ada@example.com", org.TwoFactorSecure), &org.Token{ID: "tok_1", Name: "Deploy", Scopes: scopes}
	return s
}

func service(organizationID string, scopes ...org.Scope) *org.Session {
	return &org.Session{
		ID: "tok_1", User: &org.User{ID: "tok_1", Name: "Deploy"},
		Token: &org.Token{ID: "tok_1", Name: "Deploy", Scopes: scopes, OrganizationID: &organizationID},
	}
}

// TestScopes: what each permission asks of a token, "-" for what none may do.
func TestScopes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		permission org.Permission
		scope      org.Scope
		also       org.Scope // which has it in it
	}{
		{org.See, "", ""},
		{org.Leave, "-", ""},
		{org.NotifyMe, "-", ""},
		{org.SeeMembers, "members:read", "members:write"},
		{org.SeeTeams, "teams:read", "teams:write"},
		{org.SeeProjects, "projects:read", "projects:write"},
		{org.ManageTeams, "teams:write", ""},
		{org.CreateProjects, "projects:write", ""},
		{org.SeeAllProjects, "projects:read", "projects:write"},
		{org.ManageMembers, "members:write", ""},
		{org.SeeAudit, "audit:read", ""},
		{org.SeeSecurity, "security:read", ""},
		{org.ManageSecurity, "-", ""},
		{org.ManageSettings, "organization:write", ""},
		{org.ManageTokens, "-", ""},
		{org.Permission("unheard of"), "-", ""},
	}
	for _, test := range tests {
		t.Run(string(test.permission), func(t *testing.T) {
			t.Parallel()
			gate := func(scopes ...org.Scope) error {
				access := org.Access{Organization: enforcing(), Member: in(enforcing(), member(org.RoleOwner)), Session: withScopes(scopes...)}
				return access.Gate(test.permission, noon)
			}
			for _, scope := range org.Scopes {
				want := org.CodeForbidden
				if test.scope == "" || scope == test.scope || scope == test.also {
					want = ""
				}
				wantCode(t, gate(scope), want)
			}
			others := slices.DeleteFunc(slices.Clone(org.Scopes), func(s org.Scope) bool { return s == test.scope || s == test.also })
			switch err := gate(others...); {
			case test.scope == "":
				wantCode(t, err, "")
			case test.scope == "-":
				if err == nil || !strings.Contains(err.Error(), "An API token cannot") {
					t.Errorf("with every scope: %v", err)
				}
			case err == nil || !strings.Contains(err.Error(), test.scope):
				t.Errorf("with all scopes but the one: %v, want a refusal that names %s", err, test.scope)
			}
			if err := gate(); test.scope != "" {
				wantCode(t, err, org.CodeForbidden)
			}
		})
	}
}

// TestServiceTokens: a service token enters its organization as a manager and is asked for no factor.
func TestServiceTokens(t *testing.T) {
	t.Parallel()
	s := service("org_1", org.Scopes...)
	place := org.TokenMember(s, enforcing())
	gate := func(p org.Permission) error {
		access := org.Access{Organization: enforcing(), Member: place, Session: s}
		return access.Gate(p, noon)
	}
	wantCode(t, gate(org.ManageMembers), "")
	wantCode(t, gate(org.SeeAudit), "")
	wantCode(t, gate(org.ManageSettings), org.CodeForbidden) // an owner's, whatever the scopes
	wantCode(t, org.CheckGrant(place, org.RoleManager), "")
	wantCode(t, org.CheckGrant(place, org.RoleOwner), org.CodeForbidden)
	wantCode(t, org.CheckServiceTarget(s, place, member(org.RoleOwner)), org.CodeForbidden)
	wantCode(t, org.CheckServiceTarget(s, place, member(org.RoleManager)), "")
	wantCode(t, org.CheckServiceTarget(proved(), member(org.RoleManager), member(org.RoleOwner)), "") // what else is asked is the operation's
	if !s.Service() || withScopes().Service() || proved().Service() || (*org.Session)(nil).Service() {
		t.Error("the wrong sessions are a service token's")
	}
	if place.Label() != "Deploy" || place.User.Label() != "Deploy" {
		t.Errorf("the log calls it %q and %q, want its name", place.Label(), place.User.Label())
	}
}

// TestTokensAreNobodyThere: a token is never fresh, does nothing to accounts and is asked for the proof that it stands for.
func TestTokensAreNobodyThere(t *testing.T) {
	t.Parallel()
	for _, s := range []*org.Session{withScopes(org.Scopes...), service("org_1", org.Scopes...)} {
		s.FreshAt, s.FreshBy = noon, org.ByTOTP
		wantCode(t, org.CheckFresh(s, noon, time.Hour, true), org.CodeForbidden)
		wantCode(t, org.CheckFresh(s, noon, time.Hour, false), org.CodeForbidden)
		wantCode(t, s.CheckHolder(), org.CodeForbidden)
		wantCode(t, s.CheckSession(), org.CodeForbidden)
	}
	wantCode(t, proved().CheckSession(), "")
	enter := func(m *org.Member, s *org.Session) error {
		access := org.Access{Organization: m.Organization, Member: m, Session: s}
		return access.Enter(noon)
	}
	unproved := withScopes(org.Scopes...)
	unproved.ProvedAt = nil
	wantCode(t, enter(in(enforcing(), member(org.RoleOwner)), unproved), org.CodeStepUpRequired)
	wantCode(t, enter(in(relaxed(), member(org.RoleOwner)), unproved), "")
	wantCode(t, enter(in(enforcing(), without2FA(member(org.RoleOwner))), withScopes(org.Scopes...)), org.CodeTwoFactorRequired)
	wantCode(t, enter(in(enforcing(), removed(noon.Add(time.Hour))), withScopes(org.Scopes...)), org.CodeTwoFactorRequired)
}

func TestTokenAlive(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		sentence string
		ends     time.Duration
		revoked  bool
		want     bool
	}{
		{"a second before its end it holds, though unused for a month", time.Second, false, true},
		{"at its end it does not", 0, false, false},
		{"a second later it does not", -time.Second, false, false},
		{"revoked it does not", time.Hour, true, false},
	} {
		s := withScopes()
		s.UsedAt, s.ExpiresAt = noon.AddDate(0, -1, 0), noon.Add(test.ends)
		if test.revoked {
			s.EndedAt = ptr(noon.Add(-time.Second))
		}
		if got := s.Alive(noon, time.Hour); got != test.want {
			t.Errorf("%s: got %v", test.sentence, got)
		}
	}
}

func TestNewTokens(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		sentence string
		asked    *time.Time
		want     time.Time // zero: refused
	}{
		{"without a date it ends in 90 days", nil, noon.Add(90 * 24 * time.Hour)},
		{"in a second is the future", ptr(noon.Add(time.Second)), noon.Add(time.Second)},
		{"now is not", ptr(noon), time.Time{}},
		{"the past is not", ptr(noon.Add(-time.Second)), time.Time{}},
		{"a year is allowed", ptr(noon.AddDate(1, 0, 0)), noon.AddDate(1, 0, 0)},
		{"of 366 days too", ptr(noon.AddDate(0, 0, 366)), noon.AddDate(0, 0, 366)},
		{"a second more is not", ptr(noon.AddDate(0, 0, 366).Add(time.Second)), time.Time{}},
	} {
		got, err := org.TokenExpiry("expiresAt", noon, test.asked)
		if test.want.IsZero() {
			wantBadInput(t, err, "expiresAt")
		} else if err != nil || !got.Equal(test.want) {
			t.Errorf("%s: got %v, %v", test.sentence, got, err)
		}
	}
	wantCode(t, org.CheckNewToken(49), "")
	wantCode(t, org.CheckNewToken(50), org.CodeConflict)

	scopes, err := org.ParseScopes("scopes", []string{"teams:read", "audit:read", "teams:read"})
	if err != nil || !slices.Equal(scopes, []string{"teams:read", "audit:read"}) {
		t.Errorf("got %v, %v, want each once", scopes, err)
	}
	for _, wrong := range [][]string{nil, {}, {""}, {"members:*"}, {"MEMBERS:READ"}, {"members:read "}, {"audit:write"}, {"members:read", "owner"}} {
		_, err := org.ParseScopes("scopes", wrong)
		wantBadInput(t, err, "scopes")
	}
}

// An API token gives roles up to ADMIN, whoever's it is; people are asked by CheckGrant alone.
func TestTokenGrant(t *testing.T) {
	t.Parallel()
	service := &org.Session{Token: &org.Token{OrganizationID: ptr("org")}}
	for role, want := range map[org.Role]org.ErrorCode{
		org.RoleMember: "", org.RoleAdmin: "", org.RoleManager: org.CodeForbidden, org.RoleOwner: org.CodeForbidden,
	} {
		wantCode(t, org.CheckTokenGrant(service, role), want)
		wantCode(t, org.CheckTokenGrant(&org.Session{Token: &org.Token{}}, role), want)
		wantCode(t, org.CheckTokenGrant(&org.Session{}, role), "")
	}
}
