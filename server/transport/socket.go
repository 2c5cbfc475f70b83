package transport

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
	"github.com/gorilla/websocket"
)

// maxID bounds an operation's id in bytes: every frame repeats it.
const maxID = 256

// socket is one connection. Its reader owns it: it takes messages one after the other, starts
// operations, and puts everything away at the end. Only the writer writes messages. While nothing
// happens it holds no more than it needs to be woken: the buffers are a pool's, and whatever needs a
// deep stack runs on another goroutine than these two, whose stacks stay small.
type socket struct {
	transport  *WebSocket
	connection *websocket.Conn
	wire       net.Conn        // what the writers write to; gorilla reads only
	raw        syscall.RawConn // the same, nil where it cannot be written without waiting
	next       *socket         // of the writers
	request    *http.Request   // nil after connection_init
	exec       graphql.GraphExecutor
	outbox     outbox
	cancel     context.CancelFunc
	closing    chan struct{} // closed when the socket is to end
	written    chan struct{} // closed when the last was written
	goroutines sync.WaitGroup

	// Of the reader only, but ctx stays the same from the first operation on.
	ctx   context.Context //nolint:containedctx // A socket outlives the call that made it.
	begun bool            // connection_init was accepted

	client netip.Addr

	// Of the session, and whose it is, "" for nobody's; the same from the first operation on, before it guarded by the
	// transport's mutex.
	key, account string

	stranger bool        // connection_init named no session; guarded by the transport's mutex
	idle     *time.Timer // of a stranger

	mu      sync.Mutex // guards what follows
	closed  bool
	code    int // of the close frame; 0 for none
	reason  string
	live    map[string]*operation
	running int
	taken   int // counts the moments at which the client, while behind, has taken in something
	// asked counts the operations that were begun; askedBefore is what endIdle saw of it.
	asked, askedBefore int
}

func newSocket(t *WebSocket, connection *websocket.Conn, wire net.Conn, r *http.Request, exec graphql.GraphExecutor) *socket {
	// net/http ends the request's context when the handler returns.
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
	s := &socket{
		transport: t, connection: connection, wire: wire, raw: rawConnection(wire), request: r.WithContext(ctx), exec: exec,
		ctx: ctx, cancel: cancel,
		closing: make(chan struct{}), written: make(chan struct{}), live: map[string]*operation{},
	}
	s.outbox.init(func() { t.writers.add(s) })
	return s
}

// close makes the socket end with a close frame (code 0: without one). The first call decides.
// It never waits: the writer sends the frame, and deadlines see to it that nobody holds it up.
func (s *socket) close(code int, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.closed, s.code, s.reason = true, code, reason
	close(s.closing) // First: the writer looks at it when the outbox wakes it.
	s.outbox.close()
	s.cancel() // Last: what operations make of it must find the outbox closed.
	// The reader waits for the client's close frame only so long. A write under way that a
	// stalled client holds up ends too; a net.Conn's deadlines may be set from anywhere, and an
	// error means that the connection is closed already.
	deadline := time.Now().Add(closeGrace)
	_ = s.wire.SetReadDeadline(deadline)
	_ = s.wire.SetWriteDeadline(deadline)
}

// cut ends the connection without a word.
func (s *socket) cut() {
	s.close(0, "")
	_ = s.connection.Close() // There is nobody to tell.
}

func (s *socket) isClosing() bool {
	select {
	case <-s.closing:
		return true
	default:
		return false
	}
}

// allowWriting sets until when the client may take in what is being written, zero for no end, unless the socket is ending:
// then its own deadline stands, which it says.
func (s *socket) allowWriting(until time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		_ = s.wire.SetWriteDeadline(until) // An error shows at the write.
	}
	return !s.closed
}

// takesIn notes that the client, which is behind, has taken in something: that is a sign of life too, as pings wait behind
// what it has not read.
func (s *socket) takesIn() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken++
	if !s.closed && s.asked > 0 { // before it has asked for something, connection_init has its own time
		_ = s.connection.SetReadDeadline(time.Now().Add(2 * s.transport.PingInterval)) // An error shows at the next read.
	}
}

// queue queues a frame. Where there is no room it waits until the client has taken in nothing for the write timeout, or is
// to learn that it lost access: that has one write timeout.
func (s *socket) queue(f frame, lost func() bool) error {
	for {
		before := s.hasTaken()
		err := s.outbox.put(f, s.transport.WriteTimeout)
		if !errors.Is(err, errOutboxFull) || s.hasTaken() == before || lost() {
			return err
		}
	}
}

func (s *socket) hasTaken() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.taken
}

// listen gives the client the time until its next sign of life, unless the socket is ending.
func (s *socket) listen(wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		_ = s.connection.SetReadDeadline(time.Now().Add(wait)) // An error shows at the next read.
	}
}

// read is the reader's goroutine.
func (s *socket) read() {
	defer s.transport.running.Done()
	defer func() {
		s.close(0, "")
		<-s.written
		_ = s.connection.Close() // There is nobody to tell.
		s.transport.forget(s)
		s.leaveGroups()
		s.goroutines.Wait()
	}()
	defer s.recoverTransport("reader")

	s.connection.SetReadLimit(s.transport.MaxMessage)
	s.connection.SetPongHandler(func(string) error {
		if s.begun {
			s.listen(2 * s.transport.PingInterval)
		}
		return nil
	})
	s.connection.SetPingHandler(func(data string) error {
		s.outbox.answer(data)
		return nil
	})
	s.connection.SetCloseHandler(func(code int, _ string) error {
		s.close(code, "") // A writer answers: nothing may come after a close frame.
		return nil
	})
	s.listen(s.transport.InitTimeout)
	for {
		kind, data, err := s.connection.ReadMessage()
		if err != nil {
			s.readFailed(err)
			return
		}
		if s.isClosing() {
			continue // Until the client's close frame or the deadline.
		}
		if s.begun {
			s.listen(2 * s.transport.PingInterval)
		}
		received := make(chan struct{})
		go func() {
			defer close(received)
			defer s.recoverTransport("reader")
			s.receive(kind, data)
		}()
		<-received
	}
}

// readFailed ends a socket whose client broke the protocol of WebSockets, or was silent for too long, with the code for that.
func (s *socket) readFailed(err error) {
	var (
		ended   *websocket.CloseError // by the client, or by its connection's end
		network net.Error
	)
	switch {
	case errors.As(err, &ended):
		return
	case errors.As(err, &network):
		if network.Timeout() && !s.begun {
			s.close(closeInitTimeout, "Connection initialisation timeout")
		}
		return
	case errors.Is(err, websocket.ErrReadLimit):
		s.close(websocket.CloseMessageTooBig, "")
	default:
		s.close(websocket.CloseProtocolError, strings.TrimPrefix(err.Error(), "websocket: "))
	}
	// What the client still sends must be read, or the close frame is lost with the reset that unread data causes.
	_, _ = io.Copy(io.Discard, s.wire)
}

// message is what a client sends.
type message struct {
	kind    string
	id      string
	payload json.RawMessage // nil when absent or null
}

func decodeMessage(data []byte) (m message, problem string) {
	object, err := decodeObject[json.RawMessage](data)
	if err != nil || !utf8.Valid(data) {
		return m, "Invalid message: not a JSON object in UTF-8"
	}
	if json.Unmarshal(object["type"], &m.kind) != nil || m.kind == "" {
		return m, "Invalid message: type must be a string"
	}
	if raw := object["payload"]; raw != nil && !isNull(raw) {
		if raw[0] != '{' {
			return m, "Invalid message: payload must be an object"
		}
		m.payload = raw
	}
	switch m.kind {
	case "connection_init", "ping", "pong":
	case "subscribe", "complete":
		if json.Unmarshal(object["id"], &m.id) != nil || m.id == "" {
			return m, "Invalid message: id must be a string that is not empty"
		}
		if len(m.id) > maxID {
			return m, fmt.Sprintf("Invalid message: id is longer than %d bytes", maxID)
		}
	default:
		return m, "Invalid message: unknown type"
	}
	return m, ""
}

// receive does what a message asks for. It may wait for room in the outbox, so that a client that
// sends without reading waits itself.
func (s *socket) receive(kind int, data []byte) {
	if kind != websocket.TextMessage {
		s.close(closeInvalidMessage, "Invalid message: binary")
		return
	}
	m, problem := decodeMessage(data)
	if problem != "" {
		s.close(closeInvalidMessage, problem)
		return
	}
	switch m.kind {
	case "connection_init":
		s.begin(m)
	case "ping":
		s.send(frame{kind: "pong", payload: m.payload})
	case "pong":
	case "complete":
		s.complete(m.id)
	case "subscribe":
		s.subscribe(m)
	}
}

func (s *socket) begin(m message) {
	if s.begun {
		s.close(closeTooMany, "Too many initialisation requests")
		return
	}
	key := ""
	if s.transport.Authenticate != nil {
		var payload map[string]any
		if m.payload != nil && json.Unmarshal(m.payload, &payload) != nil {
			s.close(closeInvalidMessage, "Invalid message: payload must be an object")
			return
		}
		timer := time.AfterFunc(s.transport.OperationTimeout, s.cancel)
		authenticated, sessionKey, err := s.transport.Authenticate(s.ctx, s.request, payload)
		if !timer.Stop() && err == nil {
			err = context.DeadlineExceeded
		}
		if err != nil {
			s.notAccepted(err)
			return
		}
		s.ctx, key = authenticated, sessionKey
	}
	if key != "" {
		account := ""
		if s.transport.Account != nil {
			account = s.transport.Account(s.ctx)
		}
		if full := s.transport.join(s, key, account); full != "" {
			s.close(closeTooMany, full)
			return
		}
	}
	if key == "" && s.transport.Authenticate != nil && !s.transport.meet(s) {
		s.close(closeTooMany, "Too many sockets without a session: sign in first, or ask by POST")
		return
	}
	s.begun, s.request = true, nil
	s.listen(2 * s.transport.PingInterval)
	s.send(frame{kind: "connection_ack"})
}

// notAccepted closes a socket without an acknowledgement: only who was refused is told not to come back with the same.
func (s *socket) notAccepted(err error) {
	if errors.Is(err, ErrForbidden) {
		s.transport.Logger.InfoContext(s.ctx, "a WebSocket was not accepted", "error", err)
		s.close(closeForbidden, "Forbidden")
		return
	}
	if !s.isClosing() { // else nobody waits for it any more
		s.transport.Logger.WarnContext(s.ctx, "nobody could say whether to accept a WebSocket", "error", err)
	}
	s.close(websocket.CloseTryAgainLater, "Try again later")
}

// send queues a message of the connection itself.
func (s *socket) send(f frame) {
	if err := s.queue(f, func() bool { return false }); errors.Is(err, errOutboxFull) {
		s.close(websocket.CloseTryAgainLater, "Too slow")
	}
}

func (s *socket) recoverTransport(where string) {
	if panicked := recover(); panicked != nil {
		s.transport.Logger.ErrorContext(s.ctx, "panic in a WebSocket", "goroutine", where,
			"panic", fmt.Sprint(panicked), "stack", string(debug.Stack()))
		s.close(websocket.CloseInternalServerErr, "Internal error")
		if where == "writer" {
			s.cut()
		}
	}
}

// shorten cuts a close frame's reason to the 123 bytes that RFC 6455 leaves for it.
func shorten(reason string) string {
	const most = 123
	if len(reason) <= most {
		return reason
	}
	end := most
	for !utf8.RuneStart(reason[end]) {
		end--
	}
	return reason[:end]
}
