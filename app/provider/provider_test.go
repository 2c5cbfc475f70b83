package provider

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

// liar is a provider that answers whatever a test wants.
type liar struct {
	*httptest.Server
	key      *rsa.PrivateKey
	document map[string]any // the discovery document
	claims   map[string]any // of the next ID token
	sign     func(claims []byte) string
	redeem   http.HandlerFunc // instead of handing out the token
	asked    atomic.Int64     // how often for the document
}

const (
	clientID     = "muster"
	clientSecret = "the client's canary"
)

// challengeOfVs is what openssl makes of the verifier: printf %s VERIFIER | openssl dgst -sha256 -binary | base64, in base64url.
const challengeOfVs = "7w_YNF9DSfIdPf_pRjSq646_kPr-2-o9NAl16JGghdM"

var try = Attempt{State: "state", Nonce: "nonce", Verifier: strings.Repeat("v", 43)}

func newLiar(t *testing.T) *liar {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	l := &liar{key: key}
	mux := http.NewServeMux()
	l.Server = httptest.NewServer(mux)
	t.Cleanup(l.Close)
	l.document = map[string]any{
		"issuer": l.URL, "authorization_endpoint": l.URL + "/authorize", "token_endpoint": l.URL + "/token", "jwks_uri": l.URL + "/keys",
		"id_token_signing_alg_values_supported": []string{"RS256"},
	}
	l.claims = map[string]any{
		"iss": l.URL, "sub": "ada", "aud": clientID, "nonce": try.Nonce, "exp": time.Now().Add(time.Minute).Unix(), "iat": time.Now().Unix(),
		"name": "Ada", "email": "ada@example.com", "email_verified": true,
	}
	l.sign = func(claims []byte) string { return signed(t, jose.RS256, key, claims) }
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		l.asked.Add(1)
		answer(w, l.document)
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &key.PublicKey, KeyID: "1", Algorithm: "RS256", Use: "sig"}}})
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		if l.redeem != nil {
			l.redeem(w, r)
			return
		}
		l.hand(w)
	})
	return l
}

// hand hands the token out.
func (l *liar) hand(w http.ResponseWriter) {
	raw, err := json.Marshal(l.claims)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	answer(w, map[string]any{"access_token": "x", "token_type": "Bearer", "id_token": l.sign(raw)})
}

func signed(t *testing.T, alg jose.SignatureAlgorithm, key any, claims []byte) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: "1"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func (l *liar) at() Connection {
	return Connection{Issuer: l.URL, ClientID: clientID, ClientSecret: clientSecret, RedirectURL: "https://muster.example.com/sso/callback"}
}

func TestHonestAnswer(t *testing.T) {
	t.Parallel()
	l, c := newLiar(t), New(true, time.Now)
	raw, err := c.AuthURL(t.Context(), l.at(), try)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	// RFC 7636, section 4.2.
	for name, want := range map[string]string{
		"state": "state", "nonce": "nonce", "client_id": clientID, "response_type": "code", "code_challenge_method": "S256",
		"scope": "openid profile email", "redirect_uri": "https://muster.example.com/sso/callback", "code_challenge": challengeOfVs,
	} {
		if got := q.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	l.claims["amr"] = []string{"pwd", "otp"}
	who, err := c.Redeem(t.Context(), l.at(), try, "code", "")
	if err != nil {
		t.Fatal(err)
	}
	if who.Subject != "ada" || who.Name != "Ada" || who.Email != "ada@example.com" || !who.EmailVerified || !who.SecondFactor {
		t.Errorf("got %+v", who)
	}
	if n := l.asked.Load(); n != 1 {
		t.Errorf("the discovery document was fetched %d times, want once", n)
	}
}

// TestLies: none of these is taken for an answer, and each is told apart for people.
func TestLies(t *testing.T) {
	t.Parallel()
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	claim := func(name string, value any) func(*testing.T, *liar) {
		return func(_ *testing.T, l *liar) {
			if l.claims[name] = value; value == nil {
				delete(l.claims, name)
			}
		}
	}
	tests := []struct {
		sentence string
		lie      func(t *testing.T, l *liar)
		iss      string
		want     error
	}{
		{"a token of another issuer", claim("iss", "https://accounts.example.com"), "", ErrToken},
		{"a token for another client", claim("aud", "another"), "", ErrToken},
		{"a token for several without the one it was made for", claim("aud", []string{clientID, "another"}), "", ErrToken},
		{"a token that another client asked for", claim("azp", "another"), "", ErrToken},
		{"a token that has expired", claim("exp", time.Now().Add(-time.Second).Unix()), "", ErrToken},
		{"a token that never expires", claim("exp", nil), "", ErrToken},
		{"a token that is not valid yet", claim("nbf", time.Now().Add(time.Hour).Unix()), "", ErrToken},
		{"a token of another attempt", claim("nonce", "another"), "", ErrToken},
		{"a token of no attempt", claim("nonce", nil), "", ErrToken},
		{"a token about nobody", claim("sub", ""), "", ErrToken},
		{"a subject of 256 characters", claim("sub", strings.Repeat("a", 256)), "", ErrToken},
		{"a subject with a NUL", claim("sub", "a\x00b"), "", ErrToken},
		{"a token that is not signed", func(_ *testing.T, l *liar) {
			l.sign = func(claims []byte) string { return unsigned(`{"alg":"none"}`, claims) }
		}, "", ErrToken},
		{"a token signed with another key", func(t *testing.T, l *liar) {
			l.sign = func(claims []byte) string { return signed(t, jose.RS256, other, claims) }
		}, "", ErrToken},
		{"a token signed with the client's secret, where the document allows it", func(t *testing.T, l *liar) {
			l.document["id_token_signing_alg_values_supported"] = []string{"RS256", "HS256", "none"}
			l.sign = func(claims []byte) string {
				return signed(t, jose.HS256, []byte(strings.Repeat(clientSecret, 2)), claims)
			}
		}, "", ErrToken},
		{"no token", func(_ *testing.T, l *liar) {
			l.redeem = func(w http.ResponseWriter, _ *http.Request) {
				answer(w, map[string]any{"access_token": "x", "token_type": "Bearer"})
			}
		}, "", ErrToken},
		{"a callback that names another issuer", func(*testing.T, *liar) {}, "https://accounts.example.com", ErrToken},
		{"a callback without the issuer that was promised", func(_ *testing.T, l *liar) {
			l.document["authorization_response_iss_parameter_supported"] = true
		}, "", ErrToken},
		{"a code that is not redeemed, with an echo of the secret", func(_ *testing.T, l *liar) {
			l.redeem = func(w http.ResponseWriter, r *http.Request) {
				_, secret, _ := r.BasicAuth()
				w.WriteHeader(http.StatusBadRequest)
				_, _ = fmt.Fprintf(w, `{"error":"invalid_grant","error_description":%q}`, secret+r.FormValue("code"))
			}
		}, "", ErrRefused},
		{"a redirect of what carries the secret", func(_ *testing.T, l *liar) {
			l.redeem = func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Query().Has("again") {
					l.hand(w)
					return
				}
				http.Redirect(w, r, "/token?again", http.StatusTemporaryRedirect)
			}
		}, "", ErrUnreachable},
		{"a document of another issuer", func(_ *testing.T, l *liar) { l.document["issuer"] = "https://accounts.example.com" }, "", ErrUnreachable},
		{"a page of a script", func(_ *testing.T, l *liar) { l.document["authorization_endpoint"] = "javascript:alert(1)" }, "", ErrUnreachable},
		{"a page in the clear", func(_ *testing.T, l *liar) { l.document["authorization_endpoint"] = "http://login.example.com/" }, "", ErrUnreachable},
		{"keys in the clear", func(_ *testing.T, l *liar) { l.document["jwks_uri"] = "http://169.254.169.254/latest/meta-data" }, "", ErrToken},
		{"a huge document", func(_ *testing.T, l *liar) { l.document["padding"] = strings.Repeat("x", maxAnswer) }, "", ErrUnreachable},
	}
	for _, test := range tests {
		t.Run(test.sentence, func(t *testing.T) {
			t.Parallel()
			l := newLiar(t)
			test.lie(t, l)
			who, err := New(true, time.Now).Redeem(t.Context(), l.at(), try, "the code's canary", test.iss)
			if !errors.Is(err, test.want) || who != nil {
				t.Fatalf("got %+v, %v; want %v", who, err, test.want)
			}
			if text := err.Error(); strings.Contains(text, "canary") || len(text) > 400 {
				t.Errorf("the error tells too much: %s", text)
			}
		})
	}
}

// TestUserInfo: what an ID token leaves out is asked for, of the same subject only; without an answer the sign-in holds.
func TestUserInfo(t *testing.T) {
	t.Parallel()
	for sentence, test := range map[string]struct {
		says map[string]any
		want Identity
	}{
		"the same subject":    {map[string]any{"sub": "ada", "preferred_username": "lovelace", "email": "ada@example.com", "amr": []string{"mfa"}}, Identity{Subject: "ada", Name: "lovelace", Email: "ada@example.com"}},
		"a verified address":  {map[string]any{"sub": "ada", "name": "Ada", "email": "ada@example.com", "email_verified": true}, Identity{Subject: "ada", Name: "Ada", Email: "ada@example.com", EmailVerified: true}},
		"verified in a text":  {map[string]any{"sub": "ada", "name": "Ada", "email": "ada@example.com", "email_verified": "true"}, Identity{Subject: "ada", Name: "Ada", Email: "ada@example.com", EmailVerified: true}},
		"not verified":        {map[string]any{"sub": "ada", "name": "Ada", "email": "ada@example.com", "email_verified": false}, Identity{Subject: "ada", Name: "Ada", Email: "ada@example.com"}},
		"verified without it": {map[string]any{"sub": "ada", "name": "Ada", "email_verified": true}, Identity{Subject: "ada", Name: "Ada"}},
		"another subject":     {map[string]any{"sub": "eve", "name": "Eve", "email": "eve@example.com"}, Identity{Subject: "ada"}},
		"what cannot be read": {map[string]any{"sub": "ada", "name": 7}, Identity{Subject: "ada"}},
		"nothing":             {nil, Identity{Subject: "ada"}},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			l := newLiar(t)
			info := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w, test.says) }))
			t.Cleanup(info.Close)
			l.document["userinfo_endpoint"] = info.URL
			delete(l.claims, "name")
			delete(l.claims, "email")
			who, err := New(true, time.Now).Redeem(t.Context(), l.at(), try, "code", "")
			if err != nil {
				t.Fatal(err)
			}
			who.Texts = nil // the ID token's
			if diff := cmp.Diff(&test.want, who); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestVerifiedBySomebodyElse: an address is verified only by the answer that has it.
func TestVerifiedBySomebodyElse(t *testing.T) {
	t.Parallel()
	l := newLiar(t)
	info := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"sub": "ada", "name": "Ada", "email": "ada@else.example", "email_verified": true})
	}))
	t.Cleanup(info.Close)
	l.document["userinfo_endpoint"] = info.URL
	delete(l.claims, "name")
	l.claims["email_verified"] = false
	who, err := New(true, time.Now).Redeem(t.Context(), l.at(), try, "code", "")
	if err != nil || who.Name != "Ada" || who.Email != "ada@example.com" || who.EmailVerified {
		t.Errorf("got %+v, %v", who, err)
	}
}

// TestTexts: claims that are texts, numbers or truth values, or lists with some in them, are kept, numbers and truth values as they are
// written, and nothing else is made a text of.
func TestTexts(t *testing.T) {
	t.Parallel()
	l := newLiar(t)
	l.claims["hd"], l.claims["groups"], l.claims["level"], l.claims["staff"] = "corp.example", []any{"a", 7, "b", []string{"c"}, nil, false}, json.Number("1.50"), true
	l.claims["of"] = map[string]string{"groups": "d"}
	l.claims["none"], l.claims["empty"], l.claims["quoted"] = nil, []string{}, "a\u00e4\"b"
	who, err := New(true, time.Now).Redeem(t.Context(), l.at(), try, "code", "")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]string{"hd": {"corp.example"}, "groups": {"a", "7", "b", "false"}, "level": {"1.50"}, "staff": {"true"}, "of": nil, "none": nil, "empty": nil, "quoted": {`aä"b`}} {
		if diff := cmp.Diff(want, who.Texts[name]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestOddClaims: what an unusual provider says where nothing hangs on it counts as not said, and keeps nobody out.
func TestOddClaims(t *testing.T) {
	t.Parallel()
	for name, odd := range map[string][]any{
		"amr": {"mfa", 5, true, map[string]any{"mfa": true}, []any{"pwd", 5, "otp"}}, "acr": {1, []string{"https://refeds.org/profile/mfa"}},
		"name": {5, []string{"Eve"}}, "preferred_username": {true}, "email": {7, []string{"eve@example.com"}},
	} {
		for _, claim := range odd {
			l := newLiar(t)
			l.claims[name] = claim
			who, err := New(true, time.Now).Redeem(t.Context(), l.at(), try, "code", "")
			if err != nil {
				t.Errorf("%s = %v: %v", name, claim, err)
				continue
			}
			want := &Identity{Subject: "ada", Name: "Ada", Email: "ada@example.com", EmailVerified: true}
			switch name {
			case "name":
				want.Name = ""
			case "email":
				want.Email, want.EmailVerified = "", false
			}
			who.Texts = nil
			if diff := cmp.Diff(want, who); diff != "" {
				t.Errorf("%s = %v (-want +got):\n%s", name, claim, diff)
			}
		}
	}
	// What a sign-in hangs on is not forgiven.
	l := newLiar(t)
	l.claims["azp"] = 5
	if who, err := New(true, time.Now).Redeem(t.Context(), l.at(), try, "code", ""); !errors.Is(err, ErrToken) {
		t.Errorf("made for client 5: got %+v, %v", who, err)
	}
}

// TestWhatIsKept: of a discovery document no more is kept than is used, whatever else a provider writes into it, and only so
// much of one is read.
func TestWhatIsKept(t *testing.T) {
	t.Parallel()
	l, c := newLiar(t), New(true, time.Now)
	l.document["padding"] = strings.Repeat("x", 60<<10)
	l.document["id_token_signing_alg_values_supported"] = append(slices.Repeat([]string{"RS256"}, 300), "none", "HS256")
	if _, err := c.Redeem(t.Context(), l.at(), try, "code", ""); err != nil {
		t.Fatal(err)
	}
	var document map[string]any
	if err := c.kept[l.URL].Claims(&document); err == nil {
		t.Errorf("the document is kept: %d claims", len(document))
	}
	large := newLiar(t)
	large.document["padding"] = strings.Repeat("x", 64<<10)
	if _, err := c.AuthURL(t.Context(), large.at(), try); !errors.Is(err, ErrUnreachable) || c.kept[large.URL] != nil {
		t.Errorf("a document of more than 64 KiB: got %v", err)
	}
}

// A token that has been good is good for no other attempt: the nonce ties it to one browser.
func TestReplayedToken(t *testing.T) {
	t.Parallel()
	l, c := newLiar(t), New(true, time.Now)
	if _, err := c.Redeem(t.Context(), l.at(), try, "code", ""); err != nil {
		t.Fatal(err)
	}
	another := try
	another.Nonce = "another"
	if _, err := c.Redeem(t.Context(), l.at(), another, "code", ""); !errors.Is(err, ErrToken) {
		t.Errorf("got %v", err)
	}
}

func encode(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

func unsigned(header string, claims []byte) string {
	return encode([]byte(header)) + "." + encode(claims) + "."
}

// TestPublicAddresses: nothing but the public internet is dialled, in whatever way an address is written.
func TestPublicAddresses(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"93.184.215.14": true, "1.1.1.1": true, "2606:4700::1111": true, "::ffff:1.1.1.1": true,
		"127.0.0.1": false, "127.8.8.8": false, "10.0.0.1": false, "172.16.0.1": false, "172.31.255.255": false, "192.168.1.1": false,
		"169.254.169.254": false, "100.64.0.1": false, "0.0.0.0": false, "0.1.2.3": false, "192.0.2.1": false, "198.18.0.1": false,
		"224.0.0.1": false, "240.0.0.1": false, "255.255.255.255": false, "192.88.99.1": false,
		"::": false, "::1": false, "::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "fe80::1": false, "fc00::1": false, "fd00:ec2::254": false,
		"64:ff9b::a9fe:a9fe": false, "2002:7f00:1::": false, "2001:db8::1": false, "2001::1": false, "ff02::1": false,
	} {
		if got := public(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s is public: got %v", address, got)
		}
	}
}

// TestPrivateProvider: without the setting a provider on this machine is not even connected to, by address or by name.
func TestPrivateProvider(t *testing.T) {
	t.Parallel()
	touched := atomic.Bool{}
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { touched.Store(true) }))
	t.Cleanup(server.Close)
	_, port, _ := strings.Cut(strings.TrimPrefix(server.URL, "https://"), ":")
	for _, issuer := range []string{server.URL, "https://localhost:" + port, "https://[::ffff:127.0.0.1]:" + port, "http://127.0.0.1:" + port} {
		_, err := New(false, time.Now).AuthURL(t.Context(), Connection{Issuer: issuer}, try)
		if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "private address") && !strings.Contains(err.Error(), "not https") {
			t.Errorf("%s: got %v", issuer, err)
		}
	}
	if touched.Load() {
		t.Error("the provider was asked")
	}
}

// TestRedirects: three on the same host are followed, a fourth and one to another host are not.
func TestRedirects(t *testing.T) {
	t.Parallel()
	elsewhere := newLiar(t)
	for path, good := range map[string]bool{"/hop/0": true, "/hop/3": true, "/hop/4": false, "/away": false, "/metadata": false} {
		hops := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var n int
			switch _, err := fmt.Sscanf(r.URL.Path, "/hop/%d", &n); {
			case r.URL.Path == "/away":
				http.Redirect(w, r, elsewhere.URL+"/keys", http.StatusFound)
			case r.URL.Path == "/metadata":
				http.Redirect(w, r, "http://169.254.169.254/latest/meta-data", http.StatusFound)
			case err == nil && n > 0:
				http.Redirect(w, r, fmt.Sprintf("/hop/%d", n-1), http.StatusFound)
			}
		}))
		t.Cleanup(hops.Close)
		response, err := newHTTP(true).Get(hops.URL + path)
		if err == nil {
			_ = response.Body.Close()
		}
		if (err == nil) != good {
			t.Errorf("%s: got %v", path, err)
		}
	}
}

// TestSlowProvider: one that never finishes costs a sign-in its five seconds and no more.
func TestSlowProvider(t *testing.T) {
	t.Parallel()
	stop := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		select {
		case <-stop:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(func() { close(stop); slow.Close() })
	begun := time.Now()
	_, err := New(true, time.Now).AuthURL(t.Context(), Connection{Issuer: slow.URL}, try)
	if took := time.Since(begun); !errors.Is(err, ErrUnreachable) || took < maxTime || took > 3*maxTime {
		t.Errorf("got %v after %s", err, took)
	}
}

// TestKept: what is discovered is kept for ten minutes, of two hundred providers at most.
func TestKept(t *testing.T) {
	t.Parallel()
	l := newLiar(t)
	now := time.Now()
	c := New(true, func() time.Time { return now })
	for i, want := range []int64{1, 1, 2} {
		if i == 2 {
			now = now.Add(discoveryLife)
		}
		if _, err := c.AuthURL(t.Context(), l.at(), try); err != nil || l.asked.Load() != want {
			t.Errorf("asked %d times, want %d; %v", l.asked.Load(), want, err)
		}
	}
	for i := range maxKept + 5 {
		c.keep(fmt.Sprint(i), &discovered{until: now.Add(time.Hour)})
	}
	if _, oldest := c.kept[l.URL]; len(c.kept) != maxKept || oldest {
		t.Errorf("%d are kept, the oldest among them: %v", len(c.kept), oldest)
	}
}

// TestSecondFactor: two kinds of factors are two factors; anything less, or anything vague, is none.
func TestSecondFactor(t *testing.T) {
	t.Parallel()
	tests := []struct {
		amr, acr string
		want     bool
	}{
		{"mfa", "", true},
		{"pwd mfa", "", true},
		{"pwd otp", "", true},
		{"otp pwd", "", true},
		{"pwd sms", "", true},
		{"pin hwk", "", true},
		{"pwd swk", "", true},
		{"pin sc", "", true},
		{"hwk fpt", "", true},
		{"pwd face", "", true},
		{"hwk user fpt", "", true},
		{"pwd tel", "", true},
		{"", "", false},
		{"pwd", "", false},
		{"otp", "", false},
		{"hwk", "", false},
		{"fpt", "", false},
		{"sms", "", false},
		{"pwd pin", "", false},
		{"otp sms", "", false},
		{"hwk user", "", false},
		{"fpt face", "", false},
		{"pwd kba", "", false},
		{"pwd vbm", "", false},
		{"pwd geo rba", "", false},
		{"pwd mca", "", false},
		{"pwd pop", "", false},
		{"MFA", "", false},
		{"pwd unknown", "", false},
		{"", "http://schemas.openid.net/pape/policies/2007/06/multi-factor", true},
		{"pwd", "https://refeds.org/profile/mfa", true},
		{"", "http://idmanagement.gov/ns/assurance/aal/2", true},
		{"", "http://idmanagement.gov/ns/assurance/aal/1", false},
		{"", "2", false},
		{"", "phr", false},
		{"", "urn:mace:incommon:iap:silver", false},
		{"pwd", "mfa", false},
	}
	for _, test := range tests {
		if got := SecondFactor(strings.Fields(test.amr), test.acr); got != test.want {
			t.Errorf("amr %q, acr %q: got %v", test.amr, test.acr, got)
		}
	}
}
