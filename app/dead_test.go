package app

import (
	"context"
	"net"
	"slices"
	"sync"
	"testing"

	"muster/db/dbtest"
	"muster/org"
)

// line stands between an App and PostgreSQL as a network does, which can forget the connections that are open: whatever is said
// on them goes nowhere, and nobody is told. New ones work.
type line struct {
	mu    sync.Mutex
	ends  []net.Conn    // guarded by mu
	alive chan struct{} // guarded by mu; closed when what is open now is forgotten
}

// between gives a database's URL that leads through it.
func (l *line) between(t *testing.T, url string) string {
	t.Helper()
	l.alive = make(chan struct{})
	return relay(t, url, func(client, server net.Conn) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.ends = append(l.ends, client, server)
		go carry(server, client, l.alive)
		go carry(client, server, l.alive)
	})
}

// carry passes on what is said, and the end, until the connection is forgotten.
func carry(to, from net.Conn, forgotten <-chan struct{}) {
	for said := make([]byte, 32<<10); ; {
		n, err := from.Read(said)
		select {
		case <-forgotten:
			if err != nil {
				return
			}
			continue
		default:
		}
		if err != nil {
			_ = to.Close()
			return
		}
		_, _ = to.Write(said[:n])
	}
}

// forget forgets the connections that are open.
func (l *line) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.alive)
	l.alive = make(chan struct{})
}

// cut ends all connections.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, end := range l.ends {
		_ = end.Close()
	}
}

// The network forgets an instance's connections at the moment at which the reader of all logs, a backfill, a group's question to the gate and the
// poll wait for their answers. None of them waits for good: what commits is told, by each watch once, without anything else to
// wake it, and the next poll is one again.
func TestDeadConnectionsStopNoLog(t *testing.T) {
	t.Parallel()
	l, url := &line{}, dbtest.URL(t)
	a, elsewhere := openAt(t, l.between(t, url)), openAt(t, url)
	holder, looker := dbtest.Admin(t, url), dbtest.Admin(t, url)
	t.Cleanup(l.cut) // else the pool says goodbye to who does not hear it
	owner, _ := a.person(t, "olivia", true)
	made, err := a.CreateOrganization(owner, CreateOrganizationInput{Slug: "acme", Name: "Acme"})
	must(t, err)
	id := made.Organization.ID
	watch := func(after int) *Watch[*org.AuditLogEntry] {
		w, err := a.WatchAudit(owner, id, &after, nil)
		must(t, err)
		return w
	}
	live, late := watch(1), watch(0)
	ctx, stop := context.WithCancel(owner)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer stop()
	heard := func(w *Watch[*org.AuditLogEntry]) func() []int {
		var mu sync.Mutex
		var sequences []int
		watching.Go(func() {
			for e, err := range w.Events(ctx, false) {
				mu.Lock()
				if err != nil {
					t.Error(err)
				} else {
					sequences = append(sequences, e.Sequence)
				}
				mu.Unlock()
			}
		})
		return func() []int {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(sequences)
		}
	}
	hearsLive := heard(live)
	elsewhere.write(t, id, 1)
	eventually(t, "the watch", func() bool { a.wake(id); return slices.Equal(hearsLive(), []int{2}) })
	within(t, "the reader", a.loops.Wait)

	elsewhere.write(t, id, 1)
	_, err = holder.Exec(t.Context(), `BEGIN; LOCK TABLE audit_entries, members, organizations IN ACCESS EXCLUSIVE MODE`)
	must(t, err)
	a.wake(id)
	hearsLate := heard(late)
	asked, polled := make(chan []error, 1), make(chan error, 1)
	go func() { _, refusals := live.Ask(t.Context(), []context.Context{owner}); asked <- refusals }()
	go func() { polled <- a.poll(t.Context(), nil) }()
	eventually(t, "four that wait for an answer", func() bool {
		return count(t, looker, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`) == 4
	})
	l.forget()
	_, err = holder.Exec(t.Context(), `ROLLBACK`)
	must(t, err)

	eventually(t, "the reader reads again", func() bool { return slices.Equal(hearsLive(), []int{2, 3}) })
	eventually(t, "the backfill reads again", func() bool { return slices.Equal(hearsLate(), []int{1, 2, 3}) })
	within(t, "the question", func() {
		if refusals := <-asked; len(refusals) != 1 || refusals[0] != nil {
			t.Errorf("the gate said %v to who may watch", refusals)
		}
	})
	within(t, "the poll", func() {
		if err := <-polled; err == nil {
			t.Error("the poll had an answer: nothing was forgotten")
		}
	})
	elsewhere.write(t, id, 1)
	within(t, "the next poll", func() { must(t, a.poll(t.Context(), nil)) })
	eventually(t, "the next entry", func() bool {
		return slices.Equal(hearsLive(), []int{2, 3, 4}) && slices.Equal(hearsLate(), []int{1, 2, 3, 4})
	})
}
