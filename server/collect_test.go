package main

import (
	"runtime"
	"runtime/metrics"
	"testing"
)

func TestGarbageMayGather(t *testing.T) {
	t.Parallel()
	const mb = 1 << 20
	for _, c := range []struct{ scanned, least, most uint64 }{ // 40 MB and a quarter of what is scanned, or a sixteenth less
		{8 * mb, 39 * mb, 42 * mb},
		{64 * mb, 52 * mb, 56 * mb},
		{256 * mb, 97 * mb, 104 * mb},
		{1024 * mb, 277 * mb, 296 * mb},
		{20480 * mb, 5119 * mb, 5160 * mb},
	} {
		if got := c.scanned / 100 * uint64(gcPercent(c.scanned)); got < c.least || got > c.most {
			t.Errorf("of %d MB scanned %d MB may gather, want %d to %d", c.scanned/mb, got/mb, c.least/mb, c.most/mb)
		}
	}
	if got := gcPercent(0); got < 1000 || got > 5000 {
		t.Errorf("a heap with nothing in it has %d percent", got)
	}
}

// Not parallel: it fills the heap.
func TestCollectionsFollowTheHeap(t *testing.T) {
	t.Setenv("GOGC", "")
	paceCollections()
	percent := func() uint64 {
		runtime.GC()
		sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	large := make([]byte, 512<<20) // is never touched
	eventually(t, "garbage is collected early where much lives", func() bool { return percent() <= 33 })
	runtime.KeepAlive(large)
	eventually(t, "and late where little does", func() bool { return percent() >= 60 })
}
