import { type FormEvent, useState } from 'react';

import { api } from '../../api';
import { dropToken } from '../token';
import { Alert, Button, Field, Title, useAction } from '../../parts/ui';
import { NewPassword } from '../../parts/NewPassword';
import { Dead } from './parts';

/** With a link: a new password. Without one: the form that asks for the link. */
export function Reset({ token }: { token: string | null }) {
  const [step, setStep] = useState<'form' | 'done' | 'locked' | 'dead'>('form');
  if (token === null) return <Request />;
  if (step === 'dead') return <Dead />;
  if (step === 'locked') {
    return (
      <>
        <Title>Your password is set</Title>
        <p>
          Your account stays locked all the same: every second factor that it has is part of a change that was reported as not
          yours. Ask an owner or manager of your organization to reset your two-factor authentication.
        </p>
      </>
    );
  }
  if (step === 'done') {
    return (
      <>
        <Title>Your password is set</Title>
        <p>All sessions of your account have ended. Sign in with the new password, and with your second factor if you have one.</p>
        <p>
          <a href="/sign-in">Sign in</a>
        </p>
      </>
    );
  }
  return <Set token={token} done={(locked) => setStep(locked ? 'locked' : 'done')} dead={() => setStep('dead')} />;
}

function Set({ token, done, dead }: { token: string; done: (locked: boolean) => void; dead: () => void }) {
  const [password, setPassword] = useState('');
  const { busy, error, run } = useAction();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void run(async () => {
      const { locked } = await api.resetPassword({ token, newPassword: password });
      dropToken('reset');
      done(locked);
    });
  };
  return (
    <>
      <Title>Set a new password</Title>
      <p>It ends all sessions of your account. Your second factor stays as it is.</p>
      <form onSubmit={submit}>
        <NewPassword name="newPassword" value={password} onValue={setPassword} error={error} />
        <Alert error={error} />
        <div className="actions">
          <Button type="submit" busy={busy} progress="Setting it…">
            Set password
          </Button>
          {error?.code === 'INVALID_LINK' && (
            <Button
              secondary
              onClick={() => {
                dropToken('reset');
                dead();
              }}
            >
              Ask for a new link
            </Button>
          )}
        </div>
      </form>
    </>
  );
}

/** Asks for the link. The page says the same whoever the address belongs to, as the server does. */
export function Request() {
  const [email, setEmail] = useState('');
  const [sent, setSent] = useState(false);
  const { busy, error, run } = useAction();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void run(async () => {
      await api.requestPasswordReset(email);
      setSent(true);
    });
  };
  if (sent) {
    return (
      <>
        <Title>Look into your mailbox</Title>
        <p>If {email} has an account, a mail with the next step is on its way. It can take a few minutes; look into your spam folder too.</p>
        <p>You can close this page.</p>
      </>
    );
  }
  return (
    <>
      <Title>Forgotten your password?</Title>
      <p>Type the address of your account: we mail you a link to set a new password.</p>
      <form onSubmit={submit}>
        <Field label="Email" name="email" type="email" autoComplete="username" inputMode="email" maxLength={254} required value={email} onValue={setEmail} error={error} />
        <Alert error={error} />
        <Button type="submit" busy={busy} progress="Sending…">
          Mail me a link
        </Button>
      </form>
    </>
  );
}
