// Lives the story of coming back in Chromium, from the mail in the development mailbox of a running Muster to the
// organization: link, sign in, authenticator app, recovery codes, backup phone, back with role and teams.
//
//   node e2e/rejoin.mjs URL
//
// Without MUSTER_EMAIL it first makes an organization of its own, with a member who is removed, and a backup phone.
//
// MUSTER_EMAIL and MUSTER_PASSWORD    a member who was removed for 2FA and has no authenticator
// MUSTER_LINK                         the link, where it is not to be taken from the mailbox
// MUSTER_PHONE                        a number for the backup phone (its code comes from the mailbox); empty: skipped
// MUSTER_ORGANIZATION                 the name that the last page has to say; absent: any
// MUSTER_TEAM                         a team that has to be there again; absent: any
// MUSTER_WIDTH                        of the window, 390 is a phone; MUSTER_SCHEME is light or dark
// MUSTER_E2E_SHOTS                    a folder for pictures, CHROMIUM the browser, MUSTER_E2E_TIMEOUT the patience in ms
import { readFileSync } from 'node:fs';

import { check, needed } from './browser.mjs';
import { codeFromMailbox, linkFromMailbox } from './mailbox.mjs';
import { removedMember } from './removed.mjs';
import { totp } from './totp.mjs';

const { email, password, organization, team, link, phone } = await someone();
const token = new URLSearchParams(new URL(link).hash.slice(1)).get('token');
if (!token) throw new Error(`the link has no token: ${link}`);

await check(
  `rejoin-${process.env.MUSTER_WIDTH ?? 1024}-${process.env.MUSTER_SCHEME ?? 'light'}`,
  async (first, { shoot, another }) => {
    let page = first;
    const step = async (heading) => {
      const title = page.getByRole('heading', { level: 1, name: heading });
      await title.waitFor();
      await page.waitForFunction(() => document.activeElement?.tagName === 'H1');
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (wide > 0) throw new Error(`"${await title.textContent()}" is ${wide} px wider than the window`);
    };
    const press = (name) => page.getByRole('button', { name, exact: true }).click();
    const alert = async () => {
      const text = await page.getByRole('alert').filter({ hasText: /\S/ }).first().textContent();
      if (!text?.trim()) throw new Error('an alert without a sentence');
    };

    // The page itself is this server's, also where the link was mailed under another name of it.
    await page.goto(`/rejoin${new URL(link).hash}`);
    await step('Setup Two-Factor Authentication');
    const address = page.url();
    if (address.includes(token) || address.includes('#')) throw new Error(`the token is still in the address: ${address}`);
    await page.reload();
    await step('Setup Two-Factor Authentication');
    await shoot('1-link');

    await page.getByLabel('Email').fill(email);
    await page.getByLabel('Password', { exact: true }).fill(`${password}-not`);
    await press('Sign in');
    await alert();
    await shoot('2-wrong-password');
    await page.getByLabel('Password', { exact: true }).fill(password);
    await page.keyboard.press('Enter');

    await page.getByRole('button', { name: /^Authenticator app/ }).waitFor();
    await step('Setup Two-Factor Authentication');
    await shoot('3-choice');
    await page.getByRole('button', { name: /^Authenticator app/ }).click();
    await step('Set up your authenticator app');
    await press('I have an app: show the QR code');
    await step('Scan the QR code');
    await page.waitForFunction(() => {
      const image = document.querySelector('img.qr');
      return image instanceof HTMLImageElement && image.complete && image.naturalWidth > 0;
    });
    await page.getByText('You cannot scan it?').click();
    const secret = (await page.locator('.secret code').textContent())?.replace(/\s/g, '') ?? '';
    const uri = await page.getByRole('link', { name: 'Open it with the secret' }).getAttribute('href');
    if (!uri?.startsWith('otpauth://totp/') || !uri.includes(secret)) throw new Error(`the app's link is ${uri}`);
    await shoot('4-qr-code');
    const wrong = totp(secret, Date.now() + 3_600_000);
    await page.getByLabel('Code that the app shows now').fill(wrong);
    await press('Confirm');
    await alert();
    await shoot('5-wrong-code');
    await page.getByLabel('Code that the app shows now').fill(totp(secret, Date.now()));
    await press('Confirm');

    await step('Save your recovery codes');
    const codes = await page.locator('.codes code').allTextContents();
    if (codes.length !== 10 || new Set(codes).size !== 10) throw new Error(`${codes.length} recovery codes`);
    await press('Go on');
    await alert();
    await shoot('6-recovery-codes');
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Download' }).click()]);
    const file = readFileSync(await download.path(), 'utf8');
    if (!codes.every((code) => file.includes(code))) throw new Error('the downloaded file lacks codes');
    await page.getByLabel('I saved them').check();
    await press('Go on');

    await step('Add a backup phone');
    await shoot('7-backup-phone');
    if (phone === '') {
      await press('Not now');
    } else {
      const since = new Date(Date.now() - 1_000);
      await page.getByLabel('Phone number').fill(phone);
      await press('Text me a code');
      await page.getByLabel('Code from the text message').waitFor();
      await shoot('8-phone-code');
      await page.getByLabel('Code from the text message').fill(await codeFromMailbox(phone, since));
      await press('Confirm');
    }

    await step(organization ? `You are back in ${organization}` : /^You are back in ./);
    if (team) await page.getByText(team).first().waitFor();
    await shoot('9-back');

    // The link has been used: here it is forgotten, and opened again it leads nowhere.
    await page.reload();
    await step('This link does not work');
    await page.goto('/');
    await page.getByRole('navigation', { name: 'Main' }).waitFor();
    await shoot('start');
    await page.goto(`/rejoin${new URL(link).hash}`);
    await step('This link does not work');
    await shoot('dead');
    const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
    for (const value of [token, secret, ...codes]) {
      if (kept.includes(value)) throw new Error('a secret is left in the browser');
    }
    if (process.env.MUSTER_EMAIL) return;

    // Somebody else, whose answer gets lost: the page finds out that it went through, and offers the codes in it anew.
    const other = await removedMember();
    page = await (await another()).newPage();
    await page.goto(`/rejoin${new URL(other.link).hash}`);
    await page.getByLabel('Email').fill(other.email);
    await page.getByLabel('Password', { exact: true }).fill(other.password);
    await press('Sign in');
    await page.getByRole('button', { name: /^Authenticator app/ }).click();
    await press('I have an app: show the QR code');
    await page.getByText('You cannot scan it?').click();
    const theirs = (await page.locator('.secret code').textContent())?.replace(/\s/g, '') ?? '';
    await page.route('**/graphql', async (route) => {
      if (!route.request().postData()?.includes('confirmTOTP')) return route.fallback();
      await route.fetch();
      await route.abort();
    });
    await page.getByLabel('Code that the app shows now').fill(totp(theirs, Date.now()));
    await press('Confirm');
    await step('Two-factor authentication is on');
    await shoot('answer-lost', page);
    await press('Make new recovery codes');
    await step('Save your recovery codes');
    if ((await page.locator('.codes code').count()) !== 10) throw new Error('no new recovery codes');
    // Loaded again before they are saved, after the browser has asked.
    page.on('dialog', (question) => question.accept());
    await page.reload();
    await step(`You are in ${other.organization}`);
    await page.getByText('Your recovery codes cannot be shown again.').waitFor();
    await shoot('reloaded', page);
  },
  {
    secrets: [token],
    context: {
      viewport: { width: Number(process.env.MUSTER_WIDTH ?? 1024), height: 844 },
      colorScheme: process.env.MUSTER_SCHEME === 'dark' ? 'dark' : 'light',
      acceptDownloads: true,
    },
  },
);

/** Whose story it is: the one that the environment names, or somebody new. */
async function someone() {
  const env = process.env;
  if (!env.MUSTER_EMAIL) return { phone: env.MUSTER_PHONE ?? '+436601234567', ...(await removedMember()) };
  return {
    email: env.MUSTER_EMAIL,
    password: needed('MUSTER_PASSWORD', "that member's password"),
    organization: env.MUSTER_ORGANIZATION,
    team: env.MUSTER_TEAM,
    phone: env.MUSTER_PHONE ?? '',
    link: env.MUSTER_LINK ?? (await linkFromMailbox(env.MUSTER_EMAIL, 'rejoin')),
  };
}
