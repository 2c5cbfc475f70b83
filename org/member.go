package org

import (
	"reflect"
	"strings"
	"time"
)

// Role is what somebody may do in an organization.
type Role string

// The roles, from most to least.
const (
	RoleOwner   Role = "OWNER"
	RoleManager Role = "MANAGER"
	RoleAdmin   Role = "ADMIN"
	RoleMember  Role = "MEMBER"
)

var rank = map[Role]int{RoleMember: 1, RoleAdmin: 2, RoleManager: 3, RoleOwner: 4}

// AtLeast says whether r may do all that other may. A role that does not exist is reached by none.
func (r Role) AtLeast(other Role) bool {
	needed, known := rank[other]
	return known && rank[r] >= needed
}

// Title is the role as people read it.
func (r Role) Title() string {
	if r == "" {
		return ""
	}
	return string(r[:1]) + strings.ToLower(string(r[1:]))
}

// MemberStatus is where a member stands.
type MemberStatus string

// The statuses of a member. Somebody removed by hand, or whose window is over, has no row.
const (
	StatusActive        MemberStatus = "ACTIVE"
	StatusInvited       MemberStatus = "INVITED"
	StatusRemovedFor2FA MemberStatus = "REMOVED_FOR_2FA"
)

// InviteDelivery is how far the mail with a member's link has got.
type InviteDelivery string

// The states of a link's mail.
const (
	DeliveryQueued InviteDelivery = "QUEUED"
	DeliverySent   InviteDelivery = "SENT"
	DeliveryFailed InviteDelivery = "FAILED"
)

// NotificationSettings say which mails of an organization a member wants.
type NotificationSettings struct {
	Membership bool
	Security   bool
}

// Member is one user's, or one invited address's, place in one organization. Pointers are nil when withheld or absent.
type Member struct {
	ID                   string
	OrganizationID       string
	Organization         *Organization
	User                 *User
	Email                *string
	Name                 *string
	Role                 Role
	Status               MemberStatus
	TwoFactor            *TwoFactorState
	Teams                []*Team
	NotificationSettings *NotificationSettings
	InvitedBy            *User
	InviteExpiresAt      *time.Time
	InviteDelivery       *InviteDelivery
	RemovedAt            *time.Time
	ReinstatableUntil    *time.Time
	LastSeenAt           *time.Time
	IsOnlyOwner          *bool
	Linked               *bool // whether the organization's provider signs them in
	Trusted              bool  // whether the organization trusts its provider with the second factor
}

// Frozen says whether the member's account is locked: its owner said that a change was not them.
func (m *Member) Frozen() bool { return m.User != nil && m.User.FrozenSince != nil }

// InOffice says whether what the member began as a manager or owner still counts: they are one, meet the requirement, and
// their account is not locked, since then somebody else may have done it. m is nil for who has gone.
func (m *Member) InOffice() bool {
	return m != nil && !m.Frozen() && m.Status == StatusActive && m.Role.AtLeast(RoleManager) && (!m.Organization.Enforced || m.Meets())
}

// PublicName is how mails and refusals name the member to people who may not see addresses.
func (m *Member) PublicName() string {
	if m.Name != nil {
		return *m.Name
	}
	return "The invited member"
}

// Compliant says whether the member's account has at least one confirmed authenticator.
func (m *Member) Compliant() bool { return m.TwoFactor != nil && m.TwoFactor.Compliant() }

// Vouched says whether the organization's provider answers for the member's second factor.
func (m *Member) Vouched() bool { return m.Trusted && m.Linked != nil && *m.Linked }

// Meets says whether the member meets the requirement: by an authenticator of their own, or by the provider's word. It is
// what db's condition compliant says to the database.
func (m *Member) Meets() bool { return m.Compliant() || m.Vouched() }

// MeetsRequirement is Meets for those who may see how the member is protected; nil for others, and for an invitation.
func (m *Member) MeetsRequirement() *bool {
	if m.TwoFactor == nil {
		return nil
	}
	meets := m.Meets()
	return &meets
}

// UserID is the account's id, "" for an invitation.
func (m *Member) UserID() string {
	if m.User == nil {
		return ""
	}
	return m.User.ID
}

// SeenBy is what viewer, a member of the same organization who has passed its gate, sees of m. Names and roles are for
// everybody; address, 2FA state and invitation for managers; notification settings for the member alone.
func (m *Member) SeenBy(viewer *Member) *Member {
	seen := *m
	seen.User, seen.InvitedBy = m.User.clone(), m.InvitedBy.clone()
	seen.HideFrom(viewer)
	return &seen
}

// HideFrom leaves of m what viewer sees: it is SeenBy for who has just read m and is the only one to hold it, as of a page.
func (m *Member) HideFrom(viewer *Member) {
	own := m.ID == viewer.ID
	manager := viewer.Role.AtLeast(RoleManager)
	m.User.hideFrom(viewer.UserID(), manager)
	m.InvitedBy.hideFrom(viewer.UserID(), manager)
	if !own {
		m.NotificationSettings = nil
	}
	if !manager {
		m.InviteExpiresAt, m.InviteDelivery, m.LastSeenAt = nil, nil, nil
	}
	if !own && !manager {
		m.Email, m.TwoFactor, m.InvitedBy, m.Linked = nil, nil, nil, nil
	}
}

// Same says whether other, nil for nobody, shows the same but for when they were last seen, which no entry tells of.
func (m *Member) Same(other *Member) bool {
	if other == nil {
		return false
	}
	one, two := *m, *other
	one.LastSeenAt, two.LastSeenAt = nil, nil
	return reflect.DeepEqual(one, two)
}

// VisibleTo says whether viewer may know of m at all: of who is invited, or was removed for 2FA, only managers may.
func (m *Member) VisibleTo(viewer *Member) bool {
	return m.Status == StatusActive || m.ID == viewer.ID || viewer.Role.AtLeast(RoleManager)
}

// Limited is what somebody sees of their own membership while the gate keeps them out: enough to find the way back.
func (m *Member) Limited() *Member {
	return &Member{
		ID: m.ID, OrganizationID: m.OrganizationID, Role: m.Role, Status: m.Status,
		Organization: &Organization{ID: m.Organization.ID, Slug: m.Organization.Slug, Name: m.Organization.Name},
		RemovedAt:    m.RemovedAt, ReinstatableUntil: m.ReinstatableUntil,
	}
}

// WindowOpen says whether a removed member can still come back: until the moment that the database wrote at removal.
func (m *Member) WindowOpen(now time.Time) bool {
	return m.Status == StatusRemovedFor2FA && m.ReinstatableUntil != nil && now.Before(*m.ReinstatableUntil)
}

// MemberDetails say what of a member is wanted beside role, standing, and the account's name, address and 2FA state.
type MemberDetails struct {
	Organization bool
	Times        bool // RemovedAt, ReinstatableUntil and LastSeenAt
	Own          bool // what only the member sees of the settings and the account
	InvitedBy    bool
	Invitation   bool // InviteExpiresAt and InviteDelivery
	OnlyOwner    bool
	Provider     bool // Linked and Trusted
	Teams        bool
}

// EveryDetail are all there are; GateDetails are those that the gate, and who passes it, is decided on.
var (
	EveryDetail = MemberDetails{true, true, true, true, true, true, true, true}
	GateDetails = MemberDetails{Organization: true, Times: true, Own: true, Provider: true}
)

// SeenLately says whether the member's last visit is noted well enough: visits are told to the minute.
func (m *Member) SeenLately(now time.Time) bool {
	return m.LastSeenAt != nil && now.Sub(*m.LastSeenAt) < time.Minute
}

// MemberFilter narrows a list of members; all given conditions hold together.
type MemberFilter struct {
	Status    []MemberStatus
	Role      []Role
	TwoFactor []TwoFactorState
	Teams     []string
	Query     *string
}

// Check refuses a filter that viewer may not use, since its result would tell what is withheld.
func (f *MemberFilter) Check(viewer *Member) error {
	if f == nil {
		return nil
	}
	if len(f.TwoFactor) > 0 && !viewer.Role.AtLeast(RoleManager) {
		return Refuse(CodeForbidden, "Only managers and owners see the 2FA state of others.")
	}
	if len(f.Teams) > 100 {
		return BadInput("filter.teams", "Filter by at most 100 teams.")
	}
	return CheckSearch("filter.query", f.Query)
}

// CheckSearch refuses a text to search for that is too long.
func CheckSearch(field string, query *string) error {
	if query != nil && len([]rune(*query)) > 100 {
		return BadInput(field, "Search for at most 100 characters.")
	}
	return nil
}

// Empty says whether the filter lets everybody pass.
func (f *MemberFilter) Empty() bool {
	return f == nil || len(f.Status) == 0 && len(f.Role) == 0 && len(f.TwoFactor) == 0 && len(f.Teams) == 0 && (f.Query == nil || *f.Query == "")
}

// CheckGrant says whether by may give role: nobody grants a role above their own.
func CheckGrant(by *Member, role Role) error {
	if !by.Role.AtLeast(role) {
		return Refuse(CodeForbidden, "You cannot give the role %s: it is above your own.", role.Title())
	}
	return nil
}

// CheckOver says whether by may edit or remove target: nobody touches a role above their own.
func CheckOver(by, target *Member) error {
	if !by.Role.AtLeast(target.Role) {
		return Refuse(CodeForbidden, "%s has the role %s, which is above your own.", target.PublicName(), target.Role.Title())
	}
	return nil
}

// Owners counts an organization's active owners other than the one who is about to go, those who can sign in without a
// provider.
type Owners struct {
	Active    int
	Compliant int // of them, with a confirmed authenticator
}

// CheckOwnerGoes says whether target may stop being an active owner: an organization always has an active owner, and
// once the requirement is on, one with a confirmed authenticator.
func CheckOwnerGoes(o *Organization, target *Member, others Owners) error {
	if target.Role != RoleOwner || target.Status != StatusActive {
		return nil
	}
	if others.Active == 0 {
		return Refuse(CodeLastOwner, "%s is the only active owner of %s. Make somebody else an owner first.", target.PublicName(), o.Name)
	}
	if o.Enforced && others.Compliant == 0 {
		return Refuse(CodeLastOwner, "%s is the only owner of %s with two-factor authentication. Another owner has to set it up first.", target.PublicName(), o.Name)
	}
	return nil
}

// CheckRoleChange says whether by may make target a role: within their own rank, for people with an account or an
// invitation, and never themselves upwards.
func CheckRoleChange(o *Organization, by, target *Member, role Role, others Owners) error {
	if err := CheckOver(by, target); err != nil {
		return err
	}
	if err := CheckGrant(by, role); err != nil {
		return err
	}
	if role == RoleOwner {
		return nil
	}
	return CheckOwnerGoes(o, target, others)
}
