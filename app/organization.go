package app

import (
	"context"
	"fmt"

	"muster/db"
	"muster/org"
)

// OrganizationBySlug finds an organization of the caller; anything else is NOT_FOUND. It is where a query enters one: the
// place that it finds, in one look at the primary and commonly in the one that found the session, is what the gate decides on for
// all fields below.
func (a *App) OrganizationBySlug(ctx context.Context, slug string) (*org.Organization, error) {
	r, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	m := r.entered
	if m == nil || m.Organization.Slug != slug {
		if m, err = placeBySlug(ctx, a.DB.Queries, slug, r.session); err != nil {
			return nil, err
		}
	}
	access := &org.Access{Organization: m.Organization, Member: m, Session: r.session}
	if err := access.Gate(org.See, a.Now()); err != nil {
		return nil, err
	}
	if !m.SeenLately(a.Now()) {
		if err := a.DB.Seen(ctx, m.ID); err != nil {
			return nil, fmt.Errorf("note the visit: %w", err)
		}
	}
	r.admitted.Store(m.Organization.ID, access)
	return m.Organization, nil
}

// Require2FA says whether the organization requires 2FA.
func (a *App) Require2FA(ctx context.Context, organizationID string) (*bool, error) {
	access, err := a.read(ctx, organizationID, org.See)
	if err != nil {
		return nil, err
	}
	return &access.Organization.Enforced, nil
}

// ViewerCan is what the caller may do in the organization.
func (a *App) ViewerCan(ctx context.Context, organizationID string) ([]org.Permission, error) {
	access, err := a.read(ctx, organizationID, org.See)
	if err != nil {
		return nil, err
	}
	return access.May(a.Now()), nil
}

// Teams are the organization's.
func (a *App) Teams(ctx context.Context, organizationID string) ([]*org.Team, error) {
	if _, err := a.read(ctx, organizationID, org.SeeTeams); err != nil {
		return nil, err
	}
	return a.DB.Teams(ctx, organizationID)
}

// Projects are those that the caller can reach: their teams', or all from ADMIN up.
func (a *App) Projects(ctx context.Context, organizationID string) ([]*org.Project, error) {
	access, err := a.read(ctx, organizationID, org.SeeProjects)
	if err != nil {
		return nil, err
	}
	memberID := access.Member.ID
	if access.Gate(org.SeeAllProjects, a.Now()) == nil {
		memberID = ""
	}
	return a.DB.Projects(ctx, organizationID, memberID)
}

// CreateOrganizationInput is what createOrganization takes.
type CreateOrganizationInput struct {
	Slug string
	Name string
}

// OrganizationPayload is what mutations of an organization answer.
type OrganizationPayload struct{ Organization *org.Organization }

// The payloads that are an organization.
type (
	CreateOrganizationPayload = OrganizationPayload
	UpdateOrganizationPayload = OrganizationPayload
	ConnectSSOPayload         = OrganizationPayload
	DisconnectSSOPayload      = OrganizationPayload
)

// CreateOrganization creates an organization with the caller as its owner.
func (a *App) CreateOrganization(ctx context.Context, in CreateOrganizationInput) (*OrganizationPayload, error) {
	r, err := holder(ctx)
	if err != nil {
		return nil, err
	}
	o := &org.Organization{ID: db.NewID(db.OrganizationID)}
	if o.Slug, err = org.ParseSlug("slug", in.Slug); err != nil {
		return nil, err
	}
	if o.Name, err = org.ParseName("name", in.Name, 100); err != nil {
		return nil, err
	}
	if err := a.spend(ctx, limitCreate, r.session.User.ID); err != nil {
		return nil, err
	}
	// There is no organization to lock yet, but the account: whoever removes their last authenticator at this moment has
	// counted their organizations under that lock.
	err = a.DB.InTx(ctx, func(tx *db.Tx) error {
		if _, err := tx.LockUser(ctx, r.session.User.ID); err != nil {
			return err
		}
		if err := a.reload(ctx, tx, r); err != nil {
			return err
		}
		if err := tx.CreateOrganization(ctx, o); err != nil {
			return err
		}
		if err := tx.CreateMember(ctx, db.NewID(db.MemberID), o.ID, r.session.User.ID, org.RoleOwner); err != nil {
			return err
		}
		e := entryBy(r.session.User, r, org.ActionOrgCreate, "created the organization", map[string]any{"slug": o.Slug, "name": o.Name})
		e.TargetID, e.TargetLabel = label(o)
		return tx.AddAuditEntries(ctx, o.ID, []*org.AuditLogEntry{e})
	})
	if err != nil {
		return nil, err
	}
	return &OrganizationPayload{Organization: o}, nil
}

// UpdateOrganizationInput is what updateOrganization takes: what is nil stays.
type UpdateOrganizationInput struct {
	OrganizationID string
	Name           *string
	Slug           *string
}

// UpdateOrganization changes name or short name.
func (a *App) UpdateOrganization(ctx context.Context, in UpdateOrganizationInput) (*OrganizationPayload, error) {
	var o *org.Organization
	err := a.change(ctx, in.OrganizationID, org.ManageSettings, func(c *change) (err error) {
		o = c.Organization
		changes := map[string]any{}
		if in.Name != nil {
			name, err := org.ParseName("name", *in.Name, 100)
			if err != nil {
				return err
			}
			if name != o.Name {
				o.Name, changes["name"] = name, name
			}
		}
		if in.Slug != nil {
			slug, err := org.ParseSlug("slug", *in.Slug)
			if err != nil {
				return err
			}
			if slug != o.Slug {
				o.Slug, changes["slug"] = slug, slug
			}
		}
		if len(changes) == 0 {
			c.unchanged = true
			return nil
		}
		c.log(org.ActionOrgEdit, o, "edited the organization", changes)
		return c.Tx.UpdateOrganization(ctx, o)
	})
	return &OrganizationPayload{Organization: o}, err
}

// CreateTeamInput is what createTeam takes.
type CreateTeamInput struct {
	OrganizationID string
	Slug           string
	Name           string
}

// CreateTeamPayload is what createTeam answers.
type CreateTeamPayload struct{ Team *org.Team }

// CreateTeam creates a team.
func (a *App) CreateTeam(ctx context.Context, in CreateTeamInput) (*CreateTeamPayload, error) {
	team := &org.Team{ID: db.NewID(db.TeamID), OrganizationID: in.OrganizationID}
	err := a.change(ctx, in.OrganizationID, org.ManageTeams, func(c *change) (err error) {
		if team.Slug, err = org.ParseSlug("slug", in.Slug); err != nil {
			return err
		}
		if team.Name, err = org.ParseName("name", in.Name, 100); err != nil {
			return err
		}
		c.log(org.ActionTeamCreate, team, "created the team "+team.Name, map[string]any{"slug": team.Slug})
		return c.Tx.CreateTeam(ctx, team)
	})
	return &CreateTeamPayload{Team: team}, err
}

// CreateProjectInput is what createProject takes.
type CreateProjectInput struct {
	OrganizationID string
	TeamID         string
	Slug           string
	Name           string
}

// CreateProjectPayload is what createProject answers.
type CreateProjectPayload struct{ Project *org.Project }

// CreateProject creates a project in a team of the same organization.
func (a *App) CreateProject(ctx context.Context, in CreateProjectInput) (*CreateProjectPayload, error) {
	p := &org.Project{ID: db.NewID(db.ProjectID), OrganizationID: in.OrganizationID, TeamID: in.TeamID}
	err := a.change(ctx, in.OrganizationID, org.CreateProjects, func(c *change) (err error) {
		if p.Slug, err = org.ParseSlug("slug", in.Slug); err != nil {
			return err
		}
		if p.Name, err = org.ParseName("name", in.Name, 100); err != nil {
			return err
		}
		if p.Team, err = c.Tx.Team(ctx, in.TeamID); err != nil {
			return err
		}
		if p.Team.OrganizationID != c.Organization.ID {
			return org.ErrNotFound
		}
		c.log(org.ActionProjectCreate, p, "created the project "+p.Name, map[string]any{"slug": p.Slug, "team": p.Team.Slug})
		return c.Tx.CreateProject(ctx, p)
	})
	return &CreateProjectPayload{Project: p}, err
}
