package transport_test

import (
	"encoding/json"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"

	"muster/server/transport"
)

// Whatever the document, the limits answer, and what they let through has no more tokens and
// nests no deeper than they say, by a count that spreads fragments out one by one.
func FuzzLimits(f *testing.F) {
	for _, seed := range []string{
		introspectionQuery, doubling(5), nested(11), "{...F} fragment F on Query{...F}", "mutation{a:signIn b:signIn}", "{", "#",
	} {
		f.Add(seed)
	}
	limits := transport.DefaultLimits()
	f.Fuzz(func(t *testing.T, query string) {
		if limits.Check(query) != nil {
			return
		}
		document, err := parser.ParseQuery(&ast.Source{Input: query})
		if err != nil {
			return
		}
		fields := 0
		for _, operation := range document.Operations {
			count(t, document, operation.SelectionSet, 1, &fields, nil)
		}
		if fields > limits.Fields {
			t.Errorf("%d fields were let through", fields)
		}
	})
}

// count counts fields the slow way. Fragments that spread themselves are taken once, and what is
// inside introspection is left out.
func count(t *testing.T, document *ast.QueryDocument, set ast.SelectionSet, depth int, fields *int, inside []string) {
	t.Helper()
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			*fields++
			if depth > 10 {
				t.Fatalf("depth %d was let through", depth)
			}
			if selection.Name != "__schema" && selection.Name != "__type" {
				count(t, document, selection.SelectionSet, depth+1, fields, inside)
			}
		case *ast.InlineFragment:
			count(t, document, selection.SelectionSet, depth, fields, inside)
		case *ast.FragmentSpread:
			for _, name := range inside {
				if name == selection.Name {
					return
				}
			}
			if fragment := document.Fragments.ForName(selection.Name); fragment != nil {
				count(t, document, fragment.SelectionSet, depth, fields, append(inside[:len(inside):len(inside)], selection.Name))
			}
		}
	}
}

// Whatever a client sends as a request, reading it neither panics nor answers nothing.
func FuzzDecodeRequest(f *testing.F) {
	for _, seed := range []string{
		`{"query":"{ping}","variables":{"a":1e999},"operationName":null}`, `[]`, `{"query":1}`, ``, "\xff", `{"variables":[[[`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		params, err := transport.DecodeRequest(data)
		if (params == nil) == (err == nil) {
			t.Errorf("got %v and %v", params, err)
		}
	})
}

// Whatever a client sends over a socket, it is a message or has a problem that can be named.
func FuzzDecodeMessage(f *testing.F) {
	for _, seed := range []string{
		`{"type":"ping","payload":null}`, `{"type":"subscribe","id":"1","payload":{"query":"{ping}"}}`, `{"type":"complete","id":"\ud800"}`, `null`, `{"payload": 1}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		kind, problem := transport.DecodeMessage(data)
		if problem == "" && kind == "" {
			t.Error("a message without a type was let through")
		}
	})
}

// Whatever the payload of connection_init, what it names is a token, nothing, or what fits nobody: never a guess which of
// two was meant.
func FuzzAuthorization(f *testing.F) {
	for _, seed := range []string{
		`{"authorization":"Bearer x"}`, `{"Authorization":"Bearer x","authorization":"Bearer y"}`, `{"authorization":1}`, `{"authorization":null}`, `{"authorization":["Bearer x"]}`, `{}`, `null`, `{"authorization":""}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var payload map[string]any
		if json.Unmarshal(data, &payload) != nil {
			return
		}
		named := []any{}
		for name, value := range payload {
			if strings.EqualFold(name, "authorization") && value != nil {
				named = append(named, value)
			}
		}
		got := transport.Authorization(payload)
		switch {
		case len(named) == 0 && got != "":
			t.Errorf("%s names nobody and gives %q", data, got)
		case len(named) == 1:
			if text, ok := named[0].(string); ok && got != text || !ok && (got == "" || !strings.Contains(got, " ")) {
				t.Errorf("%s gives %q", data, got)
			}
		case len(named) > 1 && (got == "" || !strings.Contains(got, " ")):
			t.Errorf("%s names several and gives %q", data, got)
		}
	})
}

// Whatever the Accept header, one of the two media types is chosen; where it is said to be acceptable, the header names it or a
// wildcard of it, and not with q=0 everywhere.
func FuzzNegotiate(f *testing.F) {
	for _, seed := range []string{
		"", "application/json", "application/graphql-response+json, application/json;q=0.9", "*/*;q=0", "text/html", "application/*", "application/json;q=nan",
		"application/json;q=1e999", "application/json;q=-1,*/*;q=0.1", ",,;", "application/json;q=0,application/graphql-response+json;q=0", "APPLICATION/JSON",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, accept string) {
		media, acceptable := transport.Negotiate(accept)
		if media != "application/json" && media != "application/graphql-response+json" {
			t.Errorf("%q chooses %q", accept, media)
		}
		lower := strings.ToLower(accept)
		named := strings.Contains(lower, media) || media == "application/json" && (strings.Contains(lower, "application/*") || strings.Contains(lower, "*/*"))
		if acceptable && strings.TrimSpace(accept) != "" && !named {
			t.Errorf("%q is said to accept %q", accept, media)
		}
		if strings.TrimSpace(accept) == "" && !acceptable {
			t.Errorf("%q accepts nothing", accept)
		}
	})
}

// Whatever the query string of a GET, it is refused with a status of its own, or read as what a JSON body with the same members
// would be read as.
func FuzzFromURL(f *testing.F) {
	for _, seed := range []string{
		"query={ping}", "query=%7Bping%7D&variables={%22a%22:1}&operationName=A", "query={ping}&variables=[1]", "query=%ZZ", "variables={}", "query={ping}&variables=null",
		"query={a}&query={b}", "query={ping};variables={}", "query={ping}&extensions={%22a%22:%22%5Cu0000%22}", "query=%00", "query=%ff",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		params, status := transport.FromURL(raw)
		if params == nil {
			if status != 400 && status != 414 {
				t.Errorf("%q is refused with %d", raw, status)
			}
			return
		}
		values, err := url.ParseQuery(raw)
		if err != nil || params.Query != values.Get("query") || params.OperationName != values.Get("operationName") {
			t.Errorf("%q was read as %+v", raw, params)
		}
		for name, got := range map[string]map[string]any{"variables": params.Variables, "extensions": params.Extensions} {
			var want map[string]any
			decoder := json.NewDecoder(strings.NewReader(values.Get(name)))
			decoder.UseNumber()
			if text := values.Get(name); text != "" && decoder.Decode(&want) != nil {
				t.Errorf("%q: %s %q was taken", raw, name, text)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%q: %s are %v, want %v", raw, name, got, want)
			}
		}
	})
}
