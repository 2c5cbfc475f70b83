// The token of an emailed link stands in the address's fragment, which no server, log or referrer sees. It is taken out of
// the address bar at once and lives with the tab only, so that a reload goes on where it was.

import { inTab } from '../kept';

const place = (page: string) => `muster.link.${page}`;

/** The token that this page was opened with, or that this tab still has from before a reload. */
export function takeToken(page: string): string | null {
  const given = new URLSearchParams(window.location.hash.slice(1)).get('token');
  if (given === null) return inTab.get(place(page));
  window.history.replaceState(null, '', window.location.pathname);
  inTab.set(place(page), given);
  return given;
}

/** Forgets the token: it has been used, or leads nowhere. */
export const dropToken = (page: string) => {
  inTab.drop(place(page));
  inTab.drop(into(page));
};

const into = (page: string) => `${place(page)}.into`;

/** The organization that a used link has led into, from before a reload. */
export const cameBy = (page: string) => inTab.get(into(page));

/** Keeps into which organization the link has led, for as long as the page shows what is to be saved. */
export const keepCame = (page: string, organization: string) => inTab.set(into(page), organization);
