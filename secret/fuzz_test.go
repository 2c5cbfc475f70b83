package secret

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"
)

// FuzzRecoveryHash: whatever is accepted is the documented form and nothing but it.
func FuzzRecoveryHash(f *testing.F) {
	f.Add(knownRecovery)
	f.Add("ABCDEFGHIJKLMNOPQRSTUVWXYA")
	f.Add("abcde-fghij-klmno-pqrst-uvwx\u212a")
	f.Add("abcdefghijklmnopqrstuvwxy\n")
	f.Add("")
	f.Fuzz(func(t *testing.T, code string) {
		hash, ok := RecoveryHash(code)
		if !ok {
			if hash != nil {
				t.Errorf("%q is refused with a hash", code)
			}
			return
		}
		bare := strings.ReplaceAll(code, "-", "")
		if len(bare) != 26 || strings.Trim(bare, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ234567") != "" {
			t.Fatalf("%q is accepted", code)
		}
		if len(code) == 30 && (code[5] != '-' || code[11] != '-' || code[17] != '-' || code[23] != '-') ||
			len(code) != 26 && len(code) != 30 {
			t.Fatalf("%q is accepted with hyphens out of place", code)
		}
		if sum := sha256.Sum256([]byte(strings.ToLower(bare))); !bytes.Equal(hash, sum[:]) {
			t.Errorf("%q has the hash %x, want that of its canonical form", code, hash)
		}
	})
}

// FuzzCheckTOTP: what is accepted is the code of a step beside now, letter for letter.
func FuzzCheckTOTP(f *testing.F) {
	f.Add(rfcSeed, "081804", int64(1111111109))
	f.Add(rfcSeed, " 81804", int64(1111111109))
	f.Add(rfcSeed, "755224", int64(-30))
	f.Add([]byte{}, "328482", int64(0))
	f.Add(rfcSeed, "000000", int64(-1<<63))
	f.Add(rfcSeed, "000000", int64(1<<63-1))
	f.Fuzz(func(t *testing.T, seed []byte, code string, seconds int64) {
		at := time.Unix(seconds, 0)
		step, ok := CheckTOTP(seed, code, at)
		if !ok {
			if step != 0 {
				t.Errorf("refused with step %d", step)
			}
			if IsCode(code) && TOTPCode(seed, at) == code {
				t.Errorf("the present code %s is refused", code)
			}
			return
		}
		if len(seed) < 16 || !IsCode(code) || step < 0 {
			t.Fatalf("seed of %d bytes, code %q, step %d is accepted", len(seed), code, step)
		}
		if begin := step * 30; seconds < begin-30 || seconds >= begin+60 {
			t.Fatalf("at %d s the step %d is accepted", seconds, step)
		}
		if own := TOTPCode(seed, time.Unix(step*30, 0)); own != code {
			t.Fatalf("%s is accepted for a step whose code is %s", code, own)
		}
	})
}

// FuzzOpen: garbage is ErrOpen, and what was sealed opens only for its owner.
func FuzzOpen(f *testing.F) {
	keys := newTestKeys(f)
	// Fixed bytes: the fuzzer's workers are processes of their own and must agree on the one input that opens.
	sealed, err := hex.DecodeString(knownSealed)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed, []byte("user_1"))
	f.Add(sealed[:20], []byte("user_1"))
	f.Add([]byte{sealVersion}, []byte("user_1"))
	f.Add([]byte{}, []byte{})
	f.Fuzz(func(t *testing.T, data, owner []byte) {
		got, err := keys.Open(data, owner)
		if bytes.Equal(data, sealed) && string(owner) == "user_1" {
			if err != nil || string(got) != "a seed" {
				t.Fatalf("Open = %q, %v, want what was sealed", got, err)
			}
		} else if !errors.Is(err, ErrOpen) || got != nil {
			t.Fatalf("Open = %x, %v, want ErrOpen", got, err)
		}
		again, err := keys.Seal(data, owner)
		if len(owner) == 0 {
			if !errors.Is(err, ErrUnbound) {
				t.Fatalf("Seal without an owner: %v", err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if got, err := keys.Open(again, owner); err != nil || !bytes.Equal(got, data) {
			t.Fatalf("Open of what was just sealed = %x, %v", got, err)
		}
		if _, err := keys.Open(again, append(bytes.Clone(owner), 0)); !errors.Is(err, ErrOpen) {
			t.Fatalf("another owner opens it: %v", err)
		}
	})
}

// FuzzVerifyEncoded: a stored hash never makes argon2 panic (it does with no pass or no thread) nor take more than its
// bounds, and the answer is true for nothing but the key.
func FuzzVerifyEncoded(f *testing.F) {
	f.Add(phcKnown)
	f.Add("")
	f.Add("$argon2id$v=19$m=4294967295,t=4294967295,p=255$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$argon2id$v=19$m=19456,t=0,p=0$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$argon2id$v=19$m=7168,t=5,p=4$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$argon2i$v=19$m=19456,t=2,p=1$MDEy\nMzQ1$gy5S")
	f.Add("$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW")
	f.Fuzz(func(t *testing.T, encoded string) {
		p, derived := fakePasswords()
		// Its key is drawn from the input, so that no stored hash can hold it by chance.
		key := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(encoded), uint64(len(encoded))))
		fake := p.derive
		p.derive = func(password, salt []byte, passes, memory uint32, threads uint8, n uint32) []byte {
			out := fake(password, salt, passes, memory, threads, n)
			copy(out, key[:])
			return out
		}
		ok, err := p.Verify(t.Context(), Caller{}, encoded, "password")
		calls := derived()
		if ok {
			t.Fatalf("%q is accepted", encoded)
		}
		if err != nil {
			if len(calls) != 0 {
				t.Fatalf("%q is refused after an evaluation", encoded)
			}
			return
		}
		if len(calls) != 1 {
			t.Fatalf("%q costs %d evaluations", encoded, len(calls))
		}
		c := calls[0]
		if c.memory < 7168 || c.memory > 65536 || c.passes < 1 || c.passes > 5 || c.threads < 1 || c.threads > 4 ||
			c.salt < 8 || c.salt > 64 || c.key < 16 || c.key > 64 {
			t.Fatalf("%q asks for %+v", encoded, c)
		}
		if encoded != "" {
			if a, err := parseArgon(encoded); err != nil || a.String() != encoded {
				t.Fatalf("%q is accepted but is spelled %q", encoded, a)
			}
		}
	})
}

// FuzzTOTPURI: whatever account and issuer are called, an app reads back the seed and the settings, and no name becomes a
// parameter.
func FuzzTOTPURI(f *testing.F) {
	for _, name := range []string{
		"ada@example.com", "", "a:b", "a?secret=x&issuer=y", "a#b", "a/b", "a+b c", "%zz", "\xff", "ü", "a&digits=8", "\r\n", strings.Repeat("x", 900),
	} {
		f.Add("Muster", name)
		f.Add(name, "ada@example.com")
	}
	seed := NewTOTPSeed()
	f.Fuzz(func(t *testing.T, issuer, account string) {
		uri := TOTPURI(seed, issuer, account)
		read, err := url.Parse(uri)
		if err != nil {
			t.Fatalf("%q cannot be read: %v", uri, err)
		}
		want := url.Values{
			"secret": {TOTPSecret(seed)}, "issuer": {withoutColon(issuer)}, "algorithm": {"SHA1"}, "digits": {"6"}, "period": {"30"},
		}
		if got := read.Query(); !reflect.DeepEqual(got, want) || read.Scheme != "otpauth" || read.Host != "totp" || read.Fragment != "" {
			t.Errorf("%q is read as %v", uri, got)
		}
		if read.Path != "/"+withoutColon(issuer)+":"+withoutColon(account) {
			t.Errorf("%q is for %q", uri, read.Path)
		}
		if image, err := TOTPQRCode(uri); err != nil && (!errors.Is(err, ErrQRCode) || strings.Contains(err.Error(), TOTPSecret(seed))) ||
			err == nil && !strings.HasPrefix(image, "data:image/png;base64,") {
			t.Errorf("the QR code of %q: %v", uri, err)
		}
	})
}
