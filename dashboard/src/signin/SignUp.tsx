import { type FormEvent, type ReactNode, useState } from 'react';

import { api } from '../api';
import { NewPassword } from '../parts/NewPassword';
import { Alert, Button, Field, useAction } from '../parts/ui';

interface SignUpProps {
  /** The mailed link that it answers: it verifies the address. */
  link?: { inviteToken: string } | { addressToken: string };
  heading?: string;
  hint?: string;
  /** Goes on, signed in. */
  signedUp: () => Promise<void>;
  /** What to offer where the address has an account. */
  taken?: (email: string) => ReactNode;
}

/** A new account. */
export function SignUp({ link, heading, hint, signedUp, taken }: SignUpProps) {
  const [name, setName] = useState('');
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  // Where the account stands and only going on failed, a second try must not sign up again.
  const [exists, setExists] = useState(false);
  const { busy, error, run } = useAction();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void run(async () => {
      if (!exists) await api.signUp({ email, name, password, ...link });
      setExists(true);
      await signedUp();
    });
  };
  return (
    <form onSubmit={submit} aria-label={heading ?? 'Sign up'}>
      {heading !== undefined && <h2>{heading}</h2>}
      <Field label="Your name" name="name" autoComplete="name" maxLength={100} required value={name} onValue={setName} error={error} />
      <Field
        label="Email"
        name="email"
        type="email"
        autoComplete="username"
        inputMode="email"
        maxLength={254}
        {...(hint === undefined ? {} : { hint })}
        required
        value={email}
        onValue={setEmail}
        error={error}
      />
      <NewPassword label="Password" name="password" value={password} onValue={setPassword} error={error} />
      <Alert error={error}>{error?.code === 'EMAIL_TAKEN' && taken?.(email)}</Alert>
      <Button type="submit" busy={busy} progress="Creating your account…">
        Create account
      </Button>
    </form>
  );
}
