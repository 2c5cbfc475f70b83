package main

import (
	"net/http"
	"strings"
	"testing"

	"muster/db"
)

const unlinkIdentity = `mutation($i: ID!) { unlinkIdentity(input: {identityId: $i}) { user { identities { id } } } }`

// linkTo links an identity at a provider to the account, behind the provider's back, and gives its id.
func (p *person) linkTo(t testing.TB, organizationID, issuer string) string {
	t.Helper()
	id := db.NewID(db.IdentityID)
	p.m.exec(t, `INSERT INTO identities (id, organization_id, issuer, subject, user_id) SELECT $1, $2, $3, $1, id FROM users WHERE email = $4`, id, organizationID, issuer, p.Email)
	return id
}

type identitiesAnswer struct {
	Viewer struct {
		Identities []struct {
			ID, OrganizationName, Issuer string
			Current                      bool
		}
	}
}

func (p *person) identities(t testing.TB) identitiesAnswer {
	t.Helper()
	var out identitiesAnswer
	p.do(t, `{ viewer { identities { id organizationName issuer current linkedAt } } }`, nil, &out)
	return out
}

// TestUnlinkIdentity: who has linked an identity sees it, and takes it back: what it opened ends, it opens nothing more, and
// its owner is told. Nobody else does that, nor does a session that began by it.
func TestUnlinkIdentity(t *testing.T) {
	builtProvider.path(t)
	t.Parallel()
	m := start(t, privateProviders, tenMinutes)
	owner, leo := m.someone(t, "Olivia"), m.verified(t, "Leo")
	o := owner.organization(t)
	o.join(t, leo, "MEMBER")
	issuer := m.startProvider(t, map[string]provided{"1": {Name: "leo", AMR: []string{"pwd"}}})
	o.connect(t, issuer, false)
	b := m.browser(t)
	b.signInHere(leo)
	if page := b.request(http.MethodGet, b.callback("/sso/"+o.Slug+"?link=1", "same-origin", "leo"), "cross-site", nil); page.Status != http.StatusOK {
		t.Fatalf("not linked: %d %s", page.Status, page.Body)
	}
	seen := leo.identities(t).Viewer.Identities
	if len(seen) != 1 || seen[0].Issuer != issuer || seen[0].OrganizationName != "Organization "+o.Slug || !seen[0].Current {
		t.Fatalf("Leo sees %+v", seen)
	}
	provider := m.browser(t).signedIn(o, "leo")
	provider.ask(unlinkIdentity, vars{"i": seen[0].ID}).expect(t, "FORBIDDEN", "a session that began by it")
	if a := provider.ask(`{ viewer { identities { id } twoFactorResets { id } } }`, nil); string(a.Data) != `{"viewer":{"identities":null,"twoFactorResets":null}}` {
		t.Errorf("a session that began by it sees %s", a.Data)
	}
	owner.refused(t, "NOT_FOUND", unlinkIdentity, vars{"i": seen[0].ID})
	m.stale(t)
	leo.refused(t, "STEP_UP_REQUIRED", unlinkIdentity, vars{"i": seen[0].ID})
	leo.do(t, confirmIdentity, vars{"i": vars{"password": leo.Password}}, nil)
	leo.do(t, unlinkIdentity, vars{"i": seen[0].ID}, nil)
	if a := provider.ask(whoami, nil); string(a.Data) != `{"viewer":null}` {
		t.Errorf("the session that began by it sees %s", a.Data)
	}
	if left := leo.identities(t).Viewer.Identities; len(left) != 0 {
		t.Errorf("Leo still sees %+v", left)
	}
	m.notMe(t, leo.Email, "Unlinked the account from an identity of the provider of Organization "+o.Slug)
	if got := m.find(t, `SELECT actor_label || ' ' || message FROM audit_entries WHERE action = 'member.unlink-sso'`); got != leo.label()+" "+leo.label()+" no longer signs in through the provider "+issuer {
		t.Errorf("the organization's log says %q", got)
	}
	m.browser(t).signedIn(o, "leo") // somebody new
	if n := m.find(t, `SELECT count(*)::text FROM identities i JOIN users u ON u.id = i.user_id WHERE u.email = $1`, leo.Email); n != "0" {
		t.Error("the provider signs in to Leo's account again")
	}
}

// Who signs in at the provider alone keeps it: a password without an address opens nothing, and a security key is a way in
// only once it has been one.
func TestUnlinkLeavesAWayIn(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner, leo := m.someone(t, "Olivia"), m.verified(t, "Leo")
	o := owner.organization(t)
	o.join(t, leo, "MEMBER")
	key := leo.addKey(t)
	linked := leo.linkTo(t, o.ID, "https://login.example.com")
	m.exec(t, `UPDATE users SET email = NULL, email_verified_at = NULL WHERE email = $1`, leo.Email)
	if got := leo.refused(t, "CONFLICT", unlinkIdentity, vars{"i": linked}); !strings.Contains(got.says(), "only") {
		t.Errorf("the refusal says %q", got.says())
	}
	token, options := m.askPasskey(t)
	m.passkey(t, token, key.get(t, options)).gave(t, "")
	leo.do(t, unlinkIdentity, vars{"i": linked}, nil)
}

// Where the provider's factor is all that somebody has, and the organization requires one, it stays.
func TestUnlinkTakesNoLastFactor(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner, leo := m.someone(t, "Olivia"), m.verified(t, "Leo")
	o := owner.organization(t)
	o.join(t, leo, "MEMBER")
	m.exec(t, `INSERT INTO sso_connections (organization_id, issuer, client_id, sealed_secret, trust_second_factor) VALUES ($1, 'https://login.example.com', 'muster', '', true)`, o.ID)
	now, former := leo.linkTo(t, o.ID, "https://login.example.com"), leo.linkTo(t, o.ID, "https://former.example.com")
	o.require(t, true)
	got := leo.refused(t, "LAST_AUTHENTICATOR", unlinkIdentity, vars{"i": now})
	if !strings.Contains(got.says(), "Organization "+o.Slug) {
		t.Errorf("the refusal says %q", got.says())
	}
	leo.do(t, unlinkIdentity, vars{"i": former}, nil)
	o.require(t, false)
	leo.do(t, unlinkIdentity, vars{"i": now}, nil)
}
