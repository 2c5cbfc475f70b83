package embedded

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// lockOffset lies behind the text: Windows keeps others from reading a locked part.
const lockOffset = 1 << 30

func lockFile(file *os.File) error {
	at := &windows.Overlapped{Offset: lockOffset}
	err := windows.LockFileEx(windows.Handle(file.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, at)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
		return errLocked
	}
	return err
}
