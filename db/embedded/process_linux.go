package embedded

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// endWithParent has the kernel tell the child when this process ends, even by kill -9: a fast shutdown for data
// that matters, an immediate one for data that does not.
func endWithParent(attr *syscall.SysProcAttr, throwaway bool) {
	attr.Pdeathsig = syscall.SIGINT
	if throwaway {
		attr.Pdeathsig = syscall.SIGQUIT
	}
}

// passData says how the child gets to the data directory. As root it is opened here and handed over, because the
// unprivileged account may not enter Muster's folder (0700, it holds the secret key) nor perhaps root's home above it.
// PostgreSQL changes into the directory and uses relative paths from then on; its children inherit the descriptor.
func passData(cmd *exec.Cmd, data string, account *account) (arg string, release func(), err error) {
	if account == nil {
		return data, func() {}, nil
	}
	dir, err := os.Open(data)
	if err != nil {
		return "", nil, fmt.Errorf("open the data directory: %w", err)
	}
	cmd.ExtraFiles = []*os.File{dir} // becomes descriptor 3
	return "/proc/self/fd/3", func() { _ = dir.Close() }, nil
}

// shareDir has nothing to do: see passData.
func shareDir(string) error { return nil }
