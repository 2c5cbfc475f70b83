package db_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"muster/db"
	"muster/org"
)

// crowd fills an organization with n people, of whom one is an owner, three have no second factor, one is invited, one has a name
// and an address like nobody's, and the last are in a small team while all are in a large one.
func crowd(t *testing.T, admin *pgx.Conn, organizationID string, n int) {
	t.Helper()
	exec(t, admin, `
INSERT INTO users (id, name, email, two_factor)
SELECT 'usr_' || $1 || '_' || n, CASE n WHEN $2 / 2 THEN 'Xaver Quimby' ELSE 'Person ' || n END,
       CASE n WHEN $2 / 2 THEN 'xq@zebra.' || lower($1) || '.example' ELSE n || '@' || lower($1) || '.people.example' END,
       CASE WHEN n > $2 - 3 THEN 'DISABLED' WHEN n % 2 = 0 THEN 'SECURE' ELSE 'INSECURE' END
  FROM generate_series(1, $2::int) n`, organizationID, n)
	exec(t, admin, `
INSERT INTO members (id, organization_id, user_id, role, status)
SELECT 'mem_' || $1 || '_' || lpad(n::text, 9, '0'), $1, 'usr_' || $1 || '_' || n, CASE n WHEN $2 - 9 THEN 'OWNER' ELSE 'MEMBER' END, 'ACTIVE'
  FROM generate_series(1, $2::int) n`, organizationID, n)
	exec(t, admin, `INSERT INTO members (id, organization_id, email, role, status) VALUES ('mem_' || $1 || '_invited', $1, 'new@yonder.example', 'MEMBER', 'INVITED')`,
		organizationID)
	exec(t, admin, `ANALYZE members`) // else the references' checks are planned for an empty table
	exec(t, admin, `INSERT INTO teams (id, organization_id, slug, name) SELECT $1 || n, $1, n, n FROM unnest(ARRAY['all', 'few', 'none']) n`, organizationID)
	exec(t, admin, `
INSERT INTO member_teams (organization_id, member_id, team_id)
SELECT $1, 'mem_' || $1 || '_' || lpad(n::text, 9, '0'), $1 || team FROM generate_series(1, $2::int) n, unnest(ARRAY['all', 'few']) team
 WHERE team = 'all' OR n > $2 - 5`, organizationID, n)
}

// TestPagesOfMembersDoNotGrow: what PostgreSQL looks at for a page is about the same in an organization of three hundred and in one of
// twenty thousand, however few are looked for. Whatever went through them all would take twenty thousand looks at least. In a small one
// PostgreSQL may well go through them all, once.
func TestPagesOfMembersDoNotGrow(t *testing.T) {
	t.Parallel()
	d, admin := open(t)
	small, large := &org.Organization{ID: addOrganization(t, d, "small")}, &org.Organization{ID: addOrganization(t, d, "large")}
	swept := &org.Organization{ID: addOrganization(t, d, "swept")} // of whom nearly all were removed
	crowd(t, admin, small.ID, 300)
	crowd(t, admin, large.ID, 20_000)
	crowd(t, admin, swept.ID, 10_000)
	alike := &org.Organization{ID: addOrganization(t, d, "alike")} // of whom all are active members without a second factor
	exec(t, admin, `INSERT INTO users (id, name, email) SELECT 'usr_alike' || n, 'Éowyn Zwölf', n || '@alike.example' FROM generate_series(1, 10000) n`)
	exec(t, admin, `
INSERT INTO members (id, organization_id, user_id, role, status)
SELECT 'mem_alike' || lpad(n::text, 9, '0'), $1, 'usr_alike' || n, 'MEMBER', 'ACTIVE' FROM generate_series(1, 10000) n`, alike.ID)
	exec(t, admin, `UPDATE members SET status = 'REMOVED_FOR_2FA', removed_at = now(), reinstatable_until = now()
 WHERE organization_id = $1 AND status = 'ACTIVE' AND id < 'mem_' || $1 || '_000009900'`, swept.ID)
	exec(t, admin, `VACUUM ANALYZE`)
	filter := func(f org.MemberFilter) db.MemberList { return db.MemberList{Manager: true, Filter: &f} }
	for name, l := range map[string]db.MemberList{
		"the first":                       {Manager: true},
		"for a member":                    {},
		"the invited":                     filter(org.MemberFilter{Status: []org.MemberStatus{org.StatusInvited}}),
		"the owner":                       filter(org.MemberFilter{Role: []org.Role{org.RoleOwner}}),
		"without 2FA":                     filter(org.MemberFilter{TwoFactor: []org.TwoFactorState{org.TwoFactorDisabled}}),
		"managers and admins":             filter(org.MemberFilter{Role: []org.Role{org.RoleManager, org.RoleAdmin}}),
		"owners without 2FA":              filter(org.MemberFilter{Role: []org.Role{org.RoleOwner}, TwoFactor: []org.TwoFactorState{org.TwoFactorDisabled}}),
		"removed":                         filter(org.MemberFilter{Status: []org.MemberStatus{org.StatusRemovedFor2FA}}),
		"a rare name":                     filter(org.MemberFilter{Query: ptr("quimby")}),
		"a rare address":                  filter(org.MemberFilter{Query: ptr("@zebra.")}),
		"an invited address":              filter(org.MemberFilter{Query: ptr("yonder")}),
		"nobody's name":                   filter(org.MemberFilter{Query: ptr("nobody is called so")}),
		"a name for a member":             {Filter: &org.MemberFilter{Query: ptr("quimby")}},
		"a rare letter":                   filter(org.MemberFilter{Query: ptr("Q")}),
		"a rare pair":                     filter(org.MemberFilter{Query: ptr("zE")}),
		"nobody's letter":                 filter(org.MemberFilter{Query: ptr("ß")}),
		"nobody's pair":                   filter(org.MemberFilter{Query: ptr("qq")}),
		"a pair for a member":             {Filter: &org.MemberFilter{Query: ptr("xa")}},
		"a name that others have":         filter(org.MemberFilter{Query: ptr("zwölf")}),
		"a letter that others have":       filter(org.MemberFilter{Query: ptr("É")}),
		"a long text":                     filter(org.MemberFilter{Query: ptr(strings.Repeat("person 17", 20))}),
		"a part of all names":             filter(org.MemberFilter{Query: ptr("person")}),
		"a part of all names without 2FA": filter(org.MemberFilter{Query: ptr("person"), TwoFactor: []org.TwoFactorState{org.TwoFactorDisabled}}),
		"a letter of all names":           filter(org.MemberFilter{Query: ptr("e")}),
		"secure":                          filter(org.MemberFilter{TwoFactor: []org.TwoFactorState{org.TwoFactorSecure}}),
		"active owners":                   filter(org.MemberFilter{Status: []org.MemberStatus{org.StatusActive}, Role: []org.Role{org.RoleOwner}}),
		"a rare name of a role":           filter(org.MemberFilter{Query: ptr("quimby"), Role: []org.Role{org.RoleMember}}),
		"everybody's team":                filter(org.MemberFilter{Teams: []string{"all"}}),
		"a small team":                    filter(org.MemberFilter{Teams: []string{"few"}}),
		"an empty team":                   filter(org.MemberFilter{Teams: []string{"none"}}),
		"two teams without 2FA":           filter(org.MemberFilter{Teams: []string{"all", "few"}, TwoFactor: []org.TwoFactorState{org.TwoFactorDisabled}}),
		"the affected":                    {Manager: true, Affected: true},
		"the unmailable":                  {Manager: true, Affected: true, Unmailable: true},
	} {
		l.Page.First = 50
		looks := map[*org.Organization]int{}
		for _, o := range []*org.Organization{small, large, swept, alike} {
			l := l
			l.Organization = o
			if l.Filter != nil && l.Filter.Teams != nil { // the organization's own are meant
				f := *l.Filter
				f.Teams = nil
				for _, team := range l.Filter.Teams {
					f.Teams = append(f.Teams, o.ID+team)
				}
				l.Filter = &f
			}
			n, plan, err := d.Looks(t.Context(), l)
			must(t, err)
			if looks[o] = n; n > 500 && (o != small || n > 1500) { // in the small one five for each
				t.Errorf("%s takes %d looks in %s: %s", name, n, o.ID, plan)
			}
		}
		t.Logf("%s: %d looks in the small one, %d in the large one, %d where most are removed, %d where all are alike",
			name, looks[small], looks[large], looks[swept], looks[alike])
	}
	deep := db.MemberList{Organization: large, Manager: true, Page: org.PageRequest{First: 50, After: "mem_" + large.ID + "_000015000"}}
	if n, plan, err := d.Looks(t.Context(), deep); err != nil || n > 500 {
		t.Errorf("a page from the depth takes %d looks: %s %v", n, plan, err)
	}
}

// TestPagesOfMembersWhoAreAlikeDoNotGrow: where all members of a database are active and alike, a standing is no rarer than a status for all
// that PostgreSQL knows, and a page of a standing that nobody has is read along the index that has it all the same.
func TestPagesOfMembersWhoAreAlikeDoNotGrow(t *testing.T) {
	t.Parallel()
	d, admin := open(t)
	o := &org.Organization{ID: addOrganization(t, d, "alike")}
	exec(t, admin, `INSERT INTO users (id, name, two_factor) SELECT 'usr_' || n, 'Person', 'SECURE' FROM generate_series(1, 10000) n`)
	exec(t, admin, `
INSERT INTO members (id, organization_id, user_id, role, status)
SELECT 'mem_' || lpad(n::text, 9, '0'), $1, 'usr_' || n, 'MEMBER', 'ACTIVE' FROM generate_series(1, 10000) n`, o.ID)
	exec(t, admin, `VACUUM ANALYZE`)
	for name, l := range map[string]db.MemberList{
		"an owner":     {Manager: true, Filter: &org.MemberFilter{Role: []org.Role{org.RoleOwner}}},
		"without 2FA":  {Manager: true, Filter: &org.MemberFilter{TwoFactor: []org.TwoFactorState{org.TwoFactorDisabled}}},
		"the affected": {Manager: true, Affected: true},
		"the invited":  {Manager: true, Filter: &org.MemberFilter{Status: []org.MemberStatus{org.StatusInvited}}},
		"for a member": {},
	} {
		l.Organization, l.Page.First = o, 50
		n, plan, err := d.Looks(t.Context(), l)
		must(t, err)
		if t.Logf("%s: %d looks", name, n); n > 500 {
			t.Errorf("%s takes %d looks: %s", name, n, plan)
		}
	}
}

// TestPagesOfMembersKeepTheirPlan: PostgreSQL plans a page of everybody, of standings or of a search five times, to see what that is worth, and then keeps
// one plan for any organization, cursor, length and standing.
func TestPagesOfMembersKeepTheirPlan(t *testing.T) {
	t.Parallel()
	d, admin := openWith(t, "pool_max_conns=1")
	small, large := &org.Organization{ID: addOrganization(t, d, "small")}, &org.Organization{ID: addOrganization(t, d, "large")}
	crowd(t, admin, small.ID, 300)
	crowd(t, admin, large.ID, 20_000)
	exec(t, admin, `VACUUM ANALYZE`)
	for name, l := range map[string]db.MemberList{
		"a plain page": {Manager: true},
		"for a member": {},
		"without 2FA":  {Manager: true, Filter: &org.MemberFilter{TwoFactor: []org.TwoFactorState{org.TwoFactorDisabled}}},
		"a search":     {Manager: true, Filter: &org.MemberFilter{Query: ptr("quimby")}},
	} {
		for i := range 20 {
			if l.Organization = small; i%2 > 0 {
				l.Organization = large
			}
			l.Page = org.PageRequest{First: 1 + i%7, After: fmt.Sprintf("mem_%s_%09d", l.Organization.ID, 10*i)}
			_, err := d.Members(t.Context(), l)
			must(t, err)
		}
		const made = `SELECT coalesce(max(custom_plans), 0), coalesce(max(generic_plans), 0) FROM pg_prepared_statements WHERE statement LIKE 'SELECT m.id%'`
		var anew, kept int
		must(t, d.Pool().QueryRow(t.Context(), made).Scan(&anew, &kept))
		if anew != 5 || kept != 15 {
			t.Errorf("%s was planned %d times, and %d times a kept plan was taken", name, anew, kept)
		}
		d.Pool().Reset()
	}
}

// TestPagesOfMembersAreWhatTheirFilterSays: random filters give whom a plain condition on each member gives, in the same order, on pages
// that follow each other.
func TestPagesOfMembersAreWhatTheirFilterSays(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	d, admin := open(t)
	o := &org.Organization{ID: addOrganization(t, d, "one")}
	other := addOrganization(t, d, "other")
	crowd(t, admin, o.ID, 120)
	crowd(t, admin, other, 40)
	exec(t, admin, `UPDATE members SET role = (ARRAY['MEMBER', 'ADMIN', 'MANAGER', 'OWNER'])[1 + substr(id, length(id))::int % 4] WHERE organization_id = $1 AND user_id IS NOT NULL`, o.ID)
	exec(t, admin, `UPDATE members SET status = 'REMOVED_FOR_2FA', removed_at = now(), reinstatable_until = now() WHERE id LIKE '%7'`)
	exec(t, admin, `UPDATE users SET two_factor = 'DISABLED' WHERE id LIKE '%3'`)
	exec(t, admin, `UPDATE users SET two_factor = 'SECURE' WHERE id LIKE '%13'`)
	exec(t, admin, `INSERT INTO members (id, organization_id, email, role, status) SELECT 'mem_' || n, $1, n || '@new.example', 'ADMIN', 'INVITED' FROM generate_series(1, 9) n`, o.ID)
	exec(t, admin, `UPDATE members SET status = 'ACTIVE', user_id = 'usr_' || $1 || '_5', email = NULL WHERE id = 'mem_3'`, other)

	for range 200 {
		f := &org.MemberFilter{
			Status:    pick(random, org.StatusActive, org.StatusInvited, org.StatusRemovedFor2FA),
			Role:      pick(random, org.RoleOwner, org.RoleManager, org.RoleAdmin, org.RoleMember),
			TwoFactor: pick(random, org.TwoFactorDisabled, org.TwoFactorInsecure, org.TwoFactorSecure),
		}
		if queries := []string{"", "person", "PERSON 1", "quimby", "new", "@", "7", "x_", "%"}; random.IntN(2) == 0 {
			f.Query = &queries[random.IntN(len(queries))]
		}
		l := db.MemberList{Organization: o, Filter: f, Manager: random.IntN(2) == 0, Page: org.PageRequest{First: 1 + random.IntN(20)}}
		var got []string
		for range 200 {
			page, err := d.Members(t.Context(), l)
			must(t, err)
			for _, m := range page[:min(len(page), l.Page.First)] {
				got = append(got, m.ID)
			}
			if len(page) <= l.Page.First {
				break
			}
			l.Page.After = got[len(got)-1]
		}
		where := []string{"m.organization_id = $1"}
		in := func(column string, values any, n int) {
			if n > 0 {
				where = append(where, column+" IN ('"+strings.Join(strings.Fields(strings.Trim(fmt.Sprint(values), "[]")), "','")+"')")
			}
		}
		in("m.status", f.Status, len(f.Status))
		in("m.role", f.Role, len(f.Role))
		in("u.two_factor", f.TwoFactor, len(f.TwoFactor))
		if !l.Manager {
			where = append(where, "m.status = 'ACTIVE'")
		}
		query := ""
		if f.Query != nil && *f.Query != "" {
			query = *f.Query
			seen := "u.name"
			if l.Manager {
				seen = "concat(u.name, E'\n', u.email, E'\n', m.email)"
			}
			where = append(where, "position(lower($2) IN lower("+seen+")) > 0")
		}
		want := value[[]string](t, admin, `SELECT coalesce(array_agg(m.id ORDER BY m.id), '{}') FROM members m LEFT JOIN users u ON u.id = m.user_id
 WHERE $2::text IS NOT NULL AND `+strings.Join(where, " AND "), o.ID, query)
		if diff := cmp.Diff(want, append([]string{}, got...)); diff != "" {
			t.Fatalf("%+v, query %q, manager %v (-want +got):\n%s", *f, query, l.Manager, diff)
		}
	}
}

// pick is some of the values, often none.
func pick[T any](random *rand.Rand, values ...T) []T {
	if random.IntN(2) == 0 {
		return nil
	}
	random.Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
	return slices.Clone(values[:1+random.IntN(len(values))])
}
