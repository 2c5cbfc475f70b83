package web

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"time"
)

// readyTimeout bounds one readiness check; orchestrators commonly give a probe a few seconds.
const readyTimeout = 2 * time.Second

// Healthz answers 200 "ok" as long as the process can answer at all. It asks nothing of the database: restarting Muster
// does not mend PostgreSQL.
func Healthz() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok\n") })
}

// Readyz answers 200 "ready" when check returns nil within two seconds, and 503 otherwise. Why it failed goes to the
// log and not to the client: it may name hosts.
func Readyz(log *slog.Logger, check func(ctx context.Context) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
		defer cancel()
		if err := check(ctx); err != nil {
			log.WarnContext(r.Context(), "not ready", slog.Any("err", err))
			plain(w, http.StatusServiceUnavailable, "not ready\n")
			return
		}
		plain(w, http.StatusOK, "ready\n")
	})
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	// A client that has gone away is not told.
	_, _ = io.WriteString(w, text)
}
