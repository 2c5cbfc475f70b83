package mail

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/google/go-cmp/cmp"
)

const from = "Muster <muster@muster.example.com>"

// received is one email as the server got it.
type received struct {
	From, To  string
	Encrypted bool
	User      string
	Data      []byte
}

// server is a real SMTP server on loopback, with the answers of a test.
type server struct {
	url  string
	pool *x509.CertPool

	mu    sync.Mutex
	mails []received

	rcpt, data, mail error
	hangAtRcpt       chan struct{} // when set: closed on arrival, then the server says nothing until its connection ends
	mechanisms       []string
	password         string
}

type session struct {
	*server
	conn *smtp.Conn
	now  received
}

func (s *server) NewSession(c *smtp.Conn) (smtp.Session, error) {
	return &session{server: s, conn: c}, nil
}

func (s *session) Mail(sender string, _ *smtp.MailOptions) error {
	if len(s.mechanisms) > 0 && s.now.User == "" {
		return &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "Authentication required"}
	}
	s.now.From = sender
	return s.mail
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if s.hangAtRcpt != nil {
		close(s.hangAtRcpt)
		_, _ = io.Copy(io.Discard, s.conn.Conn())
	}
	s.now.To = to
	return s.rcpt
}

func (s *session) Data(r io.Reader) error {
	if s.data != nil {
		return s.data
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.now.Data = b
	_, s.now.Encrypted = s.conn.TLSConnectionState()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mails = append(s.mails, s.now)
	return nil
}

func (*session) Reset()        {}
func (*session) Logout() error { return nil }

func (s *session) AuthMechanisms() []string { return s.mechanisms }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "muster@example.com" || password != s.password {
			return smtp.ErrAuthFailed
		}
		s.now.User = user
		return nil
	}), nil
}

func (s *server) got() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]received{}, s.mails...)
}

// start serves s until the test ends. certified offers STARTTLS; implicit is TLS from the first byte.
func (s *server) start(t *testing.T, certified, implicit bool) *server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := smtp.NewServer(s)
	srv.Domain = "mail.example.com"
	srv.ErrorLog = log.New(io.Discard, "", 0) // clients that hang up are the point of some tests
	srv.AllowInsecureAuth = true              // whether a password may travel is the client's decision here
	s.url = "smtp://" + listener.Addr().String()
	if certified || implicit {
		config, pool := certificate(t)
		s.pool = pool
		if implicit {
			s.url = "smtps://" + listener.Addr().String()
			listener = tls.NewListener(listener, config)
		} else {
			srv.TLSConfig = config
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(listener) // always ends with the closed listener
	}()
	t.Cleanup(func() {
		_ = srv.Close()
		_ = listener.Close() // which srv does not know yet where it had no time to begin
		<-done
	})
	return s
}

// sender is a client of s that trusts its certificate.
func (s *server) sender(t *testing.T, rawURL string) *SMTP {
	t.Helper()
	sender, err := NewSMTP(rawURL, from)
	if err != nil {
		t.Fatal(err)
	}
	sender.tls.RootCAs = s.pool
	return sender
}

func certificate(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}, pool
}

func letterFor(t *testing.T, id string) Message {
	t.Helper()
	m, err := everyLetter["TwoFactorRequired"].letter.Message(id)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// credentials puts user and password into the server's URL.
func (s *server) credentials(user, password string) string {
	u, err := url.Parse(s.url)
	if err != nil {
		return err.Error()
	}
	u.User = url.UserPassword(user, password)
	return u.String()
}

func TestSMTPDelivers(t *testing.T) {
	t.Parallel()
	const password = "p@ss/w#rd:%"
	for name, test := range map[string]struct {
		certified, implicit, auth bool
		options                   string
		encrypted                 bool
	}{
		"plain":                     {},
		"plain with sign-in":        {auth: true},
		"STARTTLS when offered":     {certified: true, encrypted: true},
		"STARTTLS required":         {certified: true, options: "?starttls=require", encrypted: true},
		"STARTTLS with sign-in":     {certified: true, auth: true, encrypted: true},
		"implicit TLS":              {implicit: true, encrypted: true},
		"implicit TLS with sign-in": {implicit: true, auth: true, encrypted: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &server{}
			user := ""
			if test.auth {
				s.mechanisms, s.password, user = []string{sasl.Plain}, password, "muster@example.com"
			}
			s.start(t, test.certified, test.implicit)
			address := s.url
			if test.auth {
				address = s.credentials(user, password)
			}
			m := letterFor(t, "job-7")
			if err := s.sender(t, address+test.options).Send(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			mails := s.got()
			if len(mails) != 1 {
				t.Fatalf("server got %d emails, want 1", len(mails))
			}
			got := mails[0]
			data := got.Data
			got.Data = nil
			want := received{From: "muster@muster.example.com", To: "ana@example.com", Encrypted: test.encrypted, User: user}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("delivery (-want +got):\n%s", diff)
			}
			read := parse(t, data)
			if diff := cmp.Diff(m.Text, read.text); diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(m.HTML, read.html); diff != "" {
				t.Errorf("HTML (-want +got):\n%s", diff)
			}
			for header, want := range map[string]string{
				"Subject":        "Mandatory: Enable Two-Factor Authentication",
				"Message-ID":     "<job-7@muster.example.com>",
				"From":           `"Muster" <muster@muster.example.com>`,
				"To":             `"Ana Ruiz" <ana@example.com>`,
				"Auto-Submitted": "auto-generated",
			} {
				if got := read.header.Get(header); got != want {
					t.Errorf("%s is %q, want %q", header, got, want)
				}
			}
		})
	}
}

func TestSMTPRefusals(t *testing.T) {
	t.Parallel()
	answer := func(code int, message string) error {
		return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 1, 1}, Message: message}
	}
	for name, test := range map[string]struct {
		server   *server
		rejected bool
		says     string
	}{
		"recipient unknown":        {&server{rcpt: answer(550, "no such user")}, true, "no such user"},
		"recipient's mailbox busy": {&server{rcpt: answer(450, "mailbox busy")}, false, "mailbox busy"},
		"recipient needs sign-in":  {&server{rcpt: answer(530, "sign in first")}, false, "sign in first"},
		"content refused":          {&server{data: answer(554, "looks like spam")}, true, "looks like spam"},
		"content greylisted":       {&server{data: answer(451, "try again later")}, false, "try again later"},
		"sender refused":           {&server{mail: answer(550, "not your domain")}, false, "not your domain"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := test.server.start(t, false, false)
			err := s.sender(t, s.url).Send(t.Context(), letterFor(t, "1"))
			if err == nil {
				t.Fatal("sent")
			}
			if got := errors.Is(err, ErrRejected); got != test.rejected {
				t.Errorf("ErrRejected is %v, want %v: %v", got, test.rejected, err)
			}
			if !strings.Contains(err.Error(), test.says) {
				t.Errorf("error does not say %q: %v", test.says, err)
			}
		})
	}
}

func TestSMTPRefusesBadAddressBeforeDialling(t *testing.T) {
	t.Parallel()
	s := (&server{}).start(t, false, false)
	for _, to := range []string{"", "ana", "ana@example.com\r\nRCPT TO:<eve@example.com>", "ana@example.com, eve@example.com", "Ana <ana@example.com>"} {
		m := letterFor(t, "1")
		m.To = to
		if err := s.sender(t, s.url).Send(t.Context(), m); !errors.Is(err, ErrRejected) {
			t.Errorf("to %q: %v, want ErrRejected", to, err)
		}
	}
	if got := s.got(); len(got) != 0 {
		t.Errorf("server got %d emails, want none", len(got))
	}
}

func TestSMTPProtectsThePassword(t *testing.T) {
	t.Parallel()
	const secret = "correct-horse-battery"

	t.Run("wrong password is an error that does not repeat it", func(t *testing.T) {
		t.Parallel()
		s := (&server{mechanisms: []string{sasl.Plain}, password: "another"}).start(t, false, false)
		err := s.sender(t, s.credentials("muster@example.com", secret)).Send(t.Context(), letterFor(t, "1"))
		if err == nil || errors.Is(err, ErrRejected) || strings.Contains(err.Error(), secret) {
			t.Errorf("wrong password: %v, want an error that is not final and does not hold it", err)
		}
	})
	t.Run("required STARTTLS is not given up", func(t *testing.T) {
		t.Parallel()
		s := (&server{}).start(t, false, false)
		if err := s.sender(t, s.url+"?starttls=require").Send(t.Context(), letterFor(t, "1")); err == nil {
			t.Error("sent in the clear")
		}
		if got := s.got(); len(got) != 0 {
			t.Errorf("server got %d emails, want none", len(got))
		}
	})
	t.Run("unknown certificate ends it", func(t *testing.T) {
		t.Parallel()
		for _, implicit := range []bool{false, true} {
			s := (&server{}).start(t, true, implicit)
			s.pool = x509.NewCertPool()
			var unknown x509.UnknownAuthorityError
			if err := s.sender(t, s.url).Send(t.Context(), letterFor(t, "1")); !errors.As(err, &unknown) {
				t.Errorf("implicit %v: %v, want an unknown authority", implicit, err)
			}
		}
	})
	t.Run("never in the clear to another machine", func(t *testing.T) {
		t.Parallel()
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		heard := make(chan []byte, 1)
		go func() {
			c, err := listener.Accept()
			if err != nil {
				heard <- nil
				return
			}
			var all bytes.Buffer
			_, _ = c.Write([]byte("220 hi\r\n"))
			line := make([]byte, 512)
			for {
				n, err := c.Read(line)
				all.Write(line[:n])
				if err != nil {
					break
				}
				_, _ = c.Write([]byte("250-hi\r\n250 AUTH PLAIN LOGIN\r\n"))
			}
			heard <- all.Bytes()
		}()
		t.Cleanup(func() { _ = listener.Close() })
		// 127.0.0.1 under a name that the client does not know to be this machine.
		_, port, err := net.SplitHostPort(listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		sender, err := NewSMTP("smtp://muster:"+secret+"@127.1.0.1:"+port, from)
		if err != nil {
			t.Fatal(err)
		}
		sender.dialHost = "127.0.0.1"
		if err := sender.Send(t.Context(), letterFor(t, "1")); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("send: %v, want an error without the password", err)
		}
		if got := heard; bytes.Contains(<-got, []byte("AUTH")) {
			t.Error("client tried to sign in over an unencrypted connection to another machine")
		}
	})
}

func TestSMTPObeysItsContext(t *testing.T) {
	t.Parallel()
	t.Run("server that never greets", func(t *testing.T) {
		t.Parallel()
		listener, err := net.Listen("tcp", "127.0.0.1:0") // accepts in the kernel, says nothing
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = listener.Close() })
		sender, err := NewSMTP("smtp://"+listener.Addr().String(), from)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		begun := time.Now()
		err = sender.Send(ctx, letterFor(t, "1"))
		if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrRejected) {
			t.Errorf("send: %v, want the deadline", err)
		}
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("send took %v after a deadline of 100ms", took)
		}
	})
	t.Run("server that hangs in the middle", func(t *testing.T) {
		t.Parallel()
		s := &server{hangAtRcpt: make(chan struct{})}
		s.start(t, false, false)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-s.hangAtRcpt
			cancel()
		}()
		if err := s.sender(t, s.url).Send(ctx, letterFor(t, "1")); !errors.Is(err, context.Canceled) {
			t.Errorf("send: %v, want canceled", err)
		}
	})
	t.Run("nobody listens", func(t *testing.T) {
		t.Parallel()
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := listener.Addr().String()
		_ = listener.Close()
		sender, err := NewSMTP("smtp://"+address, from)
		if err != nil {
			t.Fatal(err)
		}
		if err := sender.Send(t.Context(), letterFor(t, "1")); err == nil || errors.Is(err, ErrRejected) {
			t.Errorf("send: %v, want an error that is not final", err)
		}
	})
}

func TestSMTPConcurrently(t *testing.T) {
	t.Parallel()
	s := (&server{mechanisms: []string{sasl.Plain}, password: "x"}).start(t, true, false)
	sender := s.sender(t, s.credentials("muster@example.com", "x"))
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if err := sender.Send(t.Context(), letterFor(t, "1")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := len(s.got()); got != 16 {
		t.Errorf("server got %d emails, want 16", got)
	}
}

func TestNewSMTPRefusesWrongURLs(t *testing.T) {
	t.Parallel()
	const secret = "s3cr3t"
	for name, wrong := range map[string]string{
		"empty":             "",
		"host only":         "mail.example.com",
		"no host":           "smtp://",
		"other scheme":      "https://u:" + secret + "@mail.example.com",
		"port no number":    "smtp://u:" + secret + "@mail.example.com:smtp",
		"port too high":     "smtp://u:" + secret + "@mail.example.com:70000",
		"port zero":         "smtp://u:" + secret + "@mail.example.com:0",
		"bad escape":        "smtp://u:" + secret + "%zz@mail.example.com",
		"slash in password": "smtp://u:1/" + secret + "@mail.example.com",
		"hash in password":  "smtp://u:1#" + secret + "@mail.example.com",
		"path":              "smtp://u:" + secret + "@mail.example.com/inbox",
		"no password":       "smtp://" + secret + "@mail.example.com",
		"no user":           "smtp://:" + secret + "@mail.example.com",
		"unknown option":    "smtp://u:" + secret + "@mail.example.com?tls=no",
		"starttls maybe":    "smtp://u:" + secret + "@mail.example.com?starttls=maybe",
		"starttls in TLS":   "smtps://u:" + secret + "@mail.example.com?starttls=require",
		"control character": "smtp://u:" + secret + "\n@mail.example.com",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := NewSMTP(wrong, from)
			if err == nil {
				t.Fatal("accepted")
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("error holds the password: %v", err)
			}
			if strings.ContainsAny(err.Error(), "\r\n") {
				t.Errorf("error is not one line: %q", err)
			}
		})
	}
	if _, err := NewSMTP("smtp://mail.example.com", "muster"); err == nil {
		t.Error("a sender without a host was accepted")
	}
	for right, want := range map[string]string{"smtp://mail.example.com": "587", "smtps://mail.example.com": "465", "smtp://[::1]:1025/": "1025"} {
		s, err := NewSMTP(right, from)
		if err != nil || s.port != want {
			t.Errorf("%s: port %v, %v, want %s", right, s, err, want)
		}
	}
}
