package db_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"muster/db"
	"muster/org"
)

// TestTwoFactorIsKept: whatever happens to the authenticators of accounts, row by row or many at once, each account's
// state is that of its confirmed ones.
func TestTwoFactorIsKept(t *testing.T) {
	t.Parallel()
	d, admin := open(t)
	users := make([]string, 6)
	for i := range users {
		users[i] = addUser(t, d, fmt.Sprintf("u%d@example.com", i))
	}
	check := func(step string) {
		t.Helper()
		wrong := value[[]string](t, admin, `
SELECT coalesce(array_agg(u.email || ' is ' || u.two_factor), '{}') FROM users u WHERE u.two_factor <>
  CASE WHEN EXISTS (SELECT FROM authenticators a WHERE a.user_id = u.id AND confirmed_at IS NOT NULL AND kind IN ('TOTP', 'SECURITY_KEY')) THEN 'SECURE'
       WHEN EXISTS (SELECT FROM authenticators a WHERE a.user_id = u.id AND confirmed_at IS NOT NULL) THEN 'INSECURE' ELSE 'DISABLED' END`)
		if len(wrong) > 0 {
			t.Errorf("after %s: %v", step, wrong)
		}
	}
	state := func(i int, want string) {
		t.Helper()
		if got := value[string](t, admin, `SELECT two_factor FROM users WHERE id = $1`, users[i]); got != want {
			t.Errorf("account %d is %s, want %s", i, got, want)
		}
	}
	const insert = `INSERT INTO authenticators (id, user_id, kind, name, session_id, confirmed_at) SELECT u || '-' || $2, u, $2, 'x', u, $3 FROM unnest($1::text[]) u`
	exec(t, admin, insert, users, "TOTP", nil)
	check("starting an app for everybody")
	state(0, "DISABLED")
	exec(t, admin, insert, users[:4], "PHONE", time.Now())
	check("a phone for four")
	state(0, "INSECURE")
	state(5, "DISABLED")
	exec(t, admin, `UPDATE authenticators SET confirmed_at = now() WHERE kind = 'TOTP' AND user_id = ANY($1)`, users[2:])
	check("confirming the app of four")
	state(2, "SECURE")
	state(5, "SECURE")
	state(0, "INSECURE")
	exec(t, admin, `DELETE FROM authenticators WHERE kind = 'TOTP'`)
	check("removing all apps")
	state(2, "INSECURE")
	state(5, "DISABLED")
	exec(t, admin, insert, users[:1], "SECURITY_KEY", time.Now())
	check("a security key")
	state(0, "SECURE")
	exec(t, admin, `UPDATE authenticators SET confirmed_at = NULL WHERE kind = 'PHONE' AND user_id = $1`, users[1])
	state(1, "DISABLED")
	exec(t, admin, `DELETE FROM authenticators`)
	check("removing all")
	state(0, "DISABLED")
	exec(t, admin, `INSERT INTO recovery_codes (user_id, hash) VALUES ($1, 'x')`, users[0])
	state(0, "DISABLED") // a recovery code makes nobody compliant
}

// addMembers adds active members with accounts without 2FA, in order of their ids.
func addMembers(t *testing.T, admin *pgx.Conn, organizationID string, names ...string) {
	t.Helper()
	for _, name := range names {
		exec(t, admin, `INSERT INTO users (id, name, email) VALUES ($1, $1, $1 || '@example.com')`, name)
		exec(t, admin, `INSERT INTO members (id, organization_id, user_id, role, status) VALUES ('mem ' || $1, $2, $1, 'MEMBER', 'ACTIVE')`, name, organizationID)
	}
}

func remove(t *testing.T, d *db.DB, organizationID string, limit int) (removed []*db.Removed) {
	t.Helper()
	ids, err := d.NonCompliant(t.Context(), organizationID, "", limit)
	must(t, err)
	must(t, d.InTx(t.Context(), func(tx *db.Tx) (err error) {
		if _, err := tx.LockOrganization(t.Context(), organizationID); err != nil {
			return err
		}
		removed, err = tx.RemoveNonCompliant(t.Context(), organizationID, ids)
		return err
	}))
	return removed
}

// TestRemoveNonCompliant: exactly the active members without a factor who can be mailed, in order of joining, batch by
// batch, each with what the row keeps.
func TestRemoveNonCompliant(t *testing.T) {
	t.Parallel()
	d, admin := open(t)
	o, other := addOrganization(t, d, "acme"), addOrganization(t, d, "other")
	names := make([]string, 25)
	for i := range names {
		names[i] = fmt.Sprintf("p%02d", i)
	}
	shuffled := slices.Clone(names)
	const seed = 7
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	t.Logf("rows are stored in the order of seed %d", seed)
	addMembers(t, admin, o, shuffled...)
	addMembers(t, admin, o, "safe", "nomail", "phone", "gone")
	addMembers(t, admin, other, "stranger")
	exec(t, admin, `INSERT INTO authenticators (id, user_id, kind, name, confirmed_at) VALUES ('a1', 'safe', 'TOTP', 'x', now()), ('a2', 'phone', 'PHONE', 'x', now())`)
	exec(t, admin, `UPDATE users SET email = NULL WHERE id = 'nomail'`)
	exec(t, admin, `UPDATE members SET status = 'REMOVED_FOR_2FA', removed_at = '2026-01-01', reinstatable_until = '2026-04-01' WHERE id = 'mem gone'`)
	exec(t, admin, `INSERT INTO members (id, organization_id, email, role, status) VALUES ('mem invited', $1, 'i@example.com', 'MEMBER', 'INVITED')`, o)
	exec(t, admin, `INSERT INTO teams (id, organization_id, slug, name) VALUES ('t1', $1, 'web', 'Web'), ('t2', $1, 'core', 'Core')`, o)
	exec(t, admin, `INSERT INTO member_teams VALUES ($1, 'mem p03', 't1'), ($1, 'mem p03', 't2')`, o)
	exec(t, admin, `UPDATE members SET role = 'OWNER', notify_security = false WHERE id = 'mem p03'`)

	var got []string
	for _, want := range []int{10, 10, 5, 0} {
		removed := remove(t, d, o, 10)
		if len(removed) != want {
			t.Fatalf("a batch removed %d, want %d", len(removed), want)
		}
		for _, r := range removed {
			got = append(got, r.UserID)
			if r.ID != "mem "+r.UserID || r.Email != r.UserID+"@example.com" || r.Name != r.UserID {
				t.Errorf("%+v is mixed up", r)
			}
			if r.UserID == "p03" && (r.Role != org.RoleOwner || !slices.Equal(r.Teams, []string{"core", "web"})) {
				t.Errorf("%+v lost role or teams", r)
			}
			if r.UserID != "p03" && (r.Role != org.RoleMember || len(r.Teams) != 0) {
				t.Errorf("%+v has somebody else's role or teams", r)
			}
		}
	}
	if !slices.Equal(got, names) {
		t.Errorf("removed %v, want all in order of joining", got)
	}
	m, err := d.Member(t.Context(), "mem p03")
	must(t, err)
	if m.Status != org.StatusRemovedFor2FA || m.Role != org.RoleOwner || len(m.Teams) != 2 || m.NotificationSettings.Security || !m.NotificationSettings.Membership {
		t.Errorf("the row did not keep role, teams and settings: %+v", m)
	}
	untouched := value[[]string](t, admin, `SELECT array_agg(id ORDER BY id) FROM members WHERE status = 'ACTIVE'`)
	if !slices.Equal(untouched, []string{"mem nomail", "mem phone", "mem safe", "mem stranger"}) {
		t.Errorf("active are %v", untouched)
	}
	if !value[bool](t, admin, `SELECT reinstatable_until = '2026-04-01' FROM members WHERE id = 'mem gone'`) {
		t.Error("the window of somebody removed before was stretched")
	}
}

// TestWindowIsThreeCalendarMonths: in UTC, whatever time zone the server's sessions are in.
func TestWindowIsThreeCalendarMonths(t *testing.T) {
	t.Parallel()
	d, admin := openWith(t, "timezone=Pacific/Auckland")
	o := addOrganization(t, d, "acme")
	addMembers(t, admin, o, "ann")
	removed := remove(t, d, o, 10)
	if len(removed) != 1 {
		t.Fatalf("removed %d", len(removed))
	}
	m, err := d.Member(t.Context(), removed[0].ID)
	must(t, err)
	if !m.ReinstatableUntil.Equal(removed[0].ReinstatableUntil) {
		t.Errorf("the row says %s, the batch said %s", m.ReinstatableUntil, removed[0].ReinstatableUntil)
	}
	want := threeMonthsAfter(m.RemovedAt.UTC())
	if off := m.ReinstatableUntil.Sub(want); off < -time.Second || off > time.Second {
		t.Errorf("removed at %s, the window ends at %s, want %s", m.RemovedAt.UTC(), m.ReinstatableUntil.UTC(), want)
	}
	if ago := time.Since(*m.RemovedAt); ago < 0 || ago > patience {
		t.Errorf("removed %s ago", ago)
	}
}

// threeMonthsAfter is the same day three months later, or that month's last where it has no such day.
func threeMonthsAfter(t time.Time) time.Time {
	lastDay := time.Date(t.Year(), t.Month()+4, 0, 0, 0, 0, 0, time.UTC).Day()
	return time.Date(t.Year(), t.Month()+3, min(t.Day(), lastDay), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// TestLastDaysOfMonths tries the database's arithmetic, with the text of the statement that removes, at days that this
// year may not have in store.
func TestLastDaysOfMonths(t *testing.T) {
	t.Parallel()
	_, admin := openWith(t, "")
	exec(t, admin, `SET timezone = 'Pacific/Auckland'`)
	for from, want := range map[string]string{
		"2025-11-30T23:59:59Z": "2026-02-28T23:59:59Z",
		"2027-11-30T12:00:00Z": "2028-02-29T12:00:00Z",
		"2026-08-31T00:00:00Z": "2026-11-30T00:00:00Z",
		"2026-12-31T13:30:00Z": "2027-03-31T13:30:00Z",
		"2026-02-28T11:00:00Z": "2026-05-28T11:00:00Z",
	} {
		got := value[time.Time](t, admin, `SELECT ($1::timestamptz AT TIME ZONE 'UTC' + interval '3 months') AT TIME ZONE 'UTC'`, from).UTC().Format(time.RFC3339)
		if at, err := time.Parse(time.RFC3339, from); err != nil || got != want || threeMonthsAfter(at).Format(time.RFC3339) != want {
			t.Errorf("three months after %s is %s, want %s", from, got, want)
		}
	}
}

// TestLinkEndsWithTheWindow: the links of a batch end when the windows do, and the one before is dead.
func TestLinkEndsWithTheWindow(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	d, admin := open(t)
	o := addOrganization(t, d, "acme")
	addMembers(t, admin, o, "ann")
	removed := remove(t, d, o, 10)[0]
	set := func(fn func(ctx context.Context, tx *db.Tx) error) {
		t.Helper()
		must(t, d.InTx(ctx, func(tx *db.Tx) error { return fn(ctx, tx) }))
	}
	set(func(ctx context.Context, tx *db.Tx) error {
		return tx.SetLinks(ctx, []*db.Removed{removed}, [][]byte{[]byte("nonce")}, [][]byte{[]byte("first")})
	})
	link, err := d.LinkByToken(ctx, []byte("first"))
	must(t, err)
	if !link.ExpiresAt.Equal(removed.ReinstatableUntil) || link.Reason != org.ReasonRemovedFor2FA || link.Member.ID != removed.ID || string(link.Nonce) != "nonce" {
		t.Errorf("the link is %+v", link)
	}
	must(t, d.SetDelivery(ctx, removed.ID, []byte("first"), org.DeliverySent))
	set(func(ctx context.Context, tx *db.Tx) error {
		return tx.SetLink(ctx, db.NewLink{MemberID: removed.ID, Reason: org.ReasonRemovedFor2FA, Nonce: []byte("n2"), TokenHash: []byte("second"), ExpiresAt: &removed.ReinstatableUntil})
	})
	if _, err := d.LinkByToken(ctx, []byte("first")); err == nil {
		t.Error("the link that was replaced still lives")
	}
	must(t, d.SetDelivery(ctx, removed.ID, []byte("first"), org.DeliveryFailed)) // of the mail that is no longer of interest
	m, err := d.Member(ctx, removed.ID)
	must(t, err)
	if *m.InviteDelivery != org.DeliveryQueued || !m.InviteExpiresAt.Equal(removed.ReinstatableUntil) {
		t.Errorf("the new link's mail is %s and it ends at %s", *m.InviteDelivery, m.InviteExpiresAt)
	}
	exec(t, admin, `UPDATE invitations SET expires_at = clock_timestamp()`)
	if _, err := d.LinkOf(ctx, removed.ID); err == nil {
		t.Error("a link lives at the moment of its end")
	}
}
