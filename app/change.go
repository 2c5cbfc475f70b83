package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/riverqueue/river"

	"muster/db"
	"muster/org"
)

// change is one transaction in one organization, with its row locked and the caller let through the gate.
type change struct {
	Tx           *db.Tx
	Organization *org.Organization
	By           *org.Member
	request      *Request
	entries      []*org.AuditLogEntry
	jobs         []river.JobArgs
	unchanged    bool
	now          time.Time
}

// errUnlogged is a programmer's mistake: a change that would leave no trace.
var errUnlogged = errors.New("a change wrote no log entry")

// change is the one door for writes to an organization. A stranger is turned away before queueing on the lock; the
// caller's row and session are read again under it, so that what was just revoked no longer works. Then decide asks org
// and writes; its entries and jobs are saved with it or not at all.
func (a *App) change(ctx context.Context, organizationID string, p org.Permission, decide func(c *change) error) error {
	r, err := caller(ctx)
	if err != nil {
		return err
	}
	if _, err := place(ctx, a.DB.Queries, organizationID, r.session); err != nil {
		return err
	}
	return a.DB.InTx(ctx, func(tx *db.Tx) error {
		o, err := tx.LockOrganization(ctx, organizationID)
		if err != nil {
			return err
		}
		if err := a.reload(ctx, tx, r); err != nil {
			return err
		}
		m, err := place(ctx, tx.Queries, organizationID, r.session)
		if err != nil {
			return err
		}
		access := org.Access{Organization: o, Member: m, Session: r.session}
		if err := access.Gate(p, a.Now()); err != nil {
			return err
		}
		c := &change{Tx: tx, Organization: o, By: m, request: r, now: a.Now()}
		if err := decide(c); err != nil {
			return err
		}
		if len(c.entries) == 0 && !c.unchanged {
			return errUnlogged
		}
		if err := tx.AddAuditEntries(ctx, o.ID, c.entries); err != nil {
			return err
		}
		return tx.Enqueue(ctx, c.jobs...)
	})
}

// reload reads the caller's session again inside a transaction.
func (a *App) reload(ctx context.Context, tx *db.Tx, r *Request) error {
	s, err := tx.Session(ctx, r.session.ID)
	if err != nil {
		return fmt.Errorf("find the session again: %w", err)
	}
	if !s.Alive(a.Now(), a.SessionIdle) {
		return org.ErrUnauthenticated
	}
	r.session = s
	return nil
}

// fresh says whether the request's session may do what needs its owner to be there; enrolling is all that a recovery code
// is enough for.
func (a *App) fresh(r *Request, enrolling bool) error {
	return org.CheckFresh(r.session, a.Now(), a.StepUp, enrolling)
}

// freshForOwner asks for a fresh session where somebody becomes an owner, or stops being one: whoever holds an old session,
// or a recovery code, must not take an organization over.
func (a *App) freshForOwner(c *change, roles ...org.Role) error {
	if !slices.Contains(roles, org.RoleOwner) {
		return nil
	}
	return a.fresh(c.request, false)
}

// log adds an entry by the caller about target.
func (c *change) log(action string, target org.Node, message string, data map[string]any) {
	e := entryBy(c.By.User, c.request, action, message, data)
	e.TargetID, e.TargetLabel = label(target)
	c.entries = append(c.entries, e)
}

// person is the id of the user who makes the change, "" where a service token does, which is none.
func (c *change) person() string {
	if c.request.session.Service() {
		return ""
	}
	return c.By.User.ID
}

// enqueue adds a job that exists if the change does.
func (c *change) enqueue(jobs ...river.JobArgs) { c.jobs = append(c.jobs, jobs...) }

// target finds a member of this organization.
func (c *change) target(ctx context.Context, memberID string) (*org.Member, error) {
	m, err := c.Tx.Member(ctx, memberID)
	if err != nil {
		return nil, err
	}
	if m.OrganizationID != c.Organization.ID {
		return nil, org.ErrNotFound
	}
	return m, nil
}

// entryBy makes an entry. What a person does by a personal token is theirs, and says by which.
func entryBy(by *org.User, r *Request, action, message string, data map[string]any) *org.AuditLogEntry {
	if s := r.session; s != nil && s.Token != nil && !s.Service() {
		if data == nil {
			data = map[string]any{}
		}
		data["personal_token"] = s.Token.Name
	}
	return &org.AuditLogEntry{
		Action: action, ActorID: &by.ID, ActorLabel: by.Label(), Message: message, Data: data,
		IPAddress: optional(r.IPAddress), UserAgent: optional(r.UserAgent),
	}
}

// label names what an entry is about.
func label(target org.Node) (id *string, text string) {
	switch t := target.(type) {
	case *org.Member:
		return &t.ID, t.Label()
	case *org.Organization:
		return &t.ID, t.Name
	case *org.Team:
		return &t.ID, t.Name
	case *org.Project:
		return &t.ID, t.Name
	case *org.ServiceToken:
		return &t.ID, t.Name
	}
	return nil, ""
}

// changeOfMember is change for a mutation that names a member and not the organization.
func (a *App) changeOfMember(ctx context.Context, memberID string, p org.Permission, decide func(c *change, target *org.Member) error) error {
	if _, err := caller(ctx); err != nil {
		return err
	}
	m, err := a.DB.Member(ctx, memberID)
	if err != nil {
		return err
	}
	return a.change(ctx, m.OrganizationID, p, func(c *change) error {
		target, err := c.target(ctx, memberID)
		if err != nil {
			return err
		}
		if !target.VisibleTo(c.By) {
			return org.ErrNotFound
		}
		if err := org.CheckServiceTarget(c.request.session, c.By, target); err != nil {
			return err
		}
		return decide(c, target)
	})
}

// access reads what the gate decides on. A stranger's and a missing organization look the same.
func (a *App) access(ctx context.Context, organizationID string) (*org.Access, error) {
	r, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	if known, ok := r.admitted.Load(organizationID); ok && !r.lasting {
		return known.(*org.Access), nil
	}
	s, err := a.sessionNow(ctx, r)
	if err != nil {
		return nil, err
	}
	m, err := place(ctx, a.DB.Queries, organizationID, s)
	if err != nil {
		return nil, err
	}
	return &org.Access{Organization: m.Organization, Member: m, Session: s}, nil
}

// read is the twin of change: it lets the caller through the gate, without a lock, and gives what it let through.
func (a *App) read(ctx context.Context, organizationID string, p org.Permission) (*org.Access, error) {
	access, err := a.access(ctx, organizationID)
	if err != nil {
		return nil, err
	}
	if err := access.Gate(p, a.Now()); err != nil {
		return nil, err
	}
	return access, nil
}

// readAll is read for the callers of several contexts that outlive what was true when they began, such as subscriptions', in
// as many queries as for one.
func (a *App) readAll(ctx context.Context, organizationID string, p org.Permission, callers []context.Context) ([]*org.Access, []error, error) {
	accesses, refusals := make([]*org.Access, len(callers)), make([]error, len(callers))
	sessions, members, err := a.callersIn(ctx, organizationID, callers)
	if err != nil {
		return nil, nil, err
	}
	for i, c := range callers {
		var s *org.Session
		if r := request(c); r.session != nil {
			s = sessions[r.session.ID]
		}
		if s == nil || !s.Alive(a.Now(), a.SessionIdle) {
			refusals[i] = org.ErrUnauthenticated
			continue
		}
		m := members[s.User.ID]
		if m == nil {
			refusals[i] = org.ErrNotFound
			continue
		}
		accesses[i] = &org.Access{Organization: m.Organization, Member: m, Session: s}
		refusals[i] = accesses[i].Gate(p, a.Now())
	}
	return accesses, refusals, nil
}

// callersIn are the callers' sessions by id and their places in an organization by user, or by service token.
func (a *App) callersIn(ctx context.Context, organizationID string, callers []context.Context) (map[string]*org.Session, map[string]*org.Member, error) {
	var ids, users []string
	for _, c := range callers {
		if s := request(c).session; s != nil {
			ids = append(ids, s.ID)
		}
	}
	sessions, err := a.DB.SessionsByID(ctx, ids)
	if err != nil {
		return nil, nil, fmt.Errorf("find the sessions again: %w", err)
	}
	members := map[string]*org.Member{}
	var services []*org.Session
	for _, s := range sessions {
		switch {
		case !s.Service():
			users = append(users, s.User.ID)
		case *s.Token.OrganizationID == organizationID:
			services = append(services, s)
		}
	}
	if len(services) > 0 {
		o, err := a.DB.Organization(ctx, organizationID)
		if err != nil && !errors.Is(err, org.ErrNotFound) {
			return nil, nil, fmt.Errorf("find the service tokens' organization: %w", err)
		}
		for _, s := range services {
			if o != nil {
				members[s.User.ID] = org.TokenMember(s, o)
			}
		}
	}
	people, err := a.DB.PlacesOf(ctx, organizationID, users)
	if err != nil {
		return nil, nil, fmt.Errorf("find the places: %w", err)
	}
	for _, m := range people {
		members[m.UserID()] = m
	}
	return sessions, members, nil
}

// accountChange is one transaction over an account and all its organizations, everything locked.
type accountChange struct {
	Tx          *db.Tx
	User        *org.User
	Memberships []*org.Member
	app         *App
	// actor is how an organization's log names who does it: the person, unless somebody acts on the account of another.
	actor   func(organizationID string) actor
	request *Request
	entries map[string][]*org.AuditLogEntry
	events  []*org.SecurityEvent
	jobs    []river.JobArgs
	locked  []string // the organizations
}

// errGrew says that the person joined another organization between reading and locking.
var errGrew = errors.New("the set of organizations grew")

// errTaking says that somebody else took an address that was about to be the account's: a new transaction sees them.
var errTaking = errors.New("the address was taken in this moment")

// changeAccount is the door for what touches all organizations of a person. It locks them in one order, then the user,
// and starts over if the person has joined another one meanwhile: decide may run more than once.
func (a *App) changeAccount(ctx context.Context, decide func(c *accountChange) error, also ...string) error {
	r, err := holder(ctx)
	if err != nil {
		return err
	}
	return again(func() error {
		invited, err := a.invitedOrganization(ctx, r.session.ID)
		if err != nil {
			return err
		}
		check := func(tx *db.Tx) error { return a.reload(ctx, tx, r) }
		return a.tryChangeAccount(ctx, r, r.session.User.ID, append(invited, also...), check, decide)
	})
}

// changeAccountOf is changeAccount for who acts on an account without a session of it: by an emailed link, as somebody who
// may reset it, or from the command line. check says under the locks whether they still may.
func (a *App) changeAccountOf(ctx context.Context, userID string, check func(tx *db.Tx) error, decide func(c *accountChange) error, also ...string) error {
	return again(func() error {
		return a.tryChangeAccount(ctx, request(ctx), userID, also, check, decide)
	})
}

// mostDeadlocks is how often a change of an account is begun anew after PostgreSQL has broken a circle of locks.
const mostDeadlocks = 3

// again begins a transaction over an account anew where what it began with is no longer so, or where it was chosen to break a
// circle: two accounts that each take the address which the other only claims wait for each other. It did nothing then, and a
// new one sees what the other has done.
func again(try func() error) error {
	for deadlocks := 0; ; {
		err := try()
		switch {
		case errors.Is(err, errGrew), errors.Is(err, errTaking):
		case db.Deadlock(err) && deadlocks < mostDeadlocks:
			deadlocks++
		default:
			return err
		}
	}
}

func (a *App) tryChangeAccount(ctx context.Context, r *Request, userID string, also []string, check func(tx *db.Tx) error, decide func(c *accountChange) error) error {
	ids, err := a.DB.OrganizationIDs(ctx, userID)
	if err != nil {
		return fmt.Errorf("find the organizations: %w", err)
	}
	ids = append(ids, also...)
	return a.DB.InTx(ctx, func(tx *db.Tx) error {
		if _, err := tx.LockOrganizations(ctx, ids); err != nil {
			return fmt.Errorf("lock the organizations: %w", err)
		}
		user, err := tx.LockUser(ctx, userID)
		if err != nil {
			return fmt.Errorf("lock the account: %w", err)
		}
		again, err := tx.OrganizationIDs(ctx, userID)
		if err != nil {
			return fmt.Errorf("find the organizations again: %w", err)
		}
		for _, id := range again {
			if !slices.Contains(ids, id) {
				return errGrew
			}
		}
		if err := check(tx); err != nil {
			return err
		}
		memberships, err := tx.Memberships(ctx, userID)
		if err != nil {
			return fmt.Errorf("find the memberships: %w", err)
		}
		c := &accountChange{Tx: tx, User: user, Memberships: memberships, app: a, request: r, entries: map[string][]*org.AuditLogEntry{}, locked: ids}
		c.actor = func(string) actor { return actorOf(user) }
		if err := decide(c); err != nil {
			return err
		}
		if len(c.events) == 0 {
			return errUnlogged
		}
		for _, id := range slices.Sorted(maps.Keys(c.entries)) {
			if err := tx.AddAuditEntries(ctx, id, c.entries[id]); err != nil {
				return err
			}
		}
		for _, e := range c.events {
			if err := tx.AddSecurityEvent(ctx, e); err != nil {
				return fmt.Errorf("write the account's log: %w", err)
			}
		}
		return tx.Enqueue(ctx, c.jobs...)
	})
}

// event adds a line to the account's own log.
func (c *accountChange) event(action, message string) {
	c.events = append(c.events, event(c.User.ID, c.request, action, message))
}

// log adds an entry about the person's own place to an organization's log, without address and user agent: an
// organization is not told from where its members use their accounts.
func (c *accountChange) log(m *org.Member, action, message string, data map[string]any) {
	e := &org.AuditLogEntry{Action: action, Message: message, Data: data}
	e.TargetID, e.TargetLabel = label(m)
	c.write(m.OrganizationID, e)
}

// write adds an entry to an organization's log, by who does it there.
func (c *accountChange) write(organizationID string, e *org.AuditLogEntry) {
	by := c.actor(organizationID)
	e.ActorID, e.ActorLabel = by.id, by.label
	c.entries[organizationID] = append(c.entries[organizationID], e)
}

// actor is how a log names who did something; the id is nil where it is nobody with an account.
type actor struct {
	id    *string
	label string
	name  string // for mails to those who may not see addresses
}

func actorOf(u *org.User) actor { return actor{&u.ID, u.Label(), u.Name} }

func event(userID string, r *Request, action, message string) *org.SecurityEvent {
	return &org.SecurityEvent{
		ID: db.NewID(db.SecurityEventID), UserID: userID, Action: action, Message: message,
		IPAddress: optional(r.IPAddress), UserAgent: optional(r.UserAgent),
	}
}

// account is the door for what concerns an account alone: decide writes, and the event is written with it.
func (a *App) account(ctx context.Context, decide func(tx *db.Tx) (*org.SecurityEvent, error)) error {
	return a.DB.InTx(ctx, func(tx *db.Tx) error {
		e, err := decide(tx)
		if err != nil {
			return err
		}
		if err := tx.AddSecurityEvent(ctx, e); err != nil {
			return fmt.Errorf("write the account's log: %w", err)
		}
		return nil
	})
}
