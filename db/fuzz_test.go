package db_test

import (
	"strings"
	"testing"

	"muster/db"
)

// FuzzKind: a text is an id of a kind that Muster has made, letter by letter, or of none.
func FuzzKind(f *testing.F) {
	for _, seed := range []string{db.NewID(db.UserID), db.NewID(db.AuditEntryID), "usr_", "usr", "_00041061050r3gg28a1c60t3gf", "USR_00041061050r3gg28a1c60t3gf", "usr_zzzzzzzzzzzzzzzzzzzzzzzzzz", "", "usr_\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, id string) {
		kind := db.Kind(id)
		if kind == "" {
			return
		}
		rest, found := strings.CutPrefix(id, kind+"_")
		if !found || len(rest) != 26 || strings.Trim(rest, "0123456789abcdefghjkmnpqrstvwxyz") != "" || strings.Trim(kind, "abcdefghijklmnopqrstuvwxyz_") != "" {
			t.Errorf("%q is a %q", id, kind)
		}
	})
}
