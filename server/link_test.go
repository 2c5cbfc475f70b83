package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const (
	invitationQuery = `query($t: String!) { invitation(token: $t) { organizationName email role reason expiresAt nextStep } }`
	resendQuery     = `mutation($m: ID!) { resendInvite(input: {memberId: $m}) { member { id status inviteExpiresAt reinstatableUntil } } }`
	inviteQuery     = `mutation($i: InviteMemberInput!) { inviteMember(input: $i) { member { id status role } } }`
)

type invitation struct {
	OrganizationName, Email, Role, Reason, NextStep string
	ExpiresAt                                       time.Time
}

// invitation is what a link leads to for whoever has the session, nil for a dead link.
func (m *muster) invitation(t testing.TB, session, token string) *invitation {
	t.Helper()
	var out struct{ Invitation *invitation }
	m.post(t, session, invitationQuery, vars{"t": token}).decode(t, &out)
	return out.Invitation
}

// newLink waits for a link of the title that is another than those that are known.
func (m *muster) newLink(t testing.TB, email, title string, known ...string) string {
	t.Helper()
	token := ""
	eventually(t, "a new mail "+title+" arrives at "+email, func() bool {
		for _, message := range m.Mailbox.Messages(email) {
			found := linkPattern.FindStringSubmatch(message.Text)
			if found == nil || !strings.HasPrefix(message.Subject, title) {
				continue
			}
			token = found[1]
			for _, k := range known {
				if k == token {
					token = ""
				}
			}
			if token != "" {
				return true
			}
		}
		return false
	})
	return token
}

func (o *organization) resend(t testing.TB, memberID string) {
	t.Helper()
	o.Owner.do(t, resendQuery, vars{"m": memberID}, nil)
}

func TestInvitationNextSteps(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner := m.signUp(t, "Odile")
	owner.enroll(t)
	o := owner.organization(t)
	known, stranger, plain := m.signUp(t, "Kai"), m.signUp(t, "Stan"), m.signUp(t, "Pia")
	o.invite(t, owner, known.Email, "ADMIN")
	o.invite(t, owner, "new.person@people.example", "MEMBER")
	toKnown, toNew := m.link(t, known.Email, "Join "), m.link(t, "new.person@people.example", "Join ")
	next := func(session, token, want, what string) {
		t.Helper()
		if got := m.invitation(t, session, token); got == nil || got.NextStep != want {
			t.Errorf("%s: %+v, want %s", what, got, want)
		}
	}
	next("", toNew, "SIGN_UP", "nobody, an address without an account")
	next("", toKnown, "SIGN_IN", "nobody, an address with an account")
	next(known.Token, toKnown, "ACCEPT", "the right account")
	next(stranger.Token, toKnown, "SIGN_IN", "the wrong account")
	next(stranger.Token, toNew, "SIGN_UP", "the wrong account, an address without one")
	o.Owner.do(t, `mutation($i: SetRequire2FAInput!) { setRequire2FA(input: $i) { sweep { id } } }`, vars{"i": vars{"organizationId": o.ID, "required": true}}, nil)
	next(known.Token, toKnown, "SET_UP_2FA", "the right account, which needs a factor")
	known.enroll(t)
	next(known.Token, toKnown, "ACCEPT", "the right account with a factor")
	o.require(t, false)

	got := m.invitation(t, "", toNew)
	if got.OrganizationName != "Organization "+o.Slug || got.Email != "n•••n@people.example" || got.Role != "MEMBER" || got.Reason != "INVITED" {
		t.Errorf("the invitation is %+v", got)
	}
	if life := time.Until(got.ExpiresAt); life < 7*24*time.Hour-time.Minute || life > 7*24*time.Hour {
		t.Errorf("it lives %s, want 7 days", life)
	}

	// Somebody who is a member already, with a link that was to prove the mailbox: nothing is left to do.
	o.join(t, plain, "MEMBER")
	release := m.holdSweeps(t)
	o.Owner.do(t, `mutation($i: SetRequire2FAInput!) { setRequire2FA(input: $i) { sweep { id } } }`, vars{"i": vars{"organizationId": o.ID, "required": true}}, nil)
	plain.refused(t, "MAILBOX_PROOF_REQUIRED", enrollTOTP, nil)
	proof := m.link(t, plain.Email, mandatory)
	next(plain.Token, proof, "SET_UP_2FA", "an active member without a factor")
	next("", proof, "SIGN_IN", "nobody, an active member's link")
	o.require2FA(t, false)
	release()
	next(plain.Token, proof, "NOTHING", "an active member where nothing is required")
	plain.do(t, acceptInvite, vars{"t": proof}, nil)
	if got := m.invitation(t, plain.Token, proof); got != nil {
		t.Errorf("after use it is %+v", got)
	}
}

// require2FA turns the requirement on or off without waiting for the sweep.
func (o *organization) require2FA(t testing.TB, required bool) {
	t.Helper()
	o.Owner.do(t, `mutation($i: SetRequire2FAInput!) { setRequire2FA(input: $i) { sweep { id state total done } } }`,
		vars{"i": vars{"organizationId": o.ID, "required": required}}, nil)
}

// holdSweeps makes every batch of a sweep fail until release is called: members whom the sweep has not reached.
func (m *muster) holdSweeps(t testing.TB) (release func()) {
	t.Helper()
	b := m.back(t)
	b.run(t, `CREATE OR REPLACE FUNCTION hold_sweeps() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'held by a test'; END $$`)
	b.run(t, `CREATE TRIGGER hold_sweeps BEFORE UPDATE OF status ON members FOR EACH ROW WHEN (NEW.status = 'REMOVED_FOR_2FA') EXECUTE FUNCTION hold_sweeps()`)
	return func() { t.Helper(); b.run(t, `DROP TRIGGER hold_sweeps ON members`) }
}

// Dead links are alike, byte for byte, whatever killed them; looking at a link uses nothing up.
func TestDeadLinks(t *testing.T) {
	t.Parallel()
	m := start(t)
	b := m.back(t)
	owner := m.signUp(t, "Oona")
	o := owner.organization(t)
	used, expired, withdrawn, resent := m.signUp(t, "Uma"), m.signUp(t, "Edda"), m.signUp(t, "Wim"), m.signUp(t, "Resi")
	dead := map[string]string{"never": "never", "nothing": "", "long": strings.Repeat("x", 20000)}
	ids := map[string]string{}
	for name, p := range map[string]*person{"used": used, "expired": expired, "withdrawn": withdrawn, "resent": resent} {
		ids[name] = o.invite(t, owner, p.Email, "MEMBER")
		dead[name] = m.link(t, p.Email, "Join ")
	}
	for range 3 { // as a mail scanner does, and somebody else
		for _, session := range []string{"", used.Token, owner.Token} {
			if got := m.invitation(t, session, dead["used"]); got == nil {
				t.Fatal("looking used the link up")
			}
		}
	}
	expired.refused(t, "INVALID_LINK", acceptInvite, vars{"t": dead["used"]}) // bound to its address, and not used up by trying
	used.do(t, acceptInvite, vars{"t": dead["used"]}, nil)
	b.run(t, `UPDATE invitations SET expires_at = clock_timestamp() + interval '1 minute' WHERE member_id = $1`, ids["expired"])
	if m.invitation(t, "", dead["expired"]) == nil {
		t.Error("a link is dead before its time")
	}
	b.run(t, `UPDATE invitations SET expires_at = clock_timestamp() WHERE member_id = $1`, ids["expired"])
	owner.do(t, `mutation($m: ID!) { removeMember(input: {memberId: $m}) { removedMemberId } }`, vars{"m": ids["withdrawn"]}, nil)
	o.resend(t, ids["resent"])
	alive := m.newLink(t, resent.Email, "Join ", dead["resent"])

	var looks, accepts []string
	for name, token := range dead {
		look := m.call(t, call{Query: invitationQuery, Vars: vars{"t": token}})
		looks = append(looks, look.Body)
		if want := `{"data":{"invitation":null}}`; look.Body != want {
			t.Errorf("%s: %s, want %s", name, look.Body, want)
		}
		accept := m.call(t, call{Query: acceptInvite, Vars: vars{"t": token}, Token: expired.Token})
		accept.expect(t, "INVALID_LINK", name)
		accepts = append(accepts, fmt.Sprint(accept.Status, accept.Body))
		sign := m.post(t, "", signUpQuery, vars{"i": vars{"email": "another@people.example", "name": "A", "password": "long enough", "inviteToken": token}})
		sign.expect(t, "INVALID_LINK", "signing up with "+name)
	}
	for i := range accepts {
		if accepts[i] != accepts[0] || looks[i] != looks[0] {
			t.Errorf("dead links differ:\n%s\n%s", accepts[i], accepts[0])
		}
	}
	resent.do(t, acceptInvite, vars{"t": alive}, nil)
	resent.refused(t, "INVALID_LINK", acceptInvite, vars{"t": alive})
	if n := value[int](t, b, `SELECT count(*)::int FROM invitations WHERE position(convert_to($1, 'UTF8') IN token_hash) > 0 OR position(convert_to($1, 'UTF8') IN nonce) > 0`, alive); n != 0 {
		t.Error("the token itself is stored")
	}
}

// An invitation is for its address: it proves it to the account that signs up with it, and takes it from an account that
// only claimed it. It opens nobody's account.
func TestSignUpWithALink(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner := m.signUp(t, "Orla")
	o := owner.organization(t)
	const address = "Contested@people.example"
	squatter := &person{m: m, Name: "Squatter", Email: strings.ToLower(address), Password: "the squatter's own"}
	squatter.register(t, nil)
	squatter.enroll(t)
	squats := squatter.organization(t)
	o.invite(t, owner, address, "ADMIN")
	token := m.link(t, address, "Join ")

	with := func(email, token string) answer {
		return m.post(t, "", signUpQuery, vars{"i": vars{"email": email, "name": "Rightful", "password": "a password of my own", "inviteToken": token}})
	}
	with("other@people.example", token).expect(t, "INVALID_LINK", "another address")
	with(address, "no such link").expect(t, "INVALID_LINK", "no link")
	m.post(t, "", signUpQuery, vars{"i": vars{"email": address, "name": "Rightful", "password": "a password of my own"}}).
		expect(t, "EMAIL_TAKEN", "the address without the link")

	rightful := &person{m: m, Name: "Rightful", Email: address, Password: "a password of my own"}
	rightful.register(t, &token)
	if v := rightful.view(t); !v.Viewer.EmailVerified || v.Viewer.TwoFactor != "DISABLED" || len(v.Viewer.Memberships) != 0 {
		t.Errorf("the rightful account is %+v", v.Viewer)
	}
	var accepted struct {
		AcceptInvite struct {
			NextStep string
			Member   struct{ Role, Status string }
		}
	}
	rightful.do(t, acceptInvite, vars{"t": token}, &accepted)
	if got := accepted.AcceptInvite; got.NextStep != "NOTHING" || got.Member.Role != "ADMIN" || got.Member.Status != "ACTIVE" {
		t.Errorf("accepting answered %+v", got)
	}

	// The squatter keeps what is theirs, without the address, and cannot sign in with it.
	v := squatter.view(t)
	if v.Viewer.Email != "" || v.Viewer.EmailVerified || len(v.Viewer.Memberships) != 1 || v.Viewer.Memberships[0].Organization.Slug != squats.Slug {
		t.Errorf("the squatter is %+v", v.Viewer)
	}
	var events struct {
		Viewer struct {
			SecurityEvents struct{ Nodes []struct{ Action string } }
		}
	}
	squatter.do(t, `{ viewer { securityEvents(first: 1) { nodes { action } } } }`, nil, &events)
	if got := events.Viewer.SecurityEvents.Nodes[0].Action; got != "user.address-released" {
		t.Errorf("the squatter's newest event is %s", got)
	}
	m.post(t, "", signInQuery, vars{"i": vars{"email": address, "password": squatter.Password}}).expect(t, "INVALID_CREDENTIALS", "the squatter's password")
	rightful.signIn(t)

	// A proved address stays where it is, link or not.
	p := owner.organization(t)
	p.invite(t, owner, address, "OWNER")
	second := m.link(t, address, "Join Organization "+p.Slug+" ")
	with(address, second).expect(t, "EMAIL_TAKEN", "an address that was proved")
	rightful.refused(t, "INVALID_LINK", acceptInvite, vars{"t": token})
	rightful.do(t, acceptInvite, vars{"t": second}, nil)

	// A link used from the account's own session proves the address of that account.
	claimed := m.signUp(t, "Clara")
	if claimed.view(t).Viewer.EmailVerified {
		t.Error("a claimed address is verified")
	}
	o.join(t, claimed, "MEMBER")
	if !claimed.view(t).Viewer.EmailVerified {
		t.Error("using a link did not verify the address")
	}
}

// Whom inviting is refused for, and what the refusal says to do instead.
func TestInviteConflicts(t *testing.T) {
	t.Parallel()
	m := start(t)
	b := m.back(t)
	owner, p := m.signUp(t, "Ophelia"), m.signUp(t, "Ida")
	owner.enroll(t)
	o := owner.organization(t)
	team := o.createTeam(t, "blue")
	invite := func(email string) answer {
		return m.post(t, owner.Token, inviteQuery, vars{"i": vars{"organizationId": o.ID, "email": email, "role": "MEMBER", "teamIds": []string{}}})
	}
	conflict := func(what, words string) {
		t.Helper()
		a := invite(strings.ToUpper(p.Email)).expect(t, "CONFLICT", what)
		if !strings.Contains(a.says(), words) {
			t.Errorf("%s: %q does not say %q", what, a.says(), words)
		}
	}
	id := o.invite(t, owner, p.Email, "MANAGER", team)
	conflict("invited", "Send the invitation again")
	m.post(t, owner.Token, inviteQuery, vars{"i": vars{"organizationId": o.ID, "email": "x@people.example", "role": "MEMBER", "teamIds": []string{"team_nothing"}}}).
		expect(t, "NOT_FOUND", "a team that is not there")
	invite("not an address").expect(t, "BAD_INPUT", "no address")
	first := m.link(t, p.Email, "Join ")
	p.do(t, acceptInvite, vars{"t": first}, nil)
	conflict("active", "is a member already")
	m.post(t, owner.Token, resendQuery, vars{"m": id}).expect(t, "CONFLICT", "resending to an active member")
	o.require(t, true)
	conflict("inside the window", "Send the mail again")

	// After the window the old row ends, with its entry, and an invitation starts afresh.
	old := m.link(t, p.Email, mandatory)
	b.endWindow(t, id)
	m.post(t, owner.Token, resendQuery, vars{"m": id}).expect(t, "CONFLICT", "resending after the window")
	fresh := o.invite(t, owner, p.Email, "MEMBER")
	if fresh == id {
		t.Error("the old row was used again")
	}
	var log struct {
		Organization struct {
			AuditLog struct {
				Nodes []struct {
					Action, ActorLabel, TargetLabel string
					Target                          *struct{ ID string }
				}
			}
		}
	}
	owner.do(t, `query($s: String!) { organization(slug: $s) { auditLog(first: 2) { nodes { action actorLabel targetLabel target { id } } } } }`, vars{"s": o.Slug}, &log)
	nodes := log.Organization.AuditLog.Nodes
	if nodes[0].Action != "member.invite" || nodes[0].Target == nil || nodes[1].Action != "member.expired" || nodes[1].Target != nil || !strings.Contains(nodes[1].TargetLabel, p.Email) {
		t.Errorf("the log is %+v", nodes)
	}
	p.refused(t, "INVALID_LINK", acceptInvite, vars{"t": old})
	token := m.newLink(t, p.Email, "Join ", first)
	if got := m.invitation(t, p.Token, token); got == nil || got.Role != "MEMBER" || got.Reason != "INVITED" || got.NextStep != "SET_UP_2FA" {
		t.Errorf("the fresh invitation is %+v", got)
	}
}

// endWindow moves a removed member's window into the past, as time would: the member's row and the link that ends with it.
func (b back) endWindow(t testing.TB, memberID string) {
	t.Helper()
	if n := b.run(t, `UPDATE members SET reinstatable_until = clock_timestamp() - interval '1 second' WHERE id = $1 AND status = 'REMOVED_FOR_2FA'`, memberID); n != 1 {
		t.Fatalf("%s is not removed", memberID)
	}
	b.run(t, `UPDATE invitations i SET expires_at = m.reinstatable_until FROM members m WHERE m.id = i.member_id AND m.id = $1`, memberID)
}
