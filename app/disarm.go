package app

import (
	"context"
	"fmt"
	"slices"

	"muster/org"
)

// disarm takes everything from an account that proves a second factor, and every access that rests on it: authenticators,
// recovery codes, sessions. The password stays and nothing is given: the person comes back by it, by the mailbox where an
// organization requires 2FA, and by their own new authenticator. It is the end of every reset, whoever asked for it. What it
// takes never comes back: the phone may be stolen, with the mail on it that says "this was not me", so a report of the reset
// locks the account and undoes nothing.
//
// says is the entry of each of the person's organizations, told the line of the account's own log and the mail.
func (a *App) disarm(ctx context.Context, c *accountChange, says func(m *org.Member) (message string, data map[string]any), told string) error {
	n, err := c.Tx.RemoveFactors(ctx, c.User.ID)
	if err != nil {
		return fmt.Errorf("remove the factors: %w", err)
	}
	if n == 0 {
		return org.Refuse(org.CodeConflict, "This account has no second factor: there is nothing to reset.")
	}
	if err := c.Tx.EndAllAccess(ctx, c.User.ID); err != nil {
		return fmt.Errorf("end the sessions: %w", err)
	}
	if err := a.endOtherResets(ctx, c); err != nil {
		return err
	}
	for _, m := range c.Memberships {
		message, data := says(m)
		c.log(m, org.ActionReset, message, data)
		c.notifyOwners(m.OrganizationID, "The second factor of "+m.PublicName()+" was reset.")
	}
	if err := c.alert(ctx, org.EventFactorReset, told); err != nil {
		return err
	}
	return a.lockOut(ctx, c)
}

// endOtherResets ends what still waits about an account that has been reset: it must not take the next factor. A request of an
// organization that the person has left is not locked and is left alone: it takes no effect without them, and expires.
func (a *App) endOtherResets(ctx context.Context, c *accountChange) error {
	waiting, err := c.Tx.PendingResets(ctx, c.User.ID)
	if err != nil {
		return fmt.Errorf("find the other requests: %w", err)
	}
	by := c.actor
	defer func() { c.actor = by }()
	c.actor = func(string) actor { return actor{label: org.SystemLabel, name: org.SystemLabel} }
	for _, reset := range waiting {
		if !slices.Contains(c.locked, reset.OrganizationID) {
			continue
		}
		if err := a.endReset(ctx, c, reset, org.ResetVoid, "ended a request to reset the second factor of "+c.User.Label()+", which has been reset"); err != nil {
			return err
		}
	}
	return nil
}

// lockOut follows the loss of an account's last authenticator, in the same transaction: the person is removed from every
// organization that requires one, as a sweep would, with the link and the mail that bring them back. It is LAST_OWNER where
// an organization would be left without a compliant active owner, and does nothing for who still has an authenticator.
func (a *App) lockOut(ctx context.Context, c *accountChange) error {
	now, err := c.Tx.User(ctx, c.User.ID)
	if err != nil {
		return fmt.Errorf("find the account again: %w", err)
	}
	if now.Compliant() {
		return nil
	}
	if err := c.checkLockOut(ctx, func(string) bool { return true }); err != nil {
		return err
	}
	return a.removeAsSweep(ctx, c, "has no second factor any more and was removed until they set one up")
}

// canBeMailed is why an account is removed that has got an address.
const canBeMailed = "can be mailed now and was removed until they set up two-factor authentication"

// removeAsSweep removes a person without a second factor from every organization that requires one, as a sweep would, with the
// link and the mail that bring them back. It says why. It is also for an account that had no address to be mailed at, which
// sweeps pass over, and has one now.
func (a *App) removeAsSweep(ctx context.Context, c *accountChange, why string) error {
	removed, err := c.Tx.LockOut(ctx, c.User.ID)
	if err != nil {
		return fmt.Errorf("remove the person from the organizations: %w", err)
	}
	mails, err := a.linkRemoved(ctx, c.Tx, removed)
	if err != nil {
		return err
	}
	for _, m := range removed {
		c.write(m.OrganizationID, pendingEntry(m, m.Label()+" "+why))
	}
	c.jobs = append(c.jobs, mails...)
	return nil
}

// checkLockOut refuses where an organization would be left without a compliant active owner. It names those that the reader
// may know of.
func (c *accountChange) checkLockOut(ctx context.Context, known func(organizationID string) bool) error {
	lastOf, err := c.lastCompliantOwnerOf(ctx)
	if err != nil {
		return err
	}
	return org.CheckLockOut(lastOf, known)
}

// lastCompliantOwnerOf are the person's memberships in organizations that cannot be left without their authenticator.
func (c *accountChange) lastCompliantOwnerOf(ctx context.Context) ([]*org.Member, error) {
	var lastOf []*org.Member
	for _, m := range c.Memberships {
		others, err := c.Tx.OtherOwners(ctx, m.OrganizationID, m.ID)
		if err != nil {
			return nil, fmt.Errorf("count the other owners: %w", err)
		}
		if m.LastCompliantOwner(others) {
			lastOf = append(lastOf, m)
		}
	}
	return lastOf, nil
}

// notifyOwners tells all owners of an organization except the person.
func (c *accountChange) notifyOwners(organizationID, what string) {
	c.jobs = append(c.jobs, NotifyJob{
		OrganizationID: organizationID, Security: true, Owners: true, What: what, By: c.actor(organizationID).name, At: c.app.Now(), Except: c.User.ID,
	})
}

// membership is the person's place in an organization, nil where they have none.
func (c *accountChange) membership(organizationID string) *org.Member {
	for _, m := range c.Memberships {
		if m.OrganizationID == organizationID {
			return m
		}
	}
	return nil
}
