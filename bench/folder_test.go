package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"muster/db/embedded"
)

// TestLeftoversAreRemoved: of all folders only those go whose run has died.
func TestLeftoversAreRemoved(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	living, remove, err := newFolder(parent)
	if err != nil {
		t.Fatal(err)
	}
	folder := func(name string, mode os.FileMode) string {
		dir := filepath.Join(parent, name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	// What a run that was killed leaves: its number in a lock that nobody holds.
	kill := func(dir string) string {
		lock, err := embedded.LockDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := lock.Unlock(); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	dead := kill(folder("muster-bench-1", 0o711))
	if err := os.MkdirAll(filepath.Join(dead, "database", "postgres"), 0o700); err != nil {
		t.Fatal(err)
	}
	stay := []string{
		living, kill(folder("muster-2", 0o711)), kill(folder("muster-bench-3", 0o777)), folder("muster-bench-4", 0o700),
	}
	beginning := folder("muster-bench-5", 0o700)
	if err := os.WriteFile(filepath.Join(beginning, "lock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	link, linked := filepath.Join(parent, "muster-bench-6"), kill(folder("elsewhere", 0o711))
	if err := os.Symlink(linked, link); err != nil {
		t.Fatal(err)
	}
	stay = append(stay, beginning, link, linked)

	removed, err := removeLeftovers(parent)
	if err != nil || !slices.Equal(removed, []string{dead}) {
		t.Errorf("removed %v, %v, and not %s alone", removed, err, dead)
	}
	if _, err := os.Lstat(dead); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", dead, err)
	}
	for _, dir := range stay {
		if _, err := os.Lstat(dir); err != nil {
			t.Errorf("is not there any more: %v", err)
		}
	}
	if err := remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(living); !os.IsNotExist(err) {
		t.Errorf("%s is still there after its run: %v", living, err)
	}
}
