// Every screen in the narrowest window that people zoom to (WCAG 1.4.10: 320 px, as 1280 at 400 %), with names and addresses
// as long as the server takes them, in Chromium against a running Muster: nothing is wider than the window, and no text is
// cut off.
//
//   node e2e/narrow.mjs URL
//
// MUSTER_WIDTH                        of the window, else 320; MUSTER_SCHEME is light or dark
// MUSTER_E2E_SHOTS                    a folder for pictures, CHROMIUM the browser, MUSTER_E2E_TIMEOUT the patience in ms
import { check } from './browser.mjs';
import { company, mutate, nextCode } from './company.mjs';
import { removedMember } from './removed.mjs';
import { on, windowOf } from './screen.mjs';

const width = Number(process.env.MUSTER_WIDTH ?? 320);
const { owner, organizationId, slug, join, mark } = await company();
const word = 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft';
const member = await join(`${word}${word}`.slice(0, 100), { team: 'Platform', factor: true, email: `${'long'.repeat(15)}-${mark}@${'example'.repeat(8)}.example` });
await join(`Mia ${word}`, { role: 'MANAGER' });
await mutate(owner.token, 'updateOrganization', 'organization { id }', { organizationId, name: `${word} International` });
await mutate(owner.token, 'createTeam', 'team { id }', { organizationId, slug: 'long', name: word.slice(0, 60) });
await mutate(owner.token, 'inviteMember', 'member { id }', { organizationId, email: `i${'nvited'.repeat(9)}-${mark}@browser.example`, role: 'ADMIN' });
const removed = await removedMember();
const base = `/organizations/${slug}`;

await check(
  `narrow-${width}-${process.env.MUSTER_SCHEME ?? 'light'}`,
  async (page, { another, problems, shoot }) => {
    const screen = on(page, { shoot: (label) => shoot(label, page), problems });
    const holds = async (label, of = page) => {
      await of.waitForLoadState('networkidle');
      for (const text of await cut(of)) problems.push(`"${label}" cuts off ${text}`);
      await on(of, { shoot: (name) => shoot(name, of), problems }).sound(label);
    };
    const dialog = page.getByRole('dialog');
    for (const path of ['/sign-up', '/reset', '/sso/nowhere', '/sign-in']) {
      await page.goto(path);
      await page.getByRole('heading', { level: 1 }).waitFor();
      await holds(path);
    }
    await page.goto(`${base}/members`);
    await screen.fill('Email', owner.email);
    await screen.fill('Password', owner.password);
    await screen.press('Sign in');
    await page.getByLabel(/^Code/).waitFor();
    await holds('second factor');
    await page.getByLabel(/^Code/).fill(nextCode(owner));
    await screen.press('Go on');
    await page.getByRole('link', { name: member.name }).waitFor();
    await holds('members');

    const screens = [
      ...['', '/members?status=INVITED', '/members?status=ALL', '/teams', '/projects', '/audit-log'],
      ...['security', 'general', 'tokens', 'notifications'].map((settings) => `/settings/${settings}`),
    ].map((path) => `${base}${path}`);
    screens.push('/organizations', '/organizations/nowhere');
    screens.push(...['security', 'security/add', 'security/add?kind=app', 'security/add?kind=phone', 'security/add?kind=key', 'sessions', 'tokens', 'activity'].map((of) => `/account/${of}`));
    for (const path of screens) {
      await page.goto(path);
      await page.getByRole('heading', { level: 1 }).waitFor();
      await holds(path);
    }

    // What lies over the screens: navigation, the account's menu, details, dialogs.
    await page.goto(base);
    await screen.press('Navigation');
    await page.getByRole('navigation', { name: 'Main' }).waitFor();
    await holds('navigation');
    await screen.press('Navigation');
    await page.getByRole('button', { name: owner.name }).click();
    await page.getByRole('menu').waitFor();
    await holds('menu');
    const over = [
      [`${base}/members?member=${member.memberId}`, null],
      ...['Change role', 'Set teams', 'Reset second factor', 'Remove'].map((action) => [`${base}/members?member=${member.memberId}`, action]),
      [`${base}/members`, 'Invite'],
      [`${base}/settings/security`, 'Connect a provider'],
      [`${base}/settings/tokens`, 'New token'],
      [`${base}/teams`, 'New team'],
      ['/organizations', 'New organization'],
      ['/account/tokens', 'New token'],
      ['/account/security', 'Make new recovery codes'],
    ];
    for (const [path, button] of over) {
      await page.goto(path);
      await page.getByRole('heading', { level: 1 }).waitFor();
      if (button !== null) await page.getByRole('button', { name: button, exact: true }).click();
      await dialog.last().waitFor();
      await holds(`${path} ${button ?? ''}`.replace(member.memberId, ''));
    }
    await page.goto(`${base}/settings/security`);
    await page.getByRole('switch', { name: /^Require Two-Factor/ }).click();
    await dialog.getByRole('button', { name: 'Show who it is' }).click(); // not the one under it
    await dialog.getByText(/^Mia/).waitFor();
    await holds('require');
    await page.goto(`${base}/audit-log`);
    // On a wide screen an entry is one line, of which its sentence has the most.
    await page.setViewportSize({ width: 1200, height: 844 });
    await page.locator('.log-message').first().waitFor();
    const least = await page.locator('.log-row').evaluateAll((rows) => Math.min(...rows.map((row) => row.querySelector('.log-message').clientWidth / row.clientWidth)));
    if (least < 0.5) problems.push(`an entry's sentence has ${Math.round(least * 100)} % of its line, want half at least`);
    await page.setViewportSize({ width, height: 844 });
    await page.locator('.log-message').first().click();
    await dialog.getByText('From where').waitFor();
    await holds('entry');

    // A name that the header has no room for is in the menu in full.
    const phone = await (await another()).newPage();
    await phone.goto('/sign-in?to=/account/sessions');
    await phone.getByLabel('Email').fill(member.email);
    await phone.getByLabel('Password', { exact: true }).fill(member.password);
    await phone.getByRole('button', { name: 'Sign in', exact: true }).click();
    await phone.getByLabel(/^Code/).fill(nextCode(member));
    await phone.getByRole('button', { name: 'Go on', exact: true }).click();
    await phone.getByRole('heading', { level: 1, name: 'Sessions' }).waitFor();
    await phone.getByRole('button', { name: member.name }).click();
    await phone.getByRole('menu').getByText(member.name).waitFor();
    await holds('a long name', phone);
    await phone.context().clearCookies();

    // Who was removed, on the way back.
    const theirs = on(phone, { shoot: (label) => shoot(label, phone), problems });
    await phone.goto(`/rejoin${new URL(removed.link).hash}`);
    await theirs.at('Setup Two-Factor Authentication');
    await holds('rejoin', phone);
    await theirs.fill('Email', removed.email);
    await theirs.fill('Password', removed.password);
    await theirs.press('Sign in');
    await phone.getByRole('button', { name: /^Authenticator app/ }).click();
    await theirs.press('I have an app: show the QR code');
    await phone.getByText('You cannot scan it?').click();
    await holds('QR code', phone);
    await phone.goto('/organizations');
    await theirs.at('Your organizations');
    await holds('organizations of the removed', phone);
    await phone.getByRole('link', { name: removed.organization }).click();
    await phone.getByText('Open the mail titled').waitFor();
    await holds('removed', phone);
    await phone.goto('/mailbox/');
    await phone.getByRole('heading').first().waitFor();
    const wide = await phone.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (wide > 0) problems.push(`the mailbox is ${wide} px wider than the window`);
  },
  { context: { ...windowOf(), viewport: { width, height: 844 } } },
);

/** Texts that a window this narrow does not show in full, and cannot scroll to. */
function cut(page) {
  return page.evaluate(() => {
    const texts = [];
    for (const element of document.querySelectorAll('body *')) {
      const { overflowX, visibility } = getComputedStyle(element);
      const { width, height, left, right } = element.getBoundingClientRect();
      if (element.matches('.account-name')) continue; // in the menu it stands in full
      const own = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim() !== '');
      // What is for screen readers alone is a pixel large.
      if (!own || width <= 1 || height <= 1 || visibility === 'hidden' || right <= 0) continue;
      const scrolled = element.closest('.mantine-ScrollArea-viewport, .mantine-Table-scrollContainer, pre') !== null;
      const hidden = overflowX !== 'visible' && element.scrollWidth > element.clientWidth + 1 && element.tagName !== 'PRE';
      if (hidden || (!scrolled && (right > window.innerWidth + 1 || left < -1))) {
        texts.push(`“${element.textContent.trim().slice(0, 40)}” (${element.tagName.toLowerCase()}.${element.className})`);
      }
    }
    return texts;
  });
}
