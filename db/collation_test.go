package db_test

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"muster/db"
	"muster/db/dbtest"
	"muster/org"
)

// TestOrderIsTheSameInEveryLanguage: in a database that sorts as Estonians do, z before t, or as Czechs do, ch after h, members are
// paged and swept in order of joining all the same, each once, and the latest sweep is the latest.
func TestOrderIsTheSameInEveryLanguage(t *testing.T) {
	t.Parallel()
	for _, language := range []string{"et-EE", "cs-CZ"} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			d, admin := openIn(t, language)

			o := &org.Organization{ID: addOrganization(t, d, "acme")}
			var want []string
			for i, first := range strings.Split("0 9 a ch d h s t u v w x y z", " ") { // as bytes are ordered
				for _, second := range strings.Split("0 aa cz h i l lz t y z", " ") {
					want = append(want, "mem_"+first+second)
					exec(t, admin, `INSERT INTO users (id, name, email) VALUES ($1, $1, $2)`, "usr_"+first+second, fmt.Sprint(i, second, "@people.example"))
					exec(t, admin, `INSERT INTO members (id, organization_id, user_id, role, status) VALUES ('mem_' || $2, $1, 'usr_' || $2, 'MEMBER', 'ACTIVE')`, o.ID, first+second)
				}
			}
			slices.Sort(want)
			for what, l := range map[string]db.MemberList{
				"all":                 {Manager: true},
				"for a member":        {},
				"active":              {Manager: true, Filter: &org.MemberFilter{Status: []org.MemberStatus{org.StatusActive}}},
				"without 2FA":         {Manager: true, Filter: &org.MemberFilter{TwoFactor: []org.TwoFactorState{org.TwoFactorDisabled}}},
				"affected":            {Manager: true, Affected: true},
				"searched":            {Manager: true, Filter: &org.MemberFilter{Query: ptr("people.example")}},
				"searched by anybody": {Filter: &org.MemberFilter{Query: ptr("usr")}},
			} {
				var got []string
				for more := true; more; {
					l.Organization, l.Page.First = o, 7
					page, err := d.Members(t.Context(), l)
					must(t, err)
					more = len(page) > l.Page.First
					for _, m := range page[:min(len(page), l.Page.First)] {
						got = append(got, m.ID)
					}
					l.Page.After = got[len(got)-1]
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", what, diff)
				}
			}
			var swept []string
			for more := true; more; {
				after := ""
				if len(swept) > 0 {
					after = swept[len(swept)-1]
				}
				ids, err := d.NonCompliant(t.Context(), o.ID, after, 7)
				must(t, err)
				swept, more = append(swept, ids...), len(ids) > 0
			}
			if diff := cmp.Diff(want, swept); diff != "" {
				t.Errorf("swept (-want +got):\n%s", diff)
			}
			const earlier, later = "swp_01katy0000e0080000000000ab", "swp_01katz0000e0080000000000ab" // by 17 minutes
			for _, id := range []string{earlier, later} {
				exec(t, admin, `INSERT INTO sweeps (id, organization_id, actor_id, actor_label, state, total) VALUES ($1, $2, 'usr_00', 'x', 'DONE', 0)`, id, o.ID)
			}
			latest, err := d.LatestSweep(t.Context(), o.ID)
			must(t, err)
			if latest.ID != later {
				t.Errorf("the latest sweep is said to be %s", latest.ID)
			}
		})
	}
}

// openIn is open with a database in one of ICU's languages.
func openIn(t *testing.T, language string) (*db.DB, *pgx.Conn) {
	t.Helper()
	own := dbtest.URL(t)
	at, err := url.Parse(own)
	must(t, err)
	name := at.Path[1:] + "_" + strings.ToLower(strings.ReplaceAll(language, "-", "_"))
	exec(t, dbtest.Admin(t, own), fmt.Sprintf(
		`CREATE DATABASE %s TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE '%s' LC_COLLATE 'C' LC_CTYPE 'C'`, name, language,
	))
	at.Path = "/" + name
	must(t, db.Migrate(t.Context(), at.String(), 0))
	d, err := db.Open(context.WithoutCancel(t.Context()), at.String())
	must(t, err)
	t.Cleanup(d.Close)
	return d, dbtest.Admin(t, at.String())
}

// TestIdsAreOrderedByTheirBytes: no column of an id follows the database's language.
func TestIdsAreOrderedByTheirBytes(t *testing.T) {
	t.Parallel()
	_, admin := open(t)
	if wrong := value[[]string](t, admin, `
SELECT coalesce(array_agg(table_name || '.' || column_name), '{}') FROM information_schema.columns
 WHERE table_schema = 'public' AND table_name NOT LIKE 'river%' AND data_type = 'text' AND (column_name = 'id' OR column_name LIKE '%\_id')
   AND collation_name IS DISTINCT FROM 'C'`); len(wrong) > 0 {
		t.Errorf("%v are ordered as the database is", wrong)
	}
}
