package mail

import (
	"errors"
	"html"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type writer interface {
	Message(id string) (Message, error)
}

var (
	ana   = Person{Name: "Ana Ruiz", Email: "ana@example.com"}
	until = time.Date(2027, 2, 21, 15, 4, 59, 0, time.FixedZone("CET", 3600))
)

const (
	said   = "Sunday, 21 February 2027 at 14:04 UTC"
	rejoin = "https://muster.example.com/rejoin#token=mtr_0123456789abcdef"
	notMe  = "https://muster.example.com/not-me#token=n0tm3"
)

// each template with every field set, its subject, and the facts that both parts must say.
var everyLetter = map[string]struct {
	letter  writer
	subject string
	link    string
	facts   []string
}{
	"TwoFactorRequired": {
		TwoFactorRequired{To: ana, Organization: "ACME Corp & Søns", By: "Olga Owner", Link: rejoin, Until: until, Contact: "Olga Owner <olga@example.com>", Role: "MANAGER", Teams: []string{"Backend", "R&D"}},
		"Mandatory: Enable Two-Factor Authentication", rejoin,
		[]string{
			"Hello Ana Ruiz,", "ACME Corp & Søns now requires two-factor authentication of every member", "Olga Owner turned this on.",
			"Effective immediately", "or its projects", "no notifications", "at least one form of two-factor authentication",
			"Enable Two-Factor Authentication", rejoin, "sign in to Muster", "authenticator app", "recovery codes", "backup phone",
			"your role (manager)", "your teams (Backend, R&D)", "your notification settings", "come back", said, "a new invitation",
			"Olga Owner <olga@example.com>",
		},
	},
	"SetUpTwoFactor": {
		SetUpTwoFactor{To: ana, Organization: "ACME", By: "Olga Owner", Contact: "Olga Owner <olga@example.com>", Link: rejoin, Until: until},
		"Mandatory: Enable Two-Factor Authentication", rejoin,
		[]string{
			"Hello Ana Ruiz,", "ACME requires two-factor authentication", "Olga Owner", "projects", "notifications", rejoin, said, "recovery codes", "backup phone",
			"Olga Owner <olga@example.com>", "Enable Two-Factor Authentication",
		},
	},
	"Invited": {
		Invited{To: ana, Organization: "ACME", By: "Mina Manager", Role: "ADMIN", Link: rejoin, Until: until, RequiresTwoFactor: true},
		"Join ACME on Muster", rejoin,
		[]string{"Mina Manager invites you to ACME", "admin", rejoin, said, "requires two-factor authentication", "authenticator app", "works once"},
	},
	"Reminder": {
		Reminder{To: ana, Organization: "ACME", By: "Olga Owner", Link: "http://localhost:8080/security"},
		"ACME will soon require two-factor authentication", "http://localhost:8080/security",
		[]string{"Olga Owner asks you", "ACME will soon require", "lose access", "http://localhost:8080/security", "recovery codes", "backup phone"},
	},
	"Reinstated": {
		Reinstated{To: ana, Organization: "ACME", Role: "MANAGER", Restored: []string{"Team Backend", "Notification settings"}, Skipped: []string{"Team Old: it was deleted"}},
		"You are back in ACME", "",
		[]string{"a member of ACME again", "manager", "What came back", "Team Backend", "Notification settings", "What could not come back", "Team Old: it was deleted"},
	},
	"MembershipChanged": {
		MembershipChanged{To: ana, Organization: "ACME", What: "Bo Berg joined as member.", By: "Mina Manager", At: until},
		"ACME: membership changed", "",
		[]string{"Bo Berg joined as member.", "Mina Manager", said, "ACME", "notification settings"},
	},
	"SecurityChanged": {
		SecurityChanged{To: ana, Organization: "ACME", What: "Two-factor authentication is now required.", By: "Olga Owner", At: until},
		"ACME: security settings changed", "",
		[]string{"Two-factor authentication is now required.", "Olga Owner", said, "ACME", "notification settings"},
	},
	"PasswordReset": {
		PasswordReset{To: ana, Link: rejoin, Until: until, At: until, IPAddress: "2001:db8::7", UserAgent: "Mozilla/5.0 (X11; Linux x86_64)"},
		"Set a new password", rejoin,
		[]string{"Hello Ana Ruiz,", rejoin, said, "works once", "ends all sessions", "second factor", "2001:db8::7", "Mozilla/5.0 (X11; Linux x86_64)", "ana@example.com", "your password stays as it is"},
	},
	"ConfirmAddress": {
		ConfirmAddress{Email: ana.Email, Link: rejoin, Until: until},
		"Confirm your address", rejoin,
		[]string{"Hello,", rejoin, said, "works once", "signed up on Muster", "ana@example.com", "leave the link alone"},
	},
	"ConfirmAddress changing": {
		ConfirmAddress{Email: ana.Email, Link: rejoin, Until: until, Changing: true},
		"Confirm your new address", rejoin,
		[]string{"Hello,", rejoin, said, "works once", "the address of their account", "ana@example.com", "nothing happens without it"},
	},
	"AddressTaken": {
		AddressTaken{Email: ana.Email, Link: "https://muster.example.com/reset"},
		"An account with your address exists", "https://muster.example.com/reset",
		[]string{"Hello,", "exists already", "nothing has changed", "ana@example.com", "https://muster.example.com/reset"},
	},
	"AddressUnconfirmed": {
		AddressUnconfirmed{Email: ana.Email, Link: rejoin, Until: until, At: until, IPAddress: "2001:db8::7", UserAgent: "Mozilla/5.0 (X11; Linux x86_64)"},
		"This address was never confirmed", rejoin,
		[]string{"Hello,", rejoin, said, "sign up afresh", "works once", "2001:db8::7", "ana@example.com", "nothing happens without it"},
	},
	"AddressUnconfirmed frozen": {
		AddressUnconfirmed{Email: ana.Email, At: until, IPAddress: "2001:db8::7"},
		"This address was never confirmed", "",
		[]string{"Hello,", "ask an owner or manager of your organization", "2001:db8::7", "ana@example.com"},
	},
	"AccountSecurity": {
		AccountSecurity{To: ana, What: "A recovery code was used. 7 are left.", At: until, IPAddress: "2001:db8::7", UserAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0", NotMe: notMe, Until: until},
		"Security settings changed", notMe,
		[]string{"A recovery code was used. 7 are left.", "ana@example.com", said, "2001:db8::7", "Firefox on Linux", "This was not me", "ends all sessions", "It works until " + said},
	},
	"AccountSecurity without a link": {
		AccountSecurity{To: ana, Title: "Your account is locked", What: "As you asked.", At: until, UserAgent: "curl/8.14.1"},
		"Your account is locked", "",
		[]string{"As you asked.", "ana@example.com", said, "curl/8.14.1"},
	},
}

var (
	tag       = regexp.MustCompile(`<[^>]*>`)
	styles    = regexp.MustCompile(`(?s)<style>.*?</style>`)
	anyWeb    = regexp.MustCompile(`https?://\S+`)
	remote    = regexp.MustCompile(`(?i)<(img|script|link|iframe|object|embed|form|input|video|audio|svg)|url\(|@import|javascript:| on[a-z]+=`)
	linkAlone = func(l string) *regexp.Regexp { return regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(l) + `$`) }
)

// visible is what a reader of the HTML part sees.
func visible(page string) string {
	page = styles.ReplaceAllString(page, "")
	return html.UnescapeString(tag.ReplaceAllString(page, " "))
}

func TestBothPartsSayTheSame(t *testing.T) {
	t.Parallel()
	for kind, test := range everyLetter {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			m, err := test.letter.Message("job-7")
			if err != nil {
				t.Fatal(err)
			}
			toName := "Ana Ruiz"
			switch test.letter.(type) {
			case AddressUnconfirmed, ConfirmAddress, AddressTaken: // to whom nobody has a name that is theirs
				toName = ""
			}
			want := Message{ID: "job-7", To: "ana@example.com", ToName: toName, Subject: test.subject, Text: m.Text, HTML: m.HTML}
			if diff := cmp.Diff(want, m); diff != "" {
				t.Errorf("envelope (-want +got):\n%s", diff)
			}
			for _, f := range test.facts {
				if !strings.Contains(m.Text, f) {
					t.Errorf("text does not say %q:\n%s", f, m.Text)
				}
				if !strings.Contains(visible(m.HTML), f) {
					t.Errorf("HTML does not say %q:\n%s", f, visible(m.HTML))
				}
			}
			// Word for word: the text's words in order are the HTML's, but for the numbers and bullets that HTML
			// draws, the button's help, and the title of the page.
			if diff := cmp.Diff(words(m.Text), words(visible(m.HTML[strings.Index(m.HTML, "<h1"):]))); diff != "" {
				t.Errorf("parts differ (-text +HTML):\n%s", diff)
			}
			if got := anyWeb.FindString(m.Text); got != test.link {
				t.Errorf("first link of the text is %q, want %q", got, test.link)
			}
			if test.link != "" {
				if !linkAlone(test.link).MatchString(m.Text) {
					t.Errorf("link does not stand alone on its line:\n%s", m.Text)
				}
				if got := strings.Count(m.HTML, `href="`+test.link+`"`); got != 2 {
					t.Errorf("HTML has %d links to the action, want the button and the address", got)
				}
			}
			if got := remote.FindString(m.HTML); got != "" {
				t.Errorf("HTML has %q: nothing remote, nothing that runs", got)
			}
			for _, needed := range []string{`<html lang="en"`, `<h1 `, `<meta name="color-scheme" content="light dark">`} {
				if !strings.Contains(m.HTML, needed) {
					t.Errorf("HTML lacks %s", needed)
				}
			}
			for _, forbidden := range []string{"ignore this email", "simply ignore", "<no value>", "ZgotmplZ", "()", "  "} {
				if strings.Contains(strings.ToLower(m.Text), strings.ToLower(forbidden)) {
					t.Errorf("text says %q:\n%s", forbidden, m.Text)
				}
			}
		})
	}
}

var (
	ordinal   = regexp.MustCompile(`(?m)^(\d+\. |- )`)
	help      = regexp.MustCompile(`If the button does not work, open this address:`)
	separator = regexp.MustCompile(`[\s:]+`)
)

func words(s string) []string {
	s = help.ReplaceAllString(ordinal.ReplaceAllString(s, ""), "")
	return strings.Fields(separator.ReplaceAllString(s, " "))
}

func TestLetterWithoutOptionalFacts(t *testing.T) {
	t.Parallel()
	m, err := TwoFactorRequired{To: Person{Email: "bo@example.com"}, Organization: "ACME", Link: rejoin, Until: until}.Message("1")
	if err != nil {
		t.Fatal(err)
	}
	for _, fact := range []string{"Hello,\n", "An owner turned this on.", "We keep your teams and your notification settings."} {
		if !strings.Contains(m.Text, fact) {
			t.Errorf("text does not say %q:\n%s", fact, m.Text)
		}
	}
	for _, forbidden := range []string{"Turned on by", "Questions", "your role"} {
		if strings.Contains(m.Text, forbidden) || strings.Contains(m.HTML, forbidden) {
			t.Errorf("email says %q without knowing it", forbidden)
		}
	}
	m, err = Invited{To: ana, Organization: "ACME", Link: rejoin, Until: until}.Message("1")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(m.Text+m.HTML, "two-factor") {
		t.Error("invitation speaks of two-factor authentication where it is not required")
	}
}

func TestLetterRefusals(t *testing.T) {
	t.Parallel()
	good := TwoFactorRequired{To: ana, Organization: "ACME", Link: rejoin, Until: until}
	for name, test := range map[string]struct {
		change   func(*TwoFactorRequired)
		rejected bool
	}{
		"no address":            {func(m *TwoFactorRequired) { m.To.Email = "" }, true},
		"no host":               {func(m *TwoFactorRequired) { m.To.Email = "ana" }, true},
		"two addresses":         {func(m *TwoFactorRequired) { m.To.Email = "ana@example.com, eve@example.com" }, true},
		"address with name":     {func(m *TwoFactorRequired) { m.To.Email = "Ana <ana@example.com>" }, true},
		"address with line end": {func(m *TwoFactorRequired) { m.To.Email = "ana@example.com\r\nBcc: eve@example.com" }, true},
		"address too long":      {func(m *TwoFactorRequired) { m.To.Email = strings.Repeat("a", 250) + "@example.com" }, true},
		"no organization":       {func(m *TwoFactorRequired) { m.Organization = " \u202e" }, false},
		"no link":               {func(m *TwoFactorRequired) { m.Link = "" }, false},
		"relative link":         {func(m *TwoFactorRequired) { m.Link = "/rejoin#token=a" }, false},
		"script link":           {func(m *TwoFactorRequired) { m.Link = "javascript:alert(1)" }, false},
		"link with a space":     {func(m *TwoFactorRequired) { m.Link = "https://example.com/ https://evil.example" }, false},
		"link with line end":    {func(m *TwoFactorRequired) { m.Link = "https://example.com/#a\nb" }, false},
		"link with a quote":     {func(m *TwoFactorRequired) { m.Link = `https://example.com/"` }, false},
		"no end":                {func(m *TwoFactorRequired) { m.Until = time.Time{} }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bad := good
			test.change(&bad)
			_, err := bad.Message("1")
			if err == nil {
				t.Fatal("accepted")
			}
			if got := errors.Is(err, ErrRejected); got != test.rejected {
				t.Errorf("ErrRejected is %v, want %v: %v", got, test.rejected, err)
			}
		})
	}
	if _, err := good.Message("  "); err == nil {
		t.Error("an email without an ID was accepted: a retry would look like a second email")
	}
}

func TestClean(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"ACME Corp":                           "ACME Corp",
		"  a \t b  ":                          "a b",
		"Zoë Ålund 日本 👩‍💻":                    "Zoë Ålund 日本 👩‍💻",
		"می\u200cخواهم":                       "می\u200cخواهم",
		"x\r\nBcc: eve@example.com":           "x Bcc: eve@example.com",
		"x\u2028y\u0085z\x00":                 "x y z",
		"evil\u202egpj.exe\u2066\u200b\ufeff": "evilgpj.exe",
		"=?utf-8?q?=0D=0ABcc:_eve?=":          "= ?utf-8?q?=0D=0ABcc:_eve?=",
		"bad\xffbyte":                         "bad\uFFFDbyte",
	} {
		if got := clean(in); got != want {
			t.Errorf("clean(%q) = %q, want %q", in, got, want)
		}
		if got := clean(clean(in)); got != want {
			t.Errorf("clean twice of %q = %q, want %q", in, got, want)
		}
	}
	if got, want := name("see https://evil.example now"), "see https: //evil.example now"; got != want {
		t.Errorf("name with a link = %q, want %q", got, want)
	}
	if got := []rune(name(strings.Repeat("é", 500))); len(got) != 120 || got[119] != '…' {
		t.Errorf("long name has %d characters ending %q, want 120 ending in an ellipsis", len(got), got[len(got)-1])
	}
}
