package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"muster/app"
	"muster/db"
	"muster/secret"
)

// Replacing an app keeps the old one until the new one is confirmed, also where both places are taken.
func TestReplaceApp(t *testing.T) {
	t.Parallel()
	m := start(t)
	b := m.back(t)
	p, other := m.someone(t, "Remy"), m.someone(t, "Rolf")
	o := p.organization(t)
	o.require(t, true)
	kept := *p
	p.enroll(t) // the second
	old := *p
	factors := p.view(t).Viewer.Authenticators
	a := p.refused(t, "CONFLICT", enrollTOTP, nil)
	if !strings.Contains(a.says(), "Replace") {
		t.Errorf("a third app is refused with %q", a.says())
	}
	const replace = `mutation($a: ID!) { enrollTOTP(input: {replaces: $a}) { secret } }`
	phone := func() string {
		p.addPhone(t)
		all := p.view(t).Viewer.Authenticators
		return all[len(all)-1].ID
	}()
	for what, id := range map[string]string{"somebody else's": other.view(t).Viewer.Authenticators[0].ID, "none": "aut_nothing", "a phone": phone} {
		m.post(t, p.Token, replace, vars{"a": id}).expect(t, "NOT_FOUND", what)
	}

	p.replaceTOTP(t, factors[1].ID)
	fresh := *p
	elsewhere := kept.another(t)
	for name, app := range map[string]*person{"kept": &kept, "old": &old} {
		b.forget(t)
		token, _ := app.challenge(t)
		m.verify(t, token, app.code()).expect(t, "", "the "+name+" app before the new one is confirmed")
	}
	b.forget(t)
	token, _ := fresh.challenge(t)
	m.verify(t, token, fresh.code()).expect(t, "INVALID_CODE", "the new app before it is confirmed")
	p.refused(t, "INVALID_CODE", confirmTOTP, vars{"c": fresh.wrong()})
	if v := p.view(t); len(v.Viewer.Authenticators) != 3 {
		t.Errorf("after a wrong code there are %d authenticators", len(v.Viewer.Authenticators))
	}
	var done struct {
		ConfirmTOTP struct {
			Authenticator struct{ ID string }
			RecoveryCodes []string
		}
	}
	p.do(t, confirmTOTP, vars{"c": fresh.code()}, &done)
	if done.ConfirmTOTP.RecoveryCodes != nil {
		t.Error("replacing an app made new recovery codes")
	}
	ids := map[string]bool{}
	for _, f := range p.view(t).Viewer.Authenticators {
		ids[f.ID] = true
	}
	if diff := cmp.Diff(map[string]bool{factors[0].ID: true, phone: true, done.ConfirmTOTP.Authenticator.ID: true}, ids); diff != "" {
		t.Errorf("the authenticators (-want +got):\n%s", diff)
	}
	if m.signedIn(t, elsewhere.Token) || !m.signedIn(t, p.Token) {
		t.Error("the wrong session ended")
	}
	m.mailSaying(t, p.Email, `Added the authenticator "New app".`)
	m.mailSaying(t, p.Email, `Removed the authenticator "Authenticator app".`)
	for name, c := range map[string]struct {
		app  *person
		want string
	}{"kept": {&kept, ""}, "old": {&old, "INVALID_CODE"}, "new": {&fresh, ""}} {
		b.forget(t)
		token, _ := c.app.challenge(t)
		m.verify(t, token, c.app.code()).expect(t, c.want, "the "+name+" app afterwards")
	}

	// The only one can be replaced too, where 2FA is required: there is no moment without.
	lone := m.signUp(t, "Lone")
	lone.enroll(t)
	id := lone.view(t).Viewer.Authenticators[0].ID
	lone.organization(t).require(t, true)
	lone.refused(t, "LAST_AUTHENTICATOR", removeFactor, vars{"a": id})
	lone.replaceTOTP(t, id)
	lone.do(t, confirmTOTP, vars{"c": lone.code()}, nil)
	if v := lone.view(t); len(v.Viewer.Authenticators) != 1 || v.Viewer.Authenticators[0].ID == id || v.Viewer.RecoveryCodes == nil {
		t.Errorf("replaced: %+v", v.Viewer)
	}

	// A recovery code lets somebody enroll, and nothing else: it does not remove an app by replacing it.
	id = lone.view(t).Viewer.Authenticators[0].ID
	b.forget(t)
	token, _ = lone.challenge(t)
	lone.Token = session(t, m.verify(t, token, lone.Recovery[0]))
	lone.refused(t, "STEP_UP_REQUIRED", replace, vars{"a": id})
	lone.startTOTP(t)
	b.run(t, `UPDATE authenticators SET replaces_id = $1 WHERE confirmed_at IS NULL AND session_id IS NOT NULL AND user_id = (SELECT id FROM users WHERE email = $2)`, id, lone.Email)
	lone.refused(t, "STEP_UP_REQUIRED", confirmTOTP, vars{"c": lone.code()})

	// Who has lost both apps comes back by a code, and the new one takes the place of the oldest.
	lost := m.someone(t, "Lotte")
	oldest := lost.view(t).Viewer.Authenticators[0].ID
	codes := lost.Recovery
	lost.enroll(t)
	lost.refused(t, "CONFLICT", enrollTOTP, nil)
	b.forget(t)
	token, _ = lost.challenge(t)
	lost.Token = session(t, m.verify(t, token, codes[0]))
	lost.startTOTP(t)
	if v := lost.view(t); len(v.Viewer.Authenticators) != 2 || v.Viewer.Authenticators[0].ID != oldest {
		t.Errorf("before the confirmation there are %+v", v.Viewer.Authenticators)
	}
	lost.do(t, confirmTOTP, vars{"c": lost.code()}, nil)
	if v := lost.view(t); len(v.Viewer.Authenticators) != 2 || v.Viewer.Authenticators[0].ID == oldest || v.Viewer.Authenticators[1].ID == oldest {
		t.Errorf("after the confirmation there are %+v", v.Viewer.Authenticators)
	}
	m.mailSaying(t, lost.Email, "Removed the authenticator")
	lost.refused(t, "CONFLICT", enrollTOTP, nil) // the session has proved the app now

	// What it was to replace may be gone by the time of the confirmation: then it is one more.
	gone := m.signUp(t, "Gone")
	gone.enroll(t)
	id = gone.view(t).Viewer.Authenticators[0].ID
	gone.addPhone(t)
	gone.replaceTOTP(t, id)
	gone.do(t, removeFactor, vars{"a": id}, nil)
	gone.do(t, confirmTOTP, vars{"c": gone.code()}, nil)
	if v := gone.view(t); len(v.Viewer.Authenticators) != 2 {
		t.Errorf("after all that there are %d authenticators", len(v.Viewer.Authenticators))
	}
}

// One answer of a key, brought twelve times at once to two servers, begins one session, as second factor and as passkey.
func TestRaceOfOneKey(t *testing.T) {
	t.Parallel()
	const rounds, many = 60, 12
	r := newArena(t)
	m := r.servers[0]
	p := m.signUp(t, "Kim")
	key := p.addKey(t)
	eve := r.person("eve") // whose contexts the deeds run in; it is nobody's account that matters here
	for r.round = range rounds {
		passkey := r.round%2 == 1
		var token string
		var answer vars
		if passkey {
			var options vars
			token, options = m.askPasskey(t)
			answer = key.get(t, options)
		} else {
			token = secret.NewToken()
			r.sql(`INSERT INTO challenges (id, user_id, token_hash, expires_at) SELECT $1, id, $2, now() + interval '1 hour' FROM users WHERE email = $3`,
				db.NewID(db.ChallengeID), secret.Hash(token), p.Email)
			r.flush()
			answer = key.get(t, p.askKey(t, token))
		}
		raw, err := json.Marshal(answer)
		if err != nil {
			t.Fatal(err)
		}
		deeds := make([]deed, many)
		for i := range deeds {
			var own vars
			if err := json.Unmarshal(raw, &own); err != nil {
				t.Fatal(err)
			}
			deeds[i] = deed{"key", eve, 0, func(ctx context.Context, a *app.App) error {
				if passkey {
					_, err := a.SignInWithPasskey(ctx, app.SignInWithPasskeyInput{ChallengeToken: token, Credential: own})
					return err
				}
				_, err := a.VerifySecondFactor(ctx, app.VerifySecondFactorInput{ChallengeToken: token, Credential: own})
				return err
			}}
		}
		outcomes := r.atOnce(deeds...)
		if n := accepted(outcomes); n != 1 {
			t.Fatalf("round %d of -race.seed=%d: the answer was accepted %d times: %v", r.round, r.seed, n, outcomes)
		}
	}
	if n := r.count(`SELECT count(*) FROM sessions s JOIN users u ON u.id = s.user_id WHERE u.email = $1`, p.Email); n != 1+rounds {
		t.Errorf("%d sessions, want %d", n, 1+rounds)
	}
	if n := r.count(`SELECT count(*) FROM security_events WHERE action = 'user.security-key-refused'`); n != 0 {
		t.Errorf("%d times a key was taken for a copy of itself", n)
	}
	r.finish("key")
}
