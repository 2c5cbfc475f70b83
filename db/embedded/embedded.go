// Package embedded runs a PostgreSQL of Muster's own, for a first run on a machine where nothing is configured.
//
// It finds the PostgreSQL that is installed, keeps its data below one folder, listens on a Unix socket that only its own
// account can reach, and recovers by itself from crashes and kill -9, of Muster or of PostgreSQL.
//
// It refuses to download anything, to share a folder between two Musters, and to delete or re-initialise a data
// directory, whatever state that is in: a directory of another major version is an error, never a fresh start.
// It is not for production, where an operator runs PostgreSQL and sets DATABASE_URL.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// superuser is the only role that a fresh server has; Muster's migrations make the others.
	superuser = "postgres"
	// defaultDatabase is the database that Start makes when Options names none.
	defaultDatabase = "muster"
)

// Options say where the server lives. Dir is the only one that must be set.
type Options struct {
	// Dir is Muster's folder (usually .muster). It is created with mode 0700 when missing; data goes to Dir/postgres, the
	// log to Dir/postgres.log.
	Dir string
	// Log gets a line for what a person waits for or should know. Nil discards.
	Log *slog.Logger
	// Database is created when missing. Empty means "muster".
	Database string
}

// Server is a running PostgreSQL that this process started. Its methods may be called from any goroutine.
type Server struct {
	config   config
	process  *process
	endpoint endpoint
	lock     *Lock
	log      *slog.Logger

	stopOnce sync.Once
	stopErr  error
	stopping chan struct{}

	done chan struct{}
	died error // written before done is closed
}

// Start runs PostgreSQL on o.Dir and returns when it answers and the database exists: about a second the first time,
// well below that later, longer when it has to recover from a crash. ctx bounds the start only; a server that has
// started lives until Stop, or until this process ends in whatever way (on Linux at once, elsewhere the next start
// ends it).
//
// Errors are sentences for the person at the terminal: no PostgreSQL installed, another Muster on the same folder, a data
// directory of another major version (which is left as it is), or PostgreSQL's own reason.
func Start(ctx context.Context, o Options) (*Server, error) {
	if o.Dir == "" {
		return nil, errors.New("the embedded PostgreSQL needs a folder: set Options.Dir")
	}
	database := o.Database
	if database == "" {
		database = defaultDatabase
	}
	return start(ctx, config{dir: o.Dir, database: database, log: o.Log, settings: localSettings()})
}

// Throwaway runs a PostgreSQL for tests on dir, which should lie in memory: nothing is synced to disk, and the server is
// killed rather than shut down when this process ends. Whatever it held is lost with the machine, and may be damaged
// after a crash. dir must exist; the caller removes it after Stop.
func Throwaway(ctx context.Context, dir, database string) (*Server, error) {
	return start(ctx, config{dir: dir, database: database, settings: throwawaySettings(), throwaway: true})
}

// localSettings suit one small server beside its only client. The log settings keep what people sent out of the log:
// log_min_messages=log leaves out ERROR lines (they quote values: invalid input syntax for type integer: "…"; Muster gets
// every one of them as the statement's answer), and terse leaves out DETAIL, which quotes keys and a crashed
// backend's whole statement.
func localSettings() []string {
	return []string{
		"log_min_messages=log",
		"log_error_verbosity=terse",
		"log_statement=none",
		"log_min_error_statement=panic",
		"log_min_duration_statement=-1",
		"log_parameter_max_length=0",
		"log_parameter_max_length_on_error=0",
		"log_destination=stderr",
		"logging_collector=off",
		"log_checkpoints=off",
		"lc_messages=C",
		"jit=off",
		"wal_level=minimal",
		"max_wal_senders=0",
		"max_wal_size=512MB",
	}
}

// throwawaySettings trade all durability for speed, and leave room for many test databases at once.
func throwawaySettings() []string {
	return append(
		localSettings(),
		"fsync=off",
		"full_page_writes=off",
		"synchronous_commit=off",
		"autovacuum=off",
		"max_connections=300",
		"shared_buffers=64MB",
		"max_wal_size=256MB",
	)
}

// config is what Start and Throwaway differ in.
type config struct {
	dir       string
	database  string
	log       *slog.Logger
	settings  []string
	throwaway bool
}

func (c config) data() string    { return filepath.Join(c.dir, "postgres") }
func (c config) logFile() string { return filepath.Join(c.dir, "postgres.log") }

// endpoint is where a server listens and how to be let in.
type endpoint struct {
	host     string // a directory (Unix socket) or an address
	port     string
	password string // empty where the socket's directory is the guard
	settings []string
}

func (e endpoint) url(database string) string {
	query := url.Values{
		"host":    {e.host},
		"port":    {e.port},
		"user":    {superuser},
		"sslmode": {"disable"}, // never leaves this machine
	}
	if e.password != "" {
		query.Set("password", e.password)
	}
	return "postgres:///" + url.PathEscape(database) + "?" + query.Encode()
}

func start(ctx context.Context, c config) (_ *Server, err error) {
	if c.dir, err = filepath.Abs(c.dir); err != nil {
		return nil, fmt.Errorf("find the data folder: %w", err)
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	var undo []func()
	defer func() {
		if err != nil {
			for i := len(undo) - 1; i >= 0; i-- {
				undo[i]()
			}
		}
	}()

	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	lock, err := lockPatiently(ctx, c.dir)
	if err != nil {
		return nil, err
	}
	undo = append(undo, func() { _ = lock.Unlock() })

	// From here on nobody else works in the folder: what earlier runs left behind is ours to judge.
	account, err := chooseAccount(c.data())
	if err != nil {
		return nil, err
	}
	bin, err := prepareData(ctx, c, account)
	if err != nil {
		return nil, err
	}
	if err := clearStale(ctx, bin, c.data(), c.log); err != nil {
		return nil, err
	}
	at, err := listenAt(c, account)
	if err != nil {
		return nil, err
	}
	undo = append(undo, func() { _ = at.remove(c) })

	output, err := openLog(c.logFile())
	if err != nil {
		return nil, err
	}
	defer func() { _ = output.Close() }() // PostgreSQL has its own descriptor
	offset, err := output.Seek(0, 2)
	if err != nil {
		return nil, fmt.Errorf("read the end of PostgreSQL's log: %w", err)
	}
	process, err := launch(ctx, bin, c, at, account, output)
	if err != nil {
		return nil, fmt.Errorf("start PostgreSQL from %s: %w", bin, err)
	}
	undo = append(undo, func() { _ = process.stop(c.throwaway) })

	if err := awaitReady(ctx, c, process, offset); err != nil {
		return nil, err
	}
	if err := ensureDatabase(ctx, at, c.database); err != nil {
		return nil, err
	}
	s := &Server{
		config: c, process: process, endpoint: at, lock: lock, log: c.log,
		stopping: make(chan struct{}), done: make(chan struct{}),
	}
	go s.watch()
	return s, nil
}

// awaitReady waits until PostgreSQL has written "ready" into its lock file, as pg_ctl does: trying to connect instead
// would fill the log with refusals while it recovers.
func awaitReady(ctx context.Context, c config, p *process, logOffset int64) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	patience := time.After(5 * time.Second)
	for {
		if f, err := readPIDFile(c.data()); err == nil && f.pid == p.pid && f.status == "ready" {
			return nil
		}
		select {
		case <-p.exited:
			return fmt.Errorf("PostgreSQL does not start: %s (its log is %s)", logTail(c.logFile(), logOffset), c.logFile())
		case <-ctx.Done():
			return fmt.Errorf("wait for PostgreSQL: %w", context.Cause(ctx))
		case <-patience:
			c.log.InfoContext(ctx, "PostgreSQL is still starting, probably recovering after a crash", "log", c.logFile())
		case <-tick.C:
		}
	}
}

func ensureDatabase(ctx context.Context, at endpoint, database string) (err error) {
	conn, err := pgx.Connect(ctx, at.url("postgres"))
	if err != nil {
		return fmt.Errorf("connect to the PostgreSQL just started: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	var exists bool
	const find = `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`
	if err := conn.QueryRow(ctx, find, database).Scan(&exists); err != nil {
		return fmt.Errorf("look for database %s: %w", database, err)
	}
	if exists {
		return nil
	}
	if _, err := conn.Exec(ctx, `CREATE DATABASE `+pgx.Identifier{database}.Sanitize()); err != nil {
		return fmt.Errorf("create database %s: %w", database, err)
	}
	return nil
}

func (s *Server) watch() {
	<-s.process.exited
	select {
	case <-s.stopping:
	default:
		s.died = fmt.Errorf("PostgreSQL ended by itself (%s), its log is %s", s.process.how(), s.config.logFile())
		close(s.done)
	}
}

// URL is the connection string of the database, as its superuser, for pgx and libpq. It is good until Stop and differs
// from run to run.
func (s *Server) URL() string { return s.URLOf(s.config.database) }

// URLOf is the connection string of another database of the same server, which need not exist yet.
func (s *Server) URLOf(database string) string { return s.endpoint.url(database) }

// Done is closed when PostgreSQL ends although nobody called Stop. Err then says how.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err is nil until Done is closed, then a sentence that names the log to read.
func (s *Server) Err() error {
	select {
	case <-s.done:
		return s.died
	default:
		return nil
	}
}

// Stop shuts PostgreSQL down (fast: open transactions are rolled back), waits for it, and frees the folder. After 30
// seconds without success it uses force, which costs the next start a recovery, and says so. Calling it again
// waits for the first call and returns the same.
func (s *Server) Stop() error {
	s.stopOnce.Do(func() {
		close(s.stopping)
		s.stopErr = errors.Join(s.process.stop(s.config.throwaway), s.endpoint.remove(s.config), s.lock.Unlock())
	})
	return s.stopErr
}
