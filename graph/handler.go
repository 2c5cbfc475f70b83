package graph

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"runtime/debug"
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"muster/app"
	"muster/graph/generated"
	"muster/org"
)

// NewHandler makes the executor of the schema. requestID names a request in the log and in answers about faults.
func NewHandler(a *app.App, log *slog.Logger, requestID func(context.Context) string) *handler.Server {
	srv := handler.New(generated.NewExecutableSchema(generated.Config{
		Resolvers:  &Resolver{App: a},
		Complexity: complexity(),
	}))
	p := presenter{log: log, requestID: requestID}
	srv.SetErrorPresenter(p.present)
	srv.SetRecoverFunc(p.recovered)
	return srv
}

// MaxComplexity bounds an operation: a page of a hundred with a dozen fields each fits, a page of pages does not.
const MaxComplexity = 5000

// complexity makes a connection cost what it may bring: its page's size times what is asked of each.
func complexity() generated.ComplexityRoot {
	var c generated.ComplexityRoot
	c.Organization.Members = func(child int, first *int, _ *string, _ *org.MemberFilter) int { return paged(child, first) }
	c.Organization.AuditLog = func(child int, first *int, _ *string, _ *org.AuditLogFilter) int { return paged(child, first) }
	c.Require2FAImpact.Members = func(child int, first *int, _ *string, _ *bool) int { return paged(child, first) }
	c.Organization.ComplianceHistory = func(child, days int) int { return 1 + days*child }
	c.User.Memberships = func(child int) int { return 1 + 20*child }
	c.User.Sessions = func(child int) int { return 1 + 20*child }
	c.User.Identities = func(child int) int { return 1 + 20*child }
	c.User.TwoFactorResets = func(child int) int { return 1 + 20*child }
	c.User.PersonalTokens = func(child int) int { return 1 + 20*child }
	c.Organization.ServiceTokens = func(child int) int { return 1 + 20*child }
	c.Organization.Teams = func(child int) int { return 1 + 20*child }
	c.Organization.AuditLogActors = func(child int, _ *string) int { return 1 + 20*child }
	c.Organization.TwoFactorResets = func(child int) int { return 1 + 20*child }
	c.Organization.Projects = func(child int) int { return 1 + 20*child }
	c.AuditLogEntry.Target = func(child int) int { return 5 + child } // a look-up of its own
	c.User.SecurityEvents = func(child int, first *int, _ *string) int { return paged(child, first) }
	return c
}

func paged(child int, first *int) int {
	n := 50
	if first != nil {
		n = min(max(*first, 1), org.MaxPage)
	}
	return 1 + n*child
}

// repeatable are the mutations that may stand in an operation several times: they neither guess, nor mail, nor hash.
var repeatable = []string{
	"createTeam", "createProject", "setMemberTeams", "updateOrganization", "signOut", "endSession", "endOtherSessions",
}

// Sensitive are the mutations that may stand in an operation once: all that are not known to be harmless.
var Sensitive = func() map[string]bool {
	once := map[string]bool{}
	for _, field := range generated.NewExecutableSchema(generated.Config{}).Schema().Mutation.Fields {
		once[field.Name] = !slices.Contains(repeatable, field.Name)
	}
	return once
}()

// presenter decides what of an error leaves the house: refusals as they are, GraphQL's own complaints as they are, and of
// a fault nothing but the number under which it was logged. Codes leave as plain strings: the transport compares them.
type presenter struct {
	log       *slog.Logger
	requestID func(context.Context) string
}

func (p presenter) present(ctx context.Context, err error) *gqlerror.Error {
	var refusal *org.Error
	if errors.As(err, &refusal) {
		shown := &gqlerror.Error{Message: refusal.Message, Path: graphql.GetPath(ctx), Extensions: map[string]any{"code": string(refusal.Code)}}
		if refusal.Field != "" {
			shown.Extensions["field"] = refusal.Field
		}
		if refusal.RetryAfter > 0 {
			shown.Extensions["retryAfter"] = int(math.Ceil(refusal.RetryAfter.Seconds()))
		}
		if refusal.Code == org.CodeHistoryTrimmed {
			shown.Extensions["first"] = refusal.First
		}
		return shown
	}
	var own *gqlerror.Error
	if errors.As(err, &own) && own.Err == nil {
		if own.Extensions["code"] == nil || own.Extensions["code"] == "GRAPHQL_VALIDATION_FAILED" || own.Extensions["code"] == "GRAPHQL_PARSE_FAILED" {
			setCode(own, org.CodeBadInput)
		}
		return own
	}
	// Else it is not the request whose time is over: a statement has its own, and an operation on a socket is ended by the socket.
	if errors.Is(err, context.DeadlineExceeded) && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &gqlerror.Error{
			Message: "The request took too long and was stopped. Ask for less at a time.", Path: graphql.GetPath(ctx),
			Extensions: map[string]any{"code": string(org.CodeQueryTooLarge)},
		}
	}
	if !errors.Is(err, context.Canceled) {
		p.log.ErrorContext(ctx, "a request failed", "path", graphql.GetPath(ctx).String(), "err", err)
	}
	return &gqlerror.Error{Message: "Internal error", Path: graphql.GetPath(ctx), Extensions: map[string]any{
		"code": string(org.CodeInternal), "requestId": p.requestID(ctx),
	}}
}

func setCode(e *gqlerror.Error, code org.ErrorCode) {
	if e.Extensions == nil {
		e.Extensions = map[string]any{}
	}
	e.Extensions["code"] = string(code)
}

func (p presenter) recovered(ctx context.Context, v any) error {
	p.log.ErrorContext(ctx, "a resolver panicked", "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
	return errors.New("panic")
}
