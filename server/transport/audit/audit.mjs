// Holds a running server against the audits of GraphQL over HTTP that npm's graphql-http ships.
//
//   npm ci && node audit.mjs http://127.0.0.1:8080/graphql
//
// Prints a line for each audit and exits 0 only when there are 61 of them and all pass: also the
// ones that are only a recommendation.
import { auditServer } from 'graphql-http';

const expected = 61;
const url = process.argv[2];
if (!url) {
  console.error('usage: node audit.mjs URL');
  process.exit(2);
}

const results = await auditServer({ url });
let passed = 0;
for (const result of results) {
  if (result.status === 'ok') {
    passed++;
    console.log(`ok      ${result.id} ${result.name}`);
    continue;
  }
  console.log(`${result.status.padEnd(7)} ${result.id} ${result.name}: ${result.reason}`);
}
console.log(`${passed} of ${results.length} audits passed`);
if (passed !== expected || results.length !== expected) {
  console.error(`expected ${expected} audits, all of them to pass`);
  process.exit(1);
}
