// The organization's audit log: what happened, newest first, and what happens, as it happens.
import './log.css';

import { Badge, Button as MantineButton, Group, Loader, Text, UnstyledButton } from '@mantine/core';
import { useIntersection } from '@mantine/hooks';
import { IconArrowUp, IconPlayerPause, IconPlayerPlay } from '@tabler/icons-react';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { memo, useCallback, useEffect, useMemo, useState } from 'react';

import { Alert, Button, Title } from '../../parts/ui';
import { clockName } from '../../words';
import type { Entry } from '../feed';
import { LineState } from '../Line';
import { Needs } from '../Needs';
import { useOrganizationLog } from '../Organization';
import { EntryDetails } from './EntryDetails';
import { Filters } from './Filters';
import { deedOf, personName } from './label';
import { filterOf, type LogSearch } from './search';
import { useEntries } from './useEntries';

const count = (n: number) => n.toLocaleString('en-GB');

export function AuditLog() {
  return (
    <Needs role="MANAGER" title="Audit log">
      <Log />
    </Needs>
  );
}

function Log() {
  const search = useSearch({ from: '/signed-in/organizations/$slug/audit-log' });
  const navigate = useNavigate({ from: '/organizations/$slug/audit-log' });
  const { status, from, trimmed } = useOrganizationLog();
  const { entry: open, ...narrowed } = search;
  // The same object while it says the same: hours are counted back from when they were chosen.
  const said = JSON.stringify(narrowed);
  const filter = useMemo(() => filterOf(JSON.parse(said) as LogSearch), [said]);
  const [shown, entries] = useEntries(filter);

  const [paused, setPaused] = useState(false);
  const { ref: top, entry: topSeen } = useIntersection();
  const atTop = topSeen === null || topSeen.isIntersecting;
  // Whoever reads further down is not to have the page move under their eyes.
  useEffect(() => {
    if (paused || !atTop) entries.hold();
    else entries.follow();
  }, [paused, atTop, entries]);

  const toNewest = () => {
    setPaused(false);
    window.scrollTo({ top: 0 });
    entries.follow();
  };
  const change = useCallback(
    (next: Partial<Record<keyof LogSearch, unknown>>) => {
      void navigate({ search: (before) => ({ ...before, ...next }) as LogSearch, resetScroll: false });
    },
    [navigate],
  );
  const details = useCallback((id: string) => change({ entry: id }), [change]);
  const held = paused || !shown.following;

  return (
    <>
      <Title>Audit log</Title>
      <Filters search={search} change={change} />
      <div ref={top} />
      <div className="log-bar">
        <Group justify="space-between" gap="xs">
          <LineState status={status} paused={held} />
          <Group gap="xs">
            {/* Not taken away while it is empty: a live region that appears with its text is not read out everywhere. */}
            <span role="status">
              {held && shown.above > 0 && (
                <MantineButton size="compact-sm" leftSection={<IconArrowUp size={14} aria-hidden />} onClick={toNewest}>
                  {count(shown.above)} new {shown.above === 1 ? 'entry' : 'entries'}
                </MantineButton>
              )}
            </span>
            <MantineButton
              size="compact-sm"
              variant="default"
              aria-pressed={paused}
              leftSection={paused ? <IconPlayerPlay size={14} aria-hidden /> : <IconPlayerPause size={14} aria-hidden />}
              onClick={() => setPaused((before) => !before)}
            >
              {paused ? 'Go on' : 'Pause'}
            </MantineButton>
          </Group>
        </Group>
      </div>
      {trimmed && from !== null && (
        <Text size="sm" c="dimmed" mb="sm">
          Entries up to {count(from)} that you had not seen are kept no longer; the log goes on after them.
        </Text>
      )}
      <Alert error={shown.error}>
        <Button secondary onClick={entries.retry}>
          Try again
        </Button>
      </Alert>
      {shown.entries.length === 0 && shown.busy === null && shown.error === null && from !== null ? (
        <p>Nothing in the log fits this filter. New entries that do will appear here.</p>
      ) : (
        <ol className="log" reversed aria-label="Entries, newest first">
          {shown.entries.map((entry) => (
            <Row key={entry.sequence} entry={entry} open={details} />
          ))}
        </ol>
      )}
      {shown.busy !== null && shown.entries.length === 0 && <Loader aria-label="Loading" />}
      {shown.older && (
        <Button secondary busy={shown.busy === 'older'} progress="Loading…" onClick={entries.older}>
          Show older entries
        </Button>
      )}
      {!shown.older && shown.entries.length > 0 && <Text c="dimmed">{end(said !== '{}', shown.entries)}</Text>}
      <EntryDetails id={open} close={() => change({ entry: undefined })} narrow={change} />
    </>
  );
}

/** What is below the oldest entry that can be shown. */
function end(filtered: boolean, shown: readonly Entry[]): string {
  if (filtered) return 'Nothing older fits this filter.';
  return shown.at(-1)?.sequence === 1 ? 'This is where it begins.' : 'What is older is kept no longer.';
}

const Row = memo(function Row({ entry, open }: { entry: Entry; open: (id: string) => void }) {
  return (
    <li className="log-row" data-sequence={entry.sequence}>
      <span className="log-number">{count(entry.sequence)}</span>
      <time className="log-time" dateTime={entry.createdAt}>
        {clockName(entry.createdAt)}
      </time>
      <span className="log-action">
        <Badge variant="light" color={colorOf(entry.action)} tt="none" fw={500}>
          {entry.action}
        </Badge>
      </span>
      <UnstyledButton className="log-message" onClick={() => open(entry.id)}>
        <strong>{personName(entry.actorLabel)}</strong> {deedOf(entry)}
      </UnstyledButton>
    </li>
  );
});

/** Colours help to skim; the name beside it says the same. */
function colorOf(action: string): string {
  if (/pending|remove|leave|expired|disabled/.test(action)) return 'red';
  if (/accept|join|enabled|create/.test(action)) return 'green';
  if (action === 'org.edit' || action.startsWith('sso.') || action.startsWith('token.')) return 'grape';
  return 'gray';
}
