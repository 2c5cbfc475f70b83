package org_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"muster/org"
)

func limited(domains ...string) org.Admission { return org.Admission{AllowedDomains: domains} }

func claimed(name, value string) org.Admission {
	return org.Admission{RequiredClaim: &org.SSOClaim{Name: name, Value: value}}
}

func with(a org.Admission, name, value string) org.Admission {
	a.RequiredClaim = &org.SSOClaim{Name: name, Value: value}
	return a
}

func refusedField(err error) string {
	var refusal *org.Error
	if !errors.As(err, &refusal) || refusal.Code != org.CodeBadInput {
		return fmt.Sprint(err)
	}
	return refusal.Field
}

func TestParseAdmission(t *testing.T) {
	t.Parallel()
	many := make([]string, 21)
	for i := range many {
		many[i] = fmt.Sprintf("d%d.example", i)
	}
	for _, row := range []struct {
		domains []string
		claim   *org.SSOClaim
		want    org.Admission
		field   string // that is wrong, "" for none
	}{
		{nil, nil, org.Admission{}, ""},
		{[]string{" Corp.Example ", "@corp.example", "a-b.corp.example", "xn--bcher-kva.example"}, nil, limited("corp.example", "a-b.corp.example", "xn--bcher-kva.example"), ""},
		{many[:20], nil, limited(many[:20]...), ""},
		{many, nil, org.Admission{}, "allowedDomains"},
		{[]string{""}, nil, org.Admission{}, "allowedDomains"},
		{[]string{"*"}, nil, org.Admission{}, "allowedDomains"},
		{[]string{"*.corp.example"}, nil, org.Admission{}, "allowedDomains"},
		{[]string{"example"}, nil, org.Admission{}, "allowedDomains"},
		{[]string{"corp.example,other.example"}, nil, org.Admission{}, "allowedDomains"},
		{[]string{"ada@corp.example"}, nil, org.Admission{}, "allowedDomains"},
		{[]string{"corp.example."}, nil, org.Admission{}, "allowedDomains"},
		{[]string{"bücher.example"}, nil, org.Admission{}, "allowedDomains"},
		{[]string{"-corp.example"}, nil, org.Admission{}, "allowedDomains"},
		{[]string{"corp.example\nother.example"}, nil, org.Admission{}, "allowedDomains"},
		{[]string{strings.Repeat("a", 64) + ".example"}, nil, org.Admission{}, "allowedDomains"},
		{[]string{strings.Repeat("a.", 125) + "example"}, nil, org.Admission{}, "allowedDomains"},
		{nil, &org.SSOClaim{Name: "groups", Value: "staff"}, claimed("groups", "staff"), ""},
		{nil, &org.SSOClaim{Name: "https://slack.com/team_id", Value: "T0123"}, claimed("https://slack.com/team_id", "T0123"), ""},
		{nil, &org.SSOClaim{Name: "", Value: "staff"}, org.Admission{}, "requiredClaim"},
		{nil, &org.SSOClaim{Name: "two words", Value: "staff"}, org.Admission{}, "requiredClaim"},
		{nil, &org.SSOClaim{Name: "groups", Value: ""}, org.Admission{}, "requiredClaim"},
		{nil, &org.SSOClaim{Name: "groups", Value: strings.Repeat("x", 201)}, org.Admission{}, "requiredClaim"},
		{nil, &org.SSOClaim{Name: "iss", Value: "https://accounts.google.com"}, org.Admission{}, "requiredClaim"},
		{nil, &org.SSOClaim{Name: "email_verified", Value: "true"}, org.Admission{}, "requiredClaim"},
		{nil, &org.SSOClaim{Name: "typ", Value: "JWT"}, org.Admission{}, "requiredClaim"},
		{nil, &org.SSOClaim{Name: "ver", Value: "2.0"}, org.Admission{}, "requiredClaim"},
		{nil, &org.SSOClaim{Name: "auth_time", Value: "1"}, org.Admission{}, "requiredClaim"},
		{nil, &org.SSOClaim{Name: "amr", Value: "mfa"}, claimed("amr", "mfa"), ""}, // at one's own provider that means something
	} {
		got, err := org.ParseAdmission(row.domains, row.claim)
		if row.field != "" {
			if f := refusedField(err); f != row.field {
				t.Errorf("%q %+v: got %s, want %s refused", row.domains, row.claim, f, row.field)
			}
			continue
		}
		if diff := cmp.Diff(row.want, got); err != nil || diff != "" {
			t.Errorf("%q %+v: %v, (-want +got):\n%s", row.domains, row.claim, err, diff)
		}
	}
}

// TestCheckAdmission: what the whole world can have an account at is not connected without a limit, and what cannot be limited
// not at all.
func TestCheckAdmission(t *testing.T) {
	t.Parallel()
	const tenant = "/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0"
	for _, row := range []struct {
		issuer string
		with   org.Admission
		field  string
	}{
		{"https://login.example.com", org.Admission{}, ""},
		{"https://acme.okta.com", org.Admission{}, ""},
		{"https://gitlab.example.com", org.Admission{}, ""},
		{"https://login.microsoftonline.com" + tenant, org.Admission{}, ""},
		{"https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/", org.Admission{}, ""},
		{"https://accounts.google.com", org.Admission{}, "allowedDomains"},
		{"https://Accounts.Google.com.:443/", org.Admission{}, "allowedDomains"},
		{"https://gitlab.com", org.Admission{}, "allowedDomains"},
		{"https://appleid.apple.com", org.Admission{}, "allowedDomains"},
		{"https://accounts.google.com", limited("corp.example"), ""},
		{"https://accounts.google.com", claimed("hd", "corp.example"), ""},
		{"https://slack.com", claimed("https://slack.com/team_id", "T0123"), ""},
		{"https://gitlab.com", limited("corp.example", "gmail.com"), "allowedDomains"},
		{"https://gitlab.com", limited("hotmail.co.uk"), "allowedDomains"},
		{"https://gitlab.com", limited("live.nl"), "allowedDomains"},
		{"https://gitlab.com", limited("yahoo.com.br"), "allowedDomains"},
		{"https://gitlab.com", limited("outlook.de"), "allowedDomains"},
		{"https://gitlab.com", limited("live.corp.example"), ""},
		{"https://gitlab.com", limited("nothotmail.com"), ""},
		{"https://gitlab.com", claimed("amr", "pwd"), "requiredClaim"},
		{"https://gitlab.com", claimed("acr", "1"), "requiredClaim"},
		{"https://gitlab.com", claimed("name", "Acme"), "requiredClaim"},
		{"https://gitlab.com", claimed("preferred_username", "acme-1"), "requiredClaim"},
		{"https://discord.com", claimed("locale", "en"), "requiredClaim"},
		{"https://discord.com", claimed("zoneinfo", "Europe/Berlin"), "requiredClaim"},
		{"https://discord.com", with(limited("gmail.com"), "locale", "en"), "allowedDomains"},
		{"https://discord.com", with(limited("corp.example"), "locale", "en"), ""},
		{"https://gitlab.com", with(limited("gmail.com"), "groups_direct", "corp"), ""},
		{"https://gitlab.com", claimed("email", "boss@corp.example"), ""},
		{"https://login.example.com", claimed("amr", "mfa"), ""},
		{"https://accounts.zoho.com", org.Admission{}, "allowedDomains"},
		{"https://accounts.zoho.eu", org.Admission{}, "allowedDomains"},
		{"https://identity.xero.com", org.Admission{}, "allowedDomains"},
		{"https://secure.login.gov/", org.Admission{}, "allowedDomains"},
		// Microsoft sends no email_verified: whoever is limited by an address there would be locked out.
		{"https://login.microsoftonline.com" + tenant, limited("corp.example"), "allowedDomains"},
		{"https://login.microsoftonline.us" + tenant, with(limited("corp.example"), "groups", "staff"), "allowedDomains"},
		{"https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/", limited("corp.example"), "allowedDomains"},
		{"https://login.microsoftonline.com" + tenant, claimed("email", "boss@corp.example"), "requiredClaim"},
		{"https://login.microsoftonline.com" + tenant, claimed("acct", "0"), ""},
		{"https://login.microsoftonline.com" + tenant, claimed("xms_edov", "true"), ""},
		{"https://login.example.com", limited("gmail.com"), ""},
		{"https://login.microsoftonline.com/common/v2.0", limited("corp.example"), "issuer"},
		{"https://login.microsoftonline.com/Organizations/v2.0", claimed("tid", "72f988bf"), "issuer"},
		{"https://login.microsoftonline.com/consumers/v2.0", org.Admission{}, "issuer"},
		{"https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0", limited("corp.example"), "issuer"},
		{"https://login.microsoftonline.com", org.Admission{}, "issuer"},
		{"https://sts.windows.net/common/", org.Admission{}, "issuer"},
	} {
		err := org.CheckAdmission(row.issuer, row.with)
		if got := refusedField(err); got != row.field && (row.field != "" || err != nil) {
			t.Errorf("%s with %s: got %v, want %q refused", row.issuer, row.with.LetsIn(), err, row.field)
		}
	}
}

func TestCheckAdmitted(t *testing.T) {
	t.Parallel()
	const at, google = "https://login.example.com", "https://accounts.google.com"
	says := func(name string, values ...string) map[string][]string { return map[string][]string{name: values} }
	both := org.Admission{AllowedDomains: []string{"corp.example"}, RequiredClaim: &org.SSOClaim{Name: "groups", Value: "staff"}}
	for _, row := range []struct {
		issuer string
		limit  org.Admission
		who    org.Claimed
		in     bool
	}{
		{at, org.Admission{}, org.Claimed{}, true},
		{at, limited("corp.example"), org.Claimed{Email: "ada@corp.example", EmailVerified: true}, true},
		{at, limited("other.example", "corp.example"), org.Claimed{Email: "ada@CORP.example", EmailVerified: true}, true},
		{at, limited("corp.example"), org.Claimed{Email: "ada@corp.example"}, false},
		{at, limited("corp.example"), org.Claimed{Email: "ada@evil.example", EmailVerified: true}, false},
		{at, limited("corp.example"), org.Claimed{Email: "ada@sub.corp.example", EmailVerified: true}, false},
		{at, limited("corp.example"), org.Claimed{Email: "ada@evilcorp.example", EmailVerified: true}, false},
		{at, limited("corp.example"), org.Claimed{Email: `"a@corp.example"@evil.example`, EmailVerified: true}, false},
		{at, limited("corp.example"), org.Claimed{Email: "corp.example", EmailVerified: true}, false},
		{at, limited("corp.example"), org.Claimed{EmailVerified: true}, false},
		{at, limited("corp.example"), org.Claimed{Email: "d@evil.example,x@corp.example", EmailVerified: true}, false},
		{at, limited("corp.example"), org.Claimed{Email: "d@evil.example\n@corp.example", EmailVerified: true}, false},
		{at, limited("corp.example"), org.Claimed{Email: "@corp.example", EmailVerified: true}, false},
		{at, limited("corp.example"), org.Claimed{Email: "d@evil.example <x@corp.example>", EmailVerified: true}, false},
		{at, claimed("email", "boss@corp.example"), org.Claimed{Email: "boss@corp.example", EmailVerified: true, Texts: says("email", "boss@corp.example")}, true},
		{at, claimed("email", "boss@corp.example"), org.Claimed{Email: "boss@corp.example", Texts: says("email", "boss@corp.example")}, false},
		{at, limited("corp.example"), org.Claimed{Texts: says("hd", "corp.example")}, false},
		// A private Google account may have an address of any domain; hd is of the organization's accounts alone.
		{google, limited("corp.example"), org.Claimed{Email: "ada@corp.example", EmailVerified: true}, false},
		{google, limited("corp.example"), org.Claimed{Email: "ada@evil.example", EmailVerified: true, Texts: says("hd", "evil.example")}, false},
		{google, limited("corp.example"), org.Claimed{Email: "ada@corp.example", EmailVerified: true, Texts: says("hd", "corp.example")}, true},
		{google, claimed("hd", "corp.example"), org.Claimed{Texts: says("hd", "corp.example")}, true},
		{google, claimed("hd", "corp.example"), org.Claimed{Email: "ada@corp.example", EmailVerified: true}, false},
		{at, claimed("groups", "staff"), org.Claimed{Texts: says("groups", "guests", "staff")}, true},
		{at, claimed("groups", "staff"), org.Claimed{Texts: says("groups", "Staff")}, false},
		{at, claimed("groups", "staff"), org.Claimed{Texts: says("roles", "staff")}, false},
		{at, claimed("groups", "staff"), org.Claimed{}, false},
		{at, both, org.Claimed{Email: "ada@corp.example", EmailVerified: true, Texts: says("groups", "staff")}, true},
		{at, both, org.Claimed{Email: "ada@corp.example", EmailVerified: true}, false},
		{at, both, org.Claimed{Texts: says("groups", "staff")}, false},
	} {
		err := (&org.SSO{Issuer: row.issuer, Admission: row.limit}).CheckAdmitted(&org.Organization{Name: "Acme"}, row.who)
		var refusal *org.Error
		switch {
		case row.in && err != nil:
			t.Errorf("%s, %s: %+v is refused: %v", row.issuer, row.limit.LetsIn(), row.who, err)
		case !row.in && (!errors.As(err, &refusal) || refusal.Code != org.CodeForbidden || !strings.Contains(refusal.Message, "Acme")):
			t.Errorf("%s, %s: %+v got %v", row.issuer, row.limit.LetsIn(), row.who, err)
		}
	}
}

func TestAdmissionInWords(t *testing.T) {
	t.Parallel()
	for want, a := range map[string]org.Admission{
		"everybody whom it names":                       {},
		"accounts of corp.example, other.example":       limited("corp.example", "other.example"),
		"groups = staff":                                claimed("groups", "staff"),
		"accounts of corp.example, with groups = staff": {AllowedDomains: []string{"corp.example"}, RequiredClaim: &org.SSOClaim{Name: "groups", Value: "staff"}},
	} {
		if got := a.LetsIn(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
