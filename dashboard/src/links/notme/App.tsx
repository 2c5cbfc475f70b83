import { useCallback, useEffect, useState } from 'react';

import { deviceName } from '../../account/device';
import { type AccountAlert, api, ApiError, type Reported } from '../../api';
import { Page } from '../../parts/Page';
import { Alert, Button, Title, useAction } from '../../parts/ui';
import { momentName } from '../../words';
import { Unreachable } from '../Unreachable';

type Step =
  | { at: 'loading' }
  | { at: 'unreachable'; error: ApiError }
  | { at: 'dead' }
  | { at: 'asked'; alert: AccountAlert }
  | { at: 'locked'; alert: AccountAlert; reported: Reported | null };

export function App({ token }: { token: string | null }) {
  const [step, setStep] = useState<Step>({ at: 'loading' });

  const load = useCallback(async () => {
    setStep({ at: 'loading' });
    try {
      const alert = token === null ? null : await api.notMe(token);
      if (alert === null) setStep({ at: 'dead' });
      else setStep(alert.reported ? { at: 'locked', alert, reported: null } : { at: 'asked', alert });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setStep({ at: 'unreachable', error });
    }
  }, [token]);

  useEffect(() => void load(), [load]);

  const report = async (alert: AccountAlert) => setStep({ at: 'locked', alert, reported: await api.reportNotMe(token ?? '') });

  const content = () => {
    switch (step.at) {
      case 'loading':
        return <p role="status">Looking up your link…</p>;
      case 'unreachable':
        return <Unreachable kept="Nothing has happened to your account." error={step.error} retry={load} />;
      case 'dead':
        return <Dead />;
      case 'asked':
        return (
          <Asked
            alert={step.alert}
            report={() => report(step.alert)}
          />
        );
      case 'locked':
        return <Locked alert={step.alert} reported={step.reported} report={() => report(step.alert)} />;
    }
  };
  return <Page>{content()}</Page>;
}

/** A link that leads nowhere: invalid and expired look alike, so that nobody learns which it was. */
function Dead() {
  return (
    <>
      <Title>This link does not work</Title>
      <p>It is invalid, or older than seven days.</p>
      <ul className="advice">
        <li>Did your mail program cut it off? Open it from the mail again.</li>
        <li>
          Can you still sign in? <a href="/account/sessions">End all other sessions</a>, change your password, and remove what you
          do not know.
        </li>
        <li>Otherwise ask an owner of your organization for help.</li>
      </ul>
    </>
  );
}

/** What changed, and the one button. */
function Asked({ alert, report }: { alert: AccountAlert; report: () => Promise<void> }) {
  const { busy, error, run } = useAction();
  return (
    <>
      <Title>Was this you?</Title>
      <p className="lead">{alert.what}</p>
      <dl className="facts">
        <dt>Account</dt>
        <dd>{alert.email}</dd>
        <dt>When</dt>
        <dd>
          <Moment at={alert.at} />
        </dd>
        {alert.ipAddress !== null && (
          <>
            <dt>From address</dt>
            <dd>{alert.ipAddress}</dd>
          </>
        )}
        {alert.userAgent !== null && (
          <>
            <dt>With</dt>
            <dd title={alert.userAgent}>{deviceName(alert.userAgent)}</dd>
          </>
        )}
      </dl>
      <p>If it was you, close this page: nothing has happened. If it was not, lock your account now.</p>
      <ul className="advice">
        <li>All sessions end, on every device.</li>
        <li>Nobody can sign in, you neither, until you set a new password by mail.</li>
        <li>That undoes this change and whatever has changed since.</li>
        {alert.goesBackTo !== null && (
          <li>
            The account's address is {alert.goesBackTo} then, as before. Do you no longer read it? Use the link of a later mail instead.
          </li>
        )}
      </ul>
      <Alert error={error} />
      <Button busy={busy} progress="Locking…" onClick={() => void run(report)}>
        This was not me: lock my account
      </Button>
    </>
  );
}

/** The account is locked, or where no mail could open it again, put back as it was; what to do next. */
function Locked({ alert, reported, report }: { alert: AccountAlert; reported: Reported | null; report: () => Promise<void> }) {
  const { busy, error, run } = useAction();
  const before = reported === null || reported.alreadyReported;
  const locked = before || reported.locked;
  const mailbox = (reported === null ? alert : reported.alert).goesBackTo;
  // Somebody else has proved the address by now, perhaps the owner, who signed up afresh: no mail opens the account.
  const homeless = reported !== null && reported.locked && mailbox === null;
  return (
    <>
      <Title>{before ? 'This was reported already' : locked ? 'Your account is locked' : 'All sessions have ended'}</Title>
      <p className="lead">
        {before
          ? 'If your account was locked then and you have set a new password since, it is yours again.'
          : locked
            ? 'All sessions have ended, and nobody can sign in.'
            : 'The change is undone. Your account is not locked, because your address was never confirmed: no mail could open it again.'}
      </p>
      <h2>What to do next</h2>
      <ol>
        <li>Is your mailbox safe? If somebody else reads {mailbox ?? alert.email}, change its password first.</li>
        {homeless ? (
          <>
            <li>Another account has your address by now, so no mail opens this one. Is that one yours too? Give it another address.</li>
            <li>Then open the link of this mail again. Otherwise ask whoever runs Muster to give your account an address.</li>
          </>
        ) : locked ? (
          <>
            <li>
              <a href="/reset">Ask for a new password for Muster</a>, and open the mail that comes.
            </li>
            <li>Sign in with the second factor that you had before, and look at what is set up.</li>
          </>
        ) : (
          <li>
            <a href="/sign-in?to=/account/security">Sign in</a> and change your password now: whoever did this may know it.
          </li>
        )}
      </ol>
      {reported === null && mailbox === null && (
        <>
          <p>Had another account your address when you reported this? If it is free now, your account gets it back.</p>
          <Alert error={error} />
          <Button busy={busy} progress="Reporting…" onClick={() => void run(report)}>
            Report it once more
          </Button>
        </>
      )}
      {reported !== null && reported.undone.length > 0 && (
        <>
          <h2>{locked ? 'Your new password also undoes' : 'Undone as well'}</h2>
          <Changes changes={reported.undone} />
        </>
      )}
      {reported !== null && reported.kept.length > 0 && (
        <>
          <h2>Earlier changes, which stay</h2>
          <p>Was one of these not you? The mail about it has a link like this one: use it too.</p>
          <Changes changes={reported.kept} />
        </>
      )}
    </>
  );
}

function Changes({ changes }: { changes: { what: string; at: string }[] }) {
  return (
    <ul className="advice">
      {changes.map(({ what, at }) => (
        <li key={at + what}>
          {what} (<Moment at={at} />)
        </li>
      ))}
    </ul>
  );
}

function Moment({ at }: { at: string }) {
  return <time dateTime={at}>{momentName(at)}</time>;
}
