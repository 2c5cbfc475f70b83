package main

import "syscall"

// endWithUs has the kernel kill the child when the thread that starts it ends: nobody is left then who would wait for more.
func endWithUs(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }
