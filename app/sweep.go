package app

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/riverqueue/river"

	"muster/db"
	"muster/org"
	"muster/secret"
)

// sweepTurn is how long one job works on a sweep before the next one goes on: well below the jobs' timeout.
const sweepTurn = 15 * time.Second

// SweepJob works on a sweep. The sweep's row is the truth; the job only says that there is something to do.
type SweepJob struct {
	SweepID string `json:"sweep_id"`
}

// Kind is the job's name in the queue.
func (SweepJob) Kind() string { return "sweep" }

// InsertOpts puts the job into the sweeps' own queue.
func (SweepJob) InsertOpts() river.InsertOpts { return river.InsertOpts{Queue: db.QueueSweep} }

type sweepWorker struct {
	river.WorkerDefaults[SweepJob]
	app *App
}

func (w *sweepWorker) Work(ctx context.Context, job *river.Job[SweepJob]) error {
	more, err := w.app.runSweep(ctx, job.Args.SweepID)
	if more && err == nil {
		return river.JobSnooze(0) // the next turn
	}
	return err
}

// takeOverSweeps works on sweeps that nobody holds: of an instance that died, or whose job was lost.
func (a *App) takeOverSweeps(ctx context.Context) error {
	ids, err := a.DB.UnheldSweeps(ctx)
	if err != nil {
		return fmt.Errorf("look for sweeps that nobody works on: %w", err)
	}
	var failed error
	for _, id := range ids {
		_, err := a.runSweep(ctx, id)
		failed = errors.Join(failed, err)
	}
	return failed
}

// runSweep claims a sweep and works on it batch by batch, for a turn. Where somebody else holds it there is nothing to do. It
// says whether there is more to do.
func (a *App) runSweep(ctx context.Context, id string) (more bool, err error) {
	holder := a.Instance + "/" + secret.NewToken()[:12]
	sweep, err := a.DB.ClaimSweep(ctx, id, holder)
	if errors.Is(err, org.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("claim the sweep: %w", err)
	}
	defer func() {
		release, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if err := a.DB.ReleaseSweep(release, id, holder); err != nil {
			a.Log.WarnContext(ctx, "a sweep was not given back; its lease will end", "err", err)
		}
	}()
	b := batches{app: a, sweep: sweep, holder: holder, size: min(smallBatch, a.SweepBatch)}
	for started := time.Now(); time.Since(started) < sweepTurn; {
		if more, err := b.next(ctx); err != nil || !more {
			return false, err
		}
	}
	return true, nil
}

// sweepPace is how long a batch is to keep others from the organization: batches get smaller where they take longer and larger
// where they do not, so that a slow or busy database delays nobody more than a quick one. smallBatch is from how few on they
// do: a batch of fewer takes as long as its commit. Who waits for the organization has it before the next batch does
// (db.Tx.LockOrganization).
const (
	sweepPace  = 90 * time.Millisecond
	smallBatch = 100
)

// paced is how many the next batch is to remove at most, after one of size that has held the organization for as long.
func paced(size int, held time.Duration, most int) int {
	next := min(int(float64(size)*float64(sweepPace)/float64(max(held, 1))), 2*size)
	return min(max(next, smallBatch), most)
}

// batches are a turn's. Whom a batch is to remove is looked up before the organization is locked, while the one before is
// written, in the order of the members' ids and from where the last batch ended: what is done under the lock depends on the
// batch's size alone, and not on how many others are members.
type batches struct {
	app    *App
	sweep  *org.Sweep
	holder string
	size   int      // of the next batch
	after  string   // the id of the last member whom this pass has come to
	ahead  []string // whom to remove next, where that has been looked up already
}

// look finds whom to remove next.
func (b *batches) look(ctx context.Context) (err error) {
	if b.ahead, err = b.app.DB.NonCompliant(ctx, b.sweep.OrganizationID, b.after, b.size); err != nil {
		return fmt.Errorf("look for members to remove: %w", err)
	}
	return nil
}

// next does one batch, and finishes the sweep where nobody is left. It says whether there may be more.
func (b *batches) next(ctx context.Context) (more bool, err error) {
	if len(b.ahead) == 0 {
		if err := b.look(ctx); err != nil {
			return false, err
		}
	}
	if ids := b.ahead; len(ids) > 0 {
		b.after = ids[len(ids)-1]
		looked := make(chan error, 1)
		go func() { looked <- b.look(ctx) }()
		more, held, err := b.app.sweepBatch(ctx, b.sweep, b.holder, ids)
		if err != nil {
			err = fmt.Errorf("remove a batch of members: %w", err)
		}
		if err = errors.Join(err, <-looked); err != nil {
			return false, err
		}
		b.size = paced(len(ids), held, b.app.SweepBatch)
		return more, nil
	}
	impact, err := b.app.DB.Impact(ctx, b.sweep.OrganizationID)
	if err != nil {
		return false, fmt.Errorf("count who is left: %w", err)
	}
	if more = impact.RemovedCount > 0; !more {
		err = b.app.heldSweep(ctx, b.sweep, b.holder, func(tx *db.Tx) error {
			// Again: somebody may have got an address or lost a factor since.
			impact, err := tx.Impact(ctx, b.sweep.OrganizationID)
			if err != nil {
				return err
			}
			if more = impact.RemovedCount > 0; more {
				return nil
			}
			tx.Wake(b.sweep.OrganizationID)
			return tx.FinishSweep(ctx, b.sweep.ID, impact.UnmailableCount)
		})
		if err != nil {
			return false, fmt.Errorf("finish the sweep: %w", err)
		}
	}
	if more { // Somebody has come in behind the pass.
		b.after = ""
	}
	return more, nil
}

// heldSweep is one transaction of a sweep, under the organization's lock. Where the sweep is not the holder's any more there is
// nothing to do; where the requirement is off it is canceled.
func (a *App) heldSweep(ctx context.Context, sweep *org.Sweep, holder string, do func(tx *db.Tx) error) error {
	return a.DB.InTx(ctx, func(tx *db.Tx) error {
		o, err := tx.LockOrganization(ctx, sweep.OrganizationID)
		if err != nil {
			return err
		}
		held, err := tx.HoldSweep(ctx, sweep.ID, holder)
		if err != nil || !held {
			return err
		}
		if !o.Enforced {
			return tx.CancelSweep(ctx, o.ID)
		}
		return do(tx)
	})
}

// sweepBatch removes those of the members who are still to be removed, in one transaction: each with the new status, its entry,
// its link and its mail. It says whether the sweep goes on, and for how long the organization was held for it.
func (a *App) sweepBatch(ctx context.Context, sweep *org.Sweep, holder string, ids []string) (goesOn bool, held time.Duration, err error) {
	var since time.Time
	err = a.heldSweep(ctx, sweep, holder, func(tx *db.Tx) error {
		goesOn, since = true, time.Now()
		removed, err := tx.RemoveNonCompliant(ctx, sweep.OrganizationID, ids)
		if err != nil {
			return fmt.Errorf("remove the members: %w", err)
		}
		if err := a.saveRemoved(ctx, tx, sweep, removed); err != nil {
			return err
		}
		tx.Wake(sweep.OrganizationID)
		return tx.AdvanceSweep(ctx, sweep.ID, len(removed))
	})
	if goesOn {
		held = time.Since(since)
	}
	return goesOn, held, err
}

// saveRemoved writes what belongs to a batch of removals: links, entries and mails.
func (a *App) saveRemoved(ctx context.Context, tx *db.Tx, sweep *org.Sweep, removed []*db.Removed) error {
	mails, err := a.linkRemoved(ctx, tx, removed)
	if err != nil {
		return err
	}
	entries := make([]*org.AuditLogEntry, len(removed))
	for i, m := range removed {
		e := pendingEntry(m, "required "+m.Label()+" to set up two-factor authentication")
		e.ActorID, e.ActorLabel, e.IPAddress, e.UserAgent = &sweep.ActorID, sweep.ActorLabel, sweep.IPAddress, sweep.UserAgent
		e.Data["sweep"] = sweep.ID
		entries[i] = e
	}
	if err := tx.AddAuditEntries(ctx, sweep.OrganizationID, entries); err != nil {
		return err
	}
	return tx.Enqueue(ctx, mails...)
}

// linkRemoved gives members who have just been removed their way back, and the mails that bring it.
func (a *App) linkRemoved(ctx context.Context, tx *db.Tx, removed []*db.Removed) ([]river.JobArgs, error) {
	n := len(removed)
	if n == 0 {
		return nil, nil
	}
	nonces, hashes, mails := make([][]byte, n), make([][]byte, n), make([]river.JobArgs, n)
	for i, m := range removed {
		nonces[i] = secret.NewNonce()
		hashes[i] = secret.Hash(a.Keys.Link(nonces[i]))
		mails[i] = linkMail(m.ID, hashes[i])
	}
	if err := tx.SetLinks(ctx, removed, nonces, hashes); err != nil {
		return nil, fmt.Errorf("store the links: %w", err)
	}
	return mails, nil
}

// pendingEntry tells that a member was removed until they set up 2FA; the caller says by whom.
func pendingEntry(m *db.Removed, message string) *org.AuditLogEntry {
	return &org.AuditLogEntry{
		Action: org.ActionMemberPending, TargetID: &m.ID, TargetLabel: m.Label(), Message: message,
		Data: map[string]any{
			"email": m.Email, "user": m.UserID, "role": m.Role, "teams": m.Teams, "reinstatable_until": m.ReinstatableUntil.UTC(),
		},
	}
}

// WatchSweep gives a sweep whenever it has got further, to its end.
func (a *App) WatchSweep(ctx context.Context, id string) (iter.Seq2[*org.Sweep, error], error) {
	if _, err := caller(ctx); err != nil {
		return nil, err
	}
	// Asked after it was read: what is delivered is older than the answer.
	look := func() (sweep *org.Sweep, err error) {
		err = a.patiently(ctx, func() (err error) {
			defer outlast(ctx)
			if sweep, err = a.DB.Sweep(ctx, id); err == nil {
				_, err = a.read(ctx, sweep.OrganizationID, org.SeeSecurity)
			}
			return err
		})
		return sweep, err
	}
	sweep, err := look()
	if err != nil {
		return nil, err
	}
	return func(yield func(*org.Sweep, error) bool) {
		w, err := a.feed.join(ctx, sweep.OrganizationID)
		if err != nil {
			yield(nil, err)
			return
		}
		defer a.feed.leave(w)
		var last org.Sweep
		for {
			now, err := look()
			if err != nil {
				yield(nil, err)
				return
			}
			if (now.State != last.State || now.Done != last.Done || now.Failed != last.Failed) && !yield(now, nil) || now.Finished() {
				return
			}
			last = *now
			select {
			case <-ctx.Done():
				return
			case <-w.signal:
				w.take()
			case <-time.After(time.Second): // a sweep ends without an entry where there was nobody to remove
			}
		}
	}, nil
}
