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
	"muster/secret"
)

// statements stands between an App and PostgreSQL, and notes each statement that is run, in the order of their arrival, and what
// PostgreSQL says to it.
type statements struct {
	mu  sync.Mutex
	run []*statement
}

type statement struct{ text, answer string }

// between gives a database's URL that leads through it.
func (s *statements) between(t *testing.T, url string) string {
	t.Helper()
	return relay(t, url, func(client, server net.Conn) {
		sent := make(chan *statement, 1000) // and not answered
		go func() { defer func() { _ = client.Close() }(); _ = s.backward(client, server, sent) }()
		go func() { defer func() { _ = server.Close() }(); _ = s.forward(server, client, sent) }()
	})
}

// relay gives a database's URL whose connections pass is given, with those that it is to pass on to.
func relay(t *testing.T, url string, pass func(client, server net.Conn)) string {
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
			pass(client, server)
		}
	}()
	return fmt.Sprintf("postgres://%s@/%s?host=%s&port=5432&sslmode=disable", config.User, config.Database, dir)
}

// message reads a message of PostgreSQL's protocol, version 3: it has its length in front, and but for a client's first one its
// type before that.
func message(from io.Reader, typed bool) (kind byte, body, raw []byte, err error) {
	head := make([]byte, 4, 5)
	if typed {
		head = head[:5]
	}
	if _, err := io.ReadFull(from, head); err != nil {
		return 0, nil, nil, err
	}
	if typed {
		kind = head[0]
	}
	body = make([]byte, binary.BigEndian.Uint32(head[len(head)-4:])-4)
	_, err = io.ReadFull(from, body)
	return kind, body, slices.Concat(head, body), err
}

// forward passes on what a client sends. What is bound is run.
func (s *statements) forward(server io.Writer, client io.Reader, sent chan<- *statement) error {
	prepared := map[string]string{}
	for first := true; ; first = false {
		kind, body, raw, err := message(client, !first)
		if err != nil {
			return err
		}
		texts := bytes.SplitN(body, []byte{0}, 3)
		switch kind {
		case 'P': // parse: name, statement
			prepared[string(texts[0])] = string(texts[1])
		case 'B': // bind: portal, name
			sent <- s.note(prepared[string(texts[1])])
		case 'Q':
			sent <- s.note(string(texts[0]))
		}
		if _, err := server.Write(raw); err != nil {
			return err
		}
	}
}

// backward passes on what PostgreSQL answers.
func (s *statements) backward(client io.Writer, server io.Reader, sent <-chan *statement) error {
	for {
		kind, body, raw, err := message(server, true)
		if err != nil {
			return err
		}
		if kind == 'C' || kind == 'I' { // complete: the command and how many rows; or empty, as a ping is
			answered := <-sent
			s.mu.Lock()
			answered.answer = strings.TrimRight(string(body), "\x00")
			s.mu.Unlock()
		}
		if _, err := client.Write(raw); err != nil {
			return err
		}
	}
}

func (s *statements) note(text string) *statement {
	noted := &statement{text: strings.Join(strings.Fields(text), " ")}
	if strings.HasPrefix(text, "-- name: PG") || text == "-- ping" {
		return noted // River's own, when it sees fit: whom a job is about it does not know; and the pool's, after a second of rest
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.run = append(s.run, noted)
	return noted
}

// of are the statements that fn runs.
func (s *statements) of(fn func()) []string { return texts(s.answered(fn)) }

// answered are the statements that fn runs, with what PostgreSQL says to them.
func (s *statements) answered(fn func()) []statement {
	take := func() (run []statement) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, one := range s.run {
			run = append(run, *one)
		}
		s.run = nil
		return run
	}
	take()
	fn()
	return take()
}

// texts are statements without what was said to them.
func texts(run []statement) (texts []string) {
	for _, one := range run {
		texts = append(texts, one.text)
	}
	return texts
}

// Time tells nobody who has an account: whoever guesses makes PostgreSQL run the same statements for an account that is there as
// for one that is not. Where the guess is refused, which is not counted and so can be measured as often as somebody likes, it
// finds the same too: nobody has looked for the account.
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
	wrong := func(email string, r Request) []statement {
		t.Helper()
		return s.answered(func() {
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
	_, guesser := a.person(t, "gus", false)
	exec(`INSERT INTO devices (user_id, token_hash) VALUES ($1, $2)`, guesser.ID, secret.Hash("their own"))
	known := Request{IPAddress: "203.0.113.7", UserAgent: "test", Browser: true, Device: "their own"}
	browser := Request{IPAddress: "203.0.113.7", UserAgent: "test", Browser: true, Device: "one.two.three.four.five"}
	for what, c := range map[string]struct {
		request Request
		usedUp  func(email string)
		least   int  // statements
		again   bool // can be had again and again
	}{
		"a program":                            {request: Request{IPAddress: "2001:db8::7", UserAgent: "test"}, least: 6},
		"a browser":                            {request: browser, least: 6},
		"a browser without cookies":            {request: Request{IPAddress: "203.0.113.7", UserAgent: "test", Browser: true}, least: 5},
		"a browser that another account knows": {request: known, usedUp: func(string) { used(limitPasswordNetwork.name, "203.0.113.0/24") }, least: 2, again: true},
		"a network that is used up":            {request: browser, usedUp: func(string) { used(limitPasswordNetwork.name, "203.0.113.0/24") }, least: 2, again: true},
		"an account that is used up in the network": {
			request: browser, usedUp: func(email string) { used(limitPassword.name, addressKey(email)+" 203.0.113.0/24") }, least: 3, again: true,
		},
		"an account that is used up": {request: browser, usedUp: func(email string) { used(limitPasswordAccount.name, addressKey(email)) }, least: 9},
		"an account that was warned": {request: browser, usedUp: func(email string) {
			used(limitPasswordAccount.name, addressKey(email))
			used(limitPasswordWarning.name, addressKey(email))
		}, least: 5, again: true},
	} {
		run := map[string][]statement{}
		for _, email := range []string{*present.Email, *armed.Email, "nobody@example.com"} {
			exec(`DELETE FROM rate_limits`)
			if c.usedUp != nil {
				c.usedUp(email)
			}
			run[email] = wrong(email, c.request)
		}
		for _, u := range []*org.User{present, armed} {
			absent, there := run["nobody@example.com"], run[*u.Email]
			if diff := cmp.Diff(texts(absent), texts(there)); diff != "" {
				t.Errorf("%s guesses at %s (-absent +present):\n%s", what, *u.Email, diff)
			}
			if diff := cmp.Diff(absent, there, cmp.AllowUnexported(statement{})); c.again && diff != "" {
				t.Errorf("%s finds of %s (-absent +present):\n%s", what, *u.Email, diff)
			}
		}
		if n := len(run["nobody@example.com"]); n < c.least {
			t.Errorf("%s: %d statements were seen, want %d at least: the test sees nothing", what, n, c.least)
		}
	}
}

// Nor does asking for a new password: whose browser the account does not know makes the same statements run for one that is there
// as for one that is not. Where that is refused they find the same too.
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
			ask := func(email string) []statement {
				return s.answered(func() {
					_, err := a.RequestPasswordReset(WithRequest(t.Context(), &r), RequestPasswordResetInput{Email: email})
					if limited(err) != (i == 5) {
						t.Errorf("%s, try %d: %v", what, i+1, err)
					}
				})
			}
			absent, there := ask("nobody@example.com"), ask(*present.Email)
			if diff := cmp.Diff(texts(absent), texts(there)); diff != "" || len(absent) < 3 {
				t.Errorf("%s, try %d (-absent +present):\n%s", what, i+1, diff)
			}
			if diff := cmp.Diff(absent, there, cmp.AllowUnexported(statement{})); i == 5 && diff != "" {
				t.Errorf("%s finds, when it is refused (-absent +present):\n%s", what, diff)
			}
		}
	}
}
