package main

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// liar is a provider that signs whomever it likes in, at once and without a question, and redeems every code as often as it
// is brought: what Muster does not check, nobody does.
type liar struct {
	*httptest.Server
	mu    sync.Mutex
	say   map[string]any // guarded by mu: claims of every token
	nonce string         // guarded by mu: of the last attempt
	asked func()         // guarded by mu: what else happens while a code is redeemed
}

func startLiar(t *testing.T) *liar {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	l, mux := &liar{say: map[string]any{}}, http.NewServeMux()
	l.Server = httptest.NewServer(mux)
	t.Cleanup(l.Close)
	answer := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v)
	}
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"issuer": l.URL, "authorization_endpoint": l.URL + "/authorize", "token_endpoint": l.URL + "/token", "jwks_uri": l.URL + "/keys"})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &key.PublicKey, Algorithm: "RS256", Use: "sig"}}})
	})
	mux.HandleFunc("/authorize", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		l.mu.Lock()
		l.nonce = q.Get("nonce")
		l.mu.Unlock()
		http.Redirect(w, r, q.Get("redirect_uri")+"?"+url.Values{"code": {"any"}, "state": {q.Get("state")}}.Encode(), http.StatusFound)
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, _ *http.Request) {
		l.mu.Lock()
		asked := l.asked
		l.mu.Unlock()
		if asked != nil {
			asked()
		}
		l.mu.Lock()
		claims := map[string]any{"iss": l.URL, "aud": "muster", "nonce": l.nonce, "exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix()}
		for name, value := range l.say {
			claims[name] = value
		}
		l.mu.Unlock()
		raw, err := json.Marshal(claims)
		if err != nil {
			t.Error(err)
			return
		}
		jws, err := signer.Sign(raw)
		if err != nil {
			t.Error(err)
			return
		}
		token, err := jws.CompactSerialize()
		if err != nil {
			t.Error(err)
		}
		answer(w, map[string]any{"access_token": "x", "token_type": "Bearer", "id_token": token})
	})
	return l
}

func (l *liar) claims(claims map[string]any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.say = claims
}

// meanwhile lets something happen while a code is redeemed.
func (l *liar) meanwhile(asked func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = asked
}

// TestLyingProvider: the owner of one organization runs its provider, and wants into other accounts and organizations by it:
// by a victim's verified address, by the subject and issuer of a victim's other provider, by the names of Muster's own ids.
func TestLyingProvider(t *testing.T) {
	t.Parallel()
	m := start(t, privateProviders)
	evil, victim := m.signUp(t, "Evan"), m.signUp(t, "Vera")
	victim.enroll(t)
	o, theirs := evil.organization(t), victim.organization(t)
	o.join(t, victim, "MANAGER") // verifies the address, and makes the victim a member of both
	l, honest := startLiar(t), startLiar(t)
	o.connect(t, l.URL, true)
	theirs.connect(t, honest.URL, true)
	victimID := m.find(t, `SELECT id FROM users WHERE email = $1`, victim.Email)
	honest.claims(map[string]any{"sub": "vera", "amr": []string{"mfa"}})
	b := m.browser(t)
	b.signInHere(victim)
	if p := b.get(b.callback("/sso/"+theirs.Slug+"?link=1", "same-origin", "")); p.Status != http.StatusOK {
		t.Fatalf("Vera is not linked: %d %s", p.Status, p.Body)
	}
	for _, lie := range []map[string]any{
		{"sub": "1", "email": victim.Email, "email_verified": true, "amr": []string{"mfa"}},
		{"sub": "vera", "amr": []string{"mfa"}},
		{"sub": victimID, "preferred_username": victim.Email, "name": victim.Name, "amr": []string{"mfa"}},
	} {
		l.claims(lie)
		in := m.browser(t).signedIn(o, "")
		var who viewerAnswer
		in.do(ssoViewer, nil, &who)
		if who.Viewer.ID == victimID || len(who.Viewer.Memberships) != 1 || who.Viewer.Memberships[0].Organization.Slug != o.Slug || who.Viewer.Memberships[0].Role != "MEMBER" {
			t.Errorf("%v made %+v", lie, who.Viewer)
		}
		if a := in.ask(`query($s: String!) { organization(slug: $s) { id } }`, vars{"s": theirs.Slug}); a.Code() != "NOT_FOUND" {
			t.Errorf("%v gets into another organization: %q", lie, a.Code())
		}
	}
	// A token of the honest provider's name does not get in, and nobody is made by it.
	before := m.find(t, `SELECT count(*)::text FROM users`)
	l.claims(map[string]any{"sub": "vera", "iss": honest.URL})
	if p := m.browser(t).signIn(o, ""); p.Status != http.StatusBadRequest {
		t.Errorf("another issuer's name: got %d", p.Status)
	}
	if after := m.find(t, `SELECT count(*)::text FROM users`); after != before {
		t.Errorf("%s accounts became %s", before, after)
	}
	// Nor does it sign its visitors in unasked: a page of another site begins nothing.
	if p := m.browser(t).request(http.MethodGet, b.base+"/sso/"+o.Slug, "cross-site", nil); p.To != "" || p.Header.Get("Set-Cookie") != "" {
		t.Errorf("a visitor was sent to the provider: %+v", p)
	}
}

// TestOneStateOneSession: of many callbacks with one state, one gets in, although the provider redeems the code for each.
func TestOneStateOneSession(t *testing.T) {
	t.Parallel()
	m := start(t, privateProviders)
	o := m.signUp(t, "Olivia").organization(t)
	l := startLiar(t)
	l.claims(map[string]any{"sub": "ada"})
	o.connect(t, l.URL, false)
	for round := range 10 {
		b := m.browser(t)
		back := b.callback("/sso/"+o.Slug, "none", "")
		statuses := make(chan int, 8)
		var group sync.WaitGroup
		for range cap(statuses) {
			group.Go(func() {
				r, err := http.NewRequest(http.MethodGet, back, nil)
				if err != nil {
					t.Error(err)
					return
				}
				p, err := b.send(r)
				if err != nil {
					t.Error(err)
				}
				statuses <- p.Status
			})
		}
		group.Wait()
		close(statuses)
		in := 0
		for status := range statuses {
			if status == http.StatusSeeOther {
				in++
			}
		}
		if in != 1 {
			t.Errorf("round %d: %d of 8 got in", round, in)
		}
	}
	if n := m.find(t, `SELECT count(*) || ' ' || count(DISTINCT user_id) FROM sessions WHERE organization_id = $1`, o.ID); n != "10 1" {
		t.Errorf("sessions and people: %s, want 10 1", n)
	}
}
