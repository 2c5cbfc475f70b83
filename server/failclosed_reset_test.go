package main

import "testing"

// resetCalls are those of loggedCalls that reset a second factor.
var resetCalls = []loggedCall{
	{
		mutation: "resetMemberTwoFactor", variant: "at once",
		writes: []string{"organization member.2fa-reset", "organization member.pending", "account user.2fa-reset"},
		prepare: func(t *testing.T, m *muster) (*person, vars) {
			p, o := m.owner(t)
			id := o.join(t, m.someone(t, "Mia"), "MEMBER", o.createTeam(t, "web"))
			o.require(t, true)
			return p, vars{"memberId": id, "reason": lost}
		},
	},
	{
		mutation: "resetMemberTwoFactor", variant: "asking",
		writes: []string{"organization member.2fa-reset-requested", "organization member.2fa-reset-requested", "account user.2fa-reset-requested"},
		prepare: func(t *testing.T, m *muster) (*person, vars) {
			x := m.tenants(t)
			return x.mallory, vars{"memberId": x.oliviaTheirs, "reason": lost}
		},
	},
	{
		mutation: "approveTwoFactorReset", variant: "not the last", writes: []string{"organization member.2fa-reset-approved", "account user.2fa-reset-approved"},
		prepare: func(t *testing.T, m *muster) (*person, vars) {
			x := m.tenants(t)
			m.someone(t, "Theo").organization(t).join(t, x.olivia, "OWNER")
			return x.otto, vars{"requestId": x.mallory.reset(t, x.oliviaTheirs).ResetMemberTwoFactor.Reset.ID}
		},
	},
	{
		mutation: "approveTwoFactorReset", variant: "the last",
		writes: []string{
			"organization member.2fa-reset-approved", "organization member.2fa-reset", "organization member.pending", "organization member.2fa-reset",
			"account user.2fa-reset-approved", "account user.2fa-reset",
		},
		prepare: func(t *testing.T, m *muster) (*person, vars) {
			x := m.tenants(t)
			return x.otto, vars{"requestId": x.mallory.reset(t, x.oliviaTheirs).ResetMemberTwoFactor.Reset.ID}
		},
	},
	{
		mutation: "confirmTwoFactorReset",
		writes:   []string{"organization member.2fa-reset", "organization member.pending", "organization member.2fa-reset", "account user.2fa-reset"},
		prepare: func(t *testing.T, m *muster) (*person, vars) {
			x := m.tenants(t)
			x.mallory.reset(t, x.oliviaTheirs)
			return nobody(m), vars{"token": m.link(t, x.olivia.Email, resetTitle), "password": x.olivia.Password}
		},
	},
	{
		mutation: "confirmTwoFactorReset", variant: "void", code: "CONFLICT",
		writes: []string{"organization member.2fa-reset-ended", "organization member.2fa-reset-ended", "account user.2fa-reset-ended"},
		prepare: func(t *testing.T, m *muster) (*person, vars) {
			x := m.tenants(t)
			x.mallory.reset(t, x.oliviaTheirs)
			x.olivia.do(t, `mutation($o: ID!) { leaveOrganization(input: {organizationId: $o}) { user { id } } }`, vars{"o": x.mallorys.ID}, nil)
			return nobody(m), vars{"token": m.link(t, x.olivia.Email, resetTitle), "password": x.olivia.Password}
		},
	},
	{
		mutation: "declineTwoFactorReset", variant: "withdrawing",
		writes: []string{"organization member.2fa-reset-ended", "organization member.2fa-reset-ended", "account user.2fa-reset-ended"},
		prepare: func(t *testing.T, m *muster) (*person, vars) {
			x := m.tenants(t)
			return x.mallory, vars{"requestId": x.mallory.reset(t, x.oliviaTheirs).ResetMemberTwoFactor.Reset.ID}
		},
	},
	{
		mutation: "declineTwoFactorReset", variant: "by the link",
		writes: []string{"organization member.2fa-reset-ended", "organization member.2fa-reset-ended", "account user.2fa-reset-ended"},
		prepare: func(t *testing.T, m *muster) (*person, vars) {
			x := m.tenants(t)
			x.mallory.reset(t, x.oliviaTheirs)
			return nobody(m), vars{"token": m.link(t, x.olivia.Email, resetTitle)}
		},
	},
}
