// By what this browser was signed in with last: that way is offered first. It says nothing about who it was.
const place = 'muster.way';

export type Way = 'password' | 'passkey' | 'organization';

/** The way that was taken last; the password where none was. */
export function lastWay(): Way {
  try {
    const kept = localStorage.getItem(place);
    return kept === 'passkey' || kept === 'organization' ? kept : 'password';
  } catch {
    return 'password'; // Storage is switched off.
  }
}

/** Remembers a way that led in. */
export function keepWay(way: Way) {
  try {
    localStorage.setItem(place, way);
  } catch {
    // Storage is switched off: the password stays the first way.
  }
}
