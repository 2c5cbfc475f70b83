import { useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';

import { api, type Confirmed, type Reinstated } from '../api';
import { Codes } from '../factors/Codes';
import { AppSetUp, Choice, type Kind, PhoneSetUp, useKinds } from '../factors/Factor';
import { KeySetUp } from '../factors/Key';
import { NoCodes } from '../factors/NoCodes';
import { SecondFactor } from '../factors/SecondFactor';
import { Restored } from '../factors/Restored';
import { RoutedAnchor } from '../parts/RoutedAnchor';
import { told } from '../parts/told';
import { Title } from '../parts/ui';
import { useAccount } from '../shell/SignedIn';

type Step =
  | { at: 'set-up' }
  | { at: 'codes'; kind: Kind; codes: string[] }
  | { at: 'no-codes' }
  | { at: 'second'; kind: Kind }
  | { at: 'back' };

/** Sets up an authenticator: the first with its recovery codes and the advice to have a second, or one more. */
export function Add() {
  const { kind, replaces } = useSearch({ from: '/signed-in/account/security/add' });
  const { account, reload } = useAccount();
  const navigate = useNavigate();
  const offered = useKinds();
  const [step, setStep] = useState<Step>({ at: 'set-up' });
  const [reinstated, setReinstated] = useState<Reinstated[]>([]);

  const leave = () => void navigate({ to: '/account/security' });
  const choose = (chosen?: Kind) => void navigate({ to: '/account/security/add', search: chosen === undefined ? {} : { kind: chosen } });
  const done = (places: Reinstated[]) => {
    reload();
    if (places.length > 0) return setStep({ at: 'back' });
    told('Your authenticator is set up.');
    leave();
  };
  const confirmed = (answer: Confirmed) => {
    const places = [...reinstated, ...answer.reinstated];
    setReinstated(places);
    const codes = answer.recoveryCodes ?? [];
    if (codes.length > 0) setStep({ at: 'codes', kind: kind ?? 'app', codes });
    else done(places);
  };
  const unanswered = async () => {
    const now = await api.viewer();
    if (now === null || now.twoFactor === 'DISABLED') return false;
    setStep({ at: 'no-codes' });
    return true;
  };
  const setUp = {
    confirmed,
    back: replaces === undefined ? () => choose() : leave,
    // Only of the first one the account itself says whether it is confirmed, and only that one brings codes.
    ...(account.twoFactor === 'DISABLED' ? { unanswered } : {}),
  };

  const content = () => {
    switch (step.at) {
      case 'codes':
        return (
          <Codes
            codes={step.codes}
            account={`Account ${account.email ?? account.name}`}
            why="Two-factor authentication is on."
            next={() => setStep({ at: 'second', kind: step.kind })}
          />
        );
      case 'no-codes':
        return <NoCodes made={(codes) => setStep({ at: 'codes', kind: kind ?? 'app', codes })} later={() => done(reinstated)} />;
      case 'second':
        return <SecondFactor first={step.kind} next={() => done(reinstated)} />;
      case 'back':
        return (
          <>
            <Title>Welcome back</Title>
            {reinstated.map((place) => (
              <Restored key={place.organization.slug} place={place} heading />
            ))}
          </>
        );
      case 'set-up':
    }
    if (kind === 'app') {
      return <AppSetUp key={replaces} named {...setUp} {...(replaces === undefined ? {} : { replaces })} />;
    }
    if (kind === 'key') return <KeySetUp named {...setUp} />;
    if (kind === 'phone') {
      return (
        <>
          <Title>Set up your phone</Title>
          <PhoneSetUp {...setUp} backLabel="Back" />
        </>
      );
    }
    return (
      <>
        <Title>Add an authenticator</Title>
        <p>From then on you sign in with your password and something that only you have. What shall it be?</p>
        <Choice offered={offered} choose={choose} />
        <p className="aside">
          <RoutedAnchor to="/account/security">Not now</RoutedAnchor>
        </p>
      </>
    );
  };
  return <div className="reading">{content()}</div>;
}
