package app

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"muster/db/dbtest"
	"muster/org"
)

// TestFeedLeavesNothingBehind: watchers of several organizations come and go; with the last of them the topic and its
// goroutine are gone.
func TestFeedLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	a, _ := open(t, "")
	owner, _ := a.person(t, "olivia", true)
	var ids []string
	for _, slug := range []string{"one", "two"} {
		made, err := a.CreateOrganization(owner, CreateOrganizationInput{Slug: slug, Name: slug})
		must(t, err)
		ids = append(ids, made.Organization.ID)
	}
	for range 3 {
		var everybody sync.WaitGroup
		for i := range 40 {
			everybody.Go(func() {
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				w, err := a.feed.join(ctx, ids[i%2])
				if err != nil {
					t.Error(err)
					return
				}
				a.wake("")
				a.feed.leave(w)
			})
		}
		everybody.Wait()
		within(t, "the readers of topics that nobody watches", a.loops.Wait)
		if len(a.feed.topics) != 0 {
			t.Errorf("%d topics are left", len(a.feed.topics))
		}
	}
	// One who stays is not disturbed by those who go, nor by the end of the request that began the topic.
	first, stop := context.WithCancel(t.Context())
	gone, err := a.feed.join(first, ids[0])
	must(t, err)
	stays, err := a.feed.join(t.Context(), ids[0])
	must(t, err)
	a.feed.leave(gone)
	stop()
	a.write(t, ids[0], 1)
	a.wake(ids[0])
	<-stays.signal
	entries, behind := stays.take()
	for len(entries) == 0 && !behind { // A topic looks once when it begins, and that is a sign of life too.
		<-stays.signal
		entries, behind = stays.take()
	}
	if len(entries) != 1 || behind {
		t.Errorf("got %d entries, behind %v, want one", len(entries), behind)
	}
	a.feed.leave(stays)
	within(t, "the reader", a.loops.Wait)
}

// TestFeedOfASlowWatcher: who does not take what is queued is told to read the table, holds no more than the queue's
// bound meanwhile, and is queued for again afterwards; others are not held up.
func TestFeedOfASlowWatcher(t *testing.T) {
	t.Parallel()
	a, _ := open(t, "")
	owner, _ := a.person(t, "olivia", true)
	made, err := a.CreateOrganization(owner, CreateOrganizationInput{Slug: "acme", Name: "Acme"})
	must(t, err)
	id := made.Organization.ID
	slow, err := a.feed.join(t.Context(), id)
	must(t, err)
	quick, err := a.feed.join(t.Context(), id)
	must(t, err)
	// until takes what w is given up to a sequence.
	until := func(w *watcher, last int) (got []int) {
		t.Helper()
		within(t, "the delivery", func() {
			for len(got) == 0 || got[len(got)-1] < last {
				<-w.signal
				entries, behind := w.take()
				if behind {
					t.Error("who takes at once fell behind")
				}
				for _, e := range entries {
					got = append(got, e.Sequence)
				}
			}
		})
		return got
	}
	last := 1 // the organization's creation
	for range 3 {
		a.write(t, id, page)
		a.wake(id)
		if got := until(quick, last+page); len(got) != page || got[0] != last+1 {
			t.Errorf("who takes at once got %v, want the %d after %d", got, page, last)
		}
		last += page
		a.feed.mu.Lock()
		if len(slow.queue) > maxQueue {
			t.Errorf("%d entries are kept for who does not take them", len(slow.queue))
		}
		a.feed.mu.Unlock()
	}
	if entries, behind := slow.take(); len(entries) != 0 || !behind {
		t.Errorf("who took nothing got %d entries, behind %v, want to be told to read", len(entries), behind)
	}
	a.write(t, id, 1)
	a.wake(id)
	if got := until(slow, last+1); len(got) != 1 {
		t.Errorf("after reading, got %v, want the next one", got)
	}
	a.feed.leave(slow)
	a.feed.leave(quick)
	within(t, "the reader", a.loops.Wait)
}

// TestWatchOfASlowReader: a subscription that stands still while more is written than the queue holds gets all of it
// afterwards: each once, in order, without a gap.
func TestWatchOfASlowReader(t *testing.T) {
	t.Parallel()
	a, _ := open(t, "")
	owner, _ := a.person(t, "olivia", true)
	made, err := a.CreateOrganization(owner, CreateOrganizationInput{Slug: "acme", Name: "Acme"})
	must(t, err)
	id := made.Organization.ID
	watch, err := a.WatchAudit(owner, id, ptr(0), nil)
	must(t, err)
	const n = 2*maxQueue + 7
	var got, want []int
	for i := range n + 2 {
		want = append(want, i+1)
	}
	within(t, "the subscription", func() {
		for e, err := range watch.Events(owner, false) {
			if err != nil {
				t.Error(err)
				return
			}
			got = append(got, e.Sequence)
			switch len(got) {
			case 1: // it stands still at the first entry
				a.write(t, id, 1)
				a.wake(id)
			case 2:
				for written := 0; written < n; written += min(page, n-written) {
					a.write(t, id, min(page, n-written))
					a.wake(id)
				}
				eventually(t, "the subscription is behind", func() bool {
					a.feed.mu.Lock()
					defer a.feed.mu.Unlock()
					for w := range a.feed.topics[id].watchers {
						if w.behind {
							return true
						}
					}
					return false
				})
			case n + 2:
				return
			}
		}
	})
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want 1 to %d", got, n+2)
	}
	within(t, "the reader", a.loops.Wait)
	if len(a.feed.topics) != 0 {
		t.Error("who stopped is still in the feed")
	}
}

// TestWake: an organization's wake-up wakes its topic alone, "" all, and a session's goes to the transport.
func TestWake(t *testing.T) {
	t.Parallel()
	a, _ := open(t, "")
	var ended []string
	a.OnSessionEnd(func(id string) { ended = append(ended, id) })
	a.feed.topics = map[string]*topic{"org_1": {organizationID: "org_1", last: 1}, "org_2": {organizationID: "org_2", last: 2}}
	a.feed.reads = true // by the test
	woken := func() map[string]int {
		_, after := a.feed.woken()
		a.feed.reads = true
		return after
	}
	for id, want := range map[string]map[string]int{
		"org_1": {"org_1": 1}, "org_2": {"org_2": 2}, "": {"org_1": 1, "org_2": 2}, "org_3": {}, "ses_1": {},
	} {
		a.wake(id)
		a.wake(id) // several wake-ups are one
		if got := woken(); !maps.Equal(got, want) {
			t.Errorf("%q woke %v, want %v", id, got, want)
		}
	}
	if !slices.Equal(ended, []string{"ses_1", "ses_1"}) {
		t.Errorf("told the transport of %v", ended)
	}
	if (&org.AuditLogEntry{Action: org.ActionTeamCreate}).ChangesAccess() {
		t.Error("these tests write entries that ask the gate again")
	}
}

// TestWokenTogetherAreReadTogether: the new entries of several organizations that are woken at once are read in one statement,
// and each watcher gets those of its own.
func TestWokenTogetherAreReadTogether(t *testing.T) {
	t.Parallel()
	s := &statements{}
	url := dbtest.URL(t)
	a, quiet := openAt(t, s.between(t, url)), openAt(t, url)
	owner, _ := a.person(t, "olivia", true)
	watchers := map[string]*watcher{}
	for _, slug := range []string{"one", "two", "three"} {
		made, err := a.CreateOrganization(owner, CreateOrganizationInput{Slug: slug, Name: slug})
		must(t, err)
		w, err := a.feed.join(t.Context(), made.Organization.ID)
		must(t, err)
		watchers[made.Organization.ID] = w
		within(t, "the first look", func() { <-w.signal })
	}
	within(t, "the reader", a.loops.Wait)
	for id := range watchers {
		quiet.write(t, id, 2)
	}
	reads := s.of(func() {
		a.wake("")
		for _, w := range watchers {
			within(t, "the delivery", func() { <-w.signal })
		}
		within(t, "the reader", a.loops.Wait)
	})
	reads = slices.DeleteFunc(reads, func(run string) bool { return strings.Contains(run, "pg_notify") }) // of what was written before
	if len(reads) != 1 || !strings.Contains(reads[0], "FROM unnest") {
		t.Errorf("read by %q, want one statement", reads)
	}
	for id, w := range watchers {
		entries, behind := w.take()
		if len(entries) != 2 || behind || entries[0].OrganizationID != id || entries[0].Sequence != 2 || entries[1].Sequence != 3 {
			t.Errorf("%s got %v, behind %v, want its entries 2 and 3", id, entries, behind)
		}
		a.feed.leave(w)
	}
}

// TestFeedEndsWithTheApp: after its end nobody reads any more, whatever is woken.
func TestFeedEndsWithTheApp(t *testing.T) {
	t.Parallel()
	a, _ := open(t, "")
	owner, _ := a.person(t, "olivia", true)
	made, err := a.CreateOrganization(owner, CreateOrganizationInput{Slug: "acme", Name: "Acme"})
	must(t, err)
	w, err := a.feed.join(t.Context(), made.Organization.ID)
	must(t, err)
	within(t, "the first look", func() { <-w.signal })
	a.feed.close()
	within(t, "the reader", a.loops.Wait)
	a.write(t, made.Organization.ID, 1)
	a.wake("")
	within(t, "the reader", a.loops.Wait)
	if entries, _ := w.take(); len(entries) != 0 {
		t.Errorf("%d entries were read after the end", len(entries))
	}
	a.feed.leave(w)
}
