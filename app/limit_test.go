package app

import (
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
