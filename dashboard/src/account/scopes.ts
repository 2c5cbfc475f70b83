// What an API token may be allowed, as `createPersonalToken` and `createServiceToken` list it, in words.
export const scopes = [
  { scope: 'members:read', says: 'See members, their roles and teams' },
  { scope: 'members:write', says: 'Invite, remove and change members, and see them' },
  { scope: 'teams:read', says: 'See teams' },
  { scope: 'teams:write', says: 'Create teams and set who is in them, and see them' },
  { scope: 'projects:read', says: 'See projects' },
  { scope: 'projects:write', says: 'Create projects, and see them' },
  { scope: 'audit:read', says: 'Read and follow the audit log' },
  { scope: 'security:read', says: 'See the 2FA requirement’s impact, sweeps and single sign-on' },
  { scope: 'organization:write', says: 'Change the organization’s name' },
];

/** What a token may do, in words; a scope that is newer than this page by its name. */
export const scopeNames = (of: readonly string[]): string =>
  of.length === 0 ? 'May see names only' : of.map((scope) => scopes.find((known) => known.scope === scope)?.says ?? scope).join('; ');
