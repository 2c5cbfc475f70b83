//go:build unix

package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"
)

const (
	// orphanGrace is for a server that is on its way out already, because its Muster has just died.
	orphanGrace = 200 * time.Millisecond
	// headlessGrace is for backends that lost their postmaster: they notice by themselves unless they are computing.
	headlessGrace = 2 * time.Second
)

// clearStale deals with what postmaster.pid says about an earlier run. The caller holds the folder's lock, so a server that
// still works in the directory has lost its Muster: it is asked to stop. Never is the file removed while it means something:
// it also names a shared memory segment, by which PostgreSQL sees backends that outlived their postmaster.
func clearStale(ctx context.Context, _, data string, log *slog.Logger) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	begin := time.Now()
	var asked, forced bool
	for {
		f, err := readPIDFile(data)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case errors.Is(err, errMalformedPIDFile):
			// The machine died while it was written. PostgreSQL would ask a person to remove it.
			if err := os.Remove(pidPath(data)); err != nil {
				return fmt.Errorf("remove an unfinished postmaster.pid: %w", err)
			}
			return nil
		case err != nil:
			return fmt.Errorf("read postmaster.pid: %w", err)
		}
		left, err := workingIn(data, f)
		if err != nil {
			return err
		}
		if len(left) == 0 {
			return takeOverPIDFile(data, f)
		}
		waited := time.Since(begin)
		headed := slices.Contains(left, f.pid)
		switch {
		case waited > orphanGrace+stopPatience+killPatience:
			return fmt.Errorf("an earlier PostgreSQL still works in %s and does not stop: end process %d first", data, left[0])
		case !forced && (waited > orphanGrace+stopPatience || !headed && waited > headlessGrace):
			forced = true
			for _, pid := range left {
				_ = syscall.Kill(pid, syscall.SIGQUIT)
			}
		case headed && !asked && waited > orphanGrace:
			asked = true
			log.InfoContext(ctx, "stopping the PostgreSQL that an earlier Muster left behind", "pid", f.pid)
			_ = syscall.Kill(f.pid, syscall.SIGINT)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for an earlier PostgreSQL to stop: %w", context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// takeOverPIDFile makes PostgreSQL accept a file whose process is not a server of this directory but exists: a zombie that
// nobody has reaped yet, or a number that was given anew after a restart of the machine. PostgreSQL would refuse to
// start; it accepts its own parent's number, so that is written, and its check of shared memory stays in force.
func takeOverPIDFile(data string, f pidFile) error {
	if errors.Is(syscall.Kill(f.pid, 0), syscall.ESRCH) {
		return nil // PostgreSQL sees that by itself
	}
	file, err := os.OpenFile(pidPath(data), os.O_WRONLY|os.O_TRUNC, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("take over postmaster.pid: %w", err)
	}
	_, err = file.WriteString(strconv.Itoa(os.Getpid()) + "\n" + f.rest)
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("take over postmaster.pid: %w", err)
	}
	return nil
}
