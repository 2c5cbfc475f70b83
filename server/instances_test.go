package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// follower reads an organization's log at one instance after the other: it goes on elsewhere after the last number that it has.
type follower struct {
	name string
	seen []int
	at   int // the instance
	tape *tape
}

// follow subscribes at an instance after what the follower has.
func (f *follower) follow(t *testing.T, m *muster, at int, token, organizationID string) {
	t.Helper()
	after := 0
	if n := len(f.seen); n > 0 {
		after = f.seen[n-1]
	}
	s := m.dial(t, token)
	s.subscribe("log", watchAudit, vars{"o": organizationID, "after": after})
	f.at, f.tape = at, s.record()
}

// put ends a line that has broken: what came over it was seen.
func (f *follower) put(t *testing.T) {
	t.Helper()
	eventually(t, f.name+" notices that the line broke", func() bool { f.tape.mu.Lock(); defer f.tape.mu.Unlock(); return f.tape.ended != nil })
	f.seen = append(f.seen, f.tape.sequences(t, "log")...)
}

// Three instances on one PostgreSQL, each of which is killed with -9 in the middle of a sweep and started again: subscribers
// go on at another one and have every entry once and in order, and each job is done: everybody is removed, logged and mailed.
func TestAnyInstanceMayBeKilled(t *testing.T) {
	const instances = 3
	i := install(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	ports, processes, musters := make([]int, instances), make([]*process, instances), make([]*muster, instances)
	for n := range instances {
		ports[n] = freePort(t)
		processes[n], musters[n] = i.start(t, ports[n])
		processes[n].ready(t)
	}
	people := i.populate(t, musters[0])
	o := people.organization
	followers := make([]*follower, 2*instances)
	for n := range followers {
		followers[n] = &follower{name: fmt.Sprintf("follower %d", n)}
		followers[n].follow(t, musters[n%instances], n%instances, o.Owner.Token, o.ID)
	}
	o.Owner.do(t, `mutation($i: SetRequire2FAInput!) { setRequire2FA(input: $i) { sweep { id } } }`,
		vars{"i": vars{"organizationId": o.ID, "required": true}}, nil)
	for n, victim := range random.Perm(instances) {
		moment := (n + 1) * removable / (instances + 2)
		within(t, time.Minute, fmt.Sprintf("the sweep gets to %d", moment), func() bool { return i.progress(t).Done >= moment })
		at := i.progress(t)
		processes[victim].kill()
		t.Logf("killed instance %d at %d of %d; it held the sweep: %v", victim, at.Done, at.Total, strings.Contains(at.Holder, fmt.Sprintf(":%d/", ports[victim])))
		for _, f := range followers {
			if f.at == victim {
				f.put(t)
				elsewhere := (victim + 1 + random.IntN(instances-1)) % instances
				f.follow(t, musters[elsewhere], elsewhere, o.Owner.Token, o.ID)
			}
		}
		// It comes back under its name, so that what it had taken up need not wait for leases to end.
		processes[victim], _ = i.start(t, ports[victim])
		processes[victim].ready(t)
	}
	within(t, time.Minute, "the sweep is done and everybody is mailed", func() bool {
		return i.progress(t).State == "DONE" && len(i.sink.count(mandatory)) >= removable
	})
	duplicates := i.finished(t, people)
	t.Logf("%d mails were sent twice", duplicates)
	// Only what a killed instance had just handed to the mail server is sent again: it has eight workers.
	if duplicates > 8*instances {
		t.Errorf("%d mails were sent twice in %d kills, want at most eight for each", duplicates, instances)
	}
	last := o.auditSequence(t, i.admin)
	for _, f := range followers {
		all := func() []int { return slices.Concat(f.seen, f.tape.sequences(t, "log")) }
		eventually(t, f.name+" has the last entry", func() bool { seen := all(); return len(seen) > 0 && seen[len(seen)-1] >= last })
		unbroken(t, f.name, all(), 1, last)
	}
}
