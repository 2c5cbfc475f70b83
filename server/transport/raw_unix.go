//go:build unix

package transport

import (
	"errors"
	"io"
	"net"
	"syscall"
)

// rawConnection answers the connection as one that can be written without waiting, nil where it has no descriptor.
func rawConnection(connection net.Conn) syscall.RawConn {
	c, ok := connection.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// tryWrite writes as much as the kernel has room for. It says that it is not done where there is none: it is called again
// when there is, or when a part of the client's time is over.
func (w *writer) tryWrite(descriptor uintptr) bool {
	for len(w.rest) > 0 {
		n, err := syscall.Write(int(descriptor), w.rest)
		switch {
		case n > 0:
			w.rest = w.rest[n:]
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EAGAIN):
			return !w.wait(unsent(int(descriptor)))
		case err == nil:
			w.failed = io.ErrUnexpectedEOF
			return true
		default:
			w.failed = err
			return true
		}
	}
	return true
}
