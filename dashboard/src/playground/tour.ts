import signIn from './tour/1-sign-in.graphql?raw';
import code from './tour/2-code.graphql?raw';
import me from './tour/3-me.graphql?raw';
import organization from './tour/4-organization.graphql?raw';
import log from './tour/5-log.graphql?raw';
import require2FA from './tour/6-require-2fa.graphql?raw';

const variables = (values: Record<string, unknown>) => JSON.stringify(values, null, 2);

/** What the first tab shows. */
export const firstQuery = signIn;
export const firstVariables = variables({ input: { email: '', password: '' } });

/** The tabs that the Playground opens with. */
export const tour = [
  { query: firstQuery, variables: firstVariables },
  { query: code, variables: variables({ input: { challengeToken: '', code: '' } }) },
  { query: me },
  { query: organization, variables: variables({ slug: '' }) },
  { query: log, variables: variables({ organizationId: '' }) },
  { query: require2FA, variables: variables({ input: { organizationId: '', required: true } }) },
];
