package transport_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"muster/graph/stream"
	"muster/server/transport"
)

// What PROTOCOL.md of graphql-ws asks of a server, rule by rule.
func TestProtocol(t *testing.T) {
	t.Parallel()
	a := newAPI(t, sessions)

	t.Run("the subprotocol is answered", func(t *testing.T) {
		t.Parallel()
		if got := a.dial(t).Subprotocol(); got != "graphql-transport-ws" {
			t.Errorf("got %q", got)
		}
	})
	for name, subprotocol := range map[string]string{"no subprotocol": "", "the legacy subprotocol": "graphql-ws"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, status, _ := a.handshake(t, subprotocol, nil)
			if c == nil {
				t.Fatalf("no socket: %d", status)
			}
			c.send(`{"type":"connection_init"}`)
			c.expectClose(4406, "Subprotocol not acceptable", "connection_ack")
		})
	}
	t.Run("init is acknowledged, with and without a payload", func(t *testing.T) {
		t.Parallel()
		for _, init := range []string{
			`{"type":"connection_init"}`, `{"type":"connection_init","payload":null}`, `{"type":"connection_init","payload":{}}`,
			`{"type":"connection_init","payload":{"x":[1]},"extra":1}`,
		} {
			c := a.dial(t)
			c.send(init)
			c.expect("connection_ack", "", "")
		}
	})
	t.Run("subscribe before the acknowledgement is 4401", func(t *testing.T) {
		t.Parallel()
		c := a.dial(t)
		c.subscribe("1", "{ping}")
		c.expectClose(4401, "Unauthorized", "next", "error")
	})
	t.Run("a second init is 4429", func(t *testing.T) {
		t.Parallel()
		c := a.connect(t, "")
		c.send(`{"type":"connection_init"}`)
		c.expectClose(4429, "Too many initialisation requests", "connection_ack")
	})
	t.Run("a refused init is 4403", func(t *testing.T) {
		t.Parallel()
		c := a.dial(t)
		c.send(`{"type":"connection_init","payload":{"authorization":"stranger"}}`)
		c.expectClose(4403, "Forbidden", "connection_ack")
	})
	t.Run("an init about which nobody can say anything is 1013", func(t *testing.T) {
		t.Parallel()
		c := a.dial(t)
		c.send(`{"type":"connection_init","payload":{"authorization":"unknown"}}`)
		c.expectClose(1013, "Try again later", "connection_ack")
	})
	t.Run("an invalid message is 4400", func(t *testing.T) {
		t.Parallel()
		for _, raw := range []string{
			"", "hello", "\xff", "{\"type\":\"ping\",\"x\":\"\xff\"}", "null", "[]", "1", `"ping"`, "{", "{}", `{"type":"ping"} x`,
			`{"type":1}`, `{"type":null}`, `{"type":""}`, `{"type":"Ping"}`, `{"TYPE":"ping"}`,
			`{"type":"start","id":"1","payload":{"query":"{ping}"}}`, `{"type":"connection_ack"}`, `{"type":"next","id":"1","payload":{}}`,
			`{"type":"connection_init","payload":"x"}`, `{"type":"connection_init","payload":[]}`,
			`{"type":"ping","payload":1}`, `{"type":"pong","payload":"x"}`,
			`{"type":"subscribe","payload":{"query":"{ping}"}}`, `{"type":"subscribe","id":"","payload":{"query":"{ping}"}}`,
			`{"type":"subscribe","id":1,"payload":{"query":"{ping}"}}`, `{"type":"subscribe","id":null,"payload":{"query":"{ping}"}}`,
			`{"type":"subscribe","id":"` + strings.Repeat("x", 257) + `","payload":{"query":"{ping}"}}`,
			`{"type":"subscribe","id":"1"}`, `{"type":"subscribe","id":"1","payload":null}`, `{"type":"subscribe","id":"1","payload":"{ping}"}`,
			`{"type":"subscribe","id":"1","payload":{}}`, `{"type":"subscribe","id":"1","payload":{"query":null}}`,
			`{"type":"subscribe","id":"1","payload":{"query":{}}}`, `{"type":"subscribe","id":"1","payload":{"query":"{ping}","variables":[]}}`,
			`{"type":"subscribe","id":"1","payload":{"query":"{ping}","operationName":1}}`,
			`{"type":"subscribe","id":"1","payload":{"query":"{ping}","extensions":"x"}}`,
			`{"type":"complete"}`, `{"type":"complete","id":""}`, `{"type":"complete","id":7}`,
		} {
			c := a.connect(t, "")
			c.send(raw)
			c.expectClose(4400, "Invalid message", "next", "error", "pong")
		}
	})
	t.Run("a binary message is 4400", func(t *testing.T) {
		t.Parallel()
		c := a.connect(t, "")
		if err := c.WriteMessage(websocket.BinaryMessage, []byte(`{"type":"ping"}`)); err != nil {
			t.Fatal(err)
		}
		c.expectClose(4400, "Invalid message: binary", "pong")
	})
	t.Run("64 KiB are read, and more is 1009", func(t *testing.T) {
		t.Parallel()
		c := a.connect(t, "")
		ping := `{"type":"ping"}`
		c.send(ping + strings.Repeat(" ", 64<<10-len(ping)))
		c.expect("pong", "", "")
		c.send(ping + strings.Repeat(" ", 64<<10-len(ping)+1))
		c.expectClose(1009, "", "pong")
	})
	t.Run("ping is answered at any time, with its payload", func(t *testing.T) {
		t.Parallel()
		c := a.dial(t)
		c.send(`{"type":"ping","payload":{"a":1}}`)
		c.expect("pong", "", `{"a":1}`)
		c.send(`{"type":"connection_init"}`)
		c.expect("connection_ack", "", "")
		s := a.watch(c, "1")
		c.send(`{"type":"ping"}`)
		if m := c.expect("pong", "", ""); m.Payload != nil {
			t.Errorf("got the payload %s", m.Payload)
		}
		s.emit(t, "still there")
		c.expect("next", "1", "")
	})
	t.Run("a pong that nobody asked for is fine", func(t *testing.T) {
		t.Parallel()
		c := a.dial(t)
		c.send(`{"type":"pong"}`)
		c.send(`{"type":"connection_init"}`)
		c.expect("connection_ack", "", "")
		c.send(`{"type":"pong","payload":{}}`)
		c.expectQuiet()
	})
	t.Run("a query gives next and complete", func(t *testing.T) {
		t.Parallel()
		c := a.connect(t, "ann")
		c.send(`{"id":"q \" 1","type":"subscribe","payload":{"query":"query A{ping} query B($t:String!){echo(text:$t) whoami}","operationName":"B","variables":{"t":"hi"},"extensions":{}}}`)
		c.expect("next", `q " 1`, `{"data":{"echo":"hi","whoami":"user of ann"}}`)
		c.expect("complete", `q " 1`, "")
		c.expectQuiet()
	})
	t.Run("a mutation works, and a refused field is a next", func(t *testing.T) {
		t.Parallel()
		c := a.connect(t, "")
		c.subscribe("m", "mutation{signIn}")
		c.expect("next", "m", `{"data":{"signIn":"no"}}`)
		c.expect("complete", "m", "")
		c.subscribe("r", "{ping refused}")
		if m := c.expect("next", "r", ""); !strings.Contains(string(m.Payload), `"FORBIDDEN"`) || !strings.Contains(string(m.Payload), `"pong"`) {
			t.Errorf("got %s", m.Payload)
		}
		c.expect("complete", "r", "")
	})
	t.Run("a subscription gives its events in order, each its own, and complete at its end", func(t *testing.T) {
		t.Parallel()
		c := a.connect(t, "")
		s := a.watch(c, "s")
		for _, event := range []string{"first", "2", "third and long"} {
			s.emit(t, event)
		}
		close(s.events)
		for _, event := range []string{"first", "2", "third and long"} {
			c.expect("next", "s", `{"data":{"ticks":"`+event+`"}}`)
		}
		c.expect("complete", "s", "")
		c.expectQuiet()
	})
	t.Run("a subscription without events gives complete", func(t *testing.T) {
		t.Parallel()
		c := a.connect(t, "")
		c.subscribe("n", "subscription{none}")
		c.expect("complete", "n", "")
		c.expectQuiet()
	})
	t.Run("what fails before it runs gives error and no complete", func(t *testing.T) {
		t.Parallel()
		c := a.connect(t, "")
		for query, code := range map[string]string{
			"{":                                      "GRAPHQL_PARSE_FAILED",
			"":                                       "GRAPHQL_VALIDATION_FAILED",
			"{nope}":                                 "GRAPHQL_VALIDATION_FAILED",
			"query($t:String!){echo(text:$t)}":       "GRAPHQL_VALIDATION_FAILED",
			"{" + strings.Repeat("ping ", 201) + "}": "QUERY_TOO_LARGE",
			"subscription{refusal}":                  "FORBIDDEN",
		} {
			c.subscribe("e", query)
			c.expectError("e", code)
			c.expectQuiet()
		}
	})
	t.Run("an id that is alive is 4409", func(t *testing.T) {
		t.Parallel()
		c := a.connect(t, "")
		s := a.watch(c, "x")
		c.subscribe("x", "{ping}")
		c.expectClose(4409, "Subscriber for x already exists", "next", "complete")
		<-s.done
	})
	t.Run("also of a query, and a long id fits into the close frame", func(t *testing.T) {
		t.Parallel()
		c := a.connect(t, "")
		id := strings.Repeat("ä", 128)
		c.subscribe(id, "{wait}")
		receive(t, a.waiting)
		c.subscribe(id, "{ping}")
		c.expectClose(4409, "Subscriber for ää", "next")
	})
	t.Run("an id is free after complete, error, and the client's complete", func(t *testing.T) {
		t.Parallel()
		c := a.connect(t, "")
		for range 50 {
			c.subscribe("x", "{ping}")
			c.expect("next", "x", "")
			c.expect("complete", "x", "")
			c.subscribe("x", "{nope}")
			c.expectError("x", "GRAPHQL_VALIDATION_FAILED")
		}
		// Each cancelled resolver ends before the next one is looked for: at most 40 may be ending.
		for range 10 {
			s := a.watch(c, "x")
			c.send(`{"id":"x","type":"complete"}`)
			receive(t, s.done)
		}
		c.expectQuiet()
	})
	t.Run("nothing comes after the client's complete, and the resolver's context ends", func(t *testing.T) {
		t.Parallel()
		c := a.connect(t, "")
		s := a.watch(c, "x")
		s.emit(t, "one")
		c.expect("next", "x", "")
		c.send(`{"id":"x","type":"complete"}`)
		receive(t, s.done)
		c.expectQuiet()
		s.end(&coded{code: "FORBIDDEN"})
		close(s.events)
		c.expectQuiet()
	})
	t.Run("complete of an unknown id is ignored", func(t *testing.T) {
		t.Parallel()
		c := a.connect(t, "")
		c.send(`{"id":"nobody","type":"complete"}`)
		c.expectQuiet()
	})
	t.Run("the client's close is answered", func(t *testing.T) {
		t.Parallel()
		c := a.connect(t, "")
		s := a.watch(c, "x")
		if err := c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""), time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		c.expectClose(1000, "")
		receive(t, s.done)
	})
	t.Run("EndWith gives error after the last event, and no complete", func(t *testing.T) {
		t.Parallel()
		c := a.connect(t, "")
		lost, stays := a.watch(c, "lost"), a.watch(c, "stays")
		lost.emit(t, "last")
		lost.end(&coded{code: "TWO_FACTOR_REQUIRED"})
		lost.end(errors.New("a later one"))
		close(lost.events)
		c.expect("next", "lost", `{"data":{"ticks":"last"}}`)
		c.expectError("lost", "TWO_FACTOR_REQUIRED")
		c.expectQuiet()
		stays.emit(t, "on")
		c.expect("next", "stays", `{"data":{"ticks":"on"}}`)
	})
	t.Run("EndWith with a fault shows none of it", func(t *testing.T) {
		t.Parallel()
		c := a.connect(t, "")
		s := a.watch(c, "x")
		s.end(errors.New("dial 10.0.0.1"))
		close(s.events)
		c.expectError("x", "INTERNAL")
		stream.EndWith(context.Background(), errors.New("outside of a subscription"))
	})
	t.Run("a panic is an error of its operation, and the socket goes on", func(t *testing.T) {
		t.Parallel()
		c := a.connect(t, "")
		other := a.watch(c, "other")
		c.subscribe("x", "{boom}")
		c.expectError("x", "INTERNAL")
		s := a.watch(c, "y")
		s.emit(t, "boom")
		c.expectError("y", "INTERNAL")
		c.expectQuiet()
		other.emit(t, "on")
		c.expect("next", "other", "")
		if _, logged := a.panics.Load("boom"); !logged {
			t.Error("the recover function did not see it")
		}
	})
}

func TestInitTimeout(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(_ *api, ws *transport.WebSocket, _ *transport.HTTP, _ *transport.Limits) {
		ws.InitTimeout = 50 * time.Millisecond
	})
	a.dial(t).expectClose(4408, "Connection initialisation timeout")

	// Pings do not put it off.
	c := a.dial(t)
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		pings := time.NewTicker(5 * time.Millisecond)
		defer pings.Stop()
		for {
			select {
			case <-stop:
				return
			case <-pings.C:
				// The write fails once the server has closed the socket, as it must.
				_ = c.WriteMessage(websocket.TextMessage, []byte(`{"type":"ping"}`))
			}
		}
	}()
	c.expectClose(4408, "Connection initialisation timeout")
	close(stop)
	<-done
}

func TestOriginIsAlwaysAsked(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(_ *api, ws *transport.WebSocket, _ *transport.HTTP, _ *transport.Limits) {
		ws.CheckOrigin = func(r *http.Request) bool { return r.Header.Get("Origin") == "https://good.example" }
	})
	for origin, allowed := range map[string]bool{
		"https://good.example": true, "https://evil.example": false, "null": false, "https://good.example.evil.example": false, "": false,
	} {
		header := http.Header{}
		if origin != "" {
			header.Set("Origin", origin)
		}
		c, status, _ := a.handshake(t, transport.Subprotocol, header)
		if allowed != (c != nil) || (!allowed && status != http.StatusForbidden) {
			t.Errorf("Origin %q: %d", origin, status)
		}
	}
	closed := newAPI(t, func(_ *api, ws *transport.WebSocket, _ *transport.HTTP, _ *transport.Limits) { ws.CheckOrigin = nil })
	if c, _, _ := closed.handshake(t, transport.Subprotocol, nil); c != nil {
		t.Error("a socket opened although nobody decides about Origins")
	}
}

func TestBadHandshake(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	got := do(t, a.request(t, http.MethodGet, "/", nil, "Connection", "Upgrade", "Upgrade", "websocket"))
	if got.status != http.StatusBadRequest || got.code() != "BAD_INPUT" {
		t.Errorf("got %d %s", got.status, got.raw)
	}
}

func TestAuthorization(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		payload map[string]any
		want    string
	}{
		{map[string]any{"authorization": "Bearer x"}, "Bearer x"},
		{map[string]any{"Authorization": "Bearer x"}, "Bearer x"},
		{map[string]any{"AUTHORIZATION": "Bearer x", "other": "y"}, "Bearer x"},
		{map[string]any{"authorization": ""}, ""},
		{map[string]any{"authorization": 1}, "unusable authorization"},
		{map[string]any{"authorization": nil}, ""},
		{map[string]any{"authorization": []any{"Bearer x"}}, "unusable authorization"},
		{map[string]any{"authorization": "Bearer x", "Authorization": "Bearer y"}, "unusable authorization"},
		{map[string]any{"authorisation": "x"}, ""},
		{nil, ""},
	} {
		if got := transport.Authorization(test.payload); got != test.want {
			t.Errorf("%v: got %q", test.payload, got)
		}
	}
}
