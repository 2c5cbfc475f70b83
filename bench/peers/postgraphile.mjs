// PostGraphile on Muster's tables: the members page as it makes it of them by itself, behind the limit's gate, and the live log
// by its listen(). Arguments: the address and the database.
import { createServer } from 'node:http';
import { parse } from 'graphql';
import pg from 'pg';
import { postgraphile } from 'postgraphile';
import { jsonParse } from 'postgraphile/@dataplan/json';
import { PgSubscriber, makePgService } from 'postgraphile/adaptors/pg';
import { context, listen } from 'postgraphile/grafast';
import { grafserv } from 'postgraphile/grafserv/node';
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber';
import { extendSchema } from 'postgraphile/utils';
import { admit, poolOf } from './gate.mjs';

const [address, database] = process.argv.slice(2);
const [host, port] = address.split(':');
const pool = poolOf(database);

/** Of sockets, so that the bench knows when all are there. */
let subscribers = 0;
class Counting extends PgSubscriber {
  subscribe(topic) {
    subscribers++;
    return super.subscribe(topic);
  }
}

/** An organization's log: its channel is the organization, and a notification the entry. */
const log = extendSchema({
  typeDefs: parse(`
extend type Subscription { auditLog(organizationId: ID!, after: Int): Entry }
type Entry { id: ID! sequence: Int! action: String! actorLabel: String! targetLabel: String message: String! createdAt: String! }`),
  objects: {
    Subscription: {
      plans: {
        auditLog: {
          subscribePlan: (_, { $organizationId }) => listen(context().get('pgSubscriber'), $organizationId, (notification) => jsonParse(notification)),
          plan: (entry) => entry,
        },
      },
    },
  },
});

const instance = postgraphile({
  extends: [PostGraphileAmberPreset],
  plugins: [log],
  disablePlugins: ['NodePlugin'],
  pgServices: [makePgService({
    // The owner of the tables is asked what they are; a connection of its own listens.
    pool, superuserConnectionString: database, schemas: ['public'], pgSubscriber: new Counting(new pg.Pool({ connectionString: database, max: 1 })),
  })],
  // Nobody is asked whether they are still there, and nobody is cut off: a server that is behind would cut off everybody.
  grafserv: { graphiql: false, watch: false, websockets: true, websocketKeepalive: 0 },
  grafast: {
    explain: false,
    // Of requests over HTTP; sockets come without one.
    async context({ node }, { variableValues }) {
      if (node) await admit(pool, node.req.headers, variableValues.slug);
      return {};
    },
  },
});

const server = createServer();
await instance.createServ(grafserv).addTo(server);
const [graphql] = server.listeners('request');
server.removeAllListeners('request').on('request', (request, response) => {
  if (request.url === '/graphql') graphql(request, response);
  else response.end(request.url === '/subscribers' ? String(subscribers) : '');
});
server.listen(Number(port), host);
