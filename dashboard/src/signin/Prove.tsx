import { type FormEvent, useEffect, useState } from 'react';

import { api, type Method } from '../api';
import { ask } from '../api/client';
import type { DocumentType } from '../api/types';
import { FactorsDocument } from '../gql';
import { Alert, Button, Field, useAction } from '../parts/ui';
import { Ways } from './Ways';

type Factor = NonNullable<NonNullable<DocumentType<typeof FactorsDocument>['viewer']>['authenticators']>[number];

/** The kinds that an account has, the one that was used last first, as a sign-in's challenge names them. */
const lastUsedFirst = (factors: Factor[]): Method[] => [
  ...new Set(
    factors
      .toSorted((a, b) => Date.parse(b.lastUsedAt ?? b.createdAt) - Date.parse(a.lastUsedAt ?? a.createdAt))
      .map(({ kind }) => kind),
  ),
];

/** Makes the session fresh: by a code, a security key or a text message, or by the password where the account has no factor. */
export function Prove({ proved }: { proved: () => void }) {
  const [methods, setMethods] = useState<Method[] | null>(null);
  const { error, run } = useAction();
  useEffect(() => {
    void run(async () => setMethods(lastUsedFirst((await ask(FactorsDocument, {})).viewer?.authenticators ?? [])));
  }, [run]);

  if (methods === null) return error === null ? <p role="status">One moment…</p> : <Alert error={error} />;
  if (methods.length === 0) return <ByPassword proved={proved} />;
  return (
    <>
      <p>This is important: prove your second factor once more. It then holds for ten minutes.</p>
      <Ways
        methods={methods}
        answer={async (answer) => {
          await api.confirmIdentity(answer);
          proved();
        }}
        askKey={async () => (await api.startSecurityKeyVerification()).options}
        sendCode={async () => (await api.sendSecondFactorCode()).sentTo}
      />
    </>
  );
}

function ByPassword({ proved }: { proved: () => void }) {
  const [password, setPassword] = useState('');
  const { busy, error, run } = useAction();
  const prove = (event: FormEvent) => {
    event.preventDefault();
    void run(async () => {
      await api.confirmIdentity({ password });
      proved();
    });
  };
  return (
    <form onSubmit={prove}>
      <p>This is important, and you signed in a while ago: give your password once more.</p>
      <Field
        label="Password"
        name="password"
        type="password"
        autoComplete="current-password"
        required
        data-autofocus
        value={password}
        onValue={setPassword}
        error={error}
      />
      <Alert error={error} />
      <Button type="submit" busy={busy} progress="Checking…">
        Go on
      </Button>
    </form>
  );
}
