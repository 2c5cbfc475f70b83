// The members' screens and the organization's settings in Chromium against a running Muster: an owner invites, changes
// roles, filters by the address, removes, requires 2FA after reading whom that hits, and resends the mail to somebody who
// was removed; a plain member sees little, and learns at once that the organization is closed.
//
//   node e2e/members.mjs URL
//
// MUSTER_WIDTH                        of the window, 390 is a phone; MUSTER_SCHEME is light or dark
// MUSTER_E2E_SHOTS                    a folder for pictures, CHROMIUM the browser, MUSTER_E2E_TIMEOUT the patience in ms
import { axe } from './axe.mjs';
import { check } from './browser.mjs';
import { company, mutate, nextCode } from './company.mjs';
import { linkFromMailbox } from './mailbox.mjs';
import { on, windowName, windowOf } from './screen.mjs';

const { owner, organizationId, slug, name, mark, join } = await company();
const mia = await join('Mia Member', { team: 'Platform' });
const noah = await join('Noah Member');
const mara = await join('Mara Manager', { role: 'MANAGER', factor: true });
const base = `/organizations/${slug}`;

await check(
  `members-${windowName()}`,
  async (page, { context, problems, shoot }) => {
    const screen = on(page, { shoot, problems });
    const { at, press, follow, fill, sees } = screen;
    const row = (who) => page.getByRole('row').filter({ has: page.getByRole('link', { name: who, exact: true }) });
    const dialog = page.getByRole('dialog');
    const closed = () => dialog.waitFor({ state: 'detached' });
    const says = (part) => page.getByRole('status').filter({ hasText: part }).first().waitFor();
    const signIn = async (on, person) => {
      await on.getByLabel('Email', { exact: true }).fill(person.email);
      await on.getByLabel('Password', { exact: true }).fill(person.password);
      await on.getByRole('button', { name: 'Sign in', exact: true }).click();
      if (person.secret === null) return;
      await on.getByLabel(/^Code/).fill(nextCode(person));
      await on.getByRole('button', { name: 'Go on', exact: true }).click();
    };

    await page.goto(`${base}/members`);
    await signIn(page, owner);
    await at('Members');
    for (const who of ['Olga Owner', 'Mia Member', 'Noah Member', 'Mara Manager']) await row(who).waitFor();
    await row('Mia Member').getByText('No 2FA').waitFor();
    await page.getByRole('link', { name: /^Members\s*4$/ }).waitFor();

    // A plain member, in a browser of their own, sees names and roles and nothing to do.
    const others = await context.browser().newContext({ ...windowOf(), baseURL: page.url() });
    const hers = await others.newPage();
    await hers.goto(`${base}/members`);
    await signIn(hers, mia);
    await hers.getByRole('link', { name: 'Noah Member', exact: true }).waitFor();
    if (await hers.getByText(noah.email).count()) problems.push('a plain member sees an address');
    if (await hers.getByRole('button', { name: 'Invite' }).count()) problems.push('a plain member is offered to invite');
    problems.push(...(await axe(hers, 'members, to a plain member')));
    await hers.goto(`${base}/settings/security`);
    await hers.getByText('This screen is for owners and managers.').waitFor();
    await hers.goto(`${base}/projects`);
    await hers.getByRole('rowheader', { name: 'Billing' }).waitFor();

    // Invite somebody; the mail's progress shows by itself.
    const invited = `ida-${mark}@browser.example`;
    await press('Invite');
    await dialog.getByLabel('Email', { exact: true }).fill(invited);
    await dialog.getByLabel('Role').selectOption('ADMIN');
    await screen.sound('invite');
    await press('Send the invitation');
    await closed();
    await page.getByRole('link', { name: /^Invitations/ }).click();
    await row(invited).getByText('Mail sent').waitFor();
    await at('Members');
    await linkFromMailbox(invited, 'join');

    // Withdrawn: it says to whom, and the row goes.
    await follow(invited);
    await dialog.getByText('Invited', { exact: true }).waitFor();
    await screen.sound('an invitation');
    await press('Withdraw the invitation');
    await dialog.getByText('stops working at once').waitFor();
    await dialog.getByRole('button', { name: 'Withdraw the invitation' }).last().click();
    await row(invited).waitFor({ state: 'detached' });
    await sees('No invitation is open.');

    // A role is changed; the list is narrowed by it, and the address says so.
    await page.goto(`${base}/members`);
    await follow('Mia Member');
    await screen.sound('a member');
    await press('Change role');
    await page.getByRole('dialog', { name: 'Role of Mia Member' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog', { name: 'Role of Mia Member' }).waitFor({ state: 'detached' });
    // Escape has closed what lay on top, not the details below it.
    await press('Change role');
    await page.getByRole('dialog', { name: 'Role of Mia Member' }).getByLabel('Role').selectOption('ADMIN');
    await press('Save the role');
    await page.getByRole('dialog', { name: 'Role of Mia Member' }).waitFor({ state: 'detached' });
    await page.keyboard.press('Escape');
    await closed();
    await row('Mia Member').filter({ hasText: 'Admin' }).waitFor();
    await page.getByLabel('Role', { exact: true }).selectOption('ADMIN');
    await row('Noah Member').waitFor({ state: 'detached' });
    await row('Mia Member').waitFor();
    await page.waitForURL(/[?&]role=ADMIN/);
    await page.reload();
    await row('Mia Member').waitFor();
    if (await row('Noah Member').count()) problems.push('the filter is lost by loading the page again');

    // Somebody else changes it back: the row goes by itself, and it is told.
    await mutate(owner.token, 'changeMemberRole', 'member { id }', { memberId: mia.memberId, role: 'MEMBER' });
    await row('Mia Member').waitFor({ state: 'detached' });
    await says('changed the role of Mia Member');
    await sees('Nobody fits these conditions.');
    await page.goto(`${base}/members?q=noah`);
    await row('Noah Member').waitFor();
    if (await row('Mia Member').count()) problems.push('the search finds somebody of another name');
    // Whoever pauses between two words is not robbed of the space.
    await page.getByLabel('Name or email').fill('Mara ');
    await row('Mara Manager').waitFor();
    await page.waitForURL(/[?&]q=Mara$/);
    await page.getByLabel('Name or email').press('End');
    await page.getByLabel('Name or email').pressSequentially('Man');
    await page.waitForURL(/[?&]q=Mara(%20|\+)Man$/);
    await row('Mara Manager').waitFor();

    // What an address says and nobody understands is left out.
    await page.goto(`${base}/members?status=FOO&role=NOBODY&twoFactor=PERHAPS`);
    await row('Noah Member').waitFor();
    await page.goto(`${base}/audit-log?from=garbage&until=%2B275760-09-13&last=99999&target=%00`);
    await at('Audit log');
    await page.getByRole('listitem').filter({ hasText: 'changed the role of Mia Member' }).first().waitFor();

    // Removing names who loses what.
    await page.goto(`${base}/members?member=${noah.memberId}`);
    await dialog.getByRole('button', { name: 'Remove', exact: true }).click();
    const remove = page.getByRole('dialog', { name: 'Remove Noah Member?' });
    await remove.getByText('only a new invitation brings them back').waitFor();
    await screen.sound('remove');
    await remove.getByRole('button', { name: 'Remove', exact: true }).click();
    await row('Noah Member').waitFor({ state: 'detached' });

    // A manager sees what the requirement would do, and cannot turn it on.
    const managers = await context.browser().newContext({ ...windowOf(), baseURL: page.url() });
    const his = await managers.newPage();
    await his.goto(`${base}/settings/security`);
    await signIn(his, mara);
    await his.getByText('Only owners can turn this on or off.').waitFor();
    await his.getByText('Would be removed').waitFor();
    if (await his.getByRole('switch', { name: 'Require Two-Factor Authentication' }).isEnabled()) problems.push('a manager is offered the switch');
    problems.push(...(await axe(his, 'security, to a manager')));

    // Who may not invite any more has no form for it left.
    await his.goto(`${base}/members`);
    await his.getByRole('button', { name: 'Invite' }).click();
    await his.getByRole('button', { name: 'Send the invitation' }).waitFor();
    await mutate(owner.token, 'changeMemberRole', 'member { id }', { memberId: mara.memberId, role: 'MEMBER' });
    await his.getByRole('button', { name: 'Send the invitation' }).waitFor({ state: 'detached' });
    await mutate(owner.token, 'changeMemberRole', 'member { id }', { memberId: mara.memberId, role: 'MANAGER' });
    await his.getByRole('button', { name: 'Invite' }).waitFor();
    await managers.close();

    // The requirement says whom it hits before it is confirmed.
    await page.goto(`${base}/settings/security`);
    await at('Security & Privacy');
    await page.getByRole('switch', { name: 'Require Two-Factor Authentication' }).click();
    const require = page.getByRole('dialog', { name: 'Require two-factor authentication?' });
    await require.getByText('1 member', { exact: true }).waitFor();
    await require.getByRole('button', { name: 'Show who it is' }).click();
    await require.getByText(mia.email).waitFor();
    await require.getByRole('button', { name: 'Remind them by mail first' }).click();
    await require.getByText('1 member is being mailed').waitFor();
    await screen.sound('whom it removes');
    // The question stays the one that was clicked, also while the screen behind knows already and the answer is not there yet.
    let answer;
    const mayAnswer = new Promise((resolve) => (answer = resolve));
    await page.route('**/graphql', async (route) => {
      const { operationName, variables } = route.request().postDataJSON();
      if (operationName !== 'SetRequire2FA' || !variables.input.required) return route.fallback();
      const response = await route.fetch();
      await mayAnswer;
      await route.fulfill({ response });
    });
    await require.getByRole('button', { name: 'Require it and remove 1 member' }).click();
    await page.getByText('Required', { exact: true }).waitFor();
    if (await page.getByRole('button', { name: 'Turn it off' }).count()) problems.push('the dialog asks the opposite of what was confirmed');
    await require.getByText('Turning on…').waitFor();
    await require.getByText('will be removed at once').waitFor();
    answer();
    await require.waitFor({ state: 'detached' });
    await says('1 member removed and mailed the way back.');
    await screen.sound('swept');
    await hers.getByRole('heading', { name: `You have lost access to ${name}` }).waitFor();
    if (await hers.getByRole('rowheader', { name: 'Billing' }).count()) problems.push('a removed member still sees projects');

    // The removed are apart; the mail can be sent again.
    await follow('Who was removed and can return');
    await row('Mia Member').filter({ hasText: /\d{4}/ }).waitFor();
    await row('Mia Member').getByText('Mail sent').waitFor();
    await screen.sound('removed for 2FA');
    const first = await linkFromMailbox(mia.email, 'rejoin');
    await press('Resend the mail to Mia Member');
    await page.getByText('A new link is on its way').first().waitFor();
    const until = Date.now() + 20_000;
    while ((await linkFromMailbox(mia.email, 'rejoin')) === first) {
      if (Date.now() > until) throw new Error('no other link was mailed');
      await page.waitForTimeout(200);
    }

    // Off again reinstates nobody, and says so.
    await page.goto(`${base}/settings/security`);
    await page.getByRole('switch', { name: 'Require Two-Factor Authentication' }).click();
    await dialog.getByText('Nobody is reinstated by this').waitFor();
    await screen.sound('turning it off');
    await press('Turn it off');
    await closed();
    await page.getByRole('switch', { name: 'Require Two-Factor Authentication', checked: false }).waitFor();

    // Single sign-on, and why the requirement cannot be turned on beside it.
    await press('Connect a provider');
    await fill('Issuer', 'https://login.example.com');
    await fill('Client id', 'muster');
    await fill('Client secret', 'a secret of the provider');
    await screen.sound('connect a provider');
    await press('Connect');
    await closed();
    await sees('https://login.example.com');
    await sees(/cannot be required while single sign-on is on/);
    if (await page.getByRole('switch', { name: 'Require Two-Factor Authentication' }).isEnabled()) problems.push('the switch is open although it would be refused');
    await screen.sound('single sign-on');
    await press('Disconnect');
    await dialog.getByRole('button', { name: 'Disconnect', exact: true }).click();
    await sees(/no provider is connected/);

    // Teams, projects, tokens, notifications.
    await page.goto(`${base}/teams`);
    await at('Teams');
    await press('New team');
    await dialog.getByLabel('Name', { exact: true }).fill('Night Watch');
    await press('Create');
    await page.getByRole('rowheader', { name: 'Night Watch' }).waitFor();
    await page.goto(`${base}/projects`);
    await at('Projects');
    await press('New project');
    await dialog.getByLabel('Name', { exact: true }).fill('Lantern');
    await dialog.getByLabel('Team', { exact: true }).selectOption('Night Watch');
    await screen.sound('new project');
    await press('Create');
    await page.getByRole('row', { name: 'Lantern Night Watch' }).waitFor();
    await page.goto(`${base}/settings/notifications`);
    await at('My notifications');
    await page.getByRole('switch', { name: 'Membership' }).click();
    await page.getByRole('switch', { name: 'Membership', checked: false }).waitFor();
    await page.goto(`${base}/settings/tokens`);
    await at('Service tokens');
    await press('New token');
    await dialog.getByLabel('Name', { exact: true }).fill('Wall screen');
    await dialog.getByRole('checkbox', { name: /audit log/ }).check();
    await screen.sound('new token');
    await press('Make token');
    const shown = (await dialog.locator('code').textContent()) ?? '';
    if (shown.length < 40) throw new Error('the new token is not shown');
    // Shown this once: no key closes it.
    await page.keyboard.press('Escape');
    await dialog.getByText(shown, { exact: true }).waitFor();
    await press('Done');
    await closed();
    await page.getByText('Wall screen').waitFor();
    if (await page.getByText(shown).count()) problems.push('the token is shown again');
    await press('Revoke Wall screen');
    await dialog.getByRole('button', { name: 'Revoke', exact: true }).click();
    await page.getByText('There are no tokens.').waitFor();

    // Another short name is another address, for the open page too.
    await page.goto(`${base}/settings/general`);
    await at('General');
    await fill('Short name', `${slug}-2`);
    await press('Save');
    await page.waitForURL(`**/organizations/${slug}-2/settings/general`);
    await at('General');
    await others.close();
  },
  { context: windowOf() },
);
