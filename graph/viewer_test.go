package graph_test

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
)

// Only a resolver, or a method that takes a context, can know who asks. So what such a field of an object shows depends on
// the viewer, and so may everything below it: each carries @perViewer, that no document which can reach it is executed for
// several. The streams themselves know their callers by the scope that is part of the key; the viewer's own place is nobody
// else's.
func TestWhoeverKnowsTheViewerIsMarked(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("generated/exec.go")
	if err != nil {
		t.Fatal(err)
	}
	knows := []string{"Subscription.viewerMember"}
	method := regexp.MustCompile(`(?ms)^func \(ec \*executionContext\) _([A-Z]\w*?)_(\w+)\(ctx[^\n]*\n(.*?)^}`)
	asks := regexp.MustCompile(`ec\.Resolvers\.|obj\.\w+\(ctx`)
	for _, field := range method.FindAllStringSubmatch(string(raw), -1) {
		root := field[1] == "Query" || field[1] == "Mutation" || field[1] == "Subscription"
		if !root && asks.MatchString(field[3]) {
			knows = append(knows, field[1]+"."+field[2])
		}
	}
	if len(knows) < 30 || !slices.Contains(knows, "AuditLogEntry.target") || !slices.Contains(knows, "MemberRemoved.member") {
		t.Fatalf("the generated code is not read right: %q", knows)
	}
	schema := readSchema(t)
	var marked []string
	for name, def := range schema.Types {
		for _, field := range def.Fields {
			if field.Directives.ForName("perViewer") != nil {
				marked = append(marked, name+"."+field.Name)
			}
		}
		if def.Kind == ast.Interface {
			for _, field := range def.Fields {
				for _, object := range schema.GetPossibleTypes(def) {
					if slices.Contains(knows, object.Name+"."+field.Name) && field.Directives.ForName("perViewer") == nil {
						t.Errorf("%s.%s is not marked, and %s.%[2]s knows the viewer", name, field.Name, object.Name)
					}
				}
			}
		}
	}
	slices.Sort(knows)
	slices.Sort(marked)
	if !slices.Equal(knows, marked) {
		t.Errorf("these know the viewer:\n%q\nand these are marked @perViewer:\n%q", knows, marked)
	}
}
