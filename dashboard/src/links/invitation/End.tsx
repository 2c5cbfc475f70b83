import { useEffect, useState } from 'react';

import { api, type ApiError, type Invitation, type Reinstated, type Viewer } from '../../api';
import { Restored } from '../../factors/Restored';
import { RoutedButton } from '../../parts/RoutedButton';
import { Alert, Button, Title, useAction } from '../../parts/ui';
import { roleName } from '../../words';
import type { PageName } from './App';

/** While the link is looked up. */
export function Loading() {
  return <p role="status">Looking up your link…</p>;
}

/** A link that leads nowhere: invalid, used and expired look alike, so that nobody learns which it was. */
export function Dead({ page, viewer }: { page: PageName; viewer: Viewer | null }) {
  return (
    <>
      <Title>This link does not work</Title>
      <p>It is invalid, has been used, or has expired.</p>
      <ul className="advice">
        <li>Have you used it already? Then you are in, and need no link: sign in as usual.</li>
        <li>Did you get a newer mail? Only the link of the newest one works.</li>
        <li>
          Otherwise ask an owner or manager of the organization to resend{' '}
          {page === 'rejoin' ? 'the mail about two-factor authentication' : 'the invitation'}.
        </li>
      </ul>
      {viewer !== null && (
        <p>
          You are signed in as <strong>{viewer.email ?? viewer.name}</strong>.
        </p>
      )}
      <p>
        <a href="/">Muster's start page</a>
      </p>
    </>
  );
}

/** The link's own account is signed in, and has nothing left to do with it. */
export function Finished({ organization, codesLost }: { organization: string; codesLost: boolean }) {
  return (
    <>
      <Title>{`You are in ${organization}`}</Title>
      <p>There is nothing left to do with this link: you are a member, and your account passes muster.</p>
      {codesLost && (
        <p>
          Your recovery codes cannot be shown again. If you have not saved them, <a href="/account/security">make new ones</a>: they
          get you in if you lose your authenticator.
        </p>
      )}
      <GoTo organization={organization} />
    </>
  );
}

/** The session was lost on the way, perhaps together with the answer that confirmed the authenticator. */
export function SignInAgain({ restart }: { restart: () => Promise<void> }) {
  return (
    <>
      <Title>Sign in again</Title>
      <p>The connection broke, or you were signed out elsewhere, and this page is not signed in any more.</p>
      <p>
        Your authenticator may be set up already: then signing in asks for it, you are in, and under Account security you make new
        recovery codes. If it does not ask, open the link of the mail once more.
      </p>
      <div className="actions">
        <RoutedButton to="/sign-in" search={{ to: '/account/security' }}>
          Sign in
        </RoutedButton>
        <Button secondary onClick={() => void restart()}>
          Open the link once more
        </Button>
      </div>
    </>
  );
}

/** The way on into an organization that one is a member of; to the start while its address is not known. */
function GoTo({ organization }: { organization: string }) {
  const [slug, setSlug] = useState<string | null>(null);
  const { run } = useAction();
  useEffect(() => {
    void run(async () => setSlug(await api.slugOf(organization)));
  }, [run, organization]);
  return (
    <p>
      <a href={slug === null ? '/' : `/organizations/${slug}`}>Go to {organization}</a>
    </p>
  );
}

interface RefusedProps {
  error: ApiError;
  invitation: Invitation;
  viewer: Viewer | null;
  signOut: () => Promise<void>;
  retry: () => Promise<void>;
}

/** The link is refused to the account that is signed in, or to this session of it. */
export function Refused({ error, invitation, viewer, signOut, retry }: RefusedProps) {
  const { busy, error: failure, run } = useAction();
  const stranger = ['INVALID_LINK', 'FORBIDDEN', 'NOT_FOUND'].includes(error.code);
  return (
    <>
      <Title>{stranger ? 'Not with this account' : 'This did not work'}</Title>
      <Alert error={error} />
      {viewer !== null && (
        <p>
          You are signed in as <strong>{viewer.email ?? viewer.name}</strong>.{' '}
          {stranger && (
            <>
              The link was sent to {invitation.email}. If that is another account of yours, sign out and go on with it. If it
              is this one, the link may have been used or replaced by a newer mail.
            </>
          )}
        </p>
      )}
      <Alert error={failure} />
      <div className="actions">
        {viewer !== null && (
          <Button busy={busy} progress="Signing out…" onClick={() => void run(signOut)}>
            {stranger ? 'Sign out and go on' : 'Sign out and sign in again'}
          </Button>
        )}
        <Button secondary onClick={() => void run(retry)}>
          Start again
        </Button>
      </div>
    </>
  );
}

interface DoneProps {
  page: PageName;
  invitation: Invitation;
  reinstated: Reinstated[];
}

/** In the organization, with what came back and what did not. */
export function Done({ page, invitation, reinstated }: DoneProps) {
  const back = page === 'rejoin' || invitation.reason === 'REMOVED_FOR_2FA';
  return (
    <>
      <Title>{`You are ${back ? 'back in' : 'in'} ${invitation.organizationName}`}</Title>
      {reinstated.length === 0 && (
        <p>
          Your role is <strong>{roleName(invitation.role)}</strong>.
        </p>
      )}
      {reinstated.map((place) => (
        <Restored key={place.organization.slug} place={place} heading={reinstated.length > 1} />
      ))}
      {reinstated.length === 0 && <GoTo organization={invitation.organizationName} />}
    </>
  );
}
