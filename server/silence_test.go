package main

import (
	"fmt"
	"testing"
)

// A thief in a session cannot use up the mails that tell of the next change: each kind has its own budget, and a change that
// nobody could be told of any more does not happen.
func TestChangesCannotBeMadeSilent(t *testing.T) {
	t.Parallel()
	m := start(t)
	p := m.verified(t, "Vera")
	p.enroll(t)
	change := func(i int) (next string, got answer) {
		next = fmt.Sprintf("long password number %d", i)
		return next, m.post(t, p.Token, changePassword, vars{"i": vars{"currentPassword": p.Password, "newPassword": next}})
	}
	for i := range 20 {
		next, got := change(i)
		got.expect(t, "", fmt.Sprintf("change %d", i+1))
		p.Password = next
	}
	next, got := change(20)
	got.expect(t, "RATE_LIMITED", "one change of the password too many")
	m.post(t, "", signInQuery, vars{"i": vars{"email": p.Email, "password": next}}).expect(t, "INVALID_CREDENTIALS", "the password that was refused")

	p.do(t, removeFactor, vars{"a": p.authenticator(t)}, nil)
	m.notMe(t, p.Email, "Removed the authenticator")
	known := len(m.Mailbox.Messages(p.Email))
	p.enroll(t)
	m.notMeAfter(t, p.Email, "Added the authenticator", known)
	p.do(t, changeEmail, vars{"e": "thief@people.example"}, nil)
	m.notMe(t, p.Email, "was asked for")
	p.do(t, verifyEmail, vars{"t": m.link(t, "thief@people.example", titleConfirm)}, nil)
	m.notMe(t, p.Email, "Changed the account's address")
	for range 20 {
		p.renewCodes(t)
	}
	m.post(t, p.Token, `mutation { regenerateRecoveryCodes(input: {}) { recoveryCodes } }`, nil).expect(t, "RATE_LIMITED", "new codes too often")
	p.personalToken(t, "members:read")
	m.notMe(t, "thief@people.example", "Made the personal API token")
}

// Owners hear of what concerns security whatever they have set, and also when it was done in their own name; who turns the
// mails off is told of that.
func TestOwnersHearOfSecurityWhateverTheyWant(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner := m.verified(t, "Olivia")
	owner.enroll(t)
	o := owner.organization(t)
	sol := m.someone(t, "Sol")
	id := o.join(t, sol, "MEMBER")
	m.back(t).idle(t)
	known := len(m.Mailbox.Messages(owner.Email))
	owner.do(t, setNotices, vars{"o": o.ID, "m": false, "s": false}, nil)
	m.notMe(t, owner.Email, "Turned off the mails about the security settings")
	const security, membership = "security settings changed", "membership changed"
	for _, c := range []struct {
		says string
		do   func()
	}{
		{`The service token "Automation" was made.`, func() { owner.serviceToken(t, o, "members:write") }},
		{"Single sign-on was connected through", func() { o.connect(t, "https://login.example.com", true) }},
		{"Two-factor authentication is required now", func() { o.require(t, true) }},
		{"Two-factor authentication is no longer required.", func() { o.require(t, false) }},
		{"Single sign-on was disconnected.", func() { owner.do(t, disconnectSSO, vars{"o": o.ID}, nil) }},
		{"The role of Sol is now Owner.", func() { owner.do(t, changeRole, vars{"m": id, "r": "OWNER"}, nil) }},
		{"Olga is an owner now.", func() { o.join(t, m.someone(t, "Olga"), "OWNER") }},
		{"The role of Sol is now Member.", func() {
			sol.do(t, setNotices, vars{"o": o.ID, "m": false, "s": false}, nil)
			owner.do(t, changeRole, vars{"m": id, "r": "MEMBER"}, nil)
		}},
	} {
		c.do()
		m.mailed(t, owner.Email, security, c.says)
	}
	m.mailed(t, sol.Email, "", "You are no longer an owner of")
	// Of members who come and go they hear only where they want to.
	o.join(t, m.someone(t, "Mia"), "MEMBER")
	m.back(t).idle(t)
	all := m.Mailbox.Messages(owner.Email) // newest first
	for _, message := range all[:len(all)-known] {
		if message.Subject == "Organization "+o.Slug+": "+membership {
			t.Errorf("an owner who wants no mails about members got %s", message.Text)
		}
	}
}

// An owner who watches their own place learns that they are the only one to count on while the other's account is locked.
func TestOwnersLearnWhoIsLocked(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner, o := m.owner(t)
	second := m.verified(t, "Sol")
	second.enroll(t)
	o.join(t, second, "OWNER")
	second.signIn(t) // what follows is another session's
	own := o.mine(t, owner)
	second.renewCodes(t)
	m.post(t, "", reportNotMe, vars{"t": m.notMe(t, second.Email, madeCodes)}).expect(t, "", "the report")
	own.wantTold(t, "ACTIVE OWNER SECURE, mailed", "ACTIVE OWNER SECURE, mailed, only owner")
	m.reset(t, second.resetLink(t), "another long password").expect(t, "", "the reset")
	own.wantTold(t, "ACTIVE OWNER SECURE, mailed", "ACTIVE OWNER SECURE, mailed, only owner", "ACTIVE OWNER SECURE, mailed")
}
