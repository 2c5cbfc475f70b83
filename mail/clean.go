package mail

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"
)

// How much of what people typed an email repeats, in characters. Names are limited to fewer by their forms; this is the
// last line for whatever found another way.
const (
	maxName     = 120
	maxSentence = 600
	maxItems    = 50
)

// clean makes s one line of visible text. Control characters and line ends become spaces (they would start new headers or
// lines of their own); invisible formatting goes away (a right-to-left override shows a name that is not the one
// stored), except the two joiners that some scripts and emoji are written with. "=?" would open an encoded word in a
// header, which mail programs decode into anything.
func clean(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r), unicode.In(r, unicode.Zl, unicode.Zp):
			return ' '
		case r == '\u200c' || r == '\u200d': // zero-width non-joiner and joiner
			return r
		case unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, s)
	s = strings.ReplaceAll(s, "=?", "= ?")
	return strings.Join(strings.Fields(s), " ")
}

// shorten keeps at most limit characters of s and says so with an ellipsis.
func shorten(s string, limit int) string {
	r := []rune(s)
	if len(r) <= limit {
		return s
	}
	return strings.TrimSpace(string(r[:limit-1])) + "…"
}

// name makes what a person typed safe to repeat inside a sentence. It takes the link out of a name: an organization
// called "https://evil.example" would otherwise be the first link of every email in its name.
func name(s string) string {
	return shorten(unlink(clean(s)), maxName)
}

// sentence is name for longer text that has names in it.
func sentence(s string) string {
	return shorten(unlink(clean(s)), maxSentence)
}

// each makes every item safe in the given way, drops the empty and keeps at most maxItems.
func each(list []string, safe func(string) string) []string {
	var out []string
	for _, s := range list {
		if s = safe(s); s != "" {
			out = append(out, s)
		}
	}
	if len(out) > maxItems {
		more := len(out) - maxItems
		out = append(out[:maxItems:maxItems], fmt.Sprintf("and %d more", more))
	}
	return out
}

func unlink(s string) string {
	return strings.ReplaceAll(s, "://", ": //")
}

// link refuses what is not an absolute web address that stands on one line.
func link(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || u.User != nil {
		return "", fmt.Errorf("email's link is not an absolute http(s) address")
	}
	if clean(s) != s || strings.ContainsAny(s, " <>\"'`\\") {
		return "", fmt.Errorf("email's link has characters that do not belong in an address")
	}
	return s, nil
}

// messageID keeps of an id what stands unquoted in a Message-ID (RFC 5322 §3.2.3, without the exotic).
func messageID(id string) string {
	id = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
			return r
		}
		return '-'
	}, id)
	return strings.Trim(shorten(id, 128), ".-…")
}
