package events_test

import (
	"strings"
	"testing"

	"muster/db/events"
)

// FuzzURL: whatever the setting is, the answer is yes or a sentence that names it and repeats nothing of it.
func FuzzURL(f *testing.F) {
	for _, seed := range []string{"nats://localhost", "tls://me:password@a:4222,[::1]:4222?prefix=staging", "nats://a@b@c:1,d", "nats://host?%zz", "://", "nats://[::1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, url string) {
		err := events.Check("nats://user:hunter2" + url + "hunter2")
		if err != nil && (!strings.HasPrefix(err.Error(), "EVENTS_URL ") || strings.Contains(err.Error(), "hunter2")) {
			t.Errorf("%q: %v", url, err)
		}
		if err := events.Check(url); err != nil && !strings.HasPrefix(err.Error(), "EVENTS_URL ") {
			t.Errorf("%q: %v", url, err)
		}
	})
}
