package org

import (
	"net/mail"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// TwoFactorState is how well an account is protected.
type TwoFactorState string

// The states of an account's protection. A recovery code is a way back in and makes nobody compliant.
const (
	TwoFactorDisabled TwoFactorState = "DISABLED"
	TwoFactorInsecure TwoFactorState = "INSECURE"
	TwoFactorSecure   TwoFactorState = "SECURE"
)

// Compliant says whether the account has at least one confirmed authenticator.
func (s TwoFactorState) Compliant() bool { return s == TwoFactorInsecure || s == TwoFactorSecure }

// User is a person's account. Fields that others may not see are pointers, nil when withheld.
type User struct {
	ID            string
	Name          string
	Email         *string
	EmailVerified *bool
	TwoFactor     *TwoFactorState
	// Issuer is of the provider that named somebody who had no account; nil for who has signed up.
	Issuer *string
	// FrozenSince is the moment to which the account's protection goes back: its owner said that what changed then was not
	// them, and nothing opens it until its password has been reset by mail.
	FrozenSince *time.Time
	// FrozenEmail is the address to which a frozen account goes back, decided by the report that reaches back furthest; nil where
	// the account had proved none.
	FrozenEmail *string
}

// Compliant says whether the account has at least one confirmed authenticator.
func (u *User) Compliant() bool { return u.TwoFactor != nil && u.TwoFactor.Compliant() }

// Verified says whether the account has proved its address.
func (u *User) Verified() bool { return u.EmailVerified != nil && *u.EmailVerified }

// SeenBy is what the user with the given id sees of u; withEmail is for managers of a shared organization.
func (u *User) SeenBy(userID string, withEmail bool) *User {
	seen := u.clone()
	seen.hideFrom(userID, withEmail)
	return seen
}

func (u *User) clone() *User {
	if u == nil {
		return nil
	}
	cloned := *u
	return &cloned
}

// hideFrom leaves of u what SeenBy shows.
func (u *User) hideFrom(userID string, withEmail bool) {
	if u == nil || u.ID == userID {
		return
	}
	email := u.Email
	if !withEmail {
		email = nil
	}
	*u = User{ID: u.ID, Name: u.Name, Email: email}
}

// SecurityEvent is one line of an account's own log.
type SecurityEvent struct {
	ID         string `bun:",pk"`
	UserID     string
	Action     string
	Message    string
	IPAddress  *string
	UserAgent  *string
	CreatedAt  time.Time
	ProviderOf *string // the organization whose provider a new sign-in came through
	OldestID   string  // of those in a row that it stands for; its own where it stands for itself
}

// What a person does to their own account, as the account's log names it.
const (
	EventSignUp               = "user.sign-up"
	EventSignIn               = "user.sign-in"
	EventSignOut              = "user.sign-out"
	EventSessionsEnded        = "user.sessions-ended"
	EventTokenCreated         = "user.token-created"
	EventSecurityMailsOff     = "user.security-mails-off"
	EventTokenRevoked         = "user.token-revoked"
	EventGuessesExhausted     = "user.guesses-exhausted"
	EventCodesOff             = "user.codes-off"
	EventPasswordsExhausted   = "user.passwords-exhausted"
	EventIdentityConfirmed    = "user.identity-confirmed"
	EventChallenge            = "user.sign-in-challenge"
	EventCodeSent             = "user.code-sent"
	EventEnrollmentStarted    = "user.2fa-enrollment-started"
	EventAuthenticatorAdded   = "user.2fa-added"
	EventAuthenticatorRemoved = "user.2fa-removed"
	EventAuthenticatorRenamed = "user.2fa-renamed"
	EventKeyAsked             = "user.security-key-asked"
	EventKeyCounter           = "user.security-key-refused"
	EventRecoveryUsed         = "user.recovery-code-used"
	EventRecoveryRegenerated  = "user.recovery-codes-regenerated"
	EventEmailChanged         = "user.email-changed"
	EventNewSignIn            = "user.new-sign-in"
	EventNewProviderSignIn    = "user.new-provider-sign-in"
	EventNotMe                = "user.not-me"
	EventKept                 = "user.factors-kept"
	EventFrozen               = "user.frozen"
	EventThawed               = "user.thawed"
	EventMailboxProved        = "user.mailbox-proved"
	EventMailboxProofSent     = "user.mailbox-proof-sent"
	EventAddressReleased      = "user.address-released"
	EventSSOLinked            = "user.sso-linked"
	EventSSOUnlinked          = "user.sso-unlinked"
	EventMadeOwner            = "user.made-owner"
	EventFactorReset          = "user.2fa-reset"
	EventFactorResetRequested = "user.2fa-reset-requested"
	EventFactorResetApproved  = "user.2fa-reset-approved"
	EventFactorResetEnded     = "user.2fa-reset-ended"
	EventDemoPassword         = "user.demo-password"
	EventDemoTold             = "user.demo-told"
)

// ParseEmail checks an address and gives it back without surrounding space. An address has at most 254 characters
// (RFC 5321 section 4.5.3.1.3, less the angle brackets).
func ParseEmail(field, s string) (string, error) {
	s = strings.TrimSpace(s)
	parsed, err := mail.ParseAddress(s)
	if err != nil || parsed.Address != s || len(s) > 254 || strings.ContainsFunc(s, unsafeRune) || strings.ContainsFunc(s, joiner) {
		return "", BadInput(field, "This is not an email address. Write it like name@example.com, at most 254 characters.")
	}
	return s, nil
}

// SameEmail compares addresses as the table of users does: in small letters. EqualFold would take a long ſ for an s.
func SameEmail(a, b string) bool { return strings.ToLower(a) == strings.ToLower(b) } //nolint:staticcheck // see above

// MaskEmail shows enough of an address for its owner to recognise it: `a•••e@example.com`.
func MaskEmail(s string) string {
	local, domain, ok := strings.Cut(s, "@")
	if !ok || local == "" {
		return "•••"
	}
	first, size := utf8.DecodeRuneInString(local)
	if size == len(local) {
		return string(first) + "•••@" + domain
	}
	last, _ := utf8.DecodeLastRuneInString(local)
	return string(first) + "•••" + string(last) + "@" + domain
}

// MaskPhone shows the country's beginning and the last two digits of an E.164 number.
func MaskPhone(e164 string) string {
	if len(e164) < 6 {
		return "•••"
	}
	return e164[:3] + "•••" + e164[len(e164)-2:]
}

// ParseName checks a display name: 1 to limit characters, no control or direction-changing characters.
func ParseName(field, s string, limit int) (string, error) {
	s = strings.TrimSpace(s)
	if n := utf8.RuneCountInString(s); n > limit || strings.Trim(s, joiners) == "" || strings.ContainsFunc(s, unsafeRune) {
		return "", BadInput(field, "A name has 1 to %d characters and no control characters.", limit)
	}
	return s, nil
}

// unsafeRune finds what must not stand in a name or address that is shown, mailed and logged: control characters and
// those that change the direction or the look of what follows. What is not UTF-8 shows as RuneError.
func unsafeRune(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) && !joiner(r) || r == '\u2028' || r == '\u2029' || r == utf8.RuneError
}

// joiners are letters' glue in Persian and emoji. Alone, or in an address, nobody would see them.
const joiners = "\u200c\u200d"

func joiner(r rune) bool { return strings.ContainsRune(joiners, r) }

var slugPattern = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])$`)

// ParseSlug checks a short name: 2 to 40 of a–z, 0–9 and inner hyphens.
func ParseSlug(field, s string) (string, error) {
	if s == "callback" { // providers send browsers back to /sso/callback
		return "", BadInput(field, "This short name is reserved. Choose another.")
	}
	if !slugPattern.MatchString(s) {
		return "", BadInput(field, "A short name has 2 to 40 characters: a–z, 0–9 and hyphens inside.")
	}
	return s, nil
}

// CheckPassword checks a new password: 8 to 128 characters, counted as code points of what was given (OWASP ASVS 5.0, 6.2.1
// and 6.2.9; NIST SP 800-63B-4 section 3.1.1.2), anything allowed, nothing that is plainly the account itself, and none that
// common says guessers try first (6.2.4).
func CheckPassword(field, password string, u *User, common func(string) bool) error {
	n := utf8.RuneCountInString(password)
	switch {
	case !utf8.ValidString(password):
		return BadInput(field, "The password is not valid text (UTF-8).")
	case n < 8 || n > 128:
		return BadInput(field, "A password has 8 to 128 characters; 15 or more are better.")
	case strings.EqualFold(password, u.Name) || u.Email != nil && strings.EqualFold(password, *u.Email):
		return BadInput(field, "The password must not be your name or address.")
	case common(password):
		return BadInput(field, "This password is among the first that guessers try. Take another one: a few words in a row make a good one.")
	}
	return nil
}
