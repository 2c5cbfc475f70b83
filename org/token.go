package org

import "time"

// Token is an API token, by which a program acts instead of a person: a person's own, or an organization's. Its text is
// stored hashed, elsewhere.
type Token struct {
	ID             string
	Name           string
	Scopes         []string // each a Scope; not by that name, since gqlgen takes an alias for one type or the other by chance
	OrganizationID *string  // of a service token: whose it is, and where alone it is good; nil for a person's own
	CreatedAt      time.Time
	ExpiresAt      time.Time
	LastUsedAt     *time.Time
}

// PersonalToken is a person's own API token: it acts as that person, as far as its scopes go.
type PersonalToken struct{ Token }

// ServiceToken is an organization's own API token: it acts as itself, whoever made it. As the actor of an entry only ID and
// Name are known.
type ServiceToken struct {
	ID         string
	Name       string
	Scopes     []string
	CreatedBy  *User
	CreatedAt  *time.Time
	ExpiresAt  *time.Time
	LastUsedAt *time.Time
}

// IsNode marks the type as fetchable by its id.
func (ServiceToken) IsNode() {}

// IsAuditActor marks the type as a possible actor of an audit entry.
func (ServiceToken) IsAuditActor() {}

// SeenBy is what viewer, an owner of the organization, sees of t.
func (t *ServiceToken) SeenBy(viewer *Member) *ServiceToken {
	seen := *t
	seen.CreatedBy = t.CreatedBy.SeenBy(viewer.UserID(), true)
	return &seen
}

// Bounds on API tokens.
const (
	// MaxTokens is how many living ones a person, or an organization, has at most.
	MaxTokens = 50
	// MaxTokenLife is a year, a leap year's day included.
	MaxTokenLife = 366 * 24 * time.Hour
	// DefaultTokenLife is how long one lives whose maker does not say.
	DefaultTokenLife = 90 * 24 * time.Hour
)

// ServiceTokenRole is what a service token is in its organization: more than that only a person is.
const ServiceTokenRole = RoleManager

// Service says whether the session is a service token's.
func (s *Session) Service() bool { return s != nil && s.Token != nil && s.Token.OrganizationID != nil }

// TokenMember is the place of a service token in its organization, which no row holds: a manager's, as far as its scopes go.
func TokenMember(s *Session, o *Organization) *Member {
	return &Member{
		ID: s.ID, OrganizationID: o.ID, Organization: o, User: s.User, Name: &s.Token.Name,
		Role: ServiceTokenRole, Status: StatusActive,
	}
}

// CheckSession says whether it is a person's session, as opposed to an API token, which does nothing to accounts.
func (s *Session) CheckSession() error {
	if s.Token != nil {
		return Refuse(CodeForbidden, "An API token cannot change an account. Sign in to do it.")
	}
	return nil
}

// CheckServiceTarget keeps a service token from whoever is above what it is itself, whatever the change.
func CheckServiceTarget(s *Session, by, target *Member) error {
	if !s.Service() {
		return nil
	}
	return CheckOver(by, target)
}

// MaxTokenGrant is the highest role that an API token gives, whoever's it is. A manager resets second factors and acts as only
// a person may: whoever holds a token must not make themselves one.
const MaxTokenGrant = RoleAdmin

// CheckTokenGrant keeps an API token from giving a role that has powers which it has not itself.
func CheckTokenGrant(s *Session, role Role) error {
	if s.Token != nil && !MaxTokenGrant.AtLeast(role) {
		return Refuse(CodeForbidden, "An API token gives roles up to %s. To give the role %s, sign in as a person who has it.", MaxTokenGrant.Title(), role.Title())
	}
	return nil
}

// CheckNewToken says whether another token fits.
func CheckNewToken(living int) error {
	if living >= MaxTokens {
		return Refuse(CodeConflict, "There are %d API tokens already. Revoke one first.", living)
	}
	return nil
}

// TokenExpiry is when a new token ends, given when its maker wants it to: later than now and within a year.
func TokenExpiry(field string, now time.Time, asked *time.Time) (time.Time, error) {
	if asked == nil {
		return now.Add(DefaultTokenLife), nil
	}
	if !asked.After(now) || asked.After(now.Add(MaxTokenLife)) {
		return time.Time{}, BadInput(field, "A token ends in the future and within a year.")
	}
	return *asked, nil
}
