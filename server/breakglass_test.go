package main

import (
	"strings"
	"testing"
	"time"
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
	oneLine(t, stderr, "There is no account with the address nobody@people.example")
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
	if status := p.ended(t, 10*time.Second); status != 0 {
		t.Fatalf("the server ended with %d", status)
	}
	status, _, stderr = run(t, bin, env, "reset-2fa", "--user", ren.Email)
	if status != 1 {
		t.Errorf("without a server: status %d", status)
	}
	if !strings.Contains(stderr, "has no second factor") {
		t.Errorf("without a server: %s", stderr)
	}
}
