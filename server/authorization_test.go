package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2/ast"
)

// place is a way to an object: an edge of the schema, taken from another place.
type place struct {
	row  string // the table's row of the edge; what leads from there on is in the rows of `on`
	from string // the row or name of the place that the edge is taken from; "" for a root
	name string // for edges to go on from here; the row where absent
	call string // the edge with its arguments; the field's name where absent
	on   string // the kind of object that it leads to; "" where only the edge counts
}

// readPlaces are all queries and, over WebSocket, all subscriptions. Mutations are in mutationCases.
var readPlaces = []place{
	{row: "Query.viewer", on: "User/own"},
	{row: "Query.authenticatorKinds"},
	{row: "Query.invitation", call: "invitation(token: $token)", on: "Invitation"},
	{row: "Query.invitation(dead)", call: "invitation(token: $dead)"},
	{row: "Query.notMe", call: "notMe(token: $alert)", on: "AccountAlert"},
	{row: "Query.notMe(dead)", call: "notMe(token: $dead)"},
	{row: "Query.organization", call: "organization(slug: $slug)", on: "Organization"},
	{row: "Query.organization(unknown)", call: "organization(slug: $noSlug)"},
	{row: "Query.node(organization)", call: "node(id: $org)", on: "Organization"},
	{row: "Query.node(user)", call: "node(id: $vicUser)", on: "User/other"},
	{row: "Query.node(me)", call: "node(id: $me)", on: "User/own"},
	{row: "Query.node(member)", call: "node(id: $vic)", on: "Member/other"},
	{row: "Query.node(mine)", call: "node(id: $mine)", on: "Member/own"},
	{row: "Query.node(team)", call: "node(id: $team)", on: "Team"},
	{row: "Query.node(project)", call: "node(id: $project)", on: "Project"},
	{row: "Query.node(others' project)", call: "node(id: $other)"},
	{row: "Query.node(entry)", call: "node(id: $entry)", on: "AuditLogEntry"},
	{row: "Query.node(sweep)", call: "node(id: $sweep)", on: "Sweep"},
	{row: "Query.node(authenticator)", call: "node(id: $factor)"},
	{row: "Query.node(my authenticator)", call: "node(id: $myFactor)", on: "Authenticator"},
	{row: "Query.node(service token)", call: "node(id: $serviceToken)", on: "ServiceToken"},
	{row: "Query.node(unknown)", call: "node(id: $nothing)"},

	{row: "User/own.authenticators", from: "Query.viewer", on: "Authenticator"},
	{row: "User/own.recoveryCodes", from: "Query.viewer", on: "RecoveryCodes"},
	{row: "User/own.securityEvents", from: "Query.viewer", call: "securityEvents(first: 1)", on: "SecurityEventConnection"},
	{row: "SecurityEventConnection.pageInfo", from: "User/own.securityEvents", on: "PageInfo"},
	{row: "SecurityEventConnection.edges", from: "User/own.securityEvents", on: "SecurityEventEdge"},
	{row: "SecurityEventEdge.node", from: "SecurityEventConnection.edges", on: "SecurityEvent"},
	{row: "SecurityEventConnection.nodes", from: "User/own.securityEvents", on: "SecurityEvent"},
	{row: "User/own.sessions", from: "Query.viewer", on: "Session"},
	{row: "User/own.personalTokens", from: "Query.viewer", on: "PersonalToken"},
	{row: "User/own.identities", from: "Query.viewer", on: "LinkedIdentity"},
	{row: "User/own.twoFactorResets", from: "Query.viewer", on: "TwoFactorResetRequest"},
	{row: "User/own.memberships", from: "Query.viewer", on: "Member/own"},
	// Past the gate by one's own account: here each field of the organization has to ask for itself.
	{row: "Member/own.organization", from: "User/own.memberships", on: "Organization"},
	{row: "Member/own.user", from: "User/own.memberships", on: "User/own"},
	{row: "Member/own.teams", from: "User/own.memberships", on: "Team"},
	{row: "Member/own.notificationSettings", from: "User/own.memberships", on: "NotificationSettings"},
	{row: "Member/own.invitedBy", from: "User/own.memberships", on: "User/other"},
	{row: "Member/own.organization", from: "Query.node(mine)", name: "mine's", on: "Organization"},

	{row: "Organization.sso", from: "Query.organization", on: "SSO"},
	{row: "SSO.requiredClaim", from: "Organization.sso", on: "SSOClaim"},
	{row: "Organization.viewer", from: "Query.organization", on: "Member/own"},
	{row: "Organization.members", from: "Query.organization", call: "members(first: 2)", on: "MemberConnection"},
	{row: "MemberConnection.pageInfo", from: "Organization.members", on: "PageInfo"},
	{row: "Organization.members", from: "Query.organization", name: "found", call: `members(first: 1, filter: {query: "Vic"})`, on: "MemberConnection/found"},
	{row: "Organization.members(by 2FA)", from: "Query.organization", call: `members(filter: {twoFactor: [SECURE]})`},
	{row: "MemberConnection/found.nodes", from: "found", on: "Member/other"},
	{row: "MemberConnection/found.edges", from: "found", on: "MemberEdge"},
	{row: "MemberEdge.node", from: "MemberConnection/found.edges", on: "Member/other"},
	{row: "Member/other.organization", from: "MemberEdge.node", name: "edge's", on: "Organization"},
	{row: "Organization.member", from: "Query.organization", name: "vic", call: "member(id: $vic)", on: "Member/other"},
	{row: "Organization.member(foreign)", from: "Query.organization", call: "member(id: $foreign)"},
	{row: "Organization.member(removed)", from: "Query.organization", name: "rex", call: "member(id: $rex)", on: "Member/removed"},
	{row: "Organization.member(invited)", from: "Query.organization", name: "ivy", call: "member(id: $ivy)", on: "Member/invited"},
	{row: "Member/other.organization", from: "vic", on: "Organization"},
	{row: "Member/other.user", from: "vic", on: "User/other"},
	{row: "Member/other.invitedBy", from: "vic", on: "User/other"},
	{row: "Member/other.teams", from: "vic", on: "Team"},
	{row: "Member/removed.user", from: "rex", on: "User/other"},
	{row: "Member/removed.organization", from: "rex", on: "Organization"},
	{row: "Member/invited.organization", from: "ivy", on: "Organization"},
	{row: "Organization.auditLog", from: "Query.organization", call: "auditLog(first: 1)", on: "AuditLogConnection"},
	{row: "AuditLogConnection.pageInfo", from: "Organization.auditLog", on: "PageInfo"},
	{row: "Organization.auditLog", from: "Query.organization", name: "by vic", call: "auditLog(first: 1, filter: {actor: $vicUser})", on: "AuditLogConnection/found"},
	{row: "AuditLogConnection/found.edges", from: "by vic", on: "AuditLogEdge"},
	{row: "AuditLogEdge.node", from: "AuditLogConnection/found.edges", on: "AuditLogEntry"},
	{row: "AuditLogConnection/found.nodes", from: "by vic", on: "AuditLogEntry"},
	{row: "AuditLogEntry.actor", from: "AuditLogConnection/found.nodes", on: "User/other"},
	{row: "AuditLogEntry.target", from: "AuditLogConnection/found.nodes", on: "Member/other"},
	{row: "Organization.auditLog", from: "Query.organization", name: "by token", call: "auditLog(first: 1, filter: {actor: $serviceToken})", on: "AuditLogConnection/found"},
	{row: "AuditLogConnection/found.nodes", from: "by token", name: "a token's", on: "AuditLogEntry"},
	{row: "AuditLogEntry.actor", from: "a token's", name: "a token", on: "ServiceToken/actor"},
	{row: "Organization.auditLog", from: "Query.organization", name: "edits", call: `auditLog(first: 1, filter: {actions: ["org.edit"]})`, on: "AuditLogConnection/found"},
	{row: "AuditLogConnection/found.nodes", from: "edits", name: "edit", on: "AuditLogEntry"},
	{row: "AuditLogEntry.target", from: "edit", name: "edited", on: "Organization"},
	{row: "Organization.auditLogActors", from: "Query.organization", on: "AuditLogActor"},
	{row: "Organization.teams", from: "Query.organization", on: "Team"},
	{row: "Organization.projects", from: "Query.organization", on: "Project"},
	{row: "Project.team", from: "Organization.projects", on: "Team"},
	{row: "Organization.require2FAImpact", from: "Query.organization", on: "Require2FAImpact"},
	{row: "Require2FAImpact.members", from: "Organization.require2FAImpact", call: "members(first: 1)", on: "MemberConnection/found"},
	{row: "MemberConnection/found.nodes", from: "Require2FAImpact.members", name: "affected", on: "Member/affected"},
	{row: "Member/affected.organization", from: "affected", on: "Organization"},
	{row: "Member/affected.user", from: "affected", on: "User/other"},
	{row: "Organization.memberCounts", from: "Query.organization", on: "MemberCounts"},
	{row: "Organization.complianceHistory", from: "Query.organization", on: "ComplianceDay"},
	{row: "Organization.sweep", from: "Query.organization", on: "Sweep"},
	{row: "Organization.serviceTokens", from: "Query.organization", on: "ServiceToken"},
	{row: "ServiceToken.createdBy", from: "Organization.serviceTokens", on: "User/own"},

	{row: "Subscription.viewerMember", call: "viewerMember(organizationId: $org)", on: "Member/own"},
	{row: "Member/own.organization", from: "Subscription.viewerMember", name: "watcher's", on: "Organization"},
	{row: "Member/own.user", from: "Subscription.viewerMember", name: "watcher", on: "User/own"},
	{row: "Member/own.teams", from: "Subscription.viewerMember", name: "watcher's teams", on: "Team"},
	{row: "Subscription.auditLog", call: "auditLog(organizationId: $org, after: $before)", on: "AuditLogEntry"},
	{row: "AuditLogEntry.target", from: "Subscription.auditLog", name: "removed", on: "Member/removed"},
	{row: "Member/removed.organization", from: "removed", name: "removed's", on: "Organization"},
	{row: "Subscription.memberRemoved", call: "memberRemoved(organizationId: $org, after: $before)", on: "MemberRemoved"},
	{row: "MemberRemoved.member", from: "Subscription.memberRemoved", on: "Member/removed"},
	{row: "Member/removed.organization", from: "MemberRemoved.member", on: "Organization"},
	{row: "MemberRemoved.entry", from: "Subscription.memberRemoved", on: "AuditLogEntry"},
	{row: "Subscription.sweep", call: "sweep(id: $sweep)", on: "Sweep"},
}

// deadEnds are the edges that lead to nothing yet: nothing is ever skipped.
var deadEnds = []string{"Reinstated.skipped"}

// split takes a row's name apart: the type, the kind of it, the field.
func split(row string) (typeName, kind, field string) {
	row, _, _ = strings.Cut(row, "(")
	kind, field, _ = strings.Cut(strings.TrimSpace(row), ".")
	typeName, _, _ = strings.Cut(kind, "/")
	return typeName, kind, field
}

// matrix is the table on its way through the schema.
type matrix struct {
	schema *ast.Schema
	rows   map[string]map[string]string
	places map[string]place // by name

	mu   sync.Mutex
	seen map[string]bool // "row column" that was asked for
}

func newMatrix(t *testing.T) *matrix {
	t.Helper()
	x := &matrix{schema: schema(t), rows: expectations(t), places: map[string]place{}, seen: map[string]bool{}}
	for _, p := range allPlaces() {
		if p.name == "" {
			p.name = p.row
		}
		if _, twice := x.places[p.name]; twice && p.name == p.row {
			p.name += " from " + p.from
		}
		if _, twice := x.places[p.name]; twice {
			t.Fatalf("two places %q", p.name)
		}
		x.places[p.name] = p
	}
	return x
}

func allPlaces() []place {
	all := slices.Concat(readPlaces, resetPlaces)
	for _, c := range slices.Concat(resetCases, mutationCases) {
		all = append(all, c.places...)
	}
	return all
}

// TestAuthorization holds every field of the schema, on every way to it, against the table.
func TestAuthorization(t *testing.T) {
	t.Parallel()
	x := newMatrix(t)
	x.checkComplete(t)
	if !t.Run("asked", func(t *testing.T) {
		t.Run("reads", func(t *testing.T) { t.Parallel(); x.testReads(t) })
		t.Run("mutations", func(t *testing.T) { t.Parallel(); x.testMutations(t) })
	}) {
		return
	}
	for row, marks := range x.rows {
		for column, mark := range marks {
			if mark != "-" && !x.seen[row+" "+column] {
				t.Errorf("the table says %s for %s of %s, and nothing asked", mark, row, column)
			}
		}
	}
}

// checkComplete holds the table and the places against the schema.
func (x *matrix) checkComplete(t *testing.T) {
	t.Helper()
	kinds := map[string]map[string]bool{} // kind to its fields
	for row := range x.rows {
		typeName, kind, field := split(row)
		definition := x.schema.Types[typeName]
		if definition == nil || definition.Fields.ForName(field) == nil {
			t.Errorf("row %s: the schema has no such field", row)
		}
		if kinds[kind] == nil {
			kinds[kind] = map[string]bool{}
		}
		kinds[kind][field] = true
	}
	edges := map[string]bool{}
	for _, p := range x.places {
		typeName, _, field := split(p.row)
		if edges[typeName+"."+field] = edges[typeName+"."+field] || p.on != ""; x.rows[p.row] == nil {
			t.Errorf("place %s has no row", p.row)
		}
	}
	for name, definition := range x.schema.Types {
		if definition.BuiltIn || definition.Kind != ast.Object {
			continue
		}
		found := false
		for kind, fields := range kinds {
			if kind != name && !strings.HasPrefix(kind, name+"/") {
				continue
			}
			found = true
			for _, field := range definition.Fields {
				if !strings.HasPrefix(field.Name, "__") && !fields[field.Name] {
					t.Errorf("%s.%s has no row: say who may see it", kind, field.Name)
				}
			}
		}
		if !found {
			t.Errorf("%s has no rows: say who may see it", name)
		}
		for _, field := range definition.Fields {
			edge := name + "." + field.Name
			if x.schema.Types[field.Type.Name()].IsLeafType() || strings.HasPrefix(field.Name, "__") || slices.Contains(deadEnds, edge) {
				continue
			}
			if !edges[edge] {
				t.Errorf("no place leads through %s: what is behind it must be asked for there too", edge)
			}
		}
	}
}

// expected is what the table says that a column gets at a place, or of a field there ("" for the place itself): the first
// thing on the way that is no value.
func (x *matrix) expected(t *testing.T, p place, field, column string) (row, mark string) {
	t.Helper()
	chain := []string{p.row}
	for q := p; q.from != ""; {
		var ok bool
		if q, ok = x.places[q.from]; !ok {
			t.Fatalf("place %s is taken from %s, which is none", p.row, p.from)
		}
		chain = append([]string{q.row}, chain...)
	}
	if field != "" {
		chain = append(chain, p.on+"."+field)
	}
	for _, row = range chain {
		marks, ok := x.rows[row]
		if !ok {
			t.Fatalf("there is no row %s", row)
		}
		if mark = marks[column]; mark == "-" {
			t.Errorf("%s gets as far as %s by %v, and the table does not say so", column, row, chain)
			return row, mark
		}
		if mark != "ok" && !strings.HasPrefix(mark, "#") {
			break
		}
	}
	return row, mark
}

// path is the operation that a place is reached by, and the fields and places from there.
func (x *matrix) path(p place) (operation string, keys []string, calls []place) {
	for q := p; ; q = x.places[q.from] {
		_, _, field := split(q.row)
		keys, calls = append([]string{field}, keys...), append([]place{q}, calls...)
		if q.from == "" {
			typeName, _, _ := split(q.row)
			return strings.ToLower(typeName), keys, calls
		}
	}
}

// fieldCalls are how fields with arguments are asked for: those that need them, and pages, whose size is their cost.
var fieldCalls = map[string]string{"member": "member(id: $vic)", "members": "members(first: 1)", "auditLog": "auditLog(first: 1)"}

// selection asks for every field of a kind of object, and deeper where places lead on.
func (x *matrix) selection(kind string, on ...place) string {
	typeName, _, _ := strings.Cut(kind, "/")
	b := strings.Builder{}
	fmt.Fprintf(&b, "... on %s {", typeName)
	for _, field := range x.schema.Types[typeName].Fields {
		i := slices.IndexFunc(on, func(p place) bool { _, _, name := split(p.row); return name == field.Name })
		switch call, asked := fieldCalls[field.Name]; {
		case strings.HasPrefix(field.Name, "__"):
		case i >= 0:
			b.WriteString(" " + on[i].asked() + " { __typename " + x.selection(on[i].on, x.children(on[i])...) + " }")
		case asked && len(field.Arguments) > 0:
			b.WriteString(" " + call + " { __typename }")
		case x.schema.Types[field.Type.Name()].IsLeafType():
			b.WriteString(" " + field.Name)
		default:
			b.WriteString(" " + field.Name + " { __typename }")
		}
	}
	return b.String() + " }"
}

func (p place) asked() string {
	if p.call != "" {
		return p.call
	}
	_, _, field := split(p.row)
	return field
}

func (x *matrix) children(p place) []place {
	var children []place
	for _, c := range x.places {
		if c.from != "" && c.from == p.name && c.on != "" {
			children = append(children, c)
		}
	}
	return children
}

var variable = regexp.MustCompile(`\$(\w+)`)

// variableTypes are those that are no ids.
var variableTypes = map[string]string{"slug": "String!", "noSlug": "String!", "token": "String!", "dead": "String!", "alert": "String!", "resetToken": "String!", "before": "Int"}

// document makes an operation of a selection at its root, with the variables that it uses.
func document(operation, body string, values vars, input string) (string, vars) {
	used, declared := vars{}, []string{}
	for _, found := range variable.FindAllStringSubmatch(body, -1) {
		name := found[1]
		if _, again := used[name]; again {
			continue
		}
		kind := variableTypes[name]
		if name == "input" {
			kind = input
		} else if kind == "" {
			kind = "ID!"
		}
		used[name] = values[name]
		declared = append(declared, "$"+name+": "+kind)
	}
	if len(declared) > 0 {
		operation += "(" + strings.Join(declared, ", ") + ")"
	}
	return operation + " { " + body + " }", used
}

// outcome says in the table's words what an answer holds at a path.
func outcome(t testing.TB, a answer, path []string) string {
	t.Helper()
	for _, e := range a.Errors {
		at, first := []string{}, true
		for _, key := range e.Path {
			if name, ok := key.(string); ok {
				at = append(at, name)
			} else {
				first = first && key == float64(0) // of a list the first is looked at
			}
		}
		if first && len(at) <= len(path) && slices.Equal(at, path[:len(at)]) {
			code, _ := e.Extensions["code"].(string)
			for short, long := range codes {
				if long == code {
					return short
				}
			}
			return code + " " + e.Message
		}
	}
	var value any
	if err := json.Unmarshal(a.Data, &value); err != nil {
		t.Fatalf("%v in %s", err, a.Data)
	}
	for _, key := range path {
		if list, ok := value.([]any); ok {
			if len(list) == 0 {
				return "none"
			}
			value = list[0]
		}
		object, ok := value.(map[string]any)
		if !ok {
			return "null"
		}
		value = object[key]
	}
	switch v := value.(type) {
	case nil:
		return "null"
	case []any:
		if len(v) == 0 {
			return "none"
		}
		return fmt.Sprintf("#%d", len(v))
	}
	return "ok"
}

// meets says whether an outcome is what a mark means.
func meets(mark, got string) bool {
	switch {
	case strings.Contains(mark, "|"):
		one, other, _ := strings.Cut(mark, "|")
		return meets(one, got) || meets(other, got)
	case mark == "any":
		return got == "ok" || got == "null" || got == "none" || strings.HasPrefix(got, "#")
	case mark == "ok":
		return got == "ok" || strings.HasPrefix(got, "#")
	}
	return mark == got
}

// compare holds an answer at a place against the table, and then at the places that were asked for with it.
func (x *matrix) compare(t *testing.T, how string, p place, a *actor, got answer, deeper bool) {
	t.Helper()
	_, keys, _ := x.path(p)
	fields := []string{""}
	if _, mark := x.expected(t, p, "", a.column); p.on != "" && (mark == "ok" || strings.HasPrefix(mark, "#")) {
		typeName, _, _ := strings.Cut(p.on, "/")
		for _, field := range x.schema.Types[typeName].Fields {
			if !strings.HasPrefix(field.Name, "__") {
				fields = append(fields, field.Name)
			}
		}
	}
	for _, field := range fields {
		row, mark := x.expected(t, p, field, a.column)
		path := keys
		if field != "" {
			path = append(slices.Clone(keys), field)
		}
		if is := outcome(t, got, path); !meets(mark, is) {
			t.Errorf("%s: %s (%s) gets %s of %s, the table says %s at %s", how, a.column, a.Name, is, strings.Join(path, "."), mark, row)
		}
		x.mu.Lock()
		x.seen[row+" "+a.column] = true
		x.mu.Unlock()
	}
	if deeper {
		for _, child := range x.children(p) {
			x.compare(t, how, child, a, got, true)
		}
	}
}

// testReads asks every query by HTTP and over a socket, and every subscription over a socket.
func (x *matrix) testReads(t *testing.T) {
	w := newWorld(t)
	before := w.snapshot(t)
	for _, a := range w.actors {
		line := &asker{socket: w.dial(t, a.Token)}
		for _, name := range slices.Sorted(maps.Keys(x.places)) {
			p := x.places[name]
			operation, _, calls := x.path(p)
			if operation == "mutation" || operation == "subscription" && p.from != "" {
				continue
			}
			var body string
			if operation == "subscription" {
				body = p.asked() + " { " + x.selection(p.on, x.children(p)...) + " }"
			} else {
				body = x.nested(calls)
			}
			how := p.name
			text, values := document(operation, body, w.values(a), "")
			overSocket := line.ask(text, values)
			x.compare(t, how+" over WebSocket", p, a, overSocket, operation == "subscription")
			if operation == "query" {
				x.compare(t, how+" over HTTP", p, a, w.post(t, a.Token, text, values), false)
			}
			if _, mark := x.expected(t, p, "", a.column); mark == "404" && a.column == "outsider" {
				same(t, how, overSocket, line.ask(text, w.unknown(values).(vars)))
			}
		}
	}
	if diff := cmp.Diff(before, w.snapshot(t)); diff != "" {
		t.Errorf("reading changed something (-before +after):\n%s", diff)
	}
}

// nested asks for the fields at the end of a way.
func (x *matrix) nested(calls []place) string {
	p := calls[0]
	inner := " { __typename }"
	kind, _, field := split(p.row)
	leaf := kind == "Query" && x.schema.Types[x.schema.Query.Fields.ForName(field).Type.Name()].IsLeafType()
	switch typeName, _, _ := strings.Cut(p.on, "/"); {
	case leaf:
		inner = ""
	case len(calls) > 1:
		inner = " { ... on " + typeName + " { " + x.nested(calls[1:]) + " } }"
	case p.on != "":
		inner = " { __typename " + x.selection(p.on) + " }"
	}
	return p.asked() + inner
}

// same fails unless a refusal reads exactly like that of something that does not exist.
func same(t *testing.T, how string, got, unknown answer) {
	t.Helper()
	if diff := cmp.Diff(unknown.Errors, got.Errors); diff != "" || len(got.Errors) == 0 {
		t.Errorf("%s: the refusal tells that there is something (-unknown +got):\n%s", how, diff)
	}
}

// asker asks one operation after the other over a socket.
type asker struct {
	*socket
	n int
}

// ask gives the first answer; a subscription is ended after it.
func (s *asker) ask(query string, v vars) answer {
	s.t.Helper()
	s.n++
	id := fmt.Sprint(s.n)
	s.subscribe(id, query, v)
	for {
		f := s.read()
		if f.ID != id {
			continue // of the one before, which was on its way
		}
		var a answer
		switch f.Type {
		case "next":
			if err := json.Unmarshal(f.Payload, &a); err != nil {
				s.t.Fatal(err)
			}
			s.send(id, "complete", nil)
		case "error":
			if err := json.Unmarshal(f.Payload, &a.Errors); err != nil {
				s.t.Fatal(err)
			}
		default:
			s.t.Fatalf("got %+v", f)
		}
		return a
	}
}
