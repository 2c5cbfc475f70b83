package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// Whoever asks about an address learns the same of one that has an account, of one that has none, and of everything between,
// for the same number of argon2 evaluations: nothing to read, nothing to measure.
func TestNothingTellsWhoHasAnAccount(t *testing.T) {
	t.Parallel()
	m := start(t, behindProxy)
	b := m.back(t)
	owner, o := m.owner(t)
	plain, guarded, off, removed := m.signUp(t, "Paul"), m.someone(t, "Gina"), m.someone(t, "Olaf"), m.signUp(t, "Rex")
	o.join(t, removed, "MEMBER")
	o.require(t, true)
	pending := newAddress()
	o.invite(t, owner, pending, "MEMBER")
	b.run(t, `INSERT INTO wrong_codes (user_id, tries, off_at) SELECT id, 100, clock_timestamp() FROM users WHERE email = $1`, off.Email)
	people := map[string]string{
		"with an account": plain.Email, "with a second factor": guarded.Email, "whose codes are off": off.Email, "removed": removed.Email,
		"invited": pending, "with none": newAddress(),
	}
	unlike := regexp.MustCompile(`"(id|retryAfter|requestId)":("[^"]*"|\d+)|\d+ (seconds|minutes|hours)`)
	alike := func(what string, ask func(email, from string) reply) {
		t.Helper()
		said := map[string]string{}
		n := 0
		for who, email := range people {
			n++
			// From a network of its own each, so that nobody is refused for what the others did.
			before := m.App.Passwords.Evaluations()
			got := ask(email, fmt.Sprintf("203.0.%d.9", n))
			evaluations := m.App.Passwords.Evaluations() - before
			if got.Code() == "INTERNAL" {
				t.Errorf("%s, %s: %s", what, who, got.Body)
			}
			body := strings.ReplaceAll(unlike.ReplaceAllString(got.Body, ""), email, "")
			said[who] = fmt.Sprint(got.Status, body, len(got.Cookies), got.Header.Get("Retry-After") != "", " evaluations: ", evaluations)
		}
		for who, it := range said {
			if it != said["with none"] {
				t.Errorf("%s tells of somebody %s\n%s\nsomebody with none\n%s", what, who, it, said["with none"])
			}
		}
	}
	in := func(email, from string) reply {
		return m.call(t, call{Query: signInQuery, From: from, Vars: vars{"i": vars{"email": email, "password": "not the password"}}})
	}
	alike("signing in", in)
	alike("signing in when it is too much", func(email, _ string) reply {
		// The eleventh try from one network at each.
		from := "192.0.2.9"
		b.run(t, `DELETE FROM rate_limits WHERE key LIKE 'password-network %'`)
		for range 10 {
			in(email, from)
		}
		return in(email, from)
	})
	alike("signing in when it is too much, in another spelling", func(email, _ string) reply {
		from := "192.0.2.9"
		b.run(t, `DELETE FROM rate_limits`)
		for range 10 {
			in(email, from)
		}
		return in(" "+strings.ToUpper(email), from)
	})
	// Whoever invites, even as an owner, sees an address and not what is behind it.
	other, theirs := m.owner(t)
	ids := map[string]string{}
	alike("inviting", func(email, _ string) reply {
		got := m.call(t, call{
			Query: `mutation($i: InviteMemberInput!) { inviteMember(input: $i) { member { id status name twoFactor lastSeenAt user { id } } } }`, Token: other.Token,
			Vars: vars{"i": vars{"organizationId": theirs.ID, "email": email}},
		})
		var out struct {
			InviteMember struct{ Member struct{ ID string } }
		}
		got.decode(t, &out)
		ids[email] = out.InviteMember.Member.ID
		return got
	})
	alike("inviting again", func(email, _ string) reply {
		return m.call(t, call{
			Query: `mutation($i: ResendInviteInput!) { resendInvite(input: $i) { member { id status name twoFactor lastSeenAt user { id } } } }`, Token: other.Token,
			Vars: vars{"i": vars{"memberId": ids[email]}},
		})
	})
	alike("resetting the second factor of whom one has invited", func(email, _ string) reply {
		return m.call(t, call{Query: resetMember, Token: other.Token, Vars: vars{"m": ids[email], "r": lost}})
	})
	alike("asking for a new password", func(email, from string) reply {
		return m.call(t, call{Query: requestReset, From: from, Vars: vars{"i": vars{"email": email}}})
	})
	alike("moving one's account there", func(email, from string) reply {
		b.run(t, `DELETE FROM rate_limits`)
		return m.call(t, call{Query: changeEmail, Token: other.Token, From: from, Vars: vars{"e": email}})
	})
}
