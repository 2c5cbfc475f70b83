package mail

import (
	"fmt"
	"time"
)

// ResetRequested asks somebody whether their second factor is to be reset, as an organization of theirs asks for.
type ResetRequested struct {
	To           Person
	Organization string
	// By is who asks, and Why the reason that they gave.
	By, Why string
	// Link proves the mailbox; together with the password it confirms, alone it declines.
	Link string
	// Until is when the request ends by itself.
	Until time.Time
}

// Message writes the email. The error is ErrRejected where the address is none.
func (t ResetRequested) Message(id string) (Message, error) {
	organization, by := name(t.Organization), name(t.By)
	if organization == "" {
		return Message{}, errNoOrganization
	}
	if t.Until.IsZero() {
		return Message{}, fmt.Errorf("request to reset in %q does not say until when", organization)
	}
	return letter{
		Subject: "Reset your two-factor authentication?",
		Title:   "Reset your two-factor authentication?",
		Lead: []string{
			fmt.Sprintf("%s of %s asks to reset the second factor of your Muster account.", or(by, "A manager"), organization),
			"If you have lost it and asked for this, confirm it with your password. If not, decline it: somebody may be trying to get into your account.",
		},
		Action: &action{"Confirm or decline", t.Link},
		Notes: []string{
			"If you confirm, all your authenticators and recovery codes are removed, you are signed out everywhere, and you have to set up two-factor authentication again to get back into organizations that require it. Your password stays as it is.",
			fmt.Sprintf("Nothing happens without your confirmation or that of the owners of your other organizations. The request ends by itself at %s.", moment(t.Until)),
		},
		Facts: facts(
			fact{"Account", t.To.Email},
			fact{"Organization", organization},
			fact{"Asked by", by},
			fact{"Reason", sentence(t.Why)},
			fact{"Ends", moment(t.Until)},
		),
		Reason: "You get this email because it is about your own account on Muster. These emails cannot be switched off.",
	}.message(id, t.To)
}
