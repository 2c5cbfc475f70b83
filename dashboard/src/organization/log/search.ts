// The log's filter as it stands in the address, so that what is seen can be sent to a colleague.
import type { AuditLogFilter } from '../../gql';
import type { Entry } from '../feed';

export interface LogSearch {
  /** Action names with commas between them. */
  action?: string;
  /** Id of a user or service token. */
  actor?: string;
  /** Id of a member, team or whatever else was acted on. */
  target?: string;
  /** The last so many hours; else from and until bound the time. */
  last?: number;
  from?: string;
  until?: string;
  /** Id of the entry whose details are open. */
  entry?: string;
}

const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);
const moment = (value: unknown): string | undefined => {
  const date = new Date(text(value) ?? '');
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
};

/** What an address says, as far as it makes sense. */
export function logSearch(search: Record<string, unknown>): LogSearch {
  const last = Number(search['last']);
  const all = {
    action: text(search['action']),
    actor: text(search['actor']),
    target: text(search['target']),
    last: Number.isInteger(last) && last > 0 && last <= 24 * 366 ? last : undefined,
    from: moment(search['from']),
    until: moment(search['until']),
    entry: text(search['entry']),
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

export const actionsOf = (search: LogSearch): string[] => search.action?.split(',').filter((name) => name !== '') ?? [];

/** The filter as the server takes it; hours are counted back from now. */
export function filterOf(search: LogSearch, now = Date.now()): AuditLogFilter {
  const actions = actionsOf(search);
  const since = search.last === undefined ? search.from : new Date(now - search.last * 3_600_000).toISOString();
  return {
    ...(actions.length === 0 ? {} : { actions }),
    ...(search.actor === undefined ? {} : { actor: search.actor }),
    ...(search.target === undefined ? {} : { target: search.target }),
    ...(since === undefined ? {} : { since }),
    ...(search.until === undefined ? {} : { until: search.until }),
  };
}

/** Whether a new entry passes the filter; undefined where only the server can say, because what it is about is gone. */
export function passes(filter: AuditLogFilter, entry: Entry): boolean | undefined {
  const at = new Date(entry.createdAt);
  if (filter.actions !== undefined && filter.actions !== null && !filter.actions.includes(entry.action)) return false;
  if (typeof filter.since === 'string' && at < new Date(filter.since)) return false;
  if (typeof filter.until === 'string' && at >= new Date(filter.until)) return false;
  const wrong = (wanted: string | null | undefined, found: { id?: string } | null) =>
    typeof wanted === 'string' && found !== null && found.id !== wanted;
  if (wrong(filter.actor, entry.actor) || wrong(filter.target, entry.target)) return false;
  const unknown = (wanted: string | null | undefined, found: object | null) => typeof wanted === 'string' && found === null;
  return unknown(filter.actor, entry.actor) || unknown(filter.target, entry.target) ? undefined : true;
}
