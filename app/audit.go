package app

import (
	"context"
	"errors"
	"math"
	"slices"
	"strconv"

	"muster/db"
	"muster/org"
)

// AuditAsked says what of a page of the log a query asks for: the rest costs something and is left out.
type AuditAsked struct {
	org.AuditDetails

	TotalCount bool
}

// AuditLog is a page of an organization's log, newest first.
func (a *App) AuditLog(ctx context.Context, organizationID string, first *int, after *string, filter *org.AuditLogFilter, asked AuditAsked) (*org.AuditLogConnection, error) {
	if _, err := a.read(ctx, organizationID, org.SeeAudit); err != nil {
		return nil, err
	}
	req, err := org.ParsePage(first, after)
	if err != nil {
		return nil, err
	}
	if err := filter.Check(); err != nil {
		return nil, err
	}
	before := 0
	if req.After != "" {
		if before, err = strconv.Atoi(req.After); err != nil || before < 1 || before > math.MaxInt32 {
			return nil, org.BadInput("after", "This is not a cursor of the audit log.")
		}
	}
	entries, err := a.DB.AuditBefore(ctx, organizationID, before, req.First+1, filter, asked.AuditDetails)
	if err != nil {
		return nil, err
	}
	var total *int
	if asked.TotalCount && filter.Empty() {
		if total, err = a.auditCount(ctx, organizationID); err != nil {
			return nil, err
		}
	}
	return org.NewPage(entries, req.First, req.After, func(e *org.AuditLogEntry) string { return strconv.Itoa(e.Sequence) }, total), nil
}

// auditCount is how many entries are kept: numbers have no gap, so the ends say it.
func (a *App) auditCount(ctx context.Context, organizationID string) (*int, error) {
	o, err := a.DB.Organization(ctx, organizationID)
	if err != nil {
		return nil, err
	}
	first, err := a.DB.FirstSequence(ctx, organizationID)
	if err != nil {
		return nil, err
	}
	n := o.AuditSeq - first + 1
	return &n, nil
}

// AuditLogActions are all names that an entry's action can have.
func (a *App) AuditLogActions(ctx context.Context, organizationID string) ([]string, error) {
	if _, err := a.read(ctx, organizationID, org.SeeAudit); err != nil {
		return nil, err
	}
	return org.AuditActions, nil
}

// maxActors bounds the list that a client gets; a search finds the others.
const maxActors = 100

// AuditLogActors are those who did what the log tells, by label.
func (a *App) AuditLogActors(ctx context.Context, organizationID string, query *string) ([]*org.AuditLogActor, error) {
	if _, err := a.read(ctx, organizationID, org.SeeAudit); err != nil {
		return nil, err
	}
	if err := org.CheckSearch("query", query); err != nil {
		return nil, err
	}
	part := ""
	if query != nil {
		part = *query
	}
	return a.DB.AuditActors(ctx, organizationID, part, maxActors)
}

// AuditSequence is the newest entry's.
func (a *App) AuditSequence(ctx context.Context, organizationID string) (*int, error) {
	if _, err := a.read(ctx, organizationID, org.SeeAudit); err != nil {
		return nil, err
	}
	o, err := a.DB.Organization(ctx, organizationID)
	if err != nil {
		return nil, err
	}
	return &o.AuditSeq, nil
}

// Target is what an entry is about, nil where it is gone or not for the caller to see.
func (a *App) Target(ctx context.Context, e *org.AuditLogEntry) (org.Node, error) {
	if e.TargetID == nil {
		return nil, nil
	}
	node, err := a.Node(ctx, *e.TargetID)
	var refusal *org.Error
	if errors.As(err, &refusal) {
		return nil, nil
	}
	return node, err
}

// Node is any object that the caller may see; anything else is NOT_FOUND.
func (a *App) Node(ctx context.Context, id string) (org.Node, error) {
	if _, err := caller(ctx); err != nil {
		return nil, err
	}
	find := map[string]func(context.Context, string) (org.Node, error){
		db.UserID:          a.userNode,
		db.OrganizationID:  a.organizationNode,
		db.MemberID:        a.memberNode,
		db.TeamID:          a.teamNode,
		db.ProjectID:       a.projectNode,
		db.AuditEntryID:    a.auditNode,
		db.SweepID:         a.sweepNode,
		db.AuthenticatorID: a.authenticatorNode,
		db.TokenID:         a.serviceTokenNode,
	}[db.Kind(id)]
	if find == nil {
		return nil, org.ErrNotFound
	}
	return find(ctx, id)
}

// userNode is a user with whom the caller shares an organization that lets the caller in.
func (a *App) userNode(ctx context.Context, id string) (org.Node, error) {
	viewer := request(ctx).session.User
	if id == viewer.ID {
		return viewer, nil
	}
	shared, err := a.sharedOrganizations(ctx, id)
	if err != nil {
		return nil, err
	}
	var seen *org.User
	for _, organizationID := range shared {
		access, err := a.read(ctx, organizationID, org.SeeMembers)
		var refusal *org.Error
		if errors.As(err, &refusal) {
			continue
		}
		if err != nil {
			return nil, err
		}
		user, err := a.DB.User(ctx, id)
		if err != nil {
			return nil, err
		}
		if manager := access.Member.Role.AtLeast(org.RoleManager); seen == nil || manager {
			seen = user.SeenBy(viewer.ID, manager)
		}
	}
	if seen == nil {
		return nil, org.ErrNotFound
	}
	return seen, nil
}

// sharedOrganizations are those that the caller and a user have in common; of a service token, its own.
func (a *App) sharedOrganizations(ctx context.Context, userID string) ([]string, error) {
	s := request(ctx).session
	if !s.Service() {
		return a.DB.SharedOrganizations(ctx, s.User.ID, userID)
	}
	ids, err := a.DB.OrganizationIDs(ctx, userID)
	return slices.DeleteFunc(ids, func(id string) bool { return id != *s.Token.OrganizationID }), err
}

func (a *App) organizationNode(ctx context.Context, id string) (org.Node, error) {
	access, err := a.read(ctx, id, org.See)
	if err != nil {
		return nil, err
	}
	return access.Organization, nil
}

func (a *App) memberNode(ctx context.Context, id string) (org.Node, error) {
	m, err := a.DB.Member(ctx, id)
	if err != nil {
		return nil, err
	}
	if own(ctx, m.UserID()) {
		// A removed member's own membership shows what helps to find the way back.
		memberships, err := a.Memberships(ctx, m.UserID())
		if err != nil {
			return nil, err
		}
		for _, mine := range memberships {
			if mine.ID == id {
				return mine, nil
			}
		}
		return nil, org.ErrNotFound
	}
	m, err = a.Member(ctx, m.OrganizationID, id)
	if err != nil {
		return nil, err
	}
	return m, nil
}

func (a *App) teamNode(ctx context.Context, id string) (org.Node, error) {
	team, err := a.DB.Team(ctx, id)
	if err != nil {
		return nil, err
	}
	if _, err := a.read(ctx, team.OrganizationID, org.SeeTeams); err != nil {
		return nil, err
	}
	return team, nil
}

func (a *App) projectNode(ctx context.Context, id string) (org.Node, error) {
	p, err := a.DB.Project(ctx, id)
	if err != nil {
		return nil, err
	}
	projects, err := a.Projects(ctx, p.OrganizationID)
	if err != nil {
		return nil, err
	}
	for _, mine := range projects {
		if mine.ID == id {
			return mine, nil
		}
	}
	return nil, org.ErrNotFound
}

func (a *App) auditNode(ctx context.Context, id string) (org.Node, error) {
	e, err := a.DB.AuditEntry(ctx, id)
	if err != nil {
		return nil, err
	}
	if _, err := a.read(ctx, e.OrganizationID, org.SeeAudit); err != nil {
		return nil, err
	}
	return e, nil
}

func (a *App) sweepNode(ctx context.Context, id string) (org.Node, error) {
	sweep, err := a.DB.Sweep(ctx, id)
	if err != nil {
		return nil, err
	}
	if _, err := a.read(ctx, sweep.OrganizationID, org.SeeSecurity); err != nil {
		return nil, err
	}
	return sweep, nil
}

func (a *App) authenticatorNode(ctx context.Context, id string) (org.Node, error) {
	factors, err := a.Authenticators(ctx, request(ctx).session.User.ID)
	if err != nil {
		return nil, err
	}
	for _, f := range factors {
		if f.ID == id {
			return f, nil
		}
	}
	return nil, org.ErrNotFound
}
