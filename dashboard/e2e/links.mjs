// Lives the links of account mails in Chromium, each from the mail in the development mailbox of a running Muster: an address
// is confirmed, a password is set anew, an address is claimed by its owner, a reset of the second factor is declined and
// confirmed, and a change is reported as not its owner's. The ways back into organizations are in rejoin.mjs and key.mjs.
//
//   node e2e/links.mjs URL
//
// MUSTER_WIDTH                        of the window, 390 is a phone; MUSTER_SCHEME is light or dark
// MUSTER_E2E_SHOTS                    a folder for pictures, CHROMIUM the browser, MUSTER_E2E_TIMEOUT the patience in ms
import { randomBytes } from 'node:crypto';

import { check } from './browser.mjs';
import { linkFromMailbox } from './mailbox.mjs';
import { mutate, tokenOf } from './removed.mjs';
import { on, windowName, windowOf } from './screen.mjs';
import { totp } from './totp.mjs';

const mark = randomBytes(4).toString('hex');
const secret = () => randomBytes(18).toString('base64url');

/** A new account, whose address nobody has confirmed. */
async function person(name) {
  const email = `${name}-${mark}@browser.example`;
  const password = secret();
  const { session } = await mutate(undefined, 'signUp', 'session { token }', { email, name, password });
  return { email, password, token: session.token };
}

await check(
  `links-${windowName()}`,
  async (page, { context, shoot, problems }) => {
    const { at, press, follow, fill, refused, sees } = on(page, { shoot, problems });
    /** Opens a link as from a mail: in a page that knows nothing of the one before. */
    const open = async (link) => {
      await page.goto('about:blank');
      await page.goto(new URL(link).pathname + new URL(link).hash);
      await page.waitForFunction(() => document.querySelector('h1') !== null);
      if (page.url().includes(tokenOf(link))) throw new Error(`the token is still in the address: ${page.url()}`);
    };

    // An address is confirmed, in a session of its account.
    const vera = await person('vera');
    const verify = await linkFromMailbox(vera.email, 'verify');
    await open(verify);
    await at('Confirm your address');
    await fill('Email', vera.email);
    await fill('Password', vera.password);
    await press('Sign in');
    await sees('You are signed in as');
    await press('Confirm');
    await at('Your address is confirmed');
    await follow('Go on to Muster');
    await at('Your organizations');
    await page.goto('/account/security');
    await sees('Confirmed');
    await open(verify);
    await press('Confirm');
    await refused(/link/);
    await at('Confirm your address');

    // Another address: before it is confirmed the page says which.
    await page.goto('/account/security');
    await press('Change address');
    await fill('New address', `new.${vera.email}`);
    await press('Mail me a link');
    await sees('It changes to');
    await open(await linkFromMailbox(`new.${vera.email}`, 'verify'));
    await at('Confirm your address');
    await sees(`to new.${vera.email} waits`);
    await press('Confirm');
    await at('Your address is confirmed');
    vera.email = `new.${vera.email}`;

    // A forgotten password, from the sign-in page on.
    await context.clearCookies();
    await page.goto('/sign-in');
    await follow('Forgot your password?');
    await at('Forgotten your password?');
    await fill('Email', vera.email);
    await press('Mail me a link');
    await at('Look into your mailbox');
    const reset = await linkFromMailbox(vera.email, 'reset');
    await open(reset);
    await at('Set a new password');
    await fill('New password', 'password');
    await press('Set password');
    await refused('password');
    vera.password = secret();
    await fill('New password', vera.password);
    await press('Set password');
    await at('Your password is set');
    await follow('Sign in');
    await fill('Email', vera.email);
    await fill('Password', vera.password);
    await press('Sign in');
    await at('Your organizations');
    await open(reset);
    await fill('New password', secret());
    await press('Set password');
    await refused(/link/);
    await press('Ask for a new link');
    await at('This link does not work');

    // Somebody claims an address that they never confirmed; its owner asks for a password and gets the way to it.
    const squatter = await person('claimed');
    await context.clearCookies();
    await page.goto('/reset');
    await fill('Email', squatter.email);
    await press('Mail me a link');
    await at('Look into your mailbox');
    const claim = await linkFromMailbox(squatter.email, 'claim');
    await open(claim);
    await at('Sign up with your address');
    await fill('Your name', 'Rightful Owner');
    await fill('Email', squatter.email);
    await fill('Password', secret());
    await press('Create account');
    await at('The address is yours');
    await follow('Go on to Muster');
    await at('Your organizations');
    await open(claim);
    await fill('Your name', 'Once More');
    await fill('Email', squatter.email);
    await fill('Password', secret());
    await press('Create account');
    await refused(/\S/);

    // Their organization asks to reset somebody's second factor, who belongs to another one too.
    await context.clearCookies();
    const owner = await person('owner');
    const lost = `Lost ${mark}`;
    const { organization } = await mutate(owner.token, 'createOrganization', 'organization { id }', { slug: `lost-${mark}`, name: lost });
    const rita = { email: `rita-${mark}@browser.example`, password: secret() };
    const { member } = await mutate(owner.token, 'inviteMember', 'member { id }', { organizationId: organization.id, email: rita.email, role: 'MEMBER' });
    const inviteToken = tokenOf(await linkFromMailbox(rita.email, 'join'));
    rita.token = (
      await mutate(undefined, 'signUp', 'session { token }', { email: rita.email, name: 'rita', password: rita.password, inviteToken })
    ).session.token;
    await mutate(rita.token, 'acceptInvite', 'nextStep', { token: inviteToken });
    const { secret: seed } = await mutate(rita.token, 'enrollTOTP', 'secret', {});
    await mutate(rita.token, 'confirmTOTP', 'authenticator { id }', { code: totp(seed, Date.now()) });
    await mutate(rita.token, 'createOrganization', 'organization { id }', { slug: `own-${mark}`, name: 'Their own' });
    const ask = (reason) => mutate(owner.token, 'resetMemberTwoFactor', 'reset { state }', { memberId: member.id, reason });

    await ask('The phone fell into a lake.');
    const declined = await linkFromMailbox(rita.email, 'reset-2fa', 'into a lake');
    await open(declined);
    await at('Reset your second factor?');
    await sees(lost);
    await press('Decline');
    await at('Declined');
    await open(declined);
    await at('This link does not work');

    // The next one is ended in a session; it says who asks, and takes no more than a click.
    await ask('The phone was stolen, they say.');
    await linkFromMailbox(rita.email, 'reset-2fa', 'was stolen');
    await page.goto('/account/security');
    await fill('Email', rita.email);
    await fill('Password', rita.password);
    await press('Sign in');
    // A step ahead of the one that confirmed the app: each code works once.
    await page.getByLabel('Code that the app shows now').fill(totp(seed, Date.now() + 30_000));
    await press('Go on');
    await at('Account security');
    await sees('The phone was stolen');
    await press(`Decline the request of ${lost}`);
    await press('Decline');
    await page.getByRole('heading', { name: 'Your second factor is to be reset' }).waitFor({ state: 'detached' });
    await context.clearCookies();

    await ask('The phone is broken, really.');
    await open(await linkFromMailbox(rita.email, 'reset-2fa', 'is broken'));
    await fill('Password', `${rita.password}-not`);
    await press('Reset my second factor');
    await refused(/\S/);
    await fill('Password', rita.password);
    await press('Reset my second factor');
    await at('Your second factor is reset');

    // The mail about it has a link for whoever was not asked.
    const notMe = await linkFromMailbox(rita.email, 'not-me');
    await open(notMe);
    await at('Was this you?');
    await press('This was not me: lock my account');
    await at(/^(Your account is locked|All sessions have ended)$/);
    await open(notMe);
    await at('This was reported already');
    await page.goto('/sign-in');
    await fill('Email', rita.email);
    await fill('Password', rita.password);
    await press('Sign in');
    await refused(/\S/);

    // Links that lead nowhere say so, whatever they were.
    for (const path of ['/not-me', '/reset-2fa']) {
      await open(`http://localhost${path}#token=${secret()}`);
      await at('This link does not work');
    }
  },
  { context: windowOf() },
);
