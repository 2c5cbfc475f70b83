package dashboard_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"

	"muster/dashboard"
)

var everything = dashboard.Options{Playground: true, Mailbox: true}

func get(t *testing.T, o dashboard.Options, method, target string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), method, "http://muster.test/", http.NoBody)
	request.URL.Path = target
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Add(header[i], header[i+1])
	}
	recorder := httptest.NewRecorder()
	dashboard.Handler(o).ServeHTTP(recorder, request)
	return recorder
}

func unpack(t *testing.T, packed []byte) []byte {
	t.Helper()
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatalf("not gzip: %v", err)
	}
	data, err := io.ReadAll(reader)
	if err != nil {
		t.Fatalf("unpack: %v", err)
	}
	return data
}

// policy takes a Content-Security-Policy apart: directive to its sources.
func policy(response *httptest.ResponseRecorder) map[string]string {
	directives := map[string]string{}
	for _, directive := range strings.Split(response.Header().Get("Content-Security-Policy"), ";") {
		name, sources, _ := strings.Cut(strings.TrimSpace(directive), " ")
		directives[name] = sources
	}
	return directives
}

func TestPages(t *testing.T) {
	t.Parallel()
	for target, title := range map[string]string{
		"/":                           "<title>Muster</title>",
		"/sign-in":                    "<title>Muster</title>",
		"/organizations":              "<title>Muster</title>",
		"/organizations/acme/members": "<title>Muster</title>",
		"/account/security":           "<title>Muster</title>",
		"/playground":                 "<title>Muster Playground</title>",
		"/rejoin":                     "<title>Muster</title>",
		"/reset-2fa":                  "<title>Muster</title>",
		"/reset":                      "<title>Muster</title>",
		"/verify":                     "<title>Muster</title>",
		"/claim":                      "<title>Muster</title>",
		"/join":                       "<title>Muster</title>",
		"/not-me":                     "<title>Muster</title>",
	} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			response := get(t, everything, http.MethodGet, target)
			if response.Code != http.StatusOK {
				t.Fatalf("status %d, want 200", response.Code)
			}
			page := response.Body.Bytes()
			if !bytes.Contains(page, []byte(title)) {
				t.Errorf("the page has no %s:\n%s", title, page)
			}
			for header, want := range map[string]string{
				"Content-Type":                 "text/html; charset=utf-8",
				"Cache-Control":                "no-store",
				"Referrer-Policy":              "no-referrer",
				"X-Content-Type-Options":       "nosniff",
				"X-Frame-Options":              "DENY",
				"Cross-Origin-Opener-Policy":   "same-origin",
				"Cross-Origin-Resource-Policy": "same-origin",
				"Permissions-Policy":           "browsing-topics=(), camera=(), geolocation=(), microphone=(), payment=(), usb=()",
			} {
				if got := response.Header().Get(header); got != want {
					t.Errorf("%s: %q, want %q", header, got, want)
				}
			}
			directives := policy(response)
			want := map[string]string{
				"default-src": "'none'", "script-src": "'self'", "style-src": "'self' 'nonce-" + nonceOf(page) + "'", "img-src": "'self' data:",
				"connect-src": "'self'", "base-uri": "'none'", "form-action": "'none'", "frame-ancestors": "'none'",
				"require-trusted-types-for": "'script'", "trusted-types": "default",
			}
			if target == "/playground" {
				delete(want, "require-trusted-types-for")
				delete(want, "trusted-types")
				want["style-src"], want["font-src"], want["worker-src"] = "'self' 'unsafe-inline'", "'self' data:", "'self'"
			}
			for directive, sources := range want {
				if directives[directive] != sources {
					t.Errorf("policy %s: %q, want %q", directive, directives[directive], sources)
				}
			}
			if len(directives) != len(want) {
				t.Errorf("policy has %d directives, want %d: %v", len(directives), len(want), directives)
			}
			checkReferences(t, page)
		})
	}
}

// nonceOf is the nonce that a page was served with; empty where it has none.
func nonceOf(page []byte) string {
	match := regexp.MustCompile(`property="csp-nonce" nonce="([^"]*)"`).FindSubmatch(page)
	if match == nil {
		return ""
	}
	return string(match[1])
}

// TestNonceIsFresh: a nonce that an answer repeats, or that can be guessed, lets injected styles in.
func TestNonceIsFresh(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 50 {
		nonce := nonceOf(get(t, everything, http.MethodGet, "/").Body.Bytes())
		if len(nonce) < 22 || seen[nonce] {
			t.Fatalf("nonce %q: short or served before", nonce)
		}
		seen[nonce] = true
	}
}

var (
	reference = regexp.MustCompile(`(?:src|href)="([^"]*)"`)
	inline    = regexp.MustCompile(`<style|<script[^>]*>[^<]|\son[a-z]+=|\sstyle=`)
)

// checkReferences fails for a page that the policy would break: what it names is served here, and nothing is inline.
func checkReferences(t *testing.T, page []byte) {
	t.Helper()
	if found := inline.Find(page); found != nil {
		t.Errorf("inline script or style: %s", found)
	}
	var assets int
	for _, match := range reference.FindAllSubmatch(page, -1) {
		target := string(match[1])
		if !strings.HasPrefix(target, "/assets/") {
			continue
		}
		assets++
		if status := get(t, everything, http.MethodGet, target).Code; status != http.StatusOK {
			t.Errorf("the page asks for %s, which answers %d", target, status)
		}
	}
	if assets < 3 {
		t.Errorf("the page names %d assets, want its script, its style and its icon at least", assets)
	}
}

func TestAppOffersWhatTheServerHas(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]dashboard.Options{
		`content=""`:                   {},
		`content="playground"`:         {Playground: true},
		`content="mailbox"`:            {Mailbox: true},
		`content="playground mailbox"`: everything,
	} {
		page := get(t, o, http.MethodGet, "/").Body.Bytes()
		if !bytes.Contains(page, []byte(`<meta name="muster-offers" `+want)) {
			t.Errorf("%+v: the page has no %s:\n%s", o, want, page)
		}
	}
}

func TestPlaygroundOff(t *testing.T) {
	t.Parallel()
	response := get(t, dashboard.Options{Mailbox: true}, http.MethodGet, "/playground")
	if response.Code != http.StatusNotFound {
		t.Errorf("status %d, want 404", response.Code)
	}
	if got := response.Header().Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control %q, want no-store: it can be switched on", got)
	}
}

// TestEveryAsset asks for each file of the build in both forms and compares them with the file in the repository.
func TestEveryAsset(t *testing.T) {
	t.Parallel()
	files, err := fs.ReadDir(os.DirFS("dist"), "assets")
	if err != nil {
		t.Fatalf("read the build: %v", err)
	}
	var packed int
	for _, file := range files {
		stored, err := os.ReadFile("dist/assets/" + file.Name())
		if err != nil {
			t.Fatalf("read the build: %v", err)
		}
		name, isPacked := strings.CutSuffix(file.Name(), ".gz")
		target, want := "/assets/"+name, stored
		if isPacked {
			packed++
			want = unpack(t, stored)
		}

		plain := get(t, everything, http.MethodGet, target)
		if plain.Code != http.StatusOK {
			t.Errorf("%s: status %d, want 200", target, plain.Code)
			continue
		}
		if got := plain.Header().Get("Cache-Control"); got != "public, max-age=31536000, immutable" {
			t.Errorf("%s: Cache-Control %q", target, got)
		}
		if got := plain.Header().Get("Content-Type"); got == "" || strings.HasPrefix(got, "application/octet-stream") {
			t.Errorf("%s: Content-Type %q: with nosniff the browser refuses it", target, got)
		}
		if got := plain.Header().Get("Content-Encoding"); got != "" {
			t.Errorf("%s: Content-Encoding %q for a client that named none", target, got)
		}
		if !bytes.Equal(plain.Body.Bytes(), want) {
			t.Errorf("%s: unpacked on the way it differs from the build", target)
		}
		if !isPacked {
			continue
		}

		zipped := get(t, everything, http.MethodGet, target, "Accept-Encoding", "br, gzip")
		if got := zipped.Header().Get("Content-Encoding"); got != "gzip" {
			t.Errorf("%s: Content-Encoding %q, want gzip", target, got)
		}
		if !bytes.Equal(zipped.Body.Bytes(), stored) {
			t.Errorf("%s: gzipped it differs from the build", target)
		}
		for form, response := range map[string]*httptest.ResponseRecorder{"plain": plain, "gzip": zipped} {
			if got := response.Header().Get("Vary"); got != "Accept-Encoding" {
				t.Errorf("%s (%s): Vary %q: a cache would mix the two forms up", target, form, got)
			}
		}
	}
	if packed < 10 {
		t.Errorf("%d assets are stored gzipped, want the editor's at least", packed)
	}
}

func anyAsset(t *testing.T, extension string) string {
	t.Helper()
	files, err := fs.Glob(os.DirFS("dist/assets"), "*"+extension+".gz")
	if err != nil || len(files) == 0 {
		t.Fatalf("the build has no %s (%v)", extension, err)
	}
	return "/assets/" + strings.TrimSuffix(files[0], ".gz")
}

func TestAcceptEncoding(t *testing.T) {
	t.Parallel()
	target := anyAsset(t, ".js")
	for accept, want := range map[string]string{
		"":                              "",
		"gzip":                          "gzip",
		"GZIP":                          "gzip",
		"x-gzip":                        "gzip",
		"deflate, gzip;q=0.5, br":       "gzip",
		"gzip;q=0":                      "",
		"gzip; q=0.000":                 "",
		"gzip;q=0, *":                   "",
		"*":                             "gzip",
		"*;q=0":                         "",
		"identity, *;q=0":               "",
		"br":                            "",
		"gzipped":                       "",
		"gzip;q=nonsense":               "",
		"identity;q=1, gzip ; q=0.001 ": "gzip",
	} {
		response := get(t, everything, http.MethodGet, target, "Accept-Encoding", accept)
		if got := response.Header().Get("Content-Encoding"); got != want {
			t.Errorf("Accept-Encoding %q: Content-Encoding %q, want %q", accept, got, want)
		}
	}
}

func TestHead(t *testing.T) {
	t.Parallel()
	for _, target := range []string{"/rejoin", anyAsset(t, ".css")} {
		response := get(t, everything, http.MethodHead, target, "Accept-Encoding", "gzip")
		if response.Code != http.StatusOK || response.Header().Get("Content-Length") == "" {
			t.Errorf("%s: status %d, Content-Length %q", target, response.Code, response.Header().Get("Content-Length"))
		}
		if got := response.Body.Bytes(); len(got) != 0 {
			t.Errorf("%s: HEAD got a body of %d bytes", target, len(got))
		}
	}
}

func TestOverTheWire(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(dashboard.Handler(everything))
	defer server.Close()
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		for _, target := range []string{"/", "/join", "/licenses", anyAsset(t, ".js")} {
			request, err := http.NewRequestWithContext(t.Context(), method, server.URL+target, http.NoBody)
			if err != nil {
				t.Fatalf("make a request: %v", err)
			}
			response, err := server.Client().Do(request)
			if err != nil {
				t.Fatalf("%s %s: %v", method, target, err)
			}
			data, err := io.ReadAll(response.Body)
			if err != nil {
				t.Errorf("%s %s: read: %v", method, target, err)
			}
			_ = response.Body.Close()
			if response.StatusCode != http.StatusOK || (len(data) == 0) != (method == http.MethodHead) {
				t.Errorf("%s %s: status %d, %d bytes", method, target, response.StatusCode, len(data))
			}
		}
	}
}

func TestNotServed(t *testing.T) {
	t.Parallel()
	asset := anyAsset(t, ".js")
	for _, target := range []string{
		"", "/index.html", "/rejoin.html", "/rejoin/", "/dist/index.html", "/assets", "/assets/", "/assets/.", "/assets/..",
		"/assets/../index.html", "/assets/../../embed.go", "/assets/..%2findex.html", "/assets/..\\index.html",
		"/assets//" + path.Base(asset), "//assets/" + path.Base(asset), asset + "/", asset + ".gz", asset + "\x00",
		"/../embed.go", "/embed.go", "/package.json", "/licenses.md", "/nothing", "/assets/nothing.js", "/favicon.ico",
	} {
		response := get(t, everything, http.MethodGet, target)
		if response.Code != http.StatusNotFound {
			t.Errorf("%q: status %d, want 404", target, response.Code)
		}
		if got := response.Header().Get("Cache-Control"); got != "no-store" {
			t.Errorf("%q: Cache-Control %q: a 404 must not outlive the next release", target, got)
		}
		if policy(response)["default-src"] != "'none'" {
			t.Errorf("%q: no policy", target)
		}
	}
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions} {
		response := get(t, everything, method, "/rejoin")
		if response.Code != http.StatusMethodNotAllowed || response.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: status %d, Allow %q", method, response.Code, response.Header().Get("Allow"))
		}
	}
}

func TestLicenses(t *testing.T) {
	t.Parallel()
	response := get(t, everything, http.MethodGet, "/licenses")
	if got := response.Header().Get("Content-Type"); got != "text/plain; charset=utf-8" {
		t.Errorf("Content-Type %q", got)
	}
	text := response.Body.Bytes()
	for _, name := range []string{"## graphiql - ", "## monaco-editor - ", "## react-dom - ", "## graphql-ws - "} {
		if !bytes.Contains(text, []byte(name)) {
			t.Errorf("no %q: its license asks to be named", name)
		}
	}
}
