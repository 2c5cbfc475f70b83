/** A label without its address: "Olivia Owner <olivia@acme.example>" is Olivia Owner. */
export const personName = (label: string) => label.replace(/^(.*\S)\s+<[^<>]*>$/, '$1');

/**
 * What an entry says was done, to be read after who did it: what somebody did to their own account begins with them already,
 * and what became of somebody else begins with that one.
 */
export const deedOf = ({ actorLabel, targetLabel, message }: { actorLabel: string; targetLabel: string; message: string }) => {
  if (message.startsWith(`${actorLabel} `)) return message.slice(actorLabel.length + 1);
  return message.startsWith(`${targetLabel} `) ? `brought it about: ${message}` : message;
};
