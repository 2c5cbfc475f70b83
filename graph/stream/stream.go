// Package stream carries the events of a subscription from the application to the transport, and with them the reason why
// they end: gqlgen's channels have no room for one. It decides nothing and knows neither side.
package stream

import (
	"context"
	"iter"
	"sync"
)

// End is how a subscription says why it ends.
type End struct {
	mu  sync.Mutex
	err error
}

type endKey struct{}

// WithEnd gives a subscription's context a place for the reason of its end.
func WithEnd(ctx context.Context) (context.Context, *End) {
	e := &End{}
	return context.WithValue(ctx, endKey{}, e), e
}

// Err is the reason, nil where there is none.
func (e *End) Err() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.err
}

// EndWith says why a subscription ends. Its stream calls it with the context that the resolver got, before it closes the
// channel: what is in the channel is still delivered, then the client gets an error frame with err as the executor's
// error presenter shows it, and no complete. The first call counts; outside a subscription it does nothing.
func EndWith(ctx context.Context, err error) {
	e, ok := ctx.Value(endKey{}).(*End)
	if !ok {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err == nil {
		e.err = err
	}
}

// Of gives the events of an iterator as a channel, and its error as the subscription's end. It ends with ctx, silently.
// Without events, because the resolver refuses, there is no channel.
func Of[T any](ctx context.Context, events iter.Seq2[T, error]) <-chan T {
	if events == nil {
		return nil
	}
	out := make(chan T)
	go func() {
		defer close(out)
		for event, err := range events {
			if err != nil {
				EndWith(ctx, err)
				return
			}
			select {
			case out <- event:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}
