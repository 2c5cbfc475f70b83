package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// livePeer is a server that tells many sockets what it is told.
type livePeer struct {
	name  string
	about string
	// page is where its sockets are opened, and says what each of them says then, the last of it once all are open.
	page   string
	says   func(socket int, organizationID string) []string
	speaks dialect
	// tell makes it tell n entries, the last that were committed.
	tell func(ctx context.Context, a *arena, p *livePeer, n int) error

	server *server
	live   live // Muster's sockets, and in the limit's place the peer's
}

// centrifugeJSON is centrifuge's protocol: up to 16 entries, of 400 bytes, are in one message.
var centrifugeJSON = dialect{accepted: `"connect":{`, delivery: `"pub":{`, longest: 16 << 10}

// peerLivePaths are the live log with the peers in the limit's place.
func peerLivePaths() []path {
	var paths []path
	for _, n := range []int{1000, 5000} {
		p := &livePeer{
			name: "centrifuge",
			about: "centrifuge with its defaults: a channel without history, about which nobody asks a gate or a database; the entry " +
				"is one piece of JSON, and as many as are queued, up to 16, share a message",
			page: "/connection/websocket",
			says: func(int, string) []string {
				return []string{`{"id":1,"connect":{}}`, `{"id":2,"subscribe":{"channel":"log"}}`}
			},
			speaks: centrifugeJSON, tell: tellByRequest,
		}
		paths = append(paths, p.paths(n)...)
	}
	graphqlWS := &livePeer{
		name:  "graphql-ws",
		about: "graphql-ws on ws, without a gate or a database: entries are objects in its memory; one process",
		page:  "/graphql", says: subscribeGraphQL, tell: tellByRequest,
	}
	postgraphile := &livePeer{
		name: "postgraphile",
		about: "PostGraphile's listen() on PostgreSQL's NOTIFY, which brings the entry itself, so that nothing is looked up, and without a gate; " +
			"one process",
		page: "/graphql", says: subscribeGraphQL, tell: tellByNotify,
	}
	return append(append(paths, graphqlWS.paths(1000)...), postgraphile.paths(1000)...)
}

// paths are the burst and the pace to so many sockets.
func (p *livePeer) paths(sockets int) []path {
	p.live.sockets = sockets
	p.live.limit.speaks = p.speaks
	l := &p.live
	tell := func(ctx context.Context, a *arena, n int) error { return p.tell(ctx, a, p, n) }
	of := func(kind string, goals []goal, run func(context.Context, *arena, *meter, *audience, func(context.Context, *arena, int) error) error) path {
		name := fmt.Sprintf("%dk-%s", sockets/1000, kind)
		return path{
			Name: "peer-" + p.name + "-" + name, Op: "delivery", Long: true, Peer: p.name, Prepare: p.prepare, Goals: goals,
			About: "as live-" + name + "; in the limit's place is " + p.about,
			Muster: func(ctx context.Context, a *arena, m *meter) error {
				return run(ctx, a, m, &l.muster, l.wake)
			},
			Limit: func(ctx context.Context, a *arena, m *meter) error {
				m.server = p.server
				return run(ctx, a, m, &l.limit, tell)
			},
		}
	}
	bursts := of("burst", []goal{{Figure: "rate", Least: 1}, {Figure: "cpu", Most: 1}}, l.burst)
	// No goal for the time, which is Muster's from the commit, with a wake-up and a look at the log, and the peer's from its memory.
	pace := of("paced", []goal{{Figure: "cpu", Most: 1}}, l.paced)
	pace.Finish = func() error { return errors.Join(l.leave(), p.server.stop()) }
	return []path{bursts, pace}
}

// prepare opens the sockets of both sides.
func (p *livePeer) prepare(ctx context.Context, a *arena) (err error) {
	if p.server != nil {
		return nil
	}
	l := &p.live
	if p.server, err = a.startPeer(ctx, p.name); err != nil {
		return err
	}
	tokens, err := l.fill(ctx, a, fmt.Sprintf("%s-%d", p.name, l.sockets))
	if err != nil {
		return err
	}
	if err := l.follow(ctx, a, a.muster, &l.muster, tokens, func(i int) int { return i % 100 }); err != nil {
		return err
	}
	err = l.limit.open(ctx, a, p.server, l.sockets, func(i int) (string, []string) { return p.page, p.says(i, l.organization) },
		func(int) int64 { return 0 })
	if err != nil {
		return err
	}
	return p.subscribed(ctx)
}

// subscribed waits until the peer has subscribed all sockets.
func (p *livePeer) subscribed(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		text, err := fetch(ctx, p.server.URL("/subscribers"))
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err != nil || n == p.live.sockets {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d sockets are subscribed at %s: %w", n, p.live.sockets, p.name, ctx.Err())
		}
	}
}

// subscribeGraphQL is what a socket says in graphql-transport-ws.
func subscribeGraphQL(socket int, organizationID string) []string {
	return []string{`{"type":"connection_init"}`, fmt.Sprintf(
		`{"id":"%d","type":"subscribe","payload":{"query":%q,"variables":{"organizationId":%q}}}`, socket, liveDocument, organizationID,
	)}
}

// tellByRequest has the peer make up entries as large as Muster's.
func tellByRequest(ctx context.Context, _ *arena, p *livePeer, n int) error {
	_, err := fetch(ctx, p.server.URL(fmt.Sprintf("/live/publish?n=%d", n)))
	return err
}

// tellByNotify notifies of the last entries, which come with it.
func tellByNotify(ctx context.Context, a *arena, p *livePeer, n int) error {
	_, err := a.DB.Exec(ctx, `
SELECT pg_notify($1, entry::text)
  FROM (SELECT jsonb_build_object('id', id, 'sequence', sequence, 'action', action, 'actorLabel', actor_label, 'targetLabel', target_label,
               'message', message, 'createdAt', created_at) AS entry
          FROM audit_entries WHERE organization_id = $1 ORDER BY sequence DESC LIMIT $2) last
 ORDER BY (entry->>'sequence')::bigint`, p.live.organization, n)
	return err
}
