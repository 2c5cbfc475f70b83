package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"muster/graph"
)

// schema is the API as its file says it.
func schema(t testing.TB) *ast.Schema {
	t.Helper()
	text, err := os.ReadFile("../schema.graphqls")
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := gqlparser.LoadSchema(&ast.Source{Name: "schema.graphqls", Input: string(text)})
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// loggedCall is one call of a mutation that otherwise succeeds, and what it must write.
type loggedCall struct {
	mutation string
	variant  string // where a mutation has several ways through it
	// writes are the lines that the call adds, as "account action" or "organization action". When any one of them cannot be
	// written, nothing may happen.
	writes []string
	// prepare makes the world of the call and says who calls, with which input.
	prepare func(t *testing.T, m *muster) (*person, vars)
	// code is the answer where the call is meant to be refused and to write all the same.
	code string
}

// TestNothingHappensUnlogged makes the log refuse each line that a mutation writes: the mutation must fail, say nothing, and
// leave no trace in any table and no mail; then the log takes lines again and the same call works.
func TestNothingHappensUnlogged(t *testing.T) {
	t.Parallel()
	missing, routes := map[string]bool{}, &routesSeen{by: map[string]bool{}}
	t.Cleanup(func() { routes.complete(t) })
	for _, field := range schema(t).Mutation.Fields {
		missing[field.Name] = true
	}
	for _, c := range loggedCalls {
		if schema(t).Mutation.Fields.ForName(c.mutation) == nil {
			t.Errorf("the schema has no mutation %s", c.mutation)
		}
		delete(missing, c.mutation)
		t.Run(strings.TrimSpace(c.mutation+" "+c.variant), func(t *testing.T) {
			t.Parallel()
			c.run(t, routes)
		})
	}
	if len(missing) > 0 {
		t.Errorf("these mutations have no case here: say which log they must write to: %v", slices.Sorted(maps.Keys(missing)))
	}
}

// query is the mutation as a document; its input is the variable i.
func (c loggedCall) query() string {
	return fmt.Sprintf(`mutation($i: %[2]sInput!) { %[1]s(input: $i) { __typename } }`, c.mutation, strings.ToUpper(c.mutation[:1])+c.mutation[1:])
}

func (c loggedCall) run(t *testing.T, routes *routesSeen) {
	m := start(t)
	p, input := c.prepare(t, m)
	query := c.query()
	by := c.tokens(t, p)
	m.atRest(t)
	before, mails, texts, lines := m.snapshot(t), len(m.Mailbox.Messages("")), len(m.Mailbox.Texts("")), m.logged(t)
	by.refused(t, query, input)
	if diff := cmp.Diff(before, m.snapshot(t)); diff != "" {
		t.Errorf("a token that may not do it left a trace (-before +after):\n%s", diff)
	}
	m.exec(t, `DELETE FROM rate_limits`)
	for _, line := range slices.Compact(slices.Sorted(slices.Values(c.writes))) {
		repair := m.breakLog(t, line)
		a := m.post(t, p.Token, query, vars{"i": input})
		if a.Code() != "INTERNAL" {
			t.Errorf("without %q: got %s %+v, want INTERNAL", line, a.Data, a.Errors)
		}
		for _, e := range a.Errors {
			if diff := cmp.Diff([]string{"code", "requestId"}, slices.Sorted(maps.Keys(e.Extensions))); e.Message != "Internal error" || diff != "" {
				t.Errorf("without %q: the answer tells more than it should: %+v", line, e)
			}
		}
		if cookie := a.Header.Get("Set-Cookie"); cookie != "" {
			t.Errorf("without %q: the answer sets a cookie: %s", line, cookie)
		}
		if diff := cmp.Diff(before, m.snapshot(t)); diff != "" {
			t.Errorf("without %q: it happened all the same (-before +after):\n%s", line, diff)
		}
		if len(m.Mailbox.Messages("")) != mails || len(m.Mailbox.Texts("")) != texts {
			t.Errorf("without %q: something was sent", line)
		}
		repair()
		m.exec(t, `DELETE FROM rate_limits`) // tries are counted whatever comes of them
	}
	sessions, cost := m.standings(t), m.cost(t)
	if a := m.post(t, by.allowed, query, vars{"i": input}); a.Code() != c.code {
		t.Fatalf("with a log that works: %s %+v", a.Data, a.Errors)
	}
	routes.went(t, c.mutation, sessions, m.standings(t))
	if did := m.cost(t); !graph.Sensitive[c.mutation] && did != cost {
		t.Errorf("it may stand in an operation many times, and mails, hashes or counts: before %q, after %q", cost, did)
	}
	if diff := cmp.Diff(c.writes, m.logged(t)[len(lines):]); diff != "" {
		t.Errorf("what it wrote (-want +got):\n%s", diff)
	}
}

// cost is what a mutation has done that must not be done many times by one operation: jobs that mail, tries that are counted, and
// passwords that are hashed.
func (m *muster) cost(t testing.TB) string {
	t.Helper()
	return m.find(t, `SELECT (SELECT count(*) FROM river_job WHERE kind IN ('mail', 'notify')) || ' jobs, ' || (SELECT count(*) FROM rate_limits) || ' budgets, '`) +
		fmt.Sprint(m.App.Passwords.Evaluations(), " passwords")
}

var logTables = map[string]string{"organization": "audit_entries", "account": "security_events"}

// breakLog makes a log refuse one kind of line, until repair is called.
func (m *muster) breakLog(t testing.TB, line string) (repair func()) {
	t.Helper()
	log, action, _ := strings.Cut(line, " ")
	m.exec(t, fmt.Sprintf(`
CREATE OR REPLACE FUNCTION refuse_line() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'canary %%', NEW.message; END $$;
CREATE TRIGGER refuse_line BEFORE INSERT ON %s FOR EACH ROW WHEN (NEW.action = '%s') EXECUTE FUNCTION refuse_line()`, logTables[log], action))
	return func() { m.exec(t, `DROP TRIGGER refuse_line ON `+logTables[log]) }
}

// TestSweepStopsUnlogged: a sweep whose lines cannot be written removes nobody and mails nobody; when they can be, it goes
// on by itself.
func TestSweepStopsUnlogged(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner, mia := m.signUp(t, "Olivia"), m.signUp(t, "Mia")
	owner.enroll(t)
	o := owner.organization(t)
	o.join(t, mia, "MEMBER")
	m.atRest(t)
	repair := m.breakLog(t, "organization member.pending")
	owner.do(t, `mutation($o: ID!) { setRequire2FA(input: {organizationId: $o, required: true}) { sweep { id } } }`, vars{"o": o.ID}, nil)
	eventually(t, "the sweep fails", func() bool { return strings.Contains(m.Log.String(), "remove a batch of members") })
	var status string
	if err := m.admin(t).QueryRow(t.Context(), `SELECT status FROM members m JOIN users u ON u.id = m.user_id WHERE u.name = 'Mia'`).Scan(&status); err != nil || status != "ACTIVE" {
		t.Errorf("Mia is %s (%v), want ACTIVE", status, err)
	}
	mia.refused(t, "TWO_FACTOR_REQUIRED", `query($s: String!) { organization(slug: $s) { id } }`, vars{"s": o.Slug})
	for _, mail := range m.Mailbox.Messages(mia.Email) {
		if mail.Subject == mandatory {
			t.Error("Mia was mailed")
		}
	}
	repair()
	o.awaitSweep(t)
	m.link(t, mia.Email, mandatory)
}
