// Recovery codes on their way from the answer that brought them to the page that shows them. They are nowhere but in the
// page's memory: a reload forgets them, as it should, and the page asks before one.
let kept: string[] | null = null;

/** Keeps codes for the page that comes next. */
export function keepCodes(codes: string[]) {
  kept = codes;
}

/** The codes that are to be shown; null where there are none, as after a reload. */
export const keptCodes = () => kept;

/** Forgets them: they are saved, or their owner has left without them. */
export function dropCodes() {
  kept = null;
}
