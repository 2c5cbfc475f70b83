package app

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"muster/db"
	"muster/org"
)

// endBegun ends what an account has begun whose owner says that somebody else has had it: invitations that nobody has used,
// requests and consents that wait, service tokens that it made of late. Whoever had it may have begun them before the change that
// is reported, so it does not matter when; each is begun anew within a minute by somebody who meant it. What has taken effect
// stays, and owners are told to look at it. It gives a sentence for the person, "" where there was nothing.
func (a *App) endBegun(ctx context.Context, c *accountChange, since time.Time) (told string, err error) {
	ended, err := c.Tx.EndBegun(ctx, c.User.ID, c.locked, since)
	if err != nil {
		return "", fmt.Errorf("end what the account has begun: %w", err)
	}
	var everywhere []string
	for _, id := range slices.Sorted(maps.Keys(ended)) {
		b := ended[id]
		what := begun(b)
		everywhere = append(everywhere, what...)
		for _, token := range b.Tokens {
			e := &org.AuditLogEntry{Action: org.ActionTokenRevoke, Message: "revoked the service token " + token.Name + ", which they may not have made themselves"}
			e.TargetID, e.TargetLabel = label(token)
			c.write(id, e)
		}
		e := &org.AuditLogEntry{
			Action: org.ActionMemberEdit, TargetLabel: c.User.Label(), Message: "said that somebody else has had their account, which ended " + strings.Join(what, ", "),
			Data: map[string]any{"invitations_ended": b.Invitations, "reset_requests_ended": b.Requests, "reset_approvals_taken_back": b.Approvals, "service_tokens_revoked": len(b.Tokens)},
		}
		if m := c.membership(id); m != nil {
			e.TargetID, e.TargetLabel = label(m)
		}
		c.write(id, e)
	}
	for _, id := range slices.Compact(slices.Sorted(slices.Values(c.locked))) {
		m := c.membership(id)
		what := "nothing that waited"
		if b := ended[id]; b != nil {
			what = strings.Join(begun(b), ", ")
		} else if !m.InOffice() {
			continue
		}
		c.notifyOwners(id, c.User.Name+" says that somebody else has had their account. This has ended: "+what+
			". What was done in their name before, by the audit log, stays: look whether somebody became a member, or another role, whom nobody knows.")
	}
	if len(everywhere) == 0 {
		return "", nil
	}
	c.event(org.EventNotMe, "Ended what the account had begun: "+strings.Join(everywhere, ", ")+".")
	return " Ended was also what the account had begun: " + strings.Join(everywhere, ", ") + ".", nil
}

// begun says what was ended.
func begun(b *db.Begun) []string {
	var what []string
	for _, kind := range []struct {
		n    int
		name string
	}{{b.Invitations, "invitations"}, {b.Requests, "requests to reset a second factor"}, {b.Approvals, "approvals of such requests"}} {
		if kind.n > 0 {
			what = append(what, fmt.Sprintf("%s: %d", kind.name, kind.n))
		}
	}
	for _, token := range b.Tokens {
		what = append(what, "the service token "+token.Name)
	}
	return what
}
