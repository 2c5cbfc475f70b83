package secret

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// MinMasterLength is the smallest number of characters of MUSTER_SECRET_KEY. "openssl rand -base64 32" prints 44; 32
// hexadecimal digits still hold 128 bits.
const MinMasterLength = 32

// The info strings of HKDF (RFC 5869, section 3.2) keep the derived keys apart: a leak of one says nothing about another.
// They are part of the stored data's meaning: a change here makes everything sealed before unreadable.
const (
	infoSeal = "muster/seal/v1"
	infoLink = "muster/link/v1"
	infoCode = "muster/code/v1"
	infoMark = "muster/mark/v1"
)

// sealVersion is the first byte of everything that Seal writes, so that another algorithm can follow beside this one.
const sealVersion = 1

// ErrOpen is what Open answers whatever is wrong with its input: telling a changed byte from a wrong owner would help
// only an attacker.
var ErrOpen = errors.New("sealed data cannot be opened: it was changed, it belongs to something else, or " +
	"MUSTER_SECRET_KEY is not the key that it was sealed with")

// ErrUnbound is what Seal answers where the associated data is empty.
var ErrUnbound = errors.New("sealed data must be bound to its owner: give the owner's id as associated data")

// Keys holds the keys derived from MUSTER_SECRET_KEY. It is safe for use by many goroutines and prints as a placeholder.
type Keys struct {
	seal cipher.AEAD
	link []byte
	code []byte
	mark []byte
}

// NewKeys derives the keys from the master key, an opaque text of at least MinMasterLength characters, by HKDF-SHA256
// (RFC 5869). The text is used exactly as given, a line break at its end included. The error tells how to make a master key
// and never contains the one that was given.
func NewKeys(master string) (*Keys, error) {
	if n := utf8.RuneCountInString(master); n < MinMasterLength {
		return nil, fmt.Errorf("MUSTER_SECRET_KEY needs at least %d characters and has %d: "+
			"make one with `openssl rand -base64 32` and keep it apart from the database", MinMasterLength, n)
	}
	var derived [4][]byte
	for i, info := range []string{infoSeal, infoLink, infoCode, infoMark} {
		// No salt: the master key is already random, and a salt would have to be kept somewhere (RFC 5869, 3.1).
		key, err := hkdf.Key(sha256.New, []byte(master), nil, info, sha256.Size)
		if err != nil {
			return nil, fmt.Errorf("derive %s from MUSTER_SECRET_KEY: %w", info, err)
		}
		derived[i] = key
	}
	block, err := aes.NewCipher(derived[0])
	if err != nil {
		return nil, fmt.Errorf("prepare AES-256: %w", err)
	}
	seal, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("prepare AES-256-GCM: %w", err)
	}
	return &Keys{seal: seal, link: derived[1], code: derived[2], mark: derived[3]}, nil
}

// Mark returns the 32 bytes by which a database knows its master key again. They are derived like the other keys and open nothing.
func (k *Keys) Mark() []byte { return bytes.Clone(k.mark) }

// NewMaster returns a fresh master key, 256 random bits as 44 characters of base64: what `openssl rand -base64 32`
// prints. An embedded first run makes its own with it.
func NewMaster() string {
	return base64.StdEncoding.EncodeToString(random(32))
}

// Format writes a placeholder for every verb, so that no log line or error can show a key by accident.
func (Keys) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "secret.Keys(hidden)")
}

// Seal encrypts plaintext with AES-256-GCM and binds it to associated, the id of its owner: sealed data copied to another
// owner's row does not open there. The result is 29 bytes longer than plaintext: the version byte, a nonce of 12 random
// bytes, the ciphertext, a tag of 16. One key may seal 2^32 times (NIST SP 800-38D, 8.3). It answers ErrUnbound where
// associated is empty.
func (k *Keys) Seal(plaintext, associated []byte) ([]byte, error) {
	if len(associated) == 0 {
		return nil, ErrUnbound
	}
	sealed := make([]byte, 1, 1+len(plaintext)+k.seal.Overhead())
	sealed[0] = sealVersion
	//nolint:gosec // G407 takes the nil nonce for a fixed one; this AEAD draws its own and writes it in front.
	return k.seal.Seal(sealed, nil, plaintext, bind(associated)), nil
}

// Open decrypts what Seal made with the same associated data. Anything else, also a version that it does not know, is
// ErrOpen.
func (k *Keys) Open(sealed, associated []byte) ([]byte, error) {
	if len(sealed) == 0 || sealed[0] != sealVersion || len(associated) == 0 {
		return nil, ErrOpen
	}
	plaintext, err := k.seal.Open(nil, nil, sealed[1:], bind(associated))
	if err != nil {
		return nil, ErrOpen
	}
	return plaintext, nil
}

// bind puts the version into the authenticated data, so that a later format cannot be mistaken for this one.
func bind(associated []byte) []byte {
	return append([]byte{sealVersion}, associated...)
}

// NewNonce returns the 32 random bytes that an emailed link's row keeps; Link makes the token of them.
func NewNonce() []byte {
	return random(32)
}

// Link returns the token of an emailed link, 43 characters of base64url: HMAC-SHA256 of nonce. The mail job can make it
// again as often as it must send, while the database holds only nonce and Hash(token): whoever reads the database
// alone cannot follow a link.
func (k *Keys) Link(nonce []byte) string {
	mac := hmac.New(sha256.New, k.link)
	mac.Write(nonce)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// CodeHash returns the 32 bytes under which a short emailed or texted code is stored: HMAC-SHA256 of the id of its row and
// of the code. A plain hash of six digits falls to a million tries; this one needs the key, which is not in the database,
// and a code of one row is worth nothing in another. Compare with hmac.Equal or in the statement that uses the code up.
func (k *Keys) CodeHash(code, id string) []byte {
	mac := hmac.New(sha256.New, k.code)
	// The length in front keeps ("12", "3…") and ("1", "23…") apart.
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(id))))
	mac.Write([]byte(id))
	mac.Write([]byte(code))
	return mac.Sum(nil)
}
