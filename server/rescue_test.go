package main

import (
	"strings"
	"testing"
)

// Somebody signed up with a mistyped address, which is a stranger's, and gave the account their own. The links that the stranger
// was mailed before are dead then: they neither lock the account nor take its address.
func TestAlertsOfALeftClaimAreDead(t *testing.T) {
	t.Parallel()
	m := start(t)
	p := m.someone(t, "Typo")
	strangers := p.Email
	links := []string{m.notMe(t, strangers, "Added the authenticator")}
	p.do(t, changeEmail, vars{"e": "own@people.example"}, nil)
	links = append(links, m.notMe(t, strangers, "was asked for"))
	p.do(t, verifyEmail, vars{"t": m.link(t, "own@people.example", titleConfirm)}, nil)
	for _, link := range links {
		m.post(t, "", reportNotMe, vars{"t": link}).expect(t, "INVALID_LINK", "a stranger's report")
	}
	if v := p.view(t); v.Viewer.Email != "own@people.example" || !v.Viewer.EmailVerified {
		t.Errorf("after the stranger's reports: %+v", v.Viewer)
	}
	// What is mailed to the address that was proved works.
	p.renewCodes(t)
	m.post(t, "", reportNotMe, vars{"t": m.notMe(t, "own@people.example", madeCodes)}).expect(t, "", "the owner's report")
	if got := m.find(t, `SELECT email || ' ' || (frozen_since IS NOT NULL) FROM users WHERE email_verified_at IS NOT NULL`); got != "own@people.example true" {
		t.Errorf("after the owner's report: %s", got)
	}
}

// Whoever proves an address that another account only claimed takes it, and the links that were mailed there about that account
// are dead with the claim.
func TestAlertsOfATakenClaimAreDead(t *testing.T) {
	t.Parallel()
	m := start(t)
	squatter := m.someone(t, "Sid")
	link := m.notMe(t, squatter.Email, "Added the authenticator")
	m.post(t, "", signUpQuery, vars{"i": vars{
		"email": squatter.Email, "name": "Owner", "password": "the owner's password", "addressToken": squatter.claimLink(t),
	}}).expect(t, "", "taking the address")
	m.post(t, "", reportNotMe, vars{"t": link}).expect(t, "INVALID_LINK", "a report of the claim")
	if !m.signedIn(t, squatter.Token) {
		t.Error("the account that had claimed the address has lost its session")
	}
	refusal := squatter.refused(t, "CONFLICT", `mutation { requestEmailVerification(input: {}) { user { id } } }`, nil)
	if !strings.Contains(refusal.says(), "Give it one first") {
		t.Errorf("the account without an address is told %q, not what to do", refusal.says())
	}
	squatter.do(t, changeEmail, vars{"e": "sid@people.example"}, nil)
	squatter.do(t, verifyEmail, vars{"t": m.link(t, "sid@people.example", titleConfirm)}, nil)
	if v := squatter.view(t); v.Viewer.Email != "sid@people.example" || !v.Viewer.EmailVerified {
		t.Errorf("with an address of their own it is %+v", v.Viewer)
	}
}

// A thief moves the account to an address of theirs and signs up with the victim's, so that it cannot go back. It does: a claim
// does not stand against who proved the address before and now.
func TestReportTakesTheAddressFromAClaim(t *testing.T) {
	t.Parallel()
	m := start(t)
	vera := m.verified(t, "Vera")
	vera.enroll(t)
	vera.signIn(t) // what follows is another session's
	vera.do(t, changeEmail, vars{"e": "thief@people.example"}, nil)
	link := m.notMe(t, vera.Email, "was asked for")
	vera.do(t, verifyEmail, vars{"t": m.link(t, "thief@people.example", titleConfirm)}, nil)
	m.post(t, "", `mutation($i: SignUpInput!) { signUp(input: $i) { session { token } } }`,
		vars{"i": vars{"name": "Thief", "email": vera.Email, "password": "the thief's own password"}}).expect(t, "", "the thief's claim")
	m.post(t, "", reportNotMe, vars{"t": link}).expect(t, "", "the report")
	vera.Password = "her own new password"
	m.reset(t, vera.resetLink(t), vera.Password).expect(t, "", "the reset")
	m.exec(t, `DELETE FROM rate_limits`)
	vera.signIn(t)
	if v := vera.view(t); v.Viewer.Email != vera.Email || !v.Viewer.EmailVerified {
		t.Errorf("Vera has %+v", v.Viewer)
	}
	if n := m.find(t, `SELECT count(*)::text FROM security_events WHERE action = 'user.address-released'`); n != "1" {
		t.Errorf("%s lines tell that the claim ended, want one", n)
	}
}

// An owner whose account is locked does not count: the other one cannot leave the organization to nobody.
func TestOwnerWhoIsLockedDoesNotCount(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner, o := m.owner(t)
	second := m.someone(t, "Sol")
	id := o.join(t, second, "OWNER")
	const only = `query($s: String!) { organization(slug: $s) { viewer { isOnlyOwner } } }`
	sees := func() bool {
		var out struct {
			Organization struct{ Viewer struct{ IsOnlyOwner bool } }
		}
		owner.do(t, only, vars{"s": o.Slug}, &out)
		return out.Organization.Viewer.IsOnlyOwner
	}
	if sees() {
		t.Error("one of two owners is the only one")
	}
	m.exec(t, `UPDATE users SET frozen_since = clock_timestamp() WHERE id = (SELECT user_id FROM members WHERE id = $1)`, id)
	if !sees() {
		t.Error("the only owner whose account is open is not the only one")
	}
	owner.refused(t, "LAST_OWNER", `mutation($o: ID!) { leaveOrganization(input: {organizationId: $o}) { user { id } } }`, vars{"o": o.ID})
}
