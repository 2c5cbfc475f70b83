// What the browser keeps for the app. Where its storage is switched off nothing is kept, and everything works all the same.

function storage(of: () => Storage) {
  const unless = <T>(use: () => T): T | null => {
    try {
      return use();
    } catch {
      return null; // Even to look at it is refused.
    }
  };
  return {
    get: (key: string) => unless(() => of().getItem(key)),
    set: (key: string, value: string) => void unless(() => of().setItem(key, value)),
    drop: (key: string) => void unless(() => of().removeItem(key)),
  };
}

/** Kept for good. */
export const inBrowser = storage(() => localStorage);

/** Kept for as long as the tab is open. */
export const inTab = storage(() => sessionStorage);

const organization = 'muster.organization';

/** The short name of the organization that was open last in this browser. */
export const lastOrganization = () => inBrowser.get(organization);

export const keepOrganization = (slug: string) => inBrowser.set(organization, slug);
