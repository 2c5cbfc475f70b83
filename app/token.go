package app

import (
	"context"
	"fmt"
	"time"

	"muster/app/lookalike"
	"muster/db"
	"muster/org"
	"muster/secret"
)

// maxTokenList bounds the lists of API tokens: the living ones, and some that have expired lately.
const maxTokenList = 2 * org.MaxTokens

// PersonalTokens are the caller's own; nil of anybody else.
func (a *App) PersonalTokens(ctx context.Context, userID string) ([]*org.PersonalToken, error) {
	if !held(ctx, userID) {
		return nil, nil
	}
	return a.DB.PersonalTokens(ctx, userID, maxTokenList)
}

// ServiceTokens are an organization's.
func (a *App) ServiceTokens(ctx context.Context, organizationID string) ([]*org.ServiceToken, error) {
	access, err := a.read(ctx, organizationID, org.ManageTokens)
	if err != nil {
		return nil, err
	}
	tokens, err := a.DB.ServiceTokens(ctx, organizationID, maxTokenList)
	for i, token := range tokens {
		tokens[i] = token.SeenBy(access.Member)
	}
	return tokens, err
}

func (a *App) serviceTokenNode(ctx context.Context, id string) (org.Node, error) {
	token, organizationID, err := a.DB.ServiceToken(ctx, id)
	if err != nil {
		return nil, err
	}
	access, err := a.read(ctx, organizationID, org.ManageTokens)
	if err != nil {
		return nil, err
	}
	return token.SeenBy(access.Member), nil
}

// CreatePersonalTokenInput is what createPersonalToken takes.
type CreatePersonalTokenInput struct {
	Name      string
	Scopes    []string
	ExpiresAt *time.Time
}

// CreatePersonalTokenPayload is what createPersonalToken answers: the only time that the token is shown.
type CreatePersonalTokenPayload struct {
	Token         string
	PersonalToken *org.PersonalToken
}

// CreatePersonalToken makes an API token that acts as the caller, as far as its scopes go. It stands for the session that it
// is made in: where an organization asks for a second factor, it is that session's proof that counts.
func (a *App) CreatePersonalToken(ctx context.Context, in CreatePersonalTokenInput) (*CreatePersonalTokenPayload, error) {
	r, err := holder(ctx)
	if err != nil {
		return nil, err
	}
	token, err := a.newToken(in.Name, in.Scopes, in.ExpiresAt)
	if err != nil {
		return nil, err
	}
	text := secret.NewAPIToken(secret.PersonalToken)
	err = a.account(ctx, func(tx *db.Tx) (*org.SecurityEvent, error) {
		if err := a.freshHolder(ctx, tx, r); err != nil {
			return nil, err
		}
		if err := a.createToken(ctx, tx, r, org.ViaPersonalToken, token, text); err != nil {
			return nil, err
		}
		message := fmt.Sprintf("Made the personal API token %q, which ends on %s.", token.Name, day(token.ExpiresAt))
		return a.alert(ctx, tx, r, r.session.User, org.EventTokenCreated, message)
	})
	if err != nil {
		return nil, err
	}
	return &CreatePersonalTokenPayload{Token: text, PersonalToken: &org.PersonalToken{Token: *token}}, nil
}

// RevokePersonalTokenInput is what revokePersonalToken takes.
type RevokePersonalTokenInput struct{ PersonalTokenID string }

// RevokePersonalTokenPayload is what revokePersonalToken answers.
type RevokePersonalTokenPayload struct{ User *org.User }

// RevokePersonalToken ends one of the caller's own tokens, and the sockets that it opened.
func (a *App) RevokePersonalToken(ctx context.Context, in RevokePersonalTokenInput) (*RevokePersonalTokenPayload, error) {
	r, err := holder(ctx)
	if err != nil {
		return nil, err
	}
	err = a.account(ctx, func(tx *db.Tx) (*org.SecurityEvent, error) {
		if err := a.freshHolder(ctx, tx, r); err != nil {
			return nil, err
		}
		revoked, err := tx.RevokePersonalToken(ctx, r.session.User.ID, in.PersonalTokenID)
		if err != nil {
			return nil, err
		}
		if !revoked {
			return nil, org.ErrNotFound
		}
		s, err := tx.Session(ctx, in.PersonalTokenID)
		if err != nil {
			return nil, err
		}
		message := fmt.Sprintf("Revoked the personal API token %q.", s.Token.Name)
		return event(r.session.User.ID, r, org.EventTokenRevoked, message), tx.Enqueue(ctx, accountMail(r, r.session.User.ID, message, a.Now()))
	})
	if err != nil {
		return nil, err
	}
	return &RevokePersonalTokenPayload{User: r.session.User}, nil
}

// freshHolder locks the caller's account and asks again, under the lock, whether their session holds and is fresh.
func (a *App) freshHolder(ctx context.Context, tx *db.Tx, r *Request) error {
	if _, err := tx.LockUser(ctx, r.session.User.ID); err != nil {
		return err
	}
	if err := a.reload(ctx, tx, r); err != nil {
		return err
	}
	return a.fresh(r, false)
}

// CreateServiceTokenInput is what createServiceToken takes.
type CreateServiceTokenInput struct {
	OrganizationID string
	Name           string
	Scopes         []string
	ExpiresAt      *time.Time
}

// CreateServiceTokenPayload is what createServiceToken answers: the only time that the token is shown.
type CreateServiceTokenPayload struct {
	Token        string
	ServiceToken *org.ServiceToken
}

// CreateServiceToken makes an API token of the organization's own. It acts as itself and outlives the membership of who
// made it.
func (a *App) CreateServiceToken(ctx context.Context, in CreateServiceTokenInput) (*CreateServiceTokenPayload, error) {
	payload := &CreateServiceTokenPayload{Token: secret.NewAPIToken(secret.ServiceToken)}
	err := a.change(ctx, in.OrganizationID, org.ManageTokens, func(c *change) error {
		if err := a.fresh(c.request, false); err != nil {
			return err
		}
		token, err := a.newToken(in.Name, in.Scopes, in.ExpiresAt)
		if err != nil {
			return err
		}
		token.OrganizationID = &c.Organization.ID
		if err := a.createToken(ctx, c.Tx, c.request, org.ViaServiceToken, token, payload.Token); err != nil {
			return err
		}
		if payload.ServiceToken, _, err = c.Tx.ServiceToken(ctx, token.ID); err != nil {
			return err
		}
		c.log(org.ActionTokenCreate, payload.ServiceToken, "made the service token "+token.Name,
			map[string]any{"scopes": token.Scopes, "expires_at": token.ExpiresAt.UTC()})
		c.notifyOwners(fmt.Sprintf("The service token %q was made. It ends on %s.", token.Name, day(token.ExpiresAt)))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return payload, nil
}

// RevokeServiceTokenInput is what revokeServiceToken takes.
type RevokeServiceTokenInput struct{ ServiceTokenID string }

// RevokeServiceTokenPayload is what revokeServiceToken answers.
type RevokeServiceTokenPayload struct{ Organization *org.Organization }

// RevokeServiceToken ends a service token, and the sockets that it opened.
func (a *App) RevokeServiceToken(ctx context.Context, in RevokeServiceTokenInput) (*RevokeServiceTokenPayload, error) {
	if _, err := caller(ctx); err != nil {
		return nil, err
	}
	token, organizationID, err := a.DB.ServiceToken(ctx, in.ServiceTokenID)
	if err != nil {
		return nil, err
	}
	payload := &RevokeServiceTokenPayload{}
	err = a.change(ctx, organizationID, org.ManageTokens, func(c *change) error {
		payload.Organization = c.Organization
		if err := a.fresh(c.request, false); err != nil {
			return err
		}
		revoked, err := c.Tx.RevokeServiceToken(ctx, c.Organization.ID, token.ID)
		if err != nil {
			return err
		}
		if !revoked {
			return org.ErrNotFound
		}
		c.log(org.ActionTokenRevoke, token, "revoked the service token "+token.Name, nil)
		c.notifyOwners(fmt.Sprintf("The service token %q was revoked.", token.Name))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return payload, nil
}

// newToken checks what a token is asked to be.
func (a *App) newToken(name string, scopes []string, expires *time.Time) (*org.Token, error) {
	token := &org.Token{ID: db.NewID(db.TokenID)}
	var err error
	if token.Name, err = org.ParseActorName("name", name, 60, lookalike.Form); err != nil {
		return nil, err
	}
	if token.Scopes, err = org.ParseScopes("scopes", scopes); err != nil {
		return nil, err
	}
	token.ExpiresAt, err = org.TokenExpiry("expiresAt", a.Now(), expires)
	return token, err
}

// createToken stores a token that a route makes, as its hash, where there is room for one more. Its owner is locked.
func (a *App) createToken(ctx context.Context, tx *db.Tx, r *Request, via *org.Route, token *org.Token, text string) error {
	if !via.Issues {
		return fmt.Errorf("no API token is made via %s", via.Name)
	}
	living, err := tx.LivingTokens(ctx, r.session.User.ID, token.OrganizationID, a.Now())
	if err != nil {
		return fmt.Errorf("count the tokens: %w", err)
	}
	if err := org.CheckNewToken(living); err != nil {
		return err
	}
	proved := r.session.ProvedAt
	if token.OrganizationID != nil {
		proved = nil // it is no person, and stands for nobody's session
	}
	if err := tx.CreateToken(ctx, token, secret.Hash(text), r.session.User.ID, proved); err != nil {
		return fmt.Errorf("store the token: %w", err)
	}
	return nil
}

// place is where the caller stands in an organization: the member that they are, with as much as the gate decides on, or,
// for a service token, a manager's place that no row holds.
func place(ctx context.Context, q db.Queries, organizationID string, s *org.Session) (*org.Member, error) {
	if !s.Service() {
		return q.PlaceOf(ctx, organizationID, s.User.ID)
	}
	if *s.Token.OrganizationID != organizationID {
		return nil, org.ErrNotFound
	}
	o, err := q.Organization(ctx, organizationID)
	if err != nil {
		return nil, err
	}
	return org.TokenMember(s, o), nil
}

// placeBySlug is place in an organization that is known by its short name.
func placeBySlug(ctx context.Context, q db.Queries, slug string, s *org.Session) (*org.Member, error) {
	if !s.Service() {
		return q.PlaceBySlug(ctx, slug, s.User.ID)
	}
	o, err := q.OrganizationBySlug(ctx, slug)
	if err != nil {
		return nil, err
	}
	return place(ctx, q, o.ID, s)
}

// day is how letters and logs say when a token ends.
func day(t time.Time) string { return t.UTC().Format("2 January 2006") }
