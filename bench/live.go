package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/sync/errgroup"

	"muster/db"
)

// burst is how many entries commit at once in a burst; paced is how many deliveries a second the paced paths make in all.
const (
	burst = 200
	paced = 20_000
)

const liveDocument = `subscription Live($organizationId: ID!, $after: Int) {
  auditLog(organizationId: $organizationId, after: $after) { id sequence action actorLabel targetLabel message createdAt } }`

// livePaths are an organization's log on many sockets, each resumed at another sequence, against a broadcast of the same
// bytes to as many plain sockets with a writer each.
func livePaths() []path {
	var paths []path
	for _, n := range []int{1000, 5000} {
		l := &live{sockets: n}
		about := fmt.Sprintf("one organization's log on %d sockets, each resumed at another sequence; the limit sends gorilla's PreparedMessage of "+
			"as many bytes to %[1]d sockets with a writer each", n)
		name := fmt.Sprintf("live-%dk", n/1000)
		paths = append(paths, path{
			Name: name + "-burst", Op: "delivery", Long: true, Prepare: l.prepare,
			About: fmt.Sprintf("%s. %d entries at once, until the last one has them all", about, burst),
			Goals: []goal{{Figure: "rate", Least: 1.2}},
			Muster: func(ctx context.Context, a *arena, m *meter) error {
				return l.burst(ctx, a, m, &l.muster, l.wake)
			},
			Limit: func(ctx context.Context, a *arena, m *meter) error {
				return l.burst(ctx, a, m, &l.limit, l.publish)
			},
		}, path{
			Name: name + "-paced", Op: "delivery", Long: true, Prepare: l.prepare,
			About: fmt.Sprintf("%s. %d deliveries a second in all; the time is from the commit", about, paced),
			Goals: []goal{{Figure: "cpu", Most: 1.25}, {Figure: "p99", Most: 1.5}},
			Muster: func(ctx context.Context, a *arena, m *meter) error {
				return l.paced(ctx, a, m, &l.muster, l.wake)
			},
			Limit: func(ctx context.Context, a *arena, m *meter) error {
				return l.paced(ctx, a, m, &l.limit, l.publish)
			},
			Finish: l.leave,
		})
	}
	return paths
}

// live is one organization that many watch.
type live struct {
	sockets       int
	organization  string
	muster, limit audience
	weight        float64 // KB for each of Muster's sockets, where they were weighed
}

// dialect is how the client tells a server's deliveries from all else, where it does not speak graphql-transport-ws.
type dialect struct {
	accepted string // stands in the answer to what a socket says first
	delivery string // stands in a message once for each entry
	longest  int    // bytes that a message may have
}

// graphQL is what Muster speaks. A message is one delivery, and no longer in what tells it from others.
var graphQL = dialect{accepted: `"type":"connection_ack"`, delivery: `"type":"next"`, longest: 1 << 10}

// A server is asked to accept so many sockets at once, and has so long for each: whether it takes a thousand sign-ins in one moment
// is not what the live paths measure, and on a busy machine some of a thousand would be too late.
const (
	openTogether = 32
	acceptWithin = time.Minute
)

// audience is the sockets of one side.
type audience struct {
	speaks      dialect // zero is graphQL
	connections []*websocket.Conn
	received    atomic.Int64
	wanted      atomic.Int64
	done        chan struct{} // has a token when as much was received as is wanted
	failed      atomic.Pointer[error]

	again  atomic.Int64 // how often one was told to come again
	saying sync.Mutex   // a connection takes one writer at a time

	mu   sync.Mutex
	sent time.Time // when the entry that is on its way was committed; zero where nothing is timed
	took []time.Duration
}

// prepare fills an organization and opens the sockets of both sides.
func (l *live) prepare(ctx context.Context, a *arena) error {
	if l.organization != "" {
		return nil
	}
	tokens, err := l.fill(ctx, a, fmt.Sprintf("live-%d", l.sockets))
	if err != nil {
		return err
	}
	if err := l.follow(ctx, a, a.muster, &l.muster, tokens, func(i int) int { return i % 100 }); err != nil {
		return err
	}
	return l.enter(ctx, a, a.limit, &l.limit)
}

// follow opens sockets that follow the log, the i-th one after an entry of its first hundred.
func (l *live) follow(ctx context.Context, a *arena, s *server, au *audience, tokens []string, after func(i int) int) error {
	return au.open(ctx, a, s, l.sockets, func(i int) (string, []string) {
		variables, err := json.Marshal(map[string]any{"organizationId": l.organization, "after": after(i)})
		if err != nil {
			panic(err)
		}
		return "/graphql", []string{
			fmt.Sprintf(`{"type":"connection_init","payload":{"authorization":"Bearer %s"}}`, tokens[i%len(tokens)]),
			fmt.Sprintf(`{"id":"%d","type":"subscribe","payload":{"query":%q,"variables":%s}}`, i, liveDocument, variables),
		}
	}, func(i int) int64 { return int64(100 - after(i)) })
}

// enter opens sockets in the limit's room.
func (l *live) enter(ctx context.Context, a *arena, s *server, au *audience) error {
	return au.open(ctx, a, s, l.sockets, func(int) (string, []string) { return fmt.Sprintf("/live?room=%d", l.sockets), nil },
		func(int) int64 { return 0 })
}

// leave closes all sockets: they would be a part of what is measured after them.
func (l *live) leave() error {
	l.muster.close()
	l.limit.close()
	return nil
}

// fill makes an organization with an account for every eighty sockets, and a hundred entries in its log.
func (l *live) fill(ctx context.Context, a *arena, name string) (tokens []string, err error) {
	userID, token, err := a.addViewer(ctx, name)
	if err != nil {
		return nil, err
	}
	tokens = append(tokens, token)
	if l.organization, _, err = a.addOrganization(ctx, name, userID, 2); err != nil {
		return nil, err
	}
	for i := range l.sockets/80 + 1 { // a session has at most 100 sockets, and an account 300
		if userID, token, err = a.addViewer(ctx, fmt.Sprintf("%s-%d", name, i)); err != nil {
			return nil, err
		}
		if _, err := a.DB.Exec(ctx, `INSERT INTO members (id, organization_id, user_id, role, status) VALUES ($1, $2, $3, 'MANAGER', 'ACTIVE')`,
			db.NewID(db.MemberID), l.organization, userID); err != nil {
			return nil, err
		}
		tokens = append(tokens, token)
	}
	return tokens, l.write(ctx, a, 100)
}

// write commits n entries to the organization's log.
func (l *live) write(ctx context.Context, a *arena, n int) error {
	_, err := a.DB.Exec(ctx, `
WITH o AS (UPDATE organizations SET audit_seq = audit_seq + $2 WHERE id = $1 RETURNING id, audit_seq - $2 AS last)
INSERT INTO audit_entries (organization_id, sequence, id, action, actor_label, target_label, message)
SELECT o.id, o.last + n, 'aud_' || o.id || '_' || o.last + n, 'team.create', 'Olivia Fischer (olivia@bench.example)', 'Platform', 'created the team Platform'
  FROM o, generate_series(1, $2::int) n`, l.organization, n)
	return err
}

// wake rings the wake-up of what was committed.
func (l *live) wake(ctx context.Context, a *arena, _ int) error {
	_, err := a.DB.Exec(ctx, `SELECT pg_notify('muster', $1)`, l.organization)
	return err
}

// publish makes the limit broadcast as many messages.
func (l *live) publish(ctx context.Context, a *arena, n int) error {
	_, err := fetch(ctx, a.limit.URL(fmt.Sprintf("/live/publish?room=%d&n=%d", l.sockets, n)))
	return err
}

// open opens sockets, a few at a time, lets all of them ask at once what they have to ask, and waits until each has what it missed.
func (au *audience) open(
	ctx context.Context, a *arena, s *server, n int, begin func(i int) (page string, says []string), missed func(i int) int64,
) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%d sockets of %s: %w", n, s.name, err)
		}
	}()
	if au.speaks == (dialect{}) {
		au.speaks = graphQL
	}
	au.done = make(chan struct{}, 1)
	au.connections = make([]*websocket.Conn, n)
	var backlog int64
	for i := range n {
		backlog += missed(i)
	}
	au.wanted.Store(backlog)
	asks := make([]string, n) // after connection_init
	opening, opened := errgroup.WithContext(ctx)
	opening.SetLimit(openTogether)
	for i := range n {
		opening.Go(func() error {
			page, says := begin(i)
			dialer := websocket.Dialer{Subprotocols: []string{"graphql-transport-ws"}, ReadBufferSize: 1 << 10, WriteBufferSize: 256}
			connection, response, err := dialer.DialContext(opened, "ws://"+s.addressOf(i)+page, nil)
			if err != nil {
				return err
			}
			_ = response.Body.Close()
			au.connections[i] = connection
			ask := ""
			if len(says) == 2 {
				ask = says[1]
				if err := au.introduce(opened, connection, says[0]); err != nil {
					return err
				}
			}
			asks[i] = ask
			go func() {
				var closed *websocket.CloseError
				if err := au.listen(connection, ask); errors.As(err, &closed) { // At the latest when the server is stopped.
					au.failed.CompareAndSwap(nil, &err)
					au.wakeUp()
				}
			}()
			return nil
		})
	}
	if err := opening.Wait(); err != nil {
		return err
	}
	began := time.Now()
	for i, connection := range au.connections {
		if asks[i] != "" {
			if err := au.say(connection, asks[i]); err != nil {
				return err
			}
		}
	}
	if err := au.await(ctx); err != nil {
		return err
	}
	if backlog > 0 {
		a.say("%d subscribed at once and had what they missed after %s; %d were told to come again", n,
			time.Since(began).Round(time.Millisecond), au.again.Load())
	}
	return nil
}

// introduce says what a socket says first, and waits until it is accepted.
func (au *audience) introduce(ctx context.Context, connection *websocket.Conn, first string) error {
	stop := context.AfterFunc(ctx, func() { _ = connection.Close() }) // another one has failed
	defer stop()
	if err := au.say(connection, first); err != nil {
		return err
	}
	if err := connection.SetReadDeadline(time.Now().Add(acceptWithin)); err != nil {
		return err
	}
	_, answer, err := connection.ReadMessage()
	if err != nil {
		return fmt.Errorf("not accepted: %w", err)
	}
	if !bytes.Contains(answer, []byte(au.speaks.accepted)) {
		return fmt.Errorf("not accepted: %.300s", answer)
	}
	return connection.SetReadDeadline(time.Time{})
}

func (au *audience) say(connection *websocket.Conn, what string) error {
	au.saying.Lock()
	defer au.saying.Unlock()
	err := connection.WriteMessage(websocket.TextMessage, []byte(what))
	if why := au.failed.Load(); err != nil && why != nil {
		return *why
	}
	return err
}

// listen counts what arrives on a socket until it ends. Who is told to come again asks again.
func (au *audience) listen(connection *websocket.Conn, ask string) error {
	buffer, delivery := make([]byte, au.speaks.longest), []byte(au.speaks.delivery)
	for {
		_, r, err := connection.NextReader()
		if err != nil {
			return err
		}
		size, _ := io.ReadFull(r, buffer) // what is longer is cut
		message := buffer[:size]
		if n := bytes.Count(message, delivery); n > 0 {
			au.count(n)
			continue
		}
		switch {
		case bytes.Contains(message, []byte(`"type":"ping"`)):
			if err := au.say(connection, `{"type":"pong"}`); err != nil {
				return err
			}
		case bytes.Contains(message, []byte(`"code":"RATE_LIMITED"`)):
			au.again.Add(1)
			time.AfterFunc(5*time.Second, func() { _ = au.say(connection, ask) }) // A broken connection shows when it is read.
		case bytes.Contains(message, []byte(`"type":"error"`)), bytes.Contains(message, []byte(`"type":"complete"`)):
			err := fmt.Errorf("a subscription ended: %s", message)
			au.failed.Store(&err)
			au.wakeUp()
			return err
		}
	}
}

// count takes down n deliveries.
func (au *audience) count(n int) {
	au.mu.Lock()
	if !au.sent.IsZero() {
		took := time.Since(au.sent)
		for range n {
			au.took = append(au.took, took)
		}
	}
	au.mu.Unlock()
	if au.received.Add(int64(n)) == au.wanted.Load() {
		au.wakeUp()
	}
}

func (au *audience) close() {
	for _, connection := range au.connections {
		if connection != nil {
			_ = connection.Close() // nobody reads what comes
		}
	}
}

func (au *audience) wakeUp() {
	select {
	case au.done <- struct{}{}:
	default:
	}
}

// await waits until as much was received as is wanted, for as long as something comes within a minute.
func (au *audience) await(ctx context.Context) error {
	for au.received.Load() < au.wanted.Load() {
		before := au.received.Load()
		select {
		case <-au.done:
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Minute):
			if now := au.received.Load(); now == before {
				return fmt.Errorf("nothing has come for a minute after %d of %d deliveries", now, au.wanted.Load())
			}
		}
		if err := au.failed.Load(); err != nil {
			return *err
		}
	}
	return nil
}

// send commits entries, has them told, and waits until every socket has them.
func (l *live) send(ctx context.Context, a *arena, au *audience, n int, timed bool, tell func(context.Context, *arena, int) error) error {
	if err := l.write(ctx, a, n); err != nil {
		return err
	}
	au.mu.Lock()
	au.sent = time.Time{}
	if timed {
		au.sent = time.Now()
	}
	au.mu.Unlock()
	au.wanted.Add(int64(n * l.sockets))
	if err := tell(ctx, a, n); err != nil {
		return err
	}
	return au.await(ctx)
}

// settle waits until Muster's sockets are at the end of the log, after entries that were the limit's.
func (l *live) settle(ctx context.Context, a *arena) error {
	var last int64
	if err := a.DB.QueryRow(ctx, `SELECT audit_seq FROM organizations WHERE id = $1`, l.organization).Scan(&last); err != nil {
		return err
	}
	backlog := int64(0)
	for i := range l.sockets {
		backlog += int64(i % 100)
	}
	l.muster.mu.Lock()
	l.muster.sent = time.Time{}
	l.muster.mu.Unlock()
	l.muster.wanted.Store(last*int64(l.sockets) - backlog)
	if err := l.wake(ctx, a, 0); err != nil {
		return err
	}
	return l.muster.await(ctx)
}

func (l *live) burst(ctx context.Context, a *arena, m *meter, au *audience, tell func(context.Context, *arena, int) error) error {
	if err := l.settle(ctx, a); err != nil {
		return err
	}
	return m.measure(ctx, func() (int, error) {
		sent := 0
		for began := time.Now(); time.Since(began) < a.options.Each; sent += burst {
			if err := l.send(ctx, a, au, burst, false, tell); err != nil {
				return 0, err
			}
		}
		return sent * l.sockets, nil
	})
}

func (l *live) paced(ctx context.Context, a *arena, m *meter, au *audience, tell func(context.Context, *arena, int) error) error {
	if err := l.settle(ctx, a); err != nil {
		return err
	}
	au.mu.Lock()
	au.took = nil
	au.mu.Unlock()
	err := m.measure(ctx, func() (int, error) {
		tick := time.NewTicker(time.Second * time.Duration(l.sockets) / paced)
		defer tick.Stop()
		sent := 0
		for began := time.Now(); time.Since(began) < a.options.Each; sent++ {
			if err := l.send(ctx, a, au, 1, true, tell); err != nil {
				return 0, err
			}
			<-tick.C
		}
		return sent * l.sockets, nil
	})
	au.mu.Lock()
	defer au.mu.Unlock()
	m.latencies(au.took)
	return err
}

// rooms are the limit's sockets, by how many there are to be.
type rooms struct {
	mu   sync.Mutex
	room map[string][]chan *websocket.PreparedMessage
}

// join takes a socket into a room: it has a reader and a writer, and a queue as long as Muster's.
func (r *rooms) join(w http.ResponseWriter, request *http.Request) {
	upgrader := websocket.Upgrader{
		ReadBufferSize: 1 << 10, WriteBufferSize: 4 << 10, WriteBufferPool: &writeBuffers, Subprotocols: []string{"graphql-transport-ws"},
	}
	connection, err := upgrader.Upgrade(w, request, nil)
	if err != nil {
		return
	}
	queue := make(chan *websocket.PreparedMessage, 64)
	r.mu.Lock()
	if r.room == nil {
		r.room = map[string][]chan *websocket.PreparedMessage{}
	}
	name := request.URL.Query().Get("room")
	r.room[name] = append(r.room[name], queue)
	r.mu.Unlock()
	go func() {
		for message := range queue {
			if connection.WritePreparedMessage(message) != nil {
				return
			}
		}
	}()
	go func() {
		for {
			if _, _, err := connection.NextReader(); err != nil {
				return
			}
		}
	}()
}

var writeBuffers sync.Pool

// publish queues messages of the size of Muster's for every socket of a room; a full queue makes it wait.
func (r *rooms) publish(_ http.ResponseWriter, request *http.Request) error {
	n, err := strconv.Atoi(request.URL.Query().Get("n"))
	if err != nil {
		return err
	}
	r.mu.Lock()
	room := r.room[request.URL.Query().Get("room")]
	r.mu.Unlock()
	if len(room) == 0 {
		return errors.New("nobody is in the room")
	}
	for range n {
		message, err := websocket.NewPreparedMessage(websocket.TextMessage, []byte(`{"id":"1000","type":"next","payload":{"data":{"auditLog":{"id":"aud_org_01m815dnczenx81e0kxhg76mqs_10000","sequence":10000,`+
			`"action":"team.create","actorLabel":"Olivia Fischer (olivia@bench.example)","targetLabel":"Platform","message":"created the team Platform","createdAt":"2026-11-22T09:00:00.123456Z"}}}}`))
		if err != nil {
			return err
		}
		for _, queue := range room {
			queue <- message
		}
	}
	return nil
}
