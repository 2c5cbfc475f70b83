package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	resetMember = `mutation($m: ID!, $r: String!) { resetMemberTwoFactor(input: {memberId: $m, reason: $r}) {
  member { id status twoFactor role teams { slug } } reset { id state reason requestedBy requestedHere approvedBy expiresAt member { id } } } }`
	approveReset = `mutation($i: ID!) { approveTwoFactorReset(input: {requestId: $i}) { reset { id state reason requestedBy requestedHere approvedBy member { id } } } }`
	confirmReset = `mutation($t: String!, $p: String!) { confirmTwoFactorReset(input: {token: $t, password: $p}) { state } }`
	declineReset = `mutation($i: ID, $t: String) { declineTwoFactorReset(input: {requestId: $i, token: $t}) { state } }`

	lost = "She lost her phone, and I spoke with her."
	// resetTitle is the title of the mail that asks the person.
	resetTitle = "Reset your two-factor authentication?"
)

type resetSeen struct {
	ID, State, RequestedBy string
	Reason, ApprovedBy     *string
	RequestedHere          bool
	ExpiresAt              time.Time
	Member                 struct{ ID string }
}

type resetAnswer struct {
	ResetMemberTwoFactor struct {
		Member struct {
			ID, Status, TwoFactor, Role string
			Teams                       []struct{ Slug string }
		}
		Reset *resetSeen
	}
}

// reset asks to reset a member's second factor.
func (p *person) reset(t testing.TB, memberID string) resetAnswer {
	t.Helper()
	var out resetAnswer
	p.do(t, resetMember, vars{"m": memberID, "r": lost}, &out)
	return out
}

// resets are the requests that wait in an organization, as the person sees them.
func (o *organization) resets(t testing.TB, p *person) []resetSeen {
	t.Helper()
	var out struct {
		Organization struct{ TwoFactorResets []resetSeen }
	}
	p.do(t, `query($s: String!) { organization(slug: $s) { twoFactorResets { id state reason requestedBy requestedHere approvedBy expiresAt member { id } } } }`,
		vars{"s": o.Slug}, &out)
	return out.Organization.TwoFactorResets
}

// state is how far a request is, by the database.
func (m *muster) resetState(t testing.TB, id string) string {
	t.Helper()
	return m.find(t, `SELECT state FROM two_factor_resets WHERE id = $1`, id)
}

// armed says whether a person's account still has an authenticator.
func (m *muster) armed(t testing.TB, p *person) bool {
	t.Helper()
	return m.find(t, `SELECT two_factor FROM users WHERE email = $1`, p.Email) != "DISABLED"
}

// entries are the actions of an organization's log about resets, oldest first, as "action actor".
func (m *muster) resetEntries(t testing.TB, o *organization) []string {
	t.Helper()
	rows, err := m.admin(t).Query(t.Context(), `
SELECT action || ' ' || actor_label FROM audit_entries WHERE organization_id = $1 AND (action LIKE 'member.2fa-reset%' OR action = 'member.pending') ORDER BY sequence`, o.ID)
	if err != nil {
		t.Fatal(err)
	}
	lines := []string{}
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	return lines
}

func (p *person) label() string { return p.Name + " <" + p.Email + ">" }

// tenants are an organization that requires 2FA, with Olivia as one of its two owners, and Mallory's, which Olivia has joined.
type tenants struct {
	*muster
	acme, mallorys           *organization
	otto, olivia, mallory    *person
	oliviaAcme, oliviaTheirs string
}

func newTenants(t *testing.T) *tenants {
	t.Helper()
	return start(t).tenants(t)
}

func (m *muster) tenants(t *testing.T) *tenants {
	t.Helper()
	x := &tenants{muster: m, otto: m.someone(t, "Otto"), olivia: m.someone(t, "Olivia"), mallory: m.someone(t, "Mallory")}
	x.acme, x.mallorys = x.otto.organization(t), x.mallory.organization(t)
	x.oliviaAcme = x.acme.join(t, x.olivia, "OWNER")
	x.oliviaTheirs = x.mallorys.join(t, x.olivia, "MEMBER")
	x.acme.require(t, true)
	return x
}

// TestStoryResetAtOnce: a manager helps a member who belongs nowhere else. The factor is gone, so are the sessions; the
// person is out until they come back by mailbox, password and an authenticator of their own, with everything kept.
func TestStoryResetAtOnce(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner, o := m.owner(t)
	max, mia := m.someone(t, "Max"), m.someone(t, "Mia")
	o.join(t, max, "MANAGER")
	id := o.join(t, mia, "ADMIN", o.createTeam(t, "platform"))
	o.require(t, true)

	got := max.reset(t, id).ResetMemberTwoFactor
	if got.Reset != nil || got.Member.Status != "REMOVED_FOR_2FA" || got.Member.TwoFactor != "DISABLED" || got.Member.Role != "ADMIN" || len(got.Member.Teams) != 1 {
		t.Fatalf("got %+v", got)
	}
	mia.refused(t, "UNAUTHENTICATED", `{ node(id: "`+id+`") { id } }`, nil)
	old := mia.Recovery
	mia.signIn(t) // by the password alone, which is as it was
	if v := mia.view(t); v.Viewer.RecoveryCodes != nil {
		t.Errorf("the recovery codes outlive the reset: %+v", v.Viewer.RecoveryCodes)
	}
	mia.refused(t, "TWO_FACTOR_REQUIRED", `query($s: String!) { organization(slug: $s) { members { totalCount } } }`, vars{"s": o.Slug})
	mia.refused(t, "MAILBOX_PROOF_REQUIRED", enrollTOTP, nil)
	mia.do(t, acceptInvite, vars{"t": m.link(t, mia.Email, mandatory)}, nil)
	back := mia.enroll(t)
	if len(back) != 1 || back[0].Organization.Slug != o.Slug || back[0].Member.Role != "ADMIN" || len(back[0].Member.Teams) != 1 {
		t.Errorf("came back to %+v", back)
	}
	if slices.Equal(old, mia.Recovery) {
		t.Error("the old recovery codes are still there")
	}
	want := []string{"member.2fa-reset " + max.label(), "member.pending " + max.label()}
	if got := m.resetEntries(t, o); !slices.Equal(got, want) {
		t.Errorf("the log has %q, want %q", got, want)
	}
	if got := m.find(t, `SELECT data->>'reason' FROM audit_entries WHERE action = 'member.2fa-reset'`); got != lost {
		t.Errorf("the log's reason is %q", got)
	}
	if got := m.find(t, `SELECT coalesce(ip_address, '') FROM audit_entries WHERE action = 'member.2fa-reset'`); got == "" {
		t.Error("the log does not say from where")
	}
	if got := m.find(t, `SELECT message || coalesce(ip_address, '') FROM security_events WHERE action = 'user.2fa-reset'`); got != max.label()+" of Organization "+o.Slug+" reset your second factor: "+lost {
		t.Errorf("the account's log has %q", got)
	}
	m.mailed(t, mia.Email, "Security settings changed", "reset your second factor: "+lost)
	m.mailed(t, owner.Email, "security settings changed", "The second factor of Mia was reset.")
}

// mailed waits for a mail whose title and text hold these words.
func (m *muster) mailed(t testing.TB, email, title, text string) {
	t.Helper()
	eventually(t, "a mail "+title+" with "+text+" arrives at "+email, func() bool {
		for _, message := range m.Mailbox.Messages(email) {
			if strings.Contains(message.Subject, title) && strings.Contains(strings.Join(strings.Fields(message.Text), " "), text) {
				return true
			}
		}
		return false
	})
}

// TestResetAcrossTenants is the attack: Mallory gets Olivia, an owner of Acme, to join an organization of Mallory's, and
// resets her there. Nothing happens to her until she, or Acme, agrees; whoever has no say learns nothing.
func TestResetAcrossTenants(t *testing.T) {
	t.Parallel()
	x := newTenants(t)
	got := x.mallory.reset(t, x.oliviaTheirs).ResetMemberTwoFactor
	if got.Reset == nil || got.Reset.State != "PENDING" || *got.Reset.Reason != lost || !got.Reset.RequestedHere || got.Member.TwoFactor != "SECURE" {
		t.Fatalf("got %+v", got)
	}
	id := got.Reset.ID
	if !x.armed(t, x.olivia) {
		t.Fatal("Mallory disarmed an owner of Acme")
	}
	x.olivia.do(t, `query($s: String!) { organization(slug: $s) { auditSequence } }`, vars{"s": x.acme.Slug}, nil) // still in

	// Mallory cannot agree to it, not even with an organization of one member that requires 2FA and that Olivia owns nothing of.
	x.mallory.refused(t, "NOT_FOUND", approveReset, vars{"i": id})
	x.mallorys.require(t, true)
	x.mallory.refused(t, "NOT_FOUND", approveReset, vars{"i": id})
	x.mallory.refused(t, "CONFLICT", resetMember, vars{"m": x.oliviaTheirs, "r": lost})

	// Acme's other owner is told, without the reason, an address, or who else there is.
	seen := x.acme.resets(t, x.otto)
	if len(seen) != 1 || seen[0].ID != id || seen[0].RequestedHere || seen[0].Reason != nil || seen[0].RequestedBy != "Mallory" || seen[0].Member.ID != x.oliviaAcme {
		t.Errorf("Acme sees %+v", seen)
	}
	for _, forbidden := range []string{x.mallorys.Slug, x.mallory.Email, lost} {
		var log string
		if err := x.admin(t).QueryRow(t.Context(), `SELECT coalesce(string_agg(e::text, ' '), '') FROM audit_entries e WHERE organization_id = $1`, x.acme.ID).Scan(&log); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(log, forbidden) {
			t.Errorf("Acme's log tells %q", forbidden)
		}
	}
	x.mailed(t, x.otto.Email, "security settings changed", "Another organization of Olivia asks to reset their second factor.")
	if seen := x.acme.resets(t, x.olivia); len(seen) != 0 {
		t.Errorf("Olivia is asked to agree for Acme to her own: %+v", seen)
	}
	x.olivia.refused(t, "NOT_FOUND", approveReset, vars{"i": id})

	// Acme says no, and that is the end.
	x.otto.do(t, declineReset, vars{"i": id}, nil)
	if state := x.resetState(t, id); state != "DECLINED" || !x.armed(t, x.olivia) {
		t.Errorf("the request is %s", state)
	}
	x.otto.refused(t, "CONFLICT", approveReset, vars{"i": id})
	link := x.link(t, x.olivia.Email, resetTitle)
	x.post(t, "", confirmReset, vars{"t": link, "p": x.olivia.Password}).gave(t, "INVALID_LINK")
	wantTheirs := []string{"member.2fa-reset-requested " + x.mallory.label(), "member.2fa-reset-ended Another organization"}
	if got := x.resetEntries(t, x.mallorys); !slices.Equal(got, wantTheirs) {
		t.Errorf("Mallory's log has %q, want %q", got, wantTheirs)
	}
	wantAcme := []string{"member.2fa-reset-requested Another organization", "member.2fa-reset-ended " + x.otto.label()}
	if got := x.resetEntries(t, x.acme); !slices.Equal(got, wantAcme) {
		t.Errorf("Acme's log has %q, want %q", got, wantAcme)
	}
}

// gave fails the test where the answer's code is another.
func (a answer) gave(t testing.TB, code string) {
	t.Helper()
	if a.Code() != code {
		t.Errorf("got code %q, want %q: %s %+v", a.Code(), code, a.Data, a.Errors)
	}
}

// TestResetOfWhoBelongsToNoEnforcing: an organization that does not require 2FA is asked too, and where nobody has agreed the
// person's own consent is enough.
func TestResetOfWhoBelongsToNoEnforcing(t *testing.T) {
	t.Parallel()
	m := start(t)
	_, o := m.owner(t)
	other := m.someone(t, "Oscar").organization(t)
	mia := m.someone(t, "Mia")
	id := o.join(t, mia, "MEMBER")
	other.join(t, mia, "MEMBER")
	got := o.Owner.reset(t, id).ResetMemberTwoFactor
	if got.Reset == nil || !m.armed(t, mia) {
		t.Fatalf("took effect at once: %+v", got)
	}
	if seen := other.resets(t, other.Owner); len(seen) != 1 || seen[0].ID != got.Reset.ID {
		t.Errorf("the other organization sees %+v", seen)
	}
	o.Owner.refused(t, "NOT_FOUND", approveReset, vars{"i": got.Reset.ID})

	link := m.link(t, mia.Email, resetTitle)
	m.post(t, "", confirmReset, vars{"t": link, "p": "not the password"}).gave(t, "INVALID_CREDENTIALS")
	if !m.armed(t, mia) {
		t.Fatal("the mailbox alone was enough")
	}
	var shown struct {
		TwoFactorReset *struct{ OrganizationName, RequestedBy, Reason, Email string }
	}
	nobody(m).do(t, `query($t: String!) { twoFactorReset(token: $t) { organizationName requestedBy reason email } }`, vars{"t": link}, &shown)
	if shown.TwoFactorReset == nil || shown.TwoFactorReset.OrganizationName != "Organization "+o.Slug || shown.TwoFactorReset.Reason != lost ||
		shown.TwoFactorReset.RequestedBy != o.Owner.label() || shown.TwoFactorReset.Email == mia.Email {
		t.Errorf("the link shows %+v", shown.TwoFactorReset)
	}
	m.post(t, "", confirmReset, vars{"t": link, "p": mia.Password}).gave(t, "")
	if m.armed(t, mia) || m.resetState(t, got.Reset.ID) != "DONE" {
		t.Error("the person's consent did nothing")
	}
	mia.refused(t, "UNAUTHENTICATED", `{ node(id: "`+id+`") { id } }`, nil)
	m.post(t, "", confirmReset, vars{"t": link, "p": mia.Password}).gave(t, "INVALID_LINK")
	nobody(m).do(t, `query($t: String!) { twoFactorReset(token: $t) { email } }`, vars{"t": link}, &shown)
	if shown.TwoFactorReset != nil {
		t.Error("a used link still leads somewhere")
	}
	if got, want := m.resetEntries(t, other), []string{"member.2fa-reset-requested Another organization", "member.2fa-reset " + mia.label()}; !slices.Equal(got, want) {
		t.Errorf("the other organization's log has %q, want %q", got, want)
	}
}

// TestResetByApproval: an owner of every other organization that the person belongs to, whether it requires 2FA or not.
func TestResetByApproval(t *testing.T) {
	t.Parallel()
	x := newTenants(t)
	third, fourth := x.someone(t, "Theo").organization(t), x.someone(t, "Fay").organization(t)
	third.join(t, x.olivia, "OWNER") // it does not require 2FA, and must be asked all the same
	fourth.join(t, x.olivia, "MEMBER")
	id := x.mallory.reset(t, x.oliviaTheirs).ResetMemberTwoFactor.Reset.ID
	fourth.Owner.do(t, approveReset, vars{"i": id}, nil)

	var out struct {
		ApproveTwoFactorReset struct{ Reset resetSeen }
	}
	x.otto.do(t, approveReset, vars{"i": id}, &out)
	if r := out.ApproveTwoFactorReset.Reset; r.State != "PENDING" || r.ApprovedBy == nil || *r.ApprovedBy != x.otto.label() || !x.armed(t, x.olivia) {
		t.Fatalf("after the first approval: %+v", r)
	}
	x.otto.refused(t, "CONFLICT", approveReset, vars{"i": id})
	// Otto's word counts while he is an owner.
	ottoID := x.find(t, `SELECT m.id FROM members m JOIN users u ON u.id = m.user_id WHERE u.email = $1`, x.otto.Email)
	role := `mutation($m: ID!, $r: Role!) { changeMemberRole(input: {memberId: $m, role: $r}) { member { id } } }`
	x.olivia.do(t, role, vars{"m": ottoID, "r": "MEMBER"}, nil)
	third.Owner.do(t, approveReset, vars{"i": id}, &out)
	if out.ApproveTwoFactorReset.Reset.State != "PENDING" || !x.armed(t, x.olivia) {
		t.Fatalf("the word of who is no owner any more counted: %+v", out)
	}
	x.olivia.do(t, role, vars{"m": ottoID, "r": "OWNER"}, nil)
	// An owner again: both consents stand, and asking once more finds that nobody is missing.
	third.Owner.do(t, approveReset, vars{"i": id}, &out)
	if out.ApproveTwoFactorReset.Reset.State != "DONE" || x.armed(t, x.olivia) {
		t.Fatalf("after the last approval: %+v", out.ApproveTwoFactorReset.Reset)
	}
	if got := x.find(t, `SELECT string_agg(organization_id || status, ',' ORDER BY organization_id) FROM members WHERE user_id = (SELECT id FROM users WHERE email = $1) AND status = 'REMOVED_FOR_2FA'`, x.olivia.Email); got != x.acme.ID+"REMOVED_FOR_2FA" {
		t.Errorf("removed from %q, want Acme alone", got)
	}
	if got, want := x.resetEntries(t, fourth), []string{"member.2fa-reset-requested Another organization", "member.2fa-reset-approved " + fourth.Owner.label(), "member.2fa-reset " + fourth.Owner.label()}; !slices.Equal(got, want) {
		t.Errorf("the fourth's log has %q, want %q", got, want)
	}
}

// TestResetIsVoid: everything is decided again when it takes effect.
func TestResetIsVoid(t *testing.T) {
	t.Parallel()
	role := `mutation($m: ID!, $r: Role!) { changeMemberRole(input: {memberId: $m, role: $r}) { member { id } } }`
	for name, change := range map[string]func(t *testing.T, x *tenants, requester, target string){
		"the requester is a manager no more": func(t *testing.T, x *tenants, requester, _ string) {
			x.mallory.do(t, role, vars{"m": requester, "r": "ADMIN"}, nil)
		},
		"the requester has gone": func(t *testing.T, x *tenants, requester, _ string) {
			x.mallory.do(t, `mutation($m: ID!) { removeMember(input: {memberId: $m}) { removedMemberId } }`, vars{"m": requester}, nil)
		},
		"the person is above the requester": func(t *testing.T, x *tenants, _, target string) {
			x.mallory.do(t, role, vars{"m": target, "r": "OWNER"}, nil)
		},
		"the person has left": func(t *testing.T, x *tenants, _, _ string) {
			x.olivia.do(t, `mutation($o: ID!) { leaveOrganization(input: {organizationId: $o}) { user { id } } }`, vars{"o": x.mallorys.ID}, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := newTenants(t)
			max := x.someone(t, "Max")
			maxID := x.mallorys.join(t, max, "MANAGER")
			id := max.reset(t, x.oliviaTheirs).ResetMemberTwoFactor.Reset.ID
			change(t, x, maxID, x.oliviaTheirs)
			link := x.link(t, x.olivia.Email, resetTitle)
			x.post(t, "", confirmReset, vars{"t": link, "p": x.olivia.Password}).gave(t, "CONFLICT")
			if state := x.resetState(t, id); state != "VOID" || !x.armed(t, x.olivia) {
				t.Errorf("the request is %s", state)
			}
			if got := x.resetEntries(t, x.mallorys); got[len(got)-1] != "member.2fa-reset-ended Muster" {
				t.Errorf("the log ends with %q", got)
			}
		})
	}
}

// TestResetNeedsAgreementOfWhoComesLater: an organization that the person has joined since the request has a say too.
func TestResetNeedsAgreementOfWhoComesLater(t *testing.T) {
	t.Parallel()
	x := newTenants(t)
	id := x.mallory.reset(t, x.oliviaTheirs).ResetMemberTwoFactor.Reset.ID
	late := x.someone(t, "Lena").organization(t)
	late.join(t, x.olivia, "MEMBER")
	late.require(t, true)
	var out struct {
		ApproveTwoFactorReset struct{ Reset resetSeen }
	}
	x.otto.do(t, approveReset, vars{"i": id}, &out)
	if out.ApproveTwoFactorReset.Reset.State != "PENDING" || !x.armed(t, x.olivia) {
		t.Fatal("the organization that came later was not asked")
	}
	late.Owner.do(t, approveReset, vars{"i": id}, &out)
	if out.ApproveTwoFactorReset.Reset.State != "DONE" || x.armed(t, x.olivia) {
		t.Fatalf("got %+v", out)
	}
}

// TestResetNeverLeavesAnOrganizationOwnerless: LAST_OWNER, by name for the person, without for who is not to know it.
func TestResetNeverLeavesAnOrganizationOwnerless(t *testing.T) {
	t.Parallel()
	x := newTenants(t)
	second := x.someone(t, "Sol").organization(t)
	second.join(t, x.olivia, "OWNER")
	second.require(t, true)
	id := x.mallory.reset(t, x.oliviaTheirs).ResetMemberTwoFactor.Reset.ID
	second.Owner.do(t, approveReset, vars{"i": id}, nil)
	// Acme's other owner steps down: Olivia is all that Acme has. Sol's organization still has Sol.
	ottoID := x.find(t, `SELECT m.id FROM members m JOIN users u ON u.id = m.user_id WHERE u.email = $1`, x.otto.Email)
	x.olivia.do(t, `mutation($m: ID!) { changeMemberRole(input: {memberId: $m, role: MEMBER}) { member { id } } }`, vars{"m": ottoID}, nil)
	link := x.link(t, x.olivia.Email, resetTitle)
	got := x.post(t, "", confirmReset, vars{"t": link, "p": x.olivia.Password})
	got.gave(t, "LAST_OWNER")
	if len(got.Errors) > 0 && (!strings.Contains(got.Errors[0].Message, "Organization "+x.acme.Slug) || strings.Contains(got.Errors[0].Message, second.Slug)) {
		t.Errorf("the refusal does not name Acme alone: %q", got.Errors[0].Message)
	}
	if x.resetState(t, id) != "PENDING" || !x.armed(t, x.olivia) {
		t.Error("a refused confirmation changed something")
	}
}

// TestResetEnds: what is over by the clock is over, before any job has said so; the next request says it. That it is over
// after 72 hours to the second is in package app, whose clock stands still.
func TestResetEnds(t *testing.T) {
	t.Parallel()
	x := newTenants(t)
	r := x.mallory.reset(t, x.oliviaTheirs).ResetMemberTwoFactor.Reset
	if wait := r.ExpiresAt.Sub(x.clock.Now()); wait > 72*time.Hour || wait < 72*time.Hour-patience {
		t.Fatalf("ends in %s", wait)
	}
	link := x.link(t, x.olivia.Email, resetTitle)
	x.exec(t, `UPDATE two_factor_resets SET expires_at = $2 WHERE id = $1`, r.ID, x.clock.Now())
	x.post(t, "", confirmReset, vars{"t": link, "p": x.olivia.Password}).gave(t, "INVALID_LINK")
	x.post(t, "", declineReset, vars{"t": link}).gave(t, "INVALID_LINK")
	x.otto.refused(t, "CONFLICT", approveReset, vars{"i": r.ID})
	if seen := x.acme.resets(t, x.otto); len(seen) != 0 {
		t.Errorf("what is over is still shown: %+v", seen)
	}
	again := x.mallory.reset(t, x.oliviaTheirs).ResetMemberTwoFactor.Reset
	if got := x.resetState(t, r.ID); got != "EXPIRED" || again.ID == r.ID || !x.armed(t, x.olivia) {
		t.Errorf("the old request is %s", got)
	}
	if got := x.resetEntries(t, x.acme); !slices.Contains(got, "member.2fa-reset-ended Muster") {
		t.Errorf("Acme's log has %q", got)
	}
}

// TestResetRefusals is who may ask for what.
func TestResetRefusals(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner, o := m.owner(t)
	max, mona, mia, bea := m.someone(t, "Max"), m.someone(t, "Mona"), m.someone(t, "Mia"), m.signUp(t, "Bea")
	maxID, monaID := o.join(t, max, "MANAGER"), o.join(t, mona, "MANAGER")
	miaID, beaID := o.join(t, mia, "MEMBER"), o.join(t, bea, "MEMBER")
	invited := o.invite(t, owner, "new@people.example", "MEMBER")
	ownerID := m.find(t, `SELECT id FROM members WHERE organization_id = $1 AND role = 'OWNER'`, o.ID)
	for name, c := range map[string]struct {
		by              *person
		code, id, words string
	}{
		"an owner by a manager": {max, "FORBIDDEN", ownerID, lost},
		"oneself":               {max, "CONFLICT", maxID, lost},
		"by a member":           {mia, "FORBIDDEN", monaID, lost},
		"by nobody":             {nobody(m), "UNAUTHENTICATED", miaID, lost},
		"by a stranger":         {m.someone(t, "Sten"), "NOT_FOUND", miaID, lost},
		"of an invitation":      {max, "CONFLICT", invited, lost},
		"without a factor":      {max, "CONFLICT", beaID, lost},
		"a short reason":        {max, "BAD_INPUT", miaID, "too short"},
		"a long reason":         {max, "BAD_INPUT", miaID, strings.Repeat("x", 501)},
		"blanks":                {max, "BAD_INPUT", miaID, strings.Repeat(" ", 20)},
		"two lines":             {max, "BAD_INPUT", miaID, "lost it\nand so on, really"},
	} {
		if got := m.post(t, c.by.Token, resetMember, vars{"m": c.id, "r": c.words}); got.Code() != c.code {
			t.Errorf("%s: got %q %+v, want %s", name, got.Code(), got.Errors, c.code)
		}
	}
	m.exec(t, `UPDATE sessions SET fresh_at = fresh_at - interval '2 days'`)
	max.refused(t, "STEP_UP_REQUIRED", resetMember, vars{"m": miaID, "r": lost})
	if !m.armed(t, mia) {
		t.Error("a refused reset took effect")
	}
	max.do(t, `mutation($c: String!) { confirmIdentity(input: {code: $c}) { freshUntil } }`, vars{"c": max.code()}, nil)
	max.do(t, resetMember, vars{"m": monaID, "r": strings.Repeat("é", 500)}, nil) // of the same role
	max.do(t, resetMember, vars{"m": miaID, "r": "ten letter"}, nil)
	if m.armed(t, mia) || m.armed(t, mona) {
		t.Error("nothing happened")
	}
	got := m.post(t, "", declineReset, vars{})
	got.gave(t, "BAD_INPUT")
	if field, _ := json.Marshal(got.Errors[0].Extensions["field"]); string(field) != `"requestId"` {
		t.Errorf("the field is %s", field)
	}
}

// TestResetIsDeclinedAndWithdrawn: by the person with the link alone, or from a session; where it was asked for, withdrawn.
func TestResetIsDeclinedAndWithdrawn(t *testing.T) {
	t.Parallel()
	x := newTenants(t)
	max, ada := x.someone(t, "Max"), x.someone(t, "Ada")
	x.mallorys.join(t, max, "MANAGER")
	x.mallorys.join(t, ada, "ADMIN")
	for _, c := range []struct {
		name, want string
		end        func(id string)
	}{
		{"by the link", "DECLINED", func(string) {
			x.post(t, "", declineReset, vars{"t": x.link(t, x.olivia.Email, resetTitle)}).gave(t, "")
		}},
		{"by the person", "DECLINED", func(id string) { x.olivia.do(t, declineReset, vars{"i": id}, nil) }},
		{"by another manager", "WITHDRAWN", func(id string) {
			ada.refused(t, "FORBIDDEN", declineReset, vars{"i": id})
			max.do(t, declineReset, vars{"i": id}, nil)
		}},
	} {
		id := x.mallory.reset(t, x.oliviaTheirs).ResetMemberTwoFactor.Reset.ID
		c.end(id)
		if got := x.resetState(t, id); got != c.want {
			t.Errorf("%s: the request is %s, want %s", c.name, got, c.want)
		}
	}
	x.mailed(t, x.olivia.Email, "Security settings changed", "has ended without effect: it was withdrawn.")
	if !x.armed(t, x.olivia) {
		t.Error("a request that ended took effect")
	}
}
