package transport

import (
	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// Check lets tests look at a document's limits without a server around them.
func (l Limits) Check(query string) *gqlerror.Error { return l.check(query) }

// DecodeRequest lets tests read a request without a server around it.
func DecodeRequest(data []byte) (*graphql.RawParams, error) { return decodeRequest(data) }

// DecodeMessage lets tests read a socket's message; it answers the type.
func DecodeMessage(data []byte) (kind, problem string) {
	m, problem := decodeMessage(data)
	return m.kind, problem
}
