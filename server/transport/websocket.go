package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/gorilla/websocket"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// Subprotocol is the one subprotocol that sockets speak, specified in graphql-ws's PROTOCOL.md.
const Subprotocol = "graphql-transport-ws"

// The close codes, of that protocol unless said otherwise.
const (
	closeInvalidMessage = 4400
	closeUnauthorized   = 4401 // subscribe before the acknowledgement; the session ended
	closeForbidden      = 4403
	closeSubprotocol    = 4406 // as graphql-ws's own server has it
	closeInitTimeout    = 4408
	closeDuplicate      = 4409
	closeTooMany        = 4429 // a second connection_init; too many sockets of a session
)

// ErrForbidden is what Authenticate's error wraps where what the client has named is refused.
var ErrForbidden = errors.New("forbidden")

// closeGrace is how long a client has to answer a close frame before the connection is cut.
const closeGrace = time.Second

// kernelBuffer is what the kernel may hold for a client, in bytes, beside the socket's own queue.
const kernelBuffer = 128 << 10

// WebSocket carries queries, mutations and subscriptions over graphql-transport-ws. A socket has
// one goroutine, its reader, and one more for each operation that runs; a subscription that waits in a
// group has none, and who writes is shared (see writers). The handler returns as soon as the reader has started. The functions and bounds are set before the first
// request; the zero value of a bound means the default given there. A WebSocket is used by
// pointer and keeps the register of its sockets.
type WebSocket struct {
	// CheckOrigin decides by the request's headers whether a socket may open; a refusal is HTTP
	// 403. It is called for every request, also for one without an Origin header. Without a
	// function no socket opens.
	CheckOrigin func(r *http.Request) bool
	// Authenticate is called at connection_init with the request and the message's payload (nil
	// when there is none; see [Authorization]). It answers the context of everything that the
	// socket does, and a key that stands for the session, "" for none. [ErrForbidden] closes the
	// socket with 4403, and any other error, which says nothing about the client, with 1013. The
	// context that it gets ends with the socket, or after OperationTimeout if it has not answered
	// by then, which is 1013 too; the one that it answers must come from it. It may be nil.
	Authenticate func(ctx context.Context, r *http.Request, payload map[string]any) (context.Context, string, error)
	// Account answers whose session a context of Authenticate's is, "" for nobody's: an account's, or an organization's, whose
	// service tokens together are one account here. MaxAccountSockets and MaxAccountOperations count by it, and it has a
	// quarter of the turns of MaxStarting. It may be nil.
	Account func(ctx context.Context) string
	// Begin is called before each operation and answers the operation's context: what was
	// true of the socket at connection_init may have ended since. An error ends the operation
	// with an error frame. The context that it answers must come from the one that it got. It
	// may be nil.
	Begin func(ctx context.Context) (context.Context, error)
	// Client answers the address that a socket is counted by, of its upgrade request. Without a function, and for addresses
	// of this machine, MaxNetworkSockets bounds nothing.
	Client func(r *http.Request) netip.Addr
	// Alone makes every subscription be executed for its subscriber alone: what sharing is compared with.
	Alone bool
	// Logger gets panics of the transport's own goroutines and the errors of Authenticate. Panics
	// of resolvers go through the executor's recover function. Default: [slog.Default].
	Logger *slog.Logger

	// InitTimeout is how long a socket may wait with connection_init (4408). Default 3 s.
	InitTimeout time.Duration
	// WriteTimeout is how long a client that is behind may take in nothing, and how long the frame that tells of lost access
	// may take to be written, before the socket is closed. Who reads slowly, but reads, is kept. Default 2 s.
	WriteTimeout time.Duration
	// PingInterval is the time between pings, both the protocol's message and the control frame.
	// A socket from which nothing came for two intervals is closed. Default 15 s.
	PingInterval time.Duration
	// OperationTimeout bounds queries and mutations, and what happens before a subscription's
	// first event. Default 5 s.
	OperationTimeout time.Duration
	// MaxStarting is how many operations begin at a time: have their session looked up and, of subscriptions, the gate asked
	// and read what they missed. The others wait, the accounts in turn. Default 8.
	MaxStarting int
	// StartWait is how long one waits for that; then it gets an error frame with the code RATE_LIMITED. Default 30 s: on
	// two cores that others use too, five thousand take about as long.
	StartWait time.Duration
	// MaxMessage bounds a client's message in bytes (1009). Default 64 KiB.
	MaxMessage int64
	// MaxOperations bounds the operations of a socket. One more gets an error frame with the
	// code RATE_LIMITED and the others go on: a dashboard that asks for too much keeps what it
	// has, which closing the socket would take away again and again. Default 20.
	MaxOperations int
	// MaxSessionSockets bounds the sockets of one session (4429, after which clients do not
	// come back by themselves). Default 100: a dashboard stands open in many tabs.
	MaxSessionSockets int
	// MaxAccountSockets bounds the sockets of one account, of all its sessions and tokens together (4429). Default 300: three
	// sessions that are full. With a session for each of them, one account could take the room of all others.
	MaxAccountSockets int
	// MaxAccountOperations bounds the operations on these together; one more gets an error frame with the code RATE_LIMITED. Default
	// 1,500: five for each, more than a dashboard's page has. As many as one socket may have on each would be executed, one by one,
	// with every entry of a log.
	MaxAccountOperations int
	// MaxNetworkSockets bounds the sockets of one IPv4 address or IPv6 /64, and of a /48 to twice as many (HTTP 429).
	// Default 1,000: an office of some hundred people behind one address does not reach it, and one that does leaves
	// nine tenths to others.
	MaxNetworkSockets int
	// MaxStrangers bounds the sockets whose connection_init named no session, where Authenticate is set (4429); one
	// network may have a tenth of them. Default: a tenth of MaxSockets.
	MaxStrangers int
	// StrangerIdle is how long such a socket may run no operation; within as long again it is closed with 4401. Default 60 s.
	StrangerIdle time.Duration
	// MaxSockets bounds the sockets in all (HTTP 503). Default 10,000.
	MaxSockets int
	// MaxRecent bounds the bytes of the last frames that all groups keep together, for those who join and those who fall behind.
	// Beyond it they read the table. Default 64 MiB.
	MaxRecent int64

	once       sync.Once
	upgrader   websocket.Upgrader
	operations atomic.Int64
	turns      turns
	writers    writers
	recent     atomic.Int64   // bytes of the groups' last frames
	epoch      atomic.Int64   // counts the moments at which groups learned that rights may have changed
	running    sync.WaitGroup // one for each socket and group
	// enter is [group.join]. A test may take its time before and after it.
	enter func(*group, *member) joining

	mu       sync.Mutex // guards what follows; held for moments, never while writing
	shutDown bool
	reserved int // sockets, and upgrades under way
	crowd    crowd
	sockets  map[*socket]struct{}
	sessions map[string]map[*socket]struct{}
	groups   map[string]*group
}

var _ graphql.Transport = &WebSocket{}

// Stats counts what is alive on a [WebSocket].
type Stats struct {
	// Sockets are open connections, those among them that have not sent connection_init.
	Sockets int
	// Operations are those that run or wait for what they subscribed to.
	Operations int
	// Waiting are those among them whose turn to begin has not come.
	Waiting int
	// Groups are executions that several subscriptions share.
	Groups int
}

// Stats answers the present counts.
func (t *WebSocket) Stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	return Stats{Sockets: len(t.sockets), Operations: int(t.operations.Load()), Waiting: t.turns.length(), Groups: len(t.groups)}
}

// Authorization is the value of a connection_init payload's member "authorization", in whatever
// case it is spelled (a Playground sends it as typed); "" when there is none or null. One that is no string, or is there
// twice, is a token that fits nobody: who names a session wrongly must not be taken for the cookie's owner.
func Authorization(payload map[string]any) string {
	found, text := 0, ""
	for name, value := range payload {
		if value != nil && strings.EqualFold(name, "authorization") {
			found++
			text, _ = value.(string)
			if text == "" && value != "" {
				text = unusable
			}
		}
	}
	if found > 1 {
		return unusable
	}
	return text
}

// unusable is no token's text: tokens have no spaces.
const unusable = "unusable authorization"

// Supports takes a request that wants to become a WebSocket.
func (t *WebSocket) Supports(r *http.Request) bool { return websocket.IsWebSocketUpgrade(r) }

// Do opens a socket and returns.
func (t *WebSocket) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	t.once.Do(t.prepare)
	if t.CheckOrigin == nil || !t.CheckOrigin(r) {
		refuseUpgrade(w, http.StatusForbidden, refusal("FORBIDDEN", "WebSockets are not open to this Origin."))
		return
	}
	client := t.clientOf(r)
	if status, err := t.reserve(client); err != nil {
		refuseUpgrade(w, status, err)
		return
	}
	h := &hijacker{ResponseWriter: w}
	connection, err := t.upgrader.Upgrade(h, r, nil)
	if err != nil {
		t.release(client) // The upgrader has answered.
		return
	}
	wire := h.connection.mute()
	if tcp, ok := wire.(interface{ SetWriteBuffer(bytes int) error }); ok {
		// The kernel would hold megabytes for a client that does not read, and a slow one would
		// answer pings only after all of them. An error leaves the kernel's default.
		_ = tcp.SetWriteBuffer(kernelBuffer)
	}
	s := newSocket(t, connection, wire, r, exec)
	s.client = client
	t.register(s)
	if connection.Subprotocol() != Subprotocol {
		s.close(closeSubprotocol, "Subprotocol not acceptable: only "+Subprotocol+" is")
	}
	s.outbox.keepPinging(t.PingInterval)
	go s.read()
}

func (t *WebSocket) prepare() {
	orDefault(&t.InitTimeout, 3*time.Second)
	orDefault(&t.WriteTimeout, 2*time.Second)
	orDefault(&t.PingInterval, 15*time.Second)
	orDefault(&t.OperationTimeout, defaultTimeout)
	orDefault(&t.MaxStarting, 8)
	t.turns = newTurns(t.MaxStarting)
	orDefault(&t.StartWait, 30*time.Second)
	orDefault(&t.MaxMessage, maxMessage)
	orDefault(&t.MaxOperations, 20)
	orDefault(&t.MaxSessionSockets, 100)
	orDefault(&t.MaxAccountSockets, 300)
	orDefault(&t.MaxAccountOperations, 1500)
	orDefault(&t.MaxRecent, 64<<20)
	orDefault(&t.MaxSockets, 10_000)
	orDefault(&t.MaxNetworkSockets, 1_000)
	orDefault(&t.MaxStrangers, max(t.MaxSockets/10, 1))
	orDefault(&t.StrangerIdle, time.Minute)
	if t.Logger == nil {
		t.Logger = slog.Default()
	}
	if t.enter == nil {
		t.enter = (*group).join
	}
	t.upgrader = websocket.Upgrader{
		HandshakeTimeout: t.WriteTimeout,
		ReadBufferSize:   256, // What is larger is read past it.
		WriteBufferSize:  4 << 10,
		WriteBufferPool:  &sync.Pool{}, // An idle socket holds no write buffer.
		Subprotocols:     []string{Subprotocol},
		CheckOrigin:      func(*http.Request) bool { return true }, // Do has asked.
		Error: func(w http.ResponseWriter, _ *http.Request, status int, reason error) {
			refuseUpgrade(w, status, refusal(codeBadInput, "No WebSocket: %s.", reason))
		},
	}
}

func orDefault[T int | int64 | time.Duration](value *T, fallback T) {
	if *value <= 0 {
		*value = fallback
	}
}

func refuseUpgrade(w http.ResponseWriter, status int, err *gqlerror.Error) {
	write(w, mediaJSON, status, &graphql.Response{Errors: gqlerror.List{err}})
}

// reserve takes a place for a socket that may come to be.
func (t *WebSocket) reserve(client netip.Addr) (status int, err *gqlerror.Error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.shutDown || t.reserved >= t.MaxSockets {
		return http.StatusServiceUnavailable, tooMany(5*time.Second,
			"This server takes no more WebSockets now. Try again in a few seconds.")
	}
	if !add(&t.crowd.networks, client, t.MaxNetworkSockets) {
		return http.StatusTooManyRequests, tooMany(5*time.Second,
			"Your network has as many WebSockets open as one may. Close some, or try again in a few seconds.")
	}
	t.reserved++
	t.running.Add(1)
	return 0, nil
}

func (t *WebSocket) release(client netip.Addr) {
	t.mu.Lock()
	t.reserved--
	drop(t.crowd.networks, client)
	t.mu.Unlock()
	t.running.Done()
}

func (t *WebSocket) register(s *socket) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sockets == nil {
		t.sockets = map[*socket]struct{}{}
		t.sessions = map[string]map[*socket]struct{}{}
		t.groups = map[string]*group{}
	}
	t.sockets[s] = struct{}{}
	if t.shutDown {
		// Shutdown began while this one was being upgraded and has not seen it.
		s.close(websocket.CloseGoingAway, "Going away")
	}
}

// join enters a socket under its session's key, unless the session or its account has enough of them: then it says which.
func (t *WebSocket) join(s *socket, key, account string) (full string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	group := t.sessions[key]
	switch {
	case len(group) >= t.MaxSessionSockets:
		return fmt.Sprintf("Too many sockets of this session: at most %d", t.MaxSessionSockets)
	case account != "" && t.crowd.accounts[account] >= t.MaxAccountSockets:
		return fmt.Sprintf("Too many sockets of this account, or of this organization's tokens: at most %d. Close some tabs or programs", t.MaxAccountSockets)
	}
	if group == nil {
		group = map[*socket]struct{}{}
		t.sessions[key] = group
	}
	group[s] = struct{}{}
	s.key = key
	t.crowd.enter(s, account)
	return ""
}

// forget takes a socket out of the register. Its connection is closed by then.
func (t *WebSocket) forget(s *socket) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.sockets, s)
	t.leave(s)
	if group := t.sessions[s.key]; group != nil {
		delete(group, s)
		if len(group) == 0 {
			delete(t.sessions, s.key)
		}
	}
	t.reserved--
}

// Sessions answers the keys of the sessions that have a socket, sorted: what a poll asks for.
func (t *WebSocket) Sessions() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	keys := make([]string, 0, len(t.sessions))
	for key := range t.sessions {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// CloseSession closes the sockets of a session with 4401 and drops what waits to be written to
// them. It returns at once; a client that does not read is cut within the write timeout. A socket that
// is being authenticated at this moment has no key yet: the poll over [WebSocket.Sessions] finds it.
func (t *WebSocket) CloseSession(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for s := range t.sessions[key] {
		s.close(closeUnauthorized, "Session ended")
	}
}

// Shutdown closes all sockets with 1001, takes no new ones, and waits until the last goroutine
// has ended or ctx has: then it cuts what is left and returns ctx's error.
func (t *WebSocket) Shutdown(ctx context.Context) error {
	t.mu.Lock()
	t.shutDown = true
	for s := range t.sockets {
		s.close(websocket.CloseGoingAway, "Going away")
	}
	t.mu.Unlock()

	done := make(chan struct{})
	go func() {
		t.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for s := range t.sockets {
		s.cut()
	}
	return ctx.Err()
}
