package db

import "github.com/jackc/pgx/v5/pgxpool"

// Pool is the pool of serving connections, for tests that try what Muster itself never does.
func (d *DB) Pool() *pgxpool.Pool { return d.pool }
