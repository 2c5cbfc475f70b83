// Requests to reset a second factor that wait: made here, or made elsewhere about somebody who is a member here too.
import { Alert as Notice, Group } from '@mantine/core';
import { useState } from 'react';

import { change } from '../../api/client';
import type { DocumentType } from '../../api/types';
import { ApproveTwoFactorResetDocument, DeclineTwoFactorResetDocument, TwoFactorResetsDocument } from '../../gql';
import { Confirm } from '../../parts/Dialog';
import { useFresh } from '../../parts/StepUp';
import { told } from '../../parts/told';
import { Button } from '../../parts/ui';
import { momentName } from '../../words';
import { useLiveQuery } from '../feed';
import { useOrganization } from '../Organization';
import { called } from './types';

type Request = NonNullable<NonNullable<DocumentType<typeof TwoFactorResetsDocument>['organization']>['twoFactorResets']>[number];

export function Resets() {
  const { organization } = useOrganization();
  const [{ data }, again] = useLiveQuery({ query: TwoFactorResetsDocument, variables: { slug: organization.slug } }, ({ action }) => action.startsWith('member.'));
  const requests = data?.organization?.twoFactorResets ?? [];
  if (requests.length === 0) return null;
  return (
    <section aria-labelledby="resets">
      <h2 id="resets">Second factors to be reset</h2>
      {requests.map((request) => (
        <Waiting key={request.id} request={request} changed={() => again({ requestPolicy: 'network-only' })} />
      ))}
    </section>
  );
}

function Waiting({ request, changed }: { request: Request; changed: () => void }) {
  const { member: viewer } = useOrganization();
  const fresh = useFresh();
  const [asked, ask] = useState<'approve' | 'decline' | null>(null);
  const who = called(request.member);
  const own = request.member.id === viewer.id;
  const end = request.requestedHere && !own ? 'Withdraw' : 'Decline';
  const approve = async () => {
    const { reset } = await fresh(`agree to the reset of ${who}`, () => change(ApproveTwoFactorResetDocument, { requestId: request.id }));
    told(reset.state === 'DONE' ? `The second factor of ${who} is reset.` : 'You have agreed. Others have to agree too.');
    changed();
  };
  const decline = async () => {
    const { state } = await fresh(`${end.toLowerCase()} the reset of ${who}`, () => change(DeclineTwoFactorResetDocument, { requestId: request.id }));
    told(state === 'WITHDRAWN' ? 'The request is withdrawn.' : 'The request is declined.');
    changed();
  };
  return (
    <Notice variant="light" color="yellow" role="presentation" mb="sm">
      <p>
        <strong>{who}</strong>: asked for by {request.requestedBy}, waits until {momentName(request.expiresAt)}.
        {request.reason !== null && <> Why: “{request.reason}”</>}
      </p>
      <p>
        {request.requestedHere
          ? `${who} has to confirm it from their mailbox, or the owners of their other organizations have to agree.`
          : request.approvedBy === null
            ? 'Another organization asks, and needs the consent of an owner here.'
            : `${request.approvedBy} has agreed for this organization.`}
      </p>
      <Group>
        {!request.requestedHere && request.approvedBy === null && !own && (
          <Button onClick={() => ask('approve')} aria-label={`Approve the reset for ${who}`}>
            Approve
          </Button>
        )}
        <Button secondary onClick={() => ask('decline')} aria-label={`${end} the reset for ${who}`}>
          {end}
        </Button>
      </Group>
      <Confirm title={`Approve the reset for ${who}?`} opened={asked === 'approve'} onClose={() => ask(null)} action="Approve the reset" progress="Approving…" run={approve}>
        <p>
          All authenticators and recovery codes of {who} are removed, and they are signed out everywhere. Approve only if you
          know that they themselves have asked for it.
        </p>
      </Confirm>
      <Confirm title={`${end} the reset for ${who}?`} opened={asked === 'decline'} onClose={() => ask(null)} danger={false} action={`${end} the request`} progress="One moment…" run={decline}>
        <p>Nothing is reset. Somebody can ask again.</p>
      </Confirm>
    </Notice>
  );
}
