package org

import (
	"slices"
	"time"
)

// Alert is a mail about a change to how an account is protected, with what the account's log says of it.
type Alert struct {
	EventID    string
	UserID     string
	SessionID  *string // that made the change, if one did
	Email      string  // the account's before the change: whom to tell
	Verified   bool    // whether that address was proved then: the account goes back to no other
	Action     string
	Message    string
	IPAddress  *string
	UserAgent  *string
	CreatedAt  time.Time
	Since      time.Time  // not later than anything that the change has written
	ExpiresAt  time.Time  // of its link, seven days after
	ReportedAt *time.Time // its owner said that it was not them: of this change, or of an earlier one
}

// First is the earliest change that a report of this one is about, given all that can still be reported: what the same
// session did from the same network address was done by the same hands. Whatever changed later is undone with it, in whichever
// session, since somebody else had the account from then on.
func (a *Alert) First(all []*Alert) *Alert {
	first := a
	for _, b := range all {
		if b.madeBy(a) && b.Since.Before(first.Since) {
			first = b
		}
	}
	return first
}

func (a *Alert) madeBy(b *Alert) bool {
	return a.SessionID != nil && b.SessionID != nil && *a.SessionID == *b.SessionID &&
		a.IPAddress != nil && b.IPAddress != nil && *a.IPAddress == *b.IPAddress
}

// GivesBack says whether a second report of this change may give a frozen account its address back, which somebody else had
// when it was reported first: only one by whoever was mailed there. A thief who was mailed later, at an address of theirs, could
// else answer the owner's report with one of their own.
func (a *Alert) GivesBack(u *User) bool {
	return u.FrozenSince != nil && u.Email == nil && u.FrozenEmail != nil && SameEmail(a.Email, *u.FrozenEmail)
}

// ReachesBack says whether a report that is about all that has changed since a moment takes the account further back than it goes
// already.
func (u *User) ReachesBack(since time.Time) bool {
	return u.FrozenSince == nil || since.Before(*u.FrozenSince)
}

// Shown is the alert as the holder of its link sees it.
func (a *Alert) Shown() *AccountAlert {
	return &AccountAlert{
		Email: MaskEmail(a.Email), What: a.Message, At: a.CreatedAt, IPAddress: a.IPAddress, UserAgent: a.UserAgent,
		Reported: a.ReportedAt != nil, ExpiresAt: a.ExpiresAt,
	}
}

// AccountAlert is a change to how an account is protected, as whoever was mailed about it sees it.
type AccountAlert struct {
	Email     string // masked
	What      string
	At        time.Time
	IPAddress *string
	UserAgent *string
	Reported  bool
	ExpiresAt time.Time
	// GoesBackTo is the address, masked, that the account has after a report, nil where it has none or is not locked: of the
	// alert alone whose link was used.
	GoesBackTo *string
}

// Befalls says whether an alert is about what happens to an account rather than about a change that somebody asks for. Where
// its mail may not go it is only written down; a change whose mail may not go is refused, so that none is silent.
func Befalls(action string) bool {
	return slices.Contains([]string{EventNewSignIn, EventNewProviderSignIn, EventGuessesExhausted, EventCodesOff, EventKeyCounter}, action)
}

// MayReport says whether the mail about a change carries the link that undoes it. The mail about a new address goes to the old
// one: where that was never verified it may be a stranger's, who must not get the account by it.
func MayReport(u *User, action string) bool {
	return action != EventEmailChanged || u.Verified()
}
