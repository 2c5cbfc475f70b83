package org

import "strings"

// LastCompliantOwner says whether the member is all that an organization has of owners who meet its own requirement, others
// being its other active owners: such a person cannot be left without an authenticator.
func (m *Member) LastCompliantOwner(others Owners) bool {
	return m.Status == StatusActive && m.Role == RoleOwner && m.Organization.Enforced && others.Compliant == 0
}

// CheckLockOut refuses to leave a person without an authenticator where lastOf, the memberships in which they are the last
// compliant owner, are any; it names the organizations, so it is for the person's own eyes.
func CheckLockOut(lastOf []*Member) error {
	if len(lastOf) == 0 {
		return nil
	}
	names := make([]string, len(lastOf))
	for i, m := range lastOf {
		names[i] = m.Organization.Name
	}
	return Refuse(CodeLastOwner, "Nobody else who owns them has two-factor authentication in: %s. Another owner has to set it up first.", strings.Join(names, ", "))
}
