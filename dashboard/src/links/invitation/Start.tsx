import { useState } from 'react';

import type { Challenge, Invitation, Viewer } from '../../api';
import { Alert, Button, Title, useAction } from '../../parts/ui';
import { momentName, roleName } from '../../words';
import type { PageName } from './App';
import { SignIn } from '../../signin/SignIn';
import { SignUp } from '../../signin/SignUp';

interface StartProps {
  page: PageName;
  token: string;
  invitation: Invitation;
  viewer: Viewer | null;
  accept: () => Promise<void>;
  challenged: (challenge: Challenge) => void;
  signOut: () => Promise<void>;
}

/** What the link is about, and the first thing to do. */
export function Start({ page, token, invitation, viewer, accept, challenged, signOut }: StartProps) {
  const removed = invitation.reason === 'REMOVED_FOR_2FA';
  return (
    <>
      <Title>{page === 'rejoin' ? 'Setup Two-Factor Authentication' : `Join ${invitation.organizationName}`}</Title>
      {removed ? (
        <p>
          <strong>{invitation.organizationName}</strong> requires two-factor authentication.{' '}
          {invitation.nextStep === 'ACCEPT'
            ? 'Your account has it now: return, with your role, teams and settings as they were.'
            : 'Set it up now and you are a member again, with your role, teams and settings as they were.'}
        </p>
      ) : (
        <p>
          You are invited to join <strong>{invitation.organizationName}</strong>.
        </p>
      )}
      <dl className="facts">
        <dt>Organization</dt>
        <dd>{invitation.organizationName}</dd>
        <dt>Sent to</dt>
        <dd>{invitation.email}</dd>
        <dt>Your role</dt>
        <dd>{roleName(invitation.role)}</dd>
        <dt>Why</dt>
        <dd>{removed ? 'Removed until two-factor authentication is set up' : 'An invitation'}</dd>
        <dt>Link works until</dt>
        <dd>{momentName(invitation.expiresAt)}</dd>
      </dl>
      {viewer === null ? (
        <Guest
          token={token}
          invitation={invitation}
          signUpFirst={invitation.nextStep === 'SIGN_UP'}
          mayChoose={!removed}
          accept={accept}
          challenged={challenged}
        />
      ) : (
        <SignedIn invitation={invitation} viewer={viewer} accept={accept} signOut={signOut} />
      )}
    </>
  );
}

interface GuestProps {
  token: string;
  invitation: Invitation;
  signUpFirst: boolean;
  mayChoose: boolean;
  accept: () => Promise<void>;
  challenged: (challenge: Challenge) => void;
}

function Guest({ token, invitation, signUpFirst, mayChoose, accept, challenged }: GuestProps) {
  const [signingUp, setSigningUp] = useState(signUpFirst);
  return (
    <>
      {signingUp ? (
        <SignUp
          heading="Create your account"
          link={{ inviteToken: token }}
          hint={`The address that this link was sent to: ${invitation.email}`}
          signedUp={accept}
          taken={() => (
            <button type="button" className="link" onClick={() => setSigningUp(false)}>
              Sign in to it
            </button>
          )}
        />
      ) : (
        <SignIn
          heading="Sign in to go on"
          hint={`The account with the address that this link was sent to: ${invitation.email}`}
          signedIn={accept}
          challenged={challenged}
        />
      )}
      {(mayChoose || signUpFirst) && (
        <p className="aside">
          {signingUp ? 'You have an account with this address? ' : 'You have no account yet? '}
          <button type="button" className="link" onClick={() => setSigningUp(!signingUp)}>
            {signingUp ? 'Sign in instead' : 'Create one'}
          </button>
        </p>
      )}
    </>
  );
}

interface SignedInProps {
  invitation: Invitation;
  viewer: Viewer;
  accept: () => Promise<void>;
  signOut: () => Promise<void>;
}

function SignedIn({ invitation, viewer, accept, signOut }: SignedInProps) {
  const accepting = useAction();
  const leaving = useAction();
  const mine = invitation.nextStep === 'SET_UP_2FA' || invitation.nextStep === 'ACCEPT';
  const who = viewer.email ?? viewer.name;
  return (
    <section aria-label="Your account">
      <p>
        You are signed in as <strong>{who}</strong>.{' '}
        {!mine && <>This link was sent to {invitation.email}: sign out to go on with that account.</>}
      </p>
      <Alert error={accepting.error ?? leaving.error} />
      <div className="actions">
        {mine && (
          <Button busy={accepting.busy} progress="One moment…" onClick={() => void accepting.run(accept)}>
            {invitation.nextStep === 'SET_UP_2FA'
              ? 'Set up two-factor authentication'
              : `${invitation.reason === 'REMOVED_FOR_2FA' ? 'Return to' : 'Join'} ${invitation.organizationName}`}
          </Button>
        )}
        <Button
          secondary={mine}
          busy={leaving.busy}
          progress="Signing out…"
          onClick={() => void leaving.run(signOut)}
        >
          {mine ? 'Use another account' : 'Sign out and go on'}
        </Button>
      </div>
    </section>
  );
}
