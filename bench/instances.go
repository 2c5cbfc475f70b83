package main

import (
	"context"
	"fmt"
)

// spreadSockets is how many sockets are spread over several instances.
const spreadSockets = 1000

// instancePaths are what several instances on one PostgreSQL do together.
func instancePaths() []path {
	var paths []path
	for _, n := range []int{2, 3} {
		paths = append(paths, pagesOf(n), liveOf(n))
	}
	return paths
}

// several starts n instances, which share a load.
func (a *arena) several(ctx context.Context, n int) (first *server, err error) {
	for i := range n {
		s, err := a.startMuster(ctx)
		if err != nil {
			return nil, err
		}
		a.undo = append(a.undo, s.stop)
		if i == 0 {
			first = s
		} else {
			first.beside = append(first.beside, s)
		}
	}
	return first, nil
}

// liveOf is one organization's log on sockets that are spread over n instances, none of which commits what they are told of: it
// is written by hand, as by another one. What it shows is that a delivery costs what it costs with one.
func liveOf(n int) path {
	// Two organizations, so that neither side is told what the other one is.
	spread, together := &live{sockets: spreadSockets}, &live{sockets: spreadSockets}
	var many, one *server
	side := func(l *live, s **server) func(context.Context, *arena, *meter) error {
		return func(ctx context.Context, a *arena, m *meter) error {
			m.server = *s
			err := l.burst(ctx, a, m, &l.muster, l.wake)
			m.Figures = map[string]float64{"KB for a socket": l.weight}
			return err
		}
	}
	return path{
		Name: fmt.Sprintf("instances-%d-live", n), Op: "delivery", Long: true,
		About: fmt.Sprintf("one organization's log on %d sockets, spread over %d instances; %d entries at once, which none of them has committed, until the "+
			"last socket has them all; the limit is one instance with all the sockets. Memory for a socket is what the instances grew by in sum", spreadSockets, n, burst),
		Prepare: func(ctx context.Context, a *arena) (err error) {
			if many, err = a.several(ctx, n); err != nil {
				return err
			}
			if one, err = a.several(ctx, 1); err != nil {
				return err
			}
			for _, side := range []struct {
				l    *live
				s    *server
				name string
			}{{spread, many, "spread"}, {together, one, "together"}} {
				tokens, err := side.l.fill(ctx, a, fmt.Sprintf("%s-%d", side.name, n))
				if err != nil {
					return err
				}
				if err := side.l.weigh(ctx, a, side.s, tokens); err != nil {
					return err
				}
			}
			return nil
		},
		Muster: side(spread, &many), Limit: side(together, &one),
	}
}

// weigh opens the sockets, and notes what the server, with those beside it, grew by for each.
func (l *live) weigh(ctx context.Context, a *arena, s *server, tokens []string) error {
	before, err := s.usage(ctx)
	if err != nil {
		return err
	}
	if err := l.follow(ctx, a, s, &l.muster, tokens, func(i int) int { return i % 100 }); err != nil {
		return err
	}
	after, err := s.usage(ctx)
	l.weight = float64(after.resident-before.resident) / 1024 / float64(l.sockets)
	return err
}

// pagesOf is the page of members asked of n instances in turn. Where instances and client share the cores no more pages come of
// it: what it shows is that a page costs what it costs with one.
func pagesOf(n int) path {
	p := membersPath()
	p.Name, p.Long, p.Allocs, p.CPU = fmt.Sprintf("instances-%d", n), true, 0, 0
	p.About = fmt.Sprintf("the page of members, asked of %d instances in turn; the limit is one of them alone", n)
	p.Goals = []goal{{Figure: "cpu", Most: 1.2}}
	prepare, load := p.Prepare, p.Muster
	var several *server
	p.Prepare = func(ctx context.Context, a *arena) (err error) {
		if several, err = a.several(ctx, n); err != nil {
			return err
		}
		return prepare(ctx, a)
	}
	p.Muster = func(ctx context.Context, a *arena, m *meter) error {
		m.server = several
		return load(ctx, a, m)
	}
	p.Limit = func(ctx context.Context, a *arena, m *meter) error {
		m.server = a.muster
		return load(ctx, a, m)
	}
	return p
}
