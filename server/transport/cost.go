package transport

import (
	"maps"
	"slices"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// maxIntrospectionLists is graphql-js's MaxIntrospectionDepth: fewer than this many of
// introspectionLists may nest, or one small document makes a schema's whole graph unfold.
const maxIntrospectionLists = 3

var introspectionLists = map[string]bool{
	"fields": true, "interfaces": true, "possibleTypes": true, "inputFields": true,
}

// cost is what a selection set asks for with its fragments spread out.
type cost struct {
	fields       int // outside introspection
	introspected int // inside
	aliases      int
	directives   int
	depth        int // fields that nest outside introspection
	lists        int // introspectionLists that nest
}

// most is where counting stops: twenty fragments that each spread the next one fifty times are
// more than an int holds, and every limit is far below.
const most = 1 << 30

func (c *cost) add(other cost) {
	c.fields = min(most, c.fields+other.fields)
	c.introspected = min(most, c.introspected+other.introspected)
	c.aliases = min(most, c.aliases+other.aliases)
	c.directives = min(most, c.directives+other.directives)
	c.depth = max(c.depth, other.depth)
	c.lists = max(c.lists, other.lists)
}

// spread is one way that a fragment is used: a field inside introspection counts elsewhere.
type spread struct {
	fragment string
	inside   bool
}

// costs works out each fragment once for each way, however often it is spread, and takes a
// fragment that spreads itself for empty there: validation refuses it right after.
type costs struct {
	fragments ast.FragmentDefinitionList
	known     map[spread]cost
}

func (c *costs) of(set ast.SelectionSet, inside bool) cost {
	var total cost
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			total.add(c.ofField(selection, inside))
		case *ast.InlineFragment:
			total.add(cost{directives: len(selection.Directives)})
			total.add(c.of(selection.SelectionSet, inside))
		case *ast.FragmentSpread:
			total.add(cost{directives: len(selection.Directives)})
			total.add(c.ofFragment(selection.Name, inside))
		}
	}
	return total
}

func (c *costs) ofField(field *ast.Field, inside bool) cost {
	introspects := inside || field.Name == "__schema" || field.Name == "__type"
	total := c.of(field.SelectionSet, introspects)
	own := cost{directives: len(field.Directives)}
	if field.Alias != field.Name {
		own.aliases = 1
	}
	if inside {
		own.introspected = 1
		if introspectionLists[field.Name] {
			total.lists++
		}
	} else {
		own.fields = 1
		total.depth = min(most, total.depth+1)
	}
	total.add(own)
	return total
}

func (c *costs) ofFragment(name string, inside bool) cost {
	key := spread{name, inside}
	if known, ok := c.known[key]; ok {
		return known
	}
	c.known[key] = cost{}
	fragment := c.fragments.ForName(name)
	if fragment == nil {
		return cost{}
	}
	total := c.of(fragment.SelectionSet, inside)
	c.known[key] = total
	return total
}

// checkDocument holds a parsed document against the limits.
func (l Limits) checkDocument(document *ast.QueryDocument) *gqlerror.Error {
	if len(document.Fragments) > l.Fragments {
		return tooLarge("has %d fragments, and the limit is %d", len(document.Fragments), l.Fragments)
	}
	written := writtenIn(document)
	switch {
	case written.fields > l.Fields:
		return tooLarge("has %d fields, and the limit is %d", written.fields, l.Fields)
	case written.directives > l.Directives:
		return tooLarge("has %d directives, and the limit is %d", written.directives, l.Directives)
	case written.deferred:
		return refusal(codeBadInput, "@defer is not supported: leave it out.")
	}

	all := costs{fragments: document.Fragments, known: map[spread]cost{}}
	var total cost
	for _, operation := range document.Operations {
		total.add(cost{directives: len(operation.Directives)})
		total.add(all.of(operation.SelectionSet, false))
	}
	switch {
	case total.depth > l.Depth:
		return tooLarge("nests %d fields deep, and the limit is %d", total.depth, l.Depth)
	case total.aliases > l.Aliases:
		return tooLarge("has %d aliases with its fragments spread out, and the limit is %d", total.aliases, l.Aliases)
	case total.directives > l.Directives:
		return tooLarge("has %d directives with its fragments spread out, and the limit is %d", total.directives, l.Directives)
	case total.fields > l.Fields:
		return tooLarge("has %d fields with its fragments spread out, and the limit is %d", total.fields, l.Fields)
	case total.introspected > l.IntrospectionFields:
		return tooLarge("asks for %d fields of the schema, and the limit is %d", total.introspected, l.IntrospectionFields)
	case total.lists >= maxIntrospectionLists:
		return tooLarge("nests %d lists of the schema (fields, interfaces, possibleTypes, inputFields), and the limit is %d",
			total.lists, maxIntrospectionLists-1)
	}
	return l.checkOnce(document)
}

// written is what a document says, without spreading fragments out: validation goes through
// fragments that nothing spreads, too.
type written struct {
	fields     int
	directives int
	deferred   bool
}

func writtenIn(document *ast.QueryDocument) written {
	var total written
	var walk func(ast.SelectionSet)
	directives := func(list ast.DirectiveList) {
		total.directives += len(list)
		// gqlgen knows @defer without being asked, and would answer the first part only.
		total.deferred = total.deferred || list.ForName("defer") != nil
	}
	walk = func(set ast.SelectionSet) {
		for _, selection := range set {
			switch selection := selection.(type) {
			case *ast.Field:
				total.fields++
				directives(selection.Directives)
				walk(selection.SelectionSet)
			case *ast.InlineFragment:
				directives(selection.Directives)
				walk(selection.SelectionSet)
			case *ast.FragmentSpread:
				directives(selection.Directives)
			}
		}
	}
	for _, operation := range document.Operations {
		directives(operation.Directives)
		for _, variable := range operation.VariableDefinitions {
			directives(variable.Directives)
		}
		walk(operation.SelectionSet)
	}
	for _, fragment := range document.Fragments {
		directives(fragment.Directives)
		walk(fragment.SelectionSet)
	}
	return total
}

// checkOnce refuses a mutation that names a root field of the Once list twice, under whatever
// aliases, in whatever fragments, skipped or not.
func (l Limits) checkOnce(document *ast.QueryDocument) *gqlerror.Error {
	if len(l.Once) == 0 {
		return nil
	}
	for _, operation := range document.Operations {
		if operation.Operation != ast.Mutation {
			continue
		}
		times := map[string]int{}
		countRoot(document, operation.SelectionSet, times, map[string]bool{})
		for _, name := range slices.Sorted(maps.Keys(times)) {
			if l.Once[name] && times[name] > 1 {
				return refusal(codeTooLarge, "%s may be asked for once in an operation, and it is there %d times. "+
					"Send one operation for each.", name, times[name])
			}
		}
	}
	return nil
}

// countRoot counts the root fields. A fragment counts once, as execution takes it once.
func countRoot(document *ast.QueryDocument, set ast.SelectionSet, times map[string]int, visited map[string]bool) {
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			times[selection.Name]++
		case *ast.InlineFragment:
			countRoot(document, selection.SelectionSet, times, visited)
		case *ast.FragmentSpread:
			if visited[selection.Name] {
				continue
			}
			visited[selection.Name] = true
			if fragment := document.Fragments.ForName(selection.Name); fragment != nil {
				countRoot(document, fragment.SelectionSet, times, visited)
			}
		}
	}
}
