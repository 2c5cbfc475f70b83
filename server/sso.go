package main

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"html/template"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"time"

	"muster/app"
	"muster/org"
)

// ssoSuffix is what the name of the cookie ends in that ties an answer of a provider to the browser that was sent there.
const ssoSuffix = "-sso"

// ssoCookieLife is how long a browser keeps it: as long as an attempt lives.
const ssoCookieLife = 10 * time.Minute

var errNoSlug = org.Refuse(org.CodeNotFound, "This is no organization's address. Look for a mistake in it, or ask whoever gave it to you.")

// startSSO sends a browser to an organization's provider.
//
// Another site may not begin this without a click: a provider that answers at once could sign a visitor of its own pages
// in to an account of its choice, in place of their own (login CSRF). Browsers say where a navigation comes from
// (Sec-Fetch-Site); what comes from elsewhere is asked first. What is not a browser says nothing, and has nobody's cookies.
func (d door) startSSO(w http.ResponseWriter, r *http.Request) {
	link := r.URL.Query().Has("link")
	if r.Method != http.MethodGet {
		return // HEAD: whoever looks at links begins nothing
	}
	// What is no short name is nobody's: it comes neither into a page nor, with the bytes that PostgreSQL does not take, to it.
	slug, err := org.ParseSlug("slug", r.PathValue("slug"))
	if err != nil {
		d.ssoRequest(w, r, "/", func(*http.Request) error { return errNoSlug })
		return
	}
	switch from := r.Header.Get("Sec-Fetch-Site"); {
	case from == "same-origin":
	case !link && (from == "none" || from == ""):
	default:
		page := ssoPage{Title: "Sign in through your organization", Text: "You are about to sign in to Muster through the provider of the organization " + slug + ".", Button: "Go on", Href: "/sso/" + slug}
		if link {
			page.Title, page.Text, page.Href = "Link your account", "You are about to link your Muster account with the provider of the organization "+slug+": whom it signs in then is you there.", page.Href+"?link=1"
		}
		page.show(w, http.StatusOK)
		return
	}
	d.ssoRequest(w, r, "/sso/"+slug, func(r *http.Request) error {
		start, err := d.app.StartSSO(r.Context(), slug, d.cookie(r, ssoSuffix), link)
		if err != nil {
			return err
		}
		d.setCookie(w.Header(), d.settings.CookieName()+ssoSuffix, start.Browser, ssoCookieLife)
		redirect(w, start.URL)
		return nil
	})
}

// finishSSO takes a browser that a provider has sent back.
func (d door) finishSSO(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		return
	}
	d.ssoRequest(w, r, "/", func(r *http.Request) error {
		q := r.URL.Query()
		result, err := d.app.FinishSSO(r.Context(), app.SSOCallback{
			Browser: d.cookie(r, ssoSuffix), State: q.Get("state"), Code: q.Get("code"), Issuer: q.Get("iss"), Failed: q.Has("error"),
		})
		if err != nil {
			return err
		}
		d.setCookies(r.Context(), w.Header())
		if result.Linked {
			ssoPage{
				Title: "Your account is linked", Text: "The provider of " + result.Organization.Name + " signs you in to this account from now on.",
				Button: "To Muster", Href: "/",
			}.show(w, http.StatusOK)
			return nil
		}
		redirect(w, "/")
		return nil
	})
}

// ssoRequest lets fn act for the browser's session, if it has one, and shows what it refuses, with where to begin again.
func (d door) ssoRequest(w http.ResponseWriter, r *http.Request, again string, fn func(r *http.Request) error) {
	request := d.request(r, "")
	request.Browser = true // only browsers come here, and a navigation to a page has no Origin
	ctx, _, err := d.app.Authenticate(r.Context(), request)
	if err == nil {
		err = fn(r.WithContext(ctx))
	}
	if err == nil {
		return
	}
	page := ssoPage{Title: "You are not signed in", Button: "Begin again", Href: again}
	var refusal *org.Error
	if !errors.As(err, &refusal) {
		slog.ErrorContext(ctx, "a sign-in through a provider failed", "err", err)
		page.Text = "Something went wrong in Muster. Try again in a moment."
		page.show(w, http.StatusInternalServerError)
		return
	}
	page.Text = refusal.Message
	status, special := map[org.ErrorCode]int{
		org.CodeNotFound: http.StatusNotFound, org.CodeForbidden: http.StatusForbidden,
		org.CodeUnauthenticated: http.StatusUnauthorized, org.CodeRateLimited: http.StatusTooManyRequests,
	}[refusal.Code]
	if !special {
		status = http.StatusBadRequest
	}
	if status == http.StatusNotFound {
		page.Button, page.Href = "To Muster", "/"
	}
	if status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(refusal.RetryAfter.Seconds()))))
	}
	page.show(w, status)
}

func (d door) cookie(r *http.Request, suffix string) string {
	cookie, err := r.Cookie(d.settings.CookieName() + suffix)
	if err != nil {
		return ""
	}
	return cookie.Value
}

func redirect(w http.ResponseWriter, to string) {
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}

// ssoPage is a page with one sentence and one way on. It has no script and loads nothing.
type ssoPage struct{ Title, Text, Button, Href string }

const ssoStyle = `:root{color-scheme:light dark;font:17px/1.5 system-ui,sans-serif}
body{margin:0 auto;padding:12vh 1.25rem;max-width:32rem;overflow-wrap:anywhere}
h1{font-size:1.5rem;line-height:1.25}
a{display:inline-block;margin-top:1rem;padding:.6rem 1.1rem;border:1px solid;border-radius:.4rem;color:inherit;font-weight:600;text-decoration:none}
a:focus-visible{outline:3px solid Highlight;outline-offset:2px}`

var ssoTemplate = template.Must(template.New("sso").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Title}} · Muster</title><style>` + ssoStyle + `</style></head>
<body><main><h1>{{.Title}}</h1><p>{{.Text}}</p><a href="{{.Href}}">{{.Button}}</a></main></body></html>
`))

var ssoPolicy = func() string {
	sum := sha256.Sum256([]byte(ssoStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}()

func (p ssoPage) show(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Security-Policy", ssoPolicy)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = ssoTemplate.Execute(w, p) // a client that has gone away has no use for an error
}
