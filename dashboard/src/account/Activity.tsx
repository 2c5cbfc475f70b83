import { Loader } from '@mantine/core';
import { useQuery } from 'urql';

import { failure } from '../api/error';
import { SecurityEventsDocument } from '../gql';
import { RoutedAnchor } from '../parts/RoutedAnchor';
import { Alert, Title } from '../parts/ui';
import { momentName } from '../words';
import { deviceName } from './device';

/** What happened to the account, newest first. */
export function Activity() {
  const [{ data, error, fetching }] = useQuery({ query: SecurityEventsDocument });
  const events = data?.viewer?.securityEvents ?? null;
  const failed = fetching ? null : failure(error);
  return (
    <div className="reading">
      <Title>Account activity</Title>
      <p>
        What happened to your account, newest first, at most the last 100. Something here was not you? End your{' '}
        <RoutedAnchor to="/account/sessions">other sessions</RoutedAnchor>, then{' '}
        <RoutedAnchor to="/account/security">change your password</RoutedAnchor>.
      </p>
      <Alert error={failed} />
      {events === null && failed === null && <Loader aria-label="Loading" />}
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
    </div>
  );
}
