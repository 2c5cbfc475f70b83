package app

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/descope/virtualwebauthn"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"muster/db"
	"muster/org"
)

// A relying party is a name.
func TestRelyingParty(t *testing.T) {
	t.Parallel()
	for url, id := range map[string]string{
		"http://localhost:8080": "localhost", "https://muster.example.com": "muster.example.com", "https://muster.example.com:8443": "muster.example.com",
		"http://127.0.0.1:8080": "", "http://[::1]:8080": "", "https://192.0.2.7": "", "": "", "https://": "",
	} {
		rp, off := relyingParty(url, []string{url})
		switch {
		case id == "" && (rp != nil || !strings.HasSuffix(off, ".")):
			t.Errorf("%q: keys are on, or nothing says why not: %q", url, off)
		case id != "" && (rp == nil || rp.Config.RPID != id || off != ""):
			t.Errorf("%q: keys are off: %q", url, off)
		}
	}
}

// FuzzCredential: whatever a client sends as a key's answer, it is refused by name or not accepted, and never a fault. The
// answers that it starts from are good ones, to other challenges.
func FuzzCredential(f *testing.F) {
	const origin = "http://localhost:8080"
	a := New(Config{PublicURL: origin, Origins: []string{origin}})
	site := virtualwebauthn.RelyingParty{ID: "localhost", Name: "Muster", Origin: origin}
	key := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
	authenticator := virtualwebauthn.NewAuthenticator()
	authenticator.Options.UserHandle = []byte("0123456789abcdef")
	created := virtualwebauthn.CreateAttestationResponse(site, authenticator, key, virtualwebauthn.AttestationOptions{Challenge: []byte("another challenge")})
	asserted := virtualwebauthn.CreateAssertionResponse(site, authenticator, key, virtualwebauthn.AssertionOptions{Challenge: []byte("another challenge")})
	for _, seed := range []string{
		created, asserted, `{}`, `{"id":"AAAA","rawId":"AAAA","type":"public-key","response":{}}`,
		`{"id":"AAAA","rawId":"AAAA","type":"public-key","response":{"clientDataJSON":"e30","authenticatorData":"AA","signature":"AA"}}`,
		`{"id":"AAAA","rawId":"AAAA","type":"public-key","response":{"clientDataJSON":"e30","attestationObject":"o2NmbXRkbm9uZQ"}}`,
		strings.Replace(created, `"public-key"`, `"public-key","clientExtensionResults":{"appid":true,"credProps":{"rk":true}}`, 1),
	} {
		f.Add([]byte(seed))
	}
	first, err := protocol.ParseCredentialCreationResponseBytes([]byte(created))
	if err != nil {
		f.Fatal(err)
	}
	stored := first.Response.AttestationObject.AuthData.AttData
	email := "kim@people.example"
	owner := &keyOwner{user: &org.User{Name: "Kim", Email: &email}, handle: authenticator.Options.UserHandle, keys: []*db.SecurityKey{
		{AuthenticatorID: "aut_1", CredentialID: stored.CredentialID, PublicKey: stored.CredentialPublicKey},
	}}
	asked := a.expecting(&db.Ceremony{Challenge: strings.Repeat("A", 43)}, owner.handle, protocol.VerificationPreferred)
	anybody := asked
	anybody.UserID = nil
	f.Fuzz(func(t *testing.T, raw []byte) {
		var credential map[string]any
		if json.Unmarshal(raw, &credential) != nil {
			return // the transport reads the JSON
		}
		refused := func(err error) {
			t.Helper()
			var refusal *org.Error
			if !errors.As(err, &refusal) || refusal.Code != org.CodeBadInput || refusal.Field != "credential" || len(refusal.Message) > 200 {
				t.Errorf("refused with %v", err)
			}
		}
		if parsed, err := parseCreated(credential); err != nil {
			refused(err)
		} else if _, err := a.rp.CreateCredential(owner, asked, parsed); err == nil {
			t.Errorf("a new key was accepted: %s", raw)
		}
		parsed, err := parseAsserted(credential)
		if err != nil {
			refused(err)
			return
		}
		if _, err := a.rp.ValidateLogin(owner, asked, parsed); err == nil {
			t.Errorf("an answer was accepted: %s", raw)
		}
		find := func(_, handle []byte) (webauthn.User, error) {
			if !bytes.Equal(handle, owner.handle) {
				return nil, org.ErrNotFound
			}
			return owner, nil
		}
		if _, _, err := a.rp.ValidatePasskeyLogin(find, anybody, parsed); err == nil {
			t.Errorf("a passkey was accepted: %s", raw)
		}
	})
}
