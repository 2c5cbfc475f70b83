// Takes the pictures of the README anew: starts a Muster of its own with an empty data directory, lives the story of its
// demo in Chromium, and writes ../docs/images/. Needs Go, PostgreSQL's programs and Chromium.
//
//   node e2e/screenshots.mjs
//
// MUSTER_PORT is the port, 8080 unless it is set: the pictures show it. CHROMIUM is the browser.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const port = process.env.MUSTER_PORT ?? '8080';
const root = fileURLToPath(new URL('../..', import.meta.url));
const images = join(root, 'docs/images');
const scratch = mkdtempSync(join(tmpdir(), 'muster-pictures-'));
const program = join(scratch, 'muster');
const env = {
  PATH: process.env.PATH,
  HOME: process.env.HOME,
  MUSTER_ADDR: `127.0.0.1:${port}`,
  MUSTER_DATA_DIR: join(scratch, 'data'),
  MUSTER_LOG_LEVEL: 'warn',
};

process.env.MUSTER_URL = `http://localhost:${port}`;
const { check, graphql } = await import('./browser.mjs');
const { linkFromMailbox } = await import('./mailbox.mjs');
const { totp } = await import('./totp.mjs');

execFileSync('go', ['build', '-o', program, './server'], { cwd: root, stdio: 'inherit' });
mkdirSync(images, { recursive: true });
const server = spawn(program, { env, stdio: ['ignore', 'pipe', 'inherit'] });
try {
  const passwords = await greeting(server);
  await pictures(passwords);
} finally {
  if (server.exitCode === null) {
    server.kill('SIGTERM');
    await once(server, 'exit');
  }
  rmSync(scratch, { recursive: true, force: true });
}

/** The demo's passwords by address, from what the server prints when it is ready. */
async function greeting({ stdout }) {
  let text = '';
  for await (const chunk of stdout) {
    text += chunk;
    if (/current code: .*\n/.test(text)) break;
  }
  const accounts = [...text.matchAll(/^ +(\S+@\S+) +(\S+) +[A-Z]+,/gm)].map(([, email, password]) => [email, password]);
  if (accounts.length === 0) throw new Error(`the server printed no accounts:\n${text}`);
  return Object.fromEntries(accounts);
}

async function pictures(passwords) {
  const owner = 'olivia@acme.example';
  const removed = 'noah@acme.example';
  const challenge = await graphql(undefined, 'mutation ($input: SignInInput!) { signIn(input: $input) { challenge { token } } }', {
    input: { email: owner, password: passwords[owner] },
  });
  const code = execFileSync(program, ['code', owner], { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  const verified = await graphql(
    undefined,
    'mutation ($input: VerifySecondFactorInput!) { verifySecondFactor(input: $input) { session { token } } }',
    { input: { challengeToken: challenge.signIn.challenge.token, code } },
  );
  const token = verified.verifySecondFactor.session.token;
  const { organization } = await graphql(token, '{ organization(slug: "acme") { id } }');

  await picture(
    'pictures: the Playground',
    async (page) => {
      await page.goto('/playground');
      // GraphiQL changes tabs only when its editors stand.
      await page.locator('.graphiql-editor .view-line').getByText('Welcome').first().waitFor();
      await page.waitForFunction(() => sessionStorage.getItem('graphiql:tabState') !== null);
      await page.locator('.graphiql-tab-button').getByText('Log', { exact: true }).click();
      await page.locator('.graphiql-editor .view-line').getByText('live').first().waitFor();
      await fill(page, 'Variables', JSON.stringify({ organizationId: organization.id }));
      await page.getByRole('button', { name: 'Headers', exact: true }).click();
      await fill(page, 'Headers', JSON.stringify({ authorization: `Bearer ${token}` }));
      await page.getByRole('button', { name: 'Variables', exact: true }).click();
      await page.getByRole('button', { name: /Execute/ }).click();
      await page.locator('.result-window').getByText('sequence').waitFor();
      await graphql(token, 'mutation ($input: SetRequire2FAInput!) { setRequire2FA(input: $input) { sweep { id } } }', {
        input: { organizationId: organization.id, required: true },
      });
      await page.locator('.result-window').getByText('member.pending').waitFor();
      await linkFromMailbox(removed, 'rejoin');
      await page.mouse.move(700, 700);
      await page.screenshot({ path: join(images, 'playground.png') });
    },
    { context: { viewport: { width: 1200, height: 720 } } },
  );

  await picture(
    'pictures: the mail',
    async (page) => {
      await page.goto('/mailbox/');
      await page.getByRole('listitem').filter({ hasText: removed }).getByRole('link', { name: /^Mandatory/ }).click();
      await page.getByRole('heading', { name: /^Mandatory/ }).waitFor();
      await page.screenshot({ path: join(images, 'mail.png') });
    },
    { context: { viewport: { width: 760, height: 900 } } },
  );

  const link = await linkFromMailbox(removed, 'rejoin');
  await picture(
    'pictures: the way back',
    async (page) => {
      await page.goto(link);
      await page.getByLabel('Email').fill(removed);
      await page.getByLabel('Password', { exact: true }).fill(passwords[removed]);
      await page.getByRole('button', { name: 'Sign in', exact: true }).click();
      await page.getByRole('button', { name: /^Authenticator app/ }).click();
      await page.getByRole('button', { name: 'I have an app: show the QR code' }).click();
      await page.locator('img.qr').waitFor();
      await page.getByText('You cannot scan it?').click();
      const secret = (await page.locator('.secret code').textContent()).replace(/\s/g, '');
      await page.getByText('You cannot scan it?').click();
      await page.screenshot({ path: join(images, 'set-up.png') });
      await page.getByLabel('Code that the app shows now').fill(totp(secret, Date.now()));
      await page.getByRole('button', { name: 'Confirm', exact: true }).click();
      await page.getByLabel('I saved them').check();
      await page.getByRole('button', { name: 'Go on', exact: true }).click();
      await page.getByRole('button', { name: 'Not now', exact: true }).click();
      await page.getByRole('heading', { name: /^You are back in/ }).waitFor();
      await page.screenshot({ path: join(images, 'back.png') });
    },
    { context: { viewport: { width: 390, height: 720 }, colorScheme: 'dark' } },
  );
}

/** A check that ends everything where it fails: each picture goes on where the one before ended. */
async function picture(...story) {
  await check(...story);
  if (process.exitCode) throw new Error('a picture was not taken');
}

/** Replaces what stands in one of the Playground's editors. */
async function fill(page, region, text) {
  await page.getByRole('region', { name: region }).locator('.monaco-editor:visible').first().click();
  await page.keyboard.press('ControlOrMeta+A');
  await page.keyboard.press('Delete');
  await page.keyboard.insertText(text);
}
