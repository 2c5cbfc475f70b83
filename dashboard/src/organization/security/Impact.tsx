// Who would lose access: the counts, and the names page by page.
import { Alert as Notice, List, Text } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { useQuery } from 'urql';

import { failure } from '../../api/error';
import { ImpactMembersDocument } from '../../gql';
import { Alert, Button } from '../../parts/ui';
import { roleName } from '../../words';
import { useOrganization } from '../Organization';
import { called } from '../members/types';
import { Remind } from './Remind';
import { counted, type Impact, type Requirement } from './types';

/** How things stand, and who is without 2FA now: for everybody who may see the settings. */
export function ImpactNow({ settings, impact, refresh }: { settings: Requirement; impact: Impact; refresh: () => void }) {
  const { organization } = useOrganization();
  const without = impact.removedCount + impact.unmailableCount;
  const required = settings.require2FA === true;
  return (
    <>
      <h3>{required ? 'Where members stand' : 'What it would do now'}</h3>
      <dl className="facts">
        <dt>{required ? 'Meet the requirement' : 'Would stay'}</dt>
        <dd>{counted(impact.compliantCount, 'member')}</dd>
        <dt>{required ? 'Still to be removed' : 'Would be removed'}</dt>
        <dd>
          {counted(impact.removedCount, 'member')}
          {impact.ownersRemovedCount > 0 && `, ${counted(impact.ownersRemovedCount, 'owner')} among them`}
        </dd>
        {impact.unmailableCount > 0 && (
          <>
            <dt>Cannot be mailed</dt>
            <dd>{counted(impact.unmailableCount, 'member')}, locked out all the same</dd>
          </>
        )}
      </dl>
      {without > 0 && <Who impact={impact} />}
      {impact.removedCount > 0 && !required && <Remind impact={impact} refresh={refresh} />}
      {required && (
        <p>
          <Link to="/organizations/$slug/members" params={{ slug: organization.slug }} search={{ status: 'REMOVED_FOR_2FA' }} className="page-link">
            Who was removed and can return
          </Link>
        </p>
      )}
    </>
  );
}

/** The names, on demand: there may be thousands. */
function Who({ impact }: { impact: Impact }) {
  const [shown, show] = useState(false);
  const without = impact.removedCount + impact.unmailableCount;
  return (
    <div className="who">
      <Button secondary aria-expanded={shown} onClick={() => show(!shown)}>
        {shown ? 'Hide the names' : without === 1 ? 'Show who it is' : `Show all ${without.toLocaleString('en-GB')}`}
      </Button>
      {shown && impact.removedCount > 0 && <Names label="Without two-factor authentication" unmailable={false} />}
      {shown && impact.unmailableCount > 0 && <Names label={impact.removedCount > 0 ? 'Of them, cannot be mailed' : 'Cannot be mailed'} unmailable />}
    </div>
  );
}

/** Names on a page. */
const pageSize = 25;

function Names({ label, unmailable }: { label: string; unmailable: boolean }) {
  const { organization } = useOrganization();
  // The cursors of the pages up to the one that is shown; the first page has none.
  const [cursors, setCursors] = useState<string[]>([]);
  const after = cursors.at(-1);
  const [{ data, error, fetching }] = useQuery({
    query: ImpactMembersDocument,
    variables: { slug: organization.slug, first: pageSize, unmailable, ...(after === undefined ? {} : { after }) },
    requestPolicy: 'network-only',
  });
  const page = data?.organization?.require2FAImpact?.members ?? null;
  if (page === null) return fetching ? <Text role="status">Loading…</Text> : <Alert error={failure(error)} />;
  const next = page.pageInfo.hasNextPage ? page.pageInfo.endCursor : null;
  return (
    <>
      <h4>{label}</h4>
      <List aria-busy={fetching || undefined}>
        {page.nodes.map((member) => (
          <List.Item key={member.id}>
            {called(member)}
            {member.name !== null && member.email !== null && ` (${member.email})`}, {roleName(member.role).toLowerCase()}
          </List.Item>
        ))}
      </List>
      {(next !== null || after !== undefined) && (
        <div className="actions">
          {after !== undefined && (
            <Button secondary size="compact-md" onClick={() => setCursors(cursors.slice(0, -1))}>
              Previous {pageSize}
            </Button>
          )}
          {next !== null && (
            <Button secondary size="compact-md" onClick={() => setCursors([...cursors, next])}>
              Next {pageSize}
            </Button>
          )}
        </div>
      )}
    </>
  );
}

/** What the removed lose, and what waits for them. */
export function Consequences({ impact }: { impact: Impact }) {
  if (impact.removedCount + impact.unmailableCount === 0) {
    return <p>Every member has two-factor authentication already: nobody is removed. Whoever joins from now on has to set it up first.</p>;
  }
  return (
    <>
      <p>
        <strong>{counted(impact.removedCount, 'member')}</strong>
        {impact.ownersRemovedCount > 0 && (
          <>
            , <strong>{counted(impact.ownersRemovedCount, 'owner')}</strong> among them,
          </>
        )}{' '}
        will be removed at once, and mailed a link that brings them back. {counted(impact.compliantCount, 'member stays', 'members stay')}.
      </p>
      <p>They lose, until they have set up two-factor authentication:</p>
      <ul className="advice">
        <li>the organization’s projects, teams and members</li>
        <li>its notifications</li>
        <li>their API tokens’ access to it</li>
      </ul>
      <p>
        They can come back within three months, with their role, teams and settings as they were. After that they have to be
        invited afresh.
      </p>
      {impact.unmailableCount > 0 && (
        <Notice variant="light" color="yellow" role="presentation" mb="md" title={`${counted(impact.unmailableCount, 'member')} cannot be mailed`}>
          They have no address. They are locked out too, but stay on the list of members until somebody helps them.
        </Notice>
      )}
      <Who impact={impact} />
    </>
  );
}
