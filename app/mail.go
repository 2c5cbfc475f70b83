package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/riverqueue/river"

	"muster/db"
	"muster/mail"
	"muster/org"
)

// MailJob sends one mail. It holds ids and sentences, never the recipient's address, a token or a secret: whom and what is
// asked again when it is sent, so that nobody is mailed about what is no longer so.
type MailJob struct {
	Template string `json:"template"`
	MemberID string `json:"member_id,omitempty"`
	UserID   string `json:"user_id,omitempty"`
	// LinkHash names the link to send; the mail is dropped where another has replaced it.
	LinkHash []byte    `json:"link_hash,omitempty"`
	EventID  string    `json:"event_id,omitempty"` // of an alert
	What     string    `json:"what,omitempty"`
	By       string    `json:"by,omitempty"`
	At       time.Time `json:"at"`
	Restored []string  `json:"restored,omitempty"`
	ResetID  string    `json:"reset_id,omitempty"`
	IP       string    `json:"ip,omitempty"`
	Agent    string    `json:"agent,omitempty"`
}

// Kind is the job's name in the queue.
func (MailJob) Kind() string { return "mail" }

// InsertOpts puts the job into the mails' own queue.
func (MailJob) InsertOpts() river.InsertOpts { return river.InsertOpts{Queue: db.QueueMail} }

// NotifyJob mails the members of an organization who want to hear of it, or all without 2FA as a reminder: it makes a
// MailJob for each.
type NotifyJob struct {
	OrganizationID string    `json:"organization_id"`
	Security       bool      `json:"security,omitempty"`
	Owners         bool      `json:"owners,omitempty"` // tells them alone
	Remind         bool      `json:"remind,omitempty"`
	What           string    `json:"what,omitempty"`
	By             string    `json:"by"`
	At             time.Time `json:"at"`
	Except         string    `json:"except,omitempty"` // the user who did it knows already
}

// Kind is the job's name in the queue.
func (NotifyJob) Kind() string { return "notify" }

// The templates that a MailJob names.
const (
	templateLink        = "link"
	templateReinstated  = "reinstated"
	templateMembership  = "membership"
	templateSecurity    = "security"
	templateReminder    = "reminder"
	templateAccount     = "account"
	templateAlert       = "alert"
	templateReset       = "reset"
	templateFactorReset = "2fa-reset"
	templateVerify      = "verify"
	templateChangeEmail = "change-email"
)

// linkMail is the mail with a member's link: an invitation, or the way back.
func linkMail(memberID string, linkHash []byte) MailJob {
	return MailJob{Template: templateLink, MemberID: memberID, LinkHash: linkHash}
}

func reinstatedMail(r *org.Reinstated) MailJob {
	return MailJob{Template: templateReinstated, MemberID: r.Member.ID, Restored: r.Restored}
}

// accountMail tells a person of what concerns their account and needs no undoing; alert is for changes to its protection.
func accountMail(r *Request, userID, what string, at time.Time) MailJob {
	return MailJob{Template: templateAccount, UserID: userID, What: what, At: at, IP: r.IPAddress, Agent: r.UserAgent}
}

// notify tells the members who want to hear of it, other than the caller; of what concerns security all owners, and the caller
// too: somebody else may act in their name.
func (c *change) notify(security bool, what string) {
	n := NotifyJob{OrganizationID: c.Organization.ID, Security: security, What: what, By: c.By.PublicName(), At: c.now}
	if !security {
		n.Except = c.By.User.ID
	}
	c.enqueue(n)
}

// notifyOwnerGone tells who is no owner any more: a notice to the owners does not reach them.
func (c *change) notifyOwnerGone(target *org.Member) {
	if target.Role == org.RoleOwner && target.UserID() != "" {
		c.enqueue(accountMail(&Request{}, target.UserID(), "You are no longer an owner of "+c.Organization.Name+".", c.now))
	}
}

// notifyOwners tells all owners, the caller too: somebody else may act in their name.
func (c *change) notifyOwners(what string) {
	c.enqueue(NotifyJob{OrganizationID: c.Organization.ID, Security: true, Owners: true, What: what, By: c.By.PublicName(), At: c.now})
}

type notifyWorker struct {
	river.WorkerDefaults[NotifyJob]
	app *App
}

// Work makes the mails of one notification, all or none.
func (w *notifyWorker) Work(ctx context.Context, job *river.Job[NotifyJob]) error {
	n := job.Args
	return w.app.DB.InTx(ctx, func(tx *db.Tx) error {
		members, err := w.recipients(ctx, tx, n)
		if err != nil {
			return fmt.Errorf("find whom to notify: %w", err)
		}
		template := templateMembership
		switch {
		case n.Remind:
			template = templateReminder
		case n.Security:
			template = templateSecurity
		}
		var mails []river.JobArgs
		for _, m := range members {
			if m.UserID() != n.Except {
				mails = append(mails, MailJob{Template: template, MemberID: m.ID, What: n.What, By: n.By, At: n.At})
			}
		}
		if err := tx.Enqueue(ctx, mails...); err != nil {
			return err
		}
		return db.Complete(ctx, tx, job)
	})
}

// recipients are those who want the notification; a reminder is for every active member without 2FA.
func (w *notifyWorker) recipients(ctx context.Context, tx *db.Tx, n NotifyJob) ([]*org.Member, error) {
	o, err := tx.Organization(ctx, n.OrganizationID)
	if err != nil {
		return nil, err
	}
	var all []*org.Member
	for after := ""; ; after = all[len(all)-1].ID {
		var members []*org.Member
		if n.Remind {
			page := org.PageRequest{First: recipientsPage - 1, After: after}
			members, err = tx.Members(ctx, db.MemberList{Organization: o, Manager: true, Affected: true, Page: page})
		} else {
			members, err = tx.MembersToNotify(ctx, n.OrganizationID, n.Security, n.Owners, after, recipientsPage)
		}
		if err != nil {
			return nil, err
		}
		if all = append(all, members...); len(members) < recipientsPage {
			return all, nil
		}
	}
}

// recipientsPage is how many recipients are read at a time.
const recipientsPage = 1000

type mailWorker struct {
	river.WorkerDefaults[MailJob]
	app *App
}

// errNoMail says that what the mail was to tell is no longer so.
var errNoMail = errors.New("no longer so")

// Work sends one mail. A mail that the server refuses for good is not tried again.
func (w *mailWorker) Work(ctx context.Context, job *river.Job[MailJob]) error {
	message, err := w.app.compose(ctx, fmt.Sprintf("mail-%d", job.ID), job.Args)
	if errors.Is(err, errNoMail) || errors.Is(err, org.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("compose the mail: %w", err)
	}
	err = w.app.Mailer.Send(ctx, message)
	rejected := errors.Is(err, mail.ErrRejected)
	if err != nil && !rejected && job.Attempt < job.MaxAttempts {
		return fmt.Errorf("send the mail: %w", err)
	}
	delivery := org.DeliverySent
	if err != nil {
		delivery = org.DeliveryFailed
	}
	if job.Args.MemberID != "" && job.Args.LinkHash != nil {
		if err := w.app.DB.SetDelivery(ctx, job.Args.MemberID, job.Args.LinkHash, delivery); err != nil {
			return fmt.Errorf("note the delivery: %w", err)
		}
	}
	if err != nil {
		return river.JobCancel(fmt.Errorf("send the mail: %w", err))
	}
	return nil
}

// compose writes the mail of a job from what is so now.
func (a *App) compose(ctx context.Context, id string, job MailJob) (mail.Message, error) {
	switch job.Template {
	case templateAlert:
		return a.composeAlert(ctx, id, job)
	case templateFactorReset:
		return a.composeResetRequest(ctx, id, job)
	}
	if job.Template == templateAccount {
		user, err := a.DB.User(ctx, job.UserID)
		if err != nil {
			return mail.Message{}, err
		}
		if user.Email == nil {
			return mail.Message{}, errNoMail
		}
		if err := a.checkNotice(ctx, user); err != nil {
			return mail.Message{}, err
		}
		return mail.AccountSecurity{
			To: mail.Person{Name: user.Name, Email: *user.Email}, What: job.What, At: job.At, IPAddress: job.IP, UserAgent: job.Agent,
		}.Message(id)
	}
	switch job.Template {
	case templateReset:
		return a.composeReset(ctx, id, job)
	case templateVerify:
		return a.composeVerify(ctx, id, job)
	case templateChangeEmail:
		return a.composeChangeEmail(ctx, id, job)
	}
	m, err := a.DB.Member(ctx, job.MemberID)
	if err != nil {
		return mail.Message{}, err
	}
	if m.Email == nil {
		return mail.Message{}, errNoMail
	}
	to := mail.Person{Email: *m.Email}
	if m.Name != nil {
		to.Name = *m.Name
	}
	if job.Template == templateLink {
		return a.composeLink(ctx, id, job, m, to)
	}
	if m.Status != org.StatusActive {
		return mail.Message{}, errNoMail
	}
	if err := a.checkNotice(ctx, m.User); err != nil {
		return mail.Message{}, err
	}
	organization := m.Organization.Name
	switch job.Template {
	case templateReinstated:
		return mail.Reinstated{To: to, Organization: organization, Role: string(m.Role), Restored: job.Restored}.Message(id)
	case templateMembership:
		return mail.MembershipChanged{To: to, Organization: organization, What: job.What, By: job.By, At: job.At}.Message(id)
	case templateSecurity:
		return mail.SecurityChanged{To: to, Organization: organization, What: job.What, By: job.By, At: job.At}.Message(id)
	case templateReminder:
		if m.Meets() {
			return mail.Message{}, errNoMail
		}
		return mail.Reminder{To: to, Organization: organization, By: job.By, Link: a.PublicURL}.Message(id)
	}
	return mail.Message{}, fmt.Errorf("there is no template %q", job.Template)
}

// composeLink writes the mail with a member's link, derived again from the nonce: the token is in no row and no job.
func (a *App) composeLink(ctx context.Context, id string, job MailJob, m *org.Member, to mail.Person) (mail.Message, error) {
	link, err := a.DB.LinkOf(ctx, m.ID)
	if err != nil {
		return mail.Message{}, err
	}
	if !bytes.Equal(link.TokenHash, job.LinkHash) {
		return mail.Message{}, errNoMail
	}
	if link.Member.InviteDelivery != nil && *link.Member.InviteDelivery == org.DeliverySent {
		return mail.Message{}, errNoMail // by an earlier try, whose end was lost with its process
	}
	token := a.Keys.Link(link.Nonce)
	by, contact, err := a.behind(ctx, m)
	if err != nil {
		return mail.Message{}, err
	}
	switch m.Status {
	case org.StatusInvited:
		return mail.Invited{
			To: to, Organization: m.Organization.Name, By: by, Role: string(m.Role), Link: a.link("join", token),
			Until: link.ExpiresAt, RequiresTwoFactor: m.Organization.Enforced,
		}.Message(id)
	case org.StatusRemovedFor2FA:
		if !m.Organization.Enforced {
			// The requirement was turned off meanwhile: the link alone brings the member back.
			return mail.Invited{
				To: to, Organization: m.Organization.Name, By: by, Role: string(m.Role), Link: a.link("rejoin", token), Until: link.ExpiresAt,
			}.Message(id)
		}
		teams := []string{}
		for _, t := range m.Teams {
			teams = append(teams, t.Name)
		}
		return mail.TwoFactorRequired{
			To: to, Organization: m.Organization.Name, By: by, Link: a.link("rejoin", token), Until: link.ExpiresAt,
			Contact: contact, Role: string(m.Role), Teams: teams,
		}.Message(id)
	case org.StatusActive:
	}
	return mail.SetUpTwoFactor{
		To: to, Organization: m.Organization.Name, By: by, Contact: contact, Link: a.link("rejoin", token), Until: link.ExpiresAt,
	}.Message(id)
}

// composeReset writes the mail to somebody who has forgotten a password. An address that was never verified gets no way into
// the account that claims it, but one to take the address from there; it is not greeted by a name that a stranger chose.
func (a *App) composeReset(ctx context.Context, id string, job MailJob) (mail.Message, error) {
	user, link, err := a.linkOf(ctx, job, org.PurposeReset)
	if err != nil {
		return mail.Message{}, err
	}
	token := a.Keys.Link(link.Nonce)
	to := mail.Person{Name: user.Name, Email: link.Email}
	if user.Verified() {
		return mail.PasswordReset{To: to, Link: a.link("reset", token), Until: link.ExpiresAt, At: job.At, IPAddress: job.IP, UserAgent: job.Agent}.Message(id)
	}
	memberships, err := a.DB.Memberships(ctx, user.ID)
	if err != nil {
		return mail.Message{}, err
	}
	unconfirmed := mail.AddressUnconfirmed{Email: link.Email, At: job.At, IPAddress: job.IP, UserAgent: job.Agent}
	if !org.AddressFrozen(memberships) {
		unconfirmed.Link, unconfirmed.Until = a.link("claim", token), link.ExpiresAt
	}
	return unconfirmed.Message(id)
}

// linkOf finds the link of a job and its account; NOT_FOUND, and so no mail, where another has replaced it.
func (a *App) linkOf(ctx context.Context, job MailJob, purpose org.LinkPurpose) (*org.User, *org.AccountLink, error) {
	user, err := a.DB.User(ctx, job.UserID)
	if err != nil {
		return nil, nil, err
	}
	link, err := a.DB.AccountLinkOf(ctx, job.UserID, purpose)
	if err != nil {
		return nil, nil, err
	}
	if !bytes.Equal(link.TokenHash, job.LinkHash) {
		return nil, nil, errNoMail
	}
	return user, link, nil
}

// behind says who asked for it and whom to ask about it: who invited, or who turned the requirement on; and an owner.
func (a *App) behind(ctx context.Context, m *org.Member) (by, contact string, err error) {
	owner, err := a.DB.AnOwner(ctx, m.OrganizationID)
	switch {
	case err == nil:
		contact = owner.Label()
	case !errors.Is(err, org.ErrNotFound):
		return "", "", err
	}
	by = contact
	if m.Status == org.StatusInvited {
		if m.InvitedBy != nil {
			by = m.InvitedBy.Label()
		}
		return by, contact, nil
	}
	sweep, err := a.DB.LatestSweep(ctx, m.OrganizationID)
	switch {
	case err == nil:
		by = sweep.ActorLabel
	case !errors.Is(err, org.ErrNotFound):
		return "", "", err
	}
	return by, contact, nil
}

// host is the public URL's, which a text message names so that browsers fill the code in only there.
func (a *App) host() string {
	u, err := url.Parse(a.PublicURL)
	if err != nil {
		return ""
	}
	return u.Hostname()
}
