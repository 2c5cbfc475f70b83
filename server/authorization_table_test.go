package main

import (
	"strings"
	"testing"
)

// columns are the actors, in the order of the table. An outsider is any of five: owner of another organization, removed by
// hand, out of the window, invited and not yet in, in no organization at all.
var columns = strings.Fields("owner manager admin member removed without unproved outsider anonymous")

// codes are the table's short names of refusals.
var codes = map[string]string{
	"401": "UNAUTHENTICATED", "404": "NOT_FOUND", "2FA": "TWO_FACTOR_REQUIRED", "STEP": "STEP_UP_REQUIRED", "ROLE": "FORBIDDEN",
	"MAIL": "MAILBOX_PROOF_REQUIRED", "CODE": "INVALID_CODE", "LINK": "INVALID_LINK", "STATE": "CONFLICT",
	"LAST": "LAST_AUTHENTICATOR", "OWNER": "LAST_OWNER", "ON": "REQUIREMENT_ON", "SSO": "SSO_ENABLED",
}

// table says what each actor gets of each field: ok (a value), #n (a list of n), none (an empty list), null, a refusal, any
// (no refusal), a|b (either), or - (nobody gets this far). It is written by hand from what the rules say and is held
// against the schema: a field without a row fails, and so does a row without a field.
//
// The organization requires 2FA. removed was removed for it as a manager and may come back; without is a member without a
// factor whom no sweep has reached; unproved is a manager with a factor, in a session that has not proved it. What
// stands behind a / is a kind of object, in ( ) a way to ask for a field.
const table = `
                                      owner manager admin member  removed without unproved outsider anonymous
Query.viewer                          ok    ok    ok    ok        ok    ok    ok          ok    null
Query.organization                    ok    ok    ok    ok        2FA   2FA   STEP        404   401
Query.organization(unknown)           404   404   404   404       404   404   404         404   401
Query.invitation                      ok    ok    ok    ok        ok    ok    ok          ok    ok
Query.invitation(dead)                null  null  null  null      null  null  null        null  null
Query.notMe                           ok    ok    ok    ok        ok    ok    ok          ok    ok
Query.notMe(dead)                     null  null  null  null      null  null  null        null  null
Query.authenticatorKinds              ok    ok    ok    ok        ok    ok    ok          ok    ok
Query.node(organization)              ok    ok    ok    ok        2FA   2FA   STEP        404   401
Query.node(user)                      ok    ok    ok    ok        404   404   404         404   401
Query.node(me)                        ok    ok    ok    ok        ok    ok    ok          ok    401
Query.node(member)                    ok    ok    ok    ok        2FA   2FA   STEP        404   401
Query.node(mine)                      ok    ok    ok    ok        ok    ok    ok          404   401
Query.node(team)                      ok    ok    ok    ok        2FA   2FA   STEP        404   401
Query.node(project)                   ok    ok    ok    ok        2FA   2FA   STEP        404   401
Query.node(others' project)           ok    ok    ok    404       2FA   2FA   STEP        404   401
Query.node(entry)                     ok    ok    ROLE  ROLE      2FA   2FA   STEP        404   401
Query.node(sweep)                     ok    ok    ROLE  ROLE      2FA   2FA   STEP        404   401
Query.node(authenticator)             404   404   404   404       404   404   404         404   401
Query.node(my authenticator)          ok    ok    ok    ok        404   404   ok          404   401
Query.node(service token)             ok    ROLE  ROLE  ROLE      2FA   2FA   STEP        404   401
Query.node(unknown)                   404   404   404   404       404   404   404         404   401

User/own.id                           ok    ok    ok    ok        ok    ok    ok          ok    -
User/own.name                         ok    ok    ok    ok        ok    ok    ok          ok    -
User/own.email                        ok    ok    ok    ok        ok    ok    ok          ok    -
User/own.emailVerified                ok    ok    ok    ok        ok    ok    ok          ok    -
User/own.pendingEmail                 null  null  null  null      null  null  null        null  -
User/own.passwordChangedAt            ok    ok    ok    ok        ok    ok    ok          ok    -
User/own.twoFactor                    ok    ok    ok    ok        ok    ok    ok          ok    -
User/own.authenticators               ok    ok    ok    ok        none  none  ok          any   -
User/own.memberships                  ok    ok    ok    ok        #1    #1    ok          any   -
User/own.securityEvents               ok    ok    ok    ok        ok    ok    ok          ok    -
User/own.recoveryCodes                ok    ok    ok    ok        null  null  ok          any   -
User/own.sessions                     ok    ok    ok    ok        ok    ok    ok          ok    -
User/own.personalTokens               ok    ok    ok    ok        any   any   ok          any   -
User/own.identities                   ok    ok    ok    ok        ok    ok    ok          any   -
User/own.twoFactorResets              none  none  none  none      none  none  none        none  -

User/changing.id                      -     -     -     -         -     -     -           ok    -
User/changing.name                    -     -     -     -         -     -     -           ok    -
User/changing.email                   -     -     -     -         -     -     -           ok    -
User/changing.emailVerified           -     -     -     -         -     -     -           ok    -
User/changing.pendingEmail            -     -     -     -         -     -     -           any   -
User/changing.passwordChangedAt       -     -     -     -         -     -     -           ok    -
User/changing.twoFactor               -     -     -     -         -     -     -           ok    -
User/changing.authenticators          -     -     -     -         -     -     -           any   -
User/changing.memberships             -     -     -     -         -     -     -           any   -
User/changing.securityEvents          -     -     -     -         -     -     -           ok    -
User/changing.recoveryCodes           -     -     -     -         -     -     -           any   -
User/changing.sessions                -     -     -     -         -     -     -           any    -
User/changing.personalTokens           -     -     -     -         -     -     -           any   -
User/changing.identities              -     -     -     -         -     -     -           any   -
User/changing.twoFactorResets         -     -     -     -         -     -     -           any   -

User/other.id                         ok    ok    ok    ok        -     -     -           -     -
User/other.name                       ok    ok    ok    ok        -     -     -           -     -
User/other.email                      ok    ok    null  null      -     -     -           -     -
User/other.emailVerified              null  null  null  null      -     -     -           -     -
User/other.pendingEmail               null  null  null  null      -     -     -           -     -
User/other.passwordChangedAt          null  null  null  null      -     -     -           -     -
User/other.twoFactor                  null  null  null  null      -     -     -           -     -
User/other.authenticators             null  null  null  null      -     -     -           -     -
User/other.memberships                null  null  null  null      -     -     -           -     -
User/other.securityEvents             null  null  null  null      -     -     -           -     -
User/other.recoveryCodes              null  null  null  null      -     -     -           -     -
User/other.sessions                   null  null  null  null      -     -     -           -     -
User/other.personalTokens             null  null  null  null      -     -     -           -     -
User/other.identities                 null  null  null  null      -     -     -           -     -
User/other.twoFactorResets            null  null  null  null      -     -     -           -     -

User/gone.id                          -     ok    ok    ok        -     -     -           -     -
User/gone.name                        -     ok    ok    ok        -     -     -           -     -
User/gone.email                       -     ok    ok    ok        -     -     -           -     -
User/gone.emailVerified               -     ok    ok    ok        -     -     -           -     -
User/gone.pendingEmail                -     null  null  null      -     -     -           -     -
User/gone.passwordChangedAt           -     ok    ok    ok        -     -     -           -     -
User/gone.twoFactor                   -     ok    ok    ok        -     -     -           -     -
User/gone.authenticators              -     ok    ok    ok        -     -     -           -     -
User/gone.memberships                 -     none  none  none      -     -     -           -     -
User/gone.securityEvents              -     ok    ok    ok        -     -     -           -     -
User/gone.recoveryCodes               -     ok    ok    ok        -     -     -           -     -
User/gone.sessions                    -     ok    ok    ok        -     -     -           -     -
User/gone.personalTokens              -     none  none  none      -     -     -           -     -
User/gone.identities                  -     any   any   any       -     -     -           -     -
User/gone.twoFactorResets             -     none  none  none      -     -     -           -     -

Authenticator.id                      ok    ok    ok    ok        -     -     ok          -     -
Authenticator.kind                    ok    ok    ok    ok        -     -     ok          -     -
Authenticator.name                    ok    ok    ok    ok        -     -     ok          -     -
Authenticator.createdAt               ok    ok    ok    ok        -     -     ok          -     -
Authenticator.lastUsedAt              any   any   any   any       -     -     any         -     -
RecoveryCodes.remaining               ok    ok    ok    ok        -     -     ok          -     -
RecoveryCodes.createdAt               ok    ok    ok    ok        -     -     ok          -     -
Session.id                            ok    ok    ok    ok        ok    ok    ok          ok    -
Session.current                       ok    ok    ok    ok        ok    ok    ok          ok    -
Session.beganBy                       ok    ok    ok    ok        ok    ok    ok          ok    -
Session.userAgent                     ok    ok    ok    ok        ok    ok    ok          ok    -
Session.ipAddress                     ok    ok    ok    ok        ok    ok    ok          ok    -
Session.createdAt                     ok    ok    ok    ok        ok    ok    ok          ok    -
Session.lastUsedAt                    ok    ok    ok    ok        ok    ok    ok          ok    -
Session.expiresAt                     ok    ok    ok    ok        ok    ok    ok          ok    -
Session.organizationId                null  null  null  null      null  null  null        null  -
LinkedIdentity.id                     ok    ok    ok    ok        ok    ok    ok          -     -
LinkedIdentity.organizationName       ok    ok    ok    ok        ok    ok    ok          -     -
LinkedIdentity.issuer                 ok    ok    ok    ok        ok    ok    ok          -     -
LinkedIdentity.current                ok    ok    ok    ok        ok    ok    ok          -     -
LinkedIdentity.linkedAt               ok    ok    ok    ok        ok    ok    ok          -     -
PersonalToken.id                      ok    ok    ok    ok        ok    ok    ok          ok    -
PersonalToken.name                    ok    ok    ok    ok        ok    ok    ok          ok    -
PersonalToken.scopes                  ok    ok    ok    ok        ok    ok    ok          ok    -
PersonalToken.createdAt               ok    ok    ok    ok        ok    ok    ok          ok    -
PersonalToken.expiresAt               ok    ok    ok    ok        ok    ok    ok          ok    -
PersonalToken.lastUsedAt              null  null  null  null      null  null  null        null  -
SecurityEventConnection.edges         ok    ok    ok    ok        ok    ok    ok          ok    -
SecurityEventConnection.nodes         ok    ok    ok    ok        ok    ok    ok          ok    -
SecurityEventConnection.pageInfo      ok    ok    ok    ok        ok    ok    ok          ok    -
SecurityEventConnection.totalCount    null  null  null  null      null  null  null        null  -
SecurityEventEdge.cursor              ok    ok    ok    ok        ok    ok    ok          ok    -
SecurityEventEdge.node                ok    ok    ok    ok        ok    ok    ok          ok    -
SecurityEvent.id                      ok    ok    ok    ok        ok    ok    ok          ok    -
SecurityEvent.action                  ok    ok    ok    ok        ok    ok    ok          ok    -
SecurityEvent.message                 ok    ok    ok    ok        ok    ok    ok          ok    -
SecurityEvent.ipAddress               ok    ok    ok    ok        ok    ok    ok          ok    -
SecurityEvent.userAgent               ok    ok    ok    ok        ok    ok    ok          ok    -
SecurityEvent.createdAt               ok    ok    ok    ok        ok    ok    ok          ok    -

                                      owner manager admin member  removed without unproved outsider anonymous
Organization.id                       ok    ok    ok    ok        ok    ok    ok          -     -
Organization.slug                     ok    ok    ok    ok        ok    ok    ok          -     -
Organization.name                     ok    ok    ok    ok        ok    ok    ok          -     -
Organization.require2FA               ok    ok    ok    ok        2FA   2FA   STEP        -     -
Organization.sso                      ok    ok    ROLE  ROLE      2FA   2FA   STEP        -     -
Organization.viewer                   ok    ok    ok    ok        2FA   2FA   STEP        -     -
Organization.viewerCan                #15   #12   #9    #6        2FA   2FA   STEP        -     -
Organization.members                  ok    ok    ok    ok        2FA   2FA   STEP        -     -
Organization.members(by 2FA)          ok    ok    ROLE  ROLE      -     -     -           -     -
Organization.memberCounts             ok    ok    ROLE  ROLE      2FA   2FA   STEP        -     -
Organization.member                   ok    ok    ok    ok        2FA   2FA   STEP        -     -
Organization.member(removed)          ok    ok    404   404       -     -     -           -     -
Organization.member(invited)          ok    ok    404   404       -     -     -           -     -
Organization.member(foreign)          404   404   404   404       -     -     -           -     -
Organization.auditLog                 ok    ok    ROLE  ROLE      2FA   2FA   STEP        -     -
Organization.auditLogActions          ok    ok    ROLE  ROLE      2FA   2FA   STEP        -     -
Organization.auditLogActors           ok    ok    ROLE  ROLE      2FA   2FA   STEP        -     -
Organization.auditSequence            ok    ok    ROLE  ROLE      2FA   2FA   STEP        -     -
Organization.teams                    #2    #2    #2    #2        2FA   2FA   STEP        -     -
Organization.projects                 #2    #2    #2    #1        2FA   2FA   STEP        -     -
Organization.require2FAImpact         ok    ok    ROLE  ROLE      2FA   2FA   STEP        -     -
Organization.complianceHistory        #1    #1    ROLE  ROLE      2FA   2FA   STEP        -     -
Organization.sweep                    ok    ok    ROLE  ROLE      2FA   2FA   STEP        -     -
Organization.serviceTokens            ok    ROLE  ROLE  ROLE      2FA   2FA   STEP        -     -

Organization/new.id                   ok    ok    ok    ok        ok    ok    ok          ok    -
Organization/new.slug                 ok    ok    ok    ok        ok    ok    ok          ok    -
Organization/new.name                 ok    ok    ok    ok        ok    ok    ok          ok    -
Organization/new.require2FA           ok    ok    ok    ok        ok    ok    ok          ok    -
Organization/new.sso                  any   null  null  null      null  null  null        null  -
Organization/new.viewer               ok    ok    ok    ok        ok    ok    ok          ok    -
Organization/new.viewerCan            #15   #15   #15   #15       #15   #15   #15         #15   -
Organization/new.members              ok    ok    ok    ok        ok    ok    ok          ok    -
Organization/new.memberCounts         ok    ok    ok    ok        ok    ok    ok          ok    -
Organization/new.member               404   404   404   404       404   404   404         404   -
Organization/new.auditLog             ok    ok    ok    ok        ok    ok    ok          ok    -
Organization/new.auditLogActions      ok    ok    ok    ok        ok    ok    ok          ok    -
Organization/new.auditLogActors       ok    ok    ok    ok        ok    ok    ok          ok    -
Organization/new.auditSequence        ok    ok    ok    ok        ok    ok    ok          ok    -
Organization/new.teams                none  none  none  none      none  none  none        none  -
Organization/new.projects             none  none  none  none      none  none  none        none  -
Organization/new.require2FAImpact     ok    ok    ok    ok        ok    ok    ok          ok    -
Organization/new.complianceHistory    #1    #1    #1    #1        #1    #1    #1          #1    -
Organization/new.sweep                any   null  null  null      null  null  null        null  -
Organization/new.serviceTokens        none  none  none  none      none  none  none        none  -

SSO.issuer                            ok    ok    -     -         -     -     -           -     -
SSO.clientId                          ok    ok    -     -         -     -     -           -     -
SSO.signInURL                         ok    ok    -     -         -     -     -           -     -
SSO.trustSecondFactor                 ok    ok    -     -         -     -     -           -     -
SSO.allowedDomains                    ok    ok    -     -         -     -     -           -     -
SSO.requiredClaim                     ok    ok    -     -         -     -     -           -     -
SSO.createdAt                         ok    ok    -     -         -     -     -           -     -
SSOClaim.name                         ok    ok    -     -         -     -     -           -     -
SSOClaim.value                        ok    ok    -     -         -     -     -           -     -

                                      owner manager admin member  removed without unproved outsider anonymous
Member/own.id                         ok    ok    ok    ok        ok    ok    ok          -     -
Member/own.organization               ok    ok    ok    ok        ok    ok    ok          -     -
Member/own.user                       ok    ok    ok    ok        null  null  null        -     -
Member/own.email                      ok    ok    ok    ok        null  null  null        -     -
Member/own.name                       ok    ok    ok    ok        null  null  null        -     -
Member/own.role                       ok    ok    ok    ok        ok    ok    ok          -     -
Member/own.status                     ok    ok    ok    ok        ok    ok    ok          -     -
Member/own.twoFactor                  ok    ok    ok    ok        null  null  null        -     -
Member/own.teams                      none  none  none  #1        null  null  null        -     -
Member/own.notificationSettings       ok    ok    ok    ok        null  null  null        -     -
Member/own.invitedBy                  null  ok    ok    ok        null  null  null        -     -
Member/own.inviteExpiresAt            null  null  null  null      null  null  null        -     -
Member/own.inviteDelivery             null  null  null  null      null  null  null        -     -
Member/own.removedAt                  null  null  null  null      ok    null  null        -     -
Member/own.reinstatableUntil          null  null  null  null      ok    null  null        -     -
Member/own.lastSeenAt                 ok    ok    null  null      null  null  null        -     -
Member/own.isOnlyOwner                ok    ok    ok    ok        null  null  null        -     -
Member/own.linked                     ok    ok    ok    ok        null  null    null        -         -
Member/own.meetsRequirement           ok    ok    ok    ok        null  null    null        -         -

Member/other.id                       ok    ok    ok    ok        -     -     -           -     -
Member/other.organization             ok    ok    ok    ok        -     -     -           -     -
Member/other.user                     ok    ok    ok    ok        -     -     -           -     -
Member/other.email                    ok    ok    null  null      -     -     -           -     -
Member/other.name                     ok    ok    ok    ok        -     -     -           -     -
Member/other.role                     ok    ok    ok    ok        -     -     -           -     -
Member/other.status                   ok    ok    ok    ok        -     -     -           -     -
Member/other.twoFactor                ok    ok    null  null      -     -     -           -     -
Member/other.teams                    #1    #1    #1    #1        -     -     -           -     -
Member/other.notificationSettings     null  null  null  null      -     -     -           -     -
Member/other.invitedBy                ok    ok    null  null      -     -     -           -     -
Member/other.inviteExpiresAt          null  null  null  null      -     -     -           -     -
Member/other.inviteDelivery           null  null  null  null      -     -     -           -     -
Member/other.removedAt                null  null  null  null      -     -     -           -     -
Member/other.reinstatableUntil        null  null  null  null      -     -     -           -     -
Member/other.lastSeenAt               ok    ok    null  null      -     -     -           -     -
Member/other.isOnlyOwner              ok    ok    ok    ok        -     -     -           -     -
Member/other.linked                   ok    ok    null  null      -     -       -           -         -
Member/other.meetsRequirement         ok    ok    null  null      -     -       -           -         -

Member/removed.id                     ok    ok    -     -         -     -     -           -     -
Member/removed.organization           ok    ok    -     -         -     -     -           -     -
Member/removed.user                   ok    ok    -     -         -     -     -           -     -
Member/removed.email                  ok    ok    -     -         -     -     -           -     -
Member/removed.name                   ok    ok    -     -         -     -     -           -     -
Member/removed.role                   ok    ok    -     -         -     -     -           -     -
Member/removed.status                 ok    ok    -     -         -     -     -           -     -
Member/removed.twoFactor              ok    ok    -     -         -     -     -           -     -
Member/removed.teams                  #1    #1    -     -         -     -     -           -     -
Member/removed.notificationSettings   null  null  -     -         -     -     -           -     -
Member/removed.invitedBy              ok    ok    -     -         -     -     -           -     -
Member/removed.inviteExpiresAt        ok    ok    -     -         -     -     -           -     -
Member/removed.inviteDelivery         ok    ok    -     -         -     -     -           -     -
Member/removed.removedAt              ok    ok    -     -         -     -     -           -     -
Member/removed.reinstatableUntil      ok    ok    -     -         -     -     -           -     -
Member/removed.lastSeenAt             null  null  -     -         -     -     -           -     -
Member/removed.isOnlyOwner            ok    ok    -     -         -     -     -           -     -
Member/removed.linked                 ok    ok    -     -         -     -       -           -         -
Member/removed.meetsRequirement       ok    ok    -     -         -     -       -           -         -

Member/invited.id                     ok    ok    -     -         -     -     -           -     -
Member/invited.organization           ok    ok    -     -         -     -     -           -     -
Member/invited.user                   null  null  -     -         -     -     -           -     -
Member/invited.email                  ok    ok    -     -         -     -     -           -     -
Member/invited.name                   null  null  -     -         -     -     -           -     -
Member/invited.role                   ok    ok    -     -         -     -     -           -     -
Member/invited.status                 ok    ok    -     -         -     -     -           -     -
Member/invited.twoFactor              null  null  -     -         -     -     -           -     -
Member/invited.teams                  none  none  -     -         -     -     -           -     -
Member/invited.notificationSettings   null  null  -     -         -     -     -           -     -
Member/invited.invitedBy              ok    ok    -     -         -     -     -           -     -
Member/invited.inviteExpiresAt        ok    ok    -     -         -     -     -           -     -
Member/invited.inviteDelivery         ok    ok    -     -         -     -     -           -     -
Member/invited.removedAt              null  null  -     -         -     -     -           -     -
Member/invited.reinstatableUntil      null  null  -     -         -     -     -           -     -
Member/invited.lastSeenAt             null  null  -     -         -     -     -           -     -
Member/invited.isOnlyOwner            ok    ok    -     -         -     -     -           -     -
Member/invited.linked                 ok    ok    -     -         -     -       -           -         -
Member/invited.meetsRequirement       null  null  -     -         -     -       -           -         -

Member/affected.id                    ok    ok    -     -         -     -     -           -     -
Member/affected.organization          ok    ok    -     -         -     -     -           -     -
Member/affected.user                  ok    ok    -     -         -     -     -           -     -
Member/affected.email                 ok    ok    -     -         -     -     -           -     -
Member/affected.name                  ok    ok    -     -         -     -     -           -     -
Member/affected.role                  ok    ok    -     -         -     -     -           -     -
Member/affected.status                ok    ok    -     -         -     -     -           -     -
Member/affected.twoFactor             ok    ok    -     -         -     -     -           -     -
Member/affected.teams                 none  none  -     -         -     -     -           -     -
Member/affected.notificationSettings  null  null  -     -         -     -     -           -     -
Member/affected.invitedBy             null  null  -     -         -     -     -           -     -
Member/affected.inviteExpiresAt       null  null  -     -         -     -     -           -     -
Member/affected.inviteDelivery        null  null  -     -         -     -     -           -     -
Member/affected.removedAt             null  null  -     -         -     -     -           -     -
Member/affected.reinstatableUntil     null  null  -     -         -     -     -           -     -
Member/affected.lastSeenAt            null  null  -     -         -     -     -           -     -
Member/affected.isOnlyOwner           ok    ok    -     -         -     -     -           -     -
Member/affected.linked                ok    ok    -     -         -     -       -           -         -
Member/affected.meetsRequirement      ok    ok    -     -         -     -       -           -         -

NotificationSettings.membership       ok    ok    ok    ok        -     -     -           -     -
NotificationSettings.security         ok    ok    ok    ok        -     -     -           -     -

                                      owner manager admin member  removed without unproved outsider anonymous
MemberConnection.edges                ok    ok    ok    ok        -     -     -           -     -
MemberConnection.nodes                ok    ok    ok    ok        -     -     -           -     -
MemberConnection.pageInfo             ok    ok    ok    ok        -     -     -           -     -
MemberConnection.totalCount           ok    ok    ok    ok        -     -     -           -     -
MemberConnection/found.edges          ok    ok    ok    ok        -     -     -           -     -
MemberConnection/found.nodes          ok    ok    ok    ok        -     -     -           -     -
MemberConnection/found.pageInfo       ok    ok    ok    ok        -     -     -           -     -
MemberConnection/found.totalCount     null  null  null  null      -     -     -           -     -
MemberCounts.active                   ok    ok    -     -         -     -     -           -     -
MemberCounts.with2FA                  ok    ok    -     -         -     -     -           -     -
MemberCounts.invited                  ok    ok    -     -         -     -     -           -     -
MemberCounts.removedFor2FA            ok    ok    -     -         -     -     -           -     -
ComplianceDay.day                     ok    ok    -     -         -     -     -           -     -
ComplianceDay.active                  ok    ok    -     -         -     -     -           -     -
ComplianceDay.with2FA                 ok    ok    -     -         -     -     -           -     -
ComplianceDay.removedFor2FA           ok    ok    -     -         -     -     -           -     -
MemberEdge.cursor                     ok    ok    ok    ok        -     -     -           -     -
MemberEdge.node                       ok    ok    ok    ok        -     -     -           -     -
PageInfo.hasNextPage                  ok    ok    ok    ok        ok    ok    ok          ok    -
PageInfo.hasPreviousPage              ok    ok    ok    ok        ok    ok    ok          ok    -
PageInfo.startCursor                  ok    ok    ok    ok        ok    ok    ok          ok    -
PageInfo.endCursor                    ok    ok    ok    ok        ok    ok    ok          ok    -

AuditLogConnection.edges              ok    ok    -     -         -     -     -           -     -
AuditLogConnection.nodes              ok    ok    -     -         -     -     -           -     -
AuditLogConnection.pageInfo           ok    ok    -     -         -     -     -           -     -
AuditLogConnection.totalCount         ok    ok    -     -         -     -     -           -     -
AuditLogConnection/found.edges        ok    ok    -     -         -     -     -           -     -
AuditLogConnection/found.nodes        ok    ok    -     -         -     -     -           -     -
AuditLogConnection/found.pageInfo     ok    ok    -     -         -     -     -           -     -
AuditLogConnection/found.totalCount   null  null  -     -         -     -     -           -     -
AuditLogEdge.cursor                   ok    ok    -     -         -     -     -           -     -
AuditLogEdge.node                     ok    ok    -     -         -     -     -           -     -
AuditLogEntry.id                      ok    ok    -     -         -     -     -           -     -
AuditLogEntry.sequence                ok    ok    -     -         -     -     -           -     -
AuditLogEntry.action                  ok    ok    -     -         -     -     -           -     -
AuditLogEntry.actor                   ok    ok    -     -         -     -     -           -     -
AuditLogEntry.actorId                 ok    ok    -     -         -     -     -           -     -
AuditLogEntry.actorLabel              ok    ok    -     -         -     -     -           -     -
AuditLogEntry.target                  ok    ok    -     -         -     -     -           -     -
AuditLogEntry.targetId                ok    ok    -     -         -     -     -           -     -
AuditLogEntry.targetLabel             ok    ok    -     -         -     -     -           -     -
AuditLogEntry.message                 ok    ok    -     -         -     -     -           -     -
AuditLogEntry.ipAddress               ok    ok    -     -         -     -     -           -     -
AuditLogEntry.userAgent               ok    ok    -     -         -     -     -           -     -
AuditLogEntry.data                    ok    ok    -     -         -     -     -           -     -
AuditLogEntry.createdAt               ok    ok    -     -         -     -     -           -     -
ServiceToken.id                       ok    -     -     -         -     -     -           -     -
ServiceToken.name                     ok    -     -     -         -     -     -           -     -
ServiceToken.scopes                   ok    -     -     -         -     -     -           -     -
ServiceToken.createdBy                ok    -     -     -         -     -     -           -     -
ServiceToken.createdAt                ok    -     -     -         -     -     -           -     -
ServiceToken.expiresAt                ok    -     -     -         -     -     -           -     -
ServiceToken.lastUsedAt               any   -     -     -         -     -     -           -     -
ServiceToken/actor.id                 ok    ok    -     -         -     -     -           -     -
ServiceToken/actor.name               ok    ok    -     -         -     -     -           -     -
ServiceToken/actor.scopes             null  null  -     -         -     -     -           -     -
ServiceToken/actor.createdBy          null  null  -     -         -     -     -           -     -
ServiceToken/actor.createdAt          null  null  -     -         -     -     -           -     -
ServiceToken/actor.expiresAt          null  null  -     -         -     -     -           -     -
ServiceToken/actor.lastUsedAt         null  null  -     -         -     -     -           -     -

Team.id                               ok    ok    ok    ok        -     -     -           -     -
Team.slug                             ok    ok    ok    ok        -     -     -           -     -
Team.name                             ok    ok    ok    ok        -     -     -           -     -
Project.id                            ok    ok    ok    ok        -     -     -           -     -
Project.slug                          ok    ok    ok    ok        -     -     -           -     -
Project.name                          ok    ok    ok    ok        -     -     -           -     -
Project.team                          ok    ok    ok    ok        -     -     -           -     -
Require2FAImpact.removedCount         ok    ok    -     -         -     -     -           -     -
Require2FAImpact.compliantCount       ok    ok    -     -         -     -     -           -     -
Require2FAImpact.unmailableCount      ok    ok    -     -         -     -     -           -     -
Require2FAImpact.ownersRemovedCount   ok    ok    -     -         -     -     -           -     -
Require2FAImpact.members              ok    ok    -     -         -     -     -           -     -
Require2FAImpact.refusal              null  null  -     -         -     -     -           -     -
Require2FAImpact.remindedAt           null  null  -     -         -     -     -           -     -
Require2FAImpact/new.removedCount       ok    ok    ok    ok      ok    ok    ok          ok    -
Require2FAImpact/new.compliantCount     ok    ok    ok    ok      ok    ok    ok          ok    -
Require2FAImpact/new.unmailableCount    ok    ok    ok    ok      ok    ok    ok          ok    -
Require2FAImpact/new.ownersRemovedCount ok    ok    ok    ok      ok    ok    ok          ok    -
Require2FAImpact/new.members            ok    ok    ok    ok      ok    ok    ok          ok    -
Require2FAImpact/new.refusal            null  null  null  null    ok    ok    null        any   -
Require2FAImpact/new.remindedAt         null  null  null  null    null  null  null        null  -
Refusal.code                          -     -     -     -         ok    ok    -           -     -
Refusal.message                       -     -     -     -         ok    ok    -           -     -
AuditLogActor.id                      ok    ok    -     -         -     -     -           -     -
AuditLogActor.label                   ok    ok    -     -         -     -     -           -     -
Sweep.id                              ok    ok    -     -         -     -     -           -     -
Sweep.state                           ok    ok    -     -         -     -     -           -     -
Sweep.total                           ok    ok    -     -         -     -     -           -     -
Sweep.done                            ok    ok    -     -         -     -     -           -     -
Sweep.failed                          ok    ok    -     -         -     -     -           -     -
Sweep.startedAt                       any   ok    -     -         -     -     -           -     -
Sweep.finishedAt                      any   ok    -     -         -     -     -           -     -
AccountAlert.email                    ok    ok    ok    ok        ok    ok    ok          ok    ok
AccountAlert.what                     ok    ok    ok    ok        ok    ok    ok          ok    ok
AccountAlert.at                       ok    ok    ok    ok        ok    ok    ok          ok    ok
AccountAlert.ipAddress                ok    ok    ok    ok        ok    ok    ok          ok    ok
AccountAlert.userAgent                ok    ok    ok    ok        ok    ok    ok          ok    ok
AccountAlert.reported                 ok    ok    ok    ok        ok    ok    ok          ok    ok
AccountAlert.expiresAt                ok    ok    ok    ok        ok    ok    ok          ok    ok
AccountAlert.goesBackTo               null  null  null  null      null  null  null        null  null

Invitation.organizationName           ok    ok    ok    ok        ok    ok    ok          ok    ok
Invitation.email                      ok    ok    ok    ok        ok    ok    ok          ok    ok
Invitation.role                       ok    ok    ok    ok        ok    ok    ok          ok    ok
Invitation.reason                     ok    ok    ok    ok        ok    ok    ok          ok    ok
Invitation.expiresAt                  ok    ok    ok    ok        ok    ok    ok          ok    ok
Invitation.nextStep                   ok    ok    ok    ok        ok    ok    ok          ok    ok

Subscription.viewerMember             ok    ok    ok    ok        2FA   2FA   STEP        404   401
Subscription.memberRemoved            ok    ok    ROLE  ROLE      2FA   2FA   STEP        404   401
Subscription.auditLog                 ok    ok    ROLE  ROLE      2FA   2FA   STEP        404   401
Subscription.sweep                    ok    ok    ROLE  ROLE      2FA   2FA   STEP        404   401
MemberRemoved.member                  ok    ok    -     -         -     -     -           -     -
MemberRemoved.reason                  ok    ok    -     -         -     -     -           -     -
MemberRemoved.entry                   ok    ok    -     -         -     -     -           -     -
` + mutationTable + resetTable

// expectations is the table, read: row to column to mark.
func expectations(t testing.TB) map[string]map[string]string {
	t.Helper()
	rows := map[string]map[string]string{}
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) < len(columns) || fields[0] == columns[0] {
			continue
		}
		marks := fields[len(fields)-len(columns):]
		name := strings.Join(fields[:len(fields)-len(columns)], " ")
		if rows[name] != nil {
			t.Fatalf("two rows %s", name)
		}
		rows[name] = map[string]string{}
		for i, column := range columns {
			rows[name][column] = marks[i]
		}
	}
	return rows
}
