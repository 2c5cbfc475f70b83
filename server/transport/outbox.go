package transport

import (
	"errors"
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
// after it was queued, so that sockets may share one.
type frame struct {
	op      *operation // nil for the connection's own messages
	kind    string
	payload []byte        // JSON, nil for none
	last    bool          // the operation's last frame: its id is free once this is written
	written chan struct{} // closed when the frame is on the wire; nil when nobody waits for it
}

// outbox is the bounded queue in front of a socket's writer. One oversized frame fits into an
// empty queue.
type outbox struct {
	ready chan struct{} // has a token when there may be frames

	mu     sync.Mutex
	frames []frame
	first  [1]frame // what frames begins with: most sockets never have two
	held   int      // frames that are queued or being written
	bytes  int      // in them
	late   []*member
	closed bool
	room   chan struct{} // closed when frames were written; nil when nobody waits
}

func (o *outbox) init() { o.ready = make(chan struct{}, 1) }

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
	if !o.add(f) {
		if o.room == nil {
			o.room = make(chan struct{})
		}
		return o.room, nil
	}
	return nil, nil
}

// offerShared queues a frame of a group, or notes that the member is late: the writer takes what comes from the
// group's ring when it has room. Where the socket is closed it says that all is well, as nobody waits for more.
func (o *outbox) offerShared(m *member, payload []byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || o.add(frame{op: m.op, kind: "next", payload: payload}) {
		return true
	}
	o.late = append(o.late, m)
	return false
}

// stillLate notes a member that could not take up what it missed.
func (o *outbox) stillLate(m *member) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.closed {
		o.late = append(o.late, m)
	}
}

// add queues a frame if there is room.
func (o *outbox) add(f frame) bool {
	if o.held > 0 && (o.held >= maxQueuedFrames || o.bytes+len(f.payload) > maxQueuedBytes) {
		return false
	}
	if o.frames == nil {
		o.frames = o.first[:0]
	}
	o.frames = append(o.frames, f)
	o.held++
	o.bytes += len(f.payload)
	o.wake()
	return true
}

// wake makes the writer look.
func (o *outbox) wake() { // The lock is not needed.
	select {
	case o.ready <- struct{}{}:
	default:
	}
}

// take moves the oldest frames into a batch: what is written at once. A frame that somebody waits for is not written with
// others before it: it has its time for itself.
func (o *outbox) take(b *batch) {
	o.mu.Lock()
	defer o.mu.Unlock()
	bytes := 0
	for _, f := range o.frames[:min(len(o.frames), len(b.frames))] {
		if bytes += len(f.payload); b.n > 0 && (bytes > maxBatchBytes || f.written != nil) {
			break
		}
		b.frames[b.n] = f
		b.n++
	}
	rest := copy(o.frames, o.frames[b.n:])
	clear(o.frames[rest:]) // The array must not keep the payloads.
	if o.frames = o.frames[:rest]; rest == 0 {
		o.frames, o.first = nil, [1]frame{} // An idle socket keeps no array.
	}
}

// wrote makes room for as much as was taken, and answers which members are late where there is room for them.
func (o *outbox) wrote(b *batch) (late []*member) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return nil
	}
	for _, f := range b.taken() {
		o.held--
		o.bytes -= len(f.payload)
	}
	o.wakeWaiters()
	if o.held < maxQueuedFrames/2 {
		late, o.late = o.late, nil
	}
	return late
}

// close drops what is queued and refuses the rest.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.frames, o.first, o.late = nil, [1]frame{}, nil
	o.wakeWaiters()
}

func (o *outbox) wakeWaiters() {
	if o.room != nil {
		close(o.room)
		o.room = nil
	}
}
