package main

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"muster/db/embedded"
)

// folderPrefix is how the names of the folders begin that runs work in.
const folderPrefix = "muster-bench-"

// newFolder makes a folder for all that a run writes, whose lock the run holds for as long as it lives. PostgreSQL, which may run
// as another account, may pass through it.
func newFolder(parent string) (dir string, remove func() error, err error) {
	if dir, err = os.MkdirTemp(parent, folderPrefix); err != nil {
		return "", nil, err
	}
	lock, err := embedded.LockDir(dir)
	if err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(dir))
	}
	remove = func() error { return errors.Join(os.RemoveAll(dir), lock.Unlock()) }
	if err := os.Chmod(dir, 0o711); err != nil { //nolint:gosec // only to pass through
		return "", nil, errors.Join(err, remove())
	}
	return dir, remove, nil
}

// removeLeftovers removes the folders of runs that died without doing it themselves: by kill -9, or in a panic.
func removeLeftovers(parent string) (removed []string, err error) {
	dirs, err := filepath.Glob(filepath.Join(parent, folderPrefix+"*"))
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, dir := range dirs {
		if !ours(dir) {
			continue
		}
		lock, err := embedded.LockDir(dir)
		if err != nil {
			continue // its run lives, or another start removes it
		}
		failed := errors.Join(os.RemoveAll(dir), lock.Unlock())
		if errs = append(errs, failed); failed == nil {
			removed = append(removed, dir)
		}
	}
	return removed, errors.Join(errs...)
}

// ours says whether a folder is one that a run of ours made and has locked at some time. The rest are other people's, or of a
// run that begins at this moment: who holds a lock has written its number into it.
func ours(dir string) bool {
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() || info.Mode().Perm()&0o022 != 0 {
		return false
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); !ok || int(stat.Uid) != os.Geteuid() {
		return false
	}
	number, err := os.ReadFile(filepath.Join(dir, "lock"))
	return err == nil && len(number) > 0
}
