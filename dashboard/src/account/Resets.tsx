import { useState } from 'react';

import { change } from '../api/client';
import { DeclineTwoFactorResetDocument } from '../gql';
import { Confirm } from '../parts/Dialog';
import { told } from '../parts/told';
import { Button } from '../parts/ui';
import { momentName } from '../words';
import type { PartProps, Protected } from './Security';

type Request = NonNullable<Protected['twoFactorResets']>[number];

/** Requests to reset this account's second factor, which whoever did not ask for one ends here. */
export function Resets({ account, changed }: PartProps) {
  const [declining, setDeclining] = useState<Request | null>(null);
  return (
    <>
      <p>
        Somebody asks to remove your second factor. If you have lost it, confirm by the link in the mail about it. If you know
        nothing of it, decline: nothing changes then.
      </p>
      <ul className="cards" aria-label="Requests to reset your second factor">
        {account.twoFactorResets?.map((request) => (
          <li key={request.id}>
            <div>
              <p className="card-name">
                {request.requestedBy} of {request.organizationName}
              </p>
              <p className="card-facts">
                Reason: {request.reason}
                <br />
                Ends by itself {momentName(request.expiresAt)}
              </p>
            </div>
            <Button size="xs" aria-label={`Decline the request of ${request.organizationName}`} onClick={() => setDeclining(request)}>
              Decline
            </Button>
          </li>
        ))}
      </ul>
      {declining !== null && (
        <Confirm
          opened
          title="Decline the reset?"
          action="Decline"
          progress="Declining…"
          danger={false}
          onClose={() => setDeclining(null)}
          run={async () => {
            await change(DeclineTwoFactorResetDocument, { requestId: declining.id });
            told('The request is declined. Your second factor stays as it is.');
            changed();
          }}
        >
          <p>
            Your second factor stays as it is, and {declining.organizationName} is told that you declined.
          </p>
        </Confirm>
      )}
    </>
  );
}
