package transport_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"muster/server/transport"
)

// config sets a WebSocket's bounds for a test, with sessions.
func config(change func(*transport.WebSocket)) func(*api, *transport.WebSocket, *transport.HTTP, *transport.Limits) {
	return func(a *api, ws *transport.WebSocket, h *transport.HTTP, l *transport.Limits) {
		sessions(a, ws, h, l)
		change(ws)
	}
}

// goroutines counts those that are in this package's code.
func goroutines() int {
	stacks := make([]byte, 16<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	count := 0
	for stack := range strings.SplitSeq(string(stacks), "\n\n") {
		if strings.Contains(stack, "\nmuster/server/transport.") {
			count++
		}
	}
	return count
}

// Not parallel: it counts the goroutines of the whole process.
func TestOneGoroutineASocket(t *testing.T) {
	a := newAPI(t, nil)
	const sockets = 200
	clients := make([]*client, sockets)
	for i := range clients {
		clients[i] = a.connect(t, "")
	}
	eventually(t, "one goroutine a socket", func() bool { return goroutines() == sockets })
	if got := a.ws.Stats(); got != (transport.Stats{Sockets: sockets}) {
		t.Errorf("got %+v", got)
	}
	for i, c := range clients {
		s := a.watch(c, "x")
		if i%2 == 0 { // Half of them leave without a word.
			_ = c.Close()
		} else if err := c.WriteControl(websocket.CloseMessage, nil, time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		receive(t, s.done)
	}
	eventually(t, "no goroutine is left", func() bool { return goroutines() == 0 })
	if got := a.ws.Stats(); got != (transport.Stats{}) {
		t.Errorf("got %+v", got)
	}
}

func TestOperationsOfASocketAreBounded(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	c := a.connect(t, "")
	var first *source
	for i := range 20 {
		s := a.watch(c, "s"+string(rune('a'+i)))
		if i == 0 {
			first = s
		}
	}
	if got := a.ws.Stats(); got != (transport.Stats{Sockets: 1, Operations: 20}) {
		t.Errorf("got %+v", got)
	}
	c.subscribe("more", "{ping}")
	c.expectError("more", "RATE_LIMITED")
	first.emit(t, "the others go on")
	c.expect("next", "sa", "")
	c.send(`{"id":"sa","type":"complete"}`)
	c.subscribe("more", "{ping}")
	c.expect("next", "more", "")
	c.expect("complete", "more", "")
}

func TestOperationsOnTheirWayOutAreBounded(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	c := a.connect(t, "")
	for range 40 {
		c.subscribe("x", "{stubborn}")
		receive(t, a.waiting)
		c.send(`{"id":"x","type":"complete"}`)
	}
	c.subscribe("x", "{ping}")
	c.expectError("x", "RATE_LIMITED")
	close(a.release)
	eventually(t, "they have ended", func() bool { return a.ws.Stats().Operations == 0 })
	c.subscribe("x", "{ping}")
	c.expect("next", "x", "")
}

func TestSocketsOfASessionAreBounded(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(a *api, ws *transport.WebSocket, http *transport.HTTP, limits *transport.Limits) {
		sessions(a, ws, http, limits)
		ws.MaxSessionSockets = 10
	})
	clients := make([]*client, 10)
	for i := range clients {
		clients[i] = a.connect(t, "ann")
	}
	eleventh := a.dial(t)
	eleventh.send(`{"type":"connection_init","payload":{"Authorization":"ann"}}`)
	eleventh.expectClose(4429, "Too many sockets of this session: at most 10", "connection_ack")

	a.connect(t, "bob")
	for range 11 {
		a.connect(t, "") // Nobody's sockets count for nobody.
	}
	if got := a.ws.Sessions(); !slices.Equal(got, []string{"ann", "bob"}) {
		t.Errorf("got %q", got)
	}
	_ = clients[0].Close()
	eventually(t, "the place is free", func() bool { return a.ws.Stats().Sockets == 21 })
	a.connect(t, "ann")
}

// An account has so many sockets in all its sessions together; another account has its own, and what no account is named for
// has as many as its session.
func TestSocketsOfAnAccountAreBounded(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(a *api, ws *transport.WebSocket, http *transport.HTTP, limits *transport.Limits) {
		sessions(a, ws, http, limits)
		ws.MaxSessionSockets, ws.MaxAccountSockets = 3, 4
		ws.Account = func(ctx context.Context) string { // sessions are named "account/number", one of no account "token"
			account, _, person := strings.Cut(strings.TrimPrefix(ctx.Value(userKey{}).(string), "user of "), "/")
			if !person {
				return ""
			}
			return account
		}
	})
	refused := func(session, says string) {
		t.Helper()
		c := a.dial(t)
		c.send(`{"type":"connection_init","payload":{"Authorization":"` + session + `"}}`)
		c.expectClose(4429, says, "connection_ack")
	}
	first := a.connect(t, "ann/1")
	for _, session := range []string{"ann/1", "ann/1", "ann/2"} {
		a.connect(t, session)
	}
	refused("ann/1", "Too many sockets of this session: at most 3")
	refused("ann/2", "Too many sockets of this account, or of this organization's tokens: at most 4. Close some tabs or programs")
	refused("ann/3", "Too many sockets of this account, or of this organization's tokens: at most 4. Close some tabs or programs")
	for _, session := range []string{"bob/1", "bob/1", "token", "token", "token"} {
		a.connect(t, session)
	}
	refused("token", "Too many sockets of this session: at most 3")
	_ = first.Close()
	eventually(t, "the place is free", func() bool { return a.ws.Stats().Sockets == 8 })
	a.connect(t, "ann/3")
	refused("ann/2", "Too many sockets of this account, or of this organization's tokens: at most 4. Close some tabs or programs")
	if got := a.ws.Sessions(); !slices.Equal(got, []string{"ann/1", "ann/2", "ann/3", "bob/1", "token"}) {
		t.Errorf("got %q", got)
	}
}

func TestSocketsInAllAreBounded(t *testing.T) {
	t.Parallel()
	a := newAPI(t, config(func(ws *transport.WebSocket) { ws.MaxSockets = 3 }))
	clients := []*client{a.dial(t), a.connect(t, "ann"), a.dial(t)}
	eventually(t, "all are registered", func() bool { return a.ws.Stats().Sockets == 3 })
	if c, status, retry := a.handshake(t, transport.Subprotocol, nil); c != nil || status != http.StatusServiceUnavailable || retry == "" {
		t.Fatalf("a fourth socket: %d", status)
	}
	_ = clients[0].Close()
	eventually(t, "the place is free", func() bool { return a.ws.Stats().Sockets == 2 })
	a.connect(t, "bob")
}

func TestBeginIsAskedBeforeEachOperation(t *testing.T) {
	t.Parallel()
	var ended atomic.Bool
	a := newAPI(t, config(func(ws *transport.WebSocket) {
		ws.Begin = func(ctx context.Context) (context.Context, error) {
			if ended.Load() {
				return nil, &coded{code: "UNAUTHENTICATED"}
			}
			return context.WithValue(ctx, userKey{}, ctx.Value(userKey{}).(string)+", again"), nil
		}
	}))
	c := a.connect(t, "ann")
	c.subscribe("1", "{whoami}")
	c.expect("next", "1", `{"data":{"whoami":"user of ann, again"}}`)
	c.expect("complete", "1", "")
	ended.Store(true)
	c.subscribe("1", "{whoami}")
	c.expectError("1", "UNAUTHENTICATED")
	c.expectQuiet()
	ended.Store(false)
	c.subscribe("1", "{whoami}")
	c.expect("next", "1", "")
}

func TestOperationTimeout(t *testing.T) {
	t.Parallel()
	var slowBegin atomic.Bool
	a := newAPI(t, config(func(ws *transport.WebSocket) {
		ws.OperationTimeout = 50 * time.Millisecond
		ws.Begin = func(ctx context.Context) (context.Context, error) {
			if slowBegin.Load() {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return ctx, nil
		}
	}))
	c := a.connect(t, "")
	s := a.watch(c, "stays")
	c.subscribe("q", "{ping wait}")
	if m := c.expect("next", "q", ""); !strings.Contains(string(m.Payload), `"QUERY_TOO_LARGE"`) || !strings.Contains(string(m.Payload), `"pong"`) {
		t.Errorf("got %s", m.Payload)
	}
	c.expect("complete", "q", "")
	c.subscribe("l", "subscription{late}")
	c.expectError("l", "INTERNAL") // It has asked for nothing but to begin.
	slowBegin.Store(true)
	c.subscribe("b", "{ping}")
	c.expectError("b", "INTERNAL")
	s.emit(t, "a subscription that has started has no timeout")
	c.expect("next", "stays", "")
}

// What has begun once, and goes on by itself, is not cut off because its session takes longer to be looked up again: it waits as
// those do that have stayed where they were.
func TestGoingOnHasNoTimeout(t *testing.T) {
	t.Parallel()
	const limit = 300 * time.Millisecond
	var begun atomic.Int32
	a := newAPI(t, func(a *api, ws *transport.WebSocket, h *transport.HTTP, l *transport.Limits) {
		sessions(a, ws, h, l)
		ws.OperationTimeout = limit
		ws.Begin = func(ctx context.Context) (context.Context, error) {
			if begun.Add(1) > 1 {
				select {
				case <-ctx.Done():
				case <-time.After(2 * limit):
				}
			}
			return ctx, ctx.Err()
		}
	})
	c := a.connect(t, "ann")
	c.send(`{"id":"s","type":"subscribe","payload":{"query":"subscription { log(after: 0, name: \"odd fail\") }"}}`)
	eventually(t, "it is in a group", func() bool { return a.ws.Members() == 1 })
	a.journal.write(1, false) // It cannot be executed for all.
	c.expect("next", "s", "")
	if n := begun.Load(); n < 2 {
		t.Errorf("it began %d times: it did not go on by itself", n)
	}
}

// The client has done what it had to in time: whoever has no answer yet is not one who was refused.
func TestAuthenticateIsBounded(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(_ *api, ws *transport.WebSocket, _ *transport.HTTP, _ *transport.Limits) {
		ws.OperationTimeout = 50 * time.Millisecond
		ws.Authenticate = func(ctx context.Context, r *http.Request, _ map[string]any) (context.Context, string, error) {
			if r.Header.Get("Sec-Websocket-Protocol") == "" {
				return nil, "", errors.New("the request is not the one of the upgrade")
			}
			<-ctx.Done()
			return ctx, "", ctx.Err()
		}
	})
	c := a.dial(t)
	c.send(`{"type":"connection_init"}`)
	c.expectClose(1013, "Try again later", "connection_ack")
}

func TestPings(t *testing.T) {
	t.Parallel()
	a := newAPI(t, config(func(ws *transport.WebSocket) { ws.PingInterval = 750 * time.Millisecond }))
	t.Run("a client that only listens is kept", func(t *testing.T) {
		t.Parallel()
		c := a.connect(t, "")
		for range 5 { // Longer than silence is borne.
			c.expect("ping", "", "")
		}
	})
	t.Run("one that knows only the protocol's own pings is kept too", func(t *testing.T) {
		t.Parallel()
		c := a.connect(t, "")
		c.SetPingHandler(func(string) error { return nil })
		for range 5 {
			c.expect("ping", "", "")
			c.send(`{"type":"pong"}`)
		}
	})
	t.Run("also while there is always something to write", func(t *testing.T) {
		t.Parallel()
		// A ping waits behind what was written before it: a busy machine gets time for that, and the client's kernel takes in
		// little unread.
		a := newAPI(t, config(func(ws *transport.WebSocket) { ws.PingInterval = 2500 * time.Millisecond }))
		c := a.connect(t, "")
		if err := c.NetConn().(*net.TCPConn).SetReadBuffer(64 << 10); err != nil {
			t.Fatal(err)
		}
		s := a.watch(c, "x")
		stop := make(chan struct{})
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				select {
				case s.events <- "again":
				case <-stop:
					return
				case <-s.done:
					return
				}
			}
		}()
		for pings := 0; pings < 3; { // Longer than silence is borne.
			m, err := c.next()
			if err != nil {
				t.Error(err)
				break
			}
			if m.Type == "ping" {
				pings++
			}
		}
		close(stop)
		<-done
	})
	t.Run("the client's are answered", func(t *testing.T) {
		t.Parallel()
		c := a.connect(t, "")
		answered := make(chan string, 1)
		c.SetPongHandler(func(data string) error {
			answered <- data
			return nil
		})
		if err := c.WriteControl(websocket.PingMessage, []byte("are you there?"), time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		c.expect("ping", "", "") // By then the answer has been read.
		if got := receive(t, answered); got != "are you there?" {
			t.Errorf("the answer is %q", got)
		}
	})
	t.Run("a client that has vanished is noticed", func(t *testing.T) {
		t.Parallel()
		c := a.connect(t, "")
		s := a.watch(c, "x")
		// It does not read any more, so it does not answer pings.
		receive(t, s.done)
		c.expectCut()
	})
}

func TestCloseSession(t *testing.T) {
	t.Parallel()
	a := newAPI(t, sessions)
	first, second, other, nobody := a.connect(t, "ann"), a.connect(t, "ann"), a.connect(t, "bob"), a.connect(t, "")
	s := a.watch(first, "x")
	a.ws.CloseSession("ann")
	receive(t, s.done)
	first.expectClose(4401, "Session ended", "next", "error", "complete")
	second.expectClose(4401, "Session ended")
	other.expectQuiet()
	eventually(t, "the session is forgotten", func() bool { return slices.Equal(a.ws.Sessions(), []string{"bob"}) })
	a.ws.CloseSession("ann")
	a.ws.CloseSession("")
	nobody.expectQuiet()

	// What an operation makes of its end does not come before the close frame either.
	for range 30 {
		c := a.connect(t, "eve")
		c.subscribe("q", "{wait}")
		receive(t, a.waiting)
		a.ws.CloseSession("eve")
		c.expectClose(4401, "Session ended", "next", "error", "complete")
	}
}

func TestShutdown(t *testing.T) {
	t.Parallel()
	a := newAPI(t, sessions)
	clients := []*client{a.dial(t), a.connect(t, "ann"), a.connect(t, "")}
	s := a.watch(clients[1], "x")
	clients[2].subscribe("q", "{wait}")
	receive(t, a.waiting)
	down := make(chan error, 1)
	go func() { down <- a.ws.Shutdown(context.Background()) }()
	receive(t, s.done)
	for _, c := range clients {
		c.expectClose(1001, "Going away", "error", "complete")
	}
	if err := receive(t, down); err != nil {
		t.Fatal(err)
	}
	if got := a.ws.Stats(); got != (transport.Stats{}) {
		t.Errorf("got %+v", got)
	}
	if c, status, _ := a.handshake(t, transport.Subprotocol, nil); c != nil || status != http.StatusServiceUnavailable {
		t.Errorf("a socket after the end: %d", status)
	}
}
