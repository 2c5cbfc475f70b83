// One second factor at a time is asked for: the one that was used last, with the others a click away.
import { type FormEvent, useEffect, useRef, useState } from 'react';

import type { Method } from '../api';
import { hasKeys, noKeys, useKey } from '../api/webauthn';
import { Alert, Button, CodeField, Field, useAction } from '../parts/ui';

export type Answer = { code: string } | { credential: object };

interface WaysProps {
  /** What can answer, the most likely one first. */
  methods: Method[];
  /** Passes an answer on, and goes on where it was right. */
  answer: (answer: Answer) => Promise<void>;
  /** Begins the question to a security key. */
  askKey: () => Promise<object>;
  /** Sends a text message and tells where to. */
  sendCode: () => Promise<string>;
  /** Whether the server has sent one already. */
  sent?: boolean;
  /** The way back to the start, where there is one. */
  restart?: () => void;
}

const instead: Record<Method, string> = {
  TOTP: 'Use the code of your app instead',
  SECURITY_KEY: 'Use your security key instead',
  PHONE: 'Get a code by text message instead',
  RECOVERY_CODE: 'Use a recovery code instead',
};

export function Ways({ methods, answer, askKey, sendCode, sent = false, restart }: WaysProps) {
  const usable = methods.filter((method) => method !== 'SECURITY_KEY' || hasKeys());
  const [method, setMethod] = useState<Method | undefined>(usable[0]);
  const others = usable.filter((other) => other !== method);
  const back = restart !== undefined && (
    <Button secondary onClick={restart}>
      Start again
    </Button>
  );
  return (
    <>
      {usable.length < methods.length && <p role="status">{noKeys}</p>}
      {method === undefined && <div className="actions">{back}</div>}
      {method === 'SECURITY_KEY' && <ByKey answer={answer} askKey={askKey} back={back} />}
      {method === 'TOTP' && (
        <ByCode answer={answer} label="Code that the app shows now" back={back}>
          <p>Type the six digits that your authenticator app shows now.</p>
        </ByCode>
      )}
      {method === 'PHONE' && <ByText answer={answer} sendCode={sendCode} sent={sent} back={back} />}
      {method === 'RECOVERY_CODE' && <ByRecoveryCode answer={answer} back={back} />}
      {others.length > 0 && (
        <ul className="ways" aria-label="Other ways">
          {others.map((other) => (
            <li key={other}>
              <button type="button" className="link" onClick={() => setMethod(other)}>
                {instead[other]}
              </button>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

interface ByProps {
  answer: (answer: Answer) => Promise<void>;
  back: React.ReactNode;
}

function ByKey({ answer, askKey, back }: ByProps & { askKey: () => Promise<object> }) {
  const { busy, error, run } = useAction();
  const touch = () => void run(async () => answer({ credential: await useKey(await askKey()) }));
  return (
    <>
      <p>Have your security key or passkey ready: the browser tells you what to do with it.</p>
      <Alert error={error} />
      <div className="actions">
        <Button busy={busy} progress="Waiting for your key…" onClick={touch} data-autofocus>
          Use security key or passkey
        </Button>
        {back}
      </div>
    </>
  );
}

/** The code is what one comes for: it has the focus, so that it can be typed or pasted at once. */
function useFocus() {
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.focus({ preventScroll: true }), []);
  return input;
}

interface ByCodeProps extends ByProps {
  label: string;
  children: React.ReactNode;
  aside?: React.ReactNode;
}

function ByCode({ answer, label, children, aside, back }: ByCodeProps) {
  const [code, setCode] = useState('');
  const { busy, error, run } = useAction();
  const input = useFocus();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void run(() => answer({ code }));
  };
  return (
    <form onSubmit={submit}>
      {children}
      <CodeField label={label} ref={input} data-autofocus value={code} onValue={setCode} error={error} />
      <Alert error={error} />
      <div className="actions">
        <Button type="submit" busy={busy} progress="Checking…">
          Go on
        </Button>
        {aside}
        {back}
      </div>
    </form>
  );
}

function ByText({ answer, sendCode, sent, back }: ByProps & { sendCode: () => Promise<string>; sent: boolean }) {
  const [to, setTo] = useState<string | null>(sent ? 'your phone' : null);
  const { busy, error, run } = useAction();
  const send = () => void run(async () => setTo(await sendCode()));
  const button = (
    <Button secondary={to !== null} busy={busy} progress="Sending…" onClick={send} data-autofocus={to === null || undefined}>
      {to === null ? 'Text me a code' : 'Send another code'}
    </Button>
  );
  if (to === null) {
    return (
      <>
        <p>Get a code by text message to your phone, and type it here.</p>
        <Alert error={error} />
        <div className="actions">
          {button}
          {back}
        </div>
      </>
    );
  }
  return (
    <>
      <ByCode answer={answer} label="Code from the text message" back={back} aside={button}>
        <p role="status">A code is on its way to {to}. It works for ten minutes.</p>
      </ByCode>
      <Alert error={error} />
    </>
  );
}

function ByRecoveryCode({ answer, back }: ByProps) {
  const [code, setCode] = useState('');
  const { busy, error, run } = useAction();
  const input = useFocus();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void run(() => answer({ code: code.trim() }));
  };
  return (
    <form onSubmit={submit}>
      <p>Type one of the ten recovery codes that you saved. It is used up by this.</p>
      <Field label="Recovery code" name="code" ref={input} autoComplete="off" required value={code} onValue={setCode} error={error} />
      <Alert error={error} />
      <div className="actions">
        <Button type="submit" busy={busy} progress="Checking…">
          Go on
        </Button>
        {back}
      </div>
    </form>
  );
}
