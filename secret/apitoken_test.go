package secret

import (
	"regexp"
	"strings"
	"testing"
)

// The checksums were computed with Python: zlib.crc32 of what stands before them, written in base 62.
const (
	knownPAT = "muster_pat_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg4gFvSQ"
	knownSVC = "muster_svc_00000000000000000000000000000000000000000001I1k4E"
)

func TestAPITokens(t *testing.T) {
	t.Parallel()
	pattern := regexp.MustCompile(`^muster_(pat|svc)_[0-9A-Za-z]{49}$`) // what SECURITY.md gives to secret scanners
	seen := map[string]bool{}
	for _, kind := range []APITokenKind{PersonalToken, ServiceToken} {
		for range 200 {
			token := NewAPIToken(kind)
			if !pattern.MatchString(token) || !strings.HasPrefix(token, string(kind)) || !IsAPIToken(token) || seen[token] {
				t.Fatalf("made the token %s", token)
			}
			seen[token] = true
		}
	}
	for _, known := range []string{knownPAT, knownSVC} {
		if !IsAPIToken(known) {
			t.Errorf("%s is no token", known)
		}
	}
	for about, wrong := range map[string]string{
		"nothing":              "",
		"the beginning":        "muster_pat_",
		"a session's token":    NewToken(),
		"a letter too few":     knownPAT[:len(knownPAT)-1],
		"a letter too many":    knownPAT + "0",
		"a space":              knownPAT + " ",
		"a line break":         knownPAT + "\n",
		"the other kind":       "muster_svc_" + knownPAT[11:],
		"an unknown kind":      "muster_abc_" + knownPAT[11:],
		"upper case":           strings.ToUpper(knownPAT),
		"letters exchanged":    strings.Replace(knownPAT, "01", "10", 1),
		"another letter":       strings.Replace(knownPAT, "A", "B", 1),
		"a foreign letter":     strings.Replace(knownPAT, "A", "-", 1),
		"another sum":          knownPAT[:len(knownPAT)-1] + "0",
		"more than bytes long": strings.Replace(knownPAT, "A", "Ä", 1),
	} {
		if IsAPIToken(wrong) {
			t.Errorf("%s: %q is a token", about, wrong)
		}
	}
}

// Every typo of one letter is noticed: CRC-32 finds all bursts of up to 32 bits.
func TestAPITokenTypos(t *testing.T) {
	t.Parallel()
	for i := range knownPAT {
		for _, letter := range base62 {
			if typo := knownPAT[:i] + string(letter) + knownPAT[i+1:]; typo != knownPAT && IsAPIToken(typo) {
				t.Errorf("the typo %s is not noticed", typo)
			}
		}
	}
}

// FuzzIsAPIToken: what is taken for a token has its form, its checksum, and is no other spelling of another.
func FuzzIsAPIToken(f *testing.F) {
	f.Add(knownPAT)
	f.Add(knownSVC)
	f.Add("muster_pat_")
	f.Add(knownPAT[:59] + "\x00")
	f.Add("Bearer " + knownSVC)
	f.Add("\uff4duster_pat_" + knownPAT[11:])
	f.Fuzz(func(t *testing.T, s string) {
		if !IsAPIToken(s) {
			return
		}
		if !LooksLikeAPIToken(s) || len(s) != 60 || strings.Trim(s[11:], base62) != "" {
			t.Fatalf("%q is taken for a token", s)
		}
		if body := s[:54]; s != body+apiTokenChecksum(body) {
			t.Fatalf("%q has the wrong sum", s)
		}
		if twisted := strings.ToUpper(s); twisted != s && IsAPIToken(twisted) {
			t.Fatalf("%q is spelled in two ways", s)
		}
	})
}
