package app

import (
	"context"
	"crypto/hmac"
	"errors"
	"fmt"
	"slices"
	"time"

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
	name, err := org.ParseName("name", in.Name, 100)
	if err != nil {
		return nil, err
	}
	if err := org.CheckPassword("password", in.Password, &org.User{Name: name, Email: &email}, secret.CommonPassword); err != nil {
		return nil, err
	}
	// Once too many taken addresses were tried from a network, it is refused whatever the address: the difference would tell.
	if err := a.exhausted(ctx, limitEmailTaken, r.network()); err != nil {
		return nil, err
	}
	if err := a.spend(ctx, limitSignUp, r.network()); err != nil {
		return nil, err
	}
	hash, err := a.hashPassword(ctx, in.Password)
	if err != nil {
		return nil, err
	}
	user := &org.User{ID: db.NewID(db.UserID), Name: name, Email: &email}
	var session *SessionToken
	err = a.account(ctx, func(tx *db.Tx) (*org.SecurityEvent, error) {
		proved, err := proveAddress(ctx, tx, in, email)
		if err != nil {
			return nil, err
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
	if errors.Is(err, &org.Error{Code: org.CodeEmailTaken}) {
		// Only this answer tells something about others, so only it is counted.
		if limited := a.spend(ctx, limitEmailTaken, r.network()); limited != nil {
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

// proveAddress says whether a sign-up brings a token that was mailed to its address. If so, the address moves away from an
// account that never proved it. An invitation's link is not used up: joining does that.
func proveAddress(ctx context.Context, tx *db.Tx, in SignUpInput, email string) (proved bool, err error) {
	switch {
	case in.AddressToken != nil:
		link, err := accountLink(ctx, tx.Queries, *in.AddressToken)
		if err != nil {
			return false, err
		}
		if err := link.CheckClaim(email); err != nil {
			return false, err
		}
	case in.InviteToken != nil:
		if err := checkInvited(ctx, tx, *in.InviteToken, email); err != nil {
			return false, err
		}
	default:
		return false, nil
	}
	return true, releaseAddress(ctx, tx, email, false)
}

func checkInvited(ctx context.Context, tx *db.Tx, token, email string) error {
	link, err := tx.LinkByToken(ctx, secret.Hash(token))
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

// SignIn checks email and password. Absent accounts cost the same as present ones and get the same answer.
func (a *App) SignIn(ctx context.Context, in SignInInput) (*SignInPayload, error) {
	r := request(ctx)
	var user *org.User
	// By one spelling, whether there is an account or not. What is typed as an address may be a secret: the key is a hash.
	key := addressKey(in.Email)
	if email, err := org.ParseEmail("email", in.Email); err == nil { // what is no address is no account's
		key = addressKey(email)
		user, err = a.DB.UserByEmail(ctx, email)
		if err != nil && !errors.Is(err, org.ErrNotFound) {
			return nil, fmt.Errorf("find the account: %w", err)
		}
	}
	forgive, err := a.spendPassword(ctx, user, key, r)
	if err != nil {
		return nil, err
	}
	encoded := ""
	if user != nil {
		if encoded, err = a.DB.PasswordHash(ctx, user.ID); err != nil {
			return nil, fmt.Errorf("find the credentials: %w", err)
		}
	}
	ok, err := a.Passwords.Verify(ctx, encoded, in.Password)
	if errors.Is(err, secret.ErrBusy) {
		return nil, errBusy()
	}
	if err != nil {
		return nil, fmt.Errorf("verify the password: %w", err)
	}
	if !ok || user == nil {
		return nil, org.ErrCredentials
	}
	forgive()
	payload, err := a.rightPassword(ctx, r, user, encoded, in.Password)
	if !errors.Is(err, errOtherHash) {
		return payload, err
	}
	// A sign-in at the same moment may have hashed the same password anew; a change of it has meant to keep them out.
	if encoded, err = a.DB.PasswordHash(ctx, user.ID); err != nil {
		return nil, fmt.Errorf("find the credentials: %w", err)
	}
	ok, err = a.Passwords.Verify(ctx, encoded, in.Password)
	switch {
	case errors.Is(err, secret.ErrBusy):
		return nil, errBusy()
	case err != nil:
		return nil, fmt.Errorf("verify the password: %w", err)
	case !ok:
		return nil, org.ErrCredentials
	}
	return a.rightPassword(ctx, r, user, encoded, in.Password)
}

// errOtherHash refuses a sign-in whose password was compared with a hash that is the account's no more.
var errOtherHash = fmt.Errorf("the password was hashed anew: %w", org.ErrCredentials)

// rightPassword is a sign-in whose password was found right.
func (a *App) rightPassword(ctx context.Context, r *Request, user *org.User, encoded, password string) (*SignInPayload, error) {
	if user.FrozenSince != nil {
		return nil, org.ErrFrozen
	}
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
	for _, f := range factors {
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
		a.forgiveText(ctx, r, textToProve, c.UserID, proof.authenticatorID)
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
		id, ok, err := a.checkPhoneCode(ctx, f.ID, challengeID, code)
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
func (a *App) checkPhoneCode(ctx context.Context, authenticatorID string, challengeID *string, code string) (id string, ok bool, err error) {
	sent, err := a.DB.GuessPhoneCode(ctx, authenticatorID, challengeID)
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
	var forgive func()
	if user.Compliant() {
		if err := org.CheckOneAnswer(in.Code != nil, in.Credential != nil); err != nil {
			return nil, err
		}
		if forgive, err = a.spendAnswer(ctx, r, user.ID, in.Code); err != nil {
			return nil, err
		}
		if used, err = a.checkAnswer(ctx, r, user.ID, nil, in.Code, in.Credential); err != nil {
			return nil, err
		}
		if used.recovery != nil {
			return nil, org.ErrInvalidCode
		}
		err = a.prove(ctx, r, user.ID, used, func(tx *db.Tx, _ *org.User, message string) (*org.SecurityEvent, error) {
			return finish(tx, message, used.by)
		})
	} else {
		if in.Password == nil {
			return nil, org.BadInput("password", "This account has no second factor: send its password.")
		}
		if _, forgive, err = a.checkPassword(ctx, r, user, *in.Password); err != nil {
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
	forgive()
	if used != nil && used.phoneCodeID != "" {
		a.forgiveText(ctx, r, textToProve, user.ID, used.authenticatorID)
	}
	if err := a.raised(ctx, r, cookie); err != nil {
		return nil, err
	}
	return &ConfirmIdentityPayload{FreshUntil: r.session.FreshAt.Add(a.StepUp)}, nil
}

// checkPassword compares the password of an account, having counted the try, and gives the hash that it was found right by.
func (a *App) checkPassword(ctx context.Context, r *Request, user *org.User, password string) (encoded string, forgive func(), err error) {
	forgive, err = a.spendPassword(ctx, user, passwordKey(user), r)
	if err != nil {
		return "", nil, err
	}
	encoded, err = a.DB.PasswordHash(ctx, user.ID)
	if err != nil {
		return "", nil, fmt.Errorf("find the credentials: %w", err)
	}
	ok, err := a.Passwords.Verify(ctx, encoded, password)
	switch {
	case errors.Is(err, secret.ErrBusy):
		return "", nil, errBusy()
	case err != nil:
		return "", nil, fmt.Errorf("verify the password: %w", err)
	case !ok:
		return "", nil, org.ErrCredentials
	}
	return encoded, forgive, nil
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
	hash, err := a.Passwords.Hash(ctx, password)
	if errors.Is(err, secret.ErrBusy) {
		return "", errBusy()
	}
	if err != nil {
		return "", fmt.Errorf("hash the password: %w", err)
	}
	return hash, nil
}

func errBusy() error {
	return &org.Error{Code: org.CodeRateLimited, RetryAfter: 5 * time.Second, Message: "Too many people are signing in at once. Try again in a few seconds."}
}
