import { type FormEvent, useState } from 'react';

import { api, type Challenge } from '../api';
import { Alert, Button, Field, useAction } from '../parts/ui';

interface SignInProps {
  /** What the page says about which account it is for. */
  hint?: string;
  heading?: string;
  /** An address that is known already. */
  email?: string;
  signedIn: () => Promise<void>;
  challenged: (challenge: Challenge) => void;
}

/** The first step of signing in: address and password. */
export function SignIn({ hint, heading, email: known = '', signedIn, challenged }: SignInProps) {
  const [email, setEmail] = useState(known);
  const [password, setPassword] = useState('');
  const { busy, error, run } = useAction();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void run(async () => {
      const { challenge } = await api.signIn({ email, password });
      if (challenge !== null) challenged(challenge);
      else await signedIn();
    });
  };
  return (
    <form onSubmit={submit} aria-label={heading ?? 'Sign in'}>
      {heading !== undefined && <h2>{heading}</h2>}
      <Field
        label="Email"
        name="email"
        type="email"
        autoComplete="username"
        inputMode="email"
        {...(hint === undefined ? {} : { hint })}
        required
        value={email}
        onValue={setEmail}
        error={error}
      />
      <Field
        label="Password"
        name="password"
        type="password"
        autoComplete="current-password"
        required
        value={password}
        onValue={setPassword}
        error={error}
      />
      <Alert error={error} />
      <Button type="submit" busy={busy} progress="Signing in…">
        Sign in
      </Button>
    </form>
  );
}
