package embedded

import (
	"bytes"

	"golang.org/x/sys/unix"
)

const (
	zombie = 5 // SZOMB in sys/proc.h
	// startTolerance is how far, in seconds, the kernel's and PostgreSQL's idea of its start may lie apart.
	startTolerance = 60
)

// workingIn is the server that postmaster.pid names, if the process of that number is a postgres that started when the
// file says: a number that was given anew after a restart of the machine is another's.
func workingIn(_ string, f pidFile) ([]int, error) {
	info, err := unix.SysctlKinfoProc("kern.proc.pid", f.pid)
	if err != nil || info.Proc.P_stat == zombie {
		return nil, nil
	}
	name := info.Proc.P_comm[:]
	if end := bytes.IndexByte(name, 0); end >= 0 {
		name = name[:end]
	}
	apart := info.Proc.P_starttime.Sec - f.started
	if !bytes.HasPrefix(name, []byte("postgres")) || apart > startTolerance || apart < -startTolerance {
		return nil, nil
	}
	return []int{f.pid}, nil
}
