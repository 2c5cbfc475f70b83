package app

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"muster/app/lookalike"
	"muster/app/provider"
	"muster/db"
	"muster/org"
	"muster/secret"
)

// CallbackPath is where providers send browsers back, under the public URL: what is registered there.
const CallbackPath = "/sso/callback"

// ssoLife is how long a sign-in at a provider may take.
const ssoLife = 10 * time.Minute

// ssoOf is the organization's provider, nil where there is none.
func ssoOf(ctx context.Context, q db.Queries, organizationID string) (*org.SSO, error) {
	sso, err := q.SSO(ctx, organizationID)
	if errors.Is(err, org.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find the provider: %w", err)
	}
	return sso, nil
}

// SSO is the organization's provider, nil where there is none.
func (a *App) SSO(ctx context.Context, organizationID string) (*org.SSO, error) {
	access, err := a.read(ctx, organizationID, org.SeeSecurity)
	if err != nil {
		return nil, err
	}
	sso, err := ssoOf(ctx, a.DB.Queries, organizationID)
	if sso != nil {
		sso.SignInURL = a.PublicURL + "/sso/" + access.Organization.Slug
	}
	return sso, err
}

// ConnectSSOInput is what connectSSO takes.
type ConnectSSOInput struct {
	OrganizationID    string
	Issuer            string
	ClientID          string
	ClientSecret      string
	TrustSecondFactor bool
	AllowedDomains    []string
	RequiredClaim     *org.SSOClaim
}

// ConnectSSO stores a provider, its secret sealed. It calls nobody.
func (a *App) ConnectSSO(ctx context.Context, in ConnectSSOInput) (*OrganizationPayload, error) {
	if _, err := caller(ctx); err != nil {
		return nil, err
	}
	var o *org.Organization
	err := a.change(ctx, in.OrganizationID, org.ManageSecurity, func(c *change) error {
		o = c.Organization
		if err := a.fresh(c.request, false); err != nil {
			return err
		}
		now, err := ssoOf(ctx, c.Tx.Queries, o.ID)
		if err != nil {
			return err
		}
		next := &org.SSO{Issuer: in.Issuer, TrustSecondFactor: in.TrustSecondFactor}
		if err := org.CheckConnectSSO(o, now, next); err != nil {
			return err
		}
		if err := org.CheckIssuer("issuer", in.Issuer, a.SSOAllowPrivate); err != nil {
			return err
		}
		if next.Admission, err = org.ParseAdmission(in.AllowedDomains, in.RequiredClaim); err != nil {
			return err
		}
		if err := org.CheckAdmission(in.Issuer, next.Admission); err != nil {
			return err
		}
		if next.ClientID, err = org.ParseName("clientId", in.ClientID, 200); err != nil {
			return err
		}
		if n := len(in.ClientSecret); n < 1 || n > 1000 {
			return org.BadInput("clientSecret", "A client secret has 1 to 1000 characters.")
		}
		sealed, err := a.Keys.Seal([]byte(in.ClientSecret), []byte(o.ID))
		if err != nil {
			return fmt.Errorf("seal the client secret: %w", err)
		}
		if now != nil && !now.Same(next) { // what a token has said is not kept: who was let in may not be any more
			if err := c.Tx.EndProviderSessions(ctx, o.ID); err != nil {
				return err
			}
		}
		with := ""
		if next.TrustSecondFactor {
			with = " and trusts its second factor"
		}
		c.log(org.ActionSSOEnable, o, "connected single sign-on through "+in.Issuer+with,
			map[string]any{"issuer": in.Issuer, "client_id": next.ClientID, "trust_second_factor": in.TrustSecondFactor, "lets_in": next.LetsIn()})
		c.notify(true, "Single sign-on was connected through "+in.Issuer+". It lets in "+next.LetsIn()+".")
		return c.Tx.ConnectSSO(ctx, o.ID, next, sealed)
	})
	return &OrganizationPayload{Organization: o}, err
}

// DisconnectSSOInput is what disconnectSSO takes.
type DisconnectSSOInput struct{ OrganizationID string }

// DisconnectSSO removes the provider and ends the sessions that began there; without one nothing happens.
func (a *App) DisconnectSSO(ctx context.Context, in DisconnectSSOInput) (*OrganizationPayload, error) {
	var o *org.Organization
	err := a.change(ctx, in.OrganizationID, org.ManageSecurity, func(c *change) error {
		o = c.Organization
		if err := a.fresh(c.request, false); err != nil {
			return err
		}
		if err := org.CheckDisconnectSSO(o); err != nil {
			return err
		}
		had, err := c.Tx.DisconnectSSO(ctx, o.ID)
		if err != nil {
			return err
		}
		if !had {
			c.unchanged = true
			return nil
		}
		c.log(org.ActionSSODisable, o, "disconnected single sign-on", nil)
		c.notify(true, "Single sign-on was disconnected.")
		return c.Tx.EndProviderSessions(ctx, o.ID)
	})
	return &OrganizationPayload{Organization: o}, err
}

// The refusals of the pages. They have no mutation, but say what is wrong and what to do in the same form.
var (
	errNoSSO      = org.Refuse(org.CodeNotFound, "There is no single sign-on here. Check the address, or sign in with your email and password.")
	errSSOAttempt = org.Refuse(org.CodeInvalidLink, "This sign-in was begun in another browser, took longer than ten minutes, or was finished already. Begin again.")
	errSSODenied  = org.Refuse(org.CodeInvalidCredentials, "Your organization's provider did not sign you in. Begin again, or ask whoever runs it.")
	errSSOAnswer  = org.Refuse(org.CodeInvalidCredentials, "What your organization's provider answered does not hold. Begin again; if it happens again, an owner should look at the provider's settings.")
	errSSOSilent  = org.Refuse(org.CodeInvalidCredentials, "Your organization's provider does not answer as it should. Try again in a few minutes; if it happens again, an owner should look at the issuer in the organization's settings.")
)

// SSOStart is where to send a browser, and the cookie that it must come back with.
type SSOStart struct{ URL, Browser string }

// StartSSO sends a browser to an organization's provider. browser is the cookie of an earlier start, "" without one: the
// attempt can be finished with the cookie and with nothing else, and several tabs may each be on their way. With link, whom
// the provider names is linked to the account of the request's session.
func (a *App) StartSSO(ctx context.Context, slug, browser string, link bool) (*SSOStart, error) {
	r := request(ctx)
	o, err := a.DB.OrganizationBySlug(ctx, slug)
	if errors.Is(err, org.ErrNotFound) {
		return nil, a.spendDead(ctx, limitSSO, r, errNoSSO)
	}
	if err != nil {
		return nil, fmt.Errorf("find the organization: %w", err)
	}
	connection, sso, err := a.connection(ctx, o.ID)
	if errors.Is(err, errNoSSO) {
		return nil, a.spendDead(ctx, limitSSO, r, err)
	}
	if err != nil {
		return nil, err
	}
	if err := a.spendSpot(ctx, limitSSO, r); err != nil {
		return nil, err
	}
	start := &SSOStart{Browser: browser}
	if len(browser) != len(secret.NewToken()) {
		start.Browser = secret.NewToken()
	}
	attempt := &db.SSOAttempt{OrganizationID: o.ID, Issuer: sso.Issuer, ClientID: sso.ClientID, ExpiresAt: a.Now().Add(ssoLife)}
	if link {
		if attempt.SessionID, err = a.mayLink(ctx, o.ID); err != nil {
			return nil, err
		}
	}
	try := attemptOf(secret.NewToken(), start.Browser)
	if start.URL, err = a.providers.AuthURL(ctx, connection, try); err != nil {
		return nil, a.blame(ctx, o, err)
	}
	if err := a.DB.AddSSOAttempt(ctx, attempt, secret.Hash(try.State), secret.Hash(start.Browser)); err != nil {
		return nil, fmt.Errorf("remember the attempt: %w", err)
	}
	return start, nil
}

// mayLink is the session that asks to be linked, before the way to the provider is made in vain.
func (a *App) mayLink(ctx context.Context, organizationID string) (*string, error) {
	access, err := a.access(ctx, organizationID)
	if err != nil {
		return nil, err
	}
	return &access.Session.ID, org.CheckSSOLink(access, nil, a.Now(), a.StepUp)
}

// attemptOf derives what ties a callback to its browser from the cookie, of which the database has only a hash: who reads
// the database alone can finish no attempt.
func attemptOf(state, browser string) provider.Attempt {
	derive := func(what string) string {
		return base64.RawURLEncoding.EncodeToString(secret.Hash(what + " " + browser + " " + state))
	}
	return provider.Attempt{State: state, Nonce: derive("nonce"), Verifier: derive("verifier")}
}

// connection is an organization's provider with its secret.
func (a *App) connection(ctx context.Context, organizationID string) (provider.Connection, *org.SSO, error) {
	sso, err := ssoOf(ctx, a.DB.Queries, organizationID)
	if err == nil && sso == nil {
		err = errNoSSO
	}
	if err != nil {
		return provider.Connection{}, nil, err
	}
	sealed, err := a.DB.SSOSecret(ctx, organizationID)
	if errors.Is(err, org.ErrNotFound) {
		return provider.Connection{}, nil, errNoSSO
	}
	if err != nil {
		return provider.Connection{}, nil, fmt.Errorf("find the provider's secret: %w", err)
	}
	clientSecret, err := a.Keys.Open(sealed, []byte(organizationID))
	if err != nil {
		return provider.Connection{}, nil, fmt.Errorf("unseal the provider's secret: %w", err)
	}
	return provider.Connection{
		Issuer: sso.Issuer, ClientID: sso.ClientID, ClientSecret: string(clientSecret), RedirectURL: a.PublicURL + CallbackPath,
	}, sso, nil
}

// blame makes of a provider's failure a sentence for people, and a line for the operator.
func (a *App) blame(ctx context.Context, o *org.Organization, err error) error {
	refusal := errSSOSilent
	switch {
	case errors.Is(err, provider.ErrToken):
		refusal = errSSOAnswer
	case errors.Is(err, provider.ErrRefused):
		refusal = errSSODenied
	case !errors.Is(err, provider.ErrUnreachable):
		return err
	}
	a.Log.WarnContext(ctx, "a sign-in through a provider failed", "organization", o.ID, "err", err)
	return refusal
}

// SSOCallback is what a provider sends a browser back with.
type SSOCallback struct {
	Browser string // the cookie that the attempt was begun with
	State   string
	Code    string
	Issuer  string // iss of RFC 9207, "" without one
	Failed  bool   // the provider says that it did not sign them in
}

// SSOResult is what a callback came to.
type SSOResult struct {
	Organization *org.Organization
	Linked       bool // the identity was linked to the account; else a session began
}

// FinishSSO takes a callback: whom the provider names is signed in, becomes a member, or is linked. An attempt is used up
// before anybody is asked; it was counted where it began.
func (a *App) FinishSSO(ctx context.Context, in SSOCallback) (*SSOResult, error) {
	r := request(ctx)
	attempt, err := a.DB.UseSSOAttempt(ctx, secret.Hash(in.State), secret.Hash(in.Browser))
	if errors.Is(err, org.ErrNotFound) || err == nil && !a.Now().Before(attempt.ExpiresAt) {
		return nil, a.spendDead(ctx, limitSSO, r, errSSOAttempt)
	}
	if err != nil {
		return nil, fmt.Errorf("find the attempt: %w", err)
	}
	o, err := a.DB.Organization(ctx, attempt.OrganizationID)
	if err != nil {
		return nil, fmt.Errorf("find the organization: %w", err)
	}
	connection, sso, err := a.connection(ctx, o.ID)
	if err != nil {
		return nil, err
	}
	switch {
	case !sso.Is(&org.SSO{Issuer: attempt.Issuer, ClientID: attempt.ClientID}):
		return nil, errSSOAttempt // another provider has been connected meanwhile
	case in.Failed || in.Code == "":
		return nil, errSSODenied
	}
	who, err := a.providers.Redeem(ctx, connection, attemptOf(in.State, in.Browser), in.Code, in.Issuer)
	if err != nil {
		return nil, a.blame(ctx, o, err)
	}
	if err := sso.CheckAdmitted(o, org.Claimed{Email: who.Email, EmailVerified: who.EmailVerified, Texts: who.Texts}); err != nil {
		a.Log.WarnContext(ctx, "a sign-in through a provider was not let in", "organization", o.ID, "issuer", sso.Issuer, "subject", who.Subject)
		return nil, err
	}
	result := &SSOResult{Organization: o, Linked: attempt.SessionID != nil}
	if result.Linked {
		err = a.linkIdentity(ctx, o, sso, who, *attempt.SessionID)
	} else {
		err = a.enterBySSO(ctx, o, sso, who)
	}
	if err == nil {
		a.forgiveSpot(ctx, limitSSO, r)
	}
	return result, err
}

// enterBySSO begins a session for whom the provider has named, who becomes a member the first time: an account of their own,
// without an address and without a password. Nobody is recognised by their address.
func (a *App) enterBySSO(ctx context.Context, o *org.Organization, sso *org.SSO, who *provider.Identity) error {
	r := request(ctx)
	if _, err := a.DB.IdentityUser(ctx, o.ID, sso.Issuer, who.Subject); errors.Is(err, org.ErrNotFound) {
		if err := a.spend(ctx, limitSSOJoin, o.ID); err != nil {
			return err
		}
	}
	by := org.ByProvider
	if who.SecondFactor {
		by = org.ByProviderFactor
	}
	var session *SessionToken
	err := a.account(ctx, func(tx *db.Tx) (*org.SecurityEvent, error) {
		o, err := a.lockProvider(ctx, tx, o.ID, sso)
		if err != nil {
			return nil, err
		}
		userID, err := tx.IdentityUser(ctx, o.ID, sso.Issuer, who.Subject)
		if errors.Is(err, org.ErrNotFound) {
			userID, err = a.joinBySSO(ctx, tx, o, sso, who)
		}
		if err != nil {
			return nil, err
		}
		if _, err := tx.LockUser(ctx, userID); err != nil {
			return nil, err
		}
		m, err := tx.MemberOf(ctx, o.ID, userID)
		if err != nil && !errors.Is(err, org.ErrNotFound) {
			return nil, err
		}
		if err := org.CheckSSOReturn(o, m, a.Now()); err != nil {
			return nil, err
		}
		if session, err = a.beginAt(ctx, tx, r, org.ViaProvider, by, userID, o.ID); err != nil {
			return nil, err
		}
		return event(userID, r, org.EventSignIn, "Signed in through the provider of "+o.Name+", for "+o.Name+" only."), nil
	})
	if err != nil {
		return err
	}
	r.begun(session)
	return nil
}

// lockProvider locks the organization and makes sure that the provider is still the one that was asked, and lets in whom it
// did: from there to the commit nobody disconnects it.
func (a *App) lockProvider(ctx context.Context, tx *db.Tx, organizationID string, sso *org.SSO) (*org.Organization, error) {
	o, err := tx.LockOrganization(ctx, organizationID)
	if err != nil {
		return nil, err
	}
	now, err := ssoOf(ctx, tx.Queries, o.ID)
	if err != nil {
		return nil, err
	}
	if !now.Same(sso) {
		return nil, errSSOAttempt
	}
	return o, nil
}

// joinBySSO makes an account and a membership for somebody whom the provider names for the first time.
func (a *App) joinBySSO(ctx context.Context, tx *db.Tx, o *org.Organization, sso *org.SSO, who *provider.Identity) (userID string, err error) {
	r := request(ctx)
	user := &org.User{ID: db.NewID(db.UserID), Name: org.ClaimedName(who.Name, o, lookalike.Form), Issuer: &sso.Issuer}
	if err := tx.CreateProviderUser(ctx, user); err != nil {
		return "", fmt.Errorf("create the account: %w", err)
	}
	if err := tx.LinkIdentity(ctx, o.ID, sso.Issuer, who.Subject, user.ID); err != nil {
		return "", fmt.Errorf("link the identity: %w", err)
	}
	memberID := db.NewID(db.MemberID)
	if err := tx.CreateMember(ctx, memberID, o.ID, user.ID, org.RoleMember); err != nil {
		return "", fmt.Errorf("create the membership: %w", err)
	}
	m, err := tx.Member(ctx, memberID)
	if err != nil {
		return "", err
	}
	data := map[string]any{"role": m.Role, "issuer": sso.Issuer, "subject": who.Subject}
	if claim, err := org.ParseEmail("email", who.Email); err == nil {
		data["claimed_email"] = claim // for managers to recognise them by; it opens nothing
	}
	e := entryBy(user, r, org.ActionMemberJoinSSO, "became a member through the provider "+sso.Issuer, data)
	e.TargetID, e.TargetLabel = label(m)
	if err := tx.AddAuditEntries(ctx, o.ID, []*org.AuditLogEntry{e}); err != nil {
		return "", err
	}
	if err := tx.AddSecurityEvent(ctx, event(user.ID, r, org.EventSignUp, "Created the account, through the provider of "+o.Name+".")); err != nil {
		return "", err
	}
	return user.ID, tx.Enqueue(ctx, NotifyJob{OrganizationID: o.ID, What: user.Name + " is a member now.", By: user.Name, At: a.Now(), Except: user.ID})
}

// linkIdentity makes whom the provider has named sign in to the account of the session that asked for it. It has to be the
// session of this browser still: nobody else's identity gets to an account, and no account to somebody else's identity.
func (a *App) linkIdentity(ctx context.Context, o *org.Organization, sso *org.SSO, who *provider.Identity, sessionID string) error {
	r, err := holder(ctx)
	if err != nil {
		return err
	}
	if r.session.ID != sessionID {
		return errSSOAttempt
	}
	return a.changeAccount(ctx, func(c *accountChange) error {
		now, err := ssoOf(ctx, c.Tx.Queries, o.ID) // the organization is locked
		if err != nil {
			return err
		}
		if !now.Same(sso) {
			return errSSOAttempt
		}
		m, err := c.Tx.MemberOf(ctx, o.ID, c.User.ID)
		if err != nil {
			return err
		}
		var has *org.Member
		userID, err := c.Tx.IdentityUser(ctx, o.ID, sso.Issuer, who.Subject)
		if err == nil {
			has, err = c.Tx.MemberOf(ctx, o.ID, userID)
		}
		if err != nil && !errors.Is(err, org.ErrNotFound) {
			return err
		}
		access := &org.Access{Organization: m.Organization, Member: m, Session: r.session}
		if err := org.CheckSSOLink(access, has, a.Now(), a.StepUp); err != nil {
			return err
		}
		if err := c.Tx.LinkIdentity(ctx, o.ID, sso.Issuer, who.Subject, c.User.ID); err != nil {
			return fmt.Errorf("link the identity: %w", err)
		}
		// The account may have been linked with another identity, which signs in to it no more.
		if err := c.Tx.EndProviderSessionsOf(ctx, o.ID, c.User.ID); err != nil {
			return fmt.Errorf("end the provider's sessions: %w", err)
		}
		c.log(m, org.ActionMemberLinkSSO, m.Label()+" signs in through the provider "+sso.Issuer+" from now on", map[string]any{"issuer": sso.Issuer, "subject": who.Subject})
		return c.alert(ctx, org.EventSSOLinked, "Linked the account with an identity of the provider of "+o.Name+", which signs in to it there from now on.")
	}, o.ID)
}
