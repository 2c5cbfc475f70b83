import { useState } from 'react';

import { change } from '../../api/client';
import { RemindMembersWithout2FaDocument } from '../../gql';
import { Alert, Button, useAction } from '../../parts/ui';
import { momentName } from '../../words';
import { useOrganization } from '../Organization';
import { counted, type Impact } from './types';

/** Reminders go out at most once in this time, in milliseconds: as the server has it. */
const remindEvery = 24 * 3_600_000;

/** Mails those without 2FA before it is required. */
export function Remind({ impact: { removedCount, remindedAt }, refresh }: { impact: Impact; refresh: () => void }) {
  const { organization, member } = useOrganization();
  const [reminded, setReminded] = useState<number | null>(null);
  const { busy, error, run } = useAction();
  const remind = () =>
    void run(async () => {
      setReminded((await change(RemindMembersWithout2FaDocument, { organizationId: organization.id })).remindedCount);
      refresh();
    });
  const again = remindedAt === null ? 0 : new Date(remindedAt).getTime() + remindEvery;
  // Nobody needs a mail to themselves.
  if (removedCount === 1 && member.twoFactor === 'DISABLED') return null;
  return (
    <div className="remind">
      {again <= Date.now() && (
        <Button secondary busy={busy} progress="Sending…" onClick={remind}>
          Remind {removedCount === 1 ? 'them' : `the ${removedCount.toLocaleString('en-GB')}`} by mail first
        </Button>
      )}
      <p role="status" className="hint">
        {reminded !== null && `${counted(reminded, 'member is', 'members are')} being mailed that two-factor authentication will be required soon. `}
        {remindedAt !== null && again > Date.now() && `Reminded ${momentName(remindedAt)}; again possible from ${momentName(new Date(again).toISOString())}.`}
        {reminded === null && again <= Date.now() && 'At most once a day. The mail says that two-factor authentication will be required soon, and how to set it up.'}
      </p>
      <Alert error={error} />
    </div>
  );
}
