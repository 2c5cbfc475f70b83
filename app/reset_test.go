package app

import (
	"errors"
	"strings"
	"testing"
	"time"

	"muster/db"
	"muster/org"
)

// unarm takes all authenticators of a person, and locks them out.
func (a *App) unarm(t *testing.T, userID string) error {
	t.Helper()
	allowed := func(*db.Tx) error { return nil }
	return a.changeAccountOf(t.Context(), userID, allowed, func(c *accountChange) error {
		have, err := c.Tx.Authenticators(t.Context(), userID)
		if err != nil {
			return err
		}
		for _, f := range have {
			if err := c.Tx.RemoveAuthenticator(t.Context(), userID, f.ID, ""); err != nil {
				return err
			}
		}
		c.event(org.EventAuthenticatorRemoved, "Lost everything.")
		return a.lockOut(t.Context(), c)
	})
}

// TestLockOut: who loses the last authenticator is removed where it is required, and nowhere else, with role and teams
// kept, a window of three months, an entry, a link and a mail; not from where the only owner with a factor would go.
func TestLockOut(t *testing.T) {
	t.Parallel()
	c := newCast(t)
	a, ctx := c.app, t.Context()
	open, err := a.CreateOrganization(c.owner, CreateOrganizationInput{Slug: "open", Name: "Open"})
	must(t, err)
	elsewhere := a.member(t, open.Organization.ID, c.compliantPerson, org.RoleManager)
	before, err := a.DB.Organization(ctx, c.organizationID)
	must(t, err)

	must(t, a.unarm(t, c.compliantPerson.ID))
	m, err := a.DB.Member(ctx, c.compliant)
	must(t, err)
	if m.Status != org.StatusRemovedFor2FA || m.Role != org.RoleMember || m.RemovedAt == nil {
		t.Fatalf("where it is required: %+v", m)
	}
	if want := m.RemovedAt.UTC().AddDate(0, 3, 0); m.ReinstatableUntil.UTC().Sub(want).Abs() > 4*24*time.Hour {
		t.Errorf("can come back until %s, want about %s", m.ReinstatableUntil, want)
	}
	if m, err := a.DB.Member(ctx, elsewhere); err != nil || m.Status != org.StatusActive {
		t.Errorf("where it is not required: %+v %v", m, err)
	}
	entries, err := a.DB.AuditAfter(ctx, c.organizationID, before.AuditSeq, 10, nil)
	must(t, err)
	if len(entries) != 1 || entries[0].Action != "member.pending" || *entries[0].TargetID != c.compliant ||
		entries[0].ActorLabel != "cora <cora@example.com>" || entries[0].IPAddress != nil {
		t.Fatalf("the log has %+v", entries)
	}
	link, err := a.DB.LinkOf(ctx, c.compliant)
	must(t, err)
	if !link.ExpiresAt.Equal(*m.ReinstatableUntil) {
		t.Errorf("the link ends at %s, the window at %s", link.ExpiresAt, m.ReinstatableUntil)
	}
	mail, err := a.compose(ctx, "1", linkMail(c.compliant, link.TokenHash))
	must(t, err)
	if mail.Subject != "Mandatory: Enable Two-Factor Authentication" || !strings.Contains(mail.Text, "/rejoin#token=") {
		t.Errorf("the mail is %q\n%s", mail.Subject, mail.Text)
	}
	var jobs int
	must(t, c.admin.QueryRow(ctx, `SELECT count(*) FROM river_job WHERE kind = 'mail' AND args->>'member_id' = $1 AND args->>'template' = 'link'`, c.compliant).Scan(&jobs))
	if jobs != 1 {
		t.Errorf("%d mails are queued, want 1", jobs)
	}

	err = a.unarm(t, c.ownerUser.ID)
	if !errors.Is(err, org.Refuse(org.CodeLastOwner, "")) || !strings.Contains(err.Error(), "Acme") || strings.Contains(err.Error(), "Open") {
		t.Errorf("the last compliant owner: %v, want LAST_OWNER naming Acme only", err)
	}
	if u, err := a.DB.User(ctx, c.ownerUser.ID); err != nil || !u.Compliant() {
		t.Errorf("the refused change took the factor: %+v %v", u, err)
	}
}

// TestLockOutSparesWhoHasAnother: with an authenticator left nobody is locked out.
func TestLockOutSparesWhoHasAnother(t *testing.T) {
	t.Parallel()
	c := newCast(t)
	allowed := func(*db.Tx) error { return nil }
	must(t, c.app.changeAccountOf(t.Context(), c.ownerUser.ID, allowed, func(ac *accountChange) error {
		ac.event(org.EventAuthenticatorRemoved, "Lost one of two.")
		return c.app.lockOut(t.Context(), ac)
	}))
	if m, err := c.app.DB.Member(t.Context(), c.ownerMember); err != nil || m.Status != org.StatusActive {
		t.Errorf("%+v %v", m, err)
	}
}

// TestResetLife: a request lives 72 hours to the second; a second later it is ended, once, with its entries.
func TestResetLife(t *testing.T) {
	t.Parallel()
	c := newCast(t)
	a, ctx := c.app, t.Context()
	asked := time.Now().Truncate(time.Microsecond)
	a.Now = func() time.Time { return asked }
	other, err := a.CreateOrganization(c.owner, CreateOrganizationInput{Slug: "other", Name: "Other"})
	must(t, err)
	a.member(t, other.Organization.ID, c.compliantPerson, org.RoleMember)
	got, err := a.ResetMemberTwoFactor(c.owner, ResetMemberTwoFactorInput{MemberID: c.compliant, Reason: "lost the phone"})
	must(t, err)
	reset, err := a.DB.Reset(ctx, got.Reset.ID)
	must(t, err)
	if !reset.ExpiresAt.Equal(asked.Add(72 * time.Hour)) {
		t.Fatalf("ends at %s, asked at %s", reset.ExpiresAt, asked)
	}
	token := a.Keys.Link(reset.Nonce)
	for _, at := range []struct {
		after time.Duration
		open  bool
	}{{72*time.Hour - time.Second, true}, {72*time.Hour + time.Second, false}} {
		a.Now = func() time.Time { return asked.Add(at.after) }
		if shown, err := a.TwoFactorReset(ctx, token); err != nil || (shown != nil) != at.open {
			t.Errorf("after %s the link shows %+v, %v", at.after, shown, err)
		}
		for range 2 {
			must(t, a.expireResets(ctx))
		}
		now, err := a.DB.Reset(ctx, reset.ID)
		must(t, err)
		if (now.State == org.ResetPending) != at.open {
			t.Errorf("after %s it is %s", at.after, now.State)
		}
	}
	var ended int
	must(t, c.admin.QueryRow(ctx, `SELECT count(*) FROM audit_entries WHERE action = 'member.2fa-reset-ended' AND data->>'state' = 'EXPIRED'`).Scan(&ended))
	if ended != 2 {
		t.Errorf("%d entries, want 2: where it was asked for, and in the other organization, which had to agree", ended)
	}
}

// TestDisownedResetLapses: what somebody asked for who says since that it was not them is ended by the next round, as void.
func TestDisownedResetLapses(t *testing.T) {
	t.Parallel()
	c := newCast(t)
	a, ctx := c.app, t.Context()
	other, err := a.CreateOrganization(c.owner, CreateOrganizationInput{Slug: "other", Name: "Other"})
	must(t, err)
	a.member(t, other.Organization.ID, c.compliantPerson, org.RoleMember)
	got, err := a.ResetMemberTwoFactor(c.owner, ResetMemberTwoFactorInput{MemberID: c.compliant, Reason: "lost the phone"})
	must(t, err)
	must(t, a.expireResets(ctx))
	_, err = c.admin.Exec(ctx, `UPDATE two_factor_resets SET disowned = true`)
	must(t, err)
	must(t, a.expireResets(ctx))
	reset, err := a.DB.Reset(ctx, got.Reset.ID)
	must(t, err)
	if reset.State != org.ResetVoid {
		t.Errorf("it is %s", reset.State)
	}
}
