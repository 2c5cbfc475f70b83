package org

import (
	"strings"
	"time"
)

// InvitationReason is why an emailed link was sent.
type InvitationReason string

// The reasons of a link.
const (
	ReasonInvited       InvitationReason = "INVITED"
	ReasonRemovedFor2FA InvitationReason = "REMOVED_FOR_2FA"
)

// NextStep is what the holder of a link does next.
type NextStep string

// The next steps of a link's holder.
const (
	NextSignIn   NextStep = "SIGN_IN"
	NextSignUp   NextStep = "SIGN_UP"
	NextSetUp2FA NextStep = "SET_UP_2FA"
	NextAccept   NextStep = "ACCEPT"
	NextNothing  NextStep = "NOTHING"
)

// Invitation is what a living link leads to. Email is masked: whoever holds the link may not be who it was sent to.
type Invitation struct {
	OrganizationName string
	Email            string
	Role             Role
	Reason           InvitationReason
	ExpiresAt        time.Time
	NextStep         NextStep
}

// Link is a living link with the member that it belongs to.
type Link struct {
	Member    *Member
	Reason    InvitationReason
	Nonce     []byte
	TokenHash []byte
	ExpiresAt time.Time
	Sender    *Sender // of an invitation; nil where no person answers for it
	Revoked   bool    // it was sent with an API token that has been revoked since
}

// Sender is the person who answers for an invitation: who sent it last, or gave it its role.
type Sender struct {
	Place *Member // where they stand in the organization, nil for who has gone
}

// Stands says whether an invitation holds: whoever answers for it could send it now. Somebody who was removed, lost the role
// or says that somebody else has their account, and a token that was revoked, bring nobody in any more; who may, sends it again.
// A link that leads back stands by itself: it gives nothing that its holder has not had.
func (l *Link) Stands() bool {
	if l.Member.Status != StatusInvited {
		return true
	}
	return !l.Revoked && (l.Sender == nil || l.Sender.Place.InOffice() && CheckGrant(l.Sender.Place, l.Member.Role) == nil)
}

// BelongsTo says whether the link is for the user: a removed member's for that account only, an invitation for the
// account with the invited address.
func (l *Link) BelongsTo(u *User) bool {
	if l.Member.Status == StatusInvited {
		return u.Email != nil && l.Member.Email != nil && SameEmail(*u.Email, *l.Member.Email)
	}
	return l.Member.UserID() == u.ID
}

// Next says what the holder does next: viewer is who is signed in, nil for nobody; known is whether an account has the
// address.
func (l *Link) Next(viewer *User, known bool) NextStep {
	mine := viewer != nil && l.BelongsTo(viewer)
	switch {
	case !mine && l.Member.Status == StatusInvited && !known:
		return NextSignUp
	case !mine:
		return NextSignIn
	case l.Member.Organization.Enforced && !viewer.Compliant():
		return NextSetUp2FA
	case l.Member.Status == StatusActive:
		return NextNothing
	}
	return NextAccept
}

// Reinstated is what a person got back in one organization.
type Reinstated struct {
	Organization *Organization
	Member       *Member
	Restored     []string
	Skipped      []ReinstatementSkip
}

// ReinstatementSkip is something that could not be restored.
type ReinstatementSkip struct {
	What   string
	Reason string
}

// NewReinstated lists what a returning member has again: the row has kept it all.
func NewReinstated(m *Member) *Reinstated {
	r := &Reinstated{
		Organization: m.Organization, Member: m,
		Restored: []string{"role " + m.Role.Title()}, Skipped: []ReinstatementSkip{},
	}
	for _, t := range m.Teams {
		r.Restored = append(r.Restored, "team "+t.Name)
	}
	if n := m.NotificationSettings; n != nil {
		var wanted []string
		if n.Membership {
			wanted = append(wanted, "membership")
		}
		if n.Security {
			wanted = append(wanted, "security")
		}
		what := "no notifications"
		if len(wanted) > 0 {
			what = "notifications about " + strings.Join(wanted, " and ")
		}
		r.Restored = append(r.Restored, what)
	}
	return r
}

// CheckResend says whether a member's mail can be sent again, and which it is.
func CheckResend(m *Member, now time.Time) (InvitationReason, error) {
	switch {
	case m.Status == StatusInvited:
		return ReasonInvited, nil
	case m.WindowOpen(now):
		return ReasonRemovedFor2FA, nil
	case m.Status == StatusRemovedFor2FA:
		return "", Refuse(CodeConflict, "%s could come back until %s. That is over: invite them anew.", m.Label(), m.ReinstatableUntil.UTC().Format(time.RFC1123))
	}
	return "", Refuse(CodeConflict, "%s is a member already: there is no invitation to resend.", m.Label())
}

// CheckInvite says whether an address can be invited, given who already has it in the organization (nil for nobody).
func CheckInvite(existing *Member, now time.Time) error {
	switch {
	case existing == nil || existing.Status == StatusRemovedFor2FA && !existing.WindowOpen(now):
		return nil
	case existing.Status == StatusActive:
		return Refuse(CodeConflict, "%s is a member already.", existing.Label())
	case existing.Status == StatusRemovedFor2FA:
		return Refuse(CodeConflict, "%s was removed for two-factor authentication and can come back until %s. Send the mail again instead.", existing.Label(), existing.ReinstatableUntil.UTC().Format(time.RFC1123))
	}
	return Refuse(CodeConflict, "%s is invited already. Send the invitation again instead.", existing.Label())
}
