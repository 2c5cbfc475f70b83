package org

import "time"

// LinkPurpose is what an emailed link of an account is for.
type LinkPurpose string

// The purposes of an account's links. The one of a password reset also moves an address that was never verified to the
// account of whoever proves it.
const (
	PurposeReset  LinkPurpose = "RESET"
	PurposeVerify LinkPurpose = "VERIFY" // proves the account's own address
	PurposeChange LinkPurpose = "CHANGE" // proves the address that is to take its place
)

// Life is how long a link of the purpose works.
func (p LinkPurpose) Life() time.Duration {
	if p == PurposeReset {
		return time.Hour
	}
	return 24 * time.Hour
}

// AccountLink is a living link of an account. It is for one address: when the account's has changed, it is dead.
type AccountLink struct {
	UserID    string
	Purpose   LinkPurpose
	Email     string
	Nonce     []byte
	TokenHash []byte
	ExpiresAt time.Time
}

// ErrDeadLink refuses a link of an account; what is wrong with it is said to nobody.
var ErrDeadLink = Refuse(CodeInvalidLink, "This link is invalid, was used already, was replaced by a newer one or has expired. Ask for a new one.")

// SentTo says whether the link was sent to the address that the account has now.
func (l *AccountLink) SentTo(u *User) bool {
	return l.UserID == u.ID && u.Email != nil && SameEmail(l.Email, *u.Email)
}

// CheckReset says whether a link sets the account's password. An address that was never verified is a claim: what is mailed
// there opens no account.
func (l *AccountLink) CheckReset(u *User) error {
	switch {
	case l.Purpose != PurposeReset || !l.SentTo(u):
		return ErrDeadLink
	case !u.Verified():
		return Refuse(CodeInvalidLink, "This address was never confirmed, so the link opens no account. Use it to sign up afresh with this address.")
	}
	return nil
}

// CheckClaim says whether a link moves the address to whoever signs up with it.
func (l *AccountLink) CheckClaim(email string) error {
	if l.Purpose != PurposeReset || !SameEmail(l.Email, email) {
		return Refuse(CodeInvalidLink, "This link was sent to another address, or is for something else. Sign up with the address that it was sent to.")
	}
	return nil
}

// CheckConfirm says whether a link proves an address to the account: its own, or the one that takes its place. It does so in a
// session of that account only.
func (l *AccountLink) CheckConfirm(u *User, memberships []*Member) error {
	switch {
	case l.UserID != u.ID:
		return Refuse(CodeInvalidLink, "This link belongs to another account. Sign out, and sign in to the account that asked for it.")
	case l.Purpose == PurposeVerify && l.SentTo(u):
		return nil
	case l.Purpose == PurposeChange:
		return CheckChangeEmail(u, memberships)
	}
	return ErrDeadLink
}

// CheckVerify says whether the account has an address to verify.
func CheckVerify(u *User) error {
	switch {
	case u.Email == nil:
		return Refuse(CodeConflict, "Your account has no address to verify. Give it one first.")
	case u.Verified():
		return Refuse(CodeConflict, "Your address is verified already.")
	}
	return nil
}

// CheckChangeEmail says whether the account's address may change: not while the way back into an organization, or to a first
// authenticator where one is required, leads through it. A stolen password would lead it elsewhere.
func CheckChangeEmail(u *User, memberships []*Member) error {
	for _, m := range memberships {
		switch {
		case m.Status == StatusRemovedFor2FA:
			return Refuse(CodeConflict, "Your address stays as it is while you can come back into %s: the way back leads through it. Set up two-factor authentication first.", m.Organization.Name)
		case m.Status == StatusActive && m.Organization.Enforced && !u.Compliant() && u.Email == nil:
			return refuseUnmailable(CodeConflict, m)
		case m.Status == StatusActive && m.Organization.Enforced && !u.Compliant():
			return Refuse(CodeConflict, "%s requires two-factor authentication, and the mail that lets you set it up goes to your present address. Set it up first.", m.Organization.Name)
		}
	}
	return nil
}

// refuseUnmailable refuses an account without an address that can only be let back in by a mail: what its session gave it would be
// no better than the password that the session was begun with.
func refuseUnmailable(code ErrorCode, m *Member) error {
	return Refuse(code, "%s requires two-factor authentication, and the mail that lets you set it up has nowhere to go: your account has no address. Ask whoever runs this Muster to give it one.", m.Organization.Name)
}

// AddressFrozen says whether the account's address stays where it is: the way back into an organization leads through it.
func AddressFrozen(memberships []*Member) bool {
	for _, m := range memberships {
		if m.Status == StatusRemovedFor2FA {
			return true
		}
	}
	return false
}

// What concerns passwords and addresses, as the account's log names it.
const (
	EventPasswordChanged      = "user.password-changed"
	EventResetRequested       = "user.password-reset-requested"
	EventVerificationSent     = "user.email-verification-sent"
	EventEmailVerified        = "user.email-verified"
	EventEmailChangeRequested = "user.email-change-requested"
	EventPasswordReset        = "user.password-reset"
)
