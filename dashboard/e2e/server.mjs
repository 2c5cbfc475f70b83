// A Muster of a check's own, which it may kill and start again on the same data.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** How long the server may take to get ready, in milliseconds: the first start makes a database. */
const readyWithin = 60_000;

/** A port that nobody listens on now. */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Builds Muster, or takes the program that MUSTER_PROGRAM names, with an empty data directory. `end` stops it and leaves nothing. */
export async function ownServer({ port, ...settings } = {}) {
  const scratch = mkdtempSync(join(tmpdir(), 'muster-check-'));
  const program = process.env.MUSTER_PROGRAM ?? join(scratch, 'muster');
  if (process.env.MUSTER_PROGRAM === undefined) execFileSync('go', ['build', '-o', program, './server'], { cwd: root, stdio: 'inherit' });
  const address = port ?? (await freePort());
  const url = `http://localhost:${address}`;
  const env = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    MUSTER_ADDR: `127.0.0.1:${address}`,
    MUSTER_DATA_DIR: join(scratch, 'data'),
    MUSTER_LOG_LEVEL: 'warn',
    ...settings,
  };
  let running = null;
  let said = '';

  const stop = async (signal) => {
    if (running === null || running.exitCode !== null || running.signalCode !== null) return;
    const ended = once(running, 'exit');
    running.kill(signal);
    await ended;
  };
  return {
    url,
    program,
    env,
    /** What it printed since it was started last. */
    said: () => said,
    /** Starts it and waits until it takes requests. */
    async start() {
      said = '';
      running = spawn(program, { env, stdio: ['ignore', 'pipe', 'pipe'] });
      for (const stream of [running.stdout, running.stderr]) stream.on('data', (chunk) => (said += chunk));
      for (const end = Date.now() + readyWithin; ; ) {
        if (running.exitCode !== null) throw new Error(`Muster ended with ${running.exitCode}:\n${said}`);
        if (await fetch(`${url}/readyz`).then(({ ok }) => ok, () => false)) return;
        if (Date.now() > end) throw new Error(`Muster did not get ready:\n${said}`);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    },
    /** Ends it as a fault of the machine would: it can say and save nothing more. */
    kill: () => stop('SIGKILL'),
    async end() {
      await stop('SIGTERM');
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}
