package transport_test

import (
	"runtime"
	"strings"
	"testing"

	"muster/server/transport"
)

// Sockets whose clients read nothing hold up nobody, also where there are more of them than writers: as many as processors.
func TestNobodyWaitsForWhoDoesNotRead(t *testing.T) {
	t.Parallel()
	a := newAPI(t, config(func(ws *transport.WebSocket) { ws.WriteTimeout = 10 * patience }))
	large := strings.Repeat("x", 8<<20) // More than the kernel takes of both sides.
	stuck := 2*runtime.GOMAXPROCS(0) + 1
	for range stuck {
		a.watch(a.connect(t, ""), "x").emit(t, large)
	}
	c := a.connect(t, "")
	s := a.watch(c, "y")
	for range 3 {
		s.emit(t, "on its way")
		c.expect("next", "y", "")
	}
	if got := a.ws.Stats().Sockets; got != stuck+1 {
		t.Errorf("%d sockets are open", got)
	}
}
