package secret

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

// queueing is a gate of one place, with calls that wait before it and tell when their turn comes.
type queueing struct {
	gate *gate
	told chan string // of each call that came to an end of its waiting
}

func newQueueing(room int) *queueing {
	q := &queueing{gate: newGate(1, room), told: make(chan string, 1000)}
	_ = q.gate.enter(context.Background(), Caller{}) // the one that runs
	return q
}

// call queues calls of a network, one after the other.
func (q *queueing) call(ctx context.Context, n int, by Caller) {
	for i := range n {
		name := fmt.Sprint(by.Network, i+1)
		go func() {
			switch err := q.gate.enter(ctx, by); {
			case errors.Is(err, ErrBusy):
				q.told <- name + " away"
			case err != nil:
				q.told <- name + " gone"
			default:
				q.told <- name
			}
		}()
		synctest.Wait()
	}
}

// served is who gets the next n turns, in order.
func (q *queueing) served(n int) string {
	var order []string
	for range n {
		q.gate.leave()
		synctest.Wait()
		order = append(order, q.heard()...)
	}
	return strings.Join(order, " ")
}

// heard is what calls have told by now.
func (q *queueing) heard() (told []string) {
	for len(q.told) > 0 {
		told = append(told, <-q.told)
	}
	return told
}

// A network that floods the queue waits for itself: another's first call waits for one evaluation, and there is room for it.
func TestGateIsFairToNetworks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueueing(6)
		flood, office, home := Caller{Network: "f"}, Caller{Network: "o"}, Caller{Network: "h"}
		q.call(t.Context(), 8, flood)
		if got := q.heard(); !slices.Equal(got, []string{"f7 away", "f8 away"}) {
			t.Fatalf("of eight with room for six: %v", got)
		}
		q.call(t.Context(), 2, office)
		q.call(t.Context(), 1, home)
		// Whoever asks for the most makes room, its last call first.
		if got := q.heard(); !slices.Equal(got, []string{"f6 away", "f5 away", "f4 away"}) {
			t.Errorf("for three newcomers these made room: %v", got)
		}
		if got := q.served(6); got != "f1 o1 h1 f2 o2 f3" {
			t.Errorf("served %s", got)
		}
		if q.gate.leave(); q.gate.free != 1 || q.gate.strangers.waiting != 0 || len(q.gate.strangers.lines) != 0 {
			t.Errorf("in the end %d are free, %d wait in %d lines", q.gate.free, q.gate.strangers.waiting, len(q.gate.strangers.lines))
		}
	})
}

// However many networks fill the queue, a known browser has room of its own and every second turn.
func TestGateKeepsRoomForKnownBrowsers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueueing(4)
		for i := range 9 {
			q.call(t.Context(), 1, Caller{Network: string(rune('a' + i))})
		}
		if got := q.heard(); len(got) != 5 {
			t.Fatalf("of nine networks with room for four these were sent away: %v", got)
		}
		q.call(t.Context(), 2, Caller{Network: "x", Known: true})
		if got := q.heard(); len(got) != 0 {
			t.Errorf("for known browsers these went: %v", got)
		}
		if got := q.served(6); got != "a1 x1 b1 x2 c1 d1" {
			t.Errorf("served %s", got)
		}
		// One of them, whose owner floods, keeps no other out: they take turns as well.
		q.call(t.Context(), 5, Caller{Network: "y", Known: true})
		q.call(t.Context(), 1, Caller{Network: "z", Known: true})
		if got := q.heard(); !slices.Equal(got, []string{"y3 away", "y4 away", "y5 away", "y2 away"}) {
			t.Errorf("of known ones these were sent away: %v", got)
		}
		if got := q.served(2); got != "y1 z1" {
			t.Errorf("served %s", got)
		}
	})
}

// Who gives up leaves the line, wherever they stand, and keeps nobody's turn.
func TestGateForgetsWhoGaveUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueueing(9)
		ctx, cancel := context.WithCancel(t.Context())
		q.call(t.Context(), 1, Caller{Network: "a"})
		q.call(ctx, 2, Caller{Network: "b"})
		q.call(t.Context(), 1, Caller{Network: "c"})
		cancel()
		synctest.Wait()
		if got := q.heard(); len(got) != 2 {
			t.Errorf("gave up: %v", got)
		}
		if got := q.served(2); got != "a1 c1" {
			t.Errorf("served %s", got)
		}
	})
}
