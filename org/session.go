package org

import (
	"fmt"
	"slices"
	"time"
)

// Session is one sign-in, or what an API token acts in. Its tokens are stored hashed, elsewhere.
type Session struct {
	ID                 string
	User               *User   // whose it is; of a service token, the token itself, under its name
	Token              *Token  // of an API token, nil of a sign-in: it narrows what may be done, is never fresh and never idle
	OrganizationID     *string // of a session that began at a provider: it is good for this organization only
	BeganBy            SignInMethod
	ProvedAt           *time.Time   // when it last proved a second factor
	FreshAt            time.Time    // when it last showed that its owner is there
	FreshBy            SignInMethod // and by what
	MailboxProvedAt    *time.Time   // when an emailed link of the account was used in it
	InvitationMemberID *string      // the invitation that confirming an authenticator completes
	InvitationHash     []byte
	IPAddress          string // where it began
	UserAgent          string // and with what
	Current            bool   // in a list, whether it is the reader's own
	CreatedAt          time.Time
	UsedAt             time.Time
	ExpiresAt          time.Time
	EndedAt            *time.Time
}

// Proved says whether the session has proved a second factor.
func (s *Session) Proved() bool { return s != nil && s.ProvedAt != nil }

// Alive says whether the session still holds: not ended, not idle for longer than idle, not past its absolute end.
func (s *Session) Alive(now time.Time, idle time.Duration) bool {
	return s.EndedAt == nil && now.Before(s.ExpiresAt) && (s.Token != nil || now.Sub(s.UsedAt) < idle)
}

// UsedLately says whether the session's last use is noted well enough: uses are told to the minute.
func (s *Session) UsedLately(now time.Time) bool { return now.Sub(s.UsedAt) < time.Minute }

// atAccount says whether the session began at the account itself and not at an organization's provider.
func (s *Session) atAccount() bool { return s == nil || s.OrganizationID == nil }

// CheckHolder says whether the session is the account holder's own: one that began at an organization's provider is good for
// that organization and does nothing to the account, and neither does an API token.
func (s *Session) CheckHolder() error {
	if err := s.CheckSession(); err != nil {
		return err
	}
	if !s.atAccount() {
		return Refuse(CodeForbidden, "You signed in through your organization's provider, which vouches for you there only. To change your account, sign in to it directly.")
	}
	return nil
}

// SecondFactorMethod is what can answer a sign-in challenge.
type SecondFactorMethod string

// The methods of a second factor.
const (
	MethodTOTP         SecondFactorMethod = "TOTP"
	MethodPhone        SecondFactorMethod = "PHONE"
	MethodSecurityKey  SecondFactorMethod = "SECURITY_KEY"
	MethodRecoveryCode SecondFactorMethod = "RECOVERY_CODE"
)

// AuthenticatorKind is a kind of second factor.
type AuthenticatorKind string

// The kinds of authenticators.
const (
	KindTOTP        AuthenticatorKind = "TOTP"
	KindPhone       AuthenticatorKind = "PHONE"
	KindSecurityKey AuthenticatorKind = "SECURITY_KEY"
)

// Authenticator is a confirmed second factor of an account; its secret has a row of its own.
type Authenticator struct {
	ID         string
	UserID     string
	Kind       AuthenticatorKind
	Name       string
	ReplacesID *string // of one that is not confirmed yet: what confirming it removes
	CreatedAt  time.Time
	LastUsedAt *time.Time
}

// LastUsedFirst is the order in which a person is asked for one of their authenticators: the one that they used last is
// probably at hand.
func LastUsedFirst(have []*Authenticator) []*Authenticator {
	return slices.SortedStableFunc(slices.Values(have), func(a, b *Authenticator) int {
		return b.lastUsed().Compare(a.lastUsed())
	})
}

// lastUsed is when it was last used, for one that never was when it was confirmed.
func (a *Authenticator) lastUsed() time.Time {
	if a.LastUsedAt == nil {
		return a.CreatedAt
	}
	return *a.LastUsedAt
}

// Bounds on an account's authenticators: two apps allow a change of device, one phone is a backup, and ten keys are more
// than a person carries.
const (
	MaxTOTP        = 2
	MaxPhone       = 1
	MaxSecurityKey = 10
)

// CheckEnroll says whether another authenticator of the kind fits, given those that are confirmed. One that is replaced
// makes room, and must be of the same kind.
func CheckEnroll(kind AuthenticatorKind, have []*Authenticator, replaces *string) error {
	n, replaced := 0, replaces == nil
	for _, a := range have {
		switch {
		case replaces != nil && a.ID == *replaces && a.Kind == kind:
			replaced = true
		case a.Kind == kind:
			n++
		}
	}
	switch {
	case !replaced:
		return ErrNotFound
	case kind == KindTOTP && n >= MaxTOTP:
		return Refuse(CodeConflict, "You have %d authenticator apps already. Replace one of them, or remove one first.", n)
	case kind == KindSecurityKey && n >= MaxSecurityKey:
		return Refuse(CodeConflict, "You have %d security keys already. Remove one first.", n)
	case kind == KindPhone && n >= MaxPhone:
		return Refuse(CodeConflict, "You have a phone already. Remove it first.")
	}
	return nil
}

// Displaced is what another authenticator of the kind takes the place of: what its set-up says it replaces, or, where there is
// no more room and the session came back by a recovery code, the oldest. Whoever has lost all that they have can remove none.
func Displaced(s *Session, kind AuthenticatorKind, have []*Authenticator, replaces *string) *string {
	if replaces != nil || s.FreshBy != ByRecoveryCode || CheckEnroll(kind, have, nil) == nil {
		return replaces
	}
	var oldest *Authenticator
	for _, a := range have {
		if a.Kind == kind && (oldest == nil || a.CreatedAt.Before(oldest.CreatedAt)) {
			oldest = a
		}
	}
	return &oldest.ID
}

// CheckFresh says whether its owner has shown within stepUp that they are there: by a second factor, or by the password
// where the account has none. A recovery code is enough to enroll a factor and for nothing else, and a provider's word for
// neither: who holds an organization's provider must not hold its security settings through the account of an owner.
func CheckFresh(s *Session, now time.Time, stepUp time.Duration, enrolling bool) error {
	if s.Token != nil {
		return Refuse(CodeForbidden, "This takes a fresh proof that a person is there, which an API token cannot give. Sign in to do it.")
	}
	fresh := now.Sub(s.FreshAt) < stepUp && (enrolling || s.FreshBy != ByRecoveryCode)
	switch {
	case !s.atAccount():
		return Refuse(CodeStepUpRequired, "Your organization's provider cannot confirm this. Sign in to your account itself, and try again there.")
	case !s.User.Compliant() && !fresh:
		return Refuse(CodeStepUpRequired, "Confirm first that it is you, with your password, or sign in again.")
	case s.User.Compliant() && (!fresh || !s.FreshBy.SecondFactor()):
		return Refuse(CodeStepUpRequired, "Confirm first that it is you, with your second factor, or sign in again.")
	}
	return nil
}

// RecoveryCodes says how many recovery codes are left.
type RecoveryCodes struct {
	Remaining int
	CreatedAt time.Time
}

// fewCodes is how many recovery codes are so few that their owner is asked to make new ones.
const fewCodes = 3

// RecoveryUsed says that a recovery code was used to sign in, how many are left, and what to do next: whoever needs one has
// probably lost what else they had.
func RecoveryUsed(left int) string {
	next := " Have you lost your authenticator? Set up another one."
	if left <= fewCodes {
		next += " Then make new recovery codes, before these run out."
	}
	switch left {
	case 0:
		return "A recovery code was used, the last one." + next
	case 1:
		return "A recovery code was used; 1 is left." + next
	}
	return fmt.Sprintf("A recovery code was used; %d are left.", left) + next
}

// CheckFirstEnrollment says whether a session may start an account's first enrollment. Whoever was removed for 2FA, or is
// active without a factor where it is required, must have proved the mailbox in this session: a stolen password alone
// never enrolls its way back in.
func CheckFirstEnrollment(s *Session, memberships []*Member, now time.Time) (proofFor *Member, err error) {
	if s.User.Compliant() || s.MailboxProvedAt != nil {
		return nil, nil
	}
	for _, m := range memberships {
		asks := m.WindowOpen(now) || m.Status == StatusActive && m.Organization.Enforced
		if asks && s.User.Email == nil {
			return m, refuseUnmailable(CodeMailboxProofRequired, m)
		}
		if asks {
			return m, Refuse(CodeMailboxProofRequired, "You need two-factor authentication to get into %s. To set it up, open the link in the mail titled “Mandatory: Enable Two-Factor Authentication” in this browser; it has just been sent again unless it was sent a moment ago.", m.Organization.Name)
		}
	}
	return nil, nil
}

// CheckRemoveAuthenticator refuses to remove the last authenticator while organizations require 2FA, and names them.
func CheckRemoveAuthenticator(id string, have []*Authenticator, memberships []*Member) error {
	for _, a := range have {
		if a.ID != id {
			return nil
		}
	}
	names := ""
	for _, m := range memberships {
		// Whom a provider answers for is let in by its factor; an owner keeps their own: the organization always has one who does.
		if m.Status == StatusActive && m.Organization.Enforced && (!m.Vouched() || m.Role == RoleOwner) {
			if names != "" {
				names += ", "
			}
			names += m.Organization.Name
		}
	}
	if names == "" {
		return nil
	}
	return Refuse(CodeLastAuthenticator, "This is your last authenticator and two-factor authentication is required by: %s. Add another one first.", names)
}
