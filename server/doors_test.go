package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"io/fs"
	"maps"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"muster/org"
)

// source is the source of what the server is made of, by package, without what is generated.
func source(t *testing.T) (*token.FileSet, map[string][]*ast.File) {
	t.Helper()
	files, packages := token.NewFileSet(), map[string][]*ast.File{}
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains([]string{"node_modules", "generated", "testdata", "bench"}, entry.Name()):
			return filepath.SkipDir // the benchmark is a program of its own, with a database of its own
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err == nil {
			packages[file.Name.Name] = append(packages[file.Name.Name], file)
		}
		return err
	})
	if err != nil || len(packages["db"]) < 10 || len(packages["app"]) < 10 || len(packages["main"]) < 3 {
		t.Fatalf("read the program: %v", err)
	}
	return files, packages
}

// each calls fn for every node of a program with the declaration that it stands in: a function's name, "" outside of all.
func each(packages map[string][]*ast.File, fn func(in string, n ast.Node)) {
	for name, files := range packages {
		for _, file := range files {
			for _, d := range file.Decls {
				in := name + "."
				if f, ok := d.(*ast.FuncDecl); ok {
					in += f.Name.Name
				}
				ast.Inspect(d, func(n ast.Node) bool { fn(in, n); return true })
			}
		}
	}
}

// opening are the tables whose rows open Muster: sessions and API tokens, a sign-in half way, whom a provider signs in to an
// account, and passwords.
const opening = `(sessions|api_tokens|challenges|identities|credentials)`

var (
	writing = regexp.MustCompile(`(?is)\b(INSERT\s+INTO|UPDATE|DELETE\s+FROM|MERGE\s+INTO|COPY|TRUNCATE)\s+(?:TABLE\s+)?(?:ONLY\s+)?"?` + opening + `\b"?(.*)`)
	// The columns that an INSERT names, and those that an UPDATE sets.
	inserted = regexp.MustCompile(`(?s)^[^(]*\(([^)]*)\)`)
	updated  = regexp.MustCompile(`(?is)^.*?\bSET\s(.*?)(?:\bWHERE\b|\bRETURNING\b|\bFROM\b|$)`)
	assigned = regexp.MustCompile(`(?:^|,)\s*(\w+)\s*=`)
	revived  = regexp.MustCompile(`(?i)(ended|revoked)_at\s*=\s*NULL`)
	// A statement whose table is put in later could be any of them.
	headless = regexp.MustCompile(`(?i)\b(INSERT\s+INTO|UPDATE|DELETE\s+FROM|MERGE\s+INTO)\s+("|%\w)?$`)
)

// writes says what a text writes, as "UPDATE sessions fresh_at fresh_by"; nothing where it is no statement that does, or one
// that only takes away: a row, or what is left of its time.
func writes(text string) (all []string) {
	for rest := text; ; {
		found := writing.FindStringSubmatch(rest)
		if found == nil {
			return all
		}
		verb, columns := strings.ToUpper(strings.Fields(found[1])[0]), ""
		switch verb {
		case "INSERT":
			if names := inserted.FindStringSubmatch(found[3]); names != nil {
				columns = strings.Join(strings.FieldsFunc(names[1], func(r rune) bool { return strings.ContainsRune(", \n\t", r) }), " ")
			}
			if _, conflict, ok := strings.Cut(found[3], "DO UPDATE"); ok {
				columns += " ON CONFLICT" + set(conflict)
			}
		case "UPDATE":
			columns = strings.TrimSpace(set(found[3]))
		}
		ends := verb == "UPDATE" && (columns == "ended_at" || columns == "revoked_at") && !revived.MatchString(found[3])
		if verb != "DELETE" && !ends {
			all = append(all, strings.TrimSpace(verb+" "+strings.ToLower(found[2])+" "+columns))
		}
		rest = found[3]
	}
}

func set(clause string) (columns string) {
	if body := updated.FindStringSubmatch(clause); body != nil {
		for _, c := range assigned.FindAllStringSubmatch(body[1], -1) {
			columns += " " + c[1]
		}
	}
	return columns
}

// writers are all statements of the program that write what opens Muster, and the functions that they stand in.
var writers = map[string][]string{
	// What begins, raises or makes one: only a route of org.Routes comes here.
	"db.CreateSession": {"INSERT sessions id user_id token_hash cookie_hash began_by fresh_by proved_at ip_address user_agent expires_at organization_id"},
	"db.RaiseSession":  {"UPDATE sessions fresh_at fresh_by tries proved_at cookie_hash"},
	"db.ProveMailbox":  {"UPDATE sessions mailbox_proved_at invitation_member_id invitation_hash cookie_hash"},
	"db.CreateToken":   {"INSERT api_tokens id user_id organization_id name token_hash scopes proved_at expires_at"},
	// What a route does beside it.
	"db.CreateChallenge":  {"INSERT challenges id user_id token_hash expires_at"},
	"db.NoteProvedWith":   {"UPDATE sessions proved_with"},
	"db.ForgetInvitation": {"UPDATE sessions invitation_member_id invitation_hash"},
	"db.RotateCookie":     {"UPDATE sessions cookie_hash"},
	"db.UseSession":       {"UPDATE api_tokens used_at", "UPDATE sessions used_at"},
	"db.TrySession":       {"UPDATE sessions tries"}, // which can only end it
	"db.ForgiveSession":   {"UPDATE sessions tries"},
	// Whom a provider signs in, and passwords: each opens by a route only.
	"db.LinkIdentity":       {"INSERT identities id organization_id issuer subject user_id"},
	"db.CreateUser":         {"INSERT credentials user_id password_hash"},
	"db.SetPassword":        {"INSERT credentials user_id password_hash ON CONFLICT password_hash changed_at"},
	"db.SetPasswordHash":    {"UPDATE credentials password_hash"},
	"db.NotePasswordByMail": {"UPDATE credentials set_by_mail"},
}

// callers are who may call those of the writers that give something: the doors that ask the table of routes, and what stands
// right beside one.
var callers = map[string][]string{
	"db.CreateSession": {"app.beginAt"},
	"db.RaiseSession":  {"app.raise"},
	"db.ProveMailbox":  {"app.proveMailbox"},
	"db.CreateToken":   {"app.createToken"},

	"db.CreateChallenge":  {"app.challenge"},
	"db.NoteProvedWith":   {"app.ConfirmIdentity", "app.SignInWithPasskey", "app.VerifySecondFactor", "app.confirm"},
	"db.ForgetInvitation": {"app.confirm"},
	"db.RotateCookie":     {"app.ChangePassword"},
	"db.UseSession":       {"app.use"},
	"db.TrySession":       {"app.tryInSession"},
	"db.ForgiveSession":   {"app.tryInSession"},

	"db.LinkIdentity":    {"app.joinBySSO", "app.linkIdentity"},
	"db.CreateUser":      {"app.OperatorCreateOwner", "app.SignUp"},
	"db.SetPassword":     {"app.ChangePassword", "app.ResetPassword"},
	"db.SetPasswordHash": {"app.challenge", "app.session", "app.signInWithoutFactor"},
}

// Every statement that writes what opens Muster is known here, as is who runs those that give something. The doors among them
// ask the table of routes: what begins, raises or makes a way in without it fails this test.
func TestSessionsHaveOneDoor(t *testing.T) {
	t.Parallel()
	files, packages := source(t)
	statements, calls := map[string][]string{}, map[string][]string{}
	each(packages, func(in string, n ast.Node) {
		switch n := n.(type) {
		case *ast.BasicLit:
			text, err := strconv.Unquote(n.Value)
			if n.Kind != token.STRING || err != nil {
				return
			}
			statements[in] = append(statements[in], writes(text)...)
			if headless.MatchString(text) {
				t.Errorf("%s: %s writes a table that cannot be seen: name it in the statement", files.Position(n.Pos()), in)
			}
		case *ast.SelectorExpr:
			name := "db." + n.Sel.Name
			if _, gives := callers[name]; gives && in != name && !slices.Contains(calls[name], in) {
				calls[name] = append(calls[name], in)
			}
		}
	})
	for in, found := range statements {
		if slices.Sort(found); !slices.Equal(found, slices.Sorted(slices.Values(writers[in]))) && len(found)+len(writers[in]) > 0 {
			t.Errorf("%s writes\n\t%q: %q,\nwhich is not what the table of writers says. What gives a way in belongs behind a route of org.Routes", in, in, found)
		}
	}
	for in := range writers {
		if len(statements[in]) == 0 {
			t.Errorf("%s, of the table of writers, is gone", in)
		}
	}
	for name, want := range callers {
		if found := slices.Sorted(slices.Values(calls[name])); !slices.Equal(found, want) {
			t.Errorf("%s is called by %q, want %q only", name, found, want)
		}
	}
}

// pages are all patterns of the program's muxes, and whether requests to one can open Muster.
var pages = map[string]bool{
	`"/graphql"`:                  true, // by mutations, each with its case in TestNothingHappensUnlogged
	`"GET " + app.CallbackPath`:   true,
	`"GET /sso/{slug}"`:           false,
	`"/"`:                         false,
	`"GET /healthz"`:              false,
	`"GET /readyz"`:               false,
	`"GET /metrics"`:              false,
	`"/mailbox/"`:                 false,
	`"GET /mailbox/{$}"`:          false,
	`"GET /mailbox/style.css"`:    false,
	`"GET /mailbox/api/messages"`: false,
	`"GET /mailbox/api/texts"`:    false,

	`"GET /mailbox/messages/{number}"`:      false,
	`"GET /mailbox/messages/{number}/html"`: false,
}

// Every page is known here. One that opens Muster is a route of org.Routes, and the others open nothing, whoever asks.
func TestPagesOpenNothing(t *testing.T) {
	t.Parallel()
	files, packages := source(t)
	found := map[string]bool{}
	each(packages, func(_ string, n ast.Node) {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) != 2 {
			return
		}
		if s, ok := call.Fun.(*ast.SelectorExpr); ok && (s.Sel.Name == "Handle" || s.Sel.Name == "HandleFunc") {
			var pattern strings.Builder
			if err := printer.Fprint(&pattern, files, call.Args[0]); err != nil {
				t.Error(err)
			}
			found[pattern.String()] = true
		}
	})
	delete(found, "ctx") // of a log handler
	if got, want := slices.Sorted(maps.Keys(found)), slices.Sorted(maps.Keys(pages)); !slices.Equal(got, want) {
		t.Errorf("the pages are\n%q, the table says\n%q", got, want)
	}
	m := start(t)
	p := m.signUp(t, "Pia")
	before := fmt.Sprint(m.standings(t))
	for pattern, opens := range pages {
		if opens {
			continue
		}
		path := strings.NewReplacer("{slug}", "acme", "{number}", "1", "{$}", "").Replace(strings.TrimPrefix(strings.Trim(pattern, `"`), "GET "))
		for _, token := range []string{"", p.Token} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, m.URL+path+"?email="+p.Email, nil)
			if err != nil {
				t.Fatal(err)
			}
			if token != "" {
				r.Header.Set("Authorization", "Bearer "+token)
			}
			if got := m.roundTrip(t, r); len(got.Header.Values("Set-Cookie")) > 0 {
				t.Errorf("%s sets the cookies %q", pattern, got.Header.Values("Set-Cookie"))
			}
			if after := fmt.Sprint(m.standings(t)); after != before {
				t.Fatalf("%s opens something: %s, before %s", pattern, after, before)
			}
		}
	}
}

// What the table of routes names is there: a mutation, or a page.
func TestRoutesAreThere(t *testing.T) {
	t.Parallel()
	for _, r := range org.Routes {
		page := r.Name == "/sso/callback" && pages[`"GET " + app.CallbackPath`]
		if schema(t).Mutation.Fields.ForName(r.Name) == nil && !page && r != org.ViaDemo {
			t.Errorf("%s is neither a mutation nor a page", r.Name)
		}
	}
}
