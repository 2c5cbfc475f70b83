// Checks every GraphQL document of the dashboard against the server's schema: a field that the server renames breaks
// here and not in somebody's browser.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { buildSchema, parse, Source, validate } from 'graphql';

const here = import.meta.dirname;
const schema = buildSchema(new Source(readFileSync(join(here, '..', 'schema.graphqls'), 'utf8'), 'schema.graphqls'));
const documents = readdirSync(join(here, 'src'), { recursive: true })
  .map(String)
  .filter((name) => name.endsWith('.graphql'))
  .sort();

let failed = documents.length === 0;
for (const name of documents) {
  for (const error of validate(schema, parse(new Source(readFileSync(join(here, 'src', name), 'utf8'), name)))) {
    failed = true;
    console.error(`src/${name}: ${error.message}`);
  }
}
console.log(`${documents.length} documents checked against schema.graphqls`);
process.exitCode = failed ? 1 : 0;
