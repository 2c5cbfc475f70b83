package web

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// ClientAddress is the client's address. It is the connection's own, unless that belongs to a trusted proxy: then it is
// the rightmost address of X-Forwarded-For that does not, because everything left of it was written by a stranger. An
// entry that is no address ends the search at the last proxy that vouched. IPv4 inside IPv6 becomes IPv4, zones are
// dropped. The zero Addr where the connection has none, such as a Unix socket.
func ClientAddress(r *http.Request, trusted []netip.Prefix) netip.Addr {
	client, ok := parseAddress(r.RemoteAddr)
	if !ok {
		return netip.Addr{}
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		if !within(client, trusted) {
			return client
		}
		before, ok := parseAddress(strings.TrimSpace(hop))
		if !ok {
			return client
		}
		client = before
	}
	return client
}

// parseAddress reads an address with or without a port, as RemoteAddr has one and some proxies write one.
func parseAddress(text string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err != nil {
		withPort, err := netip.ParseAddrPort(text)
		if err != nil {
			return netip.Addr{}, false
		}
		addr = withPort.Addr()
	}
	return addr.Unmap().WithZone(""), true
}

func within(addr netip.Addr, networks []netip.Prefix) bool {
	return slices.ContainsFunc(networks, func(network netip.Prefix) bool { return network.Contains(addr) })
}

// LoopbackHost reports whether a host, with or without a port, names this machine itself: localhost, a name below
// .localhost (RFC 6761 §6.3), or a loopback address. A name that merely begins like one (127.0.0.1.example.com) does not.
func LoopbackHost(hostport string) bool {
	host := hostport
	if name, _, err := net.SplitHostPort(hostport); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if inner, open := strings.CutPrefix(host, "["); open {
		var closed bool
		if host, closed = strings.CutSuffix(inner, "]"); !closed {
			return false
		}
	}
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return !strings.ContainsFunc(host, notInName)
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// notInName says of a character that no host's name has it. What is no name is nobody's, and how others read it is not known.
func notInName(r rune) bool {
	return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '.' && r != '_'
}

// LoopbackOnly answers only requests whose Host names this machine, and 403 to others. A page of another site can make
// its own name resolve to 127.0.0.1 (DNS rebinding) and so reach a server that listens on loopback only; the Host that
// its requests carry is still its own name.
func LoopbackOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !LoopbackHost(r.Host) {
			http.Error(w, "This page answers only on the machine that Muster runs on: open it by http://localhost.", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}
