// That a session has ended is learnt in many places – a query, the socket's close code – and told in one.

type Listener = () => void;
const listeners = new Set<Listener>();
let leaving = false;

export const session = {
  /** Says that the server does not know this browser's session any more. */
  ended() {
    if (leaving) return;
    for (const listener of listeners) listener();
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
};
