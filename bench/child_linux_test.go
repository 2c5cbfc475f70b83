package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The process's first thread never ends before the process: a test that ends its thread must not be on it.
func init() { runtime.LockOSThread() }

// keeperVariable makes the test's program one that has a child and waits to be killed.
const keeperVariable = "MUSTER_BENCH_KEEPER"

func TestMain(m *testing.M) {
	if os.Getenv(keeperVariable) != "" {
		keep()
		return
	}
	if len(os.Args) > 1 && os.Args[1] == limitArgument {
		main()
		return
	}
	os.Exit(m.Run())
}

// keep is the keeper: it starts a child, says its number, and waits.
func keep() {
	child := exec.Command("sleep", "600")
	child.Stdout = os.Stdout
	if _, err := launch(child); err != nil {
		panic(err)
	}
	if _, err := fmt.Fprintln(os.Stdout, child.Process.Pid); err != nil {
		panic(err)
	}
	_, _ = io.ReadAll(os.Stdin) // until the test ends, if it does not kill
}

// TestChildEndsWithBench: a child's output is closed soon after its parent was killed, so the child has ended too.
func TestChildEndsWithBench(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out, theirs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	keeper := exec.CommandContext(t.Context(), self)
	keeper.Env, keeper.Stdout = append(os.Environ(), keeperVariable+"=1"), theirs
	if _, err := keeper.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(keeper.Start(), theirs.Close()); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(out)
	var child int
	if _, err := fmt.Fscanln(in, &child); err != nil {
		t.Fatal(err)
	}
	if err := keeper.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = keeper.Wait() // was killed
	if err := out.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(in); err != nil {
		t.Errorf("the child goes on without its parent: %v", err)
		_ = syscall.Kill(child, syscall.SIGKILL)
	}
}

// TestChildOutlivesThread: a child does not end with the thread of whoever asked for it, only with the process.
func TestChildOutlivesThread(t *testing.T) {
	t.Parallel()
	child := exec.CommandContext(t.Context(), "sleep", "600")
	var exited <-chan struct{}
	var thread int
	asked := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends
		thread = syscall.Gettid()
		var err error
		exited, err = launch(child)
		asked <- err
	}()
	if err := <-asked; err != nil {
		t.Fatal(err)
	}
	tick, patience := time.NewTicker(time.Millisecond), time.After(30*time.Second)
	defer tick.Stop()
	for ended := false; !ended; {
		select {
		case <-tick.C:
			_, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", thread))
			ended = errors.Is(err, os.ErrNotExist)
		case <-patience:
			t.Fatal("the thread does not end")
		}
	}
	if err := child.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-exited
	if how := child.ProcessState.String(); how != "signal: terminated" {
		t.Errorf("the child ended otherwise than by the test: %s", how)
	}
}

// TestUnreadyServerIsStopped: one that does not answer in time is not left to itself.
func TestUnreadyServerIsStopped(t *testing.T) {
	t.Parallel()
	address, err := freeAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := &server{name: "the sleeper", Address: address, cmd: exec.CommandContext(t.Context(), "sleep", "600"), log: filepath.Join(t.TempDir(), "log")}
	if s.exited, err = launch(s.cmd); err != nil {
		t.Fatal(err)
	}
	if err := s.await(t.Context(), 20*time.Millisecond); err == nil || !strings.HasPrefix(err.Error(), "the sleeper does not get ready") {
		t.Errorf("it is told otherwise: %v", err)
	}
	select {
	case <-s.exited:
	default:
		t.Error("it goes on")
	}
}
