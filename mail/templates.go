package mail

import (
	"fmt"
	"strings"
	"time"
)

// mandatory is the title that the requirement's email is known by, word for word.
const mandatory = "Mandatory: Enable Two-Factor Authentication"

// enable is the button of the emails that lead to setting up a second factor.
const enable = "Enable Two-Factor Authentication"

// setUpSteps is the way back in; the first email that needs it and the one that repeats it say the same.
var setUpSteps = []string{
	"Open the link above and sign in to Muster.",
	"Set up two-factor authentication, best with an authenticator app.",
	"Save your recovery codes where you can reach them without your phone.",
	"Add a backup phone, so that a lost device does not lock you out.",
}

// TwoFactorRequired tells somebody that the sweep has just removed them, and how to come back.
type TwoFactorRequired struct {
	To           Person
	Organization string
	// By is who turned the requirement on.
	By string
	// Link is single use and proves the mailbox.
	Link string
	// Until is when the link ends and a new invitation is needed.
	Until time.Time
	// Contact is an owner to ask, name and email.
	Contact string
	// Role and Teams are what is kept.
	Role  string
	Teams []string
}

// Message writes the email. The error is ErrRejected where the address is none.
func (t TwoFactorRequired) Message(id string) (Message, error) {
	organization, by := name(t.Organization), name(t.By)
	if organization == "" {
		return Message{}, errNoOrganization
	}
	if t.Until.IsZero() {
		return Message{}, fmt.Errorf("email %q does not say until when", mandatory)
	}
	kept := []string{}
	if role := role(t.Role); role != "" {
		kept = append(kept, "your role ("+role+")")
	}
	if teams := each(t.Teams, name); len(teams) > 0 {
		kept = append(kept, "your teams ("+strings.Join(teams, ", ")+")")
	} else {
		kept = append(kept, "your teams")
	}
	kept = append(kept, "your notification settings")
	return letter{
		Subject: mandatory,
		Title:   "Set up two-factor authentication",
		Lead: []string{
			fmt.Sprintf("%s now requires two-factor authentication of every member, and your account does not have it yet. %s turned this on.",
				organization, or(by, "An owner")),
			fmt.Sprintf("Effective immediately, you cannot open %s or its projects, and you get no notifications from it, until you set up at least one form of two-factor authentication.",
				organization),
		},
		Action: &action{enable, t.Link},
		Steps:  setUpSteps,
		Notes: []string{
			"We keep " + and(kept) + ". They come back as soon as you have set it up.",
			fmt.Sprintf("The link works once, for your account only, until %s. After that you need a new invitation.", moment(t.Until)),
		},
		Facts: facts(
			fact{"Organization", organization},
			fact{"Turned on by", by},
			fact{"Come back until", moment(t.Until)},
			fact{"Questions? Ask", name(t.Contact)},
		),
		Reason: fmt.Sprintf("You get this email because you were a member of %s on Muster without two-factor authentication.", organization),
	}.message(id, t.To)
}

// SetUpTwoFactor is for a member without a second factor in an organization that requires one, whom the sweep has not
// reached: the link proves the mailbox, which a first enrollment there needs.
type SetUpTwoFactor struct {
	To           Person
	Organization string
	// By is who turned the requirement on.
	By string
	// Contact is an owner to ask, name and email.
	Contact string
	// Link is single use and proves the mailbox.
	Link string
	// Until is when the link ends.
	Until time.Time
}

// Message writes the email. The error is ErrRejected where the address is none.
func (t SetUpTwoFactor) Message(id string) (Message, error) {
	organization, by := name(t.Organization), name(t.By)
	if organization == "" {
		return Message{}, errNoOrganization
	}
	if t.Until.IsZero() {
		return Message{}, fmt.Errorf("email %q does not say until when", mandatory)
	}
	return letter{
		Subject: mandatory,
		Title:   "Set up two-factor authentication",
		Lead: []string{
			fmt.Sprintf("%s requires two-factor authentication of every member. Until you set it up, you cannot open %s or its projects, and you get no notifications from it.",
				organization, organization),
			"So that nobody else can set it up with your password, please start from this link:",
		},
		Action: &action{enable, t.Link},
		Steps:  setUpSteps,
		Notes: []string{
			"Your role, your teams and your notification settings stay as they are.",
			fmt.Sprintf("The link works once, for your account only, until %s. After that, sign in and try again: we send you a new one.", moment(t.Until)),
		},
		Facts: facts(
			fact{"Organization", organization},
			fact{"Turned on by", by},
			fact{"Link works until", moment(t.Until)},
			fact{"Questions? Ask", name(t.Contact)},
		),
		Reason: fmt.Sprintf("You get this email because you are a member of %s on Muster without two-factor authentication.", organization),
	}.message(id, t.To)
}

// Invited asks somebody to join an organization.
type Invited struct {
	To           Person
	Organization string
	// By is who invites.
	By   string
	Role string
	// Link is single use and bound to the address.
	Link string
	// Until is when the invitation ends.
	Until time.Time
	// RequiresTwoFactor says that joining needs a second factor.
	RequiresTwoFactor bool
}

// Message writes the email. The error is ErrRejected where the address is none.
func (t Invited) Message(id string) (Message, error) {
	organization, by := name(t.Organization), name(t.By)
	if organization == "" {
		return Message{}, errNoOrganization
	}
	if t.Until.IsZero() {
		return Message{}, fmt.Errorf("invitation to %q does not say until when", organization)
	}
	l := letter{
		Subject: fmt.Sprintf("Join %s on Muster", organization),
		Title:   "Join " + organization,
		Lead:    []string{fmt.Sprintf("%s invites you to %s on Muster.", or(by, "A manager"), organization)},
		Action:  &action{"Join " + organization, t.Link},
		Notes: []string{
			fmt.Sprintf("The invitation is for this address only and works once, until %s. After that, ask for a new one.", moment(t.Until)),
		},
		Facts: facts(
			fact{"Organization", organization},
			fact{"Invited by", by},
			fact{"Your role", role(t.Role)},
			fact{"Works until", moment(t.Until)},
		),
		Reason: fmt.Sprintf("You get this email because somebody who manages %s entered your address. If you do not know them, leave the link alone: nothing happens without it.", organization),
	}
	if t.RequiresTwoFactor {
		l.Lead = append(l.Lead, fmt.Sprintf("%s requires two-factor authentication of every member. We help you to set it up on the way in; have an authenticator app at hand.", organization))
	}
	return l.message(id, t.To)
}

// Reminder is the notice to send before the requirement is turned on.
type Reminder struct {
	To           Person
	Organization string
	// By is who sends the reminder.
	By string
	// Link leads to the sign-in or security page and carries no token.
	Link string
}

// Message writes the email. The error is ErrRejected where the address is none.
func (t Reminder) Message(id string) (Message, error) {
	organization, by := name(t.Organization), name(t.By)
	if organization == "" {
		return Message{}, errNoOrganization
	}
	return letter{
		Subject: fmt.Sprintf("%s will soon require two-factor authentication", organization),
		Title:   "Set up two-factor authentication now",
		Lead: []string{
			fmt.Sprintf("%s will soon require two-factor authentication of every member, and your account does not have it yet. %s asks you to set it up now.",
				organization, or(by, "An owner")),
			"It takes two minutes, and nothing changes for you on the day. Without it you will lose access to the organization, its projects and its notifications, until you set it up.",
		},
		Action: &action{enable, t.Link},
		Steps: []string{
			"Sign in to Muster and open your account's security page.",
			"Set up two-factor authentication, best with an authenticator app.",
			"Save your recovery codes where you can reach them without your phone.",
			"Add a backup phone, so that a lost device does not lock you out.",
		},
		Facts: facts(
			fact{"Organization", organization},
			fact{"Reminder from", by},
		),
		Reason: fmt.Sprintf("You get this email because you are a member of %s on Muster without two-factor authentication.", organization),
	}.message(id, t.To)
}

// Reinstated says that a removed member is back, and with what.
type Reinstated struct {
	To           Person
	Organization string
	Role         string
	// Restored and Skipped are one line each: what came back, and what could not and why.
	Restored, Skipped []string
}

// Message writes the email. The error is ErrRejected where the address is none.
func (t Reinstated) Message(id string) (Message, error) {
	organization := name(t.Organization)
	if organization == "" {
		return Message{}, errNoOrganization
	}
	l := letter{
		Subject: fmt.Sprintf("You are back in %s", organization),
		Title:   "You are back in " + organization,
		Lead: []string{
			fmt.Sprintf("You set up two-factor authentication, and you are a member of %s again.", organization),
		},
		Facts: facts(
			fact{"Organization", organization},
			fact{"Your role", role(t.Role)},
		),
		Notes: []string{
			"If this was not you, somebody else has your mailbox and your password: change both, and tell an owner of " + organization + " at once.",
		},
		Reason: fmt.Sprintf("You get this email because your membership of %s on Muster changed.", organization),
	}
	if restored := each(t.Restored, sentence); len(restored) > 0 {
		l.Lists = append(l.Lists, list{"What came back", restored})
	}
	if skipped := each(t.Skipped, sentence); len(skipped) > 0 {
		l.Lists = append(l.Lists, list{"What could not come back", skipped})
	}
	return l.message(id, t.To)
}

// MembershipChanged notifies an active member who wants to know who comes, goes and gets another role.
type MembershipChanged struct {
	To           Person
	Organization string
	// What is one sentence, such as "Ana Ruiz joined as member."
	What string
	// By is who did it.
	By string
	At time.Time
}

// Message writes the email. The error is ErrRejected where the address is none.
func (t MembershipChanged) Message(id string) (Message, error) {
	return notification{
		t.To, t.Organization, t.What, t.By, t.At, "Membership changed",
		"your notification settings in %s on Muster ask for membership changes",
	}.message(id)
}

// SecurityChanged notifies an owner, or an active member who wants to know, about the organization's security settings.
type SecurityChanged struct {
	To           Person
	Organization string
	// What is one sentence, such as "Two-factor authentication is now required."
	What string
	// By is who did it.
	By string
	At time.Time
}

// Message writes the email. The error is ErrRejected where the address is none.
func (t SecurityChanged) Message(id string) (Message, error) {
	return notification{
		t.To, t.Organization, t.What, t.By, t.At, "Security settings changed",
		"you are an owner of %s on Muster, or your notification settings there ask for security changes",
	}.message(id)
}

// notification is what the two notices to members have in common.
type notification struct {
	to                     Person
	organization, what, by string
	at                     time.Time
	title                  string
	// because is why they get it, with a place for the organization.
	because string
}

func (n notification) message(id string) (Message, error) {
	organization := name(n.organization)
	if organization == "" {
		return Message{}, errNoOrganization
	}
	return letter{
		Subject: fmt.Sprintf("%s: %s", organization, strings.ToLower(n.title)),
		Title:   n.title,
		Lead:    []string{sentence(n.what)},
		Facts: facts(
			fact{"Organization", organization},
			fact{"Changed by", name(n.by)},
			fact{"When", moment(n.at)},
		),
		Reason: "You get this email because " + fmt.Sprintf(n.because, organization) + ".",
	}.message(id, n.to)
}

// AccountSecurity tells a person of what concerns the security of their own account. Nobody can switch it off.
type AccountSecurity struct {
	To Person
	// Title is what the email is about, "" for a change of settings.
	Title string
	// What is one sentence, such as "A recovery code was used. 7 are left."
	What string
	At   time.Time
	// IPAddress and UserAgent are where the change came from.
	IPAddress, UserAgent string
	// NotMe is the link by which its owner says that it was somebody else, "" where there is nothing to undo.
	NotMe string
	// Until is when the link ends.
	Until time.Time
}

// Message writes the email. The error is ErrRejected where the address is none.
func (t AccountSecurity) Message(id string) (Message, error) {
	l := letter{
		Subject: or(t.Title, "Security settings changed"),
		Title:   or(t.Title, "Security settings changed"),
		Lead:    []string{sentence(t.What)},
		Facts: facts(
			fact{"Account", t.To.Email},
			fact{"When", moment(t.At)},
			fact{"From address", name(t.IPAddress)},
			fact{"With", device(t.UserAgent)},
		),
		Reason: "You get this email because it is about your own account on Muster. These emails cannot be switched off.",
	}
	if t.NotMe != "" {
		l.Lead = append(l.Lead, "Was it you? Then there is nothing to do. If it was not, somebody else can use your account: lock it.")
		l.Action = &action{"This was not me", t.NotMe}
		l.Notes = []string{
			fmt.Sprintf("The link shows what happened and asks before it does anything. It ends all sessions, keeps everybody out, and lets you undo the change by resetting your password. It works until %s.", moment(t.Until)),
		}
	}
	return l.message(id, t.To)
}

// role writes a role as one says it: MANAGER is "manager".
func role(s string) string {
	return strings.ToLower(name(s))
}

// and joins a list as one says it.
func and(items []string) string {
	if len(items) < 2 {
		return strings.Join(items, "")
	}
	return strings.Join(items[:len(items)-1], ", ") + " and " + items[len(items)-1]
}
