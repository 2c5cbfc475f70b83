// The members page as Mercurius serves it, with its JIT: the same statements as the limit's, prepared, on as large a pool.
// Arguments: the address and the database.
import Fastify from 'fastify';
import mercurius from 'mercurius';
import { admit, poolOf } from './gate.mjs';

const [address, database] = process.argv.slice(2);
const [host, port] = address.split(':');
const pool = poolOf(database);

const schema = `
type Query { organization(slug: String!): Organization }
type Organization { members(first: Int = 50, after: String): MemberConnection }
type MemberConnection { nodes: [Member!]! pageInfo: PageInfo! }
type PageInfo { endCursor: String hasNextPage: Boolean! }
type Member { id: ID! role: String! twoFactor: String! user: User! }
type User { id: ID! name: String! email: String }`;

const resolvers = {
  Query: { organization: async (_, { slug }, { headers }) => ({ id: await admit(pool, headers, slug) }) },
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
app.register(mercurius, { schema, resolvers, jit: 1, context: ({ headers }) => ({ headers }) });
for (const page of ['/readyz', '/metrics']) app.get(page, async () => '');
await app.listen({ host, port: Number(port) });
