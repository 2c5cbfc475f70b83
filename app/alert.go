package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"muster/db"
	"muster/mail"
	"muster/org"
	"muster/secret"
)

// alert tells a person that the protection of their account changes: a line in the account's log, which the caller writes,
// and a mail with a link that says "this was not me". user is the account as it was before the change, since that is whom to
// tell and where to go back to; without an address nobody is told. accountMail is for notices that there is nothing to undo
// about.
func (a *App) alert(ctx context.Context, tx *db.Tx, r *Request, user *org.User, action, message string) (*org.SecurityEvent, error) {
	e := event(user.ID, r, action, message)
	if user.Email == nil {
		return e, nil
	}
	alert := &db.Alert{Alert: org.Alert{EventID: e.ID, UserID: user.ID, SessionID: r.sessionID(), Email: *user.Email, Verified: user.Verified()}}
	if org.MayReport(user, action) {
		alert.Nonce = secret.NewNonce()
		alert.TokenHash = secret.Hash(a.Keys.Link(alert.Nonce))
	}
	if err := tx.AddAlert(ctx, alert); err != nil {
		return nil, fmt.Errorf("store the alert: %w", err)
	}
	may, err := mayTell(ctx, tx, user, action)
	if err != nil || !may {
		return e, err
	}
	return e, tx.Enqueue(ctx, MailJob{Template: templateAlert, EventID: e.ID})
}

// alert is App.alert for a change of the account that this transaction holds.
func (c *accountChange) alert(ctx context.Context, action, message string) error {
	e, err := c.app.alert(ctx, c.Tx, c.request, c.User, action, message)
	c.events = append(c.events, e)
	return err
}

// composeAlert writes the mail of an alert, with the same link however often it is sent.
func (a *App) composeAlert(ctx context.Context, id string, job MailJob) (mail.Message, error) {
	alert, err := a.DB.Alert(ctx, job.EventID)
	if err != nil {
		return mail.Message{}, err
	}
	user, err := a.DB.User(ctx, alert.UserID)
	if err != nil {
		return mail.Message{}, err
	}
	m := mail.AccountSecurity{To: mail.Person{Name: user.Name, Email: alert.Email}, What: alert.Message, At: alert.CreatedAt}
	if alert.Action == org.EventNewSignIn || alert.Action == org.EventNewProviderSignIn {
		m.Title = "New sign-in to your account"
	}
	if alert.IPAddress != nil {
		m.IPAddress = *alert.IPAddress
	}
	if alert.UserAgent != nil {
		m.UserAgent = *alert.UserAgent
	}
	if alert.Nonce != nil {
		m.NotMe, m.Until = a.link("not-me", a.Keys.Link(alert.Nonce)), alert.ExpiresAt
	}
	return m.Message(id)
}

// NotMe is what a "this was not me" link is about, nil for a dead one. Asking changes nothing: mail scanners open links.
func (a *App) NotMe(ctx context.Context, token string) (*org.AccountAlert, error) {
	alert, err := a.DB.AlertByToken(ctx, secret.Hash(token))
	if errors.Is(err, org.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find the alert: %w", err)
	}
	return a.shown(ctx, &alert.Alert)
}

// shown is the alert as whoever has its link sees it, with the address to which a report takes the account, or has taken it: a
// person may have moved their account shortly before, and would be mailed where they read no more.
func (a *App) shown(ctx context.Context, alert *org.Alert) (*org.AccountAlert, error) {
	user, err := a.DB.User(ctx, alert.UserID)
	if err != nil {
		return nil, fmt.Errorf("find the account: %w", err)
	}
	shown, email := alert.Shown(), user.Email
	switch {
	case alert.ReportedAt == nil:
		first, err := firstOf(ctx, a.DB.Queries, alert)
		if err != nil {
			return nil, err
		}
		if email, err = goesBackTo(ctx, a.DB.Queries, user, first.Since); err != nil {
			return nil, err
		}
	case user.FrozenSince == nil:
		email = nil
	}
	if email != nil {
		masked := org.MaskEmail(*email)
		shown.GoesBackTo = &masked
	}
	return shown, nil
}

// firstOf is the earliest change that a report of an alert is about.
func firstOf(ctx context.Context, q db.Queries, alert *org.Alert) (*org.Alert, error) {
	earliest, err := q.EarliestAlert(ctx, alert)
	if err != nil {
		return nil, fmt.Errorf("find the earliest alert: %w", err)
	}
	return alert.First(earliest), nil
}

// goesBackTo is the address to which an account goes back by a report that reaches back to a moment, nil for none: the one that
// it had proved then. It is decided by the first report and moved by one that reaches further back, never by a later one:
// somebody may have had the account from the first on, and be mailed about what follows.
func goesBackTo(ctx context.Context, q db.Queries, u *org.User, since time.Time) (*string, error) {
	if !u.ReachesBack(since) {
		return u.FrozenEmail, nil
	}
	email, err := q.AddressAt(ctx, u.ID, since)
	switch {
	case err != nil:
		return nil, fmt.Errorf("find the address of then: %w", err)
	case email != "":
		return &email, nil
	case u.FrozenSince == nil && u.Verified():
		return u.Email, nil
	}
	return u.FrozenEmail, nil
}

// ReportNotMeInput is what reportNotMe takes.
type ReportNotMeInput struct{ Token string }

// ReportNotMePayload is what reportNotMe answers.
type ReportNotMePayload struct {
	Alert           *org.AccountAlert
	Locked          bool
	AlreadyReported bool
	Undone          []*org.AccountAlert
	Kept            []*org.AccountAlert
}

// errReported says that the change was reported before.
var errReported = errors.New("reported already")

// ReportNotMe locks an account whose owner says, by the link of a mail, that a change was not them: all access ends, and
// nothing opens it until its password has been reset by mail, which takes its protection back to before the change. It needs
// no session, since the owner may be locked out, and gives none: who has the link can lock the account and nothing else.
func (a *App) ReportNotMe(ctx context.Context, in ReportNotMeInput) (*ReportNotMePayload, error) {
	r := request(ctx)
	hash := secret.Hash(in.Token)
	found, err := a.DB.AlertByToken(ctx, hash)
	if errors.Is(err, org.ErrNotFound) {
		return nil, a.spendDead(ctx, limitNotMe, r, org.ErrDeadAlert)
	}
	if err != nil {
		return nil, fmt.Errorf("find the alert: %w", err)
	}
	if err := a.spend(ctx, limitNotMe, found.EventID); err != nil {
		return nil, err
	}
	locked := false
	check := func(tx *db.Tx) error {
		found, err = tx.AlertByToken(ctx, hash)
		switch {
		case errors.Is(err, org.ErrNotFound):
			return org.ErrDeadAlert
		case err != nil || found.ReportedAt == nil:
			return err
		}
		user, err := tx.User(ctx, found.UserID)
		if err != nil {
			return err
		}
		locked = user.FrozenSince != nil
		if !found.GivesBack(user) {
			return errReported
		}
		// Somebody else had proved its address, so that it was left without one. By now that may be free.
		other, err := tx.UserByEmail(ctx, *user.FrozenEmail)
		switch {
		case errors.Is(err, org.ErrNotFound):
			return nil
		case err == nil && other.Verified():
			return errReported
		}
		return err
	}
	// It may have left an organization since that it has made tokens for.
	tokensOf, err := a.DB.TokenOrganizations(ctx, found.UserID)
	if err != nil {
		return nil, fmt.Errorf("find the organizations of the account's tokens: %w", err)
	}
	var all []*org.Alert
	err = a.changeAccountOf(ctx, found.UserID, check, func(c *accountChange) error {
		first, err := firstOf(ctx, c.Tx.Queries, &found.Alert)
		if err != nil {
			return err
		}
		if err := a.freeze(ctx, c, first.Since); err != nil {
			return err
		}
		told := "Your account is locked, as you asked: all sessions have ended, and nobody can sign in until its password has been reset by mail."
		locked = c.User.Verified() || c.User.FrozenSince != nil
		if locked && c.User.FrozenSince == nil {
			c.event(org.EventFrozen, "Locked the account: all sessions ended, and nobody signs in until the password has been reset by mail.")
			c.logLock(true)
		}
		c.event(org.EventNotMe, "Its owner says that this was not them: "+found.Message)
		if !locked {
			// No mail opens an account whose address is only claimed, so it is not locked: the change is undone at once.
			told = "All sessions have ended, as you asked, and the change is undone. Sign in and change your password."
			c.User.FrozenSince = &first.Since
			stays, err := a.thaw(ctx, c)
			if err != nil {
				return err
			}
			if stays {
				told = "All sessions have ended, as you asked. The account's only second factors were part of the change, so they stay: sign in, change your password, and set up a second factor of your own before you remove them."
				if err := c.Tx.Unfreeze(ctx, c.User.ID); err != nil {
					return err
				}
			}
		}
		ended, err := a.endBegun(ctx, c, first.Since)
		if err != nil {
			return err
		}
		// The mail goes where the account is again, not where somebody else has taken it.
		c.jobs = append(c.jobs, accountMail(r, c.User.ID, told+ended, a.Now()))
		all, err = c.Tx.Alerts(ctx, found.UserID)
		return err
	}, tokensOf...)
	payload := &ReportNotMePayload{Locked: locked, AlreadyReported: errors.Is(err, errReported), Undone: []*org.AccountAlert{}, Kept: []*org.AccountAlert{}}
	if payload.AlreadyReported {
		all, err = a.DB.Alerts(ctx, found.UserID)
	}
	if err != nil {
		return nil, err
	}
	if found, err = a.DB.Alert(ctx, found.EventID); err != nil {
		return nil, fmt.Errorf("find the alert again: %w", err)
	}
	if payload.Alert, err = a.shown(ctx, &found.Alert); err != nil {
		return nil, err
	}
	for _, alert := range all {
		switch {
		case alert.EventID == found.EventID:
		case alert.ReportedAt != nil:
			payload.Undone = append(payload.Undone, alert.Shown())
		default:
			payload.Kept = append(payload.Kept, alert.Shown())
		}
	}
	return payload, nil
}

// freeze ends all access to an account and keeps it so until thaw. The address goes back at once, because that is where the
// way back leads: to the one that the account had proved, never to one that was only claimed, and also from somebody who only
// claims it now; where somebody else has proved it the account has none, until that one is free. It goes back also while a membership is REMOVED_FOR_2FA, which else keeps an address where it is: for as long as it
// stayed at a thief's, the report would hand them the account and the way back into the organization.
func (a *App) freeze(ctx context.Context, c *accountChange, since time.Time) error {
	email, err := goesBackTo(ctx, c.Tx.Queries, c.User, since)
	if err != nil {
		return err
	}
	if err := c.Tx.Freeze(ctx, c.User.ID, since, email); err != nil {
		return fmt.Errorf("freeze the account: %w", err)
	}
	if email != nil && (c.User.Email == nil || !org.SameEmail(*c.User.Email, *email)) {
		if err := releaseAddress(ctx, c.Tx, *email, true); err != nil {
			return fmt.Errorf("take the address from who claims it: %w", err)
		}
		if err := c.Tx.RestoreEmail(ctx, c.User.ID, *email); errors.Is(err, &org.Error{Code: org.CodeConflict}) {
			return errTaking
		} else if err != nil {
			return fmt.Errorf("give the address back: %w", err)
		}
		if err := a.moveWayBack(ctx, c); err != nil {
			return err
		}
		if err := a.removeAsSweep(ctx, c, canBeMailed); err != nil {
			return err
		}
	}
	// A link that waits already, to a new password or to another address, may be in the wrong hands. Its owner's own comes at
	// once, also where a stranger has just used up the mails to the address.
	if err := c.Tx.DeleteAccountLinks(ctx, c.User.ID, org.PurposeReset, org.PurposeVerify, org.PurposeChange); err != nil {
		return fmt.Errorf("end the account's links: %w", err)
	}
	if email == nil {
		return nil
	}
	if err := c.Tx.ForgetHits(ctx, limitResetMail.name+" "+addressKey(*email)); err != nil {
		return fmt.Errorf("forget the mails to the address: %w", err)
	}
	return nil
}

// moveWayBack follows an address that goes back: links into organizations that were mailed to the other one are dead, and who
// was removed for 2FA gets theirs at the address that is theirs. The window does not grow.
func (a *App) moveWayBack(ctx context.Context, c *accountChange) error {
	for _, m := range c.Memberships {
		if !m.WindowOpen(a.Now()) {
			if err := c.Tx.DeleteLink(ctx, m.ID); err != nil {
				return fmt.Errorf("end a link: %w", err)
			}
			continue
		}
		hash, err := a.setLink(ctx, c.Tx, db.NewLink{MemberID: m.ID, Reason: org.ReasonRemovedFor2FA, ExpiresAt: m.ReinstatableUntil})
		if err != nil {
			return err
		}
		c.jobs = append(c.jobs, linkMail(m.ID, hash))
	}
	return nil
}

// logLock tells the person's organizations that the account was locked, or is open again: who locked themselves out is no owner
// to count on meanwhile, which others who watch have to learn.
func (c *accountChange) logLock(locked bool) {
	what := "said that somebody else has changed their account, which is locked until they have reset its password"
	if !locked {
		what = "opened their account again, which was locked"
	}
	for _, m := range c.Memberships {
		c.log(m, org.ActionMemberEdit, what, map[string]any{"locked": locked})
	}
}

// thaw opens a frozen account, whose password has just been reset by mail, and takes its second factors back to before what
// its owner reported. An account whose every second factor came after that stays frozen: whoever reads its mail could else take
// a young second factor off it, and the mailbox alone must not (OWASP ASVS 5.0, 6.4.3). Somebody else has to agree, who
// resets the second factor.
func (a *App) thaw(ctx context.Context, c *accountChange) (locked bool, err error) {
	if c.User.FrozenSince == nil {
		return false, nil
	}
	if c.User.Compliant() {
		leaves, err := c.Tx.ThawLeaves(ctx, c.User)
		if err != nil {
			return false, fmt.Errorf("look what thawing leaves: %w", err)
		}
		if leaves == 0 {
			c.event(org.EventKept, "The account's only second factors are those that were reported, so they were not taken back.")
			return true, nil
		}
	}
	changed, err := c.Tx.Thaw(ctx, c.User)
	if err != nil {
		return false, fmt.Errorf("thaw the account: %w", err)
	}
	c.event(org.EventThawed, "Opened the account again: its second factors are what they were before the change that was reported.")
	if !changed {
		return false, nil
	}
	now, err := c.Tx.User(ctx, c.User.ID)
	if err != nil {
		return false, err
	}
	c.logFactor(c.User.Compliant(), now.Compliant(), "took back a change of authenticators that was not theirs")
	return false, nil
}
