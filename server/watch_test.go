package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/jackc/pgx/v5"

	"muster/app"
	"muster/server/settings"
)

const (
	watchAudit = `subscription($o: ID!, $after: Int, $f: AuditLogFilter) {
  auditLog(organizationId: $o, after: $after, filter: $f) { id sequence action } }`
	watchRemovals = `subscription($o: ID!, $after: Int) {
  memberRemoved(organizationId: $o, after: $after) { reason member { id status } entry { id sequence action } } }`
	watchViewer = `subscription($o: ID!) {
  viewerMember(organizationId: $o) { id role status twoFactor isOnlyOwner teams { slug } notificationSettings { membership } organization { require2FA } } }`
	watchSweep = `subscription($id: ID!) { sweep(id: $id) { id state total done } }`
)

// tape keeps what arrives on a socket, read in the background until the socket ends.
type tape struct {
	socket *socket
	mu     sync.Mutex
	frames []arrival // guarded by mu
	ended  *arrival  // guarded by mu; set when the connection has ended
	err    error     // guarded by mu
}

// arrival is a frame and when it came.
type arrival struct {
	frame
	At time.Time
}

// record begins to read a socket. Nothing else may read it.
func (s *socket) record() *tape {
	tp := &tape{socket: s}
	go func() {
		for {
			f, err := s.tryRead()
			tp.mu.Lock()
			if err != nil {
				tp.ended, tp.err = &arrival{At: time.Now()}, err
				tp.mu.Unlock()
				return
			}
			tp.frames = append(tp.frames, arrival{f, time.Now()})
			tp.mu.Unlock()
		}
	}()
	return tp
}

// of are the frames of one operation so far.
func (tp *tape) of(id string) []arrival {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	var own []arrival
	for _, f := range tp.frames {
		if f.ID == id {
			own = append(own, f)
		}
	}
	return own
}

// event is what a subscription delivered, whichever of the four it is.
type event struct {
	ViewerMember  *viewerMember
	AuditLog      *entry
	MemberRemoved *struct {
		Reason string
		Member *struct{ ID, Status string }
		Entry  entry
	}
	Sweep *struct {
		ID, State   string
		Total, Done int
	}
	At time.Time `json:"-"`
}

// viewerMember is a watcher's own place.
type viewerMember struct {
	ID, Role, Status     string
	TwoFactor            string
	IsOnlyOwner          bool
	Teams                []struct{ Slug string }
	NotificationSettings struct{ Membership bool }
	Organization         struct{ Require2FA bool }
}

type entry struct {
	ID       string
	Sequence int
	Action   string
}

func (e event) entry() *entry {
	if e.MemberRemoved != nil {
		return &e.MemberRemoved.Entry
	}
	return e.AuditLog
}

// decode reads what a frame delivers; errors beside data are an error.
func (f arrival) decode() (event, error) {
	var a answer
	e := event{At: f.At}
	if err := json.Unmarshal(f.Payload, &a); err != nil {
		return e, err
	}
	if len(a.Errors) > 0 {
		return e, fmt.Errorf("%s delivered %s", f.ID, f.Payload)
	}
	return e, json.Unmarshal(a.Data, &e)
}

// events are what an operation delivered so far. Errors beside data fail the test.
func (tp *tape) events(t testing.TB, id string) []event {
	t.Helper()
	var events []event
	for _, f := range tp.of(id) {
		if f.Type == "next" {
			e, err := f.decode()
			if err != nil {
				t.Fatal(err)
			}
			events = append(events, e)
		}
	}
	return events
}

// sequences are those of the entries that an operation delivered so far.
func (tp *tape) sequences(t testing.TB, id string) []int {
	t.Helper()
	var sequences []int
	for _, e := range tp.events(t, id) {
		sequences = append(sequences, e.entry().Sequence)
	}
	return sequences
}

// last is the newest sequence that an operation delivered, 0 for none.
func (tp *tape) last(t testing.TB, id string) int {
	t.Helper()
	for _, f := range slices.Backward(tp.of(id)) {
		if f.Type == "next" {
			e, err := f.decode()
			if err != nil {
				t.Fatal(err)
			}
			return e.entry().Sequence
		}
	}
	return 0
}

// refusal is the error frame that ended an operation, with its first error; nil while it has not ended so.
func (tp *tape) refusal(t testing.TB, id string) (*arrival, answerError) {
	t.Helper()
	for _, f := range tp.of(id) {
		if f.Type == "error" {
			var errs []answerError
			if err := json.Unmarshal(f.Payload, &errs); err != nil {
				t.Fatal(err)
			}
			return &f, errs[0]
		}
	}
	return nil, answerError{}
}

// completed says whether an operation ended without an error.
func (tp *tape) completed(id string) bool {
	own := tp.of(id)
	return len(own) > 0 && own[len(own)-1].Type == "complete"
}

// closed is the code of the close frame and when it came; 0 while the socket is open.
func (tp *tape) closed() (code int, at time.Time) {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	var closing *websocket.CloseError
	if tp.ended != nil && errors.As(tp.err, &closing) {
		return closing.Code, tp.ended.At
	}
	return 0, time.Time{}
}

// unbroken fails the test unless the sequences are first, first + 1, … last, each once.
func unbroken(t testing.TB, who string, sequences []int, first, last int) {
	t.Helper()
	if len(sequences) == 0 {
		t.Errorf("%s saw nothing, want %d to %d", who, first, last)
		return
	}
	for i, s := range sequences {
		if s != first+i {
			t.Errorf("%s saw %d where %d was due", who, s, first+i)
			return
		}
	}
	if got := sequences[len(sequences)-1]; got != last {
		t.Errorf("%s saw %d to %d, want up to %d", who, first, got, last)
	}
}

// dialNarrow is dial for a client whose kernel takes in little unread; less than a packet of the loopback would stall it.
func (m *muster) dialNarrow(t testing.TB, token string) *socket {
	t.Helper()
	dialer := websocket.Dialer{
		Subprotocols: []string{"graphql-transport-ws"},
		NetDialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return conn, conn.(*net.TCPConn).SetReadBuffer(128 << 10)
		},
	}
	conn, response, err := dialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(m.URL, "http")+"/graphql", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	t.Cleanup(func() { _ = conn.Close() })
	s := &socket{t: t, conn: conn}
	s.send("", "connection_init", vars{"authorization": "Bearer " + token})
	if f := s.read(); f.Type != "connection_ack" {
		t.Fatalf("got %+v, want connection_ack", f)
	}
	return s
}

// as is the context of a request with the token, for calls of the application without HTTP.
func (m *muster) as(t testing.TB, token string) context.Context {
	t.Helper()
	ctx, session, err := m.App.Authenticate(t.Context(), &app.Request{Bearer: token, IPAddress: "127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	if session == "" {
		t.Fatal("the token has no session")
	}
	return ctx
}

// beside starts another Muster on the same database, with the same clock and mailbox: either may do what a job says.
func (m *muster) beside(t *testing.T, instance string, options ...option) *muster {
	t.Helper()
	shared := func(_ *settings.Settings, c *app.Config) {
		c.Now, c.Mailer, c.Texter = m.clock.Now, m.Mailbox, m.Mailbox
		c.PublicURL, c.Origins = m.App.PublicURL, m.App.Origins // one Muster for its users, however many instances
	}
	other := startOn(t, m.DBURL, instance, append(options, shared)...)
	other.clock = m.clock
	return other
}

// newAddress is one that nobody has: how often an address may be invited is limited.
func newAddress() string { return fmt.Sprintf("somebody%d@people.example", people.Add(1)) }

// auditSequence is the organization's newest.
func (o *organization) auditSequence(t testing.TB, admin *pgx.Conn) int {
	t.Helper()
	var n int
	if err := admin.QueryRow(t.Context(), `SELECT audit_seq FROM organizations WHERE id = $1`, o.ID).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// cutListeners ends the connections that listen for wake-ups, again and again until the test calls stop. cuts gets a token
// for each that was ended.
func (m *muster) cutListeners(t testing.TB) (cuts <-chan int, stop func()) {
	t.Helper()
	admin := m.admin(t)
	ctx, cancel := context.WithCancel(t.Context())
	out, done := make(chan int, 1000), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			var n int
			err := admin.QueryRow(context.WithoutCancel(ctx), `
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
 WHERE application_name = 'muster listener' AND datname = current_database()`).Scan(&n)
			if err != nil {
				t.Errorf("cut the listeners: %v", err)
				return
			}
			for range n {
				select {
				case out <- n:
				default:
				}
			}
		}
	}()
	var once sync.Once
	stop = func() { once.Do(func() { cancel(); <-done }) }
	t.Cleanup(stop)
	return out, stop
}

// holdSweep puts a sweep in the organization's way that somebody else seems to work on for ever: turning the requirement
// on answers this one, and nobody is removed.
func (o *organization) holdSweep(t testing.TB) string {
	t.Helper()
	id := "swp_" + strings.TrimPrefix(o.ID, "org_")
	o.Owner.m.exec(t, `
INSERT INTO sweeps (id, organization_id, actor_id, actor_label, state, total, lease_holder, lease_until, started_at)
SELECT $1, $2, m.user_id, 'Olivia', 'RUNNING', 1, 'elsewhere', 'infinity', now()
  FROM members m WHERE m.organization_id = $2 AND m.role = 'OWNER' LIMIT 1`, id, o.ID)
	return id
}

// tokenOf is the token of a member's living link, as the mail with it says it.
func (m *muster) tokenOf(t testing.TB, admin *pgx.Conn, memberID string) string {
	t.Helper()
	var nonce []byte
	if err := admin.QueryRow(t.Context(), `SELECT nonce FROM invitations WHERE member_id = $1`, memberID).Scan(&nonce); err != nil {
		t.Fatal(err)
	}
	return m.App.Keys.Link(nonce)
}

// enter brings a person in without waiting for the mail, and gives the member's id: somebody who enters several
// organizations gets several mails of one title.
func (o *organization) enter(t testing.TB, p *person, role string, teamIDs ...string) string {
	t.Helper()
	id := o.invite(t, o.Owner, p.Email, role, teamIDs...)
	p.do(t, acceptInvite, vars{"t": p.m.tokenOf(t, p.m.admin(t), id)}, nil)
	return id
}
