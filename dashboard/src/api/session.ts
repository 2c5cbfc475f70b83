// That a session has ended is learnt in many places – a query, the socket's close code – and told in one.

type Listener = () => void;
const listeners = new Set<Listener>();

export const session = {
  /** Says that the server does not know this browser's session any more. */
  ended() {
    for (const listener of listeners) listener();
  },
  /** Calls the listener at each end of a session, until the returned function is called. */
  onEnd(listener: Listener): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
};
