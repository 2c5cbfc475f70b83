package app

import (
	"context"
	"errors"
	"fmt"

	"muster/db"
	"muster/mail"
	"muster/org"
	"muster/secret"
)

// TwoFactorReset is what the link to a request leads to, nil for a dead one. Asking uses nothing up.
func (a *App) TwoFactorReset(ctx context.Context, token string) (*org.TwoFactorResetRequest, error) {
	reset, err := a.DB.ResetByToken(ctx, secret.Hash(token))
	if errors.Is(err, org.ErrNotFound) || err == nil && !reset.Open(a.Now()) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find the request: %w", err)
	}
	user, err := a.DB.User(ctx, reset.UserID)
	if err != nil {
		return nil, fmt.Errorf("find the account: %w", err)
	}
	if user.Email == nil {
		return nil, nil
	}
	return reset.SeenByPerson(user), nil
}

// OwnTwoFactorResets are the requests that wait about the caller's own second factor, so that the account itself can end them;
// nil of anybody else.
func (a *App) OwnTwoFactorResets(ctx context.Context, userID string) ([]*org.TwoFactorResetRequest, error) {
	if !held(ctx, userID) {
		return nil, nil
	}
	user := request(ctx).session.User
	waiting, err := a.DB.PendingResets(ctx, userID)
	if err != nil {
		return nil, fmt.Errorf("find the requests: %w", err)
	}
	seen := []*org.TwoFactorResetRequest{}
	for _, reset := range waiting[:min(len(waiting), maxResets)] {
		if reset.Open(a.Now()) {
			seen = append(seen, reset.SeenByPerson(user))
		}
	}
	return seen, nil
}

// ConfirmTwoFactorResetInput is what confirmTwoFactorReset takes.
type ConfirmTwoFactorResetInput struct {
	Token    string
	Password string
}

// FactorResetPayload is what ends a request answers.
type FactorResetPayload struct{ State org.TwoFactorResetState }

// The payloads of the two answers to a request.
type (
	ConfirmTwoFactorResetPayload = FactorResetPayload
	DeclineTwoFactorResetPayload = FactorResetPayload
)

// ConfirmTwoFactorReset is the person's own consent: the link of the mail proves the mailbox, and the password that it is not
// only somebody who reads it. The password costs the person nothing, since they need it to come back; without it whoever
// reads a mailbox, and knows one manager who asks, would take an account over that the mailbox alone must never open
// (NIST SP 800-63B-4 section 4.2: recovery by more than one email address). For the same reason a password that was itself set
// by mail is not enough, until a second factor has been proved with it. They need no session: the factor that one
// would take is lost. The try at the password is counted like one to sign in.
func (a *App) ConfirmTwoFactorReset(ctx context.Context, in ConfirmTwoFactorResetInput) (*FactorResetPayload, error) {
	r, hash := request(ctx), secret.Hash(in.Token)
	reset, err := a.DB.ResetByToken(ctx, hash)
	if errors.Is(err, org.ErrNotFound) || err == nil && !reset.Open(a.Now()) {
		return nil, org.ErrInvalidLink
	}
	if err != nil {
		return nil, fmt.Errorf("find the request: %w", err)
	}
	user, err := a.DB.User(ctx, reset.UserID)
	if err != nil {
		return nil, fmt.Errorf("find the account: %w", err)
	}
	encoded, err := a.checkPassword(ctx, r, user, in.Password)
	if err != nil {
		return nil, err
	}
	var void error
	check := func(tx *db.Tx) error {
		reset, err = tx.ResetByToken(ctx, hash)
		if err == nil && !reset.Open(a.Now()) {
			return org.ErrInvalidLink
		}
		return err
	}
	err = a.changeAccountOf(ctx, reset.UserID, check, func(c *accountChange) error {
		if _, err := lockSigningIn(ctx, c.Tx, c.User.ID, encoded); err != nil {
			return err
		}
		byMail, err := c.Tx.PasswordByMail(ctx, c.User.ID)
		if err != nil {
			return fmt.Errorf("ask how the password was set: %w", err)
		}
		if byMail {
			return org.ErrOnlyMailbox
		}
		if void, err = a.voidReset(ctx, c, reset); err != nil || void != nil {
			return err
		}
		everything := func(string) bool { return true }
		return a.takeEffect(ctx, c, reset, everything, fmt.Sprintf("You confirmed that %s of %s resets your second factor: %s",
			reset.RequestedByLabel, reset.OrganizationName, reset.Reason))
	}, reset.OrganizationID)
	if err == nil {
		err = void
	}
	if err != nil {
		return nil, err
	}
	return &FactorResetPayload{State: org.ResetDone}, nil
}

// DeclineTwoFactorResetInput is what declineTwoFactorReset takes: one of the two.
type DeclineTwoFactorResetInput struct {
	RequestID *string
	Token     *string
}

// DeclineTwoFactorReset ends a request without effect. The person may, by the link of the mail alone or from a session of
// the account; an owner of an organization that has to agree may; and where it was asked for, whoever could ask for it
// withdraws it. Nothing is asked of them beside: it only leaves things as they are.
func (a *App) DeclineTwoFactorReset(ctx context.Context, in DeclineTwoFactorResetInput) (*FactorResetPayload, error) {
	if (in.RequestID == nil) == (in.Token == nil) {
		return nil, org.BadInput("requestId", "Give the id of the request, or the token of the mailed link.")
	}
	if in.Token != nil {
		return a.declineByLink(ctx, *in.Token)
	}
	r, err := holder(ctx)
	if err != nil {
		return nil, err
	}
	reset, err := a.DB.Reset(ctx, *in.RequestID)
	if err != nil {
		return nil, err
	}
	memberships, err := a.DB.Memberships(ctx, reset.UserID)
	if err != nil {
		return nil, fmt.Errorf("find the memberships: %w", err)
	}
	if _, _, err := a.endsReset(ctx, a.DB.Queries, r, reset, memberships); err != nil {
		return nil, err
	}
	payload := &FactorResetPayload{}
	check := func(tx *db.Tx) error { return a.reload(ctx, tx, r) }
	err = a.changeAccountOf(ctx, reset.UserID, check, func(c *accountChange) error {
		reset, err := c.Tx.Reset(ctx, *in.RequestID)
		if err != nil {
			return err
		}
		state, in, err := a.endsReset(ctx, c.Tx.Queries, r, reset, c.Memberships)
		if err != nil {
			return err
		}
		payload.State = state
		return a.declineBy(ctx, c, r, reset, state, in)
	}, reset.OrganizationID)
	if err != nil {
		return nil, err
	}
	return payload, nil
}

// declineBy ends a request by the caller, whose name and address only their own organizations are told.
func (a *App) declineBy(ctx context.Context, c *accountChange, r *Request, reset *org.Reset, state org.TwoFactorResetState, in []string) error {
	if !reset.Open(a.Now()) {
		return errResetEnded()
	}
	own := r.session.User.ID == c.User.ID
	if !own {
		c.request = &Request{}
	}
	c.actor = func(organizationID string) actor {
		for _, id := range in {
			if own || id == organizationID {
				return actorOf(r.session.User)
			}
		}
		return actor{label: org.ElsewhereLabel, name: org.ElsewhereLabel}
	}
	message := "declined the reset of the second factor of " + c.User.Label()
	if state == org.ResetWithdrawn {
		message = "withdrew the request to reset the second factor of " + c.User.Label()
	}
	return a.endReset(ctx, c, reset, state, message)
}

// endsReset says how the caller may end a request, and in which organizations they do so; NOT_FOUND for who may not.
func (a *App) endsReset(ctx context.Context, q db.Queries, r *Request, reset *org.Reset, memberships []*org.Member) (org.TwoFactorResetState, []string, error) {
	if r.session.User.ID == reset.UserID {
		in := []string{reset.OrganizationID}
		return org.ResetDeclined, in, r.session.CheckHolder()
	}
	for _, m := range memberships {
		if m.OrganizationID != reset.OrganizationID {
			continue
		}
		by, err := q.MemberOf(ctx, m.OrganizationID, r.session.User.ID)
		if errors.Is(err, org.ErrNotFound) {
			break
		}
		if err != nil {
			return "", nil, fmt.Errorf("find the caller's place: %w", err)
		}
		access := org.Access{Organization: by.Organization, Member: by, Session: r.session}
		if err := access.Gate(org.ManageMembers, a.Now()); err != nil {
			return "", nil, err
		}
		return org.ResetWithdrawn, []string{m.OrganizationID}, org.CheckOver(by, m)
	}
	voices, err := a.speaksFor(ctx, q, r, reset, memberships)
	var in []string
	for _, by := range voices {
		in = append(in, by.OrganizationID)
	}
	return org.ResetDeclined, in, err
}

func (a *App) declineByLink(ctx context.Context, token string) (*FactorResetPayload, error) {
	hash := secret.Hash(token)
	reset, err := a.DB.ResetByToken(ctx, hash)
	if errors.Is(err, org.ErrNotFound) || err == nil && !reset.Open(a.Now()) {
		return nil, org.ErrInvalidLink
	}
	if err != nil {
		return nil, fmt.Errorf("find the request: %w", err)
	}
	check := func(tx *db.Tx) error {
		reset, err = tx.ResetByToken(ctx, hash)
		if err == nil && !reset.Open(a.Now()) {
			return org.ErrInvalidLink
		}
		return err
	}
	err = a.changeAccountOf(ctx, reset.UserID, check, func(c *accountChange) error {
		return a.endReset(ctx, c, reset, org.ResetDeclined, "declined the reset of their second factor")
	}, reset.OrganizationID)
	if err != nil {
		return nil, err
	}
	return &FactorResetPayload{State: org.ResetDeclined}, nil
}

// composeResetRequest asks the person, with the link, which is derived again from the nonce.
func (a *App) composeResetRequest(ctx context.Context, id string, job MailJob) (mail.Message, error) {
	reset, err := a.DB.Reset(ctx, job.ResetID)
	if err != nil {
		return mail.Message{}, err
	}
	user, err := a.DB.User(ctx, reset.UserID)
	if err != nil {
		return mail.Message{}, err
	}
	if user.Email == nil || !reset.Open(a.Now()) {
		return mail.Message{}, errNoMail
	}
	if err := a.checkNotice(ctx, user); err != nil {
		return mail.Message{}, err
	}
	return mail.ResetRequested{
		To: mail.Person{Name: user.Name, Email: *user.Email}, Organization: reset.OrganizationName, By: reset.RequestedByLabel,
		Why: reset.Reason, Link: a.link("reset-2fa", a.Keys.Link(reset.Nonce)), Until: reset.ExpiresAt,
	}.Message(id)
}
