package db

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Patience is how long a statement may take for which nobody said how long, and how long one may wait for a connection: as long as
// a request may. A connection that has gone dead without a word, as in a failover or behind a
// firewall that forgot it, never answers: whoever lives longer than a request (the live logs, sockets, jobs, the loops of an
// instance) would wait for it for good. What may take longer brings a deadline of its own.
const Patience = 5 * time.Second

// How long a connection that has rested is given to answer before another one is taken, and a new one to be made. What is asked
// of a resting one waits for no lock.
const (
	pingPatience    = time.Second
	connectPatience = 5 * time.Second
)

// idleTransaction is how long PostgreSQL keeps a transaction, in milliseconds, of which it hears nothing between two statements: else
// one whose network has died holds its organization's lock until the kernel gives the connection up, which takes hours. What Muster
// does between two statements takes moments.
const idleTransaction = "60000"

// bound puts an end to every statement that has none: pgx goes on with the context that a tracer gives it.
type bound struct{}

// bounded is a context that ends with its statement.
type bounded struct {
	context.Context //nolint:containedctx // it is one

	cancel context.CancelFunc
}

func begin(ctx context.Context) context.Context {
	if _, ok := ctx.Deadline(); ok {
		return ctx
	}
	ctx, cancel := context.WithTimeout(ctx, Patience)
	return bounded{ctx, cancel}
}

// end looks at the very context that begin gave: one that was made of it belongs to something else.
func end(ctx context.Context) {
	if b, ok := ctx.(bounded); ok {
		b.cancel()
	}
}

// TraceQueryStart begins a statement.
func (bound) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return begin(ctx)
}

// TraceQueryEnd ends a statement: its rows have been read.
func (bound) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryEndData) { end(ctx) }

// TraceBatchStart begins several statements that are sent together.
func (bound) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return begin(ctx)
}

// TraceBatchQuery is one of them.
func (bound) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd ends them.
func (bound) TraceBatchEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchEndData) { end(ctx) }

// TraceCopyFromStart begins a COPY.
func (bound) TraceCopyFromStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceCopyFromStartData) context.Context {
	return begin(ctx)
}

// TraceCopyFromEnd ends it.
func (bound) TraceCopyFromEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceCopyFromEndData) { end(ctx) }

// TraceAcquireStart begins to wait for a connection.
func (bound) TraceAcquireStart(ctx context.Context, _ *pgxpool.Pool, _ pgxpool.TraceAcquireStartData) context.Context {
	return begin(ctx)
}

// TraceAcquireEnd has one.
func (bound) TraceAcquireEnd(ctx context.Context, _ *pgxpool.Pool, _ pgxpool.TraceAcquireEndData) {
	end(ctx)
}
