// Makes somebody who has been removed for 2FA, through the API and the development mailbox of a running Muster.
import { randomBytes } from 'node:crypto';

import { graphql } from './browser.mjs';
import { linkFromMailbox } from './mailbox.mjs';
import { totp } from './totp.mjs';

/** Runs a mutation of the API. */
export const mutate = (token, name, fields, input) =>
  graphql(token, `mutation ($input: ${name[0].toUpperCase()}${name.slice(1)}Input!) { ${name}(input: $input) { ${fields} } }`, {
    input,
  }).then((data) => data[name]);

/** The token of a mailed link. */
export const tokenOf = (link) => new URLSearchParams(new URL(link).hash.slice(1)).get('token');

/** A new organization, which asks for no second factor, invites the address; its name. */
export async function invited(email) {
  const mark = randomBytes(4).toString('hex');
  const name = `Another one ${mark}`;
  const { session } = await mutate(undefined, 'signUp', 'session { token }', {
    email: `owner-${mark}@browser.example`,
    name: 'Owner',
    password: randomBytes(18).toString('base64url'),
  });
  const { organization } = await mutate(session.token, 'createOrganization', 'organization { id }', { slug: `browser-${mark}`, name });
  await mutate(session.token, 'inviteMember', 'member { id }', { organizationId: organization.id, email, role: 'MEMBER' });
  return name;
}

/** A new organization with an owner who has 2FA, and a manager in one team without it; then 2FA becomes required. */
export async function removedMember() {
  const mark = randomBytes(4).toString('hex');
  const password = randomBytes(18).toString('base64url');
  const email = `removed-${mark}@browser.example`;
  const organization = `Browser check ${mark}`;

  const owner = await mutate(undefined, 'signUp', 'session { token }', {
    email: `owner-${mark}@browser.example`,
    name: 'Owner',
    password: randomBytes(18).toString('base64url'),
  }).then(({ session }) => session.token);
  const { secret } = await mutate(owner, 'enrollTOTP', 'secret', {});
  await mutate(owner, 'confirmTOTP', 'authenticator { id }', { code: totp(secret, Date.now()) });
  const created = await mutate(owner, 'createOrganization', 'organization { id }', {
    slug: `browser-${mark}`,
    name: organization,
  });
  const organizationId = created.organization.id;
  const { team } = await mutate(owner, 'createTeam', 'team { id name }', { organizationId, slug: 'platform', name: 'Platform' });
  await mutate(owner, 'inviteMember', 'member { id }', { organizationId, email, role: 'MANAGER', teamIds: [team.id] });

  const inviteToken = tokenOf(await linkFromMailbox(email, 'join'));
  const member = await mutate(undefined, 'signUp', 'session { token }', { email, name: 'Removed', password, inviteToken });
  await mutate(member.session.token, 'acceptInvite', 'nextStep', { token: inviteToken });

  await mutate(owner, 'setRequire2FA', 'organization { id }', { organizationId, required: true });
  return { email, password, organization, team: team.name, link: await linkFromMailbox(email, 'rejoin') };
}
