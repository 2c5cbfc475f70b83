package mail

import (
	"bytes"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

// wire is an email read back by another parser than the one that wrote it.
type wire struct {
	header     mail.Header
	text, html string
}

func parse(t testing.TB, data []byte) wire {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("email cannot be read: %v\n%s", err, data)
	}
	kind, parameters, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("email is %q, %v, want multipart/alternative", kind, err)
	}
	w := wire{header: m.Header}
	parts := multipart.NewReader(m.Body, parameters["boundary"])
	for i, want := range []string{"text/plain; charset=UTF-8", "text/html; charset=UTF-8"} {
		part, err := parts.NextRawPart()
		if err != nil {
			t.Fatalf("part %d: %v", i, err)
		}
		if got := part.Header.Get("Content-Type"); got != want {
			t.Errorf("part %d is %q, want %q", i, got, want)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			t.Fatalf("part %d: %v", i, err)
		}
		content := strings.ReplaceAll(string(body), "\r\n", "\n")
		if i == 0 {
			w.text = content
		} else {
			w.html = content
		}
	}
	if _, err := parts.NextRawPart(); err != io.EOF {
		t.Errorf("email has more than two parts: %v", err)
	}
	return w
}

// ofAnAccount are the templates that name no organization.
var ofAnAccount = map[string]bool{
	"AccountSecurity": true, "ConfirmAddress": true, "AddressTaken": true, "PasswordReset": true, "AddressUnconfirmed": true,
}

// FuzzMessage writes every template with whatever people may have typed, and reads the email back: same headers, same
// one recipient, same links, same markup as with harmless names.
func FuzzMessage(f *testing.F) {
	for _, evil := range []string{
		"ACME Corp", "", "x\r\nBcc: eve@example.com", "x\nContent-Type: text/html\n\n<b>", "\"><script>alert(1)</script>",
		"</p></td><a href=\"https://evil.example\">", "https://evil.example", "\u202egpj.exe", "=?utf-8?q?=0D=0ABcc:_eve@example.com?=",
		`"quoted" <eve@example.com>, `, "\x00\x1b[31m", strings.Repeat("long ", 2000), strings.Repeat("é", 5000), "\xff\xfe", "{{.To}}", "--boundary--", ".",
		"hTTps://evil.example", "https:/\u200b/evil.example", "://://", "ACME\u2028X", "👩‍💻",
	} {
		f.Add(evil, evil, evil)
	}
	f.Add("", "", "00000000")
	f.Fuzz(func(t *testing.T, organization, person, words string) {
		harmless := everyTemplate("A", "B", "C", everyFilled(organization, person, words))
		for kind, letter := range everyTemplate(organization, person, words, everyFilled(organization, person, words)) {
			got, err := letter.Message(words)
			if clean(organization) == "" && !ofAnAccount[kind] || messageID(words) == "" {
				if err == nil {
					t.Errorf("%s accepted organization %q, id %q", kind, organization, words)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s refused organization %q, person %q, words %q: %v", kind, organization, person, words, err)
				continue
			}
			plain, err := harmless[kind].Message("1")
			if err != nil {
				t.Fatal(err)
			}
			sender := &mail.Address{Name: "Muster", Address: "muster@example.com"}
			msg, err := compose(sender, got)
			if err != nil {
				t.Fatal(err)
			}
			var data bytes.Buffer
			if _, err := msg.WriteTo(&data); err != nil {
				t.Fatal(err)
			}
			read := parse(t, data.Bytes())

			headers := slices.Sorted(maps.Keys(read.header))
			if diff := cmp.Diff([]string{"Auto-Submitted", "Content-Type", "Date", "From", "Message-Id", "Mime-Version", "Subject", "To"}, headers); diff != "" {
				t.Errorf("%s headers (-want +got):\n%s", kind, diff)
			}
			for key, values := range read.header {
				if len(values) != 1 {
					t.Errorf("%s: %s stands %d times", kind, key, len(values))
				}
			}
			to, err := read.header.AddressList("To")
			if err != nil || len(to) != 1 || to[0].Address != "ana@example.com" || to[0].Name != got.ToName || got.ToName != "" && got.ToName != name(person) {
				t.Errorf("%s: recipients %v, %v, want %q and nobody else", kind, to, err, got.ToName)
			}
			sent, err := read.header.AddressList("From")
			if err != nil || len(sent) != 1 || *sent[0] != *sender {
				t.Errorf("%s: sender %v, %v", kind, sent, err)
			}
			subject, err := new(mime.WordDecoder).DecodeHeader(read.header.Get("Subject"))
			if err != nil || subject != got.Subject || strings.ContainsFunc(subject, unicode.IsControl) {
				t.Errorf("%s: subject %q, %v, want %q", kind, subject, err, got.Subject)
			}
			if got, want := tags(read.html), tags(plain.HTML); !cmp.Equal(got, want) {
				t.Errorf("%s: markup changed (-want +got):\n%s", kind, cmp.Diff(want, got))
			}
			if got, want := anyWeb.FindAllString(read.text, -1), anyWeb.FindAllString(plain.Text, -1); !cmp.Equal(got, want) {
				t.Errorf("%s: links of the text are %q, want %q", kind, got, want)
			}
			for line := range bytes.Lines(data.Bytes()) {
				if len(line) > 998+2 { // RFC 5322 §2.1.1
					t.Errorf("%s: line of %d octets", kind, len(line))
				}
			}
		}
	})
}

// tags is the page without its text.
func tags(page string) []string { return tag.FindAllString(page, -1) }

// filled says which fields have something in them, so that the harmless letter has the same paragraphs.
type filled struct{ person, words bool }

func everyFilled(_, person, words string) filled {
	return filled{name(person) != "", name(words) != ""}
}

func everyTemplate(organization, person, words string, has filled) map[string]writer {
	if !has.person {
		person = ""
	}
	if !has.words {
		words = ""
	}
	to := Person{Name: person, Email: "ana@example.com"}
	return map[string]writer{
		"TwoFactorRequired": TwoFactorRequired{to, organization, person, rejoin, until, person, words, []string{words, organization}},
		"SetUpTwoFactor":    SetUpTwoFactor{to, organization, person, person, rejoin, until},
		"Invited":           Invited{to, organization, person, words, rejoin, until, true},
		"Reminder":          Reminder{to, organization, person, rejoin},
		"Reinstated":        Reinstated{to, organization, words, []string{words}, []string{words}},
		"MembershipChanged": MembershipChanged{to, organization, words, person, until},
		"SecurityChanged":   SecurityChanged{to, organization, words, person, until},
		"ResetRequested":    ResetRequested{to, organization, person, words, rejoin, until},
		"AccountSecurity":   AccountSecurity{to, "", words, until, words, words, notMe, until},

		"ConfirmAddress":     ConfirmAddress{to.Email, rejoin, until, true},
		"AddressTaken":       AddressTaken{to.Email, rejoin},
		"PasswordReset":      PasswordReset{to, rejoin, until, until, words, words},
		"AddressUnconfirmed": AddressUnconfirmed{to.Email, rejoin, until, until, words, words},
	}
}
