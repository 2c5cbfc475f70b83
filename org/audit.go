package org

import (
	"slices"
	"strings"
	"time"
)

// AuditLogEntry is one line of an organization's log. It carries what it shows.
type AuditLogEntry struct {
	ID             string
	OrganizationID string
	Sequence       int
	Action         string
	ActorID        *string
	Actor          AuditActor // who is behind ActorID, as far as still there
	ActorLabel     string
	TargetID       *string
	TargetLabel    string
	Message        string
	IPAddress      *string
	UserAgent      *string
	Data           map[string]any
	CreatedAt      time.Time
}

// AuditDetails say what of an entry is wanted beside what its line shows.
type AuditDetails struct{ Actor, Data bool }

// EveryAuditDetail are all there are.
var EveryAuditDetail = AuditDetails{Actor: true, Data: true}

// The actions of an organization's log. The names that the original has are its own; the others follow its style.
const (
	ActionOrgCreate         = "org.create"
	ActionOrgEdit           = "org.edit"
	ActionMemberInvite      = "member.invite"
	ActionMemberReinvite    = "member.reinvite"
	ActionMemberAccept      = "member.accept-invite"
	ActionMemberPending     = "member.pending"
	ActionMemberEdit        = "member.edit"
	ActionMemberRemove      = "member.remove"
	ActionMemberLeave       = "member.leave"
	ActionMemberExpired     = "member.expired"
	ActionMemberRemind      = "member.remind"
	ActionMember2FAEnabled  = "member.2fa-enabled"
	ActionMember2FADisabled = "member.2fa-disabled"
	ActionMember2FAChanged  = "member.2fa-changed"
	ActionReset             = "member.2fa-reset"
	ActionResetRequested    = "member.2fa-reset-requested"
	ActionResetApproved     = "member.2fa-reset-approved"
	ActionResetEnded        = "member.2fa-reset-ended"
	ActionTeamCreate        = "team.create"
	ActionProjectCreate     = "project.create"
	ActionTokenCreate       = "token.create"
	ActionTokenRevoke       = "token.revoke"
	ActionSSOEnable         = "sso.enable"
	ActionSSODisable        = "sso.disable"
	ActionMemberEmail       = "member.email-changed"
	ActionMemberJoinSSO     = "member.join-sso"
	ActionMemberLinkSSO     = "member.link-sso"
	ActionMemberUnlinkSSO   = "member.unlink-sso"
)

// AuditActions are all action names, sorted.
var AuditActions = func() []string {
	names := []string{
		ActionOrgCreate, ActionOrgEdit, ActionMemberInvite, ActionMemberReinvite, ActionMemberAccept, ActionMemberPending,
		ActionMemberEdit, ActionMemberRemove, ActionMemberLeave, ActionMemberExpired, ActionMemberRemind,
		ActionMember2FAEnabled, ActionMember2FADisabled, ActionMember2FAChanged, ActionReset, ActionResetRequested, ActionResetApproved,
		ActionResetEnded, ActionTeamCreate, ActionProjectCreate,
		ActionTokenCreate, ActionTokenRevoke,
		ActionSSOEnable, ActionSSODisable, ActionMemberJoinSSO, ActionMemberLinkSSO, ActionMemberUnlinkSSO, ActionMemberEmail,
	}
	slices.Sort(names)
	return names
}()

// ChangesAccess says whether the entry may have changed who may see the log: whoever is watching is asked about again
// before a later entry is delivered.
func (e *AuditLogEntry) ChangesAccess() bool {
	switch e.Action {
	case ActionOrgEdit, ActionMemberPending, ActionMemberEdit, ActionMemberRemove, ActionMemberLeave, ActionMemberExpired,
		ActionMember2FADisabled, ActionMember2FAChanged, ActionMember2FAEnabled, ActionReset, ActionMemberAccept,
		ActionSSOEnable, ActionSSODisable, ActionMemberJoinSSO, ActionMemberLinkSSO, ActionMemberUnlinkSSO, ActionTokenRevoke:
		return true
	}
	return false
}

// Concerns says whether the entry may have changed m, as m sees their own place: it is about m, or about the whole
// organization. An owner's place also says whether they are the only one, which changes with the others.
func (e *AuditLogEntry) Concerns(m *Member) bool {
	switch e.Action {
	case ActionOrgEdit, ActionSSOEnable, ActionSSODisable:
		return true
	}
	return e.TargetID != nil && *e.TargetID == m.ID || m.Role == RoleOwner && e.ChangesAccess()
}

// RemovalReason is why somebody is no longer a member.
type RemovalReason string

// The reasons of a removal.
const (
	RemovedTwoFactor RemovalReason = "TWO_FACTOR"
	RemovedManually  RemovalReason = "MANUAL"
	RemovedLeft      RemovalReason = "LEFT"
)

// Removal says whether the entry tells of a removal, and why.
func (e *AuditLogEntry) Removal() (RemovalReason, bool) {
	switch e.Action {
	case ActionMemberPending:
		return RemovedTwoFactor, true
	case ActionMemberRemove:
		return RemovedManually, true
	case ActionMemberLeave:
		return RemovedLeft, true
	}
	return "", false
}

// RemovalActions are the actions that tell of a removal.
var RemovalActions = []string{ActionMemberPending, ActionMemberRemove, ActionMemberLeave}

// MemberRemoved is what the subscription memberRemoved delivers.
type MemberRemoved struct {
	Reason RemovalReason
	Entry  *AuditLogEntry
}

// AuditLogActor is somebody who did what a log tells, as it was written last.
type AuditLogActor struct {
	ID    string
	Label string
}

// AuditLogFilter narrows an audit log; all given conditions hold together.
type AuditLogFilter struct {
	Actions []string
	Actor   *string
	Target  *string
	Since   *time.Time
	Until   *time.Time
}

// Check refuses a filter that can match nothing because of a mistake.
func (f *AuditLogFilter) Check() error {
	if f == nil {
		return nil
	}
	if len(f.Actions) > 50 {
		return BadInput("filter.actions", "Filter by at most 50 actions.")
	}
	for _, action := range f.Actions {
		if !slices.Contains(AuditActions, action) {
			return BadInput("filter.actions", "There is no action %q. The names are: %s.", clip(action, 60), strings.Join(AuditActions, ", "))
		}
	}
	if f.Since != nil && f.Until != nil && !f.Since.Before(*f.Until) {
		return BadInput("filter.until", "`until` must be later than `since`.")
	}
	return nil
}

// Matches says whether the entry passes; it means the same as the query of the table.
func (f *AuditLogFilter) Matches(e *AuditLogEntry) bool {
	if f == nil {
		return true
	}
	return (len(f.Actions) == 0 || slices.Contains(f.Actions, e.Action)) &&
		(f.Actor == nil || e.ActorID != nil && *e.ActorID == *f.Actor) &&
		(f.Target == nil || e.TargetID != nil && *e.TargetID == *f.Target) &&
		(f.Since == nil || !e.CreatedAt.Before(*f.Since)) &&
		(f.Until == nil || e.CreatedAt.Before(*f.Until))
}

// Empty says whether the filter lets everything pass.
func (f *AuditLogFilter) Empty() bool {
	return f == nil || len(f.Actions) == 0 && f.Actor == nil && f.Target == nil && f.Since == nil && f.Until == nil
}

// clip keeps an echo of somebody's input short.
func clip(s string, limit int) string {
	if r := []rune(s); len(r) > limit {
		return string(r[:limit]) + "…"
	}
	return s
}
