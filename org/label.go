package org

import (
	"slices"
	"strings"
)

// How logs and mails name who is no person of the organization. Nobody who acts has one of these names: see ParseActorName.
const (
	// SystemLabel is for what nobody did.
	SystemLabel = "Muster"
	// OperatorLabel is for whoever runs Muster and uses its command line.
	OperatorLabel = "operator (command line)"
	// ElsewhereLabel is for who acts in another organization, of which this one is told nothing.
	ElsewhereLabel = "Another organization"
)

// Label is how the audit log names the person: beside the name, which everybody chooses, stands what not everybody can have.
func (u *User) Label() string {
	switch {
	case u.Email != nil:
		return u.Name + " <" + *u.Email + ">"
	case u.Issuer != nil:
		return u.Name + " (through " + *u.Issuer + ")"
	}
	return u.Name
}

// Label is how the audit log names the member.
func (m *Member) Label() string {
	switch {
	case m.User != nil:
		return m.User.Label()
	case m.Name != nil:
		return *m.Name
	case m.Email != nil:
		return *m.Email
	}
	return m.ID
}

// ParseActorName checks the name of who acts and is named by logs and mails, a person or a token: a name, as ParseName has it, that
// nobody reads as somebody's address or as Muster itself. What names that look the same have in common, form says.
func ParseActorName(field, s string, limit int, form func(string) string) (string, error) {
	s, err := ParseName(field, s, limit)
	switch {
	case err != nil:
		return "", err
	case strings.ContainsFunc(s, addressMark(form)):
		return "", BadInput(field, "A name has none of < > @, with which logs write addresses. Leave the address out.")
	case slices.ContainsFunc([]string{SystemLabel, OperatorLabel, ElsewhereLabel}, func(label string) bool { return form(s) == form(label) }):
		return "", BadInput(field, "Logs and mails use this name for what Muster itself says. Choose another.")
	}
	return s, nil
}

// addressMark finds what an address is written with, in any of the widths that have one form.
func addressMark(form func(string) string) func(rune) bool {
	return func(r rune) bool { return strings.ContainsAny(form(string(r)), "<>@") }
}
