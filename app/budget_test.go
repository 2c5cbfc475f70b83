package app

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"

	"muster/app/provider"
	"muster/db"
	"muster/org"
)

// anybody is a request of nobody who is signed in.
func (a *App) anybody(t *testing.T) *Request {
	t.Helper()
	ctx, _, err := a.Authenticate(t.Context(), &Request{IPAddress: "203.0.113.7", UserAgent: "test"})
	must(t, err)
	return request(ctx)
}

// An account does not flood an address that it has not proved: twenty mails an hour whatever they are about, one of them the
// mail that verifies it, while the account's log tells of every change.
func TestMailToAnUnprovedAddressIsBounded(t *testing.T) {
	t.Parallel()
	a, admin := open(t, "")
	una, user := a.person(t, "una", true)
	const mails = `SELECT count(*) FROM river_job WHERE kind = 'mail' AND args->>'template' IN ('alert', 'verify')`
	for range 25 {
		_, err := a.RegenerateRecoveryCodes(una, RegenerateRecoveryCodesInput{})
		must(t, err)
	}
	if n := count(t, admin, mails); n != 20 {
		t.Errorf("%d mails were sent, want 20", n)
	}
	if n := count(t, admin, `SELECT count(*) FROM security_events WHERE user_id = $1 AND action = 'user.recovery-codes-regenerated'`, user.ID); n != 25 {
		t.Errorf("the log tells of %d changes, want 25", n)
	}
	// Nor does the next account that claims the address begin anew.
	next := &org.User{ID: user.ID, Email: ptr("UNA@example.com")}
	a.tx(t, func(tx *db.Tx) error { return a.mailFirstVerification(t.Context(), tx, next) })
	if n := count(t, admin, mails); n != 20 {
		t.Errorf("%d mails were sent after a sign-up, want 20", n)
	}
	if _, err := a.RequestEmailVerification(una, RequestEmailVerificationInput{}); !errors.Is(err, &org.Error{Code: org.CodeRateLimited}) {
		t.Errorf("asking for another: %v, want RATE_LIMITED", err)
	}
}

// Each kind of change has a budget of mails of its own, which no other uses up. A change whose mail may not go is refused; what
// only befalls the account is written down, and no mail goes.
func TestMailsOfOneKindDoNotKeepBackAnother(t *testing.T) {
	t.Parallel()
	a, _ := open(t, "")
	_, user := a.person(t, "vera", true)
	user.EmailVerified = ptr(true)
	for action, refused := range map[string]int{
		org.EventRecoveryRegenerated: 10, org.EventPasswordChanged: 10, org.EventAuthenticatorRenamed: 10, org.EventTokenCreated: 10,
		org.EventAuthenticatorRemoved: 10, org.EventAuthenticatorAdded: 10, org.EventEmailChanged: 10, org.EventSSOLinked: 10,
		org.EventKeyCounter: 0, org.EventNewSignIn: 0, org.EventGuessesExhausted: 0, org.EventCodesOff: 0,
	} {
		told, no := 0, 0
		for range 30 {
			a.tx(t, func(tx *db.Tx) error {
				may, err := mayTell(t.Context(), tx, user, action)
				if may {
					told++
				}
				if errors.Is(err, &org.Error{Code: org.CodeRateLimited}) {
					no++
					return nil
				}
				return err
			})
		}
		if told != 20 || no != refused {
			t.Errorf("%s: %d of 30 were told and %d refused, want 20 and %d", action, told, no, refused)
		}
	}
}

// A provider's word switches codes of the account itself not on again: whoever has a tenant has a provider.
func TestProviderForgetsNoWrongCodes(t *testing.T) {
	t.Parallel()
	c := newCast(t)
	a, id := c.app, c.compliantPerson.ID
	for range 3 {
		_, err := a.DB.TryCode(t.Context(), id, mostCodes)
		must(t, err)
	}
	begin := func(via *org.Route, by org.SignInMethod, organizationID string) int {
		a.tx(t, func(tx *db.Tx) error {
			_, err := a.beginAt(t.Context(), tx, a.anybody(t), via, by, id, organizationID)
			return err
		})
		return count(t, c.admin, `SELECT coalesce(sum(tries), 0) FROM wrong_codes WHERE user_id = $1`, id)
	}
	if n := begin(org.ViaProvider, org.ByProviderFactor, c.organizationID); n != 3 {
		t.Errorf("after a sign-in at the provider %d wrong codes are counted, want 3", n)
	}
	if n := begin(org.ViaSecondFactor, org.ByTOTP, ""); n != 0 {
		t.Errorf("after the account's own factor %d wrong codes are counted, want none", n)
	}
}

// An owner leaves only by a fresh session.
func TestOwnerLeavesByAFreshSession(t *testing.T) {
	t.Parallel()
	c := newCast(t)
	_, user := c.app.person(t, "otto", true)
	c.app.member(t, c.organizationID, user, org.RoleOwner)
	if _, err := c.admin.Exec(t.Context(), `UPDATE sessions SET fresh_at = now() - interval '11 minutes'`); err != nil {
		t.Fatal(err)
	}
	_, err := c.app.LeaveOrganization(c.app.as(t, "otto"), LeaveOrganizationInput{OrganizationID: c.organizationID})
	if !errors.Is(err, &org.Error{Code: org.CodeStepUpRequired}) {
		t.Errorf("eleven minutes later: %v, want STEP_UP_REQUIRED", err)
	}
	if _, err := c.admin.Exec(t.Context(), `UPDATE sessions SET fresh_at = now()`); err != nil {
		t.Fatal(err)
	}
	_, err = c.app.LeaveOrganization(c.app.as(t, "otto"), LeaveOrganizationInput{OrganizationID: c.organizationID})
	must(t, err)
}

// A personal token is no session that endSession ends.
func TestEndSessionKeepsOffTokens(t *testing.T) {
	t.Parallel()
	a, admin := open(t, "")
	tom, _ := a.person(t, "tom", true)
	made, err := a.CreatePersonalToken(tom, CreatePersonalTokenInput{Name: "Script", Scopes: []string{org.ScopeMembersRead}})
	must(t, err)
	if _, err := a.EndSession(tom, EndSessionInput{SessionID: made.PersonalToken.ID}); !errors.Is(err, org.ErrNotFound) {
		t.Errorf("got %v, want NOT_FOUND", err)
	}
	if n := count(t, admin, `SELECT count(*) FROM security_events WHERE action = 'user.sessions-ended'`); n != 0 {
		t.Errorf("the log tells of %d sessions that ended", n)
	}
}

// What an account keeps is not shown at an organization's provider, nor to a token.
func TestProviderAndTokenSeeNoAddressToBe(t *testing.T) {
	t.Parallel()
	c := newCast(t)
	a, id := c.app, c.compliantPerson.ID
	token, err := a.CreatePersonalToken(a.as(t, "cora"), CreatePersonalTokenInput{Name: "Script", Scopes: []string{org.ScopeMembersRead}})
	must(t, err)
	var provided *SessionToken
	a.tx(t, func(tx *db.Tx) error {
		if _, err := a.offerLink(t.Context(), tx, id, org.PurposeChange, "new@example.com"); err != nil {
			return err
		}
		provided, err = a.beginAt(t.Context(), tx, a.anybody(t), org.ViaProvider, org.ByProvider, id, c.organizationID)
		return err
	})
	for name, test := range map[string]struct {
		bearer string
		shown  bool
	}{"the account's own": {"cora", true}, "the provider's": {provided.Token, false}, "a token": {token.Token, false}} {
		ctx := a.as(t, test.bearer)
		email, err := a.PendingEmail(ctx, id)
		must(t, err)
		at, err := a.PasswordChangedAt(ctx, id)
		must(t, err)
		if (email != nil) != test.shown || (at != nil) != test.shown {
			t.Errorf("%s session sees %v and %v", name, email, at)
		}
	}
}

// Linking another identity ends what the one before had opened.
func TestLinkingEndsTheProvidersSessions(t *testing.T) {
	t.Parallel()
	a, admin := open(t, "")
	lena, user := a.person(t, "lena", true)
	made, err := a.CreateOrganization(lena, CreateOrganizationInput{Slug: "acme", Name: "Acme"})
	must(t, err)
	o := made.Organization
	sso := &org.SSO{Issuer: "https://login.example.com", ClientID: "muster"}
	a.tx(t, func(tx *db.Tx) error {
		if err := tx.ConnectSSO(t.Context(), o.ID, sso, []byte("sealed")); err != nil {
			return err
		}
		if err := tx.LinkIdentity(t.Context(), o.ID, sso.Issuer, "old", user.ID); err != nil {
			return err
		}
		_, err := a.beginAt(t.Context(), tx, a.anybody(t), org.ViaProvider, org.ByProvider, user.ID, o.ID)
		return err
	})
	must(t, a.linkIdentity(lena, o, sso, &provider.Identity{Subject: "new"}, request(lena).session.ID))
	if n := count(t, admin, `SELECT count(*) FROM sessions WHERE organization_id IS NOT NULL AND ended_at IS NULL`); n != 0 {
		t.Errorf("%d sessions of the old identity live on", n)
	}
	if n := count(t, admin, `SELECT count(*) FROM sessions WHERE ended_at IS NULL`); n != 1 {
		t.Errorf("%d sessions live on, want the one that linked", n)
	}
}

// A mailbox is proved only via a route that takes it.
func TestMailboxIsProvedByTheTable(t *testing.T) {
	t.Parallel()
	a, _ := open(t, "")
	rita, _ := a.person(t, "rita", false)
	for _, via := range org.Routes {
		if via == org.ViaAcceptInvite {
			continue
		}
		a.tx(t, func(tx *db.Tx) error {
			if _, err := a.proveMailbox(t.Context(), tx, request(rita), via, "mem_nothing", nil); err == nil {
				t.Errorf("a mailbox is proved via %s", via.Name)
			}
			return nil
		})
	}
}

// An API token is made only via a route that makes them.
func TestTokensAreMadeByTheTable(t *testing.T) {
	t.Parallel()
	a, _ := open(t, "")
	rita, _ := a.person(t, "rita", false)
	for _, via := range org.Routes {
		a.tx(t, func(tx *db.Tx) error {
			token, err := a.newToken("One", []string{"audit:read"}, nil)
			if err == nil {
				err = a.createToken(t.Context(), tx, request(rita), via, token, via.Name)
			}
			if made := err == nil; made != (via == org.ViaPersonalToken || via == org.ViaServiceToken) {
				t.Errorf("made via %s: %v", via.Name, err)
			}
			return nil
		})
	}
}

// A password that waited for its turn until the request's time was over is refused for now, as one for which there is no room;
// another failure is none of that.
func TestWaitingTooLongIsForNow(t *testing.T) {
	t.Parallel()
	a, _ := open(t, "")
	late := errors.New("the operation took too long")
	ctx, cancel := context.WithTimeoutCause(t.Context(), -time.Second, late)
	defer cancel()
	var refusal *org.Error
	if _, err := a.hashPassword(ctx, "a long password"); !errors.As(err, &refusal) || refusal.Code != org.CodeRateLimited || refusal.RetryAfter != 5*time.Second {
		t.Errorf("a password that waited too long: %v", err)
	}
	if err := notLookedAt(t.Context(), late); errors.As(err, &refusal) && refusal.Code == org.CodeRateLimited {
		t.Errorf("another failure: %v", err)
	}
}

// Several sign-ins at once, whose password is hashed anew, all succeed.
func TestRehashRefusesNobody(t *testing.T) {
	t.Parallel()
	a, admin := open(t, "")
	_, user := a.person(t, "rosa", false)
	const password = "a long password"
	salt := []byte("0123456789abcdef")
	encode := base64.RawStdEncoding.EncodeToString
	old := fmt.Sprintf("$argon2id$v=19$m=7168,t=5,p=1$%s$%s", encode(salt), encode(argon2.IDKey([]byte(password), salt, 5, 7168, 1, 32)))
	if !a.Passwords.NeedsRehash(old) {
		t.Fatal("the hash is as new ones are")
	}
	if _, err := admin.Exec(t.Context(), `UPDATE credentials SET password_hash = $1`, old); err != nil {
		t.Fatal(err)
	}
	// One has compared the password, then another has hashed it anew.
	_, err := a.rightPassword(t.Context(), a.anybody(t), user, "another hash", password)
	if !errors.Is(err, org.ErrCredentials) {
		t.Fatalf("a hash that is not the account's: %v", err)
	}
	var done sync.WaitGroup
	for i := range 6 {
		done.Go(func() {
			ctx, _, err := a.Authenticate(t.Context(), &Request{IPAddress: fmt.Sprintf("203.0.%d.7", i), UserAgent: "test"})
			if err == nil {
				_, err = a.SignIn(ctx, SignInInput{Email: *user.Email, Password: password})
			}
			if err != nil {
				t.Errorf("sign-in %d: %v", i, err)
			}
		})
	}
	done.Wait()
	if hash, err := a.DB.PasswordHash(t.Context(), user.ID); err != nil || hash == old {
		t.Errorf("the password was not hashed anew: %v", err)
	}
}

// Notices to an address that is not proved are bounded apart from alerts; a proved one hears of everything.
func TestNoticesToAnUnprovedAddressAreBounded(t *testing.T) {
	t.Parallel()
	a, admin := open(t, "")
	una, user := a.person(t, "una", true)
	made, err := a.CreateOrganization(una, CreateOrganizationInput{Slug: "acme", Name: "Acme"})
	must(t, err)
	m, err := a.ViewerIn(una, made.Organization.ID)
	must(t, err)
	jobs := []MailJob{
		{Template: templateAccount, UserID: user.ID, What: "Something."},
		{Template: templateSecurity, MemberID: m.ID, What: "Something."},
		{Template: templateMembership, MemberID: m.ID, What: "Something."},
	}
	sent := func() (n int) {
		for i := range 30 {
			switch _, err := a.compose(t.Context(), "mail", jobs[i%len(jobs)]); {
			case err == nil:
				n++
			case !errors.Is(err, errNoMail):
				t.Fatal(err)
			}
		}
		return n
	}
	if n := sent(); n != 20 {
		t.Errorf("%d of 30 notices were sent, want 20", n)
	}
	a.tx(t, func(tx *db.Tx) error {
		if may, err := mayTell(t.Context(), tx, user, org.EventPasswordChanged); err != nil || !may {
			t.Errorf("notices have used up what tells of a new password: %v", err)
		}
		return nil
	})
	if _, err := admin.Exec(t.Context(), `UPDATE users SET email_verified_at = now()`); err != nil {
		t.Fatal(err)
	}
	if n := sent(); n != 30 {
		t.Errorf("%d of 30 notices were sent to a proved address", n)
	}
}

// Accounts that want an address do not flood it, and none is told that it has had enough.
func TestMailsOfAWishedAddressAreBounded(t *testing.T) {
	t.Parallel()
	a, admin := open(t, "")
	for i := range 5 {
		ctx, _ := a.person(t, fmt.Sprintf("stranger%d", i), false)
		for range 5 {
			_, err := a.ChangeEmail(ctx, ChangeEmailInput{NewEmail: "own@example.com"})
			must(t, err)
		}
	}
	if n := count(t, admin, `SELECT count(*) FROM river_job WHERE args->>'template' = 'change-email'`); n != 20 {
		t.Errorf("%d mails were sent, want 20", n)
	}
	if n := count(t, admin, `SELECT count(*) FROM security_events WHERE action = 'user.email-change-requested'`); n != 25 {
		t.Errorf("the logs tell of %d wishes, want 25", n)
	}
}
