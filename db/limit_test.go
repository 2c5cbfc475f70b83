package db_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"muster/db"
	"muster/db/dbtest"
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

// TestLimiterAgainstModel compares the limiter with the model over ten thousand random steps, on two connections: time goes
// by, hits are counted, looked at, given back and tidied away, and several come at once. Pauses are whole minutes, so
// that the real time that the test takes decides nothing. A failure prints the seed with which it can be repeated.
func TestLimiterAgainstModel(t *testing.T) {
	t.Parallel()
	url := dbtest.URL(t)
	admin := dbtest.Admin(t, url)
	var instances [2]*db.DB
	for i := range instances {
		opened, err := db.Open(context.WithoutCancel(t.Context()), url)
		must(t, err)
		t.Cleanup(opened.Close)
		instances[i] = opened
	}
	let, refused, keys := 0, 0, 0
	rapid.Check(t, func(r *rapid.T) {
		keys++
		key := fmt.Sprintf("key %d", keys)
		var m model
		var now time.Duration
		// The test itself takes a moment, in which a wait gets shorter; below a second it is said to be one.
		near := func(what string, got, want time.Duration) {
			if (got == 0) != (want == 0) || got > 0 && (got > max(want, time.Second)+time.Second || got < want-30*time.Second) {
				r.Fatalf("%s at %s: waits %s, want %s; let through at %v", what, now, got, want, m.hits)
			}
		}
		for range 100 {
			d := instances[rapid.IntRange(0, 1).Draw(r, "instance")]
			switch step := rapid.IntRange(0, 19).Draw(r, "step"); {
			case step < 8:
				pause := time.Duration(rapid.IntRange(1, 3).Draw(r, "minutes")) * time.Minute
				if step == 0 {
					pause *= 20
				}
				pass(t, admin, key, pause)
				now += pause
			case step < 15:
				want := m.spend(now)
				got, err := d.Spend(t.Context(), key, fiveInFive, tenInHour)
				must(t, err)
				near("spend", got, want)
				if got == 0 {
					let++
				} else {
					refused++
				}
			case step < 16:
				got, err := d.Wait(t.Context(), key, fiveInFive, tenInHour)
				must(t, err)
				near("look", got, (&model{hits: slices.Clone(m.hits)}).spend(now))
			case step < 17:
				must(t, d.Forgive(t.Context(), key))
				if n := len(m.hits); n > 0 {
					m.hits = m.hits[:n-1]
				}
			case step < 18:
				must(t, d.DeleteEnded(t.Context()))
			default:
				var got atomic.Int64
				var done sync.WaitGroup
				want := int64(0)
				for i := range 4 {
					if m.spend(now) == 0 {
						want++
					}
					done.Go(func() {
						wait, err := instances[i%2].Spend(t.Context(), key, fiveInFive, tenInHour)
						if err != nil {
							t.Error(err)
						}
						if wait == 0 {
							got.Add(1)
						}
					})
				}
				done.Wait()
				if got.Load() != want {
					r.Fatalf("at %s %d of four at once were let through, want %d; %v", now, got.Load(), want, m.hits)
				}
			}
		}
	})
	if let < 500 || refused < 500 {
		t.Errorf("it tests little: %d let through, %d refused", let, refused)
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
