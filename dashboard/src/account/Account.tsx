// The frame of the account's own screens.
import './account.css';

import { Outlet } from '@tanstack/react-router';

import { api } from '../api';
import { session } from '../api/session';
import { Alert, Button, Title, useAction } from '../parts/ui';
import { atProvider, useAccount } from '../shell/SignedIn';

/** The account's screens are for whoever signed in to it; a session of an organization's provider changes nothing there. */
export function Account() {
  const { account } = useAccount();
  if (atProvider(account)) return <AtProvider />;
  return <Outlet />;
}

function AtProvider() {
  const { busy, error, run } = useAction();
  const leave = () =>
    void run(async () => {
      await session.leave(api.signOut);
      window.location.assign('/sign-in?to=/account/security');
    });
  return (
    <>
      <Title>Not from here</Title>
      <p>
        You signed in through your organization’s provider, which vouches for you there only: how you sign in is set there. If
        you have an account with a password of its own, sign in to it to see and change how it is protected.
      </p>
      <Alert error={error} />
      <Button busy={busy} progress="Signing out…" onClick={leave}>
        Sign out and sign in to the account
      </Button>
    </>
  );
}
