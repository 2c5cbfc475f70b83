package main

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzBearer: an Authorization header that says anything names a token, which may fit nobody; it is never taken for no
// header at all, where the cookie would count.
func FuzzBearer(f *testing.F) {
	for _, seed := range []string{"", "Bearer x", "bearer x", "BEARER  x ", "Bearer ", "Bearer", "Basic eDp5", "Bearer\tx", "Bearer x y", "\x00", "Bearer \u00a0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		token := bearer(header)
		if header == "" && token != "" {
			t.Errorf("no header gives %q", token)
		}
		if !strings.Contains(header, token) {
			t.Errorf("%q gives %q", header, token)
		}
		if header != "" && token == "" {
			t.Errorf("%q falls back to the cookie", header)
		}
		if agent := clip(header, 256); len(agent) > 3*256 || !utf8.ValidString(agent) {
			t.Errorf("the user agent %q is noted as %q", header, agent)
		}
	})
}
