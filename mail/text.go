package mail

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// textTimeout bounds one request to an SMS provider.
const textTimeout = 10 * time.Second

// SignatureHeader carries a webhook's signature: "t=<unix seconds>,v1=<hex>", where v1 is HMAC-SHA256 with the secret of
// SMS_URL over t, a dot, and the body. Receivers compare in constant time and refuse an old t.
const SignatureHeader = "X-Muster-Signature"

// CodeText is the SMS that carries a code. Its last line binds the code to the host, so that a phone fills it in on that
// page and on no other (the WICG's "origin-bound one-time codes"). A port in host is left out.
func CodeText(code, host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return fmt.Sprintf("%s is your Muster code. It works for 10 minutes. Never share it.\n\n@%s #%s", code, host, code)
}

// NewTexter reads the SMS provider from a URL. It dials nobody. Its errors, and those of the Texter, never hold a secret.
//
// twilio://ACCOUNT_SID:AUTH_TOKEN@api.twilio.com?from=%2B15005550006 is Twilio's REST API; from may be a number or a
// messaging service (MG…), and ?api=http://127.0.0.1:port sends to this machine instead.
//
// https://host/path?secret=… is a webhook, which gets {"to", "body", "at"} as JSON, signed (SignatureHeader); http only
// for this machine. The secret itself is not sent.
func NewTexter(rawURL string) (Texter, error) {
	// url.Parse's own error repeats the whole URL, secrets included.
	u, err := url.Parse(rawURL)
	if err != nil || u.Opaque != "" || u.Hostname() == "" || u.Fragment != "" {
		return nil, errors.New("SMS_URL is no URL of a provider: write it like twilio://ACCOUNT_SID:AUTH_TOKEN@api.twilio.com?from=%2B15005550006 or https://sms.example.com/send?secret=…")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, errors.New("SMS_URL has options that cannot be read: percent-encode special characters")
	}
	switch u.Scheme {
	case "twilio":
		return newTwilio(u, query)
	case "https", "http":
		return newWebhook(u, query)
	}
	return nil, errors.New("SMS_URL must begin with twilio:// or https://")
}

type twilio struct {
	client            *http.Client
	endpoint          string
	account, token    string
	senderKey, sender string
}

func newTwilio(u *url.URL, query url.Values) (Texter, error) {
	t := &twilio{client: textClient(), account: u.User.Username(), senderKey: "From"}
	t.token, _ = u.User.Password()
	if t.account == "" || t.token == "" {
		return nil, errors.New("SMS_URL lacks Twilio's account or token: twilio://ACCOUNT_SID:AUTH_TOKEN@api.twilio.com?from=…")
	}
	t.sender = plus(query.Get("from"))
	if strings.HasPrefix(t.sender, "MG") {
		t.senderKey = "MessagingServiceSid"
	} else if (Text{To: t.sender, Body: "-"}).check() != nil {
		return nil, errors.New("SMS_URL lacks the sender: ?from= with a number such as %2B15005550006, or a messaging service (MG…)")
	}
	api := "https://" + u.Host
	if override := query.Get("api"); override != "" {
		o, err := url.Parse(override)
		if err != nil || (o.Scheme != "http" && o.Scheme != "https") || !loopback(o.Hostname()) {
			return nil, errors.New("SMS_URL has an ?api= that is not http:// on this machine: leave it out")
		}
		api = o.Scheme + "://" + o.Host
	}
	t.endpoint = api + "/2010-04-01/Accounts/" + url.PathEscape(t.account) + "/Messages.json"
	return t, nil
}

// SendText asks Twilio to send t.
func (w *twilio) SendText(ctx context.Context, t Text) error {
	if err := t.check(); err != nil {
		return err
	}
	form := url.Values{"To": {t.To}, w.senderKey: {w.sender}, "Body": {t.Body}}
	ctx, cancel := context.WithTimeout(ctx, textTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return errors.New("write request to Twilio: its address cannot be used")
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.SetBasicAuth(w.account, w.token)
	return deliver(w.client, request, "Twilio")
}

type webhook struct {
	client   *http.Client
	endpoint string
	secret   []byte
}

func newWebhook(u *url.URL, query url.Values) (Texter, error) {
	if u.Scheme == "http" && !loopback(u.Hostname()) {
		return nil, errors.New("SMS_URL must be https:// for another machine: codes travel in it")
	}
	secret := query.Get("secret")
	if secret == "" {
		return nil, errors.New("SMS_URL lacks the secret that signs requests: https://sms.example.com/send?secret=…")
	}
	query.Del("secret")
	endpoint := *u
	endpoint.RawQuery = query.Encode()
	return &webhook{client: textClient(), endpoint: endpoint.String(), secret: []byte(secret)}, nil
}

// SendText posts t, signed, to the webhook.
func (w *webhook) SendText(ctx context.Context, t Text) error {
	if err := t.check(); err != nil {
		return err
	}
	now := time.Now().UTC()
	t.At = now
	body, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("write request to SMS webhook: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, textTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.endpoint, bytes.NewReader(body))
	if err != nil {
		return errors.New("write request to SMS webhook: its address cannot be used")
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(SignatureHeader, sign(w.secret, now, body))
	return deliver(w.client, request, "SMS webhook")
}

func sign(secret []byte, at time.Time, body []byte) string {
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(stamp + "."))
	mac.Write(body)
	return "t=" + stamp + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// textClient follows no redirect: it would carry codes and credentials where nobody configured them to go.
func textClient() *http.Client {
	return &http.Client{
		Timeout:       textTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// deliver sends the request and reads the answer. 400 and 422 are about this text and final; every other refusal (sign-in,
// rate, an outage, a wrong path) is about the provider or the settings and may pass.
func deliver(client *http.Client, request *http.Request, provider string) error {
	response, err := client.Do(request)
	if err != nil {
		// *url.Error repeats the address, and a webhook's path may be a secret.
		var at *url.Error
		if errors.As(err, &at) {
			err = at.Err
		}
		return fmt.Errorf("send text through %s: %w", provider, err)
	}
	defer func() { _ = response.Body.Close() }()
	// Twilio's answers say why in "code" and "message"; whatever else comes is not repeated.
	var why struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}
	answer, _ := io.ReadAll(io.LimitReader(response.Body, 64<<10)) // only an explanation: the status decides
	if response.StatusCode >= 200 && response.StatusCode < 300 {
		return nil
	}
	reason := strconv.Itoa(response.StatusCode)
	if json.Unmarshal(answer, &why) == nil && why.Code != 0 {
		reason = fmt.Sprintf("%s, code %d, %s", reason, why.Code, sentence(why.Message))
	}
	switch response.StatusCode {
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return fmt.Errorf("send text through %s: %w (%s)", provider, ErrRejected, reason)
	}
	return fmt.Errorf("send text through %s: answered %s", provider, reason)
}

// loopback reports whether host is this machine, by name or address.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// plus mends the + that a query string decodes to a space.
func plus(number string) string {
	if rest, spaced := strings.CutPrefix(number, " "); spaced {
		return "+" + rest
	}
	return number
}
