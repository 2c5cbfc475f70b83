package transport_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"muster/server/transport"
)

// journal is a log whose entries are their numbers, and its gate.
type journal struct {
	mu       sync.Mutex
	end      int
	grown    chan struct{} // closed when there is more
	changing map[int]bool  // entries before which the gate is asked
	gate     func(user string) (scope string, err error)
	asked    int
	executed int // events that were executed
}

func newJournal() *journal {
	return &journal{grown: make(chan struct{}), changing: map[int]bool{}, gate: func(string) (string, error) { return "all", nil }}
}

func (j *journal) write(n int, changing bool) (last int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for range n {
		j.end++
		j.changing[j.end] = changing
	}
	close(j.grown)
	j.grown = make(chan struct{})
	return j.end
}

func (j *journal) setGate(gate func(user string) (string, error)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.gate = gate
}

func (j *journal) answer(ctx context.Context) (string, error) {
	user, _ := ctx.Value(userKey{}).(string)
	if user == "" {
		return "", &coded{code: "UNAUTHENTICATED"}
	}
	j.mu.Lock()
	gate := j.gate
	j.asked++
	j.mu.Unlock()
	return gate(user)
}

func (j *journal) executions() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.executed
}

// reading is one reading of a journal: a stream.Log.
type reading struct {
	*journal
	position int
	scope    string
}

func (j *journal) read(ctx context.Context, after *int) (*reading, error) {
	scope, err := j.answer(ctx)
	if err != nil {
		return nil, err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	r := &reading{journal: j, position: j.end, scope: scope}
	if after != nil {
		r.position = *after
	}
	return r, nil
}

// next waits for the entry after a position; it says false at the end, where the reader does not wait.
func (j *journal) next(ctx context.Context, position int, wait bool) (changing, ok bool) {
	for {
		j.mu.Lock()
		if position < j.end {
			defer j.mu.Unlock()
			return j.changing[position+1], true
		}
		grown := j.grown
		j.mu.Unlock()
		if !wait {
			return false, false
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return false, false
		}
	}
}

func (r *reading) Events(ctx context.Context, share bool) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		for {
			changing, ok := r.next(ctx, r.position, !share)
			if !ok {
				return
			}
			if changing {
				var err error
				if r.scope, err = r.answer(ctx); err != nil {
					yield(0, err)
					return
				}
			}
			if !yield(r.position+1, nil) {
				return
			}
			r.position++
		}
	}
}

func (r *reading) Position() int { return r.position }

func (r *reading) Scope() string { return r.scope }

func (r *reading) Follow(ctx context.Context, after int, ask func(context.Context) bool, tell func(int, *int, bool) bool) error {
	for {
		changing, ok := r.next(ctx, after, true)
		if !ok || changing && !ask(ctx) {
			return nil
		}
		after++
		r.mu.Lock()
		more := after < r.end
		r.mu.Unlock()
		if !tell(after, &after, more) {
			return nil
		}
	}
}

func (r *reading) Ask(_ context.Context, callers []context.Context) (scopes []string, refusals []error) {
	for _, caller := range callers {
		scope, err := r.answer(caller)
		scopes, refusals = append(scopes, scope), append(refusals, err)
	}
	return scopes, refusals
}

const (
	watchLog = `subscription($after: Int, $name: String) { log(after: $after, name: $name) }`
	logAfter = `{"id":%q,"type":"subscribe","payload":{"query":%q,"variables":{"after":%s,"name":"x"}}}`
)

func (c *client) follow(id string, after any) {
	c.t.Helper()
	encoded, err := json.Marshal(after)
	if err != nil {
		c.t.Fatal(err)
	}
	c.send(fmt.Sprintf(logAfter, id, watchLog, encoded))
}

// expectEntries expects the entries from first to last, once and in order, of one operation.
func (c *client) expectEntries(id string, first, last int) {
	c.t.Helper()
	for n := first; n <= last; n++ {
		c.expect("next", id, fmt.Sprintf(`{"data":{"log":%d}}`, n))
	}
}

// Whoever begins at whatever sequence gets every entry once and in order; each is executed once for all who are there.
func TestAGroupExecutesOnce(t *testing.T) {
	t.Parallel()
	a := newAPI(t, sessions)
	a.journal.write(10, false)
	const n = 20
	clients := make([]*client, n)
	for i := range clients {
		clients[i] = a.connect(t, "ann")
		clients[i].follow("s", i/2)
		clients[i].expectEntries("s", i/2+1, 10)
	}
	eventually(t, "one group", func() bool { return a.ws.Stats() == transport.Stats{Sockets: n, Operations: n, Groups: 1} })
	before := a.journal.executions()
	last := a.journal.write(50, false)
	for _, c := range clients {
		c.expectEntries("s", 11, last)
	}
	if got := a.journal.executions() - before; got != 50 {
		t.Errorf("50 events for %d were executed %d times", n, got)
	}
	// Late ones come to exactly where the others are, from the ring; the maker of the group may go.
	clients[0].send(`{"id":"s","type":"complete"}`)
	late := a.connect(t, "bob")
	late.follow("t", 5)
	late.expectEntries("t", 6, last)
	end := a.journal.write(3, false)
	late.expectEntries("t", last+1, end)
	clients[1].expectEntries("s", last+1, end)
	clients[0].expectQuiet()
	// The last one out ends it.
	for _, c := range append(clients[1:], late) {
		if err := c.WriteControl(websocket.CloseMessage, nil, time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "nothing is left", func() bool { return a.ws.Stats() == transport.Stats{Sockets: 1} })
}

// What is not the same document, variables and scope is not the same group, and what depends on the viewer is in none.
func TestWhatIsNotShared(t *testing.T) {
	t.Parallel()
	a := newAPI(t, sessions)
	a.journal.setGate(func(user string) (string, error) { return user, nil })
	ann := a.connect(t, "ann")
	groups := 0
	for i, test := range []struct {
		document, variables string
		shared              bool // with one of those before
		alone               bool
	}{
		{document: watchLog, variables: `{}`},
		{document: watchLog, variables: `{"after":0}`, shared: true},
		{document: "# the same\n" + `subscription ( $after : Int,$name:String ){log(after:$after name:$name)}`, variables: `{"after":1}`, shared: true},
		{document: watchLog, variables: `{"name":"x"}`},
		{document: watchLog, variables: `{"name":"y"}`},
		{document: `subscription($after: Int) { l: log(after: $after) }`, variables: `{}`},
		{document: `subscription($after: Int) { log(after: $after, name: "x") }`, variables: `{}`},
		{document: `subscription A($after: Int) { log(after: $after) } subscription B($after: Int) { log(after: $after) }`, variables: `{}`, alone: true},
		{document: `subscription($after: Int) { log(after: $after, limit: $after) }`, variables: `{"after":1}`, alone: true},
		{document: `subscription($after: Int) { mine(after: $after) }`, variables: `{}`, alone: true},
		{document: `subscription($after: Int) { ... on Subscription { log(after: $after) } }`, variables: `{}`, alone: true},
	} {
		if !test.shared && !test.alone {
			groups++
		}
		id := fmt.Sprint(i)
		ann.send(fmt.Sprintf(`{"id":%q,"type":"subscribe","payload":{"query":%q,"variables":%s,"operationName":%s}}`, id, test.document,
			test.variables, map[bool]string{true: `"A"`, false: "null"}[i == 7]))
		eventually(t, test.document, func() bool { got := a.ws.Stats(); return got.Operations == i+1 && got.Groups == groups })
	}
	// Another scope shares nothing with the first.
	bob := a.connect(t, "bob")
	bob.follow("b", nil)
	eventually(t, "another scope is another group", func() bool { return a.ws.Stats().Groups == groups+1 })
}

// Before an entry that may have changed who may watch, all members are asked about, and nothing is delivered before the
// answer. Who is refused gets that entry no more; who is in another scope now goes on there without a gap.
func TestAGroupAsksBeforeItGoesOn(t *testing.T) {
	t.Parallel()
	a := newAPI(t, sessions)
	ann, bob, eve := a.connect(t, "ann"), a.connect(t, "bob"), a.connect(t, "eve")
	for _, c := range []*client{ann, bob, eve} {
		c.follow("s", 0)
	}
	eventually(t, "one group of three", func() bool { return a.ws.Stats().Operations == 3 && a.ws.Stats().Groups == 1 })
	answer := make(chan struct{})
	asked := make(chan string, 10)
	a.journal.setGate(func(user string) (string, error) {
		asked <- user
		<-answer
		switch user {
		case "user of bob":
			return "", &coded{code: "FORBIDDEN"}
		case "user of eve":
			return "other", nil
		default:
			return "all", nil
		}
	})
	last := a.journal.write(1, true)
	receive(t, asked)
	last = a.journal.write(last, false)
	ann.expectQuiet()
	bob.expectQuiet()
	close(answer)
	bob.expectError("s", "FORBIDDEN")
	ann.expectEntries("s", 1, last)
	eve.expectEntries("s", 1, last)
	bob.expectQuiet()
	eventually(t, "two groups of one each", func() bool { return a.ws.Stats() == transport.Stats{Sockets: 3, Operations: 2, Groups: 2} })
	end := a.journal.write(5, false)
	eve.expectEntries("s", last+1, end)
	ann.expectEntries("s", last+1, end)
	bob.expectQuiet()
}

// Who comes while a group asks, or after it has asked, has been asked about no earlier than the group.
func TestWhoJoinsIsAskedAgain(t *testing.T) {
	t.Parallel()
	a := newAPI(t, sessions)
	ann := a.connect(t, "ann")
	ann.follow("s", 0)
	eventually(t, "a group", func() bool { return a.ws.Stats().Groups == 1 })
	// Bob's gate lets him in, and before he joins the group has learned that this may be true no longer.
	var once sync.Once
	a.journal.setGate(func(user string) (string, error) {
		if user != "user of bob" {
			return "all", nil
		}
		err := error(&coded{code: "NOT_FOUND"})
		once.Do(func() {
			err = nil
			a.journal.mu.Lock()
			defer a.journal.mu.Unlock()
			a.journal.end++
			a.journal.changing[a.journal.end] = true
			close(a.journal.grown)
			a.journal.grown = make(chan struct{})
		})
		if err == nil {
			ann.expectEntries("s", 1, 1) // The group has asked and gone on.
		}
		return "all", err
	})
	bob := a.connect(t, "bob")
	bob.follow("s", nil)
	bob.expectError("s", "NOT_FOUND")
	ann.expectEntries("s", 2, a.journal.write(1, false))
	bob.expectQuiet()
}

// A session that ends in the middle of a burst gets nothing that was told later, and nothing that waited.
func TestASessionEndsInABurst(t *testing.T) {
	t.Parallel()
	a := newAPI(t, sessions)
	for range 10 {
		ann, bob := a.connect(t, "ann"), a.connect(t, "bob")
		from := a.journal.write(0, false)
		ann.follow("s", from)
		bob.follow("s", from)
		eventually(t, "a group of two", func() bool { return a.ws.Stats().Operations == 2 && a.ws.Stats().Groups == 1 })
		writing := make(chan struct{})
		go func() {
			defer close(writing)
			for range 50 {
				a.journal.write(20, false)
			}
		}()
		bob.expectEntries("s", from+1, from+10)
		a.ws.CloseSession("bob")
		until := a.journal.write(0, false)
		<-writing
		for n := from + 11; ; n++ {
			m, err := bob.next()
			if closed, ok := errors.AsType[*websocket.CloseError](err); ok {
				if closed.Code != 4401 {
					t.Fatalf("closed with %d", closed.Code)
				}
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if want := fmt.Sprintf(`{"data":{"log":%d}}`, n); string(m.Payload) != want || n > until+maxInFlight {
				t.Fatalf("got %s, want %s and nothing after %d", m.Payload, want, until)
			}
		}
		ann.expectEntries("s", from+1, from+1000)
		_ = ann.Close()
		eventually(t, "all are gone", func() bool { return a.ws.Stats() == transport.Stats{} })
	}
}

// maxInFlight is how many frames are written at once: they may have been on their way.
const maxInFlight = 16

// Who has once been too slow gets everything that came meanwhile, also where another group has asked the gate since this one did:
// the epochs are everybody's.
func TestTheSlowGoOnWhereOthersAsked(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(a *api, ws *transport.WebSocket, h *transport.HTTP, l *transport.Limits) {
		sessions(a, ws, h, l)
		ws.WriteTimeout, ws.PingInterval = time.Hour, time.Hour
		a.gate = &gate{open: make(chan struct{})}
		close(a.gate.open)
	})
	ann := a.connect(t, "ann")
	ann.follow("s", 0)
	eventually(t, "a group", func() bool { return a.ws.Stats().Groups == 1 })
	asked := a.journal.write(1, true)
	ann.expectEntries("s", 1, asked)
	_ = ann.Close()
	eventually(t, "it is gone", func() bool { return a.ws.Stats() == transport.Stats{} })

	bob := a.connect(t, "bob")
	bob.follow("s", asked)
	eventually(t, "another group", func() bool { return a.ws.Stats().Groups == 1 })
	a.gate.shut()
	before := a.journal.executions()
	last := a.journal.write(150, false)
	eventually(t, "more is told than a queue holds", func() bool { return a.journal.executions()-before == 150 })
	close(a.gate.opened())
	bob.expectEntries("s", asked+1, last)
}

// What groups keep for those who come later is bounded in bytes, of each and of all, and whoever finds it gone reads the table.
func TestLastFramesAreBounded(t *testing.T) {
	t.Parallel()
	a := newAPI(t, config(func(ws *transport.WebSocket) { ws.MaxRecent = 3_000 }))
	var clients []*client
	for i := range 4 { // as many groups, of two each
		for _, who := range []string{"ann", "bob"} {
			c := a.connect(t, who)
			c.send(fmt.Sprintf(`{"id":"s","type":"subscribe","payload":{"query":"subscription Of%d { log(after: 0) }"}}`, i))
			clients = append(clients, c)
		}
	}
	eventually(t, "four groups", func() bool { return a.ws.Stats().Groups == 4 && a.ws.Stats().Operations == len(clients) })
	for range 10 {
		first := a.journal.write(0, false) + 1
		last := a.journal.write(150, false)
		for _, c := range clients {
			c.expectEntries("s", first, last)
		}
		// The run that is being told is kept whole.
		if kept, most := a.ws.Recent(), int64(3_000+4*32*len(`{"data":{"log":1000}}`)); kept > most {
			t.Errorf("%d bytes are kept, want at most %d", kept, most)
		}
	}
	late := a.connect(t, "eve")
	late.send(`{"id":"s","type":"subscribe","payload":{"query":"subscription Of1 { log(after: 0) }"}}`)
	late.expectEntries("s", 1, a.journal.write(0, false))
	for _, c := range append(clients, late) {
		_ = c.Close()
	}
	eventually(t, "nothing is kept", func() bool { return a.ws.Stats() == transport.Stats{} && a.ws.Recent() == 0 })
}

// Clients that do not read fall out of the ring, one that does goes on, also where it is alone with that, and they get
// everything in the end.
func TestAGroupDoesNotWaitForTheSlow(t *testing.T) {
	t.Parallel()
	a := newAPI(t, config(func(ws *transport.WebSocket) { ws.WriteTimeout, ws.PingInterval = time.Hour, time.Hour }))
	quick, slow := a.connect(t, "ann"), []*client{a.connect(t, "bob"), a.connect(t, "eve")}
	all := append(slow, quick)
	for _, c := range all {
		c.follow("s", 0)
	}
	eventually(t, "one group", func() bool { return a.ws.Stats().Operations == 3 && a.ws.Stats().Groups == 1 })
	last := a.journal.write(6_000, false)
	quick.expectEntries("s", 1, last)
	for _, c := range slow {
		c.expectEntries("s", 1, last)
	}
	end := a.journal.write(3, false)
	for _, c := range all {
		c.expectEntries("s", last+1, end)
	}
	eventually(t, "all are together again", func() bool { return a.ws.Stats().Groups == 1 && a.ws.Stats().Operations == 3 })
}

// An event that is not executed without an error is nobody's frame but each one's own, and what comes after it too.
func TestAnErrorIsNotShared(t *testing.T) {
	t.Parallel()
	a := newAPI(t, sessions)
	clients := []*client{a.connect(t, "ann"), a.connect(t, "bob")}
	for _, c := range clients {
		c.send(`{"id":"s","type":"subscribe","payload":{"query":"subscription { log(after: 0, name: \"odd fail\") }"}}`)
	}
	eventually(t, "both are in one group", func() bool { return a.ws.Members() == 2 && a.ws.Stats().Groups == 1 })
	a.journal.write(4, false)
	for _, c := range clients {
		for n := 1; n <= 4; n++ {
			m := c.expect("next", "s", "")
			want := fmt.Sprintf(`{"data":{"log":%d}}`, n)
			if n%2 == 1 {
				want = `{"errors":[{"message":"coded FORBIDDEN","path":["log"],"extensions":{"code":"FORBIDDEN"}}],"data":{"log":null}}`
			}
			if string(m.Payload) != want {
				t.Errorf("got %s, want %s", m.Payload, want)
			}
		}
	}
	eventually(t, "each is alone", func() bool { return a.ws.Stats().Groups == 0 && a.ws.Stats().Operations == 2 })
}
