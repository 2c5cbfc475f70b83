package app

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"muster/db"
	"muster/org"
	"muster/secret"
)

// EnrollTOTPInput is what enrollTOTP takes.
type EnrollTOTPInput struct {
	Name     string
	Replaces *string
}

// EnrollTOTPPayload is what enrollTOTP answers: the seed in three forms. It never comes back from the client.
type EnrollTOTPPayload struct {
	Secret string
	URI    string
	QRCode string
}

// issuer is what authenticator apps show beside the account.
const issuer = "Muster"

// EnrollTOTP starts the set-up of an authenticator app in this session. One that it replaces works until the new one is
// confirmed, and goes with that.
func (a *App) EnrollTOTP(ctx context.Context, in EnrollTOTPInput) (*EnrollTOTPPayload, error) {
	seed := secret.NewTOTPSeed()
	pending, r, err := a.startEnrollment(ctx, org.KindTOTP, in.Name, in.Replaces)
	if err != nil {
		return nil, err
	}
	user := r.session.User
	sealed, err := a.Keys.Seal(seed, []byte(user.ID))
	if err != nil {
		return nil, fmt.Errorf("seal the seed: %w", err)
	}
	account := user.Name
	if user.Email != nil {
		account = *user.Email
	}
	uri := secret.TOTPURI(seed, issuer, account)
	qr, err := secret.TOTPQRCode(uri)
	if err != nil {
		return nil, fmt.Errorf("draw the QR code: %w", err)
	}
	err = a.account(ctx, func(tx *db.Tx) (*org.SecurityEvent, error) {
		if err := tx.AddAuthenticator(ctx, pending, r.session.ID); err != nil {
			return nil, err
		}
		if err := tx.AddTOTPSeed(ctx, db.TOTPSeed{AuthenticatorID: pending.ID, Sealed: sealed}); err != nil {
			return nil, err
		}
		return event(user.ID, r, org.EventEnrollmentStarted, "Started to set up an authenticator app."), nil
	})
	if err != nil {
		return nil, err
	}
	return &EnrollTOTPPayload{Secret: secret.TOTPSecret(seed), URI: uri, QRCode: qr}, nil
}

// startEnrollment checks what every enrollment needs: a session that may change factors, proof of the mailbox where the
// rules ask for it, and room for one more, or one to replace.
func (a *App) startEnrollment(ctx context.Context, kind org.AuthenticatorKind, name string, replaces *string) (*org.Authenticator, *Request, error) {
	r, err := holder(ctx)
	if err != nil {
		return nil, nil, err
	}
	name, err = org.ParseName("name", name, 60)
	if err != nil {
		return nil, nil, err
	}
	if err := a.mayEnroll(ctx, r); err != nil {
		return nil, nil, err
	}
	if replaces != nil {
		if err := a.fresh(r, false); err != nil { // it removes a factor, too
			return nil, nil, err
		}
	}
	have, err := a.DB.Authenticators(ctx, r.session.User.ID)
	if err != nil {
		return nil, nil, fmt.Errorf("find the authenticators: %w", err)
	}
	if err := org.CheckEnroll(kind, have, org.Displaced(r.session, kind, have, replaces)); err != nil {
		return nil, nil, err
	}
	if err := a.spend(ctx, limitEnroll, r.session.User.ID); err != nil {
		return nil, nil, err
	}
	return &org.Authenticator{
		ID: db.NewID(db.AuthenticatorID), UserID: r.session.User.ID, Kind: kind, Name: name, ReplacesID: replaces,
	}, r, nil
}

// mayEnroll refuses a session that may not enroll; whoever lacks only the proof of the mailbox is mailed the link.
func (a *App) mayEnroll(ctx context.Context, r *Request) error {
	if err := a.fresh(r, true); err != nil {
		return err
	}
	memberships, err := a.DB.Memberships(ctx, r.session.User.ID)
	if err != nil {
		return fmt.Errorf("find the memberships: %w", err)
	}
	proofFor, refusal := org.CheckFirstEnrollment(r.session, memberships, a.Now())
	if refusal == nil {
		return nil
	}
	if err := a.mailProof(ctx, r, proofFor); err != nil {
		return err
	}
	return refusal
}

// mailProof mails the member's link, at most once in five minutes. A living link is mailed again as it is: making a new
// one would let whoever knows the password kill the one that the owner of the mailbox is about to open.
func (a *App) mailProof(ctx context.Context, r *Request, m *org.Member) error {
	if limited := a.spend(ctx, limitMailboxProof, r.session.User.ID); limited != nil {
		var refusal *org.Error
		if errors.As(limited, &refusal) {
			return nil // it was sent a moment ago, as the refusal that follows says
		}
		return limited
	}
	return a.account(ctx, func(tx *db.Tx) (*org.SecurityEvent, error) {
		if _, err := tx.LockOrganization(ctx, m.OrganizationID); err != nil {
			return nil, err
		}
		m, err := tx.Member(ctx, m.ID)
		if err != nil {
			return nil, err
		}
		link, err := tx.LinkOf(ctx, m.ID)
		var hash []byte
		switch {
		case err == nil:
			hash = link.TokenHash
			if err := tx.SetDelivery(ctx, m.ID, hash, org.DeliveryQueued); err != nil {
				return nil, err
			}
		case errors.Is(err, org.ErrNotFound):
			if hash, err = a.setLink(ctx, tx, db.NewLink{MemberID: m.ID, Reason: org.ReasonRemovedFor2FA, ExpiresAt: m.ReinstatableUntil}); err != nil {
				return nil, err
			}
		default:
			return nil, err
		}
		if err := tx.Enqueue(ctx, linkMail(m.ID, hash)); err != nil {
			return nil, err
		}
		return event(r.session.User.ID, r, org.EventMailboxProofSent, "Was sent the link that proves the mailbox, to set up two-factor authentication."), nil
	})
}

// ConfirmTOTPInput is what confirmTOTP takes.
type ConfirmTOTPInput struct{ Code string }

// Confirmation is what confirming an authenticator answers.
type Confirmation struct {
	Authenticator *org.Authenticator
	RecoveryCodes []string // with the first authenticator only
	Reinstated    []*org.Reinstated
}

// The payloads of the confirmations by code.
type (
	ConfirmTOTPPayload  = Confirmation
	ConfirmPhonePayload = Confirmation
)

// ConfirmTOTP confirms the app that this session set up, with its current code.
func (a *App) ConfirmTOTP(ctx context.Context, in ConfirmTOTPInput) (*Confirmation, error) {
	return a.confirm(ctx, org.ViaConfirmTOTP, org.KindTOTP, func(r *Request, authenticatorID string) (func(tx *db.Tx) (bool, error), error) {
		seed, err := a.seed(ctx, r.session.User.ID, authenticatorID)
		if err != nil {
			return nil, err
		}
		step, ok := secret.CheckTOTP(seed, in.Code, a.Now())
		if !ok {
			return nil, org.ErrInvalidCode
		}
		return func(tx *db.Tx) (bool, error) { return tx.UseTOTPStep(ctx, authenticatorID, step) }, nil
	})
}

// ConfirmPhoneInput is what confirmPhone takes.
type ConfirmPhoneInput struct{ Code string }

// ConfirmPhone confirms the phone that this session set up, with the code that was sent.
func (a *App) ConfirmPhone(ctx context.Context, in ConfirmPhoneInput) (*Confirmation, error) {
	return a.confirm(ctx, org.ViaConfirmPhone, org.KindPhone, func(r *Request, authenticatorID string) (func(tx *db.Tx) (bool, error), error) {
		if !secret.IsCode(in.Code) {
			return nil, org.ErrInvalidCode
		}
		id, ok, err := a.checkPhoneCode(ctx, r, authenticatorID, nil, in.Code)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, org.ErrInvalidCode
		}
		return func(tx *db.Tx) (bool, error) { return tx.UsePhoneCode(ctx, id) }, nil
	})
}

// confirm makes a pending authenticator count, and everything that follows from it: recovery codes with the first one, the
// way back into every organization whose window is open, the end of all other sessions, and a mail that tells of it.
// check looks at the code and gives what uses it up.
func (a *App) confirm(ctx context.Context, via *org.Route, kind org.AuthenticatorKind,
	check func(r *Request, authenticatorID string) (use func(tx *db.Tx) (bool, error), err error),
) (*Confirmation, error) {
	r, err := holder(ctx)
	if err != nil {
		return nil, err
	}
	user := r.session.User
	pending, err := a.DB.PendingAuthenticator(ctx, r.session.ID, kind)
	if errors.Is(err, org.ErrNotFound) {
		return nil, org.Refuse(org.CodeConflict, "There is nothing to confirm in this session. Start the set-up again.")
	}
	if err != nil {
		return nil, fmt.Errorf("find the set-up: %w", err)
	}
	if err := a.mayEnroll(ctx, r); err != nil {
		return nil, err // the requirement was turned on since the set-up began
	}
	if err := a.spend(ctx, limitConfirm, pending.ID); err != nil {
		return nil, err
	}
	use, err := check(r, pending.ID)
	if err != nil {
		return nil, err
	}
	codes, done := secret.NewRecoveryCodes(), &Confirmation{Authenticator: pending, Reinstated: []*org.Reinstated{}}
	cookie := ""
	err = a.changeAccount(ctx, func(c *accountChange) error {
		*done = Confirmation{Authenticator: pending, Reinstated: []*org.Reinstated{}}
		if err := a.fresh(r, pending.ReplacesID == nil); err != nil {
			return err
		}
		if _, err := org.CheckFirstEnrollment(r.session, c.Memberships, a.Now()); err != nil {
			return err
		}
		have, err := c.Tx.Authenticators(ctx, user.ID)
		if err != nil {
			return err
		}
		replaces := org.Displaced(r.session, kind, have, pending.ReplacesID)
		if err := org.CheckEnroll(kind, have, replaces); err != nil {
			return err
		}
		used, err := use(c.Tx)
		if err != nil {
			return err
		}
		confirmed, err := c.Tx.ConfirmAuthenticator(ctx, pending.ID)
		if err != nil {
			return err
		}
		if !used || !confirmed {
			return org.ErrInvalidCode
		}
		first := len(have) == 0
		if first {
			if err := c.Tx.ReplaceRecoveryCodes(ctx, user.ID, r.session.ID, recoveryHashes(codes)); err != nil {
				return err
			}
			done.RecoveryCodes = codes
		}
		c.logFactor(!first, true, "set up an authenticator")
		if err := c.alert(ctx, org.EventAuthenticatorAdded, fmt.Sprintf("Added the authenticator %q.", pending.Name)); err != nil {
			return err
		}
		if replaces != nil {
			gone, err := find(*replaces, have)
			if err != nil {
				return err
			}
			if err := c.removeAuthenticator(ctx, gone, false); err != nil {
				return err
			}
		}
		if done.Reinstated, err = a.comeBack(ctx, c); err != nil {
			return err
		}
		if cookie, err = a.raise(ctx, c.Tx, r, via, org.SignInMethod(kind)); err != nil {
			return err
		}
		if err := c.Tx.NoteProvedWith(ctx, r.session.ID, pending.ID); err != nil {
			return err
		}
		if err := c.Tx.ForgetInvitation(ctx, r.session.ID); err != nil {
			return err
		}
		return c.Tx.EndOtherSessions(ctx, user.ID, r.session.ID)
	})
	if err != nil {
		return nil, err
	}
	if kind == org.KindPhone {
		a.forgiveText(ctx, r, textToEnroll, user.ID, pending.ID)
	}
	if err := a.raised(ctx, r, cookie); err != nil {
		return nil, err
	}
	return done, nil
}

// logFactor writes one entry into each organization of the person, who was and is now compliant or not.
func (c *accountChange) logFactor(was, is bool, what string) {
	action := org.ActionMember2FAChanged
	switch {
	case is && !was:
		action = org.ActionMember2FAEnabled
	case was && !is:
		action = org.ActionMember2FADisabled
	}
	for _, m := range c.Memberships {
		c.log(m, action, m.Label()+" "+what, nil)
	}
}

// recoveryHashes are what is stored of new recovery codes.
func recoveryHashes(codes []string) [][]byte {
	hashes := make([][]byte, len(codes))
	for i, code := range codes {
		hashes[i], _ = secret.RecoveryHash(code) // a code that was just made is always one
	}
	return hashes
}

// RegenerateRecoveryCodesInput is what regenerateRecoveryCodes takes.
type RegenerateRecoveryCodesInput struct{ ClientMutationID *string }

// RegenerateRecoveryCodesPayload is what regenerateRecoveryCodes answers.
type RegenerateRecoveryCodesPayload struct {
	RecoveryCodes    []string
	ClientMutationID *string
}

// RegenerateRecoveryCodes makes ten new codes; the old ones are dead at once.
func (a *App) RegenerateRecoveryCodes(ctx context.Context, in RegenerateRecoveryCodesInput) (*RegenerateRecoveryCodesPayload, error) {
	r, err := holder(ctx)
	if err != nil {
		return nil, err
	}
	codes := secret.NewRecoveryCodes()
	err = a.account(ctx, func(tx *db.Tx) (*org.SecurityEvent, error) {
		user, err := tx.LockUser(ctx, r.session.User.ID)
		if err != nil {
			return nil, err
		}
		if err := a.reload(ctx, tx, r); err != nil {
			return nil, err
		}
		if !user.Compliant() {
			return nil, org.Refuse(org.CodeConflict, "Recovery codes come with the first authenticator. Set one up.")
		}
		if err := a.fresh(r, false); err != nil {
			return nil, err
		}
		if err := tx.ReplaceRecoveryCodes(ctx, user.ID, r.session.ID, recoveryHashes(codes)); err != nil {
			return nil, err
		}
		// As other changes of factors do: who makes new codes may be throwing somebody out, who may have asked for the change.
		if err := tx.DeleteAccountLinks(ctx, user.ID, org.PurposeChange); err != nil {
			return nil, fmt.Errorf("call off the change of address: %w", err)
		}
		return a.alert(ctx, tx, r, user, org.EventRecoveryRegenerated, "Made new recovery codes; the old ones no longer work.")
	})
	if err != nil {
		return nil, err
	}
	return &RegenerateRecoveryCodesPayload{RecoveryCodes: codes, ClientMutationID: in.ClientMutationID}, nil
}

// RemoveAuthenticatorInput is what removeAuthenticator takes.
type RemoveAuthenticatorInput struct{ AuthenticatorID string }

// RemoveAuthenticatorPayload is what removeAuthenticator answers.
type RemoveAuthenticatorPayload struct{ User *org.User }

// RemoveAuthenticator removes one of the caller's authenticators; the recovery codes go with the last one.
func (a *App) RemoveAuthenticator(ctx context.Context, in RemoveAuthenticatorInput) (*RemoveAuthenticatorPayload, error) {
	err := a.changeAccount(ctx, func(c *accountChange) error {
		if err := a.fresh(c.request, false); err != nil {
			return err
		}
		have, err := c.Tx.Authenticators(ctx, c.User.ID)
		if err != nil {
			return err
		}
		gone, err := find(in.AuthenticatorID, have)
		if err != nil {
			return err
		}
		if err := org.CheckRemoveAuthenticator(gone.ID, have, c.Memberships); err != nil {
			return err
		}
		last := len(have) == 1
		if err := c.removeAuthenticator(ctx, gone, last); err != nil {
			return err
		}
		if last { // what personal tokens have proved is gone with it
			return c.Tx.EndOtherAccess(ctx, c.User.ID, c.request.session.ID)
		}
		return c.Tx.EndOtherSessions(ctx, c.User.ID, c.request.session.ID)
	})
	if err != nil {
		return nil, err
	}
	user, err := a.refreshedViewer(ctx)
	return &RemoveAuthenticatorPayload{User: user}, err
}

// find is the authenticator with the id, of those that the account has.
func find(id string, have []*org.Authenticator) (*org.Authenticator, error) {
	i := slices.IndexFunc(have, func(f *org.Authenticator) bool { return f.ID == id })
	if i < 0 {
		return nil, org.ErrNotFound
	}
	return have[i], nil
}

// removeAuthenticator removes one that may go, with what tells of it; the recovery codes end with the last one.
func (c *accountChange) removeAuthenticator(ctx context.Context, gone *org.Authenticator, last bool) error {
	if err := c.Tx.RemoveAuthenticator(ctx, c.User.ID, gone.ID, c.request.session.ID); err != nil {
		return err
	}
	if last {
		if err := c.Tx.EndRecoveryCodes(ctx, c.User.ID, ""); err != nil {
			return err
		}
	}
	c.logFactor(true, !last, "removed an authenticator")
	return c.alert(ctx, org.EventAuthenticatorRemoved, fmt.Sprintf("Removed the authenticator %q.", gone.Name))
}

// RenameAuthenticatorInput is what renameAuthenticator takes.
type RenameAuthenticatorInput struct {
	AuthenticatorID string
	Name            string
}

// RenameAuthenticatorPayload is what renameAuthenticator answers.
type RenameAuthenticatorPayload struct{ Authenticator *org.Authenticator }

// RenameAuthenticator gives one of the caller's authenticators another name. It asks for a fresh session as other changes of
// factors do: a wrong name leads its owner to remove the wrong one.
func (a *App) RenameAuthenticator(ctx context.Context, in RenameAuthenticatorInput) (*RenameAuthenticatorPayload, error) {
	r, err := holder(ctx)
	if err != nil {
		return nil, err
	}
	name, err := org.ParseName("name", in.Name, 60)
	if err != nil {
		return nil, err
	}
	var renamed *org.Authenticator
	err = a.account(ctx, func(tx *db.Tx) (*org.SecurityEvent, error) {
		user, err := tx.LockUser(ctx, r.session.User.ID)
		if err != nil {
			return nil, err
		}
		if err := a.reload(ctx, tx, r); err != nil {
			return nil, err
		}
		if err := a.fresh(r, false); err != nil {
			return nil, err
		}
		if renamed, err = tx.RenameAuthenticator(ctx, r.session.User.ID, in.AuthenticatorID, name); err != nil {
			return nil, err
		}
		return a.alert(ctx, tx, r, user, org.EventAuthenticatorRenamed, fmt.Sprintf("Named an authenticator %q.", name))
	})
	if err != nil {
		return nil, err
	}
	return &RenameAuthenticatorPayload{Authenticator: renamed}, nil
}
