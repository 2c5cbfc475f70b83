package main

import (
	"testing"
	"time"

	"muster/app"
	"muster/server/settings"
)

const confirmIdentity = `mutation($i: ConfirmIdentityInput!) { confirmIdentity(input: $i) { freshUntil } }`

// stale makes everybody's proof eleven minutes old.
func (m *muster) stale(t *testing.T) {
	t.Helper()
	m.exec(t, `UPDATE sessions SET fresh_at = fresh_at - interval '11 minutes'`)
}

func tenMinutes(_ *settings.Settings, c *app.Config) { c.StepUp = 10 * time.Minute }

// What changes how an account or an organization is protected needs its owner to be there: within ten minutes, with a
// factor, and not with a recovery code.
func TestStepUp(t *testing.T) {
	t.Parallel()
	m := start(t, tenMinutes)
	owner := m.signUp(t, "Olivia")
	owner.enroll(t)
	o := owner.organization(t)
	mia := m.signUp(t, "Mia")
	member := o.join(t, mia, "MEMBER")
	var out struct {
		Viewer struct{ Authenticators []struct{ ID string } }
	}
	owner.do(t, `{ viewer { authenticators { id } } }`, nil, &out)

	sensitive := map[string]struct {
		query string
		v     vars
	}{
		"the requirement on":   {`mutation($i: SetRequire2FAInput!) { setRequire2FA(input: $i) { sweep { id } } }`, vars{"i": vars{"organizationId": o.ID, "required": true}}},
		"the requirement off":  {`mutation($i: SetRequire2FAInput!) { setRequire2FA(input: $i) { sweep { id } } }`, vars{"i": vars{"organizationId": o.ID, "required": false}}},
		"single sign-on":       {`mutation($i: ConnectSSOInput!) { connectSSO(input: $i) { organization { id } } }`, vars{"i": vars{"organizationId": o.ID, "issuer": "https://login.example.com", "clientId": "c", "clientSecret": "s"}}},
		"no single sign-on":    {`mutation($i: DisconnectSSOInput!) { disconnectSSO(input: $i) { organization { id } } }`, vars{"i": vars{"organizationId": o.ID}}},
		"another owner":        {`mutation($i: ChangeMemberRoleInput!) { changeMemberRole(input: $i) { member { id } } }`, vars{"i": vars{"memberId": member, "role": "OWNER"}}},
		"no security mails":    {setNotices, vars{"o": o.ID, "s": false}},
		"new recovery codes":   {`mutation { regenerateRecoveryCodes(input: {}) { recoveryCodes } }`, nil},
		"an authenticator off": {`mutation($i: RemoveAuthenticatorInput!) { removeAuthenticator(input: $i) { user { id } } }`, vars{"i": vars{"authenticatorId": out.Viewer.Authenticators[0].ID}}},
	}
	m.stale(t)
	for what, s := range sensitive {
		t.Run("ten minutes later: "+what, func(t *testing.T) { owner.refused(t, "STEP_UP_REQUIRED", s.query, s.v) })
	}
	owner.refused(t, "STEP_UP_REQUIRED", enrollTOTP, nil)
	owner.do(t, `query($s: String!) { organization(slug: $s) { members { nodes { id } } auditSequence } }`, vars{"s": o.Slug}, nil)

	owner.refused(t, "BAD_INPUT", confirmIdentity, vars{"i": vars{"password": owner.Password}})
	owner.refused(t, "INVALID_CODE", confirmIdentity, vars{"i": vars{"code": "000000"}})
	owner.refused(t, "INVALID_CODE", confirmIdentity, vars{"i": vars{"code": owner.Recovery[0]}})
	code := owner.code()
	owner.do(t, confirmIdentity, vars{"i": vars{"code": code}}, nil)
	owner.refused(t, "INVALID_CODE", confirmIdentity, vars{"i": vars{"code": code}})
	owner.do(t, sensitive["new recovery codes"].query, nil, nil)

	t.Run("a recovery code enrolls and does nothing else", func(t *testing.T) {
		owner.do(t, `mutation { regenerateRecoveryCodes(input: {}) { recoveryCodes } }`, nil, &struct{}{})
		var codes struct {
			RegenerateRecoveryCodes struct{ RecoveryCodes []string }
		}
		owner.do(t, `mutation { regenerateRecoveryCodes(input: {}) { recoveryCodes } }`, nil, &codes)
		lost := &person{m: m, Name: "Olivia without her phone", Email: owner.Email, Password: owner.Password}
		var in struct {
			SignIn struct{ Challenge struct{ Token string } }
		}
		lost.do(t, `mutation($i: SignInInput!) { signIn(input: $i) { challenge { token } } }`, vars{"i": vars{"email": lost.Email, "password": lost.Password}}, &in)
		var verified struct {
			VerifySecondFactor struct{ Session struct{ Token string } }
		}
		lost.do(t, `mutation($i: VerifySecondFactorInput!) { verifySecondFactor(input: $i) { session { token } } }`,
			vars{"i": vars{"challengeToken": in.SignIn.Challenge.Token, "code": codes.RegenerateRecoveryCodes.RecoveryCodes[0]}}, &verified)
		lost.Token = verified.VerifySecondFactor.Session.Token
		for what, s := range sensitive {
			t.Run(what, func(t *testing.T) { lost.refused(t, "STEP_UP_REQUIRED", s.query, s.v) })
		}
		lost.enroll(t)
		lost.do(t, `mutation { regenerateRecoveryCodes(input: {}) { recoveryCodes } }`, nil, nil)
	})

	t.Run("without a factor the password confirms", func(t *testing.T) {
		mia.refused(t, "STEP_UP_REQUIRED", enrollTOTP, nil)
		mia.refused(t, "INVALID_CREDENTIALS", confirmIdentity, vars{"i": vars{"password": "not " + mia.Password}})
		mia.do(t, confirmIdentity, vars{"i": vars{"password": mia.Password}}, nil)
		mia.enroll(t)
	})
}
