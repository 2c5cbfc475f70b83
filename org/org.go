// Package org says what things are and what is allowed: the types of Muster and its rules, as pure functions.
//
// An `if` that a product manager would know stands here. The package does no I/O and imports the standard
// library, and Unicode's tables to know which names look the same:
// it knows neither SQL nor GraphQL nor HTTP, takes the time as an argument and never starts anything. The same structs
// are read by Bun (tags), by pgx (column names) and by gqlgen (autobind); what must never be shown has no field here.
package org

// Node is anything with a global id that can be fetched again.
type Node interface{ IsNode() }

// AuditActor is who can stand behind an audit entry: a User or a ServiceToken.
type AuditActor interface{ IsAuditActor() }

// IsNode marks the type as fetchable by its id.
func (User) IsNode() {}

// IsAuditActor marks the type as a possible actor of an audit entry.
func (User) IsAuditActor() {}

// IsNode marks the type as fetchable by its id.
func (Organization) IsNode() {}

// IsNode marks the type as fetchable by its id.
func (Member) IsNode() {}

// IsNode marks the type as fetchable by its id.
func (Authenticator) IsNode() {}

// IsNode marks the type as fetchable by its id.
func (AuditLogEntry) IsNode() {}

// IsNode marks the type as fetchable by its id.
func (Team) IsNode() {}

// IsNode marks the type as fetchable by its id.
func (Project) IsNode() {}

// IsNode marks the type as fetchable by its id.
func (Sweep) IsNode() {}
