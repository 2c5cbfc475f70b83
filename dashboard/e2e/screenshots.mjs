// Takes the pictures of the README anew: starts a Muster of its own with an empty data directory, lives the story of its
// demo in Chromium, and writes ../docs/images/. Needs Go, PostgreSQL's programs and Chromium.
//
//   node e2e/screenshots.mjs
//
// MUSTER_PORT is the port, 8080 unless it is set: the pictures show it. CHROMIUM is the browser.
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { ownServer } from './server.mjs';

const images = fileURLToPath(new URL('../../docs/images', import.meta.url));
const server = await ownServer({ port: process.env.MUSTER_PORT ?? '8080' });
const { program, env } = server;

process.env.MUSTER_URL = server.url;
const { check, graphql } = await import('./browser.mjs');
const { linkFromMailbox } = await import('./mailbox.mjs');
const { totp } = await import('./totp.mjs');

mkdirSync(images, { recursive: true });
try {
  await server.start();
  await pictures(greeted(server.said()));
} finally {
  await server.end();
}

/** The demo's passwords by address, from what the server prints when it is ready. */
function greeted(text) {
  const accounts = [...text.matchAll(/^ +(\S+@\S+) +(\S+) +[A-Z]+,/gm)].map(([, email, password]) => [email, password]);
  if (accounts.length === 0) throw new Error(`the server printed no accounts:\n${text}`);
  return Object.fromEntries(accounts);
}

async function pictures(passwords) {
  const owner = 'olivia@acme.example';
  const removed = 'noah@acme.example';
  let token = '';
  let session; // the owner's, as the browser keeps it
  await picture(
    'pictures: the requirement',
    async (page, { context }) => {
      const ask = async (query, input) => {
        const answer = await context.request.post('/graphql', { headers: { origin: server.url }, data: { query, variables: { input } } });
        return (await answer.json()).data;
      };
      const { signIn } = await ask('mutation ($input: SignInInput!) { signIn(input: $input) { challenge { token } } }', {
        email: owner,
        password: passwords[owner],
      });
      const code = execFileSync(program, ['code', owner], { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
      const { verifySecondFactor } = await ask(
        'mutation ($input: VerifySecondFactorInput!) { verifySecondFactor(input: $input) { session { token } } }',
        { challengeToken: signIn.challenge.token, code },
      );
      token = verifySecondFactor.session.token;
      session = await context.storageState();
      await page.goto('/organizations/acme/settings/security');
      await page.getByRole('switch', { name: /^Require Two-Factor Authentication/ }).click();
      await page.getByRole('dialog').getByRole('button', { name: /^Require it and remove/ }).waitFor();
      await page.screenshot({ path: join(images, 'require.png') });
    },
    { context: { viewport: { width: 1200, height: 800 }, reducedMotion: 'reduce' } },
  );
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
    'pictures: the dashboard',
    async (page) => {
      const shoot = (name) => page.screenshot({ path: join(images, `${name}.png`) });
      await page.goto('/organizations/acme/audit-log');
      await page.getByText('member.pending').first().waitFor();
      await page.getByText('Live', { exact: true }).waitFor();
      await shoot('log');
      await page.goto('/organizations/acme/members?status=REMOVED_FOR_2FA');
      await page.getByText(removed).first().waitFor();
      await shoot('members');
      await page.goto('/organizations/acme');
      await page.getByText('The same as a table').waitFor();
      await page.locator('.recharts-surface').first().waitFor();
      await shoot('overview');
    },
    { context: { viewport: { width: 1200, height: 800 }, reducedMotion: 'reduce', storageState: session } },
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
