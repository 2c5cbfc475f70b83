package main

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2/ast"
)

// TestProviderSeesNothingOfTheAccount: a session that began at an organization's provider sees of the account who it is, and what
// its organization sees too; an API token likewise. What the account's own session sees beside that is made so that each field
// of the schema has something to show: a new field is for the account alone, or stands here.
func TestProviderSeesNothingOfTheAccount(t *testing.T) {
	t.Parallel()
	m := start(t, privateProviders)
	owner, vera := m.someone(t, "Olivia"), m.verified(t, "Vera")
	vera.enroll(t)
	o, other := owner.organization(t), owner.organization(t)
	o.join(t, vera, "MEMBER")
	owner.reset(t, other.join(t, vera, "MEMBER"))
	script := vera.personalToken(t, "members:read")
	vera.do(t, changeEmail, vars{"e": "new@people.example"}, nil)
	l := startLiar(t)
	l.claims(map[string]any{"sub": "vera"})
	o.connect(t, l.URL, false)
	if p := vera.linked(t, o); p.Status != http.StatusOK {
		t.Fatalf("not linked: %d %s", p.Status, p.Body)
	}
	document := "{ viewer {"
	s := schema(t)
	for _, field := range s.Types["User"].Fields {
		document += " " + field.Name
		if kind := s.Types[field.Type.Name()].Kind; kind != ast.Scalar && kind != ast.Enum {
			document += " { __typename }"
		}
	}
	document += " } }"
	shown := func(a answer) []string {
		t.Helper()
		var out struct{ Viewer map[string]any }
		a.decode(t, &out)
		maps.DeleteFunc(out.Viewer, func(_ string, value any) bool { return value == nil || cmp.Equal(value, []any{}) })
		return slices.Sorted(maps.Keys(out.Viewer))
	}
	var all []string
	for _, field := range s.Types["User"].Fields {
		all = append(all, field.Name)
	}
	slices.Sort(all)
	if diff := cmp.Diff(all, shown(m.post(t, vera.Token, document, nil))); diff != "" {
		t.Errorf("her own session sees (-want +got):\n%s", diff)
	}
	// Managers see address and second factor of a member too; whether an address is verified helps nobody.
	want := []string{"email", "emailVerified", "id", "memberships", "name", "twoFactor"}
	if diff := cmp.Diff(want, shown(m.browser(t).signedIn(o, "").ask(document, nil))); diff != "" {
		t.Errorf("the provider's session sees (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, shown(m.post(t, script.Token, document, nil))); diff != "" {
		t.Errorf("her token sees (-want +got):\n%s", diff)
	}
}

// A sign-in through a provider to an account with an address of its own is told like any other: once for a browser, with a link to
// say that it was somebody else, and counted apart, so that whoever runs a provider makes no other sign-in silent. It makes no
// browser one that the account's owner has signed in with.
func TestProviderSignInsAreTold(t *testing.T) {
	t.Parallel()
	m := start(t, privateProviders)
	owner := m.verified(t, "Olivia")
	owner.enroll(t)
	o := owner.organization(t)
	l := startLiar(t)
	l.claims(map[string]any{"sub": "olivia"})
	o.connect(t, l.URL, false)
	if p := owner.linked(t, o); p.Status != http.StatusOK {
		t.Fatalf("not linked: %d %s", p.Status, p.Body)
	}
	told := func(action string) int {
		n, err := strconv.Atoi(m.find(t, `SELECT count(*)::text FROM security_events WHERE action = $1`, action))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := told("user.new-sign-in")
	b := m.browser(t)
	for range 2 {
		b.signedIn(o, "")
	}
	if got := told("user.new-provider-sign-in"); got != 1 {
		t.Errorf("two sign-ins in one browser were told %d times", got)
	}
	link := m.notMe(t, owner.Email, "The provider of Organization "+o.Slug+" signed somebody in to your account")
	// To the account itself the same browser is new.
	b.signInHere(owner)
	for range 12 {
		m.signsIn(t, o)
	}
	if got := told("user.new-provider-sign-in"); got != 10 {
		t.Errorf("sign-ins in more browsers were told %d times, want ten in a day", got)
	}
	// Another organization's provider is counted for itself: this one's noise does not make it silent.
	other := owner.organization(t)
	other.connect(t, l.URL, false)
	if p := owner.linked(t, other); p.Status != http.StatusOK {
		t.Fatalf("not linked: %d %s", p.Status, p.Body)
	}
	own := told("user.new-sign-in")
	m.signsIn(t, other)
	if got := told("user.new-provider-sign-in"); got != 11 {
		t.Errorf("with one of another organization's provider %d were told, want 11", got)
	}
	before += own - before - 1 // linking signed in from a new browser too
	b = m.browser(t)
	b.signInHere(owner)
	if got := told("user.new-sign-in"); got != before+2 {
		t.Errorf("%d sign-ins from new browsers were told, before %d", got, before)
	}
	m.report(t, link, false)
	if p := m.browser(t).signIn(o, ""); p.Status == http.StatusSeeOther {
		t.Error("the provider opens a locked account")
	}
	// Whom only the provider knows has no address to tell.
	l.claims(map[string]any{"sub": "nobody else"})
	m.signsIn(t, o)
	if got := told("user.new-provider-sign-in"); got != 11 {
		t.Errorf("an account without an address: %d", got)
	}
}
