import { NavLink, ScrollArea, Select } from '@mantine/core';
import {
  IconBuilding,
  IconDevices,
  IconHistory,
  IconKey,
  IconLayoutDashboard,
  IconListDetails,
  IconShieldLock,
  IconUsers,
} from '@tabler/icons-react';
import { createLink, useNavigate, useParams, useRouterState } from '@tanstack/react-router';
import type { ComponentProps } from 'react';

import type { Role } from '../gql';
import { hasRole } from '../words';
import type { Account } from './SignedIn';

const RoutedNavLink = createLink((props: ComponentProps<typeof NavLink<'a'>>) => <NavLink component="a" {...props} />);

interface Place {
  to:
    | '/organizations/$slug'
    | '/organizations/$slug/members'
    | '/organizations/$slug/audit-log'
    | '/organizations/$slug/settings/security';
  label: string;
  icon: typeof IconBuilding;
  /** The least role that the screen is for. */
  from: Role;
}

const places: Place[] = [
  { to: '/organizations/$slug', label: 'Overview', icon: IconLayoutDashboard, from: 'MEMBER' },
  { to: '/organizations/$slug/members', label: 'Members', icon: IconUsers, from: 'MEMBER' },
  { to: '/organizations/$slug/audit-log', label: 'Audit log', icon: IconListDetails, from: 'MANAGER' },
  { to: '/organizations/$slug/settings/security', label: 'Security & Privacy', icon: IconShieldLock, from: 'MANAGER' },
];

/** The account's own screens. */
export const accountPlaces = [
  { to: '/account/security', label: 'Account security', icon: IconShieldLock },
  { to: '/account/sessions', label: 'Sessions', icon: IconDevices },
  { to: '/account/tokens', label: 'API tokens', icon: IconKey },
  { to: '/account/activity', label: 'Account activity', icon: IconHistory },
] as const;

/** The organization's screens, and the choice of an organization. */
export function Navigation({ account }: { account: Account }) {
  const { slug } = useParams({ strict: false });
  const navigate = useNavigate();
  const inAccount = useRouterState({ select: ({ location }) => location.pathname.startsWith('/account') });
  const memberships = account.memberships ?? [];
  const member = memberships.find(({ organization }) => organization.slug === slug);
  return (
    <ScrollArea component="nav" aria-label="Main">
      {memberships.length > 0 && (
        <Select
          label="Organization"
          placeholder="Choose one"
          mb="md"
          allowDeselect={false}
          data={memberships.map(({ organization }) => ({ value: organization.slug, label: organization.name }))}
          value={member === undefined ? null : member.organization.slug}
          onChange={(chosen) => {
            if (chosen !== null) void navigate({ to: '/organizations/$slug', params: { slug: chosen } });
          }}
        />
      )}
      {slug !== undefined &&
        member?.status === 'ACTIVE' &&
        places
          .filter(({ from }) => hasRole(member.role, from))
          .map(({ to, label, icon: Icon }) => (
            <RoutedNavLink
              key={to}
              to={to}
              params={{ slug }}
              activeOptions={{ exact: to === '/organizations/$slug' }}
              activeProps={{ active: true, 'aria-current': 'page' }}
              label={label}
              leftSection={<Icon size={18} aria-hidden />}
            />
          ))}
      <RoutedNavLink
        to="/organizations"
        activeOptions={{ exact: true }}
        activeProps={{ active: true, 'aria-current': 'page' }}
        label="All organizations"
        leftSection={<IconBuilding size={18} aria-hidden />}
      />
      {inAccount &&
        accountPlaces.map(({ to, label, icon: Icon }) => (
          <RoutedNavLink
            key={to}
            to={to}
            activeProps={{ active: true, 'aria-current': 'page' }}
            label={label}
            leftSection={<Icon size={18} aria-hidden />}
          />
        ))}
    </ScrollArea>
  );
}
