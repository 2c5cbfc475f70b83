package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// program is one that tests run as a process. It is built for the first test that wants it and removed after the last, so call
// path before t.Parallel: then all tests that want it have asked before the first of them ends.
type program struct {
	source string // its folder
	sync.Mutex
	users int
	dir   string
}

var (
	built         = program{source: "."}                 // Muster as people run it
	builtProvider = program{source: "testdata/provider"} // a module of its own
)

func binary(t *testing.T) string {
	t.Helper()
	return built.path(t)
}

func (p *program) path(t *testing.T) string {
	t.Helper()
	p.Lock()
	defer p.Unlock()
	name := "program" + map[bool]string{true: ".exe"}[runtime.GOOS == "windows"]
	if p.users == 0 {
		dir, err := os.MkdirTemp("", "muster-binary-") //nolint:usetesting // it outlives this test: others use it too
		if err != nil {
			t.Fatal(err)
		}
		build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(dir, name), ".")
		build.Dir = p.source
		if out, err := build.CombinedOutput(); err != nil {
			_ = os.RemoveAll(dir)
			t.Fatalf("build %s: %v\n%s", p.source, err, out)
		}
		p.dir = dir
	}
	p.users++
	t.Cleanup(func() {
		p.Lock()
		defer p.Unlock()
		if p.users--; p.users == 0 {
			if err := os.RemoveAll(p.dir); err != nil {
				t.Error(err)
			}
		}
	})
	return filepath.Join(p.dir, name)
}

// process is a Muster that was started as people start it.
type process struct {
	cmd      *exec.Cmd
	out, log *syncBuffer
	exited   chan struct{}
}

// environment is what a program needs of the caller's, and no setting of Muster.
func environment(extra ...string) []string {
	env := []string{}
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		switch name {
		case "PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "SystemRoot", "TEMP", "TMP", "USERPROFILE", "LOCALAPPDATA":
			env = append(env, entry)
		}
	}
	return append(env, extra...)
}

// launch starts the program with these settings only. It is killed with the test if it still runs then.
func launch(t *testing.T, bin string, env []string) *process {
	t.Helper()
	p := &process{out: &syncBuffer{}, log: &syncBuffer{}, exited: make(chan struct{})}
	p.cmd = exec.CommandContext(context.WithoutCancel(t.Context()), bin)
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = environment(env...), p.out, p.log
	p.cmd.Dir = t.TempDir()
	// PostgreSQL, which outlives a killed Muster for a moment, does not hold these pipes; but nothing may wait for long.
	p.cmd.WaitDelay = patience
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // the state says how
		close(p.exited)
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%v\nstdout:\n%s\nstderr:\n%s", env, p.out.String(), p.log.String())
		}
	})
	return p
}

// kill is kill -9.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // an error when it has ended already
	<-p.exited
}

// ended waits for the end and gives the exit status; -1 when a signal ended it.
func (p *process) ended(t testing.TB) int {
	t.Helper()
	select {
	case <-p.exited:
	case <-time.After(patience):
		t.Fatalf("still running after %s\nstderr:\n%s", patience, p.log.String())
	}
	return p.cmd.ProcessState.ExitCode()
}

func (p *process) running() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// interrupt is Ctrl-C.
func (p *process) interrupt(t testing.TB) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
}

var readyPattern = regexp.MustCompile(`Muster is ready at (http://\S+)`)

// ready waits for the greeting, and gives a client of the server.
func (p *process) ready(t testing.TB) *muster {
	t.Helper()
	m := &muster{clock: &clock{}, Log: p.log}
	eventually(t, "the greeting", func() bool {
		if !p.running() {
			t.Fatalf("ended instead of starting: %s\nstderr:\n%s", p.cmd.ProcessState, p.log.String())
		}
		found := readyPattern.FindStringSubmatch(p.out.String())
		// The greeting is written at once; its end is a line that is empty.
		if found == nil || !strings.HasSuffix(p.out.String(), "\n\n") {
			return false
		}
		m.URL = found[1]
		return true
	})
	return m
}

// run runs the program to its end and gives the exit status, stdout and stderr.
func run(t *testing.T, bin string, env []string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience) // `code` may wait for 30 s
	defer cancel()
	var out, log bytes.Buffer
	cmd := exec.CommandContext(ctx, bin, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = environment(env...), &out, &log
	cmd.Dir = t.TempDir()
	err := cmd.Run()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), log.String()
}

// freePort is a port that nobody listens on at the moment.
func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

// postgresPID is the process of a data directory's PostgreSQL, as its own lock file names it.
func postgresPID(dataDir string) (pid int, ok bool) {
	text, err := os.ReadFile(filepath.Join(dataDir, "postgres", "postmaster.pid"))
	if err != nil {
		return 0, false
	}
	_, err = fmt.Sscan(string(text), &pid)
	return pid, err == nil && syscall.Kill(pid, 0) == nil
}

// postgresReady says whether it takes connections.
func postgresReady(dataDir string) bool {
	text, err := os.ReadFile(filepath.Join(dataDir, "postgres", "postmaster.pid"))
	return err == nil && strings.Contains(string(text), "\nready")
}
