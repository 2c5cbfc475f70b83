package org

import (
	"testing"
	"time"
)

// A report reaches back to what the same session did from the same address, and never further.
func TestFirst(t *testing.T) {
	t.Parallel()
	text := func(s string) *string { return &s }
	at := func(hour int) time.Time { return time.Date(2026, time.November, 22, hour, 0, 0, 0, time.UTC) }
	made := func(id, session, address string, hour int) *Alert {
		a := &Alert{EventID: id, Since: at(hour)}
		if session != "" {
			a.SessionID = text(session)
		}
		if address != "" {
			a.IPAddress = text(address)
		}
		return a
	}
	all := []*Alert{
		made("codes used by nobody's session", "", "192.0.2.1", 9), made("password", "S", "192.0.2.1", 8), made("elsewhere", "S", "192.0.2.9", 7),
		made("removed", "S", "192.0.2.1", 6), made("another session", "T", "192.0.2.1", 5), made("added", "S", "192.0.2.1", 4),
		made("guesses", "", "192.0.2.1", 3), made("unknown place", "S", "", 2), made("her own", "R", "198.51.100.1", 1),
	}
	for reported, want := range map[int]string{
		0: "codes used by nobody's session", 1: "added", 2: "elsewhere", 3: "added", 4: "another session", 5: "added", 6: "guesses", 7: "unknown place", 8: "her own",
	} {
		if got := all[reported].First(all); got.EventID != want {
			t.Errorf("a report of %q reaches back to %q, want %q", all[reported].EventID, got.EventID, want)
		}
	}
}

func TestMayReport(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	for _, test := range []struct {
		action   string
		verified *bool
		want     bool
	}{
		{EventAuthenticatorAdded, &no, true},
		{EventAuthenticatorAdded, &yes, true},
		{EventEmailChanged, &yes, true},
		{EventEmailChanged, &no, false},
		{EventEmailChanged, nil, false},
	} {
		if got := MayReport(&User{EmailVerified: test.verified}, test.action); got != test.want {
			t.Errorf("%s of an address that is verified %v: %v, want %v", test.action, test.verified, got, test.want)
		}
	}
}

func TestRecoveryUsed(t *testing.T) {
	t.Parallel()
	const lost, few = " Have you lost your authenticator? Set up another one.", " Then make new recovery codes, before these run out."
	for left, want := range map[int]string{
		9: "A recovery code was used; 9 are left." + lost,
		4: "A recovery code was used; 4 are left." + lost,
		3: "A recovery code was used; 3 are left." + lost + few,
		1: "A recovery code was used; 1 is left." + lost + few,
		0: "A recovery code was used, the last one." + lost + few,
	} {
		if got := RecoveryUsed(left); got != want {
			t.Errorf("with %d left: %q, want %q", left, got, want)
		}
	}
}
