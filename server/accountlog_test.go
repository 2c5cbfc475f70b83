package main

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
)

type accountLogPage struct {
	Viewer struct {
		SecurityEvents struct {
			Nodes    []struct{ ID, Action, Message string }
			Edges    []struct{ Cursor string }
			PageInfo struct {
				HasNextPage, HasPreviousPage bool
				StartCursor, EndCursor       *string
			}
			TotalCount *int
		}
	}
}

const accountLogQuery = `query($first: Int, $after: String) { viewer { securityEvents(first: $first, after: $after) {
  nodes { id action message } edges { cursor } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } totalCount } } }`

// pages reads the whole of a person's log, first lines at a time.
func (p *person) pages(t testing.TB, first int) (actions []string, pages int) {
	t.Helper()
	var after *string
	seen := map[string]bool{}
	for {
		var page accountLogPage
		p.do(t, accountLogQuery, vars{"first": first, "after": after}, &page)
		log := page.Viewer.SecurityEvents
		pages++
		if len(log.Nodes) > first || len(log.Edges) != len(log.Nodes) || log.PageInfo.HasPreviousPage != (after != nil) || log.TotalCount != nil {
			t.Fatalf("page %d is %+v", pages, log)
		}
		for i, e := range log.Nodes {
			if seen[e.ID] {
				t.Errorf("%s comes twice", e.ID)
			}
			seen[e.ID] = true
			line := e.Action
			if _, times, ok := strings.Cut(e.Message, "This was so "); ok {
				line += " " + times
			}
			actions = append(actions, line)
			if i == len(log.Nodes)-1 && (log.PageInfo.EndCursor == nil || *log.PageInfo.EndCursor != log.Edges[i].Cursor) {
				t.Errorf("the page ends at %v, want the cursor of its last line", log.PageInfo.EndCursor)
			}
		}
		if !log.PageInfo.HasNextPage {
			return actions, pages
		}
		if after = log.PageInfo.EndCursor; after == nil {
			t.Fatal("there is more, and nowhere to go on")
		}
	}
}

// TestAccountLogPages: the whole of an account's log is read page by page, each line once, whatever the size of the pages; a row
// of lines that is told as one is told as one wherever a page ends, and nobody else's log is ever in it.
func TestAccountLogPages(t *testing.T) {
	t.Parallel()
	m := start(t)
	vera, other := m.signUp(t, "Vera"), m.signUp(t, "Otto")
	id := m.find(t, `SELECT id FROM users WHERE email = $1`, vera.Email)
	// From here on, newest last: 3 sign-ins, a row of 7 challenges, a sign-in, one challenge, a sign-in, a row of 2.
	begun, _ := vera.pages(t, 100)
	n := 0
	for _, part := range []struct {
		action string
		times  int
	}{{"user.sign-in", 3}, {"user.sign-in-challenge", 7}, {"user.sign-in", 1}, {"user.sign-in-challenge", 1}, {"user.sign-in", 1}, {"user.sign-in-challenge", 2}} {
		for range part.times {
			n++
			m.exec(t, `INSERT INTO security_events (id, user_id, action, message) VALUES ($1, $2, $3, 'Something happened.')`, fmt.Sprintf("evt_7%025d", n), id, part.action)
		}
	}
	want := append([]string{
		"user.sign-in-challenge 2 times in a row.", "user.sign-in", "user.sign-in-challenge", "user.sign-in", "user.sign-in-challenge 7 times in a row.",
		"user.sign-in", "user.sign-in", "user.sign-in",
	}, begun...)
	for first := range 12 {
		got, pages := vera.pages(t, first+1)
		if !slices.Equal(got, want) {
			t.Errorf("%d at a time: got %q, want %q", first+1, got, want)
		}
		if least := (len(want) + first) / (first + 1); pages != least {
			t.Errorf("%d at a time: %d pages, want %d", first+1, pages, least)
		}
	}

	// A cursor of somebody else's line shows nothing of theirs, and what is no cursor of this list is refused.
	var page accountLogPage
	vera.do(t, accountLogQuery, vars{"first": 1}, &page)
	other.do(t, accountLogQuery, vars{"first": 100, "after": *page.Viewer.SecurityEvents.PageInfo.EndCursor}, &page)
	for _, e := range page.Viewer.SecurityEvents.Nodes {
		if strings.HasPrefix(e.ID, "evt_7") {
			t.Errorf("Otto sees Vera's %s", e.ID)
		}
	}
	for _, bad := range []string{"x", "evt_70000000000000000000000001", base64.RawURLEncoding.EncodeToString([]byte("c:7")), base64.RawURLEncoding.EncodeToString([]byte("c:" + id))} {
		if a := vera.refused(t, "BAD_INPUT", accountLogQuery, vars{"first": 1, "after": bad}); a.field() != "after" {
			t.Errorf("%q: the field is %v", bad, a.field())
		}
	}
	for _, bad := range []int{0, -1, 101} {
		vera.refused(t, "BAD_INPUT", accountLogQuery, vars{"first": bad})
	}
}

// TestAccountLogOfManyRows: a row that is longer than what a page looks at ends no list.
func TestAccountLogOfManyRows(t *testing.T) {
	t.Parallel()
	m := start(t)
	vera := m.signUp(t, "Vera")
	id := m.find(t, `SELECT id FROM users WHERE email = $1`, vera.Email)
	begun, _ := vera.pages(t, 100)
	m.exec(t, `INSERT INTO security_events (id, user_id, action, message) SELECT 'evt_7' || lpad(n::text, 25, '0'), $1, 'user.sign-in-challenge', 'Again.' FROM generate_series(1, 25000) n`, id)
	want := append([]string{
		"user.sign-in-challenge 10000 times in a row.", "user.sign-in-challenge 10000 times in a row.", "user.sign-in-challenge 5000 times in a row.",
	}, begun...)
	if got, _ := vera.pages(t, 50); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
