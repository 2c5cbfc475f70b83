// The members page as Mercurius serves it, with its JIT: the same statements as the limit's, prepared, on as large a pool.
// Arguments: the address and the database.
import { createHash } from 'node:crypto';
import Fastify from 'fastify';
import mercurius from 'mercurius';
import pg from 'pg';

const [address, database] = process.argv.slice(2);
const [host, port] = address.split(':');
const pool = new pg.Pool({ connectionString: database, max: 8 });
pool.on('connect', (connection) => connection.query('SET ROLE muster_app'));
const one = async (name, text, values) => (await pool.query({ name, text, values })).rows[0];

const schema = `
type Query { organization(slug: String!): Organization }
type Organization { members(first: Int = 50, after: String): MemberConnection }
type MemberConnection { nodes: [Member!]! pageInfo: PageInfo! }
type PageInfo { endCursor: String hasNextPage: Boolean! }
type Member { id: ID! role: String! twoFactor: String! user: User! }
type User { id: ID! name: String! email: String }`;

/** The gate by hand, in one statement: the session, the membership and the requirement. */
async function admit(token, slug) {
  const place = await one('gate', `
SELECT s.expires_at, s.used_at, s.ended_at, s.proved_at, u.two_factor, u.frozen_since, o.id, o.require2fa, m.role, m.status
  FROM sessions s JOIN users u ON u.id = s.user_id JOIN organizations o ON o.slug = $2 JOIN members m ON m.organization_id = o.id AND m.user_id = s.user_id
 WHERE s.token_hash = $1`, [createHash('sha256').update(token).digest(), slug]);
  const now = Date.now();
  if (!place || place.ended_at || place.expires_at < now || now - place.used_at > 3_600_000 || place.frozen_since) throw new Error('refused');
  const compliant = !place.require2fa || (place.two_factor !== 'DISABLED' && place.proved_at);
  if (!compliant || place.status !== 'ACTIVE' || !['MANAGER', 'OWNER'].includes(place.role)) throw new Error('refused');
  return place.id;
}

const resolvers = {
  Query: { organization: async (_, { slug }, { token }) => ({ id: await admit(token, slug) }) },
  Organization: {
    async members({ id }, { first, after }) {
      const last = after ? Buffer.from(after, 'base64url').toString().slice(2) : '';
      const { rows } = await pool.query({
        name: 'page',
        text: `
SELECT m.id, m.role, u.two_factor, u.id AS user_id, u.name, u.email FROM members m JOIN users u ON u.id = m.user_id
 WHERE m.organization_id = $1 AND m.id > $2 ORDER BY m.id LIMIT $3`,
        values: [id, last, first + 1],
      });
      const nodes = rows.slice(0, first).map((row) => ({
        id: row.id, role: row.role, twoFactor: row.two_factor, user: { id: row.user_id, name: row.name, email: row.email },
      }));
      return { nodes, pageInfo: { hasNextPage: rows.length > first, endCursor: Buffer.from(`c:${nodes.at(-1)?.id}`).toString('base64url') } };
    },
  },
};

const app = Fastify();
app.register(mercurius, {
  schema, resolvers, jit: 1,
  context: ({ headers }) => ({ token: (headers.authorization ?? '').replace('Bearer ', '') }),
});
for (const page of ['/readyz', '/metrics']) app.get(page, async () => '');
await app.listen({ host, port: Number(port) });
