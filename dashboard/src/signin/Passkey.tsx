import { useEffect, useState } from 'react';

import { api, ApiError } from '../api';
import { hasKeys, useKey } from '../api/webauthn';
import { Alert, Button, useAction } from '../parts/ui';

/** Whether this browser and this server can both sign somebody in by a passkey. */
export function usePasskeys(): boolean {
  const [offered, setOffered] = useState(false);
  useEffect(() => {
    if (!hasKeys()) return;
    api.authenticatorKinds().then(
      (kinds) => setOffered(kinds.includes('SECURITY_KEY')),
      (reason: unknown) => {
        // The password is there all the same, and says what is wrong with the server.
        if (!(reason instanceof ApiError)) throw reason;
      },
    );
  }, []);
  return offered;
}

/** Signs in with a passkey alone: it is password and second factor in one. */
export function Passkey({ first, signedIn }: { first: boolean; signedIn: () => Promise<void> }) {
  const { busy, error, run } = useAction();
  const enter = () =>
    void run(async () => {
      const { challengeToken, options } = await api.startPasskeySignIn();
      await api.signInWithPasskey(challengeToken, await useKey(options));
      await signedIn();
    });
  return (
    <>
      <Alert error={error} />
      <Button secondary={!first} fullWidth busy={busy} progress="Waiting for your passkey…" onClick={enter}>
        Sign in with a passkey
      </Button>
    </>
  );
}
