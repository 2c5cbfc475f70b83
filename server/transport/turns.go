package transport

import (
	"context"
	"slices"
	"sync"
	"time"
)

// turns lets operations begin a few at a time, those of each account in turn. After a restart thousands subscribe in the same
// second, and each has its session looked up, the gate asked and the table read: all at once they would wait for the
// database together until none is served in time, and everybody else's requests with them.
type turns struct {
	mu      sync.Mutex
	free    int
	waiting map[string][]*turn // by account, oldest first
	order   []string           // the accounts that wait; the first is next
}

// turn is an operation's place among those that begin.
type turn struct {
	turns  *turns
	key    string
	came   chan struct{} // closed when it is its turn
	ending sync.Once
}

// take waits for a turn until ctx ends, which it says by nil, or at most so long, which it says by late.
func (t *turns) take(ctx context.Context, key string, most time.Duration) (own *turn, late bool) {
	own = &turn{turns: t, key: key}
	t.mu.Lock()
	if t.free > 0 { // Nobody waits then.
		t.free--
		t.mu.Unlock()
		return own, false
	}
	own.came = make(chan struct{})
	if t.waiting == nil {
		t.waiting = map[string][]*turn{}
	}
	if len(t.waiting[key]) == 0 {
		t.order = append(t.order, key)
	}
	t.waiting[key] = append(t.waiting[key], own)
	t.mu.Unlock()

	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-own.came:
		return own, false
	case <-ctx.Done():
	case <-timer.C:
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

// end gives the turn to the next. The first call counts.
func (own *turn) end() {
	own.ending.Do(func() {
		t := own.turns
		t.mu.Lock()
		defer t.mu.Unlock()
		if len(t.order) == 0 {
			t.free++
			return
		}
		key := t.order[0]
		t.order = t.order[1:]
		next := t.waiting[key][0]
		if t.waiting[key] = t.waiting[key][1:]; len(t.waiting[key]) > 0 {
			t.order = append(t.order, key)
		} else {
			delete(t.waiting, key)
		}
		close(next.came)
	})
}
