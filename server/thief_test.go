package main

import (
	"strings"
	"testing"
	"time"
)

// mandatoryMails are how many mails with the way back an address has got, once all jobs are done.
func (m *muster) mandatoryMails(t testing.TB, b back, email string) int {
	t.Helper()
	b.idle(t)
	n := 0
	for _, title := range m.mails(email) {
		if title == mandatory {
			n++
		}
	}
	return n
}

// With the password and without the mailbox nobody enrolls their way back in: a member whom the sweep has removed.
func TestThiefOfARemovedMember(t *testing.T) {
	t.Parallel()
	m := start(t)
	b := m.back(t)
	owner, victim, thief := m.signUp(t, "Oswin"), m.signUp(t, "Vala"), m.signUp(t, "Thor")
	owner.enroll(t)
	o := owner.organization(t)
	o.join(t, victim, "MANAGER")
	o.require(t, true)
	if n := m.mandatoryMails(t, b, victim.Email); n != 1 {
		t.Fatalf("the sweep mailed %d times, want once", n)
	}
	link := m.link(t, victim.Email, mandatory)
	stolen := victim.another(t)
	tries := func() {
		t.Helper()
		for _, who := range []*person{stolen, victim.another(t)} {
			refusal := who.refused(t, "MAILBOX_PROOF_REQUIRED", enrollTOTP, nil)
			if !strings.Contains(refusal.says(), mandatory) || !strings.Contains(refusal.says(), "Organization "+o.Slug) {
				t.Errorf("the refusal says %q", refusal.says())
			}
			who.refused(t, "MAILBOX_PROOF_REQUIRED", enrollPhone, vars{"n": phoneNumber()})
			who.refused(t, "CONFLICT", confirmTOTP, vars{"c": "123456"})
			who.refused(t, "CONFLICT", confirmPhone, vars{"c": "123456"})
			who.refused(t, "TWO_FACTOR_REQUIRED", projects, vars{"s": o.Slug})
			who.refused(t, "TWO_FACTOR_REQUIRED", `mutation($o: ID!) { leaveOrganization(input: {organizationId: $o}) { user { id } } }`, vars{"o": o.ID})
		}
	}
	tries()
	tries()
	if n := m.mandatoryMails(t, b, victim.Email); n != 2 {
		t.Errorf("%d mails after many tries, want the sweep's and one more", n)
	}
	b.age(t, 5*time.Minute)
	tries()
	if n := m.mandatoryMails(t, b, victim.Email); n != 3 {
		t.Errorf("%d mails five minutes later, want 3", n)
	}
	if texts := m.Mailbox.Texts(""); len(texts) != 0 {
		t.Errorf("%d text messages were sent", len(texts))
	}

	// The thief's own mailbox proves nothing for the victim's account.
	own := thief.organization(t)
	own.invite(t, thief, "thief.too@people.example", "MEMBER")
	stolen.refused(t, "INVALID_LINK", acceptInvite, vars{"t": m.link(t, "thief.too@people.example", "Join ")})
	thief.refused(t, "INVALID_LINK", acceptInvite, vars{"t": link})
	stolen.refused(t, "MAILBOX_PROOF_REQUIRED", enrollTOTP, nil)

	// The first link has survived all that, and proves the mailbox for the session that brings it, for no other.
	victim.do(t, acceptInvite, vars{"t": link}, nil)
	stolen.refused(t, "MAILBOX_PROOF_REQUIRED", enrollTOTP, nil)
	if back := victim.enroll(t); len(back) != 1 || back[0].Member.Role != "MANAGER" {
		t.Errorf("the victim got back %+v", back)
	}
	if m.signedIn(t, stolen.Token) {
		t.Error("the thief's session goes on")
	}
	challenge, _ := victim.challenge(t)
	m.verify(t, challenge, "000000").expect(t, "INVALID_CODE", "the thief, afterwards")
}

// The same for a member whom the sweep has not reached, and for a set-up that was begun before the requirement.
func TestThiefOfAMemberNotYetRemoved(t *testing.T) {
	t.Parallel()
	m := start(t)
	b := m.back(t)
	owner, victim, early := m.signUp(t, "Olwen"), m.signUp(t, "Viggo"), m.signUp(t, "Edwin")
	owner.enroll(t)
	o := owner.organization(t)
	o.join(t, victim, "ADMIN")
	o.join(t, early, "MEMBER")
	thief := early.another(t)
	thief.startTOTP(t) // before the requirement
	early.startTOTP(t)
	release := m.holdSweeps(t)
	o.require2FA(t, true)

	if n := value[int](t, b, `SELECT count(*)::int FROM members WHERE status = 'ACTIVE' AND organization_id = $1`, o.ID); n != 3 {
		t.Fatalf("%d members are active while the sweep is held, want 3", n)
	}
	stolen := victim.another(t)
	stolen.refused(t, "TWO_FACTOR_REQUIRED", projects, vars{"s": o.Slug})
	stolen.refused(t, "MAILBOX_PROOF_REQUIRED", enrollTOTP, nil)
	link := m.link(t, victim.Email, mandatory)
	stolen.refused(t, "MAILBOX_PROOF_REQUIRED", enrollTOTP, nil)
	stolen.refused(t, "MAILBOX_PROOF_REQUIRED", enrollPhone, vars{"n": phoneNumber()})
	b.age(t, 5*time.Minute)
	stolen.refused(t, "MAILBOX_PROOF_REQUIRED", enrollTOTP, nil)
	if m.invitation(t, "", link) == nil {
		t.Error("a try killed the living link")
	}

	// What was begun before cannot be confirmed after, and trying mails the link.
	thief.refused(t, "MAILBOX_PROOF_REQUIRED", confirmTOTP, vars{"c": thief.code()})
	proof := m.link(t, early.Email, mandatory)
	thief.refused(t, "MAILBOX_PROOF_REQUIRED", confirmTOTP, vars{"c": thief.code()})
	if n := b.guesses(t, early); n != 0 {
		t.Errorf("%d guesses counted against the victim, want 0", n)
	}
	early.do(t, acceptInvite, vars{"t": proof}, nil)
	thief.refused(t, "MAILBOX_PROOF_REQUIRED", confirmTOTP, vars{"c": thief.code()})
	early.do(t, confirmTOTP, vars{"c": early.code()}, nil)
	early.do(t, projects, vars{"s": o.Slug}, nil)
	if m.signedIn(t, thief.Token) {
		t.Error("the thief's session goes on")
	}

	// The sweep comes between the proof and the confirmation: the proof holds.
	victim.do(t, acceptInvite, vars{"t": link}, nil)
	victim.startTOTP(t)
	release()
	eventually(t, "the sweep has removed the victim", func() bool {
		return value[int](t, b, `SELECT count(*)::int FROM members WHERE status = 'REMOVED_FOR_2FA'`) == 1
	})
	stolen.refused(t, "MAILBOX_PROOF_REQUIRED", enrollTOTP, nil)
	var done struct {
		ConfirmTOTP struct{ Reinstated []reinstated }
	}
	victim.do(t, confirmTOTP, vars{"c": victim.code()}, &done)
	if got := done.ConfirmTOTP.Reinstated; len(got) != 1 || got[0].Member.Role != "ADMIN" {
		t.Errorf("the victim got back %+v", got)
	}
	if n := m.mandatoryMails(t, b, early.Email); n != 1 {
		t.Errorf("the one who was in time was mailed %d times, want once", n)
	}
}

// While somebody is removed for 2FA their address is frozen: nobody takes it with an invitation to it.
func TestAddressOfARemovedMemberIsFrozen(t *testing.T) {
	t.Parallel()
	m := start(t)
	founder, partner, stranger := m.signUp(t, "Fay"), m.signUp(t, "Pat"), m.signUp(t, "Sid")
	partner.enroll(t)
	o := founder.organization(t) // a founder's address was never proved
	o.join(t, partner, "OWNER")
	o.Owner = partner
	o.require(t, true)
	back := m.link(t, founder.Email, mandatory)
	other := stranger.organization(t)
	other.invite(t, stranger, founder.Email, "MEMBER")
	m.post(t, "", signUpQuery, vars{"i": vars{
		"email": founder.Email, "name": "Taker", "password": "long enough",
		"inviteToken": m.link(t, founder.Email, "Join "),
	}}).expect(t, "EMAIL_TAKEN", "taking the address")
	founder.do(t, acceptInvite, vars{"t": back}, nil)
	if got := founder.enroll(t); len(got) != 1 || got[0].Member.Role != "OWNER" {
		t.Errorf("the founder got back %+v", got)
	}
}
