package transport

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// The codes of enum ErrorCode that this package gives by itself.
const (
	codeBadInput    = "BAD_INPUT"
	codeTooLarge    = "QUERY_TOO_LARGE"
	codeRateLimited = "RATE_LIMITED"
	codeInternal    = "INTERNAL"
)

// maxErrors bounds the errors of a document that is refused. One of a thousand tokens can be wrong in
// hundreds of places, and nobody reads more than a few. What comes with data is not cut: a field that
// is null because of an error must have its error (GraphQL, section 6.4.4).
const maxErrors = 10

// defaultTimeout is how long a query or mutation may take on any transport.
const defaultTimeout = 5 * time.Second

// maxMessage is the size in bytes of the largest request body or socket message.
const maxMessage = 64 << 10

// timeout is the cause of a context that ended because an operation took too long, so that it can
// be told from a client that went away: what the client is told.
type timeout struct{ code, message string }

func (t *timeout) Error() string { return t.message }

// tooLong ends a query or mutation: it has asked for too much.
func tooLong(limit time.Duration) *timeout {
	return &timeout{codeTooLarge, fmt.Sprintf("The request took longer than %g s. Ask for less at once, or try again later.", limit.Seconds())}
}

// notBegun ends what has not begun in time, which is no fault of what was asked for.
func notBegun(limit time.Duration) *timeout {
	return &timeout{codeInternal, fmt.Sprintf("The operation could not begin within %g s: Muster or its database is busy. Try again in a moment.", limit.Seconds())}
}

// refusal is an error that this package gives by itself, in the shape that all errors have.
func refusal(code, format string, args ...any) *gqlerror.Error {
	return &gqlerror.Error{
		Message:    fmt.Sprintf(format, args...),
		Extensions: map[string]any{"code": code},
	}
}

// tooMany is a refusal for now, with when to try again.
func tooMany(wait time.Duration, format string, args ...any) *gqlerror.Error {
	err := refusal(codeRateLimited, format, args...)
	err.Extensions["retryAfter"] = int(wait.Seconds())
	return err
}

func internalError() *gqlerror.Error { return refusal(codeInternal, "Internal error") }

// decodeRequest reads the parameters of one operation, as a request body and as the payload of
// a subscribe message. Names are matched exactly. Its errors say what is wrong and never repeat
// what was sent: a body may hold a password.
func decodeRequest(data []byte) (*graphql.RawParams, error) {
	if bytes.Contains(data, []byte(`\u0000`)) {
		return nil, errors.New("it contains the character U+0000, which no text may")
	}
	object, err := decodeObject[any](data)
	if err != nil {
		return nil, err
	}
	params := &graphql.RawParams{}
	query, ok := object["query"]
	if !ok {
		return nil, errors.New(`"query" is missing: send the GraphQL document as a string`)
	}
	if params.Query, ok = query.(string); !ok {
		return nil, errors.New(`"query" must be a string`)
	}
	if name := object["operationName"]; name != nil {
		if params.OperationName, ok = name.(string); !ok {
			return nil, errors.New(`"operationName" must be a string or null`)
		}
	}
	if params.Variables, err = innerObject(object, "variables"); err != nil {
		return nil, err
	}
	if params.Extensions, err = innerObject(object, "extensions"); err != nil {
		return nil, err
	}
	return params, nil
}

// decodeObject reads a JSON object, its members as V takes them.
func decodeObject[V any](data []byte) (map[string]V, error) {
	trimmed := bytes.TrimLeft(data, " \t\r\n")
	switch {
	case len(trimmed) == 0:
		return nil, errors.New("it is empty: send a JSON object")
	case trimmed[0] == '[':
		return nil, errors.New("batches are not accepted: send one operation at a time, as a JSON object")
	}
	var object map[string]V
	if err := decode(data, &object); err != nil || object == nil {
		return nil, errors.New("it is not a JSON object")
	}
	return object, nil
}

// decode reads one JSON value that has nothing after it. Numbers keep all their digits.
func decode(data []byte, value any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if err := decoder.Decode(value); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("it is more than one value")
	}
	return nil
}

// innerObject is a member that must be an object, null or absent.
func innerObject(object map[string]any, name string) (map[string]any, error) {
	value := object[name]
	if value == nil {
		return nil, nil
	}
	values, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%q must be an object or null", name)
	}
	return values, nil
}

func isNull(raw json.RawMessage) bool { return string(raw) == "null" }

// encodeResponse is a response as JSON.
func encodeResponse(response *graphql.Response) ([]byte, error) {
	var b bytes.Buffer
	err := writeResponse(&b, response)
	return b.Bytes(), err
}

// writeResponse writes a response as JSON. An absent data entry stays absent: "data": null would
// say that the operation ran.
func writeResponse(b *bytes.Buffer, response *graphql.Response) error {
	b.Grow(len(response.Data) + 64)
	separator := byte('{')
	member := func(name string, value []byte) {
		b.WriteByte(separator)
		separator = ','
		b.WriteString(name)
		b.Write(value)
	}
	if len(response.Errors) > 0 {
		limit := maxErrors
		if len(response.Data) > 0 {
			limit = len(response.Errors)
		}
		list, err := encodeErrors(response.Errors, limit)
		if err != nil {
			return err
		}
		member(`"errors":`, list)
	}
	if len(response.Data) > 0 {
		member(`"data":`, response.Data)
	}
	if len(response.Extensions) > 0 {
		extensions, err := json.Marshal(response.Extensions)
		if err != nil {
			return fmt.Errorf("encode the extensions of a response: %w", err)
		}
		member(`"extensions":`, extensions)
	}
	if separator == '{' {
		b.WriteByte(separator)
	}
	b.WriteByte('}')
	return nil
}

// encodeErrors writes at most limit errors as a JSON array.
func encodeErrors(list gqlerror.List, limit int) ([]byte, error) {
	encoded, err := json.Marshal(list[:min(len(list), limit)])
	if err != nil {
		return nil, fmt.Errorf("encode errors: %w", err)
	}
	return encoded, nil
}

// present takes errors through the executor's error presenter.
func present(
	ctx context.Context, exec graphql.GraphExecutor, operation *graphql.OperationContext, list ...*gqlerror.Error,
) *graphql.Response {
	if operation == nil {
		// Presenters and response interceptors may look for one.
		operation = &graphql.OperationContext{}
	}
	response := exec.DispatchError(graphql.WithOperationContext(ctx, operation), list)
	if response == nil || len(response.Errors) == 0 {
		return &graphql.Response{Errors: list}
	}
	return response
}

// asGraphQL wraps any error so that a presenter still finds it with errors.As.
func asGraphQL(err error) *gqlerror.Error {
	if already, ok := errors.AsType[*gqlerror.Error](err); ok {
		return already
	}
	return gqlerror.WrapPath(nil, err)
}

// recovered turns a panic into an error for the client. The executor's recover function, where
// it has one, sees the panic and logs it.
func recovered(ctx context.Context, exec graphql.GraphExecutor, panicked any) (presented *gqlerror.Error) {
	defer func() {
		if recover() != nil || presented == nil {
			presented = internalError()
		}
	}()
	if !graphql.HasOperationContext(ctx) {
		ctx = graphql.WithOperationContext(ctx, &graphql.OperationContext{})
	}
	if executor, ok := exec.(interface {
		PresentRecoveredError(ctx context.Context, err any) error
	}); ok {
		presented, _ = errors.AsType[*gqlerror.Error](executor.PresentRecoveredError(ctx, panicked))
	}
	return presented
}

// presentTimeout makes the faults in a response that came too late say so: what a resolver makes
// of a context that ended is of no use to anyone. What was answered in time stays.
func presentTimeout(ctx context.Context, response *graphql.Response) *graphql.Response {
	late, ok := errors.AsType[*timeout](context.Cause(ctx))
	if !ok {
		return response
	}
	if response == nil {
		return &graphql.Response{Errors: gqlerror.List{refusal(late.code, "%s", late.message)}}
	}
	for _, fault := range response.Errors {
		if code, _ := fault.Extensions["code"].(string); code == "" || code == codeInternal {
			fault.Message = late.message
			fault.Extensions = map[string]any{"code": late.code}
		}
	}
	return response
}
