package mail

import (
	"bytes"
	"encoding/json"
	"html/template"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// pageRows is how many deliveries the list shows; the API answers all that are kept.
const pageRows = 200

var mailboxPages = template.Must(template.New("").Funcs(template.FuncMap{
	"pieces": pieces,
	"clock":  func(t time.Time) string { return t.UTC().Format("2 Jan 15:04:05 UTC") },
	"stamp":  func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
}).ParseFS(templates, "templates/mailbox_*.html.tmpl"))

// Policies of the pages, and of the one page that is somebody else's HTML: an email may style itself, open links in a
// new tab, and nothing else.
const (
	pagePolicy = "default-src 'none'; style-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	mailPolicy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
)

// Handler is the mailbox page and its API, mounted at /mailbox/ without stripping that prefix:
//
//	/mailbox/                    the list, newest first; ?to= one recipient's
//	/mailbox/messages/{number}   one email: its HTML in a sandbox, and its text with the links to click
//	/mailbox/api/messages?to=    [{id, to, subject, text, html, at}], newest first
//	/mailbox/api/texts?to=       [{to, body, at}], newest first
//
// It answers only to a Host header that names this machine, so that no page on the web can read it through a name that
// it points here.
func (b *Mailbox) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /mailbox/{$}", b.listPage)
	mux.HandleFunc("GET /mailbox/messages/{number}", b.messagePage)
	mux.HandleFunc("GET /mailbox/messages/{number}/html", b.messageHTML)
	mux.HandleFunc("GET /mailbox/style.css", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, templates, "templates/mailbox.css")
	})
	mux.HandleFunc("GET /mailbox/api/messages", func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, b.Messages(recipient(r)))
	})
	mux.HandleFunc("GET /mailbox/api/texts", func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, b.Texts(recipient(r)))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", pagePolicy)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("X-Frame-Options", "DENY")
		header.Set("Referrer-Policy", "no-referrer") // addresses of emails stay here
		header.Set("Cache-Control", "no-store")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		if !loopback(hostname(r.Host)) {
			http.Error(w, "The mailbox answers only on this machine: open it at http://localhost.", http.StatusForbidden)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// row is one line of the list.
type row struct {
	Number  int
	To      string
	Subject string // empty for a text
	Body    string // empty for an email
	At      time.Time
}

func (b *Mailbox) listPage(w http.ResponseWriter, r *http.Request) {
	to := recipient(r)
	all := b.deliveries(to)
	page := struct {
		To    string
		Total int
		Rows  []row
	}{To: to, Total: len(all)}
	for _, d := range all[:min(len(all), pageRows)] {
		line := row{Number: d.Number, To: d.to(), At: d.at()}
		if d.Mail != nil {
			line.Subject = d.Mail.Subject
		} else {
			line.Body = d.Text.Body
		}
		page.Rows = append(page.Rows, line)
	}
	writePage(w, "mailbox_list.html.tmpl", page)
}

func (b *Mailbox) messagePage(w http.ResponseWriter, r *http.Request) {
	d, ok := b.asked(w, r)
	if !ok {
		return
	}
	writePage(w, "mailbox_message.html.tmpl", d)
}

func (b *Mailbox) messageHTML(w http.ResponseWriter, r *http.Request) {
	d, ok := b.asked(w, r)
	if !ok {
		return
	}
	w.Header().Set("Content-Security-Policy", mailPolicy)
	w.Header().Set("X-Frame-Options", "SAMEORIGIN")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write([]byte(d.Mail.HTML)) // whoever asked has gone
}

// asked is the email that the address names; it answers 404 where there is none.
func (b *Mailbox) asked(w http.ResponseWriter, r *http.Request) (delivery, bool) {
	number, err := strconv.Atoi(r.PathValue("number"))
	if err != nil {
		http.Error(w, "There is no such email.", http.StatusNotFound)
		return delivery{}, false
	}
	d, ok := b.find(number)
	if !ok {
		http.Error(w, "There is no such email: the mailbox keeps the last 1,000.", http.StatusNotFound)
	}
	return d, ok
}

// recipient is ?to=; a number's + arrives as a space where it was not encoded.
func recipient(r *http.Request) string {
	return plus(r.URL.Query().Get("to"))
}

// hostname is a Host header without its port.
func hostname(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		return h
	}
	return strings.Trim(host, "[]")
}

func writePage(w http.ResponseWriter, name string, data any) {
	var page bytes.Buffer
	if err := mailboxPages.ExecuteTemplate(&page, name, data); err != nil {
		http.Error(w, "The mailbox cannot show this: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = page.WriteTo(w) // whoever asked has gone
}

func writeJSON(w http.ResponseWriter, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "The mailbox cannot write this as JSON.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(body, '\n')) // whoever asked has gone
}

var webAddress = regexp.MustCompile(`https?://[^\s<>"']*[^\s<>"'.,:;!?)]`)

// piece is a stretch of plain text, or a link in it.
type piece struct {
	Text string
	Link bool
}

// pieces splits text at its web addresses; the template escapes each piece.
func pieces(text string) []piece {
	var out []piece
	end := 0
	for _, at := range webAddress.FindAllStringIndex(text, -1) {
		out = append(out, piece{Text: text[end:at[0]]}, piece{Text: text[at[0]:at[1]], Link: true})
		end = at[1]
	}
	return append(out, piece{Text: text[end:]})
}
