package transport

import (
	"net/http"
	"net/netip"
	"time"
)

// crowd counts the sockets by where they come from, and whose they are, so that one network, one account, or many sockets
// that never say whose they are, leave room for everybody else. It is guarded by the transport's mutex; its zero value is ready.
type crowd struct {
	networks  map[netip.Prefix]int
	strangers map[netip.Prefix]int // those among them without a session
	unknown   int                  // those without a session, of all networks
	accounts  map[string]int       // those of an account by all its sessions, of an organization by all its service tokens
	running   map[string]int       // the operations on those
}

// enter counts a socket by its account, "" for one that is nobody's.
func (c *crowd) enter(s *socket, account string) {
	if s.account = account; account == "" {
		return
	}
	if c.accounts == nil {
		c.accounts = map[string]int{}
	}
	c.accounts[account]++
}

// begin counts an operation by its socket's account, unless that runs as many as one may. Nobody's are bounded by socket.
func (t *WebSocket) begin(s *socket) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.account == "" {
		return true
	}
	if t.crowd.running[s.account] >= t.MaxAccountOperations {
		return false
	}
	if t.crowd.running == nil {
		t.crowd.running = map[string]int{}
	}
	t.crowd.running[s.account]++
	return true
}

// ended takes back what begin has counted.
func (t *WebSocket) ended(s *socket) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.account == "" {
		return
	}
	if t.crowd.running[s.account]--; t.crowd.running[s.account] == 0 {
		delete(t.crowd.running, s.account)
	}
}

// networks are what a client's address is counted by: an IPv4 address by itself, because what shares it is one building
// at most; of an IPv6 address the /64, which is what a device or a flat gets, and the /48, which a whole site gets and
// from which it could make 65,536 of the former. An address of this machine is counted by nothing: whoever is on it
// has other means, and a proxy that is not among the trusted ones would be everybody.
func networks(client netip.Addr) []netip.Prefix {
	client = client.Unmap().WithZone("")
	switch {
	case !client.IsValid() || client.IsLoopback():
		return nil
	case client.Is4():
		return []netip.Prefix{netip.PrefixFrom(client, 32)}
	}
	return []netip.Prefix{netip.PrefixFrom(client, 64).Masked(), netip.PrefixFrom(client, 48).Masked()}
}

// count is what a network may have of a bound: a site's /48 twice as much as an address.
func count(of netip.Prefix, bound int) int {
	if of.Bits() == 48 {
		return 2 * bound
	}
	return bound
}

// add counts by a client's networks, unless one of them has its bound already.
func add(in *map[netip.Prefix]int, client netip.Addr, bound int) bool {
	counted := networks(client)
	for _, n := range counted {
		if (*in)[n] >= count(n, bound) {
			return false
		}
	}
	if *in == nil {
		*in = map[netip.Prefix]int{}
	}
	for _, n := range counted {
		(*in)[n]++
	}
	return true
}

// drop takes back what add has counted.
func drop(in map[netip.Prefix]int, client netip.Addr) {
	for _, n := range networks(client) {
		if in[n]--; in[n] == 0 {
			delete(in, n)
		}
	}
}

// clientOf is the address that a request's socket is counted by.
func (t *WebSocket) clientOf(r *http.Request) netip.Addr {
	if t.Client == nil {
		return netip.Addr{}
	}
	return t.Client(r)
}

// meet counts a socket whose connection_init named no session, unless there are enough of them, and sees to it that it ends
// when it has nothing to ask.
func (t *WebSocket) meet(s *socket) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.crowd.unknown >= t.MaxStrangers || !add(&t.crowd.strangers, s.client, max(t.MaxStrangers/10, 1)) {
		return false
	}
	t.crowd.unknown++
	s.stranger = true
	s.idle = time.AfterFunc(t.StrangerIdle, s.endIdle)
	return true
}

// leave takes a socket out of the counts. Its connection is closed by then; the transport's mutex is held.
func (t *WebSocket) leave(s *socket) {
	drop(t.crowd.networks, s.client)
	if s.account != "" {
		if t.crowd.accounts[s.account]--; t.crowd.accounts[s.account] == 0 {
			delete(t.crowd.accounts, s.account)
		}
	}
	if s.stranger {
		s.idle.Stop()
		drop(t.crowd.strangers, s.client)
		t.crowd.unknown--
	}
}

// endIdle ends a socket without a session that has run nothing since it was looked at before, and else looks again later.
func (s *socket) endIdle() {
	s.mu.Lock()
	idle := s.running == 0 && s.asked == s.askedBefore
	s.askedBefore = s.asked
	s.mu.Unlock()
	if idle {
		s.close(closeUnauthorized, "No session, and nothing asked for a while: connect when there is something to ask")
		return
	}
	s.transport.mu.Lock()
	defer s.transport.mu.Unlock()
	if _, open := s.transport.sockets[s]; open {
		s.idle.Reset(s.transport.StrangerIdle)
	}
}
