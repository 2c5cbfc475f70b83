package provider

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// The bounds of one request to a provider.
const (
	maxAnswer    = 64 << 10 // bytes of a body; real documents and key sets have some kilobytes, and their keys are kept
	maxTime      = 5 * time.Second
	maxRedirects = 3
)

// newHTTP makes the client that all requests go through: https, to public addresses, bounded in redirects, size and time,
// without cookies, and never by the environment's proxy, behind which addresses could not be checked.
func newHTTP(private bool) *http.Client {
	dialer := &net.Dialer{Timeout: maxTime, Control: func(_, address string, _ syscall.RawConn) error {
		// Asked of the address that is about to be dialled, after DNS: a name cannot change its mind in between.
		return checkAddress(address, private)
	}}
	transport := &http.Transport{
		DialContext: dialer.DialContext, TLSHandshakeTimeout: maxTime, ResponseHeaderTimeout: maxTime, ForceAttemptHTTP2: true,
		MaxResponseHeaderBytes: 64 << 10, MaxIdleConns: 20, MaxIdleConnsPerHost: 2, IdleConnTimeout: 30 * time.Second,
	}
	return &http.Client{
		Transport: bounded{next: transport, private: private}, Timeout: maxTime,
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			first := via[0]
			switch {
			case first.Method != http.MethodGet:
				return errors.New("the provider redirects what carries the client's secret")
			case len(via) > maxRedirects:
				return fmt.Errorf("the provider redirects more than %d times", maxRedirects)
			case r.URL.Host != first.URL.Host:
				return errors.New("the provider redirects to another host")
			}
			return nil
		},
	}
}

// bounded refuses URLs that must not be asked and bodies that are too large.
type bounded struct {
	next    http.RoundTripper
	private bool
}

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := checkURL(r.URL.String(), b.private); err != nil {
		return nil, err
	}
	response, err := b.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	response.Body = &body{ReadCloser: response.Body, left: maxAnswer}
	return response, nil
}

type body struct {
	io.ReadCloser
	left int64
}

// errLarge is no end of file: what was cut short must not be taken for the whole.
var errLarge = fmt.Errorf("the provider's answer has more than %d bytes", maxAnswer)

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, errLarge
	}
	return n, err
}

// checkURL takes https, and where private addresses are allowed http on this machine.
func checkURL(raw string, private bool) error {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "" || u.User != nil:
		return errors.New("the provider's document has an address that is none")
	case u.Scheme == "https", u.Scheme == "http" && private && Loopback(u.Hostname()):
		return nil
	}
	return errors.New("the provider's document has an address that is not https")
}

// Loopback says whether a URL's host is this machine, by name or address.
func Loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// checkAddress refuses what is not on the public internet.
func checkAddress(address string, private bool) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("the provider's address cannot be read: %w", err)
	}
	if private || public(at.Addr()) {
		return nil
	}
	return errors.New("the provider is on a private address; MUSTER_SSO_ALLOW_PRIVATE=true allows that")
}

// special are the blocks that IANA's special-purpose registries (RFC 6890) do not call globally reachable, and those that
// carry an IPv4 address inside, which could be any.
var special = func() []netip.Prefix {
	var all []netip.Prefix
	for _, s := range strings.Fields(`0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24
192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/3 2001::/23 2001:db8::/32 2002::/16 3fff::/20`) {
		all = append(all, netip.MustParsePrefix(s))
	}
	return all
}()

// globalIPv6 is the only block that IPv6 addresses of the public internet come from (RFC 4291, section 2.5.4, as IANA
// assigns it): loopback, link-local, unique local, mapped and translated ones are outside.
var globalIPv6 = netip.MustParsePrefix("2000::/3")

func public(ip netip.Addr) bool {
	ip = ip.Unmap()
	if ip.Is6() && !globalIPv6.Contains(ip) {
		return false
	}
	for _, block := range special {
		if block.Contains(ip.WithZone("")) {
			return false
		}
	}
	return true
}
