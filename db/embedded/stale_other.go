//go:build unix && !linux && !darwin

package embedded

import (
	"errors"
	"fmt"
	"syscall"
)

// workingIn cannot tell a server of ours from another process here, so it asks a person rather than end a stranger.
func workingIn(data string, f pidFile) ([]int, error) {
	if errors.Is(syscall.Kill(f.pid, 0), syscall.ESRCH) {
		return nil, nil
	}
	return nil, fmt.Errorf("process %d may be a PostgreSQL that still works in %s: stop it, or remove %s if it is something else",
		f.pid, data, pidPath(data))
}
