package transport_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"muster/server/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen. Only a failure takes that long.
const patience = 20 * time.Second

// client is a WebSocket client that writes and reads exactly what a test says.
type client struct {
	*websocket.Conn
	t *testing.T
}

// received is a message from the server.
type received struct {
	ID, Type string
	Payload  json.RawMessage
}

// handshake opens a socket; status is the response's, and retry its Retry-After.
func (a *api) handshake(t *testing.T, subprotocol string, header http.Header) (c *client, status int, retry string) {
	t.Helper()
	dialer := websocket.Dialer{HandshakeTimeout: patience}
	if subprotocol != "" {
		dialer.Subprotocols = []string{subprotocol}
	}
	connection, response, err := dialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(a.server.URL, "http"), header)
	if response == nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if err == nil {
		c = &client{connection, t}
		t.Cleanup(func() { _ = connection.Close() })
	}
	return c, response.StatusCode, response.Header.Get("Retry-After")
}

// dial opens a socket and sends nothing.
func (a *api) dial(t *testing.T) *client {
	t.Helper()
	c, status, _ := a.handshake(t, transport.Subprotocol, nil)
	if c == nil {
		t.Fatalf("no socket: %d", status)
	}
	return c
}

// connect opens a socket for the session of that name and waits for the acknowledgement.
func (a *api) connect(t *testing.T, session string) *client {
	t.Helper()
	c := a.dial(t)
	c.send(`{"type":"connection_init","payload":{"authorization":"` + session + `"}}`)
	c.expect("connection_ack", "", "")
	return c
}

func (c *client) send(raw string) {
	c.t.Helper()
	if err := c.WriteMessage(websocket.TextMessage, []byte(raw)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) subscribe(id, query string) {
	c.t.Helper()
	message, err := json.Marshal(map[string]any{"id": id, "type": "subscribe", "payload": map[string]any{"query": query}})
	if err != nil {
		c.t.Fatal(err)
	}
	c.send(string(message))
}

// watch starts a subscription and answers its source.
func (a *api) watch(c *client, id string) *source {
	c.t.Helper()
	c.subscribe(id, `subscription{ticks(name:"`+id+`")}`)
	return receive(c.t, a.streams)
}

func (c *client) next() (received, error) {
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return received{}, err
	}
	_, raw, err := c.ReadMessage()
	if err != nil {
		return received{}, err
	}
	var m received
	return m, json.Unmarshal(raw, &m)
}

// expect reads one message and compares it; payload "" is not looked at.
func (c *client) expect(kind, id, payload string) received {
	c.t.Helper()
	m, err := c.next()
	if err != nil {
		c.t.Fatalf("waiting for %s %s: %v", kind, id, err)
	}
	if m.Type != kind || m.ID != id || (payload != "" && string(m.Payload) != payload) {
		c.t.Fatalf("got %s %s %s, want %s %s %s", m.Type, m.ID, m.Payload, kind, id, payload)
	}
	return m
}

// expectError reads an error frame with one error of that code.
func (c *client) expectError(id, code string) {
	c.t.Helper()
	m := c.expect("error", id, "")
	var errs []struct {
		Message    string
		Extensions map[string]any
	}
	if err := json.Unmarshal(m.Payload, &errs); err != nil || len(errs) == 0 || errs[0].Message == "" {
		c.t.Fatalf("the payload of an error frame is not a list of errors: %s", m.Payload)
	}
	if errs[0].Extensions["code"] != code {
		c.t.Fatalf("got %s, want %s", m.Payload, code)
	}
}

// expectQuiet shows that nothing more was on its way: a ping sent now is answered next.
func (c *client) expectQuiet() {
	c.t.Helper()
	c.send(`{"type":"ping"}`)
	c.expect("pong", "", "")
}

// expectClose reads until the close frame and compares it; what comes before it must be none of
// the given types.
func (c *client) expectClose(code int, reason string, never ...string) {
	c.t.Helper()
	for {
		m, err := c.next()
		if err == nil {
			for _, kind := range never {
				if m.Type == kind {
					c.t.Fatalf("got %s before the close frame", kind)
				}
			}
			continue
		}
		closed, ok := errors.AsType[*websocket.CloseError](err)
		if !ok || closed.Code != code || !strings.HasPrefix(closed.Text, reason) {
			c.t.Fatalf("got %v, want %d %s", err, code, reason)
		}
		return
	}
}

// expectCut reads until the connection ends.
func (c *client) expectCut() {
	c.t.Helper()
	for {
		if _, err := c.next(); err != nil {
			if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
				c.t.Fatal("the connection is still open")
			}
			return
		}
	}
}

// receive waits for what must come.
func receive[T any](t *testing.T, from <-chan T) (value T) {
	t.Helper()
	select {
	case value = <-from:
	case <-time.After(patience):
		t.Fatal("it did not happen")
	}
	return value
}

// emit hands an event to a subscription.
func (s *source) emit(t *testing.T, event string) {
	t.Helper()
	select {
	case s.events <- event:
	case <-time.After(patience):
		t.Fatal("nobody takes the event")
	}
}

// eventually waits until a count that nothing announces is as it must be.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	limit := time.After(patience)
	for !is() {
		select {
		case <-again.C:
		case <-limit:
			t.Fatal("never: " + what)
		}
	}
}

// sessions makes an API authenticate by connection_init: the authorization is the session's key,
// "stranger" is refused, and for "unknown" nobody can say.
func sessions(_ *api, ws *transport.WebSocket, _ *transport.HTTP, _ *transport.Limits) {
	ws.Authenticate = func(ctx context.Context, _ *http.Request, payload map[string]any) (context.Context, string, error) {
		key := transport.Authorization(payload)
		switch key {
		case "stranger":
			return nil, "", fmt.Errorf("%w: no such session", transport.ErrForbidden)
		case "unknown":
			return nil, "", errors.New("the database does not answer")
		}
		return context.WithValue(ctx, userKey{}, "user of "+key), key, nil
	}
}

// gate is a listener whose connections write nothing while it is shut, and know no write
// deadlines: a network that is slow and does not fail.
type gate struct {
	net.Listener
	mu   sync.Mutex
	open chan struct{}
}

func (g *gate) Accept() (net.Conn, error) {
	c, err := g.Listener.Accept()
	return &gatedConn{c, g}, err
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = make(chan struct{})
}

func (g *gate) opened() chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.open
}

type gatedConn struct {
	net.Conn
	gate *gate
}

func (c *gatedConn) Write(b []byte) (int, error) {
	<-c.gate.opened()
	return c.Conn.Write(b)
}

func (c *gatedConn) SetDeadline(at time.Time) error     { return c.SetReadDeadline(at) }
func (c *gatedConn) SetWriteDeadline(_ time.Time) error { return nil }
