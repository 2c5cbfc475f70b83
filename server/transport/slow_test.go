package transport_test

import (
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"muster/server/transport"
)

// stall subscribes and feeds events to a client that reads none of them until the server gives it
// up. It answers when that has happened; the count is of the events that were taken.
func (a *api) stall(c *client) (taken *atomic.Int64, ended <-chan struct{}) {
	s := a.watch(c, "stalled")
	taken = &atomic.Int64{}
	over := make(chan struct{})
	go func() {
		defer close(over)
		event := strings.Repeat("x", 256<<10)
		for {
			select {
			case s.events <- event:
				taken.Add(1)
			case <-s.done:
				return
			}
		}
	}()
	return taken, over
}

func TestAStalledClientDelaysNobody(t *testing.T) {
	t.Parallel()
	// A write timeout that never comes: whoever waited for the stalled client would hang here.
	a := newAPI(t, config(func(ws *transport.WebSocket) { ws.WriteTimeout, ws.PingInterval = time.Hour, time.Hour }))
	taken, ended := a.stall(a.connect(t, "ann"))
	other := a.connect(t, "ann")
	s := a.watch(other, "x")
	// What the kernel holds is a few MiB, so the client is stalled when the count stands still.
	for last, same := int64(-1), 0; same < 200; {
		s.emit(t, "on")
		other.expect("next", "x", "")
		other.expectQuiet()
		if now := taken.Load(); now == last {
			same++
		} else {
			last, same = now, 0
		}
	}
	select {
	case <-ended:
		t.Fatal("the client was not stalled: the test shows nothing")
	default:
	}
	// A session's end does not wait for the write timeout either.
	a.ws.CloseSession("ann")
	other.expectClose(4401, "Session ended")
	receive(t, ended)
	eventually(t, "the stalled socket is gone", func() bool { return a.ws.Stats() == transport.Stats{} })
}

func TestAStalledClientIsCut(t *testing.T) {
	t.Parallel()
	a := newAPI(t, config(func(ws *transport.WebSocket) { ws.WriteTimeout = 100 * time.Millisecond }))
	c, other := a.connect(t, "ann"), a.connect(t, "bob")
	_, ended := a.stall(c)
	receive(t, ended)
	eventually(t, "the stalled socket is gone", func() bool { return a.ws.Stats().Sockets == 1 })
	c.expectCut()
	other.expectQuiet()
}

// A client that reads slowly, but reads, is kept, whatever waits for it: many messages or a large one.
func TestWhoReadsSlowlyIsKept(t *testing.T) {
	t.Parallel()
	const timeout = 500 * time.Millisecond
	for what, size := range map[string]int{"many messages": 1000, "large ones": 1 << 20} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t, config(func(ws *transport.WebSocket) { ws.WriteTimeout, ws.PingInterval = timeout, 3*timeout/2 }))
			c := a.connect(t, "ann")
			wire := c.NetConn().(*net.TCPConn)
			if err := wire.SetReadBuffer(8 << 10); err != nil {
				t.Fatal(err)
			}
			s := a.watch(c, "x")
			go func() {
				for event := strings.Repeat("x", size); ; {
					select {
					case s.events <- event:
					case <-s.done:
						return
					}
				}
			}()
			tick := time.NewTicker(timeout / 20)
			defer tick.Stop()
			piece := make([]byte, 2<<10) // 80 KiB a second
			_ = wire.SetReadDeadline(time.Now().Add(patience))
			for began := time.Now(); time.Since(began) < 8*timeout; <-tick.C {
				if _, err := wire.Read(piece); err != nil {
					t.Fatalf("closed after %s: %v", time.Since(began), err)
				}
			}
			if got := a.ws.Stats().Sockets; got != 1 {
				t.Errorf("%d sockets are open", got)
			}
			receive(t, s.done) // It reads no more.
		})
	}
}

func TestAStuckMessageIsCut(t *testing.T) {
	t.Parallel()
	a := newAPI(t, config(func(ws *transport.WebSocket) { ws.WriteTimeout = 100 * time.Millisecond }))
	c := a.connect(t, "ann")
	s := a.watch(c, "x")
	s.emit(t, strings.Repeat("x", 16<<20)) // More than kernels hold; nothing comes after it.
	receive(t, s.done)
	c.expectCut()
}

// What a client has sent and the server has not read turns the end of the connection into a
// reset, and the close frame is lost with it.
func TestTheCloseFrameSurvivesWhatIsStillSent(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	for code, first := range map[int]string{4400: "{}", 1009: strings.Repeat("x", 70<<10)} {
		c := a.connect(t, "")
		c.send(first)
		more := `{"type":"pong"}` + strings.Repeat(" ", 60<<10)
		for range 20 {
			c.send(more) // Fails when the server has reset the connection.
		}
		c.expectClose(code, "")
	}
}

func TestAnEndThatCannotBeWrittenIs4403(t *testing.T) {
	t.Parallel()
	open := make(chan struct{})
	close(open)
	a := newAPI(t, func(a *api, ws *transport.WebSocket, _ *transport.HTTP, _ *transport.Limits) {
		a.gate = &gate{open: open}
		ws.WriteTimeout = 50 * time.Millisecond
	})
	c := a.connect(t, "")
	s, other := a.watch(c, "x"), a.watch(c, "y")
	a.gate.shut()
	s.emit(t, "on its way")
	s.end(&coded{code: "TWO_FACTOR_REQUIRED"})
	close(s.events)
	receive(t, other.done) // The whole socket ends.
	close(a.gate.opened())
	c.expectClose(4403, "Forbidden", "error", "complete")
}

func TestASlowClientIsClosed(t *testing.T) {
	t.Parallel()
	open := make(chan struct{})
	close(open)
	a := newAPI(t, func(a *api, ws *transport.WebSocket, _ *transport.HTTP, _ *transport.Limits) {
		a.gate = &gate{open: open}
		ws.WriteTimeout = 50 * time.Millisecond
	})
	c := a.connect(t, "")
	s := a.watch(c, "x")
	a.gate.shut()
	taken := 0
	for event := strings.Repeat("x", 1<<10); ; taken++ {
		select {
		case s.events <- event:
			continue
		case <-s.done:
		}
		break
	}
	// 64 in the queue, one being written, one that waits for room.
	if taken > 66 {
		t.Errorf("%d events wait for one socket", taken)
	}
	close(a.gate.opened())
	c.expectClose(1013, "Too slow", "complete", "error")
}

func TestTheQueueIsBoundedInBytes(t *testing.T) {
	t.Parallel()
	open := make(chan struct{})
	close(open)
	a := newAPI(t, func(a *api, ws *transport.WebSocket, _ *transport.HTTP, _ *transport.Limits) {
		a.gate = &gate{open: open}
		ws.WriteTimeout = 50 * time.Millisecond
	})
	c := a.connect(t, "")
	s := a.watch(c, "x")
	s.emit(t, strings.Repeat("x", 3<<20)) // One that is larger than the queue goes through.
	if m := c.expect("next", "x", ""); len(m.Payload) < 3<<20 {
		t.Errorf("got %d bytes", len(m.Payload))
	}
	a.gate.shut()
	taken := 0
	for event := strings.Repeat("x", 300<<10); ; taken++ {
		select {
		case s.events <- event:
			continue
		case <-s.done:
		}
		break
	}
	if taken > 5 { // Three in the queue, one being written, one that waits for room.
		t.Errorf("%d events of 300 KiB wait for one socket", taken)
	}
	close(a.gate.opened())
	c.expectClose(1013, "Too slow")
}
