// Package dbtest gives every test a real PostgreSQL database of its own, migrated and empty.
//
// A package's TestMain calls Main; its tests call New or URL. The first of them starts one server for the test binary,
// in memory where there is room, and migrates a template; each test gets a clone of that in a few hundredths of a
// second. When a test ends, its database must still have a gapless audit log.
//
// It refuses to skip: without PostgreSQL the tests fail and say what to install. Its servers keep nothing through a crash,
// so tests of crashes and recovery start theirs with package embedded. As this package imports muster/db, tests inside
// of package db have to be in package db_test.
package dbtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"muster/db"
	"muster/db/embedded"
)

const (
	template = "tpl"
	// startLimit bounds the start of the server with the migrations: two seconds, on a machine that is busy with others.
	startLimit = 2 * time.Minute
	// stepLimit bounds each statement around a test, so that a lock that a test forgot is a failure, not a hang.
	stepLimit = 30 * time.Second
)

// server is the one of this test binary. It is started once; err stays when that failed, so each test says why.
type server struct {
	once   sync.Once
	err    error
	dir    *scratch
	pg     *embedded.Server
	places func() []string
	clones atomic.Int64
}

var (
	shared  = server{places: places}
	running atomic.Bool // inside Main
)

// Main is a package's whole TestMain: it runs the tests, stops the server if a test started it, removes all that it left,
// and exits.
func Main(m *testing.M) {
	running.Store(true)
	code := m.Run()
	if err := shared.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "dbtest:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// New opens a database of the test's own. It is closed, checked and dropped when the test ends.
func New(tb testing.TB) *db.DB {
	tb.Helper()
	url := URL(tb)
	// The context may outlive the call inside of a DB, and the test's own one ends before its cleanups.
	opened, err := db.Open(context.WithoutCancel(tb.Context()), url)
	if err != nil {
		tb.Fatalf("dbtest: open the test's database: %v", err)
	}
	tb.Cleanup(opened.Close)
	return opened
}

// URL is the connection string, as superuser, of a database of the test's own, for tests that start whole servers. It is
// checked and dropped when the test ends; connections that are still open are cut.
func URL(tb testing.TB) string {
	tb.Helper()
	if !running.Load() {
		tb.Fatal("dbtest: this package needs func TestMain(m *testing.M) { dbtest.Main(m) }")
	}
	shared.once.Do(func() { shared.err = shared.start() })
	if shared.err != nil {
		tb.Fatalf("dbtest: these tests need a PostgreSQL server: %v", shared.err)
	}
	name := "t" + strconv.FormatInt(shared.clones.Add(1), 10)
	if err := shared.clone(name); err != nil {
		tb.Fatalf("dbtest: %v", err)
	}
	url := shared.pg.URLOf(name)
	tb.Cleanup(func() {
		if err := check(url); err != nil {
			tb.Errorf("dbtest: %v", err)
		}
		if err := shared.exec(`DROP DATABASE ` + name + ` WITH (FORCE)`); err != nil {
			tb.Errorf("dbtest: drop the test's database: %v", err)
		}
	})
	return url
}

// Admin is a connection as superuser to the database of a URL, for tests that look or break into it. It is closed when the
// test ends, before the database is dropped.
func Admin(tb testing.TB, url string) *pgx.Conn {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), stepLimit)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		tb.Fatalf("dbtest: connect as superuser: %v", err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), stepLimit)
		defer cancel()
		_ = conn.Close(ctx) // a test may have cut it on purpose
	})
	return conn
}

// ServerLog is what PostgreSQL has written into its log so far, for this test and for all that ran before and beside it.
func ServerLog(tb testing.TB) string {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join(shared.dir.path, "postgres.log"))
	if err != nil {
		tb.Fatalf("dbtest: read the server's log: %v", err)
	}
	return string(text)
}

func (s *server) start() (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	if s.dir, err = newScratch(s.places()); err != nil {
		return err
	}
	if s.pg, err = embedded.Throwaway(ctx, s.dir.path, template); err != nil {
		return err
	}
	if err := db.Migrate(ctx, s.pg.URL(), 0); err != nil {
		return fmt.Errorf("migrate the template: %w", err)
	}
	return nil
}

func (s *server) stop() error {
	var failed error
	if s.pg != nil {
		failed = s.pg.Stop()
	}
	if s.dir != nil {
		failed = errors.Join(failed, s.dir.remove())
	}
	return failed
}

// clone copies the template. Files are copied rather than logged: in memory that is three times as fast.
func (s *server) clone(name string) error {
	if err := s.exec(`CREATE DATABASE ` + name + ` TEMPLATE ` + template + ` STRATEGY file_copy`); err != nil {
		return fmt.Errorf("clone the template: %w", err)
	}
	return nil
}

// exec runs one statement on a connection of its own: tests run in parallel, and no goroutine of a pool is left for
// those of them that look for leaks.
func (s *server) exec(sql string) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), stepLimit)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.pg.URLOf("postgres"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	_, err = conn.Exec(ctx, sql)
	return err
}
