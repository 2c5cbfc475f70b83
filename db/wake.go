package db

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Bell carries wake-ups between instances: the id of an organization whose log grew, or of a session or token that ended.
// A wake-up may be lost: the log is the truth and the poll finds it. PostgreSQL's NOTIFY is the bell of every database that
// has been given no other.
type Bell interface {
	// Ring tells those who listen. What it returns is worth a line in the log.
	Ring(ctx context.Context, ids []string) error
	// Listen calls wake with the id of every wake-up until ctx ends, and with "" whenever it has (re)connected, since then
	// anything may have been missed.
	Listen(ctx context.Context, wake func(id string))
	// Follow asks for an organization's wake-ups, Unfollow wants them no more. What nobody follows may be heard all the same.
	Follow(organizationID string)
	Unfollow(organizationID string)
	// Close lets what has been rung out and ends.
	Close()
}

// waker rings wake-ups after commits, several at once. Inside the transactions NOTIFY would make all of them queue for one
// lock.
type waker struct {
	mu      sync.Mutex
	bell    Bell     // guarded by mu
	pending []string // guarded by mu
	signal  chan struct{}
	done    chan struct{}
	stop    context.CancelFunc
}

// coalesce is how long wake-ups are collected, and spacing how long after the ones before the next ones are rung: each makes
// every instance read the logs that are watched, and many entries cost that no more than one. Both are far below what a person
// notices.
const (
	coalesce = 3 * time.Millisecond
	spacing  = 25 * time.Millisecond
)

func newWaker(bell Bell) *waker {
	ctx, stop := context.WithCancel(context.Background()) //nolint:forbidigo // it lives as long as the pool, not as a request
	w := &waker{bell: bell, signal: make(chan struct{}, 1), done: make(chan struct{}), stop: stop}
	go w.run(ctx)
	return w
}

func (w *waker) ring(ids ...string) {
	if len(ids) == 0 {
		return
	}
	w.mu.Lock()
	for _, id := range ids {
		if !slices.Contains(w.pending, id) {
			w.pending = append(w.pending, id)
		}
	}
	w.mu.Unlock()
	select {
	case w.signal <- struct{}{}:
	default:
	}
}

func (w *waker) run(ctx context.Context) {
	defer close(w.done)
	var rung time.Time
	for {
		select {
		case <-ctx.Done():
			w.flush(context.WithoutCancel(ctx))
			return
		case <-w.signal:
		}
		select {
		case <-ctx.Done():
		case <-time.After(max(coalesce, spacing-time.Since(rung))):
		}
		rung = time.Now()
		w.flush(context.WithoutCancel(ctx))
	}
}

func (w *waker) flush(ctx context.Context) {
	w.mu.Lock()
	ids, bell := w.pending, w.bell
	w.pending = nil
	w.mu.Unlock()
	if len(ids) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if err := bell.Ring(ctx, ids); err != nil {
		slog.WarnContext(ctx, "wake-ups were not rung; the poll will find what they tell", "err", err)
	}
}

func (w *waker) close() {
	w.stop()
	<-w.done
	w.current().Close()
}

func (w *waker) current() Bell {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.bell
}

// RingWith lets wake-ups go by another bell, which is closed with the database. It comes before the first transaction.
func (d *DB) RingWith(bell Bell) {
	d.waker.mu.Lock()
	defer d.waker.mu.Unlock()
	d.waker.bell = bell
}

// Wake rings a wake-up for an id after the commit of the transaction.
func (t *Tx) Wake(id string) { t.wakeups = append(t.wakeups, id) }

// Bell is what carries this database's wake-ups.
func (d *DB) Bell() Bell { return d.waker.current() }

// notify is PostgreSQL as a bell: everybody hears everything.
type notify struct{ pool *pgxpool.Pool }

// channel is where wake-ups travel.
const channel = "muster"

func (n notify) Ring(ctx context.Context, ids []string) error {
	_, err := n.pool.Exec(ctx, "SELECT pg_notify($1, id) FROM unnest($2::text[]) id", channel, ids)
	return err
}

func (notify) Follow(string)   {}
func (notify) Unfollow(string) {}
func (notify) Close()          {}

// Listen reconnects with growing pauses of up to five seconds.
func (n notify) Listen(ctx context.Context, wake func(id string)) {
	pause := 50 * time.Millisecond
	for ctx.Err() == nil {
		started := time.Now()
		err := n.listen(ctx, wake)
		if ctx.Err() != nil {
			return
		}
		slog.WarnContext(ctx, "the connection that listens for wake-ups broke; polling goes on", "err", err)
		if time.Since(started) > time.Minute {
			pause = 50 * time.Millisecond
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, 5*time.Second)
	}
}

// listenerName lets an operator, and a test, find the connection in pg_stat_activity.
const listenerName = "muster listener"

func (n notify) listen(ctx context.Context, wake func(id string)) error {
	config := n.pool.Config().ConnConfig.Copy()
	config.RuntimeParams["application_name"] = listenerName
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
		return err
	}
	wake("")
	for {
		// A quiet channel and a dead network look the same, so an idle listener asks the server once in a while.
		wait, cancel := context.WithTimeout(ctx, 5*time.Second)
		rung, err := conn.WaitForNotification(wait)
		cancel()
		switch {
		case err == nil:
			wake(rung.Payload)
		case ctx.Err() != nil:
			return ctx.Err()
		case wait.Err() != nil:
			ping, cancel := context.WithTimeout(ctx, 5*time.Second)
			err := conn.Ping(ping)
			cancel()
			if err != nil {
				return err
			}
		default:
			return err
		}
	}
}
