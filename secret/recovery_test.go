package secret

import (
	"encoding/base32"
	"encoding/hex"
	"regexp"
	"strings"
	"testing"
)

func TestNewRecoveryCodes(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^[a-z2-7]{5}-[a-z2-7]{5}-[a-z2-7]{5}-[a-z2-7]{5}-[a-z2-7]{6}$`)
	seen := make(map[string]bool)
	for range 1000 {
		codes := NewRecoveryCodes()
		if len(codes) != 10 {
			t.Fatalf("%d codes, want 10", len(codes))
		}
		for _, code := range codes {
			if !form.MatchString(code) {
				t.Fatalf("code %q, want 5-5-5-5-6 of base32", code)
			}
			bits, err := base32.StdEncoding.WithPadding(base32.NoPadding).
				DecodeString(strings.ToUpper(strings.ReplaceAll(code, "-", "")))
			if err != nil || len(bits) != 16 {
				t.Fatalf("code %q holds %d bytes, %v, want 16", code, len(bits), err)
			}
			hash, ok := RecoveryHash(code)
			if !ok || len(hash) != 32 || seen[string(hash)] {
				t.Fatalf("RecoveryHash(%q) = %x, %t, want 32 bytes not seen before", code, hash, ok)
			}
			seen[string(hash)] = true
		}
	}
}

// The SHA-256 of "abcdefghijklmnopqrstuvwxya", by Python's hashlib.
const (
	knownRecovery     = "abcde-fghij-klmno-pqrst-uvwxya"
	knownRecoveryHash = "ddc34c01ae81a8437994e8e07e863e2130f875283f570848576ecbda1c4a4dc2"
)

func TestRecoveryHashOfTheDocumentedSpellings(t *testing.T) {
	t.Parallel()
	for _, code := range []string{
		knownRecovery, "abcdefghijklmnopqrstuvwxya", "ABCDE-FGHIJ-KLMNO-PQRST-UVWXYA", "ABCDEFGHIJKLMNOPQRSTUVWXYA",
		"Abcde-fGhij-klmno-pqrst-uvwxyA",
	} {
		hash, ok := RecoveryHash(code)
		if got := hex.EncodeToString(hash); !ok || got != knownRecoveryHash {
			t.Errorf("RecoveryHash(%q) = %s, %t, want %s", code, got, ok, knownRecoveryHash)
		}
	}
}

func TestRecoveryHashRefusesEverythingElse(t *testing.T) {
	t.Parallel()
	bare := strings.ReplaceAll(knownRecovery, "-", "")
	refused := []string{
		"", "-", "----", "a", "123456", strings.Repeat("-", 30), strings.Repeat("a", 25), strings.Repeat("a", 27),
		strings.Repeat("a", 30), strings.Repeat("a", 1<<16),
		// Hyphens: some, doubled, elsewhere.
		"abcdefghij-klmno-pqrst-uvwxya", "abcdef-ghij-klmno-pqrst-uvwxya", "abcde--fghijklmno-pqrst-uvwxya",
		"-abcdefghij-klmno-pqrst-uvwxya", "abcde-fghij-klmno-pqrst-uvwxya-", "abcde-fghij-klmno-pqrst-uvwxy-a",
		strings.ReplaceAll(knownRecovery, "-", " "), strings.ReplaceAll(knownRecovery, "-", "\u2010"),
		strings.ReplaceAll(knownRecovery, "-", "\u2013"), strings.ReplaceAll(knownRecovery, "-", "_"),
		// Digits and signs that base32 has not.
		"0" + bare[1:], "1" + bare[1:], "8" + bare[1:], "9" + bare[1:], "=" + bare[1:], bare + "======", bare[:25] + "=",
		"+" + bare, bare[:25], bare + "a",
		// A last character whose two spare bits are not zero: the bytes would be those of …a.
		bare[:25] + "b", bare[:25] + "c", bare[:25] + "d",
		// Letters that fold into ASCII: the Kelvin sign, the long s, full width, Cyrillic a.
		strings.Replace(bare, "k", "\u212a", 1), strings.Replace(bare, "s", "\u017f", 1),
		strings.Replace(bare, "a", "\uff41", 1), strings.Replace(bare, "a", "\u0430", 1),
		bare[:23] + "\u212a", bare[:24] + "\u017f", bare[:24] + "\xff\xfe",
	}
	for _, blank := range []string{" ", "\t", "\n", "\r\n", "\x00", "\u00a0", "\u200b", "\u3000", "\ufeff"} {
		refused = append(refused, blank+bare, bare+blank, bare[:10]+blank+bare[10:], blank+knownRecovery,
			knownRecovery+blank, bare[:26-len(blank)]+blank, blank+bare[:26-len(blank)])
	}
	for _, code := range refused {
		if hash, ok := RecoveryHash(code); ok || hash != nil {
			t.Errorf("RecoveryHash accepts %.60q", code)
		}
	}
}
