import { useRef } from 'react';

import { api, type Challenge } from '../api';
import { Title } from '../parts/ui';
import { Ways } from './Ways';

interface ChallengedProps {
  challenge: Challenge;
  /** Goes on; `recovered` after a recovery code, whose owner has probably lost what else they had. */
  proved: (recovered: boolean) => Promise<void>;
  restart: () => Promise<void>;
}

/** The second step of signing in, for an account that has a second factor. */
export function Challenged({ challenge, proved, restart }: ChallengedProps) {
  // Where the session stands and only going on failed, a second try must not answer the challenge again: it is used up.
  const done = useRef<{ recovered: boolean } | null>(null);
  const { token, methods } = challenge;
  return (
    <>
      <Title>Confirm that it is you</Title>
      <Ways
        methods={methods}
        answer={async (answer) => {
          if (done.current === null) {
            const { nextStep } = await api.verifySecondFactor({ challengeToken: token, ...answer });
            done.current = { recovered: nextStep === 'SET_UP_2FA' };
          }
          await proved(done.current.recovered);
        }}
        askKey={async () => (await api.startSecurityKeyVerification(token)).options}
        sendCode={async () => (await api.sendSecondFactorCode(token)).sentTo}
        sent={methods[0] === 'PHONE' && methods.every((method) => method === 'PHONE' || method === 'RECOVERY_CODE')}
        restart={() => void restart()}
      />
    </>
  );
}
