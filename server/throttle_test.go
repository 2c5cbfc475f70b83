package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// limitNames are the budgets that package app declares, by the name that their keys begin with.
func limitNames(t *testing.T) []string {
	t.Helper()
	sources, err := filepath.Glob("../app/*.go")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, source := range sources {
		if strings.HasSuffix(source, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), source, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			literal, ok := n.(*ast.CompositeLit)
			if !ok {
				return true
			}
			if kind, ok := literal.Type.(*ast.Ident); ok && kind.Name == "limit" && len(literal.Elts) > 0 {
				text := literal.Elts[0]
				if pair, ok := text.(*ast.KeyValueExpr); ok {
					text = pair.Value
				}
				name, err := strconv.Unquote(text.(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				names = append(names, name)
			}
			return true
		})
	}
	return names
}

// silentLimits refuse nobody: what they count is not done, and the answer is the one that it would have been.
var silentLimits = map[string]string{
	"password-warning": "one mail a day is enough (TestGuessesFromEverywhere)",
	"afresh":           "the password is set all the same (TestResetGivesGuessesAfresh)",
	"warning":          "one mail of many guesses is enough (TestGuessesWarnTheOwner)",
	"reset-mail":       "whether an address has an account is told by no budget (app/password.go)",
	"sso-join":         "it takes a provider to get there, and has a test of its own beside it",
	"unproved-mail":    "the mails are not sent, the changes are made (app.TestMailToAnUnprovedAddressIsBounded)",
	"unproved-notice":  "the mails are not sent (app.TestNoticesToAnUnprovedAddressAreBounded)",
	"change-email-to":  "strangers' wishes keep nobody from an address (app.TestMailsOfAWishedAddressAreBounded)",
	"mailbox-proof":    "the answer says that a link was mailed, which it was a moment ago (TestProofIsMailedAgain)",
}

// limitedCalls reach each budget: the same call again and again, by whoever is counted.
var limitedCalls = map[string]func(t *testing.T, m *muster) call{
	"guess": func(t *testing.T, m *muster) call {
		p := m.someone(t, "Lou")
		return call{Query: verifyQuery, Vars: vars{"i": vars{"challengeToken": p.challenged(t), "code": p.wrong()}}}
	},
	"recovery": func(t *testing.T, m *muster) call {
		return call{Query: verifyQuery, Vars: vars{"i": vars{"challengeToken": m.someone(t, "Lou").challenged(t), "code": "aaaaa-aaaaa-aaaaa-aaaaa-aaaaaa"}}}
	},
	"password": func(t *testing.T, m *muster) call {
		return call{Query: signInQuery, Vars: vars{"i": vars{"email": m.signUp(t, "Lou").Email, "password": "wrong"}}}
	},
	"password-known": func(t *testing.T, m *muster) call {
		p := m.signUp(t, "Lou")
		in := m.call(t, call{Query: signInQuery, Origin: m.URL, Vars: vars{"i": vars{"email": p.Email, "password": p.Password}}})
		for _, cookie := range in.Cookies {
			if cookie.Name == "muster-device" {
				wrong := call{Query: signInQuery, Cookie: "muster-device=" + cookie.Value, Vars: vars{"i": vars{"email": p.Email, "password": "wrong"}}}
				m.call(t, wrong)
				m.usedUp(t, "password")
				return wrong
			}
		}
		t.Fatal("no device cookie")
		return call{}
	},
	"password-network": func(*testing.T, *muster) call {
		return call{Query: signInQuery, Vars: vars{"i": vars{"email": newAddress(), "password": "wrong"}}}
	},
	"password-account": func(*testing.T, *muster) call {
		return call{Query: signInQuery, Vars: vars{"i": vars{"email": newAddress(), "password": "wrong"}}}
	},
	"sign-in": func(t *testing.T, m *muster) call {
		p := m.signUp(t, "Lou")
		return call{Query: signInQuery, Vars: vars{"i": vars{"email": p.Email, "password": p.Password}}}
	},
	"sign-in-account": func(t *testing.T, m *muster) call {
		p := m.someone(t, "Lou")
		return call{Query: signInQuery, Agent: "Another", Vars: vars{"i": vars{"email": p.Email, "password": p.Password}}}
	},
	"sign-up": func(*testing.T, *muster) call {
		return call{Query: signUpQuery, Vars: vars{"i": vars{"email": newAddress(), "name": "Lou", "password": "a long password"}}}
	},
	"sign-up-proved": func(t *testing.T, m *muster) call {
		owner, o := m.owner(t)
		email := newAddress()
		o.invite(t, owner, email, "MEMBER")
		invited := vars{"email": email, "name": "Lou", "password": "a long password", "inviteToken": m.link(t, email, "Join")}
		return call{Query: signUpQuery, Vars: vars{"i": invited}}
	},
	"email-taken": func(t *testing.T, m *muster) call {
		return call{Query: signUpQuery, Vars: vars{"i": vars{"email": m.signUp(t, "Lou").Email, "name": "Lou", "password": "a long password"}}}
	},
	"text": func(t *testing.T, m *muster) call {
		p := m.someone(t, "Lou")
		p.addPhone(t)
		return call{Query: `mutation { sendSecondFactorCode(input: {}) { sentTo } }`, Token: p.Token}
	},
	"text-network": func(t *testing.T, m *muster) call {
		p := m.someone(t, "Lou")
		p.addPhone(t)
		return call{Query: `mutation { sendSecondFactorCode(input: {}) { sentTo } }`, Token: p.Token}
	},
	"enroll": func(t *testing.T, m *muster) call { return call{Query: enrollTOTP, Token: m.signUp(t, "Lou").Token} },
	"key": func(t *testing.T, m *muster) call {
		p := m.signUp(t, "Lou")
		p.addKey(t)
		return call{Query: askKey, Vars: vars{"c": p.challenged(t)}}
	},
	"key-answer": func(t *testing.T, m *muster) call {
		p := m.signUp(t, "Lou")
		p.addKey(t)
		return call{Query: verifyQuery, Vars: vars{"i": vars{"challengeToken": p.challenged(t), "credential": vars{}}}}
	},
	"confirm": func(t *testing.T, m *muster) call {
		p := m.signUp(t, "Lou")
		p.do(t, enrollTOTP, nil, nil)
		return call{Query: confirmTOTP, Token: p.Token, Vars: vars{"c": "000000"}}
	},
	"passkey": func(*testing.T, *muster) call { return call{Query: askPasskey} },
	"passkey-guess": func(*testing.T, *muster) call {
		return call{Query: passkeyQuery, Vars: vars{"i": vars{"challengeToken": "nothing", "credential": vars{}}}}
	},
	"invite-address": func(t *testing.T, m *muster) call {
		owner, o := m.owner(t)
		return call{Query: resendInvite, Token: owner.Token, Vars: vars{"i": vars{"memberId": o.invite(t, owner, newAddress(), "MEMBER")}}}
	},
	"mail-address": func(t *testing.T, m *muster) call {
		owner := m.verified(t, "Lou")
		o := owner.organization(t)
		return call{Query: resendInvite, Token: owner.Token, Vars: vars{"i": vars{"memberId": o.invite(t, owner, newAddress(), "MEMBER")}}}
	},
	"mail-address-unproved": func(t *testing.T, m *muster) call {
		owner, o := m.owner(t)
		return call{Query: resendInvite, Token: owner.Token, Vars: vars{"i": vars{"memberId": o.invite(t, owner, newAddress(), "MEMBER")}}}
	},
	"inviter": func(t *testing.T, m *muster) call {
		owner, o := m.owner(t)
		return call{Query: resendInvite, Token: owner.Token, Vars: vars{"i": vars{"memberId": o.invite(t, owner, newAddress(), "MEMBER")}}}
	},
	"reset": func(*testing.T, *muster) call {
		return call{Query: requestReset, Vars: vars{"i": vars{"email": newAddress()}}}
	},
	"reset-known": func(t *testing.T, m *muster) call {
		p := m.signUp(t, "Lou")
		home := &visitor{m: m, agent: "Own"}
		home.signIn(t, p.Email, p.Password).expect(t, "", "in the own browser")
		return call{Query: requestReset, Origin: m.URL, Cookie: "muster-device=" + home.device, Vars: vars{"i": vars{"email": p.Email}}}
	},
	"reset-network": func(*testing.T, *muster) call {
		return call{Query: requestReset, Vars: vars{"i": vars{"email": newAddress()}}}
	},
	"verify": func(t *testing.T, m *muster) call {
		return call{Query: `mutation { requestEmailVerification(input: {}) { __typename } }`, Token: m.signUp(t, "Lou").Token}
	},
	"change-email": func(t *testing.T, m *muster) call {
		return call{Query: changeEmail, Token: m.someone(t, "Lou").Token, Vars: vars{"e": newAddress()}}
	},
	"2fa-reset": func(t *testing.T, m *muster) call {
		x := m.tenants(t)
		return call{Query: resetMember, Token: x.mallory.Token, Vars: vars{"m": x.oliviaTheirs, "r": lost}}
	},
	"alert-mail": func(t *testing.T, m *muster) call {
		p := m.verified(t, "Lou")
		p.enroll(t)
		return call{
			Query: `mutation($a: ID!) { renameAuthenticator(input: {authenticatorId: $a, name: "Old"}) { authenticator { id } } }`, Token: p.Token,
			Vars: vars{"a": p.authenticator(t)},
		}
	},
	"not-me": func(*testing.T, *muster) call {
		return call{Query: `mutation { reportNotMe(input: {token: "nothing"}) { __typename } }`}
	},
	"invite": func(t *testing.T, m *muster) call {
		owner, o := m.owner(t)
		return call{Query: resendInvite, Token: owner.Token, Vars: vars{"i": vars{"memberId": o.invite(t, owner, newAddress(), "MEMBER")}}}
	},
	"create": func(t *testing.T, m *muster) call {
		return call{
			Query: `mutation($i: CreateOrganizationInput!) { createOrganization(input: $i) { organization { id } } }`, Token: m.someone(t, "Lou").Token,
			Vars: vars{"i": vars{"slug": fmt.Sprintf("org-%d", organizations.Add(1)), "name": "Many"}},
		}
	},
}

// evaluated are budgets of right passwords: one is found right before it is counted, so that a refusal tells nobody else anything.
var evaluated = map[string]int64{"sign-in": 1, "sign-in-account": 1}

// limitedPages reach the budgets of pages.
var limitedPages = map[string]string{"sso": "/sso/nothing"}

// usedUp makes every budget of a name that has been touched used up.
func (m *muster) usedUp(t *testing.T, name string) {
	t.Helper()
	b := m.back(t)
	if n := b.run(t, `UPDATE rate_limits SET hits = array_fill(clock_timestamp(), ARRAY[20001]), expires_at = clock_timestamp() + interval '1 day'
	  WHERE key = $1 OR starts_with(key, $1 || ' ')`, name); n == 0 {
		t.Fatalf("nothing was counted under %q", name)
	}
}

// limitsByNetwork are the budgets that are counted by where a try is made.
var limitsByNetwork = []string{
	"recovery", "password", "password-network", "sign-up", "email-taken", "text-network", "key", "key-answer", "passkey", "passkey-guess",
	"reset", "reset-network", "not-me", "sso",
}

// One customer of IPv6 has 65,536 networks: where their block has used a budget up, another network of it is refused too, and
// nobody else's. There is none by network that is not by block.
func TestOneCustomerHasOneBudget(t *testing.T) {
	t.Parallel()
	m := start(t, behindProxy)
	b := m.back(t)
	for _, name := range limitNames(t) {
		reach, ok := limitedCalls[name]
		if page := limitedPages[name]; page != "" {
			reach, ok = func(*testing.T, *muster) call { return call{Method: http.MethodGet, Query: page} }, true
		}
		if !ok {
			continue
		}
		b.forget(t)
		c := reach(t, m)
		from := func(address string) (limited bool) {
			c.From = address
			if c.Method == "" {
				return m.call(t, c).Code() == "RATE_LIMITED"
			}
			return m.get(t, c.Query, http.Header{"X-Forwarded-For": {address}}).Status == http.StatusTooManyRequests
		}
		b.run(t, `DELETE FROM rate_limits`)
		from("2001:db8:1:1::7")
		alone := value[[]string](t, b, `SELECT coalesce(array_agg(key), '{}') FROM rate_limits r WHERE key LIKE '%2001:db8:1:1::/64'
		  AND NOT EXISTS (SELECT FROM rate_limits WHERE key = replace(r.key, '2001:db8:1:1::/64', '2001:db8:1::/48'))`)
		if len(alone) > 0 {
			t.Errorf("%s: by network alone are counted %q", name, alone)
		}
		n := b.run(t, `UPDATE rate_limits SET hits = array_fill(clock_timestamp(), ARRAY[100000]), expires_at = clock_timestamp() + interval '1 day'
		  WHERE starts_with(key, $1 || ' ') AND key LIKE '%2001:db8:1::/48'`, name)
		if by := slices.Contains(limitsByNetwork, name); by != (n > 0) && name != "sign-in" {
			t.Errorf("%s is counted by block: %t, want %t", name, n > 0, by)
		}
		if n == 0 || name == "sign-in" { // that one is by block alone
			continue
		}
		if !from("2001:db8:1:2::7") {
			t.Errorf("%s: another network of the same customer is not refused", name)
		}
		if from("2001:db8:2::7") {
			t.Errorf("%s: another customer is refused", name)
		}
	}
}

// TestLimitsSayWhenToComeBack: each budget that there is refuses where it is used up, and says in the answer and in the header
// how many seconds to wait.
func TestLimitsSayWhenToComeBack(t *testing.T) {
	t.Parallel()
	m := start(t, behindProxy)
	names := limitNames(t)
	if len(names) < 13 {
		t.Fatalf("only the budgets %v were found", names)
	}
	for name := range limitedCalls {
		if !slices.Contains(names, name) {
			t.Errorf("package app has no budget %q", name)
		}
	}
	for _, name := range names {
		reach, ok := limitedCalls[name]
		switch {
		case limitedPages[name] != "":
			m.get(t, limitedPages[name], nil)
			m.usedUp(t, name)
			if got := m.get(t, limitedPages[name], nil); got.Status != http.StatusTooManyRequests || got.Header.Get("Retry-After") == "" || got.Header.Get("Retry-After") == "0" {
				t.Errorf("%s: status %d, Retry-After %q", name, got.Status, got.Header.Get("Retry-After"))
			}
			continue
		case silentLimits[name] != "" && !ok:
			continue
		case !ok:
			t.Errorf("no call here reaches the budget %q: add one to limitedCalls, or say in silentLimits why nobody is refused by it", name)
			continue
		}
		m.exec(t, `DELETE FROM rate_limits`)
		c := reach(t, m)
		m.call(t, c) // counted, whatever comes of it
		m.usedUp(t, name)
		evaluations := m.App.Passwords.Evaluations()
		got := m.call(t, c)
		got.expect(t, "RATE_LIMITED", name)
		if got.Code() != "RATE_LIMITED" {
			continue
		}
		seconds, _ := got.Errors[0].Extensions["retryAfter"].(float64)
		if header := got.Header.Get("Retry-After"); seconds < 1 || seconds > 24*3600 || header != strconv.Itoa(int(seconds)) || got.Status != http.StatusOK {
			t.Errorf("%s: status %d, retryAfter %v, Retry-After %q", name, got.Status, seconds, header)
		}
		if n := m.App.Passwords.Evaluations() - evaluations; n != evaluated[name] {
			t.Errorf("%s: %d passwords were evaluated for who is refused, want %d", name, n, evaluated[name])
		}
	}
}
