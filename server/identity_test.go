package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2/ast"

	"muster/db"
)

// idArguments are what the schema's ids name, by argument: the prefix of its ids. One that is not here fails the test.
var idArguments = map[string]string{
	"organizationId": db.OrganizationID, "memberId": db.MemberID, "teamId": db.TeamID, "teamIds": db.TeamID,
	"authenticatorId": db.AuthenticatorID, "replaces": db.AuthenticatorID, "sessionId": db.SessionID,
	"personalTokenId": db.TokenID, "serviceTokenId": db.TokenID, "requestId": db.ResetID, "identityId": db.IdentityID,
}

// readsByID are the questions that take an id, by "Type.field(argument)": as a document with $id, and what it names.
var readsByID = map[string]struct{ document, kind string }{
	"Query.node(id)":                             {`query($id: ID!) { node(id: $id) { __typename id } }`, "any"},
	"Organization.member(id)":                    {`query($id: ID!, $slug: String!) { organization(slug: $slug) { member(id: $id) { id } } }`, db.MemberID},
	"MemberFilter.teams":                         {`query($id: ID!, $slug: String!) { organization(slug: $slug) { members(filter: {teams: [$id]}) { nodes { id } } } }`, db.TeamID},
	"AuditLogFilter.actor":                       {`query($id: ID!, $slug: String!) { organization(slug: $slug) { auditLog(filter: {actor: $id}) { nodes { id } } } }`, db.UserID},
	"AuditLogFilter.target":                      {`query($id: ID!, $slug: String!) { organization(slug: $slug) { auditLog(filter: {target: $id}) { nodes { id } } } }`, db.MemberID},
	"Subscription.viewerMember(organizationId)":  {`subscription($id: ID!) { viewerMember(organizationId: $id) { id } }`, db.OrganizationID},
	"Subscription.auditLog(organizationId)":      {`subscription($id: ID!) { auditLog(organizationId: $id) { id } }`, db.OrganizationID},
	"Subscription.memberRemoved(organizationId)": {`subscription($id: ID!) { memberRemoved(organizationId: $id) { __typename } }`, db.OrganizationID},
	"Subscription.sweep(id)":                     {`subscription($id: ID!) { sweep(id: $id) { id } }`, db.SweepID},
}

// foreignIDs are of things that exist and belong to somebody else, by kind; of each sort where a kind has several.
func (m *muster) foreignIDs(t *testing.T) map[string][]string {
	t.Helper()
	stan, o := m.owner(t)
	o.createTeam(t, "theirs")
	o.join(t, m.signUp(t, "Mo"), "MEMBER")
	o.require(t, true)
	x := m.tenants(t)
	ids := map[string][]string{
		db.TokenID:    {stan.serviceToken(t, o, "members:read").id, stan.personalToken(t, "members:read").id},
		db.ResetID:    {x.mallory.reset(t, x.oliviaTheirs).ResetMemberTwoFactor.Reset.ID},
		db.IdentityID: {stan.linkTo(t, o.ID, "https://login.example.com")},
	}
	for kind, sql := range map[string]string{
		db.OrganizationID:  `SELECT id FROM organizations WHERE id = $1`,
		db.MemberID:        `SELECT id FROM members WHERE organization_id = $1`,
		db.TeamID:          `SELECT id FROM teams WHERE organization_id = $1`,
		db.ProjectID:       `SELECT id FROM projects WHERE organization_id = $1`,
		db.AuditEntryID:    `SELECT id FROM audit_entries WHERE organization_id = $1`,
		db.SweepID:         `SELECT id FROM sweeps WHERE organization_id = $1`,
		db.UserID:          `SELECT user_id FROM members WHERE organization_id = $1 AND role = 'OWNER'`,
		db.AuthenticatorID: `SELECT a.id FROM authenticators a JOIN members m ON m.user_id = a.user_id WHERE m.organization_id = $1`,
		db.SessionID:       `SELECT s.id FROM sessions s JOIN members m ON m.user_id = s.user_id WHERE m.organization_id = $1 AND s.ended_at IS NULL`,
	} {
		ids[kind] = []string{m.find(t, sql, o.ID)}
	}
	return ids
}

// deletedIDs are of things that were there.
func (m *muster) deletedIDs(t *testing.T) map[string][]string {
	t.Helper()
	owner, o := m.owner(t)
	member, team := o.join(t, m.signUp(t, "Max"), "MEMBER"), db.NewID(db.TeamID)
	owner.do(t, `mutation($m: ID!) { removeMember(input: {memberId: $m}) { removedMemberId } }`, vars{"m": member}, nil)
	m.exec(t, `INSERT INTO teams (id, organization_id, slug, name) VALUES ($1, $2, 'gone', 'Gone')`, team, o.ID)
	m.exec(t, `DELETE FROM teams WHERE id = $1`, team)
	service, personal := owner.serviceToken(t, o, "members:read").id, owner.personalToken(t, "members:read").id
	owner.do(t, `mutation($s: ID!, $p: ID!) {
	  revokeServiceToken(input: {serviceTokenId: $s}) { __typename } revokePersonalToken(input: {personalTokenId: $p}) { __typename } }`,
		vars{"s": service, "p": personal}, nil)
	authenticator := owner.authenticator(t)
	owner.do(t, `mutation($a: ID!) { removeAuthenticator(input: {authenticatorId: $a}) { user { id } } }`, vars{"a": authenticator}, nil)
	return map[string][]string{db.MemberID: {member}, db.TeamID: {team}, db.TokenID: {service, personal}, db.AuthenticatorID: {authenticator}}
}

// TestIDsCrossNoBorder exchanges each id that a mutation takes for one of another tenant's, of what is gone, and of nothing:
// the three are answered alike, to the letter, and nothing changes.
func TestIDsCrossNoBorder(t *testing.T) {
	t.Parallel()
	m, s := start(t), schema(t)
	foreign, gone := m.foreignIDs(t), m.deletedIDs(t)
	covered := map[string]bool{}
	for _, call := range loggedCalls {
		var arguments []*ast.FieldDefinition
		for _, field := range s.Types[s.Mutation.Fields.ForName(call.mutation).Arguments.ForName("input").Type.Name()].Fields {
			if field.Type.Name() == "ID" && !covered[call.mutation+"."+field.Name] {
				covered[call.mutation+"."+field.Name] = true
				arguments = append(arguments, field)
			}
		}
		if len(arguments) == 0 {
			continue
		}
		t.Run(call.mutation, func(t *testing.T) {
			m.exec(t, `DELETE FROM rate_limits`)
			p, values := call.prepare(t, m)
			m.atRest(t)
			before := m.snapshot(t)
			for _, field := range arguments {
				kind, known := idArguments[field.Name]
				if !known {
					t.Errorf("%s takes an id %s: say in idArguments what it names", call.mutation, field.Name)
					continue
				}
				m.alike(t, call.mutation+"."+field.Name, kind, foreign, gone, func(id string) string {
					other := maps.Clone(values)
					if other[field.Name] = any(id); field.Type.Elem != nil {
						other[field.Name] = []string{id}
					}
					query := fmt.Sprintf(`mutation($i: %[2]sInput!) { %[1]s(input: $i) { __typename } }`, call.mutation, strings.ToUpper(call.mutation[:1])+call.mutation[1:])
					a := m.post(t, p.Token, query, vars{"i": other})
					if a.Code() == "" || a.Code() == "INTERNAL" {
						t.Errorf("%s with %s %s: %s %+v", call.mutation, field.Name, id, a.Data, a.Errors)
					}
					return reading(t, a)
				})
			}
			if diff := cmp.Diff(before, m.snapshot(t)); diff != "" {
				t.Errorf("%s with another's id changed something (-before +after):\n%s", call.mutation, diff)
			}
		})
	}
	for _, field := range s.Mutation.Fields {
		for _, f := range s.Types[field.Arguments.ForName("input").Type.Name()].Fields {
			if f.Type.Name() == "ID" && !covered[field.Name+"."+f.Name] {
				t.Errorf("no case exchanges %s of %s", f.Name, field.Name)
			}
		}
	}
}

// TestQuestionsCrossNoBorder does the same for what is asked by an id.
func TestQuestionsCrossNoBorder(t *testing.T) {
	t.Parallel()
	m, s := start(t), schema(t)
	for _, definition := range s.Types {
		for _, field := range definition.Fields {
			if definition.Kind == ast.InputObject && field.Type.Name() == "ID" && !strings.HasSuffix(definition.Name, "Input") {
				if _, ok := readsByID[definition.Name+"."+field.Name]; !ok {
					t.Errorf("%s.%s is an id that nothing here asks by", definition.Name, field.Name)
				}
			}
			for _, argument := range field.Arguments {
				if _, ok := readsByID[fmt.Sprintf("%s.%s(%s)", definition.Name, field.Name, argument.Name)]; argument.Type.Name() == "ID" && !ok {
					t.Errorf("%s.%s(%s) is an id that nothing here asks by", definition.Name, field.Name, argument.Name)
				}
			}
		}
	}
	foreign, gone := m.foreignIDs(t), m.deletedIDs(t)
	owner, o := m.owner(t)
	line := &asker{socket: m.dial(t, owner.Token)}
	for name, read := range readsByID {
		kinds := []string{read.kind}
		if read.kind == "any" {
			kinds = slices.Sorted(maps.Keys(foreign))
		}
		for _, kind := range kinds {
			m.alike(t, name, kind, foreign, gone, func(id string) string {
				v := vars{"id": id}
				if strings.Contains(read.document, "$slug") {
					v["slug"] = o.Slug
				}
				if overHTTP := strings.HasPrefix(read.document, "query"); overHTTP {
					return reading(t, m.post(t, owner.Token, read.document, v))
				}
				return reading(t, line.ask(read.document, v))
			})
		}
	}
}

// alike asks with an id of another's, of what is gone and of nothing.
func (m *muster) alike(t *testing.T, what, kind string, foreign, gone map[string][]string, ask func(id string) string) {
	t.Helper()
	nothing := db.NewID(kind)
	want := strings.ReplaceAll(ask(nothing), nothing, "")
	if len(foreign[kind]) == 0 {
		t.Errorf("%s: foreignIDs has nothing of kind %s", what, kind)
	}
	for how, ids := range map[string][]string{"another's": foreign[kind], "a deleted": gone[kind]} {
		for _, id := range ids {
			if got := strings.ReplaceAll(ask(id), id, ""); got != want {
				t.Errorf("%s tells %s id from one of nothing:\n%s\n%s", what, how, got, want)
			}
		}
	}
}

var requestIDs = regexp.MustCompile(`"requestId":"[^"]*"`)

// reading is an answer as a client reads it.
func reading(t *testing.T, a answer) string {
	t.Helper()
	raw, err := json.Marshal(struct {
		Data   json.RawMessage
		Errors []answerError
	}{a.Data, a.Errors})
	if err != nil {
		t.Fatal(err)
	}
	return requestIDs.ReplaceAllString(string(raw), "")
}
