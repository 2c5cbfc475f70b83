package org

// CeremonyPurpose is what a security key is asked for. An answer for one purpose is none for another.
type CeremonyPurpose string

// The purposes, and what each is bound to.
const (
	CeremonyEnroll          CeremonyPurpose = "ENROLL"           // to the session that sets the key up
	CeremonySecondFactor    CeremonyPurpose = "SECOND_FACTOR"    // to the sign-in challenge that it answers
	CeremonyConfirmIdentity CeremonyPurpose = "CONFIRM_IDENTITY" // to the session that it makes fresh
	CeremonyPasskey         CeremonyPurpose = "PASSKEY"          // to a token, since nobody is known yet
)

// ErrInvalidKey is said of every answer of a security key that does not do: a difference would tell which check it failed.
var ErrInvalidKey = Refuse(CodeInvalidCode, "This security key was not accepted: it is not one of this account's, or the request was answered before or has expired. Start again and use a key that is set up for your account.")

// CheckOneAnswer says whether exactly one of a code and a security key's answer is given.
func CheckOneAnswer(code, key bool) error {
	switch {
	case code && key:
		return BadInput("credential", "Send a code or a security key's answer, not both.")
	case !code && !key:
		return BadInput("code", "Send a code, or a security key's answer as credential.")
	}
	return nil
}
