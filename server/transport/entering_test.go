package transport_test

import (
	"sync"
	"testing"

	"muster/server/transport"
)

// A subscription is held up when it has just joined a group. The group dissolves, and it goes on alone: what its client says
// then still reaches it.
func TestACompleteReachesWhoHasJustJoined(t *testing.T) {
	t.Parallel()
	held, goOn := make(chan struct{}), make(chan struct{})
	a := newAPI(t, func(a *api, ws *transport.WebSocket, h *transport.HTTP, l *transport.Limits) {
		sessions(a, ws, h, l)
		ws.Entering(func(string) {}, func(string) {
			close(held)
			<-goOn
		})
	})
	ann := a.connect(t, "ann")
	ann.send(`{"id":"s","type":"subscribe","payload":{"query":"subscription { log(after: 0, name: \"odd fail\") }"}}`)
	receive(t, held)
	a.journal.write(1, false) // It cannot be executed for all.
	ann.expect("next", "s", "")
	close(goOn)
	for range 20 { // Meanwhile it comes out of its group's door.
		ann.expectQuiet()
	}
	ann.send(`{"id":"s","type":"complete"}`)
	eventually(t, "what was completed has ended", func() bool { return a.ws.Stats().Operations == 0 })
}

// Who makes a group is held up before they join it. It asks the gate meanwhile, for those who are in it already, and the maker's
// role has changed: they go to another group, and those whose role has not changed stay together.
func TestAGroupKeepsItsScope(t *testing.T) {
	t.Parallel()
	held, goOn := make(chan struct{}), make(chan struct{})
	a := newAPI(t, func(a *api, ws *transport.WebSocket, h *transport.HTTP, l *transport.Limits) {
		sessions(a, ws, h, l)
		var once sync.Once
		ws.Entering(func(id string) {
			if id == "maker" {
				once.Do(func() {
					close(held)
					<-goOn
				})
			}
		}, func(string) {})
	})
	ann, others := a.connect(t, "ann"), []*client{a.connect(t, "bob"), a.connect(t, "eve")}
	ann.follow("maker", 0)
	receive(t, held)
	for _, c := range others {
		c.follow("s", 0)
	}
	eventually(t, "the others are in", func() bool { return a.ws.Members() == 2 && a.ws.Stats().Groups == 1 })
	a.journal.setGate(func(user string) (string, error) {
		if user == "user of ann" {
			return "other", nil
		}
		return "all", nil
	})
	asked := a.journal.write(1, true)
	for _, c := range others {
		c.expectEntries("s", 1, asked)
	}
	close(goOn)
	ann.expectEntries("maker", 1, asked)
	eventually(t, "two groups", func() bool { return a.ws.Members() == 3 && a.ws.Stats().Groups == 2 })

	before := a.journal.executions()
	last := a.journal.write(1, true)
	ann.expectEntries("maker", last, last)
	for _, c := range others {
		c.expectEntries("s", last, last)
	}
	if n := a.journal.executions() - before; n != 2 {
		t.Errorf("an entry was executed %d times, want once for each of two roles", n)
	}
}
