package org

import (
	"slices"
	"time"
)

// Organization is the tenant. Only its id, slug and name may be shown without asking the gate: the fields that carry the
// rest do not have the schema's names, so that GraphQL cannot bind them by accident.
type Organization struct {
	ID         string `bun:",pk"`
	Slug       string
	Name       string
	Enforced   bool `bun:"require2fa"` // the requirement: every member must have 2FA
	AuditSeq   int
	RemindedAt *time.Time
}

// MemberCounts are the kept figures of an organization's members: by status, and of the active ones those with a confirmed
// authenticator of their own.
type MemberCounts struct {
	Active        int
	Invited       int
	RemovedFor2FA int
	With2FA       int
}

// Of is how many members pass a filter for somebody who may see them, managers all and others the active ones; nil where
// they would have to be counted.
func (c MemberCounts) Of(f *MemberFilter, manager bool) *int {
	if f != nil {
		rest := *f
		if rest.Status = nil; !rest.Empty() {
			return nil
		}
	}
	n := 0
	for status, count := range map[MemberStatus]int{StatusActive: c.Active, StatusInvited: c.Invited, StatusRemovedFor2FA: c.RemovedFor2FA} {
		if (manager || status == StatusActive) && (f == nil || len(f.Status) == 0 || slices.Contains(f.Status, status)) {
			n += count
		}
	}
	return &n
}

// ComplianceDay is how an organization stood at the end of a day, or stands now.
type ComplianceDay struct {
	Day           time.Time // midnight UTC, at which it began
	Active        int
	With2FA       int
	RemovedFor2FA int
}

// maxHistory is how many days of history are told at a time: a leap year.
const maxHistory = 366

// CheckHistory refuses a number of days that is not told.
func CheckHistory(days int) error {
	if days < 1 || days > maxHistory {
		return BadInput("days", "Ask for 1 to %d days.", maxHistory)
	}
	return nil
}

// Team gives its members its projects.
type Team struct {
	ID             string `bun:",pk"`
	OrganizationID string
	Slug           string
	Name           string
}

// Project belongs to a team.
type Project struct {
	ID             string `bun:",pk"`
	OrganizationID string
	TeamID         string
	Slug           string
	Name           string
	Team           *Team `bun:"rel:belongs-to,join:organization_id=organization_id,join:team_id=id"`
}

// SweepState is how far a sweep is.
type SweepState string

// The states of a sweep.
const (
	SweepQueued   SweepState = "QUEUED"
	SweepRunning  SweepState = "RUNNING"
	SweepDone     SweepState = "DONE"
	SweepCanceled SweepState = "CANCELED"
)

// Sweep is one run of removing the members who are not compliant.
type Sweep struct {
	ID             string `bun:",pk"`
	OrganizationID string
	ActorID        string
	ActorLabel     string
	IPAddress      *string
	UserAgent      *string
	State          SweepState
	Total          int
	Done           int
	Failed         int
	StartedAt      *time.Time
	FinishedAt     *time.Time
}

// Finished says whether the sweep has ended.
func (s *Sweep) Finished() bool { return s.State == SweepDone || s.State == SweepCanceled }

// Require2FAImpact says what requiring 2FA would do now.
type Require2FAImpact struct {
	OrganizationID     string
	RemovedCount       int
	CompliantCount     int
	UnmailableCount    int
	OwnersRemovedCount int
	RemindedAt         *time.Time
}

// CheckRequire2FA says whether by may set the requirement: on only with an authenticator of their own (recovery codes do
// not count) and only while there is no provider (nil), or one that is trusted with the second factor; off always.
func CheckRequire2FA(by *Member, sso *SSO, required bool) error {
	switch {
	case !required:
		return nil
	case !by.Compliant():
		return Refuse(CodeTwoFactorRequired, "Set up two-factor authentication for your own account first; then you can require it of others.")
	case sso != nil && !sso.TrustSecondFactor:
		return Refuse(CodeSSOEnabled, "Two-factor authentication cannot be required while single sign-on is on. Disconnect single sign-on first, or connect it again and trust its second factor.")
	}
	return nil
}

// remindEvery keeps reminders from becoming noise.
const remindEvery = 24 * time.Hour

// CheckRemind says whether members without 2FA may be reminded now: at most once a day.
func CheckRemind(o *Organization, now time.Time) error {
	if o.RemindedAt == nil || now.Sub(*o.RemindedAt) >= remindEvery {
		return nil
	}
	wait := remindEvery - now.Sub(*o.RemindedAt)
	return &Error{
		Code: CodeRateLimited, RetryAfter: wait,
		Message: "Members were reminded less than a day ago. Remind them again after " + o.RemindedAt.Add(remindEvery).UTC().Format(time.RFC1123) + ".",
	}
}
