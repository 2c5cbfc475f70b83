package main

import (
	"context"
	"strings"
	"testing"

	"muster/app"
	"muster/db"
	"muster/org"
	"muster/secret"
)

// The deeds of TestRaceOfEnforcement. Each names who does it to whom where.

func (r *arena) require(by *racer, o int, required bool) deed {
	name := "require"
	if !required {
		name = "no longer require"
	}
	return deed{name, by, r.rng.IntN(2), func(ctx context.Context, a *app.App) error {
		_, err := a.SetRequire2FA(ctx, app.SetRequire2FAInput{OrganizationID: r.orgs[o], Required: required})
		return err
	}}
}

func (r *arena) confirm(p *racer) deed {
	return deed{"confirm", p, 0, func(ctx context.Context, a *app.App) error {
		_, err := a.ConfirmTOTP(ctx, app.ConfirmTOTPInput{Code: secret.TOTPCode(p.seed, a.Now())})
		return err
	}}
}

func (r *arena) removeFactor(p *racer) deed {
	return deed{"remove authenticator", p, r.rng.IntN(2), func(ctx context.Context, a *app.App) error {
		_, err := a.RemoveAuthenticator(ctx, app.RemoveAuthenticatorInput{AuthenticatorID: p.authenticator})
		return err
	}}
}

func (r *arena) accept(p *racer, o, session int) deed {
	return deed{"accept", p, session, func(ctx context.Context, a *app.App) error {
		_, err := a.AcceptInvite(ctx, app.AcceptInviteInput{Token: p.links[o]})
		return err
	}}
}

func (r *arena) changeRole(by, target *racer, o int, role org.Role) deed {
	return deed{"change role", by, r.rng.IntN(2), func(ctx context.Context, a *app.App) error {
		_, err := a.ChangeMemberRole(ctx, app.ChangeMemberRoleInput{MemberID: target.members[o], Role: role})
		return err
	}}
}

func (r *arena) remove(by, target *racer, o int) deed {
	return deed{"remove member", by, r.rng.IntN(2), func(ctx context.Context, a *app.App) error {
		_, err := a.RemoveMember(ctx, app.RemoveMemberInput{MemberID: target.members[o]})
		return err
	}}
}

func (r *arena) leave(p *racer, o int) deed {
	return deed{"leave", p, r.rng.IntN(2), func(ctx context.Context, a *app.App) error {
		_, err := a.LeaveOrganization(ctx, app.LeaveOrganizationInput{OrganizationID: r.orgs[o]})
		return err
	}}
}

func (r *arena) resend(by, target *racer, o int) deed {
	return deed{"resend", by, r.rng.IntN(2), func(ctx context.Context, a *app.App) error {
		_, err := a.ResendInvite(ctx, app.ResendInviteInput{MemberID: target.members[o]})
		return err
	}}
}

// create creates an organization that requires 2FA at once.
func (r *arena) create(p *racer) deed {
	slug := "found-" + strings.TrimPrefix(db.NewID(db.OrganizationID), "org_")
	return deed{"create and require", p, r.rng.IntN(2), func(ctx context.Context, a *app.App) error {
		created, err := a.CreateOrganization(ctx, app.CreateOrganizationInput{Slug: slug, Name: slug})
		if err != nil {
			return err
		}
		r.mu.Lock()
		r.found = append(r.found, created.Organization.ID)
		r.mu.Unlock()
		_, err = a.SetRequire2FA(ctx, app.SetRequire2FAInput{OrganizationID: created.Organization.ID, Required: true})
		return err
	}}
}

func (r *arena) signOutEverywhere(p *racer, session int) deed {
	return deed{"sign out everywhere", p, session, func(ctx context.Context, a *app.App) error {
		_, err := a.SignOut(ctx, app.SignOutInput{Everywhere: true})
		return err
	}}
}

// Two organizations share their people. In each round both begin to require 2FA while people accept, confirm, remove
// authenticators, change roles, remove each other, leave, and create a third organization. Whatever the order, afterwards
// no organization is without a compliant owner, nobody is active who should not be, and nobody is out who should be in.
func TestRaceOfEnforcement(t *testing.T) {
	t.Parallel()
	const rounds = 300
	r := newArena(t)
	olivia, otto, max := r.person("olivia"), r.person("otto"), r.person("max")
	mia, eve, rex := r.person("mia"), r.person("eve"), r.person("rex")
	people := []*racer{olivia, otto, max, mia, eve, rex}
	for r.round = range rounds {
		r.arrange(people)
		deeds := []deed{
			r.require(pick(r, olivia, otto), 0, true),
			r.require(pick(r, olivia, otto), 1, true),
		}
		for _, p := range people {
			if p.pending != "" && r.rng.IntN(2) == 0 {
				deeds = append(deeds, r.confirm(p))
			}
			if p.authenticator != "" && r.rng.IntN(3) == 0 {
				deeds = append(deeds, r.removeFactor(p))
			}
			for o := range r.orgs {
				if p.links[o] != "" && r.rng.IntN(2) == 0 {
					deeds = append(deeds, r.accept(p, o, r.rng.IntN(2)))
				}
			}
		}
		for range 4 {
			by, target, o := pick(r, people...), pick(r, people...), r.rng.IntN(2)
			if target.members[o] == "" {
				continue
			}
			switch r.rng.IntN(6) {
			case 0, 1:
				deeds = append(deeds, r.changeRole(by, target, o, pick(r, org.RoleOwner, org.RoleManager, org.RoleMember)))
			case 2:
				deeds = append(deeds, r.remove(by, target, o))
			case 3:
				deeds = append(deeds, r.leave(target, o))
			case 4:
				deeds = append(deeds, r.resend(by, target, o))
			default:
				deeds = append(deeds, r.require(by, o, false))
			}
		}
		if r.rng.IntN(3) == 0 {
			deeds = append(deeds, r.create(pick(r, people...)))
		}
		r.rng.Shuffle(len(deeds), func(i, j int) { deeds[i], deeds[j] = deeds[j], deeds[i] })
		r.atOnce(deeds...)
		r.settle()
		if t.Failed() {
			break
		}
	}
	r.finish("require", "no longer require", "confirm", "remove authenticator", "accept", "change role", "remove member", "leave",
		"resend", "create and require")
}

// arrange begins a round: Olivia and Otto own both organizations, and some of them already require 2FA.
func (r *arena) arrange(people []*racer) {
	r.t.Helper()
	r.begin(people...)
	var enforced [2]bool
	for o := range enforced {
		enforced[o] = r.rng.IntN(3) == 0
		r.sql(`UPDATE organizations SET require2fa = $2 WHERE id = $1`, r.orgs[o], enforced[o])
	}
	for i, p := range people {
		compliant := i == 0 || r.rng.IntN(2) == 0
		if compliant {
			r.app(p, true)
		}
		if !compliant && r.rng.IntN(3) > 0 || r.rng.IntN(4) == 0 {
			r.app(p, false)
		}
		if r.rng.IntN(3) > 0 {
			r.sql(`UPDATE sessions SET mailbox_proved_at = now() WHERE id = $1`, p.sessions[0])
		}
		for o := range r.orgs {
			role := pick(r, org.RoleManager, org.RoleMember, org.RoleAdmin)
			status := org.StatusActive
			switch {
			case i < 2:
				role = org.RoleOwner
			case r.rng.IntN(6) == 0:
				continue
			case r.rng.IntN(3) == 0:
				status = org.StatusInvited
			}
			if status == org.StatusActive && enforced[o] && !compliant {
				status = org.StatusRemovedFor2FA
			}
			r.place(p, o, role, status)
		}
	}
}

// Somebody with links to two enforcing organizations opens them one after the other in the session in which they confirm:
// the invitation that confirming completes may change under way, with locks that are held already.
func TestRaceOfTwoInvitations(t *testing.T) {
	t.Parallel()
	const rounds = 200
	r := newArena(t)
	olivia, eve := r.person("olivia"), r.person("eve")
	for r.round = range rounds {
		r.begin(olivia, eve)
		r.app(olivia, true)
		r.app(eve, false)
		for o := range r.orgs {
			r.place(olivia, o, org.RoleOwner, org.StatusActive)
			r.place(eve, o, org.RoleMember, org.StatusInvited)
			r.sql(`UPDATE organizations SET require2fa = true WHERE id = $1`, r.orgs[o])
		}
		r.atOnce(r.accept(eve, r.rng.IntN(2), 0))
		outcomes := r.atOnce(
			r.confirm(eve), r.accept(eve, 0, 0), r.accept(eve, 1, 0), r.accept(eve, 0, 0), r.accept(eve, 1, 0),
			r.resend(olivia, olivia, 0), r.changeRole(olivia, eve, 0, org.RoleAdmin), r.changeRole(olivia, eve, 1, org.RoleAdmin),
		)
		if outcomes[0] != "" {
			t.Errorf("round %d of -race.seed=%d: confirming was refused: %s", r.round, r.seed, outcomes[0])
		}
		r.settle()
		if n := r.count(`SELECT count(*) FROM members WHERE user_id = $1 AND status = 'ACTIVE'`, eve.id); n == 0 {
			t.Errorf("round %d of -race.seed=%d: no invitation was completed", r.round, r.seed)
		}
		if t.Failed() {
			break
		}
	}
	r.finish("confirm", "accept")
}

// Sessions that end each other, and a factor that ends them all, never wait for each other in a circle.
func TestRaceOfSessions(t *testing.T) {
	t.Parallel()
	const rounds = 200
	r := newArena(t)
	olivia, eve := r.person("olivia"), r.person("eve")
	for r.round = range rounds {
		r.begin(olivia, eve)
		for o := range r.orgs {
			r.place(olivia, o, org.RoleOwner, org.StatusActive)
			r.place(eve, o, org.RoleMember, org.StatusActive)
		}
		ends := r.confirm(eve)
		if r.round%2 == 0 {
			r.app(eve, true)
			ends = r.removeFactor(eve)
		} else {
			r.app(eve, false)
		}
		deeds := []deed{ends}
		for range 1 + r.rng.IntN(4) {
			deeds = append(deeds, r.signOutEverywhere(eve, r.rng.IntN(2)))
		}
		r.atOnce(deeds...)
		r.settle()
		if t.Failed() {
			break
		}
	}
	r.finish("sign out everywhere")
}
