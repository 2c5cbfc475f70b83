package graph_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"muster/org"
)

func readSchema(t *testing.T) *ast.Schema {
	t.Helper()
	raw, err := os.ReadFile("../schema.graphqls")
	if err != nil {
		t.Fatal(err)
	}
	schema, err := gqlparser.LoadSchema(&ast.Source{Name: "schema.graphqls", Input: string(raw)})
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// The schema's permissions are the gate's.
func TestPermissions(t *testing.T) {
	t.Parallel()
	schema := readSchema(t)
	var names []org.Permission
	for _, value := range schema.Types["Permission"].EnumValues {
		names = append(names, org.Permission(value.Name))
	}
	slices.Sort(names)
	if !slices.Equal(names, org.Permissions) {
		t.Errorf("the schema has %q, the gate %q", names, org.Permissions)
	}
}

// The schema is written for the client's developer: every type, field, argument and value says what it is.
func TestEverythingIsDescribed(t *testing.T) {
	t.Parallel()
	schema := readSchema(t)
	check := func(what, description string) {
		if strings.TrimSpace(description) == "" {
			t.Errorf("%s has no description", what)
		}
	}
	for name, def := range schema.Types {
		if def.BuiltIn || strings.HasPrefix(name, "__") {
			continue
		}
		check(name, def.Description)
		for _, value := range def.EnumValues {
			check(name+"."+value.Name, value.Description)
		}
		for _, field := range def.Fields {
			if strings.HasPrefix(field.Name, "__") {
				continue
			}
			check(name+"."+field.Name, field.Description)
			for _, argument := range field.Arguments {
				check(name+"."+field.Name+"("+argument.Name+":)", argument.Description)
			}
		}
	}
}
