package secret

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"
)

// Ten codes of 128 bits, twice the 64 that NIST SP 800-63B-4 (4.2.1.1) asks for: enough for a plain hash (OWASP ASVS 5.0,
// 6.5.2). 128 bits are 26 characters of base32, shown as 5-5-5-5-6.
const (
	recoveryCodes   = 10
	recoveryBytes   = 16
	recoveryLength  = 26
	recoveryGroup   = 5
	recoveryHyphens = 4
)

var recoveryBase32 = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// NewRecoveryCodes returns ten fresh codes of 128 random bits each, in lower-case base32 (a–z and 2–7: no 0, 1, 8, 9) with
// hyphens for the eye: "xxxxx-xxxxx-xxxxx-xxxxx-xxxxxx". They are shown once; the database keeps RecoveryHash of each.
func NewRecoveryCodes() []string {
	codes := make([]string, recoveryCodes)
	for i := range codes {
		codes[i] = withHyphens(recoveryBase32.EncodeToString(random(recoveryBytes)))
	}
	return codes
}

// RecoveryHash returns the SHA-256 (32 bytes) of a recovery code's canonical form: its 26 characters in lower case without
// hyphens. The code may be given in upper case, and with all of its hyphens in their places or with none. Anything else is
// not ok, also spaces around it and a last character that no code of 16 bytes ends with: one code has one hash, so one
// statement can use it up.
func RecoveryHash(code string) (hash []byte, ok bool) {
	canonical := asciiLower(code)
	if len(canonical) == recoveryLength+recoveryHyphens {
		bare := strings.ReplaceAll(canonical, "-", "")
		if len(bare) != recoveryLength || withHyphens(bare) != canonical {
			return nil, false
		}
		canonical = bare
	}
	if len(canonical) != recoveryLength {
		return nil, false
	}
	decoded, err := recoveryBase32.DecodeString(canonical)
	// The decoder skips line breaks and ignores the last character's two spare bits: only what encodes back to the same
	// text is a code.
	if err != nil || recoveryBase32.EncodeToString(decoded) != canonical {
		return nil, false
	}
	sum := sha256.Sum256([]byte(canonical))
	return sum[:], true
}

// withHyphens parts 26 characters into groups of 5, 5, 5, 5 and 6.
func withHyphens(bare string) string {
	groups := make([]string, 0, recoveryHyphens+1)
	for range recoveryHyphens {
		groups = append(groups, bare[:recoveryGroup])
		bare = bare[recoveryGroup:]
	}
	return strings.Join(append(groups, bare), "-")
}

// asciiLower leaves everything but ASCII letters alone: strings.ToLower makes a "k" of the Kelvin sign, which would give
// one code two spellings.
func asciiLower(text string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + ('a' - 'A')
		}
		return r
	}, text)
}
