package transport

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/formatter"

	"muster/graph/stream"
)

// The bounds of a group.
const (
	// recentFrames is how many of its last frames a group keeps, up to twice as many: for those who join, and for those
	// whose queue is full. Whoever needs an older one reads the table.
	recentFrames = 256
	// recentSize is how many bytes these have, up to twice as many.
	recentSize = 512 << 10
	// runFrames is how many a group tells at most in one step: the first member must not wait until all are executed.
	runFrames = maxBatchFrames
	// paceEvery is after how many frames a group looks whether its members keep up.
	paceEvery = maxQueuedFrames
	// paceLimit is how long it waits then, until half of them do.
	paceLimit = 250 * time.Millisecond
)

// group is one execution of a subscription for all who would be shown the same: the same document, variables but
// `after`, organization and role. Each event is executed and encoded once, and its bytes are queued for every member under
// the member's own id. The execution has no caller, so that nothing of one member can be shown to another.
//
// A subscription begins alone, with its own gate and its own reading of the table. When it has read all there is it joins
// at exactly that sequence: what the group has told since comes from the group's last frames. A member whose
// queue is full takes what it missed from them when its writer has room; one that has fallen behind them, whose
// role has changed, or whose group has come to an event that it cannot execute for all, leaves and goes on alone.
//
// Before the group goes on to an entry that may have changed who may see the log, it raises its epoch and asks the gate for
// all members, in one question. Nothing is queued for a member whose last answer is from an earlier epoch: one who is
// refused leaves before anything later could reach them.
type group struct {
	transport *WebSocket
	exec      graphql.GraphExecutor
	key       string
	live      *stream.Live
	payload   json.RawMessage // of the subscribe message of who made it
	cancel    context.CancelFunc
	eased     chan struct{} // has a token when half of the members keep up

	// Of the group's goroutine.
	subscription *stream.Subscription
	responses    graphql.ResponseHandler
	executing    context.Context //nolint:containedctx // The execution's, for all events.
	told         run             // what is to be published next, in one step
	reached      int             // the last entry that was told or passed over, published or not
	unpaced      int             // frames that were published since it was looked whether members keep up

	mu       sync.Mutex // guards what follows and the members; taken before any other
	over     bool       // nobody is in it, and nobody joins
	epoch    int64
	position int // the last entry that was published or passed over
	members  []*member
	late     int // of them
	recent   run // the last frames
	size     int // their payloads' bytes
	from     int // they are all frames of entries after this sequence
}

// run is what a group tells of some entries in one step: queueing it costs each member as much as queueing one frame.
// What is in it is shared by the members' queues and never written again.
type run struct {
	sequences []int
	payloads  [][]byte
}

// after is what a run has of the entries after a sequence.
func (r run) after(sequence int) run {
	i, found := slices.BinarySearch(r.sequences, sequence)
	if found {
		i++
	}
	return run{r.sequences[i:], r.payloads[i:]}
}

// member is an operation's place in a group. Its fields are guarded by the group's mutex.
type member struct {
	group    *group
	socket   *socket
	op       *operation
	index    int   // in members; -1 when it has left
	epoch    int64 // when the gate let it through
	position int   // the last sequence that was queued for it, or that it had when it came
	late     bool  // its queue is full: it has yet to get what came after its position
}

// rest is what remains of a subscription that has been executed alone up to the present.
type rest struct {
	live     *stream.Live
	document string
	payload  json.RawMessage // of the subscribe message
	epoch    int64           // when the gate was asked last, or earlier
}

// shareKey is what a subscription has in common with others that can share its execution: the document in one
// spelling and the variables, but for the one that says where it begins. Only the scope is missing. It says false where
// something depends on the viewer.
func shareKey(created *graphql.OperationContext) (string, bool) {
	operation := created.Operation
	if operation.Operation != ast.Subscription || len(operation.SelectionSet) != 1 {
		return "", false
	}
	root, ok := operation.SelectionSet[0].(*ast.Field)
	if !ok || dependsOnViewer(operation.SelectionSet) {
		return "", false
	}
	var document strings.Builder
	formatter.NewFormatter(&document).FormatQueryDocument(created.Doc)
	variables := created.Variables
	if after := root.Arguments.ForName("after"); after != nil && after.Value.Kind == ast.Variable {
		name := after.Value.Raw
		// Used anywhere else it says more than where to begin.
		if usedOnce := strings.Count(document.String(), "$"+name) == 2; !usedOnce {
			return "", false
		}
		variables = maps.Clone(variables)
		delete(variables, name)
	}
	values, err := json.Marshal(variables)
	if err != nil {
		return "", false
	}
	return operation.Name + "\n" + document.String() + "\n" + string(values), true
}

// dependsOnViewer says whether a selection can reach a field that depends on who asks. The schema marks them.
func dependsOnViewer(set ast.SelectionSet) bool {
	return slices.ContainsFunc(set, func(selection ast.Selection) bool {
		switch selection := selection.(type) {
		case *ast.Field:
			return selection.Definition == nil || selection.Definition.Directives.ForName("perViewer") != nil ||
				dependsOnViewer(selection.SelectionSet)
		case *ast.InlineFragment:
			return dependsOnViewer(selection.SelectionSet)
		case *ast.FragmentSpread:
			return selection.Definition == nil || dependsOnViewer(selection.Definition.SelectionSet)
		default:
			return true
		}
	})
}

// join brings an operation into its group. It answers the operation's last frame where the gate refuses it, and the
// rest where the group has gone on too far.
func (s *socket) join(ctx context.Context, op *operation, r *rest) (*frame, *rest) {
	for {
		g := s.transport.group(s, r)
		m := &member{group: g, socket: s, op: op, index: -1, epoch: r.epoch, position: r.live.Position}
		// Before it is in: the group may send it on at once, and what goes on then has a cancel and a place of its own.
		s.mu.Lock()
		op.member, op.cancel = m, nil
		s.mu.Unlock()
		switch s.transport.enter(g, m) {
		case joined:
			s.mu.Lock()
			unwanted := s.closed || op.completed()
			s.mu.Unlock()
			if unwanted && m.leave() {
				s.over()
			}
			return nil, nil
		case ended:
			s.transport.forgetGroup(g)
		case gone:
			return nil, r
		case stale: // The group has asked the gate for its members since this one was asked about.
			r.epoch = s.transport.epoch.Load()
			scopes, refusals := r.live.Ask(ctx, []context.Context{s.ctx})
			if refusals[0] != nil {
				return s.cutOff(ctx, op, nil, refusals[0]), nil
			}
			live := *r.live // The group that was not joined may have this one, which stays what it is.
			live.Scope = scopes[0]
			r.live = &live
		}
	}
}

// group finds or begins the group of what remains of a subscription.
func (t *WebSocket) group(s *socket, r *rest) *group {
	key := r.live.Scope + "\n" + r.document
	t.mu.Lock()
	defer t.mu.Unlock()
	if g := t.groups[key]; g != nil {
		return g
	}
	// It outlives who makes it, and knows nothing of them.
	ctx, cancel := context.WithCancel(context.Background()) //nolint:forbidigo // nobody's context
	g := &group{
		transport: t, exec: s.exec, key: key, live: r.live, payload: r.payload, cancel: cancel, eased: make(chan struct{}, 1),
		reached: r.live.Position, position: r.live.Position, from: r.live.Position,
	}
	t.groups[key] = g
	t.running.Add(1) // The socket's own keeps it from being zero.
	go g.run(ctx)
	return g
}

func (t *WebSocket) forgetGroup(g *group) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.groups[g.key] == g {
		delete(t.groups, g.key)
	}
}

type joining int

const (
	joined joining = iota
	stale          // the gate has to be asked first
	gone           // the last frames do not reach back so far
	ended          // there is no such group any more
)

func (g *group) join(m *member) joining {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.over:
		return ended
	case m.stale():
		return stale
	case m.position < g.from:
		return gone
	}
	m.index = len(g.members)
	g.members = append(g.members, m)
	m.late = true
	g.late++
	g.takeUp(m)
	return joined
}

// stale says whether the gate has let the member through before the group asked for all: then nothing may reach it. Epochs are
// counted for all groups, so who has just come may have a later one than the group.
func (m *member) stale() bool { return m.epoch < m.group.epoch }

// offer queues a run for a member, as far as there is room, and says whether that was all of it.
func (m *member) offer(r run) bool {
	n := len(r.payloads)
	if n == 0 {
		return true
	}
	queued := m.socket.outbox.offerShared(m, r.payloads)
	if queued > 0 {
		m.position = r.sequences[queued-1]
	}
	return queued == n
}

// takeUp queues for a late member what it missed, as far as there is room.
func (g *group) takeUp(m *member) {
	if !m.offer(g.recent.after(m.position)) {
		return
	}
	m.late = false
	g.late--
	if 2*g.late <= len(g.members) {
		select {
		case g.eased <- struct{}{}:
		default:
		}
	}
}

// catchUp is called by the member's writer when there is room again.
func (g *group) catchUp(m *member) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if m.index >= 0 && m.late && !m.stale() { // Else the gate has not answered yet: ask comes back to it.
		g.takeUp(m)
	}
}

// remove takes a member out. What was queued for it is still delivered.
func (g *group) remove(m *member) {
	if !m.late {
		m.position = max(m.position, g.position)
	} else {
		g.late--
	}
	last := len(g.members) - 1
	g.members[m.index] = g.members[last]
	g.members[m.index].index = m.index
	g.members[last] = nil
	g.members = g.members[:last]
	m.index = -1
	if last == 0 {
		g.over = true
		g.cancel()
	}
}

// leave takes a member out of its group, and says whether it was in it. It may be nil.
func (m *member) leave() bool {
	if m == nil {
		return false
	}
	g := m.group
	g.mu.Lock()
	was := m.index >= 0
	if was {
		g.remove(m)
	}
	over := g.over
	g.mu.Unlock()
	if over {
		g.transport.forgetGroup(g)
	}
	return was
}

// goOn executes a subscription that has left its group from where it was, for good alone or until it can join one.
func (m *member) goOn(alone bool) {
	r := request{payload: m.group.payload, after: &m.position, alone: alone}
	m.socket.spawn(m.op, func() { m.socket.run(m.op, r) })
}

// leaveGroups takes all of a socket's operations out of their groups.
func (s *socket) leaveGroups() {
	s.mu.Lock()
	var members []*member
	for _, op := range s.live {
		members = append(members, op.member)
	}
	s.mu.Unlock()
	for _, m := range members {
		if m.leave() {
			s.over()
		}
	}
}

// run is the group's goroutine.
func (g *group) run(ctx context.Context) {
	defer g.transport.running.Done()
	alone := true // What could not be executed for all could not be the next time either.
	defer func() { g.dissolve(alone) }()
	defer func() {
		if panicked := recover(); panicked != nil {
			g.transport.Logger.ErrorContext(ctx, "panic in a group", "panic", fmt.Sprint(panicked), "stack", string(debug.Stack()))
		}
	}()
	g.subscription = &stream.Subscription{Everybody: true}
	ctx = stream.With(graphql.StartOperationTrace(ctx), g.subscription)
	created, errs := create(ctx, g.exec, g.payload)
	if len(errs) > 0 {
		return // Everybody is told alone.
	}
	g.responses, g.executing = g.exec.DispatchOperation(ctx, created)
	if err := g.live.Follow(ctx, g.position, g.ask, g.tell); err != nil {
		alone = false
		g.transport.Logger.WarnContext(ctx, "a group's subscriptions go on by themselves and may join again", "err", err)
	}
}

// dissolve ends the group: whoever is still in it goes on by itself, and where it is to stay alone joins no other.
func (g *group) dissolve(alone bool) {
	g.mu.Lock()
	g.over = true
	g.cancel()
	g.transport.recent.Add(-int64(g.size))
	g.recent, g.size = run{}, 0
	members := slices.Clone(g.members)
	for _, m := range members {
		g.remove(m)
	}
	g.mu.Unlock()
	g.transport.forgetGroup(g)
	for _, m := range members {
		m.goOn(alone)
	}
}

// ask asks the gate for all members. It says whether anybody is left.
func (g *group) ask(ctx context.Context) bool {
	g.publish()
	g.mu.Lock()
	g.epoch = g.transport.epoch.Add(1)
	epoch, members := g.epoch, slices.Clone(g.members)
	g.mu.Unlock()

	callers := make([]context.Context, len(members))
	for i, m := range members {
		callers[i] = m.socket.ctx
	}
	scopes, refusals := g.live.Ask(ctx, callers)

	var refused, moved []int
	g.mu.Lock()
	for i, m := range members {
		switch {
		case m.index < 0: // It has left meanwhile.
		case refusals[i] != nil:
			g.remove(m)
			refused = append(refused, i)
		case scopes[i] != g.live.Scope:
			g.remove(m)
			moved = append(moved, i)
		default:
			m.epoch = epoch
			if m.late {
				m.socket.outbox.takeUp(m)
			}
		}
	}
	left := len(g.members) > 0
	g.mu.Unlock()
	for _, i := range refused {
		s, op := members[i].socket, members[i].op
		s.spawn(op, func() {
			s.finish(op, *s.cutOff(s.ctx, op, nil, refusals[i]))
			s.over()
		})
	}
	for _, i := range moved {
		members[i].goOn(false)
	}
	return left
}

// tell executes an event for all members and publishes it, alone or with what comes with it at once, as more says; nil is an
// entry that there is nothing to tell of. An event that cannot be executed without an error is not for a group.
func (g *group) tell(sequence int, event any, more bool) bool {
	if event != nil {
		if !g.subscription.Push(event) {
			return false
		}
		response := g.responses(g.executing)
		if response == nil || len(response.Errors) > 0 {
			return false
		}
		payload, err := encodeResponse(response)
		if err != nil {
			return false
		}
		g.told.sequences = append(g.told.sequences, sequence)
		g.told.payloads = append(g.told.payloads, payload)
	}
	g.reached = sequence
	if more && len(g.told.payloads) < runFrames {
		return true
	}
	if g.publish() {
		g.pace()
	}
	return true
}

// publish queues what was told for all members. It says whether it is time to wait, because most of them have no room left.
func (g *group) publish() (crowded bool) {
	var leaving []*member
	g.mu.Lock()
	if n := len(g.told.payloads); n > 0 {
		fresh := g.keep(g.told)
		g.told.sequences, g.told.payloads = g.told.sequences[:0], g.told.payloads[:0]
		for i := 0; i < len(g.members); i++ {
			m := g.members[i]
			switch {
			case m.stale(), // Its last answer is too old: it goes and asks for itself.
				m.late && m.position < g.from: // What it missed is in the table alone.
				g.remove(m)
				leaving = append(leaving, m)
				i--
			case !m.late && !m.offer(fresh.after(m.position)):
				m.late = true
				g.late++
			}
		}
		g.unpaced += n
		if crowded = g.unpaced >= paceEvery && 2*g.late > len(g.members); g.unpaced >= paceEvery {
			g.unpaced = 0
		}
	}
	g.position = g.reached
	g.mu.Unlock()
	for _, m := range leaving {
		m.goOn(false)
	}
	return crowded
}

// keep adds a run to the last frames and answers it as it is there. Where all groups together keep as much as they may, it is
// all that this one keeps.
func (g *group) keep(r run) run {
	size := 0
	for _, payload := range r.payloads {
		size += len(payload)
	}
	n := len(g.recent.payloads)
	all := g.transport.recent.Add(int64(size))
	crowded := all > g.transport.MaxRecent
	if crowded || n >= 2*recentFrames || g.size+size > 2*recentSize {
		old, dropped := 0, 0
		for old < n && (crowded || n-old > recentFrames || g.size-dropped > recentSize) {
			dropped += len(g.recent.payloads[old])
			old++
		}
		if old > 0 {
			g.from = g.recent.sequences[old-1]
			g.recent = run{slices.Clone(g.recent.sequences[old:]), slices.Clone(g.recent.payloads[old:])}
			g.size -= dropped
			g.transport.recent.Add(-int64(dropped))
			n -= old
		}
	}
	g.size += size
	g.recent.sequences = append(g.recent.sequences, r.sequences...)
	g.recent.payloads = append(g.recent.payloads, r.payloads...)
	return run{g.recent.sequences[n:], g.recent.payloads[n:]}
}

// pace waits for a moment where most members do not keep up. Without it a burst would drive all of them to the table, each
// alone; but nobody waits for the slower half.
func (g *group) pace() {
	timer := time.NewTimer(paceLimit)
	defer timer.Stop()
	for {
		g.mu.Lock()
		crowded := 2*g.late > len(g.members)
		g.mu.Unlock()
		if !crowded {
			return
		}
		select {
		case <-g.eased:
		case <-timer.C:
			return
		case <-g.executing.Done():
			return
		}
	}
}
