package transport_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"muster/server/transport"
)

// from opens a socket as from an address.
func (a *api) from(t *testing.T, address string) (c *client, status int, retry string) {
	t.Helper()
	return a.handshake(t, transport.Subprotocol, http.Header{"From": {address}})
}

// upgrade asks for a socket that it does not get, and answers what it got.
func (a *api) upgrade(t *testing.T, header http.Header) (status int, retry string, body []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header = header
	for name, value := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": transport.Subprotocol,
	} {
		header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err = io.ReadAll(response.Body); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header.Get("Retry-After"), body
}

// crowded is an API with small bounds that takes a client's address from a header.
func crowded(a *api, ws *transport.WebSocket, h *transport.HTTP, limits *transport.Limits) {
	sessions(a, ws, h, limits)
	ws.MaxNetworkSockets = 3
	ws.Client = func(r *http.Request) netip.Addr {
		addr, _ := netip.ParseAddr(r.Header.Get("From"))
		return addr
	}
}

// One network has its bound of sockets and others keep theirs: an IPv4 address, an IPv6 /64, and twice as many for a /48.
func TestSocketsOfANetworkAreBounded(t *testing.T) {
	t.Parallel()
	a := newAPI(t, crowded)
	for name, steps := range map[string][]struct {
		from   string
		refuse bool
	}{
		"an IPv4 address": {
			{from: "203.0.113.1"}, {from: "203.0.113.1"}, {from: "::ffff:203.0.113.1"}, {"203.0.113.1", true}, {from: "203.0.113.2"},
		},
		"a /64 and its /48": {
			{from: "2001:db8:1:1::1"},
			{from: "2001:db8:1:1::2"},
			{from: "2001:db8:1:1:ffff::3"},
			{"2001:db8:1:1::4", true},
			{from: "2001:db8:1:2::1"},
			{from: "2001:db8:1:3::1"},
			{from: "2001:db8:1:4::1"},
			{"2001:db8:1:5::1", true},
			{from: "2001:db8:2:1::1"},
		},
		"this machine": {{from: "127.0.0.1"}, {from: "127.0.0.1"}, {from: "127.0.0.1"}, {from: "127.0.0.1"}, {from: "::1"}},
	} {
		for i, step := range steps {
			c, status, retry := a.from(t, step.from)
			if (c == nil) != step.refuse {
				t.Fatalf("%s, step %d: status %d", name, i+1, status)
			}
			if c == nil && (status != http.StatusTooManyRequests || retry != "5") {
				t.Errorf("%s, step %d: got %d with Retry-After %q, want 429 with 5", name, i+1, status, retry)
			}
		}
	}
}

// A socket that is gone leaves its place, in the network and among those without a session.
func TestPlacesOfANetworkComeBack(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(a *api, ws *transport.WebSocket, h *transport.HTTP, limits *transport.Limits) {
		crowded(a, ws, h, limits)
		ws.MaxNetworkSockets, ws.MaxStrangers = 1, 1
	})
	for range 3 {
		c, status, _ := a.from(t, "203.0.113.1")
		if c == nil {
			t.Fatalf("no socket: %d", status)
		}
		c.send(`{"type":"connection_init"}`)
		c.expect("connection_ack", "", "")
		_ = c.Close()
		eventually(t, "the place is free", func() bool { return a.ws.Stats().Sockets == 0 })
	}
	// A handshake that fails after the place was taken gives it back too.
	for range 3 {
		if status, _, _ := a.upgrade(t, http.Header{"From": {"203.0.113.1"}, "Sec-Websocket-Version": {"7"}}); status != http.StatusBadRequest {
			t.Fatalf("a handshake of another version: got %d", status)
		}
	}
}

// Sockets without a session have a share of all, and a network a tenth of that; those with one are not kept out by them.
func TestStrangersAreBounded(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(a *api, ws *transport.WebSocket, h *transport.HTTP, limits *transport.Limits) {
		crowded(a, ws, h, limits)
		ws.MaxNetworkSockets, ws.MaxStrangers = 100, 20
	})
	meet := func(address, session string, accepted bool) *client {
		t.Helper()
		c, status, _ := a.from(t, address)
		if c == nil {
			t.Fatalf("no socket: %d", status)
		}
		c.send(`{"type":"connection_init","payload":{"authorization":"` + session + `"}}`)
		if accepted {
			c.expect("connection_ack", "", "")
		} else {
			c.expectClose(4429, "Too many sockets without a session", "connection_ack")
		}
		return c
	}
	first := meet("203.0.113.1", "", true)
	meet("203.0.113.1", "", true)
	meet("203.0.113.1", "", false)
	meet("203.0.113.1", "ann", true)
	for range 18 {
		meet("127.0.0.1", "", true) // of no network, but of the share
	}
	meet("203.0.113.2", "", false)
	meet("203.0.113.2", "ann", true)
	_ = first.Close()
	eventually(t, "the place is free", func() bool { return a.ws.Stats().Sockets == 21 })
	meet("203.0.113.2", "", true)
}

// A socket without a session that asks nothing is closed, one that asks or has a session stays.
func TestIdleStrangersEnd(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(a *api, ws *transport.WebSocket, h *transport.HTTP, limits *transport.Limits) {
		sessions(a, ws, h, limits)
		ws.StrangerIdle = 300 * time.Millisecond
	})
	ann, busy, asking, idle := a.connect(t, "ann"), a.connect(t, ""), a.connect(t, ""), a.connect(t, "")
	watched := a.watch(busy, "w")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		idle.expectClose(4401, "No session")
	}()
	for over := false; !over; {
		select {
		case <-ended:
			over = true
		default:
			asking.subscribe("q", "{ping}")
			asking.expect("next", "q", "")
			asking.expect("complete", "q", "")
		}
	}
	asking.expectQuiet()
	a.connect(t, "").expectClose(4401, "No session") // by then the watching one has been looked at with nothing new
	watched.emit(t, "still here")
	busy.expect("next", "w", "")
	ann.expectQuiet()
}

// Whoever is refused for now learns when to come again, in the body too.
func TestRefusalsForNowSayWhen(t *testing.T) {
	t.Parallel()
	a := newAPI(t, config(func(ws *transport.WebSocket) { ws.MaxSockets, ws.MaxOperations = 1, 1 }))
	c := a.connect(t, "")
	a.watch(c, "w")
	c.subscribe("more", "{ping}")
	var errs []struct{ Extensions map[string]any }
	if err := json.Unmarshal(c.expect("error", "more", "").Payload, &errs); err != nil {
		t.Fatal(err)
	}
	if got := errs[0].Extensions; got["code"] != "RATE_LIMITED" || got["retryAfter"] != 1.0 {
		t.Errorf("one operation too many: got %v, want RATE_LIMITED with retryAfter 1", got)
	}
	status, retry, raw := a.upgrade(t, http.Header{"Sec-Websocket-Version": {"13"}})
	var body struct {
		Errors []struct{ Extensions map[string]any }
	}
	if err := json.Unmarshal(raw, &body); err != nil {
		t.Fatal(err)
	}
	if status != http.StatusServiceUnavailable || retry != "5" || body.Errors[0].Extensions["retryAfter"] != 5.0 {
		t.Errorf("one socket too many: got %d, Retry-After %q, %s", status, retry, raw)
	}
}

// An account's operations are counted on all its sockets together, and given back by whatever ends them.
func TestOperationsOfAnAccountAreBounded(t *testing.T) {
	t.Parallel()
	a := newAPI(t, config(func(ws *transport.WebSocket) {
		ws.MaxAccountOperations = 3
		ws.Account = func(context.Context) string { return "ann" }
	}))
	first, second := a.connect(t, "here"), a.connect(t, "there")
	first.follow("1", 0)
	first.follow("2", 0)
	second.follow("1", 0)
	eventually(t, "three run", func() bool { return a.ws.Stats().Operations == 3 })
	second.follow("2", 0)
	second.expect("error", "2", `[{"message":"An account, or an organization by its tokens, runs at most 3 operations at a time, on all sockets together. Close a page or program first.",`+
		`"extensions":{"code":"RATE_LIMITED","retryAfter":5}}]`)
	first.send(`{"id":"1","type":"complete"}`)
	eventually(t, "two run", func() bool { return a.ws.Stats().Operations == 2 })
	second.follow("2", 0)
	eventually(t, "three run again", func() bool { return a.ws.Stats().Operations == 3 })
	_ = first.Close()
	eventually(t, "two run again", func() bool { return a.ws.Stats().Operations == 2 })
	second.follow("3", 0)
	a.journal.write(1, false)
	for range 3 {
		if m, err := second.next(); err != nil || m.Type != "next" {
			t.Fatalf("got %+v, %v", m, err)
		}
	}
}
