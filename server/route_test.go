package main

import (
	"slices"
	"sync"
	"testing"

	"muster/org"
)

// standing is what a session can do, as its row says it, or an API token.
type standing struct {
	ID, BeganBy, FreshBy, FreshAt, Proved, Mailbox string
}

func (m *muster) standings(t testing.TB) map[string]standing {
	t.Helper()
	conn, done := m.brief(t)
	defer done()
	rows, err := conn.Query(t.Context(), `
SELECT id, began_by, fresh_by, fresh_at::text, coalesce(proved_at::text, ''), coalesce(mailbox_proved_at::text, '') FROM sessions
UNION ALL SELECT id, 'TOKEN', '', '', coalesce(proved_at::text, ''), '' FROM api_tokens`)
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

// issued is by what an API token stands.
const issued = "TOKEN"

// routesSeen are the routes that tests went, as "signIn PASSWORD".
type routesSeen struct {
	sync.Mutex
	by map[string]bool
}

// went holds what a mutation did to sessions and API tokens against the table of routes: what begins, raises or makes one has to
// be in it, with the method, and nothing else may.
func (s *routesSeen) went(t testing.TB, mutation string, before, after map[string]standing) {
	t.Helper()
	took := func(id string, begins bool, by string) {
		i := slices.IndexFunc(org.Routes, func(r *org.Route) bool { return r.Name == mutation })
		known := i >= 0 && (begins && by == issued && org.Routes[i].Issues ||
			begins == org.Routes[i].Begins && org.Routes[i].Takes(org.SignInMethod(by)))
		if !known {
			t.Errorf("%s gave %s a standing by %s (new: %v), and org.Routes does not say so", mutation, id, by, begins)
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
		if r.Issues && !s.by[r.Name+" "+issued] {
			t.Errorf("no case goes the route %s", r.Name)
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
