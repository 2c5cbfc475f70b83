package main

import (
	"strings"
	"testing"
)

// TestResetByMailboxAlone is the attack: whoever reads Olivia's mail, and knows a manager who asks, sets a new password by mail
// and confirms the request with it. That takes no factor away. Once a second factor has been proved with such a password, or it
// was changed in a session that had proved one, it is hers again; a recovery code, which is for coming back in, does not do.
func TestResetByMailboxAlone(t *testing.T) {
	t.Parallel()
	change := `mutation($c: String!, $n: String!) { changePassword(input: {currentPassword: $c, newPassword: $n}) { user { id } } }`
	for name, c := range map[string]struct {
		first func(t *testing.T, x *tenants)
		code  string
	}{
		"nothing but the mailbox": {func(*testing.T, *tenants) {}, "FORBIDDEN"},
		"the mailbox and a recovery code": {func(t *testing.T, x *tenants) {
			challenge, _ := x.olivia.challenge(t)
			x.verify(t, challenge, x.olivia.Recovery[0]).gave(t, "")
		}, "FORBIDDEN"},
		"the mailbox and the factor": {func(t *testing.T, x *tenants) { x.olivia.signIn(t) }, ""},
		"changed since": {func(t *testing.T, x *tenants) {
			x.olivia.signIn(t)
			x.exec(t, `UPDATE credentials SET set_by_mail = true`) // as by a passkey, which takes no password
			x.olivia.do(t, change, vars{"c": x.olivia.Password, "n": "yet another long one"}, nil)
			x.olivia.Password = "yet another long one"
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := newTenants(t)
			id := x.mallory.reset(t, x.oliviaTheirs).ResetMemberTwoFactor.Reset.ID
			x.olivia.Password = "a password by mail"
			x.muster.reset(t, x.olivia.resetLink(t), x.olivia.Password).gave(t, "")
			c.first(t, x)
			got := x.post(t, "", confirmReset, vars{"t": x.link(t, x.olivia.Email, resetTitle), "p": x.olivia.Password})
			got.gave(t, c.code)
			if armed := x.armed(t, x.olivia); armed != (c.code != "") {
				t.Errorf("armed: %v", armed)
			}
			if c.code == "" {
				return
			}
			if len(got.Errors) > 0 && !strings.Contains(got.Errors[0].Message, "proves no more than the mailbox") {
				t.Errorf("the refusal is %q", got.Errors[0].Message)
			}
			// The way that is left: the other owner, who can ask her.
			x.otto.do(t, approveReset, vars{"i": id}, nil)
			if state := x.resetState(t, id); state != "DONE" || x.armed(t, x.olivia) {
				t.Errorf("approved, the request is %s", state)
			}
		})
	}
}

// TestResetIsNotApprovedByWhoAsked: not by means of a second organization of theirs, nor by one organization of two.
func TestResetIsNotApprovedByWhoAsked(t *testing.T) {
	t.Parallel()
	x := newTenants(t)
	second := x.mallory.organization(t)
	second.join(t, x.olivia, "MEMBER")
	second.require(t, true)
	id := x.mallory.reset(t, x.oliviaTheirs).ResetMemberTwoFactor.Reset.ID
	x.mallory.refused(t, "NOT_FOUND", approveReset, vars{"i": id})
	x.otto.do(t, approveReset, vars{"i": id}, nil)
	if state := x.resetState(t, id); state != "PENDING" || !x.armed(t, x.olivia) {
		t.Errorf("the request is %s", state)
	}
}

// TestResetKeepsNobodyElseOut: each organization of a person may ask, whatever another's request does. The one that takes effect
// ends the others, so that none of them takes the next factor.
func TestResetKeepsNobodyElseOut(t *testing.T) {
	t.Parallel()
	m := start(t)
	_, o := m.owner(t)
	other, mia := m.someone(t, "Oscar").organization(t), m.someone(t, "Mia")
	here, there := o.join(t, mia, "MEMBER"), other.join(t, mia, "MEMBER")
	first := o.Owner.reset(t, here).ResetMemberTwoFactor.Reset.ID
	second := other.Owner.reset(t, there).ResetMemberTwoFactor.Reset.ID
	o.Owner.refused(t, "CONFLICT", resetMember, vars{"m": here, "r": lost})
	o.Owner.do(t, approveReset, vars{"i": second}, nil)
	if m.resetState(t, first) != "VOID" || m.resetState(t, second) != "DONE" || m.armed(t, mia) {
		t.Errorf("the first is %s, the second %s", m.resetState(t, first), m.resetState(t, second))
	}
}

// TestResetIsNotUndone: whoever has the stolen phone has the mail on it. "This was not me" about the reset locks the account and
// gives the phone back nothing.
func TestResetIsNotUndone(t *testing.T) {
	t.Parallel()
	m := start(t)
	_, o := m.owner(t)
	mia := m.verified(t, "Mia")
	mia.enroll(t)
	id := o.join(t, mia, "MEMBER")
	o.Owner.reset(t, id)
	m.post(t, "", reportNotMe, vars{"t": m.notMe(t, mia.Email, "reset your second factor")}).gave(t, "")
	m.reset(t, mia.resetLink(t), "a password by mail").gave(t, "")
	if m.armed(t, mia) {
		t.Error("the report gave the old second factor back")
	}
}
