// Security keys and passkeys as the browser offers them: WebAuthn, in the JSON forms that it reads and writes itself.
import { ApiError } from './error';

/** Whether this browser can talk to a security key on this page, and says it in the form that Muster reads. */
export function hasKeys(): boolean {
  return (
    typeof PublicKeyCredential === 'function' &&
    typeof PublicKeyCredential.parseCreationOptionsFromJSON === 'function' &&
    typeof PublicKeyCredential.parseRequestOptionsFromJSON === 'function'
  );
}

/** What a person reads where the browser has no security keys. */
export const noKeys =
  'This browser does not work with security keys or passkeys. Use a current version of Chrome, Edge, Firefox or Safari, or another authenticator.';

/** Makes a new key from what Muster asks. */
export async function createKey(options: object): Promise<object> {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options as PublicKeyCredentialCreationOptionsJSON);
  return answer(() => navigator.credentials.create({ publicKey }));
}

/** Lets one of the account's keys sign what Muster asks. */
export async function useKey(options: object): Promise<object> {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options as PublicKeyCredentialRequestOptionsJSON);
  return answer(() => navigator.credentials.get({ publicKey }));
}

async function answer(ask: () => Promise<Credential | null>): Promise<object> {
  let credential: Credential | null;
  try {
    credential = await ask();
  } catch (reason) {
    throw new ApiError(why(reason), 'BROWSER');
  }
  if (!(credential instanceof PublicKeyCredential)) throw new ApiError('The browser gave no answer of a security key. Try again.', 'BROWSER');
  return credential.toJSON() as object;
}

/** The reasons of WebAuthn level 3, sections 5.1.3 and 5.1.4, in words for whoever holds the key. */
function why(reason: unknown): string {
  switch (reason instanceof DOMException ? reason.name : '') {
    case 'NotAllowedError':
    case 'AbortError':
      return 'Nothing happened: the request was cancelled, took too long, or no key that is set up for this account answered. Try again, or take another way.';
    case 'InvalidStateError':
      return 'This key or passkey is set up for your account already. Use another one.';
    case 'NotSupportedError':
      return 'This key is of a kind that Muster cannot use. Use another one, or another authenticator.';
    case 'ConstraintError':
      return 'This key cannot do what is asked of it here. Use another one, or another authenticator.';
    case 'SecurityError':
      return 'The browser allows no security keys at this address: open Muster at its own name, with https. Ask whoever runs the server if you do not know it.';
  }
  return 'The browser could not reach the security key. Try again, or take another way.';
}
