package web

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// FuzzClientAddress: whatever X-Forwarded-For says, the address is the connection's own or one that a trusted proxy wrote;
// nobody who is no proxy chooses one.
func FuzzClientAddress(f *testing.F) {
	for _, seed := range []string{
		"", "203.0.113.9", "1.1.1.1, 203.0.113.9", "203.0.113.9, 10.0.0.2", "::ffff:10.0.0.2", "[2001:db8::1]:443", "fe80::1%eth0", "unknown", ",", ", ,",
		"10.0.0.1,10.0.0.2,10.0.0.3", "203.0.113.9:1", "010.0.0.1", "203.0.113.9\r\nX: y", strings.Repeat("1.1.1.1,", 500),
	} {
		f.Add("198.51.100.7:1234", seed)
		f.Add("10.0.0.1:1234", seed)
		f.Add("@", seed)
	}
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	f.Fuzz(func(t *testing.T, remote, forwarded string) {
		r := &http.Request{RemoteAddr: remote, Header: http.Header{"X-Forwarded-For": {forwarded}}}
		got := ClientAddress(r, trusted)
		own := ClientAddress(&http.Request{RemoteAddr: remote}, trusted)
		if got.Zone() != "" || got.Is4In6() {
			t.Errorf("%q forwarding %q is %v: one client could be several", remote, forwarded, got)
		}
		if !within(own, trusted) && got != own {
			t.Errorf("%q is no proxy and made itself %v by %q", remote, got, forwarded)
		}
		// What a client wrote before the proxy added its line decides nothing.
		r.Header.Set("X-Forwarded-For", "6.6.6.6, "+forwarded)
		if again := ClientAddress(r, trusted); again != got && !within(got, trusted) {
			t.Errorf("with a line of the client's own %q is %v and no longer %v", forwarded, again, got)
		}
	})
}

// FuzzLoopbackHost: a name that is taken for this machine is one that no DNS elsewhere can give out.
func FuzzLoopbackHost(f *testing.F) {
	for _, seed := range []string{
		"localhost", "LOCALHOST:80", "a.localhost", "127.0.0.1", "127.0.0.1.evil.example", "[::1]:8080", "::1", "[::ffff:127.0.0.1]", "localhost.", "localhost..",
		"localhost:80:80", "evil.example#localhost", "evil.example:80.localhost", "0.0.0.0", "127.1", "[localhost", "[::1", "",
		"0[:.localhost", "evil.example#.localhost", "evil.example/.localhost",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, host string) {
		if !LoopbackHost(host) {
			return
		}
		name := strings.ToLower(host)
		if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, ']') && strings.Count(name, ":") == 1 || i > 0 && strings.HasPrefix(name, "[") && i > strings.LastIndexByte(name, ']') {
			name = name[:i]
		}
		name = strings.TrimSuffix(name, ".")
		addr, err := netip.ParseAddr(strings.Trim(name, "[]"))
		if name != "localhost" && !strings.HasSuffix(name, ".localhost") && (err != nil || !addr.Unmap().IsLoopback()) &&
			strings.Trim(name, "[]") != "localhost" && !strings.HasSuffix(strings.Trim(name, "[]"), ".localhost") {
			t.Errorf("%q is taken for this machine", host)
		}
	})
}

// FuzzOriginAllowed: an origin is allowed if it is on the list letter by letter, and no cookie is believed from another.
func FuzzOriginAllowed(f *testing.F) {
	origins := []string{"https://muster.example", "http://localhost:8080"}
	for _, seed := range []string{
		"https://muster.example", "https://muster.example.evil.example", "https://muster.example:443", "HTTPS://muster.example", "null", "", " https://muster.example", "https://muster.example/",
	} {
		f.Add(seed, "muster=x", "")
		f.Add(seed, "", "Bearer x")
	}
	f.Fuzz(func(t *testing.T, origin, cookie, authorization string) {
		r := &http.Request{Header: http.Header{"Origin": {origin}, "Cookie": {cookie}}}
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		if OriginAllowed(r, origins) != slices.Contains(origins, origin) {
			t.Errorf("origin %q: %v", origin, OriginAllowed(r, origins))
		}
		rides := len(r.CookiesNamed("muster")) > 0 && authorization == ""
		if rides && !slices.Contains(origins, origin) && (CookieAllowed(r, "muster", origins) || SocketAllowed(r, "muster", origins)) {
			t.Errorf("the cookie %q is believed from %q", cookie, origin)
		}
	})
}
