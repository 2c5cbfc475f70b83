// Package stream carries the events of a subscription from the application to the transport, and with them what gqlgen's
// channels have no room for: why they end, and where others could go on together. It decides nothing and knows neither side.
package stream

import (
	"context"
	"iter"
	"sync"
)

// Log is a subscription to a log as the application runs it (app.Watch): events with sequences that have no gap.
type Log[T any] interface {
	// Events gives the caller's events, asking the gate as the caller. With share it ends, without an error, where there is
	// nothing more to read; without, when the caller has had enough or may see no more.
	Events(ctx context.Context, share bool) iter.Seq2[T, error]
	// Position is the sequence of the last entry that Events has given or passed over.
	Position() int
	// Scope names those who are shown the same: the organization and the role.
	Scope() string
	// Follow gives the events after a sequence to everybody in the scope, without a caller. It calls ask before it gives an
	// entry that may have changed who may see the log, and tell for every entry, with nil where there is no event to it and
	// with more where the next entry comes at once. It ends when either says so, or ctx.
	Follow(ctx context.Context, after int, ask func(context.Context) bool, tell func(sequence int, event *T, more bool) bool) error
	// Ask asks the gate for several callers at once: the scope that each is in, or the refusal.
	Ask(ctx context.Context, callers []context.Context) (scopes []string, refusals []error)
}

// Live is the rest of a subscription that has read all there is: whoever is in the scope can go on together.
type Live struct {
	Scope    string
	Position int // the sequence after which it goes on
	Follow   func(ctx context.Context, after int, ask func(context.Context) bool, tell func(sequence int, event any, more bool) bool) error
	Ask      func(ctx context.Context, callers []context.Context) (scopes []string, refusals []error)
}

// Subscription is one execution of a subscription as its transport and its stream see it; it is in the execution's context.
type Subscription struct {
	// Share says that the execution is to end where others could go on with it.
	Share bool
	// After is a sequence at which the execution goes on, whatever its arguments say; nil for none.
	After *int
	// Everybody says that the execution is everybody's: its events are given to it by Push.
	Everybody bool

	reads bool
	push  func(any)

	mu   sync.Mutex
	err  error
	live *Live
}

type subscriptionKey struct{}

// With puts a subscription into its execution's context.
func With(ctx context.Context, s *Subscription) context.Context {
	return context.WithValue(ctx, subscriptionKey{}, s)
}

func of(ctx context.Context) *Subscription {
	if s, ok := ctx.Value(subscriptionKey{}).(*Subscription); ok {
		return s
	}
	return &Subscription{}
}

// Err is why the events ended, nil where there is no reason to tell.
func (s *Subscription) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Live is how to go on with others, nil where the events are over.
func (s *Subscription) Live() *Live {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live
}

// Reads says that the execution reads a log up to where others could go on with it, and does not wait for anything. It is
// called after the execution was dispatched.
func (s *Subscription) Reads() bool { return s.reads }

// Push gives everybody's execution its next event, which must be taken before the next one comes. It is called after the
// execution was dispatched, and says whether there is a log to push to.
func (s *Subscription) Push(event any) bool {
	if s.push == nil {
		return false
	}
	s.push(event)
	return true
}

// EndWith says why a subscription ends. Its stream calls it with the context that the resolver got, before it closes the
// channel: what is in the channel is still delivered, then the client gets an error frame with err as the executor's
// error presenter shows it, and no complete. The first call counts; outside a subscription it does nothing.
func EndWith(ctx context.Context, err error) {
	s := of(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
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

// OfLog gives the events of a log as a channel: the caller's own, or everybody's where the execution is everybody's. What
// begin gets is where the caller wants to begin.
func OfLog[T any](ctx context.Context, after *int, begin func(after *int) (Log[T], error)) (<-chan T, error) {
	s := of(ctx)
	if s.Everybody {
		out := make(chan T, 1)
		s.push = func(event any) { out <- event.(T) }
		return out, nil
	}
	if s.After != nil {
		after = s.After
	}
	log, err := begin(after)
	if err != nil {
		return nil, err
	}
	s.reads = s.Share
	return Of(ctx, func(yield func(T, error) bool) {
		for event, err := range log.Events(ctx, s.Share) {
			if !yield(event, err) || err != nil {
				return
			}
		}
		if s.Share && ctx.Err() == nil {
			s.handOver(live(log))
		}
	}), nil
}

func live[T any](log Log[T]) *Live {
	return &Live{
		Scope: log.Scope(), Position: log.Position(), Ask: log.Ask,
		Follow: func(ctx context.Context, after int, ask func(context.Context) bool, tell func(int, any, bool) bool) error {
			return log.Follow(ctx, after, ask, func(sequence int, event *T, more bool) bool {
				if event == nil {
					return tell(sequence, nil, more)
				}
				return tell(sequence, *event, more)
			})
		},
	}
}

func (s *Subscription) handOver(l *Live) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live = l
}
