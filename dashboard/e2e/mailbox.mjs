import { muster, patience } from './browser.mjs';

/** The link to a page in the newest mail to the address that has one and says what it must, as soon as it is there. */
export function linkFromMailbox(email, page, saying = '') {
  const link = new RegExp(String.raw`https?://\S+/${page}#token=[^\s"<>]+`);
  return poll(`/mailbox/api/messages?to=${encodeURIComponent(email)}`, (messages) => {
    for (const { text } of messages) {
      const found = link.exec(text);
      if (found && text.includes(saying)) return found[0];
    }
    return undefined;
  });
}

/** The code of the newest text message to the phone that came after the given moment. */
export function codeFromMailbox(phone, since) {
  return poll(`/mailbox/api/texts?to=${encodeURIComponent(phone.replace(/[^+0-9]/g, ''))}`, (texts) => {
    const newest = texts.find(({ at }) => new Date(at) >= since);
    return newest && /\b[0-9]{6}\b/.exec(newest.body)?.[0];
  });
}

/** Asks the mailbox until it has what is looked for: mails and texts are sent by jobs. */
async function poll(path, find) {
  const end = Date.now() + patience;
  for (;;) {
    const response = await fetch(muster + path);
    if (!response.ok) throw new Error(`${path} answers ${response.status}`);
    const found = find(await response.json());
    if (found !== undefined && found !== null) return found;
    if (Date.now() > end) throw new Error(`${path} has nothing that fits`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
