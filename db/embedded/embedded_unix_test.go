//go:build unix

package embedded

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"
)

func TestFirstStartAndRestart(t *testing.T) {
	t.Parallel()
	// As root, nobody else can enter it. PostgreSQL runs as somebody else.
	private := filepath.Join(t.TempDir(), "private")
	if err := os.Mkdir(private, 0o700); err != nil {
		t.Fatal(err)
	}
	places := map[string]string{
		"plain":          filepath.Join(t.TempDir(), ".muster"),
		"long path":      filepath.Join(t.TempDir(), strings.Repeat("long-", 40), ".muster"),
		"odd name":       filepath.Join(t.TempDir(), "it's [a] d*ta, \"folder\""),
		"empty folder":   emptyDataFolder(t),
		"private parent": filepath.Join(private, ".muster"),
	}
	for name, dir := range places {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first := mustStart(t, dir)
			mustExec(t, first.URL(), `CREATE TABLE kept AS SELECT generate_series(1, 1000)`)
			mustStop(t, first)
			mustNotExist(t, first.endpoint.host)

			second := mustStart(t, dir)
			if n := mustCount(t, second.URL(), "kept"); n != 1000 {
				t.Errorf("%d rows after the restart, want 1000", n)
			}
			info, err := os.Stat(dir)
			if err != nil {
				t.Fatal(err)
			}
			if mode := info.Mode().Perm(); mode != 0o700 {
				t.Errorf("the folder has mode %o, want 700: it holds the secret key", mode)
			}
		})
	}
}

func emptyDataFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "postgres"), 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestDatabaseName(t *testing.T) {
	t.Parallel()
	s, err := Start(testContext(t), Options{Dir: t.TempDir(), Database: `odd "name"/?`})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mustStop(t, s) })
	var name, lower, listen string
	const query = `SELECT current_database(), lower('Ä'), current_setting('listen_addresses')`
	if err := mustConnect(t, s.URL()).QueryRow(testContext(t), query).Scan(&name, &lower, &listen); err != nil {
		t.Fatal(err)
	}
	if name != `odd "name"/?` || lower != "ä" || listen != "" {
		t.Errorf("database %q, lower('Ä') %q, listens on %q", name, lower, listen)
	}
}

func TestStopIsIdempotent(t *testing.T) {
	t.Parallel()
	s := mustStart(t, t.TempDir())
	results := make(chan error, 3)
	for range cap(results) {
		go func() { results <- s.Stop() }()
	}
	for range cap(results) {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if err := syscall.Kill(s.process.pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("PostgreSQL is still there after Stop: %v", err)
	}
	select {
	case <-s.Done():
		t.Error("Done is closed although it was stopped")
	default:
	}
}

// TestStopWithOpenTransaction: a client that does not leave must not hold the shutdown up.
func TestStopWithOpenTransaction(t *testing.T) {
	t.Parallel()
	s := mustStart(t, t.TempDir())
	if _, err := mustConnect(t, s.URL()).Exec(testContext(t), `BEGIN; CREATE TABLE half(); LOCK half`); err != nil {
		t.Fatal(err)
	}
	mustStop(t, s)
}

func TestSecondStartIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := mustStart(t, dir)
	_, err := Start(testContext(t), Options{Dir: dir})
	wantError(t, err, "another Muster is running on "+dir, "process "+strconv.Itoa(os.Getpid()))
	mustExec(t, first.URL(), `CREATE TABLE unharmed()`)
}

func TestSecondProcessIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := startHelper(t, dir)
	_, err := Start(testContext(t), Options{Dir: dir})
	wantError(t, err, "another Muster is running on "+dir, "process "+strconv.Itoa(h.cmd.Process.Pid))
	mustExec(t, h.url, `CREATE TABLE unharmed()`)
}

func TestDoneWhenPostgresDies(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustStart(t, dir)
	if err := s.Err(); err != nil {
		t.Errorf("an error while it runs: %v", err)
	}
	if err := syscall.Kill(s.process.pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.Done():
	case <-testContext(t).Done():
		t.Fatal("Done is not closed")
	}
	wantError(t, s.Err(), "PostgreSQL ended by itself (signal: killed)", s.config.logFile())
	mustStop(t, s)
	mustCount(t, mustStart(t, dir).URL(), "pg_class")
}

func TestCanceledStart(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("the person pressed Ctrl-C"))
	dir := t.TempDir()
	_, err := Start(ctx, Options{Dir: dir})
	wantError(t, err, "the person pressed Ctrl-C")
	mustNotExist(t, filepath.Join(dir, "postgres"))
	mustStart(t, dir)
}

func TestOtherVersionIsRefusedAndUntouched(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mustWrite(t, filepath.Join(dir, "postgres", "PG_VERSION"), "14\n")
	mustWrite(t, filepath.Join(dir, "postgres", "base", "1", "1259"), "precious")
	if os.Geteuid() == 0 {
		chownTree(t, filepath.Join(dir, "postgres"))
	}
	before := snapshot(t, filepath.Join(dir, "postgres"))
	_, err := Start(testContext(t), Options{Dir: dir})
	wantError(t, err, "was written by PostgreSQL 14", "only PostgreSQL ", "is installed")
	if diff := cmp.Diff(before, snapshot(t, filepath.Join(dir, "postgres"))); diff != "" {
		t.Errorf("the directory was touched:\n%s", diff)
	}
}

func chownTree(t *testing.T, dir string) {
	t.Helper()
	a, err := knownAccount()
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		return errors.Join(err, os.Chown(path, int(a.uid), int(a.gid)))
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestStrangeFolderIsRefusedAndUntouched(t *testing.T) {
	t.Parallel()
	for name, file := range map[string]struct{ path, text, says string }{
		"no version":  {"notes.txt", "precious", "no PG_VERSION"},
		"odd version": {"PG_VERSION", "9.6\n", `"9.6"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			mustWrite(t, filepath.Join(dir, "postgres", file.path), file.text)
			if os.Geteuid() == 0 {
				chownTree(t, filepath.Join(dir, "postgres"))
			}
			_, err := Start(testContext(t), Options{Dir: dir})
			wantError(t, err, file.says, "move")
			if got := snapshot(t, dir)[filepath.Join(dir, "postgres", file.path)]; got != file.text {
				t.Errorf("the file holds %q now", got)
			}
		})
	}
}

// TestHalfMadeDirectory: a crash in the middle of initdb leaves its folder behind.
func TestHalfMadeDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	leftover := filepath.Join(dir, halfMade+"123")
	mustWrite(t, filepath.Join(leftover, "PG_VERSION"), "15\n")
	mustWrite(t, filepath.Join(leftover, "base", "1", "1259"), "half")
	mustExec(t, mustStart(t, dir).URL(), `CREATE TABLE works()`)
	mustNotExist(t, leftover)
}

// TestKillDuringInitdb kills the process where half-made folders come from.
func TestKillDuringInitdb(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := spawnHelper(t, dir)
	awaitGlob(t, filepath.Join(dir, halfMade+"*", "base"))
	h.kill(t)
	mustNotExist(t, filepath.Join(dir, "postgres"))
	mustExec(t, mustStart(t, dir).URL(), `CREATE TABLE works()`)
	if left, err := filepath.Glob(filepath.Join(dir, halfMade+"*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}

// TestNothingOfStatementsInLog sends secrets in every way a failing statement knows and looks for them in the log.
func TestNothingOfStatementsInLog(t *testing.T) {
	t.Parallel()
	s := mustStart(t, t.TempDir())
	const canary = "canary-5f1c9d"
	ctx := testContext(t)
	mustExec(t, s.URL(), `CREATE TABLE seeds (seed text UNIQUE); INSERT INTO seeds VALUES ('`+canary+`')`)
	for _, sql := range []string{
		`SELECT '` + canary + `'::int`,                                                         // the message quotes the value
		`INSERT INTO seeds VALUES ('` + canary + `')`,                                          // the detail quotes the key
		`SELECT no_such_function('` + canary + `')`,                                            // the statement
		`DO $$ BEGIN EXECUTE 'SELECT 1/0 AS "` + canary + `"'; END $$`,                         // the context
		`DO $$ BEGIN RAISE WARNING '` + canary + `'; RAISE EXCEPTION '` + canary + `'; END $$`, // on purpose
	} {
		_, err := mustConnect(t, s.URL()).Exec(ctx, sql)
		if refused := (*pgconn.PgError)(nil); sql != "" && !errors.As(err, &refused) {
			t.Errorf("%s: no refusal (%v)", sql, err)
		}
	}
	if _, err := mustConnect(t, s.URL()).Exec(ctx, `SELECT 1 / length(replace($1, $1, ''))`, canary); err == nil {
		t.Error("the statement with a parameter did not fail")
	}
	// A backend that crashes makes PostgreSQL report what it was running.
	conn := mustConnect(t, s.URL())
	if _, err := conn.Exec(ctx, `SET statement_timeout = 0`); err != nil {
		t.Fatal(err)
	}
	crashed := make(chan error, 1)
	go func() {
		_, err := conn.Exec(ctx, `SELECT pg_sleep(60), '`+canary+`'`)
		crashed <- err
	}()
	awaitActive(t, s.URL(), conn.PgConn().PID())
	if err := syscall.Kill(int(conn.PgConn().PID()), syscall.SIGSEGV); err != nil {
		t.Fatal(err)
	}
	if err := <-crashed; err == nil {
		t.Error("the crashed statement did not fail")
	}
	mustStop(t, s)

	text, err := os.ReadFile(s.config.logFile())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, []byte("was terminated by signal 11")) {
		t.Errorf("the crash is not in the log, so this test proves nothing:\n%s", text)
	}
	if bytes.Contains(text, []byte(canary)) {
		t.Errorf("a value reached the log:\n%s", text)
	}
}

func TestLogIsBounded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "postgres.log")
	mustWrite(t, path, strings.Repeat("old line\n", maxLog/9+1))
	s := mustStart(t, dir)
	mustStop(t, s)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(text) > maxLog || bytes.Contains(text, []byte("old line")) || !bytes.Contains(text, []byte("ready to accept connections")) {
		t.Errorf("the log has %d bytes: %.200s", len(text), text)
	}
	mustStop(t, mustStart(t, dir))
	again, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(again, text) {
		t.Error("a short log was not kept")
	}
}

// TestReasonIsShown: what PostgreSQL says when it does not come up is in the error.
func TestReasonIsShown(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustStart(t, dir)
	mustStop(t, s)
	conf, err := os.OpenFile(filepath.Join(s.config.data(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conf.WriteString("\nno_such_setting = 1\n"); err != nil {
		t.Fatal(err)
	}
	if err := conf.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = Start(testContext(t), Options{Dir: dir})
	wantError(t, err, "PostgreSQL does not start", "contains errors", s.config.logFile())
	mustNotExist(t, rememberedSocket(s.config))
}

func TestThrowaway(t *testing.T) {
	t.Parallel()
	s, err := Throwaway(testContext(t), t.TempDir(), "tpl")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mustStop(t, s) })
	var name, fsync string
	err = mustConnect(t, s.URL()).QueryRow(testContext(t), `SELECT current_database(), current_setting('fsync')`).Scan(&name, &fsync)
	if err != nil || name != "tpl" || fsync != "off" {
		t.Errorf("database %q, fsync %q, %v", name, fsync, err)
	}
	mustExec(t, s.URLOf("postgres"), `SELECT 1`)
}
