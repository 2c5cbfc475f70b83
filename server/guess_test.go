package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"muster/app"
	"muster/server/settings"
)

// tried is how many codes of a person reached the comparison since a second factor last came right: each is counted and
// committed before it.
func (b back) tried(t testing.TB, p *person) int {
	t.Helper()
	return value[int](t, b, `SELECT coalesce((SELECT tries FROM wrong_codes w JOIN users u ON u.id = w.user_id WHERE u.email = $1), 0)`, p.Email)
}

// guesser is somebody who knows a person's password, and every way to send guesses.
type guesser struct {
	*muster
	second *muster
	victim *person
	token  string // of a challenge
	number string // of the victim's phone
}

func (g *guesser) guess(t testing.TB, m *muster, token string, header http.Header) {
	t.Helper()
	m.call(t, call{Query: verifyQuery, Header: header, Vars: vars{"i": vars{"challengeToken": token, "code": g.victim.wrong()}}})
}

func (g *guesser) document(n int, form string) string {
	var fields, fragments strings.Builder
	for i := range n {
		field := fmt.Sprintf(`a%d: verifySecondFactor(input: {challengeToken: %q, code: "%06d"}) { session { token } }`, i, g.token, i)
		if form == "fragments" {
			fmt.Fprintf(&fragments, " fragment f%d on Mutation { %s }", i, field)
			field = fmt.Sprintf("...f%d", i)
		}
		fields.WriteString(field + " ")
	}
	return "mutation { " + fields.String() + "}" + fragments.String()
}

// However guesses are sent, five in five minutes are looked at: what is counted is the guess, not the request.
func TestGuessesHoweverSent(t *testing.T) {
	t.Parallel()
	m := start(t, behindProxy)
	second := m.beside(t, "second", behindProxy)
	const all = 30
	for name, attack := range map[string]func(t *testing.T, g *guesser){
		"one a request": func(t *testing.T, g *guesser) {
			for range all {
				g.guess(t, m, g.token, nil)
			}
		},
		"100 aliases": func(t *testing.T, g *guesser) { m.post(t, "", g.document(100, ""), nil) },
		"10 aliases":  func(t *testing.T, g *guesser) { m.post(t, "", g.document(10, ""), nil) },
		"fragments":   func(t *testing.T, g *guesser) { m.post(t, "", g.document(15, "fragments"), nil) },
		"array batch": func(t *testing.T, g *guesser) {
			one := map[string]any{"query": verifyQuery, "variables": vars{"i": vars{"challengeToken": g.token, "code": g.victim.wrong()}}}
			batch := []any{}
			for range all {
				batch = append(batch, one)
			}
			body, err := json.Marshal(batch)
			if err != nil {
				t.Fatal(err)
			}
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, m.URL+"/graphql", strings.NewReader(string(body)))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/json")
			if got := m.roundTrip(t, r); got.Status != http.StatusBadRequest {
				t.Errorf("a batch: %d %s", got.Status, got.Body)
			}
		},
		"50 sockets with 20 operations each": func(t *testing.T, g *guesser) {
			var done sync.WaitGroup
			for range 50 {
				socket := m.dial(t, "")
				done.Go(func() {
					for i := range 20 {
						payload, _ := json.Marshal(map[string]any{"query": verifyQuery, "variables": vars{"i": vars{"challengeToken": g.token, "code": fmt.Sprintf("%06d", i)}}})
						if socket.conn.WriteJSON(frame{ID: fmt.Sprint(i), Type: "subscribe", Payload: payload}) != nil {
							return
						}
					}
					for range 20 {
						if f, err := socket.tryRead(); err != nil || f.Type == "complete" {
							return
						}
					}
				})
			}
			done.Wait()
		},
		"two servers at once": func(t *testing.T, g *guesser) {
			var done sync.WaitGroup
			for i := range all {
				done.Go(func() {
					server := []*muster{m, second}[i%2]
					_, _ = server.tryPost("", verifyQuery, vars{"i": vars{"challengeToken": g.token, "code": "000000"}})
				})
			}
			done.Wait()
		},
		"switching the factor": func(t *testing.T, g *guesser) {
			for i := range all {
				code := []string{g.victim.wrong(), "aaaaa-aaaaa-aaaaa-aaaaa-aaaaaa", "12345"}[i%3]
				m.post(t, "", verifyQuery, vars{"i": vars{"challengeToken": g.token, "code": code}})
			}
		},
		"a new text message for each": func(t *testing.T, g *guesser) {
			for range all {
				m.post(t, "", `mutation($c: String) { sendSecondFactorCode(input: {challengeToken: $c}) { sentTo } }`, vars{"c": g.token})
				g.guess(t, m, g.token, nil)
			}
		},
		"a new sign-in for each": func(t *testing.T, g *guesser) {
			for range 8 {
				token, _ := g.victim.challenge(t)
				g.guess(t, m, token, nil)
			}
		},
		"a thousand addresses": func(t *testing.T, g *guesser) {
			var done sync.WaitGroup
			for worker := range 8 {
				done.Go(func() {
					for i := range 125 {
						from := fmt.Sprintf("198.%d.%d.7, 203.%d.%d.9", worker, i, worker, i)
						g.guess(t, m, g.token, http.Header{"X-Forwarded-For": {from}})
					}
				})
			}
			done.Wait()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := m.back(t)
			p := m.signUp(t, "Vic")
			p.enroll(t)
			g := &guesser{muster: m, second: second, victim: p, number: p.addPhone(t)}
			p.signIn(t)
			g.token, _ = p.challenge(t)
			if n := b.tried(t, p); n != 0 {
				t.Fatalf("%d codes tried before the attack", n)
			}
			attack(t, g)
			if n := b.tried(t, p); n > 5 {
				t.Errorf("%d guesses were looked at, want at most 5", n)
			}
			if n := b.guesses(t, p); n > 5 {
				t.Errorf("%d guesses were within the budget, want at most 5", n)
			}
			if strings.Contains(name, "request") || strings.Contains(name, "address") || strings.Contains(name, "servers") || strings.Contains(name, "sockets") {
				if n := b.tried(t, p); n != 5 {
					t.Errorf("%d guesses were looked at, want 5: the attack attacks nothing", n)
				}
			}
		})
	}
}

// A hundred wrong codes in a row, however patiently, and no code is taken any more: the right one neither. Its owner is told
// once, comes in with a recovery code, which the guesser cannot use up, and codes work again.
func TestHundredWrongCodes(t *testing.T) {
	t.Parallel()
	m := start(t, behindProxy)
	b := m.back(t)
	p := m.verified(t, "Hugo")
	p.enroll(t)
	p.signIn(t)
	token, _ := p.challenge(t)
	for i := range 99 {
		b.forget(t)
		m.verify(t, token, p.wrong()).expect(t, "INVALID_CODE", fmt.Sprintf("wrong code %d", i+1))
	}
	// Before the hundredth the right one still works, and the count begins anew.
	b.forget(t)
	m.verify(t, token, p.code()).expect(t, "", "the right code after 99 wrong ones")
	if n := b.tried(t, p); n != 0 {
		t.Fatalf("%d codes tried after a right one, want 0", n)
	}
	token, _ = p.challenge(t)
	for i := range 100 {
		b.forget(t)
		m.verify(t, token, p.wrong()).expect(t, "INVALID_CODE", fmt.Sprintf("wrong code %d in a row", i+1))
	}
	for range 3 {
		b.forget(t)
		if got := m.verify(t, token, p.code()).expect(t, "CONFLICT", "the right code after 100 wrong ones"); !strings.Contains(got.says(), "recovery code") {
			t.Errorf("it says %q, not what to do", got.says())
		}
	}
	b.forget(t)
	for range 6 { // which are no guesses, so the session goes on
		m.post(t, p.Token, confirmIdentity, vars{"i": vars{"code": p.code()}}).expect(t, "CONFLICT", "the right code to confirm one's identity")
	}
	if n := b.tried(t, p); n != 100 {
		t.Errorf("%d codes were looked at, want 100", n)
	}
	m.mailSaying(t, p.Email, "no longer work")
	b.idle(t)
	mails := 0
	for _, message := range m.Mailbox.Messages(p.Email) {
		if strings.Contains(message.Text, "A hundred wrong codes") {
			mails++
		}
	}
	events := value[int](t, b, `SELECT count(*)::int FROM security_events WHERE action = 'user.codes-off'`)
	if mails != 1 || events != 1 {
		t.Errorf("told %d times by mail and %d in the log, want once each", mails, events)
	}
	token, methods := p.challenge(t)
	if len(methods) != 1 || methods[0] != "RECOVERY_CODE" {
		t.Errorf("the challenge can be answered by %v, want recovery codes only", methods)
	}
	// The guesser goes on from elsewhere, with both kinds of code, and uses up neither the owner's way nor the codes.
	for range 20 {
		m.call(t, call{Query: verifyQuery, From: "203.0.113.9", Vars: vars{"i": vars{"challengeToken": token, "code": p.wrong()}}})
		m.call(t, call{Query: verifyQuery, From: "203.0.113.9", Vars: vars{"i": vars{"challengeToken": token, "code": "aaaaa-aaaaa-aaaaa-aaaaa-aaaaaa"}}})
	}
	m.call(t, call{Query: verifyQuery, From: "203.0.113.9", Vars: vars{"i": vars{"challengeToken": token, "code": "aaaaa-aaaaa-aaaaa-aaaaa-aaaaaa"}}}).
		expect(t, "RATE_LIMITED", "the guesser's recovery codes")
	m.call(t, call{Query: verifyQuery, From: "198.51.100.7", Vars: vars{"i": vars{"challengeToken": token, "code": p.Recovery[0]}}}).
		expect(t, "", "the owner's recovery code")
	token, methods = p.challenge(t)
	if len(methods) != 2 {
		t.Errorf("the challenge can be answered by %v, want the app again", methods)
	}
	// The guesser has used up what may be guessed now. A new password by mail, which they do not know, begins it anew.
	m.verify(t, token, p.code()).expect(t, "RATE_LIMITED", "a code, after the recovery code")
	p.Password = "a new password of Hugo"
	m.reset(t, p.resetLink(t), p.Password).expect(t, "", "the reset")
	m.verify(t, p.challenged(t), p.code()).expect(t, "", "a code, after the reset")
}

// A guess that was counted stays counted: when what comes after it is rolled back, and when the server is killed.
func TestCountOutlivesFailure(t *testing.T) {
	t.Parallel()
	m := start(t)
	b := m.back(t)
	p := m.signUp(t, "Rolf")
	p.enroll(t)
	p.signIn(t)
	b.forget(t)
	token, _ := p.challenge(t)
	b.run(t, `CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'broken'; END $$`)
	b.run(t, `CREATE TRIGGER broken BEFORE INSERT ON sessions FOR EACH ROW EXECUTE FUNCTION broken()`)
	last := 0
	for i := range 5 {
		m.verify(t, token, p.code()).expect(t, "INTERNAL", "the right code where no session can be stored")
		if n := b.guesses(t, p); n != i+1 || b.tried(t, p) != i+1 || n < last {
			t.Errorf("after %d tries %d and %d are counted", i+1, n, b.tried(t, p))
		}
		last = b.guesses(t, p)
	}
	m.verify(t, token, p.code()).expect(t, "RATE_LIMITED", "the sixth")
	b.run(t, `DROP TRIGGER broken ON sessions`)

	// A kill in the middle of 50 guesses: a server of its own is cut off from its database, and another one takes over.
	b.forget(t)
	doomed := m.beside(t, "doomed", func(_ *settings.Settings, _ *app.Config) {})
	for round := range 50 {
		if round%5 == 0 {
			b.age(t, time.Hour)
		}
		before := b.tried(t, p)
		answered := make(chan struct{})
		go func() {
			defer close(answered)
			_, _ = doomed.tryPost("", verifyQuery, vars{"i": vars{"challengeToken": token, "code": "000000"}})
		}()
		b.run(t, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
		<-answered
		if after := b.tried(t, p); after < before {
			t.Fatalf("round %d: %d tries are counted, %d were before", round, after, before)
		}
	}
}
