package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"muster/db"
	"muster/org"
	"muster/secret"
)

// InviteMemberInput is what inviteMember takes.
type InviteMemberInput struct {
	OrganizationID string
	Email          string
	Role           org.Role
	TeamIDs        []string
}

// InviteMember invites an address.
func (a *App) InviteMember(ctx context.Context, in InviteMemberInput) (payload *MemberPayload, err error) {
	email, err := org.ParseEmail("email", in.Email)
	if err != nil {
		return nil, err
	}
	teamIDs, err := checkTeamIDs("teamIds", in.TeamIDs)
	if err != nil {
		return nil, err
	}
	if err := a.spendInvite(ctx, in.OrganizationID, email, in.Role); err != nil {
		return nil, err
	}
	err = a.change(ctx, in.OrganizationID, org.ManageMembers, func(c *change) error {
		if err := a.mayInvite(c.By, c.request.session, in.Role); err != nil {
			return err
		}
		existing, err := c.Tx.MemberByEmail(ctx, c.Organization.ID, email)
		if err != nil && !errors.Is(err, org.ErrNotFound) {
			return err
		}
		if err := org.CheckInvite(existing, a.Now()); err != nil {
			return err
		}
		if existing != nil {
			if err := c.expire(ctx, existing); err != nil {
				return err
			}
		}
		id := db.NewID(db.MemberID)
		if err := c.Tx.CreateInvited(ctx, id, c.Organization.ID, email, in.Role, c.person()); err != nil {
			return err
		}
		if err := c.setTeams(ctx, id, teamIDs); err != nil {
			return err
		}
		hash, err := a.setLink(ctx, c.Tx, db.NewLink{MemberID: id, Reason: org.ReasonInvited, Sender: c.sender()})
		if err != nil {
			return err
		}
		c.enqueue(linkMail(id, hash))
		if payload, err = c.answer(ctx, id); err != nil {
			return err
		}
		c.log(org.ActionMemberInvite, payload.Member, "invited "+email, map[string]any{"email": email, "role": in.Role})
		c.notifyInvited(email, in.Role)
		return nil
	})
	return payload, err
}

// mayInvite says whether the caller may send, or send again, an invitation with a role. An old one is as good as a new one to
// whoever holds its mailbox, so both ask the same.
func (a *App) mayInvite(by *org.Member, s *org.Session, role org.Role) error {
	if err := org.CheckGrant(by, role); err != nil {
		return err
	}
	if err := org.CheckTokenGrant(s, role); err != nil || role != org.RoleOwner {
		return err
	}
	return org.CheckFresh(s, a.Now(), a.StepUp, false)
}

// sender is the caller as who answers for an invitation.
func (c *change) sender() db.Sender {
	s := db.Sender{UserID: c.person()}
	if c.request.session.Token != nil {
		s.TokenID = c.request.session.ID
	}
	return s
}

// answerFor makes the caller answer for an invitation that still stands and that they give another role.
func (c *change) answerFor(ctx context.Context, target *org.Member) error {
	if target.Status != org.StatusInvited {
		return nil
	}
	_, err := c.Tx.LinkOf(ctx, target.ID)
	if errors.Is(err, org.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find the invitation: %w", err)
	}
	return c.Tx.SetSender(ctx, target.ID, c.sender())
}

// notifyInvited tells all owners who is about to become one of those that decide over others.
func (c *change) notifyInvited(email string, role org.Role) {
	if role.AtLeast(org.RoleManager) {
		c.notifyOwners(fmt.Sprintf("%s was invited as %s.", email, role.Title()))
	}
}

// spendInvite counts the mail of an invitation, also by address over all organizations: what would be refused anyway, and
// what strangers try, costs nobody anything.
func (a *App) spendInvite(ctx context.Context, organizationID, email string, role org.Role) error {
	access, err := a.read(ctx, organizationID, org.ManageMembers)
	if err != nil {
		return err
	}
	if err := a.mayInvite(access.Member, access.Session, role); err != nil {
		return err
	}
	existing, err := a.DB.MemberByEmail(ctx, organizationID, email)
	if err != nil && !errors.Is(err, org.ErrNotFound) {
		return fmt.Errorf("look who has the address: %w", err)
	}
	if err := org.CheckInvite(existing, a.Now()); err != nil {
		return err
	}
	if err := a.spendMail(ctx, organizationID, email); err != nil {
		return err
	}
	return a.spendAddress(ctx, access.Session, email)
}

// spendAddress counts an invitation by who sends it and by address over all organizations. What a service token sends counts as
// its maker's.
func (a *App) spendAddress(ctx context.Context, s *org.Session, address string) error {
	by := s.User
	if s.Service() {
		token, _, err := a.DB.ServiceToken(ctx, s.ID)
		if err != nil {
			return err
		}
		by = token.CreatedBy
	}
	address = strings.ToLower(address)
	if err := a.spend(ctx, limitInviter, by.ID+" "+address); err != nil {
		return err
	}
	if !by.Verified() {
		return a.spend(ctx, limitMailAddressUnproved, address)
	}
	return a.spend(ctx, limitMailAddress, address)
}

// spendMail counts a mail with a link by organization, and by address there.
func (a *App) spendMail(ctx context.Context, organizationID, address string) error {
	if err := a.spend(ctx, limitInvite, organizationID); err != nil {
		return err
	}
	return a.spend(ctx, limitInviteAddress, organizationID+" "+strings.ToLower(address))
}

// setLink makes a new link for a member and gives its hash. The token is derived when the mail is sent.
func (a *App) setLink(ctx context.Context, tx *db.Tx, l db.NewLink) ([]byte, error) {
	l.Nonce = secret.NewNonce()
	l.TokenHash = secret.Hash(a.Keys.Link(l.Nonce))
	if err := tx.SetLink(ctx, l); err != nil {
		return nil, fmt.Errorf("store the link: %w", err)
	}
	return l.TokenHash, nil
}

// ResendInviteInput is what resendInvite takes.
type ResendInviteInput struct{ MemberID string }

// ResendInvite sends an invitation, or a removed member's 2FA mail, again with a new link. The window does not grow.
func (a *App) ResendInvite(ctx context.Context, in ResendInviteInput) (payload *MemberPayload, err error) {
	if _, err := caller(ctx); err != nil {
		return nil, err
	}
	if err := a.spendResend(ctx, in.MemberID); err != nil {
		return nil, err
	}
	err = a.changeOfMember(ctx, in.MemberID, org.ManageMembers, func(c *change, target *org.Member) error {
		reason, err := a.mayResend(c.By, c.request.session, target)
		if err != nil {
			return err
		}
		hash, err := a.setLink(ctx, c.Tx, db.NewLink{MemberID: target.ID, Reason: reason, ExpiresAt: target.ReinstatableUntil, Sender: c.sender()})
		if err != nil {
			return err
		}
		c.enqueue(linkMail(target.ID, hash))
		c.log(org.ActionMemberReinvite, target, "reinvited "+target.Label(), map[string]any{"reason": reason})
		if reason == org.ReasonInvited {
			c.notifyInvited(target.Label(), target.Role)
		}
		payload, err = c.answer(ctx, target.ID)
		return err
	})
	return payload, err
}

// mayResend says whether the caller may send a member's mail again, and which it is. A way back gives nobody a role that they
// have not had, an invitation does.
func (a *App) mayResend(by *org.Member, s *org.Session, target *org.Member) (org.InvitationReason, error) {
	reason, err := org.CheckResend(target, a.Now())
	if err != nil || reason != org.ReasonInvited {
		return reason, err
	}
	return reason, a.mayInvite(by, s, target.Role)
}

// spendResend counts a mail that is sent again. A removed member's is not counted over all organizations: others must not be
// able to use up somebody's way back.
func (a *App) spendResend(ctx context.Context, memberID string) error {
	m, err := a.DB.Member(ctx, memberID)
	if err != nil {
		return err
	}
	access, err := a.read(ctx, m.OrganizationID, org.ManageMembers)
	if err != nil {
		return err
	}
	reason, err := a.mayResend(access.Member, access.Session, m)
	if err != nil {
		return err
	}
	address := m.ID
	if m.Email != nil {
		address = *m.Email
	}
	if err := a.spendMail(ctx, m.OrganizationID, address); err != nil || reason == org.ReasonRemovedFor2FA {
		return err
	}
	return a.spendAddress(ctx, access.Session, address)
}

// Invitation is what a link leads to, nil for a dead one. Asking uses nothing up: mail scanners open links.
func (a *App) Invitation(ctx context.Context, token string) (*org.Invitation, error) {
	link, err := a.DB.LinkByToken(ctx, secret.Hash(token))
	if errors.Is(err, org.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find the link: %w", err)
	}
	m := link.Member
	if m.Email == nil {
		return nil, nil
	}
	_, err = a.DB.UserByEmail(ctx, *m.Email)
	if err != nil && !errors.Is(err, org.ErrNotFound) {
		return nil, fmt.Errorf("find the account: %w", err)
	}
	viewer, _ := a.Viewer(ctx)
	return &org.Invitation{
		OrganizationName: m.Organization.Name, Email: org.MaskEmail(*m.Email), Role: m.Role, Reason: link.Reason,
		ExpiresAt: link.ExpiresAt, NextStep: link.Next(viewer, err == nil),
	}, nil
}

// AcceptInviteInput is what acceptInvite takes.
type AcceptInviteInput struct{ Token string }

// AcceptInvitePayload is what acceptInvite answers.
type AcceptInvitePayload struct {
	NextStep   org.NextStep
	Member     *org.Member
	Reinstated []*org.Reinstated
}

// AcceptInvite uses a link: it joins, comes back, or, where 2FA has to be set up first, remembers in this session that the
// mailbox was proved, so that confirming an authenticator completes it.
func (a *App) AcceptInvite(ctx context.Context, in AcceptInviteInput) (*AcceptInvitePayload, error) {
	r, err := holder(ctx)
	if err != nil {
		return nil, err
	}
	hash := secret.Hash(in.Token)
	link, err := a.DB.LinkByToken(ctx, hash)
	if errors.Is(err, org.ErrNotFound) {
		return nil, org.ErrInvalidLink
	}
	if err != nil {
		return nil, fmt.Errorf("find the link: %w", err)
	}
	payload, cookie := &AcceptInvitePayload{}, ""
	err = a.changeAccount(ctx, func(c *accountChange) error {
		*payload, cookie = AcceptInvitePayload{NextStep: org.NextNothing, Reinstated: []*org.Reinstated{}}, ""
		link, err := c.Tx.LinkByToken(ctx, hash)
		if errors.Is(err, org.ErrNotFound) {
			return org.ErrInvalidLink
		}
		if err != nil {
			return err
		}
		if !link.BelongsTo(c.User) {
			return org.Refuse(org.CodeInvalidLink, "This link belongs to another account. Sign out, and sign in as the person that it was sent to.")
		}
		if err := c.Tx.VerifyEmail(ctx, c.User.ID); err != nil {
			return err
		}
		switch m := link.Member; {
		case m.Organization.Enforced && !c.User.Compliant():
			payload.NextStep, payload.Member = org.NextSetUp2FA, m.Limited()
			c.event(org.EventMailboxProved, "Used the link of "+m.Organization.Name+", to set up two-factor authentication.")
			cookie, err = a.proveMailbox(ctx, c.Tx, r, org.ViaAcceptInvite, m.ID, hash)
			return err
		case m.Organization.Enforced && !r.session.Proved():
			return org.Refuse(org.CodeStepUpRequired, "%s requires two-factor authentication. Sign in again with your second factor, then use the link.", m.Organization.Name)
		case m.Status == org.StatusActive:
			payload.Member = m.SeenBy(m)
			c.event(org.EventMailboxProved, "Used the link of "+m.Organization.Name+".")
			return c.Tx.DeleteLink(ctx, m.ID)
		default:
			back, err := a.enter(ctx, c, m)
			if err != nil {
				return err
			}
			payload.Member = back.Member
			if m.Status == org.StatusRemovedFor2FA {
				payload.Reinstated = append(payload.Reinstated, back)
			}
			c.event(org.EventMailboxProved, "Used the link of "+m.Organization.Name+".")
			return nil
		}
	}, link.Member.OrganizationID)
	if err != nil {
		return nil, err
	}
	if err := a.raised(ctx, r, cookie); err != nil {
		return nil, err
	}
	return payload, nil
}

// enter makes an invitation or a removal for 2FA an active membership, with its entry, and ends the link.
func (a *App) enter(ctx context.Context, c *accountChange, m *org.Member) (*org.Reinstated, error) {
	message := "accepted the invitation"
	var err error
	if m.Status == org.StatusRemovedFor2FA {
		message = "set up two-factor authentication and is a member again"
		err = c.Tx.Reinstate(ctx, m.ID)
	} else {
		err = c.Tx.Join(ctx, m.ID, c.User.ID)
	}
	if err != nil {
		return nil, fmt.Errorf("enter the organization: %w", err)
	}
	if err := c.Tx.DeleteLink(ctx, m.ID); err != nil {
		return nil, err
	}
	now, err := c.Tx.Member(ctx, m.ID)
	if err != nil {
		return nil, err
	}
	back := org.NewReinstated(now.SeenBy(now))
	data := map[string]any{"role": now.Role, "status_before": m.Status}
	if m.Status == org.StatusRemovedFor2FA {
		if !m.Organization.Enforced && !c.User.Compliant() {
			message = "came back: two-factor authentication is no longer required"
		}
		data["restored"] = back.Restored
		c.jobs = append(c.jobs, reinstatedMail(back))
	}
	// Unlike a change of factor, entering is done in the organization, which may know from where.
	e := entryBy(c.User, c.request, org.ActionMemberAccept, message, data)
	e.TargetID, e.TargetLabel = label(now)
	c.entries[now.OrganizationID] = append(c.entries[now.OrganizationID], e)
	if m.Status == org.StatusInvited { // that thousands come back after a sweep is for the log, not for everybody's mailbox
		name, what := now.PublicName(), " is a member now."
		if now.Role == org.RoleOwner {
			what = " is an owner now."
		}
		c.jobs = append(c.jobs, NotifyJob{
			OrganizationID: now.OrganizationID, Security: now.Role == org.RoleOwner, What: name + what, By: name, At: a.Now(), Except: c.User.ID,
		})
	}
	return back, nil
}

// comeBack reinstates every membership whose window is open and completes the invitation that the session proved; the
// person has just confirmed an authenticator.
func (a *App) comeBack(ctx context.Context, c *accountChange) ([]*org.Reinstated, error) {
	back := []*org.Reinstated{}
	for _, m := range c.Memberships {
		switch {
		case m.WindowOpen(a.Now()):
			r, err := a.enter(ctx, c, m)
			if err != nil {
				return nil, err
			}
			back = append(back, r)
		case m.Status == org.StatusActive:
			// A link that was to prove the mailbox for this has done its work.
			if err := c.Tx.DeleteLink(ctx, m.ID); err != nil {
				return nil, err
			}
		}
	}
	s := c.request.session
	if s.InvitationMemberID == nil {
		return back, nil
	}
	link, err := c.Tx.LinkOf(ctx, *s.InvitationMemberID)
	if errors.Is(err, org.ErrNotFound) {
		return back, nil
	}
	if err != nil {
		return nil, err
	}
	if !slices.Contains(c.locked, link.Member.OrganizationID) {
		return nil, errGrew // the session has proved another invitation meanwhile
	}
	if link.Member.Status == org.StatusInvited && bytes.Equal(link.TokenHash, s.InvitationHash) && link.BelongsTo(c.User) {
		if _, err := a.enter(ctx, c, link.Member); err != nil {
			return nil, err
		}
	}
	return back, nil
}

// invitedOrganization is the organization of the invitation that the session is about to complete: it has to be locked
// with the person's own.
func (a *App) invitedOrganization(ctx context.Context, sessionID string) ([]string, error) {
	s, err := a.DB.Session(ctx, sessionID)
	if err != nil {
		return nil, fmt.Errorf("find the session again: %w", err)
	}
	if s.InvitationMemberID == nil {
		return nil, nil
	}
	m, err := a.DB.Member(ctx, *s.InvitationMemberID)
	if errors.Is(err, org.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find the invitation: %w", err)
	}
	return []string{m.OrganizationID}, nil
}

// expire ends a membership whose window is over.
func (c *change) expire(ctx context.Context, m *org.Member) error {
	c.entries = append(c.entries, expiredEntry(m))
	return c.Tx.DeleteMember(ctx, m.ID)
}

func expiredEntry(m *org.Member) *org.AuditLogEntry {
	e := &org.AuditLogEntry{
		Action: org.ActionMemberExpired, ActorLabel: org.SystemLabel,
		Message: m.Label() + " did not come back in time", Data: map[string]any{"role": m.Role, "reinstatable_until": m.ReinstatableUntil},
	}
	e.TargetID, e.TargetLabel = label(m)
	return e
}

// expireWindows ends the memberships of removed members whose three months are over.
func (a *App) expireWindows(ctx context.Context) error {
	over, err := a.DB.WindowsOver(ctx, 100)
	if err != nil {
		return fmt.Errorf("find the windows that are over: %w", err)
	}
	for _, m := range over {
		err := a.DB.InTx(ctx, func(tx *db.Tx) error {
			if _, err := tx.LockOrganization(ctx, m.OrganizationID); err != nil {
				return err
			}
			m, err := tx.Member(ctx, m.ID)
			if errors.Is(err, org.ErrNotFound) || err == nil && (m.Status != org.StatusRemovedFor2FA || m.WindowOpen(a.Now())) {
				return nil
			}
			if err != nil {
				return err
			}
			if err := tx.AddAuditEntries(ctx, m.OrganizationID, []*org.AuditLogEntry{expiredEntry(m)}); err != nil {
				return err
			}
			return tx.DeleteMember(ctx, m.ID)
		})
		if err != nil {
			return fmt.Errorf("end a membership: %w", err)
		}
	}
	return nil
}
