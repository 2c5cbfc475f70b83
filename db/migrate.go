package db

import (
	"context"
	"embed"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/migrate"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrationLock is the advisory lock that lets one instance migrate at a time; the number is arbitrary and Muster's own.
const migrationLock = 0x6d757374

// Migrate brings the database at url to this version's schema: Muster's tables, River's tables, the role muster_app and
// its grants. Instances that start at once wait for each other. The url's role must own the tables and may create roles.
// Of the audit logs at least auditMonths are kept from now on, 0 for all; older ones go when KeepAuditMonths is called.
func Migrate(ctx context.Context, url string, auditMonths int) error {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return errors.New("MUSTER_MIGRATE_URL is not a PostgreSQL connection URL, like postgres://user:password@host/database")
	}
	config.MaxConns = 4 // one holds the lock while others migrate, whatever pool_max_conns says for serving
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	defer pool.Close()
	lock, err := pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("reach the database: %w", err)
	}
	defer lock.Release()
	if _, err := lock.Exec(ctx, "SELECT pg_advisory_lock($1)", migrationLock); err != nil {
		return fmt.Errorf("wait for other migrations: %w", err)
	}
	// Closing the connection gives the lock back even where ctx has ended.
	defer func() { _ = lock.Conn().Close(context.WithoutCancel(ctx)) }()

	if err := migrateMuster(ctx, pool); err != nil {
		return err
	}
	river, err := rivermigrate.New(riverpgxv5.New(pool), nil)
	if err != nil {
		return fmt.Errorf("read the jobs' migrations: %w", err)
	}
	if _, err := river.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("migrate the jobs' tables: %w", err)
	}
	if err := unburden(ctx, lock.Conn()); err != nil {
		return err
	}
	if err := retain(ctx, lock.Conn(), auditMonths); err != nil {
		return err
	}
	return grant(ctx, lock.Conn())
}

// unburden drops two of River's indexes, by which its web interface finds jobs by what is in them. Nothing here does that, and
// they are dear: an insertion that finds their list of pending rows full waits until all of them are sorted in, and they only
// ever grow, since the serving role may not rebuild them.
func unburden(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.Exec(ctx, `DROP INDEX IF EXISTS river_job_args_index, river_job_metadata_index`); err != nil {
		return fmt.Errorf("drop indexes of the jobs that nothing uses: %w", err)
	}
	return nil
}

// retain says how much of the audit logs is kept, and sees to their months before anybody writes. Other instances may serve
// meanwhile: what it waits for with a lock on the log, everybody would wait for, so it drops no month and waits a second at a
// time.
func retain(ctx context.Context, conn *pgx.Conn, auditMonths int) error {
	_, err := conn.Exec(ctx, `
INSERT INTO retention (audit_months) VALUES ($1) ON CONFLICT (one) DO UPDATE SET audit_months = excluded.audit_months`, auditMonths)
	if err != nil {
		return fmt.Errorf("set how much of the audit logs is kept: %w", err)
	}
	for range 10 {
		err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, lockQuickly+`; SELECT add_audit_months()`)
			return err
		})
		if refused := new(pgconn.PgError); !errors.As(err, &refused) || refused.Code != lockNotAvailable {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("make the audit log's months: %w", err)
	}
	return nil
}

func migrateMuster(ctx context.Context, pool *pgxpool.Pool) error {
	sqldb := stdlib.OpenDBFromPool(pool)
	defer func() { _ = sqldb.Close() }()
	found := migrate.NewMigrations()
	if err := found.Discover(migrations); err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	migrator := migrate.NewMigrator(bun.NewDB(sqldb, pgdialect.New()), found, migrate.WithMarkAppliedOnSuccess(true))
	if err := migrator.Init(ctx); err != nil {
		return fmt.Errorf("prepare the migrations: %w", err)
	}
	if _, err := migrator.Migrate(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// grant gives muster_app what serving needs and no more. It runs at every start, so that River's new tables are covered.
// The logs and the mark of the key are append-only: muster_app reads and adds.
func grant(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, `
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'muster_app') THEN CREATE ROLE muster_app NOLOGIN; END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; -- another database of this server was migrated meanwhile
END $$;
DO $$ BEGIN -- so that one URL is enough: the migrating role may become muster_app
  EXECUTE format('GRANT muster_app TO %I' || CASE WHEN current_setting('server_version_num')::int >= 160000 THEN ' WITH SET TRUE' ELSE '' END, current_user);
EXCEPTION WHEN insufficient_privilege THEN NULL; -- with two URLs it need not; with one, connecting says what is missing
END $$;
GRANT USAGE ON SCHEMA public TO muster_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO muster_app;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO muster_app;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO muster_app;
REVOKE UPDATE, DELETE, TRUNCATE ON audit_entries, security_events, installation FROM muster_app;
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON bun_migrations, bun_migration_locks, retention FROM muster_app;
DO $$ DECLARE month regclass; BEGIN -- a month is read and written through the log only
  FOR month IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'audit_entries'::regclass LOOP
    EXECUTE format('REVOKE ALL ON %s FROM muster_app', month);
  END LOOP;
END $$;`)
	if err != nil {
		return fmt.Errorf("grant to the role %s: %w", AppRole, err)
	}
	return nil
}

// Analyze tells the planner what the tables hold now: after many rows at once it would plan for a minute as if they were
// empty. The url's role must own the tables.
func Analyze(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("reach the database: %w", err)
	}
	_, err = conn.Exec(ctx, "ANALYZE")
	return errors.Join(err, conn.Close(ctx))
}
