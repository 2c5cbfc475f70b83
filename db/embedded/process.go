package embedded

import (
	"os/exec"
	"runtime"
)

// startLocked starts cmd on a thread of its own and keeps that thread until the child has ended: on Linux the signal
// for a parent's death is sent when the *thread* that made the child ends, and Go ends idle threads as it likes.
func startLocked(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, exited: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		close(p.exited)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	p.pid = cmd.Process.Pid
	return p, nil
}

// how says in a few words how the child ended.
func (p *process) how() string {
	if p.err != nil {
		return p.err.Error()
	}
	return "exit status 0"
}
