package app

import (
	"context"
	"fmt"

	"muster/org"
)

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
	lastOf, err := c.lastCompliantOwnerOf(ctx)
	if err != nil {
		return err
	}
	if err := org.CheckLockOut(lastOf); err != nil {
		return err
	}
	removed, err := c.Tx.LockOut(ctx, c.User.ID, len(c.Memberships))
	if err != nil {
		return fmt.Errorf("remove the person from the organizations: %w", err)
	}
	mails, err := a.linkRemoved(ctx, c.Tx, removed)
	if err != nil {
		return err
	}
	for _, m := range removed {
		c.write(m.OrganizationID, pendingEntry(m, m.Label()+" has no second factor any more and was removed until they set one up"))
	}
	c.jobs = append(c.jobs, mails...)
	return nil
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
