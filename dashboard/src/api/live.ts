// Subscriptions that survive. graphql-ws would send a subscription's first variables again after a reconnect, and so miss
// or repeat what came in between: here each subscription is made anew with the last sequence that arrived.
import { createClient } from 'graphql-ws';
import { type ExecutionResult, print } from 'graphql';
import type { TypedDocumentNode } from '@urql/core';

import { ApiError, refusal } from './error';
import { session } from './session';

/** How a live view stands with the server. */
export type LiveStatus =
  | { at: 'connecting' }
  | { at: 'live'; /** How many came that had been missed while the line was broken. */ caughtUp: number }
  | { at: 'waiting'; until: number }
  | { at: 'ended'; error: ApiError };

const pingEvery = 10_000;
const pongWithin = 5_000;
const firstWait = 500;
const longestWait = 15_000;

// What trying again may mend; any other refusal ends a subscription.
const passing: ApiError['code'][] = ['INTERNAL', 'RATE_LIMITED', 'UNREACHABLE'];

// Every subscription of the page shares one socket. It is never retried by the client itself: `follow` does that.
let silence: ReturnType<typeof setTimeout> | undefined;
let open = false;
const socket = createClient({
  url: `${window.location.origin.replace(/^http/, 'ws')}/graphql`,
  lazy: true,
  lazyCloseTimeout: 2_000,
  retryAttempts: 0,
  keepAlive: pingEvery,
  on: {
    // A computer that slept, or a network that went away, leaves a socket that looks open and says nothing.
    ping: (received) => {
      if (!received) silence = setTimeout(() => socket.terminate(), pongWithin);
    },
    pong: () => clearTimeout(silence),
    connected: () => {
      open = true;
    },
    closed: () => {
      open = false;
      clearTimeout(silence);
    },
  },
});

interface Following<Data, Variables> {
  document: TypedDocumentNode<Data, Variables>;
  variables: Variables;
  /** The sequence of what arrived, for subscriptions that have one: the next attempt goes on after it. */
  sequence?: (data: Data) => number;
  /** Asks for the newest sequence there is: what comes up to it after a broken line was missed, what comes later is new. */
  newest?: () => Promise<number>;
  next: (data: Data) => void;
  status: (status: LiveStatus) => void;
}

/**
 * Follows a subscription until the returned function is called, or until the server ends it for a reason that trying
 * again does not mend: no access any more, or no session.
 */
export function follow<Data, Variables extends object>(o: Following<Data, Variables>): () => void {
  let stopped = false;
  let unsubscribe = () => {};
  let timer: ReturnType<typeof setTimeout> | undefined;
  let wait = firstWait;
  let after = (o.variables as { after?: number | null }).after ?? undefined;

  const end = (error: ApiError) => {
    leave();
    o.status({ at: 'ended', error });
    if (error.code === 'UNAUTHENTICATED') session.ended();
  };
  const failed = (reason: unknown) => {
    if (stopped) return;
    unsubscribe();
    if (reason instanceof CloseEvent && reason.code === 4401) return end(new ApiError('You have been signed out.', 'UNAUTHENTICATED'));
    const error = reason instanceof ApiError ? reason : Array.isArray(reason) ? refusal(reason[0]) : null;
    if (error !== null && !passing.includes(error.code)) return end(error);
    // A server that comes back is not to be met by all its pages at once.
    const pause = wait * (0.5 + Math.random());
    wait = Math.min(wait * 2, longestWait);
    o.status({ at: 'waiting', until: Date.now() + pause });
    timer = setTimeout(() => void resume(), pause);
  };
  const begin = (newest: number) => {
    let caughtUp = 0;
    const live = () => {
      wait = firstWait;
      o.status({ at: 'live', caughtUp });
    };
    if (open) live();
    const forget = socket.on('connected', live);
    const leaveSocket = socket.subscribe(
      { query: print(o.document), variables: { ...o.variables, ...(after === undefined ? {} : { after }) } },
      {
        next: (result: ExecutionResult) => {
          if (stopped) return;
          if (result.errors !== undefined && result.errors.length > 0) return failed(result.errors);
          const data = result.data as Data;
          if (o.sequence !== undefined) {
            after = o.sequence(data);
            if (after <= newest) {
              caughtUp++;
              live();
            }
          }
          o.next(data);
        },
        error: failed,
        // The server ends a subscription that has no end of its own only when it stops.
        complete: () => failed(null),
      },
    );
    unsubscribe = () => {
      forget();
      leaveSocket();
    };
  };
  const resume = async () => {
    timer = undefined;
    o.status({ at: 'connecting' });
    try {
      const newest = (await o.newest?.()) ?? 0;
      if (!stopped) begin(newest);
    } catch (reason) {
      failed(reason);
    }
  };
  // Somebody who looks at the page again, or has a network again, does not wait for the next attempt.
  const hurry = () => {
    if (document.visibilityState !== 'visible' || timer === undefined) return;
    clearTimeout(timer);
    void resume();
  };
  const leave = () => {
    stopped = true;
    clearTimeout(timer);
    window.removeEventListener('online', hurry);
    document.removeEventListener('visibilitychange', hurry);
    unsubscribe();
  };
  window.addEventListener('online', hurry);
  document.addEventListener('visibilitychange', hurry);
  o.status({ at: 'connecting' });
  begin(0);
  return leave;
}
