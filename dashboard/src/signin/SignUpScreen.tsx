import { Anchor } from '@mantine/core';
import { useSearch } from '@tanstack/react-router';

import { within } from '../address';
import { Page } from '../parts/Page';
import { RoutedAnchor } from '../parts/RoutedAnchor';
import { Title } from '../parts/ui';
import { Already } from './Already';
import { Offers } from './Offers';
import { SignUp } from './SignUp';
import { keepWay } from './way';

/** A new account, for whoever has no invitation: an organization of their own can follow. */
export function SignUpScreen() {
  const { to } = useSearch({ from: '/sign-up' });
  const search = { to };
  return (
    <Page>
      <Title>Create your account</Title>
      <Already to={to} />
      <p>Were you invited to an organization? Then open the link of that mail instead: it brings you straight in.</p>
      <SignUp
        signedUp={async () => {
          keepWay('password');
          window.location.replace(within(to));
        }}
        taken={(email) => (
          <p>
            <RoutedAnchor to="/sign-in" search={search} state={{ email }}>
              Sign in with this address
            </RoutedAnchor>
            {' or '}
            <Anchor href="/reset">set a new password</Anchor>
          </p>
        )}
      />
      <p className="aside">
        You have an account already?{' '}
        <RoutedAnchor to="/sign-in" search={search}>
          Sign in
        </RoutedAnchor>
      </p>
      <Offers />
    </Page>
  );
}
