// The frame of an organization's screens: passes its gate, follows its log, and says so at once when access is lost.
import { Loader } from '@mantine/core';
import { Outlet, useParams } from '@tanstack/react-router';
import { createContext, useCallback, useContext, useEffect, useMemo } from 'react';
import { useQuery } from 'urql';

import { type ApiError, failure } from '../api/error';
import type { DocumentType } from '../api/types';
import { OrganizationDocument, type Role } from '../gql';
import { useAccount } from '../shell/SignedIn';
import { hasRole } from '../words';
import { type Feed, useOrganizationFeed } from './feed';
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

/** The organization whose screens are open. */
export function useOrganization(): Place {
  const place = useContext(Context);
  if (place === null) throw new Error('useOrganization needs Organization around it');
  return place;
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
  const manages = member !== null && hasRole(member.role, 'MANAGER');
  const feed = useOrganizationFeed(organization === null || !manages ? null : { id: organization.id, slug });

  // The requirement, the name, and the viewer's own role may have changed.
  useEffect(
    () =>
      feed.onEntry((entry) => {
        if (entry.action === 'org.edit' || entry.target?.id === member?.id) {
          again();
          reload();
        }
      }),
    [feed, again, reload, member?.id],
  );
  useEffect(() => localStorage.setItem('muster.organization', slug), [slug]);

  const value = useMemo(
    () =>
      organization === null || member === null
        ? null
        : { organization, member, feed, may: (role: Role) => hasRole(member.role, role) },
    [organization, member, feed],
  );

  const lost: ApiError | null = feed.lost ?? (stale ? null : failure(error));
  if (lost !== null) {
    return (
      <Refused
        error={lost}
        slug={slug}
        again={() => {
          feed.restart();
          reload();
          again();
        }}
      />
    );
  }
  if (value === null) return <Loader aria-label="Loading" />;
  return (
    <Context value={value}>
      <Outlet />
    </Context>
  );
}
