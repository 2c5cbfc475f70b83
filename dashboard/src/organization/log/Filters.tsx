import { Button, MultiSelect, Select, TextInput } from '@mantine/core';
import { IconFilterOff } from '@tabler/icons-react';
import { useDebouncedCallback } from '@mantine/hooks';
import { useState } from 'react';
import { useQuery } from 'urql';

import { ActorsDocument, AuditLogActionsDocument, NamedDocument, type NamedQuery, PeopleDocument } from '../../gql';
import { useOrganization } from '../Organization';
import { actionsOf, type LogSearch } from './search';

interface FiltersProps {
  search: LogSearch;
  change: (next: Partial<Record<keyof LogSearch, unknown>>) => void;
}

const times = [
  { value: '', label: 'Any time' },
  { value: '1', label: 'Last hour' },
  { value: '24', label: 'Last 24 hours' },
  { value: '168', label: 'Last 7 days' },
  { value: '720', label: 'Last 30 days' },
  { value: 'between', label: 'Between…' },
];

/** Narrows the log; all of it stands in the address. */
export function Filters({ search, change }: FiltersProps) {
  const { organization } = useOrganization();
  const [{ data }] = useQuery({ query: AuditLogActionsDocument, variables: { slug: organization.slug } });
  const [between, setBetween] = useState(false);
  const ranged = search.from !== undefined || search.until !== undefined || between;
  const narrowed = Object.entries(search).some(([name, value]) => name !== 'entry' && value !== undefined);
  const time = ranged ? 'between' : String(search.last ?? '');
  return (
    <search className="log-filters">
      <MultiSelect
        label="Actions"
        placeholder={actionsOf(search).length === 0 ? 'Any' : ''}
        searchable
        clearable
        clearButtonProps={{ 'aria-label': 'Any action' }}
        hidePickedOptions
        nothingFoundMessage="There is no such action"
        data={grouped(data?.organization?.auditLogActions ?? actionsOf(search))}
        value={actionsOf(search)}
        onChange={(actions) => change({ action: actions.length === 0 ? undefined : actions.join(',') })}
      />
      <Actor id={search.actor} choose={(actor) => change({ actor })} />
      <Target id={search.target} choose={(target) => change({ target })} />
      <Select
        label="When"
        allowDeselect={false}
        data={times.some(({ value }) => value === time) ? times : [...times, { value: time, label: `Last ${time} hours` }]}
        value={time}
        onChange={(value) => {
          setBetween(value === 'between');
          const hours = Number(value);
          change({ last: value === null || value === '' || Number.isNaN(hours) ? undefined : hours, from: undefined, until: undefined });
        }}
      />
      {ranged && (
        <div className="log-range">
          <Moment label="From" value={search.from} choose={(from) => change({ from, last: undefined })} />
          <Moment label="Until" value={search.until} choose={(until) => change({ until, last: undefined })} />
        </div>
      )}
      {narrowed && (
        <Button
          className="log-all"
          variant="default"
          leftSection={<IconFilterOff size={16} aria-hidden />}
          onClick={() => {
            setBetween(false);
            change({ action: undefined, actor: undefined, target: undefined, last: undefined, from: undefined, until: undefined });
          }}
        >
          Show everything
        </Button>
      )}
    </search>
  );
}

/** Actions under what they are about: `member.pending` under Member. */
function grouped(actions: readonly string[]) {
  const groups = new Map<string, string[]>();
  for (const action of actions) {
    const group = action.split('.')[0] ?? '';
    groups.set(group, [...(groups.get(group) ?? []), action]);
  }
  return [...groups].map(([group, items]) => ({ group: group === 'sso' ? 'Single sign-on' : group.charAt(0).toUpperCase() + group.slice(1), items }));
}

interface ChosenProps {
  id: string | undefined;
  choose: (id: string | undefined) => void;
}

/** Whoever has done something that the log tells. */
function Actor(props: ChosenProps) {
  const { organization } = useOrganization();
  const [query, setQuery] = useState<string | null>(null);
  const [{ data }] = useQuery({ query: ActorsDocument, variables: { slug: organization.slug, query: query === '' ? null : query }, pause: query === null });
  const found = (data?.organization?.auditLogActors ?? []).map(({ id, label }) => ({ value: id, label }));
  return <Named {...props} label="Done by" found={found} look={setQuery} />;
}

/** A member. Whatever else the log is about is chosen from an entry's details. */
function Target(props: ChosenProps) {
  const { organization } = useOrganization();
  const [query, setQuery] = useState<string | null>(null);
  const [{ data }] = useQuery({ query: PeopleDocument, variables: { slug: organization.slug, query: query === '' ? null : query }, pause: query === null });
  const found = (data?.organization?.members?.nodes ?? []).map(({ id, name, email }) => ({
    value: id,
    label: [name, email].filter(Boolean).join(' · '),
  }));
  return <Named {...props} label="Done to" found={found} look={setQuery} />;
}

interface NamedProps extends ChosenProps {
  label: string;
  found: { value: string; label: string }[];
  /** Asks for whoever has the text in their name or address; not before the list is opened. */
  look: (query: string) => void;
}

/** A choice that is found by typing a part of the name or address. */
function Named({ label, id, choose, found, look }: NamedProps) {
  const [{ data }] = useQuery({ query: NamedDocument, variables: { id: id ?? '' }, pause: id === undefined });
  const search = useDebouncedCallback((typed: string) => look(typed.trim().slice(0, 100)), 250);
  const chosen = id === undefined || found.some(({ value }) => value === id) ? [] : [{ value: id, label: nameOf(data?.node, id) }];
  return (
    <Select
      label={label}
      placeholder="Anybody"
      searchable
      clearable
      clearButtonProps={{ 'aria-label': 'Anybody' }}
      nothingFoundMessage="Nobody of that name"
      data={[...chosen, ...found]}
      // What is found is found by the server, by address too.
      filter={({ options }) => options}
      value={id ?? null}
      onDropdownOpen={() => look('')}
      onSearchChange={(typed) => {
        // Also called with the label of what has been chosen: that is no search.
        if (![...chosen, ...found].some((option) => option.label === typed)) search(typed);
      }}
      onChange={(value) => choose(value ?? undefined)}
    />
  );
}

type Node = NonNullable<NamedQuery['node']>;

function nameOf(node: Node | null | undefined, id: string): string {
  if (node === null || node === undefined || node.id !== id) return id;
  if ('memberName' in node) return node.memberName ?? node.email ?? id;
  return 'name' in node ? node.name : id;
}

/** A moment in the reader's own time zone, to the minute. */
function Moment({ label, value, choose }: { label: string; value: string | undefined; choose: (value: string | undefined) => void }) {
  return (
    <TextInput
      type="datetime-local"
      label={label}
      value={value === undefined ? '' : local(value)}
      onChange={({ target }) => choose(target.value === '' ? undefined : new Date(target.value).toISOString())}
    />
  );
}

/** As the browser's own field for a moment takes it: 2026-11-22T05:30. */
function local(iso: string): string {
  const date = new Date(iso);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
