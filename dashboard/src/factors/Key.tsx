import { api } from '../api';
import { Button, Title, useAction } from '../parts/ui';
import { type SetUpProps, Trouble } from './Factor';
import { createKey, hasKeys, noKeys } from '../api/webauthn';

/** The set-up of a security key or passkey: the browser asks for it, and the person touches it. */
export function KeySetUp({ confirmed, back, restart }: SetUpProps) {
  const { busy, error, run } = useAction();
  const setUp = () =>
    void run(async () => {
      const { options } = await api.startSecurityKeyEnrollment('Security key');
      confirmed(await api.confirmSecurityKeyEnrollment(await createKey(options)));
    });
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
      <Trouble error={error} restart={restart} again={setUp} />
      <div className="actions">
        {hasKeys() && (
          <Button busy={busy} progress="Waiting for your key…" onClick={setUp}>
            Set up the key
          </Button>
        )}
        <Button secondary onClick={back}>
          Back
        </Button>
      </div>
    </>
  );
}
