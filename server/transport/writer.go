package transport

import (
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// The bounds of what is written at once: a system call costs more than the frames in it.
const (
	maxBatchFrames = 16
	maxBatchBytes  = 64 << 10
)

// batch is what a writer writes at once: some frames and their bytes. Writers get one only while
// they write, from the pool.
type batch struct {
	frames [maxBatchFrames]frame
	n      int
	bytes  []byte
}

var batches = sync.Pool{New: func() any { return &batch{bytes: make([]byte, 0, 1<<10)} }}

func (b *batch) taken() []frame { return b.frames[:b.n] }

func (b *batch) release() {
	clear(b.taken())
	b.n, b.bytes = 0, b.bytes[:0]
	if cap(b.bytes) <= 2*maxBatchBytes {
		batches.Put(b)
	}
}

// add appends a frame as the WebSocket message that it becomes: text, final, and not masked, as a server's are
// (RFC 6455, section 5.2).
func (b *batch) add(f frame) {
	const text = 0x81
	length := len(`{"type":""}`) + len(f.kind) + len(f.payload)
	if f.op != nil {
		length += len(f.op.head)
	}
	if f.payload != nil {
		length += len(`,"payload":`)
	}
	switch {
	case length <= 125:
		b.bytes = append(b.bytes, text, byte(length))
	case length <= 0xFFFF:
		b.bytes = binary.BigEndian.AppendUint16(append(b.bytes, text, 126), uint16(length))
	default:
		b.bytes = binary.BigEndian.AppendUint64(append(b.bytes, text, 127), uint64(length))
	}
	b.bytes = append(b.bytes, '{')
	if f.op != nil {
		b.bytes = append(b.bytes, f.op.head...)
	}
	b.bytes = append(append(append(b.bytes, `"type":"`...), f.kind...), '"')
	if f.payload != nil {
		b.bytes = append(append(b.bytes, `,"payload":`...), f.payload...)
	}
	b.bytes = append(b.bytes, '}')
}

// write is the writer's goroutine.
func (s *socket) write() {
	defer close(s.written)
	defer s.recoverTransport("writer")

	pings := time.NewTicker(s.transport.PingInterval)
	defer pings.Stop()
	var err error
	for err == nil && !s.isClosing() {
		// Also while there is always something to write: a client that only listens has nothing to
		// say but the answers to pings.
		select {
		case <-pings.C:
			err = s.ping()
			continue
		default:
		}
		var wrote bool
		if wrote, err = s.writeQueued(); wrote || err != nil {
			continue
		}
		select {
		case <-s.outbox.ready:
		case <-s.closing:
		case <-pings.C:
			err = s.ping()
		}
	}
	if !s.isClosing() {
		s.cut() // What could not be written leaves half a message behind.
		return
	}
	s.mu.Lock()
	code, reason := s.code, s.reason
	s.mu.Unlock()
	if err == nil && code != 0 {
		err = s.connection.WriteControl(websocket.CloseMessage,
			websocket.FormatCloseMessage(code, shorten(reason)), time.Now().Add(closeGrace))
	}
	if err != nil {
		s.cut()
	}
}

// writeQueued writes the oldest frames of the queue at once, and lets members that are late queue what they missed. It
// says whether there were any frames.
func (s *socket) writeQueued() (bool, error) {
	b := batches.Get().(*batch)
	defer b.release()
	s.outbox.take(b)
	for i := range b.taken() {
		if f := &b.frames[i]; s.mayWrite(f) {
			b.add(*f)
		} else {
			f.written = nil
		}
	}
	if err := s.writeBytes(b.bytes); err != nil {
		return true, err
	}
	for _, f := range b.taken() {
		if f.written != nil {
			close(f.written)
		}
	}
	for _, m := range s.outbox.wrote(b) {
		m.group.catchUp(m)
	}
	return b.n > 0, nil
}

// writeBytes writes whole messages. gorilla, through which control frames go, writes those whole too.
func (s *socket) writeBytes(messages []byte) error {
	if len(messages) == 0 {
		return nil
	}
	connection := s.connection.NetConn()
	if err := connection.SetWriteDeadline(time.Now().Add(s.transport.WriteTimeout)); err != nil {
		return fmt.Errorf("write to a WebSocket: %w", err)
	}
	if s.isClosing() {
		return nil // Its own deadline must stand.
	}
	if _, err := connection.Write(messages); err != nil {
		return fmt.Errorf("write to a WebSocket: %w", err)
	}
	return nil
}

// mayWrite asks, right before a frame is written, whether anyone still wants it, and frees
// the id with the last one: a client may use it again as soon as it has read that frame, and
// nothing may come after its own complete.
func (s *socket) mayWrite(f *frame) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return false // It was taken when the socket was still open.
	case f.op == nil:
		return true
	case f.op.completed():
		return false
	}
	if f.last && s.live[f.op.id] == f.op {
		delete(s.live, f.op.id)
	}
	return true
}

// ping asks the client for a sign of life in both of its languages.
func (s *socket) ping() error {
	b := batches.Get().(*batch)
	defer b.release()
	b.add(frame{kind: "ping"})
	if err := s.writeBytes(b.bytes); err != nil {
		return err
	}
	if err := s.connection.WriteControl(websocket.PingMessage, nil, time.Now().Add(s.transport.WriteTimeout)); err != nil {
		return fmt.Errorf("ping a WebSocket: %w", err)
	}
	return nil
}
