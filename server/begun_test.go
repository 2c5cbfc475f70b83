package main

import (
	"strings"
	"testing"
	"time"
)

// aged makes all that has happened to accounts older than can be reported, so that a report is about what follows.
func (m *muster) aged(t testing.TB) {
	t.Helper()
	m.atRest(t)
	m.exec(t, `UPDATE account_alerts SET since = since - interval '8 days', expires_at = expires_at - interval '8 days'`)
	m.exec(t, `UPDATE authenticators SET confirmed_at = confirmed_at - interval '8 days'`)
	m.exec(t, `UPDATE recovery_codes SET created_at = created_at - interval '8 days'`)
}

// stolen is a thief in a session of somebody's, which the owner of the account has reported by the mail about what the thief did
// last. begin is what the thief did before that.
func (m *muster) stolen(t testing.TB, p *person, begin func(thief *person)) {
	t.Helper()
	m.aged(t)
	thief := p.another(t)
	begin(thief)
	thief.do(t, `mutation($a: ID!) { renameAuthenticator(input: {authenticatorId: $a, name: "x"}) { authenticator { id } } }`, vars{"a": p.authenticator(t)}, nil)
	m.report(t, m.notMe(t, p.Email, "Named"), false)
}

// recovered is the account's owner back in, by mail and by the second factor that they still have.
func (p *person) recovered(t testing.TB) {
	t.Helper()
	p.m.reset(t, p.resetLink(t), "her own new password").expect(t, "", "the reset")
	p.Password = "her own new password"
	p.signIn(t)
}

// An invitation that a thief has sent brings nobody in: not while the account is locked, and not when its owner is back. It was
// mailed to all owners when it was sent, and once somebody sends it again who may, it works.
func TestThiefsInvitationEndsWithTheReport(t *testing.T) {
	t.Parallel()
	m := start(t, tenMinutes)
	owner := m.verified(t, "Olivia")
	owner.enroll(t)
	o := owner.organization(t)
	other := owner.organization(t) // where nothing was begun
	puppet, second := m.signUp(t, "Puppet"), m.signUp(t, "Pia")
	var ids []string
	m.stolen(t, owner, func(thief *person) {
		ids = append(ids, o.invite(t, thief, puppet.Email, "OWNER"), o.invite(t, thief, second.Email, "MEMBER"))
		m.mailed(t, owner.Email, "security settings changed", puppet.Email+" was invited as Owner.")
	})
	link := m.newLink(t, puppet.Email, "Join ")
	puppet.refused(t, "INVALID_LINK", acceptInvite, vars{"t": link})
	dead := m.newLink(t, second.Email, "Join ")
	second.refused(t, "INVALID_LINK", acceptInvite, vars{"t": dead})
	if m.invitation(t, puppet.Token, link) != nil {
		t.Error("the page still shows the invitation")
	}
	owner.recovered(t)
	puppet.refused(t, "INVALID_LINK", acceptInvite, vars{"t": link})
	const want = `said that somebody else has had their account, which ended invitations: 2`
	if got := m.find(t, `SELECT message FROM audit_entries WHERE organization_id = $1 AND data ? 'invitations_ended'`, o.ID); got != want {
		t.Errorf("the log says %q", got)
	}
	if got := m.find(t, `SELECT count(*)::text FROM audit_entries WHERE organization_id = $1 AND data ? 'invitations_ended'`, other.ID); got != "0" {
		t.Error("something was ended where nothing was begun")
	}
	owner.do(t, resendInvite, vars{"i": vars{"memberId": ids[1]}}, nil)
	second.do(t, acceptInvite, vars{"t": m.newLink(t, second.Email, "Join ", dead)}, nil)
}

// Whoever is removed, loses the role or leaves brings nobody in any more by what they have sent; nor does an API token that was
// revoked. Whoever may sends it again. Who only has the role of somebody's invitation changed answers for it from then on.
func TestInvitationStandsWhileItsSenderCouldSendIt(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner, o := m.owner(t)
	for what, end := range map[string]func(manager *person, id string){
		"removed": func(_ *person, id string) { owner.do(t, removeMember, vars{"m": id}, nil) },
		"demoted": func(_ *person, id string) { owner.do(t, changeRole, vars{"m": id, "r": "ADMIN"}, nil) },
		"left": func(manager *person, _ string) {
			manager.do(t, `mutation($o: ID!) { leaveOrganization(input: {organizationId: $o}) { user { id } } }`, vars{"o": o.ID}, nil)
		},
	} {
		manager, puppet, friend := m.someone(t, "Max"), m.signUp(t, "Puppet"), m.signUp(t, "Fay")
		place := o.join(t, manager, "MANAGER")
		ends := func(id string, want bool) {
			t.Helper()
			for of, got := range owner.linkEnds(t, o, id) {
				if (got != nil) != want {
					t.Errorf("%s: %s says that the link ends %v, want a time: %v", what, of, got, want)
				}
			}
		}
		invited, hers := o.invite(t, manager, puppet.Email, "MANAGER"), o.invite(t, manager, friend.Email, "MEMBER")
		dead, living := m.newLink(t, puppet.Email, "Join "), m.newLink(t, friend.Email, "Join ")
		owner.do(t, changeRole, vars{"m": hers, "r": "ADMIN"}, nil)
		ends(invited, true)
		end(manager, place)
		ends(invited, false)
		ends(hers, true)
		if got := m.post(t, puppet.Token, acceptInvite, vars{"t": dead}); got.Code() != "INVALID_LINK" || !strings.Contains(got.Errors[0].Message, "Ask an owner or manager") {
			t.Fatalf("%s: the invitation answers %q %+v", what, got.Code(), got.Errors)
		}
		friend.do(t, acceptInvite, vars{"t": living}, nil)
		// Another role is no consent to the link that is dead.
		owner.do(t, changeRole, vars{"m": invited, "r": "MEMBER"}, nil)
		puppet.refused(t, "INVALID_LINK", acceptInvite, vars{"t": dead})
		ends(invited, false)
		owner.do(t, resendInvite, vars{"i": vars{"memberId": invited}}, nil)
		ends(invited, true)
		puppet.do(t, acceptInvite, vars{"t": m.newLink(t, puppet.Email, "Join ", dead)}, nil)
	}
	service, personal := owner.serviceToken(t, o, "members:write"), owner.personalToken(t, "members:write")
	for what, c := range map[string]struct {
		token  *apiToken
		revoke string
	}{"service token": {service, revokeServiceToken}, "personal token": {personal, revokePersonalToken}} {
		puppet, friend := m.signUp(t, "Puppet"), m.signUp(t, "Fay")
		invited := o.invite(t, c.token.person, puppet.Email, "ADMIN")
		o.invite(t, c.token.person, friend.Email, "ADMIN")
		link := m.newLink(t, puppet.Email, "Join ")
		friend.do(t, acceptInvite, vars{"t": m.newLink(t, friend.Email, "Join ")}, nil)
		owner.do(t, c.revoke, vars{"k": c.token.id}, nil)
		if code := m.post(t, puppet.Token, acceptInvite, vars{"t": link}).Code(); code != "INVALID_LINK" {
			t.Errorf("%s: after it was revoked its invitation answers %q", what, code)
		}
		for of, got := range owner.linkEnds(t, o, invited) {
			if got != nil {
				t.Errorf("%s: after it was revoked %s says that the link ends %v", what, of, got)
			}
		}
	}
}

// linkEnds is when a member's link ends, as the list and the details say it; nil for none.
func (p *person) linkEnds(t testing.TB, o *organization, id string) map[string]*time.Time {
	t.Helper()
	type member struct {
		ID              string
		InviteExpiresAt *time.Time
	}
	var out struct {
		Organization struct {
			Member  member
			Members struct{ Nodes []member }
		}
	}
	p.do(t, `query($s: String!, $m: ID!) { organization(slug: $s) { member(id: $m) { id inviteExpiresAt }
  members(first: 100, filter: {status: [INVITED]}) { nodes { id inviteExpiresAt } } } }`, vars{"s": o.Slug, "m": id}, &out)
	ends := map[string]*time.Time{"the details": out.Organization.Member.InviteExpiresAt}
	for _, listed := range out.Organization.Members.Nodes {
		if listed.ID == id {
			ends["the list"] = listed.InviteExpiresAt
		}
	}
	if len(ends) != 2 {
		t.Fatalf("%s is not in the list", id)
	}
	return ends
}

// An invitation that was to be completed with the first authenticator ends as well.
func TestProvedInvitationEndsWithItsSender(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner, o := m.owner(t)
	manager, puppet := m.someone(t, "Max"), m.signUp(t, "Puppet")
	place := o.join(t, manager, "MANAGER")
	o.require(t, true)
	o.invite(t, manager, puppet.Email, "MANAGER")
	puppet.do(t, acceptInvite, vars{"t": m.newLink(t, puppet.Email, "Join ")}, nil)
	owner.do(t, removeMember, vars{"m": place}, nil)
	puppet.enroll(t)
	puppet.refused(t, "NOT_FOUND", projects, vars{"s": o.Slug})
}

// Consents and requests that a thief has given and made about others' second factors take no effect, also when the owner of the
// account is back: another tenant's owner keeps theirs.
func TestThiefsWordAboutResetsEndsWithTheReport(t *testing.T) {
	t.Parallel()
	t.Run("an approval", func(t *testing.T) {
		t.Parallel()
		m := start(t, tenMinutes)
		otto, theo := m.someone(t, "Otto"), m.someone(t, "Theo")
		olivia, mallory := m.someone(t, "Olivia"), m.someone(t, "Mallory")
		m.exec(t, `UPDATE users SET email_verified_at = clock_timestamp()`)
		acme, mallorys, third := otto.organization(t), mallory.organization(t), theo.organization(t)
		acme.join(t, olivia, "OWNER")
		third.join(t, olivia, "MEMBER")
		id := mallorys.join(t, olivia, "MEMBER")
		request := mallory.reset(t, id).ResetMemberTwoFactor.Reset.ID
		m.stolen(t, otto, func(thief *person) { thief.do(t, approveReset, vars{"i": request}, nil) })
		otto.recovered(t)
		theo.do(t, approveReset, vars{"i": request}, nil)
		if got := m.resetState(t, request); got != "PENDING" || !m.armed(t, olivia) {
			t.Errorf("the request is %s, and Olivia's account has a factor: %v", got, m.armed(t, olivia))
		}
		otto.do(t, approveReset, vars{"i": request}, nil) // asked again, he may
		if got := m.resetState(t, request); got != "DONE" {
			t.Errorf("after his own consent it is %s", got)
		}
	})
	t.Run("a request", func(t *testing.T) {
		t.Parallel()
		m := start(t, tenMinutes)
		otto, olivia, max := m.someone(t, "Otto"), m.someone(t, "Olivia"), m.someone(t, "Max")
		m.exec(t, `UPDATE users SET email_verified_at = clock_timestamp()`)
		acme, other := otto.organization(t), max.organization(t)
		acme.join(t, olivia, "OWNER")
		id := other.join(t, olivia, "MEMBER")
		request, link := "", ""
		m.stolen(t, max, func(thief *person) {
			request = thief.reset(t, id).ResetMemberTwoFactor.Reset.ID
			link = m.link(t, olivia.Email, resetTitle)
		})
		max.recovered(t)
		otto.refused(t, "CONFLICT", approveReset, vars{"i": request})
		m.post(t, "", confirmReset, vars{"t": link, "p": olivia.Password}).expect(t, "INVALID_LINK", "the person's own word")
		if list := acme.resets(t, otto); len(list) != 0 {
			t.Errorf("it is still shown: %+v", list)
		}
		if !m.armed(t, olivia) {
			t.Error("Olivia was disarmed")
		}
		again := max.reset(t, id).ResetMemberTwoFactor.Reset.ID
		if got := m.resetState(t, request); got != "VOID" {
			t.Errorf("the request ended as %s", got)
		}
		m.mailed(t, olivia.Email, "", "has ended without effect: whoever asked could not ask for it any more")
		otto.do(t, approveReset, vars{"i": again}, nil)
		if got := m.resetState(t, again); got != "DONE" {
			t.Errorf("Max's own request is %s", got)
		}
	})
}

// A service token that a thief has made ends with the report, older ones of the account stay the organization's.
func TestThiefsServiceTokenEndsWithTheReport(t *testing.T) {
	t.Parallel()
	const ask = `query($s: String!) { organization(slug: $s) { auditLog(first: 1) { nodes { message } } } }`
	m := start(t, tenMinutes)
	owner := m.verified(t, "Olivia")
	owner.enroll(t)
	otto := m.verified(t, "Otto")
	otto.enroll(t)
	o, left := owner.organization(t), owner.organization(t)
	o.join(t, otto, "OWNER")
	left.join(t, otto, "OWNER")
	old := owner.serviceToken(t, o, "audit:read")
	m.exec(t, `UPDATE api_tokens SET created_at = created_at - interval '8 days'`)
	var evil, gone *apiToken
	m.stolen(t, owner, func(thief *person) {
		evil, gone = thief.serviceToken(t, o, "audit:read"), thief.serviceToken(t, left, "audit:read")
		thief.do(t, `mutation($o: ID!) { leaveOrganization(input: {organizationId: $o}) { user { id } } }`, vars{"o": left.ID}, nil)
	})
	for what, c := range map[string]struct {
		token *apiToken
		slug  string
		want  string
	}{"the thief's": {evil, o.Slug, "UNAUTHENTICATED"}, "the thief's, where they left": {gone, left.Slug, "UNAUTHENTICATED"}, "an older one": {old, o.Slug, ""}} {
		if got := m.post(t, c.token.Token, ask, vars{"s": c.slug}).Code(); got != c.want {
			t.Errorf("%s: answers %q, want %q", what, got, c.want)
		}
	}
	for _, id := range []string{o.ID, left.ID} {
		if got := m.find(t, `SELECT count(*)::text FROM audit_entries WHERE organization_id = $1 AND action = 'token.revoke'`, id); got != "1" {
			t.Errorf("the log tells of %s revoked tokens", got)
		}
	}
	m.mailed(t, otto.Email, "security settings changed", "This has ended: the service token")
}

// Only an owner who is there gives an old invitation to be an owner new life, whoever sent it first; a way back, which gives
// nothing new, managers send as ever.
func TestOwnersInvitationIsSentAgainByOwners(t *testing.T) {
	t.Parallel()
	m := start(t, tenMinutes)
	owner, o := m.owner(t)
	max := m.someone(t, "Max")
	o.join(t, max, "MANAGER")
	eve, ed := m.signUp(t, "Eve"), m.signUp(t, "Ed")
	back := m.signUp(t, "Ben")
	benID := o.join(t, back, "MEMBER")
	id, managers := o.invite(t, owner, eve.Email, "OWNER"), o.invite(t, owner, ed.Email, "MANAGER")
	dead := m.newLink(t, eve.Email, "Join ")
	personal, own := max.personalToken(t, "members:write"), owner.personalToken(t, "members:write")
	m.exec(t, `UPDATE invitations SET expires_at = clock_timestamp() - interval '1 day' WHERE member_id = ANY(ARRAY[$1, $2])`, id, managers)
	used := m.find(t, `SELECT count(*)::text FROM rate_limits WHERE key LIKE 'invite-address%' AND key LIKE '%' || lower($1)`, eve.Email)
	for what, c := range map[string]struct {
		by   *person
		id   string
		code string
	}{
		"a manager":                          {max, id, "FORBIDDEN"},
		"a manager's token":                  {personal.person, id, "FORBIDDEN"},
		"an owner's token":                   {own.person, id, "FORBIDDEN"},
		"a manager's token, for a manager":   {personal.person, managers, "FORBIDDEN"},
		"an owner's token, for a manager":    {own.person, managers, "FORBIDDEN"},
		"a manager in person, for a manager": {max, managers, ""},
	} {
		if got := m.post(t, c.by.Token, resendInvite, vars{"i": vars{"memberId": c.id}}).Code(); got != c.code {
			t.Errorf("%s: %q, want %q", what, got, c.code)
		}
	}
	m.stale(t)
	owner.refused(t, "STEP_UP_REQUIRED", resendInvite, vars{"i": vars{"memberId": id}})
	if got := m.find(t, `SELECT count(*)::text FROM rate_limits WHERE key LIKE 'invite-address%' AND key LIKE '%' || lower($1)`, eve.Email); got != used {
		t.Error("refusals have used up mails")
	}
	eve.refused(t, "INVALID_LINK", acceptInvite, vars{"t": dead})
	owner.do(t, confirmIdentity, vars{"i": vars{"code": owner.code()}}, nil)
	owner.do(t, resendInvite, vars{"i": vars{"memberId": id}}, nil)
	m.mailed(t, owner.Email, "security settings changed", eve.Email+" was invited as Owner.")
	eve.do(t, acceptInvite, vars{"t": m.newLink(t, eve.Email, "Join ", dead)}, nil)

	o.require(t, true)
	max.do(t, resendInvite, vars{"i": vars{"memberId": benID}}, nil)
	m.exec(t, `UPDATE members SET role = 'OWNER' WHERE id = $1`, benID)
	max.do(t, resendInvite, vars{"i": vars{"memberId": benID}}, nil)
}

// An API token makes nobody a manager, whoever's it is: its thief would reset second factors in person.
func TestTokensMakeNoManagers(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner, o := m.owner(t)
	mia := m.someone(t, "Mia")
	id := o.join(t, mia, "MEMBER")
	personal := owner.personalToken(t, "members:write")
	const invite = `mutation($i: InviteMemberInput!) { inviteMember(input: $i) { member { id } } }`
	for role, code := range map[string]string{"MANAGER": "FORBIDDEN", "OWNER": "FORBIDDEN", "ADMIN": ""} {
		got := m.post(t, personal.Token, invite, vars{"i": vars{"organizationId": o.ID, "email": newAddress(), "role": role, "teamIds": []string{}}})
		got.expect(t, code, "inviting as "+role)
		m.post(t, personal.Token, changeRole, vars{"m": id, "r": role}).expect(t, code, "the role "+role)
	}
}
