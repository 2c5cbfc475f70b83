package app

import (
	"context"
	"crypto/hmac"
	"errors"
	"fmt"
	"time"

	"muster/db"
	"muster/org"
	"muster/secret"
)

// VerifySecondFactorInput is what verifySecondFactor takes.
type VerifySecondFactorInput struct {
	ChallengeToken string
	Code           *string
	Credential     map[string]any
}

// VerifySecondFactorPayload is what verifySecondFactor answers.
type VerifySecondFactorPayload struct {
	Session  *SessionToken
	NextStep org.NextStep
}

// VerifySecondFactor answers a challenge with a code of the app, of a text message, a recovery code, or a security key. The
// guess is counted and committed before it is looked at.
func (a *App) VerifySecondFactor(ctx context.Context, in VerifySecondFactorInput) (*VerifySecondFactorPayload, error) {
	r := request(ctx)
	if err := org.CheckOneAnswer(in.Code != nil, in.Credential != nil); err != nil {
		return nil, err
	}
	c, err := a.DB.Challenge(ctx, secret.Hash(in.ChallengeToken))
	if errors.Is(err, org.ErrNotFound) {
		return nil, org.Refuse(org.CodeInvalidCode, "This sign-in has ended or was answered already. Sign in again.")
	}
	if err != nil {
		return nil, fmt.Errorf("find the challenge: %w", err)
	}
	forgive, limited := a.spendAnswer(ctx, r, c.UserID, in.Code)
	if limited != nil {
		return nil, limited
	}
	proof, err := a.checkAnswer(ctx, r, c.UserID, &c.ID, in.Code, in.Credential)
	if err != nil {
		return nil, err
	}
	var session *SessionToken
	// The proof is used up before the challenge, since a text message's code goes with it.
	err = a.prove(ctx, r, c.UserID, proof, func(tx *db.Tx, user *org.User, message string) (*org.SecurityEvent, error) {
		ok, err := tx.UseChallenge(ctx, c.ID)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, org.ErrInvalidCode
		}
		if session, err = a.begin(ctx, tx, r, org.ViaSecondFactor, proof.by, c.UserID); err != nil {
			return nil, err
		}
		if err := tx.NoteProvedWith(ctx, r.began, proof.authenticatorID); err != nil {
			return nil, err
		}
		if proof.recovery == nil {
			// Who has the password has the factor too: it proves more than the mailbox by which it may have been set.
			if err := tx.NotePasswordByMail(ctx, user.ID, false); err != nil {
				return nil, err
			}
		} else {
			used, err := a.alert(ctx, tx, r, user, org.EventRecoveryUsed, message)
			if err != nil {
				return nil, err
			}
			if err := tx.AddSecurityEvent(ctx, used); err != nil {
				return nil, err
			}
		}
		return event(c.UserID, r, org.EventSignIn, "Signed in. "+message), nil
	})
	if err != nil {
		return nil, err
	}
	forgive()
	if proof.phoneCodeID != "" {
		a.forgiveText(ctx, r, textToSignIn, c.UserID, proof.authenticatorID)
	}
	payload := &VerifySecondFactorPayload{Session: r.begun(session), NextStep: org.NextNothing}
	if proof.recovery != nil {
		payload.NextStep = org.NextSetUp2FA // who needs a recovery code has lost what else they had
	}
	return payload, nil
}

// proof is a code that was found right and has yet to be used up.
type proof struct {
	by              org.SignInMethod
	authenticatorID string
	step            int64  // of an app
	phoneCodeID     string // of a text message
	recovery        []byte // of a recovery code
	key             *usedKey
}

// checkAnswer finds out what a code or a security key's answer, whichever is given, proves. It uses no proof up.
func (a *App) checkAnswer(ctx context.Context, r *Request, userID string, challengeID, code *string, credential map[string]any) (*proof, error) {
	if code != nil {
		return a.checkCode(ctx, r, userID, challengeID, *code)
	}
	return a.checkKey(ctx, r, userID, challengeID, credential)
}

// checkCode finds out which of the account's second factors a code belongs to. It uses nothing up but, of six digits, one of
// the tries that there are in a row.
func (a *App) checkCode(ctx context.Context, r *Request, userID string, challengeID *string, code string) (*proof, error) {
	if !secret.IsCode(code) {
		if hash, ok := secret.RecoveryHash(code); ok {
			return &proof{by: org.ByRecoveryCode, recovery: hash}, nil
		}
		return nil, org.ErrInvalidCode
	}
	if err := a.tryCode(ctx, r, userID); err != nil {
		return nil, err
	}
	seeds, err := a.DB.TOTPSeeds(ctx, userID)
	if err != nil {
		return nil, fmt.Errorf("find the authenticator apps: %w", err)
	}
	for _, s := range seeds {
		seed, err := a.Keys.Open(s.Sealed, []byte(userID))
		if err != nil {
			return nil, fmt.Errorf("unseal an authenticator app: %w", err)
		}
		if step, ok := secret.CheckTOTP(seed, code, a.Now()); ok {
			return &proof{by: org.ByTOTP, authenticatorID: s.AuthenticatorID, step: step}, nil
		}
	}
	factors, err := a.DB.Authenticators(ctx, userID)
	if err != nil {
		return nil, fmt.Errorf("find the authenticators: %w", err)
	}
	for _, f := range factors {
		if f.Kind != org.KindPhone {
			continue
		}
		id, ok, err := a.checkPhoneCode(ctx, r, f.ID, challengeID, code)
		if err != nil {
			return nil, err
		}
		if ok {
			return &proof{by: org.ByPhone, authenticatorID: f.ID, phoneCodeID: id}, nil
		}
	}
	return nil, org.ErrInvalidCode
}

// checkPhoneCode compares a guess with the code that was sent, having counted it.
func (a *App) checkPhoneCode(ctx context.Context, r *Request, authenticatorID string, challengeID *string, code string) (id string, ok bool, err error) {
	sent, err := a.DB.GuessPhoneCode(ctx, authenticatorID, challengeID, r.asking(challengeID))
	if errors.Is(err, org.ErrNotFound) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("count the guess: %w", err)
	}
	return sent.ID, hmac.Equal(sent.CodeHash, a.Keys.CodeHash(code, sent.ID)), nil
}

// use uses the proof up, exactly once however many requests bring it, and says what it was.
func (p *proof) use(ctx context.Context, tx *db.Tx, userID string) (message string, err error) {
	var ok bool
	switch {
	case p.recovery != nil:
		var left int
		if ok, left, err = tx.UseRecoveryCode(ctx, userID, p.recovery); err == nil && ok {
			return org.RecoveryUsed(left), nil
		}
	case p.key != nil:
		ok, err = true, p.key.use(ctx, tx, p.authenticatorID)
		message = "The second factor was a security key."
	case p.phoneCodeID != "":
		ok, err = tx.UsePhoneCode(ctx, p.phoneCodeID)
		message = "The second factor was a text message."
	default:
		ok, err = tx.UseTOTPStep(ctx, p.authenticatorID, p.step)
		message = "The second factor was an authenticator app."
	}
	if err != nil {
		return "", fmt.Errorf("use the second factor up: %w", err)
	}
	if !ok {
		return "", org.ErrInvalidCode
	}
	return message, tx.TouchAuthenticator(ctx, p.authenticatorID)
}

// ConfirmIdentityInput is what confirmIdentity takes: one of the three.
type ConfirmIdentityInput struct {
	Code       *string
	Credential map[string]any
	Password   *string
}

// ConfirmIdentityPayload is what confirmIdentity answers.
type ConfirmIdentityPayload struct{ FreshUntil time.Time }

// ConfirmIdentity makes the session fresh: by a code of the second factor or a security key, or by the password where the
// account has none. A recovery code does not: it is for coming back in.
func (a *App) ConfirmIdentity(ctx context.Context, in ConfirmIdentityInput) (*ConfirmIdentityPayload, error) {
	r, err := holder(ctx)
	if err != nil {
		return nil, err
	}
	user, cookie := r.session.User, ""
	finish := func(tx *db.Tx, message string, by org.SignInMethod) (*org.SecurityEvent, error) {
		if err := a.reload(ctx, tx, r); err != nil {
			return nil, err
		}
		if cookie, err = a.raise(ctx, tx, r, org.ViaConfirmIdentity, by); err != nil {
			return nil, err
		}
		return event(user.ID, r, org.EventIdentityConfirmed, message), nil
	}
	var used *proof
	if user.Compliant() {
		if err := org.CheckOneAnswer(in.Code != nil, in.Credential != nil); err != nil {
			return nil, err
		}
		err = a.tryInSession(ctx, r, func() (err error) {
			if used, err = a.checkAnswer(ctx, r, user.ID, nil, in.Code, in.Credential); err != nil {
				return err
			}
			if used.recovery != nil {
				return org.ErrInvalidCode
			}
			return a.prove(ctx, r, user.ID, used, func(tx *db.Tx, _ *org.User, message string) (*org.SecurityEvent, error) {
				if err := tx.NoteProvedWith(ctx, r.session.ID, used.authenticatorID); err != nil {
					return nil, err
				}
				return finish(tx, message, used.by)
			})
		})
	} else {
		if in.Password == nil {
			return nil, org.BadInput("password", "This account has no second factor: send its password.")
		}
		if _, err = a.checkPassword(ctx, r, user, *in.Password); err != nil {
			return nil, err
		}
		err = a.account(ctx, func(tx *db.Tx) (*org.SecurityEvent, error) {
			if _, err := tx.LockUser(ctx, user.ID); err != nil {
				return nil, err
			}
			return finish(tx, "Confirmed with the password that it is them.", org.ByPassword)
		})
	}
	if err != nil {
		return nil, err
	}
	if used != nil && used.phoneCodeID != "" {
		a.forgiveText(ctx, r, textToConfirm, user.ID, used.authenticatorID)
	}
	if err := a.raised(ctx, r, cookie); err != nil {
		return nil, err
	}
	return &ConfirmIdentityPayload{FreshUntil: r.session.FreshAt.Add(a.StepUp)}, nil
}
