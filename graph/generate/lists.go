package main

import (
	_ "embed"
	"fmt"
	"go/types"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/99designs/gqlgen/codegen"
	"github.com/99designs/gqlgen/codegen/config"
	"github.com/99designs/gqlgen/codegen/templates"
	"github.com/vektah/gqlparser/v2/ast"
)

//go:embed lists.gotpl
var listsTemplate string

// lists takes the lists of objects, and the connections that lists come in, out of gqlgen's hands before it writes its code, and
// writes methods of the same names that try package list first. gqlgen's code calls them without knowing.
type lists struct{}

// Name is gqlgen's name for the plugin.
func (lists) Name() string { return "lists" }

// GenerateCode writes graph/generated/lists.go.
func (lists) GenerateCode(data *codegen.Data) error {
	g := &listGenerator{Data: data, interfaces: data.Interfaces, wanted: map[string]*codegen.Object{}}
	for _, key := range slices.Sorted(maps.Keys(data.ReferencedTypes)) {
		ref := data.ReferencedTypes[key]
		if ref.Definition.Kind != ast.Object || data.HasBatchFields(ref.Definition.Name) {
			continue
		}
		switch {
		case ref.IsSlice() && !ref.Elem().IsSlice():
			g.Lists = append(g.Lists, ref)
		case g.connection(ref):
			g.Connections = append(g.Connections, ref)
		default:
			continue
		}
		g.want(ref.Definition.Name)
		delete(data.ReferencedTypes, key)
	}
	for _, name := range slices.Sorted(maps.Keys(g.wanted)) {
		g.Objects = append(g.Objects, g.object(g.wanted[name]))
	}
	return templates.Render(templates.Options{
		PackageName:     data.Config.Exec.Package,
		Template:        listsTemplate,
		Filename:        filepath.Join(filepath.Dir(data.Config.Exec.Filename), "lists.go"),
		GeneratedHeader: true,
		Data:            g,
		Packages:        data.Config.Packages,
	})
}

// listGenerator is what the template reads.
type listGenerator struct {
	*codegen.Data

	Lists       []*config.TypeReference
	Connections []*config.TypeReference
	Objects     []listObject

	interfaces map[string]*codegen.Interface
	wanted     map[string]*codegen.Object
}

// listObject is an object type and those of its fields that can be written at once.
type listObject struct {
	*codegen.Object

	Plain []listField
}

// listField is a field with the number by which plans name it.
type listField struct {
	*codegen.Field

	Number int
	g      *listGenerator
}

// want notes that an object type's code is needed, and that of all it leads to.
func (g *listGenerator) want(name string) {
	object := g.Data.Objects.ByName(name)
	if object == nil || g.wanted[name] != nil {
		return
	}
	g.wanted[name] = object
	for _, field := range object.Fields {
		if g.plain(field) {
			for _, inner := range g.possible(field.TypeReference) {
				g.want(inner)
			}
		}
	}
}

func (g *listGenerator) object(object *codegen.Object) listObject {
	out := listObject{Object: object}
	for _, field := range object.Fields {
		if g.plain(field) {
			out.Plain = append(out.Plain, listField{Field: field, Number: len(out.Plain) + 1, g: g})
		}
	}
	return out
}

// connection says whether a nullable object has a page of a list in it, and nothing that could not be written at once.
func (g *listGenerator) connection(ref *config.TypeReference) bool {
	object := g.Data.Objects.ByName(ref.Definition.Name)
	if object == nil || !ref.IsPtr() || ref.GQL.NonNull || ref.Definition.Fields.ForName("pageInfo") == nil {
		return false
	}
	return !slices.ContainsFunc(object.Fields, func(f *codegen.Field) bool { return !f.IsReserved() && !g.plain(f) })
}

// plain says whether a field is a Go field, or a method that cannot fail, and nothing more: what a resolver, an argument or a
// directive has a say in goes the slow way.
func (g *listGenerator) plain(f *codegen.Field) bool {
	method := f.IsMethod() && !f.Object.BuiltIn && f.NoErr && !f.MethodHasContext && !f.VOkFunc
	return (f.IsVariable() || method) && !f.IsResolver && !f.Batch && !f.HasHaser && !f.IsReserved() && len(f.Args) == 0 && len(f.ImplDirectives()) == 0 &&
		g.writable(f.TypeReference)
}

func (g *listGenerator) writable(ref *config.TypeReference) bool {
	switch {
	case ref.IsContext, ref.IsMarshaler, ref.IsOmittable, ref.IsPtrToSlice(), ref.IsPtrToIntf(), ref.IsPtrToPtr():
		return false
	case ref.IsSlice():
		return g.writable(ref.Elem())
	}
	switch ref.Definition.Kind {
	case ast.Object:
		_, isStruct := pointee(ref.GO).Underlying().(*types.Struct)
		return isStruct
	case ast.Interface, ast.Union:
		return types.IsInterface(ref.GO)
	case ast.Scalar, ast.Enum:
		return leaf(ref) != ""
	default:
		return false
	}
}

func pointee(t types.Type) types.Type {
	if p, ok := t.(*types.Pointer); ok {
		return p.Elem()
	}
	return t
}

// leaf is the function of package list that writes a scalar as its marshaler does; "" for one that nobody has looked at.
func leaf(ref *config.TypeReference) string {
	if ref.Marshaler == nil || ref.HasEnumValues() {
		return ""
	}
	return map[string]string{
		"muster/graph/scalar.MarshalString":                  "AppendString",
		"muster/graph/scalar.MarshalID":                      "AppendString",
		"muster/graph/scalar.MarshalTime":                    "AppendTime",
		"github.com/99designs/gqlgen/graphql.MarshalString":  "AppendString",
		"github.com/99designs/gqlgen/graphql.MarshalInt":     "AppendInt",
		"github.com/99designs/gqlgen/graphql.MarshalBoolean": "AppendBool",
		"github.com/99designs/gqlgen/graphql.MarshalMap":     "AppendMap",
	}[ref.Marshaler.FullName()]
}

// possible are the object types that a field can lead to, in the order in which plans have them.
func (g *listGenerator) possible(ref *config.TypeReference) []string {
	switch ref.Definition.Kind {
	case ast.Object:
		return []string{ref.Definition.Name}
	case ast.Interface, ast.Union:
		var names []string
		for _, implementor := range g.interfaces[ref.Definition.Name].Implementors {
			if !slices.Contains(names, implementor.Name) { // by value and by pointer
				names = append(names, implementor.Name)
			}
		}
		return names
	default:
		return nil
	}
}

// Plans are the arguments that make the plans of what a field leads to.
func (f listField) Plans() string {
	var b strings.Builder
	for _, name := range f.g.possible(f.TypeReference) {
		fmt.Fprintf(&b, ", ec.plan%s(field.Selections)", name)
	}
	return b.String()
}

// Append is the code that appends the field's value.
func (f listField) Append() string {
	if f.IsMethod() {
		return "value := v." + f.GoFieldName + "()\n" + f.g.append(f.TypeReference, "value", 0)
	}
	return f.g.append(f.TypeReference, "v."+f.GoFieldName, 0)
}

func (g *listGenerator) append(ref *config.TypeReference, value string, depth int) string {
	absent := "b = list.AppendNull(b)"
	if ref.GQL.NonNull {
		absent = "return b, false" // The slow way has the right error.
	}
	if ref.IsSlice() {
		i := fmt.Sprintf("i%d", depth)
		items := fmt.Sprintf("b = append(b, '[')\nfor %s := range %s {\nif %s > 0 {\nb = append(b, ',')\n}\n%s\n}\nb = append(b, ']')",
			i, value, i, g.append(ref.Elem(), value+"["+i+"]", depth+1))
		if ref.GQL.NonNull {
			return items
		}
		return fmt.Sprintf("if %s == nil {\n%s\n} else {\n%s\n}", value, absent, items)
	}
	switch ref.Definition.Kind {
	case ast.Interface, ast.Union:
		var b strings.Builder
		fmt.Fprintf(&b, "switch t := %s.(type) {\ncase nil:\n%s\n", value, absent)
		for i, name := range g.possible(ref) {
			fmt.Fprintf(&b, "case *%s:\nif t == nil {\n%s\n} else if b, ok = append%s(b, field.Inner[%d], t); !ok {\nreturn b, false\n}\n",
				templates.CurrentImports.LookupType(g.Data.Objects.ByName(name).Type), absent, name, i)
		}
		return b.String() + "default:\nreturn b, false\n}"
	case ast.Object:
		if !ref.IsPtr() {
			return fmt.Sprintf("if b, ok = append%s(b, field.Inner[0], &%s); !ok {\nreturn b, false\n}", ref.Definition.Name, value)
		}
		return fmt.Sprintf("if %s == nil {\n%s\n} else if b, ok = append%s(b, field.Inner[0], %s); !ok {\nreturn b, false\n}",
			value, absent, ref.Definition.Name, value)
	default:
		return scalar(ref, value, absent)
	}
}

// scalar is the code that appends a scalar or an enum.
func scalar(ref *config.TypeReference, value, absent string) string {
	write := func(value string) string {
		function := leaf(ref)
		switch function {
		case "AppendString":
			return fmt.Sprintf("b = list.AppendString(b, string(%s))", value)
		case "AppendTime":
			return fmt.Sprintf("if %s.IsZero() {\n%s\n} else {\nb = list.AppendTime(b, %s)\n}", value, absent, value)
		default:
			return fmt.Sprintf("b = list.%s(b, %s)", function, value)
		}
	}
	if !ref.IsPtr() {
		return write(value)
	}
	return fmt.Sprintf("if %s == nil {\n%s\n} else {\n%s\n}", value, absent, write("(*"+value+")"))
}
