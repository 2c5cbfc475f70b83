// The frame of an organization's screens: passes its gate, follows its log and the viewer's own place, and says so at once
// when access is lost.
import { Loader } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { Outlet, useNavigate, useParams, useRouterState } from '@tanstack/react-router';
import { createContext, useCallback, useContext, useEffect, useMemo, useRef, useState } from 'react';
import { useQuery } from 'urql';

import { client } from '../api/client';
import { type ApiError, failure, passing } from '../api/error';
import type { LiveStatus } from '../api/live';
import type { DocumentType } from '../api/types';
import { OrganizationDocument, type Role } from '../gql';
import { keepOrganization } from '../kept';
import { useAccount } from '../shell/SignedIn';
import { hasRole, roleName } from '../words';
import { bells, type Feed, type Log, useLog } from './feed';
import { LineBanner } from './Line';
import { type Place as Standing, usePlace } from './place';
import { Refused } from './Refused';

type Shown = NonNullable<DocumentType<typeof OrganizationDocument>['organization']>;

interface Place {
  organization: Shown;
  /** The viewer's own place in it. */
  member: NonNullable<Shown['viewer']>;
  /** Whether the viewer's role is this one or above. */
  may: (role: Role) => boolean;
  feed: Feed;
}

const Context = createContext<Place | null>(null);
const LogContext = createContext<Log | null>(null);

/** The organization whose screens are open. */
export function useOrganization(): Place {
  const place = useContext(Context);
  if (place === null) throw new Error('useOrganization needs Organization around it');
  return place;
}

/** How the log of the organization whose screens are open is followed. It changes often: only for what shows it. */
export function useOrganizationLog(): Log {
  const log = useContext(LogContext);
  if (log === null) throw new Error('useOrganizationLog needs Organization around it');
  return log;
}

export function Organization() {
  const { slug } = useParams({ from: '/signed-in/organizations/$slug' });
  // Another organization starts from nothing: no row of the one before is ever shown under the other's name.
  return <Gate key={slug} slug={slug} />;
}

function Gate({ slug }: { slug: string }) {
  const { reload } = useAccount();
  const [{ data, error, stale }, ask] = useQuery({ query: OrganizationDocument, variables: { slug } });
  const again = useCallback(() => ask({ requestPolicy: 'network-only' }), [ask]);
  const organization = data?.organization ?? null;
  const member = organization?.viewer ?? null;
  // What was open before access was lost: who loses it is told about what they had.
  const [opened, setOpened] = useState<Shown | null>(null);
  if (organization !== null && member !== null && organization !== opened) setOpened(organization);
  useEffect(() => keepOrganization(slug), [slug]);

  const [lost, lose] = useState<ApiError | null>(null);
  const refused = lost ?? (stale ? null : failure(error));
  const code = refused?.code;
  const latestReload = useRef(reload);
  latestReload.current = reload;
  useEffect(() => {
    if (code !== undefined) latestReload.current();
  }, [code]);
  // The gate is asked first: what was on the screen comes back, all of it made anew, only when it is open again.
  const retry = useCallback(async () => {
    const { error: still } = await client.query(OrganizationDocument, { slug }, { requestPolicy: 'network-only' }).toPromise();
    const why = failure(still);
    if (why === null || !passing(why)) lose(why);
    if (why !== null) throw why;
    latestReload.current();
  }, [slug]);

  if (refused !== null) return <Refused key={code} error={refused} slug={slug} lost={opened} again={retry} />;
  if (organization === null || member === null) return <Loader aria-label="Loading" />;
  return <Inside slug={slug} organization={organization} member={member} again={again} lose={lose} />;
}

interface InsideProps {
  slug: string;
  organization: Shown;
  member: Place['member'];
  /** Asks the gate again. */
  again: () => void;
  /** The gate has closed. */
  lose: (why: ApiError) => void;
}

/** What is there for as long as the gate is open: its lines to the server end with it, and begin with it. */
function Inside({ slug, organization, member, again, lose }: InsideProps) {
  const { reload } = useAccount();
  const [ring] = useState(bells);
  const path = usePath();
  const renamed = useRenamed(slug, path);
  const place = usePlace(organization.id, (now, before) => {
    // It may have been renamed between the page's answer and this first word of its place.
    if (before === null && now.organization.name === organization.name && now.organization.slug === organization.slug) return;
    if (before !== null) tell(now, before, path.current);
    again();
    reload();
    ring.change();
    renamed(now.organization.slug);
  });
  const log = useLog(hasRole(member.role, 'MANAGER') ? { id: organization.id, slug } : null, ring);
  const why = ended(place) ?? ended(log.status);
  useEffect(() => {
    if (why !== null) lose(why);
  }, [why, lose]);

  const value = useMemo(
    () => ({ organization, member, feed: ring, may: (role: Role) => hasRole(member.role, role) }),
    [organization, member, ring],
  );
  return (
    <Context value={value}>
      <LogContext value={log}>
        <LineBanner status={place} />
        <Outlet />
      </LogContext>
    </Context>
  );
}

const ended = (line: LiveStatus): ApiError | null => (line.at === 'ended' ? line.error : null);

/** Says what has changed for the viewer by somebody else's hand. */
function tell(now: Standing, before: Standing, path: string) {
  const { organization } = now;
  if (now.role !== before.role) {
    notifications.show({
      title: `You are now ${roleName(now.role)} of ${organization.name}`,
      message: `You were ${roleName(before.role)}. The screens show what you may do now.`,
      autoClose: 15_000,
    });
  }
  // The screen with the switch shows it, to whoever has turned it too.
  if (organization.require2FA !== before.organization.require2FA && !path.endsWith('/settings/security')) {
    notifications.show({
      title: organization.require2FA === true ? `${organization.name} now requires 2FA` : `${organization.name} no longer requires 2FA`,
      message: organization.require2FA === true ? 'You have it, so nothing changes for you.' : 'Your own second factor stays as it is.',
      autoClose: 15_000,
    });
  }
}

/** The address that is open now. */
function usePath(): { readonly current: string } {
  const path = useRouterState({ select: (state) => state.location.pathname });
  const here = useRef(path);
  here.current = path;
  return here;
}

/** Goes on at the organization's new address when its short name is changed while it is open. */
function useRenamed(slug: string, here: ReturnType<typeof usePath>) {
  const navigate = useNavigate();
  return (now: string) => {
    const base = `/organizations/${slug}`;
    if (now === slug || !here.current.startsWith(base)) return;
    void navigate({ to: `/organizations/${now}${here.current.slice(base.length)}`, replace: true });
  };
}
