package main

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type viewerAnswer struct {
	Viewer *struct {
		ID             string
		Name           string
		Email          *string
		Authenticators []struct{ ID string }
		Sessions       []struct{ ID string }
		SecurityEvents *struct{ Nodes []struct{ ID string } }
		Memberships    []struct {
			Role         string
			Linked       *bool
			Organization struct{ Slug string }
		}
	}
}

const ssoViewer = `{ viewer { id name email authenticators { id } sessions { id } securityEvents { nodes { id } } memberships { role linked organization { slug } } } }`

// TestSingleSignOn walks through a real provider: the first sign-in makes an account and a membership, the second finds
// them, an address that the provider claims opens nothing, and the session is good for that organization only.
func TestSingleSignOn(t *testing.T) {
	builtProvider.path(t)
	t.Parallel()
	m := start(t, privateProviders)
	owner := m.signUp(t, "Olivia")
	owner.enroll(t)
	o, elsewhere := owner.organization(t), owner.organization(t)
	issuer := m.startProvider(t, map[string]provided{
		"sub-ada":   {Name: "ada", Email: "ada@corp.example", AMR: []string{"pwd"}},
		"sub-thief": {Name: "thief", Email: owner.Email, AMR: []string{"pwd", "otp"}},
	})
	o.connect(t, issuer, false)
	var shown struct {
		Organization struct {
			SSO struct {
				Issuer, SignInURL string
				TrustSecondFactor bool
			}
		}
	}
	owner.do(t, `query($s: String!) { organization(slug: $s) { sso { issuer signInURL trustSecondFactor } } }`, vars{"s": o.Slug}, &shown)
	if sso := shown.Organization.SSO; sso.Issuer != issuer || sso.SignInURL != m.App.PublicURL+"/sso/"+o.Slug || sso.TrustSecondFactor {
		t.Errorf("the settings show %+v", sso)
	}

	before := m.standings(t)
	ada := m.browser(t).signedIn(o, "ada")
	seen := &routesSeen{by: map[string]bool{}}
	seen.went(t, "/sso/callback", before, m.standings(t))
	var first, again viewerAnswer
	ada.do(ssoViewer, nil, &first)
	v := first.Viewer
	if v == nil || v.Name != "ada Provided" || v.Email != nil || len(v.Memberships) != 1 || v.Memberships[0].Organization.Slug != o.Slug ||
		v.Memberships[0].Role != "MEMBER" || v.Memberships[0].Linked == nil || !*v.Memberships[0].Linked {
		t.Fatalf("ada is %+v", v)
	}
	if v.Authenticators != nil || v.Sessions != nil || v.SecurityEvents != nil {
		t.Errorf("the provider's session sees what the account keeps: %+v", v)
	}
	m.browser(t).signedIn(o, "ada").do(ssoViewer, nil, &again)
	if again.Viewer.ID != v.ID {
		t.Errorf("a second sign-in is somebody else: %s and %s", v.ID, again.Viewer.ID)
	}

	before = m.standings(t)
	thief := m.browser(t).signedIn(o, "thief")
	seen.went(t, "/sso/callback", before, m.standings(t))
	var stolen viewerAnswer
	thief.do(ssoViewer, nil, &stolen)
	ownerID := m.find(t, `SELECT id FROM users WHERE email = $1`, owner.Email)
	if stolen.Viewer.ID == ownerID || stolen.Viewer.Email != nil || stolen.Viewer.Memberships[0].Role != "MEMBER" {
		t.Errorf("the claim of the owner's address made %+v", stolen.Viewer)
	}
	if n := m.find(t, `SELECT count(*)::text FROM identities WHERE user_id = $1`, ownerID); n != "0" {
		t.Errorf("the owner's account has got %s identities", n)
	}
	for _, by := range []string{"/sso/callback PROVIDER", "/sso/callback PROVIDER_FACTOR"} {
		if !seen.by[by] {
			t.Errorf("nobody went the route %s", by)
		}
	}
	entry := m.find(t, `SELECT message || ' ' || actor_label || ' ' || (data->>'claimed_email') || ' ' || (data->>'subject') FROM audit_entries
 WHERE organization_id = $1 AND action = 'member.join-sso' AND data->>'subject' = 'sub-ada'`, o.ID)
	if want := "became a member through the provider " + issuer + " ada Provided (through " + issuer + ") ada@corp.example sub-ada"; entry != want {
		t.Errorf("the log says %q, want %q", entry, want)
	}

	// The session of a provider × its own organization and another one: what each field and mutation answers. The thief is made a
	// manager here, and a member there behind Muster's back.
	thiefID := stolen.Viewer.ID
	m.exec(t, `UPDATE members SET role = 'OWNER' WHERE organization_id = $1 AND user_id = $2`, o.ID, thiefID)
	m.exec(t, `INSERT INTO members (id, organization_id, user_id, role, status) VALUES ('mem_00000000000000000000000001', $1, $2, 'OWNER', 'ACTIVE')`, elsewhere.ID, thiefID)
	table := []struct{ document, here, there string }{
		{`query($o: ID!) { node(id: $o) { id } }`, "", "NOT_FOUND"},
		{`query($s: String!) { organization(slug: $s) { id } }`, "", "NOT_FOUND"},
		{`query($s: String!) { organization(slug: $s) { require2FA viewer { id } teams { id } projects { id } } }`, "", "NOT_FOUND"},
		{`query($s: String!) { organization(slug: $s) { members(first: 1) { nodes { id } } } }`, "", "NOT_FOUND"},
		{`query($s: String!) { organization(slug: $s) { auditLog(first: 1) { nodes { id } } auditSequence auditLogActions } }`, "", "NOT_FOUND"},
		{`query($s: String!) { organization(slug: $s) { sso { issuer } require2FAImpact { removedCount } sweep { id } } }`, "", "NOT_FOUND"},
		{`mutation($o: ID!) { createTeam(input: {organizationId: $o, slug: "web", name: "Web"}) { team { id } } }`, "", "NOT_FOUND"},
		{`mutation($o: ID!) { updateOrganization(input: {organizationId: $o, name: "New"}) { organization { id } } }`, "", "NOT_FOUND"},
		{`mutation($o: ID!) { inviteMember(input: {organizationId: $o, email: "x@people.example", role: MEMBER, teamIds: []}) { member { id } } }`, "", "NOT_FOUND"},
		{`mutation($o: ID!) { inviteMember(input: {organizationId: $o, email: "y@people.example", role: OWNER, teamIds: []}) { member { id } } }`, "STEP_UP_REQUIRED", "NOT_FOUND"},
		{`mutation($o: ID!) { setRequire2FA(input: {organizationId: $o, required: false}) { organization { id } } }`, "STEP_UP_REQUIRED", "NOT_FOUND"},
		{`mutation($o: ID!) { connectSSO(input: {organizationId: $o, issuer: "https://x.example", clientId: "x", clientSecret: "x"}) { organization { id } } }`, "STEP_UP_REQUIRED", "NOT_FOUND"},
		{`mutation($o: ID!) { disconnectSSO(input: {organizationId: $o}) { organization { id } } }`, "STEP_UP_REQUIRED", "NOT_FOUND"},
		{`mutation { createOrganization(input: {slug: "mine", name: "Mine"}) { organization { id } } }`, "FORBIDDEN", "FORBIDDEN"},
		{`mutation { enrollTOTP(input: {}) { secret } }`, "FORBIDDEN", "FORBIDDEN"},
		{`mutation { confirmTOTP(input: {code: "123456"}) { recoveryCodes } }`, "FORBIDDEN", "FORBIDDEN"},
		{`mutation { enrollPhone(input: {number: "+4366012345678"}) { sentTo } }`, "FORBIDDEN", "FORBIDDEN"},
		{`mutation { confirmPhone(input: {code: "123456"}) { recoveryCodes } }`, "FORBIDDEN", "FORBIDDEN"},
		{`mutation { confirmIdentity(input: {password: "x"}) { freshUntil } }`, "FORBIDDEN", "FORBIDDEN"},
		{`mutation { regenerateRecoveryCodes(input: {}) { recoveryCodes } }`, "FORBIDDEN", "FORBIDDEN"},
		{`mutation { removeAuthenticator(input: {authenticatorId: "aut_x"}) { user { id } } }`, "FORBIDDEN", "FORBIDDEN"},
		{`mutation { acceptInvite(input: {token: "x"}) { nextStep } }`, "FORBIDDEN", "FORBIDDEN"},
		{`mutation { signOut(input: {everywhere: true}) { ok } }`, "FORBIDDEN", "FORBIDDEN"},
	}
	for _, row := range table {
		for _, at := range []struct {
			o    *organization
			want string
		}{{o, row.here}, {elsewhere, row.there}} {
			if a := thief.ask(row.document, vars{"o": at.o.ID, "s": at.o.Slug}); a.Code() != at.want {
				t.Errorf("%s of %s: got %q, want %q; %+v", row.document, at.o.Slug, a.Code(), at.want, a.Errors)
			}
		}
	}
	thief.do(ssoViewer, nil, &stolen)
	if len(stolen.Viewer.Memberships) != 1 || stolen.Viewer.Memberships[0].Organization.Slug != o.Slug {
		t.Errorf("the session sees the memberships %+v", stolen.Viewer.Memberships)
	}

	// An owner who can only come through the provider is none that the organization could be left to.
	owner.refused(t, "LAST_OWNER", `mutation($o: ID!) { leaveOrganization(input: {organizationId: $o}) { user { id } } }`, vars{"o": o.ID})

	// Whoever was removed by hand does not come back by signing in.
	owner.do(t, `mutation($m: ID!) { removeMember(input: {memberId: $m}) { removedMemberId } }`,
		vars{"m": m.find(t, `SELECT id FROM members WHERE organization_id = $1 AND user_id = $2`, o.ID, v.ID)}, nil)
	if p := m.browser(t).signIn(o, "ada"); p.Status != http.StatusForbidden || !strings.Contains(p.Body, "no longer a member") || !strings.Contains(p.Body, "Ask one of its owners") {
		t.Errorf("got %d %s", p.Status, p.Body)
	}

	// Without the provider there are no sessions of it.
	watch := thief.dial()
	watch.subscribe("log", auditLog, vars{"o": o.ID})
	owner.do(t, disconnectSSO, vars{"o": o.ID}, nil)
	if code := watch.closedWith(); code != 4401 {
		t.Errorf("the socket was closed with %d, want 4401", code)
	}
	if a := thief.ask(`{ viewer { id } }`, nil); string(a.Data) != `{"viewer":null}` {
		t.Errorf("the session still holds: %s", a.Data)
	}
	owner.do(t, `{ viewer { id } }`, nil, nil)
	if p := thief.get(thief.base + "/sso/" + o.Slug); p.Status != http.StatusNotFound {
		t.Errorf("the sign-in is still there: %d", p.Status)
	}
	if log := m.Log.String(); strings.Contains(log, "canary") || strings.Contains(log, "code=") {
		t.Error("the log holds a secret")
	}
}

// TestTrustedProviderBesideTheRequirement: linked members are kept by the sweep and get in by the provider's factor, others
// as usual; while the requirement is on the provider and the trust stay.
func TestTrustedProviderBesideTheRequirement(t *testing.T) {
	builtProvider.path(t)
	t.Parallel()
	m := start(t, privateProviders)
	owner, leo, noa, max := m.signUp(t, "Olivia"), m.signUp(t, "Leo"), m.signUp(t, "Noa"), m.signUp(t, "Max")
	owner.enroll(t)
	max.enroll(t)
	o := owner.organization(t)
	for p, role := range map[*person]string{leo: "MEMBER", noa: "MEMBER", max: "MANAGER"} {
		o.join(t, p, role)
	}
	issuer := m.startProvider(t, map[string]provided{
		"1": {Name: "leo", AMR: []string{"pwd", "otp"}}, "2": {Name: "max", AMR: []string{"pwd"}}, "3": {Name: "pia", AMR: []string{"pwd"}}, "4": {Name: "quinn", AMR: []string{"hwk", "fpt"}},
	})
	o.connect(t, issuer, false)
	link := func(p *person, name string) page {
		b := m.browser(t)
		b.signInHere(p)
		return b.request(http.MethodGet, b.callback("/sso/"+o.Slug+"?link=1", "same-origin", name), "cross-site", nil)
	}
	for p, name := range map[*person]string{leo: "leo", max: "max"} {
		if page := link(p, name); page.Status != http.StatusOK || !strings.Contains(page.Body, "Your account is linked") {
			t.Fatalf("%s was not linked: %d %s", name, page.Status, page.Body)
		}
	}
	if p := link(noa, "leo"); p.Status != http.StatusBadRequest || !strings.Contains(p.Body, "Another member") {
		t.Errorf("an identity was linked twice: %d %s", p.Status, p.Body)
	}
	m.browser(t).signedIn(o, "pia")
	m.browser(t).signedIn(o, "quinn")

	const impact = `query($s: String!) { organization(slug: $s) { require2FAImpact { removedCount compliantCount unmailableCount ownersRemovedCount members { nodes { name } } } } }`
	type counts struct {
		RemovedCount, CompliantCount, UnmailableCount, OwnersRemovedCount int
		Members                                                           struct{ Nodes []struct{ Name string } }
	}
	ask := func() counts {
		var out struct {
			Organization struct{ Require2FAImpact counts }
		}
		owner.do(t, impact, vars{"s": o.Slug}, &out)
		return out.Organization.Require2FAImpact
	}
	// Olivia and Max have factors. Leo and Noa have none; Pia and Quinn have no address either.
	if got := ask(); got.RemovedCount != 2 || got.CompliantCount != 2 || got.UnmailableCount != 2 {
		t.Errorf("untrusted: %+v", got)
	}
	owner.refused(t, "SSO_ENABLED", requireQuery, o.vars(true))
	o.connect(t, issuer, true)
	// Leo, Pia and Quinn are linked: only Noa is left to remove.
	if got := ask(); got.RemovedCount != 1 || got.CompliantCount != 5 || got.UnmailableCount != 0 || len(got.Members.Nodes) != 1 || got.Members.Nodes[0].Name != "Noa" {
		t.Errorf("trusted: %+v", got)
	}
	o.require(t, true)
	if got := ask(); got.RemovedCount != 0 || got.CompliantCount != 5 {
		t.Errorf("after the sweep: %+v", got)
	}
	statuses := m.find(t, `SELECT string_agg(u.name || ' ' || m.status, ', ' ORDER BY u.name) FROM members m JOIN users u ON u.id = m.user_id WHERE m.organization_id = $1`, o.ID)
	if want := "Leo ACTIVE, Max ACTIVE, Noa REMOVED_FOR_2FA, Olivia ACTIVE, pia Provided ACTIVE, quinn Provided ACTIVE"; statuses != want {
		t.Errorf("got %s, want %s", statuses, want)
	}
	var rows struct {
		Organization struct {
			Members struct {
				Nodes []struct {
					Name             string
					TwoFactor        string
					MeetsRequirement *bool
				}
			}
		}
	}
	owner.do(t, `query($s: String!) { organization(slug: $s) { members { nodes { name twoFactor meetsRequirement } } } }`, vars{"s": o.Slug}, &rows)
	for _, row := range rows.Organization.Members.Nodes {
		if row.MeetsRequirement == nil || *row.MeetsRequirement != (row.Name != "Noa") {
			t.Errorf("whether %s meets the requirement: %+v", row.Name, row)
		}
	}
	const see = `query($s: String!) { organization(slug: $s) { teams { id } } }`
	leo.refused(t, "STEP_UP_REQUIRED", see, vars{"s": o.Slug})
	noa.refused(t, "TWO_FACTOR_REQUIRED", see, vars{"s": o.Slug})
	max.do(t, see, vars{"s": o.Slug}, nil)
	for name, want := range map[string]string{"leo": "", "max": "STEP_UP_REQUIRED", "pia": "STEP_UP_REQUIRED", "quinn": ""} {
		a := m.browser(t).signedIn(o, name).ask(see, vars{"s": o.Slug})
		if a.Code() != want || want != "" && !strings.Contains(a.Errors[0].Message, "Sign in through your provider with its second factor") {
			t.Errorf("%s at the provider: got %q, want %q; %+v", name, a.Code(), want, a.Errors)
		}
	}
	owner.refused(t, "REQUIREMENT_ON", disconnectSSO, vars{"o": o.ID})
	owner.refused(t, "REQUIREMENT_ON", connectSSO, connection(o, issuer, false))
	owner.refused(t, "REQUIREMENT_ON", connectSSO, connection(o, "https://login.example.com", true))
	o.connect(t, issuer, true)
	o.require(t, false)
	owner.do(t, disconnectSSO, vars{"o": o.ID}, nil)

	want := []string{"member.link-sso", "member.link-sso", "member.join-sso", "member.join-sso", "sso.enable", "org.edit", "member.pending", "sso.enable", "org.edit", "sso.disable"}
	got := m.back(t).actions(t, o)
	if diff := cmp.Diff(want, got[len(got)-len(want):]); diff != "" {
		t.Errorf("the log (-want +got):\n%s", diff)
	}
	if titles := m.mails(leo.Email); len(titles) == 0 {
		t.Error("Leo was not told of the link")
	}
}

// TestCallbacks: a callback is for the browser that was sent away, once, for ten minutes.
func TestCallbacks(t *testing.T) {
	builtProvider.path(t)
	t.Parallel()
	m := start(t, privateProviders)
	owner := m.signUp(t, "Olivia")
	o, bare := owner.organization(t), owner.organization(t)
	issuer := m.startProvider(t, map[string]provided{"1": {Name: "ada", AMR: []string{"pwd"}}})
	o.connect(t, issuer, false)
	sessions := func() string {
		return m.find(t, `SELECT count(*)::text FROM sessions WHERE organization_id = $1`, o.ID)
	}
	refused := func(b *browser, address, what string) {
		t.Helper()
		before := sessions()
		if p := b.get(address); p.Status != http.StatusBadRequest || !strings.Contains(p.Body, "Begin again") || p.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s: got %d %s", what, p.Status, p.Body)
		}
		if after := sessions(); after != before {
			t.Errorf("%s: %s sessions, then %s", what, before, after)
		}
	}

	b := m.browser(t)
	back := b.callback("/sso/"+o.Slug, "none", "ada")
	refused(m.browser(t), back, "a browser that was not sent away (login CSRF)")
	other := m.browser(t)
	other.get(other.base + "/sso/" + o.Slug)
	refused(other, back, "a browser that was sent away for another attempt")
	refused(b, b.base+"/sso/callback?code=x&state=", "no state")
	refused(b, b.base+"/sso/callback?code=x&state=unknown", "a state that nobody has given out")
	refused(b, b.base+"/sso/callback", "nothing at all")

	// Two at once, with one state and one code: one session.
	results := make(chan page, 8)
	var group sync.WaitGroup
	for range cap(results) {
		group.Go(func() {
			r, err := http.NewRequest(http.MethodGet, back, nil)
			if err != nil {
				t.Error(err)
				return
			}
			p, err := b.send(r)
			if err != nil {
				t.Error(err)
			}
			results <- p
		})
	}
	group.Wait()
	close(results)
	in := 0
	for p := range results {
		if p.Status == http.StatusSeeOther {
			in++
		}
	}
	if in != 1 || sessions() != "1" {
		t.Errorf("%d callbacks of 8 with one state got in, with %s sessions", in, sessions())
	}
	refused(b, back, "a callback that was used")

	late := m.browser(t)
	back = late.callback("/sso/"+o.Slug, "none", "ada")
	m.clock.Advance(10 * time.Minute)
	refused(late, back, "a callback after ten minutes")

	wrong := m.browser(t)
	back = wrong.callback("/sso/"+o.Slug, "none", "ada")
	mixed, err := url.Parse(back)
	if err != nil {
		t.Fatal(err)
	}
	q := mixed.Query()
	q.Set("iss", "https://login.example.com")
	mixed.RawQuery = q.Encode()
	refused(wrong, mixed.String(), "a callback that names another issuer (RFC 9207)")
	refused(wrong, back, "the same attempt afterwards")
	back = wrong.callback("/sso/"+o.Slug, "none", "ada")
	refused(wrong, back+"&error=access_denied&error_description=%3Cscript%3E", "a callback with an error")

	// Another provider takes the place of the one that was asked.
	moved := m.browser(t)
	back = moved.callback("/sso/"+o.Slug, "none", "ada")
	o.connect(t, m.startProvider(t, map[string]provided{"1": {Name: "ada"}}), false)
	refused(moved, back, "a callback of a provider that is no longer connected")
	if n := m.find(t, `SELECT count(*)::text FROM sessions WHERE organization_id = $1 AND ended_at IS NULL`, o.ID); n != "0" {
		t.Errorf("%s sessions of the earlier provider still hold", n)
	}
	var before, after viewerAnswer
	b.do(ssoViewer, nil, &before)
	m.browser(t).signedIn(o, "ada").do(ssoViewer, nil, &after)
	if id := m.find(t, `SELECT user_id FROM identities WHERE issuer = $1`, issuer); before.Viewer != nil || after.Viewer.ID == id {
		t.Error("the same subject of another issuer is taken for the same person")
	}

	// What begins a sign-in from elsewhere is asked first; strangers learn nothing.
	for _, from := range []string{"cross-site", "same-site"} {
		if p := m.browser(t).request(http.MethodGet, b.base+"/sso/"+o.Slug, from, nil); p.Status != http.StatusOK || p.Header.Get("Set-Cookie") != "" || !strings.Contains(p.Body, `href="/sso/`+o.Slug+`"`) {
			t.Errorf("%s: got %d %s", from, p.Status, p.Body)
		}
	}
	for _, from := range []string{"cross-site", "none", ""} {
		if p := m.browser(t).request(http.MethodGet, b.base+"/sso/"+o.Slug+"?link=1", from, nil); p.Status != http.StatusOK || p.To != "" || !strings.Contains(p.Body, "Link your account") {
			t.Errorf("a link from %q: got %d %s", from, p.Status, p.Body)
		}
	}
	if p := m.browser(t).request(http.MethodGet, b.base+"/sso/"+o.Slug+"?link=1", "same-origin", nil); p.Status != http.StatusUnauthorized {
		t.Errorf("nobody may link: got %d", p.Status)
	}
	same := m.browser(t).get(b.base + "/sso/" + bare.Slug)
	unknown := m.browser(t).get(b.base + "/sso/no-such-organization")
	if same.Status != http.StatusNotFound || same.Body != unknown.Body || same.Status != unknown.Status {
		t.Errorf("an organization without a provider and one that is none differ: %+v, %+v", same, unknown)
	}
	if p := m.browser(t).request(http.MethodHead, b.base+"/sso/"+o.Slug, "none", nil); p.To != "" || p.Header.Get("Set-Cookie") != "" {
		t.Errorf("HEAD began a sign-in: %+v", p)
	}
}

// TestSSOPages: they run nothing and load nothing, and their style is the one that their policy names.
func TestSSOPages(t *testing.T) {
	t.Parallel()
	b := start(t).browser(t)
	for _, p := range []page{
		b.request(http.MethodGet, b.base+"/sso/acme", "cross-site", nil), b.get(b.base + "/sso/acme"), b.get(b.base + "/sso/callback?error=%3Cscript%3E&state=x"),
		b.request(http.MethodGet, b.base+"/sso/%3Cscript%3E%22", "cross-site", nil),
	} {
		_, rest, _ := strings.Cut(p.Body, "<style>")
		style, _, _ := strings.Cut(rest, "</style>")
		sum := sha256.Sum256([]byte(style))
		want := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "';"
		if policy := p.Header.Get("Content-Security-Policy"); style == "" || !strings.HasPrefix(policy, want) {
			t.Errorf("the policy is %s, want %s", policy, want)
		}
		if strings.Contains(p.Body, "<script") || p.Header.Get("Cache-Control") != "no-store" || p.Header.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("got %s %v", p.Body, p.Header)
		}
	}
}

// TestLinkIsForOneSession: whom the provider names is linked to the session that asked in that browser, and to no other.
func TestLinkIsForOneSession(t *testing.T) {
	builtProvider.path(t)
	t.Parallel()
	m := start(t, privateProviders)
	owner, mia, eve := m.signUp(t, "Olivia"), m.signUp(t, "Mia"), m.signUp(t, "Eve")
	o := owner.organization(t)
	o.join(t, mia, "MEMBER")
	o.join(t, eve, "MEMBER")
	o.connect(t, m.startProvider(t, map[string]provided{"1": {Name: "mia"}}), false)
	b := m.browser(t)
	b.signInHere(eve)
	back := b.callback("/sso/"+o.Slug+"?link=1", "same-origin", "mia")
	b.signInHere(mia) // another account has signed in to this browser meanwhile
	if p := b.get(back); p.Status != http.StatusBadRequest {
		t.Errorf("got %d %s", p.Status, p.Body)
	}
	if n := m.find(t, `SELECT count(*)::text FROM identities`); n != "0" {
		t.Errorf("%s identities were linked", n)
	}
	stranger := m.signUp(t, "Sam")
	s := m.browser(t)
	s.signInHere(stranger)
	if p := s.request(http.MethodGet, s.base+"/sso/"+o.Slug+"?link=1", "same-origin", nil); p.Status != http.StatusNotFound {
		t.Errorf("a stranger begins to link: %d", p.Status)
	}
}

// TestSSOFailsClosed: where the log cannot be written there is no account, no membership, no link and no session.
func TestSSOFailsClosed(t *testing.T) {
	builtProvider.path(t)
	t.Parallel()
	m := start(t, privateProviders)
	owner := m.signUp(t, "Olivia")
	o := owner.organization(t)
	o.connect(t, m.startProvider(t, map[string]provided{"1": {Name: "ada"}}), false)
	counts := func() string {
		return m.find(t, `SELECT concat_ws(' ', (SELECT count(*) FROM users), (SELECT count(*) FROM members), (SELECT count(*) FROM identities),
 (SELECT count(*) FROM sessions), (SELECT count(*) FROM security_events), (SELECT count(*) FROM audit_entries))`)
	}
	before := counts()
	for _, log := range []struct{ table, action string }{{"audit_entries", "member.join-sso"}, {"security_events", "user.sign-up"}, {"security_events", "user.sign-in"}} {
		m.exec(t, fmt.Sprintf(`ALTER TABLE %s ADD CONSTRAINT closed CHECK (action <> '%s') NOT VALID`, log.table, log.action))
		if p := m.browser(t).signIn(o, "ada"); p.Status != http.StatusInternalServerError || p.Header.Get("Set-Cookie") != "" || strings.Contains(p.Body, log.action) {
			t.Errorf("%s cannot be written: got %d %s", log.action, p.Status, p.Body)
		}
		if after := counts(); after != before {
			t.Errorf("%s cannot be written: %s became %s", log.action, before, after)
		}
		m.exec(t, fmt.Sprintf(`ALTER TABLE %s DROP CONSTRAINT closed`, log.table))
	}
	m.browser(t).signedIn(o, "ada")
}

// TestSSOBudget: a network begins and finishes three hundred sign-ins in a quarter of an hour, and is told when to go on.
func TestSSOBudget(t *testing.T) {
	t.Parallel()
	m := start(t)
	b := m.browser(t)
	for i := range 300 {
		path := "/sso/no-such-organization"
		if i%2 == 1 {
			path = "/sso/callback?state=x&code=x"
		}
		if p := b.get(b.base + path); p.Status == http.StatusTooManyRequests {
			t.Fatalf("the %dth was refused", i+1)
		}
	}
	p := b.get(b.base + "/sso/no-such-organization")
	if wait := p.Header.Get("Retry-After"); p.Status != http.StatusTooManyRequests || wait == "" || wait == "0" {
		t.Errorf("got %d, Retry-After %q", p.Status, wait)
	}
}
