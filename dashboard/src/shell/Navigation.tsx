import { NavLink, ScrollArea, Select, Text } from '@mantine/core';
import {
  IconBell,
  IconBuilding,
  IconDevices,
  IconFolders,
  IconHistory,
  IconKey,
  IconLayoutDashboard,
  IconListDetails,
  IconSettings,
  IconShieldLock,
  IconUsers,
  IconUsersGroup,
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
    | `/organizations/$slug/${'members' | 'teams' | 'projects' | 'audit-log'}`
    | `/organizations/$slug/settings/${'security' | 'general' | 'tokens' | 'notifications'}`;
  label: string;
  icon: typeof IconBuilding;
  /** The least role that the screen is for. */
  from: Role;
}

const places: Place[] = [
  { to: '/organizations/$slug', label: 'Overview', icon: IconLayoutDashboard, from: 'MEMBER' },
  { to: '/organizations/$slug/members', label: 'Members', icon: IconUsers, from: 'MEMBER' },
  { to: '/organizations/$slug/teams', label: 'Teams', icon: IconUsersGroup, from: 'MEMBER' },
  { to: '/organizations/$slug/projects', label: 'Projects', icon: IconFolders, from: 'MEMBER' },
  { to: '/organizations/$slug/audit-log', label: 'Audit log', icon: IconListDetails, from: 'MANAGER' },
];

const settings: Place[] = [
  { to: '/organizations/$slug/settings/security', label: 'Security & Privacy', icon: IconShieldLock, from: 'MANAGER' },
  { to: '/organizations/$slug/settings/general', label: 'General', icon: IconSettings, from: 'OWNER' },
  { to: '/organizations/$slug/settings/tokens', label: 'Service tokens', icon: IconKey, from: 'OWNER' },
  { to: '/organizations/$slug/settings/notifications', label: 'My notifications', icon: IconBell, from: 'MEMBER' },
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
      {slug !== undefined && member?.status === 'ACTIVE' && (
        <>
          <Places of={places} slug={slug} role={member.role} />
          <Text size="sm" c="dimmed" fw={600} mt="md" mb={4} px="sm">
            Settings
          </Text>
          <Places of={settings} slug={slug} role={member.role} />
        </>
      )}
      <RoutedNavLink
        to="/organizations"
        activeOptions={{ exact: true }}
        activeProps={{ active: true, 'aria-current': 'page' }}
        label="All organizations"
        mt="md"
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

function Places({ of, slug, role }: { of: Place[]; slug: string; role: Role }) {
  return of
    .filter(({ from }) => hasRole(role, from))
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
    ));
}
