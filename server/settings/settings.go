// Package settings reads what an operator may choose about Muster, from the environment and from flags, into one
// struct, checks it as a whole, and prints the table of it. A flag wins over its environment variable; an empty
// variable counts as absent, so that Compose files may pass optional ones through.
//
// It refuses to guess: a wrong setting is one sentence that names the variable and what to do, and the server does not
// start. Such a sentence never repeats a value that may hold a secret. It opens nothing and connects to nobody.
package settings

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// Command is what the program was asked to do.
type Command string

const (
	// Serve runs the server. It is what a call without a command means.
	Serve Command = "serve"
	// Code prints the current authenticator code of the demo account in [Settings.CodeEmail] and ends.
	Code Command = "code"
	// ResetTwoFactor resets the second factor of [BreakGlass.User] and ends.
	ResetTwoFactor Command = "reset-2fa"
	// SetEmail gives [BreakGlass.User], which has no address, that of [BreakGlass.Email] and ends.
	SetEmail Command = "set-email"
	// CreateOwner makes somebody an owner of [BreakGlass.Organization] and ends.
	CreateOwner Command = "create-owner"
)

// BreakGlass is what the commands take that help when nobody inside can any more.
type BreakGlass struct {
	User  string // of reset-2fa and set-email: an address, or the id of the account
	Force bool

	Email              string // of set-email and create-owner
	Organization, Name string // of create-owner
}

// ErrHelp is what [Parse] answers when the help was asked for and has been printed: end with status 0.
var ErrHelp = errors.New("help was asked for")

// Settings is every setting. The zero value is not usable: take it from [Parse], which fills the defaults and checks
// each value. The tags are the only source of the help, the README's table and the reading itself.
type Settings struct {
	// Command is what to do; CodeEmail is the account that [Code] asks about, empty otherwise.
	Command   Command `kong:"-"`
	CodeEmail string  `kong:"-"`
	// BreakGlass is what [ResetTwoFactor], [SetEmail] and [CreateOwner] take.
	BreakGlass BreakGlass `kong:"-"`
	// Warnings are sentences to log at start: environment variables that look like settings and are none.
	Warnings []string `kong:"-"`

	// DatabaseURL holds a password; empty means the embedded PostgreSQL.
	DatabaseURL string `name:"database-url" setting:"DATABASE_URL" placeholder:"URL" initial:"none: PostgreSQL of its own, under the data directory" help:"PostgreSQL to serve from, postgres://user:password@host:5432/name. With it, SMTP_URL, MUSTER_PUBLIC_URL and MUSTER_SECRET_KEY are required."`
	// MigrateURL is never empty when DatabaseURL is set.
	MigrateURL string `name:"migrate-url" setting:"MUSTER_MIGRATE_URL" placeholder:"URL" initial:"DATABASE_URL" help:"The same database as the role that owns the tables; used to migrate and for nothing else."`
	// EventsURL holds a password; empty means PostgreSQL's NOTIFY.
	EventsURL string `name:"events-url" setting:"EVENTS_URL" placeholder:"URL" initial:"none: PostgreSQL's NOTIFY" help:"NATS to carry wake-ups between instances, nats://user:password@host:4222,host2:4222 (tls:// encrypts; ?prefix=NAME where several Musters share it). The same for all instances and for commands."`
	// Addr is host:port to listen on; port 0 takes a free one.
	Addr string `name:"addr" setting:"MUSTER_ADDR" placeholder:"HOST:PORT" default:"127.0.0.1:8080" help:"Address to listen on. The demo and the mailbox need a loopback address."`
	// PublicURL is an origin without a trailing slash, lower case, without a default port.
	PublicURL string `name:"public-url" setting:"MUSTER_PUBLIC_URL" placeholder:"URL" initial:"http://localhost with the port of MUSTER_ADDR" help:"Where people reach Muster; links in emails begin with it. https, or http on this machine."`
	// DataDir is used only by the embedded PostgreSQL, which keeps the generated secret key there too.
	DataDir string `name:"data-dir" setting:"MUSTER_DATA_DIR" placeholder:"DIR" default:".muster" help:"Where the embedded PostgreSQL and its secret key live. Unused with DATABASE_URL."`
	// DemoWish is nil when nobody asked; [Settings.Demo] answers.
	DemoWish *bool `name:"demo" setting:"MUSTER_DEMO" initial:"true without DATABASE_URL, else false" negatable:"" help:"Seed a demo organization into an empty database and print its accounts."`
	// DemoMembers is how many members a second, large organization of the demo gets, 2 to 100000; 0 for none.
	DemoMembers int `name:"demo-members" setting:"MUSTER_DEMO_MEMBERS" placeholder:"N" default:"0" help:"Add a second organization with so many members to the demo, 2 to 100000, to try the screens with; 0 for none."`
	// SecretKey is empty only with the embedded PostgreSQL, where a key is generated and kept.
	SecretKey string `name:"secret-key" setting:"MUSTER_SECRET_KEY" placeholder:"KEY" initial:"generated and kept in the data directory" help:"Seals authenticator seeds; at least 32 characters, such as from openssl rand -base64 32. Losing it loses every authenticator."`
	// SMTPURL holds a password; empty means the development mailbox.
	SMTPURL string `name:"smtp-url" setting:"SMTP_URL" placeholder:"URL" initial:"none: emails appear on the mailbox page" help:"Mail server, smtp://user:password@host:587 (?starttls=require insists on encryption) or smtps://user:password@host:465."`
	// MailFrom is an RFC 5322 address, with or without a display name.
	MailFrom string `name:"mail-from" setting:"MUSTER_MAIL_FROM" placeholder:"ADDRESS" initial:"muster@ and the host of MUSTER_PUBLIC_URL" help:"Sender of every email."`
	// SMSURL holds a password; see [Settings.SMSEnabled].
	SMSURL string `name:"sms-url" setting:"SMS_URL" placeholder:"URL" initial:"none: off, or the mailbox page where there is one" help:"Provider of text messages, twilio://SID:TOKEN@api.twilio.com?from=NUMBER or a signed webhook, https://host/path?secret=SECRET."`
	// AllowedOrigins are normalised as PublicURL is; see [Settings.Origins] for the whole list.
	AllowedOrigins []string `name:"allowed-origins" setting:"MUSTER_ALLOWED_ORIGINS" placeholder:"ORIGIN,…" initial:"none" help:"Other web pages that may call the API, separated by commas: https://admin.example.com."`
	// TrustedProxies are the networks whose X-Forwarded-For is believed.
	TrustedProxies Prefixes `name:"trusted-proxies" setting:"MUSTER_TRUSTED_PROXIES" placeholder:"CIDR,…" initial:"none" help:"Networks of your reverse proxies, separated by commas: only they may say whom they forward, by X-Forwarded-For."`
	// Playground also decides about introspection.
	Playground bool `name:"playground" setting:"MUSTER_PLAYGROUND" default:"true" negatable:"" help:"Serve the Playground and answer introspection."`
	// SSOAllowPrivate lifts the ban on dialling private addresses at a sign-on provider.
	SSOAllowPrivate bool `name:"sso-allow-private" setting:"MUSTER_SSO_ALLOW_PRIVATE" default:"false" negatable:"" help:"Let single sign-on providers live on private addresses, and on http on this machine. Each organization's owner then reaches your network through Muster."`
	// Log is text, json or empty; [Settings.Logger] decides about empty.
	Log string `name:"log" setting:"MUSTER_LOG" placeholder:"text|json" initial:"text on a terminal, else json" help:"Format of the log on stderr."`
	// LogLevel is debug, info, warn or error.
	LogLevel string `name:"log-level" setting:"MUSTER_LOG_LEVEL" placeholder:"LEVEL" default:"info" help:"Least level to log: debug, info, warn or error."`
	// SessionIdle is how long a session lives without a request; above zero, at most SessionMax.
	SessionIdle time.Duration `name:"session-idle" setting:"MUSTER_SESSION_IDLE" placeholder:"DURATION" default:"1h" help:"A session ends after this long without a request."`
	// SessionMax is how long a session lives at most; above zero.
	SessionMax time.Duration `name:"session-max" setting:"MUSTER_SESSION_MAX" placeholder:"DURATION" default:"24h" help:"A session ends this long after its sign-in, used or not."`
	// StepUp is how long a session stays fresh; above zero.
	StepUp time.Duration `name:"step-up" setting:"MUSTER_STEP_UP" placeholder:"DURATION" default:"10m" help:"How long after a proof of its owner a session may change factors, the requirement, single sign-on and who is an owner."`
	// SweepBatch is how many members a sweep removes in one transaction at most, 1 to 10000.
	SweepBatch int `name:"sweep-batch" setting:"MUSTER_SWEEP_BATCH" placeholder:"N" default:"500" help:"Members that a sweep removes in one transaction at most, 1 to 10000."`

	// AuditMonths is how many months of the audit logs are kept at least; 0 keeps all of them.
	AuditMonths int `name:"audit-months" setting:"MUSTER_AUDIT_MONTHS" placeholder:"N" default:"0" help:"Months for which audit logs are kept at least; whole months older than that are dropped for good. 0 keeps everything."`

	// derived remembers that PublicURL was made from Addr, and mailFromDerived that MailFrom was made from PublicURL.
	derived         bool
	mailFromDerived bool
}

// commands is what kong reads: the settings, valid for every command, and the commands.
type commands struct {
	Settings
	Serve struct{} `cmd:"" default:"1" help:"Run the server."`
	Code  struct {
		Email string `arg:"" help:"Email address of a demo account."`
	} `cmd:"" help:"Print the current authenticator code of a demo account."`
	ResetTwoFactor struct {
		User  string `required:"" placeholder:"EMAIL|ID" help:"Address or id of the account."`
		Force bool   `help:"Turn the requirement off where the account is the last owner who meets it."`
	} `cmd:"" name:"reset-2fa" help:"Remove an account's authenticators and recovery codes, and end its sessions."`
	SetEmail struct {
		User  string `required:"" placeholder:"ID" help:"Id of the account."`
		Email string `required:"" placeholder:"EMAIL" help:"Its address from now on: make sure that it is the person's."`
	} `cmd:"" help:"Give an account that has no address one, for who is locked out of it."`
	CreateOwner struct {
		Organization string `required:"" placeholder:"SLUG" help:"Short name of the organization; created where there is none."`
		Email        string `required:"" placeholder:"EMAIL" help:"Address of the account; created where there is none."`
		Name         string `required:"" placeholder:"NAME" help:"The person's name, for a new account."`
	} `cmd:"" help:"Make somebody an owner of an organization."`
}

// Prefixes are networks, read from a list of CIDRs and single addresses separated by commas.
type Prefixes []netip.Prefix

// UnmarshalText reads a list such as "10.0.0.0/8, 192.0.2.7". A network of everybody (/0) is refused: it would let any
// client choose its own address.
func (p *Prefixes) UnmarshalText(text []byte) error {
	*p = nil
	for item := range strings.SplitSeq(string(text), ",") {
		item = strings.TrimSpace(item)
		if item == "" {
			continue
		}
		prefix, err := netip.ParsePrefix(item)
		if addr, single := netip.ParseAddr(item); err != nil && single == nil && addr.Zone() == "" {
			prefix, err = addr.Prefix(addr.BitLen())
		}
		switch {
		case err != nil:
			return wrong("MUSTER_TRUSTED_PROXIES has %q, which is no network such as 10.0.0.0/8.", item)
		case prefix.Addr().Is4In6():
			return wrong("MUSTER_TRUSTED_PROXIES has %q: write it as an IPv4 network.", item)
		case prefix.Bits() == 0:
			return wrong("MUSTER_TRUSTED_PROXIES has %q, which trusts everybody: name the networks of your proxies.", item)
		}
		*p = append(*p, prefix.Masked())
	}
	return nil
}

// problem is a wrong setting, told in one sentence for the operator.
type problem struct{ sentence string }

func (p *problem) Error() string { return p.sentence }

// wrong makes a problem. Never pass it a value that may hold a secret.
func wrong(format string, args ...any) error { return &problem{fmt.Sprintf(format, args...)} }

// Parse reads flags (without the program's name) and the environment ("NAME=value", as [os.Environ] gives it), fills
// the defaults and checks everything. Help, when asked for, goes to stdout and answers [ErrHelp]. Any other error is
// one sentence for the operator; [Exit] prints it.
func Parse(args, environ []string, stdout io.Writer) (Settings, error) {
	env := environment(environ)
	var c commands
	var helped bool
	parser, err := newParser(&c, stdout, env, &helped)
	if err != nil {
		return Settings{}, fmt.Errorf("prepare the settings: %w", err)
	}
	parsed, err := parser.Parse(args)
	if helped {
		return Settings{}, ErrHelp
	}
	if err != nil {
		return Settings{}, clear(parser, err)
	}
	s := c.Settings
	s.Command = Command(strings.Fields(parsed.Command())[0])
	s.CodeEmail = c.Code.Email
	s.BreakGlass = BreakGlass{
		User: c.ResetTwoFactor.User, Force: c.ResetTwoFactor.Force,
		Organization: c.CreateOwner.Organization, Email: c.CreateOwner.Email, Name: c.CreateOwner.Name,
	}
	if s.Command == SetEmail {
		s.BreakGlass.User, s.BreakGlass.Email = c.SetEmail.User, c.SetEmail.Email
	}
	s.Warnings = unknown(parser, env)
	if err := s.check(); err != nil {
		return Settings{}, err
	}
	return s, nil
}

// Exit turns the error of [Parse] into the program's exit status, and prints it as one line: 0 for nil and for
// [ErrHelp], 2 for a wrong setting.
func Exit(stderr io.Writer, err error) int {
	if err == nil || errors.Is(err, ErrHelp) {
		return 0
	}
	line := strings.Join(strings.Fields(err.Error()), " ")
	// Nobody is left to tell when stderr itself fails; the status says it.
	_, _ = fmt.Fprintln(stderr, "muster: "+line)
	return 2
}

func newParser(c *commands, stdout io.Writer, env map[string]string, helped *bool) (*kong.Kong, error) {
	return kong.New(
		c,
		kong.Name("muster"),
		kong.Description("Require two-factor authentication of an organization, and see live who passes muster."),
		kong.Writers(stdout, stdout),
		kong.Help(func(_ kong.HelpOptions, ctx *kong.Context) error { return printHelp(stdout, ctx.Model) }),
		// kong ends the process after its help; a parser that tests call may not.
		kong.Exit(func(int) { *helped = true }),
		kong.Resolvers(kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
			if value := env[flag.Tag.Get("setting")]; value != "" {
				return value, nil
			}
			return nil, nil
		})),
	)
}

func environment(environ []string) map[string]string {
	env := make(map[string]string, len(environ))
	for _, entry := range environ {
		if name, value, ok := strings.Cut(entry, "="); ok {
			env[name] = value
		}
	}
	return env
}

// unknown warns of environment variables with our prefix that nothing reads: most likely misspelled.
func unknown(parser *kong.Kong, env map[string]string) []string {
	known := map[string]bool{}
	for _, flag := range parser.Model.Flags {
		known[flag.Tag.Get("setting")] = true
	}
	var warnings []string
	for _, name := range sortedKeys(env) {
		if strings.HasPrefix(name, "MUSTER_") && !known[name] {
			warnings = append(warnings, name+" is not a setting of Muster and does nothing: see muster --help.")
		}
	}
	return warnings
}

// flagInError finds the flag that kong's message begins with, as "--name", "--name=PLACEHOLDER" or "--[no-]name".
var flagInError = regexp.MustCompile(`^--(?:\[no-\])?([a-z0-9-]+)\S*: (.+)$`)

// clear makes one sentence of kong's error that names the variable, whichever way the value came.
func clear(parser *kong.Kong, err error) error {
	var told *problem
	if errors.As(err, &told) {
		return told
	}
	text := err.Error()
	if parts := flagInError.FindStringSubmatch(text); parts != nil {
		for _, flag := range parser.Model.Flags {
			if flag.Name == parts[1] {
				return wrong("%s (--%s) is wrong: %s.", flag.Tag.Get("setting"), flag.Name, parts[2])
			}
		}
	}
	return wrong("%s; see muster --help.", text)
}
