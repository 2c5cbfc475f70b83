package transport

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/gorilla/websocket"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"muster/graph/stream"
)

// operation is one subscribe message and what came of it. Its loop makes frames whose payload
// knows nothing of the socket, so that one loop may feed several sockets later.
type operation struct {
	id     string
	head   []byte // the frames' first member, "id", with its comma
	cancel context.CancelCauseFunc
	gone   chan struct{} // closed when the client has completed it
	ending *stream.End
}

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
	params, err := decodeRequest(m.payload)
	if err != nil {
		s.close(closeInvalidMessage, "Invalid message: payload: "+err.Error())
		return
	}
	params.Headers = s.request.Header
	params.ReadTime = graphql.TraceTiming{Start: graphql.Now(), End: graphql.Now()}

	id, err := json.Marshal(m.id)
	if err != nil {
		s.close(closeInvalidMessage, "Invalid message: id")
		return
	}
	ctx, cancel := context.WithCancelCause(s.ctx)
	op := &operation{
		id: m.id, head: fmt.Appendf(nil, `"id":%s,`, id), cancel: cancel,
		gone: make(chan struct{}),
	}
	ctx, op.ending = stream.WithEnd(ctx)

	s.mu.Lock()
	_, duplicate := s.live[m.id]
	// An operation that the client has completed may still be on its way out: such ones are
	// bounded too, by as many again.
	full := len(s.live) >= s.transport.MaxOperations || s.running >= 2*s.transport.MaxOperations
	if !duplicate && !full {
		s.live[m.id] = op
		s.running++
		s.asked++
	}
	s.mu.Unlock()

	switch {
	case duplicate:
		cancel(nil)
		s.close(closeDuplicate, "Subscriber for "+m.id+" already exists")
	case full:
		cancel(nil)
		s.send(s.errorFrame(op, gqlerror.List{tooMany(time.Second,
			"A socket runs at most %d operations at a time. Complete one first.", s.transport.MaxOperations)}))
	default:
		s.transport.operations.Add(1)
		s.goroutines.Go(func() { s.run(ctx, op, params) })
	}
}

// complete is the client's word that it listens no longer.
func (s *socket) complete(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	op, ok := s.live[id]
	if !ok {
		return // Over already: the two completes crossed.
	}
	delete(s.live, id)
	close(op.gone)
	op.cancel(nil)
}

// run is an operation's goroutine.
func (s *socket) run(ctx context.Context, op *operation, params *graphql.RawParams) {
	defer func() {
		op.cancel(nil)
		s.mu.Lock()
		s.running--
		s.mu.Unlock()
		s.transport.operations.Add(-1)
	}()
	defer func() {
		if panicked := recover(); panicked != nil {
			s.finish(op, s.errorFrame(op, gqlerror.List{recovered(ctx, s.exec, panicked)}))
		}
	}()
	s.finish(op, s.execute(ctx, op, params))
}

// execute runs an operation to its end, sends what it gives, and answers its last frame.
func (s *socket) execute(ctx context.Context, op *operation, params *graphql.RawParams) frame {
	limit := s.transport.OperationTimeout
	timer := time.AfterFunc(limit, func() { op.cancel(errTimeout) })
	defer timer.Stop()

	ctx = graphql.StartOperationTrace(ctx)
	if s.transport.Begin != nil {
		begun, err := s.transport.Begin(ctx)
		if err != nil {
			return s.refuse(ctx, op, nil, asGraphQL(err))
		}
		ctx = begun
	}
	// Every subscriber goes through this by itself, its limits and validation: only what follows
	// may be shared.
	created, errs := s.exec.CreateOperationContext(ctx, params)
	if len(errs) > 0 {
		return s.refuse(ctx, op, created, errs...)
	}
	responses, ctx := s.exec.DispatchOperation(ctx, created)
	if created.Operation.Operation == ast.Subscription {
		timer.Stop()
	}
	for answered := false; ; answered = true {
		response := responses(ctx)
		if response == nil {
			return s.end(ctx, op, created, answered)
		}
		response = presentTimeout(ctx, response, limit)
		if len(response.Data) == 0 && len(response.Errors) > 0 {
			return s.errorFrame(op, response.Errors) // It did not run.
		}
		if created.Operation.Operation == ast.Subscription {
			nameRoot(created, response.Errors)
		}
		// At once: gqlgen writes the next response's data into the same buffer.
		payload, err := encodeResponse(response)
		if err != nil {
			return s.errorFrame(op, gqlerror.List{recovered(ctx, s.exec, err)})
		}
		if err := s.outbox.put(frame{op: op, kind: "next", payload: payload}, s.transport.WriteTimeout); err != nil {
			if errors.Is(err, errOutboxFull) {
				s.tooSlow(op)
			}
			return frame{}
		}
	}
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
func (s *socket) end(ctx context.Context, op *operation, created *graphql.OperationContext, answered bool) frame {
	if err := op.ending.Err(); err != nil {
		f := s.refuse(ctx, op, created, asGraphQL(err))
		f.written = make(chan struct{})
		return f
	}
	if !answered {
		if late := presentTimeout(ctx, nil, s.transport.OperationTimeout); late != nil {
			return s.errorFrame(op, present(ctx, s.exec, created, late.Errors...).Errors)
		}
	}
	return frame{op: op, kind: "complete", last: true}
}

// refuse is the error frame for errors that the presenter has not seen yet.
func (s *socket) refuse(
	ctx context.Context, op *operation, created *graphql.OperationContext, errs ...*gqlerror.Error,
) frame {
	response := present(ctx, s.exec, created, errs...)
	return s.errorFrame(op, presentTimeout(ctx, response, s.transport.OperationTimeout).Errors)
}

func (s *socket) errorFrame(op *operation, errs gqlerror.List) frame {
	payload, err := encodeErrors(errs, maxErrors)
	if err != nil {
		payload = fmt.Appendf(nil, `[{"message":"Internal error","extensions":{"code":%q}}]`, codeInternal)
	}
	return frame{op: op, kind: "error", payload: payload, last: true}
}

// finish sends an operation's last frame. One whose writing matters is waited for: whoever lost
// access must learn of it or lose the socket.
func (s *socket) finish(op *operation, f frame) {
	if f.kind == "" {
		return
	}
	deadline := time.NewTimer(s.transport.WriteTimeout)
	defer deadline.Stop()
	if err := s.outbox.put(f, s.transport.WriteTimeout); err != nil {
		if errors.Is(err, errOutboxFull) {
			s.tooSlow(op)
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

// tooSlow closes a socket whose client does not read as fast as its operations need.
func (s *socket) tooSlow(op *operation) {
	if op.ending.Err() != nil {
		s.close(closeForbidden, "Forbidden")
		return
	}
	s.close(websocket.CloseTryAgainLater, "Too slow")
}
