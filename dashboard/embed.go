// Package dashboard holds Muster's web app and serves it from the binary: the dashboard with the pages that emailed links
// lead to, and the Playground. They are a Vite project beside this file (`npm run build` writes dist/, which is committed),
// clients of the same GraphQL API as everybody else.
//
// It refuses to know anything: it asks no database, reads no cookie, and but for a nonce answers the same bytes to
// everybody. It serves the paths that it names and the files of the build, nothing else, and every answer carries a policy
// under which the browser loads nothing from another host.
package dashboard

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"embed"
	"io"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
)

//go:embed all:dist
var build embed.FS

// Options say which of the pages this server has.
type Options struct {
	// Playground serves GraphiQL at /playground; false makes that page 404 and leaves it out of the sign-in page.
	Playground bool
	// Mailbox says that the server has the development mailbox at /mailbox/, which the sign-in page then links to.
	Mailbox bool
}

// The policies follow the strict form of https://www.w3.org/TR/CSP3/: nothing is allowed but what is named.
const (
	// The app runs its own script and asks its own server. Style elements need the answer's nonce, which goes between the
	// two parts. Images may be data: URIs because the server sends the QR code of an authenticator as one. No text becomes
	// markup or code (trusted types): the app's one policy refuses whatever has a `<` in it.
	appPolicyStart = "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-"
	appPolicyEnd   = "'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; " +
		"frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types default"

	// GraphiQL's editor (Monaco) writes style elements for its colours, starts workers, and brings fonts as data: URIs.
	playgroundPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self' data:; " +
		"img-src 'self' data:; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

	// A worker obeys the policy that comes with its script, not the page's: Monaco's may import modules and ask nobody.
	filePolicy = "default-src 'none'; script-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

const (
	// The name of an asset contains a hash of its content, so a year (the usual upper bound) is as good as forever.
	cacheForever = "public, max-age=31536000, immutable"
	cacheNever   = "no-store"
)

// The meta elements of index.html through which the app learns what the server offers and what its styles' nonce is.
var (
	offersDefault = []byte(`name="muster-offers" content="playground mailbox"`)
	nonceDefault  = []byte(`property="csp-nonce" nonce=""`)
)

// appPaths are the app's own addresses, and appTrees the beginnings of more of them: dashboard/src/router.tsx says what is
// there. An address that is on neither list is 404 without the app.
var (
	appPaths = []string{"/", "/sign-in", "/sign-up", "/organizations", "/account", "/rejoin", "/join", "/not-me", "/reset-2fa", "/reset", "/verify", "/claim"}
	appTrees = []string{"/organizations/", "/account/"}
)

// contentTypes are those of the build's files. They are named here because the system's table, which package mime reads,
// differs from machine to machine, and with nosniff a wrong one breaks the page.
var contentTypes = map[string]string{
	".css":  "text/css; charset=utf-8",
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".json": "application/json",
	".md":   "text/plain; charset=utf-8",
	".svg":  "image/svg+xml",
	".ttf":  "font/ttf",
}

// Handler serves the app at its addresses, `/playground`, `/licenses` and `/assets/…` to GET and HEAD; any other method is
// 405 and any other path 404. Pages are never stored by a cache, assets for a year.
func Handler(o Options) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secure(w.Header())
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			refuse(w, http.StatusMethodNotAllowed, "This page can only be read: use GET or HEAD.")
			return
		}
		if isApp(r.URL.Path) {
			serveApp(w, r, o)
			return
		}
		switch r.URL.Path {
		case "/playground":
			if !o.Playground {
				notFound(w)
				return
			}
			servePage(w, r, "playground.html", playgroundPolicy)
		case "/licenses":
			servePage(w, r, "licenses.md", filePolicy)
		default:
			name, isAsset := strings.CutPrefix(r.URL.Path, "/assets/")
			// The build's assets lie in one folder: a name with a slash is none of them. Stored forms have no address.
			if !isAsset || strings.Contains(name, "/") || path.Ext(name) == ".gz" {
				notFound(w)
				return
			}
			serveFile(w, r, "assets/"+name, filePolicy, cacheForever)
		}
	})
}

// secure sets what holds for every answer; each kind of page sets its own Content-Security-Policy over the strictest.
func secure(h http.Header) {
	h.Set("Content-Security-Policy", filePolicy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "browsing-topics=(), camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	h.Set("Cache-Control", cacheNever)
}

func refuse(w http.ResponseWriter, status int, sentence string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, sentence+"\n") // A client that has gone away has no use for an error.
}

func notFound(w http.ResponseWriter) {
	refuse(w, http.StatusNotFound, "There is no such page. Muster is at /.")
}

func isApp(target string) bool {
	return slices.Contains(appPaths, target) ||
		slices.ContainsFunc(appTrees, func(tree string) bool { return strings.HasPrefix(target, tree) })
}

// serveApp serves the app's page with this server's offers and this answer's nonce written into it.
func serveApp(w http.ResponseWriter, r *http.Request, o Options) {
	page, err := build.ReadFile("dist/index.html")
	if err != nil {
		notFound(w)
		return
	}
	var offers []string
	if o.Playground {
		offers = append(offers, "playground")
	}
	if o.Mailbox {
		offers = append(offers, "mailbox")
	}
	nonce := rand.Text() // 130 bits: CSP 3, section 7.1, asks for 128 at least.
	page = bytes.Replace(page, offersDefault, []byte(`name="muster-offers" content="`+strings.Join(offers, " ")+`"`), 1)
	page = bytes.Replace(page, nonceDefault, []byte(`property="csp-nonce" nonce="`+nonce+`"`), 1)
	h := w.Header()
	h.Set("Content-Security-Policy", appPolicyStart+nonce+appPolicyEnd)
	h.Set("Content-Type", contentTypes[".html"])
	h.Set("Content-Length", strconv.Itoa(len(page)))
	if r.Method == http.MethodHead {
		return
	}
	_, _ = w.Write(page) // A client that has gone away has no use for an error.
}

func servePage(w http.ResponseWriter, r *http.Request, name, policy string) {
	serveFile(w, r, name, policy, cacheNever)
}

// serveFile serves a file of the build, which is stored either as it is or gzipped, never both. A gzipped one goes out as
// stored, or is unpacked on the way for the rare client that takes no gzip.
func serveFile(w http.ResponseWriter, r *http.Request, name, policy, cache string) {
	contentType, known := contentTypes[path.Ext(name)]
	if !known {
		notFound(w)
		return
	}
	file, packed, err := open(name)
	if err != nil {
		notFound(w)
		return
	}
	defer func() { _ = file.Close() }() // It was read from memory: closing cannot fail.
	info, err := file.Stat()
	if err != nil || info.IsDir() {
		notFound(w)
		return
	}

	h := w.Header()
	var body io.Reader = file
	switch {
	case !packed:
		h.Set("Content-Length", strconv.FormatInt(info.Size(), 10))
	case acceptsGzip(r.Header.Values("Accept-Encoding")):
		h.Set("Vary", "Accept-Encoding")
		h.Set("Content-Encoding", "gzip")
		h.Set("Content-Length", strconv.FormatInt(info.Size(), 10))
	default:
		h.Set("Vary", "Accept-Encoding")
		if body, err = gzip.NewReader(file); err != nil {
			refuse(w, http.StatusInternalServerError, "This file of Muster's pages is damaged: build them again.")
			return
		}
	}
	h.Set("Content-Security-Policy", policy)
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", cache)
	if r.Method == http.MethodHead {
		return
	}
	_, _ = io.Copy(w, body) // What has begun cannot become an error page any more; the client sees a short body.
}

// open finds a file of the build and says whether it is stored gzipped.
func open(name string) (file fs.File, packed bool, err error) {
	if file, err = build.Open("dist/" + name); err == nil {
		return file, false, nil
	}
	file, err = build.Open("dist/" + name + ".gz")
	return file, true, err
}

// acceptsGzip reads Accept-Encoding as RFC 9110, section 12.5.3, defines it: gzip counts when it, or else `*`, is listed
// with a weight that is not 0.
func acceptsGzip(values []string) bool {
	var wildcard bool
	for _, part := range strings.Split(strings.Join(values, ","), ",") {
		coding, parameters, _ := strings.Cut(part, ";")
		weight, hasWeight := strings.CutPrefix(strings.ToLower(strings.TrimSpace(parameters)), "q=")
		accepted := true
		if hasWeight {
			q, err := strconv.ParseFloat(strings.TrimSpace(weight), 64)
			accepted = err == nil && q > 0
		}
		switch strings.ToLower(strings.TrimSpace(coding)) {
		case "gzip", "x-gzip":
			return accepted
		case "*":
			wildcard = accepted
		}
	}
	return wildcard
}
