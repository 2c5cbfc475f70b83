package main

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"muster/app"
	"muster/db/dbtest"
	"muster/db/events"
	"muster/db/events/natstest"
	"muster/server/settings"
)

// over lets an instance's wake-ups go over NATS.
func over(t *testing.T, url string) option {
	return func(_ *settings.Settings, c *app.Config) {
		bell, err := events.Open(url, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		c.DB.RingWith(bell)
	}
}

// Three instances whose wake-ups go over a cluster of three NATS servers: what happens on one is live on the others, while
// nodes are killed and come back, and also while the whole cluster is gone. PostgreSQL's NOTIFY is not used.
func TestWakeUpsOverNATS(t *testing.T) {
	t.Parallel()
	nodes := natstest.Cluster(t, 3)
	m := startOn(t, dbtest.URL(t), "one", over(t, natstest.URL(nodes[0])))
	two, three := m.beside(t, "two", over(t, natstest.URL(nodes[1]))), m.beside(t, "three", over(t, natstest.URL(nodes[2])))
	owner := m.signUp(t, "Olivia")
	o := owner.organization(t)

	// Whoever listens in PostgreSQL hears nothing.
	notified := make(chan string, 1000)
	listener, err := pgx.Connect(t.Context(), m.DBURL)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := listener.Exec(t.Context(), `LISTEN muster`); err != nil {
		t.Fatal(err)
	}
	listening, stop := context.WithCancel(t.Context())
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		for {
			n, err := listener.WaitForNotification(listening)
			if err != nil {
				return
			}
			notified <- n.Payload
		}
	}()
	defer func() {
		stop()
		<-heard
		_ = listener.Close(context.WithoutCancel(t.Context()))
	}()

	tapes := map[string]*tape{}
	for name, at := range map[string]*muster{"one": m, "two": two, "three": three} {
		s := at.dial(t, owner.Token)
		s.subscribe("log", watchAudit, vars{"o": o.ID, "after": 0})
		tapes[name] = s.record()
	}
	grow := func(when string) {
		t.Helper()
		o.writeTeams(t, owner, when, 5)
		last := o.auditSequence(t, m.admin(t))
		for name, tape := range tapes {
			eventually(t, name+" sees what happened "+when, func() bool { return tape.last(t, "log") == last })
		}
	}
	grow("together")
	nodes[0].Kill(t)
	grow("without-a-node")
	nodes[0].Start(t)
	nodes[1].Kill(t)
	grow("without-another")
	for _, n := range nodes {
		n.Kill(t)
	}
	grow("alone")
	gone := two.dial(t, owner.Token)
	gone.subscribe("log", watchAudit, vars{"o": o.ID, "after": 0})
	tapes["two, begun without NATS"] = gone.record()
	grow("still-alone")
	for _, n := range nodes {
		n.Start(t)
	}
	grow("together-again")

	// The end of a session reaches all instances.
	began := time.Now()
	owner.do(t, `mutation { signOut(input: {everywhere: true}) { ok } }`, nil, nil)
	for name, tape := range tapes {
		eventually(t, name+" is closed", func() bool { code, _ := tape.closed(); return code == 4401 })
	}
	t.Logf("sockets on three instances were closed %s after the sign-out", time.Since(began))

	last := o.auditSequence(t, m.admin(t))
	for name, tape := range tapes {
		unbroken(t, name, tape.sequences(t, "log"), 1, last)
	}
	if len(notified) > 0 {
		t.Errorf("PostgreSQL rang %q", <-notified)
	}
}
