// The token of an emailed link stands in the address's fragment, which no server, log or referrer sees. It is taken out of
// the address bar at once and lives with the tab only, so that a reload goes on where it was.

const place = (page: string) => `muster.link.${page}`;

/** The token that this page was opened with, or that this tab still has from before a reload. */
export function takeToken(page: string): string | null {
  const given = new URLSearchParams(window.location.hash.slice(1)).get('token');
  if (given === null) {
    try {
      return sessionStorage.getItem(place(page));
    } catch {
      return null;
    }
  }
  window.history.replaceState(null, '', window.location.pathname);
  try {
    sessionStorage.setItem(place(page), given);
  } catch {
    // Storage is switched off: the page works, a reload asks for the link again.
  }
  return given;
}

/** Forgets the token: it has been used, or leads nowhere. */
export function dropToken(page: string) {
  try {
    sessionStorage.removeItem(place(page));
  } catch {
    // Storage is switched off: nothing was kept.
  }
}
