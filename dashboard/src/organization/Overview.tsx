import { Badge, Group } from '@mantine/core';

import { Title } from '../parts/ui';
import { roleName } from '../words';
import { useOrganization } from './Organization';

/** The organization at a glance. */
export function Overview() {
  const { organization, member } = useOrganization();
  return (
    <>
      <Title>{organization.name}</Title>
      <Group>
        <Badge color={organization.require2FA === true ? 'green' : 'gray'} variant="light">
          {organization.require2FA === true ? '2FA required' : '2FA not required'}
        </Badge>
        <Badge variant="light">Your role: {roleName(member.role)}</Badge>
      </Group>
    </>
  );
}
