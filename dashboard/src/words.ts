import type { Role } from './api';

const roles: Record<Role, string> = { OWNER: 'Owner', MANAGER: 'Manager', ADMIN: 'Admin', MEMBER: 'Member' };

/** A role as it is said in a sentence. */
export const roleName = (role: Role) => roles[role] ?? role;

const moment = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'long',
  year: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  timeZoneName: 'short',
});

/** A moment in the reader's own time zone, which it names. */
export const momentName = (rfc3339: string) => moment.format(new Date(rfc3339));
