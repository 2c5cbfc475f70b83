package app

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"muster/db"
	"muster/org"
	"muster/secret"
)

// The budgets of a forgotten password.
var (
	limitResetNetwork = limit{
		"reset-network",
		db.Limit{Hits: 30, Window: 15 * time.Minute},
		db.Limit{Hits: 200, Window: 24 * time.Hour},
		"Too many resets of passwords from your network.",
	}
	// Of a browser that the account knows: nobody else in its network can use that up.
	limitResetKnown = limit{
		"reset-known",
		db.Limit{Hits: 5, Window: 15 * time.Minute},
		db.Limit{Hits: 20, Window: 24 * time.Hour},
		"Too many resets of this password.",
	}
	limitReset = limit{
		"reset",
		db.Limit{Hits: 5, Window: 15 * time.Minute},
		db.Limit{Hits: 20, Window: 24 * time.Hour},
		"Too many resets of this password.",
	}
	// Mails of resets to an address, whoever asks for them: not told, since another's tries must not keep its owner out. A link
	// lives an hour, so there is always one in the mailbox or room for the next.
	limitResetMail = limit{
		"reset-mail",
		db.Limit{Hits: 1, Window: 5 * time.Minute},
		db.Limit{Hits: 4, Window: time.Hour},
		"The mail was sent a moment ago.",
	}
)

// ChangePasswordInput is what changePassword takes.
type ChangePasswordInput struct {
	CurrentPassword string
	NewPassword     string
}

// ChangePasswordPayload is what changePassword answers.
type ChangePasswordPayload struct{ User *org.User }

// ChangePassword gives the caller's account a new password. This session stays, its cookie with a new value; whatever else
// opens the account ends.
func (a *App) ChangePassword(ctx context.Context, in ChangePasswordInput) (*ChangePasswordPayload, error) {
	r, err := holder(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.fresh(r, false); err != nil {
		return nil, err
	}
	user := r.session.User
	if err := org.CheckPassword("newPassword", in.NewPassword, user, secret.CommonPassword); err != nil {
		return nil, err
	}
	if in.NewPassword == in.CurrentPassword {
		return nil, org.BadInput("newPassword", "This is the password that you have given as the present one. Take another one.")
	}
	_, err = a.checkPassword(ctx, r, user, in.CurrentPassword)
	if errors.Is(err, org.ErrCredentials) {
		return nil, org.Refuse(org.CodeInvalidCredentials, "The present password is wrong. An account that has none yet gets its first by a reset: ask for the mail.")
	}
	if err != nil {
		return nil, err
	}
	hash, err := a.hashPassword(ctx, in.NewPassword)
	if err != nil {
		return nil, err
	}
	cookie := ""
	if r.Browser {
		cookie = secret.NewToken()
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
		if err := tx.SetPassword(ctx, user.ID, hash); err != nil {
			return nil, err
		}
		if r.session.Proved() {
			if err := tx.NotePasswordByMail(ctx, user.ID, false); err != nil {
				return nil, err
			}
		}
		if err := tx.DeleteAccountLinks(ctx, user.ID, org.PurposeReset); err != nil {
			return nil, err
		}
		if err := tx.RotateCookie(ctx, r.session.ID, hashOf(cookie)); err != nil {
			return nil, err
		}
		if err := tx.EndOtherAccess(ctx, user.ID, r.session.ID); err != nil {
			return nil, err
		}
		if err := a.forgetOtherDevices(ctx, tx, r, user); err != nil {
			return nil, err
		}
		return a.alert(ctx, tx, r, user, org.EventPasswordChanged, "Changed the password; all other sessions ended.")
	})
	if err != nil {
		return nil, err
	}
	if cookie != "" {
		r.setCookie(cookie)
	}
	user, err = a.refreshedViewer(ctx)
	return &ChangePasswordPayload{User: user}, err
}

// RequestPasswordResetInput is what requestPasswordReset takes.
type RequestPasswordResetInput struct{ Email string }

// RequestPasswordResetPayload is what requestPasswordReset answers, whoever the address belongs to.
type RequestPasswordResetPayload struct{ Ok bool }

// RequestPasswordReset mails the way to a new password to an address that has an account. Whether it has one is told by
// nothing: not by the answer, not by a budget, and not by the time, since who asks too often is refused before anybody looks
// who has the address, and the same statements run for an account that is not there. What the mail says is decided when it is sent.
func (a *App) RequestPasswordReset(ctx context.Context, in RequestPasswordResetInput) (*RequestPasswordResetPayload, error) {
	r := request(ctx)
	email, err := org.ParseEmail("email", in.Email)
	if err != nil {
		return nil, err
	}
	address := addressKey(email)
	if err := a.countReset(ctx, r, address); err != nil {
		return nil, err
	}
	user, err := a.userOrNobody(ctx, email)
	if err != nil {
		return nil, err
	}
	done := &RequestPasswordResetPayload{Ok: true}
	err = a.spend(ctx, limitResetMail, address)
	if errors.Is(err, &org.Error{Code: org.CodeRateLimited}) {
		return done, nil
	}
	if err != nil {
		return nil, err
	}
	return done, a.DB.InTx(ctx, func(tx *db.Tx) error {
		hash, err := a.offerLink(ctx, tx, user.ID, org.PurposeReset, "")
		if err != nil {
			return err
		}
		message := "A link to set a new password was asked for."
		if err := tx.AddSecurityEventIfThere(ctx, event(user.ID, r, org.EventResetRequested, message)); err != nil {
			return fmt.Errorf("write the account's log: %w", err)
		}
		return tx.Enqueue(ctx, MailJob{Template: templateReset, UserID: user.ID, LinkHash: hash, At: a.Now(), IP: r.IPAddress, Agent: r.UserAgent})
	})
}

// countReset counts that a new password is asked for: by browser where the account knows it, else by network, and by address and
// network. A neighbour who asks for very many keeps no known browser from its own.
func (a *App) countReset(ctx context.Context, r *Request, address string) error {
	c, err := a.claim(ctx, r, address)
	if err != nil {
		return err
	}
	if c.browser != "" {
		return a.spend(ctx, limitResetKnown, address+" "+c.browser)
	}
	if err := a.spendAll(ctx, r.at(limitResetNetwork, "")); err != nil {
		return err
	}
	return a.spendAll(ctx, r.at(limitReset, address+" "))
}

// addressKey names an address where it is only counted.
func addressKey(email string) string { return hex.EncodeToString(secret.Hash(strings.ToLower(email))) }

// offerLink makes a new link for an account, or keeps the young one that it has, and gives its hash. The token is derived
// when the mail is sent.
func (a *App) offerLink(ctx context.Context, tx *db.Tx, userID string, purpose org.LinkPurpose, email string) ([]byte, error) {
	nonce := secret.NewNonce()
	hash, err := tx.OfferLink(ctx, db.NewAccountLink{UserID: userID, Purpose: purpose, Email: email, Nonce: nonce, TokenHash: secret.Hash(a.Keys.Link(nonce))})
	if err != nil {
		return nil, fmt.Errorf("store the link: %w", err)
	}
	return hash, nil
}

// accountLink finds a living link of an account, or refuses.
func accountLink(ctx context.Context, q db.Queries, token string) (*org.AccountLink, error) {
	link, err := q.AccountLink(ctx, secret.Hash(token))
	if errors.Is(err, org.ErrNotFound) {
		return nil, org.ErrDeadLink
	}
	if err != nil {
		return nil, fmt.Errorf("find the link: %w", err)
	}
	return link, nil
}

// ResetPasswordInput is what resetPassword takes.
type ResetPasswordInput struct {
	Token       string
	NewPassword string
}

// ResetPasswordPayload is what resetPassword answers: no session.
type ResetPasswordPayload struct {
	Ok     bool
	Locked bool
}

// ResetPassword sets a new password by an emailed link, and ends whatever opened the account; one that its owner has locked it
// opens again. It signs nobody in: the new password is followed by the second factor as ever.
func (a *App) ResetPassword(ctx context.Context, in ResetPasswordInput) (*ResetPasswordPayload, error) {
	r := request(ctx)
	link, err := accountLink(ctx, a.DB.Queries, in.Token)
	if err != nil {
		return nil, err
	}
	user, err := a.DB.User(ctx, link.UserID)
	if err != nil {
		return nil, fmt.Errorf("find the account: %w", err)
	}
	if err := link.CheckReset(user); err != nil {
		return nil, err
	}
	if err := org.CheckPassword("newPassword", in.NewPassword, user, secret.CommonPassword); err != nil {
		return nil, err
	}
	hash, err := a.hashPassword(ctx, in.NewPassword)
	if err != nil {
		return nil, err
	}
	done := &ResetPasswordPayload{Ok: true}
	err = a.changeAccountOf(ctx, user.ID, func(*db.Tx) error { return nil }, func(c *accountChange) error {
		link, err := accountLink(ctx, c.Tx.Queries, in.Token)
		if err != nil {
			return err
		}
		if err := link.CheckReset(c.User); err != nil {
			return err
		}
		if err := c.Tx.DeleteAccountLinks(ctx, c.User.ID, org.PurposeReset, org.PurposeChange); err != nil {
			return err
		}
		if err := c.Tx.SetPassword(ctx, c.User.ID, hash); err != nil {
			return err
		}
		if err := c.Tx.NotePasswordByMail(ctx, c.User.ID, true); err != nil {
			return err
		}
		if err := c.Tx.EndAllAccess(ctx, c.User.ID); err != nil {
			return err
		}
		if done.Locked, err = a.thaw(ctx, c); err != nil {
			return err
		}
		if c.User.FrozenSince != nil && !done.Locked {
			c.logLock(false)
		}
		return c.alert(ctx, org.EventPasswordReset, "Set a new password by an emailed link; all sessions ended.")
	})
	if err != nil {
		return nil, err
	}
	if err := a.forgetTries(ctx, r, user); err != nil {
		a.Log.WarnContext(ctx, "what was tried before a reset was not forgotten", "err", err)
	}
	return done, nil
}

// forgetTries gives an account whose password was reset by mail its budgets afresh. Who has just forgotten one has often used its
// tries up, and what was tried at the old one is no matter any more. Nor does who knew that get as far as codes and text messages
// any more, so those begin anew too, once in 24 hours.
func (a *App) forgetTries(ctx context.Context, r *Request, user *org.User) error {
	key := passwordKey(user)
	forgotten := append(r.at(limitPassword, key+" "), hit{limitPasswordAccount, key}, hit{limitSignInAccount, key})
	switch err := a.spend(ctx, limitAfresh, user.ID); {
	case err == nil:
		factors, err := a.DB.Authenticators(ctx, user.ID)
		if err != nil {
			return fmt.Errorf("find the authenticators: %w", err)
		}
		forgotten = append(forgotten, hit{limitGuess, user.ID})
		forgotten = append(forgotten, r.at(limitRecovery, user.ID+" ")...)
		forgotten = append(forgotten, r.at(limitKeyAnswer, user.ID+" ")...)
		for _, f := range factors {
			if f.Kind != org.KindPhone {
				continue
			}
			number, err := a.DB.PhoneNumber(ctx, f.ID)
			if err != nil {
				return fmt.Errorf("find the number: %w", err)
			}
			for _, key := range textKeys(textToSignIn, user.ID, number) {
				forgotten = append(forgotten, hit{limitText, key})
			}
		}
	case !limited(err):
		return err
	}
	for _, h := range forgotten {
		if err := a.DB.ForgetHits(ctx, h.name()); err != nil {
			return fmt.Errorf("forget what was tried: %w", err)
		}
	}
	return nil
}

// PasswordChangedAt is when the caller's password was set; nil where there is none, and of anybody else.
func (a *App) PasswordChangedAt(ctx context.Context, userID string) (*time.Time, error) {
	if !held(ctx, userID) {
		return nil, nil
	}
	at, err := a.DB.PasswordChangedAt(ctx, userID)
	if errors.Is(err, org.ErrNotFound) {
		return nil, nil
	}
	return &at, err
}
