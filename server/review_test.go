package main

import "testing"

// A watch begins where the log is, not ahead of it: what takes its access away would come before its first entry.
func TestNoWatchAheadOfTheLog(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner := m.signUp(t, "Olivia")
	o := owner.organization(t)
	live := m.dial(t, owner.Token)
	live.subscribe("now", auditLog, vars{"o": o.ID, "after": 1})
	live.subscribe("ahead", auditLog, vars{"o": o.ID, "after": 2})
	if code := live.ends("ahead"); code != "BAD_INPUT" {
		t.Errorf("a watch ahead of the log ended with %q, want BAD_INPUT", code)
	}
}

// Rules are decided on all places of a person, however many a list shows.
func TestTheLastOfManyOrganizationsCounts(t *testing.T) {
	t.Parallel()
	m := start(t)
	p := m.signUp(t, "Paul")
	p.enroll(t)
	var out struct {
		Viewer struct {
			ID             string
			Authenticators []struct{ ID string }
		}
	}
	p.do(t, `{ viewer { id authenticators { id } } }`, nil, &out)
	m.exec(t, `INSERT INTO organizations (id, slug, name, require2fa)
	  SELECT 'org_' || n, 'many-' || n, 'Number ' || n, n = 250 FROM generate_series(101, 250) n`)
	m.exec(t, `INSERT INTO members (id, organization_id, user_id, role, status)
	  SELECT 'mem_' || n, 'org_' || n, $1, 'OWNER', 'ACTIVE' FROM generate_series(101, 250) n`, out.Viewer.ID)
	p.refused(t, "LAST_AUTHENTICATOR", `mutation($i: RemoveAuthenticatorInput!) { removeAuthenticator(input: $i) { user { id } } }`,
		vars{"i": vars{"authenticatorId": out.Viewer.Authenticators[0].ID}})
	var listed struct {
		Viewer struct{ Memberships []struct{ ID string } }
	}
	p.do(t, `{ viewer { memberships { id } } }`, nil, &listed)
	if n := len(listed.Viewer.Memberships); n != 100 {
		t.Errorf("%d memberships are listed, want 100", n)
	}
}
