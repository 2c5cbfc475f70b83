import { Badge } from '@mantine/core';
import { useState } from 'react';

import { change } from '../api/client';
import { UnlinkIdentityDocument } from '../gql';
import { Confirm } from '../parts/Dialog';
import { useFresh } from '../parts/StepUp';
import { told } from '../parts/told';
import { Button } from '../parts/ui';
import { dayName } from '../words';
import type { PartProps, Protected } from './Security';

type Identity = NonNullable<Protected['identities']>[number];

/** The identities at organizations' providers that sign in to this account, each to be unlinked. */
export function Identities({ account, changed }: PartProps) {
  const [unlinking, setUnlinking] = useState<Identity | null>(null);
  const fresh = useFresh();
  return (
    <>
      <p>These identities sign in to your account, each in its own organization only.</p>
      <ul className="cards" aria-label="Linked identities">
        {account.identities?.map((identity) => (
          <li key={identity.id}>
            <div>
              <p className="card-name">
                {identity.organizationName}{' '}
                {!identity.current && (
                  <Badge variant="light" color="gray">
                    Not its provider any more
                  </Badge>
                )}
              </p>
              <p className="card-facts">
                {identity.issuer}, linked {dayName(identity.linkedAt)}
              </p>
            </div>
            <Button secondary size="xs" aria-label={`Unlink ${identity.organizationName}`} onClick={() => setUnlinking(identity)}>
              Unlink
            </Button>
          </li>
        ))}
      </ul>
      {unlinking !== null && (
        <Confirm
          opened
          title={`Unlink ${unlinking.organizationName}?`}
          action="Unlink"
          progress="Unlinking…"
          onClose={() => setUnlinking(null)}
          run={async () => {
            await fresh(`unlink ${unlinking.organizationName}`, () => change(UnlinkIdentityDocument, { identityId: unlinking.id }));
            told(`${unlinking.organizationName} signs you in to this account no more.`);
            changed();
          }}
        >
          <p>
            The provider of {unlinking.organizationName} does not sign in to this account any more, and the sessions that began
            there end. If it signs you in again, that makes another account.
          </p>
        </Confirm>
      )}
    </>
  );
}
