package db_test

import (
	"fmt"
	"testing"
)

// TestSessionsLookAtNobodyElse: what every request begins with costs the same for whoever came last, also where few are signed in of
// many who have an account.
func TestSessionsLookAtNobodyElse(t *testing.T) {
	t.Parallel()
	d, admin := open(t)
	const n, signedIn = 20_000, 40
	o := addOrganization(t, d, "acme")
	exec(t, admin, `INSERT INTO users (id, name, email) SELECT 'usr_' || lpad(n::text, 9, '0'), 'Person ' || n, n || '@people.example' FROM generate_series(1, $1::int) n`, n)
	exec(t, admin, `
INSERT INTO members (id, organization_id, user_id, role, status) SELECT 'mem_' || lpad(n::text, 9, '0'), $1, 'usr_' || lpad(n::text, 9, '0'), 'MEMBER', 'ACTIVE'
  FROM generate_series(1, $2::int) n`, o, n)
	signIn := func(from, to int) {
		exec(t, admin, `
INSERT INTO sessions (id, user_id, token_hash, began_by, fresh_by, expires_at)
SELECT 'ses_' || n, 'usr_' || lpad(n::text, 9, '0'), sha256(n::text::bytea), 'PASSWORD', 'PASSWORD', now() + interval '1 day' FROM generate_series($1::int, $2::int) n`, from, to)
	}
	signIn(1, signedIn)
	exec(t, admin, `VACUUM ANALYZE sessions, users, members, organizations`)
	signIn(n, n)
	for _, who := range []int{1, signedIn / 2, n} {
		looks, plan, err := d.LooksForSession(t.Context(), value[[]byte](t, admin, `SELECT sha256($1::text::bytea)`, fmt.Sprint(who)), "acme")
		must(t, err)
		if looks > 30 {
			t.Errorf("%d looks for the session of account %d: %s", looks, who, plan)
		}
		t.Logf("%d looks for the session of account %d", looks, who)
	}
}
