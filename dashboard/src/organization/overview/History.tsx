import { Table, Text } from '@mantine/core';

import type { DocumentType } from '../../api/types';
import type { ComplianceDocument } from '../../gql';
import { percent } from './percent';

export type Day = NonNullable<NonNullable<DocumentType<typeof ComplianceDocument>['organization']>['complianceHistory']>[number];

const name = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' });

/** The days on which something changed, newest first: between them it stayed as it was. */
function changes(days: readonly Day[]): Day[] {
  const same = (a: Day, b: Day) => a.active === b.active && a.with2FA === b.with2FA && a.removedFor2FA === b.removedFor2FA;
  return days.filter((day, i) => i === 0 || !same(day, days[i - 1] as Day)).reverse();
}

/** The chart in words: what changed in sum, and the days as a table. */
export function History({ days }: { days: readonly Day[] }) {
  const first = days[0];
  const last = days.at(-1);
  if (first === undefined || last === undefined) return null;
  const [before, now] = [percent(first.with2FA, first.active), percent(last.with2FA, last.active)];
  return (
    <>
      <Text size="sm" mt="sm" mb="xs">
        {days.length === 1 && `${now} % today, the first day that is known. `}
        {days.length > 1 && before === now && `${now} % on ${name.format(new Date(first.day))} and today. `}
        {before !== now && `From ${before} % on ${name.format(new Date(first.day))} to ${now} % today. `}
        Days are in UTC.
      </Text>
      <details>
        <summary>The same as a table</summary>
        <Table.ScrollContainer minWidth={380} mah={320}>
          <Table aria-label="Members with 2FA by day">
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Since</Table.Th>
                <Table.Th>Share</Table.Th>
                <Table.Th>With 2FA</Table.Th>
                <Table.Th>Active</Table.Th>
                <Table.Th>Removed for 2FA</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {changes(days).map((day) => (
                <Table.Tr key={day.day}>
                  <Table.Th scope="row">{name.format(new Date(day.day))}</Table.Th>
                  <Table.Td>{percent(day.with2FA, day.active)} %</Table.Td>
                  <Table.Td>{day.with2FA}</Table.Td>
                  <Table.Td>{day.active}</Table.Td>
                  <Table.Td>{day.removedFor2FA}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      </details>
    </>
  );
}
