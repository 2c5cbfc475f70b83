package db_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"muster/db"
)

// Who waits for an organization has it before whoever comes later, also where those who held it want it again at once, as the
// next batch of a sweep does, and whether one is wanted or several.
func TestOrganizationsAreHadInTurn(t *testing.T) {
	t.Parallel()
	for name, lock := range map[string]func(ctx context.Context, tx *db.Tx, id string) error{
		"one": func(ctx context.Context, tx *db.Tx, id string) error {
			_, err := tx.LockOrganization(ctx, id)
			return err
		},
		"several": func(ctx context.Context, tx *db.Tx, id string) error {
			_, err := tx.LockOrganizations(ctx, []string{id})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, admin := open(t)
			id := addOrganization(t, d, "acme")
			for range 5 {
				if had, want := inTurn(t, d, admin, id, lock), []string{"first", "second", "again"}; !slices.Equal(had, want) {
					t.Fatalf("the organization was had in the order %v, want %v", had, want)
				}
			}
		})
	}
}

// inTurn is in which order an organization is had by two who wait for it, and by who holds it and wants it again at once.
func inTurn(t *testing.T, d *db.DB, admin *pgx.Conn, id string, lock func(ctx context.Context, tx *db.Tx, id string) error) (had []string) {
	t.Helper()
	var mu sync.Mutex
	var all sync.WaitGroup
	write := func(who string, meanwhile func()) error {
		return d.InTx(t.Context(), func(tx *db.Tx) error {
			if err := lock(t.Context(), tx, id); err != nil {
				return err
			}
			mu.Lock()
			had = append(had, who)
			mu.Unlock()
			if meanwhile != nil {
				meanwhile()
			}
			return tx.Reminded(t.Context(), id) // a new version of the row
		})
	}
	must(t, write("", func() {
		had = nil
		for i, who := range []string{"first", "second"} {
			all.Go(func() {
				if err := write(who, nil); err != nil {
					t.Error(err)
				}
			})
			eventually(t, fmt.Sprint(who, " waits"), func() bool {
				return value[int](t, admin, `SELECT count(DISTINCT pid) FROM pg_locks l WHERE NOT granted AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database())`) == i+1
			})
		}
	}))
	must(t, write("again", nil))
	all.Wait()
	return had
}
