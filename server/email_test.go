package main

import (
	"slices"
	"strings"
	"testing"
)

const (
	changeEmail = `mutation($e: String!) { changeEmail(input: {newEmail: $e}) { user { email pendingEmail } } }`
	verifyEmail = `mutation($t: String!) { verifyEmail(input: {token: $t}) { user { email emailVerified pendingEmail } } }`

	titleVerify  = "Confirm your address"
	titleConfirm = "Confirm your new address"
	titleTaken   = "An account with your address exists"
)

// An address is verified by the link that was mailed to it, in the account's own session and nowhere else.
func TestVerifyEmail(t *testing.T) {
	t.Parallel()
	m := start(t)
	b := m.back(t)
	p, other := m.signUp(t, "Vic"), m.signUp(t, "Otto")
	token := m.link(t, p.Email, titleVerify)
	m.post(t, "", verifyEmail, vars{"t": token}).expect(t, "UNAUTHENTICATED", "without a session")
	other.refused(t, "INVALID_LINK", verifyEmail, vars{"t": token})
	p.refused(t, "INVALID_LINK", verifyEmail, vars{"t": "no such link"})
	m.reset(t, token, "a better one of Vic").expect(t, "INVALID_LINK", "as a reset")
	left := value[float64](t, b, `SELECT extract(epoch FROM max(expires_at) - clock_timestamp())::float8 FROM account_links WHERE purpose = 'VERIFY'`)
	if left < 86300 || left > 86400 {
		t.Errorf("a link lives %.0f s, want 86400", left)
	}
	b.run(t, `UPDATE account_links SET expires_at = clock_timestamp() - interval '1 second'`)
	p.refused(t, "INVALID_LINK", verifyEmail, vars{"t": token})
	const again = `mutation { requestEmailVerification(input: {}) { user { id } } }`
	p.do(t, again, nil, nil)
	p.refused(t, "RATE_LIMITED", again, nil)
	newer := m.newLink(t, p.Email, titleVerify, token)
	p.do(t, verifyEmail, vars{"t": newer}, nil)
	if !p.view(t).Viewer.EmailVerified || other.view(t).Viewer.EmailVerified {
		t.Error("the link verifies its own account's address")
	}
	p.refused(t, "INVALID_LINK", verifyEmail, vars{"t": newer})
	p.refused(t, "CONFLICT", again, nil)
	if n := value[int](t, b, `SELECT count(*)::int FROM sessions WHERE mailbox_proved_at IS NOT NULL`); n != 0 {
		t.Error("verifying an address stands for the proof that a first authenticator asks for")
	}
}

// A new address is confirmed from there, in the account's own session; the old one is warned at once and told when it is
// done, and managers of the person's organizations see it.
func TestChangeEmail(t *testing.T) {
	t.Parallel()
	m := start(t, tenMinutes)
	b := m.back(t)
	p, o := m.owner(t)
	old := p.Email
	b.run(t, `UPDATE users SET email_verified_at = clock_timestamp()`)
	p.refused(t, "BAD_INPUT", changeEmail, vars{"e": strings.ToUpper(old)})
	p.refused(t, "BAD_INPUT", changeEmail, vars{"e": "x@people.example\r\nBcc: y@people.example"})
	stolen := p.resetLink(t)
	p.do(t, changeEmail, vars{"e": "moved@people.example"}, nil)
	m.mailSaying(t, old, "m•••d@people.example was asked for")
	token := m.link(t, "moved@people.example", titleConfirm)
	stranger := m.signUp(t, "Stranger")
	stranger.refused(t, "INVALID_LINK", verifyEmail, vars{"t": token})
	p.do(t, verifyEmail, vars{"t": token}, nil)
	m.mailSaying(t, old, "Changed the account's address to m•••d@people.example")
	m.mailSaying(t, "moved@people.example", "Your account has this address now")
	m.reset(t, stolen, "a better one of Olivia").expect(t, "INVALID_LINK", "a link to the old address")
	if v := p.view(t); v.Viewer.Email != "moved@people.example" || !v.Viewer.EmailVerified {
		t.Errorf("after the change: %+v", v.Viewer)
	}
	p.refused(t, "INVALID_LINK", verifyEmail, vars{"t": token})
	var log struct {
		Organization struct {
			AuditLog struct {
				Nodes []struct {
					Action, Message string
					IPAddress       *string
				}
			}
		}
	}
	p.do(t, `query($s: String!) { organization(slug: $s) { auditLog(first: 1) { nodes { action message ipAddress } } } }`, vars{"s": o.Slug}, &log)
	if n := log.Organization.AuditLog.Nodes[0]; n.Action != "member.email-changed" || !strings.HasSuffix(n.Message, "changed their address to moved@people.example") || n.IPAddress != nil {
		t.Errorf("the organization's log has %+v", n)
	}
	m.stale(t)
	p.refused(t, "STEP_UP_REQUIRED", changeEmail, vars{"e": "again@people.example"})
}

// Who wants an address that has an account is told nothing; its owner is. One that was only claimed goes to who proves it.
func TestChangeToATakenAddress(t *testing.T) {
	t.Parallel()
	m := start(t)
	p, owner, squatter := m.signUp(t, "Pia"), m.verified(t, "Olga"), m.signUp(t, "Sid")
	answers := []string{}
	for _, email := range []string{"free@people.example", strings.ToUpper(owner.Email), squatter.Email} {
		a := m.post(t, p.Token, changeEmail, vars{"e": email})
		answers = append(answers, strings.ReplaceAll(string(a.expect(t, "", email).Data), email, "…"))
		m.atRest(t) // the next one replaces this one's link, and then nothing is mailed about it
	}
	if answers[0] != answers[1] || answers[1] != answers[2] {
		t.Errorf("the answers differ: %v", answers)
	}
	if mails := m.mails(owner.Email); !slices.Contains(mails, titleTaken) || slices.Contains(mails, titleConfirm) {
		t.Errorf("the owner was mailed %v", mails)
	}
	token := m.link(t, squatter.Email, titleConfirm)
	p.do(t, verifyEmail, vars{"t": token}, nil)
	if v := p.view(t); v.Viewer.Email != squatter.Email || !v.Viewer.EmailVerified {
		t.Errorf("who proved it is %+v", v.Viewer)
	}
	if v := squatter.view(t); v.Viewer.Email != "" {
		t.Errorf("who claimed it is %+v", v.Viewer)
	}
}

// The address through which the way back leads stays where it is.
func TestFrozenAddress(t *testing.T) {
	t.Parallel()
	m := start(t)
	rex, o, _ := m.swept(t)
	got := rex.refused(t, "CONFLICT", changeEmail, vars{"e": "thief@people.example"})
	if !strings.Contains(got.says(), "Organization "+o.Slug) {
		t.Errorf("the refusal says %q", got.says())
	}
	// Asked for before the removal, confirmed after it.
	ann := m.signUp(t, "Ann")
	other := m.someone(t, "Olga").organization(t)
	other.join(t, ann, "MEMBER")
	ann.do(t, changeEmail, vars{"e": "ann2@people.example"}, nil)
	token := m.link(t, "ann2@people.example", titleConfirm)
	other.require(t, true)
	ann.refused(t, "CONFLICT", verifyEmail, vars{"t": token})
}

// What a thief has asked for in a stolen session is off as soon as its owner throws them out, however they do it; and while it
// waits, only a session in which the account's owner has just been confirms it, who is then lured to the link.
func TestChangeOfAddressEndsWithTheThief(t *testing.T) {
	t.Parallel()
	const thiefs = "thief@people.example"
	for how, c := range map[string]struct {
		throwOut func(t *testing.T, m *muster, vera *person)
		code     string
	}{
		"a new password": {func(t *testing.T, _ *muster, vera *person) {
			vera.do(t, changePassword, vars{"i": vars{"currentPassword": vera.Password, "newPassword": "quite another long one"}}, nil)
		}, "INVALID_LINK"},
		"all others signed out": {func(t *testing.T, _ *muster, vera *person) {
			vera.do(t, `mutation { endOtherSessions(input: {}) { user { id } } }`, nil, nil)
		}, "INVALID_LINK"},
		"one signed out": {func(t *testing.T, m *muster, vera *person) {
			id := m.find(t, `SELECT max(id) FROM sessions`)
			vera.do(t, `mutation($i: EndSessionInput!) { endSession(input: $i) { user { id } } }`, vars{"i": vars{"sessionId": id}}, nil)
		}, "INVALID_LINK"},
		"a second factor set up": {func(t *testing.T, _ *muster, vera *person) { vera.enroll(t) }, "INVALID_LINK"},
		"new recovery codes": {func(t *testing.T, _ *muster, vera *person) {
			vera.do(t, `mutation { regenerateRecoveryCodes(input: {}) { recoveryCodes } }`, nil, nil)
		}, "INVALID_LINK"},
		"nothing, in a stale one": {func(t *testing.T, m *muster, _ *person) { m.stale(t) }, "STEP_UP_REQUIRED"},
		"nothing":                 {func(*testing.T, *muster, *person) {}, ""},
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			m := start(t, tenMinutes)
			vera := m.verified(t, "Vera")
			if how == "new recovery codes" { // which come with an authenticator
				vera.enroll(t)
			}
			vera.another(t).do(t, changeEmail, vars{"e": thiefs}, nil)
			link := m.link(t, thiefs, titleConfirm)
			c.throwOut(t, m, vera)
			m.post(t, vera.Token, verifyEmail, vars{"t": link}).expect(t, c.code, "the thief's link in Vera's session")
			want := map[string]string{"": thiefs}[c.code]
			if want == "" {
				want = vera.Email
			}
			if got := m.find(t, `SELECT email FROM users`); got != want {
				t.Errorf("the account's address is %s", got)
			}
		})
	}
}
