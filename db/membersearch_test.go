package db_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"muster/db"
	"muster/org"
)

// alphabets are what random names, addresses and searches are made of: few letters each, so that many have them in common; what folding
// makes longer or shorter or sees the neighbours for; and whatever means something to LIKE, to a text search or to a quotation.
var alphabets = []string{"abAB", "annaANNA ", "İiIı", "ßsSẞ", "ΑΣασς. ", "éÉe\u0301", "жЖя", "日本", "👩🏽👩", `%_\`, `'"\ `, `&|!():*<->`, "0123456789"}

func randomText(random *rand.Rand, longest int) string {
	var text []rune
	letters := []rune(alphabets[random.IntN(len(alphabets))])
	for range 1 + random.IntN(longest) {
		if random.IntN(5) == 0 {
			letters = []rune(alphabets[random.IntN(len(alphabets))])
		}
		text = append(text, letters[random.IntN(len(letters))])
	}
	return string(text)
}

// TestSearchesFindWhoHasTheText: random searches of one to five characters, and longer ones, find whoever has the text in their name, or,
// for a manager, in their address, and nobody else, as a plain reading of everybody does, in whatever language the database is; with any
// filter, on pages of any length, before and after names, addresses and places change.
func TestSearchesFindWhoHasTheText(t *testing.T) {
	t.Parallel()
	for language, d := range map[string]func(t *testing.T) (*db.DB, *pgx.Conn){
		"the usual": open,
		"tr-TR":     func(t *testing.T) (*db.DB, *pgx.Conn) { t.Helper(); return openIn(t, "tr-TR") },
		"el-GR":     func(t *testing.T) (*db.DB, *pgx.Conn) { t.Helper(); return openIn(t, "el-GR") },
	} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			random := rand.New(rand.NewPCG(seed, 0))
			d, admin := d(t)
			organizations := []string{addOrganization(t, d, "one"), addOrganization(t, d, "other")}
			const people = 600
			for n := range people {
				name, address := randomText(random, 12), any(fmt.Sprint(randomText(random, 8), "@", n))
				if n%3 == 0 { // long runs of the same, and none of it elsewhere
					name = strings.Repeat(string([]rune(name)[:1]), n/100) + "x" + name
				}
				if n%10 == 9 {
					address = nil
				}
				exec(t, admin, `INSERT INTO users (id, name, email, two_factor) VALUES ($1, $2, $3, $4)`, fmt.Sprint("usr_", n), name, address,
					[]string{"DISABLED", "INSECURE", "SECURE"}[random.IntN(3)])
			}
			exec(t, admin, `
INSERT INTO members (id, organization_id, user_id, role, status)
SELECT 'mem_' || left(o, 3) || right(o, 3) || lpad(n::text, 4, '0') || o, o, 'usr_' || n, (ARRAY['MEMBER', 'ADMIN', 'MANAGER', 'OWNER'])[1 + n * n % 7 % 4], 'ACTIVE'
  FROM generate_series(0, $2::int - 1) n, unnest($1::text[]) o WHERE o = $1[1] OR n % 2 = 0`, organizations, people)
			exec(t, admin, `UPDATE members SET status = 'REMOVED_FOR_2FA', removed_at = now(), reinstatable_until = now() WHERE substr(user_id, 6) LIKE '%7'`)
			for n := range 40 {
				exec(t, admin, `INSERT INTO members (id, organization_id, email, role, status) VALUES ('mem_new' || $2, $1, $3, 'MEMBER', 'INVITED')`,
					organizations[n%2], fmt.Sprint(n), fmt.Sprint(randomText(random, 8), "@", n))
			}
			exec(t, admin, `INSERT INTO teams (id, organization_id, slug, name) SELECT o || 'team', o, 'team', 'team' FROM unnest($1::text[]) o`, organizations)
			exec(t, admin, `INSERT INTO member_teams (organization_id, member_id, team_id) SELECT organization_id, id, organization_id || 'team' FROM members WHERE two_factor <> 'SECURE'`)

			found := 0
			for step := range 240 {
				switch step { // the plans are those of an empty table, of one that PostgreSQL knows, and of one that has changed
				case 80:
					exec(t, admin, `VACUUM ANALYZE`)
				case 160:
					for n := range people {
						if random.IntN(3) == 0 {
							exec(t, admin, `UPDATE users SET name = $2, email = CASE WHEN $3 THEN email END WHERE id = $1`, fmt.Sprint("usr_", n), randomText(random, 12), random.IntN(4) > 0)
						}
					}
					exec(t, admin, `DELETE FROM members WHERE user_id LIKE '%1'`)
					exec(t, admin, `UPDATE members SET user_id = 'usr_' || right(id, 1) || '1', email = NULL, status = 'ACTIVE' WHERE organization_id = $1 AND id IN ('mem_new2', 'mem_new8')`, organizations[0])
				}
				o := &org.Organization{ID: organizations[random.IntN(2)]}
				text := randomText(random, 5)
				if random.IntN(8) == 0 {
					text = value[string](t, admin, `SELECT upper(name) FROM users WHERE id = $1`, fmt.Sprint("usr_", random.IntN(people)))
				}
				f := &org.MemberFilter{
					Query:     &text,
					Status:    pick(random, org.StatusActive, org.StatusInvited, org.StatusRemovedFor2FA),
					Role:      pick(random, org.RoleOwner, org.RoleManager, org.RoleAdmin, org.RoleMember),
					TwoFactor: pick(random, org.TwoFactorDisabled, org.TwoFactorInsecure, org.TwoFactorSecure),
				}
				switch random.IntN(4) {
				case 0:
				case 1:
					f.Teams = []string{o.ID + "team"}
				default:
					f.Status, f.Role, f.TwoFactor = nil, nil, nil
				}
				l := db.MemberList{Organization: o, Filter: f, Manager: random.IntN(2) == 0, Page: org.PageRequest{First: 4 + random.IntN(60)}}
				got := pagesOf(t, d, l)
				want := value[[]string](t, admin, `
SELECT coalesce(array_agg(m.id ORDER BY m.id), '{}') FROM members m LEFT JOIN users u ON u.id = m.user_id
 WHERE m.organization_id = $1 AND ($3 OR m.status = 'ACTIVE')
   AND (position(lower($2) IN lower(u.name)) > 0 OR $3 AND (position(lower($2) IN lower(u.email)) > 0 OR position(lower($2) IN lower(m.email)) > 0))
   AND (cardinality($4::text[]) = 0 OR m.status = ANY($4)) AND (cardinality($5::text[]) = 0 OR m.role = ANY($5)) AND (cardinality($6::text[]) = 0 OR u.two_factor = ANY($6))
   AND (cardinality($7::text[]) = 0 OR EXISTS (SELECT FROM member_teams mt WHERE mt.organization_id = m.organization_id AND mt.member_id = m.id AND mt.team_id = ANY($7)))`,
					o.ID, text, l.Manager, texts(f.Status), texts(f.Role), texts(f.TwoFactor), texts(f.Teams))
				found += len(want)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("%q, %+v, manager %v, pages of %d, step %d (-want +got):\n%s", text, *f, l.Manager, l.Page.First, step, diff)
				}
			}
			if found < 1000 {
				t.Errorf("all searches together found %d", found)
			}
		})
	}
}

// TestSearchesOfMembersSeeNoAddresses: who does not manage members finds nobody by a part of an address, however it is looked for: few
// and many have it, alone or with a part of a name.
func TestSearchesOfMembersSeeNoAddresses(t *testing.T) {
	t.Parallel()
	d, admin := open(t)
	o := &org.Organization{ID: addOrganization(t, d, "one")}
	crowd(t, admin, o.ID, 400)
	for text, managed := range map[string]int{"people.example": 399, "zebra.": 1, "z": 1, "@": 401, "xq@": 1, "yonder": 1, ".": 401, "399@": 1, "person 399": 1} {
		l := db.MemberList{Organization: o, Manager: true, Filter: &org.MemberFilter{Query: &text}, Page: org.PageRequest{First: 50}}
		if n := len(pagesOf(t, d, l)); n < managed {
			t.Errorf("a manager finds %d by %q, want %d", n, text, managed)
		}
		l.Manager = false
		want := 0
		if text == "person 399" {
			want = 1
		}
		if got := pagesOf(t, d, l); len(got) != want {
			t.Errorf("a member finds %d by %q, want %d", len(got), text, want)
		}
	}
}

// pagesOf are the ids of all members of a list, page by page.
func pagesOf(t *testing.T, d *db.DB, l db.MemberList) []string {
	t.Helper()
	ids := []string{}
	for {
		page, err := d.Members(t.Context(), l)
		must(t, err)
		for _, m := range page[:min(len(page), l.Page.First)] {
			ids = append(ids, m.ID)
		}
		if len(page) <= l.Page.First {
			return ids
		}
		l.Page.After = ids[len(ids)-1]
	}
}

func texts[T ~string](values []T) []string {
	texts := []string{}
	for _, v := range values {
		texts = append(texts, string(v))
	}
	return texts
}

// TestListsOfTeamsDoNotGrow: the thousand teams, and projects, that a list shows are read in their order out of twenty thousand, in the
// middle of others', and none is sorted.
func TestListsOfTeamsDoNotGrow(t *testing.T) {
	t.Parallel()
	d, admin := open(t)
	large, few := addOrganization(t, d, "large"), addOrganization(t, d, "few")
	for o, n := range map[string]int{large: 20_000, few: 3000} {
		exec(t, admin, `INSERT INTO teams (id, organization_id, slug, name) SELECT $1 || n, $1, n, md5($1 || n) FROM generate_series(1, $2::int) n`, o, n)
		exec(t, admin, `INSERT INTO projects (id, organization_id, team_id, slug, name) SELECT $1 || n, $1, $1 || n, n, md5(n || $1) FROM generate_series(1, $2::int) n`, o, n)
	}
	exec(t, admin, `VACUUM ANALYZE`)
	for what, list := range map[string]func(context.Context, string) (int, string, error){"teams": d.LooksForTeams, "projects": d.LooksForProjects} {
		n, plan, err := list(t.Context(), large)
		must(t, err)
		if t.Logf("%s: %d looks", what, n); n > 6000 || strings.Contains(plan, `"Sort"`) {
			t.Errorf("%s take %d looks: %s", what, n, plan)
		}
	}
}

// TestSearchesThatWalkOn: where some of the first have the text the walk goes on. It fills the page where as many of the next have it, and
// is given up for the index where none of them has.
func TestSearchesThatWalkOn(t *testing.T) {
	t.Parallel()
	d, admin := open(t)
	for slug, has := range map[string]string{"even": "n % 3 = 0", "gone": "n <= 64 AND n % 3 = 0 OR n > 1400"} {
		o := &org.Organization{ID: addOrganization(t, d, slug)}
		exec(t, admin, `INSERT INTO users (id, name) SELECT $1 || n, CASE WHEN `+has+` THEN 'Weber' ELSE 'Nobody' END FROM generate_series(1, 1500) n`, slug)
		exec(t, admin, `
INSERT INTO members (id, organization_id, user_id, role, status)
SELECT $1 || lpad(n::text, 4, '0'), $2, $1 || n, 'MEMBER', 'ACTIVE' FROM generate_series(1, 1500) n`, slug, o.ID)
		l := db.MemberList{Organization: o, Filter: &org.MemberFilter{Query: ptr("web")}, Page: org.PageRequest{First: 50}}
		want := value[[]string](t, admin, `SELECT array_agg($1 || lpad(n::text, 4, '0') ORDER BY n) FROM generate_series(1, 1500) n WHERE `+has, slug)
		if diff := cmp.Diff(want, pagesOf(t, d, l)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", slug, diff)
		}
	}
}

// TestSearchesWhereTheFirstAreNotLikeTheRest: what a search costs does not grow where the first members say nothing of how many have
// the text: those who founded a company have their addresses at another domain than everybody who has come since. Who has come last
// of all is found too, past all whom a walk looks at.
func TestSearchesWhereTheFirstAreNotLikeTheRest(t *testing.T) {
	t.Parallel()
	d, admin := open(t)
	const n = 23_000
	o := &org.Organization{ID: addOrganization(t, d, "one")}
	exec(t, admin, `
INSERT INTO users (id, name, email)
SELECT 'usr_' || n, 'Person ' || n, n || CASE WHEN n <= 70 THEN '@old.example' WHEN n <= 20500 THEN '@new.example' ELSE '@last.example' END FROM generate_series(1, $1::int) n`, n)
	exec(t, admin, `INSERT INTO members (id, organization_id, user_id, role, status) SELECT 'mem_' || lpad(n::text, 9, '0'), $1, 'usr_' || n, 'MEMBER', 'ACTIVE' FROM generate_series(1, $2::int) n`, o.ID, n)
	exec(t, admin, `VACUUM ANALYZE`)
	list := db.MemberList{Organization: o, Manager: true, Page: org.PageRequest{First: 50}}
	for text, first := range map[string]int{"@new": 71, "@last": 20_501} {
		list.Filter = &org.MemberFilter{Query: &text}
		page, err := d.Members(t.Context(), list)
		must(t, err)
		var got, want []string
		for i, m := range page {
			got, want = append(got, m.ID), append(want, fmt.Sprintf("mem_%09d", first+i))
		}
		if diff := cmp.Diff(want, got); diff != "" || len(page) != 51 {
			t.Errorf("%q finds %d (-want +got):\n%s", text, len(page), diff)
		}
	}
	list.Filter = &org.MemberFilter{Query: ptr("@new")}
	looks, plan, err := d.Looks(t.Context(), list)
	must(t, err)
	if t.Logf("%d looks", looks); looks > 3000 {
		t.Errorf("%d looks for fifty of %d: %s", looks, n, plan)
	}
}
