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
	Edges      []Edge[T]
	PageInfo   PageInfo
	TotalCount *int
}

// Nodes are the page's elements without cursors.
func (p Page[T]) Nodes() []*T {
	nodes := make([]*T, len(p.Edges))
	for i := range p.Edges {
		nodes[i] = p.Edges[i].Node
	}
	return nodes
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
	kept := rows[:min(first, len(rows))]
	page := &Page[T]{Edges: make([]Edge[T], len(kept)), TotalCount: total}
	page.PageInfo.HasNextPage = len(rows) > first
	page.PageInfo.HasPreviousPage = after != ""
	for i, cursor := range cursors(kept, key) {
		page.Edges[i] = Edge[T]{Cursor: cursor, Node: kept[i]}
	}
	if n := len(page.Edges); n > 0 {
		page.PageInfo.StartCursor = &page.Edges[0].Cursor
		page.PageInfo.EndCursor = &page.Edges[n-1].Cursor
	}
	return page
}

// cursorPrefix keeps cursors from being taken for ids or numbers, so that their content may change.
const cursorPrefix = "c:"

// cursors are those of the rows, cut from one text: a page's are two allocations and not two for each.
func cursors[T any](rows []*T, key func(*T) string) []string {
	var all, raw []byte
	ends := make([]int, len(rows))
	for i, row := range rows {
		raw = append(append(raw[:0], cursorPrefix...), key(row)...)
		if all == nil {
			all = make([]byte, 0, len(rows)*base64.RawURLEncoding.EncodedLen(len(raw)+1))
		}
		all = base64.RawURLEncoding.AppendEncode(all, raw)
		ends[i] = len(all)
	}
	text, cut := string(all), make([]string, len(rows))
	for i, begin := 0, 0; i < len(rows); i++ {
		cut[i], begin = text[begin:ends[i]], ends[i]
	}
	return cut
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
