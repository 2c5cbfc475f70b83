// Command server is Muster: settings, wiring, HTTP. It starts PostgreSQL of its own where it is given none, brings the
// database up to date, serves GraphQL and the pages, and stops everything in order. It decides nothing about
// organizations and knows no SQL.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"muster/server/settings"
)

func main() {
	s, err := settings.Parse(os.Args[1:], os.Environ(), os.Stdout)
	if err != nil {
		os.Exit(settings.Exit(os.Stderr, err))
	}
	log := s.Logger(os.Stderr)
	slog.SetDefault(log)
	for _, warning := range s.Warnings {
		log.Warn("an environment variable is no setting", "why", warning)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch s.Command {
	case settings.Code:
		err = printCode(ctx, s)
	case settings.ResetTwoFactor, settings.SetEmail, settings.CreateOwner:
		err = breakGlass(ctx, s, os.Stdout)
	default:
		err = serve(ctx, s, log)
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		// On one line, whatever wrapped it: pgx tells of each address that it tried on a line of its own.
		fmt.Fprintln(os.Stderr, "muster: "+strings.Join(strings.Fields(err.Error()), " "))
		os.Exit(1)
	}
}
