package transport

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// The bounds of what is written at once: a system call costs more than the frames in it.
const (
	maxBatchFrames = 16
	maxBatchBytes  = 64 << 10
)

// waitParts is how often in a write timeout it is looked at whether a client has taken in something.
const waitParts = 8

// writePiece is how many bytes a client must take in within the write timeout where nobody knows what the kernel holds.
const writePiece = 4 << 10

// The first bytes of what a server writes (RFC 6455, section 5.2): final, and not masked.
const (
	finalText  = 0x81
	finalClose = 0x88
	finalPing  = 0x89
	finalPong  = 0x8a
)

// batch is what a writer writes at once: some frames and their bytes.
type batch struct {
	frames   [maxBatchFrames]frame
	n        int
	messages int // in the frames
	payload  int // bytes in them
	bytes    []byte
}

func (b *batch) taken() []frame { return b.frames[:b.n] }

func (b *batch) clear() {
	clear(b.taken())
	b.n, b.messages, b.payload, b.bytes = 0, 0, 0, b.bytes[:0]
}

// take takes as much of a frame as there is place for and leaves the rest of its run in it. It says whether that is all.
func (b *batch) take(f *frame) bool {
	n, bytes := 0, 0
	for next := f.payload; b.fits(n+1, bytes+len(next)); next = f.more[n-1] {
		bytes += len(next)
		if n++; n > len(f.more) {
			break
		}
	}
	if n == 0 {
		return false
	}
	b.frames[b.n] = *f
	b.n++
	b.messages += n
	b.payload += bytes
	if n > len(f.more) {
		return true
	}
	b.frames[b.n-1].more = f.more[:n-1]
	f.payload, f.more = f.more[n-1], f.more[n:]
	return false
}

// fits says whether there is place for so many more messages of so many bytes; for one there always is in an empty batch.
func (b *batch) fits(n, bytes int) bool {
	return b.messages == 0 && n == 1 || b.messages+n <= maxBatchFrames && b.payload+bytes <= maxBatchBytes
}

// add appends the bytes of a frame's messages.
func (b *batch) add(f *frame) {
	b.addMessage(f, f.payload)
	for _, payload := range f.more {
		b.addMessage(f, payload)
	}
}

// addMessage appends a message of a frame as the WebSocket's own text frame that it becomes.
func (b *batch) addMessage(f *frame, payload []byte) {
	length := len(`{"type":""}`) + len(f.kind) + len(payload)
	if f.op != nil {
		length += len(f.op.head)
	}
	if payload != nil {
		length += len(`,"payload":`)
	}
	switch {
	case length <= 125:
		b.bytes = append(b.bytes, finalText, byte(length))
	case length <= 0xFFFF:
		b.bytes = binary.BigEndian.AppendUint16(append(b.bytes, finalText, 126), uint16(length))
	default:
		b.bytes = binary.BigEndian.AppendUint64(append(b.bytes, finalText, 127), uint64(length))
	}
	b.bytes = append(b.bytes, '{')
	if f.op != nil {
		b.bytes = append(b.bytes, f.op.head...)
	}
	b.bytes = append(append(append(b.bytes, `"type":"`...), f.kind...), '"')
	if payload != nil {
		b.bytes = append(append(b.bytes, `,"payload":`...), payload...)
	}
	b.bytes = append(b.bytes, '}')
}

// addPing asks the client for a sign of life in both of its languages.
func (b *batch) addPing() {
	b.addMessage(&frame{kind: "ping"}, nil)
	b.addControl(finalPing, nil)
}

// addControl appends a control frame, whose data must be no more than 125 bytes.
func (b *batch) addControl(first byte, data []byte) {
	b.bytes = append(append(b.bytes, first, byte(len(data))), data...)
}

// writers write to the sockets that have something queued, in turn: as many goroutines as there are processors, and only
// while there is something to write. A socket to which nothing happens has no writer, and what reaches a thousand sockets
// wakes two or three goroutines and not a thousand. No socket is waited for: where one has no room, the writer whose turn it
// is stays with it, and another goes on in its place. The zero value is ready.
type writers struct {
	mu          sync.Mutex
	first, last *socket // those whose turn comes, linked by their field next; nil for none
	running     int     // writers that wait for no socket
}

// add queues a socket, which must not be queued or have its turn.
func (w *writers) add(s *socket) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.last == nil {
		w.first = s
	} else {
		w.last.next = s
	}
	w.last = s
	w.start()
}

// start begins a writer where there is something to do and not as many as processors. The mutex is held.
func (w *writers) start() {
	if w.first != nil && w.running < runtime.GOMAXPROCS(0) {
		w.running++
		go w.run()
	}
}

// take answers the socket whose turn it is; without one the writer must end.
func (w *writers) take() *socket {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.first
	if s == nil {
		w.running--
		return nil
	}
	if w.first, s.next = s.next, nil; w.first == nil {
		w.last = nil
	}
	return s
}

// leave is called by a writer that is going to wait for a socket.
func (w *writers) leave() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running--
	w.start()
}

// run is a writer's goroutine.
func (w *writers) run() {
	own, ok := idleWriters.Get().(*writer)
	if !ok {
		own = newWriter()
	}
	defer own.release()
	for own.waited = false; !own.waited; {
		s := w.take()
		if s == nil {
			return
		}
		if own.turn(s) {
			w.add(s)
		}
	}
}

// idleWriters are those that may be used again.
var idleWriters sync.Pool

// writer is what a writer's goroutine works with.
type writer struct {
	batch
	socket *socket
	rest   []byte             // what is still to be written
	failed error              // why it was not
	waited bool               // it has waited for a socket, and others have taken its place
	behind int                // bytes that the client had not taken in when that was last looked at
	since  time.Time          // when they last became fewer
	try    func(uintptr) bool // its method, once for all turns
}

func newWriter() *writer {
	w := &writer{batch: batch{bytes: make([]byte, 0, 1<<10)}}
	w.try = w.tryWrite
	return w
}

func (w *writer) release() {
	w.clear()
	w.socket, w.rest, w.failed = nil, nil, nil
	if cap(w.bytes) <= 2*maxBatchBytes {
		idleWriters.Put(w)
	}
}

// turn writes to a socket what is to be written at once, and lets members that are late queue what they missed. It says
// whether there is more to do. At the end of the socket it writes the close frame.
func (w *writer) turn(s *socket) (more bool) {
	ended := true
	defer func() {
		if ended {
			close(s.written)
		}
	}()
	defer s.recoverTransport("writer")

	w.socket = s
	late := s.outbox.next(&w.batch)
	for _, m := range late {
		m.group.catchUp(m)
	}
	if s.isClosing() {
		w.farewell()
		return false
	}
	for i := range w.taken() {
		if f := &w.frames[i]; s.mayWrite(f) {
			w.add(f)
		}
	}
	if err := w.write(); err != nil {
		s.cut() // What could not be written leaves half a message behind.
		return false
	}
	for _, f := range w.taken() {
		if f.written != nil {
			close(f.written)
		}
	}
	ended = false
	return s.outbox.wrote(&w.batch)
}

// farewell writes the close frame of a socket that ends, and nothing after it.
func (w *writer) farewell() {
	s := w.socket
	s.mu.Lock()
	code, reason := s.code, s.reason
	s.mu.Unlock()
	w.clear()
	_ = s.wire.SetWriteDeadline(time.Now().Add(closeGrace)) // An error shows at the write.
	if code != 0 {
		w.addControl(finalClose, websocket.FormatCloseMessage(code, shorten(reason)))
	}
	if w.write() != nil {
		s.cut()
	}
}

// write writes the batch's bytes, which are whole messages.
func (w *writer) write() error {
	if len(w.bytes) == 0 {
		return nil
	}
	w.rest, w.failed = w.bytes, nil
	if w.socket.raw != nil {
		w.writeRaw()
	} else {
		w.writePieces()
	}
	if w.failed != nil {
		return fmt.Errorf("write to a WebSocket: %w", w.failed)
	}
	if w.waited {
		w.socket.allowWriting(time.Time{})
	}
	return nil
}

// writeRaw writes the rest without waiting, as far as there is room, and then waits part by part of the write timeout.
func (w *writer) writeRaw() {
	for last := false; ; {
		err := w.socket.raw.Write(w.try)
		if err == nil {
			return
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) || last {
			w.failed = err
			return
		}
		// The end of a socket has set its own deadline, which may have come just after the part's was over.
		last = !w.socket.allowWriting(w.part())
	}
}

// writePieces writes the rest where it cannot be written without waiting, a piece in each write timeout.
func (w *writer) writePieces() {
	s := w.socket
	w.giveWay()
	for len(w.rest) > 0 && w.failed == nil {
		s.allowWriting(time.Now().Add(s.transport.WriteTimeout))
		var n int
		n, w.failed = s.wire.Write(w.rest[:min(len(w.rest), writePiece)])
		w.rest = w.rest[n:]
		s.takesIn()
	}
}

// wait is called where the kernel has no room for the rest, with the bytes that it holds. It says whether the client
// has time left: it has the write timeout anew whenever it has taken in something, so that who reads slowly is kept, and who
// reads nothing is not.
func (w *writer) wait(unsent int) bool {
	now, behind := time.Now(), len(w.rest)+unsent
	switch {
	case !w.waited:
		w.since = now
		w.giveWay()
	case behind < w.behind:
		w.since = now
		w.socket.takesIn()
	case now.Sub(w.since) >= w.socket.transport.WriteTimeout:
		w.failed = os.ErrDeadlineExceeded
		return false
	}
	w.behind = behind
	w.socket.allowWriting(w.part())
	return true
}

// part is when it is to be looked at again what the client has taken in.
func (w *writer) part() time.Time { return time.Now().Add(w.socket.transport.WriteTimeout / waitParts) }

// giveWay gives the writer's place to another, before it waits.
func (w *writer) giveWay() {
	if !w.waited {
		w.waited = true
		w.socket.transport.writers.leave()
	}
}

// mayWrite asks, right before a frame is written, whether anyone still wants it, and frees
// the id with the last one: a client may use it again as soon as it has read that frame, and
// nothing may come after its own complete.
func (s *socket) mayWrite(f *frame) bool {
	if f.op == nil {
		return true
	}
	if !f.last {
		return !f.op.completed()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.op.completed() {
		return false
	}
	if s.live[f.op.id] == f.op {
		delete(s.live, f.op.id)
	}
	return true
}
