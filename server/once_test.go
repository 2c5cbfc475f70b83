package main

import (
	"context"
	"slices"
	"testing"
	"time"

	"muster/app"
	"muster/db"
	"muster/org"
	"muster/secret"
)

// Owners who remove and demote each other, themselves too, all at once: one is always left, and where 2FA is required, one
// who has it.
func TestRaceOfOwners(t *testing.T) {
	t.Parallel()
	const rounds = 300
	r := newArena(t)
	owners := []*racer{r.person("ada"), r.person("bea"), r.person("cleo"), r.person("dora")}
	for r.round = range rounds {
		r.begin(owners...)
		enforced := r.rng.IntN(2) == 0
		r.sql(`UPDATE organizations SET require2fa = $1`, enforced)
		for _, p := range owners {
			if enforced || r.rng.IntN(2) == 0 {
				r.app(p, true)
			}
			r.place(p, 0, org.RoleOwner, org.StatusActive)
			r.place(p, 1, org.RoleOwner, org.StatusActive)
		}
		var deeds []deed
		for _, by := range owners {
			for range 2 {
				target, o := pick(r, owners...), r.rng.IntN(2)
				switch {
				case target == by && r.rng.IntN(2) == 0:
					deeds = append(deeds, r.leave(by, o))
				case target != by && r.rng.IntN(2) == 0:
					deeds = append(deeds, r.remove(by, target, o))
				default:
					deeds = append(deeds, r.changeRole(by, target, o, pick(r, org.RoleManager, org.RoleMember)))
				}
			}
		}
		r.atOnce(deeds...)
		r.settle()
		if t.Failed() {
			break
		}
	}
	r.finish("leave", "remove member", "change role")
	if r.counts["leave"]["LAST_OWNER"]+r.counts["change role"]["LAST_OWNER"] == 0 {
		t.Error("nobody was ever refused as the last owner")
	}
}

// One code of an authenticator app brings at most one sign-in, however many requests on however many servers bring it at
// once over HTTP, and none afterwards, also where a server's clock is a minute behind.
func TestRaceOfOneCode(t *testing.T) {
	t.Parallel()
	const rounds, many = 100, 50
	const verify = `mutation($i: VerifySecondFactorInput!) { verifySecondFactor(input: $i) { session { token } } }`
	r := newArena(t)
	eve := r.person("eve")
	r.app(eve, true)
	challenge := func() string {
		token := secret.NewToken()
		r.sql(`INSERT INTO challenges (id, user_id, token_hash, expires_at) VALUES ($1, $2, $3, now() + interval '1 hour')`,
			db.NewID(db.ChallengeID), eve.id, secret.Hash(token))
		return token
	}
	for r.round = range rounds {
		for _, m := range r.servers {
			m.clock.Advance(30 * time.Second)
		}
		code := secret.TOTPCode(eve.seed, r.servers[0].clock.Now())
		deeds := make([]deed, many)
		for i := range deeds {
			token, m := challenge(), r.servers[i%2]
			deeds[i] = deed{"verify", eve, 0, func(context.Context, *app.App) error {
				a, err := m.tryPost("", verify, vars{"i": vars{"challengeToken": token, "code": code}})
				if err == nil && a.Code() != "" {
					err = &org.Error{Code: org.ErrorCode(a.Code()), Message: a.Errors[0].Message}
				}
				return err
			}}
		}
		outcomes := r.atOnce(deeds...)
		if n := accepted(outcomes); n != 1 {
			t.Fatalf("round %d of -race.seed=%d: the code was accepted %d times: %v", r.round, r.seed, n, outcomes)
		}
		for _, m := range r.servers {
			token := challenge()
			r.flush()
			m.clock.Advance(-time.Minute)
			if a := m.post(t, "", verify, vars{"i": vars{"challengeToken": token, "code": code}}); a.Code() != "INVALID_CODE" {
				t.Errorf("round %d of -race.seed=%d: the code again, a minute back: %q", r.round, r.seed, a.Code())
			}
			m.clock.Advance(time.Minute)
		}
	}
	if n := r.count(`SELECT count(*) FROM sessions WHERE user_id = $1`, eve.id); n != 2+rounds {
		t.Errorf("%d sessions, want %d", n, 2+rounds)
	}
	r.finish("verify")
}

// One challenge, answered many times at once with the right code and with recovery codes, begins one session.
func TestRaceOfOneChallenge(t *testing.T) {
	t.Parallel()
	const rounds, many = 200, 12
	r := newArena(t)
	eve := r.person("eve")
	r.app(eve, true)
	for r.round = range rounds {
		r.servers[0].clock.Advance(30 * time.Second)
		codes := secret.NewRecoveryCodes()
		for _, code := range codes {
			hash, _ := secret.RecoveryHash(code)
			r.sql(`INSERT INTO recovery_codes (user_id, hash) VALUES ($1, $2)`, eve.id, hash)
		}
		token := secret.NewToken()
		r.sql(`INSERT INTO challenges (id, user_id, token_hash, expires_at) VALUES ($1, $2, $3, now() + interval '1 hour')`,
			db.NewID(db.ChallengeID), eve.id, secret.Hash(token))
		deeds := make([]deed, many)
		for i := range deeds {
			code := secret.TOTPCode(eve.seed, r.servers[0].clock.Now())
			if i%2 == 0 {
				code = codes[i/2]
			}
			deeds[i] = deed{"verify", eve, 0, func(ctx context.Context, a *app.App) error {
				_, err := a.VerifySecondFactor(ctx, app.VerifySecondFactorInput{ChallengeToken: token, Code: &code})
				return err
			}}
		}
		outcomes := r.atOnce(deeds...)
		if n := accepted(outcomes); n != 1 {
			t.Fatalf("round %d of -race.seed=%d: the challenge was answered %d times: %v", r.round, r.seed, n, outcomes)
		}
		if n := r.count(`SELECT count(*) FROM recovery_codes WHERE used_at IS NOT NULL AND user_id = $1`, eve.id); n > 1 {
			t.Fatalf("round %d of -race.seed=%d: %d recovery codes are used up", r.round, r.seed, n)
		}
		r.sql(`DELETE FROM recovery_codes`)
	}
	r.finish("verify")
}

// One recovery code, for many challenges at once, is used once.
func TestRaceOfOneRecoveryCode(t *testing.T) {
	t.Parallel()
	const rounds, many = 200, 12
	r := newArena(t)
	eve := r.person("eve")
	r.app(eve, true)
	for r.round = range rounds {
		code := secret.NewRecoveryCodes()[0]
		hash, _ := secret.RecoveryHash(code)
		r.sql(`INSERT INTO recovery_codes (user_id, hash) VALUES ($1, $2)`, eve.id, hash)
		deeds := make([]deed, many)
		for i := range deeds {
			token := secret.NewToken()
			r.sql(`INSERT INTO challenges (id, user_id, token_hash, expires_at) VALUES ($1, $2, $3, now() + interval '1 hour')`,
				db.NewID(db.ChallengeID), eve.id, secret.Hash(token))
			deeds[i] = deed{"verify", eve, 0, func(ctx context.Context, a *app.App) error {
				_, err := a.VerifySecondFactor(ctx, app.VerifySecondFactorInput{ChallengeToken: token, Code: &code})
				return err
			}}
		}
		if outcomes := r.atOnce(deeds...); accepted(outcomes) != 1 {
			t.Fatalf("round %d of -race.seed=%d: the code was accepted %d times: %v", r.round, r.seed, accepted(outcomes), outcomes)
		}
	}
	r.finish("verify")
}

func accepted(outcomes []string) int {
	n := 0
	for _, o := range outcomes {
		if o == "" {
			n++
		}
	}
	return n
}

// A link that its person uses many times at once, in two sessions, while somebody else tries it too, makes one membership
// with one entry.
func TestRaceOfOneLink(t *testing.T) {
	t.Parallel()
	const rounds, many = 200, 20
	r := newArena(t)
	olivia, eve, thief := r.person("olivia"), r.person("eve"), r.person("thief")
	for r.round = range rounds {
		r.begin(olivia, eve, thief)
		r.place(olivia, 0, org.RoleOwner, org.StatusActive)
		r.place(olivia, 1, org.RoleOwner, org.StatusActive)
		status := pick(r, org.StatusInvited, org.StatusRemovedFor2FA)
		r.place(eve, 0, org.RoleMember, status)
		thief.links = eve.links
		before := r.entries(org.ActionMemberAccept)
		var deeds []deed
		for i := range many {
			deeds = append(deeds, r.accept(eve, 0, i%2))
		}
		for range 3 {
			d := r.accept(thief, 0, 0)
			d.name = "accept another's"
			deeds = append(deeds, d)
		}
		outcomes := r.atOnce(deeds...)
		if n := accepted(outcomes[:many]); n != 1 {
			t.Fatalf("round %d of -race.seed=%d: the link worked %d times: %v", r.round, r.seed, n, outcomes)
		}
		if n := accepted(outcomes[many:]); n != 0 {
			t.Fatalf("round %d of -race.seed=%d: the link worked for somebody else: %v", r.round, r.seed, outcomes)
		}
		for _, code := range outcomes {
			if code != "" && code != "INVALID_LINK" {
				t.Fatalf("round %d of -race.seed=%d: refused with %s, want INVALID_LINK", r.round, r.seed, code)
			}
		}
		if n := r.count(`SELECT count(*) FROM members WHERE organization_id = $1 AND status = 'ACTIVE' AND user_id = $2`, r.orgs[0], eve.id); n != 1 {
			t.Fatalf("round %d of -race.seed=%d: %d memberships", r.round, r.seed, n)
		}
		if n := r.entries(org.ActionMemberAccept) - before; n != 1 {
			t.Fatalf("round %d of -race.seed=%d: %d entries say that it was accepted", r.round, r.seed, n)
		}
		r.settle()
	}
	r.finish("accept")
}

// entries counts those of an action in the first organization.
func (r *arena) entries(action string) int {
	r.t.Helper()
	return r.count(`SELECT count(*) FROM audit_entries WHERE organization_id = $1 AND action = $2`, r.orgs[0], action)
}

// An invitation that is accepted while it is resent and withdrawn ends in one of three ways, and in that one entirely: its
// person is a member and no link lives; it waits with a new link and the old one is dead; or nothing is left of it.
func TestRaceOfOneInvitation(t *testing.T) {
	t.Parallel()
	const rounds = 200
	r := newArena(t)
	olivia, eve := r.person("olivia"), r.person("eve")
	for r.round = range rounds {
		r.begin(olivia, eve)
		r.app(olivia, true)
		r.place(olivia, 0, org.RoleOwner, org.StatusActive)
		r.place(olivia, 1, org.RoleOwner, org.StatusActive)
		status := pick(r, org.StatusInvited, org.StatusRemovedFor2FA)
		r.place(eve, 0, org.RoleMember, status)
		member, old := eve.members[0], secret.Hash(eve.links[0])
		deeds := []deed{r.accept(eve, 0, 0), r.resend(olivia, eve, 0)}
		if r.rng.IntN(2) == 0 {
			deeds = append(deeds, r.remove(olivia, eve, 0))
		}
		before := []int{r.entries(org.ActionMemberAccept), r.entries(org.ActionMemberReinvite), r.entries(org.ActionMemberRemove)}
		outcomes := r.atOnce(deeds...)
		outcomes = append(outcomes, "not tried")[:3]
		enteredIn, resent, removed := outcomes[0] == "", outcomes[1] == "", outcomes[2] == ""
		r.flush()
		var active, links, oldLinks int
		if err := r.admin.QueryRow(t.Context(), `
SELECT (SELECT count(*) FROM members WHERE id = $1 AND status = 'ACTIVE'), (SELECT count(*) FROM invitations WHERE member_id = $1),
       (SELECT count(*) FROM invitations WHERE token_hash = $2)`, member, old).Scan(&active, &links, &oldLinks); err != nil {
			t.Fatal(err)
		}
		want := [3]int{}
		switch {
		case removed:
		case enteredIn:
			want = [3]int{1, 0, 0}
		case resent:
			want = [3]int{0, 1, 0}
		default:
			t.Fatalf("round %d of -race.seed=%d: nothing succeeded: %v", r.round, r.seed, outcomes)
		}
		if got := [3]int{active, links, oldLinks}; got != want {
			t.Fatalf("round %d of -race.seed=%d: active, links, old links are %v, want %v; %v", r.round, r.seed, got, want, outcomes)
		}
		after := []int{r.entries(org.ActionMemberAccept), r.entries(org.ActionMemberReinvite), r.entries(org.ActionMemberRemove)}
		for i, ok := range []bool{enteredIn, resent, removed} {
			if wrote := after[i] - before[i]; (wrote == 1) != ok || wrote > 1 {
				t.Fatalf("round %d of -race.seed=%d: %d entries for outcomes %v", r.round, r.seed, wrote, outcomes)
			}
		}
		if !slices.Contains([]string{"", "INVALID_LINK"}, outcomes[0]) {
			t.Fatalf("round %d of -race.seed=%d: accepting was refused with %s", r.round, r.seed, outcomes[0])
		}
		r.settle()
	}
	r.finish("accept", "resend", "remove member")
}
