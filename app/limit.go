package app

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"time"

	"muster/db"
	"muster/org"
	"muster/secret"
)

// limit is a budget of hits by key. Two windows each: the long one keeps a patient guesser out.
type limit struct {
	name        string
	short, long db.Limit
	message     string
}

// The budgets. Where RULES of the field give numbers they are theirs: five guesses in five minutes and ten in an hour for
// codes (NIST SP 800-63B-4 section 3.2.2 bounds them at a hundred in all).
var (
	limitGuess = limit{
		"guess",
		db.Limit{Hits: 5, Window: 5 * time.Minute},
		db.Limit{Hits: 10, Window: time.Hour},
		"Too many wrong codes.",
	}
	limitRecovery = limit{
		"recovery",
		db.Limit{Hits: 5, Window: 5 * time.Minute},
		db.Limit{Hits: 10, Window: time.Hour},
		"Too many wrong recovery codes.",
	}
	// Of an authenticator that is being set up. There is nothing to guess: its session was shown the seed, a phone's code has five
	// tries, a key's challenge one. So whoever knows the password keeps nobody from setting one up.
	limitConfirm = limit{
		"confirm",
		db.Limit{Hits: 5, Window: 5 * time.Minute},
		db.Limit{Hits: 10, Window: time.Hour},
		"Too many wrong answers in this set-up. Start it anew, or wait.",
	}
	// How often a new password by mail gives an account its budgets of codes and text messages back: whoever reads its mail does
	// not multiply their guesses by that.
	limitAfresh = limit{
		"afresh",
		db.Limit{Hits: 1, Window: 24 * time.Hour},
		db.Limit{Hits: 1, Window: 24 * time.Hour},
		"The budgets were given back today.",
	}
	limitWarning = limit{
		"warning",
		db.Limit{Hits: 1, Window: 30 * time.Minute},
		db.Limit{Hits: 48, Window: 24 * time.Hour},
		"The account was warned a moment ago.",
	}
	limitSignUp = limit{
		"sign-up",
		db.Limit{Hits: 200, Window: 15 * time.Minute},
		db.Limit{Hits: 1000, Window: 24 * time.Hour},
		"Too many new accounts from your network.",
	}
	// Who brings the token of a mail to their address has proved it, and nobody else can use that up for them.
	limitSignUpProved = limit{
		"sign-up-proved",
		db.Limit{Hits: 10, Window: 15 * time.Minute},
		db.Limit{Hits: 30, Window: 24 * time.Hour},
		"Too many tries to sign up with this address.",
	}
	limitEmailTaken = limit{
		"email-taken",
		db.Limit{Hits: 20, Window: 15 * time.Minute},
		db.Limit{Hits: 60, Window: 24 * time.Hour},
		"Too many tries to sign up with addresses that have an account.",
	}
	// Mails of an account to an address that it has not proved, whatever they are about: they are to a stranger, maybe.
	limitUnprovedMail = limit{
		"unproved-mail",
		db.Limit{Hits: 20, Window: time.Hour},
		db.Limit{Hits: 40, Window: 24 * time.Hour},
		"Too many mails to this address.",
	}
	// Notices of organizations and of the account to such an address. They have a budget of their own: what they use up is not
	// that of what its owner must hear of.
	limitUnprovedNotice = limit{
		"unproved-notice",
		db.Limit{Hits: 20, Window: time.Hour},
		db.Limit{Hits: 40, Window: 24 * time.Hour},
		"Too many mails to this address.",
	}
	// Mails to a proved address that tell of one kind of change: each kind has a budget of its own, which no other uses up.
	limitAlertMail = limit{
		"alert-mail",
		db.Limit{Hits: 20, Window: time.Hour},
		db.Limit{Hits: 100, Window: 24 * time.Hour},
		"This was changed too often, and each change is mailed.",
	}
	limitText = limit{
		"text",
		db.Limit{Hits: 3, Window: time.Hour},
		db.Limit{Hits: 10, Window: 24 * time.Hour},
		"Too many text messages.",
	}
	// Numbers and accounts are cheap to whoever earns by text messages, networks less so.
	limitTextNetwork = limit{
		"text-network",
		db.Limit{Hits: 60, Window: time.Hour},
		db.Limit{Hits: 200, Window: 24 * time.Hour},
		"Too many text messages were asked for from your network.",
	}
	limitEnroll = limit{
		"enroll",
		db.Limit{Hits: 20, Window: time.Hour},
		db.Limit{Hits: 50, Window: 24 * time.Hour},
		"Too many tries to set up an authenticator.",
	}
	limitKey = limit{
		"key",
		db.Limit{Hits: 20, Window: 5 * time.Minute},
		db.Limit{Hits: 100, Window: time.Hour},
		"A security key was asked for too often.",
	}
	limitKeyAnswer = limit{
		"key-answer",
		db.Limit{Hits: 10, Window: 5 * time.Minute},
		db.Limit{Hits: 50, Window: time.Hour},
		"Too many wrong answers of security keys.",
	}
	limitPasskey = limit{
		"passkey",
		db.Limit{Hits: 100, Window: 15 * time.Minute},
		db.Limit{Hits: 2000, Window: 24 * time.Hour},
		"Too many sign-ins with a passkey were started from your network.",
	}
	limitPasskeyGuess = limit{
		"passkey-guess",
		db.Limit{Hits: 30, Window: 15 * time.Minute},
		db.Limit{Hits: 300, Window: 24 * time.Hour},
		"Too many answers from your network that no passkey has given.",
	}
	limitInviteAddress = limit{
		"invite-address",
		db.Limit{Hits: 10, Window: 24 * time.Hour},
		db.Limit{Hits: 10, Window: 24 * time.Hour},
		"Too many mails to this address.",
	}
	// Invitations to an address from all organizations. Accounts that have not proved an address of their own are free, so theirs
	// are counted apart, and one account's are few, however many organizations it makes.
	limitMailAddress = limit{
		"mail-address",
		db.Limit{Hits: 30, Window: time.Hour},
		db.Limit{Hits: 60, Window: 24 * time.Hour},
		"Too many mails to this address.",
	}
	limitMailAddressUnproved = limit{
		"mail-address-unproved",
		db.Limit{Hits: 30, Window: time.Hour},
		db.Limit{Hits: 60, Window: 24 * time.Hour},
		"Too many mails to this address from accounts that have not confirmed their own. Confirm yours by the link that was mailed to you, then try again.",
	}
	limitInviter = limit{
		"inviter",
		db.Limit{Hits: 10, Window: 24 * time.Hour},
		db.Limit{Hits: 10, Window: 24 * time.Hour},
		"Too many mails of yours to this address.",
	}
	limitInvite = limit{
		"invite",
		db.Limit{Hits: 5000, Window: time.Hour},
		db.Limit{Hits: 20000, Window: 24 * time.Hour},
		"Too many invitations from this organization.",
	}
	limitCreate = limit{
		"create",
		db.Limit{Hits: 100, Window: time.Hour},
		db.Limit{Hits: 300, Window: 24 * time.Hour},
		"Too many new organizations.",
	}
	limitNotMe = limit{
		"not-me",
		db.Limit{Hits: 30, Window: 15 * time.Minute},
		db.Limit{Hits: 100, Window: 24 * time.Hour},
		"Too many reports.",
	}
	// A whole company signs in from one network on Monday morning; each try makes us ask a provider.
	limitSSO = limit{
		"sso",
		db.Limit{Hits: 300, Window: 15 * time.Minute},
		db.Limit{Hits: 5000, Window: 24 * time.Hour},
		"Too many sign-ins through a provider from your network.",
	}
	limitSSOJoin = limit{
		"sso-join",
		db.Limit{Hits: 5000, Window: time.Hour},
		db.Limit{Hits: 20000, Window: 24 * time.Hour},
		"Too many new members from this organization's provider.",
	}
	limitMailboxProof = limit{
		"mailbox-proof",
		db.Limit{Hits: 1, Window: 5 * time.Minute},
		db.Limit{Hits: 10, Window: 24 * time.Hour},
		"The mail was sent a moment ago.",
	}
)

// spend counts a hit and commits it; it refuses with RATE_LIMITED where the budget is used up.
func (a *App) spend(ctx context.Context, l limit, key string) error {
	wait, err := a.DB.Spend(ctx, l.name+" "+key, l.short, l.long)
	if err != nil {
		return fmt.Errorf("count a try: %w", err)
	}
	return l.refuse(wait)
}

// hit is what a try is counted by.
type hit struct {
	limit limit
	key   string
}

// name is the key's own, among those of all budgets.
func (h hit) name() string { return h.limit.name + " " + h.key }

// blockFactor is how many times a network's budget its block has: that may be a whole university, or one customer with 65,536
// networks.
const blockFactor = 5

// at is what a try is counted by that is counted by where it is made, and by what else: the network, and for IPv6 the block. There
// is no other way to count by network.
func (r *Request) at(l limit, by string) []hit {
	hits := []hit{{l, by + r.network()}}
	if r.block() != r.network() {
		l.short.Hits *= blockFactor
		l.long.Hits *= blockFactor
		hits = append(hits, hit{l, by + r.block()})
	}
	return hits
}

// spendAll counts a try by all of the hits, or by none where one of the budgets is used up.
func (a *App) spendAll(ctx context.Context, hits []hit) error {
	t := &tally{app: a}
	err := t.spend(ctx, hits...)
	if err != nil {
		t.forgive(ctx)
	}
	return err
}

func (a *App) forgiveAll(ctx context.Context, hits []hit) {
	for _, h := range hits {
		a.forgive(ctx, h.limit, h.key)
	}
}

// spendDead counts what leads nowhere (a token that opens nothing, an organization that there is not, an answer that is none), by
// network, and gives the refusal. What is alive is not counted with it, so that nobody who sends rubbish keeps a neighbour
// from using theirs.
func (a *App) spendDead(ctx context.Context, l limit, r *Request, refusal error) error {
	if err := a.spendAll(ctx, r.at(l, "dead ")); err != nil {
		return err
	}
	return refusal
}

// spot is what living tries are counted by of somebody who has not said yet which account they mean: their network, or their
// browser where any account knows it. So a neighbour who begins many such tries keeps no known browser from one.
func (a *App) spot(ctx context.Context, l limit, r *Request) ([]hit, error) {
	device, err := a.DB.KnownToAnybody(ctx, r.deviceHashes())
	if err != nil {
		return nil, fmt.Errorf("look for an earlier sign-in: %w", err)
	}
	if device == nil {
		return r.at(l, ""), nil
	}
	return []hit{{l, "browser " + hex.EncodeToString(device)}}, nil
}

// spendSpot counts a living try by where it is made; forgiveSpot takes it back where it has come to a sign-in.
func (a *App) spendSpot(ctx context.Context, l limit, r *Request) error {
	spot, err := a.spot(ctx, l, r)
	if err != nil {
		return err
	}
	return a.spendAll(ctx, spot)
}

func (a *App) forgiveSpot(ctx context.Context, l limit, r *Request) {
	spot, err := a.spot(ctx, l, r)
	if err != nil {
		a.Log.WarnContext(ctx, "a try was not taken back", "err", err)
		return
	}
	a.forgiveAll(ctx, spot)
}

// spendAnswer counts an answer to a challenge, of a security key where there is no code; forgive takes it back. What has the
// form of a recovery code, 128 bits that nobody guesses, is counted by account and network, as a key's answer is, and not with
// the guesses at six digits: whoever uses those up does not keep the account's owner from coming back in.
func (a *App) spendAnswer(ctx context.Context, r *Request, userID string, code *string) (forgive func(), err error) {
	if code == nil {
		return a.spendKeyAnswer(ctx, r, userID)
	}
	if _, recovery := secret.RecoveryHash(*code); recovery {
		hits := r.at(limitRecovery, userID+" ")
		return func() { a.forgiveAll(ctx, hits) }, a.spendAll(ctx, hits)
	}
	return a.spendGuess(ctx, r, userID)
}

// spendKeyAnswer counts a security key's answer by account and network. Nobody guesses a signature: what is bounded is the
// work of looking at wrong ones.
func (a *App) spendKeyAnswer(ctx context.Context, r *Request, userID string) (forgive func(), err error) {
	hits := r.at(limitKeyAnswer, userID+" ")
	return func() { a.forgiveAll(ctx, hits) }, a.spendAll(ctx, hits)
}

// spendGuess counts a guess at a code of six digits in a sign-in; forgive takes it back. Whoever gets here has given the password,
// so when the budget is used up its owner is warned by mail, at most once in half an hour.
func (a *App) spendGuess(ctx context.Context, r *Request, userID string) (forgive func(), err error) {
	forgive = func() { a.forgive(ctx, limitGuess, userID) }
	refusal := a.spend(ctx, limitGuess, userID)
	if !errors.Is(refusal, &org.Error{Code: org.CodeRateLimited}) {
		return forgive, refusal
	}
	return forgive, a.warnOfGuesses(ctx, r, userID, refusal)
}

// warnOfGuesses mails the owner of an account whose guesses are used up, and gives the refusal.
func (a *App) warnOfGuesses(ctx context.Context, r *Request, userID string, refusal error) error {
	switch err := a.spend(ctx, limitWarning, userID); {
	case errors.Is(err, &org.Error{Code: org.CodeRateLimited}):
		return refusal
	case err != nil:
		return err
	}
	message := "Somebody who knows your password has tried too many wrong codes; no more are looked at for a while."
	err := a.account(ctx, func(tx *db.Tx) (*org.SecurityEvent, error) {
		user, err := tx.User(ctx, userID)
		if err != nil {
			return nil, err
		}
		return a.alert(ctx, tx, r, user, org.EventGuessesExhausted, message)
	})
	if err != nil {
		return err
	}
	return refusal
}

// mostCodes is how many codes in a row may be tried for an account before none is taken any more (NIST SP 800-63B-4 section
// 3.2.2: at most a hundred consecutive failures, then the authenticator is disabled). Ten an hour take ten hours to it.
const mostCodes = 100

// tryCode counts a six-digit code before it is looked at. When a hundred in a row were wrong, the account's apps and phones
// prove nothing any more, until a recovery code or a security key does, or its owner sets one up anew; it is written down and
// mailed once. Only somebody who knows the password or has a session gets here, so no stranger can do that to anybody.
func (a *App) tryCode(ctx context.Context, r *Request, userID string) error {
	ok, err := a.DB.TryCode(ctx, userID, mostCodes)
	if err != nil {
		return fmt.Errorf("count a code: %w", err)
	}
	if ok {
		return nil
	}
	message := "A hundred wrong codes were tried in a row, by somebody who knows your password or is signed in to your account. Codes of your " +
		"authenticator apps and phones no longer work; sign in with a recovery code or a security key, and change your password, which " +
		"ends all other sessions."
	err = a.account(ctx, func(tx *db.Tx) (*org.SecurityEvent, error) {
		first, err := tx.SwitchCodesOff(ctx, userID)
		if err != nil {
			return nil, err
		}
		if !first {
			return nil, errCodesOff
		}
		user, err := tx.User(ctx, userID)
		if err != nil {
			return nil, err
		}
		return a.alert(ctx, tx, r, user, org.EventCodesOff, message)
	})
	if err != nil {
		return err
	}
	return errCodesOff
}

// mostInSession is how many answers in a row a session may give to confirmIdentity without a right one among them; then it ends.
// So whoever has stolen one has as many guesses in all, and takes none from who signs in.
const mostInSession = 5

// tryInSession counts an answer by which a session is to show that its owner is there, before answer looks at it.
func (a *App) tryInSession(ctx context.Context, r *Request, answer func() error) error {
	tries, err := a.DB.TrySession(ctx, r.session.ID)
	switch {
	case errors.Is(err, org.ErrNotFound):
		return org.ErrUnauthenticated // it has ended meanwhile
	case err != nil:
		return fmt.Errorf("count an answer: %w", err)
	case tries > mostInSession: // several at once, or what follows was not reached
		return a.endGuessing(ctx, r)
	}
	err = answer()
	var refusal *org.Error
	switch refused := errors.As(err, &refusal); {
	case refused && refusal == errCodesOff: // it was not looked at
		if err := a.DB.ForgiveSession(ctx, r.session.ID); err != nil {
			return fmt.Errorf("take an answer back: %w", err)
		}
	case refused && tries == mostInSession:
		return a.endGuessing(ctx, r)
	}
	return err
}

// endGuessing ends a session in which too many answers were wrong, tells its account's owner, and gives the refusal.
func (a *App) endGuessing(ctx context.Context, r *Request) error {
	message := "Somebody who is signed in to your account gave five wrong answers in a row when asked for the second factor, so that session " +
		"was ended. If that was not you, change your password, which ends all other sessions."
	err := a.account(ctx, func(tx *db.Tx) (*org.SecurityEvent, error) {
		user, err := tx.LockUser(ctx, r.session.User.ID)
		if err != nil {
			return nil, err
		}
		if err := a.reload(ctx, tx, r); err != nil {
			return nil, err
		}
		if err := tx.EndSession(ctx, r.session.ID); err != nil {
			return nil, err
		}
		return a.alert(ctx, tx, r, user, org.EventGuessesExhausted, message)
	})
	if err != nil {
		return err
	}
	r.session = nil
	if r.Bearer == "" {
		r.setCookie("")
	}
	return errGuessedInSession
}

var errGuessedInSession = org.Refuse(org.CodeUnauthenticated, "Five wrong answers in a row: this session has ended. Sign in again.")

var errCodesOff = org.Refuse(org.CodeConflict, "Too many wrong codes were tried in a row, so codes of apps and phones no longer work for this account. "+
	"Sign in with a recovery code or a security key; that switches them on again.")

// limited says whether a refusal is that of a budget.
func limited(err error) bool { return errors.Is(err, &org.Error{Code: org.CodeRateLimited}) }

// exhausted refuses where one of the budgets is used up, without counting.
func (a *App) exhausted(ctx context.Context, hits []hit) error {
	for _, h := range hits {
		wait, err := a.DB.Wait(ctx, h.name(), h.limit.short, h.limit.long)
		if err != nil {
			return fmt.Errorf("look at a budget: %w", err)
		}
		if err := h.limit.refuse(wait); err != nil {
			return err
		}
	}
	return nil
}

// refuse is the refusal of who has to wait, nil for who has not.
func (l limit) refuse(wait time.Duration) error {
	if wait <= 0 {
		return nil
	}
	wait = time.Duration(math.Ceil(wait.Seconds())) * time.Second
	return &org.Error{Code: org.CodeRateLimited, RetryAfter: wait, Message: fmt.Sprintf("%s Try again in %s.", l.message, roughly(wait))}
}

// forgive takes a hit back: it was no guess. It does so also for a caller who has gone meanwhile. That it may fail costs the
// person a part of their budget, nothing else.
func (a *App) forgive(ctx context.Context, l limit, key string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), bookkeeping)
	defer cancel()
	if err := a.DB.Forgive(ctx, l.name+" "+key); err != nil {
		a.Log.WarnContext(ctx, "a try was not taken back", "err", err)
	}
}

// bookkeeping is how long counting a hit and taking it back may take.
const bookkeeping = 5 * time.Second

// mayTell counts a mail that tells of a change of an account, in the transaction of the change, and says whether it may go. An
// address that is not proved has one budget for all, whichever account claims it. An account with a proved one has one for each
// kind of change, and a change whose mail may not go is refused: nothing that somebody does makes another change silent.
func mayTell(ctx context.Context, tx *db.Tx, user *org.User, action string) (bool, error) {
	if !user.Verified() {
		return countMail(ctx, tx, limitUnprovedMail, addressKey(*user.Email))
	}
	l := limitAlertMail
	wait, err := tx.Spend(ctx, l.name+" "+user.ID+" "+action, l.short, l.long)
	if err != nil {
		return false, fmt.Errorf("count a mail: %w", err)
	}
	if wait > 0 && !org.Befalls(action) {
		return false, l.refuse(wait)
	}
	return wait == 0, nil
}

// countMail counts a mail in the transaction that wants to send it, and says whether it may.
func countMail(ctx context.Context, tx *db.Tx, l limit, key string) (bool, error) {
	wait, err := tx.Spend(ctx, l.name+" "+key, l.short, l.long)
	if err != nil {
		return false, fmt.Errorf("count a mail: %w", err)
	}
	return wait == 0, nil
}

// checkNotice counts a notice at the moment at which it is sent, and drops it where the address is not proved and has had enough.
func (a *App) checkNotice(ctx context.Context, user *org.User) error {
	if user == nil || user.Email == nil || user.Verified() {
		return nil
	}
	err := a.spend(ctx, limitUnprovedNotice, addressKey(*user.Email))
	if errors.Is(err, &org.Error{Code: org.CodeRateLimited}) {
		return errNoMail
	}
	return err
}

// roughly says a duration as a person would.
func roughly(d time.Duration) string {
	switch {
	case d <= time.Second:
		return "1 second"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d seconds", int(math.Ceil(d.Seconds())))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes", int(math.Ceil(d.Minutes())))
	}
	return fmt.Sprintf("%d hours", int(math.Ceil(d.Hours())))
}
