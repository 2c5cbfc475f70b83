package main

import (
	"context"
	"fmt"
	"time"
)

// idleSockets is how many wait for something to happen.
const idleSockets = 5000

// The path's own figures.
const (
	idleMemory     = "KB for a socket"
	idleGoroutines = "goroutines for a socket"
)

// idlePath is what a subscriber costs to whom nothing happens, against a plain socket with a reader and a writer.
func idlePath() path {
	var (
		l      = &live{sockets: idleSockets}
		tokens []string
	)
	return path{
		Name: "idle", Op: "socket", Long: true,
		About: fmt.Sprintf("%d sockets follow an organization's log in which nothing happens: what the server's resident memory and its goroutines grow "+
			"by for each, on a server of its own in each round; the limit is as many plain gorilla sockets with a reader and a writer", idleSockets),
		Goals: []goal{{Figure: idleMemory, Most: 18, Own: true}, {Figure: idleGoroutines, Most: 2.01, Own: true}},
		Prepare: func(ctx context.Context, a *arena) (err error) {
			tokens, err = l.fill(ctx, a, "idle")
			return err
		},
		Muster: func(ctx context.Context, a *arena, m *meter) error {
			return idle(ctx, m, a.startMuster, func(au *audience) error { return l.follow(ctx, a, m.server, au, tokens, func(int) int { return 99 }) })
		},
		Limit: func(ctx context.Context, a *arena, m *meter) error {
			return idle(ctx, m, a.startLimit, func(au *audience) error { return l.enter(ctx, a, m.server, au) })
		},
	}
}

// idle starts a server, opens sockets on it, and weighs it before and after.
func idle(ctx context.Context, m *meter, start func(context.Context) (*server, error), open func(*audience) error) (err error) {
	s, err := start(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if stopped := s.stop(); err == nil {
			err = stopped
		}
	}()
	m.server = s
	before, err := s.settled(ctx)
	if err != nil {
		return err
	}
	au := &audience{}
	defer au.close()
	if err := m.measure(ctx, func() (int, error) { return idleSockets, open(au) }); err != nil {
		return err
	}
	after, err := s.settled(ctx)
	if err != nil {
		return err
	}
	m.Memory = after.resident
	m.Figures = map[string]float64{
		idleMemory:     float64(after.resident-before.resident) / 1024 / idleSockets,
		idleGoroutines: (after.goroutines - before.goroutines) / idleSockets,
	}
	return nil
}

// settled is what a server uses when nothing is left of what it did before: its garbage has been collected some times, for
// which it is asked for pages until it has, and what that freed was given back.
func (s *server) settled(ctx context.Context) (usage, error) {
	first, err := s.usage(ctx)
	if err != nil {
		return usage{}, err
	}
	for now := first; now.collections < first.collections+6; {
		if now, err = s.usage(ctx); err != nil {
			return usage{}, err
		}
	}
	select {
	case <-ctx.Done():
		return usage{}, ctx.Err()
	case <-time.After(5 * time.Second): // the runtime gives back a little at a time
	}
	return s.usage(ctx)
}
