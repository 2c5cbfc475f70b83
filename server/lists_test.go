package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"

	"muster/graph"
	"muster/graph/generated"
	"muster/graph/list"
	"muster/server/transport"
	"muster/server/web"
)

// executor answers operations of a session without HTTP around them, lists the quick or the slow way.
type executor struct {
	m       *muster
	handler http.Handler
}

func (m *muster) executor() executor {
	handler := graph.NewHandler(m.App, slog.New(slog.DiscardHandler), web.RequestID)
	handler.AddTransport(transport.HTTP{})
	return executor{m: m, handler: handler}
}

// ask gives an answer's data, and its errors in an order of their own: elements run at once on the slow way.
func (e executor) ask(t testing.TB, token, query string, trace *list.Trace) (data string, errs []string) {
	t.Helper()
	ctx := list.WithTrace(e.m.as(t, token), trace)
	body, err := json.Marshal(map[string]any{"query": query})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/graphql", bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	e.handler.ServeHTTP(w, r)
	var answer struct {
		Data   json.RawMessage
		Errors []json.RawMessage
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatalf("%s: %v", w.Body, err)
	}
	for _, e := range answer.Errors {
		errs = append(errs, string(e))
	}
	slices.Sort(errs)
	return string(answer.Data), errs
}

// TestListsAreTheSameBothWays asks random questions the quick and the slow way: the answers have to be the same to the byte.
func TestListsAreTheSameBothWays(t *testing.T) {
	t.Parallel()
	m := start(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	questions := questioner{schema: generated.NewExecutableSchema(generated.Config{}).Schema(), random: rand.New(rand.NewPCG(seed, 0))}

	owner, o := m.owner(t)
	team := o.createTeam(t, "quick")
	member := m.someone(t, "Zoë")
	o.join(t, member, "MEMBER", team)
	o.join(t, m.signUp(t, "Rex"), "ADMIN", team, o.createTeam(t, "slow"))
	o.invite(t, owner, "not-yet@people.example", "MANAGER")
	m.exec(t, `UPDATE users SET name = E'O\'Neil "the <b>" \\ & Söhne\t\x7f\u2028' WHERE email = $1`, member.Email)
	o.require(t, true)

	e, compared, trace := m.executor(), 0, list.Trace{}
	for range 150 {
		root, kind := fmt.Sprintf("organization(slug: %q)", o.Slug), "Organization"
		if questions.random.IntN(3) == 0 {
			root, kind = "viewer", "User"
		}
		query := fmt.Sprintf("query ($yes: Boolean! = true, $no: Boolean! = false) { %s %s }", root, questions.selection(kind, 4))
		for _, p := range []*person{owner, member} {
			slow, slowErrs := e.ask(t, p.Token, query, &list.Trace{Slow: true})
			quick, quickErrs := e.ask(t, p.Token, query, &trace)
			if quick == slow && slices.Equal(quickErrs, slowErrs) {
				compared++
				continue
			}
			// Some fields tell of the present minute: only what is the same twice can be compared.
			if again, _ := e.ask(t, p.Token, query, &list.Trace{Slow: true}); again == slow {
				t.Fatalf("%s\nslow:  %s\n       %s\nquick: %s\n       %s", query, slow, slowErrs, quick, quickErrs)
			}
		}
	}
	if compared < 280 || trace.Quick.Load() < 100 {
		t.Errorf("%d of 300 answers were compared, with %d lists that went the quick way", compared, trace.Quick.Load())
	}
	t.Logf("%d lists went the quick way", trace.Quick.Load())
}

// TestHotListsGoTheQuickWay: the pages that dashboards show most must not fall back unseen, as after a field has become a
// resolver.
func TestHotListsGoTheQuickWay(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner, o := m.owner(t)
	e := m.executor()
	for name, query := range map[string]string{
		"members": `{ organization(slug: %q) { members { nodes { id role status twoFactor lastSeenAt teams { name } user { id name email } } pageInfo { endCursor hasNextPage } } } }`,
		"edges":   `{ organization(slug: %q) { members { edges { cursor node { id name email } } } } }`,
		"log":     `{ organization(slug: %q) { auditLog { nodes { id sequence action actorLabel targetLabel message ipAddress userAgent data createdAt actor { __typename ... on User { id name } } } } } }`,
	} {
		var trace list.Trace
		if data, errs := e.ask(t, owner.Token, fmt.Sprintf(query, o.Slug), &trace); len(errs) > 0 || trace.Quick.Load() == 0 {
			t.Errorf("%s: %d lists went the quick way: %s %s", name, trace.Quick.Load(), data, errs)
		}
	}
}

// questioner makes random selections that the schema allows.
type questioner struct {
	schema *ast.Schema
	random *rand.Rand
}

// selection is what a random question asks of a type, and of what it leads to.
func (q questioner) selection(kind string, depth int) string {
	definition := q.schema.Types[kind]
	if definition.IsAbstractType() {
		var b strings.Builder
		b.WriteString("{ __typename")
		for _, possible := range q.schema.GetPossibleTypes(definition) {
			if q.random.IntN(2) == 0 {
				fmt.Fprintf(&b, " ... on %s %s", possible.Name, q.selection(possible.Name, depth-1))
			}
		}
		return b.String() + " }"
	}
	var b strings.Builder
	b.WriteString("{ ")
	fmt.Fprintf(&b, "t%d: __typename ", q.random.IntN(3))
	for n, field := range definition.Fields {
		if strings.HasPrefix(field.Name, "__") || q.random.IntN(3) > 0 || slices.ContainsFunc(field.Arguments, func(a *ast.ArgumentDefinition) bool { return a.Type.NonNull && a.DefaultValue == nil }) {
			continue
		}
		inner := q.schema.Types[field.Type.Name()]
		text := field.Name
		if q.random.IntN(3) == 0 {
			text = fmt.Sprintf("a%d: %s", n, text)
		}
		switch q.random.IntN(6) {
		case 0:
			text += " @include(if: $yes)"
		case 1:
			text += " @skip(if: $yes)"
		case 2:
			text += " @skip(if: $no)"
		}
		if !inner.IsLeafType() {
			if depth <= 0 {
				continue
			}
			text += " " + q.selection(inner.Name, depth-1)
			// The same once more, with something else: the two are one.
			if q.random.IntN(4) == 0 && !strings.Contains(text, "@") {
				head, _, _ := strings.Cut(text, " {")
				text += " " + head + " " + q.selection(inner.Name, 0)
			}
		}
		if q.random.IntN(5) == 0 {
			text = fmt.Sprintf("... on %s { %s }", kind, text)
		}
		b.WriteString(text + " ")
	}
	return b.String() + "}"
}
