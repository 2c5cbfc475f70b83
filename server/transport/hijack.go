package transport

import (
	"bufio"
	"net"
	"net/http"
	"time"
)

// hijacker keeps the connection that gorilla's upgrader takes over.
type hijacker struct {
	http.ResponseWriter
	connection *readConnection
}

func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	connection, buffers, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	h.connection = &readConnection{Conn: connection}
	return h.connection, buffers, nil
}

// readConnection is a connection that gorilla writes the answer to an upgrade to, and then only reads from: it would write
// close frames by itself, into the midst of a message, and set deadlines that are not the writers'.
type readConnection struct {
	net.Conn
	muted bool
}

// mute drops what is written from now on and answers the connection that is written to.
func (c *readConnection) mute() net.Conn {
	c.muted = true
	return c.Conn
}

// Write drops what is written to a muted connection.
func (c *readConnection) Write(p []byte) (int, error) {
	if c.muted {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

// SetWriteDeadline leaves a muted connection's deadline.
func (c *readConnection) SetWriteDeadline(t time.Time) error {
	if c.muted {
		return nil
	}
	return c.Conn.SetWriteDeadline(t)
}
