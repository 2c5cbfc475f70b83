import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';

import { change } from '../api/client';
import { RegenerateRecoveryCodesDocument } from '../gql';
import { Confirm } from '../parts/Dialog';
import { useFresh } from '../parts/StepUp';
import { Button } from '../parts/ui';
import { dayName } from '../words';
import { keepCodes } from './codes';
import type { PartProps } from './Security';

/** From this many on, the page says that new ones are due. */
const few = 3;

/** How many codes are left, and ten new ones. */
export function RecoveryCodes({ account, changed }: PartProps) {
  const [asking, setAsking] = useState(false);
  const fresh = useFresh();
  const navigate = useNavigate();
  const { remaining, createdAt } = account.recoveryCodes ?? { remaining: 0, createdAt: '' };
  return (
    <>
      <p>
        If you lose your authenticators, each of these codes gets you in once. <strong>{remaining} of 10</strong> are left, made
        on {dayName(createdAt)}.{remaining <= few && ' Make new ones before you run out.'}
      </p>
      <Button secondary onClick={() => setAsking(true)}>
        Make new recovery codes
      </Button>
      {asking && (
        <Confirm
          opened
          title="Make new recovery codes?"
          action="Make new codes"
          progress="Making them…"
          onClose={() => setAsking(false)}
          run={async () => {
            const { recoveryCodes } = await fresh('make new recovery codes', () => change(RegenerateRecoveryCodesDocument, {}));
            keepCodes(recoveryCodes);
            changed();
            await navigate({ to: '/account/security/codes' });
          }}
        >
          <p>You get ten new codes. The ones that you have saved stop working at once: throw them away.</p>
        </Confirm>
      )}
    </>
  );
}
