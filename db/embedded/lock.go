package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// lockPatience is for a Muster that was killed a moment ago: the kernel frees its lock when it has cleaned it up.
const lockPatience = 500 * time.Millisecond

var errLocked = errors.New("locked")

// lockedError is errLocked for a person.
type lockedError struct {
	dir, holder string
}

func (e *lockedError) Error() string {
	return "another Muster is running on " + e.dir + e.holder + ": stop it, or use another data folder"
}

func (e *lockedError) Unwrap() error { return errLocked }

// Lock is the right to work in a folder. The kernel takes it back when the process ends, however that happens.
type Lock struct {
	file *os.File
}

// LockDir takes the lock of a folder (a file named "lock" in it, which stays) at once, or says who has it.
func LockDir(dir string) (*Lock, error) {
	// Never removed: whoever opened the removed file would hold a lock that means nothing.
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the data folder's lock: %w", err)
	}
	err = lockFile(file)
	if errors.Is(err, errLocked) {
		return nil, errors.Join(&lockedError{dir: dir, holder: holder(file)}, file.Close())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock the data folder: %w", err), file.Close())
	}
	// For a person to read; the lock itself is the kernel's.
	err = file.Truncate(0)
	if err == nil {
		_, err = file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("write the data folder's lock: %w", err), file.Close())
	}
	return &Lock{file}, nil
}

// lockPatiently asks again for a moment.
func lockPatiently(ctx context.Context, dir string) (*Lock, error) {
	ctx, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		lock, err := LockDir(dir)
		if !errors.Is(err, errLocked) {
			return lock, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-tick.C:
		}
	}
}

// Unlock gives the folder back.
func (l *Lock) Unlock() error { return l.file.Close() }

func holder(file *os.File) string {
	text, err := io.ReadAll(io.NewSectionReader(file, 0, 32))
	if pid := strings.TrimSpace(string(text)); err == nil && pid != "" {
		return " (process " + pid + ")"
	}
	return ""
}
