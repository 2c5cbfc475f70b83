package secret

import (
	"hash/crc32"
	"math/big"
	"strings"
)

// APITokenKind is what an API token's text begins with, so that people and secret scanners know what they have found:
// muster_(pat|svc)_[0-9A-Za-z]{49}.
type APITokenKind string

// The kinds of API tokens.
const (
	PersonalToken APITokenKind = "muster_pat_"
	ServiceToken  APITokenKind = "muster_svc_"
)

const (
	base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	// apiTokenRandom is how many letters 256 bits take: 62^43 > 2^256. They are letters and digits only, so that a double
	// click selects the whole token.
	apiTokenRandom = 43
	// apiTokenSum is how many letters 32 bits take: 62^6 > 2^32.
	apiTokenSum = 6
)

// NewAPIToken returns a fresh token of 256 random bits: its kind, 43 letters and digits, and 6 of a checksum over all that
// (CRC-32, IEEE 802.3). The checksum keeps nobody out: it tells a typo, and what only looks like a token, from a token
// without asking a database. It is shown to its owner once; the database keeps Hash of it.
func NewAPIToken(kind APITokenKind) string {
	body := string(kind) + inBase62(new(big.Int).SetBytes(random(tokenBytes)), apiTokenRandom)
	return body + apiTokenChecksum(body)
}

// LooksLikeAPIToken says whether a text was meant as an API token, whole or not.
func LooksLikeAPIToken(s string) bool {
	return strings.HasPrefix(s, string(PersonalToken)) || strings.HasPrefix(s, string(ServiceToken))
}

// IsAPIToken says whether a text is an API token, letter for letter, as far as can be told without knowing which ones exist.
func IsAPIToken(s string) bool {
	if !LooksLikeAPIToken(s) || len(s) != len(PersonalToken)+apiTokenRandom+apiTokenSum {
		return false
	}
	body, sum := s[:len(s)-apiTokenSum], s[len(s)-apiTokenSum:]
	return strings.Trim(body[len(PersonalToken):], base62) == "" && sum == apiTokenChecksum(body)
}

func apiTokenChecksum(body string) string {
	return inBase62(big.NewInt(int64(crc32.ChecksumIEEE([]byte(body)))), apiTokenSum)
}

// inBase62 writes a number with the given number of digits, the most significant first.
func inBase62(n *big.Int, digits int) string {
	text, base, digit := make([]byte, digits), big.NewInt(int64(len(base62))), new(big.Int)
	for i := digits - 1; i >= 0; i-- {
		n.DivMod(n, base, digit)
		text[i] = base62[digit.Int64()]
	}
	return string(text)
}
