package org

import (
	"encoding/base64"
	"strings"
)

// MaxPage is the most that one page of a connection holds.
const MaxPage = 100

// Edge is an element of a page with its cursor.
type Edge[T any] struct {
	Cursor string
	Node   *T
}

// PageInfo says where a page stands in its list.
type PageInfo struct {
	HasNextPage     bool
	HasPreviousPage bool
	StartCursor     *string
	EndCursor       *string
}

// Page is one page of a connection.
type Page[T any] struct {
	Nodes      []*T
	PageInfo   PageInfo
	TotalCount *int

	key func(*T) string
}

// Edges are the page's elements with their cursors.
func (p *Page[T]) Edges() []Edge[T] {
	edges := make([]Edge[T], len(p.Nodes))
	for i, node := range p.Nodes {
		edges[i] = Edge[T]{Cursor: cursor(p.key(node)), Node: node}
	}
	return edges
}

// The connections of the schema.
type (
	MemberConnection   = Page[Member]
	MemberEdge         = Edge[Member]
	AuditLogConnection = Page[AuditLogEntry]
	AuditLogEdge       = Edge[AuditLogEntry]

	SecurityEventConnection = Page[SecurityEvent]
	SecurityEventEdge       = Edge[SecurityEvent]
)

// NewPage makes a page of at most first elements from up to first+1 rows: the one too many says that there is more.
func NewPage[T any](rows []*T, first int, after string, key func(*T) string, total *int) *Page[T] {
	page := &Page[T]{Nodes: rows[:min(first, len(rows))], TotalCount: total, key: key}
	page.PageInfo.HasNextPage = len(rows) > first
	page.PageInfo.HasPreviousPage = after != ""
	if n := len(page.Nodes); n > 0 {
		begin, end := cursor(key(page.Nodes[0])), cursor(key(page.Nodes[n-1]))
		page.PageInfo.StartCursor, page.PageInfo.EndCursor = &begin, &end
	}
	return page
}

// cursorPrefix keeps cursors from being taken for ids or numbers, so that their content may change.
const cursorPrefix = "c:"

func cursor(key string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(cursorPrefix + key))
}

// PageRequest is what a client asks of a connection.
type PageRequest struct {
	First int
	After string // the key behind the cursor, "" from the start
}

// ParsePage checks the arguments of a connection: first 1 to 100 (50 when absent), after a cursor that a page gave.
func ParsePage(first *int, after *string) (PageRequest, error) {
	req := PageRequest{First: 50}
	if first != nil {
		req.First = *first
	}
	if req.First < 1 || req.First > MaxPage {
		return req, BadInput("first", "Ask for 1 to %d at a time.", MaxPage)
	}
	if after != nil && *after != "" {
		raw, err := base64.RawURLEncoding.DecodeString(*after)
		key, found := strings.CutPrefix(string(raw), cursorPrefix)
		if err != nil || !found || key == "" || len(key) > 200 || strings.ContainsFunc(key, notInKey) {
			return req, BadInput("after", "This is not a cursor: pass one that `pageInfo.endCursor` or an edge gave.")
		}
		req.After = key
	}
	return req, nil
}

// notInKey finds what no key has: keys are ids and numbers. PostgreSQL refuses some of it, as a fault.
func notInKey(r rune) bool { return r <= ' ' || r > '~' }
