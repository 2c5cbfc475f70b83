package main

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// Other people's programs, which stand where the limit stands in other paths, under the same load. Those from npm are scripts
// of peers/, at the versions of its lock file, which has the Node that runs them too: figures do not depend on the machine's.
// Go's are modules of their own, so that Muster's has nothing of them.

//go:embed peers/package.json peers/package-lock.json peers/.npmrc peers/*.mjs
var peerSources embed.FS

// peerPaths compare Muster with its peers.
func peerPaths() []path {
	return slices.Concat(mercuriusPaths(), postgraphilePaths(), peerLivePaths())
}

// fromNPM says whether a peer is one of npm's.
func fromNPM(peer string) bool {
	_, err := fs.Stat(peerSources, "peers/"+peer+".mjs")
	return err == nil
}

// peersCanRun refuses, before anything is built or filled, what this machine lacks the programs for.
func peersCanRun(chosen []path) error {
	for _, p := range chosen {
		if p.Peer == "" || !fromNPM(p.Peer) {
			continue
		}
		for _, program := range []string{"node", "npm"} {
			if _, err := exec.LookPath(program); err != nil {
				return fmt.Errorf("%s compares with a program from npm, and %s is not on the PATH: install Node.js 20 or newer with npm, "+
					"or leave such peers out (--only peer-centrifuge needs neither)", p.Name, program)
			}
		}
	}
	return nil
}

// installPeers makes the peers of these paths ready to be started, in the arena's folder.
func (a *arena) installPeers(ctx context.Context, chosen []path) error {
	done := map[string]bool{}
	for _, p := range chosen {
		program := p.Peer
		if program != "" && fromNPM(program) {
			program = "npm" // which installs all of its own at once
		}
		if program == "" || done[program] {
			continue
		}
		done[program] = true
		install := a.compilePeer
		if program == "npm" {
			install = a.installNPM
		}
		if err := install(ctx, program); err != nil {
			return err
		}
	}
	return nil
}

// installNPM installs what the lock file says, without running any of it.
func (a *arena) installNPM(ctx context.Context, _ string) error {
	sources, err := fs.Sub(peerSources, "peers")
	if err != nil {
		return err
	}
	dir := filepath.Join(a.dir, "peers")
	if err := os.CopyFS(dir, sources); err != nil {
		return err
	}
	cache, err := toldBy(ctx, "npm", "config", "get", "cache", "--loglevel=silent")
	if err != nil {
		return err
	}
	a.say("installing the peers by npm: half a gigabyte, which goes again with this run; what npm downloads for it stays in its cache, %s", cache)
	npm := exec.CommandContext(ctx, "npm", "ci", "--no-audit", "--no-fund", "--no-update-notifier", "--ignore-scripts")
	npm.Dir = dir
	if out, err := output(npm); ctx.Err() != nil {
		return context.Cause(ctx)
	} else if err != nil {
		return fmt.Errorf("npm ci, which needs a network unless npm's cache has everything: %w\n%s", err, out)
	}
	return nil
}

// toldBy is what a program answers in a line.
func toldBy(ctx context.Context, program string, args ...string) (string, error) {
	out, err := output(exec.CommandContext(ctx, program, args...))
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", program, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

// compilePeer builds a Go peer from its module.
func (a *arena) compilePeer(ctx context.Context, name string) error {
	cache, err := toldBy(ctx, "go", "env", "GOMODCACHE")
	if err != nil {
		return err
	}
	a.say("building %s; the modules that Go downloads for it stay in its cache, %s", name, cache)
	program := filepath.Join(a.dir, name)
	build := exec.CommandContext(ctx, "go", "build", "-C", filepath.Join("bench", "peers", name), "-mod=readonly", "-o", program, ".")
	if out, err := output(build); ctx.Err() != nil {
		return context.Cause(ctx)
	} else if err != nil {
		return fmt.Errorf("build ./bench/peers/%s (run this from the top of the repository, with a network the first time): %w\n%s", name, err, out)
	}
	return nil
}

// startPeer starts a peer that is installed. The arena ends it at the latest.
func (a *arena) startPeer(ctx context.Context, name string) (*server, error) {
	address, database, err := a.place(ctx)
	if err != nil {
		return nil, err
	}
	log := filepath.Join(a.dir, name+".log")
	var peer *server
	if fromNPM(name) {
		dir := filepath.Join(a.dir, "peers")
		env := environment("NODE_ENV=production", "GRAPHILE_ENV=production")
		peer, err = startServer(ctx, name, log, address, env, nodeIn(dir), filepath.Join(dir, name+".mjs"), address, database)
	} else {
		peer, err = startServer(ctx, name, log, address, environment(), filepath.Join(a.dir, name), address)
	}
	if err != nil {
		return nil, err
	}
	a.undo = append(a.undo, peer.stop)
	return peer, nil
}

// nodeIn is the Node that came with the peers, or the machine's where npm has none for it.
func nodeIn(dir string) string {
	architecture := map[string]string{"amd64": "x64", "arm64": "arm64"}[runtime.GOARCH]
	node := filepath.Join(dir, "node_modules", "node-"+runtime.GOOS+"-"+architecture, "bin", "node")
	if _, err := os.Stat(node); err != nil {
		return "node"
	}
	return node
}
