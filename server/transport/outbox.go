package transport

import (
	"errors"
	"sync"
	"time"
)

// The bounds of what waits to be written to one socket.
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
	bytes  int
	closed bool
	room   chan struct{} // closed when a frame was taken; nil when nobody waits
}

func newOutbox() *outbox { return &outbox{ready: make(chan struct{}, 1)} }

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
	if len(o.frames) > 0 && (len(o.frames) >= maxQueuedFrames || o.bytes+len(f.payload) > maxQueuedBytes) {
		if o.room == nil {
			o.room = make(chan struct{})
		}
		return o.room, nil
	}
	o.frames = append(o.frames, f)
	o.bytes += len(f.payload)
	select {
	case o.ready <- struct{}{}:
	default:
	}
	return nil, nil
}

// take removes the oldest frame.
func (o *outbox) take() (frame, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.frames) == 0 {
		o.frames = nil // An idle socket keeps no array.
		return frame{}, false
	}
	f := o.frames[0]
	o.frames[0] = frame{} // The array must not keep the payload.
	o.frames = o.frames[1:]
	o.bytes -= len(f.payload)
	o.wakeWaiters()
	return f, true
}

// close drops what is queued and refuses the rest.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.frames, o.bytes = nil, 0
	o.wakeWaiters()
}

func (o *outbox) wakeWaiters() {
	if o.room != nil {
		close(o.room)
		o.room = nil
	}
}
