package app

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"muster/org"
)

// Watch is somebody's watch of an organization's log, made for who may. It gives each entry after a sequence, once, in
// order, without a gap: first from the table, then as they commit. Events is the watch of the one who began it; Follow is
// everybody's who is in the same organization with the same role, and asks the gate for all of them.
type Watch[T any] struct {
	reader
	role  org.Role
	event func(*org.AuditLogEntry) T
}

// WatchAudit watches the log after a sequence; after nil it begins with the next entry. It ends with a refusal as soon as
// the caller loses access, before any entry that came later.
func (a *App) WatchAudit(ctx context.Context, organizationID string, after *int, filter *org.AuditLogFilter) (*Watch[*org.AuditLogEntry], error) {
	return watch(ctx, a, organizationID, after, filter, func(e *org.AuditLogEntry) *org.AuditLogEntry { return e })
}

// WatchRemovals watches the removals in the log, like WatchAudit.
func (a *App) WatchRemovals(ctx context.Context, organizationID string, after *int) (*Watch[*org.MemberRemoved], error) {
	filter := &org.AuditLogFilter{Actions: org.RemovalActions}
	return watch(ctx, a, organizationID, after, filter, func(e *org.AuditLogEntry) *org.MemberRemoved {
		reason, _ := e.Removal()
		return &org.MemberRemoved{Reason: reason, Entry: e}
	})
}

func watch[T any](ctx context.Context, a *App, organizationID string, after *int, filter *org.AuditLogFilter, event func(*org.AuditLogEntry) T) (*Watch[T], error) {
	var access *org.Access
	var position int
	err := a.patiently(ctx, func() error {
		defer outlast(ctx)
		// The end of the log is found before the gate is asked: what may have changed the answer comes after the end, and is
		// asked about when it is read.
		ends, err := a.DB.AuditSequences(ctx, []string{organizationID})
		if err != nil {
			return fmt.Errorf("find the end of the log: %w", err)
		}
		if access, err = a.read(ctx, organizationID, org.SeeAudit); err != nil {
			return err
		}
		if err := filter.Check(); err != nil {
			return err
		}
		position, err = a.startOfWatch(ctx, organizationID, after, ends[organizationID])
		return err
	})
	if err != nil {
		return nil, err
	}
	return &Watch[T]{
		reader: reader{app: a, organizationID: organizationID, filter: filter, position: position},
		role:   access.Member.Role, event: event,
	}, nil
}

// outlast says that a first try to begin a watch has been made: from now on the session is read again whenever something is decided by it.
func outlast(ctx context.Context) { request(ctx).lasting = true }

// startOfWatch is the sequence after which a watch begins, of a log that ends at end.
func (a *App) startOfWatch(ctx context.Context, organizationID string, after *int, end int) (int, error) {
	if after == nil {
		return end, nil
	}
	if *after < 0 || *after > end {
		return 0, org.BadInput("after", "`after` is the sequence of an entry that you have seen: 0 to begin with the first, at most %d now.", end)
	}
	first, err := a.DB.FirstSequence(ctx, organizationID)
	if err != nil {
		return 0, fmt.Errorf("find the start of the log: %w", err)
	}
	if *after < first-1 {
		return 0, errTrimmed(first)
	}
	return *after, nil
}

func errTrimmed(first int) error {
	return &org.Error{
		Code: org.CodeHistoryTrimmed, First: first,
		Message: fmt.Sprintf("Entries before %d have been trimmed. Begin with after: %d.", first, first-1),
	}
}

// Events gives the events to the one who began the watch. With share it ends where the table does.
func (w *Watch[T]) Events(ctx context.Context, share bool) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		w.ask = func(ctx context.Context) error {
			return w.app.patiently(ctx, func() error {
				access, err := w.app.read(ctx, w.organizationID, org.SeeAudit)
				if err == nil {
					w.role = access.Member.Role
				}
				return err
			})
		}
		w.tell = func(_ int, e *org.AuditLogEntry, _ bool) bool { return e == nil || yield(w.event(e), nil) }
		goThrough := w.follow
		if share {
			goThrough = w.readOn
		}
		if err := goThrough(ctx); err != nil && !errors.Is(err, errStopped) && ctx.Err() == nil {
			var none T
			yield(none, err)
		}
	}
}

// Position is the sequence of the last entry that Events has given or passed over.
func (w *Watch[T]) Position() int { return w.position }

// Scope names those who are shown the same in the log: the organization and the role.
func (w *Watch[T]) Scope() string { return scope(w.organizationID, w.role) }

func scope(organizationID string, role org.Role) string { return organizationID + " " + string(role) }

// Follow gives what comes after a sequence to all who are in the scope: ctx has no caller. It calls ask before it goes on
// to an entry that may have changed who may watch, and tell for each entry, with nil for one that the filter leaves out and
// with more where the next one has been read already, until either says stop.
func (w *Watch[T]) Follow(ctx context.Context, after int, ask func(context.Context) bool, tell func(sequence int, event *T, more bool) bool) error {
	r := reader{
		app: w.app, organizationID: w.organizationID, filter: w.filter, position: after,
		ask: func(ctx context.Context) error {
			if !ask(ctx) {
				return errStopped
			}
			return nil
		},
		tell: func(sequence int, e *org.AuditLogEntry, more bool) bool {
			if e == nil {
				return tell(sequence, nil, more)
			}
			event := w.event(e)
			return tell(sequence, &event, more)
		},
	}
	if err := r.follow(ctx); err != nil && !errors.Is(err, errStopped) && ctx.Err() == nil {
		return err
	}
	return nil
}

// Ask asks the gate for the callers of several contexts at once: each one's scope, or why they may watch no more.
func (w *Watch[T]) Ask(ctx context.Context, callers []context.Context) (scopes []string, refusals []error) {
	var accesses []*org.Access
	err := w.app.patiently(ctx, func() (err error) {
		accesses, refusals, err = w.app.readAll(ctx, w.organizationID, org.SeeAudit, callers)
		return err
	})
	scopes = make([]string, len(callers))
	if err != nil {
		return scopes, slices.Repeat([]error{err}, len(callers))
	}
	for i, access := range accesses {
		if refusals[i] == nil {
			scopes[i] = scope(w.organizationID, access.Member.Role)
		}
	}
	return scopes, refusals
}

// errStopped says that who watches has had enough.
var errStopped = errors.New("stopped")

// reader goes through an organization's log, for one or for many.
type reader struct {
	app            *App
	organizationID string
	filter         *org.AuditLogFilter
	position       int // the sequence of the last entry that was told or passed over
	ask            func(context.Context) error
	// tell gets every entry that is read, nil for one that the filter leaves out.
	tell func(sequence int, e *org.AuditLogEntry, more bool) bool
}

// follow reads the table to its end, then tells what commits, until ask or tell says stop or ctx ends.
func (r *reader) follow(ctx context.Context) error {
	w, err := r.app.feed.join(ctx, r.organizationID)
	if err != nil {
		return err
	}
	defer r.app.feed.leave(w)
	for behind := true; ; {
		if behind {
			if err := r.readOn(ctx); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-w.signal:
		}
		var entries []*org.AuditLogEntry
		if entries, behind = w.take(); !behind {
			if err := r.hand(ctx, entries); err != nil {
				return err
			}
		}
	}
}

// hand tells what is new. Whatever may have changed who may watch is asked about before it, and so before everything
// later, is told: what was read has committed, so one question covers the rest of the batch.
func (r *reader) hand(ctx context.Context, entries []*org.AuditLogEntry) error {
	asked := false
	for i, e := range entries {
		if !asked && e.ChangesAccess() { // also where it was seen elsewhere: the gate has not
			if err := r.ask(ctx); err != nil {
				return err
			}
			asked = true
		}
		if e.Sequence <= r.position {
			continue
		}
		if e.Sequence > r.position+1 {
			return errTrimmed(e.Sequence) // retention overtook who was behind
		}
		told := e
		if !r.filter.Matches(e) {
			told = nil
		}
		if !r.tell(e.Sequence, told, i+1 < len(entries)) {
			return errStopped
		}
		r.position = e.Sequence
	}
	return nil
}

// readOn reads the table to its end. What commits meanwhile is in a watcher's queue too, and passed over there.
func (r *reader) readOn(ctx context.Context) error {
	if !r.filter.Empty() {
		return r.pick(ctx)
	}
	for {
		var entries []*org.AuditLogEntry
		err := r.app.patiently(ctx, func() (err error) {
			entries, err = r.app.DB.AuditAfter(ctx, r.organizationID, r.position, page, nil)
			return err
		})
		if err != nil {
			return fmt.Errorf("read the log: %w", err)
		}
		if err := r.hand(ctx, entries); err != nil {
			return err
		}
		if len(entries) < page {
			return nil
		}
	}
}

// How often a statement of a watch is tried again that failed without being refused, or had no answer within db.Patience, and how
// long is waited before: for as long as a failover may take.
const (
	faultTries = 20
	faultPause = 500 * time.Millisecond
)

// patiently runs what asks the database for those who watch until it does not fail: nothing is told meanwhile, but a broken
// connection or a moment without a primary ends nobody's watch, nor what begins then, which has less time: ctx ends with it. A refusal
// is an answer.
func (a *App) patiently(ctx context.Context, statement func() error) error {
	for tries := 1; ; tries++ {
		err := statement()
		if refusal := new(org.Error); err == nil || errors.As(err, &refusal) || tries == faultTries || ctx.Err() != nil {
			return err
		}
		a.Log.WarnContext(ctx, "a watch waits for the database", "err", err)
		select {
		case <-ctx.Done():
			return err
		case <-time.After(faultPause):
		}
	}
}

// pick is readOn for a filter. The log may be long and little of it fit, so that only this is read, along the filter's index.
// What is left out may have changed who may watch, so the gate is asked before each page, after it was found where the log ends:
// whatever changed later comes after that end.
func (r *reader) pick(ctx context.Context) error {
	for {
		var end int
		err := r.app.patiently(ctx, func() error {
			ends, err := r.app.DB.AuditSequences(ctx, []string{r.organizationID})
			end = ends[r.organizationID]
			return err
		})
		if err != nil {
			return fmt.Errorf("find the end of the log: %w", err)
		}
		if end <= r.position {
			return nil
		}
		if err := r.ask(ctx); err != nil {
			return err
		}
		var first int
		var entries []*org.AuditLogEntry
		err = r.app.patiently(ctx, func() (err error) {
			if entries, err = r.app.DB.AuditAfter(ctx, r.organizationID, r.position, page, r.filter); err == nil {
				first, err = r.app.DB.FirstSequence(ctx, r.organizationID) // after the page: that is whole if the log begins before it
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("read the log: %w", err)
		}
		if first > r.position+1 {
			return errTrimmed(first)
		}
		for _, e := range entries {
			if e.Sequence > end {
				break
			}
			if !r.tell(e.Sequence, e, true) {
				return errStopped
			}
			r.position = e.Sequence
		}
		if len(entries) == page && entries[page-1].Sequence <= end {
			continue
		}
		if !r.tell(end, nil, false) {
			return errStopped
		}
		r.position = end
		return nil
	}
}

// WatchViewer gives the caller's own place in an organization, at once and whenever it has changed, to every role. It ends
// with the gate's refusal as soon as the caller loses access. A place is a state and no history: it is read again, in one
// query, only after entries that may have changed it, and told once however many they were.
func (a *App) WatchViewer(ctx context.Context, organizationID string) (iter.Seq2[*org.Member, error], error) {
	var m *org.Member
	err := a.patiently(ctx, func() (err error) {
		defer outlast(ctx)
		m, err = a.ViewerIn(ctx, organizationID)
		return err
	})
	if err != nil {
		return nil, err
	}
	if m == nil {
		return nil, org.Refuse(org.CodeForbidden, "A service token has no place of its own in the organization. Watch as a person, or by a personal token.")
	}
	return func(yield func(*org.Member, error) bool) {
		if err := a.watchViewer(ctx, organizationID, func(m *org.Member) bool { return yield(m, nil) }); err != nil && ctx.Err() == nil {
			yield(nil, err)
		}
	}, nil
}

// watchViewer hands the caller's place to deliver until it says stop, ctx ends, or the gate refuses.
func (a *App) watchViewer(ctx context.Context, organizationID string, deliver func(*org.Member) bool) error {
	w, err := a.feed.join(ctx, organizationID)
	if err != nil {
		return err
	}
	defer a.feed.leave(w)
	var told *org.Member
	for {
		var now *org.Member
		err := a.patiently(ctx, func() (err error) {
			now, err = a.ViewerIn(ctx, organizationID)
			return err
		})
		if err != nil {
			return err
		}
		if !now.Same(told) {
			if !deliver(now) {
				return nil
			}
			told = now
		}
		for concerned := false; !concerned; {
			select {
			case <-ctx.Done():
				return nil
			case <-w.signal:
			}
			entries, behind := w.take()
			concerned = behind || slices.ContainsFunc(entries, func(e *org.AuditLogEntry) bool { return e.Concerns(told) })
		}
	}
}

// RemovedMember is who a removal is of, as far as still there and for the caller to see: whoever was removed for 2FA is
// there, but not for an API token that may see the log alone.
func (a *App) RemovedMember(ctx context.Context, removal *org.MemberRemoved) (*org.Member, error) {
	e := removal.Entry
	if e.TargetID == nil {
		return nil, nil
	}
	m, err := a.Member(ctx, e.OrganizationID, *e.TargetID)
	if errors.Is(err, org.ErrNotFound) || errors.Is(err, &org.Error{Code: org.CodeForbidden}) {
		return nil, nil
	}
	return m, err
}
