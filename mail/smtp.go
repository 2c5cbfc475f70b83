package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// RFC 5321 §4.5.3.2 allows minutes for each command; a job queue retries better than a worker waits.
const (
	smtpDialTimeout  = 15 * time.Second // connection, greeting, TLS and sign-in; and again the delivery
	smtpTotalTimeout = 30 * time.Second // one email from first to last byte
)

// SMTP hands emails to a mail server, each over a connection of its own. It is safe for concurrent use. It never sends a
// password over an unencrypted connection, except to this machine.
type SMTP struct {
	host, port     string
	dialHost       string // host, but for tests
	user, password string
	from           *mail.Address
	implicitTLS    bool
	policy         gomail.TLSPolicy
	tls            *tls.Config
}

var _ Sender = (*SMTP)(nil)

// NewSMTP reads the server from a URL: smtp://user:password@host:port (port 587 if none; encrypts when the server offers
// STARTTLS, ?starttls=require insists) or smtps://… (port 465, encrypted from the first byte). from is the sender, such
// as "Muster <muster@example.com>"; its host is the one in Message-IDs. It dials nobody. Its errors are for people and
// never hold the password.
func NewSMTP(rawURL, from string) (*SMTP, error) {
	sender, err := mail.ParseAddress(from)
	if err != nil {
		return nil, errors.New(`the sender of emails is no address: write it like "Muster <muster@example.com>"`)
	}
	sender.Name = clean(sender.Name)
	// url.Parse's own error repeats the whole URL, password included.
	u, err := url.Parse(rawURL)
	if err != nil || u.Opaque != "" || u.Hostname() == "" {
		return nil, errors.New("SMTP_URL is no URL of a mail server: write it like smtp://user:password@mail.example.com:587, with special characters of the password percent-encoded")
	}
	s := &SMTP{host: u.Hostname(), dialHost: u.Hostname(), port: u.Port(), from: sender, policy: gomail.TLSOpportunistic}
	switch u.Scheme {
	case "smtp":
		s.port = or(s.port, "587") // submission, RFC 6409
	case "smtps":
		s.port = or(s.port, "465") // submission over TLS, RFC 8314
		s.implicitTLS = true
		s.policy = gomail.NoTLS // not a second time, inside the first
	default:
		return nil, errors.New("SMTP_URL must begin with smtp:// or smtps://")
	}
	if n, err := strconv.ParseUint(s.port, 10, 16); err != nil || n == 0 {
		return nil, errors.New("SMTP_URL has a port that is none (1 to 65535)")
	}
	if strings.Trim(u.Path, "/") != "" || u.Fragment != "" {
		return nil, errors.New("SMTP_URL has something after the host and port: a password with / or # must be percent-encoded (%2F, %23)")
	}
	if u.User != nil {
		s.user = u.User.Username()
		s.password, _ = u.User.Password()
		if s.user == "" || s.password == "" {
			return nil, errors.New("SMTP_URL has only half of user and password: give both or neither")
		}
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, errors.New("SMTP_URL has options that cannot be read: the only one is ?starttls=require")
	}
	for key, values := range query {
		if key != "starttls" || len(values) != 1 || values[0] != "require" || s.implicitTLS {
			return nil, errors.New("SMTP_URL has an unknown option: the only one is ?starttls=require, for smtp://")
		}
		s.policy = gomail.TLSMandatory
	}
	s.tls = &tls.Config{ServerName: s.host, MinVersion: tls.VersionTLS12}
	return s, nil
}

// Send delivers m to the server and returns once the server has taken it, ctx ends, or 30 s have passed. A refusal of the
// recipient or the content with a 5xx code is ErrRejected; a refusal of the sender or of the sign-in is not, because an
// operator can mend it.
func (s *SMTP) Send(ctx context.Context, m Message) error {
	msg, err := compose(s.from, m)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, smtpTotalTimeout)
	defer cancel()

	// go-mail obeys a context only while it dials, and leaves the connection open where the greeting or the sign-in
	// fails. So the connection is ours: it is closed when ctx ends, and at the end in every case.
	hangUp := func() {}
	defer func() { hangUp() }()
	dial := func(dialCtx context.Context, network, _ string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(dialCtx, network, net.JoinHostPort(s.dialHost, s.port))
		if err != nil {
			return nil, err
		}
		stop := context.AfterFunc(ctx, func() { _ = c.Close() })
		hangUp = func() {
			stop()
			_ = c.Close() // closed already after QUIT; the server has the email by then
		}
		if !s.implicitTLS {
			return c, nil
		}
		encrypted := tls.Client(c, s.tls.Clone())
		if err := encrypted.HandshakeContext(dialCtx); err != nil {
			return nil, err
		}
		return encrypted, nil
	}
	client, err := s.client(dial)
	if err != nil {
		return fmt.Errorf("prepare connection to mail server: %w", err)
	}
	conversation, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return s.failed(ctx, "connect to mail server", err)
	}
	if err := client.SendWithSMTPClient(conversation, msg); err != nil {
		return s.failed(ctx, "send email", err)
	}
	_ = client.CloseWithSMTPClient(conversation) // the server has the email; a lost goodbye changes nothing
	return nil
}

// client is made anew for each email: go-mail's keeps state about sign-in that concurrent sends would share.
func (s *SMTP) client(dial gomail.DialContextFunc) (*gomail.Client, error) {
	options := []gomail.Option{
		gomail.WithDialContextFunc(dial),
		gomail.WithTLSPolicy(s.policy),
		gomail.WithTLSConfig(s.tls.Clone()),
		gomail.WithTimeout(smtpDialTimeout),
		gomail.WithoutNoop(),
		gomail.WithoutRset(),
	}
	if s.user != "" {
		options = append(options, gomail.WithUsername(s.user), gomail.WithPassword(s.password),
			gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthSCRAMSHA1,
				gomail.SMTPAuthPlain, gomail.SMTPAuthLogin, gomail.SMTPAuthCramMD5))
	}
	return gomail.NewClient(s.host, options...)
}

// failed says what went wrong, and whether for good.
func (s *SMTP) failed(ctx context.Context, doing string, err error) error {
	if ctx.Err() != nil {
		// The connection was closed under go-mail; its "use of closed network connection" would hide why.
		return fmt.Errorf("%s %s: %w", doing, s.host, ctx.Err())
	}
	var refused *gomail.SendError
	if !errors.As(err, &refused) {
		return fmt.Errorf("%s %s: %w", doing, s.host, err)
	}
	code, reason := refused.ErrorCode(), refused.Reason
	thisEmail := reason == gomail.ErrSMTPRcptTo || reason == gomail.ErrSMTPData || reason == gomail.ErrSMTPDataClose
	// 530 and 538 ask for sign-in or encryption (RFC 4954 §6): a setting, not this email.
	if thisEmail && code >= 500 && code < 600 && code != 530 && code != 538 {
		return fmt.Errorf("%s %s: %w: %w", doing, s.host, ErrRejected, err)
	}
	return fmt.Errorf("%s %s: %w", doing, s.host, err)
}

// compose makes the email that goes over the wire: these headers, one recipient, two parts, nothing else.
func compose(from *mail.Address, m Message) (*gomail.Msg, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	msg.FromMailAddress(from)
	msg.AddToMailAddress(&mail.Address{Name: name(m.ToName), Address: m.To})
	msg.Subject(clean(m.Subject))
	_, host, _ := strings.Cut(from.Address, "@")
	msg.SetMessageIDWithValue(messageID(m.ID) + "@" + host)
	// RFC 3834 §5: holiday notices and other robots do not answer.
	msg.SetGenHeader(gomail.Header("Auto-Submitted"), "auto-generated")
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	return msg, nil
}
