// What an address says may have been written by anybody: each screen takes what it knows and what makes sense, nothing else.

/** Takes one value of an address; undefined where it makes no sense. What looks like a number or JSON arrives as such. */
type Reader<T> = (value: unknown) => T | undefined;

/** A route's `validateSearch`: one reader for each key that the screen knows. */
export function takes<Keys extends Record<string, Reader<unknown>>>(keys: Keys) {
  return (said: Record<string, unknown>): { [Key in keyof Keys]?: ReturnType<Keys[Key]> } => {
    // The router lays this over the raw address: a key that were left out would come through as it was written.
    const all: Record<string, unknown> = {};
    for (const key of Object.keys(said)) all[key] = undefined;
    for (const [key, take] of Object.entries(keys)) all[key] = take(said[key]);
    return all as { [Key in keyof Keys]?: ReturnType<Keys[Key]> };
  };
}

/** The longest text that is taken from an address, in characters: longer than anything that a screen writes there. */
const longest = 2_000;

/** Text without U+0000, which nothing that Muster stores contains. */
export const text: Reader<string> = (value) =>
  value === undefined || value === null || typeof value === 'object' ? undefined : String(value).replaceAll('\0', '').slice(0, longest) || undefined;

export const flag: Reader<true> = (value) => (value === true ? true : undefined);

/** One of the words. */
export const oneOf =
  <Word extends string>(...words: Word[]): Reader<Word> =>
  (value) =>
    words.find((word) => word === value);

/**
 * Where an address of this app leads, in full; to the start for whatever leads elsewhere, in whichever way a browser may
 * read it. In full, because the path alone of `/.//another.example` would be another host's address again.
 */
export function within(to: string | undefined): string {
  const start = `${window.location.origin}/`;
  try {
    const { href } = new URL(to ?? '/', start);
    return href.startsWith(start) ? href : start;
  } catch {
    return start;
  }
}
