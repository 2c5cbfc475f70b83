package db_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"muster/db/dbtest"
)

// standingChanges are what can happen to an account $2 and its places in an organization $1; $3 is a fresh id.
var standingChanges = map[string]string{
	"join":   `INSERT INTO members (id, organization_id, user_id, role, status) VALUES ($3, $1, $2, 'MEMBER', 'ACTIVE')`,
	"invite": `INSERT INTO members (id, organization_id, email, role, status, two_factor) SELECT $3, $1, $3, 'MEMBER', 'INVITED', 'SECURE' WHERE $2 <> ''`,
	"accept": `UPDATE members SET user_id = $2, email = NULL, status = 'ACTIVE'
 WHERE id = (SELECT min(id) FROM members WHERE organization_id = $1 AND status = 'INVITED' AND id <> $3)`,
	"move":      `UPDATE members SET user_id = $2 WHERE id = (SELECT max(id) FROM members WHERE organization_id = $1 AND status <> 'INVITED' AND id <> $3)`,
	"leave":     `DELETE FROM members WHERE organization_id = $1 AND user_id = $2 AND id <> $3`,
	"remove":    `UPDATE members SET status = 'REMOVED_FOR_2FA', removed_at = now(), reinstatable_until = now() WHERE organization_id = $1 AND user_id = $2 AND id <> $3`,
	"tamper":    `UPDATE members SET two_factor = 'tampered' WHERE organization_id = $1 AND user_id = $2 AND id <> $3`,
	"gain":      `INSERT INTO authenticators (id, user_id, kind, name, confirmed_at) SELECT $3, $2, (ARRAY['TOTP', 'PHONE', 'SECURITY_KEY'])[1 + length($3) % 3], 'x', now() WHERE $1 <> ''`,
	"rename":    `UPDATE users SET name = $3 WHERE id = $2 AND $1 <> $3`,
	"readdress": `UPDATE users SET email = CASE WHEN length($3) % 3 > 0 THEN $3 END WHERE id = $2 AND $1 <> $3`,
	"correct":   `UPDATE members SET email = $3 WHERE id = (SELECT min(id) FROM members WHERE organization_id = $1 AND status = 'INVITED' AND $2 <> $3)`,
	"lose":      `DELETE FROM authenticators WHERE user_id = $2 AND $1 <> $3`,
}

// TestCopiesOfAccountsAreTheAccounts: whatever happens to accounts and places, in whatever order and at the same time, a member's
// copies of 2FA state, name and address are the account's in the end, also where nobody takes a lock; and where locks are taken in the order that they
// always are, nothing waits for what waits for it.
func TestCopiesOfAccountsAreTheAccounts(t *testing.T) {
	t.Parallel()
	for _, locked := range []bool{true, false} {
		t.Run(fmt.Sprintf("locked %v", locked), func(t *testing.T) {
			t.Parallel()
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			d, admin := open(t)
			organizations := []string{addOrganization(t, d, "one"), addOrganization(t, d, "two"), addOrganization(t, d, "three")}
			const people, writers, steps = 5, 6, 150
			for n := range people {
				exec(t, admin, `INSERT INTO users (id, name) VALUES ($1, $1)`, fmt.Sprintf("usr_%d", n))
			}
			names := slices.Sorted(maps.Keys(standingChanges))
			did, lock := map[string]int{}, sync.Mutex{}
			change := func(ctx context.Context, what, organization, user, id string) error {
				return pgx.BeginFunc(ctx, d.Pool(), func(tx pgx.Tx) error {
					if locked { // all that the person could be in, and the person
						if _, err := tx.Exec(ctx, `SELECT FROM organizations ORDER BY id FOR NO KEY UPDATE`); err != nil {
							return err
						}
						if _, err := tx.Exec(ctx, `SELECT FROM users WHERE id = $1 FOR NO KEY UPDATE`, user); err != nil {
							return err
						}
					}
					tag, err := tx.Exec(ctx, standingChanges[what], organization, user, id)
					if err == nil && tag.RowsAffected() > 0 {
						lock.Lock()
						did[what]++
						lock.Unlock()
					}
					return err
				})
			}
			var working sync.WaitGroup
			for writer := range writers {
				random := rand.New(rand.NewPCG(seed, uint64(writer)))
				working.Go(func() {
					for step := range steps {
						what, organization := names[random.IntN(len(names))], organizations[random.IntN(len(organizations))]
						err := change(t.Context(), what, organization, fmt.Sprintf("usr_%d", random.IntN(people)), fmt.Sprintf("new_%d_%d", writer, step))
						var refused *pgconn.PgError
						switch {
						case err == nil:
						case !errors.As(err, &refused), refused.Code == "40P01" && locked, refused.Code[:2] != "23" && refused.Code != "40P01":
							t.Errorf("%s: %v", what, err) // what constraints refuse happens; so do deadlocks, where nobody keeps an order
						}
					}
				})
			}
			working.Wait()
			for _, what := range names {
				if did[what] == 0 {
					t.Errorf("it never happened to %s: %v", what, did)
				}
			}
			t.Logf("%v", did)
			if wrong := value[[]string](t, admin, `SELECT coalesce(array_agg(s), '{}') FROM (`+dbtest.Miscounted+`) x (s) WHERE s LIKE '%copy%'`); len(wrong) > 0 {
				t.Errorf("seed %d: %v", seed, wrong)
			}
			exec(t, admin, `DELETE FROM members`) // without locks the kept figures, which every test is asked for at its end, are nobody's promise
			exec(t, admin, `UPDATE organizations SET active_count = 0, invited_count = 0, removed_count = 0, two_factor_count = 0`)
			exec(t, admin, `DELETE FROM compliance_days`)
		})
	}
}

// TestWhoJoinsWaitsForTheirAccount: somebody is brought in while their 2FA state and name change, without a lock that says so: the copies are
// what the account says in the end, and neither transaction has seen the other.
func TestWhoJoinsWaitsForTheirAccount(t *testing.T) {
	t.Parallel()
	d, admin := open(t)
	o := addOrganization(t, d, "one")
	exec(t, admin, `INSERT INTO users (id, name) VALUES ('ada', 'Ada')`)
	changing, err := d.Pool().Begin(t.Context())
	must(t, err)
	_, err = changing.Exec(t.Context(), `UPDATE users SET two_factor = 'SECURE', name = 'Augusta' WHERE id = 'ada'`)
	must(t, err)
	joined := make(chan error, 1)
	go func() {
		_, err := d.Pool().Exec(t.Context(), standingChanges["join"], o, "ada", "mem_ada")
		joined <- err
	}()
	eventually(t, "the join has come to an end or to a lock", func() bool {
		return len(joined) > 0 || value[int](t, admin, `SELECT count(*) FROM pg_locks WHERE NOT granted`) > 0
	})
	must(t, changing.Commit(t.Context()))
	must(t, <-joined)
	if copied := value[string](t, admin, `SELECT two_factor FROM members WHERE id = 'mem_ada'`); copied != "SECURE" {
		t.Errorf("the copy says %q, want SECURE", copied)
	}
	if copied := value[string](t, admin, `SELECT name FROM member_texts WHERE member_id = 'mem_ada'`); copied != "Augusta" {
		t.Errorf("found by %q, want Augusta", copied)
	}
}
