package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	requestReset   = `mutation($i: RequestPasswordResetInput!) { requestPasswordReset(input: $i) { ok } }`
	resetPassword  = `mutation($i: ResetPasswordInput!) { resetPassword(input: $i) { ok } }`
	changePassword = `mutation($i: ChangePasswordInput!) { changePassword(input: $i) { user { id passwordChangedAt } } }`

	titleReset       = "Set a new password"
	titleUnconfirmed = "This address was never confirmed"
)

// verified is somebody who has proved their address.
func (m *muster) verified(t testing.TB, name string) *person {
	t.Helper()
	p := m.signUp(t, name)
	m.exec(t, `UPDATE users SET email_verified_at = clock_timestamp() WHERE email = $1`, p.Email)
	return p
}

// forgets asks for a new password.
func (p *person) forgets(t testing.TB) {
	t.Helper()
	p.m.post(t, "", requestReset, vars{"i": vars{"email": p.Email}}).expect(t, "", "asking for a new password")
}

// resetLink asks for a new password and is the token of the mail.
func (p *person) resetLink(t testing.TB) string {
	t.Helper()
	p.forgets(t)
	return p.m.link(t, p.Email, titleReset)
}

// claimLink asks for a new password at an address that was never confirmed, and is the token of the mail.
func (p *person) claimLink(t testing.TB) string {
	t.Helper()
	p.forgets(t)
	return p.m.link(t, p.Email, titleUnconfirmed)
}

func (m *muster) reset(t testing.TB, token, password string) answer {
	t.Helper()
	return m.post(t, "", resetPassword, vars{"i": vars{"token": token, "newPassword": password}})
}

// Ruth has forgotten her password: a mail, a link, a new password, and then her second factor as ever. Everything that was
// open is closed.
func TestPasswordReset(t *testing.T) {
	t.Parallel()
	m := start(t)
	ruth := m.verified(t, "Ruth")
	ruth.enroll(t)
	elsewhere := ruth.another(t)
	waiting, _ := ruth.challenge(t)
	line := m.dial(t, elsewhere.Token).record()
	token := ruth.resetLink(t)

	m.reset(t, token, "1234567").expect(t, "BAD_INPUT", "a short one")
	m.reset(t, token, "Password2027!").expect(t, "BAD_INPUT", "a common one")
	m.reset(t, token, strings.ToUpper(ruth.Email)).expect(t, "BAD_INPUT", "the address")
	got := m.call(t, call{Query: resetPassword, Vars: vars{"i": vars{"token": token, "newPassword": "a better one of Ruth"}}, Origin: m.URL})
	got.expect(t, "", "the reset")
	if got.Body != `{"data":{"resetPassword":{"ok":true}}}` || len(got.Cookies) != 0 {
		t.Errorf("the answer is %s with cookies %v: a reset signs nobody in", got.Body, got.Cookies)
	}

	for name, token := range map[string]string{"her session": ruth.Token, "another": elsewhere.Token} {
		if m.signedIn(t, token) {
			t.Errorf("%s goes on", name)
		}
	}
	eventually(t, "the socket closes", func() bool { code, _ := line.closed(); return code == 4401 })
	m.verify(t, waiting, ruth.code()).expect(t, "INVALID_CODE", "a sign-in that waited")
	m.post(t, "", signInQuery, vars{"i": vars{"email": ruth.Email, "password": ruth.Password}}).expect(t, "INVALID_CREDENTIALS", "the old password")
	m.reset(t, token, "yet another of Ruth").expect(t, "INVALID_LINK", "the link again")

	ruth.Password = "a better one of Ruth"
	challenge, methods := ruth.challenge(t)
	if !slices.Equal(methods, []string{"TOTP", "RECOVERY_CODE"}) {
		t.Errorf("methods %v", methods)
	}
	m.verify(t, challenge, "000000").expect(t, "INVALID_CODE", "no code")
	ruth.signIn(t)
	if v := ruth.view(t); v.Viewer.TwoFactor != "SECURE" || v.Viewer.RecoveryCodes.Remaining != 10 {
		t.Errorf("after the reset Ruth is %+v", v.Viewer)
	}
	m.mailSaying(t, ruth.Email, "Set a new password by an emailed link")
	lines := m.logged(t)
	for _, line := range []string{"account user.password-reset-requested", "account user.password-reset"} {
		if !slices.Contains(lines, line) {
			t.Errorf("the log has no %s", line)
		}
	}
	if n := value[int](t, m.back(t), `SELECT count(*)::int FROM sessions WHERE mailbox_proved_at IS NOT NULL`); n != 0 {
		t.Error("a reset stands for proof of the mailbox in a session")
	}
}

// A reset is no way around the mailbox proof of who was removed for 2FA either.
func TestResetDoesNotBringBack(t *testing.T) {
	t.Parallel()
	m := start(t)
	rex, o, _ := m.swept(t)
	m.reset(t, rex.resetLink(t), "a better one of Rex").expect(t, "", "the reset")
	rex.Password = "a better one of Rex"
	rex.signIn(t)
	rex.refused(t, "TWO_FACTOR_REQUIRED", `query($s: String!) { organization(slug: $s) { id } }`, vars{"s": o.Slug})
	rex.refused(t, "MAILBOX_PROOF_REQUIRED", enrollTOTP, nil)
}

// Who asks for a new password learns nothing about the address: not from the answer, not from its cost, not from a limit.
func TestResetTellsNothing(t *testing.T) {
	t.Parallel()
	m := start(t)
	b := m.back(t)
	guarded := m.verified(t, "Gina")
	guarded.enroll(t)
	removed, _, _ := m.swept(t)
	frozen := m.signUp(t, "Fred")
	b.run(t, `INSERT INTO members (id, organization_id, user_id, role, status, removed_at, reinstatable_until)
	  SELECT 'mem_fred', o.id, u.id, 'MEMBER', 'REMOVED_FOR_2FA', now(), now() + interval '1 day' FROM organizations o, users u WHERE u.email = $1 LIMIT 1`, frozen.Email)
	passwordless := m.verified(t, "Petra")
	b.run(t, `DELETE FROM credentials WHERE user_id = (SELECT id FROM users WHERE email = $1)`, passwordless.Email)
	addresses := map[string]string{
		"an account": m.verified(t, "Paul").Email, "one with a factor": guarded.Email, "never verified": m.signUp(t, "Una").Email,
		"removed for 2FA": removed.Email, "frozen and never verified": frozen.Email, "without a password": passwordless.Email,
		"nobody": "nobody@people.example", "in capitals": strings.ToUpper(m.verified(t, "Carl").Email),
	}
	m.atRest(t)
	b.forget(t)
	before := m.App.Passwords.Evaluations()
	for i := range 6 {
		for name, email := range addresses {
			got := m.call(t, call{Query: requestReset, Vars: vars{"i": vars{"email": email}}})
			if i < 5 && (got.Status != 200 || got.Body != `{"data":{"requestPasswordReset":{"ok":true}}}` || len(got.Cookies) != 0) {
				t.Errorf("%s, try %d: %d %s", name, i+1, got.Status, got.Body)
			}
			if i == 5 {
				got.expect(t, "RATE_LIMITED", name)
				if want := fmt.Sprint(got.Errors[0].Extensions["retryAfter"]); !strings.HasPrefix(want, "9") && !strings.HasPrefix(want, "8") {
					t.Errorf("%s has to wait %s s, want nearly 900", name, want)
				}
			}
		}
		b.run(t, `DELETE FROM rate_limits WHERE key LIKE 'reset-network %'`)
	}
	if n := m.App.Passwords.Evaluations() - before; n != 0 {
		t.Errorf("%d passwords hashed, want 0 for every address", n)
	}
	// A dead link costs as little as none, and says the same.
	late := addresses["an account"]
	token := m.link(t, late, titleReset)
	m.atRest(t) // a mail whose link has expired is not sent
	b.run(t, `UPDATE account_links SET expires_at = clock_timestamp()`)
	dead := m.call(t, call{Query: resetPassword, Vars: vars{"i": vars{"token": token, "newPassword": "another long one"}}})
	none := m.call(t, call{Query: resetPassword, Vars: vars{"i": vars{"token": "no such link", "newPassword": "another long one"}}})
	dead.expect(t, "INVALID_LINK", "an expired link")
	if dead.Body != none.Body || dead.Status != none.Status {
		t.Errorf("an expired link answers\n%s\nno link\n%s", dead.Body, none.Body)
	}
	if n := m.App.Passwords.Evaluations() - before; n != 0 {
		t.Errorf("%d passwords hashed for dead links, want 0", n)
	}
	// Each got the mail that is theirs, and nobody got one who is not there.
	m.atRest(t)
	for name, title := range map[string]string{
		"an account": titleReset, "one with a factor": titleReset, "removed for 2FA": titleReset, "without a password": titleReset,
		"never verified": titleUnconfirmed, "frozen and never verified": titleUnconfirmed,
	} {
		if mails := m.mails(addresses[name]); len(mails) == 0 || mails[0] != title {
			t.Errorf("%s was mailed %v, want %s", name, mails, title)
		}
	}
	if mails := m.mails(addresses["nobody"]); len(mails) != 0 {
		t.Errorf("nobody was mailed %v", mails)
	}
	for _, message := range m.Mailbox.Messages(frozen.Email) {
		if message.Subject == titleUnconfirmed && (strings.Contains(message.Text, "#token=") || !strings.Contains(message.Text, "ask an owner or manager")) {
			t.Errorf("a frozen address was mailed %s", message.Text)
		}
	}
}

// A stranger who asks again and again neither floods the mailbox nor keeps its owner out: the living link comes again, and
// the owner's own network has a budget of its own.
func TestResetsByStrangers(t *testing.T) {
	t.Parallel()
	m := start(t, behindProxy)
	b := m.back(t)
	vera := m.verified(t, "Vera")
	ask := func(from string) answer {
		return m.call(t, call{Query: requestReset, Vars: vars{"i": vars{"email": vera.Email}}, From: from}).answer
	}
	resets := func() (tokens []string) {
		m.atRest(t)
		for _, message := range m.Mailbox.Messages(vera.Email) {
			if message.Subject == titleReset {
				tokens = append(tokens, linkPattern.FindStringSubmatch(message.Text)[1])
			}
		}
		return tokens
	}
	for range 5 {
		ask("198.51.100.7").expect(t, "", "within five")
	}
	limited := ask("198.51.100.99").expect(t, "RATE_LIMITED", "the sixth from a network")
	if limited.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	for i := range 50 {
		ask(fmt.Sprintf("198.51.%d.7", i+101)).expect(t, "", "other networks")
	}
	ask("203.0.113.5").expect(t, "", "the owner")
	if got := resets(); len(got) != 1 {
		t.Fatalf("%d mails after 56 requests within five minutes, want 1", len(got))
	}
	for range 5 {
		b.age(t, 5*time.Minute)
		ask("203.0.113.5").expect(t, "", "the owner, five minutes later")
	}
	got := resets()
	if len(got) != 4 {
		t.Fatalf("%d mails within an hour, want 4", len(got))
	}
	if got[0] != got[3] {
		t.Error("asking again killed the link that was mailed before")
	}
	m.reset(t, got[3], "a better one of Vera").expect(t, "", "the first mail's link")
}

// The tries at a password are one budget, however its address is spelled and whether they are to sign in or to confirm who is
// there; whoever proves the mailbox by a reset has it back.
func TestOneBudgetForAPassword(t *testing.T) {
	t.Parallel()
	m := start(t)
	vera := m.verified(t, "Vera")
	try := func(spelled string) answer {
		return m.post(t, "", signInQuery, vars{"i": vars{"email": spelled, "password": "not the password"}})
	}
	confirm := func() answer {
		return m.post(t, vera.Token, confirmIdentity, vars{"i": vars{"password": "not the password"}})
	}
	spellings := []string{vera.Email, " " + vera.Email, vera.Email + "\t", strings.ToUpper(vera.Email), "\n" + strings.ToUpper(vera.Email) + "  "}
	for _, spelled := range spellings {
		try(spelled).expect(t, "INVALID_CREDENTIALS", "a wrong password")
		confirm().expect(t, "INVALID_CREDENTIALS", "a wrong password in her session")
	}
	for _, spelled := range spellings {
		try(spelled).expect(t, "RATE_LIMITED", "the eleventh of "+spelled)
	}
	confirm().expect(t, "RATE_LIMITED", "the eleventh, in her session")
	for i := range 11 { // who has no account is counted alike
		want := "INVALID_CREDENTIALS"
		if i == 10 {
			want = "RATE_LIMITED"
		}
		try(strings.Repeat(" ", i)+"nobody@people.example").expect(t, want, "an address without an account")
	}
	vera.Password = "a better one of Vera"
	m.reset(t, vera.resetLink(t), vera.Password).expect(t, "", "the reset")
	vera.signIn(t)
}

// A link works once, for an hour, for its own account, and only the newest.
func TestResetLinks(t *testing.T) {
	t.Parallel()
	m := start(t)
	b := m.back(t)
	p := m.verified(t, "Lars")
	fresh := func() string {
		t.Helper()
		b.forget(t)
		b.run(t, `DELETE FROM account_links`)
		known := []string{}
		for _, message := range m.Mailbox.Messages(p.Email) {
			if found := linkPattern.FindStringSubmatch(message.Text); found != nil {
				known = append(known, found[1])
			}
		}
		p.forgets(t)
		return m.newLink(t, p.Email, titleReset, known...)
	}

	// Twelve at once: one sets the password, and the password is that one's.
	token := fresh()
	outcomes := make(chan string, 12)
	for i := range 12 {
		go func() {
			password := fmt.Sprintf("the password number %d", i)
			a, err := m.tryPost("", resetPassword, vars{"i": vars{"token": token, "newPassword": password}})
			if err != nil || a.Code() != "" {
				password = a.Code()
			}
			outcomes <- password
		}()
	}
	won := []string{}
	for range 12 {
		if o := <-outcomes; o != "INVALID_LINK" {
			won = append(won, o)
		}
	}
	if len(won) != 1 || !strings.HasPrefix(won[0], "the password") {
		t.Fatalf("twelve at once: %v, want one", won)
	}
	p.Password = won[0]
	p.signIn(t)

	// An hour, less and more a second.
	if life := value[float64](t, b, `SELECT coalesce(max(extract(epoch FROM expires_at - created_at)), 3600)::float8 FROM account_links`); life < 3599 || life > 3601 {
		t.Errorf("a link lives %.0f s, want 3600", life)
	}
	token = fresh()
	left := value[float64](t, b, `SELECT extract(epoch FROM expires_at - clock_timestamp())::float8 FROM account_links`)
	if left < 3590 || left > 3600 {
		t.Errorf("a link lives %.0f s, want 3600", left)
	}
	b.run(t, `UPDATE account_links SET expires_at = clock_timestamp() - interval '1 second'`)
	m.reset(t, token, "a late one of Lars").expect(t, "INVALID_LINK", "a second late")
	token = fresh()
	b.run(t, `UPDATE account_links SET expires_at = clock_timestamp() + interval '1 second'`)
	m.reset(t, token, "in time, Lars").expect(t, "", "within the last second")
	p.Password = "in time, Lars"

	// A newer one replaces one that is past its half; a change of the password or the address kills it.
	old := fresh()
	b.run(t, `UPDATE account_links SET created_at = created_at - interval '31 minutes', expires_at = expires_at - interval '31 minutes'`)
	b.forget(t)
	p.forgets(t)
	newer := m.newLink(t, p.Email, titleReset, old)
	m.reset(t, old, "another of Lars").expect(t, "INVALID_LINK", "a superseded link")
	p.signIn(t)
	p.do(t, changePassword, vars{"i": vars{"currentPassword": p.Password, "newPassword": "changed by Lars"}}, nil)
	p.Password = "changed by Lars"
	m.reset(t, newer, "another of Lars").expect(t, "INVALID_LINK", "a link from before a change")
	token = fresh()
	b.run(t, `UPDATE users SET email = 'moved@people.example' WHERE email = $1`, p.Email)
	m.reset(t, token, "another of Lars").expect(t, "INVALID_LINK", "a link to an address that the account no longer has")
	b.run(t, `UPDATE users SET email = $1 WHERE email = 'moved@people.example'`, p.Email)

	// Of one account it does nothing to another, and it opens no account whose address was never verified.
	m.post(t, "", signUpQuery, vars{"i": vars{"email": "new@people.example", "name": "New", "password": "a long password", "addressToken": token}}).
		expect(t, "INVALID_LINK", "signing up at another address")
	m.post(t, "", signUpQuery, vars{"i": vars{"email": p.Email, "name": "New", "password": "a long password", "addressToken": token}}).
		expect(t, "EMAIL_TAKEN", "taking a proved address")
	p.signIn(t)
	stored := value[int](t, b, `SELECT count(*)::int FROM account_links l WHERE position($1 IN l::text) > 0`, token) +
		value[int](t, b, `SELECT count(*)::int FROM river_job j WHERE position($1 IN j::text) > 0`, token)
	if stored != 0 {
		t.Error("the token is in a row")
	}
}

// Who signed up with somebody else's address, and waits, gets nothing: the owner of the mailbox signs up afresh with the
// mailed link and takes the address with them. The squatter's account stays the squatter's, without it.
func TestResetOfAClaimedAddress(t *testing.T) {
	t.Parallel()
	m := start(t)
	squatter := m.signUp(t, "Squatter")
	squatter.enroll(t)
	squats := squatter.organization(t)
	token := squatter.claimLink(t)
	for _, message := range m.Mailbox.Messages(squatter.Email) {
		if message.Subject == titleUnconfirmed && (strings.Contains(message.Text+message.HTML, "Squatter,") || message.ToName != "") {
			t.Errorf("the owner of the mailbox is greeted by a name that a stranger chose: %s", message.Text)
		}
	}
	m.reset(t, token, "a better one").expect(t, "INVALID_LINK", "opening the squatter's account")
	rightful := &person{m: m, Name: "Rita", Email: strings.ToUpper(squatter.Email), Password: "a password of my own"}
	var out struct {
		SignUp struct{ Session struct{ Token string } }
	}
	m.post(t, "", signUpQuery, vars{"i": vars{"email": rightful.Email, "name": "Rita", "password": rightful.Password, "addressToken": token}}).decode(t, &out)
	rightful.Token = out.SignUp.Session.Token
	if v := rightful.view(t); !v.Viewer.EmailVerified || v.Viewer.TwoFactor != "DISABLED" || len(v.Viewer.Memberships) != 0 {
		t.Errorf("the rightful account is %+v", v.Viewer)
	}
	if v := squatter.view(t); v.Viewer.Email != "" || len(v.Viewer.Memberships) != 1 || v.Viewer.Memberships[0].Organization.Slug != squats.Slug {
		t.Errorf("the squatter is %+v", v.Viewer)
	}
	m.post(t, "", signInQuery, vars{"i": vars{"email": squatter.Email, "password": squatter.Password}}).expect(t, "INVALID_CREDENTIALS", "the squatter's password")
	m.post(t, "", signUpQuery, vars{"i": vars{"email": rightful.Email, "name": "Again", "password": rightful.Password, "addressToken": token}}).
		expect(t, "INVALID_LINK", "the link again")
	m.exec(t, `DELETE FROM rate_limits`)
	m.reset(t, rightful.resetLink(t), "a better one of Rita").expect(t, "", "now it is proved")
}

func TestChangePassword(t *testing.T) {
	t.Parallel()
	m := start(t, tenMinutes)
	p := m.someone(t, "Cora")
	change := func(current, next string) answer {
		return m.post(t, p.Token, changePassword, vars{"i": vars{"currentPassword": current, "newPassword": next}})
	}
	change("not "+p.Password, "changed by Cora").expect(t, "INVALID_CREDENTIALS", "a wrong one")
	change(p.Password, p.Password).expect(t, "BAD_INPUT", "the same")
	if got := change(p.Password, "iloveyou"); got.Code() != "BAD_INPUT" || got.field() != "newPassword" {
		t.Errorf("a common one: %+v", got.Errors)
	}
	other := p.another(t)
	waiting, _ := p.challenge(t)
	browser := m.call(t, call{Query: changePassword, Vars: vars{"i": vars{"currentPassword": p.Password, "newPassword": "changed by Cora"}}, Token: p.Token, Origin: m.URL})
	browser.expect(t, "", "the change")
	if c := browser.cookie(); c == nil || len(c.Value) != 43 {
		t.Errorf("a browser's cookie stays: %v", c)
	}
	if !m.signedIn(t, p.Token) || m.signedIn(t, other.Token) {
		t.Error("this session stays and the others end")
	}
	if c := browser.cookie(); c != nil {
		if got := m.call(t, call{Query: viewerQuery, Cookie: c.Name + "=" + c.Value, Origin: m.URL}); !strings.Contains(got.Body, p.Email) {
			t.Errorf("the new cookie answers %s", got.Body)
		}
	}
	m.verify(t, waiting, p.code()).expect(t, "INVALID_CODE", "a sign-in that waited")
	m.mailSaying(t, p.Email, "Changed the password")
	p.Password = "changed by Cora"
	p.another(t)

	m.stale(t)
	change(p.Password, "changed once more").expect(t, "STEP_UP_REQUIRED", "an old session")
	p.do(t, confirmIdentity, vars{"i": vars{"code": p.code()}}, nil)
	for range 9 { // and the one above
		change("wrong", "changed once more").expect(t, "INVALID_CREDENTIALS", "guessing")
	}
	change(p.Password, "changed once more").expect(t, "RATE_LIMITED", "after ten wrong ones")
}

// Passwords are taken exactly as given, to the last byte of the longest.
func TestPasswordsAreNotCut(t *testing.T) {
	t.Parallel()
	m := start(t)
	p := m.verified(t, "Bea")
	for _, test := range []struct{ sentence, set, try string }{
		{"73 bytes that differ in the last one", strings.Repeat("x y", 24) + "a", strings.Repeat("x y", 24) + "b"},
		{"128 characters of four bytes", strings.Repeat("😀", 128), strings.Repeat("😀", 127) + "😁"},
		{"a character written as one and as two", "caf\u00e9 au lait", "cafe\u0301 au lait"},
		{"a space at the end", "spaces count ", "spaces count"},
	} {
		m.exec(t, `DELETE FROM rate_limits`)
		m.exec(t, `DELETE FROM account_links`)
		token := m.newLink(t, p.Email, titleReset, func() (known []string) {
			for _, message := range m.Mailbox.Messages(p.Email) {
				if found := linkPattern.FindStringSubmatch(message.Text); found != nil {
					known = append(known, found[1])
				}
			}
			p.forgets(t)
			return known
		}()...)
		m.reset(t, token, test.set).expect(t, "", test.sentence)
		m.post(t, "", signInQuery, vars{"i": vars{"email": p.Email, "password": test.try}}).expect(t, "INVALID_CREDENTIALS", test.sentence)
		m.post(t, "", signInQuery, vars{"i": vars{"email": p.Email, "password": test.set}}).expect(t, "", test.sentence)
	}
}
