import { type FormEvent, useState } from 'react';

import { api, type Challenge } from '../api';
import { Alert, Button, CodeField, Field, Title, useAction } from '../parts/ui';
import { hasKeys, noKeys, useKey } from '../api/webauthn';

interface SignInProps {
  /** What the page says about which account it is for. */
  hint?: string;
  heading?: string;
  signedIn: () => Promise<void>;
  challenged: (challenge: Challenge) => void;
}

export function SignIn({ hint, heading, signedIn, challenged }: SignInProps) {
  const [email, setEmail] = useState('');
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

export function SignUp({ token, sentTo, signedUp }: { token: string; sentTo: string; signedUp: () => Promise<void> }) {
  const [name, setName] = useState('');
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  // Where the account stands and only using the link failed, a second try must not sign up again.
  const [exists, setExists] = useState(false);
  const { busy, error, run } = useAction();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void run(async () => {
      if (!exists) await api.signUp({ email, name, password, inviteToken: token });
      setExists(true);
      await signedUp();
    });
  };
  return (
    <form onSubmit={submit} aria-labelledby="sign-up">
      <h2 id="sign-up">Create your account</h2>
      <Field
        label="Your name"
        name="name"
        autoComplete="name"
        maxLength={100}
        required
        value={name}
        onValue={setName}
        error={error}
      />
      <Field
        label="Email"
        name="email"
        type="email"
        autoComplete="username"
        inputMode="email"
        maxLength={254}
        hint={`The address that this link was sent to: ${sentTo}`}
        required
        value={email}
        onValue={setEmail}
        error={error}
      />
      <Field
        label="Password"
        name="password"
        type="password"
        autoComplete="new-password"
        hint="At least 8 characters. A few words in a row make a good one."
        minLength={8}
        maxLength={128}
        required
        value={password}
        onValue={setPassword}
        error={error}
      />
      <Alert error={error} />
      <Button type="submit" busy={busy} progress="Creating your account…">
        Create account
      </Button>
    </form>
  );
}

interface ChallengedProps {
  challenge: Challenge;
  proved: () => Promise<void>;
  restart: () => Promise<void>;
}

/** The second step of signing in, for an account that has a second factor. */
export function Challenged({ challenge, proved, restart }: ChallengedProps) {
  const app = challenge.methods.includes('TOTP');
  const phone = challenge.methods.includes('PHONE');
  const key = challenge.methods.includes('SECURITY_KEY');
  const codes = app || phone;
  const [recovering, setRecovering] = useState(!codes && !(key && hasKeys()));
  const [code, setCode] = useState('');
  const [sentTo, setSentTo] = useState<string | null>(null);
  const [signedIn, setSignedIn] = useState(false);
  const checking = useAction();
  const sending = useAction();
  const touching = useAction();
  const error = checking.error ?? sending.error;

  const submit = (event: FormEvent) => {
    event.preventDefault();
    void checking.run(async () => {
      if (!signedIn) await api.verifySecondFactor({ challengeToken: challenge.token, code: code.trim() });
      setSignedIn(true);
      await proved();
    });
  };
  const touch = () =>
    void touching.run(async () => {
      if (!signedIn) {
        const { options } = await api.startSecurityKeyVerification(challenge.token);
        await api.verifySecondFactor({ challengeToken: challenge.token, credential: await useKey(options) });
      }
      setSignedIn(true);
      await proved();
    });
  const send = () =>
    void sending.run(async () => setSentTo((await api.sendSecondFactorCode(challenge.token)).sentTo));

  return (
    <>
      <Title>Confirm that it is you</Title>
      {key && !hasKeys() && <p role="status">{noKeys}</p>}
      {!recovering && key && hasKeys() && (
        <>
          <p>Have your security key or passkey ready: the browser tells you what to do with it.</p>
          <Alert error={touching.error} />
          <div className="actions">
            <Button busy={touching.busy} progress="Waiting for your key…" onClick={touch}>
              Use security key or passkey
            </Button>
            {!codes && (
              <Button secondary onClick={() => void restart()}>
                Start again
              </Button>
            )}
          </div>
          {codes && <h2>Or type a code</h2>}
        </>
      )}
      {!recovering && app && <p>Type the six digits that your authenticator app shows now.</p>}
      {!recovering && phone && (
        <>
          {sentTo === null ? (
            <p>{app ? 'Or get a code by text message.' : 'Get a code by text message and type it here.'}</p>
          ) : (
            <p role="status">A code is on its way to {sentTo}.</p>
          )}
          <p>
            <Button secondary busy={sending.busy} progress="Sending…" onClick={send}>
              {sentTo === null ? 'Text me a code' : 'Send another code'}
            </Button>
          </p>
        </>
      )}
      {recovering && <p>Type one of the ten recovery codes that you saved. It is used up by this.</p>}
      {(recovering || codes) && <form onSubmit={submit}>
        {recovering ? (
          <Field
            label="Recovery code"
            name="code"
            autoComplete="off"
            required
            value={code}
            onValue={setCode}
            error={error}
          />
        ) : (
          <CodeField label="Code" value={code} onValue={setCode} error={error} />
        )}
        <Alert error={error} />
        <div className="actions">
          <Button type="submit" busy={checking.busy} progress="Checking…">
            Go on
          </Button>
          <Button secondary onClick={() => void restart()}>
            Start again
          </Button>
        </div>
      </form>}
      {(codes || (key && hasKeys())) && challenge.methods.includes('RECOVERY_CODE') && (
        <p className="aside">
          <button
            type="button"
            className="link"
            onClick={() => {
              setCode('');
              setRecovering(!recovering);
            }}
          >
            {recovering ? (codes ? 'Use a six-digit code instead' : 'Use your security key instead') : 'Use a recovery code instead'}
          </button>
        </p>
      )}
    </>
  );
}
