package secret

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/crypto/argon2"
)

// What new hashes are made with: OWASP's Password Storage Cheat Sheet (2026), argon2id, m=19456 KiB, t=2, p=1. Salt and
// hash have the sizes that RFC 9106 section 4 recommends.
const (
	passwordMemory  = 19 * 1024
	passwordPasses  = 2
	passwordThreads = 1
	passwordSalt    = 16
	passwordKey     = 32
)

// What a stored hash may ask of this machine. The lower bound of memory is the weakest setting that OWASP lists; the upper
// ones leave room for stronger settings and keep whoever can write a row from choosing how much memory a sign-in takes.
const (
	leastMemory = 7 * 1024
	mostMemory  = 64 * 1024
	mostPasses  = 5
	mostThreads = 4
	leastSalt   = 8
	mostSalt    = 64
	leastKey    = 16
	mostKey     = 64
	mostEncoded = 256
)

// ErrBusy is what Hash and Verify answer where the queue is full. The caller should refuse with "try again in a moment":
// work that piles up would be done for clients that have long gone.
var ErrBusy = errors.New("too many passwords are being checked at this moment: try again in a few seconds")

// errEncoded deliberately carries nothing of the text that it refuses.
var errEncoded = errors.New("the stored password hash is damaged or was not made by Muster: " +
	"it must be argon2id version 19 in PHC form within the accepted bounds")

// Passwords hashes and verifies passwords with argon2id. An evaluation takes 19 MiB and about 40 ms of one core, so that a
// few at a time run and a bounded number waits, each network in its turn. Passwords are used exactly as given: no
// normalization, no trimming, no limit of length. It is safe for use by many goroutines.
type Passwords struct {
	gate        *gate
	dummy       argon
	evaluations atomic.Int64
	derive      func(password, salt []byte, time, memory uint32, threads uint8, keyLen uint32) []byte
}

// NewPasswords lets concurrent evaluations run at once (at least one) while queue more wait (at least none), and half as many
// for browsers that their accounts know. Further ones are refused with ErrBusy, those first who ask for the most.
func NewPasswords(concurrent, queue int) *Passwords {
	return &Passwords{gate: newGate(max(concurrent, 1), max(queue, 0)), dummy: newArgon(), derive: argon2.IDKey}
}

// Hash returns the argon2id hash of password with a fresh salt as a PHC string ("$argon2id$v=19$m=19456,t=2,p=1$…$…"). It
// answers ErrBusy where the queue is full, and the context's error where that ends while waiting.
func (p *Passwords) Hash(ctx context.Context, by Caller, password string) (string, error) {
	a := newArgon()
	key, err := p.evaluate(ctx, by, a, password)
	if err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	a.key = key
	return a.String(), nil
}

// Verify tells whether password is the one that encoded was made of, comparing in constant time. An empty encoded stands
// for an account that does not exist or has no password: it costs one evaluation like any other and answers false, so
// that time tells nobody which accounts exist. An encoded that is no acceptable argon2id hash is an error and costs
// nothing. ErrBusy and the context's error are as in Hash.
func (p *Passwords) Verify(ctx context.Context, by Caller, encoded, password string) (bool, error) {
	a, exists := p.dummy, encoded != ""
	if exists {
		var err error
		if a, err = parseArgon(encoded); err != nil {
			return false, err
		}
	}
	key, err := p.evaluate(ctx, by, a, password)
	if err != nil {
		return false, fmt.Errorf("verify password: %w", err)
	}
	same := subtle.ConstantTimeCompare(key, a.key) == 1
	return same && exists, nil
}

// NeedsRehash tells whether encoded was made with other settings than Hash uses now (or is damaged): after a successful
// Verify the caller then stores a new Hash. It is false for an empty encoded.
func (p *Passwords) NeedsRehash(encoded string) bool {
	if encoded == "" {
		return false
	}
	a, err := parseArgon(encoded)
	return err != nil || a.memory != passwordMemory || a.passes != passwordPasses || a.threads != passwordThreads ||
		len(a.salt) != passwordSalt || len(a.key) != passwordKey
}

// Evaluations returns how many times argon2 has been computed: tests compare it between accounts that exist and accounts
// that do not.
func (p *Passwords) Evaluations() int64 {
	return p.evaluations.Load()
}

// evaluate computes the key of password with the settings and salt of a, once the gate lets it.
func (p *Passwords) evaluate(ctx context.Context, by Caller, a argon, password string) ([]byte, error) {
	if err := p.gate.enter(ctx, by); err != nil {
		return nil, err
	}
	defer p.gate.leave()
	p.evaluations.Add(1)
	//nolint:gosec // G115: parseArgon and newArgon keep the key below 65 bytes.
	return p.derive([]byte(password), a.salt, a.passes, a.memory, a.threads, uint32(len(a.key))), nil
}

// argon is one argon2id hash: settings (memory in KiB), salt and key.
type argon struct {
	memory, passes uint32
	threads        uint8
	salt, key      []byte
}

// newArgon has the present settings, a fresh salt, and a random key that no password is known for.
func newArgon() argon {
	return argon{
		memory: passwordMemory, passes: passwordPasses, threads: passwordThreads,
		salt: random(passwordSalt), key: random(passwordKey),
	}
}

// String is the PHC string form.
func (a argon) String() string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, a.memory, a.passes, a.threads,
		b64.EncodeToString(a.salt), b64.EncodeToString(a.key))
}

// parseArgon reads a PHC string, within the bounds only, and in the one spelling that String writes only.
func parseArgon(encoded string) (argon, error) {
	if len(encoded) > mostEncoded {
		return argon{}, errEncoded
	}
	parts := strings.Split(encoded, "$")
	if len(parts) != 6 {
		return argon{}, errEncoded
	}
	settings := strings.Split(parts[3], ",")
	if len(settings) != 3 {
		return argon{}, errEncoded
	}
	memory, ok1 := setting(settings[0], "m=", leastMemory, mostMemory)
	passes, ok2 := setting(settings[1], "t=", 1, mostPasses)
	threads, ok3 := setting(settings[2], "p=", 1, mostThreads)
	salt, err1 := base64.RawStdEncoding.DecodeString(parts[4])
	key, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	if !ok1 || !ok2 || !ok3 || err1 != nil || err2 != nil ||
		len(salt) < leastSalt || len(salt) > mostSalt || len(key) < leastKey || len(key) > mostKey {
		return argon{}, errEncoded
	}
	//nolint:gosec // G115: at most mostThreads.
	a := argon{memory: memory, passes: passes, threads: uint8(threads), salt: salt, key: key}
	// Whatever a lenient parser lets through (leading zeros, line breaks in base64, another version) ends here.
	if a.String() != encoded {
		return argon{}, errEncoded
	}
	return a, nil
}

// setting reads one "name=number" between least and most, both included.
func setting(text, name string, least, most uint32) (uint32, bool) {
	digits, ok := strings.CutPrefix(text, name)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	number := uint32(n)
	return number, err == nil && least <= number && number <= most
}
