package mail

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var code = Text{To: "+4915112345678", Body: "123456 is your Muster code."}

func TestCodeText(t *testing.T) {
	t.Parallel()
	want := "123456 is your Muster code. It works for 10 minutes. Never share it.\n\n@muster.example.com #123456"
	for _, host := range []string{"muster.example.com", "muster.example.com:8443"} {
		if got := CodeText("123456", host); got != want {
			t.Errorf("CodeText for %s = %q, want %q", host, got, want)
		}
	}
}

func TestTwilio(t *testing.T) {
	t.Parallel()
	for from, key := range map[string]string{"%2B15005550006": "From", "+15005550006": "From", "MG0123": "MessagingServiceSid"} {
		asked := make(chan *http.Request, 1)
		api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = r.ParseForm()
			asked <- r
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, `{"sid":"SM1","status":"queued"}`)
		}))
		t.Cleanup(api.Close)
		texter, err := NewTexter("twilio://AC123:t0ken@api.twilio.com?from=" + from + "&api=" + url.QueryEscape(api.URL))
		if err != nil {
			t.Fatal(err)
		}
		if err := texter.SendText(t.Context(), code); err != nil {
			t.Fatal(err)
		}
		r := <-asked
		user, password, _ := r.BasicAuth()
		sender := "+15005550006"
		if key != "From" {
			sender = from
		}
		want := []any{"POST", "/2010-04-01/Accounts/AC123/Messages.json", "AC123", "t0ken", url.Values{"To": {code.To}, key: {sender}, "Body": {code.Body}}}
		if diff := cmp.Diff(want, []any{r.Method, r.URL.Path, user, password, r.PostForm}); diff != "" {
			t.Errorf("request (-want +got):\n%s", diff)
		}
	}
}

func TestWebhookIsSigned(t *testing.T) {
	t.Parallel()
	type request struct {
		signature, uri string
		body           []byte
	}
	asked := make(chan request, 1)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked <- request{r.Header.Get("X-Muster-Signature"), r.RequestURI, body}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(hook.Close)
	texter, err := NewTexter(hook.URL + "/send?team=7&secret=sh%26hh")
	if err != nil {
		t.Fatal(err)
	}
	before := time.Now().Truncate(time.Second)
	if err := texter.SendText(t.Context(), code); err != nil {
		t.Fatal(err)
	}
	got := <-asked
	if got.uri != "/send?team=7" {
		t.Errorf("asked %s, want /send?team=7 without the secret", got.uri)
	}
	stamp, v1, ok := strings.Cut(strings.TrimPrefix(got.signature, "t="), ",v1=")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if !ok || err != nil || seconds < before.Unix() || seconds > time.Now().Unix() {
		t.Fatalf("signature %q has no time of now", got.signature)
	}
	mac := hmac.New(sha256.New, []byte("sh&hh"))
	mac.Write([]byte(stamp + "." + string(got.body)))
	if want := hex.EncodeToString(mac.Sum(nil)); v1 != want {
		t.Errorf("v1 is %s, want %s", v1, want)
	}
	var body map[string]string
	if err := json.Unmarshal(got.body, &body); err != nil {
		t.Fatal(err)
	}
	if at, err := time.Parse(time.RFC3339, body["at"]); err != nil || at.Unix() != seconds {
		t.Errorf("at is %q, want the time of the signature", body["at"])
	}
	delete(body, "at")
	if diff := cmp.Diff(map[string]string{"to": code.To, "body": code.Body}, body); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
}

func TestTextRefusals(t *testing.T) {
	t.Parallel()
	for status, rejected := range map[int]bool{400: true, 422: true, 302: false, 401: false, 403: false, 404: false, 429: false, 500: false, 503: false} {
		provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, `{"code":21211,"message":"not a phone\nnumber"}`)
		}))
		t.Cleanup(provider.Close)
		for _, address := range []string{
			"twilio://AC123:s3cr3t@api.twilio.com?from=%2B15005550006&api=" + url.QueryEscape(provider.URL),
			provider.URL + "/hook?secret=s3cr3t",
		} {
			texter, err := NewTexter(address)
			if err != nil {
				t.Fatal(err)
			}
			err = texter.SendText(t.Context(), code)
			if err == nil || errors.Is(err, ErrRejected) != rejected {
				t.Errorf("%d: %v, want an error, final %v", status, err, rejected)
				continue
			}
			if !strings.Contains(err.Error(), "21211, not a phone number") || strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("%d: error %q, want the provider's reason on one line and no secret", status, err)
			}
		}
	}
}

func TestTextFaultsKeepSecrets(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	release := make(chan struct{})
	hung := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(hung.Close)
	t.Cleanup(func() { close(release) })
	for _, base := range []string{gone.URL, hung.URL} {
		for _, address := range []string{
			"twilio://AC123:s3cr3t@api.twilio.com?from=%2B15005550006&api=" + url.QueryEscape(base),
			base + "/s3cr3t-path?secret=s3cr3t",
		} {
			texter, err := NewTexter(address)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			err = texter.SendText(ctx, code)
			cancel()
			if err == nil || errors.Is(err, ErrRejected) || strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("%v, want an error that may pass and holds no secret", err)
			}
			if base == hung.URL && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v, want the deadline", err)
			}
			for _, to := range []string{"", "015112345678", "+49", "+4915112345678901", "+49151 2345678"} {
				if err := texter.SendText(t.Context(), Text{To: to, Body: "x"}); !errors.Is(err, ErrRejected) {
					t.Errorf("to %q: %v, want ErrRejected", to, err)
				}
			}
		}
	}
}

func TestNewTexterRefusesWrongURLs(t *testing.T) {
	t.Parallel()
	for _, wrong := range []string{
		"", "sms", "ftp://s3cr3t@example.com", "twilio://api.twilio.com?from=%2B15005550006", "twilio://AC123@api.twilio.com?from=%2B15005550006",
		"twilio://AC123:s3cr3t@api.twilio.com", "twilio://AC123:s3cr3t@api.twilio.com?from=me", "twilio://AC123:s3cr3t@/?from=%2B15005550006",
		"twilio://AC123:s3cr3t@api.twilio.com?from=%2B15005550006&api=https://evil.example",
		"twilio://AC123:s3cr3t@api.twilio.com?from=%2B15005550006&api=http://127.0.0.1.evil.example",
		"https://example.com/hook", "https://example.com/hook?secret=", "http://example.com/hook?secret=s3cr3t",
		"https://example.com/hook?secret=s3cr3t%zz", "https://example.com/hook?secret=a#s3cr3t", "https://u:s3cr3t%zz@example.com/",
	} {
		_, err := NewTexter(wrong)
		if err == nil || strings.Contains(err.Error(), "s3cr3t") || strings.Contains(err.Error(), "\n") {
			t.Errorf("NewTexter(%q): %v, want one line without the secret", wrong, err)
		}
	}
	if _, err := NewTexter("https://sms.example.com/hook?secret=s"); err != nil {
		t.Error(err)
	}
}
