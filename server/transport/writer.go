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

// The first bytes of what a server writes (RFC 6455, section 5.2): final, and not masked.
const (
	finalText = 0x81
	finalPing = 0x89
	finalPong = 0x8a
)

// batch is what a writer writes at once: some frames and their bytes. Writers get one only while
// they write, from the pool.
type batch struct {
	frames   [maxBatchFrames]frame
	n        int
	messages int // in the frames
	payload  int // bytes in them
	bytes    []byte
}

var batches = sync.Pool{New: func() any { return &batch{bytes: make([]byte, 0, 1<<10)} }}

func (b *batch) taken() []frame { return b.frames[:b.n] }

func (b *batch) empty() bool { return b.n == 0 && len(b.bytes) == 0 }

func (b *batch) clear() {
	clear(b.taken())
	b.n, b.messages, b.payload, b.bytes = 0, 0, 0, b.bytes[:0]
}

func (b *batch) release() {
	b.clear()
	if cap(b.bytes) <= 2*maxBatchBytes {
		batches.Put(b)
	}
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
	b.bytes = append(b.bytes, finalPing, 0)
}

// write is the writer's goroutine.
func (s *socket) write() {
	defer close(s.written)
	defer s.recoverTransport("writer")

	s.outbox.keepPinging(s.transport.PingInterval)
	var err error
	for {
		if err = s.writeQueued(); err != nil || s.isClosing() {
			break
		}
		<-s.outbox.ready
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

// writeQueued writes the queue until there is nothing in it, and lets members that are late queue what they missed.
func (s *socket) writeQueued() error {
	b := batches.Get().(*batch)
	defer b.release()
	for {
		late := s.outbox.next(b)
		for _, m := range late {
			m.group.catchUp(m)
		}
		switch {
		case len(late) > 0:
			continue
		case b.empty():
			return nil
		}
		for i := range b.taken() {
			if f := &b.frames[i]; s.mayWrite(f) {
				b.add(f)
			} else {
				f.written = nil
			}
		}
		if err := s.writeBytes(b.bytes); err != nil {
			return err
		}
		for _, f := range b.taken() {
			if f.written != nil {
				close(f.written)
			}
		}
	}
}

// writeBytes writes whole messages. gorilla, through which close frames go, writes those whole too. The deadline is not
// set anew for each: one has the write timeout, and up to a quarter of it more.
func (s *socket) writeBytes(messages []byte) error {
	if len(messages) == 0 {
		return nil
	}
	now, grace := time.Now(), s.transport.WriteTimeout/4
	if now.Sub(s.renewed) > grace {
		if err := s.wire.SetWriteDeadline(now.Add(s.transport.WriteTimeout + grace)); err != nil {
			return fmt.Errorf("write to a WebSocket: %w", err)
		}
		if s.renewed = now; s.isClosing() {
			return nil // Its own deadline must stand.
		}
	}
	if _, err := s.wire.Write(messages); err != nil {
		return fmt.Errorf("write to a WebSocket: %w", err)
	}
	return nil
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
