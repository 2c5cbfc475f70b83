package main

import (
	"strings"
	"testing"
)

// madeCodes is how a mail begins that tells of new recovery codes.
const madeCodes = "Made new recovery codes"

const reportNotMe = `mutation($t: String!) { reportNotMe(input: {token: $t}) {
  alreadyReported alert { email what reported } undone { what } kept { what } } }`

// notMe waits for a mail to the address that says what, and gives the token of its link.
func (m *muster) notMe(t testing.TB, email, what string) string {
	t.Helper()
	token := ""
	eventually(t, "a mail that says "+what+" arrives at "+email, func() bool {
		for _, message := range m.Mailbox.Messages(email) {
			found := linkPattern.FindStringSubmatch(message.Text)
			if strings.Contains(message.Text, what) && found != nil && strings.Contains(found[0], "/not-me#token=") {
				token = found[1]
				return true
			}
		}
		return false
	})
	return token
}

func (p *person) renewCodes(t testing.TB) {
	t.Helper()
	var out struct {
		RegenerateRecoveryCodes struct{ RecoveryCodes []string }
	}
	p.do(t, `mutation { regenerateRecoveryCodes(input: {}) { recoveryCodes } }`, nil, &out)
	p.Recovery = out.RegenerateRecoveryCodes.RecoveryCodes
}
