package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"
)

// path is one thing that is measured: the same work done by Muster and by the limit.
type path struct {
	Name  string // what --only takes, and the table shows
	About string // what is asked, and what the limit is, in a sentence
	Op    string // what one operation is, such as "page"
	Long  bool   // not for --quick
	Peer  string // the program of peers/ that stands in the limit's place; only with --peers

	// Prepare fills the database; both servers run already. It may check that both sides answer the same.
	Prepare func(ctx context.Context, a *arena) error
	// Muster and Limit do one round each: the same work.
	Muster, Limit func(ctx context.Context, a *arena, m *meter) error
	// Finish, where there is one, ends what Prepare has started and later paths would feel. Of paths that share a preparation
	// the last one has it.
	Finish func() error

	Goals []goal
	// Allocs and CPU are what --quick lets pass: allocations an operation, and the ratio of CPU times. 0 asserts nothing.
	Allocs, CPU float64
}

// goal is a bound on a figure's ratio of Muster to the limit, or on Muster's figure.
type goal struct {
	Figure string // "rate", "cpu", or one of the path's own
	Least  float64
	Most   float64
	Own    bool // the bound is on Muster's own figure, which was kept in every round, and not on the ratio
}

// met says whether a ratio keeps the goal.
func (g goal) met(ratio float64) bool {
	return (g.Least == 0 || ratio >= g.Least) && (g.Most == 0 || ratio <= g.Most)
}

func (g goal) String() string {
	if g.Least > 0 {
		return fmt.Sprintf("%s ≥ %g", g.Figure, g.Least)
	}
	return fmt.Sprintf("%s ≤ %g", g.Figure, g.Most)
}

// meter takes down what one side does in one round.
type meter struct {
	server *server
	sample
}

// sample is one round of one side.
type sample struct {
	Ops       int
	Took      time.Duration
	CPU       time.Duration // of the server
	Mallocs   float64       // objects
	Allocated float64       // bytes
	P50, P99  time.Duration // 0 where nothing was timed
	Memory    int64         // resident bytes of the server afterwards
	// Figures are the path's own, such as bytes for an idle socket.
	Figures map[string]float64
}

// measure counts what the server uses while fn runs, which says how many operations that were.
func (m *meter) measure(ctx context.Context, fn func() (ops int, err error)) error {
	before, err := m.server.usage(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	ops, err := fn()
	if err != nil {
		return err
	}
	m.Ops, m.Took = ops, time.Since(began)
	after, err := m.server.usage(ctx)
	if err != nil {
		return err
	}
	if ops == 0 {
		return errors.New("nothing was done in a round")
	}
	m.CPU, m.Memory = after.cpu-before.cpu, after.resident
	m.Mallocs, m.Allocated = after.mallocs-before.mallocs, after.allocated-before.allocated
	return nil
}

// latencies takes down how long operations took.
func (m *meter) latencies(took []time.Duration) {
	if len(took) == 0 {
		return
	}
	slices.Sort(took)
	m.P50, m.P99 = took[len(took)/2], took[len(took)*99/100]
}

// measure runs a path: prepare, warm up, and then round after round, first the one side and then the other.
func (a *arena) measure(ctx context.Context, p path) (*result, error) {
	if err := p.Prepare(ctx, a); err != nil {
		return nil, fmt.Errorf("prepare: %w", err)
	}
	out := &result{Path: p.Name, About: p.About, Op: p.Op, path: p}
	for round := range a.options.Rounds + 1 {
		var muster, limit sample
		sides := []func() error{
			func() (err error) { muster, err = a.side(ctx, a.muster, p.Muster); return err },
			func() (err error) { limit, err = a.side(ctx, a.limit, p.Limit); return err },
		}
		if round%2 == 0 {
			slices.Reverse(sides)
		}
		for _, side := range sides {
			if err := side(); err != nil {
				return nil, err
			}
		}
		if round > 0 { // the first one warms caches and pools
			out.add(muster, limit)
			a.say("%s, round %d of %d: rate %.2f, CPU %.2f", p.Name, round, a.options.Rounds, rate(muster)/rate(limit), cpu(muster)/cpu(limit))
		}
	}
	out.finish()
	if err := a.profile(ctx, p); err != nil || p.Finish == nil {
		return out, err
	}
	return out, p.Finish()
}

// side does one side's round, on this server or on the one that the path measures in its place: the meter knows which.
func (a *arena) side(ctx context.Context, s *server, run func(context.Context, *arena, *meter) error) (sample, error) {
	m := &meter{server: s}
	if err := run(ctx, a, m); err != nil {
		return sample{}, fmt.Errorf("%s: %w", m.server.name, err)
	}
	return m.sample, nil
}

// profile runs Muster's side once more under its profiler, where that was asked for.
func (a *arena) profile(ctx context.Context, p path) error {
	if a.options.Profile == "" {
		return nil
	}
	defer func(each time.Duration) { a.options.Each = each }(a.options.Each)
	a.options.Each = max(a.options.Each, 10*time.Second) // at a hundred samples a second
	if err := a.muster.signalProfile(ctx, filepath.Join(a.options.Profile, p.Name), true); err != nil {
		return err
	}
	if _, err := a.side(ctx, a.muster, p.Muster); err != nil {
		return err
	}
	return a.muster.signalProfile(ctx, filepath.Join(a.options.Profile, p.Name), false)
}
