package main

import (
	"context"
	"fmt"
)

// instancePaths are the page of members asked of two and of three instances in turn, on one PostgreSQL. Where instances and
// client share the cores no more pages come of it: what it shows is that a page costs what it costs with one.
func instancePaths() []path {
	var paths []path
	for _, n := range []int{2, 3} {
		p := membersPath()
		p.Name, p.Long, p.Allocs, p.CPU = fmt.Sprintf("instances-%d", n), true, 0, 0
		p.About = fmt.Sprintf("the page of members, asked of %d instances in turn; the limit is one of them alone", n)
		p.Goals = []goal{{Figure: "cpu", Most: 1.2}}
		prepare, load := p.Prepare, p.Muster
		var several *server
		p.Prepare = func(ctx context.Context, a *arena) error {
			first := *a.muster
			several = &first
			for range n - 1 {
				s, err := a.startMuster(ctx)
				if err != nil {
					return err
				}
				a.undo = append(a.undo, s.stop)
				several.beside = append(several.beside, s)
			}
			return prepare(ctx, a)
		}
		p.Muster = func(ctx context.Context, a *arena, m *meter) error {
			m.server = several
			return load(ctx, a, m)
		}
		p.Limit = func(ctx context.Context, a *arena, m *meter) error {
			m.server = a.muster
			return load(ctx, a, m)
		}
		paths = append(paths, p)
	}
	return paths
}
