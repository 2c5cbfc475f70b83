// What the peers ask before they answer: the limit's gate by hand, in one statement, for the session, the membership and the
// requirement.
import { createHash } from 'node:crypto';
import pg from 'pg';

/** As many connections as Muster has, in its role. */
export const poolOf = (database) => new pg.Pool({ connectionString: database, max: 8, options: '-c role=muster_app' });

/** The id of the organization with this slug, where the request's session may see its members. */
export async function admit(pool, headers, slug) {
  const token = (headers.authorization ?? '').replace('Bearer ', '');
  const { rows: [place] } = await pool.query({
    name: 'gate',
    text: `
SELECT s.expires_at, s.used_at, s.ended_at, s.proved_at, u.two_factor, u.frozen_since, o.id, o.require2fa, m.role, m.status
  FROM sessions s JOIN users u ON u.id = s.user_id JOIN organizations o ON o.slug = $2 JOIN members m ON m.organization_id = o.id AND m.user_id = s.user_id
 WHERE s.token_hash = $1`,
    values: [createHash('sha256').update(token).digest(), slug],
  });
  const now = Date.now();
  if (!place || place.ended_at || place.expires_at < now || now - place.used_at > 3_600_000 || place.frozen_since) throw new Error('refused');
  const compliant = !place.require2fa || (place.two_factor !== 'DISABLED' && place.proved_at);
  if (!compliant || place.status !== 'ACTIVE' || !['MANAGER', 'OWNER'].includes(place.role)) throw new Error('refused');
  return place.id;
}
