import { Code, Group } from '@mantine/core';
import { useQuery } from 'urql';

import { failure } from '../../api/error';
import type { DocumentType } from '../../api/types';
import { AuditEntryDocument } from '../../gql';
import { Side } from '../../parts/Dialog';
import { Alert, Button, CopyButton } from '../../parts/ui';
import { momentName } from '../../words';
import { deedOf } from './label';
import type { LogSearch } from './search';

type Found = NonNullable<DocumentType<typeof AuditEntryDocument>['node']>;
type Detailed = Extract<Found, { sequence: number }>;

const isEntry = (node: Found): node is Detailed => 'sequence' in node;

interface EntryDetailsProps {
  id: string | undefined;
  close: () => void;
  narrow: (search: LogSearch) => void;
}

/** All that an entry says: who did what to whom, when, from where and with what. */
export function EntryDetails({ id, close, narrow }: EntryDetailsProps) {
  const [{ data, error, fetching }] = useQuery({ query: AuditEntryDocument, variables: { id: id ?? '' }, pause: id === undefined });
  const entry = data?.node !== null && data?.node !== undefined && isEntry(data.node) && data.node.id === id ? data.node : null;
  return (
    <Side title={entry === null ? 'Entry' : `Entry ${entry.sequence.toLocaleString('en-GB')}`} size="lg" opened={id !== undefined} onClose={close}>
      {entry !== null ? <Details entry={entry} narrow={narrow} /> : fetching ? <p role="status">One moment…</p> : <Alert error={failure(error)} />}
    </Side>
  );
}

function Details({ entry, narrow }: { entry: Detailed; narrow: (search: LogSearch) => void }) {
  const only = (search: LogSearch) => () => narrow({ ...search, entry: undefined } as LogSearch);
  const { actor, target } = entry;
  return (
    <>
      <p className="lead">
        <strong>{entry.actorLabel}</strong> {deedOf(entry)}
      </p>
      <dl className="facts">
        <dt>When</dt>
        <dd>
          <time dateTime={entry.createdAt}>{momentName(entry.createdAt)}</time>
        </dd>
        <dt>Action</dt>
        <dd>
          <Code>{entry.action}</Code>
        </dd>
        <dt>Done by</dt>
        <dd>{entry.actorLabel}</dd>
        <dt>Done to</dt>
        <dd>{entry.targetLabel}</dd>
        <dt>From where</dt>
        <dd>{entry.ipAddress ?? 'Not kept: the system did it, or somebody to their own account'}</dd>
        <dt>With what</dt>
        <dd>{entry.userAgent ?? (entry.ipAddress === null ? 'Not kept' : 'Not said')}</dd>
        <dt>Number</dt>
        <dd>{entry.sequence}</dd>
      </dl>
      {entry.data !== null && (
        <>
          <h3>Data</h3>
          <Code block tabIndex={0} aria-label="Data">
            {JSON.stringify(entry.data, null, 2)}
          </Code>
        </>
      )}
      <h3>Show only</h3>
      <Group>
        <Button secondary onClick={only({ action: entry.action })}>
          {`What is ${entry.action}`}
        </Button>
        {actor !== null && 'id' in actor && (
          <Button secondary onClick={only({ actor: actor.id })}>
            What they did
          </Button>
        )}
        {target !== null && (
          <Button secondary onClick={only({ target: target.id })}>
            What was done to it
          </Button>
        )}
      </Group>
      <h3>Keep</h3>
      <Group>
        <CopyButton text={window.location.href}>Copy the address of this entry</CopyButton>
        <CopyButton text={JSON.stringify(entry, null, 2)}>Copy it as JSON</CopyButton>
      </Group>
    </>
  );
}
