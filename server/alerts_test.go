package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// alertCase is one change to how an account is protected.
type alertCase struct {
	do    func(t *testing.T, m *muster, p *person)
	says  string // of the mail
	event string // of the account's log
	ends  bool   // the other sessions
	// afar says that somebody else did it, so that the mail does not say from where.
	afar bool
}

// alertCases are all changes to how an account is protected that its owner is mailed about (OWASP ASVS 5.0, 6.3.7), by what
// happens. Every alert that package app sends has a case here.
var alertCases = map[string]alertCase{
	"an app is added":   {func(t *testing.T, _ *muster, p *person) { p.enroll(t) }, `Added the authenticator`, "user.2fa-added", true, false},
	"a phone is added":  {func(t *testing.T, _ *muster, p *person) { p.addPhone(t) }, `Added the authenticator "Phone"`, "user.2fa-added", true, false},
	"a key is added":    {func(t *testing.T, _ *muster, p *person) { p.addKey(t) }, `Added the authenticator "Security key"`, "user.2fa-added", true, false},
	"an app is removed": {func(t *testing.T, _ *muster, p *person) { p.do(t, removeFactor, vars{"a": p.authenticator(t)}, nil) }, `Removed the authenticator`, "user.2fa-removed", true, false},
	"a key is removed": {func(t *testing.T, m *muster, p *person) {
		p.addKey(t)
		p.do(t, removeFactor, vars{"a": m.find(t, `SELECT id FROM authenticators WHERE kind = 'SECURITY_KEY'`)}, nil)
	}, `Removed the authenticator "Security key"`, "user.2fa-removed", true, false},
	"an app takes another's place": {func(t *testing.T, _ *muster, p *person) {
		p.replaceTOTP(t, p.authenticator(t))
		p.do(t, confirmTOTP, vars{"c": p.code()}, nil)
	}, `Removed the authenticator "Authenticator app"`, "user.2fa-removed", true, false},
	"one is renamed": {func(t *testing.T, _ *muster, p *person) {
		p.do(t, `mutation($a: ID!) { renameAuthenticator(input: {authenticatorId: $a, name: "Old"}) { authenticator { id } } }`, vars{"a": p.authenticator(t)}, nil)
	}, `Named an authenticator "Old"`, "user.2fa-renamed", false, false},
	"a copied key is refused": {func(t *testing.T, m *muster, p *person) {
		key := p.addKey(t)
		p.do(t, confirmByKey, vars{"c": key.get(t, p.askKey(t, ""))}, nil)
		key.Counter = 0 // as the copy stands
		p.refused(t, "INVALID_CODE", confirmByKey, vars{"c": key.get(t, p.askKey(t, ""))})
	}, `The security key "Security key" was refused`, "user.security-key-refused", true, false}, // by its set-up
	"new codes":         {func(t *testing.T, _ *muster, p *person) { p.renewCodes(t) }, madeCodes, "user.recovery-codes-regenerated", false, false},
	"a code is used":    {func(t *testing.T, m *muster, p *person) { m.verify(t, p.challenged(t), p.Recovery[0]) }, "A recovery code was used; 9 are left.", "user.recovery-code-used", false, false},
	"a guesser is kept": {func(t *testing.T, _ *muster, p *person) { guessSix(t, p) }, "too many wrong codes", "user.guesses-exhausted", false, false},
	"a hundred wrong codes": {func(t *testing.T, m *muster, p *person) {
		m.exec(t, `INSERT INTO wrong_codes (user_id, tries) SELECT id, 100 FROM users WHERE email = $1`, p.Email)
		m.verify(t, p.challenged(t), p.code()).expect(t, "CONFLICT", "a code after a hundred wrong ones")
	}, "A hundred wrong codes were tried", "user.codes-off", false, false},
	"a new browser": {func(t *testing.T, m *muster, p *person) {
		m.exec(t, `DELETE FROM devices`)
		m.verify(t, p.challenged(t), p.code())
	}, "has not been used before", "user.new-sign-in", false, false},
	"the password is changed": {func(t *testing.T, _ *muster, p *person) {
		p.do(t, changePassword, vars{"i": vars{"currentPassword": p.Password, "newPassword": "another long one"}}, nil)
	}, "Changed the password", "user.password-changed", true, false},
	"the password is set by mail": {func(t *testing.T, m *muster, p *person) {
		m.reset(t, p.resetLink(t), "another long one").expect(t, "", "the reset")
	}, "Set a new password by an emailed link", "user.password-reset", true, false},
	"another address is asked for": {func(t *testing.T, _ *muster, p *person) {
		p.do(t, changeEmail, vars{"e": "another@people.example"}, nil)
	}, "A change of the account's address to a", "user.email-change-requested", false, false},
	"the address is changed": {func(t *testing.T, m *muster, p *person) {
		p.do(t, changeEmail, vars{"e": "another@people.example"}, nil)
		p.do(t, verifyEmail, vars{"t": m.link(t, "another@people.example", titleConfirm)}, nil)
	}, "Changed the account's address to a", "user.email-changed", false, false},
	"security mails are turned off": {func(t *testing.T, _ *muster, p *person) {
		p.do(t, setNotices, vars{"o": p.organization(t).ID, "s": false}, nil)
	}, "Turned off the mails about the security settings", "user.security-mails-off", false, false},
	"a personal token is made": {func(t *testing.T, _ *muster, p *person) { p.personalToken(t, "members:read") }, "Made the personal API token", "user.token-created", false, false},
	"an organization resets the factor": {func(t *testing.T, m *muster, p *person) {
		_, o := m.owner(t)
		o.Owner.reset(t, o.join(t, p, "MEMBER"))
	}, "reset your second factor", "user.2fa-reset", true, true},
	"a provider's identity is linked": {func(t *testing.T, m *muster, p *person) {
		_, o := m.owner(t)
		o.join(t, p, "MEMBER")
		o.connect(t, m.startProvider(t, map[string]provided{"1": {Name: "pia"}}), false)
		b := m.browser(t)
		b.signInHere(p)
		b.get(b.callback("/sso/"+o.Slug+"?link=1", "same-origin", "pia"))
	}, "Linked the account with an identity", "user.sso-linked", false, false},
	"an identity is unlinked": {func(t *testing.T, m *muster, p *person) {
		_, o := m.owner(t)
		o.join(t, p, "MEMBER")
		p.do(t, unlinkIdentity, vars{"i": p.linkTo(t, o.ID, "https://login.example.com")}, nil)
	}, "Unlinked the account from an identity", "user.sso-unlinked", false, false},
}

// TestChangesOfProtectionAreTold: every change to how an account is protected is told by mail, at the address that it had, with
// the link that locks the account, and stands in the account's log; changes of factors and passwords end every other session.
func TestChangesOfProtectionAreTold(t *testing.T) {
	builtProvider.path(t)
	t.Parallel()
	for name, c := range alertCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := start(t, privateProviders)
			p := m.verified(t, "Pia")
			p.enroll(t)
			m.mailSaying(t, p.Email, "Added the authenticator")
			known := len(m.Mailbox.Messages(p.Email))
			id := m.find(t, `SELECT id FROM users WHERE email = $1`, p.Email)
			other := *p
			other.signIn(t)
			c.do(t, m, p)
			link := m.notMeAfter(t, p.Email, c.says, known)
			got := m.post(t, "", `query($t: String!) { notMe(token: $t) { email what ipAddress userAgent reported } }`, vars{"t": link})
			body := string(got.Data)
			if !strings.Contains(body, `"p•••`) || !strings.Contains(body, `"reported":false`) || strings.Contains(body, p.Email) {
				t.Errorf("the link is about %s", body)
			}
			if from := strings.Contains(body, `"127.0.0.1"`) && strings.Contains(body, "Go-http-client"); from == c.afar {
				t.Errorf("the link says that it came from here: %v, want %v: %s", from, !c.afar, body)
			}
			if ended := !m.signedIn(t, other.Token); ended != c.ends {
				t.Errorf("other sessions ended: %v, want %v", ended, c.ends)
			}
			if n := m.find(t, `SELECT count(*)::text FROM security_events WHERE action = $1 AND user_id = $2`, c.event, id); n == "0" {
				t.Errorf("no line %s", c.event)
			}
			if got := m.post(t, "", reportNotMe, vars{"t": link}); !strings.Contains(string(got.Data), `"locked":true,"alreadyReported":false`) {
				t.Errorf("reporting it: %s %+v", got.Data, got.Errors)
			}
		})
	}
}

func guessSix(t testing.TB, p *person) {
	t.Helper()
	challenge := p.challenged(t)
	for range 6 {
		p.m.verify(t, challenge, "123")
	}
}

// notMeAfter is notMe for a mail that is not among the first ones at the address.
func (m *muster) notMeAfter(t testing.TB, email, what string, known int) (link string) {
	t.Helper()
	eventually(t, "a mail that says "+what+" arrives at "+email, func() bool {
		all := m.Mailbox.Messages(email) // newest first
		for _, message := range all[:len(all)-known] {
			found := linkPattern.FindStringSubmatch(message.Text)
			if strings.Contains(message.Text, what) && found != nil && strings.Contains(found[0], "/not-me#token=") {
				link = found[1]
				return true
			}
		}
		return false
	})
	return link
}

// notAlerted are the lines of an account's log that no alert is mailed about, and why.
var notAlerted = map[string]string{
	"user.sign-up":                  "the account begins; its address gets the mail that verifies it",
	"user.sign-in":                  "from a new browser it is an alert of its own",
	"user.sign-in-challenge":        "nobody is in yet; a guesser is an alert of its own",
	"user.passwords-exhausted":      "nobody is in; a mail without a link tells of it (TestGuessesFromEverywhere)",
	"user.sign-out":                 "it takes access away",
	"user.sessions-ended":           "it takes access away",
	"user.identity-confirmed":       "it changes nothing",
	"user.code-sent":                "the text message itself tells",
	"user.2fa-enrollment-started":   "nothing counts before it is confirmed, which is an alert",
	"user.security-key-asked":       "it changes nothing",
	"user.mailbox-proved":           "by a mail to the same address",
	"user.mailbox-proof-sent":       "it is a mail to the same address",
	"user.password-reset-requested": "it is a mail to the same address",
	"user.email-verification-sent":  "it is a mail to the same address",
	"user.email-verified":           "by a mail to the same address",
	"user.token-revoked":            "it takes access away; a mail without a link tells of it",
	"user.address-released":         "the account has no address left to be told at",
	"user.made-owner":               "it protects the account as before; a mail without a link tells of it",
	"user.not-me":                   "the report of an alert",
	"user.frozen":                   "the report of an alert; a mail without a link says what is next",
	"user.factors-kept":             "follows a report; a mail without a link says what is next",
	"user.thawed":                   "follows the reset of the password, which is an alert",
	"user.2fa-reset-requested":      "the mail asks the person, with a link that declines",
	"user.2fa-reset-approved":       "nothing happens before the last one, which is an alert",
	"user.2fa-reset-ended":          "it leaves the factor; a mail without a link tells of it",
	"user.demo-password":            "the demo's people have no mailbox",
	"user.demo-told":                "the demo's people have no mailbox",
}

// TestEveryEventIsToldOrSaysWhyNot: each line that an account's log knows is one that its owner is mailed about, with a case in
// alertCases, or stands in notAlerted with a reason; the code of package app is held against both.
func TestEveryEventIsToldOrSaysWhyNot(t *testing.T) {
	t.Parallel()
	tested, known, sent := map[string]bool{}, eventNames(t), alertsSent(t)
	for _, c := range alertCases {
		tested[c.event] = true
	}
	tested["user.new-provider-sign-in"] = true // takes a provider: TestProviderSignInsAreTold
	for name, action := range known {
		switch _, excused := notAlerted[action]; {
		case sent[name] && !tested[action]:
			t.Errorf("nothing in alertCases makes the alert %s", action)
		case sent[name] && excused:
			t.Errorf("%s is mailed, and notAlerted says why it is not", action)
		case !sent[name] && !excused:
			t.Errorf("no alert is mailed about %s, and notAlerted does not say why", action)
		}
	}
	actions := slices.Collect(maps.Values(known))
	for action := range notAlerted {
		if !slices.Contains(actions, action) {
			t.Errorf("package org has no event %s", action)
		}
	}
	if len(sent) < 16 || len(known) < 40 {
		t.Errorf("only %d alerts and %d events were found", len(sent), len(known))
	}
}

// eventNames are the constants of package org that name lines of an account's log.
func eventNames(t *testing.T) map[string]string {
	t.Helper()
	names := map[string]string{}
	inspect(t, "../org", func(n ast.Node) {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 || !strings.HasPrefix(spec.Names[0].Name, "Event") {
			return
		}
		if literal, ok := spec.Values[0].(*ast.BasicLit); ok {
			text, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			names[spec.Names[0].Name] = text
		}
	})
	return names
}

// alertsSent are the names of the events that package app mails alerts about.
func alertsSent(t *testing.T) map[string]bool {
	t.Helper()
	sent := map[string]bool{}
	event := func(n ast.Expr) {
		if e, ok := n.(*ast.SelectorExpr); ok && strings.HasPrefix(e.Sel.Name, "Event") {
			sent[e.Sel.Name] = true
		}
	}
	inspect(t, "../app", func(n ast.Node) {
		function, ok := n.(*ast.FuncDecl)
		if !ok {
			return
		}
		variables := map[string]bool{} // that alerts are sent about in this function
		ast.Inspect(function, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if fn, ok := call.Fun.(*ast.SelectorExpr); ok && fn.Sel.Name == "alert" {
				for _, argument := range call.Args {
					event(argument)
					if variable, ok := argument.(*ast.Ident); ok {
						variables[variable.Name] = true
					}
				}
			}
			return true
		})
		ast.Inspect(function, func(n ast.Node) bool {
			assigned, ok := n.(*ast.AssignStmt)
			if !ok || len(assigned.Lhs) != len(assigned.Rhs) {
				return true
			}
			for i, left := range assigned.Lhs {
				if variable, ok := left.(*ast.Ident); ok && variables[variable.Name] {
					event(assigned.Rhs[i])
				}
			}
			return true
		})
	})
	return sent
}

// inspect shows every node of a package's source, without its tests.
func inspect(t *testing.T, directory string, see func(ast.Node)) {
	t.Helper()
	err := filepath.WalkDir(directory, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool { see(n); return true })
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
