package main

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

//go:embed peers/package.json peers/*.mjs
var peerSources embed.FS

// peerPaths compare Muster with programs from npm, at the versions of peers/package.json: they stand where the limit stands in
// other paths, under the same load. They need Node 20, npm and a network.
func peerPaths() []path {
	paths := []path{mercuriusPath()}
	l := &live{sockets: 1000}
	var peer *server
	prepare := func(ctx context.Context, a *arena) (err error) {
		if peer != nil {
			return nil
		}
		if peer, err = a.startPeer(ctx, "graphql-ws"); err != nil {
			return err
		}
		tokens, err := l.fill(ctx, a, "peer-live")
		if err != nil {
			return err
		}
		if err := l.follow(ctx, a, a.muster, &l.muster, tokens, func(i int) int { return i % 100 }); err != nil {
			return err
		}
		return l.limit.open(ctx, a, peer, l.sockets, func(i int) (string, []string) {
			return "/graphql", []string{`{"type":"connection_init"}`, fmt.Sprintf(
				`{"id":"%d","type":"subscribe","payload":{"query":%q,"variables":{"organizationId":"1"}}}`, i, liveDocument,
			)}
		}, func(int) int64 { return 0 })
	}
	publish := func(ctx context.Context, _ *arena, n int) error {
		_, err := fetch(ctx, peer.URL(fmt.Sprintf("/live/publish?n=%d", n)))
		return err
	}
	for _, kind := range []struct {
		name string
		run  func(context.Context, *arena, *meter, *audience, func(context.Context, *arena, int) error) error
	}{{"burst", l.burst}, {"paced", l.paced}} {
		paths = append(paths, path{
			Name: "peer-live-1k-" + kind.name, Op: "delivery", Long: true, Peer: true, Prepare: prepare,
			About: "as live-1k-" + kind.name + "; in the limit's place is graphql-ws on ws, without a database",
			Goals: []goal{{Figure: "rate", Least: 1}, {Figure: "cpu", Most: 1}},
			Muster: func(ctx context.Context, a *arena, m *meter) error {
				return kind.run(ctx, a, m, &l.muster, l.wake)
			},
			Limit: func(ctx context.Context, a *arena, m *meter) error {
				m.server = peer
				return kind.run(ctx, a, m, &l.limit, publish)
			},
		})
	}
	return paths
}

// mercuriusPath is the members page against Mercurius.
func mercuriusPath() path {
	var peer *server
	var requests [][]byte
	return path{
		Name: "peer-members", Op: "page", Long: true, Peer: true,
		About: "as members; in the limit's place is Mercurius with its JIT, with the limit's statements, prepared, on as large a pool",
		Goals: []goal{{Figure: "rate", Least: 1}},
		Prepare: func(ctx context.Context, a *arena) (err error) {
			if peer, err = a.startPeer(ctx, "mercurius"); err != nil {
				return err
			}
			asked, err := membersQuestions(ctx, a)
			if err != nil {
				return err
			}
			for i, q := range asked {
				r, err := request("/graphql", q.token, map[string]any{"query": membersDocument, "variables": q.variables})
				if err != nil {
					return err
				}
				if i < compared {
					if err := same(ctx, a.muster, peer, r, r); err != nil {
						return err
					}
				}
				requests = append(requests, r)
			}
			return nil
		},
		Muster: func(ctx context.Context, a *arena, m *meter) error { return a.load(ctx, m, requests) },
		Limit: func(ctx context.Context, a *arena, m *meter) error {
			m.server = peer
			return a.load(ctx, m, requests)
		},
	}
}

// startPeer starts a program of peers/. What they need is installed once, into the arena's folder.
func (a *arena) startPeer(ctx context.Context, name string) (*server, error) {
	dir := filepath.Join(a.dir, "peers")
	if _, err := os.Stat(dir); err != nil {
		sources, err := fs.Sub(peerSources, "peers")
		if err != nil {
			return nil, err
		}
		if err := os.CopyFS(dir, sources); err != nil {
			return nil, err
		}
		a.say("installing the peers by npm")
		npm := exec.CommandContext(ctx, "npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts")
		npm.Dir = dir
		if out, err := output(npm); err != nil {
			return nil, fmt.Errorf("npm install: %w\n%s", err, out)
		}
	}
	address, database, err := a.place(ctx)
	if err != nil {
		return nil, err
	}
	script := filepath.Join(dir, name+".mjs")
	peer, err := startServer(ctx, name, script+".log", address, environment("NODE_ENV=production"), "node", script, address, database)
	if err != nil {
		return nil, err
	}
	a.undo = append(a.undo, peer.stop)
	return peer, nil
}
