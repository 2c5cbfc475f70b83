import type { ReactNode } from 'react';

import type { Role } from '../gql';
import { Title } from '../parts/ui';
import { rolesUpTo, roleName } from '../words';
import { useOrganization } from './Organization';

/** A screen for some roles only: whoever comes to its address with another is told so. */
export function Needs({ role, title, children }: { role: Role; title: string; children: ReactNode }) {
  const { may, member } = useOrganization();
  if (may(role)) return children;
  const who = rolesUpTo('OWNER')
    .filter((other) => rolesUpTo(other).includes(role))
    .map((other) => `${roleName(other).toLowerCase()}s`);
  return (
    <>
      <Title>{title}</Title>
      <p>
        This screen is for {who.join(' and ')}. Your role here is {roleName(member.role).toLowerCase()}: ask one of them if you
        need something changed.
      </p>
    </>
  );
}
