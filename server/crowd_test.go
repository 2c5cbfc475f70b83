package main

import (
	"testing"
)

// The demo's large organization is there at once, with figures, a past and a log that fit each other, and once.
func TestCrowd(t *testing.T) {
	t.Parallel()
	const members = 2000
	m := start(t)
	if done, err := m.App.SeedCrowd(t.Context(), members); done || err != nil {
		t.Fatalf("without a demo: %v, %v", done, err)
	}
	demo, err := m.App.SeedDemo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{true, false} {
		if done, err := m.App.SeedCrowd(t.Context(), members); done != want || err != nil {
			t.Fatalf("the call number %d: %v, %v", i+1, done, err)
		}
	}
	owner := &person{m: m, Name: "Olivia", Email: demo.Owner, Password: demo.Accounts[0].Password}
	m.exec(t, `DELETE FROM credentials WHERE user_id IN (SELECT user_id FROM authenticators) AND user_id <> (SELECT id FROM users WHERE email = $1)`, owner.Email)
	m.exec(t, `UPDATE authenticators SET confirmed_at = NULL, removed_at = now(), was_confirmed_at = now() WHERE user_id = (SELECT id FROM users WHERE email = $1)`, owner.Email)
	owner.signIn(t) // without the second factor, whose seed the test does not have
	var out struct {
		Organization struct {
			MemberCounts struct{ Active, With2FA, Invited, RemovedFor2FA int }
			Members      struct {
				Nodes []struct {
					Name  *string
					Teams []struct{ Slug string }
				}
				TotalCount int
			}
			Teams             []struct{ Slug string }
			ComplianceHistory []struct{ Active, With2FA int }
			AuditSequence     int
		}
	}
	owner.do(t, `{ organization(slug: "globex") { memberCounts { active with2FA invited removedFor2FA } auditSequence teams { slug }
  members(first: 100) { nodes { name teams { slug } } totalCount } complianceHistory(days: 366) { active with2FA } } }`, nil, &out)
	o := out.Organization
	// Of the 1999 beside the owner every fiftieth is invited: 39. With the owner 1961 are active.
	if c := o.MemberCounts; c.Active != 1961 || c.Invited != 39 || c.RemovedFor2FA != 0 || c.With2FA < 1961/2 || c.With2FA > 1961*4/5 || o.Members.TotalCount != members {
		t.Errorf("there are %+v, and %d in all", c, o.Members.TotalCount)
	}
	if len(o.Members.Nodes) != 100 || len(o.Members.Nodes[50].Teams) != 1 || len(o.Teams) != 12 {
		t.Errorf("%d members on a page, the fiftieth in %v, of %d teams", len(o.Members.Nodes), o.Members.Nodes[50].Teams, len(o.Teams))
	}
	if o.AuditSequence != 1+12+1999 {
		t.Errorf("the log ends at %d, want %d", o.AuditSequence, 1+12+1999)
	}
	if n := len(o.ComplianceHistory); n != 91 {
		t.Fatalf("the history has %d days, want 90 and today", n)
	}
	for i, day := range o.ComplianceHistory[1:] {
		if before := o.ComplianceHistory[i]; day.Active <= before.Active-1 || day.With2FA > day.Active {
			t.Errorf("day %d has %+v after %+v", i+1, day, before)
		}
	}
}
