package graph

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// Whoever asked for too much is told so when the request's own time is over. A statement that had no answer in its own time, or
// anything else that was given up, is a fault of the house: it is logged, and its number shown.
func TestWhoseTimeIsOver(t *testing.T) {
	t.Parallel()
	over, cancel := context.WithDeadline(t.Context(), time.Now())
	defer cancel()
	for name, c := range map[string]struct {
		ctx  context.Context
		code string
		logs bool
	}{
		"the request's":   {over, "QUERY_TOO_LARGE", false},
		"the statement's": {t.Context(), "INTERNAL", true},
	} {
		var logged bytes.Buffer
		p := presenter{log: slog.New(slog.NewTextHandler(&logged, nil)), requestID: func(context.Context) string { return "req_1" }}
		shown := p.present(c.ctx, fmt.Errorf("read the log: %w", context.DeadlineExceeded))
		if shown.Extensions["code"] != c.code {
			t.Errorf("%s time is over: got %v, want %s", name, shown.Extensions["code"], c.code)
		}
		if logs := strings.Contains(logged.String(), "read the log"); logs != c.logs {
			t.Errorf("%s time is over: logged %q", name, logged.String())
		}
	}
}
