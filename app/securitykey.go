package app

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"muster/db"
	"muster/org"
	"muster/secret"
)

const (
	// ceremonyLife is how long a security key has to answer (WebAuthn level 3, section 15.1, recommends five minutes).
	ceremonyLife = 5 * time.Minute
	// maxCredential bounds the JSON of a key's answer, in bytes. A TPM's attestation, the largest that is known, takes about
	// six thousand.
	maxCredential = 16 << 10
)

// keyAlgorithms are what a key may sign with, the better first: EdDSA, ES256 and, for Windows Hello on older machines, RS256.
var keyAlgorithms = webauthn.CredentialParametersRecommendedL3()

// relyingParty is what security keys know this server by: the host of its public URL, which must be a name, and the exact
// origins of its pages. Where there can be none, off says why in a sentence for the operator.
func relyingParty(publicURL string, origins []string) (rp *webauthn.WebAuthn, off string) {
	u, err := url.Parse(publicURL)
	if err != nil || u.Hostname() == "" {
		return nil, "There is no public URL."
	}
	if _, err := netip.ParseAddr(u.Hostname()); err == nil {
		return nil, fmt.Sprintf("Security keys need a name, and the host of MUSTER_PUBLIC_URL is the address %s: use localhost, or give the server a name.", u.Hostname())
	}
	life := webauthn.TimeoutConfig{Timeout: ceremonyLife, TimeoutUVD: ceremonyLife}
	rp, err = webauthn.New(&webauthn.Config{
		RPID: u.Hostname(), RPDisplayName: issuer, RPOrigins: origins,
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementPreferred, UserVerification: protocol.VerificationPreferred,
		},
		Timeouts: webauthn.TimeoutsConfig{Login: life, Registration: life},
		// Nothing is asked for, and what some password managers send all the same is not looked at.
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore,
	})
	if err != nil {
		return nil, fmt.Sprintf("The host of MUSTER_PUBLIC_URL is no name that security keys take: %v.", err)
	}
	return rp, ""
}

// keysOn refuses where this server can have no security keys.
func (a *App) keysOn() error {
	if a.rp == nil {
		return org.Refuse(org.CodeConflict, "Security keys do not work on this server, since it is reached by an address and they need a name. Use an authenticator app, or ask whoever runs the server to give it a name.")
	}
	return nil
}

// AuthenticatorKinds are what can be set up on this server.
func (a *App) AuthenticatorKinds() []org.AuthenticatorKind {
	kinds := []org.AuthenticatorKind{org.KindTOTP}
	if a.Texter != nil {
		kinds = append(kinds, org.KindPhone)
	}
	if a.rp != nil {
		kinds = append(kinds, org.KindSecurityKey)
	}
	return kinds
}

// keyOwner is an account with its keys, as the library asks for it.
type keyOwner struct {
	user   *org.User
	handle []byte
	keys   []*db.SecurityKey
}

func (a *App) keyOwner(ctx context.Context, user *org.User) (*keyOwner, error) {
	handle, err := a.DB.UserHandle(ctx, user.ID)
	if err != nil {
		return nil, fmt.Errorf("find what keys know the account by: %w", err)
	}
	keys, err := a.DB.SecurityKeys(ctx, user.ID)
	if err != nil {
		return nil, fmt.Errorf("find the security keys: %w", err)
	}
	return &keyOwner{user: user, handle: handle, keys: keys}, nil
}

// WebAuthnID is the account's random handle.
func (o *keyOwner) WebAuthnID() []byte { return o.handle }

// WebAuthnName is what a key's own list shows.
func (o *keyOwner) WebAuthnName() string {
	if o.user.Email != nil {
		return *o.user.Email
	}
	return o.user.Name
}

// WebAuthnDisplayName is the person's name.
func (o *keyOwner) WebAuthnDisplayName() string { return o.user.Name }

// WebAuthnCredentials are the account's confirmed keys.
func (o *keyOwner) WebAuthnCredentials() []webauthn.Credential {
	credentials := make([]webauthn.Credential, len(o.keys))
	for i, k := range o.keys {
		credentials[i] = webauthn.Credential{
			ID: k.CredentialID, PublicKey: k.PublicKey, Flags: webauthn.CredentialFlags{BackupEligible: k.BackupEligible},
			Authenticator: webauthn.Authenticator{SignCount: k.SignCount},
		}
		for _, t := range k.Transports {
			credentials[i].Transport = append(credentials[i].Transport, protocol.AuthenticatorTransport(t))
		}
	}
	return credentials
}

// StartSecurityKeyEnrollmentInput is what startSecurityKeyEnrollment takes.
type StartSecurityKeyEnrollmentInput struct{ Name string }

// KeyRequest is what a page passes to the browser for its security key.
type KeyRequest struct {
	Options   map[string]any
	ExpiresAt time.Time
}

// The payloads of the mutations that ask a security key.
type (
	StartSecurityKeyEnrollmentPayload   = KeyRequest
	StartSecurityKeyVerificationPayload = KeyRequest
)

// StartSecurityKeyEnrollment starts the set-up of a security key or passkey in this session.
func (a *App) StartSecurityKeyEnrollment(ctx context.Context, in StartSecurityKeyEnrollmentInput) (*KeyRequest, error) {
	if _, err := holder(ctx); err != nil {
		return nil, err
	}
	if err := a.keysOn(); err != nil {
		return nil, err
	}
	pending, r, err := a.startEnrollment(ctx, org.KindSecurityKey, in.Name, nil)
	if err != nil {
		return nil, err
	}
	owner, err := a.keyOwner(ctx, r.session.User)
	if err != nil {
		return nil, err
	}
	creation, session, err := a.rp.BeginRegistration(owner, webauthn.WithCredentialParameters(keyAlgorithms),
		webauthn.WithExclusions(webauthn.Credentials(owner.WebAuthnCredentials()).CredentialDescriptors()))
	if err != nil {
		return nil, fmt.Errorf("ask for a new security key: %w", err)
	}
	c, asked, err := a.ceremony(org.CeremonyEnroll, r.session.ID, session, creation.Response)
	if err != nil {
		return nil, err
	}
	err = a.account(ctx, func(tx *db.Tx) (*org.SecurityEvent, error) {
		if err := tx.AddAuthenticator(ctx, pending, r.session.ID); err != nil {
			return nil, err
		}
		if err := tx.StartCeremony(ctx, c); err != nil {
			return nil, err
		}
		return event(pending.UserID, r, org.EventEnrollmentStarted, "Started to set up a security key."), nil
	})
	if err != nil {
		return nil, err
	}
	return asked, nil
}

// ceremony is what is stored of what a key is asked, and what the page gets.
func (a *App) ceremony(purpose org.CeremonyPurpose, boundTo string, session *webauthn.SessionData, options any) (*db.Ceremony, *KeyRequest, error) {
	raw, err := json.Marshal(options)
	if err != nil {
		return nil, nil, fmt.Errorf("write what the security key is asked: %w", err)
	}
	c := &db.Ceremony{Purpose: purpose, BoundTo: boundTo, Challenge: session.Challenge, ExpiresAt: a.Now().Add(ceremonyLife)}
	asked := &KeyRequest{ExpiresAt: c.ExpiresAt}
	if err := json.Unmarshal(raw, &asked.Options); err != nil {
		return nil, nil, fmt.Errorf("write what the security key is asked: %w", err)
	}
	return c, asked, nil
}

// ConfirmSecurityKeyEnrollmentInput is what confirmSecurityKeyEnrollment takes.
type ConfirmSecurityKeyEnrollmentInput struct{ Credential map[string]any }

// ConfirmSecurityKeyEnrollmentPayload is what confirmSecurityKeyEnrollment answers.
type ConfirmSecurityKeyEnrollmentPayload = Confirmation

// ConfirmSecurityKeyEnrollment confirms the key that this session set up, with what the browser has created.
func (a *App) ConfirmSecurityKeyEnrollment(ctx context.Context, in ConfirmSecurityKeyEnrollmentInput) (*Confirmation, error) {
	return a.confirm(ctx, org.ViaConfirmKey, org.KindSecurityKey, func(r *Request, authenticatorID string) (func(tx *db.Tx) (bool, error), error) {
		if err := a.keysOn(); err != nil {
			return nil, err
		}
		c, err := a.living(ctx, org.CeremonyEnroll, r.session.ID)
		if err != nil {
			return nil, err
		}
		parsed, err := parseCreated(in.Credential)
		if err != nil {
			return nil, err
		}
		owner, err := a.keyOwner(ctx, r.session.User)
		if err != nil {
			return nil, err
		}
		created, err := a.rp.CreateCredential(owner, a.expecting(c, owner.handle, protocol.VerificationPreferred), parsed)
		if err != nil || !a.ours(parsed.Response.CollectedClientData) {
			return nil, a.wrongKey(ctx, c, err)
		}
		key := &db.SecurityKey{
			AuthenticatorID: authenticatorID, CredentialID: created.ID, PublicKey: created.PublicKey,
			SignCount: created.Authenticator.SignCount, BackupEligible: created.Flags.BackupEligible, Transports: transports(created.Transport),
		}
		return func(tx *db.Tx) (bool, error) {
			if ok, err := tx.UseCeremony(ctx, c); err != nil || !ok {
				return false, err
			}
			return true, tx.AddSecurityKey(ctx, key)
		}, nil
	})
}

// transports are those that WebAuthn knows, which are the only ones worth repeating to a browser.
func transports(given []protocol.AuthenticatorTransport) []string {
	known := []protocol.AuthenticatorTransport{protocol.USB, protocol.NFC, protocol.BLE, protocol.SmartCard, protocol.Hybrid, protocol.Internal}
	all := []string{}
	for _, t := range known {
		if slices.Contains(given, t) {
			all = append(all, string(t))
		}
	}
	return all
}

// living is the ceremony of a purpose, as long as it can be answered.
func (a *App) living(ctx context.Context, purpose org.CeremonyPurpose, boundTo string) (*db.Ceremony, error) {
	c, err := a.DB.Ceremony(ctx, purpose, boundTo)
	if errors.Is(err, org.ErrNotFound) {
		return nil, org.ErrInvalidKey
	}
	if err != nil {
		return nil, fmt.Errorf("find what the security key was asked: %w", err)
	}
	return c, nil
}

// expecting is what an answer is held against. The time is the database's to tell.
func (a *App) expecting(c *db.Ceremony, handle []byte, verification protocol.UserVerificationRequirement) webauthn.SessionData {
	return webauthn.SessionData{
		Challenge: c.Challenge, RelyingPartyID: a.rp.Config.RPID, UserID: handle, UserVerification: verification, CredParams: keyAlgorithms,
	}
}

// ours says whether the answer was made on one of this server's own pages, to the letter: the library lets through what is
// no origin as a browser writes it, such as one with a path.
func (a *App) ours(made protocol.CollectedClientData) bool {
	return slices.Contains(a.Origins, made.Origin)
}

// wrongKey is the refusal of an answer that does not do. It was the one try at its challenge.
func (a *App) wrongKey(ctx context.Context, c *db.Ceremony, why error) error {
	if err := a.DB.EndCeremony(ctx, c); err != nil {
		return fmt.Errorf("end what the security key was asked: %w", err)
	}
	kind := &protocol.Error{Type: "another origin"}
	_ = errors.As(why, &kind) // its sentence repeats what was sent
	a.Log.DebugContext(ctx, "a security key was refused", "purpose", c.Purpose, "why", kind.Type)
	return org.ErrInvalidKey
}

// parseCreated reads what navigator.credentials.create gave.
func parseCreated(credential map[string]any) (*protocol.ParsedCredentialCreationData, error) {
	raw, err := credentialJSON(credential)
	if err != nil {
		return nil, err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(raw)
	if err != nil {
		return nil, errNoCredential()
	}
	return parsed, nil
}

// parseAsserted reads what navigator.credentials.get gave.
func parseAsserted(credential map[string]any) (*protocol.ParsedCredentialAssertionData, error) {
	raw, err := credentialJSON(credential)
	if err != nil {
		return nil, err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(raw)
	if err != nil {
		return nil, errNoCredential()
	}
	return parsed, nil
}

func credentialJSON(credential map[string]any) ([]byte, error) {
	raw, err := json.Marshal(credential)
	switch {
	case err != nil:
		return nil, errNoCredential()
	case len(raw) > maxCredential:
		return nil, org.BadInput("credential", "This is larger than any security key's answer: at most %d bytes.", maxCredential)
	}
	return raw, nil
}

func errNoCredential() error {
	return org.BadInput("credential", "This is no answer of a security key. Send what navigator.credentials gave, as its toJSON() writes it.")
}

// StartSecurityKeyVerificationInput is what startSecurityKeyVerification takes.
type StartSecurityKeyVerificationInput struct{ ChallengeToken *string }

// StartSecurityKeyVerification asks one of the account's keys: to answer a sign-in challenge, or to confirm who is there.
func (a *App) StartSecurityKeyVerification(ctx context.Context, in StartSecurityKeyVerificationInput) (*KeyRequest, error) {
	r := request(ctx)
	userID, challengeID, err := a.codeFor(ctx, in.ChallengeToken)
	if err != nil {
		return nil, err
	}
	if err := a.keysOn(); err != nil {
		return nil, err
	}
	user, err := a.DB.User(ctx, userID)
	if err != nil {
		return nil, fmt.Errorf("find the account: %w", err)
	}
	owner, err := a.keyOwner(ctx, user)
	if err != nil {
		return nil, err
	}
	if len(owner.keys) == 0 {
		return nil, org.Refuse(org.CodeConflict, "This account has no security key. Answer with another second factor or a recovery code.")
	}
	by := r.at(limitKey, userID+" ")
	if challengeID == nil { // a session's own tries are none of who signs in
		by = []hit{{limitKey, r.session.ID}}
	}
	if err := a.spendAll(ctx, by); err != nil {
		return nil, err
	}
	assertion, session, err := a.rp.BeginLogin(owner)
	if err != nil {
		return nil, fmt.Errorf("ask a security key: %w", err)
	}
	purpose, boundTo := verification(r, challengeID)
	c, asked, err := a.ceremony(purpose, boundTo, session, assertion.Response)
	if err != nil {
		return nil, err
	}
	err = a.account(ctx, func(tx *db.Tx) (*org.SecurityEvent, error) {
		if err := tx.StartCeremony(ctx, c); err != nil {
			return nil, err
		}
		return event(userID, r, org.EventKeyAsked, "Was asked for a security key."), nil
	})
	if err != nil {
		return nil, err
	}
	return asked, nil
}

// verification is what a key's answer is for, and bound to: the sign-in challenge, or without one this session.
func verification(r *Request, challengeID *string) (purpose org.CeremonyPurpose, boundTo string) {
	if challengeID != nil {
		return org.CeremonySecondFactor, *challengeID
	}
	return org.CeremonyConfirmIdentity, r.session.ID
}

// usedKey is a key's answer that was found right and has yet to be used up.
type usedKey struct {
	ceremony *db.Ceremony
	name     string
	count    uint32
}

// errCounter says that a key has shown a counter that is not higher than before: it may have been copied.
var errCounter = errors.New("a security key's counter went backwards")

// checkKey holds a key's answer against what the account was asked. It uses nothing up, except a challenge that was answered
// wrongly.
func (a *App) checkKey(ctx context.Context, r *Request, userID string, challengeID *string, credential map[string]any) (*proof, error) {
	if err := a.keysOn(); err != nil {
		return nil, err
	}
	purpose, boundTo := verification(r, challengeID)
	c, err := a.living(ctx, purpose, boundTo)
	if err != nil {
		return nil, err
	}
	parsed, err := parseAsserted(credential)
	if err != nil {
		return nil, err
	}
	user, err := a.DB.User(ctx, userID)
	if err != nil {
		return nil, fmt.Errorf("find the account: %w", err)
	}
	owner, err := a.keyOwner(ctx, user)
	if err != nil {
		return nil, err
	}
	found, err := a.rp.ValidateLogin(owner, a.expecting(c, owner.handle, protocol.VerificationPreferred), parsed)
	if err != nil || !a.ours(parsed.Response.CollectedClientData) {
		return nil, a.wrongKey(ctx, c, err)
	}
	return owner.proof(org.BySecurityKey, c, found, parsed), nil
}

// proof is the proof by one of the owner's keys. Its counter is held against the stored one where it is stored.
func (o *keyOwner) proof(by org.SignInMethod, c *db.Ceremony, found *webauthn.Credential, parsed *protocol.ParsedCredentialAssertionData) *proof {
	i := slices.IndexFunc(o.keys, func(k *db.SecurityKey) bool { return slices.Equal(k.CredentialID, found.ID) })
	return &proof{by: by, authenticatorID: o.keys[i].AuthenticatorID, key: &usedKey{
		ceremony: c, name: o.keys[i].Name, count: parsed.Response.AuthenticatorData.Counter,
	}}
}

// use uses the answer up.
func (k *usedKey) use(ctx context.Context, tx *db.Tx, authenticatorID string) error {
	ok, err := tx.UseCeremony(ctx, k.ceremony)
	if err != nil {
		return err
	}
	if !ok {
		return org.ErrInvalidKey
	}
	grown, err := tx.UseSecurityKey(ctx, authenticatorID, k.count, k.ceremony.Purpose == org.CeremonyPasskey)
	switch {
	case errors.Is(err, org.ErrNotFound):
		return org.ErrInvalidKey // removed a moment ago
	case err == nil && !grown:
		return errCounter
	}
	return err
}

// prove uses a proof up and lets then write what follows from it, in one transaction with the account locked. A key whose
// counter went backwards proves nothing, and its owner is told.
func (a *App) prove(ctx context.Context, r *Request, userID string, p *proof, then func(tx *db.Tx, user *org.User, message string) (*org.SecurityEvent, error)) error {
	err := a.account(ctx, func(tx *db.Tx) (*org.SecurityEvent, error) {
		user, err := tx.LockUser(ctx, userID)
		if err != nil {
			return nil, err
		}
		message, err := p.use(ctx, tx, userID)
		if err != nil {
			return nil, err
		}
		return then(tx, user, message)
	})
	if !errors.Is(err, errCounter) {
		return err
	}
	message := fmt.Sprintf("The security key %q was refused: its counter went backwards, so it may have been copied. If you cannot explain it, remove the key.", p.key.name)
	err = a.account(ctx, func(tx *db.Tx) (*org.SecurityEvent, error) {
		if _, err := tx.UseCeremony(ctx, p.key.ceremony); err != nil {
			return nil, err
		}
		user, err := tx.User(ctx, userID)
		if err != nil {
			return nil, err
		}
		return a.alert(ctx, tx, r, user, org.EventKeyCounter, message)
	})
	if err != nil {
		return err
	}
	return org.ErrInvalidKey
}

// StartPasskeySignInInput is what startPasskeySignIn takes.
type StartPasskeySignInInput struct{ ClientMutationID *string }

// StartPasskeySignInPayload is what startPasskeySignIn answers.
type StartPasskeySignInPayload struct {
	ChallengeToken   string
	Options          map[string]any
	ExpiresAt        time.Time
	ClientMutationID *string
}

// StartPasskeySignIn asks for any passkey of this server. Nobody is known yet, so there is no log to write to; what is
// counted is the network, or the browser.
func (a *App) StartPasskeySignIn(ctx context.Context, in StartPasskeySignInInput) (*StartPasskeySignInPayload, error) {
	if err := a.keysOn(); err != nil {
		return nil, err
	}
	if err := a.spendSpot(ctx, limitPasskey, request(ctx)); err != nil {
		return nil, err
	}
	assertion, session, err := a.rp.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return nil, fmt.Errorf("ask for a passkey: %w", err)
	}
	token := secret.NewToken()
	c, asked, err := a.ceremony(org.CeremonyPasskey, hex.EncodeToString(secret.Hash(token)), session, assertion.Response)
	if err != nil {
		return nil, err
	}
	if err := a.DB.InTx(ctx, func(tx *db.Tx) error { return tx.StartCeremony(ctx, c) }); err != nil {
		return nil, fmt.Errorf("store what the passkey is asked: %w", err)
	}
	return &StartPasskeySignInPayload{
		ChallengeToken: token, Options: asked.Options, ExpiresAt: asked.ExpiresAt, ClientMutationID: in.ClientMutationID,
	}, nil
}

// SignInWithPasskeyInput is what signInWithPasskey takes.
type SignInWithPasskeyInput struct {
	ChallengeToken string
	Credential     map[string]any
}

// SignInWithPasskeyPayload is what signInWithPasskey answers.
type SignInWithPasskeyPayload struct{ Session *SessionToken }

// SignInWithPasskey signs in by a key that has verified its user: what one has and what one knows or is, at once. Each
// start has one answer, so starts are what is counted of those that live; an account's guesses are nobody else's to use up.
func (a *App) SignInWithPasskey(ctx context.Context, in SignInWithPasskeyInput) (*SignInWithPasskeyPayload, error) {
	r := request(ctx)
	if err := a.keysOn(); err != nil {
		return nil, err
	}
	c, err := a.living(ctx, org.CeremonyPasskey, hex.EncodeToString(secret.Hash(in.ChallengeToken)))
	if errors.Is(err, org.ErrInvalidKey) {
		return nil, a.spendDead(ctx, limitPasskeyGuess, r, err)
	}
	if err != nil {
		return nil, err
	}
	parsed, err := parseAsserted(in.Credential)
	if err != nil {
		return nil, a.spendDead(ctx, limitPasskeyGuess, r, err)
	}
	var owner *keyOwner
	var fault error
	find := func(_, handle []byte) (webauthn.User, error) {
		var user *org.User
		if user, fault = a.DB.UserByHandle(ctx, handle); fault == nil {
			owner, fault = a.keyOwner(ctx, user)
		}
		return owner, fault
	}
	_, found, err := a.rp.ValidatePasskeyLogin(find, a.expecting(c, nil, protocol.VerificationRequired), parsed)
	if fault != nil && !errors.Is(fault, org.ErrNotFound) {
		return nil, fmt.Errorf("find whose passkey it is: %w", fault)
	}
	if err != nil || !a.ours(parsed.Response.CollectedClientData) {
		return nil, a.wrongKey(ctx, c, err)
	}
	userID := owner.user.ID
	var session *SessionToken
	proof := owner.proof(org.ByPasskey, c, found, parsed)
	err = a.prove(ctx, r, userID, proof, func(tx *db.Tx, _ *org.User, _ string) (*org.SecurityEvent, error) {
		var err error
		if session, err = a.begin(ctx, tx, r, org.ViaPasskey, org.ByPasskey, userID); err != nil {
			return nil, err
		}
		return event(userID, r, org.EventSignIn, "Signed in with a passkey."), tx.NoteProvedWith(ctx, r.began, proof.authenticatorID)
	})
	if err != nil {
		return nil, err
	}
	a.forgiveSpot(ctx, limitPasskey, r)
	return &SignInWithPasskeyPayload{Session: r.begun(session)}, nil
}
