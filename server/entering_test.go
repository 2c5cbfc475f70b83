package main

import (
	"fmt"
	"testing"

	"muster/graph/list"
)

// TestEnteringDecidesNothing: over HTTP the place in the organization that a query names first is read together with the
// session. Whoever asks, and however, gets what somebody gets for whom it is looked up when the query comes to it.
func TestEnteringDecidesNothing(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner, o := m.owner(t)
	member := m.someone(t, "Mona")
	o.join(t, member, "MEMBER")
	manager := m.someone(t, "Max")
	o.join(t, manager, "MANAGER")
	without := m.signUp(t, "Wim")
	o.join(t, without, "MEMBER")
	other, elsewhere := m.owner(t)
	elsewhere.join(t, member, "OWNER")
	o.require(t, true)
	unproved := m.someone(t, "Una")
	o.join(t, unproved, "MANAGER")
	m.exec(t, `UPDATE sessions SET proved_at = NULL WHERE user_id = (SELECT id FROM users WHERE email = $1)`, unproved.Email)

	page := `{ id name require2FA members { nodes { role twoFactor user { email } } } auditLog { nodes { action } } }`
	queries := map[string]string{
		"its own":        fmt.Sprintf(`{ organization(slug: %q) %s }`, o.Slug, page),
		"two":            fmt.Sprintf(`{ a: organization(slug: %q) %s b: organization(slug: %q) %s }`, o.Slug, page, elsewhere.Slug, page),
		"one twice":      fmt.Sprintf(`{ a: organization(slug: %q) %s b: organization(slug: %q) %s }`, o.Slug, page, o.Slug, page),
		"the other too":  fmt.Sprintf(`{ viewer { id } x: organization(slug: %q) { id } ...rest } fragment rest on Query { organization(slug: %q) %s }`, elsewhere.Slug, o.Slug, page),
		"nobody's":       fmt.Sprintf(`{ organization(slug: "nobodys") %s }`, page),
		"no name at all": fmt.Sprintf(`{ organization(slug: "") %s }`, page),
		"skipped":        fmt.Sprintf(`{ organization(slug: %q) @skip(if: true) %s b: organization(slug: %q) %s }`, elsewhere.Slug, page, o.Slug, page),
	}
	// What each gets for asking for the organization alone.
	first := map[*person]string{
		owner: "", manager: "", member: "FORBIDDEN", other: "NOT_FOUND", without: "TWO_FACTOR_REQUIRED", unproved: "STEP_UP_REQUIRED",
	}
	e := m.executor()
	for p, want := range first {
		for about, query := range queries {
			got := m.post(t, p.Token, query, nil)
			data, errs := e.ask(t, p.Token, query, &list.Trace{})
			if string(got.Data) != data || len(got.Errors) != len(errs) {
				t.Errorf("%s asks for %s:\nover HTTP %s %v\nalone     %s %s", p.Name, about, got.Data, got.Errors, data, errs)
			}
			if about != "its own" {
				continue
			}
			code := ""
			if len(got.Errors) > 0 {
				code, _ = got.Errors[0].Extensions["code"].(string)
			}
			if code != want {
				t.Errorf("%s gets %q %s, want %q", p.Name, code, got.Data, want)
			}
		}
	}
	// A place is nothing without the session that it is the place of.
	for about, token := range map[string]string{"an unknown token": "x" + owner.Token[1:], "no token": ""} {
		got := m.post(t, token, queries["its own"], nil)
		if len(got.Errors) != 1 || got.Errors[0].Extensions["code"] != "UNAUTHENTICATED" {
			t.Errorf("%s gets %s %v", about, got.Data, got.Errors)
		}
	}
	m.exec(t, `UPDATE sessions SET ended_at = clock_timestamp() WHERE user_id = (SELECT id FROM users WHERE email = $1)`, manager.Email)
	if got := m.post(t, manager.Token, queries["its own"], nil); len(got.Errors) != 1 || got.Errors[0].Extensions["code"] != "UNAUTHENTICATED" {
		t.Errorf("a session that has ended gets %s %v", got.Data, got.Errors)
	}
}
