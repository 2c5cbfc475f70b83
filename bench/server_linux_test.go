package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// limitOnly is the limit's server, with no database behind it: it asks none before it is asked itself.
func limitOnly(ctx context.Context, t *testing.T) *server {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	address, err := freeAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(t.TempDir(), "log")
	s, err := startServer(ctx, "the limit", log, address, environment(), self, limitArgument, address, "postgres://nobody@127.0.0.1:1/none")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.stop() }) // where the test has not
	return s
}

// TestInterruptedServersAreStopped: a run that is interrupted stops its servers itself. They end by nothing else, neither by the
// run's context nor by what the terminal sends, which goes to whole process groups; so none is found to have ended by itself.
func TestInterruptedServersAreStopped(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	s := limitOnly(ctx, t)
	interrupt()
	if _, err := fetch(t.Context(), s.URL("/readyz")); err != nil {
		t.Errorf("it has ended with the run's context: %v", err)
	}
	group, err := syscall.Getpgid(s.cmd.Process.Pid)
	if err != nil || group == syscall.Getpgrp() {
		t.Errorf("it is in the group of the run, %d, %v: a terminal ends both", group, err)
	}
	if err := s.stop(); err != nil {
		t.Errorf("stopped after an interrupt: %v", err)
	}
	if how := s.cmd.ProcessState.String(); how != "exit status 0" {
		t.Errorf("it ended with %s", how)
	}
}

// TestServerThatEndsByItself: one that ends before it is stopped is told of, with where to read why.
func TestServerThatEndsByItself(t *testing.T) {
	t.Parallel()
	s := limitOnly(t.Context(), t)
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-s.exited
	if err := s.stop(); err == nil || !strings.HasPrefix(err.Error(), "the limit had ended by itself: see "+s.log) {
		t.Errorf("it is told otherwise: %v", err)
	}
}
