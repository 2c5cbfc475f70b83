package main

import (
	"slices"
	"testing"

	"muster/db"
)

// mailboxProved is somebody who was removed for 2FA and has used the link of the mail in this session.
func mailboxProved(t *testing.T, w *world, i int) *person {
	t.Helper()
	p := w.returned[i]
	p.do(t, acceptInvite, vars{"t": w.link(t, p.Email, mandatory)}, nil)
	return p
}

// mutationCases are all mutations, in an order in which none spoils what a later one finds.
var mutationCases = []mutationCase{
	{
		own: true, places: at("Mutation.signUp", "SignUpPayload", place{row: "SignUpPayload.session", from: "Mutation.signUp", on: "SessionToken"}),
		by: with(vars{"email": "UNIQUE@people.example", "name": "New", "password": "a long password"}),
	},
	{
		own: true,
		places: at("Mutation.signIn", "SignInPayload",
			place{row: "SignInPayload.session", from: "Mutation.signIn", on: "SessionToken"},
			place{row: "SignInPayload.challenge", from: "Mutation.signIn", on: "SignInChallenge"}),
		by: func(_ *testing.T, w *world, a *actor) (*person, vars) {
			as := a.person
			if a.column == "anonymous" {
				as = w.actors[slices.IndexFunc(w.actors, func(a *actor) bool { return a.column == "without" })].person
			}
			return a.person, vars{"email": as.Email, "password": as.Password}
		},
	},
	{own: true, places: at("Mutation.sendSecondFactorCode(dead)", ""), by: with(vars{"challengeToken": "$dead"})},
	{
		own: true, places: at("Mutation.sendSecondFactorCode", "SendSecondFactorCodePayload"),
		by: func(t *testing.T, w *world, a *actor) (*person, vars) {
			p := w.someone(t, "Phil")
			p.addPhone(t)
			return a.person, vars{"challengeToken": p.challenged(t)}
		},
	},
	{own: true, places: at("Mutation.sendSecondFactorCode(my own)", ""), by: with(vars{})},
	{own: true, places: at("Mutation.startSecurityKeyVerification(dead)", ""), by: with(vars{"challengeToken": "$dead"})},
	{own: true, places: at("Mutation.startSecurityKeyVerification(my own)", ""), by: with(vars{})},
	{
		own: true, places: at("Mutation.startSecurityKeyVerification", "StartSecurityKeyVerificationPayload"),
		by: func(t *testing.T, w *world, a *actor) (*person, vars) {
			p := w.someone(t, "Kay")
			p.addKey(t)
			return a.person, vars{"challengeToken": p.challenged(t)}
		},
	},
	{own: true, places: at("Mutation.startPasskeySignIn", "StartPasskeySignInPayload"), by: with(vars{"clientMutationId": "mine"})},
	{
		own: true, places: at("Mutation.signInWithPasskey(dead)", ""),
		by: func(_ *testing.T, w *world, a *actor) (*person, vars) {
			return a.person, vars{"challengeToken": w.vars["dead"], "credential": vars{}}
		},
	},
	{
		own: true,
		places: at("Mutation.signInWithPasskey", "SignInWithPasskeyPayload",
			place{row: "SignInWithPasskeyPayload.session", from: "Mutation.signInWithPasskey", on: "SessionToken"}),
		by: func(t *testing.T, w *world, a *actor) (*person, vars) {
			key := w.signUp(t, "Pat").addKey(t)
			token, options := w.askPasskey(t)
			return a.person, vars{"challengeToken": token, "credential": key.get(t, options)}
		},
	},
	{
		own: true, places: at("Mutation.confirmIdentity", "ConfirmIdentityPayload"),
		by: func(t *testing.T, _ *world, a *actor) (*person, vars) {
			again := *a.person
			if again.Token != "" {
				again.signIn(t)
			}
			if again.Seed != nil {
				return &again, vars{"code": again.code()}
			}
			return &again, vars{"password": again.Password}
		},
	},
	{own: true, places: at("Mutation.requestPasswordReset", "RequestPasswordResetPayload"), by: with(vars{"email": "UNIQUE@people.example"})},
	{own: true, places: at("Mutation.resetPassword(dead)", ""), by: with(vars{"token": "$dead", "newPassword": "another long one"})},
	{
		own: true, places: at("Mutation.resetPassword", "ResetPasswordPayload"),
		by: func(t *testing.T, w *world, a *actor) (*person, vars) {
			p := w.verified(t, "Vera")
			return a.person, vars{"token": p.resetLink(t), "newPassword": "another long one"}
		},
	},
	{
		own: true,
		places: at("Mutation.changePassword", "ChangePasswordPayload",
			place{row: "ChangePasswordPayload.user", from: "Mutation.changePassword", on: "User/changing"}),
		by: func(t *testing.T, w *world, a *actor) (*person, vars) {
			p := a.person
			if a.column == "outsider" {
				p = w.signUp(t, "Cora") // not one whose tokens and sessions others look at
			}
			return p, vars{"currentPassword": p.Password, "newPassword": p.Password + "!"}
		},
	},
	{own: true, places: at("Mutation.verifyEmail(dead)", ""), by: with(vars{"token": "$dead"})},
	{
		own: true,
		places: at("Mutation.verifyEmail", "VerifyEmailPayload",
			place{row: "VerifyEmailPayload.user", from: "Mutation.verifyEmail", on: "User/own"}),
		by: func(t *testing.T, w *world, a *actor) (*person, vars) {
			if a.Token == "" {
				return a.person, vars{"token": "none"}
			}
			p := w.signUp(t, "Vera")
			return p, vars{"token": w.link(t, p.Email, titleVerify)}
		},
	},
	{
		own: true,
		places: at("Mutation.requestEmailVerification(mine)", "RequestEmailVerificationPayload",
			place{row: "RequestEmailVerificationPayload.user", from: "Mutation.requestEmailVerification(mine)", on: "User/own"}),
		by: func(t *testing.T, w *world, a *actor) (*person, vars) {
			if a.Token == "" {
				return a.person, vars{"clientMutationId": "7"}
			}
			return w.signUp(t, "Vera"), vars{"clientMutationId": "7"}
		},
	},
	{
		own: true,
		places: at("Mutation.changeEmail", "ChangeEmailPayload",
			place{row: "ChangeEmailPayload.user", from: "Mutation.changeEmail", on: "User/changing"}),
		by: func(t *testing.T, w *world, a *actor) (*person, vars) {
			p := a.person
			if a.column == "outsider" {
				p = w.signUp(t, "Chris") // some of whom have a place that freezes their address
			}
			return p, vars{"newEmail": p.Name + "@moved.example"}
		},
	},
	{own: true, places: at("Mutation.verifySecondFactor(dead)", ""), by: with(vars{"challengeToken": "$dead", "code": "123456"})},
	{
		own: true,
		places: at("Mutation.verifySecondFactor", "VerifySecondFactorPayload",
			place{row: "VerifySecondFactorPayload.session", from: "Mutation.verifySecondFactor", on: "SessionToken"}),
		by: func(t *testing.T, w *world, a *actor) (*person, vars) {
			p := w.someone(t, "Vera")
			return a.person, vars{"challengeToken": p.challenged(t), "code": p.code()}
		},
	},
	{own: true, places: at("Mutation.reportNotMe(dead)", ""), by: with(vars{"token": "$dead"})},
	{
		own: true,
		places: at("Mutation.reportNotMe", "ReportNotMePayload",
			place{row: "ReportNotMePayload.alert", from: "Mutation.reportNotMe", on: "AccountAlert"},
			place{row: "ReportNotMePayload.undone", from: "Mutation.reportNotMe", on: "AccountAlert"},
			place{row: "ReportNotMePayload.kept", from: "Mutation.reportNotMe", on: "AccountAlert"}),
		by: func(t *testing.T, w *world, a *actor) (*person, vars) {
			p := w.someone(t, "Nora")
			p.signIn(t)
			p.renewCodes(t)
			token := w.notMe(t, p.Email, madeCodes)
			p.renewCodes(t)
			return a.person, vars{"token": token}
		},
	},
	{
		own: true, places: at("Mutation.signOut", "SignOutPayload"),
		by: func(t *testing.T, _ *world, a *actor) (*person, vars) {
			again := *a.person
			if again.Token != "" {
				again.signIn(t)
			}
			return &again, vars{}
		},
	},
	{
		own: true,
		places: at("Mutation.endSession", "EndSessionPayload",
			place{row: "EndSessionPayload.user", from: "Mutation.endSession", on: "User/own"}),
		by: func(t *testing.T, w *world, a *actor) (*person, vars) {
			if a.column == "anonymous" {
				return a.person, vars{"sessionId": w.vars["session"]}
			}
			again := *a.person
			again.signIn(t)
			return a.person, vars{"sessionId": again.newestSession(t)}
		},
	},
	{places: at("Mutation.endSession(another's)", ""), by: with(vars{"sessionId": "$session"})},
	{
		own: true,
		places: at("Mutation.endOtherSessions", "EndOtherSessionsPayload",
			place{row: "EndOtherSessionsPayload.user", from: "Mutation.endOtherSessions", on: "User/own"}),
		by: func(t *testing.T, w *world, a *actor) (*person, vars) {
			if a.column == "outsider" {
				a = &actor{person: w.someone(t, "Sam")}
			}
			return a.person, vars{"clientMutationId": "mine"}
		},
	},
	{
		own: true,
		places: at("Mutation.createPersonalToken", "CreatePersonalTokenPayload",
			place{row: "CreatePersonalTokenPayload.personalToken", from: "Mutation.createPersonalToken", on: "PersonalToken"}),
		by: with(vars{"name": "Mine", "scopes": []string{"members:read"}}),
	},
	{
		own: true,
		places: at("Mutation.revokePersonalToken", "RevokePersonalTokenPayload",
			place{row: "RevokePersonalTokenPayload.user", from: "Mutation.revokePersonalToken", on: "User/own"}),
		by: func(t *testing.T, w *world, a *actor) (*person, vars) {
			if a.column == "anonymous" {
				return a.person, vars{"personalTokenId": w.vars["personalToken"]}
			}
			return a.person, vars{"personalTokenId": a.keepToken(t)}
		},
	},
	{
		own: true,
		places: at("Mutation.unlinkIdentity", "UnlinkIdentityPayload",
			place{row: "UnlinkIdentityPayload.user", from: "Mutation.unlinkIdentity", on: "User/own"}),
		by: func(t *testing.T, w *world, a *actor) (*person, vars) {
			if a.column == "anonymous" {
				return a.person, vars{"identityId": w.vars["identity"]}
			}
			return a.person, vars{"identityId": a.linkTo(t, w.o.ID, "https://next.example.com")}
		},
	},
	{places: at("Mutation.unlinkIdentity(another's)", ""), by: with(vars{"identityId": "$identity"})},
	{places: at("Mutation.revokePersonalToken(another's)", ""), by: with(vars{"personalTokenId": "$personalToken"})},
	{own: true, places: at("Mutation.enrollTOTP", "EnrollTOTPPayload"), by: with(vars{})},
	{own: true, places: at("Mutation.confirmTOTP(wrong code)", ""), by: with(vars{"code": "12345"})},
	{
		own: true, places: at("Mutation.enrollPhone", "EnrollPhonePayload"),
		by: func(_ *testing.T, _ *world, a *actor) (*person, vars) {
			return a.person, vars{"number": phoneNumber()}
		},
	},
	{own: true, places: at("Mutation.confirmPhone(wrong code)", ""), by: with(vars{"code": "12345"})},
	{own: true, places: at("Mutation.startSecurityKeyEnrollment", "StartSecurityKeyEnrollmentPayload"), by: with(vars{})},
	{
		own: true, places: at("Mutation.confirmSecurityKeyEnrollment(another challenge's)", ""),
		by: func(t *testing.T, w *world, a *actor) (*person, vars) {
			return a.person, vars{"credential": w.key().create(t, w.signUp(t, "Kim").startKey(t))}
		},
	},
	{
		own: true,
		places: at("Mutation.acceptInvite", "AcceptInvitePayload",
			append(memberOf("AcceptInvitePayload", "Mutation.acceptInvite", "Member/own"),
				place{row: "AcceptInvitePayload.reinstated", from: "Mutation.acceptInvite", on: "Reinstated"})...),
		by: func(t *testing.T, w *world, a *actor) (*person, vars) {
			switch a.column {
			case "member":
				p := w.someone(t, "Nia")
				w.o.invite(t, w.o.Owner, p.Email, "MEMBER", w.vars["team"].(string))
				return p, vars{"token": w.link(t, p.Email, "Join ")}
			case "removed":
				return w.returned[0], vars{"token": w.link(t, w.returned[0].Email, mandatory)}
			}
			return a.person, vars{"token": w.vars["token"]}
		},
	},
	{
		own: true,
		places: at("Mutation.confirmTOTP", "ConfirmTOTPPayload",
			append(reinstatedOf("ConfirmTOTPPayload", "Mutation.confirmTOTP"),
				place{row: "ConfirmTOTPPayload.authenticator", from: "Mutation.confirmTOTP", on: "Authenticator"})...),
		by: func(t *testing.T, w *world, a *actor) (*person, vars) {
			if a.column == "anonymous" {
				return a.person, vars{"code": "123456"}
			}
			p := mailboxProved(t, w, 0)
			p.startTOTP(t)
			return p, vars{"code": p.code()}
		},
	},
	{
		own: true,
		places: at("Mutation.confirmPhone", "ConfirmPhonePayload",
			append(reinstatedOf("ConfirmPhonePayload", "Mutation.confirmPhone"),
				place{row: "ConfirmPhonePayload.authenticator", from: "Mutation.confirmPhone", on: "Authenticator"})...),
		by: func(t *testing.T, w *world, a *actor) (*person, vars) {
			if a.column == "anonymous" {
				return a.person, vars{"code": "123456"}
			}
			p := mailboxProved(t, w, 1)
			number := phoneNumber()
			p.do(t, enrollPhone, vars{"n": number}, nil)
			return p, vars{"code": w.text(t, number)}
		},
	},
	{
		own: true,
		places: at("Mutation.confirmSecurityKeyEnrollment", "ConfirmSecurityKeyEnrollmentPayload",
			append(reinstatedOf("ConfirmSecurityKeyEnrollmentPayload", "Mutation.confirmSecurityKeyEnrollment"),
				place{row: "ConfirmSecurityKeyEnrollmentPayload.authenticator", from: "Mutation.confirmSecurityKeyEnrollment", on: "Authenticator"})...),
		by: func(t *testing.T, w *world, a *actor) (*person, vars) {
			if a.column == "anonymous" {
				return a.person, vars{"credential": vars{}}
			}
			p := mailboxProved(t, w, 3)
			return p, vars{"credential": w.key().create(t, p.startKey(t))}
		},
	},
	{
		own: true,
		places: at("Mutation.acceptInvite(coming back)", "AcceptInvitePayload/back",
			append(memberOf("AcceptInvitePayload/back", "Mutation.acceptInvite(coming back)", "Member/own"),
				reinstatedOf("AcceptInvitePayload/back", "Mutation.acceptInvite(coming back)")...)...),
		by: func(t *testing.T, w *world, a *actor) (*person, vars) {
			p := w.returned[2]
			token := w.link(t, p.Email, mandatory)
			if a.column != "anonymous" {
				// A factor that the account got while no organization asked for it.
				w.exec(t, `INSERT INTO authenticators (id, user_id, kind, name, confirmed_at) SELECT $1, id, 'TOTP', 'App', clock_timestamp() FROM users WHERE email = $2`,
					db.NewID(db.AuthenticatorID), p.Email)
				w.exec(t, `UPDATE sessions SET proved_at = clock_timestamp() WHERE user_id = (SELECT id FROM users WHERE email = $1)`, p.Email)
				return p, vars{"token": token}
			}
			return a.person, vars{"token": token}
		},
	},
	{own: true, places: at("Mutation.acceptInvite(dead)", ""), by: with(vars{"token": "$dead"})},
	{
		places: at("Mutation.acceptInvite(another's)", ""),
		by: func(t *testing.T, w *world, a *actor) (*person, vars) {
			return a.person, vars{"token": w.link(t, "waiting-MEMBER@people.example", "Join ")}
		},
	},
	{
		own: true, places: at("Mutation.regenerateRecoveryCodes", "RegenerateRecoveryCodesPayload"),
		by: with(vars{"clientMutationId": "mine"}),
	},
	{places: at("Mutation.renameAuthenticator(another's)", ""), by: with(vars{"authenticatorId": "$factor", "name": "Mine"})},
	{
		own: true,
		places: at("Mutation.renameAuthenticator", "RenameAuthenticatorPayload",
			place{row: "RenameAuthenticatorPayload.authenticator", from: "Mutation.renameAuthenticator", on: "Authenticator"}),
		by: with(vars{"authenticatorId": "$myFactor", "name": "Mine"}),
	},
	{places: at("Mutation.removeAuthenticator(another's)", ""), by: with(vars{"authenticatorId": "$factor"})},
	{
		own: true,
		places: at("Mutation.removeAuthenticator", "RemoveAuthenticatorPayload",
			place{row: "RemoveAuthenticatorPayload.user", from: "Mutation.removeAuthenticator", on: "User/own"}),
		by: func(t *testing.T, w *world, a *actor) (*person, vars) {
			if a.column == "outsider" {
				p := w.someone(t, "Sam")
				return p, vars{"authenticatorId": p.authenticator(t)}
			}
			return a.person, vars{"authenticatorId": a.vars["myFactor"]}
		},
	},
	{
		own: true,
		places: at("Mutation.createOrganization", "CreateOrganizationPayload",
			place{row: "CreateOrganizationPayload.organization", from: "Mutation.createOrganization", on: "Organization/new"},
			place{row: "Organization/new.require2FAImpact", from: "CreateOrganizationPayload.organization", on: "Require2FAImpact/new"},
			place{row: "Require2FAImpact/new.refusal", from: "Organization/new.require2FAImpact", on: "Refusal"}),
		by: with(vars{"slug": "new-UNIQUE", "name": "New"}),
	},
	{
		places: at("Mutation.createServiceToken", "CreateServiceTokenPayload",
			place{row: "CreateServiceTokenPayload.serviceToken", from: "Mutation.createServiceToken", on: "ServiceToken"}),
		by: with(vars{"organizationId": "$org", "name": "Ours", "scopes": []string{"members:read"}}),
	},
	{
		places: at("Mutation.revokeServiceToken", "RevokeServiceTokenPayload",
			place{row: "RevokeServiceTokenPayload.organization", from: "Mutation.revokeServiceToken", on: "Organization"}),
		by: func(t *testing.T, w *world, a *actor) (*person, vars) {
			if a.column == "owner" {
				return a.person, vars{"serviceTokenId": a.serviceToken(t, w.o, "members:read").id}
			}
			return a.person, vars{"serviceTokenId": w.vars["serviceToken"]}
		},
	},
	{places: at("Mutation.revokeServiceToken(foreign)", ""), by: with(vars{"serviceTokenId": "$foreignServiceToken"})},
	{
		places: at("Mutation.updateOrganization", "UpdateOrganizationPayload",
			place{row: "UpdateOrganizationPayload.organization", from: "Mutation.updateOrganization", on: "Organization"}),
		by: with(vars{"organizationId": "$org", "name": "Renamed"}),
	},
	{
		places: at("Mutation.setMemberTeams", "SetMemberTeamsPayload", memberOf("SetMemberTeamsPayload", "Mutation.setMemberTeams", "Member/other")...),
		by:     with(vars{"memberId": "$vic", "teamIds": []string{"$team"}}),
	},
	{places: at("Mutation.setMemberTeams(an owner's)", ""), by: with(vars{"memberId": "$olivia", "teamIds": []string{}})},
	{places: at("Mutation.setMemberTeams(foreign)", ""), by: with(vars{"memberId": "$foreign", "teamIds": []string{}})},
	{places: at("Mutation.setMemberTeams(foreign team)", ""), by: with(vars{"memberId": "$vic", "teamIds": []string{"$foreignTeam"}})},
	{
		places: at("Mutation.updateNotificationSettings", "UpdateNotificationSettingsPayload",
			memberOf("UpdateNotificationSettingsPayload", "Mutation.updateNotificationSettings", "Member/own")...),
		by: with(vars{"organizationId": "$org", "security": false}),
	},
	{
		places: at("Mutation.inviteMember", "InviteMemberPayload", memberOf("InviteMemberPayload", "Mutation.inviteMember", "Member/invited")...),
		by:     with(vars{"organizationId": "$org", "email": "UNIQUE@people.example"}),
	},
	{places: at("Mutation.inviteMember(an owner)", ""), by: with(vars{"organizationId": "$org", "email": "UNIQUE@people.example", "role": "OWNER"})},
	{
		places: at("Mutation.inviteMember(foreign team)", ""),
		by:     with(vars{"organizationId": "$org", "email": "UNIQUE@people.example", "teamIds": []string{"$foreignTeam"}}),
	},
	{
		places: at("Mutation.resendInvite", "ResendInvitePayload", memberOf("ResendInvitePayload", "Mutation.resendInvite", "Member/invited")...),
		by:     with(vars{"memberId": "$ivy"}),
	},
	{places: at("Mutation.resendInvite(an owner's)", ""), by: func(_ *testing.T, w *world, a *actor) (*person, vars) {
		return a.person, vars{"memberId": w.invites["OWNER"]}
	}},
	{places: at("Mutation.resendInvite(foreign)", ""), by: with(vars{"memberId": "$foreign"})},
	{
		places: at("Mutation.removeMember", "RemoveMemberPayload",
			place{row: "RemoveMemberPayload.organization", from: "Mutation.removeMember", on: "Organization"}),
		by: func(_ *testing.T, w *world, a *actor) (*person, vars) {
			if a.column == "manager" {
				return a.person, vars{"memberId": w.invites["ADMIN"]}
			}
			return a.person, vars{"memberId": w.invites["MANAGER"]}
		},
	},
	{places: at("Mutation.removeMember(an owner)", ""), by: with(vars{"memberId": "$olivia"})},
	{places: at("Mutation.removeMember(foreign)", ""), by: with(vars{"memberId": "$foreign"})},
	{
		places: at("Mutation.changeMemberRole", "ChangeMemberRolePayload", memberOf("ChangeMemberRolePayload", "Mutation.changeMemberRole", "Member/other")...),
		by: func(_ *testing.T, w *world, a *actor) (*person, vars) {
			if a.column == "manager" {
				return a.person, vars{"memberId": w.vars["vic"], "role": "MEMBER"}
			}
			return a.person, vars{"memberId": w.vars["vic"], "role": "ADMIN"}
		},
	},
	{places: at("Mutation.changeMemberRole(to owner)", ""), by: with(vars{"memberId": "$vic", "role": "OWNER"})},
	{places: at("Mutation.changeMemberRole(an owner's)", ""), by: with(vars{"memberId": "$olivia", "role": "MEMBER"})},
	{places: at("Mutation.changeMemberRole(my own up)", ""), by: with(vars{"memberId": "$mine", "role": "OWNER"})},
	{places: at("Mutation.changeMemberRole(foreign)", ""), by: with(vars{"memberId": "$foreign", "role": "MEMBER"})},
	{
		places: at("Mutation.leaveOrganization", "LeaveOrganizationPayload",
			place{row: "LeaveOrganizationPayload.user", from: "Mutation.leaveOrganization", on: "User/gone"}),
		by: func(t *testing.T, w *world, a *actor) (*person, vars) {
			role := map[string]string{"manager": "MANAGER", "admin": "ADMIN", "member": "MEMBER"}[a.column]
			if role == "" {
				return a.person, vars{"organizationId": w.o.ID}
			}
			return w.member(t, role), vars{"organizationId": w.o.ID}
		},
	},
	{
		places: at("Mutation.remindMembersWithout2FA", "RemindMembersWithout2FAPayload"),
		by: func(t *testing.T, w *world, a *actor) (*person, vars) {
			if a.column == "manager" { // who comes after the owner
				w.exec(t, `UPDATE organizations SET reminded_at = NULL`)
			}
			return a.person, vars{"organizationId": w.o.ID}
		},
	},
	{
		places: at("Mutation.createTeam", "CreateTeamPayload", place{row: "CreateTeamPayload.team", from: "Mutation.createTeam", on: "Team"}),
		by:     with(vars{"organizationId": "$org", "slug": "t-UNIQUE", "name": "New"}),
	},
	{
		places: at("Mutation.createProject", "CreateProjectPayload", place{row: "CreateProjectPayload.project", from: "Mutation.createProject", on: "Project"}),
		by:     with(vars{"organizationId": "$org", "teamId": "$team", "slug": "p-UNIQUE", "name": "New"}),
	},
	{
		places: at("Mutation.createProject(foreign team)", ""),
		by:     with(vars{"organizationId": "$org", "teamId": "$foreignTeam", "slug": "p-UNIQUE", "name": "New"}),
	},
	{places: at("Mutation.connectSSO", ""), by: func(_ *testing.T, w *world, a *actor) (*person, vars) { return a.person, connectTo(w.o.ID) }},
	{
		places: at("Mutation.connectSSO(elsewhere)", "ConnectSSOPayload",
			place{row: "ConnectSSOPayload.organization", from: "Mutation.connectSSO(elsewhere)", on: "Organization/new"}),
		by: func(_ *testing.T, w *world, a *actor) (*person, vars) { return a.person, connectTo(w.b.ID) },
	},
	{places: at("Mutation.disconnectSSO", ""), by: with(vars{"organizationId": "$org"})},
	{
		places: at("Mutation.disconnectSSO(elsewhere)", "DisconnectSSOPayload",
			place{row: "DisconnectSSOPayload.organization", from: "Mutation.disconnectSSO(elsewhere)", on: "Organization/new"}),
		by: func(_ *testing.T, w *world, a *actor) (*person, vars) {
			return a.person, vars{"organizationId": w.b.ID}
		},
	},
	{places: at("Mutation.setRequire2FA", ""), by: with(vars{"organizationId": "$org", "required": false})},
	{
		places: at("Mutation.setRequire2FA(elsewhere)", "SetRequire2FAPayload",
			place{row: "SetRequire2FAPayload.organization", from: "Mutation.setRequire2FA(elsewhere)", on: "Organization/new"},
			place{row: "SetRequire2FAPayload.sweep", from: "Mutation.setRequire2FA(elsewhere)", on: "Sweep"}),
		by: func(_ *testing.T, w *world, a *actor) (*person, vars) {
			return a.person, vars{"organizationId": w.b.ID, "required": true}
		},
	},
}
