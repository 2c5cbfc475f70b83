import { Anchor } from '@mantine/core';
import { type FormEvent, useState } from 'react';

import { change } from '../api/client';
import { ChangePasswordDocument } from '../gql';
import { NewPassword } from '../parts/NewPassword';
import { useFresh } from '../parts/StepUp';
import { told } from '../parts/told';
import { Alert, Button, Field, useAction } from '../parts/ui';
import { dayName } from '../words';
import type { PartProps } from './Security';

/** When the password was set, and the form for another one. */
export function Password({ account, changed }: PartProps) {
  const [open, setOpen] = useState(false);
  if (account.passwordChangedAt === null) return <p>Your account has no password: your organization’s provider signs you in.</p>;
  if (open) {
    return (
      <Change
        done={() => {
          setOpen(false);
          changed();
        }}
        cancel={() => setOpen(false)}
      />
    );
  }
  return (
    <>
      <p>Set on {dayName(account.passwordChangedAt)}.</p>
      <Button secondary onClick={() => setOpen(true)}>
        Change password
      </Button>
    </>
  );
}

function Change({ done, cancel }: { done: () => void; cancel: () => void }) {
  const [current, setCurrent] = useState('');
  const [next, setNext] = useState('');
  const fresh = useFresh();
  const { busy, error, run } = useAction();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void run(async () => {
      await fresh('change your password', () => change(ChangePasswordDocument, { currentPassword: current, newPassword: next }));
      told('Your password is changed. All other sessions and your API tokens have ended.');
      done();
    });
  };
  return (
    <form onSubmit={submit} aria-label="Change password">
      <p>You stay signed in here. All other sessions and your personal API tokens end.</p>
      <Field
        label="Present password"
        name="currentPassword"
        type="password"
        autoComplete="current-password"
        required
        autoFocus
        value={current}
        onValue={setCurrent}
        error={error}
      />
      <NewPassword name="newPassword" value={next} onValue={setNext} error={error} />
      <Alert error={error}>
        {error?.code === 'INVALID_CREDENTIALS' && (
          <p>
            <Anchor href="/reset">Forgotten it? Set a new one by mail</Anchor>
          </p>
        )}
      </Alert>
      <div className="actions">
        <Button type="submit" busy={busy} progress="Changing it…">
          Change password
        </Button>
        <Button secondary onClick={cancel}>
          Cancel
        </Button>
      </div>
    </form>
  );
}
