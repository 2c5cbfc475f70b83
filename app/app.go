// Package app is what Muster does: one method for each operation of the schema. It asks who is calling, lets package org
// decide, and lets package db write.
//
// Every transaction is opened here, through three doors: change for what happens in one organization, changeAccount for
// what touches all organizations of a person, and account for what concerns an account alone. Each writes its log in the
// same transaction and fails when it cannot. Network, password hashing and mail stay outside of transactions. The package
// refuses to know SQL, GraphQL and HTTP.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/riverqueue/river"

	"muster/app/provider"
	"muster/db"
	"muster/mail"
	"muster/secret"
)

// Config is what an App is made of. Everything but Texter and SSOAllowPrivate is required.
type Config struct {
	DB        *db.DB
	Keys      *secret.Keys
	Passwords *secret.Passwords
	Mailer    mail.Sender
	Texter    mail.Texter // nil: no text messages, so no phones
	PublicURL string      // where links lead, without a slash at the end
	Origins   []string    // of the pages whose security keys' answers are taken, as browsers write them
	Instance  string      // this process's name: its own, and the same after a restart
	Log       *slog.Logger
	Now       func() time.Time

	SessionIdle time.Duration
	SessionMax  time.Duration
	StepUp      time.Duration // how long a session is fresh
	SweepBatch  int           // members removed in one transaction

	SSOAllowPrivate bool // providers may live on private addresses, and on http on this machine
}

// App holds what the operations share.
type App struct {
	Config
	feed      *feed
	providers *provider.Client
	jobs      *db.Jobs
	loops     sync.WaitGroup
	stop      context.CancelFunc
	// rp asks security keys; nil where they are off, for the reason that keysOff gives.
	rp      *webauthn.WebAuthn
	keysOff string
	// sessionEnded is told the ids of sessions that have ended, so that their sockets can be closed.
	sessionEnded func(id string)
}

// New makes an App. It serves requests at once; live delivery, mail and sweeps begin with Start.
func New(c Config) *App {
	a := &App{Config: c, sessionEnded: func(string) {}, providers: provider.New(c.SSOAllowPrivate, c.Now)}
	a.feed = newFeed(a)
	a.rp, a.keysOff = relyingParty(c.PublicURL, c.Origins)
	return a
}

// CheckKey says whether the key is the one that the database's secrets are sealed with and its links are made with. With another
// one nothing that is sealed opens, and whatever is mailed leads nowhere.
func (a *App) CheckKey(ctx context.Context) error {
	ok, err := a.DB.KeepMark(ctx, a.Keys.Mark())
	if err != nil {
		return fmt.Errorf("compare the secret key: %w", err)
	}
	if !ok {
		return errors.New("MUSTER_SECRET_KEY is not the key that this database is used with: give the same one to the server and to " +
			"its commands. If it is lost for good, so are all authenticator apps: empty the table installation, and the next start takes the new one")
	}
	return nil
}

// OnSessionEnd registers who is told when a session ends. It must be called before Start.
func (a *App) OnSessionEnd(fn func(id string)) { a.sessionEnded = fn }

// Start begins to listen for wake-ups, to work on jobs and to look for work that nobody does. liveSessions gives the
// sessions whose sockets are open here.
func (a *App) Start(ctx context.Context, liveSessions func() []string) error {
	workers := river.NewWorkers()
	river.AddWorker(workers, &mailWorker{app: a})
	river.AddWorker(workers, &notifyWorker{app: a})
	river.AddWorker(workers, &sweepWorker{app: a})
	if a.rp == nil {
		a.Log.WarnContext(ctx, "security keys are off", "why", a.keysOff)
	}
	if err := a.DB.ReleaseSweepsOf(ctx, a.Instance); err != nil {
		return fmt.Errorf("take up the sweeps of the last run: %w", err)
	}
	jobs, err := a.DB.StartJobs(ctx, a.Instance, workers, a.Log)
	if err != nil {
		return err
	}
	a.jobs = jobs
	loops, stop := context.WithCancel(context.WithoutCancel(ctx))
	a.stop = stop
	a.loop(func() { a.DB.Bell().Listen(loops, a.wake) })
	a.loop(func() {
		a.every(loops, pollInterval, func(ctx context.Context) error { return a.poll(ctx, liveSessions()) })
	})
	a.loop(func() { a.every(loops, takeOverInterval, a.takeOverSweeps) })
	a.loop(func() { a.every(loops, cleanUpInterval, unhurried(a.cleanUp)) })
	a.loop(func() { a.every(loops, retentionInterval, unhurried(a.retain)) })
	return nil
}

// Stop ends what Start began: running jobs get until ctx ends.
func (a *App) Stop(ctx context.Context) error {
	if a.stop == nil {
		return nil
	}
	a.stop()
	a.feed.close()
	a.loops.Wait()
	return a.jobs.Stop(ctx)
}

// How often an instance looks for what wake-ups would have told it: the poll is what keeps the promise of one second when
// LISTEN is broken, with time left to deliver.
const (
	pollInterval     = 500 * time.Millisecond
	takeOverInterval = 2 * time.Second
	cleanUpInterval  = time.Minute
	// Months come and go slowly, and their tables are made months ahead: an hour that fails is made good by the next.
	retentionInterval = time.Hour
)

// housekeeping is how long a round of what deletes and drops may take: after a long rest there may be a lot of it, and what is
// stopped half-way has done nothing. All other work has db.Patience for each statement.
const housekeeping = 10 * time.Minute

// unhurried gives a task as long.
func unhurried(task func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, housekeeping)
		defer cancel()
		return task(ctx)
	}
}

func (a *App) loop(fn func()) { a.loops.Go(fn) }

// every runs fn again and again until ctx ends. A failure is logged and tried again the next time.
func (a *App) every(ctx context.Context, interval time.Duration, fn func(context.Context) error) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		if err := fn(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, context.Canceled) {
			a.Log.WarnContext(ctx, "a background task failed and will be tried again", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// cleanUp ends the memberships and the requests whose time is over and deletes what has expired.
func (a *App) cleanUp(ctx context.Context) error {
	return errors.Join(a.expireWindows(ctx), a.expireResets(ctx), a.DB.DeleteEnded(ctx))
}

// retain makes room for the coming months of the audit logs and drops those that are kept no longer, with whom only they told of.
func (a *App) retain(ctx context.Context) error {
	dropped, err := a.DB.KeepAuditMonths(ctx)
	if err != nil || len(dropped) == 0 {
		return err
	}
	a.Log.InfoContext(ctx, "months of the audit logs are kept no longer", "dropped", dropped)
	return a.DB.ForgetAuditActors(ctx)
}

// link is a page of Muster with a token in the fragment, which stays out of logs and referrers.
func (a *App) link(page, token string) string { return a.PublicURL + "/" + page + "#token=" + token }
