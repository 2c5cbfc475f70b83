package main

import (
	"slices"
	"testing"
	"time"
)

// someone is a person with an authenticator.
func (m *muster) someone(t testing.TB, name string) *person {
	t.Helper()
	p := m.signUp(t, name)
	p.enroll(t)
	return p
}

// owner is a person with an authenticator and an organization.
func (m *muster) owner(t testing.TB) (*person, *organization) {
	t.Helper()
	p := m.someone(t, "Olivia")
	return p, p.organization(t)
}

// challenged gives the right password and is the token that waits for the second factor.
func (p *person) challenged(t testing.TB) string {
	t.Helper()
	token, _ := p.challenge(t)
	return token
}

// newestSession is the id of the session that the person began last.
func (p *person) newestSession(t testing.TB) string {
	t.Helper()
	return p.m.find(t, `SELECT s.id FROM sessions s JOIN users u ON u.id = s.user_id WHERE u.email = $1 ORDER BY s.id DESC`, p.Email)
}

// authenticator is the id of the person's first.
func (p *person) authenticator(t testing.TB) string {
	t.Helper()
	var out struct {
		Viewer struct{ Authenticators []struct{ ID string } }
	}
	p.do(t, `{ viewer { authenticators { id } } }`, nil, &out)
	return out.Viewer.Authenticators[0].ID
}

// swept is somebody whom the requirement has just removed, with a manager's role, and the token of the mail.
func (m *muster) swept(t testing.TB) (p *person, o *organization, token string) {
	t.Helper()
	_, o = m.owner(t)
	p = m.signUp(t, "Rex")
	o.join(t, p, "MANAGER", o.createTeam(t, "platform"))
	o.require(t, true)
	return p, o, m.link(t, p.Email, mandatory)
}

func nobody(m *muster) *person { return &person{m: m, Name: "nobody"} }

// loggedCalls are all mutations. The schema's own list is held against it.
var loggedCalls = slices.Concat(resetCalls, []loggedCall{
	{mutation: "signUp", writes: []string{"account user.sign-up"}, prepare: func(_ *testing.T, m *muster) (*person, vars) {
		return nobody(m), vars{"email": "new@people.example", "name": "New", "password": "a long password"}
	}},
	{
		mutation: "signUp", variant: "taking the address over", writes: []string{"account user.address-released", "account user.sign-up"},
		prepare: func(t *testing.T, m *muster) (*person, vars) {
			owner, o := m.owner(t)
			squatter := m.signUp(t, "Sid")
			o.invite(t, owner, squatter.Email, "MEMBER")
			token := m.link(t, squatter.Email, "Join ")
			return nobody(m), vars{"email": squatter.Email, "name": "New", "password": "a long password", "inviteToken": token}
		},
	},
	{
		mutation: "signUp", variant: "taking over an address that was never confirmed",
		writes: []string{"account user.address-released", "account user.sign-up"},
		prepare: func(t *testing.T, m *muster) (*person, vars) {
			squatter := m.signUp(t, "Sid")
			return nobody(m), vars{"email": squatter.Email, "name": "New", "password": "a long password", "addressToken": squatter.claimLink(t)}
		},
	},
	{
		mutation: "requestPasswordReset", writes: []string{"account user.password-reset-requested"},
		prepare: func(t *testing.T, m *muster) (*person, vars) {
			return nobody(m), vars{"email": m.verified(t, "Lou").Email}
		},
	},
	{mutation: "resetPassword", writes: []string{"account user.password-reset"}, prepare: func(t *testing.T, m *muster) (*person, vars) {
		p := m.verified(t, "Lou")
		p.enroll(t)
		return nobody(m), vars{"token": p.resetLink(t), "newPassword": "another long one"}
	}},
	{mutation: "requestEmailVerification", writes: []string{"account user.email-verification-sent"}, prepare: func(t *testing.T, m *muster) (*person, vars) {
		return m.signUp(t, "Lou"), vars{}
	}},
	{mutation: "changeEmail", writes: []string{"account user.email-change-requested"}, prepare: func(t *testing.T, m *muster) (*person, vars) {
		return m.someone(t, "Lou"), vars{"newEmail": "new@people.example"}
	}},
	{mutation: "verifyEmail", writes: []string{"account user.email-verified"}, prepare: func(t *testing.T, m *muster) (*person, vars) {
		p := m.signUp(t, "Lou")
		return p, vars{"token": m.link(t, p.Email, titleVerify)}
	}},
	{
		mutation: "verifyEmail", variant: "of a new address", writes: []string{"organization member.email-changed", "account user.email-changed"},
		prepare: func(t *testing.T, m *muster) (*person, vars) {
			p, _ := m.owner(t)
			p.do(t, changeEmail, vars{"e": "new@people.example"}, nil)
			return p, vars{"token": m.link(t, "new@people.example", titleConfirm)}
		},
	},
	{mutation: "changePassword", writes: []string{"account user.password-changed"}, prepare: func(t *testing.T, m *muster) (*person, vars) {
		p := m.someone(t, "Lou")
		return p, vars{"currentPassword": p.Password, "newPassword": "another long one"}
	}},
	{mutation: "signIn", writes: []string{"account user.sign-in"}, prepare: func(t *testing.T, m *muster) (*person, vars) {
		p := m.signUp(t, "Lou")
		return nobody(m), vars{"email": p.Email, "password": p.Password}
	}},
	{
		mutation: "signIn", variant: "with a second factor", writes: []string{"account user.sign-in-challenge"},
		prepare: func(t *testing.T, m *muster) (*person, vars) {
			p := m.someone(t, "Lou")
			return nobody(m), vars{"email": p.Email, "password": p.Password}
		},
	},
	{mutation: "sendSecondFactorCode", writes: []string{"account user.code-sent"}, prepare: func(t *testing.T, m *muster) (*person, vars) {
		p := m.someone(t, "Lou")
		p.addPhone(t)
		return nobody(m), vars{"challengeToken": p.challenged(t)}
	}},
	{
		mutation: "verifySecondFactor", variant: "app", writes: []string{"account user.sign-in"},
		prepare: func(t *testing.T, m *muster) (*person, vars) {
			p := m.someone(t, "Lou")
			return nobody(m), vars{"challengeToken": p.challenged(t), "code": p.code()}
		},
	},
	{
		mutation: "verifySecondFactor", variant: "recovery code", writes: []string{"account user.recovery-code-used", "account user.sign-in"},
		prepare: func(t *testing.T, m *muster) (*person, vars) {
			p := m.someone(t, "Lou")
			return nobody(m), vars{"challengeToken": p.challenged(t), "code": p.Recovery[0]}
		},
	},
	{
		mutation: "verifySecondFactor", variant: "text message", writes: []string{"account user.sign-in"},
		prepare: func(t *testing.T, m *muster) (*person, vars) {
			p := m.signUp(t, "Lou")
			number := p.addPhone(t)
			m.exec(t, `DELETE FROM rate_limits`)
			return nobody(m), vars{"challengeToken": p.challenged(t), "code": m.text(t, number)}
		},
	},
	{mutation: "startSecurityKeyVerification", writes: []string{"account user.security-key-asked"}, prepare: func(t *testing.T, m *muster) (*person, vars) {
		p := m.signUp(t, "Lou")
		p.addKey(t)
		return nobody(m), vars{"challengeToken": p.challenged(t)}
	}},
	{
		mutation: "startSecurityKeyVerification", variant: "for one's session", writes: []string{"account user.security-key-asked"},
		prepare: func(t *testing.T, m *muster) (*person, vars) {
			p := m.signUp(t, "Lou")
			p.addKey(t)
			return p, vars{}
		},
	},
	{
		mutation: "verifySecondFactor", variant: "security key", writes: []string{"account user.sign-in"},
		prepare: func(t *testing.T, m *muster) (*person, vars) {
			p := m.signUp(t, "Lou")
			key, challenge := p.addKey(t), p.challenged(t)
			return nobody(m), vars{"challengeToken": challenge, "credential": key.get(t, p.askKey(t, challenge))}
		},
	},
	{
		mutation: "verifySecondFactor", variant: "security key that may be a copy", code: "INVALID_CODE",
		writes: []string{"account user.security-key-refused"},
		prepare: func(t *testing.T, m *muster) (*person, vars) {
			p := m.signUp(t, "Lou")
			key, challenge := p.addKey(t), p.challenged(t)
			m.exec(t, `UPDATE security_keys SET sign_count = 7`)
			return nobody(m), vars{"challengeToken": challenge, "credential": key.get(t, p.askKey(t, challenge))}
		},
	},
	// It concerns nobody's account, so there is no log.
	{mutation: "startPasskeySignIn", writes: []string{}, prepare: func(_ *testing.T, m *muster) (*person, vars) { return nobody(m), vars{} }},
	{mutation: "signInWithPasskey", writes: []string{"account user.sign-in"}, prepare: func(t *testing.T, m *muster) (*person, vars) {
		key := m.signUp(t, "Lou").addKey(t)
		token, options := m.askPasskey(t)
		return nobody(m), vars{"challengeToken": token, "credential": key.get(t, options)}
	}},
	{
		mutation: "confirmIdentity", variant: "security key", writes: []string{"account user.identity-confirmed"},
		prepare: func(t *testing.T, m *muster) (*person, vars) {
			p := m.signUp(t, "Lou")
			key := p.addKey(t)
			return p, vars{"credential": key.get(t, p.askKey(t, ""))}
		},
	},
	{mutation: "confirmIdentity", writes: []string{"account user.identity-confirmed"}, prepare: func(t *testing.T, m *muster) (*person, vars) {
		p := m.someone(t, "Lou")
		return p, vars{"code": p.code()}
	}},
	{
		mutation: "confirmIdentity", variant: "password", writes: []string{"account user.identity-confirmed"},
		prepare: func(t *testing.T, m *muster) (*person, vars) {
			p := m.signUp(t, "Lou")
			return p, vars{"password": p.Password}
		},
	},
	{
		mutation: "confirmIdentity", variant: "text message", writes: []string{"account user.identity-confirmed"},
		prepare: func(t *testing.T, m *muster) (*person, vars) {
			p := m.signUp(t, "Lou")
			number := p.addPhone(t)
			m.exec(t, `DELETE FROM rate_limits`)
			sent := len(m.Mailbox.Texts(number))
			p.do(t, `mutation { sendSecondFactorCode(input: {}) { sentTo } }`, nil, nil)
			eventually(t, "the code is sent", func() bool { return len(m.Mailbox.Texts(number)) > sent })
			return p, vars{"code": m.text(t, number)}
		},
	},
	{
		mutation: "signIn", variant: "from a new browser", writes: []string{"account user.new-sign-in", "account user.sign-in"},
		prepare: func(t *testing.T, m *muster) (*person, vars) {
			p := m.signUp(t, "Lou")
			m.exec(t, `DELETE FROM devices`)
			return nobody(m), vars{"email": p.Email, "password": p.Password}
		},
	},
	{
		mutation: "reportNotMe", writes: []string{"organization member.edit", "account user.frozen", "account user.not-me"},
		prepare: func(t *testing.T, m *muster) (*person, vars) {
			p, _ := m.owner(t)
			m.exec(t, `UPDATE users SET email_verified_at = clock_timestamp()`)
			return nobody(m), vars{"token": m.notMe(t, p.Email, "Added the authenticator")}
		},
	},
	{
		mutation: "reportNotMe", variant: "of an address that was never confirmed",
		writes: []string{"organization member.2fa-changed", "account user.not-me", "account user.thawed"},
		prepare: func(t *testing.T, m *muster) (*person, vars) {
			p, _ := m.owner(t)
			p.signIn(t) // what one session did is reported together
			p.addPhone(t)
			return nobody(m), vars{"token": m.notMe(t, p.Email, `Added the authenticator "Phone"`)}
		},
	},
	{
		mutation: "reportNotMe", variant: "of the only authenticator", writes: []string{"account user.not-me", "account user.factors-kept"},
		prepare: func(t *testing.T, m *muster) (*person, vars) {
			p, _ := m.owner(t)
			return nobody(m), vars{"token": m.notMe(t, p.Email, "Added the authenticator")}
		},
	},
	{mutation: "signOut", writes: []string{"account user.sign-out"}, prepare: func(t *testing.T, m *muster) (*person, vars) {
		return m.signUp(t, "Lou"), vars{}
	}},
	{
		mutation: "signOut", variant: "everywhere", writes: []string{"account user.sign-out"},
		prepare: func(t *testing.T, m *muster) (*person, vars) {
			p := m.signUp(t, "Lou")
			p.signIn(t)
			return p, vars{"everywhere": true}
		},
	},
	{mutation: "endSession", writes: []string{"account user.sessions-ended"}, prepare: func(t *testing.T, m *muster) (*person, vars) {
		p := m.signUp(t, "Lou")
		return p, vars{"sessionId": p.another(t).newestSession(t)}
	}},
	{mutation: "endOtherSessions", writes: []string{"account user.sessions-ended"}, prepare: func(t *testing.T, m *muster) (*person, vars) {
		p := m.signUp(t, "Lou")
		p.another(t)
		return p, vars{}
	}},
	{mutation: "createPersonalToken", writes: []string{"account user.token-created"}, prepare: func(t *testing.T, m *muster) (*person, vars) {
		return m.signUp(t, "Lou"), vars{"name": "Mine", "scopes": []string{"members:read"}}
	}},
	{mutation: "revokePersonalToken", writes: []string{"account user.token-revoked"}, prepare: func(t *testing.T, m *muster) (*person, vars) {
		p := m.signUp(t, "Lou")
		return p, vars{"personalTokenId": p.personalToken(t, "members:read").id}
	}},
	{mutation: "unlinkIdentity", writes: []string{"organization member.unlink-sso", "account user.sso-unlinked"}, prepare: func(t *testing.T, m *muster) (*person, vars) {
		p, o := m.owner(t)
		return p, vars{"identityId": p.linkTo(t, o.ID, "https://login.example.com")}
	}},
	{mutation: "createServiceToken", writes: []string{"organization token.create"}, prepare: func(t *testing.T, m *muster) (*person, vars) {
		p, o := m.owner(t)
		return p, vars{"organizationId": o.ID, "name": "Ours", "scopes": []string{"members:read"}}
	}},
	{mutation: "revokeServiceToken", writes: []string{"organization token.revoke"}, prepare: func(t *testing.T, m *muster) (*person, vars) {
		p, o := m.owner(t)
		return p, vars{"serviceTokenId": p.serviceToken(t, o, "members:read").id}
	}},
	{mutation: "enrollTOTP", writes: []string{"account user.2fa-enrollment-started"}, prepare: func(t *testing.T, m *muster) (*person, vars) {
		return m.signUp(t, "Lou"), vars{}
	}},
	{
		mutation: "enrollTOTP", variant: "without proof of the mailbox", code: "MAILBOX_PROOF_REQUIRED",
		writes: []string{"account user.mailbox-proof-sent"},
		prepare: func(t *testing.T, m *muster) (*person, vars) {
			p, _, _ := m.swept(t)
			return p, vars{}
		},
	},
	{mutation: "confirmTOTP", writes: []string{"account user.2fa-added"}, prepare: func(t *testing.T, m *muster) (*person, vars) {
		p := m.signUp(t, "Lou")
		p.startTOTP(t)
		return p, vars{"code": p.code()}
	}},
	{
		mutation: "confirmTOTP", variant: "coming back",
		writes: []string{"organization member.2fa-enabled", "organization member.accept-invite", "account user.2fa-added"},
		prepare: func(t *testing.T, m *muster) (*person, vars) {
			p, _, token := m.swept(t)
			p.do(t, acceptInvite, vars{"t": token}, nil)
			p.startTOTP(t)
			return p, vars{"code": p.code()}
		},
	},
	{
		mutation: "confirmTOTP", variant: "replacing",
		writes: []string{"organization member.2fa-changed", "organization member.2fa-changed", "account user.2fa-added", "account user.2fa-removed"},
		prepare: func(t *testing.T, m *muster) (*person, vars) {
			p, _ := m.owner(t)
			p.replaceTOTP(t, p.authenticator(t))
			return p, vars{"code": p.code()}
		},
	},
	{
		mutation: "startSecurityKeyEnrollment", writes: []string{"account user.2fa-enrollment-started"},
		prepare: func(t *testing.T, m *muster) (*person, vars) { return m.signUp(t, "Lou"), vars{} },
	},
	{mutation: "confirmSecurityKeyEnrollment", writes: []string{"account user.2fa-added"}, prepare: func(t *testing.T, m *muster) (*person, vars) {
		p := m.signUp(t, "Lou")
		return p, vars{"credential": m.key().create(t, p.startKey(t))}
	}},
	{
		mutation: "confirmSecurityKeyEnrollment", variant: "coming back",
		writes: []string{"organization member.2fa-enabled", "organization member.accept-invite", "account user.2fa-added"},
		prepare: func(t *testing.T, m *muster) (*person, vars) {
			p, _, token := m.swept(t)
			p.do(t, acceptInvite, vars{"t": token}, nil)
			return p, vars{"credential": m.key().create(t, p.startKey(t))}
		},
	},
	{mutation: "renameAuthenticator", writes: []string{"account user.2fa-renamed"}, prepare: func(t *testing.T, m *muster) (*person, vars) {
		p := m.someone(t, "Lou")
		return p, vars{"authenticatorId": p.authenticator(t), "name": "Mine"}
	}},
	{
		mutation: "enrollPhone", writes: []string{"account user.2fa-enrollment-started", "account user.code-sent"},
		prepare: func(t *testing.T, m *muster) (*person, vars) {
			return m.signUp(t, "Lou"), vars{"number": phoneNumber()}
		},
	},
	{
		mutation: "confirmPhone", writes: []string{"organization member.2fa-changed", "account user.2fa-added"},
		prepare: func(t *testing.T, m *muster) (*person, vars) {
			p, _ := m.owner(t)
			number := phoneNumber()
			p.do(t, enrollPhone, vars{"n": number}, nil)
			return p, vars{"code": m.text(t, number)}
		},
	},
	{
		mutation: "regenerateRecoveryCodes", writes: []string{"account user.recovery-codes-regenerated"},
		prepare: func(t *testing.T, m *muster) (*person, vars) { return m.someone(t, "Lou"), vars{} },
	},
	{
		mutation: "removeAuthenticator", writes: []string{"organization member.2fa-disabled", "account user.2fa-removed"},
		prepare: func(t *testing.T, m *muster) (*person, vars) {
			p, _ := m.owner(t)
			return p, vars{"authenticatorId": p.authenticator(t)}
		},
	},
	{mutation: "createOrganization", writes: []string{"organization org.create"}, prepare: func(t *testing.T, m *muster) (*person, vars) {
		return m.signUp(t, "Lou"), vars{"slug": "new", "name": "New"}
	}},
	{mutation: "updateOrganization", writes: []string{"organization org.edit"}, prepare: func(t *testing.T, m *muster) (*person, vars) {
		p, o := m.owner(t)
		return p, vars{"organizationId": o.ID, "name": "Other"}
	}},
	{mutation: "createTeam", writes: []string{"organization team.create"}, prepare: func(t *testing.T, m *muster) (*person, vars) {
		p, o := m.owner(t)
		return p, vars{"organizationId": o.ID, "slug": "web", "name": "Web"}
	}},
	{mutation: "createProject", writes: []string{"organization project.create"}, prepare: func(t *testing.T, m *muster) (*person, vars) {
		p, o := m.owner(t)
		return p, vars{"organizationId": o.ID, "teamId": o.createTeam(t, "web"), "slug": "shop", "name": "Shop"}
	}},
	{mutation: "setMemberTeams", writes: []string{"organization member.edit"}, prepare: func(t *testing.T, m *muster) (*person, vars) {
		p, o := m.owner(t)
		return p, vars{"memberId": o.join(t, m.signUp(t, "Mia"), "MEMBER"), "teamIds": []string{o.createTeam(t, "web")}}
	}},
	{mutation: "updateNotificationSettings", writes: []string{"organization member.edit"}, prepare: func(t *testing.T, m *muster) (*person, vars) {
		p, o := m.owner(t)
		return p, vars{"organizationId": o.ID, "membership": false}
	}},
	{
		mutation: "updateNotificationSettings", variant: "security off", writes: []string{"account user.security-mails-off", "organization member.edit"},
		prepare: func(t *testing.T, m *muster) (*person, vars) {
			p, o := m.owner(t)
			return p, vars{"organizationId": o.ID, "security": false}
		},
	},
	{mutation: "inviteMember", writes: []string{"organization member.invite"}, prepare: func(t *testing.T, m *muster) (*person, vars) {
		p, o := m.owner(t)
		return p, vars{"organizationId": o.ID, "email": "new@people.example", "teamIds": []string{o.createTeam(t, "web")}}
	}},
	{
		mutation: "inviteMember", variant: "after the window", writes: []string{"organization member.expired", "organization member.invite"},
		prepare: func(t *testing.T, m *muster) (*person, vars) {
			rex, o, _ := m.swept(t)
			// The app's clock alone moves on: the job that ends memberships goes by the database's.
			m.exec(t, `UPDATE members SET reinstatable_until = clock_timestamp() + interval '1 hour' WHERE status = 'REMOVED_FOR_2FA'`)
			m.clock.Advance(2 * time.Hour)
			return o.Owner, vars{"organizationId": o.ID, "email": rex.Email}
		},
	},
	{mutation: "resendInvite", writes: []string{"organization member.reinvite"}, prepare: func(t *testing.T, m *muster) (*person, vars) {
		p, o := m.owner(t)
		return p, vars{"memberId": o.invite(t, p, "new@people.example", "MEMBER")}
	}},
	{
		mutation: "acceptInvite", variant: "joining", writes: []string{"organization member.accept-invite", "account user.mailbox-proved"},
		prepare: func(t *testing.T, m *muster) (*person, vars) {
			owner, o := m.owner(t)
			p := m.signUp(t, "Mia")
			o.invite(t, owner, p.Email, "MEMBER")
			return p, vars{"token": m.link(t, p.Email, "Join ")}
		},
	},
	{
		mutation: "acceptInvite", variant: "to set up 2FA", writes: []string{"account user.mailbox-proved"},
		prepare: func(t *testing.T, m *muster) (*person, vars) {
			p, _, token := m.swept(t)
			return p, vars{"token": token}
		},
	},
	{mutation: "removeMember", writes: []string{"organization member.remove"}, prepare: func(t *testing.T, m *muster) (*person, vars) {
		p, o := m.owner(t)
		return p, vars{"memberId": o.join(t, m.signUp(t, "Mia"), "MEMBER", o.createTeam(t, "web"))}
	}},
	{mutation: "changeMemberRole", writes: []string{"organization member.edit"}, prepare: func(t *testing.T, m *muster) (*person, vars) {
		p, o := m.owner(t)
		return p, vars{"memberId": o.join(t, m.signUp(t, "Mia"), "MEMBER"), "role": "ADMIN"}
	}},
	{mutation: "leaveOrganization", writes: []string{"organization member.leave"}, prepare: func(t *testing.T, m *muster) (*person, vars) {
		_, o := m.owner(t)
		p := m.signUp(t, "Mia")
		o.join(t, p, "MEMBER")
		return p, vars{"organizationId": o.ID}
	}},
	{
		mutation: "setRequire2FA", variant: "on", writes: []string{"organization org.edit"},
		prepare: func(t *testing.T, m *muster) (*person, vars) {
			p, o := m.owner(t)
			return p, vars{"organizationId": o.ID, "required": true}
		},
	},
	{
		mutation: "setRequire2FA", variant: "off", writes: []string{"organization org.edit"},
		prepare: func(t *testing.T, m *muster) (*person, vars) {
			p, o := m.owner(t)
			o.require(t, true)
			return p, vars{"organizationId": o.ID, "required": false}
		},
	},
	{mutation: "remindMembersWithout2FA", writes: []string{"organization member.remind"}, prepare: func(t *testing.T, m *muster) (*person, vars) {
		p, o := m.owner(t)
		o.join(t, m.signUp(t, "Mia"), "MEMBER")
		return p, vars{"organizationId": o.ID}
	}},
	{mutation: "connectSSO", writes: []string{"organization sso.enable"}, prepare: func(t *testing.T, m *muster) (*person, vars) {
		p, o := m.owner(t)
		return p, connectTo(o.ID)
	}},
	{mutation: "disconnectSSO", writes: []string{"organization sso.disable"}, prepare: func(t *testing.T, m *muster) (*person, vars) {
		p, o := m.owner(t)
		p.do(t, `mutation($i: ConnectSSOInput!) { connectSSO(input: $i) { organization { id } } }`, vars{"i": connectTo(o.ID)}, nil)
		return p, vars{"organizationId": o.ID}
	}},
})

func connectTo(organizationID string) vars {
	return vars{"organizationId": organizationID, "issuer": "https://login.example.com", "clientId": "muster", "clientSecret": "canary secret"}
}
