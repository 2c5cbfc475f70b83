package main

import "testing"

const ownResets = `{ viewer { twoFactorResets { id organizationName requestedBy reason email } } }`

// TestOwnResets: whoever is asked for sees each request that waits about them, and ends it from a session of the account. A
// requester learns nothing of what another organization has asked.
func TestOwnResets(t *testing.T) {
	t.Parallel()
	x := newTenants(t)
	nell := x.someone(t, "Nell")
	third := nell.organization(t)
	theirs := third.join(t, x.olivia, "MEMBER")
	asked := x.mallory.reset(t, x.oliviaTheirs).ResetMemberTwoFactor.Reset
	if again := nell.reset(t, theirs).ResetMemberTwoFactor.Reset; again == nil || again.State != "PENDING" {
		t.Fatalf("the second organization got %+v", again)
	}
	manager := x.someone(t, "Max")
	third.join(t, manager, "MANAGER")
	if seen := third.resets(t, manager); len(seen) != 1 || !seen[0].RequestedHere {
		t.Errorf("a manager of the second organization sees %+v", seen)
	}
	var own struct {
		Viewer struct {
			TwoFactorResets []struct{ ID, OrganizationName, RequestedBy, Reason, Email string }
		}
	}
	x.olivia.do(t, ownResets, nil, &own)
	if got := own.Viewer.TwoFactorResets; len(got) != 2 || got[0].ID != asked.ID || got[0].OrganizationName != "Organization "+x.mallorys.Slug ||
		got[0].RequestedBy != x.mallory.label() || got[0].Reason != lost || got[0].Email == x.olivia.Email {
		t.Fatalf("Olivia sees %+v", got)
	}
	token := x.olivia.personalToken(t, "members:read")
	if a := x.post(t, token.Token, ownResets, nil); string(a.Data) != `{"viewer":{"twoFactorResets":null}}` {
		t.Errorf("a token of hers sees %s", a.Data)
	}
	x.olivia.do(t, declineReset, vars{"i": asked.ID}, nil)
	if state := x.resetState(t, asked.ID); state != "DECLINED" {
		t.Errorf("the request is %s", state)
	}
	x.exec(t, `UPDATE two_factor_resets SET expires_at = clock_timestamp() - interval '1 day' WHERE state = 'PENDING'`)
	x.olivia.do(t, ownResets, nil, &own)
	if got := own.Viewer.TwoFactorResets; len(got) != 0 {
		t.Errorf("Olivia still sees %+v", got)
	}
}
