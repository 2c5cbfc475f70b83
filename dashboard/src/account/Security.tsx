import { Badge, Loader } from '@mantine/core';
import { useSearch } from '@tanstack/react-router';
import { useCallback } from 'react';
import { useQuery } from 'urql';

import { failure } from '../api/error';
import type { DocumentType } from '../api/types';
import { SecurityDocument } from '../gql';
import { Alert, Button, Title } from '../parts/ui';
import { useAccount } from '../shell/SignedIn';
import { twoFactorName } from '../words';
import { Address } from './Address';
import { Authenticators } from './Authenticators';
import { Identities } from './Identities';
import { Password } from './Password';
import { RecoveryCodes } from './RecoveryCodes';
import { Resets } from './Resets';
import { Section } from './Section';

export type Protected = NonNullable<DocumentType<typeof SecurityDocument>['viewer']>;

export interface PartProps {
  account: Protected;
  /** Asks again how things stand, after a change. */
  changed: () => void;
}

const colors = { SECURE: 'green', INSECURE: 'orange', DISABLED: 'red' } as const;

/** How the account is protected: second factors, recovery codes, password, address. */
export function Security() {
  const { recovered } = useSearch({ from: '/signed-in/account/security' });
  const { reload } = useAccount();
  const [{ data, error, fetching }, ask] = useQuery({ query: SecurityDocument });
  const changed = useCallback(() => {
    ask({ requestPolicy: 'network-only' });
    reload();
  }, [ask, reload]);
  const account = data?.viewer ?? null;
  const failed = fetching ? null : failure(error);
  if (account === null || account.twoFactor === null) {
    if (failed === null) return <Loader aria-label="Loading" />;
    return (
      <>
        <Title>Account security</Title>
        <Alert error={failed} />
        <Button onClick={changed}>Try again</Button>
      </>
    );
  }
  return (
    <div className="reading">
      <Title>Account security</Title>
      <p>
        <Badge variant="light" size="lg" color={colors[account.twoFactor]}>
          {twoFactorName(account.twoFactor)}
        </Badge>
      </p>
      <Alert error={failed} />
      {recovered === true && (
        <p role="status" className="notice">
          You signed in with a recovery code. If you have lost your authenticator, add a new one now, and then remove the lost
          one. You have {account.recoveryCodes?.remaining ?? 0} recovery codes left.
        </p>
      )}
      {account.twoFactorResets !== null && account.twoFactorResets.length > 0 && (
        <Section title="Your second factor is to be reset">
          <Resets account={account} changed={changed} />
        </Section>
      )}
      <Section title="Two-factor authentication">
        <Authenticators account={account} kinds={data?.authenticatorKinds ?? []} changed={changed} />
      </Section>
      {account.recoveryCodes !== null && (
        <Section title="Recovery codes">
          <RecoveryCodes account={account} changed={changed} />
        </Section>
      )}
      <Section title="Password">
        <Password account={account} changed={changed} />
      </Section>
      <Section title="Email address">
        <Address account={account} changed={changed} />
      </Section>
      {account.identities !== null && account.identities.length > 0 && (
        <Section title="Single sign-on">
          <Identities account={account} changed={changed} />
        </Section>
      )}
    </div>
  );
}
