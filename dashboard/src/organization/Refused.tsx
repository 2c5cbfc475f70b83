import { Anchor, Group } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { type ReactNode, useEffect, useRef } from 'react';

import type { ApiError } from '../api/error';
import { offers } from '../offers';
import { Alert, Button, Title, useAction } from '../parts/ui';
import { atProvider, useAccount } from '../shell/SignedIn';
import { Prove } from '../signin/Prove';
import { dayName } from '../words';

interface RefusedProps {
  error: ApiError;
  slug: string;
  /** The organization, where it was open until just now. */
  lost: { name: string; slug: string } | null;
  /** Asks the gate again; throws what it says where it stays closed. */
  again: () => Promise<void>;
}

/** The organization's gate says no: what happened, and where to go. */
export function Refused({ error, slug, lost, again }: RefusedProps) {
  const { busy, error: still, run } = useAction();
  const retry = () => void run(again);
  switch (error.code) {
    case 'TWO_FACTOR_REQUIRED':
      return (
        <TwoFactorRequired slug={slug} lost={lost} again={again}>
          <Alert error={still} />
          <Group>
            {offers.mailbox && <Anchor href="/mailbox/">Open the mailbox of this server</Anchor>}
            <Button secondary busy={busy} progress="Looking…" onClick={retry}>
              I have set it up: try again
            </Button>
            <Anchor component={Link} to="/organizations">
              Your organizations
            </Anchor>
          </Group>
        </TwoFactorRequired>
      );
    case 'STEP_UP_REQUIRED':
      return (
        <>
          <Title>Confirm that it is you</Title>
          <p>
            <strong>{lost?.name ?? slug}</strong> {lost === null ? 'requires' : 'now requires'} two-factor authentication, and this
            session has not proved yours yet.
          </p>
          <Alert error={still} />
          <ProveHere slug={slug} proved={retry} />
        </>
      );
    case 'NOT_FOUND':
      if (lost !== null) {
        return (
          <>
            <Title>{`You are no longer a member of ${lost.name}`}</Title>
            <p>
              You left it, or an owner or manager has removed you, just now. Its members, projects and notifications are closed to
              you. If that surprises you, ask one of them.
            </p>
            <YourOrganizations />
          </>
        );
      }
      return (
        <>
          <Title>Nothing to see here</Title>
          <p>There is no organization at this address, or you are not a member of it (any more).</p>
          <YourOrganizations />
        </>
      );
    default:
      return (
        <>
          <Title>This did not work</Title>
          <Alert error={still ?? error} />
          <Button busy={busy} progress="Trying…" onClick={retry}>
            Try again
          </Button>
        </>
      );
  }
}

/** Where the session began, there it is proved: at the account, or at the organization's provider. */
function ProveHere({ slug, proved }: { slug: string; proved: () => void }) {
  const { account } = useAccount();
  if (!atProvider(account)) return <Prove proved={proved} />;
  return (
    <>
      <p>
        You signed in through the organization’s provider, and it did not say that you used a second factor there. Sign in through
        it again, with its second factor. If it asks you for none, set one up there, or ask whoever looks after it.
      </p>
      <Anchor href={`/sso/${slug}`}>Sign in through the provider</Anchor>
    </>
  );
}

function YourOrganizations() {
  return (
    <p>
      <Anchor component={Link} to="/organizations">
        Your organizations
      </Anchor>
    </p>
  );
}

function TwoFactorRequired({ slug, lost, again, children }: Omit<RefusedProps, 'error'> & { children: ReactNode }) {
  const { account } = useAccount();
  const mine = account.memberships?.find(({ organization }) => organization.slug === slug);
  const name = lost?.name ?? mine?.organization.name ?? slug;
  // Whoever was removed stays outside until they have it, even where it is required no longer.
  const removed = lost === null && mine?.status === 'REMOVED_FOR_2FA';
  useReturn(again);
  return (
    <>
      <Title>{lost !== null ? `You have lost access to ${name}` : removed ? `You were removed from ${name}` : 'Two-factor authentication is required'}</Title>
      <p>
        <strong>{name}</strong> {removed ? 'required' : lost === null ? 'requires' : 'now requires'} two-factor authentication, and your
        account has none.
        Its members, projects and notifications are closed to you until you set it up.
      </p>
      <p>
        Open the mail titled <em>Mandatory: Enable Two-Factor Authentication</em>, which {removed ? 'went' : 'is on its way'} to{' '}
        <strong>{account.email ?? 'your address'}</strong>. Its button brings you back, with your role, teams and settings as they
        were{mine?.reinstatableUntil === undefined || mine.reinstatableUntil === null ? '' : `, until ${dayName(mine.reinstatableUntil)}`}.
      </p>
      {children}
    </>
  );
}

/** Asks again when somebody comes back to this page: the mail is opened in another tab, or on another screen. */
function useReturn(again: RefusedProps['again']) {
  const latest = useRef(again);
  latest.current = again;
  useEffect(() => {
    const look = () => {
      // Nobody has pressed anything: that it is still closed is no news.
      if (document.visibilityState === 'visible') void latest.current().catch(() => undefined);
    };
    document.addEventListener('visibilitychange', look);
    return () => document.removeEventListener('visibilitychange', look);
  }, []);
}
