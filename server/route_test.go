package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"muster/org"
)

// standing is what a session can do, as its row says it.
type standing struct {
	ID, BeganBy, FreshBy, FreshAt, Proved, Mailbox string
}

func (m *muster) standings(t testing.TB) map[string]standing {
	t.Helper()
	conn, done := m.brief(t)
	defer done()
	rows, err := conn.Query(t.Context(), `
SELECT id, began_by, fresh_by, fresh_at::text, coalesce(proved_at::text, ''), coalesce(mailbox_proved_at::text, '') FROM sessions`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	all := map[string]standing{}
	for rows.Next() {
		var s standing
		if err := rows.Scan(&s.ID, &s.BeganBy, &s.FreshBy, &s.FreshAt, &s.Proved, &s.Mailbox); err != nil {
			t.Fatal(err)
		}
		all[s.ID] = s
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// routesSeen are the routes that tests went, as "signIn PASSWORD".
type routesSeen struct {
	sync.Mutex
	by map[string]bool
}

// went holds what a mutation did to sessions against the table of routes: what begins or raises one has to be in it, with the
// method, and nothing else may.
func (s *routesSeen) went(t testing.TB, mutation string, before, after map[string]standing) {
	t.Helper()
	took := func(id string, begins bool, by string) {
		i := slices.IndexFunc(org.Routes, func(r *org.Route) bool { return r.Name == mutation })
		if i < 0 || org.Routes[i].Begins != begins || !org.Routes[i].Takes(org.SignInMethod(by)) {
			t.Errorf("%s gave session %s a standing by %s (new: %v), and org.Routes does not say so", mutation, id, by, begins)
		}
		s.Lock()
		defer s.Unlock()
		s.by[mutation+" "+by] = true
	}
	for id, now := range after {
		was, old := before[id]
		switch {
		case !old:
			took(id, true, now.BeganBy)
		case now.BeganBy != was.BeganBy:
			t.Errorf("%s rewrote how session %s began", mutation, id)
		case now.FreshAt != was.FreshAt || now.FreshBy != was.FreshBy || now.Proved != was.Proved:
			took(id, false, now.FreshBy)
		case now.Mailbox != was.Mailbox:
			took(id, false, string(org.ByMailbox))
		}
	}
}

// complete fails for routes of the table that no test went.
func (s *routesSeen) complete(t testing.TB) {
	t.Helper()
	for _, r := range org.Routes {
		if schema(t).Mutation.Fields.ForName(r.Name) == nil {
			continue // a page, or the demo's: it has a test of its own
		}
		for _, by := range r.By {
			if !s.by[r.Name+" "+string(by)] {
				t.Errorf("no case goes the route %s by %s", r.Name, by)
			}
		}
	}
}

// Only these functions write how a session stands, and begin and raise ask the table of routes.
func TestSessionsHaveOneDoor(t *testing.T) {
	t.Parallel()
	doors := map[string]string{"CreateSession": "beginAt", "RaiseSession": "raise", "ProveMailbox": "proveMailbox"}
	found := map[string][]string{}
	err := filepath.WalkDir("../app", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, source, 0)
		if err != nil {
			return err
		}
		for _, d := range file.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			ast.Inspect(fn, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok {
					if _, door := doors[s.Sel.Name]; door {
						found[s.Sel.Name] = append(found[s.Sel.Name], fn.Name.Name)
					}
				}
				return true
			})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, door := range doors {
		if !slices.Equal(found[name], []string{door}) {
			t.Errorf("%s is called by %v, want %s only", name, found[name], door)
		}
	}
}

// What a session can have begun by has a name in the schema: a client that knows the schema alone reads every list of sessions.
func TestSchemaNamesWhatSessionsBeginBy(t *testing.T) {
	t.Parallel()
	enum := schema(t).Types["SignInMethod"].EnumValues
	for _, route := range org.Routes {
		for _, by := range route.By {
			if enum.ForName(string(by)) == nil {
				t.Errorf("%s takes %s, which enum SignInMethod lacks", route.Name, by)
			}
		}
	}
}
