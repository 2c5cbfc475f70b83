/** A label without its address: "Olivia Owner <olivia@acme.example>" is Olivia Owner. */
export const personName = (label: string) => label.replace(/^(.*\S)\s+<[^<>]*>$/, '$1');

/** What an entry says was done, to be read after who did it: what somebody did to their own account begins with them already. */
export const deedOf = ({ actorLabel, message }: { actorLabel: string; message: string }) =>
  message.startsWith(`${actorLabel} `) ? message.slice(actorLabel.length + 1) : message;
