// Subscriptions that survive. graphql-ws would send a subscription's first variables again after a reconnect, and so miss
// or repeat what came in between: here each subscription is made anew with the last sequence that arrived.
import type { TypedDocumentNode } from '@urql/core';
import { type ExecutionResult, type GraphQLError, type GraphQLFormattedError, print } from 'graphql';
import { createClient } from 'graphql-ws';

import { ApiError, passing, refusal } from './error';
import { session } from './session';

/** How a live view stands with the server. */
export type LiveStatus =
  | { at: 'connecting' }
  | { at: 'catching-up'; /** How many were written while the line was broken. */ missed: number }
  | { at: 'live'; /** How many of them have arrived since. */ caughtUp: number }
  | { at: 'behind'; /** How many have been written that an open line has not brought yet. */ by: number }
  | { at: 'waiting'; /** When the next try is made, in milliseconds since 1970. */ until: number }
  | { at: 'ended'; error: ApiError };

const pingEvery = 10_000;
const pongWithin = 5_000;
/** As long as a socket may take to open and to be acknowledged, and a subscription to bring something. */
const openWithin = 10_000;
const firstWait = 500;
const longestWait = 10_000;
/** A line that has held for so long begins again with the shortest wait when it breaks. */
const steady = 10_000;
/** While a log brings entries it is compared with what has been written, so often, in milliseconds. */
const compareEvery = 2_000;
/** What has been written may take so long to arrive, in milliseconds, before it is called late. The server's own bound is a second. */
const arrivesWithin = 1_000;

// Every subscription of the page shares one socket. It is never retried by the client itself: `follow` does that.
let line: WebSocket | null = null;
let silence: ReturnType<typeof setTimeout> | undefined;
const unlessHeard = (within: number) => {
  clearTimeout(silence);
  silence = setTimeout(() => socket.terminate(), within);
};
const socket = createClient({
  url: `${window.location.origin.replace(/^http/, 'ws')}/graphql`,
  lazy: true,
  // While somebody is signed in it stays open without a subscription, too: through it the page learns that the session ends.
  lazyCloseTimeout: 2 ** 31 - 1,
  retryAttempts: 0,
  keepAlive: pingEvery,
  on: {
    connecting: () => unlessHeard(openWithin),
    connected: (opened) => {
      clearTimeout(silence);
      line = opened as WebSocket;
    },
    // A computer that slept, or a network that went away, leaves a socket that looks open and says nothing.
    ping: (received) => {
      if (!received) unlessHeard(pongWithin);
    },
    message: () => {
      if (line !== null) clearTimeout(silence);
    },
    closed: () => {
      line = null;
      clearTimeout(silence);
    },
  },
});

const waiting = new Set<() => void>();

/** Makes every subscription that waits for its next try try at once. */
export function tryNow() {
  for (const resume of [...waiting]) resume();
}

// Somebody who looks at the page again, or has a network again, does not wait: neither for the next try, nor for the next
// ping to find out that the line is dead.
function look() {
  tryNow();
  if (line?.readyState !== WebSocket.OPEN) return;
  line.send(JSON.stringify({ type: 'ping' }));
  unlessHeard(pongWithin);
}
window.addEventListener('online', look);
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible') look();
});
window.addEventListener('offline', () => socket.terminate());

/**
 * Keeps the socket open until the returned function is called, and tells `session` at once when the server closes it because
 * the session has ended: signed out elsewhere, expired, account locked.
 */
export function watchSession(): () => void {
  let wait = firstWait;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let leave = () => {};
  const later = () => {
    clearTimeout(timer);
    waiting.add(ask);
    timer = setTimeout(ask, wait * (0.5 + Math.random()));
    wait = Math.min(wait * 2, longestWait);
  };
  // The question opens the socket where it is not open, and its answer says what a socket that broke could not.
  const ask = () => {
    clearTimeout(timer);
    waiting.delete(ask);
    leave();
    leave = socket.subscribe<{ viewer: object | null }>(
      { query: '{ viewer { id } }' },
      {
        next: ({ data, errors }) => {
          wait = firstWait;
          if (data?.viewer === null || errors?.some(unauthenticated)) session.ended();
        },
        error: (reason) => {
          if (isClose(reason, 4401) || (Array.isArray(reason) && reason.some(unauthenticated))) session.ended();
          else later();
        },
        complete: () => {},
      },
    );
  };
  const closed = socket.on('closed', (event) => {
    if (isClose(event, 4401)) session.ended();
    else later();
  });
  ask();
  return () => {
    clearTimeout(timer);
    leave();
    closed();
    waiting.delete(ask);
  };
}

const isClose = (reason: unknown, code: number) => reason instanceof CloseEvent && reason.code === code;
const unauthenticated = ({ extensions }: GraphQLFormattedError) => extensions?.['code'] === 'UNAUTHENTICATED';

interface Following<Data, Variables> {
  document: TypedDocumentNode<Data, Variables>;
  variables: Variables;
  /** Of a subscription to a whole log, whose sequences have no gap: what it takes to go on where it was. */
  log?: {
    sequence: (data: Data) => number;
    /** Asks for the newest sequence there is: it begins after that, and what comes up to it after a broken line was missed. */
    newest: () => Promise<number>;
    /** From where on everything will come: at the start, and again where what is missing cannot be had any more. */
    begins: (after: number, trimmed: boolean) => void;
  };
  /** A refusal that may be taken back while somebody waits for it: it does not end the subscription either. */
  passing?: ApiError['code'];
  next: (data: Data) => void;
  status: (status: LiveStatus) => void;
}

/**
 * Follows a subscription until the returned function is called, or until the server ends it for a reason that trying
 * again does not mend: no access any more, or no session. Of a log each entry comes once and in order, however often the
 * line breaks.
 */
export function follow<Data, Variables extends object>(o: Following<Data, Variables>): () => void {
  let attempt = 0;
  let unsubscribe = () => {};
  let timer: ReturnType<typeof setTimeout> | undefined;
  let wait = firstWait;
  let liveSince: number | null = null;
  let after: number | undefined;
  // A log is asked for the last entry that is known once more: that it comes shows that the rest will.
  let overlap = 1;

  const leave = () => {
    attempt++; // what an earlier attempt still says, as that it is complete, is not listened to
    clearTimeout(timer);
    waiting.delete(begin);
    unsubscribe();
    unsubscribe = () => {};
  };
  const end = (error: ApiError) => {
    leave();
    o.status({ at: 'ended', error });
    if (error.code === 'UNAUTHENTICATED') session.ended();
  };
  const failed = (reason: unknown) => {
    leave();
    if (isClose(reason, 4401)) return end(new ApiError('You have been signed out.', 'UNAUTHENTICATED'));
    const error = reason instanceof ApiError ? reason : Array.isArray(reason) ? refusal(reason[0] as GraphQLError) : null;
    if (o.log !== undefined && error?.code === 'HISTORY_TRIMMED' && error.first !== undefined) {
      // It is no fault of the line, unless it is said again.
      if (overlap > 0) wait = firstWait;
      overlap = 0; // what came before is there no more
      if (after !== error.first - 1) {
        after = error.first - 1;
        o.log.begins(after, true);
      }
    } else if (error !== null && !passing(error) && error.code !== o.passing) {
      return end(error);
    }
    if (liveSince !== null && Date.now() - liveSince > steady) wait = firstWait;
    liveSince = null;
    // A server that comes back is not to be met by all its pages at once, nor when it has told all of them the same time.
    const pause = wait * (0.5 + Math.random()) + (error?.retryAfter ?? 0) * 1_000;
    wait = Math.min(wait * 2, longestWait);
    o.status({ at: 'waiting', until: Date.now() + pause });
    waiting.add(begin);
    timer = setTimeout(begin, pause);
  };
  /** Where to go on, and how many have been missed there. */
  const position = async (mine: number): Promise<number> => {
    if (o.log === undefined) return 0;
    const newest = await o.log.newest();
    if (mine !== attempt) return 0;
    // A log that is shorter than what was seen of it is another one, as after a backup was restored.
    if (after === undefined || newest < after) {
      after = newest;
      o.log.begins(after, false);
    }
    return newest - after;
  };
  /** Sees to it that a log whose open line lags behind, as while a sweep writes, is not called live; to be called with each entry. */
  const comparison = (mine: number, caughtUp: () => boolean) => {
    let pending = false;
    let late = false;
    const compare = async () => {
      const newest = await o.log?.newest().catch(() => null);
      setTimeout(() => {
        if (mine !== attempt) return;
        pending = false;
        if (after === undefined || newest === undefined || newest === null || !caughtUp()) return;
        const by = newest - after;
        if (by > 0 || late) o.status(by > 0 ? { at: 'behind', by } : { at: 'live', caughtUp: 0 });
        late = by > 0;
        if (late) again();
      }, arrivesWithin);
    };
    const again = () => {
      if (pending || o.log === undefined) return;
      pending = true;
      setTimeout(() => mine === attempt && void compare(), compareEvery);
    };
    return again;
  };
  const begin = () => {
    leave();
    const mine = attempt;
    o.status({ at: 'connecting' });
    position(mine).then(
      (missed) => {
        if (mine === attempt) subscribe(mine, missed);
      },
      (reason: unknown) => {
        if (mine === attempt) failed(reason);
      },
    );
  };
  const subscribe = (mine: number, missed: number) => {
    const goal = (after ?? 0) + missed;
    // That the socket is open says nothing about this subscription: it is live when it has brought something.
    const silent = setTimeout(() => failed(null), openWithin);
    let heard = false;
    const hear = () => {
      if (heard) return;
      heard = true;
      clearTimeout(silent);
      liveSince = Date.now();
      o.status((after ?? 0) < goal ? { at: 'catching-up', missed } : { at: 'live', caughtUp: missed });
    };
    const compares = comparison(mine, () => (after ?? 0) >= goal);
    const forget = overlap === 0 ? socket.on('connected', hear) : () => {};
    const complete = socket.subscribe(
      { query: print(o.document), variables: { ...o.variables, ...(after === undefined ? {} : { after: Math.max(0, after - overlap) }) } },
      {
        next: (result: ExecutionResult) => {
          if (mine !== attempt) return;
          if (result.errors !== undefined && result.errors.length > 0) return failed(result.errors);
          hear();
          const data = result.data as Data;
          if (o.log !== undefined && after !== undefined) {
            const sequence = o.log.sequence(data);
            if (sequence <= after) return;
            if (sequence > after + 1) return failed(null);
            after = sequence;
            overlap = 1;
          }
          o.next(data);
          compares();
          if (after === goal && missed > 0) o.status({ at: 'live', caughtUp: missed });
        },
        error: (reason) => {
          if (mine === attempt) failed(reason);
        },
        // The server ends a subscription that has no end of its own only when it stops.
        complete: () => {
          if (mine === attempt) failed(null);
        },
      },
    );
    unsubscribe = () => {
      clearTimeout(silent);
      forget();
      complete();
    };
    if (overlap === 0 && line !== null) hear();
  };
  begin();
  return leave;
}
