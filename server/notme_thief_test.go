package main

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// report uses a link of "this was not me", which must find the account locked, or lock it, and say whether that was done before.
func (m *muster) report(t testing.TB, token string, already bool) {
	t.Helper()
	var out struct {
		ReportNotMe struct{ Locked, AlreadyReported bool }
	}
	m.post(t, "", reportNotMe, vars{"t": token}).decode(t, &out)
	if got := out.ReportNotMe; !got.Locked || got.AlreadyReported != already {
		t.Errorf("the report says %+v, want it locked and reported already: %v", got, already)
	}
}

// hijack is an account that a thief has moved to an address of theirs and its owner has locked.
type hijack struct {
	*muster
	o                   *organization
	id                  string // of the account
	vera, afresh, thief *person
	veras, thiefs       string // the links that they were mailed
}

// hijacked begins the stories below. The thief has the password of a manager without a second factor: they move the account to
// their own address, and sign in anew so that a link is mailed there too. Vera gets in no more, signs up afresh with her address
// and reports: the account is locked, and has no address, since hers is another account's by now. Then the organization turns the
// requirement on.
func hijacked(t *testing.T) hijack {
	t.Helper()
	m := start(t)
	h := hijack{muster: m, vera: m.signUp(t, "Vera")}
	first := m.link(t, h.vera.Email, titleVerify)
	h.vera.do(t, verifyEmail, vars{"t": first}, nil)
	_, h.o = m.owner(t)
	h.o.join(t, h.vera, "MANAGER")
	h.id = m.find(t, `SELECT id FROM users WHERE email = $1`, h.vera.Email)
	h.thief = h.vera.another(t)
	h.thief.Email = "thief@people.example"
	h.thief.do(t, changeEmail, vars{"e": h.thief.Email}, nil)
	h.veras = m.notMe(t, h.vera.Email, "was asked for")
	h.thief.do(t, verifyEmail, vars{"t": m.link(t, h.thief.Email, titleConfirm)}, nil)
	m.exec(t, `DELETE FROM devices`)
	h.thief.signIn(t)
	h.thiefs = m.notMe(t, h.thief.Email, "has not been used before")

	again := *h.vera
	h.afresh, again.Token = &again, ""
	again.register(t, nil)
	again.do(t, verifyEmail, vars{"t": m.newLink(t, h.vera.Email, titleVerify, first)}, nil)
	m.report(t, h.veras, false)
	h.o.require(t, true)
	h.locked(t, "none")
	return h
}

// locked fails where the account is open, or has another address.
func (h *hijack) locked(t testing.TB, email string) {
	t.Helper()
	want := email + " true"
	if got := h.find(t, `SELECT coalesce(email, 'none') || ' ' || (frozen_since IS NOT NULL) FROM users WHERE id = $1`, h.id); got != want {
		t.Fatalf("the account has the address and lock %q, want %q", got, want)
	}
}

// place fails where the account's place in the organization is another, or the log tells otherwise of why it was lost.
func (h *hijack) place(t testing.TB, status, entries string) {
	t.Helper()
	if got := h.find(t, `SELECT status FROM members WHERE user_id = $1`, h.id); got != status {
		t.Errorf("her place is %s, want %s", got, status)
	}
	const told = `SELECT coalesce(string_agg(a.actor_label || ' ' || a.message, '; '), '') FROM audit_entries a JOIN members m ON m.id = a.target_id
	 WHERE m.user_id = $1 AND a.action = 'member.pending'`
	if got := h.find(t, told, h.id); got != entries {
		t.Errorf("the log tells of the removal %q, want %q", got, entries)
	}
}

// comesBack is Vera's way in by the mails to her address, as far as her place: the organization requires 2FA by now, and no sweep
// has removed her, whom it could not mail, so she is removed as soon as it can. The thief is mailed none of them.
func (h *hijack) comesBack(t testing.TB) {
	t.Helper()
	h.link(t, h.vera.Email, mandatory)
	h.vera.Password = "her own new password"
	h.reset(t, h.vera.resetLink(t), h.vera.Password).expect(t, "", "the reset")
	h.exec(t, `DELETE FROM rate_limits`)
	h.vera.signIn(t)
	h.vera.refused(t, "MAILBOX_PROOF_REQUIRED", enrollTOTP, nil)
	h.vera.do(t, acceptInvite, vars{"t": h.link(t, h.vera.Email, mandatory)}, nil)
	h.vera.enroll(t)
	h.vera.do(t, projects, vars{"s": h.o.Slug}, nil)
	if got := h.find(t, `SELECT role || ' ' || status FROM members WHERE user_id = $1`, h.id); got != "MANAGER ACTIVE" {
		t.Errorf("she has come back as %s", got)
	}
	if mails := h.mails(h.thief.Email); slices.Contains(mails, mandatory) || slices.Contains(mails, titleReset) {
		t.Errorf("the thief was mailed %q", mails)
	}
}

// The thief answers the report by one of their own, which does nothing. Vera's does nothing either while another account has her
// address, so that it fills no logs; when that one has let go of it, it gives the account back to it.
func TestThiefAnswersAReport(t *testing.T) {
	t.Parallel()
	h := hijacked(t)
	h.atRest(t)
	before := h.snapshot(t)
	for range 2 {
		h.report(t, h.thiefs, true)
		h.report(t, h.veras, true)
	}
	if diff := cmp.Diff(before, h.snapshot(t)); diff != "" {
		t.Errorf("reports changed something:\n%s", diff)
	}
	h.afresh.do(t, changeEmail, vars{"e": "afresh@people.example"}, nil)
	h.afresh.do(t, verifyEmail, vars{"t": h.link(t, "afresh@people.example", titleConfirm)}, nil)
	h.report(t, h.thiefs, true)
	h.locked(t, "none")
	h.place(t, "ACTIVE", "")
	h.report(t, h.veras, false)
	h.locked(t, h.vera.Email)
	h.place(t, "REMOVED_FOR_2FA", "Vera Vera <"+h.vera.Email+"> can be mailed now and was removed until they set up two-factor authentication")
	h.comesBack(t)
}

// Where to go back to is not forgotten with the mails about it: who reports last wins nothing. Whoever runs the server gives the
// account an address, and another one where that was a mistake; then no link that was mailed elsewhere does anything.
func TestOperatorGivesALockedAccountAnAddress(t *testing.T) {
	t.Parallel()
	h := hijacked(t)
	veras := h.find(t, `SELECT event_id FROM account_alerts WHERE email = $1`, h.vera.Email)
	h.exec(t, `DELETE FROM account_alerts WHERE email = $1 AND event_id <> $2`, h.vera.Email, veras)
	h.exec(t, `UPDATE account_alerts SET since = since + interval '1 hour' WHERE event_id = $1`, veras)
	h.report(t, h.thiefs, true)
	h.locked(t, "none")
	for _, email := range []string{"mistake@people.example", "new@people.example"} {
		if _, err := h.App.OperatorSetEmail(t.Context(), h.id, email); err != nil {
			t.Fatal(err)
		}
		h.locked(t, email)
		for _, link := range []string{h.thiefs, h.veras} {
			h.post(t, "", reportNotMe, vars{"t": link}).expect(t, "INVALID_LINK", "a report from where the account was")
		}
	}
	h.vera.Email = "new@people.example"
	h.place(t, "REMOVED_FOR_2FA", "operator (command line) Vera <mistake@people.example> can be mailed now and was removed until they set up two-factor authentication")
	h.comesBack(t)
	if _, err := h.App.OperatorSetEmail(t.Context(), h.id, "other@people.example"); err == nil {
		t.Error("an account that is open was given another address")
	}
}

// Each report may reach further back, and moves the address then, whoever came first: the thief has gone through two addresses of
// theirs and reports the second move.
func TestLaterReportReachesFurtherBack(t *testing.T) {
	t.Parallel()
	m := start(t)
	vera := m.verified(t, "Vera")
	id := m.find(t, `SELECT id FROM users WHERE email = $1`, vera.Email)
	thief := vera.another(t)
	veras := ""
	for _, email := range []string{"one@people.example", "two@people.example"} {
		thief.do(t, changeEmail, vars{"e": email}, nil)
		if veras == "" {
			veras = m.notMe(t, vera.Email, "was asked for")
		}
		thief.do(t, verifyEmail, vars{"t": m.link(t, email, titleConfirm)}, nil)
		thief.Email = email
		thief.signIn(t) // else it were one session's doing, which goes back as a whole
	}
	m.report(t, m.notMe(t, "one@people.example", "was asked for"), false)
	if got := m.find(t, `SELECT email FROM users WHERE id = $1`, id); got != "one@people.example" {
		t.Fatalf("the first report goes back to %s", got)
	}
	m.report(t, veras, false)
	if got := m.find(t, `SELECT email FROM users WHERE id = $1`, id); got != vera.Email {
		t.Fatalf("the report that reaches further back goes back to %s", got)
	}
	vera.Password = "her own new password"
	m.reset(t, vera.resetLink(t), vera.Password).expect(t, "", "the reset")
	vera.signIn(t)
}

// No link of the account that waits outlives a report: neither the one to a new password nor the one that moves its address.
func TestReportEndsPendingLinks(t *testing.T) {
	t.Parallel()
	m := start(t)
	p := m.someone(t, "Pia") // who has never confirmed her address, so that the report locks nothing
	p.signIn(t)
	p.do(t, changeEmail, vars{"e": "thief@people.example"}, nil)
	change := m.link(t, "thief@people.example", titleConfirm)
	m.post(t, "", reportNotMe, vars{"t": m.notMe(t, p.Email, "was asked for")}).expect(t, "", "the report")
	p.signIn(t)
	p.refused(t, "INVALID_LINK", verifyEmail, vars{"t": change})
}
