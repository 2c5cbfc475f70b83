package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"muster/app/lookalike"
	"muster/db"
	"muster/org"
	"muster/secret"
)

// SignUpInput is what signUp takes.
type SignUpInput struct {
	Email       string
	Name        string
	Password    string
	InviteToken *string
	// AddressToken is of the mail to an address that was asked a new password for, and never verified.
	AddressToken *string
}

// SignUpPayload is what signUp answers.
type SignUpPayload struct{ Session *SessionToken }

// SignUp creates an account and signs in. With the token of a mail to the address, the address is proved: it moves here from
// an account that only claimed it.
func (a *App) SignUp(ctx context.Context, in SignUpInput) (*SignUpPayload, error) {
	r := request(ctx)
	email, err := org.ParseEmail("email", in.Email)
	if err != nil {
		return nil, err
	}
	name, err := org.ParseActorName("name", in.Name, 100, lookalike.Form)
	if err != nil {
		return nil, err
	}
	if err := org.CheckPassword("password", in.Password, &org.User{Name: name, Email: &email}, secret.CommonPassword); err != nil {
		return nil, err
	}
	invited, err := a.countSignUp(ctx, r, in, email)
	if err != nil {
		return nil, err
	}
	hash, err := a.hashPassword(ctx, in.Password)
	if err != nil {
		return nil, err
	}
	user := &org.User{ID: db.NewID(db.UserID), Name: name, Email: &email}
	var session *SessionToken
	err = a.account(ctx, func(tx *db.Tx) (*org.SecurityEvent, error) {
		proved, err := provesAddress(ctx, tx.Queries, in, email)
		if err != nil {
			return nil, err
		}
		if proved {
			if err := releaseAddress(ctx, tx, email, false); err != nil {
				return nil, err
			}
		}
		if err := tx.CreateUser(ctx, user, hash); err != nil {
			return nil, err
		}
		if proved {
			err = tx.VerifyEmail(ctx, user.ID)
		} else {
			err = a.mailFirstVerification(ctx, tx, user)
		}
		if err != nil {
			return nil, err
		}
		if session, err = a.begin(ctx, tx, r, org.ViaSignUp, org.ByPassword, user.ID); err != nil {
			return nil, err
		}
		return event(user.ID, r, org.EventSignUp, "Created the account."), nil
	})
	if errors.Is(err, &org.Error{Code: org.CodeEmailTaken}) && !invited {
		// Only this answer tells something about others, so only it is counted.
		if limited := a.spendAll(ctx, r.at(limitEmailTaken, "")); limited != nil {
			return nil, limited
		}
	}
	if err != nil {
		return nil, err
	}
	return &SignUpPayload{Session: r.begun(session)}, nil
}

// mailFirstVerification mails the link that verifies the address of a new account, unless the address has had enough mails:
// whoever wants another asks for it.
func (a *App) mailFirstVerification(ctx context.Context, tx *db.Tx, user *org.User) error {
	may, err := mayTell(ctx, tx, user, org.EventSignUp)
	if err != nil || !may {
		return err
	}
	return a.mailVerification(ctx, tx, user.ID)
}

// countSignUp counts a sign-up by where it is made. Who brings a living token that was mailed to the address is counted by that
// alone: no neighbour keeps them out, and they are told nothing of anybody else's address.
func (a *App) countSignUp(ctx context.Context, r *Request, in SignUpInput, email string) (invited bool, err error) {
	invited, err = provesAddress(ctx, a.DB.Queries, in, email)
	var refusal *org.Error
	switch {
	case err != nil && !errors.As(err, &refusal): // a dead token is refused when it has been counted
		return false, err
	case invited:
		return true, a.spend(ctx, limitSignUpProved, addressKey(email))
	}
	// Once too many taken addresses were tried from a network, it is refused whatever the address: the difference would tell.
	if err := a.exhausted(ctx, r.at(limitEmailTaken, "")); err != nil {
		return false, err
	}
	return false, a.spendAll(ctx, r.at(limitSignUp, ""))
}

// provesAddress says whether a sign-up brings a token that was mailed to its address. Then the address moves away from an account
// that never proved it. An invitation's link is not used up: joining does that.
func provesAddress(ctx context.Context, q db.Queries, in SignUpInput, email string) (proved bool, err error) {
	switch {
	case in.AddressToken != nil:
		link, err := accountLink(ctx, q, *in.AddressToken)
		if err != nil {
			return false, err
		}
		if err := link.CheckClaim(email); err != nil {
			return false, err
		}
	case in.InviteToken != nil:
		if err := checkInvited(ctx, q, *in.InviteToken, email); err != nil {
			return false, err
		}
	default:
		return false, nil
	}
	return true, nil
}

func checkInvited(ctx context.Context, q db.Queries, token, email string) error {
	link, err := q.LinkByToken(ctx, secret.Hash(token))
	if errors.Is(err, org.ErrNotFound) {
		return org.ErrInvalidLink
	}
	if err != nil {
		return err
	}
	if link.Member.Status != org.StatusInvited {
		return org.Refuse(org.CodeInvalidLink, "This link leads an account back that exists. Sign in with it, then use the link.")
	}
	if !org.SameEmail(*link.Member.Email, email) {
		return org.Refuse(org.CodeInvalidLink, "This link was sent to another address. Sign up with the address that the invitation was sent to.")
	}
	return nil
}

// releaseAddress takes an address from an account that never proved it, for whoever just has; hadIt says that they had proved
// it before.
func releaseAddress(ctx context.Context, tx *db.Tx, email string, hadIt bool) error {
	loser, err := tx.ReleaseEmail(ctx, email, hadIt)
	if err != nil || loser == "" {
		return err
	}
	return tx.AddSecurityEvent(ctx, &org.SecurityEvent{
		ID: db.NewID(db.SecurityEventID), UserID: loser, Action: org.EventAddressReleased,
		Message: "The address was taken from this account: it was never verified, and its owner has proved that it is theirs.",
	})
}

// SignInInput is what signIn takes.
type SignInInput struct {
	Email    string
	Password string
}

// SignInPayload is what signIn answers: one of the two.
type SignInPayload struct {
	Session   *SessionToken
	Challenge *SignInChallenge
}

// SignInChallenge says that the password was right and what can answer next.
type SignInChallenge struct {
	Token     string
	Methods   []org.SecondFactorMethod
	ExpiresAt time.Time
}

// challengeLife is how long a sign-in waits for its second factor.
const challengeLife = 5 * time.Minute

// SignIn checks email and password. Absent accounts cost the same as present ones and get the same answer. One that is a try
// too many gets it before anybody looks whether there is an account: it is not counted, so how long it takes could be measured
// as often as somebody likes.
func (a *App) SignIn(ctx context.Context, in SignInInput) (*SignInPayload, error) {
	r := request(ctx)
	// By one spelling, whether there is an account or not. What is typed as an address may be a secret: the key is a hash.
	key, find := addressKey(in.Email), nobody
	if email, err := org.ParseEmail("email", in.Email); err == nil { // what is no address is no account's
		key, find = addressKey(email), func(ctx context.Context) (*org.User, error) { return a.userOrNobody(ctx, email) }
	}
	c, err := a.claim(ctx, r, key)
	if err != nil {
		return nil, err
	}
	c.find = find
	encoded, err := a.tryPassword(ctx, r, c, in.Password)
	if err != nil {
		return nil, err
	}
	user := c.user
	counted, err := a.spendSignIn(ctx, r, c)
	if err != nil {
		return nil, err
	}
	payload, err := a.rightPassword(ctx, r, user, encoded, in.Password)
	if errors.Is(err, errOtherHash) {
		// A sign-in at the same moment may have hashed the same password anew; a change of it has meant to keep them out.
		if encoded, err = a.tryPassword(ctx, r, c, in.Password); err == nil {
			payload, err = a.rightPassword(ctx, r, user, encoded, in.Password)
		}
	}
	if err != nil {
		counted.forgive(ctx)
		return nil, err
	}
	return payload, nil
}

// errOtherHash refuses a sign-in whose password was compared with a hash that is the account's no more.
var errOtherHash = fmt.Errorf("the password was hashed anew: %w", org.ErrCredentials)

// rightPassword is a sign-in whose password was found right.
func (a *App) rightPassword(ctx context.Context, r *Request, user *org.User, encoded, password string) (*SignInPayload, error) {
	var err error
	newHash := ""
	if a.Passwords.NeedsRehash(encoded) {
		if newHash, err = a.hashPassword(ctx, password); err != nil {
			return nil, err
		}
	}
	factors, err := a.DB.Authenticators(ctx, user.ID)
	if err != nil {
		return nil, fmt.Errorf("find the authenticators: %w", err)
	}
	if len(factors) == 0 {
		return a.signInWithoutFactor(ctx, r, user, encoded, newHash)
	}
	return a.challenge(ctx, r, user, factors, encoded, newHash)
}

// lockSigningIn locks the account of somebody whose password was found right, if it is the account's still: a reset or a
// change meanwhile has meant to keep them out.
func lockSigningIn(ctx context.Context, tx *db.Tx, userID, encoded string) (*org.User, error) {
	user, err := tx.LockUser(ctx, userID)
	if err != nil {
		return nil, err
	}
	now, err := tx.PasswordHash(ctx, userID)
	if err != nil {
		return nil, err
	}
	switch {
	case now != encoded:
		return nil, errOtherHash
	case user.FrozenSince != nil:
		return nil, org.ErrFrozen
	}
	return user, nil
}

func (a *App) signInWithoutFactor(ctx context.Context, r *Request, user *org.User, encoded, newHash string) (*SignInPayload, error) {
	var session *SessionToken
	err := a.account(ctx, func(tx *db.Tx) (*org.SecurityEvent, error) {
		locked, err := lockSigningIn(ctx, tx, user.ID, encoded)
		if err != nil {
			return nil, err
		}
		if locked.Compliant() {
			// An authenticator was confirmed since we looked: this sign-in must prove it.
			return nil, org.Refuse(org.CodeConflict, "The account has just got a second factor. Sign in again.")
		}
		if newHash != "" {
			if err := tx.SetPasswordHash(ctx, user.ID, newHash); err != nil {
				return nil, err
			}
		}
		if session, err = a.begin(ctx, tx, r, org.ViaSignIn, org.ByPassword, user.ID); err != nil {
			return nil, err
		}
		return event(user.ID, r, org.EventSignIn, "Signed in with the password."), nil
	})
	if err != nil {
		return nil, err
	}
	return &SignInPayload{Session: r.begun(session)}, nil
}

func (a *App) challenge(ctx context.Context, r *Request, user *org.User, factors []*org.Authenticator, encoded, newHash string) (*SignInPayload, error) {
	token := secret.NewToken()
	c := &db.Challenge{ID: db.NewID(db.ChallengeID), UserID: user.ID, ExpiresAt: a.Now().Add(challengeLife)}
	err := a.account(ctx, func(tx *db.Tx) (*org.SecurityEvent, error) {
		if _, err := lockSigningIn(ctx, tx, user.ID, encoded); err != nil {
			return nil, err
		}
		if newHash != "" {
			if err := tx.SetPasswordHash(ctx, user.ID, newHash); err != nil {
				return nil, err
			}
		}
		if err := tx.CreateChallenge(ctx, c, secret.Hash(token)); err != nil {
			return nil, err
		}
		return event(user.ID, r, org.EventChallenge, "Gave the right password and was asked for a second factor."), nil
	})
	if err != nil {
		return nil, err
	}
	payload := &SignInPayload{Challenge: &SignInChallenge{Token: token, ExpiresAt: c.ExpiresAt}}
	phone := ""
	off, err := a.DB.CodesOff(ctx, user.ID)
	if err != nil {
		return nil, fmt.Errorf("ask whether codes are taken: %w", err)
	}
	for _, f := range org.LastUsedFirst(factors) {
		if !slices.Contains(a.AuthenticatorKinds(), f.Kind) {
			continue // nothing can be sent to it, or asked of it
		}
		if off && f.Kind != org.KindSecurityKey {
			continue // its codes are taken no more
		}
		method := org.SecondFactorMethod(f.Kind)
		if !slices.Contains(payload.Challenge.Methods, method) {
			payload.Challenge.Methods = append(payload.Challenge.Methods, method)
		}
		if f.Kind == org.KindPhone {
			phone = f.ID
		}
	}
	if len(payload.Challenge.Methods) == 1 && phone != "" && a.Texter != nil {
		// Nothing else can answer, so the code is sent without being asked for. Where it cannot be sent the phone cannot
		// answer, and sendSecondFactorCode says why; the recovery codes still work.
		if _, err := a.sendCode(ctx, r, user.ID, phone, &c.ID); err != nil {
			a.Log.WarnContext(ctx, "a sign-in code was not sent", "err", err)
			payload.Challenge.Methods = nil
		}
	}
	payload.Challenge.Methods = append(payload.Challenge.Methods, org.MethodRecoveryCode)
	return payload, nil
}

// SignOutInput is what signOut takes.
type SignOutInput struct{ Everywhere bool }

// SignOutPayload is what signOut answers.
type SignOutPayload struct{ Ok bool }

// SignOut ends the session, or all sessions of the account.
func (a *App) SignOut(ctx context.Context, in SignOutInput) (*SignOutPayload, error) {
	r, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.session.CheckSession(); err != nil {
		return nil, err
	}
	if in.Everywhere {
		if err := r.session.CheckHolder(); err != nil {
			return nil, err
		}
	}
	err = a.account(ctx, func(tx *db.Tx) (*org.SecurityEvent, error) {
		message := "Signed out."
		if in.Everywhere {
			message = "Signed out of all sessions."
			// Whoever ends several sessions holds the account, so that two who do never wait in a circle.
			if _, err := tx.LockUser(ctx, r.session.User.ID); err != nil {
				return nil, err
			}
			if err := tx.EndOtherSessions(ctx, r.session.User.ID, r.session.ID); err != nil {
				return nil, err
			}
		}
		if err := tx.EndSession(ctx, r.session.ID); err != nil {
			return nil, err
		}
		return event(r.session.User.ID, r, org.EventSignOut, message), nil
	})
	if err != nil {
		return nil, err
	}
	r.session = nil
	r.setCookie("")
	return &SignOutPayload{Ok: true}, nil
}

func (a *App) hashPassword(ctx context.Context, password string) (string, error) {
	hash, err := a.Passwords.Hash(ctx, request(ctx).place(), password)
	if err != nil {
		return "", notLookedAt(ctx, err)
	}
	return hash, nil
}

// notLookedAt is why a password was not hashed: there was no room for it, or the request's time was over while it waited for its
// turn. Both are refusals for now, and not the fault of what was asked.
func notLookedAt(ctx context.Context, err error) error {
	if errors.Is(err, secret.ErrBusy) || errors.Is(err, context.Cause(ctx)) {
		return &org.Error{Code: org.CodeRateLimited, RetryAfter: 5 * time.Second, Message: "Too many people are signing in at once. Try again in a few seconds."}
	}
	return fmt.Errorf("hash the password: %w", err)
}
