// What the address of the members' screen says: which ones, from where on, and whose details are open.
import { oneOf, takes, text } from '../../address';
import type { MemberFilter } from '../../gql';

/** How many members a page has. */
export const pageSize = 50;

/** As many characters has the search field. */
export const longestQuery = 100;

/** Takes from an address what this screen understands; the rest is left out. */
export const membersSearch = takes({
  /** Absent: active members. */
  status: oneOf('ALL', 'INVITED', 'REMOVED_FOR_2FA'),
  role: oneOf('OWNER', 'MANAGER', 'ADMIN', 'MEMBER'),
  twoFactor: oneOf('SECURE', 'INSECURE', 'DISABLED'),
  /** The id of a team. */
  team: text,
  /** A part of a name or of an address. */
  q: (value) => text(value)?.slice(0, longestQuery),
  /** The cursor after which the page begins. */
  after: text,
  /** The member whose details are open. */
  member: text,
});

export type MembersSearch = ReturnType<typeof membersSearch>;

/** The same as the API takes it. Who is no manager may not filter by what others' accounts are protected with. */
export function memberFilter({ status, role, twoFactor, team, q }: MembersSearch, manages: boolean): MemberFilter {
  return {
    ...(status === 'ALL' || !manages ? {} : { status: [status ?? 'ACTIVE'] }),
    ...(role === undefined ? {} : { role: [role] }),
    ...(twoFactor === undefined || !manages ? {} : { twoFactor: [twoFactor] }),
    ...(team === undefined ? {} : { teams: [team] }),
    ...(q === undefined ? {} : { query: q }),
  } as MemberFilter;
}
