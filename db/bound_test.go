package db_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"muster/db"
)

// No statement waits for good, however it is sent: one that nobody said how long for, as those of whoever lives longer than a
// request, has five seconds. So has who waits for a connection. One that brings a deadline of its own has that.
func TestEveryStatementEnds(t *testing.T) {
	t.Parallel()
	d, admin := open(t)
	narrow, _ := openWith(t, "pool_max_conns=1")
	taken, err := narrow.Pool().Acquire(t.Context())
	must(t, err)
	t.Cleanup(taken.Release)
	exec(t, admin, `BEGIN`)
	exec(t, admin, `LOCK TABLE rate_limits, organizations, teams IN ACCESS EXCLUSIVE MODE`)
	const long = `SELECT pg_sleep(600)`
	for how, run := range map[string]func(ctx context.Context) error{
		"pgx's Exec":     func(ctx context.Context) error { _, err := d.Pool().Exec(ctx, long); return err },
		"pgx's QueryRow": func(ctx context.Context) error { return d.Pool().QueryRow(ctx, long).Scan(nil) },
		"pgx's Query": func(ctx context.Context) error {
			rows, err := d.Pool().Query(ctx, `SELECT pg_sleep(n) FROM (VALUES (0), (600)) v (n)`)
			if err != nil {
				return err
			}
			_, err = pgx.CollectRows(rows, pgx.RowToMap)
			return err
		},
		"Bun": func(ctx context.Context) error { _, err := d.Teams(ctx, "org_1"); return err },
		"a batch": func(ctx context.Context) error {
			b := &pgx.Batch{}
			b.Queue(long)
			return d.Pool().SendBatch(ctx, b).Close()
		},
		"COPY": func(ctx context.Context) error {
			_, err := d.Pool().CopyFrom(ctx, pgx.Identifier{"rate_limits"}, []string{"key", "expires_at"}, pgx.CopyFromRows([][]any{{"k", time.Now()}}))
			return err
		},
		"a transaction": func(ctx context.Context) error {
			return d.InTx(ctx, func(tx *db.Tx) error { _, err := tx.LockOrganization(ctx, "org_1"); return err })
		},
		"waiting for a connection": func(ctx context.Context) error { return narrow.Ping(ctx) },
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			ended := make(chan error, 1)
			began := time.Now()
			go func() { ended <- run(t.Context()) }()
			select {
			case err := <-ended:
				if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took < db.Patience {
					t.Errorf("after %s: %v, want DeadlineExceeded after %s", took, err, db.Patience)
				}
			case <-time.After(patience):
				t.Errorf("waits still after %s", patience)
			}
		})
	}
	t.Run("a deadline of its own", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := d.Pool().Exec(ctx, `SELECT pg_sleep($1)`, (db.Patience + time.Second).Seconds())
		must(t, err)
	})
}

// TestNobodyIsWaitedForInATransaction: PostgreSQL ends a transaction whose client has gone without a word, and with it its locks.
func TestNobodyIsWaitedForInATransaction(t *testing.T) {
	t.Parallel()
	d, _ := open(t)
	var timeout string
	must(t, d.Pool().QueryRow(t.Context(), `SHOW idle_in_transaction_session_timeout`).Scan(&timeout))
	if timeout != "1min" {
		t.Errorf("a silent transaction is waited for %s, want 1min", timeout)
	}
}
