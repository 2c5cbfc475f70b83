package org_test

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"muster/org"
)

// noon is the moment at which these tests take place.
var noon = time.Date(2026, time.March, 14, 12, 0, 0, 0, time.UTC)

func ptr[T any](v T) *T { return &v }

// refused is the refusal's code, "" for none; anything else than a refusal fails the test.
func refused(t *testing.T, err error) org.ErrorCode {
	t.Helper()
	if err == nil {
		return ""
	}
	var refusal *org.Error
	if !errors.As(err, &refusal) {
		t.Fatalf("%v is no refusal", err)
	}
	if refusal.Message == "" {
		t.Errorf("%s says nothing to a person", refusal.Code)
	}
	return refusal.Code
}

func wantCode(t *testing.T, err error, want org.ErrorCode) {
	t.Helper()
	if got := refused(t, err); got != want {
		t.Errorf("got %q (%v), want %q", got, err, want)
	}
}

// wantBadInput wants a BAD_INPUT that names the argument.
func wantBadInput(t *testing.T, err error, field string) {
	t.Helper()
	wantCode(t, err, org.CodeBadInput)
	var refusal *org.Error
	if errors.As(err, &refusal) && refusal.Field != field {
		t.Errorf("the refusal names the argument %q, want %q", refusal.Field, field)
	}
}

// shown lists the fields of a struct that are not empty: what somebody who got it can see.
func shown(v any) []string {
	value := reflect.Indirect(reflect.ValueOf(v))
	names := []string{}
	for i := range value.NumField() {
		if !value.Field(i).IsZero() {
			names = append(names, value.Type().Field(i).Name)
		}
	}
	return names
}

func wantShown(t *testing.T, what string, v any, want ...string) {
	t.Helper()
	got := shown(v)
	slices.Sort(got)
	want = slices.Sorted(slices.Values(want)) // callers that run beside each other share theirs
	if !slices.Equal(got, want) {
		t.Errorf("%s shows %v, want %v", what, got, want)
	}
}

func enforcing() *org.Organization {
	return &org.Organization{ID: "org_1", Slug: "acme", Name: "Acme", Enforced: true}
}

func relaxed() *org.Organization {
	return &org.Organization{ID: "org_1", Slug: "acme", Name: "Acme"}
}

// member is an active member with a second factor.
func member(role org.Role) *org.Member {
	return &org.Member{
		ID: "mem_1", OrganizationID: "org_1", Organization: relaxed(), Role: role, Status: org.StatusActive,
		Name: ptr("Ada"), Email: ptr("ada@example.com"), TwoFactor: ptr(org.TwoFactorSecure),
		User: &org.User{ID: "usr_1", Name: "Ada", Email: ptr("ada@example.com"), TwoFactor: ptr(org.TwoFactorSecure)},
	}
}

// removed is a member who was removed for 2FA and can come back until a moment.
func removed(until time.Time) *org.Member {
	m := member(org.RoleMember)
	m.Status, m.RemovedAt, m.ReinstatableUntil = org.StatusRemovedFor2FA, ptr(noon.Add(-time.Hour)), &until
	m.TwoFactor, m.User.TwoFactor = ptr(org.TwoFactorDisabled), ptr(org.TwoFactorDisabled)
	return m
}

func invited() *org.Member {
	return &org.Member{
		ID: "mem_2", OrganizationID: "org_1", Organization: relaxed(), Role: org.RoleMember, Status: org.StatusInvited,
		Email: ptr("Bo@Example.com"),
	}
}

func without2FA(m *org.Member) *org.Member {
	m.TwoFactor = ptr(org.TwoFactorDisabled)
	if m.User != nil {
		m.User.TwoFactor = ptr(org.TwoFactorDisabled)
	}
	return m
}

func in(o *org.Organization, m *org.Member) *org.Member {
	m.Organization = o
	return m
}

func user(email string, state org.TwoFactorState) *org.User {
	return &org.User{ID: "usr_1", Name: "Ada", Email: &email, EmailVerified: ptr(true), TwoFactor: &state}
}

func proved() *org.Session   { return &org.Session{ProvedAt: ptr(noon.Add(-time.Hour))} }
func unproved() *org.Session { return &org.Session{} }
