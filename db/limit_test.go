package db_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"muster/db"
)

// The budget of guesses: five in any five minutes and ten in any hour.
var (
	fiveInFive = db.Limit{Hits: 5, Window: 5 * time.Minute}
	tenInHour  = db.Limit{Hits: 10, Window: time.Hour}
)

// pass lets time go by for a key: its hits are longer ago.
func pass(t *testing.T, admin *pgx.Conn, key string, d time.Duration) {
	t.Helper()
	exec(t, admin, `UPDATE rate_limits SET expires_at = expires_at - $2::interval,
		hits = ARRAY(SELECT h - $2::interval FROM unnest(hits) WITH ORDINALITY AS u (h, n) ORDER BY n) WHERE key = $1`, key, d)
}

// model is the rule, written the simple way: what was let through, and when.
type model struct{ hits []time.Duration }

// spend gives how long a hit at now has to wait, zero where it is let through.
func (m *model) spend(now time.Duration) time.Duration {
	var wait time.Duration
	for _, l := range []db.Limit{fiveInFive, tenInHour} {
		var recent []time.Duration
		for _, hit := range m.hits {
			if now-hit < l.Window {
				recent = append(recent, hit)
			}
		}
		if n := len(recent); n >= l.Hits {
			wait = max(wait, recent[n-l.Hits]+l.Window-now)
		}
	}
	if wait == 0 {
		m.hits = append(m.hits, now)
	}
	return wait
}

// TestSpendIsASlidingWindow compares Spend with the model over random pauses. Pauses are whole seconds and a half, so
// that the real time that the test takes decides nothing.
func TestSpendIsASlidingWindow(t *testing.T) {
	t.Parallel()
	d, admin := open(t)
	for seed := range uint64(6) {
		key := fmt.Sprintf("seed %d", seed)
		random := rand.New(rand.NewPCG(seed, 1))
		var m model
		var now time.Duration
		let, refused := 0, 0
		for step := range 60 {
			pause := time.Duration(random.IntN(90))*time.Second + 500*time.Millisecond
			if random.IntN(12) == 0 {
				pause *= 20
			}
			pass(t, admin, key, pause)
			now += pause
			want := m.spend(now)
			got, err := d.Spend(t.Context(), key, fiveInFive, tenInHour)
			must(t, err)
			if (got == 0) != (want == 0) {
				t.Fatalf("seed %d, step %d at %s: waits %s, want %s; let through at %v", seed, step, now, got, want, m.hits)
			}
			// The test itself takes a moment, in which the wait gets shorter; below a second it is said to be one.
			if slow := 3 * time.Second; got > 0 && (got > max(want, time.Second)+time.Second || got < want-slow) {
				t.Fatalf("seed %d, step %d at %s: waits %s, want about %s", seed, step, now, got, want)
			}
			if got == 0 {
				let++
			} else {
				refused++
			}
		}
		if let < 10 || refused < 10 {
			t.Errorf("seed %d tests little: %d let through, %d refused", seed, let, refused)
		}
	}
}

// TestSpendAtItsEdges: five, then none until the first of them is five minutes ago; ten in the hour.
func TestSpendAtItsEdges(t *testing.T) {
	t.Parallel()
	d, admin := open(t)
	spend := func(let bool) time.Duration {
		t.Helper()
		wait, err := d.Spend(t.Context(), "edge", fiveInFive, tenInHour)
		must(t, err)
		if (wait == 0) != let {
			t.Fatalf("waits %s, want to be let through: %v", wait, let)
		}
		return wait
	}
	for range 5 {
		spend(true)
	}
	for range 20 { // refused hits are not counted, or the window would never open again
		if wait := spend(false); wait > 5*time.Minute || wait < 4*time.Minute+50*time.Second {
			t.Fatalf("waits %s, want about five minutes", wait)
		}
	}
	pass(t, admin, "edge", 4*time.Minute+30*time.Second)
	spend(false)
	pass(t, admin, "edge", 30*time.Second)
	for range 5 {
		spend(true)
	}
	if wait := spend(false); wait > 55*time.Minute || wait < 54*time.Minute {
		t.Fatalf("waits %s, want about 55 minutes: ten in the hour are used up", wait)
	}
	pass(t, admin, "edge", 56*time.Minute)
	for range 5 {
		spend(true)
	}
	spend(false)
}

// TestSpendAtOnce: of many at once, on two instances, exactly the budget is let through.
func TestSpendAtOnce(t *testing.T) {
	t.Parallel()
	d, _ := open(t)
	var let atomic.Int64
	var done sync.WaitGroup
	for range 50 {
		done.Go(func() {
			wait, err := d.Spend(t.Context(), "crowd", fiveInFive, tenInHour)
			if err != nil {
				t.Error(err)
			}
			if wait == 0 {
				let.Add(1)
			}
		})
	}
	done.Wait()
	if let.Load() != 5 {
		t.Errorf("%d of 50 were let through, want 5", let.Load())
	}
	wait, err := d.Spend(t.Context(), "somebody else", fiveInFive, tenInHour)
	must(t, err)
	if wait != 0 {
		t.Errorf("another key waits %s", wait)
	}
}

// TestForgive: what turned out right is given back, one for one, also where somebody was refused in between.
func TestForgive(t *testing.T) {
	t.Parallel()
	d, admin := open(t)
	spend := func() bool {
		wait, err := d.Spend(t.Context(), "key", fiveInFive, tenInHour)
		must(t, err)
		return wait == 0
	}
	must(t, d.Forgive(t.Context(), "key")) // nobody has hit it yet
	for range 5 {
		if !spend() {
			t.Fatal("refused within the budget")
		}
	}
	if spend() {
		t.Fatal("let through beyond the budget")
	}
	must(t, d.Forgive(t.Context(), "key"))
	if !spend() {
		t.Error("the hit that was given back is not free")
	}
	if spend() {
		t.Error("more than one hit was given back")
	}
	for range 9 {
		must(t, d.Forgive(t.Context(), "key"))
	}
	if n := value[int](t, admin, `SELECT count(h) FROM rate_limits, unnest(hits) h`); n != 0 {
		t.Errorf("%d hits are left", n)
	}
	if !spend() {
		t.Error("refused with an empty budget")
	}
}

// TestDeleteEndedKeepsBudgets: tidying up takes away what no longer counts and nothing else.
func TestDeleteEndedKeepsBudgets(t *testing.T) {
	t.Parallel()
	d, admin := open(t)
	for _, key := range []string{"young", "old"} {
		_, err := d.Spend(t.Context(), key, fiveInFive, tenInHour)
		must(t, err)
	}
	pass(t, admin, "young", 59*time.Minute)
	pass(t, admin, "old", 61*time.Minute)
	must(t, d.DeleteEnded(t.Context()))
	if keys := value[[]string](t, admin, `SELECT array_agg(key) FROM rate_limits`); len(keys) != 1 || keys[0] != "young" {
		t.Errorf("kept %v", keys)
	}
}
