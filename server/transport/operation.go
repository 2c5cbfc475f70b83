package transport

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/gorilla/websocket"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"muster/graph/stream"
)

// startAgain is when a subscription that could not begin may be tried again.
const startAgain = 5 * time.Second

// operation is one subscribe message and what came of it.
type operation struct {
	id   string
	head []byte        // the frames' first member, "id", with its comma
	gone chan struct{} // closed when the client has completed it, and
	done atomic.Bool   // the same for whoever only looks: each frame asks, and a channel is further away

	// Guarded by the socket's mutex.
	cancel context.CancelCauseFunc // of its execution
	member *member                 // its place in a group, the last one that it had
}

// completed says whether the client has completed the operation.
func (op *operation) completed() bool { return op.done.Load() }

// subscribe starts an operation in a goroutine of its own.
func (s *socket) subscribe(m message) {
	if !s.begun {
		s.close(closeUnauthorized, "Unauthorized")
		return
	}
	if m.payload == nil {
		s.close(closeInvalidMessage, "Invalid message: payload is missing")
		return
	}
	if _, err := decodeRequest(m.payload); err != nil {
		s.close(closeInvalidMessage, "Invalid message: payload: "+err.Error())
		return
	}
	id, err := json.Marshal(m.id)
	if err != nil {
		s.close(closeInvalidMessage, "Invalid message: id")
		return
	}
	op := &operation{id: m.id, head: fmt.Appendf(nil, `"id":%s,`, id), gone: make(chan struct{})}

	s.mu.Lock()
	_, duplicate := s.live[m.id]
	// An operation that the client has completed may still be on its way out: such ones are
	// bounded too, by as many again.
	full := len(s.live) >= s.transport.MaxOperations || s.running >= 2*s.transport.MaxOperations
	s.mu.Unlock()
	// Nothing but this goroutine adds to them.
	begins := !duplicate && !full && s.transport.begin(s)
	if begins {
		s.mu.Lock()
		s.live[m.id] = op
		s.running++
		s.asked++
		s.mu.Unlock()
	}

	switch {
	case duplicate:
		s.close(closeDuplicate, "Subscriber for "+m.id+" already exists")
	case full:
		s.send(*s.errorFrame(op, gqlerror.List{tooMany(time.Second,
			"A socket runs at most %d operations at a time. Complete one first.", s.transport.MaxOperations)}))
	case !begins:
		s.send(*s.errorFrame(op, gqlerror.List{tooMany(startAgain,
			"An account, or an organization by its tokens, runs at most %d operations at a time, on all sockets together. Close a page or program first.", s.transport.MaxAccountOperations)}))
	default:
		s.transport.operations.Add(1)
		s.spawn(op, func() { s.run(op, request{payload: m.payload}) })
	}
}

// complete is the client's word that it listens no longer.
func (s *socket) complete(id string) {
	s.mu.Lock()
	op, ok := s.live[id]
	if !ok {
		s.mu.Unlock()
		return // Over already: the two completes crossed.
	}
	delete(s.live, id)
	op.done.Store(true)
	close(op.gone)
	if op.cancel != nil {
		op.cancel(nil)
	}
	m := op.member
	s.mu.Unlock()
	if m.leave() {
		s.over()
	}
}

// spawn runs fn for an operation in a goroutine of its own. Where the socket is ending the operation is over.
func (s *socket) spawn(op *operation, fn func()) {
	s.mu.Lock()
	ending := s.closed
	if !ending {
		s.goroutines.Go(func() {
			defer func() {
				if panicked := recover(); panicked != nil {
					s.finish(op, *s.errorFrame(op, gqlerror.List{recovered(s.ctx, s.exec, panicked)}))
					s.over()
				}
			}()
			fn()
		})
	}
	s.mu.Unlock()
	if ending {
		s.over()
	}
}

// over counts an operation out: it neither runs nor waits in a group.
func (s *socket) over() {
	s.mu.Lock()
	s.running--
	s.mu.Unlock()
	s.transport.ended(s)
	s.transport.operations.Add(-1)
}

// run executes an operation alone, to its end or until it goes on in a group.
func (s *socket) run(op *operation, r request) {
	for {
		f, rest := s.attempt(op, r)
		switch {
		case rest != nil: // The group has gone on too far: what it has no more is in the table.
			r.after = &rest.live.Position
		case f != nil:
			s.finish(op, *f)
			s.over()
			return
		default:
			return // It waits in a group.
		}
	}
}

// request is what an operation executes.
type request struct {
	payload json.RawMessage // of the subscribe message
	// after is a sequence at which a subscription goes on that was executed before; nil for none.
	after *int
	// alone says that it is not to join a group.
	alone bool
}

func (s *socket) attempt(op *operation, r request) (*frame, *rest) {
	ctx, cancel := context.WithCancelCause(s.ctx)
	defer cancel(nil)
	s.mu.Lock()
	op.cancel = cancel
	completed := op.completed()
	s.mu.Unlock()
	if completed {
		return &frame{}, nil
	}
	wait := s.transport.StartWait
	if r.after != nil {
		wait = 0 // It has begun before, and is not told to come again because others begin.
	}
	turn, late := s.transport.turns.take(ctx, cmp.Or(s.account, s.key), wait)
	if late {
		return s.errorFrame(op, gqlerror.List{tooMany(startAgain, "Too many subscriptions begin at this moment. Try again in a few seconds.")}), nil
	}
	if turn == nil {
		return &frame{}, nil
	}
	defer turn.end()
	f, rest := s.execute(ctx, cancel, op, r, turn)
	if rest != nil {
		return s.join(ctx, op, rest)
	}
	return f, nil
}

// execute runs an operation to its end, sends what it gives, and answers its last frame; or the rest of a
// subscription that has come to where others are. It ends its turn when it has begun: a query or mutation when it runs, as
// those by HTTP do, and a subscription when it has its first event or what it missed has been read.
func (s *socket) execute(ctx context.Context, cancel context.CancelCauseFunc, op *operation, r request, turn *turn) (*frame, *rest) {
	limit, began := s.transport.OperationTimeout, time.Now()
	timer := time.AfterFunc(limit, func() {
		s.transport.Logger.WarnContext(s.ctx, "an operation on a WebSocket could not begin in time")
		cancel(notBegun(limit))
	})
	defer func() { timer.Stop() }()
	if r.after != nil { // It has begun before: what it waits for now ends in its own time.
		timer.Stop()
	}

	epoch := s.transport.epoch.Load()
	ctx = graphql.StartOperationTrace(ctx)
	if s.transport.Begin != nil {
		begun, err := s.transport.Begin(ctx)
		if err != nil {
			return s.refuse(ctx, op, nil, asGraphQL(err)), nil
		}
		ctx = begun
	}
	// Every subscriber goes through this by itself, its limits and validation: only what follows
	// may be shared.
	created, errs := create(ctx, s.exec, r.payload)
	if len(errs) > 0 {
		return s.refuse(ctx, op, created, errs...), nil
	}
	subscription := &stream.Subscription{After: r.after}
	if created.Operation.Operation != ast.Subscription {
		turn.end()
		if timer.Stop() {
			timer = time.AfterFunc(limit-time.Since(began), func() { cancel(tooLong(limit)) })
		}
	}
	document, sharable := shareKey(created)
	subscription.Share = sharable && !r.alone && !s.transport.Alone
	responses, ctx := s.exec.DispatchOperation(stream.With(ctx, subscription), created)
	if created.Operation.Operation == ast.Subscription {
		timer.Stop()
	}
	if !subscription.Reads() {
		turn.end()
	}
	for answered := false; ; answered = true {
		response := responses(ctx)
		if response == nil {
			if live := subscription.Live(); live != nil {
				return nil, &rest{live: live, document: document, payload: r.payload, epoch: epoch}
			}
			return s.end(ctx, op, created, answered, subscription.Err()), nil
		}
		turn.end()
		response = presentTimeout(ctx, response)
		if len(response.Data) == 0 && len(response.Errors) > 0 {
			return s.errorFrame(op, response.Errors), nil // It did not run.
		}
		if created.Operation.Operation == ast.Subscription {
			nameRoot(created, response.Errors)
		}
		// At once: gqlgen writes the next response's data into the same buffer.
		payload, err := encodeResponse(response)
		if err != nil {
			return s.errorFrame(op, gqlerror.List{recovered(ctx, s.exec, err)}), nil
		}
		err = s.queue(frame{op: op, kind: "next", payload: payload}, func() bool { return subscription.Err() != nil })
		if errors.Is(err, errOutboxFull) {
			s.tooSlow(subscription.Err() != nil)
		}
		if err != nil {
			return &frame{}, nil
		}
	}
}

// create reads, validates and limits an operation. Each execution reads it anew: validation writes into the variables.
func create(ctx context.Context, exec graphql.GraphExecutor, payload json.RawMessage) (*graphql.OperationContext, gqlerror.List) {
	params, err := decodeRequest(payload)
	if err != nil {
		return nil, gqlerror.List{asGraphQL(err)} // The subscribe message was read before.
	}
	params.ReadTime = graphql.TraceTiming{Start: graphql.Now(), End: graphql.Now()}
	return exec.CreateOperationContext(ctx, params)
}

// nameRoot puts the subscription's own field at the head of the paths of an event's errors, where gqlgen leaves it out (the
// GraphQL specification, section 7.1.2: a path begins at the root of the response).
func nameRoot(created *graphql.OperationContext, errs gqlerror.List) {
	fields := graphql.CollectFields(created, created.Operation.SelectionSet, []string{"Subscription"})
	if len(fields) != 1 {
		return
	}
	for _, err := range errs {
		err.Path = append(ast.Path{ast.PathName(fields[0].Alias)}, err.Path...)
	}
}

// end is the last frame of an operation that has no more responses.
func (s *socket) end(ctx context.Context, op *operation, created *graphql.OperationContext, answered bool, why error) *frame {
	if why != nil {
		return s.cutOff(ctx, op, created, why)
	}
	if !answered {
		if late := presentTimeout(ctx, nil); late != nil {
			return s.errorFrame(op, present(ctx, s.exec, created, late.Errors...).Errors)
		}
	}
	return &frame{op: op, kind: "complete", last: true}
}

// cutOff is the error frame of who lost access: they must learn of it or lose the socket.
func (s *socket) cutOff(ctx context.Context, op *operation, created *graphql.OperationContext, why error) *frame {
	f := s.refuse(ctx, op, created, asGraphQL(why))
	f.written = make(chan struct{})
	return f
}

// refuse is the error frame for errors that the presenter has not seen yet.
func (s *socket) refuse(
	ctx context.Context, op *operation, created *graphql.OperationContext, errs ...*gqlerror.Error,
) *frame {
	response := present(ctx, s.exec, created, errs...)
	return s.errorFrame(op, presentTimeout(ctx, response).Errors)
}

func (s *socket) errorFrame(op *operation, errs gqlerror.List) *frame {
	payload, err := encodeErrors(errs, maxErrors)
	if err != nil {
		payload = fmt.Appendf(nil, `[{"message":"Internal error","extensions":{"code":%q}}]`, codeInternal)
	}
	return &frame{op: op, kind: "error", payload: payload, last: true}
}

// finish sends an operation's last frame. One whose writing matters is waited for: whoever lost
// access must learn of it or lose the socket.
func (s *socket) finish(op *operation, f frame) {
	if f.kind == "" {
		return
	}
	deadline := time.NewTimer(s.transport.WriteTimeout)
	defer deadline.Stop()
	if err := s.queue(f, func() bool { return f.written != nil }); err != nil {
		if errors.Is(err, errOutboxFull) {
			s.tooSlow(f.written != nil)
		}
		return
	}
	if f.written == nil {
		return
	}
	select {
	case <-f.written:
	case <-op.gone:
	case <-s.closing:
	case <-deadline.C:
		s.close(closeForbidden, "Forbidden")
	}
}

// tooSlow closes a socket whose client does not read as fast as its operations need, or cannot be told that it lost access.
func (s *socket) tooSlow(lost bool) {
	if lost {
		s.close(closeForbidden, "Forbidden")
		return
	}
	s.close(websocket.CloseTryAgainLater, "Too slow")
}
