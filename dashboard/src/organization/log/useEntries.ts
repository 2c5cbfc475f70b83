import { useEffect, useMemo, useSyncExternalStore } from 'react';

import { ask } from '../../api/client';
import { ApiError } from '../../api/error';
import { AuditLogDocument, type AuditLogFilter } from '../../gql';
import { useOrganization, useOrganizationLog } from '../Organization';
import { LogWindow, pageSize } from './window';

/** The organization's log through a filter, live. The filter is to be the same object for as long as it means the same. */
export function useEntries(filter: AuditLogFilter) {
  const { organization, feed } = useOrganization();
  const { slug } = organization;
  const { from, status } = useOrganizationLog();
  const entries = useMemo(
    () =>
      new LogWindow(filter, async (after) => {
        const { organization: found } = await ask(AuditLogDocument, { slug, first: pageSize, after, filter });
        if (found?.auditLog === undefined || found.auditLog === null) throw new ApiError('Muster gave no usable answer.', 'UNREACHABLE');
        const { nodes, pageInfo } = found.auditLog;
        return { entries: nodes, next: pageInfo.hasNextPage ? pageInfo.endCursor : null };
      }),
    [filter, slug],
  );
  useEffect(() => feed.onEntry(entries.arrive), [feed, entries]);
  // Not before it is known from where on the feed brings everything: what is written in between would be in neither.
  useEffect(() => {
    if (from === null) return;
    void entries.newest();
  }, [from, entries]);
  const live = status.at === 'live';
  useEffect(() => {
    if (live) entries.retry();
  }, [live, entries]);
  useEffect(() => () => entries.close(), [entries]);
  return [useSyncExternalStore(entries.subscribe, entries.snapshot), entries] as const;
}
