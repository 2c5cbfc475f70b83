package secret

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/trustelem/zxcvbn/frequency"
)

// commonLength is the shortest common password that is worth keeping: shorter ones are refused for their length.
const commonLength = 8

// common are the passwords of zxcvbn's list of the 30,000 most common ones (from leaks, by frequency) that are long enough
// to be chosen, about 11,600, as folded writes them. OWASP ASVS 5.0 asks for the first 3,000 (6.2.4).
var common = sync.OnceValue(func() map[string]struct{} {
	set := map[string]struct{}{fold(product): {}}
	for _, password := range frequency.FrequencyLists["passwords"] {
		if utf8.RuneCountInString(password) >= commonLength {
			set[fold(password)] = struct{}{}
		}
	}
	return set
})

// product is the one word that everybody who guesses here tries (OWASP ASVS 5.0, 6.2.11).
const product = "muster"

// CommonPassword tells whether a password is one of those that guessers try first: a common one in whatever letters, in its
// look-alikes (p4$$w0rd), or with digits and signs before or behind it (Password2027!), or the product's name so dressed up.
func CommonPassword(password string) bool {
	bare := strings.TrimFunc(password, func(r rune) bool { return !unicode.IsLetter(r) })
	for _, candidate := range []string{password, bare} {
		if _, ok := common()[fold(candidate)]; ok {
			return true
		}
	}
	return false
}

// lookAlikes are the signs that stand for letters; i and l share one, since 1 stands for both.
var lookAlikes = strings.NewReplacer("0", "o", "1", "i", "l", "i", "!", "i", "|", "i", "3", "e", "4", "a", "@", "a", "5", "s", "$", "s", "7", "t", "+", "t")

func fold(password string) string { return lookAlikes.Replace(strings.ToLower(password)) }
