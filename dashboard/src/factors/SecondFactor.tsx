import { useEffect, useState } from 'react';

import { hasKeys } from '../api/webauthn';
import { Button, Title } from '../parts/ui';
import { AppSetUp, type Kind, PhoneSetUp, useKinds } from './Factor';
import { KeySetUp } from './Key';

interface SecondFactorProps {
  first: Kind;
  next: () => void;
}

/** The advice to have a second authenticator, which may be left for later. */
export function SecondFactor({ first, next }: SecondFactorProps) {
  const offered = useKinds();
  const [adding, setAdding] = useState(false);
  const back = () => setAdding(false);
  // Beside an app a phone, where this server sends text messages, or else a key; beside anything else an app.
  const kind = first !== 'app' ? 'app' : offered.includes('PHONE') ? 'phone' : offered.includes('SECURITY_KEY') && hasKeys() ? 'key' : null;
  const nothing = offered.length > 0 && kind === null;
  useEffect(() => {
    if (nothing) next();
  }, [nothing, next]);

  if (kind === null) return null;
  if (kind === 'phone') {
    return (
      <>
        <Title>Add a backup phone</Title>
        <p>If you lose the device with your authenticator app, a code by text message gets you in. We advise it to everybody.</p>
        <PhoneSetUp confirmed={next} back={next} backLabel="Not now" />
      </>
    );
  }
  if (adding) return kind === 'app' ? <AppSetUp confirmed={next} back={back} /> : <KeySetUp confirmed={next} back={back} />;
  const title = kind === 'app' ? 'Add an authenticator app' : 'Add a security key or passkey';
  return (
    <>
      <Title>{title}</Title>
      <p>
        {first === 'key' &&
          'If you lose your key, or stand at a computer where it does not work, an app gets you in. We advise it to everybody.'}
        {first === 'phone' &&
          'Text messages can be intercepted, so an account with a phone only is shown as less secure. An authenticator app makes it secure, and you have two ways in if you lose one.'}
        {first === 'app' &&
          'If you lose the device with your authenticator app, a key or passkey gets you in. We advise it to everybody.'}
      </p>
      <div className="actions">
        <Button onClick={() => setAdding(true)}>{title}</Button>
        <Button secondary onClick={next}>
          Not now
        </Button>
      </div>
    </>
  );
}
