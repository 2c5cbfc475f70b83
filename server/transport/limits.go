package transport

import (
	"context"
	"fmt"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/lexer"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

// Limits bound what one document may ask for. All but the complexity are checked on the parsed
// document before it is validated, because validation is where a hostile document is slow (the
// rule that fields can be merged is quadratic). Counts are taken over all operations of a
// document with its fragments spread out, so that a fragment hides nothing. What is over a limit
// is refused with QUERY_TOO_LARGE and a sentence that names the limit.
type Limits struct {
	// Tokens bounds the document's tokens, comments among them.
	Tokens int
	// Depth bounds how deep fields nest, outside __schema and __type. The root's fields are 1.
	Depth int
	// Aliases bounds the fields that carry an alias.
	Aliases int
	// Directives bounds the directives on fields, fragments and operations.
	Directives int
	// Fragments bounds the fragment definitions.
	Fragments int
	// Fields bounds the fields outside __schema and __type, and the fields as written everywhere.
	Fields int
	// Introspection turns introspection on. When it is off, error messages suggest no names of
	// the schema either.
	Introspection bool
	// IntrospectionFields bounds the fields inside __schema and __type. The standard
	// introspection query has about 220 of them once its fragments are spread out.
	IntrospectionFields int
	// Complexity bounds the operation's complexity as gqlgen counts it; a field's cost is the
	// schema's. It is the one limit that needs a valid document. 0 means none.
	Complexity int
	// Once names root fields of mutations that may occur once in an operation. Many guesses
	// in one request are many operations; the answer is to send them one by one, as for every
	// other limit here, hence the same code.
	Once map[string]bool
}

// DefaultLimits are the limits of the API without a complexity limit and without a Once list.
// Tokens, aliases and directives are the ceilings that graphql-armor takes by default.
func DefaultLimits() Limits {
	return Limits{
		Tokens: 1000, Depth: 10, Aliases: 15, Directives: 50, Fragments: 20, Fields: 200,
		Introspection: true, IntrospectionFields: 500,
	}
}

// Apply makes a gqlgen server keep the limits. It is called once, before the server serves.
func (l Limits) Apply(server *handler.Server) {
	server.SetParserTokenLimit(l.Tokens)
	server.SetDisableSuggestion(!l.Introspection)
	if l.Introspection {
		server.Use(extension.Introspection{})
	} else {
		server.SetValidationRulesFn(rulesWithoutSuggestions)
	}
	// Parsing and validating is a fifth of a page's work, and the same for a document that came before.
	server.SetQueryCache(lru.New[*ast.QueryDocument](acceptedDocuments))
	server.Use(&guard{limits: l, accepted: lru.New[struct{}](acceptedDocuments)})
	if l.Complexity > 0 {
		server.Use(complexity{extension.FixedComplexityLimit(l.Complexity), lru.New[struct{}](acceptedDocuments)})
	}
}

// rulesWithoutSuggestions are the rules of validation whose messages name nothing of the schema
// that the client has not named. gqlgen exchanges two of them by itself, and these are the others.
func rulesWithoutSuggestions() *rules.Rules {
	set := rules.NewDefaultRules()
	set.ReplaceRule(rules.KnownArgumentNamesRule.Name, rules.KnownArgumentNamesRuleWithoutSuggestions.RuleFunc)
	set.ReplaceRule(rules.KnownTypeNamesRule.Name, rules.KnownTypeNamesRuleWithoutSuggestions.RuleFunc)
	set.ReplaceRule(rules.ValuesOfCorrectTypeRule.Name, rules.ValuesOfCorrectTypeRuleWithoutSuggestions.RuleFunc)
	return set
}

// acceptedDocuments is how many documents are remembered, parsed. Clients send few different ones, and whoever sends a
// thousand of the largest takes no more than some 50 MB with what is kept of them.
const acceptedDocuments = 250

// guard parses a document by itself, ahead of the executor: gqlgen has no hook between parsing
// and validation. Bounded by the token limit that costs microseconds, and a document that was
// accepted before is known by its text.
type guard struct {
	limits   Limits
	accepted *lru.LRU[struct{}]
}

var _ interface {
	graphql.HandlerExtension
	graphql.OperationParameterMutator
} = &guard{}

// ExtensionName names the extension in gqlgen's messages.
func (g *guard) ExtensionName() string { return "Limits" }

// Validate accepts every schema.
func (g *guard) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationParameters refuses a document that is over a limit. It changes nothing.
func (g *guard) MutateOperationParameters(ctx context.Context, request *graphql.RawParams) *gqlerror.Error {
	if _, known := g.accepted.Get(ctx, request.Query); known {
		return nil
	}
	if err := g.limits.check(request.Query); err != nil {
		return err
	}
	g.accepted.Add(ctx, request.Query, struct{}{})
	return nil
}

// check refuses a document that is over a limit. What does not parse is left to the executor,
// whose message says where.
func (l Limits) check(query string) *gqlerror.Error {
	document, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: query}, l.Tokens)
	if err != nil {
		if l.Tokens > 0 && moreTokens(query, l.Tokens) {
			return tooLarge("has more than %d tokens", l.Tokens)
		}
		return nil
	}
	return l.checkDocument(document)
}

// moreTokens counts a document's tokens until there are more than the limit. The parser tells
// that case from a mistake only by the text of its message.
func moreTokens(query string, limit int) bool {
	tokens := lexer.New(&ast.Source{Input: query})
	for range limit + 1 {
		if token, err := tokens.ReadToken(); err != nil || token.Kind == lexer.EOF {
			return false
		}
	}
	return true
}

func tooLarge(format string, args ...any) *gqlerror.Error {
	return refusal(codeTooLarge, "The document %s. Ask for less at once.", fmt.Sprintf(format, args...))
}

// complexity is gqlgen's complexity limit with this API's code. It counts a document once: only a number that a variable
// brings, such as a page's size, can make the same document cost something else.
type complexity struct {
	*extension.ComplexityLimit

	accepted *lru.LRU[struct{}]
}

// MutateOperationContext refuses an operation that is too complex.
func (c complexity) MutateOperationContext(ctx context.Context, operation *graphql.OperationContext) *gqlerror.Error {
	key := operation.OperationName + "\x00" + operation.RawQuery
	if _, known := c.accepted.Get(ctx, key); known {
		return nil
	}
	if c.ComplexityLimit.MutateOperationContext(ctx, operation) == nil {
		if !brings(operation.Operation.VariableDefinitions) {
			c.accepted.Add(ctx, key, struct{}{})
		}
		return nil
	}
	stats, _ := operation.Stats.GetExtension(c.ExtensionName()).(*extension.ComplexityStats)
	if stats == nil {
		return tooLarge("is too complex")
	}
	return tooLarge("has a complexity of %d, and the limit is %d", stats.Complexity, stats.ComplexityLimit)
}

// brings says whether the variables can bring a number: all can but ids, texts, switches and names.
func brings(variables ast.VariableDefinitionList) bool {
	for _, variable := range variables {
		switch kind := variable.Definition; {
		case kind.Kind == ast.Enum:
		case kind.Name == "ID", kind.Name == "String", kind.Name == "Boolean":
		default:
			return true
		}
	}
	return false
}
