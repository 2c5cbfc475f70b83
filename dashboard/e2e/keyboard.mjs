// The story without a mouse: an owner requires 2FA, a member who was removed comes back by a phone, the owner reads who came
// back. Nothing is clicked, and nothing gets the focus but by keys; where it goes is to be seen, and a dialog gives it back.
// In the end five wrong answers to the step-up question end the owner's session, and the page says so.
//
//   node e2e/keyboard.mjs URL
//
// MUSTER_WIDTH                        of the window, 390 is a phone; MUSTER_SCHEME is light or dark
// MUSTER_E2E_SHOTS                    a folder for pictures, CHROMIUM the browser, MUSTER_E2E_TIMEOUT the patience in ms
import { check, muster } from './browser.mjs';
import { company, nextCode } from './company.mjs';
import { codeFromMailbox, linkFromMailbox } from './mailbox.mjs';
import { windowName, windowOf } from './screen.mjs';

/** So often is Tab pressed on the way to something: there is no screen with more to stop at. */
const farthest = 80;

const { owner, slug, name, join } = await company();
const mia = await join('Mia Member', { team: 'Platform' });
const base = `/organizations/${slug}`;

/** A person at a keyboard, who reads what has the focus. */
function at(page) {
  const press = (key) => page.keyboard.press(key);
  const focused = (target) => target.evaluate((element) => element === document.activeElement);
  const keys = {
    press,
    type: (text) => page.keyboard.type(text),
    heading: (words) => page.getByRole('heading', { level: 1, name: words }).waitFor(),
    /** Goes on to something by Tab, and sees that it is there. */
    async to(target) {
      await target.waitFor();
      for (let pressed = 0; !(await focused(target)); pressed++) {
        if (pressed === farthest) throw new Error(`${target} is not reached by Tab`);
        await press('Tab');
      }
      // A switch and a checkbox show it on what is drawn in their place.
      const { x, y, width, height } = await target.evaluate((element) => element.parentElement.getBoundingClientRect().toJSON());
      const look = () => page.screenshot({ animations: 'disabled', clip: { x: Math.max(0, x - 6), y: Math.max(0, y - 6), width: width + 12, height: height + 12 } });
      const with_ = await look();
      await target.evaluate((element) => element.blur());
      const without = await look();
      await target.evaluate((element) => element.focus({ focusVisible: true }));
      if (with_.equals(without)) throw new Error(`${target} has the focus, and nothing shows it`);
    },
    button: (words) => keys.to(page.getByRole('button', { name: words, exact: typeof words === 'string' })),
    link: (words) => keys.to(page.getByRole('link', { name: words, exact: typeof words === 'string' })),
    /** Fills a field in. */
    async fill(label, text) {
      await keys.to(page.getByLabel(label, { exact: true }));
      await keys.type(text);
    },
    async signIn({ email, password }) {
      await keys.fill('Email', email);
      await keys.fill('Password', password);
      await press('Enter');
    },
    dialog: (title) => page.getByRole('dialog', { name: title }),
    /** Where the focus is once a dialog has closed. */
    async back(to) {
      await page.waitForFunction((element) => element === document.activeElement, await to.elementHandle());
    },
  };
  return keys;
}

await check(
  `keyboard-${windowName()}`,
  async (page, { another, shoot }) => {
    const olga = at(page);
    await page.goto(`${base}/settings/security`);
    await olga.signIn(owner);
    await page.getByLabel('Code that the app shows now').waitFor();
    // It has the focus by itself.
    await olga.back(page.getByLabel('Code that the app shows now'));
    await olga.type(nextCode(owner));
    await olga.press('Enter');
    await olga.heading('Security & Privacy');

    const toggle = page.getByRole('switch', { name: 'Require Two-Factor Authentication' });
    await olga.to(toggle);
    await olga.press('Space');
    const question = olga.dialog('Require two-factor authentication?');
    await question.waitFor();
    // Said no at first: the focus is where it was.
    await olga.press('Escape');
    await question.waitFor({ state: 'detached' });
    await olga.back(toggle);
    await olga.press('Space');
    await olga.to(question.getByRole('button', { name: 'Require it and remove 1 member' }));
    await shoot('1-confirm');
    await olga.press('Enter');
    await question.waitFor({ state: 'detached' });
    await page.getByText('Required', { exact: true }).waitFor();

    // Removed, back by a phone.
    const phone = `+43660${String(Math.floor(Math.random() * 1e7)).padStart(7, '0')}`;
    const hers = await (await another()).newPage();
    const hand = at(hers);
    await hers.goto(`/rejoin${new URL(await linkFromMailbox(mia.email, 'rejoin')).hash}`);
    await hand.signIn(mia);
    await hand.button(/^Phone/);
    await hand.press('Enter');
    await hand.heading('Set up your phone');
    const since = new Date(Date.now() - 1_000);
    await hand.fill('Phone number', phone);
    await hand.press('Enter');
    await hand.fill('Code from the text message', await codeFromMailbox(phone, since));
    await hand.press('Enter');
    await hand.heading('Save your recovery codes');
    await hand.to(hers.getByLabel('I saved them'));
    await hand.press('Space');
    await shoot('2-codes', hers);
    await hand.button('Go on');
    await hand.press('Enter');
    await hand.button('Not now');
    await hand.press('Enter');
    await hand.heading(`You are back in ${name}`);
    await shoot('3-back', hers);

    // The owner looks who is there, and into the log.
    await page.goto(`${base}/members`);
    const row = page.getByRole('link', { name: 'Mia Member', exact: true });
    await olga.to(row);
    await olga.press('Enter');
    const details = page.getByRole('dialog');
    await details.getByText('2FA by phone only').waitFor();
    await olga.to(details.getByRole('button', { name: 'Change role' }));
    await olga.press('Escape');
    await details.waitFor({ state: 'detached' });
    await olga.back(row);

    await page.goto(`${base}/audit-log`);
    await olga.to(page.getByRole('combobox', { name: 'Actions' }));
    await olga.type('member.pending');
    await page.getByRole('option', { name: /^member\.pending/ }).waitFor();
    await olga.press('ArrowDown');
    await olga.press('Enter');
    await page.waitForURL(/[?&]action=member\.pending/);
    const entry = page.getByRole('listitem').filter({ hasText: 'member.pending' }).filter({ hasText: 'Mia Member' });
    await entry.waitFor();
    await olga.press('Escape');
    await shoot('4-log');

    // Somebody guesses at the step-up question: the session ends, and the page says it.
    for (let i = 0; i < 5; i++) {
      await page.context().request.post('/graphql', {
        headers: { origin: muster },
        data: { query: 'mutation { confirmIdentity(input: { code: "000000" }) { freshUntil } }' },
      });
    }
    await olga.heading('Sign in to Muster');
    await page.getByText('your session has ended').waitFor();
    await olga.signIn(owner);
    await olga.heading('Confirm that it is you');
    await shoot('5-ended');
  },
  { context: windowOf() },
);
