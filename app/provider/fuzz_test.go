package provider

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/coreos/go-oidc/v3/oidc"
)

const fuzzed = "https://provider.example"

// scripted answers by path, without a network.
type scripted map[string][]byte

func (s scripted) RoundTrip(r *http.Request) (*http.Response, error) {
	body, ok := s[r.URL.Path]
	status := http.StatusOK
	if !ok {
		status = http.StatusNotFound
	}
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(body)),
	}, nil
}

// Whatever a provider answers, as its discovery document, token and keys, nobody is named without a signed token, and every
// failure is one of those that a person can do something about.
func FuzzAnswers(f *testing.F) {
	document := []byte(`{"issuer":"` + fuzzed + `","authorization_endpoint":"` + fuzzed + `/authorize","token_endpoint":"` + fuzzed + `/token","jwks_uri":"` + fuzzed + `/keys","id_token_signing_alg_values_supported":["RS256","none","HS256"]}`)
	f.Add(document, []byte(`{"access_token":"a","token_type":"Bearer","id_token":"a.b.c"}`), []byte(`{"keys":[]}`))
	f.Add(document, []byte(`{"access_token":"a","token_type":"Bearer","id_token":"eyJhbGciOiJub25lIn0.e30."}`), []byte(`{"keys":[{"kty":"oct","k":"AA"}]}`))
	f.Add(document, []byte(`{"access_token":"a","token_type":"Bearer","id_token":"eyJhbGciOiJIUzI1NiJ9.e30.AAAA"}`), []byte(`{"keys":[{"kty":"RSA","n":"","e":""}]}`))
	f.Add(document, []byte(`{"access_token":"a","id_token":7}`), []byte(`null`))
	f.Add([]byte(`{}`), []byte(`access_token=a&id_token=b`), []byte(`null`))
	f.Add([]byte(`[[[[`), []byte(`{"error":"invalid_grant"}`), []byte(`[]`))
	f.Fuzz(func(t *testing.T, document, token, keys []byte) {
		c := New(false, time.Now)
		c.http = &http.Client{Transport: scripted{"/.well-known/openid-configuration": document, "/token": token, "/keys": keys}}
		at := Connection{Issuer: fuzzed, ClientID: clientID, ClientSecret: clientSecret, RedirectURL: "https://muster.example/sso/callback"}
		who, err := c.Redeem(t.Context(), at, try, "code", "")
		switch {
		case who != nil || err == nil:
			t.Fatalf("it names %+v", who)
		case !errors.Is(err, ErrUnreachable) && !errors.Is(err, ErrRefused) && !errors.Is(err, ErrToken):
			t.Errorf("it fails with %v", err)
		case strings.Contains(err.Error(), clientSecret) || len(err.Error()) > 1000:
			t.Errorf("the log gets %q", err)
		}
	})
}

// Whatever the claims of a token that its provider has signed, who is named has a subject that can be kept, of this issuer, attempt
// and client, and a second factor only where the token tells of one.
func FuzzClaims(f *testing.F) {
	for _, seed := range []string{
		`{"iss":"` + fuzzed + `","sub":"ada","aud":"muster","nonce":"nonce","exp":4102444800,"amr":["pwd","otp"],"name":" Ada ","email":"ada@example.com"}`,
		`{"iss":"` + fuzzed + `","sub":"a\u0000b","aud":["muster"],"nonce":"nonce","exp":4102444800}`,
		`{"iss":"` + fuzzed + `","sub":"ada","aud":["muster","other"],"azp":"other","nonce":"nonce","exp":4102444800}`,
		`{"iss":"` + fuzzed + `","sub":"ada","aud":"muster","nonce":"nonce","exp":4102444800,"amr":"mfa","acr":7,"email":["a"]}`,
		`{"iss":"accounts.google.com","sub":7,"aud":{},"exp":"soon"}`, `null`, `[]`,
	} {
		f.Add([]byte(seed))
	}
	verifier := oidc.NewVerifier(fuzzed, nil, &oidc.Config{ClientID: clientID, InsecureSkipSignatureCheck: true}) // what is signed is the question
	part := base64.RawURLEncoding.EncodeToString
	f.Fuzz(func(t *testing.T, claims []byte) {
		token, err := verifier.Verify(t.Context(), part([]byte(`{"alg":"RS256"}`))+"."+part(claims)+"."+part([]byte("signed")))
		if err != nil {
			return
		}
		who, err := identity(Connection{Issuer: fuzzed, ClientID: clientID}, try, token)
		if err != nil {
			if !errors.Is(err, ErrToken) {
				t.Errorf("it fails with %v", err)
			}
			return
		}
		var said map[string]any
		if err := json.Unmarshal(claims, &said); err != nil {
			t.Fatalf("claims that are no object name %+v", who)
		}
		if n := len(who.Subject); n < 1 || n > 255 || !utf8.ValidString(who.Subject) || strings.Contains(who.Subject, "\x00") {
			t.Errorf("the subject is %q", who.Subject)
		}
		if token.Nonce != try.Nonce || token.Issuer != fuzzed || !slices.Contains(token.Audience, clientID) {
			t.Errorf("a token for somebody else was taken: %s", claims)
		}
		if who.SecondFactor && !strings.Contains(strings.ToLower(string(claims)), `"amr"`) && !strings.Contains(strings.ToLower(string(claims)), `"acr"`) && !strings.Contains(string(claims), `\u`) {
			t.Errorf("a second factor out of nothing: %s", claims)
		}
	})
}
