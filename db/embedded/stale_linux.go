package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// workingIn lists the live PostgreSQL processes that work in the data directory: PostgreSQL changes into it, so the
// working directory tells a server of ours from any other, whatever its number. A zombie has none.
func workingIn(data string, _ pidFile) ([]int, error) {
	here, err := os.Stat(data)
	if err != nil {
		return nil, fmt.Errorf("look at the data directory: %w", err)
	}
	entries, err := os.ReadDir("/proc")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for an earlier PostgreSQL: %w", err)
	}
	var pids []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		// Processes of others cannot be looked at, and ours may end at any moment: neither is what we look for.
		cwd, err := os.Stat(filepath.Join("/proc", entry.Name(), "cwd"))
		if err != nil || !os.SameFile(here, cwd) {
			continue
		}
		exe, err := os.Readlink(filepath.Join("/proc", entry.Name(), "exe"))
		// An upgrade of the package leaves "…/postgres (deleted)".
		if err == nil && strings.HasPrefix(filepath.Base(exe), "postgres") {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}
