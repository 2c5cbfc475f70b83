package web

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

func TestClientAddress(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, test := range []struct {
		about     string
		remote    string
		forwarded []string
		trusted   []netip.Prefix
		want      string
	}{
		{"without proxies the connection's own", "198.51.100.1:40", []string{"203.0.113.9"}, nil, "198.51.100.1"},
		{"a stranger's header is not believed", "198.51.100.1:40", []string{"203.0.113.9"}, proxies, "198.51.100.1"},
		{"a trusted proxy's is", "10.0.0.1:40", []string{"203.0.113.9"}, proxies, "203.0.113.9"},
		{"the rightmost untrusted wins over what the client wrote", "10.0.0.1:40", []string{"127.0.0.1, 203.0.113.9"}, proxies, "203.0.113.9"},
		{"a chain of trusted proxies is walked", "10.0.0.1:40", []string{"8.8.8.8, 203.0.113.9, 10.2.2.2"}, proxies, "203.0.113.9"},
		{"two header lines are one list", "10.0.0.1:40", []string{"8.8.8.8", "203.0.113.9"}, proxies, "203.0.113.9"},
		{"all trusted: the first of the list", "10.0.0.1:40", []string{"10.3.3.3, 10.2.2.2"}, proxies, "10.3.3.3"},
		{"a proxy that forwards nobody is the client", "10.0.0.1:40", nil, proxies, "10.0.0.1"},
		{"nonsense ends the search at the proxy", "10.0.0.1:40", []string{"203.0.113.9, unknown"}, proxies, "10.0.0.1"},
		{"an address with a port", "10.0.0.1:40", []string{"203.0.113.9:555"}, proxies, "203.0.113.9"},
		{"IPv6 behind IPv6", "[fd00::1]:40", []string{"2001:db8::7"}, proxies, "2001:db8::7"},
		{"IPv6 in brackets with a port", "[fd00::1]:40", []string{"[2001:db8::7]:555"}, proxies, "2001:db8::7"},
		{"IPv4 inside IPv6 is IPv4", "[::ffff:10.0.0.1]:40", []string{"::ffff:203.0.113.9"}, proxies, "203.0.113.9"},
		{"a zone is dropped", "[fe80::1%eth0]:40", nil, nil, "fe80::1"},
		{"a Unix socket has none", "@", []string{"203.0.113.9"}, proxies, "invalid IP"},
	} {
		t.Run(test.about, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
			r.RemoteAddr = test.remote
			r.Header["X-Forwarded-For"] = test.forwarded
			if got := ClientAddress(r, test.trusted).String(); got != test.want {
				t.Errorf("ClientAddress is %s, want %s", got, test.want)
			}
		})
	}
}

func TestLoopbackOnly(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]int{
		"localhost":              200,
		"localhost:8080":         200,
		"LOCALHOST.:8080":        200,
		"muster.localhost:8080":  200,
		"127.0.0.1:8080":         200,
		"127.8.8.8":              200,
		"[::1]:8080":             200,
		"[::1]":                  200,
		"evil.example":           403,
		"evil.example:8080":      403,
		"localhost.evil.example": 403,
		"127.0.0.1.evil.example": 403,
		"notlocalhost":           403,
		"192.0.2.1:8080":         403,
		"0.0.0.0:8080":           403,
		"[::]:8080":              403,
		"":                       403,
	} {
		t.Run("host "+host, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
			r.Host = host
			w := httptest.NewRecorder()
			LoopbackOnly(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, r)
			if w.Code != want {
				t.Errorf("answers %d, want %d", w.Code, want)
			}
		})
	}
}

func TestOriginRules(t *testing.T) {
	t.Parallel()
	origins := []string{"https://muster.example", "http://localhost:8080"}
	const cookie = "muster"
	for _, test := range []struct {
		about                      string
		header                     http.Header
		allowed, cookieOK, socketO bool
	}{
		{"a program without anything", http.Header{}, false, true, true},
		{"a program with a bearer token", http.Header{"Authorization": {"Bearer x"}}, false, true, true},
		{"a cookie without an origin", http.Header{"Cookie": {"muster=x"}}, false, false, false},
		{"a cookie from an allowed page", http.Header{"Cookie": {"muster=x"}, "Origin": {"https://muster.example"}}, true, true, true},
		{"a cookie from a foreign page", http.Header{"Cookie": {"muster=x"}, "Origin": {"https://evil.example"}}, false, false, false},
		{"a cookie from the opaque origin", http.Header{"Cookie": {"muster=x"}, "Origin": {"null"}}, false, false, false},
		{"two origins", http.Header{"Cookie": {"muster=x"}, "Origin": {"https://muster.example", "https://evil.example"}}, false, false, false},
		{"another port is another origin", http.Header{"Cookie": {"muster=x"}, "Origin": {"http://localhost:8081"}}, false, false, false},
		{"another scheme is another origin", http.Header{"Cookie": {"muster=x"}, "Origin": {"http://muster.example"}}, false, false, false},
		{"a subdomain is another origin", http.Header{"Cookie": {"muster=x"}, "Origin": {"https://a.muster.example"}}, false, false, false},
		{"a bearer token wins over the cookie", http.Header{"Cookie": {"muster=x"}, "Authorization": {"Bearer x"}}, false, true, true},
		{"somebody else's cookie", http.Header{"Cookie": {"other=x"}}, false, true, true},
		{"an empty cookie is still one", http.Header{"Cookie": {"muster="}}, false, false, false},
		{"a foreign page without a cookie: no socket", http.Header{"Origin": {"https://evil.example"}}, false, true, false},
		{"a foreign page's socket with a bearer token", http.Header{"Origin": {"https://evil.example"}, "Authorization": {"Bearer x"}}, false, true, false},
	} {
		t.Run(test.about, func(t *testing.T) {
			t.Parallel()
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				r := httptest.NewRequestWithContext(t.Context(), method, "/graphql", nil)
				r.Header = test.header
				if got := OriginAllowed(r, origins); got != test.allowed {
					t.Errorf("%s: OriginAllowed is %v, want %v", method, got, test.allowed)
				}
				if got := CookieAllowed(r, cookie, origins); got != test.cookieOK {
					t.Errorf("%s: CookieAllowed is %v, want %v", method, got, test.cookieOK)
				}
				if got := SocketAllowed(r, cookie, origins); got != test.socketO {
					t.Errorf("%s: SocketAllowed is %v, want %v", method, got, test.socketO)
				}
			}
		})
	}
}

func TestCORS(t *testing.T) {
	t.Parallel()
	preflight := http.Header{"Access-Control-Request-Method": {"POST"}, "Access-Control-Request-Headers": {"authorization,content-type"}}
	for _, test := range []struct {
		about   string
		method  string
		origin  string
		header  http.Header
		status  int
		allowed bool
	}{
		{"an allowed page may ask first", http.MethodOptions, "https://admin.example", preflight, 204, true},
		{"a foreign page hears nothing", http.MethodOptions, "https://evil.example", preflight, 204, false},
		{"an allowed page may read", http.MethodPost, "https://admin.example", nil, 200, true},
		{"a foreign page may not", http.MethodPost, "https://evil.example", nil, 200, false},
		{"a program needs none of it", http.MethodPost, "", nil, 200, false},
		{"OPTIONS without a preflight's header reaches the handler", http.MethodOptions, "https://admin.example", nil, 200, true},
	} {
		t.Run(test.about, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequestWithContext(t.Context(), test.method, "/graphql", nil)
			for name, values := range test.header {
				r.Header[name] = values
			}
			if test.origin != "" {
				r.Header.Set("Origin", test.origin)
			}
			w := httptest.NewRecorder()
			CORS([]string{"https://admin.example"}, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, r)
			if w.Code != test.status {
				t.Errorf("answers %d, want %d", w.Code, test.status)
			}
			want := ""
			if test.allowed {
				want = test.origin
			}
			if got := w.Header().Get("Access-Control-Allow-Origin"); got != want {
				t.Errorf("Access-Control-Allow-Origin is %q, want %q", got, want)
			}
			if got := w.Header().Values("Vary"); len(got) == 0 || got[0] != "Origin" {
				t.Errorf("Vary is %q, want Origin: caches must not mix answers", got)
			}
			if got := w.Header().Get("Access-Control-Allow-Credentials"); got != "" {
				t.Errorf("Access-Control-Allow-Credentials is %q, want none", got)
			}
			wantHeaders := ""
			if test.allowed && test.status == http.StatusNoContent {
				wantHeaders = "Authorization, Content-Type"
			}
			if got := w.Header().Get("Access-Control-Allow-Headers"); got != wantHeaders {
				t.Errorf("Access-Control-Allow-Headers is %q, want %q", got, wantHeaders)
			}
		})
	}
}
