// Package mail writes Muster's emails and text messages and hands them to whoever delivers them: an SMTP server, an SMS
// provider, or in development the mailbox page.
//
// It is a leaf: it knows nothing of members, links or the database, only what a letter says. It refuses a message with
// an address that nobody can be reached at, a link that is not an absolute http(s) address, and names that try to be
// headers, markup or links. It queues nothing and retries nothing: a caller that retries gives the same ID again.
package mail

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"time"
)

// ErrRejected marks a permanent refusal, of the recipient or of the content: sending again cannot help. Every other
// error of a Sender or Texter is worth another attempt.
var ErrRejected = errors.New("refused for good")

// Message is one email, the same facts in text and HTML.
type Message struct {
	// ID is stable: the email's Message-ID is <ID@host of the sender>, so a job that is tried again repeats it and
	// the reader's mail program shows one email.
	ID string `json:"id"`
	// To is the bare address of the one recipient.
	To string `json:"to"`
	// ToName is the recipient's display name and may be empty.
	ToName string `json:"toName,omitempty"`
	// Subject is one line.
	Subject string `json:"subject"`
	// Text is the plain part. The first link in it is the one to act on.
	Text string `json:"text"`
	// HTML is a whole page without remote content or scripts.
	HTML string `json:"html"`
	// At is when the mailbox received it; senders set it, callers leave it empty.
	At time.Time `json:"at"`
}

// Sender delivers one email and returns when somebody took responsibility for it. It has two real implementations: SMTP
// and the development Mailbox. Errors that are ErrRejected are final.
type Sender interface {
	Send(ctx context.Context, m Message) error
}

// Text is one SMS.
type Text struct {
	// To is the number in E.164, such as +4915112345678.
	To string `json:"to"`
	// Body is what the phone shows.
	Body string `json:"body"`
	// At is when the mailbox received it; callers leave it empty.
	At time.Time `json:"at"`
}

// Texter delivers one SMS to a provider. Errors that are ErrRejected are final.
type Texter interface {
	SendText(ctx context.Context, t Text) error
}

// check refuses a message that no server could deliver, before anything is dialled. The mailbox uses it too, so that
// development refuses what production would.
func (m Message) check() error {
	if !validAddress(m.To) {
		return fmt.Errorf("email has no usable recipient address: %w", ErrRejected)
	}
	if messageID(m.ID) == "" {
		return errors.New("email has no ID: give it a stable one, such as the job's")
	}
	if m.Subject == "" || m.Text == "" || m.HTML == "" {
		return errors.New("email lacks its subject, text or HTML")
	}
	return nil
}

// check refuses a text that no provider could deliver.
func (t Text) check() error {
	digits, plus := strings.CutPrefix(t.To, "+")
	// E.164 has at most 15 digits (ITU-T E.164 §6); none has fewer than 7 in practice, which providers check better.
	if !plus || len(digits) < 7 || len(digits) > 15 || strings.Trim(digits, "0123456789") != "" {
		return fmt.Errorf("phone number is not in E.164, such as +4915112345678: %w", ErrRejected)
	}
	if t.Body == "" {
		return errors.New("text message is empty")
	}
	return nil
}

// validAddress reports whether s is exactly one bare address ("ana@example.com", no display name).
func validAddress(s string) bool {
	a, err := mail.ParseAddress(s)
	// RFC 5321 §4.5.3.1.3 leaves 254 octets for an address between the angle brackets of a path.
	return err == nil && a.Name == "" && a.Address == s && len(s) <= 254 && clean(s) == s
}
