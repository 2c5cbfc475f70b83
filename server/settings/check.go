package settings

import (
	"log/slog"
	"maps"
	"net"
	netmail "net/mail"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"muster/db/events"
	"muster/mail"
	"muster/secret"
	"muster/server/web"
)

// maxSweepBatch bounds how many rows one transaction of a sweep locks.
const maxSweepBatch = 10000

// maxAuditMonths bounds a retention to a hundred years: what is meant to be kept longer is kept for ever.
const maxAuditMonths = 1200

// maxDemoMembers bounds what one transaction of the demo's seeding adds.
const maxDemoMembers = 100_000

// check holds the rules that need more than one value, or more than kong knows, and fills what is derived.
func (s *Settings) check() error {
	for _, rule := range []func() error{
		s.checkRequired, s.checkAddr, s.checkPublicURL, s.checkOrigins, s.checkLoopback,
		s.checkDatabase, s.checkEvents, s.checkMail, s.checkLog, s.checkNumbers,
	} {
		if err := rule(); err != nil {
			return err
		}
	}
	if s.MigrateURL == "" {
		s.MigrateURL = s.DatabaseURL
	}
	return nil
}

// checkRequired asks for what a first run makes up by itself and an installation must decide.
func (s *Settings) checkRequired() error {
	if s.Embedded() {
		if s.MigrateURL != "" {
			return wrong("MUSTER_MIGRATE_URL is set without DATABASE_URL: set both, or neither for the embedded PostgreSQL.")
		}
	} else {
		for _, required := range []struct{ name, value, hint string }{
			{"SMTP_URL", s.SMTPURL, "the mail server, such as smtp://mail.example.com:587"},
			{"MUSTER_PUBLIC_URL", s.PublicURL, "where people reach Muster, such as https://muster.example.com"},
			{"MUSTER_SECRET_KEY", s.SecretKey, "a key such as openssl rand -base64 32 prints"},
		} {
			if required.value == "" {
				return wrong("%s is required with DATABASE_URL: %s.", required.name, required.hint)
			}
		}
	}
	if s.SecretKey != "" {
		if _, err := secret.NewKeys(s.SecretKey); err != nil {
			return wrong("%s.", err.Error())
		}
	}
	return nil
}

func (s *Settings) checkAddr() error {
	_, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		return wrong("MUSTER_ADDR %q is not an address with a port, such as 127.0.0.1:8080.", s.Addr)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return wrong("MUSTER_ADDR %q has no port from 0 to 65535, such as 127.0.0.1:8080.", s.Addr)
	}
	return nil
}

func (s *Settings) checkPublicURL() error {
	if s.PublicURL == "" {
		_, port, _ := net.SplitHostPort(s.Addr) // checkAddr has passed
		s.PublicURL, s.derived = localURL(port), true
		return nil
	}
	origin, err := normalOrigin("MUSTER_PUBLIC_URL", s.PublicURL)
	if err != nil {
		return err
	}
	s.PublicURL = origin
	return nil
}

func (s *Settings) checkOrigins() error {
	var origins []string
	for _, item := range s.AllowedOrigins {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		origin, err := normalOrigin("MUSTER_ALLOWED_ORIGINS", item)
		if err != nil {
			return err
		}
		origins = append(origins, origin)
	}
	s.AllowedOrigins = origins
	return nil
}

// checkLoopback keeps what has no authentication (the mailbox) or known passwords (the demo) on this machine.
func (s *Settings) checkLoopback() error {
	if web.LoopbackHost(s.Addr) {
		return nil
	}
	switch {
	case s.Mailbox():
		return wrong("MUSTER_ADDR %q is not a loopback address, and without SMTP_URL everybody could read the mailbox: "+
			"set DATABASE_URL and SMTP_URL to serve others, or MUSTER_ADDR=127.0.0.1:8080.", s.Addr)
	case s.Demo():
		return wrong("MUSTER_ADDR %q is not a loopback address, and the demo is not for others: "+
			"set MUSTER_DEMO=false, or MUSTER_ADDR=127.0.0.1:8080.", s.Addr)
	}
	return nil
}

// checkDatabase never repeats a value: each may hold a password.
func (s *Settings) checkDatabase() error {
	for _, u := range []struct{ name, value string }{{"DATABASE_URL", s.DatabaseURL}, {"MUSTER_MIGRATE_URL", s.MigrateURL}} {
		if u.value == "" {
			continue
		}
		parsed, err := url.Parse(u.value)
		if err != nil || parsed.Scheme != "postgres" && parsed.Scheme != "postgresql" {
			return wrong("%s is not of the form postgres://user:password@host:5432/name (percent-encode other characters in the password).", u.name)
		}
	}
	return nil
}

func (s *Settings) checkEvents() error {
	if s.EventsURL == "" {
		return nil
	}
	if err := events.Check(s.EventsURL); err != nil {
		return wrong("%s.", err.Error())
	}
	return nil
}

// checkMail asks the senders themselves whether they understand their URLs; they dial nobody and repeat no password.
func (s *Settings) checkMail() error {
	if s.MailFrom == "" {
		s.MailFrom, s.mailFromDerived = senderAt(s.PublicURL), true
	}
	if _, err := netmail.ParseAddress(s.MailFrom); err != nil {
		if s.mailFromDerived {
			return wrong("MUSTER_MAIL_FROM is required where MUSTER_PUBLIC_URL has an IP address: Muster <muster@example.com>.")
		}
		return wrong("MUSTER_MAIL_FROM %q is not an address such as Muster <muster@example.com>.", s.MailFrom)
	}
	if s.SMTPURL != "" {
		if _, err := mail.NewSMTP(s.SMTPURL, s.MailFrom); err != nil {
			return wrong("%s.", err.Error())
		}
	}
	if s.SMSURL != "" {
		if _, err := mail.NewTexter(s.SMSURL); err != nil {
			return wrong("%s.", err.Error())
		}
	}
	return nil
}

func (s *Settings) checkLog() error {
	if !slices.Contains([]string{"", "text", "json"}, s.Log) {
		return wrong("MUSTER_LOG %q is neither text nor json.", s.Log)
	}
	s.LogLevel = strings.ToLower(s.LogLevel)
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, s.LogLevel) {
		return wrong("MUSTER_LOG_LEVEL %q is none of debug, info, warn and error.", s.LogLevel)
	}
	return nil
}

func (s *Settings) checkNumbers() error {
	switch {
	case s.SessionMax <= 0:
		return wrong("MUSTER_SESSION_MAX %s is not above zero: take 24h.", s.SessionMax)
	case s.SessionIdle <= 0:
		return wrong("MUSTER_SESSION_IDLE %s is not above zero: take 1h.", s.SessionIdle)
	case s.SessionIdle > s.SessionMax:
		return wrong("MUSTER_SESSION_IDLE %s is longer than MUSTER_SESSION_MAX %s.", s.SessionIdle, s.SessionMax)
	case s.StepUp <= 0:
		return wrong("MUSTER_STEP_UP %s is not above zero: take 10m.", s.StepUp)
	case s.DemoMembers != 0 && (s.DemoMembers < 2 || s.DemoMembers > maxDemoMembers):
		return wrong("MUSTER_DEMO_MEMBERS %d is not from 2 to %d, nor 0 for none.", s.DemoMembers, maxDemoMembers)
	case s.DemoMembers != 0 && !s.Demo():
		return wrong("MUSTER_DEMO_MEMBERS is for the demo, which is off: set MUSTER_DEMO=true too, or leave it out.")
	case s.AuditMonths < 0 || s.AuditMonths > maxAuditMonths:
		return wrong("MUSTER_AUDIT_MONTHS %d is not from 1 to %d, nor 0 to keep everything.", s.AuditMonths, maxAuditMonths)
	case s.SweepBatch < 1 || s.SweepBatch > maxSweepBatch:
		return wrong("MUSTER_SWEEP_BATCH %d is not from 1 to %d.", s.SweepBatch, maxSweepBatch)
	}
	return nil
}

// level is the slog level of LogLevel, which checkLog has passed.
func (s Settings) level() slog.Level {
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.LogLevel)); err != nil {
		return slog.LevelInfo
	}
	return level
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
