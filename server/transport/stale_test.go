package transport

import "testing"

// TestNothingIsQueuedForWhoHasYetToBeAskedFor: once a group goes on to what may have changed rights, nothing is queued for a member of
// whom the gate has not said so since: not what others get, and not what the member missed while its queue was full.
func TestNothingIsQueuedForWhoHasYetToBeAskedFor(t *testing.T) {
	for name, c := range map[string]struct {
		epoch  int64 // when the gate let the member through; the group's is 2
		queued int
		in     bool
	}{
		"let through since": {2, 1, true},
		"let through later": {3, 1, true}, // by the gate for another group
		"not yet":           {1, 0, false},
	} {
		of := func(late bool) (*group, *member) {
			s := &socket{transport: &WebSocket{MaxRecent: 1 << 20}, closed: true}
			s.outbox.init(func() {})
			g := &group{transport: s.transport, epoch: 2, eased: make(chan struct{}, 1), cancel: func() {}}
			m := &member{group: g, socket: s, op: &operation{id: "1", gone: make(chan struct{})}, epoch: c.epoch, late: late}
			g.members = []*member{m}
			return g, m
		}
		told := run{[]int{1}, [][]byte{[]byte(`{}`)}}

		g, m := of(true)
		g.late, g.recent = 1, told
		g.catchUp(m)
		if got := m.socket.outbox.held; got != c.queued {
			t.Errorf("%s: of what it missed %d frames are queued, want %d", name, got, c.queued)
		}
		g, m = of(false)
		g.told, g.reached = told, 1
		g.publish()
		if got := m.socket.outbox.held; got != c.queued || (m.index >= 0) != c.in {
			t.Errorf("%s: of what all get %d frames are queued, want %d; it is member %d", name, got, c.queued, m.index)
		}
	}
}
