package org

import (
	"net/netip"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"
)

// SSO is an organization's single sign-on provider, without its secret.
type SSO struct {
	Admission

	Issuer            string
	ClientID          string
	TrustSecondFactor bool // its word that somebody used a second factor counts as one
	CreatedAt         time.Time
	SignInURL         string // where its people sign in
}

// Is says whether the two are the same registration at the same provider.
func (s *SSO) Is(other *SSO) bool {
	return s != nil && other != nil && s.Issuer == other.Issuer && s.ClientID == other.ClientID
}

// Same says whether the two are the same registration and let in the same people.
func (s *SSO) Same(other *SSO) bool { return s.Is(other) && s.Equal(other.Admission) }

// CheckConnectSSO says whether next may take the place of now (nil for none): while the requirement is on, only a provider
// that is trusted with the second factor, and a trusted one only by itself: its members would be left without a factor.
func CheckConnectSSO(o *Organization, now, next *SSO) error {
	switch {
	case !o.Enforced:
		return nil
	case !next.TrustSecondFactor && now != nil && now.TrustSecondFactor:
		return Refuse(CodeRequirementOn, "The provider's second factor has to be trusted while two-factor authentication is required. Turn the requirement off first.")
	case !next.TrustSecondFactor:
		return Refuse(CodeRequirementOn, "Single sign-on cannot be connected while two-factor authentication is required, unless its second factor is trusted. Turn the requirement off first, or trust it.")
	case now != nil && now.Issuer != next.Issuer:
		return Refuse(CodeRequirementOn, "The provider cannot be exchanged for another while two-factor authentication is required: its members would lose their second factor. Turn the requirement off first.")
	}
	return nil
}

// CheckDisconnectSSO says whether the provider may go: not while the requirement is on.
func CheckDisconnectSSO(o *Organization) error {
	if o.Enforced {
		return Refuse(CodeRequirementOn, "Single sign-on cannot be disconnected while two-factor authentication is required: its members would lose their second factor. Turn the requirement off first.")
	}
	return nil
}

// CheckIssuer checks an OpenID Connect issuer: an https URL without query, fragment or credentials (OpenID Connect Core 1.0,
// section 2), at most 512 characters. private allows http on this machine.
func CheckIssuer(field, issuer string, private bool) error {
	u, err := url.Parse(issuer)
	if err != nil || u.Hostname() == "" || u.Scheme != "https" && (u.Scheme != "http" || !private || !loopback(u.Hostname())) ||
		u.User != nil || strings.ContainsAny(issuer, "?#<>\" ") || strings.ContainsFunc(issuer, unsafeRune) || len(issuer) > 512 {
		return BadInput(field, "An issuer is an https URL without query or fragment, for example https://login.example.com.")
	}
	return nil
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// CheckSSOReturn says whether somebody whom the provider has named may come in, given their place (nil for none). A place
// that a manager took away, or that was given up, is not taken again by signing in: a manager invites.
func CheckSSOReturn(o *Organization, m *Member, now time.Time) error {
	if m == nil || m.Status == StatusRemovedFor2FA && !m.WindowOpen(now) {
		return Refuse(CodeForbidden, "You are no longer a member of %s. Ask one of its owners or managers to invite you again.", o.Name)
	}
	return nil
}

// CheckSSOLink says whether a provider's identity may be linked to the account of a session: one that began at the account
// itself, showed a moment ago that its owner is there, and passes the organization's gate. holder is the place there of the
// account that has the identity already, nil for none.
func CheckSSOLink(a *Access, holder *Member, now time.Time, stepUp time.Duration) error {
	if err := a.Session.CheckHolder(); err != nil {
		return err
	}
	if err := a.Gate(See, now); err != nil {
		return err
	}
	if err := CheckFresh(a.Session, now, stepUp, false); err != nil {
		return err
	}
	if holder != nil && holder.ID != a.Member.ID {
		return Refuse(CodeConflict, "Another member of %s signs in with this identity of the provider. If that is you, ask an owner or manager to remove that membership first.", a.Organization.Name)
	}
	return nil
}

// LinkedIdentity is whom an organization's provider knows, who signs in there to the account that it is linked to.
type LinkedIdentity struct {
	ID               string
	OrganizationID   string
	OrganizationName string
	Issuer           string
	LinkedAt         time.Time
	Current          bool // the organization's provider is the one of this identity still
}

// CheckUnlink says whether an identity may go from an account, given its place there (nil for none) and whether it signs in by
// anything else. Where the provider's factor is all that meets the organization's requirement, an authenticator comes first.
func (i *LinkedIdentity) CheckUnlink(m *Member, otherWays bool) error {
	switch {
	case !otherWays:
		return Refuse(CodeConflict, "This is the only way to sign in to your account. Set a password first, or set up a passkey and sign in with it once.")
	case i.Current && m != nil && m.Status == StatusActive && m.Organization.Enforced && m.Vouched() && !m.Compliant():
		return Refuse(CodeLastAuthenticator, "Your second factor is this provider's and two-factor authentication is required by: %s. Add an authenticator of your own first.", m.Organization.Name)
	}
	return nil
}

// ClaimedName makes an account's name of what a provider calls somebody: what ParseActorName takes, cut to its length, and of
// an address what stands before it or its @.
func ClaimedName(claim string, o *Organization, form func(string) string) string {
	mark := addressMark(form)
	claim = strings.ToValidUTF8(claim, "")
	if i := strings.IndexFunc(claim, mark); i >= 0 {
		claim = claim[:i]
	}
	claim = strings.TrimSpace(claim)
	if utf8.RuneCountInString(claim) > 100 {
		claim = string([]rune(claim)[:100])
	}
	if name, err := ParseActorName("name", claim, 100, form); err == nil {
		return name
	}
	somebody := []rune("Somebody of " + strings.Map(func(r rune) rune {
		if mark(r) {
			return -1
		}
		return r
	}, o.Name))
	return strings.TrimSpace(string(somebody[:min(100, len(somebody))]))
}
