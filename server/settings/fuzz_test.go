package settings

import (
	"io"
	"net/url"
	"strings"
	"testing"
)

// FuzzParse: whatever stands in the settings that hold URLs, they are refused in one line that repeats no password, or
// taken in a form in which they can be compared.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "https://muster.example", "https://muster.example:443/", "http://localhost:8080", "http://[::1]:8080", "https://user:canary-password@x.example", "postgres://u:canary-password@h/d",
		"postgres://u:canary-password@h:99999/d", "smtp://u:canary-password@h:25", "smtps://h", "twilio://sid:canary-password@api.twilio.com?from=+1", "https://h/?secret=canary-password",
		"10.0.0.0/8", "::/0", "https://a.example,https://b.example", "https://a.example%", "\x00", "https://\xff", "https://xn--", "HTTPS://A.EXAMPLE.", " https://a.example ",
	} {
		f.Add(seed, seed, seed, seed, seed, seed)
	}
	f.Fuzz(func(t *testing.T, database, public, smtp, sms, origins, proxies string) {
		s, err := Parse(nil, []string{
			"DATABASE_URL=" + database, "MUSTER_PUBLIC_URL=" + public, "SMTP_URL=" + smtp, "SMS_URL=" + sms, "MUSTER_ALLOWED_ORIGINS=" + origins,
			"MUSTER_TRUSTED_PROXIES=" + proxies, "MUSTER_SECRET_KEY=" + strings.Repeat("k", 32),
		}, io.Discard)
		if err != nil {
			said := err.Error()
			for _, secret := range []string{"canary-password", strings.Repeat("k", 32)} {
				// The public URL, origins and proxies hold no secret of ours: those may be repeated.
				if strings.Contains(said, secret) && !strings.Contains(public+origins+proxies, secret) {
					t.Errorf("the sentence repeats a secret: %s", said)
				}
			}
			return
		}
		u, err := url.Parse(s.PublicURL)
		if err != nil || u.Scheme+"://"+u.Host != s.PublicURL || strings.ToLower(s.PublicURL) != s.PublicURL || u.Scheme != "https" && u.Scheme != "http" {
			t.Errorf("the public URL %q was taken as %q", public, s.PublicURL)
		}
		for _, origin := range s.Origins() {
			if u, err := url.Parse(origin); err != nil || u.Scheme+"://"+u.Host != origin || u.User != nil {
				t.Errorf("the origins %q were taken as %q", origins, origin)
			}
		}
		for _, network := range s.TrustedProxies {
			if network.Bits() == 0 || network != network.Masked() {
				t.Errorf("the proxies %q were taken as %v", proxies, network)
			}
		}
	})
}
