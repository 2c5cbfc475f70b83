package secret

import (
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestImports keeps the package a leaf: cryptography and encoding, never a network, a database or the rest of Muster.
func TestImports(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	files := 0
	for _, entry := range entries {
		name := entry.Name()
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		files++
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range file.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			first, _, _ := strings.Cut(path, "/")
			standard := first != "muster" && !strings.Contains(first, ".")
			listed := strings.HasPrefix(path, "golang.org/x/crypto/") || path == "github.com/pquerna/otp" ||
				path == "github.com/pquerna/otp/hotp" || path == "github.com/trustelem/zxcvbn/frequency"
			reaches := path == "net" || path == "net/http" || path == "os" || strings.HasPrefix(path, "math/rand") ||
				strings.HasPrefix(path, "database/")
			if !standard && !listed || reaches {
				t.Errorf("%s imports %s", name, path)
			}
		}
	}
	if files == 0 {
		t.Fatal("no source file was read")
	}
}
