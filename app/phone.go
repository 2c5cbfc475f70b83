package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nyaruka/phonenumbers"

	"muster/db"
	"muster/mail"
	"muster/org"
	"muster/secret"
)

// EnrollPhoneInput is what enrollPhone takes.
type EnrollPhoneInput struct {
	Number string
	Name   string
}

// CodeSent says where a code went and until when it works.
type CodeSent struct {
	SentTo    string
	ExpiresAt time.Time
}

// The payloads of the mutations that send a code.
type (
	EnrollPhonePayload          = CodeSent
	SendSecondFactorCodePayload = CodeSent
)

// EnrollPhone starts the set-up of a phone in this session and sends it a code.
func (a *App) EnrollPhone(ctx context.Context, in EnrollPhoneInput) (*CodeSent, error) {
	if _, err := holder(ctx); err != nil {
		return nil, err
	}
	if a.Texter == nil {
		return nil, errNoTexts()
	}
	number, err := parsePhone(in.Number)
	if err != nil {
		return nil, err
	}
	pending, r, err := a.startEnrollment(ctx, org.KindPhone, in.Name, nil)
	if err != nil {
		return nil, err
	}
	// The set-up and its first code are stored together or not at all.
	code := db.PhoneCode{UserID: pending.UserID, AuthenticatorID: pending.ID, SessionID: &r.session.ID}
	return a.textCode(ctx, r, textToEnroll, code, number, func(tx *db.Tx) error {
		if err := tx.AddAuthenticator(ctx, pending, r.session.ID); err != nil {
			return err
		}
		if err := tx.AddPhoneNumber(ctx, pending.ID, number); err != nil {
			return err
		}
		message := "Started to set up the phone " + org.MaskPhone(number) + "."
		return tx.AddSecurityEvent(ctx, event(pending.UserID, r, org.EventEnrollmentStarted, message))
	})
}

// maxE164 is the plus sign and the 15 digits that an international number has at most (ITU-T E.164, section 6).
const maxE164 = 16

// parsePhone reads a phone's number, spelled with spaces, hyphens and brackets or without, and gives it as E.164.
func parsePhone(s string) (string, error) {
	parsed, err := phonenumbers.Parse(s, "")
	if err == nil && phonenumbers.IsValidNumber(parsed) {
		// Some countries' numbers are valid to the library beyond what can be dialled.
		if number := phonenumbers.Format(parsed, phonenumbers.E164); len(number) <= maxE164 {
			return number, nil
		}
	}
	return "", org.BadInput("number", "This is not a phone number in international form, for example +4366012345678.")
}

func errNoTexts() error {
	return org.Refuse(org.CodeConflict, "This server sends no text messages, so phones cannot be used. Use an authenticator app.")
}

// SendSecondFactorCodeInput is what sendSecondFactorCode takes.
type SendSecondFactorCodeInput struct{ ChallengeToken *string }

// SendSecondFactorCode sends a code to the phone of the account that a challenge is for, or of the caller.
func (a *App) SendSecondFactorCode(ctx context.Context, in SendSecondFactorCodeInput) (*CodeSent, error) {
	userID, challengeID, err := a.codeFor(ctx, in.ChallengeToken)
	if err != nil {
		return nil, err
	}
	factors, err := a.DB.Authenticators(ctx, userID)
	if err != nil {
		return nil, fmt.Errorf("find the authenticators: %w", err)
	}
	for _, f := range factors {
		if f.Kind == org.KindPhone {
			return a.sendCode(ctx, request(ctx), userID, f.ID, challengeID)
		}
	}
	return nil, org.Refuse(org.CodeConflict, "This account has no phone. Answer with your authenticator app or a recovery code.")
}

// codeFor is whom a code is for, and the challenge that it answers, nil for the caller's own session.
func (a *App) codeFor(ctx context.Context, challengeToken *string) (userID string, challengeID *string, err error) {
	if challengeToken == nil {
		r, err := holder(ctx)
		if err != nil {
			return "", nil, err
		}
		return r.session.User.ID, nil, nil
	}
	c, err := a.DB.Challenge(ctx, secret.Hash(*challengeToken))
	if errors.Is(err, org.ErrNotFound) {
		return "", nil, org.Refuse(org.CodeInvalidCode, "This sign-in has ended or was answered already. Sign in again.")
	}
	if err != nil {
		return "", nil, fmt.Errorf("find the challenge: %w", err)
	}
	return c.UserID, &c.ID, nil
}

// What text messages are counted by: strangers who enroll a number use up nobody's sign-ins, nor does who has a session only.
const (
	textToEnroll  = "enroll"
	textToSignIn  = "sign-in"
	textToConfirm = "confirm"
)

// textTo is what a code is for that a challenge asks for, or, without one, a session.
func textTo(challengeID *string) string {
	if challengeID == nil {
		return textToConfirm
	}
	return textToSignIn
}

// asking is the session that a code is bound to, nil where a challenge asks for it.
func (r *Request) asking(challengeID *string) *string {
	if challengeID == nil {
		return &r.session.ID
	}
	return nil
}

func textKeys(purpose, userID, number string) []string {
	return []string{purpose + " " + userID, purpose + " " + number}
}

// forgiveText takes back what a message has cost whose code came back right: it reached its owner.
func (a *App) forgiveText(ctx context.Context, r *Request, purpose, userID, authenticatorID string) {
	number, err := a.DB.PhoneNumber(ctx, authenticatorID)
	if err != nil {
		a.Log.WarnContext(ctx, "a text message was not taken back", "err", err)
		return
	}
	for _, key := range textKeys(purpose, userID, number) {
		a.forgive(ctx, limitText, key)
	}
	a.forgiveAll(ctx, r.at(limitTextNetwork, purpose+" "))
}

// codeLife is how long a code sent by text message works (NIST SP 800-63B-4 section 3.1.3: at most ten minutes).
const codeLife = 10 * time.Minute

// sendCode sends a code to a phone that is set up: to answer a challenge, or, without one, for the caller's own session.
func (a *App) sendCode(ctx context.Context, r *Request, userID, authenticatorID string, challengeID *string) (*CodeSent, error) {
	if a.Texter == nil {
		return nil, errNoTexts()
	}
	number, err := a.DB.PhoneNumber(ctx, authenticatorID)
	if err != nil {
		return nil, fmt.Errorf("find the number: %w", err)
	}
	code := db.PhoneCode{UserID: userID, AuthenticatorID: authenticatorID, ChallengeID: challengeID, SessionID: r.asking(challengeID)}
	return a.textCode(ctx, r, textTo(challengeID), code, number, func(*db.Tx) error { return nil })
}

// textCode makes a code for one purpose, stores its hash together with what belongs to it, and sends it after the commit.
// The code itself is in no row and no job.
func (a *App) textCode(ctx context.Context, r *Request, purpose string, stored db.PhoneCode, number string, store func(tx *db.Tx) error) (*CodeSent, error) {
	if err := a.spendAll(ctx, r.at(limitTextNetwork, purpose+" ")); err != nil {
		return nil, err
	}
	for _, key := range textKeys(purpose, stored.UserID, number) {
		if err := a.spend(ctx, limitText, key); err != nil {
			return nil, err
		}
	}
	code := secret.NewSMSCode()
	stored.ID, stored.ExpiresAt = db.NewID(db.PhoneCodeID), a.Now().Add(codeLife)
	stored.CodeHash = a.Keys.CodeHash(code, stored.ID)
	err := a.account(ctx, func(tx *db.Tx) (*org.SecurityEvent, error) {
		if err := store(tx); err != nil {
			return nil, err
		}
		if err := tx.AddPhoneCode(ctx, &stored); err != nil {
			return nil, err
		}
		return event(stored.UserID, r, org.EventCodeSent, "Was sent a code to "+org.MaskPhone(number)+"."), nil
	})
	if err != nil {
		return nil, err
	}
	sending, cancel := context.WithTimeout(ctx, 4*time.Second)
	defer cancel()
	if err := a.Texter.SendText(sending, mail.Text{To: number, Body: mail.CodeText(code, a.host())}); err != nil {
		a.Log.WarnContext(ctx, "a text message was not sent", "err", err)
		return nil, org.Refuse(org.CodeConflict, "The text message could not be sent. Try again in a minute, or use another second factor.")
	}
	return &CodeSent{SentTo: org.MaskPhone(number), ExpiresAt: stored.ExpiresAt}, nil
}
