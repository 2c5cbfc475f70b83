package transport

import (
	"maps"
	"net/url"
	"slices"

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

// Negotiate lets tests read an Accept header without a server around it.
func Negotiate(accept string) (media string, acceptable bool) { return negotiate([]string{accept}) }

// FromURL lets tests read the query string of a GET without a server around it; it answers the status of a refusal.
func FromURL(query string) (params *graphql.RawParams, status int) {
	params, refused := HTTP{MaxBody: maxMessage}.fromURL(&url.URL{RawQuery: query})
	if refused != nil {
		return nil, refused.status
	}
	return params, 0
}

// Members lets tests wait until so many subscriptions share an execution.
func (t *WebSocket) Members() (n int) {
	t.mu.Lock()
	groups := slices.Collect(maps.Values(t.groups))
	t.mu.Unlock()
	for _, g := range groups {
		g.mu.Lock()
		n += len(g.members)
		g.mu.Unlock()
	}
	return n
}

// Recent is how many bytes of last frames all groups keep.
func (t *WebSocket) Recent() int64 { return t.recent.Load() }

// Entering lets tests hold a subscription up where it enters its group: before it does, and when it is in. It is called before
// the first request.
func (t *WebSocket) Entering(before, in func(id string)) {
	t.enter = func(g *group, m *member) joining {
		before(m.op.id)
		how := g.join(m)
		if how == joined {
			in(m.op.id)
		}
		return how
	}
}
