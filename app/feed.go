package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"muster/db"
	"muster/org"
)

// feed brings organizations' new entries to everybody who watches them here: one read for the wake-ups that come together,
// however many organizations they are of and however many watch. The table is the truth: a wake-up may be lost, a watcher may
// fall behind, and both read again.
type feed struct {
	app     *App
	reading context.Context //nolint:containedctx // as long as the App lives
	stop    context.CancelFunc

	mu     sync.Mutex
	topics map[string]*topic // guarded by mu, as is everything in the topics
	reads  bool              // guarded by mu: a reader is under way, and comes to whatever is woken
}

// topic is one watched organization.
type topic struct {
	organizationID string
	last           int // the newest sequence that was handed out
	watchers       map[*watcher]struct{}
	woken          bool // there may be something new; several wake-ups are one
}

// watcher is one who watches. Nothing waits for it: when its queue is full it is told to read the table instead.
type watcher struct {
	feed   *feed
	topic  *topic
	queue  []*org.AuditLogEntry
	behind bool
	signal chan struct{} // room for one
}

// maxQueue bounds what is kept for a watcher who is slow to take it; beyond it the table is read.
const maxQueue = 256

// page is how many entries of a log are read at a time, and readTogether of how many logs.
const (
	page         = 100
	readTogether = 50
)

// gather is for how long a reader waits for what is woken at the same time: wake-ups are rung together and arrive one by one.
const gather = time.Millisecond

func newFeed(a *App) *feed {
	f := &feed{app: a, topics: map[string]*topic{}}
	f.reading, f.stop = context.WithCancel(context.Background()) //nolint:forbidigo // it ends with close
	return f
}

// join begins to watch an organization: every entry that commits from now on is queued.
func (f *feed) join(ctx context.Context, organizationID string) (*watcher, error) {
	w := &watcher{feed: f, signal: make(chan struct{}, 1)}
	for {
		f.mu.Lock()
		if t := f.topics[organizationID]; t != nil {
			w.topic = t
			t.watchers[w] = struct{}{}
			f.mu.Unlock()
			return w, nil
		}
		f.mu.Unlock()
		var sequences map[string]int
		err := f.app.patiently(ctx, func() (err error) {
			sequences, err = f.app.DB.AuditSequences(ctx, []string{organizationID})
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("find the end of the log: %w", err)
		}
		f.mu.Lock()
		if f.topics[organizationID] == nil {
			t := &topic{organizationID: organizationID, last: sequences[organizationID], watchers: map[*watcher]struct{}{}}
			f.topics[organizationID] = t
			f.app.DB.Bell().Follow(organizationID)
			f.wake(t) // what committed since the end of the log was asked for
		}
		f.mu.Unlock()
	}
}

// leave ends a watch; the last one out ends the topic.
func (f *feed) leave(w *watcher) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(w.topic.watchers, w)
	if len(w.topic.watchers) == 0 && f.topics[w.topic.organizationID] == w.topic {
		delete(f.topics, w.topic.organizationID)
		f.app.DB.Bell().Unfollow(w.topic.organizationID)
	}
}

// close ends the reading, for good.
func (f *feed) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stop()
}

// wake says that a topic's log may have grown, and begins to read where nobody does. The feed is locked.
func (f *feed) wake(t *topic) {
	t.woken = true
	if !f.reads && f.reading.Err() == nil {
		f.reads = true
		f.app.loop(f.read)
	}
}

// read reads the new entries of the topics that are woken, until none is. It reads for everybody, so it must not wait for a
// connection that has gone dead: the statement has db.Patience, and then they are read again.
func (f *feed) read() {
	ctx := f.reading
	for {
		select {
		case <-ctx.Done():
		case <-time.After(gather):
		}
		topics, after := f.woken()
		if len(topics) == 0 {
			return
		}
		logs, err := f.app.DB.AuditSince(ctx, after, page)
		if err != nil {
			if ctx.Err() == nil {
				f.app.Log.WarnContext(ctx, "new entries were not read; they will be asked for again", "err", err)
			}
			f.again(topics)
			select {
			case <-ctx.Done():
			case <-time.After(faultPause):
			}
			continue
		}
		f.hand(topics, logs)
	}
}

// woken takes topics whose logs may have grown, and what of them is known. Where there are none the reader is no more.
func (f *feed) woken() (topics []*topic, after map[string]int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	after = map[string]int{}
	if f.reading.Err() == nil {
		for id, t := range f.topics {
			if t.woken && len(topics) < readTogether {
				t.woken = false
				topics, after[id] = append(topics, t), t.last
			}
		}
	}
	f.reads = len(topics) > 0
	return topics, after
}

// again takes back that topics were read.
func (f *feed) again(topics []*topic) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, t := range topics {
		t.woken = true
	}
}

// hand queues entries for everybody who watches. Sweeps end without an entry, so even none is a sign of life.
func (f *feed) hand(topics []*topic, logs map[string][]*org.AuditLogEntry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, t := range topics {
		entries := logs[t.organizationID]
		if n := len(entries); n > 0 {
			t.last = entries[n-1].Sequence
			t.woken = t.woken || n == page
		}
		for w := range t.watchers {
			if len(w.queue)+len(entries) > maxQueue {
				w.queue, w.behind = nil, true
			} else if !w.behind {
				w.queue = append(w.queue, entries...)
			}
			select {
			case w.signal <- struct{}{}:
			default:
			}
		}
	}
}

// take gives what has been queued, or says that the table has to be read up to the sequence from which on the queue goes
// on.
func (w *watcher) take() (entries []*org.AuditLogEntry, behind bool) {
	w.feed.mu.Lock()
	defer w.feed.mu.Unlock()
	entries, behind = w.queue, w.behind
	w.queue, w.behind = nil, false
	return entries, behind
}

// wake tells the topics that an organization's log grew, or, for "", that anything may have; and the transport that a
// session ended.
func (a *App) wake(id string) {
	if strings.HasPrefix(id, db.SessionID+"_") || strings.HasPrefix(id, db.TokenID+"_") {
		a.sessionEnded(id)
		return
	}
	a.feed.mu.Lock()
	defer a.feed.mu.Unlock()
	for organizationID, t := range a.feed.topics {
		if id == "" || id == organizationID {
			a.feed.wake(t)
		}
	}
}

// poll finds what wake-ups would have told: logs that grew and sessions that ended.
func (a *App) poll(ctx context.Context, sessions []string) error {
	a.feed.mu.Lock()
	ids := make([]string, 0, len(a.feed.topics))
	for id := range a.feed.topics {
		ids = append(ids, id)
	}
	a.feed.mu.Unlock()
	if len(ids) > 0 {
		sequences, err := a.DB.AuditSequences(ctx, ids)
		if err != nil {
			return fmt.Errorf("poll the logs: %w", err)
		}
		a.feed.mu.Lock()
		for id, t := range a.feed.topics {
			if sequences[id] > t.last {
				a.feed.wake(t)
			}
		}
		a.feed.mu.Unlock()
	}
	if len(sessions) == 0 {
		return nil
	}
	live, err := a.DB.LiveSessions(ctx, sessions, a.SessionIdle)
	if err != nil {
		return fmt.Errorf("poll the sessions: %w", err)
	}
	for _, id := range sessions {
		if !slices.Contains(live, id) {
			a.sessionEnded(id)
		}
	}
	return nil
}
