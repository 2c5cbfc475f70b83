import { type FormEvent, useEffect, useState } from 'react';

import { api, ApiError, type AuthenticatorKind, type Confirmed } from '../api';
import { Alert, Button, CodeField, CopyButton, Field, Title, useAction } from '../parts/ui';
import { KeySetUp } from './Key';

export type Kind = 'app' | 'key' | 'phone';

// What a form cannot mend by trying again: the session ended, or no longer stands for the mailbox.
const lost = ['UNAUTHENTICATED', 'MAILBOX_PROOF_REQUIRED'];

interface FactorProps {
  organization: string;
  confirmed: (kind: Kind, answer: Confirmed) => void;
  restart: () => Promise<void>;
}

/** The choice of a first authenticator, and its set-up. */
export function Factor({ organization, confirmed, restart }: FactorProps) {
  const [kind, setKind] = useState<Kind | null>(null);
  const [offered, setOffered] = useState<AuthenticatorKind[]>([]);
  const back = () => setKind(null);

  // Where the answer does not come, an app is there all the same: every server has those.
  useEffect(() => {
    api.authenticatorKinds().then(setOffered, (reason: unknown) => {
      if (!(reason instanceof ApiError)) throw reason;
      setOffered(['TOTP']);
    });
  }, []);

  if (kind === 'app') return <AppSetUp confirmed={(answer) => confirmed('app', answer)} back={back} restart={restart} />;
  if (kind === 'key') return <KeySetUp confirmed={(answer) => confirmed('key', answer)} back={back} restart={restart} />;
  if (kind === 'phone') {
    return (
      <>
        <Title>Set up your phone</Title>
        <PhoneSetUp confirmed={(answer) => confirmed('phone', answer)} restart={restart} back={back} backLabel="Back" />
      </>
    );
  }
  return (
    <>
      <Title>Setup Two-Factor Authentication</Title>
      <p>
        From now on you sign in with your password and something that only you have. What shall it be? {organization}{' '}
        accepts each of these.
      </p>
      <div className="choices">
        <button type="button" className="choice" onClick={() => setKind('app')}>
          <span className="choice-name">
            Authenticator app <span className="tag">Recommended</span>
          </span>
          <span>An app on your phone or computer shows a new code every 30 seconds. It works without a network.</span>
        </button>
        {offered.includes('SECURITY_KEY') && (
          <button type="button" className="choice" onClick={() => setKind('key')}>
            <span className="choice-name">Security key or passkey</span>
            <span>
              A key that you plug in or tap, or this device with your fingerprint, face or PIN. It works on the real page only,
              so nobody can phish it.
            </span>
          </button>
        )}
        {offered.includes('PHONE') && (
          <button type="button" className="choice" onClick={() => setKind('phone')}>
            <span className="choice-name">Phone</span>
            <span>You get codes by text message. Easier to intercept, so your account is marked as less secure.</span>
          </button>
        )}
      </div>
    </>
  );
}

export interface SetUpProps {
  confirmed: (answer: Confirmed) => void;
  back: () => void;
  restart?: () => Promise<void>;
}

interface TroubleProps {
  error: ApiError | null;
  restart: (() => Promise<void>) | undefined;
  again: () => void;
}

/** What went wrong in a set-up, with the way out of it where there is one. */
export function Trouble({ error, restart, again }: TroubleProps) {
  if (error?.code === 'STEP_UP_REQUIRED') return <Confirm again={again} />;
  return (
    <Alert error={error}>
      {error !== null && restart !== undefined && lost.includes(error.code) && (
        <Button secondary onClick={() => void restart()}>
          Start again
        </Button>
      )}
    </Alert>
  );
}

/** The password once more: it was given too long ago in this session for a change of how the account is protected. */
function Confirm({ again }: { again: () => void }) {
  const [password, setPassword] = useState('');
  const { busy, error, run } = useAction();
  const confirm = () =>
    run(async () => {
      await api.confirmIdentity({ password });
      again();
    });
  return (
    <section aria-label="Confirm that it is you">
      <p role="status">You signed in a while ago. Give your password once more to go on.</p>
      <Field
        label="Password"
        name="password"
        type="password"
        autoComplete="current-password"
        value={password}
        onValue={setPassword}
        error={error}
      />
      <Alert error={error} />
      <Button busy={busy} progress="Checking…" onClick={() => void confirm()}>
        Go on
      </Button>
    </section>
  );
}

/** The set-up of an authenticator app: its secret, then its first code. */
export function AppSetUp({ confirmed, back, restart }: SetUpProps) {
  const [enrolled, setEnrolled] = useState<{ secret: string; uri: string; qrCode: string } | null>(null);
  const [code, setCode] = useState('');
  const enrolling = useAction();
  const confirming = useAction();

  const enroll = () => void enrolling.run(async () => setEnrolled(await api.enrollTOTP()));
  const confirm = () => void confirming.run(async () => confirmed(await api.confirmTOTP(code)));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    confirm();
  };

  if (enrolled === null) {
    return (
      <>
        <Title>Set up your authenticator app</Title>
        <p>
          You need an authenticator app, for example the one that your phone or password manager brings along, Aegis, 2FAS,
          Google Authenticator or Microsoft Authenticator. Any of them will do.
        </p>
        <Trouble error={enrolling.error} restart={restart} again={enroll} />
        <div className="actions">
          <Button
            busy={enrolling.busy}
            progress="One moment…"
            onClick={enroll}
          >
            I have an app: show the QR code
          </Button>
          <Button secondary onClick={back}>
            Back
          </Button>
        </div>
      </>
    );
  }
  return (
    <>
      <Title>Scan the QR code</Title>
      <p>Add an account in your authenticator app and point its camera here.</p>
      <img className="qr" src={enrolled.qrCode} alt="QR code with the secret for your authenticator app" />
      <p className="same-device">
        The app is on this device? <a href={enrolled.uri}>Open it with the secret</a>
      </p>
      <details>
        <summary>You cannot scan it?</summary>
        <p>Type this secret into the app. It is time-based, with six digits.</p>
        <div className="secret">
          <code>{enrolled.secret.replace(/(.{4})(?=.)/g, '$1 ')}</code>
        </div>
        <CopyButton text={enrolled.secret}>Copy the secret</CopyButton>
      </details>
      <form onSubmit={submit}>
        <CodeField
          label="Code that the app shows now"
          value={code}
          onValue={setCode}
          error={confirming.error}
        />
        <Trouble error={confirming.error} restart={restart} again={confirm} />
        <div className="actions">
          <Button type="submit" busy={confirming.busy} progress="Checking…">
            Confirm
          </Button>
          <Button secondary onClick={back}>
            Back
          </Button>
        </div>
      </form>
    </>
  );
}

/** The set-up of a phone: its number, then the code that it got. */
export function PhoneSetUp({ confirmed, back, backLabel, restart }: SetUpProps & { backLabel: string }) {
  const [number, setNumber] = useState('');
  const [sentTo, setSentTo] = useState<string | null>(null);
  const [code, setCode] = useState('');
  const sending = useAction();
  const confirming = useAction();

  const confirm = () => void confirming.run(async () => confirmed(await api.confirmPhone(code)));
  const send = () => sending.run(async () => setSentTo((await api.enrollPhone(number.trim())).sentTo));

  if (sentTo === null) {
    return (
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <Field
          label="Phone number"
          name="number"
          type="tel"
          autoComplete="tel"
          inputMode="tel"
          hint="In international form, for example +43 660 1234567."
          required
          value={number}
          onValue={setNumber}
          error={sending.error}
        />
        <Trouble error={sending.error} restart={restart} again={() => void send()} />
        <div className="actions">
          <Button type="submit" busy={sending.busy} progress="Sending a code…">
            Text me a code
          </Button>
          <Button secondary onClick={back}>
            {backLabel}
          </Button>
        </div>
      </form>
    );
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        confirm();
      }}
    >
      <p role="status">A code is on its way to {sentTo}. It works for ten minutes.</p>
      <CodeField label="Code from the text message" value={code} onValue={setCode} error={confirming.error} autoFocus />
      <Trouble error={confirming.error ?? sending.error} restart={restart} again={confirm} />
      <div className="actions">
        <Button type="submit" busy={confirming.busy} progress="Checking…">
          Confirm
        </Button>
        <Button secondary busy={sending.busy} progress="Sending…" onClick={() => void send()}>
          Send another code
        </Button>
        <Button secondary onClick={() => setSentTo(null)}>
          Another number
        </Button>
      </div>
    </form>
  );
}

/** The advice to have a second authenticator, which may be left for later. */
export function SecondFactor({ first, next }: { first: Kind; next: () => void }) {
  const [adding, setAdding] = useState(false);
  if (first === 'key') {
    if (adding) return <AppSetUp confirmed={next} back={() => setAdding(false)} />;
    return (
      <>
        <Title>Add an authenticator app</Title>
        <p>If you lose your key, or stand at a computer where it does not work, an app gets you in. We advise it to everybody.</p>
        <div className="actions">
          <Button onClick={() => setAdding(true)}>Add an authenticator app</Button>
          <Button secondary onClick={next}>
            Not now
          </Button>
        </div>
      </>
    );
  }
  if (first === 'phone') {
    if (adding) return <AppSetUp confirmed={next} back={() => setAdding(false)} />;
    return (
      <>
        <Title>Add an authenticator app</Title>
        <p>
          Text messages can be intercepted, so an account with a phone only is shown as less secure. An authenticator app
          makes it secure, and you have two ways in if you lose one.
        </p>
        <div className="actions">
          <Button onClick={() => setAdding(true)}>Add an authenticator app</Button>
          <Button secondary onClick={next}>
            Not now
          </Button>
        </div>
      </>
    );
  }
  return (
    <>
      <Title>Add a backup phone</Title>
      <p>
        If you lose the device with your authenticator app, a code by text message gets you in. We advise it to everybody.
      </p>
      <PhoneSetUp confirmed={next} back={next} backLabel="Not now" />
    </>
  );
}
