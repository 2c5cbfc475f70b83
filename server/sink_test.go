package main

import (
	"errors"
	"io"
	"log"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"
)

// sink is a real SMTP server on loopback that keeps what it is given.
type sink struct {
	address string

	mu      sync.Mutex
	letters []letter
	refuse  map[string]error // by recipient, at RCPT TO
	server  *smtp.Server
	done    chan struct{}
}

// letter is one email as it came over the wire.
type letter struct {
	To, Subject, MessageID string
	Text, HTML             string
}

func newSink(t *testing.T) *sink {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &sink{address: listener.Addr().String(), refuse: map[string]error{}}
	s.serve(listener)
	t.Cleanup(func() { s.down() })
	return s
}

func (s *sink) url() string { return "smtp://" + s.address }

func (s *sink) serve(listener net.Listener) {
	server := smtp.NewServer(s)
	server.Domain = "sink.example"
	server.ErrorLog = log.New(io.Discard, "", 0) // clients that are killed are the point of some tests
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener) // ends with the closed listener
	}()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.server, s.done = server, done
}

// down ends the server: nobody answers at its address.
func (s *sink) down() {
	s.mu.Lock()
	server, done := s.server, s.done
	s.server = nil
	s.mu.Unlock()
	if server != nil {
		_ = server.Close()
		<-done
	}
}

// up answers again at the same address.
func (s *sink) up(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	s.serve(listener)
}

// to is what an address was sent, oldest first, with subjects that begin so.
func (s *sink) to(email, subject string) []letter {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []letter
	for _, l := range s.letters {
		if l.To == email && strings.HasPrefix(l.Subject, subject) {
			found = append(found, l)
		}
	}
	return found
}

// count is how many mails with a subject each address was sent.
func (s *sink) count(subject string) map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := map[string]int{}
	for _, l := range s.letters {
		if l.Subject == subject {
			counts[l.To]++
		}
	}
	return counts
}

// NewSession takes a connection.
func (s *sink) NewSession(*smtp.Conn) (smtp.Session, error) { return &sinkSession{sink: s}, nil }

type sinkSession struct {
	sink *sink
	to   string
}

func (*sinkSession) Mail(string, *smtp.MailOptions) error { return nil }

func (s *sinkSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = to
	s.sink.mu.Lock()
	defer s.sink.mu.Unlock()
	return s.sink.refuse[to]
}

func (s *sinkSession) Data(r io.Reader) error {
	l, err := readLetter(r)
	if err != nil {
		return err
	}
	l.To = s.to
	s.sink.mu.Lock()
	defer s.sink.mu.Unlock()
	s.sink.letters = append(s.sink.letters, l)
	return nil
}

func (*sinkSession) Reset()        {}
func (*sinkSession) Logout() error { return nil }

// readLetter reads what a mail program would show.
func readLetter(r io.Reader) (l letter, err error) {
	message, err := mail.ReadMessage(r)
	if err != nil {
		return l, err
	}
	if l.Subject, err = new(mime.WordDecoder).DecodeHeader(message.Header.Get("Subject")); err != nil {
		return l, err
	}
	l.MessageID = message.Header.Get("Message-Id")
	kind, params, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
	if err != nil {
		return l, err
	}
	if kind != "multipart/alternative" {
		return l, errors.New("not multipart/alternative but " + kind)
	}
	parts := multipart.NewReader(message.Body, params["boundary"])
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return l, nil
		}
		if err != nil {
			return l, err
		}
		var body io.Reader = part
		if strings.EqualFold(part.Header.Get("Content-Transfer-Encoding"), "quoted-printable") {
			body = quotedprintable.NewReader(part)
		}
		text, err := io.ReadAll(body)
		if err != nil {
			return l, err
		}
		if strings.HasPrefix(part.Header.Get("Content-Type"), "text/html") {
			l.HTML = string(text)
		} else {
			l.Text = string(text)
		}
	}
}
