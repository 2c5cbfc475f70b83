package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/descope/virtualwebauthn"
)

// virtualKey is a security key of a test's own. A test spoils its fields to see what is refused.
type virtualKey struct {
	virtualwebauthn.Authenticator
	virtualwebauthn.Credential
	Site virtualwebauthn.RelyingParty // the page that it is used on
}

// coseP256 is the length of a P-256 key as RFC 9053 section 7.1.1 writes it, in bytes. The library drops leading zeros of the
// coordinates, which makes one key in 128 shorter and none that a server takes.
const coseP256 = 77

// key is a new security key, used on the server's own pages by somebody whom it verifies.
func (m *muster) key() *virtualKey {
	credential := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
	for len(credential.Key.AttestationData()) != coseP256 {
		credential = virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
	}
	return &virtualKey{
		Authenticator: virtualwebauthn.NewAuthenticator(),
		Credential:    credential,
		Site:          virtualwebauthn.RelyingParty{ID: "localhost", Name: "Muster", Origin: strings.Replace(m.URL, "127.0.0.1", "localhost", 1)},
	}
}

func read(t testing.TB, text string) vars {
	t.Helper()
	var v vars
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func written(t testing.TB, v vars) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// create is what navigator.credentials.create gives.
func (k *virtualKey) create(t testing.TB, options vars) vars {
	t.Helper()
	asked, err := virtualwebauthn.ParseAttestationOptions(written(t, options))
	if err != nil {
		t.Fatal(err)
	}
	k.Options.UserHandle = []byte(asked.UserID)
	return read(t, virtualwebauthn.CreateAttestationResponse(k.Site, k.Authenticator, k.Credential, *asked))
}

// get is what navigator.credentials.get gives; the key counts each time.
func (k *virtualKey) get(t testing.TB, options vars) vars {
	t.Helper()
	asked, err := virtualwebauthn.ParseAssertionOptions(written(t, options))
	if err != nil {
		t.Fatal(err)
	}
	k.Counter++
	return read(t, virtualwebauthn.CreateAssertionResponse(k.Site, k.Authenticator, k.Credential, *asked))
}

const (
	startKey   = `mutation($n: String! = "Security key") { startSecurityKeyEnrollment(input: {name: $n}) { options expiresAt } }`
	confirmKey = `mutation($c: JSON!) { confirmSecurityKeyEnrollment(input: {credential: $c}) {
  authenticator { id kind name } recoveryCodes
  reinstated { organization { slug } member { role teams { slug } } restored skipped { what reason } } } }`
	askKey       = `mutation($c: String) { startSecurityKeyVerification(input: {challengeToken: $c}) { options expiresAt } }`
	askPasskey   = `mutation { startPasskeySignIn(input: {}) { challengeToken options expiresAt } }`
	passkeyQuery = `mutation($i: SignInWithPasskeyInput!) { signInWithPasskey(input: $i) { session { token } } }`
	confirmByKey = `mutation($c: JSON!) { confirmIdentity(input: {credential: $c}) { freshUntil } }`
)

// startKey asks for a new key and gives the options.
func (p *person) startKey(t testing.TB) vars {
	t.Helper()
	var out struct{ StartSecurityKeyEnrollment struct{ Options vars } }
	p.do(t, startKey, nil, &out)
	return out.StartSecurityKeyEnrollment.Options
}

// addKey sets a new key up.
func (p *person) addKey(t testing.TB) *virtualKey {
	t.Helper()
	k := p.m.key()
	var out struct {
		ConfirmSecurityKeyEnrollment struct{ RecoveryCodes []string }
	}
	p.do(t, confirmKey, vars{"c": k.create(t, p.startKey(t))}, &out)
	if codes := out.ConfirmSecurityKeyEnrollment.RecoveryCodes; codes != nil {
		p.Recovery = codes
	}
	return k
}

// askKey asks for one of the person's keys: for a challenge, or, with "", for the person's session.
func (p *person) askKey(t testing.TB, challenge string) vars {
	t.Helper()
	var out struct{ StartSecurityKeyVerification struct{ Options vars } }
	v := vars{}
	if challenge != "" {
		v["c"] = challenge
	}
	p.do(t, askKey, v, &out)
	return out.StartSecurityKeyVerification.Options
}

// askPasskey asks for any passkey.
func (m *muster) askPasskey(t testing.TB) (token string, options vars) {
	t.Helper()
	var out struct {
		StartPasskeySignIn struct {
			ChallengeToken string
			Options        vars
		}
	}
	m.post(t, "", askPasskey, nil).decode(t, &out)
	return out.StartPasskeySignIn.ChallengeToken, out.StartPasskeySignIn.Options
}

// verifyKey answers a challenge with what a key gave.
func (m *muster) verifyKey(t testing.TB, challenge string, credential vars) answer {
	t.Helper()
	return m.post(t, "", verifyQuery, vars{"i": vars{"challengeToken": challenge, "credential": credential}})
}

// passkey signs in with what a key gave.
func (m *muster) passkey(t testing.TB, token string, credential vars) answer {
	t.Helper()
	return m.post(t, "", passkeyQuery, vars{"i": vars{"challengeToken": token, "credential": credential}})
}
