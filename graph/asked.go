package graph

import (
	"context"
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"muster/app"
	"muster/graph/list"
	"muster/org"
)

// What a query asks of a connection. It may say too much and never too little: a test asks random questions with it and
// without.

func askedOfMembers(ctx context.Context) app.Asked {
	if list.Slow(ctx) {
		return app.Asked{MemberDetails: org.EveryDetail, TotalCount: true}
	}
	var a app.Asked
	a.TotalCount = eachAsked(ctx, func(field graphql.CollectedField) {
		switch field.Name {
		case "removedAt", "reinstatableUntil", "lastSeenAt":
			a.Times = true
		case "notificationSettings":
			a.Own = true
		case "user":
			a.Own = a.Own || slices.ContainsFunc(graphql.CollectFields(graphql.GetOperationContext(ctx), field.Selections, nil), private)
		case "invitedBy":
			a.InvitedBy = true
		case "inviteExpiresAt", "inviteDelivery":
			a.Invitation = true
		case "isOnlyOwner":
			a.OnlyOwner = true
		case "linked", "meetsRequirement":
			a.Provider = true
		case "teams":
			a.Teams = true
		}
	})
	return a
}

func askedOfLog(ctx context.Context) app.AuditAsked {
	if list.Slow(ctx) {
		return app.AuditAsked{AuditDetails: org.EveryAuditDetail, TotalCount: true}
	}
	var a app.AuditAsked
	a.TotalCount = eachAsked(ctx, func(field graphql.CollectedField) {
		switch field.Name {
		case "actor":
			a.Actor = true
		case "data":
			a.Data = true
		}
	})
	return a
}

// Entering is the short name of the organization that a query begins in, "" where it begins in none. Of several it is the first.
func Entering(operation *graphql.OperationContext) string {
	if operation.Operation.Operation != ast.Query {
		return ""
	}
	for _, field := range graphql.CollectFields(operation, operation.Operation.SelectionSet, []string{"Query"}) {
		if field.Name != "organization" {
			continue
		}
		if slug := field.Arguments.ForName("slug"); slug != nil {
			if value, err := slug.Value.Value(operation.Variables); err == nil {
				name, _ := value.(string)
				return name
			}
		}
	}
	return ""
}

// eachAsked tells of each field that is asked of a connection's elements, and says whether its totalCount is asked for.
func eachAsked(ctx context.Context, ofElement func(graphql.CollectedField)) (totalCount bool) {
	operation := graphql.GetOperationContext(ctx)
	fields := func(selections ast.SelectionSet) []graphql.CollectedField {
		return graphql.CollectFields(operation, selections, nil)
	}
	elements := func(selections ast.SelectionSet) {
		for _, field := range fields(selections) {
			ofElement(field)
		}
	}
	for _, field := range fields(graphql.GetFieldContext(ctx).Field.Selections) {
		switch field.Name {
		case "totalCount":
			totalCount = true
		case "nodes":
			elements(field.Selections)
		case "edges":
			for _, inner := range fields(field.Selections) {
				if inner.Name == "node" {
					elements(inner.Selections)
				}
			}
		}
	}
	return totalCount
}

// private says whether a field of a user is one that only they see, and a list of members therefore seldom asks for.
func private(field graphql.CollectedField) bool {
	return !slices.Contains([]string{"__typename", "id", "name", "email"}, field.Name)
}
