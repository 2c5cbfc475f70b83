package transport

import "golang.org/x/sys/unix"

// unsent is how many bytes the kernel holds that the client's has not taken in. Linux says that a socket can be written only
// when a third of its buffer is free, so that this alone shows who reads slowly; where it cannot be known, the answer is 0.
func unsent(descriptor int) int {
	n, err := unix.IoctlGetInt(descriptor, unix.SIOCOUTQ)
	if err != nil {
		return 0
	}
	return n
}
