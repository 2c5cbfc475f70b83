package org

import (
	"maps"
	"slices"
	"time"
)

// Permission is one thing that somebody may want to do in an organization. Its name is the schema's.
type Permission string

// The permissions. The table below says what each is, and which role it needs.
const (
	See            Permission = "SEE"
	Leave          Permission = "LEAVE"
	NotifyMe       Permission = "NOTIFY_ME"
	SeeMembers     Permission = "SEE_MEMBERS"
	SeeTeams       Permission = "SEE_TEAMS"
	ManageTeams    Permission = "MANAGE_TEAMS"
	SeeProjects    Permission = "SEE_PROJECTS"
	SeeAllProjects Permission = "SEE_ALL_PROJECTS"
	CreateProjects Permission = "CREATE_PROJECTS"
	ManageMembers  Permission = "MANAGE_MEMBERS"
	SeeAudit       Permission = "SEE_AUDIT_LOG"
	SeeSecurity    Permission = "SEE_SECURITY"
	ManageSecurity Permission = "MANAGE_SECURITY"
	ManageSettings Permission = "MANAGE_SETTINGS"
	ManageTokens   Permission = "MANAGE_SERVICE_TOKENS"
)

var permissions = map[Permission]struct {
	lowest Role
	is     string // as in "You need another role to …"
}{
	See:            {RoleMember, "see the organization"},
	Leave:          {RoleMember, "leave the organization"},
	NotifyMe:       {RoleMember, "change your notification settings"},
	SeeMembers:     {RoleMember, "see members"},
	SeeTeams:       {RoleMember, "see teams"},
	SeeProjects:    {RoleMember, "see projects"},
	ManageTeams:    {RoleAdmin, "create teams and set members' teams"},
	CreateProjects: {RoleAdmin, "create projects"},
	SeeAllProjects: {RoleAdmin, "see all projects"},
	ManageMembers:  {RoleManager, "manage members and invitations"},
	SeeAudit:       {RoleManager, "see the audit log"},
	SeeSecurity:    {RoleManager, "see the organization's security"},
	ManageSecurity: {RoleOwner, "change the organization's security settings"},
	ManageSettings: {RoleOwner, "change the organization's settings"},
	ManageTokens:   {RoleOwner, "manage the organization's service tokens"},
}

// Permissions are all there are, by name.
var Permissions = slices.Sorted(maps.Keys(permissions))

// String is the permission in words, for refusals.
func (p Permission) String() string { return permissions[p].is }

// Access is what the gate decides on: read in one query, never remembered between requests.
type Access struct {
	Organization *Organization
	Member       *Member // nil for a stranger
	Session      *Session
}

// Gate says whether the session may do p in the organization. The order is part of the promise: a stranger learns
// nothing, somebody without 2FA learns that before anything about roles. An API token needs the scope for it too.
func (a *Access) Gate(p Permission, now time.Time) error {
	if err := a.Enter(now); err != nil {
		return err
	}
	if a.Session != nil {
		if err := a.Session.Token.allow(p); err != nil {
			return err
		}
	}
	if needed := permissions[p].lowest; !a.Member.Role.AtLeast(needed) {
		return Refuse(CodeForbidden, "You need the role %s or above to %s.", needed.Title(), p)
	}
	return nil
}

// May are the permissions that the session has in the organization.
func (a *Access) May(now time.Time) []Permission {
	may := []Permission{}
	for _, p := range Permissions {
		if a.Gate(p, now) == nil {
			may = append(may, p)
		}
	}
	return may
}

// Enter says whether the session may enter the organization at all, whatever the role.
func (a *Access) Enter(now time.Time) error {
	m := a.Member
	switch {
	case m == nil || m.Status == StatusInvited:
		return ErrNotFound
	case a.Session != nil && a.Session.OrganizationID != nil && *a.Session.OrganizationID != a.Organization.ID:
		return ErrNotFound
	case a.Session.Service():
		return nil // it is no person: there is no second factor that it could have
	case m.Status == StatusRemovedFor2FA && !m.WindowOpen(now):
		return ErrNotFound
	case m.Status == StatusRemovedFor2FA && !a.Organization.Enforced:
		return Refuse(CodeTwoFactorRequired, "You were removed from %s when it required two-factor authentication, which it no longer does. Open the link that was mailed to you to come back, or ask an owner or manager for a new one.", a.Organization.Name)
	case m.Status == StatusRemovedFor2FA:
		return Refuse(CodeTwoFactorRequired, "%s requires two-factor authentication and you were removed until you set it up. Open the link that was mailed to you to come back.", a.Organization.Name)
	case a.Organization.Enforced && !m.Meets():
		return Refuse(CodeTwoFactorRequired, "%s requires two-factor authentication. Set it up for your account to go on.", a.Organization.Name)
	case a.Organization.Enforced && !a.proved() && a.Session != nil && a.Session.Token != nil:
		return Refuse(CodeStepUpRequired, "%s requires two-factor authentication and this API token was made in a session that had not proved it. Sign in with your second factor and make another.", a.Organization.Name)
	case a.Organization.Enforced && !a.proved() && m.Compliant() && a.Session.atAccount():
		return Refuse(CodeStepUpRequired, "%s requires two-factor authentication and this session has not proved it. Sign in again with your second factor.", a.Organization.Name)
	case a.Organization.Enforced && !a.proved():
		return Refuse(CodeStepUpRequired, "%s requires two-factor authentication. Sign in through your provider with its second factor.", a.Organization.Name)
	}
	return nil
}

// proved says whether the session has proved the second factor that counts here: one of the account's own, or, where it began
// at the organization's provider, the one that the provider's token told of, as long as the provider answers for the member.
func (a *Access) proved() bool {
	if a.Session.atAccount() {
		return a.Session.Proved() && a.Member.Compliant()
	}
	return a.Session.Proved() && a.Member.Vouched()
}
