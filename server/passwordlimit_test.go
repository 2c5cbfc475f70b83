package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"muster/app"
	"muster/secret"
	"muster/server/settings"
)

// passwordsOf gives a Muster a gate for passwords of the test's own.
func passwordsOf(gate *secret.Passwords) option {
	return func(_ *settings.Settings, c *app.Config) { c.Passwords = gate }
}

// hold keeps every place of a gate taken until free is called: by calls of networks that nobody else is in.
func hold(t *testing.T, gate *secret.Passwords, calls int) (free func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	for range calls {
		done.Go(func() {
			for ctx.Err() == nil {
				if _, err := gate.Hash(ctx, secret.Caller{Network: "a flood"}, "x"); err != nil {
					<-time.After(time.Millisecond)
				}
			}
		})
	}
	return func() { cancel(); done.Wait() }
}

// A right password that nobody has looked at, since too many sign in at once or who sent it has gone, is no wrong one: whoever tries
// again and again during a flood gets in after it.
func TestBusyIsNoWrongPassword(t *testing.T) {
	t.Parallel()
	gate := secret.NewPasswords(1, 0)
	m := start(t, passwordsOf(gate))
	p := m.signUp(t, "Otto")
	p.enroll(t)
	token := m.signUp(t, "Sole").Token // without a second factor, confirms by the password
	right := vars{"i": vars{"email": p.Email, "password": p.Password}}
	free := hold(t, gate, 8)
	for name, ask := range map[string]func() answer{
		"signing in": func() answer { return m.post(t, "", signInQuery, right) },
		"confirming it": func() answer {
			return m.post(t, token, confirmIdentity, vars{"i": vars{"password": "a long password of Sole"}})
		},
		"changing it again": func() answer {
			return m.post(t, token, changePassword, vars{"i": vars{"currentPassword": "a long password of Sole", "newPassword": "a long password of Sol"}})
		},
	} {
		for busy := 0; busy < 11; {
			got := ask()
			switch {
			case got.Code() == "":
				if name == "changing it again" {
					busy = 11 // it got through
				}
			case got.Code() == "RATE_LIMITED" && strings.Contains(got.says(), "at once"):
				busy++
			default:
				t.Fatalf("%s during a flood: %q %s", name, got.Code(), got.says())
			}
		}
	}
	body, err := json.Marshal(map[string]any{"query": signInQuery, "variables": right})
	if err != nil {
		t.Fatal(err)
	}
	for range 12 { // who hangs up
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, m.URL+"/graphql", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		if response, err := http.DefaultClient.Do(r); err == nil {
			_ = response.Body.Close()
		}
		cancel()
	}
	free()
	eventually(t, "Otto gets in after the flood", func() bool {
		got := m.post(t, "", signInQuery, right)
		if got.Code() != "" && !strings.Contains(got.says(), "at once") {
			t.Fatalf("after the flood: %q %s", got.Code(), got.says())
		}
		return got.Code() == ""
	})
	b := m.back(t)
	eventually(t, "nothing counts as a wrong password", func() bool {
		return value[int](t, b, `SELECT count(h)::int FROM rate_limits, unnest(hits) h WHERE key LIKE 'password%'`) == 0
	})
}

// One customer with 65,536 networks keeps nobody else from signing in, however many try at once from there.
func TestFloodOfOneBlockKeepsNobodyOut(t *testing.T) {
	t.Parallel()
	m := start(t, behindProxy, passwordsOf(secret.NewPasswords(1, 8)))
	mia := m.signUp(t, "Mia")
	mia.enroll(t)
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	var sent, busy atomic.Int64
	for k := range 24 {
		done.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				from := fmt.Sprintf("2001:db8:7:%x::1", k<<8+i&255)
				got := m.tryFrom(from, newAddress(), "a guess")
				sent.Add(1)
				if strings.Contains(got, "at once") {
					busy.Add(1)
				}
			}
		})
	}
	eventually(t, "the queue is full", func() bool { return busy.Load() > 10 })
	for i := range 6 {
		before := busy.Load()
		if got := m.tryFrom("192.0.2.9", mia.Email, mia.Password); strings.Contains(got, "errors") {
			t.Errorf("sign-in %d during the flood: %s", i+1, got)
		}
		eventually(t, "the flood goes on", func() bool { return busy.Load() > before })
	}
	cancel()
	done.Wait()
	t.Logf("%d guesses, %d of them found no room", sent.Load(), busy.Load())
}

// tryFrom signs in from an address, for goroutines, and says what was answered.
func (m *muster) tryFrom(from, email, password string) string {
	body, _ := json.Marshal(map[string]any{"query": signInQuery, "variables": vars{"i": vars{"email": email, "password": password}}})
	r, err := http.NewRequest(http.MethodPost, m.URL+"/graphql", bytes.NewReader(body))
	if err != nil {
		return err.Error()
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Forwarded-For", from)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return "errors: " + err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	var text bytes.Buffer
	if _, err := text.ReadFrom(response.Body); err != nil {
		return "errors: " + err.Error()
	}
	return text.String()
}

// Guesses at one account are bounded over all networks, whether it is there or not. Its owner is told once a day, and gets in with
// a browser that has signed in before, from a network that a program of theirs signs in from, and everywhere after a reset.
func TestGuessesFromEverywhere(t *testing.T) {
	t.Parallel()
	m := start(t, behindProxy)
	b := m.back(t)
	vera := m.verified(t, "Vera")
	home := &visitor{m: m, agent: "Own"}
	home.signIn(t, vera.Email, vera.Password).expect(t, "", "at home")
	from := func(from, email, password string) reply {
		return m.call(t, call{Query: signInQuery, From: from, Agent: "Guesser", Vars: vars{"i": vars{"email": email, "password": password}}})
	}
	for _, email := range []string{vera.Email, "absent@people.example"} {
		for i := range 50 {
			from(fmt.Sprintf("2001:db8:%x::1", i), email, "wrong").expect(t, "INVALID_CREDENTIALS", fmt.Sprintf("guess %d at %s", i+1, email))
		}
		for i := range 3 {
			got := from(fmt.Sprintf("198.51.%d.7", i), email, "wrong")
			got.expect(t, "RATE_LIMITED", "one more, at "+email)
			if !strings.Contains(got.says(), "by mail") {
				t.Errorf("it says %q, not what to do", got.says())
			}
		}
	}
	from("192.0.2.1", vera.Email, vera.Password).expect(t, "RATE_LIMITED", "the right password in a new browser")
	home.signIn(t, vera.Email, vera.Password).expect(t, "", "the own browser")
	m.call(t, call{Query: signInQuery, From: "127.0.0.9", Vars: vars{"i": vars{"email": vera.Email, "password": vera.Password}}}).expect(t, "", "the own program at home")
	// The next day's guesses go on, and a hundred in a day are all.
	b.age(t, 15*time.Minute)
	for i := range 50 {
		from(fmt.Sprintf("2001:db8:1%02x::1", i), vera.Email, "wrong").expect(t, "INVALID_CREDENTIALS", fmt.Sprintf("guess %d later", i+1))
	}
	b.age(t, 15*time.Minute)
	from("2001:db8:aaa::1", vera.Email, "wrong").expect(t, "RATE_LIMITED", "the hundred and first")
	m.mailSaying(t, vera.Email, "Too many wrong passwords were tried")
	b.idle(t)
	mails := 0
	for _, message := range m.Mailbox.Messages(vera.Email) {
		if strings.Contains(message.Text, "Too many wrong passwords") {
			mails++
		}
	}
	lines := value[int](t, b, `SELECT count(*)::int FROM security_events WHERE action = 'user.passwords-exhausted'`)
	if all := len(m.Mailbox.Messages("absent@people.example")); mails != 1 || lines != 1 || all != 0 {
		t.Errorf("told %d times by mail and %d in the log, and whom there is not %d times; want once, once, never", mails, lines, all)
	}
	vera.Password = "a new password of Vera"
	m.reset(t, vera.resetLink(t), vera.Password).expect(t, "", "the reset")
	from("192.0.2.1", vera.Email, vera.Password).expect(t, "", "a new browser after the reset")
}

// One customer's guesses are counted over all its networks.
func TestGuessesOfOneBlock(t *testing.T) {
	t.Parallel()
	m := start(t, behindProxy)
	b := m.back(t)
	b.run(t, `INSERT INTO rate_limits (key, hits, expires_at) SELECT 'password-network 2001:db8:7::/48',
	  array_agg(clock_timestamp() - interval '1 millisecond' * n), clock_timestamp() + interval '1 day' FROM generate_series(1, 499) n`)
	try := func(from string) answer {
		return m.call(t, call{Query: signInQuery, From: from, Vars: vars{"i": vars{"email": newAddress(), "password": "wrong"}}}).answer
	}
	try("2001:db8:7:1::1").expect(t, "INVALID_CREDENTIALS", "the five hundredth guess")
	try("2001:db8:7:ffff::1").expect(t, "RATE_LIMITED", "the next, from another network of the block")
	try("2001:db8:8::1").expect(t, "INVALID_CREDENTIALS", "another customer")
}

// Right passwords are counted too: whoever has stolen one neither fills the account's log without end nor keeps the owner's own
// browser out, and the owner is told. Who does not know it learns nothing by that.
func TestRightPasswordsAreCounted(t *testing.T) {
	t.Parallel()
	m := start(t, behindProxy)
	b := m.back(t)
	vera := m.verified(t, "Vera")
	home := &visitor{m: m, agent: "Own"}
	home.signIn(t, vera.Email, vera.Password).expect(t, "", "at home")
	vera.enroll(t)
	b.forget(t)
	thief := func(from, password string) reply {
		return m.call(t, call{Query: signInQuery, From: from, Agent: "Thief", Vars: vars{"i": vars{"email": vera.Email, "password": password}}})
	}
	for _, block := range []string{"2001:db8:1:%x::1", "2001:db8:2:%x::1"} {
		for i := range 30 {
			thief(fmt.Sprintf(block, i), vera.Password).expect(t, "", fmt.Sprintf("right password %d", i+1))
		}
		got := thief(fmt.Sprintf(block, 99), vera.Password)
		got.expect(t, "RATE_LIMITED", "the thirty-first of one customer")
		if !strings.Contains(got.says(), "API token") {
			t.Errorf("it says %q, not what to do", got.says())
		}
	}
	thief("192.0.2.9", vera.Password).expect(t, "RATE_LIMITED", "the sixty-first")
	thief("192.0.2.9", "wrong").expect(t, "INVALID_CREDENTIALS", "a wrong one, then")
	if n := value[int](t, b, `SELECT count(*)::int FROM security_events WHERE action = 'user.sign-in-challenge'`); n != 60 {
		t.Errorf("the log has %d lines of it, want 60", n)
	}
	var log struct {
		Viewer struct {
			SecurityEvents struct {
				Nodes []struct{ Action, Message string }
			}
		}
	}
	vera.do(t, `{ viewer { securityEvents(first: 3) { nodes { action message } } } }`, nil, &log)
	var told []string
	for _, e := range log.Viewer.SecurityEvents.Nodes {
		told = append(told, e.Action)
	}
	if !slices.Equal(told, []string{"user.passwords-exhausted", "user.sign-in-challenge", "user.2fa-added"}) ||
		!strings.HasSuffix(log.Viewer.SecurityEvents.Nodes[1].Message, "This was so 60 times in a row.") {
		t.Errorf("the log tells %+v", log.Viewer.SecurityEvents)
	}
	m.mailSaying(t, vera.Email, "again and again with your password")
	home.signIn(t, vera.Email, vera.Password).expect(t, "", "the own browser")
	// That one's are counted by themselves.
	codes := []string{}
	for range 31 {
		codes = append(codes, home.signIn(t, vera.Email, vera.Password).Code())
	}
	if i := slices.Index(codes, "RATE_LIMITED"); i != 29 || slices.ContainsFunc(codes[:29], func(c string) bool { return c != "" }) {
		t.Errorf("after one the own browser was answered %q, want RATE_LIMITED from the thirtieth on", codes)
	}
}
