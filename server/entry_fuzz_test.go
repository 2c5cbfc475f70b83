package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"muster/app"
)

// FuzzCookies: whatever stands in the Cookie header, what is read as the device cookie is no longer than one that was set.
func FuzzCookies(f *testing.F) {
	for _, seed := range []string{
		"muster-device=a.b.c", "muster-device=\"a.b\"", "muster-device=" + strings.Repeat("x", 300), "muster=a; muster-device=....", "muster-device", "=;;=", "muster-device=\x00",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequest(http.MethodPost, "/graphql", nil)
		r.Header["Cookie"] = []string{header}
		got := door{}.request(r, "")
		if len(got.Device) > app.MaxDevice || !strings.Contains(header, got.Device) || !strings.Contains(header, got.Cookie) {
			t.Errorf("%q was read as %q and %q", header, got.Cookie, got.Device)
		}
	})
}

var shortName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])$`)

// FuzzSSOAddress: whatever stands behind /sso/, a page is shown that says and leads to nothing but a short name, or none.
func FuzzSSOAddress(f *testing.F) {
	for _, seed := range [][2]string{{"acme", ""}, {"acme", "link=1"}, {"acme?link=1", ""}, {"../graphql", ""}, {"\x00", "link"}, {"\xff", "%zz"}, {"<b>", "link=<b>"}, {"callback", ""}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, slug, query string) {
		r := httptest.NewRequest(http.MethodGet, "/sso/x", nil)
		r.SetPathValue("slug", slug)
		r.URL.RawQuery = query
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		w := httptest.NewRecorder()
		door{app: &app.App{}}.startSSO(w, r)
		named := shortName.MatchString(slug) && slug != "callback"
		if want := map[bool]int{true: http.StatusOK, false: http.StatusNotFound}[named]; w.Code != want {
			t.Fatalf("%q is answered with %d, want %d", slug, w.Code, want)
		}
		href := "/"
		if named {
			href = "/sso/" + slug
			if values, _ := url.ParseQuery(query); values.Has("link") {
				href += "?link=1"
			}
		}
		if body := w.Body.String(); strings.Count(body, "href=") != 1 || !strings.Contains(body, `href="`+href+`"`) {
			t.Errorf("%q with %q: %s", slug, query, body)
		}
	})
}
