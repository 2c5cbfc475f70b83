package app

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"muster/db"
	"muster/mail"
	"muster/org"
	"muster/secret"
)

// cast is an organization with somebody in every place that is mailed about.
type cast struct {
	app                        *App
	admin                      *pgx.Conn
	owner                      context.Context
	organizationID             string
	invited, removed, locked   string // members
	ownerMember, compliant     string
	ownerUser, compliantPerson *org.User
}

func newCast(t *testing.T) *cast {
	t.Helper()
	a, admin := open(t, "")
	c := &cast{app: a, admin: admin}
	c.owner, c.ownerUser = a.person(t, "olivia", true)
	made, err := a.CreateOrganization(c.owner, CreateOrganizationInput{Slug: "acme", Name: "Acme"})
	must(t, err)
	c.organizationID = made.Organization.ID
	m, err := a.ViewerIn(c.owner, c.organizationID)
	must(t, err)
	c.ownerMember = m.ID
	team, err := a.CreateTeam(c.owner, CreateTeamInput{OrganizationID: c.organizationID, Slug: "core", Name: "Core"})
	must(t, err)
	invited, err := a.InviteMember(c.owner, InviteMemberInput{OrganizationID: c.organizationID, Email: "ivan@example.com", Role: org.RoleAdmin})
	must(t, err)
	c.invited = invited.Member.ID
	_, c.compliantPerson = a.person(t, "cora", true)
	c.compliant = a.member(t, c.organizationID, c.compliantPerson, org.RoleMember)
	_, removed := a.person(t, "rita", false)
	c.removed = a.member(t, c.organizationID, removed, org.RoleMember)
	_, err = a.SetMemberTeams(c.owner, SetMemberTeamsInput{MemberID: c.removed, TeamIDs: []string{team.Team.ID}})
	must(t, err)
	on, err := a.SetRequire2FA(c.owner, SetRequire2FAInput{OrganizationID: c.organizationID, Required: true})
	must(t, err)
	_, err = a.runSweep(t.Context(), on.Sweep.ID)
	must(t, err)
	_, locked := a.person(t, "lars", false)
	c.locked = a.member(t, c.organizationID, locked, org.RoleMember) // whom no sweep has reached
	return c
}

// link gives the member a link and says its token and the job that mails it.
func (c *cast) link(t *testing.T, memberID string, reason org.InvitationReason) (token string, job MailJob) {
	t.Helper()
	var hash []byte
	c.app.tx(t, func(tx *db.Tx) error {
		m, err := tx.Member(t.Context(), memberID)
		if err != nil {
			return err
		}
		hash, err = c.app.setLink(t.Context(), tx, db.NewLink{MemberID: memberID, Reason: reason, ExpiresAt: m.ReinstatableUntil})
		return err
	})
	link, err := c.app.DB.LinkOf(t.Context(), memberID)
	must(t, err)
	return c.app.Keys.Link(link.Nonce), linkMail(memberID, hash)
}

func TestCompose(t *testing.T) {
	t.Parallel()
	c := newCast(t)
	at := time.Date(2026, time.March, 14, 12, 0, 0, 0, time.UTC)
	invitedToken, invited := c.link(t, c.invited, org.ReasonInvited)
	removedToken, removed := c.link(t, c.removed, org.ReasonRemovedFor2FA)
	lockedToken, locked := c.link(t, c.locked, org.ReasonRemovedFor2FA)
	tests := []struct {
		sentence    string
		job         MailJob
		to, subject string
		says        []string
	}{
		{"an invitation leads to the page to join", invited, "ivan@example.com", "Join Acme on Muster", []string{"http://localhost:8080/join#token=" + invitedToken, "olivia", "two-factor"}},
		{"who was removed is told what is lost, what to do and whom to ask", removed, "rita@example.com", "Mandatory: Enable Two-Factor Authentication", []string{"http://localhost:8080/rejoin#token=" + removedToken, "Acme", "Core", "olivia <olivia@example.com>"}},
		{"who is locked out gets the link that proves the mailbox", locked, "lars@example.com", "Mandatory: Enable Two-Factor Authentication", []string{"http://localhost:8080/rejoin#token=" + lockedToken, "Acme"}},
		{"who is back is told with what", MailJob{Template: templateReinstated, MemberID: c.compliant, Restored: []string{"role Member", "team Core"}}, "cora@example.com", "You are back in Acme", []string{"team Core"}},
		{"a change of membership", MailJob{Template: templateMembership, MemberID: c.compliant, What: "Rita is no longer a member.", By: "olivia", At: at}, "cora@example.com", "Acme: membership changed", []string{"Rita is no longer a member.", "olivia", "14 March 2026"}},
		{"a change of security", MailJob{Template: templateSecurity, MemberID: c.compliant, What: "Single sign-on was disconnected.", By: "olivia", At: at}, "cora@example.com", "Acme: security settings changed", []string{"Single sign-on was disconnected."}},
		{"a reminder leads to Muster, without a token", MailJob{Template: templateReminder, MemberID: c.locked, By: "olivia", At: at}, "lars@example.com", "Acme will soon require two-factor authentication", []string{"http://localhost:8080", "olivia"}},
		{"a change of an account says from where", accountMail(&Request{IPAddress: "203.0.113.7", UserAgent: "Firefox"}, c.compliantPerson.ID, "A recovery code was used; 9 are left.", at), "cora@example.com", "", []string{"9 are left", "203.0.113.7", "Firefox"}},
	}
	for _, test := range tests {
		t.Run(test.sentence, func(t *testing.T) {
			message, err := c.app.compose(t.Context(), "mail-1", test.job)
			must(t, err)
			if message.To != test.to || test.subject != "" && message.Subject != test.subject || message.ID != "mail-1" {
				t.Errorf("the mail %s to %s is about %q", message.ID, message.To, message.Subject)
			}
			for _, words := range test.says {
				if !strings.Contains(message.Text, words) {
					t.Errorf("the mail does not say %q:\n%s", words, message.Text)
				}
			}
			for _, token := range []string{invitedToken, removedToken, lockedToken} {
				if strings.Contains(message.Text+message.HTML, token) != strings.Contains(strings.Join(test.says, ""), token) {
					t.Error("the mail carries somebody else's link, or not its own")
				}
			}
		})
	}
}

// TestComposeOfWhatIsNoLongerSo: what a mail was to tell is asked again when it is sent.
func TestComposeOfWhatIsNoLongerSo(t *testing.T) {
	t.Parallel()
	c := newCast(t)
	_, superseded := c.link(t, c.removed, org.ReasonRemovedFor2FA)
	c.link(t, c.removed, org.ReasonRemovedFor2FA)
	_, ended := c.link(t, c.invited, org.ReasonInvited)
	if _, err := c.admin.Exec(t.Context(), `UPDATE invitations SET expires_at = clock_timestamp() WHERE member_id = $1`, c.invited); err != nil {
		t.Fatal(err)
	}
	_, nameless := c.app.person(t, "nora", true)
	noMail := c.app.member(t, c.organizationID, nameless, org.RoleMember)
	if _, err := c.admin.Exec(t.Context(), `UPDATE users SET email = NULL WHERE id = $1`, nameless.ID); err != nil {
		t.Fatal(err)
	}
	for sentence, job := range map[string]MailJob{
		"a link that was replaced":               superseded,
		"a link that has ended":                  ended,
		"a member who is gone":                   {Template: templateMembership, MemberID: db.NewID(db.MemberID)},
		"an account that is gone":                {Template: templateAccount, UserID: db.NewID(db.UserID)},
		"a notice to somebody removed meanwhile": {Template: templateMembership, MemberID: c.removed, What: "x", At: time.Now()},
		"a notice to somebody who never joined":  {Template: templateSecurity, MemberID: c.invited, What: "x", At: time.Now()},
		"a return of somebody removed again":     {Template: templateReinstated, MemberID: c.removed},
		"a reminder to somebody who has 2FA now": {Template: templateReminder, MemberID: c.compliant, At: time.Now()},
		"a member without an address":            {Template: templateMembership, MemberID: noMail, What: "x", At: time.Now()},
		"an account without an address":          {Template: templateAccount, UserID: nameless.ID, What: "x", At: time.Now()},
	} {
		message, err := c.app.compose(t.Context(), "mail-1", job)
		if !errors.Is(err, errNoMail) && !errors.Is(err, org.ErrNotFound) {
			t.Errorf("%s: composed a mail to %q (%v), want none", sentence, message.To, err)
		}
		if message != (mail.Message{}) {
			t.Errorf("%s: gives a message all the same", sentence)
		}
	}
	if _, err := c.app.compose(t.Context(), "mail-1", MailJob{Template: "poem", MemberID: c.compliant}); err == nil || errors.Is(err, errNoMail) {
		t.Errorf("a template that does not exist is %v, want a fault", err)
	}
}

// TestJobsHoldNoSecret looks at every job that a whole story has left: ids and hashes, no address, token or secret.
func TestJobsHoldNoSecret(t *testing.T) {
	t.Parallel()
	c := newCast(t)
	ctx := c.owner
	for _, role := range []org.Role{org.RoleManager, org.RoleMember} {
		for _, id := range []string{c.compliant, c.invited} {
			_, err := c.app.ChangeMemberRole(ctx, ChangeMemberRoleInput{MemberID: id, Role: role})
			must(t, err)
		}
	}
	_, err := c.app.ResendInvite(ctx, ResendInviteInput{MemberID: c.removed})
	must(t, err)
	_, err = c.app.RemindMembersWithout2FA(ctx, RemindMembersWithout2FAInput{OrganizationID: c.organizationID})
	must(t, err)
	_, err = c.app.RemoveMember(ctx, RemoveMemberInput{MemberID: c.compliant})
	must(t, err)
	_, err = c.app.SetRequire2FA(ctx, SetRequire2FAInput{OrganizationID: c.organizationID})
	must(t, err)
	link, err := c.app.DB.LinkOf(ctx, c.invited)
	must(t, err)
	_, err = c.app.AcceptInvite(c.ivan(t), AcceptInviteInput{Token: c.app.Keys.Link(link.Nonce)})
	must(t, err)

	rows, err := c.admin.Query(ctx, `SELECT kind || ' ' || args::text FROM river_job ORDER BY id`)
	must(t, err)
	jobs, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(t, err)
	if len(jobs) < 10 {
		t.Errorf("the story left only %d jobs", len(jobs))
	}
	rows, err = c.admin.Query(ctx, `SELECT nonce FROM invitations`)
	must(t, err)
	nonces, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	must(t, err)
	for _, job := range jobs {
		if strings.Contains(job, "@") {
			t.Errorf("a job holds an address: %s", job)
		}
		for _, nonce := range append(nonces, link.Nonce) {
			encoded, err := json.Marshal(nonce)
			must(t, err)
			if strings.Contains(job, c.app.Keys.Link(nonce)) || strings.Contains(job, string(encoded)) {
				t.Errorf("a job holds a token, or what it is derived from: %s", job)
			}
		}
	}
	hash := secret.Hash("token")
	raw, err := json.Marshal(linkMail("mem_1", hash))
	must(t, err)
	var fields map[string]any
	must(t, json.Unmarshal(raw, &fields))
	names := []string{}
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	if !slices.Equal(names, []string{"at", "link_hash", "member_id", "template"}) {
		t.Errorf("a mail with a link holds %v", names)
	}
}

// ivan is the invited person, with an account and 2FA.
func (c *cast) ivan(t *testing.T) context.Context {
	t.Helper()
	ctx, _ := c.app.person(t, "ivan", true)
	return ctx
}
