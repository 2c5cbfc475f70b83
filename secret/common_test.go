package secret

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/trustelem/zxcvbn/frequency"
)

// OWASP ASVS 5.0, 6.2.4: the 3,000 most common passwords that fit the rules are refused.
func TestCommonPasswordsAreRefused(t *testing.T) {
	t.Parallel()
	n := 0
	for _, password := range frequency.FrequencyLists["passwords"] {
		if utf8.RuneCountInString(password) < 8 {
			continue
		}
		for _, spelled := range []string{
			password, strings.ToUpper(password), strings.ToUpper(password[:1]) + password[1:],
			strings.NewReplacer("a", "@", "e", "3", "o", "0", "i", "1", "s", "$", "t", "7").Replace(password),
		} {
			if !CommonPassword(spelled) {
				t.Errorf("%q is taken", spelled)
			}
		}
		if n++; n == 3000 {
			return
		}
	}
	t.Fatalf("only %d common passwords have 8 characters", n)
}

func TestCommonPassword(t *testing.T) {
	t.Parallel()
	for password, want := range map[string]bool{
		"password": true, "12345678": true, "QWERTYUIOP": true, "iloveyou": true, "1qaz2wsx": true, "trustno1": true,
		"P4$$w0rd": true, "Password2027!": true, "2027-password": true, "l37me1n!": true, "!!!!!!!!": true, // letmein1, 11111111
		"muster2027": true, "Mu5ter!!": true, "mustermustermann": false, "musterbation of sheep": false,
		"a long password": false, "long enough": false, "correct horse battery staple": false, "пароль на сегодня": false,
		"": false, "日本語のパスワード": false, "\xff\xff\xff\xff\xff\xff\xff\xff": false,
	} {
		if got := CommonPassword(password); got != want {
			t.Errorf("%q: %v, want %v", password, got, want)
		}
	}
}

// FuzzCommonPassword: what is refused is refused in capitals too, and with a year behind it.
func FuzzCommonPassword(f *testing.F) {
	for _, seed := range []string{"password", "P4$$w0rd", "muster1", "ſunſhine", "\xff", "1234567890", "ﬀ"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, password string) {
		if strings.ContainsFunc(password, func(r rune) bool { return r >= utf8.RuneSelf }) || !CommonPassword(password) {
			return
		}
		if !CommonPassword(strings.ToUpper(password)) || !CommonPassword(strings.ToLower(password)) {
			t.Errorf("%q is refused, and not in other letters", password)
		}
	})
}
