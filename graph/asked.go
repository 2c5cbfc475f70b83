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

// asked says what a query asks of a connection of members. It may say too much and never too little: a test asks random
// questions with it and without.
func asked(ctx context.Context) (a app.Asked) {
	if list.Slow(ctx) {
		return app.Asked{MemberDetails: org.EveryDetail, TotalCount: true}
	}
	operation := graphql.GetOperationContext(ctx)
	fields := func(selections ast.SelectionSet) []graphql.CollectedField {
		return graphql.CollectFields(operation, selections, nil)
	}
	members := func(selections ast.SelectionSet) {
		for _, field := range fields(selections) {
			switch field.Name {
			case "removedAt", "reinstatableUntil", "lastSeenAt":
				a.Times = true
			case "notificationSettings":
				a.Own = true
			case "user":
				a.Own = a.Own || slices.ContainsFunc(fields(field.Selections), private)
			case "invitedBy":
				a.InvitedBy = true
			case "inviteExpiresAt", "inviteDelivery":
				a.Invitation = true
			case "isOnlyOwner":
				a.OnlyOwner = true
			case "linked":
				a.Provider = true
			case "teams":
				a.Teams = true
			}
		}
	}
	for _, field := range fields(graphql.GetFieldContext(ctx).Field.Selections) {
		switch field.Name {
		case "totalCount":
			a.TotalCount = true
		case "nodes":
			members(field.Selections)
		case "edges":
			for _, inner := range fields(field.Selections) {
				if inner.Name == "node" {
					members(inner.Selections)
				}
			}
		}
	}
	return a
}

// private says whether a field of a user is one that only they see, and a list of members therefore seldom asks for.
func private(field graphql.CollectedField) bool {
	return !slices.Contains([]string{"__typename", "id", "name", "email"}, field.Name)
}
