package transport_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"muster/graph/stream"
	"muster/server/transport"
)

const sdl = `
type Query { ping: String  echo(text: String!): String  other(kind: Kind, filter: Filter): String  node: Node  whoami: String  wait: String  stubborn: String
  refused: String  broken: String  boom: String  limited: String }
type Node { id: ID  node: Node }
enum Kind { SMALL LARGE }
input Filter { name: String }
type Mutation { signIn(code: String): String  rename(name: String): String }
type Subscription { ticks(name: String!): String  none: String  refusal: String  late: String
  log(after: Int, name: String, limit: Int): Int  mine(after: Int): Int @perViewer }
directive @perViewer on FIELD_DEFINITION
`

// coded is an error as the application gives it.
type coded struct {
	code  string
	retry int
}

func (e *coded) Error() string { return "coded " + e.code }

// present does what the application's presenter does: codes for refusals, "Internal error" for
// the rest.
func present(_ context.Context, err error) *gqlerror.Error {
	var refused *coded
	shown := &gqlerror.Error{}
	if errors.As(err, &refused) {
		shown.Message = refused.Error()
		shown.Extensions = map[string]any{"code": refused.code}
		if refused.retry > 0 {
			shown.Extensions["retryAfter"] = refused.retry
		}
		return shown
	}
	if errors.As(err, &shown) && shown.Unwrap() == nil {
		return shown
	}
	return &gqlerror.Error{Message: "Internal error", Extensions: map[string]any{"code": "INTERNAL"}}
}

// source is the source of one running ticks subscription.
type source struct {
	name   string
	done   <-chan struct{} // of the resolver's context
	end    func(err error) // stream.EndWith with it
	events chan string
}

// api is a schema executed by hand, and the transports in front of it.
type api struct {
	schema  *ast.Schema
	streams chan *source  // each subscription that started
	waiting chan struct{} // each wait that started
	release chan struct{}
	signIns atomic.Int64
	lookups atomic.Int64 // of the schema: validation starts with one
	journal *journal

	ws     *transport.WebSocket
	server *httptest.Server
	panics sync.Map
	gate   *gate // nil for a plain network
}

func newAPI(t *testing.T, configure func(*api, *transport.WebSocket, *transport.HTTP, *transport.Limits)) *api {
	t.Helper()
	a := &api{
		schema:  gqlparser.MustLoadSchema(&ast.Source{Input: sdl}),
		streams: make(chan *source, 1000),
		waiting: make(chan struct{}, 1000),
		release: make(chan struct{}),
		journal: newJournal(),
		ws: &transport.WebSocket{
			CheckOrigin: func(*http.Request) bool { return true },
			Logger:      slog.New(slog.DiscardHandler),
		},
	}
	http, limits := transport.HTTP{}, transport.DefaultLimits()
	if configure != nil {
		configure(a, a.ws, &http, &limits)
	}
	graphQL := handler.New(a)
	graphQL.AddTransport(a.ws)
	graphQL.AddTransport(http)
	graphQL.SetErrorPresenter(present)
	graphQL.SetRecoverFunc(func(_ context.Context, err any) error {
		a.panics.Store(fmt.Sprint(err), true)
		return errors.New("a panic")
	})
	limits.Apply(graphQL)
	a.server = httptest.NewUnstartedServer(graphQL)
	if a.gate != nil {
		a.gate.Listener = a.server.Listener
		a.server.Listener = a.gate
	}
	a.server.Start()
	t.Cleanup(func() {
		// Everything must end by itself: a goroutine that does not is found here.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
		defer cancel()
		if err := a.ws.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		a.server.Close()
	})
	return a
}

func (a *api) Schema() *ast.Schema {
	a.lookups.Add(1)
	return a.schema
}

func (a *api) Complexity(context.Context, string, string, int, map[string]any) (int, bool) {
	return 0, false
}

type userKey struct{}

func (a *api) Exec(ctx context.Context) graphql.ResponseHandler {
	operation := graphql.GetOperationContext(ctx)
	fields := graphql.CollectFields(operation, operation.Operation.SelectionSet, nil)
	if operation.Operation.Operation == ast.Subscription {
		return a.subscribe(ctx, operation, fields[0])
	}
	done := false
	var buffer bytes.Buffer
	return func(ctx context.Context) *graphql.Response {
		if done {
			return nil
		}
		done = true
		a.object(ctx, operation, &buffer, fields)
		return &graphql.Response{Data: buffer.Bytes()}
	}
}

func (a *api) object(ctx context.Context, operation *graphql.OperationContext, b *bytes.Buffer, fields []graphql.CollectedField) {
	for i, field := range fields {
		b.WriteByte("{,"[min(i, 1)])
		fmt.Fprintf(b, "%q:", field.Alias)
		if field.Name == "node" {
			a.object(ctx, operation, b, graphql.CollectFields(operation, field.Selections, nil))
			continue
		}
		value, err := a.resolve(ctx, operation, field)
		if err != nil {
			graphql.AddError(ctx, err)
			b.WriteString("null")
			continue
		}
		encoded, err := json.Marshal(value)
		if err != nil {
			panic(err)
		}
		b.Write(encoded)
	}
	b.WriteByte('}')
}

func (a *api) resolve(ctx context.Context, operation *graphql.OperationContext, field graphql.CollectedField) (any, error) {
	arguments := field.ArgumentMap(operation.Variables)
	switch field.Name {
	case "__typename":
		return string(operation.Operation.Operation), nil
	case "echo":
		return arguments["text"], nil
	case "signIn":
		a.signIns.Add(1)
		return "no", nil
	case "whoami":
		return ctx.Value(userKey{}), nil
	case "refused":
		return nil, &coded{code: "FORBIDDEN"}
	case "limited":
		return nil, &coded{code: "RATE_LIMITED", retry: 42}
	case "broken":
		return nil, errors.New("connect to 10.0.0.1: secret")
	case "boom":
		panic("boom")
	case "wait":
		a.waiting <- struct{}{}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-a.release:
			return "done", nil
		}
	case "stubborn": // It does not heed its context.
		a.waiting <- struct{}{}
		<-a.release
		return "done", nil
	case "__schema", "__type":
		return nil, nil
	}
	return "pong", nil
}

func (a *api) subscribe(ctx context.Context, operation *graphql.OperationContext, field graphql.CollectedField) graphql.ResponseHandler {
	switch field.Name {
	case "refusal":
		graphql.AddError(ctx, &coded{code: "FORBIDDEN"})
		return nil
	case "none":
		return func(context.Context) *graphql.Response { return nil }
	case "late":
		a.waiting <- struct{}{}
		<-ctx.Done()
		graphql.AddError(ctx, ctx.Err())
		return nil
	}
	name, _ := field.ArgumentMap(operation.Variables)["name"].(string)
	if field.Name == "log" || field.Name == "mine" {
		return a.follow(ctx, operation, field, name)
	}
	s := &source{
		name: name, done: ctx.Done(), end: func(err error) { stream.EndWith(ctx, err) }, events: make(chan string),
	}
	a.streams <- s
	var buffer bytes.Buffer // Reused for every event, as generated code does.
	return func(ctx context.Context) *graphql.Response {
		select {
		case <-ctx.Done():
			return nil
		case event, ok := <-s.events:
			if !ok {
				return nil
			}
			if event == "boom" {
				panic("boom")
			}
			buffer.Reset()
			fmt.Fprintf(&buffer, "{%q:%q}", field.Alias, event)
			return &graphql.Response{Data: buffer.Bytes()}
		}
	}
}

// follow executes a subscription to the journal. Of an odd entry "odd fail" makes an error.
func (a *api) follow(ctx context.Context, operation *graphql.OperationContext, field graphql.CollectedField, name string) graphql.ResponseHandler {
	var after *int
	if raw := field.ArgumentMap(operation.Variables)["after"]; raw != nil {
		n, err := graphql.UnmarshalInt(raw)
		if err != nil {
			panic(err)
		}
		after = &n
	}
	events, err := stream.OfLog(ctx, after, func(after *int) (stream.Log[int], error) { return a.journal.read(ctx, after) })
	if err != nil {
		graphql.AddError(ctx, err)
		return nil
	}
	var buffer bytes.Buffer
	return func(ctx context.Context) *graphql.Response {
		select {
		case <-ctx.Done():
			return nil
		case n, ok := <-events:
			if !ok {
				return nil
			}
			a.journal.mu.Lock()
			a.journal.executed++
			a.journal.mu.Unlock()
			buffer.Reset()
			if name == "odd fail" && n%2 == 1 {
				graphql.AddError(ctx, &coded{code: "FORBIDDEN"})
				fmt.Fprintf(&buffer, "{%q:null}", field.Alias)
			} else {
				fmt.Fprintf(&buffer, "{%q:%d}", field.Alias, n)
			}
			return &graphql.Response{Data: buffer.Bytes()}
		}
	}
}
