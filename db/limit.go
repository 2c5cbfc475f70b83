package db

import (
	"context"
	"time"
)

// Limit allows a number of hits in any window of a length.
type Limit struct {
	Hits   int
	Window time.Duration
}

// Spend counts one hit of key against up to two limits, the shorter first, and commits it. It answers zero when the hit
// is within both, else how long to wait (in a transaction it counts with it); a refused hit is not counted. The window slides: five in five minutes is five
// in any five minutes. One statement, so that hits at once on several instances are counted one after the other.
func (q Queries) Spend(ctx context.Context, key string, short, long Limit) (wait time.Duration, err error) {
	var seconds float64
	err = q.pg.QueryRow(ctx, `
INSERT INTO rate_limits AS r (key, hits, expires_at) VALUES ($1, ARRAY[clock_timestamp()], clock_timestamp() + $5::interval)
ON CONFLICT (key) DO UPDATE SET
  hits = CASE WHEN (SELECT count(*) FILTER (WHERE h > clock_timestamp() - $3::interval) < $2 AND count(*) < $4
                      FROM unnest(r.hits) h WHERE h > clock_timestamp() - $5::interval)
              THEN array_append(ARRAY(SELECT h FROM unnest(r.hits) h WHERE h > clock_timestamp() - $5::interval ORDER BY h), clock_timestamp())
              ELSE array_append(ARRAY(SELECT h FROM unnest(r.hits) h WHERE h > clock_timestamp() - $5::interval ORDER BY h), NULL) END,
  expires_at = clock_timestamp() + $5::interval
RETURNING CASE WHEN hits[cardinality(hits)] IS NOT NULL THEN 0 ELSE greatest(1,
  extract(epoch FROM greatest(
    (SELECT h + $3::interval FROM unnest(hits) h WHERE h > clock_timestamp() - $3::interval ORDER BY h DESC OFFSET $2 - 1 LIMIT 1),
    (SELECT h + $5::interval FROM unnest(hits) h WHERE h IS NOT NULL ORDER BY h DESC OFFSET $4 - 1 LIMIT 1)) - clock_timestamp())) END`,
		key, short.Hits, short.Window, long.Hits, long.Window).Scan(&seconds)
	return time.Duration(seconds * float64(time.Second)), err
}

// Wait says how long a key has to wait, zero where its next hit is within both limits; it counts nothing.
func (d *DB) Wait(ctx context.Context, key string, short, long Limit) (time.Duration, error) {
	var seconds float64
	err := d.pg.QueryRow(ctx, `
WITH hit AS (SELECT h FROM rate_limits, unnest(hits) h WHERE key = $1 AND h > clock_timestamp() - $5::interval)
SELECT coalesce(extract(epoch FROM greatest(
  (SELECT h + $3::interval FROM hit WHERE h > clock_timestamp() - $3::interval ORDER BY h DESC OFFSET $2 - 1 LIMIT 1),
  (SELECT h + $5::interval FROM hit ORDER BY h DESC OFFSET $4 - 1 LIMIT 1)) - clock_timestamp()), 0)`,
		key, short.Hits, short.Window, long.Hits, long.Window).Scan(&seconds)
	return time.Duration(seconds * float64(time.Second)), err
}

// Forgive takes back the last hit of a key: what turned out right was no guess. A refusal since then has left a NULL.
func (d *DB) Forgive(ctx context.Context, key string) error {
	_, err := d.pg.Exec(ctx, `
UPDATE rate_limits SET hits = trim_array(array_remove(hits, NULL), 1) WHERE key = $1 AND cardinality(array_remove(hits, NULL)) > 0`, key)
	return err
}

// ForgetHits takes back all hits of a key.
func (q Queries) ForgetHits(ctx context.Context, key string) error {
	_, err := q.pg.Exec(ctx, `DELETE FROM rate_limits WHERE key = $1`, key)
	return err
}

// DeleteEnded deletes what has ended and nobody will ask for: limits, challenges, codes and, after thirty days, sessions,
// API tokens and requests to reset a factor: entries of the logs tell of those.
func (d *DB) DeleteEnded(ctx context.Context) error {
	for _, sql := range []string{
		`DELETE FROM rate_limits WHERE expires_at < clock_timestamp()`,
		`DELETE FROM challenges WHERE expires_at < clock_timestamp()`,
		`DELETE FROM sso_attempts WHERE expires_at < clock_timestamp()`,
		`DELETE FROM account_links WHERE expires_at < clock_timestamp()`,
		`DELETE FROM ceremonies WHERE expires_at < clock_timestamp()`,
		`DELETE FROM phone_codes WHERE expires_at < clock_timestamp()`,
		`DELETE FROM authenticators WHERE confirmed_at IS NULL AND removed_at IS NULL AND created_at < clock_timestamp() - interval '1 day'`,
		`DELETE FROM authenticators WHERE removed_at < clock_timestamp() - interval '` + reportable + `' AND user_id NOT IN (SELECT id FROM users WHERE frozen_since IS NOT NULL)`,
		`DELETE FROM recovery_codes WHERE replaced_at < clock_timestamp() - interval '` + reportable + `' AND user_id NOT IN (SELECT id FROM users WHERE frozen_since IS NOT NULL)`,
		`DELETE FROM account_alerts WHERE expires_at < clock_timestamp() - interval '1 day'`,
		`DELETE FROM devices WHERE used_at < clock_timestamp() - interval '1 year'`,
		`DELETE FROM two_factor_resets WHERE ended_at < clock_timestamp() - interval '30 days'`,
		`DELETE FROM sessions WHERE expires_at < clock_timestamp() - interval '30 days'`,
		`DELETE FROM api_tokens WHERE least(expires_at, revoked_at) < clock_timestamp() - interval '30 days'`,
	} {
		if _, err := d.pg.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}
