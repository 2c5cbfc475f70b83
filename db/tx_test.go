package db_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"muster/db"
	"muster/org"
)

// job is a job that nobody works on.
type job struct {
	Word string `json:"word"`
}

func (job) Kind() string { return "test" }

// everything writes through each of the three ways that a transaction has: Bun, pgx, and the queue of jobs.
func everything(ctx context.Context, tx *db.Tx, slug string) error {
	id := db.NewID(db.OrganizationID)
	return errors.Join(
		tx.CreateOrganization(ctx, &org.Organization{ID: id, Slug: slug, Name: slug}),             // Bun
		tx.CreateInvited(ctx, db.NewID(db.MemberID), id, slug+"@example.com", org.RoleMember, ""), // pgx
		tx.AddAuditEntries(ctx, id, []*org.AuditLogEntry{{Action: org.ActionOrgCreate}}),
		tx.Enqueue(ctx, job{slug}),
	)
}

const countEverything = `
SELECT (SELECT count(*) FROM organizations) + (SELECT count(*) FROM members) + (SELECT count(*) FROM audit_entries)
     + (SELECT count(*) FROM river_job)`

// TestInTx: Bun's statements, pgx's and jobs are one transaction: all of it or nothing.
func TestInTx(t *testing.T) {
	t.Parallel()
	for _, pool := range []string{"", "pool_max_conns=1"} {
		d, admin := openWith(t, pool)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		err := d.InTx(ctx, func(tx *db.Tx) error {
			must(t, everything(ctx, tx, "gone"))
			if n := value[int](t, admin, countEverything); n != 0 {
				t.Errorf("others see %d rows before the commit", n)
			}
			if _, err := tx.OrganizationBySlug(ctx, "gone"); err != nil {
				t.Errorf("pgx does not see what Bun wrote: %v", err)
			}
			return errStop
		})
		if !errors.Is(err, errStop) {
			t.Errorf("got %v, want the function's own error", err)
		}
		if n := value[int](t, admin, countEverything); n != 0 {
			t.Errorf("%d rows survived the rollback", n)
		}
		must(t, d.InTx(ctx, func(tx *db.Tx) error { return everything(ctx, tx, "kept") }))
		if n := value[int](t, admin, countEverything); n != 4 {
			t.Errorf("%d rows after the commit, want 4", n)
		}
	}
}

// TestInTxOfAPanic: a transaction that nobody ends must not keep its connection.
func TestInTxOfAPanic(t *testing.T) {
	t.Parallel()
	d, admin := openWith(t, "pool_max_conns=1")
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_ = d.InTx(t.Context(), func(tx *db.Tx) error {
			must(t, everything(t.Context(), tx, "gone"))
			panic("a programmer's mistake")
		})
	}()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	must(t, d.Ping(ctx))
	if n := value[int](t, admin, countEverything); n != 0 {
		t.Errorf("%d rows survived the panic", n)
	}
}

// TestInTxOfAFailedStatement: after a statement has failed nothing of the transaction is kept, even where its function
// overlooks the failure.
func TestInTxOfAFailedStatement(t *testing.T) {
	t.Parallel()
	d, admin := openWith(t, "pool_max_conns=1")
	addOrganization(t, d, "taken")
	err := d.InTx(t.Context(), func(tx *db.Tx) error {
		must(t, everything(t.Context(), tx, "gone"))
		taken := tx.CreateOrganization(t.Context(), &org.Organization{ID: db.NewID(db.OrganizationID), Slug: "taken"})
		if !errors.Is(taken, org.Refuse(org.CodeConflict, "")) {
			t.Errorf("a short name that is taken is %v", taken)
		}
		return nil
	})
	if err == nil {
		t.Error("the commit of a failed transaction was reported as done")
	}
	if n := value[int](t, admin, countEverything); n != 1 {
		t.Errorf("%d rows, want only the first organization", n)
	}
}

// TestInTxOfACancelledRequest: a request that ends at any point leaves nothing behind and the pool in order.
func TestInTxOfACancelledRequest(t *testing.T) {
	t.Parallel()
	d, admin := openWith(t, "pool_max_conns=2")
	points := []string{"before", "after a statement", "at the end"}
	for range 5 {
		for _, point := range points {
			ctx, cancel := context.WithCancel(t.Context())
			if point == "before" {
				cancel()
			}
			err := d.InTx(ctx, func(tx *db.Tx) error {
				if point == "after a statement" {
					must(t, tx.CreateOrganization(ctx, &org.Organization{ID: db.NewID(db.OrganizationID), Slug: "gone", Name: "x"}))
					cancel()
					return tx.Enqueue(ctx, job{"gone"})
				}
				must(t, everything(ctx, tx, "gone"))
				cancel()
				return nil
			})
			cancel()
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s: got %v, want it to be cancelled", point, err)
			}
		}
	}
	// A request that is cancelled while it waits for a lock.
	o := addOrganization(t, d, "locked")
	locked, release := make(chan struct{}), make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		err := d.InTx(t.Context(), func(tx *db.Tx) error {
			_, err := tx.LockOrganization(t.Context(), o)
			close(locked)
			<-release
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-locked
	ctx, cancel := context.WithCancel(t.Context())
	done.Go(func() {
		err := d.InTx(ctx, func(tx *db.Tx) error {
			_, err := tx.LockOrganization(ctx, o)
			return err
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v from the lock that was waited for, want it to be cancelled", err)
		}
	})
	eventually(t, "somebody waits for the lock", func() bool {
		return value[int](t, admin, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`) == 1
	})
	cancel()
	eventually(t, "nobody waits any more", func() bool {
		return value[int](t, admin, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`) == 0
	})
	close(release)
	done.Wait()

	for range 4 { // both connections, and more than once
		done.Go(func() {
			err := d.InTx(t.Context(), func(tx *db.Tx) error {
				must(t, everything(t.Context(), tx, db.NewID("slug")))
				return errStop
			})
			if !errors.Is(err, errStop) {
				t.Errorf("the pool is not in order: %v", err)
			}
		})
	}
	done.Wait()
	if n := value[int](t, admin, countEverything); n != 1 {
		t.Errorf("%d rows, want only the locked organization", n)
	}
	if n := value[int](t, admin, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'`); n != 0 {
		t.Errorf("%d transactions were left open", n)
	}
}

// TestIDs: an id tells its kind, is never given twice, and sorts by when it was made.
func TestIDs(t *testing.T) {
	t.Parallel()
	prefixes := []string{
		db.UserID, db.OrganizationID, db.MemberID, db.TeamID, db.ProjectID, db.AuditEntryID, db.SweepID, db.AuthenticatorID,
		db.SessionID, db.ChallengeID, db.PhoneCodeID, db.SecurityEventID,
	}
	seen := map[string]bool{}
	for _, prefix := range prefixes {
		last := ""
		for range 200 {
			id := db.NewID(prefix)
			if db.Kind(id) != prefix || seen[id] {
				t.Fatalf("%q is of kind %q, or was given before", id, db.Kind(id))
			}
			if id[:len(prefix)+9] < last { // prefix, underscore and the 40 highest bits of the time
				t.Errorf("%q sorts before %q", id, last)
			}
			seen[id], last = true, id[:len(prefix)+9]
		}
	}
	for _, id := range []string{
		"", "usr", "usr_", "usr_x", "_", "USR_01h455vb4pex5vsknk084sn02q", "usr_01h455vb4pex5vsknk084sn02", "usr_81h455vb4pex5vsknk084sn02q",
		"usr_01h455vb4pex5vsknk084sn02q\x00", "usr-01h455vb4pex5vsknk084sn02q", "01h455vb4pex5vsknk084sn02q",
	} {
		if kind := db.Kind(id); kind != "" {
			t.Errorf("%q is taken for an id of kind %q", id, kind)
		}
	}
}
