package org_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"muster/org"
)

// TestAuditActions reads the source: every constant named Action… is an action that can be filtered by.
func TestAuditActions(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "audit.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var declared []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Action") || len(spec.Values) != 1 {
			return true
		}
		if literal, ok := spec.Values[0].(*ast.BasicLit); ok {
			name, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			declared = append(declared, name)
		}
		return true
	})
	slices.Sort(declared)
	if len(declared) < 18 || !slices.Equal(declared, org.AuditActions) {
		t.Errorf("declared %v, listed %v", declared, org.AuditActions)
	}
	if !slices.IsSorted(org.AuditActions) || len(slices.Compact(slices.Clone(org.AuditActions))) != len(org.AuditActions) {
		t.Errorf("%v is not sorted, or says a name twice", org.AuditActions)
	}
	// The names that clients of the original know.
	for _, name := range []string{"org.create", "org.edit", "member.invite", "member.reinvite", "member.accept-invite", "member.pending", "member.edit", "member.remove", "sso.enable", "member.2fa-enabled"} {
		if !slices.Contains(org.AuditActions, name) {
			t.Errorf("%s is missing", name)
		}
	}
}

// TestWhatEntriesTell has a row for each action: whether watchers are asked about again, and whether it is a removal. A
// new action without a row fails.
func TestWhatEntriesTell(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		changesAccess bool
		removal       org.RemovalReason
	}{
		"org.create":                 {false, ""},
		"org.edit":                   {true, ""},
		"member.invite":              {false, ""},
		"member.reinvite":            {false, ""},
		"member.accept-invite":       {true, ""},
		"member.pending":             {true, "TWO_FACTOR"},
		"member.edit":                {true, ""},
		"member.remove":              {true, "MANUAL"},
		"member.leave":               {true, "LEFT"},
		"member.expired":             {true, ""},
		"member.remind":              {false, ""},
		"member.2fa-enabled":         {true, ""},
		"member.2fa-disabled":        {true, ""},
		"member.2fa-changed":         {true, ""},
		"member.2fa-reset":           {true, ""},
		"member.2fa-reset-requested": {false, ""},
		"member.2fa-reset-approved":  {false, ""},
		"member.2fa-reset-ended":     {false, ""},
		"member.email-changed":       {false, ""},
		"team.create":                {false, ""},
		"project.create":             {false, ""},
		"token.create":               {false, ""},
		"token.revoke":               {true, ""},
		"sso.enable":                 {true, ""}, // whether the provider's factor counts
		"sso.disable":                {true, ""},
		"member.join-sso":            {true, ""},
		"member.link-sso":            {true, ""},
		"member.unlink-sso":          {true, ""},
	}
	for _, action := range org.AuditActions {
		want, ok := tests[action]
		if !ok {
			t.Errorf("%s has no row here", action)
			continue
		}
		e := &org.AuditLogEntry{Action: action}
		if got := e.ChangesAccess(); got != want.changesAccess {
			t.Errorf("%s changes access: got %v", action, got)
		}
		reason, isRemoval := e.Removal()
		if reason != want.removal || isRemoval != (want.removal != "") {
			t.Errorf("%s is a removal: got %q, %v", action, reason, isRemoval)
		}
		if got := slices.Contains(org.RemovalActions, action); got != isRemoval {
			t.Errorf("%s is among the removals: got %v", action, got)
		}
	}
}

// A place is read again after entries about it or about the whole organization, an owner's also after all that can make
// them the only one. What is about others costs nobody a look.
func TestConcerns(t *testing.T) {
	t.Parallel()
	own, other := ptr("mem_1"), ptr("mem_2")
	for _, test := range []struct {
		action        string
		target        *string
		member, owner bool
	}{
		{"org.edit", ptr("org_1"), true, true},
		{"sso.enable", ptr("org_1"), true, true},
		{"sso.disable", ptr("org_1"), true, true},
		{"member.edit", own, true, true},
		{"member.pending", own, true, true},
		{"member.remove", own, true, true},
		{"member.2fa-enabled", own, true, true},
		{"member.email-changed", own, true, true},
		{"member.edit", other, false, true},
		{"member.pending", other, false, true},
		{"member.leave", other, false, true},
		{"member.invite", other, false, false},
		{"member.remind", ptr("org_1"), false, false},
		{"team.create", ptr("team_1"), false, false},
		{"token.create", nil, false, false},
	} {
		e := &org.AuditLogEntry{Action: test.action, TargetID: test.target}
		if got := e.Concerns(member(org.RoleManager)); got != test.member {
			t.Errorf("%s concerns a manager: got %v", test.action, got)
		}
		if got := e.Concerns(member(org.RoleOwner)); got != test.owner {
			t.Errorf("%s concerns an owner: got %v", test.action, got)
		}
	}
}

func TestAuditFilterCheck(t *testing.T) {
	t.Parallel()
	tests := []struct {
		sentence string
		filter   *org.AuditLogFilter
		field    string
		says     string
	}{
		{"no filter", nil, "", ""},
		{"an empty one", &org.AuditLogFilter{}, "", ""},
		{"all actions", &org.AuditLogFilter{Actions: org.AuditActions}, "", ""},
		{"an unknown action is named, with those that exist", &org.AuditLogFilter{Actions: []string{"org.edit", "org.explode"}}, "filter.actions", `"org.explode". The names are: member.2fa-changed, `},
		{"another style of name is unknown", &org.AuditLogFilter{Actions: []string{"ORG_EDIT"}}, "filter.actions", "org.edit"},
		{"a long unknown name is cut", &org.AuditLogFilter{Actions: []string{strings.Repeat("ü", 1000)}}, "filter.actions", strings.Repeat("ü", 60) + `…"`},
		{"fifty names", &org.AuditLogFilter{Actions: slices.Repeat([]string{"org.edit"}, 50)}, "", ""},
		{"fifty-one names", &org.AuditLogFilter{Actions: slices.Repeat([]string{"org.edit"}, 51)}, "filter.actions", "50"},
		{"since before until", &org.AuditLogFilter{Since: ptr(noon), Until: ptr(noon.Add(1))}, "", ""},
		{"since at until matches nothing", &org.AuditLogFilter{Since: ptr(noon), Until: ptr(noon)}, "filter.until", "later"},
		{"since after until matches nothing", &org.AuditLogFilter{Since: ptr(noon.Add(1)), Until: ptr(noon)}, "filter.until", "later"},
		{"since alone", &org.AuditLogFilter{Since: ptr(noon)}, "", ""},
	}
	for _, test := range tests {
		t.Run(test.sentence, func(t *testing.T) {
			t.Parallel()
			err := test.filter.Check()
			if test.field == "" {
				wantCode(t, err, "")
				return
			}
			wantBadInput(t, err, test.field)
			if !strings.Contains(err.Error(), test.says) || len(err.Error()) > 1000 {
				t.Errorf("%q does not say %q in short", err, test.says)
			}
		})
	}
}

func TestAuditFilterMatches(t *testing.T) {
	t.Parallel()
	entry := &org.AuditLogEntry{Action: "org.edit", ActorID: ptr("usr_1"), TargetID: ptr("org_1"), CreatedAt: noon}
	nobody := &org.AuditLogEntry{Action: "member.expired", CreatedAt: noon}
	tests := []struct {
		sentence       string
		filter         *org.AuditLogFilter
		entry          *org.AuditLogEntry
		matches, empty bool
	}{
		{"no filter lets everything pass", nil, entry, true, true},
		{"an empty filter does too", &org.AuditLogFilter{}, nobody, true, true},
		{"an empty list of actions is no condition", &org.AuditLogFilter{Actions: []string{}}, entry, true, true},
		{"any of the actions", &org.AuditLogFilter{Actions: []string{"sso.enable", "org.edit"}}, entry, true, false},
		{"none of the actions", &org.AuditLogFilter{Actions: []string{"sso.enable"}}, entry, false, false},
		{"the actor", &org.AuditLogFilter{Actor: ptr("usr_1")}, entry, true, false},
		{"another actor", &org.AuditLogFilter{Actor: ptr("usr_2")}, entry, false, false},
		{"what nobody did has no actor", &org.AuditLogFilter{Actor: ptr("")}, nobody, false, false},
		{"the target", &org.AuditLogFilter{Target: ptr("org_1")}, entry, true, false},
		{"another target", &org.AuditLogFilter{Target: ptr("org_2")}, entry, false, false},
		{"what has no target", &org.AuditLogFilter{Target: ptr("")}, nobody, false, false},
		{"since is included", &org.AuditLogFilter{Since: ptr(noon)}, entry, true, false},
		{"a moment before since is not", &org.AuditLogFilter{Since: ptr(noon.Add(time.Nanosecond))}, entry, false, false},
		{"until is not included", &org.AuditLogFilter{Until: ptr(noon)}, entry, false, false},
		{"a moment before until is", &org.AuditLogFilter{Until: ptr(noon.Add(time.Nanosecond))}, entry, true, false},
		{"all conditions hold together", &org.AuditLogFilter{Actions: []string{"org.edit"}, Actor: ptr("usr_1"), Target: ptr("org_2")}, entry, false, false},
	}
	for _, test := range tests {
		t.Run(test.sentence, func(t *testing.T) {
			t.Parallel()
			if got := test.filter.Matches(test.entry); got != test.matches {
				t.Errorf("matches: got %v", got)
			}
			if got := test.filter.Empty(); got != test.empty {
				t.Errorf("empty: got %v", got)
			}
		})
	}
}
