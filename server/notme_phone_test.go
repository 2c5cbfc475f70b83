package main

import "testing"

// Vera has an app on her phone and one on her tablet, her phone is stolen, and her mail is on it. From a session in which she has
// proved the tablet's she removes the phone's and makes new recovery codes. The thief reports that by the mail, and sets a new
// password: neither the phone's app nor the old codes come back, and the tablet's opens the account as ever. What a session has
// removed that had proved nothing else comes back, since the session itself may have been stolen.
func TestStolenPhoneReportsItsRemoval(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		byTablet bool
		says     string
		want     string
	}{
		"removed by the tablet, which is reported":    {true, `Removed the authenticator "Authenticator app"`, "INVALID_CODE"},
		"removed by the tablet, the codes reported":   {true, madeCodes, "INVALID_CODE"},
		"removed by the phone itself, of the thief's": {false, `Removed the authenticator "Authenticator app"`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := start(t)
			_, o := m.owner(t)
			vera := m.verified(t, "Vera")
			vera.enroll(t)
			o.join(t, vera, "MANAGER")
			o.require(t, true)
			phone := vera.authenticator(t)
			thief := *vera
			vera.startTOTP(t)
			vera.do(t, confirmTOTP, vars{"c": vera.code()}, nil)
			tablet := vera.Seed
			if !c.byTablet {
				vera.Seed = thief.Seed
			}
			vera.signIn(t)
			vera.do(t, removeFactor, vars{"a": phone}, nil)
			vera.renewCodes(t)
			vera.Seed = tablet

			m.report(t, m.notMe(t, vera.Email, c.says), false)
			thief.Password = "the thief's own password"
			m.reset(t, thief.resetLink(t), thief.Password).expect(t, "", "the reset")
			m.exec(t, `DELETE FROM rate_limits`)
			m.verify(t, thief.challenged(t), thief.code()).expect(t, c.want, "the phone's app")
			if c.byTablet {
				m.verify(t, thief.challenged(t), thief.Recovery[0]).expect(t, "INVALID_CODE", "an old code")
			}
			m.exec(t, `DELETE FROM wrong_codes`)
			vera.Password = thief.Password
			vera.signIn(t)
			vera.do(t, projects, vars{"s": o.Slug}, nil)
		})
	}
}
