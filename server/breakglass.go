package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"muster/app"
	"muster/db/embedded"
	"muster/org"
	"muster/secret"
	"muster/server/settings"
)

// withApp opens the database that the settings name, the embedded one also while a server runs on it, for a command of the
// operator. Mails that the command queues are sent by the server, or by the next one that starts.
func withApp(ctx context.Context, s settings.Settings, use func(a *app.App) error) error {
	url := s.DatabaseURL
	if s.Embedded() {
		var stop func() error
		var err error
		if url, stop, err = embedded.Connect(ctx, embedded.Options{Dir: s.DataDir}); err != nil {
			return err
		}
		defer func() { _ = stop() }()
		if s.SecretKey == "" {
			if s.SecretKey, err = secretKey(s.DataDir); err != nil {
				return err
			}
		}
	}
	keys, err := secret.NewKeys(s.SecretKey)
	if err != nil {
		return err
	}
	database, err := openDatabase(ctx, s, url, slog.Default())
	if err != nil {
		return err
	}
	defer database.Close()
	a := app.New(app.Config{
		DB: database, Keys: keys, Passwords: secret.NewPasswords(1, 1), PublicURL: s.PublicURL, Log: slog.Default(), Now: time.Now,
	})
	if err := a.CheckKey(ctx); err != nil {
		return err
	}
	return use(a)
}

// breakGlass runs a command for when nobody inside can help any more.
func breakGlass(ctx context.Context, s settings.Settings, out io.Writer) error {
	err := withApp(ctx, s, func(a *app.App) error {
		switch s.Command {
		case settings.ResetTwoFactor:
			return resetTwoFactor(ctx, a, s, out)
		case settings.SetEmail:
			return setEmail(ctx, a, s, out)
		default:
			return createOwner(ctx, a, s, out)
		}
	})
	var refusal *org.Error
	if errors.As(err, &refusal) { // in its own words, which say what to do
		return errors.New(strings.TrimPrefix(err.Error(), string(refusal.Code)+": "))
	}
	return err
}

func resetTwoFactor(ctx context.Context, a *app.App, s settings.Settings, out io.Writer) error {
	done, err := a.OperatorReset(ctx, s.BreakGlass.User, s.BreakGlass.Force)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "The second factor of %s is reset: all authenticators and recovery codes are removed, all sessions ended.\n", done.User.Label())
	for _, name := range done.TurnedOff {
		_, _ = fmt.Fprintf(out, "%s no longer requires two-factor authentication. Its owner signs in, sets it up and turns it on again.\n", name)
	}
	_, _ = fmt.Fprintln(out, "Where it is required they are removed until they set it up; the mail with the link for it is sent by the running server.")
	return nil
}

func setEmail(ctx context.Context, a *app.App, s settings.Settings, out io.Writer) error {
	user, err := a.OperatorSetEmail(ctx, s.BreakGlass.User, s.BreakGlass.Email)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "%s has this address now, and can ask there for a new password: %s/reset\n", user.Label(), s.PublicURL)
	return nil
}

func createOwner(ctx context.Context, a *app.App, s settings.Settings, out io.Writer) error {
	g := s.BreakGlass
	done, err := a.OperatorCreateOwner(ctx, g.Organization, g.Email, g.Name)
	if err != nil {
		return err
	}
	if done.NewOrganization {
		_, _ = fmt.Fprintf(out, "The organization %s is created.\n", g.Organization)
	}
	_, _ = fmt.Fprintf(out, "%s is an owner of %s.\n", g.Email, g.Organization)
	if done.NewAccount {
		_, _ = fmt.Fprintf(out, "The account is new. Its owner sets the password here, once and within an hour; the link is mailed to them too:\n\n  %s\n\n", done.Link)
	}
	return nil
}
