import { Button as MantineButton, Group } from '@mantine/core';
import { useBlocker } from '@tanstack/react-router';
import { type FormEvent, useEffect, useState } from 'react';

import { session } from '../api/session';
import { Dialog } from '../parts/Dialog';
import { Button, CopyButton, Title } from '../parts/ui';

interface CodesProps {
  codes: string[];
  /** What the account is called in the file that is downloaded. */
  account: string;
  /** Why they are shown. */
  why: string;
  next: () => void;
}

const always = () => true;

/** The ten recovery codes, which the server shows this once. Nobody leaves by accident before they are saved. */
export function Codes({ codes, account, why, next }: CodesProps) {
  const [saved, setSaved] = useState(false);
  const [asked, setAsked] = useState(false);

  const leaving = useBlocker({ shouldBlockFn: always, enableBeforeUnload: true, withResolver: true, disabled: saved });
  // Not even the end of the session takes them away.
  const [signedOut, setSignedOut] = useState(false);
  useEffect(() => session.hold(() => setSignedOut(true)), []);

  const file = [
    'Muster recovery codes',
    `${account}, made ${new Date().toISOString().slice(0, 10)}`,
    'Each code works once, in place of the code of your authenticator.',
    '',
    ...codes,
    '',
  ].join('\r\n');

  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (saved) next();
    else setAsked(true);
  };
  return (
    <>
      <Title>Save your recovery codes</Title>
      <div role="status">
        {signedOut && (
          <p className="notice">
            You are not signed in here any more. These codes work all the same: save them first, then go on and sign in.
          </p>
        )}
      </div>
      <p>
        {why} If you lose your authenticator, each of these ten codes gets you in once. They are
        shown this one time only: keep them where you keep your passwords, or print them, and not on the same device alone.
      </p>
      <ol className="codes">
        {codes.map((code) => (
          <li key={code}>
            <code>{code}</code>
          </li>
        ))}
      </ol>
      <div className="actions">
        <CopyButton text={codes.join('\n')}>Copy</CopyButton>
        <MantineButton
          component="a"
          variant="default"
          href={`data:text/plain;charset=utf-8,${encodeURIComponent(file)}`}
          download="muster-recovery-codes.txt"
        >
          Download
        </MantineButton>
        <Button secondary onClick={() => window.print()}>
          Print
        </Button>
      </div>
      <form onSubmit={submit} noValidate>
        <label className="check">
          <input type="checkbox" checked={saved} onChange={(event) => setSaved(event.target.checked)} />I saved them
        </label>
        <div role="alert" className={asked && !saved ? 'alert' : 'alert-place'}>
          {asked && !saved && <p>Save the codes first, then tick the box: they cannot be shown again.</p>}
        </div>
        <Button type="submit">Go on</Button>
      </form>
      <Dialog title="Leave without your recovery codes?" opened={leaving.status === 'blocked'} onClose={() => leaving.reset?.()}>
        <p>You have not ticked that you saved them, and they cannot be shown again. Without them, losing your authenticator locks you out.</p>
        <Group mt="md">
          <Button data-autofocus onClick={() => leaving.reset?.()}>
            Stay and save them
          </Button>
          <Button secondary onClick={() => leaving.proceed?.()}>
            Leave without them
          </Button>
        </Group>
      </Dialog>
    </>
  );
}
