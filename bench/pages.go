package main

import "context"

// question is one page that both sides are asked for.
type question struct {
	token     string
	variables map[string]any
}

// pages makes a path out of questions: Muster is asked them with a document, the limit at a page of its own, and the first few
// have to get the same answer from both. The rest of the path is the caller's.
func pages(p path, document, page string, questions func(ctx context.Context, a *arena) ([]question, error)) path {
	var muster, limit [][]byte
	p.Op = "page"
	p.Prepare = func(ctx context.Context, a *arena) error {
		asked, err := questions(ctx, a)
		if err != nil {
			return err
		}
		for i, q := range asked {
			body := map[string]any{"query": document, "variables": q.variables}
			ofMuster, err := request("/graphql", q.token, body)
			if err != nil {
				return err
			}
			ofLimit, err := request(page, q.token, body)
			if err != nil {
				return err
			}
			if i < compared {
				if err := same(ctx, a.muster, a.limit, ofMuster, ofLimit); err != nil {
					return err
				}
			}
			muster, limit = append(muster, ofMuster), append(limit, ofLimit)
		}
		return nil
	}
	p.Muster = func(ctx context.Context, a *arena, m *meter) error { return a.load(ctx, m, muster) }
	p.Limit = func(ctx context.Context, a *arena, m *meter) error { return a.load(ctx, m, limit) }
	return p
}

// compared is how many answers of the two sides are compared before they are measured.
const compared = 20
