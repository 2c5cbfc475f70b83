package web

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
)

// response remembers what was answered. gorilla/websocket asserts http.Hijacker on the writer itself instead of using
// http.ResponseController, so both ways are here.
type response struct {
	http.ResponseWriter
	status   int
	bytes    int64
	hijacked bool
}

// Status is what the client saw; a handler that wrote nothing answered 200, and a hijacked connection 101.
func (w *response) Status() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}

func (w *response) WriteHeader(status int) {
	// 1xx are sent ahead of the answer (103 Early Hints); only the last counts.
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// Unwrap is for http.ResponseController.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush is for those who assert http.Flusher.
func (w *response) Flush() {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	// A writer that cannot flush is written at the end of the request: slower, not wrong.
	_ = http.NewResponseController(w.ResponseWriter).Flush()
}

// Hijack is for those who assert http.Hijacker.
func (w *response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffer, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, fmt.Errorf("hijack: %w", err)
	}
	w.hijacked = true
	if w.status == 0 {
		w.status = http.StatusSwitchingProtocols
	}
	return conn, buffer, nil
}
