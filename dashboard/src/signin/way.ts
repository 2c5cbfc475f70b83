// By what this browser was signed in with last: that way is offered first. It says nothing about who it was.
import { inBrowser } from '../kept';

const place = 'muster.way';

export type Way = 'password' | 'passkey' | 'organization';

/** The way that was taken last; the password where none was. */
export function lastWay(): Way {
  const kept = inBrowser.get(place);
  return kept === 'passkey' || kept === 'organization' ? kept : 'password';
}

/** Remembers a way that led in. */
export const keepWay = (way: Way) => inBrowser.set(place, way);
