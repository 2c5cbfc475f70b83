package transport_test

import (
	"fmt"
	"strings"
	"testing"

	"muster/server/transport"
)

// introspectionQuery is what graphql-js 16 makes for getIntrospectionQuery() with all its options.
const introspectionQuery = `query IntrospectionQuery { __schema { description queryType { name } mutationType { name }
subscriptionType { name } types { ...FullType } directives { name description isRepeatable locations
args(includeDeprecated: true) { ...InputValue } } } }
fragment FullType on __Type { kind name description specifiedByURL isOneOf fields(includeDeprecated: true) { name description
args(includeDeprecated: true) { ...InputValue } type { ...TypeRef } isDeprecated deprecationReason }
inputFields(includeDeprecated: true) { ...InputValue } interfaces { ...TypeRef }
enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason } possibleTypes { ...TypeRef } }
fragment InputValue on __InputValue { name description type { ...TypeRef } defaultValue isDeprecated deprecationReason }
fragment TypeRef on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType
{ kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } } } }`

// nested is a document n fields deep.
func nested(n int) string {
	return strings.Repeat("{node", n-1) + "{id" + strings.Repeat("}", n)
}

// many is n of something, each with its own number.
func many(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format+" ", i)
	}
	return b.String()
}

// doubling is a document whose fragments each spread the next one twice: 2^(n-1) fields.
func doubling(n int) string { return multiplying(n, 2) }

// multiplying is a document whose n fragments each spread the next one so many times.
func multiplying(n, times int) string {
	var b strings.Builder
	b.WriteString("{node{...f0}}")
	for i := range n - 1 {
		fmt.Fprintf(&b, "fragment f%d on Node{%s}", i, strings.Repeat(fmt.Sprintf("...f%d ", i+1), times))
	}
	fmt.Fprintf(&b, "fragment f%d on Node{id}", n-1)
	return b.String()
}

func TestLimits(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(_ *api, _ *transport.WebSocket, _ *transport.HTTP, l *transport.Limits) {
		l.Complexity = 150
		l.Once = map[string]bool{"signIn": true}
	})
	const tooLarge = "QUERY_TOO_LARGE"
	for _, test := range []struct{ name, query, code, says string }{
		{"depth 10", "{node" + nested(9) + "}", "", ""},
		{"depth 11", "{node" + nested(10) + "}", tooLarge, "11 fields deep, and the limit is 10"},
		{"depth 11 in a fragment", "{node{node{...F}}} fragment F on Node" + nested(9), tooLarge, "11 fields deep"},
		{"depth in inline fragments does not count", "{node" + strings.Repeat("{...on Node", 30) + "{id}" + strings.Repeat("}", 31), "", ""},
		{"depth in an operation that is not chosen", "query A{ping} query B{node" + nested(11) + "}", tooLarge, "deep"},
		{"15 aliases", "{" + many(15, "a%d:ping") + "}", "", ""},
		{"16 aliases", "{" + many(16, "a%d:ping") + "}", tooLarge, "16 aliases"},
		{"16 aliases by spreading 8 twice", "{node{...F node{...F}}} fragment F on Node{" + many(8, "a%d:id") + "}", tooLarge, "16 aliases"},
		{"50 directives", "{" + strings.Repeat("ping @include(if:true) ", 50) + "}", "", ""},
		{"51 directives", "{" + strings.Repeat("ping @include(if:true) ", 51) + "}", tooLarge, "51 directives"},
		{"51 directives on one field", "{ping" + strings.Repeat(" @skip(if:true)", 51) + "}", tooLarge, "51 directives"},
		{"60 directives by spreading 30 twice", "{node{...F node{...F}}} fragment F on Node{" + strings.Repeat("id @skip(if:false) ", 30) + "}", tooLarge, "60 directives"},
		{"20 fragments", "{node{" + many(20, "...F%d") + "}}" + many(20, "fragment F%d on Node{id}"), "", ""},
		{"21 fragments", "{node{" + many(21, "...F%d") + "}}" + many(21, "fragment F%d on Node{id}"), tooLarge, "21 fragments"},
		{"201 fields", "{" + strings.Repeat("ping ", 201) + "}", tooLarge, "201 fields"},
		{"201 fields that nothing spreads", "{ping} fragment F on Node{" + strings.Repeat("id ", 200) + "}", tooLarge, "201 fields"},
		{"fields by doubling", doubling(9), tooLarge, "257 fields with its fragments spread out"},
		{"a million fields by doubling", doubling(20), tooLarge, "fields with its fragments"},
		{"2^64 fields, which is 0 in an int", multiplying(17, 16), tooLarge, "fields with its fragments"},
		{"1000 tokens", "{" + strings.Repeat("ping ", 999) + "}", tooLarge, "more than 1000 tokens"},
		{"tokens of comments", strings.Repeat("#\n", 1000) + "{ping}", tooLarge, "more than 1000 tokens"},
		{"too long and not well-formed", strings.Repeat("{ping ", 1000), tooLarge, "more than 1000 tokens"},
		{"complexity 150", "{" + strings.Repeat("ping ", 150) + "}", "", ""},
		{"complexity 151", "{" + strings.Repeat("ping ", 151) + "}", tooLarge, "complexity of 151, and the limit is 150"},
		{"@defer", "{...@defer{ping}}", "BAD_INPUT", "@defer"},
		{"a fragment that spreads itself", "{node{...F}} fragment F on Node{node{...F}}", "GRAPHQL_VALIDATION_FAILED", ""},
		{"two that spread each other", "{node{...F}} fragment F on Node{...G ...G} fragment G on Node{...F ...F}", "GRAPHQL_VALIDATION_FAILED", ""},
		{"a fragment that is not there", "{node{...F}}", "GRAPHQL_VALIDATION_FAILED", ""},
		{"not well-formed", "{ping", "GRAPHQL_PARSE_FAILED", ""},
		{"empty", "", "GRAPHQL_VALIDATION_FAILED", ""},
		{"the standard introspection query", introspectionQuery, "", ""},
		{"three lists of the schema", "{__schema{types{fields{type{interfaces{fields{name}}}}}}}", tooLarge, "nests 3 lists"},
		{"three lists by fragments", "{__type(name:\"Node\"){...A}} fragment A on __Type{fields{type{...B}}} fragment B on __Type{fields{type{possibleTypes{name}}}}", tooLarge, "nests 3 lists"},
		{"introspection 15 deep", "{__type(name:\"Node\")" + strings.Repeat("{ofType", 15) + "{name}" + strings.Repeat("}", 16), "", ""},
		{"once", "mutation{signIn rename}", "", ""},
		{"twice by aliases", "mutation{a:signIn b:signIn}", tooLarge, "signIn may be asked for once"},
		{"twice by a fragment", "mutation{signIn ...F} fragment F on Mutation{a:signIn}", tooLarge, "it is there 2 times"},
		{"twice by fragments in fragments", "mutation{...F ...on Mutation{b:signIn}} fragment F on Mutation{...G} fragment G on Mutation{a:signIn}", tooLarge, "2 times"},
		{"twice and skipped", "mutation{a:signIn @skip(if:true) b:signIn}", tooLarge, "2 times"},
		{"twice in an operation that is not chosen", "query A{ping} mutation B{a:signIn b:signIn}", tooLarge, "2 times"},
		{"another one twice", "mutation{a:rename b:rename}", "", ""},
		{"the same name in a query", "{a:ping b:ping}", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for range 2 { // The second time the document is known.
				got := a.post(t, test.query)
				if got.code() != test.code {
					t.Fatalf("got %s, want %s: %.300s", got.code(), test.code, got.raw)
				}
				if !strings.Contains(got.raw, test.says) {
					t.Errorf("the message does not say %q: %.300s", test.says, got.raw)
				}
			}
		})
	}
}

// What the guard does with a long document stops at the token limit, however long it is. The
// measure is allocations, which a busy machine does not change (and which forbid t.Parallel).
func TestGuardStopsAtTheTokenLimit(t *testing.T) {
	guardAllocations := func(query string) float64 {
		limits := transport.DefaultLimits()
		return testing.AllocsPerRun(3, func() {
			if err := limits.Check(query); err == nil || err.Extensions["code"] != "QUERY_TOO_LARGE" {
				t.Errorf("not refused: %v", err)
			}
		})
	}
	small := guardAllocations("{" + strings.Repeat("ping ", 1_000) + "}")
	large := guardAllocations("{" + strings.Repeat("ping ", 100_000) + "}")
	if large > small+10 {
		t.Errorf("a document 100 times as long costs %.0f allocations instead of %.0f", large, small)
	}
}

// The first of these takes gqlparser 16 s to validate. None of them gets that far: validation
// starts with a look at the schema, and there is none.
func TestHostileDocumentsAreNotValidated(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	before := a.lookups.Load()
	for _, query := range []string{
		"{" + strings.Repeat("ping ", 8_000) + "}",
		"{" + strings.Repeat("ping ", 900) + "}",
		doubling(20),
		"{" + strings.Repeat("node{", 400) + "id" + strings.Repeat("}", 401),
	} {
		if got := a.post(t, query); got.code() != "QUERY_TOO_LARGE" {
			t.Errorf("%.40s…: got %.200s", query, got.raw)
		}
	}
	if a.lookups.Load() != before {
		t.Error("a document was validated")
	}
	if a.post(t, "{ping}"); a.lookups.Load() == before {
		t.Error("validation does not look at the schema: the test shows nothing")
	}
}

func TestSuggestionsFollowIntrospection(t *testing.T) {
	t.Parallel()
	guesses := []string{
		"{pong}", "{echo(texts:1)}", `{other(kind:SMAL)}`, `{other(filter:{nane:"x"})}`,
		"query($x:Kinds){other(kind:$x)}", "{node}", "{ping @skipp}",
	}
	open := newAPI(t, nil)
	shut := newAPI(t, func(_ *api, _ *transport.WebSocket, _ *transport.HTTP, l *transport.Limits) { l.Introspection = false })
	suggested := 0
	for _, query := range guesses {
		if strings.Contains(open.post(t, query).raw, "Did you mean") {
			suggested++
		}
		got := shut.post(t, query)
		if len(got.Errors) == 0 || strings.Contains(got.raw, "Did you mean") {
			t.Errorf("%s: %s", query, got.raw)
		}
	}
	if suggested < 4 {
		t.Errorf("only %d of the guesses would have been helped: the test shows nothing", suggested)
	}
}
