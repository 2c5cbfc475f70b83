// One subscription to the organization's log serves every screen of it: rows change by themselves because the screen asks
// again for what an entry may have changed.
import { useEffect, useMemo, useRef, useState } from 'react';
import { type AnyVariables, type TypedDocumentNode, useQuery, type UseQueryArgs } from 'urql';

import { ask } from '../api/client';
import { ApiError } from '../api/error';
import { follow, type LiveStatus } from '../api/live';
import type { DocumentType } from '../api/types';
import { AuditSequenceDocument, EntriesDocument } from '../gql';
import { useOrganization } from './Organization';

export type Entry = NonNullable<DocumentType<typeof EntriesDocument>['auditLog']>;

/** What happens in an organization, as far as the viewer may see it. It stays the same object for as long as the organization is open. */
export interface Feed {
  /** Calls the listener for each new entry, until the returned function is called. Managers only; others hear nothing. */
  onEntry: (listener: (entry: Entry) => void) => () => void;
  /** Calls the listener when anything may have changed without an entry to tell: what the screen shows is to be asked for again. */
  onChange: (listener: () => void) => () => void;
}

/** A feed, and the two bells that make it ring. */
export interface Bells extends Feed {
  entry: (entry: Entry) => void;
  change: () => void;
}

export function bells(): Bells {
  const onEntry = new Set<(entry: Entry) => void>();
  const onChange = new Set<() => void>();
  return {
    onEntry: (listener) => {
      onEntry.add(listener);
      return () => onEntry.delete(listener);
    },
    onChange: (listener) => {
      onChange.add(listener);
      return () => onChange.delete(listener);
    },
    entry: (entry) => {
      for (const listener of onEntry) listener(entry);
    },
    change: () => {
      for (const listener of onChange) listener();
    },
  };
}

/** How the organization's log is followed. */
export interface Log {
  status: LiveStatus;
  /** Everything after this sequence comes by `Feed.onEntry`; null while it is not known yet. */
  from: number | null;
  /** Whether what came before `from` is missing because it is kept no longer. */
  trimmed: boolean;
}

const unknown: Log = { status: { at: 'connecting' }, from: null, trimmed: false };

/** Follows an organization's log from now on and rings for each entry; null for whoever may not. */
export function useLog(organization: { id: string; slug: string } | null, ring: Bells): Log {
  const [log, setLog] = useState(unknown);
  const id = organization?.id;
  const slug = useRef(organization?.slug);
  slug.current = organization?.slug;
  useEffect(() => {
    if (id === undefined) return;
    const stop = follow({
      document: EntriesDocument,
      variables: { organizationId: id },
      log: {
        sequence: (data) => data.auditLog.sequence,
        newest: async () => {
          const sequence = (await ask(AuditSequenceDocument, { slug: slug.current ?? '' })).organization?.auditSequence;
          if (sequence === undefined || sequence === null) throw new ApiError('Muster gave no usable answer.', 'UNREACHABLE');
          return sequence;
        },
        begins: (from, trimmed) => {
          setLog((before) => ({ ...before, from, trimmed }));
          ring.change();
        },
      },
      // A role may be lost and given back in one breath. Whoever has lost it for good learns so by their place.
      passing: 'FORBIDDEN',
      next: (data) => ring.entry(data.auditLog),
      status: (status) => setLog((before) => ({ ...before, status })),
    });
    return () => {
      stop();
      setLog(unknown);
    };
  }, [id, ring]);
  return log;
}

/** At most so often, in milliseconds, does a screen ask again while entries pour in, as during a sweep. */
export const pace = 700;

/** Runs an action now, and while it is asked for again and again at most once in each pace. */
export function usePaced(action: () => void): () => void {
  const latest = useRef(action);
  latest.current = action;
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(
    () => () => {
      clearTimeout(timer.current);
      timer.current = undefined;
    },
    [],
  );
  return useMemo(() => {
    let last = 0;
    return () => {
      if (timer.current !== undefined) return;
      timer.current = setTimeout(() => {
        timer.current = undefined;
        last = Date.now();
        latest.current();
      }, Math.max(0, last + pace - Date.now()));
    };
  }, []);
}

/**
 * A query that is asked again, at a bounded pace, after each entry of the log that may have changed its answer, and when
 * anything may have. Without access to the log it is asked again when the viewer's own place changes.
 */
export function useLiveQuery<Data, Variables extends AnyVariables>(
  args: UseQueryArgs<Variables, Data> & { query: TypedDocumentNode<Data, Variables> },
  concerns: (entry: Entry) => boolean,
) {
  const { feed } = useOrganization();
  const [result, again] = useQuery<Data, Variables>(args);
  const touches = useRef(concerns);
  touches.current = concerns;
  const refresh = usePaced(() => again({ requestPolicy: 'network-only' }));
  useEffect(() => {
    const leaveEntries = feed.onEntry((entry) => {
      if (touches.current(entry)) refresh();
    });
    const leaveChanges = feed.onChange(refresh);
    return () => {
      leaveEntries();
      leaveChanges();
    };
  }, [feed, refresh]);
  return [result, again] as const;
}
