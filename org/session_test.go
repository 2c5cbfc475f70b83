package org_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"muster/org"
)

func TestSessionAlive(t *testing.T) {
	t.Parallel()
	tests := []struct {
		sentence  string
		used, end time.Duration // ago; from now
		ended     bool
		want      bool
	}{
		{"a session in use is alive", time.Minute, time.Hour, false, true},
		{"just below the idle time it is alive", time.Hour - time.Nanosecond, time.Hour, false, true},
		{"at the idle time it is over", time.Hour, time.Hour, false, false},
		{"just before its absolute end it is alive", 0, time.Nanosecond, false, true},
		{"at its absolute end it is over, however much in use", 0, 0, false, false},
		{"one that was ended is over at once", 0, time.Hour, true, false},
	}
	for _, test := range tests {
		t.Run(test.sentence, func(t *testing.T) {
			t.Parallel()
			s := &org.Session{UsedAt: noon.Add(-test.used), ExpiresAt: noon.Add(test.end)}
			if test.ended {
				s.EndedAt = ptr(noon.Add(-time.Second))
			}
			if got := s.Alive(noon, time.Hour); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestFresh(t *testing.T) {
	t.Parallel()
	const stepUp = 10 * time.Minute
	session := func(state org.TwoFactorState, ago time.Duration, by org.SignInMethod) *org.Session {
		return &org.Session{User: user("ada@example.com", state), FreshAt: noon.Add(-ago), FreshBy: by}
	}
	tests := []struct {
		sentence      string
		session       *org.Session
		enroll, other org.ErrorCode // what enrolling a factor, and anything else, is refused with
	}{
		{"a password is enough where there is no factor", session(org.TwoFactorDisabled, 0, org.ByPassword), "", ""},
		{"just below ten minutes it still is", session(org.TwoFactorDisabled, stepUp-1, org.ByPassword), "", ""},
		{"at ten minutes it has to be shown again", session(org.TwoFactorDisabled, stepUp, org.ByPassword), org.CodeStepUpRequired, org.CodeStepUpRequired},
		{"a password alone is not enough where there is a factor", session(org.TwoFactorSecure, 0, org.ByPassword), org.CodeStepUpRequired, org.CodeStepUpRequired},
		{"a phone protects like any other factor", session(org.TwoFactorInsecure, 0, org.ByPassword), org.CodeStepUpRequired, org.CodeStepUpRequired},
		{"a factor is enough", session(org.TwoFactorSecure, stepUp-1, org.ByTOTP), "", ""},
		{"a factor of ten minutes ago has to be shown again", session(org.TwoFactorSecure, stepUp, org.ByPhone), org.CodeStepUpRequired, org.CodeStepUpRequired},
		{"a recovery code is enough to enroll a factor and for nothing else", session(org.TwoFactorSecure, 0, org.ByRecoveryCode), "", org.CodeStepUpRequired},
		{"a recovery code of ten minutes ago is enough for nothing", session(org.TwoFactorSecure, stepUp, org.ByRecoveryCode), org.CodeStepUpRequired, org.CodeStepUpRequired},
	}
	for _, test := range tests {
		t.Run(test.sentence, func(t *testing.T) {
			t.Parallel()
			wantCode(t, org.CheckFresh(test.session, noon, stepUp, true), test.enroll)
			wantCode(t, org.CheckFresh(test.session, noon, stepUp, false), test.other)
		})
	}
}

// TestFirstEnrollment: a stolen password alone never enrolls its way back in.
func TestFirstEnrollment(t *testing.T) {
	t.Parallel()
	session := func(state org.TwoFactorState, mailbox *time.Time) *org.Session {
		return &org.Session{User: user("ada@example.com", state), MailboxProvedAt: mailbox}
	}
	locked := in(enforcing(), without2FA(member(org.RoleMember)))
	away := in(enforcing(), removed(noon.Add(time.Hour)))
	tests := []struct {
		sentence    string
		session     *org.Session
		memberships []*org.Member
		proofFor    *org.Member
		want        org.ErrorCode
	}{
		{"who belongs to nothing enrolls", session(org.TwoFactorDisabled, nil), nil, nil, ""},
		{"where nothing is required anybody enrolls", session(org.TwoFactorDisabled, nil), []*org.Member{member(org.RoleMember)}, nil, ""},
		{"a removed member proves the mailbox first", session(org.TwoFactorDisabled, nil), []*org.Member{member(org.RoleMember), away}, away, org.CodeMailboxProofRequired},
		{"even where 2FA is no longer required", session(org.TwoFactorDisabled, nil), []*org.Member{removed(noon.Add(1))}, nil, org.CodeMailboxProofRequired},
		{"a member whom the sweep has not reached proves it too", session(org.TwoFactorDisabled, nil), []*org.Member{locked}, locked, org.CodeMailboxProofRequired},
		{"a session that proved it enrolls", session(org.TwoFactorDisabled, ptr(noon)), []*org.Member{away, locked}, nil, ""},
		{"a window that is over asks nothing", session(org.TwoFactorDisabled, nil), []*org.Member{in(enforcing(), removed(noon))}, nil, ""},
		{"an invitation asks nothing", session(org.TwoFactorDisabled, nil), []*org.Member{in(enforcing(), invited())}, nil, ""},
		{"who has a factor is past the first enrollment", session(org.TwoFactorInsecure, nil), []*org.Member{locked}, nil, ""},
	}
	for _, test := range tests {
		t.Run(test.sentence, func(t *testing.T) {
			t.Parallel()
			proofFor, err := org.CheckFirstEnrollment(test.session, test.memberships, noon)
			wantCode(t, err, test.want)
			if test.proofFor != nil && proofFor != test.proofFor || test.want == "" && proofFor != nil {
				t.Errorf("the proof is for %+v", proofFor)
			}
			if err != nil && !strings.Contains(err.Error(), "Mandatory: Enable Two-Factor Authentication") {
				t.Errorf("%v does not name the mail to look for", err)
			}
		})
	}
}

func TestEnroll(t *testing.T) {
	t.Parallel()
	have := func(kinds ...org.AuthenticatorKind) (list []*org.Authenticator) {
		for _, kind := range kinds {
			list = append(list, &org.Authenticator{Kind: kind})
		}
		return list
	}
	const totp, phone, key = org.KindTOTP, org.KindPhone, org.KindSecurityKey
	tests := []struct {
		sentence string
		kind     org.AuthenticatorKind
		have     []*org.Authenticator
		want     org.ErrorCode
	}{
		{"the first app fits", totp, nil, ""},
		{"the second app fits, for a change of device", totp, have(totp, phone), ""},
		{"a third app does not", totp, have(totp, phone, totp), org.CodeConflict},
		{"a phone beside two apps fits", phone, have(totp, totp), ""},
		{"a second phone does not", phone, have(phone), org.CodeConflict},
		{"apps and phones leave room for keys", key, have(totp, totp, phone, key, key), ""},
	}
	for _, test := range tests {
		t.Run(test.sentence, func(t *testing.T) {
			t.Parallel()
			wantCode(t, org.CheckEnroll(test.kind, test.have, nil), test.want)
		})
	}
}

func TestRemoveAuthenticator(t *testing.T) {
	t.Parallel()
	place := func(name string, enforced bool, status org.MemberStatus) *org.Member {
		return &org.Member{Status: status, Organization: &org.Organization{Name: name, Enforced: enforced}}
	}
	one, two := &org.Authenticator{ID: "aut_1"}, &org.Authenticator{ID: "aut_2"}
	memberships := []*org.Member{
		place("Acme", true, org.StatusActive), place("Relaxed", false, org.StatusActive),
		place("Gone", true, org.StatusRemovedFor2FA), place("Zeta", true, org.StatusActive),
	}
	tests := []struct {
		sentence    string
		id          string
		have        []*org.Authenticator
		memberships []*org.Member
		want        org.ErrorCode
	}{
		{"the last one stays while organizations require it", "aut_1", []*org.Authenticator{one}, memberships, org.CodeLastAuthenticator},
		{"one of two goes", "aut_1", []*org.Authenticator{one, two}, memberships, ""},
		{"the other of two goes", "aut_2", []*org.Authenticator{one, two}, memberships, ""},
		{"the last one goes where nobody requires it", "aut_1", []*org.Authenticator{one}, memberships[1:3], ""},
	}
	for _, test := range tests {
		t.Run(test.sentence, func(t *testing.T) {
			t.Parallel()
			err := org.CheckRemoveAuthenticator(test.id, test.have, test.memberships)
			wantCode(t, err, test.want)
			var refusal *org.Error
			if errors.As(err, &refusal) {
				if !strings.Contains(refusal.Message, "Acme, Zeta") || strings.Contains(refusal.Message, "Relaxed") || strings.Contains(refusal.Message, "Gone") {
					t.Errorf("%q does not name exactly the organizations that require it", refusal.Message)
				}
			}
		})
	}
}

// Whoever came back by a recovery code enrolls beyond the bound, in the place of the oldest; nobody else does.
func TestDisplaced(t *testing.T) {
	t.Parallel()
	by := func(m org.SignInMethod) *org.Session { return &org.Session{FreshBy: m} }
	app := func(id string, age time.Duration) *org.Authenticator {
		return &org.Authenticator{ID: id, Kind: org.KindTOTP, CreatedAt: noon.Add(-age)}
	}
	phone := &org.Authenticator{ID: "phone", Kind: org.KindPhone, CreatedAt: noon.Add(-time.Hour * 99)}
	full := []*org.Authenticator{phone, app("young", time.Hour), app("old", 2*time.Hour)}
	for _, test := range []struct {
		sentence string
		session  *org.Session
		kind     org.AuthenticatorKind
		have     []*org.Authenticator
		replaces *string
		want     string
		code     org.ErrorCode
	}{
		{"a recovery code takes the oldest's place", by(org.ByRecoveryCode), org.KindTOTP, full, nil, "old", ""},
		{"of phones there is one", by(org.ByRecoveryCode), org.KindPhone, full, nil, "phone", ""},
		{"where there is room nothing goes", by(org.ByRecoveryCode), org.KindTOTP, full[:2], nil, "", ""},
		{"a code of an app takes nobody's place", by(org.ByTOTP), org.KindTOTP, full, nil, "", org.CodeConflict},
		{"what a set-up replaces stays what it replaces", by(org.ByTOTP), org.KindTOTP, full, ptr("young"), "young", ""},
	} {
		got := org.Displaced(test.session, test.kind, test.have, test.replaces)
		if (got == nil) != (test.want == "") || got != nil && *got != test.want {
			t.Errorf("%s: got %v, want %q", test.sentence, got, test.want)
		}
		wantCode(t, org.CheckEnroll(test.kind, test.have, got), test.code)
	}
}

func TestLastUsedFirst(t *testing.T) {
	t.Parallel()
	at := func(id string, confirmed int, used ...int) *org.Authenticator {
		a := &org.Authenticator{ID: id, CreatedAt: noon.Add(time.Duration(confirmed) * time.Hour)}
		for _, hours := range used {
			last := noon.Add(time.Duration(hours) * time.Hour)
			a.LastUsedAt = &last
		}
		return a
	}
	have := []*org.Authenticator{at("old and used", 1, 9), at("never used", 5), at("used before", 2, 3), at("as never used", 5), at("new", 8, 8)}
	var got []string
	for _, a := range org.LastUsedFirst(have) {
		got = append(got, a.ID)
	}
	want := []string{"old and used", "new", "never used", "as never used", "used before"}
	if !slices.Equal(got, want) {
		t.Errorf("in order %v, want %v", got, want)
	}
	if have[0].ID != "old and used" || have[4].ID != "new" {
		t.Error("the given list was sorted too")
	}
}
