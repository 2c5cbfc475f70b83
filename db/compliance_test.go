package db_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"muster/db"
	"muster/org"
)

// TestMemberCountsAreKept: one statement may add, move and delete members of many organizations, and what changes nobody's
// standing does not touch the organization's row, which its writer may not have locked.
func TestMemberCountsAreKept(t *testing.T) {
	t.Parallel()
	d, admin := open(t)
	one, two := addOrganization(t, d, "one"), addOrganization(t, d, "two")
	check := func(step string, wantOne, wantTwo org.MemberCounts) {
		t.Helper()
		for id, want := range map[string]org.MemberCounts{one: wantOne, two: wantTwo} {
			got, err := d.MemberCounts(t.Context(), id)
			must(t, err)
			if diff := cmp.Diff(want, *got); diff != "" {
				t.Errorf("after %s (-want +got):\n%s", step, diff)
			}
			days, err := d.ComplianceHistory(t.Context(), id, 1)
			must(t, err)
			today := &org.ComplianceDay{}
			if len(days) > 0 { // else nobody has ever joined
				today = days[0]
			}
			if today.Active != want.Active || today.With2FA != want.With2FA || today.RemovedFor2FA != want.RemovedFor2FA {
				t.Errorf("after %s today says %+v, want %+v", step, today, want)
			}
		}
	}
	check("nothing", org.MemberCounts{}, org.MemberCounts{})
	exec(t, admin, `
INSERT INTO members (id, organization_id, email, role, status)
SELECT 'mem' || n, CASE WHEN n <= 300 THEN $1 ELSE $2 END, n || '@example.com', 'MEMBER', 'INVITED' FROM generate_series(1, 500) n`, one, two)
	check("inviting 500", org.MemberCounts{Invited: 300}, org.MemberCounts{Invited: 200})
	exec(t, admin, `DELETE FROM members WHERE id = ANY(SELECT 'mem' || n FROM generate_series(291, 320) n)`)
	check("deleting 30", org.MemberCounts{Invited: 290}, org.MemberCounts{Invited: 180})
	exec(t, admin, `INSERT INTO users (id, name, two_factor) SELECT 'u' || n, 'x', (ARRAY['DISABLED', 'INSECURE', 'SECURE'])[1 + n % 3] FROM generate_series(1, 500) n`)
	exec(t, admin, `UPDATE members SET status = 'ACTIVE', user_id = 'u' || substr(id, 4), email = NULL WHERE substr(id, 4)::int BETWEEN 1 AND 30 OR substr(id, 4)::int > 400`)
	// Of 1 to 30 every third has no factor; of 401 to 500, which has 33 multiples of three, 67 have one.
	check("joining", org.MemberCounts{Active: 30, With2FA: 20, Invited: 260}, org.MemberCounts{Active: 100, With2FA: 67, Invited: 80})
	exec(t, admin, `UPDATE users SET two_factor = 'SECURE' WHERE id IN ('u3', 'u402')`)
	exec(t, admin, `UPDATE users SET two_factor = 'INSECURE' WHERE id = 'u2'`) // from SECURE: a factor all the same
	check("two factors more", org.MemberCounts{Active: 30, With2FA: 21, Invited: 260}, org.MemberCounts{Active: 100, With2FA: 68, Invited: 80})
	exec(t, admin, `INSERT INTO members (id, organization_id, user_id, role, status) VALUES ('both', $1, 'u401', 'MEMBER', 'ACTIVE')`, one)
	exec(t, admin, `UPDATE users SET two_factor = 'DISABLED' WHERE id = 'u401'`) // 401 is 2 modulo 3: SECURE
	check("the loss of one in both", org.MemberCounts{Active: 31, With2FA: 21, Invited: 260}, org.MemberCounts{Active: 100, With2FA: 67, Invited: 80})
	exec(t, admin, `
UPDATE members SET status = 'REMOVED_FOR_2FA', removed_at = now(), reinstatable_until = now() WHERE status = 'ACTIVE'
   AND user_id IN (SELECT id FROM users WHERE two_factor = 'DISABLED')`)
	// 3 came by a factor: 9 of one's 10 are left, and the one of both; of two's 33, with 402 less and 401 more, 33.
	check("removing for 2FA", org.MemberCounts{Active: 21, With2FA: 21, Invited: 260, RemovedFor2FA: 10}, org.MemberCounts{Active: 67, With2FA: 67, Invited: 80, RemovedFor2FA: 33})
	exec(t, admin, `UPDATE users SET two_factor = 'SECURE' WHERE id = 'u401'`)
	check("a factor of who is removed", org.MemberCounts{Active: 21, With2FA: 21, Invited: 260, RemovedFor2FA: 10}, org.MemberCounts{Active: 67, With2FA: 67, Invited: 80, RemovedFor2FA: 33})
	must(t, d.InTx(t.Context(), func(tx *db.Tx) error { return tx.Reinstate(t.Context(), "both") }))
	check("a return", org.MemberCounts{Active: 22, With2FA: 22, Invited: 260, RemovedFor2FA: 9}, org.MemberCounts{Active: 67, With2FA: 67, Invited: 80, RemovedFor2FA: 33})

	version := func() string {
		return value[string](t, admin, `SELECT string_agg(xmin::text, ' ' ORDER BY id) FROM organizations`)
	}
	before := version()
	exec(t, admin, `UPDATE members SET role = 'ADMIN', last_seen_at = now()`)
	exec(t, admin, `UPDATE users SET name = 'y', two_factor = two_factor`)
	exec(t, admin, `DELETE FROM members WHERE id = 'nobody'`)
	if after := version(); after != before {
		t.Errorf("the organizations' rows were written although nobody's standing changed")
	}
	exec(t, admin, `DELETE FROM members`)
	check("the end", org.MemberCounts{}, org.MemberCounts{})
}

// TestComplianceHistory: a day without a change says what the newest one before it does, however long ago that was; today is
// the last, and nothing is said of days before the first change.
func TestComplianceHistory(t *testing.T) {
	t.Parallel()
	d, admin := open(t)
	o, other := addOrganization(t, d, "acme"), addOrganization(t, d, "other")
	addMembers(t, admin, o, "ada", "bo", "cy")
	addMembers(t, admin, other, "dan")
	exec(t, admin, `INSERT INTO authenticators (id, user_id, kind, name, confirmed_at) VALUES ('a1', 'ada', 'TOTP', 'x', now())`)
	remove(t, d, o, 1) // bo
	for daysAgo, figures := range map[int][3]int{400: {9, 1, 0}, 12: {7, 2, 0}, 5: {6, 3, 4}, 4: {6, 5, 0}} {
		exec(t, admin, `INSERT INTO compliance_days (organization_id, day, active, two_factor, removed)
			VALUES ($1, (clock_timestamp() AT TIME ZONE 'UTC')::date - $2::int, $3, $4, $5)`, o, daysAgo, figures[0], figures[1], figures[2])
	}
	today := value[time.Time](t, admin, `SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date`)
	history := func(organization string, days int) []string {
		t.Helper()
		found, err := d.ComplianceHistory(t.Context(), organization, days)
		must(t, err)
		said := []string{}
		for i, day := range found {
			if want := today.AddDate(0, 0, i+1-len(found)); !day.Day.Equal(want) {
				t.Errorf("day %d of %d is %s, want %s", i, len(found), day.Day, want)
			}
			said = append(said, fmt.Sprintf("%d %d %d", day.Active, day.With2FA, day.RemovedFor2FA))
		}
		return said
	}
	// 13 days: 12 days ago to today, where 3 joined of whom one has a factor and one was removed.
	want := []string{"9 1 0", "7 2 0", "7 2 0", "7 2 0", "7 2 0", "7 2 0", "7 2 0", "7 2 0", "6 3 4", "6 5 0", "6 5 0", "6 5 0", "6 5 0", "2 1 1"}
	if diff := cmp.Diff(want, history(o, 14)); diff != "" {
		t.Errorf("fourteen days (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want[11:], history(o, 3)); diff != "" {
		t.Errorf("three days (-want +got):\n%s", diff)
	}
	if got := history(o, 366); len(got) != 366 || got[0] != "9 1 0" {
		t.Errorf("a year begins with %s and has %d days", got[0], len(got))
	}
	if diff := cmp.Diff([]string{"1 0 0"}, history(other, 90)); diff != "" {
		t.Errorf("an organization of today (-want +got):\n%s", diff)
	}
	exec(t, admin, `DELETE FROM members WHERE id = 'mem cy'`)
	if got := history(o, 1); got[0] != "1 1 1" {
		t.Errorf("today is %s after a change, want 1 1 1", got[0])
	}
}
