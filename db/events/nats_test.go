package events_test

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"muster/db"
	"muster/db/events"
	"muster/db/events/natstest"
)

// patience is how long a test waits for what should happen within moments; only a failing test waits so long.
const patience = 30 * time.Second

type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// instance is a bell as one instance of Muster has it, and what it hears.
type instance struct {
	*events.NATS
	heard chan string
	log   *lines
}

func open(t *testing.T, url string) *instance {
	t.Helper()
	i := &instance{heard: make(chan string, 10_000), log: &lines{}}
	bell, err := events.Open(url, slog.New(slog.NewTextHandler(i.log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	i.NATS = bell
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		bell.Listen(ctx, func(id string) { i.heard <- id })
	}()
	t.Cleanup(func() {
		stop()
		<-done
		bell.Close()
	})
	i.hears(t, "")
	return i
}

// hears waits for a wake-up and gives the ids that came before it.
func (i *instance) hears(t *testing.T, want string) (before []string) {
	t.Helper()
	end := time.After(patience)
	for {
		select {
		case got := <-i.heard:
			if got == want {
				return before
			}
			if got != "" {
				before = append(before, got)
			}
		case <-end:
			t.Fatalf("did not hear %q, but %q; the log: %s", want, before, i.log)
		}
	}
}

// answers rings for an organization until it is heard: interest takes a moment to reach every node.
func (i *instance) answers(t *testing.T, by *instance, id string) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		by.ring(t, id)
		select {
		case got := <-i.heard:
			if got == id {
				return
			}
		case <-time.After(20 * time.Millisecond):
		}
	}
	t.Fatalf("%s is not heard; the log: %s", id, i.log)
}

func (i *instance) ring(t *testing.T, ids ...string) {
	t.Helper()
	if err := i.Ring(t.Context(), ids); err != nil {
		t.Fatal(err)
	}
}

// TestInstancesHearWhatTheyNeed: an instance hears of the organizations that it follows and of no other, and of everything that
// ended.
func TestInstancesHearWhatTheyNeed(t *testing.T) {
	t.Parallel()
	url := natstest.URL(natstest.Cluster(t, 1)...)
	one, two, stranger := open(t, url), open(t, url), open(t, url+"?prefix=staging")
	acme, globex, session, token := db.NewID(db.OrganizationID), db.NewID(db.OrganizationID), db.NewID(db.SessionID), db.NewID(db.TokenID)
	one.Follow(acme)
	one.Follow(acme) // as often as one likes
	stranger.Follow(acme)
	one.answers(t, two, acme)

	two.ring(t, globex, session, acme, token)
	if before := one.hears(t, token); !strings.HasSuffix(strings.Join(before, " "), session+" "+acme) || slices.Contains(before, globex) {
		t.Errorf("the one who follows Acme heard %q before the last", before)
	}
	if before := two.hears(t, token); strings.Join(before, " ") != session {
		t.Errorf("the one who follows nobody heard %q before the last", before)
	}
	one.Unfollow(acme)
	one.Unfollow(acme)
	one.Follow(globex)
	one.answers(t, two, globex)
	two.ring(t, acme, session)
	if before := one.hears(t, session); slices.Contains(before, acme) {
		t.Errorf("heard %q of what it follows no more", before)
	}
	stranger.ring(t, session)
	if before := stranger.hears(t, session); len(before) > 0 {
		t.Errorf("under another prefix %q was heard", before)
	}
}

// TestNodesDieAndComeBack: on a cluster of three, an instance whose node is killed goes on at another, is told that it
// may have missed something, and still hears what it follows; so too when all were away.
func TestNodesDieAndComeBack(t *testing.T) {
	t.Parallel()
	nodes := natstest.Cluster(t, 3)
	// Each knows all servers and begins at its own.
	one, two := open(t, natstest.URL(nodes[0])), open(t, natstest.URL(nodes[1]))
	acme := db.NewID(db.OrganizationID)
	one.Follow(acme)
	one.answers(t, two, acme)

	nodes[0].Kill(t)
	one.hears(t, "")
	one.answers(t, two, acme)
	nodes[0].Start(t)
	nodes[1].Kill(t)
	two.hears(t, "")
	one.answers(t, two, acme)

	for _, n := range nodes {
		n.Kill(t)
	}
	globex := db.NewID(db.OrganizationID)
	one.Unfollow(acme)
	one.Follow(globex) // what changes meanwhile is true afterwards
	started := time.Now()
	for range 1000 {
		two.ring(t, acme, globex)
	}
	if took := time.Since(started); took > patience/2 {
		t.Errorf("ringing for nobody took %s", took)
	}
	if told := strings.Count(two.log.String(), "level=WARN"); told > 5 {
		t.Errorf("ringing for nobody filled the log with %d warnings:\n%s", told, two.log)
	}
	for _, n := range nodes {
		n.Start(t)
	}
	one.hears(t, "")
	two.hears(t, "")
	one.answers(t, two, globex)
	two.ring(t, acme)
	two.ring(t, db.NewID(db.SessionID))
	one.answers(t, two, globex)
	for len(one.heard) > 0 {
		if got := <-one.heard; got == acme {
			t.Error("heard of what it followed before all were away")
		}
	}
}

// TestNATSMayComeLater: nobody waits for it, and it is found when it comes.
func TestNATSMayComeLater(t *testing.T) {
	t.Parallel()
	node := natstest.Cluster(t, 1)[0]
	node.Kill(t)
	one := open(t, natstest.URL(node))
	acme := db.NewID(db.OrganizationID)
	one.Follow(acme)
	one.ring(t, acme)
	if !strings.Contains(one.log.String(), "does not answer yet") {
		t.Errorf("the log does not say it: %s", one.log)
	}
	node.Start(t)
	one.hears(t, "")
	one.answers(t, one, acme)
}

// TestRungBeforeClosing: what was committed just before the end is still told.
func TestRungBeforeClosing(t *testing.T) {
	t.Parallel()
	url := natstest.URL(natstest.Cluster(t, 1)...)
	one := open(t, url)
	for range 20 {
		short, err := events.Open(url, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		session := db.NewID(db.SessionID)
		if err := short.Ring(t.Context(), []string{session}); err != nil {
			t.Fatal(err)
		}
		short.Close()
		one.hears(t, session)
	}
}

func TestURLs(t *testing.T) {
	t.Parallel()
	const password = "hunter2hunter2"
	for _, good := range []string{
		"nats://localhost", "nats://localhost:4222", "tls://nats.example.com:4222", "nats://me:" + password + "@a:4222,b:4222,[::1]:4222?prefix=staging",
	} {
		if err := events.Check(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "nats://", "localhost:4222", "http://me:" + password + "@host", "nats://me:" + password + "@", "nats://me:" + password + "@host:port",
		"nats://me:" + password + "@a,,b", "nats://host/" + password, "nats://host#" + password, "nats://host?prefix=a.b", "nats://host?prefix=",
		"nats://host?prefix=a&prefix=b", "nats://host?password=" + password, "nats://host?%zz=" + password,
	} {
		err := events.Check(bad)
		if err == nil || !strings.Contains(err.Error(), "EVENTS_URL") || strings.Contains(err.Error(), password) {
			t.Errorf("%q: %v does not say what to write, or shows the password", bad, err)
		}
		if _, err := events.Open(bad, slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%q was opened", bad)
		}
	}
}
