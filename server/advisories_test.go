package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// advisories are the ways in which others' sign-in has been broken in the last two years, each with the tests that show that
// Muster's is not broken so. A test is "folder Name"; one that is not there fails.
var advisories = []struct {
	class string
	known string // where it was seen
	tests []string
}{
	{
		"a code is used again in another spelling, and its spelling is what is counted", "CVE-2025-6014, CVE-2025-6015, CVE-2025-55000, CVE-2025-55003 (Vault, OpenBao)",
		[]string{"server TestSpellingsOfACode", "secret TestOneCodeHasOneSpelling", "secret FuzzCheckTOTP"},
	},
	{
		"a code is taken twice by requests at once", "CVE-2026-20779 (Gitea), OwnPay #145",
		[]string{"server TestRaceOfOneCode", "server TestRaceOfOneChallenge", "server TestRaceOfOneRecoveryCode"},
	},
	{
		"a code is taken again in its time step, or when a clock is set back", "CVE-2026-33473 (Vikunja), CVE-2026-61630 (nginx-ignition), zitadel #6452, pquerna/otp #112",
		[]string{"server TestSecondFactor", "server TestClockSetBack", "secret TestCheckTOTPAnswersTheLaterOfTwoSteps"},
	},
	{"somebody's recovery code opens another's account", "CVE-2025-64175 (Gogs)", []string{"server TestRecoveryCodes", "server TestSecondFactor"}},
	{
		"codes can be guessed without end", "CVE-2024-32868, CVE-2025-64102 (Zitadel)",
		[]string{"server TestGuessBudget", "server TestGuessesHoweverSent", "server TestGuessesByAlias", "server TestHundredWrongCodes"},
	},
	{"a count of guesses is rolled back with the failed sign-in", "CVE-2026-35597 (Vikunja)", []string{"server TestCountOutlivesFailure", "server TestGuessOfADeadRequest"}},
	{
		"a security key that was copied goes on working, since the library only notes that its counter went backwards", "WebAuthn level 3 section 6.1.1, go-webauthn CloneWarning",
		[]string{"server TestKeyCounter"},
	},
	{
		"a security key's answer is taken twice, from another page, or for another request", "WebAuthn level 3 section 7.2",
		[]string{"server TestKeyChallenges", "server TestKeyRefusals"},
	},
	{"a session that somebody planted is raised past the second factor", "CVE-2024-28197 (Zitadel)", []string{"server TestFixation", "server TestCookies"}},
	{
		"another way in asks for no second factor", "CVE-2026-33315, CVE-2026-34727, CVE-2026-32246; CVE-2025-55070 (Mattermost: the WebSocket)",
		[]string{"server TestSessionsHaveOneDoor", "server TestNothingHappensUnlogged", "server TestAuthorization", "server/transport TestAuthorization"},
	},
	{"a weak proof is taken for a strong one", "GO-2026-6117 (Pocket ID)", []string{"server TestStepUp", "server TestOwnersAreChangedByFreshSessions", "org TestFresh"}},
	{"an invitation is accepted for another address", "CVE-2026-34389 (Fleet)", []string{"server TestSignUpWithALink", "server TestDeadLinks", "org TestLinkBelongsTo"}},
	{
		"an invitation is used twice, or deleted by another organization", "CVE-2025-13324 (Mattermost), CVE-2024-10452 (Grafana)",
		[]string{"server TestRaceOfOneInvitation", "server TestRaceOfOneLink", "server TestIDsCrossNoBorder"},
	},
	{"an invitation lives longer than it says", "CVE-2025-64708 (authentik)", []string{"server TestLinksEndToTheSecond", "server TestWindowOver"}},
	{"secrets stand in the audit log or another one", "CVE-2025-62513, CVE-2025-62705 (OpenBao), GO-2026-4876 (Harbor)", []string{"server TestNoSecretLeaves", "server/web TestAccessLogTellsTheRequestAndNoSecret"}},
	{
		"the answer, or what it costs, tells whether there is an account", "CVE-2026-23849, CVE-2026-40263, GO-2026-4820",
		[]string{"server TestSignInTellsNothing", "server TestNothingTellsWhoHasAnAccount", "secret TestVerifyOfAnAbsentAccountCostsTheSame"},
	},
	{"an address is made up in a header that anybody sends", "CVE-2026-24000, CVE-2026-46356 (Fleet)", []string{"server/web TestClientAddress", "server/web FuzzClientAddress", "server/web TestClientIPComesFromTrustedProxies"}},
	{"a page of another site opens a socket with the cookie", "GO-2025-3874, -4310, -4709, -5181, -5210, -5449", []string{"server/transport TestOriginIsAlwaysAsked", "server/web TestOriginRules", "server TestCookies"}},
	{"whoever lost access goes on watching", "GO-2026-5598, Hasura #3602", []string{"server TestAccessLostWhileWatching", "server TestAccessIsCutAtTheCommit", "server TestSessionEndsWhileWatching"}},
	{
		"an API token does more than its scopes say", "CVE-2026-28699 (Gitea), CVE-2026-21621 (hex.pm)",
		[]string{"server TestScopesOfReads", "server TestTokensStayWhereTheyBelong", "server TestTokensThatAreNone", "server TestPersonalTokenFollowsItsOwner"},
	},
	{
		"an address that a provider claims opens the account that has it", "GHSA-6g38-8j4p-j3pr (Nhost)",
		[]string{"server TestLyingProvider", "server TestSingleSignOn", "server TestLinkIsForOneSession"},
	},
	{
		"a callback is finished in another browser than began it", "CVE-2025-68158 (Authlib)",
		[]string{"server TestCallbacks", "server TestOneStateOneSession"},
	},
	{
		"the link to a new password goes to an address that is not proved the account's", "CVE-2023-7028 (GitLab)",
		[]string{"server TestPasswordReset", "server TestResetOfAClaimedAddress", "server TestResetLinks"},
	},
	{"a short document takes minutes to validate", "CVE-2023-26144, graphql-js #3955", []string{"server/transport TestHostileDocumentsAreNotValidated", "server TestLargeRequestsCostLittle", "server TestCop"}},
	{"a name writes headers of a mail", "CWE-93", []string{"mail FuzzMessage", "server TestSignUpRules"}},
}

// TestAdvisories holds the list against the tests that there are.
func TestAdvisories(t *testing.T) {
	t.Parallel()
	there := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == "node_modules" || strings.HasPrefix(entry.Name(), ".") && entry.Name() != "..") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		folder, err := filepath.Rel("..", filepath.Dir(path))
		for _, declared := range file.Decls {
			if fn, ok := declared.(*ast.FuncDecl); ok && fn.Recv == nil {
				there[filepath.ToSlash(folder)+" "+fn.Name.Name] = true
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range advisories {
		if len(a.tests) == 0 || a.known == "" {
			t.Errorf("%s: nothing shows it", a.class)
		}
		for _, test := range a.tests {
			if !there[test] {
				t.Errorf("%s (%s): there is no %s", a.class, a.known, test)
			}
		}
	}
}

// A clock that is set back by a minute makes no used code good again.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	m := start(t)
	b := m.back(t)
	p := m.signUp(t, "Clea")
	p.enroll(t)
	// As the codes of two steps that followed each other.
	first := p.code()
	challenge, _ := p.challenge(t)
	m.verify(t, challenge, first).expect(t, "", "a code")
	second := p.code()
	challenge, _ = p.challenge(t)
	m.verify(t, challenge, second).expect(t, "", "the next one")
	for _, back := range []time.Duration{30 * time.Second, 60 * time.Second, 90 * time.Second} {
		m.clock.Advance(-back)
		for _, code := range []string{first, second, p.now()} {
			b.forget(t)
			challenge, _ := p.challenge(t)
			m.verify(t, challenge, code).expect(t, "INVALID_CODE", "a code of before, the clock "+back.String()+" back")
		}
		m.clock.Advance(back)
	}
	b.forget(t)
	challenge, _ = p.challenge(t)
	m.verify(t, challenge, p.code()).expect(t, "", "a new code, when the clock is right again")
}

// A link lives as long as it says, seven days for an invitation, and not a second longer.
func TestLinksEndToTheSecond(t *testing.T) {
	t.Parallel()
	m := start(t)
	b := m.back(t)
	owner := m.signUp(t, "Oona")
	o := owner.organization(t)
	p := m.signUp(t, "Ivo")
	id := o.invite(t, owner, p.Email, "MEMBER")
	token := m.link(t, p.Email, "Join ")
	if life := value[float64](t, b, `SELECT extract(epoch FROM expires_at - created_at)::float8 FROM invitations WHERE member_id = $1`, id); life < 7*86400-1 || life > 7*86400+1 {
		t.Errorf("an invitation lives %.1f s, want 604800", life)
	}
	b.run(t, `UPDATE invitations SET expires_at = clock_timestamp() - interval '1 second' WHERE member_id = $1`, id)
	p.refused(t, "INVALID_LINK", acceptInvite, vars{"t": token})
	if m.invitation(t, p.Token, token) != nil {
		t.Error("a link is shown a second after its end")
	}
	// Long enough for the answer to come in time on a busy machine.
	b.run(t, `UPDATE invitations SET expires_at = clock_timestamp() + interval '20 seconds' WHERE member_id = $1`, id)
	p.do(t, acceptInvite, vars{"t": token}, nil)
}
