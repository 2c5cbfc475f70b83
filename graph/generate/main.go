// Command generate writes package generated and adds missing resolvers, from schema.graphqls and gqlgen.yml. It is run by
// `go generate ./graph`. It is a command of Muster's own so that plugins can join gqlgen's.
package main

import (
	"fmt"
	"os"

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
	return api.Generate(cfg, api.AddPlugin(lists{}))
}
