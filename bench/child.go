package main

import (
	"os/exec"
	"runtime"
	"syscall"
)

// A child ends when the bench does, however that happens. On Linux it is the end of the thread that has started it that counts,
// and Go ends idle threads as it likes; so a goroutine keeps the thread until the child has ended.

// launch starts a program that is ended by nothing but its stop: what a terminal sends to all of its foreground, as at Ctrl-C, does
// not reach it. exited is closed when it has ended.
func launch(cmd *exec.Cmd) (exited <-chan struct{}, err error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	endWithUs(cmd.SysProcAttr)
	started, ended := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // its log says why
			close(ended)
		}
	}()
	return ended, <-started
}

// output runs a program to its end and returns what it says.
func output(cmd *exec.Cmd) ([]byte, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	endWithUs(cmd.SysProcAttr)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return cmd.CombinedOutput()
}
