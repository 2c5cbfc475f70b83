package settings

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const key = "0123456789abcdef0123456789abcdef" // 32 characters

// installed is the least environment of an installation.
func installed(more ...string) []string {
	return append([]string{
		"DATABASE_URL=postgres://muster:dbpass@db/muster",
		"SMTP_URL=smtp://user:mailpass@mail:587",
		"MUSTER_PUBLIC_URL=https://muster.example",
		"MUSTER_SECRET_KEY=" + key,
	}, more...)
}

func parse(t *testing.T, args, env []string) Settings {
	t.Helper()
	s, err := Parse(args, env, io.Discard)
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	return s
}

func TestNothingConfiguredIsAFirstRun(t *testing.T) {
	t.Parallel()
	got := parse(t, nil, []string{"HOME=/root", "DATABASE_URL="})
	want := Settings{
		Command: Serve, Addr: "127.0.0.1:8080", PublicURL: "http://localhost:8080", DataDir: ".muster",
		MailFrom: "Muster <muster@localhost>", Playground: true, LogLevel: "info",
		SessionIdle: time.Hour, SessionMax: 24 * time.Hour, StepUp: 10 * time.Minute, SweepBatch: 500,
	}
	if diff := cmp.Diff(got, want, cmpopts.IgnoreUnexported(Settings{})); diff != "" {
		t.Errorf("settings (-got +want):\n%s", diff)
	}
	if !got.Embedded() || !got.Demo() || !got.Mailbox() || !got.SMSEnabled() || got.Secure() {
		t.Errorf("embedded %v, demo %v, mailbox %v, sms %v, secure %v; want all but secure",
			got.Embedded(), got.Demo(), got.Mailbox(), got.SMSEnabled(), got.Secure())
	}
}

func TestAnInstallation(t *testing.T) {
	t.Parallel()
	got := parse(t, nil, installed("MUSTER_ADDR=0.0.0.0:8080"))
	if got.Embedded() || got.Demo() || got.Mailbox() || got.SMSEnabled() || !got.Secure() {
		t.Errorf("embedded %v, demo %v, mailbox %v, sms %v, secure %v; want only secure",
			got.Embedded(), got.Demo(), got.Mailbox(), got.SMSEnabled(), got.Secure())
	}
	if got.MigrateURL != got.DatabaseURL {
		t.Errorf("MigrateURL is %q, want DATABASE_URL's", got.MigrateURL)
	}
	if want := "Muster <muster@muster.example>"; got.MailFrom != want {
		t.Errorf("MailFrom is %q, want %q", got.MailFrom, want)
	}
	if !parse(t, nil, installed("SMS_URL=https://sms.example/send?secret="+key)).SMSEnabled() {
		t.Error("SMS is off with SMS_URL")
	}
}

func TestValuesAndWhoWins(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		about string
		args  []string
		env   []string
		read  func(Settings) any
		want  any
	}{
		{"a flag wins over the environment", []string{"--addr=127.0.0.1:1"}, []string{"MUSTER_ADDR=127.0.0.1:2"}, func(s Settings) any { return s.Addr }, "127.0.0.1:1"},
		{"the environment over the default", nil, []string{"MUSTER_SESSION_IDLE=90s"}, func(s Settings) any { return s.SessionIdle }, 90 * time.Second},
		{"an empty variable is absent", nil, []string{"MUSTER_ADDR="}, func(s Settings) any { return s.Addr }, "127.0.0.1:8080"},
		{"serve is the default command", nil, nil, func(s Settings) any { return s.Command }, Serve},
		{"serve by name, with a flag after it", []string{"serve", "--sweep-batch=50"}, nil, func(s Settings) any { return s.SweepBatch }, 50},
		{"code takes an address", []string{"code", "olga@demo.test"}, nil, func(s Settings) any { return string(s.Command) + " " + s.CodeEmail }, "code olga@demo.test"},
		{"code takes the settings too", []string{"code", "olga@demo.test", "--data-dir=/tmp/x"}, nil, func(s Settings) any { return s.DataDir }, "/tmp/x"},
		{"the demo can be turned off", nil, []string{"MUSTER_DEMO=false"}, func(s Settings) any { return s.Demo() }, false},
		{"also by a flag", []string{"--no-demo"}, nil, func(s Settings) any { return s.Demo() }, false},
		{"and on beside a database", nil, installed("MUSTER_DEMO=true"), func(s Settings) any { return s.Demo() }, true},
		{"the Playground can be turned off", nil, []string{"MUSTER_PLAYGROUND=false"}, func(s Settings) any { return s.Playground }, false},
		{"the public URL follows the port", nil, []string{"MUSTER_ADDR=127.0.0.1:9000"}, func(s Settings) any { return s.PublicURL }, "http://localhost:9000"},
		{"an address in the public URL is fine", nil, []string{"MUSTER_PUBLIC_URL=http://127.0.0.1:9000/"}, func(s Settings) any { return s.PublicURL }, "http://127.0.0.1:9000"},
		{"the public URL is spelled as browsers do", nil, []string{"MUSTER_PUBLIC_URL=HTTPS://Muster.Example:443/"}, func(s Settings) any { return s.PublicURL }, "https://muster.example"},
		{"IPv6 keeps its brackets", nil, []string{"MUSTER_PUBLIC_URL=http://[::1]:9000"}, func(s Settings) any { return s.PublicURL }, "http://[::1]:9000"},
		{"another machine may be served without the demo", nil, []string{"MUSTER_ADDR=:8080", "MUSTER_DEMO=0", "SMTP_URL=smtp://mail"}, func(s Settings) any { return s.Addr }, ":8080"},
		{"proxies as networks and addresses", nil, []string{"MUSTER_TRUSTED_PROXIES=10.1.2.3/8, 192.0.2.7,fd00::/8"}, func(s Settings) any {
			var all []string
			for _, p := range s.TrustedProxies {
				all = append(all, p.String())
			}
			return strings.Join(all, " ")
		}, "10.0.0.0/8 192.0.2.7/32 fd00::/8"},
		{"a secret key with commas and equals signs", nil, []string{"MUSTER_SECRET_KEY==,=" + key}, func(s Settings) any { return s.SecretKey }, "=,=" + key},
		{"characters are counted, not bytes", nil, []string{"MUSTER_SECRET_KEY=" + strings.Repeat("ü", 32)}, func(s Settings) any { return len(s.SecretKey) }, 64},
		{"another role migrates", nil, installed("MUSTER_MIGRATE_URL=postgresql://owner:x@db/muster"), func(s Settings) any { return s.MigrateURL }, "postgresql://owner:x@db/muster"},
		{"levels in capitals", nil, []string{"MUSTER_LOG_LEVEL=DEBUG"}, func(s Settings) any { return s.LogLevel }, "debug"},
	} {
		t.Run(test.about, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.read(parse(t, test.args, test.env)), test.want); diff != "" {
				t.Errorf("(-got +want):\n%s", diff)
			}
		})
	}
}

func TestWrongSettingsAreOneSentence(t *testing.T) {
	t.Parallel()
	// without drops one variable of an installation; an empty one is the same.
	without := func(name string) []string { return installed(name + "=") }
	for _, test := range []struct {
		about string
		args  []string
		env   []string
		want  string // how the sentence begins
	}{
		{"a database without mail", nil, without("SMTP_URL"), "SMTP_URL is required with DATABASE_URL:"},
		{"a database without a public URL", nil, without("MUSTER_PUBLIC_URL"), "MUSTER_PUBLIC_URL is required with DATABASE_URL:"},
		{"a database without a key", nil, without("MUSTER_SECRET_KEY"), "MUSTER_SECRET_KEY is required with DATABASE_URL:"},
		{"a key of 31 characters", nil, []string{"MUSTER_SECRET_KEY=" + key[1:]}, "MUSTER_SECRET_KEY needs at least 32 characters and has 31:"},
		{"a migrating role without a database", nil, []string{"MUSTER_MIGRATE_URL=postgres://x@y/z"}, "MUSTER_MIGRATE_URL is set without DATABASE_URL:"},
		{"another kind of database", nil, installed("DATABASE_URL=mysql://muster:dbpass@db/muster"), "DATABASE_URL is not of the form postgres://"},
		{"a database URL that cannot be read", nil, installed("DATABASE_URL=postgres://muster:dbpass%@db/muster"), "DATABASE_URL is not of the form postgres://"},
		{"another kind of mail server", nil, installed("SMTP_URL=http://user:mailpass@mail"), "SMTP_URL must begin with smtp:// or smtps://"},
		{"a mail URL without a host", nil, installed("SMTP_URL=smtp:mailpass"), "SMTP_URL is no URL of a mail server:"},
		{"events by no URL", nil, installed("EVENTS_URL=eventpass"), "EVENTS_URL is not of the form nats://"},
		{"an SMS provider that is no URL", nil, installed("SMS_URL=mailpass"), "SMS_URL is no URL of a provider:"},
		{"http to the world", nil, installed("MUSTER_PUBLIC_URL=http://muster.example"), "MUSTER_PUBLIC_URL http://muster.example is neither https nor this machine:"},
		{"a public URL with a path", nil, installed("MUSTER_PUBLIC_URL=https://muster.example/app"), "MUSTER_PUBLIC_URL has a path or query in it:"},
		{"a public URL with a query", nil, installed("MUSTER_PUBLIC_URL=https://muster.example/?a=b"), "MUSTER_PUBLIC_URL has a path or query in it:"},
		{"a public URL with a password", nil, installed("MUSTER_PUBLIC_URL=https://user:mailpass@muster.example"), "MUSTER_PUBLIC_URL has a user name or password in it:"},
		{"a public URL without a scheme", nil, installed("MUSTER_PUBLIC_URL=muster.example"), "MUSTER_PUBLIC_URL is not a URL such as"},
		{"a public URL of another scheme", nil, installed("MUSTER_PUBLIC_URL=ftp://muster.example"), "MUSTER_PUBLIC_URL is not a URL such as"},
		{"a public URL with a port out of range", nil, installed("MUSTER_PUBLIC_URL=https://muster.example:70000"), "MUSTER_PUBLIC_URL has no port"},
		{"a public URL in another script", nil, installed("MUSTER_PUBLIC_URL=https://müster.example"), "MUSTER_PUBLIC_URL has a host with other than ASCII"},
		{"every origin", nil, installed("MUSTER_ALLOWED_ORIGINS=*"), "MUSTER_ALLOWED_ORIGINS is not a URL"},
		{"one bad origin among good ones", nil, installed("MUSTER_ALLOWED_ORIGINS=https://a.example,http://b.example"), "MUSTER_ALLOWED_ORIGINS http://b.example is neither"},
		{"the mailbox for everybody", nil, []string{"MUSTER_ADDR=0.0.0.0:8080", "MUSTER_DEMO=false"}, `MUSTER_ADDR "0.0.0.0:8080" is not a loopback address, and without SMTP_URL`},
		{"the demo for everybody", nil, []string{"MUSTER_ADDR=:8080", "SMTP_URL=smtp://mail"}, `MUSTER_ADDR ":8080" is not a loopback address, and the demo`},
		{"the demo of an installation for everybody", nil, installed("MUSTER_ADDR=[::]:8080", "MUSTER_DEMO=yes"), `MUSTER_ADDR "[::]:8080" is not a loopback address, and the demo`},
		{"an address without a port", nil, []string{"MUSTER_ADDR=localhost"}, `MUSTER_ADDR "localhost" is not an address with a port`},
		{"a port alone", nil, []string{"MUSTER_ADDR=8080"}, `MUSTER_ADDR "8080" is not an address with a port`},
		{"a port out of range", nil, []string{"MUSTER_ADDR=localhost:70000"}, `MUSTER_ADDR "localhost:70000" has no port`},
		{"a proxy by name", nil, []string{"MUSTER_TRUSTED_PROXIES=10.0.0.0/8,proxy"}, `MUSTER_TRUSTED_PROXIES has "proxy", which is no network`},
		{"everybody as a proxy", nil, []string{"MUSTER_TRUSTED_PROXIES=0.0.0.0/0"}, `MUSTER_TRUSTED_PROXIES has "0.0.0.0/0", which trusts everybody`},
		{"IPv4 in IPv6's clothes", nil, []string{"MUSTER_TRUSTED_PROXIES=::ffff:10.0.0.0/104"}, `MUSTER_TRUSTED_PROXIES has "::ffff:10.0.0.0/104": write it`},
		{"a sender that is no address", nil, []string{"MUSTER_MAIL_FROM=Muster"}, `MUSTER_MAIL_FROM "Muster" is not an address`},
		{"an IP address that cannot send mail", nil, installed("MUSTER_PUBLIC_URL=https://192.0.2.7"), "MUSTER_MAIL_FROM is required where"},
		{"an unknown log format", nil, []string{"MUSTER_LOG=xml"}, `MUSTER_LOG "xml" is neither text nor json`},
		{"an unknown level", nil, []string{"MUSTER_LOG_LEVEL=loud"}, `MUSTER_LOG_LEVEL "loud" is none of`},
		{"a duration without a unit", nil, []string{"MUSTER_SESSION_IDLE=10"}, "MUSTER_SESSION_IDLE (--session-idle) is wrong: expected duration"},
		{"a negative duration", nil, []string{"MUSTER_STEP_UP=-1s"}, "MUSTER_STEP_UP -1s is not above zero"},
		{"a session that never was", nil, []string{"MUSTER_SESSION_MAX=0s"}, "MUSTER_SESSION_MAX 0s is not above zero"},
		{"an idle time of zero", nil, []string{"MUSTER_SESSION_IDLE=0s"}, "MUSTER_SESSION_IDLE 0s is not above zero"},
		{"idle longer than the whole", nil, []string{"MUSTER_SESSION_MAX=30m"}, "MUSTER_SESSION_IDLE 1h0m0s is longer than MUSTER_SESSION_MAX 30m0s"},
		{"a demo of one", []string{"--demo-members=1"}, nil, "MUSTER_DEMO_MEMBERS 1 is not from 2 to 100000"},
		{"a huge demo", nil, []string{"MUSTER_DEMO_MEMBERS=100001"}, "MUSTER_DEMO_MEMBERS 100001 is not from 2 to 100000"},
		{"a large demo without a demo", []string{"--no-demo", "--demo-members=10000"}, nil, "MUSTER_DEMO_MEMBERS is for the demo, which is off"},
		{"an empty batch", nil, []string{"MUSTER_SWEEP_BATCH=0"}, "MUSTER_SWEEP_BATCH 0 is not from 1 to 10000"},
		{"a huge batch", []string{"--sweep-batch=10001"}, nil, "MUSTER_SWEEP_BATCH 10001 is not from 1 to 10000"},
		{"a retention below nothing", nil, []string{"MUSTER_AUDIT_MONTHS=-1"}, "MUSTER_AUDIT_MONTHS -1 is not from 1 to 1200, nor 0 to keep everything"},
		{"a retention of ages", []string{"--audit-months=1201"}, nil, "MUSTER_AUDIT_MONTHS 1201 is not from 1 to 1200"},
		{"a batch that is no number", nil, []string{"MUSTER_SWEEP_BATCH=many"}, "MUSTER_SWEEP_BATCH (--sweep-batch) is wrong:"},
		{"a demo that is neither", nil, []string{"MUSTER_DEMO=maybe"}, "MUSTER_DEMO (--demo) is wrong:"},
		{"an unknown flag", []string{"--adr=x"}, nil, "unknown flag --adr"},
		{"an unknown command", []string{"server"}, nil, "unexpected argument server"},
		{"code without an address", []string{"code"}, nil, `expected "<email>"`},
	} {
		t.Run(test.about, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			_, err := Parse(test.args, test.env, &stdout)
			if err == nil {
				t.Fatal("accepted, want a refusal")
			}
			if status := Exit(&stderr, err); status != 2 {
				t.Errorf("exit status is %d, want 2", status)
			}
			line := stderr.String()
			if !strings.HasPrefix(line, "muster: "+test.want) {
				t.Errorf("says %q, want it to begin with %q", line, test.want)
			}
			if strings.Count(line, "\n") != 1 || !strings.HasSuffix(line, ".\n") {
				t.Errorf("says %q, want one line that ends with a full stop", line)
			}
			for _, secret := range []string{"dbpass", "mailpass", key[1:]} {
				if strings.Contains(line, secret) {
					t.Errorf("says %q, which holds the secret %q", line, secret)
				}
			}
			if stdout.Len() > 0 {
				t.Errorf("printed %q on stdout, want nothing", stdout.String())
			}
		})
	}
}

func TestMisspelledVariablesAreTold(t *testing.T) {
	t.Parallel()
	got := parse(t, nil, []string{"MUSTER_PUBLIC_URI=x", "MUSTER_ADDR=127.0.0.1:1", "MUSTER_DEMOO=", "OTHER=1"}).Warnings
	want := []string{
		"MUSTER_DEMOO is not a setting of Muster and does nothing: see muster --help.",
		"MUSTER_PUBLIC_URI is not a setting of Muster and does nothing: see muster --help.",
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("warnings (-got +want):\n%s", diff)
	}
}

func TestOriginsAndCookie(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		about  string
		env    []string
		want   []string
		cookie string
	}{
		{"a first run has its twins", nil, []string{"http://localhost:8080", "http://127.0.0.1:8080", "http://[::1]:8080"}, "muster"},
		{
			"an address in the URL comes first",
			[]string{"MUSTER_PUBLIC_URL=http://127.0.0.1:9000"},
			[]string{"http://127.0.0.1:9000", "http://localhost:9000", "http://[::1]:9000"},
			"muster",
		},
		{
			"a name below localhost too",
			[]string{"MUSTER_PUBLIC_URL=http://muster.localhost:80"},
			[]string{"http://muster.localhost", "http://localhost", "http://127.0.0.1", "http://[::1]"},
			"muster",
		},
		{
			"an installation has itself and the allowed, each once",
			installed("MUSTER_ALLOWED_ORIGINS=https://Admin.example/, https://muster.example,,http://localhost:3000"),
			[]string{"https://muster.example", "https://admin.example", "http://localhost:3000"},
			"__Host-muster",
		},
	} {
		t.Run(test.about, func(t *testing.T) {
			t.Parallel()
			s := parse(t, nil, test.env)
			if diff := cmp.Diff(s.Origins(), test.want); diff != "" {
				t.Errorf("Origins (-got +want):\n%s", diff)
			}
			if got := s.CookieName(); got != test.cookie {
				t.Errorf("CookieName is %q, want %q", got, test.cookie)
			}
		})
	}
}

func TestListeningFillsTheFreePort(t *testing.T) {
	t.Parallel()
	addr := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 45678}
	if got, want := parse(t, nil, []string{"MUSTER_ADDR=127.0.0.1:0"}).Listening(addr).PublicURL, "http://localhost:45678"; got != want {
		t.Errorf("PublicURL is %q, want %q", got, want)
	}
	if got, want := parse(t, nil, installed()).Listening(addr).PublicURL, "https://muster.example"; got != want {
		t.Errorf("PublicURL is %q, want the one that was given, %q", got, want)
	}
}

func TestLogger(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ about, env, want string }{
		{"no terminal: JSON", "", `"msg":"told"`},
		{"asked for text", "MUSTER_LOG=text", "msg=told"},
		{"asked for JSON", "MUSTER_LOG=json", `"msg":"told"`},
	} {
		t.Run(test.about, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			log := parse(t, nil, []string{test.env, "MUSTER_LOG_LEVEL=warn"}).Logger(&out)
			log.Info("left out")
			log.Warn("told", slog.Int("n", 1))
			if got := out.String(); !strings.Contains(got, test.want) || strings.Contains(got, "left out") {
				t.Errorf("logged %q, want %s and nothing below warn", got, test.want)
			}
		})
	}
}

func TestHelpPrintsEverySetting(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--help"}, {"-h"}, {"code", "--help"}, {"--help", "--nonsense"}} {
		var stdout, stderr bytes.Buffer
		// Help is given also where the environment is wrong: that is when it is needed.
		_, err := Parse(args, []string{"MUSTER_SWEEP_BATCH=many"}, &stdout)
		if args[len(args)-1] == "--nonsense" {
			if Exit(&stderr, err) != 2 {
				t.Errorf("%q: exit status is not 2: %v", args, err)
			}
			continue
		}
		if !errors.Is(err, ErrHelp) || Exit(&stderr, err) != 0 || stderr.Len() > 0 {
			t.Fatalf("%q: %v and %q on stderr, want ErrHelp, status 0 and nothing", args, err, stderr.String())
		}
		for _, variable := range []string{
			"DATABASE_URL", "MUSTER_MIGRATE_URL", "EVENTS_URL", "MUSTER_ADDR", "MUSTER_PUBLIC_URL", "MUSTER_DATA_DIR", "MUSTER_DEMO",
			"MUSTER_SECRET_KEY", "SMTP_URL", "MUSTER_MAIL_FROM", "SMS_URL", "MUSTER_ALLOWED_ORIGINS",
			"MUSTER_TRUSTED_PROXIES", "MUSTER_PLAYGROUND", "MUSTER_SSO_ALLOW_PRIVATE", "MUSTER_LOG", "MUSTER_LOG_LEVEL",
			"MUSTER_SESSION_IDLE", "MUSTER_SESSION_MAX", "MUSTER_STEP_UP", "MUSTER_SWEEP_BATCH", "MUSTER_AUDIT_MONTHS",
		} {
			if !strings.Contains(stdout.String(), "\n  "+variable+", --") {
				t.Errorf("%q: help lacks %s", args, variable)
			}
			if !strings.Contains(Table(), "| `"+variable+"` |") {
				t.Errorf("the table lacks %s", variable)
			}
		}
	}
}

// TestReadmeHasTheTable compares the README with the struct. To mend it, put Table's text, which the failure prints,
// between the two markers.
func TestReadmeHasTheTable(t *testing.T) {
	t.Parallel()
	_, rest, begun := strings.Cut(string(read(t, "README.md")), "<!-- settings -->\n")
	table, _, ended := strings.Cut(rest, "<!-- /settings -->")
	if !begun || !ended {
		t.Fatal("README.md lacks the markers <!-- settings --> and <!-- /settings -->")
	}
	if diff := cmp.Diff(strings.TrimSpace(table), strings.TrimSpace(Table())); diff != "" {
		t.Errorf("README.md's settings table (-got +want):\n%s\nIt should be:\n%s", diff, Table())
	}
}
