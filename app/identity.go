package app

import (
	"context"
	"fmt"

	"muster/org"
)

// maxIdentities bounds the list of the identities that sign in to an account.
const maxIdentities = 100

// Identities are those at providers that sign in to the caller's own account; nil of anybody else.
func (a *App) Identities(ctx context.Context, userID string) ([]*org.LinkedIdentity, error) {
	if !held(ctx, userID) {
		return nil, nil
	}
	return a.DB.Identities(ctx, userID, maxIdentities)
}

// UnlinkIdentityInput is what unlinkIdentity takes.
type UnlinkIdentityInput struct{ IdentityID string }

// UnlinkIdentityPayload is what unlinkIdentity answers.
type UnlinkIdentityPayload struct{ User *org.User }

// UnlinkIdentity takes an identity at a provider from the caller's account, and ends what it has opened.
func (a *App) UnlinkIdentity(ctx context.Context, in UnlinkIdentityInput) (*UnlinkIdentityPayload, error) {
	r, err := holder(ctx)
	if err != nil {
		return nil, err
	}
	found, err := a.DB.Identity(ctx, r.session.User.ID, in.IdentityID)
	if err != nil {
		return nil, err
	}
	err = a.changeAccount(ctx, func(c *accountChange) error {
		if err := a.fresh(c.request, false); err != nil {
			return err
		}
		identity, err := c.Tx.Identity(ctx, c.User.ID, in.IdentityID)
		if err != nil {
			return err
		}
		ways, err := c.signsInItself(ctx)
		if err != nil {
			return err
		}
		m := c.membership(identity.OrganizationID)
		if err := identity.CheckUnlink(m, ways); err != nil {
			return err
		}
		if err := c.Tx.UnlinkIdentity(ctx, identity.ID); err != nil {
			return fmt.Errorf("unlink the identity: %w", err)
		}
		if err := c.Tx.EndProviderSessionsOf(ctx, identity.OrganizationID, c.User.ID); err != nil {
			return fmt.Errorf("end the provider's sessions: %w", err)
		}
		if m != nil {
			c.log(m, org.ActionMemberUnlinkSSO, m.Label()+" no longer signs in through the provider "+identity.Issuer, map[string]any{"issuer": identity.Issuer})
		}
		return c.alert(ctx, org.EventSSOUnlinked, "Unlinked the account from an identity of the provider of "+identity.OrganizationName+", which signs in to it no more.")
	}, found.OrganizationID)
	if err != nil {
		return nil, err
	}
	user, err := a.refreshedViewer(ctx)
	return &UnlinkIdentityPayload{User: user}, err
}

// signsInItself says whether the account has a way to sign in that is no provider's: an address with a password, or a key that
// has signed in alone before. Whether a key is a passkey is known only then: setting one up merely asks for it.
func (c *accountChange) signsInItself(ctx context.Context) (bool, error) {
	if c.User.Email != nil {
		hash, err := c.Tx.PasswordHash(ctx, c.User.ID)
		if err != nil || hash != "" {
			return hash != "", err
		}
	}
	return c.Tx.HasPasskey(ctx, c.User.ID)
}
