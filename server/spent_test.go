package main

import "testing"

// A stranger uses the mails to Vera's address up. Her report gives them back: the mail that her rescue takes comes at once.
func TestStrangerHoldsUpNoRescue(t *testing.T) {
	t.Parallel()
	m := start(t)
	vera := m.verified(t, "Vera")
	vera.enroll(t)
	report := m.notMe(t, vera.Email, "Added the authenticator")
	strangers := vera.resetLink(t)
	vera.forgets(t) // nothing is mailed
	m.atRest(t)
	if n := mailsTitled(m, vera.Email, titleReset); n != 1 {
		t.Fatalf("%d links to a new password were mailed within a moment, want one", n)
	}
	m.post(t, "", reportNotMe, vars{"t": report}).expect(t, "", "the report")
	vera.forgets(t)
	link := m.newLink(t, vera.Email, titleReset, strangers)
	m.reset(t, strangers, "a password of the stranger").expect(t, "INVALID_LINK", "the link from before the report")
	m.reset(t, link, "her own new password").expect(t, "", "Vera's link")
}

// Strangers who want an address of somebody's keep nobody from giving it to their account.
func TestStrangersKeepNobodyFromAnAddress(t *testing.T) {
	t.Parallel()
	m := start(t)
	stranger, pia := m.signUp(t, "Stranger"), m.signUp(t, "Pia")
	const own = "pia@own.example"
	for range 5 {
		stranger.do(t, changeEmail, vars{"e": own}, nil)
	}
	m.atRest(t)
	theirs := m.link(t, own, titleConfirm)
	pia.do(t, changeEmail, vars{"e": own}, nil)
	pia.refused(t, "INVALID_LINK", verifyEmail, vars{"t": theirs})
	pia.do(t, verifyEmail, vars{"t": m.newLink(t, own, titleConfirm, theirs)}, nil)
	if v := pia.view(t); v.Viewer.Email != own || !v.Viewer.EmailVerified {
		t.Errorf("Pia has %+v", v.Viewer)
	}
}

// Whoever sends rubbish is refused in the end, and keeps no neighbour in the same network from reporting, nor from signing in.
func TestRubbishIsNobodyElses(t *testing.T) {
	t.Parallel()
	m := start(t)
	vera := m.verified(t, "Vera")
	vera.enroll(t)
	key := vera.addKey(t)
	report := m.notMe(t, vera.Email, "Added the authenticator")
	for name, rubbish := range map[string]call{
		"reports":  {Query: reportNotMe, Vars: vars{"t": "nothing"}},
		"passkeys": {Query: passkeyQuery, Vars: vars{"i": vars{"challengeToken": "nothing", "credential": vars{}}}},
	} {
		for i := range 31 {
			want := "RATE_LIMITED"
			if i < 30 {
				want = map[string]string{"reports": "INVALID_LINK", "passkeys": "INVALID_CODE"}[name]
			}
			if got := m.call(t, rubbish); got.Code() != want {
				t.Fatalf("%s: the %dth is answered %q, want %q", name, i+1, got.Code(), want)
			}
		}
	}
	token, options := m.askPasskey(t)
	if a := m.passkey(t, token, key.get(t, options)); a.Code() != "" {
		t.Errorf("the neighbour's passkey: %+v", a.Errors)
	}
	m.post(t, "", reportNotMe, vars{"t": report}).expect(t, "", "the neighbour's report")
}

// The account goes to a thief's address; then Vera's organization requires 2FA, and the mail with the way back goes there too.
// Her report takes the address back although it is frozen, and the way back with it.
func TestReportTakesTheWayBackAlong(t *testing.T) {
	t.Parallel()
	m := start(t)
	_, o := m.owner(t)
	vera := m.signUp(t, "Vera")
	o.join(t, vera, "ADMIN")
	own, thief := vera.Email, "thief@people.example"
	vera.do(t, changeEmail, vars{"e": thief}, nil)
	report := m.notMe(t, own, "was asked for")
	vera.do(t, verifyEmail, vars{"t": m.link(t, thief, titleConfirm)}, nil)
	o.require(t, true)
	stolen := m.link(t, thief, mandatory)
	if m.dead(t, stolen) {
		t.Fatal("the way back is dead before anything was reported")
	}
	until := m.find(t, `SELECT reinstatable_until::text FROM members WHERE status = 'REMOVED_FOR_2FA'`)
	m.post(t, "", reportNotMe, vars{"t": report}).expect(t, "", "the report")
	if !m.dead(t, stolen) {
		t.Error("the thief still has the way back")
	}
	back := m.link(t, own, mandatory)
	if got := m.find(t, `SELECT (m.reinstatable_until::text = $1 AND i.expires_at = m.reinstatable_until)::text
	  FROM members m JOIN invitations i ON i.member_id = m.id WHERE m.status = 'REMOVED_FOR_2FA'`, until); got != "true" {
		t.Error("the window has grown, or the link ends at another moment")
	}
	vera.Password = "her own new password"
	m.reset(t, vera.resetLink(t), vera.Password).expect(t, "", "the reset")
	vera.signIn(t)
	vera.do(t, acceptInvite, vars{"t": back}, nil)
	if got := vera.enroll(t); len(got) != 1 || got[0].Member.Role != "ADMIN" {
		t.Errorf("Vera got back %+v", got)
	}
	if n := mailsTitled(m, thief, mandatory); n != 1 {
		t.Errorf("the thief was mailed the way back %d times, want once", n)
	}
}

// mailsTitled counts the mails to an address with a title.
func mailsTitled(m *muster, email, title string) (n int) {
	for _, subject := range m.mails(email) {
		if subject == title {
			n++
		}
	}
	return n
}
