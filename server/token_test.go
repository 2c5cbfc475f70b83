package main

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"muster/app"
	"muster/secret"
	"muster/server/settings"
)

const (
	revokePersonalToken = `mutation($k: ID!) { revokePersonalToken(input: {personalTokenId: $k}) { user { id } } }`
	revokeServiceToken  = `mutation($k: ID!) { revokeServiceToken(input: {serviceTokenId: $k}) { organization { id } } }`
	inviteByProgram     = `mutation($i: InviteMemberInput!) { inviteMember(input: $i) { member { id invitedBy { id } } } }`
	seeOrganization     = `query($s: String!) { organization(slug: $s) { name members { nodes { id } } } }`
)

// A program invites a member by HTTP. The log says that it was the token, whose maker may leave meanwhile.
func TestAutomationInvitesAMember(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner, o := m.owner(t)
	second := m.someone(t, "Otto")
	o.join(t, second, "OWNER")
	o.require(t, true)
	automation := owner.serviceToken(t, o, "members:write")
	m.mailSaying(t, owner.Email, `The service token "Automation" was made.`)
	m.mailSaying(t, second.Email, `The service token "Automation" was made.`)
	owner.do(t, `mutation($o: ID!) { leaveOrganization(input: {organizationId: $o}) { user { id } } }`, vars{"o": o.ID}, nil)

	var out struct {
		InviteMember struct {
			Member struct{ InvitedBy *struct{ ID string } }
		}
	}
	automation.do(t, inviteByProgram, vars{"i": vars{"organizationId": o.ID, "email": "ivy@people.example", "role": "ADMIN"}}, &out)
	automation.refused(t, "FORBIDDEN", inviteByProgram, vars{"i": vars{"organizationId": o.ID, "email": "max@people.example", "role": "MANAGER"}})
	mia := m.signUp(t, "Mia")
	mia.enroll(t)
	o.Owner = second
	const change = `mutation($m: ID!, $r: Role!) { changeMemberRole(input: {memberId: $m, role: $r}) { member { id } } }`
	member := o.join(t, mia, "MEMBER")
	automation.refused(t, "FORBIDDEN", change, vars{"m": member, "r": "MANAGER"})
	automation.do(t, change, vars{"m": member, "r": "ADMIN"}, nil)
	if out.InviteMember.Member.InvitedBy != nil {
		t.Errorf("invited by %+v, want nobody: a token is no person", out.InviteMember.Member.InvitedBy)
	}
	if m.link(t, "ivy@people.example", "Join ") == "" {
		t.Error("no link was mailed")
	}
	var log struct {
		Organization struct {
			AuditLog struct {
				Nodes []struct {
					Action, ActorLabel string
					Actor              struct {
						TypeName string `json:"__typename"`
						ID, Name string
						Scopes   []string
					}
				}
			}
		}
	}
	second.do(t, `query($s: String!, $k: ID!) { organization(slug: $s) { auditLog(filter: {actor: $k}) { nodes {
		action actorLabel actor { __typename ... on ServiceToken { id name scopes } } } } } }`, vars{"s": o.Slug, "k": automation.id}, &log)
	entries := log.Organization.AuditLog.Nodes
	if len(entries) != 2 || entries[0].Action != "member.edit" || entries[1].Action != "member.invite" || entries[0].ActorLabel != "Automation" ||
		entries[0].Actor.TypeName != "ServiceToken" || entries[0].Actor.ID != automation.id || entries[0].Actor.Name != "Automation" || entries[0].Actor.Scopes != nil {
		t.Errorf("the log says %+v", entries)
	}
	var list struct {
		Organization struct {
			ServiceTokens []struct {
				ID, Name   string
				Scopes     []string
				CreatedBy  struct{ Name string }
				LastUsedAt *time.Time
			}
		}
	}
	second.do(t, `query($s: String!) { organization(slug: $s) { serviceTokens { id name scopes lastUsedAt createdBy { name } } } }`, vars{"s": o.Slug}, &list)
	if tokens := list.Organization.ServiceTokens; len(tokens) != 1 || tokens[0].ID != automation.id || tokens[0].CreatedBy.Name != owner.Name ||
		tokens[0].LastUsedAt == nil || len(tokens[0].Scopes) != 1 || tokens[0].Scopes[0] != "members:write" {
		t.Errorf("the list says %+v", tokens)
	}

	// What a person does by a token of their own is theirs, and the entry says by which.
	script := second.personalToken(t, "members:write")
	script.do(t, inviteByProgram, vars{"i": vars{"organizationId": o.ID, "email": "ian@people.example"}}, nil)
	if by := m.find(t, `SELECT actor_label || ' ' || (data->>'personal_token') FROM audit_entries WHERE message = 'invited ian@people.example'`); by != second.Name+" <"+second.Email+"> Script of Otto" {
		t.Errorf("the entry is by %q", by)
	}

	// The text of a token is in no row, no mail and no log line.
	m.atRest(t)
	everything := strings.Join(m.snapshot(t), "\n") + m.Log.String()
	for _, mail := range m.Mailbox.Messages("") {
		everything += mail.Text
	}
	for _, text := range []string{automation.Token, script.Token} {
		if strings.Contains(everything, text[11:]) {
			t.Errorf("%s… is kept somewhere", text[:14])
		}
	}
}

// A screen watches the log for days by a service token with audit:read; revoking the token closes it at once, whether LISTEN
// works or not.
func TestScreenByServiceToken(t *testing.T) {
	t.Parallel()
	for _, listening := range []string{"LISTEN works", "LISTEN is broken"} {
		t.Run(listening, func(t *testing.T) {
			t.Parallel()
			m := start(t)
			if listening != "LISTEN works" {
				m.breakListen(t)
			}
			owner, o := m.owner(t)
			mia := m.signUp(t, "Mia")
			o.join(t, mia, "MEMBER")
			screen, other := owner.serviceToken(t, o, "audit:read"), owner.serviceToken(t, o, "audit:read")
			s, bystander := m.dial(t, screen.Token), m.dial(t, other.Token)
			s.subscribe("log", `subscription($o: ID!) { auditLog(organizationId: $o) { action message target { id } } }`, vars{"o": o.ID})
			s.subscribe("gone", `subscription($o: ID!) { memberRemoved(organizationId: $o, after: 0) { reason member { id } entry { targetLabel } } }`, vars{"o": o.ID})
			bystander.subscribe("log", `subscription($o: ID!) { auditLog(organizationId: $o) { action } }`, vars{"o": o.ID})
			o.createTeamWhenWatched(t, m, 3)
			for seen := map[string]bool{}; !seen["team.create"]; {
				var entry struct {
					AuditLog struct {
						Action string
						Target *struct{ ID string }
					}
				}
				s.next("log", &entry)
				seen[entry.AuditLog.Action] = true
			}
			// Being required to have a second factor is for people; the screen goes on.
			o.require(t, true)
			seen := map[string]bool{}
			for !seen["TWO_FACTOR"] || !seen["member.pending"] {
				f := s.read()
				for _, word := range []string{"TWO_FACTOR", "member.pending", `"member":null`} {
					seen[word] = seen[word] || strings.Contains(string(f.Payload), word)
				}
				if f.Type != "next" {
					t.Fatalf("got %s %s", f.Type, f.Payload)
				}
			}
			if !seen[`"member":null`] {
				t.Error("a token with audit:read alone sees the member")
			}
			revoked := time.Now()
			owner.do(t, revokeServiceToken, vars{"k": screen.id}, nil)
			if code := s.closed(); code != 4401 || time.Since(revoked) > bound {
				t.Errorf("closed with %d after %v, want 4401 within a second", code, time.Since(revoked))
			}
			screen.refused(t, "UNAUTHENTICATED", seeOrganization, vars{"s": o.Slug})
			owner.refused(t, "NOT_FOUND", revokeServiceToken, vars{"k": screen.id})
			for f := bystander.read(); !strings.Contains(string(f.Payload), "token.revoke"); f = bystander.read() {
				if f.Type != "next" {
					t.Fatalf("the other screen got %s %s", f.Type, f.Payload)
				}
			}
		})
	}
}

// createTeamWhenWatched creates a team once so many subscriptions run.
func (o *organization) createTeamWhenWatched(t *testing.T, m *muster, operations int) {
	t.Helper()
	eventually(t, "the subscriptions run", func() bool { return m.Sockets.Stats().Operations == operations })
	o.createTeam(t, "web")
}

// A personal token never gets its owner further than they are: it loses access when they do, and is asked for the proof that
// it was made with.
func TestPersonalTokenFollowsItsOwner(t *testing.T) {
	t.Parallel()
	m := start(t)
	_, o := m.owner(t)
	p := m.signUp(t, "Max")
	id := o.join(t, p, "MANAGER")
	see := vars{"s": o.Slug}
	unproved := p.personalToken(t, "members:read", "audit:read")
	unproved.do(t, seeOrganization, see, nil)
	p.enroll(t)
	o.require(t, true)
	if a := unproved.refused(t, "STEP_UP_REQUIRED", seeOrganization, see); !strings.Contains(a.says(), "token") {
		t.Errorf("refused with %q", a.says())
	}
	proved := p.personalToken(t, "members:read", "audit:read")
	proved.do(t, seeOrganization, see, nil)
	m.mailSaying(t, p.Email, `Made the personal API token "Script of Max"`)

	// A change of factors ends other sessions and leaves tokens.
	elsewhere := p.another(t)
	p.startTOTP(t)
	p.do(t, confirmTOTP, vars{"c": p.code()}, nil)
	if m.signedIn(t, elsewhere.Token) {
		t.Error("the other session goes on")
	}
	proved.do(t, seeOrganization, see, nil)

	// The role is asked each time, of those who watch too.
	s := m.dial(t, proved.Token)
	s.subscribe("log", `subscription($o: ID!) { auditLog(organizationId: $o) { action } }`, vars{"o": o.ID})
	eventually(t, "the subscription runs", func() bool { return m.Sockets.Stats().Operations == 1 })
	o.Owner.do(t, `mutation($m: ID!) { changeMemberRole(input: {memberId: $m, role: ADMIN}) { member { id } } }`, vars{"m": id}, nil)
	if code := s.ends("log"); code != "FORBIDDEN" {
		t.Errorf("whose role no longer allows it gets %s", code)
	}
	proved.refused(t, "FORBIDDEN", `query($s: String!) { organization(slug: $s) { auditSequence } }`, see)

	// Everything about the account is for its sessions.
	var out struct {
		Viewer map[string]any
	}
	proved.do(t, `{ viewer { id name email authenticators { id } securityEvents { nodes { id } } recoveryCodes { remaining } sessions { id } personalTokens { id }
		memberships { role organization { name } } } }`, nil, &out)
	for field, value := range out.Viewer {
		if public := field == "id" || field == "name" || field == "email" || field == "memberships"; public != (value != nil) {
			t.Errorf("a personal token sees %s: %v", field, value)
		}
	}
	proved.refused(t, "NOT_FOUND", `query($id: ID!) { node(id: $id) { id } }`, vars{"id": p.authenticator(t)})

	// Who is removed, is.
	o.Owner.do(t, `mutation($m: ID!) { removeMember(input: {memberId: $m}) { removedMemberId } }`, vars{"m": id}, nil)
	proved.refused(t, "NOT_FOUND", seeOrganization, see)

	// Signing out everywhere leaves tokens; revoking one ends its sockets.
	s = m.dial(t, proved.Token)
	p.do(t, revokePersonalToken, vars{"k": proved.id}, nil)
	if code := s.closed(); code != 4401 {
		t.Errorf("closed with %d, want 4401", code)
	}
	m.mailSaying(t, p.Email, `Revoked the personal API token "Script of Max".`)
	p.refused(t, "NOT_FOUND", revokePersonalToken, vars{"k": proved.id})
	p.refused(t, "NOT_FOUND", revokePersonalToken, vars{"k": p.newestSession(t)})
	last := p.personalToken(t, "members:read")
	p.do(t, `mutation { signOut(input: {everywhere: true}) { ok } }`, nil, nil)
	if !m.signedIn(t, last.Token) {
		t.Error("signing out ended a token")
	}
}

// Whoever says by the link of a mail that something was not them ends personal tokens too, and the mail about a new token has
// that link; service tokens are the organization's, and stay.
func TestNotMeRevokesPersonalTokens(t *testing.T) {
	t.Parallel()
	m := start(t)
	p, o := m.owner(t)
	m.atRest(t)
	mine, ours := p.personalToken(t, "members:read"), p.serviceToken(t, o, "members:read")
	m.exec(t, `UPDATE api_tokens SET created_at = created_at - interval '8 days' WHERE id = $1`, ours.id) // younger ones end, too
	link := ""
	eventually(t, "the mail about the token arrives", func() bool {
		for _, mail := range m.Mailbox.Messages(p.Email) {
			if strings.Contains(mail.Text, "Made the personal API token") {
				if found := regexp.MustCompile(`/not-me#token=(\S+)`).FindStringSubmatch(mail.Text); found != nil {
					link = found[1]
				}
			}
		}
		return link != ""
	})
	s := m.dial(t, mine.Token)
	nobody(m).do(t, `mutation($t: String!) { reportNotMe(input: {token: $t}) { __typename } }`, vars{"t": link}, nil)
	if code := s.closed(); code != 4401 {
		t.Errorf("closed with %d, want 4401", code)
	}
	if m.signedIn(t, mine.Token) || m.signedIn(t, p.Token) {
		t.Error("a personal token or a session goes on")
	}
	ours.do(t, seeOrganization, vars{"s": o.Slug}, nil)
}

// A token counts as bearer and nowhere else; what is no token costs no look-up and gets what nobody gets.
func TestTokensThatAreNone(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner, o := m.owner(t)
	mine, ours := owner.personalToken(t, "members:read"), owner.serviceToken(t, o, "members:read")
	origin := "http://localhost" + m.URL[strings.LastIndex(m.URL, ":"):]
	for _, token := range []*apiToken{mine, ours} {
		if r := m.call(t, call{Query: seeOrganization, Vars: vars{"s": o.Slug}, Origin: origin, Cookie: "muster=" + token.Token}); r.Code() != "UNAUTHENTICATED" {
			t.Errorf("as a cookie: %s", r.Body)
		}
		r := m.call(t, call{Query: seeOrganization, Vars: vars{"s": o.Slug}, Origin: origin, Token: token.Token})
		r.expect(t, "", "as bearer")
		if len(r.Cookies) != 0 {
			t.Errorf("a token is given the cookies %v", r.Cookies)
		}
		typo := token.Token[:20] + string('A'+('Z'-token.Token[20])%2) + token.Token[21:]
		for _, wrong := range []string{typo, token.Token + "0", token.Token[:59], strings.ToUpper(token.Token), secret.NewAPIToken(secret.PersonalToken), secret.NewAPIToken(secret.ServiceToken)} {
			if wrong != token.Token {
				m.post(t, wrong, seeOrganization, vars{"s": o.Slug}).expect(t, "UNAUTHENTICATED", wrong)
			}
		}
	}
	// Guesses leave nothing behind, and typos are not even looked up.
	if n := value[int](t, m.back(t), `SELECT count(*)::int FROM rate_limits WHERE key LIKE '%token%'`); n != 0 {
		t.Errorf("%d budgets were touched", n)
	}
	m.exec(t, `ALTER TABLE api_tokens RENAME TO api_tokens_away`)
	typo := mine.Token[:59]
	if r := m.call(t, call{Query: whoami, Token: typo}); r.Status != http.StatusOK || r.who(t) != "" {
		t.Errorf("a typo: %d %s", r.Status, r.Body)
	}
	if r := m.call(t, call{Query: whoami, Token: mine.Token}); r.Status != http.StatusServiceUnavailable {
		t.Errorf("without the table: %d %s", r.Status, r.Body)
	}
}

// A token holds to the second, by the clock that decides; its sockets close when it ends.
func TestTokenEnds(t *testing.T) {
	t.Parallel()
	noon := time.Now().UTC().Truncate(time.Second)
	m := start(t, func(_ *settings.Settings, c *app.Config) { c.Now = func() time.Time { return noon } })
	p := m.signUp(t, "Tia")
	token := p.personalToken(t, "members:read")
	if life := m.find(t, `SELECT (expires_at - $1)::text FROM api_tokens`, noon); life != "90 days" {
		t.Errorf("a token lives %s, want 90 days", life)
	}
	m.exec(t, `UPDATE api_tokens SET created_at = $1, used_at = $1`, noon.AddDate(0, -6, 0)) // idle for half a year
	for _, test := range []struct {
		ends time.Duration
		want bool
	}{{time.Second, true}, {0, false}, {-time.Second, false}} {
		m.exec(t, `UPDATE api_tokens SET expires_at = $1`, noon.Add(test.ends))
		if got := m.signedIn(t, token.Token); got != test.want {
			t.Errorf("%v before its end: signed in %v", test.ends, got)
		}
	}
	m.exec(t, `UPDATE api_tokens SET expires_at = $1`, noon.Add(time.Hour))
	s := m.dial(t, token.Token)
	m.exec(t, `UPDATE api_tokens SET expires_at = clock_timestamp()`)
	if code := s.closed(); code != 4401 {
		t.Errorf("closed with %d, want 4401", code)
	}
	// Thirty days later it is gone; the log has its name still.
	m.exec(t, `UPDATE api_tokens SET expires_at = clock_timestamp() - interval '29 days'`)
	if err := m.App.DB.DeleteEnded(t.Context()); err != nil {
		t.Fatal(err)
	}
	count := func() int { return value[int](t, m.back(t), `SELECT count(*)::int FROM api_tokens`) }
	if count() != 1 {
		t.Error("it is gone after 29 days")
	}
	m.exec(t, `UPDATE api_tokens SET expires_at = clock_timestamp() - interval '31 days'`)
	if err := m.App.DB.DeleteEnded(t.Context()); err != nil {
		t.Fatal(err)
	}
	if count() != 0 {
		t.Error("it is there after 31 days")
	}
}

func TestTokenLimits(t *testing.T) {
	t.Parallel()
	m := start(t, func(_ *settings.Settings, c *app.Config) { c.StepUp = 10 * time.Minute })
	owner, o := m.owner(t)
	now := m.clock.Now()
	personal := func(name string, scopes []string, expires any) answer {
		return m.post(t, owner.Token, createPersonalToken, vars{"i": vars{"name": name, "scopes": scopes, "expiresAt": expires}})
	}
	service := func(name string, scopes []string, expires any) answer {
		return m.post(t, owner.Token, createServiceToken, vars{"i": vars{"organizationId": o.ID, "name": name, "scopes": scopes, "expiresAt": expires}})
	}
	good := []string{"members:read"}
	for _, make := range []func(string, []string, any) answer{personal, service} {
		for _, wrong := range []struct {
			field string
			a     answer
		}{
			{"name", make("", good, nil)},
			{"name", make(strings.Repeat("x", 61), good, nil)},
			{"name", make("a\nb", good, nil)},
			{"scopes", make("x", []string{}, nil)},
			{"scopes", make("x", []string{"everything"}, nil)},
			{"expiresAt", make("x", good, now.Add(-time.Second))},
			{"expiresAt", make("x", good, now.Add(367*24*time.Hour))},
		} {
			if wrong.a.expect(t, "BAD_INPUT", wrong.field); wrong.a.field() != wrong.field {
				t.Errorf("the refusal names %v, want %s", wrong.a.field(), wrong.field)
			}
		}
		make("a year", good, now.Add(365*24*time.Hour)).expect(t, "", "a year")
	}
	// Fifty each, of the living.
	const fill = `INSERT INTO api_tokens (id, user_id, organization_id, name, token_hash, scopes, expires_at)
SELECT 'tok_' || $2 || n, (SELECT id FROM users WHERE email = $1), $3, 'x', sha256(($2 || n)::bytea), '{members:read}', clock_timestamp() + interval '1 day' FROM generate_series(1, 49) n`
	m.exec(t, fill, owner.Email, "a", nil)
	m.exec(t, fill, owner.Email, "b", o.ID)
	for what, make := range map[string]func(string, []string, any) answer{"tok_a1": personal, "tok_b1": service} {
		make("one more", good, nil).expect(t, "CONFLICT", "the fifty-first")
		m.exec(t, `UPDATE api_tokens SET expires_at = clock_timestamp() - interval '1 second' WHERE id = $1`, what)
		make("one more", good, nil).expect(t, "", "after one has ended")
		make("one more", good, nil).expect(t, "CONFLICT", "again the fifty-first")
	}
	var list struct {
		Viewer struct{ PersonalTokens []struct{ Name string } }
	}
	owner.do(t, `{ viewer { personalTokens { name } } }`, nil, &list)
	if n := len(list.Viewer.PersonalTokens); n != 51 { // fifty that hold, and one that has ended
		t.Errorf("listed are %d", n)
	}

	// Ten minutes after the proof it takes another one, to make a token and to revoke one.
	owner.signIn(t)
	mine := m.find(t, `SELECT id FROM api_tokens WHERE organization_id IS NULL AND name = 'a year'`)
	ours := m.find(t, `SELECT id FROM api_tokens WHERE organization_id IS NOT NULL AND name = 'a year'`)
	m.clock.Advance(11 * time.Minute)
	personal("late", good, nil).expect(t, "STEP_UP_REQUIRED", "late")
	service("late", good, nil).expect(t, "STEP_UP_REQUIRED", "late")
	owner.refused(t, "STEP_UP_REQUIRED", revokePersonalToken, vars{"k": mine})
	owner.refused(t, "STEP_UP_REQUIRED", revokeServiceToken, vars{"k": ours})
}

// TestTokensStayWhereTheyBelong: what tokens get of their own organization and of another one. The columns are a service token
// with every scope, one with audit:read, a personal token of a manager with every scope, and a service token with every scope of
// the other organization; what stands for the other one is the same for everybody: nothing.
func TestTokensStayWhereTheyBelong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	all := exceptFor("")
	var manager *person
	for _, a := range w.actors {
		if a.column == "manager" {
			manager = a.person
		}
	}
	columns := []*apiToken{
		w.o.Owner.serviceToken(t, w.o, all...), w.o.Owner.serviceToken(t, w.o, "audit:read"),
		manager.personalToken(t, all...), w.stranger.serviceToken(t, w.foreign, all...),
	}
	w.vars["ownersInvite"], w.vars["uninvited"] = w.invites["OWNER"], w.invites["ADMIN"]
	// "ok", a code's short name, or "null".
	const table = `
query viewer                                              | null null ok   null | { viewer { id } }
query organization                                        | ok   ok   ok   404  | query($slug: String!) { organization(slug: $slug) { id name require2FA } }
query organization by id                                  | ok   ok   ok   404  | query($org: ID!) { node(id: $org) { id } }
query organization, its members                           | ok   ROLE ok   404  | query($slug: String!) { organization(slug: $slug) { members { nodes { email twoFactor } } } }
query organization, its log                               | ok   ok   ok   404  | query($slug: String!) { organization(slug: $slug) { auditLog { nodes { message } } } }
query organization, its sweep                             | ok   ROLE ok   404  | query($slug: String!) { organization(slug: $slug) { sweep { id } sso { issuer } require2FAImpact { removedCount } } }
query organization, its projects                          | ok   ROLE ok   404  | query($slug: String!) { organization(slug: $slug) { projects { id } } }
query organization, its tokens                            | ROLE ROLE ROLE 404  | query($slug: String!) { organization(slug: $slug) { serviceTokens { id } } }
query member by id                                        | ok   ROLE ok   404  | query($vic: ID!) { node(id: $vic) { id } }
query user by id                                          | ok   404  ok   404  | query($vicUser: ID!) { node(id: $vicUser) { id } }
query another's factor                                    | 404  404  404  404  | query($factor: ID!) { node(id: $factor) { id } }
query entry by id                                         | ok   ok   ok   404  | query($entry: ID!) { node(id: $entry) { id } }
query team by id                                          | ok   ROLE ok   404  | query($team: ID!) { node(id: $team) { id } }
query sweep by id                                         | ok   ROLE ok   404  | query($sweep: ID!) { node(id: $sweep) { id } }
query service token by id                                 | ROLE ROLE ROLE 404  | query($serviceToken: ID!) { node(id: $serviceToken) { id } }
setMemberTeams of a member                                | ok   ROLE ok   404  | mutation($vic: ID!, $team: ID!) { setMemberTeams(input: {memberId: $vic, teamIds: [$team]}) { member { id } } }
setMemberTeams of an owner                                | ROLE ROLE ROLE 404  | mutation($olivia: ID!) { setMemberTeams(input: {memberId: $olivia, teamIds: []}) { member { id } } }
inviteMember, a manager                                   | ROLE ROLE ROLE 404  | mutation($org: ID!) { inviteMember(input: {organizationId: $org, email: "UNIQUE", role: MANAGER}) { member { id } } }
inviteMember, an owner                                    | ROLE ROLE ROLE 404  | mutation($org: ID!) { inviteMember(input: {organizationId: $org, email: "UNIQUE", role: OWNER}) { member { id } } }
resendInvite of an admin                                  | ok   ROLE ok   404  | mutation($uninvited: ID!) { resendInvite(input: {memberId: $uninvited}) { member { id } } }
resendInvite of a manager                                 | ROLE ROLE ROLE 404  | mutation($ivy: ID!) { resendInvite(input: {memberId: $ivy}) { member { id } } }
resendInvite of an owner                                  | ROLE ROLE ROLE 404  | mutation($ownersInvite: ID!) { resendInvite(input: {memberId: $ownersInvite}) { member { id } } }
changeMemberRole                                          | ok   ROLE ok   404  | mutation($vic: ID!) { changeMemberRole(input: {memberId: $vic, role: MEMBER}) { member { id } } }
changeMemberRole to owner                                 | ROLE ROLE ROLE 404  | mutation($vic: ID!) { changeMemberRole(input: {memberId: $vic, role: OWNER}) { member { id } } }
changeMemberRole of an owner                              | ROLE ROLE ROLE 404  | mutation($olivia: ID!) { changeMemberRole(input: {memberId: $olivia, role: MEMBER}) { member { id } } }
removeMember, an owner                                    | ROLE ROLE ROLE 404  | mutation($olivia: ID!) { removeMember(input: {memberId: $olivia}) { removedMemberId } }
updateOrganization                                        | ROLE ROLE ROLE 404  | mutation($org: ID!) { updateOrganization(input: {organizationId: $org, name: "X"}) { organization { id } } }
setRequire2FA                                             | ROLE ROLE ROLE 404  | mutation($org: ID!) { setRequire2FA(input: {organizationId: $org, required: false}) { sweep { id } } }
leaveOrganization                                         | ROLE ROLE ROLE 404  | mutation($org: ID!) { leaveOrganization(input: {organizationId: $org}) { user { id } } }
createServiceToken                                        | ROLE ROLE ROLE 404  | mutation($org: ID!) { createServiceToken(input: {organizationId: $org, name: "X", scopes: ["audit:read"]}) { token } }
revokeServiceToken                                        | ROLE ROLE ROLE 404  | mutation($serviceToken: ID!) { revokeServiceToken(input: {serviceTokenId: $serviceToken}) { organization { id } } }
createPersonalToken                                       | ROLE ROLE ROLE ROLE | mutation { createPersonalToken(input: {name: "X", scopes: ["audit:read"]}) { token } }
createOrganization                                        | ROLE ROLE ROLE ROLE | mutation { createOrganization(input: {slug: "x-x", name: "X"}) { organization { id } } }
confirmIdentity                                           | ROLE ROLE ROLE ROLE | mutation { confirmIdentity(input: {code: "123456"}) { freshUntil } }
signOut                                                   | ROLE ROLE ROLE ROLE | mutation { signOut(input: {}) { ok } }
`
	tried := 0
	for line := range strings.Lines(table) {
		parts := strings.SplitN(strings.TrimSpace(line), "|", 3)
		if len(parts) < 3 {
			continue
		}
		marks, query := strings.Fields(parts[1]), strings.TrimSpace(parts[2])
		for i, token := range columns {
			tried++
			used := vars{}
			for _, found := range variable.FindAllStringSubmatch(query, -1) {
				used[found[1]] = w.vars[found[1]]
			}
			a := w.post(t, token.Token, strings.ReplaceAll(query, "UNIQUE", fmt.Sprintf("token%d@people.example", tried)), used)
			want, wantNull := codes[marks[i]], marks[i] == "null"
			if null := strings.Contains(string(a.Data), `{"viewer":null}`); a.Code() != want || null != wantNull {
				t.Errorf("%s by column %d: %s %+v, want %s", strings.TrimSpace(parts[0]), i+1, a.Data, a.Errors, marks[i])
			}
			if marks[i] == "404" && i == 3 {
				same(t, parts[0], a, w.post(t, token.Token, strings.ReplaceAll(query, "UNIQUE", fmt.Sprintf("token%d@people.example", tried)), w.unknown(used).(vars)))
			}
		}
	}
	if want := 35 * len(columns); tried != want {
		t.Errorf("%d were tried, want %d", tried, want)
	}
}
