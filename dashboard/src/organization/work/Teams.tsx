import { Group, Table, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconPlus } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';

import { change } from '../../api/client';
import { failure } from '../../api/error';
import { CreateTeamDocument, TeamsDocument } from '../../gql';
import { Dialog } from '../../parts/Dialog';
import { told } from '../../parts/told';
import { Alert, Button, Title } from '../../parts/ui';
import { useLiveQuery } from '../feed';
import { useOrganization } from '../Organization';
import { NameForm } from './NameForm';

/** The organization's teams. */
export function Teams() {
  const { organization, may } = useOrganization();
  const [{ data, error, fetching }, again] = useLiveQuery({ query: TeamsDocument, variables: { slug: organization.slug } }, ({ action }) => action.startsWith('team.'));
  const [making, { open, close }] = useDisclosure(false);
  const teams = data?.organization?.teams ?? null;
  const create = async (names: { name: string; slug: string }) => {
    await change(CreateTeamDocument, { organizationId: organization.id, ...names });
    told(`The team ${names.name} is created.`);
    again({ requestPolicy: 'network-only' });
    close();
  };
  return (
    <div className="narrow">
      <Group justify="space-between" mb="xs">
        <Title>Teams</Title>
        {may('ADMIN') && (
          <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={open}>
            New team
          </Button>
        )}
      </Group>
      <p>A team gives its members its projects.</p>
      <Alert error={teams === null ? failure(error) : null} />
      {teams === null && fetching && <Text role="status">Loading…</Text>}
      {teams?.length === 0 && <p>There are no teams yet.</p>}
      {teams !== null && teams.length > 0 && (
        <Table aria-label="Teams">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Team</Table.Th>
              <Table.Th>Short name</Table.Th>
              <Table.Th>Who is in it</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {teams.map(({ id, name, slug }) => (
              <Table.Tr key={id}>
                <Table.Th scope="row">{name}</Table.Th>
                <Table.Td>{slug}</Table.Td>
                <Table.Td>
                  <Link to="/organizations/$slug/members" params={{ slug: organization.slug }} search={{ team: id }} className="member-link" aria-label={`Show members of ${name}`}>
                    Show members
                  </Link>
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
      <Dialog title="New team" opened={making} onClose={close}>
        <NameForm create={create} />
      </Dialog>
    </div>
  );
}
