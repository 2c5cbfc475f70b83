package main

import (
	"maps"
	"net/http"
	"slices"
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
