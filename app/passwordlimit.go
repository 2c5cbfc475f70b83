package app

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"muster/db"
	"muster/org"
)

// The budgets of passwords, wrong ones first. What is counted by account is counted by its address, as for one that is not
// there, since the difference would tell.
var (
	limitPassword = limit{
		"password",
		db.Limit{Hits: 10, Window: 15 * time.Minute},
		db.Limit{Hits: 30, Window: 24 * time.Hour},
		"Too many wrong passwords.",
	}
	limitPasswordKnown = limit{
		"password-known",
		db.Limit{Hits: 20, Window: 15 * time.Minute},
		db.Limit{Hits: 100, Window: 24 * time.Hour},
		"Too many wrong passwords.",
	}
	limitPasswordNetwork = limit{
		"password-network",
		db.Limit{Hits: 100, Window: 15 * time.Minute},
		db.Limit{Hits: 1000, Window: 24 * time.Hour},
		"Too many wrong passwords from your network.",
	}
	// From all networks together, but for the browsers and programs that the account knows (NIST SP 800-63B-4 section 3.2.2: no
	// more than a hundred, and those are how it keeps a guesser from locking the owner out).
	limitPasswordAccount = limit{
		"password-account",
		db.Limit{Hits: 50, Window: 15 * time.Minute},
		db.Limit{Hits: 100, Window: 24 * time.Hour},
		"Too many wrong passwords for this account. A browser that has signed in to it before may go on, a passkey works, and so does a new password by mail.",
	}
	limitPasswordWarning = limit{
		"password-warning",
		db.Limit{Hits: 1, Window: 24 * time.Hour},
		db.Limit{Hits: 1, Window: 24 * time.Hour},
		"The account was warned today.",
	}
	// Right ones, by account and block, or by account and browser where the account knows it.
	limitSignIn = limit{
		"sign-in",
		db.Limit{Hits: 30, Window: 15 * time.Minute},
		db.Limit{Hits: 100, Window: 24 * time.Hour},
		"Too many sign-ins to this account. A program should use an API token.",
	}
	limitSignInAccount = limit{
		"sign-in-account",
		db.Limit{Hits: 60, Window: 15 * time.Minute},
		db.Limit{Hits: 100, Window: 24 * time.Hour},
		"Too many sign-ins to this account from browsers and programs that it does not know. One that has signed in to it before may go on.",
	}
)

// claimed is the account that somebody gives a password for, which may not be there, and how well it knows them.
type claimed struct {
	key     string // what its passwords are counted by
	browser string // by which the account knows the browser, "" where it does not
	known   bool   // whether it knows the browser, or the program in this network
	// find looks the account up, which nobody does before a try is counted; user is what it has found.
	find func(ctx context.Context) (*org.User, error)
	user *org.User
}

// look finds the account.
func (c *claimed) look(ctx context.Context) (err error) {
	if c.user == nil {
		c.user, err = c.find(ctx)
	}
	return err
}

// nobody has no account: what is asked about them finds nothing, by the same statements as of somebody.
func nobody(context.Context) (*org.User, error) { return &org.User{ID: db.NewID(db.UserID)}, nil }

// userOrNobody is who has an address.
func (a *App) userOrNobody(ctx context.Context, email string) (*org.User, error) {
	user, err := a.DB.UserByEmail(ctx, email)
	if errors.Is(err, org.ErrNotFound) {
		return nobody(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("find the account: %w", err)
	}
	return user, nil
}

// passwordKey is what an account's passwords are counted by.
func passwordKey(user *org.User) string {
	if user.Email == nil {
		return user.ID
	}
	return addressKey(*user.Email)
}

// claim looks up how well the account that passwords are counted by key for knows who asks. It looks at what they send and not at
// the account: for a stranger there is nothing to find, whether the account is there or not.
func (a *App) claim(ctx context.Context, r *Request, key string) (*claimed, error) {
	c, hashes := &claimed{key: key}, r.deviceHashes()
	program := a.program(r, key)
	if !r.Browser {
		hashes = append(hashes, program)
	}
	devices, err := a.DB.Devices(ctx, hashes)
	if err != nil {
		return nil, fmt.Errorf("look for an earlier sign-in: %w", err)
	}
	for _, device := range devices {
		if passwordKey(&org.User{ID: device.UserID, Email: device.Email}) != key {
			continue // of somebody else who uses the browser
		}
		c.known = true
		if c.browser == "" && !slices.Equal(device.TokenHash, program) {
			c.browser = hex.EncodeToString(device.TokenHash)
		}
	}
	r.known = c.browser != ""
	return c, nil
}

// tally is what a try has been counted by.
type tally struct {
	app  *App
	hits []hit
}

// spend counts also for a caller who has gone meanwhile: whether a hit was counted has to be known, to take it back.
func (t *tally) spend(ctx context.Context, hits ...hit) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), bookkeeping)
	defer cancel()
	for _, h := range hits {
		if err := t.app.spend(ctx, h.limit, h.key); err != nil {
			return err
		}
		t.hits = append(t.hits, h)
	}
	return nil
}

func (t *tally) forgive(ctx context.Context) { t.app.forgiveAll(ctx, t.hits) }

// spendPassword counts a try of a password: by network, by account and network, and by account. Where that is used up,
// a browser that the account knows, which its device cookie says, has a budget of its own that nobody else can spend: an
// attacker cannot lock a victim out. A try that is refused has been counted by nothing: nobody looks at it, so it is no wrong
// password, and a program that goes on with an old one does not use up what its whole network has.
func (a *App) spendPassword(ctx context.Context, r *Request, c *claimed) (*tally, error) {
	t := &tally{app: a}
	err := t.spend(ctx, r.at(limitPasswordNetwork, "")...)
	if err == nil {
		err = t.spend(ctx, r.at(limitPassword, c.key+" ")...)
	}
	if err == nil && !c.known {
		if err = t.spend(ctx, hit{limitPasswordAccount, c.key}); limited(err) {
			err = a.warnOfPasswords(ctx, r, c, "Too many wrong passwords were tried for your account, from several networks. None was right. For a "+
				"while only browsers that you have signed in with before, passkeys and a new password by mail get in.", err)
		}
	}
	if limited(err) && c.browser != "" {
		err = t.spend(ctx, hit{limitPasswordKnown, c.key + " " + c.browser})
	}
	if err != nil {
		t.forgive(ctx)
		return nil, err
	}
	return t, nil
}

// tryPassword compares a password, having counted the try, and gives the hash that it was found right by. Only a wrong one stays
// counted: one that was not looked at was no guess.
func (a *App) tryPassword(ctx context.Context, r *Request, c *claimed, password string) (encoded string, err error) {
	tries, err := a.spendPassword(ctx, r, c)
	if err != nil {
		return "", err
	}
	if err = c.look(ctx); err == nil {
		encoded, err = a.DB.PasswordHash(ctx, c.user.ID)
	}
	if err != nil {
		tries.forgive(ctx)
		return "", fmt.Errorf("find the credentials: %w", err)
	}
	ok, err := a.Passwords.Verify(ctx, r.place(), encoded, password)
	if err == nil && !ok {
		return "", org.ErrCredentials
	}
	tries.forgive(ctx)
	if err != nil {
		return "", notLookedAt(ctx, err)
	}
	return encoded, nil
}

// checkPassword is tryPassword for an account that is there.
func (a *App) checkPassword(ctx context.Context, r *Request, user *org.User, password string) (encoded string, err error) {
	c, err := a.claim(ctx, r, passwordKey(user))
	if err != nil {
		return "", err
	}
	c.user = user
	return a.tryPassword(ctx, r, c, password)
}

// spendSignIn counts a sign-in whose password was right, which is nothing that tells who does not know it: each writes to the
// account's log. An owner's own browser is not kept out by what a thief of the password does.
func (a *App) spendSignIn(ctx context.Context, r *Request, c *claimed) (*tally, error) {
	t := &tally{app: a}
	if c.browser != "" {
		return t, t.spend(ctx, hit{limitSignIn, c.key + " " + c.browser})
	}
	err := t.spend(ctx, hit{limitSignIn, c.key + " " + r.block()})
	if err == nil && !c.known {
		if err = t.spend(ctx, hit{limitSignInAccount, c.key}); limited(err) {
			err = a.warnOfPasswords(ctx, r, c, "Somebody signs in again and again with your password, from browsers that you have not used before. If that is "+
				"not you, change your password.", err)
		}
	}
	if err != nil { // nobody was signed in
		t.forgive(ctx)
		return nil, err
	}
	return t, nil
}

// warnOfPasswords tells the owner of an account, once a day, that one of its budgets is used up, and gives the refusal. Nobody is
// told by it that there is an account: for one that is not there the same statements find nothing to do.
func (a *App) warnOfPasswords(ctx context.Context, r *Request, c *claimed, message string, refusal error) error {
	switch err := a.spend(ctx, limitPasswordWarning, c.key); {
	case limited(err):
		return refusal
	case err != nil:
		return err
	}
	if err := c.look(ctx); err != nil {
		return err
	}
	err := a.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := tx.AddSecurityEventIfThere(ctx, event(c.user.ID, r, org.EventPasswordsExhausted, message)); err != nil {
			return fmt.Errorf("write the account's log: %w", err)
		}
		return tx.Enqueue(ctx, accountMail(r, c.user.ID, message, a.Now()))
	})
	if err != nil {
		return fmt.Errorf("warn the owner of an account: %w", err)
	}
	return refusal
}
