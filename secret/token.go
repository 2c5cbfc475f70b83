package secret

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
)

// tokenBytes is the size of a token before encoding: 256 bits, twice the 128 that OWASP ASVS 5.0 (7.2.3) asks for.
const tokenBytes = 32

// NewToken returns a fresh bearer token of 256 random bits as 43 characters of base64url without padding. It is shown
// to its owner once; the database keeps Hash of it.
func NewToken() string {
	return base64.RawURLEncoding.EncodeToString(random(tokenBytes))
}

// Hash returns the SHA-256 (32 bytes) under which a token is stored and looked up. A plain hash is enough for a token of
// NewToken or Keys.Link, which nobody can guess (OWASP ASVS 5.0, 6.5.2: from 112 bits on); it is not enough for a
// password or for six digits: see Passwords and Keys.CodeHash.
func Hash(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

// random returns n bytes of the operating system's randomness. It has no error: crypto/rand ends the program where
// the system cannot give any, since no secret could be made then.
func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}
