package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/vektah/gqlparser/v2/ast"

	"muster/app"
	"muster/db/dbtest"
	"muster/secret"
	"muster/server/settings"
)

// publicArguments are the texts that a mutation takes and may show: they are stored, logged for the organization and mailed.
// Every other text is taken for a secret, so that a new one is watched until somebody says here that it is none.
var publicArguments = map[string]bool{
	"email": true, "name": true, "slug": true, "number": true, "issuer": true, "clientId": true, "clientMutationId": true,
	"newEmail": true, "scopes": true, "reason": true,
}

// secretAnswers are the fields of an answer that are shown once, to whom they are for.
var secretAnswers = regexp.MustCompile(`(?i)^(token|secret|uri|recoveryCodes)$`)

// otherTexts are the variants of a call that take other texts than its first, or take them another way.
var otherTexts = regexp.MustCompile(`code|message|link|key$`)

// canaries is what a test has put in and got out, and where none of it may be.
type canaries struct {
	*muster
	schema  *ast.Schema
	typed   map[string]string // all that was sent, by its value: where it was sent
	secrets map[string]string // the part of it, and of the answers, that is nobody else's business
	keys    map[string]keyPart
	log     *syncBuffer // of the application, at its most talkative
}

// TestNoSecretLeaves puts a value of its own into every text that a mutation takes, in forms that are taken and in forms that
// make statements fail, with a log that works and with one that does not; then it looks for the values wherever they must not
// be: Muster's log, PostgreSQL's log and statistics, metrics, answers, rows, jobs and mails.
func TestNoSecretLeaves(t *testing.T) {
	t.Parallel()
	url := dbtest.URL(t)
	// PostgreSQL's log as an installation has it that sets nothing; the tests' own server is quieter.
	for _, setting := range []string{"log_min_messages = 'warning'", "log_min_error_statement = 'error'", "log_error_verbosity = 'default'"} {
		if _, err := dbtest.Admin(t, url).Exec(t.Context(), `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET `+strings.ReplaceAll(setting, "'", "''")+`', current_database()); END $$`); err != nil {
			t.Fatal(err)
		}
	}
	c := &canaries{schema: schema(t), typed: map[string]string{}, secrets: map[string]string{}, keys: map[string]keyPart{}, log: &syncBuffer{}}
	c.muster = startOn(t, url, "canary", func(_ *settings.Settings, config *app.Config) {
		config.Log = slog.New(slog.NewTextHandler(c.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	c.exec(t, `CREATE FUNCTION refuse_canary() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'the log is broken'; END $$`)
	seen := map[string]bool{}
	for _, call := range loggedCalls {
		if other := call.variant != "" && seen[call.mutation]; other && !otherTexts.MatchString(call.variant) {
			continue // it takes the same texts the same way
		}
		seen[call.mutation] = true
		t.Run(strings.TrimSpace(call.mutation+" "+call.variant), func(t *testing.T) {
			c.exec(t, `DELETE FROM rate_limits`)
			p, input := call.prepare(t, c.muster)
			for path, kind := range c.texts(call.mutation) {
				_, name, _ := strings.Cut(path, ".")
				seen[path] = seen[path] || kind.Name() != "JSON" || input[name] != nil
			}
			c.attack(t, call, p, input)
		})
	}
	for _, field := range c.schema.Mutation.Fields {
		for path := range c.texts(field.Name) {
			if !seen[path] {
				t.Errorf("nothing was put into %s", path)
			}
		}
	}
	c.atRest(t)
	c.look(t)
	c.proveTheLogIsRead(t)
}

// texts are the arguments of a mutation that are texts, ids or JSON, by "mutation.argument".
func (c *canaries) texts(mutation string) map[string]*ast.Type {
	s, found := c.schema, map[string]*ast.Type{}
	for _, argument := range s.Mutation.Fields.ForName(mutation).Arguments {
		for _, field := range s.Types[argument.Type.Name()].Fields {
			if kind := field.Type.Name(); kind == "String" || kind == "ID" || kind == "JSON" {
				found[mutation+"."+field.Name] = field.Type
			}
		}
	}
	return found
}

// attack sends a call in every form.
func (c *canaries) attack(t *testing.T, call loggedCall, p *person, input vars) {
	t.Helper()
	for path, kind := range c.texts(call.mutation) {
		_, name, _ := strings.Cut(path, ".")
		for form, value := range map[string]string{
			"as it is": c.word(path), "with U+0000": c.word(path) + "\x00", "too long": strings.Repeat(c.word(path), 400), "in quotes": "'" + c.word(path) + "\"$1\\",
			"not UTF-8": c.word(path) + "\xff", "as an address": c.word(path) + "@people.example",
		} {
			other := vars{}
			for name, value := range input {
				other[name] = value
			}
			if !kind.NonNull {
				delete(other, "credential") // the right one would be taken, whatever stands beside it
			}
			if other[name] = any(value); kind.Elem != nil {
				other[name] = []string{value}
			}
			c.remember(path, value)
			if call.mutation == "confirmIdentity" {
				c.exec(t, forgetSessions) // five wrong answers would end the session
			}
			c.send(t, call.mutation, p, other, path+" "+form)
		}
	}
	for path, kind := range c.texts(call.mutation) {
		_, name, _ := strings.Cut(path, ".")
		if kind.Name() == "JSON" {
			c.attackKey(t, call, p, input, path, name)
		}
		if text, ok := input[name].(string); ok && (len(text) >= 8 || sixDigitsAlone.MatchString(text)) {
			c.remember(path, text)
		}
	}
	// With a log that cannot be written.
	for _, table := range logTables {
		c.exec(t, `CREATE TRIGGER refuse_canary BEFORE INSERT ON `+table+` FOR EACH ROW EXECUTE FUNCTION refuse_canary()`)
	}
	c.send(t, call.mutation, p, input, call.mutation+" with a broken log")
	for _, table := range logTables {
		c.exec(t, `DROP TRIGGER refuse_canary ON `+table)
	}
	c.exec(t, `DELETE FROM rate_limits`)
	c.exec(t, forgetSessions)
	if got := c.send(t, call.mutation, p, input, call.mutation); input["credential"] != nil && len(got.Errors) > 0 {
		t.Errorf("%s: the right answer of a key is refused: %s", call.mutation, got.Body)
	}
	c.send(t, call.mutation, p, input, call.mutation+" again")
}

// word is a value of its own: 26 letters and digits.
func (c *canaries) word(path string) string {
	word := strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(secret.NewToken()))[:26]
	c.remember(path, word)
	return word
}

// remember notes what was sent.
func (c *canaries) remember(path, value string) {
	value = strings.ToValidUTF8(strings.Trim(value, "\x00"), "")
	if len(value) > 100 {
		value = value[:26]
	}
	_, name, _ := strings.Cut(path, ".")
	switch {
	case strings.HasSuffix(strings.ToLower(name), "id") || strings.HasSuffix(strings.ToLower(name), "ids"):
		// The right ones are everywhere; a wrong one is watched like any text.
		if !strings.Contains(value, "_") {
			c.typed[value] = path
		}
	case publicArguments[name]:
		// Real names and addresses of this test's people are in their rows, and stand in no log for another reason.
		c.typed[value] = path
	default:
		c.typed[value], c.secrets[value] = path, path
	}
}

// send sends a call, in which the input may hold what is not UTF-8, and takes the secrets out of the answer. A refusal repeats
// no secret.
func (c *canaries) send(t *testing.T, mutation string, p *person, input vars, what string) reply {
	t.Helper()
	s := c.schema
	query := fmt.Sprintf(`mutation($i: %[2]sInput!) { %[1]s(input: $i) { %[3]s } }`, mutation, strings.ToUpper(mutation[:1])+mutation[1:],
		selection(s, s.Types[s.Mutation.Fields.ForName(mutation).Type.Name()], 2))
	body, err := json.Marshal(map[string]any{"query": query, "variables": vars{"i": input}})
	if err != nil {
		t.Fatal(err)
	}
	body = bytes.ReplaceAll(body, []byte(`\ufffd`), []byte("\xff"))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.URL+"/graphql", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if p.Token != "" {
		r.Header.Set("Authorization", "Bearer "+p.Token)
		c.secrets[p.Token], c.typed[p.Token] = "a session's token", "a session's token"
	}
	for _, code := range p.Recovery {
		c.secrets[code], c.typed[code] = "a recovery code", "a recovery code"
	}
	if p.Seed != nil {
		c.secrets[secret.TOTPSecret(p.Seed)] = "a seed"
	}
	if p.Password != "" {
		c.secrets[p.Password] = "a password"
	}
	got := c.roundTrip(t, r)
	if len(got.Errors) > 0 {
		for value, from := range c.secrets {
			if holds(got.Body, value) {
				t.Errorf("%s: the refusal repeats %s: %s", what, from, got.Body)
			}
		}
	}
	var data any
	_ = json.Unmarshal(got.Data, &data)
	c.harvest(data, mutation)
	return got
}

// selection is everything that a payload shows without arguments, some levels deep.
func selection(s *ast.Schema, of *ast.Definition, depth int) string {
	fields := []string{"__typename"}
	for _, field := range of.Fields {
		kind := s.Types[field.Type.Name()]
		switch {
		case strings.HasPrefix(field.Name, "__") || len(field.Arguments) > 0:
		case kind.Kind == ast.Scalar || kind.Kind == ast.Enum:
			fields = append(fields, field.Name)
		case kind.Kind == ast.Object && depth > 1:
			fields = append(fields, field.Name+" { "+selection(s, kind, depth-1)+" }")
		}
	}
	return strings.Join(fields, " ")
}

// harvest takes the secrets out of an answer.
func (c *canaries) harvest(data any, path string) {
	switch data := data.(type) {
	case map[string]any:
		for name, value := range data {
			if texts, ok := value.([]any); ok && secretAnswers.MatchString(name) {
				for _, text := range texts {
					c.secrets[fmt.Sprint(text)] = path + "." + name
				}
			}
			if text, ok := value.(string); ok && secretAnswers.MatchString(name) {
				c.secrets[text] = path + "." + name
			}
			c.harvest(value, path+"."+name)
		}
	case []any:
		for _, value := range data {
			c.harvest(value, path)
		}
	}
}

var sixDigitsAlone = regexp.MustCompile(`^\d{6}$`)

// holds says whether a value stands in a text. Six digits are a code only where they are not a part of another number or of
// a second.
func holds(text, value string) bool {
	if sixDigitsAlone.MatchString(value) {
		return regexp.MustCompile(`(^|[^0-9a-zA-Z.:+-])` + value + `([^0-9a-zA-Z]|$)`).MatchString(text)
	}
	return strings.Contains(text, value)
}

// look looks for all values in all places.
func (c *canaries) look(t *testing.T) {
	t.Helper()
	if len(c.secrets) < 200 || len(c.typed) < 400 {
		t.Errorf("only %d secrets and %d texts were sent", len(c.secrets), len(c.typed))
	}
	admin := c.admin(t)
	rows := func(sql string) string {
		found, err := admin.Query(t.Context(), sql)
		if err != nil {
			t.Fatal(err)
		}
		lines, err := pgx.CollectRows(found, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(lines, "\n")
	}
	metrics, err := io.ReadAll(c.page(t, "/metrics"))
	if err != nil {
		t.Fatal(err)
	}
	// Where nothing may be that anybody typed.
	logs := map[string]string{
		"Muster's log": c.Log.String(), "the application's log": c.log.String(), "PostgreSQL's log": dbtest.ServerLog(t),
		"pg_stat_activity": rows(`SELECT query FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`), "the metrics": string(metrics),
	}
	// Where only secrets may not be.
	table := c.everyRow(t)
	places := map[string]string{"the rows": strings.Join(table, "\n")}
	// A link's token and a text's code are in the one message that is for them, to the one address.
	for _, m := range c.Mailbox.Messages("") {
		body := m.Subject + "\n" + m.Text + "\n" + m.HTML
		for _, found := range linkPattern.FindAllStringSubmatch(m.Text, -1) {
			body = strings.ReplaceAll(body, found[1], "")
			c.secrets[found[1]], c.typed[found[1]] = "a link to "+m.To, "a link to "+m.To
		}
		places["a mail to "+m.To] += body
	}
	for _, m := range c.Mailbox.Texts("") {
		code := sixDigits.FindString(m.Body)
		c.secrets[code], c.typed[code] = "a texted code", "a texted code"
	}
	mails := maps.Clone(places)
	delete(mails, "the rows")
	c.lookForKeys(t, table, logs, mails)
	for where, text := range logs {
		for value, from := range c.typed {
			if holds(text, value) {
				t.Errorf("%s holds %s, %q: %s", where, from, value, around(text, value))
			}
		}
	}
	for value, from := range c.secrets {
		for _, all := range []map[string]string{logs, places} {
			for where, text := range all {
				if holds(text, value) {
					t.Errorf("%s holds the secret %s, %q: %s", where, from, value, around(text, value))
				}
			}
		}
	}
}

// around is where a value stands.
func around(text, value string) string {
	i := strings.Index(text, value)
	return text[max(0, i-200):min(len(text), i+len(value)+100)]
}

// page is the body of a page.
func (c *canaries) page(t *testing.T, path string) io.Reader {
	t.Helper()
	return strings.NewReader(c.get(t, path, nil).Body)
}

// everyRow is every row of every table, as text.
func (m *muster) everyRow(t testing.TB) []string {
	t.Helper()
	conn, done := m.brief(t)
	defer done()
	found, err := conn.Query(t.Context(), `SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename`)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(found, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	all := []string{}
	for _, table := range tables {
		found, err := conn.Query(t.Context(), fmt.Sprintf(`SELECT '%[1]s ' || to_jsonb(t)::text FROM %[1]s t`, table))
		if err != nil {
			t.Fatal(err)
		}
		lines, err := pgx.CollectRows(found, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, lines...)
	}
	slices.Sort(all)
	return all
}

// proveTheLogIsRead makes a statement with a value in its text fail: the test would see it.
func (c *canaries) proveTheLogIsRead(t *testing.T) {
	t.Helper()
	word := c.word("a statement")
	if _, err := c.admin(t).Exec(t.Context(), `SELECT 1 / 0 AS `+word); err == nil {
		t.Fatal("the statement does not fail")
	}
	eventually(t, "PostgreSQL's log has the statement", func() bool { return strings.Contains(dbtest.ServerLog(t), word) })
	if !strings.Contains(c.Log.String(), "the log is broken") {
		t.Error("Muster's log does not have what failed")
	}
}
