// Lives the story of coming back with a security key in Chromium, which has a virtual one: from the mail in the development
// mailbox of a running Muster, link, sign in, key, recovery codes, back; then, in a fresh page, in again with the key as second
// factor, by the mail that invites to another organization.
//
//   node e2e/key.mjs URL
//
// MUSTER_WIDTH                        of the window, 390 is a phone; MUSTER_SCHEME is light or dark
// MUSTER_E2E_SHOTS                    a folder for pictures, CHROMIUM the browser, MUSTER_E2E_TIMEOUT the patience in ms
import { check, muster } from './browser.mjs';
import { plug, sockets } from './keys.mjs';
import { linkFromMailbox } from './mailbox.mjs';
import { invited, removedMember } from './removed.mjs';

const { email, password, organization, team, link } = await removedMember();

// Keys know a server by its name: http://127.0.0.1 has none.
if (new URL(muster).hostname !== 'localhost') throw new Error(`open Muster as http://localhost:…, not as ${muster}`);

await check(
  `key-${process.env.MUSTER_WIDTH ?? 1024}-${process.env.MUSTER_SCHEME ?? 'light'}`,
  async (first, { context, shoot }) => {
    let page = first;
    const step = async (heading) => {
      const title = page.getByRole('heading', { level: 1, name: heading });
      await title.waitFor();
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (wide > 0) throw new Error(`"${await title.textContent()}" is ${wide} px wider than the window`);
    };
    const press = (name) => page.getByRole('button', { name, exact: true }).click();
    const says = (text) => page.getByRole('alert').filter({ hasText: text }).waitFor();
    const signIn = async () => {
      await page.getByLabel('Email').fill(email);
      await page.getByLabel('Password', { exact: true }).fill(password);
      await press('Sign in');
    };
    /** The browser's next answer is what it gives when somebody presses Cancel. */
    const cancelNext = (method) =>
      page.evaluate((name) => {
        navigator.credentials[name] = () => {
          delete navigator.credentials[name];
          return Promise.reject(new DOMException('The operation either timed out or was not allowed.', 'NotAllowedError'));
        };
      }, method);
    const none = (name) => page.evaluate((what) => delete window[what], name);

    let key = await plug(await sockets(page), true);
    await page.goto(`/rejoin${new URL(link).hash}`);
    await step('Setup Two-Factor Authentication');
    await signIn();
    const choice = page.getByRole('button', { name: /^Security key or passkey/ });
    await choice.waitFor();
    await shoot('choice');
    await choice.click();
    await step('Set up your security key or passkey');
    await shoot('set-up');
    await cancelNext('create');
    await press('Set up the key');
    await says('was cancelled');
    await shoot('cancelled');
    await press('Set up the key');

    await step('Save your recovery codes');
    const codes = await page.locator('.codes code').allTextContents();
    if (codes.length !== 10) throw new Error(`${codes.length} recovery codes`);
    await page.getByLabel('I saved them').check();
    await press('Go on');
    await step('Add an authenticator app');
    await shoot('app-beside-it');
    await press('Not now');
    await step(`You are back in ${organization}`);
    await page.getByText(team).first().waitFor();
    await shoot('back');
    const credentials = await key.credentials();
    if (credentials.length !== 1 || credentials[0].rpId !== 'localhost' || !credentials[0].isResidentCredential) {
      throw new Error(`the key holds ${JSON.stringify(credentials.map(({ rpId, isResidentCredential }) => ({ rpId, isResidentCredential })))}`);
    }
    await page.close();

    // A fresh page, where nobody is signed in, and the same key, which does not verify its user now.
    await context.clearCookies();
    const another = await invited(email);
    page = await context.newPage();
    key = await plug(await sockets(page), false, credentials);
    await page.goto(`/join${new URL(await linkFromMailbox(email, 'join', another)).hash}`);
    await signIn();
    await step('Confirm that it is you');
    await cancelNext('get');
    await press('Use security key or passkey');
    await says('was cancelled');
    await shoot('second-factor', page);
    await page.getByRole('button', { name: 'Use a recovery code instead' }).click();
    await page.getByLabel('Recovery code').waitFor();
    await page.getByRole('button', { name: 'Use your security key instead' }).click();
    await press('Use security key or passkey');
    await step(`You are in ${another}`);
    await page.goto('/');
    await page.getByRole('navigation', { name: 'Main' }).waitFor();

    // Alone, the key signs in only where it has verified its user, whatever a page asked it for: here one that names the key,
    // since a key that protects what it holds answers no other request without its user.
    const named = (credential) => [{ type: 'public-key', id: credential.credentialId.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '') }];
    /** Signs in with the key that is plugged in, as asked and sent otherwise, and gives the refusal's code, or "in". */
    const passkey = (asked, sent = 'its own') =>
      page.evaluate(async ([otherwise, how]) => {
        const ask = async (name, fields, input) => {
          const type = `${name[0].toUpperCase()}${name.slice(1)}Input`;
          const response = await fetch('/graphql', {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ query: `mutation ($input: ${type}!) { ${name}(input: $input) { ${fields} } }`, variables: { input } }),
          });
          const { data, errors } = await response.json();
          return errors ? { code: errors[0].extensions.code } : data[name];
        };
        const start = () => ask('startPasskeySignIn', 'challengeToken options', {});
        const enter = async (input) => (await ask('signInWithPasskey', 'session { __typename }', input)).code ?? 'in';
        const { challengeToken, options } = await start();
        const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON({ ...options, ...otherwise });
        let credential;
        try {
          credential = (await navigator.credentials.get({ publicKey })).toJSON();
        } catch ({ name }) {
          return name;
        }
        if (how === 'to another question') return enter({ challengeToken: (await start()).challengeToken, credential });
        const once = await enter({ challengeToken, credential });
        return how === 'twice' && once === 'in' ? enter({ challengeToken, credential }) : once;
      }, [asked, sent]);
    /** A fresh page whose key holds this, at a place of Muster where nobody is signed in. */
    const holding = async (credential, userVerified = true) => {
      await page.close();
      await context.clearCookies();
      page = await context.newPage();
      key = await plug(await sockets(page), userVerified, [credential]);
      await page.goto('/sign-in');
    };
    const must = async (what, want, answered) => {
      if (answered !== want) throw new Error(`a passkey ${what}: ${answered}`);
      [credential] = await key.credentials();
    };
    let [credential] = await key.credentials();
    await must('that did not verify its user', 'INVALID_CODE', await passkey({ userVerification: 'discouraged', allowCredentials: named(credential) }));
    await holding(credential);
    await must('that verified its user', 'in', await passkey({ userVerification: 'required' }));
    const earlier = credential;
    await must('that answered twice', 'INVALID_CODE', await passkey({}, 'twice'));
    await must('that answered another question', 'INVALID_CODE', await passkey({}, 'to another question'));
    await must('that another place asks for', 'SecurityError', await passkey({ rpId: 'muster.example' }));
    const last = credential;
    await holding({ ...last, userHandle: btoa('usr_somebody_else') });
    await must('that says it is somebody else’s', 'INVALID_CODE', await passkey({}));
    await holding({ ...last, credentialId: btoa('a key that nobody set up') });
    await must('that nobody set up', 'INVALID_CODE', await passkey({}));
    await holding(last);
    await must('as it was all along', 'in', await passkey({}));
    // Last: a copy of the key shows itself by its counter, and is told to the key's owner.
    await holding({ ...earlier, signCount: 1 });
    await must('whose counter went back', 'INVALID_CODE', await passkey({}));

    // A browser without security keys says so, and offers the recovery codes.
    // The page that was signed in notices by itself that it is no more, and must not get in the way.
    await page.close();
    await context.clearCookies();
    page = await context.newPage();
    const third = await invited(email);
    await page.goto(`/join${new URL(await linkFromMailbox(email, 'join', third)).hash}`);
    await page.getByLabel('Email').waitFor();
    await none('PublicKeyCredential');
    await signIn();
    await page.getByText('This browser does not work with security keys or passkeys.').waitFor();
    await page.getByLabel('Recovery code').waitFor();
    await shoot('no-keys', page);
  },
  {
    secrets: [new URLSearchParams(new URL(link).hash.slice(1)).get('token')],
    context: {
      viewport: { width: Number(process.env.MUSTER_WIDTH ?? 1024), height: 844 },
      colorScheme: process.env.MUSTER_SCHEME === 'dark' ? 'dark' : 'light',
    },
  },
);
