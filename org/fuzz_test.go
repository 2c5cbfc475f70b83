package org_test

import (
	"errors"
	"net/mail"
	"net/url"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"muster/app/lookalike"
	"muster/org"
)

// odd are texts that have got through parsers before: exotic space, digits and direction, what is not UTF-8, what other
// formats take for syntax.
var odd = []string{
	"", " ", "a", "Ada Lovelace", " Ada\u00a0", "\u202eadA", "A\x00da", "Ada\r\nBcc: eve@example.com", "\u200d", "👩‍💻", "\xff\xfe", "ａｂ", "١٢٣٤٥٦",
	"ab-cd", "-ab", "ab\n", "'; DROP TABLE users; --", "$1", "$$x$$", "\u2028", "é", "e\u0301", strings.Repeat("x", 129),
}

// FuzzParseName: what is taken for a name shows on one line, in the direction in which it was typed, and is text that
// PostgreSQL stores.
func FuzzParseName(f *testing.F) {
	for _, seed := range odd {
		f.Add(seed, 100)
	}
	f.Fuzz(func(t *testing.T, s string, limit int) {
		got, err := org.ParseName("name", s, limit)
		if err != nil {
			onlyBadInput(t, err, "name")
			return
		}
		if again, err := org.ParseName("name", got, limit); err != nil || again != got {
			t.Errorf("%q was taken as %q, which is taken as %q (%v)", s, got, again, err)
		}
		if n := utf8.RuneCountInString(got); n < 1 || n > limit || !utf8.ValidString(got) {
			t.Errorf("%q was taken as %d characters of at most %d", s, n, limit)
		}
		for _, r := range got {
			if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Bidi_Control, r) {
				t.Errorf("%q was taken with %U in it", s, r)
			}
		}
	})
}

// FuzzParseSlug: what is taken for a short name is itself in a URL, a host name's label and a line of a log.
func FuzzParseSlug(f *testing.F) {
	for _, seed := range odd {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := org.ParseSlug("slug", s)
		if err != nil {
			onlyBadInput(t, err, "slug")
			return
		}
		if got != s || len(got) < 2 || len(got) > 40 || url.PathEscape(got) != got ||
			strings.Trim(got, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || strings.Trim(got, "-") != got {
			t.Errorf("%q was taken as %q", s, got)
		}
	})
}

// FuzzCheckPassword: whatever is refused is refused for its length, its encoding or for what it is; the refusal never
// repeats it.
func FuzzCheckPassword(f *testing.F) {
	for _, seed := range odd {
		f.Add(seed, "ada@example.com", "Ada Lovelace")
		f.Add("Pa55word"+seed, "Pa55word", seed)
	}
	f.Fuzz(func(t *testing.T, password, email, name string) {
		err := org.CheckPassword("password", password, &org.User{Email: &email, Name: name}, func(p string) bool { return p == "a common one" })
		n := utf8.RuneCountInString(password)
		if err == nil && (n < 8 || n > 128 || !utf8.ValidString(password) || password == email || password == name || password == "a common one") {
			t.Errorf("%q was taken", password)
		}
		if err != nil {
			onlyBadInput(t, err, "password")
			if n >= 20 && strings.Contains(err.Error(), password) {
				t.Errorf("the refusal repeats the password: %v", err)
			}
		}
	})
}

// FuzzCheckIssuer: what is taken for a provider is https to a host, with nothing in it that another parser of URLs could
// take for credentials, a query or a second line.
func FuzzCheckIssuer(f *testing.F) {
	for _, seed := range append([]string{
		"https://login.example.com", "https://user@login.example.com", "https://login.example.com?x", "https://login.example.com/#", "http://login.example.com",
		"https:login.example.com", "https://[::1]/", "https://login.example.com\\@evil.example", "https://:443", "//x", "HTTPS://X",
	}, odd...) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if err := org.CheckIssuer("issuer", s, false); err != nil {
			onlyBadInput(t, err, "issuer")
			return
		}
		u, err := url.Parse(s)
		if err != nil || !strings.EqualFold(u.Scheme, "https") || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" ||
			strings.ContainsFunc(s, unicode.IsControl) || len(s) > 512 {
			t.Errorf("%q was taken: %+v, %v", s, u, err)
		}
	})
}

// FuzzClaimedName: whatever a provider calls somebody, an account gets a name that an account can have.
func FuzzClaimedName(f *testing.F) {
	for _, seed := range append([]string{"Ada Lovelace", "", "   ", "\u202eadA", "A\x00", strings.Repeat("ä", 200), "Ada <ada@example.com>", "ada＠example.com", "ＭＵＳＴＥＲ", "Mus\u200cter"}, odd...) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, claim string) {
		name := org.ClaimedName(claim, &org.Organization{Name: strings.Repeat("n", 100)}, lookalike.Form)
		if strings.ContainsAny(name, "<>@") || strings.EqualFold(name, "Muster") {
			t.Errorf("%q became %q, which reads as somebody else", claim, name)
		}
		if got, err := org.ParseActorName("name", name, 100, lookalike.Form); err != nil || got != name {
			t.Errorf("%q became %q, %v", claim, name, err)
		}
	})
}

// FuzzAdmission: whatever an owner limits a provider to and whatever the provider says of somebody, who is let in by a domain has an
// address, one that others would take for the same, called verified and of a listed domain; and by a claim, exactly that one.
func FuzzAdmission(f *testing.F) {
	for _, domain := range []string{"corp.example", "@Corp.Example", "*", "gmail.com", ""} {
		for _, email := range []string{
			"ada@corp.example", "d@evil.example,x@corp.example", "d@evil.example\n@corp.example", `"a@corp.example"@evil.example`, "ada@corp.example.", "ada@CORP.example", "corp.example",
		} {
			f.Add("https://login.example.com", domain, email, true, "groups", "staff", "staff")
		}
	}
	f.Add("https://accounts.google.com", "corp.example", "ada@corp.example", true, "hd", "corp.example", "corp.example")
	f.Add("https://gitlab.com", "yahoo.co.uk", "ada@yahoo.co.uk", true, "", "", "x")
	f.Add("https://login.microsoftonline.com/common", "corp.example", "ada@corp.example", false, "email", "ada@corp.example", "ada@corp.example")
	f.Fuzz(func(t *testing.T, issuer, domain, email string, verified bool, name, value, says string) {
		var claim *org.SSOClaim
		if name != "" {
			claim = &org.SSOClaim{Name: name, Value: value}
		}
		a, err := org.ParseAdmission([]string{domain}, claim)
		if err != nil {
			onlyBadInput(t, err, refusedField(err))
			return
		}
		if again, err := org.ParseAdmission(a.AllowedDomains, a.RequiredClaim); err != nil || !again.Equal(a) {
			t.Errorf("%+v is read as %+v, %v", a, again, err)
		}
		if err := org.CheckAdmission(issuer, a); err != nil {
			onlyBadInput(t, err, refusedField(err))
			return
		}
		err = (&org.SSO{Issuer: issuer, Admission: a}).CheckAdmitted(&org.Organization{Name: "Acme"}, org.Claimed{
			Email: email, EmailVerified: verified, Texts: map[string][]string{name: {says}},
		})
		if err != nil {
			return
		}
		byHD := name == "hd" && strings.EqualFold(says, a.AllowedDomains[0])
		if address, err := mail.ParseAddress(email); !byHD && (err != nil || !verified || strings.Count(address.Address, "@") < 1 ||
			!strings.HasSuffix(strings.ToLower(address.Address), "@"+a.AllowedDomains[0])) {
			t.Errorf("%q (verified: %v) is let in by %s", email, verified, a.LetsIn())
		}
		if a.RequiredClaim != nil && says != a.RequiredClaim.Value {
			t.Errorf("%s = %q is let in by %s", name, says, a.LetsIn())
		}
	})
}

// FuzzParseReason: what is taken for a reason can be mailed and logged as it is.
func FuzzParseReason(f *testing.F) {
	for _, seed := range append([]string{strings.Repeat("ü", 500), "lost the phone\nand the codes"}, odd...) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := org.ParseReason("reason", s)
		if err != nil {
			onlyBadInput(t, err, "reason")
			return
		}
		if again, err := org.ParseReason("reason", got); err != nil || again != got || !utf8.ValidString(got) || utf8.RuneCountInString(got) < 10 || utf8.RuneCountInString(got) > 500 {
			t.Errorf("%q was taken as %q, which is taken as %q (%v)", s, got, again, err)
		}
		for _, r := range got {
			if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
				t.Errorf("%q was taken with %U in it", s, r)
			}
		}
	})
}

// FuzzParseScopes: what is taken are scopes that there are, each once.
func FuzzParseScopes(f *testing.F) {
	for _, seed := range append([]string{"audit:read", "audit:read members:write", "audit:read audit:read", "AUDIT:READ", "audit:read\x00", "*"}, odd...) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := org.ParseScopes("scopes", strings.Split(s, " "))
		if err != nil {
			onlyBadInput(t, err, "scopes")
			return
		}
		seen := map[string]bool{}
		for _, scope := range got {
			if seen[scope] || !strings.Contains(" organization:write members:read members:write teams:read teams:write projects:read projects:write audit:read security:read ", " "+scope+" ") {
				t.Errorf("%q was taken as %q", s, got)
			}
			seen[scope] = true
		}
		if len(got) == 0 {
			t.Errorf("%q was taken for no scope at all", s)
		}
	})
}

func onlyBadInput(t *testing.T, err error, field string) {
	t.Helper()
	var refusal *org.Error
	if !errors.As(err, &refusal) || refusal.Code != org.CodeBadInput || refusal.Field != field {
		t.Fatalf("got %v, want BAD_INPUT of %s", err, field)
	}
}
