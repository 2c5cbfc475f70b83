import { type FormEvent, type ReactNode, useEffect, useState } from 'react';

import { api, ApiError, type AuthenticatorKind, type Confirmed } from '../api';
import { Alert, Button, CodeField, CopyButton, Field, Title, useAction } from '../parts/ui';
import { useFresh } from '../parts/StepUp';
import { KeySetUp } from './Key';

export type Kind = 'app' | 'key' | 'phone';

// What a form cannot mend by trying again: the session ended, no longer stands for the mailbox, or has no such set-up.
const lost = ['UNAUTHENTICATED', 'MAILBOX_PROOF_REQUIRED', 'CONFLICT'];

interface FactorProps {
  /** What it is for. */
  children: ReactNode;
  confirmed: (kind: Kind, answer: Confirmed) => void;
  /** Asks whether it was confirmed although the answer was lost, and goes on if so. */
  unanswered: (kind: Kind) => Promise<boolean>;
  restart: () => Promise<void>;
}

/** The kinds that this server has. Where the answer does not come, an app is there all the same: every server has those. */
export function useKinds(): AuthenticatorKind[] {
  const [offered, setOffered] = useState<AuthenticatorKind[]>([]);
  useEffect(() => {
    api.authenticatorKinds().then(setOffered, (reason: unknown) => {
      if (!(reason instanceof ApiError)) throw reason;
      setOffered(['TOTP']);
    });
  }, []);
  return offered;
}

/** The choice of a first authenticator, and its set-up. */
export function Factor({ children, confirmed, unanswered, restart }: FactorProps) {
  const [kind, setKind] = useState<Kind | null>(null);
  const offered = useKinds();
  const setUp = (of: Kind) => ({
    confirmed: (answer: Confirmed) => confirmed(of, answer),
    unanswered: () => unanswered(of),
    back: () => setKind(null),
    restart,
  });

  if (kind === 'app') return <AppSetUp {...setUp(kind)} />;
  if (kind === 'key') return <KeySetUp {...setUp(kind)} />;
  if (kind === 'phone') {
    return (
      <>
        <Title>Set up your phone</Title>
        <PhoneSetUp {...setUp(kind)} backLabel="Back" />
      </>
    );
  }
  return (
    <>
      <Title>Setup Two-Factor Authentication</Title>
      {children}
      <Choice offered={offered} choose={setKind} />
    </>
  );
}

/** The kinds of authenticators in words, of which one is chosen. */
export function Choice({ offered, choose }: { offered: AuthenticatorKind[]; choose: (kind: Kind) => void }) {
  return (
    <div className="choices">
      <button type="button" className="choice" onClick={() => choose('app')}>
        <span className="choice-name">
          Authenticator app <span className="tag">Recommended</span>
        </span>
        <span>An app on your phone or computer shows a new code every 30 seconds. It works without a network.</span>
      </button>
      {offered.includes('SECURITY_KEY') && (
        <button type="button" className="choice" onClick={() => choose('key')}>
          <span className="choice-name">Security key or passkey</span>
          <span>
            A key that you plug in or tap, or this device with your fingerprint, face or PIN. It works on the real page only,
            so nobody can phish it.
          </span>
        </button>
      )}
      {offered.includes('PHONE') && (
        <button type="button" className="choice" onClick={() => choose('phone')}>
          <span className="choice-name">Phone</span>
          <span>You get codes by text message. Easier to intercept, so your account is marked as less secure.</span>
        </button>
      )}
    </div>
  );
}

export interface SetUpProps {
  confirmed: (answer: Confirmed) => void;
  back: () => void;
  restart?: () => Promise<void>;
  /** Of a first factor: asks whether it was confirmed although the answer was lost, and goes on if so. */
  unanswered?: () => Promise<boolean>;
  /** Whether it is given a name of its own: for somebody who has more of the kind, or may have. */
  named?: boolean;
}

/** What a confirmation fails with where an earlier one, whose answer was lost, may have gone through: the session's new cookie was in it too. */
const doubtful = ['UNREACHABLE', 'UNAUTHENTICATED', 'CONFLICT'];

/** Confirms a factor, and where no answer tells, asks how it stands. */
export function useConfirming(purpose: string, { confirmed, unanswered }: Pick<SetUpProps, 'confirmed' | 'unanswered'>) {
  const fresh = useFresh();
  return async (confirm: () => Promise<Confirmed>) => {
    try {
      confirmed(await fresh(purpose, confirm));
    } catch (reason) {
      const doubt = unanswered !== undefined && reason instanceof ApiError && doubtful.includes(reason.code);
      if (!doubt || !(await unanswered())) throw reason;
    }
  };
}

interface TroubleProps {
  error: ApiError | null;
  restart: (() => Promise<void>) | undefined;
}

/** What went wrong in a set-up, with the way out of it where there is one. */
export function Trouble({ error, restart }: TroubleProps) {
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

interface NameFieldProps {
  example: string;
  value: string;
  onValue: (value: string) => void;
  error: ApiError | null;
}

/** What its owner calls an authenticator; left empty, it is called by its kind. */
export function NameField({ example, ...field }: NameFieldProps) {
  return <Field {...field} label="Name" name="name" hint={`So that you know it again, for example ${example}. You can leave it empty.`} maxLength={60} />;
}

/** A name that was given; nothing where none was. */
export const given = (name: string) => (name.trim() === '' ? undefined : name.trim());

/** The set-up of an authenticator app, which may replace another one: its secret, then its first code. */
export function AppSetUp({ back, restart, named = false, replaces, ...answers }: SetUpProps & { replaces?: string }) {
  const fresh = useFresh();
  const purpose = replaces === undefined ? 'set up an authenticator app' : 'replace your authenticator app';
  const confirm = useConfirming(purpose, answers);
  const [name, setName] = useState('');
  const [enrolled, setEnrolled] = useState<{ secret: string; uri: string; qrCode: string } | null>(null);
  const [code, setCode] = useState('');
  const enrolling = useAction();
  const confirming = useAction();

  const enroll = (event: FormEvent) => {
    event.preventDefault();
    const called = given(name);
    const input = { ...(called === undefined ? {} : { name: called }), ...(replaces === undefined ? {} : { replaces }) };
    void enrolling.run(async () => setEnrolled(await fresh(purpose, () => api.enrollTOTP(input))));
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void confirming.run(() => confirm(() => api.confirmTOTP(code)));
  };

  if (enrolled === null) {
    return (
      <>
        <Title>{replaces === undefined ? 'Set up your authenticator app' : 'Replace your authenticator app'}</Title>
        {replaces !== undefined && <p>The one that you have works until the new one is confirmed, and is removed with that.</p>}
        <p>
          You need an authenticator app, for example the one that your phone or password manager brings along, Aegis, 2FAS,
          Google Authenticator or Microsoft Authenticator. Any of them will do.
        </p>
        <form onSubmit={enroll}>
          {named && <NameField example="My phone" value={name} onValue={setName} error={enrolling.error} />}
          <Trouble error={enrolling.error} restart={restart} />
          <div className="actions">
            <Button type="submit" busy={enrolling.busy} progress="One moment…">
              I have an app: show the QR code
            </Button>
            <Button secondary onClick={back}>
              Back
            </Button>
          </div>
        </form>
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
        <Trouble error={confirming.error} restart={restart} />
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
export function PhoneSetUp({ back, backLabel, restart, ...answers }: Omit<SetUpProps, 'named'> & { backLabel: string }) {
  const fresh = useFresh();
  const confirmPhone = useConfirming('set up a phone', answers);
  const [number, setNumber] = useState('');
  const [sentTo, setSentTo] = useState<string | null>(null);
  const [code, setCode] = useState('');
  const sending = useAction();
  const confirming = useAction();

  const confirm = () => void confirming.run(() => confirmPhone(() => api.confirmPhone(code)));
  const send = () => sending.run(async () => setSentTo((await fresh('set up a phone', () => api.enrollPhone(number.trim()))).sentTo));

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
        <Trouble error={sending.error} restart={restart} />
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
      <Trouble error={confirming.error ?? sending.error} restart={restart} />
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
