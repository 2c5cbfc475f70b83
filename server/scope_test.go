package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"muster/org"
)

// apiToken is a program with an API token.
type apiToken struct {
	*person
	id string
}

const (
	createPersonalToken = `mutation($i: CreatePersonalTokenInput!) { createPersonalToken(input: $i) { token personalToken { id } } }`
	createServiceToken  = `mutation($i: CreateServiceTokenInput!) { createServiceToken(input: $i) { token serviceToken { id } } }`
)

// personalToken makes a personal token of p.
func (p *person) personalToken(t testing.TB, scopes ...string) *apiToken {
	t.Helper()
	var out struct {
		CreatePersonalToken struct {
			Token         string
			PersonalToken struct{ ID string }
		}
	}
	p.do(t, createPersonalToken, vars{"i": vars{"name": "Script of " + p.Name, "scopes": scopes}}, &out)
	program := *p
	program.Name, program.Token = "a script of "+p.Name, out.CreatePersonalToken.Token
	return &apiToken{&program, out.CreatePersonalToken.PersonalToken.ID}
}

// serviceToken makes a service token, as its owner p.
func (p *person) serviceToken(t testing.TB, o *organization, scopes ...string) *apiToken {
	t.Helper()
	var out struct {
		CreateServiceToken struct {
			Token        string
			ServiceToken struct{ ID string }
		}
	}
	p.do(t, createServiceToken, vars{"i": vars{"organizationId": o.ID, "name": "Automation", "scopes": scopes}}, &out)
	return &apiToken{&person{m: p.m, Name: "Automation", Token: out.CreateServiceToken.Token}, out.CreateServiceToken.ServiceToken.ID}
}

// promise is how a description in the schema says which scope an API token needs.
var promise = regexp.MustCompile("(?:Scope: `([a-z]+:(?:read|write))`|(Not with an API token)|(Needs no sign-in))\\.$")

// promised reads a description's end: the scope, "-" for what no token may do, "" for what anybody may.
func promised(t testing.TB, what, description string) string {
	t.Helper()
	found := promise.FindStringSubmatch(description)
	switch {
	case found == nil:
		t.Fatalf("the description of %s must end in \"Scope: `…`.\", \"Not with an API token.\" or \"Needs no sign-in.\"", what)
	case found[2] != "":
		return "-"
	case found[1] != "" && !slices.Contains(org.Scopes, found[1]):
		t.Fatalf("%s: there is no scope %s", what, found[1])
	}
	return found[1]
}

// exceptFor are all scopes but one, and none that has it in it.
func exceptFor(scope string) []string {
	return slices.DeleteFunc(slices.Clone(org.Scopes), func(s string) bool {
		return s == scope || strings.HasSuffix(scope, ":read") && s == strings.TrimSuffix(scope, ":read")+":write"
	})
}

// byToken is who tries a mutation by token: one that the schema's description says may not, and one that may.
type byToken struct {
	m       *muster
	scope   string // what the description promises
	other   string // a token with all other scopes, "" where there is nobody to have one
	allowed string // the token with the scope, or the person's session where no token may
}

// tokens makes the tokens that hold a mutation's description against what happens.
func (c loggedCall) tokens(t *testing.T, p *person) byToken {
	t.Helper()
	by := byToken{m: p.m, allowed: p.Token, scope: promised(t, c.mutation, schema(t).Mutation.Fields.ForName(c.mutation).Description)}
	if by.scope == "" || p.Token == "" {
		return by
	}
	by.other = p.personalToken(t, exceptFor(by.scope)...).Token
	if by.scope != "-" {
		by.allowed = p.personalToken(t, by.scope).Token
	}
	return by
}

// refused tries the mutation with every scope but the one.
func (by byToken) refused(t *testing.T, query string, input vars) {
	t.Helper()
	if by.other == "" {
		return
	}
	a := by.m.post(t, by.other, query, vars{"i": input})
	names := by.scope
	if names == "-" {
		names = "API token"
	}
	if a.Code() != "FORBIDDEN" || !strings.Contains(a.says(), names) {
		t.Errorf("by a token without %s: %s %+v, want FORBIDDEN that names it", names, a.Data, a.Errors)
	}
}

// TestScopesOfReads holds the descriptions of what an organization shows against what a token gets.
func TestScopesOfReads(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner, o := m.owner(t)
	o.createTeam(t, "web")
	calls := map[string]string{"member": `member(id: "` + m.find(t, `SELECT id FROM members`) + `") { id }`}
	with := map[string]*apiToken{}
	token := func(scopes ...string) *apiToken {
		key := strings.Join(scopes, " ")
		if with[key] == nil {
			with[key] = owner.personalToken(t, scopes...)
		}
		return with[key]
	}
	free := []string{"id", "slug", "name", "require2FA", "viewerCan"} // which the schema's first page promises to every token
	for _, field := range schema(t).Types["Organization"].Fields {
		call := calls[field.Name]
		switch {
		case strings.HasPrefix(field.Name, "__"):
			continue
		case call == "" && schema(t).Types[field.Type.Name()].IsLeafType():
			call = field.Name
		case call == "":
			call = field.Name + " { __typename }"
		}
		query := `query($s: String!) { organization(slug: $s) { ` + call + ` } }`
		v := vars{"s": o.Slug}
		if slices.Contains(free, field.Name) {
			token("projects:write").do(t, query, v, nil)
			continue
		}
		scope := promised(t, "Organization."+field.Name, field.Description)
		if a := token(exceptFor(scope)...).refused(t, "FORBIDDEN", query, v); scope != "-" && !strings.Contains(a.says(), scope) {
			t.Errorf("%s is refused with %q, which does not name %s", field.Name, a.says(), scope)
		}
		if scope == "-" {
			continue
		}
		token(scope).do(t, query, v, nil)
		if writing := strings.TrimSuffix(scope, ":read") + ":write"; slices.Contains(org.Scopes, writing) {
			token(writing).do(t, query, v, nil)
		}
	}
	o.require(t, true)
	sweep := m.find(t, `SELECT id FROM sweeps`)
	for _, field := range schema(t).Subscription.Fields {
		scope := promised(t, "Subscription."+field.Name, field.Description)
		query := map[string]string{
			"viewerMember":  `subscription($o: ID!) { viewerMember(organizationId: $o) { role } }`,
			"auditLog":      `subscription($o: ID!) { auditLog(organizationId: $o, after: 0) { sequence } }`,
			"memberRemoved": `subscription($o: ID!) { memberRemoved(organizationId: $o, after: 0) { reason } }`,
			"sweep":         `subscription($w: ID!) { sweep(id: $w) { state } }`,
		}[field.Name]
		v := vars{"o": o.ID}
		if field.Name == "sweep" {
			v = vars{"w": sweep}
		}
		s := m.dial(t, token(exceptFor(scope)...).Token)
		s.subscribe("1", query, v)
		if code := s.ends("1"); code != "FORBIDDEN" {
			t.Errorf("%s without %s ends with %s", field.Name, scope, code)
		}
	}
}
