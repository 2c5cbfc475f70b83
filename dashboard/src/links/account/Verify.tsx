import { useCallback, useEffect, useState } from 'react';

import { api, type Challenge, type Changing } from '../../api';
import { Challenged } from '../../signin/Challenged';
import { SignIn } from '../../signin/SignIn';
import { dropToken } from '../token';
import { useFresh } from '../../parts/StepUp';
import { Alert, Button, Title, useAction } from '../../parts/ui';
import { Dead } from './parts';

/** Confirms an address in a session of its account: opening the link does nothing, mail scanners open links. */
export function Verify({ token }: { token: string | null }) {
  const [viewer, setViewer] = useState<Changing | null | undefined>(undefined);
  const [challenge, setChallenge] = useState<Challenge | null>(null);
  const [email, setEmail] = useState<string | null>(null);
  const loading = useAction();
  const confirming = useAction();
  const fresh = useFresh();
  const { run } = loading;
  const load = useCallback(async () => {
    setChallenge(null);
    await run(async () => setViewer(await api.changing()));
  }, [run]);
  useEffect(() => void load(), [load]);

  const confirm = () =>
    confirming.run(async () => {
      setEmail((await fresh('confirm the address', () => api.verifyEmail(token ?? ''))).user.email ?? '');
      dropToken('verify');
    });
  const leave = () =>
    confirming.run(async () => {
      await api.signOut();
      setViewer(null);
    });

  if (token === null) return <Dead />;
  if (email !== null) {
    return (
      <>
        <Title>Your address is confirmed</Title>
        <p>
          <strong>{email}</strong> is your account's address.
        </p>
        <p>
          <a href="/">Go on to Muster</a>
        </p>
      </>
    );
  }
  if (challenge !== null) return <Challenged challenge={challenge} proved={load} restart={load} />;
  return (
    <>
      <Title>Confirm your address</Title>
      {viewer === undefined && loading.error === null && <p role="status">One moment…</p>}
      <Alert error={loading.error} />
      {viewer === null && (
        <>
          <p>The link works in a session of the account that asked for it, and there alone: sign in first.</p>
          <SignIn hint="The account's present address." signedIn={load} challenged={setChallenge} />
        </>
      )}
      {viewer !== null && viewer !== undefined && (
        <>
          <p>
            You are signed in as <strong>{viewer.email ?? viewer.name}</strong>.
          </p>
          {viewer.pendingEmail !== null && (
            <p role="status">
              A change of this account's address{viewer.email !== null && <> from {viewer.email}</>} to <strong>{viewer.pendingEmail}</strong> waits.
              If this link was mailed there, confirming makes it the address that you sign in with, and that a new password is mailed
              to. If you have not asked for it, do not confirm: change your password, which calls it off.
            </p>
          )}
          <Alert error={confirming.error} />
          <div className="actions">
            <Button busy={confirming.busy} progress="Confirming…" onClick={() => void confirm()}>
              Confirm
            </Button>
            <Button secondary onClick={() => void leave()}>
              Use another account
            </Button>
          </div>
        </>
      )}
    </>
  );
}
