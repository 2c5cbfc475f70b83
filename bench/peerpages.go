package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
)

// pagePeer is a GraphQL server that gives the members page as Muster does.
type pagePeer struct {
	name  string
	about string
	// document is the peer's way to ask for the page, translated what makes variables for it out of Muster's.
	document  string
	translate func(ctx context.Context, a *arena, s *server) (func(q question) (map[string]any, error), error)
	own       []string // members of an answer that each server has its own values for

	server *server
}

// path is the members page with the peer in the limit's place. The first few answers have to be the same.
func (p *pagePeer) path() path {
	var muster, theirs [][]byte
	return path{
		Name: "peer-" + p.name + "-members", Op: "page", Long: true, Peer: p.name,
		About: "as members; in the limit's place is " + p.about,
		Goals: []goal{{Figure: "rate", Least: 1}, {Figure: "cpu", Most: 1}},
		Prepare: func(ctx context.Context, a *arena) (err error) {
			asked, err := membersQuestions(ctx, a)
			if err != nil {
				return err
			}
			if p.server, err = a.startPeer(ctx, p.name); err != nil {
				return err
			}
			variables, err := p.translate(ctx, a, p.server)
			if err != nil {
				return err
			}
			for i, q := range asked {
				ofMuster, err := request("/graphql", q.token, map[string]any{"query": membersDocument, "variables": q.variables})
				if err != nil {
					return err
				}
				translated, err := variables(q)
				if err != nil {
					return err
				}
				ofPeer, err := request("/graphql", q.token, map[string]any{"query": p.document, "variables": translated})
				if err != nil {
					return err
				}
				if i < compared {
					if err := same(ctx, a.muster, p.server, ofMuster, ofPeer, p.own...); err != nil {
						return err
					}
				}
				muster, theirs = append(muster, ofMuster), append(theirs, ofPeer)
			}
			return nil
		},
		Muster: func(ctx context.Context, a *arena, m *meter) error { return a.load(ctx, m, muster) },
		Limit: func(ctx context.Context, a *arena, m *meter) error {
			m.server = p.server
			return a.load(ctx, m, theirs)
		},
		Finish: func() error { return p.server.stop() },
	}
}

// mercuriusPaths are the page by Mercurius, whose resolvers are written by hand.
func mercuriusPaths() []path {
	p := &pagePeer{
		name:     "mercurius",
		about:    "Mercurius with its JIT, with the limit's two statements, prepared, on as large a pool; one process",
		document: membersDocument,
		translate: func(context.Context, *arena, *server) (func(question) (map[string]any, error), error) {
			return func(q question) (map[string]any, error) { return q.variables, nil }, nil
		},
	}
	return []path{p.path()}
}

// postgraphileDocument asks for the page by the names that PostGraphile gives Muster's tables, under Muster's.
const postgraphileDocument = `query Members($slug: String!, $after: Cursor) {
  organization: organizationBySlug(slug: $slug) {
    members: membersByOrganizationId(first: 50, after: $after) {
      nodes { id: rowId role twoFactor user: userByUserId { id: rowId name email } }
      pageInfo { endCursor hasNextPage }
    }
  }
}`

// postgraphilePaths are the page by PostGraphile, which makes API and SQL out of the tables. Its cursors hold the order that they
// are in, which a first page tells, and the row's key.
func postgraphilePaths() []path {
	p := &pagePeer{
		name: "postgraphile",
		about: "PostGraphile with its own API for these tables, asked under Muster's names: the limit's statement for session, membership and " +
			"requirement, and its own for the page, both prepared, without a transaction, on as large a pool; one process",
		document: postgraphileDocument, own: []string{"endCursor"},
		translate: func(ctx context.Context, a *arena, s *server) (func(question) (map[string]any, error), error) {
			ids := map[any]string{}
			for _, o := range a.people.organizations {
				ids[o.slug] = o.id
			}
			first := a.people.organizations[0]
			order, err := postgraphileOrder(ctx, s, a.people.tokens[first.viewer], first.slug)
			if err != nil {
				return nil, err
			}
			return func(q question) (map[string]any, error) {
				memberID, err := key(fmt.Sprint(q.variables["after"]))
				if err != nil {
					return nil, err
				}
				place, err := json.Marshal([]string{order, ids[q.variables["slug"]], memberID})
				return map[string]any{"slug": q.variables["slug"], "after": base64.StdEncoding.EncodeToString(place)}, err
			}, nil
		},
	}
	return []path{p.path()}
}

// postgraphileOrder is what PostGraphile calls the order of an organization's members.
func postgraphileOrder(ctx context.Context, s *server, token, slug string) (string, error) {
	r, err := request("/graphql", token, map[string]any{"query": postgraphileDocument, "variables": map[string]any{"slug": slug}})
	if err != nil {
		return "", err
	}
	text, err := ask(ctx, s.Address, r)
	if err != nil {
		return "", err
	}
	var page limitAnswer
	if err := json.Unmarshal(text, &page); err != nil {
		return "", err
	}
	end := page.Data.Organization.Members.PageInfo.EndCursor
	if end == nil {
		return "", fmt.Errorf("%s has no cursor in %.300s", s.name, text)
	}
	raw, err := base64.StdEncoding.DecodeString(*end)
	if err != nil {
		return "", err
	}
	var place []string
	if err := json.Unmarshal(raw, &place); err != nil || len(place) != 3 {
		return "", errors.Join(fmt.Errorf("%s has cursors of another form: %s", s.name, raw), err)
	}
	return place[0], nil
}
