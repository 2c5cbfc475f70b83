// The organization at a glance: for managers how well it is protected, for everybody where they stand.
import './overview.css';

import { Badge, Group } from '@mantine/core';

import { Title } from '../../parts/ui';
import { roleName } from '../../words';
import { useOrganization } from '../Organization';
import { Compliance } from './Compliance';
import { Standing } from './Standing';

export function Overview() {
  const { organization, member, may } = useOrganization();
  return (
    <>
      <Title>{organization.name}</Title>
      <Group mb="lg">
        <Badge color={organization.require2FA === true ? 'green' : 'gray'} variant="light">
          {organization.require2FA === true ? '2FA required' : '2FA not required'}
        </Badge>
        <Badge color="gray" variant="light">
          Your role: {roleName(member.role)}
        </Badge>
      </Group>
      {may('MANAGER') && <Compliance />}
      <Standing />
    </>
  );
}
