package app

import (
	"context"
	"errors"
	"fmt"

	"muster/app/lookalike"
	"muster/db"
	"muster/org"
	"muster/secret"
)

// operator is whoever runs Muster and uses its command line: they prove themselves by having the database and the key.
func operator(string) actor { return actor{label: org.OperatorLabel, name: org.OperatorLabel} }

// OperatorReset is what the command line's reset of a second factor did.
type OperatorReset struct {
	User *org.User
	// TurnedOff are the organizations whose requirement had to be turned off, since nobody else there could lift it.
	TurnedOff []string
}

// accountOf finds an account by its address or id, since one that has lost its address has no other name.
func (a *App) accountOf(ctx context.Context, who string) (*org.User, error) {
	find := a.DB.UserByEmail
	if db.Kind(who) == db.UserID {
		find = a.DB.User
	}
	user, err := find(ctx, who)
	if errors.Is(err, org.ErrNotFound) {
		return nil, org.Refuse(org.CodeNotFound, "There is no account with the address or id %s.", who)
	}
	if err != nil {
		return nil, fmt.Errorf("find the account: %w", err)
	}
	return user, nil
}

// OperatorSetEmail gives an account that has no address one, for which the operator vouches: after a report by its owner whose
// address somebody else had proved by then, no mail opens it. One that a report has locked gets another address, where the mailbox
// that it went back to is not its owner's any more. Like an address that its owner has proved, it comes to nobody who has proved
// it for another account, and takes the ways back along. What was mailed elsewhere says nothing about the account any more: else
// a link of then took it back to the mailbox that it has just left.
func (a *App) OperatorSetEmail(ctx context.Context, who, email string) (*org.User, error) {
	email, err := org.ParseEmail("email", email)
	if err != nil {
		return nil, err
	}
	user, err := a.accountOf(ctx, who)
	if err != nil {
		return nil, err
	}
	allowed := func(*db.Tx) error { return nil }
	err = a.changeAccountOf(ctx, user.ID, allowed, func(c *accountChange) error {
		if c.User.Email != nil && c.User.FrozenSince == nil {
			return org.Refuse(org.CodeConflict, "%s has an address already, and is not locked. Its owner changes it in a session of the account.", c.User.Label())
		}
		if err := releaseAddress(ctx, c.Tx, email, false); err != nil {
			return err
		}
		if err := c.Tx.MoveEmail(ctx, c.User.ID, email); err != nil {
			return err
		}
		if err := c.Tx.DeleteAccountLinks(ctx, c.User.ID, org.PurposeReset, org.PurposeVerify, org.PurposeChange); err != nil {
			return err
		}
		if err := a.moveWayBack(ctx, c); err != nil {
			return err
		}
		// Whoever is in by what the account had without an address need not be whom the operator vouches for.
		if err := c.Tx.EndAllAccess(ctx, c.User.ID); err != nil {
			return err
		}
		told := "Whoever runs this Muster gave the account the address " + org.MaskEmail(email) + " on the command line."
		if err := c.alert(ctx, org.EventEmailChanged, told); err != nil { // to the address that it leaves, if it had one
			return err
		}
		if err := c.Tx.EndAlerts(ctx, c.User.ID); err != nil {
			return err
		}
		if user, err = c.Tx.User(ctx, c.User.ID); err != nil {
			return err
		}
		c.actor = operator
		for _, m := range c.Memberships {
			c.log(m, org.ActionMemberEmail, "gave "+m.Label()+" the address "+email, nil)
		}
		c.jobs = append(c.jobs, accountMail(c.request, c.User.ID, "Whoever runs this Muster gave the account this address on the command line.", a.Now()))
		return a.removeAsSweep(ctx, c, canBeMailed)
	})
	return user, err
}

// OperatorReset resets the second factor of the account with the address or id, at once and whoever they are: the operator is the
// last to ask. Where the person is the last compliant owner of an organization that requires 2FA the reset would leave it
// without one: it is refused, unless force turns the requirement off there, with its entry. Keeping the requirement on instead
// would lock everybody out of what needs an owner, and keeping the owner in without a factor would make an exception that the
// gate must never know; the owner sets up a new factor and turns it on again.
func (a *App) OperatorReset(ctx context.Context, who string, force bool) (*OperatorReset, error) {
	user, err := a.accountOf(ctx, who)
	if err != nil {
		return nil, err
	}
	var also []string
	waiting, err := a.DB.PendingResets(ctx, user.ID)
	if err != nil {
		return nil, fmt.Errorf("look for requests: %w", err)
	}
	for _, reset := range waiting {
		also = append(also, reset.OrganizationID)
	}
	done := &OperatorReset{}
	allowed := func(*db.Tx) error { return nil }
	err = a.changeAccountOf(ctx, user.ID, allowed, func(c *accountChange) error {
		*done = OperatorReset{User: c.User}
		c.actor = operator
		lastOf, err := c.lastCompliantOwnerOf(ctx)
		if err != nil {
			return err
		}
		if len(lastOf) > 0 && !force {
			everything := func(string) bool { return true }
			return fmt.Errorf("%w Or use --force, which turns the requirement off there", org.CheckLockOut(lastOf, everything))
		}
		for _, m := range lastOf {
			if err := a.turnOff(ctx, c, m); err != nil {
				return err
			}
			done.TurnedOff = append(done.TurnedOff, m.Organization.Name)
		}
		says := func(m *org.Member) (string, map[string]any) { return "reset the second factor of " + m.Label(), nil }
		return a.disarm(ctx, c, says, "Whoever runs this Muster reset your second factor on the command line.")
	}, also...)
	return done, err
}

// turnOff turns the requirement off where the person is the last compliant owner.
func (a *App) turnOff(ctx context.Context, c *accountChange, m *org.Member) error {
	m.Organization.Enforced = false
	if err := c.Tx.SetEnforced(ctx, m.Organization); err != nil {
		return fmt.Errorf("turn the requirement off: %w", err)
	}
	if err := c.Tx.CancelSweep(ctx, m.OrganizationID); err != nil {
		return fmt.Errorf("cancel the sweep: %w", err)
	}
	e := &org.AuditLogEntry{
		Action: org.ActionOrgEdit, Message: "edited the organization: it no longer requires two-factor authentication, since its last owner who had it has lost theirs",
		Data: map[string]any{"require_2fa": false},
	}
	e.TargetID, e.TargetLabel = label(m.Organization)
	c.write(m.OrganizationID, e)
	c.jobs = append(c.jobs, NotifyJob{
		OrganizationID: m.OrganizationID, Security: true, What: "Two-factor authentication is no longer required.", By: org.OperatorLabel, At: a.Now(),
	})
	return nil
}

// OperatorOwner is what the command line's creation of an owner did.
type OperatorOwner struct {
	NewOrganization, NewAccount bool
	// Link is the one-time page on which the owner of a new account sets its password, mailed to them too; "" for an account
	// that was there, which has one.
	Link string
}

// OperatorCreateOwner makes the person with an address an owner of an organization; both are created where there are none.
// It never knows a password: a new account has none that anybody could type, and a link to set one. The operator vouches for
// the address of a new account; one that is there and never confirmed it is refused, since it may be a stranger's.
func (a *App) OperatorCreateOwner(ctx context.Context, slug, email, name string) (*OperatorOwner, error) {
	slug, err := org.ParseSlug("organization", slug)
	if err != nil {
		return nil, err
	}
	if email, err = org.ParseEmail("email", email); err != nil {
		return nil, err
	}
	if name, err = org.ParseActorName("name", name, 100, lookalike.Form); err != nil {
		return nil, err
	}
	nothing, err := a.hashPassword(ctx, secret.NewToken())
	if err != nil {
		return nil, err
	}
	done := &OperatorOwner{}
	err = a.DB.InTx(ctx, func(tx *db.Tx) error {
		o, err := tx.OrganizationBySlug(ctx, slug)
		switch {
		case errors.Is(err, org.ErrNotFound):
			done.NewOrganization = true
			o = &org.Organization{ID: db.NewID(db.OrganizationID), Slug: slug, Name: slug}
			if err := tx.CreateOrganization(ctx, o); err != nil {
				return err
			}
		case err != nil:
			return fmt.Errorf("find the organization: %w", err)
		}
		if o, err = tx.LockOrganization(ctx, o.ID); err != nil {
			return fmt.Errorf("lock the organization: %w", err)
		}
		user, err := tx.UserByEmail(ctx, email)
		switch {
		case errors.Is(err, org.ErrNotFound):
			done.NewAccount = true
			user = &org.User{ID: db.NewID(db.UserID), Name: name, Email: &email}
			if err := tx.CreateUser(ctx, user, nothing); err != nil {
				return err
			}
			if err := tx.VerifyEmail(ctx, user.ID); err != nil {
				return err
			}
		case err != nil:
			return fmt.Errorf("find the account: %w", err)
		case !user.Verified():
			return org.Refuse(org.CodeConflict, "The account with the address %s has never confirmed it, so it may be a stranger's. Its owner confirms it by an invitation, for example; then run this again.", email)
		case user.FrozenSince != nil:
			return org.Refuse(org.CodeConflict, "The account with the address %s is locked: its owner reported a change that was not them. They reset their password by mail first; then run this again.", email)
		}
		if _, err := tx.LockUser(ctx, user.ID); err != nil {
			return fmt.Errorf("lock the account: %w", err)
		}
		return a.makeOwner(ctx, tx, o, user, done)
	})
	if err != nil || !done.NewAccount {
		return done, err
	}
	user, err := a.DB.UserByEmail(ctx, email)
	if err != nil {
		return nil, fmt.Errorf("find the account again: %w", err)
	}
	link, err := a.DB.AccountLinkOf(ctx, user.ID, org.PurposeReset)
	if err != nil {
		return nil, fmt.Errorf("find the link: %w", err)
	}
	done.Link = a.link("reset", a.Keys.Link(link.Nonce))
	return done, nil
}

// makeOwner gives an account the role, with the entries and mails of it.
func (a *App) makeOwner(ctx context.Context, tx *db.Tx, o *org.Organization, user *org.User, done *OperatorOwner) error {
	m, err := tx.MemberByEmail(ctx, o.ID, *user.Email)
	switch {
	case errors.Is(err, org.ErrNotFound):
		if err := tx.CreateMember(ctx, db.NewID(db.MemberID), o.ID, user.ID, org.RoleOwner); err != nil {
			return err
		}
	case err != nil:
		return fmt.Errorf("find the member: %w", err)
	case m.Role == org.RoleOwner && m.Status == org.StatusActive:
		return org.Refuse(org.CodeConflict, "%s is an owner of %s already.", m.Label(), o.Name)
	default:
		if m.Status == org.StatusInvited {
			if err := errors.Join(tx.Join(ctx, m.ID, user.ID), tx.DeleteLink(ctx, m.ID)); err != nil {
				return err
			}
		}
		if err := tx.SetRole(ctx, m.ID, org.RoleOwner); err != nil {
			return err
		}
	}
	if m, err = tx.MemberOf(ctx, o.ID, user.ID); err != nil {
		return err
	}
	entries := []*org.AuditLogEntry{}
	if done.NewOrganization {
		e := &org.AuditLogEntry{Action: org.ActionOrgCreate, ActorLabel: org.OperatorLabel, Message: "created the organization", Data: map[string]any{"slug": o.Slug, "name": o.Name}}
		e.TargetID, e.TargetLabel = label(o)
		entries = append(entries, e)
	}
	e := &org.AuditLogEntry{Action: org.ActionMemberEdit, ActorLabel: org.OperatorLabel, Message: "made " + m.Label() + " an owner", Data: map[string]any{"role": org.RoleOwner}}
	e.TargetID, e.TargetLabel = label(m)
	if err := tx.AddAuditEntries(ctx, o.ID, append(entries, e)); err != nil {
		return err
	}
	action, message := org.EventMadeOwner, "Whoever runs this Muster made this account an owner of "+o.Name+" on the command line."
	if done.NewAccount {
		action, message = org.EventSignUp, "Whoever runs this Muster created the account on the command line, as an owner of "+o.Name+"."
		hash, err := a.offerLink(ctx, tx, user.ID, org.PurposeReset, "")
		if err != nil {
			return err
		}
		if err := tx.Enqueue(ctx, MailJob{Template: templateReset, UserID: user.ID, LinkHash: hash, At: a.Now()}); err != nil {
			return err
		}
	}
	if err := tx.AddSecurityEvent(ctx, event(user.ID, &Request{}, action, message)); err != nil {
		return fmt.Errorf("write the account's log: %w", err)
	}
	return tx.Enqueue(ctx, accountMail(&Request{}, user.ID, message, a.Now()), NotifyJob{
		OrganizationID: o.ID, Security: true, Owners: true, What: m.PublicName() + " is an owner now.", By: org.OperatorLabel, At: a.Now(), Except: user.ID,
	})
}
