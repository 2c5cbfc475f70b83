// Command generate writes package generated and adds missing resolvers, from schema.graphqls and gqlgen.yml. It is run by
// `go generate ./graph`. It is a command of Muster's own so that plugins can join gqlgen's.
package main

import (
	"fmt"
	"os"
	"regexp"

	"github.com/99designs/gqlgen/api"
	"github.com/99designs/gqlgen/codegen/config"
)

func main() {
	if err := generate(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func generate() error {
	// gqlgen finds the packages from where gqlgen.yml is; go generate starts in the directory of its directive.
	if err := os.Chdir(".."); err != nil {
		return err
	}
	cfg, err := config.LoadConfig("gqlgen.yml")
	if err != nil {
		return fmt.Errorf("read gqlgen.yml: %w", err)
	}
	if err := api.Generate(cfg, api.AddPlugin(lists{})); err != nil {
		return err
	}
	return withoutUnmarshalers(cfg.Exec.Filename)
}

// The part of gqlgen's code that makes a map of all input types for each operation, and its use.
var (
	makesUnmarshalers = regexp.MustCompile(`\tinputUnmarshalMap := graphql\.BuildUnmarshalerMap\([^)]*\)\n`)
	usesUnmarshalers  = regexp.MustCompile(`\t+ctx = graphql\.WithUnmarshalerMap\(ctx, inputUnmarshalMap\)\n`)
)

// withoutUnmarshalers takes out of gqlgen's code what nothing here asks for (graphql.UnmarshalInputFromContext would) and
// what each operation pays with a tenth of its allocations.
func withoutUnmarshalers(file string) error {
	code, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	made, used := makesUnmarshalers.FindAll(code, -1), usesUnmarshalers.FindAll(code, -1)
	if len(made) != 1 || len(used) == 0 {
		return fmt.Errorf("gqlgen makes its map of input types %d times and uses it %d times in %s: look what has become of it", len(made), len(used), file)
	}
	code = usesUnmarshalers.ReplaceAll(makesUnmarshalers.ReplaceAll(code, nil), nil)
	return os.WriteFile(file, code, 0o644) //nolint:gosec // as gqlgen writes it
}
