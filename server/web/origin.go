package web

import (
	"net/http"
	"slices"
	"strings"
)

// preflightAge is how long, in seconds, a browser may remember a preflight's answer: ten minutes, so that an origin that
// is taken off the list is refused soon.
const preflightAge = "600"

// OriginAllowed reports whether r has exactly one Origin header and its value is on the list, letter by letter. The
// opaque origin "null" never is.
func OriginAllowed(r *http.Request, origins []string) bool {
	values := r.Header.Values("Origin")
	return len(values) == 1 && values[0] != "null" && slices.Contains(origins, values[0])
}

// CookieAllowed is the rule against forged requests: one that would act with the session's cookie, because it has the
// cookie and no Authorization header, needs an allowed Origin, whatever its method. Refuse the request with 403 where it
// is false; do not go on without the cookie, which would show a signed-in person as signed out.
func CookieAllowed(r *http.Request, cookieName string, origins []string) bool {
	if r.Header.Get("Authorization") != "" {
		return true // the header decides, and no other site can make a browser send it
	}
	if len(r.CookiesNamed(cookieName)) == 0 {
		return true // nothing to ride on
	}
	return OriginAllowed(r, origins)
}

// SocketAllowed is [CookieAllowed] for a WebSocket's upgrade, which CORS does not guard: besides, an Origin that is sent
// must be allowed, because only browsers send one. Programs send none.
func SocketAllowed(r *http.Request, cookieName string, origins []string) bool {
	if len(r.Header.Values("Origin")) > 0 && !OriginAllowed(r, origins) {
		return false
	}
	return CookieAllowed(r, cookieName, origins)
}

// CORS lets pages of the listed origins read the answers of next, with the headers Authorization and Content-Type and
// never with credentials: the cookie stays with Muster's own pages. It answers preflights itself.
func CORS(origins []string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Add("Vary", "Origin")
		allowed := OriginAllowed(r, origins)
		if allowed {
			h.Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
		}
		if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
			if allowed {
				h.Set("Access-Control-Expose-Headers", strings.Join([]string{"Retry-After", RequestIDHeader}, ", "))
			}
			next.ServeHTTP(w, r)
			return
		}
		h.Add("Vary", "Access-Control-Request-Method, Access-Control-Request-Headers")
		if allowed {
			h.Set("Access-Control-Allow-Methods", "GET, POST")
			h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
			h.Set("Access-Control-Max-Age", preflightAge)
		}
		w.WriteHeader(http.StatusNoContent)
	})
}
