package main

import (
	"fmt"
	"testing"

	"muster/mail"
)

const resendInvite = `mutation($i: ResendInviteInput!) { resendInvite(input: $i) { member { id } } }`

// Who is an owner is decided by somebody who is there: a recovery code, or a session left open, takes nothing over.
func TestOwnersAreChangedByFreshSessions(t *testing.T) {
	t.Parallel()
	m := start(t, tenMinutes)
	owner, second, mia := m.signUp(t, "Olivia"), m.signUp(t, "Otto"), m.signUp(t, "Mia")
	owner.enroll(t)
	o := owner.organization(t)
	co, member := o.join(t, second, "OWNER"), o.join(t, mia, "MEMBER")
	m.stale(t)
	owner.refused(t, "STEP_UP_REQUIRED", `mutation($i: InviteMemberInput!) { inviteMember(input: $i) { member { id } } }`,
		vars{"i": vars{"organizationId": o.ID, "email": "thief@people.example", "role": "OWNER"}})
	const change = `mutation($i: ChangeMemberRoleInput!) { changeMemberRole(input: $i) { member { id } } }`
	const remove = `mutation($i: RemoveMemberInput!) { removeMember(input: $i) { removedMemberId } }`
	owner.refused(t, "STEP_UP_REQUIRED", change, vars{"i": vars{"memberId": co, "role": "MEMBER"}})
	owner.refused(t, "STEP_UP_REQUIRED", remove, vars{"i": vars{"memberId": co}})
	owner.do(t, change, vars{"i": vars{"memberId": member, "role": "ADMIN"}}, nil)
	o.invite(t, owner, "colleague@people.example", "MEMBER")
	owner.do(t, confirmIdentity, vars{"i": vars{"code": owner.code()}}, nil)
	owner.do(t, remove, vars{"i": vars{"memberId": co}}, nil)
}

// Nobody can use up the mails that lead somebody else back.
func TestStrangersUseUpNobodysWayBack(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner, mia, stranger := m.signUp(t, "Olivia"), m.signUp(t, "Mia"), m.signUp(t, "Stranger")
	owner.enroll(t)
	o := owner.organization(t)
	member := o.join(t, mia, "MEMBER")
	o.require(t, true)
	const invite = `mutation($i: InviteMemberInput!) { inviteMember(input: $i) { member { id } } }`
	for i := range 3 {
		stranger := m.signUp(t, fmt.Sprintf("Stranger%d", i))
		evil := stranger.organization(t)
		id := evil.invite(t, stranger, mia.Email, "MEMBER")
		stranger.refused(t, "CONFLICT", invite, vars{"i": vars{"organizationId": evil.ID, "email": mia.Email}})
		refused := 0
		for range 12 { // ten mails from an account, and from an organization, in a day, thirty from all unproved ones in an hour
			if m.post(t, stranger.Token, resendInvite, vars{"i": vars{"memberId": id}}).Code() == "RATE_LIMITED" {
				refused++
			}
		}
		if refused == 0 {
			t.Error("twelve mails to one address were sent")
		}
		// One account does not get more by another organization, nor by a token of it.
		other := stranger.organization(t)
		stranger.refused(t, "RATE_LIMITED", invite, vars{"i": vars{"organizationId": other.ID, "email": mia.Email}})
		program := stranger.serviceToken(t, other, "members:write")
		program.refused(t, "RATE_LIMITED", invite, vars{"i": vars{"organizationId": other.ID, "email": mia.Email}})
	}
	stranger.refused(t, "RATE_LIMITED", invite, vars{"i": vars{"organizationId": stranger.organization(t).ID, "email": mia.Email}})
	// Accounts that nobody has proved use up only what is theirs.
	known := m.verified(t, "Known")
	known.do(t, invite, vars{"i": vars{"organizationId": known.organization(t).ID, "email": mia.Email}}, nil)
	owner.do(t, resendInvite, vars{"i": vars{"memberId": member}}, nil)
	// Nor the mails about her account.
	mia.do(t, changePassword, vars{"i": vars{"currentPassword": mia.Password, "newPassword": "another long password"}}, nil)
	m.notMe(t, mia.Email, "Changed the password")
}

// Somebody invited or removed is nobody to an ADMIN, whatever the mutation.
func TestAdminsTouchOnlyWhomTheySee(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner, adam, mia := m.signUp(t, "Olivia"), m.signUp(t, "Adam"), m.signUp(t, "Mia")
	owner.enroll(t)
	adam.enroll(t)
	o := owner.organization(t)
	o.join(t, adam, "ADMIN")
	member := o.join(t, mia, "MEMBER", o.createTeam(t, "platform"))
	o.require(t, true)
	adam.refused(t, "NOT_FOUND", `mutation($i: SetMemberTeamsInput!) { setMemberTeams(input: $i) { member { status } } }`,
		vars{"i": vars{"memberId": member, "teamIds": []string{}}})
}

// Honest sign-ins by text message cost nothing; what was never answered does.
func TestTextMessagesThatArriveCostNothing(t *testing.T) {
	t.Parallel()
	m := start(t)
	p := m.signUp(t, "Paula")
	number := "+436601234567"
	newest := func(n int) string {
		var texts []mail.Text
		eventually(t, fmt.Sprintf("text message %d arrives", n), func() bool {
			texts = m.Mailbox.Texts(number)
			return len(texts) >= n
		})
		return texts[0].Body[:6]
	}
	p.do(t, `mutation($n: String!) { enrollPhone(input: {number: $n}) { sentTo } }`, vars{"n": number}, nil)
	p.do(t, `mutation($c: String!) { confirmPhone(input: {code: $c}) { authenticator { id } } }`, vars{"c": newest(1)}, nil)
	var in struct {
		SignIn struct {
			Challenge struct {
				Token   string
				Methods []string
			}
		}
	}
	signIn := func() {
		t.Helper()
		p.do(t, `mutation($i: SignInInput!) { signIn(input: $i) { challenge { token methods } } }`, vars{"i": vars{"email": p.Email, "password": p.Password}}, &in)
	}
	for i := range 5 {
		signIn()
		p.do(t, `mutation($i: VerifySecondFactorInput!) { verifySecondFactor(input: $i) { session { token } } }`,
			vars{"i": vars{"challengeToken": in.SignIn.Challenge.Token, "code": newest(i + 2)}}, nil)
	}
	// Nor do they come near the budget of the network: whoever has none of it left but one message signs in again and again.
	m.exec(t, `INSERT INTO rate_limits (key, hits, expires_at) VALUES ('text-network sign-in 127.0.0.0/24', array_fill(clock_timestamp(), ARRAY[59]), now() + interval '1 day')
	  ON CONFLICT (key) DO UPDATE SET hits = excluded.hits`)
	for i := range 3 {
		signIn()
		p.do(t, `mutation($i: VerifySecondFactorInput!) { verifySecondFactor(input: $i) { session { token } } }`,
			vars{"i": vars{"challengeToken": in.SignIn.Challenge.Token, "code": newest(i + 7)}}, nil)
	}
	m.exec(t, `DELETE FROM rate_limits`)
	for range 3 {
		signIn()
	}
	signIn()
	if len(in.SignIn.Challenge.Methods) != 1 || in.SignIn.Challenge.Methods[0] != "RECOVERY_CODE" {
		t.Errorf("the fourth unanswered message in an hour is not sent, but the methods are %v", in.SignIn.Challenge.Methods)
	}
	p.refused(t, "RATE_LIMITED", `mutation($t: String!) { sendSecondFactorCode(input: {challengeToken: $t}) { sentTo } }`, vars{"t": in.SignIn.Challenge.Token})
}
