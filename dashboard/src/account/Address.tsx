import { Badge } from '@mantine/core';
import { type FormEvent, useState } from 'react';

import { change } from '../api/client';
import { ChangeEmailDocument, RequestEmailVerificationDocument } from '../gql';
import { useFresh } from '../parts/StepUp';
import { Alert, Button, Field, useAction } from '../parts/ui';
import type { PartProps } from './Security';

/** The account's address: whether it is confirmed, whether it is about to change, and the form for another one. */
export function Address({ account, changed }: PartProps) {
  const [open, setOpen] = useState(false);
  const [sent, setSent] = useState(false);
  const sending = useAction();
  const send = () =>
    void sending.run(async () => {
      await change(RequestEmailVerificationDocument, {});
      setSent(true);
    });
  const unconfirmed = account.email !== null && account.emailVerified !== true;
  return (
    <>
      <p>
        {account.email === null ? (
          'Your account has no address.'
        ) : (
          <>
            <strong>{account.email}</strong>{' '}
            <Badge variant="light" color={unconfirmed ? 'orange' : 'green'}>
              {unconfirmed ? 'Not confirmed' : 'Confirmed'}
            </Badge>
          </>
        )}
      </p>
      {unconfirmed && (
        <p>
          Open the link in the mail that we sent you: until then Muster cannot help you by mail, for example when you forget
          your password.
        </p>
      )}
      {account.pendingEmail !== null && (
        <p role="status">
          It changes to <strong>{account.pendingEmail}</strong> as soon as you open the link that was mailed there.
        </p>
      )}
      <div role="status">{sent && <p>The mail is on its way to {account.email}. Look into your spam folder too.</p>}</div>
      <Alert error={sending.error} />
      {open ? (
        <Change
          done={() => {
            setOpen(false);
            changed();
          }}
          cancel={() => setOpen(false)}
        />
      ) : (
        <div className="actions">
          {unconfirmed && !sent && (
            <Button busy={sending.busy} progress="Sending…" onClick={send}>
              Mail the link again
            </Button>
          )}
          <Button secondary onClick={() => setOpen(true)}>
            Change address
          </Button>
        </div>
      )}
    </>
  );
}

function Change({ done, cancel }: { done: () => void; cancel: () => void }) {
  const [email, setEmail] = useState('');
  const fresh = useFresh();
  const { busy, error, run } = useAction();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void run(async () => {
      await fresh('change your address', () => change(ChangeEmailDocument, { newEmail: email }));
      done();
    });
  };
  return (
    <form onSubmit={submit} aria-label="Change address">
      <Field
        label="New address"
        name="newEmail"
        type="email"
        autoComplete="email"
        inputMode="email"
        maxLength={254}
        hint="We mail a link there, and tell your present address."
        required
        autoFocus
        value={email}
        onValue={setEmail}
        error={error}
      />
      <Alert error={error} />
      <div className="actions">
        <Button type="submit" busy={busy} progress="Mailing the link…">
          Mail me a link
        </Button>
        <Button secondary onClick={cancel}>
          Cancel
        </Button>
      </div>
    </form>
  );
}
