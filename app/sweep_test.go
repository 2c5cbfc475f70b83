package app

import (
	"testing"
	"time"

	"muster/db"
	"muster/org"
)

// TestSweepAsksUnderTheLock: whom a batch was to remove is looked up before the organization is locked. Who has set up a
// factor in between stays; who is found behind the pass goes.
func TestSweepAsksUnderTheLock(t *testing.T) {
	t.Parallel()
	a, admin := open(t, "")
	owner, _ := a.person(t, "olivia", true)
	made, err := a.CreateOrganization(owner, CreateOrganizationInput{Slug: "acme", Name: "Acme"})
	must(t, err)
	id := made.Organization.ID
	_, ann := a.person(t, "ann", false)
	_, bob := a.person(t, "bob", false)
	members := map[string]string{"ann": a.member(t, id, ann, org.RoleMember), "bob": a.member(t, id, bob, org.RoleMember)}
	on, err := a.SetRequire2FA(owner, SetRequire2FAInput{OrganizationID: id, Required: true})
	must(t, err)
	sweep, err := a.DB.ClaimSweep(t.Context(), on.Sweep.ID, "me")
	must(t, err)

	b := batches{app: a, sweep: sweep, holder: "me", size: 50, after: "mem_zzz"} // behind everybody
	if more, err := b.next(t.Context()); err != nil || !more || b.after != "" {
		t.Fatalf("with members behind the pass: more %v, from %q, %v; want a second pass from the first", more, b.after, err)
	}
	ids, err := a.DB.NonCompliant(t.Context(), id, "", 50)
	must(t, err)
	if len(ids) != 2 {
		t.Fatalf("%v are to be removed, want ann and bob", ids)
	}
	a.tx(t, func(tx *db.Tx) error {
		f := &org.Authenticator{ID: db.NewID(db.AuthenticatorID), UserID: ann.ID, Kind: org.KindTOTP, Name: "App"}
		if err := tx.AddAuthenticator(t.Context(), f, "ses"); err != nil {
			return err
		}
		_, err := tx.ConfirmAuthenticator(t.Context(), f.ID)
		return err
	})
	goesOn, held, err := a.sweepBatch(t.Context(), sweep, "me", ids)
	must(t, err)
	if !goesOn || held <= 0 {
		t.Errorf("goes on %v after %s, want it to go on after some time", goesOn, held)
	}
	for name, want := range map[string]string{"ann": "ACTIVE", "bob": "REMOVED_FOR_2FA"} {
		if n := count(t, admin, `SELECT count(*) FROM members WHERE id = $1 AND status = $2`, members[name], want); n != 1 {
			t.Errorf("%s is not %s", name, want)
		}
	}
	if more, err := b.next(t.Context()); err != nil || more {
		t.Fatalf("with nobody left: more %v, %v", more, err)
	}
	if now, err := a.DB.Sweep(t.Context(), sweep.ID); err != nil || now.State != org.SweepDone || now.Done != 1 || now.Total != 1 {
		t.Errorf("the sweep is %+v, %v; want it done with one", now, err)
	}
	if goesOn, held, err := a.sweepBatch(t.Context(), sweep, "somebody else", ids); err != nil || goesOn || held != 0 {
		t.Errorf("who does not hold the sweep went on: %v, %s, %v", goesOn, held, err)
	}
}

// TestSweepEndsWithNobodyLeft: somebody who could not be mailed gets an address after those who are left were counted, and before
// the sweep has the organization to end. It goes on, and removes them too.
func TestSweepEndsWithNobodyLeft(t *testing.T) {
	t.Parallel()
	a, admin := open(t, "")
	owner, _ := a.person(t, "olivia", true)
	made, err := a.CreateOrganization(owner, CreateOrganizationInput{Slug: "acme", Name: "Acme"})
	must(t, err)
	id := made.Organization.ID
	_, ann := a.person(t, "ann", false)
	a.member(t, id, ann, org.RoleMember)
	_, err = admin.Exec(t.Context(), `UPDATE users SET email = NULL, email_verified_at = NULL, issuer = 'https://idp.example' WHERE id = $1`, ann.ID)
	must(t, err)
	on, err := a.SetRequire2FA(owner, SetRequire2FAInput{OrganizationID: id, Required: true})
	must(t, err)
	sweep, err := a.DB.ClaimSweep(t.Context(), on.Sweep.ID, "me")
	must(t, err)

	held, err := admin.Begin(t.Context())
	must(t, err)
	_, err = held.Exec(t.Context(), `SELECT FROM organizations WHERE id = $1 FOR UPDATE`, id)
	must(t, err)
	_, err = held.Exec(t.Context(), `UPDATE users SET email = 'ann@example.com', email_verified_at = now() WHERE id = $1`, ann.ID)
	must(t, err)
	b := batches{app: a, sweep: sweep, holder: "me", size: 50}
	goesOn, failed := false, make(chan error)
	go func() {
		var err error
		goesOn, err = b.next(t.Context())
		failed <- err
	}()
	for waits := 0; waits == 0; {
		must(t, held.QueryRow(t.Context(), `
SELECT count(*) FROM pg_locks l JOIN pg_stat_activity s USING (pid) WHERE NOT l.granted AND s.datname = current_database()`).Scan(&waits))
	}
	must(t, held.Commit(t.Context()))
	must(t, <-failed)
	if !goesOn {
		t.Fatal("the sweep has ended with somebody to remove")
	}
	for goesOn {
		goesOn, err = b.next(t.Context())
		must(t, err)
	}
	if now, err := a.DB.Sweep(t.Context(), sweep.ID); err != nil || now.State != org.SweepDone || now.Done != 1 || now.Failed != 0 {
		t.Errorf("the sweep is %+v, %v; want it done with one", now, err)
	}
}

// TestBatchesKeepTheirPace: a batch that held the organization for too long is followed by a smaller one, a quick one by one
// that is larger, up to what the operator allows and by no more than double.
func TestBatchesKeepTheirPace(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		size int
		held time.Duration
		most int
		want int
	}{
		{500, 120 * time.Millisecond, 500, 375},
		{200, 50 * time.Millisecond, 500, 360},
		{200, 90 * time.Millisecond, 500, 200},
		{200, time.Millisecond, 500, 400},
		{400, time.Millisecond, 500, 500},
		{500, 10 * time.Second, 500, 100},
		{100, 10 * time.Second, 500, 100},
		{7, time.Millisecond, 500, 100},
		{2, 10 * time.Second, 2, 2},
		{100, 0, 500, 200},
	} {
		if got := paced(c.size, c.held, c.most); got != c.want {
			t.Errorf("after %d in %s comes a batch of %d, want %d of at most %d", c.size, c.held, got, c.want, c.most)
		}
	}
}
