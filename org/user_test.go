package org_test

import (
	"errors"
	"net/mail"
	"strings"
	"testing"
	"unicode/utf8"

	"muster/app/lookalike"
	"muster/org"
)

func TestParseEmail(t *testing.T) {
	t.Parallel()
	host := "@" + strings.Repeat("h", 60) + ".example.com"
	longest := strings.Repeat("a", 254-len(host)) + host
	tests := []struct {
		sentence, in, want string
	}{
		{"an address", "ada@example.com", "ada@example.com"},
		{"space around it is dropped", " \tada@example.com\n", "ada@example.com"},
		{"capitals stay", "Ada@Example.com", "Ada@Example.com"},
		{"a tag", "ada+muster@example.com", "ada+muster@example.com"},
		{"letters of other scripts", "ünal@beispiel.de", "ünal@beispiel.de"},
		{"254 characters", longest, longest},
		{"255 characters", "a" + longest, ""},
		{"nothing", "", ""},
		{"no host", "ada@", ""},
		{"no name", "@example.com", ""},
		{"no at", "ada.example.com", ""},
		{"two", "ada@example.com, eve@example.com", ""},
		{"a display name", "Ada <ada@example.com>", ""},
		{"angle brackets", "<ada@example.com>", ""},
		{"a comment", "ada@example.com (Ada)", ""},
		{"a line break inside", "ada@example.com\r\nBcc: eve@example.com", ""},
		{"a space inside", "ada lovelace@example.com", ""},
		{"a zero byte", "ada\x00@example.com", ""},
		{"a character that turns the reading direction", "ada\u202e@example.com", ""},
		{"a character that nobody sees", "a\u200bda@example.com", ""},
		{"a joiner, which nobody sees in an address", "a\u200dda@example.com", ""},
		{"what is not UTF-8", "ada\xff@example.com", ""},
	}
	for _, test := range tests {
		t.Run(test.sentence, func(t *testing.T) {
			t.Parallel()
			got, err := org.ParseEmail("email", test.in)
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if test.want == "" {
				wantBadInput(t, err, "email")
			} else {
				wantCode(t, err, "")
			}
		})
	}
}

// FuzzParseEmail: what is taken can be mailed to, stands in a header line and parses to itself.
func FuzzParseEmail(f *testing.F) {
	for _, seed := range []string{"ada@example.com", " a@b ", "\"a b\"@x.y", "a@[127.0.0.1]", "ü@ü.de", "a\r\n@b", "a\u200d@b", "@", "<a@b>"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := org.ParseEmail("email", s)
		if err != nil {
			var refusal *org.Error
			if got != "" || !errors.As(err, &refusal) || refusal.Code != org.CodeBadInput {
				t.Fatalf("%q: got %q and %v", s, got, err)
			}
			return
		}
		if again, err := org.ParseEmail("email", got); err != nil || again != got {
			t.Errorf("%q was taken as %q, which is taken as %q (%v)", s, got, again, err)
		}
		if !utf8.ValidString(got) || len(got) > 254 || strings.ContainsAny(got, "\r\n\x00<>,; \t") || strings.Count(got, "@") != 1 {
			t.Errorf("%q was taken as %q", s, got)
		}
		if parsed, err := mail.ParseAddress(got); err != nil || parsed.Address != got {
			t.Errorf("%q cannot be mailed to: %v", got, err)
		}
		if !org.SameEmail(got, got) || org.MaskEmail(got) == got {
			t.Errorf("%q is not itself, or its mask hides nothing", got)
		}
	})
}

func TestSameEmail(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		sentence, a, b string
		want           bool
	}{
		{"capitals do not matter", "ADA@Example.COM", "ada@example.com", true},
		{"capitals of other scripts do not matter", "ÜNAL@x.de", "ünal@x.de", true},
		{"another name is another", "ada@example.com", "adb@example.com", false},
		{"a long s is not an s", "boſs@example.com", "boss@example.com", false},
		{"nothing is not somebody", "", "ada@example.com", false},
	} {
		if got := org.SameEmail(test.a, test.b); got != test.want {
			t.Errorf("%s: got %v", test.sentence, got)
		}
	}
}

func TestMasks(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ sentence, got, want string }{
		{"a long name shows its ends", org.MaskEmail("alice@example.com"), "a•••e@example.com"},
		{"two letters are both ends", org.MaskEmail("al@example.com"), "a•••l@example.com"},
		{"one letter shows itself", org.MaskEmail("a@example.com"), "a•••@example.com"},
		{"letters of several bytes stay whole", org.MaskEmail("üñé@example.com"), "ü•••é@example.com"},
		{"no name shows nothing", org.MaskEmail("@example.com"), "•••"},
		{"no address shows nothing", org.MaskEmail("alice"), "•••"},
		{"a phone shows its country and its end", org.MaskPhone("+4915112345678"), "+49•••78"},
		{"a short number shows nothing", org.MaskPhone("+4912"), "•••"},
		{"no number shows nothing", org.MaskPhone(""), "•••"},
	} {
		if test.got != test.want {
			t.Errorf("%s: got %q, want %q", test.sentence, test.got, test.want)
		}
	}
}

func TestParseName(t *testing.T) {
	t.Parallel()
	tests := []struct{ sentence, in, want string }{
		{"a name", "Ada Lovelace", "Ada Lovelace"},
		{"space around it is dropped", "  Ada\n", "Ada"},
		{"one character", "A", "A"},
		{"ten characters, however many bytes", strings.Repeat("ü", 10), strings.Repeat("ü", 10)},
		{"eleven characters", strings.Repeat("a", 11), ""},
		{"another script", "علی", "علی"},
		{"the joiners of Persian", "می\u200cرود", "می\u200cرود"},
		{"the joiners of emoji", "👩\u200d💻", "👩\u200d💻"},
		{"a joiner alone is no name", "\u200d", ""},
		{"nothing", "", ""},
		{"only space", " \u00a0\t ", ""},
		{"a line break", "Ada\nBcc", ""},
		{"a zero byte", "Ada\x00", ""},
		{"an escape character", "Ada\x1b[31m", ""},
		{"a next-line character", "Ada\u0085Eve", ""},
		{"a line separator", "Ada\u2028Eve", ""},
		{"a paragraph separator", "Ada\u2029Eve", ""},
		{"a character that turns the reading direction", "\u202egpj.exe", ""},
		{"one that isolates it", "\u2066Ada\u2069", ""},
		{"a space of no width", "A\u200bda", ""},
		{"a byte-order mark", "\ufeffAda", ""},
		{"what is not UTF-8", "Ad\xff", ""},
		{"what once was not UTF-8", "Ad\ufffd", ""},
	}
	for _, test := range tests {
		t.Run(test.sentence, func(t *testing.T) {
			t.Parallel()
			got, err := org.ParseName("name", test.in, 10)
			if test.sentence == "a name" {
				got, err = org.ParseName("name", test.in, 100)
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if test.want == "" {
				wantBadInput(t, err, "name")
			} else {
				wantCode(t, err, "")
			}
		})
	}
}

// TestParseActorName: nobody who acts is called as others are labelled, by address or as Muster itself.
func TestParseActorName(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"Ada Lovelace", "Max Muster", "Muster AG", "علی", "می\u200cرود", "👩\u200d💻", "Ada (Berlin)", "Another organizer", "operator",
	} {
		if got, err := org.ParseActorName("name", name, 100, lookalike.Form); err != nil || got != name {
			t.Errorf("%q: got %q, %v", name, got, err)
		}
	}
	for _, name := range []string{
		"Ada <ada@example.com>", "<", "Ada>", "ada@example.com", "ada＠example.com", "Ada ＜x", "Ada ﹥", "Ada ﹫",
		"Muster", " muster\n", "MUSTER", "ＭＵＳＴＥＲ", "mu\u017fter", "Mus\u200cter", "Muster\ufe0f", "M\u034fuster", "\U0001d40custer",
		"operator (command line)", "Operator  (Command\u00a0Line)", "Operator （command line）", "another Organization", "Another\u2003organization",
		"", "Ada\u202e", "A\x00", "\ufeffMuster",
	} {
		_, err := org.ParseActorName("name", name, 100, lookalike.Form)
		if f := refusedField(err); f != "name" {
			t.Errorf("%q: got %s, want the name refused", name, f)
		}
	}
}

func TestParseSlug(t *testing.T) {
	t.Parallel()
	for slug, good := range map[string]bool{
		"ab": true, "a1": true, "42": true, "a-b": true, "a--b": true, strings.Repeat("a", 40): true,
		"": false, "a": false, strings.Repeat("a", 41): false, "-a": false, "a-": false, "A1": false, "a_b": false, "a.b": false,
		"a b": false, "ab\n": false, "\nab": false, "äb": false, "a\x00b": false,
	} {
		got, err := org.ParseSlug("slug", slug)
		if !good {
			wantBadInput(t, err, "slug")
		} else if err != nil || got != slug {
			t.Errorf("%q: got %q and %v", slug, got, err)
		}
	}
}

func TestPassword(t *testing.T) {
	t.Parallel()
	tests := []struct {
		sentence, password string
		good               bool
	}{
		{"seven characters are too few", "Pa55wor", false},
		{"eight are enough", "Pa55word", true},
		{"eight characters are eight, however many bytes", "пароль12", true},
		{"seven characters are seven, however many bytes", "пароль1", false},
		{"128 are the most", strings.Repeat("x", 128), true},
		{"128 characters of four bytes too", strings.Repeat("😀", 128), true},
		{"129 are too many", strings.Repeat("x", 129), false},
		{"spaces count, and anything is allowed", "        ", true},
		{"control characters are allowed", "\x00\x01\x02\x03\x04\x05\x06\x07", true},
		{"what is not UTF-8 is refused", "Pa55word\xff", false},
		{"fourteen characters", "lots of words.", true},
		{"fifteen characters", "lots of words 2", true},
		{"64 characters", strings.Repeat("ab c", 16), true},
		{"é is one character where it is written as one", "caf\u00e9 no", false},
		{"and two where it is written as two: nothing is normalised", "cafe\u0301 no", true},
		{"an emoji of several is several", "👩‍💻👩‍💻pw", true},
		{"one that is common is refused", "a common one", false},
		{"the address is no password", "Ada@Example.com", false},
		{"the name is no password", "ada lovelace", false},
	}
	for _, test := range tests {
		t.Run(test.sentence, func(t *testing.T) {
			t.Parallel()
			err := org.CheckPassword("password", test.password, &org.User{Name: "Ada Lovelace", Email: new("ada@example.com")}, func(p string) bool { return p == "a common one" })
			if test.good {
				wantCode(t, err, "")
			} else {
				wantBadInput(t, err, "password")
			}
		})
	}
}

func TestCompliant(t *testing.T) {
	t.Parallel()
	for state, want := range map[org.TwoFactorState]bool{
		org.TwoFactorDisabled: false, org.TwoFactorInsecure: true, org.TwoFactorSecure: true, "": false, "BROKEN": false,
	} {
		if state.Compliant() != want || (&org.User{TwoFactor: &state}).Compliant() != want || (&org.Member{TwoFactor: &state}).Compliant() != want {
			t.Errorf("%q: want %v", state, want)
		}
	}
	if (&org.User{}).Compliant() || (&org.Member{}).Compliant() {
		t.Error("who has no known factor is compliant")
	}
}
