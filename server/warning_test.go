package main

import (
	"strings"
	"testing"
)

// Whoever guesses at the second factor knows the password: the owner of the account hears of it, once.
func TestGuessesWarnTheOwner(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner := m.signUp(t, "Olivia")
	owner.enroll(t)
	thief := &person{m: m, Name: "A thief", Email: owner.Email, Password: owner.Password}
	var in struct {
		SignIn struct{ Challenge struct{ Token string } }
	}
	thief.do(t, `mutation($i: SignInInput!) { signIn(input: $i) { challenge { token } } }`, vars{"i": vars{"email": thief.Email, "password": thief.Password}}, &in)
	const verify = `mutation($i: VerifySecondFactorInput!) { verifySecondFactor(input: $i) { session { token } } }`
	guess := vars{"i": vars{"challengeToken": in.SignIn.Challenge.Token, "code": "123"}}
	for range 5 {
		thief.refused(t, "INVALID_CODE", verify, guess)
	}
	for range 3 {
		thief.refused(t, "RATE_LIMITED", verify, guess)
	}
	warnings := func() (n int) {
		for _, message := range m.Mailbox.Messages(owner.Email) {
			if strings.Contains(message.Text, "too many wrong codes") {
				n++
			}
		}
		return n
	}
	eventually(t, "the owner is warned", func() bool { return warnings() > 0 })
	var out struct {
		Viewer struct {
			SecurityEvents struct{ Nodes []struct{ Action string } }
		}
	}
	owner.do(t, `{ viewer { securityEvents { nodes { action } } } }`, nil, &out)
	told := 0
	for _, e := range out.Viewer.SecurityEvents.Nodes {
		if e.Action == "user.guesses-exhausted" {
			told++
		}
	}
	if told != 1 || warnings() != 1 {
		t.Errorf("told %d times in the log and %d by mail, want once each", told, warnings())
	}
}
