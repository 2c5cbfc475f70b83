import { type FormEvent, useCallback, useEffect, useState } from 'react';

import { api, ApiError, type TwoFactorResetRequest } from '../../api';
import { dropToken } from '../token';
import { Page } from '../../parts/Page';
import { Alert, Button, Field, Title, useAction } from '../../parts/ui';
import { momentName } from '../../words';
import { Unreachable } from '../Unreachable';

type Step =
  | { at: 'loading' }
  | { at: 'unreachable'; error: ApiError }
  | { at: 'dead' }
  | { at: 'asked'; request: TwoFactorResetRequest; token: string }
  | { at: 'done'; request: TwoFactorResetRequest }
  | { at: 'declined'; request: TwoFactorResetRequest };

export function App({ token }: { token: string | null }) {
  const [step, setStep] = useState<Step>({ at: 'loading' });

  const load = useCallback(async () => {
    setStep({ at: 'loading' });
    try {
      const request = token === null ? null : await api.twoFactorReset(token);
      if (token === null || request === null) {
        dropToken('reset-2fa');
        setStep({ at: 'dead' });
      } else setStep({ at: 'asked', request, token });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setStep({ at: 'unreachable', error });
    }
  }, [token]);

  useEffect(() => void load(), [load]);

  const content = () => {
    switch (step.at) {
      case 'loading':
        return <p role="status">Looking up your link…</p>;
      case 'unreachable':
        return <Unreachable kept="Nothing has happened to your account." error={step.error} retry={load} />;
      case 'dead':
        return <Dead />;
      case 'asked':
        return <Asked request={step.request} token={step.token} ended={setStep} />;
      case 'done':
        return <Done request={step.request} />;
      case 'declined':
        return <Declined request={step.request} />;
    }
  };
  return <Page>{content()}</Page>;
}

/** A link that leads nowhere: invalid, answered and expired look alike, so that nobody learns which it was. */
function Dead() {
  return (
    <>
      <Title>This link does not work</Title>
      <p>It is invalid, has been answered already, or its 72 hours are over. Nothing has happened by opening it.</p>
      <p>Have you lost your second factor? Ask an owner or manager of your organization to reset it.</p>
      <p>
        <a href="/">Muster's start page</a>
      </p>
    </>
  );
}

interface AskedProps {
  request: TwoFactorResetRequest;
  token: string;
  ended: (step: Step) => void;
}

/** Who asks for what, and the two answers. Declining is as easy as can be; confirming takes the password. */
function Asked({ request, token, ended }: AskedProps) {
  const [password, setPassword] = useState('');
  const confirming = useAction();
  const declining = useAction();
  const confirm = (event: FormEvent) => {
    event.preventDefault();
    void confirming.run(async () => {
      await api.confirmTwoFactorReset({ token, password });
      dropToken('reset-2fa');
      ended({ at: 'done', request });
    });
  };
  const decline = () =>
    void declining.run(async () => {
      await api.declineTwoFactorReset(token);
      dropToken('reset-2fa');
      ended({ at: 'declined', request });
    });
  return (
    <>
      <Title>Reset your second factor?</Title>
      <p>
        <strong>{request.requestedBy}</strong> of <strong>{request.organizationName}</strong> asks to reset the second factor
        of your account {request.email}.
      </p>
      <dl className="facts">
        <dt>Reason</dt>
        <dd>{request.reason}</dd>
        <dt>Ends</dt>
        <dd>{momentName(request.expiresAt)}</dd>
      </dl>
      <h2>If you did not ask for this</h2>
      <p>Decline it: somebody may be trying to get into your account. Nothing changes then.</p>
      <Alert error={declining.error} />
      <Button secondary busy={declining.busy} progress="Declining…" onClick={decline}>
        Decline
      </Button>
      <h2>If you have lost your second factor</h2>
      <p>When you confirm,</p>
      <ul className="advice">
        <li>all your authenticators and recovery codes are removed,</li>
        <li>you are signed out everywhere,</li>
        <li>
          you are removed from organizations that require two-factor authentication until you set it up again. You get a mail
          with a link for it from each, and your role and teams come back.
        </li>
      </ul>
      <p>Your password stays as it is.</p>
      <form onSubmit={confirm}>
        <Field
          label="Password"
          name="password"
          type="password"
          autoComplete="current-password"
          required
          value={password}
          onValue={setPassword}
          error={confirming.error}
        />
        <Alert error={confirming.error} />
        <Button type="submit" busy={confirming.busy} progress="Resetting…">
          Reset my second factor
        </Button>
      </form>
    </>
  );
}

function Done({ request }: { request: TwoFactorResetRequest }) {
  return (
    <>
      <Title>Your second factor is reset</Title>
      <p>Your authenticators and recovery codes are removed and you are signed out everywhere.</p>
      <p>
        Look into your mailbox: every organization that requires two-factor authentication has sent you a link to set it up
        again. If {request.organizationName} does not, sign in with your password and set it up all the same.
      </p>
      <p>
        <a href="/sign-in">Sign in</a>
      </p>
    </>
  );
}

function Declined({ request }: { request: TwoFactorResetRequest }) {
  return (
    <>
      <Title>Declined</Title>
      <p>Your account is as it was. {request.organizationName} is told that the request was declined.</p>
      <p>
        If you know nothing of it, ask {request.requestedBy} why, and tell an owner of your other organizations.
      </p>
      <p>
        <a href="/account/security">See how your account is protected</a>
      </p>
    </>
  );
}
