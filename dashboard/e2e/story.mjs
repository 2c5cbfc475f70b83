// Lives the whole story in Chromium with two people at once, against a Muster of its own that is killed in the middle: an
// owner sets up an app, requires two-factor authentication and watches the removals arrive in her log; a member's page says
// at once that access is lost, and he comes back from the mail alone; another one with a security key. What the log's
// subscription brought is held to its numbers: every entry once, in order, whatever broke meanwhile.
//
//   node e2e/story.mjs
//
// MUSTER_PROGRAM                      a built server, else it builds one; MUSTER_SCHEME is light or dark
// MUSTER_E2E_SHOTS                    a folder for pictures, CHROMIUM the browser, MUSTER_E2E_TIMEOUT the patience in ms
import { randomBytes } from 'node:crypto';

import { ownServer } from './server.mjs';

const server = await ownServer();
process.env.MUSTER_URL = server.url;
const { check, graphql, patience } = await import('./browser.mjs');
const { plug, sockets } = await import('./keys.mjs');
const { linkFromMailbox } = await import('./mailbox.mjs');
const { on } = await import('./screen.mjs');
const { totp } = await import('./totp.mjs');

const password = randomBytes(18).toString('base64url');
const owner = { name: 'Olga Owner', email: 'olga@story.example' };
const mia = { name: 'Mia Member', email: 'mia@story.example' };
const kim = { name: 'Kim Keys', email: 'kim@story.example' };
const slug = 'story';
const scheme = process.env.MUSTER_SCHEME === 'dark' ? 'dark' : 'light';

/** So quickly, in milliseconds, has a page to say what has happened elsewhere. The server's own bound is a second. */
const atOnce = 3_000;
/** More than a log keeps in the page at once beside its pages, so that it has to ask for them. */
const flood = 260;

try {
  await server.start();
  await check(`story-${scheme}`, story, {
    context: { viewport: { width: 1200, height: 850 }, colorScheme: scheme, reducedMotion: 'reduce' },
  });
} finally {
  await server.end();
}

async function story(page, { another, problems, shoot }) {
  const hers = on(page, { shoot: (label) => shoot(`owner-${label}`, page), problems });
  // The member looks on a phone.
  const his = await another({ viewport: { width: 390, height: 844 } });
  const phone = await his.newPage();
  const theirs = on(phone, { shoot: (label) => shoot(`member-${label}`, phone), problems });
  /** Asks the API as the owner. */
  const api = (query, input) => ask(page, query, input);

  // The owner begins: an account, an authenticator app, an organization with a team and a project.
  await page.goto('/sign-up');
  await hers.at('Create your account');
  await hers.fill('Your name', owner.name);
  await hers.fill('Email', owner.email);
  await hers.fill('Password', password);
  await hers.press('Create account');
  await page.getByRole('navigation', { name: 'Main' }).waitFor();
  await page.goto('/account/security/add?kind=app');
  await hers.at('Set up your authenticator app');
  await enrollApp(page, hers);
  await hers.press('Not now');
  await hers.at('Account security');
  await page.goto('/organizations');
  await hers.press('New organization');
  await page.getByRole('dialog').getByLabel('Name', { exact: true }).fill('Story Ltd');
  await page.getByRole('dialog').getByLabel('Short name').fill(slug);
  await hers.press('Create');
  await hers.at('Story Ltd');
  const { organization } = await api(`{ organization(slug: "${slug}") { id } }`);
  const organizationId = organization.id;
  const { createTeam } = await api('mutation ($input: CreateTeamInput!) { createTeam(input: $input) { team { id } } }', {
    organizationId,
    slug: 'web',
    name: 'Web',
  });
  await api('mutation ($input: CreateProjectInput!) { createProject(input: $input) { project { id } } }', {
    organizationId,
    teamId: createTeam.team.id,
    slug: 'site',
    name: 'The site',
  });
  const { createServiceToken } = await api(
    'mutation ($input: CreateServiceTokenInput!) { createServiceToken(input: $input) { token } }',
    { organizationId, name: 'Story', scopes: ['teams:write', 'audit:read'] },
  );
  const robot = (input) =>
    graphql(createServiceToken.token, 'mutation ($input: CreateTeamInput!) { createTeam(input: $input) { team { id } } }', { input });
  let teams = 0;
  /** Writes so many entries into the log, from outside of the browser. */
  const write = async (n) => {
    for (let i = 0; i < n; i++) await robot({ organizationId, slug: `team-${++teams}`, name: `Team ${teams}` });
  };

  // Her log is open from now on to the end, in a tab of its own.
  const log = await page.context().newPage();
  const tape = listen(log);
  await log.goto(`/organizations/${slug}/audit-log`);
  const logs = on(log, { shoot: (label) => shoot(`log-${label}`, log), problems });
  await logs.at('Audit log');
  await log.getByText('Live', { exact: true }).waitFor();

  // Two members join from their mails: one at his phone, the other outside of the browser.
  for (const [{ email }, role] of [
    [mia, 'MEMBER'],
    [kim, 'MANAGER'],
  ]) {
    await api('mutation ($input: InviteMemberInput!) { inviteMember(input: $input) { member { id } } }', {
      organizationId,
      email,
      role,
      teamIds: [createTeam.team.id],
    });
  }
  await row(log, 'invited mia@story.example');
  await phone.goto(`/join${new URL(await linkFromMailbox(mia.email, 'join')).hash}`);
  await theirs.fill('Your name', mia.name);
  await theirs.fill('Email', mia.email);
  await theirs.fill('Password', password);
  await phone.getByRole('button', { name: /^Create account/ }).click();
  await theirs.at(/^You are in Story Ltd/);
  await row(log, 'accepted the invitation');
  await phone.goto(`/organizations/${slug}`);
  await theirs.at('Story Ltd');
  await theirs.sees('The site');
  const inviteToken = new URLSearchParams(new URL(await linkFromMailbox(kim.email, 'join')).hash.slice(1)).get('token');
  const { signUp } = await graphql(undefined, 'mutation ($input: SignUpInput!) { signUp(input: $input) { session { token } } }', {
    input: { ...kim, password, inviteToken },
  });
  await graphql(signUp.session.token, 'mutation ($input: AcceptInviteInput!) { acceptInvite(input: $input) { nextStep } }', {
    input: { token: inviteToken },
  });

  await row(log, 'Kim Keys', 0, 'member.accept-invite');
  // Kim manages: the log that she has open stays where it is to the end, whatever becomes of her access.
  const keys = await another();
  const kims = await keys.newPage();
  await kims.goto(`/organizations/${slug}/audit-log`);
  await kims.getByLabel('Email').fill(kim.email);
  await kims.getByLabel('Password', { exact: true }).fill(password);
  await kims.getByRole('button', { name: 'Sign in', exact: true }).click();
  await kims.getByText('Live', { exact: true }).waitFor();

  // Where she is on the log: paused, further down, through filters, with details.
  await logs.press('Pause');
  await write(5);
  await logs.sees('5 new entries');
  await logs.press('5 new entries');
  await row(log, 'created the team Team 5');
  await write(20);
  await row(log, 'created the team Team 25');
  await unbroken(log);
  await log.mouse.move(600, 600);
  await log.mouse.wheel(0, 700);
  await log.getByText('Paused', { exact: true }).waitFor();
  await write(1);
  await logs.press('1 new entry');
  await row(log, 'created the team Team 26');
  await log.getByLabel('Actions').first().click();
  await log.getByRole('option', { name: 'member.invite', exact: true }).click();
  await log.waitForURL(/action=member\.invite/);
  await log.keyboard.press('Escape');
  await log.waitForFunction(() => document.querySelectorAll('[data-sequence]').length === 2);
  await write(1);
  await api('mutation ($input: InviteMemberInput!) { inviteMember(input: $input) { member { id } } }', { organizationId, email: 'later@story.example' });
  await row(log, 'invited later@story.example');
  if ((await sequences(log)).length !== 3) throw new Error('a filtered log shows what does not fit its filter');
  await log.locator('.log-message').first().click();
  await log.getByRole('dialog').getByText('later@story.example').first().waitFor();
  await log.waitForURL(/entry=aud_/);
  await log.getByRole('heading', { name: 'Data' }).waitFor();
  await logs.sound('details');
  await log.reload();
  await log.getByRole('dialog').getByText('later@story.example').first().waitFor();
  await log.keyboard.press('Escape');
  await logs.press('Show everything');
  await log.waitForFunction(() => document.querySelectorAll('[data-sequence]').length > 10);
  await log.getByText('Live', { exact: true }).waitFor();

  // The network goes away, entries are written, the server is killed and started again on the same data.
  await log.context().setOffline(true);
  await log.getByText('Reconnecting', { exact: true }).waitFor();
  await log.getByText('No connection to Muster').waitFor();
  await logs.sound('no connection');
  await write(7);
  await server.kill();
  await server.start();
  await write(5);
  await log.context().setOffline(false);
  await log.getByText('caught up 12 entries').waitFor();
  await row(log, 'created the team Team 39');
  await unbroken(log);
  await log.getByText('No connection to Muster').waitFor({ state: 'detached' });
  await logs.sound('caught up');

  // Killed once more, while nobody's network is at fault: both pages find back by themselves.
  await server.kill();
  await log.getByText('Reconnecting', { exact: true }).waitFor();
  await phone.getByText('No connection to Muster').waitFor();
  await theirs.sees('The site');
  await theirs.sound('server gone');
  await server.start();
  await log.getByText('Live', { exact: true }).waitFor();
  await phone.getByText('No connection to Muster').waitFor({ state: 'detached' });

  // More than the page keeps, while she looks elsewhere: it counts them, and shows the newest without a gap.
  await logs.press('Pause');
  await Promise.all(Array.from({ length: 4 }, () => write(flood / 4)));
  await logs.press(`${flood} new entries`);
  await row(log, `created the team Team ${teams}`, 0, null);
  await unbroken(log);
  for (let i = 0; i < 2; i++) {
    await logs.press('Show older entries');
    await log.waitForFunction((n) => document.querySelectorAll('[data-sequence]').length >= n, 100 + 50 * i);
  }
  await unbroken(log);
  await log.evaluate(() => window.scrollTo(0, 0));
  await log.getByText('Live', { exact: true }).waitFor();

  // She requires two-factor authentication. What he had open says so at once, and her log shows the removals as they happen.
  await page.goto(`/organizations/${slug}`);
  await hers.at('Story Ltd');
  await hers.sees('1 of 3 members');
  await page.goto(`/organizations/${slug}/settings/security`);
  await hers.at('Security & Privacy');
  await page.getByRole('switch', { name: /^Require Two-Factor Authentication/ }).click();
  await hers.press('Require it and remove 2 members');
  const asked = Date.now();
  await Promise.all([
    phone.getByRole('heading', { level: 1, name: 'You have lost access to Story Ltd', exact: true }).waitFor({ timeout: atOnce }),
    kims.getByRole('heading', { level: 1, name: 'You have lost access to Story Ltd', exact: true }).waitFor({ timeout: atOnce }),
    row(log, 'Mia Member', 0, 'member.pending', atOnce),
    row(log, 'Kim Keys', 0, 'member.pending', atOnce),
  ]);
  console.log(`lost access and both removals shown ${Date.now() - asked} ms after Confirm`);
  await theirs.at('You have lost access to Story Ltd');
  await unbroken(log);
  await logs.sound('removals');
  await page.goto(`/organizations/${slug}`);
  await hers.at('Story Ltd');
  await hers.sees('100 %');
  await hers.sees('2 members can come back');

  // Who tries again without having set it up is told why. He opens the mail in the mailbox, and comes back by its button alone.
  await theirs.press('I have set it up: try again');
  await theirs.refused('you were removed until you set it up');
  await phone.getByRole('link', { name: 'Open the mailbox of this server' }).click();
  await linkFromMailbox(mia.email, 'rejoin');
  await phone.reload();
  await phone.getByRole('listitem').filter({ hasText: mia.email }).getByRole('link', { name: /^Mandatory/ }).click();
  await phone.getByRole('heading', { name: /^Mandatory/ }).waitFor();
  await phone.goto(await linkFromMailbox(mia.email, 'rejoin'));
  await theirs.at('Setup Two-Factor Authentication');
  await theirs.press('Set up two-factor authentication');
  await phone.getByRole('button', { name: /^Authenticator app/ }).click();
  await theirs.at('Set up your authenticator app');
  await enrollApp(phone, theirs);
  await theirs.press('Not now');
  await theirs.at('You are back in Story Ltd');
  await theirs.sees('Web');
  await row(log, 'Mia Member', 0, 'member.accept-invite', atOnce);
  await hers.sees('1 member can come back');
  await theirs.follow('Go to Story Ltd');
  await theirs.at('Story Ltd');
  await theirs.sees('The site');

  // The other one comes back with a security key, in another tab than the one that has told her, where she presses nothing before.
  const theirKey = await keys.newPage();
  await plug(await sockets(theirKey), true);
  await theirKey.goto(`/rejoin${new URL(await linkFromMailbox(kim.email, 'rejoin')).hash}`);
  await theirKey.getByRole('button', { name: 'Set up two-factor authentication' }).click();
  await theirKey.getByRole('button', { name: /^Security key or passkey/ }).click();
  await theirKey.getByRole('button', { name: 'Set up the key' }).click();
  await theirKey.getByLabel('I saved them').check();
  await theirKey.getByRole('button', { name: 'Go on', exact: true }).click();
  await theirKey.getByRole('button', { name: 'Not now', exact: true }).click();
  await theirKey.getByRole('heading', { level: 1, name: 'You are back in Story Ltd', exact: true }).waitFor();
  await row(log, 'Kim Keys', 0, 'member.accept-invite', atOnce);
  await hers.sees('Nobody is waiting to come back.');
  await hers.sound('everybody is back');
  // Her log comes back where it was, and lives; also when her role is gone and given back faster than a page can look.
  await kims.getByRole('button', { name: 'I have set it up: try again' }).click();
  await kims.getByRole('heading', { level: 1, name: 'Audit log', exact: true }).waitFor();
  await row(kims, 'Kim Keys', 0, 'member.accept-invite');
  await kims.getByText('Live', { exact: true }).waitFor();
  await write(1);
  await row(kims, `created the team Team ${teams}`);

  // A change of role is told where it is felt; removal by hand too.
  const { organization: found } = await api(`{ organization(slug: "${slug}") { members { nodes { id email } } } }`);
  const idOf = ({ email }) => found.members.nodes.find((member) => member.email === email).id;
  for (const role of ['ADMIN', 'MANAGER', 'ADMIN', 'MANAGER']) {
    await api('mutation ($input: ChangeMemberRoleInput!) { changeMemberRole(input: $input) { member { id } } }', { memberId: idOf(kim), role });
  }
  await write(1);
  await row(kims, `created the team Team ${teams}`);
  await kims.getByText('Live', { exact: true }).waitFor();
  await unbroken(kims);
  await api('mutation ($input: ChangeMemberRoleInput!) { changeMemberRole(input: $input) { member { id } } }', { memberId: idOf(mia), role: 'MANAGER' });
  await phone.getByText('You are now Manager of Story Ltd').waitFor({ timeout: atOnce });
  await theirs.sees('With 2FA now');
  await theirs.sound('a manager');
  await phone.goto(`/organizations/${slug}/audit-log`);
  await theirs.at('Audit log');
  await api('mutation ($input: ChangeMemberRoleInput!) { changeMemberRole(input: $input) { member { id } } }', { memberId: idOf(mia), role: 'MEMBER' });
  await phone.getByText(/This screen is for owners and managers/).waitFor({ timeout: atOnce });
  await api('mutation ($input: RemoveMemberInput!) { removeMember(input: $input) { removedMemberId } }', { memberId: idOf(mia) });
  await phone.getByRole('heading', { level: 1, name: 'You are no longer a member of Story Ltd', exact: true }).waitFor({ timeout: atOnce });
  await theirs.sound('no longer a member');
  await phone.getByRole('link', { name: 'Your organizations' }).click();
  await theirs.at('Your organizations');

  // Signed out elsewhere: the page says so at once, and goes on where it was after signing in.
  await theirKey.goto(`/organizations/${slug}`);
  await theirKey.getByRole('heading', { level: 1, name: 'Story Ltd', exact: true }).waitFor();
  const signedOut = await theirKey.context().request.post('/graphql', {
    headers: { origin: server.url },
    data: { query: 'mutation { signOut(input: { everywhere: true }) { ok } }' },
  });
  if ((await signedOut.json()).data?.signOut?.ok !== true) throw new Error(`signing out elsewhere: ${await signedOut.text()}`);
  await theirKey.getByText('You have been signed out').waitFor({ timeout: atOnce });
  await theirKey.getByLabel('Email').fill(kim.email);
  await theirKey.getByLabel('Password', { exact: true }).fill(password);
  await theirKey.getByRole('button', { name: 'Sign in', exact: true }).click();
  await theirKey.getByRole('button', { name: 'Use security key or passkey' }).click();
  await theirKey.getByRole('heading', { level: 1, name: 'Story Ltd', exact: true }).waitFor();

  // Everything that the log's subscription brought, over all of it: no number twice, none missing.
  await row(log, 'Mia Member', 0, 'member.remove', atOnce);
  await unbroken(log);
  const { organization: end } = await api(`{ organization(slug: "${slug}") { auditSequence } }`);
  const numbers = tape();
  for (let i = 1; i < numbers.length; i++) {
    if (numbers[i] !== numbers[i - 1] + 1) throw new Error(`the subscription brought ${numbers[i]} after ${numbers[i - 1]}`);
  }
  if (numbers.at(-1) !== end.auditSequence) throw new Error(`the subscription brought entries up to ${numbers.at(-1)} of ${end.auditSequence}`);
  console.log(`the subscription brought ${numbers.length} entries, ${numbers[0]} to ${numbers.at(-1)}, each once and in order`);
}

/** Sets up an authenticator app by the codes that it would show, and takes the recovery codes. */
async function enrollApp(page, { press, at }) {
  await press('I have an app: show the QR code');
  await at('Scan the QR code');
  await page.getByText('You cannot scan it?').click();
  const secret = (await page.locator('.secret code').textContent()).replace(/\s/g, '');
  await page.getByLabel('Code that the app shows now').fill(totp(secret, Date.now()));
  await press('Confirm');
  await at('Save your recovery codes');
  await page.getByLabel('I saved them').check();
  await press('Go on');
}

/** Asks the API from a page, as whoever is signed in there. */
async function ask(page, query, input) {
  const { data, errors } = await page.evaluate(
    async (body) => (await fetch('/graphql', { method: 'POST', headers: { 'content-type': 'application/json' }, body })).json(),
    JSON.stringify({ query, variables: { input } }),
  );
  if (errors) throw new Error(`${errors[0].message} (${errors[0].extensions?.code})`);
  return data;
}

/** Waits for a row of the log that has the words. */
async function row(page, words, nth = 0, action = null, timeout = patience) {
  let rows = page.locator('[data-sequence]').filter({ hasText: words });
  if (action !== null) rows = rows.filter({ hasText: action });
  await rows.nth(nth).waitFor({ timeout });
}

/** The numbers of the rows that the page shows, from its top. */
function sequences(page) {
  return page.locator('[data-sequence]').evaluateAll((rows) => rows.map(({ dataset }) => Number(dataset.sequence)));
}

/** The rows that the page shows are newest first, and none is missing between them. */
async function unbroken(page) {
  const shown = await sequences(page);
  if (shown.length === 0) throw new Error('the log shows nothing');
  if (shown.length > 500) throw new Error(`the log keeps ${shown.length} rows`);
  for (let i = 1; i < shown.length; i++) {
    if (shown[i] !== shown[i - 1] - 1) throw new Error(`the log shows ${shown[i]} below ${shown[i - 1]}`);
  }
}

// Takes down the numbers of all entries that a page's subscriptions to the log bring, on whatever socket; they are in the
// answer. Each subscription begins with the last that is known, as its sign of life: that one is not new.
function listen(page) {
  const numbers = [];
  page.on('websocket', (socket) => {
    const begun = new Set();
    socket.on('framereceived', ({ payload }) => {
      const { id, payload: { data } = {} } = JSON.parse(String(payload));
      if (data?.auditLog === undefined) return;
      if (begun.has(id)) numbers.push(data.auditLog.sequence);
      begun.add(id);
    });
  });
  return () => numbers;
}
