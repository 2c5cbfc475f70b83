import { Anchor, Divider, Stack } from '@mantine/core';
import { useRouterState, useSearch } from '@tanstack/react-router';
import { useCallback, useState } from 'react';

import { within } from '../address';
import type { Challenge } from '../api';
import { Page } from '../parts/Page';
import { RoutedAnchor } from '../parts/RoutedAnchor';
import { Button, Title } from '../parts/ui';
import { Already } from './Already';
import { ByOrganization } from './ByOrganization';
import { Challenged } from './Challenged';
import { Offers } from './Offers';
import { Passkey, usePasskeys } from './Passkey';
import { SignIn } from './SignIn';
import { keepWay, lastWay, type Way } from './way';

declare module '@tanstack/react-router' {
  interface HistoryState {
    /** An address that was typed on the page before; it stays out of the address bar. */
    email?: string;
  }
}

/** Where everybody comes in: the password, then the second factor, then where they wanted to go. */
export function SignInScreen() {
  const { to, ended } = useSearch({ from: '/sign-in' });
  const email = useRouterState({ select: (state) => state.location.state.email });
  const passkeys = usePasskeys();
  const [last] = useState(lastWay);
  const [step, setStep] = useState<'start' | 'organization' | Challenge>('start');
  const done = useCallback(
    async (way: Way, recovered = false) => {
      keepWay(way);
      // Loaded anew: nothing that the page has kept for whoever was signed in before is shown to whoever is now.
      window.location.replace(recovered ? '/account/security?recovered=true' : within(to));
    },
    [to],
  );
  const start = () => setStep('start');

  if (step === 'organization') {
    return (
      <Page>
        <ByOrganization back={start} />
      </Page>
    );
  }
  if (step !== 'start') {
    return (
      <Page>
        <Challenged challenge={step} proved={(recovered) => done('password', recovered)} restart={async () => start()} />
      </Page>
    );
  }
  const passkey = passkeys && <Passkey key="passkey" first={last === 'passkey'} signedIn={() => done('passkey')} />;
  const organization = (
    <Button key="organization" secondary={last !== 'organization'} fullWidth onClick={() => setStep('organization')}>
      Sign in with your organization
    </Button>
  );
  const first = last === 'passkey' ? passkey : last === 'organization' && organization;
  const others = [passkey, organization].filter((way) => way !== false && way !== first);
  return (
    <Page>
      <Title>Sign in to Muster</Title>
      {ended === true && <p role="status">You have been signed out: your session has ended. Sign in to go on where you were.</p>}
      <Already to={to} />
      {first !== false && (
        <>
          {first}
          <Divider my="lg" label="or with your password" />
        </>
      )}
      <SignIn
        {...(email === undefined ? {} : { email })}
        signedIn={() => done('password')}
        challenged={setStep}
      />
      <p className="aside">
        <Anchor href="/reset">Forgot your password?</Anchor>
      </p>
      {others.length > 0 && <Divider my="lg" label="or" />}
      <Stack gap="sm">{others}</Stack>
      <p className="aside">
        No account yet?{' '}
        <RoutedAnchor to="/sign-up" search={{ to }}>
          Create one
        </RoutedAnchor>
      </p>
      <Offers />
    </Page>
  );
}
