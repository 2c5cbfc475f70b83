package main

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"muster/db/embedded"
)

// The figure of a start: from the call that runs the program to the first 200 of its readiness page, and what it may be.
const (
	startFigure   = "ready after, ms"
	startRunning  = 150  // with a PostgreSQL that runs
	startEmbedded = 1000 // with one of its own
)

// startPaths are starts on a database that exists: with a PostgreSQL that runs, where the limit is a program that opens a pool
// and listens, and with one of its own, where the limit is that PostgreSQL and one statement.
func startPaths() []path {
	return []path{
		{
			Name: "start", Op: "start", Prepare: func(context.Context, *arena) error { return nil },
			About: "from the program's start to its first answer that it is ready, on a running PostgreSQL; the limit opens a pool, asks it " +
				"one statement and listens",
			Goals: []goal{{Figure: startFigure, Most: startRunning, Own: true}},
			Muster: func(ctx context.Context, a *arena, m *meter) error {
				return timed(m, func() (*server, error) { return a.startMuster(ctx) })
			},
			Limit: func(ctx context.Context, a *arena, m *meter) error {
				return timed(m, func() (*server, error) { return a.startLimit(ctx) })
			},
		},
		{
			Name: "start-embedded", Op: "start", Prepare: func(context.Context, *arena) error { return nil },
			About:  "the same with a PostgreSQL of its own; the limit starts that PostgreSQL and asks it one statement",
			Goals:  []goal{{Figure: startFigure, Most: startEmbedded, Own: true}},
			Muster: func(ctx context.Context, a *arena, m *meter) error { return a.timeEmbedded(ctx, m) },
			Limit:  func(ctx context.Context, a *arena, m *meter) error { return a.timePostgres(ctx, m) },
		},
	}
}

// timed starts a server once and stops it.
func timed(m *meter, start func() (*server, error)) error {
	began := time.Now()
	s, err := start()
	m.started(time.Since(began))
	if err != nil {
		return err
	}
	m.CPU, err = cpuTime(s.cmd.Process.Pid)
	return errors.Join(err, s.stop())
}

func (m *meter) started(took time.Duration) {
	m.Ops, m.Took, m.P50, m.P99 = 1, took, took, took
	m.Figures = map[string]float64{startFigure: float64(took.Microseconds()) / 1000}
}

// timeEmbedded starts Muster on a folder of its own, which it makes in the round before the first that counts.
func (a *arena) timeEmbedded(ctx context.Context, m *meter) error {
	address, err := freeAddress(ctx)
	if err != nil {
		return err
	}
	env := environment("MUSTER_DATA_DIR="+filepath.Join(a.dir, "own"), "MUSTER_ADDR="+address)
	return timed(m, func() (*server, error) {
		return startServer(ctx, "Muster", filepath.Join(a.dir, "own.log"), address, env, a.program)
	})
}

// timePostgres starts a PostgreSQL on a folder of its own and asks it one statement.
func (a *arena) timePostgres(ctx context.Context, m *meter) error {
	began := time.Now()
	postgres, err := embedded.Start(ctx, embedded.Options{Dir: filepath.Join(a.dir, "bare"), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, postgres.URL())
	if err != nil {
		return errors.Join(err, postgres.Stop())
	}
	_, err = conn.Exec(ctx, "SELECT 1")
	m.started(time.Since(began))
	return errors.Join(err, conn.Close(ctx), postgres.Stop())
}
