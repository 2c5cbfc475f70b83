// What pages say where something is lost on the way, in Chromium against a running Muster: answers that do not arrive
// although the server did what was asked, a log that is silent, a network that goes, questions whose screen is left, a
// browser that keeps nothing.
//
//   node e2e/lost.mjs URL
//
// MUSTER_WIDTH                        of the window, 390 is a phone; MUSTER_SCHEME is light or dark
// MUSTER_E2E_SHOTS                    a folder for pictures, CHROMIUM the browser, MUSTER_E2E_TIMEOUT the patience in ms
import { check, graphql } from './browser.mjs';
import { company, mutate, nextCode } from './company.mjs';
import { linkFromMailbox } from './mailbox.mjs';
import { invited, removedMember } from './removed.mjs';
import { on, windowName, windowOf } from './screen.mjs';
import { totp } from './totp.mjs';

const { owner, organizationId, slug, name, teams, join } = await company();
const noah = await join('Noah Member');
const base = `/organizations/${slug}`;

await check(
  `lost-${windowName()}`,
  async (page, { another, problems, shoot }) => {
    await rejoining(await another(), problems, shoot);
    await joining(await another(), problems, shoot);
    await silence(await another(), problems, shoot);
    await unstyled(await another(), problems, shoot);
    await questions(page, problems, shoot);
    await nothingKept(await another());
  },
  { context: windowOf() },
);

/** The answer that confirmed somebody's first authenticator: the page finds out, offers codes, and names what came back. */
async function rejoining(context, problems, shoot) {
  const { email, password, organization, team, link } = await removedMember();
  const page = await context.newPage();
  const { at, press, fill, sees } = on(page, { shoot: (label) => shoot(`rejoin-${label}`, page), problems });
  await page.goto(`/rejoin${new URL(link).hash}`);
  await fill('Email', email);
  await fill('Password', password);
  await press('Sign in');
  await page.getByRole('button', { name: /^Authenticator app/ }).click();
  await press('I have an app: show the QR code');
  await page.getByText('You cannot scan it?').click();
  const secret = (await page.locator('.secret code').textContent()).replace(/\s/g, '');
  await lose(page, 'ConfirmTOTP');
  await page.getByLabel('Code that the app shows now').fill(totp(secret, Date.now()));
  await press('Confirm');
  await at('Two-factor authentication is on');
  await press('Not now');
  await at('Add a backup phone');
  await press('Not now');
  await at(`You are back in ${organization}`);
  await sees(team);
  await sees('Manager');
}

/** The answer to an invitation that was accepted: pressed again, the link is used up, and the page says where it has led. */
async function joining(context, problems, shoot) {
  const other = await invited(noah.email);
  const page = await context.newPage();
  const { at, press, sees } = on(page, { shoot: (label) => shoot(`join-${label}`, page), problems });
  await signIn(page, '/account/security');
  await page.goto(`/join${new URL(await linkFromMailbox(noah.email, 'join', other)).hash}`);
  await at(`Join ${other}`);
  await lose(page, 'AcceptInvite');
  await press(`Join ${other}`);
  await page.getByRole('alert').filter({ hasText: 'cannot be reached' }).waitFor();
  await press(`Join ${other}`);
  await at(`You are in ${other}`);
  await sees('Your teams');
}

/** A log whose socket is open and brings nothing is not called live, and is asked for anew. */
async function silence(context, problems, shoot) {
  const page = await context.newPage();
  let silent = true;
  await page.routeWebSocket('**/graphql', (socket) => {
    const server = socket.connectToServer();
    const logs = new Set();
    socket.onMessage((frame) => {
      const { type, id, payload } = JSON.parse(String(frame));
      if (type === 'subscribe' && payload.query.includes('auditLog')) logs.add(id);
      server.send(frame);
    });
    server.onMessage((frame) => {
      if (!silent || !logs.has(JSON.parse(String(frame)).id)) socket.send(frame);
    });
  });
  const { at } = on(page, { shoot: (label) => shoot(`silent-${label}`, page), problems });
  await page.goto(`${base}/audit-log`);
  await signIn(page, null, owner);
  await at('Audit log');
  await page.getByText('Connecting…', { exact: true }).waitFor();
  // The place beside it has brought its first frame through the same socket, and the page its first entries.
  await page.getByRole('listitem').filter({ hasText: 'Noah Member' }).first().waitFor();
  await page.waitForLoadState('networkidle');
  if ((await page.getByText('Live', { exact: true }).count()) > 0) throw new Error('a log that brings nothing is called live');
  await page.getByText('Reconnecting', { exact: true }).waitFor();
  silent = false;
  await page.getByText('Live', { exact: true }).waitFor();
  await mutate(owner.token, 'createTeam', 'team { id }', { organizationId, slug: 'heard', name: 'Heard' });
  await page.getByRole('listitem').filter({ hasText: 'created the team Heard' }).waitFor();
  await meanwhile(page);
}

/** A screen whose style sheet does not come the first time has it when it is opened. */
async function unstyled(context, problems, shoot) {
  const page = await context.newPage();
  const { at, follow } = on(page, { shoot: (label) => shoot(`unstyled-${label}`, page), problems });
  // A network that is cut, and a proxy that says so while the server restarts.
  const waysToFail = { AuditLog: (route) => route.abort(), Overview: (route) => route.fulfill({ status: 503, contentType: 'text/html', body: 'Later' }) };
  const failed = Object.entries(waysToFail).map(
    ([screen, fail]) =>
      new Promise((resolve) => {
        let tries = 0;
        void page.route(new RegExp(`/assets/${screen}-.*\\.css`), async (route) => {
          if (tries++ > 0) return route.fallback();
          await fail(route);
          resolve();
        });
      }),
  );
  await signIn(page, `${base}/teams`, owner);
  await Promise.all(failed);
  await follow('Audit log');
  await at('Audit log');
  await follow('Overview');
  await at(`${name} & more`); // as it was renamed above
  const empty = await page.evaluate(() => [...document.styleSheets].filter(({ href, cssRules }) => href !== null && cssRules.length === 0).map(({ href }) => href));
  if (empty.length > 0) throw new Error(`a screen is shown without its style sheet: ${empty.join(', ')}`);
}

/** What somebody else changes while a form about it is open: it is told, and saving what was not touched does not undo it. */
async function meanwhile(page) {
  const { press, fill } = on(page, { shoot: async () => undefined, problems: [] });
  const memberId = noah.memberId;
  const place = async () => {
    const { node } = await graphql(owner.token, `query ($id: ID!) { node(id: $id) { ... on Member { role teams { name } } } }`, { id: memberId });
    return `${node.role} of ${node.teams.map(({ name }) => name).join(' and ')}`;
  };
  const is = async (want) => {
    const found = await place();
    if (found !== want) throw new Error(`Noah is ${found}, and not ${want}`);
  };
  await page.goto(`${base}/members?member=${memberId}`);
  await press('Change role');
  const role = page.getByRole('dialog', { name: 'Role of Noah Member' });
  await role.waitFor();
  await mutate(owner.token, 'changeMemberRole', 'member { id }', { memberId, role: 'ADMIN' });
  await role.getByText('Somebody has changed it to Admin meanwhile').waitFor();
  await press('Save the role');
  await role.waitFor({ state: 'detached' });
  await is('ADMIN of ');
  await press('Set teams');
  const dialog = page.getByRole('dialog', { name: 'Teams of Noah Member' });
  await dialog.getByLabel('Teams').click();
  await page.getByRole('listbox', { name: 'Teams' }).getByRole('option', { name: 'Platform' }).click();
  await mutate(owner.token, 'setMemberTeams', 'member { id }', { memberId, teamIds: [teams.Design] });
  await dialog.getByText('Design', { exact: true }).first().waitFor();
  await press('Save the teams');
  await dialog.waitFor({ state: 'detached' });
  await is('ADMIN of Design and Platform');
  await page.goto(`${base}/settings/general`);
  await page.getByLabel('Short name').waitFor();
  await mutate(owner.token, 'updateOrganization', 'organization { id }', { organizationId, name: 'Renamed elsewhere' });
  await page.waitForFunction(() => document.querySelector('input[name=name]').value === 'Renamed elsewhere');
  await mutate(owner.token, 'updateOrganization', 'organization { id }', { organizationId, name });
  await page.waitForFunction((old) => document.querySelector('input[name=name]').value === old, name);
  await fill('Name', `${name} & more`);
  await press('Save');
  await page.getByText('Saved.', { exact: true }).first().waitFor();
}

/** The network under a switch, and questions for the second factor of screens that are left, or that are two. */
async function questions(page, problems, shoot) {
  const { at, press, fill, sees } = on(page, { shoot: (label) => shoot(`question-${label}`, page), problems });
  await page.goto(`${base}/settings/notifications`);
  await signIn(page);
  await at('My notifications');
  const membership = page.getByRole('switch', { name: 'Membership' });
  const unreachable = page.getByRole('alert').filter({ hasText: 'cannot be reached' });
  await page.waitForLoadState('networkidle');
  await page.context().setOffline(true);
  await membership.click();
  await unreachable.waitFor();
  await page.context().setOffline(false);
  await unreachable.waitFor({ state: 'detached' });

  // The refusal that would ask comes when the screen is left already.
  const refusals = await refuse(page, 'UpdateNotificationSettings');
  await membership.click();
  await refusals.arrived(1);
  await page.evaluate((to) => window.history.pushState(null, '', to), `${base}/teams`);
  await at('Teams');
  await refusals.answer();
  const stepUp = page.getByRole('dialog', { name: 'Confirm that it is you', exact: true });
  // What is asked comes up with the next frame or never.
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 100))));
  if ((await stepUp.count()) > 0) throw new Error('somebody is asked to prove themselves for a screen that they have left');

  // One that is open goes with the screen that has asked it.
  await page.goto(`${base}/settings/notifications`);
  await at('My notifications');
  const open = await refuse(page, 'UpdateNotificationSettings');
  await membership.click();
  await open.arrived(1);
  await open.answer();
  await stepUp.waitFor();
  await page.evaluate((to) => window.history.pushState(null, '', to), `${base}/teams`);
  await stepUp.waitFor({ state: 'detached' });
  await at('Teams');

  // Two at once: one is asked for, the other waits, and is asked for only where that did not do for it.
  await page.goto('/account/security');
  await at('Account security');
  const both = await refuse(page, 'ChangePassword', 'ChangeEmail');
  const next = `${noah.password}-next`;
  await press('Change password');
  await fill('Present password', noah.password);
  await fill('New password', next);
  await press('Change address');
  await fill('New address', `new-${noah.email}`);
  await page.getByRole('form', { name: 'Change password' }).getByRole('button', { name: 'Change password' }).click();
  await press('Mail me a link');
  await both.arrived(2);
  await both.answer();
  await stepUp.getByLabel('Password', { exact: true }).fill(noah.password);
  await stepUp.getByRole('button', { name: 'Go on', exact: true }).click();
  await sees('Your password is changed');
  await page.getByRole('form', { name: 'Change address' }).waitFor({ state: 'detached' });
  await stepUp.waitFor({ state: 'detached' });
}

/** Where the browser's storage is switched off, an organization's screens work all the same; and where an address was typed. */
async function nothingKept(context) {
  await context.addInitScript(() => {
    const denied = () => {
      throw new DOMException('Access is denied for this document.', 'SecurityError');
    };
    for (const kind of ['localStorage', 'sessionStorage']) Object.defineProperty(window, kind, { get: denied });
  });
  const page = await context.newPage();
  await page.goto('/');
  await signIn(page, null, { ...noah, password: `${noah.password}-next` });
  await page.getByRole('navigation', { name: 'Main' }).waitFor();
  await page.goto(`${base}/members`);
  await page.getByRole('link', { name: 'Olga Owner', exact: true }).waitFor();
  // A page of the list that its address says wrongly.
  await page.goto(`${base}/members?after=garbage`);
  await page.getByText('There is no such page of this list').waitFor();
  await page.getByRole('link', { name: 'Go to the first page', exact: true }).click();
  await page.getByRole('link', { name: 'Olga Owner', exact: true }).waitFor();
  // Letters that are no other letter with a mark are written out in the short name.
  await page.goto('/organizations');
  await page.getByRole('button', { name: 'New organization' }).click();
  await page.getByRole('dialog').getByLabel('Name', { exact: true }).fill('Straße & Søn, Łódź Ærø Đà');
  const short = await page.getByRole('dialog').getByLabel('Short name').inputValue();
  if (short !== 'strasse-son-lodz-aero-da') throw new Error(`the short name is ${short}`);
}

/** Signs in on the page, at the address or where it is. */
async function signIn(page, to = null, person = noah) {
  if (to !== null) await page.goto(to);
  await page.getByLabel('Email', { exact: true }).fill(person.email);
  await page.getByLabel('Password', { exact: true }).fill(person.password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  if (person.secret === null) return page.getByRole('button', { name: person.name }).waitFor();
  await page.getByLabel(/^Code/).fill(nextCode(person));
  await page.getByRole('button', { name: 'Go on', exact: true }).click();
}

/** The next request of that name is carried out, and its answer does not arrive. */
async function lose(page, operation) {
  let lost = false;
  await page.route('**/graphql', async (route) => {
    if (lost || route.request().postDataJSON()?.operationName !== operation) return route.fallback();
    lost = true;
    await route.fetch();
    await route.abort();
  });
}

/** The first request of each name is refused for want of a fresh session, but not before `answer` is called. */
async function refuse(page, ...operations) {
  const held = [];
  const waiting = new Set(operations);
  let came = () => {};
  await page.route('**/graphql', async (route) => {
    if (!waiting.delete(route.request().postDataJSON()?.operationName)) return route.fallback();
    held.push(route);
    came();
  });
  return {
    async arrived(n) {
      while (held.length < n) await new Promise((resolve) => (came = resolve));
    },
    async answer() {
      const errors = [{ message: 'Confirm first that it is you.', extensions: { code: 'STEP_UP_REQUIRED' } }];
      for (const route of held.splice(0)) await route.fulfill({ json: { errors } });
    },
  };
}
