package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"muster/db"
	"muster/mail"
	"muster/org"
)

// The budgets of mails to addresses that nobody has proved yet.
var (
	limitVerify = limit{
		"verify",
		db.Limit{Hits: 1, Window: 5 * time.Minute},
		db.Limit{Hits: 10, Window: 24 * time.Hour},
		"The mail was sent a moment ago.",
	}
	limitChangeEmail = limit{
		"change-email",
		db.Limit{Hits: 5, Window: time.Hour},
		db.Limit{Hits: 10, Window: 24 * time.Hour},
		"Too many changes of your address.",
	}
	// Mails to an address that accounts want, whichever: not told, since strangers' wishes must not keep its owner from theirs.
	limitChangeEmailTo = limit{
		"change-email-to",
		db.Limit{Hits: 20, Window: time.Hour},
		db.Limit{Hits: 40, Window: 24 * time.Hour},
		"Too many mails to this address.",
	}
)

// RequestEmailVerificationInput is what requestEmailVerification takes.
type RequestEmailVerificationInput struct{ ClientMutationID *string }

// RequestEmailVerificationPayload is what requestEmailVerification answers.
type RequestEmailVerificationPayload struct {
	User             *org.User
	ClientMutationID *string
}

// RequestEmailVerification mails the link that verifies the caller's address again.
func (a *App) RequestEmailVerification(ctx context.Context, in RequestEmailVerificationInput) (*RequestEmailVerificationPayload, error) {
	r, err := holder(ctx)
	if err != nil {
		return nil, err
	}
	if err := org.CheckVerify(r.session.User); err != nil {
		return nil, err
	}
	if err := a.spend(ctx, limitVerify, r.session.User.ID); err != nil {
		return nil, err
	}
	if err := a.spend(ctx, limitUnprovedMail, addressKey(*r.session.User.Email)); err != nil {
		return nil, err
	}
	err = a.account(ctx, func(tx *db.Tx) (*org.SecurityEvent, error) {
		user, err := tx.LockUser(ctx, r.session.User.ID)
		if err != nil {
			return nil, err
		}
		if err := a.reload(ctx, tx, r); err != nil {
			return nil, err
		}
		if err := org.CheckVerify(user); err != nil {
			return nil, err
		}
		if err := a.mailVerification(ctx, tx, user.ID); err != nil {
			return nil, err
		}
		return event(user.ID, r, org.EventVerificationSent, "Was sent the link that verifies the address."), nil
	})
	if err != nil {
		return nil, err
	}
	return &RequestEmailVerificationPayload{User: r.session.User, ClientMutationID: in.ClientMutationID}, nil
}

// mailVerification mails the link by which an account verifies its address.
func (a *App) mailVerification(ctx context.Context, tx *db.Tx, userID string) error {
	hash, err := a.offerLink(ctx, tx, userID, org.PurposeVerify, "")
	if err != nil {
		return err
	}
	return tx.Enqueue(ctx, MailJob{Template: templateVerify, UserID: userID, LinkHash: hash})
}

// ChangeEmailInput is what changeEmail takes.
type ChangeEmailInput struct{ NewEmail string }

// ChangeEmailPayload is what changeEmail answers.
type ChangeEmailPayload struct{ User *org.User }

// ChangeEmail mails a link to the new address, which takes the place of the account's when it is opened and used in a session
// of the account, and warns the old one. Whether another account has the new address is told only there.
func (a *App) ChangeEmail(ctx context.Context, in ChangeEmailInput) (*ChangeEmailPayload, error) {
	r, err := holder(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.fresh(r, false); err != nil {
		return nil, err
	}
	user := r.session.User
	email, err := org.ParseEmail("newEmail", in.NewEmail)
	if err != nil {
		return nil, err
	}
	if user.Email != nil && org.SameEmail(*user.Email, email) {
		return nil, org.BadInput("newEmail", "This is the address that you have.")
	}
	memberships, err := a.DB.Memberships(ctx, user.ID)
	if err != nil {
		return nil, fmt.Errorf("find the memberships: %w", err)
	}
	if err := org.CheckChangeEmail(user, memberships); err != nil {
		return nil, err
	}
	if err := a.spend(ctx, limitChangeEmail, user.ID); err != nil {
		return nil, err
	}
	err = a.account(ctx, func(tx *db.Tx) (*org.SecurityEvent, error) {
		user, err := tx.LockUser(ctx, user.ID)
		if err != nil {
			return nil, err
		}
		if err := a.reload(ctx, tx, r); err != nil {
			return nil, err
		}
		if err := a.fresh(r, false); err != nil {
			return nil, err
		}
		hash, err := a.offerLink(ctx, tx, user.ID, org.PurposeChange, email)
		if err != nil {
			return nil, err
		}
		may, err := countMail(ctx, tx, limitChangeEmailTo, addressKey(email))
		if err != nil {
			return nil, err
		}
		if may {
			if err := tx.Enqueue(ctx, MailJob{Template: templateChangeEmail, UserID: user.ID, LinkHash: hash}); err != nil {
				return nil, err
			}
		}
		return a.alert(ctx, tx, r, user, org.EventEmailChangeRequested, "A change of the account's address to "+org.MaskEmail(email)+" was asked for; it waits for a confirmation from there.")
	})
	if err != nil {
		return nil, err
	}
	return &ChangeEmailPayload{User: r.session.User}, nil
}

// PendingEmail is the address that the caller's is about to change to; nil where none is, and of anybody else.
func (a *App) PendingEmail(ctx context.Context, userID string) (*string, error) {
	if !held(ctx, userID) {
		return nil, nil
	}
	link, err := a.DB.AccountLinkOf(ctx, userID, org.PurposeChange)
	if errors.Is(err, org.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &link.Email, nil
}

// VerifyEmailInput is what verifyEmail takes.
type VerifyEmailInput struct{ Token string }

// VerifyEmailPayload is what verifyEmail answers.
type VerifyEmailPayload struct{ User *org.User }

// VerifyEmail uses the link that was mailed to an address, in a session of the account that it was mailed for: the address is
// proved, or takes the place of the old one. In any other session, and without one, the link does nothing. Another address is
// the way to a new password, so its owner has to be there: a thief may have asked for it, and lure them to the link.
func (a *App) VerifyEmail(ctx context.Context, in VerifyEmailInput) (*VerifyEmailPayload, error) {
	if _, err := holder(ctx); err != nil {
		return nil, err
	}
	err := a.changeAccount(ctx, func(c *accountChange) error {
		link, err := accountLink(ctx, c.Tx.Queries, in.Token)
		if err != nil {
			return err
		}
		if err := link.CheckConfirm(c.User, c.Memberships); err != nil {
			return err
		}
		if link.Purpose == org.PurposeChange {
			if err := a.fresh(c.request, false); err != nil {
				return err
			}
			return a.moveAddress(ctx, c, link.Email)
		}
		if err := c.Tx.DeleteAccountLinks(ctx, c.User.ID, org.PurposeVerify); err != nil {
			return err
		}
		c.event(org.EventEmailVerified, "Verified the address by an emailed link.")
		return c.Tx.VerifyEmail(ctx, c.User.ID)
	})
	if err != nil {
		return nil, err
	}
	user, err := a.refreshedViewer(ctx)
	return &VerifyEmailPayload{User: user}, err
}

// moveAddress gives the account an address that its holder has just proved, and tells both. Links to the old one are dead.
func (a *App) moveAddress(ctx context.Context, c *accountChange, email string) error {
	if err := releaseAddress(ctx, c.Tx, email, false); err != nil {
		return err
	}
	if err := c.Tx.MoveEmail(ctx, c.User.ID, email); err != nil {
		return err
	}
	if err := c.Tx.DeleteAccountLinks(ctx, c.User.ID, org.PurposeReset, org.PurposeVerify, org.PurposeChange); err != nil {
		return err
	}
	for _, m := range c.Memberships {
		c.log(m, org.ActionMemberEmail, m.Label()+" changed their address to "+email, nil)
	}
	c.jobs = append(c.jobs, accountMail(c.request, c.User.ID, "Your account has this address now.", a.Now()))
	return c.alert(ctx, org.EventEmailChanged, "Changed the account's address to "+org.MaskEmail(email)+".")
}

// composeVerify writes the mail that verifies the account's own address.
func (a *App) composeVerify(ctx context.Context, id string, job MailJob) (mail.Message, error) {
	user, link, err := a.linkOf(ctx, job, org.PurposeVerify)
	if err != nil {
		return mail.Message{}, err
	}
	if user.Verified() || !link.SentTo(user) {
		return mail.Message{}, errNoMail
	}
	return mail.ConfirmAddress{Email: link.Email, Link: a.link("verify", a.Keys.Link(link.Nonce)), Until: link.ExpiresAt}.Message(id)
}

// composeChangeEmail writes the mail to the address that an account wants. Where it belongs to another one for good, its owner
// is told, and nobody else.
func (a *App) composeChangeEmail(ctx context.Context, id string, job MailJob) (mail.Message, error) {
	_, link, err := a.linkOf(ctx, job, org.PurposeChange)
	if err != nil {
		return mail.Message{}, err
	}
	holder, err := a.DB.UserByEmail(ctx, link.Email)
	if err != nil && !errors.Is(err, org.ErrNotFound) {
		return mail.Message{}, err
	}
	if err == nil {
		memberships, err := a.DB.Memberships(ctx, holder.ID)
		if err != nil {
			return mail.Message{}, err
		}
		if holder.Verified() || org.AddressFrozen(memberships) {
			return mail.AddressTaken{Email: link.Email, Link: a.PublicURL + "/reset"}.Message(id)
		}
	}
	return mail.ConfirmAddress{Email: link.Email, Link: a.link("verify", a.Keys.Link(link.Nonce)), Until: link.ExpiresAt, Changing: true}.Message(id)
}
