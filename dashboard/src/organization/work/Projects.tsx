import { Group, NativeSelect, Table, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconPlus } from '@tabler/icons-react';
import { useState } from 'react';

import { change } from '../../api/client';
import { failure } from '../../api/error';
import { CreateProjectDocument, ProjectsDocument } from '../../gql';
import { Dialog } from '../../parts/Dialog';
import { told } from '../../parts/told';
import { Alert, Button, Title } from '../../parts/ui';
import { useLiveQuery } from '../feed';
import { useOrganization } from '../Organization';
import { useTeams } from '../useTeams';
import { NameForm } from './NameForm';

/** The projects that the viewer reaches: their teams', or all. */
export function Projects() {
  const { organization, member, may } = useOrganization();
  const [{ data, error, fetching }, again] = useLiveQuery(
    { query: ProjectsDocument, variables: { slug: organization.slug } },
    ({ action, targetId }) => action.startsWith('project.') || targetId === member.id,
  );
  const [making, { open, close }] = useDisclosure(false);
  const projects = data?.organization?.projects ?? null;
  return (
    <div className="narrow">
      <Group justify="space-between" mb="xs">
        <Title>Projects</Title>
        {may('ADMIN') && (
          <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={open}>
            New project
          </Button>
        )}
      </Group>
      <p>{may('ADMIN') ? 'You reach the projects of all teams.' : 'You reach the projects of your own teams.'}</p>
      <Alert error={projects === null ? failure(error) : null} />
      {projects === null && fetching && <Text role="status">Loading…</Text>}
      {projects?.length === 0 && <p>{may('ADMIN') ? 'There are no projects yet.' : 'Your teams have no projects, or you are in no team.'}</p>}
      {projects !== null && projects.length > 0 && (
        <Table aria-label="Projects">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Project</Table.Th>
              <Table.Th>Team</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {projects.map(({ id, name, team }) => (
              <Table.Tr key={id}>
                <Table.Th scope="row">{name}</Table.Th>
                <Table.Td>{team.name}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
      <Dialog title="New project" opened={making} onClose={close}>
        <NewProject
          done={() => {
            again({ requestPolicy: 'network-only' });
            close();
          }}
        />
      </Dialog>
    </div>
  );
}

function NewProject({ done }: { done: () => void }) {
  const { organization } = useOrganization();
  const teams = useTeams();
  const [chosen, choose] = useState<string | null>(null);
  const teamId = chosen ?? teams?.[0]?.id;
  if (teams === null) return <p role="status">Loading…</p>;
  if (teamId === undefined) return <p>A project belongs to a team: create a team first.</p>;
  const create = async (names: { name: string; slug: string }) => {
    await change(CreateProjectDocument, { organizationId: organization.id, teamId, ...names });
    told(`The project ${names.name} is created.`);
    done();
  };
  return (
    <NameForm create={create}>
      <NativeSelect label="Team" mb="md" value={teamId} data={teams.map(({ id, name }) => ({ value: id, label: name }))} onChange={({ currentTarget }) => choose(currentTarget.value)} />
    </NameForm>
  );
}
