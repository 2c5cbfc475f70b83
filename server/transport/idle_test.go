package transport_test

import (
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"muster/server/transport"
)

// A subscriber to whom nothing happens costs one goroutine and no more than 11 KB that live, the client's own connection in
// this process included: some 8.5 were measured, of which a stack is 4. Not parallel: it measures the whole process.
func TestAnIdleSubscriberIsSmall(t *testing.T) {
	if raceDetector {
		return // It has memory of its own for everything.
	}
	a := newAPI(t, config(func(ws *transport.WebSocket) { ws.MaxSessionSockets = 10_000 }))
	const sockets, most = 1000, 11 << 10
	used := func() (bytes, goroutines int) {
		for range 6 { // Each collection halves a stack that has become too large.
			runtime.GC()
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapInuse + m.StackInuse), runtime.NumGoroutine()
	}
	first := a.connect(t, "ann")
	first.follow("s", nil)
	eventually(t, "the group", func() bool { return a.ws.Stats().Groups == 1 })
	bytes, goroutines := used()
	connections := make([]net.Conn, sockets)
	for i := range connections {
		dialer := websocket.Dialer{Subprotocols: []string{transport.Subprotocol}}
		c, response, err := dialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(a.server.URL, "http"), nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		for _, message := range []string{`{"type":"connection_init","payload":{"authorization":"ann"}}`, fmt.Sprintf(logAfter, fmt.Sprint(i), watchLog, "null")} {
			if err := c.WriteMessage(websocket.TextMessage, []byte(message)); err != nil {
				t.Fatal(err)
			}
		}
		connections[i] = c.NetConn() // Without gorilla's buffers.
	}
	eventually(t, "all wait in one group", func() bool {
		return a.ws.Stats() == transport.Stats{Sockets: sockets + 1, Operations: sockets + 1, Groups: 1}
	})
	bytesAfter, goroutinesAfter := used()
	if each := (bytesAfter - bytes) / sockets; each > most {
		t.Errorf("an idle subscriber takes %d bytes, want at most %d", each, most)
	}
	if got := goroutinesAfter - goroutines; got > sockets+20 {
		t.Errorf("%d idle subscribers have %d goroutines", sockets, got)
	}
	for _, c := range connections {
		_ = c.Close()
	}
}
