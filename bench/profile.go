package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// signalProfile begins a profile of the server, or ends it and moves what it wrote to base.cpu and base.allocs.
func (s *server) signalProfile(ctx context.Context, base string, begin bool) error {
	written := filepath.Join(filepath.Dir(s.log), "profile")
	if begin {
		return s.cmd.Process.Signal(syscall.SIGUSR1)
	}
	if err := s.cmd.Process.Signal(syscall.SIGUSR2); err != nil {
		return err
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if err := os.Remove(written + ".done"); err == nil {
			break
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	var errs []error
	for _, kind := range []string{".cpu", ".allocs"} {
		text, err := os.ReadFile(written + kind)
		errs = append(errs, err, os.WriteFile(base+kind, text, 0o600))
	}
	return errors.Join(errs...)
}
