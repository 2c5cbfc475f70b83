package db_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/riverqueue/river"
)

type idleJob struct{}

func (idleJob) Kind() string { return "idle" }

type idleWorker struct{ river.WorkerDefaults[idleJob] }

func (*idleWorker) Work(context.Context, *river.Job[idleJob]) error { return nil }

// TestLookingForWorkReadsNoFullQueue: who has looked for work in an empty queue for a while does not read it from end to end
// when it is full of another's: the plans of then are not kept.
func TestLookingForWorkReadsNoFullQueue(t *testing.T) {
	t.Parallel()
	d, admin := open(t)
	exec(t, admin, `VACUUM ANALYZE river_job`)
	workers := river.NewWorkers()
	river.AddWorker(workers, &idleWorker{})
	jobs, err := d.StartJobs(t.Context(), "test", workers, slog.New(slog.DiscardHandler))
	must(t, err)
	t.Cleanup(func() {
		if err := jobs.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	const looks = `SELECT seq_scan + idx_scan FROM pg_stat_user_tables WHERE relname = 'river_job'`
	look := func(times int) {
		t.Helper()
		before := value[int](t, admin, looks)
		eventually(t, "looking for work", func() bool { return value[int](t, admin, looks) >= before+times })
	}
	look(50) // more often than a connection plans before it keeps a plan
	const others = 20_000
	exec(t, admin, `
INSERT INTO river_job (args, kind, max_attempts, queue, state) SELECT '{}', 'idle', 25, 'nobody''s', 'available' FROM generate_series(1, $1::int)`, others)
	look(10) // among them those that were under way
	const read = `SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'river_job'`
	before := value[int](t, admin, read)
	look(20)
	if n := value[int](t, admin, read) - before; n > 3*others {
		t.Errorf("looking for work some 20 times among %d jobs of others has read %d", others, n)
	}
	if n := value[int](t, admin, `SELECT count(*) FROM river_job WHERE state = 'available'`); n != others {
		t.Errorf("%d of the others' jobs are left, want %d", n, others)
	}
}
