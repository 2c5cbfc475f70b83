package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"muster/app"
	"muster/db"
	"muster/db/embedded"
	"muster/secret"
	"muster/server/settings"
)

// greet tells whoever started the server where everything is, and a demo's passwords, once.
func greet(w io.Writer, s settings.Settings, demo *app.Demo) {
	var b strings.Builder
	fmt.Fprintf(&b, "\nMuster is ready at %s\n\n", s.PublicURL)
	out := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(out, "  GraphQL\t%s/graphql\n", s.PublicURL)
	if s.Playground {
		fmt.Fprintf(out, "  Playground\t%s/playground\n", s.PublicURL)
	}
	if s.Mailbox() {
		fmt.Fprintf(out, "  Mailbox\t%s/mailbox/\n", s.PublicURL)
	}
	_ = out.Flush()
	if demo != nil {
		greetDemo(&b, demo)
	}
	fmt.Fprintln(&b)
	_, _ = io.WriteString(w, b.String())
}

func greetDemo(b *strings.Builder, demo *app.Demo) {
	if len(demo.Accounts) == 0 {
		fmt.Fprintf(b, "\n  The demo organization is there since an earlier start, which printed its passwords.\n  The owner's current code: go run ./server code %s\n", demo.Owner)
		return
	}
	fmt.Fprintf(b, "\n  Demo organization %q. These passwords are shown this once:\n\n", demo.Organization)
	out := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for _, account := range demo.Accounts {
		fmt.Fprintf(out, "  %s\t%s\t%s\n", account.Email, account.Password, account.Role)
	}
	_ = out.Flush()
	fmt.Fprintf(b, "\n  The owner's current code: go run ./server code %s\n", demo.Owner)
}

// printCode prints the current code of an account's authenticator app. It works on an embedded database only, and only
// for who can read its data directory.
func printCode(ctx context.Context, s settings.Settings) error {
	if !s.Embedded() {
		return errors.New("codes are printed for demo accounts only, which live in the embedded database: unset DATABASE_URL")
	}
	url, stop, err := embedded.Connect(ctx, embedded.Options{Dir: s.DataDir})
	if err != nil {
		return err
	}
	defer func() { _ = stop() }()
	master := s.SecretKey
	if master == "" {
		if master, err = secretKey(s.DataDir); err != nil {
			return err
		}
	}
	keys, err := secret.NewKeys(master)
	if err != nil {
		return err
	}
	database, err := db.Open(ctx, url)
	if err != nil {
		return err
	}
	defer database.Close()
	code, err := app.New(app.Config{DB: database, Keys: keys, Now: time.Now}).CurrentCode(ctx, s.CodeEmail)
	if err != nil {
		return err
	}
	if wait := time.Until(code.From); wait > 0 {
		_, _ = fmt.Fprintf(os.Stderr, "the last code was used a moment ago; the next one comes in %d seconds\n", int(wait.Seconds())+1)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	_, _ = fmt.Fprintln(os.Stdout, code.Code)
	_, _ = fmt.Fprintf(os.Stderr, "works for about %d seconds, once\n", int(time.Until(code.Until).Seconds()))
	return nil
}
