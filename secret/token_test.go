package secret

import (
	"encoding/hex"
	"regexp"
	"testing"
)

func TestNewTokenNeverRepeats(t *testing.T) {
	t.Parallel()
	const many = 100_000
	form := regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)
	seen := make(map[string]bool, many)
	for range many {
		token := NewToken()
		if !form.MatchString(token) {
			t.Fatalf("NewToken() = %q, want 43 characters of base64url", token)
		}
		if seen[token] {
			t.Fatalf("NewToken() gave %q twice in %d", token, many)
		}
		seen[token] = true
	}
}

func TestHashIsSHA256(t *testing.T) {
	t.Parallel()
	// FIPS 180-4's example for "abc".
	const want = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	if got := hex.EncodeToString(Hash("abc")); got != want {
		t.Errorf("Hash(abc) = %s, want %s", got, want)
	}
	if string(Hash("abc")) == string(Hash("abc ")) {
		t.Error("Hash trims its input")
	}
}

func TestNewSMSCodeIsUniform(t *testing.T) {
	t.Parallel()
	const draws = 100_000
	var counts [codeDigits][10]int
	for range draws {
		code := NewSMSCode()
		if !IsCode(code) {
			t.Fatalf("NewSMSCode() = %q, want six digits", code)
		}
		for place := range code {
			counts[place][code[place]-'0']++
		}
	}
	// Each digit is expected 10,000 times with a standard deviation of 95; 700 is more than 7 of them, which chance
	// reaches less than once in 10^10 runs. A remainder of 2^20 would favour the first digit 0 by about 4,200.
	for place := range counts {
		for digit, n := range counts[place] {
			if n < draws/10-700 || n > draws/10+700 {
				t.Errorf("digit %d stands %d times of %d at place %d, want about %d", digit, n, draws, place, draws/10)
			}
		}
	}
}
