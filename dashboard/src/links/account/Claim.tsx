import { type FormEvent, useState } from 'react';

import { api } from '../../api';
import { dropToken } from '../token';
import { Alert, Button, Field, Title, useAction } from '../../parts/ui';
import { Dead, NewPassword } from './parts';

/** Signs up with an address that another account claims and never confirmed: the mailed link moves it here. */
export function Claim({ token }: { token: string | null }) {
  const [name, setName] = useState('');
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  const [done, setDone] = useState(false);
  const { busy, error, run } = useAction();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void run(async () => {
      await api.signUp({ email, name, password, addressToken: token ?? '' });
      dropToken('claim');
      setDone(true);
    });
  };
  if (token === null) return <Dead />;
  if (done) {
    return (
      <>
        <Title>The address is yours</Title>
        <p>Your new account has it, and you are signed in.</p>
        <p>
          <a href="/">Go to Muster's start page</a>
        </p>
      </>
    );
  }
  return (
    <>
      <Title>Sign up with your address</Title>
      <p>An account names your address and never confirmed it. The address moves to the account that you make here; the other one goes on without it.</p>
      <form onSubmit={submit}>
        <Field label="Your name" name="name" autoComplete="name" maxLength={100} required value={name} onValue={setName} error={error} />
        <Field label="Email" name="email" type="email" autoComplete="username" inputMode="email" maxLength={254} hint="The address that the link was sent to." required value={email} onValue={setEmail} error={error} />
        <NewPassword name="password" value={password} onValue={setPassword} error={error} />
        <Alert error={error} />
        <Button type="submit" busy={busy} progress="Creating your account…">
          Create account
        </Button>
      </form>
    </>
  );
}
