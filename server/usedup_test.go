package main

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

const textMe = `mutation($c: String) { sendSecondFactorCode(input: {challengeToken: $c}) { sentTo } }`

// useUp guesses at the codes of somebody whose password is known, until no more are looked at.
func (p *person) useUp(t testing.TB) {
	t.Helper()
	challenge := p.challenged(t)
	for range 5 {
		p.m.verify(t, challenge, p.wrong()).expect(t, "INVALID_CODE", "a guess")
	}
	p.m.verify(t, challenge, p.wrong()).expect(t, "RATE_LIMITED", "one guess more")
}

// Whoever knows a password and uses its account's guesses up keeps the owner from nothing but a code of the app at the sign-in: a
// recovery code's session sets up another app, and whoever is signed in proves it with the right code and changes the password.
func TestUsedUpGuessesKeepNobodyOut(t *testing.T) {
	t.Parallel()
	m := start(t, tenMinutes)
	p := m.verified(t, "Vera")
	p.enroll(t)
	p.addPhone(t)
	p.useUp(t)

	m.verify(t, p.challenged(t), p.code()).expect(t, "RATE_LIMITED", "the right code at the sign-in")
	in := *p
	in.Token = session(t, m.verify(t, p.challenged(t), p.Recovery[0]))
	in.enroll(t) // that is, confirmTOTP with the right code
	in.addKey(t)
	m.stale(t)
	in.do(t, confirmIdentity, vars{"i": vars{"code": in.code()}}, nil)
	in.do(t, changePassword, vars{"i": vars{"currentPassword": p.Password, "newPassword": "a new password of Vera"}}, nil)
}

// A new password by mail begins guesses and text messages anew, which whoever knew the old one has used up. It does once in 24
// hours, so that who reads somebody's mail has few more.
func TestResetGivesGuessesAfresh(t *testing.T) {
	t.Parallel()
	m := start(t)
	b := m.back(t)
	p := m.verified(t, "Vera")
	p.enroll(t)
	p.addPhone(t)
	b.forget(t)
	useUp := func(what string) {
		t.Helper()
		p.useUp(t)
		challenge := p.challenged(t)
		for i := range 3 {
			m.post(t, "", textMe, vars{"c": challenge}).expect(t, "", fmt.Sprintf("%s: text message %d", what, i+1))
		}
		m.post(t, "", textMe, vars{"c": challenge}).expect(t, "RATE_LIMITED", what+": a fourth")
	}
	resets := 0
	reset := func() (challenge string) {
		t.Helper()
		resets++
		p.Password = fmt.Sprintf("password %d of Vera", resets)
		b.run(t, `DELETE FROM rate_limits WHERE key LIKE 'reset%'`)
		p.forgets(t)
		eventually(t, "the mail arrives", func() bool {
			n := 0
			for _, title := range m.mails(p.Email) {
				if title == titleReset {
					n++
				}
			}
			return n == resets
		})
		m.reset(t, m.link(t, p.Email, titleReset), p.Password).expect(t, "", "the reset")
		return p.challenged(t)
	}
	useUp("a thief")
	challenge := reset()
	m.post(t, "", textMe, vars{"c": challenge}).expect(t, "", "a text message after the reset")
	m.verify(t, challenge, p.code()).expect(t, "", "a code after the reset")

	b.run(t, `DELETE FROM rate_limits WHERE key LIKE 'text %'`)
	useUp("who reads the mail")
	challenge = reset()
	m.post(t, "", textMe, vars{"c": challenge}).expect(t, "RATE_LIMITED", "a text message after a second reset that day")
	m.verify(t, challenge, p.code()).expect(t, "RATE_LIMITED", "a code after a second reset that day")

	b.age(t, 24*time.Hour)
	useUp("a thief, a day later")
	m.verify(t, reset(), p.code()).expect(t, "", "a code after a reset a day later")
}

// Whoever has stolen a session has five guesses in it: then it ends, its owner is told what happened, and neither other sessions
// nor sign-ins feel anything of it.
func TestFiveGuessesInASession(t *testing.T) {
	t.Parallel()
	m := start(t)
	b := m.back(t)
	p := m.verified(t, "Mara")
	p.enroll(t)
	own := p.another(t)
	b.forget(t)
	wrongs := []vars{{"code": p.wrong()}, {"code": "12345"}, {"code": "aaaaa-aaaaa-aaaaa-aaaaa-aaaaaa"}, {"code": p.Recovery[0]}}
	for _, wrong := range wrongs {
		p.refused(t, "INVALID_CODE", confirmIdentity, vars{"i": wrong})
	}
	p.do(t, confirmIdentity, vars{"i": vars{"code": p.code()}}, nil)
	for _, wrong := range wrongs { // after a right one they are counted anew
		p.refused(t, "INVALID_CODE", confirmIdentity, vars{"i": wrong})
	}
	if got := p.refused(t, "UNAUTHENTICATED", confirmIdentity, vars{"i": wrongs[0]}); !strings.Contains(got.says(), "Sign in again") {
		t.Errorf("it says %q, not what to do", got.says())
	}
	if m.signedIn(t, p.Token) || !m.signedIn(t, own.Token) {
		t.Errorf("the session goes on: %t, the other one: %t; want no and yes", m.signedIn(t, p.Token), m.signedIn(t, own.Token))
	}
	m.notMe(t, p.Email, "Somebody who is signed in to your account gave five wrong answers")
	for _, message := range m.Mailbox.Messages(p.Email) {
		if strings.Contains(message.Text, "knows your password") {
			t.Errorf("a mail says what is not so:\n%s", message.Text)
		}
	}
	if n := b.guesses(t, p); n != 0 {
		t.Errorf("%d guesses of the sign-in are used up, want none", n)
	}

	// However many are sent at once, five are looked at.
	second := startOn(t, m.DBURL, "second") // not before: mails that it sends are in a mailbox of its own
	p.signIn(t)
	var sent sync.WaitGroup
	for i := range 30 {
		sent.Go(func() {
			_, _ = []*muster{m, second}[i%2].tryPost(p.Token, confirmIdentity, vars{"i": vars{"code": wrongs[0]["code"]}})
		})
	}
	sent.Wait()
	if n := b.tried(t, p); n < 1 || n > 5 || m.signedIn(t, p.Token) {
		t.Errorf("%d guesses were looked at, want 1 to 5; the session goes on: %t", n, m.signedIn(t, p.Token))
	}
	ended := value[int](t, b, `SELECT count(*)::int FROM security_events WHERE action = 'user.guesses-exhausted'`)
	if ended != 2 {
		t.Errorf("the log tells of it %d times, want 2", ended)
	}
	p.signIn(t)
}

// Text messages that a session asks for are counted apart from those of sign-ins, and such a code is good for this session only.
func TestTextedCodesAreBound(t *testing.T) {
	t.Parallel()
	m := start(t)
	b := m.back(t)
	p := m.signUp(t, "Tess")
	p.enroll(t)
	number := p.addPhone(t)
	p.signIn(t)
	other := p.another(t)
	b.forget(t)
	p.do(t, textMe, nil, nil)
	code := m.text(t, number)
	other.refused(t, "INVALID_CODE", confirmIdentity, vars{"i": vars{"code": code}})
	m.verify(t, p.challenged(t), code).expect(t, "INVALID_CODE", "at a sign-in")
	p.do(t, confirmIdentity, vars{"i": vars{"code": code}}, nil)

	b.forget(t)
	for range 3 {
		other.do(t, textMe, nil, nil)
	}
	other.refused(t, "RATE_LIMITED", textMe, nil)
	m.post(t, "", textMe, vars{"c": p.challenged(t)}).expect(t, "", "a text message at a sign-in")
}
