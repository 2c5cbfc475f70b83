import { Group, NativeSelect, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { IconSearch } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { useEffect, useState } from 'react';

import type { Role, TwoFactorState } from '../../gql';
import { roleName, rolesUpTo, twoFactorName } from '../../words';
import { useOrganization } from '../Organization';
import { useTeams } from '../useTeams';
import type { MembersSearch } from './search';

interface FiltersProps {
  search: MembersSearch;
  /** Puts other conditions into the address; the list starts at its first page then. */
  narrow: (conditions: MembersSearch) => void;
}

/** How long somebody may pause while typing before the list is asked for, in milliseconds. */
const typing = 300;

export function Filters({ search, narrow }: FiltersProps) {
  const { may } = useOrganization();
  const manages = may('MANAGER');
  const teams = useTeams();
  const [text, setText] = useState(search.q ?? '');
  // The address may change by other ways: back and forward, or a link. A space at the end is not in it, but stays in the field.
  useEffect(() => setText((typed) => (typed.trim() === (search.q ?? '') ? typed : (search.q ?? ''))), [search.q]);
  const ask = useDebouncedCallback((q: string) => narrow({ ...without(search, 'q'), ...(q === '' ? {} : { q }) }), typing);
  return (
    <Group role="search" aria-label="Members" align="end" gap="sm" mb="md">
      <TextInput
        label={manages ? 'Name or email' : 'Name'}
        type="search"
        maxLength={100}
        className="filter-search"
        leftSection={<IconSearch size={16} aria-hidden />}
        value={text}
        onChange={(event) => {
          setText(event.currentTarget.value);
          ask(event.currentTarget.value.trim());
        }}
      />
      <NativeSelect
        label="Role"
        value={search.role ?? ''}
        data={[{ value: '', label: 'Any role' }, ...rolesUpTo('OWNER').map((role) => ({ value: role, label: roleName(role) }))]}
        onChange={({ currentTarget: { value } }) => narrow({ ...without(search, 'role'), ...(value === '' ? {} : { role: value as Role }) })}
      />
      {teams !== null && teams.length > 0 && (
        <NativeSelect
          label="Team"
          value={search.team ?? ''}
          data={[{ value: '', label: 'Any team' }, ...teams.map(({ id, name }) => ({ value: id, label: name }))]}
          onChange={({ currentTarget: { value } }) => narrow({ ...without(search, 'team'), ...(value === '' ? {} : { team: value }) })}
        />
      )}
      {manages && search.status !== 'INVITED' && (
        <NativeSelect
          label="2FA"
          value={search.twoFactor ?? ''}
          data={[{ value: '', label: 'With and without' }, ...(['SECURE', 'INSECURE', 'DISABLED'] as const).map((state) => ({ value: state, label: twoFactorName(state) }))]}
          onChange={({ currentTarget: { value } }) => narrow({ ...without(search, 'twoFactor'), ...(value === '' ? {} : { twoFactor: value as TwoFactorState }) })}
        />
      )}
    </Group>
  );
}

const without = (search: MembersSearch, key: keyof MembersSearch): MembersSearch =>
  Object.fromEntries(Object.entries(search).filter(([name]) => name !== key));

interface Counts {
  active: number;
  invited: number;
  removedFor2FA: number;
}

const lists: { status: MembersSearch['status']; label: string; count: (counts: Counts) => number }[] = [
  { status: undefined, label: 'Members', count: ({ active }) => active },
  { status: 'INVITED', label: 'Invitations', count: ({ invited }) => invited },
  { status: 'REMOVED_FOR_2FA', label: 'Removed for 2FA', count: ({ removedFor2FA }) => removedFor2FA },
  { status: 'ALL', label: 'Everybody', count: ({ active, invited, removedFor2FA }) => active + invited + removedFor2FA },
];

/** Members, invitations and the removed apart; the conditions stay. */
export function Lists({ search, slug, counts }: { search: MembersSearch; slug: string; counts: Counts | null }) {
  return (
    <nav aria-label="Lists" className="lists">
      {lists.map(({ status, label, count }) => (
        <Link
          key={label}
          to="/organizations/$slug/members"
          params={{ slug }}
          search={{
            ...(search.role === undefined ? {} : { role: search.role }),
            ...(search.q === undefined ? {} : { q: search.q }),
            ...(search.team === undefined ? {} : { team: search.team }),
            ...(search.twoFactor === undefined || status === 'INVITED' ? {} : { twoFactor: search.twoFactor }),
            ...(status === undefined ? {} : { status }),
          }}
          className="list-link"
          aria-current={search.status === status ? 'page' : undefined}
          activeProps={{}}
          activeOptions={{ exact: true }}
        >
          {label}
          {counts !== null && <span className="list-count">{count(counts).toLocaleString('en-GB')}</span>}
        </Link>
      ))}
    </nav>
  );
}
