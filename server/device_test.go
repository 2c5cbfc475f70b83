package main

import (
	"fmt"
	"testing"
)

// visitor is a browser as it signs in: where it is, and what its device cookie holds.
type visitor struct {
	m             *muster
	agent, device string
}

// signIn signs a person in and keeps the device cookie, as a browser does.
func (v *visitor) signIn(t testing.TB, email, password string) reply {
	t.Helper()
	c := call{Query: signInQuery, Origin: v.m.URL, Agent: v.agent, Vars: vars{"i": vars{"email": email, "password": password}}}
	if v.device != "" {
		c.Cookie = "muster-device=" + v.device
	}
	in := v.m.call(t, c)
	for _, cookie := range in.Cookies {
		if cookie.Name == "muster-device" {
			v.device = cookie.Value
		}
	}
	return in
}

// wantNew expects how many of a person's sign-ins they were told of as coming from a new browser.
func (m *muster) wantNew(t testing.TB, p *person, want int, after string) {
	t.Helper()
	got := m.find(t, `SELECT count(*)::text FROM security_events e JOIN users u ON u.id = e.user_id WHERE action = 'user.new-sign-in' AND u.email = $1`, p.Email)
	if got != fmt.Sprint(want) {
		t.Errorf("%s: %s sign-ins from new browsers were told, want %d", after, got, want)
	}
}

// A thief who signs in to their own account in a shared browser, and takes its device cookie with them, is no known browser
// of who signs in there next.
func TestDeviceCookieCannotBePlanted(t *testing.T) {
	t.Parallel()
	m := start(t)
	victim, thief := m.signUp(t, "Vera"), m.signUp(t, "Theo")
	shared := &visitor{m: m, agent: "Shared"}
	shared.signIn(t, thief.Email, thief.Password).expect(t, "", "the thief in the shared browser")
	elsewhere := &visitor{m: m, agent: "Elsewhere", device: shared.device}
	shared.signIn(t, victim.Email, victim.Password).expect(t, "", "the victim in the shared browser")
	m.wantNew(t, victim, 1, "the victim's first sign-in there")
	elsewhere.signIn(t, victim.Email, victim.Password).expect(t, "", "the thief elsewhere, with the cookie from before")
	m.wantNew(t, victim, 2, "the thief's sign-in")
	// A cookie of one's own making is as little worth.
	made := &visitor{m: m, agent: "Made", device: "made-up"}
	made.signIn(t, victim.Email, victim.Password).expect(t, "", "the thief with a cookie that nobody gave out")
	m.wantNew(t, victim, 3, "the sign-in with a made-up cookie")
	planted := &visitor{m: m, agent: "Made", device: "made-up"}
	planted.signIn(t, victim.Email, victim.Password).expect(t, "", "the same cookie once more")
	m.wantNew(t, victim, 4, "the second sign-in with a made-up cookie")
}

// People who share a browser are known in it side by side, the last five of them.
func TestSharedBrowserIsKnownToEachOfItsPeople(t *testing.T) {
	t.Parallel()
	m := start(t)
	shared := &visitor{m: m, agent: "Shared"}
	var people []*person
	for i := range 6 {
		people = append(people, m.signUp(t, fmt.Sprintf("Person%d", i)))
	}
	for _, p := range people[:5] {
		shared.signIn(t, p.Email, p.Password).expect(t, "", p.Name)
	}
	for _, p := range people[:5] {
		shared.signIn(t, p.Email, p.Password).expect(t, "", p.Name+" again")
		m.wantNew(t, p, 1, p.Name+" again")
	}
	shared.signIn(t, people[5].Email, people[5].Password).expect(t, "", "one more")
	shared.signIn(t, people[4].Email, people[4].Password).expect(t, "", "who was there last")
	m.wantNew(t, people[4], 1, "who was there last")
	shared.signIn(t, people[0].Email, people[0].Password).expect(t, "", "who was there first")
	m.wantNew(t, people[0], 2, "who was there first")
}

// What a thief signed in with is a stranger again after the victim has acted: reported it, set a new password by mail, changed
// it elsewhere, or had their second factor reset. It is told of anew, and has no tries of its own at the new password.
func TestBrowsersAreForgotten(t *testing.T) {
	t.Parallel()
	const newPassword = "another long password"
	for name, c := range map[string]struct {
		act      func(t *testing.T, m *muster, v *person, own *visitor) (password string)
		keepsOwn bool
	}{
		"reported and reset": {act: func(t *testing.T, m *muster, v *person, _ *visitor) string {
			t.Helper()
			m.post(t, "", reportNotMe, vars{"t": m.notMe(t, v.Email, "has not been used before")})
			m.reset(t, v.resetLink(t), newPassword).expect(t, "", "the reset")
			return newPassword
		}},
		"reset by mail": {act: func(t *testing.T, m *muster, v *person, _ *visitor) string {
			t.Helper()
			m.reset(t, v.resetLink(t), newPassword).expect(t, "", "the reset")
			return newPassword
		}},
		"disarmed": {act: func(t *testing.T, m *muster, v *person, _ *visitor) string {
			t.Helper()
			_, o := m.owner(t)
			id := o.join(t, v, "MEMBER")
			v.enroll(t)
			o.Owner.reset(t, id)
			return v.Password
		}},
		"changed in the own browser": {act: func(t *testing.T, m *muster, v *person, own *visitor) string {
			t.Helper()
			in := own.signIn(t, v.Email, v.Password)
			in.expect(t, "", "the victim's own browser")
			changed := m.call(t, call{
				Query: changePassword, Origin: m.URL, Agent: own.agent, Cookie: "muster-device=" + own.device + "; muster=" + in.cookie().Value,
				Vars: vars{"i": vars{"currentPassword": v.Password, "newPassword": newPassword}},
			})
			changed.expect(t, "", "the change")
			return newPassword
		}, keepsOwn: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := start(t)
			v := m.verified(t, "Vera")
			own, thief := &visitor{m: m, agent: "Own"}, &visitor{m: m, agent: "Thief"}
			own.signIn(t, v.Email, v.Password).expect(t, "", "the victim")
			thief.signIn(t, v.Email, v.Password).expect(t, "", "the thief")
			m.wantNew(t, v, 2, "two browsers")
			password := c.act(t, m, v, own)
			told := 2
			for _, b := range []*visitor{thief, own} {
				b.signIn(t, v.Email, password).expect(t, "", b.agent+" with the new password")
				if b == thief || !c.keepsOwn {
					told++
				}
				m.wantNew(t, v, told, b.agent+" comes again")
			}
		})
	}
}
