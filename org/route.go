package org

import "slices"

// SignInMethod is what a session began by, or was last made fresh by.
type SignInMethod string

// The methods. A session remembers which one made it fresh: what a weak one proved is not taken for a strong one.
const (
	ByPassword     SignInMethod = "PASSWORD"
	ByTOTP         SignInMethod = "TOTP"
	ByPhone        SignInMethod = "PHONE"
	BySecurityKey  SignInMethod = "SECURITY_KEY"
	ByPasskey      SignInMethod = "PASSKEY" // a security key that has verified its user: two factors in one
	ByRecoveryCode SignInMethod = "RECOVERY_CODE"
	ByMailbox      SignInMethod = "MAILBOX" // an emailed link: it allows a first factor, and proves none

	ByProvider       SignInMethod = "PROVIDER"        // an organization's provider named somebody
	ByProviderFactor SignInMethod = "PROVIDER_FACTOR" // and said that they used a second factor there
)

// SecondFactor says whether the method proves a second factor. A recovery code does: it lets its owner in, and enroll. A
// provider's word does for its organization, as long as that trusts it: the gate asks.
func (m SignInMethod) SecondFactor() bool {
	return slices.Contains([]SignInMethod{ByTOTP, ByPhone, BySecurityKey, ByPasskey, ByRecoveryCode, ByProviderFactor}, m)
}

// Route is a way into Muster: an operation that begins a session, raises the one that it runs in, or makes an API token.
type Route struct {
	Name   string // the mutation, or the page's path
	Begins bool   // it makes a new session with a new token; else it raises the session that it runs in
	// Creates says that the account begins with the session, so that nobody is told of a new sign-in.
	Creates bool
	// Confined says that its sessions are good for one organization only.
	Confined bool
	By       []SignInMethod
	// Issues says that it makes an API token: a way in by itself, a personal one with the proof of the session that it is made
	// in. It takes no method of its own.
	Issues bool
}

// The routes. What begins or raises a session or makes a token names its route, and a method that the route does not take is
// refused as a fault: there is no way in that is not in this table, and the tests are made from it. They hold it against
// every statement that writes what opens Muster, and against every page.
var (
	ViaSignUp          = &Route{Name: "signUp", Begins: true, Creates: true, By: []SignInMethod{ByPassword}}
	ViaSignIn          = &Route{Name: "signIn", Begins: true, By: []SignInMethod{ByPassword}}
	ViaSecondFactor    = &Route{Name: "verifySecondFactor", Begins: true, By: []SignInMethod{ByTOTP, ByPhone, BySecurityKey, ByRecoveryCode}}
	ViaPasskey         = &Route{Name: "signInWithPasskey", Begins: true, By: []SignInMethod{ByPasskey}}
	ViaConfirmTOTP     = &Route{Name: "confirmTOTP", By: []SignInMethod{ByTOTP}}
	ViaConfirmPhone    = &Route{Name: "confirmPhone", By: []SignInMethod{ByPhone}}
	ViaConfirmKey      = &Route{Name: "confirmSecurityKeyEnrollment", By: []SignInMethod{BySecurityKey}}
	ViaConfirmIdentity = &Route{Name: "confirmIdentity", By: []SignInMethod{ByPassword, ByTOTP, ByPhone, BySecurityKey}}
	ViaProvider        = &Route{Name: "/sso/callback", Begins: true, By: []SignInMethod{ByProvider, ByProviderFactor}, Confined: true}
	ViaAcceptInvite    = &Route{Name: "acceptInvite", By: []SignInMethod{ByMailbox}}

	ViaPersonalToken = &Route{Name: "createPersonalToken", Issues: true}
	ViaServiceToken  = &Route{Name: "createServiceToken", Issues: true}

	// ViaDemo is how the demo's own seeding acts as its people; the tokens are thrown away.
	ViaDemo = &Route{Name: "the demo's seeding", Begins: true, Creates: true, By: []SignInMethod{ByPassword, ByTOTP}}
)

// Routes are all there are.
var Routes = []*Route{
	ViaSignUp, ViaSignIn, ViaSecondFactor, ViaConfirmTOTP, ViaConfirmPhone, ViaConfirmIdentity, ViaProvider, ViaAcceptInvite, ViaDemo,
	ViaPasskey, ViaConfirmKey, ViaPersonalToken, ViaServiceToken,
}

// Takes says whether the route takes the method.
func (r *Route) Takes(by SignInMethod) bool { return slices.Contains(r.By, by) }
