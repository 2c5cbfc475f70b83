package app

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"muster/db"
	"muster/db/dbtest"
	"muster/org"
)

// statements stands between an App and PostgreSQL, and notes each statement that is run, in the order of their arrival.
type statements struct {
	mu  sync.Mutex
	run []string
}

// between gives a database's URL that leads through it.
func (s *statements) between(t *testing.T, url string) string {
	t.Helper()
	config, err := pgx.ParseConfig(url)
	must(t, err)
	dir, err := os.MkdirTemp("", "pg") //nolint:usetesting // the path of a socket has at most 107 bytes, and TempDir holds the test's name
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	listener, err := net.Listen("unix", filepath.Join(dir, ".s.PGSQL.5432"))
	must(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			network, address := pgconn.NetworkAddress(config.Host, config.Port)
			server, err := net.Dial(network, address)
			if err != nil {
				_ = client.Close()
				return
			}
			go func() { defer func() { _ = client.Close() }(); _, _ = io.Copy(client, server) }()
			go func() { defer func() { _ = server.Close() }(); _ = s.forward(server, client) }()
		}
	}()
	return fmt.Sprintf("postgres://%s@/%s?host=%s&port=5432&sslmode=disable", config.User, config.Database, dir)
}

// forward passes on what a client sends (PostgreSQL's frontend protocol, version 3): a message has its length in front, and
// but for the first one its type before that. What is bound is run.
func (s *statements) forward(server io.Writer, client io.Reader) error {
	prepared := map[string]string{}
	for kind, first := make([]byte, 0, 1), true; ; first, kind = false, make([]byte, 1) {
		length := make([]byte, 4)
		if _, err := io.ReadFull(client, kind); err != nil {
			return err
		}
		if _, err := io.ReadFull(client, length); err != nil {
			return err
		}
		body := make([]byte, binary.BigEndian.Uint32(length)-4)
		if _, err := io.ReadFull(client, body); err != nil {
			return err
		}
		texts := bytes.SplitN(body, []byte{0}, 3)
		switch {
		case first:
		case kind[0] == 'P': // parse: name, statement
			prepared[string(texts[0])] = string(texts[1])
		case kind[0] == 'B': // bind: portal, name
			s.note(prepared[string(texts[1])])
		case kind[0] == 'Q':
			s.note(string(texts[0]))
		}
		if _, err := server.Write(slices.Concat(kind, length, body)); err != nil {
			return err
		}
	}
}

func (s *statements) note(statement string) {
	if strings.HasPrefix(statement, "-- name: PG") || statement == "-- ping" {
		return // River's own, when it sees fit: whom a job is about it does not know; and the pool's, after a second of rest
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.run = append(s.run, strings.Join(strings.Fields(statement), " "))
}

// of are the statements that fn runs.
func (s *statements) of(fn func()) []string {
	take := func() []string {
		s.mu.Lock()
		defer s.mu.Unlock()
		run := s.run
		s.run = nil
		return run
	}
	take()
	fn()
	return take()
}

// Time tells nobody who has an account: whoever guesses makes PostgreSQL run the same statements for an account that is there as
// for one that is not, also where the guess is refused, which is not counted and so can be repeated.
func TestAbsentAccountsCostTheSameStatements(t *testing.T) {
	t.Parallel()
	s := &statements{}
	url := dbtest.URL(t)
	a, admin := openAt(t, s.between(t, url)), dbtest.Admin(t, url)
	exec := func(sql string, args ...any) {
		t.Helper()
		_, err := admin.Exec(t.Context(), sql, args...)
		must(t, err)
	}
	_, present := a.person(t, "vera", false)
	_, armed := a.person(t, "tom", true)
	hash, err := a.hashPassword(t.Context(), "the right password")
	must(t, err)
	for _, u := range []*org.User{present, armed} {
		a.tx(t, func(tx *db.Tx) error { return tx.SetPassword(t.Context(), u.ID, hash) })
	}
	wrong := func(email string, r Request) []string {
		t.Helper()
		return s.of(func() {
			if _, err := a.SignIn(WithRequest(t.Context(), &r), SignInInput{Email: email, Password: "a wrong one"}); err == nil {
				t.Error("a wrong password signed somebody in")
			}
		})
	}
	used := func(budget, key string) {
		t.Helper()
		exec(`INSERT INTO rate_limits (key, hits, expires_at) VALUES ($1, array_fill(clock_timestamp(), ARRAY[5000]), clock_timestamp() + interval '1 day')`,
			budget+" "+key)
	}
	browser := Request{IPAddress: "203.0.113.7", UserAgent: "test", Browser: true, Device: "one.two.three.four.five"}
	for what, c := range map[string]struct {
		request Request
		usedUp  func(email string)
		least   int // statements
	}{
		"a program":                 {request: Request{IPAddress: "2001:db8::7", UserAgent: "test"}, least: 6},
		"a browser":                 {request: browser, least: 6},
		"a browser without cookies": {request: Request{IPAddress: "203.0.113.7", UserAgent: "test", Browser: true}, least: 5},
		"a network that is used up": {request: browser, usedUp: func(string) { used(limitPasswordNetwork.name, "203.0.113.0/24") }, least: 3},
		"an account that is used up in the network": {
			request: browser, usedUp: func(email string) { used(limitPassword.name, addressKey(email)+" 203.0.113.0/24") }, least: 4,
		},
		"an account that is used up": {request: browser, usedUp: func(email string) { used(limitPasswordAccount.name, addressKey(email)) }, least: 9},
		"an account that was warned": {request: browser, usedUp: func(email string) {
			used(limitPasswordAccount.name, addressKey(email))
			used(limitPasswordWarning.name, addressKey(email))
		}, least: 6},
	} {
		run := map[string][]string{}
		for _, email := range []string{*present.Email, *armed.Email, "nobody@example.com"} {
			exec(`DELETE FROM rate_limits`)
			if c.usedUp != nil {
				c.usedUp(email)
			}
			run[email] = wrong(email, c.request)
		}
		for _, u := range []*org.User{present, armed} {
			if diff := cmp.Diff(run["nobody@example.com"], run[*u.Email]); diff != "" {
				t.Errorf("%s guesses at %s (-absent +present):\n%s", what, *u.Email, diff)
			}
		}
		if n := len(run["nobody@example.com"]); n < c.least {
			t.Errorf("%s: %d statements were seen, want %d at least: the test sees nothing", what, n, c.least)
		}
	}
}

// Nor does asking for a new password: whose browser the account does not know makes the same statements run for one that is there
// as for one that is not, and the same where that is refused.
func TestResetsOfAbsentAccountsCostTheSameStatements(t *testing.T) {
	t.Parallel()
	s := &statements{}
	url := dbtest.URL(t)
	a, admin := openAt(t, s.between(t, url)), dbtest.Admin(t, url)
	_, present := a.person(t, "vera", false)
	for what, r := range map[string]Request{
		"a program": {IPAddress: "2001:db8::7", UserAgent: "test"},
		"a browser": {IPAddress: "203.0.113.7", UserAgent: "test", Browser: true, Device: "one.two"},
	} {
		_, err := admin.Exec(t.Context(), `DELETE FROM rate_limits`)
		must(t, err)
		for i := range 6 { // the sixth is refused
			ask := func(email string) []string {
				return s.of(func() {
					_, err := a.RequestPasswordReset(WithRequest(t.Context(), &r), RequestPasswordResetInput{Email: email})
					if limited(err) != (i == 5) {
						t.Errorf("%s, try %d: %v", what, i+1, err)
					}
				})
			}
			absent, there := ask("nobody@example.com"), ask(*present.Email)
			if diff := cmp.Diff(absent, there); diff != "" || len(absent) < 4 {
				t.Errorf("%s, try %d (-absent +present):\n%s", what, i+1, diff)
			}
		}
	}
}
