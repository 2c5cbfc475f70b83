package org

import (
	"slices"
	"strings"
)

// Scope is one thing that an API token may be allowed. A token with `x:write` has `x:read` too.
type Scope = string

// The scopes. The schema says beside each mutation, and each field that needs one, which it is.
const (
	ScopeOrganizationWrite Scope = "organization:write"
	ScopeMembersRead       Scope = "members:read"
	ScopeMembersWrite      Scope = "members:write"
	ScopeTeamsRead         Scope = "teams:read"
	ScopeTeamsWrite        Scope = "teams:write"
	ScopeProjectsRead      Scope = "projects:read"
	ScopeProjectsWrite     Scope = "projects:write"
	ScopeAuditRead         Scope = "audit:read"
	ScopeSecurityRead      Scope = "security:read"
)

// Scopes are all there are.
var Scopes = []Scope{
	ScopeOrganizationWrite, ScopeMembersRead, ScopeMembersWrite, ScopeTeamsRead, ScopeTeamsWrite, ScopeProjectsRead,
	ScopeProjectsWrite, ScopeAuditRead, ScopeSecurityRead,
}

// anyScope is what is asked where every token of the organization may: its name, and whether it requires 2FA.
const anyScope Scope = ""

// scopes say which scope a permission asks of an API token, beside the role. What is not in this table no token may do: what
// needs its owner to be there (CheckFresh), what is about a person's own place, and tokens themselves.
var scopes = map[Permission]Scope{
	See:            anyScope,
	SeeMembers:     ScopeMembersRead,
	ManageMembers:  ScopeMembersWrite,
	SeeTeams:       ScopeTeamsRead,
	ManageTeams:    ScopeTeamsWrite,
	SeeProjects:    ScopeProjectsRead,
	SeeAllProjects: ScopeProjectsRead,
	CreateProjects: ScopeProjectsWrite,
	SeeAudit:       ScopeAuditRead,
	SeeSecurity:    ScopeSecurityRead,
	ManageSettings: ScopeOrganizationWrite,
}

// allow says whether the token's scopes reach as far as p; a session, which has no token, always does.
func (t *Token) allow(p Permission) error {
	if t == nil {
		return nil
	}
	scope, ok := scopes[p]
	switch {
	case !ok:
		return Refuse(CodeForbidden, "An API token cannot %s. Sign in to do it.", p)
	case scope != anyScope && !slices.Contains(t.Scopes, scope) && !slices.Contains(t.Scopes, writing(scope)):
		return Refuse(CodeForbidden, "This API token does not have the scope %s, which it needs to %s. Make one that has it.", scope, p)
	}
	return nil
}

// writing is the scope that has a reading one in it.
func writing(scope Scope) Scope { return strings.TrimSuffix(scope, ":read") + ":write" }

// ParseScopes checks the scopes of a new token: at least one, and only those that exist. It gives them in the table's order,
// each once.
func ParseScopes(field string, asked []Scope) ([]Scope, error) {
	for _, scope := range asked {
		if !slices.Contains(Scopes, scope) {
			return nil, BadInput(field, "There is no scope %q. The scopes are: %s.", clip(scope, 60), strings.Join(Scopes, ", "))
		}
	}
	if len(asked) == 0 {
		return nil, BadInput(field, "A token has at least one scope. The scopes are: %s.", strings.Join(Scopes, ", "))
	}
	return slices.DeleteFunc(slices.Clone(Scopes), func(scope Scope) bool { return !slices.Contains(asked, scope) }), nil
}
