import { change } from '../../api/client';
import { ResendInviteDocument } from '../../gql';
import { told } from '../../parts/told';
import { Alert, Button, useAction } from '../../parts/ui';
import { useOrganization } from '../Organization';
import { mayWith } from './may';
import { called, type Member } from './types';

/** Sends somebody's link again: the old one is dead at once. */
export function Resend({ member, compact = false }: { member: Member; compact?: boolean }) {
  const { member: viewer } = useOrganization();
  const { busy, error, run } = useAction();
  if (!mayWith(viewer, member).resend) return null;
  const resend = () =>
    void run(async () => {
      await change(ResendInviteDocument, { memberId: member.id });
      told(`A new link is on its way to ${member.email ?? called(member)}. The one before has stopped working.`);
    });
  return (
    <>
      <Button secondary {...(compact ? { size: 'compact-sm' } : {})} aria-label={`Resend the mail to ${called(member)}`} busy={busy} progress="Sending…" onClick={resend}>
        {compact ? 'Resend' : 'Resend the mail'}
      </Button>
      <Alert error={error} />
    </>
  );
}
