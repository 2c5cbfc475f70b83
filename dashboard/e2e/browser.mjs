// What both browser checks share: Chromium without any traffic of its own, and a watch over what the pages do.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { chromium } from 'playwright-core';

/** The running Muster, without a slash at the end. */
export const muster = (process.argv[2] ?? process.env.MUSTER_URL ?? 'http://localhost:8080').replace(/\/+$/, '');

/** How long the pages may take for one step, in milliseconds. */
export const patience = Number(process.env.MUSTER_E2E_TIMEOUT ?? 20_000);

/** An environment variable that the check cannot do without. */
export function needed(name, meaning) {
  const value = process.env[name];
  if (value === undefined || value === '') throw new Error(`set ${name}: ${meaning}`);
  return value;
}

/**
 * Opens a browser, runs the story and fails with whatever went wrong: the story itself, a report of a Content Security
 * Policy, a request to another host but those in `others`, a fault in a script, or a secret in an address.
 */
export async function check(name, story, { secrets = [], context: options = {}, others: allowed = [] } = {}) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
  const problems = [];
  try {
    const origin = new URL(muster).origin;
    const ours = (address) => {
      const url = new URL(address);
      if (url.protocol === 'data:') return true;
      return [origin, ...allowed].includes(url.origin.replace(/^ws/, 'http'));
    };
    /** A browser of its own, with nobody signed in, watched like the first. */
    const another = async (own = {}) => {
      const context = await browser.newContext({ baseURL: muster, ...options, ...own });
      context.setDefaultTimeout(patience);
      await context.addInitScript(() => {
        document.addEventListener('securitypolicyviolation', (event) => {
          console.error(`policy violated: ${event.effectiveDirective} by ${event.blockedURI} (${event.sourceFile}:${event.lineNumber})`);
        });
      });
      context.on('request', (request) => {
        if (!ours(request.url())) problems.push(`request to another place: ${request.url()}`);
        for (const secret of secrets) {
          if (request.url().includes(secret)) problems.push(`a secret in an address: ${request.url()}`);
          if ((request.headers().referer ?? '').includes(secret)) problems.push('a secret in a referrer');
        }
      });
      context.on('weberror', (error) => problems.push(`fault in a script: ${error.error()}`));
      context.on('console', (message) => {
        const text = message.text();
        if (/policy violated|Content.Security.Policy|TrustedHTML|TrustedScript/i.test(text)) problems.push(text);
      });
      context.on('page', (page) =>
        page.on('websocket', (socket) => {
          if (!ours(socket.url())) problems.push(`socket to another place: ${socket.url()}`);
        }),
      );
      return context;
    };
    const context = await another();
    const page = await context.newPage();
    await story(page, { context, another, problems, shoot: (label, of = page) => shoot(of, `${name}-${label}`) });
  } catch (error) {
    problems.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
    const pages = browser.contexts().flatMap((context) => context.pages());
    for (const [i, page] of pages.entries()) await shoot(page, `${name}-failed${i === 0 ? '' : `-${i + 1}`}`).catch(() => undefined);
  } finally {
    await browser.close();
  }
  if (problems.length > 0) {
    console.error(`${name}: failed\n- ${problems.join('\n- ')}`);
    process.exitCode = 1;
  } else {
    console.log(`${name}: passed`);
  }
}

/** Saves what the page looks like, where MUSTER_E2E_SHOTS names a folder for it. */
async function shoot(page, label) {
  const folder = process.env.MUSTER_E2E_SHOTS;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${label}.png`), fullPage: true });
}

/** Asks the API from outside of the browser. */
export async function graphql(token, query, variables) {
  const response = await fetch(`${muster}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
    body: JSON.stringify({ query, variables }),
  });
  const answer = await response.json();
  if (answer.errors?.length) throw new Error(`${answer.errors[0].message} (${answer.errors[0].extensions?.code})`);
  return answer.data;
}
