import { type FormEvent, useCallback, useEffect, useState } from 'react';

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

interface ProveProps {
  /** What it is for, where that is not plain: a verb, as it goes on after "To". */
  purpose?: string;
  proved: () => void;
}

/** Makes the session fresh: by a code, a security key or a text message, or by the password where the account has no factor. */
export function Prove({ purpose, proved }: ProveProps) {
  const [methods, setMethods] = useState<Method[] | null>(null);
  const { busy, error, run } = useAction();
  const look = useCallback(() => void run(async () => setMethods(lastUsedFirst((await ask(FactorsDocument, {})).viewer?.authenticators ?? []))), [run]);
  useEffect(look, [look]);

  if (methods === null) {
    return error === null ? (
      <p role="status">One moment…</p>
    ) : (
      <Alert error={error}>
        <Button secondary busy={busy} progress="Trying…" onClick={look}>
          Try again
        </Button>
      </Alert>
    );
  }
  if (methods.length === 0) return <ByPassword purpose={purpose} proved={proved} />;
  return (
    <>
      <For purpose={purpose}>prove your second factor once more.</For>
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

/** Says what for, and what to do. */
function For({ purpose, children }: { purpose: string | undefined; children: string }) {
  if (purpose === undefined) return <p>This is important: {children}</p>;
  return (
    <p>
      To <strong>{purpose}</strong>, {children}
    </p>
  );
}

function ByPassword({ purpose, proved }: { purpose: string | undefined; proved: () => void }) {
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
      <For purpose={purpose}>give your password once more: you signed in a while ago.</For>
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
