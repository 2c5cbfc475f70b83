package db

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
)

// The queues beside River's default one. Each has workers of its own, so that a mail server that does not answer holds up
// mails only.
const (
	QueueMail  = "mail"
	QueueSweep = "sweep"
)

// Jobs is a running worker of jobs.
type Jobs struct {
	client *river.Client[pgx.Tx]
	pool   *pgxpool.Pool
}

// jobConnections is how many connections the jobs' own bookkeeping has at most: to look for work in each queue and to note
// what is done. What a job does goes through the serving pool, as requests do.
const jobConnections = 4

// jobPool is a pool for what River asks. Its statements are planned each time, about as often as River looks for work, and
// never kept: a plan from when the queue was empty reads it from end to end, and stays when a sweep has put a hundred thousand
// mails into it, until PostgreSQL happens to analyze the table.
func (d *DB) jobPool(ctx context.Context) (*pgxpool.Pool, error) {
	config := d.pool.Config()
	config.MaxConns, config.MinConns = jobConnections, 0
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	return pgxpool.NewWithConfig(ctx, config)
}

// StartJobs works on jobs until Stop. The instance's name must be its own and the same after a restart: what an earlier
// life left half done is taken up again at once instead of after River's rescue.
func (d *DB) StartJobs(ctx context.Context, instance string, workers *river.Workers, log *slog.Logger) (*Jobs, error) {
	_, err := d.pg.Exec(ctx, `
UPDATE river_job SET state = 'available' WHERE state = 'running' AND attempted_by[cardinality(attempted_by)] = $1`, instance)
	if err != nil {
		return nil, fmt.Errorf("take up the jobs of the last run: %w", err)
	}
	pool, err := d.jobPool(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect for the jobs: %w", err)
	}
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
		ID:     instance,
		Logger: slog.New(quiet{log.Handler()}),
		Queues: map[string]river.QueueConfig{
			river.QueueDefault: {MaxWorkers: 4}, QueueMail: {MaxWorkers: 8}, QueueSweep: {MaxWorkers: 2},
		},
		Workers:              workers,
		FetchCooldown:        20 * time.Millisecond,
		FetchPollInterval:    200 * time.Millisecond,
		JobTimeout:           30 * time.Second,
		RescueStuckJobsAfter: time.Minute,
		SoftStopTimeout:      5 * time.Second,
		ReindexerSchedule:    river.NeverSchedule(), // the serving role owns no index
	})
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("prepare the jobs: %w", err)
	}
	// The client has an end of its own: it must stop after the requests that add jobs, not with the signal.
	if err := client.Start(context.WithoutCancel(ctx)); err != nil {
		pool.Close()
		return nil, fmt.Errorf("start the jobs: %w", err)
	}
	return &Jobs{client, pool}, nil
}

// Stop waits for running jobs, or until ctx ends.
func (j *Jobs) Stop(ctx context.Context) error {
	err := j.client.Stop(ctx)
	if err == nil { // else something still runs, and the pool would wait for its connections
		j.pool.Close()
	}
	return err
}

// Complete ends a job with the transaction: what it did and that it is done are true together.
func Complete[T river.JobArgs](ctx context.Context, t *Tx, job *river.Job[T]) error {
	if _, err := river.JobCompleteTx[*riverpgxv5.Driver](ctx, t.pgx, job); err != nil {
		return fmt.Errorf("complete the job: %w", err)
	}
	return nil
}

// quiet leaves out what River tells of its ordinary life.
type quiet struct{ slog.Handler }

// Enabled says that only warnings and worse are told.
func (q quiet) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && q.Handler.Enabled(ctx, level)
}

// WithAttrs keeps the handler quiet.
func (q quiet) WithAttrs(attrs []slog.Attr) slog.Handler { return quiet{q.Handler.WithAttrs(attrs)} }

// WithGroup keeps the handler quiet.
func (q quiet) WithGroup(name string) slog.Handler { return quiet{q.Handler.WithGroup(name)} }
