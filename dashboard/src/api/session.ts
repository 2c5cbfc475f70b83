// That a session has ended is learnt in many places – a query, the socket's close code – and told in one.

/** How it ended for this page: the server knows it no more, or this browser is signed in as somebody else now. */
export type End = 'over' | 'other';

type Listener = (end: End) => void;
const listeners = new Set<Listener>();
const holders = new Set<Listener>();
let leaving = false;
let held: End | null = null;
let account: string | null = null;

export const session = {
  /** Says that the server does not know this browser's session any more, or that it is somebody else's. */
  ended(end: End = 'over') {
    if (leaving) return;
    if (holders.size > 0) held = end;
    for (const listener of holders.size > 0 ? holders : listeners) listener(end);
  },
  /** Ends the session by the person's own wish, of which nobody has to tell them. */
  async leave(signOut: () => Promise<unknown>) {
    leaving = true;
    try {
      await signOut();
    } catch (reason) {
      leaving = false;
      throw reason;
    }
  },
  /** Calls the listener at each end of a session, until the returned function is called. */
  onEnd(listener: Listener): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
  /** While the page shows what is nowhere else, the end is told to the listener alone; to the others when the returned function is called. */
  hold(listener: Listener): () => void {
    holders.add(listener);
    return () => {
      holders.delete(listener);
      if (held === null || holders.size > 0) return;
      const end = held;
      held = null;
      session.ended(end);
    };
  },
  /** The page is an account's, until the returned function is called. */
  belongsTo(id: string): () => void {
    account = id;
    return () => {
      account = null;
    };
  },
  /** An answer says whose session this browser has, null for nobody's: whether it is still the page's. */
  isOf(id: string | null): boolean {
    if (account === null || id === account) return true;
    session.ended(id === null ? 'over' : 'other');
    return false;
  },
};
