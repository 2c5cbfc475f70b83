// A real OpenID Connect provider as a process of its own, which ends with the check: the one that the server's tests use.
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const source = fileURLToPath(new URL('../../server/testdata/provider', import.meta.url));

/** Builds the provider, or takes the program that MUSTER_PROVIDER names. `users` are by subject: Name, which is the password too, Email and AMR. */
export async function startProvider(muster, users) {
  const scratch = mkdtempSync(join(tmpdir(), 'muster-provider-'));
  const program = process.env.MUSTER_PROVIDER ?? join(scratch, 'provider');
  if (process.env.MUSTER_PROVIDER === undefined) execFileSync('go', ['build', '-o', program, '.'], { cwd: source, stdio: 'inherit' });
  const clientSecret = randomBytes(18).toString('base64url');
  const running = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] });
  running.stdin.write(JSON.stringify({ ClientID: 'muster', ClientSecret: clientSecret, RedirectURI: `${muster}/sso/callback`, Users: users }));
  const [line] = await once(running.stdout, 'data');
  return {
    issuer: String(line).trim(),
    clientSecret,
    end() {
      running.stdin.end();
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}
