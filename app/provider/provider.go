// Package provider asks OpenID Connect providers who somebody is: it sends a browser there, redeems the code that comes
// back, and verifies the ID token (OpenID Connect Core 1.0, sections 3.1.2 and 3.1.3; go-oidc does the cryptography).
//
// Every organization's owner chooses a provider, so none is trusted: what is dialled, followed, read and waited for is
// bounded (dial.go), and what comes back is one identity of one issuer, never a person of Muster. The package is a leaf:
// it refuses to know organizations, accounts and sessions.
package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"
)

// What can go wrong, as far as a person can do something about it. The wrapped text is for the operator's log.
var (
	ErrUnreachable = errors.New("the provider could not be asked")
	ErrRefused     = errors.New("the provider did not redeem the code")
	ErrToken       = errors.New("the provider's answer does not hold")
)

// Connection is one organization's registration at its provider.
type Connection struct {
	Issuer       string
	ClientID     string
	ClientSecret string
	RedirectURL  string
}

// Attempt is what ties a callback to the browser that was sent away. Each value is random for each attempt.
type Attempt struct {
	State    string
	Nonce    string
	Verifier string // of PKCE (RFC 7636), 43 to 128 characters
}

// Identity is whom a provider has named.
type Identity struct {
	Subject string // unique at its issuer and nowhere else; 1 to 255 characters
	Name    string // as the provider calls them, "" where it does not
	Email   string // a claim and nothing more
	// EmailVerified says that the provider calls the address verified, in the same answer that has it.
	EmailVerified bool
	// Texts are the ID token's claims that are a text, a number or a truth value, these two as JSON writes them, or a list of such.
	Texts map[string][]string
	// SecondFactor says that the token carries one: see SecondFactor.
	SecondFactor bool
}

// discoveryLife is how long a provider's discovery document and keys are kept. Keys that it adds are fetched when a token
// names them; one that it withdraws is taken for no longer than this.
const discoveryLife = 10 * time.Minute

// maxKept bounds how many providers are kept: more are asked anew.
const maxKept = 200

// Client asks providers. Its methods may be used from many goroutines.
type Client struct {
	http    *http.Client
	private bool
	now     func() time.Time

	asking singleflight.Group
	mu     sync.Mutex
	kept   map[string]*discovered // guarded by mu, by issuer
}

type discovered struct {
	*oidc.Provider
	authStyle oauth2.AuthStyle
	namesSelf bool // it promises iss in every callback (RFC 9207)
	until     time.Time
}

// New makes a Client. private lifts the ban on private addresses, and allows http on this machine.
func New(private bool, now func() time.Time) *Client {
	return &Client{http: newHTTP(private), private: private, now: now, kept: map[string]*discovered{}}
}

// AuthURL is where to send a browser.
func (c *Client) AuthURL(ctx context.Context, at Connection, try Attempt) (string, error) {
	p, err := c.discover(ctx, at.Issuer)
	if err != nil {
		return "", err
	}
	return at.config(p).AuthCodeURL(try.State, oidc.Nonce(try.Nonce), oauth2.S256ChallengeOption(try.Verifier)), nil
}

func (at Connection) config(p *discovered) *oauth2.Config {
	endpoint := p.Endpoint()
	endpoint.AuthStyle = p.authStyle
	return &oauth2.Config{
		ClientID: at.ClientID, ClientSecret: at.ClientSecret, RedirectURL: at.RedirectURL, Endpoint: endpoint,
		Scopes: []string{oidc.ScopeOpenID, "profile", "email"},
	}
}

// Redeem exchanges a callback's code and says whom the ID token names. iss is the callback's own parameter, "" without
// one: it keeps a code of one provider from being sent to another (RFC 9207).
func (c *Client) Redeem(ctx context.Context, at Connection, try Attempt, code, iss string) (*Identity, error) {
	p, err := c.discover(ctx, at.Issuer)
	if err != nil {
		return nil, err
	}
	if iss != at.Issuer && (iss != "" || p.namesSelf) {
		return nil, fmt.Errorf("%w: the callback names the issuer %q", ErrToken, clip(iss))
	}
	ctx = oidc.ClientContext(ctx, c.http)
	token, err := at.config(p).Exchange(ctx, code, oauth2.VerifierOption(try.Verifier))
	if err != nil {
		return nil, redeemError(err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return nil, fmt.Errorf("%w: there is no ID token in it", ErrToken)
	}
	verified, err := p.Verifier(&oidc.Config{ClientID: at.ClientID, Now: c.now}).Verify(ctx, raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrToken, clip(err.Error()))
	}
	who, err := identity(at, try, verified)
	if err == nil && (who.Name == "" || who.Email == "") {
		c.introduce(ctx, p, token, who)
	}
	return who, err
}

// called is how a provider calls somebody, in an ID token or at its UserInfo endpoint.
type called struct {
	Name     optional[string] `json:"name"`
	Username optional[string] `json:"preferred_username"`
	Email    optional[string] `json:"email"`
	Verified any              `json:"email_verified"` // some say "true" where the standard has a boolean
}

// optional is a claim without which a sign-in holds: one that is not what it should be counts as none.
type optional[T any] struct{ value T }

// UnmarshalJSON takes whatever there is.
func (o *optional[T]) UnmarshalJSON(raw []byte) error {
	var value T
	if json.Unmarshal(raw, &value) == nil {
		o.value = value
	}
	return nil
}

func (w *Identity) call(as called) {
	if w.Name == "" {
		w.Name = strings.TrimSpace(as.Name.value)
	}
	if w.Name == "" {
		w.Name = strings.TrimSpace(as.Username.value)
	}
	if w.Email == "" {
		w.Email = as.Email.value
		w.EmailVerified = w.Email != "" && (as.Verified == true || as.Verified == "true")
	}
}

// introduce asks the provider how it calls somebody of whom the ID token says less: in the code flow that is for the UserInfo
// endpoint (Core 1.0, section 5.4). It is worth one question and nothing more: without an answer they have no name.
func (c *Client) introduce(ctx context.Context, p *discovered, token *oauth2.Token, who *Identity) {
	info, err := p.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil || info.Subject != who.Subject { // section 5.3.2: another subject's answer is not used
		return
	}
	var claims called
	if info.Claims(&claims) == nil {
		who.call(claims)
	}
}

// identity checks what go-oidc leaves to its user and reads the claims.
func identity(at Connection, try Attempt, token *oidc.IDToken) (*Identity, error) {
	var claims struct {
		called
		AuthorizedParty string             `json:"azp"`
		AMR             optional[[]string] `json:"amr"`
		ACR             optional[string]   `json:"acr"`
	}
	if err := token.Claims(&claims); err != nil {
		return nil, fmt.Errorf("%w: its claims cannot be read", ErrToken)
	}
	switch n := len(token.Subject); {
	case token.Issuer != at.Issuer:
		// go-oidc forgives Google a missing scheme; identities are kept by the exact issuer.
		return nil, fmt.Errorf("%w: the token is of the issuer %q", ErrToken, clip(token.Issuer))
	case token.Nonce != try.Nonce:
		return nil, fmt.Errorf("%w: the token was made for another attempt", ErrToken)
	case claims.AuthorizedParty != "" && claims.AuthorizedParty != at.ClientID, claims.AuthorizedParty == "" && len(token.Audience) > 1:
		// Core 1.0, section 3.1.3.7, items 4 and 5.
		return nil, fmt.Errorf("%w: the token was made for the client %q", ErrToken, clip(claims.AuthorizedParty))
	case n == 0 || n > 255 || !utf8.ValidString(token.Subject) || strings.ContainsRune(token.Subject, 0):
		return nil, fmt.Errorf("%w: the token's subject has %d bytes, or is no text", ErrToken, n)
	}
	who := &Identity{Subject: token.Subject, SecondFactor: SecondFactor(claims.AMR.value, claims.ACR.value)}
	who.call(claims.called)
	return who, readTexts(token, who)
}

// readTexts keeps the claims that can be compared with a text.
func readTexts(token *oidc.IDToken, who *Identity) error {
	var claims map[string]json.RawMessage
	if err := token.Claims(&claims); err != nil {
		return fmt.Errorf("%w: its claims cannot be read", ErrToken)
	}
	who.Texts = map[string][]string{}
	for name, claim := range claims {
		var values []json.RawMessage
		if json.Unmarshal(claim, &values) != nil {
			values = []json.RawMessage{claim}
		}
		for _, value := range values {
			if text, ok := textOf(value); ok {
				who.Texts[name] = append(who.Texts[name], text)
			}
		}
	}
	return nil
}

// textOf is a text itself, and a number or a truth value as it is written.
func textOf(value json.RawMessage) (string, bool) {
	var text string
	switch {
	case len(value) == 0 || strings.ContainsRune("{[n", rune(value[0])): // an object, a list, null
		return "", false
	case value[0] != '"':
		return string(value), true
	}
	return text, json.Unmarshal(value, &text) == nil
}

// redeemError keeps what a provider answered out of the log but for its OAuth error code: it may echo the code or the
// client's secret.
func redeemError(err error) error {
	var answered *oauth2.RetrieveError
	if errors.As(err, &answered) {
		return fmt.Errorf("%w: status %d, error %q", ErrRefused, answered.Response.StatusCode, clip(answered.ErrorCode))
	}
	return fmt.Errorf("%w: %s", ErrUnreachable, clip(err.Error()))
}

// discover finds a provider's endpoints and keys. Whoever asks for one that is being asked waits for the same answer.
func (c *Client) discover(ctx context.Context, issuer string) (*discovered, error) {
	c.mu.Lock()
	p := c.kept[issuer]
	c.mu.Unlock()
	if p != nil && c.now().Before(p.until) {
		return p, nil
	}
	found, err, _ := c.asking.Do(issuer, func() (any, error) {
		// One who goes away must not fail the others: the client's own time limit ends it.
		return c.ask(context.WithoutCancel(ctx), issuer)
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrUnreachable, clip(err.Error()))
	}
	p = found.(*discovered)
	c.keep(issuer, p)
	return p, nil
}

// asymmetric are the algorithms of ID tokens that go-oidc verifies, by a provider's public keys alone.
var asymmetric = []string{
	oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA,
}

func (c *Client) ask(ctx context.Context, issuer string) (*discovered, error) {
	ctx = oidc.ClientContext(ctx, c.http)
	found, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		return nil, err
	}
	var document struct {
		oidc.ProviderConfig

		AuthWays  []string `json:"token_endpoint_auth_methods_supported"`
		NamesSelf bool     `json:"authorization_response_iss_parameter_supported"`
	}
	if err := found.Claims(&document); err != nil {
		return nil, err
	}
	// The other endpoints are checked when they are dialled; this one is for the browser.
	if err := checkURL(document.AuthURL, c.private); err != nil {
		return nil, fmt.Errorf("the authorization endpoint: %w", err)
	}
	// client_secret_basic is the default (Discovery 1.0, section 3). Trying both would send a code twice.
	style := oauth2.AuthStyleInHeader
	if len(document.AuthWays) > 0 && !slices.Contains(document.AuthWays, "client_secret_basic") {
		style = oauth2.AuthStyleInParams
	}
	// Of the document, which is kept for as long as what was found, nothing else is needed: it may be long.
	config := oidc.ProviderConfig{
		IssuerURL: issuer, AuthURL: document.AuthURL, TokenURL: document.TokenURL, UserInfoURL: document.UserInfoURL, JWKSURL: document.JWKSURL,
	}
	for _, algorithm := range asymmetric {
		if slices.Contains(document.Algorithms, algorithm) {
			config.Algorithms = append(config.Algorithms, algorithm)
		}
	}
	return &discovered{Provider: config.NewProvider(ctx), authStyle: style, namesSelf: document.NamesSelf, until: c.now().Add(discoveryLife)}, nil
}

func (c *Client) keep(issuer string, p *discovered) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.kept) >= maxKept {
		oldest := ""
		for at, other := range c.kept {
			if oldest == "" || other.until.Before(c.kept[oldest].until) {
				oldest = at
			}
		}
		delete(c.kept, oldest)
	}
	c.kept[issuer] = p
}

// clip makes of a provider's words something that fits into a line of the log.
func clip(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "�")), " ")
	if r := []rune(s); len(r) > 200 {
		return string(r[:200]) + "…"
	}
	return s
}
