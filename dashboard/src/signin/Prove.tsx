import { type FormEvent, useEffect, useState } from 'react';

import { api } from '../api';
import { ask, change } from '../api/client';
import type { DocumentType } from '../api/types';
import { hasKeys, noKeys, useKey } from '../api/webauthn';
import { FactorsDocument, SendSecondFactorCodeDocument, StartSecurityKeyVerificationDocument } from '../gql';
import { Alert, Button, CodeField, Field, useAction } from '../parts/ui';

type Factors = NonNullable<NonNullable<DocumentType<typeof FactorsDocument>['viewer']>['authenticators']>;

/** Makes the session fresh: by a code, a security key or a text message, or by the password where the account has no factor. */
export function Prove({ proved }: { proved: () => void }) {
  const [factors, setFactors] = useState<Factors | null>(null);
  const [value, setValue] = useState('');
  const [sentTo, setSentTo] = useState<string | null>(null);
  const loading = useAction();
  const proving = useAction();
  const sending = useAction();
  const { run } = loading;
  useEffect(() => {
    void run(async () => setFactors((await ask(FactorsDocument, {})).viewer?.authenticators ?? []));
  }, [run]);

  if (factors === null) return loading.error === null ? <p role="status">One moment…</p> : <Alert error={loading.error} />;
  const has = (kind: Factors[number]['kind']) => factors.some((factor) => factor.kind === kind);
  const prove = (event: FormEvent) => {
    event.preventDefault();
    void proving.run(async () => {
      await api.confirmIdentity(factors.length === 0 ? { password: value } : { code: value });
      proved();
    });
  };
  const touch = () =>
    void proving.run(async () => {
      const { options } = await change(StartSecurityKeyVerificationDocument, {});
      await api.confirmIdentity({ credential: await useKey(options) });
      proved();
    });
  const send = () => void sending.run(async () => setSentTo((await change(SendSecondFactorCodeDocument, {})).sentTo));

  if (factors.length === 0) {
    return (
      <form onSubmit={prove}>
        <p>This is important, and you signed in a while ago: give your password once more.</p>
        <Field label="Password" name="password" type="password" autoComplete="current-password" required data-autofocus value={value} onValue={setValue} error={proving.error} />
        <Alert error={proving.error} />
        <Button type="submit" busy={proving.busy} progress="Checking…">
          Go on
        </Button>
      </form>
    );
  }
  return (
    <>
      <p>This is important: prove your second factor once more. It then holds for ten minutes.</p>
      {has('SECURITY_KEY') && !hasKeys() && <p role="status">{noKeys}</p>}
      {has('SECURITY_KEY') && hasKeys() && (
        <p>
          <Button busy={proving.busy} progress="Waiting for your key…" onClick={touch}>
            Use security key or passkey
          </Button>
        </p>
      )}
      {has('PHONE') && (
        <p>
          <Button secondary busy={sending.busy} progress="Sending…" onClick={send}>
            {sentTo === null ? 'Text me a code' : 'Send another code'}
          </Button>{' '}
          {sentTo !== null && <span role="status">A code is on its way to {sentTo}.</span>}
        </p>
      )}
      {(has('TOTP') || has('PHONE')) && (
        <form onSubmit={prove}>
          <CodeField
            label={has('TOTP') ? 'Code that the app shows now' : 'Code from the text message'}
            data-autofocus
            value={value}
            onValue={setValue}
            error={proving.error}
          />
          <Alert error={proving.error ?? sending.error} />
          <Button type="submit" busy={proving.busy} progress="Checking…">
            Go on
          </Button>
        </form>
      )}
      {!has('TOTP') && !has('PHONE') && <Alert error={proving.error} />}
    </>
  );
}
