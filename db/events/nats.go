// Package events carries wake-ups over NATS, for installations where one PostgreSQL's NOTIFY is the limit: there every
// instance hears of every change, here only of the organizations that somebody watches on it.
//
// Nothing but wake-ups goes this way, which are ids and may be lost. It stores nothing, retries nothing and makes nobody
// wait: while NATS is away, the poll finds what was not rung. Whoever can publish on these subjects can make Muster
// read a log once more or close somebody's socket, which comes back; they learn the ids of organizations that are busy.
package events

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"muster/db"
)

// heardSize is how many wake-ups may wait to be heard. Beyond it they are dropped, and everything is looked at instead.
const heardSize = 4096

// prefixes are what subjects may begin with: several Musters share a NATS with a prefix each.
var prefixes = regexp.MustCompile(`^[a-z0-9_-]{1,50}$`)

// NATS is a [db.Bell] on a NATS server or cluster. An organization's wake-ups have a subject of their own, PREFIX.grew.ID,
// to which an instance subscribes while it follows the organization. What ended is rung on PREFIX.ended.ID and heard by all.
type NATS struct {
	conn   *nats.Conn
	prefix string
	log    *slog.Logger
	heard  chan *nats.Msg
	missed chan struct{} // room for one
	mu     sync.Mutex
	follow map[string]*nats.Subscription // by organization; guarded by mu
}

var _ db.Bell = (*NATS)(nil)

// settings are what a URL says.
type settings struct{ servers, prefix string }

// Check says whether a URL can be understood. Its errors repeat nothing of it: it may hold a password.
func Check(rawURL string) error {
	_, err := parse(rawURL)
	return err
}

var errURL = errors.New("EVENTS_URL is not of the form nats://user:password@host:4222,host2:4222?prefix=muster (tls:// for an encrypted connection)")

func parse(rawURL string) (settings, error) {
	servers, query, _ := strings.Cut(rawURL, "?")
	scheme, hosts, ok := strings.Cut(servers, "://")
	if !ok || scheme != "nats" && scheme != "tls" {
		return settings{}, errURL
	}
	user := ""
	if i := strings.LastIndexByte(hosts, '@'); i >= 0 {
		user, hosts = hosts[:i+1], hosts[i+1:]
	}
	var all []string
	for host := range strings.SplitSeq(hosts, ",") {
		server := scheme + "://" + user + strings.TrimSpace(host)
		parsed, err := url.Parse(server)
		if err != nil || parsed.Hostname() == "" || parsed.Path != "" || parsed.Fragment != "" {
			return settings{}, errURL
		}
		all = append(all, server)
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return settings{}, errURL
	}
	s := settings{servers: strings.Join(all, ","), prefix: "muster"}
	for name, value := range values {
		if name != "prefix" || len(value) != 1 || !prefixes.MatchString(value[0]) {
			return settings{}, errors.New("EVENTS_URL takes one parameter, prefix, of up to 50 small letters, digits, - and _")
		}
		s.prefix = value[0]
	}
	return s, nil
}

// Open makes a bell on the servers of a URL as [Check] describes it. They need not be there yet.
func Open(rawURL string, log *slog.Logger) (*NATS, error) {
	s, err := parse(rawURL)
	if err != nil {
		return nil, err
	}
	n := &NATS{
		prefix: s.prefix, log: log, heard: make(chan *nats.Msg, heardSize), missed: make(chan struct{}, 1),
		follow: map[string]*nats.Subscription{},
	}
	n.conn, err = nats.Connect(
		s.servers,
		nats.Name("muster"), nats.Timeout(2*time.Second), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.IgnoreAuthErrorAbort(),
		nats.ReconnectWait(250*time.Millisecond), nats.ReconnectJitter(250*time.Millisecond, 250*time.Millisecond),
		nats.PingInterval(5*time.Second), nats.MaxPingsOutstanding(2),
		nats.ReconnectBufSize(-1), // a wake-up that is late is worth nothing: the poll has been faster
		nats.ConnectHandler(func(*nats.Conn) { n.miss() }),
		nats.ReconnectHandler(func(c *nats.Conn) {
			n.log.Info("wake-ups go over NATS again", "server", c.ConnectedServerName())
			n.miss()
		}),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			n.log.Warn("the connection to NATS broke; polling goes on", "err", err)
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			n.log.Warn("NATS complains; polling goes on", "err", err)
			n.miss() // so too after more than could be heard
		}),
	)
	if err != nil {
		return nil, fmt.Errorf("prepare the connection to NATS: %w", err)
	}
	if _, err := n.conn.ChanSubscribe(n.prefix+".ended.*", n.heard); err != nil {
		n.conn.Close()
		return nil, fmt.Errorf("subscribe to what ends: %w", err)
	}
	if !n.conn.IsConnected() {
		n.log.Warn("NATS does not answer yet; polling goes on")
	}
	return n, nil
}

// miss has everything looked at.
func (n *NATS) miss() {
	select {
	case n.missed <- struct{}{}:
	default:
	}
}

// Ring publishes the ids. While there is no connection it does nothing: that has been logged, and the poll goes on.
func (n *NATS) Ring(_ context.Context, ids []string) error {
	for _, id := range ids {
		subject := n.prefix + ".ended." + id
		if db.Kind(id) == db.OrganizationID {
			subject = n.grew(id)
		}
		if err := n.conn.Publish(subject, nil); err != nil && n.conn.IsConnected() {
			return fmt.Errorf("publish a wake-up: %w", err)
		}
	}
	return nil
}

func (n *NATS) grew(organizationID string) string { return n.prefix + ".grew." + organizationID }

// Listen calls wake as [db.Bell] says. The id is the last part of the subject.
func (n *NATS) Listen(ctx context.Context, wake func(id string)) {
	n.miss()
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.missed:
			wake("")
		case m := <-n.heard:
			wake(m.Subject[strings.LastIndexByte(m.Subject, '.')+1:])
		}
	}
}

// Follow subscribes to an organization's wake-ups.
func (n *NATS) Follow(organizationID string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.follow[organizationID] != nil {
		return
	}
	subscription, err := n.conn.ChanSubscribe(n.grew(organizationID), n.heard)
	if err != nil {
		n.log.Warn("an organization's wake-ups are not heard; the poll will find what they tell", "err", err)
		return
	}
	n.follow[organizationID] = subscription
}

// Unfollow ends what Follow began.
func (n *NATS) Unfollow(organizationID string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if subscription := n.follow[organizationID]; subscription != nil {
		delete(n.follow, organizationID)
		if err := subscription.Unsubscribe(); err != nil {
			n.log.Warn("an organization's wake-ups go on being heard", "err", err)
		}
	}
}

// Close sends what has been rung and ends the connection.
func (n *NATS) Close() {
	if n.conn.IsConnected() {
		if err := n.conn.FlushTimeout(time.Second); err != nil {
			n.log.Warn("the last wake-ups may not have been rung", "err", err)
		}
	}
	n.conn.Close()
}
