package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
)

// TestPeersNeedNode: without Node it is told before anything is built, and only to whom it matters.
func TestPeersNeedNode(t *testing.T) {
	for _, has := range []struct{ programs, lacks string }{{"", "node"}, {"node", "npm"}, {"npm", "node"}} {
		dir := t.TempDir()
		if has.programs != "" {
			if err := os.WriteFile(filepath.Join(dir, has.programs), nil, 0o700); err != nil { //nolint:gosec // a program
				t.Fatal(err)
			}
		}
		t.Setenv("PATH", dir)
		err := bench(t.Context(), []string{"--peers", "--only", "peer-mercurius"}, io.Discard, io.Discard)
		says := "peer-mercurius-members compares with a program from npm, and " + has.lacks + " is not on the PATH: install Node.js 20"
		if err == nil || !strings.HasPrefix(err.Error(), says) {
			t.Errorf("with %q on the PATH: %v", has.programs, err)
		}
	}
	for _, peer := range []string{"", "centrifuge"} {
		if err := peersCanRun([]path{{Name: "any", Peer: peer}}); err != nil {
			t.Errorf("%q needs no Node: %v", peer, err)
		}
	}
}

// TestWhatStaysIsNamed: the folder of a run goes with it, and what npm and Go have downloaded into caches of their own does not.
func TestWhatStaysIsNamed(t *testing.T) {
	dir := t.TempDir()
	for _, program := range []string{"npm", "go"} {
		script := "#!/bin/sh\ncase $1 in config|env) echo /of/" + program + ";; esac\n"
		if err := os.WriteFile(filepath.Join(dir, program), []byte(script), 0o700); err != nil { //nolint:gosec // a program
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
	for peer, stays := range map[string]string{"mercurius": "/of/npm", "centrifuge": "/of/go"} {
		var told strings.Builder
		a := &arena{dir: t.TempDir(), stderr: &told}
		if err := a.installPeers(t.Context(), []path{{Peer: peer}}); err != nil {
			t.Errorf("%s: %v", peer, err)
		}
		if !strings.Contains(told.String(), "in its cache, "+stays+"\n") {
			t.Errorf("%s: told %q", peer, told.String())
		}
	}
}

// TestPeersArePinned: each peer has its program here; npm's packages are named with one version each, and the lock file has those,
// with a checksum for all and no address to get them from, so that everybody's npm asks where it asks for everything. All are free
// to use: they are not passed on.
func TestPeersArePinned(t *testing.T) {
	t.Parallel()
	for _, p := range peerPaths() {
		source := filepath.Join("peers", p.Peer, "go.sum")
		if fromNPM(p.Peer) {
			source = filepath.Join("peers", p.Peer+".mjs")
		}
		if _, err := os.Stat(source); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
		if !strings.HasPrefix(p.Name, "peer-"+p.Peer+"-") {
			t.Errorf("%s is a path of %s", p.Name, p.Peer)
		}
	}
	type dependencies struct{ Dependencies, OptionalDependencies map[string]string }
	var wanted dependencies
	var lock struct {
		Packages map[string]struct {
			dependencies
			Version, Resolved, Integrity, License string
			HasInstallScript                      bool
		}
	}
	for file, into := range map[string]any{"package.json": &wanted, "package-lock.json": &lock} {
		text, err := peerSources.ReadFile("peers/" + file)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, into); err != nil {
			t.Fatal(err)
		}
	}
	if root := lock.Packages[""].dependencies; !reflect.DeepEqual(root, wanted) {
		t.Errorf("the lock file is for %v, and not for %v: npm install --package-lock-only", root, wanted)
	}
	licenses := []string{"MIT", "Apache-2.0", "ISC", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "BlueOak-1.0.0", "PSF-2.0"}
	exact := regexp.MustCompile(`^\d+\.\d+\.\d+$`)
	for _, of := range []map[string]string{wanted.Dependencies, wanted.OptionalDependencies} {
		for name, version := range of {
			if locked := lock.Packages["node_modules/"+name].Version; !exact.MatchString(version) || locked != version {
				t.Errorf("%s is wanted as %s and locked as %q", name, version, locked)
			}
		}
	}
	for name, p := range lock.Packages {
		if name != "" && (p.Integrity == "" || p.Resolved != "" || p.HasInstallScript) {
			t.Errorf("%s: checksum %q, from %q, has a script %t", name, p.Integrity, p.Resolved, p.HasInstallScript)
		}
		if name != "" && !slices.Contains(licenses, p.License) {
			t.Errorf("%s has the license %q", name, p.License)
		}
	}
}

// TestDeliveriesAreCounted: a message with several entries counts as often, one of something else not at all.
func TestDeliveriesAreCounted(t *testing.T) {
	t.Parallel()
	entry := `{"push":{"channel":"log","pub":{"data":` + strings.Repeat("1", 400) + `}}}`
	for _, c := range []struct {
		speaks   dialect
		messages []string
		counts   int64
	}{
		{graphQL, []string{`{"type":"connection_ack"}`, `{"id":"1","type":"next","payload":{}}`, `{"id":"1","type":"next","payload":{}}`}, 2},
		{centrifugeJSON, []string{`{"id":1,"connect":{}}`, strings.Repeat(entry+"\n", 16), entry}, 17},
	} {
		address := listening(t, func(connection *websocket.Conn) {
			for _, message := range c.messages {
				if err := connection.WriteMessage(websocket.TextMessage, []byte(message)); err != nil {
					t.Error(err)
				}
			}
		})
		dialer := websocket.Dialer{}
		connection, _, err := dialer.DialContext(t.Context(), "ws://"+address, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close()
		au := &audience{speaks: c.speaks, done: make(chan struct{}, 1)}
		au.wanted.Store(c.counts)
		if err := au.listen(connection, ""); err == nil {
			t.Error("the connection goes on")
		}
		if received := au.received.Load(); received != c.counts || len(au.done) != 1 {
			t.Errorf("%d deliveries instead of %d; all are there: %t", received, c.counts, len(au.done) == 1)
		}
	}
}

// TestOwnMembersAreForgotten: they are taken out wherever they stand, and nothing else is.
func TestOwnMembersAreForgotten(t *testing.T) {
	t.Parallel()
	var value any
	if err := json.Unmarshal([]byte(`{"a":[{"endCursor":"x","id":1},"endCursor"],"pageInfo":{"endCursor":null,"hasNextPage":true}}`), &value); err != nil {
		t.Fatal(err)
	}
	forget(value, []string{"endCursor"})
	text, err := json.Marshal(value)
	if want := `{"a":[{"id":1},"endCursor"],"pageInfo":{"hasNextPage":true}}`; err != nil || string(text) != want {
		t.Errorf("%s, %v, and not %s", text, err, want)
	}
}
