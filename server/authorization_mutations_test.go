package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"muster/db"
)

// mutationTable goes on with the table.
const mutationTable = `
                                          owner manager admin member  removed without unproved outsider anonymous
Mutation.signUp                           ok    ok    ok    ok        ok    ok    ok          ok    ok
SignUpPayload.session                     ok    ok    ok    ok        ok    ok    ok          ok    ok
SessionToken.token                        ok    ok    ok    ok        ok    ok    ok          ok    ok
SessionToken.expiresAt                    ok    ok    ok    ok        ok    ok    ok          ok    ok
Mutation.signIn                           ok    ok    ok    ok        ok    ok    ok          ok    ok
SignInPayload.session                     null  null  null  null      ok    ok    null        any   ok
SignInPayload.challenge                   ok    ok    ok    ok        null  null  ok          any   null
SignInChallenge.token                     ok    ok    ok    ok        -     -     ok          -     -
SignInChallenge.methods                   ok    ok    ok    ok        -     -     ok          -     -
SignInChallenge.expiresAt                 ok    ok    ok    ok        -     -     ok          -     -
Mutation.sendSecondFactorCode             -     -     -     -         -     -     -           -     ok
Mutation.sendSecondFactorCode(dead)       CODE  CODE  CODE  CODE      CODE  CODE  CODE        CODE  CODE
Mutation.sendSecondFactorCode(my own)     STATE STATE STATE STATE     STATE STATE STATE       STATE 401
SendSecondFactorCodePayload.sentTo        -     -     -     -         -     -     -           -     ok
SendSecondFactorCodePayload.expiresAt     -     -     -     -         -     -     -           -     ok
Mutation.startSecurityKeyVerification     -     -     -     -         -     -     -           -     ok
Mutation.startSecurityKeyVerification(dead)    CODE CODE CODE CODE    CODE  CODE  CODE        CODE  CODE
Mutation.startSecurityKeyVerification(my own)  STATE STATE STATE STATE STATE STATE STATE      STATE 401
StartSecurityKeyVerificationPayload.options    -    -    -    -       -     -     -           -     ok
StartSecurityKeyVerificationPayload.expiresAt  -    -    -    -       -     -     -           -     ok
Mutation.startPasskeySignIn               ok    ok    ok    ok        ok    ok    ok          ok    ok
StartPasskeySignInPayload.challengeToken  ok    ok    ok    ok        ok    ok    ok          ok    ok
StartPasskeySignInPayload.options         ok    ok    ok    ok        ok    ok    ok          ok    ok
StartPasskeySignInPayload.expiresAt       ok    ok    ok    ok        ok    ok    ok          ok    ok
StartPasskeySignInPayload.clientMutationId ok   ok    ok    ok        ok    ok    ok          ok    ok
Mutation.signInWithPasskey                -     -     -     -         -     -     -           -     ok
Mutation.signInWithPasskey(dead)          CODE  CODE  CODE  CODE      CODE  CODE  CODE        CODE  CODE
SignInWithPasskeyPayload.session          -     -     -     -         -     -     -           -     ok
Mutation.verifySecondFactor               -     -     -     -         -     -     -           -     ok
Mutation.verifySecondFactor(dead)         CODE  CODE  CODE  CODE      CODE  CODE  CODE        CODE  CODE
VerifySecondFactorPayload.session         -     -     -     -         -     -     -           -     ok
Mutation.confirmIdentity                  ok    ok    ok    ok        ok    ok    ok          ok    401
ConfirmIdentityPayload.freshUntil         ok    ok    ok    ok        ok    ok    ok          ok    -
VerifySecondFactorPayload.nextStep        -     -     -     -         -     -     -           -     ok
Mutation.reportNotMe                      ok    ok    ok    ok        ok    ok    ok          ok    ok
Mutation.reportNotMe(dead)                LINK  LINK  LINK  LINK      LINK  LINK  LINK        LINK  LINK
ReportNotMePayload.alert                  ok    ok    ok    ok        ok    ok    ok          ok    ok
ReportNotMePayload.locked                 ok    ok    ok    ok        ok    ok    ok          ok    ok
ReportNotMePayload.alreadyReported        ok    ok    ok    ok        ok    ok    ok          ok    ok
ReportNotMePayload.undone                 #1    #1    #1    #1        #1    #1    #1          #1    #1
ReportNotMePayload.kept                   #1    #1    #1    #1        #1    #1    #1          #1    #1
Mutation.requestPasswordReset             ok    ok    ok    ok        ok    ok    ok          ok    ok
RequestPasswordResetPayload.ok            ok    ok    ok    ok        ok    ok    ok          ok    ok
Mutation.resetPassword                    -     -     -     -         -     -     -           -     ok
Mutation.resetPassword(dead)              LINK  LINK  LINK  LINK      LINK  LINK  LINK        LINK  LINK
ResetPasswordPayload.ok                   -     -     -     -         -     -     -           -     ok
ResetPasswordPayload.locked               -     -     -     -         -     -     -           -     ok
Mutation.changePassword                   -     -     -     -         -     -     STEP        ok    401
ChangePasswordPayload.user                -     -     -     -         -     -     -           ok    -
Mutation.verifyEmail(dead)                LINK  LINK  LINK  LINK      LINK  LINK  LINK        LINK  401
Mutation.verifyEmail                      -     -     -     -         -     -     -           ok    401
VerifyEmailPayload.user                   -     -     -     -         -     -     -           ok    -
Mutation.requestEmailVerification(mine)   -     -     -     -         -     -     -           ok    401
RequestEmailVerificationPayload.user      -     -     -     -         -     -     -           ok    -
RequestEmailVerificationPayload.clientMutationId - - - -              -     -     -           ok    -
Mutation.changeEmail                      -     -     -     -         STATE STATE STEP        ok    401
ChangeEmailPayload.user                   -     -     -     -         -     -     -           ok    -
Mutation.signOut                          ok    ok    ok    ok        ok    ok    ok          ok    401
SignOutPayload.ok                         ok    ok    ok    ok        ok    ok    ok          ok    -
Mutation.endSession                       ok    ok    ok    ok        ok    ok    ok          ok    401
Mutation.endSession(another's)            404   404   404   404       404   404   404         404   401
EndSessionPayload.user                    ok    ok    ok    ok        ok    ok    ok          ok    -
Mutation.endOtherSessions                 -     -     -     -         -     -     -           ok    401
EndOtherSessionsPayload.user              -     -     -     -         -     -     -           ok    -
EndOtherSessionsPayload.clientMutationId  -     -     -     -         -     -     -           ok    -
Mutation.createPersonalToken              ok    ok    ok    ok        ok    ok    STEP        ok    401
CreatePersonalTokenPayload.token          ok    ok    ok    ok        ok    ok    -           ok    -
CreatePersonalTokenPayload.personalToken  ok    ok    ok    ok        ok    ok    -           ok    -
Mutation.revokePersonalToken              ok    ok    ok    ok        ok    ok    STEP        ok    401
Mutation.revokePersonalToken(another's)   404   404   404   404       404   404   STEP        404   401
RevokePersonalTokenPayload.user           ok    ok    ok    ok        ok    ok    -           ok    -
Mutation.unlinkIdentity                   ok    ok    ok    ok        ok    ok    STEP        ok    401
Mutation.unlinkIdentity(another's)        404   404   404   404       404   404   404         404   401
UnlinkIdentityPayload.user                ok    ok    ok    ok        ok    ok    -           ok    -

Mutation.enrollTOTP                       ok    ok    ok    ok        MAIL  MAIL  STEP        ok    401
EnrollTOTPPayload.secret                  ok    ok    ok    ok        -     -     -           ok    -
EnrollTOTPPayload.uri                     ok    ok    ok    ok        -     -     -           ok    -
EnrollTOTPPayload.qrCode                  ok    ok    ok    ok        -     -     -           ok    -
Mutation.confirmTOTP(wrong code)          CODE  CODE  CODE  CODE      STATE STATE STATE       CODE  401
Mutation.confirmTOTP                      -     -     -     ok        -     -     -           -     401
ConfirmTOTPPayload.authenticator          -     -     -     ok        -     -     -           -     -
ConfirmTOTPPayload.recoveryCodes          -     -     -     #10       -     -     -           -     -
ConfirmTOTPPayload.reinstated             -     -     -     #1        -     -     -           -     -
Reinstated.organization                   -     -     -     ok        -     -     -           -     -
Reinstated.member                         -     -     -     ok        -     -     -           -     -
Reinstated.restored                       -     -     -     ok        -     -     -           -     -
Reinstated.skipped                        -     -     -     none      -     -     -           -     -
ReinstatementSkip.what                    -     -     -     -         -     -     -           -     -
ReinstatementSkip.reason                  -     -     -     -         -     -     -           -     -
Mutation.enrollPhone                      ok    ok    ok    ok        MAIL  MAIL  STEP        ok    401
EnrollPhonePayload.sentTo                 ok    ok    ok    ok        -     -     -           ok    -
EnrollPhonePayload.expiresAt              ok    ok    ok    ok        -     -     -           ok    -
Mutation.confirmPhone(wrong code)         CODE  CODE  CODE  CODE      STATE STATE STATE       CODE  401
Mutation.confirmPhone                     -     -     -     ok        -     -     -           -     401
ConfirmPhonePayload.authenticator         -     -     -     ok        -     -     -           -     -
ConfirmPhonePayload.recoveryCodes         -     -     -     #10       -     -     -           -     -
ConfirmPhonePayload.reinstated            -     -     -     #1        -     -     -           -     -
Mutation.startSecurityKeyEnrollment       ok    ok    ok    ok        MAIL  MAIL  STEP        ok    401
StartSecurityKeyEnrollmentPayload.options   ok  ok    ok    ok        -     -     -           ok    -
StartSecurityKeyEnrollmentPayload.expiresAt ok  ok    ok    ok        -     -     -           ok    -
Mutation.confirmSecurityKeyEnrollment(another challenge's) CODE CODE CODE CODE STATE STATE STATE CODE 401
Mutation.confirmSecurityKeyEnrollment             -  -  -   ok        -     -     -           -     401
ConfirmSecurityKeyEnrollmentPayload.authenticator -  -  -   ok        -     -     -           -     -
ConfirmSecurityKeyEnrollmentPayload.recoveryCodes -  -  -   #10       -     -     -           -     -
ConfirmSecurityKeyEnrollmentPayload.reinstated    -  -  -   #1        -     -     -           -     -
Mutation.renameAuthenticator              ok    ok    ok    ok        -     -     STEP        -     401
Mutation.renameAuthenticator(another's)   404   404   404   404       404   404   STEP        404   401
RenameAuthenticatorPayload.authenticator  ok    ok    ok    ok        -     -     -           -     -
Mutation.regenerateRecoveryCodes          ok    ok    ok    ok        STATE STATE STEP        STATE|ok 401
RegenerateRecoveryCodesPayload.recoveryCodes     #10 #10 #10 #10      -     -     -           -     -
RegenerateRecoveryCodesPayload.clientMutationId  ok  ok  ok  ok       -     -     -           -     -
Mutation.removeAuthenticator              LAST  LAST  LAST  LAST      -     -     STEP        ok    401
Mutation.removeAuthenticator(another's)   404   404   404   404       404   404   STEP        404   401
RemoveAuthenticatorPayload.user           -     -     -     -         -     -     -           ok    -

                                          owner manager admin member  removed without unproved outsider anonymous
Mutation.createOrganization               ok    ok    ok    ok        ok    ok    ok          ok    401
CreateOrganizationPayload.organization    ok    ok    ok    ok        ok    ok    ok          ok    -
Mutation.updateOrganization               ok    ROLE  ROLE  ROLE      2FA   2FA   STEP        404   401
UpdateOrganizationPayload.organization    ok    -     -     -         -     -     -           -     -
Mutation.setMemberTeams                   ok    ok    ok    ROLE      2FA   2FA   STEP        404   401
Mutation.setMemberTeams(an owner's)       ok    ROLE  ROLE  ROLE      2FA   2FA   STEP        404   401
Mutation.setMemberTeams(foreign)          404   404   404   404       404   404   404         -     401
Mutation.setMemberTeams(foreign team)     404   404   404   ROLE      2FA   2FA   STEP        404   401
SetMemberTeamsPayload.member              ok    ok    ok    -         -     -     -           -     -
Mutation.updateNotificationSettings       ok    ok    ok    ok        2FA   2FA   STEP        404   401
UpdateNotificationSettingsPayload.member  ok    ok    ok    ok        -     -     -           -     -
Mutation.inviteMember                     ok    ok    ROLE  ROLE      2FA   2FA   STEP        404   401
Mutation.inviteMember(an owner)           ok    ROLE  ROLE  ROLE      2FA   2FA   STEP        404   401
Mutation.inviteMember(foreign team)       404   404   ROLE  ROLE      2FA   2FA   STEP        404   401
InviteMemberPayload.member                ok    ok    -     -         -     -     -           -     -
Mutation.resendInvite                     ok    ok    ROLE  ROLE      2FA   2FA   STEP        404   401
Mutation.resendInvite(an owner's)         ok    ROLE  ROLE  ROLE      2FA   2FA   STEP        404   401
Mutation.resendInvite(foreign)            404   404   404   404       404   404   404         -     401
ResendInvitePayload.member                ok    ok    -     -         -     -     -           -     -
Mutation.acceptInvite                     -     -     -     ok        ok    -     -           -     401
Mutation.acceptInvite(dead)               LINK  LINK  LINK  LINK      LINK  LINK  LINK        LINK  401
Mutation.acceptInvite(another's)          LINK  LINK  LINK  LINK      LINK  LINK  LINK        LINK  401
Mutation.acceptInvite(coming back)        -     -     -     ok        -     -     -           -     401
AcceptInvitePayload.nextStep              -     -     -     ok        ok    -     -           -     -
AcceptInvitePayload.member                -     -     -     ok        ok    -     -           -     -
AcceptInvitePayload.reinstated            -     -     -     none      none  -     -           -     -
AcceptInvitePayload/back.nextStep         -     -     -     ok        -     -     -           -     -
AcceptInvitePayload/back.member           -     -     -     ok        -     -     -           -     -
AcceptInvitePayload/back.reinstated       -     -     -     #1        -     -     -           -     -
Mutation.removeMember                     ok    ok    ROLE  ROLE      2FA   2FA   STEP        404   401
Mutation.removeMember(an owner)           STATE ROLE  ROLE  ROLE      2FA   2FA   STEP        404   401
Mutation.removeMember(foreign)            404   404   404   404       404   404   404         -     401
RemoveMemberPayload.organization          ok    ok    -     -         -     -     -           -     -
RemoveMemberPayload.removedMemberId       ok    ok    -     -         -     -     -           -     -
Mutation.changeMemberRole                 ok    ok    ROLE  ROLE      2FA   2FA   STEP        404   401
Mutation.changeMemberRole(to owner)       -     ROLE  ROLE  ROLE      2FA   2FA   STEP        404   401
Mutation.changeMemberRole(an owner's)     OWNER ROLE  ROLE  ROLE      2FA   2FA   STEP        404   401
Mutation.changeMemberRole(my own up)      -     ROLE  ROLE  ROLE      2FA   2FA   STEP        404   401
Mutation.changeMemberRole(foreign)        404   404   404   404       404   404   404         -     401
ChangeMemberRolePayload.member            ok    ok    -     -         -     -     -           -     -
Mutation.leaveOrganization                OWNER ok    ok    ok        2FA   2FA   STEP        404   401
LeaveOrganizationPayload.user             -     ok    ok    ok        -     -     -           -     -
Mutation.remindMembersWithout2FA          ok    ok    ROLE  ROLE      2FA   2FA   STEP        404   401
RemindMembersWithout2FAPayload.remindedCount ok ok    -     -         -     -     -           -     -
Mutation.createTeam                       ok    ok    ok    ROLE      2FA   2FA   STEP        404   401
CreateTeamPayload.team                    ok    ok    ok    -         -     -     -           -     -
Mutation.createProject                    ok    ok    ok    ROLE      2FA   2FA   STEP        404   401
Mutation.createProject(foreign team)      404   404   404   ROLE      2FA   2FA   STEP        404   401
CreateProjectPayload.project              ok    ok    ok    -         -     -     -           -     -
Mutation.createServiceToken               ok    ROLE  ROLE  ROLE      2FA   2FA   STEP        404   401
CreateServiceTokenPayload.token           ok    -     -     -         -     -     -           -     -
CreateServiceTokenPayload.serviceToken    ok    -     -     -         -     -     -           -     -
Mutation.revokeServiceToken               ok    ROLE  ROLE  ROLE      2FA   2FA   STEP        404   401
Mutation.revokeServiceToken(foreign)      404   404   404   404       404   404   404         -     401
RevokeServiceTokenPayload.organization    ok    -     -     -         -     -     -           -     -
Mutation.connectSSO                       ON    ROLE  ROLE  ROLE      2FA   2FA   STEP        404   401
Mutation.connectSSO(elsewhere)            ok    404   404   404       404   404   404         404   401
ConnectSSOPayload.organization            ok    -     -     -         -     -     -           -     -
Mutation.disconnectSSO                    ON    ROLE  ROLE  ROLE      2FA   2FA   STEP        404   401
Mutation.disconnectSSO(elsewhere)         ok    404   404   404       404   404   404         404   401
DisconnectSSOPayload.organization         ok    -     -     -         -     -     -           -     -
Mutation.setRequire2FA                    -     ROLE  ROLE  ROLE      2FA   2FA   STEP        404   401
Mutation.setRequire2FA(elsewhere)         ok    404   404   404       404   404   404         404   401
SetRequire2FAPayload.organization         ok    -     -     -         -     -     -           -     -
SetRequire2FAPayload.sweep                ok    -     -     -         -     -     -           -     -
`

// mutationCase is one mutation, by everybody.
type mutationCase struct {
	places []place // the mutation itself and where its payload leads
	// own says that it concerns an account alone, so that a refusal may leave a trace there.
	own bool
	// by makes the input. Who calls is the actor, or somebody made to play the part where it can be played once.
	by func(t *testing.T, w *world, a *actor) (*person, vars)
}

// with is the same input for everybody; $name stands for what the actor's documents know by it.
func with(input vars) func(*testing.T, *world, *actor) (*person, vars) {
	return func(_ *testing.T, w *world, a *actor) (*person, vars) {
		known, filled := w.values(a), vars{}
		var fill func(v any) any
		fill = func(v any) any {
			switch v := v.(type) {
			case string:
				if name, ok := strings.CutPrefix(v, "$"); ok {
					return known[name]
				}
				return strings.ReplaceAll(v, "UNIQUE", strings.ToLower(db.NewID(db.UserID)[20:]))
			case []string:
				all := []string{}
				for _, s := range v {
					all = append(all, fill(s).(string))
				}
				return all
			}
			return v
		}
		for name, v := range input {
			filled[name] = fill(v)
		}
		return a.person, filled
	}
}

// memberOf are the places of a payload's member.
func memberOf(payload, mutation, kind string) []place {
	return []place{
		{row: payload + ".member", from: mutation, on: kind},
		{row: kind + ".organization", from: payload + ".member", name: payload + ".member.organization", on: "Organization"},
	}
}

// reinstatedOf are the places of what came back.
func reinstatedOf(payload, mutation string) []place {
	return []place{
		{row: payload + ".reinstated", from: mutation, on: "Reinstated"},
		{row: "Reinstated.organization", from: payload + ".reinstated", name: payload + " organization", on: "Organization"},
		{row: "Reinstated.member", from: payload + ".reinstated", name: payload + " member", on: "Member/own"},
		{row: "Member/own.organization", from: payload + " member", name: payload + " member's", on: "Organization"},
	}
}

func at(row, on string, more ...place) []place { return append([]place{{row: row, on: on}}, more...) }

// testMutations lets everybody try every mutation: first those who are refused, who must leave no trace, then the others.
func (x *matrix) testMutations(t *testing.T) {
	w := newWorld(t)
	for _, c := range slices.Concat(resetCases, mutationCases) {
		root := x.places[c.places[0].row]
		var refused, allowed []*actor
		for _, a := range w.actors {
			switch mark := x.rows[root.row][a.column]; {
			case mark == "-":
			case mark == "ok" || strings.Contains(mark, "ok"):
				allowed = append(allowed, a)
			default:
				refused = append(refused, a)
			}
		}
		w.atRest(t)
		before := w.snapshot(t)
		for _, a := range refused {
			p, input := c.by(t, w, a)
			got := x.mutate(t, w, root, a, p, input)
			if x.rows[root.row][a.column] == "404" && !c.own {
				same(t, root.row+" by "+a.Name, got, x.call(t, w, root, p, w.unknown(input).(vars)))
			}
		}
		if diff := cmp.Diff(before, w.snapshot(t)); diff != "" && !c.own {
			t.Errorf("%s: a refused call left a trace (-before +after):\n%s", root.row, diff)
		}
		for _, a := range allowed {
			p, input := c.by(t, w, a)
			x.mutate(t, w, root, a, p, input)
		}
	}
}

func (x *matrix) call(t *testing.T, w *world, root place, p *person, input vars) answer {
	t.Helper()
	_, _, field := split(root.row)
	definition := x.schema.Mutation.Fields.ForName(field)
	body := field + "(input: $input) { __typename"
	if root.on != "" {
		body += " " + x.selection(root.on, x.children(root)...)
	}
	values := vars{"input": input}
	for name, value := range w.vars {
		values[name] = value
	}
	text, values := document("mutation", body+" }", values, definition.Arguments[0].Type.String())
	return w.post(t, p.Token, text, values)
}

func (x *matrix) mutate(t *testing.T, w *world, root place, a *actor, p *person, input vars) answer {
	t.Helper()
	got := x.call(t, w, root, p, input)
	x.compare(t, fmt.Sprintf("%s by %s", root.row, p.Name), root, a, got, true)
	return got
}
