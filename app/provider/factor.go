package provider

import "slices"

// The kinds of factors of NIST SP 800-63B-4, section 2.2.1, with the methods of RFC 8176 that prove each. Left out on
// purpose: kba (answers that others can find), vbm (a voice, which SP 800-63B-4 section 3.2.3 does not take), user (that
// somebody was there), geo, rba, wia and mca (no factor), and pop (of a key that may be the client's own).
var factorKinds = [][]string{
	{"pwd", "pin"}, // what somebody knows
	{"otp", "hwk", "swk", "sc", "sms", "tel"}, // what they have
	{"fpt", "face", "iris", "retina"},         // what they are
}

// multiFactorACRs are the authentication context classes whose definition says that two factors were used. Anything else,
// such as "2", means what the provider wants it to mean.
var multiFactorACRs = []string{
	"http://schemas.openid.net/pape/policies/2007/06/multi-factor",
	"https://refeds.org/profile/mfa",
	"http://idmanagement.gov/ns/assurance/aal/2",
	"http://idmanagement.gov/ns/assurance/aal/3",
}

// SecondFactor says whether a token's amr and acr tell of two factors: amr has mfa, or methods of two different kinds (a
// password and a code; a key and a fingerprint), or acr is a class that is defined so. One strong method alone, such as hwk,
// is one factor: a key that was found, without the PIN. Two of a kind, such as a password and a PIN, are one factor too.
func SecondFactor(amr []string, acr string) bool {
	if slices.Contains(amr, "mfa") || slices.Contains(multiFactorACRs, acr) {
		return true
	}
	kinds := 0
	for _, methods := range factorKinds {
		if slices.ContainsFunc(methods, func(m string) bool { return slices.Contains(amr, m) }) {
			kinds++
		}
	}
	return kinds >= 2
}
