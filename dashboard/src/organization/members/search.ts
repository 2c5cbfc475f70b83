// What the address of the members' screen says: which ones, from where on, and whose details are open.
import type { MemberFilter, MemberStatus, Role, TwoFactorState } from '../../gql';

export interface MembersSearch {
  /** Absent: active members. */
  status?: 'ALL' | Exclude<MemberStatus, 'ACTIVE'>;
  role?: Role;
  twoFactor?: TwoFactorState;
  /** The id of a team. */
  team?: string;
  /** A part of a name or of an address. */
  q?: string;
  /** The cursor after which the page begins. */
  after?: string;
  /** The member whose details are open. */
  member?: string;
}

/** How many members a page has. */
export const pageSize = 50;

const statuses = ['ALL', 'INVITED', 'REMOVED_FOR_2FA'] as const;
const roles: Role[] = ['OWNER', 'MANAGER', 'ADMIN', 'MEMBER'];
const states: TwoFactorState[] = ['SECURE', 'INSECURE', 'DISABLED'];

/** Takes from an address what this screen understands; the rest is left out. */
export function membersSearch(search: Record<string, unknown>): MembersSearch {
  const one = <T extends string>(key: string, of: readonly T[]) => of.find((known) => known === search[key]);
  // What looks like a number or a word of JSON arrives as such.
  const text = (key: string) => {
    const value = search[key];
    return value === undefined || value === null || typeof value === 'object' ? undefined : String(value).slice(0, 100) || undefined;
  };
  const found = {
    status: one('status', statuses),
    role: one('role', roles),
    twoFactor: one('twoFactor', states),
    team: text('team'),
    q: text('q'),
    after: text('after'),
    member: text('member'),
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
}

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
