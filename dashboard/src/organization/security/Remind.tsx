import { useState } from 'react';

import { change } from '../../api/client';
import { RemindMembersWithout2FaDocument } from '../../gql';
import { Alert, Button, useAction } from '../../parts/ui';
import { useOrganization } from '../Organization';
import { counted } from './types';

/** Mails those without 2FA before it is required. */
export function Remind({ count }: { count: number }) {
  const { organization } = useOrganization();
  const [reminded, setReminded] = useState<number | null>(null);
  const { busy, error, run } = useAction();
  const remind = () =>
    void run(async () => setReminded((await change(RemindMembersWithout2FaDocument, { organizationId: organization.id })).remindedCount));
  return (
    <div className="remind">
      <div className="actions">
        <Button secondary busy={busy} progress="Sending…" onClick={remind}>
          Remind {count === 1 ? 'them' : `the ${count.toLocaleString('en-GB')}`} by mail first
        </Button>
        <span role="status">{reminded !== null && `${counted(reminded, 'member is', 'members are')} being mailed.`}</span>
      </div>
      <p className="hint">At most once a day. It says that two-factor authentication will be required soon, and how to set it up.</p>
      <Alert error={error} />
    </div>
  );
}
