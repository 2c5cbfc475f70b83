package app

import (
	"context"
	"errors"
	"sync"
	"testing"

	"muster/db"
	"muster/org"
)

// TestOneConnection: with a pool of one connection every change still comes to its end, so no query of a transaction goes
// past it: such a query would wait for the connection that its own transaction holds.
func TestOneConnection(t *testing.T) {
	t.Parallel()
	a, _ := open(t, "&pool_max_conns=1")
	within(t, "the story", func() {
		owner, _ := a.person(t, "olivia", true)
		made, err := a.CreateOrganization(owner, CreateOrganizationInput{Slug: "acme", Name: "Acme"})
		must(t, err)
		id := made.Organization.ID
		team, err := a.CreateTeam(owner, CreateTeamInput{OrganizationID: id, Slug: "core", Name: "Core"})
		must(t, err)
		_, err = a.UpdateNotificationSettings(owner, UpdateNotificationSettingsInput{OrganizationID: id, Security: ptr(false)})
		must(t, err)
		invited, err := a.InviteMember(owner, InviteMemberInput{OrganizationID: id, Email: "ivan@example.com", Role: org.RoleMember, TeamIDs: []string{team.Team.ID}})
		must(t, err)
		_, err = a.ResendInvite(owner, ResendInviteInput{MemberID: invited.Member.ID})
		must(t, err)
		link, err := a.DB.LinkOf(owner, invited.Member.ID)
		must(t, err)
		ivan, _ := a.person(t, "ivan", false)
		accepted, err := a.AcceptInvite(ivan, AcceptInviteInput{Token: a.Keys.Link(link.Nonce)})
		must(t, err)
		if accepted.Member == nil || accepted.Member.Status != org.StatusActive {
			t.Fatalf("ivan is not a member: %+v", accepted)
		}
		_, err = a.ChangeMemberRole(owner, ChangeMemberRoleInput{MemberID: accepted.Member.ID, Role: org.RoleManager})
		must(t, err)
		_, err = a.RemindMembersWithout2FA(owner, RemindMembersWithout2FAInput{OrganizationID: id})
		must(t, err)
		on, err := a.SetRequire2FA(owner, SetRequire2FAInput{OrganizationID: id, Required: true})
		must(t, err)
		_, err = a.runSweep(t.Context(), on.Sweep.ID)
		must(t, err)
		must(t, a.cleanUp(t.Context()))
		again := a.as(t, "ivan")
		_, err = a.EnrollTOTP(again, EnrollTOTPInput{Name: "App"})
		if !errors.Is(err, org.Refuse(org.CodeMailboxProofRequired, "")) {
			t.Errorf("got %v, want to have to prove the mailbox", err)
		}
		_, err = a.RemoveMember(owner, RemoveMemberInput{MemberID: accepted.Member.ID})
		must(t, err)
		_, err = a.SignOut(owner, SignOutInput{Everywhere: true})
		must(t, err)
	})
}

// TestAChangeLeavesATrace: a change that forgot its entry does not happen, at any of the doors.
func TestAChangeLeavesATrace(t *testing.T) {
	t.Parallel()
	a, _ := open(t, "")
	owner, _ := a.person(t, "olivia", true)
	made, err := a.CreateOrganization(owner, CreateOrganizationInput{Slug: "acme", Name: "Acme"})
	must(t, err)
	id := made.Organization.ID
	rename := func(ctx context.Context, tx *db.Tx) error {
		return tx.UpdateOrganization(ctx, &org.Organization{ID: id, Slug: "renamed", Name: "Renamed"})
	}
	err = a.change(owner, id, org.ManageSettings, func(c *change) error { return rename(owner, c.Tx) })
	if !errors.Is(err, errUnlogged) {
		t.Errorf("change: got %v, want errUnlogged", err)
	}
	err = a.changeAccount(owner, func(c *accountChange) error { return rename(owner, c.Tx) })
	if !errors.Is(err, errUnlogged) {
		t.Errorf("changeAccount: got %v, want errUnlogged", err)
	}
	err = a.account(owner, func(tx *db.Tx) (*org.SecurityEvent, error) {
		return &org.SecurityEvent{ID: db.NewID(db.SecurityEventID), UserID: "nobody"}, rename(owner, tx)
	})
	if err == nil {
		t.Error("account: went through though its event could not be written")
	}
	o, err := a.DB.Organization(owner, id)
	must(t, err)
	if o.Slug != "acme" || o.AuditSeq != 1 {
		t.Errorf("a change without a trace happened: %+v", o)
	}
}

// Two accounts each take the address that the other only claims, at once: PostgreSQL ends the circle, and both have what they
// have proved.
func TestAddressesAreSwapped(t *testing.T) {
	t.Parallel()
	a, admin := open(t, "")
	ann, _ := a.person(t, "ann", false)
	bob, _ := a.person(t, "bob", false)
	var waiting, done sync.WaitGroup
	waiting.Add(2)
	for ctx, email := range map[context.Context]string{ann: "bob@example.com", bob: "ann@example.com"} {
		done.Go(func() {
			var once sync.Once
			if err := a.changeAccount(ctx, func(c *accountChange) error {
				once.Do(func() { // each holds its own account now
					waiting.Done()
					waiting.Wait()
				})
				return a.moveAddress(ctx, c, email)
			}); err != nil {
				t.Errorf("to %s: %v", email, err)
			}
		})
	}
	done.Wait()
	if n := count(t, admin, `SELECT count(*) FROM users WHERE name || ' ' || email IN ('ann bob@example.com', 'bob ann@example.com') AND email_verified_at IS NOT NULL`); n != 2 {
		t.Errorf("%d accounts have the address that they proved, want both", n)
	}
}
