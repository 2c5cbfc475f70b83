import { List, Paper, Text } from '@mantine/core';

import { failure } from '../../api/error';
import { StandingDocument } from '../../gql';
import { Alert } from '../../parts/ui';
import { roleName } from '../../words';
import { useLiveQuery } from '../feed';
import { useOrganization } from '../Organization';

/** Where the viewer stands themself: how they are protected, their teams, and the projects that they reach. */
export function Standing() {
  const { organization, member } = useOrganization();
  const [{ data, error }] = useLiveQuery(
    { query: StandingDocument, variables: { slug: organization.slug } },
    ({ action, targetId }) => targetId === member.id || /^(team|project)\./.test(action),
  );
  const viewer = data?.organization?.viewer ?? null;
  const projects = data?.organization?.projects ?? [];
  if (viewer === null) return <Alert error={failure(error)} />;
  const teams = viewer.teams ?? [];
  return (
    <div className="glances">
      <Paper component="section" withBorder p="md" className="glance" aria-label="You">
        <h2>You</h2>
        <p>
          You are {roleName(viewer.role)} of {organization.name}.
        </p>
        <Text>
          {viewer.twoFactor === 'SECURE' && 'Your account is protected by two-factor authentication.'}
          {viewer.twoFactor === 'INSECURE' &&
            'Your account has two-factor authentication by text message only. An app or a security key protects it better.'}
          {viewer.twoFactor === 'DISABLED' &&
            viewer.meetsRequirement === true &&
            'You sign in through the organization’s provider, whose second factor counts here. Your account has none of its own.'}
          {viewer.twoFactor === 'DISABLED' &&
            viewer.meetsRequirement !== true &&
            'Your account has no two-factor authentication. If it becomes required here, you lose access until you set it up.'}
        </Text>
      </Paper>
      <Paper component="section" withBorder p="md" className="glance" aria-label="Your teams">
        <h2>Your teams</h2>
        {teams.length === 0 ? (
          <Text>You are in no team.</Text>
        ) : (
          <List>
            {teams.map(({ id, name }) => (
              <List.Item key={id}>{name}</List.Item>
            ))}
          </List>
        )}
      </Paper>
      <Paper component="section" withBorder p="md" className="glance" aria-label="Your projects">
        <h2>Your projects</h2>
        {projects.length === 0 ? (
          <Text>You reach no project. Projects come with teams.</Text>
        ) : (
          <List>
            {projects.slice(0, most).map(({ id, name, team }) => (
              <List.Item key={id}>
                {name} <span className="quiet">{team.name}</span>
              </List.Item>
            ))}
          </List>
        )}
        {projects.length > most && <Text>and {(projects.length - most).toLocaleString('en-GB')} more</Text>}
      </Paper>
    </div>
  );
}

/** So many projects are named at a glance. */
const most = 12;
