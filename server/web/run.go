package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Bounds of one connection. An operation may run for 5 s, and a body is 64 KiB at most; the rest is for slow lines.
const (
	// headerTimeout is what a client has to send its request's headers (against slowloris).
	headerTimeout = 5 * time.Second
	// readTimeout is what it has to send headers and body.
	readTimeout = 15 * time.Second
	// writeTimeout is what an answer has, from the end of the headers. A hijacked connection has none of these.
	writeTimeout = 30 * time.Second
	// idleTimeout is how long a connection is kept for a next request.
	idleTimeout = 2 * time.Minute
	// maxHeaderBytes is far above what browsers send and far below Go's default of 1 MiB.
	maxHeaderBytes = 32 << 10
	// shutdownTimeout is what requests under way and onShutdown have together; below the 10 s that Docker waits before it kills.
	shutdownTimeout = 8 * time.Second
)

// NewServer is an http.Server with deadlines against slow clients, whose own complaints go to log as warnings.
func NewServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

// Run serves on listener until ctx ends, then stops within eight seconds: it takes no new connection, calls onShutdown
// (which ends what the server does not know, such as WebSockets, and returns when its context ends at the latest) and
// waits for the requests under way. What is still open then is cut, and the error says so. Run returns nil after a clean
// stop, and at once with an error when serving fails; onShutdown has been called in each case. It may be nil.
func Run(ctx context.Context, server *http.Server, listener net.Listener, onShutdown func(ctx context.Context)) error {
	return run(ctx, server, listener, onShutdown, shutdownTimeout)
}

func run(ctx context.Context, server *http.Server, listener net.Listener, onShutdown func(ctx context.Context), grace time.Duration) error {
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()

	var failure error
	running := true
	select {
	case <-ctx.Done():
	case err := <-served:
		running = false
		failure = fmt.Errorf("serve http: %w", err)
	}

	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	stopped := make(chan error, 1)
	go func() { stopped <- server.Shutdown(stop) }()
	if running {
		// Serve returns as soon as Shutdown has closed the listener, before the requests under way have ended.
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			failure = fmt.Errorf("serve http: %w", err)
		}
	}
	if onShutdown != nil {
		onShutdown(stop)
	}
	if err := <-stopped; err != nil {
		failure = errors.Join(failure, fmt.Errorf("stop http: %w", err))
		if err := server.Close(); err != nil {
			failure = errors.Join(failure, fmt.Errorf("close http: %w", err))
		}
	}
	return failure
}
