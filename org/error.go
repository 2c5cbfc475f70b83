package org

import (
	"fmt"
	"time"
)

// ErrorCode is the part of a refusal that a program reads. The codes are listed in the schema.
type ErrorCode string

// The codes of refusals. Their meaning is written in the schema's enum ErrorCode.
const (
	CodeUnauthenticated      ErrorCode = "UNAUTHENTICATED"
	CodeNotFound             ErrorCode = "NOT_FOUND"
	CodeForbidden            ErrorCode = "FORBIDDEN"
	CodeTwoFactorRequired    ErrorCode = "TWO_FACTOR_REQUIRED"
	CodeStepUpRequired       ErrorCode = "STEP_UP_REQUIRED"
	CodeMailboxProofRequired ErrorCode = "MAILBOX_PROOF_REQUIRED"
	CodeInvalidCredentials   ErrorCode = "INVALID_CREDENTIALS"
	CodeInvalidCode          ErrorCode = "INVALID_CODE"
	CodeInvalidLink          ErrorCode = "INVALID_LINK"
	CodeBadInput             ErrorCode = "BAD_INPUT"
	CodeConflict             ErrorCode = "CONFLICT"
	CodeEmailTaken           ErrorCode = "EMAIL_TAKEN"
	CodeSSOEnabled           ErrorCode = "SSO_ENABLED"
	CodeRequirementOn        ErrorCode = "REQUIREMENT_ON"
	CodeLastAuthenticator    ErrorCode = "LAST_AUTHENTICATOR"
	CodeLastOwner            ErrorCode = "LAST_OWNER"
	CodeRateLimited          ErrorCode = "RATE_LIMITED"
	CodeQueryTooLarge        ErrorCode = "QUERY_TOO_LARGE"
	CodeHistoryTrimmed       ErrorCode = "HISTORY_TRIMMED"
	CodeInternal             ErrorCode = "INTERNAL"
)

// Error is a refusal: a sentence for a person and a code for a program. Any other error is a fault, which is logged and
// never shown.
type Error struct {
	Code    ErrorCode
	Message string
	// Field names the argument at fault, with BAD_INPUT.
	Field string
	// RetryAfter is how long to wait, with RATE_LIMITED.
	RetryAfter time.Duration
	// First is the first sequence kept, with HISTORY_TRIMMED.
	First int
}

func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

// Is makes errors.Is compare refusals by their code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// Refuse makes a refusal from a code and a sentence.
func Refuse(code ErrorCode, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// BadInput refuses the argument named field.
func BadInput(field, format string, args ...any) *Error {
	return &Error{Code: CodeBadInput, Field: field, Message: fmt.Sprintf(format, args...)}
}

// Refusals that are said in many places and must read the same everywhere: a difference would tell what exists.
var (
	ErrUnauthenticated = Refuse(CodeUnauthenticated, "Sign in first.")
	ErrNotFound        = Refuse(CodeNotFound, "There is no such thing, or it is not for you to see.")
	ErrInvalidLink     = Refuse(CodeInvalidLink, "This link is invalid, was used already or has expired. Ask an owner or manager of the organization for a new one.")
	ErrInvalidCode     = Refuse(CodeInvalidCode, "This code is wrong, was used already or has expired. Wait for the next one and try again.")
	ErrDeadAlert       = Refuse(CodeInvalidLink, "This link is invalid or has expired. Is the account yours? Sign in, sign out everywhere else, and change the password.")
	ErrFrozen          = Refuse(CodeConflict, "This account is locked: its owner reported a change that was not theirs. To open it again, reset the password by mail. If that has been done, all its second factors were part of what was reported: ask an owner or manager of your organization, or whoever runs this server, to reset your two-factor authentication.")
	ErrOnlyMailbox     = Refuse(CodeForbidden, "This password was set by mail and no second factor has been used with it since, so it proves no more than the mailbox does. Ask the owners of your other organizations to approve the request, or whoever runs this server to reset your two-factor authentication.")
	ErrCredentials     = Refuse(CodeInvalidCredentials, "Email or password is wrong.")
)
