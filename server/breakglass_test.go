package main

import (
	"slices"
	"strings"
	"testing"
)

// TestBreakGlass: the operator's commands as processes, beside a running server and without one: an owner of a new
// organization who gets a link and no password, then the reset of who is the last one with a factor there.
func TestBreakGlass(t *testing.T) {
	bin := binary(t)
	t.Parallel()
	dataDir := t.TempDir() + "/.muster"
	env := firstRun(dataDir)
	p := launch(t, bin, append(env, "MUSTER_DEMO=false"))
	m := p.ready(t)
	ren := &person{m: m, Name: "Ren", Email: "ren@people.example", Password: "a long password of Ren"}
	create := []string{"create-owner", "--organization", "rescue", "--email", ren.Email, "--name", ren.Name}
	status, stdout, stderr := run(t, bin, env, create...)
	found := linkPattern.FindStringSubmatch(stdout)
	if status != 0 || found == nil || !strings.Contains(stdout, "/reset#token=") || !strings.Contains(stdout, "The organization rescue is created.") {
		t.Fatalf("create-owner: status %d, printed %q; %s", status, stdout, stderr)
	}
	status, stdout, stderr = run(t, bin, env, create...)
	if status != 1 || stdout != "" {
		t.Errorf("create-owner again: status %d, printed %q", status, stdout)
	}
	oneLine(t, stderr, "is an owner of rescue already")

	m.post(t, "", `mutation($i: ResetPasswordInput!) { resetPassword(input: $i) { ok } }`, vars{"i": vars{"token": found[1], "newPassword": ren.Password}}).gave(t, "")
	ren.signIn(t)
	ren.enroll(t)
	var rescue struct{ Organization struct{ ID string } }
	ren.do(t, `{ organization(slug: "rescue") { id } }`, nil, &rescue)
	ren.do(t, `mutation($o: ID!) { setRequire2FA(input: {organizationId: $o, required: true}) { organization { id } } }`, vars{"o": rescue.Organization.ID}, nil)

	status, stdout, stderr = run(t, bin, env, "reset-2fa", "--user", "nobody@people.example")
	if status != 1 || stdout != "" {
		t.Errorf("of nobody: status %d, printed %q", status, stdout)
	}
	oneLine(t, stderr, "There is no account with the address or id nobody@people.example")
	status, stdout, stderr = run(t, bin, env, "reset-2fa", "--user", ren.Email)
	if status != 1 || stdout != "" {
		t.Errorf("of the last owner with a factor: status %d, printed %q", status, stdout)
	}
	oneLine(t, stderr, "rescue", "--force")
	ren.do(t, `{ organization(slug: "rescue") { require2FA } }`, nil, nil) // nothing happened

	status, stdout, stderr = run(t, bin, env, "reset-2fa", "--user", ren.Email, "--force")
	if status != 0 || !strings.Contains(stdout, "rescue no longer requires two-factor authentication") {
		t.Fatalf("with --force: status %d, printed %q; %s", status, stdout, stderr)
	}
	ren.refused(t, "UNAUTHENTICATED", `{ organization(slug: "rescue") { id } }`, nil)
	ren.Seed = nil
	ren.signIn(t) // by the password alone, as an owner still
	var now struct {
		Organization struct {
			Require2FA bool
			Viewer     struct{ Role, Status string }
			AuditLog   struct {
				Nodes []struct{ Action, ActorLabel string }
			}
		}
	}
	ren.do(t, `{ organization(slug: "rescue") { require2FA viewer { role status } auditLog(first: 2) { nodes { action actorLabel } } } }`, nil, &now)
	o := now.Organization
	if o.Require2FA || o.Viewer.Role != "OWNER" || o.Viewer.Status != "ACTIVE" || len(o.AuditLog.Nodes) != 2 ||
		o.AuditLog.Nodes[0].Action != "member.2fa-reset" || o.AuditLog.Nodes[1].Action != "org.edit" {
		t.Errorf("afterwards: %+v", o)
	}
	for _, e := range o.AuditLog.Nodes {
		if e.ActorLabel != "operator (command line)" {
			t.Errorf("the log names %q", e.ActorLabel)
		}
	}

	p.interrupt(t)
	if status := p.ended(t); status != 0 {
		t.Fatalf("the server ended with %d", status)
	}
	status, _, stderr = run(t, bin, env, "reset-2fa", "--user", ren.Email)
	if status != 1 {
		t.Errorf("without a server: status %d", status)
	}
	if !strings.Contains(stderr, "has no second factor") {
		t.Errorf("without a server: %s", stderr)
	}

	// Nor does a server begin with another key.
	status, _, stderr = run(t, bin, append(env, "MUSTER_SECRET_KEY=a key that this database does not know"))
	if status != 1 {
		t.Errorf("with another key: status %d", status)
	}
	if !strings.Contains(stderr, "MUSTER_SECRET_KEY is not the key") {
		t.Errorf("with another key: %s", stderr)
	}
}

// TestBreakGlassOfAnInstallation: the commands on a database that others serve. With another secret key they do nothing; what they
// make the server mail leads where it should; an account that is locked and has lost its address is found by its id.
func TestBreakGlassOfAnInstallation(t *testing.T) {
	bin := binary(t)
	t.Parallel()
	m := start(t)
	if err := m.App.CheckKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	const key = "MUSTER_SECRET_KEY=a key for tests that is long enough to be taken"
	env := []string{"DATABASE_URL=" + m.DBURL, "SMTP_URL=smtp://127.0.0.1:1", "MUSTER_PUBLIC_URL=https://muster.example.com", key}
	works := func(args ...string) string {
		t.Helper()
		status, stdout, stderr := run(t, bin, env, args...)
		if status != 0 {
			t.Fatalf("%v: status %d; %s", args, status, stderr)
		}
		return stdout
	}
	refuses := func(env []string, says string, args ...string) {
		t.Helper()
		status, stdout, stderr := run(t, bin, env, args...)
		if status != 1 || stdout != "" {
			t.Errorf("%v: status %d, printed %q", args, status, stdout)
		}
		oneLine(t, stderr, says)
	}
	ren := &person{m: m, Name: "Ren", Email: "ren@people.example", Password: "a long password of Ren"}
	create := []string{"create-owner", "--organization", "rescue", "--email", ren.Email, "--name", ren.Name}
	other := append(slices.Clone(env[:3]), "MUSTER_SECRET_KEY=another key that is long enough to be taken")
	refuses(other, "MUSTER_SECRET_KEY is not the key", create...)
	if n := m.find(t, `SELECT count(*)::text FROM users`); n != "0" {
		t.Errorf("by another key %s accounts were created", n)
	}

	found := linkPattern.FindStringSubmatch(works(create...))
	if mailed := m.link(t, ren.Email, titleReset); found == nil || found[1] != mailed {
		t.Fatalf("printed %v, mailed %q", found, mailed)
	}
	m.reset(t, found[1], ren.Password).expect(t, "", "the printed link")
	ren.signIn(t)
	ren.enroll(t)
	id := m.find(t, `SELECT id FROM users`)
	refuses(other, "MUSTER_SECRET_KEY is not the key", "reset-2fa", "--user", id)
	refuses(env, "has an address already", "set-email", "--user", id, "--email", "new@people.example")

	// A report left the account locked, and without an address since somebody else had proved it.
	m.exec(t, `UPDATE users SET email = NULL, email_verified_at = NULL, frozen_since = clock_timestamp()`)
	sol := m.verified(t, "Sol")
	refuses(env, "no account with the address or id", "reset-2fa", "--user", ren.Email)
	refuses(env, "no account with the address or id", "set-email", "--user", ren.Email, "--email", "new@people.example")
	refuses(env, "Another account has this address", "set-email", "--user", id, "--email", sol.Email)
	ren.Email = "new@people.example"
	if out := works("set-email", "--user", id, "--email", ren.Email); !strings.Contains(out, "Ren <new@people.example> has this address now") {
		t.Errorf("set-email printed %q", out)
	}
	m.mailed(t, ren.Email, "", "gave the account this address")
	if n := m.find(t, `SELECT count(*)::text FROM sessions s JOIN users u ON u.id = s.user_id WHERE u.email = $1 AND s.ended_at IS NULL`, ren.Email); n != "0" {
		t.Errorf("%s sessions outlive the new address", n)
	}
	works("reset-2fa", "--user", id)
	ren.Password = "another long password"
	m.reset(t, ren.resetLink(t), ren.Password).expect(t, "", "the way to a new password")
	ren.Seed = nil
	ren.signIn(t)
	if got := m.find(t, `SELECT string_agg(action, ' ' ORDER BY sequence) FROM audit_entries WHERE actor_label = 'operator (command line)'`); got != "org.create member.edit member.email-changed member.2fa-reset" {
		t.Errorf("the organization's log tells of %s", got)
	}
}

// TestLockedAccountIsMadeNoOwner: what its owner has reported is not for the operator to build on.
func TestLockedAccountIsMadeNoOwner(t *testing.T) {
	t.Parallel()
	m := start(t)
	vera := m.verified(t, "Vera")
	m.exec(t, `UPDATE users SET frozen_since = clock_timestamp() WHERE email = $1`, vera.Email)
	if _, err := m.App.OperatorCreateOwner(t.Context(), "rescue", vera.Email, vera.Name); err == nil || !strings.Contains(err.Error(), "is locked") {
		t.Errorf("a locked account is made an owner: %v", err)
	}
	if n := m.find(t, `SELECT count(*)::text FROM organizations`); n != "0" {
		t.Errorf("%s organizations, want none", n)
	}
}
