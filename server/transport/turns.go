package transport

import (
	"context"
	"slices"
	"sync"
	"time"
)

// turns lets operations begin a few at a time, those of each account in turn; an organization's service tokens are one. After a restart thousands subscribe in the same
// second, and each has its session looked up, the gate asked and the table read: all at once they would wait for the
// database together until none is served in time, and everybody else's requests with them.
//
// One account has at most a quarter of the turns at a time, also where nobody else waits: what it begins may take long, and
// whoever comes then should find a turn.
type turns struct {
	most int // of one account

	mu      sync.Mutex
	free    int
	running map[string]int     // by account
	waiting map[string][]*turn // by account, oldest first
	order   []string           // the accounts that wait; the first that has not as many as it may is next
}

// newTurns makes so many turns.
func newTurns(n int) turns {
	return turns{free: n, most: max(n/4, 1), running: map[string]int{}, waiting: map[string][]*turn{}}
}

// turn is an operation's place among those that begin.
type turn struct {
	turns  *turns
	key    string
	came   chan struct{} // closed when it is its turn
	ending sync.Once
}

// take waits for a turn until ctx ends, which it says by nil, or at most so long (0: however long), which it says by late.
func (t *turns) take(ctx context.Context, key string, most time.Duration) (own *turn, late bool) {
	own = &turn{turns: t, key: key, came: make(chan struct{})}
	t.mu.Lock()
	if len(t.waiting[key]) == 0 {
		t.order = append(t.order, key)
	}
	t.waiting[key] = append(t.waiting[key], own)
	t.deal()
	t.mu.Unlock()

	var over <-chan time.Time
	if most > 0 {
		timer := time.NewTimer(most)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-own.came:
		return own, false
	case <-ctx.Done():
	case <-over:
		late = true
	}
	if !t.leave(own) { // It has just come.
		own.end()
	}
	return nil, late
}

// length is how many wait.
func (t *turns) length() (n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, queue := range t.waiting {
		n += len(queue)
	}
	return n
}

// leave takes a turn out of those that wait, and says whether it was among them.
func (t *turns) leave(own *turn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.Index(t.waiting[own.key], own)
	if i < 0 {
		return false
	}
	t.waiting[own.key] = slices.Delete(t.waiting[own.key], i, i+1)
	if len(t.waiting[own.key]) == 0 {
		delete(t.waiting, own.key)
		t.order = slices.DeleteFunc(t.order, func(key string) bool { return key == own.key })
	}
	return true
}

// end gives the turn back. The first call counts.
func (own *turn) end() {
	own.ending.Do(func() {
		t := own.turns
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.running[own.key]--; t.running[own.key] == 0 {
			delete(t.running, own.key)
		}
		t.free++
		t.deal()
	})
}

// deal gives free turns to those who wait and may have them.
func (t *turns) deal() {
	for t.free > 0 {
		i := slices.IndexFunc(t.order, func(key string) bool { return t.running[key] < t.most })
		if i < 0 {
			return
		}
		key := t.order[i]
		t.order = slices.Delete(t.order, i, i+1)
		next := t.waiting[key][0]
		if t.waiting[key] = t.waiting[key][1:]; len(t.waiting[key]) > 0 {
			t.order = append(t.order, key)
		} else {
			delete(t.waiting, key)
		}
		t.free--
		t.running[key]++
		close(next.came)
	}
}
