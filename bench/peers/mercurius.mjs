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

/** The gate by hand: the session, the membership and the requirement. */
async function admit(token, slug) {
  const session = await one('session', `
SELECT s.user_id, s.expires_at, s.used_at, s.ended_at, s.proved_at, u.two_factor, u.frozen_since
  FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.token_hash = $1`, [createHash('sha256').update(token).digest()]);
  const now = Date.now();
  if (!session || session.ended_at || session.expires_at < now || now - session.used_at > 3_600_000 || session.frozen_since) throw new Error('refused');
  const place = await one('place', `
SELECT o.id, o.require2fa, m.role, m.status FROM organizations o JOIN members m ON m.organization_id = o.id
 WHERE o.slug = $1 AND m.user_id = $2`, [slug, session.user_id]);
  const compliant = place && (!place.require2fa || (session.two_factor !== 'DISABLED' && session.proved_at));
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
