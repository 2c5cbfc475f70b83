import { Table, Text } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';

import { agoName, dayName, momentName, roleName } from '../../words';
import { useOrganization } from '../Organization';
import { Delivery, StatusBadge, TwoFactorBadge } from './parts';
import { Resend } from './Resend';
import type { MembersSearch } from './search';
import { called, type Member } from './types';

interface TableProps {
  members: Member[];
  search: MembersSearch;
  /** What the table is of, for those who do not see it. */
  label: string;
}

interface Column {
  name: string;
  /** Left out on phones, where the details have it. */
  wide?: true;
  cell: (member: Member) => ReactNode;
}

const role: Column = { name: 'Role', wide: true, cell: (member) => roleName(member.role) };
const teams: Column = {
  name: 'Teams',
  wide: true,
  cell: (member) => (
    <Text size="sm" lineClamp={2} className="any-break">
      {(member.teams ?? []).map(({ name }) => name).join(', ') || '–'}
    </Text>
  ),
};
const twoFactor: Column = { name: '2FA', cell: (member) => <TwoFactorBadge member={member} /> };
const status: Column = { name: 'Status', wide: true, cell: (member) => <StatusBadge status={member.status} /> };
const lastSeen: Column = {
  name: 'Last seen',
  wide: true,
  cell: (member) =>
    member.lastSeenAt === null ? (
      'Not yet'
    ) : (
      <time dateTime={member.lastSeenAt} title={momentName(member.lastSeenAt)}>
        {agoName(member.lastSeenAt)}
      </time>
    ),
};
const mail: Column = { name: 'Mail', cell: (member) => <Delivery state={member.inviteDelivery} /> };
const resend: Column = { name: 'Send again', cell: (member) => <Resend member={member} compact /> };
const invitedUntil: Column = { name: 'Link ends', wide: true, cell: (member) => (member.inviteExpiresAt === null ? 'Works no more' : day(member.inviteExpiresAt)) };
const removedAt: Column = { name: 'Removed', wide: true, cell: (member) => day(member.removedAt) };
const returnUntil: Column = { name: 'Can return until', wide: true, cell: (member) => day(member.reinstatableUntil) };

const day = (at: string | null) => (at === null ? '–' : <time dateTime={at}>{dayName(at)}</time>);

/** The columns of each list. Who is no manager sees names and roles, who is no admin no teams either. */
function columnsOf(search: MembersSearch, manages: boolean, admin: boolean): Column[] {
  if (!manages) return admin ? [role, teams] : [role];
  switch (search.status) {
    case 'INVITED':
      return [role, teams, invitedUntil, mail, resend];
    case 'REMOVED_FOR_2FA':
      return [role, teams, removedAt, returnUntil, mail, resend];
    case 'ALL':
      return [role, status, twoFactor, teams, lastSeen];
    default:
      return [role, twoFactor, teams, lastSeen];
  }
}

export function MemberTable({ members, search, label }: TableProps) {
  const { may, organization } = useOrganization();
  const columns = columnsOf(search, may('MANAGER'), may('ADMIN'));
  return (
    <Table aria-label={label} verticalSpacing="sm" highlightOnHover>
      <Table.Thead>
        <Table.Tr>
          <Table.Th>Name</Table.Th>
          {columns.map(({ name, wide }) => (
            <Table.Th key={name} {...(wide === true ? { visibleFrom: 'md' } : {})}>
              {name}
            </Table.Th>
          ))}
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {members.map((member) => (
          <Table.Tr key={member.id}>
            <Table.Th scope="row" className="member-cell">
              <Link to="/organizations/$slug/members" params={{ slug: organization.slug }} search={{ ...search, member: member.id }} state className="member-link">
                {called(member)}
              </Link>
              {member.name !== null && member.email !== null && <span className="member-more">{member.email}</span>}
              <span className="member-more on-phone">
                {roleName(member.role)}
                {member.reinstatableUntil !== null && `, can return until ${dayName(member.reinstatableUntil)}`}
              </span>
            </Table.Th>
            {columns.map(({ name, wide, cell }) => (
              <Table.Td key={name} {...(wide === true ? { visibleFrom: 'md' } : {})}>
                {cell(member)}
              </Table.Td>
            ))}
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}
