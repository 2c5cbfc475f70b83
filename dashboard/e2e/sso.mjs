// Lives single sign-on in Chromium against a Muster of its own and a real OpenID Connect provider: an owner connects it and
// trusts its second factor, people come in through it, and the requirement leaves those alone whom the provider has proved.
//
//   node e2e/sso.mjs
//
// MUSTER_PROGRAM                      a built server, MUSTER_PROVIDER a built provider, else it builds them
// MUSTER_WIDTH                        of the window, 390 is a phone; MUSTER_SCHEME is light or dark
// MUSTER_E2E_SHOTS                    a folder for pictures, CHROMIUM the browser, MUSTER_E2E_TIMEOUT the patience in ms
import { startProvider } from './provider.mjs';
import { ownServer } from './server.mjs';

const server = await ownServer({ MUSTER_SSO_ALLOW_PRIVATE: 'true' });
process.env.MUSTER_URL = server.url;
const { check } = await import('./browser.mjs');
const { company, nextCode } = await import('./company.mjs');
const { on, windowName, windowOf } = await import('./screen.mjs');

const provider = await startProvider(server.url, {
  'sub-ada': { Name: 'ada', Email: 'ada@sso.example', AMR: ['pwd', 'otp'] },
  'sub-ben': { Name: 'ben', Email: 'ben@sso.example', AMR: ['pwd'] },
  'sub-eve': { Name: 'eve', Email: 'eve@elsewhere.example', AMR: ['pwd', 'otp'] },
});

try {
  await server.start();
  await check(`sso-${windowName()}`, story, { context: windowOf(), others: [provider.issuer] });
} finally {
  provider.end();
  await server.end();
}

async function story(page, { another, problems, shoot }) {
  const { owner, slug, name, join } = await company();
  const mia = await join('Mia Member');
  const hers = on(page, { shoot: (label) => shoot(`owner-${label}`, page), problems });
  const base = `/organizations/${slug}`;

  await page.goto(`/sign-in?to=${encodeURIComponent(`${base}/settings/security`)}`);
  await hers.fill('Email', owner.email);
  await hers.fill('Password', owner.password);
  await hers.press('Sign in');
  await hers.fill('Code that the app shows now', nextCode(owner));
  await hers.press('Go on');
  await hers.at('Security & Privacy');

  // What the server refuses is said at its field, and nothing that was typed is lost.
  await hers.press('Connect a provider');
  await hers.fill('Issuer', 'https://accounts.google.com');
  await hers.fill('Client id', 'muster');
  await hers.fill('Client secret', provider.clientSecret);
  await hers.press('Connect');
  await hers.refused(/accounts\.google\.com/);
  await hers.sound('An issuer that everybody shares');
  await hers.fill('Issuer', provider.issuer);
  await page.getByLabel('Trust its second factor').check();
  await hers.fill('Only accounts of these domains', 'sso.example');
  await hers.press('Connect');
  await hers.sees('Trusted: members whom it signs in meet the requirement');
  await hers.sees('Only accounts of sso.example');
  await hers.sound('A trusted provider');

  // Three people at the provider: one with a second factor, one without, one of another domain.
  const ada = await another();
  const adas = await signIn(ada, 'ada');
  const her = on(adas, { shoot: (label) => shoot(`ada-${label}`, adas), problems });
  await adas.goto(base);
  await adas.getByRole('navigation', { name: 'Main' }).waitFor();
  await her.sees('whose second factor counts here');
  await her.sound('In by the provider');
  const ben = await another();
  const bens = await signIn(ben, 'ben');
  const his = on(bens, { shoot: (label) => shoot(`ben-${label}`, bens), problems });
  await bens.goto(base);
  await bens.getByRole('navigation', { name: 'Main' }).waitFor();
  const eves = await signIn(await another(), 'eve');
  const theirs = on(eves, { shoot: (label) => shoot(`eve-${label}`, eves), problems });
  await theirs.sound('Not of the domain');
  if (new URL(eves.url()).pathname !== '/sso/callback') throw new Error(`eve was let in: ${eves.url()}`);

  // Both may be on: linked members stay, the others go.
  await page.reload();
  await page.getByRole('switch', { name: 'Require Two-Factor Authentication' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Show who it is' }).click();
  await dialog.getByText(mia.name).waitFor();
  await hers.sound('Who will be removed');
  await dialog.getByRole('button', { name: /^Require/ }).click();
  await page.getByRole('status').filter({ hasText: /^Required$/ }).waitFor();
  await page.goto(`${base}/members`);
  await page.getByRole('row', { name: /ada Provided.*By the provider/ }).waitFor();
  await hers.at('Members');

  // Who proved a second factor there goes on; who did not is told to sign in with it, and keeps the membership.
  await adas.reload();
  await adas.getByRole('navigation', { name: 'Main' }).waitFor();
  await her.sound('Still in');
  await his.sees('Sign in through it again, with its second factor');
  await his.sound('Has to prove it there');
  await his.follow('Sign in through the provider');
  await bens.waitForURL((url) => url.origin === provider.issuer || url.pathname.startsWith('/organizations'));

  // How the account is protected is the provider's to say.
  await adas.goto('/account/activity');
  await her.at('Not from here');

  /** Goes to the provider from the organization's address and signs in there. */
  async function signIn(context, who) {
    const fresh = await context.newPage();
    await fresh.goto(`/sso/${slug}`);
    await fresh.getByLabel('Username').fill(who);
    await fresh.getByLabel('Password').fill(who);
    await fresh.getByRole('button', { name: 'Login' }).click();
    await fresh.waitForURL(`${server.url}/**`);
    return fresh;
  }
}
