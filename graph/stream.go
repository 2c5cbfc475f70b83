package graph

import (
	"context"
	"iter"

	"muster/server/transport"
)

// stream gives the events of an iterator to gqlgen as a channel, and its error to the transport as the subscription's end.
// It ends with ctx, silently.
func stream[T any](ctx context.Context, events iter.Seq2[T, error]) <-chan T {
	if events == nil {
		return nil
	}
	out := make(chan T)
	go func() {
		defer close(out)
		for event, err := range events {
			if err != nil {
				transport.EndWith(ctx, err)
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
