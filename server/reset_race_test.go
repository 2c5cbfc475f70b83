package main

import (
	"context"
	"testing"

	"muster/app"
	"muster/db"
	"muster/org"
	"muster/secret"
)

func (r *arena) reset(by, target *racer, o int) deed {
	return deed{"reset", by, r.rng.IntN(2), func(ctx context.Context, a *app.App) error {
		_, err := a.ResetMemberTwoFactor(ctx, app.ResetMemberTwoFactorInput{MemberID: target.members[o], Reason: lost})
		return err
	}}
}

func (r *arena) approve(by *racer, id string) deed {
	return deed{"approve", by, r.rng.IntN(2), func(ctx context.Context, a *app.App) error {
		_, err := a.ApproveTwoFactorReset(ctx, app.ApproveTwoFactorResetInput{RequestID: id})
		return err
	}}
}

func (r *arena) decline(by *racer, id string) deed {
	return deed{"decline", by, r.rng.IntN(2), func(ctx context.Context, a *app.App) error {
		_, err := a.DeclineTwoFactorReset(ctx, app.DeclineTwoFactorResetInput{RequestID: &id})
		return err
	}}
}

// ask makes a request of Mallory's, in the second organization, about a person.
func (r *arena) ask(by, target *racer) string {
	id, nonce := db.NewID(db.ResetID), secret.NewNonce()
	r.sql(`
INSERT INTO two_factor_resets (id, user_id, organization_id, requested_by_id, requested_by_label, reason, nonce, token_hash, expires_at)
VALUES ($1, $2, $3, $4, 'Mallory', $5, $6, $7, now() + interval '3 days')`,
		id, target.id, r.orgs[1], by.id, lost, nonce, secret.Hash(r.servers[0].App.Keys.Link(nonce)))
	return id
}

// TestRaceOfResets: a request about Olivia waits while its approval, its end, another reset, her own enrollment, and changes of
// who may what arrive at once. It takes effect at most once, each request ends once, every effect is in the log, and what
// always holds holds: no organization that requires 2FA is without a compliant owner.
func TestRaceOfResets(t *testing.T) {
	t.Parallel()
	const rounds = 150
	r := newArena(t)
	olivia, otto, mallory, max := r.person("olivia"), r.person("otto"), r.person("mallory"), r.person("max")
	logged := func(action string) int {
		return r.count(`SELECT count(*) FROM security_events WHERE user_id = $1 AND action = $2`, olivia.id, action)
	}
	for r.round = range rounds {
		r.sql(`DELETE FROM two_factor_resets`)
		r.begin(olivia, otto, mallory, max)
		r.sql(`UPDATE organizations SET require2fa = true WHERE id = $1`, r.orgs[0])
		for _, p := range []*racer{olivia, otto, mallory, max} {
			r.app(p, true)
		}
		r.place(olivia, 0, org.RoleOwner, org.StatusActive)
		r.place(otto, 0, org.RoleOwner, org.StatusActive)
		r.place(olivia, 1, pick(r, org.RoleMember, org.RoleManager), org.StatusActive)
		r.place(mallory, 1, org.RoleOwner, org.StatusActive)
		r.place(max, 1, org.RoleManager, org.StatusActive)
		id := r.ask(pick(r, mallory, max), olivia)
		before := map[string]int{}
		for _, action := range []string{"user.2fa-reset", "user.2fa-reset-requested", "user.2fa-reset-ended"} {
			before[action] = logged(action)
		}
		deeds := []deed{r.approve(otto, id), r.approve(otto, id)}
		if r.rng.IntN(3) == 0 {
			deeds = append(deeds, r.decline(pick(r, otto, olivia, mallory, max), id))
		}
		if r.rng.IntN(2) == 0 {
			r.app(olivia, false)
			deeds = append(deeds, r.confirm(olivia))
		}
		for range 2 {
			switch r.rng.IntN(6) {
			case 0:
				deeds = append(deeds, r.reset(pick(r, mallory, max), olivia, 1))
			case 1:
				deeds = append(deeds, r.changeRole(olivia, otto, 0, pick(r, org.RoleManager, org.RoleMember)))
			case 2:
				deeds = append(deeds, r.changeRole(mallory, max, 1, org.RoleMember))
			case 3:
				deeds = append(deeds, r.leave(olivia, r.rng.IntN(2)))
			case 4:
				deeds = append(deeds, r.removeFactor(pick(r, olivia, otto)))
			default:
				deeds = append(deeds, r.require(pick(r, olivia, otto), 0, false))
			}
		}
		r.rng.Shuffle(len(deeds), func(i, j int) { deeds[i], deeds[j] = deeds[j], deeds[i] })
		outcomes := r.atOnce(deeds...)
		r.settle()

		asked := 0
		for i, d := range deeds {
			if d.name == "reset" && outcomes[i] == "" {
				asked++
			}
		}
		rows := r.count(`SELECT count(*) FROM two_factor_resets`)
		effects := r.count(`SELECT count(*) FROM two_factor_resets WHERE state = 'DONE'`) + asked - (rows - 1)
		ended := r.count(`SELECT count(*) FROM two_factor_resets WHERE state NOT IN ('PENDING', 'DONE')`)
		if n := logged("user.2fa-reset") - before["user.2fa-reset"]; n != effects || n > 1 {
			t.Errorf("round %d of -race.seed=%d: %d effects, %d lines", r.round, r.seed, effects, n)
		}
		if n := logged("user.2fa-reset-ended") - before["user.2fa-reset-ended"]; n != ended {
			t.Errorf("round %d of -race.seed=%d: %d requests ended, %d lines", r.round, r.seed, ended, n)
		}
		if n := logged("user.2fa-reset-requested") - before["user.2fa-reset-requested"]; n != rows-1 {
			t.Errorf("round %d of -race.seed=%d: %d requests, %d lines", r.round, r.seed, rows-1, n)
		}
		if factors := r.count(`SELECT count(*) FROM authenticators WHERE user_id = $1 AND confirmed_at IS NOT NULL`, olivia.id); effects > 0 && factors > 0 {
			t.Errorf("round %d of -race.seed=%d: %d factors are left after a reset", r.round, r.seed, factors)
		}
		if t.Failed() {
			break
		}
	}
	r.finish("approve", "decline", "confirm", "change role")
}
