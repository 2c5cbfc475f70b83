package settings

import (
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"muster/server/web"
)

// Embedded reports whether Muster runs a PostgreSQL of its own, because no DATABASE_URL was given.
func (s Settings) Embedded() bool { return s.DatabaseURL == "" }

// Demo reports whether to seed the demo organization: as asked, else exactly when the database is embedded.
func (s Settings) Demo() bool {
	if s.DemoWish != nil {
		return *s.DemoWish
	}
	return s.Embedded()
}

// Mailbox reports whether emails go to the development mailbox and its page exists: only without SMTP_URL, which an
// installation with DATABASE_URL cannot be.
func (s Settings) Mailbox() bool { return s.SMTPURL == "" }

// SMSEnabled reports whether text messages can be sent: through SMS_URL, or to the development mailbox.
func (s Settings) SMSEnabled() bool { return s.SMSURL != "" || s.Mailbox() }

// Secure reports whether people reach Muster by https; the session's cookie is then Secure and bound to the host.
func (s Settings) Secure() bool { return strings.HasPrefix(s.PublicURL, "https://") }

// CookieName is the session cookie's name: with the __Host- prefix on https (RFC 6265bis §4.1.3.2: Secure, no Domain,
// Path=/), a plain one on http, where some browsers drop Secure cookies even from localhost.
func (s Settings) CookieName() string {
	if s.Secure() {
		return "__Host-muster"
	}
	return "muster"
}

// Origins are the web origins whose pages may use a session's cookie and read answers: the public URL first, its
// localhost, 127.0.0.1 and [::1] twins where it is a loopback one (people type each), then the allowed ones. Each stands
// once, spelled as a browser spells it.
func (s Settings) Origins() []string {
	origins := []string{s.PublicURL}
	if u, err := url.Parse(s.PublicURL); err == nil && web.LoopbackHost(u.Host) {
		port := ""
		if u.Port() != "" {
			port = ":" + u.Port()
		}
		for _, host := range []string{"localhost", "127.0.0.1", "[::1]"} {
			origins = append(origins, u.Scheme+"://"+host+port)
		}
	}
	origins = append(origins, s.AllowedOrigins...)
	var once []string
	for _, origin := range origins {
		if !slices.Contains(once, origin) {
			once = append(once, origin)
		}
	}
	return once
}

// Listening is s once the listener is known: where MUSTER_ADDR asked for any free port (0) and no MUSTER_PUBLIC_URL was
// given, the public URL gets the port that it was.
func (s Settings) Listening(addr net.Addr) Settings {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok || !s.derived {
		return s
	}
	s.PublicURL = localURL(strconv.Itoa(tcp.Port))
	return s
}

// Logger writes the log to w in the format and from the level that were asked for; without a wish, text on a terminal
// and JSON everywhere else. Each line that is logged with a request's context carries its request id.
func (s Settings) Logger(w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: s.level()}
	text := s.Log == "text"
	if s.Log == "" {
		text = terminal(w)
	}
	if text {
		return slog.New(web.LogHandler(slog.NewTextHandler(w, options)))
	}
	return slog.New(web.LogHandler(slog.NewJSONHandler(w, options)))
}

// terminal reports whether w is a character device, which a person most likely looks at.
func terminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// localURL names localhost and no address: security keys need a name.
func localURL(port string) string {
	if port == "80" {
		return "http://localhost"
	}
	return "http://localhost:" + port
}

// senderAt is the sender that the host of a public URL stands for.
func senderAt(publicURL string) string {
	host := "localhost"
	if u, err := url.Parse(publicURL); err == nil && !web.LoopbackHost(u.Host) {
		host = u.Hostname()
	}
	if _, err := netip.ParseAddr(host); err == nil {
		// An address as a mail domain is a literal in brackets (RFC 5321 §4.1.3), which few servers take: ask instead.
		host = ""
	}
	return "Muster <muster@" + host + ">"
}

// normalOrigin checks that raw is scheme, host and perhaps a port, reached by https or on this machine, and spells it as
// browsers send it in Origin (RFC 6454 §6.2): lower case, no default port, no slash.
func normalOrigin(name, raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		// Not repeated: what cannot be read may hold a password.
		return "", wrong("%s is not a URL such as https://muster.example.com.", name)
	}
	if u.User != nil {
		return "", wrong("%s has a user name or password in it: write only https://host or https://host:port.", name)
	}
	if u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return "", wrong("%s has a path or query in it: write only https://host or https://host:port.", name)
	}
	host := strings.ToLower(u.Hostname())
	for _, c := range host {
		if c > 127 {
			return "", wrong("%s has a host with other than ASCII characters: write it in its xn-- form.", name)
		}
	}
	port := u.Port()
	if port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return "", wrong("%s has no port from 1 to 65535.", name)
		}
	}
	if u.Scheme == "http" && !web.LoopbackHost(u.Host) {
		return "", wrong("%s %s://%s is neither https nor this machine: passwords would cross the network in the clear, so put a proxy with https in front.", name, u.Scheme, u.Host)
	}
	if port == "80" && u.Scheme == "http" || port == "443" && u.Scheme == "https" {
		port = ""
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port != "" {
		host += ":" + port
	}
	return u.Scheme + "://" + host, nil
}
