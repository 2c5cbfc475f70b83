package transport

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// What is queued, alone or in runs, small or large, is written once and in order, never more at once than a batch may have,
// and the queue counts what is in it. What has no room is left to whoever queued it. Not parallel: another test counts the
// goroutines that are in this package.
func TestTheQueueKeepsOrder(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, seed))
	var o outbox
	o.init(func() {})
	op := &operation{id: "1", head: []byte(`"id":"1",`), gone: make(chan struct{})}
	m := &member{op: op}
	var b batch
	queued, written := 0, 0
	payload := func(n int) []byte {
		size := random.IntN(200)
		if random.IntN(20) == 0 {
			size = random.IntN(maxBatchBytes)
		}
		return fmt.Appendf(nil, `{"n":%d,"is":"%s"}`, n, bytes.Repeat([]byte("x"), size))
	}
	for range 5000 {
		switch random.IntN(3) {
		case 0:
			run := make([][]byte, 1+random.IntN(2*maxBatchFrames))
			for i := range run {
				run[i] = payload(queued + i)
			}
			n := o.offerShared(m, run)
			if n < len(run) != (len(o.late) == 1) {
				t.Fatalf("%d of %d were queued, and %d members are late", n, len(run), len(o.late))
			}
			queued += n
			o.late = nil
		case 1:
			if room, err := o.offer(frame{op: op, kind: "next", payload: payload(queued)}); err != nil {
				t.Fatal(err)
			} else if room == nil {
				queued++
			}
		default:
			if late := o.next(&b); late != nil {
				t.Fatal("a member is late")
			}
			if b.messages > maxBatchFrames || b.messages > 1 && b.payload > maxBatchBytes {
				t.Fatalf("a batch has %d messages of %d bytes", b.messages, b.payload)
			}
			for i := range b.taken() {
				f := &b.frames[i]
				for _, p := range append([][]byte{f.payload}, f.more...) {
					if !bytes.HasPrefix(p, fmt.Appendf(nil, `{"n":%d,`, written)) {
						t.Fatalf("message %d is %.20s", written, p)
					}
					written++
				}
			}
			o.wrote(&b)
		}
		if o.held > maxQueuedFrames || o.held > 1 && o.bytes > maxQueuedBytes {
			t.Fatalf("the queue has %d messages of %d bytes", o.held, o.bytes)
		}
	}
	for !o.sleeping {
		o.next(&b)
		written += b.messages
		o.wrote(&b)
	}
	if written != queued || o.held != 0 || o.bytes != 0 {
		t.Fatalf("%d of %d messages were written; the queue counts %d of %d bytes", written, queued, o.held, o.bytes)
	}
}
