package mail

import (
	"embed"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"strings"
	texttemplate "text/template"
	"time"
)

//go:embed templates
var templates embed.FS

var (
	letterHTML = htmltemplate.Must(htmltemplate.ParseFS(templates, "templates/letter.html.tmpl"))
	letterText = texttemplate.Must(texttemplate.New("letter.txt.tmpl").
			Funcs(texttemplate.FuncMap{"number": func(i int) int { return i + 1 }}).
			ParseFS(templates, "templates/letter.txt.tmpl"))
)

// letter is what an email says, once. Both parts print this one value, so neither can know more than the other.
type letter struct {
	Subject string
	Title   string
	Hello   string   // set by message
	Lead    []string // paragraphs before the action
	Action  *action
	Steps   []string // what to do, in order
	Lists   []list
	Notes   []string // paragraphs after the lists
	Facts   []fact
	Reason  string // why this person gets it
}

type action struct{ Label, URL string }

type list struct {
	Title string
	Items []string
}

type fact struct{ Name, Value string }

// Person is who an email goes to.
type Person struct {
	// Name is how to greet them and may be empty.
	Name string
	// Email is the bare address.
	Email string
}

// message prints the letter for one person. The error is ErrRejected where the address is none.
func (l letter) message(id string, to Person) (Message, error) {
	l.Hello = "Hello,"
	toName := name(to.Name)
	if toName != "" {
		l.Hello = "Hello " + toName + ","
	}
	if l.Action != nil {
		if _, err := link(l.Action.URL); err != nil {
			return Message{}, err
		}
	}
	var text, html strings.Builder
	if err := letterText.Execute(&text, l); err != nil {
		return Message{}, fmt.Errorf("write text of %q: %w", l.Subject, err)
	}
	if err := letterHTML.Execute(&html, l); err != nil {
		return Message{}, fmt.Errorf("write HTML of %q: %w", l.Subject, err)
	}
	m := Message{
		ID: id, To: to.Email, ToName: toName, Subject: l.Subject,
		Text: strings.TrimSpace(text.String()) + "\n", HTML: html.String(),
	}
	return m, m.check()
}

// moment writes a time so that it means the same everywhere. Seconds are cut, so a deadline is never later than said.
func moment(t time.Time) string {
	return t.UTC().Format("Monday, 2 January 2006 at 15:04 UTC")
}

var errNoOrganization = errors.New("email names no organization")

// facts drops those without a value.
func facts(all ...fact) []fact {
	var kept []fact
	for _, f := range all {
		if f.Value != "" {
			kept = append(kept, f)
		}
	}
	return kept
}

// or is what stands where a name is missing.
func or(s, missing string) string {
	if s == "" {
		return missing
	}
	return s
}
