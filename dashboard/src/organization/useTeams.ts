import { useQuery } from 'urql';

import { TeamsDocument } from '../gql';
import { useOrganization } from './Organization';

/** The organization's teams by name; null while they are being asked for. */
export function useTeams() {
  const { organization } = useOrganization();
  const [{ data }] = useQuery({ query: TeamsDocument, variables: { slug: organization.slug } });
  return data?.organization?.teams ?? null;
}
