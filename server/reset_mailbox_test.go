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
