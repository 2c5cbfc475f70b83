package dbtest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"muster/db/embedded"
)

const (
	scratchPrefix = "muster-dbtest-"
	// wantedRoom is what a test binary may need at once, in bytes: an empty server has 60 MB, each open test 10 MB.
	// Docker's /dev/shm has 64 MiB.
	wantedRoom = 1 << 30
	// unlockedFor is the age at which a folder that nobody has locked is taken for a leftover: its maker locks
	// it in its first moments.
	unlockedFor = time.Minute
)

// scratch is a folder that one test binary works in. Its lock tells the next one whether it is still in use.
type scratch struct {
	path string
	lock *embedded.Lock
}

// places are where a server may live, the best first: the disk is what makes a clone slow.
func places() []string {
	if roomy("/dev/shm", wantedRoom) {
		return []string{"/dev/shm", os.TempDir()}
	}
	return []string{os.TempDir()}
}

// newScratch makes a folder in the first place that takes one, and removes those of test binaries that were killed.
func newScratch(parents []string) (*scratch, error) {
	var failed error
	for _, parent := range parents {
		if err := sweep(parent); err != nil {
			return nil, err
		}
		made, err := makeScratch(parent)
		if err == nil {
			return made, nil
		}
		failed = errors.Join(failed, err)
	}
	return nil, fmt.Errorf("make a folder for the test server: %w", failed)
}

func makeScratch(parent string) (*scratch, error) {
	guard, err := os.MkdirTemp(parent, scratchPrefix)
	if err != nil {
		return nil, err
	}
	made := &scratch{path: filepath.Join(guard, "server")}
	if made.lock, err = embedded.LockDir(guard); err != nil {
		return nil, errors.Join(err, os.RemoveAll(guard))
	}
	// PostgreSQL's account has to get to its socket in here.
	err = errors.Join(os.Chmod(guard, 0o711), os.Mkdir(made.path, 0o711))
	if err != nil {
		return nil, errors.Join(err, made.remove())
	}
	return made, nil
}

func (s *scratch) remove() error {
	// While it is locked: nobody else may find half of it.
	return errors.Join(os.RemoveAll(filepath.Dir(s.path)), s.lock.Unlock())
}

// sweep removes the folders whose test binary is gone. PostgreSQL goes with its binary, the folder does not.
func sweep(parent string) error {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return fmt.Errorf("look for earlier test servers: %w", err)
	}
	for _, entry := range entries {
		if matched, err := filepath.Match(scratchPrefix+"*", entry.Name()); err != nil || !matched || !entry.IsDir() {
			continue
		}
		path := filepath.Join(parent, entry.Name())
		info, err := os.Stat(path)
		if err != nil || time.Since(info.ModTime()) < unlockedFor {
			continue // gone, or too young to judge
		}
		lock, err := embedded.LockDir(path)
		if err != nil {
			continue // in use, or somebody else's
		}
		err = errors.Join(os.RemoveAll(path), lock.Unlock())
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove an earlier test server: %w", err)
		}
	}
	return nil
}
