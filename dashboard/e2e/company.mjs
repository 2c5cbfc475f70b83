// An organization with people in it, made through the API and the development mailbox of a running Muster.
import { randomBytes } from 'node:crypto';

import { graphql } from './browser.mjs';
import { linkFromMailbox } from './mailbox.mjs';
import { totp } from './totp.mjs';

/** Runs a mutation and gives its payload. */
export const mutate = (token, name, fields, input) =>
  graphql(token, `mutation ($input: ${name[0].toUpperCase()}${name.slice(1)}Input!) { ${name}(input: $input) { ${fields} } }`, {
    input,
  }).then((data) => data[name]);

const tokenOf = (link) => new URLSearchParams(new URL(link).hash.slice(1)).get('token');

/** A new account: signed in by its token, with an authenticator app where it is to have one. */
async function account(name, email, { factor = false, inviteToken } = {}) {
  const password = randomBytes(18).toString('base64url');
  const input = { email, name, password, ...(inviteToken === undefined ? {} : { inviteToken }) };
  const { session } = await mutate(undefined, 'signUp', 'session { token }', input);
  const person = { name, email, password, token: session.token, secret: null };
  if (factor) {
    person.secret = (await mutate(person.token, 'enrollTOTP', 'secret', {})).secret;
    await mutate(person.token, 'confirmTOTP', 'authenticator { id }', { code: totp(person.secret, Date.now()) });
  }
  return person;
}

/** A code that signs the person in right after they have been made: each works once, and one step ahead is taken too. */
export const nextCode = (person) => totp(person.secret, Date.now() + 30_000);

/**
 * A new organization whose owner has 2FA, with two teams and a project.
 * `join` brings a new person in as a member.
 */
export async function company() {
  const mark = randomBytes(4).toString('hex');
  const owner = await account('Olga Owner', `olga-${mark}@browser.example`, { factor: true });
  const slug = `company-${mark}`;
  const { organization } = await mutate(owner.token, 'createOrganization', 'organization { id }', { slug, name: `Company ${mark}` });
  const organizationId = organization.id;
  const team = async (name) => (await mutate(owner.token, 'createTeam', 'team { id }', { organizationId, slug: name.toLowerCase(), name })).team.id;
  const teams = { Platform: await team('Platform'), Design: await team('Design') };
  await mutate(owner.token, 'createProject', 'project { id }', { organizationId, teamId: teams.Platform, slug: 'billing', name: 'Billing' });
  return {
    mark,
    owner,
    organizationId,
    teams,
    slug,
    name: `Company ${mark}`,
    async join(name, { role = 'MEMBER', team: of, factor = false, email = `${name.split(' ')[0].toLowerCase()}-${mark}@browser.example` } = {}) {
      const { member } = await mutate(owner.token, 'inviteMember', 'member { id }', {
        organizationId,
        email,
        role,
        teamIds: of === undefined ? [] : [teams[of]],
      });
      const inviteToken = tokenOf(await linkFromMailbox(email, 'join'));
      const person = await account(name, email, { factor, inviteToken });
      await mutate(person.token, 'acceptInvite', 'nextStep', { token: inviteToken });
      return { ...person, memberId: member.id };
    },
  };
}
