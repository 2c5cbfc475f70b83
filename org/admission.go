package org

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// MaxDomains bounds how many domains a provider may be limited to.
const MaxDomains = 20

// SSOClaim is one claim of an ID token and the value that it has to have.
type SSOClaim struct {
	Name  string
	Value string
}

// Admission says whom of those that a provider names an organization lets in: without either part everybody, with both who
// fits both. It only ever narrows: nobody is recognised by it.
type Admission struct {
	AllowedDomains []string
	RequiredClaim  *SSOClaim
}

// Empty says whether everybody is let in whom the provider names.
func (a Admission) Empty() bool { return len(a.AllowedDomains) == 0 && a.RequiredClaim == nil }

// Equal says whether the two let in the same people.
func (a Admission) Equal(other Admission) bool {
	return slices.Equal(a.AllowedDomains, other.AllowedDomains) && (a.RequiredClaim == nil) == (other.RequiredClaim == nil) &&
		(a.RequiredClaim == nil || *a.RequiredClaim == *other.RequiredClaim)
}

// LetsIn says it for mails and the log.
func (a Admission) LetsIn() string {
	var parts []string
	if len(a.AllowedDomains) > 0 {
		parts = append(parts, "accounts of "+strings.Join(a.AllowedDomains, ", "))
	}
	if c := a.RequiredClaim; c != nil {
		parts = append(parts, c.Name+" = "+c.Value)
	}
	if parts == nil {
		return "everybody whom it names"
	}
	return strings.Join(parts, ", with ")
}

var (
	// domainPattern is a host name with a dot (RFC 1123, section 2.1), other alphabets in their ASCII form.
	domainPattern = regexp.MustCompile(`^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])$`)
	// claimPattern is what names of claims look like, also those that are URLs (OpenID Connect Core 1.0, section 5.1.2).
	claimPattern = regexp.MustCompile(`^[!-~]{1,200}$`)
)

// emptyClaims say of everybody whom an issuer names the same, or nothing about whom they belong to: of the token, not of them.
var emptyClaims = []string{
	"iss", "aud", "azp", "nonce", "email_verified", "typ", "ver", "exp", "iat", "nbf", "jti", "auth_time", "at_hash", "c_hash", "s_hash", "sid",
}

// chosenClaims are those that everybody who has an account at an issuer of the whole world can have there as they like: how they
// sign in, and what they say of themselves (OpenID Connect Core 1.0, sections 2 and 5.1). Where an issuer is an organization's own,
// they may mean something.
var chosenClaims = []string{
	"amr", "acr", "name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile", "picture", "website", "gender",
	"birthdate", "zoneinfo", "locale", "phone_number", "phone_number_verified", "updated_at",
}

// publicMail are mail services where everybody may have an address: as a domain of a provider that the world shares each lets
// the world in. The largest, as lists of free mail services agree on them.
var publicMail = []string{
	"gmail.com", "googlemail.com", "msn.com", "ymail.com", "rocketmail.com", "aol.com", "icloud.com", "me.com", "mac.com",
	"privaterelay.appleid.com", "proton.me", "protonmail.com", "pm.me", "gmx.com", "gmx.net", "gmx.de", "gmx.at", "gmx.ch", "web.de",
	"mail.com", "mail.ru", "yandex.com", "yandex.ru", "qq.com", "163.com", "126.com", "zoho.com", "zohomail.com", "fastmail.com", "tutanota.com",
}

// publicMailEverywhere are those that have a domain in many countries, such as hotmail.co.uk.
var publicMailEverywhere = regexp.MustCompile(`^(?:hotmail|live|outlook|yahoo)\.(?:(?:co|com|ne)\.)?[a-z]+$`)

// ParseAdmission reads an admission: domains in small letters, each once, without an @ before them.
func ParseAdmission(domains []string, claim *SSOClaim) (Admission, error) {
	var a Admission
	if len(domains) > MaxDomains {
		return a, BadInput("allowedDomains", "At most %d domains can be named.", MaxDomains)
	}
	for _, domain := range domains {
		domain = strings.ToLower(strings.TrimPrefix(strings.TrimSpace(domain), "@"))
		if len(domain) > 253 || !domainPattern.MatchString(domain) {
			return a, BadInput("allowedDomains", "This is not a domain: write each like example.com, with other alphabets in their xn-- form.")
		}
		if !slices.Contains(a.AllowedDomains, domain) {
			a.AllowedDomains = append(a.AllowedDomains, domain)
		}
	}
	if claim == nil {
		return a, nil
	}
	c := &SSOClaim{Name: strings.TrimSpace(claim.Name)}
	var err error
	if c.Value, err = ParseName("requiredClaim", claim.Value, 200); err != nil || !claimPattern.MatchString(c.Name) {
		return a, BadInput("requiredClaim", "A claim has a name of 1 to 200 ASCII characters without spaces, and a value of 1 to 200 characters.")
	}
	if slices.Contains(emptyClaims, c.Name) {
		return a, BadInput("requiredClaim", "The claim %s does not tell your people from others. Name one that does, such as hd or groups.", c.Name)
	}
	a.RequiredClaim = c
	return a, nil
}

// google names the organization of an account in the claim hd. The domain of its address says nothing: a private account
// may have been made with an address of any domain.
const google = "accounts.google.com"

// microsoft are the hosts of Microsoft's sign-in, of all its clouds; the first part of an issuer's path is the tenant.
var microsoft = []string{
	"login.microsoftonline.com", "login.microsoftonline.us", "login.partner.microsoftonline.cn", "login.chinacloudapi.cn",
	"login.windows.net", "login.microsoft.com", "sts.windows.net",
}

// everyTenant are Microsoft's names for more than one tenant, and the tenant of all private accounts.
var everyTenant = []string{"common", "organizations", "consumers", "9188040d-6c67-4c5b-b112-36a304b66dad"}

// shared are hosts of issuers where everybody may have an account.
var shared = []string{
	google, "appleid.apple.com", "account.apple.com", "gitlab.com", "slack.com", "www.linkedin.com", "www.facebook.com", "limited.facebook.com",
	"github.com", "token.actions.githubusercontent.com", "huggingface.co", "discord.com", "id.twitch.tv", "api.login.yahoo.com",
	"login.yahoo.com", "access.line.me", "kauth.kakao.com", "www.paypal.com", "www.paypalobjects.com", "login.salesforce.com",
	"test.salesforce.com", "orcid.org", "codeberg.org", "api.id.me", "oauth.telegram.org", "login.yandex.ru", "id.vk.com",
	"secure.login.gov", "identity.xero.com", "accounts.zoho.com", "accounts.zoho.eu", "accounts.zoho.in", "accounts.zoho.com.au",
	"accounts.zoho.jp", "accounts.zoho.sa", "accounts.zoho.uk", "accounts.zohocloud.ca", "accounts.zoho.com.cn",
}

// CheckAdmission says whether an issuer may be connected with what it is limited to. One that the whole world shares names
// everybody: without a limit a stranger would be a member after one click. And of one that never calls an address verified, nobody
// would come in by one.
func CheckAdmission(issuer string, a Admission) error {
	u, err := url.Parse(issuer)
	if err != nil {
		return BadInput("issuer", "An issuer is an https URL.")
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	tenant, _, _ := strings.Cut(strings.TrimPrefix(strings.ToLower(u.Path), "/"), "/")
	claim := a.RequiredClaim
	switch {
	case slices.Contains(microsoft, host) && (tenant == "" || slices.Contains(everyTenant, tenant)):
		return BadInput("issuer", "Everybody with a Microsoft account could sign in by this issuer. Take your own tenant's: https://login.microsoftonline.com/ with your directory's tenant id and /v2.0 behind it.")
	case slices.Contains(microsoft, host) && len(a.AllowedDomains) > 0:
		return BadInput("allowedDomains", "Microsoft says of no address that it is verified, so nobody would get in by a domain. Your tenant's issuer names your tenant's accounts only: leave allowedDomains empty, and to let in some of them name what they have as requiredClaim, such as groups, roles, or acct = 0 (no guests).")
	case slices.Contains(microsoft, host) && claim != nil && claim.Name == "email":
		return BadInput("requiredClaim", "Microsoft says of no address that it is verified, so nobody would get in by one. Name another claim, such as groups, roles or oid.")
	case !slices.Contains(shared, host):
		return nil
	case a.Empty():
		return BadInput("allowedDomains", "Everybody can have an account at %s, and would become a member here. Name your organization's domains as allowedDomains, or a claim that only your people have as requiredClaim.", host)
	}
	if claim != nil && slices.Contains(chosenClaims, claim.Name) {
		if len(a.AllowedDomains) == 0 {
			return BadInput("requiredClaim", "Everybody with an account at %s can have the claim %s as they like, and would become a member here. Name a claim that only your people have, or your organization's domains as allowedDomains.", host, claim.Name)
		}
		claim = nil // it keeps nobody out who wants in
	}
	for _, domain := range a.AllowedDomains {
		if claim == nil && (slices.Contains(publicMail, domain) || publicMailEverywhere.MatchString(domain)) {
			return BadInput("allowedDomains", "Everybody can have an address at %s, and would become a member here. Name domains that are your organization's alone.", domain)
		}
	}
	return nil
}

// Claimed is what an issuer says of somebody beside who they are.
type Claimed struct {
	Email         string
	EmailVerified bool
	Texts         map[string][]string // the ID token's claims: texts, what JSON writes of a number or a truth value, or a list of these
}

// CheckAdmitted says whether the organization lets somebody in of whom its provider says this.
func (s *SSO) CheckAdmitted(o *Organization, who Claimed) error {
	if len(s.AllowedDomains) > 0 {
		var domains []string
		if u, err := url.Parse(s.Issuer); err == nil && strings.EqualFold(u.Hostname(), google) {
			domains = who.Texts["hd"]
		} else if email, err := ParseEmail("email", who.Email); err == nil && who.EmailVerified {
			domains = []string{email[strings.LastIndex(email, "@")+1:]}
		}
		if !slices.ContainsFunc(domains, func(d string) bool { return slices.Contains(s.AllowedDomains, strings.ToLower(d)) }) {
			return Refuse(CodeForbidden, "%s lets in only accounts of its own domains, and the provider does not say that yours is one, with an address that it has verified. Sign in there with your work account, or ask an owner of %s.", o.Name, o.Name)
		}
	}
	if c := s.RequiredClaim; c != nil && (!slices.Contains(who.Texts[c.Name], c.Value) || c.Name == "email" && !who.EmailVerified) {
		return Refuse(CodeForbidden, "%s lets in only some of the provider's accounts, and yours is not among them. Sign in there with your work account, or ask an owner of %s.", o.Name, o.Name)
	}
	return nil
}
