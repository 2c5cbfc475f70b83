package mail

import (
	"errors"
	"fmt"
	"time"
)

var errNoEnd = errors.New("email with a link does not say until when")

// where are the facts about a request that anybody can have made.
func where(email string, at time.Time, ip, agent string) []fact {
	return facts(
		fact{"Account", email},
		fact{"Asked for", moment(at)},
		fact{"From address", name(ip)},
		fact{"With", sentence(agent)},
	)
}

// PasswordReset leads to a new password. Anybody can have asked for it.
type PasswordReset struct {
	To Person
	// Link is single use and sets the account's password.
	Link string
	// Until is when the link ends.
	Until time.Time
	At    time.Time
	// IPAddress and UserAgent are where it was asked for.
	IPAddress, UserAgent string
}

// Message writes the email. The error is ErrRejected where the address is none.
func (t PasswordReset) Message(id string) (Message, error) {
	if t.Until.IsZero() {
		return Message{}, errNoEnd
	}
	return letter{
		Subject: "Set a new password",
		Title:   "Set a new password",
		Lead:    []string{"Somebody asked for a new password for your account on Muster. If that was you, set it here:"},
		Action:  &action{"Set a new password", t.Link},
		Notes: []string{
			fmt.Sprintf("The link works once, until %s. It ends all sessions of your account. Afterwards you sign in with the new password and, as ever, with your second factor.", moment(t.Until)),
			"If it was not you, leave the link alone: your password stays as it is. Nobody at Muster will ask you for this link.",
		},
		Facts:  where(t.To.Email, t.At, t.IPAddress, t.UserAgent),
		Reason: "You get this email because somebody typed your address where a password had been forgotten.",
	}.message(id, t.To)
}

// AddressUnconfirmed answers a request for a new password where the account never proved that the address is its own. It
// greets nobody by name: the account's name is a stranger's until then.
type AddressUnconfirmed struct {
	Email string
	// Link is single use and moves the address to a new account; "" where the address has to stay where it is.
	Link string
	// Until is when the link ends.
	Until time.Time
	At    time.Time
	// IPAddress and UserAgent are where it was asked for.
	IPAddress, UserAgent string
}

// Message writes the email. The error is ErrRejected where the address is none.
func (t AddressUnconfirmed) Message(id string) (Message, error) {
	l := letter{
		Subject: "This address was never confirmed",
		Title:   "This address was never confirmed",
		Lead: []string{
			"Somebody asked for a new password on Muster with this address. There is an account that names it, but nobody has ever shown that it belongs to that account, so no email to it opens the account.",
		},
		Facts:  where(t.Email, t.At, t.IPAddress, t.UserAgent),
		Reason: "You get this email because somebody typed your address where a password had been forgotten.",
	}
	if t.Link == "" {
		l.Notes = []string{"If the account is yours, ask an owner or manager of your organization for help: until its two-factor authentication is set up, the address cannot be moved."}
		return l.message(id, Person{Email: t.Email})
	}
	if t.Until.IsZero() {
		return Message{}, errNoEnd
	}
	l.Lead = append(l.Lead, "You can sign up afresh: the address then belongs to your new account, and the old one loses it with everything else unchanged. If you still know the old password, sign in with it instead and confirm the address there.")
	l.Action = &action{"Sign up with this address", t.Link}
	l.Notes = []string{
		fmt.Sprintf("The link works once, until %s.", moment(t.Until)),
		"If you did not ask for this, leave the link alone: nothing happens without it.",
	}
	return l.message(id, Person{Email: t.Email})
}

// ConfirmAddress asks whoever reads the mailbox to confirm that it is theirs. It greets nobody by name: until then the name is
// a stranger's.
type ConfirmAddress struct {
	Email string
	// Link is single use and works in a session of the account that asked for it.
	Link string
	// Until is when the link ends.
	Until time.Time
	// Changing says that the account has another address until then.
	Changing bool
}

// Message writes the email. The error is ErrRejected where the address is none.
func (t ConfirmAddress) Message(id string) (Message, error) {
	if t.Until.IsZero() {
		return Message{}, errNoEnd
	}
	l := letter{
		Subject: "Confirm your address",
		Title:   "Confirm your address",
		Lead:    []string{"Somebody signed up on Muster with this address. If that was you, confirm that it is yours, so that you can get back in when you forget your password:"},
		Action:  &action{"Confirm this address", t.Link},
		Notes: []string{
			fmt.Sprintf("The link works once, until %s, where you are signed in to the account.", moment(t.Until)),
			"If it was not you, leave the link alone. You can still sign up with this address: it belongs to whoever confirms it.",
		},
		Facts:  facts(fact{"Address", t.Email}),
		Reason: "You get this email because somebody signed up on Muster with your address.",
	}
	if t.Changing {
		l.Subject, l.Title = "Confirm your new address", "Confirm your new address"
		l.Lead = []string{"Somebody wants this to be the address of their account on Muster. If that was you, confirm it:"}
		l.Notes[1] = "If it was not you, leave the link alone: nothing happens without it."
		l.Reason = "You get this email because somebody typed your address as the new one of their account."
	}
	return l.message(id, Person{Email: t.Email})
}

// AddressTaken tells the owner of an address that somebody wanted it for another account.
type AddressTaken struct {
	Email string
	// Link is where a forgotten password is reset; it carries no token.
	Link string
}

// Message writes the email. The error is ErrRejected where the address is none.
func (t AddressTaken) Message(id string) (Message, error) {
	return letter{
		Subject: "An account with your address exists",
		Title:   "An account with your address exists",
		Lead: []string{
			"Somebody wanted this to be the address of another account on Muster. An account with it exists already, so nothing has changed.",
			"If that was you, sign in to that account; if you have forgotten its password, set a new one:",
		},
		Action: &action{"Set a new password", t.Link},
		Notes:  []string{"If it was not you, there is nothing to do."},
		Facts:  facts(fact{"Address", t.Email}),
		Reason: "You get this email because somebody typed your address as the new one of their account.",
	}.message(id, Person{Email: t.Email})
}
