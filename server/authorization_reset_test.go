package main

import "testing"

// resetTable goes on with the table: resets of a member's second factor. Of Pat the organization itself has asked for one, of
// Quinn another organization has.
const resetTable = `
                                          owner manager admin member  removed without unproved outsider anonymous
Query.twoFactorReset                      ok    ok    ok    ok        ok    ok    ok          ok    ok
Query.twoFactorReset(dead)                null  null  null  null      null  null  null        null  null
TwoFactorResetRequest.id                  ok    ok    ok    ok        ok    ok    ok          ok    ok
TwoFactorResetRequest.organizationName    ok    ok    ok    ok        ok    ok    ok          ok    ok
TwoFactorResetRequest.requestedBy         ok    ok    ok    ok        ok    ok    ok          ok    ok
TwoFactorResetRequest.reason              ok    ok    ok    ok        ok    ok    ok          ok    ok
TwoFactorResetRequest.email               ok    ok    ok    ok        ok    ok    ok          ok    ok
TwoFactorResetRequest.expiresAt           ok    ok    ok    ok        ok    ok    ok          ok    ok

Organization.twoFactorResets              ok    ok    ROLE  ROLE      2FA   2FA   STEP        -     -
Organization/new.twoFactorResets          none  none  none  none      none  none  none        none  -
TwoFactorReset.id                         ok    ok    -     -         -     -     -           -     -
TwoFactorReset.member                     ok    ok    -     -         -     -     -           -     -
TwoFactorReset.state                      ok    ok    -     -         -     -     -           -     -
TwoFactorReset.reason                     ok    ok    -     -         -     -     -           -     -
TwoFactorReset.requestedBy                ok    ok    -     -         -     -     -           -     -
TwoFactorReset.requestedHere              ok    ok    -     -         -     -     -           -     -
TwoFactorReset.approvedBy                 null  null  -     -         -     -     -           -     -
TwoFactorReset.createdAt                  ok    ok    -     -         -     -     -           -     -
TwoFactorReset.expiresAt                  ok    ok    -     -         -     -     -           -     -
TwoFactorReset/agreed.id                  ok    -     -     -         -     -     -           -     -
TwoFactorReset/agreed.member              ok    -     -     -         -     -     -           -     -
TwoFactorReset/agreed.state               ok    -     -     -         -     -     -           -     -
TwoFactorReset/agreed.reason              null  -     -     -         -     -     -           -     -
TwoFactorReset/agreed.requestedBy         ok    -     -     -         -     -     -           -     -
TwoFactorReset/agreed.requestedHere       ok    -     -     -         -     -     -           -     -
TwoFactorReset/agreed.approvedBy          ok    -     -     -         -     -     -           -     -
TwoFactorReset/agreed.createdAt           ok    -     -     -         -     -     -           -     -
TwoFactorReset/agreed.expiresAt           ok    -     -     -         -     -     -           -     -

Mutation.resetMemberTwoFactor             ok    ok    ROLE  ROLE      2FA   2FA   STEP        404   401
Mutation.resetMemberTwoFactor(elsewhere)  ok    ok    ROLE  ROLE      2FA   2FA   STEP        404   401
Mutation.resetMemberTwoFactor(an owner's) STATE ROLE  ROLE  ROLE      2FA   2FA   STEP        404   401
Mutation.resetMemberTwoFactor(foreign)    404   404   404   404       404   404   404         -     401
Mutation.resetMemberTwoFactor(removed)    STATE STATE ROLE  ROLE      2FA   2FA   STEP        404   401
ResetMemberTwoFactorPayload.member        ok    ok    -     -         -     -     -           -     -
ResetMemberTwoFactorPayload.reset         null  null  -     -         -     -     -           -     -
ResetMemberTwoFactorPayload/asked.member  ok    ok    -     -         -     -     -           -     -
ResetMemberTwoFactorPayload/asked.reset   ok    ok    -     -         -     -     -           -     -
Mutation.approveTwoFactorReset            ok    404   404   404       2FA   2FA   STEP        404   401
Mutation.approveTwoFactorReset(our own)   404   404   404   404       404   404   404         404   401
ApproveTwoFactorResetPayload.reset        ok    -     -     -         -     -     -           -     -
Mutation.declineTwoFactorReset            ok    ok    ROLE  ROLE      2FA   2FA   STEP        404   401
Mutation.declineTwoFactorReset(dead)      LINK  LINK  LINK  LINK      LINK  LINK  LINK        LINK  LINK
DeclineTwoFactorResetPayload.state        ok    ok    -     -         -     -     -           -     -
Mutation.confirmTwoFactorReset            -     -     -     -         -     -     -           -     ok
Mutation.confirmTwoFactorReset(dead)      LINK  LINK  LINK  LINK      LINK  LINK  LINK        LINK  LINK
ConfirmTwoFactorResetPayload.state        -     -     -     -         -     -     -           -     ok
`

// resetPlaces go on with the queries.
var resetPlaces = []place{
	{row: "Query.twoFactorReset", call: "twoFactorReset(token: $resetToken)", on: "TwoFactorResetRequest"},
	{row: "Query.twoFactorReset(dead)", call: "twoFactorReset(token: $dead)"},
	{row: "Organization.twoFactorResets", from: "Query.organization", on: "TwoFactorReset"},
	{row: "TwoFactorReset.member", from: "Organization.twoFactorResets", on: "Member/other"},
	{row: "Member/other.organization", from: "TwoFactorReset.member", name: "reset member's", on: "Organization"},
}

// resetCases go on with the mutations.
var resetCases = []mutationCase{
	{
		places: at("Mutation.resetMemberTwoFactor", "ResetMemberTwoFactorPayload",
			memberOf("ResetMemberTwoFactorPayload", "Mutation.resetMemberTwoFactor", "Member/removed")...),
		by: func(t *testing.T, w *world, a *actor) (*person, vars) {
			id := w.vars["vic"]
			if a.column == "owner" || a.column == "manager" {
				p := w.member(t, "MEMBER")
				id = w.find(t, `SELECT m.id FROM members m JOIN users u ON u.id = m.user_id WHERE u.email = $1`, p.Email)
			}
			return a.person, vars{"memberId": id, "reason": lost}
		},
	},
	{
		places: at("Mutation.resetMemberTwoFactor(elsewhere)", "ResetMemberTwoFactorPayload/asked",
			append(memberOf("ResetMemberTwoFactorPayload/asked", "Mutation.resetMemberTwoFactor(elsewhere)", "Member/other"),
				place{row: "ResetMemberTwoFactorPayload/asked.reset", from: "Mutation.resetMemberTwoFactor(elsewhere)", on: "TwoFactorReset"})...),
		by: func(t *testing.T, w *world, a *actor) (*person, vars) {
			id := w.vars["vic"]
			if a.column == "owner" || a.column == "manager" {
				p := w.member(t, "MEMBER")
				id = w.find(t, `SELECT m.id FROM members m JOIN users u ON u.id = m.user_id WHERE u.email = $1`, p.Email)
				p.do(t, `query($s: String!) { organization(slug: $s) { id } }`, vars{"s": w.o.Slug}, nil)
				w.side.join(t, p, "MEMBER")
			}
			return a.person, vars{"memberId": id, "reason": lost}
		},
	},
	{places: at("Mutation.resetMemberTwoFactor(an owner's)", ""), by: with(vars{"memberId": "$olivia", "reason": lost})},
	{places: at("Mutation.resetMemberTwoFactor(foreign)", ""), by: with(vars{"memberId": "$foreign", "reason": lost})},
	{places: at("Mutation.resetMemberTwoFactor(removed)", ""), by: with(vars{"memberId": "$rex", "reason": lost})},
	{
		places: at("Mutation.approveTwoFactorReset", "ApproveTwoFactorResetPayload",
			place{row: "ApproveTwoFactorResetPayload.reset", from: "Mutation.approveTwoFactorReset", on: "TwoFactorReset/agreed"},
			place{row: "TwoFactorReset/agreed.member", from: "ApproveTwoFactorResetPayload.reset", on: "Member/removed"}),
		by: with(vars{"requestId": "$askedElsewhere"}),
	},
	{places: at("Mutation.approveTwoFactorReset(our own)", ""), by: with(vars{"requestId": "$asked"})},
	{
		places: at("Mutation.declineTwoFactorReset", "DeclineTwoFactorResetPayload"),
		by: func(t *testing.T, w *world, a *actor) (*person, vars) {
			id := w.vars["asked"]
			if a.column == "manager" { // who comes after the owner
				id = w.o.Owner.reset(t, w.vars["pat"].(string)).ResetMemberTwoFactor.Reset.ID
			}
			return a.person, vars{"requestId": id}
		},
	},
	{own: true, places: at("Mutation.declineTwoFactorReset(dead)", ""), by: with(vars{"token": "$dead"})},
	{
		own: true, places: at("Mutation.confirmTwoFactorReset", "ConfirmTwoFactorResetPayload"),
		by: func(t *testing.T, w *world, a *actor) (*person, vars) {
			p := w.someone(t, "Cora")
			w.foreign.join(t, p, "MEMBER")
			w.side.Owner.reset(t, w.side.join(t, p, "MEMBER"))
			return a.person, vars{"token": w.link(t, p.Email, resetTitle), "password": p.Password}
		},
	},
	{own: true, places: at("Mutation.confirmTwoFactorReset(dead)", ""), by: with(vars{"token": "$dead", "password": "a long password"})},
}
