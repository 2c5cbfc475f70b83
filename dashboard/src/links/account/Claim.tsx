import { useState } from 'react';

import { SignUp } from '../../signin/SignUp';
import { dropToken } from '../token';
import { Title } from '../../parts/ui';
import { Dead } from './parts';

/** Signs up with an address that another account claims and never confirmed: the mailed link moves it here. */
export function Claim({ token }: { token: string | null }) {
  const [done, setDone] = useState(false);
  if (token === null) return <Dead />;
  if (done) {
    return (
      <>
        <Title>The address is yours</Title>
        <p>Your new account has it, and you are signed in.</p>
        <p>
          <a href="/">Go on to Muster</a>
        </p>
      </>
    );
  }
  return (
    <>
      <Title>Sign up with your address</Title>
      <p>An account names your address and never confirmed it. The address moves to the account that you make here; the other one goes on without it.</p>
      <SignUp
        link={{ addressToken: token }}
        hint="The address that the link was sent to."
        signedUp={async () => {
          dropToken('claim');
          setDone(true);
        }}
      />
    </>
  );
}
