package db_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// The tables of an organization's own things carry its id and are found by it: they could be spread over several servers by
// organization, each with its rows together. A table that is not like that has its reason here.
var (
	global = map[string]string{
		"installation":               "one row",
		"retention":                  "one row",
		"users":                      "people belong to no organization",
		"credentials":                "of people",
		"account_links":              "of people",
		"authenticators":             "of people",
		"totp_seeds":                 "of people",
		"phone_numbers":              "of people",
		"security_keys":              "of people",
		"recovery_codes":             "of people",
		"devices":                    "of people",
		"challenges":                 "of people",
		"phone_codes":                "of people",
		"wrong_codes":                "of people",
		"security_events":            "of people",
		"account_alerts":             "of people",
		"sessions":                   "of people; one that a provider began names the organization that it is good for",
		"ceremonies":                 "of sessions, challenges and tokens",
		"rate_limits":                "of whatever is limited, found by its key",
		"api_tokens":                 "of people; a service token names its organization. Found by what the caller holds",
		"sso_attempts":               "found by what a browser brings back, used up within minutes",
		"two_factor_resets":          "of people; it names the organization that asked, and waits for all others",
		"two_factor_reset_approvals": "of such a request, by whichever organization consents",
		"organizations":              "the tenants themselves",
	}
	// findable are the indexes of tenants' tables that do not begin with the organization, and why.
	findable = map[string]string{
		"members_id":                 "node(id) and mutations name a member and no organization",
		"members_user":               "a person's memberships; it has the organization, so that it can be unique",
		"member_texts_parts":         "each part in it begins with a mark of the organization",
		"audit_actors_search":        "parts of labels have no order to begin with the organization",
		"members_window":             "the clean-up looks at all organizations",
		"teams_id":                   "node(id) and mutations name a team",
		"projects_id":                "node(id) names a project",
		"sweeps_id":                  "jobs and subscriptions name a sweep",
		"audit_entries_id":           "node(id) names an entry",
		"identities_id":              "a mutation names a linked provider",
		"identities_user":            "a person's linked providers; it has the organization, so that it can be unique",
		"invitations_token_hash_key": "a link names no organization. It is unique by 256 random bits, and would be a plain index on several servers",
	}
	// uniqueAlone are unique without the organization.
	uniqueAlone = []string{"invitations_token_hash_key"}
)

// TestTenantsKeysBeginWithTheOrganization: primary keys and indexes begin with organization_id, what is unique is so within an
// organization, and what refers from one tenant's table to another names the organization too: nothing of one can hang on
// another's.
func TestTenantsKeysBeginWithTheOrganization(t *testing.T) {
	t.Parallel()
	_, admin := open(t)
	tenants := map[string]bool{}
	met := map[string]bool{}
	rows, err := admin.Query(t.Context(), `
SELECT c.relname, coalesce(a.attnotnull, false)
  FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'organization_id'
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname !~ '^(river|bun)_'`)
	must(t, err)
	for rows.Next() {
		var table string
		var owned bool
		must(t, rows.Scan(&table, &owned))
		met[table] = true
		_, shared := global[table]
		if tenants[table] = !shared; !shared && !owned {
			t.Errorf("%s is neither among the tables of no organization nor has each row an organization_id", table)
		}
	}
	must(t, rows.Err())

	rows, err = admin.Query(t.Context(), `
SELECT t.relname, c.relname, i.indisprimary, i.indisunique,
       ARRAY(SELECT coalesce(a.attname, '') FROM unnest(i.indkey::int2[]) WITH ORDINALITY k (n, o)
               LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.n AND k.n > 0 ORDER BY k.o)
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
 WHERE t.relnamespace = 'public'::regnamespace`)
	must(t, err)
	for rows.Next() {
		var table, index string
		var primary, unique bool
		var columns []string
		must(t, rows.Scan(&table, &index, &primary, &unique, &columns))
		if !tenants[table] {
			continue
		}
		met[index] = true
		if _, known := findable[index]; (primary || !known) && columns[0] != "organization_id" {
			t.Errorf("%s of %s is on %s, want it to begin with organization_id", index, table, strings.Join(columns, ", "))
		}
		if unique && !slices.Contains(columns, "organization_id") && !slices.Contains(uniqueAlone, index) {
			t.Errorf("%s of %s is unique on %s for all organizations together", index, table, strings.Join(columns, ", "))
		}
	}
	must(t, rows.Err())

	rows, err = admin.Query(t.Context(), `
SELECT c.conname, t.relname, f.relname,
       ARRAY(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY k (n, o) JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.n ORDER BY k.o),
       ARRAY(SELECT a.attname::text FROM unnest(c.confkey) WITH ORDINALITY k (n, o) JOIN pg_attribute a ON a.attrelid = f.oid AND a.attnum = k.n ORDER BY k.o)
  FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid JOIN pg_class f ON f.oid = c.confrelid
 WHERE c.contype = 'f' AND t.relnamespace = 'public'::regnamespace`)
	must(t, err)
	references := 0
	for rows.Next() {
		var name, table, to string
		var from, at []string
		must(t, rows.Scan(&name, &table, &to, &from, &at))
		if !tenants[to] {
			continue
		}
		references++
		if from[0] != "organization_id" || at[0] != "organization_id" {
			t.Errorf("%s: %s (%s) refers to %s (%s), want both to begin with organization_id", name, table, strings.Join(from, ", "), to, strings.Join(at, ", "))
		}
	}
	must(t, rows.Err())
	if references < 4 {
		t.Errorf("%d references among tenants' tables were seen, want at least those of invitations, projects and members' teams", references)
	}
	for _, name := range slices.Concat(slices.Collect(maps.Keys(global)), slices.Collect(maps.Keys(findable)), uniqueAlone) {
		if !met[name] {
			t.Errorf("%s is excepted and does not exist", name)
		}
	}
}
