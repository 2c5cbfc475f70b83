// The members' screen: everything that it shows is asked for by its address, and rows change by themselves.
import { Group, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconUserPlus } from '@tabler/icons-react';
import { Link, useLocation, useNavigate, useSearch } from '@tanstack/react-router';
import { useCallback, useEffect, useMemo, useRef } from 'react';

import { failure } from '../../api/error';
import { MembersDocument } from '../../gql';
import { Dialog, Side } from '../../parts/Dialog';
import { Redirect } from '../../parts/Redirect';
import { Alert, Button, Title } from '../../parts/ui';
import { type Entry, useLiveQuery } from '../feed';
import { useOrganization } from '../Organization';
import { Details } from './Details';
import { Filters, Lists } from './Filters';
import { Invite } from './Invite';
import { MemberTable } from './MemberTable';
import { News } from './News';
import { Resets } from './Resets';
import { memberFilter, type MembersSearch, pageSize } from './search';

/** Whether an entry may have changed a row of a list of members. */
export const concernsMembers = ({ action }: Pick<Entry, 'action'>) => /^(member|sso|team)\.|^org\.edit$/.test(action);

const nobody: Record<NonNullable<MembersSearch['status']> | 'ACTIVE', string> = {
  ACTIVE: 'Nobody here.',
  ALL: 'Nobody here.',
  INVITED: 'No invitation is open.',
  REMOVED_FOR_2FA: 'Nobody is waiting outside: whoever is removed because two-factor authentication is required appears here until they are back.',
};

const labels: typeof nobody = { ACTIVE: 'Members', ALL: 'Everybody', INVITED: 'Invitations', REMOVED_FOR_2FA: 'Removed for 2FA' };

/** How often the list is asked for while a mail is being sent, in milliseconds. */
const delivery = 3_000;

/** Runs an action again and again, while there is a pause to wait for between two. */
function useInterval(action: () => void, pause: number | null) {
  const latest = useRef(action);
  latest.current = action;
  useEffect(() => {
    if (pause === null) return;
    const timer = setInterval(() => latest.current(), pause);
    return () => clearInterval(timer);
  }, [pause]);
}

export function Members() {
  const { organization, may } = useOrganization();
  const { slug } = organization;
  const manages = may('MANAGER');
  const asked = useSearch({ from: '/signed-in/organizations/$slug/members' });
  // Only managers know of invitations and of who was removed.
  const search = useMemo<MembersSearch>(() => (manages ? asked : { ...asked, status: undefined, twoFactor: undefined } as MembersSearch), [asked, manages]);
  const navigate = useNavigate();
  const filter = useMemo(() => memberFilter(search, manages), [search, manages]);
  const variables = { slug, first: pageSize, filter, manages, ...(search.after === undefined ? {} : { after: search.after }) };
  const [{ data, error, fetching }, again] = useLiveQuery({ query: MembersDocument, variables }, concernsMembers);

  // That a mail has been sent is no entry of the log.
  const sending = data?.organization?.members?.nodes.some(({ inviteDelivery }) => inviteDelivery === 'QUEUED') === true;
  useInterval(() => again({ requestPolicy: 'network-only' }), sending ? delivery : null);

  const narrow = useCallback(
    ({ after: _, member: __, ...conditions }: MembersSearch) =>
      void navigate({ to: '/organizations/$slug/members', params: { slug }, search: conditions, replace: true }),
    [navigate, slug],
  );
  const { member: open, ...closed } = search;
  const close = () => void navigate({ to: '/organizations/$slug/members', params: { slug }, search: closed, state: true });

  // Another page begins at its top, for the eyes and for the keyboard.
  const top = useRef<HTMLDivElement>(null);
  const at = useRef(search.after);
  useEffect(() => {
    if (at.current === search.after) return;
    at.current = search.after;
    top.current?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }, [search.after]);

  const page = data?.organization?.members ?? null;
  const failed = failure(error);
  const lost = page === null && failed?.field === 'after';
  const list = search.status ?? 'ACTIVE';
  const narrowed = search.q !== undefined || search.role !== undefined || search.team !== undefined || search.twoFactor !== undefined;
  return (
    <>
      <Group justify="space-between" mb="md">
        <Title>Members</Title>
        {manages && <Inviting />}
      </Group>
      {manages && <Resets />}
      {manages && <Lists search={search} slug={slug} counts={data?.organization?.memberCounts ?? null} />}
      <Filters search={search} narrow={narrow} />
      {lost ? (
        <p role="status">
          There is no such page of this list: its address is cut off, or of another list.{' '}
          <Link to="/organizations/$slug/members" params={{ slug }} search={first(search)} className="page-link">
            Go to the first page
          </Link>
        </p>
      ) : (
        <Alert error={page === null ? failed : null}>
          <Button secondary onClick={() => again({ requestPolicy: 'network-only' })}>
            Try again
          </Button>
        </Alert>
      )}
      {page !== null && (
        <div ref={top} tabIndex={-1} className="page-top" aria-busy={fetching || undefined}>
          {page.nodes.length > 0 && <MemberTable members={page.nodes} search={search} label={labels[list]} />}
          {page.nodes.length === 0 && search.after === undefined && (
            <Text my="xl">{narrowed ? 'Nobody fits these conditions.' : nobody[list]}</Text>
          )}
          {/* A page that has run empty, because those on it are gone, is no place to be. */}
          {page.nodes.length === 0 && search.after !== undefined && !fetching && (
            <Redirect to="/organizations/$slug/members" params={{ slug }} search={first(search)} />
          )}
          <Pages search={search} slug={slug} next={page.pageInfo.hasNextPage ? page.pageInfo.endCursor : null} shown={page.nodes.length} total={page.totalCount} />
        </div>
      )}
      {page === null && error === undefined && <Text role="status">Loading…</Text>}
      {manages && <News />}
      <Side title="Member" opened={open !== undefined} onClose={close}>
        {open !== undefined && <Details key={open} id={open} close={close} />}
      </Side>
    </>
  );
}

/** The button that opens the invitation's form, and the form: both go when the right to invite does. */
function Inviting() {
  const [opened, { open, close }] = useDisclosure(false);
  return (
    <>
      <Button leftSection={<IconUserPlus size={16} aria-hidden />} onClick={open}>
        Invite
      </Button>
      <Dialog title="Invite somebody" opened={opened} onClose={close}>
        <Invite done={close} />
      </Dialog>
    </>
  );
}

const counted = (n: number) => n.toLocaleString('en-GB');

/** Which members a page shows, as "201–250"; only how many where it was opened by its address, which does not say how many come before. */
const where = (page: number | null, shown: number) => (page === null ? counted(shown) : `${counted(page * pageSize + 1)}–${counted(page * pageSize + shown)}`);

const first = ({ after: _, ...rest }: MembersSearch): MembersSearch => rest;

declare module '@tanstack/react-router' {
  interface HistoryState {
    /** The cursors of the pages that led here, oldest first; the empty one is the first page. */
    before?: string[];
  }
}

interface PagesProps {
  search: MembersSearch;
  slug: string;
  next: string | null;
  shown: number;
  total: number | null;
}

function Pages({ search, slug, next, shown, total }: PagesProps) {
  const before = useLocation({ select: ({ state }) => state.before }) ?? [];
  const from = { to: '/organizations/$slug/members', params: { slug } } as const;
  const previous = before.at(-1);
  const { member: _, ...conditions } = search;
  if (next === null && search.after === undefined) {
    return shown > 0 && <p className="count">{total !== null && total > shown ? `${shown} of ${counted(total)}` : `${shown} shown`}</p>;
  }
  return (
    <nav aria-label="Pages" className="pages">
      {search.after !== undefined && (
        <Link {...from} search={first(conditions)} className="page-link">
          First page
        </Link>
      )}
      {search.after !== undefined && previous !== undefined && (
        <Link
          {...from}
          search={{ ...first(conditions), ...(previous === '' ? {} : { after: previous }) }}
          state={(state) => ({ ...state, before: before.slice(0, -1) })}
          className="page-link"
        >
          Previous page
        </Link>
      )}
      {next !== null && (
        <Link {...from} search={{ ...conditions, after: next }} state={(state) => ({ ...state, before: [...(search.after === undefined ? [] : before), search.after ?? ''] })} className="page-link">
          Next page
        </Link>
      )}
      <span className="count">{total === null ? `${shown} on this page` : `${where(search.after === undefined ? 0 : before[0] === '' ? before.length : null, shown)} of ${counted(total)}`}</span>
    </nav>
  );
}
