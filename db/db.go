// Package db is all SQL of Muster: Bun on pgx, migrations, wake-ups, jobs' storage.
//
// It stores and finds what package org describes and decides nothing: no permission, no rule. Bun serves the ordinary
// reads and writes whose values are Muster's own: ids that were found before, roles, switches. Whatever somebody typed, rows
// that hold a secret, and the hot pages go through parameterised pgx on the same pool, because Bun writes values into the
// SQL text, which pg_stat_activity shows, and PostgreSQL's log when the statement fails. Transactions are opened by package
// app, through InTx.
package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
	"go.jetify.com/typeid"

	"muster/org"
)

// AppRole is the PostgreSQL role of serving connections: it owns nothing and can only add to the audit log.
const AppRole = "muster_app"

// querier is what the pool and a transaction have in common.
type querier interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Queries are the reads, the same inside and outside a transaction.
type Queries struct {
	pg  querier
	bun bun.IDB
}

// DB is a pool of serving connections.
type DB struct {
	Queries
	pool  *pgxpool.Pool
	sql   *sql.DB
	bundb *bun.DB
	jobs  *river.Client[pgx.Tx]
	waker *waker
}

// Tx is one transaction: Bun's statements, prepared pgx statements and job insertions share it.
type Tx struct {
	Queries
	pgx     pgx.Tx
	jobs    *river.Client[pgx.Tx]
	wakeups []string
}

// poolSize is enough for two cores' worth of PostgreSQL work with some waiting on locks; `pool_max_conns` in the URL
// overrides it.
const poolSize = 16

// Open connects to the database at url as muster_app: it logs in as that role, or becomes it after logging in as another.
func Open(ctx context.Context, url string) (*DB, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("DATABASE_URL is not a PostgreSQL connection URL, like postgres://user:password@host/database")
	}
	if !strings.Contains(url, "pool_max_conns") {
		config.MaxConns = poolSize
	}
	config.PingTimeout, config.ConnConfig.Tracer = pingPatience, bound{}
	if config.ConnConfig.ConnectTimeout == 0 { // connect_timeout of the URL
		config.ConnConfig.ConnectTimeout = connectPatience
	}
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, "SET idle_in_transaction_session_timeout = "+idleTransaction); err != nil {
			return fmt.Errorf("bound how long a transaction may be silent: %w", err)
		}
		// What is reckoned dear is compiled first, which takes longer than any statement of Muster's.
		if _, err := conn.Exec(ctx, "SET jit = off"); err != nil {
			return fmt.Errorf("turn off the compiling of statements: %w", err)
		}
		if _, err := conn.Exec(ctx, "SET ROLE "+AppRole); err != nil {
			return fmt.Errorf("become the role %[1]s (GRANT %[1]s TO the role of DATABASE_URL, or let DATABASE_URL sign in as %[1]s): %[2]w", AppRole, err)
		}
		return nil
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("reach the database: %w", err)
	}
	inserter, err := river.NewClient(riverpgxv5.New(nil), &river.Config{})
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("prepare the jobs: %w", err)
	}
	sqldb := stdlib.OpenDBFromPool(pool)
	bundb := bun.NewDB(sqldb, pgdialect.New())
	d := &DB{Queries: Queries{pg: pool, bun: bundb}, pool: pool, sql: sqldb, bundb: bundb, jobs: inserter}
	d.waker = newWaker(notify{pool})
	return d, nil
}

// Close rings the last wake-ups and closes all connections.
func (d *DB) Close() {
	d.waker.close()
	_ = d.sql.Close()
	d.pool.Close()
}

// Connections is how many connections the pool may have.
func (d *DB) Connections() int { return int(d.pool.Config().MaxConns) }

// Ping says whether the database answers.
func (d *DB) Ping(ctx context.Context) error { return d.pool.Ping(ctx) }

// KeepMark remembers the mark of a new database's key, and says whether this is the one that it remembers.
func (d *DB) KeepMark(ctx context.Context, mark []byte) (ok bool, err error) {
	if _, err := d.pool.Exec(ctx, `INSERT INTO installation (key_mark) VALUES ($1) ON CONFLICT DO NOTHING`, mark); err != nil {
		return false, err
	}
	err = d.pool.QueryRow(ctx, `SELECT key_mark = $1 FROM installation`, mark).Scan(&ok)
	return ok, err
}

// InTx runs fn in one transaction, read committed, and commits when fn returns nil. Wake-ups ring after the commit.
func (d *DB) InTx(ctx context.Context, fn func(tx *Tx) error) (err error) {
	conn, err := d.bundb.Conn(ctx)
	if err != nil {
		return fmt.Errorf("take a connection: %w", err)
	}
	defer func() { _ = conn.Close() }()
	var raw *pgx.Conn
	// The connection is used outside of Raw, since Raw holds the lock that Bun's statements need; it stays ours until Close.
	if err := conn.Raw(func(driver any) error { raw = driver.(*stdlib.Conn).Conn(); return nil }); err != nil {
		return fmt.Errorf("take a connection: %w", err)
	}
	ptx, err := raw.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() {
		// After a commit this does nothing; after a cancelled request it still has to reach the server.
		cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		_ = ptx.Rollback(cleanup)
	}()
	tx := &Tx{Queries: Queries{pg: ptx, bun: conn}, pgx: ptx, jobs: d.jobs}
	if err := fn(tx); err != nil {
		return err
	}
	if err := ptx.Commit(ctx); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	d.waker.ring(tx.wakeups...)
	return nil
}

// Enqueue adds jobs that exist if and only if the transaction commits.
func (t *Tx) Enqueue(ctx context.Context, jobs ...river.JobArgs) error {
	if len(jobs) == 0 {
		return nil
	}
	params := make([]river.InsertManyParams, len(jobs))
	for i, job := range jobs {
		params[i] = river.InsertManyParams{Args: job}
	}
	if _, err := t.jobs.InsertManyFastTx(ctx, t.pgx, params); err != nil {
		return fmt.Errorf("add jobs: %w", err)
	}
	return nil
}

// NewID makes an id with its type in front, sortable by time (TypeID: UUIDv7 in base32).
func NewID(prefix string) string {
	id, err := typeid.WithPrefix(prefix)
	if err != nil {
		// Only a prefix that is not [a-z_] fails, and the prefixes are constants.
		panic(err)
	}
	return id.String()
}

// The prefixes of ids.
const (
	UserID          = "usr"
	OrganizationID  = "org"
	MemberID        = "mem"
	TeamID          = "team"
	ProjectID       = "prj"
	AuditEntryID    = "aud"
	SweepID         = "swp"
	AuthenticatorID = "aut"
	SessionID       = "ses"
	TokenID         = "tok"
	ChallengeID     = "chl"
	PhoneCodeID     = "cod"
	SecurityEventID = "evt"
	ResetID         = "rst"
	IdentityID      = "idn"
)

// Kind is the type in front of an id, "" for what is no id of Muster.
func Kind(id string) string {
	parsed, err := typeid.FromString(id)
	if err != nil {
		return ""
	}
	return parsed.Prefix()
}

// all reads rows into structs by column names.
func all[T any](ctx context.Context, q querier, sql string, args ...any) ([]*T, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToAddrOfStructByNameLax[T])
}

// one reads one row, or NOT_FOUND.
func one[T any](ctx context.Context, q querier, sql string, args ...any) (*T, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	row, err := pgx.CollectExactlyOneRow(rows, pgx.RowToAddrOfStructByNameLax[T])
	return row, notFound(err)
}

// column reads the one column of all rows.
func column[T any](ctx context.Context, q querier, sql string, args ...any) ([]T, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[T])
}

// notFound turns "no rows" into the refusal.
func notFound(err error) error {
	if errors.Is(err, sql.ErrNoRows) || errors.Is(err, pgx.ErrNoRows) {
		return org.ErrNotFound
	}
	return err
}

// violates says whether err is a violation of the named constraint or unique index.
func violates(err error, constraint string) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.ConstraintName == constraint
}

// Deadlock says whether err is PostgreSQL's end of a transaction that waited in a circle: nothing of it has happened.
func Deadlock(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.Code == "40P01" // deadlock_detected
}

// text is a nullable column's value: NULL for "".
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
