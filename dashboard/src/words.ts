// What the API's names are called in a sentence.
import type { AuthenticatorKind, MemberStatus, Role, SignInMethod, TwoFactorState } from './gql';

const roles: Record<Role, string> = { OWNER: 'Owner', MANAGER: 'Manager', ADMIN: 'Admin', MEMBER: 'Member' };
const rank: Record<Role, number> = { OWNER: 4, MANAGER: 3, ADMIN: 2, MEMBER: 1 };

/** A role as it is said in a sentence. */
export const roleName = (role: Role) => roles[role];

/** Whether a role is the other one or above. */
export const hasRole = (role: Role, least: Role) => rank[role] >= rank[least];

/** Roles from most to least, up to and with the given one: what somebody with it may grant. */
export const rolesUpTo = (role: Role) => (Object.keys(rank) as Role[]).filter((other) => hasRole(role, other));

const statuses: Record<MemberStatus, string> = { ACTIVE: 'Active', INVITED: 'Invited', REMOVED_FOR_2FA: 'Removed for 2FA' };

/** Where a member stands. */
export const statusName = (status: MemberStatus) => statuses[status];

const states: Record<TwoFactorState, string> = { SECURE: '2FA', INSECURE: '2FA by phone only', DISABLED: 'No 2FA' };

/** How well an account is protected. */
export const twoFactorName = (state: TwoFactorState) => states[state];

const kinds: Record<AuthenticatorKind, string> = { TOTP: 'Authenticator app', PHONE: 'Phone', SECURITY_KEY: 'Security key' };

/** A kind of second factor. */
export const kindName = (kind: AuthenticatorKind) => kinds[kind];

const ways: Record<SignInMethod, string> = {
  PASSWORD: 'Password',
  TOTP: 'Password and authenticator app',
  PHONE: 'Password and text message',
  SECURITY_KEY: 'Password and security key',
  PASSKEY: 'Passkey',
  RECOVERY_CODE: 'Password and recovery code',
  MAILBOX: 'Emailed link',
  PROVIDER: 'Your organization’s provider',
  PROVIDER_FACTOR: 'Your organization’s provider, with a second factor',
};

/** What a session began by. */
export const wayName = (way: SignInMethod) => ways[way];

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

const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'long', year: 'numeric' });

/** The day of a moment, in the reader's own time zone. */
export const dayName = (rfc3339: string) => day.format(new Date(rfc3339));

const clock = new Intl.DateTimeFormat('en-GB', {
  day: '2-digit',
  month: 'short',
  year: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
});

/** A moment to the second, in the reader's own time zone. */
export const clockName = (rfc3339: string) => clock.format(new Date(rfc3339));

const relative = new Intl.RelativeTimeFormat('en-GB', { numeric: 'auto' });

/** How long ago a moment is, or how far ahead, in its greatest unit. */
export function agoName(rfc3339: string, now = Date.now()): string {
  const seconds = Math.round((new Date(rfc3339).getTime() - now) / 1_000);
  const size = Math.abs(seconds);
  if (size < 60) return 'just now';
  if (size < 3_600) return relative.format(Math.trunc(seconds / 60), 'minute');
  if (size < 86_400) return relative.format(Math.trunc(seconds / 3_600), 'hour');
  return relative.format(Math.trunc(seconds / 86_400), 'day');
}
