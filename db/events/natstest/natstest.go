// Package natstest runs real NATS servers for tests: one, or a cluster whose nodes die and come back.
//
// The server is built from its published module, of the one version below. Nothing here is part of the program.
package natstest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const module = "github.com/nats-io/nats-server/v2@v2.12.2"

// patience is how long a server may take to answer; only a failing test waits so long.
const patience = 30 * time.Second

// program builds the server once for a test binary; Go's cache makes the next time quick.
var program = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("muster-nats-%d", os.Getuid()))
	build := exec.Command("go", "install", module)
	build.Dir = os.TempDir() // outside of this module, whose settings are not the server's
	build.Env = append(os.Environ(), "GOBIN="+dir, "GOFLAGS=")
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go install %s: %w\n%s", module, err, output)
	}
	return filepath.Join(dir, "nats-server"), nil
})

// Node is one server.
type Node struct {
	Addr    string // where clients connect
	args    []string
	process *exec.Cmd
}

// Cluster starts so many servers that know each other. They end with the test.
func Cluster(t *testing.T, size int) []*Node {
	t.Helper()
	addrs := free(t, 2*size)
	clients, routes := addrs[:size], addrs[size:]
	nodes := make([]*Node, size)
	for i := range nodes {
		host, port, _ := net.SplitHostPort(clients[i])
		n := &Node{Addr: clients[i], args: []string{"--addr", host, "--port", port, "--name", fmt.Sprintf("node%d", i)}}
		if size > 1 {
			n.args = append(n.args, "--cluster_name", "test", "--cluster", "nats://"+routes[i], "--routes", "nats://"+strings.Join(routes, ",nats://"))
		}
		nodes[i] = n
		n.Start(t)
		t.Cleanup(n.kill)
	}
	return nodes
}

// URL is where clients find the servers.
func URL(nodes ...*Node) string {
	addrs := make([]string, len(nodes))
	for i, n := range nodes {
		addrs[i] = n.Addr
	}
	return "nats://" + strings.Join(addrs, ",")
}

// Start runs the server, on the same ports as before, and waits until it answers.
func (n *Node) Start(t *testing.T) {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	n.process = exec.CommandContext(context.WithoutCancel(t.Context()), path, n.args...)
	if err := n.process.Start(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(patience); ; {
		conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(t.Context(), "tcp", n.Addr)
		if err == nil {
			_ = conn.Close()
			return
		}
		if time.Now().After(end) {
			t.Fatalf("nats-server does not answer: %v", err)
		}
		select {
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Kill ends the server as a power cut does.
func (n *Node) Kill(t *testing.T) {
	t.Helper()
	n.kill()
}

func (n *Node) kill() {
	if n.process != nil {
		_ = n.process.Process.Kill()
		_ = n.process.Wait()
		n.process = nil
	}
}

// free gives addresses that nobody listens on.
func free(t *testing.T, count int) []string {
	t.Helper()
	addrs := make([]string, count)
	for i := range addrs {
		listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = listener.Close() }()
		addrs[i] = listener.Addr().String()
	}
	return addrs
}
