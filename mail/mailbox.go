package mail

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// mailboxKeeps is how many emails, and how many texts, the mailbox remembers.
const mailboxKeeps = 1000

// mailboxFile is the file's name where NewMailbox is given a folder.
const mailboxFile = "mailbox.jsonl"

// Mailbox is the development stand-in for a mail server and an SMS provider: it keeps the last 1,000 emails and the last
// 1,000 texts in a file of JSON lines, so that a restart keeps them, and shows them on a page. It is for one process
// and for this machine: whoever reads it reads every link. It is safe for concurrent use.
type Mailbox struct {
	path string

	mu    sync.Mutex
	file  *os.File
	lines int // in the file
	next  int // number of the next delivery
	mails []delivery
	texts []delivery
}

var (
	_ Sender = (*Mailbox)(nil)
	_ Texter = (*Mailbox)(nil)
)

// delivery is one line of the file: an email or a text. Its number is its place in the page's addresses.
type delivery struct {
	Number int      `json:"n"`
	Mail   *Message `json:"mail,omitempty"`
	Text   *Text    `json:"text,omitempty"`
}

func (d delivery) at() time.Time {
	if d.Mail != nil {
		return d.Mail.At
	}
	return d.Text.At
}

func (d delivery) to() string {
	if d.Mail != nil {
		return d.Mail.To
	}
	return d.Text.To
}

// NewMailbox opens the file at path, or mailbox.jsonl in it where path is a folder, and makes both where they are
// missing, for this user only (0600, 0700). A line that a crash cut short is dropped.
func NewMailbox(path string) (*Mailbox, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, mailboxFile)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make mailbox's folder: %w", err)
	}
	b := &Mailbox{path: path, next: 1}
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read mailbox: %w", err)
	}
	for line := range bytes.Lines(old) {
		var d delivery
		if json.Unmarshal(line, &d) == nil && (d.Mail == nil) != (d.Text == nil) {
			b.keep(d)
		}
	}
	if err := b.rewrite(); err != nil {
		return nil, err
	}
	return b, nil
}

// Close closes the file. The mailbox still shows what it has and refuses to take more.
func (b *Mailbox) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.file.Close()
}

// Send keeps m. It refuses what SMTP refuses before dialling.
func (b *Mailbox) Send(ctx context.Context, m Message) error {
	if err := m.check(); err != nil {
		return err
	}
	m.At = time.Now().UTC()
	return b.take(ctx, delivery{Mail: &m})
}

// SendText keeps t. It refuses what a provider would without asking.
func (b *Mailbox) SendText(ctx context.Context, t Text) error {
	if err := t.check(); err != nil {
		return err
	}
	t.At = time.Now().UTC()
	return b.take(ctx, delivery{Text: &t})
}

// Messages are the emails to one address, newest first; to all where to is empty.
func (b *Mailbox) Messages(to string) []Message {
	out := []Message{}
	for _, d := range b.deliveries(to) {
		if d.Mail != nil {
			out = append(out, *d.Mail)
		}
	}
	return out
}

// Texts are the texts to one number, newest first; to all where to is empty.
func (b *Mailbox) Texts(to string) []Text {
	out := []Text{}
	for _, d := range b.deliveries(to) {
		if d.Text != nil {
			out = append(out, *d.Text)
		}
	}
	return out
}

// deliveries are emails and texts together, newest first.
func (b *Mailbox) deliveries(to string) []delivery {
	b.mu.Lock()
	all := slices.Concat(b.mails, b.texts)
	b.mu.Unlock()
	if to != "" {
		all = slices.DeleteFunc(all, func(d delivery) bool { return !strings.EqualFold(d.to(), to) })
	}
	slices.SortFunc(all, func(x, y delivery) int { return y.Number - x.Number })
	return all
}

// find is the email with that number, or false.
func (b *Mailbox) find(number int) (delivery, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	i, found := slices.BinarySearchFunc(b.mails, number, func(d delivery, n int) int { return d.Number - n })
	if !found {
		return delivery{}, false
	}
	return b.mails[i], true
}

func (b *Mailbox) take(ctx context.Context, d delivery) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("put into mailbox: %w", err)
	}
	d.Number = b.next
	line, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("put into mailbox: %w", err)
	}
	// One write, so that a kill leaves the line whole or leaves the next start to drop it.
	if _, err := b.file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("put into mailbox: %w", err)
	}
	b.lines++
	b.keep(d)
	if b.lines >= 4*mailboxKeeps {
		return b.rewrite()
	}
	return nil
}

// keep remembers d and forgets the oldest of its kind beyond the limit.
func (b *Mailbox) keep(d delivery) {
	b.next = max(b.next, d.Number+1)
	kind := &b.mails
	if d.Text != nil {
		kind = &b.texts
	}
	*kind = append(*kind, d)
	if over := len(*kind) - mailboxKeeps; over > 0 {
		*kind = slices.Delete(*kind, 0, over)
	}
}

// rewrite replaces the file by one that holds only what is remembered. The new one takes the old one's place at once, so
// a crash leaves either.
func (b *Mailbox) rewrite() error {
	temporary, err := os.CreateTemp(filepath.Dir(b.path), filepath.Base(b.path)+".*") // 0600
	if err != nil {
		return fmt.Errorf("rewrite mailbox: %w", err)
	}
	w := bufio.NewWriter(temporary)
	encoder := json.NewEncoder(w)
	all := slices.Concat(b.mails, b.texts)
	slices.SortFunc(all, func(x, y delivery) int { return x.Number - y.Number })
	for _, d := range all {
		err = errors.Join(err, encoder.Encode(d))
	}
	err = errors.Join(err, w.Flush(), temporary.Sync())
	if err == nil {
		err = os.Rename(temporary.Name(), b.path)
	}
	if err != nil {
		return fmt.Errorf("rewrite mailbox: %w", errors.Join(err, temporary.Close(), os.Remove(temporary.Name())))
	}
	if b.file != nil {
		_ = b.file.Close() // replaced: nothing reads it again
	}
	b.file, b.lines = temporary, len(all)
	return nil
}
