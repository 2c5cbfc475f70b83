package db_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"muster/org"
)

// TestAuditFilterMeansTheSame: the filter of the table and the filter of the live stream let the same entries pass, in
// the same order, from wherever one reads.
func TestAuditFilterMeansTheSame(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	d, _ := open(t)
	o, other := addOrganization(t, d, "acme"), addOrganization(t, d, "other")
	actions := []string{org.ActionOrgEdit, org.ActionMemberEdit, org.ActionMemberPending, org.ActionSSOEnable}
	actors := []*string{nil, ptr("usr_a"), ptr("usr_b"), ptr("")}
	targets := []*string{nil, ptr("mem_a"), ptr("it's \\ \"quoted\" %_")}
	const n = 48
	for i := range n {
		e := &org.AuditLogEntry{
			Action: actions[i%len(actions)], ActorID: actors[i/2%len(actors)], TargetID: targets[i/3%len(targets)],
			ActorLabel: "Ann", Message: fmt.Sprintf("entry %d", i+1),
		}
		must(t, log(ctx, d, o, e))
		must(t, log(ctx, d, other, &org.AuditLogEntry{Action: e.Action, ActorID: e.ActorID, TargetID: e.TargetID}))
	}
	everything, err := d.AuditAfter(ctx, o, 0, 1000, nil)
	must(t, err)
	if len(everything) != n {
		t.Fatalf("there are %d entries, want %d", len(everything), n)
	}
	for i, e := range everything {
		if e.Sequence != i+1 || e.Message != fmt.Sprintf("entry %d", i+1) || i > 0 && e.CreatedAt.Before(everything[i-1].CreatedAt) {
			t.Fatalf("entry %d is %+v", i+1, e)
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		moment := func(name string) *time.Time {
			if !rapid.Bool().Draw(r, "with "+name) {
				return nil
			}
			at := everything[rapid.IntRange(0, n-1).Draw(r, name+" is near entry")].CreatedAt
			return ptr(at.Add(time.Duration(rapid.IntRange(-1500, 1500).Draw(r, name+" ns off"))))
		}
		f := &org.AuditLogFilter{
			Actions: rapid.SliceOf(rapid.SampledFrom(append(actions, org.ActionOrgCreate))).Draw(r, "actions"), // some of them twice
			Actor:   rapid.SampledFrom(append(actors, ptr("usr_nobody"))).Draw(r, "actor"),
			Target:  rapid.SampledFrom(append(targets, ptr("%"))).Draw(r, "target"),
			Since:   moment("since"), Until: moment("until"),
		}
		if rapid.Bool().Draw(r, "any action") {
			f.Actions = nil
		}
		position, limit := rapid.IntRange(0, n+1).Draw(r, "position"), rapid.IntRange(1, n+1).Draw(r, "limit")
		var after, before []int
		for _, e := range everything {
			if !f.Matches(e) {
				continue
			}
			if e.Sequence > position && len(after) < limit {
				after = append(after, e.Sequence)
			}
			if position == 0 || e.Sequence < position {
				before = append(before, e.Sequence)
			}
		}
		slices.Reverse(before)
		before = before[:min(limit, len(before))]

		got, err := d.AuditAfter(ctx, o, position, limit, f)
		if err != nil || !slices.Equal(sequences(got), after) {
			r.Fatalf("after %d the table gives %v, the stream %v (%v)", position, sequences(got), after, err)
		}
		got, err = d.AuditBefore(ctx, o, position, limit, f, org.EveryAuditDetail)
		if err != nil || !slices.Equal(sequences(got), before) {
			r.Fatalf("before %d the table gives %v, the stream %v (%v)", position, sequences(got), before, err)
		}
	})
}

func sequences(entries []*org.AuditLogEntry) []int {
	var list []int
	for _, e := range entries {
		list = append(list, e.Sequence)
	}
	return list
}

// TestAuditEntriesComeBack: what is written is what is read, also what looks like SQL, JSON or nothing.
func TestAuditEntriesComeBack(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	d, admin := open(t)
	o := addOrganization(t, d, "acme")
	ann := addUser(t, d, "ann@example.com")
	full := &org.AuditLogEntry{
		Action: org.ActionMemberEdit, ActorID: &ann, ActorLabel: `Ann "the \ quote" O'Neil`, TargetID: ptr("mem_1"), TargetLabel: "👩‍💻 {a,b}",
		Message: "NULL", IPAddress: ptr("2001:db8::1"), UserAgent: ptr("curl, 'x'"), Data: map[string]any{"role": "ADMIN", "n": 1.5, "list": []any{"a", nil}},
	}
	must(t, log(ctx, d, o, full, &org.AuditLogEntry{Action: org.ActionMemberExpired}))
	got, err := d.AuditAfter(ctx, o, 0, 10, nil)
	must(t, err)
	first, second := got[0], got[1]
	if first.ID != full.ID || first.Sequence != 1 || first.ActorLabel != full.ActorLabel || first.TargetLabel != full.TargetLabel || first.Message != "NULL" ||
		*first.IPAddress != *full.IPAddress || *first.UserAgent != *full.UserAgent || *first.TargetID != "mem_1" || fmt.Sprint(first.Data) != fmt.Sprint(full.Data) {
		t.Errorf("written %+v, read %+v", full, first)
	}
	if second.Sequence != 2 || second.ActorID != nil || second.TargetID != nil || second.IPAddress != nil || second.UserAgent != nil || second.Data != nil || second.Actor != nil {
		t.Errorf("what was left out is %+v", second)
	}
	if actor, ok := first.Actor.(*org.User); !ok || actor.Name != "Somebody" || actor.Email != nil {
		t.Errorf("the actor, who has no place there, shows as %+v", first.Actor)
	}
	exec(t, admin, `INSERT INTO members (id, organization_id, user_id, role, status) VALUES ('m', $1, $2, 'MEMBER', 'ACTIVE')`, o, ann)
	again, err := d.AuditEntry(ctx, full.ID)
	must(t, err)
	if actor, ok := again.Actor.(*org.User); !ok || actor.Email == nil || *actor.Email != "ann@example.com" {
		t.Errorf("the actor, who has a place there, shows as %+v", again.Actor)
	}
}

// TestPagesOfTheLogDoNotGrow: what PostgreSQL looks at for a page out of a log of sixty thousand is about the same as out of one of nine
// hundred, however few entries are meant, and pages of everything or of some actions have one plan.
func TestPagesOfTheLogDoNotGrow(t *testing.T) {
	t.Parallel()
	d, admin := openWith(t, "pool_max_conns=1")
	small, large := addOrganization(t, d, "small"), addOrganization(t, d, "large")
	for o, n := range map[string]int{small: 900, large: 60_000} { // spread over last month and this one
		exec(t, admin, `
INSERT INTO audit_entries (organization_id, sequence, id, action, actor_id, actor_label, target_id, target_label, message, created_at)
SELECT $1, n, 'aud_' || $1 || n, CASE WHEN n = $2 / 2 THEN 'org.edit' WHEN n % 10 = 0 THEN 'member.edit' ELSE 'member.invite' END,
       'usr_' || CASE WHEN n = $2 / 3 THEN 'rare' ELSE 'common' END, 'Somebody', 'mem_' || n, '', '',
       m.begin + (clock_timestamp() - m.begin) * (n::float8 / $2)
  FROM (SELECT date_trunc('month', now() - interval '1 month') AS begin) m CROSS JOIN generate_series(1, $2::int) n`, o, n)
		exec(t, admin, `UPDATE organizations SET audit_seq = $2 WHERE id = $1`, o, n)
	}
	exec(t, admin, `VACUUM ANALYZE`)
	for name, f := range map[string]*org.AuditLogFilter{
		"all":                        nil,
		"one action in ten":          {Actions: []string{"member.edit"}},
		"a rare action":              {Actions: []string{"org.edit"}},
		"two actions, one of nobody": {Actions: []string{"member.edit", "team.create"}},
		"a common actor":             {Actor: ptr("usr_common")},
		"a rare actor":               {Actor: ptr("usr_rare")},
		"a target":                   {Target: ptr("mem_77")},
		"nobody":                     {Actor: ptr("usr_nobody")},
	} {
		for o, n := range map[string]int{small: 900, large: 60_000} {
			looks, plan, err := d.LooksForAudit(t.Context(), o, n-n/10, f)
			must(t, err)
			t.Logf("%s: %d looks of %d", name, looks, n)
			if looks > 200 {
				t.Errorf("%s takes %d looks: %s", name, looks, plan)
			}
			for i := range 10 {
				_, err := d.AuditBefore(t.Context(), o, n-i*n/100, 1+i, f, org.AuditDetails{})
				must(t, err)
			}
		}
		if f != nil && len(f.Actions) == 0 {
			continue
		}
		var anew, kept int
		must(t, d.Pool().QueryRow(t.Context(), `
SELECT coalesce(max(custom_plans), 0), coalesce(max(generic_plans), 0) FROM pg_prepared_statements WHERE statement LIKE 'SELECT e.id%'`).Scan(&anew, &kept))
		if anew != 5 || kept != 15 {
			t.Errorf("%s was planned %d times, and %d times a kept plan was taken", name, anew, kept)
		}
		d.Pool().Reset()
	}
}

// TestAuditActorsDoNotGrow: who has done something is found without reading the log, or past everybody in it: of twenty thousand who
// have, a page or a part of a label takes as much as of three hundred.
func TestAuditActorsDoNotGrow(t *testing.T) {
	t.Parallel()
	d, admin := open(t)
	small, large := addOrganization(t, d, "small"), addOrganization(t, d, "large")
	for o, n := range map[string]int{small: 300, large: 20_000} {
		exec(t, admin, `
INSERT INTO audit_entries (organization_id, sequence, id, action, actor_id, actor_label, target_label, message)
SELECT $1, n, 'aud_' || $1 || n, 'org.edit', 'usr_' || (n + 1) / 2, CASE (n + 1) / 2 WHEN $2 / 3 THEN 'Xaver Quimby' ELSE 'Person ' || (n + 1) / 2 END, '', ''
  FROM generate_series(1, 2 * $2::int) n`, o, n)
		exec(t, admin, `UPDATE organizations SET audit_seq = 2 * $2::int WHERE id = $1`, o, n)
	}
	exec(t, admin, `VACUUM ANALYZE`)
	for query, want := range map[string]int{"": 100, "person": 100, "quimby": 1, "nobody is called so": 0} {
		found, err := d.AuditActors(t.Context(), large, query, 100)
		must(t, err)
		if len(found) != want {
			t.Errorf("%q finds %d, want %d", query, len(found), want)
		}
		looks := map[string]int{}
		for _, o := range []string{small, large} {
			n, plan, err := d.LooksForActors(t.Context(), o, query, 100)
			must(t, err)
			if looks[o] = n; n > 2500 { // of each of a hundred, whether the log has an entry, is a look or two at each month
				t.Errorf("%q takes %d looks: %s", query, n, plan)
			}
		}
		t.Logf("%q: %d looks in the small one, %d in the large one", query, looks[small], looks[large])
	}
}

// TestAuditActorsAreWhomTheLogTellsOf: by their newest label, once in each organization, and until retention has dropped the last entry.
func TestAuditActorsAreWhomTheLogTellsOf(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	d, admin := open(t)
	o, other := addOrganization(t, d, "acme"), addOrganization(t, d, "other")
	by := func(id *string, label string) *org.AuditLogEntry {
		return &org.AuditLogEntry{Action: org.ActionOrgEdit, ActorID: id, ActorLabel: label}
	}
	must(t, log(ctx, d, o, by(ptr("ann"), "Ann"), by(ptr("ben"), "ben"), by(nil, "Muster"), by(ptr("ann"), "Ann Lee"), by(ptr("cy"), "Cy")))
	must(t, log(ctx, d, o, by(ptr("ben"), "Zoe, once Ben"), by(ptr("cy"), "Cy, for a moment"), by(ptr("cy"), "Cy")))
	must(t, log(ctx, d, other, by(ptr("ann"), "Ann Lee")))
	check := func(what, organization string, want ...string) {
		t.Helper()
		found, err := d.AuditActors(ctx, organization, "", 10)
		must(t, err)
		got := []string{}
		for _, a := range found {
			got = append(got, a.ID+" "+a.Label)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	check("by label", o, "ann Ann Lee", "cy Cy", "ben Zoe, once Ben")
	check("elsewhere", other, "ann Ann Lee")

	exec(t, admin, `CREATE TABLE kept AS SELECT * FROM audit_entries`)
	exec(t, admin, `ALTER TABLE audit_entries DISABLE TRIGGER append_only`)
	exec(t, admin, `UPDATE audit_entries SET created_at = created_at - interval '1 month' WHERE organization_id = $1 AND actor_id = 'cy'`, o)
	exec(t, admin, `DROP TABLE `+month(t, admin, -1))
	check("dropped", o, "ann Ann Lee", "ben Zoe, once Ben")
	must(t, d.ForgetAuditActors(ctx))
	if n := value[int](t, admin, `SELECT count(*) FROM audit_actors`); n != 3 {
		t.Errorf("%d are kept, want two here and one there", n)
	}
	exec(t, admin, `SELECT keep_audit_months()`)
	must(t, log(ctx, d, o, by(ptr("cy"), "Cy again")))
	check("once more", o, "ann Ann Lee", "cy Cy again", "ben Zoe, once Ben")
	exec(t, admin, `INSERT INTO audit_entries SELECT k.* FROM kept k WHERE NOT EXISTS (SELECT FROM audit_entries e WHERE e.id = k.id)`) // no log may have gaps
	exec(t, admin, `UPDATE audit_actors SET label = 'Cy again' WHERE actor_id = 'cy'`)
}

// TestAuditSince: the logs of several organizations in one look, each as AuditAfter gives it.
func TestAuditSince(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	d, _ := open(t)
	ann := addUser(t, d, "ann@example.com")
	after, want := map[string]int{}, map[string]string{}
	for slug, c := range map[string]struct {
		entries, after int
		gives          string
	}{
		"ends-there": {3, 3, "[]"}, "has-one": {4, 3, "[4]"}, "has-more": {9, 2, "[3 4 5 6 7]"}, "is-empty": {0, 0, "[]"},
	} {
		o := addOrganization(t, d, slug)
		for range c.entries {
			must(t, log(ctx, d, o, &org.AuditLogEntry{Action: org.ActionMemberEdit, ActorID: &ann, Data: map[string]any{"slug": slug}}))
		}
		after[o], want[o] = c.after, c.gives
	}
	logs, err := d.AuditSince(ctx, after, 5)
	must(t, err)
	for o := range after {
		if got := fmt.Sprint(sequences(logs[o])); got != want[o] {
			t.Errorf("%s gives %s, want %s", o, got, want[o])
		}
		one, err := d.AuditAfter(ctx, o, after[o], 5, nil)
		must(t, err)
		if diff := cmp.Diff(one, logs[o], cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("of one log and of several (-one +several):\n%s", diff)
		}
	}
}
