package secret

import (
	"context"
	"slices"
	"sync"
)

// Caller is whom an evaluation is for, as far as the queue before it cares.
type Caller struct {
	// Network is where the call comes from, as wide as one customer may hold: those from one network queue behind each other.
	Network string
	// Known says that the account knows the browser: such calls have a queue of their own, which nobody else fills.
	Known bool
}

// gate lets a few evaluations run at once while others wait. Networks take turns, within one the order is that of arrival, and
// where there is no more room the last call of the network that waits with the most is sent away. So whoever asks for more than
// their share waits for themselves, and a newcomer waits for one evaluation of each other network. Known browsers wait apart,
// with room of their own, and get every second turn.
type gate struct {
	mu               sync.Mutex
	free             int // evaluations that may begin at once; while it is not zero, nobody waits
	strangers, known lane
	knownNext        bool // the next turn is that of the known ones
}

// newGate lets concurrent run at once while queue wait, and half as many known browsers besides.
func newGate(concurrent, queue int) *gate {
	return &gate{free: concurrent, strangers: lane{room: queue}, known: lane{room: (queue + 1) / 2}}
}

// enter waits until the call may run: leave has to follow. It answers ErrBusy where there is no room, and the context's error
// where that ends first.
func (g *gate) enter(ctx context.Context, by Caller) error {
	turn, withdraw := g.queue(by)
	select {
	case may := <-turn:
		if !may {
			return ErrBusy
		}
	case <-ctx.Done():
		if withdraw() || !<-turn {
			return context.Cause(ctx)
		}
	}
	// Where both were possible select chose by lot: work for a caller who has gone is never begun.
	if ctx.Err() != nil {
		g.leave()
		return context.Cause(ctx)
	}
	return nil
}

// queue gives the channel on which the call hears that its turn has come, or that there is no room for it. withdraw says that
// it waits no longer, and whether it was waiting still.
func (g *gate) queue(by Caller) (turn chan bool, withdraw func() bool) {
	turn = make(chan bool, 1)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.free > 0 {
		g.free--
		turn <- true
		return turn, func() bool { return false }
	}
	l := &g.strangers
	if by.Known {
		l = &g.known
	}
	l.add(by.Network, turn)
	return turn, func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		return l.remove(by.Network, turn)
	}
}

// leave gives the place to whoever is next.
func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	first, second := &g.strangers, &g.known
	if g.knownNext {
		first, second = second, first
	}
	g.knownNext = !g.knownNext
	turn := first.next()
	if turn == nil {
		turn = second.next()
	}
	if turn == nil {
		g.free++
		return
	}
	turn <- true
}

// lane is one of the two queues.
type lane struct {
	room    int
	waiting int
	lines   []*line // in the order of their turns
}

// line are the calls of one network, in the order of arrival.
type line struct {
	network string
	calls   []chan bool
}

// add queues a call. Where there is no room the last one of the longest line is sent away; of lines of one length that is the
// newcomer's.
func (l *lane) add(network string, turn chan bool) {
	own := l.find(network)
	if own == nil {
		own = &line{network: network}
		l.lines = append(l.lines, own)
	}
	own.calls = append(own.calls, turn)
	l.waiting++
	if l.waiting <= l.room {
		return
	}
	longest := own
	for _, other := range l.lines {
		if len(other.calls) > len(longest.calls) {
			longest = other
		}
	}
	last := longest.calls[len(longest.calls)-1]
	l.remove(longest.network, last)
	last <- false
}

// next takes the call whose turn it is, nil where none waits; the rest of its network goes to the end.
func (l *lane) next() chan bool {
	if len(l.lines) == 0 {
		return nil
	}
	now := l.lines[0]
	turn := now.calls[0]
	l.lines = append(l.lines[1:], now)
	l.remove(now.network, turn)
	return turn
}

// remove takes a call out. It says whether it was there.
func (l *lane) remove(network string, turn chan bool) bool {
	own := l.find(network)
	if own == nil {
		return false
	}
	i := slices.Index(own.calls, turn)
	if i < 0 {
		return false
	}
	own.calls = slices.Delete(own.calls, i, i+1)
	l.waiting--
	if len(own.calls) == 0 {
		l.lines = slices.DeleteFunc(l.lines, func(other *line) bool { return other == own })
	}
	return true
}

func (l *lane) find(network string) *line {
	if i := slices.IndexFunc(l.lines, func(own *line) bool { return own.network == network }); i >= 0 {
		return l.lines[i]
	}
	return nil
}
