package dbtest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"muster/db/embedded"
)

// helperMode makes this test binary run as another one, to be looked at from outside.
const helperMode = "DBTEST_TEST_HELPER"

func TestMain(m *testing.M) {
	if os.Getenv(helperMode) == "without main" {
		os.Exit(m.Run())
	}
	Main(m)
}

// as runs one test in a process of its own and returns its output.
func as(t *testing.T, mode, test string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^"+test+"$", "-test.v", "-test.count=1")
	cmd.Env = append(os.Environ(), helperMode+"="+mode)
	output, err := cmd.CombinedOutput()
	return string(output), err
}

func TestNewIsMigratedAndAlone(t *testing.T) {
	t.Parallel()
	for range 3 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			if New(t) == nil {
				t.Fatal("no database")
			}
			begin := time.Now()
			conn := Admin(t, URL(t))
			t.Logf("clone and connect: %s", time.Since(begin))
			ctx := t.Context()
			var organizations int
			if err := conn.QueryRow(ctx, `SELECT count(*) FROM organizations`).Scan(&organizations); err != nil {
				t.Fatal(err)
			}
			// Would fail in the second test if they shared a database.
			if _, err := conn.Exec(ctx, `CREATE TABLE mine()`); err != nil {
				t.Error(err)
			}
			var super bool
			err := conn.QueryRow(ctx, `SELECT rolsuper FROM pg_roles WHERE rolname = current_user`).Scan(&super)
			if err != nil || !super {
				t.Errorf("Admin is no superuser (%v)", err)
			}
		})
	}
}

func TestDatabaseIsDropped(t *testing.T) {
	t.Parallel()
	var url string
	var open *pgx.Conn
	t.Run("a test", func(t *testing.T) {
		url = URL(t)
		var err error
		if open, err = pgx.Connect(t.Context(), url); err != nil { // left open: it must not keep the database
			t.Fatal(err)
		}
	})
	_ = open.Close(t.Context()) // cut by the server
	conn, err := pgx.Connect(t.Context(), url)
	if err == nil {
		_ = conn.Close(t.Context())
		t.Fatal("the database is still there")
	}
	if !strings.Contains(err.Error(), "does not exist") {
		t.Error(err)
	}
}

// TestCheck runs the check on small tables of the same names, so that this test depends on nothing but the contract.
func TestCheck(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		sql  string
		says string
	}{
		"nothing":        {sql: ``},
		"no entries":     {sql: `INSERT INTO o VALUES (1, 0)`},
		"no gap":         {sql: `INSERT INTO o VALUES (1, 2); INSERT INTO e VALUES (1, 1), (1, 2)`},
		"counter behind": {sql: `INSERT INTO o VALUES (1, 1); INSERT INTO e VALUES (1, 1), (1, 2)`, says: "audit_seq 1, last sequence 2, 2 entries"},
		"counter ahead":  {sql: `INSERT INTO o VALUES (1, 1)`, says: "organization 1: audit_seq 1, last sequence 0, 0 entries"},
		"a gap": {
			sql:  `INSERT INTO o VALUES (1, 0), (2, 3); INSERT INTO e VALUES (2, 1), (2, 3)`,
			says: "organization 2: audit_seq 3, last sequence 3, 2 entries",
		},
		"kept figures": {
			sql: `INSERT INTO o VALUES (1, 0, 2, 1, 1, 1); INSERT INTO d VALUES (1, '2026-01-01', 9, 9, 9), (1, '2026-01-02', 2, 1, 1);
				INSERT INTO m VALUES (1, 'a', 'ACTIVE'), (1, 'b', 'ACTIVE'), (1, 'a', 'REMOVED_FOR_2FA'), (1, NULL, 'INVITED');
				INSERT INTO u VALUES ('a', 'SECURE'), ('b', 'DISABLED')`,
		},
		"a wrong count": {
			sql:  `INSERT INTO o VALUES (1, 0, 1, 0, 0, 0); INSERT INTO d VALUES (1, '2026-01-02', 1, 0, 0)`,
			says: "acme keeps 1 active, 0 invited, 0 removed, 0 with 2FA; there are 0, 0, 0, 0",
		},
		"a factor that is not counted": {
			sql:  `INSERT INTO o VALUES (1, 0, 1, 0, 0, 0); INSERT INTO d VALUES (1, '2026-01-02', 1, 0, 0); INSERT INTO m VALUES (1, 'a', 'ACTIVE'); INSERT INTO u VALUES ('a', 'SECURE')`,
			says: "there are 1, 0, 0, 1",
		},
		"a day that was not written": {
			sql:  `INSERT INTO o VALUES (1, 0, 1, 0, 0, 0); INSERT INTO d VALUES (1, '2026-01-02', 2, 0, 0); INSERT INTO m VALUES (1, 'a', 'ACTIVE')`,
			says: "its newest day says 2 active, 0 removed, 0 with 2FA",
		},
		"a copy that is behind": {
			sql: `INSERT INTO o VALUES (1, 0, 1, 0, 0, 1); INSERT INTO d VALUES (1, '2026-01-02', 1, 1, 0); INSERT INTO u VALUES ('a', 'SECURE');
				INSERT INTO m VALUES (1, 'a', 'ACTIVE', 'DISABLED')`,
			says: "the member mem_1 of 1 has a copy that says DISABLED where the account says SECURE",
		},
		"a name that is found by the old one": {
			sql: `INSERT INTO o VALUES (1, 0, 1, 0, 0, 0); INSERT INTO d VALUES (1, '2026-01-02', 1, 0, 0); INSERT INTO u VALUES ('a', 'DISABLED', 'Ada', 'a@x');
				INSERT INTO m VALUES (1, 'a', 'ACTIVE'); INSERT INTO t VALUES (1, 'mem_1', 'Adam', 'a@x')`,
			says: "the member mem_1 of 1 has a copy to be found by that says Adam, a@x where Ada, a@x is right",
		},
		"somebody who is found and is not there": {
			sql:  `INSERT INTO o VALUES (1, 0); INSERT INTO t VALUES (1, 'mem_1', 'Ada', NULL)`,
			says: "the member mem_1 of 1 has a copy to be found by that says Ada,  where ,  is right",
		},
		"actors by their newest label": {
			sql: `INSERT INTO o VALUES (1, 2); INSERT INTO e VALUES (1, 1, 'a', 'Ann'), (1, 2, 'a', 'Anna'); INSERT INTO a VALUES (1, 'a', 'Anna')`,
		},
		"an actor's old label": {
			sql:  `INSERT INTO o VALUES (1, 2); INSERT INTO e VALUES (1, 1, 'a', 'Ann'), (1, 2, 'a', 'Anna'); INSERT INTO a VALUES (1, 'a', 'Ann')`,
			says: "a is kept as Ann among those in the log of 1, which says Anna",
		},
		"an actor who is not kept": {
			sql:  `INSERT INTO o VALUES (1, 1); INSERT INTO e VALUES (1, 1, 'a', 'Ann')`,
			says: "a is kept as  among those in the log of 1, which says Ann",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := URL(t)
			conn := Admin(t, url)
			ctx := t.Context()
			_, err := conn.Exec(ctx, `
				ALTER DATABASE `+conn.Config().Database+` SET search_path = small, public;
				CREATE SCHEMA small; SET search_path = small;
				CREATE TABLE o (id int, audit_seq bigint, active_count bigint DEFAULT 0, invited_count bigint DEFAULT 0,
					removed_count bigint DEFAULT 0, two_factor_count bigint DEFAULT 0, slug text DEFAULT 'acme');
				CREATE TABLE e (organization_id int, sequence bigint, actor_id text, actor_label text); CREATE TABLE a (organization_id int, actor_id text, label text);
				CREATE TABLE m (organization_id int, user_id text, status text, two_factor text, id text DEFAULT 'mem_1', email text);
				CREATE TABLE t (organization_id int, member_id text, name text, email text);
				CREATE TABLE d (organization_id int, day date, active bigint, two_factor bigint, removed bigint);
				CREATE TABLE u (id text, two_factor text, name text, email text);
				`+test.sql+`;
				UPDATE m SET two_factor = coalesce((SELECT u.two_factor FROM u WHERE u.id = m.user_id), '') WHERE two_factor IS NULL;
				INSERT INTO t SELECT organization_id, m.id, name, coalesce(u.email, m.email) FROM m LEFT JOIN u ON u.id = user_id WHERE NOT EXISTS (SELECT FROM t);
				ALTER TABLE t RENAME TO member_texts; ALTER TABLE a RENAME TO audit_actors;
				ALTER TABLE o RENAME TO organizations; ALTER TABLE e RENAME TO audit_entries; ALTER TABLE m RENAME TO members;
				ALTER TABLE d RENAME TO compliance_days; ALTER TABLE u RENAME TO users`)
			if err != nil {
				t.Fatal(err)
			}
			err = check(url)
			if test.says == "" && err != nil || test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)) {
				t.Errorf("says %v, want %q", err, test.says)
			}
			// The test itself has to end with a log without gaps.
			if _, err := conn.Exec(ctx, `DROP SCHEMA small CASCADE`); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestCheckFailsTheTest: a test that leaves a gap fails, although it reports nothing itself.
func TestCheckFailsTheTest(t *testing.T) {
	t.Parallel()
	if os.Getenv(helperMode) == "gap" {
		if _, err := Admin(t, URL(t)).Exec(t.Context(), `DROP TABLE audit_entries CASCADE`); err != nil {
			t.Fatal(err)
		}
		return
	}
	output, err := as(t, "gap", t.Name())
	if err == nil || !strings.Contains(output, "--- FAIL: "+t.Name()) || !strings.Contains(output, "check the audit log") {
		t.Errorf("%v:\n%s", err, output)
	}
}

func TestMissingServerIsAFailure(t *testing.T) {
	t.Parallel()
	if os.Getenv(helperMode) == "no room" {
		shared.places = func() []string { return []string{filepath.Join(t.TempDir(), "missing")} }
		New(t)
		return
	}
	// A machine without PostgreSQL cannot be had here; a folder that cannot be made takes the same way.
	output, err := as(t, "no room", t.Name())
	if err == nil || !strings.Contains(output, "--- FAIL: "+t.Name()) || !strings.Contains(output, "these tests need a PostgreSQL server") {
		t.Errorf("%v:\n%s", err, output)
	}
}

func TestMainIsNeeded(t *testing.T) {
	t.Parallel()
	if os.Getenv(helperMode) == "without main" {
		New(t)
		return
	}
	output, err := as(t, "without main", t.Name())
	if err == nil || !strings.Contains(output, "dbtest.Main(m)") {
		t.Errorf("%v:\n%s", err, output)
	}
}

// TestNothingIsLeft: neither the folder nor the server outlives Main.
func TestNothingIsLeft(t *testing.T) {
	t.Parallel()
	if os.Getenv(helperMode) == "tidy" {
		New(t)
		t.Logf("folder=%s", filepath.Dir(shared.dir.path))
		return
	}
	output, err := as(t, "tidy", t.Name())
	if err != nil {
		t.Fatalf("%v:\n%s", err, output)
	}
	_, rest, found := strings.Cut(output, "folder=")
	folder, _, _ := strings.Cut(rest, "\n")
	if !found || !strings.Contains(folder, scratchPrefix) {
		t.Fatalf("no folder in:\n%s", output)
	}
	if _, err := os.Stat(folder); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there (%v)", folder, err)
	}
}

func TestSweep(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	old := time.Now().Add(-2 * unlockedFor)
	for _, name := range []string{"killed", "young", "used"} {
		if err := os.MkdirAll(filepath.Join(parent, scratchPrefix+name, "server"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(parent, "foreign"), 0o700); err != nil {
		t.Fatal(err)
	}
	lock, err := embedded.LockDir(filepath.Join(parent, scratchPrefix+"used"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lock.Unlock() })
	for _, name := range []string{scratchPrefix + "killed", scratchPrefix + "used", "foreign"} {
		if err := os.Chtimes(filepath.Join(parent, name), old, old); err != nil {
			t.Fatal(err)
		}
	}
	if err := sweep(parent); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{scratchPrefix + "killed": false, scratchPrefix + "young": true, scratchPrefix + "used": true, "foreign": true} {
		if _, err := os.Stat(filepath.Join(parent, name)); (err == nil) != want {
			t.Errorf("%s: there %v, want %v", name, err == nil, want)
		}
	}
}

func TestRoomy(t *testing.T) {
	t.Parallel()
	if roomy(t.TempDir(), 1<<62) {
		t.Error("a folder with four exabytes")
	}
	if roomy(filepath.Join(t.TempDir(), "missing"), 0) {
		t.Error("a folder that is not there has room")
	}
}

// BenchmarkClone measures what a test pays for its database: clone, check, drop.
func BenchmarkClone(b *testing.B) {
	URL(b) // starts the server
	b.ResetTimer()
	for b.Loop() {
		if err := shared.clone("bench"); err != nil {
			b.Fatal(err)
		}
		if err := check(shared.pg.URLOf("bench")); err != nil {
			b.Fatal(err)
		}
		if err := shared.exec(`DROP DATABASE bench WITH (FORCE)`); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSetup measures what a package pays once: server and migrations.
func BenchmarkSetup(b *testing.B) {
	for b.Loop() {
		s := server{places: places}
		if err := errors.Join(s.start(), s.stop()); err != nil {
			b.Fatal(err)
		}
	}
}
