package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"muster/app"
	"muster/db"
	"muster/db/embedded"
	"muster/db/events"
	"muster/mail"
	"muster/secret"
	"muster/server/settings"
	"muster/server/web"
)

// serve runs the server until ctx ends. What it starts it stops in the opposite order: PostgreSQL last.
func serve(ctx context.Context, s settings.Settings, log *slog.Logger) (err error) {
	paceCollections()
	// A port that is taken is found out before anything else is started.
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", s.Addr)
	if err != nil {
		return fmt.Errorf("listen on %s: %w. Stop what runs there, or set MUSTER_ADDR", s.Addr, err)
	}
	defer func() { _ = listener.Close() }()
	s = s.Listening(listener.Addr())

	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	url, migrateURL := s.DatabaseURL, s.MigrateURL
	if s.Embedded() {
		pg, err := embedded.Start(ctx, embedded.Options{Dir: s.DataDir, Log: log})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, pg.Stop()) }()
		go func() {
			select {
			case <-pg.Done():
				fail(fmt.Errorf("the embedded PostgreSQL ended: %w", pg.Err()))
			case <-ctx.Done():
			}
		}()
		url, migrateURL = pg.URL(), pg.URL()
		if s.SecretKey == "" {
			if s.SecretKey, err = secretKey(s.DataDir); err != nil {
				return err
			}
		}
	}
	if err := db.Migrate(ctx, migrateURL, s.AuditMonths); err != nil {
		return err
	}
	database, err := openDatabase(ctx, s, url, log)
	if err != nil {
		return err
	}
	defer database.Close()

	a, mailbox, err := newApp(s, database, instance(s, listener.Addr()), log)
	if err != nil {
		return err
	}
	if mailbox != nil {
		defer func() { err = errors.Join(err, mailbox.Close()) }()
	}
	if err := a.CheckKey(ctx); err != nil {
		return err
	}
	handler, sockets := routes(s, a, mailbox, log)
	a.OnSessionEnd(sockets.CloseSession)
	var demo *app.Demo
	if s.Demo() {
		if demo, err = a.SeedDemo(ctx); err != nil {
			return fmt.Errorf("seed the demo: %w", err)
		}
	}
	if err := a.Start(ctx, sockets.Sessions); err != nil {
		return err
	}
	greet(os.Stdout, s, demo)
	if err := a.DemoTold(ctx, demo); err != nil {
		log.WarnContext(ctx, "the next start will give the demo new passwords", "err", err)
	}
	if err := seedCrowd(ctx, a, s.DemoMembers, migrateURL, log); err != nil {
		return err
	}
	err = web.Run(ctx, web.NewServer(handler, log), listener, func(ctx context.Context) {
		err := errors.Join(sockets.Shutdown(ctx), a.Stop(ctx))
		if err != nil {
			log.WarnContext(ctx, "not everything stopped in time", "err", err)
		}
	})
	if cause := context.Cause(ctx); err == nil && cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}

// openDatabase opens the database, with the bell that the settings name.
func openDatabase(ctx context.Context, s settings.Settings, url string, log *slog.Logger) (*db.DB, error) {
	database, err := db.Open(ctx, url)
	if err != nil || s.EventsURL == "" {
		return database, err
	}
	bell, err := events.Open(s.EventsURL, log)
	if err != nil {
		database.Close()
		return nil, err
	}
	database.RingWith(bell)
	return database, nil
}

// seedCrowd adds the demo's large organization, where one is wanted. It comes after the passwords have been told: they would
// be lost by who has to begin again.
func seedCrowd(ctx context.Context, a *app.App, members int, migrateURL string, log *slog.Logger) error {
	if members == 0 {
		return nil
	}
	done, err := a.SeedCrowd(ctx, members)
	if err != nil || !done {
		return err
	}
	log.InfoContext(ctx, "the demo's owner has a large organization too", "members", members)
	return db.Analyze(ctx, migrateURL)
}

// passwordQueue is how many wait for their password to be hashed before more are sent away: as many, with the half
// as many known browsers that wait besides, as two at a time, each some 40 ms, get done within the five seconds that a request has.
const passwordQueue = 160

// newApp makes the application with the real senders, or with the development mailbox where there is no mail server.
func newApp(s settings.Settings, database *db.DB, instance string, log *slog.Logger) (*app.App, *mail.Mailbox, error) {
	keys, err := secret.NewKeys(s.SecretKey)
	if err != nil {
		return nil, nil, err
	}
	c := app.Config{
		DB: database, Keys: keys, Passwords: secret.NewPasswords(2, passwordQueue), PublicURL: s.PublicURL, Instance: instance,
		Log: log, Now: time.Now, SessionIdle: s.SessionIdle, SessionMax: s.SessionMax, StepUp: s.StepUp, SweepBatch: s.SweepBatch,
		SSOAllowPrivate: s.SSOAllowPrivate,
		Origins:         s.Origins(),
	}
	var mailbox *mail.Mailbox
	if s.Mailbox() {
		if mailbox, err = mail.NewMailbox(filepath.Join(s.DataDir, "mailbox.jsonl")); err != nil {
			return nil, nil, err
		}
		c.Mailer, c.Texter = mailbox, mailbox
	} else if c.Mailer, err = mail.NewSMTP(s.SMTPURL, s.MailFrom); err != nil {
		return nil, nil, err
	}
	if s.SMSURL != "" {
		if c.Texter, err = mail.NewTexter(s.SMSURL); err != nil {
			return nil, nil, err
		}
	}
	return app.New(c), mailbox, nil
}

// instance names this process the same after a restart, and unlike every other one: the jobs that it left half done are
// known by it.
func instance(s settings.Settings, listening net.Addr) string {
	if s.Embedded() {
		return "embedded"
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	name := host + "-" + listening.String() // two instances may both have asked for port 0
	return name[:min(len(name), 90)]
}

// secretKeyFile keeps the master key of an embedded database. Without it its authenticators are lost.
const secretKeyFile = "secret.key"

// secretKey reads the key of the data directory, and makes one for a new directory.
func secretKey(dir string) (string, error) {
	path := filepath.Join(dir, secretKeyFile)
	raw, err := os.ReadFile(path)
	if err == nil {
		return strings.TrimSpace(string(raw)), nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("read the secret key: %w", err)
	}
	key := secret.NewMaster()
	// Written aside and renamed: a crash leaves a whole key or none.
	aside := path + "." + rand.Text()
	if err := os.WriteFile(aside, []byte(key+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("keep the secret key: %w", err)
	}
	if err := os.Rename(aside, path); err != nil {
		return "", fmt.Errorf("keep the secret key: %w", err)
	}
	return key, nil
}
