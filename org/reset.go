package org

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// ResetLife is how long a request to reset somebody's second factor waits for those who have to agree.
const ResetLife = 72 * time.Hour

// TwoFactorResetState is how far a request to reset somebody's second factor is.
type TwoFactorResetState string

// The states of a request. Only a pending one can take effect, and it leaves that state once.
const (
	ResetPending   TwoFactorResetState = "PENDING"
	ResetDone      TwoFactorResetState = "DONE"
	ResetDeclined  TwoFactorResetState = "DECLINED"
	ResetWithdrawn TwoFactorResetState = "WITHDRAWN"
	ResetExpired   TwoFactorResetState = "EXPIRED"
	ResetVoid      TwoFactorResetState = "VOID"
)

// Reset is a request to reset somebody's second factor, as it is stored. An organization is shown a TwoFactorReset of it.
type Reset struct {
	ID               string
	UserID           string // whose factor
	OrganizationID   string // where it was asked for
	OrganizationName string
	RequestedByID    string
	RequestedByName  string
	RequestedByLabel string // as logs name who asked
	Reason           string
	State            TwoFactorResetState
	Nonce            []byte
	CreatedAt        time.Time
	ExpiresAt        time.Time
	Disowned         bool // who asked has said since that somebody else had their account
	Approvals        []*ResetApproval
}

// ResetApproval is the consent of one organization, by one of its owners.
type ResetApproval struct {
	OrganizationID  string
	ApprovedByID    string
	ApprovedByLabel string
}

// TwoFactorReset is what an organization sees of a request that touches one of its members. It never says which other
// organizations the person belongs to.
type TwoFactorReset struct {
	ID            string
	Member        *Member
	State         TwoFactorResetState
	Reason        *string // only where it was asked for
	RequestedBy   string  // elsewhere without the address
	RequestedHere bool
	ApprovedBy    *string // by which owner of this organization
	CreatedAt     time.Time
	ExpiresAt     time.Time
}

// TwoFactorResetRequest is what its person sees of a request, by the link of the mail or in a session of the account.
type TwoFactorResetRequest struct {
	ID               string
	OrganizationName string
	RequestedBy      string
	Reason           string
	Email            string // masked: whoever holds the link may not be who it was sent to
	ExpiresAt        time.Time
}

// Open says whether the request can still take effect.
func (r *Reset) Open(now time.Time) bool {
	return r.State == ResetPending && !r.Disowned && now.Before(r.ExpiresAt)
}

// Lapses is how a request ends that nobody ends.
func (r *Reset) Lapses() TwoFactorResetState {
	if r.Disowned {
		return ResetVoid
	}
	return ResetExpired
}

// ApprovalIn is the organization's consent, nil while there is none.
func (r *Reset) ApprovalIn(organizationID string) *ResetApproval {
	i := slices.IndexFunc(r.Approvals, func(a *ResetApproval) bool { return a.OrganizationID == organizationID })
	if i < 0 {
		return nil
	}
	return r.Approvals[i]
}

// SeenBy is what viewer, a member of m's organization, sees of the request about m.
func (r *Reset) SeenBy(viewer, m *Member) *TwoFactorReset {
	seen := &TwoFactorReset{
		ID: r.ID, Member: m.SeenBy(viewer), State: r.State, RequestedBy: r.RequestedByName,
		RequestedHere: m.OrganizationID == r.OrganizationID, CreatedAt: r.CreatedAt, ExpiresAt: r.ExpiresAt,
	}
	if seen.RequestedHere {
		seen.Reason, seen.RequestedBy = &r.Reason, r.RequestedByLabel
	}
	if a := r.ApprovalIn(m.OrganizationID); a != nil {
		seen.ApprovedBy = &a.ApprovedByLabel
	}
	return seen
}

// SeenByPerson is what the person whose factor it is sees of the request.
func (r *Reset) SeenByPerson(u *User) *TwoFactorResetRequest {
	seen := &TwoFactorResetRequest{
		ID: r.ID, OrganizationName: r.OrganizationName, RequestedBy: r.RequestedByLabel, Reason: r.Reason, ExpiresAt: r.ExpiresAt,
	}
	if u.Email != nil {
		seen.Email = MaskEmail(*u.Email)
	}
	return seen
}

// ParseReason checks why a reset is asked for: 10 to 500 characters, which the log and the person are told.
func ParseReason(field, s string) (string, error) {
	s = strings.TrimSpace(s)
	if n := utf8.RuneCountInString(s); n < 10 || n > 500 || strings.ContainsFunc(s, unsafeRune) || strings.Trim(s, joiners) == "" {
		return "", BadInput(field, "Say why in 10 to 500 characters on one line: the log keeps it and the person is told.")
	}
	return s, nil
}

// CheckReset says whether by, a manager or owner, may ask to reset target's second factor: never their own, never of a role
// above their own, and only of a member who has one and can be mailed the way back.
func CheckReset(by, target *Member) error {
	if err := CheckOver(by, target); err != nil {
		return err
	}
	switch {
	case target.ID == by.ID:
		return Refuse(CodeConflict, "You cannot reset your own second factor: use a recovery code, or ask another owner or manager.")
	case target.Status == StatusInvited:
		return Refuse(CodeConflict, "%s has not joined yet: there is nothing to reset.", target.PublicName())
	case target.Status == StatusRemovedFor2FA || !target.Compliant():
		return Refuse(CodeConflict, "%s has no second factor: there is nothing to reset.", target.PublicName())
	case target.Email == nil:
		return Refuse(CodeConflict, "%s has no address to mail: without the second factor they could never come back.", target.PublicName())
	}
	return nil
}

// ResetHolds says whether a request still stands where it was asked for: by, who asked, could still ask for it, and target is
// still a member. Either is nil for who has gone. What somebody asked whose account is locked since may not have been them.
func ResetHolds(by, target *Member) bool {
	return by.InOffice() && target != nil && CheckReset(by, target) == nil
}

// Belongs says whether the membership counts: the person is in, or was removed and may come back.
func (m *Member) Belongs(now time.Time) bool { return m.Status == StatusActive || m.WindowOpen(now) }

// ResetAtOnce says whether a reset that an organization asks for needs nobody else: the person belongs to no other one.
func ResetAtOnce(organizationID string, memberships []*Member, now time.Time) bool {
	return !slices.ContainsFunc(memberships, func(m *Member) bool { return m.OrganizationID != organizationID && m.Belongs(now) })
}

// MustApprove says whether the membership's organization has to agree to a reset that another one asks for: every one that the
// person belongs to, so that a tenant who asks cannot agree by means of one more of their own.
func (r *Reset) MustApprove(m *Member, now time.Time) bool {
	return m.OrganizationID != r.OrganizationID && m.Belongs(now)
}

// Approved says whether owners of all organizations that have to agree do. Where none has to, that is nobody's consent: the
// person confirms then, or nothing happens. stands says whether an approval's owner still is one.
func (r *Reset) Approved(memberships []*Member, stands func(*ResetApproval) bool, now time.Time) bool {
	needed := 0
	for _, m := range memberships {
		if !r.MustApprove(m, now) {
			continue
		}
		needed++
		if a := r.ApprovalIn(m.OrganizationID); a == nil || !stands(a) {
			return false
		}
	}
	return needed > 0
}

// CheckApprover says whether by may speak for their organization about target's second factor: as an active owner whose
// account is not locked, never about their own, and never about what they have asked for themselves.
func (r *Reset) CheckApprover(by, target *Member) bool {
	return by.Role == RoleOwner && by.Status == StatusActive && !by.Frozen() && by.ID != target.ID && by.UserID() != r.RequestedByID &&
		(!by.Organization.Enforced || by.Meets())
}

// LastCompliantOwner says whether the member is all that an organization has of owners who meet its own requirement, others
// being its other active owners: such a person cannot be left without an authenticator.
func (m *Member) LastCompliantOwner(others Owners) bool {
	return m.Status == StatusActive && m.Role == RoleOwner && m.Organization.Enforced && others.Compliant == 0
}

// CheckLockOut refuses to leave a person without an authenticator where lastOf, the memberships in which they are the last
// compliant owner, are any; it names the organizations that the reader may know of.
func CheckLockOut(lastOf []*Member, known func(organizationID string) bool) error {
	if len(lastOf) == 0 {
		return nil
	}
	var names []string
	for _, m := range lastOf {
		if known(m.OrganizationID) {
			names = append(names, m.Organization.Name)
		}
	}
	if len(names) < len(lastOf) {
		names = append(names, "another organization")
	}
	return Refuse(CodeLastOwner, "This is the only owner with two-factor authentication of: %s. Another owner has to set it up there first.", strings.Join(names, ", "))
}

// VisibleTo says whether viewer, of m's organization, may know of the request about m: where it was asked for managers do,
// where it has to be agreed to owners.
func (r *Reset) VisibleTo(viewer, m *Member, now time.Time) bool {
	if m.OrganizationID == r.OrganizationID {
		return viewer.Role.AtLeast(RoleManager)
	}
	return viewer.Role == RoleOwner && viewer.ID != m.ID && r.MustApprove(m, now)
}
