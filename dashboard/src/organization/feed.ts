// One subscription to the organization's log serves every screen of it: rows change by themselves because the screen asks
// again for what an entry may have changed.
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { type AnyVariables, type TypedDocumentNode, useQuery, type UseQueryArgs } from 'urql';

import { ask } from '../api/client';
import { ApiError } from '../api/error';
import { follow, type LiveStatus } from '../api/live';
import type { DocumentType } from '../api/types';
import { AuditSequenceDocument, EntriesDocument } from '../gql';
import { useOrganization } from './Organization';

export type Entry = NonNullable<DocumentType<typeof EntriesDocument>['auditLog']>;

export interface Feed {
  status: LiveStatus;
  /** Why the organization's log is closed to the viewer; null while it is not. */
  lost: ApiError | null;
  /** Calls the listener for each new entry, until the returned function is called. */
  onEntry: (listener: (entry: Entry) => void) => () => void;
  /** Follows anew after access was lost and may have come back. */
  restart: () => void;
}

/** The newest sequence of an organization's log. */
export async function newestSequence(slug: string): Promise<number> {
  return (await ask(AuditSequenceDocument, { slug })).organization?.auditSequence ?? 0;
}

/** Follows an organization's log from now on; null for whoever may not. */
export function useOrganizationFeed(organization: { id: string; slug: string } | null): Feed {
  const listeners = useRef(new Set<(entry: Entry) => void>());
  const [status, setStatus] = useState<LiveStatus>({ at: 'connecting' });
  const [round, setRound] = useState(0);
  const id = organization?.id;
  const slug = organization?.slug;
  useEffect(() => {
    if (id === undefined || slug === undefined) return;
    const newest = () => newestSequence(slug);
    let stop = () => {};
    let left = false;
    newest().then(
      (after) => {
        if (left) return;
        stop = follow({
          document: EntriesDocument,
          variables: { organizationId: id, after },
          sequence: (data) => data.auditLog.sequence,
          newest,
          next: (data) => {
            for (const listener of listeners.current) listener(data.auditLog);
          },
          status: setStatus,
        });
      },
      (reason: unknown) => {
        if (!(reason instanceof ApiError)) throw reason;
        setStatus({ at: 'ended', error: reason });
      },
    );
    return () => {
      left = true;
      stop();
    };
  }, [id, slug, round]);

  const onEntry = useCallback((listener: (entry: Entry) => void) => {
    listeners.current.add(listener);
    return () => listeners.current.delete(listener);
  }, []);
  const restart = useCallback(() => {
    setStatus({ at: 'connecting' });
    setRound((before) => before + 1);
  }, []);
  const lost = status.at === 'ended' ? status.error : null;
  return useMemo(() => ({ status, lost, onEntry, restart }), [status, lost, onEntry, restart]);
}

/** At most so often, in milliseconds, does a screen ask again while entries pour in, as during a sweep. */
const pace = 700;

/**
 * A query that is asked again, at a bounded pace, after each entry of the log that may have changed its answer, and once
 * more when a broken line has been mended. Without access to the log it is a plain query.
 */
export function useLiveQuery<Data, Variables extends AnyVariables>(
  args: UseQueryArgs<Variables, Data> & { query: TypedDocumentNode<Data, Variables> },
  concerns: (entry: Entry) => boolean,
) {
  const { feed } = useOrganization();
  const [result, again] = useQuery<Data, Variables>(args);
  const touches = useRef(concerns);
  touches.current = concerns;
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => {
    const leave = feed.onEntry((entry) => {
      if (timer.current !== undefined || !touches.current(entry)) return;
      timer.current = setTimeout(() => {
        timer.current = undefined;
        again({ requestPolicy: 'network-only' });
      }, pace);
    });
    return () => {
      leave();
      clearTimeout(timer.current);
      timer.current = undefined;
    };
  }, [feed, again]);
  return [result, again] as const;
}
