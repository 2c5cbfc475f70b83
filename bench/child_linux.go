package main

import (
	"os/exec"
	"syscall"
)

// endWithUs has the kernel kill the child when the thread that starts it ends: nobody is left then who would wait for more.
func endWithUs(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
