package app

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"muster/db"
	"muster/org"
)

func TestNetwork(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ sentence, address, want string }{
		{"an IPv4 address counts with its /24", "203.0.113.77", "203.0.113.0/24"},
		{"its neighbour counts with it", "203.0.113.1", "203.0.113.0/24"},
		{"the next /24 is another network", "203.0.114.1", "203.0.114.0/24"},
		{"an IPv6 address counts with its /64", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
		{"another address of the same customer counts with it", "2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"},
		{"the next /64 is another network", "2001:db8:1:3::1", "2001:db8:1:3::/64"},
		{"IPv4 in IPv6's clothes is IPv4", "::ffff:203.0.113.77", "203.0.113.0/24"},
		{"a zone does not make a network of its own", "fe80::1%eth0", "fe80::/64"},
		{"what is no address is taken as it is", "a pipe", "a pipe"},
		{"no address is one network", "", ""},
	} {
		if got := (&Request{IPAddress: test.address}).network(); got != test.want {
			t.Errorf("%s: got %q, want %q", test.sentence, got, test.want)
		}
	}
}

// A network's budget is a fifth of its block's: one customer's 65,536 networks are not as many budgets.
func TestCountedByNetworkAndBlock(t *testing.T) {
	t.Parallel()
	l := limit{"tea", db.Limit{Hits: 3, Window: time.Hour}, db.Limit{Hits: 7, Window: 24 * time.Hour}, "Too much tea."}
	wide := limit{"tea", db.Limit{Hits: 15, Window: time.Hour}, db.Limit{Hits: 35, Window: 24 * time.Hour}, "Too much tea."}
	for address, want := range map[string][]hit{
		"203.0.113.77":        {{l, "green 203.0.113.0/24"}},
		"::ffff:203.0.113.77": {{l, "green 203.0.113.0/24"}},
		"2001:db8:1:2::3":     {{l, "green 2001:db8:1:2::/64"}, {wide, "green 2001:db8:1::/48"}},
		"2001:db8:1:3::3":     {{l, "green 2001:db8:1:3::/64"}, {wide, "green 2001:db8:1::/48"}},
	} {
		if got := (&Request{IPAddress: address}).at(l, "green "); !slices.Equal(got, want) {
			t.Errorf("from %s it is counted by %v, want %v", address, got, want)
		}
	}

	a, admin := open(t, "")
	spend := func(address string) error { return a.spendAll(t.Context(), (&Request{IPAddress: address}).at(l, "")) }
	for i := range 15 {
		must(t, spend(fmt.Sprintf("2001:db8:1:%d::1", i)))
	}
	if err := spend("2001:db8:1:ffff::1"); !limited(err) {
		t.Errorf("the sixteenth of a block: %v, want a refusal", err)
	}
	if n := count(t, admin, `SELECT count(*) FROM rate_limits, unnest(hits) h WHERE key = 'tea 2001:db8:1:ffff::/64' AND h IS NOT NULL`); n != 0 {
		t.Errorf("what was refused is counted %d times", n)
	}
	must(t, spend("2001:db8:2::1"))
	must(t, spend("203.0.113.77"))
}

// Whatever is counted by network is counted by block too: only at names a network to count by.
func TestOnlyAtCountsByNetwork(t *testing.T) {
	t.Parallel()
	may := map[string][]string{
		"network": {"at", "program"},              // that one is who a program is, no budget
		"block":   {"at", "place", "spendSignIn"}, // the turns of those who wait for a password, and what is by block alone
		"prefix":  {"network", "block"},
	}
	sources, err := filepath.Glob("*.go")
	must(t, err)
	seen := map[string]int{}
	for _, source := range sources {
		if strings.HasSuffix(source, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), source, nil, 0)
		must(t, err)
		for _, decl := range file.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			ast.Inspect(fn, func(n ast.Node) bool {
				called, ok := n.(*ast.SelectorExpr)
				if !ok || may[called.Sel.Name] == nil {
					return true
				}
				seen[called.Sel.Name]++
				if !slices.Contains(may[called.Sel.Name], fn.Name.Name) {
					t.Errorf("%s: %s asks for the %s by itself: count with Request.at", source, fn.Name.Name, called.Sel.Name)
				}
				return true
			})
		}
	}
	for name := range may {
		if seen[name] == 0 {
			t.Errorf("nothing asks for the %s: the test sees nothing", name)
		}
	}
}

// Wrong passwords are counted by network, and what is refused before anybody looks is none: of a hundred sign-ins with a stale
// password ten are looked at in a quarter of an hour and counted, and neither the neighbours in the network nor the account's
// owner elsewhere find their budgets used up by the other ninety. Where all of them are guesses the network's is.
func TestRefusedTriesAreNotCounted(t *testing.T) {
	t.Parallel()
	a, admin := open(t, "")
	signIn := func(network, name, password string) error {
		ctx := WithRequest(t.Context(), &Request{IPAddress: network, UserAgent: "test"})
		_, err := a.SignIn(ctx, SignInInput{Email: name + "@example.com", Password: password})
		return err
	}
	hash, err := a.Passwords.Hash(t.Context(), (&Request{IPAddress: "203.0.113.9"}).place(), "the right password")
	must(t, err)
	for _, name := range []string{"olivia", "nina"} {
		_, u := a.person(t, name, false)
		a.tx(t, func(tx *db.Tx) error { return tx.SetPassword(t.Context(), u.ID, hash) })
	}
	counted := func(key string) int {
		return count(t, admin, `SELECT coalesce(sum(cardinality(array_remove(hits, NULL))), 0) FROM rate_limits WHERE key = $1`, key)
	}
	for _, c := range []struct{ who, at, network, block string }{
		{"olivia", "198.51.100.7", "198.51.100.0/24", ""},
		{"nobody", "2001:db8:1::7", "2001:db8:1::/64", "2001:db8:1::/48"},
	} {
		lookedAt := 0
		for range 100 {
			switch err := signIn(c.at, c.who, "a stale one"); {
			case errors.Is(err, org.ErrCredentials):
				lookedAt++
			case !limited(err):
				t.Fatal(err)
			}
		}
		if lookedAt != 10 {
			t.Errorf("%s: %d of 100 were looked at, want 10", c.at, lookedAt)
		}
		for _, key := range []string{
			"password-network " + c.network, "password-network " + c.block, "password-account " + addressKey(c.who+"@example.com"),
		} {
			if n := counted(key); n != 10 && !strings.HasSuffix(key, " ") {
				t.Errorf("%s: %d are counted, want the 10 that were looked at", key, n)
			}
		}
		must(t, signIn(c.at, "nina", "the right password"))
	}
	must(t, signIn("203.0.113.7", "olivia", "the right password"))

	// Nine more accounts' worth of guesses are the network's hundred.
	for i := range 90 {
		if err := signIn("198.51.100.7", fmt.Sprintf("other%d", i/10), "a guess"); !errors.Is(err, org.ErrCredentials) {
			t.Fatalf("guess %d: %v, want INVALID_CREDENTIALS", i+1, err)
		}
	}
	if err := signIn("198.51.100.7", "nina", "the right password"); !limited(err) {
		t.Errorf("after a hundred guesses: %v, want RATE_LIMITED", err)
	}
}

// Nor is a right password whose sign-in the account's budget refuses: the network that went on trying is let in again with the
// others.
func TestRefusedSignInsAreNotCounted(t *testing.T) {
	t.Parallel()
	a, admin := open(t, "")
	_, u := a.person(t, "olivia", false)
	key := passwordKey(u)
	_, err := admin.Exec(t.Context(), `INSERT INTO rate_limits (key, hits, expires_at) VALUES ($1, array_fill(clock_timestamp(), ARRAY[60]), clock_timestamp() + interval '1 day')`,
		"sign-in-account "+key)
	must(t, err)
	for range 40 {
		_, err := a.spendSignIn(t.Context(), a.anybody(t), &claimed{key: key, user: u})
		if refusal := new(org.Error); !errors.As(err, &refusal) || !strings.HasPrefix(refusal.Message, "Too many sign-ins to this account from browsers") {
			t.Fatalf("got %v, want the account's refusal", err)
		}
	}
	if n := count(t, admin, `SELECT cardinality(array_remove(hits, NULL)) FROM rate_limits WHERE key = $1`, "sign-in "+key+" 203.0.113.0/24"); n != 0 {
		t.Errorf("%d are counted, want none", n)
	}
}

func TestRoughly(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		time.Millisecond:                "1 second",
		time.Second:                     "1 second",
		90 * time.Second:                "90 seconds",
		2*time.Minute - time.Nanosecond: "120 seconds",
		2 * time.Minute:                 "2 minutes",
		2*time.Minute + time.Second:     "3 minutes",
		time.Hour:                       "60 minutes",
		2 * time.Hour:                   "2 hours",
		2*time.Hour + time.Nanosecond:   "3 hours",
		24 * time.Hour:                  "24 hours",
	} {
		if got := roughly(d); got != want {
			t.Errorf("%s: got %q, want %q", d, got, want)
		}
	}
}
