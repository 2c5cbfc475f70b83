import { Loader, Text } from '@mantine/core';
import { useCallback, useEffect, useState } from 'react';

import { ask } from '../api/client';
import { type SecurityEventsQuery, SecurityEventsDocument } from '../gql';
import { RoutedAnchor } from '../parts/RoutedAnchor';
import { Alert, Button, Title, useAction } from '../parts/ui';
import { momentName } from '../words';
import { deviceName } from './device';

type Page = NonNullable<NonNullable<SecurityEventsQuery['viewer']>['securityEvents']>;

/** What happened to the account, newest first: pages follow each other from the moment at which the first was loaded. */
function useEvents() {
  const [events, setEvents] = useState<Page['nodes'] | null>(null);
  const [end, setEnd] = useState<Page['pageInfo']>({ endCursor: null, hasNextPage: true });
  const { busy, error, run } = useAction();
  const after = end.endCursor;
  const load = useCallback(
    () =>
      void run(async () => {
        const { viewer } = await ask(SecurityEventsDocument, { after });
        const page = viewer?.securityEvents ?? null;
        if (page === null) return; // The session has ended: the app says so.
        setEvents((before) => [...(before ?? []), ...page.nodes]);
        setEnd(page.pageInfo);
      }),
    [run, after],
  );
  const first = after === null;
  useEffect(() => {
    if (first) load();
  }, [first, load]);
  return { events, more: events !== null && end.hasNextPage, busy, error, load };
}

/** The account's own log. */
export function Activity() {
  const { events, more, busy, error, load } = useEvents();
  return (
    <div className="reading">
      <Title>Account activity</Title>
      <p>
        What happened to your account, newest first. Something here was not you? End your{' '}
        <RoutedAnchor to="/account/sessions">other sessions</RoutedAnchor>, then{' '}
        <RoutedAnchor to="/account/security">change your password</RoutedAnchor>.
      </p>
      {events === null && error === null && <Loader aria-label="Loading" />}
      {events !== null && (
        <ul className="cards" aria-label="Account activity">
          {events.map(({ id, message, createdAt, ipAddress, userAgent }) => (
            <li key={id}>
              <div>
                <p className="card-name">{message}</p>
                <p className="card-facts">
                  <time dateTime={createdAt}>{momentName(createdAt)}</time>
                  {ipAddress !== null && `, from ${ipAddress}`}
                  {userAgent !== null && (
                    <>
                      , with <span title={userAgent}>{deviceName(userAgent)}</span>
                    </>
                  )}
                </p>
              </div>
            </li>
          ))}
        </ul>
      )}
      <Alert error={error}>
        <Button secondary onClick={load}>
          Try again
        </Button>
      </Alert>
      {more && error === null && (
        <Button secondary busy={busy} progress="Loading…" onClick={load}>
          Show older activity
        </Button>
      )}
      {events !== null && !more && <Text c="dimmed">This is where your account begins.</Text>}
    </div>
  );
}
