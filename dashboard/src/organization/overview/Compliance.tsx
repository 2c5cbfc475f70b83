// How well an organization is protected: now, over time, who is missing, who is gone for it, and what happened today.
import { Loader, Paper, Progress, SegmentedControl, Text } from '@mantine/core';
import { lazy, type ReactNode, Suspense, useCallback, useState } from 'react';

import { failure } from '../../api/error';
import type { DocumentType } from '../../api/types';
import { ComplianceDocument } from '../../gql';
import { RoutedAnchor } from '../../parts/RoutedAnchor';
import { Alert, Button } from '../../parts/ui';
import { clockName, dayName, roleName } from '../../words';
import { useLiveQuery } from '../feed';
import { deedOf, personName } from '../log/label';
import { useOrganization } from '../Organization';
import { SweepProgress } from '../security/SweepProgress';
import { History } from './History';
import { percent } from './percent';

// The charts are the greatest part of the app's code: loaded when they are looked at. Without a network the words below say the same.
const Chart = lazy(() => import('./Chart').catch(() => ({ default: () => <Text c="dimmed">The chart could not be loaded.</Text> })));

type Shown = NonNullable<DocumentType<typeof ComplianceDocument>['organization']>;

const members = (n: number) => `${n.toLocaleString('en-GB')} ${n === 1 ? 'member' : 'members'}`;

/** When today began for the reader. */
function midnight(): string {
  const now = new Date();
  return new Date(now.getFullYear(), now.getMonth(), now.getDate()).toISOString();
}

export function Compliance() {
  const { organization } = useOrganization();
  const { slug } = organization;
  const [days, setDays] = useState(90);
  const since = midnight();
  const [{ data, error }, again] = useLiveQuery({ query: ComplianceDocument, variables: { slug, days, since } }, () => true);
  const refresh = useCallback(() => again({ requestPolicy: 'network-only' }), [again]);
  const shown = data?.organization ?? null;
  if (shown === null) {
    const failed = failure(error);
    if (failed === null) return <Loader aria-label="Loading" />;
    return (
      <Alert error={failed}>
        <Button secondary onClick={refresh}>
          Try again
        </Button>
      </Alert>
    );
  }
  return (
    <div className="glances">
      <Now shown={shown} slug={slug} />
      <Card title="Share with 2FA over time" shape="glance glance-wide glance-tall">
        <SegmentedControl
          aria-label="How far back"
          mb="sm"
          data={[
            { value: '30', label: '30 days' },
            { value: '90', label: '90 days' },
            { value: '365', label: 'A year' },
          ]}
          value={String(days)}
          onChange={(value) => setDays(Number(value))}
        />
        <Suspense fallback={<Loader aria-label="Loading" />}>
          <Chart days={shown.complianceHistory ?? []} />
        </Suspense>
        <History days={shown.complianceHistory ?? []} />
      </Card>
      {shown.sweep !== null && (shown.sweep.state === 'QUEUED' || shown.sweep.state === 'RUNNING') && (
        <Card title="Sweep">
          <SweepProgress key={shown.sweep.id} latest={shown.sweep} refresh={refresh} />
        </Card>
      )}
      <Missing shown={shown} slug={slug} />
      <Removed shown={shown} slug={slug} />
      <Today shown={shown} slug={slug} since={since} />
    </div>
  );
}

interface Section {
  shown: Shown;
  slug: string;
}

function Card({ title, shape = 'glance', children }: { title: string; shape?: string; children: ReactNode }) {
  return (
    <Paper component="section" withBorder p="md" className={shape} aria-label={title}>
      <h2>{title}</h2>
      {children}
    </Paper>
  );
}

function Now({ shown }: Section) {
  const { active, with2FA } = shown.memberCounts ?? { active: 0, with2FA: 0 };
  const share = percent(with2FA, active);
  return (
    <Card title="With 2FA now">
      <p className="figure">
        <span className="figure-number">{share} %</span> {with2FA.toLocaleString('en-GB')} of {members(active)}
      </p>
      <Progress value={share} size="lg" color={share === 100 ? 'green' : 'muster'} aria-label="Share of members with 2FA" />
      <p className="figure-note">
        {shown.require2FA === true
          ? 'Two-factor authentication is required here: whoever does not meet that has no access.'
          : 'Two-factor authentication is not required here.'}
      </p>
    </Card>
  );
}

function Missing({ shown, slug }: Section) {
  const { active, with2FA } = shown.memberCounts ?? { active: 0, with2FA: 0 };
  const nodes = shown.missing?.nodes ?? [];
  const without = active - with2FA;
  return (
    <Card title="Who is missing">
      {without === 0 ? (
        <Text>Nobody: every member has 2FA.</Text>
      ) : (
        <>
          <p>
            {members(without)} {without === 1 ? 'has' : 'have'} no second factor of their own.
          </p>
          <ul className="people">
            {nodes.map(({ id, name, email, role }) => (
              <li key={id}>
                {name ?? email} <span className="quiet">{roleName(role)}</span>
              </li>
            ))}
          </ul>
          <RoutedAnchor to="/organizations/$slug/members" params={{ slug }} search={{ twoFactor: 'DISABLED' }}>
            See all without 2FA
          </RoutedAnchor>
        </>
      )}
    </Card>
  );
}

function Removed({ shown, slug }: Section) {
  const gone = shown.memberCounts?.removedFor2FA ?? 0;
  return (
    <Card title="Removed for 2FA">
      {gone === 0 ? (
        <Text>Nobody is waiting to come back.</Text>
      ) : (
        <>
          <p>{members(gone)} can come back, with role, teams and settings, by setting up 2FA.</p>
          <ul className="people">
            {(shown.removed?.nodes ?? []).map(({ id, name, email, reinstatableUntil, inviteDelivery }) => (
              <li key={id}>
                {name ?? email}{' '}
                <span className="quiet">
                  {reinstatableUntil === null ? '' : `until ${dayName(reinstatableUntil)}`}
                  {inviteDelivery === 'FAILED' ? ' · the mail could not be delivered' : ''}
                </span>
              </li>
            ))}
          </ul>
          <RoutedAnchor to="/organizations/$slug/members" params={{ slug }} search={{ status: 'REMOVED_FOR_2FA' }}>
            See all who were removed
          </RoutedAnchor>
        </>
      )}
    </Card>
  );
}

function Today({ shown, slug, since }: Section & { since: string }) {
  const nodes = shown.auditLog?.nodes ?? [];
  return (
    <Card title="Today" shape="glance glance-wide">
      {nodes.length === 0 ? (
        <Text>Nothing has happened yet today.</Text>
      ) : (
        <ul className="today">
          {nodes.map((entry) => (
            <li key={entry.id}>
              <time dateTime={entry.createdAt} className="quiet">
                {clockName(entry.createdAt).split(', ')[1]}
              </time>{' '}
              <span>
                <strong>{personName(entry.actorLabel)}</strong> {deedOf(entry)}
              </span>
            </li>
          ))}
        </ul>
      )}
      <RoutedAnchor to="/organizations/$slug/audit-log" params={{ slug }} search={{ from: since }}>
        {shown.auditLog?.pageInfo.hasNextPage === true ? 'All of today in the audit log' : 'See it in the audit log'}
      </RoutedAnchor>
    </Card>
  );
}
