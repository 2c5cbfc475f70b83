import { Badge, Loader } from '@mantine/core';
import { useState } from 'react';
import { useQuery } from 'urql';

import { change } from '../api/client';
import { failure } from '../api/error';
import type { DocumentType } from '../api/types';
import { EndOtherSessionsDocument, EndSessionDocument, SessionsDocument } from '../gql';
import { Confirm } from '../parts/Dialog';
import { told } from '../parts/told';
import { Alert, Button, Title } from '../parts/ui';
import { agoName, momentName, wayName } from '../words';
import { deviceName } from './device';

type Session = NonNullable<NonNullable<DocumentType<typeof SessionsDocument>['viewer']>['sessions']>[number];

/** Where the account is signed in, and the way to end that. */
export function Sessions() {
  const [{ data, error, fetching }, ask] = useQuery({ query: SessionsDocument });
  const [ending, setEnding] = useState<Session | 'others' | null>(null);
  const changed = () => ask({ requestPolicy: 'network-only' });
  const sessions = data?.viewer?.sessions ?? null;
  const failed = fetching ? null : failure(error);
  const others = (sessions ?? []).filter(({ current }) => !current);
  const place = (id: string | null) => data?.viewer?.memberships?.find(({ organization }) => organization.id === id)?.organization.name;
  const close = () => setEnding(null);
  return (
    <div className="reading">
      <Title>Sessions</Title>
      <p>Where you are signed in now. End what you do not know or do not need, and change your password if it was not you.</p>
      <Alert error={failed} />
      {sessions === null && failed === null && <Loader aria-label="Loading" />}
      <ul className="cards" aria-label="Your sessions">
        {sessions?.map((session) => (
          <li key={session.id}>
            <Shown session={session} at={place(session.organizationId)} />
            {!session.current && (
              <Button
                secondary
                size="xs"
                aria-label={`End the session of ${deviceName(session.userAgent)}, begun ${momentName(session.createdAt)}`}
                onClick={() => setEnding(session)}
              >
                End
              </Button>
            )}
          </li>
        ))}
      </ul>
      {others.length > 0 && (
        <div className="actions">
          <Button secondary onClick={() => setEnding('others')}>
            End all other sessions
          </Button>
        </div>
      )}
      {ending === 'others' && (
        <Confirm
          opened
          title="End all other sessions?"
          action="End them"
          progress="Ending them…"
          onClose={close}
          run={async () => {
            await change(EndOtherSessionsDocument, {});
            told('All other sessions have ended.');
            changed();
          }}
        >
          <p>
            You stay signed in here. {others.length === 1 ? 'The other session' : `The ${others.length} other sessions`} of your
            account end at once, with every page that is open there.
          </p>
        </Confirm>
      )}
      {ending !== null && ending !== 'others' && (
        <Confirm
          opened
          title="End this session?"
          action="End it"
          progress="Ending it…"
          onClose={close}
          run={async () => {
            await change(EndSessionDocument, { sessionId: ending.id });
            told('The session has ended.');
            changed();
          }}
        >
          <p>
            {deviceName(ending.userAgent)}, from {ending.ipAddress}, is signed out at once, with every page that is open there.
          </p>
        </Confirm>
      )}
    </div>
  );
}

function Shown({ session, at }: { session: Session; at: string | undefined }) {
  return (
    <div>
      <p className="card-name">
        <span title={session.userAgent}>{deviceName(session.userAgent)}</span>{' '}
        {session.current && (
          <Badge variant="light" color="green">
            This one
          </Badge>
        )}
      </p>
      <p className="card-facts">
        From {session.ipAddress}, by {lower(wayName(session.beganBy))}
        {session.organizationId !== null && `, for ${at ?? 'one organization'} only`}
        <br />
        Begun {momentName(session.createdAt)}, last used {agoName(session.lastUsedAt)}; ends {momentName(session.expiresAt)} at the
        latest
      </p>
    </div>
  );
}

const lower = (text: string) => text.slice(0, 1).toLowerCase() + text.slice(1);
