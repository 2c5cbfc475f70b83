package main

import (
	"strings"
	"testing"
)

// Where the requirement has been turned off, nobody who was removed is told that it holds; the link alone leads back.
func TestTextsAfterTheRequirementIsOff(t *testing.T) {
	t.Parallel()
	m := start(t)
	owner, mia := m.signUp(t, "Olivia"), m.signUp(t, "Mia")
	owner.enroll(t)
	o := owner.organization(t)
	member := o.join(t, mia, "MANAGER")
	o.require(t, true)
	m.link(t, mia.Email, mandatory)
	o.require(t, false)

	kept := mia.refused(t, "TWO_FACTOR_REQUIRED", `query($s: String!) { organization(slug: $s) { id } }`, vars{"s": o.Slug})
	if message := kept.Errors[0].Message; !strings.Contains(message, "no longer") {
		t.Errorf("the gate says %q", message)
	}
	mails := len(m.Mailbox.Messages(mia.Email))
	owner.do(t, resendInvite, vars{"i": vars{"memberId": member}}, nil)
	eventually(t, "the mail is sent again", func() bool { return len(m.Mailbox.Messages(mia.Email)) > mails })
	mail := m.Mailbox.Messages(mia.Email)[0]
	if strings.Contains(mail.Text, "requires two-factor") || !strings.Contains(mail.Text, "/rejoin#token=") {
		t.Errorf("%s: %s", mail.Subject, mail.Text)
	}
	token := linkPattern.FindStringSubmatch(mail.Text)[1]
	var out struct {
		AcceptInvite struct {
			NextStep   string
			Member     struct{ Status string }
			Reinstated []struct{ Restored []string }
		}
	}
	mia.do(t, acceptInvite, vars{"t": token}, &out)
	if out.AcceptInvite.NextStep != "NOTHING" || out.AcceptInvite.Member.Status != "ACTIVE" || len(out.AcceptInvite.Reinstated) != 1 {
		t.Errorf("accepting answered %+v", out.AcceptInvite)
	}
}
