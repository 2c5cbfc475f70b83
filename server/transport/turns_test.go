package transport_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"muster/server/transport"
)

// slowGate answers one question at a time, when it is told to.
type slowGate struct {
	mu    sync.Mutex
	in    int // who is being asked about
	most  int // at once
	asked []string
	next  chan struct{}
}

func (g *slowGate) ask(user string) (string, error) {
	g.mu.Lock()
	g.in++
	g.most = max(g.most, g.in)
	g.asked = append(g.asked, strings.TrimPrefix(user, "user of "))
	g.mu.Unlock()
	<-g.next
	g.mu.Lock()
	g.in--
	g.mu.Unlock()
	return "all", nil
}

func (g *slowGate) askedAbout() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]string(nil), g.asked...)
}

// A storm of subscriptions begins as few at a time as may, and one that wants many keeps nobody waiting who wants one.
func TestAStormBeginsInTurn(t *testing.T) {
	t.Parallel()
	a := newAPI(t, config(func(ws *transport.WebSocket) { ws.MaxStarting = 1 }))
	gate := &slowGate{next: make(chan struct{})}
	a.journal.setGate(gate.ask)

	const greedy = 60
	var sockets []*client
	for range greedy / 20 {
		c := a.connect(t, "greedy")
		sockets = append(sockets, c)
		for i := range 20 {
			c.follow(fmt.Sprint(i), 0)
		}
	}
	eventually(t, "the others wait", func() bool { return a.ws.Stats().Waiting == greedy-1 })
	eventually(t, "one is asked about", func() bool { return len(gate.askedAbout()) == 1 })
	modest := a.connect(t, "modest")
	modest.follow("1", 0)
	eventually(t, "the one waits too", func() bool { return a.ws.Stats().Waiting == greedy })
	for range greedy + 1 {
		gate.next <- struct{}{}
	}
	eventually(t, "everybody is served", func() bool {
		return a.ws.Stats() == transport.Stats{Sockets: len(sockets) + 1, Operations: greedy + 1, Groups: 1}
	})
	asked := gate.askedAbout()
	if gate.most != 1 {
		t.Errorf("%d were asked about at once, want 1", gate.most)
	}
	// The first, and the next of who came first: then it is the other's turn.
	if got := strings.Join(asked[:4], " "); got != "greedy greedy modest greedy" {
		t.Errorf("the turns were %s", got)
	}
	a.journal.write(1, false)
	for _, c := range sockets {
		told := map[string]bool{}
		for range 20 {
			m, err := c.next()
			if err != nil || m.Type != "next" || told[m.ID] {
				t.Fatalf("got %s %s %s, %v", m.Type, m.ID, m.Payload, err)
			}
			told[m.ID] = true
		}
	}
	modest.expect("next", "1", "")
}

// One account does not take all turns, by however many sessions or tokens it asks, also where nobody else wants one at that
// moment: whoever comes finds one.
func TestOneAccountLeavesTurns(t *testing.T) {
	t.Parallel()
	for _, sessions := range [][]string{
		{"greedy"},
		{"greedy/1", "greedy/2", "greedy/3", "greedy/4", "greedy/5"},
	} {
		t.Run(fmt.Sprintf("of %d sessions", len(sessions)), func(t *testing.T) {
			t.Parallel()
			a := newAPI(t, config(func(ws *transport.WebSocket) {
				ws.MaxStarting = 4
				ws.Account = func(ctx context.Context) string {
					account, _, _ := strings.Cut(strings.TrimPrefix(ctx.Value(userKey{}).(string), "user of "), "/")
					return account
				}
			}))
			gate := &slowGate{next: make(chan struct{})}
			a.journal.setGate(gate.ask)
			for _, session := range sessions {
				greedy := a.connect(t, session)
				for i := range 10 / len(sessions) {
					greedy.follow(fmt.Sprint(i), 0)
				}
			}
			eventually(t, "the others wait", func() bool { return a.ws.Stats().Waiting == 9 })
			modest := a.connect(t, "modest")
			modest.follow("1", 0)
			eventually(t, "both are asked about", func() bool { return len(gate.askedAbout()) == 2 })
			if asked := gate.askedAbout(); !strings.HasPrefix(asked[0], "greedy") || asked[1] != "modest" {
				t.Errorf("the gate was asked about %s", asked)
			}
			for range 11 {
				gate.next <- struct{}{}
			}
			eventually(t, "everybody is served", func() bool {
				return a.ws.Stats() == transport.Stats{Sockets: len(sessions) + 1, Operations: 11, Groups: 1}
			})
		})
	}
}

// A subscription that has begun and goes on by itself, because its group is over, waits for its turn as long as that takes.
func TestWhoHasBegunIsNotTurnedAway(t *testing.T) {
	t.Parallel()
	const wait = 50 * time.Millisecond
	a := newAPI(t, config(func(ws *transport.WebSocket) { ws.MaxStarting, ws.StartWait = 1, wait }))
	gate := &slowGate{next: make(chan struct{})}
	running := []*client{a.connect(t, "ann"), a.connect(t, "bob")}
	for _, c := range running {
		c.send(`{"id":"s","type":"subscribe","payload":{"query":"subscription { log(after: 0, name: \"odd fail\") }"}}`)
	}
	eventually(t, "one group", func() bool { return a.ws.Members() == 2 && a.ws.Stats().Groups == 1 })
	a.journal.setGate(gate.ask)
	slow := a.connect(t, "zed")
	slow.follow("z", 0)
	eventually(t, "one begins", func() bool { return len(gate.askedAbout()) == 1 })
	a.journal.write(1, false) // which cannot be executed for all
	eventually(t, "both wait", func() bool { return a.ws.Stats().Waiting == 2 })
	// Whoever begins now is told to come again, after those have waited for longer.
	late := a.connect(t, "eve")
	late.follow("l", 0)
	late.expectError("l", "RATE_LIMITED")
	a.journal.setGate(func(string) (string, error) { return "all", nil })
	close(gate.next)
	for _, c := range running {
		c.expect("next", "s", "")
	}
}

// Who cannot begin in time is told to come again, with the code that says so; who waits and wants it no more leaves, and so
// does whose socket closes.
func TestWhoCannotBeginInTime(t *testing.T) {
	t.Parallel()
	a := newAPI(t, config(func(ws *transport.WebSocket) { ws.MaxStarting, ws.StartWait = 1, 200*time.Millisecond }))
	gate := &slowGate{next: make(chan struct{})}
	a.journal.setGate(gate.ask)
	first := a.connect(t, "ann")
	first.follow("1", 0)
	eventually(t, "one is asked about", func() bool { return len(gate.askedAbout()) == 1 })

	leaving, closing, waiting := a.connect(t, "bob"), a.connect(t, "bob"), a.connect(t, "cem")
	leaving.follow("1", 0)
	leaving.send(`{"id":"1","type":"complete"}`)
	closing.follow("1", 0)
	_ = closing.Close()
	waiting.follow("1", 0)
	waiting.expect("error", "1", `[{"message":"Too many subscriptions begin at this moment. Try again in a few seconds.","extensions":{"code":"RATE_LIMITED","retryAfter":5}}]`)
	eventually(t, "nobody waits", func() bool { return a.ws.Stats().Operations == 1 })

	gate.next <- struct{}{}
	eventually(t, "the first is served", func() bool { return a.ws.Stats().Groups == 1 })
	waiting.follow("1", 0)
	gate.next <- struct{}{}
	eventually(t, "who came again is served too", func() bool { return a.ws.Stats().Operations == 2 })
	a.journal.write(1, false)
	first.expect("next", "1", "")
	waiting.expect("next", "1", "")
	if asked := gate.askedAbout(); fmt.Sprint(asked) != "[ann cem]" {
		t.Errorf("the gate was asked about %v", asked)
	}
}
