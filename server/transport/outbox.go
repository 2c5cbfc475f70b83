package transport

import (
	"errors"
	"slices"
	"sync"
	"time"
)

// The bounds of what waits to be written to one socket, what is being written among it.
const (
	maxQueuedFrames = 64
	maxQueuedBytes  = 1 << 20
)

var (
	errOutboxFull   = errors.New("the client does not read")
	errOutboxClosed = errors.New("the socket is closed")
	errDropped      = errors.New("the client completed the operation")
)

// frame is one message to a client: its operation's own id, and a payload that is never changed
// after it was queued, so that sockets may share one. A group queues a run of messages as one frame.
type frame struct {
	op      *operation // nil for the connection's own messages
	kind    string
	payload []byte        // JSON, nil for none
	more    [][]byte      // the payloads of the messages that follow in a run
	last    bool          // the operation's last frame: its id is free once this is written
	written chan struct{} // closed when the frame is on the wire, or has been passed over since its client wants it no more; nil when nobody waits for it
}

// outbox is the bounded queue in front of a socket's writer. One oversized frame fits into an
// empty queue.
type outbox struct {
	awake func() // makes a writer call next, and wrote afterwards

	mu       sync.Mutex
	sleeping bool // there is nothing for a writer to do
	frames   []frame
	first    [1]frame // what frames begins with: most sockets never have two
	held     int      // messages that are queued or being written
	bytes    int      // in them
	late     []*member
	ping     bool        // the client is to be asked for a sign of life
	pong     []byte      // the control frame that answers the client's newest ping
	pings    *time.Timer // makes ping due
	closed   bool
	room     chan struct{} // closed when frames were written; nil when nobody waits
}

func (o *outbox) init(awake func()) { o.awake, o.sleeping = awake, true }

// put queues a frame. Where there is no room it waits, at most the given time (errOutboxFull;
// 0: not at all), until the operation is dropped, or until the outbox is closed.
func (o *outbox) put(f frame, wait time.Duration) error {
	var gone <-chan struct{}
	if f.op != nil {
		gone = f.op.gone
	}
	var expired <-chan time.Time
	for {
		room, err := o.offer(f)
		if room == nil {
			return err
		}
		if wait <= 0 {
			return errOutboxFull
		}
		if expired == nil {
			timer := time.NewTimer(wait)
			defer timer.Stop()
			expired = timer.C
		}
		select {
		case <-room:
		case <-gone:
			return errDropped
		case <-expired:
			return errOutboxFull
		}
	}
}

// offer queues a frame or answers a channel that is closed when it is worth trying again.
func (o *outbox) offer(f frame) (room <-chan struct{}, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return nil, errOutboxClosed
	}
	if !o.fits(1, len(f.payload)) {
		if o.room == nil {
			o.room = make(chan struct{})
		}
		return o.room, nil
	}
	o.add(f, 1, len(f.payload))
	return nil, nil
}

// offerShared queues messages of a group in one step, as many as there is room for, and answers how many. Where that is
// not all of them it notes that the member is late: the writer takes what comes from the group's ring when it has room.
// Where the socket is closed it says that all is well, as nobody waits for more.
func (o *outbox) offerShared(m *member, run [][]byte) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return len(run)
	}
	n, bytes := 0, 0
	for n < len(run) && o.fits(n+1, bytes+len(run[n])) {
		bytes += len(run[n])
		n++
	}
	if n > 0 {
		o.add(frame{op: m.op, kind: "next", payload: run[0], more: run[1:n]}, n, bytes)
	}
	if n < len(run) {
		o.addLate(m)
	}
	return n
}

// takeUp makes the writer let a late member queue what it missed.
func (o *outbox) takeUp(m *member) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.closed {
		o.addLate(m)
		o.wake()
	}
}

func (o *outbox) addLate(m *member) {
	if !slices.Contains(o.late, m) {
		o.late = append(o.late, m)
	}
}

// fits says whether there is room for so many more messages of so many bytes.
func (o *outbox) fits(n, bytes int) bool {
	return o.held == 0 && n == 1 || o.held+n <= maxQueuedFrames && o.bytes+bytes <= maxQueuedBytes
}

// add queues a frame of n messages.
func (o *outbox) add(f frame, n, bytes int) {
	if o.frames == nil {
		o.frames = o.first[:0]
	}
	o.frames = append(o.frames, f)
	o.held += n
	o.bytes += bytes
	o.wake()
}

// wake makes a writer look, unless one is about to.
func (o *outbox) wake() {
	if o.sleeping {
		o.sleeping = false
		o.awake()
	}
}

// keepPinging makes a ping due after each interval until the outbox is closed.
func (o *outbox) keepPinging(interval time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	o.pings = time.AfterFunc(interval, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.closed {
			return
		}
		o.ping = true
		o.wake()
		o.pings.Reset(interval)
	})
}

// answer queues the control frame that answers a ping. Only the newest is answered, as RFC 6455 allows (section 5.5.3).
func (o *outbox) answer(data string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.closed {
		o.pong = append(append(o.pong[:0], finalPong, byte(len(data))), data...)
		o.wake()
	}
}

// next puts into the batch what is to be written at once, or answers which members are late where there is room for them:
// they come first. A frame that somebody waits for is not written with others before it: it has its time for itself.
func (o *outbox) next(b *batch) (late []*member) {
	o.mu.Lock()
	defer o.mu.Unlock()
	b.clear()
	if o.closed {
		return nil
	}
	if o.roomForLate() {
		late, o.late = o.late, nil
		return late
	}
	// Also while there is always something to write: a client that only listens has nothing to say but the answers to pings.
	if o.ping {
		o.ping = false
		b.addPing()
	}
	if o.pong != nil {
		b.bytes = append(b.bytes, o.pong...)
		o.pong = nil
	}
	o.take(b)
	return nil
}

// wrote takes out of the count what was in the batch, which has been written, and says whether there is more to do. Where
// there is not it wakes a writer when there is.
func (o *outbox) wrote(b *batch) (more bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if b.messages > 0 {
		o.held -= b.messages
		o.bytes -= b.payload
		o.wakeWaiters()
	}
	o.sleeping = !o.closed && !o.ping && o.pong == nil && len(o.frames) == 0 && !o.roomForLate()
	return !o.sleeping
}

// roomForLate says whether there are members that are late, and room for what they missed.
func (o *outbox) roomForLate() bool { return len(o.late) > 0 && o.held < maxQueuedFrames/2 }

// take moves the oldest frames into a batch.
func (o *outbox) take(b *batch) {
	whole := 0
	for i := range o.frames {
		if f := &o.frames[i]; b.n == len(b.frames) || b.n > 0 && f.written != nil || !b.take(f) {
			break
		}
		whole++
	}
	rest := copy(o.frames, o.frames[whole:])
	clear(o.frames[rest:]) // The array must not keep the payloads.
	if o.frames = o.frames[:rest]; rest == 0 {
		o.frames, o.first = nil, [1]frame{} // An idle socket keeps no array.
	}
}

// close drops what is queued and refuses the rest.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.frames, o.first, o.late, o.pong = nil, [1]frame{}, nil, nil
	if o.pings != nil {
		o.pings.Stop()
	}
	o.wakeWaiters()
	o.wake()
}

func (o *outbox) wakeWaiters() {
	if o.room != nil {
		close(o.room)
		o.room = nil
	}
}
