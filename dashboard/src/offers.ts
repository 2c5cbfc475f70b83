const listed = (document.querySelector<HTMLMetaElement>('meta[name="muster-offers"]')?.content ?? '').split(' ');

/** What this server has besides: it writes that into the page. */
export const offers = { playground: listed.includes('playground'), mailbox: listed.includes('mailbox') };
