// Lives an account's story in Chromium against a running Muster: sign up, an authenticator app by computed codes, a backup
// phone, a security key, renamed and used as a passkey, recovery codes, the session's end elsewhere, password, address, tokens.
//
//   node e2e/account.mjs URL
//
// MUSTER_WIDTH                        of the window, 390 is a phone; MUSTER_SCHEME is light or dark
// MUSTER_E2E_SHOTS                    a folder for pictures, CHROMIUM the browser, MUSTER_E2E_TIMEOUT the patience in ms
import { randomBytes } from 'node:crypto';

import { check, graphql, muster, patience } from './browser.mjs';
import { plug, sockets } from './keys.mjs';
import { codeFromMailbox } from './mailbox.mjs';
import { on, windowName, windowOf } from './screen.mjs';
import { totp } from './totp.mjs';

// Keys know a server by its name: http://127.0.0.1 has none.
if (new URL(muster).hostname !== 'localhost') throw new Error(`open Muster as http://localhost:…, not as ${muster}`);

const mark = randomBytes(4).toString('hex');
const email = `account-${mark}@browser.example`;
const firstPassword = randomBytes(18).toString('base64url');
let password = firstPassword;
let secret = '';
let usedStep = 0;

/** A code of the app that has not been used: each works once, so the next one may have to be waited for. */
async function code(page) {
  const step = () => Math.floor(Date.now() / 30_000);
  // One step ahead is taken too.
  while (step() + 1 <= usedStep) await page.waitForTimeout(500);
  usedStep = Math.max(step(), usedStep + 1);
  return totp(secret, usedStep * 30_000);
}

await check(
  `account-${windowName()}`,
  async (page, { context, another, shoot, problems }) => {
    const screen = on(page, { shoot, problems });
    const { at, press, follow, fill, refused, sees } = screen;
    const account = (to) => page.goto(`/account/${to}`);

    // Sign up, from the page that everybody comes to.
    await page.goto('/account/security');
    await at('Sign in to Muster');
    await follow('Create one');
    await at('Create your account');
    await fill('Your name', 'Ada Account');
    await fill('Email', email);
    await fill('Password', 'password');
    await press('Create account');
    await refused('password');
    await fill('Password', password);
    await press('Create account');

    // Where one wanted to go.
    await at('Account security');

    // An address that leads elsewhere is not gone to: the watch over the pages reports each request to another host.
    for (const to of ['https://another.example/', '//another.example/', '/\t/another.example/', '/\\another.example/', '/.//another.example/', 'javascript:alert(1)']) {
      await context.clearCookies();
      await page.goto(`/sign-in?${new URLSearchParams({ to })}`);
      await fill('Email', email);
      await fill('Password', password);
      await press('Sign in');
      await page.waitForURL((url) => url.pathname !== '/sign-in');
      if (new URL(page.url()).origin !== new URL(muster).origin) throw new Error(`signing in led to ${page.url()}`);
    }
    await context.clearCookies();
    await page.goto('/sign-up?to=https://another.example/');
    await fill('Your name', 'Ada Elsewhere');
    await fill('Email', `elsewhere-${email}`);
    await fill('Password', password);
    await press('Create account');
    await at('Your organizations');
    await context.clearCookies();
    await page.goto('/account/security');
    await fill('Email', email);
    await fill('Password', password);
    await press('Sign in');

    // The first authenticator is an app.
    await at('Account security');
    await sees('Not confirmed');
    await follow('Set up two-factor authentication');
    await at('Add an authenticator');
    await page.getByRole('button', { name: /^Authenticator app/ }).click();
    await at('Set up your authenticator app');
    await fill('Name', 'Old phone');
    await press('I have an app: show the QR code');
    await at('Scan the QR code');
    await page.getByText('You cannot scan it?').click();
    secret = (await page.locator('.secret code').textContent()).replace(/\s/g, '');
    // As apps show it.
    const given = await code(page);
    await page.getByLabel('Code that the app shows now').focus();
    await page.evaluate((text) => {
      const clipboardData = new DataTransfer();
      clipboardData.setData('text', text);
      document.activeElement.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
    }, `${given.slice(0, 3)} ${given.slice(3)}`);
    await press('Confirm');
    await at('Save your recovery codes');
    const firstCodes = await page.locator('.codes code').allTextContents();
    if (firstCodes.length !== 10) throw new Error(`${firstCodes.length} recovery codes`);
    // Nobody leaves them by accident, not by going back either.
    const leave = page.getByRole('dialog', { name: 'Leave without your recovery codes?', exact: true });
    await page.goBack();
    await leave.waitFor();
    await screen.sound('leaving the codes');
    await leave.getByRole('button', { name: 'Stay and save them', exact: true }).click();
    await leave.waitFor({ state: 'detached' });
    if ((await page.locator('.codes code').allTextContents()).join() !== firstCodes.join()) throw new Error('the codes are gone');
    await page.getByLabel('I saved them').check();
    await press('Go on');

    await at('Add a backup phone');
    const phone = `+43660${String(Math.floor(Math.random() * 1e7)).padStart(7, '0')}`;
    const since = new Date(Date.now() - 1_000);
    await fill('Phone number', phone);
    await press('Text me a code');
    await fill('Code from the text message', await codeFromMailbox(phone, since));
    await press('Confirm');
    await at('Account security');
    await sees('Old phone');

    // A key beside it, which gets a name, another one, and stays when the phone goes.
    const key = await plug(await sockets(page), true);
    await follow('Add an authenticator');
    await page.getByRole('button', { name: /^Security key or passkey/ }).click();
    await at('Set up your security key or passkey');
    await fill('Name', 'Blue key');
    await press('Set up the key');
    await at('Account security');
    await press('Rename Blue key');
    await page.getByRole('dialog').getByLabel('Name').fill('Green key');
    await screen.sound('rename');
    await press('Save');
    await page.getByRole('button', { name: 'Remove Green key' }).waitFor();
    await press('Remove Phone');
    await page.getByRole('dialog').waitFor();
    await screen.sound('remove');
    await press('Remove');
    await page.getByRole('button', { name: 'Remove Phone' }).waitFor({ state: 'detached' });

    // New recovery codes.
    await press('Make new recovery codes');
    await press('Make new codes');
    await at('Save your recovery codes');
    const codes = await page.locator('.codes code').allTextContents();
    if (codes.length !== 10 || codes.some((one) => firstCodes.includes(one))) throw new Error('the codes are not ten new ones');
    // The session ends elsewhere: the codes stay until they are saved, and the page says what has happened.
    await signOutEverywhere(page);
    await sees('You are not signed in here any more.');
    await at('Save your recovery codes');
    await page.getByLabel('I saved them').check();
    await press('Go on');
    await at('Sign in to Muster');
    await sees('your session has ended');
    await press('Sign in with a passkey');
    await at('Account security');
    await sees('10 of 10');

    // Out, and in again with the passkey alone.
    await page.getByRole('button', { name: 'Ada Account' }).click();
    await page.getByRole('menuitem', { name: 'Sign out' }).click();
    await at('Sign in to Muster');
    await press('Sign in with a passkey');
    await page.getByRole('navigation', { name: 'Main' }).or(page.getByRole('button', { name: 'Navigation' })).first().waitFor();
    await account('sessions');
    await at('Sessions');
    await sees('by passkey');
    if ((await key.credentials()).length !== 1) throw new Error('the key holds something else');

    // A session that begins elsewhere is listed, and what ends there is told here at once: this page asks nothing meanwhile.
    const elsewhere = await elsewhereSession(page);
    await page.reload();
    await page.getByRole('button', { name: /^End the session of e2e/ }).click();
    await page.getByRole('dialog').waitFor();
    await screen.sound('end a session');
    await press('End it');
    await page.getByRole('button', { name: /^End the session of e2e/ }).waitFor({ state: 'detached' });
    if (await viewer(elsewhere)) throw new Error('the ended session goes on');
    const second = await elsewhereSession(page);
    await account('security');
    await at('Account security');
    await endOthers(second);
    await at('Sign in to Muster');
    await sees('your session has ended');
    await shoot('ended', page);

    // The passkey was used last, so it comes first; the password leads to the app or the key, a recovery code to the security page.
    const first = page.locator('main').getByRole('button').first();
    if ((await first.textContent()) !== 'Sign in with a passkey') throw new Error(`first is ${await first.textContent()}`);
    await fill('Email', email);
    await fill('Password', `${password}-not`);
    await press('Sign in');
    await refused('wrong');
    await fill('Password', password);
    await press('Sign in');
    await at('Confirm that it is you');
    await press('Use a recovery code instead');
    await fill('Recovery code', 'AAAA-BBBB');
    await press('Go on');
    await refused(/code/i);
    await fill('Recovery code', codes[0]);
    await press('Go on');
    await at('Account security');
    await sees('You signed in with a recovery code');
    await sees('9 of 10');

    // What a recovery code does not open: a factor is asked for, in a dialog that says for what and goes with its screen.
    await follow('Add an authenticator');
    await at('Add an authenticator');
    await follow('Not now');
    await at('Account security');
    const next = randomBytes(18).toString('base64url');
    const stepUp = page.getByRole('dialog', { name: 'Confirm that it is you', exact: true });
    const changePassword = async () => {
      await press('Change password');
      await fill('Present password', password);
      await fill('New password', next);
      await page.getByRole('form', { name: 'Change password' }).getByRole('button', { name: 'Change password' }).click();
      await stepUp.getByText('To change your password, prove your second factor once more.', { exact: true }).waitFor();
    };
    await changePassword();
    await page.goBack();
    await at('Add an authenticator');
    await stepUp.waitFor({ state: 'detached' });
    await page.goForward();
    await at('Account security');
    // Who changes their mind is refused nothing.
    await changePassword();
    await stepUp.getByRole('button', { name: 'Close', exact: true }).click();
    await stepUp.waitFor({ state: 'detached' });
    if ((await page.getByRole('alert').filter({ hasText: /\S/ }).count()) > 0) throw new Error('a question that was closed is shown as a refusal');
    await press('Cancel');
    // The app, used last, is asked for first.
    await changePassword();
    await screen.sound('step up');
    await press('Use your security key instead');
    await press('Use security key or passkey');
    await sees('Your password is changed');
    password = next;

    // The app moves to a new phone.
    await follow('Replace Old phone');
    await at('Replace your authenticator app');
    await fill('Name', 'New phone');
    await press('I have an app: show the QR code');
    await at('Scan the QR code');
    await page.getByText('You cannot scan it?').click();
    secret = (await page.locator('.secret code').textContent()).replace(/\s/g, '');
    usedStep = 0;
    await page.getByLabel('Code that the app shows now').fill(await code(page));
    await press('Confirm');
    await at('Account security');
    await sees('New phone');
    if ((await page.getByText('Old phone').count()) > 0) throw new Error('the replaced app is still there');

    // Another address.
    await press('Change address');
    await fill('New address', `new-${email}`);
    await press('Mail me a link');
    await sees('as soon as you open the link');

    // A token, which is shown once, works, and is refused when it is revoked.
    await account('tokens');
    await at('API tokens');
    await press('New token');
    const dialog = page.getByRole('dialog', { name: 'New API token' });
    await dialog.getByRole('textbox', { name: 'Name' }).fill('Report');
    await dialog.getByLabel('See teams', { exact: true }).check();
    await screen.sound('new token');
    await dialog.getByRole('button', { name: 'Make token' }).click();
    await dialog.getByText('cannot be shown again').waitFor();
    await page.keyboard.press('Escape');
    const token = await dialog.locator('.secret code').textContent();
    await screen.sound('token');
    await dialog.getByRole('button', { name: 'Done' }).click();
    if (!(await viewer(token))) throw new Error('the token does not work');
    await sees('See teams');
    await press('Revoke Report');
    await press('Revoke');
    await sees('You have no tokens.');
    if (await viewer(token)) throw new Error('the revoked token works');

    await account('activity');
    await at('Account activity');
    await sees('Changed the password');

    // Without a network each screen opens all the same: its code was loaded while there was one.
    await page.waitForLoadState('networkidle');
    await context.setOffline(true);
    await page.evaluate(() => window.history.pushState(null, '', '/account/tokens'));
    await at('API tokens');
    await context.setOffline(false);

    // In another tab somebody else signs in: the sign-in page says who is in already, and this page closes when it is looked at.
    const tab = await context.newPage();
    await tab.goto('/sign-in?to=/account/security');
    await tab.getByText(`You are signed in as ${email}.`).waitFor();
    const onward = await tab.getByRole('link', { name: 'Go on as Ada Account', exact: true }).getAttribute('href');
    if (onward !== `${muster}/account/security`) throw new Error(`going on leads to ${onward}`);
    await tab.getByLabel('Email').fill(`elsewhere-${email}`);
    await tab.getByLabel('Password', { exact: true }).fill(firstPassword);
    await tab.getByRole('button', { name: 'Sign in', exact: true }).click();
    await tab.getByRole('heading', { level: 1, name: 'Account security', exact: true }).waitFor();
    await page.evaluate(() => window.dispatchEvent(new Event('focus')));
    await at('Somebody else is signed in now');
    await press('Go on with the other account');
    await page.getByRole('button', { name: 'Ada Elsewhere', exact: true }).waitFor();
    await tab.close();

    // Where the browser's storage is switched off, the app works all the same.
    const bare = await another();
    await bare.addInitScript(() => {
      const denied = () => {
        throw new DOMException('Access is denied for this document.', 'SecurityError');
      };
      for (const name of ['localStorage', 'sessionStorage']) Object.defineProperty(window, name, { get: denied });
    });
    const there = await bare.newPage();
    await there.goto('/');
    await there.getByLabel('Email').fill(`elsewhere-${email}`);
    await there.getByLabel('Password', { exact: true }).fill(firstPassword);
    await there.getByRole('button', { name: 'Sign in', exact: true }).click();
    await there.getByRole('heading', { level: 1, name: 'Your organizations', exact: true }).waitFor();
    await bare.close();

    // Nothing of all this is kept by the browser.
    const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
    for (const value of [secret, password, email, token, ...codes, ...firstCodes]) {
      if (kept.includes(value)) throw new Error('a secret or the address is left in the browser');
    }

    // The address is taken: the page leads to signing in, with it filled in.
    await context.clearCookies();
    await page.goto('/sign-up');
    await fill('Your name', 'Ada Again');
    await fill('Email', email);
    await fill('Password', password);
    await press('Create account');
    await follow('Sign in with this address');
    await at('Sign in to Muster');
    if ((await page.getByLabel('Email').inputValue()) !== email) throw new Error('the address has to be typed again');
    if (page.url().includes('@') || page.url().includes('%40')) throw new Error(`the address stands in ${page.url()}`);
    await fill('Password', password);
    await press('Sign in');
    await at('Confirm that it is you');
    // The app was set up last: its code is asked for first.
    await page.getByLabel('Code that the app shows now').fill(await code(page));
    await press('Go on');
    await page.getByRole('heading', { level: 1, name: 'Your organizations' }).waitFor();

    // Single sign-on: an organization that has none says so.
    await context.clearCookies();
    await page.goto('/sign-in');
    await press('Sign in with your organization');
    await at('Sign in with your organization');
    await fill("Organization's short name", ' Nowhere ');
    await press('Go on');
    await page.waitForURL('**/sso/nowhere');
    await sees('There is no single sign-on here.');
  },
  { context: windowOf() },
);

/** A session of the account that no browser has: by password and the next code of the app. */
async function elsewhereSession(page) {
  const { signIn } = await graphql(undefined, 'mutation ($input: SignInInput!) { signIn(input: $input) { challenge { token } } }', {
    input: { email, password },
  });
  const input = { challengeToken: signIn.challenge.token, code: await code(page) };
  const response = await fetch(`${muster}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'user-agent': 'e2e' },
    body: JSON.stringify({
      query: 'mutation ($input: VerifySecondFactorInput!) { verifySecondFactor(input: $input) { session { token } } }',
      variables: { input },
    }),
    signal: AbortSignal.timeout(patience),
  });
  return (await response.json()).data.verifySecondFactor.session.token;
}

/** As somebody does on another device; by the page's own cookie, which the page does not notice doing. */
async function signOutEverywhere(page) {
  const answer = await page.context().request.post('/graphql', {
    headers: { origin: muster },
    data: { query: 'mutation { signOut(input: { everywhere: true }) { ok } }' },
  });
  if ((await answer.json()).data?.signOut?.ok !== true) throw new Error(`signing out elsewhere: ${await answer.text()}`);
}

function endOthers(token) {
  return graphql(token, 'mutation { endOtherSessions(input: {}) { user { id } } }', {});
}

/** Whether somebody is signed in by the token. */
async function viewer(token) {
  try {
    return (await graphql(token, '{ viewer { id } }', {})).viewer !== null;
  } catch (error) {
    if (String(error).includes('UNAUTHENTICATED')) return false;
    throw error;
  }
}
