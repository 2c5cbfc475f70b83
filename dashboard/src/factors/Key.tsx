import { type FormEvent, useState } from 'react';

import { api } from '../api';
import { createKey, hasKeys, noKeys } from '../api/webauthn';
import { useFresh } from '../parts/StepUp';
import { Button, Title, useAction } from '../parts/ui';
import { given, NameField, type SetUpProps, Trouble, useConfirming } from './Factor';

const purpose = 'set up a security key or passkey';

/** The set-up of a security key or passkey: the browser asks for it, and the person touches it. */
export function KeySetUp({ back, restart, named = false, ...answers }: SetUpProps) {
  const fresh = useFresh();
  const confirm = useConfirming(purpose, answers);
  const [name, setName] = useState('');
  const { busy, error, run } = useAction();
  const setUp = (event: FormEvent) => {
    event.preventDefault();
    void run(async () => {
      const { options } = await fresh(purpose, () => api.startSecurityKeyEnrollment(given(name)));
      const credential = await createKey(options);
      await confirm(() => api.confirmSecurityKeyEnrollment(credential));
    });
  };
  return (
    <>
      <Title>Set up your security key or passkey</Title>
      {hasKeys() ? (
        <p>
          Plug your security key in or have it at hand, or use this device. The browser asks you to touch it, or for your
          fingerprint, face or PIN.
        </p>
      ) : (
        <p role="status">{noKeys}</p>
      )}
      <form onSubmit={setUp}>
        {named && hasKeys() && <NameField example="Blue key, or This laptop" value={name} onValue={setName} error={error} />}
        <Trouble error={error} restart={restart} />
        <div className="actions">
          {hasKeys() && (
            <Button type="submit" busy={busy} progress="Waiting for your key…">
              Set up the key
            </Button>
          )}
          <Button secondary onClick={back}>
            Back
          </Button>
        </div>
      </form>
    </>
  );
}
