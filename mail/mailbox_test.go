package mail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func openMailbox(t *testing.T, path string) *Mailbox {
	t.Helper()
	b, err := NewMailbox(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() }) // some tests close it themselves
	return b
}

func get(t *testing.T, b *Mailbox, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	b.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost:8080"+path, nil))
	return w
}

func send(t *testing.T, b *Mailbox, m Message) {
	t.Helper()
	if err := b.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
}

func TestMailboxSurvivesReopen(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path := filepath.Join(folder, "new", "box.jsonl")
	b := openMailbox(t, path)
	before := time.Now()
	send(t, b, letterFor(t, "1"))
	send(t, b, letterFor(t, "2"))
	if err := b.SendText(t.Context(), code); err != nil {
		t.Fatal(err)
	}
	messages, texts := b.Messages(""), b.Texts("")
	if len(messages) != 2 || messages[0].ID != "2" || messages[1].ID != "1" || len(texts) != 1 || texts[0].Body != code.Body {
		t.Fatalf("mailbox has %v and %v, want emails 2, 1 and the text", messages, texts)
	}
	if at := messages[0].At; at.Before(before) || at.After(time.Now()) {
		t.Errorf("At is %v, want now", at)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("file: %v, %v, want 0600", info.Mode(), err)
	}
	// A kill in the middle of a line.
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString(`{"n":4,"mail":{"id":"3","to":"an`); err != nil {
		t.Fatal(err)
	}
	_ = file.Close()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := b.Send(t.Context(), letterFor(t, "9")); err == nil {
		t.Error("a closed mailbox took an email")
	}

	again := openMailbox(t, path)
	if diff := cmp.Diff(messages, again.Messages("")); diff != "" {
		t.Errorf("emails after reopen (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(texts, again.Texts("")); diff != "" {
		t.Errorf("texts after reopen (-want +got):\n%s", diff)
	}
	send(t, again, letterFor(t, "4"))
	if got := openMailbox(t, path).Messages("ANA@example.com"); len(got) != 3 || got[0].ID != "4" {
		t.Errorf("third start has %d emails, want 3, the newest first", len(got))
	}
	if got := again.Messages("bo@example.com"); got == nil || len(got) != 0 {
		t.Errorf("emails to nobody are %v, want none", got)
	}

	inFolder := openMailbox(t, folder)
	send(t, inFolder, letterFor(t, "1"))
	if _, err := os.Stat(filepath.Join(folder, "mailbox.jsonl")); err != nil {
		t.Error(err)
	}
}

func TestMailboxKeepsTheLastThousand(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "box")
	b := openMailbox(t, path)
	m := Message{To: "ana@example.com", Subject: "s", Text: "t", HTML: "h"}
	for i := 1; i <= 4*mailboxKeeps+5; i++ {
		m.ID = fmt.Sprint(i)
		send(t, b, m)
	}
	for _, box := range []*Mailbox{b, openMailbox(t, path)} {
		got := box.Messages("")
		if len(got) != 1000 || got[0].ID != "4005" || got[999].ID != "3006" {
			t.Errorf("mailbox keeps %d emails, want 1000 from 3006 to 4005", len(got))
		}
	}
	data, err := os.ReadFile(path)
	if err != nil || strings.Count(string(data), "\n") > 1005 {
		t.Errorf("file has %d lines (%v), want it rewritten", strings.Count(string(data), "\n"), err)
	}
}

func TestMailboxConcurrently(t *testing.T) {
	t.Parallel()
	b := openMailbox(t, t.TempDir())
	m := letterFor(t, "1")
	handler := b.Handler()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 6 {
				if err := errors.Join(b.Send(t.Context(), m), b.SendText(t.Context(), code)); err != nil {
					t.Error(err)
				}
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://127.0.0.1/mailbox/", nil))
				if w.Code != http.StatusOK {
					t.Errorf("page is %d", w.Code)
				}
			}
		})
	}
	wg.Wait()
	again := openMailbox(t, b.path)
	if len(again.Messages("")) != 48 || len(again.Texts("")) != 48 {
		t.Errorf("mailbox has %d emails and %d texts, want 48 each", len(again.Messages("")), len(again.Texts("")))
	}
}

func TestMailboxRefusesWhatProductionWould(t *testing.T) {
	t.Parallel()
	b := openMailbox(t, t.TempDir())
	m := letterFor(t, "1")
	m.To = "nobody"
	if err := b.Send(t.Context(), m); !errors.Is(err, ErrRejected) {
		t.Errorf("send to nobody: %v, want ErrRejected", err)
	}
	if err := b.SendText(t.Context(), Text{To: "123", Body: "x"}); !errors.Is(err, ErrRejected) {
		t.Errorf("text to 123: %v, want ErrRejected", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Send(ctx, letterFor(t, "1")); !errors.Is(err, context.Canceled) {
		t.Errorf("send with an ended context: %v", err)
	}
	if len(b.Messages("")) != 0 {
		t.Error("mailbox kept what it refused")
	}
	if _, err := NewMailbox("/dev/null/box"); err == nil {
		t.Error("a mailbox below a file was opened")
	}
}

func TestMailboxAPI(t *testing.T) {
	t.Parallel()
	b := openMailbox(t, t.TempDir())
	m := letterFor(t, "job-7")
	send(t, b, m)
	bo := m
	bo.To, bo.ID = "bo@example.com", "job-8"
	send(t, b, bo)
	if err := b.SendText(t.Context(), code); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string][]string{
		"/mailbox/api/messages":                    {"job-8", "job-7"},
		"/mailbox/api/messages?to=ana@example.com": {"job-7"},
		"/mailbox/api/messages?to=eve@example.com": {},
		"/mailbox/api/texts":                       {code.Body},
		"/mailbox/api/texts?to=%2B4915112345678":   {code.Body},
		"/mailbox/api/texts?to=+4915112345678":     {code.Body},
	} {
		w := get(t, b, path)
		var list []map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil || list == nil || w.Header().Get("Content-Type") != "application/json" {
			t.Fatalf("%s: %v: %s", path, err, w.Body)
		}
		got := []string{}
		for _, item := range list {
			keys := []string{"id", "to", "subject", "text", "html", "at"}
			id := "id"
			if strings.Contains(path, "texts") {
				keys, id = []string{"to", "body", "at"}, "body"
			}
			for _, key := range keys {
				if s, ok := item[key].(string); !ok || s == "" {
					t.Errorf("%s: %s is %v", path, key, item[key])
				}
			}
			got = append(got, fmt.Sprint(item[id]))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
}

func TestMailboxPages(t *testing.T) {
	t.Parallel()
	b := openMailbox(t, t.TempDir())
	if w := get(t, b, "/mailbox/"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "Nothing here yet") {
		t.Errorf("empty mailbox is %d: %s", w.Code, w.Body)
	}
	const canary = `"><script>alert('canary')</script><img src=x onerror=alert(1)>`
	m := letterFor(t, "1")
	m.Subject, m.ToName = canary, canary
	m.Text = canary + " https://example.com/rejoin#token=a?b=\"onclick=x. javascript:alert(1)"
	m.HTML = "<script>alert('canary')</script>"
	send(t, b, m)
	if err := b.SendText(t.Context(), Text{To: code.To, Body: canary}); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/mailbox/", "/mailbox/?to=" + "%22%3E%3Cscript%3Ealert(1)%3C/script%3E", "/mailbox/messages/1"} {
		w := get(t, b, path)
		if w.Code != http.StatusOK {
			t.Errorf("%s is %d", path, w.Code)
		}
		for _, forbidden := range []string{"<script", "<img", `href="javascript`, `href="x`, `"onclick`} {
			if strings.Contains(w.Body.String(), forbidden) {
				t.Errorf("%s has %s:\n%s", path, forbidden, w.Body)
			}
		}
		policy := w.Header().Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "script-src") {
			t.Errorf("%s has policy %q", path, policy)
		}
	}
	page := get(t, b, "/mailbox/messages/1").Body.String()
	for _, needed := range []string{`<iframe title="The email&#39;s HTML" src="/mailbox/messages/1/html" sandbox="allow-popups`, `<a href="https://example.com/rejoin#token=a?b=" target="_blank" rel="noopener noreferrer">https://example.com/rejoin#token=a?b=</a>`} {
		if !strings.Contains(strings.ReplaceAll(page, "email's", "email&#39;s"), needed) {
			t.Errorf("page of the email lacks %s:\n%s", needed, page)
		}
	}
	if list := get(t, b, "/mailbox/").Body.String(); !strings.Contains(list, `<meta http-equiv="refresh" content="5">`) || strings.Index(list, "Text</span>") > strings.Index(list, "Email</span>") {
		t.Errorf("list does not refresh itself, or is not newest first:\n%s", list)
	}

	// The email's own HTML is shown as it is, where nothing of it can run.
	w := get(t, b, "/mailbox/messages/1/html")
	policy := w.Header().Get("Content-Security-Policy")
	if w.Body.String() != m.HTML || !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "sandbox allow-popups") ||
		strings.Contains(policy, "allow-scripts") || strings.Contains(policy, "allow-same-origin") || w.Header().Get("X-Frame-Options") != "SAMEORIGIN" {
		t.Errorf("email's HTML has policy %q: %s", policy, w.Body)
	}

	for path, want := range map[string]int{"/mailbox/style.css": 200, "/mailbox/messages/2": 404, "/mailbox/messages/x": 404, "/mailbox/messages/99/html": 404, "/mailbox/nothing": 404} {
		if w := get(t, b, path); w.Code != want {
			t.Errorf("%s is %d, want %d", path, w.Code, want)
		}
	}
}

func TestMailboxAnswersOnlyThisMachine(t *testing.T) {
	t.Parallel()
	b := openMailbox(t, t.TempDir())
	send(t, b, letterFor(t, "1"))
	for host, want := range map[string]int{"localhost": 200, "localhost:8080": 200, "127.0.0.1:8080": 200, "[::1]:8080": 200, "[::1]": 200, "evil.example": 403, "localhost.evil.example:8080": 403, "192.168.0.7": 403} {
		r := httptest.NewRequest(http.MethodGet, "/mailbox/api/messages", nil)
		r.Host = host
		w := httptest.NewRecorder()
		b.Handler().ServeHTTP(w, r)
		if w.Code != want || want == 403 && strings.Contains(w.Body.String(), "token") {
			t.Errorf("%s: %d, want %d", host, w.Code, want)
		}
	}
	w := httptest.NewRecorder()
	b.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodPost, "http://localhost/mailbox/", nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST is %d, want 405", w.Code)
	}
}
