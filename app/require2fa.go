package app

import (
	"context"
	"errors"
	"fmt"

	"muster/db"
	"muster/org"
)

// SetRequire2FAInput is what setRequire2FA takes.
type SetRequire2FAInput struct {
	OrganizationID string
	Required       bool
}

// SetRequire2FAPayload is what setRequire2FA answers.
type SetRequire2FAPayload struct {
	Organization *org.Organization
	Sweep        *org.Sweep
}

// SetRequire2FA turns the requirement on or off. From the commit on the gate refuses members who are not compliant; the
// sweep that removes them follows. A repeated ON writes no entry and answers the unfinished sweep, or a new one where
// somebody is not compliant. OFF cancels, mails nobody and reinstates nobody.
func (a *App) SetRequire2FA(ctx context.Context, in SetRequire2FAInput) (*SetRequire2FAPayload, error) {
	payload := &SetRequire2FAPayload{}
	err := a.change(ctx, in.OrganizationID, org.ManageSecurity, func(c *change) error {
		*payload = SetRequire2FAPayload{Organization: c.Organization}
		sso, err := ssoOf(ctx, c.Tx.Queries, c.Organization.ID)
		if err != nil {
			return err
		}
		if err := org.CheckRequire2FA(c.By, sso, in.Required); err != nil {
			return err
		}
		if err := a.fresh(c.request, false); err != nil {
			return err
		}
		turned := c.Organization.Enforced != in.Required
		if turned {
			if err := c.require2FA(ctx, in.Required); err != nil {
				return err
			}
		}
		c.unchanged = !turned
		if !in.Required {
			return c.Tx.CancelSweep(ctx, c.Organization.ID)
		}
		payload.Sweep, err = c.startSweep(ctx, turned)
		return err
	})
	if err != nil {
		return nil, err
	}
	return payload, nil
}

// require2FA stores the requirement with its entry.
func (c *change) require2FA(ctx context.Context, required bool) error {
	c.Organization.Enforced = required
	if err := c.Tx.SetEnforced(ctx, c.Organization); err != nil {
		return err
	}
	message, notice := "no longer requires two-factor authentication", "Two-factor authentication is no longer required."
	if required {
		message, notice = "requires two-factor authentication now", "Two-factor authentication is required now; members without it are removed until they set it up."
	}
	c.log(org.ActionOrgEdit, c.Organization, "edited the organization: it "+message, map[string]any{"require_2fa": required})
	c.notify(true, notice)
	return nil
}

// startSweep answers the sweep that is under way, or starts one where somebody has to be removed, or where the requirement
// has just been turned on.
func (c *change) startSweep(ctx context.Context, turned bool) (*org.Sweep, error) {
	sweep, err := c.Tx.UnfinishedSweep(ctx, c.Organization.ID)
	if err == nil || !errors.Is(err, org.ErrNotFound) {
		return sweep, err
	}
	impact, err := c.Tx.Impact(ctx, c.Organization.ID)
	if err != nil {
		return nil, fmt.Errorf("count the members to remove: %w", err)
	}
	if impact.RemovedCount == 0 && !turned {
		sweep, err := c.Tx.LatestSweep(ctx, c.Organization.ID)
		if errors.Is(err, org.ErrNotFound) {
			return nil, nil
		}
		return sweep, err
	}
	sweep = &org.Sweep{
		ID: db.NewID(db.SweepID), OrganizationID: c.Organization.ID, ActorID: c.By.User.ID, ActorLabel: c.By.User.Label(),
		IPAddress: optional(c.request.IPAddress), UserAgent: optional(c.request.UserAgent),
		State: org.SweepQueued, Total: impact.RemovedCount + impact.UnmailableCount,
	}
	if err := c.Tx.CreateSweep(ctx, sweep); err != nil {
		return nil, fmt.Errorf("start the sweep: %w", err)
	}
	c.enqueue(SweepJob{SweepID: sweep.ID})
	return sweep, nil
}

// Impact says what requiring 2FA would do now.
func (a *App) Impact(ctx context.Context, organizationID string) (*org.Require2FAImpact, error) {
	if _, err := a.read(ctx, organizationID, org.SeeSecurity); err != nil {
		return nil, err
	}
	return a.DB.Impact(ctx, organizationID)
}

// Require2FARefusal is why the caller could not turn the requirement on now; nil where they could, and where it is on. That
// the session is fresh is asked when they do it.
func (a *App) Require2FARefusal(ctx context.Context, organizationID string) (*org.Error, error) {
	access, err := a.read(ctx, organizationID, org.SeeSecurity)
	if err != nil || access.Organization.Enforced {
		return nil, err
	}
	if err = access.Gate(org.ManageSecurity, a.Now()); err == nil {
		sso, failed := ssoOf(ctx, a.DB.Queries, organizationID)
		if failed != nil {
			return nil, failed
		}
		err = org.CheckRequire2FA(access.Member, sso, true)
	}
	var refusal *org.Error
	if errors.As(err, &refusal) {
		return refusal, nil
	}
	return nil, err
}

// ImpactMembers are those whom requiring 2FA would remove or lock out.
func (a *App) ImpactMembers(ctx context.Context, organizationID string, first *int, after *string, unmailable bool, asked Asked) (*org.MemberConnection, error) {
	access, err := a.read(ctx, organizationID, org.SeeSecurity)
	if err != nil {
		return nil, err
	}
	page, err := parseMemberPage(first, after)
	if err != nil {
		return nil, err
	}
	members, err := a.DB.Members(ctx, db.MemberList{
		Organization: access.Organization, Details: asked.MemberDetails, Manager: true, Affected: true, Unmailable: unmailable, Page: page,
	})
	if err != nil {
		return nil, err
	}
	return memberPage(members, access.Member, page, nil), nil
}

// ComplianceHistory is how the organization stood on each of the last days, as far back as it has been there.
func (a *App) ComplianceHistory(ctx context.Context, organizationID string, days int) ([]*org.ComplianceDay, error) {
	if _, err := a.read(ctx, organizationID, org.SeeSecurity); err != nil {
		return nil, err
	}
	if err := org.CheckHistory(days); err != nil {
		return nil, err
	}
	return a.DB.ComplianceHistory(ctx, organizationID, days)
}

// Sweep is the organization's latest, nil before the first.
func (a *App) Sweep(ctx context.Context, organizationID string) (*org.Sweep, error) {
	if _, err := a.read(ctx, organizationID, org.SeeSecurity); err != nil {
		return nil, err
	}
	sweep, err := a.DB.LatestSweep(ctx, organizationID)
	if errors.Is(err, org.ErrNotFound) {
		return nil, nil
	}
	return sweep, err
}

// RemindMembersWithout2FAInput is what remindMembersWithout2FA takes.
type RemindMembersWithout2FAInput struct{ OrganizationID string }

// RemindMembersWithout2FAPayload is what remindMembersWithout2FA answers.
type RemindMembersWithout2FAPayload struct{ RemindedCount int }

// RemindMembersWithout2FA mails every active member without 2FA that it will be required soon, at most once a day.
func (a *App) RemindMembersWithout2FA(ctx context.Context, in RemindMembersWithout2FAInput) (*RemindMembersWithout2FAPayload, error) {
	payload := &RemindMembersWithout2FAPayload{}
	err := a.change(ctx, in.OrganizationID, org.ManageMembers, func(c *change) error {
		if err := org.CheckRemind(c.Organization, a.Now()); err != nil {
			return err
		}
		impact, err := c.Tx.Impact(ctx, c.Organization.ID)
		if err != nil {
			return err
		}
		payload.RemindedCount = impact.RemovedCount
		if impact.RemovedCount == 0 {
			c.unchanged = true // nobody to remind, and the day's reminder is kept for when there is
			return nil
		}
		c.log(org.ActionMemberRemind, c.Organization, fmt.Sprintf("reminded %d members to set up two-factor authentication", impact.RemovedCount),
			map[string]any{"count": impact.RemovedCount})
		c.enqueue(NotifyJob{OrganizationID: c.Organization.ID, Remind: true, By: c.By.PublicName(), At: a.Now()})
		return c.Tx.Reminded(ctx, c.Organization.ID)
	})
	return payload, err
}
