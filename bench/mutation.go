package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// writers is how many clients change something at once, and watchers how many dashboards follow each organization's log.
const (
	writers  = 8
	watchers = 2
)

const createTeamDocument = `mutation Create($input: CreateTeamInput!) { createTeam(input: $input) { team { id slug } } }`

// mutationPaths are an audited mutation with live delivery, and the same program without.
func mutationPaths() []path {
	var paths []path
	for _, p := range []struct {
		name          string
		organizations int
	}{{"mutation", writers}, {"mutation-one", 1}} {
		w := &writing{name: p.name, organizations: p.organizations}
		paths = append(paths, path{
			Name: p.name, Op: "mutation", Long: true, Prepare: w.prepare, Muster: w.muster, Limit: w.quietly,
			About: fmt.Sprintf("teams are created, with their entries, by %d writers in %d organizations whose logs %d dashboards each follow; the limit is "+
				"the same program, built without the wake-ups that follow commits, with nobody subscribed", writers, p.organizations, watchers),
			Goals: []goal{{Figure: "rate", Least: 0.9}},
		})
	}
	return paths
}

// writing is what is written to, on each side in organizations of its own.
type writing struct {
	name          string
	organizations int
	quiet         *server // Muster without wake-ups
	watched, own  []place
	followers     audience
	created       atomic.Int64 // teams: each has a name of its own
}

// place is an organization with who writes there.
type place struct{ organization, token string }

func (w *writing) prepare(ctx context.Context, a *arena) (err error) {
	if w.quiet, err = a.startQuiet(ctx); err != nil {
		return err
	}
	for _, side := range []struct {
		name   string
		places *[]place
	}{{"watched", &w.watched}, {"own", &w.own}} {
		for i := range w.organizations {
			name := fmt.Sprintf("%s-%s-%d", w.name, side.name, i)
			userID, token, err := a.addViewer(ctx, name)
			if err != nil {
				return err
			}
			organization, _, err := a.addOrganization(ctx, name, userID, 2)
			if err != nil {
				return err
			}
			*side.places = append(*side.places, place{organization, token})
		}
	}
	if err := a.analyze(ctx); err != nil {
		return err
	}
	return w.followers.open(ctx, a, a.muster, watchers*w.organizations, func(i int) (string, []string) {
		at := w.watched[i%w.organizations]
		return "/graphql", []string{
			fmt.Sprintf(`{"type":"connection_init","payload":{"authorization":"Bearer %s"}}`, at.token),
			fmt.Sprintf(`{"id":"%d","type":"subscribe","payload":{"query":%q,"variables":{"organizationId":%q,"after":0}}}`, i, liveDocument, at.organization),
		}
	}, func(int) int64 { return 0 })
}

// muster writes where it is watched, and waits until every dashboard has every entry: what is delivered later is paid for too.
func (w *writing) muster(ctx context.Context, a *arena, m *meter) error {
	return w.write(ctx, a, m, w.watched, func(ops int) error {
		w.followers.wanted.Add(int64(watchers * ops))
		return w.followers.await(ctx)
	})
}

func (w *writing) quietly(ctx context.Context, a *arena, m *meter) error {
	m.server = w.quiet
	return w.write(ctx, a, m, w.own, func(int) error { return nil })
}

// write creates teams for as long as a round lasts, and then finishes what they were.
func (w *writing) write(ctx context.Context, a *arena, m *meter, places []place, finish func(ops int) error) error {
	clients := make([]*client, writers)
	for i := range clients {
		c, err := dial(ctx, m.server.Address)
		if err != nil {
			return err
		}
		defer func() { _ = c.conn.Close() }()
		clients[i] = c
	}
	took, errs := make([][]time.Duration, writers), make([]error, writers)
	err := m.measure(ctx, func() (ops int, err error) {
		end := time.Now().Add(a.options.Each)
		var all sync.WaitGroup
		for i, c := range clients {
			all.Go(func() {
				at := places[i%len(places)]
				for errs[i] == nil && ctx.Err() == nil {
					var question []byte
					if question, errs[i] = w.question(at); errs[i] != nil {
						return
					}
					began := time.Now()
					if began.After(end) {
						return
					}
					if errs[i] = c.do(question); errs[i] == nil && bytes.Contains(c.body, []byte(`"errors"`)) {
						errs[i] = fmt.Errorf("answered %.300s", c.body)
					}
					took[i] = append(took[i], time.Since(began))
				}
			})
		}
		all.Wait()
		for i := range took {
			ops += len(took[i])
		}
		return ops, errors.Join(errors.Join(append(errs, ctx.Err())...), finish(ops))
	})
	var every []time.Duration
	for _, t := range took {
		every = append(every, t...)
	}
	m.latencies(every)
	return err
}

func (w *writing) question(at place) ([]byte, error) {
	n := w.created.Add(1)
	return request("/graphql", at.token, map[string]any{"query": createTeamDocument, "variables": map[string]any{
		"input": map[string]any{"organizationId": at.organization, "slug": fmt.Sprintf("team-%d", n), "name": fmt.Sprintf("Team %d", n)},
	}})
}

// startQuiet starts a Muster that rings no wake-ups after commits, on the same database. It is built for that, from the same
// sources with one line more, so that the shipped program has no switch for it.
func (a *arena) startQuiet(ctx context.Context) (*server, error) {
	if a.quiet != nil {
		return a.quiet, nil
	}
	source, err := filepath.Abs(filepath.Join("db", "wake.go"))
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(source)
	if err != nil {
		return nil, err
	}
	const ring = "func (w *waker) ring(ids ...string) {\n"
	if bytes.Count(text, []byte(ring)) != 1 {
		return nil, fmt.Errorf("%s has no %q any more", source, ring)
	}
	changed, overlay := filepath.Join(a.dir, "wake.go"), filepath.Join(a.dir, "quiet.json")
	if err := os.WriteFile(changed, bytes.Replace(text, []byte(ring), []byte(ring+"\tids = nil\n"), 1), 0o600); err != nil {
		return nil, err
	}
	if text, err = json.Marshal(map[string]any{"Replace": map[string]string{source: changed}}); err != nil {
		return nil, err
	}
	if err := os.WriteFile(overlay, text, 0o600); err != nil {
		return nil, err
	}
	program := filepath.Join(a.dir, "muster-quiet")
	if err := a.compile(ctx, program, overlay); err != nil {
		return nil, err
	}
	if a.quiet, err = a.startProgram(ctx, "Muster without wake-ups", program); err != nil {
		return nil, err
	}
	a.undo = append(a.undo, a.quiet.stop)
	return a.quiet, nil
}
