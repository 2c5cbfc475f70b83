package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
	"github.com/gorilla/websocket"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// The two media types of GraphQL over HTTP.
const (
	mediaJSON     = "application/json"
	mediaResponse = "application/graphql-response+json"
)

// HTTP answers queries by GET and queries and mutations by POST, conforming to the
// GraphQL-over-HTTP specification. A client that accepts application/graphql-response+json gets
// status codes that tell a request error from an answer; one that accepts application/json gets
// 200 for every well-formed request. The zero value works.
type HTTP struct {
	// Begin is called before an operation runs, with what it is, and answers the operation's
	// context: the place to find out who asks. Where it fails the operation does not run, and the
	// error is answered as a failure of the server. It may be nil.
	Begin func(ctx context.Context, r *http.Request, operation *graphql.OperationContext) (context.Context, error)
	// Headers is called after an operation has run and before the response's header is written,
	// with the operation's context: the place to set a cookie. It may be nil.
	Headers func(ctx context.Context, header http.Header)
	// MaxBody bounds a request's body, and the query string of a GET, in bytes. 0 means 64 KiB.
	MaxBody int64
	// Timeout bounds an operation; its context ends then. Resolvers must heed their context.
	// 0 means 5 s.
	Timeout time.Duration
}

var _ graphql.Transport = HTTP{}

// httpRefusal is a request that does not reach the executor.
type httpRefusal struct {
	status int
	allow  string // the Allow header, for 405
	err    *gqlerror.Error
}

func refuse(status int, code, format string, args ...any) *httpRefusal {
	return &httpRefusal{status: status, err: refusal(code, format, args...)}
}

// Supports takes every request but a WebSocket's upgrade: a request that cannot be served is told
// so by Do.
func (t HTTP) Supports(r *http.Request) bool { return !websocket.IsWebSocketUpgrade(r) }

// Do answers one request.
func (t HTTP) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	if t.MaxBody <= 0 {
		t.MaxBody = maxMessage
	}
	if t.Timeout <= 0 {
		t.Timeout = defaultTimeout
	}
	ctx, cancel := context.WithTimeoutCause(r.Context(), t.Timeout, tooLong(t.Timeout))
	defer cancel()

	media, acceptable := negotiate(r.Header.Values("Accept"))
	defer func() {
		if panicked := recover(); panicked != nil {
			if err, ok := panicked.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(panicked) // net/http's own way to end a response.
			}
			fault := recovered(ctx, exec, panicked)
			write(w, media, http.StatusInternalServerError, &graphql.Response{Errors: gqlerror.List{fault}})
		}
	}()

	var params *graphql.RawParams
	var refused *httpRefusal
	switch {
	case !acceptable:
		refused = refuse(http.StatusNotAcceptable, codeBadInput, "Accept must allow %s or %s.", mediaResponse, mediaJSON)
	case r.Method == http.MethodGet:
		params, refused = t.fromURL(r.URL)
	case r.Method == http.MethodPost:
		params, refused = t.fromBody(w, r)
	default:
		refused = refuse(http.StatusMethodNotAllowed, codeBadInput, "GraphQL is served by POST, and queries by GET.")
		refused.allow = "GET, POST"
	}
	if refused != nil {
		t.writeRefusal(ctx, w, exec, media, nil, refused)
		return
	}
	params.Headers = r.Header
	t.execute(ctx, w, r, exec, media, params)
}

func (t HTTP) execute(
	ctx context.Context, w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor, media string, params *graphql.RawParams,
) {
	operation, errs := exec.CreateOperationContext(ctx, params)
	if len(errs) > 0 {
		response := present(ctx, exec, operation, errs...)
		write(w, media, requestErrorStatus(media, response.Errors), response)
		return
	}
	switch kind := operation.Operation.Operation; {
	case kind == ast.Subscription:
		t.writeRefusal(ctx, w, exec, media, operation, refuse(http.StatusBadRequest, codeBadInput,
			"Subscriptions need a WebSocket: connect to this address with the subprotocol %s.", Subprotocol))
		return
	case kind != ast.Query && r.Method == http.MethodGet:
		refused := refuse(http.StatusMethodNotAllowed, codeBadInput, "Mutations are sent by POST; GET is for queries.")
		refused.allow = "POST"
		t.writeRefusal(ctx, w, exec, media, operation, refused)
		return
	}

	if t.Begin != nil {
		begun, err := t.Begin(ctx, r, operation)
		if err != nil {
			t.writeRefusal(ctx, w, exec, media, operation, &httpRefusal{status: http.StatusServiceUnavailable, err: asGraphQL(err)})
			return
		}
		ctx = begun
	}
	responses, ctx := exec.DispatchOperation(ctx, operation)
	response := presentTimeout(ctx, responses(ctx))
	if t.Headers != nil {
		t.Headers(ctx, w.Header())
	}
	if response == nil {
		if ctx.Err() != nil {
			return // The client has gone.
		}
		response = &graphql.Response{Errors: gqlerror.List{internalError()}}
	}
	status := http.StatusOK
	if len(response.Data) == 0 {
		status = requestErrorStatus(media, response.Errors)
	}
	write(w, media, status, response)
}

// fromURL reads the parameters of a GET.
func (t HTTP) fromURL(u *url.URL) (*graphql.RawParams, *httpRefusal) {
	if int64(len(u.RawQuery)) > t.MaxBody {
		return nil, refuse(http.StatusRequestURITooLong, codeTooLarge,
			"The query string is longer than %d KiB. Send the query by POST, and ask for less at once.", t.MaxBody>>10)
	}
	values, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, codeBadInput, "The query string is not well-formed.")
	}
	if !values.Has("query") {
		return nil, refuse(http.StatusBadRequest, codeBadInput,
			`"query" is missing: send the GraphQL document as a parameter, or by POST.`)
	}
	params := &graphql.RawParams{Query: values.Get("query"), OperationName: values.Get("operationName")}
	object := map[string]any{}
	for _, name := range []string{"variables", "extensions"} {
		if value := values.Get(name); value != "" {
			var given any
			if decode([]byte(value), &given) != nil {
				given = value // A text, and so no object.
			}
			object[name] = given
		}
	}
	if params.Variables, err = innerObject(object, "variables"); err == nil {
		params.Extensions, err = innerObject(object, "extensions")
	}
	if err != nil {
		return nil, refuse(http.StatusBadRequest, codeBadInput, "The query string is not usable: %s, as JSON.", err)
	}
	return params, nil
}

// fromBody reads the parameters of a POST.
func (t HTTP) fromBody(w http.ResponseWriter, r *http.Request) (*graphql.RawParams, *httpRefusal) {
	// Only JSON: a form of another site can send the other types with the user's cookie.
	media, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset := parameters["charset"]
	if err != nil || media != mediaJSON || (charset != "" && !strings.EqualFold(charset, "utf-8")) {
		return nil, refuse(http.StatusUnsupportedMediaType, codeBadInput,
			"Content-Type must be %s, in UTF-8.", mediaJSON)
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return nil, refuse(http.StatusUnsupportedMediaType, codeBadInput, "Send the body without Content-Encoding.")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, t.MaxBody))
	if err != nil {
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
			return nil, refuse(http.StatusRequestEntityTooLarge, codeTooLarge,
				"The request's body is larger than %d KiB. Ask for less at once.", t.MaxBody>>10)
		}
		return nil, refuse(http.StatusBadRequest, codeBadInput, "The request's body could not be read to its end.")
	}
	if !utf8.Valid(body) {
		return nil, refuse(http.StatusBadRequest, codeBadInput, "The request's body is not UTF-8.")
	}
	params, err := decodeRequest(body)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, codeBadInput, "The request's body is not usable: %s.", err)
	}
	return params, nil
}

func (t HTTP) writeRefusal(
	ctx context.Context, w http.ResponseWriter, exec graphql.GraphExecutor, media string,
	operation *graphql.OperationContext, refused *httpRefusal,
) {
	if refused.allow != "" {
		w.Header().Set("Allow", refused.allow)
	}
	write(w, media, refused.status, present(ctx, exec, operation, refused.err))
}

// requestErrorStatus is the status of a response without data: the operation did not run.
func requestErrorStatus(media string, errs gqlerror.List) int {
	if media == mediaJSON {
		// A client of this media type takes another status for a failure of the network.
		return http.StatusOK
	}
	for _, err := range errs {
		switch err.Extensions["code"] {
		case codeRateLimited:
			return http.StatusTooManyRequests
		case codeInternal:
			return http.StatusInternalServerError
		}
	}
	return http.StatusBadRequest
}

// answers are buffers for one answer each, used again: it is written before the next one gets it. One that
// a large answer has made large is left to the collector.
var answers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

const largeAnswer = 64 << 10

func write(w http.ResponseWriter, media string, status int, response *graphql.Response) {
	b := answers.Get().(*bytes.Buffer)
	defer func() {
		if b.Cap() <= largeAnswer {
			b.Reset()
			answers.Put(b)
		}
	}()
	if err := writeResponse(b, response); err != nil {
		// Only what a program put into extensions can fail, and it is of no use to the client.
		status = http.StatusInternalServerError
		b.Reset()
		fmt.Fprintf(b, `{"errors":[{"message":"Internal error","extensions":{"code":%q}}]}`, codeInternal)
	}
	body := b.Bytes()
	header := w.Header()
	header.Set("Content-Type", media+"; charset=utf-8")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	if seconds := retryAfter(response.Errors); seconds > 0 {
		header.Set("Retry-After", strconv.Itoa(seconds))
	}
	w.WriteHeader(status)
	// A client that does not read its answer has nobody to be told.
	_, _ = w.Write(body)
}

// retryAfter is the longest wait in seconds that the errors ask for, 0 for none.
func retryAfter(errs gqlerror.List) int {
	longest := 0.0
	for _, err := range errs {
		if err.Extensions["code"] != codeRateLimited {
			continue
		}
		// Through its text, so that every number type of the extensions is one case.
		if seconds, parseErr := strconv.ParseFloat(fmt.Sprint(err.Extensions["retryAfter"]), 64); parseErr == nil {
			longest = max(longest, math.Min(seconds, math.MaxInt32))
		}
	}
	return int(math.Ceil(longest))
}

// negotiate chooses the response's media type by Accept; of equals the first named. Without a
// preference it is application/json, which every client reads.
func negotiate(accept []string) (media string, acceptable bool) {
	header := strings.Join(accept, ",")
	if strings.TrimSpace(header) == "" {
		return mediaJSON, true
	}
	best := 0.0
	for part := range strings.SplitSeq(header, ",") {
		name, parameters, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		switch name {
		case mediaResponse, mediaJSON:
		case "application/*", "*/*":
			name = mediaJSON
		default:
			continue
		}
		quality := 1.0
		if q, given := parameters["q"]; given {
			if quality, err = strconv.ParseFloat(q, 64); err != nil {
				continue
			}
		}
		if quality > best {
			media, best = name, quality
		}
	}
	if best == 0 {
		return mediaJSON, false
	}
	return media, true
}
