package main

import (
	"testing"
	"time"

	"muster/db"
	"muster/secret"
)

// actor is one of the table's actors.
type actor struct {
	*person
	column string
	vars   vars // what is the actor's own: me, mine, myFactor
}

// world is an organization that requires 2FA, with everybody who stands in some relation to it.
type world struct {
	*muster
	o        *organization
	b        *organization // the owner's second one: it requires nothing
	foreign  *organization
	actors   []*actor
	vars     vars // what there is, by the names that the documents use
	ivy      *person
	returned []*person // removed for 2FA, as members of the team platform: for those mutations that bring back
	stranger *person
	side     *organization     // which two of the members belong to beside: resets of theirs have to be asked for
	invites  map[string]string // a pending invitation of each role
}

// newWorld builds the world.
func newWorld(t *testing.T) *world {
	t.Helper()
	m := start(t)
	olivia := m.someone(t, "Olivia")
	w := &world{muster: m, o: olivia.organization(t), invites: map[string]string{}}
	platform, web := w.o.createTeam(t, "platform"), w.o.createTeam(t, "web")
	places := map[string]string{}
	join := func(p *person, role string, teamIDs ...string) *person {
		places[p.Name] = w.o.join(t, p, role, teamIDs...)
		return p
	}
	max, ada := join(m.someone(t, "Max"), "MANAGER"), join(m.someone(t, "Ada"), "ADMIN")
	mia, una := join(m.someone(t, "Mia"), "MEMBER", platform), join(m.someone(t, "Una"), "MANAGER")
	dan, eve := join(m.signUp(t, "Dan"), "MANAGER"), join(m.signUp(t, "Eve"), "MANAGER")
	for _, name := range []string{"Ron", "Rita", "Rob", "Ruth"} {
		w.returned = append(w.returned, join(m.signUp(t, name), "MEMBER", platform))
	}
	rex := join(m.signUp(t, "Rex"), "MANAGER", platform)
	// Vic is whom the others look at. The one who invited Vic is none of them.
	vic := m.someone(t, "Vic")
	places["Vic"] = w.o.invite(t, una, vic.Email, "MEMBER", platform)
	vic.do(t, acceptInvite, vars{"t": m.link(t, vic.Email, "Join ")}, nil)
	nell := m.someone(t, "Nell")
	w.side = nell.organization(t)
	pat, quinn := m.someone(t, "Pat"), m.someone(t, "Quinn")
	for _, p := range []*person{pat, quinn} {
		places[p.Name] = w.o.invite(t, una, p.Email, "MEMBER", platform)
		p.do(t, acceptInvite, vars{"t": m.link(t, p.Email, "Join ")}, nil)
		places[p.Name+" beside"] = w.side.join(t, p, "MEMBER")
	}
	olivia.do(t, `mutation($m: ID!) { removeMember(input: {memberId: $m}) { removedMemberId } }`, vars{"m": places["Dan"]}, nil)
	w.o.require(t, true)
	w.ivy = m.signUp(t, "Ivy")
	places["Ivy"] = w.o.invite(t, olivia, w.ivy.Email, "MANAGER")
	for _, role := range []string{"OWNER", "MANAGER", "ADMIN", "MEMBER"} {
		w.invites[role] = w.o.invite(t, olivia, "waiting-"+role+"@people.example", role)
	}
	// What the API refuses to make: a provider beside the requirement, a member without a factor whom no sweep will look at, a
	// session that has not proved its factor.
	wes, stan, lou := m.signUp(t, "Wes"), m.someone(t, "Stan"), m.signUp(t, "Lou")
	places["Wes"] = db.NewID(db.MemberID)
	m.exec(t, `INSERT INTO members (id, organization_id, user_id, role, status) SELECT $1, $2, id, 'MEMBER', 'ACTIVE' FROM users WHERE email = $3`,
		places["Wes"], w.o.ID, wes.Email)
	m.exec(t, `INSERT INTO sso_connections (organization_id, issuer, client_id, sealed_secret, allowed_domains, claim_name, claim_value) VALUES ($1, 'https://login.example.com', 'muster', '', '{corp.example}', 'groups', 'staff')`, w.o.ID)
	m.exec(t, `UPDATE sessions SET proved_at = NULL, fresh_by = 'PASSWORD' WHERE user_id = (SELECT id FROM users WHERE email = $1)`, una.Email)
	// By Muster's clock Eve's window is over, by the database's it is not: the job that ends it does not get in the way.
	m.exec(t, `UPDATE members SET reinstatable_until = clock_timestamp() + interval '1 hour' WHERE id = $1`, places["Eve"])
	m.clock.Advance(2 * time.Hour)
	w.stranger, w.foreign = stan, stan.organization(t)
	foreignTeam := w.foreign.createTeam(t, "theirs")
	w.b = olivia.organization(t)
	for _, p := range []*person{olivia, max, vic, pat} { // so that they have been seen
		p.do(t, `query($s: String!) { organization(slug: $s) { id } }`, vars{"s": w.o.Slug}, nil)
	}
	w.vars = vars{
		"slug": w.o.Slug, "org": w.o.ID, "vic": places["Vic"], "rex": places["Rex"], "ivy": places["Ivy"], "olivia": places["Olivia"],
		"team": platform, "token": m.link(t, w.ivy.Email, "Join "), "dead": secret.NewToken(), "alert": m.notMe(t, stan.Email, "Added the authenticator"), "foreignTeam": foreignTeam,
		"vicUser": m.find(t, `SELECT user_id FROM members WHERE id = $1`, places["Vic"]),
		"factor":  vic.authenticator(t),
		"session": vic.newestSession(t),
		"project": m.find(t, `SELECT id FROM projects WHERE team_id = $1`, platform),
		"other":   m.find(t, `SELECT id FROM projects WHERE team_id = $1`, web),
		"entry":   m.find(t, `SELECT id FROM audit_entries WHERE organization_id = $1 AND action = 'org.edit'`, w.o.ID),
		"sweep":   m.find(t, `SELECT id FROM sweeps WHERE organization_id = $1`, w.o.ID),
		"foreign": m.find(t, `SELECT id FROM members WHERE organization_id = $1`, w.foreign.ID),
		"nothing": db.NewID(db.MemberID), "noSlug": "no-such-organization",
	}
	w.vars["olivia"] = m.find(t, `SELECT id FROM members WHERE organization_id = $1 AND role = 'OWNER' AND status = 'ACTIVE'`, w.o.ID)
	w.vars["pat"], w.vars["asked"] = places["Pat"], olivia.reset(t, places["Pat"]).ResetMemberTwoFactor.Reset.ID
	w.vars["resetToken"] = m.link(t, pat.Email, resetTitle)
	w.vars["askedElsewhere"] = nell.reset(t, places["Quinn beside"]).ResetMemberTwoFactor.Reset.ID
	var before int
	if err := m.admin(t).QueryRow(t.Context(), `SELECT sequence - 1 FROM audit_entries WHERE action = 'member.pending' AND target_id = $1`, places["Rex"]).Scan(&before); err != nil {
		t.Fatal(err)
	}
	w.vars["before"] = before

	automation := olivia.serviceToken(t, w.o, "teams:write")
	automation.do(t, `mutation($m: ID!, $t: ID!) { setMemberTeams(input: {memberId: $m, teamIds: [$t]}) { member { id } } }`,
		vars{"m": places["Vic"], "t": platform}, nil)
	theirs := stan.serviceToken(t, w.foreign, "teams:write")
	w.vars["serviceToken"], w.vars["foreignServiceToken"] = automation.id, theirs.id
	w.vars["personalToken"] = vic.personalToken(t, "members:read").id
	w.vars["identity"] = vic.linkTo(t, w.o.ID, "https://former.example.com")

	w.act(t, "owner", olivia, w.vars["olivia"])
	w.act(t, "manager", max, places["Max"])
	w.act(t, "admin", ada, places["Ada"])
	w.act(t, "member", mia, places["Mia"])
	w.act(t, "removed", rex, places["Rex"])
	w.act(t, "without", wes, places["Wes"])
	w.act(t, "unproved", una, places["Una"])
	for _, outsider := range []*person{dan, eve, w.ivy, stan, lou} {
		w.act(t, "outsider", outsider, places["Eve"]) // a place that is Eve's no more, and was never the others'
	}
	w.act(t, "anonymous", nobody(m), places["Vic"])
	m.atRest(t)
	return w
}

// act gives somebody a part in the table.
func (w *world) act(t *testing.T, column string, p *person, place any) {
	t.Helper()
	a := &actor{person: p, column: column, vars: vars{"mine": place, "me": w.vars["vicUser"], "myFactor": w.vars["factor"]}}
	if p.Token != "" {
		p.linkTo(t, w.o.ID, "https://former.example.com")
		if column != "outsider" {
			a.keepToken(t)
		}
		a.vars["me"] = w.find(t, `SELECT id FROM users WHERE email = $1`, p.Email)
	}
	if p.Seed != nil && column != "outsider" { // none of whom has one, as far as the table goes
		a.vars["myFactor"] = p.authenticator(t)
	}
	w.actors = append(w.actors, a)
}

// find is one text of the database.
func (m *muster) find(t testing.TB, sql string, args ...any) string {
	t.Helper()
	var found string
	conn, done := m.brief(t)
	defer done()
	if err := conn.QueryRow(t.Context(), sql+" LIMIT 1", args...).Scan(&found); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return found
}

// values are the variables of an actor's documents.
func (w *world) values(a *actor) vars {
	all := vars{}
	for _, some := range []vars{w.vars, a.vars} {
		for name, value := range some {
			all[name] = value
		}
	}
	return all
}

// unknown is a value of the same form that names nothing: every id is exchanged for a new one of its kind.
func (w *world) unknown(value any) any {
	switch v := value.(type) {
	case string:
		if kind := db.Kind(v); kind != "" {
			return db.NewID(kind)
		}
		if v == w.o.Slug || v == w.b.Slug {
			return "no-such-slug"
		}
	case []string:
		return v
	case vars:
		other := vars{}
		for name, inner := range v {
			other[name] = w.unknown(inner)
		}
		return other
	}
	return value
}

// member makes somebody with an authenticator a member.
func (w *world) member(t *testing.T, role string) *person {
	t.Helper()
	p := w.someone(t, "Nia")
	w.o.join(t, p, role, w.vars["team"].(string))
	return p
}

// keepToken gives the actor a personal token, whatever the rules, and is its id.
func (a *actor) keepToken(t testing.TB) string {
	t.Helper()
	id := db.NewID(db.TokenID)
	a.m.exec(t, `
INSERT INTO api_tokens (id, user_id, name, token_hash, scopes, expires_at)
SELECT $1, id, 'Mine', sha256($1::text::bytea), '{members:read}', clock_timestamp() + interval '1 day' FROM users WHERE email = $2`, id, a.Email)
	return id
}
