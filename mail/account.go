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
