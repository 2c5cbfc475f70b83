package org

import "time"

// LinkPurpose is what an emailed link of an account is for.
type LinkPurpose string

// The purposes of an account's links. The one of a password reset also moves an address that was never verified to the
// account of whoever proves it.
const (
	PurposeReset LinkPurpose = "RESET"
)

// Life is how long a link of the purpose works.
func (LinkPurpose) Life() time.Duration { return time.Hour }

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
	EventPasswordChanged = "user.password-changed"
	EventResetRequested  = "user.password-reset-requested"
	EventPasswordReset   = "user.password-reset"
)
