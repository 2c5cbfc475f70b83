import { Loader, Table } from '@mantine/core';
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
    <>
      <Title>Account activity</Title>
      <p>
        What happened to your account, newest first, at most the last 100. Something here was not you? End your{' '}
        <RoutedAnchor to="/account/sessions">other sessions</RoutedAnchor>, then{' '}
        <RoutedAnchor to="/account/security">change your password</RoutedAnchor>.
      </p>
      <Alert error={failed} />
      {events === null && failed === null && <Loader aria-label="Loading" />}
      {events !== null && (
        <Table.ScrollContainer minWidth={640} type="native">
          <Table aria-label="Account activity" verticalSpacing="sm">
            <Table.Thead>
              <Table.Tr>
                <Table.Th>What</Table.Th>
                <Table.Th>When</Table.Th>
                <Table.Th>From</Table.Th>
                <Table.Th>With</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {events.map(({ id, message, createdAt, ipAddress, userAgent }) => (
                <Table.Tr key={id}>
                  <Table.Td>{message}</Table.Td>
                  <Table.Td>
                    <time dateTime={createdAt}>{momentName(createdAt)}</time>
                  </Table.Td>
                  <Table.Td>{ipAddress ?? '–'}</Table.Td>
                  <Table.Td>{userAgent === null ? '–' : <span title={userAgent}>{deviceName(userAgent)}</span>}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
    </>
  );
}
