import { Anchor, Badge, Group, Stack, Table, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconPlus } from '@tabler/icons-react';
import { Link, useNavigate } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';

import { change } from '../api/client';
import { CreateOrganizationDocument } from '../gql';
import { lastOrganization } from '../kept';
import { Dialog } from '../parts/Dialog';
import { Alert, Button, Field, Title, useAction } from '../parts/ui';
import { Redirect } from '../parts/Redirect';
import { useFresh } from '../parts/StepUp';
import { type Account, useAccount } from '../shell/SignedIn';
import { dayName, roleName, statusName } from '../words';
import { slugOf } from './slug';

/** The start: the organization that was open last, or else the first, or else the list. */
export function Home() {
  const { account } = useAccount();
  const open = (account.memberships ?? []).filter(({ status }) => status === 'ACTIVE');
  const last = lastOrganization();
  const chosen = open.find(({ organization }) => organization.slug === last) ?? open[0];
  if (chosen === undefined) return <Redirect to="/organizations" />;
  return <Redirect to="/organizations/$slug" params={{ slug: chosen.organization.slug }} />;
}

/** Every organization that the account has a place in, and how it stands there. */
export function Organizations() {
  const { account } = useAccount();
  const [opened, { open, close }] = useDisclosure(false);
  const memberships = account.memberships ?? [];
  return (
    <>
      <Group justify="space-between" mb="lg">
        <Title>Your organizations</Title>
        <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={open}>
          New organization
        </Button>
      </Group>
      {memberships.length === 0 ? (
        <Text>You belong to no organization yet. Make one, or open the link of an invitation.</Text>
      ) : (
        <Table.ScrollContainer minWidth={420}>
          <Table>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Organization</Table.Th>
                <Table.Th>Your role</Table.Th>
                <Table.Th>Standing</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {memberships.map((member) => (
                <Membership key={member.id} member={member} />
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
      <Dialog title="New organization" opened={opened} onClose={close}>
        <Create />
      </Dialog>
    </>
  );
}

function Membership({ member }: { member: NonNullable<Account['memberships']>[number] }) {
  return (
    <Table.Tr>
      <Table.Td>
        <Anchor component={Link} to={`/organizations/${member.organization.slug}`}>
          {member.organization.name}
        </Anchor>
      </Table.Td>
      <Table.Td>{roleName(member.role)}</Table.Td>
      <Table.Td>
        <Badge variant="light" color={member.status === 'ACTIVE' ? 'green' : 'red'}>
          {statusName(member.status)}
        </Badge>
        {member.reinstatableUntil !== null && (
          <Text size="sm" c="dimmed">
            You can come back until {dayName(member.reinstatableUntil)}: open the link of the newest mail.
          </Text>
        )}
      </Table.Td>
    </Table.Tr>
  );
}

function Create() {
  const { reload } = useAccount();
  const fresh = useFresh();
  const navigate = useNavigate();
  const [name, setName] = useState('');
  const [slug, setSlug] = useState<string | null>(null);
  const { busy, error, run } = useAction();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void run(async () => {
      const { organization } = await fresh(`make the organization ${name}`, () => change(CreateOrganizationDocument, { name, slug: slug ?? slugOf(name) }));
      reload();
      await navigate({ to: '/organizations/$slug', params: { slug: organization.slug } });
    });
  };
  return (
    <form onSubmit={submit}>
      <Stack gap={0}>
        <Field label="Name" name="name" maxLength={100} required data-autofocus value={name} onValue={setName} error={error} />
        <Field
          label="Short name"
          name="slug"
          hint="2 to 40 of a–z, 0–9 and inner hyphens. It stands in the address."
          maxLength={40}
          required
          value={slug ?? slugOf(name)}
          onValue={setSlug}
          error={error}
        />
        <Alert error={error} />
        <Group>
          <Button type="submit" busy={busy} progress="Creating…">
            Create
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
