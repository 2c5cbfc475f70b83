// The live log as graphql-ws serves it, on ws, without a database: an entry is handed to every subscriber's own iterator.
// Arguments: the address, and a database that it does not need.
import { createServer } from 'node:http';
import { buildSchema } from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';

const [host, port] = process.argv[2].split(':');
const schema = buildSchema(`
type Query { nothing: String }
type Subscription { auditLog(organizationId: ID!, after: Int): Entry! }
type Entry { id: ID! sequence: Int! action: String! actorLabel: String! targetLabel: String message: String! createdAt: String! }`);

const subscribers = new Set();

/** What one subscriber is told, in order. */
async function* follow() {
  const waiting = [];
  let wake = () => {};
  const tell = (event) => {
    waiting.push(event);
    wake();
  };
  subscribers.add(tell);
  try {
    for (;;) {
      while (waiting.length > 0) yield waiting.shift();
      await new Promise((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    subscribers.delete(tell);
  }
}

let sequence = 0;
const server = createServer((request, response) => {
  const url = new URL(request.url, 'http://peer');
  if (url.pathname === '/live/publish') {
    for (let n = Number(url.searchParams.get('n')); n > 0; n--) {
      sequence++;
      const auditLog = {
        id: `aud_org_01m815dnczenx81e0kxhg76mqs_${sequence}`, sequence, action: 'team.create', actorLabel: 'Olivia Fischer (olivia@bench.example)',
        targetLabel: 'Platform', message: 'created the team Platform', createdAt: '2026-11-22T09:00:00.123456Z',
      };
      for (const tell of subscribers) tell({ auditLog });
    }
  }
  response.end(url.pathname === '/subscribers' ? String(subscribers.size) : '');
});
// Nobody is asked whether they are still there, and nobody is cut off: a server that is behind would cut off everybody.
const keepAlive = 0;
useServer({ schema, roots: { subscription: { auditLog: follow } } }, new WebSocketServer({ server, path: '/graphql' }), keepAlive);
server.listen(Number(port), host);
