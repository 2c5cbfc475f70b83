package app

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"muster/db"
	"muster/org"
)

// Viewer is the signed-in user, nil for nobody, and for a service token, which is no person.
func (a *App) Viewer(ctx context.Context) (*org.User, error) {
	r := request(ctx)
	if r.session == nil || r.session.Service() {
		return nil, nil
	}
	return r.session.User, nil
}

// refreshedViewer is the caller as a change has just left them.
func (a *App) refreshedViewer(ctx context.Context) (*org.User, error) {
	r := request(ctx)
	user, err := a.DB.User(ctx, r.session.User.ID)
	if err != nil {
		return nil, fmt.Errorf("find the account again: %w", err)
	}
	r.session.User = user
	return user, nil
}

// own says whether the user is the caller: everything else about an account is its owner's alone.
func own(ctx context.Context, userID string) bool {
	r := request(ctx)
	return r.session != nil && r.session.User.ID == userID
}

// held says whether the user is the caller, signed in to the account itself: what an account keeps is not shown to a session
// that an organization's provider has begun, nor to an API token.
func held(ctx context.Context, userID string) bool {
	return own(ctx, userID) && request(ctx).session.CheckHolder() == nil
}

// Authenticators are the caller's own; nil of anybody else.
func (a *App) Authenticators(ctx context.Context, userID string) ([]*org.Authenticator, error) {
	if !held(ctx, userID) {
		return nil, nil
	}
	return a.DB.Authenticators(ctx, userID)
}

// SecurityEvents are a page of the caller's own log, newest first; nil of anybody else's.
func (a *App) SecurityEvents(ctx context.Context, userID string, first *int, after *string) (*org.SecurityEventConnection, error) {
	if !held(ctx, userID) {
		return nil, nil
	}
	req, err := org.ParsePage(first, after)
	if err != nil {
		return nil, err
	}
	if req.After != "" && db.Kind(req.After) != db.SecurityEventID {
		return nil, org.BadInput("after", "This is not a cursor of the account's log.")
	}
	events, more, err := a.DB.SecurityEvents(ctx, userID, req.After, req.First)
	if err != nil {
		return nil, err
	}
	page := org.NewPage(events, req.First, req.After, func(e *org.SecurityEvent) string { return e.OldestID }, nil)
	page.PageInfo.HasNextPage = more
	return page, nil
}

// RecoveryCodes says how many the caller has left; nil before the first, and of anybody else.
func (a *App) RecoveryCodes(ctx context.Context, userID string) (*org.RecoveryCodes, error) {
	if !held(ctx, userID) {
		return nil, nil
	}
	codes, err := a.DB.RecoveryCodes(ctx, userID)
	if errors.Is(err, org.ErrNotFound) {
		return nil, nil
	}
	return codes, err
}

// maxMemberships bounds the list that a client gets; what is decided is decided on all.
const maxMemberships = 100

// Memberships are the caller's own places; nil of anybody else. Where the gate keeps the caller out, only what helps to
// find the way back is shown.
func (a *App) Memberships(ctx context.Context, userID string) ([]*org.Member, error) {
	if !own(ctx, userID) {
		return nil, nil
	}
	session, err := a.sessionNow(ctx, request(ctx))
	if err != nil {
		return nil, err
	}
	memberships, err := a.DB.Memberships(ctx, userID)
	if err != nil {
		return nil, err
	}
	seen := []*org.Member{}
	for _, m := range memberships {
		access := org.Access{Organization: m.Organization, Member: m, Session: session}
		switch err := access.Gate(org.SeeMembers, a.Now()); {
		case err == nil:
			seen = append(seen, m.SeenBy(m))
		case !errors.Is(err, org.ErrNotFound):
			seen = append(seen, m.Limited())
		}
	}
	return seen[:min(len(seen), maxMemberships)], nil
}

// ViewerIn is the caller's own place in an organization; a service token has none.
func (a *App) ViewerIn(ctx context.Context, organizationID string) (*org.Member, error) {
	access, err := a.read(ctx, organizationID, org.SeeMembers)
	if err != nil || access.Session.Service() {
		return nil, err
	}
	m, err := a.DB.Member(ctx, access.Member.ID)
	if err != nil {
		return nil, err
	}
	return m.SeenBy(m), nil
}

// Member is one member of an organization.
func (a *App) Member(ctx context.Context, organizationID, id string) (*org.Member, error) {
	access, err := a.read(ctx, organizationID, org.SeeMembers)
	if err != nil {
		return nil, err
	}
	m, err := a.DB.Member(ctx, id)
	if err != nil {
		return nil, err
	}
	if m.OrganizationID != organizationID || !m.VisibleTo(access.Member) || m.Status == org.StatusRemovedFor2FA && !m.WindowOpen(a.Now()) {
		return nil, org.ErrNotFound
	}
	return m.SeenBy(access.Member), nil
}

// Asked says what of a connection of members a query asks for: the rest costs something and is left out.
type Asked struct {
	org.MemberDetails

	TotalCount bool
}

// Members is a page of an organization's members, as the caller sees them.
func (a *App) Members(ctx context.Context, organizationID string, first *int, after *string, filter *org.MemberFilter, asked Asked) (*org.MemberConnection, error) {
	access, err := a.read(ctx, organizationID, org.SeeMembers)
	if err != nil {
		return nil, err
	}
	page, err := parseMemberPage(first, after)
	if err != nil {
		return nil, err
	}
	if err := filter.Check(access.Member); err != nil {
		return nil, err
	}
	manager := access.Member.Role.AtLeast(org.RoleManager)
	members, err := a.DB.Members(ctx, db.MemberList{
		Organization: access.Organization, Details: asked.MemberDetails, Filter: filter, Manager: manager, Page: page,
	})
	if err != nil {
		return nil, err
	}
	var total *int
	if asked.TotalCount {
		counts, err := a.DB.MemberCounts(ctx, organizationID)
		if err != nil {
			return nil, err
		}
		total = counts.Of(filter, manager)
	}
	return memberPage(members, access.Member, page, total), nil
}

// MemberCounts are how many members the organization has.
func (a *App) MemberCounts(ctx context.Context, organizationID string) (*org.MemberCounts, error) {
	if _, err := a.read(ctx, organizationID, org.SeeSecurity); err != nil {
		return nil, err
	}
	return a.DB.MemberCounts(ctx, organizationID)
}

// parseMemberPage checks the arguments of a connection of members, whose cursors are members' ids.
func parseMemberPage(first *int, after *string) (org.PageRequest, error) {
	page, err := org.ParsePage(first, after)
	if err == nil && page.After != "" && db.Kind(page.After) != db.MemberID {
		err = org.BadInput("after", "This is not a cursor of a list of members.")
	}
	return page, err
}

// memberPage makes a page of members that have just been read.
func memberPage(members []*org.Member, viewer *org.Member, page org.PageRequest, total *int) *org.MemberConnection {
	for _, m := range members {
		m.HideFrom(viewer)
	}
	return org.NewPage(members, page.First, page.After, func(m *org.Member) string { return m.ID }, total)
}

// SetMemberTeamsInput is what setMemberTeams takes.
type SetMemberTeamsInput struct {
	MemberID string
	TeamIDs  []string
}

// MemberPayload is what mutations of a member answer.
type MemberPayload struct{ Member *org.Member }

// The payloads that are a member.
type (
	SetMemberTeamsPayload             = MemberPayload
	UpdateNotificationSettingsPayload = MemberPayload
	InviteMemberPayload               = MemberPayload
	ResendInvitePayload               = MemberPayload
	ChangeMemberRolePayload           = MemberPayload
)

// answer reads a member again inside the change, as its author sees it.
func (c *change) answer(ctx context.Context, memberID string) (*MemberPayload, error) {
	m, err := c.Tx.Member(ctx, memberID)
	if err != nil {
		return nil, err
	}
	return &MemberPayload{Member: m.SeenBy(c.By)}, nil
}

// SetMemberTeams sets which teams a member is in.
func (a *App) SetMemberTeams(ctx context.Context, in SetMemberTeamsInput) (payload *MemberPayload, err error) {
	teamIDs, err := checkTeamIDs("teamIds", in.TeamIDs)
	if err != nil {
		return nil, err
	}
	err = a.changeOfMember(ctx, in.MemberID, org.ManageTeams, func(c *change, target *org.Member) error {
		if err := org.CheckOver(c.By, target); err != nil {
			return err
		}
		if err := c.setTeams(ctx, target.ID, teamIDs); err != nil {
			return err
		}
		if payload, err = c.answer(ctx, target.ID); err != nil {
			return err
		}
		slugs := []string{}
		for _, t := range payload.Member.Teams {
			slugs = append(slugs, t.Slug)
		}
		c.log(org.ActionMemberEdit, target, "set the teams of "+target.Label(), map[string]any{"teams": slugs})
		return nil
	})
	return payload, err
}

// maxTeams is the most teams that one member is in.
const maxTeams = 100

func checkTeamIDs(field string, ids []string) ([]string, error) {
	if len(ids) > maxTeams {
		return nil, org.BadInput(field, "A member is in at most %d teams.", maxTeams)
	}
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// setTeams sets a member's teams; one that is not the organization's is NOT_FOUND.
func (c *change) setTeams(ctx context.Context, memberID string, teamIDs []string) error {
	n, err := c.Tx.SetTeams(ctx, c.Organization.ID, memberID, teamIDs)
	if err != nil {
		return fmt.Errorf("set the teams: %w", err)
	}
	if n != len(teamIDs) {
		return org.ErrNotFound
	}
	return nil
}

// UpdateNotificationSettingsInput is what updateNotificationSettings takes: what is nil stays.
type UpdateNotificationSettingsInput struct {
	OrganizationID string
	Membership     *bool
	Security       *bool
}

// UpdateNotificationSettings sets which mails the caller wants. Turning off those about security takes a fresh session and is
// told: a thief does it first.
func (a *App) UpdateNotificationSettings(ctx context.Context, in UpdateNotificationSettingsInput) (payload *MemberPayload, err error) {
	err = a.change(ctx, in.OrganizationID, org.NotifyMe, func(c *change) error {
		settings := *c.By.NotificationSettings
		if in.Membership != nil {
			settings.Membership = *in.Membership
		}
		if in.Security != nil {
			settings.Security = *in.Security
		}
		if c.By.NotificationSettings.Security && !settings.Security {
			if err := a.silenceSecurity(ctx, c); err != nil {
				return err
			}
		}
		if err := c.Tx.SetNotifications(ctx, c.By.ID, settings); err != nil {
			return err
		}
		if settings == *c.By.NotificationSettings {
			c.unchanged = true
		} else {
			c.log(org.ActionMemberEdit, c.By, "changed their notification settings", map[string]any{
				"notifications": map[string]any{"membership": settings.Membership, "security": settings.Security},
			})
		}
		payload, err = c.answer(ctx, c.By.ID)
		return err
	})
	return payload, err
}

// silenceSecurity lets the caller turn off the mails about an organization's security.
func (a *App) silenceSecurity(ctx context.Context, c *change) error {
	if err := a.fresh(c.request, false); err != nil {
		return err
	}
	user, err := c.Tx.User(ctx, c.By.User.ID)
	if err != nil {
		return fmt.Errorf("find the account: %w", err)
	}
	message := fmt.Sprintf("Turned off the mails about the security settings of %q.", c.Organization.Name)
	e, err := a.alert(ctx, c.Tx, c.request, user, org.EventSecurityMailsOff, message)
	if err != nil {
		return err
	}
	return c.Tx.AddSecurityEvent(ctx, e)
}

// ChangeMemberRoleInput is what changeMemberRole takes.
type ChangeMemberRoleInput struct {
	MemberID string
	Role     org.Role
}

// ChangeMemberRole changes a member's role, of removed and invited ones too.
func (a *App) ChangeMemberRole(ctx context.Context, in ChangeMemberRoleInput) (payload *MemberPayload, err error) {
	err = a.changeOfMember(ctx, in.MemberID, org.ManageMembers, func(c *change, target *org.Member) error {
		others, err := c.Tx.OtherOwners(ctx, c.Organization.ID, target.ID)
		if err != nil {
			return err
		}
		if err := org.CheckRoleChange(c.Organization, c.By, target, in.Role, others); err != nil {
			return err
		}
		if err := org.CheckTokenGrant(c.request.session, in.Role); err != nil {
			return err
		}
		if err := a.freshForOwner(c, in.Role, target.Role); err != nil {
			return err
		}
		if target.Role == in.Role {
			c.unchanged = true
		} else {
			if err := c.answerFor(ctx, target); err != nil {
				return err
			}
			if err := c.Tx.SetRole(ctx, target.ID, in.Role); err != nil {
				return err
			}
			message := fmt.Sprintf("changed the role of %s from %s to %s", target.Label(), target.Role.Title(), in.Role.Title())
			c.log(org.ActionMemberEdit, target, message, map[string]any{"role": in.Role, "role_before": target.Role})
			c.notify(in.Role == org.RoleOwner || target.Role == org.RoleOwner, fmt.Sprintf("The role of %s is now %s.", target.PublicName(), in.Role.Title()))
			c.notifyOwnerGone(target)
			if c.By.ID == target.ID {
				c.By.Role = in.Role // the answer shows only what the new role may see
			}
		}
		payload, err = c.answer(ctx, target.ID)
		return err
	})
	return payload, err
}

// RemoveMemberInput is what removeMember takes.
type RemoveMemberInput struct{ MemberID string }

// RemoveMemberPayload is what removeMember answers.
type RemoveMemberPayload struct {
	Organization    *org.Organization
	RemovedMemberID string
}

// RemoveMember removes a member for good, or withdraws an invitation.
func (a *App) RemoveMember(ctx context.Context, in RemoveMemberInput) (*RemoveMemberPayload, error) {
	payload := &RemoveMemberPayload{RemovedMemberID: in.MemberID}
	err := a.changeOfMember(ctx, in.MemberID, org.ManageMembers, func(c *change, target *org.Member) error {
		payload.Organization = c.Organization
		if target.ID == c.By.ID {
			return org.Refuse(org.CodeConflict, "To go yourself, leave the organization.")
		}
		if err := org.CheckOver(c.By, target); err != nil {
			return err
		}
		if err := a.freshForOwner(c, target.Role); err != nil {
			return err
		}
		return c.end(ctx, target, org.ActionMemberRemove, "removed "+target.Label())
	})
	return payload, err
}

// LeaveOrganizationInput is what leaveOrganization takes.
type LeaveOrganizationInput struct{ OrganizationID string }

// LeaveOrganizationPayload is what leaveOrganization answers.
type LeaveOrganizationPayload struct{ User *org.User }

// LeaveOrganization ends the caller's own membership.
func (a *App) LeaveOrganization(ctx context.Context, in LeaveOrganizationInput) (*LeaveOrganizationPayload, error) {
	err := a.change(ctx, in.OrganizationID, org.Leave, func(c *change) error {
		if err := a.freshForOwner(c, c.By.Role); err != nil {
			return err
		}
		return c.end(ctx, c.By, org.ActionMemberLeave, "left the organization")
	})
	if err != nil {
		return nil, err
	}
	return &LeaveOrganizationPayload{User: request(ctx).session.User}, nil
}

// end ends a membership for good, unless the organization would be left without an owner.
func (c *change) end(ctx context.Context, target *org.Member, action, message string) error {
	others, err := c.Tx.OtherOwners(ctx, c.Organization.ID, target.ID)
	if err != nil {
		return err
	}
	if err := org.CheckOwnerGoes(c.Organization, target, others); err != nil {
		return err
	}
	c.log(action, target, message, map[string]any{"role": target.Role, "status": target.Status})
	if target.Status == org.StatusActive {
		c.notify(target.Role == org.RoleOwner, target.PublicName()+" is no longer a member.")
		c.notifyOwnerGone(target)
	}
	return c.Tx.DeleteMember(ctx, target.ID)
}
