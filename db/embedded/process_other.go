//go:build unix && !linux

package embedded

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// endWithParent can do nothing here: no signal tells of a parent's death, so the next start ends what is left over.
func endWithParent(*syscall.SysProcAttr, bool) {}

// passData gives the path: a descriptor of a directory is no path on this system.
func passData(_ *exec.Cmd, data string, _ *account) (arg string, release func(), err error) {
	return data, func() {}, nil
}

// shareDir lets the unprivileged account through Muster's folder to the data directory below it. What else lies there has
// modes of its own.
func shareDir(dir string) error {
	if err := os.Chmod(dir, 0o711); err != nil {
		return fmt.Errorf("let PostgreSQL's account into the data folder: %w", err)
	}
	return nil
}
