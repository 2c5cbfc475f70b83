import { Anchor, Divider, Group } from '@mantine/core';
import { useSearch } from '@tanstack/react-router';
import { useCallback, useState } from 'react';

import type { Challenge } from '../api';
import { offers } from '../offers';
import { Page } from '../parts/Page';
import { Title } from '../parts/ui';
import { Challenged, SignIn } from './SignIn';

/** Where everybody comes in: the password, then the second factor, then where they wanted to go. */
export function SignInScreen() {
  const { to, ended } = useSearch({ from: '/sign-in' });
  const [challenge, setChallenge] = useState<Challenge | null>(null);
  // Loaded anew: nothing that the page has kept for whoever was signed in before is shown to whoever is now.
  const done = useCallback(async () => window.location.replace(to ?? '/'), [to]);
  return (
    <Page>
      {challenge !== null ? (
        <Challenged challenge={challenge} proved={done} restart={async () => setChallenge(null)} />
      ) : (
        <>
          <Title>Sign in to Muster</Title>
          {ended === true && <p role="status">You have been signed out: your session has ended. Sign in to go on where you were.</p>}
          <SignIn signedIn={done} challenged={setChallenge} />
          <p className="aside">
            <Anchor href="/reset">Forgot your password?</Anchor>
          </p>
        </>
      )}
      <Divider my="lg" />
      <Group gap="lg">
        {offers.playground && <Anchor href="/playground">Playground</Anchor>}
        {offers.mailbox && <Anchor href="/mailbox/">Mailbox</Anchor>}
        <Anchor href="/licenses">Licenses</Anchor>
      </Group>
    </Page>
  );
}
