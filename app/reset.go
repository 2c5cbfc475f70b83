package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"muster/db"
	"muster/org"
	"muster/secret"
)

// ResetMemberTwoFactorInput is what resetMemberTwoFactor takes.
type ResetMemberTwoFactorInput struct {
	MemberID string
	Reason   string
}

// ResetMemberTwoFactorPayload is what resetMemberTwoFactor answers: Reset is nil where it took effect at once.
type ResetMemberTwoFactorPayload struct {
	Member *org.Member
	Reset  *org.TwoFactorReset
}

// ResetMemberTwoFactor resets a member's second factor, at once where the person belongs to no other organization. Where
// they do, it asks: one tenant must not be able to disarm another's owner.
func (a *App) ResetMemberTwoFactor(ctx context.Context, in ResetMemberTwoFactorInput) (*ResetMemberTwoFactorPayload, error) {
	r, err := holder(ctx)
	if err != nil {
		return nil, err
	}
	reason, err := org.ParseReason("reason", in.Reason)
	if err != nil {
		return nil, err
	}
	target, err := a.DB.Member(ctx, in.MemberID)
	if err != nil {
		return nil, err
	}
	if _, err := a.mayReset(ctx, a.DB.Queries, r, target); err != nil {
		return nil, err
	}
	if err := a.spend(ctx, limitFactorReset, target.OrganizationID+" "+target.UserID()); err != nil {
		return nil, err
	}
	if err := a.expireResetOf(ctx, target.UserID(), target.OrganizationID); err != nil {
		return nil, err
	}
	var by *org.Member
	check := func(tx *db.Tx) error {
		if err := a.reload(ctx, tx, r); err != nil {
			return err
		}
		if target, err = tx.Member(ctx, in.MemberID); err != nil {
			return err
		}
		by, err = a.mayReset(ctx, tx.Queries, r, target)
		return err
	}
	payload := &ResetMemberTwoFactorPayload{}
	err = a.changeAccountOf(ctx, target.UserID(), check, func(c *accountChange) error {
		*payload = ResetMemberTwoFactorPayload{}
		if err := a.askReset(ctx, c, by, target, reason, payload); err != nil {
			return err
		}
		// Whoever asks does so in the organization, which may know from where.
		for _, e := range c.entries[target.OrganizationID] {
			if e.Action == org.ActionReset || e.Action == org.ActionResetRequested {
				e.IPAddress, e.UserAgent = optional(r.IPAddress), optional(r.UserAgent)
			}
		}
		now, err := c.Tx.Member(ctx, target.ID)
		if err != nil {
			return err
		}
		payload.Member = now.SeenBy(by)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return payload, nil
}

// mayReset says whether the caller may reset target's second factor now, and as whom.
func (a *App) mayReset(ctx context.Context, q db.Queries, r *Request, target *org.Member) (*org.Member, error) {
	by, err := q.MemberOf(ctx, target.OrganizationID, r.session.User.ID)
	if err != nil {
		return nil, err
	}
	access := org.Access{Organization: by.Organization, Member: by, Session: r.session}
	if err := access.Gate(org.ManageMembers, a.Now()); err != nil {
		return nil, err
	}
	if err := org.CheckReset(by, target); err != nil {
		return nil, err
	}
	return by, a.fresh(r, false)
}

// askReset does it at once, or stores the request and tells those who have to agree.
func (a *App) askReset(ctx context.Context, c *accountChange, by, target *org.Member, reason string, payload *ResetMemberTwoFactorPayload) error {
	waiting, err := pendingResetOf(ctx, c.Tx.Queries, c.User.ID, target.OrganizationID)
	if err != nil {
		return err
	}
	if waiting != nil {
		return org.Refuse(org.CodeConflict, "A request to reset the second factor of %s is waiting already.", target.PublicName())
	}
	c.actor, c.request = func(string) actor { return actorOf(by.User) }, &Request{}
	what := fmt.Sprintf("%s of %s", by.User.Label(), by.Organization.Name)
	if org.ResetAtOnce(target.OrganizationID, c.Memberships, a.Now()) {
		if err := c.checkLockOut(ctx, func(id string) bool { return id == target.OrganizationID }); err != nil {
			return err
		}
		says := func(m *org.Member) (string, map[string]any) {
			return "reset the second factor of " + m.Label(), map[string]any{"reason": reason}
		}
		return a.disarm(ctx, c, says, fmt.Sprintf("%s reset your second factor: %s", what, reason))
	}
	reset := &org.Reset{
		ID: db.NewID(db.ResetID), UserID: c.User.ID, OrganizationID: target.OrganizationID, OrganizationName: target.Organization.Name,
		RequestedByID: by.User.ID, RequestedByName: by.User.Name, RequestedByLabel: by.User.Label(), Reason: reason,
		State: org.ResetPending, Nonce: secret.NewNonce(), CreatedAt: a.Now(), ExpiresAt: a.Now().Add(org.ResetLife),
	}
	if err := c.Tx.CreateReset(ctx, reset, secret.Hash(a.Keys.Link(reset.Nonce))); err != nil {
		return fmt.Errorf("store the request: %w", err)
	}
	c.actor = func(organizationID string) actor {
		if organizationID == reset.OrganizationID {
			return actorOf(by.User)
		}
		return actor{label: org.ElsewhereLabel, name: org.ElsewhereLabel}
	}
	c.logReset(reset, org.ActionResetRequested, "asked to reset the second factor of "+target.Label(), "")
	for _, m := range c.Memberships {
		if reset.MustApprove(m, a.Now()) {
			c.notifyOwners(m.OrganizationID, "Another organization of "+m.PublicName()+" asks to reset their second factor. Ask them whether they have lost it; then approve or decline it.")
		}
	}
	c.notifyOwners(reset.OrganizationID, by.PublicName()+" asks to reset the second factor of "+target.PublicName()+".")
	c.event(org.EventFactorResetRequested, fmt.Sprintf("%s asked to reset your second factor: %s", what, reason))
	c.jobs = append(c.jobs, MailJob{Template: templateFactorReset, ResetID: reset.ID})
	payload.Reset = reset.SeenBy(by, target)
	return nil
}

// logReset writes what happens to a request into the log where it was asked for, with the reason, and of every organization
// that has to agree, without. state is how it ended, "" while it goes on.
func (c *accountChange) logReset(reset *org.Reset, action, message string, state org.TwoFactorResetState) {
	ids := []string{reset.OrganizationID} // also where the person has left it meanwhile
	for _, m := range c.Memberships {
		if reset.MustApprove(m, c.app.Now()) {
			ids = append(ids, m.OrganizationID)
		}
	}
	for _, id := range ids {
		e := &org.AuditLogEntry{Action: action, Message: message, TargetLabel: c.User.Label(), Data: map[string]any{"request": reset.ID}}
		if m := c.membership(id); m != nil {
			e.TargetID, e.TargetLabel = label(m)
		}
		if id == reset.OrganizationID {
			e.Data["reason"] = reset.Reason
		}
		if state != "" {
			e.Data["state"] = state
		}
		c.write(id, e)
	}
}

// ApproveTwoFactorResetInput is what approveTwoFactorReset takes.
type ApproveTwoFactorResetInput struct{ RequestID string }

// TwoFactorResetPayload is what mutations of a request answer.
type TwoFactorResetPayload struct{ Reset *org.TwoFactorReset }

// ApproveTwoFactorResetPayload is what approveTwoFactorReset answers.
type ApproveTwoFactorResetPayload = TwoFactorResetPayload

// ApproveTwoFactorReset gives the consent of every organization that the caller owns and that has to agree. The last one
// makes the reset take effect.
func (a *App) ApproveTwoFactorReset(ctx context.Context, in ApproveTwoFactorResetInput) (*TwoFactorResetPayload, error) {
	r, err := holder(ctx)
	if err != nil {
		return nil, err
	}
	reset, err := a.DB.Reset(ctx, in.RequestID)
	if err != nil {
		return nil, err
	}
	memberships, err := a.DB.Memberships(ctx, reset.UserID)
	if err != nil {
		return nil, fmt.Errorf("find the memberships: %w", err)
	}
	if _, err := a.speaksFor(ctx, a.DB.Queries, r, reset, memberships); err != nil {
		return nil, err
	}
	payload := &TwoFactorResetPayload{}
	var void error
	check := func(tx *db.Tx) error { return a.reload(ctx, tx, r) }
	err = a.changeAccountOf(ctx, reset.UserID, check, func(c *accountChange) error {
		void = nil
		reset, err := c.Tx.Reset(ctx, in.RequestID)
		if err != nil {
			return err
		}
		voices, err := a.speaksFor(ctx, c.Tx.Queries, r, reset, c.Memberships)
		if err != nil {
			return err
		}
		if err := a.fresh(r, false); err != nil {
			return err
		}
		if !reset.Open(a.Now()) {
			return errResetEnded()
		}
		if void, err = a.voidReset(ctx, c, reset); err != nil || void != nil {
			return err
		}
		if err := a.approve(ctx, c, r, reset, voices); err != nil {
			return err
		}
		first := voices[0]
		target, err := c.Tx.Member(ctx, c.membership(first.OrganizationID).ID)
		if err != nil {
			return err
		}
		payload.Reset = reset.SeenBy(first, target)
		return nil
	}, reset.OrganizationID)
	if err == nil {
		err = void
	}
	if err != nil {
		return nil, err
	}
	return payload, nil
}

func errResetEnded() error {
	return org.Refuse(org.CodeConflict, "This request has ended: it took effect, was declined or withdrawn, or its 72 hours are over.")
}

// speaksFor are the caller's own memberships as an owner of organizations that have to agree to a request; NOT_FOUND where
// there is none, since it is not theirs to know of.
func (a *App) speaksFor(ctx context.Context, q db.Queries, r *Request, reset *org.Reset, memberships []*org.Member) ([]*org.Member, error) {
	var voices []*org.Member
	refusal := error(org.ErrNotFound)
	for _, m := range memberships {
		if !reset.MustApprove(m, a.Now()) {
			continue
		}
		by, err := q.MemberOf(ctx, m.OrganizationID, r.session.User.ID)
		if errors.Is(err, org.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("find the caller's place: %w", err)
		}
		access := org.Access{Organization: by.Organization, Member: by, Session: r.session}
		err = access.Gate(org.ManageSecurity, a.Now())
		switch {
		case err == nil && reset.CheckApprover(by, m):
			voices = append(voices, by)
		case errors.Is(err, &org.Error{Code: org.CodeTwoFactorRequired}), errors.Is(err, &org.Error{Code: org.CodeStepUpRequired}):
			refusal = err
		}
	}
	if len(voices) == 0 {
		return nil, refusal
	}
	return voices, nil
}

// approve notes the consents, each in the log of its organization, and lets the request take effect with the last one.
func (a *App) approve(ctx context.Context, c *accountChange, r *Request, reset *org.Reset, voices []*org.Member) error {
	valid, err := a.standingApprovals(ctx, c, reset)
	if err != nil {
		return err
	}
	stands := func(given *org.ResetApproval) bool { return valid[given.OrganizationID] }
	news := false
	c.request = &Request{} // from where others act is not for the person's log
	for _, by := range voices {
		if valid[by.OrganizationID] {
			continue
		}
		news, valid[by.OrganizationID] = true, true
		given := &org.ResetApproval{OrganizationID: by.OrganizationID, ApprovedByID: by.User.ID, ApprovedByLabel: by.User.Label()}
		if err := c.Tx.ApproveReset(ctx, reset.ID, given); err != nil {
			return fmt.Errorf("note the approval: %w", err)
		}
		m := c.membership(by.OrganizationID)
		e := entryBy(by.User, r, org.ActionResetApproved, "approved the reset of the second factor of "+m.Label(), map[string]any{"request": reset.ID})
		e.TargetID, e.TargetLabel = label(m)
		c.entries[by.OrganizationID] = append(c.entries[by.OrganizationID], e)
		c.event(org.EventFactorResetApproved, fmt.Sprintf("%s of %s approved the reset of your second factor.", by.User.Label(), by.Organization.Name))
	}
	again, err := c.Tx.Reset(ctx, reset.ID)
	if err != nil {
		return err
	}
	*reset = *again
	switch agreed := reset.Approved(c.Memberships, stands, a.Now()); {
	case !agreed && !news:
		return org.Refuse(org.CodeConflict, "Your organization has approved this already; others have yet to agree.")
	case !agreed:
		return nil
	}
	c.actor = func(organizationID string) actor {
		if organizationID == reset.OrganizationID {
			return actor{&reset.RequestedByID, reset.RequestedByLabel, reset.RequestedByName}
		}
		if given := reset.ApprovalIn(organizationID); given != nil {
			return actor{id: &given.ApprovedByID, label: given.ApprovedByLabel}
		}
		return actor{label: org.ElsewhereLabel, name: org.ElsewhereLabel}
	}
	known := func(organizationID string) bool {
		for _, by := range voices {
			if by.OrganizationID == organizationID {
				return true
			}
		}
		return false
	}
	return a.takeEffect(ctx, c, reset, known, fmt.Sprintf("Owners of your organizations approved that %s of %s resets your second factor: %s",
		reset.RequestedByLabel, reset.OrganizationName, reset.Reason))
}

// standingApprovals are the organizations whose consent still counts: whoever gave it must be an owner there still.
func (a *App) standingApprovals(ctx context.Context, c *accountChange, reset *org.Reset) (map[string]bool, error) {
	valid := map[string]bool{}
	for _, given := range reset.Approvals {
		m := c.membership(given.OrganizationID)
		if m == nil {
			continue
		}
		by, err := c.Tx.MemberOf(ctx, given.OrganizationID, given.ApprovedByID)
		if err != nil && !errors.Is(err, org.ErrNotFound) {
			return nil, fmt.Errorf("find who approved: %w", err)
		}
		valid[given.OrganizationID] = err == nil && reset.CheckApprover(by, m)
	}
	return valid, nil
}

// voidReset ends a request that no longer stands where it was asked for, and gives what to answer instead: whoever asked
// might not ask any more, or the person has left.
func (a *App) voidReset(ctx context.Context, c *accountChange, reset *org.Reset) (refusal, err error) {
	by, err := c.Tx.MemberOf(ctx, reset.OrganizationID, reset.RequestedByID)
	if err != nil && !errors.Is(err, org.ErrNotFound) {
		return nil, fmt.Errorf("find who asked: %w", err)
	}
	if org.ResetHolds(by, c.membership(reset.OrganizationID)) {
		return nil, nil
	}
	c.actor = func(string) actor { return actor{label: org.SystemLabel, name: org.SystemLabel} }
	refusal = org.Refuse(org.CodeConflict, "This request no longer stands: whoever asked could not ask for it any more, or there is no factor left to reset. It has been ended.")
	return refusal, a.endReset(ctx, c, reset, org.ResetVoid, "ended a request to reset the second factor of "+c.User.Label()+" that no longer stood")
}

// takeEffect does what a request asked for, once, to which everybody has agreed.
func (a *App) takeEffect(ctx context.Context, c *accountChange, reset *org.Reset, known func(organizationID string) bool, told string) error {
	if err := c.checkLockOut(ctx, known); err != nil {
		return err
	}
	ended, err := c.Tx.EndReset(ctx, reset.ID, org.ResetDone)
	if err != nil {
		return fmt.Errorf("end the request: %w", err)
	}
	if !ended {
		return errResetEnded()
	}
	reset.State = org.ResetDone
	says := func(m *org.Member) (string, map[string]any) {
		data := map[string]any{"request": reset.ID}
		if m.OrganizationID == reset.OrganizationID {
			data["reason"] = reset.Reason
		}
		if by := c.actor(m.OrganizationID).id; by != nil && *by == c.User.ID {
			return "confirmed the reset of their second factor", data
		}
		return "reset the second factor of " + m.Label(), data
	}
	return a.disarm(ctx, c, says, told)
}

// endReset ends a request without effect, in the logs that told of it, and tells the person and who is concerned.
func (a *App) endReset(ctx context.Context, c *accountChange, reset *org.Reset, state org.TwoFactorResetState, message string) error {
	ended, err := c.Tx.EndReset(ctx, reset.ID, state)
	if err != nil {
		return fmt.Errorf("end the request: %w", err)
	}
	if !ended {
		return errResetEnded()
	}
	reset.State = state
	c.logReset(reset, org.ActionResetEnded, message, state)
	told := fmt.Sprintf("The request of %s of %s to reset your second factor has ended without effect: %s.", reset.RequestedByLabel, reset.OrganizationName, endings[state])
	c.event(org.EventFactorResetEnded, told)
	c.notifyOwners(reset.OrganizationID, "The request to reset the second factor of "+c.User.Name+" has ended without effect: "+endings[state]+".")
	c.jobs = append(c.jobs, accountMail(&Request{}, c.User.ID, told, a.Now()))
	return nil
}

// endings say how a request ended.
var endings = map[org.TwoFactorResetState]string{
	org.ResetDeclined:  "it was declined",
	org.ResetWithdrawn: "it was withdrawn",
	org.ResetExpired:   "nobody agreed within 72 hours",
	org.ResetVoid:      "whoever asked could not ask for it any more, or there was nothing left to reset",
}

// expireResets ends the requests whose time is over, or that their own author disowns.
func (a *App) expireResets(ctx context.Context) error {
	over, err := a.DB.ResetsOver(ctx, a.Now(), 100)
	if err != nil {
		return fmt.Errorf("find the requests whose time is over: %w", err)
	}
	for _, reset := range over {
		if err := a.expireReset(ctx, reset); err != nil {
			return fmt.Errorf("end a request: %w", err)
		}
	}
	return nil
}

// pendingResetOf is the request of an organization that waits about a person, nil where there is none.
func pendingResetOf(ctx context.Context, q db.Queries, userID, organizationID string) (*org.Reset, error) {
	waiting, err := q.PendingResets(ctx, userID)
	if err != nil {
		return nil, fmt.Errorf("look for requests: %w", err)
	}
	for _, reset := range waiting {
		if reset.OrganizationID == organizationID {
			return reset, nil
		}
	}
	return nil, nil
}

// expireResetOf ends an organization's request about a person if its time is over and nobody has done so yet.
func (a *App) expireResetOf(ctx context.Context, userID, organizationID string) error {
	reset, err := pendingResetOf(ctx, a.DB.Queries, userID, organizationID)
	if err != nil || reset == nil || reset.Open(a.Now()) {
		return err
	}
	return a.expireReset(ctx, reset)
}

func (a *App) expireReset(ctx context.Context, reset *org.Reset) error {
	allowed := func(*db.Tx) error { return nil }
	err := a.changeAccountOf(WithRequest(ctx, &Request{}), reset.UserID, allowed, func(c *accountChange) error {
		now, err := c.Tx.Reset(ctx, reset.ID)
		if err != nil {
			return err
		}
		if now.State != org.ResetPending {
			return errResetEnded()
		}
		c.actor = func(string) actor { return actor{label: org.SystemLabel, name: org.SystemLabel} }
		state := now.Lapses()
		return a.endReset(ctx, c, now, state, "ended a request to reset the second factor of "+c.User.Label()+": "+endings[state])
	}, reset.OrganizationID)
	if errors.Is(err, &org.Error{Code: org.CodeConflict}) {
		return nil // somebody else was faster
	}
	return err
}

// maxResets bounds the list of an organization's requests.
const maxResets = 100

// TwoFactorResets are the requests that wait about members of an organization: those that it asked for, for managers and
// owners; those that it has to agree to, for owners.
func (a *App) TwoFactorResets(ctx context.Context, organizationID string) ([]*org.TwoFactorReset, error) {
	access, err := a.read(ctx, organizationID, org.SeeSecurity)
	if err != nil {
		return nil, err
	}
	resets, members, err := a.DB.ResetsTouching(ctx, organizationID, a.Now(), maxResets)
	if err != nil {
		return nil, fmt.Errorf("find the requests: %w", err)
	}
	seen := []*org.TwoFactorReset{}
	for _, reset := range resets {
		m := members[reset.UserID]
		if m != nil && reset.VisibleTo(access.Member, m, a.Now()) {
			seen = append(seen, reset.SeenBy(access.Member, m))
		}
	}
	return seen, nil
}

// limitFactorReset bounds the mails that an organization can make a person get by asking for resets.
var limitFactorReset = limit{
	"2fa-reset",
	db.Limit{Hits: 5, Window: time.Hour},
	db.Limit{Hits: 10, Window: 24 * time.Hour},
	"Too many requests to reset this person's second factor.",
}
