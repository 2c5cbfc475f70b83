package main

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// madeCodes is how a mail begins that tells of new recovery codes.
const madeCodes = "Made new recovery codes"

const reportNotMe = `mutation($t: String!) { reportNotMe(input: {token: $t}) {
  locked alreadyReported alert { email what reported } undone { what } kept { what } } }`

// notMe waits for a mail to the address that says what, and gives the token of its link.
func (m *muster) notMe(t testing.TB, email, what string) string {
	t.Helper()
	token := ""
	eventually(t, "a mail that says "+what+" arrives at "+email, func() bool {
		for _, message := range m.Mailbox.Messages(email) {
			found := linkPattern.FindStringSubmatch(message.Text)
			if strings.Contains(message.Text, what) && found != nil && strings.Contains(found[0], "/not-me#token=") {
				token = found[1]
				return true
			}
		}
		return false
	})
	return token
}

func (p *person) renewCodes(t testing.TB) {
	t.Helper()
	var out struct {
		RegenerateRecoveryCodes struct{ RecoveryCodes []string }
	}
	p.do(t, `mutation { regenerateRecoveryCodes(input: {}) { recoveryCodes } }`, nil, &out)
	p.Recovery = out.RegenerateRecoveryCodes.RecoveryCodes
}

// A browser or program is new once, and in a day ten at most are told of.
func TestNewSignInsAreToldOnce(t *testing.T) {
	t.Parallel()
	m := start(t)
	p := m.signUp(t, "Nia")
	told := func() string {
		return m.find(t, `SELECT count(*)::text FROM security_events WHERE action = 'user.new-sign-in'`)
	}
	p.signIn(t)
	if got := told(); got != "0" {
		t.Errorf("the program that signed up is new %s times", got)
	}
	m.exec(t, `DELETE FROM devices`)
	p.signIn(t)
	p.signIn(t)
	if got := told(); got != "1" {
		t.Errorf("a new program was told of %s times, want once", got)
	}
	for range 12 {
		m.exec(t, `DELETE FROM devices`)
		p.signIn(t)
	}
	if got := told(); got != "10" {
		t.Errorf("told of %s new sign-ins in a day, want 10", got)
	}
}

// Whoever reports ends all access at once, and nobody gets in again by any way that the account has; who does not know the
// password learns nothing of it.
func TestReportLocksTheAccount(t *testing.T) {
	t.Parallel()
	m := start(t)
	p := m.verified(t, "Pia")
	p.enroll(t)
	p.renewCodes(t)
	reset := p.resetLink(t)
	waiting := p.challenged(t)
	token := m.notMe(t, p.Email, "Added the authenticator")
	m.atRest(t)
	before := m.snapshot(t)
	for range 2 {
		m.post(t, "", `query($t: String!) { notMe(token: $t) { what } }`, vars{"t": token})
	}
	if diff := cmp.Diff(before, m.snapshot(t)); diff != "" {
		t.Errorf("looking at a link changed something:\n%s", diff)
	}
	socket := m.dial(t, p.Token)
	got := m.post(t, "", reportNotMe, vars{"t": token})
	if len(got.Errors) > 0 || !strings.Contains(string(got.Data), `"alreadyReported":false`) {
		t.Fatalf("reporting: %s %+v", got.Data, got.Errors)
	}
	if code := socket.closed(); code != 4401 {
		t.Errorf("the socket was closed with %d, want 4401", code)
	}
	if got := m.post(t, p.Token, whoami, nil); string(got.Data) != `{"viewer":null}` {
		t.Errorf("the session goes on: %s", got.Data)
	}
	m.mailSaying(t, p.Email, "Your account is locked, as you asked")
	signIn := func(password string) string {
		return m.post(t, "", signInQuery, vars{"i": vars{"email": p.Email, "password": password}}).Code()
	}
	if code := signIn(p.Password); code != "CONFLICT" {
		t.Errorf("signing in with the password: %q, want CONFLICT", code)
	}
	if code := m.reset(t, reset, "another long password").Code(); code != "INVALID_LINK" {
		t.Errorf("a link to a new password from before: %q, want INVALID_LINK", code)
	}
	if code := signIn("not the password"); code != "INVALID_CREDENTIALS" {
		t.Errorf("signing in without the password: %q, want INVALID_CREDENTIALS", code)
	}
	if code := m.verify(t, waiting, p.code()).Code(); code != "INVALID_CODE" {
		t.Errorf("the challenge from before: %q, want INVALID_CODE", code)
	}
	// A second use says that it is done; nothing happens again.
	m.atRest(t)
	before = m.snapshot(t)
	first := strings.Replace(string(got.Data), `"alreadyReported":false`, `"alreadyReported":true`, 1)
	got = m.post(t, "", reportNotMe, vars{"t": token})
	if string(got.Data) != first || strings.Contains(first, `"undone":[]`) {
		t.Errorf("a second use: %s %+v, want it to tell the same as the first: %s", got.Data, got.Errors, first)
	}
	if diff := cmp.Diff(before, m.snapshot(t)); diff != "" {
		t.Errorf("a second use changed something:\n%s", diff)
	}
}

// A dead link is INVALID_LINK whatever it died of; a living one works to its last second.
func TestReportExpires(t *testing.T) {
	t.Parallel()
	m := start(t)
	p := m.someone(t, "Pia")
	token := m.notMe(t, p.Email, "Added the authenticator")
	life := m.find(t, `SELECT round(extract(epoch FROM expires_at - since) / 86400)::text FROM account_alerts`)
	if life != "7" {
		t.Errorf("the link lives %s days, want 7", life)
	}
	m.exec(t, `UPDATE account_alerts SET expires_at = clock_timestamp() - interval '1 second'`)
	expired := m.post(t, "", reportNotMe, vars{"t": token})
	foreign := m.post(t, "", reportNotMe, vars{"t": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"})
	if expired.Code() != "INVALID_LINK" || foreign.Code() != "INVALID_LINK" || expired.Errors[0].Message != foreign.Errors[0].Message {
		t.Errorf("an expired link: %+v; one that never was: %+v", expired.Errors, foreign.Errors)
	}
	if got := m.post(t, "", `query($t: String!) { notMe(token: $t) { what } }`, vars{"t": token}); string(got.Data) != `{"notMe":null}` {
		t.Errorf("an expired link is about %s", got.Data)
	}
	m.exec(t, `UPDATE account_alerts SET expires_at = clock_timestamp() + interval '5 seconds'`)
	if got := m.post(t, "", reportNotMe, vars{"t": token}); len(got.Errors) > 0 {
		t.Errorf("a link that lives: %+v", got.Errors)
	}
}

// A report reaches back over what the same session did for as long as that could be reported itself, and no further: what was
// removed before is kept no longer either. What is older is neither undone nor said to be.
func TestReportReachesNoFurtherThanLinks(t *testing.T) {
	t.Parallel()
	m := start(t)
	p := m.verified(t, "Pia")
	p.enroll(t)
	p.signIn(t)
	p.addPhone(t)
	p.renewCodes(t)
	token := m.notMe(t, p.Email, madeCodes)
	const phone = `(SELECT event_id FROM account_alerts a JOIN security_events e ON e.id = a.event_id WHERE e.message = 'Added the authenticator "Phone".')`
	m.exec(t, `UPDATE account_alerts SET expires_at = clock_timestamp() WHERE event_id = `+phone)
	got := m.post(t, "", reportNotMe, vars{"t": token})
	if body := string(got.Data); !strings.Contains(body, `"undone":[]`) || strings.Contains(body, "Phone") || !strings.Contains(body, "Authenticator app") {
		t.Errorf("the report says %s %+v", body, got.Errors)
	}
	if reaches := m.find(t, `SELECT (frozen_since > (SELECT since FROM account_alerts WHERE event_id = `+phone+`))::text FROM users`); reaches != "true" {
		t.Error("the report reaches back behind what can be reported")
	}
	m.reset(t, p.resetLink(t), "her own new password").expect(t, "", "the reset")
	if n := m.find(t, `SELECT count(*)::text FROM authenticators WHERE confirmed_at IS NOT NULL`); n != "2" {
		t.Errorf("%s authenticators are left, want the app and the phone", n)
	}
}

// Reports at once, of the same mail and of others, lock the account once; a confirmation or a sign-in at the same moment
// leaves no session behind.
func TestReportsAtOnce(t *testing.T) {
	t.Parallel()
	m := start(t)
	for round := range 8 {
		p := m.verified(t, "Pia")
		p.enroll(t)
		first := m.notMe(t, p.Email, "Added the authenticator")
		p.renewCodes(t)
		second := m.notMe(t, p.Email, madeCodes)
		id := m.find(t, `SELECT id FROM users WHERE email = $1`, p.Email)
		m.exec(t, `DELETE FROM rate_limits`)
		challenge, code := p.challenged(t), p.code()
		old := p.Seed
		p.startTOTP(t)
		confirm := p.code()
		var group sync.WaitGroup
		var done atomic.Int64
		for i := range 6 {
			group.Go(func() {
				a, err := m.tryPost("", reportNotMe, vars{"t": []string{first, second}[i%2]})
				if err != nil || len(a.Errors) > 0 {
					t.Errorf("round %d: %v %+v", round, err, a.Errors)
				}
				if strings.Contains(string(a.Data), `"alreadyReported":false`) {
					done.Add(1)
				}
			})
		}
		group.Go(func() { _, _ = m.tryPost(p.Token, confirmTOTP, vars{"c": confirm}) })
		group.Go(func() {
			_, _ = m.tryPost("", verifyQuery, vars{"i": vars{"challengeToken": challenge, "code": code}})
		})
		group.Wait()
		p.Seed = old
		if n := m.find(t, `SELECT count(*)::text FROM sessions WHERE user_id = $1 AND ended_at IS NULL`, id); n != "0" {
			t.Fatalf("round %d: %s sessions outlive the reports", round, n)
		}
		if n := m.find(t, `SELECT count(*)::text FROM security_events WHERE user_id = $1 AND action = 'user.frozen'`, id); n != "1" {
			t.Fatalf("round %d: locked %s times", round, n)
		}
		// The second mail's change is later than the first's: once the first is reported there is nothing left to do about it.
		if n := done.Load(); n < 1 || n > 2 {
			t.Fatalf("round %d: %d reports did something, want one for each mail at most", round, n)
		}
		reachesTheFirst := m.find(t, `SELECT (u.frozen_since = (SELECT min(since) FROM account_alerts a WHERE a.user_id = u.id))::text FROM users u WHERE id = $1`, id)
		if reachesTheFirst != "true" {
			t.Fatalf("round %d: the account does not go back to the first change that was reported", round)
		}
	}
}

// A recovery code signs in to its own account, once, until there are new ones; it asks to set up a factor again, and the mail
// says when few are left (Gogs CVE-2025-64175: codes of one account worked for another).
func TestRecoveryCodesAreTheirOwners(t *testing.T) {
	t.Parallel()
	m := start(t)
	ana, bo := m.someone(t, "Ana"), m.someone(t, "Bo")
	for _, c := range []struct {
		who  *person
		code string
		want string
	}{
		{ana, bo.Recovery[0], "INVALID_CODE"},
		{bo, ana.Recovery[0], "INVALID_CODE"},
		{ana, ana.Recovery[0], ""},
		{ana, ana.Recovery[0], "INVALID_CODE"},
		{bo, ana.Recovery[0], "INVALID_CODE"},
		{bo, bo.Recovery[0], ""},
	} {
		got := m.post(t, "", `mutation($i: VerifySecondFactorInput!) { verifySecondFactor(input: $i) { nextStep } }`,
			vars{"i": vars{"challengeToken": c.who.challenged(t), "code": c.code}})
		if got.Code() != c.want || c.want == "" && string(got.Data) != `{"verifySecondFactor":{"nextStep":"SET_UP_2FA"}}` {
			t.Errorf("%s with %s: %s %+v, want %q", c.who.Name, c.code, got.Data, got.Errors, c.want)
		}
	}
	got := m.post(t, "", `mutation($i: VerifySecondFactorInput!) { verifySecondFactor(input: $i) { nextStep } }`,
		vars{"i": vars{"challengeToken": ana.challenged(t), "code": ana.code()}})
	if string(got.Data) != `{"verifySecondFactor":{"nextStep":"NOTHING"}}` {
		t.Errorf("after the app: %s %+v", got.Data, got.Errors)
	}
	m.mailSaying(t, ana.Email, "A recovery code was used; 9 are left. Have you lost your authenticator? Set up another one.")

	old := ana.Recovery
	ana.signIn(t)
	ana.renewCodes(t)
	m.exec(t, `DELETE FROM rate_limits`)
	if code := m.verify(t, ana.challenged(t), old[1]).Code(); code != "INVALID_CODE" {
		t.Errorf("a code of the old set: %q, want INVALID_CODE", code)
	}
	m.exec(t, `UPDATE recovery_codes SET used_at = clock_timestamp() WHERE replaced_at IS NULL AND hash NOT IN (SELECT hash FROM recovery_codes
	   WHERE replaced_at IS NULL AND user_id = (SELECT id FROM users WHERE email = $1) ORDER BY hash LIMIT 4)`, ana.Email)
	for _, code := range ana.Recovery {
		if m.verify(t, ana.challenged(t), code).Code() == "" {
			break
		}
		m.exec(t, `DELETE FROM rate_limits`)
	}
	m.mailSaying(t, ana.Email, "A recovery code was used; 3 are left. Have you lost your authenticator? Set up another one. Then make new recovery codes, before these run out.")
}

// A thief with a fresh session of Vera's adds an app, removes hers, and changes the password. She presses the button of any
// mail, sets a new password, and signs in with the app that she had; the thief's opens nothing, and nobody is left in an
// organization that requires a second factor without one.
func TestStoryOfThisWasNotMe(t *testing.T) {
	t.Parallel()
	for name, says := range map[string]string{"the newest mail": "Changed the password", "the oldest mail": `Added the authenticator "The thief's"`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := start(t)
			_, o := m.owner(t)
			vera := m.verified(t, "Vera")
			vera.enroll(t)
			o.join(t, vera, "MANAGER")
			o.require(t, true)
			own := vera.authenticator(t)
			vera.signIn(t)
			thief := *vera
			thief.startTOTP(t)
			m.exec(t, `UPDATE authenticators SET name = 'The thief''s' WHERE confirmed_at IS NULL AND removed_at IS NULL`)
			thief.do(t, confirmTOTP, vars{"c": thief.code()}, nil)
			thief.do(t, removeFactor, vars{"a": own}, nil)
			thief.do(t, changePassword, vars{"i": vars{"currentPassword": vera.Password, "newPassword": "the thief's own password"}}, nil)
			thief.Password = "the thief's own password"

			got := m.post(t, "", reportNotMe, vars{"t": m.notMe(t, vera.Email, says)})
			if !strings.Contains(string(got.Data), `"locked":true`) {
				t.Fatalf("reporting: %s %+v", got.Data, got.Errors)
			}
			thief.refused(t, "UNAUTHENTICATED", acceptInvite, vars{"t": "x"})
			if code := m.post(t, "", signInQuery, vars{"i": vars{"email": thief.Email, "password": thief.Password}}).Code(); code != "CONFLICT" {
				t.Errorf("the thief signs in: %q, want CONFLICT", code)
			}
			vera.Password = "her own new password"
			m.reset(t, vera.resetLink(t), vera.Password).expect(t, "", "the reset")
			m.exec(t, `DELETE FROM rate_limits`)
			thief.Password = vera.Password
			if code := m.verify(t, thief.challenged(t), thief.code()).Code(); code != "INVALID_CODE" {
				t.Errorf("the thief's app answers: %q, want INVALID_CODE", code)
			}
			vera.signIn(t)
			if got := vera.authenticator(t); got != own {
				t.Errorf("Vera has %s, want her own %s", got, own)
			}
			vera.do(t, `query($s: String!) { organization(slug: $s) { members { nodes { id } } } }`, vars{"s": o.Slug}, nil)
			if n := m.find(t, `SELECT count(*)::text FROM members m JOIN users u ON u.id = m.user_id JOIN organizations o ON o.id = m.organization_id
			   WHERE m.status = 'ACTIVE' AND o.require2fa AND u.two_factor = 'DISABLED'`); n != "0" {
				t.Errorf("%s members are active without a second factor", n)
			}
		})
	}
}

// An address that was never confirmed opens nothing by mail, so a report locks nothing: sessions end, and the change is undone
// unless that would take the account's last second factor, which whoever has a mailbox must not.
func TestReportOfAClaimedAddress(t *testing.T) {
	t.Parallel()
	m := start(t)
	p := m.someone(t, "Pia")
	got := m.post(t, "", reportNotMe, vars{"t": m.notMe(t, p.Email, "Added the authenticator")})
	if !strings.Contains(string(got.Data), `"locked":false`) {
		t.Errorf("reporting: %s %+v", got.Data, got.Errors)
	}
	if got := m.post(t, p.Token, whoami, nil); string(got.Data) != `{"viewer":null}` {
		t.Errorf("the session goes on: %s", got.Data)
	}
	p.signIn(t)
	var out struct {
		Viewer struct{ TwoFactor string }
	}
	p.do(t, `{ viewer { twoFactor } }`, nil, &out)
	if out.Viewer.TwoFactor != "SECURE" {
		t.Errorf("the only authenticator is gone: %s", out.Viewer.TwoFactor)
	}
	p.addPhone(t)
	m.post(t, "", reportNotMe, vars{"t": m.notMe(t, p.Email, `Added the authenticator "Phone"`)}).expect(t, "", "reporting the phone")
	if n := m.find(t, `SELECT count(*)::text FROM authenticators WHERE confirmed_at IS NOT NULL`); n != "1" {
		t.Errorf("%s authenticators are left, want the app alone", n)
	}
}
