package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// Garbage is collected when as much has gathered as spare and this part of what is scanned for it. Go's own rule is as much
// as lives: for the few megabytes that live here at first that is hundreds of times a second under load and an eighth of the
// CPU, and where thousands of sockets wait for something to happen it is twice the memory.
const (
	spare     = 40 << 20 // bytes
	sparePart = 25       // percent
)

// paceCollections has garbage collected by that rule from now on, unless the operator has set GOGC. GOMEMLIMIT holds as ever.
func paceCollections() {
	if os.Getenv("GOGC") == "" {
		new(collections).pace()
	}
}

// collections is what is known of the last one.
type collections struct{ percent int }

// pace says when garbage is next collected. It is called after each collection: that is when the object is found that
// nobody holds.
func (c *collections) pace() {
	// Stacks and globals are what Go scans, and counts, beside what lives.
	scanned := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"}}
	metrics.Read(scanned)
	bytes := uint64(0)
	for _, s := range scanned {
		bytes += s.Value.Uint64()
	}
	if percent := gcPercent(bytes); percent != c.percent { // Setting it stops the world for a moment.
		debug.SetGCPercent(percent)
		c.percent = percent
	}
	runtime.AddCleanup(new([16]*byte), (*collections).pace, c)
}

// gcPercent is the rule as Go takes it: in percent of what is scanned, in steps of a sixteenth of itself.
func gcPercent(scanned uint64) int {
	percent := sparePart + int(100*spare/max(scanned, 1<<20))
	return percent - percent%max(percent/16, 1)
}
