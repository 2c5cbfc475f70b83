// The log's filter as it stands in the address, so that what is seen can be sent to a colleague.
import { takes, text } from '../../address';
import type { AuditLogFilter } from '../../gql';
import type { Entry } from '../feed';

/** So far back, in hours, can one look by `last`: a year. */
const furthest = 24 * 366;

const hours = (value: unknown): number | undefined => {
  const last = Number(value);
  return Number.isInteger(last) && last > 0 && last <= furthest ? last : undefined;
};
/** A time of the years that RFC 3339 can write. */
const moment = (value: unknown): string | undefined => {
  const date = new Date(text(value) ?? '');
  const year = date.getUTCFullYear();
  return year >= 1 && year <= 9999 ? date.toISOString() : undefined;
};

/** What an address says, as far as it makes sense. */
export const logSearch = takes({
  /** Action names with commas between them. */
  action: text,
  /** Id of a user or service token. */
  actor: text,
  /** Id of a member, team or whatever else was acted on. */
  target: text,
  /** The last so many hours; else from and until bound the time. */
  last: hours,
  from: moment,
  until: moment,
  /** Id of the entry whose details are open. */
  entry: text,
});

export type LogSearch = ReturnType<typeof logSearch>;

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

/** Whether a new entry passes the filter. */
export function passes(filter: AuditLogFilter, entry: Entry): boolean {
  const at = new Date(entry.createdAt);
  if (filter.actions !== undefined && filter.actions !== null && !filter.actions.includes(entry.action)) return false;
  if (typeof filter.since === 'string' && at < new Date(filter.since)) return false;
  if (typeof filter.until === 'string' && at >= new Date(filter.until)) return false;
  const wrong = (wanted: string | null | undefined, found: string | null) => typeof wanted === 'string' && found !== wanted;
  return !wrong(filter.actor, entry.actorId) && !wrong(filter.target, entry.targetId);
}
